"""Standardising over named axes: what is averaged and what has its own scale are both in the type.

Layer, RMS, batch and group normalisation are one equation, y = (x − E x)/√(E(x − E x)² + ε)
scaled and shifted; they differ in the axes of the average E and of the scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ncd.algebra.convert import ONE, Size, SizeLike
from ncd.construct.notation import axes_of, one_axis, size_of
from ncd.construct.trace import Wire, pointwise, trace
from ncd.core.argument import public
from ncd.core.array import Array
from ncd.core.axis import Axis, Label, fresh
from ncd.core.category import Diagram
from ncd.errors import SizeError
from ncd.nn.defined import OnOneArray, nonnegative, placed, some_axes
from ncd.nn.statistics import average
from ncd.ops import scalar
from ncd.ops.multilinear import View
from ncd.ops.pointwise import Stop
from ncd.ops.source import Initialiser, Parameter

ONES, ZEROS = Initialiser("ones"), Initialiser("zeros")


@dataclass(frozen=True)
class Standardise(OnOneArray):
    """Divided by the root of the mean square over some axes, the mean taken off first if it is centred.

    Type:      array -> array
    Equation:  y = (x − E x)/√(E(x − E x)² + ε), or x/√(E x² + ε)
    """

    labels: tuple[Label, ...]
    eps: float
    centred: bool = True

    @property
    def own(self):
        return frozenset(self.labels)

    @property
    def name(self) -> str:
        return f"{'standardise' if self.centred else 'rescale'}[{' '.join(self.labels)}]"

    def definition(self):
        def body(x):
            x = x - average(x, self.labels) if self.centred else x
            spread = average(pointwise(scalar.SQUARE, x), self.labels)
            return x * pointwise(scalar.RSQRT, spread + self.eps)
        return trace(body, self.dom)


def standardised(x: Wire, labels: Sequence[Label], eps: float, centred: bool = True) -> Wire:
    """(x − E x)/√(E(x − E x)² + ε); without the subtractions if it is not centred."""
    return Standardise(x.type, tuple(labels), eps, centred)(x)


def scaled(x: Wire, features: Array, scale: bool, shift: bool) -> Wire:
    """x · scale + shift, with parameters that begin as the identity."""
    x = x * Parameter("scale", features, ONES)() if scale else x
    return x + Parameter("shift", features, ZEROS)() if shift else x


@dataclass(frozen=True)
class Normalisation(OnOneArray):
    """The common form: averages over some axes, a scale and a shift along some.

    Type:      array -> array
    """

    reduced: tuple[Label, ...]
    features: tuple[Label, ...]
    eps: float
    scale: bool
    shift: bool
    title: str
    tied: bool = False

    centred = True

    @property
    def own(self):
        return frozenset((*self.reduced, *self.features))

    @property
    def place(self):
        return self.title if self.scale or self.shift else None

    @property
    def name(self) -> str:
        over = " ".join(self.reduced)
        along = "" if self.features == self.reduced else f"; {' '.join(self.features)}"
        return f"{self.mark}[{over}{along}]"

    def normalised(self, x: Wire) -> Wire:
        return standardised(x, self.reduced, self.eps, self.centred)

    def definition(self):
        features = Array(self.array.axis(label) for label in self.features)
        return trace(lambda x: scaled(self.normalised(x), features, self.scale, self.shift), self.dom)


@dataclass(frozen=True)
class LayerNorm(Normalisation):
    """Each position standardised over its features."""

    mark = "layer_norm"


@dataclass(frozen=True)
class RMSNorm(Normalisation):
    """Each position divided by the root of the mean square of its features."""

    mark = "rms_norm"
    centred = False


@dataclass(frozen=True)
class BatchNorm(Normalisation):
    """Each feature standardised over named axes; its mark is the thick open circle."""

    mark = "batch_norm"


@dataclass(frozen=True)
class GroupNorm(Normalisation):
    """Groups of neighbouring features standardised together.

    Raises:    SizeError unless the groups divide the features.
    """

    groups: Size = ONE

    mark = "group_norm"

    def __post_init__(self):
        super().__post_init__()
        (label,) = self.features
        size = self.array.size(label)
        each = (size / self.groups).constant
        if each is not None and not isinstance(each, int):
            raise SizeError(f"the {self.groups} groups do not divide the axis {label}",
                            have=f"{label} = {size}", mend="take a number of groups that divides it")

    def normalised(self, x):
        (label,) = self.features
        group = fresh("g", self.array.labels)
        within = fresh(label, (*self.array.labels, group))
        axes = (Axis(group, self.groups), Axis(within, x.type.size(label) / self.groups))
        y = View(x.type, (label,), axes)(x)
        y = standardised(y, (*(r for r in self.reduced if r != label), within), self.eps)
        return View(y.type, (group, within), (x.type.axis(label),))(y)


@dataclass(frozen=True)
class BatchNormInference(OnOneArray):
    """Each feature standardised with stored statistics, which are no function of the input.

    Type:      array -> array
    """

    features: tuple[Label, ...]
    eps: float
    scale: bool
    shift: bool
    title: str
    tied: bool = False

    @property
    def own(self):
        return frozenset(self.features)

    @property
    def place(self):
        return self.title

    @property
    def name(self) -> str:
        return f"batch_norm_inference[{' '.join(self.features)}]"

    def definition(self):
        features = Array(self.array.axis(label) for label in self.features)

        def body(x):
            # Statistics are stored, not learned: no derivative reaches them.
            mean = Stop(features)(Parameter("mean", features, ZEROS, stored=True)())
            variance = Stop(features)(Parameter("variance", features, ONES, stored=True)())
            y = (x - mean) * pointwise(scalar.RSQRT, variance + self.eps)
            return scaled(y, features, self.scale, self.shift)
        return trace(body, self.dom)


@public
def layer_norm(axes: str, eps: float = 1e-5, scale: bool = True, shift: bool = True,
               name: str | None = None) -> Diagram:
    """Standardise over axes, then scale and shift along them: ``layer_norm("m")``.

    Type:      m -> m
    Equation:  y = (x − E x)/√(E(x − E x)² + ε) · scale + shift, E over the axes named
    Parameters:
        scale, shift: Whether there are such parameters; they begin at 1 and 0.
        name: Its place; layers of one name in one scope share their parameters.
    Raises:    NotationError without an axis; AxisError for an axis that is absent or twice;
               NcdError for a negative eps.
    Source:    Ba, Kiros & Hinton 2016, arXiv 1607.06450.

    >>> print(layer_norm("m").on("b x m=64"))
    b x m=64 -> b x m=64
    """
    array = Array(some_axes(axes, "layer normalisation"))
    return LayerNorm(array, array.labels, array.labels, nonnegative("eps", eps), bool(scale), bool(shift),
                     *placed(name, "layer_norm")).diagram


@public
def rms_norm(axes: str, eps: float = 1e-6, scale: bool = True, name: str | None = None) -> Diagram:
    """Divide by the root of the mean square, then scale: ``rms_norm("m")``.

    Type:      m -> m
    Equation:  y = x/√(E x² + ε) · scale, E over the axes named
    Raises:    NotationError without an axis; AxisError for an axis that is absent or twice;
               NcdError for a negative eps.
    Source:    Zhang & Sennrich 2019, arXiv 1910.07467.

    >>> print(rms_norm("m").on("x m"))
    x m -> x m
    """
    array = Array(some_axes(axes, "RMS normalisation"))
    return RMSNorm(array, array.labels, array.labels, nonnegative("eps", eps), bool(scale), False,
                   *placed(name, "rms_norm")).diagram


@public
def batch_norm(reduced: str, features: str, eps: float = 1e-5, scale: bool = True, shift: bool = True,
               name: str | None = None) -> Diagram:
    """Standardise each feature over the axes named: ``batch_norm("n x", "c")``.

    Type:      n x c -> n x c
    Equation:  y = (x − E x)/√(E(x − E x)² + ε) · scale[c] + shift[c], E over n and x alone
    The statistics are those of the input (training); an axis that is not named, such as h in
    h n x c, has its own. For stored statistics see :func:`batch_norm_inference`.
    Raises:    NotationError without a reduced axis; AxisError for an axis that is absent or
               twice; NcdError for a negative eps.
    Source:    Ioffe & Szegedy 2015, arXiv 1502.03167; the drawn mark is the thick open circle.

    >>> print(batch_norm("n", "c").on("n x c"))
    n x c -> n x c
    """
    over, along = some_axes(reduced, "batch normalisation"), axes_of(features)
    return BatchNorm(Array((*over, *along)), tuple(a.label for a in over), tuple(a.label for a in along),
                     nonnegative("eps", eps), bool(scale), bool(shift), *placed(name, "batch_norm")).diagram


@public
def batch_norm_inference(features: str, eps: float = 1e-5, scale: bool = True, shift: bool = True,
                         name: str | None = None) -> Diagram:
    """Batch normalisation with stored statistics: ``batch_norm_inference("c")``.

    Type:      c -> c
    Equation:  y = (x − mean[c])/√(variance[c] + ε) · scale[c] + shift[c]
    The mean and the variance are stored: they stand among the parameters and are not learned. Scale and
    shift are, in the places that :func:`batch_norm` gives them.
    Raises:    AxisError for an axis that is absent or twice; NcdError for a negative eps.

    >>> print(batch_norm_inference("c").on("n x c"))
    n x c -> n x c
    """
    array = Array(axes_of(features))
    return BatchNormInference(array, array.labels, nonnegative("eps", eps), bool(scale), bool(shift),
                              *placed(name, "batch_norm")).diagram


@public
def group_norm(features: str, groups: SizeLike = 4, reduced: str = "", eps: float = 1e-5, scale: bool = True,
               shift: bool = True, name: str | None = None) -> Diagram:
    """Standardise each group of features, together with the axes named.

    Type:      x y c -> x y c                  (``group_norm("c", 4, reduced="x y")``)
    Equation:  y = (x − E x)/√(E(x − E x)² + ε) · scale[c] + shift[c], E over x, y and the
               |c|/groups neighbouring features of a group
    With as many groups as features and reduced="x y" it is instance normalisation.
    Raises:    SizeError unless the groups divide the features; NotationError unless one feature
               axis is named; AxisError for an axis that is absent or twice; NcdError for a
               negative eps.
    Source:    Wu & He 2018, arXiv 1803.08494.

    >>> print(group_norm("c", 4, reduced="x y").on("b x y c=64"))
    b x y c=64 -> b x y c=64
    """
    axis, over = one_axis(features), axes_of(reduced)
    groups = size_of(groups)
    if not groups.is_integral or (groups.constant is not None and groups.constant < 1):
        raise SizeError(f"{groups} groups", want="a positive integer")
    return GroupNorm(Array((*over, axis)), tuple(a.label for a in (*over, axis)), (axis.label,),
                     nonnegative("eps", eps), bool(scale), bool(shift), *placed(name, "group_norm"),
                     groups).diagram
