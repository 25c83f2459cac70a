"""Transformer blocks: attention and feed-forward, normalised before or after."""

from __future__ import annotations

from ncd import nn
from ncd.core.category import Diagram


def pre_norm_block() -> Diagram:
    """x + attention(norm x), then x + feed_forward(norm x).

    Type:      x m -> x m
    Source:    Xiong et al. 2020, On Layer Normalization in the Transformer Architecture.
    """
    return nn.transformer_block("x m", pre=True)


def post_norm_block() -> Diagram:
    """norm(x + attention x), then norm(x + feed_forward x).

    Type:      x m -> x m
    Source:    Vaswani et al. 2017, Attention Is All You Need, §3.1.
    """
    return nn.transformer_block("x m", pre=False)
