"""Interpretations: a table of rules makes a functor out of the category of arrays.

A rule sends one operation to a function of values; composition, tensor, copying and swaps
are carried by the wires. An interpretation is a value: ``table | {MyOperation: rule}`` is
another one, and nothing global changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from ncd.core.category import Diagram
from ncd.core.inside import holds_a_diagram
from ncd.core.op import Operation
from ncd.errors import ArgumentError, ArityError, NcdError, RuleError, SizeError
from ncd.interpret.derived import Derived
from ncd.ops.control import Broadcast, Opaque
from ncd.traverse.flat import expanded


class Step(NamedTuple):
    """One operation of a flat program: its rule, the slots it reads, writes, stores and drops, its place."""

    rule: Callable
    op: Operation
    reads: tuple[int, ...]
    writes: tuple[int, ...]
    path: tuple[str, ...]
    drops: tuple[int, ...]
    stores: tuple[int, ...] = ()


class Storage(NamedTuple):
    """What an interpretation does with values that are stored, and which those are.

    Attributes:
        slots: (steps, outputs) -> the slots whose values are stored.
        store: What such a value becomes.
    """

    slots: Callable[[Sequence[Step], Sequence[int]], set[int]]
    store: Callable[[Any], Any]


class Program(NamedTuple):
    """A diagram flattened for an interpretation: blocks and defined operations opened."""

    steps: tuple[Step, ...]
    inputs: int
    slots: int
    outputs: tuple[int, ...]


class Run:
    """What a rule may ask while a program runs.

    Attributes:
        interpretation: The table in use, for rules that run a diagram of their own.
        sizes: The number of each size symbol, where the interpretation has numbers.
        path: The place of the operation: the names of the blocks around it and its own;
            a global name stands after ``"/"``.
        state: Whatever the interpretation carries along (parameters, keys, totals).
    """

    def __init__(self, interpretation: Interpretation, sizes: Mapping[str, int] | None = None,
                 state: Any = None):
        self.interpretation, self.sizes, self.state = interpretation, sizes or {}, state
        self.path: tuple[str, ...] = ()

    def size(self, size) -> int:
        """A size as a number."""
        return size.evaluate(self.sizes)

    def shape(self, array) -> tuple[int, ...]:
        """The sizes of an array's axes as numbers.

        Raises:
            SizeError: A size that is zero, negative or a fraction here.
        """
        shape = tuple([axis.size.evaluate(self.sizes) for axis in array.axes])
        if not all(isinstance(size, int) and size > 0 for size in shape):
            bad = [f"{axis.label} = {axis.size} = {size}" for axis, size in zip(array.axes, shape)
                   if not (isinstance(size, int) and size > 0)]
            raise SizeError(f"the array `{array}` has no shape here", have=", ".join(bad),
                            want="positive integers",
                            sizes=", ".join(f"{k} = {v}" for k, v in sorted(self.sizes.items())))
        return shape

    def __call__(self, program: Program, inputs: Sequence) -> list:
        """Run a flat program on values."""
        values: list = [None] * program.slots
        values[:program.inputs] = inputs
        for step in program.steps:
            self.path = step.path
            made = step.rule(self, step.op, *[values[slot] for slot in step.reads])
            if not isinstance(made, (tuple, list)):
                made = (made,)
            if len(made) != len(step.writes):
                raise ArityError(f"the rule of `{self.interpretation.name}` for `{step.op.name}` "
                                 f"returned {len(made)} values", want=str(len(step.writes)))
            for slot, value in zip(step.writes, made):
                values[slot] = value
            for slot in step.stores:
                values[slot] = self.interpretation.storage.store(values[slot])
            for slot in step.drops:
                values[slot] = None
        return [values[slot] for slot in program.outputs]


@dataclass(frozen=True)
class Interpretation:
    """A functor given by a table.

    Parameters:
        name: What errors call it.
        rules: {primitive class: rule}; a rule is ``rule(run, op, *values) -> values``.
        faster: {class of a defined operation: rule}, each equal to its definition.
        unlisted: What to do with a defined operation without a rule: ``"expand"`` it, keep it
            as a ``"box"`` (given to the rule ``box``), or ``"raise"``.
        box: The rule of unlisted operations for ``"box"``.
        storage: What becomes of values that are stored; None where nothing does.

    >>> from ncd.construct.generators import elementwise
    >>> from ncd.ops.pointwise import Map
    >>> count = Interpretation("count", {Map: lambda run, op, *depths: max(depths) + 1})
    >>> count(elementwise("tanh") >> elementwise("exp"), 0)
    [2]
    """

    name: str
    rules: Mapping[Any, Callable]
    faster: Mapping[Any, Callable] = field(default_factory=dict)
    unlisted: str = "expand"
    box: Callable | None = None
    storage: Storage | None = None

    def __post_init__(self):
        if not isinstance(self.name, str) or not isinstance(self.unlisted, str):
            raise ArgumentError("an interpretation's name and `unlisted` are texts",
                                have=f"{self.name!r:.60}, {self.unlisted!r:.60}")
        for table in (self.rules, self.faster):
            if not isinstance(table, Mapping):
                raise ArgumentError(f"rules are a dictionary from operations to functions, not {table!r:.60}",
                                    fix="Interpretation(name, {MyOperation: rule})")
        if self.unlisted not in ("expand", "box", "raise"):
            raise NcdError(f"unlisted={self.unlisted!r}", want='"expand", "box" or "raise"')

    def __or__(self, rules: Mapping[Any, Callable]) -> Interpretation:
        """The same interpretation with more rules; those given win.

        A rule for a defined operation is a faster rule: :meth:`without_faster` drops it.
        """
        keys = {_rule_key(key): rule for key, rule in rules.items()}
        defined = {key: rule for key, rule in keys.items() if key not in self.rules
                   and isinstance(key, type) and getattr(key, "primitive", True) is False}
        listed = {key: rule for key, rule in keys.items() if key not in defined}
        return replace(self, rules={**self.rules, **listed}, faster={**self.faster, **defined})

    def without_faster(self) -> Interpretation:
        """The interpretation that expands every defined operation: what faster rules must equal."""
        return replace(self, faster={})

    def rule(self, op: Operation) -> Callable | None:
        """The rule of an operation, or None where its definition is to be used.

        Raises:
            RuleError: A primitive without a rule, or any unlisted operation for ``"raise"``.
        """
        # The rule of Broadcast calls the rule of what is lifted; without one the definition is lifted.
        found = None if isinstance(op, Broadcast) else self._listed(op)
        if found is not None:
            return found
        if isinstance(op, Broadcast):
            lifted = self.rules.get(Broadcast)
            if lifted is not None and self._listed(op.op) is not None:
                return lifted
        if self.unlisted == "box" and self.box is not None:
            return self.box
        if op.primitive or self.unlisted == "raise" or op.expansion is None:
            base = op.op if isinstance(op, Broadcast) else op
            key = f'"{base.name}"' if isinstance(base, Opaque) else type(base).__name__
            raise RuleError(f"`{self.name}` has no rule for the operation `{base.name}`",
                            type=f"{', '.join(map(str, op.dom))} -> {', '.join(map(str, op.cod))}",
                            mend=f"add one: interpretation | {{{key}: rule}}")
        return None

    def opens(self, op: Operation) -> bool:
        """Whether the definition of an operation is used."""
        return self.rule(op) is None

    def _listed(self, op: Operation) -> Callable | None:
        for table in (self.rules, self.faster):
            found = table.get(op.name) if isinstance(op, Opaque) else table.get(type(op))
            if found is not None:
                return found
        return None

    def program(self, diagram: Diagram) -> Program:
        """The diagram as a flat list of rules and slots; nothing recurses over depth."""
        rules: list[Callable] = []
        first: dict[Operation, Operation] = {}        # equal records have one definition

        def inside(op: Operation) -> Diagram | None:
            rule = self.rule(op)
            if rule is None:
                return (op if holds_a_diagram(op) else first.setdefault(op, op)).expansion
            rules.append(rule)
            return None
        flat = expanded(diagram, inside)
        steps = [Step(rule, op, args, tuple(wires), path, ())
                 for rule, (op, args, wires), path in zip(rules, flat.graph, flat.trails)]
        outputs = flat.graph.outputs
        if self.storage is not None:
            stored = self.storage.slots(steps, outputs)
            steps = [step._replace(stores=tuple(slot for slot in step.writes if slot in stored))
                     for step in steps]
        return Program(_with_drops(steps, outputs), len(flat.graph.inputs), len(flat.graph.types), outputs)

    def __call__(self, diagram: Diagram, *inputs, sizes=None, state=None) -> list:
        """Interpret a diagram on values, one for each input wire.

        Raises:
            ArityError: Another number of inputs. SizeError: A derived size that is no positive whole
            number at the sizes given.
        """
        diagram = getattr(diagram, "diagram", diagram)
        if len(inputs) != len(diagram.dom):
            raise ArityError(f"`{self.name}` of a diagram with {len(diagram.dom)} inputs",
                             have=str(len(inputs)), want=str(diagram.dom))
        program = self.program(diagram)
        if sizes:
            Derived(diagram, self.opens).check(sizes)
        return Run(self, sizes, state)(program, inputs)


def _rule_key(key):
    """A class as it is; an opaque operation, or the diagram of one, by its name."""
    if isinstance(key, (type, str)):
        return key
    op = getattr(key, "op", None) or key
    return op.name


def _with_drops(steps: list[Step], outputs: Sequence[int]) -> tuple[Step, ...]:
    """Say after which step each slot is read for the last time, so that memory is freed."""
    kept, made = set(outputs), []
    for step in reversed(steps):
        drops = tuple(slot for slot in dict.fromkeys((*step.reads, *step.writes)) if slot not in kept)
        kept.update(drops)
        made.append(step._replace(drops=drops))
    return tuple(reversed(made))
