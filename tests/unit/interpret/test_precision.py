"""Floats narrower than float32: folds, moments, norms, softmax and losses go through float32."""

from __future__ import annotations

import jax
import jax.extend
import jax.numpy as jnp
import numpy as np
import pytest

import ncd
from ncd import nn
from ncd.construct import derived
from ncd.construct.generators import eigh, opaque, solve
from ncd.construct.notation import labels_of as words
from ncd.interpret.jax.precision import Unrounded
from ncd.interpret.jax.rules import RULES
from ncd.ops.pointwise import Map, Reduce

NARROW = [jnp.float16, jnp.bfloat16]
EDGES = "n=5 f, e : index(5), e : index(5)"
FOLDS = {
    **{name: getattr(nn, name)("m").on("b m") for name in (
        "softmax", "log_softmax", "logsumexp", "layer_norm", "rms_norm", "mean", "variance", "l2_norm",
        "l2_normalise", "global_mean_pool", "mean_pool", "sum_pool", "max_pool")},
    **{f"reduce {name}": ncd.reduce(name, "m").on("b m") for name in ("sum", "product", "max", "min")},
    "einsum": ncd.einsum("b m -> b"), "shares": derived.normalise("m").on("b m"),
    "cross_entropy": nn.cross_entropy("m").on("b m, b : index(m)"),
    "group_norm": nn.group_norm("m=64", 4).on("b m=64"), "batch_norm": nn.batch_norm("b", "m"),
    "batch_norm_inference": nn.batch_norm_inference("m").on("b m"),
    "cosine": derived.cosine("m").on("b m, c m"),
    "segment_softmax": nn.segment_softmax("e -> n=5").on("e f, e : index(5)"),
    **{f"message_passing {fold}": nn.message_passing(fold).on(EDGES) for fold in nn.graph.FOLDS},
    **{f"readout {fold}": nn.readout(fold, "n -> b=2").on("n f, n : index(2)") for fold in nn.graph.FOLDS}}
NO_FOLD = set(words("""
    abs cos elu erf exp floor gelu gelu_tanh leaky_relu log negate reciprocal relu rsqrt sigmoid sign silu sin
    softplus sqrt square tanh
    convolution depthwise_separable star embedding linear unembedding learned_position rotary sinusoidal
    causal_mask window_mask adam sgd dropout normalised_adjacency
    linear_recurrence state_space selective_state_space rnn_cell gru_cell lstm_cell rnn gru lstm bidirectional
    attention cross_attention grouped_query_attention multi_head_attention self_attention feed_forward
    gated_feed_forward graph_convolution graph_isomorphism mixture_of_experts router post_norm pre_norm
    residual transformer_block"""))
"""Maps; products and moves; steps of a scan; what is made of the others."""

SIZES = {"b": 3, "c": 2, "m": 64, "e": 40, "f": 4, "n": 6}


def entries(kind: str, shape, random):
    """Numbers whose squares, sums or epsilons are beyond a narrow type, or whose mean is far from 0."""
    if kind == "large":
        return random.choice([-300.0, 300.0], shape)
    if kind == "far":
        return 500 + random.standard_normal(shape)
    return 1e-4 * random.standard_normal(shape) if kind == "small" else np.zeros(shape)


def given(diagram, kind, dtype, seed=0):
    """The inputs in a narrow type, and the same numbers in float64."""
    random, inputs = np.random.default_rng(seed), []
    for array in diagram.dom.inside:
        shape = [axis.size.evaluate(SIZES) for axis in array.axes]
        if array.dtype == "int":
            inputs.append(random.integers(0, array.bound.evaluate(SIZES), shape))
        else:
            inputs.append(jnp.asarray(entries(kind, shape, random), dtype))
    return inputs, [np.asarray(x, float) if x.dtype == dtype else x for x in inputs]


def assert_near(found, wanted, dtype, spread=0.0, lost=None):
    """Equal up to the narrow type's precision: 4 units in the last place, or up to what float32 loses."""
    for ours, theirs in zip(*(x if isinstance(x, tuple) else (x,) for x in (found, wanted))):
        assert ours.dtype == dtype
        with np.errstate(over="ignore"):
            theirs = np.asarray(jnp.asarray(np.asarray(theirs), dtype), float)
        eps = float(jnp.finfo(dtype).eps)
        scale = np.abs(theirs[np.isfinite(theirs)]).max(initial=0)
        ours = np.asarray(ours, float)
        if lost is not None:
            ours = np.where(np.abs(ours - theirs) <= lost, theirs, ours)
        np.testing.assert_allclose(ours, theirs, rtol=4 * eps, atol=spread * eps * scale + 2e-7)


def lost_to_a_mean(name: str, inputs):
    """What half a unit of float32 in a mean becomes by the division: much where a batch of 3 is all equal.

    XLA multiplies by 1/3 where it divides by 3, and rounds that with the subtraction or before, as the
    processor has it: 300 − 900/3 is not 0.
    """
    if name != "batch_norm":
        return None
    (x,) = inputs
    return float(np.finfo(np.float32).eps) / 2 * np.abs(x).max(0) / np.sqrt(x.var(0) + 1e-5)


@pytest.mark.parametrize("dtype", NARROW)
@pytest.mark.parametrize("name", FOLDS)
def test_a_fold_and_its_derivative_go_through_float32(name, dtype):
    diagram = FOLDS[name]
    lens = diagram.reverse("inputs").composite
    run, pull = diagram.to_jax(), lens.to_jax()
    compiled, pulled = jax.jit(run), jax.jit(pull)
    for kind in ("large", "far", "small", "zero"):
        narrow, exact = given(diagram, kind, dtype)
        params = diagram.init(0, dtype=dtype, **SIZES) if run.slots else None
        params64 = jax.tree.map(lambda x: np.asarray(x, float), params)
        before = [] if params is None else [params]
        values = diagram.to_numpy()(*([] if params is None else [params64]), *exact)
        assert_near(compiled(*before, *narrow), values, dtype, lost=lost_to_a_mean(name, exact))
        weight = jnp.asarray(np.random.default_rng(1).standard_normal(np.shape(values)), dtype)
        before = before if pull.slots else []
        wanted = lens.to_numpy()(*([params64] if before else []), *exact, np.asarray(weight, float))
        if (name, kind) == ("cosine", "far"):
            continue                        # nearly parallel: the derivative is what cancels
        assert_near(pulled(*before, *narrow, weight), wanted, dtype, spread=4)


def test_every_layer_with_a_fold_is_tried():
    assert {name.split()[0] for name in FOLDS if hasattr(nn, name.split()[0])} | NO_FOLD == set(nn.__all__)


def test_the_published_inputs():
    half = jnp.float16
    assert nn.rms_norm("m", scale=False).to_jax()(jnp.full(8, 300, half)).tolist() == [1] * 8
    assert nn.mean("m").to_jax()(jnp.ones(70_000, half)) == 1
    assert nn.variance("m").to_jax()(jnp.array([100, 500], half)) == 40_000
    assert nn.l2_normalise("m").to_jax()(jnp.zeros(4, half)).tolist() == [0] * 4
    mine = ncd.diagram("m")(lambda x: ncd.reduce("sum", "m")(x) / ncd.size("m"))
    assert mine.to_jax()(jnp.ones(70_000, half)) == 1


def test_without_the_rule_the_published_inputs_fail():
    narrow = ncd.jax | {cls: RULES[cls] for cls in (Map, Reduce)}
    assert nn.rms_norm("m", scale=False).to_jax(narrow)(jnp.full(8, 300, jnp.float16)).tolist() == [0] * 8
    assert jnp.isnan(nn.mean("m").to_jax(narrow)(jnp.ones(70_000, jnp.float16)))


@pytest.mark.parametrize("dtype", NARROW)
def test_norms_are_those_of_torch(dtype):
    torch = pytest.importorskip("torch")
    f, x = torch.nn.functional, (300 + 4 * np.random.default_rng(2).standard_normal((5, 64))).astype(dtype)
    same = torch.tensor(x.astype(np.float32)).to(getattr(torch, jnp.dtype(dtype).name))
    for ours, theirs in (
            (nn.layer_norm("m", scale=False, shift=False), f.layer_norm(same, (64,))),
            (nn.softmax("m"), torch.softmax(same, 1)), (nn.logsumexp("m"), torch.logsumexp(same, 1)),
            (nn.mean("m"), same.mean(1)), (nn.l2_norm("m"), torch.linalg.vector_norm(same, dim=1))):
        found = ours.on("b m").to_jax()(jnp.asarray(x))
        np.testing.assert_allclose(found.astype("float32"), theirs.float().numpy(),
                                   rtol=4 * float(jnp.finfo(dtype).eps))


@pytest.mark.parametrize("dtype", NARROW)
def test_jax_differentiates_what_is_unrounded(dtype):
    x = jnp.full(8, 300, dtype).at[0].set(200)
    for layer in (nn.rms_norm("m", scale=False), nn.l2_normalise("m"), nn.log_softmax("m")):
        run = layer.to_jax()
        found = jax.jit(jax.grad(lambda x, run=run: run(x)[0]))(x)
        wanted = layer.reverse().to_numpy()(np.asarray(x, float), np.eye(8)[0])
        assert_near(found, wanted, dtype, spread=4)


@pytest.mark.parametrize("dtype", NARROW)
def test_narrow_data_beside_parameters_in_float32(dtype):
    layer = nn.rms_norm("m")
    found = layer.to_jax()(layer.init(0, m=8), jnp.full(8, 300, dtype))
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(found, np.ones(8), rtol=1e-3)


def dots(jaxpr):
    for equation in jaxpr.eqns:
        if equation.primitive.name in ("dot_general", "conv_general_dilated"):
            yield {v.aval.dtype for v in (*equation.invars, *equation.outvars)}
        for inner in jax.extend.core.jaxprs_in_params(equation.params):
            yield from dots(inner)


@pytest.mark.parametrize("dtype", NARROW)
def test_matrix_products_stay_narrow(dtype):
    block = nn.transformer_block("x m=8", "f=16", heads=2, width=4).repeat(2)
    train = ncd.diagram("x m=8")(lambda x: nn.mean("x m")(block(x))).gradient()
    for diagram in (block, train):
        params = block.init(0, dtype=dtype)
        jaxpr = jax.make_jaxpr(diagram.to_jax())(params, jnp.ones((4, 8), dtype))
        found = list(dots(jaxpr.jaxpr))
        assert found and all(kinds == {jnp.dtype(dtype)} for kinds in found)
        assert {v.aval.dtype for v in jaxpr.jaxpr.outvars} == {jnp.dtype(dtype)}


def test_programs_in_float32_hold_nothing_narrower():
    block = nn.transformer_block("x m=8", "f=16", heads=2, width=4)
    run, params = block.reverse().to_jax(), block.init(0)
    assert "f16" not in str(jax.make_jaxpr(run)(params, jnp.ones((4, 8)), jnp.ones((4, 8))))


@pytest.mark.parametrize("dtype", NARROW)
def test_what_an_einsum_sums_early_is_not_rounded(dtype):
    early = ncd.einsum("a b, a -> ()").to_jax()
    found = early(jnp.ones((2, 70_000), dtype), jnp.full(2, 2 ** -12, dtype))
    assert found == jnp.asarray(70_000 / 2 ** 11, dtype)


@pytest.mark.parametrize("dtype", NARROW)
def test_a_wire_has_one_value(dtype):
    """What was selected is equal to one of those it was selected from, whoever reads them."""
    x = jnp.asarray(np.random.default_rng(3).standard_normal(64), dtype)
    for fold in ("max", "min"):
        largest = ncd.diagram("m -> ()")(lambda x, fold=fold: ncd.reduce(fold, "m")(nn.exp(x)))
        value, slope = largest.vjp().to_jax()(x, jnp.ones((), dtype))
        assert value in jnp.exp(x.astype("float32")).astype(dtype) and float(jnp.abs(slope).max()) > 0
    seen = []
    look = opaque("look", "m -> m")
    def rule(run, op, value):
        seen.append(value)
        return value
    ncd.diagram("m")(lambda x: look(nn.square(x)) + 1).to_jax(ncd.jax | {look: rule})(x)
    assert not isinstance(seen[0], Unrounded) and seen[0].dtype == dtype


def test_a_rule_of_ones_own_is_given_rounded_values():
    seen = []
    def rule(run, op, value):
        seen.append(value.dtype)
        return RULES[Reduce](run, op, value)
    nn.variance("m").to_jax(ncd.jax | {Reduce: rule})(jnp.ones(4, jnp.bfloat16))
    assert seen == [jnp.bfloat16] * 2


@pytest.mark.parametrize("dtype", NARROW)
def test_systems_and_eigenvalues_are_solved_in_float32(dtype):
    a, b = np.array([[4.0, 1.0], [1.0, 3.0]]), np.array([1.0, 2.0])
    system, values = solve("i j"), eigh("i e")
    for diagram, inputs in ((system, (a, b)), (values, (a,)), (system.reverse(), (a, b, b))):
        found = diagram.to_jax()(*(jnp.asarray(x, dtype) for x in inputs))
        assert_near(found, diagram.to_numpy()(*inputs), dtype, spread=2)


# -- rules that would read a rounded result -----------------------------------------------------
@pytest.mark.parametrize("at", [0.0, 1e4, 1e8, -1e8, 3e38])
def test_shares_do_not_depend_on_what_is_added_to_all(at):
    x = np.full(4, at, "float32")
    shares = [0.25] * 4
    assert nn.logsumexp("x").reverse().to_jax()(x, 1.0).tolist() == shares
    first = np.eye(4, dtype="float32")[0]
    assert nn.log_softmax("x").reverse().to_jax()(x, first).tolist() == [0.75, -0.25, -0.25, -0.25]
    loss = nn.cross_entropy("c")
    assert float(loss.to_jax()(x, 1)) == pytest.approx(np.log(4))
    assert loss.reverse().to_jax()(x, 1, 1.0).tolist() == [0.25, -0.75, 0.25, 0.25]


@pytest.mark.parametrize("name", ["arccos", "exp", "sqrt", "log", "tanh", "sigmoid", "softplus", "silu",
                                  "gelu", "gelu_tanh", "rsqrt", "reciprocal"])
def test_slopes_in_float32_are_those_of_float64(name):
    diagram = ncd.elementwise(name)
    x = np.array([1 - 1e-7, 0.999, 0.5, 1e-3, 1e-6], "float32") if name == "arccos" else \
        np.geomspace(1e-3, 60, 40).astype("float32")
    ours = diagram.on("x").reverse().to_jax()(x, np.ones_like(x))
    wanted = diagram.on("x").reverse().to_numpy()(x.astype(float), np.ones(x.shape))
    np.testing.assert_allclose(ours, wanted, rtol=1e-5, atol=4e-7)
