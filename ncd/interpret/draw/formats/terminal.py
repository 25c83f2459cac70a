"""A scene as Unicode text for a terminal: wires of box-drawing characters, rows wrapped to its width.

Lines of one wire, and of wires that meet at a dot or an end, are joined. Where two others cross, the one that
goes down passes over the other: ``─│─``.
"""

from __future__ import annotations

import shutil
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from ncd.errors import NcdError
from ncd.interpret.draw.formats.route import Route, Step, routed
from ncd.interpret.draw.formats.svg import layered
from ncd.interpret.draw.scene.mathtext import written
from ncd.interpret.draw.scene.metrics import FAINT, PLAIN, printable
from ncd.interpret.draw.scene.scene import REGION, Arc, Element, Scene, Shape, Text, Wire

ACROSS, DOWN = 8.0, 10.0                # pixels of a scene to one character
MAX_WIDTH = 100_000
LEAST_WIDTH = 24
TURNING = ("wire", "double", "scalar")  # the kinds of wires that go down and up
UP, RIGHT, LOW, LEFT = 1, 2, 4, 8
_LINES = {0: " ", LEFT | RIGHT: "─", LEFT: "─", RIGHT: "─", UP | LOW: "│", UP: "│", LOW: "│",
          RIGHT | LOW: "╭", LEFT | LOW: "╮", RIGHT | UP: "╰", LEFT | UP: "╯", UP | LOW | RIGHT: "├",
          UP | LOW | LEFT: "┤", LEFT | RIGHT | LOW: "┬", LEFT | RIGHT | UP: "┴", UP | RIGHT | LOW | LEFT: "┼"}


class Grid:
    """Characters by row and column; lines are kept as the directions of each wire.

    Parameters:
        needed: How many columns wires need to turn in, before each place: {place: (from where, how many)}.
    """

    def __init__(self, left: float, top: float, needed: Mapping[float, tuple[float, int]] | None = None):
        self.left, self.top = left, top
        self.lines: dict[tuple[int, int], dict[int, int]] = {}
        self.net = 0                        # the wire that is drawn
        self.meets: dict[int, set] = {}     # where each wire meets others
        self.dots: list[tuple[int, int]] = []
        self.places, self.extra = [], [0]
        for stop, (start, count) in sorted((needed or {}).items()):
            room = round((stop - left) / ACROSS) - round((start - left) / ACROSS) - 1
            self.places.append(stop - 0.05)
            self.extra.append(self.extra[-1] + max(0, count - room))
        self.faint: dict[tuple[int, int], str] = {}
        self.marks: dict[tuple[int, int], str] = {}

    def column(self, x: float) -> int:
        return round((x - self.left) / ACROSS) + self.extra[bisect_right(self.places, x)]

    def row(self, y: float) -> int:
        return round((y - self.top) / DOWN)

    def across(self, row: int, start: int, stop: int) -> None:
        for column in range(start, stop + 1):
            self._join(row, column, (LEFT if column > start else 0) | (RIGHT if column < stop else 0))

    def down(self, column: int, start: int, stop: int) -> None:
        start, stop = min(start, stop), max(start, stop)
        for row in range(start, stop + 1):
            self._join(row, column, (UP if row > start else 0) | (LOW if row < stop else 0))

    def _join(self, row: int, column: int, directions: int) -> None:
        here = self.lines.setdefault((row, column), {})
        here[self.net] = here.get(self.net, 0) | directions

    def box(self, left: int, top: int, right: int, bottom: int, filled: bool) -> None:
        if filled:
            for row in range(top, bottom + 1):
                for column in range(left, right + 1):
                    self.lines.pop((row, column), None)
                    self.faint.pop((row, column), None)
        for row in (top, bottom):
            self.across(row, left, right)
        for column in (left, right):
            self.down(column, top, bottom)

    def write(self, row: int, column: int, text: str) -> None:
        for character in text:
            if unicodedata.combining(character):
                continue
            self.marks[row, column] = character
            column += 2 if unicodedata.east_asian_width(character) in "WF" else 1

    def rows(self) -> list[str]:
        places = [*self.lines, *self.faint, *self.marks]
        if not places:
            return []
        last, first = max(row for row, _ in places), min(row for row, _ in places)
        for dot in self.dots:
            for net in self.lines.get(dot, ()):
                self.meets.setdefault(net, set()).add(dot)
        width = max(column for _, column in places) + 1
        made = []
        for row in range(first, last + 1):
            made.append("".join(self._character(row, column) for column in range(width)).rstrip())
        return made

    def _character(self, row: int, column: int) -> str:
        mark = self.marks.get((row, column))
        if mark is not None:
            return mark
        before = self.marks.get((row, column - 1), "")
        if before and unicodedata.east_asian_width(before) in "WF":
            return ""
        here = self.lines.get((row, column))
        return self.faint.get((row, column), " ") if here is None else _LINES[self._line(here)]

    def _line(self, here: Mapping[int, int]) -> int:
        """The directions that are seen: all of wires that meet; of two that cross, those of the upper one."""
        groups: list[dict[int, int]] = []
        for net, line in here.items():
            joined = [group for group in groups if any(self._meet(net, line, *one) for one in group.items())]
            groups = [group for group in groups if group not in joined]
            groups.append({net: line} | {one: bits for group in joined for one, bits in group.items()})
        wires = [_together(group.values()) for group in groups]
        through = [line for line in wires if line.bit_count() > 1]
        if len(through) < 2:                # what only ends here ends at the other
            return _together(wires)
        return next((line for line in through if line != LEFT | RIGHT), LEFT | RIGHT)

    def _meet(self, net: int, line: int, other: int, other_line: int) -> bool:
        """Whether two wires are drawn as joined: not where one goes straight over the other."""
        crossing = {line, other_line} == {LEFT | RIGHT, UP | LOW}
        return not crossing and not self.meets.get(net, set()).isdisjoint(self.meets.get(other, ()))


def _together(lines: Iterable[int]) -> int:
    made = 0
    for line in lines:
        made |= line
    return made


def columns(width: float | None = None) -> int:
    """How many characters a line has: those of the terminal where it is not given.

    Raises:    NcdError: A width that is no number.
    """
    if width is None:
        width = shutil.get_terminal_size((100, 24)).columns
    if isinstance(width, bool) or not isinstance(width, (int, float)) or not abs(width) <= MAX_WIDTH:
        raise NcdError(f"width={width!r}", want="a number of characters, or None for the terminal's")
    return max(LEAST_WIDTH, int(width))


def write(scene: Scene, limit: int = 100) -> str:
    """The picture as text.

    Parameters:
        limit: The most characters in a line; a row that is wider goes on below, from left to right again.
    """
    return joined(rows(scene), limit)


def rows(scene: Scene) -> list[str]:
    """The lines of the picture, however wide."""
    left, top, _, _ = scene.bounds()
    items = layered(scene.elements)
    grid, routes = _routed(items, left, top)
    for number, item in enumerate(items, 1):
        grid.net = number
        grid.meets[number] = set(_ends(item))
        if isinstance(item, Wire):
            _wire(grid, item, [routes.get((number, at)) for at in range(len(item.points))])
        else:
            _WRITERS[type(item)](grid, item)
    return [row for above, row in pairwise(["", *grid.rows()]) if above or row]     # one empty line at a time


def joined(rows: Sequence[str], limit: int) -> str:
    """Lines as one text, each at most so long."""
    return "\n".join(_wrapped(rows, limit)) + "\n"


def _ends(item: Element) -> list[tuple[float, float]]:
    """Where a line ends; a cup ends where its wires do."""
    if isinstance(item, Arc) and item.width == 1.0:
        middle = (item.top + item.bottom) / 2
        ends = [(item.x, item.top), (item.x, item.bottom), (item.x + item.reach, middle)]
    elif isinstance(item, Wire) and item.kind in TURNING:
        ends = [item.points[0], item.points[-1]]
    else:
        return []
    return [(round(x, 1), round(y, 1)) for x, y in ends]


def _routed(items: Sequence[Element], left: float,
            top: float) -> tuple[Grid, dict[tuple[int, int], Route]]:
    """The grid with room for the wires, and the route of each that changes its row, by number and point."""
    plain, steps, keys, busy = Grid(left, top), [], [], set()
    for number, item in enumerate(items, 1):
        if not isinstance(item, Wire) or item.kind not in TURNING:
            continue
        busy.update(plain.row(y) for _, y in item.points)
        for at, ((x, y), (to_x, to_y)) in enumerate(pairwise(item.points)):
            above, below = plain.row(y), plain.row(to_y)
            if above != below:
                begins, ends = ((round(a, 1), round(b, 1)) for a, b in ((x, y), (to_x, to_y)))
                steps.append(Step(x, to_x, above, below, begins, ends))
                keys.append((number, at))
    routes, needed = routed(steps, busy)
    starts = {step.stop: step.start for step in sorted(steps, key=lambda step: step.start)}
    return (Grid(left, top, {stop: (starts[stop], count) for stop, count in needed.items()}),
            dict(zip(keys, routes)))


def _wrapped(rows: Sequence[str], limit: int) -> list[str]:
    longest = max(map(len, rows), default=0)
    if longest <= limit:
        return list(rows)
    made: list[str] = []
    for start in range(0, longest, limit - 2):
        part = [row[start:start + limit - 2] for row in rows]
        used = [n for n, row in enumerate(part) if row.strip()]
        if used:
            more = "⋯" if start + limit - 2 < longest else ""
            made += [f"{row.ljust(limit - 2)} {more}".rstrip() if _goes_on(row) else row.rstrip()
                     for row in part[used[0]:used[-1] + 1]] + [""]
    return made[:-1]


def _goes_on(row: str) -> bool:
    return row[-1:] in ("─", "╌")


def _wire(grid: Grid, wire: Wire, routes: Sequence[Route | None]) -> None:
    (x, y), *rest = (wire.points[at] for at in wire.ends)
    for at, (to_x, to_y) in enumerate(rest):
        start, stop, here, there = grid.column(x), grid.column(to_x), grid.row(y), grid.row(to_y)
        if wire.kind == "fence":
            return
        if wire.kind == "tail":         # on the line of its wire: one that enters begins at the edge
            row = here if start else there
            grid.across(row, start, stop)
            grid.write(row, stop, "▸")
            return
        if wire.kind == "dash":
            for column in range(start, stop + 1):
                grid.faint.setdefault((there if column > (start + stop) / 2 else here, column), "╌")
        elif here == there:
            grid.across(here, start, stop)
        else:
            route, column, row = routes[at], start, here
            for turn, to in zip(route.columns, route.rows):
                middle = min(start + 1 + turn, stop)
                grid.across(row, column, middle)
                grid.down(middle, row, to)
                column, row = middle, to
            grid.across(row, column, stop)
        x, y = to_x, to_y


def _shape(grid: Grid, shape: Shape) -> None:
    left, top, right, bottom = shape.bounds()
    column, row = grid.column((left + right) / 2), grid.row((top + bottom) / 2)
    if shape.layer == REGION or (shape.stroke == "none" and shape.fill.lower() not in ("#111111",)
                                 and right - left > 60):
        return                          # the shade behind an opened block
    if shape.radius:
        grid.dots.append((row, column))
        grid.write(row, column, "●" if shape.fill != PLAIN else "○")
    elif shape.fill == FAINT:
        return                          # the head of a tail
    elif len(shape.points) == 3:
        grid.write(row, column, "◁")
    elif right - left < 14 and bottom - top < 14:
        grid.write(row, column, "▸")
    elif right - left < 8:
        for at in range(grid.row(top), grid.row(bottom) + 1):
            grid.write(at, column, "┃")
    else:
        grid.box(grid.column(left), grid.row(top), grid.column(right), grid.row(bottom), shape.fill != "none")


def _arc(grid: Grid, arc: Arc) -> None:
    column = grid.column(arc.x + arc.reach / 2)
    top, bottom = grid.row(arc.top), grid.row(arc.bottom)
    grid.across(top, min(column, grid.column(arc.x)), max(column, grid.column(arc.x)))
    grid.across(bottom, min(column, grid.column(arc.x)), max(column, grid.column(arc.x)))
    grid.down(column, top, bottom)


def _text(grid: Grid, text: Text) -> None:
    shown = printable(written(text.runs), 10_000)
    middle = text.y - 0.34 * text.size
    row, column = grid.row(middle), grid.column(text.x)
    if text.anchor == "start":          # the label of a wire stands on the row above it
        row = grid.row(text.y + 4.5) - 1
    else:
        column -= (len(shown) - (0 if text.anchor == "end" else 1)) // (1 if text.anchor == "end" else 2)
    grid.write(row, column, shown)


_WRITERS = {Shape: _shape, Arc: _arc, Text: _text}
