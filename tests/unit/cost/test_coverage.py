"""Coverage: what has no rule is said, with its share, and is never counted as zero."""

from __future__ import annotations

import pytest
from hypothesis import given

from ncd import nn
from ncd.algebra.convert import ZERO, Size, parse_size
from ncd.construct.generators import elementwise, opaque
from ncd.core.category import Diagram
from ncd.errors import RuleError
from ncd.interpret.cost import COST, measure, work
from ncd.interpret.interpretation import Interpretation
from ncd.ops.pointwise import Map
from tests.strategies import EXAMPLES, diagrams, examples

tanh, spectrum = elementwise("tanh"), opaque("spectrum", "x -> x")


@examples(2 * EXAMPLES)
@given(diagrams("learned"))
def test_everything_has_a_rule(made):
    found = measure(made).coverage()
    assert found.complete and not found.unknown and found.unknown_traffic == ZERO
    cost = measure(made).exact
    assert found.traffic == cost["reads"] + cost["writes"]
    assert str(found) == f"all operations have a rule: {found.operations} run"


@examples(2 * EXAMPLES)
@given(diagrams("learned"))
def test_known_and_unknown_traffic_are_the_whole(made):
    """With a table that knows no map: the bytes of both parts are those of the full table."""
    table = Interpretation("cost", {cls: rule for cls, rule in COST.rules.items() if cls is not Map})
    found, whole = measure(made, interpretation=table, partial=True), measure(made)
    coverage = found.coverage()
    assert coverage.traffic + coverage.unknown_traffic == whole.exact["reads"] + whole.exact["writes"]
    assert coverage.operations == whole.coverage().operations
    maps = [row for row in whole.by("operation") if row.name.startswith("map ")]
    assert set(coverage.unknown) == {row.name for row in maps}
    assert {name: count for name, (count, _) in coverage.unknown.items()} == {
        row.name: row.count for row in maps}
    assert found.exact["flops"] == whole.exact["flops"] - sum((row.sums["flops"] for row in maps), ZERO)


def test_an_operation_inside_a_loop_counts_as_often_as_it_runs():
    body = (tanh.on("x") >> spectrum).block("step")
    found = measure(body.repeat("N") >> spectrum.on("x"), partial=True).coverage()
    assert found.unknown == {"spectrum": (parse_size("N + 1"), "x -> x")}
    assert found.operations == parse_size("2*N + 1")
    assert found.unknown_traffic == parse_size("8*N*x + 8*x") and found.traffic == parse_size("8*N*x")
    lines = str(found).splitlines()
    assert lines[0] == ("NOT COUNTED: the arithmetic of N + 1 of 2*N + 1 operations that run, "
                        "which move 8*N*x + 8*x of 16*N*x + 8*x bytes")
    assert lines[1] == "  spectrum ×N + 1 : x -> x"


def test_what_is_lifted_is_named_as_what_it_lifts():
    found = measure(spectrum.on("b x"), partial=True)
    assert not found.coverage().complete and list(found.coverage().unknown) == ["spectrum"]
    assert found.coverage().unknown_traffic == parse_size("8*b*x")
    assert "NOT COUNTED" in str(found) and found.exact["flops"] == ZERO


def test_without_partial_it_is_an_error():
    with pytest.raises(RuleError, match="`cost` has no rule for the operation `spectrum`"):
        measure(Diagram.id("x") >> spectrum)
    table = COST | {"spectrum": lambda op, convention: work(op, convention, flops=op.dom[0].elements)}
    found = measure(nn.relu.on("x") >> spectrum, interpretation=table)
    assert found.coverage().complete and found.exact["flops"] == Size("2*x")
