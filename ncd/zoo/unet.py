"""The U-Net with padding: down by pooling, up by transposed convolutions, long wires between."""

from __future__ import annotations

from ncd import nn
from ncd.construct.generators import concat
from ncd.construct.trace import diagram
from ncd.core.category import Diagram
from ncd.errors import NcdError


def double_convolution(inputs, outputs) -> Diagram:
    """★3 ; R ; ★3 ; R, padded so that sizes stay.

    Type:      x y c=inputs -> x y c=outputs
    """
    def star(before, after):
        return nn.convolution("x y", f"c={before} -> c={after}", kernel=3, padding=1)
    return (star(inputs, outputs) >> nn.relu >> star(outputs, outputs) >> nn.relu).block("double_convolution")


def unet(width="c", depth: int = 4, classes=2, channels=1, skips: int | None = None) -> Diagram:
    """The U-Net: a double convolution and a pool at each level down, a transposed one at each level up.

    Type:      x=2^depth·s y=2^depth·t c=1 -> x y c=2, its double convolutions at the sizes of each level
    Parameters:
        width: The channels c_1 of the first level; level λ has 2^(λ−1) times as many.
        depth: The levels of pooling.
        skips: From how many levels, the deepest first, features are kept and met again. In the published
            figure it is one fewer than there are levels: C_1 is saved and never loaded. The original has
            all; it is what is built where this is not given.
    Raises:    NcdError: More skips than levels.
    The figure is ``unet(128, skips=3)``: its legend has c_1 = 128, the original 64.
    Source:    Neural Circuit Diagrams (Abbott 2024), "UNet (with padding)"; Ronneberger et al. 2015,
               arXiv 1505.04597.

    >>> print(unet(64, depth=2))
    x=4*s y=4*t c=1 -> x=4*s y=4*t c=2
    """
    skips = depth if skips is None else skips
    if not 0 <= skips <= depth:
        raise NcdError(f"{skips} skips of {depth} levels", want=f"from 0 to {depth}")
    size = 2 ** depth

    def level(number: int) -> str:
        return f"{2 ** (number - 1)}*{width}"

    @diagram(f"x={size}*s y={size}*t c={channels}")
    def model(v):
        saved, before = {}, channels
        for number in range(1, depth + 1):
            v = double_convolution(before, level(number))(v)
            saved[number] = v
            v, before = nn.max_pool("x y", kernel=2)(v), level(number)
        v = double_convolution(before, level(depth + 1))(v)
        for number in range(depth, 0, -1):
            v = nn.convolution("x y", f"c={level(number + 1)} -> c={level(number)}", kernel=2, stride=2,
                               transpose=True)(v)
            if number <= depth - skips:
                continue
            both = concat("c")(v, saved[number])
            v = double_convolution(f"2*{level(number)}", level(number))(both)
        return nn.convolution("x y", f"c={level(1)} -> c={classes}", kernel=1)(v)
    return model
