"""Sizes as JavaScript: the same polynomial, evaluated in the page in floats and, where it can be, exactly."""

from __future__ import annotations

import json
from fractions import Fraction
from math import lcm

from ncd.core.size import Size


def javascript(size: Size) -> str:
    """An expression in the object ``s`` of sizes by name.

    >>> javascript(Size("2*x*k + x//2"))
    '2*s["k"]*s["x"]+Math.floor((s["x"])/(2))'
    """
    terms = [_term(monomial, coefficient) for monomial, coefficient in sorted(
        size.terms.items(), key=lambda item: (-sum(e for _, e in item[0]), str(item[0])))]
    return "+".join(terms).replace("+-", "-") or "0"


def _term(monomial, coefficient) -> str:
    factors = [_power(atom, exponent) for atom, exponent in monomial]
    if not factors or coefficient not in (1, -1):
        return "*".join([_number(coefficient), *factors])
    return ("-" if coefficient < 0 else "") + "*".join(factors)


def _number(value) -> str:
    return f"({value.numerator}/{value.denominator})" if isinstance(value, Fraction) else str(value)


def _power(atom, exponent) -> str:
    base = f"s[{_quoted(atom)}]" if isinstance(atom, str) else _atom(atom)
    return base if exponent == 1 else f"Math.pow({base},{_number(exponent)})"


def _quoted(text: str) -> str:
    return json.dumps(str(text)).replace("<", "\\u003c")


def _atom(atom) -> str:
    arguments = [f"({javascript(argument)})" for argument in atom.args]
    if atom.kind == "floor":
        return f"Math.floor({'/'.join(arguments)})"
    return arguments[0] if atom.kind == "group" else f"Math.{atom.kind}({','.join(arguments)})"


def exact(size: Size) -> tuple[str, int] | None:
    """The size in whole numbers without bounds: an expression in the object ``b`` of BigInts by name, which
    is so many times the size. None where a root or a division outside a floor leaves the whole numbers.

    The expression calls ``floor(p, q)``, ⌊p/q⌋, and ``max`` and ``min`` of BigInts.

    >>> exact(Size("2*x*k + x//2"))
    ('2n*b["k"]*b["x"]+floor(b["x"],2n)', 1)
    >>> exact(Size("x/2 + 1")), exact(Size("x") ** 0.5)
    (('b["x"]+2n', 2), None)
    """
    terms: list[tuple[Fraction, list[str]]] = []
    for monomial, coefficient in sorted(
            size.terms.items(), key=lambda item: (-sum(e for _, e in item[0]), str(item[0]))):
        factors, value = [], Fraction(coefficient)
        for atom, exponent in monomial:
            base = (f"b[{_quoted(atom)}]", 1) if isinstance(atom, str) else _exact_atom(atom)
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


def _exact_atom(atom) -> tuple[str, int] | None:
    arguments = [exact(argument) for argument in atom.args]
    if None in arguments:
        return None
    if atom.kind == "floor":
        (p, below_p), (q, below_q) = arguments
        return f"floor({_times(p, below_q)},{_times(q, below_p)})", 1
    if atom.kind == "group":
        return f"({arguments[0][0]})", arguments[0][1]
    common = lcm(*(below for _, below in arguments))
    return f"{atom.kind}({','.join(_times(text, common // below) for text, below in arguments)})", common


def _times(text: str, factor: int) -> str:
    return text if factor == 1 else f"{factor}n*({text})"
