"""Linearising: a diagram f as (primal: x -> f x, residuals; tangent: residuals, v -> ∂f[x] v).

The joint program of values and tangents is written first, by one rule for each primitive; it is a
functor, J(f;g) = Jf ; Jg. Then it is cut: what no tangent reaches is the primal part, what one
reaches is linear, and the wires from the first to the second are the residuals.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from inspect import isgenerator

from ncd.core.category import Diagram
from ncd.core.graph import Graph
from ncd.core.op import Operation
from ncd.errors import RuleError
from ncd.interpret.derivative.custom import push_custom, push_linear_map
from ncd.interpret.derivative.expanding import expanded
from ncd.interpret.derivative.jvp_rules import RULES
from ncd.interpret.derivative.overrides import FASTER
from ncd.interpret.derivative.partial import cut
from ncd.interpret.derivative.policy import Policy
from ncd.interpret.derivative.program import Joint, Linearise, Linearised, spread
from ncd.interpret.derivative.scan import push_scan
from ncd.interpret.derivative.segments import segmented
from ncd.ops.control import Block, Broadcast, Scan
from ncd.ops.custom import CustomDerivative, LinearMap


class _Frame:
    __slots__ = ("graph", "node", "policy", "wires")

    def __init__(self, graph: Graph, wires: Sequence[int], policy: Policy):
        self.graph, self.wires, self.policy, self.node = graph, list(wires), policy, 0


def linearise(diagram: Diagram, active: tuple[int, ...], policy: Policy,
              invariant: tuple[int, ...] = (), faster: bool = True,
              at_hand: tuple[int, ...] = ()) -> Generator:
    """The job that linearises a diagram; its arguments are those of :class:`Linearise`."""
    joint = yield from push(diagram, active, policy, faster)
    return cut(joint, policy, invariant, at_hand)


def push(diagram: Diagram, active: tuple[int, ...], policy: Policy, faster: bool = True) -> Generator:
    """The job that writes the joint program."""
    joint = Joint(diagram.dom.inside, active)
    frames = [_Frame(diagram.graph, range(joint.width), policy)]
    while True:
        frame = frames[-1]
        if frame.node == len(frame.graph):
            made = [frame.wires[wire] for wire in frame.graph.outputs]
            frames.pop()
            if not frames:
                joint.outputs = tuple(made)
                return joint
            frames[-1].wires.extend(made)
            continue
        op = frame.graph.ops[frame.node]
        args = [frame.wires[wire] for wire in frame.graph.args[frame.node]]
        frame.node += 1
        tangents = [joint.tangent.get(wire) for wire in args]
        if all(tangent is None for tangent in tangents):
            made, rates, name = joint.build.node(op, args), (None,) * len(op.cod), op.name
        elif isinstance(op, Block):
            made, rates = yield from _block(joint, op, args, tangents, frame.policy, faster)
            name = op.title
        elif isinstance(op, Scan) and not frame.policy.segmented:
            made, rates = yield from push_scan(joint, op, args, tangents, frame.policy, faster)
            name = op.title
        else:
            rule = _rule(op, tangents, faster)
            if rule is None and isinstance(op, Broadcast) and _rule(op.op, tangents, faster) is not None:
                made, rates = yield from _lifted(joint, op, args, tangents, frame.policy, faster)
            elif rule is None:
                inner, policy = _opened(op, frame.policy)
                frames.append(_Frame(inner.graph, args, policy))
                continue
            else:
                pushed = rule(joint.build, op, args, tangents)
                made, rates = (yield from pushed) if isgenerator(pushed) else pushed
            name = op.name
        frame.wires.extend(made)
        joint.put(made, rates, name)


def _rule(op: Operation, tangents: Sequence[int | None], faster: bool):
    """The rule of an operation; None where it is opened."""
    if isinstance(op, CustomDerivative):
        return push_custom
    if isinstance(op, LinearMap):       # in its coefficients it is differentiated as it is defined
        moved = any(tangent is not None for tangent in tangents[:op.coefficients])
        return None if moved else push_linear_map
    if faster and type(op) in FASTER:
        return FASTER[type(op)]
    return None if expanded(op) is not None else RULES.get(type(op))


def _opened(op: Operation, policy: Policy) -> tuple[Diagram, Policy]:
    """The diagram of simpler operations that an operation is."""
    if isinstance(op, Scan):
        return segmented(op, policy.scan), Policy(policy.keep, "recompute")
    found = expanded(op)
    found = op.expansion if found is None else found
    if found is None:
        base = op.op if isinstance(op, Broadcast) else op
        raise RuleError(f"no derivative of the operation `{base.name}`",
                        type=f"{', '.join(map(str, op.dom))} -> {', '.join(map(str, op.cod))}",
                        mend="state it: ncd.custom_derivative(operation, reverse=..., forward=...)")
    return found, policy


def _block(joint: Joint, op: Block, args, tangents, policy: Policy, faster: bool) -> Generator:
    """A block in two blocks: f with its residuals, and ∂f."""
    active = tuple(n for n, tangent in enumerate(tangents) if tangent is not None)
    part: Linearised = yield Linearise(op.title, op.body, active, policy.in_block, (), faster)
    made, kept = _primal(joint, op, part, args, lambda body: Block(op.title, body, op.tied, op.source))
    given = [*kept, *(tangents[n] for n in active)]
    if len(part.tangent.graph) > 1:
        rates = joint.build.node(Block(f"∂{op.title}", part.tangent), given)
    else:
        rates = joint.build.call(part.tangent, given)
    return made, spread(len(op.cod), part.active, rates)


def _primal(joint: Joint, op: Operation, part: Linearised, args, remade):
    """The primal part of something with a body: (its results, the residuals)."""
    width, results = len(op.dom), len(op.cod)
    body = part.primal
    made = joint.build.node(remade(body) if len(body.cod) > results else op, args)
    joint.inner.update(made[results:])
    everything = [*args, *made]
    kept = [everything[source] for source in part.sources]
    for source, name in zip(part.sources, part.names):
        if source >= width + results:
            joint.names.setdefault(everything[source], f"{op.name}/{name}")
    return made[:results], kept


def _lifted(joint: Joint, op: Broadcast, args, tangents, policy: Policy, faster: bool) -> Generator:
    """The derivative of a broadcast operation is the derivative, broadcast: R(lift f) = lift(R f)."""
    active = tuple(n for n, tangent in enumerate(tangents) if tangent is not None)
    part: Linearised = yield Linearise(op.name, op.op.diagram, active, policy, (), faster)
    build = joint.build
    made = build.call(Diagram.align(part.primal, op.arrays), args)
    everything = [*args, *made]
    kept = [everything[source] for source in part.sources]
    given = [*kept, *(tangents[n] for n in active)]
    rates = build.call(Diagram.align(part.tangent, [build.type(wire) for wire in given]), given)
    found = spread(len(op.cod), part.active, rates)
    made = [build.arrange(wire, array) for wire, array in zip(made, op.cod)]
    return made, [None if rate is None else build.arrange(rate, array) for rate, array in zip(found, op.cod)]
