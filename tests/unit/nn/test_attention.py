"""Attention against plain loops over queries, with every mask, lifted and under other labels."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ncd.core.category import Ty
from ncd.errors import AxisError, NcdError, SizeError
from ncd.interpret.reference import run
from ncd.nn.attention import attention, causal_mask, window_mask
from ncd.nn.multihead import self_attention

RANDOM = np.random.default_rng(5)
Q, K, V = RANDOM.normal(size=(4, 3)), RANDOM.normal(size=(6, 3)), RANDOM.normal(size=(6, 2))
CAUSAL, WINDOW = {"mask": "causal"}, {"mask": "window"}
OPTIONS = [{}, CAUSAL, CAUSAL | {"offset": 2}, CAUSAL | {"offset": 9}, WINDOW | {"window": 2},
           WINDOW | {"window": 3, "offset": 1}]


def sees(y, x, mask=None, window=None, offset=0):
    return mask is None or (x <= y + offset and (window is None or x > y + offset - window))


def by_loops(q, k, v, seen):
    out = np.empty((len(q), v.shape[1]))
    for y in range(len(q)):
        keys = [x for x in range(len(k)) if seen(y, x)]
        weights = np.array([np.exp(q[y] @ k[x] / np.sqrt(q.shape[1])) for x in keys])
        out[y] = sum(w * v[x] for w, x in zip(weights / weights.sum(), keys))
    return out


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_attention_is_a_weighted_mean_of_the_values_seen(options):
    d = attention(**options)
    assert d.dom == Ty("y k, x k, x v") and d.cod == Ty("y v")
    want = by_loops(Q, K, V, lambda y, x: sees(y, x, **options))
    np.testing.assert_allclose(run(d, Q, K, V), want)
    lifted = d.on("b y h k, x h k, b x v h")
    assert lifted.cod == Ty("b h y v")
    q, k, v = (RANDOM.normal(size=shape) for shape in ((2, 4, 3, 5), (6, 3, 5), (2, 6, 2, 3)))
    got = run(lifted, q, k, v)
    for b in range(2):
        for h in range(3):
            want = by_loops(q[b, :, h], k[:, h], v[b, :, :, h], lambda y, x: sees(y, x, **options))
            np.testing.assert_allclose(got[b, h], want)


def test_a_mask_as_an_input():
    d = attention("input")
    assert d.dom == Ty("y k, x k, x v, y x : bool")
    mask = RANDOM.random((4, 6)) < 0.5
    mask[:, 2] = True
    np.testing.assert_allclose(run(d, Q, K, V, mask), by_loops(Q, K, V, lambda y, x: mask[y, x]))
    lifted = d.on("y k, x k, x v, b y x : bool")
    masks = np.stack([mask, np.ones_like(mask)])
    got = run(lifted, Q, K, V, masks)
    assert lifted.cod == Ty("b y v")
    np.testing.assert_allclose(got[1], run(attention(), Q, K, V))
    mask[1] = False
    assert np.isnan(run(d, Q, K, V, mask)[1]).all() and np.isfinite(run(d, Q, K, V, mask)[0]).all()


def test_causal_attention_does_not_depend_on_later_keys():
    d, late = attention("causal"), attention("window", window=2)
    before, windowed = run(d, Q, K, V), run(late, Q, K, V)
    for x in range(6):
        k, v = K.copy(), V.copy()
        k[x], v[x] = 5, -7
        after = run(d, Q, k, v)
        np.testing.assert_array_equal(after[:x], before[:x])
        assert (after[x:] != before[x:]).any(1).all()
        changed = (run(late, Q, k, v) != windowed).any(1)
        assert list(np.flatnonzero(changed)) == [y for y in (x, x + 1) if y < 4]


def test_queries_and_keys_have_their_own_axes():
    permuted = np.random.default_rng(0).permutation(6)
    np.testing.assert_allclose(run(attention(), Q, K[permuted], V[permuted]), run(attention(), Q, K, V))
    np.testing.assert_allclose(run(attention(), Q[::-1], K, V), run(attention(), Q, K, V)[::-1])
    renamed = attention("causal").rename(y="p", x="s", k="d", v="e")
    assert renamed.dom == Ty("p=y d=k, s=x d=k, s=x e=v") and renamed.cod == Ty("p=y e=v")
    np.testing.assert_allclose(run(renamed, Q, K, V), run(attention("causal"), Q, K, V))


def test_masks_are_arrays_of_truth_values():
    y, x = np.indices((4, 6))
    assert causal_mask().cod == Ty("y x : bool")
    np.testing.assert_array_equal(run(causal_mask(), y=4, x=6), x <= y)
    np.testing.assert_array_equal(run(causal_mask(offset=2), y=4, x=6), x <= y + 2)
    np.testing.assert_array_equal(run(window_mask(2), y=4, x=6), (x <= y) & (x > y - 2))
    np.testing.assert_array_equal(run(window_mask("w", "p q"), p=4, q=6, w=3), (x <= y) & (x > y - 3))
    np.testing.assert_array_equal(run(window_mask(1, offset="o"), y=4, x=6, o=2), x == y + 2)


def test_bad_options_are_refused():
    with pytest.raises(NcdError, match="no mask 'casual'"):
        attention("casual")
    with pytest.raises(NcdError, match="width"):
        attention("window")
    with pytest.raises(NcdError, match="width"):
        attention("causal", window=3)
    for window in (0, -1, "w/2"):
        with pytest.raises(SizeError, match="window"):
            attention("window", window=window)
    for made in (causal_mask, lambda axes: window_mask(2, axes)):
        for axes in ("x", "x y z", "x x"):
            with pytest.raises(AxisError):
                made(axes)


@pytest.mark.parametrize("dom", ["y k, x k, y v", "y k, x v, x v", "y k=3, x k=4, x v", "y k, x k"])
def test_bad_types_are_refused(dom):
    with pytest.raises(NcdError):
        attention().on(dom)


# -- queries without keys ----------------------------------------------------------------
HIDING = [({"mask": "input"}, True), (CAUSAL | {"offset": -2}, False),
          (WINDOW | {"window": 1, "offset": 4}, False)]


def hidden(options, given: bool):
    """(the mask as a matrix, the inputs of the diagram): the last query or the first ones see nothing."""
    mask = np.array([[sees(y, x, **options) if not given else y < 3 and x != 1 for x in range(6)]
                     for y in range(4)])
    assert not mask.any(1).all() and mask.any()
    return mask, [Q, K, V, *([mask] if given else [])]


@pytest.mark.parametrize("empty", [None, 0])
@pytest.mark.parametrize("options, given", HIDING)
def test_a_query_without_keys_spoils_nothing(options, given, empty):
    """Its value is NaN or 0 as asked; what the others get, and every derivative, is as without it."""
    mask, inputs = hidden(options, given)
    alone = ~mask.any(1)
    d, w = attention(**options, empty=empty), RANDOM.normal(size=(4, 2))
    w[alone] = 0
    found = run(d, *inputs)
    assert np.isnan(found[alone]).all() if empty is None else (found[alone] == 0).all()
    np.testing.assert_allclose(found[~alone], by_loops(Q[~alone], K, V, lambda y, x: mask[~alone][y, x]))
    rest = attention("input")
    want = run(rest.reverse().composite, Q[~alone], K, V, mask[~alone], w[~alone])
    pulled = [run(d.reverse().composite, *inputs, w), run(d.reverse(faster=False).composite, *inputs, w)]
    program, fixed = d.to_jax(), inputs[3:]
    floats = [jnp.asarray(x, "float32") for x in (*inputs[:3], w)]
    pulled.append(jax.vjp(lambda *x: program(*x, *fixed), *floats[:3])[1](floats[3]))
    for q, k, v in pulled:
        np.testing.assert_allclose(q[~alone], want[0], rtol=1e-4, atol=1e-5)
        assert (np.asarray(q)[alone] == 0).all()
        np.testing.assert_allclose(k, want[1], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(v, want[2], rtol=1e-4, atol=1e-5)


def test_only_masks_that_can_hide_everything_are_dearer():
    for options in ({}, CAUSAL, CAUSAL | {"offset": 2}, CAUSAL | {"offset": "n"}):
        assert "'any'" not in repr(attention(**options)) and "empty=0" not in repr(attention(**options))
    assert "empty=0" not in repr(self_attention(mask="window", window=2))
    for options, _ in HIDING:
        assert "'any'" in repr(attention(**options)) and "'any'" not in repr(attention(**options, empty=0))


def test_another_value_of_nothing_is_refused():
    for value in (1, False, "zero", float("nan")):
        with pytest.raises(NcdError, match="want    None, for NaN, or 0"):
            attention("input", empty=value)
