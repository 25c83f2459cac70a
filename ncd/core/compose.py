"""Flattening: a tree of compositions and tensors as one wire graph, in linear time.

A composite diagram holds its two factors only; what it means is asked for later, once.
Nothing here recurses, so that a fold of any shape and length is flattened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ncd.core.category import Diagram
    from ncd.core.graph import Graph


def factors(diagram: Diagram) -> list[Diagram]:
    """The factors of a composite of one kind, in order."""
    kind, found, stack = diagram._parts[0], [], [diagram]
    while stack:
        item = stack.pop()
        if item._graph is None and item._parts is not None and item._parts[0] == kind:
            stack.extend(reversed(item._parts[1:]))
        else:
            found.append(item)
    return found


def flatten(diagram: Diagram, graph: Graph) -> list[int]:
    """Append a composite to a graph on its inputs; returns its output wires there."""
    values: list[list[int]] = []
    tasks: list[tuple] = [("call", diagram, list(range(len(graph.inputs))))]
    while tasks:
        task = tasks.pop()
        if task[0] == "join":
            joined = [wire for wires in values[len(values) - task[1]:] for wire in wires]
            del values[len(values) - task[1]:]
            values.append(joined)
            continue
        item = task[1]
        wires = task[2] if task[0] == "call" else values.pop()
        if item._graph is not None:
            values.append(graph.append(item._graph, wires))
            continue
        parts = factors(item)
        if item._parts[0] == "then":
            tasks.extend(("next", part) for part in reversed(parts[1:]))
            tasks.append(("call", parts[0], wires))
        else:
            tasks.append(("join", len(parts)))
            calls, start = [], 0
            for part in parts:
                width = len(part.dom.inside)
                calls.append(("call", part, wires[start:start + width]))
                start += width
            tasks.extend(reversed(calls))
    return values.pop()
