"""Convolution on a multigraph: several shift operators that do not commute.

    y = σ(Σ_{words w, |w| ≤ K} S_{w1} … S_{wk} x H_w + b)
The words over E letters are one axis of size 1 + E + … + E^K. Words of length k come from
those of length k − 1 by one more product, so equal suffixes are multiplied once.

Source: Butler, Parada-Mayorga, Ribeiro, arXiv 2209.11354.
"""

from __future__ import annotations

from ncd.construct.derived import relabel
from ncd.construct.generators import concat, elementwise, parameter
from ncd.construct.notation import einsum, rearrange
from ncd.construct.trace import diagram
from ncd.core.category import Diagram


def words(longest: int) -> Diagram:
    """Every product of at most ``longest`` shifts applied to x: e n m, n f -> w n f."""
    @diagram("e n m=n, n f")
    def shifted(s, x):
        level = rearrange("n f -> w=1 n f")(x)
        levels = [level]
        for _ in range(longest):
            product = einsum("e n m, w m f -> e w n f")(s, relabel(n="m")(level))
            level = rearrange("e w n f -> w=(e w) n f")(product)
            levels.append(level)
        return concat("w", len(levels))(*levels)
    return shifted


def multigraph_convolution(longest: int, activation: str = "relu") -> Diagram:
    """y = σ(Σ_w S_w x H_w + b): e n m, n f -> n g."""
    @diagram("e n m=n, n f -> n g")
    def convolution(s, x):
        shifted = words(longest)(s, x)
        taps = parameter("H", f"w={str(shifted.type.size('w')).replace(' ', '')} f g")()
        mixed = einsum("w n f, w f g -> n g")(shifted, taps)
        return elementwise(activation)(mixed + parameter("b", "g")())
    return convolution
