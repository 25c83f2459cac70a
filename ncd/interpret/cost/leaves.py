"""The leaves of a diagram that costs look at: the operations that have a rule of their own, blocks opened.

The roofline, the memory hierarchy and the collectives look at single operations; a scan stays one
leaf, its body a flat graph of its own. Fusion groups them; a schedule opens blocks alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from ncd.algebra.convert import ONE, Size
from ncd.core.category import Diagram
from ncd.core.op import Operation
from ncd.interpret.cost.meter import Meter
from ncd.interpret.cost.rules import is_view
from ncd.ops.control import Scan
from ncd.ops.source import Parameter
from ncd.traverse.flat import Flat, expanded, joined


def flatten(meter: Meter, diagram: Diagram) -> Flat:
    """The leaves of a diagram in order: what a rule prices, and scans."""
    meter.measure(diagram)
    return expanded(diagram, lambda op: None if isinstance(op, Scan) or meter.operation(op) is not None
                  else meter.body(op))


def memory_roots(flat: Flat) -> list[int]:
    """For each wire the wire whose memory it is: views hold nothing, tied parameters are one array."""
    roots, named = list(range(len(flat.graph.inputs))), {}
    tied = any(op.tied for op in flat.graph.ops) or any(body.op is not None and body.op.tied
                                                        for body in flat.bodies)
    for node, (op, args, wires) in enumerate(flat.graph):
        if is_view(op):
            roots.append(roots[args[0]])
        elif tied and isinstance(op, Parameter):
            roots.append(named.setdefault(flat.places[node], wires[0]))
        else:
            roots.extend(wires)
    return roots


def leaves(meter: Meter, diagram: Diagram) -> Iterator[tuple[Operation, Size, str, tuple[int, ...]]]:
    """Each leaf, how often it runs (the lengths of the scans around it), its path, and its nodes."""
    waiting = [(diagram, ONE, "", ())]
    while waiting:
        current, times, path, above = waiting.pop()
        flat = flatten(meter, current)
        for op, place, nodes in zip(flat.graph.ops, flat.places, flat.paths):
            if isinstance(op, Scan):
                waiting.append((op.body, times * op.length, joined(path, place), (*above, *nodes)))
            else:
                yield op, times, joined(path, place), (*above, *nodes)
