"""Flattening: a tree of compositions and tensors as one wire graph, in linear time.

A composite diagram holds its two factors only, a box its operation; what it means is asked
for later, once. Nothing here recurses, so that a fold of any shape and length is flattened.
"""

from __future__ import annotations

from collections.abc import Iterator

from ncd.core.array import Array
from ncd.core.graph import Graph
from ncd.core.pause import without_collection


class Rope:
    """A diagram as it was composed: a graph, ``"then"`` or ``"tensor"`` of two, or ``"op"``, an operation.

    Slots, since a fold makes one for each box.
    """

    __slots__ = ("_cod", "_dom", "_graph", "_kind", "_left", "_right")


def factors(diagram: Rope) -> list[Rope]:
    """The factors of a composite of one kind, in order."""
    if diagram._factors is not None:    # the domain was asked for just before
        return diagram._factors
    kind, found, stack = diagram._kind, [], [diagram]
    while stack:
        item = stack.pop()
        if item._kind == kind:
            stack.append(item._right)
            stack.append(item._left)
        else:
            found.append(item)
    diagram._factors = found
    return found


def leaves(diagram: Rope) -> Iterator[Rope]:
    """What a tree of compositions is made of, in order: boxes, and diagrams that hold a graph."""
    stack = [diagram]
    while stack:
        item = stack.pop()
        if item._graph is not None or item._kind == "op":
            yield item
        else:
            stack += [item._right, item._left]


def ends(diagram: Rope, side: str) -> list[Array]:
    """The arrays of a box's or of a tensor's domain ("dom") or codomain ("cod")."""
    if diagram._kind == "op":
        return getattr(diagram._left, side)
    found: list[Array] = []
    for leaf in factors(diagram):
        # A box's operation is read at once: of a long row no types are made.
        found.extend(getattr(leaf._left, side) if leaf._kind == "op" else getattr(leaf, side).inside)
    return found


@without_collection
def flatten(diagram: Rope, graph: Graph) -> list[int]:
    """Append a composite to a graph on its inputs; returns its output wires there."""
    tasks: list[_Chain | _Row] = []
    item, wires = diagram, list(range(len(graph.inputs)))
    while True:
        # Descend: a leaf makes its wires, a composite waits for its factors.
        if item is not None:
            if item._graph is not None:
                wires = graph.append(item._graph, wires)
            elif item._kind == "op":
                wires = graph.add(item._left, wires)
            else:
                tasks.append((_Chain if item._kind == "then" else _Row)(factors(item), wires, graph))
                wires = None
        if not tasks:
            return list(wires)
        item, wires = tasks[-1].next(wires)
        if item is None:
            tasks.pop()


class _Chain:
    """Factors one after the other: the wires that one makes go into the next."""

    __slots__ = ("graph", "parts", "wires")

    def __init__(self, parts: list[Rope], wires: list[int], graph: Graph):
        self.parts, self.wires, self.graph = iter(parts), wires, graph

    def next(self, made):
        wires, add = self.wires if made is None else made, self.graph.add
        for part in self.parts:
            if part._kind != "op":
                return part, wires
            wires = add(part._left, wires)
        return None, wires


class _Row:
    """Factors side by side: each takes its own wires, and what they make is joined."""

    __slots__ = ("graph", "joined", "parts", "start", "wires")

    def __init__(self, parts: list[Rope], wires: list[int], graph: Graph):
        self.parts, self.wires, self.graph, self.start, self.joined = iter(parts), wires, graph, 0, []

    def next(self, made):
        joined, wires, add, start = self.joined, self.wires, self.graph.add, self.start
        if made is not None:
            joined.extend(made)
        for part in self.parts:
            if part._kind != "op":
                self.start = start + len(part.dom.inside)
                return part, wires[start:self.start]
            end = start + len(part._left.dom)
            joined.extend(add(part._left, wires[start:end]))
            start = end
        return None, joined
