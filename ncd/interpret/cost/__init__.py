"""The functor to costs: exact formulas in the axis sizes, as SymPy expressions."""

from __future__ import annotations

from functools import cached_property

from ncd.core.category import Diagram
from ncd.core.op import Operation
from ncd.core.size import Size, as_size
from ncd.errors import RuleError, SizeError
from ncd.interpret.cost.convention import CONVENTIONS, Convention, convention
from ncd.interpret.cost.measure import Meter, Total, longest
from ncd.interpret.cost.recompute import Point, pareto
from ncd.interpret.cost.rules import RULES, OperationCost, array_bytes, total_bytes, work
from ncd.interpret.cost.schedule import Schedule, memory_profile, opened
from ncd.interpret.cost.search import best_schedule
from ncd.interpret.interpretation import Interpretation
from ncd.interpret.parameter import places

COST = Interpretation("cost", RULES)

MEASURES = {
    "flops": "FLOP", "transcendentals": "calls", "params": "elements", "reads": "bytes",
    "writes": "bytes", "depth": "steps", "peak_memory": "bytes", "activations": "bytes"}


class Cost:
    """What a diagram costs, as exact expressions in its axis sizes.

    Attributes (SymPy expressions; ``exact`` holds them as sizes):
        flops: Arithmetic operations; one multiply-add is 2 (FLOP).
        transcendentals: Calls of exp, log, tanh, …, counted apart.
        params: Learned numbers (elements).
        reads, writes: Bytes moved if nothing is fused: every operation reads its inputs and
            writes its outputs once; views move nothing.
        depth: Operations on the longest path (views and sources count 0).
        peak_memory: Bytes live at once in the order written: inputs, parameters and
            intermediates. A property of the schedule, not a functor.
        activations: The same without inputs and parameters.

    >>> from ncd.build.notation import einsum
    >>> einsum("y k, x k -> y x").cost().flops
    2*k*x*y
    """

    def __init__(self, diagram: Diagram, interpretation: Interpretation, convention: Convention):
        self.diagram, self.convention = diagram, convention
        self._meter = Meter(interpretation, convention)
        self._slots, _ = places(diagram)

    @cached_property
    def _body(self):
        return self._meter.measure(self.diagram)

    @cached_property
    def exact(self) -> dict[str, Size]:
        """Every measure as an exact size."""
        flops, calls, reads, writes = self._body.sums
        params, held = Total(), Total()
        for slot in self._slots.values():
            params.add(slot.array.elements)
            held.add(array_bytes(slot.array, self.convention))
        held.add(total_bytes(self.diagram.graph.inputs, self.convention))
        depth = [*self._body.depth.values(), *(f for f in self._body.floor if f is not None)]
        return {"flops": flops, "transcendentals": calls, "params": params.size, "reads": reads,
                "writes": writes, "depth": Size(longest(depth)),
                "peak_memory": held.size + self._body.peak, "activations": self._body.peak}

    def __getattr__(self, name: str):
        if name in MEASURES:
            return self.exact[name].sympy
        raise AttributeError(f"a cost has no measure {name!r}: {', '.join(MEASURES)}")

    def __dir__(self):
        return [*super().__dir__(), *MEASURES]

    def evaluate(self, **sizes) -> dict[str, int | float]:
        """Every measure as a number at given sizes.

        Raises:
            SizeError: A size that the cost depends on is not given (all are listed).
        """
        numbers = {name: as_size(value).constant for name, value in sizes.items()}
        needed = frozenset().union(*(size.symbols for size in self.exact.values()))
        missing = sorted(needed - set(numbers))
        if missing:
            raise SizeError(f"no value for the size {', '.join(missing)}",
                            mend=f"cost.evaluate({', '.join(f'{name}=...' for name in missing)})")
        return {name: size.evaluate(numbers) for name, size in self.exact.items()}

    @property
    def depth_matrix(self) -> dict[tuple[int, int], object]:
        """The max-plus matrix: {(input, output): operations on the longest path}, absent if none.

        Raises:
            SizeError: More than 8 inputs; only the total depth is kept then.
        """
        if len(self.diagram.dom) > 8:
            raise SizeError("the depth matrix is kept for at most 8 inputs", have=str(self.diagram.dom))
        return {place: steps.sympy if isinstance(steps, Size) else steps
                for place, steps in self._body.depth.items()}

    def operations(self) -> list[tuple[str, str, dict[str, Size]]]:
        """Each operation in order: its name, its place, and its share of the sums."""
        self._body  # noqa: B018  (measures every body first)
        rows = []
        for node, op in enumerate(self.diagram.graph.ops):
            sums = self._meter.sums(op)
            rows.append((op.name, self.diagram.graph.places.get(node, ""),
                         dict(zip(("flops", "transcendentals", "reads", "writes"), sums))))
        return rows

    def __str__(self):
        rows = [(name, unit, str(self.exact[name])) for name, unit in MEASURES.items()]
        width = max(len(name) for name, _, _ in rows)
        return "\n".join(f"{name:<{width}}  {unit:<8}  {text}" for name, unit, text in rows)

    def __repr__(self):
        return f"<cost of {self.diagram}>\n{self}"


def measure(diagram: Diagram, convention_: Convention | str | None = None,
            interpretation: Interpretation = COST) -> Cost:
    """The cost of a diagram as formulas.

    Parameters:
        convention_: What elementwise operations count: ``"expression"`` (the default),
            ``"unit"``, ``"none"``, or a :class:`Convention`.
        interpretation: The table, ``ncd.cost`` or ``ncd.cost | {MyOperation: rule}``; a rule
            takes the operation and the convention and returns an :class:`OperationCost`.
    Raises:    RuleError: An operation without a rule; never counted as zero.

    >>> from ncd.build.generators import elementwise
    >>> print(measure(elementwise("sigmoid").on("x")).exact["flops"])
    3*x
    """
    diagram = getattr(diagram, "diagram", diagram)
    made = Cost(diagram, interpretation, convention(convention_))
    made.exact  # noqa: B018  (a missing rule is an error now, not when a measure is read)
    return made


def page_costs(diagram: Diagram) -> dict:
    """What a page shows of costs: {measure: (unit, formula)}, and a function for one operation's FLOPs.

    Nothing where an operation has no rule: a page shows a diagram that cannot be costed as well.
    """
    try:
        found = measure(diagram)
    except RuleError:
        return {"measures": None, "price": None}

    def price(op: Operation) -> Size | None:
        try:
            return measure(op.diagram).exact["flops"]
        except RuleError:
            return None
    return {"measures": {name: (unit, found.exact[name]) for name, unit in MEASURES.items()}, "price": price}


__all__ = ["CONVENTIONS", "COST", "MEASURES", "Convention", "Cost", "OperationCost", "Point", "Schedule",
           "best_schedule", "measure", "memory_profile", "opened", "pareto", "work"]
