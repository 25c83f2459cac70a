"""A scan in segments: a scan over segments of a scan over the steps of one.

The two are equal; the backward part of the second stores the state before each segment only, and
computes the steps of one segment again when it comes to it: n/s + s states instead of n
(Chen et al. 2016, arXiv 1604.06174; s = √n).
"""

from __future__ import annotations

import math
from fractions import Fraction

from ncd.algebra.convert import ZERO, Size, maximum, minimum
from ncd.core.axis import Axis, fresh
from ncd.core.category import Diagram
from ncd.ops.control import Scan
from ncd.ops.multilinear import Concat, Reindex, View, affine
from ncd.traverse.builder import Builder


def segmented(op: Scan, segment: str | int) -> Diagram:
    """The same scan, its steps in segments of a length (``"sqrt"``: √n), the rest in one of its own.

    Of a symbolic number of steps n the rest is from one step to a whole segment: n has to be 2 at least.
    """
    length, count, rest = _cut(op.length, segment)
    build = Builder(op.arrays)
    wires, whole = list(range(len(op.arrays))), count * length
    sequences = frozenset(op.sequences)
    parts = [(ZERO, whole, True), (whole, rest, False)] if rest != ZERO else [(ZERO, whole, True)]
    results = {}
    for start, size, nested in reversed(parts) if op.reverse else parts:
        pieces = [_piece(build, wire, op.axis.label, start, size) if n in sequences and rest != ZERO else wire
                  for n, wire in enumerate(wires)]
        made = _segments(build, op, pieces, count, length) if nested else _plain(build, op, pieces, size)
        wires[:op.states] = made[:op.states]
        results[start] = made[op.states:]
    outputs = []
    for n in range(len(op.cod) - op.states):
        made = [results[start][n] for start, _, _ in parts]
        joined = made[0] if len(made) == 1 else build.add(
            Concat(tuple(map(build.type, made)), op.axis.label), *made)
        outputs.append(build.arrange(joined, op.cod[op.states + n]))
    return build.finish([*wires[:op.states], *outputs])


def _cut(steps: Size, segment: str | int) -> tuple[Size, Size, Size]:
    """The length of the segments, how many there are, and what is left."""
    number = steps.constant
    if number is not None:
        length = max(1, math.isqrt(number)) if segment == "sqrt" else min(segment, number)
        return tuple(map(Size.number, (length, number // length, number % length)))
    # Half of the steps at most, so that a whole segment and a rest are always there.
    length = (steps ** Fraction(1, 2)) // 1 if segment == "sqrt" else minimum(segment, maximum(1, steps // 2))
    count = (steps - 1) // length
    return length, count, steps - count * length


def _piece(build: Builder, wire: int, label: str, start: Size, size: Size) -> int:
    array = build.type(wire)
    axes = tuple(Axis(label, size) if axis.label == label else axis for axis in array.axes)
    rows = tuple(affine(start if axis.label == label else 0, {axis.label: 1}) for axis in array.axes)
    return build.add(Reindex(array, axes, rows), wire)


def _plain(build: Builder, op: Scan, wires, size: Size):
    axis = Axis(op.axis.label, size)
    scan = Scan(op.body, axis, op.states, tuple(map(build.type, wires)), op.reverse, title=op.title,
                lifted=op.lifted)
    return build.node(scan, wires)


def _segments(build: Builder, op: Scan, wires, count: Size, length: Size):
    """A scan over (segment) of the scan over the steps in it."""
    taken = {label for array in (*op.arrays, *op.cod) for label in array.labels}
    outer, inner = Axis(fresh("segment", taken), count), Axis(op.axis.label, length)
    split, sequences = [], frozenset(op.sequences)
    for n, wire in enumerate(wires):
        if n in sequences:
            wire = build.add(View(build.type(wire), (op.axis.label,), (outer, inner)), wire)
        split.append(wire)
    arrays = tuple(map(build.type, split))
    step = tuple(a.with_axes(a.without(outer.label)) for a in arrays)
    body = Scan(op.body, inner, op.states, step, op.reverse, title=op.title, lifted=op.lifted)
    scan = Scan(body.diagram, outer, op.states, arrays, op.reverse, title=op.title, lifted=op.lifted)
    made = list(build.node(scan, split))
    whole = Axis(op.axis.label, count * length)
    for n in range(op.states, len(made)):
        made[n] = build.add(View(build.type(made[n]), (outer.label, inner.label), (whole,)), made[n])
    return made
