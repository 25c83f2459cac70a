"""What is known of backpropagation by hand, derived from the diagrams: each rule's reverse, each count.

Counts are multiplications: an einsum's is the product of its distinct axes, an entrywise
product's the number of entries.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

import ncd
from ncd import nn
from ncd.construct import generators
from ncd.construct.derived import one_hot
from ncd.core.category import Diagram, Ty
from ncd.interpret.reference import run
from ncd.ops import scalar
from ncd.ops.multilinear import Einsum
from ncd.ops.pointwise import Map
from tests.derivatives import distance

FREE = (scalar.ADD, scalar.SUBTRACT, scalar.NEGATE, scalar.WHERE)


def multiplications(diagram: Diagram):
    """The product of the distinct axes of each einsum, the entries of each other entrywise product."""
    total, waiting = 0, [diagram]
    while waiting:
        for op in waiting.pop().graph.ops:
            if isinstance(op, Einsum):
                total = total + math.prod(op.sizes.values(), start=ncd.size("x") ** 0)
            elif isinstance(op, Map) and op.function not in FREE:
                total = total + op.cod[0].elements
            elif op.expansion is not None:
                waiting.append(op.expansion)
    return total


def size(text):
    return ncd.algebra.convert.parse_size(text)


def is_same(found: Diagram, wanted: Diagram, **sizes) -> bool:
    """Equal types, and equal values at random inputs."""
    assert (found.dom, found.cod) == (wanted.dom, wanted.cod)
    from theory.random import values
    given = values(found.dom, sizes, 5)
    made = [run(d, *given, **sizes) for d in (found, wanted)]
    return distance(*(m if isinstance(m, tuple) else (m,) for m in made)) < 1e-12


def names(diagram: Diagram) -> list[str]:
    return [op.name for op in diagram.graph.ops]


def on_cotangent(diagram: Diagram) -> Diagram:
    """The backward part of a linear map: it reads the cotangent alone."""
    lens = diagram.reverse(0)
    assert all(residual.array.dtype != "float" for residual in lens.residuals)
    return lens.backward


# -- the rules -------------------------------------------------------------------------
def test_linear():
    F = ncd.einsum("m, m k -> k")
    assert F.reverse(0).composite == Diagram.wiring(Ty("m, m k, k"), [2, 1]) >> Einsum(
        Ty("k, m k").inside, ((0,), (1, 0)), Ty("m").inside[0], (1,)).diagram


def test_elementwise():
    lens = nn.sin.on("x").reverse()
    assert str(lens.forward) == "x -> x, x"
    assert is_same(lens.backward, ncd.diagram("x, x -> x")(lambda x, w: w * nn.cos(x)), x=4)
    assert multiplications(lens.backward) == size("x")


def test_outer_broadcast():
    f = nn.softmax("x")
    assert f.lift("c").reverse().composite == f.reverse().composite.lift("c")


def test_inner_broadcast_is_summed():
    f = ncd.einsum("a, b -> a b")
    shared = f.on("a, c b").reverse(0)
    assert multiplications(shared.backward) == size("a*b*c")
    assert is_same(shared.composite, ncd.diagram("a, c b, c a b -> a")(
        lambda a, b, w: ncd.einsum("c b, c a b -> a")(b, w)), a=2, b=3, c=4)
    added = ncd.elementwise("add").on("m, c m").reverse(0).backward
    assert names(added) == ["sum[c]"]


def test_copy_add_discard():
    x = Ty("x")
    assert names(Diagram.copy(x).reverse().composite) == ["add"]
    assert Diagram.discard(x).reverse().composite == Diagram.discard(x) >> ncd.constant(0.0, "x")
    add = ncd.elementwise("add").on("x, x")
    assert add.reverse().composite == Diagram.wiring(Ty("x, x, x"), [2, 2])


def test_transpose_and_view():
    turned = generators.transpose("k x").on("x k")
    assert on_cotangent(turned) == generators.transpose("x k").on("k x")
    merged = ncd.rearrange("x k -> p=(x k)")
    assert names(on_cotangent(merged)) == ["view[p -> x k]"]
    for f in (turned, merged):
        assert is_same(f >> on_cotangent(f), Diagram.id(f.dom), x=2, k=3)


def test_index_comes_back_as_one_hot():
    f = generators.index(x=2).on("x k")
    back = on_cotangent(f)
    spread = ncd.diagram("k -> x k")(lambda w: ncd.einsum("x, k -> x k")(
        one_hot("x").on("() : index(x)")(ncd.constant(2, "() : index(x)")()), w))
    assert is_same(back, spread, x=5, k=3)


def test_a_diagonal_is_put_on_the_diagonal():
    f = Einsum(Ty("x y=x").inside, ((0, 0),), Ty("x").inside[0], (0,)).diagram
    back = on_cotangent(f)
    (op,) = back.graph.ops
    assert op.out_letters == (0, 0) and not op.arrays[0].labels[1:]
    assert np.array_equal(run(back, np.array([1.0, 2.0])), np.diag([1.0, 2.0]))


def test_multilinear():
    f = ncd.einsum("y k, x k -> y x")
    lens = f.reverse()
    assert is_same(lens.composite, ncd.diagram("y k, x k, y x -> y k, x k")(lambda q, k, w: (
        ncd.einsum("y x, x k -> y k")(w, k), ncd.einsum("y x, y k -> x k")(w, q))), x=2, y=3, k=4)
    assert multiplications(lens.backward) == 2 * size("x*y*k")
    assert names(lens.backward) == ["einsum[y k, y x -> x k]", "einsum[y x, x k -> y k]"]


def test_softmax():
    lens = nn.softmax("x").reverse()
    wanted = ncd.diagram("x, x -> x")(lambda s, w: s * (w - ncd.reduce("sum", "x")(s * w)))
    assert is_same(lens.backward, wanted, x=6)
    assert is_same(nn.softmax("x").reverse(faster=False).composite, lens.composite, x=6)
    assert [str(item) for item in lens.residuals] == ["softmax[x] : x"]


def test_convolution():
    """To x: ★ᵀ with W. To W: ★ contracted with x and w."""
    layer = nn.convolution("x", "c -> e", kernel=3, stride=2, padding=1, bias=False)
    lens = layer.reverse()
    assert names(lens.backward)[-2:] == ["★[x c, x e -> c e x_k]", "★[x e, c e x_k -> x c]"]
    # Against the tensor itself.
    star = nn.star("i", "j=3", "x", stride=2, padding=1)
    i = star.cod.inside[0].axes[0]
    dense = ncd.diagram(f"x c, c e j=3, {i} e -> x c, c e j=3")(lambda v, W, w: (
        ncd.einsum("i j x, i e, c e j -> x c")(star(), w, W),
        ncd.einsum("i j x, x c, i e -> c e j")(star(), v, w)))
    random = np.random.default_rng(0)
    v, W, w = (random.normal(size=s) for s in ((7, 2), (2, 4, 3), (4, 4)))
    got = run(lens.composite, v, w, params={"convolution": {"weight": W}})
    assert distance(got, run(dense, v, W, w)) < 1e-12


def test_mean_and_max():
    assert is_same(nn.mean("x").reverse(faster=False).composite, ncd.diagram("x, () -> x")(
        lambda x, w: generators.repeat_axis("x")(w / ncd.size("x"))), x=4)
    lens = ncd.reduce("max", "x").reverse()
    x = np.array([1.0, 5.0, 2.0])
    assert np.array_equal(run(lens.composite, x, 3.0), [0, 3, 0])


def test_gather_and_segment():
    f = ncd.gather("n").on("n f, e : index(n)")
    assert names(f.reverse().backward) == ["segment_sum[e -> n]"]
    g = ncd.segment("sum", "e -> n").on("e f, e : index(n)")
    assert names(g.reverse().backward) == ["gather[n]"]


def test_concatenation_and_slice():
    f = ncd.concat("x").on("x=3 k, x=4 k")
    parts = Diagram.copy(Ty("x=7 k")) >> (generators.slice_axis("x", 0, 3).on("x=7 k")
                                          @ generators.slice_axis("x", 3, 7).on("x=7 k"))
    assert f.transpose() == parts
    g = generators.slice_axis("x", 1, 3).on("x=5")
    assert g.transpose() == generators.pad("x", 1, 2).on("x=2")


def test_a_scan_runs_backwards():
    lens = ncd.zoo.gru().reverse()
    (forward,) = (op for op in lens.forward.graph.ops if type(op).__name__ == "Scan")
    (back,) = (op for op in lens.backward.graph.ops if type(op).__name__ == "Scan")
    assert not forward.reverse and back.reverse
    assert back.axis == forward.axis and back.states > forward.states     # and the constants' sums


# -- the counts ------------------------------------------------------------------------
def layers(sizes: list[str], activation=None) -> Diagram:
    """x ↦ W_L … W_1 x, with an entrywise function after each where one is given."""
    weights = ", ".join(f"a{n} a{n + 1}" for n in range(len(sizes) - 1))
    @ncd.diagram(f"a0, {weights}")
    def body(x, *ws):
        for n, w in enumerate(ws):
            x = ncd.einsum(f"a{n}, a{n} a{n + 1} -> a{n + 1}")(x, w)
            x = activation(x) if activation else x
        return x
    return body.bind(**{f"a{n}": item for n, item in enumerate(sizes)})


def tangent(diagram: Diagram, axis: str = "") -> Diagram:
    """∂f of the first input, for each index of an axis at once; values are there already."""
    from ncd.interpret.derivative.derive import derive
    from ncd.interpret.derivative.policy import Policy
    from ncd.interpret.derivative.program import Linearise
    part = derive(Linearise("", diagram, (0,), Policy())).tangent
    dom = part.dom.inside
    return part if not axis else part.on(Ty.of((*dom[:-1], dom[-1].with_axes((
        ncd.Axis(axis), *dom[-1].axes)))))


def test_a_chain_of_jacobians():
    """From the first's matrix on: Σ_{i≥2} a_i a_{i−1} a₀; from the last's back: Σ_{i<L} a_i a_{i−1} a_L."""
    late = layers(["a1", "a2", "a3", "a4"])
    assert multiplications(tangent(late, "z")) == size("z*(a1*a2 + a2*a3 + a3*a4)")
    early = layers(["a0", "a1", "a2", "a3"])
    back = early.reverse(0).backward
    wide = [*back.dom.inside[:-1], back.dom.inside[-1].with_axes((ncd.Axis("z"), *back.dom.inside[-1].axes))]
    assert multiplications(back.on(Ty.of(wide))) == size("z*(a0*a1 + a1*a2 + a2*a3)")
    # Reverse stores one vector for each layer.
    bent = layers(["a0", "a1", "a2", "a3"], nn.tanh).reverse(0)
    kept = [item for item in bent.residuals if item.name.startswith("tanh")]
    assert [str(item.array) for item in kept] == ["a1", "a2", "a3"]


def test_an_entrywise_function_on_accumulated_tangents():
    f = nn.tanh.on("n")
    assert multiplications(tangent(f, "a")) == size("n*a")
    assert multiplications(f.reverse().backward) == size("n")
    dense = ncd.einsum("n p, p a -> n a").on("n p=n, p=n a")
    assert multiplications(dense) == size("n**2*a")


def test_a_broadcast_map():
    f = ncd.einsum("a, a b -> b").on("c a, a b")
    assert multiplications(tangent(f)) == multiplications(f.reverse(0).backward) == size("a*b*c")
    dense = ncd.einsum("c a, c a p b -> p b").on("c a, c a p=c b")
    assert multiplications(dense) == size("a*b*c**2")


@pytest.mark.parametrize("count, wanted", [
    ("dense", 3_145_728), ("diagonal", 1_597_440), ("reverse", 24_960)])
def test_six_layers(count, wanted):
    model = layers([64] * 7, nn.tanh)
    if count == "reverse":
        found = multiplications(model.reverse(0).backward)
    elif count == "diagonal":
        found = multiplications(tangent(model, "z")).substitute({"z": size("64")})
    else:                               # the Jacobian of each entrywise function as a matrix
        found = multiplications(tangent(layers([64] * 13), "z")).substitute({"z": size("64")})
    assert found == wanted


def test_multi_head_attention():
    model = ncd.zoo.multi_head_attention()
    contractions, waiting = 0, [model]
    scores = []
    while waiting:
        for op in waiting.pop().graph.ops:
            if isinstance(op, Einsum) and len(op.arrays) == 2:
                contractions = contractions + math.prod(op.sizes.values(), start=ncd.size("x") ** 0)
                scores.append(op.out.elements)
            elif op.expansion is not None:
                waiting.append(op.expansion)
    assert contractions == size("m*k*h*(2*y + 2*x) + 2*y*x*k*h")
    assert size("y*x*h") in scores
    assert any(item.array.elements == size("y*x*h") for item in model.reverse().residuals)


def test_convolution_counts():
    layer = nn.convolution("x", "c=1 -> e=1", kernel="k", bias=False)
    out = layer.cod.inside[0].size("x")
    assert multiplications(layer) == out * size("k")
    star = nn.star("i", "j=k", "x")
    dense = ncd.diagram("x, j=k")(lambda v, w: ncd.einsum("i j x, j, x -> i")(star(), w, v))
    einsum = next(op for op in dense.graph.ops if isinstance(op, Einsum))
    assert math.prod(einsum.sizes.values(), start=ncd.size("x") ** 0) == out * size("k*x")


def test_depthwise_separable_counts():
    whole = nn.convolution("x y", "c -> e", kernel="k", padding="same", bias=False)
    parts = nn.depthwise_separable("x y", "c -> e", kernel="k", padding="same", bias=False)
    assert multiplications(whole) == size("x*y*k**2*c*e")
    assert multiplications(parts) == size("x*y*k**2*c + x*y*c*e")
