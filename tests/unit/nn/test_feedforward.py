"""Feed-forward blocks against NumPy, and their gated forms."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special

from ncd.core.category import Ty
from ncd.errors import AxisError, NotationError
from ncd.interpret.reference import run
from ncd.nn.activation import gelu, sigmoid, tanh
from ncd.nn.feedforward import feed_forward, gated_feed_forward
from ncd.traverse.places import places

RANDOM = np.random.default_rng(7)
X = RANDOM.normal(size=(2, 4, 3))


def some(*shape):
    return RANDOM.normal(size=shape)


def test_feed_forward():
    up, down = {"weight": some(3, 5), "bias": some(5)}, {"weight": some(5, 3), "bias": some(3)}
    hidden = X @ up["weight"] + up["bias"]
    for made, f in ((feed_forward(), lambda x: np.maximum(x, 0)), (feed_forward("m", "f", tanh), np.tanh)):
        d = made.on("b x m")
        assert d.cod == Ty("b x m")
        got = run(d, X, params={"feed_forward": {"up": up, "down": down}})
        np.testing.assert_allclose(got, f(hidden) @ down["weight"] + down["bias"])
    bare = feed_forward("m", "f=5", bias=False)
    assert sum(slot.array.elements.evaluate({"m": 3}) for slot in places(bare)[0].values()) == 30


def test_gated_feed_forward():
    gate, up, down = ({"weight": some(*shape)} for shape in ((3, 5), (3, 5), (5, 3)))
    a, b = X @ gate["weight"], X @ up["weight"]
    for made, f in ((gated_feed_forward(), lambda x: x * scipy.special.expit(x)),
                    (gated_feed_forward("m", "f", sigmoid), scipy.special.expit),
                    (gated_feed_forward("m", "f", gelu), lambda x: x * scipy.special.ndtr(x))):
        got = run(made.on("b x m"), X, params={"gated_feed_forward": {"gate": gate, "up": up, "down": down}})
        np.testing.assert_allclose(got, (f(a) * b) @ down["weight"])
    biased = places(gated_feed_forward(bias=True))[0]
    assert {path[1:] for path in biased} == {(name, kind) for name in ("gate", "up", "down")
                                             for kind in ("weight", "bias")}


def test_bad_axes_are_refused():
    for made in (feed_forward, gated_feed_forward):
        with pytest.raises(AxisError, match="label"):
            made("m", "m=64")
        with pytest.raises(NotationError):
            made("x m", "f")
        with pytest.raises(AxisError, match="no axis m"):
            made().on("x p")
