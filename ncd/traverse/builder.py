"""A wire graph that is written while it is derived: equal nodes are made once, dead ones dropped.

Copy is natural for deterministic operations, so that writing one twice is reading it twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from ncd.construct.align import reorder
from ncd.core.array import Array
from ncd.core.category import Diagram
from ncd.core.graph import Graph
from ncd.core.op import Operation
from ncd.ops import scalar
from ncd.ops.monoid import SUM, SUM_PRODUCT
from ncd.ops.multilinear import Einsum, Reindex, affine
from ncd.ops.pointwise import Map, Reduce
from ncd.ops.scalar import ScalarFunction
from ncd.ops.source import Constant, Parameter


@lru_cache(maxsize=4096)
def _map(function: ScalarFunction, arrays: tuple[Array, ...], constants: tuple) -> Map:
    """Layers that are alike share their operations."""
    return Map(function, arrays, constants)


@lru_cache(maxsize=4096)
def _sum(array: Array, labels: tuple[str, ...]) -> Reduce:
    return Reduce(SUM, array, labels)


class Builder:
    """Appends operations to a graph; every method takes and returns wires.

    >>> build = Builder(Diagram.id("x, x").dom.inside)
    >>> build.sum([0, 1], build.type(0)) == build.sum([0, 1], build.type(0))
    True
    """

    def __init__(self, inputs: Sequence[Array]):
        self.graph = Graph(inputs)
        self._made: dict = {}
        self._nodes, self._walked = [-1] * len(self.graph.inputs), 0
        self._repeated: dict[int, tuple[Reindex, int]] = {}     # {wire: (what moves axes, of what)}

    def type(self, wire: int) -> Array:
        return self.graph.types[wire]

    def node(self, op: Operation, wires: Sequence[int]) -> tuple[int, ...]:
        """An operation as it is; one that was applied to these wires before is not repeated."""
        if not op.deterministic or (op.place is not None and not (op.tied and isinstance(op, Parameter))):
            return self.graph.add(op, wires)
        wires = tuple(wires)
        key = (op, wires)
        found = self._made.get(key)
        if found is None:
            found = self._made[key] = self.graph.add(op, wires)
            if isinstance(op, Reindex) and op.fill is None and op.is_broadcast:
                self._repeated[found[0]] = op, wires[0]
        return found

    def add(self, op: Operation, *wires: int) -> int:
        """An operation with one result; what is repeated for it only is read where it was."""
        if self._repeated:
            if isinstance(op, Map):
                op, wires = self._unrepeated(op, wires)
            elif isinstance(op, Einsum):
                op, wires = self._unmoved(op, wires)
        return self.node(op, wires)[0]

    def append(self, diagram: Diagram, wires: Sequence[int]) -> list[int]:
        """A whole diagram on given wires; returns all its wires here, inputs first."""
        place = list(wires)
        for op, args in zip(diagram.graph.ops, diagram.graph.args):
            place.extend(self.node(op, [place[wire] for wire in args]))
        return place

    def call(self, diagram: Diagram, wires: Sequence[int]) -> list[int]:
        """A whole diagram on given wires; returns its outputs."""
        place = self.append(diagram, wires)
        return [place[wire] for wire in diagram.graph.outputs]

    # -- the operations that derivatives are made of -------------------------------
    def map(self, function: ScalarFunction, *arguments) -> int:
        """A scalar function of wires (integers); a tuple holds one number."""
        wires = [item for item in arguments if not isinstance(item, tuple)]
        constants = tuple(item[0] if isinstance(item, tuple) else None for item in arguments)
        return self.add(_map(function, tuple(map(self.type, wires)), constants), *wires)

    def sum(self, wires: Sequence[int], array: Array) -> int:
        """The sum of wires whose axes are among an array's, repeated to it."""
        total = wires[0]
        for wire in wires[1:]:
            total = self.map(scalar.ADD, total, wire)
        return self.arrange(total, array)

    def arrange(self, wire: int, array: Array) -> int:
        """Axes transposed to an array's order, and repeated along those that are missing."""
        have = self.type(wire)
        return wire if have.axes == array.axes else self.add(reorder(have, array.axes), wire)

    def folded(self, wire: int, array: Array) -> int:
        """Summed over the axes that an array lacks, then arranged: the transpose of repeating."""
        have = self.type(wire)
        if have.axes == array.axes:
            return wire
        gone = tuple(label for label in have.labels if label not in array.labels)
        return self.arrange(self.add(_sum(have, gone), wire) if gone else wire, array)

    def zero(self, array: Array) -> int:
        return self.add(Constant(0.0, array))

    def einsum(self, wires: Sequence[int], letters: Sequence, out: Array, out_letters,
               order: str = "least") -> int:
        return self.add(Einsum(tuple(map(self.type, wires)), tuple(map(tuple, letters)), out,
                               tuple(out_letters), order=order), *wires)

    def contract(self, left: int, right: int, out: Array) -> int:
        """The product of two wires summed over the labels that the result lacks."""
        letter: dict[str, int] = {}
        def letters(array: Array):
            return tuple(letter.setdefault(label, len(letter)) for label in array.labels)
        return self.einsum((left, right), [letters(self.type(left)), letters(self.type(right))],
                           out, letters(out))

    def renamed(self, wire: int, labels: dict[str, str]) -> int:
        """The same wire with other labels."""
        array = self.type(wire)
        new = array.relabel(labels)
        if new == array:
            return wire
        rows = tuple(affine(0, {label: 1}) for label in new.labels)
        return self.add(Reindex(array, new.axes, rows), wire)

    # -- reading behind a repetition ------------------------------------------------
    def node_of(self, wire: int) -> int:
        """The node that makes a wire."""
        nodes, graph = self._nodes, self.graph
        while len(nodes) <= wire:           # those that were written since it was asked last
            nodes.extend([self._walked] * len(graph.ops[self._walked].cod))
            self._walked += 1
        return nodes[wire]

    def _unrepeated(self, op: Map, wires):
        for n, wire in enumerate(wires):
            read, source = self._repeated.get(wire, (None, None))
            if read is None or [row.terms[0][0] for row in read.rows] != list(read.array.labels):
                continue
            arrays = (*op.arrays[:n], read.array, *op.arrays[n + 1:])
            new = Map(op.function, arrays, op.constants)
            if new.cod == op.cod:
                return self._unrepeated(new, (*wires[:n], source, *wires[n + 1:]))
        return op, wires

    def _unmoved(self, op: Einsum, wires):
        if op.semiring != SUM_PRODUCT:
            return op, wires
        for n, wire in enumerate(wires):
            read, source = self._repeated.get(wire, (None, None))
            if read is None:
                continue
            letter = dict(zip((axis.label for axis in read.axes), op.letters[n]))
            kept = tuple(letter[row.terms[0][0]] for row in read.rows)
            others = {x for m, ls in enumerate(op.letters) if m != n for x in ls} | set(op.out_letters)
            lost = set(op.letters[n]) - set(kept)
            # A letter read twice here was a diagonal of the repeated axis: it stays with its first.
            if not lost <= others:
                continue
            letters = (*op.letters[:n], kept, *op.letters[n + 1:])
            arrays = (*op.arrays[:n], read.array, *op.arrays[n + 1:])
            new = Einsum(arrays, letters, op.out, op.out_letters, op.semiring, op.lifted, op.order)
            return self._unmoved(new, (*wires[:n], source, *wires[n + 1:]))
        return op, wires

    # -- the end ----------------------------------------------------------------------
    def finish(self, outputs: Sequence[int]) -> Diagram:
        """The diagram of what reaches the outputs."""
        return extracted(self.graph, range(len(self.graph.inputs)), outputs)


def extracted(graph: Graph, inputs: Sequence[int], outputs: Sequence[int]) -> Diagram:
    """The part of a graph between some wires and others, as a diagram."""
    return Diagram.from_graph(graph.part(inputs, outputs))
