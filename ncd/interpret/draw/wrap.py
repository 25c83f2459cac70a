"""Rows: a long picture cut at columns of types, one part below the other.

At a column of types every wire goes straight, so it can be cut there: a grey tail with an arrow head
leaves the row and another enters the next, where each wire tells its label again.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

from ncd.interpret.draw.mathtext import Runs, runs_width
from ncd.interpret.draw.measure import FAINT, LABEL_SIZE
from ncd.interpret.draw.multi import kind_of, rise
from ncd.interpret.draw.scene import Bounds, Column, Element, Scene, Shape, Text, Wire

TAIL = 34.0          # how far a tail reaches
DROP = 9.0           # how far it goes down, and comes from above
BETWEEN = 34.0       # between two rows
EMPTY = 28.0         # the highest empty band of a row
LABEL_ROOM = 40.0    # for the labels at the start of a row, where it is planned


def wrapped(scene: Scene, width: float, label: Callable[[object, int], Runs]) -> Scene:
    """The scene in rows of at most so many pixels, as far as columns of types allow.

    Parameters:
        label: An array and a row to the label that its wire has in a new row.
    """
    left, _, right, _ = scene.bounds()
    cuts = _cuts(scene, left, right, width)
    if not cuts:
        return scene
    edges = [left, *(column.right for column in cuts), right]
    parts: list[list[Element]] = [[] for _ in range(len(cuts) + 1)]
    for item in scene.elements:
        _share(item, edges, parts)
    made, down = Scene(width=width), 0.0
    for number, part in enumerate(parts):
        dx = -edges[number]
        if number:
            lead = _label_room(cuts[number - 1], label)
            part[:] = [_from(item, edges[number], lead) for item in part]
            part += _entering(cuts[number - 1], label, lead)
            dx += TAIL + lead
        if number < len(cuts):
            part += _leaving(cuts[number])
        boxes = [item.bounds() for item in part]
        top, bottom = min(box[1] for box in boxes), max(box[3] for box in boxes)
        lift = _lifts([band for item, box in zip(part, boxes) for band in _bands(item, box)])
        for item, box in zip(part, boxes):
            if isinstance(item, Wire):
                made.elements.append(_lifted(item, lift).moved(dx, down - top))
            else:
                made.elements.append(item.moved(dx, down - top - lift(box[1])))
        made.columns += [_moved(column, dx, lambda y, up=down - top, lift=lift: y + up - lift(y))
                         for column in scene.columns if edges[number] < column.right <= edges[number + 1]]
        down += bottom - lift(bottom) - top + BETWEEN
    return made


def _bands(item: Element, box: Bounds) -> list[tuple[float, float]]:
    """The heights that are not empty where an item stands. Wires on their way up or down take no room."""
    if not isinstance(item, Wire) or item.kind == "tail":
        return [(box[1], box[3])]
    return [(y, y) for (_, y), (_, after) in pairwise(item.points) if y == after]


def _lifts(bands: Iterable[tuple[float, float]]) -> Callable[[float], float]:
    """How far what stands at a height goes up, so that no empty band of a row is higher than ``EMPTY``: what
    keeps two arrays apart may stand in another row.

    >>> up = _lifts([(0.0, 10.0), (100.0, 120.0)])
    >>> up(5.0), up(55.0), up(100.0)
    (0.0, 31.0, 62.0)
    """
    empty, below = [], float("inf")
    for top, bottom in sorted(bands):
        if top - below > EMPTY:
            empty.append((below, top, top - below - EMPTY))
        below = bottom if below == float("inf") else max(below, bottom)
    return lambda y: sum((by * min(1.0, (y - above) / (top - above))
                          for above, top, by in empty if y > above), 0.0)


def _lifted(wire: Wire, lift: Callable[[float], float]) -> Wire:
    """The wire where its level stretches are lifted: between them its shape stays."""
    points, made = wire.points, []
    for first, last in pairwise(wire.ends):
        y, after = points[first][1], points[last][1]
        top, bottom = y - lift(y), after - lift(after)
        part = (bottom - top) / (after - y) if after != y else 0.0
        made += [(x, top + (height - y) * part) for x, height in points[first:last]]
    x, y = points[-1]
    return replace(wire, points=(*made, (x, y - lift(y))))


def _moved(column: Column, dx: float, to: Callable[[float], float]) -> Column:
    arrays = tuple((array, tuple(map(to, ys))) for array, ys in column.arrays)
    return Column(column.x + dx, arrays, column.left + dx, column.right + dx, column.wires)


def _cuts(scene: Scene, left: float, right: float, width: float) -> list[Column]:
    """The columns to cut at: as many of them to a row as there is room for."""
    made: list[Column] = []
    start, room = left, width - TAIL
    last = None
    for column in scene.columns[1:-2]:      # after the last operation there is nothing to wrap
        if column.right - start > room and last is not None:
            made.append(last)
            start, room = last.right, width - 2 * TAIL - LABEL_ROOM
            last = None
        last = column if column.right > start else last
    if right - start > (room if made else width) and last is not None:
        made.append(last)
    return made


def _share(item: Element, edges: Sequence[float], parts: list[list[Element]]) -> None:
    """Give each row what is in it; wires are cut."""
    begin, _, end, _ = item.bounds()
    if isinstance(item, Text):          # a label may reach a little beyond its column
        begin = end = item.left
    first = min(max(bisect_right(edges, begin) - 1, 0), len(parts) - 1)
    last = min(max(bisect_left(edges, end) - 1, first), len(parts) - 1)
    if first == last or not isinstance(item, Wire):
        parts[first].append(item)
        return
    points, cut = list(item.points), 0
    for number in range(first, last):
        x = edges[number + 1]
        at = cut
        while points[at + 1][0] < x:
            at += 1
        y = points[at][1] if points[at][1] == points[at + 1][1] else _height(points[at], points[at + 1], x)
        parts[number].append(replace(item, points=(*points[cut:at + 1], (x, y))))
        points[at] = (x, y)
        cut = at
        if points[at + 1] == (x, y):
            cut += 1
    parts[last].append(replace(item, points=tuple(points[cut:])))


def _from(item: Element, edge: float, lead: float) -> Element:
    """A separator that was cut begins where the labels of its row do."""
    if not isinstance(item, Wire) or item.kind != "dash" or item.points[0][0] != edge:
        return item
    return replace(item, points=((edge - lead, item.points[0][1]), *item.points[1:]))


def _height(start, stop, x: float) -> float:
    return start[1] + (stop[1] - start[1]) * (x - start[0]) / (stop[0] - start[0])


def _ends(column: Column) -> list[tuple[object, int, float]]:
    return [(array, row, y) for array, ys in column.arrays for row, y in enumerate(ys)]


def _leaving(column: Column) -> list[Element]:
    made: list[Element] = []
    for _, _, y in _ends(column):
        made += _tail((column.right, y), (column.right + TAIL - 8, y + DROP))
    return made


def _entering(column: Column, label: Callable[[object, int], Runs], lead: float) -> list[Element]:
    made: list[Element] = []
    x = column.right - lead
    for array, row, y in _ends(column):
        made += _tail((x - TAIL, y - DROP), (x - 8, y))
        if lead:
            made.append(Wire(((x, y), (column.right, y)), kind_of(array, row), (array, row)))
        runs = label(array, row)
        if runs:
            made.append(Text(runs, x + 4, y - rise(kind_of(array, row)), LABEL_SIZE))
    return made


def _tail(start, stop) -> list[Element]:
    x, y = stop
    return [Wire((start, stop), "tail"), Shape(((x, y - 4), (x + 8, y), (x, y + 4)), FAINT, "none", 0.0)]


def _label_room(column: Column, label: Callable[[object, int], Runs]) -> float:
    """The room that the labels of a column need."""
    widest = max((runs_width(label(array, row), LABEL_SIZE) for array, row, _ in _ends(column)), default=0.0)
    return widest + 10 if widest else 0.0
