"""The transpose of each linear primitive: its wires turned round.

A linear operation F(c, v), linear in v and with coefficients c, has the transpose Fᵀ(c, w) with
⟨w, F(c, v)⟩ = ⟨Fᵀ(c, w), v⟩. A rule writes Fᵀ and says which wire came to each linear input.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ncd.algebra.convert import ONE, ZERO
from ncd.core.axis import Axis, fresh
from ncd.interpret.derivative.jvp_rules import gathered, weighed
from ncd.interpret.derivative.reindexing import transposed_reindex
from ncd.ops.indexed import Gather, Segment
from ncd.ops.matrix import Solve
from ncd.ops.monoid import SUM
from ncd.ops.multilinear import Concat, Einsum, Reindex, View, affine
from ncd.ops.pointwise import Map, Reduce
from ncd.traverse.builder import Builder

Found = Mapping[int, int]


def _map(build: Builder, op: Map, wires, linear: Sequence[int], cotangents) -> Found:
    (w,) = cotangents
    found = {}
    for n in linear:
        made = weighed(build, op, n, w, wires, None)
        if made is not None:
            found[n] = build.folded(made, op.arrays[n])
    return found


def _einsum(build: Builder, op: Einsum, wires, linear, cotangents) -> Found:
    (n,), (w,) = linear, cotangents
    given = (*wires[:n], w, *wires[n + 1:])
    letters = (*op.letters[:n], op.out_letters, *op.letters[n + 1:])
    return {n: build.einsum(given, letters, op.arrays[n], op.letters[n], op.order)}


def _reduce(build: Builder, op: Reduce, wires, linear, cotangents) -> Found:
    return {0: build.arrange(cotangents[0], op.array)}


def _reindex(build: Builder, op: Reindex, wires, linear, cotangents) -> Found:
    return {0: transposed_reindex(build, op, cotangents[0])}


def _view(build: Builder, op: View, wires, linear, cotangents) -> Found:
    back = View(op.cod[0], tuple(axis.label for axis in op.axes), tuple(map(op.array.axis, op.labels)))
    return {0: build.arrange(build.add(back, cotangents[0]), op.array)}


def _concat(build: Builder, op: Concat, wires, linear, cotangents) -> Found:
    (w,), found, start = cotangents, {}, ZERO
    for n, array in enumerate(op.arrays):
        if n in linear:
            have = build.type(w)
            axes = tuple(array.axis(op.axis) if a.label == op.axis else a for a in have.axes)
            rows = tuple(affine(start if a.label == op.axis else 0, {a.label: 1}) for a in have.axes)
            found[n] = build.folded(build.add(Reindex(have, axes, rows), w), array)
        start = start + array.size(op.axis)
    return found


def _gather(build: Builder, op: Gather, wires, linear, cotangents) -> Found:
    """What was read at an index goes back to it, and all that was read there is added up."""
    (w,), index, axis = cotangents, wires[1], op.table.axis(op.axis)
    read = tuple(a for a in op.index.axes if a.label not in op.table.labels)
    if len(read) != 1:
        one = ONE
        for a in read:
            one = one * a.size
        joined = Axis(fresh("e", (*build.type(w).labels, *op.index.labels, op.axis)), one)
        labels = tuple(a.label for a in read)
        w, index = (build.add(View(build.type(x), labels, (joined,)), x) for x in (w, index))
        read = (joined,)
    made = Segment(SUM, build.type(w), build.type(index), read[0].label, axis)
    return {0: build.arrange(build.add(made, w, index), op.table)}


def _segment(build: Builder, op: Segment, wires, linear, cotangents) -> Found:
    return {0: build.folded(gathered(build, cotangents[0], wires[1], op), op.values)}


def _solve(build: Builder, op: Solve, wires, linear, cotangents) -> Found:
    """(A⁻¹)ᵀ = (Aᵀ)⁻¹: rows and columns change sides."""
    turned = Solve(op.matrix, build.type(cotangents[0]), op.column, op.row)
    return {1: build.folded(build.add(turned, wires[0], cotangents[0]), op.right)}




RULES = {
    Map: _map, Einsum: _einsum, Reduce: _reduce, Reindex: _reindex, View: _view, Concat: _concat,
    Gather: _gather, Segment: _segment, Solve: _solve}
"""{linear primitive: rule}; a rule takes (build, operation, wires, linear positions, cotangents)."""
