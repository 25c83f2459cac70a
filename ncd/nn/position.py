"""Where an entry stands, said to a model that does not know: sinusoids, tables and rotations."""

from __future__ import annotations

from dataclasses import dataclass

from ncd.algebra.convert import Size, SizeLike, as_size
from ncd.construct.derived import relabel
from ncd.construct.reindexing import index
from ncd.construct.trace import Wire, pointwise, trace
from ncd.core.argument import public
from ncd.core.array import Array
from ncd.core.axis import Axis, Label, fresh
from ncd.core.category import Diagram
from ncd.errors import AxisError, NcdError, SizeError
from ncd.nn.defined import OnOneArray, placed, some_axes
from ncd.ops import scalar
from ncd.ops.control import Block
from ncd.ops.multilinear import Concat, View
from ncd.ops.pointwise import Map
from ncd.ops.source import Initialiser, Iota, Parameter


def _halved(axis: Axis) -> Size:
    """Half a size; one that is odd has no pairs."""
    half = axis.size / 2
    if half.constant is not None and not isinstance(half.constant, int):
        raise SizeError(f"the axis {axis.label} is read in pairs, and its size is odd", have=str(axis),
                        want=f"an even size, as in {axis.label}=2*t")
    return half


def _angles(position: Axis, pairs: Axis, base: float, offset: Size) -> Wire:
    """The angle of each position and pair: (i + offset) · base^(−t/|t|).

    The powers are along t whatever else has that label, so that queries and keys share them.
    """
    i, t = (pointwise(scalar.TO_FLOAT, Iota(axis)()) for axis in (position, Axis("t", pairs.size)))
    exponent = t * (-1 / pairs.size)
    rate = Map(scalar.POWER, (exponent.type,), (as_size(base), None))(exponent)
    if pairs.label != "t":
        rate = relabel(t=pairs.label)(rate)
    return (i + offset if offset != 0 else i) * rate


def _interleaved(even: Wire, odd: Wire, pairs: Axis, merged: Axis) -> Wire:
    """Two arrays as the even and the odd entries of one axis."""
    two = fresh("two", (*even.type.labels, merged.label))
    parts = [View(part.type, (), (Axis(two, 1),))(part) for part in (even, odd)]
    both = Concat(tuple(part.type for part in parts), two)(*parts)
    return View(both.type, (pairs.label, two), (merged,))(both)


def _two(text: str, what: str) -> tuple[Axis, Axis]:
    axes = some_axes(text, what)
    if len(axes) != 2:
        raise AxisError(f"{what} has an axis of positions and an axis of features", have=text, want="x m")
    return axes


def _base(base) -> float:
    if isinstance(base, bool) or not isinstance(base, (int, float)) or not 0 < base < float("inf"):
        raise NcdError(f"base = {base!r}", want="a positive number")
    return float(base)


@public
def sinusoidal(axes: str, base: float = 10000, offset: SizeLike = 0) -> Diagram:
    """Sinusoids of the position, from wavelength 2π to 2π·base: ``sinusoidal("x m")``.

    Type:      -> x m
    Equation:  y[i, 2t] = sin((i + offset) base^(−t/|t|)), y[i, 2t + 1] = cos of the same, |t| = |m|/2
    Raises:    SizeError for an odd number of features; AxisError unless two axes are named;
               NcdError for a base that is not positive.
    Source:    Vaswani et al. 2017, arXiv 1706.03762, §3.5.

    >>> print(sinusoidal("x m"))
     -> x m
    """
    position, features = _two(axes, "a sinusoidal position")
    array, base, offset = Array((position, features)), _base(base), as_size(offset)
    pairs = Axis(fresh("t", array.labels), _halved(features))

    def body():
        angle = _angles(position, pairs, base, offset)
        return _interleaved(pointwise(scalar.SIN, angle), pointwise(scalar.COS, angle), pairs, features)
    return Block("sinusoidal", trace(body, (), (array,))).diagram


@public
def learned_position(axes: str, name: str | None = None, init: Initialiser | None = None) -> Diagram:
    """A learned vector for each position: ``learned_position("x m")``.

    Type:      -> x m
    Equation:  y = θ, a parameter; normal with deviation 0.02 unless init says otherwise
    Parameters:
        name: Its place, "position" by default; equal names in one scope share it.
    Raises:    NotationError without an axis; AxisError for a label twice.
    Source:    Gehring et al. 2017, arXiv 1705.03122.

    >>> print(learned_position("x=16 m"))
     -> x=16 m
    """
    array = Array(some_axes(axes, "a learned position"))
    title, tied = placed(name, "position")
    return Parameter(title, array, init or Initialiser("normal", 0.02), tied).diagram


@dataclass(frozen=True)
class Rotary(OnOneArray):
    """Each pair of neighbouring features turned by an angle that grows with the position.

    Type:      array -> array
    Equation:  (y[2t], y[2t+1]) = (x[2t] cos a − x[2t+1] sin a, x[2t] sin a + x[2t+1] cos a),
               a = (i + offset) base^(−t/|t|)
    Flags:     deterministic, linear
    """

    position: Label
    features: Label
    base: float
    offset: Size

    linear = (0,)

    def __post_init__(self):
        super().__post_init__()
        _halved(self.array.axis(self.features))

    @property
    def own(self):
        return frozenset((self.position, self.features))

    @property
    def name(self) -> str:
        return f"rotary[{self.position} {self.features}]"

    def definition(self):
        features = self.array.axis(self.features)
        pairs = Axis(fresh("t", self.array.labels), _halved(features))
        two = Axis(fresh("two", (*self.array.labels, pairs.label)), 2)

        def body(x):
            split = View(self.array, (self.features,), (pairs, two))(x)
            even, odd = (index(**{two.label: place})(split) for place in (0, 1))
            angle = _angles(self.array.axis(self.position), pairs, self.base, self.offset)
            cos, sin = pointwise(scalar.COS, angle), pointwise(scalar.SIN, angle)
            return _interleaved(even * cos - odd * sin, even * sin + odd * cos, pairs, features)
        return trace(body, self.dom)


@public
def rotary(axes: str, base: float = 10000, offset: SizeLike = 0) -> Diagram:
    """Rotary position: pairs of features turned in proportion to the position: ``rotary("x k")``.

    Type:      x k -> x k
    Equation:  (y[2t], y[2t+1]) is (x[2t], x[2t+1]) turned by (i + offset) base^(−t/|t|), |t| = |k|/2
    The inner product of a turned query at y and a turned key at x depends on y − x alone. The
    pairs are neighbours, as in the paper; some libraries pair feature t with t + |k|/2.
    Flags:     deterministic, linear
    Raises:    SizeError for an odd number of features; AxisError unless two axes are named;
               NcdError for a base that is not positive.
    Source:    Su et al. 2021, arXiv 2104.09864.

    >>> print(rotary("x k").on("b x h k=64"))
    b x h k=64 -> b x h k=64
    """
    position, features = _two(axes, "a rotary position")
    array = Array((position, features))
    return Rotary(array, position.label, features.label, _base(base), as_size(offset)).diagram
