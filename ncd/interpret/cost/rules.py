"""The cost of each primitive: arithmetic, transcendental calls, bytes moved, depth.

FLOP counts follow one convention everywhere: a multiply-add is 2. Fractions are exact.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from ncd.algebra.convert import ONE, ZERO, Size, SizeLike, extremum
from ncd.core.argument import public
from ncd.core.array import Array
from ncd.core.op import Operation, lifted_axes
from ncd.interpret.cost.convention import Convention
from ncd.ops.control import Broadcast, Opaque, Scan
from ncd.ops.indexed import Gather, Segment
from ncd.ops.matrix import Eigh, Solve
from ncd.ops.monoid import SUM_PRODUCT
from ncd.ops.multilinear import Concat, Einsum, Reindex, View
from ncd.ops.pointwise import Map, Reduce, Stop, TopK
from ncd.ops.source import Constant, Iota, Key, Parameter, Random


class OperationCost(NamedTuple):
    """What one operation costs: FLOPs, calls, bytes read and written, steps on the critical path.

    ``matrix`` is the part of the FLOPs that are multiply-adds of a contraction, what matrix units do;
    ``room`` the bytes held at once while it runs, its results included, where these are not all.
    """

    flops: Size
    transcendentals: Size
    reads: Size
    writes: Size
    depth: Size
    matrix: Size = ZERO
    room: Size = ZERO


@lru_cache(maxsize=4096)
def array_bytes(array: Array, convention: Convention) -> Size:
    return array.elements * convention.element_bytes(array.dtype)


@lru_cache(maxsize=4096)
def total_bytes(arrays: tuple[Array, ...], convention: Convention) -> Size:
    total = ZERO
    for array in arrays:
        total = total + array_bytes(array, convention)
    return total


@public
def work(op: Operation, convention: Convention, flops: SizeLike | None = ZERO,
         transcendentals: SizeLike | None = ZERO,
         matrix: SizeLike = ZERO) -> OperationCost:
    """An operation that reads its inputs once, writes its outputs once, and is one step deep."""
    return _work(op.dom, op.cod, convention, flops, transcendentals, matrix)


@lru_cache(maxsize=4096)
def _work(dom, cod, convention: Convention, flops, transcendentals, matrix=ZERO) -> OperationCost:
    return OperationCost(Size(flops), Size(transcendentals), total_bytes(dom, convention),
                         total_bytes(cod, convention), ONE, Size(matrix))


def free(op: Operation, convention: Convention) -> OperationCost:
    """An operation that moves and computes nothing: another view of the same memory."""
    return OperationCost(ZERO, ZERO, ZERO, ZERO, ZERO)


def source(op: Operation, convention: Convention) -> OperationCost:
    """An array that is there already, or is written without being computed."""
    return OperationCost(ZERO, ZERO, ZERO, total_bytes(op.cod, convention)
                         if isinstance(op, (Constant, Iota)) else ZERO, ZERO)


def _einsum(op: Einsum, convention: Convention) -> OperationCost:
    """The work of its steps; what one makes and another reads is written, read, and held until then."""
    def points(letters) -> Size:
        total = ONE
        for letter in letters:
            total = total * op.sizes[letter]
        return total
    found = work(op, convention, *contraction(op, lambda step, letters: points(letters),
                                              lambda step, letters: points(letters) - points(step.kept)))
    if len(op.steps) < 2:
        return found
    each = convention.element_bytes(op.out.dtype)
    sizes = [points(step.kept) * each for step in op.steps[:-1]]
    moved, live, held = sum(sizes, ZERO), ZERO, []
    for number, step in enumerate(op.steps):
        live = live + (sizes[number] if number < len(sizes) else total_bytes(op.cod, convention))
        held.append(live)
        for operand in (step.left, step.right):
            if operand is not None and operand >= len(op.arrays):
                live = live - sizes[operand - len(op.arrays)]
    return found._replace(reads=found.reads + moved, writes=found.writes + moved, room=extremum("max", held))


def contraction(op: Einsum, points, folds) -> tuple[Size, Size, Size]:
    """The FLOPs of an einsum, the calls, and those of the FLOPs that matrix units do.

    Parameters:
        op: An einsum, or what else has letters, those of its result, and a semiring.
        points: (step, letters) -> how many products the step makes.
        folds: (step, letters) -> how many entries of one array are added to another.
    """
    multiply, add = op.semiring.multiply.function.operations, op.semiring.add.function.operations
    flops, calls, matrix = ZERO, ZERO, ZERO
    operands = [*op.letters, *(step.kept for step in op.steps)]
    for step in op.steps:
        if step.right is None:
            count, each = folds(step, dict.fromkeys(operands[step.left])), add
        else:
            letters = dict.fromkeys((*operands[step.left], *operands[step.right]))
            count, each = points(step, letters), multiply
            if any(letter not in step.kept for letter in letters):
                each = tuple(map(sum, zip(multiply, add)))
                if op.semiring == SUM_PRODUCT:
                    matrix = matrix + count * each[0]
        flops, calls = flops + count * each[0], calls + count * each[1]
    return flops, calls, matrix


def _map(op: Map, convention: Convention) -> OperationCost:
    flops, calls = convention.elementwise(op.counted)
    return _pointwise(op.dom, op.cod, convention, flops, calls)


@lru_cache(maxsize=4096)
def _pointwise(dom, cod, convention: Convention, flops: int, calls: int) -> OperationCost:
    entries = cod[0].elements
    return _work(dom, cod, convention, entries * flops, entries * calls)


def _reduce(op: Reduce, convention: Convention) -> OperationCost:
    folded = op.array.elements - op.cod[0].elements
    return work(op, convention, *(folded * each for each in op.monoid.function.operations))


def _topk(op: TopK, convention: Convention) -> OperationCost:
    """Selection by repeated maximum: Σ_{j<k} (x − 1 − j) comparisons on each line."""
    x, k = op.array.size(op.axis), op.out.size
    lines = ONE
    for axis in op.array.without(op.axis):
        lines = lines * axis.size
    return work(op, convention, lines * (k * (x - 1) - k * (k - 1) * Fraction(1, 2)))


def _segment(op: Segment, convention: Convention) -> OperationCost:
    entries = op.values.elements
    for axis in op.index.without(*op.values.labels):
        entries = entries * axis.size
    return work(op, convention, *(entries * each for each in op.monoid.function.operations))


def _solve(op: Solve, convention: Convention) -> OperationCost:
    """LU with partial pivoting, each comparison of magnitudes an operation: 2(n³ − n)/3; then both
    triangular systems, 2n² − n for each right-hand side (Golub, Van Loan §3)."""
    n = op.matrix.size(op.row)
    batch = ONE
    for axis in op.matrix.without(op.row, op.column):
        batch = batch * axis.size
    sides = ONE
    for axis in op.right.without(op.row):
        sides = sides * axis.size
    for axis in op.matrix.without(op.row, op.column):
        if axis.label not in op.right.labels:
            sides = sides * axis.size
    return work(op, convention, batch * (n ** 3 - n) * Fraction(2, 3) + sides * (n ** 2 * 2 - n))


def _eigh(op: Eigh, convention: Convention) -> OperationCost:
    """Symmetric QR with vectors: 9n³ (Golub, Van Loan §8.3)."""
    n = op.matrix.size(op.row)
    batch = ONE
    for axis in op.matrix.without(op.row, op.column):
        batch = batch * axis.size
    return work(op, convention, batch * n ** 3 * 9)


def move(op: Operation, convention: Convention) -> OperationCost:
    """An operation that moves data and computes nothing."""
    return work(op, convention)


def appends(op: Operation) -> bool:
    """Whether rows, a number of them, are joined behind an array that is not shorter than they are.

    It stays where it is in a buffer that has room for them, as a cache does.
    """
    if not isinstance(op, Concat) or op.arrays[0].labels != op.cod[0].labels:
        return False
    first, *rest = (array.size(op.axis).constant for array in op.arrays)
    return None not in rest and (first is None or first >= sum(rest))


def concat(op: Concat, convention: Convention) -> OperationCost:
    """All is copied into the result; of what is appended the rows alone are moved."""
    if not appends(op):
        return move(op, convention)
    rows = array_bytes(op.cod[0], convention) - array_bytes(op.arrays[0], convention)
    return OperationCost(ZERO, ZERO, total_bytes(op.arrays[1:], convention), rows, ONE)


def is_view(op: Operation) -> bool:
    """Whether its result is the memory of what it reads."""
    return isinstance(op, (View, Stop)) or (isinstance(op, Reindex) and op.is_renaming)


def reindex(op: Reindex, convention: Convention) -> OperationCost:
    """A renaming is free; every other reindexing reads what it writes, once."""
    if op.is_renaming:
        return free(op, convention)
    out = total_bytes(op.cod, convention)
    reads = total_bytes(op.dom, convention) if op.is_broadcast else out
    return OperationCost(ZERO, ZERO, reads, out, ONE)


def gather(op: Gather, convention: Convention) -> OperationCost:
    """Only the entries that are gathered are read, and the indices."""
    out = array_bytes(op.cod[0], convention)
    return OperationCost(ZERO, ZERO, out + array_bytes(op.index, convention), out, ONE)


def lifted(rule):
    """The cost of a user's operation lifted: its own cost at every index."""
    def cost(op: Broadcast, convention: Convention) -> OperationCost:
        times = ONE
        for axis in lifted_axes(op.op.dom, op.arrays):
            times = times * axis.size
        base = rule(op.op, convention)
        return OperationCost(base.flops * times, base.transcendentals * times,
                             total_bytes(op.dom, convention), total_bytes(op.cod, convention), base.depth,
                             base.matrix * times)
    return cost


def stated(op: Opaque, convention: Convention) -> OperationCost:
    """What an opaque operation says of itself."""
    return work(op, convention, op.flops or ZERO, op.transcendentals or ZERO)


def scan(op: Scan, body: OperationCost) -> OperationCost:
    """Every sum of the body times the length; a step begins when the one before has ended."""
    return OperationCost(*(size * op.length for size in body))


RULES = {
    Scan: scan, Einsum: _einsum, Map: _map, Reduce: _reduce, TopK: _topk, Segment: _segment, Solve: _solve,
    Eigh: _eigh, Gather: gather, Reindex: reindex, Concat: concat, View: free, Stop: free,
    Constant: source, Iota: source, Parameter: source, Key: source, Random: move}
"""{primitive: rule}; a rule takes an operation and a convention, a scan's takes its body's cost."""
