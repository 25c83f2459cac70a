"""A scene: positioned things, before any file format. Wires are lists of points.

Each element may say what it is about: a wire (array, row), a mark its operation.

A wire goes from point to point from left to right: straight where the height stays, along a
cubic with horizontal tangents where it changes. So its bounds are those of its points.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from ncd.algebra.convert import ONE, Size
from ncd.interpret.draw.scene.mathtext import Runs, runs_width
from ncd.interpret.draw.scene.metrics import DOT, DOUBLE, INK

Point = tuple[float, float]
Bounds = tuple[float, float, float, float]
STEEP = 40.0         # the highest step of a separator that is a line
PIECES, PIECE = 12, 20.0     # how many lines a higher one has at least, and how high each is at most or so
REGION, SEPARATOR, LINE, MARK, TEXT = range(5)


@dataclass(frozen=True, slots=True)
class Wire:
    """A line through points. Kinds: ``wire`` (an axis), ``double`` (several as one), ``scalar`` (an
    array without axes), ``dash`` (a separator), ``fence`` (a column), ``tail`` (to another row); the
    steps of a separator and a fence are straight."""

    points: tuple[Point, ...]
    kind: str = "wire"
    about: object = None

    @property
    def layer(self) -> int:
        return SEPARATOR if self.straight else LINE

    @property
    def straight(self) -> bool:
        return self.kind in ("dash", "fence")

    @property
    def lines(self) -> tuple[tuple[Point, ...], ...]:
        """The points of each line that is drawn: two for a double wire."""
        if self.kind != "double":
            return (self.points,)
        return tuple(tuple((x, y + side) for x, y in self.points) for side in (-DOUBLE, DOUBLE))

    @property
    def ends(self) -> list[int]:
        """Which points end a level stretch or a step: those inside the long step of a separator do not."""
        points, last = self.points, len(self.points) - 1
        return [at for at in range(last + 1) if not self.straight or at in (0, last)
                or points[at][1] in (points[at - 1][1], points[at + 1][1])]

    def bounds(self) -> Bounds:
        xs, ys = [x for x, _ in self.points], [y for _, y in self.points]
        return min(xs), min(ys), max(xs), max(ys)

    def moved(self, dx: float, dy: float) -> Wire:
        return replace(self, points=tuple((x + dx, y + dy) for x, y in self.points))


@dataclass(frozen=True, slots=True)
class Shape:
    """An outline of straight lines, or a circle (one point and a radius), filled and stroked."""

    points: tuple[Point, ...]
    fill: str = "none"
    stroke: str = INK
    width: float = 1.0
    radius: float = 0.0
    closed: bool = True
    layer: int = MARK
    about: object = None

    @property
    def seen(self) -> bool:
        return self.fill != "none" or self.stroke != "none"

    def bounds(self) -> Bounds:
        xs, ys = [x for x, _ in self.points], [y for _, y in self.points]
        grow = self.radius + (self.width / 2 if self.stroke != "none" else 0)
        return min(xs) - grow, min(ys) - grow, max(xs) + grow, max(ys) + grow

    def moved(self, dx: float, dy: float) -> Shape:
        return replace(self, points=tuple((x + dx, y + dy) for x, y in self.points))


@dataclass(frozen=True, slots=True)
class Arc:
    """A half ellipse from (x, top) to (x, bottom) that bulges by ``reach``, left if negative."""

    x: float
    top: float
    bottom: float
    reach: float
    width: float = 1.0
    layer: int = MARK
    about: object = None
    double: bool = False

    @property
    def lines(self) -> tuple[Arc, ...]:
        """The half ellipses that are drawn: two for a double one."""
        if not self.double:
            return (self,)
        grow = DOUBLE if self.reach > 0 else -DOUBLE
        return tuple(replace(self, top=self.top - side, bottom=self.bottom + side, double=False,
                             reach=self.reach + (grow if side > 0 else -grow)) for side in (-DOUBLE, DOUBLE))

    def bounds(self) -> Bounds:
        return (min(self.x, self.x + self.reach), self.top, max(self.x, self.x + self.reach), self.bottom)

    def moved(self, dx: float, dy: float) -> Arc:
        return replace(self, x=self.x + dx, top=self.top + dy, bottom=self.bottom + dy)


@dataclass(frozen=True, slots=True)
class Text:
    """A formula whose foot stands at (x, y); ``anchor`` is start, middle or end."""

    runs: Runs
    x: float
    y: float
    size: float
    anchor: str = "start"
    fill: str = INK
    layer: int = TEXT
    about: object = None

    @property
    def left(self) -> float:
        part = {"start": 0.0, "middle": 0.5, "end": 1.0}[self.anchor]
        return self.x - part * runs_width(self.runs, self.size)

    def bounds(self) -> Bounds:
        levels = {run.level for run in self.runs}
        top = self.y - self.size * (0.95 if 1 in levels else 0.76)
        bottom = self.y + self.size * (0.32 if -1 in levels else 0.22)
        return self.left, top, self.left + runs_width(self.runs, self.size), bottom

    def moved(self, dx: float, dy: float) -> Text:
        return replace(self, x=self.x + dx, y=self.y + dy)


Element = Wire | Shape | Arc | Text


def dot(x: float, y: float) -> Shape:
    """The black dot of copies, merges and diagonals."""
    return Shape(((x, y),), INK, "none", 0.0, DOT)


def rectangle(left: float, top: float, right: float, bottom: float, **style) -> Shape:
    return Shape(((left, top), (right, top), (right, bottom), (left, bottom)), **style)


class Strand:
    """A line under construction: it grows to the right and becomes one :class:`Wire`."""

    __slots__ = ("about", "kind", "points")

    def __init__(self, x: float, y: float, kind: str = "wire", about: object = None):
        self.points: list[Point] = [(x, y)]
        self.kind, self.about = kind, about

    @property
    def y(self) -> float:
        return self.points[-1][1]

    @property
    def x(self) -> float:
        return self.points[-1][0]

    def to(self, x: float, y: float | None = None) -> None:
        """Go on to a point to the right; straight pieces of one height become one."""
        points, y = self.points, self.y if y is None else y
        if x == self.x and y == self.y:
            return
        if len(points) > 1 and points[-2][1] == points[-1][1] == y:
            points[-1] = (x, y)
        elif self.kind == "dash" and y != self.y:
            self._jog(x, y)
        else:
            points.append((x, y))

    def _jog(self, x: float, y: float) -> None:
        """A separator changes its height along a line at 45°, or steeper where it must; where it goes far,
        it runs beside the curves of the wires that it keeps apart, as any line would cross them."""
        if abs(y - self.y) > STEEP:
            pieces = max(PIECES, round(abs(y - self.y) / PIECE))
            (left, top), parts = self.points[-1], [n / pieces for n in range(1, pieces)]
            self.points += [(left + (x - left) * (1.5 * t - 1.5 * t * t + t ** 3),
                             top + (y - top) * (3 - 2 * t) * t * t) for t in parts]
            self.points.append((x, y))
            return
        slope = min(abs(y - self.y), x - self.x)
        start = (x + self.x - slope) / 2
        if start > self.x:
            self.to(start)
        self.points.append((start + slope, y))
        if start + slope < x:
            self.points.append((x, y))

    def done(self) -> Wire:
        return Wire(tuple(self.points), self.kind, self.about)


@dataclass(frozen=True)
class Column:
    """A column of types: its middle, each array there with the heights of its wires, its two sides, for
    each array its wire in the graph, and in how many opened blocks it stands."""

    x: float
    arrays: tuple[tuple[object, tuple[float, ...]], ...]
    left: float = 0.0
    right: float = 0.0
    wires: tuple[int, ...] = ()
    level: int = 0

    def moved(self, dx: float, dy: float) -> Column:
        arrays = tuple((array, tuple(y + dy for y in ys)) for array, ys in self.arrays)
        return replace(self, x=self.x + dx, arrays=arrays, left=self.left + dx, right=self.right + dx)


@dataclass(frozen=True)
class Shown:
    """An operation as it is drawn: how often it runs there, and whether what is drawn stands around its
    own opened diagram. None is what stands inside one and is about nothing, as dots are."""

    op: object
    times: Size = ONE
    opened: bool = False


INSIDE = Shown(None)


@dataclass(frozen=True)
class Frame:
    """A diagram that is laid out inside a picture: its box, where its columns of operations begin and end
    (in these no wire changes its height), and the frames that stand in them.

    Parameters:
        spare: How far texts reach beyond the left and the right side.
        stacked: Whether the spans are no columns: their frames keep to the left, as rows do.
    """

    box: Bounds
    spans: tuple[tuple[float, float], ...] = ()
    frames: tuple[Frame, ...] = ()
    spare: float = 0.0
    stacked: bool = False

    def moved(self, dx: float, dy: float) -> Frame:
        left, top, right, bottom = self.box
        return replace(self, box=(left + dx, top + dy, right + dx, bottom + dy),
                       spans=tuple((begin + dx, end + dx) for begin, end in self.spans),
                       frames=tuple(frame.moved(dx, dy) for frame in self.frames))


@dataclass
class Scene:
    """All that is drawn, and the columns of types for those who ask what stands where; those inside opened
    blocks apart. The spans are those of its columns of operations, the frames what stands in these."""

    elements: list[Element] = field(default_factory=list)
    columns: list[Column] = field(default_factory=list)
    width: float = 0.0
    inner: list[Column] = field(default_factory=list)
    spans: list[tuple[float, float]] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    stacked: bool = False

    def add(self, elements: Iterable[Element], about: object = None) -> None:
        """More elements; those that say nothing else are about the given thing."""
        self.elements.extend(elements if about is None else (
            item if item.about is not None else replace(item, about=about) for item in elements))

    @property
    def frame(self) -> Frame:
        """The whole scene as a frame."""
        return Frame(self.bounds(), tuple(self.spans), tuple(self.frames), 0.0, self.stacked)

    def bounds(self) -> Bounds:
        boxes = [element.bounds() for element in self.elements]
        if not boxes:
            return 0.0, 0.0, 0.0, 0.0
        lefts, tops, rights, bottoms = zip(*boxes)
        return min(lefts), min(tops), max(rights), max(bottoms)
