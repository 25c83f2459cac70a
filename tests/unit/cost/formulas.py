"""Strategies of formulas as costs have them: sums of products, floors and maxima of sizes."""

from __future__ import annotations

from hypothesis import strategies as st

from ncd.algebra.convert import ZERO, Size, parse_size

NAMES = ("x", "y", "k")


def monomials(names=NAMES, most: int = 3) -> st.SearchStrategy[Size]:
    """A product of powers with a whole coefficient of at least 1."""
    powers = st.fixed_dictionaries({name: st.integers(0, most) for name in names})

    def product(coefficient: int, exponents: dict) -> Size:
        found = Size.number(coefficient)
        for name, exponent in exponents.items():
            found = found * Size.symbol(name) ** exponent
        return found
    return st.builds(product, st.integers(1, 9), powers)


def polynomials(names=NAMES, most: int = 3, signs: bool = False, terms: int = 4) -> st.SearchStrategy[Size]:
    """A sum of such products; with signs some are subtracted."""
    term = monomials(names, most)
    if signs:
        term = st.one_of(term, term.map(lambda size: -size))
    return st.lists(term, min_size=1, max_size=terms).map(lambda parts: sum(parts, ZERO))


def nested(names=NAMES) -> st.SearchStrategy[Size]:
    """Polynomials with floors, maxima and minima in them, none of them negative."""
    leaf = polynomials(names, 2, terms=2)

    def grow(inner):
        pair = st.tuples(inner, inner)
        return st.one_of(
            pair.map(lambda p: p[0] + p[1]), pair.map(lambda p: p[0] * p[1]),
            st.tuples(inner, st.integers(1, 5)).map(lambda p: p[0] // p[1]),
            pair.map(lambda p: parse_size(f"max({p[0]}, {p[1]})")),
            pair.map(lambda p: parse_size(f"min({p[0]}, {p[1]})")))
    return st.recursive(leaf, grow, max_leaves=4)


def points(names=NAMES, most: int = 40) -> st.SearchStrategy[dict[str, int]]:
    return st.fixed_dictionaries({name: st.integers(1, most) for name in names})
