"""JAX computes what the reference does, on awkward shapes, under jit, grad and vmap, in every float type."""

from __future__ import annotations

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given

import ncd
from ncd.construct import generators as make
from ncd.construct.generators import elementwise, key, opaque, parameter, random, scan, where
from ncd.construct.notation import cospan, einsum, rearrange, reindex
from ncd.construct.trace import diagram, pointwise, size, trace
from ncd.core.array import Array
from ncd.core.axis import Axis
from ncd.core.category import Diagram, Ty
from ncd.errors import ArityError, AxisError, InputError, RuleError, SizeError
from ncd.interpret.reference import run
from ncd.ops import scalar
from ncd.ops.control import Scan
from ncd.ops.monoid import ANY_ALL, MONOIDS, SEMIRINGS
from ncd.ops.multilinear import Einsum, View
from tests.strategies import examples, samplers
from theory.random import value
from theory.variables import KINDS

draw = np.random.default_rng(17)
tanh = elementwise("tanh")


def inputs_of(made: Diagram, **sizes) -> list:
    """Random values for a diagram; symbols are 3 unless said otherwise."""
    at = dict.fromkeys(made.symbols, 3) | sizes
    found = [value(array, at, int(draw.integers(2 ** 31))) for array in made.dom.inside]
    return [x.astype(np.float32) if x.dtype == float else x for x in found]


def check(made: Diagram, *values, tolerance: float = 1e-4, **sizes) -> None:
    """Both interpretations give one value, of the shape and the dtype that the type says."""
    made = getattr(made, "diagram", made)
    values = values or inputs_of(made, **sizes)
    at = dict.fromkeys(made.symbols, 3) | sizes
    params = made.init(1, **at)
    want = run(made, *values, params=jax.tree.map(np.asarray, params) or None, **sizes)
    program = jax.jit(made.to_jax(**sizes))
    found = program(params, *values) if params else program(*values)
    pair = [x if isinstance(x, tuple) else (x,) for x in (found, want)]
    for ours, theirs, array in zip(*pair, made.cod.inside):
        assert np.shape(ours) == np.shape(theirs)
        np.testing.assert_allclose(np.asarray(ours), theirs, rtol=tolerance, atol=tolerance)
        kinds = {"float": "f", "int": "iu", "bool": "b"}[array.dtype]
        assert np.asarray(ours).dtype.kind in kinds and np.asarray(theirs).dtype.kind in kinds


# -- every primitive -------------------------------------------------------------------------
EINSUMS = ["a a -> a", "a a -> ", "a -> a a", "a b -> b a a", "a a a -> a a", "-> a=3", "-> a=3 a",
           "a, a -> a a",
           "a a b, b a -> b", "() -> ()", "a -> b=2 a c=1", "a=1 b -> ", "x y=2, y z, z w=4 -> w x",
           "a, b, c -> ",
           "a b, c -> a", "(), a -> a", "(a b=2), b -> a b", "a b -> (b a)"]


@pytest.mark.parametrize("text", EINSUMS)
def test_einsum(text):
    for name in ("sum_product", "max_product"):
        check(cospan(text, SEMIRINGS[name]))


def test_einsum_over_truth_values_and_minima():
    check(einsum("a b=4, b c -> a c", "any_all"))
    check(einsum("a b=4, b c -> c a", "min_plus"))


@pytest.mark.parametrize("name", MONOIDS)
def test_reductions_and_segments(name):
    for dtype in ("bool",) if name in ("all", "any") else ("float", "int"):
        for labels in ("y", "z x", "x y z"):
            check(make.reduce(name, labels).on(f"x y=4 z=1 : {dtype}"))
        if dtype == "int" and name in ("max", "min"):
            continue
        for values, index in (("e f", "e"), ("b e f", "e b"), ("e", "q e"), ("f e b", "q e b"),
                              ("e=1", "e=1")):
            check(make.segment(name, "e -> n=9").on(f"{values} : {dtype}, {index} : index(9)"))


REINDEXINGS = [
    ("x=6 -> x=6", 0, {"x": "5 - x"}), ("x=6 -> x=6", None, {"x": "5 - x"}),
    ("x=6 -> i=3", None, {"x": "4 - 2*i"}),
    ("x=6 -> i=5 j=3", 7.0, {"x": "2*i + 3*j - 4"}), ("x=6 -> i=5", 0, {"x": "(i + 1)/2"}),
    ("x=6 -> i=5", -1.0, {"x": "(3 - i)/2"}), ("x=6 -> i=5", None, {"x": "2"}),
    ("x=6 -> i=2", 3.0, {"x": "-1"}),
    ("x=6 -> i=5", None, {"x": "0*i + 3"}), ("x=6 -> i=8", float("-inf"), {"x": "i - 1"}),
    ("x=6 -> i=20", 0.0, {"x": "3*i - 10"}), ("x=6 -> i=4", 0.0, {"x": "i + 100"}),
    ("x=6 -> i=4", 2.0, {"x": "-i - 100"}),
    ("x=6 -> i=1", None, {"x": "5*i"}), ("x=6 -> i=1 j=1", None, {"x": "i + j + 3"}),
    ("x=6 -> i=7", 9.0, {"x": "(i - 4)/3"}),
    ("x=1 -> i=4", None, {"x": "0"}), ("x=1 -> i=3", 0, {"x": "i - 1"}),
    ("x=3 y=4 -> i=3", None, {"x": "i", "y": "2 - i"}),
    ("x=3 y=4 -> i=5 k=2", 5.0, {"x": "i - k", "y": "2 - i"}),
    ("x=3 y=5 -> i=5", 5.0, {"x": "i/2", "y": "i"}),
    ("x=4 y=4 -> j=2 i=3 h=2", 0.0, {"x": "2*i - 1", "y": "3 - 2*j"}), ("x=6 -> h=2 x=6 k=1", None, {})]


@pytest.mark.parametrize("text, fill, indices", REINDEXINGS)
def test_reindexing(text, fill, indices):
    made = reindex(text, fill, **indices)
    check(made)
    check(made.on(f"b=2 {made.dom} c=1"))
    if fill != float("-inf"):
        check(made.on(f"{made.dom} : int"))


@pytest.mark.parametrize("stride, dilation, padding, kernel, length", [
    (1, 1, 0, 3, 5), (2, 1, 1, 3, 7), (3, 2, 2, 3, 9), (1, 3, 4, 2, 4), (5, 1, 0, 1, 6), (2, 2, 5, 4, 3),
    (1, 1, 2, 5, 1)])
def test_windows(stride, dilation, padding, kernel, length):
    check(make.window("x", f"j={kernel}", stride, dilation, padding, float("-inf")).on("b x c=1"), x=length)


@pytest.mark.parametrize("made", [
    rearrange("a (b=2 c) d=1 -> (c d) (a b)"), rearrange("a=1 b=1 -> ()"), rearrange("() -> a=1 b=1"),
    View(Ty("a=2 x b=4 y").inside[0], ("y", "x"), (Axis("z", "x*y"),)),
    View(Ty("a x=6 b").inside[0], ("x",), (Axis("p", 2), Axis("q", 3))),
    View(Ty("a b").inside[0], (), (Axis("p", 1),)),
    make.concat("x", 3).on("x=2 y=4, y=4 x=3, x=1 y=4"), make.concat("x").on("x=2 y, x=3 z"),
    make.concat("x", 1).on("x y"),
    make.topk("x -> k=2").on("b x=6 c=1"), make.topk("x -> k=6").on("x=6"),
    make.topk("x -> k").on("x=6 : int"),
    make.flip("x").on("x=4 : bool"), make.pad("x", 1, 2).on("x=4 : int"), make.stop().on("x y"),
    make.iota("x=5"),
    make.constant([[1, 0.5]], "a=1 b=2"), make.constant("2*k", "a=3"), make.constant(True, "a=2 : bool"),
    make.constant([1, 2], "a=2 : int"), make.constant(float("-inf"), "a=2")], ids=str)
def test_shapes_and_sources(made):
    check(made, **({"k": 4} if "k" in getattr(made, "symbols", ()) else {}))


def test_ties_of_topk_and_extreme_integers():
    for ties in ([1.0, 3.0, 3.0, 2.0, 3.0, 1.0], [-np.inf, np.inf, -np.inf, 0.0, np.inf, 2.0]):
        check(make.topk("x -> k=4"), np.float32(ties))
    check(make.topk("x -> k=2").on("x : int"), np.int32([-2 ** 31, 5, -2 ** 31]))


@pytest.mark.parametrize("table, index", [("n f=2", "e"), ("f n g=2", "e h"), ("b n f=2", "b e"),
                                          ("n f b=2", "e b=2"),
                                          ("c n b=2 f", "e b=2"), ("n", "()"), ("b=2 n c", "c b=2")])
def test_gather(table, index):
    for dtype in ("float", "int", "bool"):
        check(make.gather("n=5").on(f"{table.replace('n', 'n=5')} : {dtype}, {index} : index(5)"))


@pytest.mark.parametrize("matrix, right", [("i j=i", "i"), ("b i j=i", "i r"), ("i b j=i", "r i b"),
                                           ("c=2 b i j=i", "b i r=1"), ("j=i i", "r i s=2")])
def test_solve(matrix, right):
    made = make.solve("i j").on(f"{matrix}, {right}")
    a, b = inputs_of(made)
    labels = made.dom.inside[0].labels
    eye = np.eye(3, dtype=np.float32).reshape([3 if x in "ij" else 1 for x in labels])
    check(made, a + 5 * eye, b, tolerance=1e-3)


def test_eigh_up_to_signs():
    a = draw.normal(size=(4, 2, 4)).astype(np.float32)
    a = a + a.transpose(2, 1, 0)
    made = make.eigh("i j").on("i b j=i")
    for pair in zip(made.to_jax()(a), run(made, a)):
        np.testing.assert_allclose(*map(np.abs, pair), atol=1e-4)


@given(samplers())
@examples(12)
def test_random_diagrams(s):
    made = KINDS[s.choose(["", "learned", "linear", "reindexing"])](s, s.type(), None)
    check(made, **s.complete(made.symbols))


# -- scans -----------------------------------------------------------------------------------
step = trace(lambda s, u, c: (tanh(s * c + u * parameter("w", "m p")()), s - u), Ty("m p, m p, p").inside)


def scan_at(axis: int, **options) -> Diagram:
    axes = list(Ty("m p").inside[0].axes)
    axes.insert(axis, Axis("t", 4))
    return Scan(step, Axis("t", 4), 1, (*Ty("m p").inside, Array(axes), *Ty("p").inside), **options).diagram


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_scan_with_its_sequence_at_any_axis(axis):
    for options in ({}, {"reverse": True}, {"share": True}):
        check(scan_at(axis, **options), p=2)
    check(scan_at(axis).on("m p, b=2 " + str(scan_at(axis).dom.inside[1]) + ", p"), p=2)


def test_scans_of_every_shape():
    plain = trace(lambda s, u: (s * 0.5 + u, s - u), Ty("m, m").inside)
    check(scan(trace(lambda s, u: s * 0.5 + u, Ty("m, m").inside), "t=5", 1, 1))        # no outputs
    check(scan(trace(lambda u, c: u * c, Ty("m, m").inside), "t=5", 0, 1))              # no states
    check(scan(trace(lambda s: (s * 0.5, s), Ty("m").inside), "t=4", 1, 0))             # no sequences
    check(scan(trace(lambda: parameter("w", "m=2")(), ()), "t=4", 0, 0))                # no inputs
    check(scan(Diagram.id("m"), "t=4", 1, 0)), check(scan(plain, "t=1", 1, 1))
    check(scan(trace(lambda s, i: (s + i, s), Ty("(), () : int").inside), "t=5", 1, 1))
    check(scan(trace(lambda n, u: (n + 1, u * n), Ty("() : int, m").inside), "t=5", 1, 1))
    check(scan(trace(lambda s, u: s | (u > 0), Ty("m : bool, m").inside), "t=5", 1, 1))


@pytest.mark.parametrize("share", [True, False])
def test_nested_scans_and_repeats(share):
    inner = scan(trace(lambda s, u: (tanh(s * parameter("w", "m")() + u), s), Ty("m, m").inside), "r=2", 1, 1,
                 share=not share)

    def body(s, u):
        state, outputs = inner(s, make.repeat_axis("r=2")(u))
        return state, make.reduce("sum", "r")(outputs)
    check(scan(trace(body, Ty("m, m").inside), "t=3", 1, 1, share=share))
    layer = trace(lambda a: tanh(a * parameter("w", "m")() + parameter("/g", "m", tied=True)()),
                  Ty("m").inside)
    for made in (layer.repeat("N", share=share), layer.repeat(1, share=share),
                 layer.repeat("N").block("b").repeat(2),
                 layer.block("b").lift("h=2", stack=True).repeat("N"), layer.repeat("N").lift("h=2")):
        check(made, N=4)


def test_the_length_of_a_program_does_not_grow_with_a_repeat():
    layer = trace(lambda a: tanh(a * parameter("w", "m")()), Ty("m").inside)
    lengths = {len(str(jax.make_jaxpr(layer.repeat(n).to_jax())({"repeat": {"w": np.ones((n, 3),
                                                                                         np.float32)}},
                                                               np.ones(3, np.float32)))) for n in (10, 90)}
    assert len(lengths) == 1


# -- JAX's own functions ---------------------------------------------------------------------
@diagram("x m -> x n")
def model(a):
    return tanh(einsum("x m, m n -> x n")(a, parameter("W", "m n")()) + parameter("b", "n")())


PARAMS = model.init(0, m=3, n=4)
A = draw.normal(size=(2, 3)).astype(np.float32)


def test_jit_grad_vmap():
    program = model.to_jax()
    np.testing.assert_allclose(jax.jit(program)(PARAMS, A), program(PARAMS, A), rtol=1e-6)
    ours = jax.grad(lambda params: program(params, A).sum())(PARAMS)
    plain = jax.grad(lambda params: jnp.tanh(A @ params["W"] + params["b"]).sum())(PARAMS)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), ours, plain)
    batch = draw.normal(size=(5, 2, 3)).astype(np.float32)
    np.testing.assert_allclose(jax.jit(jax.vmap(program, (None, 0)))(PARAMS, batch),
                               model.lift("b").to_jax()(PARAMS, batch), rtol=1e-5)
    assert jax.eval_shape(program, PARAMS, jax.ShapeDtypeStruct((7, 3), jnp.float32)).shape == (7, 4)


def test_the_jitted_program_is_the_one_that_an_expert_writes():
    def plain(params, a):
        return jnp.tanh(jnp.einsum("xm,mn->xn", a, params["W"]) + params["b"])
    ours, theirs = (jax.make_jaxpr(function)(PARAMS, A) for function in (model.to_jax(), plain))
    assert [e.primitive for e in ours.eqns] == [e.primitive for e in theirs.eqns]


def test_gradients_through_scans_and_stops():
    made = trace(lambda s, u: (tanh(s * u), s), Ty("m, m").inside)
    program = scan(made, "t", 1, 1).to_jax()
    s, u = np.ones(3, np.float32), draw.normal(size=(4, 3)).astype(np.float32)

    def plain(s, u):
        for row in u:
            s = jnp.tanh(s * row)
        return s.sum()
    np.testing.assert_allclose(jax.grad(lambda u: program(s, u)[0].sum())(u), jax.grad(plain, 1)(s, u),
                               rtol=1e-5)
    stopped = trace(lambda a: a * make.stop()(a), Ty("x").inside).to_jax()
    assert jax.grad(lambda a: stopped(a).sum())(np.float32([3.0, -2.0])).tolist() == [3, -2]


# -- float types -----------------------------------------------------------------------------
TYPED = {
    "learned": model, "numbers": trace(lambda a: a * size("x") ** -0.5 + make.constant(0.3)() * 2 + 1 / 3,
                                       Ty("x").inside),
    "positions": trace(lambda a: a + make.iota("x")() * 0.5 - make.iota("x")() / 2, Ty("x").inside),
    "mask": trace(lambda a: where(make.iota("x")() < 2, a, float("-inf")) * (1 - (make.iota("x")() < 2)),
                  Ty("x").inside),
    "choice": trace(lambda a: where(a > 0, 0.5, 1.5) + a, Ty("x").inside),
    "window": make.window("x", "j=2", padding=1),
    "hot": trace(lambda a: einsum("x, x y -> y")(a, elementwise("to_float")(
        make.equal(make.iota("x")(), make.iota("y=2")()))), Ty("x").inside),
    "segment": trace(lambda a: make.segment("sum", "x -> n=3")(a, make.iota("x")() % 3), Ty("x").inside),
    "powers": trace(lambda a: (a * a) ** 0.3 + a ** 2 + 2 ** a, Ty("x").inside),
    "gelu": elementwise("gelu").on("x"),
    "paths": einsum("a b, b c -> a c", "max_plus"), "topk": make.topk("x -> k=2"), "solve": make.solve("i j"),
    "repeat": trace(lambda a: tanh(a * parameter("w", "m")()), Ty("m").inside).repeat(2), "scan": scan_at(1),
    "noise": trace(lambda a: a + random("normal", "x")(key()()), Ty("x").inside), "reals": trace(
        lambda a: a + pointwise(scalar.SIGMOID, make.iota("x")()), Ty("x").inside)}


def typed(made: Diagram, dtype) -> set:
    """The dtypes of the float outputs on inputs and parameters of a dtype; nothing is computed."""
    sizes = dict.fromkeys(made.symbols, 3)
    params = jax.eval_shape(lambda: made.init(0, dtype=dtype, **sizes))
    values = [jax.ShapeDtypeStruct(v.shape, dtype) for v in inputs_of(made)]
    program = made.to_jax()
    options = {"key": jax.random.key(0)} if program.keys else {}
    found = jax.eval_shape(lambda *all_: program(*all_, **options), *([params] if params else []), *values)
    return {x.dtype for x, array in zip(found if isinstance(found, tuple) else (found,), made.cod.inside)
            if array.dtype == "float"}


@pytest.mark.parametrize("name", TYPED)
def test_the_float_type_is_kept(name):
    for dtype in (jnp.bfloat16, jnp.float16, jnp.float32):
        assert typed(TYPED[name], dtype) == {jnp.dtype(dtype)}
    with jax.enable_x64(True):
        for dtype in (jnp.float64, jnp.float32):
            assert typed(TYPED[name], dtype) == {jnp.dtype(dtype)}


def near(program, x, atol):
    """A program in bfloat16 beside itself in float32."""
    found = program(x.astype(jnp.bfloat16))
    assert found.dtype == jnp.bfloat16
    np.testing.assert_allclose(found.astype(jnp.float32), program(x), atol=atol)


def test_positions_are_exact_in_narrow_types():
    turn = ncd.nn.rotary("x k=4")
    near(turn.to_jax(), jnp.ones((3000, 4)), 0.02)
    weighed = turn.reverse().composite.to_jax()
    near(lambda x: weighed(x, x), jnp.ones((3000, 4)), 0.02)
    near(diagram("x m=4")(lambda x: x + ncd.nn.sinusoidal("x m=4")()).to_jax(), jnp.zeros((3000, 4)), 0.01)
    far = diagram("x y")(lambda a: a - pointwise(scalar.TO_FLOAT, make.iota("x")() - make.iota("y")()) * 0.5)
    near(far.to_jax(), jnp.zeros((300, 3)), 1)
    lost = diagram("x")(lambda a: a + pointwise(scalar.GELU, pointwise(scalar.TO_FLOAT, make.iota("x")())))
    near(lost.to_jax(), jnp.zeros(5), 0.05)


def test_narrow_random_numbers_are_as_likely_as_they_say():
    kept = ncd.nn.dropout(0.01).to_jax()(jnp.ones((), jnp.bfloat16), key=0)
    assert kept.dtype == jnp.bfloat16
    many = ncd.nn.dropout(0.01).on("x").to_jax()(jnp.ones(100_000, jnp.bfloat16), key=0)
    assert float((many == 0).mean()) == pytest.approx(0.01, abs=0.001)      # of 1/128: 0.0156
    draw = diagram("x=100000, () : key")(lambda x, k: x * 0 + random("uniform", "x=100000")(k))
    assert float(draw.to_jax()(jnp.ones(100_000, jnp.bfloat16), jax.random.key(0)).max()) < 1


def test_narrow_segments_are_added_up_in_float32():
    total = make.segment("sum", "e -> n=2").to_jax()(jnp.ones(1000, jnp.bfloat16), jnp.zeros(1000, int))
    assert total.dtype == jnp.bfloat16 and total.tolist() == [1000, 0]


@pytest.mark.parametrize("data, weight", [("bfloat16", "float32"), ("float32", "bfloat16")])
def test_a_convolution_has_the_wider_of_two_float_types(data, weight):
    layer = ncd.nn.convolution("x", "c=2 -> e=3", bias=False)
    params, x = layer.init(0, dtype=jnp.dtype(weight)), jnp.ones((8, 2), data)
    assert layer.to_jax()(params, x).dtype == jnp.float32
    gradients = (layer >> make.reduce("sum", "x e")).gradient().to_jax()(params, x)
    assert [g.dtype for g in gradients] == [jnp.float32] * 2


def test_a_repeat_is_as_wide_as_its_layers_one_after_the_other():
    layer = ncd.nn.linear("m -> m")
    params, x = layer.repeat(3).init(0, m=2), jnp.ones(2, jnp.bfloat16)
    total = scan(diagram("(), () -> (), ()")(lambda a, b: (a + b, a)), "t", sequences=1).to_jax()
    assert layer.repeat(3).to_jax()(params, x).dtype == layer.to_jax()(layer.init(0, m=2), x).dtype
    assert float(total(jnp.bfloat16(0), jnp.ones(300))[0]) == 300          # in bfloat16 256 + 1 is 256


def test_truth_values_stay_truth_values():
    array = Array((Axis("i", 2),), "bool")
    spread, none = cospan("i -> i j=3", ANY_ALL), Einsum((), (), array, (0,), ANY_ALL)
    for made, inputs in ((spread, ([True, False],)), (none.diagram, ())):
        ours, theirs = made.to_jax()(*map(jnp.array, inputs)), run(made, *inputs)
        assert ours.dtype == theirs.dtype == bool and np.array_equal(ours, theirs)


def test_large_whole_constants_are_floats_beside_floats():
    x = jnp.array([-1.0, 2.0])
    made = diagram("x")(lambda a: where(a > -1e30, a * 1e12, -1e30) / (size("x") * 10 ** 10) + a ** 2)
    np.testing.assert_allclose(made.to_jax()(x), run(made, x), rtol=1e-6)
    assert "integer_pow" in str(jax.make_jaxpr(made.to_jax())(x))


def test_double_precision_agrees_to_the_last_digits():
    with jax.enable_x64(True):
        s, u, c = (draw.normal(size=shape) for shape in ((2, 3), (4, 2, 3), (3,)))
        params = scan_at(0).init(0, dtype=jnp.float64, m=2, p=3)
        ours, theirs = scan_at(0).to_jax()(params, s, u, c), run(scan_at(0), s, u, c,
                                                                 params=jax.tree.map(np.asarray, params))
        for a, b in zip(ours, theirs):
            np.testing.assert_allclose(a, b, rtol=1e-13)


# -- keys ------------------------------------------------------------------------------------
def test_keys_by_place():
    noise = trace(lambda a: a + random("normal", "x")(key()()), Ty("x").inside)
    one, two, deep = (made.to_jax() for made in (noise.block("a"), noise.block("b"), noise.repeat(3)))
    zero = np.zeros(4, np.float32)
    assert not np.array_equal(one(zero, key=1), two(zero, key=1))
    np.testing.assert_array_equal(one(zero, key=1), one(zero, key=jax.random.key(1)))
    assert not np.allclose(deep(zero, key=1), 3 * noise.to_jax()(zero, key=1))
    rows = np.asarray(noise.lift("b").to_jax()(np.zeros((3, 4), np.float32), key=1))
    assert len({tuple(row) for row in rows}) == 3
    assert jax.vmap(lambda k: one(zero, key=k))(jax.random.split(jax.random.key(0), 5)).shape == (5, 4)
    with pytest.raises(InputError, match="the diagram draws random keys"):
        one(zero)
    numbers = random("uniform", "x=1000").to_jax()(jax.random.key(3))
    assert numbers.shape == (1000,) and numbers.min() >= 0 and numbers.max() < 1
    with pytest.raises(InputError, match="has dtype int, want key"):
        random("uniform", "x=3").to_jax()(3)


# -- what is refused -------------------------------------------------------------------------
def test_wrong_inputs_are_all_listed():
    with pytest.raises(InputError) as error:
        model.to_jax()({"W": A.T.astype(int)}, np.zeros((2, 5, 1), np.float32))
    text = " ".join(error.value.details["why"])
    for part in ("no parameter at b", "input 1 has 3 axes", "parameter W has dtype int64"):
        assert part in text
    for arguments in ((), (A,), (None, A)):
        with pytest.raises(InputError, match=re.escape("the diagram has parameters: run(params, *inputs)")):
            model.to_jax()(*arguments)
    with pytest.raises(InputError, match="takes 1 arrays, 2 are given"):
        model.to_jax()(PARAMS, A, A)
    assert model.to_jax()({**PARAMS, "extra": 3, "more": {"a": 1.0}}, A).shape == (2, 4)


def test_sizes():
    merge = rearrange("m=(h k) -> h k")
    assert merge.to_jax(h=2)(np.zeros(6, np.float32)).shape == (2, 3)
    with pytest.raises(SizeError, match="the size h, k is not fixed"):
        merge.to_jax()(np.zeros(6, np.float32))
    with pytest.raises(InputError, match="no k makes"):
        merge.to_jax(h=4)(np.zeros(6, np.float32))
    for wrong in (0, -1, 2.5, "3", True):
        with pytest.raises(SizeError, match="is not a positive integer"):
            merge.to_jax(h=wrong)
    for made in (make.window("x", "j=5"), trace(lambda a: (a, make.iota("n=x-5")()), Ty("x").inside)):
        with pytest.raises(SizeError, match="not positive whole numbers"):
            made.to_jax()(np.zeros(3, np.float32))


def test_what_reads_outside_is_refused_before_it_runs():
    for made in (reindex("x -> i=8", x="i"), make.index(x=9), reindex("x y -> i=8", x="i", y="i"),
                 reindex("x -> i=4", x="(i + 1)/2")):
        with pytest.raises(InputError, match="reads outside"):
            jax.eval_shape(made.to_jax(), *[jax.ShapeDtypeStruct((6,) * len(a.axes),
                                                                 jnp.float32) for a in made.dom.inside])
    with pytest.raises(AxisError, match="top-k takes 7 of the 4 entries"):
        make.topk("x -> k=7").to_jax()(np.zeros(4, np.float32))


def test_functions_of_your_own():
    mine = opaque("mine", "x -> x").on("b x c")
    with pytest.raises(RuleError, match="`jax` has no rule for the operation `mine`"):
        mine.to_jax()
    table = ncd.jax | {"mine": lambda run, op, a: jnp.cumsum(a)}
    at = draw.normal(size=(2, 3, 4)).astype(np.float32)
    np.testing.assert_allclose(mine.to_jax(table)(at), np.cumsum(at, 1), rtol=1e-5)
    with pytest.raises(ArityError, match="returned 2 values"):
        opaque("mine", "x -> x").to_jax(ncd.jax | {"mine": lambda run, op, a: (a, a)})(at[0, 0])
    assert repr(model.to_jax()) == "<JAX program (params, x m) -> x n>"
