"""The rows of a cost that is cut into parts, or by axis."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from ncd.algebra.convert import Size
from ncd.errors import escaped as visible


def counted(name: str, count: Size) -> str:
    """A name and how often it stands there.

    >>> counted("add", Size(1)), counted("add", Size(1200)), counted("add", Size("19*N + 2"))
    ('add', 'add ×1,200', 'add ×(19*N + 2)')
    """
    name = visible(name)
    if count.constant is not None:
        return name if count == 1 else f"{name} ×{count.constant:,}"
    return f"{name} ×({count})" if len(count.terms) > 1 else f"{name} ×{count}"


@dataclass(frozen=True)
class Row:
    """A part of a diagram: its name, how often it stands there, its level, what it adds to each sum."""

    name: str
    count: Size
    level: int
    sums: Mapping[str, Size]

    @property
    def title(self) -> str:
        return counted(self.name, self.count)


@dataclass(frozen=True)
class AxisRow:
    """How the measures grow with one axis, the others fixed.

    Attributes:
        axis: The symbol of its size.
        size: Its number, None where it is not given.
        powers: {measure: the power with which it grows in the axis in the end, inf for 2**x}.
        percents: {measure: by how many percent it grows where the axis grows by one}, of those that have
            a number.
    """

    axis: str
    size: int | float | None
    powers: Mapping[str, Fraction | int | float]
    percents: Mapping[str, float]


class Rows(list):
    """The rows of a cut, in order.

    Attributes:
        by: What it is cut by: ``"block"``, ``"operation"`` or ``"axis"``.
        total: The row of the whole.
        sizes: The numbers given; with them the table has numbers and shares.
    """

    def __init__(self, rows: Iterable[Row | AxisRow], by: str, total: Row, sizes: Mapping[str, int | float]):
        super().__init__(rows)
        self.by, self.total, self.sizes = by, total, sizes
