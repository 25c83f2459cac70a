"""The basis can say every mark of the graphical language: a small diagram for each of its 36 elements.

A case is a diagram, its type, inputs, and an independent NumPy formula for its value; the
diagram is typed, run in the reference and run in JAX.
"""

from __future__ import annotations

import jax
import numpy as np
import pytest

from ncd.construct import generators as make
from ncd.construct.derived import bend, cup, normalise, relabel, unit
from ncd.construct.generators import elementwise, parameter, reduce, scan, window
from ncd.construct.notation import einsum, rearrange, reindex
from ncd.construct.trace import diagram, pointwise, size, trace
from ncd.core.category import Diagram, Ty
from ncd.interpret.reference import run
from ncd.nn import mean
from ncd.ops.scalar import TO_FLOAT

ELEMENTS = (
    "axis", "tuple", "column", "named operation", "parallel", "width, depth", "multi-axis", "index",
    "subtensors", "outer broadcast", "inner broadcast", "unit axis", "elementwise", "inner product", "unit",
    "outer product", "transpose", "diagonalise", "view", "concatenation", "copy", "add", "softmax", "learned",
    "scaling", "convolution tensor", "learned convolution", "batch norm", "mean, max", "memory", "repeat",
    "block", "legend", "row wrap", "associated transpose", "dropout")

CASES: list = []


def case(name: str, type_: str, drawn: Diagram, formula, *inputs, params=None, note="", **sizes) -> None:
    """Register a diagram, its type, and the formula of its value at given inputs."""
    number = ELEMENTS.index(name) + 1
    CASES.append(pytest.param(type_, drawn, formula, inputs, params, sizes, id=f"{number} {note or name}"))


def some(*shape: int):
    """Random numbers that are nowhere near 0, so that a broken copy shows."""
    made = np.random.default_rng(sum(shape) + 7 * len(shape)).normal(size=shape)
    return made + np.sign(made) * 0.3


exp, sin, relu, tanh, root = map(elementwise, ("exp", "sin", "relu", "tanh", "sqrt"))
wire = Diagram.id

case("axis", "x=3 k -> x=3 k", wire("x=3 k"), lambda a: a, some(3, 2))
case("tuple", "3, 4 2, 6 -> 6, 3, 4 2", Diagram.permutation([2, 0, 1], Ty("3, 4 2, 6")),
     lambda a, b, c: (c, a, b), some(3), some(4, 2), some(6))
case("column", "x -> x", wire("x") >> exp >> sin, lambda a: np.sin(np.exp(a)), some(4))
case("named operation", "y k, x k -> y x", einsum("y k, x k -> y x").block("scores"),
     lambda a, b: [[sum(p * q for p, q in zip(u, v)) for v in b] for u in a], some(2, 3), some(4, 3))
case("parallel", "x, y, z -> x, y, z", exp.on("x") @ Ty("y") @ tanh.on("z"),
     lambda a, b, c: (np.exp(a), b, np.tanh(c)), some(2), some(3), some(4))
case("width, depth", "x̄ m, m k -> x̄ k", einsum("x̄ m, m k -> x̄ k"),
     lambda a, w: [sum(row[i] * w[i] for i in range(2)) for row in a], some(3, 2), some(2, 4))
case("multi-axis", "h w -> h=h//2 w=w//2",
     wire("h w") >> reindex("h -> h=h//2", h="2*h") >> reindex("w -> w=w//2", w="2*w"),
     lambda a: a[::2, ::2], some(4, 6))
case("index", "x k -> k", make.index(x=2).on("x k"), lambda a: a[2], some(4, 3))
case("index", "n f, e : index(n) -> e f", make.gather("n").on("n f, e : index(n)"),
     lambda a, at: [a[i] for i in at], some(4, 3), np.array([3, 0, 3]), note="index held in an array")
case("subtensors", "x k -> ()", wire("x k") >> make.index(x=1) >> make.index(k=-1),
     lambda a: a[1, -1], some(4, 3))
case("subtensors", "x k -> ()", wire("x k") >> make.index(k=-1) >> make.index(x=1),
     lambda a: a[1, -1], some(4, 3), note="subtensors in the other order")
case("unit axis", "a -> 1 a", rearrange("a -> 1 a"), lambda a: a[None], some(4))
case("unit axis", "u=1 a -> a", rearrange("u=() a -> a"), lambda a: a[0], some(1, 4),
     note="unit axis dropped")
case("elementwise", "x k -> x k", relu.on("x k"),
     lambda a: [[max(v, 0) for v in row] for row in a], some(3, 2))
case("inner product", "c x, x -> c", cup("x").on("c x, x"),
     lambda a, b: [sum(p * q for p, q in zip(row, b)) for row in a], some(3, 4), some(4))
case("unit", " -> i j=i", unit("i", "j"), lambda: [[i == j for j in range(4)] for i in range(4)], i=4)
case("outer product", "x, y -> x y", einsum("x, y -> x y"),
     lambda a, b: [[p * q for q in b] for p in a], some(3), some(4))
case("transpose", "x k -> k x", make.transpose("k x").on("x k"),
     lambda a: [[a[i, j] for i in range(3)] for j in range(2)], some(3, 2))
case("diagonalise", "h, h -> h", einsum("h, h -> h"),
     lambda a, b: [p * q for p, q in zip(a, b)], some(3), some(3) + 2, note="diagonalise across bundles")
case("diagonalise", "h h'=h -> h", einsum("h h -> h"), lambda a: [a[i, i] for i in range(3)], some(3, 3))
case("view", "a b -> p=a*b", rearrange("a b -> p=(a b)"),
     lambda a: [a[p // 3, p % 3] for p in range(6)], some(2, 3))
case("view", "p=6 k -> k a=2 b=3", rearrange("p=(a=2 b=3) k -> k a b"),
     lambda a: [[[a[3 * i + j, c] for j in range(3)] for i in range(2)] for c in range(2)],
     some(6, 2), note="view that splits")
case("concatenation", "x=x_1 k, x=x_2 k -> x=x_1+x_2 k", make.concat("x").on("x=x_1 k, x=x_2 k"),
     lambda a, b: [*a, *b], some(3, 2), some(4, 2))
case("copy", "x -> x, x", Diagram.copy(Ty("x")), lambda a: (a, a), some(3))
case("add", "x, x -> x", elementwise("add").on("x, x"),
     lambda a, b: [p + q for p, q in zip(a, b)], some(3), some(3) + 2)


@diagram("x -> x")
def softmax(a):
    return normalise("x")(exp(a - reduce("max", "x")(a)))


@diagram("a, d -> b=2")
def largest_and_total(u, v):
    column = rearrange("() -> b=1")
    return make.concat("b")(column(reduce("max", "a")(u)), column(reduce("sum", "d")(v)))


case("softmax", "y x -> y x", softmax.on("y x"),
     lambda a: np.exp(a) / np.exp(a).sum(1, keepdims=True), some(3, 4))
case("outer broadcast", "c x -> c x", softmax.lift("c"),
     lambda a: [np.exp(row) / np.exp(row).sum() for row in a], some(3, 4))
case("inner broadcast", "c a, d -> c b=2", largest_and_total.on("c a, d"),
     lambda a, d: [[row.max(), d.sum()] for row in a], some(3, 4), some(5))


@diagram("m -> k=5 h=2")
def linear(a):
    return einsum("m, m k h -> k h")(a, parameter("L", "m k=5 h=2")()) + parameter("b", "k=5 h=2")()


@diagram("x k -> x k")
def scaled(a):
    return a * size("k") ** -0.5


case("learned", "x m -> x k=5 h=2", linear.on("x m"),
     lambda a: np.tensordot(a, some(4, 5, 2), 1) + some(5, 2), some(3, 4),
     params={"L": some(4, 5, 2), "b": some(5, 2)})
case("scaling", "x k -> x k", scaled, lambda a: a / 2, some(3, 4))


def star(x: int, k: int, s: int = 1, d: int = 1, p: int = 0):
    """The convolution tensor ★[i, j, l] = 1 where l = s·i + d·j − p, entry by entry."""
    out = (x + 2 * p - d * (k - 1) - 1) // s + 1
    return np.array([[[float(l == s * i + d * j - p) for l in range(x)] for j in range(k)]
                     for i in range(out)])


@diagram("")
def star_from_positions():
    i, j, l = make.iota("i=4")(), make.iota("j=3")(), make.iota("l=8")()
    return pointwise(TO_FLOAT, make.equal(i * 2 + j - 1, l))


@diagram("i c")
def transposed_star(a):                         # read at (l + p − d·j)/s where that is whole
    return reduce("sum", "j")(reindex("i -> l=10 j=3", fill=0, i="(l + 1 - 2*j)/2")(a))


@diagram("x c=2")
def convolution(a):
    return einsum("x j c, e c j -> x e")(window("x", "j=2", stride=2, padding=1)(a),
                                         parameter("W", "e=3 c=2 j=2")())


case("convolution tensor", " -> i=4 j=3 l=8", star_from_positions, lambda: star(8, 3, s=2, p=1))
case("convolution tensor", "l c -> i=(l+1)//2 j=3 c", window("l", "j=3", 2, 1, 1, out="i").on("l c"),
     lambda a: np.tensordot(star(7, 3, s=2, p=1), a, 1), some(7, 2), note="contraction with ★ is a window")
case("convolution tensor", "i c -> l=10 c", transposed_star,
     lambda a: np.einsum("ijl,ic->lc", star(10, 3, s=2, d=2, p=1), a), some(4, 2), note="transposed ★")
case("learned convolution", "x c=2 -> x=x//2+1 e=3", convolution,
     lambda a: np.einsum("ijl,lc,ecj->ie", star(6, 2, s=2, p=1), a, some(3, 2, 2)), some(6, 2),
     params={"W": some(3, 2, 2)})


@diagram("b x c -> b x c")
def batch_norm(a):
    average = mean("b x")
    centred = a - average(a)
    return centred / root(average(centred * centred) + 1e-5)


case("batch norm", "b x c -> b x c", batch_norm,
     lambda a: (a - a.mean((0, 1))) / np.sqrt(a.var((0, 1)) + 1e-5), some(3, 4, 2))
case("mean, max", "x c -> x=x//2 c", wire("x c") >> window("x", "j=2", stride=2) >> reduce("max", "j"),
     lambda a: [np.maximum(a[2 * i], a[2 * i + 1]) for i in range(3)], some(6, 3))
case("mean, max", "x c -> c", mean("x").on("x c"), lambda a: sum(a) / 4, some(4, 3), note="global mean")


@diagram("m, () -> m, m")
def save(state, w):
    return tanh(state * w), state


@diagram("m, m -> m")
def load(state, saved):
    return state * 2 + saved


@diagram("m -> m")
def hourglass(a):
    """→C_λ at each step of one repeat, C_{5−λ}→ in a second: a sequence, read in reverse."""
    low, stored = scan(save, "λ=4", sequences=1)(a, make.constant([0.5, 1.5, -1.0, 2.0], "λ=4")())
    return scan(load, "λ=4", sequences=1, reverse=True)(low, stored)


def hourglass_formula(a):
    store = []
    for w in (0.5, 1.5, -1.0, 2.0):
        store.append(a)
        a = np.tanh(a * w)
    while store:
        a = a * 2 + store.pop()
    return a


@diagram("m -> m")
def layer(a):
    return relabel(n="m")(tanh(einsum("m, m n -> n")(a, parameter("W", "m n=m")())))


def layers_formula(a, *weights):
    for matrix in weights:
        a = np.tanh(a @ matrix)
    return a


@diagram("c -> c=2*c")
def double(a):
    return make.concat("c")(a, exp(a))


def double_formula(a):
    return np.concatenate([a, np.exp(a)])


case("memory", "m -> m", hourglass, hourglass_formula, some(3))
case("repeat", "m -> m", layer.repeat("N", title="layers"), lambda a: layers_formula(a, *some(4, 3, 3)),
     some(3), params={"layers": {"W": some(4, 3, 3)}}, N=4)
case("repeat", "c=2 -> c=16", wire("c=2") >> double.bind(c=2) >> double.bind(c=4) >> double.bind(c=8),
     lambda a: double_formula(double_formula(double_formula(a))), some(2), note="labels that use λ, c = 2^λ")
case("block", "m -> m", layer.block("first") >> layer.block("second"),
     lambda a: layers_formula(a, some(3, 3), some(3, 3) + 0.5), some(3),
     params={"first": {"W": some(3, 3)}, "second": {"W": some(3, 3) + 0.5}})
case("legend", "x m=h*k -> h x k", rearrange("x m=(h k) -> h x k"),
     lambda a: np.stack([a[:, :3], a[:, 3:]]), some(2, 6), h=2)
case("row wrap", "x -> x", (exp.on("x") >> tanh) >> (sin.on("x") >> exp),
     lambda a: np.exp(np.sin(np.tanh(np.exp(a)))), some(3))


@diagram("a -> b=5 c=2")
def learned_map(m):
    return einsum("a, a b c -> b c")(m, parameter("F", "a b=5 c=2")())


case("associated transpose", "b=5 a -> c=2", bend(learned_map, "b"),
     lambda m: sum(m[j, i] * some(3, 5, 2)[i, j] for i in range(3) for j in range(5)), some(5, 3),
     params={"F": some(3, 5, 2)})


@diagram("x=4 m=5, () : key -> x=4 m=5")
def dropout(a, key):
    return make.where(make.random("uniform", "x=4 m=5")(key) >= 0.25, a / 0.75, 0.0)


def dropout_formula(a, seed):
    """The reference's uniform numbers for a key, written out."""
    return np.where(np.random.Generator(np.random.Philox(int(seed))).random((4, 5)) >= 0.25, a / 0.75, 0)


case("dropout", "x=4 m=5, () : key -> x=4 m=5", dropout, dropout_formula, some(4, 5), np.uint64(11))


def same(found, value, tolerance: float) -> None:
    found, value = [item if isinstance(item, tuple) else (item,) for item in (found, value)]
    assert len(found) == len(value)
    for ours, theirs in zip(found, value):
        np.testing.assert_allclose(ours, np.asarray(theirs, float), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("type_", "drawn", "formula", "inputs", "params", "sizes"), CASES)
def test_an_element_has_its_type_and_its_value(type_, drawn, formula, inputs, params, sizes):
    assert str(drawn) == type_
    same(run(drawn, *inputs, params=params, **sizes), formula(*inputs), 1e-12)


@pytest.mark.parametrize(("type_", "drawn", "formula", "inputs", "params", "sizes"),
                         [row for row in CASES if not row.id.startswith("36 ")])
def test_jax_gives_the_same_value(type_, drawn, formula, inputs, params, sizes):
    with jax.enable_x64(True):
        compiled = jax.jit(drawn.to_jax(**sizes))
        found = compiled(params, *inputs) if params else compiled(*inputs)
        same(found, formula(*inputs), 1e-9)


def test_every_element_has_a_diagram():
    said = {int(row.id.split()[0]) for row in CASES}
    missing = [f"{number} {name}" for number, name in enumerate(ELEMENTS, 1) if number not in said]
    assert len(ELEMENTS) == 36
    assert missing == []


def test_rows_are_one_diagram_however_they_are_wrapped():
    assert (exp.on("x") >> tanh) >> (sin.on("x") >> exp) == wire("x") >> exp >> tanh >> sin >> exp


def test_the_unit_and_the_cup_straighten_a_wire():
    """The snake: (id × unit) ; (cup × id) = id."""
    snake = Ty("i") @ unit("i", "j") >> einsum("i, i j -> j") >> relabel(j="i")
    same(run(snake, some(4)), some(4), 0)


def test_dropout_in_jax_keeps_or_drops_whole_entries():
    kept = np.stack([np.asarray(dropout.to_jax()(some(4, 5), jax.random.key(n))) for n in range(40)])
    same(np.where(kept != 0, kept, some(4, 5) / 0.75), np.broadcast_to(some(4, 5) / 0.75, kept.shape), 1e-6)
    assert 0.65 < (kept != 0).mean() < 0.85
    assert np.array_equal(kept[3], dropout.to_jax()(some(4, 5), jax.random.key(3)))


def test_dropout_that_draws_its_key_is_never_copied_past():
    ends, pair = Ty("x=4 m=5"), Diagram.copy(Ty("x=4 m=5"))
    drops = trace(lambda a: dropout(a, make.key()()), ends.inside)
    once, each = drops >> pair, pair >> drops @ drops
    assert once != each
    assert pair >> exp.on(ends) @ exp.on(ends) == exp.on(ends) >> pair
    for drawn, equal in ((once, True), (each, False)):
        first, second = run(drawn, some(4, 5), key=5)
        assert np.array_equal(first, second) == equal
