"""The pushforward of each primitive: from the tangents of its inputs, those of its results.

∂f[x] is linear in the tangent. A rule writes the operation itself and then ∂f[x], made of
linear operations alone, each of which has a transpose. None stands for a tangent that is 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from ncd.core.array import Array
from ncd.core.axis import Axis, fresh
from ncd.interpret.derivative.scalar_rules import partial, power_row
from ncd.ops import scalar
from ncd.ops.indexed import Gather, Segment
from ncd.ops.matrix import Eigh, Solve
from ncd.ops.monoid import SUM
from ncd.ops.multilinear import Concat, Einsum, Reindex, View
from ncd.ops.pointwise import Map, Reduce, Stop, TopK
from ncd.ops.scalar import ScalarFunction
from ncd.ops.source import Constant, Iota, Key, Parameter, Random
from ncd.traverse.builder import Builder

Tangents = Sequence[int | None]

# The largest entry's tangent; of entries that are equal, each has the same share.
SHARE = ScalarFunction("share", ("w", "x", "y", "c"), "where(x == y, w / c, 0)", dtype="float", linear=(0,))
# In a segment; an entry that belongs to none has no share, and its count is 0.
SEGMENT_SHARE = ScalarFunction("share", ("w", "x", "y", "c"), "where(x == y, w / max(c, 1), 0)",
                               dtype="float", linear=(0,))
GAP = ScalarFunction("gap", ("w", "a", "b"), "where(a == b, 0, w / (b - a))", dtype="float", linear=(0,))


def weighed(build: Builder, op: Map, position: int, w: int, wires: Sequence[int], result: int) -> int | None:
    """w · ∂f/∂x for one array of a map; None where that is 0."""
    found = _partial(op, position)
    if found is None:
        return None
    function, arguments = found
    if function == scalar.IDENTITY:
        return w
    given = []
    for argument in arguments:
        if argument == "w":
            given.append(w)
        elif argument == "y":
            given.append(result)
        else:
            given.append(argument if isinstance(argument, tuple) else wires[argument])
    return build.map(function, *given)


@lru_cache(maxsize=4096)
def _partial(op: Map, position: int) -> tuple[ScalarFunction, tuple] | None:
    """The row of w · ∂f/∂x, and for each of its arguments "w", "y", which wire, or (a number,)."""
    f, fixed = op.function, frozenset(
        name for name, c in zip(op.function.arguments, op.constants) if c is not None)
    exponent = None
    if f == scalar.POWER and op.arguments == (0,) and not isinstance(op.constants[1], float):
        exponent = op.constants[1].constant
    if exponent is None:
        found = partial(f, f.arguments[op.arguments[position]], fixed)
    else:                               # x ** 3 is a row of its own, 3 x²: no logarithm, no zero
        found = partial(power_row(exponent), "x")
    if found is None:
        return None
    wire = {argument: n for n, argument in enumerate(op.arguments)}
    return found.function, tuple(
        argument if isinstance(argument, str) else (0,) if argument is None else
        wire[argument] if argument in wire else (op.constants[argument],) for argument in found.arguments)


def _map(build: Builder, op: Map, args, tangents: Tangents):
    (y,) = build.node(op, args)
    if op.cod[0].dtype != "float":
        return (y,), (None,)
    present = [n for n, w in enumerate(tangents) if w is not None]
    if not op.multilinear and len(present) > 1 and set(present) == set(op.linear):
        mixed = [x if w is None else w for x, w in zip(args, tangents)]
        return (y,), (build.arrange(build.map(op.function, *_filled(op, mixed)), op.cod[0]),)
    terms = [weighed(build, op, n, tangents[n], args, y) for n in present]
    terms = [term for term in terms if term is not None]
    return (y,), (build.sum(terms, op.cod[0]) if terms else None,)


def _filled(op: Map, wires):
    """All arguments of a map: wires, and its constants as tuples."""
    wires = iter(wires)
    return [next(wires) if c is None else (c,) for c in op.constants]


def _einsum(build: Builder, op: Einsum, args, tangents: Tangents):
    (y,) = build.node(op, args)
    terms = [build.add(op, *(w if m == n else x for m, x in enumerate(args)))
             for n, w in enumerate(tangents) if w is not None]
    return (y,), (build.sum(terms, op.out),)


def _reduce(build: Builder, op: Reduce, args, tangents: Tangents):
    (y,) = build.node(op, args)
    (w,) = tangents
    if op.monoid == SUM:
        return (y,), (build.add(op, w),)
    (x,) = args
    ties = build.map(scalar.TO_FLOAT, build.map(scalar.EQUAL, x, y))
    count = build.add(Reduce(SUM, build.type(ties), op.labels), ties)
    share = build.arrange(build.map(SHARE, w, x, y, count), op.array)
    return (y,), (build.add(op_sum(op), share),)


def op_sum(op: Reduce) -> Reduce:
    return Reduce(SUM, Array(op.array.axes), op.labels)


def _segment(build: Builder, op: Segment, args, tangents: Tangents):
    (y,) = build.node(op, args)
    (x, index), w = args, tangents[0]
    total = Segment(SUM, op.values, op.index, op.axis, op.out)
    if op.monoid == SUM:
        return (y,), (build.add(total, w, index),)
    # Every entry beside the extremum of its segment; of those equal to it, each has a share.
    peak = gathered(build, y, index, op)
    ties = build.map(scalar.TO_FLOAT, build.map(scalar.EQUAL, x, peak))
    count = build.add(Segment(SUM, build.type(ties), op.index, op.axis, op.out), ties, index)
    count = gathered(build, build.arrange(count, op.cod[0]), index, op)
    share = build.map(SEGMENT_SHARE, w, x, peak, count)
    made = Segment(SUM, build.type(share), op.index, op.axis, op.out)
    return (y,), (build.arrange(build.add(made, share, index), op.cod[0]),)


def gathered(build: Builder, table: int, index: int, op: Segment) -> int:
    """For each entry of a segment's values what stands in its segment."""
    axis = op.out.label
    if axis in op.index.labels:         # the segments have the label of what is folded
        axis = fresh(axis, (*op.index.labels, *build.type(table).labels))
        table = build.renamed(table, {op.out.label: axis})
    return build.add(Gather(build.type(table), op.index, axis), table, index)


def _gather(build: Builder, op: Gather, args, tangents: Tangents):
    made = build.node(op, args)
    return made, (build.add(op, tangents[0], args[1]),)


def _same(build: Builder, op, args, tangents: Tangents):
    """A linear operation on one array is its own derivative."""
    return build.node(op, args), (build.add(op, tangents[0]),)


def _reindex(build: Builder, op: Reindex, args, tangents: Tangents):
    linear = op if op.fill in (None, 0) else Reindex(op.array, op.axes, op.rows, 0.0)
    return build.node(op, args), (build.add(linear, tangents[0]),)


def _concat(build: Builder, op: Concat, args, tangents: Tangents):
    filled = [build.zero(array) if w is None else w for w, array in zip(tangents, op.arrays)]
    return build.node(op, args), (build.add(op, *filled),)


def _topk(build: Builder, op: TopK, args, tangents: Tangents):
    values, index = build.node(op, args)
    w, at, array = tangents[0], index, build.type(index)
    if op.axis in array.labels:         # the new axis has the old one's label
        new = fresh(op.axis, (*op.array.labels, *array.labels))
        at = build.renamed(index, {op.axis: new})
    found = build.add(Gather(op.array, build.type(at), op.axis), w, at)
    if at != index:
        found = build.renamed(found, {new: op.axis})
    return (values, index), (build.arrange(found, op.cod[0]), None)


def _solve(build: Builder, op: Solve, args, tangents: Tangents):
    """dx = A⁻¹(db − dA x)."""
    (x,) = build.node(op, args)
    (a, _), (da, db) = args, tangents
    right = db
    if da is not None:
        out = build.type(x)
        row = out.with_axes(out.replace((op.column,), (op.matrix.axis(op.row),)))
        right = build.contract(da, x, row)
        right = build.map(scalar.NEGATE, right) if db is None else build.map(scalar.SUBTRACT, db, right)
    made = build.add(Solve(op.matrix, build.type(right), op.row, op.column), a, right)
    return (x,), (build.arrange(made, op.cod[0]),)


def _eigh(build: Builder, op: Eigh, args, tangents: Tangents):
    """dλ_i = M_ii, dv_j = Σ_{i ≠ j} v_i M_ij/(λ_j − λ_i) with M = Vᵀ dA V; 0 where λ_i = λ_j."""
    values, vectors = build.node(op, args)
    matrix, (w,) = op.matrix, tangents
    # A letter for each role: a label is no role, out may be the column's.
    batch = {axis.label: n for n, axis in enumerate(matrix.without(op.row, op.column))}
    row, column, i, j = range(len(batch), len(batch) + 4)

    def at(array: Array, **roles: int) -> tuple[int, ...]:
        return tuple(roles[label] if label in roles else batch[label] for label in array.labels)
    # The matrix is symmetric: so is its tangent, whatever is given.
    plain = at(matrix, **{op.row: row, op.column: column})
    turned = build.einsum((w,), [plain], matrix, at(matrix, **{op.row: column, op.column: row}))
    w = build.map(scalar.MULTIPLY, build.map(scalar.ADD, w, turned), (0.5,))
    out, second = op.cod[0].axis(op.out), fresh(op.out, (*matrix.labels, op.out))
    pair = matrix.with_axes(matrix.replace((op.row, op.column), (Axis(second, out.size), out)))
    v, on_pair = op.cod[1], at(pair, **{second: i, op.out: j})
    middle = build.einsum((vectors, w, vectors), [
        at(v, **{op.row: row, op.out: i}), plain, at(v, **{op.row: column, op.out: j})], pair, on_pair)
    dvalues = build.einsum((middle,), [at(pair, **{second: j, op.out: j})], op.cod[0],
                           at(op.cod[0], **{op.out: j}))
    a = build.renamed(values, {op.out: second})
    gaps = build.arrange(build.map(GAP, middle, a, values), pair)
    dvectors = build.einsum((vectors, gaps), [at(v, **{op.row: row, op.out: i}), on_pair], v,
                            at(v, **{op.row: row, op.out: j}))
    return (values, vectors), (dvalues, dvectors)


def _constant(build: Builder, op, args, tangents: Tangents):
    """What does not depend on its inputs smoothly: no tangent passes."""
    return build.node(op, args), (None,) * len(op.cod)


RULES = {
    Map: _map, Einsum: _einsum, Reduce: _reduce, Segment: _segment, Gather: _gather, Reindex: _reindex,
    View: _same, Concat: _concat, TopK: _topk, Solve: _solve, Eigh: _eigh, Stop: _constant,
    Random: _constant, Key: _constant, Iota: _constant, Constant: _constant, Parameter: _constant}
"""{primitive: rule}; a rule takes (build, operation, wires, tangents) and returns (results, tangents)."""
