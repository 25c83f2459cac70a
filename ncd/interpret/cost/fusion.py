"""Bytes moved when producers and consumers are fused: each group of operations reads and writes memory once.

A group is at most one operation that gathers many entries (a contraction, a reduction, a sort, …) with
entrywise work before and after it, as compilers fuse them. It reads each array from outside once (what it
needs twice stays on chip) and writes what is used outside it. Views, constants and positions move nothing.

A loop is by itself: its steps read and write memory. A gather or a window reads what it takes, no more.

The groups, in order: an entrywise operation joins the last group that makes one of its inputs, unless that
is a loop; any other operation begins a group, and takes in a group of entrywise work that nothing else
reads. An edge between groups goes forward only, so the groups are a schedule.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from ncd.algebra.convert import Size
from ncd.core.array import Array
from ncd.core.category import Diagram
from ncd.core.graph import Graph
from ncd.core.op import Operation
from ncd.interpret.cost.leaves import flatten, memory_roots
from ncd.interpret.cost.meter import Meter, Total
from ncd.interpret.cost.rules import appends, array_bytes, is_view
from ncd.ops.control import Scan
from ncd.ops.indexed import Gather
from ncd.ops.multilinear import Reindex
from ncd.ops.pointwise import Map
from ncd.ops.source import Constant, Iota, Parameter
from ncd.traverse.flat import expanded

MOST = 200_000
"""Blocks are opened up to so many operations; beyond, each block is fused by itself."""

OUTSIDE = -1


class Groups(NamedTuple):
    """The operations of a flat diagram and the group of each; what each group reads and writes."""

    names: list[list[str]]
    reads: list[list[tuple[int, Array]]]
    writes: list[list[tuple[int, Array]]]


def traffic(meter: Meter, diagram: Diagram) -> tuple[Size, Size]:
    """Bytes read and bytes written, producers and consumers fused.

    >>> import ncd
    >>> cost = ncd.softmax("x").on("y x").cost()
    >>> cost.reads + cost.writes, cost.fused_reads + cost.fused_writes
    (32*x*y + 16*y, 16*x*y)
    """
    done: dict[int, tuple[Diagram, Size, Size]] = {}
    stack = [diagram]
    while stack:
        current = stack[-1]
        if id(current) in done:
            stack.pop()
            continue
        flat = _flat(meter, current)
        waiting = [body for op in flat.graph.ops if (body := _inside(meter, op)) is not None
                   and id(body) not in done]
        if waiting:
            stack += waiting
            continue
        stack.pop()
        done[id(current)] = (current, *_measure(meter, flat, done))
    return done[id(diagram)][1:]


def groups(meter: Meter, diagram: Diagram) -> Groups:
    """The groups of a diagram, in order: the names of their operations, the arrays they read and write."""
    flat = _flat(meter, diagram)
    group, count = _grouped(meter, flat)
    found = Groups([[] for _ in range(count)], [[] for _ in range(count)], [[] for _ in range(count)])
    for op, at in zip(flat.graph.ops, group):
        if at >= 0:
            found.names[at].append(op.name)
    reads, writes = _edges(flat, group)
    for at, wire in reads:
        found.reads[at].append((wire, flat.graph.types[wire]))
    made = _makers(flat, group)
    for wire in writes:
        if wire in made:                # a constant that is a result is written by no group
            found.writes[made[wire]].append((wire, flat.graph.types[wire]))
    kept = [n for n in range(count) if found.names[n]]
    return Groups(*([column[n] for n in kept] for column in found))


# -- a flat diagram ----------------------------------------------------------------------
class _Flat(NamedTuple):
    """A flat graph; ``root`` is the wire whose memory a wire is, ``free`` are the wires that need none."""

    graph: Graph
    root: list[int]
    free: frozenset[int]


def _inside(meter: Meter, op: Operation) -> Diagram | None:
    """The body that is measured by itself: a loop's, or a block's that stays closed."""
    return None if meter.operation(op) is not None else meter.body(op)


def _flat(meter: Meter, diagram: Diagram) -> _Flat:
    small = _instances(meter, diagram) <= MOST
    flat = flatten(meter, diagram) if small else expanded(diagram, lambda op: None)
    free = [wire for op, _, wires in flat.graph if isinstance(op, (Constant, Iota)) for wire in wires]
    return _Flat(flat.graph, memory_roots(flat), frozenset(free))


def _instances(meter: Meter, diagram: Diagram) -> int:
    """How many operations the diagram has with its blocks opened, loops counted as one."""
    counts: dict[int, tuple[Diagram, int]] = {}
    stack = [diagram]
    while stack:
        current = stack[-1]
        if id(current) in counts:
            stack.pop()
            continue
        inside = [None if isinstance(op, Scan) else _inside(meter, op) for op in current.graph.ops]
        waiting = [body for body in inside if body is not None and id(body) not in counts]
        if waiting:
            stack += waiting
            continue
        stack.pop()
        counts[id(current)] = (current, sum(1 if body is None else counts[id(body)][1] for body in inside))
    return counts[id(diagram)][1]


# -- groups ------------------------------------------------------------------------------
def _entrywise(op: Operation) -> bool:
    return isinstance(op, Map) or (isinstance(op, Reindex) and op.is_broadcast)


def _moves_nothing(op: Operation) -> bool:
    return is_view(op) or isinstance(op, (Constant, Iota, Parameter))


def _grouped(meter: Meter, flat: _Flat) -> tuple[list[int], int]:
    """The group of each operation, and how many there are; those that move nothing are outside."""
    readers: dict[int, list[int]] = {}
    for node, (op, reads, _) in enumerate(flat.graph):
        if not _moves_nothing(op):
            for wire in reads:
                readers.setdefault(flat.root[wire], []).append(node)
    kept = {flat.root[wire] for wire in flat.graph.outputs}
    group = [OUTSIDE] * len(flat.graph)
    made = [wires for _, _, wires in flat.graph]
    maker: dict[int, int] = {}                          # the operation that makes a wire's memory
    members: list[list[int]] = []
    anchored: list[bool] = []
    closed: list[bool] = []                             # a loop, or a block that stays closed
    for node, (op, reads, writes) in enumerate(flat.graph):
        if _moves_nothing(op):
            continue
        before = [group[maker[root]] for wire in reads if (root := flat.root[wire]) in maker]
        if _entrywise(op) and before and not closed[max(before)]:
            group[node] = max(before)
        else:
            group[node] = len(members)
            members.append([])
            anchored.append(not _entrywise(op))
            closed.append(_inside(meter, op) is not None)
            if anchored[-1] and not closed[-1] and not isinstance(op, (Gather, Reindex)):
                for other in set(before):
                    used = (reader for each in members[other] for wire in made[each]
                            for reader in readers.get(wire, ()))
                    if not anchored[other] and all(
                            reader == node or group[reader] == other for reader in used) and not any(
                            wire in kept for each in members[other] for wire in made[each]):
                        for each in members[other]:
                            group[each] = group[node]
                        members[group[node]] += members[other]
                        members[other] = []
        members[group[node]].append(node)
        maker.update(dict.fromkeys(writes, node))
    return group, len(members)


def _makers(flat: _Flat, group: list[int]) -> dict[int, int]:
    return {wire: at for (_, _, writes), at in zip(flat.graph, group) if at >= 0 for wire in writes}


def _edges(flat: _Flat, group: list[int], apart: Collection[int] = ()
           ) -> tuple[dict[tuple[int, int], None], dict[int, None]]:
    """What each group reads from outside it, {(group, wire)}, and the wires that are written.

    What the operations ``apart`` read is left out.
    """
    made = _makers(flat, group)
    reads: dict[tuple[int, int], None] = {}
    writes: dict[int, None] = {}
    for node, ((op, args, _), at) in enumerate(zip(flat.graph, group)):
        if at < 0:
            continue
        for wire in args:
            root = flat.root[wire]
            if root not in flat.free and made.get(root, OUTSIDE) != at:
                if node not in apart and not (wire == args[0] and appends(op)):
                    reads[at, root] = None
                if root in made:
                    writes[root] = None
    for wire in flat.graph.outputs:
        if flat.root[wire] in made or flat.root[wire] in flat.free:
            writes[flat.root[wire]] = None
    return reads, writes


def _measure(meter: Meter, flat: _Flat, done: dict) -> tuple[Size, Size]:
    group, _ = _grouped(meter, flat)
    # A body is measured by itself, and a gather or a window reads only what it takes.
    apart = {node: (op, wires) for node, (op, _, wires) in enumerate(flat.graph) if group[node] >= 0 and (
        _inside(meter, op) is not None or (isinstance(op, (Gather, Reindex)) and not _entrywise(op)))}
    reads, writes = _edges(flat, group, apart)
    made = _makers(flat, group)
    read, written, by_bodies = Total(), Total(), set()
    for _, root in reads:
        read.add(array_bytes(flat.graph.types[root], meter.convention))
    for op, wires in apart.values():
        body = _inside(meter, op)
        if body is None:
            read.add(meter.operation(op).reads)
            continue
        times = op.length if isinstance(op, Scan) else Size(1)
        read.add(done[id(body)][1] * times)
        written.add(done[id(body)][2] * times)
        by_bodies.update(wires)
    for root in writes:
        if root not in by_bodies:
            node = flat.graph.producer[root]
            op, args = flat.graph.ops[node], flat.graph.args[node]
            # What the rows are appended to is there already, unless the same group makes it.
            behind = appends(op) and made.get(flat.root[args[0]], OUTSIDE) != group[node]
            written.add(meter.operation(op).writes if behind else
                        array_bytes(flat.graph.types[root], meter.convention))
    return read.size, written.size
