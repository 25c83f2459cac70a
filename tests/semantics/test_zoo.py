"""Every architecture of the zoo: its type, JAX against the reference, its cost against XLA's count."""

from __future__ import annotations

import jax
import numpy as np
import pytest

import ncd
from ncd.interpret.reference import run

TYPES = {
    "mlp_recogniser": "y=28 x=28 -> k=10", "residual_mlp": "x m -> x m",
    "scaled_attention": "y k, x k, x k -> y k", "multi_head_attention": "y m, x m -> y m",
    "pre_norm_block": "x m -> x m", "post_norm_block": "x m -> x m",
    "convolution": "x y c=4*g -> x=(x+1)//2-1 y=(y+1)//2 e=8*g",
    "identity_resnet_block": "n x y c=4*b -> n x y c=4*b", "gru": "t x -> t h"}
SIZES = {"x": 6, "y": 5, "m": 8, "k": 4, "h": 2, "f": 12, "d": 7, "g": 2, "n": 2, "b": 2, "t": 3}
WIDE = {"x": 96, "y": 80, "m": 128, "k": 32, "h": 4, "f": 512, "d": 512, "g": 8, "n": 4, "b": 16, "t": 16}


def test_the_zoo_is_pinned():
    assert set(ncd.zoo.ZOO) == set(TYPES)


@pytest.mark.parametrize("name", TYPES)
def test_type(name):
    assert str(ncd.zoo.ZOO[name]()) == TYPES[name]


def values(model, sizes, seed=0):
    random = np.random.default_rng(seed)
    return [random.normal(size=[axis.size.evaluate(sizes) for axis in array.axes]).astype("float32")
            for array in model.dom.inside]


@pytest.mark.parametrize("name", TYPES)
def test_jax_agrees_with_the_reference(name):
    model = ncd.zoo.ZOO[name]()
    params = model.init(0, **SIZES)
    params = jax.tree.map(lambda leaf: leaf + 0.1, params)    # biases and shifts that are not zero
    inputs = values(model, SIZES)
    program = jax.jit(model.to_jax())
    found = program(params, *inputs) if params else program(*inputs)
    np.testing.assert_allclose(found, run(model, *inputs, params=params), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", sorted(set(TYPES) - {"gru", "convolution", "identity_resnet_block"}))
def test_the_formula_agrees_with_xla(name):
    """XLA counts the same contractions; a loop's body once and padding taps not at all, so the
    recurrent and convolutional models are left to the count of the jaxpr."""
    model = ncd.zoo.ZOO[name]()
    params, inputs = model.init(0, **WIDE), values(model, WIDE)
    program = model.to_jax()
    arguments = (params, *inputs) if params else tuple(inputs)
    analysis = jax.jit(program).lower(*arguments).compile().cost_analysis()
    counted = (analysis[0] if isinstance(analysis, list) else analysis)["flops"]
    formula = model.cost().evaluate(**WIDE)["flops"]
    assert 0.98 < formula / counted < 1.02


def test_published_counts():
    assert ncd.zoo.mlp_recogniser().cost().params == 669_706
    attention = ncd.zoo.multi_head_attention().cost()
    assert attention.evaluate(y=20, x=22, m=128, k=16, h=4)["params"] == 32_768


def test_a_model_runs_at_unequal_lengths():
    """Queries and keys have axes of their own: nothing ties y to x."""
    model = ncd.zoo.multi_head_attention()
    sizes = SIZES | {"y": 3, "x": 7}
    params, inputs = model.init(0, **sizes), values(model, sizes)
    assert model.to_jax()(params, *inputs).shape == (3, 8)
