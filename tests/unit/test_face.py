"""What a new user meets first: operators on wires, the methods of a diagram, and what is refused."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

import ncd
from ncd import nn
from ncd.ops.monoid import Monoid
from ncd.ops.multilinear import Einsum
from ncd.ops.pointwise import Reduce
from ncd.ops.scalar import ScalarFunction


def test_operators_on_wires():
    @ncd.diagram("x, x")
    def chosen(a, b):
        equal, less = a == b, a < b
        return ncd.where(equal | ~less, abs(a), 0), ncd.where((a != b) & less, 1.0, 0.0)
    a, b = np.array([1.0, -2.0, 3.0]), np.array([1.0, 0.0, 0.0])
    first, second = chosen.to_numpy()(a, b)
    np.testing.assert_array_equal(first, [1, 0, 3])
    np.testing.assert_array_equal(second, [0, 1, 0])


def test_to_numpy_is_called_as_to_jax_is():
    layer = nn.linear("m -> k")
    params = layer.init(0, m=3, k=2)
    np.testing.assert_allclose(layer.to_numpy()(params, np.ones(3)), layer.to_jax()(params, jnp.ones(3)),
                               rtol=1e-6)
    noisy = nn.dropout(0.5).on("x=8")
    assert noisy.to_numpy()(np.ones(8), key=1).shape == (8,)


def test_diagrams_do_not_add():
    with pytest.raises(ncd.NcdError, match="diagrams do not add"):
        nn.relu + nn.tanh


def test_a_wire_is_not_an_array():
    with pytest.raises(ncd.NcdError, match="a wire has no value"):
        ncd.diagram("x")(lambda x: np.asarray(x))


def test_an_unknown_initialiser_is_refused_at_once():
    with pytest.raises(ncd.NcdError, match="no initialiser 'one'"):
        ncd.parameter("gain", "m", "one")
    gain = ncd.parameter("gain", "m", "ones").init(0, m=3)["gain"]
    np.testing.assert_array_equal(gain, np.ones(3))


def test_a_batch_is_answered_with_lift():
    with pytest.raises(ncd.errors.InputError, match=r'\.lift\("n"\) takes a batch'):
        nn.relu.on("x").to_jax()(jnp.ones((2, 3)))


def test_a_rule_for_a_defined_operation_is_a_faster_rule():
    table = ncd.jax | {nn.softmax("x").op.__class__: lambda run, op, x: x * 0}
    model = nn.softmax("x").on("x=3")
    assert not model.to_jax(table)(jnp.ones(3)).any()
    plain = model.to_jax(table.without_faster())
    np.testing.assert_allclose(plain(jnp.ones(3)), np.full(3, 1 / 3), rtol=1e-6)


def test_a_cost_table_of_ones_own():
    softmax = nn.softmax("x").on("x")
    priced = ncd.cost | {type(softmax.op): lambda op, convention: ncd.cost.rules[Einsum](
        ncd.einsum("x, x -> x").op, convention)}
    assert str(softmax.cost(interpretation=priced).flops) == "x"
    assert str(softmax.cost().flops) == "4*x - 2"


def test_a_monoid_of_ones_own_runs_in_jax():
    norm = Monoid("hypotenuse", ScalarFunction("hypot", ("x", "y"), "sqrt(x*x + y*y)"), 0.0)
    model = ncd.reduce(norm, "x").on("y x")
    value = np.arange(6.0).reshape(2, 3)
    want = np.sqrt((value ** 2).sum(1))
    np.testing.assert_allclose(model.to_numpy()(value), want)
    np.testing.assert_allclose(model.to_jax()(value.astype("float32")), want, rtol=1e-6)
    assert isinstance(model.op, Reduce)


def test_unit_axes_come_and_go_for_free():
    value = np.arange(6.0).reshape(2, 1, 3)
    for text, shape in (("a 1 b -> a b", (2, 3)), ("a 1 b -> b a", (3, 2)), ("a 1 b -> 1 a b", (1, 2, 3))):
        model = ncd.rearrange(text)
        assert model.to_numpy()(value).shape == shape
        assert model.to_jax()(value).shape == shape
    assert ncd.rearrange("a 1 b -> a b").cost().reads == 0
    assert ncd.rearrange("a -> 1 a").cost().reads == 0


def test_nested_blocks_of_any_depth():
    model = nn.tanh.on("x")
    for _ in range(500):
        model = (model >> nn.tanh).block("inner")
    assert model.cost().transcendentals == 501 * ncd.size("x").sympy
    assert model.to_numpy()(np.ones(3)).shape == (3,)
    assert model.to_jax()(jnp.ones(3)).shape == (3,)


def test_doubled_blocks_are_measured_once():
    model = nn.tanh.on("x")
    for _ in range(40):
        model = (model >> model).block("double")
    assert model.cost().transcendentals == 2 ** 40 * ncd.size("x").sympy
    assert ncd.from_json(model.to_json()) == model
    assert model.lift("q").cost().exact["transcendentals"].evaluate({"x": 1, "q": 3}) == 3 * 2 ** 40
