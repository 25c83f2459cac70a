"""Which sizes are equal by ⌊r/d⌋ + ⌊(r+1)/d⌋ + … + ⌊(r+d−1)/d⌋ = r for whole r (Hermite's identity).

So ``x - (x + 1)//2`` is ``x//2``. Any multiple of the identity may be added to a sum. Each stays as it is
written; two are equal where they have one form in which of these floors, in turn, the least coefficient is 0.
"""

from __future__ import annotations

from functools import lru_cache

from ncd.core.polynomial import Atom, Number, Size, number, times

MOST_FLOORS = 64
"""The largest divisor for which the identity is used."""


def compared(size: Size) -> dict[tuple, Number]:
    """The terms of the one form by which sizes are compared.

    >>> Size.of(compared(Size("x - (x + 1)//2"))), Size("x//2") == Size("x - (x + 1)//2")
    (Size('x//2'), True)
    >>> Size("x//3 + (x + 1)//3 + (x + 2)//3") == Size("x")
    True
    """
    families: dict[tuple, dict[int, Number]] = {}
    for monomial, coefficient in size.terms.items():
        for atom, exponent in monomial:
            if exponent == 1 and isinstance(atom, Atom) and atom.kind == "floor" and (own := _family(atom)):
                whole, divisor, offset = own
                beside = tuple(item for item in monomial if item[0] is not atom)
                families.setdefault((whole, divisor, beside), {})[offset] = coefficient
                break                               # of a product of floors the first counts
    terms = None
    for (whole, divisor, beside), found in families.items():
        least = min(found.values()) if len(found) == divisor else min(0, *found.values())
        if least:
            terms = dict(size.terms) if terms is None else terms
            parts = [(monomial, -c) for monomial, c in whole.terms.items()]
            parts += [(((Atom("floor", (whole + offset, Size.number(divisor))), 1),), 1)
                      for offset in range(divisor)]
            for monomial, c in parts:
                place = times(beside, monomial)
                terms[place] = number(terms.get(place, 0) - least * c)
    return size.terms if terms is None else {m: c for m, c in terms.items() if c}


@lru_cache(maxsize=4096)
def _family(atom: Atom) -> tuple[Size, int, int] | None:
    """The whole part of ⌊(r + offset)/d⌋, its divisor and offset; None where there is no such identity."""
    top, by = atom.args[0], atom.args[1].constant
    if not isinstance(by, int) or not 1 < by <= MOST_FLOORS or not top.is_integral:
        return None
    return Size.of({m: c for m, c in top.terms.items() if m}), by, top.terms.get((), 0)


Size.compared = staticmethod(compared)
