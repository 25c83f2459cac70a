"""Reindexings as functions: an array read at affine positions, by entry, slice and window."""

from __future__ import annotations

from ncd.algebra.convert import SizeLike, as_size
from ncd.construct.notation import axes_of, one_axis
from ncd.core.argument import public
from ncd.core.array import Array
from ncd.core.axis import Axis
from ncd.core.category import Diagram
from ncd.errors import NcdError
from ncd.ops.multilinear import Reindex, affine

SCALAR = Array()


@public
def index(**positions: SizeLike) -> Diagram:
    """Read one entry along axes: ``index(x=2)``; a negative number counts from the end.

    Type:      x -> ()
    Equation:  out = a[2]
    Source:    Neural Circuit Diagrams, indexes.

    >>> print(index(x=-1).to_numpy()([1.0, 2.0]))
    2.0
    """
    axes, rows = [], []
    for label, position in positions.items():
        axis, place = Axis(label), as_size(position)
        if place.constant is not None and place.constant < 0:
            place = axis.size + place
        axes.append(axis)
        rows.append(affine(place))
    return Reindex(Array(axes), (), tuple(rows)).diagram


@public
def slice_axis(label: str, start: SizeLike = 0, stop: SizeLike | None = None, step: SizeLike = 1) -> Diagram:
    """Entries start, start + step, … below stop along an axis: ``slice_axis("x", 1, 5)``.

    Type:      x -> x=⌈(stop − start)/step⌉

    >>> print(slice_axis("x", 1, step=2).to_numpy()([0.0, 1.0, 2.0, 3.0]))
    [1. 3.]
    """
    axis = Axis(label)
    def place(value):
        value = as_size(value)
        return axis.size + value if value.constant is not None and value.constant < 0 else value
    first = place(start)
    if as_size(step).constant is not None and as_size(step).constant < 1:
        raise NcdError(f"a slice of step {step}", want="a positive step", mend="reverse the axis with flip")
    last = axis.size if stop is None else place(stop)
    step = as_size(step)
    out = Axis(label, (last - first + step - 1) // step)
    return Reindex(Array((axis,)), (out,), (affine(first, {label: step}),)).diagram


@public
def flip(label: str) -> Diagram:
    """Reverse an axis: out[i] = a[n − 1 − i].

    >>> print(flip("x").to_numpy()([1.0, 2.0]))
    [2. 1.]
    """
    axis = Axis(label)
    return Reindex(Array((axis,)), (axis,), (affine(axis.size - 1, {label: -1}),)).diagram


@public
def pad(label: str, before: SizeLike = 0, after: SizeLike = 0, fill: float = 0.0) -> Diagram:
    """Put ``fill`` before and after an axis.

    Type:      x -> x=x+before+after

    >>> print(pad("x", 1, 2).to_numpy()([5.0]))
    [0. 5. 0. 0.]
    """
    axis = Axis(label)
    out = Axis(label, axis.size + as_size(before) + as_size(after))
    return Reindex(Array((axis,)), (out,), (affine(-as_size(before), {label: 1}),), float(fill)).diagram


@public
def repeat_axis(axes: str) -> Diagram:
    """Repeat along new axes: ``repeat_axis("h=8")`` is () -> h=8, out[h] = a.

    >>> print(repeat_axis("h=8").on("x"))
    x -> x h=8
    """
    return Reindex(SCALAR, axes_of(axes), ()).diagram


@public
def transpose(order: str) -> Diagram:
    """Put axes in an order: ``transpose("k x")`` takes an array of x and k to k x.

    >>> print(transpose("k x").on("x k"))
    x k -> k x
    """
    array = Array(axes_of(order))
    return Reindex(array, array.axes, tuple(affine(0, {label: 1}) for label in array.labels)).diagram


@public
def window(label: str, kernel: str, stride: SizeLike = 1, dilation: SizeLike = 1, padding: SizeLike = 0,
           fill: float = 0.0,
           out: str | None = None) -> Diagram:
    """The windows of an axis: the contraction with the convolution tensor ★.

    Type:      x -> x' j,  x' = ⌊(x + 2p − d(j − 1) − 1)/s⌋ + 1 under the label of x
    Equation:  out[i, j] = a[s·i + d·j − p], and ``fill`` outside
    Source:    Neural Circuit Diagrams, convolution (the tensor ★; our derivation).

    >>> print(window("x", "j=3", stride=2, padding=1))
    x -> x=(x+1)//2 j=3
    """
    axis, inner = Axis(label), one_axis(kernel)
    s, d, p = as_size(stride), as_size(dilation), as_size(padding)
    size = (axis.size + p * 2 - d * (inner.size - 1) - 1) // s + 1
    place = Axis(out or label, size)
    row = affine(-p, ((place.label, s), (inner.label, d)))
    return Reindex(Array((axis,)), (place, inner), (row,), None if p == 0 else float(fill)).diagram
