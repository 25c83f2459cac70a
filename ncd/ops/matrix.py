"""Linear algebra that is not multilinear: solving and eigendecomposition."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from ncd.algebra.convert import as_size
from ncd.core.array import Array
from ncd.core.axis import Axis, Label
from ncd.core.op import Operation, leading_axes
from ncd.errors import SizeError
from ncd.ops.multilinear import union_axes


def _square(matrix: Array, row: str, column: str) -> None:
    if matrix.size(row) != matrix.size(column):
        raise SizeError("a square matrix is wanted", have=str(matrix),
                        want=f"{row} and {column} of one size")


@dataclass(frozen=True)
class Solve(Operation):
    """Solve a square linear system.

    Type:      row column, row r -> column r  (labels that both inputs have are batches; axes that only
               the matrix has stand before those of the right-hand side, after the batches that lead both)
    Equation:  Σ_column matrix[row, column] out[column, r] = right[row, r]
    Flags:     deterministic, linear in the right-hand side
    """

    matrix: Array
    right: Array
    row: Label
    column: Label

    primitive = True
    linear = (1,)
    multilinear = True

    def __post_init__(self):
        super().__post_init__()
        _square(self.matrix, self.row, self.column)
        union_axes((self.matrix, self.right))

    @property
    def dom(self):
        return (self.matrix, self.right)

    @cached_property
    def cod(self):
        axes = self.right.replace((self.row,), (self.matrix.axis(self.column),))
        batch = self.matrix.without(self.row, self.column, *self.right.labels)
        front = min(self.right.labels.index(self.row), leading_axes(self.matrix, self.right))
        return (self.right.with_axes((*axes[:front], *batch, *axes[front:])),)

    @property
    def own(self):
        return frozenset((self.row, self.column))

    @property
    def name(self) -> str:
        return f"solve[{self.row} {self.column}]"

    def extend(self, arrays):
        return Solve(*arrays, self.row, self.column)


@dataclass(frozen=True)
class Eigh(Operation):
    """The eigenvalues, in increasing order, and orthonormal eigenvectors of a symmetric matrix.

    Type:      row column -> out, row out
    Equation:  Σ_column matrix[row, column] vectors[column, out] = values[out] vectors[row, out]
    Flags:     deterministic; vectors are fixed up to sign and, when values repeat, rotation
    """

    matrix: Array
    row: Label
    column: Label
    out: Label

    primitive = True

    def __post_init__(self):
        super().__post_init__()
        _square(self.matrix, self.row, self.column)

    @property
    def dom(self):
        return (self.matrix,)

    @cached_property
    def cod(self):
        out = Axis(self.out, as_size(self.matrix.size(self.row)))
        row = self.matrix.axis(self.row)
        pair = (self.row, self.column)
        return (self.matrix.with_axes(self.matrix.replace(pair, (out,))),
                self.matrix.with_axes(self.matrix.replace(pair, (row, out))))

    @property
    def own(self):
        return frozenset((self.row, self.column, self.out))

    @property
    def name(self) -> str:
        return f"eigh[{self.row} {self.column}]"

    def extend(self, arrays):
        return Eigh(arrays[0], self.row, self.column, self.out)
