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


def test_a_table_of_integers_and_of_truth_values():
    for kind, dtype in (("int", "int32"), ("bool", "bool")):
        read = ncd.gather("n").on(f"n=2 : {kind}, e : index(2)").to_jax()
        assert jax.jit(read)(np.ones(2, dtype), np.array([0, -1, 2])).tolist() == [1, 0, 0]


def test_positions_inside_are_read_as_ever():
    index = np.array([2, 0, 1, 2])
    for dtype in ("int8", "int16", "int32", "int64", "uint8", "uint32"):
        run = ncd.gather("n").on("n=3, e : index(3)").to_jax()
        assert run(np.array([1., 2., 4.]), index.astype(dtype)).tolist() == [4, 1, 2, 4]
