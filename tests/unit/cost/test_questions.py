"""Questions that have an answer: a linear difference, bounds of products, nested maxima, floors, names."""

from __future__ import annotations

import itertools
import random

import pytest

from ncd import einsum, nn
from ncd.algebra.assume import Assumptions
from ncd.algebra.convert import Size
from ncd.algebra.regime import where_greater
from ncd.errors import SizeError


# -- where one is larger ---------------------------------------------------------------------
@pytest.mark.parametrize(("left", "right", "condition"), [
    ("t", "v**2 - v", "t > v**2 - v"), ("a*t", "v**2 - v", "t > (v**2 - v)/a"),
    ("v**2 - v", "t", "t < v**2 - v"),
    ("t**2", "t*v - 3*t", "t > v - 3")])
def test_a_difference_that_is_linear_in_the_axis(left, right, condition):
    found = where_greater(Size(left), Size(right), "t")
    assert str(found) == condition
    for t, v, a in itertools.product(range(1, 9), range(1, 6), (1, 2)):
        at = {"t": t, "v": v, "a": a}
        holds = found.holds(**{name: at[name] for name in {"t"} | Size(left).symbols | Size(right).symbols})
        assert holds == (Size(left).evaluate(at) > Size(right).evaluate(at))


def test_where_the_slope_is_not_known_it_is_asked_for():
    with pytest.raises(SizeError, match="not seen"):
        where_greater(Size("t*a - t*b"), Size("v"), "t")
    assert str(where_greater(Size("t*a - t*b"), Size("v"), "t", assume=["a > b"])) == "t > v/(a - b)"


# -- assumptions on products -----------------------------------------------------------------
@pytest.mark.parametrize(("texts", "size", "sign"), [
    (["b*l > w"], "b*l - w", 1), (["b*l > w"], "2*b*l*h - w*h", 1), (["b*l > w*h"], "w*h - b*l", -1),
    (["b*l > w"], "b + l", 1), (["x**2 > y"], "y - x**2", -1), (["b*l > w", "w > v"], "b*l - v", 1),
    (["w < b*l"], "b - w", None)])
def test_an_assumption_on_a_product(texts, size, sign):
    assert Assumptions.read(texts).sign(Size(size)) == sign


def test_an_assumption_on_a_product_settles_a_maximum():
    assert Assumptions.read(["b*l > w"]).simplify(Size("max(b*l*h, w*h)")) == Size("b*h*l")


TEXTS = ["b*l > w", "b*l >= w*h", "x**2 > y", "x > b*l", "b*l*h > 4*w", "x > 4*d", "x >= y", "w*h <= x",
         "x = 2*y", "b*l = w", "y > x - 3", "b**2*l > x", "d*w > x**2 + 1"]


def test_no_sign_is_wrong():
    draw, names, seen = random.Random(0), list("blwhxyd"), 0
    points = [{name: draw.choice([1, 1, 2, 3, 5, 9, 20]) for name in names} for _ in range(150)]
    for _ in range(60):
        texts = draw.sample(TEXTS, draw.choice([1, 1, 2, 3]))
        try:
            known = Assumptions.read(texts)
        except SizeError:
            continue
        allowed = []
        for at in points:
            try:
                known.hold(at)
                allowed.append(at)
            except SizeError:
                pass
        for _ in range(6):
            size = Size(0)
            for _ in range(draw.randint(1, 3)):
                term = Size("*".join(draw.sample(names, draw.choice([1, 2]))))
                size = size + draw.choice([-2, -1, 1, 2]) * term
            sign, least = known.sign(size), known.nonnegative(size)
            values = [size.evaluate(at) for at in allowed]
            assert not least or all(value >= 0 for value in values)
            assert sign is None or all((value > 0) - (value < 0) == sign for value in values)
            seen += sign is not None
    assert seen > 50


# -- maxima and minima -----------------------------------------------------------------------
@pytest.mark.parametrize(("size", "simple"), [
    ("min(y, max(0, y - 128))", "max(0, y - 128)"), ("max(y, min(0, y - 128))", "y"), ("max(x, x//2)", "x"),
    ("min(x, x//2)", "x//2"), ("max(y, min(x, y))", "y"), ("min(2*y, max(y, y - 3))", "y"),
    ("max(x*y, y*(x//3))", "x*y"), ("min(y, max(0, x - 128))", "min(y, max(0, x - 128))")])
def test_what_is_seen_to_be_larger_falls_away(size, simple):
    assert str(Size(size)) == str(Size(simple)) and len(str(Size(size))) <= len(simple) + 4
    for at in itertools.product((1, 2, 3, 127, 128, 129, 500), repeat=2):
        x, y = at
        plain = eval(size, {"max": max, "min": min, "x": x, "y": y})
        assert Size(size).evaluate({"x": x, "y": y}) == plain


# -- floors ----------------------------------------------------------------------------------
@pytest.mark.parametrize(("one", "other"), [
    ("x//2", "x - (x + 1)//2"), ("x//2 + (x + 1)//2", "x"), ("x//3 + (x + 1)//3 + (x + 2)//3", "x"),
    ("m*(x//2)", "m*x - m*((x + 1)//2)"), ("(x + y)//2", "x + y - (x + y + 1)//2"),
    ("-((-x)//2)", "(x + 1)//2"),
    ("x//2 + (x + 1)//2 - x", "0")])
def test_equal_sums_of_floors_are_equal(one, other):
    one, other = Size(one), Size(other)
    assert one == other and hash(one) == hash(other) and {one: 1}[other] == 1
    assert one + 1 != other and one != other * 2 + 1
    for x in range(1, 9):
        at = {"x": x, "y": 3, "m": 2}
        assert one.evaluate(at) == other.evaluate(at)


def test_types_with_equal_floors_compose():
    left, right = einsum("a=x//2 b -> a b"), einsum("a=x-(x+1)//2 b -> a")
    both = left >> right
    assert both.cod.inside[0].size("a") == Size("x//2")
    assert both.to_numpy(x=5)([[1.0, 2.0], [3.0, 4.0]]).tolist() == [3, 7]


# -- names of sizes --------------------------------------------------------------------------
def test_a_renamed_axis_is_bound_by_its_name():
    d = nn.linear("m -> d").rename(m="n")
    assert d.bind(n=5) == d.bind(m=5) and str(d.bind(n=5)) == "n=5 -> d"
    with pytest.raises(SizeError, match="bound twice"):
        d.bind(n=5, m=6)
    with pytest.raises(SizeError, match="no size n to bind"):
        einsum("n=2*k -> n").bind(n=4)
