"""Bugs in costs on purpose: each is caught by a law of cost that is named, and that is quiet without it."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module

import pytest

from ncd.algebra.convert import ZERO, Size, extremum
from ncd.core.category import Diagram
from ncd.core.graph import Graph
from ncd.interpret.cost import fusion, measurement
from ncd.interpret.cost.meter import Meter, Total
from ncd.interpret.cost.rules import RULES, total_bytes
from ncd.ops.control import Scan
from ncd.ops.multilinear import Einsum, Reindex
from ncd.ops.pointwise import Map, Reduce
from tests.planted import Bugs, assert_caught
from theory import COST_MODEL

measuring = import_module("ncd.interpret.cost.meter")     # the package has a function of that name
BUGS = Bugs(COST_MODEL)
bug = BUGS.caught_by


def broken(patch, operation, wrong) -> None:
    """Another rule of an operation: a function of its right cost, it and the convention."""
    right = RULES[operation]
    patch.setitem(RULES, operation, lambda op, given: wrong(right(op, given), op, given))


# -- rules of operations --------------------------------------------------------------
@bug("sums of a lift")
def an_einsum_forgets_the_factor_of_what_is_lifted(patch):
    def wrong(found, op, convention):
        lifted = set(op.out_letters).intersection(*op.letters)
        times = Size.number(1)
        for letter in lifted:
            times = times * op.sizes[letter]
        return found._replace(flops=found.flops / times)
    broken(patch, Einsum, wrong)


@bug("a contraction is products and a sum from zero")
def a_multiply_add_is_one(patch):
    broken(patch, Einsum, lambda found, op, convention: found._replace(
        flops=found.flops / 2 if len(op.letters) > 1 else found.flops))


@bug("a contraction is products and a sum from zero")
def a_sum_of_products_begins_at_its_first(patch):
    def wrong(found, op, convention):
        return found._replace(flops=found.flops - op.out.elements) if found.matrix.terms else found
    broken(patch, Einsum, wrong)


@bug("backward of linear maps of vectors")
def an_outer_product_is_a_contraction(patch):
    broken(patch, Einsum, lambda found, op, convention: found._replace(
        matrix=found.flops if len(op.letters) > 1 else found.matrix))


@bug("backward of linear maps")
def a_batch_is_no_part_of_a_contraction(patch):
    """Only the entries of the second array count, once for each sum."""
    broken(patch, Einsum, lambda found, op, convention: found._replace(
        matrix=op.arrays[-1].elements * 2 if found.matrix.terms else ZERO))


@bug("contractions have no convention")
def a_contraction_counts_by_the_convention(patch):
    from ncd.ops.scalar import MULTIPLY
    broken(patch, Einsum, lambda found, op, convention: found._replace(
        matrix=found.matrix * sum(convention.elementwise(MULTIPLY))))


@bug("cost of a fold")
def a_fold_begins_at_its_unit(patch):
    broken(patch, Reduce, lambda found, op, convention: found._replace(
        flops=op.array.elements * op.monoid.function.operations[0]))


@bug("a contraction is products and a sum from zero")
def a_map_counts_the_entries_of_its_first_argument(patch):
    broken(patch, Map, lambda found, op, convention: found._replace(
        flops=op.dom[0].elements * convention.elementwise(op.function)[0]))


@bug("fused traffic is less")
def a_reindexing_reads_nothing(patch):
    broken(patch, Reindex, lambda found, op, convention: found._replace(reads=ZERO))


@bug("sums of a scan")
def a_scan_forgets_its_length(patch):
    patch.setitem(RULES, Scan, lambda op, body: body)


@bug("depth of a repetition")
def a_loop_runs_all_its_steps_at_once(patch):
    right = RULES[Scan]
    patch.setitem(RULES, Scan, lambda op, body: right(op, body)._replace(depth=body.depth))


# -- bodies and parameters ------------------------------------------------------------
@bug("a block is counted each time")
def a_block_that_stands_twice_is_counted_once(patch):
    def wrong(self, graph):
        found, seen = right(self, graph), set()
        totals = [Total() for _ in found.sums]
        for op in graph.ops:
            if self.operation(op) is None and id(self.body(op)) in seen:
                continue
            seen.add(id(self.body(op)) if self.operation(op) is None else None)
            for total, size in zip(totals, self.sums(op)):
                total.add(size)
        return found._replace(sums=tuple(total.size for total in totals))
    right = Meter._measure
    patch.setattr(Meter, "_measure", wrong)


@bug("sums of a tensor")
def equal_operations_are_counted_once(patch):
    right = Meter._measure

    def wrong(self, graph):
        totals = [Total() for _ in right(self, graph).sums]
        for op in dict.fromkeys(graph.ops):
            for total, size in zip(totals, self.sums(op)):
                total.add(size)
        return right(self, graph)._replace(sums=tuple(total.size for total in totals))
    patch.setattr(Meter, "_measure", wrong)


def other_slots(patch, change) -> None:
    right = measurement.places

    def wrong(diagram: Diagram):
        slots, rest = right(diagram)
        return change(slots), rest
    patch.setattr(measurement, "places", wrong)


@bug("parameters of a repetition")
def what_is_stacked_counts_once(patch):
    def change(slots):
        def one(array):
            return array.with_axes([axis for axis in array.axes if not axis.label.startswith("layer")])
        return {path: replace(slot, array=one(slot.array)) for path, slot in slots.items()}
    other_slots(patch, change)


@bug("parameters of a composite")
def parameters_of_one_type_are_one(patch):
    other_slots(patch, lambda slots: {slot.array: slot for slot in slots.values()})


# -- depth ----------------------------------------------------------------------------
@bug("depth of a tensor")
def paths_side_by_side_add_up(patch):
    patch.setattr(measurement, "longest", lambda values: sum(map(Size, values), ZERO))


@bug("a block is its body")
def a_block_is_as_deep_from_every_input(patch):
    right = Meter._step

    def wrong(self, op, values):
        made = right(self, op, values)
        if self.operation(op) is None and not isinstance(op, Scan):
            reached = {source for value in values for source in value}
            deepest = max((d for value in made for d in value.values() if isinstance(d, int)), default=0)
            made = [dict.fromkeys(reached, deepest) or value for value in made]
        return made
    patch.setattr(Meter, "_step", wrong)


@bug("depths of a composite")
def the_shortest_path_counts(patch):
    def wrong(values):
        merged: dict = {}
        for value in values:
            for source, depth in value.items():
                old = merged.get(source, depth)
                merged[source] = old if old is depth else extremum("min", (Size(old), Size(depth)))
        return merged
    patch.setattr(measuring, "_merge", wrong)


# -- memory ---------------------------------------------------------------------------
def other_last_use(patch, change) -> None:
    right = Graph.last_use.func
    patch.setattr(Graph, "last_use", property(lambda self: change(self, right(self))))


@bug("memory of a composite")
def nothing_is_ever_freed(patch):
    other_last_use(patch, lambda graph, uses: [len(graph)] * len(uses))


@bug("memory of a composite that keeps what is between")
def results_are_freed_at_once(patch):
    other_last_use(patch, lambda graph, uses: [-1 if use >= len(graph) else use for use in uses])


@bug("peak of a composite")
def parameters_are_held_once_for_each_result(patch):
    right = measurement.Measures._work

    def wrong(self, name):
        right(self, name)
        if "peak_memory" in self.known:
            copies = max(1, len(self.cost.diagram.graph))
            self.known["peak_memory"] = self.known["peak_memory"] + self.known["param_bytes"] * (copies - 1)
    patch.setattr(measurement.Measures, "_work", wrong)


@bug("cost grows with the sizes")
def inputs_are_taken_off_the_intermediates(patch):
    right = measurement.Measures._work

    def wrong(self, name):
        right(self, name)
        if "activations" in self.known:
            given = total_bytes(self.cost.diagram.graph.inputs, self.cost.convention)
            self.known["activations"] = self.known["activations"] - given
    patch.setattr(measurement.Measures, "_work", wrong)


# -- traffic --------------------------------------------------------------------------
@bug("fused traffic of what is added")
def what_joins_a_gather_reads_nothing(patch):
    right = fusion._edges

    def wrong(flat, group, apart=()):
        reads, writes = right(flat, group, apart)
        gathered = {group[node] for node in apart}
        return {(at, root): None for at, root in reads if at not in gathered}, writes
    patch.setattr(fusion, "_edges", wrong)


@bug("fused traffic is less")
def a_gather_reads_its_whole_table(patch):
    right = fusion._edges
    patch.setattr(fusion, "_edges", lambda flat, group, apart=(): right(flat, group))


@pytest.mark.parametrize("planted", BUGS, ids=lambda b: b.name)
def test_bug_is_caught(planted):
    assert_caught(planted)


def test_there_are_bugs_of_every_kind():
    BUGS.assert_of_many_kinds(20, 15)
