"""Integers: 32 bits in JAX, whatever holds them outside; the reference refuses what would wrap."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ncd
from ncd import nn
from ncd.core.array import Array
from ncd.errors import InputError
from ncd.ops.multilinear import Einsum

NARROW = ["uint8", "int8", "uint16", "int16", "int32", "uint32", "int64"]


def both(diagram, *inputs):
    """The result of both interpretations, found equal."""
    ours, theirs = diagram.to_jax()(*inputs), diagram.to_numpy()(*inputs)
    np.testing.assert_array_equal(ours, theirs)
    return np.asarray(ours).tolist()


@pytest.mark.parametrize("dtype", NARROW)
def test_bytes_do_not_wrap(dtype):
    x, y = np.full(10, 100, dtype), np.full(10, 120, dtype)
    total = ncd.diagram("x : int -> () : int")(lambda x: ncd.reduce("sum", "x")(x))
    mean = ncd.diagram("x : int -> ()")(lambda x: ncd.reduce("sum", "x")(x) / ncd.size("x"))
    less = ncd.diagram("x : int, x : int -> x : bool")(lambda a, b: a - b < 0)
    square = ncd.diagram("x : int -> x : int")(lambda a: a * a)
    dot = ncd.diagram("x : int, x : int -> () : int")(lambda a, b: Einsum(
            (a.type, b.type), ((0,), (0,)), Array((), "int"), ())(a, b))
    assert both(total, x) == 1000 and both(mean, x) == 100
    assert both(less, x, y) == [True] * 10 and both(square, x) == [10_000] * 10
    assert both(dot, x, y) == 120_000
    assert both(ncd.segment("sum", "e -> n=2").on("e : int, e : index(2)"), x, np.zeros(10, int)) == [1000, 0]
    assert total.to_jax()(jnp.asarray(x)).dtype == jnp.int32
    assert jax.jit(square.to_jax())(jnp.asarray(x)).tolist() == [10_000] * 10


def test_an_image_of_bytes_has_the_mean_of_its_numbers():
    image = ncd.diagram("x : int -> ()")(lambda x: nn.mean("x")(ncd.elementwise("to_float")(x)))
    assert both(image, np.full(10, 200, np.uint8)) == 200


OVERFLOWS = {
    "sum": (lambda a, b: a + b, 2 ** 31 - 1, 1), "difference": (lambda a, b: a - b, -2 ** 31, 1),
    "product": (lambda a, b: a * b, 2 ** 20, 2 ** 20), "square": (lambda a, b: a * a + b, 2 ** 20, 0),
    "power": (lambda a, b: a ** 50 + b, 3, 0), "large power": (lambda a, b: a ** 10000 + b, 3, 0),
    "negative": (lambda a, b: -a + b, -2 ** 31, 0), "abs": (lambda a, b: abs(a) + b, -2 ** 31, 0)}


@pytest.mark.parametrize("name", OVERFLOWS)
def test_the_reference_refuses_what_wraps(name):
    body, a, b = OVERFLOWS[name]
    diagram = ncd.diagram("x : int, x : int -> x : int")(body)
    with pytest.raises(InputError, match=r"32 bits do not hold|is no integer"):
        diagram.to_numpy()(np.array([a]), np.array([b]))


def test_folds_that_wrap_are_refused():
    x = np.full(3, 2 ** 30)
    for diagram, inputs in (
            (ncd.diagram("x : int -> () : int")(lambda x: ncd.reduce("sum", "x")(x)), (x,)),
            (ncd.diagram("x : int -> () : int")(lambda x: ncd.reduce("product", "x")(x)), (x,)),
            (ncd.segment("sum", "e -> n=1").on("e : int, e : index(1)"), (x, np.zeros(3, int)))):
        with pytest.raises(InputError, match="32 bits do not hold"):
            diagram.to_numpy()(*inputs)
    # In JAX they wrap, modulo 2 ** 32.
    assert int(diagram.to_jax()(x, np.zeros(3, int))[0]) == 3 * 2 ** 30 - 2 ** 32


@pytest.mark.parametrize("body", [lambda a, b: a // b, lambda a, b: a % b])
def test_a_division_by_0_is_no_integer(body):
    diagram = ncd.diagram("x : int, x : int -> x : int")(body)
    with pytest.raises(InputError, match="divided by 0"):
        diagram.to_numpy()(np.array([5]), np.array([0]))
    a, b = (x.ravel() for x in np.meshgrid(np.arange(-7, 8), [-3, -2, -1, 1, 2, 3]))
    np.testing.assert_array_equal(diagram.to_jax()(a, b), body(a, b))
    np.testing.assert_array_equal(diagram.to_numpy()(a, b), body(a, b))


@pytest.mark.parametrize("value", [1e12, np.nan, np.inf, -3e9])
def test_a_float_that_no_integer_is_is_refused(value):
    with pytest.raises(InputError):
        ncd.elementwise("to_int").to_numpy()(value)


@pytest.mark.parametrize("value", [
    np.array([2 ** 40]), np.array([2 ** 32 - 1], np.uint32), np.array([-2 ** 31 - 1])])
def test_inputs_beyond_32_bits_are_refused(value):
    diagram = ncd.diagram("x : int -> x : int")(lambda x: x + 0)
    with pytest.raises(InputError, match="int32 does not hold"):
        diagram.to_jax()(value)
    with pytest.raises(InputError, match="32 bits do not hold"):
        diagram.to_numpy()(value)
    with jax.enable_x64(True):
        assert diagram.to_jax()(value).tolist() == value.tolist()


def test_the_message_says_what_would_happen():
    with pytest.raises(InputError) as caught:
        ncd.diagram("x : int -> x : int")(lambda x: x * x).to_numpy()(np.array([2 ** 20]))
    assert "`multiply`" in str(caught.value) or "`square`" in str(caught.value)
    assert "wraps, modulo 2**32" in str(caught.value) and "to_float" in str(caught.value)
