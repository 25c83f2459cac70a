"""Multi-axes: neighbouring axes of an array as one double wire with a bold label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ncd.algebra.convert import ONE, Size
from ncd.core.array import Array
from ncd.core.axis import Axis, Label, fresh
from ncd.interpret.draw.scene.mathtext import BOLD, Run, Runs, clipped, size_runs
from ncd.interpret.draw.scene.metrics import DOUBLE, RISE

Groups = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class MultiAxis(Axis):
    """Several axes as one; its size is their product."""

    parts: tuple[Axis, ...] = ()

    def __hash__(self):
        return self._hash

    def __str__(self):
        return f"{self.label}=({' '.join(map(str, self.parts))})"


def kind_of(array: Array, row: int) -> str:
    """The kind of the wire of a row: an axis, several as one, or a number."""
    if not array.axes:
        return "scalar"
    return "double" if isinstance(array.axes[row], MultiAxis) else "wire"


def rise(kind: str) -> float:
    """How far the foot of a label stands above the middle of a wire of a kind."""
    return RISE + (0.75 * DOUBLE if kind == "double" else 0.0)


def merged_array(array: Array, groups: Groups) -> Array:
    """The array with each group of neighbouring axes as one axis.

    >>> from ncd.core.axis import Axis
    >>> [str(axis) for axis in merged_array(Array([Axis("h"), Axis("w"), Axis("c")]), {"x": ("h", "w")}).axes]
    ['x=(h w)', 'c']
    """
    rows = rows_of_axes(array, groups)
    if len(rows) == len(array.axes):
        return array
    kept = {array.axes[row[0]].label for row in rows if len(row) == 1}
    axes = [array.axes[row[0]] if len(row) == 1 else _multi(name, [array.axes[j] for j in row], kept)
            for row, name in zip(rows, _names(array, rows, groups))]
    return array.with_axes(axes)


def rows_of_axes(array: Array, groups: Groups) -> list[tuple[int, ...]]:
    """The axes of each row, where they stand: a group that is there whole, and together, is one row."""
    first = {parts[0]: parts for parts in groups.values()}
    rows, at = [], 0
    while at < len(array.labels):
        parts = first.get(array.labels[at], ())
        count = len(parts) if parts and array.labels[at:at + len(parts)] == parts else 1
        rows.append(tuple(range(at, at + count)))
        at += count
    return rows


def _names(array: Array, rows, groups: Groups) -> list[str]:
    names = {parts: name for name, parts in groups.items()}
    return [names.get(tuple(array.labels[j] for j in row), "") for row in rows]


def _multi(name: str, parts: Sequence[Axis], taken: set) -> MultiAxis:
    size = ONE
    for part in parts:
        size = size * part.size
    return MultiAxis(fresh(Label(name), taken), size, tuple(parts))


def multi_runs(axis: MultiAxis) -> Runs:
    """A bold label, and the size where it is not its own: ``𝐱``, ``𝐱=28²``, ``𝐱=⌊x/2⌋``."""
    label = (Run(axis.label, BOLD),)
    if all("=" not in str(part) for part in axis.parts):
        if axis.label[0].isdigit() or not axis.parts[0].label[0].isdigit():
            return label
        return (Run(axis.parts[0].label.rstrip("'")), Run(str(len(axis.parts)), level=1))
    own = Size.symbol(axis.label)
    sizes = {part.size.substitute({part.label: own}) for part in axis.parts}
    if len(sizes) > 1:
        shown: list[Run] = []
        for part in axis.parts:
            shown += ([Run("×")] if shown else []) + list(size_runs(part.size))
        return clipped((*label, Run("="), *shown))
    (size,) = sizes
    power = () if axis.label in size.symbols else (Run(str(len(axis.parts)), level=1),)
    return clipped((*label, Run("="), *size_runs(size), *power))
