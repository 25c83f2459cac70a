"""Where two formulas are equal: the positive roots of their difference in one size."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction

from ncd.core.size import ZERO, Size, as_size
from ncd.errors import SizeError

HIGHEST = 2.0 ** 80                      # sizes are searched for up to here where there is no formula


def given(sizes: Mapping) -> tuple[dict[str, Size], list[str]]:
    """The sizes that are given, numbers put into the others, and the names of those that go to infinity."""
    endless = [name for name, value in sizes.items() if value == math.inf]
    known = {name: as_size(value) for name, value in sizes.items() if name not in endless}
    numbers = {name: value for name, value in known.items() if value.constant is not None}
    return {name: value.substitute(numbers) for name, value in known.items()}, endless


def leading(size: Size, symbol: str) -> Size:
    """The terms of the highest power of a symbol: what is left of an equation as it goes to infinity.

    Raises:
        SizeError: The symbol stands inside a floor, a maximum or a power of a sum.

    >>> leading(as_size("3*x**2*y - x**2 + x"), "x")
    Size('3*x**2*y - x**2')
    """
    powers = coefficients(size, symbol)
    if powers is None:
        raise SizeError(f"no leading term in {symbol}", have=str(size)[:200],
                        why=f"{symbol} stands inside a floor, a maximum or a power of a sum",
                        mend=f"give {symbol} a number")
    top = max(powers, default=0)
    return powers.get(top, ZERO) * Size.symbol(symbol) ** top


def coefficients(size: Size, symbol: str) -> dict | None:
    """{exponent: coefficient} of a symbol, or None where it stands inside an atom."""
    found: dict = {}
    for monomial, coefficient in size.terms.items():
        exponent, rest = 0, []
        for atom, power in monomial:
            if atom == symbol:
                exponent = power
            elif not isinstance(atom, str) and any(symbol in a.symbols for a in atom.args):
                return None
            else:
                rest.append((atom, power))
        found[exponent] = found.get(exponent, ZERO) + Size.of({tuple(rest): coefficient})
    return {exponent: value for exponent, value in found.items() if value.terms}


def roots(difference: Size, axis: str, sizes: Mapping | None = None) -> list:
    """The positive values of a size at which a difference is zero, smallest first.

    Parameters:
        sizes: Values of other sizes: numbers, sizes, or ``math.inf`` for the limit.
    Returns exact SymPy expressions where the difference is a polynomial (with fractional powers) that
    has them, of the other sizes if some are not given; else floats, found where the sign changes.
    Raises:    SizeError where there is no closed form and not every other size is given.

    >>> roots(as_size("2*b*m - b - 3*m"), "b", {"m": math.inf})
    [3/2]
    """
    known, endless = given(sizes or {})
    if axis in known or axis in endless:
        raise SizeError(f"the size {axis} is solved for and given")
    difference = difference.substitute(known)
    for name in endless:
        difference = leading(difference, name)
    powers = coefficients(difference, axis)
    if powers is None:
        return _numeric(difference, axis)
    if len(powers) < 2:
        return []                        # one power alone is never zero
    scale = math.lcm(*(Fraction(e).denominator for e in powers))
    low = min(powers)
    polynomial = {int((e - low) * scale): c for e, c in powers.items()}
    # What all coefficients have in common cancels: a limit leaves it there.
    common = _common(list(polynomial.values()))
    polynomial = {e: c * common ** -1 for e, c in polynomial.items()}
    return [root ** scale for root in _polynomial(polynomial, axis)]


def _common(sizes: list[Size]) -> Size:
    """The symbols that divide every term, as a monomial."""
    shared: dict | None = None
    for size in sizes:
        for monomial in size.terms:
            powers = {atom: power for atom, power in monomial if isinstance(atom, str)}
            shared = powers if shared is None else {
                atom: min(power, powers[atom]) for atom, power in shared.items() if atom in powers}
    return Size.of({tuple(sorted((a, p) for a, p in (shared or {}).items() if p)): 1})


def _polynomial(powers: dict[int, Size], axis: str) -> list:
    import sympy
    t = sympy.Dummy("t", positive=True)
    step = math.gcd(*powers)             # in t², as a matter of course
    equation = sympy.Poly({(e // step,): c.sympy for e, c in powers.items()}, t)
    closed = sympy.roots(equation, cubics=False, quartics=False)
    if sum(closed.values()) < equation.degree():
        missing = sorted(set().union(*(c.symbols for c in powers.values())))
        if missing:
            raise SizeError(f"no closed form of {axis} in {', '.join(missing)}",
                            have=f"a polynomial of degree {equation.degree()}",
                            mend=f"give them: {', '.join(f'{name}=...' for name in missing)}")
        found = [sympy.N(root) for root in sympy.real_roots(equation)]
    else:
        found = list(closed)
    kept = [_short(root) ** sympy.Rational(1, step) for root in found if _may_be_positive(root)]
    return sorted(kept, key=lambda r: (0, float(r)) if r.is_number else (1, str(r)))


def _short(root):
    import sympy
    return sympy.cancel(root) if root.is_rational_function() else sympy.simplify(root)


def _may_be_positive(root) -> bool:
    if root.is_number:
        value = complex(root)
        return abs(value.imag) <= 1e-12 * abs(value) and value.real > 0
    return not (root.is_positive is False or root.is_real is False)


def _numeric(difference: Size, axis: str) -> list[float]:
    missing = sorted(difference.symbols - {axis})
    if missing:
        raise SizeError(f"no closed form of {axis}: it stands inside a floor, a maximum or a root",
                        have=str(difference)[:200],
                        mend=f"give the other sizes: {', '.join(f'{name}=...' for name in missing)}")

    def sign(value: float) -> bool:
        return difference.evaluate({axis: value}) >= 0
    found, low = [], 1.0
    while low < HIGHEST:
        high = low * 2 ** 0.25
        if sign(low) != sign(high):
            left, right, rising = low, high, sign(high)
            while right - left > 1e-9 * right:
                middle = (left + right) / 2
                left, right = (left, middle) if sign(middle) == rising else (middle, right)
            found.append(right)
        low = high
    return found
