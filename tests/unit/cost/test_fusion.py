"""Bytes moved when producers and consumers are fused: groups by hand, and what holds of all of them."""

from __future__ import annotations

import pytest
from hypothesis import given

import ncd
from ncd import nn
from ncd.algebra.convert import ZERO, parse_size
from ncd.construct import generators as make
from ncd.construct.generators import elementwise, parameter, scan
from ncd.construct.notation import einsum, rearrange
from ncd.construct.trace import trace
from ncd.core.category import Diagram, Ty
from ncd.interpret.cost import fusion, measure
from ncd.zoo import ZOO
from tests.strategies import EXAMPLES, diagrams, examples

tanh, exp, relu = map(elementwise, ("tanh", "exp", "relu"))


def traced(function, dom: str) -> Diagram:
    return trace(function, Ty(dom).inside)


def moved(made: Diagram) -> tuple:
    found = measure(made).exact
    return found["fused_reads"], found["fused_writes"]


def step():
    return traced(lambda s, u: (s + tanh(u), s), "m, m")


SCALE = traced(lambda a: a * parameter("w", "x")(), "x").block("scale", tied=True)

BY_HAND = {  # name: diagram, bytes read, bytes written
    "a chain is one group": (tanh.on("x y") >> exp >> relu, "4*x*y", "4*x*y"),
    "work after a contraction": (einsum("x k, k y -> x y") >> tanh >> exp, "4*x*k + 4*k*y", "4*x*y"),
    "work before a reduction": (exp.on("x y") >> tanh >> make.reduce("sum", "x"), "4*x*y", "4*y"),
    "softmax: max, subtract, exp; sum, divide": (nn.softmax("x").on("y x"), "8*x*y", "8*x*y"),
    "two reductions are two groups": (
        traced(lambda a: (make.reduce("sum", "x")(a), make.reduce("max", "x")(a)), "x y"), "8*x*y", "8*y"),
    "an array is read once by a group": (traced(lambda a: a * a + a, "x"), "4*x", "4*x"),
    "what is wanted outside is written": (
        tanh.on("x") >> traced(lambda a: (a, exp(a)), "x"), "4*x", "8*x"),
    "what is wanted outside begins no reduction": (
        tanh.on("x y") >> traced(lambda a: (a, make.reduce("sum", "x")(a)), "x y"), "8*x*y", "4*x*y + 4*y"),
    "two contractions": (einsum("x k, k y -> x y") @ Diagram.id("y z") >> tanh.on("x y") @ Diagram.id("y z")
                         >> einsum("x y, y z -> x z"), "4*x*k + 4*k*y + 4*x*y + 4*y*z", "4*x*y + 4*x*z"),
    "a repetition is entrywise": (rearrange("x -> x y") >> tanh.on("x y"), "4*x", "4*x*y"),
    "a view moves nothing": (tanh.on("a b") >> rearrange("a b -> (a b)") >> exp, "4*a*b", "4*a*b"),
    "wires move nothing": (
        Diagram.swap(Ty("x"), Ty("y")) >> Diagram.discard(Ty("y")) @ Diagram.id("x"), 0, 0),
    "constants are made where they are read": (traced(lambda a: a + make.constant(0.5, "x")(), "x"), "4*x",
                                               "4*x"),
    "a constant that is a result is written": (make.constant(0.5, "x"), 0, "4*x"),
    "parameters are read": (traced(lambda a: a * parameter("w", "x")(), "x"), "8*x", "4*x"),
    "a tied parameter is one array": (
        traced(lambda a: (a + parameter("w", "x", tied=True)()) * parameter("w", "x", tied=True)(), "x"),
        "8*x", "4*x"),
    "two parameters are two": (
        traced(lambda a: (a + parameter("w", "x")()) * parameter("w", "x")(), "x"), "12*x", "4*x"),
    "the parameters of a tied block are one array": (SCALE >> SCALE, "8*x", "4*x"),
    "a gather reads what it takes": (make.gather("n").on("n f, e : index(n)"), "4*e*f + 4*e", "4*e*f"),
    "what joins a gather is read": (traced(lambda t, i, b: make.gather("n")(t, i) + b,
                                           "n f, e : index(n), e f"), "8*e*f + 4*e", "4*e*f"),
    "what joins a window is read": (traced(lambda a, b: make.flip("n")(a) + b, "n, n"), "8*n", "4*n"),
    "a slice reads what it takes": (make.slice_axis("n", 0, None, 2).on("n f"), "4*f*((n + 1)//2)",
                                    "4*f*((n + 1)//2)"),
    "a loop moves in each step": (scan(step(), "t", 1, 1), "8*m*t", "4*m*t"),
    "what follows a loop is apart": (
        traced(lambda s, u, b: scan(step(), "t", 1, 1)(s, u)[1] + b, "m, t m, t m"), "16*m*t", "8*m*t"),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_by_hand(name):
    made, reads, writes = BY_HAND[name]
    assert moved(made) == (parse_size(str(reads)), parse_size(str(writes)))


def test_the_groups_of_softmax():
    """What a group needs twice stays on chip: x for its maximum and for the subtraction."""
    cost = measure(nn.softmax("x").on("y x"))
    found = fusion.groups(cost.meter, cost.diagram)
    assert found.names == [["max[x]", "subtract", "exp"], ["sum[x]", "divide"]]
    assert [len(row) for row in found.reads] == [1, 1] and [len(row) for row in found.writes] == [1, 1]


# -- what holds of all groups ------------------------------------------------------------
def assert_groups_are_a_schedule(made: Diagram) -> None:
    cost = measure(made)
    meter = cost.meter
    cost.body  # noqa: B018  (measures every body)
    flat = fusion._flat(meter, made)
    group, _ = fusion._grouped(meter, flat)
    maker: dict[int, int] = {}
    anchors: dict[int, int] = {}
    members: dict[int, int] = {}
    for (op, reads, writes), at in zip(flat.graph, group):
        assert (at == fusion.OUTSIDE) == fusion._moves_nothing(op)
        if at == fusion.OUTSIDE:
            continue
        for wire in reads:              # an edge between groups goes forward
            root = flat.root[wire]
            assert root not in maker or maker[root] <= at
        maker.update(dict.fromkeys(writes, at))
        members[at] = members.get(at, 0) + 1
        if not fusion._entrywise(op):
            anchors[at] = anchors.get(at, 0) + 1
        if fusion._inside(meter, op) is not None:
            assert group.count(at) == 1, "a loop is by itself"
    assert all(count == 1 for count in anchors.values()), "at most one operation that gathers"
    found = fusion.groups(meter, made)
    assert sum(map(len, found.names)) == sum(members.values())
    assert all(len(dict(row)) == len(row) for row in found.reads), "a group reads an array once"


@examples(3 * EXAMPLES)
@given(diagrams("learned"))
def test_groups_of_random_diagrams(made):
    assert_groups_are_a_schedule(made)


@pytest.mark.parametrize("name", ZOO)
def test_groups_of_the_zoo(name):
    made = ZOO[name]()
    assert_groups_are_a_schedule(made)
    cost = measure(made)
    at = {symbol: 3 + n % 5 for n, symbol in enumerate(sorted(cost.symbols))}
    for fused, plain in (("fused_reads", "reads"), ("fused_writes", "writes")):
        assert 0 < cost.exact[fused].evaluate(at) <= cost.exact[plain].evaluate(at)


@examples(2 * EXAMPLES)
@given(diagrams("learned"))
def test_results_are_written_and_blocks_are_seen_through(made):
    assert moved(made.block("b")) == moved(made)
    graph = made.graph
    cost = measure(made)
    roots = fusion._flat(cost.meter, made)
    own = {roots.root[wire] for wire in roots.graph.outputs if roots.root[wire] >= len(graph.inputs)}
    at = dict.fromkeys(made.symbols, 4)
    assert cost.exact["fused_writes"].evaluate(at) >= 0
    if not any(fusion._inside(cost.meter, op) is not None for op in roots.graph.ops):
        made_here = {wire for op, _, writes in roots.graph if not isinstance(op, fusion.Parameter)
                     for wire in writes}
        least = sum(int(roots.graph.types[wire].elements.evaluate(at)) for wire in own & made_here
                    if roots.graph.types[wire].dtype == "float") * 4
        assert cost.exact["fused_writes"].evaluate(at) >= least


@examples(2 * EXAMPLES)
@given(diagrams("learned"))
def test_blocks_that_stay_closed_move_no_less(made):
    """Beyond a limit blocks are fused each by itself: still no more than without, and by the same rules."""
    twice = (made.block("b") @ made.block("b")) >> Diagram.id(made.cod @ made.cod)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fusion, "MOST", 0)
        closed = moved(twice)
        assert_groups_are_a_schedule(twice)
    plain = measure(twice).exact
    at = {name: 2 + n for n, name in enumerate(sorted(twice.symbols))}
    assert closed[0].evaluate(at) <= plain["reads"].evaluate(at)
    assert closed[1].evaluate(at) <= plain["writes"].evaluate(at)


def test_the_intensity_is_that_of_the_fused_bytes():
    cost = ncd.zoo.scaled_attention().cost()
    found = cost.evaluate(**dict.fromkeys(cost.symbols, 16))
    assert found["fused_intensity"] == found["flops"] / (found["fused_reads"] + found["fused_writes"])
    assert found["fused_intensity"] > found["intensity"]
    assert moved(Diagram.id("x")) == (ZERO, ZERO)
