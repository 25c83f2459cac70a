"""Sizes 2**k and log(n): equal ones are equal records, their numbers are exact, none hangs."""

from __future__ import annotations

import json
import math
import pickle
import shutil
import subprocess
import time

import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

import ncd
from ncd.algebra import asymptotics as algebra
from ncd.algebra import program as formula
from ncd.algebra import regime
from ncd.algebra.assume import Assumptions
from ncd.algebra.convert import Size, maximum, minimum, parse_size
from ncd.algebra.javascript import exact, javascript
from ncd.algebra.normal import at_least
from ncd.algebra.solve import solve
from ncd.construct import opaque
from ncd.errors import InputError, NcdError, NotationError, SizeError
from ncd.interpret.inputs import _solve
from tests.strategies import examples

NAMES = ("k", "n", "x")
points = st.fixed_dictionaries({"k": st.integers(1, 5), "n": st.integers(1, 40), "x": st.integers(1, 9)})

EQUAL = [
    ("2**k*2", "2**(k+1)"), ("2**k*2**n", "2**(k+n)"), ("log2(2**k)", "k"), ("(2**k)**2", "4**k"),
    ("2**k//2", "2**(k-1)"), ("2**k/2", "2**(k-1)"), ("6**k", "2**k*3**k"), ("2**k/2**k", "1"),
    ("(3/2)**k", "3**k/2**k"), ("8**(k/3)", "2**k"), ("2**log2(n)", "n"), ("log(n)/log(2)", "log2(n)"),
    ("log(n, 2)", "log2(n)"), ("log(n)/log(10)", "log(n, 10)"), ("log(8*n)", "3*log(2) + log(n)"),
    ("log2(n*x**3)", "log2(n) + 3*log2(x)"), ("log2(n/4)", "log2(n) - 2"),
    ("log2(2*x + 2)", "1 + log2(x + 1)"),
    ("log2(12)", "2 + log2(3)"), ("log2(9)", "2*log2(3)"), ("log(1)", "0"), ("1**k", "1"), ("2**0", "1"),
    ("log2(8*n)//1", "log2(n)//1 + 3"), ("log(n)//log(2)", "log2(n)//1"), ("4**(log2(n)/2)", "n"),
    ("2**(k-k+3)", "8"), ("2**k % 2", "0"), ("(2**k + 1)*(2**k - 1)", "4**k - 1"),
    ("max(2**k, k)", "2**k"), ("max(2, 2**k)", "2**k"), ("min(2**k, 2*k)", "2*k"), ("max(log2(n), n)", "n"),
    ("max(0, log2(n))", "log2(n)"), ("max(4**k, 2**k)", "4**k"), ("max(2**k, k + 1)", "2**k")]


@pytest.mark.parametrize("left, right", EQUAL)
def test_equal_sizes_are_equal_records(left, right):
    assert parse_size(left) == parse_size(right)
    assert hash(parse_size(left)) == hash(parse_size(right))


def test_unequal_ones_are_not():
    for left, right in [("2**k", "k**2"), ("2**k", "3**k"), ("log(n)", "log2(n)"), ("2**(k*n)", "2**k*2**n"),
                        ("log2(n + 1)", "log2(n)"), ("2**k//4", "2**(k-2)")]:
        assert parse_size(left) != parse_size(right), (left, right)


# -- against Python's floats ------------------------------------------------------------------
def texts() -> st.SearchStrategy[str]:
    leaves = st.one_of(st.sampled_from(NAMES), st.integers(1, 4).map(str))

    def grow(inner):
        pair = st.tuples(inner, inner)
        return st.one_of(
            st.builds("({0[0]} {1} {0[1]})".format, pair, st.sampled_from(["+", "-", "*", "/"])),
            st.builds("{1}({0[0]}, {0[1]})".format, pair, st.sampled_from(["max", "min"])),
            st.builds("({1})**({0})".format, inner, st.sampled_from(["2", "3", "6", "1/2", "3/2"])),
            st.builds("{1}({0})".format, inner, st.sampled_from(["log", "log2"])))
    return st.recursive(leaves, grow, max_leaves=6)


def by_floats(text: str, at: dict) -> float | None:
    names = {"log": math.log, "log2": math.log2, "max": max, "min": min, **at}
    try:
        found = eval(text, {"__builtins__": {}}, names)         # the text is our own
        return float(found) if abs(found) < 1e12 else None
    except (ValueError, ZeroDivisionError, OverflowError, TypeError):
        return None


@examples(300)
@given(texts(), points)
def test_a_size_has_the_value_of_its_text(text, at):
    want = by_floats(text, at)
    if want is None:
        return
    try:
        size = parse_size(text)
    except (SizeError, NotationError):          # the logarithm of what is 0 or less at some of the sizes
        return
    try:
        bound = size.substitute({name: Size(value) for name, value in at.items()})
        found = [size.evaluate(at), bound.evaluate({}),
                 parse_size(str(size)).evaluate(at), formula.compiled({"it": size})(at)["it"]]
    except SizeError:
        return
    for each in found:
        assert float(each) == pytest.approx(want, rel=1e-6, abs=1e-6), (text, str(size))


@examples(200)
@given(texts())
def test_texts_sympy_and_pickles_read_back(text):
    try:
        size = parse_size(text)
    except (SizeError, NotationError):
        return
    assert parse_size(str(size)) == size, (text, str(size))
    assert pickle.loads(pickle.dumps(size)) == size


@examples(200)
@given(texts(), points)
def test_what_the_form_says_is_so(text, at):
    try:
        size = parse_size(text)
        found = size.evaluate(at)
    except (SizeError, NotationError):
        return
    assert not size.is_nonnegative or found >= 0, text
    assert not size.is_integral or found == int(found), text
    sign = Assumptions().sign(size)
    assert sign is None or found * sign > 0 or (sign == 0 and found == 0), text
    assert not at_least(size, Size(1)) or found >= 1, text


def test_sympy_reads_back():
    k, n = ncd.size("k").sympy, ncd.size("n").sympy
    for text in ("2**k", "2**(k - 1)", "5*n*log2(n)", "n*log(n)", "log2(n)//1", "6**k/2**n", "log2(n + 1)**2",
                 "log(n, 10)//1"):
        assert Size(parse_size(text).sympy) == parse_size(text), text
    assert parse_size("log(n)").sympy == sympy.log(n) and parse_size("log2(n)").sympy == sympy.log(n, 2)
    assert Size(2 ** k * 2) == Size("2**(k+1)") and Size(sympy.log(n)) == Size("log(n)")
    assert 2 ** Size("k") == Size("2**k")


# -- numbers ------------------------------------------------------------------------------------
def test_numbers_are_exact():
    assert Size("2**k").evaluate({"k": 200}) == 2 ** 200
    assert Size("5*n*log2(n)").evaluate({"n": 1024}) == 51200
    assert isinstance(Size("log2(n)").evaluate({"n": 2 ** 29}), int)
    for bits in (3, 52, 60, 300):               # math.log2 rounds the first of these up
        for step, want in ((-1, bits - 1), (0, bits), (1, bits)):
            at = {"n": 2 ** bits + step}
            assert Size("log2(n)//1").evaluate(at) == want
            assert formula.compiled({"it": Size("log2(n)//1")})(at)["it"] == want
    assert Size("log(n, 10)//1").evaluate({"n": 1000}) == 3
    assert Size("-((-log2(n))//1)").evaluate({"n": 9}) == 4
    assert Size("(log2(n) - 2*log2(x))//1").evaluate({"n": 9, "x": 3}) == 0


def test_arrays_of_points():
    found = formula.compiled({"it": Size("2**k + 5*n*log2(n)")})({"k": [1, 2, 70], "n": 8})["it"]
    assert found.tolist() == [122, 124, 2 ** 70 + 120]
    found = formula.compiled({"it": Size("log(n)")})({"n": [1, 2, 3]})["it"]
    assert found.tolist() == pytest.approx(np.log([1, 2, 3]))


@pytest.mark.skipif(shutil.which("node") is None, reason="no node")
def test_javascript_computes_the_same():
    for text in ("2**k*3 + k", "5*n*log2(n)", "n*log(n)", "2**(k-1)", "log2(n)//1"):
        size, at = Size(text), {"k": 5, "n": 24}
        program = f"const s = {json.dumps(at)}; console.log({javascript(size)})"
        found = float(subprocess.run(["node", "-e", program], capture_output=True, text=True).stdout)
        assert found == pytest.approx(size.evaluate(at))
        whole = exact(size)             # a logarithm is rounded, a power of whole numbers is not
        assert (whole is None) is ("log" in text)
        if whole:
            program = (f"const b = {{k: 105n, n: 24n}}, power = (a, n) => a ** n; "
                       f"console.log(String(({whole[0]}) / {whole[1]}n))")
            found = int(subprocess.run(["node", "-e", program], capture_output=True, text=True).stdout)
            assert found == size.evaluate({"k": 105, "n": 24})


# -- refused --------------------------------------------------------------------------------------
@pytest.mark.parametrize("text", [
    "2**2**2**2**2**2", "2**10**9", "2**(10**9)", "2**(k + 10**9)", "0**k", "(-2)**k", "n**k", "log2(0)",
    "log(-3)", "log(-n)", "log()", "log2(n, 2)", "log(n, 1)", "log(n, k)", "log(n, 0)", "99999999**k",
    "2**(2**(2**(2**(2**k - 2**k + 9))))", "log2(" * 200 + "k" + ")" * 200])
def test_hostile_texts_are_refused_at_once(text):
    start = time.process_time()
    with pytest.raises(NcdError):
        parse_size(text)
    assert time.process_time() - start < 2


@pytest.mark.parametrize("text, at", [
    ("2**k", {"k": 10 ** 9}), ("2**(1000000000*k)", {"k": 3}), ("2**2**2**k", {"k": 5}),
    ("2**(k*n)", {"k": 10 ** 6, "n": 10 ** 6}), ("log2(n - 1)", {"n": 1}), ("log2(log2(n))", {"n": 1}),
    ("log2(x - n)", {"x": 1, "n": 2}), ("2**(k/2)", {"k": 10 ** 9 + 1})])
def test_numbers_too_large_or_none_are_refused_at_once(text, at):
    start = time.process_time()
    size = parse_size(text)
    for attempt in (lambda: size.evaluate(at), lambda: formula.compiled({"it": size})(at),
                    lambda: size.substitute({name: Size(value) for name, value in at.items()}).evaluate({})):
        with pytest.raises(SizeError):
            attempt()
    assert time.process_time() - start < 2


def test_a_logarithm_is_the_size_of_no_axis_until_it_is_rounded():
    for text in ("log2(n)", "n*log(n)", "2*max(log2(n), 3)", "2**log(n)"):
        with pytest.raises(SizeError, match="no whole number"):
            ncd.Axis("s", text)
    assert str(ncd.Axis("s", "log2(n)//1")) == "s=log2(n)//1"
    assert ncd.Axis("s", "2**log2(n)").size == Size("n")


# -- in diagrams ------------------------------------------------------------------------------------
def test_a_hypercube():
    total = ncd.diagram("h=2**d c=2**(d-1) -> ()")(lambda array: ncd.reduce("sum", "h c")(array))
    assert ncd.from_json(total.to_json()) == total
    assert total.to_numpy()(np.ones((8, 4))) == 32 and total.to_jax()(np.ones((16, 8))) == 128
    assert str(total.bind(d=3)) == "h=8 c=4 -> ()"
    with pytest.raises(InputError, match=r"no d makes 2\*\*d so large"):
        total.to_numpy()(np.ones((9, 3)))
    with pytest.raises(InputError, match=r"c = 2, want 2\*\*\(d - 1\) = 4"):
        total.to_numpy()(np.ones((8, 2)))
    with pytest.raises(SizeError):
        total.bind(d=10 ** 9)
    assert total.cost().evaluate(d=3)["flops"] == 31
    assert total.cost().flops == 2 ** (2 * ncd.size("d").sympy) / sympy.Integer(2) - 1


def test_sizes_are_read_off_what_grows_as_a_power():
    for text, number, want in [("2**k", 8, 3), ("2**k + k", 11, 3), ("2**(k-3)", 2, 4), ("3**(2*k)", 81, 2),
                               ("k*2**k", 24, 3), ("2**k", 2 ** 300, 300)]:
        array = ncd.diagram(f"x={text.replace(' ', '')} -> ()")(lambda array: ncd.reduce("sum", "x")(array))
        shaped = np.broadcast_to(np.zeros(()), (number,)) if number < 2 ** 40 else None
        if shaped is not None:
            assert array.to_numpy()(shaped) == 0, text
            known: dict[str, int] = {}
        _solve(Size(text), number, "k", known)
        assert known == {"k": want}, text


def test_the_cost_of_a_transform():
    fft = opaque("fft", "n -> n", flops="5*n*log2(n)")
    assert ncd.from_json(fft.to_json()) == fft
    cost = fft.lift("b").cost()
    n, b = ncd.size("n").sympy, ncd.size("b").sympy
    assert cost.flops == 5 * b * n * sympy.log(n, 2)
    assert "5*b*n*log2(n)" in str(cost)
    assert cost.evaluate(b=2, n=1024)["flops"] == 102_400
    assert cost.order("n") == n * sympy.log(n) and cost.leading("n") == 5 * b * n * sympy.log(n, 2)
    assert cost.exponents("n")["flops"] == {"n": 1}
    step = 1e-6
    more = 1024 * (1 + step)
    slope = (math.log(more * math.log(more)) - math.log(1024 * math.log(1024))) / step
    assert cost.sensitivity("flops", n=1024, b=2)["n"] == pytest.approx(slope, rel=1e-4)
    natural = opaque("fft", "n -> n", flops="n*log(n)").cost().evaluate(n=8)
    assert natural["flops"] == pytest.approx(8 * math.log(8))


# -- growth -------------------------------------------------------------------------------------
def test_what_grows_fastest():
    for text, want in [("5*x*log2(3*x) + 100*x", "x*log(x)"), ("x**2 + x*log(x)**5", "x**2"),
                       ("2**x*x + 3**x + x**9", "3**x"), ("max(2**x, x**9)", "2**x"), ("log2(2**x + 1)", "x"),
                       ("(x*log2(x))//x", "log(x)"), ("4**x + 2**x*x", "4**x"),
                       ("x*log(x) - x*log2(x)", "x*log(x)")]:
        assert regime.order(Size(text), ["x"]) == Size(want), text
    for text in ("x*log2((x + 1)/x)", "log2(log2(x))", "2**(x*y)", "2**(x//2)"):
        with pytest.raises(SizeError):
            algebra.leading(Size(text), ["x"])
    cost = ncd.diagram("h=2**d -> ()")(lambda array: ncd.reduce("sum", "h")(array)).cost()
    assert cost.exponents("d")["flops"] == {"d": math.inf} and "inf" in str(cost.by("axis"))


def test_where_costs_cross():
    def greater(left, right, axis, **sizes):
        return str(regime.where_greater(Size(left), Size(right), axis, sizes))
    assert greater("2**k", "k**3", "k") == "k < 2 or k > 9"
    assert greater("n*log2(n)", "20*n", "n") == "n > 1,048,576"
    assert greater("n**2", "n*log2(n)", "n") == "always"
    assert greater("n*b", "n*log2(n)", "b") == "b > log(n)/log(2)"
    with pytest.raises(SizeError):
        greater("n*m", "n*log2(n)", "n")
    assert regime.dominant({"a": Size("2**k"), "b": Size("k**3")}, "k", {}) == [
        ("a", 1, 1), ("b", 2, 9), ("a", 10, None)]


def test_solving():
    n = solve(Size("5*n*log2(n)"), 10 ** 9, for_="n")
    assert 5 * n * math.log2(n) <= 10 ** 9 < 5 * (n + 1) * math.log2(n + 1)
    assert solve(Size("2**k"), 10 ** 9, for_="k") == 29
    assert maximum("2**k", 1) == Size("2**k") and minimum("log2(n)", "n") == Size("log2(n)")
