"""Recurrent networks over a sequence."""

from __future__ import annotations

from ncd import nn
from ncd.core.category import Diagram


def gru() -> Diagram:
    """A gated recurrent unit scanned along a sequence, its weights shared over time.

    Type:      t x -> t h
    Source:    Cho et al. 2014; the reset gate stands after the recurrent product.

    >>> print(gru().cod)
    t h
    """
    return nn.gru("t", "x -> h")
