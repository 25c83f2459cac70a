"""Interpretations are values: tables of rules, flat programs, what happens to what is not listed."""

from __future__ import annotations

import time
from dataclasses import dataclass

import pytest
from hypothesis import given

import ncd
from ncd.construct.generators import constant, elementwise, opaque, parameter, reduce
from ncd.construct.notation import einsum
from ncd.construct.trace import diagram, trace
from ncd.core.array import Array
from ncd.core.category import Diagram, Ty
from ncd.core.op import Operation
from ncd.errors import ArityError, NcdError, RuleError, SizeError
from ncd.interpret.interpretation import Interpretation, Run
from ncd.ops.control import Broadcast, Opaque
from ncd.ops.multilinear import Einsum
from ncd.ops.pointwise import Map, Reduce
from ncd.ops.source import Constant, Parameter
from tests.strategies import diagrams, examples

relu, tanh, add = map(elementwise, ("relu", "tanh", "add"))


@dataclass(frozen=True)
class Twice(Operation):
    """A defined operation: x -> x, out = 2 x."""

    array: Array

    @property
    def dom(self):
        return (self.array,)

    cod = dom

    @property
    def own(self):
        return frozenset()

    def definition(self):
        return trace(lambda a: a + a, self.dom)


class Nothing(Twice):
    """A user's primitive."""

    primitive = True

    def definition(self):
        return None


def count(run, op, *depths):
    return [max(depths, default=0) + 1] * len(op.cod)


PRIMITIVES = (Map, Reduce, Einsum, Constant, Parameter)
COUNT = Interpretation("count", dict.fromkeys(PRIMITIVES, count))
twice = Twice(Array()).diagram


# -- functors --------------------------------------------------------------------------------
def test_composition_tensor_copies_and_swaps_are_carried_by_the_wires():
    assert COUNT(relu >> tanh, 0) == [2] and COUNT(relu @ (tanh >> relu), 0, 5) == [1, 7]
    assert COUNT(Diagram.swap(Ty("x"), Ty("y")), "a", "b") == ["b", "a"]
    assert COUNT(Diagram.copy(Ty("x"), 3), "a") == ["a"] * 3 and COUNT(Diagram.discard(Ty("x")), "a") == []
    assert COUNT(relu.op, 3) == [4]


@given(diagrams(), diagrams())
@examples(25)
def test_an_interpretation_is_a_strict_functor(c, d):
    terms = Interpretation("terms", {}, unlisted="box", box=lambda run, op, *terms: tuple(
        (op, terms, n) for n in range(len(op.cod))))
    first, second = (tuple(f"{name}{n}" for n in range(len(made.dom))) for name, made in (("a", c), ("b", d)))
    table = terms | {cls: terms.box for made in (c, d) for cls in {type(op) for op in made.graph.ops}}
    assert table(c @ d, *first, *second) == table(c, *first) + table(d, *second)
    assert table(c >> Diagram.copy(c.cod), *first) == table(c, *first) * 2
    assert table(Diagram.id(c.dom) >> c, *first) == table(c, *first)


def test_the_number_of_inputs_is_checked():
    for inputs in ((), (1, 2)):
        with pytest.raises(ArityError, match="`count` of a diagram with 1 inputs") as error:
            COUNT(relu, *inputs)
        assert error.value.details["have"] == str(len(inputs))


def test_the_number_of_results_is_checked():
    for result in ((1, 2), (), [1, 2, 3]):
        with pytest.raises(ArityError, match="the rule of `count` for `relu` returned") as error:
            (COUNT | {Map: lambda run, op, value, result=result: result})(relu, 0)
        assert error.value.details["want"] == "1"


# -- tables ----------------------------------------------------------------------------------
def test_an_interpretation_with_more_rules_is_another_value():
    more = COUNT | {Twice: lambda run, op, depth: depth + 10}
    assert more(twice, 0) == [10] and COUNT(twice, 0) == [1] and more is not COUNT
    assert (more | {Twice: lambda run, op, depth: -1})(twice, 0) == [-1]
    assert (more | {Map: lambda run, op, *depths: 0})(twice >> relu, 7) == [0]
    assert (more | {Map: lambda run, op, *depths: 0})(relu >> twice, 7) == [10]


def test_faster_rules_can_be_left_out():
    faster = Interpretation("count", COUNT.rules, faster={Twice: lambda run, op, depth: 100})
    assert faster(twice, 0) == [100] and faster.without_faster()(twice, 0) == [1]


def test_a_missing_rule_names_the_operation():
    with pytest.raises(RuleError, match="`count` has no rule for the operation `nothing`") as error:
        COUNT(relu >> Nothing(Array()).diagram >> tanh, 0)
    assert error.value.details == {"type": "() -> ()", "mend": "add one: interpretation | {Nothing: rule}"}
    with pytest.raises(RuleError, match="no rule for the operation `mine`") as error:
        COUNT(opaque("mine", "x -> x").on("b x"), 0)
    assert error.value.details["mend"] == 'add one: interpretation | {"mine": rule}'


def test_an_opaque_function_is_listed_by_its_name():
    mine = opaque("mine", "x -> x")
    for key in ("mine", mine, mine.op):
        assert (COUNT | {key: count})(mine, 4) == [5]
    lifted = mine.on("b x")
    with pytest.raises(RuleError):
        (COUNT | {"other": count})(lifted, 0)
    assert (COUNT | {"mine": count, Broadcast: lambda run, op, depth: depth + 50})(lifted, 0) == [50]


def test_what_to_do_with_what_is_not_listed():
    boxed = Interpretation("box", COUNT.rules, unlisted="box", box=lambda run, op, depth: depth + 7)
    assert boxed(twice >> relu, 0) == [8]
    raising = Interpretation("raise", COUNT.rules, unlisted="raise")
    with pytest.raises(RuleError, match="no rule for the operation `twice`"):
        raising(twice, 0)
    with pytest.raises(NcdError, match="unlisted='skip'"):
        Interpretation("wrong", {}, unlisted="skip")


# -- programs --------------------------------------------------------------------------------
def test_a_program_is_flat_and_says_what_is_read_for_the_last_time():
    inner = (twice >> relu).block("inner")
    program = COUNT.program(inner >> Diagram.copy(Ty("()")) >> tanh @ relu >> add)
    assert [step.op.name for step in program.steps] == ["add", "relu", "tanh", "relu", "add"]
    assert program.inputs == 1 and program.slots == 6 and program.outputs == (5,)
    assert [step.drops for step in program.steps] == [(0,), (1,), (), (2,), (3, 4)]


def test_a_result_that_nobody_reads_is_dropped_and_outputs_are_kept():
    made = trace(lambda a: (a, tanh(a), relu(a))[:2], Ty("()").inside)
    program = COUNT.program(made)
    assert program.steps[-1].drops == program.steps[-1].writes and program.outputs == (0, 1)


def test_paths_are_the_places_of_blocks_and_operations():
    seen = []
    table = COUNT | {Parameter: lambda run, op: seen.append(run.path) or 0}
    inner = diagram("m")(lambda a: a * parameter("w", "m")() * parameter("w", "m")()).block("inner")
    table(inner >> inner.block("outer") >> trace(
        lambda a: a + parameter("/shared", "m", tied=True)(), Ty("m").inside).block("last"), 0)
    assert seen == [("inner", "w"), ("inner", "w_1"), ("outer", "inner", "w"), ("outer", "inner", "w_1"),
                    ("/", "shared")]


def test_a_long_program_and_deep_blocks_take_linear_time():
    start, made = time.process_time(), relu
    for _ in range(10_000):
        made = made >> tanh
    assert COUNT(made, 0) == [10_001]
    for n in range(200):
        made = made.block(f"b{n}")
    assert COUNT(made, 0) == [10_001] and time.process_time() - start < 20


def test_what_a_run_says_of_sizes():
    run = Run(COUNT, {"x": 4, "k": 3})
    assert run.size(Ty("x=2*k").inside[0].axes[0].size) == 6 and run.shape(Ty("x k=x//2 3").inside[0]) == (4,
                                                                                                           2,
                                                                                                           3)
    with pytest.raises(SizeError, match="no value for the size y"):
        run.shape(Ty("y").inside[0])
    with pytest.raises(SizeError, match="has no shape here") as error:
        run.shape(Ty("y=x-4 z=k-5").inside[0])
    assert error.value.details["have"] == "y = x - 4 = 0, z = k - 5 = -2"


def test_sizes_and_state_reach_the_rules():
    told = Interpretation("told", {Reduce: lambda run, op, value: [(run.shape(op.array), run.state, value)]})
    assert told(reduce("sum", "x"), "v", sizes={"x": 7}, state="s") == [((7,), "s", "v")]


def test_public_interpretations():
    assert [ncd.jax.name, ncd.reference.name, ncd.cost.name] == ["jax", "reference", "cost"]
    assert COUNT(constant(2.0)) == [1] and Opaque.primitive and COUNT(einsum("a -> a"), 0) == [1]
