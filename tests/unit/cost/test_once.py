"""What no program pays twice: rows that are appended, states of a scan, parts of what is kept."""

from __future__ import annotations

import itertools

import jax
import numpy as np
import pytest

import ncd
from ncd import nn
from ncd.algebra.convert import Size
from ncd.construct import generators as make
from ncd.interpret.cost import fusion, rules
from ncd.interpret.cost.meter import Meter
from ncd.interpret.derivative.policy import Policy


def moved(diagram, fused: bool = False) -> Size:
    kind = "fused_" if fused else ""
    return diagram.cost().exact[f"{kind}reads"] + diagram.cost().exact[f"{kind}writes"]


# -- rows that are appended ----------------------------------------------------------------
@pytest.mark.parametrize("types, rows", [
    ("t k, t=1 k", "k"), ("b t k, b t=1 k", "b*k"), ("t=8 k, t=1 k", "k"), ("t k, t=1 k, t=3 k", "4*k"),
    ("h t, h t=2", "2*h"), ("t=4 k, t=4 k", "4*k")])
def test_an_append_moves_its_rows(types, rows):
    """Read once and written once; what is there stays where it is."""
    made = ncd.concat("t", types.count(",") + 1).on(types)
    assert moved(made) == moved(made, True) == Size("8") * Size(rows)


@pytest.mark.parametrize("types, whole", [
    ("t=1 k, t k", "k*(t + 1)"), ("t k, t=s k", "k*(t + s)"), ("t=2 k, t=3 k", "5*k"),
    ("t=1 k, t k, t=1 k", "k*(t + 2)")])
def test_what_is_no_append_is_copied(types, whole):
    """A row in front; arrays of which none is known to be the long one."""
    made = ncd.concat("t", types.count(",") + 1).on(types)
    assert moved(made) == moved(made, True) == Size("8") * Size(whole)


def test_a_step_of_attention_with_a_cache():
    """The cache is read by its two contractions, and of what is appended the row."""
    step = ncd.diagram("k, t k, k -> t=t+1 k, k")(_step)
    copied = ncd.diagram("k, t=t+1 k -> k")(_attend)
    for fused in (False, True):
        assert moved(step, fused) - moved(copied, fused) == Size("8*k")


def _attend(query, cache):
    scores = ncd.einsum("k, t k -> t")(query, cache)
    return ncd.einsum("t, t k -> k")(nn.softmax("t")(scores), cache)


def _step(query, cache, row):
    cache = ncd.concat("t")(cache, ncd.rearrange("k -> t=1 k")(row))
    return cache, _attend(query, cache)


def test_what_is_computed_before_it_is_appended_to_is_written():
    """The long array is written by what makes it, and the rows by the append."""
    made = ncd.diagram("t k, t=1 k -> t=t+1 k")(lambda x, row: ncd.concat("t")(nn.tanh(x), row))
    assert moved(made, True) == Size("8*t*k + 8*k")


# -- states of a scan ----------------------------------------------------------------------
def kept(diagram, **options) -> list[str]:
    return [f"{each.name} : {each.array}" for each in diagram.reverse(**options).residuals]


def scan(step, reverse: bool = False):
    return make.scan(step, "t=4", 1, 1, reverse)


def accumulated(emit: bool):
    """Products with a sum: each state is read before and after its step; it is given out, or it is not."""
    def body(state, x):
        after = state * x + nn.sin(state)
        return (after, after) if emit else (after, nn.square(after))
    return ncd.diagram("h, h -> h, h")(body)


def test_a_state_is_kept_once():
    for emit, reverse in itertools.product((True, False), repeat=2):
        names = kept(scan(accumulated(emit), reverse))
        assert not any("state 1" in name for name in names), names
        assert sum("scan 2" in name or "scan/add" in name for name in names) == 1, names


def test_the_layers_that_kept_theirs_twice():
    assert kept(nn.rnn("t", "x -> h")) == ["input 0 : t x", "rnn 2 : t h"]
    assert [name for name in kept(nn.state_space("t", "m")) if ": t n=16" in name] == [
        "state_space/recurrence 2 : t n=16"]
    for layer in (nn.gru("t", "x -> h"), nn.lstm("t", "x -> h"), nn.selective_state_space("t", "m")):
        assert not any("state 1" in name for name in kept(layer))


@pytest.mark.parametrize("emit, reverse, policy", list(itertools.product(
    (True, False), (True, False), ("everything", "nothing", "contractions", "blocks",
                                   Policy(scan="recompute"), Policy(scan="sqrt")))), ids=str)
def test_the_states_before_are_those_after_one_step_later(emit, reverse, policy):
    """From a start that is not 0, in both directions, against jax.grad of the program."""
    made, draw = scan(accumulated(emit), reverse), np.random.default_rng(3)
    given = [draw.normal(size=shape).astype("float32") for shape in ((3,), (4, 3))]
    weights = [draw.normal(size=shape).astype("float32") for shape in ((3,), (4, 3))]
    found = made.reverse(policy=policy).to_jax()(*given, *weights)
    _, turn = jax.vjp(made.to_jax(), *given)
    for ours, theirs in zip(found, turn(tuple(weights))):
        np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=2e-5)


def test_a_single_step_and_a_second_derivative():
    made = make.scan(accumulated(True), "t=1", 1, 1)
    given = [np.float32([0.3, -0.7]), np.float32([[0.2, 1.1]])]
    weights = [np.float32([1, 2]), np.float32([[0.5, -1]])]
    _, turn = jax.vjp(made.to_jax(), *given)
    for ours, theirs in zip(made.reverse().to_jax()(*given, *weights), turn(tuple(weights))):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)
    once = made.reverse().composite
    _, turn = jax.vjp(once.to_jax(), *given, *weights)
    again = once.reverse().to_jax()(*given, *weights, *weights)
    for ours, theirs in zip(again, turn(tuple(weights))):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


# -- parts of what is kept -----------------------------------------------------------------
def test_a_part_of_what_is_kept_is_not_kept():
    """An array that is read whole and in parts is kept whole."""
    def body(x):
        y = nn.exp(x)
        first, second = _halves(y)
        return nn.square(y), nn.square(first) * nn.sin(second)
    made = ncd.diagram("m=6 -> m=6, m=3")(body)
    names = kept(made)
    assert "exp : m=6" in names and not any("reindex" in name for name in names)


def _halves(y):
    return tuple(make.slice_axis("m", start, start + 3)(y) for start in (0, 3))


def test_a_part_alone_is_kept_as_it_is():
    """What is larger than its part is not kept for it."""
    made = ncd.diagram("m=6 -> m=3")(lambda x: nn.sin(_halves(nn.square(nn.exp(x)))[0]))
    assert kept(made)[-1].endswith("m=3")


# -- bugs on purpose -----------------------------------------------------------------------
def test_planted_bugs(monkeypatch):
    made = ncd.concat("t").on("t k, t=1 k")
    monkeypatch.setattr(fusion, "appends", lambda op: False)
    assert moved(made, True) != Size("8*k")
    monkeypatch.setitem(rules.RULES, type(made.op), rules.move)
    assert moved(made) != Size("8*k") and isinstance(made.cost().meter, Meter)
