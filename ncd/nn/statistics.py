"""Moments and lengths over named axes: mean, variance and the Euclidean norm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from ncd.algebra.convert import ONE
from ncd.construct.trace import Wire, pointwise, trace
from ncd.core.argument import public
from ncd.core.array import Array
from ncd.core.axis import Label
from ncd.core.category import Diagram
from ncd.nn.defined import OnOneArray, nonnegative, some_axes
from ncd.ops import scalar
from ncd.ops.monoid import SUM
from ncd.ops.pointwise import Map, Reduce


@dataclass(frozen=True)
class Mean(OnOneArray):
    """The average over axes; its mark is 𝔼.

    Type:      array -> array without the labels
    Equation:  y = Σ x / number of entries
    Flags:     deterministic, linear
    """

    labels: tuple[Label, ...]

    linear = (0,)

    @cached_property
    def cod(self):
        return (self.array.with_axes(self.array.without(*self.labels)),)

    @property
    def own(self):
        return frozenset(self.labels)

    @property
    def name(self) -> str:
        return f"mean[{' '.join(self.labels)}]"

    def definition(self):
        count = ONE
        for label in self.labels:
            count = count * self.array.size(label)
        return trace(lambda x: Reduce(SUM, self.array, self.labels)(x) / count, self.dom)


def average(x: Wire, labels: Sequence[Label]) -> Wire:
    return Mean(x.type, tuple(labels))(x)


@public
def mean(axes: str) -> Diagram:
    """The average over axes: ``mean("x")``, ``mean("x y")``.

    Type:      x -> ()
    Equation:  y = Σ_i x_i / |x|
    Flags:     deterministic, linear
    Raises:    NotationError without an axis; AxisError for an axis that is absent or twice.

    >>> print(mean("x y").on("b x=4 y=4 c"))
    b x=4 y=4 c -> b c
    """
    array = Array(some_axes(axes, "a mean"))
    return Mean(array, array.labels).diagram


@public
def variance(axes: str) -> Diagram:
    """The mean squared distance from the mean (divided by n, not n − 1).

    Type:      x -> ()
    Equation:  y = E (x − E x)²
    Raises:    NotationError without an axis; AxisError for an axis that is absent or twice.

    >>> print(variance("x").on("b x"))
    b x -> b
    """
    array = Array(some_axes(axes, "a variance"))

    def body(x):
        return average(pointwise(scalar.SQUARE, x - average(x, array.labels)), array.labels)
    return trace(body, (array,))


@public
def l2_norm(axes: str) -> Diagram:
    """The Euclidean length over axes.

    Type:      x -> ()
    Equation:  y = √(Σ_i x_i²)
    Raises:    NotationError without an axis; AxisError for an axis that is absent or twice.

    >>> print(l2_norm("m").on("x m"))
    x m -> x
    """
    array = Array(some_axes(axes, "a norm"))

    def body(x):
        return pointwise(scalar.SQRT, Reduce(SUM, array, array.labels)(pointwise(scalar.SQUARE, x)))
    return trace(body, (array,))


@public
def l2_normalise(axes: str, eps: float = 1e-12) -> Diagram:
    """Each vector divided by its length, or by eps where it is shorter.

    Type:      x -> x
    Equation:  y = x / max(‖x‖, ε)
    Raises:    NotationError without an axis; AxisError for an axis that is absent or twice;
               NcdError for a negative eps.

    >>> print(l2_normalise("m").on("x m"))
    x m -> x m
    """
    array, eps = Array(some_axes(axes, "a norm")), nonnegative("eps", eps)

    def body(x):
        length = l2_norm(" ".join(array.labels))(x)
        return x / Map(scalar.MAXIMUM, (length.type,), (None, eps))(length)
    return trace(body, (array,))
