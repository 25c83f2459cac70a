"""Rows: a long picture cut at columns of types, one part below the other.

At a column of types every wire goes straight, so it can be cut there: a grey tail with an arrow head
leaves the row and another enters the next, where each wire tells its label again. An opened block is cut
only where a row would not hold it: its region then goes on, with its title, on the next row.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import accumulate, pairwise
from math import fsum

from ncd.interpret.draw.scene.mathtext import Run, Runs, runs_width
from ncd.interpret.draw.scene.metrics import FAINT, LABEL_SIZE
from ncd.interpret.draw.scene.multi import kind_of, rise
from ncd.interpret.draw.scene.scene import (
    REGION,
    Arc,
    Bounds,
    Column,
    Element,
    Frame,
    Scene,
    Shape,
    Text,
    Wire,
    rectangle,
)

TAIL = 34.0          # how far a tail reaches
DROP = 9.0           # how far it goes down, and comes from above
BETWEEN = 34.0       # between two rows
EMPTY = 28.0         # the highest empty band of a row
BEYOND = 300.0       # how far a shade that is cut may go on there
DEEPER = 0.25        # the part of a row that is worth cutting an opened block for


@dataclass
class _Cut:
    """Where one row ends and the next begins: in how many opened blocks, the wires there, as
    (array, row, height), and the room that their labels need."""

    x: float
    level: int
    ends: list[tuple[object, int, float]]
    lead: float = 0.0


def wrapped(scene: Scene, width: float, label: Callable[[object, int], Runs]) -> Scene:
    """The scene in rows of at most so many pixels, as far as columns of types allow.

    Parameters:
        label: An array and a row to the label that its wire has in a new row.
    """
    label = cache(label)
    left, _, right, _ = scene.bounds()
    cuts = _cuts(scene, left, right, width, label)
    if not cuts:
        return scene
    edges = [left, *(cut.x for cut in cuts), right]
    leads = [0.0, *(cut.lead for cut in cuts)]
    parts: list[list[Element]] = [[] for _ in range(len(cuts) + 1)]
    before: Element | None = None
    for item in scene.elements:
        _share(item, edges, parts)
        if isinstance(item, Shape) and item.layer == REGION:
            _share_region(item, edges, leads, parts)
        elif isinstance(item, Text) and isinstance(before, Shape) and before.layer == REGION:
            _title_again(item, before, edges, leads, parts)
        before = item
    parts_of_frame = _row_frames(scene, edges)
    made, down = Scene(width=width, stacked=True), 0.0
    for number, part in enumerate(parts):
        dx, lead = -edges[number], leads[number]
        if number:
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
            elif _encloses(item):
                made.elements.append(_squeezed(item, lift).moved(dx, down - top))
            else:
                made.elements.append(item.moved(dx, down - top - lift(box[1])))
        left, right = min(box[0] for box in boxes) + dx, max(box[2] for box in boxes) + dx
        inside = _part(parts_of_frame[number], edges[number], edges[number + 1], dx,
                       lambda y, up=down - top, lift=lift: y + up - lift(y))
        made.frames.append(replace(inside, box=(left, down, right, down + bottom - lift(bottom) - top)))
        made.columns += [_moved(column, dx, lambda y, up=down - top, lift=lift: y + up - lift(y))
                         for column in scene.columns if edges[number] < column.right <= edges[number + 1]]
        down += bottom - lift(bottom) - top + BETWEEN
    made.spans.append((min(row.box[0] for row in made.frames), max(row.box[2] for row in made.frames)))
    return made


def _row_frames(scene: Scene, edges: Sequence[float]) -> list[Frame]:
    """For each row the columns and the frames that reach into it."""
    spans: list[list] = [[] for _ in edges[1:]]
    frames: list[list] = [[] for _ in edges[1:]]
    for share, items in ((spans, [(span, *span) for span in scene.spans]),
                         (frames, [(frame, frame.box[0], frame.box[2]) for frame in scene.frames])):
        for item, begin, end in items:
            first = max(bisect_right(edges, begin) - 1, 0)
            for row in range(first, min(max(bisect_left(edges, end), first + 1), len(share))):
                share[row].append(item)
    box = (edges[0], 0.0, edges[-1], 0.0)
    return [Frame(box, tuple(here), tuple(inner)) for here, inner in zip(spans, frames)]


def _part(frame: Frame, start: float, stop: float, dx: float, to: Callable[[float], float]) -> Frame:
    """What of a frame stands on a row: between two edges, moved as what is drawn there."""
    left, top, right, bottom = frame.box
    spans = tuple((max(begin, start) + dx, min(end, stop) + dx) for begin, end in frame.spans
                  if begin < stop and end > start)
    inner = tuple(_part(each, start, stop, dx, to) for each in frame.frames
                  if each.box[0] < stop and each.box[2] > start)
    whole = start <= left and right <= stop             # else its shade goes on under tails and labels
    return replace(frame, box=(max(left, start) + dx, to(top), min(right, stop) + dx, to(bottom)),
                   spans=spans, frames=inner, spare=frame.spare if whole else frame.spare + BEYOND)


def _bands(item: Element, box: Bounds) -> list[tuple[float, float]]:
    """The heights that are not empty where an item stands. Wires on their way up or down take no room; a
    region and parentheses are as high as what stands in them."""
    if _encloses(item):
        return [(box[1], box[1]), (box[3], box[3])]
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
    return lambda y: fsum(by * min(1.0, (y - above) / (top - above)) for above, top, by in empty if y > above)


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


def _encloses(item: Element) -> bool:
    """Whether it is the region of an opened block or one of the parentheses about a repetition."""
    return item.layer == REGION if isinstance(item, Shape) else isinstance(item, Arc) and item.width > 1


def _squeezed(item: Shape | Arc, lift: Callable[[float], float]) -> Shape | Arc:
    if isinstance(item, Arc):
        return replace(item, top=item.top - lift(item.top), bottom=item.bottom - lift(item.bottom))
    return replace(item, points=tuple((x, y - lift(y)) for x, y in item.points))


def _moved(column: Column, dx: float, to: Callable[[float], float]) -> Column:
    arrays = tuple((array, tuple(map(to, ys))) for array, ys in column.arrays)
    return Column(column.x + dx, arrays, column.left + dx, column.right + dx, column.wires)


def _cuts(scene: Scene, left: float, right: float, width: float, label) -> list[_Cut]:
    """Where to cut: as late as there is room for, and outside opened blocks where the next row holds them."""
    free = _uncut(scene)
    columns = [*scene.columns[1:-2], *(column for column in scene.inner if free(column.right))]
    places = [_Cut(column.right, column.level, [] if column.level else _ends(column)) for column in columns]
    places.sort(key=lambda cut: (cut.x, cut.level))     # after the last operation there is nothing to wrap
    _find_ends(scene, places)
    for cut in places:
        cut.lead = _label_room(cut.ends, label)
    deepest = max((cut.level for cut in places), default=0)
    by_level = [[cut for cut in places if cut.level <= level] for level in range(deepest + 1)]
    made: list[_Cut] = []
    start, room = left, width
    while right - start > room:
        found = _last_in(by_level, start, room - TAIL, width - TAIL, right)
        if found is None:
            break
        made.append(found)
        start, room = found.x, width - TAIL - found.lead
    return made


def _last_in(by_level: Sequence[Sequence[_Cut]], start: float, room: float, width: float,
             right: float) -> _Cut | None:
    """The cut that ends a row, or the next one where none is near enough.

    Parameters:
        room: What this row holds.
        width: What the next one holds, its labels too.
    """
    chosen = None
    for cuts in by_level:
        at = bisect_right(cuts, start + room, key=lambda cut: cut.x)
        last = cuts[at - 1] if at and cuts[at - 1].x > start else None
        if last is not None and (chosen is None or last.x - chosen.x >= DEEPER * room):
            chosen = last
        to = cuts[at].x + TAIL if at < len(cuts) else right
        if chosen is not None and to - chosen.x <= width - chosen.lead:
            break
    if chosen is not None:
        return chosen
    cuts = by_level[-1]
    at = bisect_right(cuts, start, key=lambda cut: cut.x)
    return cuts[at] if at < len(cuts) else None


def _uncut(scene: Scene) -> Callable[[float], bool]:
    """Whether everything at a place goes straight on there."""
    closed: list[tuple[float, float]] = []
    if not scene.inner:
        return lambda x: True
    for item in scene.elements:
        if isinstance(item, Wire) and (item.kind == "dash" or isinstance(item.about, tuple)):
            closed += [(x, to) for (x, y), (to, after) in pairwise(item.points) if y != after]
        elif isinstance(item, Wire) or item.layer != REGION:
            left, _, right, _ = item.bounds()
            closed.append((left, right))
    closed.sort()
    starts = [start for start, _ in closed]
    reach = list(accumulate((end for _, end in closed), max))
    return lambda x: (at := bisect_left(starts, x - 0.5)) == 0 or reach[at - 1] <= x + 0.5


def _find_ends(scene: Scene, cuts: Sequence[_Cut]) -> None:
    """Tell each cut in a block the wires that go through it."""
    inner = [cut for cut in cuts if cut.level]
    xs = [cut.x for cut in inner]
    for item in scene.elements if inner else ():
        if isinstance(item, Wire) and not item.straight and isinstance(item.about, tuple):
            for (left, y), (right, after) in pairwise(item.points):
                if y == after:
                    for cut in inner[bisect_right(xs, left):bisect_right(xs, right)]:
                        cut.ends.append((*item.about, y))


def _ends(column: Column) -> list[tuple[object, int, float]]:
    return [(array, row, y) for array, ys in column.arrays for row, y in enumerate(ys)]


def _share_region(region: Shape, edges: Sequence[float], leads: Sequence[float],
                  parts: list[list[Element]]) -> None:
    """An opened block that is cut goes on under the tails and the labels of each row."""
    left, top, right, bottom = region.bounds()
    rows = [number for number in range(len(parts)) if left < edges[number + 1] and right > edges[number]]
    for number in rows if len(rows) > 1 else ():
        parts[number] = [item for item in parts[number] if item is not region]
        start = left if number == rows[0] else edges[number] - leads[number] - TAIL
        stop = right if number == rows[-1] else edges[number + 1] + TAIL
        parts[number].append(replace(region, points=rectangle(start, top, stop, bottom).points))


def _title_again(title: Text, region: Shape, edges: Sequence[float], leads: Sequence[float],
                 parts: list[list[Element]]) -> None:
    """A block that goes on says so, as far as its region has room on that row."""
    left, _, right, _ = region.bounds()
    again = (*title.runs, Run(" (continued)", title.runs[-1].style))
    for number in range(1, len(parts)):
        if left < edges[number] < right:
            start = edges[number] - leads[number] - TAIL
            stop = right if right <= edges[number + 1] else edges[number + 1] + TAIL
            room = stop - start - 2 * (title.x - left)
            runs = next((runs for runs in (again, title.runs) if runs_width(runs, title.size) <= room), None)
            if runs is not None:
                parts[number].append(replace(title, runs=runs, x=start + title.x - left))


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
    (_, y), (_, after) = item.points[:2]
    return replace(item, points=((edge - lead, y), *item.points[y == after:]))


def _height(start, stop, x: float) -> float:
    return start[1] + (stop[1] - start[1]) * (x - start[0]) / (stop[0] - start[0])


def _leaving(cut: _Cut) -> list[Element]:
    made: list[Element] = []
    for _, _, y in cut.ends:
        made += _tail((cut.x, y), (cut.x + TAIL - 8, y + DROP))
    return made


def _entering(cut: _Cut, label: Callable[[object, int], Runs], lead: float) -> list[Element]:
    made: list[Element] = []
    x = cut.x - lead
    for array, row, y in cut.ends:
        made += _tail((x - TAIL, y - DROP), (x - 8, y))
        if lead:
            made.append(Wire(((x, y), (cut.x, y)), kind_of(array, row), (array, row)))
        runs = label(array, row)
        if runs:
            made.append(Text(runs, x + 4, y - rise(kind_of(array, row)), LABEL_SIZE))
    return made


def _tail(start, stop) -> list[Element]:
    x, y = stop
    return [Wire((start, stop), "tail"), Shape(((x, y - 4), (x + 8, y), (x, y + 4)), FAINT, "none", 0.0)]


def _label_room(ends: Iterable[tuple[object, int, float]], label: Callable[[object, int], Runs]) -> float:
    """The room that the labels of a row's start need."""
    widest = max((runs_width(label(array, row), LABEL_SIZE) for array, row, _ in ends), default=0.0)
    return widest + 10 if widest else 0.0
