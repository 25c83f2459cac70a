"""Which sizes are equal by what their floors are as functions of whole numbers.

⌊n/d⌋ is n/d less (n mod d)/d, a line and a function of period d. Periodic functions are equal where their
waves are: each is written as what is new at each divisor of its period, and floors of one affine form
meet there, whatever its factor. So ``x - (x + 1)//2`` is ``x//2`` (Hermite's identity), ``(2*x + 1)//3`` is
``x//3 + (x + 2)//3``, and ``x//2`` is ``x//6 + (x + 2)//6 + (x + 4)//6``. Sizes stay as they are written.

In a product of floors the first alone is read so, and a floor inside a floor is a number of its own: such
sums may be equal in value and not be seen to be.
"""

from __future__ import annotations

import math
import operator
from fractions import Fraction
from functools import lru_cache

from ncd.algebra.polynomial import Atom, Number, Size, number, times

MOST_FLOORS = 64
"""The largest divisor of which the waves are looked at."""
WHOLE = 2 * math.lcm(*range(1, MOST_FLOORS + 1))
"""Times this the values of every wave are whole: their sums are fast."""


def compared(size: Size) -> dict:
    """The one form by which sizes are compared: {monomial: number} and {wave: its values}.

    >>> Size("x//2") == Size("x - (x + 1)//2"), Size("(2*x + 1)//3") == Size("x//3 + (x + 2)//3")
    (True, True)
    >>> Size("x//3 + (x + 1)//3 + (x + 2)//3") == Size("x"), Size("(2*x)//3") == Size("x//3 + (x + 2)//3")
    (True, False)
    """
    terms: dict = {}
    waves: dict[tuple, tuple] = {}
    for monomial, coefficient in size.terms.items():
        line, own = _split(monomial)
        for place, c in line:
            terms[place] = terms.get(place, 0) + coefficient * c
        for place, values in own:
            added = values if coefficient == 1 else tuple([coefficient * value for value in values])
            waves[place] = tuple(map(operator.add, waves[place], added)) if place in waves else added
    kept = {monomial: number(c) for monomial, c in terms.items() if c}
    return kept | {place: values for place, values in waves.items() if any(values)}


@lru_cache(maxsize=4096)
def _split(monomial: tuple) -> tuple[list, list]:
    """A product as {monomial: number} and {wave: its values}, in pairs."""
    for atom, exponent in monomial:
        if exponent == 1 and isinstance(atom, Atom) and atom.kind == "floor" and (parts := _parts(atom)):
            beside = tuple(item for item in monomial if item[0] is not atom)
            line, waves = parts                         # of a product of floors the first counts
            return ([(times(beside, other), c) for other, c in line.items()],
                    [(("wave", beside, form), values) for form, values in waves])
    return [(monomial, 1)], []


@lru_cache(maxsize=4096)
def _parts(atom: Atom) -> tuple[dict[tuple, Number], list] | None:
    """The line of ⌊n/d⌋ and its waves, by affine form and period; None where it is no such function."""
    top, by = atom.args[0], atom.args[1].constant
    form = {m: c for m, c in top.terms.items() if m}
    if not isinstance(by, int) or not 1 < by <= MOST_FLOORS or not top.is_integral \
            or not all(isinstance(c, int) for c in top.terms.values()) or math.gcd(by, *form.values()) > 1:
        return None
    offset = top.terms.get((), 0)
    line = {m: Fraction(c, by) for m, c in form.items()}
    line[()] = Fraction(offset, by) - Fraction(by - 1, 2 * by)      # the mean of (n mod d)/d is taken out
    return line, [_wave(form, offset, by, period) for period in range(2, by + 1) if by % period == 0]


def _wave(form: dict[tuple, int], offset: int, divisor: int, period: int) -> tuple[tuple, tuple]:
    """What is new at a period in −(n mod d)/d: its values at 0, 1, … of the form that stands for all
    multiples of n's by a unit."""
    rest = {m: c % period for m, c in form.items() if c % period}
    order = sorted(rest, key=hash)                  # equal monomials may be written in two ways
    units = [u for u in range(1, period) if math.gcd(u, period) == 1]
    unit = min(units, key=lambda u: [u * rest[m] % period for m in order])
    back = pow(unit, -1, period)
    new = _new(divisor, period)
    values = tuple(new[(back * n + offset) % period] for n in range(period))
    return (frozenset((m, unit * c % period) for m, c in rest.items()), period), values


@lru_cache(maxsize=4096)
def _new(divisor: int, period: int) -> tuple[int, ...]:
    """−(n mod d)/d, :data:`WHOLE` times, of whose waves those alone are left that have this period and no
    shorter one, by Möbius's inversion.

    Its mean over all n of one class modulo f is −((n mod f) + (d − f)/2)/d.
    """
    values = [0] * period
    for short in (f for f in range(1, period + 1) if period % f == 0):
        if sign := _moebius(period // short):
            for n in range(period):
                values[n] -= sign * (2 * (n % short) + divisor - short) * (WHOLE // (2 * divisor))
    return tuple(values)


def _moebius(value: int) -> int:
    sign = 1
    for prime in range(2, value + 1):
        if value % prime == 0:
            value //= prime
            if value % prime == 0:
                return 0
            sign = -sign
    return sign


Size.compared = staticmethod(compared)
