"""Well-typedness: a wire graph is a morphism when every operation gets exactly its domain.

In a free copy-discard category in single static assignment form that is all there is to
check: wires are read after they are made, each operation reads arrays equal to its domain and
makes those of its codomain, and a defined operation has the type of its definition.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ncd.algebra.convert import Size
from ncd.core.array import Array, listed
from ncd.core.category import Diagram
from ncd.core.inside import diagrams_in
from ncd.core.op import Operation
from ncd.errors import NcdError, SizeError

MAX_SHOWN = 20


def check(diagram: Diagram, deep: bool = False, sizes: Mapping[str, int] | None = None) -> None:
    """Check that a diagram is well typed; every problem is listed in one error.

    Parameters:
        deep: Open blocks, bodies and definitions as well, each once.
        sizes: Numbers at which every axis must come out as a positive whole number.

    Raises:
        NcdError: A wire that does not exist or is read before it is made, an operation on
            other arrays than its domain, a definition of another type than its operation.
        SizeError: The only problems are sizes that are not positive.

    >>> check(Diagram.id("x y"))
    >>> check(Diagram.id("x=n//4"), sizes={"n": 4})
    >>> check(Diagram.id("x=n//4"), sizes={"n": 3})  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    SizeError: sizes that are not positive whole numbers
    """
    diagram = getattr(diagram, "diagram", diagram)
    found = _Problems(sizes)
    seen: dict[int, Any] = {}                     # id -> object, kept so that no id is reused
    waiting: list[tuple[Diagram, str]] = [(diagram, "")]
    while waiting:
        current, where = waiting.pop()
        if id(current) in seen:
            continue
        seen[id(current)] = current
        found.check_graph(current, where)
        if not deep:
            break
        inner = []
        for op in current.graph.ops:
            if isinstance(op, Operation) and id(op) not in seen:
                seen[id(op)] = op
                inner += [(item, f"inside `{op.name}`: ") for item in found.open(op, where)]
        waiting.extend(reversed(inner))
    found.report(diagram)


class _Problems:
    """What was found so far: faults of type and faults of size."""

    def __init__(self, sizes: Mapping[str, int] | None):
        self.sizes = sizes
        self.faults: list[str] = []
        self.size_faults: list[str] = []
        self.arrays: set[Array] = set()

    def open(self, op: Operation, where: str) -> list[Diagram]:
        """The diagrams inside an operation; a definition that fails is a fault of its own."""
        inner = list(diagrams_in(op))
        try:
            expansion = op.expansion
        except Exception as error:  # a definition is anybody's code: whatever it raises is the finding
            what = error.what if isinstance(error, NcdError) else f"{type(error).__name__}: {error}"
            details = getattr(error, "details", {})
            shown = "".join(f"; {name} {text}" for name, text in details.items() if name in ("have", "want"))
            self.faults.append(f"{where}`{op.name}` has no valid definition: {what}{shown}")
            return inner
        if expansion is not None and all(expansion is not item for item in inner):
            inner.append(expansion)
        return inner

    def check_graph(self, diagram: Diagram, where: str) -> None:
        graph = diagram.graph
        for number, array in enumerate(graph.inputs, 1):
            self._check_array(array, f"{where}input {number}")
        known = len(graph.inputs)
        for node, (op, args, first) in enumerate(zip(graph.ops, graph.args, graph.first)):
            known = self._check_node(graph, node, op, args, first, known, where)
        if known != len(graph.types):
            self.faults.append(f"{where}{len(graph.types)} wires have a type, {known} are made")
        outputs = [self._wire(graph, wire, known, f"{where}output {number}")
                   for number, wire in enumerate(graph.outputs, 1)]
        if None not in outputs and tuple(outputs) != tuple(diagram.cod.inside):
            self.faults.append(f"{where}the outputs are `{listed(outputs)}`, "
                               f"the codomain is `{listed(diagram.cod.inside)}`")

    def _check_node(self, graph, node: int, op, args, first: int, known: int, where: str) -> int:
        """Check one node; returns the number of wires that exist after it."""
        if not isinstance(op, Operation):
            self.faults.append(f"{where}node {node} is {op!r}, not an operation")
            return known
        at = f"{where}node {node} `{op.name}`"
        dom, cod = tuple(op.dom), tuple(op.cod)
        if len(args) != len(dom):
            self.faults.append(f"{at} reads {len(args)} wires, its domain is `{listed(dom)}`")
        for number, wire in enumerate(args):
            have = self._wire(graph, wire, known, f"{at} input {number + 1}")
            if have is not None and number < len(dom) and have != dom[number]:
                self.faults.append(f"{at} input {number + 1}: `{have}` is given, `{dom[number]}` is wanted")
        if first != known:
            self.faults.append(f"{at} makes wires from {first} on, the next wire is {known}")
        elif tuple(graph.types[first:first + len(cod)]) != cod:
            self.faults.append(f"{at} makes `{listed(cod)}`, its wires are "
                               f"`{listed(graph.types[first:first + len(cod)])}`")
        for number, array in enumerate(cod, 1):
            self._check_array(array, f"{at} output {number}")
        return known + len(cod)

    def _wire(self, graph, wire, known: int, at: str) -> Array | None:
        if type(wire) is not int or not 0 <= wire < len(graph.types):
            self.faults.append(f"{at}: there is no wire {wire!r}")
        elif wire >= known:
            self.faults.append(f"{at}: the wire {wire} is read before it is made")
        else:
            return graph.types[wire]
        return None

    def _check_array(self, array: Array, at: str) -> None:
        if array in self.arrays:
            return
        self.arrays.add(array)
        sizes = [(axis.label, axis.size) for axis in array.axes]
        sizes += [] if array.bound is None else [("index", array.bound)]
        for name, size in sizes:
            if _never_positive(size):
                self.size_faults.append(f"{at}: {name} = {size} is never positive in `{array}`")
            elif self.sizes is not None and size.symbols <= set(self.sizes):
                number = _number(size, self.sizes)
                if not (number >= 1 and number == int(number)):
                    given = ", ".join(f"{s} = {self.sizes[s]}" for s in sorted(size.symbols))
                    self.size_faults.append(f"{at}: {name} = {size} is {number} in `{array}`, at {given}")

    def report(self, diagram: Diagram) -> None:
        faults = self.faults + self.size_faults
        if not faults:
            return
        shown = faults[:MAX_SHOWN]
        if len(faults) > MAX_SHOWN:
            shown.append(f"and {len(faults) - MAX_SHOWN} more")
        if self.faults:
            raise NcdError("the diagram is not well typed", type=str(diagram), why=shown)
        raise SizeError("sizes that are not positive whole numbers", why=shown)


def _never_positive(size: Size) -> bool:
    """Whether the size is at most 0 whatever the symbols are, by coefficients alone."""
    return all(c < 0 and all(isinstance(atom, str) for atom, _ in monomial)
               for monomial, c in size.terms.items())


def _number(size: Size, sizes: Mapping[str, int]) -> float:
    try:
        return size.evaluate(sizes)
    except (SizeError, ArithmeticError):  # a division by zero, or beyond all floats
        return math.nan
