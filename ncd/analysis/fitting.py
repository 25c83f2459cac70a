"""Sizes that fit: small numbers at which every axis of a diagram is there.

The sizes that a diagram works out (``m/h``, ``(x - 3)//2 + 1``, ``x - w``) are its constraints: whole
numbers of at least 1, conditions of operations at least 0, and nothing is read where nothing is. A
search goes through the symbols, those of one constraint after another, and tries for each the
numbers that the constraints so far leave.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ncd.algebra import program as formula
from ncd.algebra.convert import Size
from ncd.core.category import Diagram
from ncd.core.op import Operation
from ncd.errors import SizeError
from ncd.interpret.derived import Derived
from ncd.ops.multilinear import Reindex
from ncd.ops.pointwise import TopK

# The largest number that is tried, and the least that a size which is worked out should have.
STAGES = ((12, 2), (64, 2), (64, 1), (512, 2), (512, 1), (4096, 1), (65536, 1))
WORK = 100_000                  # numbers that are looked at in a stage


class Constraint(NamedTuple):
    """A size that is a whole number, at least ``least``."""

    symbols: frozenset[str]
    value: Callable
    size: Size
    least: int

    def holds(self, known: Mapping[str, int], name: str, numbers: np.ndarray, wanted: int) -> np.ndarray:
        """For each number of one symbol, the others known, whether the constraint holds."""
        try:
            with np.errstate(all="ignore"):
                found = np.broadcast_to(self.value({**known, name: numbers})["size"], numbers.shape)
        except (SizeError, ArithmeticError):        # a division by zero at some number: each by itself
            found = np.array([_value(self.size, {**known, name: int(number)}) for number in numbers])
        found = np.asarray(found, float)
        return (found >= max(self.least, wanted)) & (found == np.floor(found))


class _Needs(Derived):
    """The sizes worked out, and what primitives say only when they run: that they read what is there."""

    def _add_operation(self, op: Operation) -> None:
        super()._add_operation(op)
        if isinstance(op, TopK):
            self._need(op.array.size(op.axis) - op.out.size)
        elif isinstance(op, Reindex) and op.fill is None:
            sizes = {axis.label: axis.size for axis in op.axes}
            for axis, row in zip(op.array.axes, op.rows):
                low = high = row.offset
                for label, step in row.terms:
                    way = step * (sizes[label] - 1)
                    low, high = (low + way, high) if (step.constant or 1) < 0 else (low, high + way)
                if row.divisor == 1:
                    self._need(low)
                    self._need(axis.size - 1 - high)

    def _need(self, size: Size) -> None:
        if size.constant is None:
            self.conditions.setdefault(size, "")


def _value(size: Size, known: Mapping[str, int]) -> float:
    try:
        return float(size.evaluate(known))
    except (SizeError, ArithmeticError):
        return np.nan


def fit(diagram: Diagram, given: Mapping[str, int]) -> dict[str, int] | None:
    """The sizes given, and small ones for the others; None where none were found.

    Small numbers that differ are taken first, so that a transposed axis shows; then the least that fit,
    where they can such that no axis has the size 1.

    >>> from ncd.core.category import Diagram
    >>> fit(Diagram.id("m=h*k, m, x=n//4, y=w-w//5-9"), {})
    {'h': 3, 'k': 4, 'm': 5, 'n': 8, 'w': 13}
    """
    derived = _Needs(diagram, lambda op: not op.primitive and op.expansion is not None)
    known = dict(given)
    constraints = [Constraint(size.symbols, formula.compiled({"size": size}), size, least)
                   for sizes, least in ((derived.sizes, 1), (derived.conditions, 0)) for size in sizes]
    free = sorted(diagram.symbols - set(given))
    preferred = {name: 3 + place % 5 for place, name in enumerate(free)}
    constraints = [c for c in constraints if c.symbols - set(given)]
    for group in _groups(free, constraints):
        own = [c for c in constraints if c.symbols & set(group)]
        found = next((found for stage in STAGES
                      if (found := _search(group, own, known, preferred, *stage)) is not None), None)
        if found is None:
            return None
        known |= found
    return {**given, **{name: known[name] for name in free}}


def _groups(names: Sequence[str], constraints: Iterable[Constraint]) -> list[list[str]]:
    """The symbols in sets that share no constraint, each in an order that closes constraints early."""
    of: dict[str, list[Constraint]] = {name: [] for name in names}
    for constraint in constraints:
        for name in constraint.symbols & of.keys():
            of[name].append(constraint)
    groups, left = [], dict.fromkeys(names)
    while left:
        group: list[str] = []
        edge = {next(iter(left)): None}
        while edge:
            # The symbol that most constraints wait for, those with fewest symbols left first.
            name = max(edge, key=lambda one: sum(1 / len(c.symbols - set(group)) for c in of[one]))
            group.append(name)
            del left[name], edge[name]
            edge |= {other: None for c in of[name] for other in sorted(c.symbols) if other in left}
        groups.append(group)
    return groups


def _search(names: Sequence[str], constraints: Sequence[Constraint], known: Mapping[str, int],
            preferred: Mapping[str, int], largest: int, wanted: int) -> dict[str, int] | None:
    """Go through the symbols in order, and back where no number is left."""
    values, left = dict(known), max(20, WORK // largest)
    stack = [iter(_candidates(0, names, constraints, values, preferred, largest, wanted))]
    while stack:
        name = names[len(stack) - 1]
        values.pop(name, None)
        number = next(stack[-1], None)
        if number is None:
            stack.pop()
            continue
        values[name] = number
        if len(stack) == len(names):
            return {name: values[name] for name in names}
        left -= 1
        if not left:
            return None
        stack.append(iter(_candidates(len(stack), names, constraints, values, preferred, largest, wanted)))
    return None


def _candidates(place: int, names: Sequence[str], constraints: Sequence[Constraint],
                values: Mapping[str, int], preferred: Mapping[str, int], largest: int,
                wanted: int) -> list[int]:
    """The numbers that the constraints leave for a symbol, once those before it are known."""
    name = names[place]
    numbers = np.arange(1, largest + 1)
    for constraint in constraints:
        if name in constraint.symbols and constraint.symbols <= {name, *values}:
            at = {other: values[other] for other in constraint.symbols if other != name}
            numbers = numbers[constraint.holds(at, name, numbers, wanted if constraint.least else 0)]
    found = numbers.tolist()
    # 1 shows the least of a program, and stands last; the size that differs from the others first.
    return sorted(found, key=lambda number: (number == 1, number != preferred[name], number))
