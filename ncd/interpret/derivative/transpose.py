"""Transposing: a diagram that is linear in some inputs, with the wires of those turned round.

Copy becomes addition, discarding becomes 0, composition is reversed, and what only the
coefficients reach stays as it is: (f;g)ᵀ = gᵀ;fᵀ, (f⊗g)ᵀ = fᵀ⊗gᵀ.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence

from ncd.core.category import Diagram
from ncd.core.op import Operation
from ncd.errors import RuleError
from ncd.interpret.derivative.custom import turn_linear_map
from ncd.interpret.derivative.overrides import TURNED
from ncd.interpret.derivative.program import Transpose, Transposed, is_zero, turned_title
from ncd.interpret.derivative.scan import turn_scan
from ncd.interpret.derivative.transpose_rules import RULES
from ncd.ops.control import Block, Broadcast, Scan
from ncd.ops.custom import LinearMap
from ncd.traverse.builder import Builder


def transpose(diagram: Diagram, linear: tuple[int, ...], outputs: tuple[int, ...]) -> Generator:
    """The job that transposes a diagram; its arguments are those of :class:`Transpose`.

    Raises:    RuleError: An operation that is not linear there.
    """
    graph = diagram.graph
    turning = frozenset(linear)
    coefficients = [n for n in range(len(graph.inputs)) if n not in turning]
    build = Builder([*(graph.inputs[n] for n in coefficients), *(diagram.cod.inside[n] for n in outputs)])
    place: list[int | None] = [None] * len(graph.inputs)
    for here, n in enumerate(coefficients):
        place[n] = here
    for op, args in zip(graph.ops, graph.args):
        wires = [place[wire] for wire in args]
        place.extend([None] * len(op.cod) if None in wires else build.node(op, wires))

    came: dict[int, list[int]] = {}
    for n, position in enumerate(outputs):
        if place[graph.outputs[position]] is None:
            came.setdefault(graph.outputs[position], []).append(len(coefficients) + n)
    for node in range(len(graph) - 1, -1, -1):
        op, args, first = graph.ops[node], graph.args[node], graph.first[node]
        made = range(first, first + len(op.cod))
        cotangents = [build.sum(came[wire], graph.types[wire]) if wire in came else None for wire in made]
        if all(wire is None for wire in cotangents):
            continue
        wires = [place[wire] for wire in args]
        moving = tuple([n for n, wire in enumerate(wires) if wire is None])
        rule = RULES.get(type(op)) or TURNED.get(type(op))
        if rule is None:
            turned = yield from _turned(build, op, wires, moving, cotangents)
        else:
            _check_linear(build, op, wires, moving)
            turned = rule(build, op, wires, moving, cotangents)
        for n, wire in turned.items():
            if place[args[n]] is None:
                came.setdefault(args[n], []).append(wire)
    found = tuple(n for n in linear if n in came)
    return Transposed(build.finish([build.sum(came[n], graph.inputs[n]) for n in found]), found)


def _turned(build: Builder, op: Operation, wires, linear: tuple[int, ...], cotangents) -> Generator:
    """The transpose of an operation without a rule, where it stands: {input: the wire of its cotangent}."""
    if isinstance(op, Scan):
        return (yield from turn_scan(build, op, wires, cotangents))
    if isinstance(op, LinearMap) or (isinstance(op, Broadcast) and isinstance(op.op, LinearMap)):
        return turn_linear_map(build, op, wires, cotangents)
    if op.expansion is None:
        _refuse(op, linear)
    asked = tuple(n for n, wire in enumerate(cotangents) if wire is not None)
    turned: Transposed = yield Transpose(op.name, op.expansion, linear, asked)
    given = [*(wire for wire in wires if wire is not None), *(cotangents[n] for n in asked)]
    if isinstance(op, Block) and len(turned.diagram.graph) > 1:
        made = build.node(Block(turned_title(op.title), turned.diagram), given)
    else:
        made = build.call(turned.diagram, given)
    return dict(zip(turned.found, made))


def _check_linear(build: Builder, op: Operation, wires, linear: Sequence[int]) -> None:
    together = set(linear) <= set(op.linear)
    if not together or (op.multilinear and len(linear) > 1):
        _refuse(op, linear)
    if not op.multilinear:              # jointly linear: x + c is not linear in x unless c is 0
        rest = [wires[n] for n in op.linear if n not in linear]
        if any(not is_zero(build, wire) for wire in rest):
            _refuse(op, linear, "an input that is not linear is added")


def _refuse(op: Operation, linear: Sequence[int], why: str = "") -> None:
    raise RuleError(f"`{op.name}` is not linear in its input {', '.join(str(n + 1) for n in linear)}",
                    type=f"{', '.join(map(str, op.dom))} -> {', '.join(map(str, op.cod))}", why=why,
                    mend="only linear diagrams have a transpose; the derivative of another: reverse()")
