"""Assumptions on sizes: what they prove holds at all sizes that satisfy them."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ncd.algebra.assume import Assumptions
from ncd.algebra.convert import Size, parse_size
from ncd.errors import NcdError, NotationError, SizeError
from tests.strategies import EXAMPLES, examples
from tests.unit.cost.formulas import NAMES, nested, polynomials

GRID = [dict(zip(NAMES, numbers)) for numbers in itertools.product((1, 2, 3, 4, 5, 7, 12, 30, 100), repeat=3)]


def inequalities() -> st.SearchStrategy[str]:
    """x > 4*y, 2*x >= y + 3, x = 4*y, …"""
    name = st.sampled_from(NAMES)
    side = st.one_of(name, st.builds("{}*{}".format, st.integers(2, 4), name),
                     st.builds("{} + {}".format, name, st.sampled_from([*NAMES, "3"])))
    return st.builds("{} {} {}".format, side, st.sampled_from([">", ">=", "<", "<=", "="]),
                     st.one_of(side, st.integers(1, 9).map(str)))


def _parts(text: str) -> tuple[str, str, str]:
    words = text.split()
    at = next(n for n, word in enumerate(words) if word in (">", ">=", "<", "<=", "="))
    return " ".join(words[:at]), words[at], " ".join(words[at + 1:])


def satisfied(texts) -> list[dict[str, int]]:
    """The points of the grid at which texts hold, by Python's own comparison."""
    compare = {">": lambda a, b: a > b, ">=": lambda a, b: a >= b, "<": lambda a, b: a < b,
               "<=": lambda a, b: a <= b, "=": lambda a, b: a == b}

    def true(text, at):
        left, relation, right = _parts(text)
        return compare[relation](parse_size(left).evaluate(at), parse_size(right).evaluate(at))
    return [at for at in GRID if all(true(text, at) for text in texts)]


def read(texts) -> Assumptions:
    try:
        return Assumptions.read(texts)
    except SizeError as error:
        if "no sizes satisfy" in str(error):
            assert not satisfied(texts), f"{texts} hold at {satisfied(texts)[0]}"
        assume(False)


lists = st.lists(inequalities(), max_size=3)


@examples(6 * EXAMPLES)
@given(lists, polynomials(signs=True, most=2))
def test_signs_are_sound(texts, size):
    known = read(texts)
    sign, nonnegative = known.sign(size), known.nonnegative(size)
    for at in satisfied(texts):
        value = size.evaluate(at)
        assert sign is None or (value > 0) - (value < 0) == sign, f"{size} at {at}"
        assert not nonnegative or value >= 0, f"{size} at {at}"


@examples(4 * EXAMPLES)
@given(lists, nested())
def test_what_is_simplified_keeps_its_value(texts, size):
    simple = read(texts).simplify(size)
    assert len(str(simple)) <= len(str(size)) + 40
    for at in satisfied(texts):
        assert simple.evaluate(at) == size.evaluate(at), f"{size} became {simple} at {at}"


@examples(4 * EXAMPLES)
@given(lists)
def test_assumptions_hold_where_they_are_true(texts):
    known = read(texts)
    true = satisfied(texts)
    for at in GRID[::7]:
        if at in true:
            known.hold(at)
        else:
            with pytest.raises(SizeError, match="the sizes given break the assumption"):
                known.hold(at)


@examples(2 * EXAMPLES)
@given(inequalities())
def test_what_is_assumed_is_known(text):
    """Of one assumption; of several, some of what they say together may be lost, never the other way."""
    known = read([text])
    left, relation, right = _parts(text)
    gap = parse_size(left) - parse_size(right)
    if relation in ("<", "<="):
        gap = -gap
    assert known.nonnegative(gap), f"{gap} with {text}"
    assert relation not in ("<", ">") or known.sign(gap) == 1
    assert relation != "=" or known.sign(gap) == 0


def test_by_hand():
    known = Assumptions.read(["x > 4*d", "f = 4*m", "m ≥ h"])
    assert known.sign(parse_size("x - d")) == 1 and known.sign(parse_size("f - 4*m")) == 0
    assert known.sign(parse_size("h - m - 1")) == -1 and known.sign(parse_size("m - h")) is None
    assert known.nonnegative(parse_size("m - h")) and not known.nonnegative(parse_size("x - m"))
    assert known.simplify(parse_size("max(x*m, 4*d*m, h*d) + max(f, m)")) == parse_size("x*m + f")
    assert known.simplify(parse_size("min(x*m, d*m)")) == parse_size("d*m")
    assert Assumptions.read("x > 2").texts == ("x > 2",) and Assumptions.read(known) is known
    nothing = Assumptions()
    assert nothing.sign(parse_size("x*y - 1")) is None and nothing.nonnegative(parse_size("x*y - 1"))
    both = Assumptions.read(["x >= y", "y >= x"])
    assert both.sign(parse_size("x - y")) == 0


@pytest.mark.parametrize("text", ["x", "x > y > k", "x + y", "", 3])
def test_what_is_no_inequality(text):
    with pytest.raises(NotationError, match="an assumption is an inequality of two sizes"):
        Assumptions.read([text])


@pytest.mark.parametrize("texts", [
    ["x > y", "y > x"], ["x < 1"], ["x = 3", "x > 5"], ["x > y", "y > k", "k >= x"], ["x = y", "x > y"],
    ["x = y + 1", "x = y"]])
def test_a_contradiction_names_what_it_contradicts(texts):
    with pytest.raises(SizeError, match="no sizes satisfy") as error:
        Assumptions.read(texts)
    assert all(f"`{text}`" in str(error.value) for text in texts)


def test_what_is_larger_by_less_than_one():
    """x/2 > y leaves x = 2*y + 1: half a step is what whole numbers give."""
    known = Assumptions.read(["x/2 > y"])
    assert known.sign(parse_size("x - 2*y - 1")) is None and known.nonnegative(parse_size("x - 2*y - 1"))
    assert known.sign(parse_size("x - 2*y")) == 1
    known.hold({"x": 3, "y": 1})


def test_what_cannot_be_used():
    with pytest.raises(SizeError, match="`x < 7` bounds x from above by no other size") as error:
        Assumptions.read(["x < 7"])
    assert "--size x=..." in error.value.details["mend"]
    with pytest.raises(SizeError, match="`x\\*y \\+ x > k\\*k\\*y` cannot be used") as error:
        Assumptions.read(["x*y + x > k*k*y"])
    assert error.value.details["want"].endswith("as x in x > 4*d or b in b*l > w")
    with pytest.raises(NcdError):
        Assumptions.read(["x > 4*"])
    with pytest.raises(SizeError, match="break the assumption `x > 4\\*d`") as error:
        Assumptions.read(["x > 4*d"]).hold({"x": 4, "d": 1, "m": 9})
    assert error.value.details["have"] == "4 and 4"
    Assumptions.read(["x > 4*d"]).hold({"x": 1})        # d is not given: nothing is said
    assert Assumptions.read(["x >= 1", "x*x >= 1"]).sign(Size.symbol("x")) == 1


def texts_of_extrema() -> st.SearchStrategy[str]:
    """Maxima and minima in one another, of sums, products and floors."""
    leaves = st.sampled_from([*NAMES, f"2*{NAMES[0]}", f"{NAMES[1]} + 1", f"{NAMES[0]} - {NAMES[1]}",
                              f"{NAMES[1]}*{NAMES[2]}", "3", "0", f"{NAMES[0]}//2", f"({NAMES[2]} + 1)//2"])

    def grow(inner):
        pair = st.tuples(inner, inner)
        return st.one_of(st.builds("{0}({1[0]}, {1[1]})".format, st.sampled_from(["max", "min"]), pair),
                         st.builds("(({1[0]}) {0} ({1[1]}))".format, st.sampled_from("+-*"), pair))
    return st.recursive(leaves, grow, max_leaves=6)


@examples(EXAMPLES)
@given(st.lists(inequalities(), max_size=2), texts_of_extrema())
def test_extrema_in_one_another_keep_their_value(texts, text):
    try:
        known, points = Assumptions.read(texts), satisfied(texts)
    except NcdError:
        assume(False)
    size = parse_size(text)
    found = known.simplify(size)
    for at in points[::7]:
        assert found.evaluate(at) == size.evaluate(at) == eval(text, {"max": max, "min": min}, dict(at))


@pytest.mark.parametrize("texts, text, right", [
    ("a > b", "max(min(b, c), min(a, c))", "min(a, c)"), ("a > b", "min(max(b, c), max(a, c))", "max(b, c)"),
    ("a > b", "max(min(b, c), a)", "a"), ("a >= b", "min(max(b, c) + 1, max(a, c) + 2)", "max(b, c) + 1"),
    ("a > b", "min(a//2, b//2)", "b//2"), ("a > b", "max(min(a, b), c)", "max(b, c)"),
    ("a > b", "max(min(a, c), b)", "max(min(a, c), b)"),        # c may be less than b
    ("a*b > c", "min(c**2*d, max(3, c*d))", "min(c**2*d, max(3, c*d))")])   # at 1 it is 1, not 3
def test_extrema_in_one_another(texts, text, right):
    assert str(Assumptions.read(texts).simplify(parse_size(text))) == str(parse_size(right))
