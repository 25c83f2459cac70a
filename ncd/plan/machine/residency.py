"""Where the wires of a flat diagram lie, and what that moves: the arithmetic of memory levels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property

from ncd.algebra.convert import ZERO, Size
from ncd.core.array import Array
from ncd.core.graph import Graph
from ncd.core.op import Operation
from ncd.errors import ArgumentError, NcdError
from ncd.interpret.cost.leaves import flatten, memory_roots
from ncd.interpret.cost.meter import Meter, Total, _largest
from ncd.interpret.cost.rules import array_bytes, total_bytes
from ncd.ops.control import Scan
from ncd.ops.indexed import Gather
from ncd.ops.source import Key, Parameter
from ncd.traverse.flat import Flat


class Layout:
    """Which levels each wire lies on, and which operations run together at each level.

    Attributes:
        parts: For each level below the first the ranges of operations between which its contents
            pass to the level above; an operation that is not fused is a range of its own.
        paths: For each wire the levels that it lies on, as numbers, its home first.
        home: For each root the level where it waits between operations.
        last: For each root the last operation that reads it, the number of operations for outputs.
    """

    def __init__(self, flat: Flat, levels: tuple[str, ...], fused: list[list[range]], residency=None):
        self.flat, self.graph, self.levels = flat, flat.graph, levels
        count = len(self.graph)
        self.roots = memory_roots(flat)
        self.fused = [{node: part for part in parts for node in part} for parts in fused]
        self.parts = [[part.get(n, range(n, n + 1)) for n in range(count)] for part in self.fused]
        self.last = [-1] * len(self.roots)
        for wire, node in enumerate(self.graph.last_use):
            root = self.roots[wire]
            self.last[root] = max(self.last[root], node)
        wires = range(len(self.roots))
        if isinstance(residency, Mapping) and (odd := [key for key in residency if key not in wires]):
            raise NcdError(f"there is no wire {', '.join(map(repr, odd[:8]))}",
                           want=f"0 to {len(self.roots) - 1}: inputs first, then what each operation makes")
        self.paths = [self._path(wire, residency) for wire in range(len(self.roots))]
        self.home = [self._home(root) for root in range(len(self.roots))]

    def _path(self, wire: int, residency) -> tuple[int, ...]:
        array, found = self.graph.types[wire], None
        if isinstance(residency, Mapping):
            found = residency.get(wire)
        elif residency is not None:
            try:
                found = residency(wire, array)
            except TypeError as error:
                raise ArgumentError(f"residency is a function of a wire and its array: {error}",
                                    example='residency=lambda wire, array: ("shared",)') from None
        if found is None:
            return tuple(range(len(self.levels)))
        names = (found,) if isinstance(found, str) else tuple(found) if isinstance(found, Iterable) else ()
        unknown = [name for name in names if name not in self.levels]
        path = tuple(self.levels.index(name) for name in names if not unknown)
        if unknown or not path or list(path) != sorted(set(path)):
            raise NcdError(f"the wire {wire} lies on no path of levels", wire=str(array),
                           have=", ".join(names) or "none",
                           want=f"some of {', '.join(self.levels)}, in order")
        return path

    def _home(self, root: int) -> int:
        """The deepest level at which it is made and used up inside one fused range."""
        node, home = self.graph.producer[root], self.paths[root][0]
        if node >= 0 and not isinstance(self.graph.ops[node], (Parameter, Key)):
            for level in range(1, len(self.levels)):
                part = self.fused[level].get(node)
                if part is not None and self.last[root] < part.stop:
                    home = max(home, level)
        return home


class Traffic:
    """What a layout moves and holds, in the unit of one meter.

    Attributes (by level; the first has no ``moved``):
        moves, columns: For each operation what it moves and what lies there meanwhile.
        moved, resident: Their sum and their maximum.
    """

    def __init__(self, layout: Layout, meter: Meter, slots: list[Array]):
        self.layout, self.meter, self.slots = layout, meter, slots
        self._splits: dict[Operation, tuple] = {}
        self._bodies: dict[int, Size] = {}

    @cached_property
    def moves(self) -> list[list[Size]]:
        levels = range(1, len(self.layout.levels))
        return [[], *([self._moved(level, node) for node in range(len(self.layout.graph))]
                      for level in levels)]

    @cached_property
    def columns(self) -> list[list[Size]]:
        return [self._device(), *(self._below(level) for level in range(1, len(self.layout.levels)))]

    @cached_property
    def moved(self) -> list[Size]:
        found = []
        for rows in self.moves:
            total = Total()
            for size in rows:
                total.add(size)
            found.append(total.size)
        return found

    @cached_property
    def resident(self) -> list[Size]:
        held = self._held() if not len(self.layout.graph) else ZERO
        return [_largest(list(dict.fromkeys(rows))) if rows else held if not level else ZERO
                for level, rows in enumerate(self.columns)]

    # -- one operation -------------------------------------------------------------
    def split(self, op: Operation) -> tuple[list[Size], Size, list[Size], Size]:
        """What an operation reads of each input and writes of each output, and what cannot be told apart.

        The sums are those of its cost: a view reads nothing, a gather the entries that it takes.
        """
        if op not in self._splits:
            convention = self.meter.convention
            _, _, reads, writes, _ = self.meter.sums(op)

            def shared(total: Size, arrays) -> tuple[list[Size], Size]:
                if isinstance(op, Scan):
                    return [ZERO] * len(arrays), total
                if total == total_bytes(tuple(arrays), convention):
                    return [array_bytes(array, convention) for array in arrays], ZERO
                if isinstance(op, Gather):
                    index = array_bytes(op.index, convention)
                    return [total - index, index], ZERO
                if len(arrays) == 1:
                    return [total], ZERO
                return [ZERO] * len(arrays), total
            self._splits[op] = (*shared(reads, op.dom), *shared(writes, op.cod))
        return self._splits[op]

    def _size(self, root: int) -> Size:
        return array_bytes(self.layout.graph.types[root], self.meter.convention)

    def _moved(self, level: int, node: int) -> Size:
        """What one operation takes to a level from above and returns."""
        layout, graph = self.layout, self.layout.graph
        fused = layout.fused[level].get(node)
        reads, other_reads, writes, other_writes = self.split(graph.ops[node])
        total = other_reads + other_writes
        for place, (wire, size) in enumerate(zip(graph.args[node], reads)):
            root = layout.roots[wire]
            there = fused is not None and (self._lies(root, level, fused, node) or any(
                layout.roots[w] == root and r == size for w, r in zip(graph.args[node][:place], reads)))
            if level in layout.paths[root][1:] and not there:
                total = total + size
        first = graph.first[node]
        for wire, size in enumerate(writes, first):
            returned = fused is None or layout.last[wire] >= fused.stop
            if level in layout.paths[wire][1:] and returned:
                total = total + size
        return total

    def _lies(self, root: int, level: int, part: range, node: int) -> bool:
        """Whether a whole array came to a level, or was made there, earlier in a fused range."""
        return self._arrivals(level, part).get(root, node) < node

    def _arrivals(self, level: int, part: range) -> dict[int, int]:
        """{root: the first operation of a range that makes it or reads it whole}."""
        known = self.__dict__.setdefault("_arrived", {})
        if (level, part.start) not in known:
            found: dict[int, int] = {}
            graph, roots = self.layout.graph, self.layout.roots
            for node in part:
                op = graph.ops[node]
                if isinstance(op, (Parameter, Key)):
                    continue
                reads, _, writes, _ = self.split(op)
                for wire, size in zip(graph.args[node], reads):
                    if size == self._size(roots[wire]) and size.terms:
                        found.setdefault(roots[wire], node)
                for wire in range(graph.first[node], graph.first[node] + len(writes)):
                    if roots[wire] == wire:
                        found.setdefault(wire, node)
            known[level, part.start] = found
        return known[level, part.start]

    # -- what lies where -------------------------------------------------------------
    def _held(self) -> Size:
        """Inputs and parameters lie in device memory throughout."""
        total, graph = Total(), self.layout.graph
        for array in self.slots:
            total.add(array_bytes(array, self.meter.convention))
        for wire, array in enumerate(graph.inputs):
            if self.layout.home[wire] == 0:
                total.add(array_bytes(array, self.meter.convention))
        return total.size

    def _device(self) -> list[Size]:
        layout, graph = self.layout, self.layout.graph
        live, rows = Total(), []
        live.add(self._held())
        ends: list[list[int]] = [[] for _ in range(len(graph) + 1)]
        for node, (op, _, wires) in enumerate(graph):
            for wire in wires:
                if layout.roots[wire] == wire and layout.home[wire] == 0 and not isinstance(op, Parameter):
                    live.add(self._size(wire))
                    ends[max(layout.last[wire], node)].append(wire)
            inside = self.meter.inside(op).peak if isinstance(op, Scan) else ZERO
            rows.append(live.size + inside)
            for wire in ends[node]:
                live.add(self._size(wire), -1)
        return rows

    def _below(self, level: int) -> list[Size]:
        """What lies on a lower level at each operation: what its range has brought and still needs,
        and what waits there."""
        layout, graph = self.layout, self.layout.graph
        begins: list[dict[int, Size]] = [{} for _ in range(len(graph) + 1)]
        ends: list[list[Size]] = [[] for _ in range(len(graph) + 1)]

        def stay(root: int, size: Size, first: int, last: int) -> None:
            if first < len(graph):
                begins[first][root] = begins[first].get(root, ZERO) + size
                ends[min(last, len(graph))].append(size)
        for root, home in enumerate(layout.home):
            if layout.roots[root] == root and layout.paths[root][0] == level == home:
                stay(root, self._size(root), max(graph.producer[root], 0),
                     max(layout.last[root], graph.producer[root]))
        seen = set()
        for part in layout.parts[level]:
            if part.start not in seen:
                seen.add(part.start)
                for root, size, first, last in self._touched(level, part):
                    stay(root, size, first, last)
        live, rows = Total(), []
        for node, op in enumerate(graph.ops):
            for size in begins[node].values():
                live.add(size)
            inside = self._body(op) if isinstance(op, Scan) else ZERO
            rows.append(live.size + inside)
            for size in ends[node]:
                live.add(size, -1)
        return rows

    def _touched(self, level: int, part: range):
        """(root, size, first, last) of what a range brings to a level: whole arrays stay until they are
        last used in it, parts of arrays for one operation."""
        layout, graph = self.layout, self.layout.graph
        whole: dict[int, list[int]] = {}
        for node in part:
            reads, _, writes, _ = self.split(graph.ops[node])
            pairs = list(zip(graph.args[node], reads))
            pairs += [(wire, size) for wire, size in enumerate(writes, graph.first[node])]
            brief: dict[int, Size] = {}
            for wire, size in pairs:
                root = layout.roots[wire]
                if level not in layout.paths[root][1:] or layout.home[root] > level or not size.terms:
                    continue
                if size == self._size(root):
                    whole.setdefault(root, [node, node])[1] = node
                else:
                    brief[root] = size
            for root, size in brief.items():
                if root not in whole:
                    yield root, size, node, node
        for root, (first, last) in whole.items():
            yield root, self._size(root), first, last

    def _body(self, scan: Scan) -> Size:
        """The most that one operation of a scan's body brings to the lowest level at once."""
        found, waiting = [], [scan.body]
        if id(scan) in self._bodies:
            return self._bodies[id(scan)]
        while waiting:
            flat = flatten(self.meter, waiting.pop())
            roots, graph = memory_roots(flat), flat.graph
            for node, op in enumerate(graph.ops):
                if isinstance(op, Scan):
                    waiting.append(op.body)
                    continue
                found.append(self._footprint(graph, node, roots))
        self._bodies[id(scan)] = _largest(list(dict.fromkeys(found)))
        return self._bodies[id(scan)]

    def _footprint(self, graph: Graph, node: int, roots: list[int]) -> Size:
        reads, other_reads, writes, other_writes = self.split(graph.ops[node])
        sizes = {roots[wire]: size for wire, size in zip(graph.args[node], reads)}
        sizes.update({wire: size for wire, size in enumerate(writes, graph.first[node]) if size.terms})
        return sum(sizes.values(), other_reads + other_writes)
