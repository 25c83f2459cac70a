"""Attention in the published forms: scaled dot-product and multi-head."""

from __future__ import annotations

from ncd import nn
from ncd.construct.notation import einsum
from ncd.construct.trace import diagram, size
from ncd.core.category import Diagram


def scaled_attention() -> Diagram:
    """Scaled dot-product attention: O[y, k] = Σ_x softmax_x(Σ_j Q[y, j] K[x, j] / √k) V[x, k].

    Type:      y k, x k, x k -> y k
    Source:    Neural Circuit Diagrams (Abbott 2024), "Scaled Dot-Product Attention";
               Vaswani et al. 2017, equation 1.

    >>> print(scaled_attention())
    y k, x k, x k -> y k
    """
    @diagram("y k, x k, x k -> y k")
    def attention(q, k, v):
        scores = einsum("y k, x k -> y x")(q, k) * size("k") ** -0.5
        return einsum("y x, x k -> y k")(nn.softmax("x")(scores), v)
    return attention


def multi_head_attention() -> Diagram:
    """Multi-head attention between two sequences, without biases.

    Type:      y m, x m -> y m
    Source:    Neural Circuit Diagrams (Abbott 2024), "Multi-Head Attention"; Vaswani et al. 2017.

    >>> multi_head_attention().cost().params
    4*h*k*m
    """
    return nn.multi_head_attention()
