"""Sizes as JavaScript: the same polynomial, evaluated in the page in floats and, where it can be, exactly."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import lcm

from ncd.algebra.convert import Size
from ncd.algebra.polynomial import Atom
from ncd.algebra.program import nodes


def javascript(size: Size) -> str:
    """An expression in the object ``s`` of sizes by name; inner nodes first, so nothing recurses.

    >>> javascript(Size("2*x*k + x//2"))
    '2*s["k"]*s["x"]+Math.floor((s["x"])/(2))'
    """
    known: dict[Atom, str] = {}
    for atom in nodes([size]):
        known[atom] = _atom(atom, [_sum(argument, known) for argument in atom.args])
    return _sum(size, known)


def _ordered(size: Size) -> list:
    return sorted(size.terms.items(), key=lambda item: (-sum(e for _, e in item[0]), str(item[0])))


def _sum(size: Size, known: Mapping) -> str:
    terms = [_term(monomial, coefficient, known) for monomial, coefficient in _ordered(size)]
    return "+".join(terms).replace("+-", "-") or "0"


def _term(monomial, coefficient, known: Mapping) -> str:
    factors = [_power(atom, exponent, known) for atom, exponent in monomial]
    if not factors or coefficient not in (1, -1):
        return "*".join([_number(coefficient), *factors])
    return ("-" if coefficient < 0 else "") + "*".join(factors)


def _number(value) -> str:
    return f"({value.numerator}/{value.denominator})" if isinstance(value, Fraction) else str(value)


def _power(atom, exponent, known: Mapping) -> str:
    base = f"s[{_quoted(atom)}]" if isinstance(atom, str) else known[atom]
    return base if exponent == 1 else f"Math.pow({base},{_number(exponent)})"


def _quoted(text: str) -> str:
    return json.dumps(str(text)).replace("<", "\\u003c")


def _atom(atom: Atom, arguments: Sequence[str]) -> str:
    if atom.kind == "group":
        return f"({arguments[0]})"
    if atom.kind == "floor":
        return f"Math.floor({'/'.join(f'({each})' for each in arguments)})"
    if atom.kind == "exp":
        return f"Math.pow({','.join(arguments)})"
    if atom.kind in ("log", "ln"):
        return f"Math.{'log2' if atom.kind == 'log' else 'log'}({arguments[0]})"
    return f"Math.{atom.kind}({','.join(f'({each})' for each in arguments)})"


def exact(size: Size) -> tuple[str, int] | None:
    """The size in whole numbers without bounds: an expression in the object ``b`` of BigInts by name, which
    is so many times the size. None where a root, a logarithm or a division outside
    a floor leaves the whole numbers.

    The expression calls ``floor(p, q)``, ⌊p/q⌋, ``max``, ``min`` and ``power`` of BigInts.

    >>> exact(Size("2*x*k + x//2"))
    ('2n*b["k"]*b["x"]+floor(b["x"],2n)', 1)
    >>> exact(Size("3*2**k"))
    ('3n*power(2n,b["k"])', 1)
    >>> exact(Size("x/2 + 1")), exact(Size("x") ** 0.5)
    (('b["x"]+2n', 2), None)
    """
    known: dict[Atom, tuple[str, int] | None] = {}
    for atom in nodes([size]):
        arguments = [_exact_sum(argument, known) for argument in atom.args]
        rounded = None in arguments or atom.kind in ("log", "ln") or (
            atom.kind == "exp" and not atom.is_integral)
        known[atom] = None if rounded else _exact_atom(atom, arguments)
    return _exact_sum(size, known)


def _exact_sum(size: Size, known: Mapping) -> tuple[str, int] | None:
    terms: list[tuple[Fraction, list[str]]] = []
    for monomial, coefficient in _ordered(size):
        factors, value = [], Fraction(coefficient)
        for atom, exponent in monomial:
            base = (f"b[{_quoted(atom)}]", 1) if isinstance(atom, str) else known[atom]
            if base is None or not isinstance(exponent, int) or exponent < 0:
                return None
            factors.append(base[0] if exponent == 1 else f"({base[0]})**{exponent}n")
            value /= base[1] ** exponent
        terms.append((value, factors))
    common = lcm(*(value.denominator for value, _ in terms))
    texts = []
    for value, factors in terms:
        number = f"{value * common}n"
        texts.append("*".join(factors if factors and number == "1n" else [number, *factors]))
    return "+".join(texts).replace("+-", "-") or "0n", common


def _exact_atom(atom: Atom, arguments: Sequence[tuple[str, int]]) -> tuple[str, int]:
    if atom.kind == "floor":
        (p, below_p), (q, below_q) = arguments
        return f"floor({_times(p, below_q)},{_times(q, below_p)})", 1
    if atom.kind == "exp":              # a whole number to the power of one
        return f"power({arguments[0][0]},{arguments[1][0]})", 1
    if atom.kind == "group":
        return f"({arguments[0][0]})", arguments[0][1]
    common = lcm(*(below for _, below in arguments))
    return f"{atom.kind}({','.join(_times(text, common // below) for text, below in arguments)})", common


def _times(text: str, factor: int) -> str:
    return text if factor == 1 else f"{factor}n*({text})"
