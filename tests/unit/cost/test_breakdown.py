"""Cuts of a cost: whatever the cut, its rows add up to the whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ncd
from ncd import nn
from ncd.algebra.convert import ZERO, Size, parse_size
from ncd.construct import generators as make
from ncd.construct.generators import elementwise, parameter, scan
from ncd.construct.trace import trace
from ncd.core.category import Diagram, Ty
from ncd.errors import InputError, SizeError
from ncd.interpret.cost import measure
from ncd.interpret.cost.breakdown import ADDED, by_operation, kind
from ncd.interpret.cost.meter import SUMS
from ncd.zoo import ZOO
from tests.strategies import EXAMPLES, diagrams, examples, samplers
from theory.recurrence import step

tanh = elementwise("tanh")


def total(rows, name: str) -> Size:
    return sum((row.sums[name] for row in rows), ZERO)


def assert_rows_add_up(made: Diagram) -> None:
    cost = measure(made)
    for depth in (1, 2, 4):
        rows = cost.by("block", depth)
        for name in ADDED:
            assert total([row for row in rows if row.level == 0], name) == cost.exact[name], (depth, name)
        assert all(row.level < depth for row in rows)
    rows = cost.by("operation")
    for name in SUMS:
        assert total(rows, name) == cost.exact[name], name


def assert_levels_add_up(made: Diagram) -> None:
    """The rows below a row, where there are any, add up to it."""
    rows = measure(made).by("block", 4)
    for place, row in enumerate(rows):
        end = next((n for n in range(place + 1, len(rows)) if rows[n].level <= row.level), len(rows))
        below = [inner for inner in rows[place + 1:end] if inner.level == row.level + 1]
        if below:
            for name in SUMS:
                assert total(below, name) == row.sums[name], (row.title, name)


@examples(2 * EXAMPLES)
@given(samplers(), st.sampled_from(["", "learned", "learned, tied"]))
def test_rows_of_random_diagrams_add_up(s, of):
    made = diagrams_of(s, of)
    nested = made.block("inner")
    assert_rows_add_up(made)
    assert_rows_add_up((nested @ nested) >> (Diagram.discard(made.cod) @ Diagram.id(made.cod)))


def diagrams_of(s, of: str) -> Diagram:
    from theory.variables import KINDS
    return KINDS[of](s, s.type(), None)


@examples(EXAMPLES)
@given(samplers())
def test_rows_of_loops_add_up(s):
    body = step(s)
    assert_rows_add_up(body.repeat("N").block("outer"))
    assert_rows_add_up(body.block("once").repeat(3).repeat("N"))


@examples(EXAMPLES)
@given(diagrams("learned"))
def test_levels_of_random_diagrams_add_up(made):
    assert_levels_add_up(made.block("a").block("b") @ made.block("a"))


@pytest.mark.parametrize("name", ZOO)
def test_rows_of_the_zoo_add_up(name):
    assert_rows_add_up(ZOO[name]())
    assert_levels_add_up(ZOO[name]())


def test_a_loop_is_multiplied_below_it():
    layer = trace(lambda a: tanh(a * parameter("w", "m")()), Ty("m").inside).block("layer")
    cost = layer.repeat("N").block("model").cost()
    rows = {row.title: row for row in cost.by("block", 2)}      # a loop of one block has its name
    assert [row.level for row in rows.values()] == [0, 1, 1, 1]
    assert list(rows) == ["layer ×N", "parameter[w]", "multiply", "tanh"]
    assert rows["layer ×N"].sums["flops"] == rows["multiply"].sums["flops"] == parse_size("N*m")
    assert rows["layer ×N"].sums["params"] == rows["parameter[w]"].sums["params"] == parse_size("N*m")
    assert rows["tanh"].sums["transcendentals"] == parse_size("N*m")


def test_equal_blocks_stand_together():
    rows = ncd.zoo.pre_norm_block().cost().by("block")
    counts = {row.name.partition("[")[0]: row.count for row in rows}
    assert counts["layer_norm"] == 2 and counts["add"] == 2 and counts["feed_forward"] == 1
    assert next(row for row in rows if row.name == "add").title == "add ×2"


def test_parameters_of_equal_blocks_are_those_of_all():
    layer = trace(lambda a: a * parameter("w", "m")(), Ty("m").inside).block("layer").block("outer")
    rows = (layer @ layer).cost().by("block", 2)
    assert [(row.title, row.sums["params"]) for row in rows] == [
        ("outer ×2", parse_size("2*m")), ("layer", parse_size("2*m"))]


def test_tied_parameters_stand_where_they_come_first():
    tied = trace(lambda a: a * parameter("w", "m")(), Ty("m").inside).block("scale", tied=True)
    cost = (tied >> tanh >> tied).cost()
    assert cost.exact["params"] == Size("m")
    assert [row.sums["params"] for row in cost.by("block") if row.name == "scale"] == [Size("m"), ZERO]


def test_operations_are_counted_through_all_bodies():
    rows = {row.name: row for row in by_operation(nn.softmax("x").repeat(5).cost())}
    assert rows["map exp"].count == 5 and rows["map exp"].sums["transcendentals"] == parse_size("5*x")
    assert rows["reduce max"].sums["flops"] == parse_size("5*x - 5")
    # A body that stands in many places is gone through once.
    deep = tanh.on("x")
    for n in range(40):
        deep = (deep >> deep).block(f"b{n}")
    (row,) = by_operation(deep.cost())
    assert row.count == 2 ** 40 and row.sums["transcendentals"] == parse_size(f"{2 ** 40}*x")


def test_kinds_are_named_by_what_they_do():
    step = trace(lambda s, u: (s + u, s), Ty("m, m").inside)
    cases = {
        "map relu": elementwise("relu").on("x"), "reduce sum": make.reduce("sum", "x"),
        "einsum contraction": ncd.einsum("a b, b -> a"), "einsum product": ncd.einsum("a, b -> a b"),
        "einsum sum": ncd.einsum("a a ->"), "einsum max_plus": ncd.einsum("a b, b -> a", "max_plus"),
        "reindex": make.flip("x"), "scan": scan(step, "t", 1, 1), "parameter": parameter("w", "m"),
        "spectrum": make.opaque("spectrum", "x -> x"), "map exp": elementwise("exp").on("x y")}
    assert {kind(made.graph.ops[0]) for made in cases.values()} == set(cases)
    assert kind(make.opaque("spectrum", "x -> x").on("b x").graph.ops[0]) == "spectrum"


# -- by axis, and as tables --------------------------------------------------------------
@pytest.mark.parametrize("name", ZOO)
def test_a_cut_by_axis_says_what_exponents_and_sensitivities_say(name):
    cost = measure(ZOO[name]())
    at = {symbol: 3 + n % 5 for n, symbol in enumerate(sorted(cost.symbols))}
    rows, powers = cost.by("axis", **at), cost.exponents()
    assert [row.axis for row in rows] == sorted(cost.symbols) and rows.by == "axis"
    for row in rows:
        assert row.size == at[row.axis] and set(row.powers) == set(row.percents)
        for measured, percent in row.percents.items():
            assert row.powers[measured] == powers[measured][row.axis]
            sensitivities = cost.sensitivity(measured, **at)
            assert percent == sensitivities.get(row.axis, 0.0)


def test_a_cut_by_axis_of_some_sizes_has_percents_of_what_has_a_number():
    cost = ncd.einsum("y k, x k -> y x").cost()
    assert {row.axis: (row.size, row.percents) for row in cost.by("axis", x=3, y=5)} == {
        "k": (None, {"params": 0.0, "writes": 0.0}), "x": (3, {"params": 0.0, "writes": 1.0}),
        "y": (5, {"params": 0.0, "writes": 1.0})}
    assert all(row.size is None and not row.percents for row in cost.by("axis"))


def test_a_cut_is_printed_as_its_table():
    cost = ncd.zoo.pre_norm_block().cost()
    at = {"x": 128, "m": 512, "h": 8, "k": 64, "f": 2048}
    for by in ("block", "operation", "axis"):
        for sizes in ({}, at):
            rows = cost.by(by, **sizes)
            assert isinstance(rows, list) and str(rows) == repr(rows) == cost.table(by, **sizes)
            assert max(map(len, str(rows).splitlines())) <= 80
    assert str(cost.by("axis")).splitlines()[:2] == [
        "axis  flops  params  reads  writes  peak_memory", "f     1      1       1      1       1"]
    assert str(ncd.einsum("a b, b -> a").bind(a=2, b=3).cost().by("axis")) == "the cost depends on no size"


def test_assumptions_settle_how_a_maximum_grows():
    wide = tanh.on("x m") >> tanh >> make.reduce("sum", "x") >> make.reduce("sum", "m")
    square = ncd.rearrange("m -> m n") >> make.reduce("sum", "n") >> make.reduce("sum", "m")
    cost = (wide @ square.bind(n="m")).cost()
    assert cost.exact["activations"] == parse_size("max(4*m**2 + 4*m + 4, 8*m*x)")
    assert [row.powers["peak_memory"] for row in cost.by("axis")] == [2, 1]
    settled = cost.by("axis", assume="x > 2*m", x=100, m=9)
    assert [row.powers["peak_memory"] for row in settled] == [1, 1]
    assert settled[0].percents["peak_memory"] == 1


def test_rows_under_an_assumption_add_up():
    cost = elementwise("sigmoid").on("m").repeat("n").bind(n="max(x, y)").cost()
    assert cost.exact["flops"] == parse_size("3*m*max(x, y)")
    for by in ("block", "operation"):
        rows = cost.by(by, assume="x > y")
        assert rows.total.sums["flops"] == total(rows, "flops") == parse_size("3*m*x")
        assert total(cost.by(by), "flops") == cost.exact["flops"]


def test_what_cuts_refuse():
    cost = ncd.zoo.residual_mlp().cost()
    with pytest.raises(InputError, match="no cut by 'layer'") as error:
        cost.by("layer")
    assert error.value.details["want"] == "block, operation, axis"
    with pytest.raises(InputError, match="no cut by 'ops'"):
        cost.table("ops")
    for bad in (0, -1, "2"):
        with pytest.raises(InputError, match=r"depth = "):
            cost.by("block", depth=bad)
    for bad in (0, -3, "m"):
        with pytest.raises(SizeError, match=r"d = .* is no size"):
            cost.by("axis", d=bad)
