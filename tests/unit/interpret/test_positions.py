"""Integers outside of what they index: refused where they are known, else they name nothing."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ncd
from ncd import nn
from ncd.errors import InputError

OUTSIDE = [-1, -3, 3, 100]


def cases():
    x = np.array([1.0, 2.0, 4.0], "float32")
    yield "gather", ncd.gather("n").on("n=3, e : index(3)"), x
    yield "cross_entropy", nn.cross_entropy("n").on("n=3, () : index(3)"), x
    yield "segment", ncd.segment("sum", "e -> n=3").on("e=3, e=3 : index(3)"), x
    yield "segment max", ncd.segment("max", "e -> n=3").on("e=3, e=3 : index(3)"), x


CASES = {name: (diagram, x) for name, diagram, x in cases()}


def given(diagram, bad: int, dtype="int32"):
    array = diagram.dom.inside[1]
    return np.array([0, bad, 2], dtype) if array.axes else np.array(bad, dtype)


@pytest.mark.parametrize("bad", OUTSIDE)
@pytest.mark.parametrize("name", CASES)
def test_known_integers_are_refused(name, bad):
    diagram, x = CASES[name]
    index = given(diagram, bad)
    for run in (diagram.to_jax(), diagram.to_numpy()):
        with pytest.raises(InputError, match="integers outside of what they index") as error:
            run(x, index)
        assert "want 0 to 2" in str(error.value) and "input 2" in str(error.value)
    with pytest.raises(InputError, match="integers outside"):
        jax.grad(lambda x: diagram.to_jax()(x, index).sum())(x)
    with pytest.raises(InputError, match="integers outside"):
        diagram.reverse().to_jax()(x, index, np.ones((diagram.cod.inside[0].axes and 3) or ()))


def test_integers_that_no_int32_holds_are_refused_and_not_wrapped():
    with pytest.raises(InputError, match="4294967296"):
        ncd.gather("n").on("n=3, () : index(3)").to_jax()(np.ones(3, "float32"), np.array(2 ** 32))


def test_integers_that_are_no_input_are_refused_too():
    shifted = ncd.diagram("n=3, e : int -> e")(lambda x, i: ncd.gather("n")(x, i - 1))
    with pytest.raises(InputError, match=r"the index of `gather\[n\]` has -1 to 1"):
        shifted.to_jax()(np.ones(3, "float32"), np.array([0, 2]))


# What is stated: nothing is read (0), nothing is written.
def one_hot(diagram, x, index):
    """The meaning by hand: each integer as a row of a matrix, those outside as zeros."""
    rows = (index[..., None] == np.arange(3)).astype(float)
    return {"gather": rows @ x, "cross_entropy": np.log(np.exp(x).sum()) - rows @ x, "segment": x @ rows}


@pytest.mark.parametrize("dtype", ["int8", "int32", "uint8"])
@pytest.mark.parametrize("bad", OUTSIDE)
@pytest.mark.parametrize("name", ["gather", "cross_entropy", "segment"])
def test_under_jit_they_name_nothing(name, bad, dtype):
    diagram, x = CASES[name]
    if dtype == "uint8" and bad < 0:
        bad += 256
    index = given(diagram, bad, dtype)
    run, want = diagram.to_jax(), one_hot(diagram, x, index)[name]
    np.testing.assert_allclose(jax.jit(run)(x, index), want, rtol=1e-6)
    w = jnp.asarray(np.arange(np.size(want)) + 1.0, "float32").reshape(np.shape(want))
    step = np.eye(3) * 1e-3
    wanted = [np.sum(w * (one_hot(diagram, x + d, index)[name] - one_hot(diagram, x - d, index)[name])) / 2e-3
              for d in step]
    by_jax = jax.jit(jax.grad(lambda x, i: (run(x, i) * w).sum()))(x, index)
    by_diagram = jax.jit(diagram.reverse().to_jax())(x, index, w)
    np.testing.assert_allclose(by_jax, wanted, rtol=1e-3)
    np.testing.assert_allclose(by_diagram, wanted, rtol=1e-3)
    forward = jax.jit(diagram.forward().to_jax())(x, index, jnp.ones(3))[1]
    np.testing.assert_allclose(forward, jax.jit(lambda x, i: jax.jvp(
        lambda x: run(x, i), (x,), (jnp.ones(3),))[1])(x, index), rtol=1e-6)


def test_the_largest_of_a_segment_that_an_entry_is_not_of():
    diagram, _ = CASES["segment max"]
    x, index = jnp.array([1.0, 0.0, 4.0]), np.array([0, -1, 2])
    assert jax.jit(diagram.to_jax())(x, index).tolist() == [1.0, -np.inf, 4.0]
    w = jnp.array([1.0, 2.0, 3.0])
    assert jax.jit(diagram.reverse().to_jax())(x, index, w).tolist() == [1.0, 0.0, 3.0]
    assert jax.jit(jax.grad(lambda x, i: diagram.to_jax()(x, i) @ w))(x, index).tolist()[1] == 0.0


# -- layers of edges: an integer outside is a position beyond all, whose results nobody reads ----
EDGES, BAD, BEYOND = np.array([[0, 2, 0, 1, 2, 0], [0, -1, 0, 3, 2, 77], [0, 3, 0, 3, 2, 3]])
SCORES = np.array([[0.5, 1.0], [1000.0, 0.0], [2.0, -1.0], [-7.0, 1000.0], [0.25, 3.0], [0.0, -1000.0]])
WEIGHTS = np.arange(1.0, 13.0).reshape(6, 2)


def everything(diagram, x, *rest):
    """(value, transposed derivative by the diagram and by JAX, derivative of ones) under jit."""
    w = jnp.asarray(WEIGHTS, "float32")
    run, pull, push = diagram.to_jax(), diagram.reverse().to_jax(), diagram.forward().to_jax()

    @jax.jit
    def found(x, *rest):
        y = run(x, *rest)
        v = w[:len(y)].at[3:].set(0) if len(y) < 6 else w
        return (y, pull(x, *rest, v), jax.vjp(lambda x: run(x, *rest), x)[1](v)[0],
                push(x, *rest, jnp.ones_like(x))[1])
    return [np.asarray(value) for value in found(jnp.asarray(x, "float32"), *rest)]


@pytest.mark.parametrize("empty", [None, 0])
def test_an_edge_without_a_segment_has_the_weight_0(empty):
    """In value and derivatives, whatever its score is; the others are as without it."""
    made = nn.segment_softmax("e -> n=3", empty=empty)
    found = everything(made.on("e=6 f=2, e=6 : index(3)"), SCORES, BAD)
    inside = (BAD >= 0) & (BAD < 3)
    few = made.on("e=3 f=2, e=3 : index(3)")
    x, index = SCORES[inside], BAD[inside]
    want = [few.to_numpy()(x, index), *[few.reverse().to_numpy()(x, index, WEIGHTS[inside])] * 2,
            few.forward().to_numpy()(x, index, np.ones((3, 2)))[1]]
    for ours, theirs in zip(found, want, strict=True):
        assert (ours[~inside] == 0).all()
        np.testing.assert_allclose(ours[inside], theirs, rtol=1e-5, atol=1e-5)
    share = 1 / (1 + np.exp(1.5))
    np.testing.assert_allclose(found[0][inside][:, 0], [share, 1 - share, 1], 1e-5)
    second = jax.jit(jax.hessian(lambda x, i: (made.to_jax()(x, i) * WEIGHTS[:, 0]).sum()))(
        jnp.asarray(SCORES[:, 0], "float32"), BAD)
    assert np.isfinite(second).all() and (second[~inside] == 0).all() and (second[:, ~inside] == 0).all()


@pytest.mark.parametrize("fold", ["sum", "mean", "max", "min"])
@pytest.mark.parametrize("message", [None, ncd.diagram("f, f -> f")(lambda s, t: s * nn.tanh(t))], ids=str)
def test_messages_from_and_to_nowhere(fold, message):
    """A source outside is a node of zeros, a target outside one that nobody reads."""
    def layer(n):
        return nn.message_passing(fold, message=message).on(f"n={n} f=2, e=6 : index({n}), e=6 : index({n})")
    x = np.random.default_rng(3).normal(size=(3, 2))
    beyond = np.concatenate([x, np.zeros((1, 2))])
    for bad, good in (((BAD, EDGES), (BEYOND, EDGES)), ((EDGES, BAD), (EDGES, BEYOND)),
                      ((BAD, BAD), (BEYOND, BEYOND))):
        value, pulled, by_jax, _ = everything(layer(3), x, *bad)
        want, slopes, *_ = everything(layer(4), beyond, *good)
        for ours, theirs in ((value, want), (pulled, slopes), (by_jax, slopes)):
            np.testing.assert_allclose(ours, theirs[:3], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("fold", ["sum", "mean", "max", "min"])
def test_a_node_of_no_graph(fold):
    def layer(n):
        return nn.readout(fold, f"e -> n={n}").on(f"e=6 f=2, e=6 : index({n})")
    value, pulled, by_jax, pushed = everything(layer(3), WEIGHTS, BAD)
    want, slopes, _, rate = everything(layer(4), WEIGHTS, BEYOND)
    for ours, theirs in ((value, want[:3]), (pulled, slopes), (by_jax, slopes), (pushed, rate[:3])):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_a_table_of_integers_and_of_truth_values():
    for kind, dtype in (("int", "int32"), ("bool", "bool")):
        read = ncd.gather("n").on(f"n=2 : {kind}, e : index(2)").to_jax()
        assert jax.jit(read)(np.ones(2, dtype), np.array([0, -1, 2])).tolist() == [1, 0, 0]


def test_positions_inside_are_read_as_ever():
    index = np.array([2, 0, 1, 2])
    for dtype in ("int8", "int16", "int32", "int64", "uint8", "uint32"):
        run = ncd.gather("n").on("n=3, e : index(3)").to_jax()
        assert run(np.array([1., 2., 4.]), index.astype(dtype)).tolist() == [4, 1, 2, 4]
