"""Sizes written for a reader: an equal formula, in lines of a width, broken only between terms."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ncd
from ncd.algebra.convert import Atom, Size, parse_size
from ncd.algebra.factor import simplified
from ncd.algebra.pretty import lines
from ncd.interpret.cost.table import cut, exact, percent, short
from ncd.zoo import ZOO
from tests.strategies import EXAMPLES, examples
from tests.unit.cost.formulas import NAMES, nested, polynomials


def read(pieces: list[str]) -> Size:
    """What lines say, read back."""
    text = " ".join(piece.strip() for piece in pieces)
    return Size(text.replace(",", "")) if re.fullmatch(r"-?[\d,]+", text) else parse_size(text)


def assert_equal(left: Size, right: Size, seed: int = 0) -> None:
    made = random.Random(seed)
    for _ in range(5):
        at = {name: made.randint(1, 9) for name in left.symbols | right.symbols}
        assert left.evaluate(at) == pytest.approx(right.evaluate(at), rel=1e-9)


@examples(EXAMPLES)
@given(st.one_of(polynomials(signs=True, terms=9), nested(),
                 polynomials(("N", "h", "k", "m", "x"), 2, True, 9)), st.integers(12, 80))
def test_lines_are_an_equal_formula_of_the_width(size, width):
    pieces = lines(size, width)
    assert_equal(read(pieces), size)
    assert max(map(len, pieces)) <= width
    assert_equal(simplified(size), size)


@pytest.mark.parametrize("name", ZOO)
def test_formulas_of_the_zoo(name):
    cost = ZOO[name]().cost()
    for size in (*cost.exact.values(), *cost.training().exact.values()):
        for width in (20, 36, 52):
            pieces = lines(size, width)
            assert_equal(read(pieces), size)
            assert max(map(len, pieces)) <= width
            if width == 52:             # a line ends with a whole term or with a whole part of a maximum
                assert not [piece for piece in pieces[:-1] if piece.endswith(("+", "-", "*"))]
            assert len(lines(size, width, 6)) <= 7


def test_what_fits_is_written_term_by_term():
    for text in ("4*x*y - 2*y", "x//2 + 1", "max(4*x, 8*y)", "x - y//2", "(1/2)*x**2 + (1/2)*x", "-(x//2)"):
        assert lines(Size(text), 40) == [str(Size(text))]
    assert lines(Size("1234567"), 40) == ["1,234,567"]
    assert lines(Size("3*((x + 1)//2)*b"), 40) == ["3*b*((x + 1)//2)"]      # symbols before floors


def test_common_factors_stand_before_brackets():
    flops = ncd.zoo.encoder_decoder_transformer().cost().exact["matrix_flops"]
    assert lines(flops, 52) == [
        "24*N*h*k*t*(x + y) + 4*N*h*k*(x**2 + x*y + y**2)", "+ 8*N*f*t*(x + y) + 4*t*v*y"]
    # A sum keeps its sign where a factor is taken out of it, and where there is none.
    assert lines(Size("32*c*s*t + 16*s*t*c**2 - 107*c - 2"), 30) == ["16*c*s*t*(c + 2) - 107*c - 2"]
    assert lines(Size("-6*a*b*c*x - 6*a*b*c*y"), 20) == ["-6*a*b*c*(x + y)"]


def test_maxima_are_opened_and_the_largest_part_is_first():
    size = Size("8*d*m + 4*m*x + max(4*d*x + 8*m*x, 8*d*x)")
    assert lines(size, 36) == ["8*d*m + 4*d*x + 4*m*x", "+ 4*x*max(2*m, d)"]
    assert lines(size, 36, given={"d": 9, "m": 2, "x": 1})[-1] == "+ 4*x*max(d, 2*m)"
    assert lines(size, 36, given={"d": 1, "m": 2, "x": 1})[-1] == "+ 4*x*max(2*m, d)"
    # What can be negative does not come out of a maximum: a floor of (x - b)/k is such.
    negative = Size("max(3*y*((x - b)//k), 2*z*((x - b)//k))")
    assert lines(negative, 30) == ["max(2*z*((-b + x)//k),", "    3*y*((-b + x)//k))"]
    inner = Size("max(x**2 + max(5*x*y, 3*y + z), x**2*y*z + z, 7*z**3)")
    assert lines(inner, 30) == [
        "max(x**2*y*z + z,", "    7*z**3,", "    x**2 + 3*y + z,", "    x**2 + 5*x*y)"]


def test_what_is_left_out_is_counted():
    size = Size(" + ".join(f"{n}*x**{n}" for n in range(2, 60)))
    pieces = lines(size, 40, 3)
    assert len(pieces) == 3
    kept, more = re.fullmatch(r"(.*) \+ … (\d+) more terms", " ".join(pieces)).groups()
    assert len(parse_size(kept).terms) + int(more) == 58 and kept.startswith("59*x**59 + 58*x**58")
    parts = Size(f"max({', '.join(f'{n}*x**{n}*{letter}' for n, letter in enumerate('abcdefghij', 2))})")
    assert lines(parts, 36, 4)[-1].lstrip() == "… 7 more parts)"


def test_a_bracket_that_is_longer_than_a_line_is_broken_inside():
    size = Size("x*a*b") * Size("(" + " + ".join(f"{n}*c{n}" for n in range(3, 20)) + ")")
    pieces = lines(size, 40)
    assert pieces[0].startswith("a*b*x*(10*c10 + ") and pieces[-1].endswith(")")
    assert all(piece.startswith(" " * 7 + "+ ") for piece in pieces[1:]) and read(pieces) == size


def test_a_formula_of_many_nodes_in_one_another():
    size = Size("x")
    for n in range(2000):
        size = Size.of({((Atom("max", (size + n, Size("y"))), 1),): 1})
    assert len(lines(size, 40, 6)) == 6


def test_numbers():
    assert [exact(value) for value in (0, 1234, 2.5, 103035.4, 5606064.25, 1e20, 12 * 10 ** 400, None)] == [
        "0", "1,234", "2.5", "103,035", "5,606,064", "1e+20", "1.2e+401", "-"]
    assert [percent(share) for share in (1.0, 0.5, 0.0004, 0.0, None)] == ["100.0%", "50.0%", "<0.1%", "", ""]
    assert [short(value) for value in (0, 999, 12_345, 25_769_803_776, 10 ** 30)] == [
        "0", "999", "12.3k", "25.8G", "1e+30"]


def test_a_text_is_broken_before_a_sign():
    condition = "x < (" + " + ".join(f"{n}*x**{n}" for n in range(2, 40)) + ")/(2*h)"
    pieces = cut("  along x  ", condition)
    assert max(map(len, pieces)) <= 80 and len(pieces) > 1
    assert all(piece.strip().startswith("+ ") for piece in pieces[1:])


@examples(20)
@given(nested())
def test_a_maximum_of_few_parts_has_none_inside(size):
    found = simplified(size)
    if "min" not in str(found):
        assert str(found).count("max(") <= str(size).count("max(")
    assert found.symbols <= set(NAMES)


@pytest.mark.parametrize("text", ["2**k/2*n", "3*2**(2*k)", "5*n*log(n)", "5*n*log2(n) + n", "m/h + 2",
                                  "m*x/(h*k)", "m/(x + 1)", "max(2**k/2, n*log(n))", "2**(2*k)*3**k",
                                  "2**(k - 2)*m + n*log(n, 10)"])
def test_a_term_is_written_as_str_writes_it(text):
    """Not by the factors that it is kept in: (1/2)*2**k, log(2)*log2(n), h**(-1)."""
    written = " ".join(lines(Size(text), 80))
    assert read([written]) == Size(text)
    assert not re.search(r"\(2\*\*k\)\*\*|log\(2\)\*log2|\*\*\(-|\(1/2\)\*2\*\*", written)
    assert sorted(written) == sorted(str(Size(text)))       # the order of factors and terms is its own


@examples(EXAMPLES)
@given(st.lists(st.tuples(st.sampled_from(["2**k", "2**(2*k)", "3**k*2**k", "log(n)", "log2(n)",
                                           "1/h", "k/h**2"]),
                          st.sampled_from(["m", "x", "(m + x)", "max(m, 2*x)", "1"]),
                          st.sampled_from(["1", "3", "(1/2)", "(-1/4)"])), min_size=1, max_size=5),
       st.integers(12, 60))
def test_powers_logarithms_and_quotients_stay_equal(words, width):
    size = sum((Size("*".join(each)) for each in words), Size(0))
    pieces = lines(size, width)
    assert_equal(read(pieces), size)
    assert max(map(len, pieces)) <= width and "log(2)*log2" not in " ".join(lines(size, 200))
