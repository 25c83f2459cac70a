"""Sizes: exact polynomials in axis sizes, read from numbers, texts and SymPy expressions.

A size is an element of the ring of polynomials over the symbols of the axes (positive
integers), extended by atoms ``floor(p/q)``, ``max(p, ...)``, ``min(p, ...)``, groups ``(p)``
that carry a fractional or negative exponent, powers ``2**p`` and logarithms ``log2(p)``. Texts are
parsed by a small grammar of our own, never executed; SymPy is the public face, made once at
the end and on demand.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from fractions import Fraction
from functools import cached_property
from typing import TypeAlias

from ncd.algebra import floors, grammar, powers  # noqa: F401  (floors attaches how sums of floors are compared)
from ncd.algebra.atom import MAX_BITS
from ncd.algebra.normal import extremum, floor_division, maximum, minimum
from ncd.algebra.polynomial import ONE, ZERO, Atom, Number, Size
from ncd.errors import NotationError, SizeError

__all__ = ["ONE", "ZERO", "Atom", "Number", "Size", "as_size", "extremum", "floor_division", "maximum",
           "minimum", "parse_size", "symbol"]

# What a size is read from, in the annotations of public functions (``ncd.core.argument`` has the tests):
# a size, a number, a text such as "2*k", an expression of SymPy; and one for all axes or one for each.
SizeLike: TypeAlias = "Size | int | float | Fraction | str"
PerAxis: TypeAlias = "SizeLike | tuple[SizeLike, SizeLike] | Mapping[str, SizeLike]"

_FOLD = {"+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b,
         "/": lambda a, b: a / b, "//": lambda a, b: a // b, "%": lambda a, b: a % b}


MAX_TERMS, MAX_ARGUMENTS = 2_000, 256


def _bounded(size: Size, text: str) -> Size:
    """A size read from text stays small, so that no text can exhaust time or memory."""
    if len(size.terms) > MAX_TERMS or any(
            c.numerator.bit_length() + c.denominator.bit_length() > MAX_BITS
            or any(isinstance(atom, Atom) and len(atom.text) > grammar.MAX_LENGTH for atom, _ in monomial)
            or any(e.numerator.bit_length() + e.denominator.bit_length() > MAX_BITS for _, e in monomial)
            for monomial, c in size.terms.items()):
        raise NotationError("a size that is too large", text[:100])
    return size


def _power(base: Size, over: Size, text: str) -> Size:
    exponent = over.constant
    if exponent is None and base.constant is not None:
        if base.constant <= 0:
            raise NotationError("only a positive number has a power with a size as exponent", text[:100])
        return base ** over
    if exponent is None or abs(exponent) > 64:
        raise NotationError("an exponent must be a number of size at most 64, or a size over a number, "
                            "as 2**k", text)
    count = len(base.terms)
    if count > 1 and exponent > 1 and math.comb(count + int(exponent) - 1, int(exponent)) > MAX_TERMS:
        raise NotationError("a size that is too large", text[:100])
    return base ** exponent


def _from_tree(tree, text: str) -> Size:
    later = []                          # a long sum leans to the left: no recursion over its terms
    while tree[0] in _FOLD:
        later.append(tree)
        tree = tree[1]
    size = _bounded(_simple(tree, text), text)
    for operator, _, right in reversed(later):
        by = _from_tree(right, text)
        if len(size.terms) * len(by.terms) > 50 * MAX_TERMS:
            raise NotationError("a size that is too large", text[:100])
        size = _bounded(_FOLD[operator](size, by), text)
    return size


def _simple(tree, text: str) -> Size:
    kind = tree[0]
    if kind == "number":
        return Size.number(tree[1])
    if kind == "name":
        return Size.symbol(tree[1])
    if kind == "negate":
        return -_from_tree(tree[1], text)
    if kind == "call" and tree[1] in ("max", "min") and tree[2]:
        return extremum(tree[1], [_from_tree(t, text) for t in tree[2]])
    if kind == "call" and tree[1] in ("log", "log2"):
        found = powers.log_call(tree[1], [_from_tree(t, text) for t in tree[2]])
        if found is None:
            raise NotationError(f"`{tree[1]}` of {len(tree[2])} sizes; write log(n), log2(n) or log(n, 10)",
                                text)
        return found
    if kind == "**":
        return _power(_from_tree(tree[1], text), _from_tree(tree[2], text), text)
    raise NotationError(f"`{tree[1] if kind == 'call' else kind}` has no meaning in a size", text)


def parse_size(text: str) -> Size:
    """A size from text: integers, names, ``+ - * / // % **``, ``max``, ``min``, ``log``, parentheses.

    ``log(n)`` is the natural logarithm, ``log2(n)`` that to the base 2, ``log(n, 10)`` that to another.

    Raises:
        NotationError: Malformed text, with a caret.

    >>> parse_size("(x - 1)//2 + 1")
    Size('(x + 1)//2')
    """
    if text.count(",") > MAX_ARGUMENTS:
        raise NotationError(f"more than {MAX_ARGUMENTS} arguments of max and min", text[:100])
    return _from_tree(grammar.parse(text), text)


def as_size(value) -> Size:
    """A size from a number, a text, a SymPy expression or a size.

    Raises:
        SizeError: Any other kind of value.
    """
    if isinstance(value, Size):
        return value
    if isinstance(value, bool):
        raise SizeError("a truth value is not a size")
    if isinstance(value, (int, float, Fraction)):
        return Size.number(value)
    if isinstance(value, str):
        return parse_size(value)
    if hasattr(value, "free_symbols") and hasattr(value, "is_Integer"):
        return _from_sympy(value)
    if not isinstance(value, type) and not getattr(value, "shape", ()):
        value = value.item() if hasattr(value, "item") else value          # an array without axes
        if hasattr(value, "__index__") and not isinstance(value, bool):
            return Size.number(value.__index__())
    if isinstance(value, numbers.Real):
        return Size.number(value)
    raise SizeError(f"{value!r} is not a size", mend="give an int, a name, a text or a SymPy expression")


# -- SymPy -----------------------------------------------------------------------------
def symbol(name: str):
    """The SymPy symbol of an axis size: a positive integer."""
    import sympy
    return sympy.Symbol(name, positive=True, integer=True)


def _to_sympy(size: Size):
    """The same expression as SymPy's, its symbols positive integers."""
    import sympy
    monomials = []
    for monomial, coefficient in size.terms.items():
        factors = [sympy.Rational(coefficient.numerator, coefficient.denominator)]
        for atom, exponent in monomial:
            base = symbol(atom) if isinstance(atom, str) else _atom_sympy(atom, sympy)
            factors.append(base ** sympy.Rational(exponent.numerator, exponent.denominator))
        monomials.append(sympy.Mul(*factors))
    return sympy.Add(*monomials)


def _atom_sympy(atom: Atom, sympy):
    arguments = [argument.sympy for argument in atom.args]
    if atom.kind == "floor":
        return sympy.floor(arguments[0] / arguments[1])
    if atom.kind in ("max", "min"):
        return (sympy.Max if atom.kind == "max" else sympy.Min)(*arguments, evaluate=False)
    if atom.kind == "exp":
        return arguments[0] ** arguments[1]
    if atom.kind in ("log", "ln"):
        return sympy.log(arguments[0]) / (sympy.log(2) if atom.kind == "log" else 1)
    return arguments[0]


def _from_sympy(value) -> Size:
    import sympy
    if value.is_Integer:
        return Size.number(int(value))
    if value.is_Rational:
        return Size.number(Fraction(int(value.p), int(value.q)))
    if value.is_Float:
        return Size.number(float(value))
    if value.is_Symbol:
        return Size.symbol(value.name)
    if isinstance(value, sympy.Add):
        return sum((_from_sympy(a) for a in value.args), ZERO)
    if isinstance(value, sympy.Mul):
        return math.prod((_from_sympy(a) for a in value.args), start=ONE)
    if isinstance(value, sympy.Pow) and value.exp.is_Rational:
        return _from_sympy(value.base) ** Fraction(int(value.exp.p), int(value.exp.q))
    if isinstance(value, sympy.Pow) and value.base.is_Rational:
        return _from_sympy(value.base) ** _from_sympy(value.exp)
    if isinstance(value, sympy.log):
        return powers.natural(_from_sympy(value.args[0]))
    if isinstance(value, (sympy.Max, sympy.Min)):
        return extremum("max" if isinstance(value, sympy.Max) else "min",
                        [_from_sympy(a) for a in value.args])
    if isinstance(value, (sympy.floor, sympy.ceiling)):
        top, bottom = sympy.fraction(sympy.together(value.args[0]))
        top, bottom = _from_sympy(top), _from_sympy(bottom)
        return top // bottom if isinstance(value, sympy.floor) else -((-top) // bottom)
    raise SizeError(f"the SymPy expression {value} is not made of + * ** log floor ceiling Max Min")



Size.read = staticmethod(as_size)
Size.sympy = cached_property(_to_sympy)
Size.sympy.__set_name__(Size, "sympy")
Size._sympy_ = lambda self: self.sympy
