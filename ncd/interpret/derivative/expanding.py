"""Primitives whose derivative is that of simpler operations: folds by any monoid, other semirings.

A fold by a monoid is a scan that carries the result so far; a product of arrays over a semiring is a
map and a fold. They stand here and not in the operations, which are faster as they are.
"""

from __future__ import annotations

from ncd.algebra.convert import ONE
from ncd.core.array import Array
from ncd.core.axis import Axis, fresh
from ncd.core.category import Diagram
from ncd.core.op import Operation
from ncd.ops import scalar
from ncd.ops.control import Scan
from ncd.ops.indexed import Segment
from ncd.ops.monoid import MAX, MIN, SUM, SUM_PRODUCT, Monoid
from ncd.ops.multilinear import Einsum, View
from ncd.ops.pointwise import Map, Reduce
from ncd.ops.source import Constant, Iota
from ncd.traverse.builder import Builder

DIFFERENTIABLE = (SUM, MAX, MIN)


def expanded(op: Operation) -> Diagram | None:
    """The diagram that is differentiated in place of a primitive; None where it has its own rule."""
    if isinstance(op, Reduce) and op.monoid not in DIFFERENTIABLE:
        return _fold(op)
    if isinstance(op, Segment) and op.monoid not in DIFFERENTIABLE:
        return _segment(op)
    if isinstance(op, Einsum) and op.semiring != SUM_PRODUCT:
        return _einsum(op)
    return None


def _fold(op: Reduce) -> Diagram:
    """out = (…(unit ⊕ x₁) ⊕ …) ⊕ x_n."""
    build = Builder((op.array,))
    size = ONE
    for label in op.labels:
        size = size * op.array.size(label)
    axis = Axis(fresh("step", op.array.labels), size)
    x = build.add(View(op.array, op.labels, (axis,)), 0)
    start = build.add(Constant(op.monoid.unit, op.cod[0]))
    step = Map(op.monoid.function, (op.cod[0], op.cod[0])).diagram
    folded = Scan(step, axis, 1, (op.cod[0], build.type(x)), title=op.monoid.name)
    return build.finish([build.add(folded, start, x)])


def _segment(op: Segment) -> Diagram:
    """Every entry meets every segment, as the unit where it does not belong to it."""
    build = Builder(op.dom)
    place = build.add(Iota(op.out))
    own = op.out.label
    if own in (*op.values.labels, *op.index.labels):
        own = fresh(own, (*op.values.labels, *op.index.labels))
        place = build.renamed(place, {op.out.label: own})
    here = build.map(scalar.EQUAL, 1, place)
    spread = build.map(scalar.WHERE, here, 0, (op.monoid.unit,))
    made = build.add(Reduce(op.monoid, build.type(spread), (op.axis,)), spread)
    return build.finish([build.arrange(build.renamed(made, {own: op.out.label}), op.cod[0])])


def _einsum(op: Einsum) -> Diagram:
    """Each step a map, where it is a product, and a fold; each letter an axis."""
    build = Builder(op.arrays)
    axes = {letter: Axis(f"l{letter}", size) for letter, size in op.sizes.items()}
    operands = [_on_letters(build, n, letters, axes) for n, letters in enumerate(op.letters)]
    for step in op.steps:
        wire = operands[step.left]
        if step.right is not None:
            wire = build.map(op.semiring.multiply.function, wire, operands[step.right])
        kept = {axes[letter].label for letter in step.kept}
        gone = tuple(label for label in build.type(wire).labels if label not in kept)
        operands.append(build.add(Reduce(op.semiring.add, build.type(wire), gone), wire) if gone else wire)
    total = operands[-1] if operands else build.add(Constant(op.semiring.multiply.unit, Array()))
    unique = tuple(dict.fromkeys(op.out_letters))
    if len(unique) == len(op.out_letters):
        total = build.arrange(total, build.type(total).with_axes(axes[x] for x in unique))
        names = {axes[x].label: label for x, label in zip(unique, op.out.labels)}
        return build.finish([build.renamed(total, names)])
    return build.finish([_diagonal(build, op, total, axes, op.semiring.add)])


def _on_letters(build: Builder, wire: int, letters, axes: dict[int, Axis]) -> int:
    """An array with its letters as labels, diagonals taken."""
    array, unique = build.type(wire), tuple(dict.fromkeys(letters))
    out = array.with_axes(axes[letter] for letter in unique)
    return build.einsum((wire,), [letters], out, unique)


def _diagonal(build: Builder, op: Einsum, total: int, axes, add: Monoid) -> int:
    """Repeated letters of the result: its entries on the diagonal, the unit elsewhere."""
    first, here = {}, None
    for label, letter in zip(op.out.labels, op.out_letters):
        if letter in first:
            pair = [build.add(Iota(op.out.axis(x))) for x in (first[letter], label)]
            on = build.map(scalar.EQUAL, *pair)
            here = on if here is None else build.map(scalar.BOTH, here, on)
        else:
            first[letter] = label
    have = build.type(total)
    names = {axes[letter].label: label for letter, label in first.items()
             if axes[letter].label in have.labels}
    total = build.renamed(total, names)
    return build.arrange(build.map(scalar.WHERE, here, total, (add.unit,)), op.out)
