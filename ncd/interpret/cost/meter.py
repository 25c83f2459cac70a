"""The functor to costs: sums along composition and tensor, exact in the axis sizes.

FLOPs, calls, bytes and parameters are functors to the additive monoid of sizes: a diagram's
is the sum over its operations, a block is measured once however often it stands, a scan is
its length times its body. Depth is the functor to max-plus matrices. Peak memory belongs to
the schedule that the graph is, and is only lax.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ncd.algebra.convert import ZERO, Atom, Size, extremum
from ncd.core.category import Diagram
from ncd.core.graph import Graph
from ncd.core.inside import holds_a_diagram
from ncd.core.op import Operation
from ncd.core.pause import without_collection
from ncd.errors import SizeError
from ncd.interpret.cost.convention import Convention
from ncd.interpret.cost.rules import OperationCost, array_bytes, is_view, lifted, stated, work
from ncd.interpret.interpretation import Interpretation
from ncd.ops.control import Broadcast, Opaque, Scan
from ncd.ops.source import Parameter

SUMS = ("flops", "transcendentals", "reads", "writes", "matrix_flops")
NARROW = 8                               # with more inputs the matrix of depths is not kept


class BodyCost(NamedTuple):
    """A diagram measured: its sums, the depth from each input to each output, its peak.

    ``returns`` says whose memory each output is: the input n (n), the output n (−1 − n, mostly its
    own), or a parameter's (None).
    """

    sums: tuple[Size, ...]
    depth: dict
    floor: tuple
    peak: Size
    returns: tuple[int | None, ...]


class Total:
    """A sum of sizes in one dictionary: adding a term costs its own monomials only."""

    def __init__(self):
        self.terms: dict = {}

    def add(self, size: Size, sign: int = 1) -> None:
        terms = self.terms
        for monomial, coefficient in size.terms.items():
            total = terms.get(monomial, 0) + sign * coefficient
            if total:
                terms[monomial] = total
            else:                       # what cancels is gone, so that a long sweep stays small
                terms.pop(monomial, None)

    @property
    def size(self) -> Size:
        return Size.of(self.terms)


class Meter:
    """Measures diagrams with one table and one convention, each distinct body once."""

    def __init__(self, table: Interpretation, convention: Convention, partial: bool = False):
        self.table, self.convention, self.partial = table, convention, partial
        self.unknown: dict[Operation, None] = {}        # without a rule, where that was allowed
        self.operations: dict[Operation, OperationCost | None] = {}
        # {id of an operation: (it, what its rule says, the equal one whose definition is measured)}
        self.known: dict[int, tuple[Operation, OperationCost | None, Operation]] = {}
        self.first: dict[Operation, Operation] = {}
        # Equal diagrams may be written in two orders, or hold operations that nothing reads: costs
        # belong to the schedule, {schedule: number} and {id of a diagram: (the diagram, its number)}.
        self.schedules: dict[tuple, int] = {}
        self.numbers: dict[int, tuple[Diagram, int]] = {}
        self.bodies: list[BodyCost] = []

    def operation(self, op: Operation) -> OperationCost | None:
        """The cost of an operation by its rule; None where its definition is to be measured."""
        found = self.known.get(id(op))
        if found is None:
            if op not in self.operations:
                self.operations[op] = self._by_rule(op)
            # Equal records have one definition; what holds a diagram has its own schedule.
            first = op if holds_a_diagram(op) else self.first.setdefault(op, op)
            found = self.known[id(op)] = (op, self.operations[op], first)
        return found[1]

    def _by_rule(self, op: Operation) -> OperationCost | None:
        if isinstance(op, Scan):
            return None
        rule = self._listed(op)
        if rule is None and isinstance(op, Broadcast):
            inner = self._listed(op.op)
            rule = None if inner is None else lifted(inner)
        if rule is None:
            inner = op.op if isinstance(op, Broadcast) and op.primitive else op
            if self.partial and inner.primitive:
                self.unknown[op] = None                 # what it moves is known from its type
                return work(op, self.convention)
            self.table.rule(inner)
            return None
        return rule(op, self.convention)

    def _listed(self, op: Operation):
        """The rule of the table; what an opaque operation states of itself where it has none."""
        rule = self.table._listed(op)
        return stated if rule is None and isinstance(op, Opaque) and op.stated else rule

    def body(self, op: Operation) -> Diagram:
        if isinstance(op, Scan):
            return op.body
        self.operation(op)
        return self.known[id(op)][2].expansion

    def inside(self, op: Operation) -> BodyCost:
        """The cost of the diagram that an operation without a rule stands for."""
        return self.bodies[self.numbers[id(self.body(op))][1]]

    @without_collection
    def measure(self, diagram: Diagram) -> BodyCost:
        """Measure a diagram after every body inside it; nothing recurses over depth."""
        stack = [diagram]
        while stack:
            current = stack[-1]
            if id(current) in self.numbers:
                stack.pop()
                continue
            graph = current.graph
            inside = [None if self.operation(op) is not None else self.body(op) for op in graph.ops]
            waiting = [body for body in inside if body is not None and id(body) not in self.numbers]
            if waiting:
                stack.extend(waiting)
                continue
            stack.pop()
            bodies = tuple(None if body is None else self.numbers[id(body)][1] for body in inside)
            key = (graph.inputs, tuple(graph.ops), bodies, tuple(graph.args), graph.outputs)
            number = self.schedules.setdefault(key, len(self.bodies))
            self.numbers[id(current)] = (current, number)
            if number == len(self.bodies):
                self.bodies.append(self._measure(graph))
        return self.bodies[self.numbers[id(diagram)][1]]

    def _measure(self, graph: Graph) -> BodyCost:
        totals = [Total() for _ in SUMS]
        for op in graph.ops:
            for total, size in zip(totals, self.sums(op)):
                total.add(size)
        rows, floor = self._depth(graph)
        root, first = self._roots(graph), {}
        returns = tuple(r if r is None or r < len(graph.inputs) else -1 - first.setdefault(r, place)
                        for place, r in enumerate(root[wire] for wire in graph.outputs))
        return BodyCost(tuple(total.size for total in totals), rows, floor, self._peak(graph, root), returns)

    def check_sizes(self, numbers: Mapping[str, int]) -> None:
        """Raises:    SizeError: An axis of what was measured is no positive whole number at these sizes."""
        axes = dict.fromkeys(axis for body, _ in self.numbers.values() for array in body.graph.types
                             for axis in array.axes if axis.size.name is None)
        found = {axis: axis.size.evaluate(numbers) for axis in axes if axis.size.symbols <= set(numbers)}
        why = [f"{axis.label} = {axis.size} is {value}" for axis, value in found.items()
               if not isinstance(value, int) or value < 1]
        if why:
            raise SizeError("sizes that are not positive whole numbers", why=why[:20],
                            sizes=", ".join(f"{name} = {number}" for name, number in numbers.items()))

    def sums(self, op: Operation) -> tuple[Size, ...]:
        """What adds up, of one operation, in the order of :data:`SUMS`."""
        found = self.operation(op)
        if found is None:
            inner = self.inside(op)
            if not isinstance(op, Scan):
                return inner.sums
            found = self._looped(op, inner)
        return (*found[:4], found.matrix)

    def _looped(self, op: Scan, inner: BodyCost) -> OperationCost:
        steps = longest([*inner.depth.values(), *(f for f in inner.floor if f is not None)])
        rule = self.table.rule(op)
        *sums, matrix = inner.sums
        return rule(op, OperationCost(*sums, Size(steps), matrix))

    # -- depth: a max-plus matrix --------------------------------------------------
    def _depth(self, graph: Graph) -> tuple[dict, tuple]:
        """{(input, output): longest path}, and for each output the longest path from no input."""
        narrow = len(graph.inputs) <= NARROW
        # A wire's value: {input: steps from it}; None stands for a path from no input.
        ends = self._walk(graph, [{n if narrow else None: 0} for n in range(len(graph.inputs))])
        rows = {(source, place): steps for place, value in enumerate(ends)
                for source, steps in value.items() if source is not None}
        return rows, tuple(value.get(None) for value in ends)

    def _walk(self, graph: Graph, values: list[dict]) -> list[dict]:
        """The values of the outputs from those of the inputs."""
        values = list(values)
        for op, args, _ in graph:
            values.extend(self._step(op, [values[wire] for wire in args]))
        return [values[wire] for wire in graph.outputs]

    def _step(self, op: Operation, values: list[dict]) -> list[dict]:
        found = self.operation(op)
        if found is not None:
            steps = _plain(found.depth)
            merged = _merge(values) or {None: 0}
            made = {source: depth + steps for source, depth in merged.items()}
            return [made] * len(op.cod)
        inner = self.inside(op)
        if isinstance(op, Scan):     # a barrier: a step begins when the one before has ended
            steps = _plain(self._looped(op, inner).depth)
            made = {s: d + steps for s, d in (_merge(values) or {None: 0}).items()}
            return [made] * len(op.cod)
        if len(op.dom) > NARROW:     # its matrix is not kept: its paths are followed where it stands
            return self._walk(self.body(op).graph, values)
        made = []
        for place in range(len(op.cod)):
            paths = [{s: d + inner.depth[n, place] for s, d in value.items()}
                     for n, value in enumerate(values) if (n, place) in inner.depth]
            if inner.floor[place] is not None:
                paths.append({None: inner.floor[place]})
            made.append(_merge(paths) or {None: 0})
        return made

    # -- memory: the schedule as it is written -------------------------------------
    def _roots(self, graph: Graph) -> list[int | None]:
        """For each wire the wire whose memory it is; None for a parameter's.

        A view holds nothing of its own, nor does a block that returns what it was given.
        """
        root: list[int | None] = list(range(len(graph.inputs)))
        for op, args, wires in graph:
            root.extend(None if n is None else root[args[n]] if n >= 0 else wires[-1 - n]
                        for n in self.returns(op))
        return root

    def returns(self, op: Operation) -> tuple[int | None, ...]:
        """Whose memory each result is: input n's (n), its own or that of result n (−1 − n), a parameter's."""
        if is_view(op):
            return (0,)
        if isinstance(op, Parameter):
            return (None,)
        if isinstance(op, Scan) or self.operation(op) is not None:
            return tuple(range(-1, -1 - len(op.cod), -1))
        return self.inside(op).returns

    def room(self, op: Operation) -> tuple[tuple[Size, ...], Size]:
        """The bytes of each result that it makes itself, else 0, and of all that it takes at once."""
        made = tuple(array_bytes(array, self.convention) if n == -1 - place else ZERO
                     for place, (array, n) in enumerate(zip(op.cod, self.returns(op))))
        own = sum(made, ZERO)
        found = self.operation(op)
        if found is not None:
            return made, extremum("max", (own, found.room)) if found.room.terms else own
        inside = self.inside(op).peak
        # A block's peak counts its outputs; a scan holds all its outputs during a step.
        return made, own + inside if isinstance(op, Scan) else extremum("max", (own, inside))

    def _peak(self, graph: Graph, root: list[int | None]) -> Size:
        """The largest total of live intermediates; the inputs are the caller's.

        An operation holds its inputs and outputs at once; what is viewed lives as long as its views.
        """
        last: dict[int | None, int] = {}
        for wire, node in enumerate(graph.last_use):
            last[root[wire]] = max(last.get(root[wire], -1), node)
        ends: list[list[int]] = [[] for _ in range(len(graph) + 1)]
        sizes: dict[int, Size] = {}
        live, seen = Total(), {}
        for node, (op, _, wires) in enumerate(graph):
            before = live.size
            made, inner = self.room(op)
            for wire, size in zip(wires, made):
                if root[wire] == wire:
                    sizes[wire] = size
                    live.add(size)
                    ends[min(max(last[wire], node), len(graph))].append(wire)
            seen[before + inner] = None
            for wire in ends[node]:
                live.add(sizes[wire], -1)
        return _largest(list(seen))


def _plain(size: Size):
    constant = size.constant
    return size if constant is None else constant


def longest(values: list):
    numbers = [value for value in values if not isinstance(value, Size)]
    others = list(dict.fromkeys(value for value in values if isinstance(value, Size)))
    best = max(numbers, default=0)
    return _largest([*others, Size(best)]) if others else best


def _merge(values: list[dict]) -> dict:
    """The longest path from each input over several values."""
    if len(values) == 1:
        return values[0]
    merged: dict = {}
    for value in values:
        for source, depth in value.items():
            old = merged.get(source)
            merged[source] = depth if old is None or old is depth else longest([old, depth])
    return merged


def _largest(sizes: list[Size]) -> Size:
    """The maximum; when very many sizes cannot be compared they stay side by side."""
    if not sizes:
        return ZERO
    if len(sizes) <= 200:
        return extremum("max", sizes)
    constants = [s for s in sizes if s.constant is not None]
    others = [s for s in sizes if s.constant is None]
    if constants:
        others.append(max(constants, key=lambda s: s.constant))
    if len(others) == 1:
        return others[0]
    if len(others) <= 200:
        return extremum("max", others)
    return Size.of({((Atom("max", tuple(sorted(others, key=str))), 1),): 1})

