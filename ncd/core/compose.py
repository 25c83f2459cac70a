"""Flattening: a tree of compositions and tensors as one wire graph, in linear time.

A composite diagram holds its two factors only, a box its operation; what it means is asked
for later, once. Nothing here recurses, so that a fold of any shape and length is flattened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ncd.core.pause import without_collection

if TYPE_CHECKING:
    from ncd.core.array import Array
    from ncd.core.category import Diagram
    from ncd.core.graph import Graph


def factors(diagram: Diagram) -> list[Diagram]:
    """The factors of a composite of one kind, in order."""
    if diagram._factors is not None:    # the domain was asked for just before
        return diagram._factors
    kind, found, stack = diagram._parts[0], [], [diagram]
    while stack:
        item = stack.pop()
        parts = item._parts
        if parts is not None and parts[0] == kind:
            stack.append(parts[2])
            stack.append(parts[1])
        else:
            found.append(item)
    diagram._factors = found
    return found


def ends(diagram: Diagram, side: str) -> list[Array]:
    """The arrays of a box's or of a tensor's domain ("dom") or codomain ("cod")."""
    if diagram._parts[0] == "op":
        return getattr(diagram._parts[1], side)
    found: list[Array] = []
    for leaf in factors(diagram):
        parts = leaf._parts
        # A box's operation is read at once: of a long row no types are made.
        found.extend(getattr(parts[1], side) if parts is not None and parts[0] == "op"
                     else getattr(leaf, side).inside)
    return found


@without_collection
def flatten(diagram: Diagram, graph: Graph) -> list[int]:
    """Append a composite to a graph on its inputs; returns its output wires there."""
    tasks: list[_Chain | _Row] = []
    item, wires = diagram, list(range(len(graph.inputs)))
    while True:
        # Descend: a leaf makes its wires, a composite waits for its factors.
        if item is not None:
            parts = item._parts
            if item._graph is not None:
                wires = graph.append(item._graph, wires)
            elif parts[0] == "op":
                wires = graph.add(parts[1], wires)
            else:
                tasks.append((_Chain if parts[0] == "then" else _Row)(factors(item), wires, graph))
                wires = None
        if not tasks:
            return list(wires)
        item, wires = tasks[-1].next(wires)
        if item is None:
            tasks.pop()


class _Chain:
    """Factors one after the other: the wires that one makes go into the next."""

    __slots__ = ("graph", "parts", "wires")

    def __init__(self, parts: list[Diagram], wires: list[int], graph: Graph):
        self.parts, self.wires, self.graph = iter(parts), wires, graph

    def next(self, made):
        wires, add = self.wires if made is None else made, self.graph.add
        for part in self.parts:
            parts = part._parts
            if parts is None or parts[0] != "op":
                return part, wires
            wires = add(parts[1], wires)
        return None, wires


class _Row:
    """Factors side by side: each takes its own wires, and what they make is joined."""

    __slots__ = ("graph", "joined", "parts", "start", "wires")

    def __init__(self, parts: list[Diagram], wires: list[int], graph: Graph):
        self.parts, self.wires, self.graph, self.start, self.joined = iter(parts), wires, graph, 0, []

    def next(self, made):
        joined, wires, add, start = self.joined, self.wires, self.graph.add, self.start
        if made is not None:
            joined.extend(made)
        for part in self.parts:
            parts = part._parts
            if parts is None or parts[0] != "op":
                self.start = start + len(part.dom.inside)
                return part, wires[start:self.start]
            end = start + len(parts[1].dom)
            joined.extend(add(parts[1], wires[start:end]))
            start = end
        return None, joined
