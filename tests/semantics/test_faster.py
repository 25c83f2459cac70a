"""Every faster rule is equal to the definition that it replaces, on many shapes and options."""

from __future__ import annotations

import itertools

import jax
import numpy as np
import pytest

from ncd import nn
from ncd.core.category import Ty
from ncd.interpret.jax import JAX
from ncd.nn.star import Star
from ncd.ops.order import After
from theory.random import values


def convolutions():
    """Options of a convolution with numeric types, transposed or not."""
    for stride, dilation, padding, groups, transpose in itertools.product(
            (1, 2, 3), (1, 2), (0, 1, 2), (1, 2), (False, True)):
        layer = nn.convolution("x", "c=4 -> e=6", kernel=3, stride=stride, dilation=dilation,
                               padding=padding, groups=groups, transpose=transpose)
        yield layer.on("b x=9 c=4 t")
    yield nn.convolution("x y", "c=2 -> e=3", kernel={"x": 2, "y": 3}, stride={"x": 1, "y": 2}, padding=1,
                         bias=False).on("c=2 y=7 b x=6 t")
    yield nn.convolution("x y z", "c=2 -> e=3", kernel=2, transpose=True, stride=2).on("x=2 y=3 z=2 c=2 t b")


CASES = {Star: list(convolutions())}


def test_every_faster_rule_has_cases():
    assert set(JAX.faster) == {*CASES, After}
    assert all(CASES.values())


@pytest.mark.parametrize("value, other", [
    ("x y", "()"), ("()", "x y"), ("x : bool", "k : index(7)"), ("x", "x : bool")])
def test_after_is_its_definition(value, other):
    diagram = After(*Ty(f"{value}, {other}").inside).diagram.lift("b")
    given = values(diagram.dom, {"x": 2, "y": 3, "b": 4, "k": 2}, 1)
    plain = diagram.to_jax(JAX.without_faster())(*given)
    for found in (diagram.to_jax()(*given), jax.jit(diagram.to_jax())(*given)):
        np.testing.assert_array_equal(found, plain)
        assert found.dtype == plain.dtype


@pytest.mark.parametrize("diagram", [d for cases in CASES.values() for d in cases], ids=str)
def test_a_faster_rule_is_its_definition(diagram):
    sizes = {"b": 2, "t": 2}
    params = diagram.init(3)
    params = jax.tree.map(lambda leaf: leaf + 0.5, params)   # a bias that is not zero
    (array,) = diagram.dom.inside
    value = np.random.default_rng(0).normal(size=[a.size.evaluate(sizes) for a in array.axes])
    fast = diagram.to_jax()(params, value.astype("float32"))
    plain = diagram.to_jax(JAX.without_faster())(params, value.astype("float32"))
    np.testing.assert_allclose(fast, plain, rtol=1e-4, atol=1e-4)
    # The derivatives in the array and in the weight are the other faces.
    lens, weight = diagram.reverse(), np.cos(np.arange(fast.size)).reshape(fast.shape).astype("float32")
    quick = lens.to_jax()(params, value.astype("float32"), weight)
    slow = lens.to_jax(JAX.without_faster())(params, value.astype("float32"), weight)
    derived = diagram.reverse(faster=False).to_jax()(params, value.astype("float32"), weight)
    for a, b, c in zip(quick, slow, derived):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(a, c, rtol=1e-4, atol=1e-4)
