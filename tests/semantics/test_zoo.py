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
    "identity_resnet_block": "n x y c=4*b -> n x y c=4*b", "gru": "t x -> t h",
    "identity_resnet": "x y c=3 b -> k=10 b", "unet": "x=16*s y=16*t c=1 -> x=16*s y=16*t c=2",
    "visual_attention": "y y' c, x x' c -> y y' c", "vision_transformer": "y=16*a x=16*b c=3 -> k=classes",
    "encoder_decoder_transformer": "x : index(v), y : index(v) -> y v"}
SIZES = {"x": 6, "y": 5, "m": 8, "k": 4, "h": 2, "f": 12, "d": 7, "g": 2, "n": 2, "b": 2, "t": 3, "s": 1,
         "a": 1, "c": 2, "v": 9, "N": 2, "x'": 2, "y'": 3, "classes": 5}
WIDE = {"x": 96, "y": 80, "m": 128, "k": 32, "h": 4, "f": 512, "d": 512, "g": 8, "n": 4, "b": 16, "t": 16,
        "c": 96, "x'": 5, "y'": 4}
WHOLE = ("encoder_decoder_transformer", "identity_resnet", "unet", "vision_transformer")
"""Models of many layers: what takes long is asked of their small forms, or of their layers only."""
PARTS = sorted(set(TYPES) - set(WHOLE))


def test_the_zoo_is_pinned():
    assert set(ncd.zoo.ZOO) == set(TYPES)


@pytest.mark.parametrize("name", TYPES)
def test_type(name):
    assert str(ncd.zoo.ZOO[name]()) == TYPES[name]


def values(model, sizes, seed=0):
    random = np.random.default_rng(seed)
    shapes = [[axis.size.evaluate(sizes) for axis in array.axes] for array in model.dom.inside]
    return [random.normal(size=shape).astype("float32") if array.dtype == "float"
            else random.integers(0, array.bound.evaluate(sizes), size=shape)
            for shape, array in zip(shapes, model.dom.inside)]


@pytest.mark.parametrize("name", TYPES)
def test_jax_agrees_with_the_reference(name):
    model = ncd.zoo.ZOO[name]()
    params = model.init(0, **SIZES)
    params = jax.tree.map(lambda leaf: leaf + 0.1, params)    # biases and shifts that are not zero
    inputs = values(model, SIZES)
    program = jax.jit(model.to_jax())
    found = program(params, *inputs) if params else program(*inputs)
    wanted = run(model, *inputs, params=params)
    scale = max(1.0, float(np.abs(wanted).max()))       # deep models: entries of very unequal sizes
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5 * scale)


@pytest.mark.parametrize("name", sorted(
    set(PARTS) - {"gru", "convolution", "identity_resnet_block"}))
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


def test_the_resnet_has_the_parameters_of_the_figure_and_of_the_notebook():
    """The figure has N units of a block, each its own; the notebook repeats one N times."""
    assert ncd.zoo.identity_resnet(16).cost().params == 314_698
    assert ncd.zoo.identity_resnet(16, share=True).cost().params == 221_290
    symbolic = ncd.zoo.identity_resnet()
    assert symbolic.cost().evaluate(n=16, x=32, y=32, b=1)["params"] == 314_698
    assert symbolic.bind(x=32, y=32).cod == ncd.Ty("k=10 b")


def test_the_published_unet_saves_features_that_it_never_loads():
    """Its legend has c_1 = 128 where the original has 64, and C_1 is saved and never loaded."""
    def met(model):
        return sum(type(op).__name__ == "Concat" for op in model.graph.ops)
    figure, original = ncd.zoo.unet(128, skips=3), ncd.zoo.unet(64)
    assert (met(figure), met(original)) == (3, 4)
    assert figure.dom == original.dom and figure.cod == original.cod
    assert original.cost().params == 31_030_658         # the 31.0 million of padded re-implementations
    with pytest.raises(ncd.NcdError, match="5 skips of 4 levels"):
        ncd.zoo.unet(skips=5)


@pytest.mark.parametrize(("kernel", "stride"), [(1, 1), (3, 1), (2, 2)])
def test_visual_attention_keeps_the_size_of_its_query(kernel, stride):
    model = ncd.zoo.visual_attention(kernel, stride).bind(**{"y": 2, "y'": 3, "x": 4, "x'": 2, "c": 3})
    assert model.cod.inside[0] == model.dom.inside[0]
    sizes = {"k": 2, "h": 2}
    params, inputs = model.init(0, **sizes), values(model, sizes)
    assert model.to_jax()(params, *inputs).shape == inputs[0].shape


def test_visual_attention_is_attention_on_the_pixels():
    """With kernel 1 an image is a sequence of its pixels: multi-head attention says the same."""
    sizes = SIZES | {"y": 2, "x": 3}
    model = ncd.zoo.visual_attention()
    params, (query, memory) = model.init(0, **sizes), values(model, sizes)
    flat = {name: {"weight": np.asarray(leaf["weight"])[..., 0, 0]} for name, leaf in params.items()}
    sequence = ncd.nn.multi_head_attention("y m, x m")
    wanted = sequence.to_jax()({"multi_head_attention": flat}, query.reshape(-1, 2), memory.reshape(-1, 2))
    np.testing.assert_allclose(np.asarray(model.to_jax()(params, query, memory)).reshape(-1, 2), wanted,
                               rtol=1e-5, atol=1e-6)


def test_the_vision_transformer_has_the_published_parameters():
    """ViT-B/16 has 86,567,656, of which 12 × 4 × 768 are biases of projections, left out here."""
    model = ncd.zoo.vision_transformer(16, 12, 1000).bind(a=14, b=14, m=768, f=3072, h=12, k=64)
    assert model.cost().params == 86_567_656 - 12 * 4 * 768


def test_the_transformer_counts_its_table_once():
    model = ncd.zoo.encoder_decoder_transformer()
    sizes = {"t": 4, "h": 2, "k": 3, "f": 5, "v": 7, "N": 2}
    attention, norm, forward = 4 * 8 * 2 * 3, 2 * 8, 2 * 8 * 5 + 5 + 8
    layers = 2 * (attention + forward + 2 * norm) + 2 * (2 * attention + forward + 3 * norm)
    assert model.cost().evaluate(x=3, y=3, **sizes)["params"] == layers + 7 * 8


def test_the_decoder_sees_no_later_word():
    model = ncd.zoo.encoder_decoder_transformer()
    sizes = SIZES | {"y": 5}
    params, (source, target) = model.init(0, **sizes), values(model, sizes)
    later = target.copy()
    later[3:] = (later[3:] + 1) % 9
    program = model.to_jax()
    first, second = program(params, source, target), program(params, source, later)
    np.testing.assert_allclose(first[:3], second[:3], rtol=1e-6)
    assert not np.allclose(first[3:], second[3:])
