"""DisCoPy's layers of a wire graph: boxes, with copies, swaps and discards between them."""

from __future__ import annotations

from collections import Counter

from ncd.core.category import Box, Copy, Diagram, Discard, Layer, Swap, Ty


def layers(diagram: Diagram) -> tuple:
    """One layer for each box; wires are copied as they are needed and swapped into place."""
    graph = diagram.graph
    types, made = graph.types, []
    uses = Counter(wire for args in graph.args for wire in args)
    uses.update(graph.outputs)
    current = list(range(len(graph.inputs)))

    def put(position: int, box: Box, wires: list[int]) -> None:
        left = Ty.of(types[wire] for wire in current[:position])
        right = Ty.of(types[wire] for wire in current[position + len(box.dom):])
        made.append(Layer(left, box, right))
        current[position:position + len(box.dom)] = wires

    def move(source: int, target: int) -> None:
        while source > target:
            a, b = current[source - 1:source + 1]
            put(source - 1, Swap(Ty.of([types[a]]), Ty.of([types[b]])), [b, a])
            source -= 1

    def supply(count_new: int) -> None:
        """Copy or discard the first wires, as often as they are used."""
        position = 0
        for wire in current[:count_new]:
            count = uses[wire]
            if count == 0:
                put(position, Discard(Ty.of([types[wire]])), [])
            elif count > 1:
                put(position, Copy(Ty.of([types[wire]]), count), [wire] * count)
            position += count

    supply(len(current))
    for op, args, wires in graph:
        for target, wire in enumerate(args):
            move(current.index(wire, target), target)
        put(0, Box(op), list(wires))
        supply(len(wires))
    for target, wire in enumerate(graph.outputs):
        move(current.index(wire, target), target)
    return tuple(made)
