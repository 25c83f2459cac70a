"""Columns: which operations stand below each other, and the order of what stands in a column.

An operation's column is its longest path from the inputs, so operations that do not depend
on each other may share one. What depends on no input (parameters, constants and what is made
of them) is drawn as late as it can be, next to where it is used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import fsum

from ncd.core.graph import Graph


def levels(graph: Graph) -> list[int]:
    """The column of each node."""
    rooted = [True] * len(graph.inputs)
    level: list[int] = []
    reached = [-1] * len(graph.inputs)      # of each wire, the column that makes it
    for op, args, _ in graph:
        here = 1 + max((reached[wire] for wire in args), default=-1)
        level.append(here)
        reached.extend([here] * len(op.cod))
        rooted.extend([any(rooted[wire] for wire in args)] * len(op.cod))
    late: list[int | None] = [None] * len(graph.types)      # of each wire, the first column that reads it
    for node in range(len(graph) - 1, -1, -1):
        first = graph.first[node]
        made = range(first, first + len(graph.ops[node].cod))
        uses = [here for here in (late[wire] for wire in made) if here is not None]
        if uses and not any(rooted[wire] for wire in made):
            level[node] = min(uses) - 1
        for wire in graph.args[node]:
            here = late[wire]
            late[wire] = level[node] if here is None else min(here, level[node])
    return level


def columns(graph: Graph) -> list[list[int]]:
    """The nodes of each column, in the order of the graph."""
    level = levels(graph)
    made: list[list[int]] = [[] for _ in range(max(level, default=-1) + 1)]
    for node, here in enumerate(level):
        made[here].append(node)
    return made


class Slot:
    """A place in a column for one array that comes from the left: a source, and who takes it."""

    __slots__ = ("item", "source")

    def __init__(self, source: int, item: Item):
        self.source, self.item = source, item


class Item:
    """What stands in a column: an operation (node ≥ 0) with its inputs, or an array that passes."""

    __slots__ = ("node", "order", "slots")

    def __init__(self, node: int, sources: Sequence[int], order: Sequence[int]):
        self.node, self.order = node, tuple(order)
        self.slots = [Slot(source, self) for source in sources]


def neighbours(graph: Graph) -> dict[int, tuple[int, float]]:
    """For each node without inputs: the wire that its result is read with, and on which side.

    It stands below (+) the argument before it, or above (−) the one after it.
    """
    wanted: dict[int, tuple[int, float]] = {}
    for args in graph.args:
        for position, wire in enumerate(args):
            node = graph.producer[wire]
            if node < 0 or graph.args[node] or node in wanted or len(args) == 1:
                continue
            wanted[node] = (args[position - 1], 0.3) if position else (args[1], -0.3)
    return wanted


def arrange(graph: Graph, nodes: Sequence[int], live: Sequence[int], passing: Sequence[float | None],
            free: Sequence[bool], beside: Mapping[int, tuple[int, float]]) -> list[Item]:
    """The items of a column from top to bottom, by the mean place of what they take: the barycentre
    heuristic for crossings (Sugiyama, Tagawa and Toda 1981), its sweep to the right alone, each column
    after the one on its left. :mod:`ncd.interpret.draw.layout.crossings` goes there and back from this order.

    Parameters:
        nodes: The operations of the column.
        live: The wires that stand there, top to bottom.
        passing: For each of them, if it is read later, whether it then stands above (−) or below
            (+) the operation that reads it here; else None.
        free: For each node, whether its inputs may stand in any order.
        beside: What :func:`neighbours` says.
    """
    place = {wire: index for index, wire in enumerate(live)}
    keyed = [(index + side, index, Item(-1, [index], (0,)))
             for index, side in enumerate(passing) if side is not None]
    made: dict[int, float] = {}
    for number, node in sorted(enumerate(nodes), key=lambda pair: not graph.args[pair[1]]):
        args = graph.args[node]
        order = sorted(range(len(args)), key=lambda a: (place[args[a]], a)) if free[number] \
            else range(len(args))
        sources = [place[args[a]] for a in order]
        if sources:
            key = fsum(sources) / len(sources)
        else:
            wire, side = beside.get(node, (None, 0.0))
            near = place.get(wire)
            if near is None and wire is not None:
                near = made.get(graph.producer[wire])
            key = len(live) if near is None else near + side
        made[node] = key
        keyed.append((key, number - len(nodes), Item(node, sources, order)))
    return [item for _, _, item in sorted(keyed, key=lambda entry: entry[:2])]
