"""Every primitive at equal sizes, labels shared between arrays, swapped and primed, in all interpretations.

What is right is written by positions (``tests/roles.py``): no dictionary of labels and no comparison of
types plays a part in it.
"""

from __future__ import annotations

from random import Random as Dice

import jax
import numpy as np
import pytest

from ncd.construct.trace import trace
from ncd.core.axis import Axis
from ncd.core.category import Diagram, Ty
from ncd.errors import NcdError
from ncd.file.serial import from_json, to_json
from ncd.interpret.derivative import jvp_rules as pushing
from ncd.interpret.reference import REFERENCE, run
from ncd.ops import scalar
from ncd.ops.control import Broadcast
from ncd.ops.indexed import Segment
from ncd.ops.matrix import Eigh
from ncd.ops.monoid import SUM
from ncd.ops.multilinear import Einsum, Reindex
from ncd.ops.pointwise import Map, Reduce
from ncd.ops.primitive import BASIS
from ncd.ops.source import Constant, Key, Parameter, Random
from tests.roles import POOL, PRIMITIVES, SIZE, Roles, labellings
from tests.strategies import EXAMPLES
from theory.random import value

COUNT = min(max(2, EXAMPLES // 7), 60)
"""How many labellings of each operation are tried beside the plain one."""


def each(names=tuple(PRIMITIVES)):
    return pytest.mark.parametrize("name", names)


def tuple_of(found) -> tuple:
    return tuple(found) if isinstance(found, (tuple, list)) else (found,)


def case_of(name: str) -> Roles:
    """A primitive by its name; what follows # draws other labels."""
    return PRIMITIVES[name.partition("#")[0]]


def cases(name: str, count: int = COUNT):
    """Labellings of a primitive: what was drawn, the diagram, values for its inputs."""
    case = case_of(name)
    for number, (labels, diagram) in enumerate(labellings(case.roles, case.make, Dice(name), count)):
        inputs = [value(array, {}, 31 * number + n) for n, array in enumerate(diagram.dom.inside)]
        yield labels, case, diagram, case.prepare(inputs)


def close(got, want, labels, tolerance: float = 1e-10) -> None:
    for a, b in zip(tuple_of(got), tuple_of(want), strict=True):
        np.testing.assert_allclose(np.asarray(a), b, atol=tolerance, rtol=tolerance, err_msg=str(labels))


def smooth(diagram: Diagram) -> list[int]:
    return [n for n, array in enumerate(diagram.dom.inside) if array.dtype == "float"]


def moved(inputs, places, rates, step: float) -> list:
    made = list(inputs)
    for n, rate in zip(places, rates):
        made[n] = made[n] + step * rate
    return made


def slope(case: Roles, diagram: Diagram, inputs, rates, step: float = 1e-6) -> list[np.ndarray]:
    """∂f[x] v of the oracle by central differences, of the results that are floats."""
    with np.errstate(invalid="ignore"):
        ends = [tuple_of(case.oracle(*moved(inputs, smooth(diagram), rates, s * step))) for s in (1, -1)]
        return [np.nan_to_num((np.asarray(a) - b) / (2 * step))
                for a, b, array in zip(*ends, diagram.cod.inside) if array.dtype == "float"]


def test_every_primitive_is_tried():
    drawn = {type(op) for case in PRIMITIVES.values()
             for _, diagram in labellings(case.roles, case.make, Dice(0), 0) for op in diagram.graph.ops}
    assert drawn >= set(BASIS) - {Parameter, Key}       # which have no labels but their own


def test_labels_are_shared_where_they_can_be():
    """The sampler reaches its kind: for each operation with labels to share, some that are shared."""
    for name in ("einsum ij,jk->ik", "swap", "split", "top-k", "segment by sum", "scan", "eigh", "block"):
        drawn = [labels for labels, *_ in cases(name, 12)]
        assert any(len(set(labels.values())) < len(labels) for labels in drawn), name
    swapped = [labels for labels, *_ in cases("swap", 30)]
    assert any((x["i0"], x["i1"]) == (x["o0"], x["o1"]) for x in swapped)
    assert any((x["i0"], x["i1"]) == (x["o1"], x["o0"]) for x in swapped)


@each(tuple(name for name in PRIMITIVES if name != "random"))
def test_values_are_those_by_position(name):
    for labels, case, diagram, inputs in cases(name):
        want = case.oracle(*inputs)
        close(run(diagram, *inputs), want, labels)
        with jax.enable_x64(True):
            close(diagram.to_jax()(*map(np.asarray, inputs)), want, labels)


DIFFERENTIABLE = tuple(name for name in PRIMITIVES if name not in ("random", "constant", "iota"))


@each(DIFFERENTIABLE)
def test_derivatives_are_those_by_position(name):
    for number, (labels, case, diagram, inputs) in enumerate(cases(name)):
        places = smooth(diagram)
        rates = case.rate([value(diagram.dom.inside[n], {}, 7 + n) for n in places])
        results = [array for array in diagram.cod.inside if array.dtype == "float"]
        slopes = slope(case, diagram, inputs, rates) if name != "stop" else [np.zeros((SIZE, SIZE))]
        pushed = tuple_of(run(diagram.forward(), *inputs, *rates))[len(diagram.cod):]
        close(pushed, slopes, labels, 1e-5)
        weights = [value(array, {}, 57 + n) for n, array in enumerate(results)]
        lens, expected = diagram.reverse(), sum(np.sum(w * v) for w, v in zip(weights, slopes))
        given = [*inputs, *weights]
        found = [run(lens.composite, *given), run(diagram.vjp(), *given)[len(diagram.cod):]]
        if number == 1:                     # JAX is slow to start: one labelling that shares its labels
            found += [in_jax(lens.composite, given), jaxs_own(diagram, inputs, weights)]
        for pulled in found:
            assert [np.shape(x) for x in tuple_of(pulled)] == [np.shape(inputs[n]) for n in places]
            weighed = sum(np.sum(np.asarray(w) * v) for w, v in zip(tuple_of(pulled), rates))
            np.testing.assert_allclose(weighed, expected, atol=1e-5, rtol=1e-5, err_msg=str(labels))


def in_jax(diagram: Diagram, inputs):
    with jax.enable_x64(True):
        return diagram.to_jax()(*map(np.asarray, inputs))


def jaxs_own(diagram: Diagram, inputs, weights):
    """wᵀ∂f[x] by JAX's own differentiation of the program."""
    with jax.enable_x64(True):
        program, places = diagram.to_jax(), smooth(diagram)
        kinds = [array.dtype for array in diagram.cod.inside]

        def f(*floats):
            given = list(map(np.asarray, inputs))
            for n, x in zip(places, floats):
                given[n] = x
            return [y for y, kind in zip(tuple_of(program(*given)), kinds) if kind == "float"]
        return jax.vjp(f, *(np.asarray(inputs[n]) for n in places))[1](list(weights))


LINEAR = tuple(name for name in DIFFERENTIABLE if name.startswith((
    "swap", "cycle", "diagonal", "index", "window", "shared", "stride", "split", "merge", "concat", "sum",
    "block")) or name in (
        "gather", "segment by sum", "einsum ij->ji", "einsum iji->j", "einsum ii->i",
        "einsum i->ii", "einsum ij->kji"))


@each(LINEAR)
def test_the_transpose_is_the_matrix_turned_round(name):
    """⟨w, f v⟩ = ⟨fᵀ w, v⟩ for f by positions; (fᵀ)ᵀ = f."""
    for labels, case, diagram, inputs in cases(name):
        turned, places = diagram.transpose(), smooth(diagram)
        fixed = [x for n, x in enumerate(inputs) if n not in places]
        w = [value(array, {}, 91 + n) for n, array in enumerate(diagram.cod.inside)]
        back = tuple_of(run(turned, *fixed, *w))
        left = sum(np.sum(a * b) for a, b in zip(w, tuple_of(case.oracle(*inputs))))
        assert abs(left - sum(np.sum(a * inputs[n]) for a, n in zip(back, places))) < 1e-9, labels
        if not fixed:
            close(run(turned.transpose(), *inputs), case.oracle(*inputs), labels)


SECOND = ("swap", "swap and flip", "einsum ij,jk->ik", "einsum ij->ji", "eigh", "solve", "scan", "gather",
          "segment by sum", "map", "block", "diagonal beside a swap", "product")


@each(SECOND)
def test_second_derivatives_are_differences_of_first_ones(name):
    for labels, case, diagram, inputs in cases(name, 1):
        loss, places = losing(diagram), smooth(diagram)
        rates = case.rate([value(diagram.dom.inside[n], {}, 5 + n) for n in places])
        product = tuple_of(run(loss.hessian_vector(), *inputs, *rates))
        ends = [tuple_of(run(loss.gradient(), *moved(inputs, places, rates, s * 1e-6))) for s in (1, -1)]
        close(product, [(a - b) / 2e-6 for a, b in zip(*ends)], labels, 1e-4)
        values = [losing_by_hand(case, diagram, moved(inputs, places, rates, s * 1e-4)) for s in (1, 0, -1)]
        curvature = (values[0] - 2 * values[1] + values[2]) / 1e-8
        found = sum(np.sum(a * v) for a, v in zip(product, rates))
        np.testing.assert_allclose(found, curvature, rtol=1e-3, atol=1e-4, err_msg=str(labels))


def weight_of(array, number: int):
    return np.round(value(array, {}, 400 + number), 3)


def losing(diagram: Diagram) -> Diagram:
    """A number that reads every entry of every result otherwise: Σ w sin f(x)."""
    def body(*wires):
        total = None
        for number, wire in enumerate(tuple_of(diagram(*wires))):
            if wire.type.dtype == "float":
                weighed = Map(scalar.SIN, (wire.type,))(wire) * Constant(
                    weight_of(wire.type, number).tolist(), wire.type)()
                part = Reduce(SUM, wire.type, wire.type.labels)(weighed)
                total = part if total is None else total + part
        return total
    return trace(body, diagram.dom.inside)


def losing_by_hand(case: Roles, diagram: Diagram, inputs) -> float:
    return sum(np.sum(np.sin(x) * weight_of(array, n)) for n, (x, array) in enumerate(
        zip(tuple_of(case.oracle(*inputs)), diagram.cod.inside)) if array.dtype == "float")


@each()
def test_a_cost_does_not_change_with_the_labels(name):
    """Of the operation, of its derivative, fused and at its peak."""
    case, plain = case_of(name), None
    for labels, diagram in labellings(case.roles, case.make, Dice(name), COUNT):
        costs = [diagram.cost().exact]
        if name.partition("#")[0] in DIFFERENTIABLE:
            costs.append(diagram.reverse().cost().exact)
        plain = plain or costs
        for have, want in zip(costs[:1], plain[:1]):
            assert have == want, labels
        if name.partition("#")[0] in DIFFERENTIABLE:
            assert costs[1]["flops"] == plain[1]["flops"], labels


@each()
def test_json_keeps_what_labels_share(name):
    for labels, _, diagram, _ in cases(name):
        again = from_json(to_json(diagram))
        assert again == diagram, labels
        assert list(again.graph.ops) == list(diagram.graph.ops)


@each(tuple(name for name in PRIMITIVES if name not in ("random", "constant", "iota")))
def test_a_lifted_primitive_is_a_stack_whatever_its_axes_are_called(name):
    """Over axes of the inner sizes; twice lifted is lifted over both, as a diagram."""
    for labels, case, diagram, inputs in cases(name, 2):
        taken = {x for array in (*diagram.dom.inside, *diagram.cod.inside) for x in array.labels}
        p, q = [x for x in POOL if x not in taken][:2] if len(set(POOL) - taken) > 1 else ("p", "q")
        others = case.prepare([value(array, {}, 900 + n) for n, array in enumerate(diagram.dom.inside)])
        lifted = diagram.lift([Axis(p, SIZE)])
        assert lifted.lift([Axis(q, SIZE)]) == diagram.lift([Axis(q, SIZE), Axis(p, SIZE)]), labels
        stacked = [np.stack(pair) for pair in zip(inputs, others)]
        want = [np.stack(pair) for pair in zip(*(tuple_of(case.oracle(*x)) for x in (inputs, others)))]
        close(run(lifted, *stacked), want, labels)
        with jax.enable_x64(True):
            close(lifted.to_jax()(*stacked), want, labels)


@each(tuple(name for name in PRIMITIVES if name not in ("random", "constant", "iota")))
def test_arrays_may_come_with_their_axes_in_any_order(name):
    """Called on transposed arrays, an operation finds its axes by label and gives the same results."""
    dice = Dice(5)
    for labels, case, diagram, inputs in cases(name, 2):
        order = [dice.sample(range(len(array.axes)), len(array.axes)) for array in diagram.dom.inside]
        dom = Ty.of(array.with_axes([array.axes[n] for n in places])
                    for array, places in zip(diagram.dom.inside, order))
        called = diagram.on(dom)
        got = tuple_of(run(called, *(np.transpose(x, places) for x, places in zip(inputs, order))))
        back = [np.transpose(x, [have.labels.index(label) for label in want.labels])
                for x, have, want in zip(got, called.cod.inside, diagram.cod.inside)]
        close(back, case.oracle(*inputs), labels)


def test_random_numbers_are_lifted_by_position():
    for labels, _, diagram, _ in cases("random"):
        (key,) = (value(array, {}, 3) for array in diagram.dom.inside)
        found = run(diagram, key)
        draw = Random("normal", diagram.op.key_array.with_axes(()), diagram.op.axes).diagram
        alone = [run(draw, seed) for seed in key]
        np.testing.assert_array_equal(found, alone, err_msg=str(labels))


def test_a_broadcast_and_its_extension_agree():
    for labels, _, diagram, _ in cases("swap"):
        (op,) = diagram.graph.ops
        wide = op.array.with_axes((op.array.axes[0], Axis("w", SIZE), op.array.axes[1]))
        x = value(wide, {}, 11)
        assert op.extend((wide,)).cod == Broadcast(op, (wide,)).cod, labels
        close(run(op.extend((wide,)).diagram, x), run(Broadcast(op, (wide,)).diagram, x), labels)


# -- bugs on purpose: the sampler sees its kind ----------------------------------------------
def types_stand_for_maps(patch):
    patch.setattr(Reindex, "is_identity", property(
        lambda self: self.axes == self.array.axes and self.is_permutation))


def renaming_is_seen_by_the_type(patch):
    patch.setattr(Reindex, "is_renaming", property(lambda self: self.axes == self.array.axes))


def a_segment_writes_over_what_it_reads(patch):
    right = REFERENCE.rules[Segment]

    def wrong(run, op, values, index):
        clash = op.out.label == op.axis     # the entry is read where it is to be written
        read = np.take_along_axis(values, np.moveaxis(index, 1, 2)[:, :, :1], 1) if clash else values
        return right(run, op, read, index)
    patch.setitem(REFERENCE.rules, Segment, wrong)


def results_are_put_in_order_of_the_input(patch):
    right = REFERENCE.rules[Broadcast]

    def wrong(run, op, *values):
        (made,), (array,) = right(run, op, *values), op.cod
        i, j = (array.labels.index(label) for label in op.op.cod[0].labels)
        return [np.swapaxes(made, i, j) if i > j else made]
    patch.setitem(REFERENCE.rules, Broadcast, wrong)


def a_letter_goes_by_its_label(patch):
    right = Einsum.extend

    def wrong(self, arrays):
        made = right(self, arrays)
        letter: dict[str, int] = {}
        letters = [tuple(letter.setdefault(x, len(letter)) for x in array.labels) for array in made.arrays]
        out = tuple(letter.setdefault(x, len(letter)) for x in made.out.labels)
        return Einsum(made.arrays, tuple(letters), made.out, out, made.semiring, made.lifted)
    patch.setattr(Einsum, "extend", wrong)


def two_roles_share_a_letter(patch):
    right = pushing.RULES[Eigh]

    def wrong(build, op, args, tangents):
        made, rates = right(build, op, args, tangents)
        return made, (rates[0], None if op.out == op.column else rates[1])
    patch.setitem(pushing.RULES, Eigh, wrong)


BUGS = [
    (types_stand_for_maps, test_the_transpose_is_the_matrix_turned_round, "swap"),
    (types_stand_for_maps, test_derivatives_are_those_by_position, "swap"),
    (types_stand_for_maps, test_second_derivatives_are_differences_of_first_ones, "swap"),
    (renaming_is_seen_by_the_type, test_a_cost_does_not_change_with_the_labels, "swap"),
    (a_segment_writes_over_what_it_reads, test_values_are_those_by_position, "segment by sum"),
    (results_are_put_in_order_of_the_input, test_arrays_may_come_with_their_axes_in_any_order, "broadcast"),
    (a_letter_goes_by_its_label, test_a_lifted_primitive_is_a_stack_whatever_its_axes_are_called,
     "einsum ij,jk->ik"),
    (two_roles_share_a_letter, test_derivatives_are_those_by_position, "eigh")]


@pytest.mark.parametrize("plant, test, name", BUGS, ids=lambda item: getattr(item, "__name__", item))
def test_a_planted_bug_is_seen(plant, test, name):
    with pytest.MonkeyPatch.context() as patch:
        plant(patch)
        assert any(fails(test, f"{name}#{seed}") for seed in range(5)), plant.__name__


def fails(test, name: str) -> bool:
    """Whether a test of few labellings sees something."""
    try:
        test(name)
    except (AssertionError, NcdError):
        return True
    return False
