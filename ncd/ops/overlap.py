"""Entries laid over one another and added up: the transpose of reading an array at overlapping windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from ncd.algebra.convert import ONE, ZERO, Size
from ncd.core.array import Array
from ncd.core.axis import Axis, Label, fresh
from ncd.core.category import Diagram
from ncd.core.graph import Graph
from ncd.core.op import Operation, place_lifted
from ncd.errors import AxisError
from ncd.ops.monoid import SUM
from ncd.ops.multilinear import Reindex, Row, affine
from ncd.ops.pointwise import Reduce


@dataclass(frozen=True)
class Overlap(Operation):
    """Put every entry of an array at an affine function of its indices, and add up what meets.

    Type:      array -> axes
    Equation:  out[q] = Σ array[p] over the p with q = j(p),  j(p) = (v + Λ p) / d for each result axis;
               an entry whose place is out of range or not whole is dropped
    It is the transpose of a reindexing whose rows share no index, as windows on several axes. Entries that
    meet are added, and nothing else is done: where a window leaves a hole there is a 0.
    Flags:     deterministic, linear
    Raises:    AxisError unless each index of the array stands in exactly one row.
    """

    array: Array
    axes: tuple[Axis, ...]
    rows: tuple[Row, ...]

    linear = (0,)

    def __post_init__(self):
        super().__post_init__()
        read = [label for row in self.rows for label, _ in row.terms]
        if len(self.rows) != len(self.axes) or sorted(read) != sorted(self.array.labels) or not all(
                row.terms for row in self.rows):
            raise AxisError("each index of an array that is laid on others stands in one row",
                            have=f"{' '.join(read)} of `{self.array}`", want=" ".join(self.array.labels))

    @property
    def dom(self):
        return (self.array,)

    @cached_property
    def cod(self):
        return (self.array.with_axes(self.axes),)

    @property
    def transposed(self) -> Reindex:
        """The reindexing that reads the result at the places of the entries."""
        return Reindex(self.cod[0], self.array.axes, self.rows, 0.0)

    @property
    def own(self):
        """The axes that are laid over one another; the others stay as they are."""
        same = {axis.label for axis, row in zip(self.axes, self.rows)
                if row == affine(0, {axis.label: 1}) and axis in self.array.axes}
        return frozenset(label for array in (self.array, *self.cod) for label in array.labels) - same

    @property
    def name(self) -> str:
        return f"overlap{self.transposed.name[len('reindex'):]}"

    def extend(self, arrays):
        (array,) = arrays
        known = dict(zip(self.cod[0].labels, self.rows))
        axes = place_lifted(self.dom, arrays, self.cod[0]).axes
        rows = tuple(known.get(axis.label) or affine(0, {axis.label: 1}) for axis in axes)
        return Overlap(array, axes, rows)

    def definition(self) -> Diagram:
        """Each row solved for one of its indices, and the sum over the others."""
        read, summed = solved(self.array, self.axes, self.rows)
        graph = Graph(self.dom)
        (wire,) = graph.add(Reindex(self.array, (*self.axes, *summed), read, 0.0), (0,))
        if summed:
            labels = tuple(axis.label for axis in summed)
            (wire,) = graph.add(Reduce(SUM, graph.types[wire], labels), (wire,))
        graph.outputs = (wire,)
        return Diagram.from_graph(graph)


def solved(array: Array, axes: Sequence[Axis],
           rows: Sequence[Row]) -> tuple[tuple[Row, ...], tuple[Axis, ...]]:
    """Where the entries at places q are read: a row for each axis of the array, and new axes to sum over.

    Equation:  q = (v + Σ c·p)/d solved for one p: p = (d·q − v − Σ c'·p')/c, for every p' that is summed
    """
    read: dict[Label, Row] = {}
    taken, summed = {axis.label for axis in axes}, []
    for axis, row in zip(axes, rows):
        pivot, c = _pivot(row, array)
        sign = -1 if c != ZERO and (-c).is_nonnegative else 1
        terms = [(axis.label, row.divisor * sign)]
        for label, coefficient in row.terms:
            if label != pivot:
                name = fresh(label, taken)
                taken.add(name)
                summed.append(Axis(name, array.size(label)))
                read[label] = affine(0, {name: 1})
                terms.append((name, -coefficient * sign))
        read[pivot] = affine(-row.offset * sign, terms, c * sign)
    return tuple(read[label] for label in array.labels), tuple(summed)


def _pivot(row: Row, array: Array) -> tuple[Label, Size]:
    """The index to solve for: the one with the most values, so that the fewest are summed."""
    def most(term):
        size = array.size(term[0]).constant
        return float("inf") if size is None else size
    return max(row.terms, key=most)


def is_bijective(row: Row, size: Size, other: Size) -> bool:
    """Whether a row with one index reads every entry once: as it stands, or turned round."""
    if size != other or row.divisor != ONE or len(row.terms) != 1:
        return False
    return (row.terms[0][1], row.offset) in ((ONE, ZERO), (-ONE, size - 1))
