"""Bugs on purpose: each is caught by a law that is named, and the law is quiet without it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ncd.algebra.convert import ZERO
from ncd.construct import align
from ncd.core.array import Array
from ncd.core.category import Diagram, Ty
from ncd.core.graph import Graph
from ncd.interpret.derivative import (
    jvp_rules as pushing,
)
from ncd.interpret.derivative import (
    overrides as faster,
)
from ncd.interpret.derivative import (
    partial as cut,
)
from ncd.interpret.derivative import (
    transpose_rules as turning,
)
from ncd.interpret.reference import REFERENCE
from ncd.nn.softmax import Softmax, softmax
from ncd.ops import scalar
from ncd.ops.control import Scan
from ncd.ops.indexed import Gather, Segment
from ncd.ops.monoid import MAX, SUM_PRODUCT
from ncd.ops.multilinear import Concat, Einsum, Reindex, View, affine
from ncd.ops.pointwise import Map, Reduce
from ncd.ops.source import Key, Random
from ncd.traverse.builder import Builder
from tests.planted import Bugs, assert_caught
from theory import FREE_MODEL, LAWS, MODELS, Model, jax_model, reference_model
from theory.catalogue import CATALOGUE, Case
from theory.claims import operation

BUGS = Bugs()
bug = BUGS.caught_by


def rule(operation):
    """The reference's own rule."""
    return REFERENCE.rules[operation]


def broken(operation, wrong) -> Model:
    return reference_model(REFERENCE | {operation: wrong})


# -- rules of the reference -----------------------------------------------------------
@bug("fold in reverse")
def reduce_over_the_wrong_axis(patch):
    def wrong(run, op, value):
        right = op.array.labels.index(op.labels[0])
        alike = [n for n, size in enumerate(np.shape(value)) if n != right and size == np.shape(value)[right]]
        return rule(Reduce)(run, op, np.swapaxes(value, right, alike[0]) if alike else value)
    return broken(Reduce, wrong)


@bug("fold of a concatenation")
def reduce_forgets_the_last_entry(patch):
    def wrong(run, op, value):
        axis = op.array.labels.index(op.labels[0])
        short = np.delete(value, -1, axis) if np.shape(value)[axis] > 1 else value
        return rule(Reduce)(run, op, short)
    return broken(Reduce, wrong)


@bug("order of contraction")
def einsum_forgets_a_letter(patch):
    def wrong(run, op, *values):
        summed = [x for letters in op.letters for x in letters if x not in op.out_letters]
        values = list(values)
        for n, letters in enumerate(op.letters):
            if summed and summed[0] in letters:    # only the first entry along the letter is seen
                shape = [1] * len(letters)
                shape[letters.index(summed[0])] = -1
                size = np.shape(values[n])[letters.index(summed[0])]
                values[n] = values[n] * (np.arange(size) == 0).reshape(shape)
        return rule(Einsum)(run, op, *values)
    return broken(Einsum, wrong)


@bug("a multilinear map is linear on the outer product")
def einsum_takes_no_diagonal(patch):
    def wrong(run, op, *values):
        fixed, letters = [], []
        for value, own in zip(values, op.letters):
            for place in reversed(range(len(own))):
                if own[place] in own[:place]:
                    value = np.take(value, 0, place)
            fixed.append(value)
            letters.append(tuple(dict.fromkeys(own)))
        arrays = tuple(a.with_axes([x for n, x in enumerate(a.axes) if own[n] not in own[:n]])
                       for a, own in zip(op.arrays, op.letters))
        return rule(Einsum)(run, Einsum(arrays, tuple(letters), op.out, op.out_letters, op.semiring), *fixed)
    return broken(Einsum, wrong)


@bug("softmax slides past a transpose")
def softmax_over_the_last_axis(patch):
    def wrong(run, op, value):
        e = np.exp(value - value.max(-1, keepdims=True))
        return e / e.sum(-1, keepdims=True)
    return broken(Softmax, wrong)


@bug("flip is an involution")
def reindex_off_by_one(patch):
    def wrong(run, op, value):
        rows = tuple(row._replace(offset=row.offset - 1) if row.terms and row.offset.terms else row
                     for row in op.rows)
        fill = 0.0 if op.fill is None else op.fill
        return rule(Reindex)(run, Reindex(op.array, op.axes, rows, fill), value)
    return broken(Reindex, wrong)


@bug("out of range is the fill")
def padding_repeats_the_edge(patch):
    def wrong(run, op, value):
        grid = dict(zip((axis.label for axis in op.axes), np.indices(run.shape(op.cod[0]), sparse=True)))
        places = [np.clip((run.size(row.offset) + sum(run.size(c) * grid[label] for label, c in row.terms))
                          // run.size(row.divisor), 0, size - 1)
                  for row, size in zip(op.rows, np.shape(value))]
        return np.broadcast_to(np.asarray(value)[tuple(places)], run.shape(op.cod[0]))
    return broken(Reindex, wrong)


@bug("scan of a concatenation")
def scan_returns_the_state_before_the_last_step(patch):
    def wrong(run, op, *values):
        made, last = rule(Scan)(run, op, *values), run.size(op.length) - 1
        if last == 0:
            return [*values[:op.states], *made[op.states:]]
        short = replace(op.axis, size=last)
        arrays = tuple(a.with_axes(short if x == op.axis else x for x in a.axes) for a in op.arrays)
        cut = [np.take(v, range(last), a.labels.index(short.label)) if n in op.sequences else v
               for n, (a, v) in enumerate(zip(arrays, values))]
        before = rule(Scan)(run, replace(op, axis=short, arrays=arrays), *cut)
        return [*before[:op.states], *made[op.states:]]
    return broken(Scan, wrong)


@bug("scan in reverse")
def scan_never_runs_backwards(patch):
    return broken(Scan, lambda run, op, *values: rule(Scan)(run, replace(op, reverse=False), *values))


@bug("segment is the transpose of gather")
def segment_drops_duplicates(patch):
    def wrong(run, op, values, index):
        out = op.cod[0]
        total = np.full(run.shape(out), op.monoid.unit, float)
        target = np.moveaxis(total, out.labels.index(op.out.label), 0)
        for e, n in enumerate(index):
            target[n] = np.take(values, e, op.values.labels.index(op.axis))
        return total
    return broken(Segment, wrong)


@bug("gather is an einsum")
def gather_reads_from_the_end(patch):
    def wrong(run, op, table, index):
        return rule(Gather)(run, op, table, run.size(op.table.size(op.axis)) - 1 - np.asarray(index))
    return broken(Gather, wrong)


@bug("an entry of a view")
def view_is_column_major(patch):
    def wrong(run, op, value):
        if len(op.axes) != 1:
            return rule(View)(run, op, value)
        swapped = View(op.array, op.labels[::-1], op.axes)
        made = rule(View)(run, swapped, value)
        order = [swapped.cod[0].labels.index(label) for label in op.cod[0].labels]
        return np.transpose(made, order)
    return broken(View, wrong)


@bug("arguments are matched by label")
def map_broadcasts_by_position(patch):
    def wrong(run, op, *values):
        if len({np.shape(value) for value in values}) == 1:
            op = Map(op.function, (op.arrays[0],) * len(op.arrays), op.constants)
        return rule(Map)(run, op, *values)
    return broken(Map, wrong)


@bug("first slice of a concatenation")
def concatenation_in_reverse(patch):
    def wrong(run, op, *values):
        return rule(Concat)(run, Concat(op.arrays[::-1], op.axis), *values[::-1])
    return broken(Concat, wrong)


@bug("copy of a key drawn by place")
def every_place_draws_one_key(patch):
    def wrong(run, op):
        run.path = ("key",)
        return rule(Key)(run, op)
    return broken(Key, wrong)


@bug("naturality for a sample")
def random_numbers_ignore_the_key(patch):
    def wrong(run, op, keys):
        flat = np.arange(np.size(keys)).reshape(np.shape(keys))
        return rule(Random)(run, op, flat)
    return broken(Random, wrong)


# -- rules of JAX ---------------------------------------------------------------------
def broken_jax(operation, wrong) -> Model:
    from ncd.interpret.jax import JAX
    good = JAX.rules[operation]
    return jax_model(JAX | {operation: lambda run, op, *values: wrong(good, run, op, *values)})


@bug("repetition is a power")
def jax_scan_forgets_a_step(patch):
    def wrong(good, run, op, *values):
        if op.axis.size == 1 or op.sequences:
            return good(run, op, *values)
        return good(run, replace(op, axis=replace(op.axis, size=op.axis.size - 1)), *values)
    return broken_jax(Scan, wrong)


@bug("einsum over a semiring")
def jax_einsum_is_always_a_sum_of_products(patch):
    def wrong(good, run, op, *values):
        logical = op.semiring.name == "any_all"
        return good(run, op if logical else replace(op, semiring=SUM_PRODUCT), *values)
    return broken_jax(Einsum, wrong)


@bug("folds commute")
def jax_max_is_a_mean_on_the_last_axis(patch):
    def wrong(good, run, op, value):
        last = op.array.labels and op.labels == op.array.labels[-1:]
        return value.mean(-1) if last and op.monoid.name == "max" else good(run, op, value)
    return broken_jax(Reduce, wrong)


# -- lifting --------------------------------------------------------------------------
@bug("index after lift")
def reindex_forgets_its_offset_when_lifted(patch):
    good = Reindex.extend

    def wrong(self, arrays):
        made = good(self, arrays)
        return replace(made, rows=tuple(affine(0, row.terms, row.divisor) for row in made.rows))
    patch.setattr(Reindex, "extend", wrong)
    return MODELS["reference"]


@bug("lift is a stack of copies")
def a_lifted_reduction_folds_the_lifted_axis(patch):
    def wrong(run, op, value):
        if len(op.labels) == 1 and "p" in op.array.labels:
            p, a = op.array.labels.index("p"), op.array.labels.index(op.labels[0])
            if np.shape(value)[p] == np.shape(value)[a]:
                value = np.swapaxes(value, p, a)
        return rule(Reduce)(run, op, value)
    return broken(Reduce, wrong)


@bug("lift twice")
def lift_permutes_the_axes(patch):
    good = align.lift
    patch.setattr("theory.broadcasting.lift_diagram",
                  lambda diagram, axes, stack=False: good(diagram, tuple(axes)[::-1], stack))
    return MODELS["type"]


@bug("keys are shared under lift")
def a_key_is_not_lifted(patch):
    good = align._extended

    def wrong(op, given, extra, stack):
        return op if isinstance(op, Key) else good(op, given, extra, stack)
    patch.setattr(align, "_extended", wrong)
    from ncd.nn.stochastic import Dropout
    patch.setattr(Dropout, "extend", lambda self, arrays: None)
    return MODELS["reference"]


@bug("parameters are shared under lift")
def parameters_are_stacked_by_lift(patch):
    good = align.lift
    patch.setattr("theory.broadcasting.lift_diagram",
                  lambda diagram, axes, stack=False: good(diagram, axes, True))
    return MODELS["reference"]


# -- the wire graph -------------------------------------------------------------------
@bug("copy of a key drawn by place")
def equality_merges_keys(patch):
    patch.setattr(Graph, "_serial", property(lambda self: {}))
    return FREE_MODEL


@bug("discard of a placed box")
def discard_removes_stochastic_boxes(patch):
    patch.setattr(Graph, "placed", property(
        lambda self: [node for node in self.order if self.ops[node].place is not None]))
    return FREE_MODEL


@bug("left counit")
def copy_crosses_what_looks_alike(patch):
    def wrong(x, n=2):
        order = list(range(len(x)))
        for i in order:
            for j in range(i):
                if x.inside[i] == x.inside[j]:
                    order[i], order[j] = order[j], order[i]
                    return Diagram.wiring(x, list(range(len(x))) * (n - 1) + order)
        return Diagram.copy(x, n)
    patch.setattr("theory.copying.copy", wrong)
    return MODELS["reference"]


@bug("naturality of swap")
def swap_leaves_what_looks_alike(patch):
    def wrong(left, right):
        return Diagram.id(left @ right) if left == right else Diagram.swap(left, right)
    patch.setattr("theory.monoidal.swap", wrong)
    return MODELS["reference"]


# -- derivatives ----------------------------------------------------------------------
@bug("an override is what the definition gives")
def softmax_s_derivative_forgets_the_mean(patch):
    def wrong(build, op, args, tangents):
        (s,) = build.node(op, args)
        return (s,), (build.map(scalar.MULTIPLY, s, tangents[0]),)
    patch.setitem(faster.FASTER, Softmax, wrong)
    return MODELS["reference"]


@bug("an input that is not lifted is summed over")
def what_was_repeated_is_not_summed(patch):
    def wrong(self, wire, array):
        have = self.type(wire)
        gone = tuple(label for label in have.labels if label not in array.labels)
        return self.arrange(self.add(Reduce(MAX, have, gone), wire) if gone else wire, array)
    patch.setattr(Builder, "folded", wrong)
    return MODELS["reference"]


@bug("reverse of copy is add")
def the_cotangents_of_copies_are_not_added(patch):
    patch.setattr(Builder, "sum", lambda self, wires, array: self.arrange(wires[0], array))
    return MODELS["reference"]


@bug("reverse is the transpose of forward")
def what_was_gathered_twice_comes_back_once(patch):
    def wrong(build, op, wires, linear, cotangents):
        (new,), axis = op.index.axes, op.table.axis(op.axis)
        made = Segment(MAX, build.type(cotangents[0]), op.index, new.label, axis)
        return {0: build.arrange(build.add(made, cotangents[0], wires[1]), op.table)}
    patch.setitem(turning.RULES, Gather, wrong)
    return MODELS["reference"]


@bug("reverse is the transpose of forward")
def every_part_of_a_concatenation_is_the_first(patch):
    right = turning.RULES[Concat]
    def wrong(build, op, wires, linear, cotangents):
        found = right(build, op, wires, linear, cotangents)
        return {n: found[0] if 0 in found and op.arrays[n] == op.arrays[0] else found[n] for n in found}
    patch.setitem(turning.RULES, Concat, wrong)
    return MODELS["reference"]


@bug("a linear map is its own derivative")
def the_sum_rule_forgets_a_term(patch):
    right = pushing.RULES[Map]
    def wrong(build, op, args, tangents):
        last = max(n for n, w in enumerate(tangents) if w is not None)
        return right(build, op, args, [w if n == last else None for n, w in enumerate(tangents)])
    patch.setitem(pushing.RULES, Map, wrong)
    return MODELS["reference"]


@bug("transpose of a transpose")
def a_window_goes_back_to_its_first_entry(patch):
    right = turning.RULES[Reindex]
    def wrong(build, op, wires, linear, cotangents):
        if op.is_broadcast:
            return right(build, op, wires, linear, cotangents)
        flat = Reindex(op.array, op.axes, tuple(row._replace(offset=ZERO) for row in op.rows), 0.0)
        return right(build, flat, wires, linear, cotangents)
    patch.setitem(turning.RULES, Reindex, wrong)
    return MODELS["reference"]


@bug("what is kept does not matter")
def what_is_computed_again_is_the_input(patch):
    """Where nothing but inputs is kept, an entrywise function that is needed again is left out."""
    right = cut.extracted
    def wrong(graph, inputs, outputs):
        made, inputs = right(graph, inputs, outputs), list(inputs)
        tangent = bool(inputs) and inputs[-1] == len(graph.inputs) - 1 and inputs[0] < len(made.dom)
        if not tangent or any(wire >= len(graph.inputs) for wire in inputs):
            return made
        known, place = Graph(made.dom.inside), list(range(len(made.dom)))
        for op, args, _ in made.graph:
            skipped = isinstance(op, Map) and op.cod == op.dom and not op.linear and op.dtype == "float"
            place += [place[args[0]]] if skipped else known.add(op, [place[wire] for wire in args])
        known.outputs = tuple(place[wire] for wire in made.graph.outputs)
        return Diagram.from_graph(known)
    patch.setattr(cut, "extracted", wrong)
    return MODELS["reference"]


# -- claims ---------------------------------------------------------------------------
@bug("additive where claimed")
def relu_claims_to_be_linear(patch):
    patch.setattr(Map, "linear", property(lambda self: tuple(range(len(self.arrays)))))
    relu = [case for case in CATALOGUE if case.title == "relu"]
    law = LAWS["additive where claimed"]
    patch.setitem(LAWS, law.name, replace(law, variables={**law.variables, **operation("relu", relu)}))
    return MODELS["reference"]


@bug("elementwise where claimed")
def softmax_claims_to_be_elementwise(patch):
    law = LAWS["elementwise where claimed"]
    cases = [Case("softmax", lambda s: softmax("a").on(Ty.of((Array((s.axis("a"), s.axis("b"))),))).op)]
    patch.setitem(LAWS, law.name, replace(law, variables={**law.variables, **operation("softmax", cases)}))
    return MODELS["reference"]


@pytest.mark.parametrize("planted", BUGS, ids=lambda b: b.name)
def test_bug_is_caught(planted):
    assert_caught(planted)


def test_there_are_bugs_of_every_kind():
    BUGS.assert_of_many_kinds(20, 18)
