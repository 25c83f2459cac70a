"""The encoder–decoder transformer, whole."""

from __future__ import annotations

from ncd import nn
from ncd.construct.trace import Wire, diagram, size, trace
from ncd.core.category import Diagram
from ncd.core.signature import parse_type


def _add_and_norm(x: Wire, result: Wire, rate: float) -> Wire:
    """LayerNorm(x + Dropout(S x))."""
    return nn.layer_norm("m")(x + nn.dropout(rate)(result))


def _embedded(words: Wire, positions: str, rate: float) -> Wire:
    """√m E[word] + PE, then dropout."""
    table = nn.embedding("v m=2*t", name="/embedding")
    places = nn.sinusoidal(f"{positions} m=2*t")
    return nn.dropout(rate)(table(words) * size("m") ** 0.5 + places())


def encoder_layer(rate: float = 0.0) -> Diagram:
    """Add & Norm of self-attention, Add & Norm of a feed-forward block.

    Type:      x m=2*t -> x m=2*t
    """
    def body(x):
        x = _add_and_norm(x, nn.self_attention("x m=2*t")(x), rate)
        return _add_and_norm(x, nn.feed_forward("m=2*t", "f")(x), rate)
    return trace(body, parse_type("x m=2*t")).block("encoder_layer")


def decoder_layer(rate: float = 0.0) -> Diagram:
    """Add & Norm of masked self-attention, of attention to the encoder's result, of a feed-forward block.

    Type:      y m=2*t, x m=2*t -> y m=2*t, x m=2*t      (the encoder's result goes by)
    """
    def body(y, memory):
        y = _add_and_norm(y, nn.self_attention("y m=2*t", mask="causal")(y), rate)
        y = _add_and_norm(y, nn.cross_attention("y m=2*t, x m=2*t")(y, memory), rate)
        return _add_and_norm(y, nn.feed_forward("m=2*t", "f")(y), rate), memory
    return trace(body, parse_type("y m=2*t, x m=2*t")).block("decoder_layer")


def encoder_decoder_transformer(layers="N", dropout: float = 0.0) -> Diagram:
    """The transformer of Attention Is All You Need: scores for each next word of y, given x.

    Type:      x : index(v), y : index(v) -> y v
    Parameters:
        layers: N, of the encoder and of the decoder.
        dropout: Its rate after each embedding and sublayer; 0.1 where the published one is trained.
    One table embeds both languages and scores the words. The result is before the softmax over v. The
    target is what is shifted right, outside.
    Source:    Vaswani et al. 2017, arXiv 1706.03762, figure 1; Neural Circuit Diagrams (Abbott 2024).

    >>> encoder_decoder_transformer(6).bind(t=256, h=8, k=64, f=2048, v=37000).cost().params
    63045632
    """
    @diagram("x : index(v), y : index(v)")
    def model(source, target):
        encoder, decoder = encoder_layer(dropout).repeat(layers), decoder_layer(dropout).repeat(layers)
        memory = encoder(_embedded(source, "x", dropout))
        decoded, _ = decoder(_embedded(target, "y", dropout), memory)
        return nn.unembedding("v m=2*t", name="/embedding")(decoded)
    return model
