"""The identity ResNet, whole: a stem, three blocks of bottleneck units, pooling and a classifier."""

from __future__ import annotations

from ncd import nn
from ncd.construct.notation import size_of
from ncd.construct.trace import Wire, diagram
from ncd.core.category import Diagram


def _normed(v: Wire) -> Wire:
    return nn.relu(nn.batch_norm("x y b", "c")(v))


def _bottleneck(v: Wire, inner, outer, inputs, stride=1) -> Wire:
    """★1 to the inner channels, norm & R, ★3, norm & R, ★1 to the outer ones."""
    v = nn.convolution("x y", f"c={inputs} -> c={inner}", kernel=1, stride=stride)(v)
    v = nn.convolution("x y", f"c={inner} -> c={inner}", kernel=3, padding=1)(_normed(v))
    return nn.convolution("x y", f"c={inner} -> c={outer}", kernel=1)(_normed(v))


def resnet_block(stride: int, repeats, inputs, outputs, inner, share: bool = False) -> Diagram:
    """Block(s, N): a unit that changes sizes, norm & R before its copy, then N − 1 identity units.

    Type:      x y c=inputs b -> x=⌊(x−1)/s⌋+1 y=⌊(y−1)/s⌋+1 c=outputs b
    Parameters:
        repeats: N, a number of at least 2 or a symbol.
        share: Whether the identity units are one and the same, N times.
    Source:    Neural Circuit Diagrams (Abbott 2024), "Identity ResNet", Block(s, N).
    """
    @diagram(f"x y c={inputs} b")
    def first(v):
        v = _normed(v)
        skip = nn.convolution("x y", f"c={inputs} -> c={outputs}", kernel=1, stride=stride)(v)
        return _bottleneck(v, inner, outputs, inputs, stride) + skip

    @diagram(f"x y c={outputs} b")
    def unit(v):
        return v + _bottleneck(_normed(v), inner, outputs, outputs)
    later = unit.block("identity_unit").repeat(repeats if share else size_of(repeats) - 1, share=share)
    return (first >> later.on(str(first.cod))).block(f"block ({stride}, {repeats})")


def identity_resnet(width="n", repeats: int = 3, classes=10, share: bool = False) -> Diagram:
    """The identity ResNet: ★3 ; Block(1, N) ; Block(2, N) ; Block(2, N) ; norm & R ; 𝔼 ; L₊ ; softmax.

    Type:      x y c=3 b -> k=10 b
    Parameters:
        width: The channels n of the stem; the blocks have 4n, 8n and 16n, a quarter inside.
        repeats: N, the units of a block; share: whether a block's identity units share parameters, and
            then there are N of them, as in the companion notebook.
    With n = 16 and N = 3 it has 314,698 parameters, and 221,290 with ``share`` as the notebook does.
    Source:    Neural Circuit Diagrams (Abbott 2024), "Identity ResNet"; He et al. 2016, arXiv 1603.05027.

    >>> identity_resnet(16).cost().params
    314698
    >>> identity_resnet(16, share=True).cost().params
    221290
    """
    made = nn.convolution("x y", f"c=3 -> c={width}", kernel=3, padding=1).on("x y c=3 b")
    inputs = width
    for stride, factor in ((1, 4), (2, 8), (2, 16)):
        outputs, inner = f"{factor}*{width}", f"{factor // 4}*{width}"
        made = made >> resnet_block(stride, repeats, inputs, outputs, inner, share).on(str(made.cod))
        inputs = outputs

    @diagram(str(made.cod))
    def head(v):
        pooled = nn.mean("x y")(_normed(v))
        return nn.softmax("k")(nn.linear(f"c={inputs} -> k={classes}")(pooled))
    return made >> head
