"""Attention on images: visual attention through ★, and the vision transformer."""

from __future__ import annotations

from ncd import nn
from ncd.construct.generators import concat, parameter
from ncd.construct.notation import einsum, rearrange
from ncd.construct.reindexing import index
from ncd.construct.trace import diagram, size
from ncd.core.category import Diagram
from ncd.errors import SizeError


def visual_attention(kernel: int = 1, stride: int = 1) -> Diagram:
    """Attention between two images: queries, keys and values by ★ ; L, the result by a transposed ★ ; L.

    Type:      y y' c, x x' c -> y y' c         (y and y' multiples of the stride)
    Equation:  O[y, y', ·] = softmax over x and x' jointly, in each head h
    Parameters:
        kernel, stride: Of every ★; padded by (kernel − stride)/2 on each side, so that the result has
            the size of the query: (1, 1) is the published figure, (3, 1) sees neighbours, (2, 2) patches.
    Raises:    SizeError unless kernel − stride is even and not negative.
    Source:    Neural Circuit Diagrams (Abbott 2024), "Visual Attention".

    >>> print(visual_attention())
    y y' c, x x' c -> y y' c
    >>> print(visual_attention(2, 2))
    y=2*y y'=2*y' c, x=2*x x'=2*x' c -> y=2*y y'=2*y' c
    """
    if kernel < stride or (kernel - stride) % 2:
        raise SizeError(f"a kernel {kernel} with stride {stride} does not keep sizes",
                        want="kernel − stride even and not negative")
    options = {"kernel": kernel, "stride": stride, "padding": (kernel - stride) // 2}
    times = "" if stride == 1 else f"{stride}*"

    def image(first: str) -> str:
        sides = (first, f"{first}'")
        return " ".join(f"{label}={times}{label}" if times else label for label in sides) + " c"

    def learned(first: str, name: str) -> Diagram:
        return nn.convolution(f"{first} {first}'", "c -> k h", bias=False, name=name, **options)

    @diagram(f"{image('y')}, {image('x')}")
    def core(query, memory):
        q, k, v = learned("y", "Q")(query), learned("x", "K")(memory), learned("x", "V")(memory)
        scores = einsum("y y' k h, x x' k h -> y y' x x' h")(q, k) * size("k") ** -0.5
        mixed = einsum("y y' x x' h, x x' k h -> y y' k h")(nn.softmax("x x'")(scores), v)
        return nn.convolution("y y'", "k h -> c", bias=False, name="O", transpose=True, **options)(mixed)
    return core


def vision_transformer(patch: int = 16, layers="N", classes="classes") -> Diagram:
    """Patches by ★ ; L₊, a class token, learned positions, N pre-norm blocks, norm and a head.

    Type:      y=16*a x=16*b c=3 -> classes
    Parameters:
        patch: The side of a patch; layers: N; classes: how many there are.
    Source:    Dosovitskiy et al. 2021, arXiv 2010.11929.

    >>> model = vision_transformer(16, 12, 1000).bind(a=14, b=14, m=768, f=3072, h=12, k=64)
    >>> model.cost().params
    86530792
    """
    @diagram(f"y={patch}*a x={patch}*b c=3")
    def model(image):
        patches = nn.convolution("y x", "c -> m", kernel=patch, stride=patch, name="patches")(image)
        tokens = concat("n")(parameter("token", "n=1 m")(), rearrange("y x m -> n=(y x) m")(patches))
        count = "a*b+1"
        tokens = tokens + nn.learned_position(f"n={count} m")()
        block = nn.transformer_block(f"n={count} m", "f", pre=True, activation=nn.gelu)
        tokens = nn.layer_norm("m")(block.repeat(layers)(tokens))
        return nn.linear(f"m -> k={classes}", name="head")(index(n=0)(tokens))
    return model
