"""Recurrent layers equal plain loops over the steps, and PyTorch's with its weights mapped."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from ncd.errors import AmbiguityError, AxisError, NcdError, NotationError
from ncd.interpret.jax import compile_diagram
from ncd.interpret.reference import run
from ncd.nn.recurrent import bidirectional, gru, gru_cell, lstm, lstm_cell, rnn, rnn_cell
from ncd.traverse.places import places
from tests.strategies import drawn

SIZES = {"x": 3, "h": 4}


def sigma(v):
    return 1 / (1 + np.exp(-v))


def affine(p, v, gate=None):
    """v W + b by loops, for one gate."""
    weight, bias = (p["weight"], p["bias"]) if gate is None else (p["weight"][:, gate], p["bias"][gate])
    out = bias.copy()
    for i, entry in enumerate(v):
        out += entry * weight[i]
    return out


def rnn_step(p, h, x):
    return np.tanh(affine(p["input"], x) + affine(p["hidden"], h))


def gru_step(p, h, x):
    r, z = (sigma(affine(p["input"], x, g) + affine(p["hidden"], h, g)) for g in (0, 1))
    n = np.tanh(affine(p["input"], x, 2) + r * affine(p["hidden"], h, 2))
    return (1 - z) * n + z * h


def lstm_step(p, h, c, x):
    i, f, g, o = (affine(p["input"], x, gate) + affine(p["hidden"], h, gate) for gate in range(4))
    c = sigma(f) * c + sigma(i) * np.tanh(g)
    return sigma(o) * np.tanh(c), c


def loop(kind, p, xs, h, c=None, reverse=False):
    """The outputs of all steps, and the last state."""
    out = [None] * len(xs)
    for t in range(len(xs) - 1, -1, -1) if reverse else range(len(xs)):
        if kind == "lstm":
            h, c = lstm_step(p, h, c, xs[t])
        else:
            h = (rnn_step if kind == "rnn" else gru_step)(p, h, xs[t])
        out[t] = h
    return np.array(out), h, c


LAYERS = {"rnn": rnn, "gru": gru, "lstm": lstm}
CELLS = {"rnn": rnn_cell, "gru": gru_cell, "lstm": lstm_cell}


@pytest.mark.parametrize("diagram, want", [
    (rnn_cell("x -> h"), "h, x -> h, h"), (gru_cell("x -> h=8"), "h=8, x -> h=8, h=8"),
    (lstm_cell("x -> h"), "h, h, x -> h, h, h"), (gru("t", "x -> h"), "t x -> t h"),
    (lstm("t", "x -> h=8").on("b t=5 x=3"), "b t=5 x=3 -> b t=5 h=8"),
    (lstm("t", "x -> h", stateful=True), "h, h, t x -> h, h, t h"),
    (gru("t", "x -> h", stateful=True).on("b h, b t x"), "b h, b t x -> b h, b t h"),
    (gru("t", "m -> m=8"), "t m -> t m=8"), (rnn("t", "x y -> h k"), "t x y -> t h k"),
    (bidirectional(gru, "t", "x -> h"), "t x -> t h=2*h"),
    (bidirectional(lstm, "t", "x -> h=8").on("b t x"), "b t x -> b t h=16"),
    (gru("t", "x -> h") >> gru("t", "h -> h=8"), "t x -> t h=8"),
])
def test_type(diagram, want):
    assert str(diagram) == want


def test_places():
    paths = {"/".join(path): str(slot.array) for path, slot in places(gru("t", "x -> h"))[0].items()}
    assert paths == {"gru/input/weight": "x gate=3 h", "gru/input/bias": "gate=3 h",
                     "gru/hidden/weight": "h gate=3 h'=h", "gru/hidden/bias": "gate=3 h"}
    assert set(places(lstm_cell("x -> h", bias=False, name="A"))[0]) == {
        ("A", "input", "weight"), ("A", "hidden", "weight")}
    twice = gru("t", "x -> x", name="A") >> gru("t", "x -> x", name="A")
    assert {path[0] for path in places(twice)[0]} == {"A"}         # one name, one set of weights


@pytest.mark.parametrize("kind", LAYERS)
def test_cell_by_loops(kind):
    rng = np.random.default_rng(1)
    d = CELLS[kind]("x -> h")
    params = drawn(d, rng, **SIZES)
    states = [rng.normal(size=4) for _ in range(2 if kind == "lstm" else 1)]
    x = rng.normal(size=3)
    found = run(d, *states, x, params=params)
    _, h, c = loop(kind, params[f"{kind}_cell"], [x], *states)
    want = (h, c, h) if kind == "lstm" else (h, h)
    for a, b in zip(found, want):
        np.testing.assert_allclose(a, b, atol=1e-12)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("kind", LAYERS)
def test_layer_by_loops(kind, reverse):
    rng = np.random.default_rng(2)
    d = LAYERS[kind]("t", "x -> h", reverse=reverse)
    params, xs = drawn(d, rng, **SIZES), rng.normal(size=(5, 3))
    want, _, _ = loop(kind, params[kind], xs, np.zeros(4), np.zeros(4), reverse)
    np.testing.assert_allclose(run(d, xs, params=params), want, atol=1e-12)


@pytest.mark.parametrize("kind", LAYERS)
def test_given_state_over_a_batch(kind):
    rng = np.random.default_rng(3)
    states = 2 if kind == "lstm" else 1
    d = LAYERS[kind]("t", "x -> h", stateful=True)
    params = drawn(d, rng, **SIZES)
    given, xs = [rng.normal(size=(2, 4)) for _ in range(states)], rng.normal(size=(2, 5, 3))
    found = run(d.on(", ".join(["b h"] * states + ["b t x"])), *given, xs, params=params)
    for b in range(2):
        out, h, c = loop(kind, params[kind], xs[b], *(item[b] for item in given))
        for a, want in zip(found, ((h, c, out) if states == 2 else (h, out))):
            np.testing.assert_allclose(a[b], want, atol=1e-12)


def test_bidirectional_joins_two_layers():
    rng = np.random.default_rng(4)
    d = bidirectional(gru, "t", "x -> h")
    params, xs = drawn(d, rng, **SIZES), rng.normal(size=(5, 3))
    inner = params["bidirectional"]
    want = np.concatenate([loop("gru", inner["forward"], xs, np.zeros(4))[0],
                           loop("gru", inner["backward"], xs, np.zeros(4), reverse=True)[0]], axis=1)
    np.testing.assert_allclose(run(d, xs, params=params), want, atol=1e-12)


def test_one_label_for_input_and_state():
    rng = np.random.default_rng(5)
    d = gru("t", "m=3 -> m=4")
    params, xs = drawn(d, rng), rng.normal(size=(5, 3))
    np.testing.assert_allclose(run(d, xs, params=params), loop("gru", params["gru"], xs, np.zeros(4))[0],
                               atol=1e-12)


def test_activation_of_the_simple_network():
    rng = np.random.default_rng(6)
    d = rnn_cell("x -> h", activation="relu")
    params, h, x = drawn(d, rng, **SIZES), rng.normal(size=4), rng.normal(size=3)
    p = params["rnn_cell"]
    want = np.maximum(affine(p["input"], x) + affine(p["hidden"], h), 0)
    np.testing.assert_allclose(run(d, h, x, params=params)[0], want, atol=1e-12)


@pytest.mark.parametrize("kind", LAYERS)
def test_jax_equals_reference(kind):
    rng = np.random.default_rng(7)
    d = bidirectional(LAYERS[kind], "t", "x -> h").on("b t x")
    params, xs = drawn(d, rng, **SIZES), rng.normal(size=(2, 5, 3))
    found = compile_diagram(d)(jax.tree.map(np.float32, params), np.float32(xs))
    np.testing.assert_allclose(found, run(d, xs, params=params), rtol=1e-4, atol=1e-5)


@pytest.mark.torch
@pytest.mark.parametrize("kind", LAYERS)
def test_equals_torch(kind):
    torch = pytest.importorskip("torch", reason="the optional PyTorch oracle is not installed")
    theirs = getattr(torch.nn, kind.upper())(3, 4, batch_first=True).double()
    gates = {"rnn": 1, "gru": 3, "lstm": 4}[kind]

    def mapped(side):
        weight, bias = (getattr(theirs, f"{what}_{side}_l0").detach().numpy() for what in ("weight", "bias"))
        weight, bias = weight.reshape(gates, 4, -1).transpose(2, 0, 1), bias.reshape(gates, 4)
        return {"weight": weight, "bias": bias} if gates > 1 else {"weight": weight[:, 0], "bias": bias[0]}
    xs = np.random.default_rng(8).normal(size=(2, 5, 3))
    want, _ = theirs(torch.tensor(xs))
    found = run(LAYERS[kind]("t", "x -> h").on("b t x"), xs,
                params={kind: {"input": mapped("ih"), "hidden": mapped("hh")}})
    np.testing.assert_allclose(found, want.detach().numpy(), atol=1e-10)


@pytest.mark.parametrize("make, error, words", [
    (lambda: gru("t", "x h"), NotationError, "x -> h"),
    (lambda: gru("t s", "x -> h"), NotationError, "one axis"),
    (lambda: gru("t", "x -> h").on("s x"), AxisError, "no axis t"),
    (lambda: gru("t", "x -> h").on("t x h"), AmbiguityError, "captured"),
    (lambda: gru("t", "t -> h"), AxisError, "stands twice"),
    (lambda: gru("t", "x -> h", name=""), NcdError, "not a name"),
    (lambda: rnn("t", "x -> h", activation="spam"), NcdError, "no scalar function"),
    (lambda: bidirectional(gru, "t", "x -> h k"), AxisError, "one axis of the state"),
    (lambda: bidirectional(gru, "t", "x -> h", reverse=True), NcdError, "sets `reverse` itself"),
])
def test_errors_say_what_is_wrong(make, error, words):
    with pytest.raises(error, match=words):
        make()
