"""Small derived operations equal their equations; operations that only move entries take any dtype."""

from __future__ import annotations

import numpy as np
import pytest

from ncd.construct.derived import bend, cosine, cup, diagonal, normalise, one_hot, relabel, unit
from ncd.construct.generators import elementwise, gather, index, parameter, reduce, stop
from ncd.construct.notation import einsum, rearrange
from ncd.construct.trace import diagram
from ncd.errors import AxisError
from ncd.interpret.reference import run


def random(*shape):
    return np.random.default_rng(sum(shape)).normal(size=shape)


def test_unit_and_cup_are_transposes():
    assert np.array_equal(run(unit("i", "j"), i=3), np.eye(3))
    a, b = random(4, 3), random(2, 3)
    np.testing.assert_allclose(run(cup("x").on("p x, q x"), a, b), a @ b.T)


def test_diagonal():
    a = random(2, 3, 3)
    np.testing.assert_allclose(run(diagonal("i", "j").on("b i j=i"), a), [np.diag(a[0]), np.diag(a[1])])


def test_cosine_and_shares():
    a, b = random(4, 3), random(5, 3)
    wanted = a @ b.T / np.linalg.norm(a, axis=1)[:, None] / np.linalg.norm(b, axis=1)
    np.testing.assert_allclose(run(cosine("f").on("u f, v f"), a, b), wanted)
    assert run(cosine("f"), [0.0, 0.0], [1.0, 0.0]) == 0
    np.testing.assert_allclose(run(normalise("x").on("y x"), a ** 2), a ** 2 / (a ** 2).sum(1, keepdims=True))
    assert not np.any(run(normalise("x", 1e-6), [0.0, 0.0]))


def test_a_one_hot_is_the_transpose_of_gathering():
    at, table = np.array([2, 0, 2]), random(4, 5)
    picked = einsum("e n, n f -> e f")
    hot = run(one_hot("n=4").on("e : index(4)"), at)
    np.testing.assert_allclose(run(picked, hot, table), run(gather("n").on("n f, e : index(n)"), table, at))


def test_a_relabelled_array_is_the_same_array():
    swapped = relabel(i="j", j="i").on("i=2 j=3")
    assert str(swapped) == "i=2 j=3 -> j=2 i=3"
    assert np.array_equal(run(swapped, random(2, 3)), random(2, 3))


@diagram("a -> b=5 c=2")
def linear(m):
    return einsum("a, a b c -> b c")(m, parameter("F", "a b=5 c=2")())


def test_bending_by_the_cup_is_bending_by_the_unit():
    """F^T = (b F) ; (cup × id) = (unit × id) ; F^T's defining sum, and bending keeps linearity's adjoint."""
    f, m = random(3, 5, 2), random(5, 3)
    found = run(bend(linear, "b"), m, params={"F": f})
    basis = [run(linear, row, params={"F": f}) for row in np.eye(3)]
    np.testing.assert_allclose(found, sum(m[b, a] * basis[a][b] for a in range(3) for b in range(5)))


@pytest.mark.parametrize("label", ["a", "x"])
def test_only_an_output_axis_is_bent(label):
    with pytest.raises(AxisError):
        bend(linear, label)


@pytest.mark.parametrize(("drawn", "type_", "made"), [
    (rearrange("a b -> p=(b a)"), "a b : index(9)", "a b : index(9) -> p=a*b : index(9)"),
    (relabel(e="d"), "e : bool", "e : bool -> d=e : bool"),
    (index(x=1), "x : key", "x : key -> () : key"),
    (stop(), "x : int", "x : int -> x : int"),
    (gather("n"), "n f : bool, e : index(n)", "n f : bool, e : index(n) -> e f : bool")])
def test_what_only_moves_entries_takes_any_dtype(drawn, type_, made):
    assert str(drawn.on(type_)) == made


@pytest.mark.parametrize(("drawn", "type_"), [
    (elementwise("exp"), "x : int"), (gather("n"), "n, e"), (reduce("sum", "x"), "x : bool"),
    (cup("x"), "x : bool, x : bool")])
def test_what_computes_wants_its_own_dtype(drawn, type_):
    with pytest.raises(AxisError, match="want"):
        drawn.on(type_)
