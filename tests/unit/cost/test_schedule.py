"""A schedule: an order of a diagram's operations, refused where it is none, measured where it is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

import ncd
from ncd import nn
from ncd.algebra.convert import parse_size
from ncd.core.category import Diagram
from ncd.errors import ArityError, NcdError, SizeError
from ncd.ops.after import After
from ncd.plan import Schedule, memory_profile, opened
from ncd.plan.memory.memory import rearranged
from tests.allocator import peak
from tests.strategies import examples, samplers
from theory.random import parameters, values
from theory.variables import KINDS

exp, tanh = ncd.elementwise("exp"), ncd.elementwise("tanh")


@ncd.diagram("x, x")
def wide(a, b):
    a, b = ncd.rearrange("x -> x y")(a), ncd.rearrange("x -> x y")(b)
    return ncd.reduce("sum", "y")(a) + ncd.reduce("sum", "y")(b)


def shuffled(diagram: Diagram, random) -> list[int]:
    """A random topological order."""
    graph = diagram.graph
    waiting, order = set(range(len(graph))), []
    while waiting:
        ready = [node for node in sorted(waiting)
                 if not any(graph.producer[wire] in waiting for wire in graph.args[node])]
        order.append(random.choice(ready))
        waiting.discard(order[-1])
    return order


@pytest.mark.parametrize("kind", KINDS)
@examples(20)
@given(samplers())
def test_every_order_is_an_equal_diagram_that_an_allocator_measures_alike(kind, sampler):
    made = KINDS[kind](sampler, sampler.type(), None)
    sizes = sampler.complete(made.symbols)
    found = Schedule(made, shuffled(made, sampler.random))
    assert found.diagram == made and found.diagram.check() is found.diagram
    assert found.diagram.graph.ops == [made.graph.ops[node] for node in found.order]
    assert found.cost().evaluate(**sizes)["activations"] == peak(found.diagram, sizes)
    profile = found.profile(**sizes)
    assert max((moment.during for moment in profile), default=0) == peak(found.diagram, sizes)
    for measure in ("flops", "params", "reads", "writes"):
        assert found.cost().exact[measure] == made.cost().exact[measure]


@pytest.mark.parametrize("kind", ["learned", "learned, tied", "drawing keys by place"])
@examples(20)
@given(samplers())
def test_keys_and_parameters_stay_where_they_are(kind, sampler):
    made = KINDS[kind](sampler, sampler.type(), None)
    sizes = sampler.complete(made.symbols)
    found = Schedule(made, shuffled(made, sampler.random)).diagram
    given_, params = values(made.dom, sizes, 1), parameters(made, sizes, 2)
    inputs = (params, *given_) if params else given_
    one, other = (d.to_numpy(**sizes)(*inputs, key=5) for d in (made, found))
    for a, b in zip(*((x if isinstance(x, (tuple, list)) else [x]) for x in (one, other))):
        np.testing.assert_array_equal(a, b)
    assert sorted(found.graph.places.values()) == sorted(made.graph.places.values())


# -- what is refused -------------------------------------------------------------------------
def test_an_operation_before_its_input_is_named():
    with pytest.raises(NcdError, match=r"operation 1 `tanh` comes too early, at step 0") as error:
        Schedule(exp.on("x") >> tanh, (1, 0))
    assert "operation 0 `exp`, which stands at step 1" in str(error.value)


@pytest.mark.parametrize("order, says", [
    ((0,), "operation 1 `tanh` as well"), ((0, 1, 2), "no operation 2"), ((0, 1, -1), "no operation -1"),
    ((), "operation 0 `exp`, 1 `tanh` as well"), ((True, 0, 1), "no operation True")])
def test_what_is_no_permutation(order, says):
    with pytest.raises(ArityError, match=says):
        Schedule(exp.on("x") >> tanh, order)


def test_what_has_a_place_or_draws_is_not_computed_again():
    learned = nn.linear("m -> h").on("m")
    with pytest.raises(NcdError, match="cannot be computed again"):
        Schedule(learned, (*range(len(learned.graph)), 0))
    drawn = ncd.diagram("() : key")(lambda key: ncd.construct.generators.random("normal", "x=3")(key))
    with pytest.raises(NcdError, match="cannot be computed again"):
        Schedule(drawn, (0, 0))


def test_sizes_are_asked_for_all_at_once():
    with pytest.raises(SizeError, match=r"no value for the size x, y"):
        memory_profile(wide)
    with pytest.raises(SizeError, match="is not a positive integer"):
        memory_profile(wide, x=0, y=2)


# -- what is computed again ------------------------------------------------------------------
chain = exp.on("x") >> tanh >> ncd.elementwise("sin")


def test_what_is_computed_again_is_the_same_morphism_and_costs_more():
    found = Schedule(chain, (0, 1, 0, 1, 2))
    assert found.diagram == chain and found.recomputed == {0, 1} and len(found.diagram) == 5
    assert found.cost().exact["transcendentals"] == chain.cost().exact["transcendentals"] * 5 / 3
    assert "2 computed again" in repr(found)


def test_a_reader_takes_the_latest():
    graph, wires = rearranged(chain.graph, (0, 0, 1, 2))
    assert graph.args == [(0,), (0,), (2,), (3,)] and wires == [(1,), (2,), (3,), (4,)]


def test_dropping_a_wide_array_and_making_it_again():
    @ncd.diagram("x")
    def body(a):
        wide = ncd.rearrange("x -> x y")(a)
        left = ncd.reduce("sum", "y")(exp(wide))
        other = ncd.reduce("sum", "z")(ncd.rearrange("x -> x z")(left))
        return ncd.reduce("sum", "y")(wide) + other
    kept = {op.name: node for node, op in enumerate(body.graph.ops)}
    order = list(range(len(body.graph)))
    order.insert(kept["sum[z]"] + 1, 0)
    found = Schedule(body, order)
    sizes = {"x": 1, "y": 10, "z": 100}
    assert found.peak(**sizes) == 4 * (1 + 1 + 100)
    assert body.cost().evaluate(**sizes)["peak_memory"] == 4 * (1 + 1 + 100 + 10)
    marks = [op for op in found.marked.graph.ops if isinstance(op, After)]
    assert len(marks) == 1 and found.marked != body
    given_ = [np.ones(3, "float32")]
    np.testing.assert_allclose(found.marked.to_numpy(y=4, z=5)(*given_), body.to_numpy(y=4, z=5)(*given_))
    np.testing.assert_allclose(found.to_jax(y=4, z=5)(*given_), body.to_jax(y=4, z=5)(*given_), rtol=1e-6)


# -- blocks ----------------------------------------------------------------------------------
def test_blocks_open_at_any_depth_but_those_with_places():
    inner = (exp.on("x") >> tanh).block("inner")
    outer = (inner >> nn.linear("x -> y").on("x")).block("outer")
    assert [op.name for op in opened(inner.block("again")).graph.ops] == ["exp", "tanh"]
    assert [op.name for op in opened(outer).graph.ops] == ["outer"]
    assert opened(inner.block("again")).cost().exact["flops"] == inner.cost().exact["flops"]


def test_the_peak_is_a_formula_and_a_number():
    found = Schedule(wide, (0, 2, 1, 3, 4))
    assert found.peak_memory == parse_size("4*x*y + 16*x") and found.peak(x=10, y=100) == 4160
    assert wide.cost().exact["peak_memory"] == parse_size("8*x*y + 12*x")
