"""A schedule of a diagram: an order of its operations, some of them computed again.

The order in which a diagram is written is one topological order of its operations; every other one
is a schedule of the same morphism. Its peak of memory is another, and again a formula in the sizes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from ncd.algebra.convert import Size
from ncd.algebra.numbers import whole_numbers_of
from ncd.core.argument import public
from ncd.core.category import Diagram
from ncd.core.graph import Graph
from ncd.core.op import Operation
from ncd.errors import ArityError, NcdError, SizeError
from ncd.interpret.cost import COST, measure
from ncd.interpret.cost.convention import EXPRESSION
from ncd.interpret.cost.meter import Meter
from ncd.interpret.cost.rules import RULES
from ncd.interpret.interpretation import Interpretation
from ncd.ops.after import After
from ncd.ops.control import Block
from ncd.ops.source import Random
from ncd.plan.memory.memory import Memory, Pricer, rearranged
from ncd.traverse.flat import expanded

TABLE = Interpretation("cost", RULES)


def memory_of(diagram: Diagram, sizes: Mapping, table: Interpretation | None = None) -> tuple[Memory, Pricer]:
    """The memory of a diagram in numbers, and what prices the operations of its rearrangements.

    Raises:
        SizeError: A size that the memory depends on is not given (all are listed); an axis is empty at them.
    """
    numbers = whole_numbers_of(sizes)
    meter = Meter(table or TABLE, EXPRESSION)
    meter.measure(diagram)
    meter.check_sizes(numbers)
    needed: set[str] = set()
    for op in diagram.graph.ops:
        made, room = meter.room(op)
        needed.update(room.symbols, *(size.symbols for size in made))
    missing = sorted(needed - set(numbers))
    if missing:
        raise SizeError(f"no value for the size {', '.join(missing)}",
                        why="the memory of a schedule is compared in numbers",
                        mend=f"give it: {', '.join(f'{name}=...' for name in missing)}")
    price = Pricer(meter, numbers)
    return Memory(diagram.graph, price), price


def may_repeat(op: Operation) -> bool:
    """Whether an operation may be computed again: it draws nothing, reads no key and has no place."""
    return op.deterministic and op.place is None and not isinstance(op, Random) and not any(
        array.dtype == "key" for array in (*op.dom, *op.cod))


@dataclass(frozen=True)
class Schedule:
    """An order of the operations of a diagram; one that stands there again is computed again.

    Equation:  peak = max over steps t of Σ bytes of the results that live at t  (bytes)
    Whoever reads a result reads the latest one, so that the one before is given back after its last
    reader. Recomputing changes the FLOPs; the morphism is the same.

    Parameters:
        written: The diagram.
        order: The numbers of its operations as ``diagram.graph`` has them, each at least once.
        interpretation: The table of costs; ``ncd.cost`` if none is given.
    Raises:
        ArityError: An operation is left out, or a number is not one of an operation.
        NcdError: An operation stands before one whose result it reads, or is computed again
            although it draws random numbers or has parameters of its own.

    >>> import ncd
    >>> double = ncd.diagram("x -> x")(lambda a: ncd.elementwise("exp")(a) + ncd.elementwise("tanh")(a))
    >>> other = Schedule(double, (1, 0, 2))
    >>> print(other.diagram.listing())
    a : x
    b = tanh(a)   : x
    c = exp(a)    : x
    d = add(c, b) : x
    -> d
    >>> other.diagram == double
    True
    """

    written: Diagram
    order: tuple[int, ...]
    interpretation: Interpretation | None = field(default=None, compare=False, repr=False)

    def __post_init__(self):
        object.__setattr__(self, "written", getattr(self.written, "diagram", self.written))
        object.__setattr__(self, "order", tuple(self.order))
        graph, count = self.written.graph, Counter(self.order)
        odd = [node for node in count if isinstance(node, bool) or not isinstance(node, int)
               or not 0 <= node < len(graph)]
        absent = [node for node in range(len(graph)) if node not in count]
        if odd or absent:
            raise ArityError(
                f"an order of {len(self.order)} steps is no schedule of {len(graph)} operations",
                have=f"no operation {', '.join(map(str, odd[:8]))}" if odd else None,
                want=f"operation {', '.join(f'{n} `{graph.ops[n].name}`' for n in absent[:8])} as well"
                if absent else f"numbers from 0 to {len(graph) - 1}")
        self._check(graph, count)

    def _check(self, graph: Graph, count: Counter) -> None:
        done: set[int] = set()
        for step, node in enumerate(self.order):
            for wire in graph.args[node]:
                maker = graph.producer[wire]
                if maker >= 0 and maker not in done:
                    raise NcdError(
                        f"operation {node} `{graph.ops[node].name}` comes too early, at step {step}",
                        why=f"it reads operation {maker} `{graph.ops[maker].name}`, "
                            f"which stands at step {self.order.index(maker)}",
                        mend="an operation stands after all that it reads")
            done.add(node)
        for node, times in count.items():
            if times > 1 and not may_repeat(graph.ops[node]):
                raise NcdError(f"operation {node} `{graph.ops[node].name}` cannot be computed again",
                               why="it draws random numbers or has a place for parameters or keys",
                               have=f"{times} times in the order", want="once")

    @cached_property
    def recomputed(self) -> frozenset[int]:
        """The operations that are computed more than once."""
        return frozenset(node for node, times in Counter(self.order).items() if times > 1)

    @cached_property
    def _arranged(self) -> tuple[Graph, list[tuple[int, ...]]]:
        return rearranged(self.written.graph, self.order)

    @cached_property
    def diagram(self) -> Diagram:
        """The diagram with its operations in this order: equal to the one written."""
        made = Diagram.from_graph(self._arranged[0])
        vars(made).update(self.written._told())
        return made

    @cached_property
    def marked(self) -> Diagram:
        """The same with what is computed again held back by :class:`ncd.ops.after.After`.

        What is computed again reads its inputs only after the step before it, so that no compiler
        merges it with what was computed first.
        """
        return _marked(self.written.graph, self.order) if self.recomputed else self.diagram

    def cost(self, convention=None):
        """The cost of this schedule as formulas (:class:`ncd.interpret.cost.Cost`)."""
        return measure(self.diagram, convention, self.interpretation or COST)

    @cached_property
    def _measured(self):
        return self.cost()

    @cached_property
    def peak_memory(self) -> Size:
        """Bytes live at once, as a formula: inputs, parameters and results."""
        return self._measured.exact["peak_memory"]

    def peak(self, **sizes) -> int | float:
        """Bytes live at once at given sizes."""
        return self.peak_memory.evaluate(self._measured.sized(whole_numbers_of(sizes)))

    def to_jax(self, **sizes):
        """The JAX function of this schedule, see :func:`ncd.interpret.jax.compile_diagram`.

        XLA chooses an order of its own for what it runs; it does not undo a recomputation.
        """
        return self.marked.to_jax(**sizes)

    def profile(self, **sizes) -> list[Moment]:
        """The bytes at each step, see :func:`memory_profile`."""
        return memory_profile(self.diagram, interpretation=self.interpretation, **sizes)

    def __repr__(self):
        again = f", {len(self.recomputed)} computed again" if self.recomputed else ""
        return f"<schedule of {self.written}: {len(self.order)} steps{again}>"


class Moment(NamedTuple):
    """One step of a schedule: the operation, its place, bytes while it runs and after it."""

    name: str
    place: str
    during: int | float
    after: int | float


@public
def memory_profile(diagram: Diagram | Schedule, *, interpretation: Interpretation | None = None,
                   **sizes) -> list[Moment]:
    """The bytes live at each operation, in the order written; inputs and parameters are not in it.

    The maximum of ``during`` is the cost's ``activations`` (bytes).

    Raises:
        SizeError: A size that the memory depends on is not given, or an axis is not positive at those.

    >>> import ncd
    >>> for moment in memory_profile(ncd.softmax("x").op.definition(), x=8):
    ...     print(moment.name, moment.during, moment.after)
    max[x] 4 4
    stop 4 4
    subtract 36 32
    exp 64 32
    sum[x] 36 36
    divide 68 32
    """
    diagram = diagram.diagram if isinstance(diagram, Schedule) else getattr(diagram, "diagram", diagram)
    graph = diagram.graph
    during, left = memory_of(diagram, sizes, interpretation)[0].levels(range(len(graph)))
    return [Moment(op.name, graph.places.get(node, ""), during[node], left[node])
            for node, op in enumerate(graph.ops)]


@public
def opened(diagram: Diagram) -> Diagram:
    """The diagram with its blocks opened, at any depth, where they hold no parameters and no keys.

    A block is one step of a schedule; what is opened can be ordered and recomputed in parts.

    >>> import ncd
    >>> twice = ncd.elementwise("exp") >> ncd.elementwise("tanh")
    >>> len(opened(twice.block("twice").on("x")))
    2
    """
    diagram = getattr(diagram, "diagram", diagram)
    return Diagram.from_graph(expanded(diagram, lambda op: op.body if isinstance(op, Block)
                                            and op.place is None else None).graph)


def _marked(graph: Graph, order: Sequence[int]) -> Diagram:
    """What a recomputation reads that is no recomputation stands after the step before."""
    made = Graph(graph.inputs)
    place, again = list(range(len(graph.types))), [False] * len(graph.types)
    # What depends on nothing but parameters and constants needs no mark beside an input that has one.
    fixed = [False] * len(graph.inputs) + [True] * (len(graph.types) - len(graph.inputs))
    seen: set[int] = set()
    marks: dict[tuple[int, int], int] = {}
    latest = None
    for node in order:
        op, args, repeated = graph.ops[node], graph.args[node], node in seen
        reads = [place[wire] for wire in args]
        if repeated and latest is not None and not any(again[wire] for wire in args):
            moving = [n for n, wire in enumerate(args) if not fixed[wire]]
            chosen = moving or range(min(1, len(args)))
        elif repeated and latest is not None:
            chosen = [n for n, wire in enumerate(args) if not (again[wire] or fixed[wire])]
        else:
            chosen = ()
        for n in chosen:
            key = (reads[n], latest)
            if key not in marks:
                marks[key] = made.add(After(*(made.types[wire] for wire in key)), key)[0]
            reads[n] = marks[key]
        new, first = made.add(op, reads), graph.first[node]
        for offset, wire in enumerate(new):
            place[first + offset], again[first + offset] = wire, repeated
            fixed[first + offset] = op.deterministic and all(fixed[wire] for wire in args)
        if not repeated:        # a parameter is there from the start: to wait for it is not to wait
            latest = next((wire for n, wire in enumerate(new)
                           if made.types[wire].dtype != "key" and not fixed[first + n]), latest)
        seen.add(node)
    made.outputs = tuple(place[wire] for wire in graph.outputs)
    return Diagram.from_graph(made)
