"""Marks: the rigid things at which wires end and begin, each measured and drawn.

A mark stands on the rows of its own axes. Rows are heights below its first row; ``draw``
places it with its left edge at x and its first row at y. Shapes follow the published figures
of Neural Circuit Diagrams; colour is annotation only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import wraps

from ncd.interpret.draw.scene.mathtext import ITALIC, SANS, Run, Runs, runs_width, symbol_runs, word
from ncd.interpret.draw.scene.metrics import (
    BUNDLE,
    DOT,
    INDEX,
    INK,
    LABEL_SIZE,
    LETTER_SIZE,
    NAME_SIZE,
    PLAIN,
    STAR,
    VIEW_BAR,
    WIRE,
)
from ncd.interpret.draw.scene.scene import Arc, Column, Element, Frame, Shape, Text, Wire, dot, rectangle

Place = tuple[int, int]      # (which array, which of its rows)
_SUBSCRIPTED = re.compile(r"[^\W\d_]_[^\W_]{1,8}|[^\W\d_]+_\d{1,4}")     # f_1, W_out, conv_12


@dataclass(frozen=True)
class Mark:
    """Where wires end and begin, how much room that takes, and how it is drawn.

    Parameters:
        ins, outs: The rows that end and begin here, top to bottom.
        in_offsets, out_offsets: Their heights below the first row.
        up, down: How far it reaches above the first row and below the last.
        enter, leave: Where wires end and begin, from the left edge.
        draw: (x, y, height) to elements.
        stretch: Whether its two rows may stand further apart (a cup).
        made: How the same mark is made on other rows.
        kind: The name of what it is.
        columns: The columns of types inside an opened diagram, as it is drawn at (0, 0).
        frame: Where that diagram stands.
    """

    ins: tuple[Place, ...]
    outs: tuple[Place, ...]
    draw: Callable[[float, float, float], list[Element]]
    width: float
    up: float = 0.0
    down: float = 0.0
    enter: float = 0.0
    leave: float | None = None
    in_offsets: tuple[float, ...] = ()
    out_offsets: tuple[float, ...] = ()
    stretch: bool = False
    made: Callable[..., Mark] | None = None
    kind: str = ""
    columns: tuple[Column, ...] = ()
    frame: Frame | None = None

    def again(self, ins: Sequence[Place], outs: Sequence[Place], moved: Callable[[Place], Place]) -> Mark:
        """The same mark on other rows."""
        return self.made(ins, outs, moved)

    def __post_init__(self):
        if self.leave is None:
            object.__setattr__(self, "leave", self.width)
        if self.ins and not self.in_offsets:
            object.__setattr__(self, "in_offsets", offsets(self.ins))
        if self.outs and not self.out_offsets:
            object.__setattr__(self, "out_offsets", offsets(self.outs))

    @property
    def height(self) -> float:
        return max((*self.in_offsets[-1:], *self.out_offsets[-1:]), default=0.0)

    def stretched(self, apart: float) -> Mark:
        """The cup with its two rows at a distance; what begins at it begins at its tip."""
        return replace(self, in_offsets=(0.0, apart), width=apart / 2, leave=apart / 2,
                       out_offsets=tuple(apart / 2 for _ in self.outs))


def mark(function: Callable[..., Mark]) -> Callable[..., Mark]:
    """A function of ``ins`` or ``outs`` and more to a mark that can be made again on other rows."""
    code = function.__code__
    names = code.co_varnames[:code.co_argcount]

    @wraps(function)
    def build(*args, **named):
        given = dict(zip(names, args)) | named

        def again(ins, outs, moved):
            new = dict(given)
            if "ins" in names:
                new["ins"] = ins
            if "outs" in names:
                new["outs"] = outs
            if "on" in given:
                new["on"] = moved(given["on"])
            return build(**new)
        return replace(function(*args, **named), made=again, kind=function.__name__)
    return build


def offsets(places: Sequence[Place]) -> tuple[float, ...]:
    """Rows of one array 20 px apart, arrays 30 px apart."""
    made, at = [], 0.0
    for index, (array, _) in enumerate(places):
        if index:
            at += WIRE if places[index - 1][0] == array else BUNDLE
        made.append(at)
    return tuple(made)


def span(ins: Sequence[Place], outs: Sequence[Place]) -> float:
    return max((*offsets(ins)[-1:], *offsets(outs)[-1:]), default=0.0)


def centred(runs: Runs, x: float, y: float, size: float) -> Text:
    """A text whose middle is at a point."""
    return Text(runs, x, y + 0.34 * size, size, "middle")


def centred_lines(lines: Sequence[Runs], x: float, y: float, size: float) -> list[Text]:
    """Lines of text whose middle is at a point."""
    step = size * 1.12
    return [centred(runs, x, y + step * (n - (len(lines) - 1) / 2), size) for n, runs in enumerate(lines)]


@mark
def triangle(ins, outs) -> Mark:
    """The open triangle of the softmax on the wires that it normalises."""
    width = 20.0

    def draw(x, y, height):
        middle, reach = y + height / 2, height / 2 + 13
        return [Shape(((x, middle), (x + width, middle - reach), (x + width, middle + reach)), PLAIN)]
    return Mark(tuple(ins), tuple(outs), draw, width, 13.0, 13.0)


@mark
def circle(ins, outs, on: Place, text: str = "") -> Mark:
    """The thick open circle of a normalisation on one of its wires, the others bent in and out."""
    rows, on = offsets(ins), list(ins).index(on)
    half = 14.0 if len(rows) == 1 else 18.0 + max(rows[on], rows[-1] - rows[on]) / 2
    radius = 11.0 if len(text) < 3 else 13.0
    inside = word(text, SANS)

    def draw(x, y, height):
        centre = (x + half, y + rows[on])
        bent = [Wire(points) for row in rows if row != rows[on]
                for points in (((x, y + row), centre), (centre, (x + 2 * half, y + row)))]
        straight = Wire(((x, centre[1]), (x + 2 * half, centre[1])))
        name = [centred(inside, *centre, 9.5 if len(text) < 3 else 9.0)] if text else []
        return [straight, *bent, Shape((centre,), PLAIN, INK, 2.2, radius), *name]
    return Mark(tuple(ins), tuple(outs), draw, 2 * half, radius + 1, radius + 1)


@mark
def bar(ins, outs) -> Mark:
    """The thick vertical bar of a view or a concatenation."""
    def draw(x, y, height):
        return [rectangle(x, y - 9, x + 4.5, y + height + 9, fill=VIEW_BAR, stroke="none")]
    sides = offsets(ins), offsets(outs)
    most = max((*sides[0][-1:], *sides[1][-1:]), default=0.0)
    middle = [tuple(at + (most - side[-1]) / 2 for at in side) if side else () for side in sides]
    return Mark(tuple(ins), tuple(outs), draw, 4.5, 9.0, 9.0, in_offsets=middle[0], out_offsets=middle[1])


@mark
def cup(ins, outs=()) -> Mark:
    """The right-closing semicircle that joins two wires: a contraction."""
    def draw(x, y, height):
        return [Arc(x, y, y + height, height / 2)]
    made = Mark(tuple(ins), tuple(outs), draw, 0.0, 0.0, 0.0, 0.0, 0.0, (0.0, BUNDLE),
                tuple(0.0 for _ in outs), True)
    return made.stretched(BUNDLE)


@mark
def ending(ins, outs, runs: Runs, size: float = LABEL_SIZE) -> Mark:
    """A symbol with an arrow head that ends wires: a reduction (Σ, max, 𝔼, …); several are bracketed."""
    width = max(18.0, runs_width(runs, size) + 8)

    def draw(x, y, height):
        middle = y + height / 2
        tip = [] if outs else [arrow(x + width, middle)]
        room = rectangle(x, y - 9.5, x + width, y + height + 9.5, stroke="none")
        bracket = [] if not height else [
            Shape(((x, y - 7), (x + 4, y - 7), (x + 4, y + height + 7), (x, y + height + 7)), closed=False)]
        return [room, *bracket, centred(runs, x + width / 2 + (2 if height else 0), middle, size), *tip]
    return Mark(tuple(ins), tuple(outs), draw, width + 11, 9.5, 9.5, 0.0, width)


@mark
def gathered(ins, outs, runs: Runs) -> Mark:
    """Three wires or more that meet at a dot and are folded there: a contraction of so many."""
    rows, meet, width = offsets(ins), 24.0, 30.0 + max(18.0, runs_width(runs, LABEL_SIZE) + 8)
    middle = rows[-1] / 2

    def draw(x, y, height):
        tip = [] if outs else [arrow(x + width, y + middle)]
        left, at = x + meet + 6, y + middle
        return [rectangle(left, at - 9.5, x + width, at + 9.5, stroke="none"),
                *(Wire(((x, y + row), (x + meet, at))) for row in rows),
                Wire(((x + meet, at), (left, at))), dot(x + meet, at),
                centred(runs, (left + x + width) / 2, at, LABEL_SIZE), *tip]
    return Mark(tuple(ins), tuple(outs), draw, width + 11, 9.5, 9.5, 0.0, width, rows,
                tuple(middle for _ in outs))


@mark
def spread(ins, outs) -> Mark:
    """The open circle with a number led to it: the number repeated along new axes."""
    rows = offsets(outs)
    middle, width = rows[-1] / 2, 2 * DOT if len(rows) == 1 else 30.0

    def draw(x, y, height):
        lines = [Wire(((x + 2 * DOT, y + middle), (x + width, y + row))) for row in rows if len(rows) > 1]
        return [*lines, Shape(((x + DOT, y + middle),), PLAIN, INK, 1.0, DOT)]
    return Mark(tuple(ins), tuple(outs), draw, width, 4.0, 4.0, in_offsets=tuple(middle for _ in ins),
                out_offsets=rows)


@mark
def open_dot(outs) -> Mark:
    """A small open circle that a wire starts from: the array repeated along a new axis."""
    def draw(x, y, height):
        return [Shape(((x + DOT, y),), PLAIN, INK, 1.0, DOT)]
    return Mark((), tuple(outs), draw, 2 * DOT, 4.0, 4.0)


@mark
def cap(outs) -> Mark:
    """The left-closing semicircle that two wires come from: the unit δ; more of them meet at a dot."""
    rows = offsets(outs)
    width = rows[-1] / 2 if len(rows) == 2 else 30.0

    def draw(x, y, height):
        if len(rows) == 2:
            return [Arc(x + width, y, y + height, -width)]
        tip = (x + DOT, y + height / 2)
        return [Shape((tip,), INK, "none", 0.0, DOT), *(Wire((tip, (x + width, y + row))) for row in rows)]
    return Mark((), tuple(outs), draw, width, 0.0, 0.0)


@mark
def letter(ins, outs, runs: Runs) -> Mark:
    """A bare letter that interrupts its wire: an operation on one axis."""
    width = runs_width(runs, LETTER_SIZE) + 4
    return Mark(tuple(ins), tuple(outs), lambda x, y, height: [centred(runs, x + width / 2, y, LETTER_SIZE)],
                width, 12.0, 16.0)


@mark
def pentagon(ins, runs: Runs, outs=()) -> Mark:
    """The filled pentagon, white text, that ends a wire at one index; a number may be left."""
    width = max(30.0, runs_width(runs, LABEL_SIZE) + 18)

    def draw(x, y, height):
        side = x + width - 9
        shape = Shape(((x, y - 11), (side, y - 11), (x + width, y), (side, y + 11), (x, y + 11)),
                      INDEX, "none", 0.0)
        return [shape, replace(centred(runs, x - 4 + width / 2, y, LABEL_SIZE), fill=PLAIN)]
    return Mark(tuple(ins), tuple(outs), draw, width, 11.0, 11.0)


@mark
def trapezoid(ins, outs, stride: Runs = ()) -> Mark:
    """The convolution tensor ★: an axis in, the windows and the kernel out; a stride below a diagonal."""
    width = 32.0

    def draw(x, y, height):
        top, bottom = y - 14, y + height + 14
        outline = ((x, top), (x + width, top), (x + width, bottom), (x, bottom - 10))
        made: list[Element] = [Shape(outline, STAR)]
        star = Run("★")
        if not stride:
            return [*made, centred((star,), x + width / 2, (top + bottom) / 2 - 2, LABEL_SIZE)]
        made.append(Shape(((x + 5, bottom - 13), (x + width - 5, top + 6)), "none", INK, 0.8, closed=False))
        return [*made, centred((star,), x + 10, top + 10, 12.0),
                centred(stride, x + width - 9, bottom - 12, 11.0)]
    return Mark(tuple(ins), tuple(outs), draw, width, 14.0, 14.0)


@mark
def unit_start(outs) -> Mark:
    """A barbed tail: an axis of length 1 begins."""
    return Mark((), tuple(outs), lambda x, y, height: [arrow(x, y)], 10.0, 5.0, 5.0, leave=4.0)


@mark
def unit_end(ins, outs=()) -> Mark:
    """A barbed head: an axis of length 1 ends."""
    return Mark(tuple(ins), tuple(outs), lambda x, y, height: [arrow(x, y)], 10.0, 5.0, 5.0, enter=3.0)


def arrow(x: float, y: float, size: float = 10.0) -> Shape:
    """A barbed arrow head whose barb is at x."""
    half = size * 0.45
    return Shape(((x, y - half), (x + size, y), (x, y + half), (x + size * 0.32, y)), INK, "none", 0.0)


def head(runs: Runs, x: float, y: float) -> list[Element]:
    """``➤f➤`` with its middle at x and its foot at y: a function of every entry."""
    half = runs_width(runs, NAME_SIZE) / 2
    middle = y - 0.28 * NAME_SIZE
    return [arrow(x - half - 14, middle), Text(runs, x, y, NAME_SIZE, "middle"), arrow(x + half + 4, middle)]


def head_width(runs: Runs) -> float:
    return runs_width(runs, NAME_SIZE) + 32


def name_runs(name: str, style: str = ITALIC) -> Runs:
    """The name of an operation, without the axes that a listing shows in brackets."""
    return title_runs(name.partition("[")[0].strip() or name, style)


def title_runs(title: str, style: str = ITALIC) -> Runs:
    """A name that was given, in words; one like ``f_1`` has a subscript.

    >>> [run.text for run in title_runs("f_1")], title_runs("segment_sum")[0].text
    (['f', '1'], 'segment sum')
    """
    if _SUBSCRIPTED.fullmatch(title):
        return symbol_runs(title)
    return word(title.replace("_", " ").strip() or title, style, limit=26)
