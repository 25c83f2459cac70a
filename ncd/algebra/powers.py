"""Powers with a size in the exponent and logarithms of sizes, in normal form.

A power is a product of primes to the power of one term each, 6**(2*k + 1) = 6·(2ᵏ)²·(3ᵏ)²: so the ring itself
knows that 2**k·2 = 2**(k + 1) and (2**k)**2 = 4**k. A logarithm is a sum of log2 of what is no product,
log2(8·x·y²) = 3 + log2(x) + 2·log2(y), and the natural one is log(x) = log(2)·log2(x).
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import lru_cache

from ncd.algebra.atom import MAX_BITS, Atom, power
from ncd.algebra.polynomial import ONE, ZERO, Number, Size, number
from ncd.errors import SizeError

MAX_BASE = 2 ** 20


def exponential(base: Size, exponent: Size) -> Size:
    """A positive number to the power of a size.

    Raises:
        SizeError: The base has symbols, is not positive, or is too large; a number with too many bits.

    >>> exponential(Size(4), Size("k")) == Size("(2**k)**2"), exponential(Size(2), Size("k + 1"))
    (True, Size('2*2**k'))
    >>> exponential(Size(2), Size("log2(x)"))
    Size('x')
    """
    value = base.constant
    if value is None:
        raise SizeError(f"the exponent {exponent} is not a number, nor is {base}, what it is over",
                        want="a number to the power of a size, as 2**k, or a size to that of a number")
    if value <= 0 or max(value.numerator, value.denominator) > MAX_BASE:
        raise SizeError(f"{str(value)[:30]} to the power of the size {exponent}",
                        want=f"a positive number up to {MAX_BASE} under it")
    constant = exponent.terms.get((), 0)
    if abs(constant) * math.log2(max(value.numerator, value.denominator)) > MAX_BITS:
        raise SizeError(f"{value}**{str(constant)[:20]} has more than {MAX_BITS} bits")
    result = base ** constant
    primes = {**_factors(value.numerator), **{p: -e for p, e in _factors(value.denominator).items()}}
    for monomial, coefficient in exponent.terms.items():
        for prime, times in primes.items() if monomial else ():
            result = result * _prime_power(prime, monomial, number(Fraction(coefficient) * times))
    return result


def _prime_power(prime: int, monomial: tuple, times: Number) -> Size:
    """prime**(times·monomial); 2 to a logarithm is what it is of."""
    if prime == 2 and len(monomial) == 1 and monomial[0][1] == 1:
        atom = monomial[0][0]
        if isinstance(atom, Atom) and atom.kind == "log":
            return atom.args[0] ** times
    return Size.of({((Atom("exp", (Size.number(prime), Size.of({monomial: 1}))), times),): 1})


@lru_cache(4096)
def _factors(value: int) -> dict[int, int]:
    """{prime: exponent} of a whole number; a rest that has no prime up to 1,024 stands as it is."""
    found: dict[int, int] = {}
    for prime in (2, *range(3, math.isqrt(MAX_BASE) + 1, 2)):
        if prime * prime > value:
            break
        while value % prime == 0:
            found[prime] = found.get(prime, 0) + 1
            value //= prime
    return found | ({value: 1} if value > 1 else {})


def logarithm(size: Size) -> Size:
    """log2 of a size.

    Raises:
        SizeError: It is 0 or negative at all sizes.

    >>> logarithm(Size("8*x*y**2")), logarithm(Size("2**k")), logarithm(Size("2*x + 2"))
    (Size('log2(x) + 2*log2(y) + 3'), Size('k'), Size('log2(x + 1) + 1'))
    """
    negative = all(c < 0 for c in size.terms.values()) and (-size).is_nonnegative
    if not size.terms or negative:
        raise SizeError(f"the logarithm of {size}", want="a size greater than 0")
    result = ZERO
    shared, factor = _content(size)
    if factor != 1 or shared:
        size = size / Size.of({shared: factor})
        result = _of_number(factor) + sum((e * _of_factor(atom) for atom, e in shared), ZERO)
    if size == ONE:
        return result
    if len(size.terms) == 1:
        (monomial, coefficient), = size.terms.items()
        if coefficient == 1 and len(monomial) == 1:
            (atom, exponent), = monomial
            if exponent == 1 or exponent % 2 == 1 or atom.is_nonnegative:   # (p²) may be of a negative p
                inside = atom.args[0] if atom.kind == "group" else Size.atom(atom)
                return result + exponent * _node(inside)
    return result + _node(size)


def _node(inside: Size) -> Size:
    return Size.of({((Atom("log", (inside,)), 1),): 1})


def _content(size: Size) -> tuple[tuple, Number]:
    """What is positive and divides every term: powers of symbols and of primes, and a number."""
    numbers = [Fraction(c) for c in size.terms.values()]
    factor = number(Fraction(math.gcd(*(c.numerator for c in numbers)),
                             math.lcm(*(c.denominator for c in numbers))))
    common: dict | None = None
    for monomial in size.terms:
        powers = {atom: e for atom, e in monomial if isinstance(atom, str) or atom.kind == "exp"}
        common = powers if common is None else {
            atom: min(e, powers[atom]) for atom, e in common.items() if atom in powers}
    return tuple(sorted((common or {}).items(), key=lambda item: str(item[0]))), factor


def _of_factor(atom) -> Size:
    if isinstance(atom, str):
        return _node(Size.atom(atom))
    base, exponent = atom.args
    return exponent * _of_number(base.constant)


def _of_number(value: Number) -> Size:
    result = ZERO
    for part, sign in ((value.numerator, 1), (value.denominator, -1)):
        for prime, times in _factors(part).items():
            result = result + sign * times * (ONE if prime == 2 else _log_of_whole(prime))
    return result


def _log_of_whole(value: int) -> Size:
    if value & (value - 1) == 0:
        return Size.number(value.bit_length() - 1)
    return _node(Size.number(value))


def natural(size: Size) -> Size:
    """The natural logarithm of a size.

    >>> natural(Size("x")), natural(Size("x")) / natural(Size(2))
    (Size('log(x)'), Size('log2(x)'))
    """
    return logarithm(size) * Size.atom(LN2)


def with_base(size: Size, base: Size) -> Size:
    """The logarithm of a size to a base, a number greater than 1.

    Raises:
        SizeError: Another base.
    """
    if base.constant is None or base.constant <= 1:
        raise SizeError(f"the logarithm of {size} to the base {base}", want="a number greater than 1")
    return logarithm(size) / logarithm(base)


def has_powers(size: Size) -> bool:
    """Whether a power with a size as exponent stands in it, outside other nodes."""
    return any(not isinstance(atom, str) and atom.kind == "exp" for m in size.terms for atom, _ in m)


def lowered(size: Size) -> Size:
    """A size with each power as 1 + (b - 1)·m and what it is more than that (Bernoulli's inequality).

    Symbols may be 0 here. What is seen to be at least 0 in this form is so.
    """
    total = ZERO
    for monomial, coefficient in size.terms.items():
        product = Size.number(coefficient)
        for atom, exponent in monomial:
            if isinstance(atom, Atom) and atom.kind == "exp" and isinstance(exponent, int) \
                    and 0 < exponent <= 8 and atom.is_integral:
                base, inside = atom.args
                more = Size.of({((Atom("above", (Size.atom(atom),)), 1),): 1})
                product = product * (1 + (base - 1) * inside + more) ** exponent
            else:
                product = product * Size.of({((atom, exponent),): 1})
        total = total + product
    return total


def is_rounded(size: Size) -> bool:
    """Whether a logarithm makes it what is mostly no whole number: one that stands in no floor."""
    waiting = [size]
    while waiting:
        for monomial in waiting.pop().terms:
            for atom, _ in monomial:
                if isinstance(atom, Atom) and atom.kind != "floor":
                    if atom.kind in ("log", "ln"):
                        return True
                    waiting.extend(atom.args)
    return False


# -- text --------------------------------------------------------------------------------
def shown(monomial: tuple, coefficient: Number) -> tuple[tuple, Number]:
    """A term as it is written: 2**(k - 1) for half of 2**k, log(x) for log(2)·log2(x)."""
    if all(isinstance(atom, str) or atom.kind not in ("exp", "log", "ln") for atom, _ in monomial):
        return monomial, coefficient
    powers = dict(monomial)
    primes: dict[int, Size] = {}
    for atom, exponent in monomial:
        if isinstance(atom, Atom) and atom.kind == "exp" and (exponent != 1 or coefficient.denominator > 1):
            primes.setdefault(atom.args[0].constant, ZERO)
    for prime in primes:
        total = ZERO
        for atom, exponent in monomial:
            if isinstance(atom, Atom) and atom.kind == "exp" and atom.args[0] == prime:
                total, _ = total + exponent * atom.args[1], powers.pop(atom)
        while coefficient.denominator % prime == 0:
            total, coefficient = total - 1, number(Fraction(coefficient) * prime)
        powers[Atom("exp", (Size.number(prime), total))] = 1
    if isinstance(powers.get(LN2), int) and powers[LN2] > 0:
        for atom, exponent in monomial:
            if isinstance(atom, Atom) and atom.kind == "log" and exponent == powers[LN2]:
                del powers[atom], powers[LN2]
                powers[Atom("ln", atom.args)] = exponent
                break
    return tuple(sorted(powers.items(), key=_place)), coefficient


def _place(item: tuple) -> tuple:
    """Logarithms behind the rest, n*log2(n)."""
    atom, _ = item
    return not isinstance(atom, str) and atom.kind in ("log", "ln"), str(atom)


def log_call(name: str, arguments: list[Size]) -> Size | None:
    """``log(p)``, ``log2(p)`` and ``log(p, base)`` of a text; None for another call."""
    if name == "log2" and len(arguments) == 1:
        return logarithm(*arguments)
    if name == "log" and len(arguments) in (1, 2):
        return natural(*arguments) if len(arguments) == 1 else with_base(*arguments)
    return None


def rebuilt(atom: Atom, args: tuple[Size, ...]) -> Size:
    """A power or a logarithm on new arguments."""
    if atom.kind == "exp":
        return exponential(*args)
    return natural(*args) if atom.kind == "ln" else logarithm(*args)


def is_whole(coefficient: Number, monomial: tuple) -> bool:
    """Whether what powers of the denominator's primes are at least makes a term whole, as 2**k/2."""
    below = coefficient.denominator
    for atom, exponent in monomial:
        if isinstance(atom, Atom) and atom.kind == "exp" and isinstance(exponent, int) and exponent > 0:
            base, inside = atom.args
            if inside.is_integral and all(isinstance(each, str) for m in inside.terms for each, _ in m):
                below //= math.gcd(below, power(base.constant, min(exponent, 64)))
    return below == 1


Size.shown, Size.is_whole = staticmethod(shown), staticmethod(is_whole)
LN2 = Atom("ln", (Size.number(2),))
