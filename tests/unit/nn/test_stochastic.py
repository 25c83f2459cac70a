"""Dropout: its mask, its mean, its key by place or as an input, and what may not be copied."""

from __future__ import annotations

import numpy as np
import pytest

from ncd.construct.generators import constant
from ncd.core.category import Diagram, Ty
from ncd.errors import InputError, NcdError
from ncd.interpret.reference import run
from ncd.nn.stochastic import dropout
from ncd.traverse.places import places

ONES = np.ones((40, 50))


def test_entries_are_dropped_at_the_rate_and_the_others_scaled():
    y = run(dropout(0.3).on("b x"), 3 * ONES, key=1)
    kept = y != 0
    np.testing.assert_allclose(y[kept], 3 / 0.7)
    assert abs(kept.mean() - 0.7) < 0.04
    assert len({tuple(row) for row in kept}) == 40 and len({tuple(row) for row in kept.T}) == 50


def test_the_key_by_place_decides():
    d = dropout(0.5).on("b x")
    np.testing.assert_array_equal(run(d, ONES, key=1), run(d, ONES, key=1))
    assert (run(d, ONES, key=1) != run(d, ONES, key=2)).any()
    assert list(places(d)[1]) == [("dropout", "key")] and not d.op.deterministic
    with pytest.raises(InputError, match="key"):
        run(d, ONES)


def test_copy_is_natural_only_with_the_key_as_an_input():
    x = Ty("x")
    f = dropout(0.5).on("x")
    assert f >> Diagram.copy(x) != Diagram.copy(x) >> f @ f
    first, second = run(Diagram.copy(x) >> f @ f, np.ones(200), key=1)
    assert (first != second).any()
    g = dropout(0.5, explicit=True).on("x, () : key")
    assert g >> Diagram.copy(x) == Diagram.copy(g.dom) >> g @ g and g.op.deterministic


def test_one_name_draws_one_key():
    f = dropout(0.5, name="mask").on("x")
    first, second = run(Diagram.copy(Ty("x")) >> f @ f, np.ones(200), key=1)
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("dom, shape", [("b x, () : key", ()), ("b x, b : key", (40,)),
                                        ("b x, x : key", (50,)), ("b x, b x : key", (40, 50))])
def test_an_explicit_key_serves_the_axes_that_it_lacks(dom, shape):
    d = dropout(0.5, explicit=True).on(dom)
    assert d.cod == Ty("b x")
    keys = np.arange(int(np.prod(shape))).reshape(shape)
    kept = run(d, ONES, keys) != 0
    assert abs(kept.mean() - 0.5) < 0.04
    assert len({tuple(row) for row in kept}) == 40 and len({tuple(row) for row in kept.T}) == 50


def test_keys_that_the_array_has_no_axis_for_lift_it():
    d = dropout(0.5, explicit=True).on("x, h : key")
    y = run(d, np.ones(50), np.arange(3))
    assert d.cod == Ty("x h") and y.shape == (50, 3) and (y[:, 0] != y[:, 1]).any()


def test_lifting_draws_for_every_index_also_where_nothing_varies():
    kept = run((constant(1.0, "x=200") >> dropout(0.5)).lift("h=3"), key=1)
    assert kept.shape == (3, 200) and (kept[0] != kept[1]).any() and (kept[1] != kept[2]).any()


def test_repeats_draw_step_by_step():
    y = run(dropout(0.5).on("x=1000").repeat(3), np.ones(1000), key=1)
    assert set(np.unique(y)) == {0.0, 8.0} and abs((y != 0).mean() - 1 / 8) < 0.05


def test_rate_zero_is_the_identity():
    assert dropout(0) == Diagram.id("()") and len(dropout(0).on("b x")) == 0
    assert dropout(0.0, explicit=True).on("b x, () : key").cod == Ty("b x")


@pytest.mark.parametrize("rate", [-0.1, 1, 1.5, float("nan"), "0.1", None, True])
def test_a_rate_out_of_range_is_refused(rate):
    with pytest.raises(NcdError, match=r"dropout rate|`rate` is a number"):
        dropout(rate)
