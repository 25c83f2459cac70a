"""Multi-layer perceptrons: the published image recogniser and the residual MLP."""

from __future__ import annotations

from ncd import nn
from ncd.construct.notation import rearrange
from ncd.core.category import Diagram


def mlp_recogniser(height=28, width=28, hidden=512, classes=10) -> Diagram:
    """The MLP image recogniser: view ; L₊ ; R ; L₊ ; R ; L₊ ; softmax.

    Type:      y=28 x=28 -> k=10
    Parameters:
        height, width, hidden, classes: Sizes; numbers or expressions such as ``"d"``.
    Source:    Neural Circuit Diagrams (Abbott 2024), "Basic Image Recogniser for Digits".

    >>> mlp_recogniser().cost().params
    669706
    """
    return (rearrange(f"y={height} x={width} -> p=(y x)")
            >> nn.linear(f"p -> d={hidden}") >> nn.relu
            >> nn.linear(f"d -> d={hidden}") >> nn.relu
            >> nn.linear(f"d -> k={classes}") >> nn.softmax("k"))


def residual_mlp(width="m", hidden="d") -> Diagram:
    """A two-layer MLP beside the identity: copy ; (L₊ ; R ; L₊) ⊗ id ; add.

    Type:      x m -> x m
    Source:    Neural Circuit Diagrams (Abbott 2024), "Two Layer Residual MLP" and its
               companion notebook (sizes 256, 1024, 4096).

    >>> residual_mlp().cost().params
    2*d*m + d + m
    """
    body = nn.linear(f"m -> d={hidden}") >> nn.relu >> nn.linear(f"d -> m={width}")
    return nn.residual(body.on(f"x m={width}")).block("residual_mlp")
