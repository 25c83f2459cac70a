"""Sizes as programs: they compute what :meth:`Size.evaluate` does, on numbers, arrays and in JavaScript."""

from __future__ import annotations

import json
import shutil
import subprocess
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ncd.algebra import program as formula
from ncd.algebra.convert import Size, parse_size
from ncd.algebra.javascript import javascript
from ncd.errors import SizeError
from ncd.zoo import ZOO
from tests.strategies import EXAMPLES, examples
from tests.unit.core.test_size import NAMES, sizes

points = st.fixed_dictionaries({name: st.integers(1, 40) for name in NAMES})
many = st.integers(1, 5).flatmap(lambda count: st.fixed_dictionaries(
    {name: st.lists(st.integers(1, 2 ** 40), min_size=count, max_size=count) for name in NAMES}))


def evaluated(size: Size, at: dict):
    """The value of a size; None where it has none."""
    try:
        return size.evaluate(at)
    except SizeError:
        return None


def program(size: Size, at: dict):
    try:
        return formula.compiled({"it": size})(at)["it"]
    except SizeError:
        return None


def same(found, wanted) -> bool:
    if found is None or wanted is None:
        return found is None and wanted is None
    if isinstance(found, int) and isinstance(wanted, int):
        return found == wanted
    return float(found) == pytest.approx(float(wanted), rel=1e-12)


@examples(4 * EXAMPLES)
@given(sizes(), points)
def test_a_program_computes_what_the_size_is(size, at):
    assert same(program(size, at), evaluated(size, at)), size


@examples(3 * EXAMPLES)
@given(sizes(roots=True), points)
def test_roots_are_floats(size, at):
    assert same(program(size, at), evaluated(size, at)), size


@examples(3 * EXAMPLES)
@given(sizes(), st.fixed_dictionaries({name: st.integers(10 ** 20, 10 ** 40) for name in NAMES}))
def test_huge_numbers_are_exact(size, at):
    found, wanted = program(size, at), evaluated(size, at)
    assert same(found, wanted) and (not isinstance(wanted, int) or isinstance(found, int)), size


@examples(4 * EXAMPLES)
@given(sizes(), many)
def test_arrays_hold_what_numbers_give(size, at):
    count = len(at[NAMES[0]])
    wanted = [evaluated(size, {name: values[n] for name, values in at.items()}) for n in range(count)]
    if None in wanted:
        return
    found = np.broadcast_to(formula.compiled({"it": size})(at)["it"], (count,))
    assert all(same(one if isinstance(one, int) else one.item(), other)
               for one, other in zip(found.tolist() if found.dtype == object else found, wanted)), size
    if size.symbols and all(isinstance(value, int) and abs(value) < 2 ** 63 for value in wanted):
        assert found.dtype == np.int64


def test_arrays_stay_exact_where_a_step_leaves_64_bits():
    size = parse_size("(x**3*y - x**3)//x + 1")
    found = formula.compiled({"it": size})({"x": [2 ** 30, 3], "y": 10 ** 6})["it"]
    assert found.tolist() == [2 ** 60 * (10 ** 6 - 1) + 1, 9 * (10 ** 6 - 1) + 1]
    small = formula.compiled({"it": parse_size("x*y/2")})({"x": [1, 2, 3], "y": 2})["it"]
    assert small.dtype == np.int64 and small.tolist() == [1, 2, 3]
    halves = formula.compiled({"it": parse_size("x*y/2")})({"x": [1, 2], "y": 1})["it"]
    assert halves.tolist() == [0.5, 1.0]


def test_a_fraction_inside_a_maximum_makes_no_floats():
    """Found by the property above: 2⁶⁰ + 1 is no float."""
    found = formula.compiled({"it": parse_size("max(x, 1/2)")})({"x": [2 ** 60 + 1, 1]})["it"]
    assert found.tolist() == [2 ** 60 + 1, 1] and found.dtype == np.int64


def test_arrays_are_broadcast_together():
    price = formula.compiled({"a": parse_size("x*y"), "b": parse_size("3"), "c": parse_size("max(x, y)")})
    found = price({"x": np.arange(1, 4)[:, None], "y": np.arange(1, 3)})
    assert found["a"].shape == found["b"].shape == found["c"].shape == (3, 2)
    assert (found["b"] == 3).all() and found["c"].tolist() == [[1, 2], [2, 2], [3, 3]]


@examples(2 * EXAMPLES)
@given(st.lists(sizes(roots=True), min_size=1, max_size=4))
def test_every_node_comes_once_after_those_inside_it(given_sizes):
    found = formula.nodes(given_sizes)
    assert len(found) == len(set(found))
    for place, node in enumerate(found):
        inside = formula.nodes(node.args)
        assert set(inside) <= set(found[:place])


@examples(2 * EXAMPLES)
@given(sizes(), points)
def test_no_step_is_larger_than_the_bound(size, at):
    wanted = evaluated(size, at)
    plain = all(isinstance(e, int) and e > 0 for one in formula.every([size])
                for monomial in one.terms for _, e in monomial)
    if wanted is not None and plain:
        assert abs(wanted) <= formula.bounds([size], {name: float(number) for name, number in at.items()})


def test_a_name_is_no_part_of_a_program():
    """Names of sizes are labels; programs rest on that no more than they must."""
    odd = Size.atom("x'] + y['") * 2
    text = formula.python({"it": odd})
    assert "v0" in text and formula.compiled({"it": odd})({"x'] + y['": 7}) == {"it": 14}
    assert "</script>" not in javascript(Size.atom("</script>"))


def test_what_a_program_refuses():
    price = formula.compiled({"it": parse_size("x*y")})
    with pytest.raises(SizeError, match="no value for the size y") as error:
        price({"x": 1})
    assert error.value.details["mend"] == "give it: y=..."
    with pytest.raises(SizeError, match="no value for the size x, y"):
        price({})
    with pytest.raises(SizeError, match="shapes that do not go together") as error:
        price({"x": [1, 2], "y": [1, 2, 3]})
    assert error.value.details["have"] == "x: (2,), y: (3,)"
    with pytest.raises(SizeError, match="the values of x are not whole numbers") as error:
        price({"x": [0.5, 1.0], "y": 1})
    assert error.value.details["have"] == "float64"
    with pytest.raises(SizeError, match="divides by zero"):
        formula.compiled({"it": parse_size("x/(y - 1)")})({"x": 1, "y": 1})
    with pytest.raises(SizeError, match="root of a negative number"):
        formula.compiled({"it": parse_size("(x - y)**(1/2)")})({"x": 1, "y": 5})
    with pytest.raises(SizeError, match="beyond all floats"):
        formula.compiled({"it": parse_size("x**(1/2)")})({"x": 10 ** 800})


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed")
def test_javascript_computes_the_same():
    chosen = [parse_size(text) for text in (
        "x//3 + (x + 1)//2", "max(x*y, 7*k) - min(x, y, k)", "x**2*y/(k + 1)", "(x + y)**(1/2)", "x**7 - 3",
        "(x//2)//(k//k)", "1/2", "0", "x**(-2)*k")]
    chosen += [found[name] for make in ZOO.values() for found in [make().cost().exact]
               for name in ("flops", "activations") if len(str(found[name])) < 2000]
    names = sorted(set().union(*(size.symbols for size in chosen)))
    places = [{name: (n * 7 + at * 11) % 13 + 3 for n, name in enumerate(names)} for at in range(4)]
    wanted = [[float(size.evaluate(at)) for at in places] for size in chosen]
    functions = ",\n".join(f"s => {javascript(size)}" for size in chosen)
    text = (f"const f = [{functions}], at = {json.dumps(places)};"
            "console.log(JSON.stringify(f.map(g => at.map(g))));")
    done = subprocess.run(["node", "-e", text], capture_output=True, text=True, check=True)
    assert np.allclose(json.loads(done.stdout), wanted, rtol=1e-12)


def test_the_text_is_a_program_with_helpers_of_your_own():
    text = formula.python({"it": parse_size("max(x//2, 3) + x/4")})
    scope = {"floor": lambda p, q: p // q, "maximum": max, "minimum": min,
             "ratio": lambda a, b: Fraction(a) / b, "power": lambda base, p, q: base ** (p / q)}
    exec(text, scope)
    assert scope["formulas"]({"x": 9}) == {"it": 4 + Fraction(9, 4)}
