"""Normalisations against NumPy: the axes reduced and those scaled are the ones named."""

from __future__ import annotations

import numpy as np
import pytest

from ncd.core.category import Ty
from ncd.errors import AxisError, NcdError, NotationError, SizeError
from ncd.interpret.reference import run
from ncd.nn.normalise import batch_norm, batch_norm_inference, group_norm, layer_norm, rms_norm
from ncd.ops.pointwise import Stop
from ncd.traverse.places import places

RANDOM = np.random.default_rng(3)
X = RANDOM.normal(size=(2, 3, 4, 6)) + 2          # n x y c
SCALE, SHIFT = RANDOM.normal(size=6), RANDOM.normal(size=6)


def standard(x, numbers, eps, centred=True):
    x = x - x.mean(numbers, keepdims=True) if centred else x
    return x / np.sqrt((x ** 2).mean(numbers, keepdims=True) + eps)


def test_layer_norm():
    d = layer_norm("c", eps=0.1).on("n x y c")
    assert d.cod == Ty("n x y c")
    got = run(d, X, params={"layer_norm": {"scale": SCALE, "shift": SHIFT}})
    np.testing.assert_allclose(got, standard(X, 3, 0.1) * SCALE + SHIFT)
    inner = layer_norm("x").on("n x y c")          # an axis that is not the last
    scale, shift = RANDOM.normal(size=3), RANDOM.normal(size=3)
    got = run(inner, X, params={"layer_norm": {"scale": scale, "shift": shift}})
    np.testing.assert_allclose(got, standard(X, 1, 1e-5) * scale[:, None, None] + shift[:, None, None])
    several = layer_norm("x y", scale=False, shift=False).on("n x y c")
    np.testing.assert_allclose(run(several, X), standard(X, (1, 2), 1e-5))
    assert several.op.place is None


def test_rms_norm_does_not_centre_or_shift():
    got = run(rms_norm("c").on("n x y c"), X, params={"rms_norm": {"scale": SCALE}})
    np.testing.assert_allclose(got, standard(X, 3, 1e-6, centred=False) * SCALE)
    np.testing.assert_allclose(run(rms_norm("c", scale=False).on("n x y c"), X),
                               standard(X, 3, 1e-6, centred=False))


@pytest.mark.parametrize("reduced, numbers", [("n", 0), ("n x y", (0, 1, 2)), ("x n", (0, 1))])
def test_batch_norm_reduces_the_axes_named_and_no_others(reduced, numbers):
    d = batch_norm(reduced, "c").on("n x y c")
    assert d.cod == Ty("n x y c")
    got = run(d, X, params={"batch_norm": {"scale": SCALE, "shift": SHIFT}})
    np.testing.assert_allclose(got, standard(X, numbers, 1e-5) * SCALE + SHIFT)


def test_the_axis_reduced_by_batch_norm_must_be_there():
    with pytest.raises(AxisError, match="no axis n"):
        batch_norm("n", "c").on("x c")


def test_batch_norm_inference_uses_stored_statistics():
    d = batch_norm_inference("c", eps=0.5).on("n x y c")
    stored = {"mean": RANDOM.normal(size=6), "variance": RANDOM.random(6) + 1, "scale": SCALE, "shift": SHIFT}
    got = run(d, X, params={"batch_norm": stored})
    want = (X - stored["mean"]) / np.sqrt(stored["variance"] + 0.5) * SCALE + SHIFT
    np.testing.assert_allclose(got, want)
    stopped = sum(isinstance(op, Stop) for op in d.op.expansion.graph.ops)
    assert stopped == 2


@pytest.mark.parametrize("groups", [1, 2, 3, 6])
def test_group_norm(groups):
    given = {"group_norm": {"scale": SCALE, "shift": SHIFT}}
    got = run(group_norm("c", groups, reduced="x y").on("n x y c"), X, params=given)
    parts = X.reshape(2, 3, 4, groups, 6 // groups)
    want = standard(parts, (1, 2, 4), 1e-5).reshape(X.shape) * SCALE + SHIFT
    np.testing.assert_allclose(got, want)
    alone = run(group_norm("c", groups).on("n x y c"), X, params=given)
    np.testing.assert_allclose(alone, standard(parts, 4, 1e-5).reshape(X.shape) * SCALE + SHIFT)


def test_group_norm_where_the_features_are_not_last():
    x = np.moveaxis(X, 3, 1)                      # n c x y
    given = {"group_norm": {"scale": SCALE, "shift": SHIFT}}
    got = run(group_norm("c", 2, reduced="x y").on("n c x y"), x, params=given)
    want = run(group_norm("c", 2, reduced="x y").on("n x y c"), X, params=given)
    np.testing.assert_allclose(np.moveaxis(got, 1, 3), want)


def test_scale_and_shift_begin_as_the_identity_and_names_tie():
    slots = places(layer_norm("m", name="N") >> layer_norm("m", name="N"))[0]
    assert {path: slot.init.kind for path, slot in slots.items()} == {
        ("N", "scale"): "ones", ("N", "shift"): "zeros"}
    assert list(places(batch_norm("n", "c"))[0]) == [("batch_norm", "scale"), ("batch_norm", "shift")]


def test_bad_options_are_refused():
    for made in (layer_norm, rms_norm):
        with pytest.raises(NotationError):
            made("")
        with pytest.raises(AxisError):
            made("m m")
        with pytest.raises(NcdError, match="eps"):
            made("m", eps=-1e-5)
    with pytest.raises(NotationError):
        batch_norm("", "c")
    with pytest.raises(AxisError):
        batch_norm("c", "c")
    for groups in (0, "g/2"):
        with pytest.raises(SizeError, match="groups"):
            group_norm("c", groups)
    with pytest.raises(SizeError, match="do not divide"):
        group_norm("c", 4).on("n c=6")
    with pytest.raises(NotationError):
        group_norm("c d", 4)
