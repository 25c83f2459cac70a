"""The basis is pinned, every interpretation is total on it, and scalar rows mean one thing."""

from __future__ import annotations

import jax
import numpy as np
import pytest
import sympy

from ncd.algebra.convert import Size
from ncd.errors import NotationError, SizeError
from ncd.interpret import reference
from ncd.interpret.cost import RULES as COST_RULES
from ncd.interpret.jax.rules import RULES as JAX_RULES
from ncd.interpret.jax.scalar import FUNCTIONS as JAX_FUNCTIONS
from ncd.interpret.jax.scalar import OVERRIDES
from ncd.interpret.reference.rules import FUNCTIONS as REFERENCE_FUNCTIONS
from ncd.interpret.reference.rules import RULES as REFERENCE_RULES
from ncd.ops import primitive, scalar
from ncd.ops.monoid import MONOIDS
from ncd.ops.pointwise import Map
from ncd.ops.primitive import BASIS
from ncd.ops.scalar import ARITHMETIC, FUNCTIONS, PYTHON, SCALARS

TABLES = {"reference": REFERENCE_RULES, "jax": JAX_RULES, "cost": COST_RULES}


def missing(rules) -> list[str]:
    """The primitives that a table of rules lacks."""
    return [operation.__name__ for operation in BASIS if operation not in rules]


def test_the_basis_is_pinned():
    assert [operation.__name__ for operation in BASIS] == [
        "Einsum", "Reindex", "View", "Concat", "Map", "Reduce", "TopK", "Gather", "Segment", "Scan", "Iota",
        "Constant", "Parameter", "Key", "Random", "Solve", "Eigh", "Stop"]


def test_every_member_of_the_basis_is_primitive():
    assert all(operation.primitive is True for operation in BASIS)
    assert primitive.Opaque.primitive and primitive.Opaque not in BASIS


@pytest.mark.parametrize("name", TABLES)
def test_an_interpretation_has_a_rule_for_every_primitive(name):
    assert missing(TABLES[name]) == []


def test_a_missing_rule_is_named():
    short = {operation: rule for operation, rule in JAX_RULES.items() if operation is not primitive.Solve}
    assert missing(short) == ["Solve"]


def test_every_table_of_scalar_functions_is_total():
    wanted = {*FUNCTIONS, *ARITHMETIC}
    for table in (PYTHON, REFERENCE_FUNCTIONS, JAX_FUNCTIONS):
        assert wanted - set(table) == set()


# -- rows ----------------------------------------------------------------------------------
# Where a row is defined: the interval from which each argument is drawn, else (−3, 3).
DOMAINS = {"log": (0.05, 5), "log_total": (0.05, 5), "sqrt": (0.05, 5), "rsqrt": (0.05, 5),
           "arccos": (-0.99, 0.99),
           "reciprocal": (0.2, 3), "divide": (0.2, 3), "power": (0.2, 3)}
INTEGERS = ("equal", "remainder", "quotient", "less_equal", "greater_equal")
TRUTHS = {"both": (0, 1), "either": (0, 1), "opposite": (0,), "where": (0,)}
POINTS = 40


def points(row) -> list[np.ndarray]:
    """Random arguments of a row; integers where equality must happen, also negative ones."""
    draw = np.random.default_rng(sum(map(ord, row.name)))
    made = []
    for position in range(row.arity):
        if position in TRUTHS.get(row.name, ()):
            made.append(draw.random(POINTS) < 0.5)
        elif row.name in INTEGERS:
            whole = draw.integers(-4, 5, POINTS)
            made.append(np.where(whole == 0, 3, whole) if position == 1 else whole)
        else:
            made.append(draw.uniform(*DOMAINS.get(row.name, (-3, 3)), POINTS))
    return made


def symbolic(row, arguments) -> list:
    """The row's SymPy expression, evaluated to 30 digits at each point."""
    symbols, expression = row.sympy
    found = []
    for values in zip(*arguments):
        exact = [sympy.sympify(v) if isinstance(v, (bool, int)) else sympy.Float(v, 30)
                 for v in (value.item() for value in values)]
        value = expression.subs(list(zip(symbols, exact)))
        found.append(bool(value) if value in (sympy.true, sympy.false) else float(sympy.N(value, 30)))
    return found


@pytest.mark.parametrize("name", SCALARS)
def test_a_row_means_its_symbolic_expression(name):
    row = SCALARS[name]
    arguments = points(row)
    named = dict(zip(row.arguments, arguments))
    want = np.asarray(symbolic(row, arguments), float)
    reference = row.evaluate(named, REFERENCE_FUNCTIONS)
    np.testing.assert_allclose(np.asarray(reference, float), want, rtol=1e-11, atol=1e-13)
    plain = [row.evaluate(dict(zip(row.arguments, [v.item() for v in values])), PYTHON)
             for values in zip(*arguments)]
    np.testing.assert_allclose(np.asarray(plain, float), want, rtol=1e-11, atol=1e-13)
    with jax.enable_x64(True):
        generic = row.evaluate({key: jax.numpy.asarray(value) for key, value in named.items()}, JAX_FUNCTIONS)
        np.testing.assert_allclose(np.asarray(generic, float), want, rtol=1e-11, atol=1e-13)
    assert (np.asarray(reference).dtype == bool) == (row.dtype == "bool")


@pytest.mark.parametrize("row", OVERRIDES, ids=lambda row: row.name)
def test_an_override_is_its_expression(row):
    arguments = points(row)
    want = row.evaluate(dict(zip(row.arguments, arguments)), REFERENCE_FUNCTIONS)
    with jax.enable_x64(True):
        found = OVERRIDES[row](*map(jax.numpy.asarray, arguments))
        np.testing.assert_allclose(found, want, rtol=1e-11, atol=1e-13)


def test_an_override_is_stable_where_the_expression_is_not():
    """At large arguments the plain forms lose everything; the overrides keep value and slope."""
    for row, at, value, slope in ((scalar.SOFTPLUS, 1000.0, 1000.0, 1.0), (scalar.SIGMOID, -1000.0, 0.0, 0.0),
                                  (scalar.SILU, -1000.0, 0.0, 0.0)):
        assert float(OVERRIDES[row](at)) == value
        assert float(jax.grad(OVERRIDES[row])(at)) == slope


@pytest.mark.parametrize("name", SCALARS)
def test_a_row_says_truly_in_what_it_is_linear(name):
    """f(s + 2t) = f(s) + 2 f(t) in the arguments it lists; f(v)/v varies in every other one."""
    row, draw = SCALARS[name], np.random.default_rng(1)
    groups = [(i,) for i in row.linear] if row.multilinear else [row.linear] if row.linear else []
    fixed = [value[0].item() for value in points(row)]

    def at(group, values):
        arguments = list(fixed)
        for i, value in zip(group, values):
            arguments[i] = value
        return row.evaluate(dict(zip(row.arguments, arguments)), PYTHON)
    for group in groups:
        s, t = draw.normal(size=len(group)), draw.normal(size=len(group))
        assert at(group, s + 2 * t) == pytest.approx(at(group, s) + 2 * at(group, t))
    assert row.dtype != "bool" or row.linear == ()
    others = set(range(row.arity)) - set(row.linear) - set(TRUTHS.get(name, ()))
    for i in others if row.dtype != "bool" else ():
        slopes = [at((i,), (v,)) / v for v in np.linspace(*DOMAINS.get(name, (-3.1, 3)), 8).tolist()]
        assert max(slopes) - min(slopes) > 1e-6


@pytest.mark.parametrize("name", MONOIDS)
def test_a_monoid_is_commutative_associative_and_has_its_unit(name):
    monoid, draw = MONOIDS[name], np.random.default_rng(2)
    logical = name in ("all", "any")
    a, b, c = (draw.random(30) < 0.5 if logical else draw.normal(size=30) for _ in range(3))

    def fold(x, y):
        return monoid.function.evaluate(dict(zip(monoid.function.arguments, (x, y))), REFERENCE_FUNCTIONS)
    np.testing.assert_allclose(fold(a, fold(b, c)), fold(fold(a, b), c), rtol=1e-12)
    np.testing.assert_allclose(fold(a, b), fold(b, a))
    np.testing.assert_allclose(fold(a, bool(monoid.unit) if logical else monoid.unit), a)


@pytest.mark.parametrize("text", [
    "x * 9**9**9**9", "x + (9**300)**300", "max(x, 10**300 * 10**300)", "x * 1e350"])
def test_no_literal_is_beyond_all_floats(text):
    """A text of ten characters must not be a number that fills the memory."""
    with pytest.raises(NotationError, match="a number beyond all floats"):
        scalar.ScalarFunction("f", ("x",), text)
    assert scalar.ScalarFunction("f", ("x",), "x * 2**1000 / 2**1000").evaluate({"x": 3}, PYTHON) == 3


def test_no_power_of_sizes_is_beyond_all_floats():
    power = Map(scalar.POWER, (), (Size(9), Size("n"))).diagram
    assert reference.run(power, n=3) == 9 ** 3
    for run in (lambda: reference.run(power, n=10 ** 17), lambda: power.to_jax(n=10 ** 17)()):
        with pytest.raises(SizeError, match="beyond all floats"):
            run()
