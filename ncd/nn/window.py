"""Windows on axes: the geometry of the tensor ★[i, j, l] = 1 where l = s·i + d·j − p.

Convolution and pooling share it: how many windows there are, and the reindexing that reads
an array at either leg of ★, with one new axis for the kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from ncd.algebra.convert import ONE, Size
from ncd.construct.notation import size_of
from ncd.core.array import Array
from ncd.core.axis import Axis, Label, derived, fresh
from ncd.errors import AxisError, SizeError
from ncd.ops.multilinear import Reindex, Row, affine

Pair = tuple[Size, Size]


class Window(NamedTuple):
    """How ★ places windows on one axis: the kernel's size, stride, dilation, padding."""

    label: Label
    kernel: Size
    stride: Size
    dilation: Size
    before: Size
    after: Size

    @property
    def reach(self) -> Size:
        """How many entries a window spans: d(k − 1) + 1."""
        return self.dilation * (self.kernel - 1) + 1

    def count(self, size: Size) -> Size:
        """The number of windows on an axis: ⌊(x + before + after − d(k − 1) − 1)/s⌋ + 1.

        Raises:
            SizeError: The kernel is larger than the padded axis.
        """
        padded = size + self.before + self.after
        spare = (padded - self.reach).constant
        if spare is not None and spare < 0:
            raise SizeError(f"the kernel is larger than the padded axis {self.label}",
                            have=f"{self.label} = {size}, padded {padded}",
                            want=f"at least {self.reach}, what a kernel of {self.kernel} with "
                                 f"dilation {self.dilation} spans",
                            mend="pad more, or take a smaller kernel")
        return (padded - self.reach) // self.stride + 1

    def spread(self, size: Size) -> Size:
        """The least size on which there are so many windows: s(x − 1) + d(k − 1) + 1 − padding."""
        return self.stride * (size - 1) + self.reach - self.before - self.after

    def gathered(self, i: str, j: str) -> Row:
        """The leg l of ★ as a row: l = s·i + d·j − p."""
        return affine(-self.before, ((i, self.stride), (j, self.dilation)))

    def scattered(self, x: str, j: str) -> Row:
        """The leg i of ★ as a row: i = (l + p − d·j)/s."""
        return affine(self.before, ((x, ONE), (j, -self.dilation)), self.stride)


def unfold(array: Array, windows: Sequence[Window], fill: float | None, sizes: Sequence[Size],
           row: Callable = Window.gathered, taken: Sequence[str] = ()) -> tuple[Reindex, tuple[Axis, ...]]:
    """The reindexing x -> x' x_k for the axis of each window, and the kernel axes that it makes."""
    found = {window.label: (window, size) for window, size in zip(windows, sizes)}
    names, inner, axes, rows = {*array.labels, *taken}, {}, [], []
    for axis in array.axes:
        if axis.label not in found:
            axes.append(axis)
            rows.append(affine(0, {axis.label: 1}))
            continue
        window, size = found[axis.label]
        kernel = Axis(fresh(derived(axis.label, "k"), names), window.kernel)
        names.add(kernel.label)
        inner[axis.label] = kernel
        axes += [Axis(axis.label, size), kernel]
        rows.append(row(window, axis.label, kernel.label))
    return Reindex(array, tuple(axes), tuple(rows), fill), tuple(inner[w.label] for w in windows)


def per_axis(option: str, value, labels: Sequence[str], neutral=None) -> tuple:
    """An option's value for each axis: one value for all, or a dictionary by label.

    Raises:
        AxisError: A label that is not one of the axes, or an axis without a value.
    """
    if not isinstance(value, Mapping):
        return (value,) * len(labels)
    unknown = [str(label) for label in value if label not in labels]
    missing = [str(label) for label in labels if label not in value] if neutral is None else []
    if unknown or missing:
        raise AxisError(f"`{option}` names an axis that is not there: {', '.join(unknown)}" if unknown
                        else f"`{option}` has no value for {', '.join(missing)}",
                        have=", ".join(map(str, value)) or "no axes",
                        want=", ".join(labels) or "no axes")
    return tuple(value.get(label, neutral) for label in labels)


def integer(what: str, value, least: int = 1) -> Size:
    """A size that is an integer, and not below a bound where it is a number.

    Raises:
        SizeError: A fraction, or a number below the bound.
    """
    size = size_of(value)
    if not size.is_integral or (size.constant is not None and size.constant < least):
        raise SizeError(f"{what} is {size}", want=f"an integer of at least {least}, or a size in symbols")
    return size


def read_windows(labels: Sequence[str], kernel, stride, dilation, padding) -> tuple[Window, ...]:
    """The windows of some axes from options, each one value for all axes or a dictionary by label.

    A padding is a number, a pair (before, after), or ``"same"``: d(k − 1) entries in all, the
    smaller half before, whatever the stride, so that the size becomes ⌈x/s⌉.

    Raises:
        AxisError: A label that is not one of the axes. SizeError: A size out of range.
    """
    made = []
    for label, k, s, d, p in zip(labels, per_axis("kernel", kernel, labels),
                                 per_axis("stride", stride, labels, 1),
                                 per_axis("dilation", dilation, labels, 1),
                                 per_axis("padding", padding, labels, 0)):
        k, s, d = (integer(f"the {what} of {label}", value)
                   for what, value in (("kernel", k), ("stride", s), ("dilation", d)))
        if isinstance(p, str) and p == "same":
            before = d * (k - 1) // 2
            after = d * (k - 1) - before
        else:
            pair = tuple(p) if isinstance(p, (tuple, list)) else (p, p)
            if len(pair) != 2:
                raise SizeError(f"the padding of {label} has {len(pair)} values", want="(before, after)")
            before, after = (integer(f"the padding of {label}", value, 0) for value in pair)
        made.append(Window(Label(label), k, s, d, before, after))
    return tuple(made)
