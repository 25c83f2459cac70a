"""Published numbers, derived: GPT-3's parameters and compute, 12·l·d², crossovers, backpropagation."""

from __future__ import annotations

import pytest
import sympy

import ncd
from ncd import nn
from ncd.algebra.convert import Size, parse_size
from ncd.interpret.cost import measure
from tests.gpt import CONTEXT, SIZES, TOKENS, at, gpt, loss
from tests.rivals import CONTRACTIONS
from tests.semantics.test_backpropagation import layers, tangent


def contractions(diagram) -> Size:
    return measure(diagram, "none", CONTRACTIONS).exact["flops"]


# -- GPT-3 -----------------------------------------------------------------------------------
def test_a_transformer_has_twelve_l_d_squared_weights():
    assert gpt().cost().exact["params"] == parse_size("12*l*m**2 + 13*l*m + v*m + x*m + 2*m")
    block = nn.transformer_block("x m", "f", heads="h", width="k").bind(f="4*m").bind(k="m/h")
    assert block.cost().exact["params"] == parse_size("12*m**2 + 9*m")    # no biases in attention


def rounded(value: float, like: float) -> float:
    """To as many digits as a published number is printed with."""
    digits = len(f"{like:.0f}".rstrip("0")) if like < 1e9 else 3
    return float(f"{value:.{max(digits, 3) - 1}e}")


@pytest.mark.parametrize("name", SIZES)
def test_parameters_and_training_compute(name):
    """Table D.1 within its own rounding: parameters to its digits, 6·N·D to 1 in 200."""
    *_, millions, flops = SIZES[name]
    count = gpt().cost().evaluate(**at(name))["params"]
    assert rounded(count / 1e6, millions) == millions
    assert abs(6 * count * TOKENS / flops - 1) < 0.006


def test_the_largest():
    count = gpt().cost().evaluate(**at("175B"))["params"]
    assert count == 174_604_259_328
    assert f"{6 * count * TOKENS:.2e}" == "3.14e+23"


def test_training_is_three_forward_passes():
    """Each product forward has two backward: one for its data and one for its weights or other data."""
    forward, training = contractions(gpt()), contractions(loss().reverse().composite)
    assert forward == parse_size("24*l*m**2*x + 4*l*m*x**2 + 2*v*m*x")
    assert training == forward * 3


def test_six_n_d_and_what_it_leaves_out():
    """Per token 6·N, less 6 for each parameter in no product, and 12·l·m·x for attention: exactly."""
    model = gpt()
    each = contractions(loss().reverse().composite) / parse_size("x")
    params = model.cost().exact["params"]
    assert each - params * 6 == parse_size("12*l*m*x - 6*(13*l*m + x*m + 2*m)")
    sizes = at("175B")
    share = parse_size("12*l*m*x").evaluate(sizes) / (params * 6).evaluate(sizes)
    assert 0.0276 < share < 0.0278                 # the paper: attention is below a tenth, and is ignored
    whole = each.evaluate(sizes) * TOKENS
    assert f"{whole:.3e}" == "3.229e+23"
    # Adding everything that is no product of matrices changes the fourth digit.
    with_rest = measure(loss().reverse().composite).exact["flops"].evaluate(sizes) / CONTEXT * TOKENS
    assert 1 < with_rest / whole < 1.001


# -- crossovers ------------------------------------------------------------------------------
def by_power_of_x(size: Size) -> dict[int, Size]:
    found: dict[int, Size] = {}
    for monomial, coefficient in size.terms.items():
        power = dict(monomial).get("x", 0)
        rest = Size.of({tuple(item for item in monomial if item[0] != "x"): coefficient})
        found[power] = found.get(power, Size(0)) + rest
    return found


def block() -> ncd.Diagram:
    return nn.transformer_block("x m", "f", heads="h", width="k").bind(f="4*m").bind(k="m/h")


def test_attention_overtakes_the_rest_at_six_d():
    """Contractions: 4mx² against 24m²x, so x > 6m exactly."""
    found = by_power_of_x(contractions(block()))
    assert found == {1: parse_size("24*m**2"), 2: parse_size("4*m")}
    assert found[1] / found[2] == parse_size("6*m")


def test_the_lower_order_terms():
    """All operations: x(4m + 5h) against 24m² + 25m − 2h + 2, a little below 6m."""
    found = by_power_of_x(block().cost().exact["flops"])
    assert set(found) == {1, 2}
    assert found[2] == parse_size("4*m + 5*h") and found[1] == parse_size("24*m**2 + 25*m - 2*h + 2")
    at_ = {"m": 12288, "h": 96}
    crossing = found[1].evaluate(at_) / found[2].evaluate(at_)
    assert 0.989 < crossing / (6 * 12288) < 0.991


def test_attention_overtakes_the_feed_forward_at_four_d():
    attend, feed = nn.attention().on("y=x k h, x k h, x v=k h"), nn.feed_forward("m", "f").on("x m")
    first = contractions(attend).substitute({"k": parse_size("m/h")})
    second = contractions(feed).substitute({"f": parse_size("4*m")})
    x, m = (sympy.Symbol(name, positive=True, integer=True) for name in "xm")
    assert sympy.solve(sympy.Eq(first.sympy, second.sympy), x) == [4 * m]


def test_scores_overtake_the_hidden_layer_at_four_heads_width():
    """Kept floats: the scores are hx², the hidden layer 4mx, so x > 4m/h, four times the width of a head."""
    kept = {item.array.elements for item in block().reverse().residuals}
    scores, hidden = parse_size("h*x**2"), parse_size("4*m*x")
    assert {scores, hidden} <= kept
    assert hidden / scores * parse_size("x") == parse_size("4*m/h")


# -- backpropagation -------------------------------------------------------------------------
def multiply_adds(diagram) -> Size:
    return contractions(diagram) / 2


def test_an_outer_product_first_is_held():
    """Q Kᵀ by its outer product holds ȳ k² x̄ h numbers; contracted it takes ȳ k x̄ h steps for ȳ x̄ h."""
    outer = ncd.einsum("y k h, x k'=k h -> y x k k' h") >> ncd.einsum("y x k k h -> y x h")
    direct = ncd.einsum("y k h, x k h -> y x h")
    assert outer.cod == direct.cod
    assert measure(outer).exact["activations"] == parse_size("4*(y*x*k*k*h + y*x*h)")
    assert measure(direct).exact["activations"] == parse_size("4*y*x*h")
    assert multiply_adds(direct) == parse_size("y*k*x*h")


def test_multi_head_attention():
    assert multiply_adds(ncd.zoo.multi_head_attention()) == parse_size("m*k*h*(2*y + 2*x) + 2*y*x*k*h")


def test_convolutions():
    whole = nn.convolution("x y", "c -> e", kernel="k", padding="same", bias=False)
    parts = nn.depthwise_separable("x y", "c -> e", kernel="k", padding="same", bias=False)
    assert multiply_adds(whole) == parse_size("x*y*k**2*c*e")
    assert multiply_adds(parts) == parse_size("x*y*k**2*c + x*y*c*e")


def test_six_layers():
    """Contractions alone; the rest of each count is one product for each entry of each function."""
    dense = multiply_adds(tangent(layers([64] * 13), "z")).substitute({"z": parse_size("64")})
    diagonal = multiply_adds(tangent(layers([64] * 7, nn.tanh), "z")).substitute({"z": parse_size("64")})
    backward = multiply_adds(layers([64] * 7, nn.tanh).reverse(0).backward)
    assert dense == 3_145_728
    assert diagonal == 1_597_440 - 6 * 64 * 64
    assert backward == 24_960 - 6 * 64
