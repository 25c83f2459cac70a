"""The derivative of a scan: the tangent is carried with the state, the cotangent backwards.

Forward, ∂scan is a scan over the stored residuals of each step, its states the tangents of the
states. Its transpose runs the steps the other way: the cotangents of the states are carried, those
of the sequences come out one each step, those of the constants are added up.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace

from ncd.core.array import Array
from ncd.core.axis import Axis, fresh
from ncd.errors import RuleError
from ncd.interpret.derivative.policy import Policy
from ncd.interpret.derivative.program import (
    Joint,
    Linearise,
    Linearised,
    Transpose,
    Transposed,
    is_zero,
    turned_title,
)
from ncd.ops.control import Scan
from ncd.ops.multilinear import Concat, Reindex, View, affine
from ncd.traverse.builder import Builder


def push_scan(joint: Joint, op: Scan, args, tangents, policy: Policy, faster: bool) -> Generator:
    """The scan with its residuals, then the scan of ∂body."""
    build, given = joint.build, {n for n, tangent in enumerate(tangents) if tangent is not None}
    streamed = frozenset(op.sequences)
    constants = tuple(n for n in range(op.states, len(op.dom)) if n not in streamed)
    while True:                         # a state that becomes active makes others active
        active = tuple(sorted(given))
        part: Linearised = yield Linearise(op.title, op.body, active, policy.in_scan, constants, faster)
        more = {n for n in part.active if n < op.states} - given
        if not more:
            break
        given |= more
    made, kept = _stored(joint, op, part, args)
    tangent_body, arrays = _tangent_body(op, part, active, [build.type(wire) for wire in kept])
    states = sum(n < op.states for n in active)
    scan = Scan(tangent_body, op.axis, states, arrays, op.reverse, title=f"∂{op.title}", lifted=op.lifted)
    start = [build.zero(op.dom[n]) if tangents[n] is None else tangents[n] for n in active]
    rates = iter(build.node(scan, [*start, *kept]))
    found: list[int | None] = [None] * len(op.cod)
    for n in active[:states]:
        found[n] = next(rates)
    for n in part.active:
        if n >= op.states:
            found[n] = next(rates)
    return made, found


def _stored(joint: Joint, op: Scan, part: Linearised, args):
    """The scan that also gives out what its steps keep: (its results, the residuals outside)."""
    width, results = len(op.dom), len(op.cod)
    body = Builder(part.primal.dom.inside)
    inside = [*range(width), *body.call(part.primal, range(width))]
    extra: dict[int, int] = {}
    same, before = _again(op, part, inside)
    for source in part.sources:
        if source in same or source in before:
            continue
        stored = source < op.states or width <= source < width + op.states or source >= width + results
        if stored and source not in extra:
            extra[source] = _apart(body, inside[source], op.axis)
    made = list(args)
    if extra:
        outputs = [*inside[width:width + results], *extra.values()]
        made += joint.build.node(replace(op, body=body.finish(outputs)), args)
    else:
        made += joint.build.node(op, args)
    joint.inner.update(made[width + results:])
    where = {source: width + results + n for n, source in enumerate(extra)}
    kept = []
    for source, name in zip(part.sources, part.names):
        at = before.get(source, same.get(source, source))
        wire = made[where.get(at, at)]
        if source in same or source in before:
            joint.inner.add(wire)
        if source in before:
            wire = _before(joint, op, wire, args[source])
        if source in extra:
            made_by = name if source >= op.states else f"state {source + 1}"
            joint.names.setdefault(wire, f"{op.title}/{made_by}")
        kept.append(wire)
    return made[width:width + results], kept


def _again(op: Scan, part: Linearised, inside: Sequence[int]) -> tuple[dict[int, int], dict[int, int]]:
    """The states that are there already: {source: the result that is its sequence}, after a step and before.

    The states before the steps are those after them, one step later.
    """
    width, results = len(op.dom), len(op.cod)
    given = {inside[width + n]: width + n for n in range(results - 1, op.states - 1, -1)}
    same, before = {}, {}
    for n in range(op.states):
        if op.axis.label in op.dom[n].labels:       # its label is kept apart from the steps'
            continue
        after = given.get(inside[width + n])
        if after is not None and width + n in part.sources:
            same[width + n] = after
        if n in part.sources and (after is not None or width + n in part.sources):
            before[n] = width + n if after is None else after
    return same, before


def _before(joint: Joint, op: Scan, after: int, start: int) -> int:
    """The states before the steps from those after them and the first one: joined, and one left out."""
    build, sequence = joint.build, joint.build.type(after)
    axis = sequence.axis(op.axis.label)
    one = build.add(View(build.type(start), (), (Axis(axis.label, 1),)), start)
    row = build.arrange(one, sequence.with_axes(
        Axis(axis.label, 1) if each.label == axis.label else each for each in sequence.axes))
    parts = (after, row) if op.reverse else (row, after)
    joined = build.add(Concat(tuple(map(build.type, parts)), axis.label), *parts)
    rows = tuple(affine(int(op.reverse and label == axis.label), {label: 1}) for label in sequence.labels)
    found = build.add(Reindex(build.type(joined), sequence.axes, rows), joined)
    joint.remade.update((one, row, joined, found) if row != start else (joined, found))
    return found


def _apart(body: Builder, wire: int, axis: Axis) -> int:
    """A wire without the label of the steps, so that they can be stacked."""
    labels = body.type(wire).labels
    return body.renamed(wire, {axis.label: fresh(axis.label, labels)}) if axis.label in labels else wire


def _tangent_body(op: Scan, part: Linearised, active: Sequence[int], kept: Sequence[Array]):
    """∂body with the tangents first, its states before the others: (diagram, the scan's arrays)."""
    dom, steps = op.body.dom.inside, part.tangent.dom.inside
    count = len(part.sources)
    inner, streamed = [], frozenset(op.sequences)       # residuals as a step sees them
    for source, outer in zip(part.sources, kept):
        stepwise = op.axis in outer.axes and not (
            op.states <= source < len(dom) and source not in streamed)
        inner.append(outer.with_axes(outer.without(op.axis.label)) if stepwise else outer)
    build = Builder([*(dom[n] for n in active), *inner])
    residuals = []
    for n, want in enumerate(steps[:count]):
        wire = len(active) + n
        have = build.type(wire)
        if have != want:                # its label was kept apart from the steps'
            odd = next(a for a, b in zip(have.labels, want.labels) if a != b)
            wire = build.renamed(wire, {odd: op.axis.label})
        residuals.append(wire)
    rates = dict(zip(part.active, build.call(part.tangent, [*residuals, *range(len(active))])))
    outputs = [rates[n] if n in rates else build.zero(dom[n]) for n in active if n < op.states]
    outputs += [rates[n] for n in part.active if n >= op.states]
    return build.finish(outputs), (*(op.arrays[n] for n in active), *kept)


def turn_scan(build: Builder, op: Scan, wires, cotangents) -> Generator:
    """The transpose of a scan that is linear in its states and in some other inputs."""
    for n in range(op.states):
        if wires[n] is not None and not is_zero(build, wires[n]):
            raise RuleError(f"`{op.name}` is not linear in its state {n + 1}",
                            why="it starts from something that is not linear and not 0")
    linear = tuple(n for n, wire in enumerate(wires) if wire is None or n < op.states)
    turning, sequences = frozenset(linear), frozenset(op.sequences)
    coefficients = [n for n in range(len(wires)) if n not in turning]
    asked = {n for n, wire in enumerate(cotangents) if wire is not None}
    while True:
        outputs = tuple(sorted(asked))
        turned: Transposed = yield Transpose(op.title, op.body, linear, outputs)
        more = {n for n in turned.found if n < op.states} - asked
        if not more:
            break
        asked |= more
    carried = [n for n in outputs if n < op.states]
    steps = [n for n in outputs if n >= op.states]
    summed = [n for n in turned.found if n >= op.states and n not in sequences]
    streamed = [n for n in turned.found if n in sequences]
    dom, cod = op.body.dom.inside, op.body.cod.inside
    body = Builder([*(dom[n] for n in (*carried, *summed)), *(cod[n] for n in steps),
                    *(dom[n] for n in coefficients)])
    width = len(carried) + len(summed)
    values = range(width + len(steps), len(body.graph.inputs))
    given = [*values, *range(len(carried)), *range(width, width + len(steps))]
    found = dict(zip(turned.found, body.call(turned.diagram, given)))
    results = [found[n] if n in found else body.zero(dom[n]) for n in carried]
    results += [body.sum([len(carried) + k, found[n]], dom[n]) for k, n in enumerate(summed)]
    results += [found[n] for n in streamed]
    scan = Scan(body.finish(results), op.axis, width,
                (*(dom[n] for n in (*carried, *summed)), *(op.cod[n] for n in steps),
                 *(op.arrays[n] for n in coefficients)), not op.reverse, title=turned_title(op.title))
    start = [build.zero(dom[n]) if n in summed or cotangents[n] is None else cotangents[n]
             for n in (*carried, *summed)]
    made = build.node(scan, [*start, *(cotangents[n] for n in steps), *(wires[n] for n in coefficients)])
    places = (*carried, *summed, *streamed)
    return {n: build.arrange(wire, op.arrays[n]) for n, wire in zip(places, made)}

