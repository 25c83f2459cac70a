"""Convolution equals the contraction with ★, plain loops, and other libraries' convolutions."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from ncd.construct.notation import einsum
from ncd.core.category import Ty
from ncd.core.text import listing
from ncd.errors import AmbiguityError, AxisError, NotationError, SizeError
from ncd.file.serial import from_json, to_json
from ncd.interpret.jax import compile_diagram
from ncd.interpret.reference import run
from ncd.nn.convolution import Convolution, convolution, depthwise_separable, star

OPTIONS = [(1, 1, 1, 0), (3, 1, 1, 0), (3, 1, 1, 1), (3, 2, 1, 1), (2, 2, 1, 0), (3, 1, 2, 2), (3, 2, 2, 1),
           (4, 3, 1, 2), (2, 3, 3, (0, 2)), (3, 2, 1, (2, 0))]


def by_loops(v, weight, bias, strides, dilations, paddings, groups=1):
    """A convolution of channels-last v (…, c) by loops over every index, the weight (g, c', e', …)."""
    spatial, c = v.shape[:-1], v.shape[-1]
    _, c_in, e_in = weight.shape[:3]
    kernel = weight.shape[3:]
    out = [(x + p[0] + p[1] - d * (k - 1) - 1) // s + 1
           for x, k, s, d, p in zip(spatial, kernel, strides, dilations, paddings)]
    y = np.zeros((*out, groups * e_in))
    assert c == groups * c_in
    for at in np.ndindex(*out):
        for j in np.ndindex(*kernel):
            place = [s * i + d * t - p[0] for s, i, d, t, p in zip(strides, at, dilations, j, paddings)]
            if any(not 0 <= q < n for q, n in zip(place, spatial)):
                continue
            for g, a, b in itertools.product(range(groups), range(c_in), range(e_in)):
                y[(*at, g * e_in + b)] += v[(*place, g * c_in + a)] * weight[(g, a, b, *j)]
    return y + bias


def transposed_by_loops(v, weight, bias, strides, dilations, paddings, extra, groups=1):
    """The transpose: each entry of v adds its multiple of the kernel to the places that it was read from."""
    spatial = v.shape[:-1]
    _, c_in, e_in = weight.shape[:3]
    kernel = weight.shape[3:]
    out = [s * (x - 1) + d * (k - 1) + 1 - p[0] - p[1] + o
           for x, k, s, d, p, o in zip(spatial, kernel, strides, dilations, paddings, extra)]
    y = np.zeros((*out, groups * e_in))
    for i in np.ndindex(*spatial):
        for j in np.ndindex(*kernel):
            place = [s * a + d * t - p[0] for s, a, d, t, p in zip(strides, i, dilations, j, paddings)]
            if any(not 0 <= q < n for q, n in zip(place, out)):
                continue
            for g, a, b in itertools.product(range(groups), range(c_in), range(e_in)):
                y[(*place, g * e_in + b)] += v[(*i, g * c_in + a)] * weight[(g, a, b, *j)]
    return y + bias


def pair(p):
    return p if isinstance(p, tuple) else (p, p)


def drawn(rng, groups, c, e, kernel):
    """A weight with a group axis, the parameters that hold it, and a bias."""
    weight, bias = rng.normal(size=(groups, c // groups, e // groups, *kernel)), rng.normal(size=e)
    return weight, bias, {"convolution": {"weight": weight if groups > 1 else weight[0], "bias": bias}}


# -- types ---------------------------------------------------------------------------
@pytest.mark.parametrize("options, want", [
    ({}, "x c -> x=x-2 e"), ({"padding": 1}, "x c -> x e"), ({"kernel": 1}, "x c -> x e"),
    ({"padding": "same"}, "x c -> x e"), ({"padding": "same", "kernel": 4}, "x c -> x e"),
    ({"padding": "same", "stride": 2}, "x c -> x=(x+1)//2 e"),
    ({"padding": "same", "stride": 2, "kernel": 4, "dilation": 3}, "x c -> x=(x+1)//2 e"),
    ({"kernel": "k", "padding": "same"}, "x c -> x e"),
    ({"kernel": "k", "stride": "s"}, "x c -> x=(-k+x)//s+1 e"),
    ({"stride": 2, "padding": 1}, "x c -> x=(x+1)//2 e"),
    ({"kernel": 2, "stride": 2}, "x c -> x=x//2 e"),
    ({"kernel": 2, "stride": 2, "transpose": True}, "x c -> x=2*x e"),
    ({"stride": 2, "padding": "same", "transpose": True}, "x c -> x=2*x e"),
    ({"stride": 2, "padding": 1, "transpose": True}, "x c -> x=2*x-1 e"),
    ({"stride": 2, "padding": 1, "transpose": True, "output": "2*x"}, "x c -> x=2*x e"),
    ({"stride": "s", "kernel": "s", "transpose": True}, "x c -> x=s*x e"),
    ({"groups": 2}, "x c=2*c_group -> x=x-2 e=2*e_group"),
    ({"groups": "c", "padding": 1}, "x c -> x e=c*e_group"),
])
def test_type_in_symbols(options, want):
    assert str(convolution("x", "c -> e", **options)) == want


def test_any_number_of_axes():
    assert str(convolution("", "c -> e")) == "c -> e"
    assert str(convolution("x y z", "c -> e", padding=1)) == "x y z c -> x y z e"
    assert str(convolution("x y", "c -> k h", kernel=1)) == "x y c -> x y k h"
    assert str(convolution("x y", "-> e", kernel=1)) == "x y -> x y e"
    assert str(convolution("x y", "c d ->", kernel=1)) == "x y c d -> x y"


def test_options_by_axis():
    d = convolution("x y", "c -> e", kernel={"x": 3, "y": 5}, stride={"y": 2}, padding={"x": 1, "y": (2, 1)})
    assert str(d) == "x y c -> x y=y//2 e"
    (weight, *_) = [op for op in d.op.expansion.graph.ops if op.name == "parameter[weight]"]
    assert str(weight.cod[0]) == "c e x_k=3 y_k=5"
    assert weight.init.fan == ("c", "x_k", "y_k")


def test_lifted_axes_keep_their_place():
    d = convolution("x y", "c -> e=8", stride=2, padding=1)
    assert str(d.on("b c=3 x=32 y=28").cod) == "b e=8 x=16 y=14"
    assert str(d.on("y b x c").cod) == "y=(y+1)//2 b x=(x+1)//2 e=8"
    assert str(d.lift("b h").cod) == "b h x=(x+1)//2 y=(y+1)//2 e=8"
    for type_ in ("b c=3 x=32 y=28", "y b x c"):   # the definition agrees with the box
        made = d.on(type_)
        assert made.op.expansion.cod == made.cod


def test_kernel_axes_stay_apart_from_the_arrays():
    d = convolution("x", "c -> c=4", padding=1).on("x_k x c group=2")
    assert str(d.cod) == "x_k x c=4 group=2"
    names = listing(d.op.expansion.graph)
    assert "x_k'=3" in names and "c'=4" in names


def test_blocks_reuse_and_rename():
    d = convolution("x", "c -> e", name="stem").rename(x="t", e="f").bind(c=3)
    assert isinstance(d.op, Convolution) and d.op.tied and d.op.place == "stem"
    assert str(d) == "t=x c=3 -> t=x-2 f=e"      # sizes stay
    assert convolution("x", "c -> e", bias=False).op.linear == (0,)
    assert convolution("x", "c -> e").op.linear == ()


# -- values --------------------------------------------------------------------------
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("kernel, stride, dilation, padding", OPTIONS)
def test_one_axis_by_loops(kernel, stride, dilation, padding, groups):
    rng = np.random.default_rng(1)
    v = rng.normal(size=(11, 4))
    weight, bias, params = drawn(rng, groups, 4, 6, (kernel,))
    d = convolution("x", "c -> e=6", kernel, stride, dilation, padding, groups).on("x c=4")
    want = by_loops(v, weight, bias, [stride], [dilation], [pair(padding)], groups)
    np.testing.assert_allclose(run(d, v, params=params), want, atol=1e-12)


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("kernel, stride, dilation, padding", OPTIONS)
def test_transposed_by_loops(kernel, stride, dilation, padding, groups):
    rng = np.random.default_rng(2)
    v = rng.normal(size=(7, 4))
    weight, bias, params = drawn(rng, groups, 4, 6, (kernel,))
    p = pair(padding)
    for extra in range(stride):
        size = stride * 6 + dilation * (kernel - 1) + 1 - sum(p) + extra
        d = convolution("x", "c -> e=6", kernel, stride, dilation, padding, groups, transpose=True,
                        output=size).on("x=7 c=4")
        want = transposed_by_loops(v, weight, bias, [stride], [dilation], [p], [extra], groups)
        assert want.shape[0] == size
        np.testing.assert_allclose(run(d, v, params=params), want, atol=1e-12)


def test_two_axes_with_their_own_options_by_loops():
    rng = np.random.default_rng(3)
    v = rng.normal(size=(7, 9, 2))
    weight, bias, params = drawn(rng, 1, 2, 3, (3, 2))
    options = {"kernel": {"x": 3, "y": 2}, "stride": {"x": 1, "y": 2}, "dilation": {"x": 2, "y": 3},
                   "padding": {"x": (1, 2), "y": 1}}
    found = run(convolution("x y", "c -> e", **options), v, params=params)
    want = by_loops(v, weight, bias, [1, 2], [2, 3], [(1, 2), (1, 1)])
    np.testing.assert_allclose(found, want, atol=1e-12)
    found = run(convolution("x y", "c -> e", transpose=True, **options), v, params=params)
    want = transposed_by_loops(v, weight, bias, [1, 2], [2, 3], [(1, 2), (1, 1)], [0, 0])
    np.testing.assert_allclose(found, want, atol=1e-12)


def test_lifted_and_permuted_values():
    rng = np.random.default_rng(4)
    v = rng.normal(size=(2, 3, 6, 5))
    weight, bias, params = drawn(rng, 1, 3, 4, (3, 3))
    found = run(convolution("x y", "c -> e", padding=1).on("b c x y"), v, params=params)
    for b in range(2):
        want = by_loops(v[b].transpose(1, 2, 0), weight, bias, [1, 1], [1, 1], [(1, 1)] * 2)
        np.testing.assert_allclose(found[b], want.transpose(2, 0, 1), atol=1e-12)


def test_several_channel_axes_are_one_matrix():
    rng = np.random.default_rng(5)
    v, weight, bias = rng.normal(size=(6, 2, 3)), rng.normal(size=(2, 3, 4, 5, 3)), rng.normal(size=(4, 5))
    found = run(convolution("x", "c d -> k h"), v, params={"convolution": {"weight": weight, "bias": bias}})
    want = by_loops(v.reshape(6, 6), weight.reshape(1, 6, 20, 3), bias.ravel(), [1], [1], [(0, 0)])
    np.testing.assert_allclose(found.reshape(4, 20), want, atol=1e-12)


def test_one_channel_label_for_both_sides():
    rng = np.random.default_rng(6)
    v = rng.normal(size=(5, 2))
    weight, bias, params = drawn(rng, 1, 2, 3, (3,))
    found = run(convolution("x", "c=2 -> c=3"), v, params=params)
    np.testing.assert_allclose(found, by_loops(v, weight, bias, [1], [1], [(0, 0)]), atol=1e-12)


def test_symbolic_options_take_the_sizes_that_they_are_given():
    rng = np.random.default_rng(7)
    v = rng.normal(size=(9, 2))
    weight, bias, params = drawn(rng, 1, 2, 3, (4,))
    d = convolution("x", "c -> e", kernel="k", stride="s", dilation="d", padding="p")
    found = run(d, v, params=params, s=2, d=2, p=1)
    np.testing.assert_allclose(found, by_loops(v, weight, bias, [2], [2], [(1, 1)]), atol=1e-12)


def test_depthwise_separable_by_loops():
    rng = np.random.default_rng(8)
    v, weight, first = rng.normal(size=(6, 3)), rng.normal(size=(3, 1, 1, 3)), rng.normal(size=3)
    point, second = rng.normal(size=(3, 4)), rng.normal(size=4)
    d = depthwise_separable("x", "c -> e", padding="same")
    params = {"depthwise_separable": {"depthwise": {"weight": weight, "bias": first},
                                      "pointwise": {"weight": point, "bias": second}}}
    deep = by_loops(v, weight, first, [1], [1], [(1, 1)], groups=3)
    np.testing.assert_allclose(run(d, v, params=params), deep @ point + second, atol=1e-12)


# -- the tensor ★ --------------------------------------------------------------------
@pytest.mark.parametrize("kernel, stride, dilation, padding", OPTIONS)
def test_star_is_one_where_its_equation_holds(kernel, stride, dilation, padding):
    found = run(star("i", f"j={kernel}", "l=11", stride, dilation, padding))
    before, after = pair(padding)
    count = (11 + before + after - dilation * (kernel - 1) - 1) // stride + 1
    assert found.shape == (count, kernel, 11)
    for (i, j, l), value in np.ndenumerate(found):
        assert value == (l == stride * i + dilation * j - before)


@pytest.mark.parametrize("kernel, stride, dilation, padding", OPTIONS)
def test_contraction_with_star_is_the_convolution_and_its_transpose(kernel, stride, dilation, padding):
    rng = np.random.default_rng(9)
    tensor = star("i", f"j={kernel}", "l=11", stride, dilation, padding)
    count = tensor.cod.inside[0].size("i").constant
    weight, bias, params = drawn(rng, 1, 2, 3, (kernel,))
    v, u = rng.normal(size=(11, 2)), rng.normal(size=(count, 2))
    options = (kernel, stride, dilation, padding)
    forward = tensor @ Ty(f"l=11 c, c e j={kernel}") >> einsum("i j l, l c, c e j -> i e")
    found = run(convolution("x", "c -> e", *options), v, params=params)
    want = run(forward, v, weight[0])
    np.testing.assert_allclose(found, want + bias, atol=1e-12)
    back = tensor @ Ty(f"i={count} c, c e j={kernel}") >> einsum("i j l, i c, c e j -> l e")
    found = run(convolution("x", "c -> e", *options, transpose=True, output=11).on(f"x={count} c"),
                u, params=params)
    np.testing.assert_allclose(found, run(back, u, weight[0]) + bias, atol=1e-12)


def test_star_of_one_tap_is_the_identity():
    np.testing.assert_array_equal(run(star("i", "j=1", "l=5"))[:, 0], np.eye(5))


def test_transposed_is_the_adjoint():
    rng = np.random.default_rng(10)
    weight = rng.normal(size=(2, 3, 3))
    v, u = rng.normal(size=(8, 2)), rng.normal(size=(4, 3))
    options = {"kernel": 3, "stride": 2, "padding": 1, "bias": False}
    forward = run(convolution("x", "c -> e", **options), v, params={"convolution": {"weight": weight}})
    back = run(convolution("x", "e -> c", transpose=True, output="2*x", **options), u,
               params={"convolution": {"weight": weight.transpose(1, 0, 2)}})
    assert np.sum(forward * u) == pytest.approx(np.sum(v * back), abs=1e-12)


# -- other interpretations -----------------------------------------------------------
@pytest.mark.parametrize("d", [
    convolution("x y", "c=2 -> e=3", stride=2, padding="same").on("b c=2 x=5 y=6"),
    convolution("x", "c=4 -> e=6", dilation=2, groups=2).on("b x=7 c=4"),
    convolution("x", "c=2 -> e=3", stride=2, padding=1, transpose=True, output="2*x").on("x=4 b c=2"),
    depthwise_separable("x", "c=3 -> e=2", bias=False).on("b x=6 c=3")])
def test_jax_and_json_keep_the_meaning(d):
    assert from_json(to_json(d)) == d
    v = np.random.default_rng(14).normal(size=[a.size.constant or 2 for a in d.dom.inside[0].axes])
    params = d.init(0)
    np.testing.assert_allclose(compile_diagram(d)(params, np.float32(v)), run(d, v, params=params),
                               rtol=1e-4, atol=1e-5)


# -- other libraries -----------------------------------------------------------------
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("kernel, stride, dilation, padding", OPTIONS)
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_equals_jax(axes, kernel, stride, dilation, padding, groups):
    lax = pytest.importorskip("jax", reason="JAX is not installed").lax
    rng = np.random.default_rng(11)
    names, n = "xyz"[:axes], 8
    v = rng.normal(size=(2, 4, *(n,) * axes)).astype(np.float32)
    weight, bias, params = drawn(rng, groups, 4, 6, (kernel,) * axes)
    spec = "NC" + names.upper(), "IO" + names.upper(), "NC" + names.upper()
    merged = weight.transpose(1, 0, 2, *range(3, 3 + axes)).reshape(4 // groups, 6, *(kernel,) * axes)
    d = convolution(" ".join(names), "c -> e=6", kernel, stride, dilation, padding, groups)
    found = run(d.on(f"b c=4 {' '.join(names)}"), v, params=params)
    want = lax.conv_general_dilated(v, merged.astype(np.float32), (stride,) * axes, [pair(padding)] * axes,
                                    rhs_dilation=(dilation,) * axes, dimension_numbers=spec,
                                    feature_group_count=groups)
    np.testing.assert_allclose(found, want + bias.reshape(-1, *(1,) * axes), rtol=1e-4, atol=1e-4)


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="the optional PyTorch oracle is not installed")


@pytest.mark.torch
@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("kernel, stride, dilation, padding", [o for o in OPTIONS if isinstance(o[3], int)])
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_equals_torch(torch, axes, kernel, stride, dilation, padding, groups):
    rng = np.random.default_rng(12)
    names, n = " ".join("xyz"[:axes]), 8
    weight, bias, params = drawn(rng, groups, 4, 8, (kernel,) * axes)
    v = rng.normal(size=(2, 4, *(n,) * axes))
    function = getattr(torch.nn.functional, f"conv{axes}d")
    theirs = weight.swapaxes(1, 2).reshape(8, 4 // groups, *(kernel,) * axes)
    want = function(*map(torch.tensor, (v, theirs, bias)), stride, padding, dilation, groups)
    d = convolution(names, "c -> e=8", kernel, stride, dilation, padding, groups)
    np.testing.assert_allclose(run(d.on(f"b c=4 {names}"), v, params=params), want.numpy(), atol=1e-10)


@pytest.mark.torch
@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("kernel, stride, dilation, padding", [o for o in OPTIONS if isinstance(o[3], int)])
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_transposed_equals_torch(torch, axes, kernel, stride, dilation, padding, groups):
    rng = np.random.default_rng(13)
    names, n = " ".join("xyz"[:axes]), 4
    weight, bias, params = drawn(rng, groups, 4, 8, (kernel,) * axes)
    v = rng.normal(size=(2, 4, *(n,) * axes))
    function = getattr(torch.nn.functional, f"conv_transpose{axes}d")
    theirs = weight.reshape(4, 8 // groups, *(kernel,) * axes)
    for extra in range(stride):
        size = stride * (n - 1) + dilation * (kernel - 1) + 1 - 2 * padding + extra
        want = function(*map(torch.tensor, (v, theirs, bias)), stride, padding, extra, groups, dilation)
        d = convolution(names, "c -> e=8", kernel, stride, dilation, padding, groups, transpose=True,
                        output=size).on(f"b c=4 {' '.join(f'{x}={n}' for x in names.split())}")
        np.testing.assert_allclose(run(d, v, params=params), want.numpy(), atol=1e-10)


# -- errors --------------------------------------------------------------------------
@pytest.mark.parametrize("make, error, words", [
    (lambda: convolution("x=2", "c -> e"), SizeError, "larger than the padded axis x"),
    (lambda: convolution("x", "c -> e").on("x=2 c"), SizeError, "larger than the padded axis x"),
    (lambda: convolution("x", "c -> e", dilation=4).bind(x=8), SizeError, "at least 9"),
    (lambda: convolution("x", "c=4 -> e=5", groups=2), SizeError, "2 groups do not divide the axis e"),
    (lambda: convolution("x", "c=3 -> e", groups=2), SizeError, "2 groups do not divide the axis c"),
    (lambda: convolution("x", "c -> e", groups=2).on("x c=3"), SizeError, r"2\*c_group is wanted"),
    (lambda: convolution("x", "c d -> e", groups=2), AxisError, "one input axis and one output axis"),
    (lambda: convolution("x", "c -> e", stride={"z": 2}), AxisError, "names an axis that is not there: z"),
    (lambda: convolution("x y", "c -> e", kernel={"x": 2}), AxisError, "`kernel` has no value for y"),
    (lambda: convolution("x", "c -> e").on("y c"), AxisError, "no axis x"),
    (lambda: convolution("x", "c -> e", stride=0), SizeError, "the stride of x is 0"),
    (lambda: convolution("x", "c -> e", kernel=0), SizeError, "the kernel of x is 0"),
    (lambda: convolution("x", "c -> e", dilation="k/2"), SizeError, "the dilation of x is"),
    (lambda: convolution("x", "c -> e", padding=-1), SizeError, "the padding of x is -1"),
    (lambda: convolution("x", "c -> e", padding=(1, 2, 3)), SizeError, "3 values"),
    (lambda: convolution("x", "c -> e", output=4), SizeError, "not free"),
    (lambda: convolution("x=4", "c -> e", stride=2, transpose=True, output=11), SizeError, "from 9 to 10"),
    (lambda: convolution("x", "c -> e", stride=2, transpose=True, output="2*x"), SizeError, "stride 2"),
    (lambda: convolution("x", "c e"), NotationError, "c -> e"),
    (lambda: convolution("x", "c -> x"), AxisError, "stands twice"),
    (lambda: convolution("x", "x -> e"), AxisError, "stands twice"),
    (lambda: convolution("x", "c -> e").on("x c e"), AmbiguityError, "captured"),
    (lambda: depthwise_separable("x", "c d -> e"), AxisError, "one channel axis"),
])
def test_errors_say_what_is_wrong(make, error, words):
    with pytest.raises(error, match=words):
        make()
