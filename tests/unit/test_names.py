"""Names and texts that say what is there: numbers as they were written, literals, slices, quotients."""

from __future__ import annotations

import warnings
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ncd
from ncd import nn
from ncd.algebra.convert import Size, as_size, parse_size
from ncd.construct.generators import pad, slice_axis
from ncd.ops.source import number_text


def listed(f, dom="x=9") -> str:
    return ncd.diagram(dom)(f).listing()


# -- numbers ---------------------------------------------------------------------------------
@pytest.mark.parametrize(("value", "text"), [
    (1 - 0.8, "0.19999999999999996"), (0.1, "0.1"), (1e-5, "1e-05"), (1 / 3, "0.3333333333333333"),
    (-1e30, "-1e+30"), (np.finfo("float64").min, "-1.7976931348623157e+308"), (3, "3"), (2.0, "2"),
    (float(np.finfo("float32").min), "-3.4028234663852886e+38"), (2 ** 53 + 1, str(2 ** 53 + 1))])
def test_a_number_reads_as_it_was_written(value, text):
    assert f"multiply[·, {text}](a)" in listed(lambda x: x * value)
    if value != 2 ** 53 + 1:
        assert f"constant[{'2.0' if value == 2.0 else text}]" in ncd.constant(value).listing()


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-10 ** 40, 10 ** 40) | st.fractions())
def test_no_number_is_another(value):
    text = number_text(as_size(value))
    assert Fraction(text) == as_size(value).constant
    if isinstance(value, float):
        assert len(text) <= 25


def test_sizes_and_fractions_stay_exact():
    assert "multiply[·, 1/3]" in listed(lambda x: x * parse_size("1/3"))
    assert "multiply[·, k**(-1/2)]" in listed(lambda x: x * ncd.size("k") ** -0.5)
    assert "where[·, ·, -inf]" in listed(lambda x: ncd.where(x > 0, x, float("-inf")))


# -- quotients -------------------------------------------------------------------------------
@pytest.mark.parametrize("text", [
    "m/h", "1/h", "-m/h", "m*x/(h*k)", "m/h**2", "m/(x + 1)", "m/(x//2)", "m/max(a, b)", "x - m/h",
    "(1/2)*m/h", "(m/h)//2", "m**(1/2)/h", "h**(-1/2)", "a/(b*c) + 1/c"])
def test_a_quotient_is_written_as_one(text):
    assert str(Size(text)) == text and Size(str(Size(text))) == Size(text)


FACTORS = st.sampled_from(["m", "h", "k", "(x + 1)", "(x//3)", "max(a, b)", "2", "(a - b)"])
EXPONENTS = st.sampled_from([-2, -1, 1, 2, Fraction(-1, 2)])


@given(st.lists(FACTORS, min_size=1, max_size=5), st.lists(EXPONENTS, min_size=5, max_size=5))
def test_a_text_reads_back(factors, exponents):
    size = Size(1)
    for factor, exponent in zip(factors, exponents):
        size = size * Size(factor) ** exponent
    at = {"m": 5, "h": 3, "k": 2, "x": 7, "a": 9, "b": 4}
    assert np.isclose(float(Size(str(size)).evaluate(at)), float(size.evaluate(at)))
    assert "(-1)" not in str(size)


# -- literals, slices, fills, directions -----------------------------------------------------
def test_different_literals_have_different_names():
    first = np.arange(100.)
    second = first.copy()
    second[57] = 0
    arrays = [([1., 2., 3.], "i=3"), ([1., 2., 4.], "i=3"), ([[1., 2., 3.]], "j=1 i=3"),
              (first, "i=100"), (second, "i=100"), (first.reshape(10, 10), "i=10 j=10"),
              ([True], "i=1 : bool")]
    names = [ncd.constant(value, array).op.name for value, array in arrays]
    assert len(set(names)) == len(names) and max(map(len, names)) < 80
    assert names[0] == "constant[1, 2, 3]" and names[2] == "constant[[1, 2, 3]]"


def test_a_slice_and_a_fill_are_named():
    assert "reindex[x=4](a)" in listed(slice_axis("x", 0, 4))
    assert "reindex[x=x + 2]" in listed(pad("x", 0, 2), "x").replace("x=x+2", "x=x + 2")
    assert "reindex[x:x-1 fill -inf]" in listed(pad("x", 1, 0, float("-inf")))
    assert "[]" not in "".join(listed(slice_axis("x", 0, stop)) for stop in (1, 4, 8))


def test_a_scan_says_its_direction():
    step = ncd.diagram("m, m -> m")(lambda s, x: s + x)
    names = {ncd.scan(step, "t", sequences=1, reverse=back).op.name for back in (False, True)}
    assert names == {"scan[t]", "scan[t reversed]"}


# -- floats beside masks ---------------------------------------------------------------------
@pytest.mark.parametrize("value", [-1.7976931348623157e308, -3.4028234663852886e38, -1e30, 3e9, 7.0])
@pytest.mark.parametrize("kind", ["float32", "float16"])
def test_whole_floats_beside_a_mask_are_floats(value, kind):
    both = ncd.diagram("x")(lambda x: ncd.where(x > 0, 0.0, value))
    one = ncd.diagram("x")(lambda x: ncd.where(x > 0, x, value))
    constant = ncd.diagram("x")(lambda x: ncd.where(x > 0, x, ncd.constant(value)()))
    x = np.array([1, -1], kind)
    with np.errstate(over="ignore"):
        want = np.asarray(value, kind)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for d, first in ((both, 0), (one, 1), (constant, 1)):
            assert d.cod.inside[0].dtype == "float" and "to_float" not in d.listing()
            assert d.to_numpy()(x).tolist() == [first, value]
            assert d.to_jax()(x).tolist() == [first, want.tolist()]
            assert ncd.from_json(d.to_json()) == d
    whole = ncd.diagram("x -> x : int")(lambda x: ncd.where(x > 0, 0, 7))
    assert whole.cod.inside[0].dtype == "int"


# -- axes that numbers name ------------------------------------------------------------------
@pytest.mark.parametrize("make", [
    lambda: nn.convolution("40", "c -> e", kernel=3),
    lambda: nn.convolution("40 30", "4 -> 6", 3, 2, groups=2),
    lambda: nn.convolution("40", "c -> e", kernel=2, stride=2, transpose=True),
    lambda: nn.convolution("40", "3 -> e", kernel=3, groups=3),
    lambda: nn.depthwise_separable("40", "c -> e"),
    lambda: nn.max_pool("40", 3).on("40 c"), lambda: nn.mean_pool("40", 2, 2).on("40 c"),
    lambda: ncd.rearrange("40 c -> (40 c)"), lambda: ncd.einsum("(40 c), c -> 40"),
    lambda: ncd.concat("40").on("40, 40=5"), lambda: nn.self_attention("40 m"),
    lambda: nn.transformer_block("40 64", "256", heads="8", width="8")])
def test_an_axis_that_a_number_names(make):
    d = make()
    sizes = dict.fromkeys(d.symbols, 6)
    assert d.cost().evaluate(**sizes)["flops"] >= 0
    assert ncd.from_json(d.to_json()) == d
    assert d.reverse().composite.cost().evaluate(**sizes)["flops"] >= 0
    for array in d.reverse().composite.graph.types:
        assert all(axis.label[0].isdigit() <= axis.label.strip("'").isdigit() for axis in array.axes)


def test_the_convolution_of_an_axis_that_a_number_names_by_hand():
    d = nn.convolution("40", "3 -> 2", kernel=3, bias=False)
    params, x = d.init(0), np.random.default_rng(0).normal(size=(40, 3)).astype("float32")
    (array,) = [op.array for op in d.op.expansion.graph.ops if getattr(op, "place", "") == "weight"]
    (weight,) = params["convolution"].values()
    order = [array.labels.index(label) for label in ("_40_k", "3", "2")]
    kernel = np.transpose(np.asarray(weight), order)
    want = sum(x[k:k + 38] @ kernel[k] for k in range(3))
    np.testing.assert_allclose(d.to_jax()(params, x), want, rtol=1e-4, atol=1e-5)
