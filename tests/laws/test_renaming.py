"""The law of names: renaming what comes from outside renames the model, its cost, parameters and values.

An axis that is lifted over, or a size that a call puts in, has a name; the model may not depend on it. So
for each layer and each name that occurs in it: the layer lifted over an axis of that name (or called on a
size of that name) is refused, or is the layer lifted over a fresh axis that is then renamed.
"""

from __future__ import annotations

import numpy as np
import pytest

import ncd
from ncd import nn
from ncd.algebra.convert import Size
from ncd.construct.capture import is_written
from ncd.construct.generators import pad, repeat_axis, window
from ncd.core.array import Array
from ncd.core.axis import Axis
from ncd.core.category import Diagram, Ty
from ncd.core.symbols import hidden, in_arrays
from ncd.errors import AmbiguityError
from ncd.read import resolve
from ncd.traverse.places import places

FRESH = "u_1"
MAPS = ("abs", "cos", "elu", "erf", "exp", "floor", "gelu", "gelu_tanh", "leaky_relu", "log", "negate",
        "reciprocal", "relu", "rsqrt", "sigmoid", "sign", "silu", "sin", "softplus", "sqrt", "square", "tanh")
LAYERS = {
    "adam": nn.adam(), "sgd": nn.sgd(momentum=0.5), "attention": nn.attention(),
    "attention, window": nn.attention("window", window="w", offset="o"),
    "causal_mask": nn.causal_mask(offset="o"), "window_mask": nn.window_mask("w"),
    "batch_norm": nn.batch_norm("n x", "c"), "batch_norm_inference": nn.batch_norm_inference("c"),
    "bidirectional": nn.bidirectional(nn.gru, "t", "x -> h"),
    "convolution": nn.convolution("x", "c -> e", kernel="k", stride="s", padding="p"),
    "convolution, same": nn.convolution("x y", "c -> e", kernel="k", padding="same"),
    "convolution, grouped": nn.convolution("x", "c -> e", groups="g"),
    "convolution, transposed": nn.convolution("x", "c -> e", "k", "s", transpose=True, output="o"),
    "cross_attention": nn.cross_attention(), "cross_entropy": nn.cross_entropy("c"),
    "depthwise_separable": nn.depthwise_separable("x", "c -> e", kernel="k"),
    "dropout": nn.dropout(0.5).on("x"),
    "embedding": nn.embedding("v m"), "feed_forward": nn.feed_forward(),
    "gated_feed_forward": nn.gated_feed_forward(), "global_mean_pool": nn.global_mean_pool("x"),
    "graph_convolution": nn.graph_convolution("n", "c -> d"),
    "graph_isomorphism": nn.graph_isomorphism("c -> d", "f"),
    "group_norm": nn.group_norm("c", 2, reduced="x"), "grouped_query_attention": nn.grouped_query_attention(),
    "gru": nn.gru("t", "x -> h"), "gru_cell": nn.gru_cell("x -> h"), "l2_norm": nn.l2_norm("x"),
    "l2_normalise": nn.l2_normalise("x"), "layer_norm": nn.layer_norm("m"),
    "learned_position": nn.learned_position("x m"), "linear": nn.linear("m -> k h"),
    "linear, named": nn.linear("m -> e=2*d"), "linear_recurrence": nn.linear_recurrence("t", "s"),
    "log_softmax": nn.log_softmax("x"), "logsumexp": nn.logsumexp("x"), "lstm": nn.lstm("t", "x -> h"),
    "lstm_cell": nn.lstm_cell("x -> h"), "max_pool": nn.max_pool("x", kernel="k", stride="s"),
    "mean": nn.mean("x"), "mean_pool": nn.mean_pool("x", kernel="k"), "message_passing": nn.message_passing(),
    "mixture_of_experts": nn.mixture_of_experts("m", "f", "n"),
    "mixture_of_experts, sparse": nn.mixture_of_experts("m", "f", "n", sparse=True),
    "multi_head_attention": nn.multi_head_attention(), "normalised_adjacency": nn.normalised_adjacency("n"),
    "post_norm": nn.post_norm(nn.feed_forward(), nn.layer_norm("m")),
    "pre_norm": nn.pre_norm(nn.self_attention(), nn.layer_norm("m")), "readout": nn.readout("sum", "n -> g"),
    "residual": nn.residual(nn.feed_forward()), "rms_norm": nn.rms_norm("m"), "rnn": nn.rnn("t", "x -> h"),
    "rnn_cell": nn.rnn_cell("x -> h"), "rotary": nn.rotary("x k", offset="o"), "router": nn.router("m", "n"),
    "segment_softmax": nn.segment_softmax("e -> n"),
    "selective_state_space": nn.selective_state_space("t", "c", "n", rank="r"),
    "self_attention": nn.self_attention(), "self_attention, grouped": nn.self_attention(groups="g"),
    "sinusoidal": nn.sinusoidal("x m", offset="o"), "softmax": nn.softmax("x"),
    "star": nn.star("i", "j", "x", stride="s"), "state_space": nn.state_space("t", "c", "n"),
    "sum_pool": nn.sum_pool("x", kernel="k"), "transformer_block": nn.transformer_block(),
    "unembedding": nn.unembedding("v m"), "variance": nn.variance("x"),
    "repeated": nn.transformer_block().repeat("N"), "pad": pad("x", "p", "q"),
    "window": window("x", "j", "s"),
    "repeat": repeat_axis("y=d"), "renamed": nn.softmax("x").rename(x="y"),
    "scaled": ncd.diagram("x -> x")(lambda x: x * ncd.size("k") ** -0.5),
    "wide and narrow": nn.linear("m -> f") >> nn.relu >> nn.linear("f -> m"),
} | {name: (getattr(nn, name)() if name in ("elu", "leaky_relu") else getattr(nn, name)).on("x")
     for name in MAPS} | {f"zoo {name}": make() for name, make in resolve.zoo().items()}
layers = pytest.mark.parametrize("layer", [pytest.param(layer, id=name) for name, layer in LAYERS.items()])


def test_every_layer_is_here():
    left = [name for name in nn.__all__ if not any(key.split(",")[0] == name for key in LAYERS)]
    assert not left


def renamed(diagram: Diagram, name: str):
    """The cost and the parameters with the fresh name written as another."""
    by = {FRESH: Size.symbol(name)}
    exact = diagram.cost().exact
    return ({key: exact[key].substitute(by) for key in ("flops", "params", "reads", "writes", "depth")},
            {path: [axis.size.substitute(by) for axis in slot.array.axes]
             for path, slot in places(diagram)[0].items()})


def outside(diagram: Diagram) -> list[str]:
    """Names that may meet one inside: all of the diagram's, and one that does not."""
    return [*sorted(diagram.symbols), "z"]


def or_refused(make) -> Diagram | None:
    try:
        return make()
    except AmbiguityError:
        return None


def assert_same_up_to_names(found: Diagram | None, fresh: Diagram, name: str) -> None:
    if found is not None:
        assert renamed(found, name) == renamed(fresh, name), f"the cost or the parameters change with {name}"


@layers
def test_renaming_a_lifted_axis_renames_the_cost_and_the_parameters(layer):
    fresh, refused = layer.lift(FRESH), []
    for name in outside(layer):
        found = or_refused(lambda name=name: layer.lift(name))
        assert_same_up_to_names(found, fresh, name)
        refused += [name] * (found is None)
    assert "z" not in refused and refused == sorted(layer.symbols)


@layers
def test_renaming_a_broadcast_axis_of_a_call_renames_the_cost_and_the_parameters(layer):
    def arrays(label, size=None):
        return Ty.of(Array((Axis(label, size), *a.axes), a.dtype, a.bound) for a in layer.dom.inside)

    def traced(label):
        return ncd.diagram(str(arrays(label)))(lambda *wires: layer(*wires))
    if not len(layer.dom):
        return
    labels = {label for array in layer.dom.inside for label in array.labels}
    for name in (name for name in outside(layer) if name not in labels):
        found = or_refused(lambda name=name: layer.on(arrays(name)))
        assert_same_up_to_names(found, layer.on(arrays(FRESH)), name)
        if not is_written(layer.op):
            assert_same_up_to_names(or_refused(lambda name=name: traced(name)), traced(FRESH), name)
            # The outer size may have the name of a size inside, whatever its label is.
            if name in hidden(layer):
                with pytest.raises(AmbiguityError):
                    layer.on(arrays("z", name))


@layers
def test_renaming_a_size_that_a_call_puts_in_renames_the_cost_and_the_parameters(layer):
    bound = sorted({a.size.name for array in layer.dom.inside for a in array.axes} - {None})
    for symbol in bound:
        def called(name, symbol=symbol):
            return layer.on(Ty.of(a.substitute({symbol: Size.symbol(name)}) for a in layer.dom.inside))
        for name in [*sorted(hidden(layer)), "z"]:
            found = or_refused(lambda name=name: called(name))
            assert (found is None) == (name in hidden(layer))
            assert_same_up_to_names(found, called(FRESH), name)


@layers
def test_the_name_of_what_stands_beside_does_not_matter(layer):
    if is_written(layer.op):
        return
    beside = Diagram.id("z=h w_1")
    own = in_arrays(layer.graph.types)          # what is composed is one model: its wires share their names
    inside = {name for op in layer.graph.ops for name in hidden(op.diagram) if not is_written(op)} - own
    for name in sorted(hidden(layer)):
        other = Diagram.id(Ty(f"z={name} w_1"))
        found = or_refused(lambda other=other: (layer @ other).cost())
        assert (found is None) == (name in inside)
        with pytest.raises(AmbiguityError):
            ncd.diagram(", ".join(map(str, (*layer.dom.inside, *other.dom.inside))))(
                lambda *wires: layer(*wires[:-1]))
    if "h" not in layer.symbols:
        assert (layer @ beside).cost().params == layer.cost().params


def test_a_composite_is_refused_whose_input_has_the_name_of_a_size_inside():
    before = nn.linear("h -> c").on("w h")
    with pytest.raises(AmbiguityError, match="the size h would be captured"):
        (before >> nn.self_attention("w c")).cost()
    with pytest.raises(AmbiguityError, match="the size h would be captured"):
        nn.self_attention("w c").repeat("h")
    body = ncd.diagram("m, m -> m, m")(lambda s, x: (s, nn.feed_forward("m", "f")(x)))
    with pytest.raises(AmbiguityError, match="the size f would be captured"):
        ncd.scan(body, "f", sequences=1)
    assert ncd.scan(body, "t", sequences=1).cost().params == nn.feed_forward("m", "f").cost().params


def test_values_do_not_depend_on_the_name_of_a_lifted_axis():
    layer = nn.self_attention("w c").bind(h="h'")
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    params = layer.init(0, c=4, k=5, **{"h'": 2})
    named, plain = layer.on("h w c"), nn.self_attention("w c", heads=2, width=5).on("a w c")
    np.testing.assert_allclose(named.to_numpy()(params, x), plain.to_numpy()(params, x))


def test_what_is_one_on_purpose_is_said_so():
    """A size may be bound to another by name; after that the two are one, wherever the result is used."""
    one = nn.self_attention("x m").bind(m="h*k")
    assert one.on("b x m=h*k").cost().params == 4 * ncd.size("h").sympy ** 2 * ncd.size("k").sympy ** 2
    heads = nn.self_attention("w c").lift("a").bind(a="h")
    assert str(heads.lift("b").dom) == "b a=h w c" and str(heads.on("b a=h w c").cod) == "b a=h w c"
    assert str(nn.softmax("x").lift("b=x")) == "b=x x -> b=x x"
    # One operation written where its sizes are known takes them from there.
    scores = ncd.diagram("x k -> x y=x")(lambda a: ncd.einsum("x, y -> x y")(
        ncd.reduce("sum", "k")(a * ncd.size("k") ** -0.5), ncd.constant(1.0, "y=x")()))
    assert scores.symbols == {"x", "k"}


def test_the_error_names_both_readings():
    with pytest.raises(AmbiguityError) as error:
        nn.self_attention("w c").on("h w c")
    assert str(error.value).replace("\n", "\n").split("where")[0].strip() == \
        "cannot call `self_attention`: the size h would be captured"
    assert 'bind(h="h\'")' in str(error.value) and '.bind(n="h")' in str(error.value)
