"""One derivative at the points where JAX has another: the diagram's, of the program as well.

``reverse`` and ``forward`` in the reference, ``jax.vjp`` and ``jax.jvp`` of the program, and second
derivatives agree at 0, at ties, at infinities; and they are what the documentation states.
"""

from __future__ import annotations

import itertools
from math import inf

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ncd
from ncd import nn
from ncd.construct.generators import eigh
from ncd.ops import SEMIRINGS, Monoid, ScalarFunction, scalar
from tests.derivatives import FAST

POINTS = [0.0, -0.0, 1.0, -1.0, 2.0, 0.5, -2.5, inf, -inf]
PAIRS = np.array(list(itertools.product(POINTS, POINTS)))
VECTORS = np.array([[1., 1., 0.], [0., 0., 2.], [-inf, -inf, -inf], [inf, inf, 1.], [-inf, 1., 1.],
                    [0., 0., 0.], [-1., 0., 1.], [inf, -inf, 2.], [3., -2., 0.5]])


def _tuple(value) -> tuple:
    return value if isinstance(value, tuple) else (value,)


def floats(arrays, values) -> list:
    return [np.asarray(value, float) for array, value in zip(arrays, values) if array.dtype == "float"]


def weights(arrays, seed: int) -> list:
    return [np.cos(np.arange(a.size, dtype=float) + seed).reshape(a.shape) + 2 for a in arrays]


def by_diagram(diagram, given) -> list:
    """(wᵀ∂f, ∂f v, the transpose of the derivative of wᵀ∂f) in the reference."""
    reverse = diagram.reverse().composite
    w = weights(floats(diagram.cod.inside, _tuple(diagram.to_numpy()(*given))), 1)
    pulled = _tuple(reverse.to_numpy()(*given, *w))
    pushed = _tuple(diagram.forward().to_numpy()(
        *given, *weights(floats(diagram.dom.inside, given), 2)))[len(diagram.cod):]
    pushed = [v for v, array in zip(pushed, [a for a in diagram.cod.inside if a.dtype == "float"])]
    second = _tuple(reverse.reverse().composite.to_numpy()(*given, *w, *weights(pulled, 3)))
    return [pulled, pushed, second]


def by_jax(diagram, given) -> list:
    """The same of the program, by JAX."""
    with jax.enable_x64(True):
        program = diagram.to_jax()
        smooth = [n for n, array in enumerate(diagram.dom.inside) if array.dtype == "float"]

        def f(*xs):
            full = list(given)
            for n, x in zip(smooth, xs):
                full[n] = x
            return [x for x in _tuple(program(*full)) if jnp.issubdtype(x.dtype, jnp.floating)]

        def everything(*xs):
            made = f(*xs)
            w = weights(made, 1)
            pulled = jax.vjp(f, *xs)[1](w)
            pushed = jax.jvp(f, xs, tuple(map(jnp.asarray, weights(xs, 2))))[1]
            second = jax.vjp(lambda *a: jax.vjp(f, *a[:len(xs)])[1](list(a[len(xs):])), *xs, *w)[1]
            return pulled, pushed, second(tuple(map(jnp.asarray, weights(pulled, 3))))
        return jax.jit(everything, compiler_options=FAST)(*(jnp.asarray(given[n], float) for n in smooth))


def assert_one_derivative(diagram, *given, second: bool = True) -> None:
    with np.errstate(all="ignore"):
        ours, theirs = by_diagram(diagram, given), by_jax(diagram, given)
    for kind, a, b in zip(("reverse", "forward", "second"), ours, theirs):
        if kind != "second" or second:
            for left, right in zip(a, b, strict=True):
                np.testing.assert_allclose(right, left, rtol=1e-9, atol=1e-9, err_msg=kind)


UNARY = [row for row in scalar.SCALARS.values() if row.arity == 1 and row != scalar.OPPOSITE]
BINARY = [row for row in scalar.SCALARS.values() if row.arity == 2 and row.name not in ("both", "either")]
SMOOTH = [row for row in (*UNARY, *BINARY)
          if row.dtype != "bool" and row not in (scalar.TO_INT, scalar.RSQRT)]


@pytest.mark.parametrize("row", SMOOTH, ids=lambda row: row.name)
def test_every_row_at_special_points(row):
    if row.arity == 1:
        assert_one_derivative(ncd.elementwise(row).on("x"), np.array(POINTS))
    else:
        assert_one_derivative(ncd.elementwise(row).on("x, x"), *PAIRS.T)


def test_the_root_of_the_reciprocal():
    """Not at −0 and −∞, where its value in JAX is another one."""
    assert_one_derivative(ncd.elementwise("rsqrt").on("x"), np.array([0.0, 1.0, 0.5, 2.0, inf]))


@pytest.mark.parametrize("row", [row for row in BINARY if row in SMOOTH], ids=lambda row: row.name)
def test_every_row_beside_a_number(row):
    def beside(x):
        made = [ncd.elementwise(row, *((c, None) if first else (None, c)))(x)
                for c in (0, 1, 2, -1, 0.5, 3) for first in (True, False)]
        return tuple(made)
    assert_one_derivative(ncd.diagram("x -> " + ", ".join(["x"] * 12))(beside), np.array(POINTS))


def row_of(text: str) -> ncd.Diagram:
    return ncd.elementwise(ScalarFunction("mine", ("x",), text, dtype="float"))


FORMULAS = ["where(x > 0, log(x), 0)", "where(x > 0, x * log(x), 0)", "where(x < 50, exp(x), x)",
            "where(x > 20, x, log(1 + exp(x)))", "x * tanh(log(1 + exp(x)))", "abs(x) ** 0.5",
            "sqrt(abs(x))", "max(x, 0) * max(x, 0)", "min(max(x, -1), 1)", "x / (1 + exp(-x))",
            "where(x == 0, 1, sin(x) / where(x == 0, 1, x))", "abs(max(x, -x))", "arccos(x)"]


@pytest.mark.parametrize("text", FORMULAS)
def test_rows_of_a_user(text):
    assert_one_derivative(row_of(text).on("x"), np.array([0.0, -0.0, 1.0, -1.0, 0.25, 1000.0, -1000.0]))


LAYERS = {
    **{f"reduce {m}": ncd.reduce(m, "x") for m in ("sum", "max", "min")},
    **{name: getattr(nn, name)("x") for name in (
        "log_softmax", "logsumexp", "l2_norm", "l2_normalise", "mean", "variance", "softmax")},
    "softmax of nothing": nn.softmax("x", empty=0), "topk": ncd.topk("x -> k=2"),
    "max_pool": nn.max_pool("x", 2, 1, 1), "layer_norm": nn.layer_norm("x", scale=False, shift=False),
    "rms_norm": nn.rms_norm("x", scale=False), "leaky_relu": nn.leaky_relu().on("x"), "elu": nn.elu().on("x"),
    "l1": ncd.diagram("x -> ()")(lambda x: ncd.reduce("sum", "x")(nn.abs(x))),
    "huber": ncd.diagram("x -> x")(lambda x: ncd.where(nn.abs(x) < 1, x * x / 2, nn.abs(x) - 0.5)),
    "hinge": ncd.diagram("x -> x")(lambda x: ncd.elementwise("maximum", None, 0)(1 - x)),
    "length": ncd.diagram("x -> ()")(lambda x: ncd.reduce("sum", "x")(x * x) ** 0.5)}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_at_special_vectors(name):
    assert_one_derivative(LAYERS[name].on("b x=3"), VECTORS)


def test_cross_entropy_at_special_vectors():
    label = np.arange(len(VECTORS)) % 3
    assert_one_derivative(nn.cross_entropy("x").on("b x=3, b : index(3)"), VECTORS, label)


@pytest.mark.parametrize("monoid", ["sum", "product", "max", "min"])
def test_segments_at_special_vectors(monoid):
    index = np.array([[0, 0, 1], [0, 0, 0], [2, 2, 0]])
    for values in np.split(VECTORS, 3):
        assert_one_derivative(ncd.segment(monoid, "e -> n=3").on("b e=3, b e=3 : index(3)"), values, index)


@pytest.mark.parametrize("fold", ["sum", "mean", "max", "min"])
def test_messages(fold):
    layer = nn.message_passing(fold).on("n=3 f, e=3 : index(3), e=3 : index(3)")
    assert_one_derivative(layer, np.array([[0., 1.], [0., 1.], [2., -1.]]), np.array([0, 1, 2]),
                          np.array([0, 0, 2]))


FINITE = VECTORS[np.isfinite(VECTORS).all(1)]


def test_products_and_monoids_of_a_user():
    assert_one_derivative(ncd.reduce("product", "x").on("b x=3"), FINITE)
    larger = Monoid("larger", ScalarFunction("larger", ("x", "y"), "max(x, y)"), -9.0)
    assert_one_derivative(ncd.reduce(larger, "x").on("b x=3"), FINITE)


@pytest.mark.parametrize("name", ["max_plus", "min_plus", "max_product"])
def test_other_semirings(name):
    assert_one_derivative(ncd.einsum("b j, j -> b", SEMIRINGS[name]).on("b j=3, j=3"), FINITE,
                          np.array([1., 1., 2.]))


@pytest.mark.parametrize("empty", [None, 0])
def test_a_segment_without_weights(empty):
    """Scores of −∞ alone: a cotangent 0 keeps the other segments; with ``empty`` all is finite."""
    layer = nn.segment_softmax("e -> n=3", empty=empty).on("e=5, e=5 : index(3)")
    x, w = np.array([[-inf, -inf, 1., 2., 0.5], [0., 0., 1., 2., 3.]])
    index = np.array([0, 0, 1, 1, 2])
    share = 1 / (1 + np.e)
    with np.errstate(all="ignore"):
        values = layer.to_numpy()(x, index)
        pulled = layer.reverse().composite.to_numpy()(x, index, w)
    np.testing.assert_allclose(values[2:], [share, 1 - share, 1])
    assert np.isnan(values[:2]).all() if empty is None else (values[:2] == 0).all()
    slope = share * (1 - share)
    np.testing.assert_allclose(pulled[2:], [-slope, slope, 0], atol=1e-12)
    run = layer.to_jax()
    slopes = jax.vjp(lambda x: run(x, index), jnp.array(x))[1](jnp.array(w, "float32"))[0]
    np.testing.assert_allclose(slopes[2:], pulled[2:], atol=1e-6)
    if empty == 0:
        assert (pulled[:2] == 0).all() and (slopes[:2] == 0).all()
        assert_one_derivative(layer, x, index)
    with pytest.raises(ncd.errors.NcdError, match="empty=1"):
        nn.segment_softmax("e -> n", empty=1)


def test_equal_eigenvalues():
    values = ncd.diagram("i j=i -> e=i")(lambda a: eigh("i j")(a)[0])
    vectors = ncd.diagram("i j=i -> i e=i")(lambda a: eigh("i j")(a)[1])
    for matrix in (np.diag([1., 1., 2.]), np.diag([1., 3., 2.]), np.eye(3)):
        assert_one_derivative(values, matrix, second=False)
        assert_one_derivative(vectors, matrix, second=False)


# -- what the documentation states ---------------------------------------------------------
X = ncd.diagram("x -> x")
STATED = [
    (nn.relu, 0.0, 0.0), (nn.abs, 0.0, 0.0), (nn.sqrt, 0.0, 0.0), (nn.sign, 0.0, 0.0),
    (ncd.elementwise("maximum", None, 1), 1.0, 0.0), (ncd.elementwise("minimum", None, 1), 1.0, 0.0),
    (ncd.elementwise("power", None, 0.5), 0.0, 0.0), (ncd.elementwise("power", None, 2), 0.0, 0.0),
    (ncd.elementwise("power", None, 1), 0.0, 1.0), (ncd.elementwise("power", None, 0), 0.0, 0.0),
    (ncd.elementwise("power", 0, None), 0.0, 0.0), (nn.log, 0.0, inf), (nn.leaky_relu(0.5), 0.0, 0.5),
    (row_of("where(x > 0, log(x), 0)"), 0.0, 0.0), (row_of("where(x > 0, x ** 0.5, 3 * x)"), 0.0, 3.0)]


@pytest.mark.parametrize("diagram, x, slope", STATED, ids=str)
def test_the_slopes_that_are_stated(diagram, x, slope):
    program = diagram.to_jax()
    assert diagram.gradient().to_numpy()(np.array(x)) == slope
    assert jax.grad(program)(x) == slope
    assert jax.jvp(program, (x,), (1.0,))[1] == slope
    assert jax.vmap(jax.grad(program))(jnp.full(2, x)).tolist() == [slope, slope]


def test_vectors_that_are_stated():
    zero, nothing = jnp.zeros(3), jnp.full(3, -inf)
    assert jax.grad(nn.l2_norm("x").to_jax())(zero).tolist() == [0, 0, 0]
    assert jax.grad(nn.logsumexp("x").to_jax())(nothing).tolist() == [0, 0, 0]
    assert jax.grad(ncd.reduce("max", "x").to_jax())(jnp.array([3., 1., 3.])).tolist() == [0.5, 0, 0.5]
    pair = ncd.elementwise("maximum").to_jax()
    assert [float(g) for g in jax.grad(pair, (0, 1))(2.0, 2.0)] == [0.5, 0.5]


def test_a_product_of_segments():
    run = ncd.segment("product", "e -> n=2").to_jax()
    x, index = jnp.array([2., 3., 5., 0., 7.]), jnp.array([0, 0, 0, 1, 1])
    assert jax.grad(lambda x: run(x, index) @ jnp.array([1., 10.]))(x).tolist() == [15, 10, 6, 70, 0]
    assert jax.hessian(lambda x: run(x, index)[0])(x)[0].tolist() == [0, 5, 3, 0, 0]


def test_a_derivative_of_ones_own():
    step = X(lambda x: nn.floor(x + 0.5))
    pulled = ncd.custom_derivative(step, reverse=ncd.diagram("x, x -> x")(lambda x, w: w * 3))
    pushed = ncd.custom_derivative(step, forward=ncd.diagram("x, x -> x")(lambda x, v: v * x))
    one_way = ncd.custom_derivative(step, reverse=ncd.diagram("x, x -> x")(lambda x, w: nn.tanh(w)))
    x = jnp.array([0.2, 1.7])
    for d, slope in ((pulled, [3, 3]), (pushed, x.tolist()), (one_way, np.tanh([1., 1.]).tolist())):
        np.testing.assert_allclose(jax.grad(lambda x, d=d: d.to_jax()(x).sum())(x), slope, rtol=1e-6)
        np.testing.assert_allclose(jax.grad(lambda x, d=d: d.lift("b").to_jax()(x[None]).sum())(x), slope,
                                   rtol=1e-6)
        assert d.to_jax()(x).tolist() == [0.0, 2.0]
    assert jax.jvp(pulled.to_jax(), (x,), (jnp.ones(2),))[1].tolist() == [3, 3]


def test_inside_blocks_and_scans():
    layer = nn.residual(nn.relu.on("x")).block("b").repeat(3)
    assert jax.grad(lambda x: layer.to_jax()(x).sum())(jnp.zeros(2)).tolist() == [1, 1]


# -- no cost where nothing is differentiated, none in time where it is --------------------
def flops(function, *arguments) -> float:
    return jax.jit(function).lower(*arguments).compile().cost_analysis()["flops"]


def test_the_program_is_no_dearer():
    model = (nn.linear("x -> y") >> nn.relu >> nn.linear("y -> z")).lift("n")
    params, x = model.init(0, x=8, y=16, z=4), jnp.ones((32, 8))
    run = model.to_jax()

    def by_hand(params, x):
        first, second = params["linear"], params["linear_1"]
        return jax.nn.relu(x @ first["weight"] + first["bias"]) @ second["weight"] + second["bias"]
    assert flops(run, params, x) == flops(by_hand, params, x)
    gradients = [jax.grad(lambda p, x, f=f: f(p, x).sum()) for f in (run, by_hand)]
    ours, theirs = (flops(g, params, x) for g in gradients)
    assert ours <= theirs
