"""Solving: what is found satisfies the equation, and what cannot be found is said."""

from __future__ import annotations

import pytest
import sympy
from hypothesis import assume, given
from hypothesis import strategies as st

import ncd
from ncd.algebra.convert import parse_size, symbol
from ncd.algebra.solve import solve
from ncd.errors import InputError, SizeError
from tests.strategies import EXAMPLES, examples
from tests.unit.cost.formulas import nested, points, polynomials

x, y, k = map(symbol, "xyk")


@examples(3 * EXAMPLES)
@given(polynomials(("x",), 4), st.integers(1, 10 ** 12))
def test_a_root_in_one_size_satisfies_the_equation(size, budget):
    assume("x" in size.symbols)
    try:
        root = solve(size, budget, for_="x")
    except SizeError:
        # Nothing is positive there: at 0 it is as large already, or at 1 where no formula is known.
        assert size.evaluate({"x": 1}) >= budget or size.terms.get((), 0) >= budget
        return
    assert root > 0
    assert float(size.evaluate({"x": root})) == pytest.approx(budget, rel=1e-9)


@examples(2 * EXAMPLES)
@given(polynomials(("x", "y"), 2, terms=3), st.integers(1, 50), st.integers(1, 10 ** 9))
def test_a_root_in_other_sizes_satisfies_the_equation(size, at, budget):
    assume("x" in size.symbols)
    assume(not any(set(dict(monomial)) <= {"y"} for monomial in size.terms))
    try:
        root = solve(size, budget, for_="x")
    except SizeError as error:
        assert "no closed form for x" in str(error)
        return
    found = root.subs({symbol("y"): at}) if hasattr(root, "subs") else root
    value = size.sympy.subs({x: found, y: at})
    assert float(value) == pytest.approx(budget, rel=1e-6)


@examples(3 * EXAMPLES)
@given(nested(("x",)), st.integers(1, 10 ** 6))
def test_with_floors_the_largest_that_fits(size, budget):
    """Nested formulas here do not fall: the largest whole number at which the cost is within the budget."""
    assume(any(not isinstance(atom, str) for monomial in size.terms for atom, _ in monomial))
    assume("x" in size.symbols)
    values = [size.evaluate({"x": at}) for at in range(1, 40)]
    assume(values == sorted(values))
    try:
        found = solve(size, budget, for_="x")
    except SizeError as error:
        assert values[0] > budget if "satisfies it" in str(error) else values[-1] <= budget or (
            len(set(values)) == 1 and "does not depend" in str(error))
        return
    whole = int(found)      # a root between two, where what was not a polynomial fell away
    assert size.evaluate({"x": whole}) <= budget < size.evaluate({"x": whole + 1})


@examples(EXAMPLES)
@given(points(most=100))
def test_numbers_for_other_sizes(at):
    cost = ncd.einsum("y k, x k -> y x").cost()
    budget = cost.exact["flops"].evaluate(at)
    assert solve(cost.flops, budget, for_="x", y=at["y"], k=at["k"]) == at["x"]
    assert solve(cost.flops, budget, for_="x").subs({y: at["y"], k: at["k"]}) == at["x"]


def test_equations_as_sympy_writes_them():
    cost = ncd.zoo.residual_mlp().cost()
    d, m, r = symbol("d"), symbol("m"), symbol("x")
    budget = 10 ** 12
    assert solve(sympy.Eq(cost.matrix_flops, budget), for_="d") == solve(cost.matrix_flops, budget, for_="d")
    assert solve(sympy.Eq(4 * d * m * r, 8 * m ** 2 * r), for_=["d"]) == 2 * m
    assert solve(x ** 2, 49, for_="x") == 7 and isinstance(solve(x ** 2, 49, for_="x"), int)
    assert solve(x ** 2 + 3 * x, 10, for_="x") == 2
    assert solve(sympy.Eq(100, x ** 2 + 21 * x), for_="x") == 4         # either side may be the larger one
    assert solve(4 * x * y ** 2, 100, for_="y").equals(5 / sympy.sqrt(x))
    assert solve(parse_size("max(x, y)"), 100, for_="x", assume=["x > y"]) == 100


def test_a_scaling_law_at_a_fixed_budget():
    """C = 6 N D and D = 20 N (Hoffmann et al. 2022): N = √(C/120)."""
    N, D = symbol("N"), symbol("D")
    found = solve([(6 * N * D, 120 * 10 ** 20), sympy.Eq(D, 20 * N)], for_="N D")
    assert found == {"N": 10 ** 10, "D": 20 * 10 ** 10}
    with pytest.raises(InputError, match="2 equations for 1 sizes"):
        solve([(N * D, 100), (N, 3)], for_=["N"])
    with pytest.raises(SizeError, match="no positive solutions"):
        solve([(N + D, 1), (N - D, 5)], for_="N D")


def test_what_is_no_equation():
    cost = ncd.einsum("y k, x k -> y x").cost()
    for truth in (cost.flops == 10 ** 21, True, sympy.false):
        with pytest.raises(InputError, match="a truth value is no equation") as error:
            solve(truth, for_="x")
        assert "sympy.Eq(cost.flops, 1e21)" in error.value.details["mend"]
    with pytest.raises(InputError, match="a formula without the value"):
        solve(cost.flops, for_="x")
    with pytest.raises(InputError, match="an equation and a value") as error:
        solve(sympy.Eq(cost.flops, 8), 4, for_="x")
    assert error.value.details["mend"] == "give one"
    with pytest.raises(InputError, match="an equation is not read from a text"):
        solve("x*y", 3, for_="x")
    with pytest.raises(InputError, match="the equation does not depend on 'z'") as error:
        solve(cost.flops, 100, for_="z")
    assert error.value.details["have"] == "k, x, y"
    with pytest.raises(InputError, match="one equation has one unknown"):
        solve(cost.flops, 100, for_=["x", "y"])


def test_what_has_no_solution():
    with pytest.raises(SizeError, match="no positive x satisfies it"):
        solve(x + 10, 3, for_="x")
    with pytest.raises(SizeError, match="already 1 is too much"):
        solve(parse_size("10*(x//2) + x + 5"), 3, for_="x")
    with pytest.raises(SizeError, match="no closed form for x") as error:
        solve(x ** 3 * y + x ** 2 + x, 100, for_="x")
    assert error.value.details["mend"] == "give y=..."
    with pytest.raises(SizeError, match="x stands inside a floor, a maximum or a root") as error:
        solve(parse_size("(x + y)//2"), 100, for_="x")
    assert error.value.details["mend"] == "give y=..."
    with pytest.raises(SizeError, match="no x reaches it"):
        solve(parse_size("min(x, 7)"), 100, for_="x")
    with pytest.raises(SizeError, match="x has two values or none"):
        solve(sympy.Eq(x ** 2 + y, 10 * x), for_="x")
    with pytest.raises(SizeError, match="does not depend on 'x': its maxima do not"):
        solve(parse_size("max(x, y)"), 4, for_="x", assume=["y > x"])
    with pytest.raises(SizeError, match="already 1 is too much"):
        solve(parse_size("max(3, 2*x)"), 1, for_="x")       # 2·x = 1 at ½, where the maximum is 3
