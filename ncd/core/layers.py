"""DisCoPy's layers of a wire graph: boxes, with copies, swaps and discards between them."""

from __future__ import annotations

from collections import Counter

from ncd.core.category import Box, Copy, Diagram, Discard, Layer, Swap, Ty


def part(diagram: Diagram, key: int | slice) -> Diagram:
    """The layers of a slice, as DisCoPy cuts them: ``d[:k] >> d[k:]`` is ``d``.

    Raises:
        IndexError: A layer that is not there, or a step other than 1 (−1 is the dagger).
    """
    inside = diagram.inside
    if not isinstance(key, slice):
        key = range(len(inside))[key]
        key = slice(key, key + 1)
    if key.step == -1:
        return diagram.dagger()
    start, stop, step = key.indices(len(inside))
    if step != 1:
        raise IndexError(f"layers are cut with the step 1, not {step}")
    made = Diagram(inside[start:stop], inside[start].dom, inside[stop - 1].cod) if start < stop else \
        Diagram.id(diagram.cod if start == len(inside) else inside[start].dom)
    made._is_part = True
    return made


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
