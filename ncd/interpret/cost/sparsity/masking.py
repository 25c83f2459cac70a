"""What a cost discounts when asked: entries that a mask removes, taps that fall on the padding.

A flat diagram is interpreted twice. Forward, each wire has what is known of its entries
(:mod:`ncd.interpret.cost.sparsity.support`): outside of a region they are one number. Backward, each wire has
the
region in which something reads it. An operation is counted where its result is read and not known already.
Values are not looked at: a mask that depends on them discounts nothing. A mask itself is computed whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ncd.algebra.convert import ZERO, Size
from ncd.algebra.count import EVERYWHERE, Given, Region, folds, labels_of, over, points, renamed
from ncd.core.category import Diagram
from ncd.core.op import Operation
from ncd.interpret.cost.leaves import flatten
from ncd.interpret.cost.meter import Meter
from ncd.interpret.cost.rules import RULES, contraction
from ncd.interpret.cost.sparsity.support import (
    UNKNOWN,
    Value,
    annihilated,
    filled,
    forward,
    in_letters,
    names,
    steady,
    units,
)
from ncd.interpret.cost.sparsity.taps import FASTER, Contracted, conditions, contracted
from ncd.nn.star import Star
from ncd.ops import scalar
from ncd.ops.control import Scan
from ncd.ops.indexed import Gather, Segment
from ncd.ops.multilinear import Einsum, Reindex, View
from ncd.ops.pointwise import Map, Reduce, Stop
from ncd.traverse.flat import Flat

Sums = tuple[Size, Size, Size]
NOTHING: Sums = (ZERO, ZERO, ZERO)


class Options(NamedTuple):
    """What is discounted: taps on the padding, entries that masks remove."""

    taps: bool
    masks: bool


class Found(NamedTuple):
    """What is not counted of one diagram, and what is known of its results.

    Attributes:
        saved: {numbers of the nodes that lead to an operation: (FLOPs, calls, matrix FLOPs)}, of each
            operation and of each block and loop around it, in one run of what it stands in; () is the whole.
        masks: {a mask in words: how many of its entries are true}.
        used: The masks that are inputs and choose something.
    """

    saved: dict[tuple[int, ...], Sums]
    masks: dict[str, Size]
    used: frozenset[str]
    outputs: tuple[Value, ...]


class Masking:
    """The interpretation of diagrams with one meter; each body once for the same knowledge of its inputs."""

    def __init__(self, meter: Meter, options: Options):
        self.meter, self.options = meter, options
        self.flat: dict[int, tuple[Diagram, Flat]] = {}
        self.found: dict[tuple[int, tuple[Value, ...]], Found] = {}

    def flatten(self, diagram: Diagram) -> Flat:
        if id(diagram) not in self.flat:
            self.flat[id(diagram)] = diagram, flatten(self.meter, diagram)
        return self.flat[id(diagram)][1]

    def __call__(self, diagram: Diagram, values: Sequence[Value]) -> Found:
        key = id(diagram), tuple(values)
        if key not in self.found:
            self.found[key] = _Walk(self, self.flatten(diagram), values).found()
        return self.found[key]


class _Walk:
    """One flat diagram."""

    def __init__(self, masking: Masking, flat: Flat, values: Sequence[Value]):
        self.masking, self.flat, self.graph = masking, flat, flat.graph
        self.values: list[Value] = list(values)
        self.inner: dict[int, Found] = {}
        self.masks: dict[str, Size] = {}
        self.used: set[str] = set()
        self._forward()
        self.needs = self._backward()

    # -- forward -----------------------------------------------------------------------
    def _forward(self) -> None:
        for node, (op, args, wires) in enumerate(self.graph):
            have = [self.values[wire] for wire in args]
            if isinstance(op, Scan):
                self.values += self._loop(node, op, have)
            elif len(wires) != 1:
                self.values += [UNKNOWN] * len(wires)
            else:
                self.values.append(self._one(node, op, have))

    def _one(self, node: int, op: Operation, have: list[Value]) -> Value:
        if not self.masking.options.masks:
            return UNKNOWN
        found = _star(op, have) if isinstance(op, Star) else forward(op, have)
        for value in have:                      # a region that begins here
            if value.mask and found.region & value.mask and value.mask is not found.mask:
                self._note(value.mask, op)
        if isinstance(op, Map) and op.function == scalar.WHERE and found.region and have[0].mask:
            self._note(have[0].mask, op)
        return found

    def _note(self, mask: Region, op: Operation) -> None:
        self.used.update(each.name for each in mask if isinstance(each, Given))
        text = " and ".join(sorted(map(str, mask)))
        if text not in self.masks:
            labels = labels_of(mask)
            self.masks[text] = points(mask, {axis.label: axis.size for array in op.dom for axis in array.axes
                                             if axis.label in labels})

    def _loop(self, node: int, op: Scan, have: list[Value]) -> list[Value]:
        """The body by itself, with what is known of its inputs, and so of its results, at every step."""
        inner = [UNKNOWN if n < op.states else steady(value, op.axis.label) for n, value in enumerate(have)]
        found = self.inner[node] = self.masking(op.body, inner)
        self.masks |= found.masks
        self.used |= found.used
        return list(found.outputs)

    # -- backward ----------------------------------------------------------------------
    def _backward(self) -> list[Region | None]:
        """For each wire the region in which it is read; None where nothing reads it."""
        needs: list[Region | None] = [None] * len(self.graph.types)
        for wire in self.graph.outputs:
            needs[wire] = EVERYWHERE
        for node in reversed(range(len(self.graph))):
            op, args, first = self.graph.ops[node], self.graph.args[node], self.graph.first[node]
            need = EVERYWHERE if isinstance(op, Scan) or len(op.cod) != 1 else needs[first] or EVERYWHERE
            have, made = [self.values[wire] for wire in args], self.values[first] if op.cod else UNKNOWN
            for wire, region in zip(args, self._reads(op, have, made, need)):
                before = needs[wire]
                needs[wire] = region if before is None else before & region
        return needs

    def _reads(self, op: Operation, have: list[Value], made: Value, need: Region) -> list[Region]:
        """In which region an operation reads each of its inputs, its result being read in ``need``."""
        if isinstance(op, Map):
            return self._map_reads(op, have, made, need)
        if isinstance(op, Stop):
            return [need]
        if isinstance(op, (Reindex, View)):
            if isinstance(op, Reindex) and op.fill is not None:
                return [EVERYWHERE]
            return [renamed(need, names(op, back=True))]
        if isinstance(op, Reduce):
            return [need | made.region | units(op, have[0])]
        if isinstance(op, Gather):              # from anywhere on the axis
            return [over(need | made.region, set(array.labels) - {op.axis}) for array in op.dom]
        if isinstance(op, Segment):
            region = self._kept(op, have[0], made, need)
            return [over(region, array.labels) for array in op.dom]
        if isinstance(op, (Einsum, Star)):
            letters = self._needed(op, need).union(*self._operands(op, have))
            return [_in_labels(letters, array.labels, own) for array, own in zip(op.arrays, op.letters)]
        return [EVERYWHERE] * len(have)

    @staticmethod
    def _kept(op: Segment, value: Value, made: Value, need: Region) -> Region:
        """The entries that a segment folds: no units, and to anywhere on the axis that it makes."""
        return over(need | made.region, set(op.cod[0].labels) - {op.axis, op.out.label}) | units(op, value)

    def _map_reads(self, op: Map, have: list[Value], made: Value, need: Region) -> list[Region]:
        found = []
        for n, array, value in zip(op.arguments, op.arrays, have):
            region = need | made.region
            if op.function == scalar.WHERE and n > 0 and 0 in op.arguments and have[0].mask is not None:
                mask = have[0].mask
                self.used.update(each.name for each in mask if isinstance(each, Given))
                region |= mask if n == 1 else frozenset(each.negated() for each in mask) \
                    if len(mask) == 1 else EVERYWHERE
            if value.mask is not None:          # what a mask chooses is not known before the mask is
                region -= value.mask.union(each.negated() for each in value.mask)
            found.append(over(region, array.labels))
        return found

    @staticmethod
    def _operands(op: Einsum | Star, have: list[Value]) -> list[Region]:
        """For each operand of a contraction where it is not 0, in letters; of ★ on no axis of a window."""
        if isinstance(op, Einsum):
            return annihilated(op, have)
        return [over(region, _apart(op)) for region in annihilated(op.plain, have)]

    @staticmethod
    def _needed(op: Einsum | Star, need: Region) -> Region:
        found = in_letters(need, op.out.labels, op.out_letters)
        return over(found, _apart(op)) if isinstance(op, Star) else found

    # -- what is not counted -------------------------------------------------------------
    def found(self) -> Found:
        saved: dict[tuple[int, ...], Sums] = {}
        for node, op in enumerate(self.graph.ops):
            path = self.flat.paths[node]
            if isinstance(op, Scan):
                inner = self.inner[node].saved
                saved |= {(*path, *below): sums for below, sums in inner.items() if below}
                self._save(saved, path, tuple(size * op.length for size in inner.get((), NOTHING)))
            else:
                self._save(saved, path, self._saving(node, op))
        return Found(saved, self.masks, frozenset(self.used),
                     tuple(self.values[wire] for wire in self.graph.outputs))

    @staticmethod
    def _save(saved: dict, path: tuple[int, ...], sums: Sums) -> None:
        if any(size.terms for size in sums):
            for end in range(len(path) + 1):
                before = saved.get(path[:end], NOTHING)
                saved[path[:end]] = tuple(a + b for a, b in zip(before, sums))

    def _saving(self, node: int, op: Operation) -> Sums:
        meter = self.masking.meter
        if meter.table._listed(op) is not (RULES.get(type(op)) or FASTER.get(type(op))) or not isinstance(
                op, (Map, Reduce, Segment, Einsum, Star)):
            return NOTHING                      # a rule of the user's own counts what it likes
        wire, have = self.graph.first[node], [self.values[wire] for wire in self.graph.args[node]]
        made = self.values[wire]
        region = (self.needs[wire] or EVERYWHERE) | made.region
        dense, sizes = meter.operation(op), {axis.label: axis.size for axis in op.cod[0].axes}
        matrix = ZERO
        if isinstance(op, Map):
            if not region:
                return NOTHING
            count, each = points(region, sizes), meter.convention.elementwise(op.counted)
            flops, calls = (count * number for number in each)
        elif isinstance(op, Reduce):
            region |= units(op, have[0])
            if not region:
                return NOTHING
            sizes = {axis.label: axis.size for axis in op.array.axes}
            count = folds(region, sizes, set(op.cod[0].labels))
            flops, calls = (count * number for number in op.monoid.function.operations)
        elif isinstance(op, Segment):
            region = self._kept(op, have[0], made, self.needs[wire] or EVERYWHERE)
            if not region:
                return NOTHING
            sizes = {axis.label: axis.size for array in op.dom for axis in array.axes}
            count = points(region, sizes)
            flops, calls = (count * number for number in op.monoid.function.operations)
        else:
            operands, need = self._operands(op, have), self._needed(op, region)
            if isinstance(op, Star) and self.masking.options.taps:
                operands[0] |= conditions(op)
            if not need and not any(operands):
                return NOTHING
            flops, calls, matrix = _contracted(contracted(op) if isinstance(op, Star) else op, operands, need)
        return dense.flops - flops, dense.transcendentals - calls, dense.matrix - matrix


def _apart(op: Star) -> set[str]:
    """The letters of a convolution that no window moves along."""
    return set(map(str, op.sizes)) - {str(letter) for tap in op.taps for letter in tap.letters}


def _star(op: Star, values: list[Value]) -> Value:
    """What is known of a convolution's result along the axes that no window moves along."""
    together = frozenset().union(*(over(region, _apart(op)) for region in annihilated(op.plain, values)))
    back = dict(zip(map(str, op.out_letters), op.out.labels))
    return filled(renamed(together, back), 0.0)


def _in_labels(region: Region, labels, letters) -> Region:
    if len(set(letters)) < len(letters):
        return EVERYWHERE
    return renamed(region, dict(zip(map(str, letters), labels)))


def _contracted(op: Einsum | Contracted, operands: list[Region], need: Region) -> tuple[Size, Size, Size]:
    """The FLOPs, calls and matrix FLOPs of an einsum within regions, in letters.

    A step makes the products where what it has so far is not 0, and whose sum is read later on.
    """
    everything = need.union(*operands)

    def sizes(letters):
        return {str(letter): op.sizes[letter] for letter in letters}

    def count(step, letters) -> Size:
        known = frozenset().union(*(operands[n] for n in step.arrays))
        region = over(known, set(map(str, letters))) | over(everything, set(map(str, step.kept)))
        return points(region, sizes(letters))

    def added(step, letters) -> Size:
        return folds(over(everything, set(map(str, letters))), sizes(letters), set(map(str, step.kept)))
    return contraction(op, count, added)
