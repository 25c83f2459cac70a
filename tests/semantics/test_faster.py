"""Every faster rule is equal to the definition that it replaces, on many shapes and options."""

from __future__ import annotations

import itertools

import jax
import numpy as np
import pytest

import ncd
from ncd import nn
from ncd.core.category import Ty
from ncd.interpret.jax import JAX
from ncd.nn.star import Star
from ncd.ops.after import After
from ncd.ops.overlap import Overlap
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
    assert set(JAX.faster) == {*CASES, Overlap, After}
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


def overlaps():
    """The reverses of windows on one axis or two, with holes, gaps, padding, more than are unrolled."""
    for kernel, stride, padding in itertools.product((1, 2, 3, 5), (1, 2, 3), (0, 1)):
        if 2 * padding < kernel:
            yield nn.sum_pool("x=11", kernel, stride, padding).on("b x=11 t")
    yield nn.sum_pool("x=9 y=7", {"x": 2, "y": 3}, {"x": 3, "y": 2}, padding={"y": 1}).on("y=7 b x=9")
    yield nn.sum_pool("x=80", 40, 1).on("x=80 b")
    yield nn.sum_pool("x=12", 3, 2, dilation=2).on("b x=12")
    for reads in ("8 - 2*i - j", "i + 2*j", "j", "3*i + j + 1"):
        read = ncd.reindex("x=14 -> i=4 j=3", x=reads)
        yield read.lift("b")


@pytest.mark.parametrize("diagram", list(overlaps()), ids=str)
def test_an_overlap_is_its_definition(diagram):
    """The forward program that it is the transpose of is JAX's: both sides are held to jax.vjp."""
    sizes, draw = {"b": 2, "t": 3}, np.random.default_rng(1)
    arrays = [[a.size.evaluate(sizes) for a in side.inside[0].axes] for side in (diagram.dom, diagram.cod)]
    value, weight = (draw.normal(size=shape).astype("float32") for shape in arrays)
    backward = diagram.transpose()
    quick = jax.jit(backward.to_jax())(weight)
    plain = backward.to_jax(JAX.without_faster())(weight)
    _, turn = jax.vjp(diagram.to_jax(), value)
    np.testing.assert_allclose(quick, plain, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(quick, turn(weight)[0], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(backward.transpose().to_jax()(value), diagram.to_jax()(value), rtol=1e-5,
                               atol=1e-5)


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
