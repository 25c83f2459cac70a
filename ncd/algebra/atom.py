"""The nodes of a size that are no symbols: what each is called in a text, and its number.

A node is floor(p/q), max, min, a group under an exponent, a power bᵖ of a prime, log2(p), or the natural
logarithm of 2 by which log2(p) becomes log(p).
"""

from __future__ import annotations

import decimal
import math
import re
from collections.abc import Callable
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import Any

from ncd.errors import SizeError

_CALL = re.compile(r"log2?\([^()]*\)\Z")
MAX_POWER = 2 ** 20                     # no power of numbers has more bits
MAX_BITS = 4_000                        # nor one with a size in its exponent more than this
PRECISION = 400                         # the bits after the point of a rounded logarithm, at least
SLACK = "·"                             # a symbol of such a name is at least 0, every other is 1 at least
NEAR = Fraction(1, 2 ** 360)            # no further from a whole number is a floor of several that number


class Atom:
    """A node that is not a symbol; the rule that writes it in normal form is that of its kind."""

    def __init__(self, kind: str, args: tuple):
        self.kind, self.args = kind, args
        self.text = TEXT[kind](*map(str, args))
        self._parts = frozenset(args) if kind in ("max", "min") else args       # texts order them
        self._hash = hash((kind, self._parts))

    def __eq__(self, other):
        return self is other or (isinstance(other, Atom) and self._hash == other._hash
                                 and (self.kind, self._parts) == (other.kind, other._parts))

    def __hash__(self):
        return self._hash

    def __reduce__(self):               # a hash of texts does not outlive its process
        return Atom, (self.kind, self.args)

    def __str__(self):
        return self.text

    @cached_property
    def is_nonnegative(self) -> bool:
        """Whether it is at least 0 at all positive integers, by its form alone."""
        if self.kind in ("exp", "ln", "above"):
            return True
        if self.kind == "log":          # of whole numbers it is so where it is anything at all
            inside, = self.args
            return (inside.is_integral and not any(name.startswith(SLACK) for name in inside.symbols)) or \
                (inside.is_nonnegative and inside.terms.get((), 0) >= 1)
        if self.kind == "max":
            return any(argument.is_nonnegative for argument in self.args)
        return all(argument.is_nonnegative for argument in self.args)

    @cached_property
    def is_integral(self) -> bool:
        """Whether it is an integer at all positive integers, by its form alone."""
        if self.kind == "floor":
            return True
        if self.kind in ("group", "log", "ln"):
            return False
        return all(argument.is_integral for argument in self.args) and (
            self.kind != "exp" or self.args[1].is_nonnegative)

    @cached_property
    def has_logarithm(self) -> bool:
        """Whether a logarithm stands in it, so that its number may be one that is rounded."""
        return self.kind in ("log", "ln") or any(
            isinstance(atom, Atom) and atom.has_logarithm
            for argument in self.args for monomial in argument.terms for atom, _ in monomial)


def bracket(text: str) -> str:
    whole = text.replace("_", "a").isalnum() or (text.startswith("log") and _CALL.match(text))
    return text if whole else f"({text})"


TEXT: dict[str, Callable] = {
    "floor": lambda p, q: f"{bracket(p)}//{bracket(q)}",
    "max": lambda *args: f"max({', '.join(args)})",
    "min": lambda *args: f"min({', '.join(args)})",
    "group": bracket,
    "exp": lambda base, exponent: f"{base}**{bracket(exponent)}",
    "log": lambda p: f"log2({p})",
    "ln": lambda p: f"log({p})",
    "above": lambda p: f"above({p})"}   # what a power is more than a bound of it; in no size that is shown


# -- numbers -----------------------------------------------------------------------------
def power(base: Any, numerator: int, denominator: int = 1):
    """A number to the power of a fraction: exact for whole exponents, else a float."""
    if denominator == 1:
        if numerator < 0 and not isinstance(base, float):
            base = Fraction(base)
        bits = 0 if isinstance(base, float) else max(abs(base.numerator), base.denominator).bit_length()
        if bits > 1 and (bits - 1) * abs(numerator) > MAX_POWER:
            raise SizeError(f"a power with more than {MAX_POWER} bits")
        return base ** numerator
    if base < 0:
        raise SizeError("the root of a negative number")
    return float(base) ** (numerator / denominator)


def exponential(base: int, exponent: Any):
    """A prime to the power of a number."""
    if isinstance(exponent, float) or exponent.denominator != 1:
        return float(base) ** float(exponent)
    if abs(exponent) * math.log2(base) > MAX_BITS:
        raise SizeError(f"{base}**{str(exponent)[:20]} has more than {MAX_BITS} bits",
                        mend="give the size in its exponent a smaller number")
    return power(base, int(exponent))


@lru_cache(4096)
def log2(value: Any):
    """log₂ of a number: whole for a power of 2, else a fraction that is nearer than any float.

    Raises:
        SizeError: The number is 0 or negative.

    >>> log2(2 ** 300), float(log2(10))
    (300, 3.321928094887362)
    """
    if value <= 0:
        raise SizeError(f"the logarithm of {str(value)[:40]}", want="a number greater than 0")
    if isinstance(value, float):
        return math.log2(value)
    above, below = value.numerator, value.denominator
    twos = _twos(above) - _twos(below)
    above, below = above >> _twos(above), below >> _twos(below)
    if above == below:
        return twos
    # The logarithm of n bits may be as near to a whole number as 2**-n.
    bits = PRECISION + 2 * max(above.bit_length(), below.bit_length())
    with decimal.localcontext(prec=bits // 3 + 20):
        found = (decimal.Decimal(above).ln() - decimal.Decimal(below).ln()) / decimal.Decimal(2).ln()
        return twos + Fraction(int(found * 2 ** bits), 2 ** bits)


def _twos(value: int) -> int:
    return (value & -value).bit_length() - 1


@lru_cache(1)
def _natural_of_2() -> Fraction:
    with decimal.localcontext(prec=PRECISION // 3 + 20):
        return Fraction(int(decimal.Decimal(2).ln() * 2 ** PRECISION), 2 ** PRECISION)


def natural(value: Any):
    """The natural logarithm of a number, as :func:`log2`."""
    return log2(value) * _natural_of_2()


def floor(p: Any, q: Any):
    return int(p // q)


def floor_near(p: Any, q: Any):
    """⌊p/q⌋ of rounded logarithms: what is nearer to a whole number than they are rounded is that number."""
    ratio = p / q if isinstance(p, float) or isinstance(q, float) else Fraction(p) / q
    nearest = round(ratio)
    near = 1e-12 if isinstance(ratio, float) else NEAR
    return nearest if abs(ratio - nearest) < near else math.floor(ratio)


def _is_one_logarithm(p, q) -> bool:
    """Whether p/q is c·log2(n) + r: whole at powers of 2 alone, where log2 is exact."""
    held = [monomial for monomial in p.terms if monomial]
    return q.constant is not None and len(held) == 1 and len(held[0]) == 1 and held[0][0][1] == 1 \
        and isinstance(held[0][0][0], Atom) and held[0][0][0].kind == "log" and not any(
            isinstance(each, Atom) and each.has_logarithm
            for monomial in held[0][0][0].args[0].terms for each, _ in monomial)


def called(atom: Atom) -> str:
    """The function of numbers that a node is, a key of :data:`NUMBER`; empty for a group."""
    if atom.kind == "floor" and atom.has_logarithm and not _is_one_logarithm(*atom.args):
        return "floor_near"
    return {"floor": "floor", "max": "maximum", "min": "minimum", "group": "", "exp": "exponential",
            "log": "log2", "ln": "natural"}[atom.kind]


NUMBER: dict[str, Callable] = {
    "floor": floor, "floor_near": floor_near, "maximum": lambda *args: max(args),
    "minimum": lambda *args: min(args), "exponential": exponential, "log2": log2, "natural": natural,
    "": lambda value: value}
