"""Pooling: the windows of the tensor ★, folded by a monoid instead of weighed.

A pooling reads x at s·i + d·j − p, as a convolution does, and folds the kernel index j: the
maximum, the sum, or the mean. Global pooling is the window that is the whole axis.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from ncd.algebra.convert import ONE, ZERO, PerAxis, Size
from ncd.construct.notation import axes_of
from ncd.core.argument import public
from ncd.core.array import Array
from ncd.core.axis import Axis, Label
from ncd.core.category import Diagram
from ncd.core.graph import Graph
from ncd.errors import SizeError
from ncd.nn.defined import OnOneArray
from ncd.nn.window import Pair, Window, read_windows, unfold
from ncd.ops import scalar
from ncd.ops.monoid import MAX, SUM, Monoid
from ncd.ops.pointwise import Map, Reduce


@dataclass(frozen=True)
class Pool(OnOneArray):
    """A fold of the windows of some axes of an array.

    Type:      x … -> x' …   (each result axis stands where its input axis stood)
    Equation:  y[i] = ⊕_j v[s·i + d·j − p], the monoid's unit where that is out of range;
               divided by the number of entries of the kernel for the mean
    Flags:     deterministic, linear for the sum and the mean
    """

    monoid: Monoid
    spatial: tuple[Label, ...]
    kernels: tuple[Size, ...]
    strides: tuple[Size, ...]
    dilations: tuple[Size, ...]
    paddings: tuple[Pair, ...]
    mean: bool = False

    def __post_init__(self):
        super().__post_init__()
        for window in self.windows if not self.monoid.linear else ():
            for padding in (window.before, window.after):
                spare = (window.reach - 1 - padding).constant
                if spare is not None and spare < 0:
                    raise SizeError(f"a window of {window.label} would hold padding only",
                                    have=f"padding {padding}", want=f"at most {window.reach - 1}")
        self.cod  # noqa: B018  (making the type checks labels and sizes)

    @property
    def conditions(self):
        return tuple((window.reach - 1 - padding, f"a window of {window.label} holds padding only")
                     for window in self.windows if not self.monoid.linear
                     for padding in (window.before, window.after))

    @cached_property
    def windows(self) -> tuple[Window, ...]:
        return tuple(Window(label, k, s, d, *p) for label, k, s, d, p in zip(
            self.spatial, self.kernels, self.strides, self.dilations, self.paddings))

    @cached_property
    def sizes(self) -> tuple[Size, ...]:
        """The sizes of the pooled axes of the result."""
        return tuple(window.count(self.array.size(window.label)) for window in self.windows)

    @cached_property
    def cod(self):
        new = dict(zip(self.spatial, self.sizes))
        return (self.array.with_axes(
            Axis(axis.label, new.get(axis.label, axis.size)) for axis in self.array.axes),)

    def lifted_result(self, arrays, array):
        return self.extend(arrays).cod[0]

    @property
    def own(self):
        return frozenset(self.spatial)

    @property
    def linear(self):
        return (0,) if self.monoid.linear else ()

    @property
    def name(self) -> str:
        return f"{'mean' if self.mean else self.monoid.name}_pool[{' '.join(self.spatial)}]"

    def definition(self):
        graph = Graph((self.array,))
        fill = self.monoid.unit if any(pair != (ZERO, ZERO) for pair in self.paddings) else None
        read, kernels = unfold(self.array, self.windows, fill, self.sizes)
        (wire,) = graph.add(read, (0,))
        (wire,) = graph.add(Reduce(self.monoid, graph.types[wire], tuple(k.label for k in kernels)), (wire,))
        if self.mean:
            (wire,) = graph.add(_divided(graph.types[wire], kernels), (wire,))
        graph.outputs = (wire,)
        return Diagram.from_graph(graph)


def _divided(array: Array, axes: tuple[Axis, ...]) -> Map:
    """Division by the number of entries along some axes."""
    count = ONE
    for axis in axes:
        count = count * axis.size
    return Map(scalar.DIVIDE, (array,), (None, count))


def _pool(monoid: Monoid, spatial: str, kernel, stride, dilation, padding, mean: bool = False) -> Diagram:
    axes = axes_of(spatial)
    labels = tuple(axis.label for axis in axes)
    windows = read_windows(labels, kernel, kernel if stride is None else stride, dilation, padding)
    return Pool(Array(axes), monoid, labels, tuple(w.kernel for w in windows),
                tuple(w.stride for w in windows), tuple(w.dilation for w in windows),
                tuple((w.before, w.after) for w in windows), mean).diagram


@public
def max_pool(spatial: str, kernel: PerAxis = 2, stride: PerAxis | None = None, padding: PerAxis = 0,
             dilation: PerAxis = 1) -> Diagram:
    """The largest entry of each window.

    Type:      x y -> x' y' for ``max_pool("x y")``, x' = ⌊(x + 2p − d(k − 1) − 1)/s⌋ + 1
    Equation:  y[i] = max_j v[s·i + d·j − p], padded with −∞
    Parameters: each one value, or a dictionary by label, as for a convolution; the stride is the
        kernel's size unless it is given.
    Flags:     deterministic, not linear, not elementwise
    Raises:    AxisError: An option names no such axis. SizeError: The kernel is larger than the
               padded axis, or a window would hold padding only.
    Source:    Neural Circuit Diagrams (★ with stride 2, then Max).

    >>> print(max_pool("x y", kernel=2))
    x y -> x=x//2 y=y//2
    """
    return _pool(MAX, spatial, kernel, stride, dilation, padding)


@public
def sum_pool(spatial: str, kernel: PerAxis = 2, stride: PerAxis | None = None, padding: PerAxis = 0,
             dilation: PerAxis = 1) -> Diagram:
    """The sum of each window.

    Type:      x y -> x' y' for ``sum_pool("x y")``
    Equation:  y[i] = Σ_j v[s·i + d·j − p], padded with 0
    Parameters: as for :func:`max_pool`.
    Flags:     deterministic, linear

    >>> print(sum_pool("x", kernel=3, stride=1, padding="same"))
    x -> x
    """
    return _pool(SUM, spatial, kernel, stride, dilation, padding)


@public
def mean_pool(spatial: str, kernel: PerAxis = 2, stride: PerAxis | None = None, padding: PerAxis = 0,
              dilation: PerAxis = 1) -> Diagram:
    """The mean of each window; padding counts as zeros.

    Type:      x y -> x' y' for ``mean_pool("x y")``
    Equation:  y[i] = (Σ_j v[s·i + d·j − p]) / k, k the number of entries of the kernel
    Parameters: as for :func:`max_pool`.
    Flags:     deterministic, linear

    >>> print(mean_pool("x y", kernel={"x": 2, "y": "k"}))
    x y -> x=x//2 y=y//k
    """
    return _pool(SUM, spatial, kernel, stride, dilation, padding, mean=True)


@public
def global_mean_pool(spatial: str) -> Diagram:
    """The mean over whole axes.

    Type:      x y -> () for ``global_mean_pool("x y")``
    Equation:  out = (Σ_{x, y} v[x, y]) / (x·y)
    Flags:     deterministic, linear
    Source:    Lin, Chen and Yan 2013; the window that is the whole axis.

    >>> print(global_mean_pool("x y"))
    x y -> ()
    """
    axes = axes_of(spatial)
    graph = Graph((Array(axes),))
    (wire,) = graph.add(Reduce(SUM, graph.types[0], tuple(axis.label for axis in axes)), (0,))
    graph.outputs = graph.add(_divided(graph.types[wire], axes), (wire,))
    return Diagram.from_graph(graph)
