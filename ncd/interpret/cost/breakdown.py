"""Where a cost comes from: the same sums, cut by block, by kind of operation, or by axis.

A cut by block opens blocks level by level; what is inside a loop is multiplied by its length. A cut by kind
goes through every body once, however often it stands. Both add up to the total, row by row. A cut by axis
says how each measure grows with each axis.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from ncd.algebra.assume import Assumptions
from ncd.algebra.asymptotics import leading
from ncd.algebra.convert import ONE, ZERO, Size
from ncd.algebra.regime import elasticity
from ncd.core.category import Diagram
from ncd.core.op import Operation
from ncd.errors import InputError
from ncd.interpret.cost import table
from ncd.interpret.cost.leaves import leaves
from ncd.interpret.cost.measurement import Measurement
from ncd.interpret.cost.meter import SUMS, Meter, Total
from ncd.interpret.cost.rows import AxisRow, Row, Rows
from ncd.ops.control import Broadcast, Opaque, Scan
from ncd.ops.multilinear import Einsum
from ncd.ops.pointwise import Map, Reduce

ADDED = (*SUMS, "params")
"""The measures that add up over the parts of a diagram."""

CUTS = ("block", "operation", "axis")
"""What a cost is cut by."""


class Cut(Rows):
    """The rows of a cut, in order; printed, a table of at most 80 columns."""

    def __str__(self):
        return table.axes(self) if self.by == "axis" else table.parts(self)

    __repr__ = __str__


def cut(cost: Measurement, by: str = "block", depth: int = 1, assume: Iterable[str] | Assumptions = (),
        sizes: Mapping[str, int | float] | None = None) -> Cut:
    """The rows of a cut, see :meth:`ncd.interpret.cost.Cost.by`."""
    if by not in CUTS:
        raise InputError(f"no cut by {by!r}", want=", ".join(CUTS))
    if not isinstance(depth, int) or depth < 1:
        raise InputError(f"depth = {depth!r}", want="how many levels of blocks to open, 1 or more")
    known, sizes = Assumptions.read(assume), dict(sizes or {})

    def settled(row: Row) -> Row:
        return row if not known.texts else replace(
            row, sums={name: known.simplify(size) for name, size in row.sums.items()})
    total = settled(Row("total", ONE, 0, {name: cost.exact[name] for name in ADDED}))
    if by == "axis":
        formulas = {name: known.simplify(cost.exact[name]) for name in table.GROWING}
        return Cut(by_axis(formulas, sorted(cost.symbols), sizes), by, total, sizes)
    rows = by_block(cost, depth) if by == "block" else by_operation(cost)
    return Cut(map(settled, rows), by, total, sizes)


def by_block(cost: Measurement, depth: int = 1) -> list[Row]:
    """A row for each operation of the diagram, equal ones together; those inside below it, to a depth.

    A diagram that is one block is opened first, and a loop of one block is named by it. Parameters that are
    tied stand where they come first.

    >>> import ncd
    >>> for row in by_block(ncd.zoo.residual_mlp().cost()):
    ...     print(row.title, row.sums["flops"], row.sums["params"], sep=": ")
    linear[m -> d]: 2*d*m*x + d*x: d*m + d
    relu: d*x: 0
    linear[d -> m]: 2*d*m*x + m*x: d*m + m
    add: m*x: 0
    """
    diagram, prefix, nodes = cost.diagram, (), ()
    while (block := _one_block(cost, diagram, prefix, nodes)) is not None:
        _, diagram, prefix, nodes = block
    learned = _learned(cost)
    rows: list[Row] = []
    stack = [(part, 0, ONE, ONE) for part in reversed(_parts(cost, diagram, prefix, learned, nodes))]
    while stack:
        part, level, times, copies = stack.pop()
        name, body, prefix, nodes = part.op.name, part.body, part.prefix, part.nodes
        block = None if body is None or not isinstance(part.op, Scan) else \
            _one_block(cost, body, prefix, nodes)
        if block is not None:           # a loop of one block is that block, many times
            name, body, prefix, nodes = block
        # What a loop learns is stacked: it is not multiplied by the length again.
        rows.append(Row(name, part.length * part.many, level, {
            name: size * (copies if name == "params" else times) for name, size in part.sums.items()}))
        if level + 1 < depth and body is not None:
            inner = _parts(cost, body, prefix, learned, nodes)
            stack += [(each, level + 1, times * part.length * part.many, copies * part.many)
                      for each in reversed(inner)]
    left = cost.exact["params"] - sum((row.sums["params"] for row in rows if row.level == 0), ZERO)
    if left.terms:                      # what blocks share by a name that is known everywhere
        rows.append(Row("shared parameters", ONE, 0, dict.fromkeys(SUMS, ZERO) | {"params": left}))
    return rows


def _one_block(cost: Measurement, diagram: Diagram, prefix: tuple[str, ...], nodes: tuple[int, ...]):
    """The name of a block that a diagram is, what is inside, its place and its nodes; None if it is none."""
    op = diagram.graph.ops[0] if len(diagram.graph) == 1 else None
    if op is None or isinstance(op, Scan) or cost.meter.operation(op) is not None:
        return None
    return op.name, cost.meter.body(op), _path(prefix, diagram.graph.places.get(0)), (*nodes, 0)


def _path(prefix: tuple[str, ...], place: str | None) -> tuple[str, ...]:
    """The names from the outermost block to a place; a tied one begins anew."""
    if place is None:
        return prefix
    return tuple(place[1:].split("/")) if place.startswith("/") else (*prefix, *place.split("/"))


def _learned(cost: Measurement) -> dict[tuple[str, ...], Size]:
    """How many learned numbers are at or below each place."""
    below: dict[tuple[str, ...], Total] = {}
    for path, slot in cost.slots.items():
        for length in range(1, len(path) + 1):
            below.setdefault(path[:length], Total()).add(ZERO if slot.stored else slot.array.elements)
    return {path: total.size for path, total in below.items()}


@dataclass
class _Part:
    """Equal operations of one level: how many, of what length, and what they are made of."""

    op: Operation
    sums: dict[str, Size]
    prefix: tuple[str, ...]
    nodes: tuple[int, ...]
    body: Diagram | None
    length: Size
    many: int = 1


def _parts(cost: Measurement, diagram: Diagram, prefix: tuple[str, ...], learned: Mapping,
           nodes: tuple[int, ...]) -> list[_Part]:
    graph, meter, found, seen = diagram.graph, cost.meter, {}, set()
    for node, op in enumerate(graph.ops):
        sums = dict(zip(SUMS, cost.less(meter.sums(op), (*nodes, node))))
        name = graph.places.get(node)
        path = _path(prefix, name)
        # A tied name holds its parameters once.
        sums["params"] = ZERO if name is None or path in seen else learned.get(path, ZERO)
        seen.add(path)
        if not any(size.terms for size in sums.values()):
            continue
        body = meter.body(op) if meter.operation(op) is None else None
        key = (op.name, *sums.values())
        if key in found:
            found[key].many += 1
        else:
            length = op.length if isinstance(op, Scan) else ONE
            found[key] = _Part(op, sums, path, (*nodes, node), body, length)
    for part in found.values():
        part.sums = {name: size * part.many for name, size in part.sums.items()}
    return list(found.values())


# -- by kind of operation ----------------------------------------------------------------
def kind(op: Operation) -> str:
    """What a primitive is called whatever its axes: its class and its function.

    >>> from ncd.construct import generators
    >>> kind(generators.elementwise("exp").graph.ops[0]), kind(generators.reduce("max", "x").graph.ops[0])
    ('map exp', 'reduce max')
    """
    if isinstance(op, Broadcast):
        return kind(op.op)
    if isinstance(op, Map):
        return f"map {op.function.name}"
    if isinstance(op, Reduce):
        return f"reduce {op.monoid.name}"
    if isinstance(op, Einsum):
        summed = {letter for letters in op.letters for letter in letters} - set(op.out_letters)
        form = "sum" if len(op.letters) == 1 else "contraction" if summed else "product"
        return f"einsum {form}" if op.semiring.name == "sum_product" else f"einsum {op.semiring.name}"
    return op.title if isinstance(op, Opaque) else type(op).__name__.lower()


def by_operation(cost: Measurement) -> list[Row]:
    """A row for each kind of primitive, through all bodies, with how many times it runs.

    >>> import ncd
    >>> for row in by_operation(ncd.zoo.scaled_attention().cost()):
    ...     print(row.title, row.sums["flops"], sep=": ")
    einsum contraction ×2: 4*k*x*y
    map multiply: x*y
    reduce max: x*y - y
    map subtract: x*y
    map exp: 0
    reduce sum: x*y - y
    map divide: x*y
    """
    meter = cost.meter
    times = _times(meter, cost.diagram)
    found: dict[str, tuple[Total, dict[str, Total]]] = {}
    for diagram, number in times:
        for op in diagram.graph.ops:
            if meter.operation(op) is None:
                continue
            sums = meter.sums(op)
            if not any(size.terms for size in sums):
                continue
            count, row = found.setdefault(kind(op), (Total(), {name: Total() for name in SUMS}))
            count.add(number)
            for name, size in zip(SUMS, sums):
                row[name].add(size * number)
    if cost.skipped is not None:
        for op, number, _, nodes in leaves(meter, cost.diagram):
            for name, size in zip(SUMS, cost.less((ZERO,) * len(SUMS), nodes)):
                if size.terms:
                    found[kind(op)][1][name].add(size * number)
    return [Row(name, count.size, 0, {each: total.size for each, total in row.items()})
            for name, (count, row) in found.items()]


def _times(meter: Meter, diagram: Diagram) -> list[tuple[Diagram, Size]]:
    """Each distinct body and how many times it runs: a sum over the bodies that hold it, outer ones first."""
    order = _outer_first(meter, diagram)
    counts: dict[int, Total] = {id(body): Total() for body in order}
    counts[id(diagram)].add(ONE)
    made = []
    for body in order:
        number = counts[id(body)].size
        made.append((body, number))
        for op in body.graph.ops:
            if meter.operation(op) is None:
                counts[id(meter.body(op))].add(number * op.length if isinstance(op, Scan) else number)
    return made


def _outer_first(meter: Meter, diagram: Diagram) -> list[Diagram]:
    """Every body once, each after all those that hold it: a reversed post-order."""
    done: dict[int, Diagram] = {}
    opened: set[int] = set()
    stack = [(diagram, False)]
    while stack:
        body, leave = stack.pop()
        if leave:
            done[id(body)] = body
        elif id(body) not in opened:
            opened.add(id(body))
            stack.append((body, True))
            stack += [(meter.body(op), False) for op in body.graph.ops
                      if meter.operation(op) is None and id(meter.body(op)) not in opened]
    return list(reversed(done.values()))


# -- by axis -----------------------------------------------------------------------------
def by_axis(formulas: Mapping[str, Size], axes: Iterable[str],
            sizes: Mapping[str, int | float]) -> list[AxisRow]:
    """A row for each axis: the power of each formula in it, and at sizes its percents.

    >>> for row in by_axis({"flops": Size("2*x**2*m + m")}, ["m", "x"], {"x": 10, "m": 3}):
    ...     print(row.axis, row.powers, round(row.percents["flops"], 3))
    m {'flops': 1} 1.0
    x {'flops': 2} 1.99
    """
    return [AxisRow(axis, sizes.get(axis), {
        name: leading(size, [axis])[0] for name, size in formulas.items()}, {
        name: elasticity(size, axis, sizes) if axis in size.symbols else 0.0
        for name, size in formulas.items() if sizes and size.symbols <= set(sizes)}) for axis in axes]
