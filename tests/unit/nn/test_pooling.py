"""Pooling equals plain loops, and other libraries' pooling."""

from __future__ import annotations

import numpy as np
import pytest

from ncd.errors import AxisError, SizeError
from ncd.file.serial import from_json, to_json
from ncd.interpret.jax import compile_diagram
from ncd.interpret.reference import run
from ncd.nn.pooling import Pool, global_mean_pool, max_pool, mean_pool, sum_pool

OPTIONS = [(2, 2, 0, 1), (3, 2, 1, 1), (2, 1, 0, 1), (3, 1, 1, 2), (3, 3, (0, 2), 1), (1, 1, 0, 1),
           (4, 2, 2, 1)]
POOLS = {"max": max_pool, "sum": sum_pool, "mean": mean_pool}


def by_loops(v, kind, kernel, stride, padding, dilation):
    before, after = padding if isinstance(padding, tuple) else (padding, padding)
    out = []
    for i in range((len(v) + before + after - dilation * (kernel - 1) - 1) // stride + 1):
        places = [stride * i + dilation * j - before for j in range(kernel)]
        entries = [v[q] for q in places if 0 <= q < len(v)]
        out.append(max(entries) if kind == "max" else sum(entries) / (kernel if kind == "mean" else 1))
    return np.array(out)


@pytest.mark.parametrize("pool, want", [
    (max_pool("x y"), "x y -> x=x//2 y=y//2"), (max_pool("x", 3, 1, 1), "x -> x"),
    (mean_pool("x", "k", 1, "same"), "x -> x"), (sum_pool("x", 3, 2, 1), "x -> x=(x+1)//2"),
    (max_pool("x y", {"x": 2, "y": 3}), "x y -> x=x//2 y=y//3"),
    (max_pool("x y", 2).on("b x=6 c y=7"), "b x=6 c y=7 -> b x=3 c y=3"),
    (mean_pool("x", 2).lift("h b"), "h b x -> h b x=x//2"),
    (global_mean_pool("x y"), "x y -> ()"), (global_mean_pool("x y").on("b x c y=2"), "b x c y=2 -> b c"),
])
def test_type(pool, want):
    assert str(pool) == want


def test_box_and_definition_agree():
    op = mean_pool("x y", 3, padding=1).on("y b x").op
    assert isinstance(op, Pool) and op.name == "mean_pool[x y]"
    assert op.expansion.cod.inside == op.cod
    assert mean_pool("x").op.linear == (0,) and max_pool("x").op.linear == ()


@pytest.mark.parametrize("kind", POOLS)
@pytest.mark.parametrize("kernel, stride, padding, dilation", OPTIONS)
def test_one_axis_by_loops(kind, kernel, stride, padding, dilation):
    v = np.random.default_rng(1).normal(size=11) - 3      # negative: padding with 0 would show
    found = run(POOLS[kind]("x", kernel, stride, padding, dilation), v)
    np.testing.assert_allclose(found, by_loops(v, kind, kernel, stride, padding, dilation), atol=1e-12)


@pytest.mark.parametrize("kind", POOLS)
def test_two_axes_are_one_after_the_other(kind):
    v = np.random.default_rng(2).normal(size=(2, 6, 3, 7))
    found = run(POOLS[kind]("x y", {"x": 2, "y": 3}, {"x": 1, "y": 2}, {"y": 1}).on("b x c y"), v)
    first = np.apply_along_axis(by_loops, 1, v, kind, 2, 1, 0, 1)
    want = np.apply_along_axis(by_loops, 3, first, kind, 3, 2, 1, 1)
    np.testing.assert_allclose(found, want, atol=1e-12)


def test_symbolic_kernel():
    v = np.random.default_rng(3).normal(size=12)
    np.testing.assert_allclose(run(max_pool("x", "k"), v, k=4), v.reshape(3, 4).max(1))


def test_global_mean():
    v = np.random.default_rng(4).normal(size=(2, 3, 4))
    np.testing.assert_allclose(run(global_mean_pool("x y").on("x c y"), v), v.mean((0, 2)), atol=1e-12)
    d = mean_pool("x", "x")       # the window that is the whole axis
    np.testing.assert_allclose(run(d, v[0, 0]), [v[0, 0].mean()], atol=1e-12)


@pytest.mark.parametrize("kind", POOLS)
def test_jax_and_json_keep_the_meaning(kind):
    d = POOLS[kind]("x y", 3, 2, 1).on("b x c y")
    assert from_json(to_json(d)) == d
    v = np.random.default_rng(7).normal(size=(2, 5, 3, 6)).astype(np.float32)
    np.testing.assert_allclose(compile_diagram(d)(v), run(d, v), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kernel, stride, padding", [(2, 2, 0), (3, 2, 1), (3, 1, 1), (4, 2, 2)])
def test_equals_jax(kernel, stride, padding):
    jax = pytest.importorskip("jax", reason="JAX is not installed")
    v = np.random.default_rng(5).normal(size=(9, 8)).astype(np.float32)
    window = ((kernel,) * 2, (stride,) * 2, ((padding, padding),) * 2)
    want = jax.lax.reduce_window(v, -np.inf, jax.lax.max, *window)
    np.testing.assert_allclose(run(max_pool("x y", kernel, stride, padding), v), want, rtol=1e-6)
    want = jax.lax.reduce_window(v, np.float32(0), jax.lax.add, *window) / kernel ** 2
    np.testing.assert_allclose(run(mean_pool("x y", kernel, stride, padding), v), want, rtol=1e-4, atol=1e-5)


@pytest.mark.torch
@pytest.mark.parametrize("kernel, stride, padding", [(2, 2, 0), (3, 2, 1), (3, 1, 1), (4, 2, 2)])
def test_equals_torch(kernel, stride, padding):
    torch = pytest.importorskip("torch", reason="the optional PyTorch oracle is not installed")
    v = np.random.default_rng(6).normal(size=(2, 3, 9, 8))
    for ours, theirs in ((max_pool, "max_pool2d"), (mean_pool, "avg_pool2d")):
        want = getattr(torch.nn.functional, theirs)(torch.tensor(v), kernel, stride, padding)
        found = run(ours("x y", kernel, stride, padding).on("b c x y"), v)
        np.testing.assert_allclose(found, want.numpy(), atol=1e-12)


@pytest.mark.parametrize("make, error, words", [
    (lambda: max_pool("x=2", 3), SizeError, "larger than the padded axis x"),
    (lambda: max_pool("x", 3).bind(x=2), SizeError, "larger than the padded axis x"),
    (lambda: max_pool("x", 2, padding=2), SizeError, "padding only"),
    (lambda: max_pool("x", 2, stride={"y": 1}), AxisError, "names an axis that is not there: y"),
    (lambda: max_pool("x", 0), SizeError, "the kernel of x is 0"),
    (lambda: max_pool("x").on("y"), AxisError, "no axis x"),
    (lambda: max_pool("x x"), AxisError, "stands twice"),
])
def test_errors_say_what_is_wrong(make, error, words):
    with pytest.raises(error, match=words):
        make()
