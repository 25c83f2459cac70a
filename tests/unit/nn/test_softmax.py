"""Softmax, its logarithm and cross entropy: values, axes, masked and large entries."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special

from ncd.core.category import Ty
from ncd.errors import AmbiguityError, AxisError, NotationError, SizeError
from ncd.interpret.reference import run
from ncd.nn.softmax import Softmax, cross_entropy, log_softmax, logsumexp, softmax
from ncd.nn.statistics import mean

X = np.random.default_rng(1).normal(size=(2, 3, 4))


@pytest.mark.parametrize("axes, numbers", [("x", (1,)), ("b", (0,)), ("y", (2,)), ("x y", (1, 2)),
                                           ("y b", (0, 2)), ("b x y", (0, 1, 2))])
def test_values_over_any_axes(axes, numbers):
    for made, formula in ((softmax, scipy.special.softmax), (log_softmax, scipy.special.log_softmax)):
        d = made(axes).on("b x y")
        assert d.dom == d.cod == Ty("b x y")
        np.testing.assert_allclose(run(d, X), formula(X, axis=numbers))
    d = logsumexp(axes).on("b x y")
    assert d.cod == Ty(" ".join(a for a in ["b", "x", "y"] if a not in axes) or "()")
    np.testing.assert_allclose(run(d, X), scipy.special.logsumexp(X, axis=numbers))


def test_only_the_named_axis_is_normalised():
    np.testing.assert_allclose(run(softmax("x").on("b x y"), X).sum(1), np.ones((2, 4)))
    assert softmax("x").op.own == {"x"} and isinstance(softmax("x").on("b x").op, Softmax)


def test_large_entries_do_not_overflow():
    np.testing.assert_allclose(run(softmax("x"), [1000.0, 1000.0, -1000.0]), [0.5, 0.5, 0.0])
    np.testing.assert_allclose(run(log_softmax("x"), [1000.0, 0.0]), [0.0, -1000.0])
    assert run(logsumexp("x"), [1000.0, 1000.0]) == pytest.approx(1000 + np.log(2))


def test_masked_entries_give_zero_and_a_masked_row_has_no_distribution():
    np.testing.assert_allclose(run(softmax("x"), [0.0, -np.inf, np.log(3)]), [0.25, 0, 0.75])
    assert np.isnan(run(softmax("x"), [-np.inf, -np.inf])).all()


@pytest.mark.parametrize("row, total", [
    ([-np.inf, -np.inf], -np.inf), ([-np.inf, 1.0], 1.0), ([np.inf, 1.0], np.inf),
    ([1e4, 1e4], 1e4 + np.log(2))])
def test_a_sum_of_weights_that_may_all_be_none(row, total):
    made, row = logsumexp("x"), np.array(row)
    assert run(made, row) == total
    assert made.to_jax()(row.astype("float32")) == np.float32(total)


def test_cross_entropy_is_minus_the_log_probability():
    logits, label = X[0], np.array([3, 0, 2])
    d = cross_entropy("c").on("b c, b : index(c)")
    assert d.cod == Ty("b") and cross_entropy("c").cod == Ty("()")
    want = -scipy.special.log_softmax(logits, axis=1)[np.arange(3), label]
    np.testing.assert_allclose(run(d, logits, label), want)
    np.testing.assert_allclose(run(d >> mean("b"), logits, label), want.mean())
    shared = cross_entropy("c").on("b c, () : index(c)")
    np.testing.assert_allclose(run(shared, logits, np.array(1)),
                               -scipy.special.log_softmax(logits, axis=1)[:, 1])


def test_bad_axes_are_refused():
    for made in (softmax, log_softmax, logsumexp):
        with pytest.raises(NotationError):
            made("")
        with pytest.raises(AxisError, match="twice"):
            made("x x")
        with pytest.raises(AxisError, match="no axis z"):
            made("z").on("b x")
    with pytest.raises(NotationError):
        cross_entropy("a b")
    with pytest.raises(SizeError):
        cross_entropy("c").on("b c=3, b : index(4)")
    with pytest.raises(AmbiguityError):
        cross_entropy("c").on("b c, c : index(c)")
