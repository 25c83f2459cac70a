"""Elementwise functions against NumPy and SciPy, on any axes."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special

from ncd.core.category import Ty
from ncd.errors import NcdError
from ncd.interpret.reference import run
from ncd.nn import activation
from ncd.nn.linear import linear

X = np.linspace(-4, 4, 21).reshape(3, 7) + 0.01
FORMULAS = {
    "relu": lambda x: np.where(x > 0, x, 0), "silu": lambda x: x * scipy.special.expit(x),
    "gelu": lambda x: x * scipy.special.ndtr(x), "sigmoid": scipy.special.expit, "tanh": np.tanh,
    "gelu_tanh": lambda x: 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x ** 3))),
    "softplus": lambda x: np.logaddexp(0, x), "exp": np.exp, "square": np.square, "negate": np.negative,
    "reciprocal": np.reciprocal, "abs": np.abs, "sign": np.sign, "floor": np.floor, "sin": np.sin,
    "cos": np.cos, "erf": scipy.special.erf}
POSITIVE = {"log": np.log, "sqrt": np.sqrt, "rsqrt": lambda x: 1 / np.sqrt(x)}


@pytest.mark.parametrize("name", [*FORMULAS, *POSITIVE])
def test_each_function_is_its_formula_on_every_entry(name):
    f, x = getattr(activation, name), np.abs(X) if name in POSITIVE else X
    lifted = f.on("b x")
    assert f.dom == f.cod == Ty("()") and lifted.cod == Ty("b x")
    np.testing.assert_allclose(run(lifted, x), (FORMULAS | POSITIVE)[name](x), rtol=1e-9, atol=1e-12)
    assert lifted.op.elementwise and f"Elementwise {name}" in f.__doc__


def test_each_value_composes_point_free():
    d = linear("m -> f", bias=False) >> activation.relu
    w = np.array([[1.0, -1.0]])
    np.testing.assert_array_equal(run(d, [3.0], params={"linear": {"weight": w}}), [3.0, 0.0])


def test_functions_with_a_number():
    np.testing.assert_allclose(run(activation.leaky_relu(0.3).on("b x"), X), np.where(X > 0, X, 0.3 * X))
    np.testing.assert_allclose(run(activation.leaky_relu(2).on("b x"), X), np.where(X > 0, X, 2 * X))
    np.testing.assert_allclose(run(activation.elu(1.5).on("b x"), X), np.where(X > 0, X, 1.5 * np.expm1(X)))
    for bad in ("0.1", float("nan"), float("inf"), None, True):
        with pytest.raises(NcdError, match=r"finite number|is a number, not"):
            activation.leaky_relu(bad)
        with pytest.raises(NcdError, match=r"finite number|is a number, not"):
            activation.elu(bad)
