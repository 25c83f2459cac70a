"""Cutting a joint program into its primal and its linear part, with as few residuals as a policy asks."""

from __future__ import annotations

from collections.abc import Sequence

from ncd.core.graph import Graph
from ncd.interpret.derivative.policy import Policy, is_contraction, is_free
from ncd.interpret.derivative.program import Joint, Linearised
from ncd.ops.multilinear import Reindex, View
from ncd.traverse.builder import extracted


def cut(joint: Joint, policy: Policy, invariant: Sequence[int], at_hand: Sequence[int] = ()) -> Linearised:
    """The two parts of a joint program; see :class:`Linearised`."""
    graph, width = joint.build.graph, joint.width
    active = tuple(n for n, wire in enumerate(joint.outputs) if wire in joint.tangent)
    rates = [joint.tangent[joint.outputs[n]] for n in active]
    inputs = range(width, len(graph.inputs))
    kept = _residuals(joint, policy, invariant, at_hand, rates)
    outputs = frozenset(joint.outputs)
    extra = [wire for wire in kept if wire >= width and wire not in outputs]
    where = {wire: width + len(joint.outputs) + n for n, wire in enumerate(extra)}
    where |= {wire: width + n for n, wire in reversed(list(enumerate(joint.outputs)))}
    where |= {wire: wire for wire in range(width)}
    return Linearised(
        extracted(graph, range(width), [*joint.outputs, *extra]),
        tuple(where[wire] for wire in kept),
        tuple(_name(joint, wire) for wire in kept),
        extracted(graph, [*kept, *inputs], rates), active)


def _name(joint: Joint, wire: int) -> str:
    """What made a wire."""
    if wire < joint.width:
        return "input"
    graph = joint.build.graph
    return joint.names.get(wire) or graph.ops[joint.build.node_of(wire)].name


def _residuals(joint: Joint, policy: Policy, invariant, at_hand, rates) -> list[int]:
    """The wires of the primal part that the linear part reads, those not kept replaced by what makes them."""
    graph, width = joint.build.graph, joint.width
    total = len(graph.types)
    linear = [False] * total
    for wire in range(width, len(graph.inputs)):
        linear[wire] = True
    # What depends on no input, or at each step on the same ones, costs nothing to keep elsewhere.
    same = [False] * total
    for wire in invariant:
        same[wire] = True
    moved = set(at_hand)                # and what is at hand is at hand in every order
    for op, args, made in graph:
        is_linear, is_same = False, op.deterministic
        for wire in args:
            is_linear |= linear[wire]
            is_same &= same[wire]
        if moved and isinstance(op, (Reindex, View)) and args[0] in moved:
            moved.update(made)
        for wire in made:
            linear[wire], same[wire] = is_linear, is_same
    contracted = set()
    if policy.keep == "contractions":
        contracted = {wire for op, args in zip(graph.ops, graph.args) if is_contraction(op) for wire in args}
    needed, seen, kept = _read_by(graph, linear, rates), set(), []
    producer = graph.producer
    while needed:
        wire = needed.pop()
        if wire in seen:
            continue
        seen.add(wire)
        if wire < width:
            kept.append(wire)
            continue
        op = graph.ops[producer[wire]]
        again = same[wire] or wire in moved or wire in joint.remade or is_free(op) or not (
            (wire in joint.inner and policy.keep != "nothing") or policy.keeps(op, wire in contracted))
        if again and op.deterministic:
            needed.extend(graph.args[producer[wire]])
        else:
            kept.append(wire)
    return _without_parts(graph, sorted(kept))


def _without_parts(graph: Graph, kept: list[int]) -> list[int]:
    """The wires of which none is a part of another, moved or not: that is read from the other again."""
    found, width, producer = set(kept), len(graph.inputs), graph.producer
    whole = []
    for wire in kept:
        source = wire
        while source >= width and isinstance(graph.ops[producer[source]], (Reindex, View)):
            (source,) = graph.args[producer[source]]
            if source in found:
                break
        if source == wire or source not in found:
            whole.append(wire)
    return whole


def _read_by(graph: Graph, linear: list[bool], rates: Sequence[int]) -> list[int]:
    """The primal wires that the live part of the linear program reads."""
    alive = [False] * len(graph.types)
    for wire in rates:
        alive[wire] = True
    found: dict[int, None] = {}
    for node in range(len(graph) - 1, -1, -1):
        first, args = graph.first[node], graph.args[node]
        made = range(first, first + len(graph.ops[node].cod))
        if any(alive[wire] and linear[wire] for wire in made):
            for wire in args:
                if linear[wire]:
                    alive[wire] = True
                else:
                    found[wire] = None
    for wire in rates:                  # a tangent that is a constant, such as 0
        if not linear[wire]:
            found[wire] = None
    return list(found)
