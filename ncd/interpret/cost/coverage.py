"""What a cost covers: which operations have a rule, and how much stands without one."""

from __future__ import annotations

from dataclasses import dataclass

from ncd.algebra.convert import ZERO, Size
from ncd.errors import escaped
from ncd.interpret.cost import breakdown
from ncd.interpret.cost.measurement import Measurement


@dataclass(frozen=True)
class Coverage:
    """How many operations a cost counts, and those that it cannot.

    Attributes:
        operations: How many primitives run.
        unknown: {name: (how many run, their type)} of the operations without a rule.
        traffic: Bytes that operations with a rule read and write.
        unknown_traffic: Bytes that the others would, if each read its inputs and wrote its outputs once.
    """

    operations: Size
    unknown: dict[str, tuple[Size, str]]
    traffic: Size
    unknown_traffic: Size

    @classmethod
    def of(cls, cost: Measurement) -> Coverage:
        """The coverage of a cost."""
        meter, total, unknown, hidden = cost.meter, ZERO, {}, ZERO
        for diagram, times in breakdown._times(meter, cost.diagram):
            for op in diagram.graph.ops:
                found = meter.operation(op)
                if found is None:
                    continue
                total = total + times
                if op in meter.unknown:
                    name = breakdown.kind(op)
                    kind = f"{', '.join(map(str, op.dom)) or '()'} -> {', '.join(map(str, op.cod)) or '()'}"
                    unknown[name] = (unknown.get(name, (ZERO, kind))[0] + times, kind)
                    hidden = hidden + (found.reads + found.writes) * times
        whole = cost.exact["reads"] + cost.exact["writes"]
        return cls(total, unknown, whole - hidden, hidden)

    @property
    def complete(self) -> bool:
        """Whether every operation has a rule."""
        return not self.unknown

    def __str__(self):
        if self.complete:
            return f"all operations have a rule: {self.operations} run"
        count = sum((number for number, _ in self.unknown.values()), ZERO)
        lines = [f"NOT COUNTED: the arithmetic of {count} of {self.operations} operations that run, "
                 f"which move {self.unknown_traffic} of {self.traffic + self.unknown_traffic} bytes"]
        lines += [f"  {escaped(name)} ×{number} : {kind}" for name, (number, kind) in self.unknown.items()]
        return "\n".join(lines)
