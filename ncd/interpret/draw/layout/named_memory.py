"""Named memory: a long wire in disguise. An array that passes many columns is saved and loaded again.

The picture's graph gets a box that ends the wire and, where it is wanted again, one that begins it;
the diagram itself is not changed.
"""

from __future__ import annotations

from dataclasses import dataclass

from ncd.core.array import Array
from ncd.core.graph import Graph
from ncd.core.op import Operation
from ncd.interpret.draw.layout import layers as schedule


@dataclass(frozen=True)
class Save(Operation):
    """An array is kept under a number."""

    array: Array
    number: int

    @property
    def dom(self):
        return (self.array,)

    @property
    def cod(self):
        return ()

    @property
    def name(self) -> str:
        return f"save C_{self.number}"


@dataclass(frozen=True)
class Load(Operation):
    """The array that is kept under a number."""

    array: Array
    number: int

    @property
    def dom(self):
        return ()

    @property
    def cod(self):
        return (self.array,)

    @property
    def name(self) -> str:
        return f"load C_{self.number}"


def remembered(graph: Graph, most: int) -> Graph:
    """The graph in which no array made by an operation passes more than so many columns.

    Of the uses of a wire in order of columns, those after a longer gap read it from memory.
    """
    level = schedule.levels(graph)
    end = max(level, default=-1) + 1
    uses: dict[int, list[tuple[int, int]]] = {}             # of each wire, (column, reader)
    for node, args in enumerate(graph.args):
        for wire in args:
            uses.setdefault(wire, []).append((level[node], node))
    for wire in graph.outputs:
        uses.setdefault(wire, []).append((end, len(graph)))
    loads = {wire: found for wire, found in (
        (wire, _far(here, graph.producer[wire], level, most)) for wire, here in uses.items()) if found}
    if not loads:
        return graph
    made = Graph(graph.inputs)
    place = {wire: wire for wire in range(len(graph.inputs))}
    loaded: dict[tuple[int, int], int] = {}
    numbers = {wire: n for n, wire in enumerate(sorted(loads), 1)}

    def read(wire: int, node: int) -> int:
        group = loads.get(wire, {}).get(node)
        if group is None:
            return place[wire]
        if (wire, group) not in loaded:
            (loaded[wire, group],) = made.add(Load(graph.types[wire], numbers[wire]), ())
        return loaded[wire, group]
    for wire in range(len(graph.inputs)):
        if wire in loads:
            made.add(Save(graph.types[wire], numbers[wire]), [place[wire]])
    for node, (op, args, wires) in enumerate(graph):
        place.update(zip(wires, made.add(op, [read(wire, node) for wire in args])))
        for wire in wires:
            if wire in loads:
                made.add(Save(graph.types[wire], numbers[wire]), [place[wire]])
    made.outputs = tuple(read(wire, len(graph)) for wire in graph.outputs)
    return made


def _far(uses: list[tuple[int, int]], producer: int, level: list[int], most: int) -> dict[int, int]:
    """{reader: which load} of the uses that come after a gap of more than so many columns."""
    far: dict[int, int] = {}
    last = -1 if producer < 0 else level[producer]
    group = -1
    for column, node in sorted(set(uses)):
        if column - last > most + 1:
            group += 1
        if group >= 0:
            far[node] = group
        last = column
    return far
