"""Softmax and its relatives: the exponential family over named axes, in the stable form.

The largest entry is subtracted first, so that no exponential overflows. Entries of −∞ (masked)
have probability 0. Where every entry is −∞ there is no distribution and softmax is NaN; the
logarithm of their sum is −∞, so that paths of no weight add up to none.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from ncd.construct.generators import gather
from ncd.construct.notation import one_axis
from ncd.construct.trace import Wire, pointwise, trace
from ncd.core.argument import public
from ncd.core.array import Array
from ncd.core.axis import Label
from ncd.core.category import Diagram
from ncd.errors import NcdError
from ncd.nn.defined import OnOneArray, some_axes
from ncd.ops import scalar
from ncd.ops.control import Block
from ncd.ops.monoid import MAX, SUM, Monoid
from ncd.ops.pointwise import Reduce, Stop


def fold(monoid: Monoid, x: Wire, labels: tuple[Label, ...]) -> Wire:
    return Reduce(monoid, x.type, labels)(x)


def _largest(x: Wire, labels: tuple[Label, ...]) -> Wire:
    """The largest entry; the result does not depend on it, so its derivative is stopped."""
    peak = fold(MAX, x, labels)
    return Stop(peak.type)(peak)


@dataclass(frozen=True)
class _OverAxes(OnOneArray):
    labels: tuple[Label, ...]

    @property
    def own(self):
        return frozenset(self.labels)

    @property
    def name(self) -> str:
        return f"{self.mark}[{' '.join(self.labels)}]"


@dataclass(frozen=True)
class Softmax(_OverAxes):
    """The distribution with given logits; its mark is the open triangle.

    Type:      array -> array
    Equation:  y_i = exp(x_i − max x) / Σ_j exp(x_j − max x)
    Where every entry is −∞ there is no distribution: NaN, or 0 if ``empty`` is 0.
    """

    empty: int | None = None

    mark = "softmax"

    @property
    def name(self) -> str:
        return super().name if self.empty is None else f"{super().name[:-1]}; empty {self.empty}]"

    def definition(self):
        def body(x):
            peak = _largest(x, self.labels)
            if self.empty is not None:
                peak = pointwise(scalar.WHERE, peak > -inf, peak, 0)
            e = pointwise(scalar.EXP, x - peak)
            total = fold(SUM, e, self.labels)
            if self.empty is not None:
                total = pointwise(scalar.WHERE, pointwise(scalar.EQUAL, total, 0), 1, total)
            return e / total
        return trace(body, self.dom)


@dataclass(frozen=True)
class LogSoftmax(_OverAxes):
    """The logarithm of softmax.

    Type:      array -> array
    Equation:  y_i = x_i − max x − log Σ_j exp(x_j − max x)
    """

    mark = "log_softmax"

    def definition(self):
        def body(x):
            shifted = x - _largest(x, self.labels)
            total = fold(SUM, pointwise(scalar.EXP, shifted), self.labels)
            return shifted - pointwise(scalar.LOG, total)
        return trace(body, self.dom)


@dataclass(frozen=True)
class LogTotal(_OverAxes):
    """The largest entry and the logarithm of the rest of a sum of exponentials, whose sum is log Σ exp.

    Type:      array -> m, t: both array without the labels
    Equation:  m = max x, or 0 where that is infinite; t = log Σ_j exp(x_j − m)
    Where x is large, t alone holds the digits that m + t rounds away.
    """

    mark = "log_total"

    @property
    def cod(self):
        return (self.array.with_axes(self.array.without(*self.labels)),) * 2

    def definition(self):
        def body(x):
            peak = _largest(x, self.labels)
            peak = pointwise(scalar.WHERE, abs(peak) < inf, peak, 0)
            return peak, pointwise(scalar.LOG_TOTAL, fold(SUM, pointwise(scalar.EXP, x - peak), self.labels))
        return trace(body, self.dom)


@dataclass(frozen=True)
class LogSumExp(_OverAxes):
    """The smooth maximum: log Σ exp.

    Type:      array -> array without the labels
    Equation:  y = m + log Σ_j exp(x_j − m), m = max x, or 0 where that is infinite
    """

    mark = "logsumexp"

    @property
    def cod(self):
        return (self.array.with_axes(self.array.without(*self.labels)),)

    def definition(self):
        def body(x):
            peak, rest = LogTotal(x.type, self.labels)(x)
            return peak + rest
        return trace(body, self.dom)


def _made(kind, text: str) -> Diagram:
    array = Array(some_axes(text, kind.mark))
    return kind(array, array.labels).diagram


def read_empty(empty: int | None) -> int | None:
    """What stands for the softmax of nothing, or the mean of nothing.

    Raises:    NcdError: Something else than None and 0.
    """
    if empty is not None and (isinstance(empty, bool) or empty != 0):
        raise NcdError(f"empty={empty!r}", want="None, for NaN, or 0")
    return None if empty is None else 0


@public
def softmax(axes: str, empty: int | None = None) -> Diagram:
    """Softmax over one axis, or over several at once: ``softmax("x")``, ``softmax("x y")``.

    Type:      x -> x
    Equation:  y_i = exp(x_i − max x) / Σ_j exp(x_j − max x)
    Parameters:
        empty: None or 0. Entries of −∞ give 0; where every entry is −∞ there is no distribution, and the
            result is NaN, which no later product with 0 takes away. With 0 it is 0, and its derivative 0.
    Flags:     deterministic, not linear, not elementwise
    Raises:    NotationError without an axis; AxisError for an axis that is absent or twice; NcdError
               for another ``empty``.
    Source:    Bridle 1990; Neural Circuit Diagrams draws the open triangle.

    >>> print(softmax("x").on("b x y=3"))
    b x y=3 -> b x y=3
    """
    array = Array(some_axes(axes, Softmax.mark))
    return Softmax(array, array.labels, read_empty(empty)).diagram


@public
def log_softmax(axes: str) -> Diagram:
    """The logarithm of softmax, without the loss of precision of log after softmax.

    Type:      x -> x
    Equation:  y_i = x_i − log Σ_j exp(x_j)
    Raises:    NotationError without an axis; AxisError for an axis that is absent or twice.

    >>> print(log_softmax("x"))
    x -> x
    """
    return _made(LogSoftmax, axes)


@public
def logsumexp(axes: str) -> Diagram:
    """The logarithm of a sum of exponentials.

    Type:      x -> ()
    Equation:  y = log Σ_j exp(x_j), the largest entry taken out first
    Where every entry is −∞ the result is −∞, and its derivative is 0.
    Raises:    NotationError without an axis; AxisError for an axis that is absent or twice.

    >>> print(logsumexp("x").on("b x"))
    b x -> b
    """
    return _made(LogSumExp, axes)


@public
def cross_entropy(classes: str) -> Diagram:
    """Minus the log-probability of the labelled class, from logits: ``cross_entropy("c")``.

    Type:      c, () : index(c) -> ()
    Equation:  y = log Σ_j exp(logits_j − m) − (logits[label] − m), m = max logits
    One loss for each example; ``>> mean("b")`` averages over the axis b.
    Raises:    NotationError unless one axis is named.

    >>> print(cross_entropy("c").on("b c, b : index(c)"))
    b c, b : index(c) -> b
    """
    axis = one_axis(classes)

    def body(logits, label):
        peak, rest = LogTotal(logits.type, (axis.label,))(logits)
        return rest - (gather(axis.label)(logits, label) - peak)
    made = trace(body, (Array((axis,)), Array((), "int", axis.size)))
    return Block("cross_entropy", made).diagram
