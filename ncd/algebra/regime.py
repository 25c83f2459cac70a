"""Regimes of a cost: how it grows, what overtakes what, and where.

A cost is a polynomial in each axis (with floors and maxima), so its growth is a degree, and where two costs
cross is where a polynomial changes its sign. By Descartes' rule it does so exactly once where the signs of
its coefficients change once; the signs are proved for all sizes, or follow from assumptions.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ncd.algebra import powers
from ncd.algebra import program as formula
from ncd.algebra.assume import Assumptions
from ncd.algebra.asymptotics import (
    changes,
    closed_root,
    coefficients,
    leading,
    linear_root,
    sign_changes,
    signs,
    symbols_of,
)
from ncd.algebra.convert import Size, as_size
from ncd.algebra.numbers import numbers_of
from ncd.errors import AxisError, SizeError


# -- growth ------------------------------------------------------------------------------
def known_axes(size: Size, axes: Iterable[str]) -> tuple[str, ...]:
    """The axes asked for; all of the size where none is.

    Raises:
        AxisError: An axis that the formula does not depend on.
    """
    axes = tuple(axes) or tuple(sorted(size.symbols))
    unknown = [name for name in axes if name not in size.symbols]
    if unknown:
        raise AxisError(f"the cost does not depend on {', '.join(map(repr, unknown))}",
                        have=", ".join(sorted(size.symbols)) or "no sizes")
    return axes


def order(size: Size, axes: Sequence[str]) -> Size:
    """The leading terms without their coefficients: f = Θ(order) as the axes grow together.

    >>> order(Size("24*m**2*x + 4*m*x**2 + 9*m"), ["x", "m"])
    Size('m**2*x + m*x**2')
    >>> order(Size("5*x*log2(x) + 8*x"), ["x"])
    Size('x*log(x)')
    """
    _, top = leading(size, axes)
    axes = set(axes)
    found = [Size.of({tuple(item for item in monomial if symbols_of(item[0]) & axes): 1})
             for monomial in top.terms]
    # A logarithm to another base is a multiple: the natural one has the shortest name.
    logs = [sum(e for atom, e in next(iter(each.terms)) if not isinstance(atom, str) and atom.kind == "log")
            for each in found]
    return sum({each * Size.atom(powers.LN2) ** count: None for each, count in zip(found, logs)}, Size(0))


def elasticity(size: Size, axis: str, sizes: Mapping[str, int]) -> float:
    """∂log f/∂log x at sizes: by how many percent f grows when x grows by one.

    Floors are passed over as the quotients that they round; at a kink of a maximum the side that is
    taken first counts.

    >>> elasticity(Size("3*x**2*y"), "x", {"x": 5, "y": 7})
    2.0
    """
    known: dict[Any, tuple] = {name: (value, 1 if name == axis else 0) for name, value in sizes.items()}
    for atom in formula.nodes([size]):
        parts = [_dual(argument, known) for argument in atom.args]
        if atom.kind == "floor":
            (p, dp), (q, dq) = parts
            known[atom] = (p // q, (dp * q - p * dq) / (q * q))
        elif atom.kind == "group":
            known[atom] = parts[0]
        elif atom.kind == "exp":
            value = parts[0][0] ** parts[1][0]
            known[atom] = (value, value * math.log(parts[0][0]) * parts[1][1])
        elif atom.kind in ("log", "ln"):
            unit = math.log(2) if atom.kind == "log" else 1.0
            known[atom] = (math.log(parts[0][0]) / unit, parts[0][1] / parts[0][0] / unit)
        else:
            known[atom] = (max if atom.kind == "max" else min)(parts, key=lambda part: part[0])
    value, slope = _dual(size, known)
    return float(slope * sizes[axis] / value) if value else math.nan


def _dual(size: Size, known: Mapping) -> tuple:
    value, slope = 0.0, 0.0
    for monomial, coefficient in size.terms.items():
        product, rate = float(coefficient), 0.0             # rate: Σ e·x'/x, the slope over the product
        for atom, exponent in monomial:
            x, dx = map(float, known[atom])
            if x == 0:
                product, rate = 0.0, 0.0
                break
            product, rate = product * x ** float(exponent), rate + float(exponent) * dx / x
        value, slope = value + product, slope + product * rate
    return value, slope


# -- crossings ---------------------------------------------------------------------------
@dataclass(frozen=True)
class Condition:
    """Where something holds along an axis: open intervals of its size, ends as SymPy expressions.

    An end is None where there is none: the interval begins at 1, or has no end.
    """

    axis: str
    intervals: tuple[tuple[Any, Any], ...]

    @property
    def always(self) -> bool:
        return self.intervals == ((None, None),)

    @property
    def never(self) -> bool:
        return not self.intervals

    def holds(self, **sizes) -> bool:
        """Whether it holds at sizes; the axis is one of them.

        Raises:    SizeError: A size that it depends on is not given, or is not positive.
        """
        import sympy

        from ncd.algebra.convert import symbol
        numbers = numbers_of(sizes)
        needed = {self.axis}.union(*({each.name for each in getattr(end, "free_symbols", ())}
                                     for interval in self.intervals for end in interval))
        _all_given(needed - set(numbers))
        at = {symbol(name): value for name, value in numbers.items()}
        value = sympy.sympify(numbers[self.axis])
        return any((low is None or value > sympy.sympify(low).subs(at))
                   and (high is None or value < sympy.sympify(high).subs(at)) for low, high in self.intervals)

    def __str__(self):
        if self.always or self.never:
            return "always" if self.always else "never"
        return " or ".join(_interval(self.axis, low, high) for low, high in self.intervals)


def _interval(axis: str, low, high) -> str:
    if high is None:
        return f"{axis} > {shown(low)}"
    return f"{axis} < {shown(high)}" if low is None else f"{shown(low)} < {axis} < {shown(high)}"


def shown(value) -> str:
    """An end of an interval: a formula, a whole number, or a float with six digits."""
    if isinstance(value, (int, float)):
        return f"{value:,.6g}" if isinstance(value, float) else f"{value:,}"
    if getattr(value, "is_Integer", False):
        return f"{int(value):,}"
    return f"{float(value):,.6g}" if getattr(value, "is_number", False) else str(value)


def where_greater(left: Size, right: Size, axis: str, sizes: Mapping[str, int] | None = None,
                  assume=()) -> Condition:
    """Where the first size is larger than the second, along an axis.

    Parameters:
        sizes: Numbers for other sizes; for all of them if the formulas have floors or maxima there.
        assume: Assumptions on sizes, see :class:`~ncd.algebra.assume.Assumptions`.
    Raises:
        AxisError: Neither depends on the axis.
        SizeError: The signs of the coefficients are not known; numbers or assumptions are asked for.

    >>> print(where_greater(Size("4*m*x**2"), Size("24*m**2*x"), "x"))
    x > 6*m
    >>> print(where_greater(Size("x"), Size("x**2"), "x"), where_greater(Size("x"), Size("x + 1"), "x"))
    never never
    """
    given = {name: as_size(value) for name, value in (sizes or {}).items() if name != axis}
    known = Assumptions.read(assume)
    gap = known.simplify((left - right).substitute(given))
    if axis not in (left - right).symbols:
        if axis not in left.symbols | right.symbols:
            raise AxisError(f"the costs do not depend on {axis!r}",
                            have=", ".join(sorted(left.symbols | right.symbols)) or "no sizes")
        sign = known.sign(gap)
        if sign is not None:
            return Condition(axis, ((None, None),) if sign > 0 else ())
        raise _unsure(gap, axis, gap.symbols)
    return Condition(axis, _intervals(gap, axis, known))


def _unsure(gap: Size, axis: str, missing) -> SizeError:
    names = sorted(missing)
    return SizeError(f"where the difference changes its sign along {axis} is not seen", have=str(gap)[:300],
                     mend=f"give sizes ({', '.join(f'{name}=...' for name in names)}), or an assumption on "
                          f"them such as assume=[\"{' > '.join([axis, *names][:2])}\"]")


def _intervals(gap: Size, axis: str, known: Assumptions) -> tuple:
    parts = coefficients(gap, axis)
    if parts is not None:
        row = signs(parts, known)
        count = sign_changes(row)
        last = next((sign for sign in reversed(row) if sign), 0)
        if count == 0:
            return ((None, None),) if last and last > 0 else ()
        root = closed_root(parts, row) if count == 1 else None
        if getattr(root, "is_number", False) and (root < 1 if last > 0 else root <= 1):
            return ((None, None),) if last > 0 else ()          # no size is less than 1
        if root is not None:
            return ((root, None),) if last > 0 else ((None, root),)
        if count is None and row[-1] and (root := linear_root(parts)) is not None:
            return ((root, None),) if row[-1] > 0 else ((None, root),)
    if gap.symbols == {axis}:
        return _scanned(gap, axis)
    raise _unsure(gap, axis, gap.symbols - {axis})


def _scanned(gap: Size, axis: str) -> tuple:
    """The intervals where a size of one symbol is positive, at whole numbers."""
    found = changes(gap, axis)
    edges = [(before if rises else after, rises) for before, after, rises in found]
    begins = not found[0][2] if found else gap.evaluate({axis: 1}) > 0      # whether it is positive at 1
    ends = ([None] if begins else []) + [at for at, _ in edges]
    ends += [None] * (len(ends) % 2)
    return tuple(zip(ends[::2], ends[1::2]))


# -- what dominates ------------------------------------------------------------------------
def _all_given(missing: Iterable[str]) -> None:
    if names := sorted(missing):
        raise SizeError(f"no value for the size {', '.join(names)}",
                        mend=f"give it: {', '.join(f'{name}=...' for name in names)}")


def dominant(parts: Mapping[str, Size], axis: str,
             sizes: Mapping[str, int]) -> list[tuple[str, int, int | None]]:
    """Which part is the largest along an axis: (name, from, to) in order; the last has no end.

    Of equal parts the one named first counts; without parts there is none.

    Parameters:
        sizes: Numbers for all other sizes.
    Raises:
        SizeError: A size is missing.

    >>> dominant({"attention": Size("4*m*x**2"), "rest": Size("24*m**2*x")}, "x", {"m": 10})
    [('rest', 1, 59), ('attention', 60, None)]
    """
    given = {name: as_size(value) for name, value in sizes.items() if name != axis}
    parts = {name: size.substitute(given) for name, size in parts.items()}
    _all_given(frozenset().union(*(size.symbols for size in parts.values())) - {axis})
    if not parts:
        return []
    evaluate = formula.compiled(parts)

    def best(at: int) -> str:
        values = evaluate({axis: at})
        return max(values, key=values.get)          # of equal ones the first stays
    edges = {1}
    names = list(parts)
    for n, name in enumerate(names):
        for other in names[:n]:
            gap = parts[name] - parts[other]
            if axis in gap.symbols:
                for low, high in _scanned(gap, axis):
                    edges |= {edge + step for edge in (low, high) if edge is not None for step in (-1, 0, 1)}
    ordered = sorted(edge for edge in edges if edge >= 1)
    found: list[tuple[str, int, int | None]] = []
    for n, start in enumerate(ordered):
        end = ordered[n + 1] - 1 if n + 1 < len(ordered) else None
        name = best(start)
        if found and found[-1][0] == name:
            found[-1] = (name, found[-1][1], end)
        else:
            found.append((name, start, end))
    return found
