"""Unification: the sizes that the symbols of a domain take on given arrays, or what contradicts.

The symbols of the domain are bound variables, replaced all at once; those of the arrays are
names of the model around it, so that equal names on the two sides have nothing in common.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ncd.algebra.convert import Size

UNKNOWN = "?"                               # no text has it as a name


class Equation(NamedTuple):
    """A size of the domain, the size given for it, and where."""

    wanted: Size
    given: Size
    where: str


def unify(equations: Sequence[Equation]) -> tuple[dict[str, Size], list[str]]:
    """The size of each symbol that is wanted, and every contradiction.

    An axis whose size is a symbol fixes it; sizes such as 2·k are solved for a symbol that
    occurs in one place, once all others are known.

    >>> unify([Equation(Size("h*k"), Size(12), "m"), Equation(Size("h"), Size(3), "h")])
    ({'h': Size('3'), 'k': Size('4')}, [])
    """
    bound: dict[str, Size] = {}
    origin: dict[str, str] = {}
    contradictions: list[str] = []
    compound: list[Equation] = []
    for equation in equations:
        name = equation.wanted.name
        if name is None:
            compound.append(equation)
        elif name not in bound:
            bound[name], origin[name] = equation.given, equation.where
        elif bound[name] != equation.given:
            contradictions.append(f"{name} = {bound[name]} ({origin[name]}) and {name} = {equation.given} "
                                  f"({equation.where}){_agreement(bound[name], equation.given)}")
    _solve_all(compound, bound)
    contradictions += [text for equation in compound if (text := _contradiction(equation, bound))]
    return bound, contradictions


def _agreement(one: Size, other: Size) -> str:
    """The binding of the model's symbols that makes two given sizes one, if a symbol can do it."""
    for name, size in ((other.name, one), (one.name, other)):
        if name and name not in size.symbols:
            value = str(size) if size.constant is not None else repr(str(size))
            return f"; .bind({name}={value}) would agree"
    return ""


def _solve_all(compound: Sequence[Equation], bound: dict[str, Size]) -> None:
    """Solve equations with one unknown until none is left."""
    waiting, found = list(compound), True
    while waiting and found:
        found, later = False, []
        for equation in waiting:
            free = equation.wanted.symbols - set(bound)
            if len(free) == 1:
                (name,) = free
                size = _solution(equation, name, bound)
                if size is not None:
                    bound[name], found = size, True
            elif free:
                later.append(equation)
        waiting = later


def _solution(equation: Equation, name: str, bound: dict[str, Size]) -> Size | None:
    """The positive size of the one unknown in c·name + rest = given, where it is linear."""
    size = equation.wanted.substitute({**bound, name: Size.atom(UNKNOWN)})
    linear = {m: c for m, c in size.terms.items() if (UNKNOWN, 1) in m}
    coefficient = Size.of({tuple(item for item in m if item != (UNKNOWN, 1)): c for m, c in linear.items()})
    rest = size - Size.of(linear)
    if UNKNOWN in coefficient.symbols | rest.symbols or not coefficient.terms:
        return None
    found = (equation.given - rest) / coefficient
    positive = found.constant is None or found.constant >= 1
    return found if found.is_integral and positive else None


def _contradiction(equation: Equation, bound: dict[str, Size]) -> str:
    """What is wrong with an equation once all that can be known is known; empty if it holds."""
    wanted, given, where = equation
    found = wanted.substitute(bound)
    if found == given:
        return ""
    shown = f"{wanted} = {found}" if str(found) != str(wanted) else str(wanted)
    free = sorted(wanted.symbols - set(bound))
    hint = _agreement(found, given)
    if free and not hint:
        linear = len(free) == 1 and ((free[0], 1),) in found.terms
        hint = f"; no {free[0]} makes them agree" if linear else f"; bind {' and '.join(free)} first"
    return f"{shown} is wanted, {given} is given ({where}){hint}"
