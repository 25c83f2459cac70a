"""Sums of floors of whole affine forms are equal sizes exactly where their values are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ncd.algebra.convert import ZERO, Size, maximum, parse_size
from tests.strategies import examples

x, y, k = map(Size.symbol, ("x", "y", "k"))


@examples(300)
@given(st.sampled_from([2, 3, 4, 6]).flatmap(lambda divisor: st.tuples(*[st.lists(st.tuples(
    st.sampled_from([-1, 1]), st.integers(0, 3), st.sampled_from([0, 0, 1]), st.integers(0, 5),
    st.sampled_from([divisor, 2])), min_size=1, max_size=3)] * 2)), st.integers(-1, 1))
def test_sums_of_floors_are_equal_where_their_values_are(sides, more):
    """At every residue of x and of y, and far away."""
    left, right = (sum(sign * ((a * x + b * y + c) // d) for sign, a, b, c, d in side) for side in sides)
    pairs = [(left, right + more * x)] + [(left, rewritten(left))] * (more == 0)
    for one, other in pairs:
        at = [{"x": i, "y": j} for i in range(1, 14) for j in (*range(1, 8), 100)]
        same = all(one.evaluate(sizes) == other.evaluate(sizes) for sizes in at)
        assert (one == other) is same and (not same or hash(one) == hash(other))
        assert (k * one + 1 == 1 + k * other) is same


def rewritten(size: Size) -> Size:
    """The floors of a size by thrice as many: ⌊n/d⌋ = ⌊n/3d⌋ + ⌊(n + d)/3d⌋ + ⌊(n + 2d)/3d⌋."""
    total = ZERO
    for monomial, coefficient in size.terms.items():
        atom = monomial[0][0] if monomial else None
        if atom is None or isinstance(atom, str):
            total = total + Size.of({monomial: coefficient})
            continue
        top, by = atom.args
        total = total + coefficient * sum((top + by * n) // (3 * by) for n in range(3))
    return total


def test_floors_by_hand():
    assert parse_size("(2*x + 1)//3") == parse_size("x//3 + (x + 2)//3")
    assert parse_size("(2*x)//3") != parse_size("x//3 + (x + 2)//3")
    assert parse_size("x//2") == parse_size("x//6 + (x + 2)//6 + (x + 4)//6")
    assert parse_size("(x + 2*y)//3") == parse_size("x + y - (2*x + y + 2)//3")
    assert parse_size("x//2 - x//4") == parse_size("(x + 2)//4")
    assert parse_size("x//2") != parse_size("y//2") and parse_size("x//128 + (x + 64)//128") != x
    assert maximum(k, parse_size("x//2")) == maximum(parse_size("x//6 + (x + 2)//6 + (x + 4)//6"), k)
