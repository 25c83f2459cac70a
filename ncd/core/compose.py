"""Flattening: a tree of compositions and tensors as one wire graph, in linear time.

A composite diagram holds its two factors only, a box its operation; what it means is asked
for later, once. Nothing here recurses, so that a fold of any shape and length is flattened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ncd.core.category import Diagram
    from ncd.core.graph import Graph


def factors(diagram: Diagram) -> list[Diagram]:
    """The factors of a composite of one kind, in order."""
    if diagram._factors is not None:    # the domain was asked for just before
        return diagram._factors
    kind, found, stack = diagram._parts[0], [], [diagram]
    while stack:
        item = stack.pop()
        if item._graph is None and item._parts[0] == kind:
            stack.extend(reversed(item._parts[1:]))
        else:
            found.append(item)
    diagram._factors = found
    return found


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
                tasks.append((_Chain if parts[0] == "then" else _Row)(factors(item), wires))
                wires = None
        if not tasks:
            return list(wires)
        item, wires = tasks[-1].next(wires)
        if item is None:
            tasks.pop()


class _Chain:
    """Factors one after the other: the wires that one makes go into the next."""

    __slots__ = ("parts", "wires")

    def __init__(self, parts: list[Diagram], wires: list[int]):
        self.parts, self.wires = iter(parts), wires

    def next(self, made):
        return next(self.parts, None), self.wires if made is None else made


class _Row:
    """Factors side by side: each takes its own wires, and what they make is joined."""

    __slots__ = ("joined", "parts", "start", "wires")

    def __init__(self, parts: list[Diagram], wires: list[int]):
        self.parts, self.wires, self.start, self.joined = iter(parts), wires, 0, []

    def next(self, made):
        if made is not None:
            self.joined.extend(made)
        part = next(self.parts, None)
        if part is None:
            return None, self.joined
        start, self.start = self.start, self.start + len(part.dom.inside)
        return part, self.wires[start:self.start]
