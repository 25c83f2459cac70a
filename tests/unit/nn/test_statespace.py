"""State spaces equal plain loops over the steps."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from ncd.errors import AxisError, NcdError, NotationError
from ncd.interpret.jax import compile_diagram
from ncd.interpret.reference import run
from ncd.nn.statespace import linear_recurrence, selective_state_space, state_space
from ncd.traverse.places import places
from tests.strategies import drawn


def rates(theta):
    return (np.arange(theta.shape[-1]) + 1) * np.exp(theta)


def state_space_by_loops(p, xs, reverse=False):
    h, ys = np.zeros(p["rate"].shape), np.zeros(xs.shape)
    for t in reversed(range(len(xs))) if reverse else range(len(xs)):
        for i in range(len(h)):
            h[i] = np.exp(-rates(p["rate"])[i]) * h[i] + sum(xs[t, c] * p["input"][c, i]
                                                             for c in range(xs.shape[1]))
        for c in range(xs.shape[1]):
            ys[t, c] = sum(h[i] * p["output"][i, c] for i in range(len(h))) + p["skip"][c] * xs[t, c]
    return ys


def selective_by_loops(p, xs, reverse=False):
    channels, states = p["rate"].shape
    h, ys = np.zeros((channels, states)), np.zeros(xs.shape)
    for t in reversed(range(len(xs))) if reverse else range(len(xs)):
        delta = np.log1p(np.exp(xs[t] @ p["step_down"] @ p["step_up"] + p["step"]))
        b, c = xs[t] @ p["input"], xs[t] @ p["output"]
        for m in range(channels):
            for i in range(states):
                decay = np.exp(-delta[m] * (i + 1) * np.exp(p["rate"][m, i]))
                h[m, i] = decay * h[m, i] + delta[m] * b[i] * xs[t, m]
            ys[t, m] = sum(c[i] * h[m, i] for i in range(states)) + p["skip"][m] * xs[t, m]
    return ys


@pytest.mark.parametrize("diagram, want", [
    (linear_recurrence("t", "n"), "t n, t n -> t n"),
    (linear_recurrence("t", "m n", steady=True), "m n, t m n -> t m n"),
    (linear_recurrence("t=5", "n").on("b t=5 n, b t=5 n"), "b t=5 n, b t=5 n -> b t=5 n"),
    (state_space("t", "m"), "t m -> t m"),
    (state_space("t", "m", "n").on("b t=9 m=4"), "b t=9 m=4 -> b t=9 m=4"),
    (selective_state_space("t", "m", rank="r"), "t m -> t m"),
    (selective_state_space("t", "m").lift("b"), "b t m -> b t m"),
])
def test_type(diagram, want):
    assert str(diagram) == want


def test_places():
    found = {"/".join(path): str(slot.array)
             for path, slot in places(selective_state_space("t", "m", "n", rank="r", name="S"))[0].items()}
    assert found == {"S/input": "m n", "S/output": "m n", "S/step_down": "m rank=r", "S/step_up": "rank=r m",
                     "S/step": "m", "S/rate": "m n", "S/skip": "m"}


def test_labels_of_a_batch_do_not_meet_inner_ones():
    d = selective_state_space("t", "m=3", "n=2").on("n=4 rank=2 t m=3")
    rng = np.random.default_rng(0)
    params, xs = drawn(d, rng), rng.normal(size=(4, 2, 5, 3))
    found = run(d, xs, params=params)
    for at in np.ndindex(4, 2):
        want = selective_by_loops(params["selective_state_space"], xs[at])
        np.testing.assert_allclose(found[at], want, atol=1e-12)
    assert d.init(0)["selective_state_space"]["step_up"].shape == (1, 3)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("steady", [False, True])
def test_recurrence_by_loops(steady, reverse):
    rng = np.random.default_rng(1)
    a, u = rng.uniform(size=(2,) if steady else (6, 2)), rng.normal(size=(6, 2))
    h, want = np.zeros(2), np.zeros((6, 2))
    for t in reversed(range(6)) if reverse else range(6):
        h = (a if steady else a[t]) * h + u[t]
        want[t] = h
    np.testing.assert_allclose(run(linear_recurrence("t", "n", steady, reverse), a, u), want, atol=1e-12)


@pytest.mark.parametrize("reverse", [False, True])
def test_state_space_by_loops(reverse):
    rng = np.random.default_rng(2)
    d = state_space("t", "m", "n=4", reverse=reverse)
    params, xs = drawn(d, rng, m=3), rng.normal(size=(6, 3))
    want = state_space_by_loops(params["state_space"], xs, reverse)
    np.testing.assert_allclose(run(d, xs, params=params), want, atol=1e-12)


@pytest.mark.parametrize("reverse", [False, True])
def test_selective_by_loops(reverse):
    rng = np.random.default_rng(3)
    d = selective_state_space("t", "m", "n=4", rank=2, reverse=reverse)
    params, xs = drawn(d, rng, m=3), rng.normal(size=(6, 3))
    want = selective_by_loops(params["selective_state_space"], xs, reverse)
    np.testing.assert_allclose(run(d, xs, params=params), want, atol=1e-12)


def test_a_state_space_is_a_convolution():
    """The response to an impulse, shifted and added, is the response to any input."""
    rng = np.random.default_rng(4)
    d = state_space("t", "m=1", "n=3")
    params, xs = drawn(d, rng), rng.normal(size=(7, 1))
    response = run(d, np.eye(7)[:, :1], params=params)[:, 0]
    want = [sum(response[j] * xs[t - j, 0] for j in range(t + 1)) for t in range(7)]
    np.testing.assert_allclose(run(d, xs, params=params)[:, 0], want, atol=1e-10)


def test_first_rates_are_those_of_the_papers():
    init = {path[-1]: slot.init for path, slot in places(state_space("t", "m"))[0].items()}
    assert np.exp(init["rate"].scale) == pytest.approx(0.01)
    init = {path[-1]: slot.init for path, slot in places(selective_state_space("t", "m"))[0].items()}
    assert np.log1p(np.exp(init["step"].scale)) == pytest.approx(0.01)


@pytest.mark.parametrize("d", [state_space("t", "m", "n=4"), selective_state_space("t", "m", "n=4")])
def test_jax_equals_reference(d):
    rng = np.random.default_rng(5)
    d = d.on("b t m")
    params, xs = drawn(d, rng, m=3), rng.normal(size=(2, 6, 3))
    found = compile_diagram(d)(jax.tree.map(np.float32, params), np.float32(xs))
    np.testing.assert_allclose(found, run(d, xs, params=params), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("make, error, words", [
    (lambda: state_space("t", "t"), AxisError, "three labels"),
    (lambda: selective_state_space("t", "m", "m"), AxisError, "three labels"),
    (lambda: state_space("t u", "m"), NotationError, "one axis"),
    (lambda: state_space("t", "m").on("t x"), AxisError, "no axis m"),
    (lambda: state_space("t", "m", name=""), NcdError, "not a name"),
    (lambda: linear_recurrence("t", "t"), AxisError, "stands twice"),
])
def test_errors_say_what_is_wrong(make, error, words):
    with pytest.raises(error, match=words):
        make()
