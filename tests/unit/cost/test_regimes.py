"""Growth, crossings and dominance: every statement is compared with numbers."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import ncd
from ncd.algebra.asymptotics import leading
from ncd.algebra.convert import Size, parse_size
from ncd.algebra.regime import Condition, dominant, elasticity, order, where_greater
from ncd.errors import AxisError, InputError, SizeError
from tests.strategies import EXAMPLES, examples
from tests.unit.cost.formulas import NAMES, nested, points, polynomials

FAR = 10 ** 15
axes_of = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True)


# -- growth ------------------------------------------------------------------------------
def growth(size: Size, axes, at):
    try:
        return leading(size, axes)
    except SizeError:               # the leading terms cancel
        assume(False)


@examples(4 * EXAMPLES)
@given(nested(), axes_of, points())
def test_the_ratio_to_the_leading_terms_tends_to_one(size, axes, at):
    degree, top = growth(size, axes, at)
    far = at | {name: FAR * at[name] for name in axes}
    value, main = size.evaluate(far), top.evaluate(far)
    if not value:
        assert main == 0
        return
    assert float(main / value) == pytest.approx(1, abs=1e-6)
    # Doubled far out, it grows by 2 to the degree.
    twice = size.evaluate(far | {name: 2 * far[name] for name in axes})
    assert math.log2(twice / value) == pytest.approx(float(degree), abs=1e-6)


@examples(2 * EXAMPLES)
@given(polynomials(), axes_of, points())
def test_the_order_bounds_from_both_sides(size, axes, at):
    found = order(size, axes)
    ratios = [size.evaluate(there) / found.evaluate(there) for scale in (10 ** 9, 10 ** 12) for there in
              [at | {name: scale * at[name] for name in axes}]]
    assert ratios[0] > 0 and ratios[1] == pytest.approx(ratios[0], rel=1e-3)
    assert all(coefficient == 1 for coefficient in found.terms.values())


def test_growth_by_hand():
    cost = ncd.zoo.multi_head_attention().cost()
    assert str(cost.order("x")) == "x" and str(cost.order("x", "y")) == "x*y"
    exponents = ncd.zoo.pre_norm_block().cost().exponents("x", "m")
    assert exponents["flops"] == {"x": 2, "m": 1} and exponents["params"] == {"x": 0, "m": 1}
    assert leading(parse_size("(x**2 + x)**(1/2)"), ["x"])[0] == 1
    assert leading(parse_size("x//y"), ["x", "y"]) == (0, parse_size("x//y"))
    with pytest.raises(SizeError, match="the leading terms cancel"):
        leading(parse_size("2*(x//2) - x + 1"), ["x"])


@examples(3 * EXAMPLES)
@given(polynomials(), st.sampled_from(NAMES), points())
def test_elasticity_is_a_finite_difference(size, axis, at):
    assume(axis in size.symbols)
    step = 1e-5
    up, down = (float(size.evaluate(at | {axis: at[axis] * (1 + sign * step)})) for sign in (1, -1))
    slope = (math.log(up) - math.log(down)) / (math.log1p(step) - math.log1p(-step))
    assert elasticity(size, axis, at) == pytest.approx(slope, rel=1e-5, abs=1e-7)


def test_sensitivities_of_a_product_are_its_powers():
    found = ncd.einsum("y k, x k -> y x").cost()
    assert found.sensitivity(x=3, y=5, k=7) == {"k": 1.0, "x": 1.0, "y": 1.0}
    with pytest.raises(SizeError, match="no value for the size k, y"):
        found.sensitivity(x=3)
    assert math.isnan(elasticity(parse_size("x - 5"), "x", {"x": 5}))
    assert elasticity(parse_size("max(x**2, 100)"), "x", {"x": 3}) == 0
    assert elasticity(parse_size("max(x**2, 100)"), "x", {"x": 30}) == 2
    assert elasticity(parse_size("100//x"), "x", {"x": 4}) == -1 and elasticity(
        parse_size("(x + y)//2"), "y", {"x": 6, "y": 2}) == 0.25


# -- crossings ---------------------------------------------------------------------------
@examples(3 * EXAMPLES)
@given(polynomials(("x",), 3), polynomials(("x",), 3))
def test_a_condition_holds_where_one_costs_more(left, right):
    assume("x" in left.symbols | right.symbols)
    condition = where_greater(left, right, "x")
    for at in (*range(1, 40), 63, 100, 1000, 10 ** 6):
        assert condition.holds(x=at) == (left.evaluate({"x": at}) > right.evaluate({"x": at})), str(condition)


@examples(2 * EXAMPLES)
@given(st.data())
def test_a_condition_in_other_sizes_holds_around_its_boundary(data):
    left, right = (data.draw(polynomials(("x", "m"), 2, terms=2)) for _ in range(2))
    assume("x" in left.symbols | right.symbols)
    try:
        condition = where_greater(left, right, "x")
    except SizeError as error:
        assert "give sizes (m=...)" in error.details["mend"]
        return
    except AxisError:
        assume(False)
    for m in data.draw(st.lists(st.integers(1, 50), min_size=2, max_size=3)):
        ends = [float(end.subs(dict.fromkeys(end.free_symbols, m))) for interval in condition.intervals
                for end in interval if end is not None]
        near = {max(1, math.floor(end) + step) for end in ends for step in (-1, 0, 1, 2)}
        for x in (1, 10 ** 4, *near):
            at = {"x": x, "m": m}
            assert condition.holds(**at) == (left.evaluate(at) > right.evaluate(at)), f"{condition} at {at}"


@examples(2 * EXAMPLES)
@given(nested(("x",)), nested(("x",)))
def test_a_condition_with_floors_and_maxima(left, right):
    assume("x" in left.symbols | right.symbols)
    condition = where_greater(left, right, "x")
    for at in range(1, 33):         # tried one by one up to here
        assert condition.holds(x=at) == (left.evaluate({"x": at}) > right.evaluate({"x": at})), str(condition)


def test_crossings_by_hand():
    x2, x1 = parse_size("4*m*x**2"), parse_size("24*m**2*x")
    assert str(where_greater(x2, x1, "x")) == "x > 6*m" and str(where_greater(x1, x2, "x")) == "x < 6*m"
    assert where_greater(x2, x1, "x").holds(x=7, m=1) and not where_greater(x2, x1, "x").holds(x=6, m=1)
    assert where_greater(parse_size("x + 1"), parse_size("x"), "x").always
    assert where_greater(parse_size("x"), parse_size("x + m"), "x").never
    both = where_greater(parse_size("x**2 + 20"), parse_size("12*x"), "x")
    assert str(both) == "x < 2 or x > 10" and isinstance(both, Condition)
    between = where_greater(parse_size("12*x"), parse_size("x**2 + 20"), "x")
    assert str(between) == "2 < x < 10"
    narrow = where_greater(parse_size("2004*x"), parse_size("x**2 + 1004000"), "x")
    assert str(narrow) == "1,000 < x < 1,004"           # between the points that are tried in any case
    assert str(where_greater(parse_size("x*m"), parse_size("x*k"), "x", assume=["m > k"])) == "always"
    assert str(where_greater(parse_size("x**2 + m*x"), parse_size("k*x"), "x", {"m": 3, "k": 10})) == "x > 7"


def test_what_crossings_refuse():
    with pytest.raises(AxisError, match="the costs do not depend on 'z'") as error:
        where_greater(parse_size("x"), parse_size("2*x*y"), "z")
    assert error.value.details["have"] == "x, y"
    with pytest.raises(SizeError, match="changes its sign along x is not seen") as error:
        where_greater(parse_size("x*m"), parse_size("x*k"), "x")
    assert "k=..., m=..." in error.value.details["mend"]
    with pytest.raises(SizeError, match="is not seen"):
        where_greater(parse_size("(x + m)//2"), parse_size("x*k"), "x")


# -- dominance ---------------------------------------------------------------------------
@examples(2 * EXAMPLES)
@given(st.lists(polynomials(("x",), 3), min_size=1, max_size=4))
def test_the_dominant_part_is_the_largest_everywhere(parts):
    named = {f"p{n}": size for n, size in enumerate(parts)}
    found = dominant(named, "x", {})
    assert found[0][1] == 1 and found[-1][2] is None
    assert all(end + 1 == start for (_, _, end), (_, start, _) in itertools.pairwise(found))
    for at in (*range(1, 120), 10 ** 5):
        name = next(name for name, start, end in found if start <= at and (end is None or at <= end))
        values = {name: size.evaluate({"x": at}) for name, size in named.items()}
        assert values[name] == max(values.values())


# -- by the face -------------------------------------------------------------------------
def test_what_a_cost_says_of_regimes():
    cost = ncd.zoo.pre_norm_block().cost()
    given_sizes = {"m": 512, "h": 8, "k": 64, "f": 2048}
    found = cost.dominant("x", **given_sizes)
    turn = found[1][1]
    for at, name in ((turn - 1, found[0][0]), (turn, found[1][0])):
        parts = {row.name: row.sums["flops"].evaluate(given_sizes | {"x": at}) for row in cost.by("block")}
        assert max(parts, key=parts.get) == name
    other = ncd.zoo.multi_head_attention().cost()
    condition = other.compare(cost, "x", m=8, h=8, k=64, f=8, y=100)
    for x in (1, 50, 99, 100, 101, 10 ** 4):
        at = {"x": x, "m": 8, "h": 8, "k": 64, "f": 8, "y": 100}
        assert condition.holds(**at) == (other.evaluate(**at)["flops"] > cost.evaluate(**at)["flops"])
    with pytest.raises(AxisError, match="does not depend on 'z'") as error:
        cost.leading("z")
    assert error.value.details["have"] == "f, h, k, m, x"
    with pytest.raises(AxisError, match="does not depend on 'q', 'z'"):
        cost.exponents("z", "q")
    with pytest.raises(InputError, match="no measure 'flop'") as error:
        cost.order("x", measure="flop")
    assert "transcendentals" in error.value.details["want"]
    with pytest.raises(AxisError, match="does not depend on 'z'"):
        cost.dominant("z", **given_sizes)
    with pytest.raises(SizeError, match="no value for the size f, h, k"):
        cost.dominant("x", m=512)
    with pytest.raises(InputError, match="'depth' does not add up over blocks"):
        cost.dominant("x", measure="depth", **given_sizes)
    with pytest.raises(InputError, match="'peak_memory' does not add up over blocks"):
        cost.part("feed_forward", "peak_memory")
    with pytest.raises(InputError, match="no block is called 'mlp'") as error:
        cost.crossover("mlp", "self_attention", "x")
    assert "feed_forward" in error.value.details["have"]


def test_a_part_is_all_rows_of_its_name():
    cost = ncd.zoo.pre_norm_block().cost()
    rows = [row for row in cost.by("block") if row.name.partition("[")[0] == "layer_norm"]
    assert cost.part("layer_norm") == sum((row.sums["flops"] for row in rows), Size(0))
    assert cost.part("layer_norm", "params") == parse_size("4*m")
