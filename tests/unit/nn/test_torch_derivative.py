"""Derivatives of layers against PyTorch's autograd, an independent implementation, where it is installed."""

from __future__ import annotations

import numpy as np
import pytest

from ncd import nn
from ncd.interpret.reference import run

pytestmark = pytest.mark.torch
RANDOM = np.random.default_rng(11)
X = RANDOM.normal(size=(2, 6, 8))                   # n c x
IMAGE = RANDOM.normal(size=(2, 4, 9, 8))            # n c y x


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", reason="PyTorch is the oracle of these tests and is not installed")


def check(torch, diagram, inputs, theirs, params=None):
    """The cotangents of float inputs and of parameters, from one random cotangent of the result.

    ``theirs`` takes the inputs and then the parameters, in the order of the dictionary.
    """
    flat = [] if params is None else [leaf for layer in params.values() for leaf in layer.values()]
    leaves = [torch.from_numpy(np.array(value)).requires_grad_(np.asarray(value).dtype.kind == "f")
              for value in (*inputs, *flat)]
    result = theirs(*leaves)
    weight = np.random.default_rng(1).normal(size=tuple(result.shape))
    result.backward(torch.from_numpy(weight))
    lens = diagram.reverse()
    np.testing.assert_allclose(run(diagram, *inputs, params=params), result.detach().numpy(),
                               rtol=1e-7, atol=1e-9)
    found = run(lens.composite, *inputs, weight, params=params)
    of_inputs, of_params = lens.split(found if isinstance(found, tuple) else (found,))
    wanted = [leaf.grad.numpy() for leaf in leaves[:len(inputs)] if leaf.requires_grad]
    for a, b in zip(of_inputs, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-9)
    made = [of_params[layer][name] for layer in params for name in params[layer]] if params else []
    for a, leaf in zip(made, leaves[len(inputs):], strict=True):
        np.testing.assert_allclose(a, leaf.grad.numpy(), rtol=1e-7, atol=1e-9)


def test_linear(torch):
    params = {"linear": {"weight": RANDOM.normal(size=(8, 3)), "bias": RANDOM.normal(size=3)}}
    check(torch, nn.linear("x -> k").on("n c x"), [X],
          lambda x, w, b: torch.nn.functional.linear(x, w.T, b), params)


def test_embedding(torch):
    table = {"embedding": {"table": RANDOM.normal(size=(5, 3))}}
    index = np.array([[1, 3, 1], [0, 1, 4]])
    check(torch, nn.embedding("v=5 m=3").on("b x : index(5)"), [index],
          lambda i, w: torch.nn.functional.embedding(i, w), table)


@pytest.mark.parametrize("name", ["relu", "gelu", "silu", "sigmoid", "tanh", "softplus", "leaky_relu", "elu",
                                  "sin", "erf", "exp"])
def test_activations(torch, name):
    made = getattr(nn, name)
    made = made() if name in ("leaky_relu", "elu") else made
    check(torch, made.on("n c x"), [X], getattr(torch.nn.functional, name, None) or getattr(torch, name))


def test_activations_at_their_kinks(torch):
    for name in ("relu", "leaky_relu", "elu", "abs"):
        made = getattr(nn, name)
        made = made() if name in ("leaky_relu", "elu") else made
        theirs = getattr(torch.nn.functional, name, None) or getattr(torch, name)
        if name == "leaky_relu":        # PyTorch's slope at 0 is the one on the left, as ours
            assert float(run(made.reverse().composite, 0.0, 1.0)) == 0.01
        check(torch, made.on("x"), [np.array([-1.0, 0.0, 2.0])], theirs)


def test_softmax_and_losses(torch):
    f = torch.nn.functional
    check(torch, nn.softmax("c").on("n c x"), [X], lambda x: torch.softmax(x, 1))
    check(torch, nn.log_softmax("c").on("n c x"), [X], lambda x: torch.log_softmax(x, 1))
    check(torch, nn.logsumexp("c").on("n c x"), [X], lambda x: torch.logsumexp(x, 1))
    label = RANDOM.integers(0, 6, (2, 8))
    check(torch, nn.cross_entropy("c").on("n c x, n x : index(c)"), [X, label],
          lambda x, i: f.cross_entropy(x, i, reduction="none"))
    check(torch, nn.l2_normalise("c").on("n c x"), [X], lambda x: f.normalize(x, dim=1))


def test_norms(torch):
    f = torch.nn.functional
    def affine(name, size):
        return {name: {"scale": RANDOM.normal(size=size), "shift": RANDOM.normal(size=size)}}
    check(torch, nn.layer_norm("x").on("n c x"), [X], lambda x, s, t: f.layer_norm(x, (8,), s, t, 1e-5),
          affine("layer_norm", 8))
    check(torch, nn.group_norm("c", 3, reduced="x").on("n c=6 x"), [X],
          lambda x, s, t: f.group_norm(x, 3, s, t, 1e-5), affine("group_norm", 6))
    check(torch, nn.batch_norm("n x", "c").on("n c x"), [X],
          lambda x, s, t: f.batch_norm(x, None, None, s, t, training=True, eps=1e-5), affine("batch_norm", 6))
    check(torch, nn.rms_norm("x", 1e-6).on("n c x"), [X], lambda x, s: f.rms_norm(x, (8,), s, 1e-6),
          {"rms_norm": {"scale": RANDOM.normal(size=8)}})


@pytest.mark.parametrize("mask", [None, "causal"])
def test_attention(torch, mask):
    q, k, v = (RANDOM.normal(size=(2, 3, 5, 4)) for _ in range(3))
    check(torch, nn.attention(mask).on("b h y k, b h x k, b h x v"), [q, k, v],
          lambda *qkv: torch.nn.functional.scaled_dot_product_attention(*qkv, is_causal=mask == "causal"))


@pytest.mark.parametrize("options", [
    {}, {"stride": 2}, {"dilation": 2}, {"padding": 1}, {"stride": 2, "padding": 2, "dilation": 2},
    {"groups": 2, "padding": 1}, {"transpose": True}, {"transpose": True, "stride": 2, "padding": 1},
    {"transpose": True, "stride": 3, "dilation": 2}], ids=str)
def test_convolution(torch, options):
    layer = nn.convolution("y x", "c=4 -> e=6", kernel=3, **options).on("n c=4 y=9 x=8")
    groups = options.get("groups", 1)
    shape = (groups, 4 // groups, 6 // groups, 3, 3) if groups > 1 else (4, 6, 3, 3)
    params = {"convolution": {"weight": RANDOM.normal(size=shape), "bias": RANDOM.normal(size=6)}}
    f = torch.nn.functional
    plain = {k: v for k, v in options.items() if k != "transpose"}
    def theirs(x, w, b):
        if options.get("transpose"):
            return f.conv_transpose2d(x, w, b, **plain)
        w = w.transpose(1, 2).reshape(6, 4 // groups, 3, 3) if groups > 1 else w.transpose(0, 1)
        return f.conv2d(x, w, b, **plain)
    check(torch, layer, [IMAGE], theirs, params)


def test_pooling(torch):
    f = torch.nn.functional
    check(torch, nn.max_pool("y x", 2).on("n c y x"), [IMAGE], lambda x: f.max_pool2d(x, 2))
    check(torch, nn.max_pool("y x", 3, 2, 1).on("n c y x"), [IMAGE], lambda x: f.max_pool2d(x, 3, 2, 1))
    check(torch, nn.mean_pool("y x", 2).on("n c y x"), [IMAGE], lambda x: f.avg_pool2d(x, 2))


@pytest.mark.parametrize("kind", ["rnn", "gru", "lstm"])
def test_recurrent_layers(torch, kind):
    """The input, the weights and the biases, through every step."""
    theirs = getattr(torch.nn, kind.upper())(3, 4, batch_first=True).double()
    gates = {"rnn": 1, "gru": 3, "lstm": 4}[kind]

    def mapped(side, of):
        weight, bias = (of(getattr(theirs, f"{what}_{side}_l0")).detach().numpy()
                        for what in ("weight", "bias"))
        weight, bias = weight.reshape(gates, 4, -1).transpose(2, 0, 1), bias.reshape(gates, 4)
        return {"weight": weight, "bias": bias} if gates > 1 else {"weight": weight[:, 0], "bias": bias[0]}
    params = {kind: {"input": mapped("ih", lambda p: p), "hidden": mapped("hh", lambda p: p)}}
    layer, x = getattr(nn, kind)("t", "x -> h").on("b t x"), RANDOM.normal(size=(2, 5, 3))
    leaf = torch.from_numpy(x).requires_grad_()
    result = theirs(leaf)[0]
    weight = RANDOM.normal(size=tuple(result.shape))
    result.backward(torch.from_numpy(weight))
    lens = layer.reverse()
    (of_x,), of_params = lens.split(run(lens.composite, x, weight, params=params))
    np.testing.assert_allclose(of_x, leaf.grad.numpy(), rtol=1e-8, atol=1e-10)
    for side, name in (("ih", "input"), ("hh", "hidden")):
        for what, wanted in mapped(side, lambda p: p.grad).items():
            np.testing.assert_allclose(of_params[kind][name][what], wanted, rtol=1e-8, atol=1e-10)
