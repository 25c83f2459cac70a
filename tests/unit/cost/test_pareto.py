"""The front of memory against work: each point is what its diagram costs, and what XLA then holds."""

from __future__ import annotations

import heapq
import math
from itertools import pairwise
from random import Random

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given

import ncd
from ncd import nn
from ncd.core.category import Diagram, Ty
from ncd.ops.after import After
from ncd.plan import Schedule, best_schedule, opened, pareto
from ncd.plan.memory.schedule import memory_of
from tests.allocator import peak
from tests.strategies import examples, samplers
from tests.unit.cost.test_search import wired
from theory.random import Sampler
from theory.variables import KINDS

B, M = 512, 8


def deep(layers: int) -> Diagram:
    """The gradient of a deep perceptron in its parameters: nodes einsum, add, tanh for each layer first."""
    layer = nn.linear("m -> m") >> nn.tanh
    net = layer
    for _ in range(layers - 1):
        net = net >> layer
    return (net.on("b m") >> ncd.reduce("sum", "b m")).gradient("parameters")


def check(diagram: Diagram, sizes: dict, points: list) -> None:
    """Sorted, no point dominated, each what its diagram costs and what an allocator measures."""
    written = diagram.cost().evaluate(**sizes)
    best = best_schedule(diagram, **sizes).cost().evaluate(**sizes)
    # What costs no work, as a key drawn by place, may be made again at no price.
    assert points[0].extra == 0 and points[0].peak <= best["peak_memory"] <= written["peak_memory"]
    assert points[0].schedule.recomputed or points[0].peak == best["peak_memory"]
    assert all(one.peak > other.peak and one.extra < other.extra for one, other in pairwise(points))
    for point in points:
        made = point.schedule.diagram
        found = made.cost().evaluate(**sizes)
        assert made == diagram and found["peak_memory"] == point.peak == point.schedule.peak(**sizes)
        assert found["activations"] == peak(made, sizes)
        assert found["flops"] + found["transcendentals"] - written["flops"] - written["transcendentals"] \
            == point.extra
        repeated = [diagram.graph.ops[node] for node in point.schedule.recomputed]
        assert all(op.deterministic and op.place is None for op in repeated)


@pytest.mark.parametrize("layers", [3, 8])
def test_a_deep_gradient(layers):
    made = deep(layers)
    points = pareto(made, b=B, m=M)
    check(made, {"b": B, "m": M}, points)
    assert len(points) > layers // 2


@pytest.mark.parametrize("kind", ["", "without constants", "learned", "drawing keys by place"])
@examples(8)
@given(samplers())
def test_random_derivatives(kind, sampler):
    made = KINDS[kind](sampler, sampler.type() @ Ty("p=2"), None)
    if kind != "drawing keys by place":
        made = opened(made.reverse().composite)
    sizes = sampler.complete(made.symbols)
    check(made, sizes, pareto(made, **sizes))


def test_what_is_free_may_be_made_again():
    """A found case: of the front's first point a node is made again without work, and less is held."""
    sampler = Sampler(14377)
    made = KINDS["drawing keys by place"](sampler, sampler.type() @ Ty("p=2"), None)
    sizes = sampler.complete(made.symbols)
    points = pareto(made, **sizes)
    check(made, sizes, points)
    assert points[0].schedule.recomputed
    assert points[0].peak < best_schedule(made, **sizes).cost().evaluate(**sizes)["peak_memory"]


@pytest.mark.parametrize("name", ["residual_mlp", "multi_head_attention", "gru"])
def test_models(name):
    from ncd.construct.align import symbols
    made = opened(ncd.zoo.ZOO[name]().reverse().composite)
    sizes = dict.fromkeys(symbols(made), 3)
    check(made, sizes, pareto(made, **sizes))


def true_front(memory, work) -> list[tuple[int, int]]:
    """Every schedule with recomputation, by the sets of results that are live and of operations done."""
    count = len(memory)
    size = [memory.buffers[made].size for (made,) in memory.makes]
    above = [sum(1 << p for p in parents) for parents in memory.before]
    out = sum(1 << node for node in range(count) if memory.buffers[memory.makes[node][0]].held)
    held = [sum(size[node] for node in range(count) if live >> node & 1) for live in range(1 << count)]

    def least(limit):
        best, heap = {(0, 0): 0}, [(0, 0, 0)]
        while heap:
            cost, live, done = heapq.heappop(heap)
            if done == (1 << count) - 1 and live & out == out:
                return cost - sum(work)
            for node in range(count if best[live, done] == cost else 0):
                if live >> node & 1:
                    new = (live ^ 1 << node, done)
                elif not above[node] & ~live and held[live] + memory.need[node] <= limit:
                    new = (live | 1 << node, done | 1 << node)
                else:
                    continue
                total = cost + (0 if live >> node & 1 else work[node])
                if total < best.get(new, math.inf):
                    best[new] = total
                    heapq.heappush(heap, (total, *new))
        return None
    found: list[tuple[int, int]] = []
    # An operation may need more room than its result, so a peak is more than a sum of results.
    peaks = {held[live] + memory.need[node] for live in range(1 << count) for node in range(count)
             if not live >> node & 1 and not above[node] & ~live}
    for limit in sorted(peaks, reverse=True):
        extra = least(limit)
        if extra is None:
            break
        if found and found[-1][1] == extra:
            found.pop()
        found.append((limit, extra))
    return found


def test_small_fronts_against_all_schedules():
    """No point is better than what there is; nearly every lowest peak is found."""
    lowest, total = 0, 0
    for seed in range(100):
        made = wired(Random(seed), seed % 2 == 0)
        if len(made.graph) > 7:
            continue
        memory, price = memory_of(made, {})
        work = [sum(size.evaluate({}) for size in price.meter.sums(op)[:2]) for op in made.graph.ops]
        known, points = true_front(memory, work), pareto(made)
        check(made, {}, points)
        beside = points[0].peak - memory.peak(best_schedule(made).order)
        assert points[0].peak - beside == known[0][0]
        for point in points:
            assert point.extra >= min(extra for peak_, extra in known if peak_ <= point.peak - beside)
        lowest, total = lowest + (points[-1].peak - beside == known[-1][0]), total + 1
    assert total > 20 and lowest > 0.9 * total


def chen(made: Diagram, layers: int, every: int) -> Schedule:
    """Chen et al. 2016: of each segment only the last layer is kept; a segment is made again as a whole."""
    graph = made.graph
    forward = [n for n, op in enumerate(graph.ops) if op.name.startswith(("einsum[b m, m m'", "add", "tanh"))
               and op.name != "tanh′"][:3 * layers]
    assert [graph.ops[n].name for n in forward[2::3]] == ["tanh"] * layers
    layer = {node: place // 3 for place, node in enumerate(forward)}
    order, made_again = [], set()
    for node in range(len(graph)):
        for wire in graph.args[node]:
            maker = graph.producer[wire]
            at = layer.get(maker)
            if node in layer or at is None or at % every == every - 1 or at == layers - 1:
                continue
            segment = at // every
            if segment not in made_again:
                made_again.add(segment)
                last = min((segment + 1) * every - 1, layers - 1)
                order += [n for n in forward if segment * every <= layer[n] < last]
        order.append(node)
    return Schedule(made, order)


@pytest.mark.parametrize("layers", [9, 16])
def test_chens_square_root_is_on_the_front_or_dominated(layers):
    made = deep(layers)
    points = pareto(made, b=B, m=M)
    known = chen(made, layers, math.isqrt(layers))
    held, work = known.peak(b=B, m=M), known.cost().evaluate(b=B, m=M)
    extra = work["flops"] + work["transcendentals"] - sum(
        made.cost().evaluate(b=B, m=M)[name] for name in ("flops", "transcendentals"))
    assert held < 0.75 * made.cost().evaluate(b=B, m=M)["peak_memory"] and extra > 0
    assert any(point.peak <= held and point.extra <= extra for point in points)


# -- what runs -------------------------------------------------------------------------------
def test_xla_keeps_the_recomputation_and_holds_less():
    """As much less as the schedule says, the same values; without marks XLA merges what is equal."""
    made, sizes = deep(12), {"b": 2048, "m": 32}
    points = pareto(made, **sizes)
    params = jax.tree.map(lambda p: p + 0.1, made.init(0, m=32))
    x = np.random.default_rng(1).normal(size=(2048, 32)).astype("float32")

    def compiled(diagram):
        found = jax.jit(diagram.to_jax()).lower(params, x).compile()
        return found.memory_analysis().temp_size_in_bytes, found.as_text().count("tanh("), found(params, x)
    base, tanhs, values = compiled(made)
    assert tanhs == 12
    for point in (points[len(points) // 2], points[-1]):
        temp, again, found = compiled(point.schedule.marked)
        saved = points[0].peak - point.peak
        assert 0.7 * saved < base - temp < 1.3 * saved
        layers = sum(made.graph.ops[node].name == "tanh" for node in point.schedule.recomputed)
        assert again >= 12 + layers > 12
        for one, other in zip(values, found):
            np.testing.assert_allclose(one, other, rtol=1e-5)
        merged, equal, _ = compiled(point.schedule.diagram)
        assert (merged, equal) == (base, tanhs)
    handed = jax.jit(points[-1].schedule.to_jax(b=2048))(params, x)
    for one, other in zip(values, handed):
        np.testing.assert_allclose(one, other, rtol=1e-5)


def test_after_is_a_wire_to_all_but_compilers():
    array, other = ncd.Ty("x").inside[0], ncd.Ty("k").inside[0]
    after = After(array, other).diagram
    assert after.cost().exact["flops"] == 0 == after.cost().exact["activations"]
    x, k = np.arange(3.0), np.array([np.nan, 1.0])
    np.testing.assert_array_equal(after.to_numpy()(x, k), x)
    np.testing.assert_array_equal(after.to_jax()(x, k), x)
    np.testing.assert_array_equal(jax.jit(after.to_jax())(x, k), x)
    slope = jax.grad(lambda x: (after.to_jax()(x, jnp.asarray(k)) ** 2).sum())(jnp.asarray(x))
    np.testing.assert_array_equal(slope, 2 * x)
    np.testing.assert_array_equal(after.reverse().to_numpy()(x, k, np.ones(3))[0], np.ones(3))
    assert ncd.from_json(after.to_json()) == after
    lifted = after.lift("b")
    np.testing.assert_array_equal(lifted.to_jax()(np.ones((2, 3)), np.ones((2, 2))), np.ones((2, 3)))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "int32", "bool"])
def test_after_holds_at_any_bits(dtype):
    """The condition on CPUs, i (i + 1) is even, holds at every number that stands first."""
    kind = {"int32": "k : index(9)", "bool": "k : bool"}.get(dtype, "k")
    after = jax.jit(After(ncd.Ty("x").inside[0], ncd.Ty(kind).inside[0]).diagram.to_jax())
    for value in (0, 1, -1, 7.5, -65504, 2 ** 31 - 1, float("inf")):
        k = jnp.asarray([value]) if "float" in dtype else jnp.asarray([int(max(min(value, 2 ** 31 - 1), 0))])
        np.testing.assert_array_equal(after(np.ones(2, "float32"), k.astype(dtype)), np.ones(2))


def test_random_numbers_are_not_drawn_again():
    @ncd.diagram("() : key, x=1000")
    def noisy(key, x):
        noise = ncd.construct.generators.random("normal", "x=1000")(key)
        wide = ncd.reduce("sum", "y")(nn.tanh(ncd.rearrange("x -> x y=50")(x + noise)))
        return ncd.reduce("sum", "x")(wide * noise)
    points = pareto(noisy)
    drawn = [n for n, op in enumerate(noisy.graph.ops) if op.name == "normal"]
    assert drawn and not any(set(drawn) & point.schedule.recomputed for point in points)
