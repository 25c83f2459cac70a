"""Layers against PyTorch, an independent implementation, where it is installed."""

from __future__ import annotations

import numpy as np
import pytest

from ncd.interpret.reference import run
from ncd.nn import activation
from ncd.nn.attention import attention
from ncd.nn.linear import embedding, linear
from ncd.nn.normalise import batch_norm, batch_norm_inference, group_norm, layer_norm
from ncd.nn.softmax import cross_entropy, log_softmax, softmax
from ncd.nn.statistics import l2_normalise

pytestmark = pytest.mark.torch
RANDOM = np.random.default_rng(9)
X = RANDOM.normal(size=(2, 6, 4)) + 1          # n c x, the order that PyTorch wants
SCALE, SHIFT = RANDOM.normal(size=6), RANDOM.normal(size=6)
AFFINE = {"scale": SCALE, "shift": SHIFT}


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", reason="PyTorch is the oracle of these tests and is not installed")


def assert_same(got, want):
    np.testing.assert_allclose(got, want.detach().numpy(), rtol=1e-6, atol=1e-9)


def test_linear_and_embedding(torch):
    f, w, b = torch.nn.functional, RANDOM.normal(size=(4, 3)), RANDOM.normal(size=3)
    t = torch.from_numpy
    assert_same(run(linear("m -> k").on("b x m"), X, params={"linear": {"weight": w, "bias": b}}),
                f.linear(t(X), t(w).T, t(b)))
    i = np.array([[1, 3], [0, 0]])
    assert_same(run(embedding("v m").on("b x : index(v)"), i, params={"embedding": {"table": w}}),
                f.embedding(t(i), t(w)))


@pytest.mark.parametrize("name", ["relu", "gelu", "silu", "sigmoid", "tanh", "softplus", "leaky_relu", "elu"])
def test_activations(torch, name):
    f = getattr(activation, name)
    f = f() if name in ("leaky_relu", "elu") else f
    theirs = getattr(torch.nn.functional, name, None) or getattr(torch, name)
    assert_same(run(f.on("n c x"), X - 1), theirs(torch.from_numpy(X - 1)))


def test_gelu_by_tanh(torch):
    want = torch.nn.functional.gelu(torch.from_numpy(X - 1), approximate="tanh")
    assert_same(run(activation.gelu_tanh.on("n c x"), X - 1), want)


def test_softmax_and_losses(torch):
    x, label = torch.from_numpy(X), np.array([[1, 2, 3, 0], [5, 5, 0, 4]])
    assert_same(run(softmax("c").on("n c x"), X), torch.softmax(x, 1))
    assert_same(run(log_softmax("c").on("n c x"), X), torch.log_softmax(x, 1))
    assert_same(run(cross_entropy("c").on("n c x, n x : index(c)"), X, label),
                torch.nn.functional.cross_entropy(x, torch.from_numpy(label), reduction="none"))
    assert_same(run(l2_normalise("c").on("n c x"), X), torch.nn.functional.normalize(x, dim=1))


def test_normalisations(torch):
    f, t = torch.nn.functional, torch.from_numpy
    x = t(X)
    got = run(layer_norm("c").on("n x c"), X.swapaxes(1, 2), params={"layer_norm": AFFINE})
    assert_same(got, f.layer_norm(x.transpose(1, 2), (6,), t(SCALE), t(SHIFT)))
    got = run(group_norm("c", 3, reduced="x").on("n c x"), X, params={"group_norm": AFFINE})
    assert_same(got, f.group_norm(x, 3, t(SCALE), t(SHIFT)))
    got = run(batch_norm("n x", "c").on("n c x"), X, params={"batch_norm": AFFINE})
    assert_same(got, f.batch_norm(x, None, None, t(SCALE), t(SHIFT), training=True))
    mean, variance = RANDOM.normal(size=6), RANDOM.random(6) + 1
    got = run(batch_norm_inference("c").on("n c x"), X,
              params={"batch_norm": AFFINE | {"mean": mean, "variance": variance}})
    assert_same(got, f.batch_norm(x, t(mean), t(variance), t(SCALE), t(SHIFT), training=False))


@pytest.mark.parametrize("mask", [None, "causal", "input"])
def test_attention(torch, mask):
    q, k, v = (RANDOM.normal(size=(2, 3, n, 4)) for n in (5, 5, 5))
    seen = RANDOM.random((5, 5)) < 0.5
    seen[:, 0] = True
    options = {"is_causal": True} if mask == "causal" else \
        {"attn_mask": torch.from_numpy(seen)} if mask == "input" else {}
    dom = "b h y k, b h x k, b h x v" + (", y x : bool" if mask == "input" else "")
    got = run(attention(mask).on(dom), q, k, v, *([seen] if mask == "input" else []))
    assert_same(got, torch.nn.functional.scaled_dot_product_attention(
        *map(torch.from_numpy, (q, k, v)), **options))
