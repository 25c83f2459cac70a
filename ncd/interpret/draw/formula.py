"""Sizes as JavaScript: the same polynomial, evaluated in the page."""

from __future__ import annotations

import json
from fractions import Fraction

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
