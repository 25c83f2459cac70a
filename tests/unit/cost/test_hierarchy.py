"""Memory levels: hand counts, the cost's reads and writes, and a cache that shares no code with them."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ncd
from ncd import nn
from ncd.algebra.convert import Size, as_size
from ncd.construct.generators import elementwise, parameter
from ncd.construct.notation import einsum
from ncd.errors import NcdError, SizeError
from ncd.interpret.cost.leaves import flatten, memory_roots
from ncd.ops.multilinear import Einsum
from ncd.ops.pointwise import Map, Reduce
from ncd.ops.source import Parameter
from ncd.plan import Level, Machine, hierarchy, roofline
from tests.strategies import diagrams, examples

tanh, relu = elementwise("tanh"), elementwise("relu")
CHAIN = einsum("a b, b c -> a c") >> tanh >> relu
THREE = ("device", "shared", "registers")


def values(found, what: str = "moved") -> dict[str, Size]:
    return {level: amount.values for level, amount in getattr(found, what).items()}


# -- unfused: the cost's own figures ---------------------------------------------------------
MODELS = {
    "chain": CHAIN, "attention": nn.attention().op.definition(), "block": nn.transformer_block("x m", "f"),
    "deep": nn.transformer_block("x m", "f").repeat("N"), "pool": nn.max_pool("x", kernel=3, stride=2),
    "backward": nn.feed_forward("m", "f").on("x m").reverse().composite, "embed": nn.embedding("n m"),
    "lifted": nn.attention().lift("b h"), "recurrent": nn.residual(nn.linear("m -> m")).repeat(5)}


@pytest.mark.parametrize("name", MODELS)
def test_unfused_traffic_is_reads_and_writes(name):
    found, cost = hierarchy(MODELS[name], dtype="float32"), MODELS[name].cost()
    assert found.moved["shared"].bytes == cost.exact["reads"] + cost.exact["writes"]
    assert sum((step.moved["shared"].bytes for step in found.steps), Size(0)) == found.bytes


@given(diagrams())
@examples(60)
def test_unfused_traffic_of_random_diagrams(diagram):
    found, cost = hierarchy(diagram, THREE, "float32"), diagram.cost()
    assert found.moved["shared"].bytes == cost.exact["reads"] + cost.exact["writes"]
    assert found.moved["registers"] == found.moved["shared"]


@given(diagrams())
@examples(60)
def test_device_memory_is_the_cost_s_peak(diagram):
    """Blocks opened free what is dead sooner; it is never more than the peak of the boxes."""
    found, cost = hierarchy(diagram, dtype="float32").resident["device"].bytes, diagram.cost()
    sizes = dict.fromkeys(found.symbols | cost.exact["peak_memory"].symbols, 5)
    assert found.evaluate(sizes) <= cost.exact["peak_memory"].evaluate(sizes)
    if all(diagram.cost().meter.operation(op) is not None for op in diagram.graph.ops):
        assert found.evaluate(sizes) == cost.exact["peak_memory"].evaluate(sizes)


def test_values_and_bytes_are_apart():
    gather = ncd.gather("n").on("n f, e : index(n)")
    found = hierarchy(gather, dtype="bfloat16").moved["shared"]
    assert found.values == as_size("2*e*f + e") and found.bytes == as_size("4*e*f + 4*e")


# -- by hand ---------------------------------------------------------------------------------
def test_a_chain_by_hand():
    alone, fused = hierarchy(CHAIN), hierarchy(CHAIN, fuse=[(0, 3)])
    assert values(alone)["shared"] == as_size("a*b + b*c + 5*a*c")
    assert values(alone, "resident")["shared"] == as_size("max(a*b + b*c + a*c, 2*a*c)")
    assert values(alone, "resident")["device"] == as_size("a*b + b*c + 2*a*c")
    assert values(fused)["shared"] == as_size("a*b + b*c + a*c")
    assert values(fused, "resident")["shared"] == as_size("max(a*b + b*c + a*c, 2*a*c)")
    assert values(fused, "resident")["device"] == as_size("a*b + b*c + a*c")
    assert [str(step.moved["shared"].values) for step in fused.steps] == ["a*b + b*c", "0", "a*c"]


def test_three_levels_by_hand():
    found = hierarchy(CHAIN, THREE, fuse={"shared": [(0, 3)], "registers": [(1, 3)]})
    assert values(found) == {"shared": as_size("a*b + b*c + a*c"), "registers": as_size("a*b + b*c + 3*a*c")}
    assert [step.resident["shared"].values for step in found.steps] \
        == list(map(as_size, ("a*b + b*c + a*c", "a*c", "a*c")))
    assert [step.resident["registers"].values for step in found.steps] \
        == list(map(as_size, ("a*b + b*c + a*c", "2*a*c", "2*a*c")))


def test_a_lower_range_is_a_range_of_every_level_above():
    found = hierarchy(CHAIN, THREE, fuse={"registers": [(1, 3)]})
    assert values(found) == dict.fromkeys(THREE[1:], as_size("a*b + b*c + 3*a*c"))


def test_fused_attention_moves_its_inputs_and_its_output():
    attention = nn.attention().op.definition()
    count = len(hierarchy(attention).steps)
    found = hierarchy(attention, fuse=[(0, count)])
    assert found.moved["shared"].values == as_size("y*k + x*k + x*v + y*v")
    once = roofline(attention, "h100", traffic="once").bytes
    assert roofline(attention, "h100", traffic=found).bytes == once == found.bytes
    # Unpartitioned, the scores lie there whole: the reason for FlashAttention.
    assert found.resident["shared"].values.evaluate({"y": 99, "x": 99, "k": 1, "v": 1}) >= 99 ** 2


def test_what_is_used_after_a_range_is_returned_and_what_is_read_twice_comes_once():
    @ncd.diagram("x m -> x m, x m")
    def twice(x):
        hidden = tanh(x)
        return hidden, relu(hidden) + x
    assert hierarchy(twice).moved["shared"].values == as_size("7*m*x")
    assert hierarchy(twice, fuse=[(0, 3)]).moved["shared"].values == as_size("3*m*x")
    assert hierarchy(twice, fuse=[(1, 3)]).moved["shared"].values == as_size("5*m*x")


def test_parameters_come_from_device_memory_once_in_a_range():
    layer = nn.linear("m -> m")
    count = len(hierarchy(layer).steps)
    assert hierarchy(layer, fuse=[(0, count)]).moved["shared"].values == as_size("m*m + 3*m")


def test_tied_parameters_are_one_array():
    @ncd.diagram("m -> m")
    def tied(x):
        return (x + parameter("w", "m", tied=True)()) * parameter("w", "m", tied=True)()
    count = len(hierarchy(tied).steps)
    assert hierarchy(tied).moved["shared"].values == as_size("6*m")
    assert hierarchy(tied, fuse=[(0, count)]).moved["shared"].values == as_size("3*m")


def test_a_scan_brings_what_a_step_brings():
    deep = (tanh.on("x") >> relu).repeat("N")
    found = hierarchy(deep, dtype="float32")
    assert found.moved["shared"].values == as_size("4*N*x")
    assert found.resident["shared"].values == as_size("2*x")
    for model in (deep, MODELS["deep"], MODELS["recurrent"]):
        assert hierarchy(model, dtype="float32").resident["device"].bytes == model.cost().exact["peak_memory"]


def test_a_wire_that_stays_below():
    found = hierarchy(CHAIN, residency={2: ("shared",)})           # the product of the two matrices
    assert found.moved["shared"].values == as_size("a*b + b*c + 3*a*c")
    assert found.resident["device"].values == as_size("a*b + b*c + 2*a*c")
    by_function = hierarchy(CHAIN, residency=lambda wire, array: "shared" if wire == 2 else None)
    assert by_function.moved == found.moved and by_function.resident == found.resident
    weights = hierarchy(CHAIN, residency={1: ("shared",)})         # an input that is there already
    assert weights.moved["shared"].values == as_size("a*b + 5*a*c")
    assert weights.resident["device"].values == as_size("a*b + 2*a*c")
    assert weights.resident["shared"].values == as_size("max(a*b + b*c + a*c, 2*a*c)")


def test_a_path_may_pass_a_level_by():
    found = hierarchy(CHAIN, THREE, residency={0: ("device", "registers")})
    assert values(found) == {"shared": as_size("b*c + 5*a*c"), "registers": as_size("a*b + b*c + 5*a*c")}


# -- against a cache -----------------------------------------------------------------------
def cache(diagram, parts: list[range], sizes: dict[str, int]) -> tuple[int, int]:
    """Run a program through a cache that is flushed after each range: (moved, most held) in values."""
    flat = flatten(diagram.cost().meter, diagram)
    graph, roots = flat.graph, memory_roots(flat)
    number = [array.elements.evaluate(sizes) for array in graph.types]
    readers: dict[int, set[int]] = {}
    for node, args in enumerate(graph.args):
        for wire in args:
            readers.setdefault(roots[wire], set()).add(node)
    outputs, moved, most = {roots[wire] for wire in graph.outputs}, 0, 0
    for part in parts:
        held, made = set(), set()
        for node in part:
            op = graph.ops[node]
            if isinstance(op, Parameter) or not isinstance(op, (Einsum, Map, Reduce)):
                continue
            new = {roots[wire] for wire in graph.args[node]} - held
            moved += sum(number[root] for root in new)
            own = set(range(graph.first[node], graph.first[node] + len(op.cod)))
            held |= new | own
            made |= own
            most = max(most, sum(number[root] for root in held))
            held = {root for root in held if any(node < n < part.stop for n in readers.get(root, ()))}
        moved += sum(number[root] for root in made
                     if root in outputs or any(n >= part.stop for n in readers.get(root, ())))
    return moved, most


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("name", ["chain", "attention", "backward", "lifted"])
def test_ranges_against_a_cache(name, seed):
    diagram, draw = MODELS[name], random.Random(seed)
    count = len(hierarchy(diagram).steps)
    cuts = sorted({0, count, *(draw.randrange(count + 1) for _ in range(seed))})
    parts = [range(a, b) for a, b in pairwise(cuts)]
    found = hierarchy(diagram, fuse=[(p.start, p.stop) for p in parts])
    symbols = found.moved["shared"].values.symbols
    sizes = {name: draw.randint(2, 9) for name in sorted(symbols)}
    moved, most = cache(diagram, parts, sizes)
    assert found.moved["shared"].values.evaluate(sizes) == moved
    assert found.resident["shared"].values.evaluate(sizes) == most


@given(st.integers(0, 2), st.integers(1, 3))
def test_fusing_never_moves_more(first, length):
    fused = hierarchy(CHAIN, fuse=[(first, min(first + length, 3))])
    assert hierarchy(CHAIN).moved["shared"].values.dominates(fused.moved["shared"].values)


# -- machines --------------------------------------------------------------------------------
SMALL = Machine("small", {"float32": 100}, (Level("device", 4000, 10), Level("shared", 400, 40)))


def test_conditions_are_relations_in_the_sizes():
    product = einsum("a b, b c -> a c")
    found = hierarchy(product, dtype="float32")
    a, b, c = (as_size(n).sympy for n in "abc")
    assert found.conditions(SMALL)["shared"] == (4 * a * b + 4 * b * c + 4 * a * c <= 400)
    assert found.fits(SMALL, a=5, b=5, c=5) and not found.fits(SMALL, a=6, b=6, c=6)
    assert found.evaluate(a=1, b=2, c=3) == {"moved": {"shared": 44},
                                             "resident": {"device": 44, "shared": 44}}
    with pytest.raises(SizeError, match="no value for the size"):
        found.fits(SMALL, a=1)


def test_seconds_of_each_level():
    deep = SMALL.with_level(Level("registers", 40, 400))
    found = hierarchy(CHAIN, THREE, "float32", fuse={"shared": [(0, 3)]})
    assert found.seconds(deep) == {"shared": found.moved["shared"].bytes / 10,
                                   "registers": found.moved["registers"].bytes / 40}
    with pytest.raises(NcdError, match="no memory level 'registers'"):
        found.conditions(SMALL)
    with pytest.raises(NcdError, match="no capacity of shared is stated"):
        found.conditions(SMALL.with_level(Level("shared")))


def test_what_does_not_nest_is_refused():
    with pytest.raises(NcdError, match="no operations 2 to 9"):
        hierarchy(CHAIN, fuse=[(2, 9)])
    with pytest.raises(NcdError, match="overlap"):
        hierarchy(CHAIN, fuse=[(0, 2), (1, 3)])
    with pytest.raises(NcdError, match="cross one of a lower level"):
        hierarchy(CHAIN, THREE, fuse={"shared": [(0, 2)], "registers": [(1, 3)]})
    with pytest.raises(NcdError, match="nothing is fused at device"):
        hierarchy(CHAIN, fuse={"device": [(0, 2)]})
    with pytest.raises(NcdError, match="two levels or more"):
        hierarchy(CHAIN, ("device",))
    with pytest.raises(NcdError, match="lies on no path of levels"):
        hierarchy(CHAIN, residency={0: ("shared", "device")})
    with pytest.raises(NcdError, match="another dtype"):
        _ = roofline(CHAIN, "h100", "float8", hierarchy(CHAIN)).bytes


def test_the_table():
    text = str(hierarchy(einsum("a b, b c -> a c")))
    assert text.splitlines()[2].split("  ")[0] == "shared"
    assert "2*a*b + 2*a*c + 2*b*c" in text
