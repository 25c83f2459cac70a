"""Residuals with a norm before or after, and transformer blocks, against their equations."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ncd
from ncd.core.category import Ty
from ncd.errors import AxisError, NcdError
from ncd.interpret.reference import run
from ncd.nn.block import post_norm, pre_norm, residual, transformer_block
from ncd.nn.feedforward import feed_forward
from ncd.nn.linear import linear
from ncd.nn.multihead import cross_attention, self_attention
from ncd.nn.normalise import layer_norm
from ncd.traverse.places import places

RANDOM = np.random.default_rng(8)
SIZES = {"m": 4, "k": 2, "h": 3, "f": 5}
X = RANDOM.normal(size=(6, 4))


def random_parameters(d, **sizes):
    tree = {}
    for path, slot in places(d)[0].items():
        inner = tree
        for name in path[:-1]:
            inner = inner.setdefault(name, {})
        inner[path[-1]] = RANDOM.normal(size=[axis.size.evaluate(sizes) for axis in slot.array.axes])
    return tree


def standard(x):
    x = x - x.mean(-1, keepdims=True)
    return x / np.sqrt((x ** 2).mean(-1, keepdims=True) + 1e-5)


def test_the_order_of_norm_and_residual():
    f, norm = linear("m -> m", bias=False).on("x m"), layer_norm("m", scale=False, shift=False)
    w = {"linear": {"weight": RANDOM.normal(size=(4, 4))}}
    weight = w["linear"]["weight"]
    np.testing.assert_allclose(run(residual(f), X, params=w), X + X @ weight)
    np.testing.assert_allclose(run(pre_norm(f, norm), X, params=w), X + standard(X) @ weight)
    np.testing.assert_allclose(run(post_norm(f, norm), X, params=w), standard(X + X @ weight))
    assert pre_norm(f, norm) != post_norm(f, norm)


def test_other_inputs_are_passed_on():
    f, norm = cross_attention(), layer_norm("m", scale=False, shift=False)
    memory = RANDOM.normal(size=(5, 4))
    w = random_parameters(f, **SIZES)
    d = pre_norm(f, norm)
    assert d.dom == Ty("y m, x m") and d.cod == Ty("y m")
    np.testing.assert_allclose(run(d, X, memory, params=w), X + run(f, standard(X), memory, params=w))
    np.testing.assert_allclose(run(post_norm(f, norm), X, memory, params=w),
                               standard(X + run(f, X, memory, params=w)))


@pytest.mark.parametrize("pre", [True, False])
@pytest.mark.parametrize("causal", [True, False])
def test_transformer_block(pre, causal):
    d = transformer_block(pre=pre, causal=causal)
    assert d.dom == d.cod == Ty("x m")
    w = random_parameters(d, **SIZES)["transformer_block"]
    attend, feed = self_attention(mask="causal" if causal else None), feed_forward()

    def norm(x, place):
        return standard(x) * w[place]["scale"] + w[place]["shift"]

    def a(x):
        return run(attend, x, params={"self_attention": w["self_attention"]})

    def f(x):
        return run(feed.on("x m"), x, params={"feed_forward": w["feed_forward"]})
    if pre:
        z = X + a(norm(X, "layer_norm"))
        want = z + f(norm(z, "layer_norm_1"))
    else:
        z = norm(X + a(X), "layer_norm")
        want = norm(z + f(z), "layer_norm_1")
    np.testing.assert_allclose(run(d, X, params={"transformer_block": w}), want)
    batched = d.on("b x m")
    assert batched.cod == Ty("b x m")
    np.testing.assert_allclose(run(batched, np.stack([X, X + 1]), params={"transformer_block": w})[0], want)


def test_causal_blocks_do_not_see_later_positions():
    d = transformer_block(causal=True).repeat(2)
    w = random_parameters(d, **SIZES)
    x = X.copy()
    x[3, 0] += 1      # not all features alike, which the norm would undo
    before, after = run(d, X, params=w), run(d, x, params=w)
    np.testing.assert_array_equal(after[:3], before[:3])
    assert (after[3:] != before[3:]).all(1).all()


def test_repeats_stack_the_parameters_of_a_block():
    slots = places(transformer_block("x m=8", "f=16", heads=2, width=4).repeat("N"))[0]
    counts = {slot.array.axes[0].size.name for slot in slots.values()}
    assert counts == {"N"} and len(slots) == 12
    each = 4 * 8 * 8 + 2 * 2 * 8 + (8 * 16 + 16) + (16 * 8 + 8)
    assert sum(slot.array.elements.evaluate({"N": 3}) for slot in slots.values()) == 3 * each


def test_dropout_in_a_block():
    d = transformer_block(dropout=0.5)
    assert [path[1:] for path in places(d)[1]] == [("dropout", "key"), ("dropout_1", "key")]
    w = random_parameters(d, **SIZES)
    assert (run(d, X, params=w, key=1) != run(d, X, params=w, key=2)).any()
    assert places(transformer_block())[1] == {}
    with pytest.raises(NcdError, match="dropout rate"):
        transformer_block(dropout=1)


def test_bad_types_are_refused():
    for made in (pre_norm, post_norm):
        with pytest.raises(AxisError, match="ends as its first input began"):
            made(linear("m -> k"), layer_norm("m"))
        with pytest.raises(AxisError, match="no axis p"):
            made(linear("m -> m"), layer_norm("p"))
    with pytest.raises(AxisError):
        residual(linear("m -> k"))
    with pytest.raises(AxisError):
        transformer_block("x")


# -- positions without keys ----------------------------------------------------------------
SEEN = np.ones((6, 6), bool)
SEEN[2], SEEN[4, :3], SEEN[:, 2] = False, False, False
OTHERS = np.array([0, 1, 3, 4, 5])


@pytest.mark.parametrize("empty", [None, 0])
@pytest.mark.parametrize("pre", [True, False])
def test_a_position_without_keys_spoils_nothing(pre, empty):
    """Its cotangent being 0, every derivative is as without it: by the diagram and by JAX."""
    d = transformer_block("x m=4", "f=5", heads=3, width=2, pre=pre, mask="input", empty=empty)
    w = random_parameters(d)
    cotangent = RANDOM.normal(size=(6, 4))
    cotangent[2] = 0
    found = run(d, X, SEEN, params=w)
    assert np.isnan(found[2]).all() if empty is None else np.isfinite(found[2]).all()
    without = transformer_block("x m=4", "f=5", heads=3, width=2, pre=pre, mask="input")
    inside = X[OTHERS], SEEN[OTHERS][:, OTHERS]
    np.testing.assert_allclose(found[OTHERS], run(without, *inside, params=w))
    dx, *dw = without.reverse().to_numpy()(w, *inside, cotangent[OTHERS])

    x, *pulled = d.reverse().to_numpy()(w, X, SEEN, cotangent)
    np.testing.assert_allclose(x[OTHERS], dx, atol=1e-12)
    assert (x[2] == 0).all()
    for ours, theirs in zip(pulled, dw, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-12)

    def pull(diagram, x, seen, cotangent):
        program = diagram.to_jax()
        floats = [jax.tree.map(jnp.asarray, w), jnp.asarray(x)]
        return jax.vjp(lambda w, x: program(w, x, seen), *floats)[1](jnp.asarray(cotangent, "float32"))
    by_jax, x_by_jax = pull(d, X, SEEN, cotangent)
    want, x_want = pull(without, *inside, cotangent[OTHERS])
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, 1e-4, 1e-4), by_jax, want)
    np.testing.assert_allclose(x_by_jax[OTHERS], x_want, 1e-4, 1e-4)
    np.testing.assert_allclose(x_want, dx, 1e-2, 1e-3)
    assert (x_by_jax[2] == 0).all()


def test_blocks_in_a_row_want_the_mean_0():
    """What NaN a block returns is the next one's input, as anywhere; with 0 all stays finite."""
    for empty, finite in ((None, False), (0, True)):
        block = transformer_block("x m=4", "f=5", heads=3, width=2, mask="input", empty=empty)
        two = ncd.diagram("x m=4, y=x x : bool -> x m=4")(
            lambda x, seen, block=block: block(block(x, seen, place="first"), seen, place="second"))
        w, cotangent = random_parameters(two), np.ones((6, 4))
        cotangent[2] = 0
        assert all(np.isfinite(a).all() for a in two.reverse().to_numpy()(w, X, SEEN, cotangent)) == finite


def test_masks_of_a_block():
    """A mask that leaves every position itself makes the block as it was."""
    causal = transformer_block(causal=True)
    assert transformer_block(causal=True, empty=0) == causal == transformer_block(mask="causal")
    w = random_parameters(causal, **SIZES)
    few, all_before = (run(transformer_block(mask="window", window=n), X, params=w) for n in (2, 6))
    np.testing.assert_allclose(all_before, run(causal, X, params=w))
    np.testing.assert_allclose(few[:2], all_before[:2])
    assert (few[2:] != all_before[2:]).all(1).all()
    with pytest.raises(NcdError, match="empty=1"):
        transformer_block(empty=1)
    with pytest.raises(NcdError, match="a causal block with another mask, 'input'"):
        transformer_block(causal=True, mask="input")
    with pytest.raises(NcdError, match="no mask 'casual'"):
        transformer_block(mask="casual")
