"""Blocks, repeats, residuals, and the methods of a diagram that build."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from hypothesis import given

from ncd.construct.combinators import residual
from ncd.construct.generators import elementwise, parameter, reduce
from ncd.construct.notation import einsum
from ncd.construct.trace import diagram
from ncd.core.category import Diagram, Ty
from ncd.errors import AmbiguityError, AxisError, NcdError, NotationError, SizeError
from ncd.interpret.reference import run
from ncd.ops.control import Block, Scan
from ncd.traverse.places import places
from tests.strategies import diagrams, examples

relu, tanh, add = map(elementwise, ("relu", "tanh", "add"))
product = einsum("y k, x k -> y x")
some = np.random.default_rng(5).normal


@diagram("m -> m")
def layer(a):
    return tanh(a * parameter("w", "m")() + 1)


def slots(made: Diagram) -> dict[str, str]:
    return {"/".join(path): str(slot.array) for path, slot in places(made)[0].items()}


# -- rename and bind -------------------------------------------------------------------------
def test_rename():
    assert str(product.rename(y="q")) == "q=y k, x k -> q=y x"
    assert str(product.rename(y="x", x="y")) == "x=y k, y=x k -> x=y y=x"
    assert product.rename() == product == product.rename(y="y")
    assert product.rename(y="q").rename(q="y") == product
    np.testing.assert_array_equal(run(product.rename(y="x", x="y"), np.eye(3), np.eye(3)), np.eye(3))


def test_rename_never_merges():
    for labels in ({"y": "x"}, {"y": "z", "x": "z"}, {"k": "y"}):
        with pytest.raises(AmbiguityError, match="renaming would merge two axes into"):
            product.rename(**labels)
    assert layer.rename(m="x").rename(x="m") == layer


@pytest.mark.parametrize("labels, what", [
    ({"q": "z"}, "no axis q to rename"), ({"q": "z", "p": "y"}, "no axis q, p to rename"),
    ({"y": "a b"}, "is not an axis label"), ({"y": 3}, "an axis label is a text"),
    ({"y": ""}, "is not an axis label")])
def test_what_cannot_be_renamed(labels, what):
    with pytest.raises(AxisError, match=what):
        product.rename(**labels)


def test_an_unknown_axis_is_told_the_known_ones():
    with pytest.raises(AxisError) as error:
        product.rename(q="z")
    assert error.value.details == {"have": "y k, x k -> y x", "want": "one of k, x, y"}


def test_bind():
    assert str(product.bind(y=2, k="2*h")) == "y=2 k=2*h, x k=2*h -> y=2 x"
    assert str(product.bind(y="x", x="y")) == "y=x k, x=y k -> y=x x=y" and product.bind() == product
    assert slots(layer.bind(m=5)) == {"w": "m=5"} and layer.bind(m=5).symbols == frozenset()
    assert layer.repeat("N").bind(N=3, m="2*k").symbols == {"k"}


@pytest.mark.parametrize("sizes, kind, what", [
    ({"z": 3}, SizeError, "no size z to bind"), ({"y": 0}, SizeError, "the axis y has the size 0"),
    ({"y": 0.5}, SizeError, "has the size (1/2)"), ({"y": True}, SizeError, "truth value"),
    ({"y": None}, SizeError, "None is not a size"), ({"y": "x +"}, NotationError, "expected a number")])
def test_what_cannot_be_bound(sizes, kind, what):
    with pytest.raises(kind, match=what.replace("(", r"\(").replace(")", r"\)")):
        product.bind(**sizes)


def test_an_unknown_size_is_told_the_known_ones():
    with pytest.raises(SizeError) as error:
        product.bind(z=3)
    assert error.value.details["want"] == "one of k, x, y"
    with pytest.raises(SizeError, match="no size is free"):
        product.bind(y=1, x=2, k=3).bind(y=1)


@given(diagrams("learned"))
@examples(20)
def test_binding_every_size_leaves_no_symbol(made):
    assert made.bind(**dict.fromkeys(made.symbols, 3)).symbols == frozenset()


# -- block -----------------------------------------------------------------------------------
def test_a_block_is_one_box_of_the_same_type():
    made = layer.block("first")
    assert isinstance(made.op, Block) and str(made) == str(layer) and made.op.expansion == layer
    assert slots(made >> layer.block("second") >> layer.block("first")) == {
        "first/w": "m", "second/w": "m", "first_1/w": "m"}
    assert slots(layer.block("b", tied=True) >> layer.block("b", tied=True)) == {"b/w": "m"}
    with pytest.raises(NcdError, match="the name of a block is a text"):
        layer.block(3)


# -- repeat ----------------------------------------------------------------------------------
def test_repeat_is_the_power():
    weights, value = some(size=(4, 3)), some(size=3)
    want = value
    for row in weights:
        want = np.tanh(want * row + 1)
    assert slots(layer.repeat("N")) == {"repeat/w": "layer=N m"}
    np.testing.assert_allclose(run(layer.repeat("N"), value, params={"repeat": {"w": weights}}), want)
    shared = layer.repeat(4, share=True, title="again")
    assert slots(shared) == {"again/w": "m"}
    want = value
    for _ in range(4):
        want = np.tanh(want * weights[0] + 1)
    np.testing.assert_allclose(run(shared, value, params={"again": {"w": weights[0]}}), want)


def test_repeats_nest_and_their_axes_keep_apart():
    made = layer.repeat("N").block("inner").repeat("M")
    assert slots(made) == {"repeat/inner/repeat/w": "layer'=M layer=N m"}
    weights, value = some(size=(2, 3, 4)), some(size=4)
    want = value
    for row in weights.reshape(6, 4):
        want = np.tanh(want * row + 1)
    params = {"repeat": {"inner": {"repeat": {"w": weights}}}}
    np.testing.assert_allclose(run(made, value, params=params), want)
    np.testing.assert_allclose(made.to_jax()(jax.tree.map(np.float32, params), np.float32(value)), want,
                               rtol=1e-5)


def test_the_axis_of_a_repeat_keeps_apart_from_those_of_the_data():
    assert slots(layer.rename(m="layer").repeat("N")) == {"repeat/w": "layer'=N layer=m"}
    assert slots(layer.repeat("N").rename(m="layer")) == {"repeat/w": "layer'=N layer=m"}
    assert str(layer.repeat("N").lift("layer")) == "layer m -> layer m"
    hidden = diagram("m -> m")(lambda a: reduce("sum", "layer")(
        einsum("m, m layer -> m layer")(a, parameter("w", "m layer=5")())))
    assert slots(hidden.block("b").repeat("N")) == {"repeat/b/w": "layer'=N m layer=5"}


@pytest.mark.parametrize("times", [0, -1, 1.5, "1/2", True, None])
def test_a_repeat_is_a_positive_number_of_times(times):
    with pytest.raises(SizeError):
        layer.repeat(times)


def test_only_what_ends_as_it_began_is_repeated():
    with pytest.raises(AxisError,
                       match="cannot repeat `einsum\\[a b -> b\\]`: it does not end as it") as error:
        einsum("a b -> b").repeat(3)
    assert error.value.details["have"] == "b" and error.value.details["want"] == "a b"
    swapped = Diagram.swap(Ty("x"), Ty("x")).repeat(3)
    assert [v.tolist() for v in run(swapped, [1.0], [2.0])] == [[2.0], [1.0]]
    assert isinstance(swapped.op, Scan) and Diagram.id(Ty()).repeat(2).dom == Ty()


# -- residual --------------------------------------------------------------------------------
def test_residual():
    value = some(size=3)
    np.testing.assert_allclose(run(residual(tanh.on("x")), value), value + np.tanh(value))
    assert residual(layer) == Diagram.copy(Ty("m")) >> Diagram.id("m") @ layer >> add.on("m, m")
    for wrong in (einsum("a b -> b"), add.on("x, x"), Diagram.id("x, y")):
        with pytest.raises(AxisError, match="a residual needs one array that ends as it began"):
            residual(wrong)


# -- on --------------------------------------------------------------------------------------
def test_on_a_type():
    assert str(relu.on("b x=3")) == "b x=3 -> b x=3" and relu.on(Ty("x")) == relu.on("x")
    assert product.on(product.dom) is product
    with pytest.raises(NcdError, match="3 is not an array"):
        relu.on(3)
