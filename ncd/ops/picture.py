"""A mark of your own as a value: an outline, lines and a text that stand for an operation in pictures."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ncd.errors import ArgumentError, NcdError

Points = tuple[tuple[float, float], ...]
OUTLINES: dict[str, Points] = {
    "box": ((0, 0), (1, 0), (1, 1), (0, 1)), "none": (),
    "triangle": ((0, 0.5), (1, 0), (1, 1)), "arrow": ((0, 0), (0.7, 0), (1, 0.5), (0.7, 1), (0, 1)),
    "hexagon": ((0.2, 0), (0.8, 0), (1, 0.5), (0.8, 1), (0.2, 1), (0, 0.5)),
    "diamond": ((0, 0.5), (0.5, 0), (1, 0.5), (0.5, 1)),
    "narrowing": ((0, 0), (1, 0.2), (1, 0.8), (0, 1)), "widening": ((0, 0.2), (1, 0), (1, 1), (0, 0.8))}
FILLS = ("plain", "learned", "source", "star", "memory", "none")
STYLES = ("italic", "bold", "roman", "sans")
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}\Z")


@dataclass(frozen=True)
class Glyph:
    """How an operation is drawn; its wires end at the left and begin at the right of the mark.

    Parameters:
        outline: The name of an outline (box, triangle, arrow, hexagon, diamond, narrowing, widening,
            none), or three points or more in the unit square, x to the right and y down. It is stretched
            over the rows of its wires.
        text: What stands in the middle.
        style: ``"italic"``, ``"bold"`` (learned), ``"roman"`` or ``"sans"``.
        width: In pixels; a longer text widens it.
        fill: plain, learned, source, star, memory, none, or a colour such as ``"#ffd797"``.
        lines: More lines, each two points or more in the unit square.
    Raises:    NcdError: A value that is none of these.

    >>> Glyph("hexagon", "F").fill
    'plain'
    """

    outline: str = "box"
    text: str = ""
    style: str = "italic"
    width: float = 40.0
    fill: str = "plain"
    points: Points = ()
    lines: tuple[Points, ...] = ()

    def __post_init__(self):
        if not isinstance(self.outline, str):
            object.__setattr__(self, "points", self.outline)
            object.__setattr__(self, "outline", "points")
        for name in ("points", "lines"):
            object.__setattr__(self, name, _tuples(getattr(self, name)))
        for name in ("style", "fill"):
            if not isinstance(getattr(self, name), str):
                raise ArgumentError(f"the {name} of a mark is a text, not {getattr(self, name)!r:.40}")
        if not isinstance(self.lines, tuple):
            raise ArgumentError(f"the lines of a mark are a list of lines, not {self.lines!r:.40}",
                                fix="lines=[((0, 0), (1, 1))]")
        if self.outline != "points" and self.outline not in OUTLINES:
            raise NcdError(f"no outline {self.outline!r} of a mark", want=", ".join(OUTLINES) + ", or points")
        if self.outline == "points" and not _on_square(self.points, 3):
            raise NcdError("the outline of a mark is not points of the unit square",
                           have=f"{self.points!r:.80}", want="three pairs of numbers or more, from 0 to 1")
        if not all(_on_square(line, 2) for line in self.lines):
            raise NcdError("a line of a mark is not points of the unit square",
                           have=f"{self.lines!r:.80}", want="two pairs of numbers or more, from 0 to 1")
        if self.style not in STYLES:
            raise NcdError(f"no style {self.style!r} of a text", want=", ".join(STYLES))
        if self.fill not in FILLS and not _COLOUR.match(self.fill):
            raise NcdError(f"no fill {self.fill!r:.40} of a mark", want=", ".join(FILLS) + ', or "#rrggbb"')
        number = isinstance(self.width, (int, float)) and not isinstance(self.width, bool)
        if not (number and 4 <= self.width <= 1000):
            raise NcdError(f"a mark {self.width!r} wide", want="from 4 to 1000 pixels")
        if not isinstance(self.text, str):
            raise NcdError(f"the text of a mark is {self.text!r:.40}", want="a text")

    @property
    def corners(self) -> Points:
        """The outline in the unit square."""
        return self.points if self.outline == "points" else OUTLINES[self.outline]


def _tuples(value):
    return tuple(map(_tuples, value)) if isinstance(value, (list, tuple)) else value


def _on_square(points, least: int) -> bool:
    return isinstance(points, tuple) and len(points) >= least and all(
        isinstance(point, tuple) and len(point) == 2 and all(
            isinstance(v, (int, float)) and not isinstance(v, bool) and 0 <= v <= 1 for v in point)
        for point in points)
