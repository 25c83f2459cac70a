"""Every layer of ``nn`` at equal sizes, under labels that are swapped, primed, shared, or used inside it.

A layer under other labels is the same function of its inputs and parameters by position, with the same
derivative and the same cost. The labels drawn are those that layers use inside.
"""

from __future__ import annotations

from random import Random as Dice

import jax
import numpy as np
import pytest

from ncd import nn
from ncd.core.axis import Axis
from ncd.core.category import Diagram, Ty
from ncd.file.serial import from_json, to_json
from ncd.interpret.reference import run
from ncd.traverse.places import build, places
from tests.derivatives import difference, distance, point
from tests.roles import labellings
from tests.strategies import EXAMPLES
from theory.random import value

INSIDE = ("t", "two", "h", "k", "y", "x", "m", "gate", "choice", "step", "n'", "x_k", "m'", "g", "e", "group",
          "q", "v", "c_group", "t'", "layer", "l0", "p")
"""Labels that layers and their derivatives use for axes of their own."""

COUNT = min(max(2, EXAMPLES // 7), 60)
KEY = 5
ONES = {"heads": 2, "width": 2}


def on(layer: Diagram, text: str) -> Diagram:
    """The layer called on arrays whose axes have the size 2 where they say none."""
    return layer.on(Ty(two(text)))


def two(text: str) -> str:
    """A text of types with the size 2 for each axis: `` : `` begins a dtype."""
    def array(part: str) -> str:
        axes, colon, kind = part.partition(":")
        return " ".join(x if "=" in x or x == "()" else f"{x}=2" for x in axes.split()) + (
            f" : {kind.strip()}" if colon else "")
    return ", ".join(array(part) for part in text.split(","))


def arrow(left: str, right: str) -> str:
    return f"{two(left)} -> {two(right)}"


def attention(y, x, k, v, **options):
    made = nn.attention(**options).bind(y=2, x=2, k=2, v=2)
    return made.rename(y="z1", x="z2", k="z3", v="z4").rename(z1=y, z2=x, z3=k, z4=v)


def graph(x: str, e: str) -> str:
    return f"{x}, {e} : index(2), {e} : index(2)"


LAYERS = {
    "relu": ("a b", lambda a, b: on(nn.relu, f"{a} {b}")),
    "linear": ("b m k h", lambda b, m, k, h: on(nn.linear(arrow(m, f"{k} {h}")), f"{b} {m}")),
    "linear of two": ("m n k h", lambda m, n, k, h: nn.linear(arrow(f"{m} {n}", f"{k} {h}"))),
    "embedding": ("x v m", lambda x, v, m: nn.embedding(two(f"{v} {m}")).on(f"{x}=2 : index(2)")),
    "unembedding": ("b v m", lambda b, v, m: on(nn.unembedding(two(f"{v} {m}")), f"{b} {m}")),
    "softmax": ("a b c", lambda a, b, c: on(nn.softmax(f"{a} {c}"), f"{a} {b} {c}")),
    "log_softmax": ("a b", lambda a, b: on(nn.log_softmax(a), f"{a} {b}")),
    "logsumexp": ("a b", lambda a, b: on(nn.logsumexp(a), f"{b} {a}")),
    "cross_entropy": ("b c", lambda b, c: on(nn.cross_entropy(c), f"{b} {c}, {b} : index(2)")),
    "mean": ("a b", lambda a, b: on(nn.mean(a), f"{a} {b}")),
    "variance": ("a b", lambda a, b: on(nn.variance(a), f"{b} {a}")),
    "l2_norm": ("a b", lambda a, b: on(nn.l2_norm(a), f"{a} {b}")),
    "l2_normalise": ("a b", lambda a, b: on(nn.l2_normalise(b), f"{a} {b}")),
    "layer_norm": ("a b", lambda a, b: on(nn.layer_norm(a), f"{a} {b}")),
    "rms_norm": ("a b", lambda a, b: on(nn.rms_norm(b), f"{a} {b}")),
    "batch_norm": ("n x c", lambda n, x, c: on(nn.batch_norm(f"{n} {x}", c), f"{n} {x} {c}")),
    "batch_norm_inference": ("n c", lambda n, c: on(nn.batch_norm_inference(c), f"{n} {c}")),
    "group_norm": ("n x c", lambda n, x, c: on(nn.group_norm(c, 2, reduced=x), f"{n} {x} {c}=4")),
    "sinusoidal": ("x m", lambda x, m: nn.sinusoidal(two(f"{x} {m}"))),
    "learned_position": ("x m", lambda x, m: nn.learned_position(two(f"{x} {m}"))),
    "rotary": ("b x k", lambda b, x, k: on(nn.rotary(f"{x} {k}"), f"{b} {x} {k}")),
    "attention": ("y x k v", attention),
    "attention, causal": ("y x k v", lambda **labels: attention(mask="causal", **labels)),
    "attention, input": ("y x k v", lambda **labels: attention(mask="input", **labels)),
    "multi_head_attention": ("y m x", lambda y, m, x: nn.multi_head_attention(
        two(f"{y} {m}, {x} {m}"), rotary=True, **ONES)),
    "cross_attention": ("y m x n", lambda y, m, x, n: nn.cross_attention(two(f"{y} {m}, {x} {n}"), **ONES)),
    "grouped_query_attention": ("y m x", lambda y, m, x: nn.grouped_query_attention(
        two(f"{y} {m}, {x} {m}"), groups=2, heads=4, width=2)),
    "self_attention": ("x m", lambda x, m: nn.self_attention(
        two(f"{x} {m}"), mask="causal", rotary=True, **ONES)),
    "causal_mask": ("y x", lambda y, x: nn.causal_mask(two(f"{y} {x}"))),
    "window_mask": ("y x", lambda y, x: nn.window_mask(1, two(f"{y} {x}"))),
    "feed_forward": ("b m f", lambda b, m, f: on(nn.feed_forward(two(m), two(f)), f"{b} {m}")),
    "gated_feed_forward": ("b m f", lambda b, m, f: on(nn.gated_feed_forward(two(m), two(f)), f"{b} {m}")),
    "residual": ("b m", lambda b, m: on(nn.residual(nn.linear(arrow(m, m))), f"{b} {m}")),
    "pre_norm": ("x m f", lambda x, m, f: on(
        nn.pre_norm(nn.feed_forward(two(m), two(f)), nn.layer_norm(two(m))), f"{x} {m}")),
    "post_norm": ("x m f", lambda x, m, f: on(
        nn.post_norm(nn.feed_forward(two(m), two(f)), nn.rms_norm(two(m))), f"{x} {m}")),
    "transformer_block": ("x m f", lambda x, m, f: nn.transformer_block(
        two(f"{x} {m}"), two(f), causal=True, **ONES)),
    "convolution": ("b x y c e", lambda b, x, y, c, e: on(nn.convolution(
        f"{x} {y}", arrow(c, e), kernel=2, padding=1), f"{b} {x} {y} {c}")),
    "convolution, strided": ("x y c e", lambda x, y, c, e: on(nn.convolution(
        f"{x} {y}", arrow(c, e), kernel=2, stride={x: 2}), f"{x}=4 {y} {c}")),
    "convolution, grouped": ("x c e", lambda x, c, e: on(nn.convolution(
        x, f"{c}=4 -> {e}=4", kernel=2, groups=2), f"{x}=4 {c}=4")),
    "convolution, transposed": ("x c e", lambda x, c, e: on(nn.convolution(
        x, arrow(c, e), kernel=2, stride=2, transpose=True), f"{x} {c}")),
    "depthwise_separable": ("x c e", lambda x, c, e: on(nn.depthwise_separable(
        x, arrow(c, e), kernel=2), f"{x} {c}")),
    "max_pool": ("x y c", lambda x, y, c: on(nn.max_pool(f"{x} {y}", 2, 1), f"{x} {y} {c}")),
    "sum_pool": ("x c", lambda x, c: on(nn.sum_pool(x, 2), f"{x}=4 {c}")),
    "mean_pool": ("x y", lambda x, y: on(nn.mean_pool(x, 2, 1, 1), f"{y} {x}")),
    "global_mean_pool": ("x y c", lambda x, y, c: on(nn.global_mean_pool(f"{x} {y}"), f"{x} {c} {y}")),
    "star": ("i j x", lambda i, j, x: nn.star(f"{i}=2", f"{j}=2", f"{x}=3")),
    "rnn_cell": ("x h", lambda x, h: nn.rnn_cell(arrow(x, h))),
    "gru_cell": ("x h", lambda x, h: nn.gru_cell(arrow(x, h))),
    "lstm_cell": ("x h", lambda x, h: nn.lstm_cell(arrow(x, h))),
    "rnn": ("t x h", lambda t, x, h: nn.rnn(two(t), arrow(x, h))),
    "gru": ("t x h", lambda t, x, h: nn.gru(two(t), arrow(x, h), reverse=True)),
    "lstm": ("t x h", lambda t, x, h: nn.lstm(two(t), arrow(x, h), stateful=True)),
    "bidirectional": ("t x h", lambda t, x, h: nn.bidirectional(nn.rnn, two(t), arrow(x, h))),
    "linear_recurrence": ("t n", lambda t, n: nn.linear_recurrence(two(t), two(n))),
    "state_space": ("t m n", lambda t, m, n: nn.state_space(two(t), two(m), two(n))),
    "selective_state_space": ("t m n", lambda t, m, n: nn.selective_state_space(two(t), two(m), two(n))),
    "router": ("b m n", lambda b, m, n: on(nn.router(two(m), two(n), 2), f"{b} {m}")),
    "mixture_of_experts": ("b m f n", lambda b, m, f, n: on(
        nn.mixture_of_experts(two(m), two(f), two(n)), f"{b} {m}")),
    "mixture_of_experts, sparse": ("b m f n", lambda b, m, f, n: on(
        nn.mixture_of_experts(two(m), two(f), two(n), sparse=True), f"{b} {m}")),
    "dropout": ("b x", lambda b, x: on(nn.dropout(0.4, explicit=True), f"{b} {x}, {b} {x} : key")),
    "graph_convolution": ("n m f g", lambda n, m, f, g: nn.graph_convolution(two(f"{n} {m}"), arrow(f, g))),
    "graph_isomorphism": ("f g h n e", lambda f, g, h, n, e: nn.graph_isomorphism(
        arrow(f, g), two(h), two(n), two(e))),
    "message_passing": ("n f e", lambda n, f, e: nn.message_passing(
        "max", two(n), two(e)).on(graph(two(f"{n} {f}"), two(e)))),
    "message_passing, mean": ("n f e", lambda n, f, e: nn.message_passing(
        "mean", two(n), two(e)).on(graph(two(f"{n} {f}"), two(e)))),
    "readout": ("n b f", lambda n, b, f: on(nn.readout("mean", arrow(n, b)), f"{n} {f}, {n} : index(2)")),
    "segment_softmax": ("e n h", lambda e, n, h: on(
        nn.segment_softmax(arrow(e, n)), f"{e} {h}, {e} : index(2)")),
    "normalised_adjacency": ("n m", lambda n, m: nn.normalised_adjacency(two(f"{n} {m}"))),
    "sgd": ("b x", lambda b, x: on(nn.sgd(0.1, momentum=0.9), f"{b} {x}, {b} {x}, {b} {x}")),
    "adam": ("b x", lambda b, x: on(nn.adam(), f"{b} {x}, {b} {x}, {b} {x}, {b} {x}, ()")),
}
ENTRYWISE = {"abs", "cos", "elu", "erf", "exp", "floor", "gelu", "gelu_tanh", "leaky_relu", "log", "negate",
             "reciprocal", "rsqrt", "sigmoid", "sign", "silu", "sin", "softplus", "sqrt", "square", "tanh"}
POSITIVE = {"normalised_adjacency", "graph_convolution", "adam"}
layers = pytest.mark.parametrize("name", LAYERS)


def test_every_layer_is_tried():
    assert {name.partition(",")[0].partition(" of")[0] for name in LAYERS} | ENTRYWISE == set(nn.__all__)


def cases(name: str, count: int = COUNT):
    return labellings(*LAYERS[name], Dice(name), count, INSIDE)


def given(name: str, diagram: Diagram, seed: int = 3) -> tuple[list, dict | None]:
    """Inputs and parameters by position, whatever the labels and places are called."""
    inputs = [value(array, {}, seed + n) for n, array in enumerate(diagram.dom.inside)]
    if name in POSITIVE:
        inputs = [np.abs(x) + 0.3 if x.dtype == float else x for x in inputs]
    slots = places(diagram)[0]
    return inputs, build({path: np.abs(value(slot.array, {}, 50 + seed + n)) + 0.1
                          for n, (path, slot) in enumerate(slots.items())}) or None


def tuple_of(found) -> tuple:
    return tuple(found) if isinstance(found, (tuple, list)) else (found,)


def evaluated(diagram: Diagram, inputs, params) -> tuple:
    return tuple_of(run(diagram, *inputs, params=params if places(diagram)[0] else None, key=KEY))


def close(got, want, labels) -> None:
    for a, b in zip(got, want, strict=True):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), atol=1e-9, rtol=1e-9, err_msg=str(labels))


def has_derivative(diagram: Diagram) -> bool:
    floats = [array for array in diagram.dom.inside if array.dtype == "float"]
    return bool(floats or places(diagram)[0]) and any(a.dtype == "float" for a in diagram.cod.inside)


@layers
def test_a_layer_is_one_function_under_any_labels(name):
    """Values, both derivatives and costs, by position; JSON; the program in JAX."""
    plain = None
    for number, (labels, diagram) in enumerate(cases(name)):
        inputs, params = given(name, diagram)
        found = [evaluated(diagram, inputs, params)]
        cost = {measure: str(size) for measure, size in diagram.cost().exact.items()}
        if has_derivative(diagram):
            lens = diagram.reverse()
            weights = [value(array, {}, 80 + n) for n, array in enumerate(
                array for array in diagram.cod.inside if array.dtype == "float")]
            found.append(evaluated(lens.composite, [*inputs, *weights], params))
            cost["backward"] = str(lens.cost().exact["flops"])
        if plain is None:
            plain, plain_cost = found, cost
        for have, want in zip(found, plain):
            close(have, want, labels)
        assert cost == plain_cost, labels
        assert from_json(to_json(diagram)) == diagram, labels
        if number == 1 and name != "dropout":
            with jax.enable_x64(True):
                program = diagram.to_jax()
                made = program(*([params] if program.slots else []), *map(np.asarray, inputs))
            close(tuple_of(made), found[0], labels)


@layers
def test_a_layer_is_renamed_and_lifted_to_labels_that_it_uses_inside(name):
    _, diagram = next(cases(name))
    inputs, params = given(name, diagram)
    want = evaluated(diagram, inputs, params)
    dice = Dice(name)
    ends = sorted({str(label) for array in (*diagram.dom.inside, *diagram.cod.inside)
                   for label in array.labels})
    for _ in range(COUNT):
        new = dict(zip(ends, dice.sample([*INSIDE, *ends], len(ends))))
        renamed = diagram.rename(**new)
        close(evaluated(renamed, inputs, params), want, new)
        assert renamed.cost().exact["flops"] == diagram.cost().exact["flops"], new
        if has_derivative(diagram):
            rates = [value(a, {}, 80 + n) for n, a in enumerate(diagram.cod.inside) if a.dtype == "float"]
            pulled = [evaluated(d.reverse().composite, [*inputs, *rates], params) for d in (renamed, diagram)]
            close(*pulled, new)
    if name == "dropout":
        return
    others, _ = given(name, diagram, 4)
    each = [np.stack(pair) for pair in zip(want, evaluated(diagram, others, params))]
    for _ in range(COUNT):
        p, q = dice.sample(INSIDE, 2)
        lifted = diagram.lift([Axis(p, 2)])
        close(evaluated(lifted, [np.stack(pair) for pair in zip(inputs, others)], params), each, p)
        twice, both = lifted.lift([Axis(q, 2)]), diagram.lift([Axis(q, 2), Axis(p, 2)])
        assert (twice.dom, twice.cod) == (both.dom, both.cod), (p, q)
        wide = [np.stack([pair, pair]) for pair in map(np.stack, zip(inputs, others))]
        close(evaluated(twice, wide, params), evaluated(both, wide, params), (p, q))


@layers
def test_a_derivative_at_equal_sizes_is_a_difference(name):
    for labels, diagram in cases(name, 1):
        if not has_derivative(diagram) or name in ("batch_norm_inference", "dropout"):
            continue                        # statistics that no derivative reaches
        at = point(diagram, {}, 3)
        inputs, params = given(name, diagram)
        at = at._replace(inputs=inputs, params=params)
        rates = [*at.inputs_rate, *at.params_rate.values()]
        pushed = evaluated(diagram.forward(), [*inputs, *rates], params)[len(diagram.cod):]
        assert distance(pushed, difference(at)) <= 1e-4, labels
