"""What every layer must do: be its definition, lift like a broadcast, rename, serialise, run in JAX."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from ncd.core.axis import Axis
from ncd.core.category import Ty
from ncd.errors import NcdError
from ncd.file.serial import from_json, to_json
from ncd.interpret.jax import compile_diagram
from ncd.interpret.reference import run
from ncd.nn import activation
from ncd.nn.attention import attention, causal_mask, window_mask
from ncd.nn.block import transformer_block
from ncd.nn.defined import OnOneArray, nonnegative, placed
from ncd.nn.feedforward import feed_forward, gated_feed_forward
from ncd.nn.linear import embedding, linear, unembedding
from ncd.nn.multihead import cross_attention, grouped_query_attention, multi_head_attention, self_attention
from ncd.nn.normalise import batch_norm, batch_norm_inference, group_norm, layer_norm, rms_norm
from ncd.nn.position import learned_position, rotary, sinusoidal
from ncd.nn.softmax import cross_entropy, log_softmax, logsumexp, softmax
from ncd.nn.statistics import l2_norm, l2_normalise, mean, variance
from ncd.nn.stochastic import dropout
from ncd.ops.control import Broadcast
from ncd.traverse.places import places

SIZES = {"x": 3, "y": 4, "m": 4, "k": 4, "v": 5, "c": 6, "n": 3, "h": 2, "g": 2, "q": 2, "f": 5, "b": 2}
LAYERS = {
    "linear": linear("m -> k h"), "linear, one label": linear("m -> m=7", bias=False),
    "embedding": embedding("v m"), "unembedding": unembedding("v m"), "softmax": softmax("x"),
    "log_softmax": log_softmax("x c"), "logsumexp": logsumexp("x"), "cross_entropy": cross_entropy("c"),
    "mean": mean("x"), "variance": variance("x c"), "l2_norm": l2_norm("x"),
    "l2_normalise": l2_normalise("x"), "layer_norm": layer_norm("m"), "rms_norm": rms_norm("m"),
    "batch_norm": batch_norm("n", "c"),
    "batch_norm_inference": batch_norm_inference("c"), "group_norm": group_norm("c", 3, reduced="x"),
    "rotary": rotary("x k"), "sinusoidal": sinusoidal("x m"), "learned_position": learned_position("x m"),
    "attention": attention(), "causal attention": attention("causal"), "masked attention": attention("input"),
    "window attention": attention("window", window=2), "causal_mask": causal_mask(),
    "window_mask": window_mask(2), "multi_head_attention": multi_head_attention(rotary=True),
    "cross_attention": cross_attention(), "grouped_query_attention": grouped_query_attention(),
    "self_attention": self_attention(mask="causal"), "feed_forward": feed_forward(),
    "gated_feed_forward": gated_feed_forward(), "transformer_block": transformer_block(),
    "gelu": activation.gelu, "leaky_relu": activation.leaky_relu(0.1), "elu": activation.elu()}
layers = pytest.mark.parametrize("layer", LAYERS.values(), ids=list(LAYERS))


def values(d, seed=0):
    """Inputs and parameters of a diagram at the sizes above."""
    random = np.random.default_rng(seed)
    inputs = []
    for array in d.dom.inside:
        shape = [axis.size.evaluate(SIZES) for axis in array.axes]
        if array.dtype == "int":
            inputs.append(random.integers(0, array.bound.evaluate(SIZES), shape))
        elif array.dtype == "bool":
            inputs.append(np.tri(*shape[-2:], dtype=bool) | np.zeros(shape, bool))
        else:
            inputs.append(random.normal(size=shape) + 0.5)
    tree = {}
    for path, slot in places(d)[0].items():
        inner = tree
        for name in path[:-1]:
            inner = inner.setdefault(name, {})
        shape = [axis.size.evaluate(SIZES) for axis in slot.array.axes]
        inner[path[-1]] = random.random(size=shape) + 0.5
    return inputs, tree


def reference(d, inputs, params):
    made = run(d, *inputs, params=params or None, **{n: s for n, s in SIZES.items() if n in d.symbols})
    return made if isinstance(made, tuple) else (made,)


def assert_equal(got, want, **close):
    assert len(got) == len(want)
    for a, b in zip(got, want):
        np.testing.assert_allclose(np.asarray(a), b, **close)


@layers
def test_a_lifted_layer_is_the_layer_at_each_index(layer):
    lifted = layer.lift([Axis("b1", 2)])
    inputs, params = values(layer)
    others, _ = values(layer, seed=1)
    stacked = [np.stack(pair) for pair in zip(inputs, others)]
    assert lifted.dom == Ty.of(a.with_axes((Axis("b1", 2), *a.axes)) for a in layer.dom.inside)
    got = reference(lifted, stacked, params)
    each = [reference(layer, given, params) for given in (inputs, others)]
    assert_equal(got, [np.stack(pair) for pair in zip(*each)], atol=1e-12)


OPERATIONS = list(dict.fromkeys(op for layer in LAYERS.values() for op in layer.graph.ops
                                if isinstance(op, OnOneArray)))


@pytest.mark.parametrize("op", OPERATIONS, ids=lambda op: op.name)
def test_a_lifted_operation_is_its_broadcast(op):
    (array,) = op.dom
    wide = array.with_axes((Axis("b1", 2), *array.axes, Axis("b2", 3)))
    broadcast, extended = Broadcast(op, (wide,)).diagram, op.extend((wide,)).diagram
    assert extended.dom == broadcast.dom and extended.cod == broadcast.cod
    inputs, params = values(broadcast)
    assert_equal(reference(extended, inputs, params), reference(broadcast, inputs, params), atol=1e-12)


@pytest.mark.parametrize("op", [op for op in OPERATIONS if op.cod == op.dom and len(op.array.axes) > 1],
                         ids=lambda op: op.name)
def test_an_axis_between_those_of_the_operation_stays_there(op):
    first, *rest = op.array.axes
    diagram = op.diagram.on(Ty.of([op.array.with_axes((first, Axis("b1", 2), *rest))]))
    assert diagram.cod == diagram.dom
    inputs, params = values(diagram)
    (got,) = reference(diagram, inputs, params)
    for n in range(2):
        assert_equal([got[:, n]], reference(op.diagram, [inputs[0][:, n]], params), atol=1e-12)


@layers
def test_jax_agrees_with_the_reference(layer):
    inputs, params = values(layer)
    want = reference(layer, inputs, params)
    sizes = {name: SIZES[name] for name in layer.symbols if name in SIZES}
    single = [np.asarray(v, np.float32) if v.dtype == float else v for v in inputs]
    tree = jax.tree.map(lambda v: np.asarray(v, np.float32), params)
    program = compile_diagram(layer, **sizes)
    got = program(tree, *single) if params else program(*single)
    assert_equal(got if isinstance(got, tuple) else (got,), want, rtol=2e-4, atol=2e-5)


@layers
def test_a_layer_survives_json(layer):
    assert from_json(to_json(layer)) == layer


@layers
def test_a_layer_stands_under_other_labels(layer):
    labels = {label for array in (*layer.dom.inside, *layer.cod.inside) for label in array.labels}
    inputs, params = values(layer)
    renamed = layer.rename(**{str(label): f"{label}_2" for label in labels})
    assert_equal(reference(renamed, inputs, params), reference(layer, inputs, params))


def test_dropout_survives_json():
    for d in (dropout(0.5).on("b x"), dropout(0.5, explicit=True).on("b x, () : key")):
        assert from_json(to_json(d)) == d


def test_names_and_numbers_are_checked():
    assert placed(None, "layer") == ("layer", False) and placed("/W", "layer") == ("/W", True)
    with pytest.raises(NcdError, match="name"):
        placed("", "layer")
    assert nonnegative("eps", 0) == 0.0
    for bad in (-1, float("nan"), float("inf"), "1", None, False):
        with pytest.raises(NcdError, match="eps"):
            nonnegative("eps", bad)
