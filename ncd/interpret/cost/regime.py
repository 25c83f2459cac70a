"""Regimes of a cost: how it grows, what overtakes what, and where.

A cost is a polynomial in each axis (with floors and maxima), so its growth is a degree, and where two costs
cross is where a polynomial changes its sign. By Descartes' rule it does so exactly once where the signs of
its coefficients change once; the signs are proved for all sizes, or follow from assumptions.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any

from ncd.core import formula
from ncd.core.size import ZERO, Atom, Size, as_size, extremum
from ncd.errors import AxisError, SizeError
from ncd.interpret.cost.assume import Assumptions

FAR = 2 ** 62
"""No crossing is looked for beyond this size."""


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


def leading(size: Size, axes: Sequence[str]) -> tuple[Fraction | int, Size]:
    """The degree in some axes that grow together, and the terms of that degree; the others are fixed.

    A floor of a quotient grows as the quotient, a maximum as what is largest in the end.

    Raises:
        SizeError: The leading terms cancel, so that the growth is not seen.

    >>> leading(Size("4*h*x**2 + 8*m*x + x//2"), ["x"])
    (2, Size('4*h*x**2'))
    >>> leading(Size("max(8*x*m, 4*x**2 + m)"), ["x"])
    (2, Size('4*x**2'))
    """
    axes, known = set(axes), {}
    for atom in formula.nodes([size]):
        inside = [_top(argument, axes, known) for argument in atom.args]
        degrees = [degree for degree, _ in inside]
        if not any(argument.symbols & axes for argument in atom.args):
            known[atom] = (0, _closed(atom), True)
        elif atom.kind == "floor":
            degree = degrees[0] - degrees[1]
            made = inside[0][1] / inside[1][1] if degree > 0 else _closed(atom) if degree == 0 else ZERO
            known[atom] = (degree, made, False)
        elif atom.kind == "group":
            known[atom] = (degrees[0], Size.rebuild(atom, (inside[0][1],)), False)
        else:
            degree = max(degrees) if atom.kind == "max" else min(degrees)
            best = list(dict.fromkeys(top for d, top in inside if d == degree))
            known[atom] = (degree, best[0] if len(best) == 1 else extremum(atom.kind, best), False)
    return _top(size, axes, known)


def _closed(atom: Atom) -> Size:
    return Size.of({((atom, 1),): 1})


def _top(size: Size, axes: set[str], known: Mapping) -> tuple:
    """The degree and the leading terms, those of the nodes being known."""
    by_degree: dict[Any, Size] = {}
    exact = True
    for monomial, coefficient in size.terms.items():
        degree, product = 0, Size.number(coefficient)
        for atom, exponent in monomial:
            if isinstance(atom, str):
                grows, base = int(atom in axes), Size.symbol(atom)
            else:
                grows, base, sure = known[atom]
                exact = exact and sure
            degree = degree + grows * exponent
            product = product * (base if exponent == 1 else base ** exponent)
        by_degree[degree] = by_degree.get(degree, ZERO) + product
    for degree in sorted(by_degree, reverse=True):
        if by_degree[degree].terms:
            return degree, by_degree[degree]
        if not exact:
            raise SizeError("the leading terms cancel, so the growth is not seen", have=str(size)[:200])
    return 0, ZERO


def order(size: Size, axes: Sequence[str]) -> Size:
    """The leading terms without their coefficients: f = Θ(order) as the axes grow together.

    >>> order(Size("24*m**2*x + 4*m*x**2 + 9*m"), ["x", "m"])
    Size('m**2*x + m*x**2')
    """
    _, top = leading(size, axes)
    axes = set(axes)
    powers = {tuple(item for item in monomial if _of(item[0]) & axes): 1 for monomial in top.terms}
    return Size.of(powers)


def _of(atom) -> frozenset[str] | set[str]:
    return {atom} if isinstance(atom, str) else frozenset().union(*(a.symbols for a in atom.args))


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
        """Whether it holds at sizes; the axis is one of them."""
        import sympy

        from ncd.core.size import symbol
        at = {symbol(name): value for name, value in sizes.items()}
        value = sympy.Integer(sizes[self.axis])
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
    return f"{float(value):,.6g}" if getattr(value, "is_Number", False) else str(value)


def where_greater(left: Size, right: Size, axis: str, sizes: Mapping[str, int] | None = None,
                  assume=()) -> Condition:
    """Where the first size is larger than the second, along an axis.

    Parameters:
        sizes: Numbers for other sizes; for all of them if the formulas have floors or maxima there.
        assume: Assumptions on sizes, see :class:`~ncd.interpret.cost.assume.Assumptions`.
    Raises:
        AxisError: Neither depends on the axis.
        SizeError: The signs of the coefficients are not known; numbers or assumptions are asked for.

    >>> print(where_greater(Size("4*m*x**2"), Size("24*m**2*x"), "x"))
    x > 6*m
    >>> print(where_greater(Size("x"), Size("x**2"), "x"), where_greater(Size("x"), Size("x + 1"), "x"))
    x < 1 never
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
    if any(isinstance(atom, Atom) and axis in _of(atom) for monomial in gap.terms for atom, _ in monomial):
        if gap.symbols - {axis}:
            raise _unsure(gap, axis, gap.symbols - {axis})
        return Condition(axis, tuple(_scanned(gap, axis)))
    return Condition(axis, _intervals(gap, axis, known))


def _unsure(gap: Size, axis: str, missing) -> SizeError:
    names = sorted(missing)
    return SizeError(f"where the difference changes its sign along {axis} is not seen", have=str(gap)[:300],
                     mend=f"give sizes ({', '.join(f'{name}=...' for name in names)}), or an assumption on "
                          f"them such as assume=[\"{' > '.join([axis, *names][:2])}\"]")


def coefficients(size: Size, axis: str) -> dict[Any, Size]:
    """{power of the axis: what it is multiplied by}."""
    found: dict[Any, dict] = {}
    for monomial, coefficient in size.terms.items():
        power = dict(monomial).get(axis, 0)
        rest = tuple(item for item in monomial if item[0] != axis)
        row = found.setdefault(power, {})
        row[rest] = row.get(rest, 0) + coefficient
    return {power: Size.of(row) for power, row in found.items() if any(row.values())}


def _intervals(gap: Size, axis: str, known: Assumptions) -> tuple:
    parts = coefficients(gap, axis)
    powers = sorted(parts)
    signs = {power: known.sign(parts[power]) for power in powers}
    if None not in signs.values():
        row = [signs[power] for power in powers if signs[power]]
        changes = sum(a != b for a, b in pairwise(row))
        if changes == 0:
            return ((None, None),) if row and row[0] > 0 else ()
        if changes == 1:
            root = _root(parts, powers)
            if root is not None:
                return ((root, None),) if row[-1] > 0 else ((None, root),)
    if gap.symbols == {axis}:
        return tuple(_scanned(gap, axis))
    raise _unsure(gap, axis, gap.symbols - {axis})


def _root(parts: Mapping[Any, Size], powers: Sequence):
    """The one positive root in closed form: of two terms, or of a quadratic; None otherwise."""
    import sympy
    if len(powers) == 2:
        low, high = powers
        found = -parts[low].sympy / parts[high].sympy
        return sympy.simplify(sympy.factor(found) if high - low == 1 else sympy.root(found, high - low))
    low = powers[0]
    if [power - low for power in powers] != [0, 1, 2]:
        return None
    c, b, a = (parts[power].sympy for power in powers)
    inside = sympy.expand(b ** 2 - 4 * a * c)
    # Both coefficients beside the square may have either sign: the positive root is this one.
    sign = 1 if Assumptions().sign(parts[powers[2]]) != -1 else -1
    return (-b + sign * sympy.sqrt(inside)) / (2 * a)


def _scanned(gap: Size, axis: str) -> list[tuple]:
    """The intervals where a size of one symbol is positive, by signs at whole numbers up to :data:`FAR`.

    Between two powers of 2 as many points are tried; a polynomial's real roots are all points too.
    """
    evaluate = formula.compiled({"gap": gap})
    points = {1, FAR}
    for power in range(62):
        low = 2 ** power
        points |= {low + low * step // 16 for step in range(16)}
    points |= _near_roots(gap, axis)
    ordered = sorted(point for point in points if 1 <= point <= FAR)
    positive = [evaluate({axis: point})["gap"] > 0 for point in ordered]
    ends, begin = [], None if positive[0] else math.inf
    for (a, one), (b, other) in zip(zip(ordered, positive), zip(ordered[1:], positive[1:])):
        if one == other:
            continue
        while b - a > 1:
            middle = (a + b) // 2
            a, b = (middle, b) if (evaluate({axis: middle})["gap"] > 0) == one else (a, middle)
        if other:
            begin = a                   # it holds from b on, above a
        else:
            ends.append((begin, b))
            begin = math.inf
    if begin is not math.inf and positive[-1]:
        ends.append((begin, None))
    return ends


def _near_roots(gap: Size, axis: str) -> set[int]:
    """Whole numbers around the real roots of a plain polynomial."""
    parts = coefficients(gap, axis)
    if not all(isinstance(power, int) and part.constant is not None for power, part in parts.items()):
        return set()
    import numpy
    low, high = min(parts), max(parts)
    if high - low > 64:
        return set()
    row = [float(parts[power].constant) if power in parts else 0.0 for power in range(high, low - 1, -1)]
    found = set()
    for root in numpy.roots(row):
        if abs(root.imag) < 1e-6 * max(1.0, abs(root)) and 0 < root.real < FAR:
            base = int(root.real)
            found |= {max(1, base + step) for step in (-1, 0, 1, 2)}
    return found


# -- what dominates ------------------------------------------------------------------------
def dominant(parts: Mapping[str, Size], axis: str,
             sizes: Mapping[str, int]) -> list[tuple[str, int, int | None]]:
    """Which part is the largest along an axis: (name, from, to) in order; the last has no end.

    Of equal parts the one named first counts.

    Parameters:
        sizes: Numbers for all other sizes.
    Raises:
        SizeError: A size is missing.

    >>> dominant({"attention": Size("4*m*x**2"), "rest": Size("24*m**2*x")}, "x", {"m": 10})
    [('rest', 1, 59), ('attention', 60, None)]
    """
    given = {name: as_size(value) for name, value in sizes.items() if name != axis}
    parts = {name: size.substitute(given) for name, size in parts.items()}
    missing = sorted(frozenset().union(*(size.symbols for size in parts.values())) - {axis})
    if missing:
        raise SizeError(f"no value for the size {', '.join(missing)}",
                        mend=f"give it: {', '.join(f'{name}=...' for name in missing)}")
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
