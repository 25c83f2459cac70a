"""The ring of sizes: exact polynomials over symbols and over nodes for floors, maxima, powers, logarithms.

Arithmetic is on dictionaries {monomial: coefficient}; a monomial is a sorted tuple of
(symbol or atom, exponent). Symbols stand for positive integers. The normal forms of the
atoms are made in :mod:`ncd.algebra.normal` and :mod:`ncd.algebra.powers`, texts and
SymPy's expressions in :mod:`ncd.algebra.convert`.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import cached_property
from typing import Any

from ncd.algebra.atom import NUMBER, Atom, called, power
from ncd.algebra.grammar import symbol_name
from ncd.algebra.quotient import below, divides
from ncd.errors import SizeError

Number = int | Fraction


def number(value) -> Number:
    """A number as an int, or as a fraction where it is not whole; a float by its shortest text."""
    if type(value) is int:
        return value
    if isinstance(value, numbers.Integral):
        return int(value)
    if not isinstance(value, Fraction):
        value = float(value)
        if not math.isfinite(value):
            raise SizeError(f"{value} is not a finite number")
        value = Fraction(repr(value))
    return int(value) if value.denominator == 1 else value


class Size:
    """An exact expression in axis sizes: integers, symbols, ``+ - * // / % **``, max, min.

    >>> x = Size.symbol("x")
    >>> (x - 1) // 2 + 1
    Size('(x + 1)//2')
    >>> ((x - 1) // 2 + 1).evaluate({"x": 7})
    4
    >>> (x * 6) // 3 == 2 * x
    True
    """

    __slots__ = ("__dict__", "terms")

    read: Callable[[Any], Size]         # set by algebra.convert: a number, text or SymPy expression
    rebuild: Callable                   # set by core.normal: an atom on new arguments
    opened: Callable[[Size], Size]      # set by core.normal: groups multiplied out
    shown: Callable                     # set by core.powers: a term as it is written
    is_whole: Callable                  # set by core.powers: whether 2**k/2 is whole
    compared: Callable[[Size], dict]    # set by core.floors: the terms by which equal sums of floors are seen

    def __init__(self, value="0"):
        self.terms = Size.read(value).terms

    @classmethod
    def of(cls, terms: dict) -> Size:
        """From a dictionary {monomial: coefficient}, zero coefficients removed."""
        self = object.__new__(cls)
        self.terms = {m: c for m, c in terms.items() if c != 0}
        return self

    @classmethod
    def number(cls, value) -> Size:
        return cls.of({(): number(value)})

    @classmethod
    def symbol(cls, name: str) -> Size:
        """The size of a name; a SizeError if labels are not called so."""
        return cls.atom(symbol_name(name))

    @classmethod
    def atom(cls, atom: str | Atom) -> Size:            # of another size: its name is not asked again
        return cls.of({((atom, 1),): 1})

    # -- structure ---------------------------------------------------------------
    @cached_property
    def _hash(self) -> int:
        constant = self.constant        # a constant has the hash of the number that it equals
        if constant is not None:
            return hash(constant)
        terms = self._key
        return hash(frozenset(terms.items())) if terms and (len(terms) > 1 or () not in terms) \
            else hash(terms.get((), 0))

    @cached_property
    def _key(self) -> dict:
        floors = any(not isinstance(atom, str) and atom.kind == "floor" for m in self.terms for atom, _ in m)
        return Size.compared(self) if floors else self.terms

    def __hash__(self):
        return self._hash

    def __eq__(self, other):
        if self is other:
            return True
        if not isinstance(other, Size):
            if not isinstance(other, numbers.Real):
                return NotImplemented
            if not math.isfinite(other):
                return False
            other = Size.number(other)
        return self.terms == other.terms or (self._hash == other._hash and self._key == other._key)

    def __reduce__(self):
        return Size.of, (self.terms,)

    @property
    def constant(self) -> Number | None:
        """The number that this size is, or None if it has symbols."""
        if not self.terms:
            return 0
        return self.terms.get((), None) if len(self.terms) == 1 else None

    @property
    def name(self) -> str | None:
        """The symbol that this size is, or None."""
        if len(self.terms) == 1:
            (monomial, coefficient), = self.terms.items()
            if coefficient == 1 and len(monomial) == 1 and monomial[0][1] == 1:
                return monomial[0][0] if isinstance(monomial[0][0], str) else None
        return None

    @cached_property
    def symbols(self) -> frozenset[str]:
        """The names of the symbols in it, those inside floors and maxima too."""
        found: set[str] = set()
        for monomial in self.terms:
            for atom, _ in monomial:
                if isinstance(atom, str):
                    found.add(atom)
                else:
                    for argument in atom.args:
                        found |= argument.symbols
        return frozenset(found)

    @cached_property
    def is_integral(self) -> bool:
        """Whether it is an integer at all positive integers by its form alone."""
        return all((isinstance(c, int) or Size.is_whole(c, m)) and all(
            isinstance(e, int) and e >= 0 and (isinstance(a, str) or a.is_integral) for a, e in m)
            for m, c in self.terms.items())

    @cached_property
    def is_nonnegative(self) -> bool:
        """Whether it is at least 0 at all positive integers, by its form alone."""
        return all(c >= 0 and all(
            isinstance(a, str) or e % 2 == 0 or (a.kind == "group" and not isinstance(e, int))
            or a.is_nonnegative for a, e in m) for m, c in self.terms.items())

    # -- arithmetic --------------------------------------------------------------
    def __add__(self, other):
        other = operand(other)
        if other is None:
            return NotImplemented
        if len(other.terms) > len(self.terms):
            self, other = other, self
        terms = dict(self.terms)
        for monomial, coefficient in other.terms.items():
            total = number(terms.get(monomial, 0) + coefficient)
            if total:
                terms[monomial] = total
            else:
                del terms[monomial]
        result = object.__new__(Size)
        result.terms = terms
        return result

    __radd__ = __add__

    def __neg__(self):
        return Size.of({m: -c for m, c in self.terms.items()})

    def __pos__(self):
        return self

    def __sub__(self, other):
        other = operand(other)
        return NotImplemented if other is None else self + (-other)

    def __rsub__(self, other):
        other = operand(other)
        return NotImplemented if other is None else other + (-self)

    def __mul__(self, other):
        other = operand(other)
        if other is None:
            return NotImplemented
        terms: dict = {}
        for left, a in self.terms.items():
            for right, b in other.terms.items():
                monomial = times(left, right)
                terms[monomial] = terms.get(monomial, 0) + a * b
        return Size.opened(Size.of({m: number(c) for m, c in terms.items()}))

    __rmul__ = __mul__

    def __truediv__(self, other):
        other = operand(other)
        if other is None:
            return NotImplemented
        if not other.terms:
            raise SizeError(f"{self} is divided by zero")
        if other.constant is not None:
            return Size.of({m: number(Fraction(c) / other.constant) for m, c in self.terms.items()})
        return self * other ** -1

    def __rtruediv__(self, other):
        other = operand(other)
        return NotImplemented if other is None else other / self

    # -- meaning -----------------------------------------------------------------
    def dominates(self, other: Size) -> bool:
        """Whether ``self >= other`` at all positive sizes, by the form of the difference alone."""
        return (self - other).is_nonnegative

    def substitute(self, sizes: Mapping[str, Size]) -> Size:
        """Replace symbols by sizes, all at once."""
        if not sizes or self.symbols.isdisjoint(sizes):
            return self
        result = ZERO
        for monomial, coefficient in self.terms.items():
            product = Size.number(coefficient)
            for atom, exponent in monomial:
                if isinstance(atom, str):
                    base = sizes[atom] if atom in sizes else Size.atom(atom)
                else:
                    base = Size.rebuild(atom, tuple(a.substitute(sizes) for a in atom.args))
                product = product * (base if exponent == 1 else base ** exponent)
            result = result + product
        return result

    def evaluate(self, sizes: Mapping[str, int]) -> int | float:
        """The number at given sizes: an int where exact, else a float.

        Raises:
            SizeError: A symbol has no value (all those missing are named); a division by
                zero, a root that is not real, a number beyond all floats.
        """
        missing = sorted(self.symbols - set(sizes))
        if missing:
            text = str(self)
            raise SizeError(f"no value for the size {', '.join(missing)}",
                            have=text if len(text) <= 100 else f"{text[:100].rpartition(' ')[0]} …",
                            mend=f"give it: {', '.join(f'{name}=...' for name in missing)}")
        try:
            total = self._exact(sizes)
            if isinstance(total, Fraction):
                return int(total) if total.denominator == 1 else float(total)
            return total
        except OverflowError:
            raise SizeError(f"{self} is beyond all floats at these sizes",
                            sizes=_shown({name: sizes[name] for name in self.symbols})) from None

    def _exact(self, sizes: Mapping[str, int]):
        """The value as an int or a fraction; a float only after a root."""
        total: Number | float = 0
        for monomial, product in self.terms.items():
            for atom, exponent in monomial:
                value = _given(sizes[atom]) if isinstance(atom, str) else self._value(atom, sizes)
                product = product * (value if exponent == 1 else self._raised(value, exponent, sizes))
            total = total + product
        return total

    def _value(self, atom: Atom, sizes):
        values = [argument._exact(sizes) for argument in atom.args]
        if atom.kind == "floor" and values[1] == 0:
            raise SizeError(f"{atom} divides by zero", sizes=_shown(sizes))
        return NUMBER[called(atom)](*values)

    def _raised(self, value, exponent: Number, sizes):
        if exponent < 0 and value == 0:
            raise SizeError(f"{self} divides by zero", sizes=_shown(sizes))
        if value < 0 and not isinstance(exponent, int):
            raise SizeError(f"{self} takes the root of a negative number", sizes=_shown(sizes))
        return power(value, exponent.numerator, exponent.denominator)

    # -- text --------------------------------------------------------------------
    @cached_property
    def _text(self) -> str:
        def key(item):
            degree = sum(e for _, e in item[0])
            return (-degree, [str(a) for a, _ in item[0]])
        pieces = []
        for monomial, coefficient in sorted(self.terms.items(), key=key):
            monomial, coefficient = Size.shown(monomial, coefficient)
            size = abs(coefficient)
            # A floor after a leading minus is bracketed: -x//2 reads as floor(-x/2).
            alone = len(monomial) == 1 and size == 1 and (coefficient > 0 or bool(pieces))
            above = [item for item in monomial if not divides(*item)]
            factors = [factor_text(a, e, alone) for a, e in above]
            if size != 1 or not factors:
                factors.insert(0, str(size) if isinstance(size, int) else f"({size})")
            sign = "- " if coefficient < 0 else "+ "
            pieces.append(sign + "*".join(factors) + below(monomial, factor_text))
        if not pieces:
            return "0"
        text = " ".join(pieces)
        return text[2:] if text.startswith("+ ") else "-" + text[2:]

    def __str__(self):
        return self._text

    def __repr__(self):
        return f"Size({self._text!r})"


def _given(value):
    """A size given by a user: a NumPy number as Python's, which does not overflow."""
    return value.item() if hasattr(value, "item") else value


def _shown(sizes: Mapping[str, int]) -> str:
    return ", ".join(f"{name} = {str(sizes[name])[:30]}" for name in sorted(sizes))


def factor_text(atom, exponent, alone: bool) -> str:
    """A factor of a product; a floor stands in brackets unless it is alone, a power of a power does."""
    text = str(atom)
    if isinstance(atom, Atom) and atom.kind == "exp" and exponent != 1:
        text = f"({text})"
    if isinstance(atom, Atom) and atom.kind == "floor" and not (alone and exponent == 1):
        text = f"({text})"
    if exponent == 1:
        return text
    return f"{text}**{exponent}" if isinstance(exponent, int) and exponent > 0 \
        else f"{text}**({exponent})"


def times(left: tuple, right: tuple) -> tuple:
    """The product of two monomials."""
    if not left or not right:
        return left or right
    powers: dict = dict(left)
    for atom, exponent in right:
        powers[atom] = powers.get(atom, 0) + exponent
    return tuple(sorted(((a, number(e)) for a, e in powers.items() if e != 0),
                        key=lambda item: str(item[0])))


def operand(value) -> Size | None:
    """What may stand beside a size in arithmetic: a size, a number, a SymPy expression."""
    if isinstance(value, Size):
        return value
    if isinstance(value, numbers.Real) or hasattr(value, "free_symbols"):
        return Size.read(value)
    return None


ZERO, ONE = Size.number(0), Size.number(1)
