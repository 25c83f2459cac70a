"""DisCoPy's layers of a wire graph: boxes, with copies, swaps and discards between them."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

from ncd.core.graph import Graph


class Row(NamedTuple):
    """A layer: the arrays left and right of a box, or of a wiring of the arrays in ``what``.

    Attributes:
        kind: None for an operation, ``what``; ``"swap"`` of two arrays; ``"copy"``, an array and how often;
            ``"discard"`` of one.
    """

    left: tuple
    kind: str | None
    what: Any
    right: tuple


def layers(graph: Graph) -> list[Row]:
    """One layer for each operation; wires are copied as they are needed and swapped into place."""
    types, rows = graph.types, []
    uses = Counter(wire for args in graph.args for wire in args)
    uses.update(graph.outputs)
    current = list(range(len(graph.inputs)))

    def put(position: int, width: int, kind: str | None, what: Any, wires: list[int]) -> None:
        left = tuple(types[wire] for wire in current[:position])
        right = tuple(types[wire] for wire in current[position + width:])
        rows.append(Row(left, kind, what, right))
        current[position:position + width] = wires

    def move(source: int, target: int) -> None:
        while source > target:
            a, b = current[source - 1:source + 1]
            put(source - 1, 2, "swap", (types[a], types[b]), [b, a])
            source -= 1

    def supply(count_new: int) -> None:
        """Copy or discard the first wires, as often as they are used."""
        position = 0
        for wire in current[:count_new]:
            count = uses[wire]
            if count == 0:
                put(position, 1, "discard", (types[wire],), [])
            elif count > 1:
                put(position, 1, "copy", (types[wire], count), [wire] * count)
            position += count

    supply(len(current))
    for op, args, wires in graph:
        for target, wire in enumerate(args):
            move(current.index(wire, target), target)
        put(0, len(op.dom), None, op, list(wires))
        supply(len(wires))
    for target, wire in enumerate(graph.outputs):
        move(current.index(wire, target), target)
    return rows
