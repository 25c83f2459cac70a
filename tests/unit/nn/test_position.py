"""Positions against NumPy: sinusoids, tables, and rotations that see only differences."""

from __future__ import annotations

import numpy as np
import pytest

from ncd.core.category import Ty
from ncd.errors import AxisError, NcdError, NotationError, SizeError
from ncd.interpret.reference import run
from ncd.nn.position import learned_position, rotary, sinusoidal
from ncd.traverse.places import places

RANDOM = np.random.default_rng(4)


def angles(positions, size, base=10000.0):
    return positions[:, None] * base ** (-np.arange(size // 2) / (size // 2))


@pytest.mark.parametrize("base, offset", [(10000, 0), (100, 3)])
def test_sinusoidal(base, offset):
    d = sinusoidal("x m", base=base, offset=offset)
    assert d.dom == Ty() and d.cod == Ty("x m")
    y, a = run(d, x=7, m=6), angles(np.arange(7) + offset, 6, base)
    np.testing.assert_allclose(y[:, ::2], np.sin(a), atol=1e-12)
    np.testing.assert_allclose(y[:, 1::2], np.cos(a), atol=1e-12)


def test_sinusoidal_sizes_and_labels_are_those_named():
    assert sinusoidal("t m=8").cod == Ty("t m=8")
    with pytest.raises(SizeError, match="odd"):
        sinusoidal("x m=5")
    assert sinusoidal("x m=2*p").bind(p=3).cod == Ty("x m=6")


def test_learned_position_is_a_parameter():
    d = learned_position("x m")
    (slot,) = places(d)[0].values()
    assert slot.path == ("position",) and slot.init.scale == 0.02
    table = RANDOM.normal(size=(3, 2))
    np.testing.assert_array_equal(run(d, params={"position": table}), table)
    assert list(places(learned_position("x", name="/where"))[0]) == [("where",)]
    with pytest.raises(NotationError):
        learned_position("")


@pytest.mark.parametrize("base, offset", [(10000, 0), (50, 2)])
def test_rotary_turns_neighbouring_pairs(base, offset):
    x = RANDOM.normal(size=(5, 6))
    turned = (x[:, ::2] + 1j * x[:, 1::2]) * np.exp(1j * angles(np.arange(5) + offset, 6, base))
    y = run(rotary("x k", base=base, offset=offset), x)
    np.testing.assert_allclose(y[:, ::2], turned.real)
    np.testing.assert_allclose(y[:, 1::2], turned.imag)


def test_rotary_on_more_axes_in_another_order():
    x = RANDOM.normal(size=(2, 6, 3, 5))
    d = rotary("x k").on("b k h x")
    assert d.cod == Ty("b k h x")
    got = run(d, x)
    for b in range(2):
        for h in range(3):
            np.testing.assert_allclose(got[b, :, h], run(rotary("x k"), x[b, :, h].T).T)
    clash = rotary("x k").on("t two x k")          # labels that the definition might use itself
    y = RANDOM.normal(size=(2, 3, 5, 6))
    np.testing.assert_allclose(run(clash, y)[1, 2], run(rotary("x k"), y[1, 2]))


def test_rotated_inner_products_see_only_the_difference_of_positions():
    q, k = RANDOM.normal(size=(2, 6))
    qs, ks = (run(rotary("x k"), np.tile(v, (9, 1))) for v in (q, k))
    products = qs @ ks.T
    for shift in range(-8, 9):
        diagonal = np.diagonal(products, shift)
        np.testing.assert_allclose(diagonal, diagonal[0])
    np.testing.assert_allclose(np.linalg.norm(qs, axis=1), np.linalg.norm(q))


@pytest.mark.parametrize("made", [sinusoidal, rotary])
def test_bad_options_are_refused(made):
    for text in ("x", "x y z"):
        with pytest.raises(AxisError):
            made(text)
    with pytest.raises(NotationError):
        made("")
    with pytest.raises(AxisError, match="twice"):
        made("x x")
    for base in (0, -1, "10", None, True):
        with pytest.raises(NcdError, match="base"):
            made("x m", base=base)


def test_an_odd_number_of_features_is_refused_when_it_is_known():
    with pytest.raises(SizeError, match="odd"):
        rotary("x k").on("x k=5")
    with pytest.raises(AxisError, match="no axis k"):
        rotary("x k").on("x m")
