"""Whether a segment is empty, and which of equal entries come first, is no question to values."""

from __future__ import annotations

import jax
import numpy as np
import pytest

import ncd
from ncd import nn

INF = float("inf")


def both(diagram, *inputs):
    """The results of both interpretations, found equal, signs of zeros and places of NaN among them."""
    ours, theirs = ([np.asarray(x) for x in (made if isinstance(made, tuple) else (made,))]
                    for made in (diagram.to_jax()(*inputs), diagram.to_numpy()(*inputs)))
    for a, b in zip(ours, theirs):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(np.signbit(a[~np.isnan(a)]), np.signbit(b[~np.isnan(b)]))
    return [a.tolist() for a in ours]


@pytest.mark.parametrize("fold, unit", [("max", -INF), ("min", INF)])
def test_an_entry_that_is_the_unit_is_an_entry(fold, unit):
    x = np.array([unit, 1.0, 2.0], "float32")
    source, target = np.array([0, 1]), np.array([0, 1])
    assert both(nn.message_passing(fold), x, source, target) == [[unit, 1.0, 0.0]]
    assert both(nn.message_passing(fold, empty=7.0), x, source, target) == [[unit, 1.0, 7.0]]
    assert both(nn.readout(fold, "n -> b=3", empty=7.0), x, np.array([0, 2, 2])) == [
        [unit, 7.0, 2.0 if fold == "max" else 1.0]]
    wide = nn.message_passing(fold, empty=7.0).on("n=3 f=1, e : index(3), e : index(3)")
    assert both(wide, x[:, None], source, target) == [[[unit], [1.0], [7.0]]]


@pytest.mark.parametrize("fold", ["max", "min"])
def test_the_slope_of_an_entry_that_is_the_unit(fold):
    unit = -INF if fold == "max" else INF
    x, ends = np.array([unit, 1.0, 2.0], "float32"), np.array([0, 1])
    lens = nn.message_passing(fold).reverse().composite
    assert both(lens, x, ends, ends, np.array([2.0, 3.0, 5.0], "float32")) == [[2.0, 3.0, 0.0]]


@pytest.mark.parametrize("values, places", [
    ([-0.0, 0.0, 1.0], [2, 0, 1]), ([0.0, -0.0, -1.0], [0, 1, 2]), ([-0.0, 0.0, -0.0, 0.0], [0, 1, 2, 3]),
    ([np.nan, 1, 2], [0, 2, 1]), ([-np.nan, 1, np.nan], [0, 2, 1]), ([1, -np.nan, INF], [1, 2, 0]),
    ([-INF, INF, 0], [1, 2, 0]), ([2, 2, 2], [0, 1, 2])])
def test_equal_entries_keep_their_order(values, places):
    values = np.array(values, "float32")
    found, place = both(ncd.topk(f"x -> k={len(values)}"), values)
    assert place == places
    np.testing.assert_array_equal(found, values[places])
    one = ncd.topk("x -> k=1").to_jax()
    slope = jax.grad(lambda x: one(x)[0][0])(values)
    assert np.argmax(slope) == places[0] and slope.sum() == 1
