"""What the terms of a size have in common: their order, what divides them, what parts of a maximum share."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache

from ncd.algebra import program as formula
from ncd.algebra.convert import ZERO, extremum
from ncd.algebra.polynomial import Atom, Size

MAX_BRANCHES = 32
"""A maximum that opens into more parts stays nested."""

# -- order -----------------------------------------------------------------------------------
def degree(size: Size):
    """How a size grows if all sizes grow together."""
    return max((_power(monomial) for monomial in size.terms), default=0)


def nesting(size: Size) -> int:
    """How many nodes stand in one another."""
    deep: dict[Atom, int] = {}
    for atom in formula.nodes([size]):
        deep[atom] = 1 + max((deep[inner] for argument in atom.args for monomial in argument.terms
                              for inner, _ in monomial if isinstance(inner, Atom)), default=0)
    return max(deep.values(), default=0)


def _power(monomial):
    return sum(exponent * (1 if isinstance(atom, str) else _grown(atom)) for atom, exponent in monomial)


def _grown(atom: Atom):
    if atom.kind in ("log", "ln"):
        return 0
    degrees = [degree(argument) for argument in atom.args]
    return degrees[0] - degrees[1] if atom.kind == "floor" else max(degrees)


def is_call(item) -> bool:
    """Whether a factor is a maximum or a minimum."""
    atom, exponent = item
    return isinstance(atom, Atom) and atom.kind in ("max", "min") and exponent == 1


def key(item) -> tuple:
    """Terms that grow faster first, maxima last, as texts order them otherwise."""
    return _order(item[0])


@lru_cache(maxsize=2 ** 14)
def _order(monomial: tuple) -> tuple:
    return any(map(is_call, monomial)), -_power(monomial), tuple(str(atom) for atom, _ in monomial)


# -- factors ---------------------------------------------------------------------------------
def content(size: Size) -> tuple[tuple, int | Fraction]:
    """What divides every term: a product of powers, and a number, with the sign of the first term or 1."""
    monomials = iter(size.terms)
    common = {atom: exponent for atom, exponent in next(monomials)
              if isinstance(exponent, int) and exponent > 0 and not is_call((atom, exponent))}
    for monomial in monomials:
        powers = dict(monomial)
        common = {atom: min(exponent, powers[atom]) for atom, exponent in common.items()
                  if isinstance(powers.get(atom), int) and powers[atom] > 0}
    number = _divisor(size.terms.values())
    if min(size.terms.items(), key=key)[1] < 0 and (common or number != 1):
        number = -number
    return tuple(sorted(common.items(), key=lambda item: str(item[0]))), _whole(number)


def quotient(size: Size, monomial: tuple, number) -> Size:
    """A size without what divides it."""
    by = dict(monomial)
    return Size.of({tuple((atom, exponent - by.get(atom, 0)) for atom, exponent in m
                          if exponent != by.get(atom)): _whole(Fraction(c) / number)
                    for m, c in size.terms.items()})


def _divisor(numbers: Iterable) -> Fraction:
    """The largest number that goes into all a whole number of times."""
    found = list(map(Fraction, numbers))
    return Fraction(math.gcd(*(c.numerator for c in found)), math.lcm(*(c.denominator for c in found)))


def _whole(number: Fraction) -> int | Fraction:
    return int(number) if number.denominator == 1 else number


# -- maxima ----------------------------------------------------------------------------------
def simplified(size: Size) -> Size:
    """An equal size whose maxima are opened into one another, with what all their parts share before them.

    >>> print(simplified(Size("x*y + max(4*x*y, 8*x + max(3*x*y, 2*y))")))
    max(8, y)*x + 4*x*y
    """
    if not any(is_call(item) for monomial in size.terms for item in monomial):
        return size
    known: dict[Atom, list[Size]] = {}
    for atom in formula.nodes([size]):
        if atom.kind == "max":
            parts = [part for argument in atom.args for part in _branches(argument, known)]
            known[atom] = _undominated(parts) if len(parts) <= MAX_BRANCHES else list(atom.args)
    parts = _branches(size, known)
    if len(parts) == 1:
        return parts[0]
    before = Size.of({m: _shared([part.terms.get(m, 0) for part in parts]) for m in parts[0].terms})
    rests = [part - before for part in parts]
    every: dict = {}                    # the products of all rests: what divides these divides each
    for rest in rests:
        for monomial, c in rest.terms.items():
            every[monomial] = _divisor([c, every.get(monomial, 0)])
    powers, number = content(Size.of(every))
    powers = tuple(item for item in powers if isinstance(item[0], str) or item[0].is_nonnegative)
    inside = Atom("max", tuple(sorted((quotient(rest, powers, number) for rest in rests), key=str)))
    product = tuple(sorted((*powers, (inside, 1)), key=lambda item: str(item[0])))
    return before + Size.of({product: number})


def _shared(coefficients: Sequence):
    """What all coefficients of a product have in common; nothing where their signs differ."""
    if all(c > 0 for c in coefficients):
        return min(coefficients)
    return max(coefficients) if all(c < 0 for c in coefficients) else 0


def _branches(size: Size, known: Mapping[Atom, list[Size]]) -> list[Size]:
    """The sizes whose largest is a size, its maxima opened; itself where they would be too many."""
    plain, branches = {}, [ZERO]
    for monomial, c in size.terms.items():
        inner = [item for item in monomial if is_call(item) and item[0] in known]
        rest = Size.of({tuple(item for item in monomial if item not in inner): c})
        if len(inner) != 1 or not rest.is_nonnegative:
            plain[monomial] = c
            continue
        choices = [rest * choice for choice in known[inner[0][0]]]
        if len(branches) * len(choices) > MAX_BRANCHES:
            return [size]
        branches = _undominated([branch + choice for branch in branches for choice in choices])
    return [branch + Size.of(plain) for branch in branches]


def _undominated(sizes: Sequence[Size]) -> list[Size]:
    found = extremum("max", sizes)
    monomial = next(iter(found.terms), ())
    if found in sizes or len(found.terms) != 1 or len(monomial) != 1 or not is_call(monomial[0]):
        return [found]
    return list(monomial[0][0].args)
