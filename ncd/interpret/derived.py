"""Derived sizes: what a program works out from the sizes that it is given, checked before it runs."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from ncd.algebra import program as formula
from ncd.algebra.convert import Size
from ncd.core.array import Array
from ncd.core.category import Diagram
from ncd.core.inside import diagrams_in
from ncd.core.op import Operation
from ncd.errors import SizeError

MAX_SHOWN = 20


class Derived:
    """Every size that is neither a symbol nor a number, once, with the first array that has it.

    Found once for a program, through what the interpretation opens and the bodies of its loops; checked
    once for each call, so that no rule needs to look again.
    """

    def __init__(self, diagram: Diagram, opens: Callable[[Operation], bool]):
        self.sizes: dict[Size, str] = {}            # a message, {} for the number
        self.conditions: dict[Size, str] = {}
        self._arrays: set[Array] = set()
        seen: dict[int, object] = {}
        opened: set[Operation] = set()
        waiting = deque([diagram])
        for position, array in enumerate(diagram.dom.inside, 1):
            self._add(array, f"input {position}")
        while waiting:
            current = waiting.popleft()
            if id(current) in seen:
                continue
            seen[id(current)] = current
            for op in current.graph.ops:
                if id(op) not in seen:
                    seen[id(op)] = op
                    self._add_operation(op)
                    waiting.extend(diagrams_in(op))
                    if op not in opened and opens(op):
                        opened.add(op)
                        waiting.append(op.expansion)

    def _add_operation(self, op: Operation) -> None:
        for array in (*op.dom, *op.cod):
            self._add(array, op)
        for size, meaning in op.conditions:
            if size.constant is None:
                self.conditions.setdefault(size, f"`{op.name}`: {meaning}: {size} is {{}}")

    def _add(self, array: Array, where: Operation | str) -> None:
        if array in self._arrays:
            return
        self._arrays.add(array)
        bounds = () if array.bound is None else (("index", array.bound),)
        for label, size in (*[(axis.label, axis.size) for axis in array.axes], *bounds):
            if size.name is None and size.constant is None and size not in self.sizes:
                name = where if isinstance(where, str) else f"`{where.name}`"
                self.sizes[size] = f"{name}: {label} = {size} is {{}} in `{array}`"

    def check(self, known: Mapping[str, Any]) -> None:
        """Work out every size whose symbols are known: as numbers, or as arrays of them.

        Raises:    SizeError: Those that are no positive whole numbers, and conditions of operations
                   that do not hold, all at once.
        """
        problems = [*_wrong(self.sizes, known, 1), *_wrong(self.conditions, known, 0)]
        if problems:
            if len(problems) > MAX_SHOWN:
                problems[MAX_SHOWN:] = [f"and {len(problems) - MAX_SHOWN} more"]
            raise SizeError("sizes that are not positive whole numbers", why=problems,
                            mend="give sizes at which every axis is a whole number of at least 1")


def _wrong(sizes: Mapping[Size, str], known: Mapping[str, int], least: int) -> list[str]:
    """The sizes that are less, or no whole number."""
    problems = []
    for size, where in sizes.items():
        if not size.symbols <= known.keys():
            continue
        given = {name: known[name] for name in sorted(size.symbols)}
        for at in (given,) if not any(map(_is_array, given.values())) else _first_wrong(size, given, least):
            number = _number(size, at)
            if not (number >= least and number == int(number)):
                shown = ", ".join(f"{name} = {value}" for name, value in at.items())
                problems.append(f"{where.replace('{}', str(number))}, at {shown}")
    return problems


def _is_array(value) -> bool:
    return hasattr(value, "__len__")


def _first_wrong(size: Size, given: Mapping[str, Any], least: int) -> list[dict[str, int]]:
    """Where arrays of numbers are given: the first entry at which the size is wrong, if there is one."""
    import numpy
    try:
        values = numpy.atleast_1d(formula.compiled({"size": size})(given)["size"])
    except SizeError:                       # a division by zero at some entry: each by itself
        values = numpy.full(numpy.broadcast_shapes(*map(numpy.shape, given.values())), numpy.nan)
    wrong = numpy.flatnonzero(~((values >= least) & (values == values // 1)))
    places = numpy.broadcast_arrays(*[numpy.asarray(value, object) for value in given.values()])
    return [{name: place.ravel()[n] for name, place in zip(given, places)}
            for n in (wrong if len(wrong) == values.size else wrong[:1])]


def _number(size: Size, known: Mapping[str, int]) -> float:
    try:
        return size.evaluate(known)
    except (SizeError, ArithmeticError):    # a division by zero, or beyond all floats
        return math.nan
