"""The derivative of every layer of ``nn``, as overridden and as derived from the definition, against JAX."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from ncd import nn
from ncd.construct.trace import trace
from ncd.core.category import Diagram, Ty
from tests.derivatives import Point, difference, distance, ours, point
from tests.semantics.test_derivative import assert_as_jax, assert_transposes

SIZES = {"b": 2, "c": 4, "d": 3, "e": 5, "f": 3, "g": 2, "h": 2, "k": 2, "m": 4, "n": 3, "p": 2, "q": 2,
         "t": 3, "v": 5, "x": 5, "y": 3, "c_group": 2}
POSITIVE = ("log", "sqrt", "rsqrt", "reciprocal")


def on(layer: Diagram, text: str = "") -> Diagram:
    return layer.on(text) if text else layer


def sources(layer: Diagram) -> Diagram:
    """An array from nothing, times an input of its type."""
    made = layer.cod.inside[0]
    return trace(lambda x: x * layer() if made.dtype == "float" else _where(layer(), x), (
        type(made)(made.axes),))


def _where(mask, x):
    from ncd.construct.generators import where
    return where(mask, x, -1.5)


scalars = ("relu", "gelu", "gelu_tanh", "silu", "sigmoid", "softplus", "tanh", "exp", "square", "abs", "sign",
           "floor", "negate", "sin", "cos", "erf", *POSITIVE)
def adam():
    """Adam where its second moment and its step are positive."""
    arrays = [*Ty("b x, b x, b x, b x, ()").inside]
    return trace(lambda p, g, m, v, t: nn.adam(decay=0.1)(p, g, m, nn.square(v), nn.square(t) + 1), arrays)


CASES = {
    **{name: [on(getattr(nn, name), "b x")] for name in scalars},
    "leaky_relu": [on(nn.leaky_relu(0.2), "x")], "elu": [on(nn.elu(0.7), "x")],
    "sgd": [on(nn.sgd(), "b x, b x"), on(nn.sgd(0.1, momentum=0.9), "b x, b x, b x")],
    "adam": [adam()],
    "linear": [on(nn.linear("m -> k h"), "b m"), nn.linear("m -> e", bias=False)],
    "embedding": [on(nn.embedding("v m"), "b x : index(v)")],
    "unembedding": [on(nn.unembedding("v m"), "b m")],
    "softmax": [on(nn.softmax("x"), "b y x"), on(nn.softmax("x y"), "b y x")],
    "log_softmax": [on(nn.log_softmax("c"), "c b")], "logsumexp": [on(nn.logsumexp("x"), "b x y")],
    "cross_entropy": [on(nn.cross_entropy("c"), "b c, b : index(c)")],
    "mean": [on(nn.mean("x y"), "b x y c")], "variance": [on(nn.variance("x"), "b x")],
    "l2_norm": [on(nn.l2_norm("m"), "x m")], "l2_normalise": [on(nn.l2_normalise("m"), "x m")],
    "layer_norm": [on(nn.layer_norm("m"), "b x m")], "rms_norm": [on(nn.rms_norm("m"), "b m")],
    "batch_norm": [on(nn.batch_norm("n x", "c"), "h n x c")],
    "batch_norm_inference": [on(nn.batch_norm_inference("c"), "n x c")],
    "group_norm": [on(nn.group_norm("c", 2, reduced="x"), "n x c=4"), on(nn.group_norm("c", 2), "n x c=4")],
    "sinusoidal": [sources(nn.sinusoidal("x m"))], "learned_position": [sources(nn.learned_position("x m"))],
    "rotary": [on(nn.rotary("x k"), "b x h k")],
    "attention": [nn.attention().lift("h"), nn.attention(mask="input"), nn.attention(mask="causal")],
    "multi_head_attention": [nn.multi_head_attention(),
                             on(nn.multi_head_attention(bias=True), "b y m, b x m")],
    "cross_attention": [nn.cross_attention("y m, x n")],
    "grouped_query_attention": [nn.grouped_query_attention()],
    "self_attention": [nn.self_attention(mask="causal", rotary=True),
                       nn.self_attention(mask="window", window=2)],
    "causal_mask": [sources(nn.causal_mask())], "window_mask": [sources(nn.window_mask(2))],
    "feed_forward": [nn.feed_forward("m", "f")],
    "gated_feed_forward": [nn.gated_feed_forward("m", "f")],
    "residual": [nn.residual(nn.linear("m -> m"))],
    "pre_norm": [nn.pre_norm(nn.feed_forward(), nn.layer_norm("m"))],
    "post_norm": [nn.post_norm(nn.cross_attention(), nn.layer_norm("m"))],
    "transformer_block": [nn.transformer_block("x m", "f", causal=True, dropout=0.2)],
    "convolution": [on(nn.convolution("x y", "c -> e", stride={"x": 2}, padding=1), "b x y c"),
                    on(nn.convolution("x", "c -> e=4", dilation=2, padding="same", groups=2), "x c=4"),
                    on(nn.convolution("x", "c -> e", kernel=2, stride=2, transpose=True), "b x c")],
    "depthwise_separable": [nn.depthwise_separable("x y", "c -> e", padding="same")],
    "max_pool": [on(nn.max_pool("x y", 2, 1), "b x y c"), on(nn.max_pool("x", 3, 2, 1), "x")],
    "sum_pool": [on(nn.sum_pool("x", 2), "x c")], "mean_pool": [on(nn.mean_pool("x", 3, 1, 1), "b x")],
    "global_mean_pool": [on(nn.global_mean_pool("x y"), "b x y c")],
    "star": [sources(nn.star("i", "j=3", "x"))],
    "rnn_cell": [nn.rnn_cell("x -> h")], "gru_cell": [nn.gru_cell("x -> h")],
    "lstm_cell": [nn.lstm_cell("x -> h")],
    "rnn": [nn.rnn("t", "x -> h", reverse=True)], "gru": [on(nn.gru("t", "x -> h"), "b t x")],
    "lstm": [nn.lstm("t", "x -> h", stateful=True)],
    "bidirectional": [nn.bidirectional(nn.gru, "t", "x -> h")],
    "linear_recurrence": [on(nn.linear_recurrence("t", "n"), "t n, t n"),
                          nn.linear_recurrence("t", "n", steady=True)],
    "state_space": [nn.state_space("t", "m", "n")],
    "selective_state_space": [nn.selective_state_space("t", "m", "n")],
    "router": [on(nn.router("m", "n=4", 2), "t m")],
    "mixture_of_experts": [on(nn.mixture_of_experts("m", "f", "n=3"), "t m"),
                           on(nn.mixture_of_experts("m", "f", "n=3", sparse=True), "t m")],
    "dropout": [on(nn.dropout(0.4), "b x"), on(nn.dropout(0.4, explicit=True), "x, () : key")],
    "graph_convolution": [nn.graph_convolution("n", "f -> g")],
    "graph_isomorphism": [nn.graph_isomorphism("f -> g", "h")],
    "message_passing": [on(nn.message_passing("max"), "n f, e : index(n), e : index(n)"),
                        nn.message_passing("sum")],
    "readout": [on(nn.readout("mean", "n -> p"), "n f, n : index(p)")],
    "segment_softmax": [on(nn.segment_softmax("e -> n"), "e h, e : index(n)")],
    "normalised_adjacency": [nn.normalised_adjacency("n")]}


def test_every_layer_has_a_case():
    assert set(CASES) == set(nn.__all__)


def at(name: str, diagram: Diagram, seed: int = 3) -> Point:
    """A point where the layer is smooth: parameters and some inputs are positive."""
    found = point(diagram, SIZES, seed)
    params = None if found.params is None else jax.tree.map(lambda leaf: np.abs(leaf) + 0.1, found.params)
    positive = name in POSITIVE or name in ("normalised_adjacency", "graph_convolution")
    inputs = [np.abs(x) + 0.3 if positive and array.dtype == "float" else x
              for x, array in zip(found.inputs, diagram.dom.inside)]
    return found._replace(params=params, inputs=inputs)


@pytest.mark.parametrize("name, diagram", [(name, d) for name, ds in CASES.items() for d in ds],
                         ids=lambda item: str(item)[:40])
def test_layer(name, diagram):
    here = at(name, diagram)
    pushed, pulled = ours(here, "jax")
    assert_as_jax(here, pushed, pulled)
    assert_transposes(here, pushed, pulled)
    derived = ours(here, "jax", faster=False)       # an override is what the definition gives
    assert distance(derived[0], pushed) <= 1e-9 and distance(derived[1], pulled) <= 1e-9
    again = ours(here, "reference")
    if "dropout" not in repr(diagram):  # the reference draws other numbers
        assert distance(again[0], pushed) <= 1e-9 and distance(again[1], pulled) <= 1e-9
    assert distance(again[0], difference(here)) <= 1e-4
