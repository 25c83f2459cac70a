"""Collectives and shardings: formulas, known parallel programs, XLA's partitioner, shards that are run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import ncd
from ncd import nn
from ncd.algebra.convert import Size, as_size
from ncd.construct import generators as make
from ncd.construct.notation import axes_of, cospan, einsum, rearrange
from ncd.core.array import Array
from ncd.errors import NcdError, SizeError
from ncd.interpret import reference
from ncd.nn.star import Star
from ncd.ops.multilinear import Reindex, affine
from ncd.ops.overlap import Overlap
from ncd.ops.primitive import BASIS
from ncd.plan import (
    Collective,
    Level,
    Link,
    Machine,
    Mesh,
    all_gather,
    all_reduce,
    all_to_all,
    reduce_scatter,
    sharded,
)
from ncd.plan.mesh.placement import RULES, placement
from tests.unit.cost.meshes import MESH, MODELS, SIZES

ROOT = Path(__file__).parents[3]
TENSOR = {"model": "t"}
MLP, ATTENTION = nn.feed_forward("m", "f").on("b x m"), nn.self_attention("x m").on("b x m")


def rows(found) -> list[tuple[str, str, str, Size]]:
    return [(item.kind, item.over, item.array, item.bytes) for item in found.collectives]


# -- formulas --------------------------------------------------------------------------------
@pytest.mark.parametrize("collective, sent, messages", [
    (all_reduce, "2*B*(n - 1)/n", "2*(n - 1)"), (all_gather, "B*(n - 1)/n", "n - 1"),
    (reduce_scatter, "B*(n - 1)/n", "n - 1"), (all_to_all, "B*(n - 1)/n", "n - 1")])
def test_formulas(collective, sent, messages):
    found = collective("B", "n")
    assert found.sent == as_size(sent) and found.messages == as_size(messages)
    assert found.time(Link(100, 3)) == as_size(f"3*({messages}) + {sent}/100")
    assert found.time(Link(100)) == as_size(f"{sent}/100")
    assert found.sent.evaluate({"B": 80, "n": 1}) == 0


def test_an_all_reduce_is_a_reduce_scatter_and_an_all_gather():
    link = Link(100, 3)
    halves = reduce_scatter("B", "n").time(link) + all_gather("B", "n").time(link)
    assert all_reduce("B", "n").time(link) == halves


@pytest.mark.parametrize("devices", [2, 3, 8])
def test_a_ring_sends_what_the_formulas_say(devices):
    """A ring that is run: n − 1 steps of reduce-scatter, n − 1 of all-gather, in chunks of B/n."""
    rng, chunk = np.random.default_rng(devices), 5
    mine = rng.normal(size=(devices, devices, chunk))
    want, sent = mine.sum(0), np.zeros(devices)
    for step in range(2 * (devices - 1)):
        before = mine.copy()
        for here in range(devices):
            to, which = (here + 1) % devices, (here - step + (step >= devices - 1) * devices) % devices
            adds = step < devices - 1
            mine[to, which] = before[here, which] + (mine[to, which] if adds else 0)
            sent[here] += 8 * chunk
    assert np.allclose(mine, want[None])
    assert set(sent) == {all_reduce(8 * chunk * devices, devices).sent.evaluate({})}


def test_meshes():
    mesh = Mesh({"data": 8, "model": "t"})
    assert mesh.devices == as_size("8*t") and mesh["model"] == as_size("t")
    with pytest.raises(NcdError, match="no axis 'pipe'"):
        mesh["pipe"]
    for wrong in ({}, {"data": 0}, {"data": 1.5}):
        with pytest.raises(NcdError, match="mesh"):
            Mesh(wrong)


# -- known programs ----------------------------------------------------------------------------
def test_tensor_parallel_feed_forward_has_one_all_reduce():
    """Megatron, §3: none between the column-parallel and the row-parallel product."""
    found = sharded(MLP, {"f": "model"}, TENSOR)
    assert rows(found) == [("all-reduce", "model", "b x m", as_size("2*b*x*m"))]
    assert found.sent == as_size("2*(2*b*x*m)*(t - 1)/t")
    assert found.params == as_size("2*m*f/t + f/t + m")
    assert "down" in found.collectives[0].place


def test_tensor_parallel_attention_has_one_all_reduce():
    found = sharded(ATTENTION, {"h": "model"}, TENSOR)
    assert rows(found) == [("all-reduce", "model", "b x m", as_size("2*b*x*m"))]
    assert found.flops == sharded(ATTENTION, {}, {"model": 1}).flops / as_size("t")


@pytest.mark.parametrize("layer, axis", [(MLP, "f"), (ATTENTION, "h")])
def test_backward_has_one_more(layer, axis):
    """The projections of queries, keys and values share one: their sums are added before it."""
    found = sharded(layer.vjp(), {axis: "model"}, TENSOR)
    assert [row[0] for row in rows(found)] == ["all-reduce"] * 2
    assert {row[3] for row in rows(found)} == {as_size("2*b*x*m")}


def test_a_transformer_has_two_for_each_block():
    deep = nn.transformer_block("x m", "f").repeat("N").on("b x m")
    found = sharded(deep, {"h": "model", "f": "model"}, TENSOR)
    assert [item.times for item in found.collectives] == [as_size("N")] * 2
    assert found.sent == as_size("N*2*2*(2*b*x*m)*(t - 1)/t")


@pytest.mark.parametrize("model", [MLP, ATTENTION, nn.transformer_block("x m", "f").on("b x m"),
                                   nn.transformer_block("x m", "f").repeat(3).on("b x m")])
def test_data_parallel_training_reduces_as_many_bytes_as_there_are_parameters(model):
    training = model.reverse("parameters").composite
    found = sharded(training, {"b": "data"}, {"data": "n"})
    assert {row[:2] for row in rows(found)} == {("all-reduce", "data")}
    total = sum((item.bytes * item.times for item in found.collectives), Size(0))
    assert total == 2 * model.cost().exact["params"]
    assert found.sent == 2 * total * (as_size("n") - 1) / as_size("n")


def test_sharded_gradients_are_scattered():
    """ZeRO: parameters and gradients in shards; a gather forward, a reduce-scatter backward."""
    layer = nn.linear("m -> f", bias=False).on("b m")
    by = {"b": "data", ("linear/weight", "m"): "data"}
    forward = sharded(layer, by, {"data": 4})
    assert rows(forward) == [("all-gather", "data", "m f", as_size("2*m*f"))]
    assert forward.params == as_size("m*f/4")
    back = sharded(layer.reverse("parameters").composite, {"b": "data"}, {"data": 4}, outputs={"m": "data"})
    assert rows(back) == [("reduce-scatter", "data", "m f", as_size("2*m*f"))]


def test_a_vocabulary_in_shards_is_looked_up_and_summed():
    table = nn.embedding("v m").on("b x : index(v)")
    found = sharded(table, {"v": "model"}, TENSOR)
    assert rows(found) == [("all-reduce", "model", "b x m", as_size("2*b*x*m"))]


def test_softmax_over_shards_reduces_its_maximum_and_its_sum():
    found = sharded(nn.softmax("x").on("b x"), {"x": "model"}, TENSOR)
    assert [(item.kind, item.folds, item.bytes) for item in found.collectives] \
        == [("all-reduce", "max", as_size("2*b")), ("all-reduce", "sum", as_size("2*b"))]
    assert found.outputs[0].axes == (None, "model")


def test_a_sequence_in_shards_gathers_keys_and_values():
    found = sharded(ATTENTION, {"x": "model"}, TENSOR)
    assert [row[0] for row in rows(found)] == ["all-gather"] * 2
    assert found.outputs[0].axes == (None, "model", None)


def test_shards_are_exchanged_where_an_array_has_both_axes():
    product = einsum("x h, h k -> x h k")
    found = sharded(product, {(0, "x"): "model", (1, "h"): "model"}, TENSOR)
    assert rows(found) == [("all-gather", "model", "h k", as_size("2*h*k"))]
    found = sharded(nn.relu.on("x h"), {"x": "model"}, TENSOR, outputs={"h": "model"})
    assert rows(found) == [("all-to-all", "model", "x h", as_size("2*x*h/t"))]


def test_an_exchange_comes_before_a_gather():
    found = sharded(nn.relu.on("x h c"), {"x": "model", "c": "data"}, {"model": "t", "data": "n"},
                    outputs={"h": "model"})
    assert rows(found) == [("all-to-all", "model", "x h c", as_size("2*x*h*c/(t*n)")),
                           ("all-gather", "data", "x h c", as_size("2*x*h*c/t"))]


def test_what_wants_an_axis_whole_has_it_gathered():
    found = sharded(make.topk("x -> k=2").on("b x"), {"x": "model", "b": "data"}, {"model": "t", "data": 2})
    assert rows(found) == [("all-gather", "model", "b x", as_size("b*x"))]
    window = make.window("x", "j=3", padding=1).on("x c")
    assert rows(sharded(window, {"x": "model"}, TENSOR)) == [("all-gather", "model", "x c", as_size("2*x*c"))]
    assert rows(sharded(window, {"c": "model"}, TENSOR)) == []


def test_what_is_gathered_is_kept():
    @ncd.diagram("x c -> k c, k c")
    def twice(array):
        top = make.topk("x -> k")
        return top(array)[0], top(-array + array)[0]
    assert len(sharded(twice, {"x": "model"}, TENSOR).collectives) == 2
    top = make.topk("x -> k=2").on("x")
    pair = ncd.diagram("x -> k=2, k=2")(lambda array: (top(array)[0], top(array)[0]))
    assert len(sharded(pair, {"x": "model"}, TENSOR).collectives) == 1


def test_sums_wait_for_what_is_not_linear():
    two = ncd.diagram("m, m, m f, m f -> f")(lambda a, b, v, w: (
        einsum("m, m f -> f")(a, v) + einsum("m, m f -> f")(b, w)) * 2)
    assert rows(sharded(two, {"m": "model"}, TENSOR)) == [("all-reduce", "model", "f", as_size("2*f"))]
    curved = ncd.diagram("m, m, m f, m f -> f")(lambda a, b, v, w: nn.tanh(
        einsum("m, m f -> f")(a, v)) + einsum("m, m f -> f")(b, w))
    assert len(sharded(curved, {"m": "model"}, TENSOR).collectives) == 2


def test_a_sum_that_is_read_twice_is_reduced_once():
    @ncd.diagram("m, m f -> f, f")
    def twice(x, w):
        made = einsum("m, m f -> f")(x, w)
        return made * 2, nn.tanh(made)
    assert rows(sharded(twice, {"m": "model"}, TENSOR)) == [("all-reduce", "model", "f", as_size("2*f"))]


def test_a_product_and_a_repetition_want_their_sums_done():
    square = ncd.diagram("m, m, m f -> f")(lambda a, b, w: einsum("f, f -> f")(
        einsum("m, m f -> f")(a, w), einsum("m, m f -> f")(b, w)))
    assert rows(sharded(square, {"m": "model"}, TENSOR)) == [("all-reduce", "model", "f", as_size("2*f"))] * 2
    longer = einsum("m, m f -> f") >> make.repeat_axis("r=8")
    assert rows(sharded(longer, {"m": "model"}, TENSOR)) == [("all-reduce", "model", "f", as_size("2*f"))]


def test_what_nothing_reads_is_left_out():
    found = sharded(MLP.reverse("parameters").composite, {"f": "model"}, TENSOR)
    assert found.collectives == []              # the value, which would be summed, is no result
    assert sharded(MLP.vjp("parameters"), {"f": "model"}, TENSOR).flops != found.flops


def test_two_mesh_axes():
    found = sharded(einsum("m n, m n f -> f"), {"m": "data", "n": "model"}, {"data": 2, "model": "t"})
    assert [row[:2] for row in rows(found)] == [("all-reduce", "data"), ("all-reduce", "model")]
    assert found.flops == as_size("2*m*n*f/(2*t)")


@pytest.mark.parametrize("axes, wanted", [({"b": "data"}, []), ({"e": "model"}, []),
                                          ({"c": "model"}, [("all-reduce", "model", "2*b*e*x")])])
def test_a_convolution_in_shards_is_a_product_on_each(axes, wanted):
    """Batches and channels are cut as those of a matrix product; Shoeybi et al. 2019 for the product."""
    layer = nn.convolution("x", "c -> e", kernel=3, padding=1, bias=False).lift("b")
    found = sharded(layer, axes, {"data": 4, "model": 4})
    assert [(row[0], row[1], str(row[3])) for row in rows(found)] == wanted
    if not wanted:
        assert found.flops * 4 == layer.cost().exact["flops"]
        assert "all-gather" not in {row[0] for row in rows(sharded(layer.reverse(0).composite, axes,
                                                                   {"data": 4, "model": 4}))}


def test_the_backward_pass_of_a_pooling_keeps_its_batch_in_shards():
    backward = nn.mean_pool("x", 3, stride=2).lift("b").reverse().backward
    assert rows(sharded(backward, {"b": "d"}, {"d": 4})) == []


def test_every_operation_with_a_cost_of_its_own_has_a_placement():
    """Else its arrays are gathered in silence."""
    from ncd.interpret.cost import COST
    defined = {cls for cls in COST.faster if isinstance(cls, type)}
    assert {cls.__name__ for cls in defined - set(RULES)} == set()


def test_a_recurrence_keeps_its_batch_in_shards():
    model = nn.rnn("t", "x -> h").on("b t x")
    found = sharded(model, {"b": "data"}, {"data": "n"})
    assert rows(found) == [] and found.outputs[0].axes[0] == "data"
    assert found.flops == model.cost().exact["flops"].substitute({"b": as_size("b/n")})
    steps = sharded(model, {"t": "data"}, {"data": "n"})
    assert [row[0] for row in rows(steps)] == ["all-gather"]


# -- one device is the cost ----------------------------------------------------------------------
@pytest.mark.parametrize("name", MODELS)
def test_a_mesh_of_one_device_is_the_cost_itself(name):
    diagram, axes, _ = MODELS[name]
    found, cost = sharded(diagram, axes, dict.fromkeys(MESH, 1), "float32"), diagram.cost().exact
    assert found.collectives == [] and found.params == cost["params"]
    if name not in ("data", "vjp", "backward"):             # these hold results that nothing reads
        assert [found.flops, found.reads, found.writes] == [cost[n] for n in ("flops", "reads", "writes")]


# -- against XLA's partitioner ---------------------------------------------------------------------
@pytest.fixture(scope="module")
def partitioned() -> dict:
    ran = subprocess.run([sys.executable, "-m", "tests.unit.cost.meshes"], cwd=ROOT, capture_output=True,
                         text=True, check=True)
    return json.loads(ran.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", MODELS)
def test_xla_needs_the_same_collectives(name, partitioned):
    """A loop's body stands once in XLA's text, so that how often it runs is left out."""
    diagram, axes, outputs = MODELS[name]
    found: dict[str, int] = {}
    for item in sharded(diagram, axes, MESH, "float32", outputs).collectives:
        found[item.kind] = found.get(item.kind, 0) + item.bytes.evaluate(SIZES) // 4
    assert found == partitioned[name]


# -- the placements, run on shards -------------------------------------------------------------------
def reindexed(axes: str, array: str, *indices):
    return Reindex(Array(axes_of(array)), axes_of(axes), indices, 0.0).diagram


def inner(diagram, kind: type):
    """The diagram of the one operation of a kind, however deep it stands."""
    waiting = [diagram]
    while waiting:
        for op in waiting.pop().graph.ops:
            if isinstance(op, kind):
                return op.diagram
            waiting += [] if op.expansion is None else [op.expansion]
    raise AssertionError(f"no {kind.__name__}")


OPERATIONS = {
    "product": einsum("a=4 b=4, b=4 c=2 -> a c"), "elementwise product": einsum("a=4 b=2, b=2 -> b a"),
    "max_plus": einsum("a=4 b=4, b=4 c=2 -> a c", "max_plus"), "diagonal": einsum("a=4 a=4 -> a"),
    "sum of one": einsum("a=4 b=2 -> b"), "on a diagonal": cospan("a=4 b=2 -> a a b"),
    "map": make.elementwise("add").on("a=4 b=2, b=2"), "sum": make.reduce("sum", "a").on("a=4 b=2"),
    "max": make.reduce("max", "a").on("a=4 b=2"), "merge": rearrange("a=4 b=2 c=2 -> (a b) c"),
    "split": rearrange("(a=4 b=2) c=2 -> a b c"), "transpose": make.transpose("b a").on("a=4 b=2"),
    "repeat": make.repeat_axis("r=2").on("a=4"), "window": make.window("a", "j=3", padding=1).on("a=4 b=2"),
    "flip": make.flip("a").on("a=4 b=2"), "concat": make.concat("a").on("a=4 b=2, a=2 b=2"),
    "topk": make.topk("a -> k=2").on("a=4 b=2"), "solve": make.solve("a b").on("c=2 a=2 b=2, c=2 a=2 d=2"),
    "segment": make.segment("sum", "e -> n=3").on("e=4 f=2, e=4 : index(3)"),
    "largest segment": make.segment("max", "e -> n=3").on("e=4 f=2, e=4 : index(3)"),
    "reindexed diagonal": reindexed("i=4", "a=4 b=4", affine(0, {"i": 1}), affine(0, {"i": 1})),
    "part of a diagonal": reindexed("i=4", "a=4 b=6", affine(0, {"i": 1}), affine(2, {"i": 1})),
    "slice": reindexed("i=4 c=2", "a=6 c=2", affine(0, {"i": 1}), affine(0, {"c": 1})),
    "shift beside an axis": reindexed("i=4 c=2", "a=4 c=2", affine(1, {"i": 1}), affine(0, {"c": 1})),
    "eigh": make.eigh("a b").on("c=2 a=2 b=2"), "stop": make.stop().on("a=4"),
    "star": inner(nn.convolution("x", "c -> e=4", kernel=3, padding=1, bias=False).on("b=2 x=6 c=4"), Star),
    "grouped star": inner(nn.convolution("x", "c -> e=4", 3, groups=2, bias=False).on("b=2 x=6 c=4"), Star),
    "overlap": inner(make.window("x", "j=3", stride=2).on("b=4 x=7").reverse().backward, Overlap)}
FOLDS = {"sum": np.add.reduce, "max": np.maximum.reduce}


def values(op, seed: int) -> list:
    rng = np.random.default_rng(seed)
    made = []
    for array in op.dom:
        shape = [axis.size.constant for axis in array.axes]
        made.append(rng.normal(size=shape) if array.dtype == "float" else rng.integers(0, 3, shape))
    if op.name.startswith("eigh"):
        made[0] = made[0] + np.swapaxes(made[0], -1, -2)
    return made


@pytest.mark.parametrize("name", OPERATIONS)
def test_shards_make_the_whole(name):
    """Cut over each letter in two, run on both halves, and put together as the placement says."""
    op = OPERATIONS[name].op
    rule, given = placement(op), values(op, 7)
    whole = reference.run(op.diagram, *given)
    whole = whole if isinstance(whole, tuple) else (whole,)
    letters = {letter for letters in rule.inputs for letter in letters if letter is not None}
    for letter in letters:
        def cut(arrays, names, letter=letter):
            return tuple(array.with_axes(
                ncd.Axis(axis.label, axis.size / 2) if name == letter else axis
                for axis, name in zip(array.axes, found)) for array, found in zip(arrays, names))
        made = []
        for half in (0, 1):
            local = rule.local(cut(op.dom, rule.inputs), cut(op.cod, rule.outputs))
            parts = []
            for value, names in zip(given, rule.inputs):
                for place, found in enumerate(names):
                    if found == letter:
                        value = np.split(value, 2, place)[half]
                parts.append(value)
            result = reference.run(local.diagram, *parts)
            made.append(result if isinstance(result, tuple) else (result,))
        for n, names in enumerate(rule.outputs):
            pair = [part[n] for part in made]
            together = FOLDS[rule.folded[letter]](pair) if letter in rule.folded \
                else np.concatenate(pair, names.index(letter))
            assert np.allclose(together, whole[n]), (name, letter)


def test_the_operations_that_are_run_are_of_every_kind():
    kinds = {type(diagram.op) for diagram in OPERATIONS.values()}
    tested_apart = {"Gather", "Random"}                     # what lies beyond a shard; a key
    assert {cls.__name__ for cls in RULES} - {cls.__name__ for cls in kinds} == tested_apart
    sources = {"Iota", "Constant", "Parameter", "Key", "Scan"}
    assert {cls.__name__ for cls in BASIS} - {cls.__name__ for cls in RULES} == sources


def test_a_table_in_shards_by_hand():
    """Each device reads its rows, zero elsewhere; the sum is the gather."""
    rng = np.random.default_rng(0)
    table, index = rng.normal(size=(6, 2)), rng.integers(0, 6, 5)
    halves = [np.where(((index >= s) & (index < s + 3))[:, None], table[np.clip(index, s, s + 2)], 0)
              for s in (0, 3)]
    assert np.allclose(sum(halves), table[index])
    rule = placement(make.gather("n").on("n f, e : index(n)").op)
    assert rule.folded == {("table",): "sum"} and rule.inputs[0][0] == ("table",)


# -- machines and refusals -----------------------------------------------------------------------
TOY = Machine("toy", {"bfloat16": 100}, (Level("device", 1000, 10),), Link(5, 2))


def test_time_on_a_machine():
    found = sharded(MLP, {"f": "model"}, {"model": 4})
    sizes = {"b": 2, "x": 3, "m": 8, "f": 16}
    talk = 2 * 3 * 2 + 2 * (2 * 2 * 3 * 8) * 3 / 4 / 5
    work = max(found.flops.evaluate(sizes) / 100, (found.reads + found.writes).evaluate(sizes) / 10)
    assert found.communication(TOY).evaluate(sizes) == pytest.approx(talk)
    assert found.time(TOY).evaluate(sizes) == pytest.approx(talk + work)
    assert found.time(TOY, overlap=True).evaluate(sizes) == pytest.approx(max(talk, work))
    assert found.communication(TOY, {"model": Link(10)}).evaluate(sizes) == pytest.approx(
        2 * (2 * 2 * 3 * 8) * 3 / 4 / 10)
    assert found.evaluate(**sizes)["sent"] == 2 * 96 * 3 / 4
    with pytest.raises(NcdError, match="no link is stated"):
        found.time("tpu_v4")


def test_refusals():
    with pytest.raises(NcdError, match=r"\['f'\] does not say over what"):
        sharded(MLP, ["f"], TENSOR)
    with pytest.raises(NcdError, match="nothing to shard has the axis 'z'"):
        sharded(MLP, {"z": "model"}, TENSOR)
    with pytest.raises(NcdError, match="no axis 'pipe'"):
        sharded(MLP, {"f": "pipe"}, TENSOR)
    with pytest.raises(NcdError, match="cut twice over the mesh axis model"):
        sharded(MLP, {"f": "model", "m": "model"}, TENSOR)
    with pytest.raises(SizeError, match="8 devices of model do not divide h = 12"):
        sharded(nn.self_attention("x m", heads=12, width=8), {"h": "model"}, {"model": 8})
    with pytest.raises(NcdError, match=r"steps of `repeat.*` are not cut"):
        sharded(nn.residual(nn.linear("m -> m")).repeat("N", axis="layer"), {"layer": "model"}, TENSOR)
    with pytest.raises(NcdError, match="no dtype"):
        sharded(MLP, {}, TENSOR, "half")


def test_texts():
    text = str(sharded(MLP, {"f": "model"}, TENSOR))
    assert text.startswith("all-reduce over model of `b x m`: 2*b*m*x bytes (feed_forward/down")
    assert str(sharded(MLP, {}, TENSOR)) == "no collectives"
    assert str(Collective("all-gather", "data", Size(2), Size(8), Size(3))) \
        == "3 times all-gather over data: 8 bytes"
    assert repr(Mesh({"data": 2})) == "Mesh({'data': '2'})"
