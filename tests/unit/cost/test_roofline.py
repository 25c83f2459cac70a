"""Rooflines: formulas by hand, the published Hopper figures, boundaries held to evaluation."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

import ncd
from ncd import nn
from ncd.algebra.convert import Size, as_size
from ncd.construct.notation import einsum
from ncd.errors import NcdError, SizeError
from ncd.interpret.cost import measure
from ncd.ops.multilinear import Einsum
from ncd.plan import Level, Machine, mixed, roofline
from ncd.plan.machine.roofline import TRAFFIC

MATMUL = einsum("b m, m n -> b n")
TOY = Machine("toy", {"float32": 100, "bfloat16": 200}, (Level("device", 1000, 10),))
oo = math.inf


# -- by hand -------------------------------------------------------------------------------
def test_a_matmul_by_hand():
    found = roofline(MATMUL, TOY, "float32")
    assert found.flops == as_size("2*b*m*n")
    assert found.bytes == as_size("4*(b*m + m*n + b*n)")
    assert found.compute == as_size("2*b*m*n/100") and found.memory == as_size("4*(b*m + m*n + b*n)/10")
    assert found.time == as_size("max(2*b*m*n/100, 4*(b*m + m*n + b*n)/10)") == found.time_by_operation
    assert found.ridge == 10
    assert found.intensity.evaluate({"b": 2, "m": 3, "n": 5}) == pytest.approx(60 / (4 * (6 + 15 + 10)))
    assert found.time.sympy.subs(dict.fromkeys(found.time.sympy.free_symbols, 7)) == sympy.Rational(294, 5)


def test_bytes_follow_the_dtype():
    wide, narrow = roofline(MATMUL, TOY, "float32"), roofline(MATMUL, TOY, "bfloat16")
    assert wide.bytes == 2 * narrow.bytes and wide.compute == 2 * narrow.compute
    assert narrow.bytes == measure(MATMUL).exact["reads"] / 2 + measure(MATMUL).exact["writes"] / 2


def test_indices_keep_their_width():
    gather = ncd.gather("n").on("n f, e : index(n)")
    assert roofline(gather, TOY).bytes == as_size("2*e*f*2 + 4*e")


def test_the_sum_of_maxima_is_at_least_the_maximum_of_sums():
    chain = einsum("b m, m n -> b n") >> nn.relu
    found = roofline(chain, TOY, "float32")
    assert found.time_by_operation == found.shares[0].time + found.shares[1].time
    for b, m, n in ((1, 1, 1), (64, 64, 64), (1000, 3, 500)):
        numbers = found.evaluate(b=b, m=m, n=n)
        assert numbers["time_by_operation"] >= numbers["time"] >= max(numbers["compute"], numbers["memory"])
    assert found.evaluate(b=64, m=64, n=64)["time_by_operation"] > found.evaluate(b=64, m=64, n=64)["time"]


def test_launching_is_counted_once_for_each_operation():
    chain = (nn.tanh.on("x") >> nn.relu).repeat("N")
    plain, slow = roofline(chain, TOY, "float32"), roofline(chain, replace(TOY, launch=3), "float32")
    assert slow.time_by_operation - plain.time_by_operation == as_size("6*N")


def test_scans_and_blocks_count_as_often_as_they_run():
    layer = nn.residual(nn.linear("m -> m"))
    deep, one = roofline(layer.repeat("N"), TOY), roofline(layer, TOY)
    assert deep.flops == one.flops * as_size("N") == layer.repeat("N").cost().exact["flops"]
    assert deep.bytes == one.bytes * as_size("N") and deep.compute == one.compute * as_size("N")
    assert deep.memory == one.memory * as_size("N")
    assert deep.time_by_operation.evaluate({"N": 3, "m": 9}) == pytest.approx(
        3 * one.time_by_operation.evaluate({"m": 9}))


MODELS = {"block": nn.transformer_block("x m", "f"), "deep": nn.transformer_block("x m", "f").repeat("N"),
          "backward": nn.feed_forward("m", "f").on("x m").reverse().composite, "pool": nn.max_pool(
              "x", kernel=3, stride=2), "lifted": nn.attention().lift("b h")}


@pytest.mark.parametrize("name", MODELS)
def test_the_sums_are_those_of_the_cost(name):
    found, cost = roofline(MODELS[name], TOY, "float32"), MODELS[name].cost()
    assert found.flops == cost.exact["flops"]
    assert found.bytes == cost.exact["reads"] + cost.exact["writes"]


def test_fused_traffic_is_inputs_parameters_and_outputs():
    layer = nn.feed_forward("m", "f").on("b m")
    found = roofline(layer, TOY, "float32", "once")
    assert found.bytes == 4 * (as_size("2*b*m") + layer.cost().exact["params"])
    assert found.flops == layer.cost().exact["flops"]
    assert roofline(layer, TOY, "float32").bytes.evaluate({"b": 9, "m": 8, "f": 4}) \
        > found.bytes.evaluate({"b": 9, "m": 8, "f": 4})


def test_fused_traffic_leaves_out_what_nothing_reads():
    second = ncd.diagram("x, y -> y")(lambda x, y: nn.relu(y))
    assert roofline(second, TOY, "float32", "once").bytes == as_size("8*y")


# -- the Hopper figures ---------------------------------------------------------------------
def test_the_ridge_point_of_hopper():
    assert roofline(MATMUL, "h100", "float16").ridge == Fraction(989, 1) / Fraction("3.35")
    assert float(roofline(MATMUL, "h100", "float16").ridge.constant) == pytest.approx(295.2, abs=0.05)


def test_attention_wants_295_queries():
    """Fused attention of y queries to endless keys of endless width, from the diagram itself."""
    found = roofline(nn.attention(), "h100", "float16", "once").boundary("y", v="k", x=oo, k=oo)
    assert found == [sympy.Rational(98900, 335)]


def test_attention_in_groups_of_queries_wants_295():
    """The same from the traffic of groups of g queries, 2qd + 2xdq/g values of two bytes."""
    tiled = roofline(nn.attention(), "h100", "float16", "2*(2*y*k + 2*x*k*y/g)")
    assert tiled.boundary("g", v="k", x=oo, k=oo, y=4096) == [sympy.Rational(98900, 335)]
    (finite,) = tiled.boundary("g", v="k", x=4096, k=128, y=4096)        # softmax's FLOPs help a little
    assert 290 < finite < 325
    assert tiled.bound(v=128, x=4096, k=128, y=4096, g=int(finite) + 1) == "compute"
    assert tiled.bound(v=128, x=4096, k=128, y=4096, g=int(finite)) == "memory"


def test_a_matmul_wants_295_rows():
    found = roofline(MATMUL, "h100", "float16")
    assert found.boundary("b", m=oo, n=oo) == [sympy.Rational(98900, 335)]
    below = Machine("shared memory", {"float16": 989e12}, (Level("shared", None, 12e12),))
    assert float(roofline(MATMUL, below, "float16").boundary("b", m=oo, n=oo)[0]) \
        == pytest.approx(82, abs=0.5)


def test_a_matmul_wants_681_kilobytes():
    """Square tiles of M values move 2abc/√M + ac values; solved for M, at two bytes a value."""
    tiled = roofline(einsum("a b, b c -> a c"), "h100", "float16", "2*(2*a*b*c*M**(-1/2) + a*c)")
    (found,) = tiled.boundary("M", a=oo, b=oo, c=oo)
    assert found == (2 * sympy.Rational(98900, 335)) ** 2
    assert float(2 * found / 1024) == pytest.approx(681, abs=0.5)


def test_mixed_precision_has_the_harmonic_mean():
    assert mixed({"float8": 1, "float16": 1}, "h100").evaluate({}) / 1e12 == pytest.approx(1319, abs=0.5)
    assert mixed({"float16": "n"}, "h100") == 989 * 10 ** 12
    assert mixed({"float8": "3*n", "float16": "n"}, "h100") == as_size(4) / (
        as_size(3) / (1979 * 10 ** 12) + as_size(1) / (989 * 10 ** 12))


def test_attention_with_scores_in_fp8_and_values_in_fp16():
    """The dtype of each operation; contractions only, so that both halves are equal work."""
    def dtype(op):
        return "float8" if isinstance(op, Einsum) and op.out.labels == ("y", "x") else "float16"
    found = roofline(nn.attention().cost("none"), "h100", dtype)
    contractions = [share for share in found.shares if share.name.startswith("einsum")]
    assert [share.dtype for share in contractions] == ["float8", "float16"]
    flops = sum((share.flops for share in contractions), Size(0))
    seconds = sum((share.compute for share in contractions), Size(0))
    rate = (flops / seconds).evaluate({"x": 512, "y": 512, "k": 64, "v": 64})
    assert rate == pytest.approx(mixed({"float8": 1, "float16": 1}, "h100").evaluate({}))
    assert contractions[0].bytes == as_size("x*k + y*k + x*y")
    assert contractions[1].bytes == as_size("2*(x*y + x*v + y*v)")
    low, high = (roofline(MATMUL, "h100", kind).ridge.constant for kind in ("float16", "float8"))
    assert low < found.ridge.evaluate({"x": 512, "y": 512, "k": 64, "v": 64}) < high


# -- boundaries ---------------------------------------------------------------------------
def test_a_boundary_in_symbols():
    (found,) = roofline(MATMUL, TOY, "float32").boundary("b")
    m, n = as_size("m").sympy, as_size("n").sympy
    assert sympy.simplify(found - 20 * m * n / (m * n - 20 * m - 20 * n)) == 0


def test_a_boundary_of_squares():
    found = roofline(einsum("x k, y k -> x y").bind(x="n", y="n"), TOY, "float32")
    (root,) = found.boundary("n", k=100)                    # 2 n² 100/100 = 4 (200 n + n²)/10
    assert root == 50
    (symbolic,) = found.boundary("k")
    n = ncd.size("n").sympy
    assert sympy.simplify(symbolic - 20 * n / (n - 40)) == 0


@given(st.integers(1, 400), st.integers(1, 400))
def test_at_a_boundary_both_take_equally_long(m, n):
    found = roofline(MATMUL, TOY, "float32")
    for root in found.boundary("b", m=m, n=n):
        numbers = {"b": Fraction(int(root.p), int(root.q)), "m": m, "n": n}
        assert found.compute.evaluate(numbers) == pytest.approx(found.memory.evaluate(numbers))
    for low, high, what in found.regions("b", m=m, n=n):
        inside = 2 * low if high == oo else (low + high) / 2
        assert found.bound(b=inside, m=m, n=n) == what


def test_regions_meet_and_cover():
    found = roofline(MATMUL, TOY, "float32")
    rows = found.regions("b", m=64, n=64)
    assert rows[0][0] == 1 and rows[-1][1] == oo and [row[2] for row in rows] == ["memory", "compute"]
    assert found.regions("b", m=4, n=4) == [(1.0, oo, "memory")]
    assert found.bound(b=1000, m=oo, n=1000) == "compute"


def test_a_boundary_through_a_floor_is_a_number():
    pool = nn.convolution("x", "c -> e", kernel=3, stride=2, padding=1)
    (found,) = roofline(pool, TOY, "float32").boundary("x", c=128, e=128)
    before, after = (roofline(pool, TOY, "float32").bound(x=math.floor(found) - 1, c=128, e=128),
                     roofline(pool, TOY, "float32").bound(x=math.ceil(found) + 1, c=128, e=128))
    assert isinstance(found, float) and before != after
    with pytest.raises(SizeError, match=r"give c=..., e=..."):
        roofline(pool, TOY, "float32").boundary("x")


def test_a_boundary_in_the_limit_of_a_floor():
    """Far out a floor is its quotient: an endless image wants as many channels as a large one."""
    strided = roofline(nn.convolution("x y", "c -> e", kernel=3, stride=2, padding=1), TOY, "float32")
    (limit,) = strided.boundary("e", x=oo, y=oo, c=1024)
    (far,) = strided.boundary("e", x=10 ** 9, y=10 ** 9, c=1024)
    assert limit == sympy.Rational(163840, 18313) and float(far) == pytest.approx(float(limit), rel=1e-6)
    assert [strided.bound(e=e, x=oo, y=oo, c=1024) for e in (8, 9)] == ["memory", "compute"]


def test_what_is_unknown_is_refused():
    with pytest.raises(NcdError, match="no machine"):
        roofline(MATMUL, "abacus")
    with pytest.raises(NcdError, match="no peak rate of 'float64'"):
        roofline(MATMUL, "h100", "float64")
    with pytest.raises(NcdError, match="'attention' is neither a cost nor a diagram"):
        roofline("attention", "h100")
    with pytest.raises(NcdError, match="no traffic 'half'"):
        roofline(MATMUL, "h100", traffic="half")
    with pytest.raises(NcdError, match="once traffic is of one dtype"):
        _ = roofline(MATMUL, "h100", lambda op: "float16", "once").bytes
    with pytest.raises(SizeError, match="no value for the size n"):
        roofline(MATMUL, "h100").bound(b=1, m=2)
    with pytest.raises(SizeError, match="no value for the size m, n"):
        roofline(MATMUL, "h100").regions("b")
    with pytest.raises(SizeError, match="neither compute nor memory depends on z"):
        roofline(MATMUL, "h100").boundary("z")
    with pytest.raises(SizeError, match="the size b is solved for and given"):
        roofline(MATMUL, "h100").boundary("b", b=1)
    with pytest.raises(NcdError, match="no rate of no work"):
        mixed({}, "h100")


def test_a_cost_has_a_roofline():
    assert MATMUL.cost().roofline(TOY, "float32").time == roofline(MATMUL, TOY, "float32").time


def test_the_text_has_units():
    assert str(roofline(MATMUL, TOY, "float32")).splitlines()[0].split() == ["flops", "FLOP", "2*b*m*n"]
    assert "on toy" in repr(roofline(MATMUL, TOY, "float32"))


@pytest.mark.parametrize("name", ["pre_norm_block", "gru", "unet"])
def test_traffic_falls_from_unfused_to_fused_to_once(name):
    model = ncd.zoo.ZOO[name]()
    cost = model.cost()
    found = {traffic: roofline(cost, "h100", "float32", traffic).bytes for traffic in TRAFFIC}
    assert found["fused"] == cost.exact["fused_reads"] + cost.exact["fused_writes"]
    sizes = {symbol: 16 * (2 + n) for n, symbol in enumerate(sorted(model.symbols))}
    unfused, fused, once = (found[traffic].evaluate(sizes) for traffic in TRAFFIC)
    assert unfused > fused >= once > 0
