"""Moments and lengths over named axes, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from ncd.core.category import Ty
from ncd.errors import AxisError, NcdError, NotationError
from ncd.interpret.reference import run
from ncd.nn.statistics import l2_norm, l2_normalise, mean, variance

X = np.random.default_rng(2).normal(size=(2, 3, 4)) + 1


@pytest.mark.parametrize("axes, numbers", [("b", (0,)), ("x", (1,)), ("y x", (1, 2)), ("b x y", (0, 1, 2))])
def test_values_over_any_axes(axes, numbers):
    left = Ty(" ".join(a for a in ["b", "x", "y"] if a not in axes) or "()")
    for made, formula in ((mean, np.mean), (variance, np.var)):
        d = made(axes).on("b x y")
        assert d.cod == left
        np.testing.assert_allclose(run(d, X), formula(X, axis=numbers))
    length = np.sqrt((X ** 2).sum(numbers, keepdims=True))
    np.testing.assert_allclose(run(l2_norm(axes).on("b x y"), X), length.squeeze(numbers))
    d = l2_normalise(axes).on("b x y")
    assert d.cod == Ty("b x y")
    np.testing.assert_allclose(run(d, X), X / length)


def test_a_short_vector_is_divided_by_eps():
    np.testing.assert_allclose(run(l2_normalise("m", eps=0.5), [0.0, 0.3]), [0.0, 0.6])


def test_a_mean_is_linear_and_sees_the_size_that_the_axis_has():
    assert mean("x").op.linear == (0,)
    assert run(mean("x").on("x=2*k"), np.array([1.0, 2, 3, 6])) == 3


def test_bad_axes_are_refused():
    for made in (mean, variance, l2_norm, l2_normalise):
        with pytest.raises(NotationError):
            made("")
        with pytest.raises(AxisError):
            made("x x")
        with pytest.raises(AxisError, match="no axis z"):
            made("z").on("b x")
    with pytest.raises(NcdError, match="eps"):
        l2_normalise("m", eps=-1)
