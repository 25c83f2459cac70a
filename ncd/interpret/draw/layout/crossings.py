"""Fewer crossings: the orders of all columns, swept from right to left and from left to right.

Arrays and operations in columns are a layered graph whose edges go from one column to the next. Crossings
are lessened by the barycentre heuristic with sweeps in both directions (Sugiyama, Tagawa and Toda,
*Methods for visual understanding of hierarchical system structures*, 1981), and by exchanging neighbours as
long as fewer wires cross on both sides (the transposition of Gansner, Koutsofios, North and Vo, *A technique
for drawing directed graphs*, 1993). The order with the fewest crossings is kept; the first one where none
is better. Nothing here moves the inputs or the results of the diagram.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum

from ncd.core.graph import Graph
from ncd.interpret.draw.layout.layers import Item

SWEEPS = 6           # there and back
ROUNDS = 4           # of exchanges in one column
LARGEST = 20_000     # places in all columns; of more the first order stays, so that the time is bounded


class Row:
    """An item of a column for sweeping: the wires that it takes, top to bottom, and those that leave it."""

    __slots__ = ("free", "node", "order", "outs", "wires")

    def __init__(self, node: int, wires: list[int], outs: Sequence[int], order: tuple[int, ...], free: bool):
        self.node, self.wires, self.outs, self.order, self.free = node, wires, outs, order, free


def fewer_crossings(graph: Graph, columns: list[list[Item]], free: Sequence[bool]) -> list[list[Item]]:
    """The items of each column in an order with fewer crossings, where one is found.

    Parameters:
        columns: For each column its items, as :func:`ncd.interpret.draw.layout.layers.arrange` orders them.
        free: For each node, whether its inputs may stand in any order.
    """
    if sum(len(items) for items in columns) > LARGEST:
        return columns
    picture = _Picture(graph, columns, free)
    first = best = picture.crossings()
    kept = picture.orders()
    for sweep in range(SWEEPS if best else 0):
        if sweep:                       # at first the neighbours alone, which keeps most of the order
            picture.backwards()
            picture.forwards()
        for _ in range(ROUNDS):
            picture.exchange()
        found = picture.crossings()
        if found < best:
            best, kept = found, picture.orders()
    return columns if best == first else picture.items(kept)


class _Picture:
    """The rows of all columns, and how many wires each array has."""

    def __init__(self, graph: Graph, columns: list[list[Item]], free: Sequence[bool]):
        self.graph, self.width = graph, [max(1, len(array.axes)) for array in graph.types]
        self.columns: list[list[Row]] = []
        live: Sequence[int] = range(len(graph.inputs))
        for items in columns:
            rows = []
            for item in items:
                wires = [live[slot.source] for slot in item.slots]
                first = graph.first[item.node] if item.node >= 0 else 0
                outs = range(first, first + len(graph.ops[item.node].cod)) if item.node >= 0 else wires
                rows.append(Row(item.node, wires, outs, item.order, item.node >= 0 and free[item.node]))
            self.columns.append(rows)
            live = [wire for row in rows for wire in row.outs]

    def orders(self) -> list[list[Row]]:
        return [list(rows) for rows in self.columns]

    def live(self, column: int) -> Sequence[int]:
        """The wires left of a column, top to bottom."""
        return [wire for row in self.columns[column - 1] for wire in row.outs] if column \
            else range(len(self.graph.inputs))

    def places(self, column: int) -> dict[int, int]:
        return {wire: place for place, wire in enumerate(self.live(column))}

    def taken(self, column: int) -> list[int]:
        """The wires as the rows of a column take them, or the results of the diagram after the last one."""
        return [wire for row in self.columns[column] for wire in row.wires] if column < len(self.columns) \
            else list(self.graph.outputs)

    def crossings(self) -> int:
        """Wires that cross in the gaps between columns."""
        return sum(self._crossings(column) for column in range(len(self.columns) + 1))

    def _crossings(self, column: int) -> int:
        place = self.places(column)
        if column < len(self.columns):
            self._sort_free(column, place)
        taken = [(place[wire], self.width[wire]) for wire in self.taken(column)]
        return _inversions(taken, len(place))

    def _sort_free(self, column: int, place: dict[int, int]) -> None:
        for row in self.columns[column]:
            if row.free:
                row.wires.sort(key=place.__getitem__)

    # -- sweeps ----------------------------------------------------------------------
    def forwards(self) -> None:
        for column, rows in enumerate(self.columns):
            place = self.places(column)
            keys = [fsum(place[wire] for wire in row.wires) / len(row.wires) if row.wires else None
                    for row in rows]
            self.columns[column] = _by(keys, rows)
            self._sort_free(column, place)

    def backwards(self) -> None:
        for column in range(len(self.columns) - 1, -1, -1):
            found: dict[int, list[int]] = {}
            for place, wire in enumerate(self.taken(column + 1)):
                found.setdefault(wire, []).append(place)
            rows, keys = self.columns[column], []
            for row in rows:
                to = [place for wire in row.outs for place in found.get(wire, ())]
                keys.append(fsum(to) / len(to) if to else None)
            self.columns[column] = _by(keys, rows)

    def exchange(self) -> None:
        """Exchange neighbours as long as fewer wires cross left and right of them."""
        for column, rows in enumerate(self.columns):
            place, right = self.places(column), {}
            for at, wire in enumerate(self.taken(column + 1)):
                right.setdefault(wire, []).append(at)
            left = [[(place[wire], self.width[wire]) for wire in row.wires] for row in rows]
            out = [[(at, self.width[wire]) for wire in row.outs for at in right.get(wire, ())]
                   for row in rows]
            for _ in range(ROUNDS):
                changed = False
                for n in range(len(rows) - 1):
                    if _gain(left[n], left[n + 1]) + _gain(out[n], out[n + 1]) > 0:
                        for each in (rows, left, out):
                            each[n], each[n + 1] = each[n + 1], each[n]
                        changed = True
                if not changed:
                    break

    def items(self, orders: list[list[Row]]) -> list[list[Item]]:
        self.columns, made = orders, []
        for column, rows in enumerate(orders):
            place, items = self.places(column), []
            for row in rows:
                order = row.order
                if row.free:
                    args = self.graph.args[row.node]
                    order = sorted(range(len(args)), key=lambda a, args=args: (place[args[a]], a))
                    row.wires = [args[a] for a in order]
                items.append(Item(row.node, [place[wire] for wire in row.wires], order))
            made.append(items)
        return made


def _by(keys: list[float | None], rows: list[Row]) -> list[Row]:
    """The rows by their keys; one without stays below the row above it."""
    last, full = -1.0, []
    for key in keys:
        last = last if key is None else key
        full.append(last)
    return [rows[n] for n in sorted(range(len(rows)), key=full.__getitem__)]


def _gain(above: list[tuple[int, int]], below: list[tuple[int, int]]) -> int:
    """How many crossings fewer there are with the two exchanged."""
    return sum(m * n * ((a > b) - (a < b)) for a, m in above for b, n in below)


def _inversions(taken: list[tuple[int, int]], size: int) -> int:
    """Pairs that stand in another order on the left, each by its wires: sums in a Fenwick tree, O(n log n).

    >>> _inversions([(1, 2), (0, 3), (1, 1)], 2)
    6
    """
    sums, total, before = [0] * (size + 1), 0, 0
    for place, width in taken:
        at, upto = place + 1, 0
        while at:
            upto += sums[at]
            at &= at - 1
        total += width * (before - upto)
        before += width
        at = place + 1
        while at <= size:
            sums[at] += width
            at += at & -at
    return total
