"""Masks in models with scans, gathers and segments: the formulas against the counter of entries."""

from __future__ import annotations

import numpy as np
import pytest

import ncd
from ncd import nn
from ncd.algebra.convert import Size
from ncd.construct.generators import elementwise, iota, scan, where
from ncd.construct.notation import einsum
from ncd.construct.trace import pointwise
from ncd.ops import scalar
from tests.skipping import count
from tests.unit.cost.test_masks import adds_up, agree, formula, made

INF = float("inf")


def less(label, bound):
    return pointwise(scalar.LESS, iota(label)(), bound)


def _linear_attention(q, k, v):
    """Causal linear attention: a state of keys times values; its first features only."""
    def step(state, q, k, v):
        state = state + where(less("k", 2), einsum("k, v -> k v")(nn.exp(k), v), 0)
        return state, einsum("k, k v -> v")(nn.exp(q), state)
    loop = scan(made(step, "k v, k, k, v"), "x", states=1, sequences=3)
    return loop(ncd.constant(0, "k v")(), q, k, v)[1]


def _window_each_step(q, k, v):
    """Each step attends within a mask that is the same at all steps, then only some steps are read."""
    def step(state, q, k, v):
        weights = nn.softmax("y")(where(pointwise(scalar.LESS_EQUAL, iota("y")(), 2),
                                        einsum("k, y k -> y")(q + state, k), -INF))
        found = einsum("y, y k -> k")(weights, v)
        return found, found
    loop = scan(made(step, "k, k, y k, y k"), "x", states=1, sequences=1)
    return loop(ncd.constant(0, "k")(), q, k, v)[1]


def _masked_sequence(x):
    """What is known of a sequence at every step is known in the loop, and of its results after it."""
    x = where(less("k", 2), x, 0)

    def step(state, x):
        x = x * x
        return state + ncd.reduce("sum", "k")(x), x
    _, squares = scan(made(step, "(), k"), "t", states=1, sequences=1)(ncd.constant(0, "()")(), x)
    return einsum("t k, k v -> t v")(squares, ncd.parameter("w", "k v=3")())


def _masked_by_step(x):
    """A mask that differs from step to step discounts nothing: an upper bound."""
    x = where(pointwise(scalar.LESS_EQUAL, iota("k")(), iota("t")()), x, 0)

    def step(state, x):
        return state + ncd.reduce("sum", "k")(x), x
    return scan(made(step, "(), k"), "t", states=1, sequences=1)(ncd.constant(0, "()")(), x)[0]


def _embedding(words, v):
    """Rows of a table whose last features are 0, under a causal mask; positions are a second table."""
    table = where(less("m", 3), nn.tanh(v), 0)
    x = ncd.gather("n")(table, words) + nn.learned_position("x m")()
    return nn.self_attention("x m", "h", "k", mask="causal")(x)


def _rows_of_a_table(words, v):
    """Of what is gathered some features are read: the others of the table need not be computed."""
    found = ncd.gather("n")(nn.tanh(v), words)
    return where(less("m", 2), found, 0)


def _first_words(words, v):
    """Of what is gathered some places are read, from anywhere: the table is computed whole."""
    found = ncd.gather("n")(nn.tanh(v), words)
    return where(less("x", 2), nn.exp(found), 0)


def _picked(v, c):
    """One entry of each masked line."""
    scores = where(pointwise(scalar.LESS_EQUAL, iota("m")(), iota("n")()), nn.tanh(v), -INF)
    return ncd.gather("m")(scores, c)


MODELS = {
    "linear_attention": (_linear_attention, "x k, x k, x v", {"x": 4, "k": 4, "v": 3}),
    "window_each_step": (_window_each_step, "x k, y k, y k", {"x": 4, "k": 2, "y": 5}),
    "masked_sequence": (_masked_sequence, "t k", {"t": 3, "k": 5}),
    "embedding": (_embedding, "x : index(n), n m", {"x": 4, "n": 5, "m": 5, "h": 2, "k": 3}),
    "rows_of_a_table": (_rows_of_a_table, "x : index(n), n m", {"x": 3, "n": 4, "m": 5}),
    "first_words": (_first_words, "x : index(n), n m", {"x": 3, "n": 4, "m": 5})}


@pytest.mark.parametrize("name", MODELS)
def test_loops_and_tables(name):
    body, types, sizes = MODELS[name]
    diagram = made(body, types)
    agree(diagram, **sizes)
    found, dense = diagram.cost(masks="skip").exact, diagram.cost().exact
    assert any(found[name] != dense[name] for name in ("flops", "transcendentals"))
    agree(diagram.lift("b"), b=2, **sizes)


@pytest.mark.parametrize("name", ["embedding", "rows_of_a_table", "first_words"])
def test_their_derivatives(name):
    """The transpose of a gather is a segment."""
    body, types, sizes = MODELS[name]
    diagram = made(body, types).reverse().composite
    agree(diagram, **sizes)
    assert formula(diagram, **sizes) < formula(diagram, "dense", **sizes)


@pytest.mark.parametrize("name", ["linear_attention", "window_each_step", "masked_sequence"])
def test_derivatives_of_loops_are_bounded(name):
    """What a loop is asked for is not known by entries: all is counted that is read at some step."""
    body, types, sizes = MODELS[name]
    diagram = made(body, types).reverse().composite
    found, dense = formula(diagram, **sizes), diagram.cost().evaluate(**sizes)
    assert count(diagram, **sizes) <= found
    assert found[0] <= dense["flops"] and found[1] <= dense["matrix_flops"]
    adds_up(diagram.cost(masks="skip"))


def test_a_mask_that_differs_from_step_to_step_is_a_bound():
    diagram, sizes = made(_masked_by_step, "t k"), {"t": 4, "k": 4}
    assert count(diagram, **sizes)[0] < formula(diagram, **sizes)[0]
    picked, sizes = made(_picked, "n m, n : index(m)"), {"n": 4, "m": 3}
    agree(picked, **sizes)


# -- graphs --------------------------------------------------------------------------------
def _padded(x, source, target, there):
    """Messages along the edges that are there, summed at their targets."""
    sent = ncd.gather("n")(x, source)
    sent = where(there, nn.relu(nn.linear("f -> g")(sent)), 0)
    return ncd.segment("sum", "e -> n")(sent, target)


def _padded_maximum(x, source, target, there):
    """The unit of the maximum is −∞."""
    sent = where(there, nn.tanh(ncd.gather("n")(x, source)), -INF)
    return ncd.segment("max", "e -> n")(sent, target)


def _attending(x, source, target, there):
    """Softmax over the edges of each target; an edge that is not there has weight 0."""
    left, right = ncd.gather("n")(x, source), ncd.gather("n")(x, target)
    scores = where(there, einsum("e f, e f -> e")(left, right), -INF)
    highest = ncd.segment("max", "e -> n")(scores, target)
    weights = nn.exp(scores - ncd.gather("n")(highest, target))
    total = ncd.gather("n")(ncd.segment("sum", "e -> n")(weights, target), target)
    return ncd.segment("sum", "e -> n")(einsum("e, e f -> e f")(weights / total, left), target)


def _features(x, source, target, there):
    """Of what is summed some features are read: those of the messages alone."""
    sent = nn.tanh(ncd.gather("n")(x, source) * elementwise("to_float")(there))
    return where(less("f", 2), ncd.segment("sum", "e -> n")(sent, target), 0)


GRAPHS = {each.__name__.strip("_"): each for each in (_padded, _padded_maximum, _attending, _features)}
TYPES = "n f, e : index(n), e : index(n), e : bool"


@pytest.mark.parametrize("name", GRAPHS)
def test_graphs_with_edges_that_are_not_there(name):
    diagram, sizes = made(GRAPHS[name], TYPES), {"n": 3, "e": 6, "f": 4, "g": 2}
    sizes = {label: n for label, n in sizes.items() if label in diagram.symbols}
    there = np.array([True, True, False, True, False, True])
    for each in (diagram, diagram.reverse().composite):
        found, counted = formula(each, {3: "r"}, r=4, **sizes), count(each, {3: there}, **sizes)
        # Backward, an edge that is not there may tie with the maximum of a node without edges, −∞ as well:
        # the counter takes numbers to be finite.
        ties = {"padded_maximum": 2 * 4, "attending": 2}.get(name, 0) * (each is not diagram)
        assert found == (counted[0] + ties, *counted[1:])
        dense = each.cost().evaluate(**sizes)
        assert found[0] < dense["flops"]
        if name != "features":              # nothing else is masked
            assert formula(each, {3: 6}, **sizes) == tuple(
                dense[name] for name in ("flops", "matrix_flops", "transcendentals"))
        adds_up(each.cost(masks={3: "r"}))


def test_one_entry_of_a_segment_for_each_edge_there():
    """And one choice."""
    cost = made(GRAPHS["padded_maximum"], TYPES).cost(masks={3: "r"})
    assert cost.exact["flops"] == Size("2*f*r") and cost.exact["transcendentals"] == Size("f*r")
