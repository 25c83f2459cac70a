"""Coefficients, limits, roots and changes of sign: each is compared with numbers."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
import sympy
from hypothesis import assume, given
from hypothesis import strategies as st

from ncd.algebra.asymptotics import changes, coefficients, halved, leading, limit, positive_roots
from ncd.algebra.convert import ZERO, Size, parse_size, symbol
from ncd.algebra.program import compiled
from ncd.algebra.regime import where_greater
from ncd.errors import SizeError
from tests.strategies import EXAMPLES, examples
from tests.unit.cost.formulas import nested, points, polynomials

x, y = Size.symbol("x"), Size.symbol("y")


# -- coefficients ------------------------------------------------------------------------
@examples(2 * EXAMPLES)
@given(st.one_of(polynomials(signs=True), nested()), st.sampled_from("xyk"))
def test_coefficients_give_the_size_back(size, name):
    found = coefficients(size, name)
    if found is None:
        assert any(name in inner.symbols for monomial in size.terms for atom, _ in monomial
                   if not isinstance(atom, str) for inner in atom.args)
        return
    assert sum((part * Size.symbol(name) ** power for power, part in found.items()), ZERO) == size
    assert all(part.terms and name not in part.symbols for part in found.values())


def test_coefficients_of_other_atoms_and_fractional_powers():
    assert coefficients(parse_size("(y//2)*x**(-1/2) + max(y, 3)"), "x") == {
        Fraction(-1, 2): parse_size("y//2"), 0: parse_size("max(y, 3)")}
    assert coefficients(ZERO, "x") == {} and coefficients(parse_size("max(x, y)"), "x") is None


# -- limits ------------------------------------------------------------------------------
def test_limits():
    assert limit(parse_size("x*y - 3*x + y**2"), "x") == parse_size("x*y - 3*x")
    assert limit(parse_size("3*(x//2) - y*x"), "x") == parse_size("(3/2)*x - y*x")
    assert limit(parse_size("max(x*y, x**2) - y"), "x") == x ** 2
    far = limit(parse_size("g*y*(x//2) - 7*g*y + g"), "y")
    assert positive_roots(far, "x") == [14]             # what the limit leaves of y, and g, cancel


@pytest.mark.parametrize("text, wanted", [
    ("max(0, y - x)", "0"), ("z + h*max(0, y - x)", "z"), ("max(3*m, y - x**2) + z", "3*m + z"),
    ("min(5, y - x)", "-x"), ("min(5*y, x)", "5*y"), ("max(m*x**2 - x**2, x)", "m*x**2 - x**2"),
    ("z + y//x", "z"), ("-((-y)//x)", "1"), ("x*max(0, y - x) + 2*x", "2*x")])
def test_what_a_node_is_in_the_end(text, wanted):
    """The value far out, whatever the signs: a part that sinks is no maximum, a ceiling does not vanish."""
    size, (degree, top) = parse_size(text), leading(parse_size(text), ["x"])
    assert top == parse_size(wanted)
    at = {"x": 10 ** 9, "y": 3, "z": 5, "h": 2, "m": 7}
    assert size.evaluate(at) == pytest.approx(top.evaluate(at), rel=1e-6)
    assert degree == max((sum(e for a, e in m if a == "x") for m in top.terms), default=0)


def test_limits_that_do_not_exist_are_refused():
    with pytest.raises(SizeError, match="no leading term in x") as error:
        limit(parse_size("max(x*y, x*k)"), "x")
    assert error.value.details["mend"] == "give x a number"
    with pytest.raises(SizeError, match="the leading terms cancel"):
        limit(parse_size("2*(x//2) - x"), "x")


# -- roots -------------------------------------------------------------------------------
@examples(3 * EXAMPLES)
@given(polynomials(("x",), 5, signs=True))
def test_the_roots_of_a_polynomial_are_all_where_it_changes_its_sign(size):
    assume("x" in size.symbols)
    found = positive_roots(size, "x")
    scale = sum(map(abs, size.terms.values()))
    for root in found:
        assert root > 0
        assert abs(float(size.sympy.subs(symbol("x"), root))) <= 1e-9 * scale * max(1.0, float(root)) ** 5
    assert found == sorted(found)
    for before, after, _ in changes(size, "x"):
        assert any(before <= root <= after for root in found), (before, after)


@examples(2 * EXAMPLES)
@given(polynomials(("x", "y"), 2, signs=True, terms=3), points(("y",)))
def test_roots_in_another_size_are_those_at_its_numbers(size, at):
    assume("x" in size.symbols)
    numbers = [float(root) for root in positive_roots(size.substitute({"y": Size.number(at["y"])}), "x")]
    try:
        found = positive_roots(size, "x")
    except SizeError as error:
        assert "no closed form for x" in str(error) and error.details["mend"] == "give y=..."
        return
    values = [complex(sympy.sympify(root).subs(symbol("y"), at["y"])) for root in found]
    # A root in symbols is one that is positive somewhere: not everywhere.
    assert all(any(abs(number - value) <= 1e-6 * number for value in values) for number in numbers)


def test_roots_by_hand():
    def root(text: str) -> list:
        return positive_roots(parse_size(text), "x")
    assert [float(r) for r in root("x**5 - x - 1")] == [pytest.approx(1.1673039782614187)]
    assert root("x**6 - 64") == [2] and root("x**2 - 3*x + 2") == [1, 2] and root("x - 2*x**(1/2)") == [4]
    assert root("x + 1") == root("x**2") == root("0") == []
    assert root("x**4 - 5*x**2*y - 6*y**2") == [sympy.sqrt(6) * sympy.sqrt(symbol("y"))]
    assert root("x//2 - 7") == [14.0] and isinstance(root("x//2 - 7")[0], float)
    assert root("x**2 - 6*x + 9") == [3]                # touched, not crossed: a root, no change of sign
    assert changes(parse_size("x**2 - 6*x + 9"), "x") == [(2, 3, False), (3, 4, True)]
    # No positive root, by Descartes' rule: nothing that cannot be.
    assert root("x**2 + x*y + 2*x + 3") == []
    with pytest.raises(SizeError, match="no closed form for x") as error:
        root("x**5 - x - a")
    assert error.value.details["mend"] == "give a=..." and "powers 0, 1, 5" in error.value.details["why"]
    with pytest.raises(SizeError, match="no closed form for x") as error:
        root("x//2 - a*b - 1")
    assert error.value.details["mend"] == "give a=..., b=..."


@examples(EXAMPLES)
@given(st.integers(1, 60), st.integers(1, 60))
def test_the_sign_of_a_square_may_be_an_assumption(m, more):
    """The positive root is taken where only an assumption says that the square is subtracted."""
    n = m + more
    condition = where_greater(parse_size("m*x**2 + 5*x + 7"), parse_size("n*x**2"), "x", assume=["n > m"])
    for at in range(1, 15):
        assert condition.holds(x=at, m=m, n=n) == (m * at ** 2 + 5 * at + 7 > n * at ** 2)
    same = where_greater(parse_size("m*x**2 + x"), parse_size("n*x**2 + 3"), "x", assume=["n = m"])
    assert str(same) == "x > 3"                         # and where it says that there is none


# -- changes of sign ---------------------------------------------------------------------
@examples(2 * EXAMPLES)
@given(nested(("x",)), st.integers(1, 10 ** 6))
def test_changes_are_between_neighbours(size, level):
    gap = size - level
    assume("x" in gap.symbols)
    for before, after, rises in changes(gap, "x"):
        assert after == before + 1
        assert [gap.evaluate({"x": at}) > 0 for at in (before, after)] == [not rises, rises]
    value = compiled({"gap": gap})          # floats are rounded as they are there
    for before, after, rises in changes(gap, "x", 1.0):
        assert after == math.nextafter(before, math.inf)
        assert [value({"x": at})["gap"] > 0 for at in (before, after)] == [not rises, rises]


def test_halving_ends_at_neighbours():
    assert halved(lambda at: at >= 10 ** 30, 1, 10 ** 40) == (10 ** 30 - 1, 10 ** 30)
    low, high = halved(lambda at: at * at < 2, 1.0, 2.0)
    assert high == math.nextafter(low, 2) and low * low < 2 <= high * high
