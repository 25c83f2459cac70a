"""How each primitive works on shards: which axes it takes sharded, what it then returns.

Every axis of an operation has a *letter*. Axes of one letter are walked together, so that they are
sharded together; None is an axis that must be whole. A letter that no output has is folded.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import NamedTuple

from ncd.algebra.convert import ONE, ZERO
from ncd.core.array import Array
from ncd.core.op import Operation
from ncd.nn.star import Star
from ncd.ops.control import Broadcast
from ncd.ops.indexed import Gather, Segment
from ncd.ops.matrix import Eigh, Solve
from ncd.ops.multilinear import Concat, Einsum, Reindex, View
from ncd.ops.overlap import Overlap
from ncd.ops.pointwise import Map, Reduce, Stop, TopK
from ncd.ops.source import Random


class Placement(NamedTuple):
    """What an operation asks of shards.

    Attributes:
        inputs, outputs: For each array the letter of each axis.
        folded: {letter: monoid} of what is folded away; ``"sum"`` leaves a partial sum.
        linear: Whether f(Σ x) = Σ f(x), all inputs summed over the same devices.
        local: The operation on given local inputs and outputs.
    """

    inputs: tuple[tuple, ...]
    outputs: tuple[tuple, ...]
    folded: Mapping
    linear: bool
    local: Callable[[tuple[Array, ...], tuple[Array, ...]], Operation]


def _labels(arrays, *whole: str) -> tuple[tuple, ...]:
    return tuple(tuple(None if label in whole else label for label in array.labels) for array in arrays)


def _rebuilt(op: Operation, **names: str):
    """The operation with its fields replaced by local arrays: names of fields, ``array="in0"``."""
    def local(inputs, outputs):
        given = {"inputs": inputs, "out0": outputs[0]} | {f"in{n}": array for n, array in enumerate(inputs)}
        return dataclasses.replace(op, **{field: given[source] for field, source in names.items()})
    return local


def _einsum(op: Einsum) -> Placement:
    """A letter that the result has twice, on a diagonal, is whole: the rest of a shard's rows is zero."""
    folded = {letter for letters in op.letters for letter in letters} - set(op.out_letters)
    monoid = "sum" if op.multilinear else op.semiring.add.name

    def walked(letters) -> tuple:
        return tuple(None if op.out_letters.count(letter) > 1 else letter for letter in letters)
    return Placement(tuple(map(walked, op.letters)), (walked(op.out_letters),), dict.fromkeys(folded, monoid),
                     op.multilinear and len(op.arrays) == 1, _rebuilt(op, arrays="inputs", out="out0"))


def _star(op: Star) -> Placement:
    """The axes of windows are whole; batches, channels and groups as in an einsum."""
    windows = {letter for tap in op.taps for letter in tap.letters}
    folded = {letter for letters in op.letters for letter in letters} - set(op.out_letters) - windows

    def walked(letters) -> tuple:
        return tuple(None if letter in windows else letter for letter in letters)
    return Placement(tuple(map(walked, op.letters)), (walked(op.out_letters),), dict.fromkeys(folded, "sum"),
                     False, _rebuilt(op, arrays="inputs", out="out0"))


def _overlap(op: Overlap) -> Placement:
    def local(arrays, made):
        return Overlap(arrays[0], made[0].axes, op.rows)
    return Placement(_labels(op.dom, *op.own), _labels(op.cod, *op.own), {}, True, local)


def _map(op: Map) -> Placement:
    together = set(op.linear) == set(range(len(op.dom)))
    return Placement(_labels(op.dom), _labels(op.cod), {},
                     together and (not op.multilinear or len(op.dom) == 1), _rebuilt(op, arrays="inputs"))


def _reduce(op: Reduce) -> Placement:
    monoid = "sum" if op.monoid.linear else op.monoid.name
    return Placement(_labels(op.dom), _labels(op.cod), dict.fromkeys(op.labels, monoid), op.monoid.linear,
                     _rebuilt(op, array="in0"))


def _view(op: View) -> Placement:
    """The first axis of more than one entry, in row-major order: its blocks are blocks of the result."""
    def first(axes) -> str | None:
        return next((axis.label for axis in axes if axis.size != ONE), None)
    before = first([op.array.axis(label) for label in op.labels])
    after = first(op.axes)
    kept = set(op.array.labels) - set(op.labels)
    inputs = tuple(label if label in kept else ("first",) if label == before and after is not None else None
                   for label in op.array.labels)
    outputs = tuple(label if label in kept else ("first",) if label == after and before is not None else None
                    for label in op.cod[0].labels)

    def local(arrays, made):
        axes = tuple(made[0].axis(axis.label) for axis in op.axes)
        return View(arrays[0], op.labels, axes)
    return Placement((inputs,), (outputs,), {}, True, local)


def _reindex(op: Reindex) -> Placement:
    """An axis stays sharded where it is read at the same index; windows and shifts want it whole."""
    sizes = {axis.label: axis.size for axis in op.axes}
    letters, used = [], set()
    for axis, row in zip(op.array.axes, op.rows):
        same = row.offset == ZERO and row.divisor == ONE and len(row.terms) == 1 and row.terms[0][1] == ONE
        label = row.terms[0][0] if same else None
        same = same and sizes[label] == axis.size
        used |= {label} if same else set()
        letters.append(label if same else None)
    for letter, row in zip(letters, op.rows):           # read at another index as well: a shard lacks it
        if letter is None:
            used -= {label for label, _ in row.terms}
    letters = [letter if letter in used else None for letter in letters]
    outputs = tuple(axis.label if axis.label in used else None for axis in op.axes)

    def local(arrays, made):
        return Reindex(arrays[0], made[0].axes, op.rows, op.fill)
    return Placement((tuple(letters),), (outputs,), {}, op.is_permutation, local)


def _concat(op: Concat) -> Placement:
    return Placement(_labels(op.dom, op.axis), _labels(op.cod, op.axis), {}, True,
                     _rebuilt(op, arrays="inputs"))


def _topk(op: TopK) -> Placement:
    return Placement(_labels(op.dom, op.axis), _labels(op.cod, op.out.label), {}, False,
                     _rebuilt(op, array="in0"))


def _gather(op: Gather) -> Placement:
    """From a table in shards each device reads what it has, zero elsewhere; the sum is the whole."""
    table = tuple(("table",) if label == op.axis else label for label in op.table.labels)

    def local(arrays, made):
        index = Array(arrays[1].axes, "int")            # positions beyond the shard read zero
        return Gather(arrays[0], index, op.axis)
    return Placement((table, op.index.labels), _labels(op.cod), {("table",): "sum"}, False, local)


def _segment(op: Segment) -> Placement:
    monoid = "sum" if op.monoid.linear else op.monoid.name
    return Placement(_labels(op.dom), _labels(op.cod, op.out.label), {op.axis: monoid}, False,
                     _rebuilt(op, values="in0", index="in1"))


def _solve(op: Solve) -> Placement:
    return Placement(_labels(op.dom, op.row, op.column), _labels(op.cod, op.row, op.column), {}, False,
                     _rebuilt(op, matrix="in0", right="in1"))


def _eigh(op: Eigh) -> Placement:
    return Placement(_labels(op.dom, op.row, op.column), _labels(op.cod, op.row, op.out), {}, False,
                     _rebuilt(op, matrix="in0"))


def _random(op: Random) -> Placement:
    return Placement(_labels(op.dom), _labels(op.cod, *(axis.label for axis in op.axes)), {}, False,
                     _rebuilt(op, key_array="in0"))


def _stop(op: Stop) -> Placement:
    return Placement(_labels(op.dom), _labels(op.cod), {}, True, _rebuilt(op, array="in0"))


def _other(op: Operation) -> Placement:
    """An operation that nothing is known of works on whole arrays; broadcast, on any shard of what is
    lifted."""
    whole = op.own if isinstance(op, Broadcast) else {label for array in op.dom + op.cod
                                                      for label in array.labels}
    local = _rebuilt(op, arrays="inputs") if isinstance(op, Broadcast) else lambda inputs, outputs: op
    return Placement(_labels(op.dom, *whole), _labels(op.cod, *whole), {}, False, local)


RULES: dict[type, Callable[[Operation], Placement]] = {
    Einsum: _einsum, Map: _map, Reduce: _reduce, View: _view, Reindex: _reindex, Concat: _concat,
    TopK: _topk, Gather: _gather, Segment: _segment, Solve: _solve, Eigh: _eigh, Random: _random,
    Stop: _stop, Star: _star, Overlap: _overlap}
"""{operation: rule}; ★ and its like have one, since their costs do. Sources have no inputs, and a scan has
its body's."""


def placement(op: Operation) -> Placement:
    """What an operation asks of shards, by its rule; whole arrays where there is none."""
    return RULES.get(type(op), _other)(op)
