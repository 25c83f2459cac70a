"""The transpose of a reindexing: x̄[j] = Σ over the positions p that read j of w[p].

Where each position index stands in one row only, the entries are laid over one another at j
(:class:`~ncd.ops.overlap.Overlap`): solved for one index, p = (d·j − v − Σ c·p')/c, a reindexing and a sum
over the others, and where there are no others a reindexing. Rows that share an index are contracted with
their tensor [d·j = v + Σ c·p].
"""

from __future__ import annotations

from collections.abc import Sequence

from ncd.algebra.convert import ONE, ZERO, Size
from ncd.core.array import Array
from ncd.core.axis import Axis, Label, fresh
from ncd.ops import scalar
from ncd.ops.monoid import SUM
from ncd.ops.multilinear import Reindex, Row, View, affine
from ncd.ops.overlap import Overlap, is_bijective, solved
from ncd.ops.pointwise import Reduce
from ncd.ops.source import Iota
from ncd.traverse.builder import Builder


def transposed_reindex(build: Builder, op: Reindex, w: int) -> int:
    rows = [_merged(row) for row in op.rows]
    if op.is_broadcast:                 # repeated and moved: summed and moved back
        return _moved_back(build, op, w)
    uses: dict[Label, int] = {}
    for row in rows:
        for label, _ in row.terms:
            uses[label] = uses.get(label, 0) + 1
    unread = tuple(axis.label for axis in op.axes if axis.label not in uses)
    if unread:
        w = build.add(Reduce(SUM, build.type(w), unread), w)
    apart = [n for n, row in enumerate(rows) if all(uses[label] == 1 for label, _ in row.terms)]
    shared = [n for n in range(len(rows)) if n not in apart]
    names = {}
    if shared:
        w, names = _contracted(build, op, rows, shared, w)
    # What is left is to put the rows that stand apart in place.
    return _solved(build, op, rows, apart, names, w)


def _merged(row: Row) -> Row:
    terms: dict[Label, Size] = {}
    for label, c in row.terms:
        terms[label] = terms.get(label, ZERO) + c
    return Row(row.offset, tuple((label, c) for label, c in terms.items() if c != ZERO), row.divisor)


def _moved_back(build: Builder, op: Reindex, w: int) -> int:
    read = {row.terms[0][0]: axis for row, axis in zip(op.rows, op.array.axes)}
    gone = tuple(axis.label for axis in op.axes if axis.label not in read)
    if gone:
        w = build.add(Reduce(SUM, build.type(w), gone), w)
    have = build.type(w)
    rows = tuple(affine(0, {read[label].label: 1}) for label in have.labels)
    back = Reindex(have, op.array.axes, rows)
    return w if back.is_identity else build.add(back, w)


def _contracted(build: Builder, op: Reindex, rows: Sequence[Row], shared: Sequence[int], w: int):
    """Rows that share indices, contracted with their tensors: (wire, {row: the label it has now})."""
    have = build.type(w)
    taken, names, letter = set(have.labels), {}, {label: n for n, label in enumerate(have.labels)}
    wires, letters = [w], [tuple(letter[label] for label in have.labels)]
    new = []
    for n in shared:
        axis = op.array.axes[n]
        names[n] = fresh(axis.label, taken)
        taken.add(names[n])
        new.append(Axis(names[n], axis.size))
        row = rows[n]
        if _is_identity(row) and have.size(row.terms[0][0]) == axis.size:
            letter[names[n]] = letter[row.terms[0][0]]      # put on the diagonal
            continue
        letter[names[n]] = max(letter.values()) + 1
        tensor = _tensor(build, new[-1], row, have)
        wires.append(tensor)
        letters.append(tuple(letter[label] for label in build.type(tensor).labels))
    used = {label for n in shared for label, _ in rows[n].terms}
    out = have.with_axes((*(a for a in have.axes if a.label not in used), *new))
    return build.einsum(wires, letters, out, [letter[label] for label in out.labels]), names


def _is_identity(row: Row) -> bool:
    return row.offset == ZERO and row.divisor == ONE and len(row.terms) == 1 and row.terms[0][1] == ONE


def _tensor(build: Builder, axis: Axis, row: Row, have: Array) -> int:
    """[d·j = v + Σ c·p] as numbers 0 and 1."""
    left = _times(build, build.add(Iota(axis)), row.divisor)
    right = None
    for label, c in row.terms:
        term = _times(build, build.add(Iota(have.axis(label))), c)
        right = term if right is None else build.map(scalar.ADD, right, term)
    if row.offset != ZERO:
        right = build.map(scalar.ADD, right, (row.offset,))
    return build.map(scalar.TO_FLOAT, build.map(scalar.EQUAL, left, right))


def _times(build: Builder, wire: int, c: Size) -> int:
    return wire if c == ONE else build.map(scalar.MULTIPLY, wire, (c,))


def _solved(build: Builder, op: Reindex, rows, apart, names, w: int) -> int:
    """Each row that stands apart: what is read at several positions is laid over one another."""
    have, inputs = build.type(w), op.array.axes
    places = {n: affine(0, {names[n]: 1}) for n in names}
    safe = True
    for n in apart:
        axis, row = inputs[n], rows[n]
        if not row.terms:               # read at one place: there, and 0 elsewhere
            one = Axis(fresh(axis.label, {*have.labels, *op.array.labels}), 1)
            w = build.add(View(have, (), (one,)), w)
            have = build.type(w)
            places[n] = affine(row.offset, {one.label: 1}, row.divisor)
            safe = safe and axis.size == ONE and row.offset == ZERO
        else:
            places[n] = row
            safe = safe and is_bijective(row, axis.size, have.size(row.terms[0][0]))
    placed = [places[n] for n in range(len(inputs))]
    if any(len(row.terms) > 1 for row in placed):
        return build.add(Overlap(have, inputs, tuple(placed)), w)
    read, _ = solved(have, inputs, placed)
    made = Reindex(have, inputs, read, None if safe else 0.0)
    if made.is_identity:
        return w
    return build.add(made, w)
