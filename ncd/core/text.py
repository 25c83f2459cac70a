"""Diagrams as text: a repr that evaluates to the diagram, a listing with types; texts of 80 columns."""

from __future__ import annotations

import re
import textwrap

from ncd.core.graph import Graph
from ncd.core.inside import diagrams_in
from ncd.core.once import once_each
from ncd.core.signature import Ty
from ncd.errors import escaped

WIDTH = 80
MAX_LEVELS, MAX_OPERATIONS = 30, 1_000_000         # of a repr
TIE = "\u00a0"
GROUP = re.compile(r"\([^()]{1,24}\)")


def graph_repr(graph: Graph) -> str:
    """The diagram of a graph as code: ``Box(op)`` or ``Diagram.of(dom, nodes, outputs)``.

    A text in angle brackets where that would be nested too deep to be read back, or would not end: blocks
    that are shared stand in it as often as they are used.
    """
    dom = Ty.of(graph.inputs)
    levels, operations = _extent(graph)
    if levels > MAX_LEVELS or operations > MAX_OPERATIONS:
        cod = Ty.of(graph.types[wire] for wire in graph.outputs)
        return f"<diagram {dom} -> {cod}: {len(graph)} operations, {operations} in {levels} levels>"
    if graph.op is not None:
        return f"Box({graph.op!r})"
    nodes = ", ".join(f"({op!r}, {args!r})" for op, args in zip(graph.ops, graph.args))
    return f"Diagram.of({dom!r}, [{nodes}], {graph.outputs!r})"


@once_each(lambda graph: (id(graph),))
def _extent(graph: Graph) -> tuple[int, int]:
    """How many levels are nested in each other, and how many operations there are in all of them."""
    found: dict[int, tuple[int, int]] = {}
    for op in graph.ops:
        if id(op) not in found:
            inner = [_extent(item.graph) for item in diagrams_in(op)]
            found[id(op)] = (max((levels for levels, _ in inner), default=0),
                             1 + sum(operations for _, operations in inner))
    operations = sum(found[id(op)][1] for op in graph.ops)
    return 1 + max((levels for levels, _ in found.values()), default=0), operations


def listing(graph: Graph) -> str:
    """One operation a line: the wires it makes, its name, the wires it reads, its type.

    >>> from ncd.core.category import Diagram
    >>> print(listing(Diagram.id("x, y").graph))
    a : x
    b : y
    -> a, b
    """
    places = graph.places
    names = [_letters(wire) for wire in range(len(graph.types))]
    rows = [(names[wire], "", str(array)) for wire, array in enumerate(graph.inputs)]
    for node, (op, args, wires) in enumerate(graph):
        call = f"{escaped(op.name)}({', '.join(names[wire] for wire in args)})"
        shared = f", shared by {graph.shared[node]}" if node in graph.shared else ""
        place = f"  [{escaped(places[node])}{shared}]" if node in places else ""
        made = ", ".join(names[wire] for wire in wires) or "()"
        remark = f"  {op.remark}" if op.remark else ""
        rows.append((made, call + place + remark, ", ".join(str(array) for array in op.cod)))
    left = max((len(row[0]) for row in rows), default=0)
    middle = max((len(row[1]) for row in rows), default=0)
    lines = []
    for made, call, types in rows:
        if call:
            lines.append(f"{made:<{left}} = {call:<{middle}} : {types}")
        else:
            lines.append(f"{made:<{left}} : {types}")
    lines.append("-> " + ", ".join(names[wire] for wire in graph.outputs))
    return "\n".join(line.rstrip() for line in lines)


def _letters(number: int) -> str:
    text = ""
    while True:
        text = chr(ord("a") + number % 26) + text
        number = number // 26 - 1
        if number < 0:
            return text


def hung(left: str, text: str, width: int = WIDTH) -> list[str]:
    """A text to the right of another, in as many lines as it needs; short groups as (x + 3) stay whole.

    >>> print("\\n".join(hung("flops  ", "1200*x + 1000*((x + 3)//4)", 31)))
    flops  1200*x +
           1000*((x + 3)//4)
    """
    whole = GROUP.sub(lambda group: group[0].replace(" ", TIE), text)
    pieces = textwrap.wrap(whole, max(24, width - len(left)), break_on_hyphens=False) or [""]
    pieces = [piece.replace(TIE, " ") for piece in pieces]
    return [(left + pieces[0]).rstrip(), *(" " * len(left) + piece for piece in pieces[1:])]
