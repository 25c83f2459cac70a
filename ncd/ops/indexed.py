"""Reading and writing at integer positions held in an array: gather and segment."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from ncd.core.array import Array
from ncd.core.axis import Axis, Label
from ncd.core.op import Operation, leading_axes
from ncd.errors import AxisError, SizeError
from ncd.ops.monoid import SUM, Monoid
from ncd.ops.multilinear import union_axes


def _check_index(index: Array, size, what: str) -> None:
    if index.dtype != "int":
        raise AxisError(f"{what} wants integers", have=str(index), want=f"index({size})")
    if index.bound is not None and index.bound != size:
        raise SizeError(f"{what} indexes an axis of another size",
                        have=f"index({index.bound})", want=f"index({size})")


@dataclass(frozen=True)
class Gather(Operation):
    """Read an array at integer positions along one axis.

    Type:      n f, e : index(n) -> e f  (labels that both inputs have are batches)
    Equation:  out[e, f] = table[index[e], f]
    Flags:     deterministic, linear in the table
    Raises:    AxisError if the index is not an integer array; SizeError if its bound is
               another size.
    """

    table: Array
    index: Array
    axis: Label

    primitive = True
    any_dtype = (0,)
    linear = (0,)
    multilinear = True

    def __post_init__(self):
        super().__post_init__()
        _check_index(self.index, self.table.size(self.axis), "gather")
        if self.axis in self.index.labels:
            raise AxisError(f"the index has the gathered axis {self.axis}", have=str(self.index),
                            mend="rename the index's axis")
        shared = [self.index.with_axes(self.table.without(self.axis)), self.index]
        union_axes(tuple(shared))

    @property
    def dom(self):
        return (self.table, self.index)

    @cached_property
    def cod(self):
        new = self.index.without(*self.table.labels)
        return (self.table.with_axes(self.table.replace((self.axis,), new)),)

    @property
    def own(self):
        return frozenset((self.axis,))

    @property
    def name(self) -> str:
        return f"gather[{self.axis}]"

    def extend(self, arrays):
        return Gather(*arrays, self.axis)


@dataclass(frozen=True)
class Segment(Operation):
    """Fold entries into the segments that integers name: the transpose of gather for the sum.

    Type:      e f, e : index(n) -> n f  (labels that both inputs have are batches; axes that only the
               index has stand before those of the values, after the batches that lead both)
    Equation:  out[n, f] = ⊕ over e with index[e] = n of values[e, f]; the unit where none is
    Flags:     deterministic, linear in the values for the sum
    """

    monoid: Monoid
    values: Array
    index: Array
    axis: Label
    out: Axis

    primitive = True

    def __post_init__(self):
        super().__post_init__()
        _check_index(self.index, self.out.size, "segment")
        if self.values.size(self.axis) != self.index.size(self.axis):
            raise SizeError(f"values and index differ on {self.axis}",
                            have=str(self.values.size(self.axis)), want=str(self.index.size(self.axis)))
        union_axes((self.values.with_axes(self.values.without(self.axis)), self.index))
        kinds = self.monoid.kinds
        if kinds == ("float", "int") and math.isinf(self.monoid.unit):
            kinds = ("float",)              # an empty segment has no integer to hold
        if self.values.dtype not in kinds:
            raise AxisError(f"`segment_{self.monoid.name}` does not fold {self.values.dtype} entries",
                            have=str(self.values), want=" or ".join(kinds),
                            mend="compare it first" if "bool" in kinds else
                            'make it float: ncd.elementwise("to_float")')

    @property
    def any_dtype(self):
        return () if "bool" in self.monoid.kinds else (0,)

    @property
    def dom(self):
        return (self.values, self.index)

    @cached_property
    def cod(self):
        new = self.index.without(self.axis, *self.values.labels)
        axes = self.values.replace((self.axis,), (self.out,))
        front = min(self.values.labels.index(self.axis), leading_axes(self.values, self.index))
        return (self.values.with_axes((*axes[:front], *new, *axes[front:])).unbounded(),)

    @property
    def linear(self):
        return (0,) if self.monoid == SUM else ()

    @property
    def multilinear(self):
        return True

    @property
    def own(self):
        return frozenset((self.axis, self.out.label))

    @property
    def name(self) -> str:
        return f"segment_{self.monoid.name}[{self.axis} -> {self.out}]"

    def extend(self, arrays):
        return Segment(self.monoid, *arrays, self.axis, self.out)
