"""A scene as Unicode text for a terminal: wires of box-drawing characters, rows wrapped to its width."""

from __future__ import annotations

import math
import shutil
import unicodedata
from collections.abc import Sequence
from itertools import pairwise

from ncd.errors import NcdError
from ncd.interpret.draw.mathtext import plain
from ncd.interpret.draw.measure import FAINT, PLAIN, printable
from ncd.interpret.draw.scene import REGION, Arc, Scene, Shape, Text, Wire
from ncd.interpret.draw.svg import layered

ACROSS, DOWN = 8.0, 10.0                # pixels of a scene to one character
LEAST_WIDTH = 24
UP, RIGHT, LOW, LEFT = 1, 2, 4, 8
_LINES = {0: " ", LEFT | RIGHT: "─", LEFT: "─", RIGHT: "─", UP | LOW: "│", UP: "│", LOW: "│",
          RIGHT | LOW: "╭", LEFT | LOW: "╮", RIGHT | UP: "╰", LEFT | UP: "╯", UP | LOW | RIGHT: "├",
          UP | LOW | LEFT: "┤", LEFT | RIGHT | LOW: "┬", LEFT | RIGHT | UP: "┴", UP | RIGHT | LOW | LEFT: "┼"}


class Grid:
    """Characters by row and column; lines are kept as directions, so that crossings join."""

    def __init__(self, left: float, top: float):
        self.left, self.top = left, top
        self.lines: dict[tuple[int, int], int] = {}
        self.faint: dict[tuple[int, int], str] = {}
        self.marks: dict[tuple[int, int], str] = {}

    def column(self, x: float) -> int:
        return round((x - self.left) / ACROSS)

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
        self.lines[row, column] = self.lines.get((row, column), 0) | directions

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
        line = self.lines.get((row, column))
        return _LINES[line] if line is not None else self.faint.get((row, column), " ")


def columns(width: float | None = None) -> int:
    """How many characters a line has: those of the terminal where it is not given.

    Raises:    NcdError: A width that is no number.
    """
    if width is None:
        width = shutil.get_terminal_size((100, 24)).columns
    if isinstance(width, bool) or not isinstance(width, (int, float)) or not math.isfinite(width):
        raise NcdError(f"width={width!r}", want="a number of characters, or None for the terminal's")
    return max(LEAST_WIDTH, int(width))


def write(scene: Scene, title: str = "", limit: int = 100) -> str:
    """The picture as text.

    Parameters:
        limit: The most characters in a line; a row that is wider goes on below, from left to right again.
    """
    left, top, _, _ = scene.bounds()
    grid = Grid(left, top)
    for item in layered(scene.elements):
        _WRITERS[type(item)](grid, item)
    rows = [row for above, row in pairwise(["", *grid.rows()]) if above or row]     # one empty line at a time
    return "\n".join(_wrapped(rows, limit)) + "\n"


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


def _wire(grid: Grid, wire: Wire) -> None:
    (x, y), *rest = (wire.points[at] for at in wire.ends)
    for to_x, to_y in rest:
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
            # Of wires that turn side by side each has a column: going down the lower turns first.
            room = max(1, stop - start - 1)
            middle = start + min(1, stop - start) + (-here if there > here else here) // 2 % room
            grid.across(here, start, middle)
            grid.down(middle, here, there)
            grid.across(there, middle, stop)
        x, y = to_x, to_y


def _shape(grid: Grid, shape: Shape) -> None:
    left, top, right, bottom = shape.bounds()
    column, row = grid.column((left + right) / 2), grid.row((top + bottom) / 2)
    if shape.layer == REGION or (shape.stroke == "none" and shape.fill.lower() not in ("#111111",)
                                 and right - left > 60):
        return                          # the shade behind an opened block
    if shape.radius:
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
    shown = printable(plain(text.runs), 10_000)
    middle = text.y - 0.34 * text.size
    row, column = grid.row(middle), grid.column(text.x)
    if text.anchor == "start":          # the label of a wire stands on the row above it
        row = grid.row(text.y + 4.5) - 1
    else:
        column -= (len(shown) - (0 if text.anchor == "end" else 1)) // (1 if text.anchor == "end" else 2)
    grid.write(row, column, shown)


_WRITERS = {Wire: _wire, Shape: _shape, Arc: _arc, Text: _text}
