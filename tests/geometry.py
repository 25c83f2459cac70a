"""What must hold of every picture, checked on its scene: each check yields what is wrong, in words.

All pairs of things that may meet are found at once by NumPy, so a scene of a thousand operations is
checked in a second or two; only the few that do meet are then looked at one by one.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from xml.etree import ElementTree

import numpy

from ncd.core.graph import Graph
from ncd.interpret.draw.formats.svg import write
from ncd.interpret.draw.scene.mathtext import plain
from ncd.interpret.draw.scene.metrics import DOT, MARGIN, WIRE
from ncd.interpret.draw.scene.scene import LINE, MARK, REGION, Arc, Scene, Shape, Shown, Text, Wire
from ncd.ops.control import Block, Scan

Box = tuple[float, float, float, float]
SLACK = 1.0             # pixels that do not matter: antialiasing
CLEAR = 1.0             # from a separator down to a label
LETTER = 3.0            # from a wire to a bare letter that it enters
NEAR = WIRE / 2         # how far a label may be from its wire
SVG = "{http://www.w3.org/2000/svg}"


class Piece:
    """One stretch of a wire between two of its points: straight, or a cubic with horizontal tangents."""

    __slots__ = ("at", "curved", "wire", "x0", "x1", "y0", "y1")

    def __init__(self, wire: Wire, at: int):
        self.wire, self.at = wire, at
        (self.x0, self.y0), (self.x1, self.y1) = wire.points[at:at + 2]
        self.curved = not wire.straight and self.y0 != self.y1

    def y(self, x: float) -> float:
        """The height at x: of the cubic, by Newton's method on x(t) = 1.5 t - 1.5 t² + t³."""
        part = min(1.0, max(0.0, (x - self.x0) / (self.x1 - self.x0))) if self.x1 > self.x0 else 0.0
        if self.curved:
            t = part
            for _ in range(8):
                t -= (1.5 * t - 1.5 * t * t + t ** 3 - part) / (1.5 - 3 * t + 3 * t * t)
            part = 3 * t * t - 2 * t ** 3
        return self.y0 + (self.y1 - self.y0) * part

    def inside(self, box: Box) -> float:
        """How far the stretch runs inside a box, measured along x and y together."""
        left, right = max(self.x0, box[0]), min(self.x1, box[2])
        if left > right:
            return 0.0
        steps = max(2, int((right - left) / 2) + 1)
        xs = [left + (right - left) * n / steps for n in range(steps + 1)]
        run = 0.0
        for (a, ya), (b, yb) in pairwise([(x, self.y(x)) for x in xs]):
            low, high = max(min(ya, yb), box[1]), min(max(ya, yb), box[3])
            if low <= high:
                run += (b - a) * ((high - low) / abs(yb - ya) if ya != yb else 1.0) + high - low
        return run


def pieces(scene: Scene, dashes: bool = False) -> list[Piece]:
    return [Piece(item, at) for item in scene.elements if isinstance(item, Wire)
            and (not item.straight or (dashes and item.kind == "dash")) for at in range(len(item.points) - 1)]


def meeting(first: Sequence[Box], second: Sequence[Box], slack: float = 0.0) -> Iterator[tuple[int, int]]:
    """The pairs of boxes, one of each list, that share more than ``slack`` in both directions."""
    if not first or not second:
        return
    a, b = numpy.asarray(first), numpy.asarray(second)
    step = max(1, 4_000_000 // len(b))
    for start in range(0, len(a), step):
        part = a[start:start + step, None]
        wide = numpy.minimum(part[..., 2], b[:, 2]) - numpy.maximum(part[..., 0], b[:, 0])
        tall = numpy.minimum(part[..., 3], b[:, 3]) - numpy.maximum(part[..., 1], b[:, 1])
        for i, j in zip(*numpy.nonzero((wide > slack) & (tall > slack))):
            yield start + int(i), int(j)


def span(piece: Piece) -> Box:
    return piece.x0, min(piece.y0, piece.y1), piece.x1, max(piece.y0, piece.y1)


def grown(box: Box, by: float) -> Box:
    return box[0] - by, box[1] - by, box[2] + by, box[3] + by


def holds(box: Box, x: float, y: float) -> bool:
    return box[0] <= x <= box[2] and box[1] <= y <= box[3]


def texts_of(scene: Scene) -> list[Text]:
    return [item for item in scene.elements if isinstance(item, Text) and plain(item.runs).strip()]


def drawn_together(scene: Scene) -> list[int]:
    """For each element the number of the mark that it is part of: one mark is drawn at one go."""
    numbers, number, before = [], 0, None
    for item in scene.elements:
        number += item.about is None or item.about is not before
        before = item.about
        numbers.append(number)
    return numbers


def outlines(scene: Scene) -> list[tuple[Shape, int]]:
    """The filled outlines of marks, and the number of the mark that each is part of."""
    found = []
    for item, number in zip(scene.elements, drawn_together(scene)):
        solid = isinstance(item, Shape) and item.layer == MARK and item.closed and item.fill != "none"
        if solid and (item.radius > DOT or len(item.points) > 2):
            found.append((item, number))
    return found


# -- the checks ------------------------------------------------------------------------
def texts_apart(scene: Scene) -> Iterator[str]:
    """No two texts overlap."""
    texts = texts_of(scene)
    boxes = [text.bounds() for text in texts]
    for i, j in meeting(boxes, boxes, SLACK / 2):
        if i < j:
            yield f"{plain(texts[i].runs)!r} at {boxes[i]} lies on {plain(texts[j].runs)!r} at {boxes[j]}"


def texts_uncrossed(scene: Scene) -> Iterator[str]:
    """No wire and no separator crosses a text, unless a mark between them hides it."""
    texts, lines = texts_of(scene), pieces(scene, dashes=True)
    boxes = [grown(text.bounds(), -SLACK) for text in texts]
    hidden = [shape.bounds() for shape, _ in outlines(scene)]
    under: dict[int, Box] = {}
    for i, j in meeting(boxes, [grown(box, 0.01) for box in hidden]):
        if all(holds(grown(hidden[j], 2.0), x, y) for x, y in (boxes[i][:2], boxes[i][2:])):
            under[i] = hidden[j]
    for i, j in meeting(boxes, [grown(span(line), 0.01) for line in lines]):
        if i not in under and lines[j].inside(boxes[i]) > SLACK:
            yield f"{plain(texts[i].runs)!r} at {boxes[i]} is crossed by {lines[j].wire}"


def labels_under_separators(scene: Scene) -> Iterator[str]:
    """A separator stands clear above the labels under it, or it looks like an overline."""
    lines = [piece for piece in pieces(scene, dashes=True)
             if piece.wire.kind == "dash" and piece.y0 == piece.y1]
    texts = [text for text in texts_of(scene) if isinstance(text.about, tuple)]
    boxes = [text.bounds() for text in texts]
    for i, j in meeting([(*box[:1], box[1] - CLEAR, *box[2:]) for box in boxes],
                        [grown(span(line), 0.01) for line in lines]):
        yield f"{plain(texts[i].runs)!r} at {boxes[i]} touches {lines[j].wire}"


def separators_between_wires(scene: Scene) -> Iterator[str]:
    """A separator that goes along between two wires stands off the upper one, too."""
    level = [piece for piece in pieces(scene, dashes=True) if piece.y0 == piece.y1]
    dashes = [piece for piece in level if piece.wire.kind == "dash"]
    wires = [piece for piece in level if piece.wire.kind != "dash"]
    boxes = [(*span(piece)[:3], piece.y1 + WIRE / 4) for piece in wires]
    for i, j in meeting(boxes, [grown(span(piece), 0.01) for piece in dashes]):
        if min(boxes[i][2], dashes[j].x1) - max(boxes[i][0], dashes[j].x0) > WIRE:
            yield f"{dashes[j].wire} runs {dashes[j].y0 - wires[i].y0} below {wires[i].wire}"


def steps_seen(scene: Scene) -> Iterator[str]:
    """A wire keeps its height or changes it by what is seen to be meant."""
    for piece in pieces(scene):
        if 0.01 < abs(piece.y1 - piece.y0) < WIRE / 4:
            yield f"{piece.wire} steps by {piece.y1 - piece.y0} at x={piece.x0}"


def separators_cross_once(scene: Scene) -> Iterator[str]:
    """A wire that goes up or down crosses a separator at most once on its way: it does not weave."""
    curves = [piece for piece in pieces(scene) if piece.curved]
    steps = [item.points[first:last + 1] for item in scene.elements
             if isinstance(item, Wire) and item.kind == "dash"
             for first, last in pairwise(item.ends) if item.points[first][1] != item.points[last][1]]
    boxes = [Wire(step, "dash").bounds() for step in steps]
    for i, j in meeting([span(piece) for piece in curves], boxes, -0.01):
        curve, step = curves[i], steps[j]
        xs = numpy.linspace(max(curve.x0, boxes[j][0]), min(curve.x1, boxes[j][2]), 48)
        above = numpy.asarray([curve.y(x) for x in xs]) > numpy.interp(xs, *zip(*step))
        if numpy.count_nonzero(above[1:] != above[:-1]) > 1:
            yield f"{curve.wire} weaves about a separator at {step[0]}"


def texts_in_or_off_marks(scene: Scene) -> Iterator[str]:
    """A text is inside a mark or off it."""
    texts, marks = texts_of(scene), [shape.bounds() for shape, _ in outlines(scene)]
    boxes = [text.bounds() for text in texts]
    for i, j in meeting(boxes, marks, SLACK):
        if not all(holds(grown(marks[j], 3.0), x, y) for x, y in (boxes[i][:2], boxes[i][2:])):
            yield f"{plain(texts[i].runs)!r} at {boxes[i]} lies partly on a mark at {marks[j]}"


def marks_apart(scene: Scene) -> Iterator[str]:
    """No two marks overlap."""
    marks = outlines(scene)
    boxes = [shape.bounds() for shape, _ in marks]
    for i, j in meeting(boxes, boxes, SLACK):
        if i < j and marks[i][1] != marks[j][1]:
            yield f"marks at {boxes[i]} and {boxes[j]} overlap"


def marks_uncrossed(scene: Scene) -> Iterator[str]:
    """No wire runs through a mark at which it neither begins nor ends."""
    marks, lines = outlines(scene), pieces(scene)
    part_of = {id(item): number for item, number in zip(scene.elements, drawn_together(scene))}
    boxes = [shape.bounds() for shape, _ in marks]
    inner = [grown(box, -2.0) for box in boxes]
    for i, j in meeting(inner, [grown(span(line), 0.01) for line in lines]):
        ends = (lines[j].wire.points[0], lines[j].wire.points[-1])
        if marks[i][1] == part_of[id(lines[j].wire)] or any(holds(grown(boxes[i], SLACK), x, y)
                                                            for x, y in ends):
            continue
        if lines[j].inside(inner[i]) > SLACK:
            yield f"{lines[j].wire} runs through the mark at {boxes[i]}"


def regions_uncrossed(scene: Scene) -> Iterator[str]:
    """What runs through the region of an opened block is part of what stands in it."""
    regions = [item.bounds() for item in scene.elements if item.layer == REGION]
    lines = pieces(scene)
    for i, j in meeting([grown(box, -2.0) for box in regions], [grown(span(line), 0.01) for line in lines]):
        own = all(holds(grown(regions[i], SLACK), x, y) for x, y in lines[j].wire.points)
        if not own and lines[j].inside(grown(regions[i], -2.0)) > SLACK:
            yield f"{lines[j].wire} runs through the region at {regions[i]}"


def on_the_page(scene: Scene) -> Iterator[str]:
    """The SVG parses, and nothing in it leaves the page that it declares."""
    root = ElementTree.fromstring(write(scene, "a picture"))
    left, top, width, height = map(float, root.get("viewBox").split())
    page = (left, top, left + width, top + height)
    for item in scene.elements:
        box = item.bounds()
        if not (holds(page, *box[:2]) and holds(page, *box[2:])):
            yield f"{item} leaves the page {page}"
    drawn = sum(len(list(root.iter(SVG + tag))) for tag in ("path", "circle", "text"))
    seen = sum(not isinstance(item, Shape) or item.seen for item in scene.elements)
    if drawn != seen:
        yield f"{drawn} elements in the file, {seen} in the scene"


def columns_complete(scene: Scene) -> Iterator[str]:
    """At each column of types every axis of every array is one wire, a wire gap or more apart."""
    level = [piece for piece in pieces(scene) if piece.y0 == piece.y1]
    x0, x1, y = (numpy.asarray([getattr(piece, name) for piece in level]) for name in ("x0", "x1", "y0"))
    for column in scene.columns:
        rows = []
        for array, ys in column.arrays:
            if len(ys) != max(1, len(array.axes)):
                yield f"{array} is drawn with {len(ys)} wires"
            rows += ys
        if any(below - above < WIRE - 1e-6 for above, below in pairwise(rows)):
            yield f"wires closer than {WIRE} at x={column.x}: {rows}"
        found = sorted(y[(x0 < column.x) & (column.x < x1)].tolist()) if level else []
        if len(found) != len(rows) or any(abs(a - b) > 0.05 for a, b in zip(found, sorted(rows))):
            yield f"at x={column.x} stand wires at {found}, wanted {rows}"


def ends_meet(scene: Scene) -> Iterator[str]:
    """A wire begins and ends at the edge, at a mark or at another wire: never in mid-air."""
    marks = [grown(item.bounds(), SLACK) for item in scene.elements
             if isinstance(item, (Shape, Arc)) and item.layer in (MARK, LINE)]
    lines = [item for item in scene.elements if isinstance(item, Wire) and not item.straight]
    tips: dict[tuple[float, float], int] = {}
    for line in lines:
        for x, y in (line.points[0], line.points[-1]):
            key = round(x, 3), round(y, 3)
            tips[key] = tips.get(key, 0) + 1
    letters = [grown(text.bounds(), LETTER) for text in texts_of(scene) if text.anchor == "middle"]
    loose = [tip for tip, count in tips.items() if count < 2 and 0.05 < tip[0] < scene.width - 0.05]
    at = {i for i, _ in meeting([(x - 0.1, y - 0.1, x + 0.1, y + 0.1) for x, y in loose], marks + letters)}
    for index, tip in enumerate(loose):
        if index not in at:
            yield f"a wire ends in mid-air at {tip}"


def lines_distinct(scene: Scene) -> Iterator[str]:
    """No two wires lie on one line over a stretch; wires that cross do so at an angle."""
    lines = pieces(scene)
    boxes = [grown(span(line), 0.3) for line in lines]
    for i, j in meeting(boxes, boxes, 0.0):
        if i >= j:
            continue
        a, b = lines[i], lines[j]
        left, right = max(a.x0, b.x0), min(a.x1, b.x1)
        if right - left < 8.0 or (a.wire is b.wire):
            continue
        xs = [left + (right - left) * n / 12 for n in range(13)]
        close = [abs(a.y(x) - b.y(x)) < 0.5 for x in xs]
        if all(close):
            yield f"{a.wire} and {b.wire} lie on one line from x={left} to {right}"
            continue
        # Where two touch in passing, neither beginning at the other, they would seem to be one.
        meet = any(abs(one.y(x) - y) < 0.5 and other.x0 <= x <= other.x1
                   for one, other in ((a, b), (b, a)) for x, y in
                   ((other.x0, other.y0), (other.x1, other.y1)) if one.x0 <= x <= one.x1)
        if not meet and any(here and there for here, there in zip(close, close[2:])) \
                and (right - left) / 6 > 8.0 and (a.y(left) - b.y(left)) * (a.y(right) - b.y(right)) > 0:
            yield f"{a.wire} and {b.wire} touch without crossing"


def labels_near(scene: Scene, apart: bool = False) -> Iterator[str]:
    """The label of an axis stands above a wire, within half a wire gap of it, all along.

    Where wires are drawn apart, each tells which axis it is, and it must be the label's own.
    """
    labels = [text for text in texts_of(scene) if isinstance(text.about, tuple)]
    level = [piece for piece in pieces(scene) if piece.y0 == piece.y1]
    spans = [(piece.x0, piece.y0 - NEAR, piece.x1, piece.y0) for piece in level]
    fit: set[int] = set()
    for i, j in meeting([grown((text.left, text.y, text.left, text.y), 0.01) for text in labels], spans):
        about = level[j].wire.about
        along = level[j].x0 <= labels[i].left and labels[i].bounds()[2] <= level[j].x1 + SLACK
        if along and (not apart or about == labels[i].about):
            fit.add(i)
    for index, text in enumerate(labels):
        if index not in fit:
            yield f"{plain(text.runs)!r} at ({text.x}, {text.y}) is not at its wire"


# -- against the graph -----------------------------------------------------------------
class Walk:
    """The wires of a scene, to be followed from a point at a column of types."""

    def __init__(self, scene: Scene):
        self.level: dict[float, list[tuple[float, Piece]]] = {}
        self.starts: dict[tuple[float, float], list[Piece]] = {}
        self.ends: dict[tuple[float, float], list[Piece]] = {}
        for piece in pieces(scene):
            if piece.at == 0:
                self.starts.setdefault((round(piece.x0, 3), round(piece.y0, 3)), []).append(piece)
            self.ends.setdefault((round(piece.x1, 3), round(piece.y1, 3)), []).append(piece)
            if piece.y0 == piece.y1:
                self.level.setdefault(round(piece.y0, 3), []).append((piece.x0, piece))
        for row in self.level.values():
            row.sort(key=lambda pair: pair[0])

    def at(self, x: float, y: float) -> Piece | None:
        """The level piece through a point."""
        row = self.level.get(round(y, 3), [])
        index = bisect.bisect_right(row, x, key=lambda pair: pair[0]) - 1
        return row[index][1] if index >= 0 and row[index][1].x1 >= x - 0.05 else None

    def back(self, x: float, y: float, until: float) -> tuple[float, float] | None:
        """Where the wire through a point comes from: its point at an earlier x, or where it begins."""
        piece = self.at(x, y)
        if piece is None:
            return None
        for _ in range(200):
            for at in range(piece.at, -1, -1):
                here = Piece(piece.wire, at)
                if here.x0 <= until:
                    return until, here.y(until)
            x, y = piece.wire.points[0]
            before = [other for other in self.ends.get((round(x, 3), round(y, 3)), ())
                      if other.wire is not piece.wire]
            along = self.at(x - 0.2, y)
            if before or along is not None:
                piece = before[0] if before else along
            else:
                return x, y
        return None

    def on(self, x: float, y: float, until: float) -> tuple[float, float] | None:
        """Where the wire through a point goes: its point at a later x, or where it ends."""
        piece = self.at(x, y)
        if piece is None:
            return None
        while True:
            for at in range(piece.at, len(piece.wire.points) - 1):
                here = Piece(piece.wire, at)
                if here.x1 >= until:
                    return until, here.y(until)
            x, y = piece.wire.points[-1]
            after = self.starts.get((round(x, 3), round(y, 3)))
            if not after:
                return x, y
            piece = after[0]


def wires_join(scene: Scene, graph: Graph) -> Iterator[str]:
    """Every axis of every array can be followed along drawn wires from where it is made to each reader."""
    walk = Walk(scene)
    things: dict[object, list[Box]] = {}        # equal operations are one thing, and are drawn once and moved
    for item in scene.elements:
        about = item.about.op if isinstance(item.about, Shown) else item.about
        if about is not None:
            gap = LETTER if isinstance(item, Text) else SLACK
            things.setdefault(about, []).append(grown(item.bounds(), gap))
    standing: list[dict[int, list[tuple[float, ...]]]] = []
    for column in scene.columns:
        here: dict[int, list[tuple[float, ...]]] = {}
        for wire, (_, ys) in zip(column.wires, column.arrays, strict=True):
            here.setdefault(wire, []).append(ys)
        standing.append(here)
    for wire in (*range(len(graph.inputs)), *graph.outputs):
        where = standing[0] if wire < len(graph.inputs) else standing[-1]
        if wire not in where:
            yield f"wire {wire} does not stand at its end of the picture"
    made: dict[int, int] = {}
    for number, (before, after) in enumerate(pairwise(zip(scene.columns, standing)), 1):
        for wire, rows in after[1].items():
            if wire not in before[1]:
                made.setdefault(wire, number)
                continue
            for ys in rows:
                for row, y in enumerate(ys):
                    came = walk.back(after[0].x, y, before[0].x)
                    wanted = [other[row] for other in before[1][wire]]
                    if came is None or abs(came[0] - before[0].x) > 0.1 or min(
                            abs(came[1] - height) for height in wanted) > 0.1:
                        yield f"row {row} of wire {wire} at x={after[0].x} comes from {came}, not {wanted}"
    equals: dict[tuple[object, int], list[int]] = {}
    for node, op in enumerate(graph.ops):
        if op.cod and graph.first[node] in made:
            equals.setdefault((op, made[graph.first[node]]), []).append(node)
    for node, op in enumerate(graph.ops):
        first = graph.first[node]
        results = range(first, first + len(op.cod))
        if not results or any(wire not in made for wire in results):
            if results:
                yield f"{op.name} makes wires that stand at no column"
            continue
        number = made[first]
        x0, x1 = scene.columns[number - 1].x, scene.columns[number].x
        own = [box for box in things.get(op, ()) if box[2] > x0 and box[0] < x1]
        beside = equals[op, number]
        if len(beside) > 1 and own:                         # one over the other, as their results are
            beside = sorted(beside, key=lambda other: min(
                y for ys in standing[number][graph.first[other]] for y in ys))
            if len(own) % len(beside):
                yield f"{op.name} is drawn in another way beside itself"
            each, place = len(own) // len(beside), beside.index(node)
            own = sorted(own, key=lambda box: box[1])[each * place:each * (place + 1)]
        if isinstance(op, (Scan, Block)) and own:           # what stands inside is about other operations
            lefts, tops, rights, bottoms = zip(*own)
            own.append((min(lefts), min(tops), max(rights), max(bottoms)))
        given = [y for wire in graph.args[node] for ys in standing[number - 1].get(wire, ()) for y in ys]
        left = [y for wire in results for ys in standing[number][wire] for y in ys]
        for wire in results:
            for ys in standing[number][wire]:
                for y in ys:
                    came = walk.back(x1, y, x0)
                    if came is None or not (
                            (abs(came[0] - x0) < 0.1 and any(abs(came[1] - other) < 0.1 for other in given))
                            or any(holds(box, *came) for box in own)):
                        yield f"a result of {op.name} at ({x1}, {y}) comes from {came}"
        for wire in set(graph.args[node]):
            reached = False
            for ys in standing[number - 1].get(wire, ()):
                ends = [walk.on(x0, y, x1) for y in ys]
                reached = reached or all(end is not None and (
                    (abs(end[0] - x1) < 0.1 and any(abs(end[1] - other) < 0.1 for other in left))
                    or any(holds(box, *end) for box in own)) for end in ends)
            if not reached:
                yield f"wire {wire} does not reach {op.name}, which reads it before x={x1}"


CHECKS: dict[str, Callable[[Scene], Iterator[str]]] = {
    check.__name__: check for check in (
        texts_apart, texts_uncrossed, labels_under_separators, separators_cross_once,
        texts_in_or_off_marks, marks_apart, marks_uncrossed, regions_uncrossed,
        on_the_page, columns_complete, ends_meet, lines_distinct, labels_near)}


def faults(scene: Scene, graph: Graph | None = None, apart: bool = False) -> list[str]:
    """All that is wrong with a scene, each fault after the name of its check."""
    found = [f"{name}: {fault}" for name, check in CHECKS.items() for fault in check(scene)]
    if apart:
        found += [f"labels_near: {fault}" for fault in labels_near(scene, True)]
    if graph is not None:
        found += [f"wires_join: {fault}" for fault in wires_join(scene, graph)]
    return found


__all__ = ["CHECKS", "MARGIN", "faults", "separators_between_wires", "steps_seen", "wires_join"]
