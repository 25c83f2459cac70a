"""Memory levels: what moves to and from each, and what lies there at once, without partitions.

The model is that of Abbott & Zardini, "FlashAttention on a Napkin", arXiv 2412.03317: operations run at
the lowest level, every wire has a path of levels that it lies on, H is what is moved to and from a
level, M the most that lies there at any column.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from ncd.algebra.convert import Size
from ncd.core.argument import public
from ncd.core.array import Array
from ncd.errors import NcdError, escaped
from ncd.interpret.cost import cost_of
from ncd.interpret.cost.leaves import flatten
from ncd.interpret.cost.meter import Meter
from ncd.plan.machine.machine import Machine, in_dtype, in_values, machine
from ncd.plan.machine.residency import Layout, Traffic


class Amount(NamedTuple):
    """One amount in both units: values (elements) and bytes."""

    values: Size
    bytes: Size


class Step(NamedTuple):
    """One operation: what it moves to and from each lower level, and what lies on each level meanwhile."""

    node: int
    name: str
    moved: dict[str, Amount]
    resident: dict[str, Amount]


class Hierarchy:
    """What a diagram moves between levels of memory and holds on them.

    Attributes:
        levels: The names of the levels, device memory first; operations run at the last.
        moved: {level: H}, for every level but the first: what it takes from the level above and returns.
        resident: {level: M}: the most that lies on it at any column.
        steps: The same by operation, in order; its numbers are those that ``fuse`` takes.
        bytes: H of the first level below the device memory, its traffic.
    Each amount has ``values`` and ``bytes``.
    """

    def __init__(self, cost, levels: tuple[str, ...], dtype: str, fuse, residency):
        self._cost, self.diagram, self.levels, self.dtype = cost, cost.diagram, levels, dtype
        table, convention = cost.meter.table, cost.convention
        meters = [Meter(table, in_values(convention)), Meter(table, in_dtype(convention, dtype))]
        self._flat = flatten(meters[0], self.diagram)
        layout = Layout(self._flat, levels, groups(fuse, levels, self._flat), residency)
        for meter in meters:
            meter.measure(self.diagram)
        slots = [slot.array for slot in cost.slots.values()]
        self._traffic = [Traffic(layout, meter, slots) for meter in meters]

    def _pair(self, name: str, level: int, node: int | None = None) -> Amount:
        found = (getattr(traffic, name)[level] for traffic in self._traffic)
        return Amount(*((item if node is None else item[node]) for item in found))

    @cached_property
    def moved(self) -> dict[str, Amount]:
        return {name: self._pair("moved", level) for level, name in enumerate(self.levels) if level}

    @cached_property
    def resident(self) -> dict[str, Amount]:
        return {name: self._pair("resident", level) for level, name in enumerate(self.levels)}

    @cached_property
    def steps(self) -> list[Step]:
        named = list(enumerate(self.levels))
        return [Step(node, self._flat.label(node),
                     {name: self._pair("moves", level, node) for level, name in named[1:]},
                     {name: self._pair("columns", level, node) for level, name in named})
                for node in range(len(self._flat.graph))]

    @property
    def bytes(self) -> Size:
        return self.moved[self.levels[1]].bytes

    def seconds(self, on: Machine | str) -> dict[str, Size]:
        """{level: seconds} that its traffic takes at the bandwidth of the level above it.

        Raises:
            NcdError: The machine lacks such a level, or states no bandwidth of it.
        """
        on = machine(on)
        return {below: self.moved[below].bytes / on.bandwidth(above)
                for above, below in zip(self.levels, self.levels[1:])}

    def conditions(self, on: Machine | str) -> dict:
        """{level: M <= capacity} in bytes, SymPy relations in the sizes; true or false where known.

        Raises:
            NcdError: The machine lacks such a level, or states no capacity of it.
        """
        return {name: self.resident[name].bytes.sympy <= _rational(capacity)
                for name, capacity in self._capacities(on).items()}

    def fits(self, on: Machine | str, **sizes) -> bool:
        """Whether everything fits at given sizes: M <= capacity at every level.

        Raises:
            NcdError: The machine lacks such a level, or states no capacity of it.
            SizeError: A size is not given.
        """
        numbers = self._cost.sized(sizes)
        return all(self.resident[name].bytes.evaluate(numbers) <= capacity
                   for name, capacity in self._capacities(on).items())

    def _capacities(self, on: Machine | str) -> dict:
        on, found = machine(on), {}
        for name in self.levels:
            found[name] = on.level(name).capacity
            if found[name] is None:
                raise NcdError(f"no capacity of {name} is stated for {on.name}",
                               mend=f'machine.with_level(Level("{name}", bytes))')
        return found

    def evaluate(self, **sizes) -> dict[str, dict[str, int | float]]:
        """{"moved", "resident": {level: bytes}} at given sizes.

        Raises:
            SizeError: A size is not given.
        """
        numbers = self._cost.sized(sizes)
        return {what: {name: amount.bytes.evaluate(numbers) for name, amount in getattr(self, what).items()}
                for what in ("moved", "resident")}

    def __str__(self):
        rows = [("level", "moved (bytes)", "resident (bytes)")]
        rows += [(escaped(name), str(self.moved[name].bytes) if level else "", str(self.resident[name].bytes))
                 for level, name in enumerate(self.levels)]
        widths = [max(map(len, column)) for column in zip(*rows)]
        return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
                         for row in rows)

    def __repr__(self):
        return f"<memory levels of {self.diagram}>\n{self}"


def _rational(value):
    import sympy
    return sympy.Rational(value.numerator, value.denominator)


@public
def hierarchy(cost, levels: Sequence[str] = ("device", "shared"), dtype: str = "bfloat16",
              fuse: Sequence | Mapping = (),
              residency: Mapping[int, Sequence[str]] | Callable[[int, Array], Sequence[str] | None]
              | None = None) -> Hierarchy:
    """What a diagram moves between levels of memory, and what lies on each at once.

    Equation:  H_l = Σ over operations of what each takes from above l and returns; M_l = max over columns
    Parameters:
        cost: A cost, or a diagram; blocks are opened, a scan stays one operation.
        levels: Names of levels, the device memory first.
        dtype: What floats are kept in (bytes).
        fuse: Ranges of operations ``(first, last + 1)`` by their number in ``steps``, whose inner
            wires stay on the second level; or ``{level: ranges}``. A fused range reads what it needs
            once, and returns what is used after it.
        residency: For wires of the flat diagram (inputs first, then what each operation makes) the
            path of levels that they lie on, highest first: ``{3: ("shared",)}``. Where it says
            nothing a wire lies in device memory and passes every level.
    Nothing is partitioned: whole arrays lie at the lowest level, so that M is what an unpartitioned
    kernel would need. Unfused, H of two levels is the ``reads`` plus the ``writes`` of the cost.
    What is read in part (a gather, a window) and what a scan moves is moved whenever it is read.
    Raises:    NcdError for levels or ranges that do not nest, or unknown levels.
    Source:    Abbott & Zardini 2025, arXiv 2412.03317.

    >>> from ncd.construct.notation import einsum
    >>> from ncd.construct.generators import elementwise
    >>> chain = einsum("a b, b c -> a c") >> elementwise("tanh")
    >>> print(hierarchy(chain).moved["shared"].values)
    a*b + 3*a*c + b*c
    >>> print(hierarchy(chain, fuse=[(0, 2)]).moved["shared"].values)
    a*b + a*c + b*c
    """
    if isinstance(levels, Machine):
        levels = [level.name for level in levels.levels]
    levels = tuple(levels)
    if len(levels) < 2 or len(set(levels)) < len(levels):
        raise NcdError("a hierarchy has two levels or more with names of their own",
                       have=", ".join(levels) or "none", want="device, shared")
    cost = cost_of(cost)
    return Hierarchy(cost, levels, dtype, fuse, residency)


def _range(item) -> range:
    if isinstance(item, range):
        return item
    if not isinstance(item, (tuple, list)) or [*map(type, item)] != [int, int]:
        raise NcdError(f"{item!r:.60} is no range of operations", want="(first, last + 1)")
    return range(*item)


def groups(fuse, levels: tuple[str, ...], flat) -> list[list[range]]:
    """For each level its fused ranges, those of deeper levels that no range of its own holds with them.

    Raises:
        NcdError: A range beyond the operations; ranges that overlap or cross those of a deeper level.
    """
    given = fuse if isinstance(fuse, Mapping) else {levels[1]: fuse}
    unknown = sorted(set(given) - set(levels[1:]))
    if unknown:
        raise NcdError(f"nothing is fused at {', '.join(unknown)}", want=", ".join(levels[1:]))
    count, made = len(flat.graph), [[] for _ in levels]
    deeper: list[range] = []
    for level in reversed(range(1, len(levels))):
        own = sorted(map(_range, given.get(levels[level], ())), key=lambda r: r.start)
        for part in own:
            if not (0 <= part.start < part.stop <= count and part.step == 1):
                raise NcdError(f"no operations {part.start} to {part.stop}", have=f"{count} operations",
                               want=f"a range (first, last + 1) within 0 to {count}")
        kept = []
        for part in deeper:
            holders = [o for o in own if o.start < part.stop and part.start < o.stop]
            if any(not (o.start <= part.start and part.stop <= o.stop) for o in holders):
                raise NcdError(f"the ranges fused at {levels[level]} cross one of a lower level",
                               have=f"{part.start} to {part.stop}", want="ranges that nest")
            if not holders:
                kept.append(part)
        made[level] = sorted(own + kept, key=lambda r: r.start)
        for left, right in zip(made[level], made[level][1:]):
            if right.start < left.stop:
                raise NcdError(f"two ranges fused at {levels[level]} overlap",
                               have=f"{left.start} to {left.stop}, {right.start} to {right.stop}")
        deeper = made[level]
    return made


