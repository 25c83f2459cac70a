"""Convolution with every option, and the identity ResNet's residual unit."""

from __future__ import annotations

from ncd import nn
from ncd.core.category import Diagram


def convolution() -> Diagram:
    """A two-dimensional convolution with stride, dilation, padding, groups and bias.

    Type:      x y c=4*g -> x=… y=… e=8*g
    Source:    Neural Circuit Diagrams (Abbott 2024), the convolution tensor ★ (its equation
               derived here).

    >>> print(convolution().dom)
    x y c=4*g
    """
    layer = nn.convolution("x y", "c=4*g -> e=8*g", kernel=3, stride=2, dilation={"x": 2, "y": 1},
                           padding=1, groups="g")
    return layer.on("x y c=4*g")


def identity_resnet_block() -> Diagram:
    """One unit of an identity ResNet, a bottleneck: norm & R, ★1, norm & R, ★3, norm & R, ★1; add.

    Type:      n x y c -> n x y c
    The batch norms reduce n, x and y. The bottleneck has c/4 channels: bind c=4*b.
    Source:    Neural Circuit Diagrams (Abbott 2024), "Identity ResNet" (the block's inner
               units); He et al. 2016, Identity Mappings in Deep Residual Networks.
    """
    def unit(channels: str, kernel: int, padding: int) -> Diagram:
        left = channels.split(" -> ")[0].split("=")[0]
        return (nn.batch_norm("n x y", left).on(f"n x y {channels.split(' -> ')[0]}") >> nn.relu
                >> nn.convolution("x y", channels, kernel=kernel, padding=padding))
    body = unit("c=4*b -> c=b", 1, 0) >> unit("c=b -> c=b", 3, 1) >> unit("c=b -> c=4*b", 1, 0)
    return nn.residual(body).block("identity_resnet_block")
