"""Multi-head attention against NumPy head by head: parameters, groups, masks, rotation, labels."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from ncd import nn
from ncd.core.category import Ty
from ncd.errors import AxisError, NcdError, SizeError
from ncd.interpret.reference import run
from ncd.nn.attention import attention
from ncd.nn.multihead import cross_attention, grouped_query_attention, multi_head_attention, self_attention
from ncd.nn.position import rotary
from ncd.traverse.places import find, places

RANDOM = np.random.default_rng(6)
M, H, WIDTH = 5, 4, 2
Y, X = RANDOM.normal(size=(3, M)), RANDOM.normal(size=(6, M))


def weights(d, **sizes):
    """Random numbers for every parameter of one block, by the name of its layer."""
    made = {}
    for (_, layer, kind), slot in places(d)[0].items():
        shape = [axis.size.evaluate(sizes) for axis in slot.array.axes]
        made.setdefault(layer, {})[kind] = RANDOM.normal(size=shape)
    return made


def by_heads(y, x, w, core=None, group=None, turn=(lambda q: q, lambda k: k)):
    """The sum over heads of attention between projections."""
    core = core or (lambda q, k, v: run(attention(), q, k, v))
    full = {name: w[name]["weight"] for name in "QKVO"}
    total = 0
    for h in range(full["Q"].shape[2]):
        g = h if group is None else group(h)
        q, k, v = y @ full["Q"][:, :, h], x @ full["K"][:, :, g], x @ full["V"][:, :, g]
        total = total + core(turn[0](q), turn[1](k), v) @ full["O"][:, h]
    return total


def test_multi_head_attention():
    d = multi_head_attention()
    assert d.dom == Ty("y m, x m") and d.cod == Ty("y m") and d.op.title == "multi_head_attention"
    w = weights(d, m=M, k=WIDTH, h=H)
    got = run(d, Y, X, params={"multi_head_attention": w})
    np.testing.assert_allclose(got, by_heads(Y, X, w))


def test_the_published_sizes_have_32768_parameters():
    d = multi_head_attention(heads=4, width=16).on("y=20 m=128, x=22 m=128")
    slots = places(d)[0]
    assert {path[1:] for path in slots} == {(name, "weight") for name in "QKVO"}
    assert sum(slot.array.elements.evaluate({}) for slot in slots.values()) == 32_768
    symbolic = multi_head_attention().bind(k=16, h=4, m=128)
    assert {p: s.array for p, s in places(symbolic)[0].items()} == {p: s.array for p, s in slots.items()}


def test_extra_axes_are_broadcast_over_and_weights_shared():
    d = multi_head_attention(heads=H, width=WIDTH).on("b y m, x m")
    assert d.cod == Ty("b y m")
    w = {"multi_head_attention": weights(d, m=M)}
    y = RANDOM.normal(size=(2, 3, M))
    got = run(d, y, X, params=w)
    for b in range(2):
        np.testing.assert_allclose(got[b], by_heads(y[b], X, w["multi_head_attention"]))


def test_labels_of_the_data_may_be_those_used_inside():
    for axes in ("k v, h v", "q k, g k", "y k, x h"):
        made = cross_attention(axes, heads=H, width=WIDTH)
        assert made.dom == Ty(axes) and made.cod == Ty(axes)[:1]
        (_, m), (_, n) = (array.labels for array in made.dom.inside)
        w = weights(made, **{m: M, n: M})
        np.testing.assert_allclose(run(made, Y, X, params={made.op.title: w}), by_heads(Y, X, w))
    lifted = self_attention(heads=H, width=WIDTH).on("y h x m")
    assert lifted.cod == Ty("y h x m")
    w = weights(lifted, m=M)
    data = RANDOM.normal(size=(2, 3, 6, M))
    got = run(lifted, data, params={"self_attention": w})
    np.testing.assert_allclose(got[1, 2], by_heads(data[1, 2], data[1, 2], w))


def test_self_attention_is_attention_of_a_sequence_to_itself():
    d = self_attention()
    assert d.dom == d.cod == Ty("x m")
    w = weights(d, m=M, k=WIDTH, h=H)
    assert set(w) == set("QKVO")
    np.testing.assert_allclose(run(d, X, params={"self_attention": w}), by_heads(X, X, w))
    biased = self_attention(bias=True)
    assert set(weights(biased, m=M, k=WIDTH, h=H)["O"]) == {"weight", "bias"}


def test_self_attention_under_a_mask_does_not_see_what_is_hidden():
    causal, window = self_attention(mask="causal"), self_attention(mask="window", window=2)
    w = {"self_attention": weights(causal, m=M, k=WIDTH, h=H)}
    before, windowed = run(causal, X, params=w), run(window, X, params=w)
    for place in range(6):
        x = X.copy()
        x[place] += 1
        after = run(causal, x, params=w)
        np.testing.assert_array_equal(after[:place], before[:place])
        assert (after[place:] != before[place:]).any(1).all()
        changed = np.flatnonzero((run(window, x, params=w) != windowed).any(1))
        assert list(changed) == [y for y in (place, place + 1) if y < 6]


def test_masks_as_inputs():
    d = self_attention(mask="input")
    assert d.dom == Ty("x m, y=x x : bool")
    w = {"self_attention": weights(d, m=M, k=WIDTH, h=H)}
    lower = np.tril(np.ones((6, 6), bool))
    np.testing.assert_allclose(run(d, X, lower, params=w), run(self_attention(mask="causal"), X, params=w))
    batched = d.on("b x m, b y=x x : bool")
    assert batched.cod == Ty("b x m")
    both = run(batched, np.stack([X, X]), np.stack([lower, lower]), params=w)
    np.testing.assert_allclose(both[1], run(d, X, lower, params=w))
    cross = cross_attention(mask="input")
    assert cross.dom == Ty("y m, x m, y x : bool")
    w = weights(cross, m=M, k=WIDTH, h=H)
    seen = RANDOM.random((3, 6)) < 0.5
    seen[:, 0] = True
    np.testing.assert_allclose(run(cross, Y, X, seen, params={"cross_attention": w}), by_heads(
        Y, X, w, core=lambda q, k, v: run(attention("input"), q, k, v, seen)))


def test_grouped_queries_share_keys_and_values():
    d = grouped_query_attention(groups=2, heads=H, width=WIDTH)
    w = weights(d, m=M)
    assert w["Q"]["weight"].shape == (M, WIDTH, 2, 2) and w["K"]["weight"].shape == (M, WIDTH, 2)
    flat = {"Q": w["Q"]["weight"].reshape(M, WIDTH, H), "O": w["O"]["weight"].reshape(WIDTH, H, M)}
    flat = w | {name: {"weight": value} for name, value in flat.items()}
    got = run(d, Y, X, params={"grouped_query_attention": w})
    np.testing.assert_allclose(got, by_heads(Y, X, flat, group=lambda h: h // 2))
    itself = self_attention(heads=H, width=WIDTH, groups=2)
    np.testing.assert_allclose(run(itself, X, params={"self_attention": w}),
                               by_heads(X, X, flat, group=lambda h: h // 2))


def test_one_group_is_multi_query_and_a_group_a_head_is_multi_head():
    one = grouped_query_attention(groups=1, heads=H, width=WIDTH)
    assert weights(one, m=M)["K"]["weight"].shape == (M, WIDTH, 1)
    full = grouped_query_attention(groups=H, heads=H, width=WIDTH)
    w = weights(full, m=M)
    flat = {name: {"weight": value["weight"].reshape(
        [n for n in value["weight"].shape if n != 1])} for name, value in w.items()}
    np.testing.assert_allclose(run(full, Y, X, params={"grouped_query_attention": w}), by_heads(Y, X, flat))
    assert {str(s) for slot in places(grouped_query_attention())[0].values()
            for s in slot.array.labels} >= {"g", "q"}


def test_rotation_of_queries_and_keys():
    for value, base in ((True, 10000), (50, 50)):
        d = multi_head_attention(rotary=value, mask="causal", offset=3)
        w = weights(d, m=M, k=WIDTH, h=H)
        want = by_heads(
            Y, X, w, core=lambda q, k, v: run(attention("causal", offset=3), q, k, v),
            turn=(lambda q: run(rotary("y k", base, 3), q), lambda k: run(rotary("x k", base), k)))
        np.testing.assert_allclose(run(d, Y, X, params={"multi_head_attention": w}), want)


def test_cross_attention_has_features_of_its_own_on_each_side():
    d = cross_attention("y m, x n", heads=H, width=WIDTH)
    w = weights(d, m=M, n=7)
    assert w["K"]["weight"].shape == (7, WIDTH, H) and w["O"]["weight"].shape == (WIDTH, H, M)
    x = RANDOM.normal(size=(6, 7))
    np.testing.assert_allclose(run(d, Y, x, params={"cross_attention": w}), by_heads(Y, x, w))


def test_bad_options_are_refused():
    for axes in ("y m", "y m, x", "y m, x m, z m", "y m, y m", "m y, y m", "y m : int, x m"):
        with pytest.raises(AxisError):
            multi_head_attention(axes)
    for axes in ("x", "x y m", "x x"):
        with pytest.raises(AxisError):
            self_attention(axes)
    with pytest.raises(NcdError, match="no mask"):
        self_attention(mask="future")
    with pytest.raises(NcdError, match="between two sequences"):
        cross_attention(mask="causal")
    with pytest.raises(SizeError, match="do not divide"):
        grouped_query_attention(groups=3, heads=8)
    with pytest.raises(SizeError, match="odd"):
        self_attention(rotary=True, width=3)


@pytest.mark.parametrize("empty", [None, 0])
@pytest.mark.parametrize("layer", [nn.multi_head_attention, nn.cross_attention, nn.grouped_query_attention])
def test_a_query_without_keys_spoils_no_weight(layer, empty):
    """Its result is NaN or the bias; with cotangent 0 on it the slopes of all weights are as without it."""
    model = layer("y=2 m=3, x=4 n=3" if layer is nn.cross_attention else "y=2 m=3, x=4 m=3", heads=2, width=2,
                  mask="input", empty=empty, **({"groups": 1} if layer is nn.grouped_query_attention else {}))
    params = jax.tree.map(lambda leaf: np.asarray(leaf) + 0.5, model.init(0))
    random = np.random.default_rng(0)
    q, memory = random.normal(size=(2, 3)), random.normal(size=(4, 3))
    seen = np.array([[True, False, True, False], [False] * 4])
    outputs = np.asarray(model.to_numpy()(params, q, memory, seen))
    assert np.isfinite(outputs[0]).all()
    assert np.isnan(outputs[1]).all() if empty is None else (outputs[1] == 0).all()

    def loss(params):
        return model.to_jax()(params, q, memory, seen)[0].sum()
    wanted = jax.grad(loss)(params)
    lens = model.reverse("parameters")
    slopes = lens.composite.to_jax()(params, q, memory, seen, np.array([[1.0] * 3, [0.0] * 3]))
    for path, have in zip(places(model)[0], slopes):
        want = find(wanted, path)
        assert np.isfinite(want).all() and np.abs(want).max() > 0
        np.testing.assert_allclose(have, want, rtol=1e-4, atol=1e-5)
