"""The derivative as a diagram: its types, what it keeps, its conventions, its errors."""

from __future__ import annotations

import jax
import numpy as np
import pytest

import ncd
from ncd import nn
from ncd.construct import generators
from ncd.core.array import Array
from ncd.errors import ArityError, AxisError, InputError, NcdError, RuleError, SizeError
from ncd.interpret.derivative import Policy
from ncd.interpret.reference import run
from ncd.ops.control import Opaque
from tests.derivatives import distance, in_jax, ours, point
from tests.semantics.test_zoo import PARTS
from tests.semantics.test_zoo import SIZES as ZOO_SIZES

SIZES = {"x": 3, "y": 2, "m": 4, "k": 2, "h": 2, "f": 3, "d": 3, "g": 1, "n": 2, "b": 1, "t": 3}


@ncd.diagram("b m -> b k")
def perceptron(x):
    x = nn.relu(nn.linear("m -> h")(x))
    return nn.linear("h -> k")(x)


# -- types -----------------------------------------------------------------------------
def test_the_lens_and_its_parts():
    lens = perceptron.reverse()
    assert str(lens.forward) == "b m -> b k, b m, b h"
    assert str(lens.backward) == "b m, b h, b k -> b m, m h, h, h k, k"
    assert str(lens.composite) == "b m, b k -> b m, m h, h, h k, k"
    assert [str(item) for item in lens.residuals] == ["input 0 : b m", "relu : b h"]
    assert str(lens.residual_elements) == "b*h + b*m"
    assert {"/".join(path) for path in lens.parameters} == {
        "linear/weight", "linear/bias", "linear_1/weight", "linear_1/bias"}


def test_the_order_of_the_parameters_is_that_of_the_pytree_of_the_diagram():
    from ncd.traverse.places import places
    lens = perceptron.reverse()
    assert lens.parameters == tuple(places(perceptron)[0])
    found = lens.split(list(range(5)))
    assert found[0] == (0,) and set(found[1]) == {"linear", "linear_1"}


def test_join_is_the_inverse_of_split():
    lens, flat = perceptron.reverse(), list(range(5))
    assert lens.join(*lens.split(flat)) == tuple(flat)
    slopes = lens.split(flat)[1]
    assert perceptron.forward("parameters").join((), slopes) == (1, 2, 3, 4)
    assert perceptron.forward(["linear_1/bias", 0]).join((7,), slopes) == (7, slopes["linear_1"]["bias"])
    for bad, what in (((7, 8), "tangents of other inputs"), (7, "int, not a tuple"), ((), "0 of inputs")):
        with pytest.raises(ncd.NcdError, match=what):
            lens.join(bad, slopes)
    with pytest.raises(ncd.NcdError, match="no parameter at linear/weight"):
        lens.join((7,), {})


def test_the_tangents_of_a_hessian_are_those_of_the_gradient():
    """A parameter that the gradient does not depend on has a tangent all the same."""
    summed = nn.linear("m -> m") >> ncd.reduce("sum", "m")
    assert str(summed.hessian_vector("parameters")) == "m, m m'=m, m -> m m'=m, m"
    params, x = summed.init(0, m=3), np.ones(3)
    product = summed.hessian_vector("parameters")
    rates = product.split(product.to_numpy()(params, x, *product.join((), params)))
    assert not any(np.any(rate) for rate in rates[1]["linear"].values())

    loss = nn.linear("m -> m") >> nn.tanh >> nn.linear("m -> m") >> ncd.reduce("sum", "m")
    params = loss.init(0, m=3)
    product = loss.hessian_vector()
    assert product.dom.inside[1:] == product.cod.inside
    (found,), slopes = product.split(product.to_jax()(params, x, *product.join((x,), params)))
    run = loss.to_jax()
    want = jax.jvp(jax.grad(lambda x, p: run(p, x), (0, 1)), (x, params), (x, params))[1]
    assert jax.tree.all(jax.tree.map(lambda a, b: np.allclose(a, b, atol=1e-4), (found, slopes), want))


def test_the_composite_is_forward_then_backward():
    model = (perceptron >> nn.tanh).block("model")
    for diagram in (model, nn.layer_norm("m"), ncd.zoo.scaled_attention()):
        lens = diagram.reverse()
        drop = ncd.Diagram.discard(diagram.cod)
        keep = ncd.Diagram.id(ncd.Ty.of(item.array for item in lens.residuals))
        both = (lens.forward >> drop @ keep) @ ncd.Diagram.id(diagram.cod)
        assert lens.composite == both >> lens.backward or diagram.op.place is not None
        assert lens.composite.dom == both.dom


def test_the_pushforward_has_values_and_tangents():
    assert str(perceptron.forward(0)) == "b m, b m -> b k, b k"
    assert perceptron.jvp(0) == perceptron.forward(0)
    assert str(perceptron.vjp(0)) == "b m, b k -> b k, b m"


def test_what_is_differentiated_in_can_be_chosen():
    assert str(perceptron.reverse("inputs").composite) == "b m, b k -> b m"
    assert perceptron.reverse(["linear"]).parameters == (("linear", "weight"), ("linear", "bias"))
    assert perceptron.reverse(["linear_1/bias", 0]).inputs == (0,)
    # What the cotangent of a bias needs is nothing: no activation is kept.
    assert perceptron.reverse("linear_1/bias").residuals == ()


def test_integers_and_truth_values_have_no_tangent():
    lens = nn.cross_entropy("c").on("b c, b : index(c)").reverse()
    assert str(lens.composite) == "b c, b : index(c), b -> b c"
    picked = nn.router("m", "n=4", 2).reverse(0)
    assert str(picked.composite) == "m, choice=2 -> m"


def test_a_linear_map_keeps_nothing_of_its_input():
    lens = nn.linear("m -> k", bias=False).reverse(0)
    assert lens.residuals == ()
    assert nn.softmax("x").reverse().residuals[0].name == "softmax[x]"
    assert len(nn.softmax("x").reverse().residuals) == 1
    assert len(nn.layer_norm("m", scale=False, shift=False).reverse().residuals) == 2


def test_the_result_is_an_ordinary_diagram():
    composite = nn.self_attention(mask="causal").reverse().composite
    assert ncd.from_json(composite.to_json()) == composite
    assert composite.check() is composite
    assert composite.draw().startswith("<svg") and "∂self_attentionᵀ" in composite.listing()
    assert composite.cost().flops != 0
    assert composite.reverse().composite.reverse().composite.check()


@pytest.mark.parametrize("name", sorted(ncd.zoo.ZOO))
def test_derivatives_are_kept_as_json_and_drawn(name):
    lens = ncd.zoo.ZOO[name]().reverse(policy="contractions")
    for diagram in (lens.forward, lens.backward, lens.composite, ncd.zoo.ZOO[name]().forward()):
        assert ncd.from_json(diagram.to_json()) == diagram
        assert diagram.draw(depth=1).startswith("<svg") and diagram.listing()
        assert diagram.cost().flops != 0


def test_a_stated_transpose_is_kept_as_json():
    known = ncd.custom_derivative(generators.opaque("f", "x -> x"),
                                  reverse=ncd.diagram("x, x -> x")(lambda x, w: w * nn.cos(x)))
    forward = known.forward()
    assert ncd.from_json(forward.to_json()) == forward


def test_a_chain_has_a_small_multiple_of_its_boxes():
    chain = ncd.diagram("x -> x")(lambda x: _repeat(x, 300))
    lens = chain.reverse()
    assert len(lens.composite.graph) <= 3 * len(chain.graph)


def _repeat(x, count):
    for _ in range(count):
        x = nn.tanh(x)
    return x


def test_what_reaches_no_result_is_pruned():
    @ncd.diagram("x, y -> x")
    def waste(x, y):
        nn.tanh(y)
        return nn.exp(x)
    lens = waste.reverse()
    assert [item.name for item in lens.residuals] == ["exp"]
    assert [op.name for op in lens.backward.graph.ops] == ["multiply", "constant[0.0]"]


# -- blocks and scans ------------------------------------------------------------------
def test_a_block_stays_a_block():
    model = nn.transformer_block("x m", "f")
    names = [op.name for op in model.reverse().composite.graph.ops]
    assert "transformer_block" in names and "∂transformer_blockᵀ" in names
    shared = nn.residual(nn.tanh.on("x")).block("shared")
    twice = (shared >> shared).reverse()
    assert [op.name for op in twice.backward.graph.ops] == ["∂sharedᵀ", "∂sharedᵀ"]


def test_blocks_inside_blocks_do_not_recurse():
    model = nn.tanh.on("x")
    for n in range(600):
        model = model.block(f"b{n}") if n % 2 else (model >> nn.sin.on("x"))
    lens = model.reverse()
    x = np.array([0.3, 0.1])
    assert np.isfinite(run(lens.composite, x, np.ones(2))).all()


POLICIES = ("everything", "nothing", "contractions", "blocks", Policy(scan="recompute"), Policy(scan="sqrt"),
            Policy(scan=2), Policy("nothing", 3), Policy(lambda op: op.name == "tanh"))


def noisy(x):
    return x + nn.dropout(0.3)(nn.gelu(nn.layer_norm("m")(x)) * ncd.parameter("w", "m")())


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: str(policy).split(" at 0x")[0])
@pytest.mark.parametrize("model", ["repeat", "nested", "gru", "block"])
def test_a_policy_changes_what_is_kept_and_nothing_else(model, policy):
    layer = ncd.diagram("x m -> x m")(noisy)
    diagram = {"repeat": layer.repeat(5), "gru": ncd.zoo.gru().bind(t=7), "block": layer.block("a").repeat(2),
               "nested": layer.block("inner").repeat(2).block("outer").repeat(3)}[model]
    at = point(diagram, SIZES)
    pushed, pulled = ours(at, "jax", policy=policy)
    _, rates, weighed = in_jax(at)
    assert distance(pushed, rates) < 1e-12 and distance(pulled, weighed) < 1e-12


def test_less_is_kept_and_more_is_computed():
    model = nn.transformer_block("x m", "f").repeat(16)
    kept = {name: model.reverse(policy=policy).residual_elements for name, policy in {
        "everything": "everything", "contractions": "contractions", "blocks": "blocks",
        "recompute": Policy(scan="recompute"), "sqrt": Policy(scan="sqrt"), "nothing": "nothing"}.items()}
    sizes = {"x": 128, "m": 64, "h": 4, "k": 16, "f": 256}
    numbers = {name: size.evaluate(sizes) for name, size in kept.items()}
    assert numbers["everything"] > numbers["contractions"] > numbers["recompute"] > numbers["sqrt"] \
        > numbers["nothing"]
    assert kept["recompute"] == kept["blocks"] == 16 * model.dom.inside[0].elements
    assert kept["sqrt"] == 4 * model.dom.inside[0].elements
    assert kept["nothing"] == model.dom.inside[0].elements
    cost = {name: model.reverse(policy=policy).backward.cost().evaluate(**sizes)["flops"]
            for name, policy in (("everything", "everything"), ("recompute", Policy(scan="recompute")))}
    assert cost["recompute"] > cost["everything"]


@pytest.mark.parametrize("scan", ["sqrt", 3, 64])
def test_a_scan_of_a_symbolic_length_in_segments(scan):
    step = ncd.diagram("m, m -> m, m")(lambda s, x: (nn.tanh(s + x), s * x))
    model = ncd.scan(step, "t", sequences=1)
    cut, plain = (model.reverse(policy=policy).composite for policy in (Policy(scan=scan), "everything"))
    for t in (2, 3, 9, 10, 17):
        draw = np.random.default_rng(t)
        given = [draw.normal(size=size) for size in ((2,), (t, 2), (2,), (t, 2))]
        for one, other in zip(cut.to_numpy()(*given), plain.to_numpy()(*given)):
            np.testing.assert_allclose(one, other, rtol=1e-9)
    assert "t" in cut.symbols and "t=100" not in str(cut)
    with pytest.raises(SizeError, match=r"(?s)not positive whole numbers.* is 0 in .* at t = 1"):
        cut.to_jax()(*(np.ones(size) for size in ((2,), (1, 2), (2,), (1, 2))))


# -- second derivatives ----------------------------------------------------------------
@pytest.mark.parametrize("name", PARTS)
def test_the_derivative_is_differentiated_again(name):
    at = point(ncd.zoo.ZOO[name]().reverse().composite, ZOO_SIZES)
    pushed, pulled = ours(at, "jax")
    _, rates, weighed = in_jax(at)
    assert distance(pushed, rates) < 1e-9 and distance(pulled, weighed) < 1e-9


def test_the_hessian_times_a_vector():
    @ncd.diagram("b m -> ()")
    def loss(x):
        return ncd.reduce("sum", "b k")(nn.square(nn.tanh(nn.linear("m -> k")(x))))
    with jax.enable_x64(True):
        params = {"linear": {"weight": np.cos(np.arange(8.0)).reshape(4, 2), "bias": np.ones(2)}}
        x, v = np.sin(np.arange(12.0)).reshape(3, 4), np.cos(np.arange(12.0)).reshape(3, 4)
        program = loss.to_jax()
        wanted = jax.jvp(jax.grad(lambda x: program(params, x)), (x,), (v,))[1]
        found = loss.hessian_vector(0).to_jax()(params, x, v)
        np.testing.assert_allclose(found, wanted, rtol=1e-10)


def test_the_hessian_takes_a_tangent_for_every_parameter():
    """The gradient does not read a bias that the value is linear in: it has a tangent all the same."""
    @ncd.diagram("n m -> ()")
    def loss(x):
        ncd.parameter("unused", "k")()
        return ncd.reduce("sum", "n k")(nn.linear("h -> k")(nn.tanh(nn.linear("m -> h")(x))))
    slope, product = loss.gradient(), loss.hessian_vector()
    assert product.cod == slope.cod and product.dom == loss.dom @ slope.cod
    only = loss.hessian_vector("linear_1/bias")
    params = loss.init(0, m=2, h=4, k=3)
    assert str(only) == "n m, k -> k"
    assert only.to_numpy()(params, np.ones((4, 2)), np.ones(3)).tolist() == [0, 0, 0]


# -- conventions -----------------------------------------------------------------------
def pulled_back(diagram, *inputs):
    inputs = [np.asarray(x, float) for x in inputs]
    out = run(diagram, *inputs)
    return run(diagram.reverse().composite, *inputs, np.ones(np.shape(out)))


@pytest.mark.parametrize("name, x, slope", [
    ("relu", 0.0, 0.0), ("abs", 0.0, 0.0), ("sign", 0.0, 0.0), ("floor", 1.0, 0.0), ("sqrt", 0.0, 0.0),
    ("leaky_relu", 0.0, 0.2), ("elu", 0.0, 1.0)])
def test_a_kink_has_the_stated_slope(name, x, slope):
    made = getattr(nn, name)
    made = made(0.2) if name == "leaky_relu" else made() if name == "elu" else made
    assert pulled_back(made, x) == slope


@pytest.mark.parametrize("name, x, bend", [
    ("softplus", -1000.0, 0), ("softplus", 1000.0, 0), ("silu", -1000.0, 0), ("silu", 1000.0, 0),
    ("sigmoid", -1000.0, 0), ("sqrt", 0.0, 0), ("softplus", 0.0, 0.25), ("silu", 0.0, 0.5)])
def test_a_second_derivative_is_a_number_where_the_first_is(name, x, bend):
    """No ∞/∞ from a quotient of exponentials, no 0·∞ from the branch that was not chosen."""
    assert getattr(nn, name).hessian_vector().to_numpy()(x, 1.0) == bend
    third = ncd.diagram("() -> ()")(lambda a: getattr(nn, name)(a)).gradient().gradient().gradient()
    assert np.isfinite(third.to_numpy()(x))


def test_a_power_at_zero_has_finite_second_derivatives():
    power = ncd.diagram("(), () -> ()")(lambda a, b: a ** b)
    for base in (0.0, -2.0):
        assert np.isfinite(power.hessian_vector().to_numpy()(base, 2.0, 1.0, 1.0)).all()


def test_a_sum_of_no_weight_has_no_slope():
    nothing = np.full(2, -np.inf)
    assert pulled_back(nn.logsumexp("x"), nothing).tolist() == [0, 0]
    assert nn.logsumexp("x").hessian_vector().to_numpy()(nothing, np.ones(2)).tolist() == [0, 0]


def test_ties_share_equally():
    np.testing.assert_array_equal(pulled_back(ncd.reduce("max", "x"), [3.0, 1.0, 3.0, 3.0]),
                                  [1 / 3, 0, 1 / 3, 1 / 3])
    np.testing.assert_array_equal(pulled_back(ncd.reduce("min", "x"), [1.0, 1.0, 2.0]), [0.5, 0.5, 0])
    two = ncd.elementwise("maximum").on("(), ()")
    assert pulled_back(two, 2.0, 2.0) == (0.5, 0.5)


def test_of_equal_entries_topk_takes_the_first():
    top = ncd.diagram("x -> k=2")(lambda x: ncd.topk("x -> k=2")(x)[0])
    np.testing.assert_array_equal(pulled_back(top, [1.0, 3.0, 3.0, 3.0]), [0, 1, 1, 0])


def test_a_segment_shares_its_largest_entry():
    largest = ncd.segment("max", "e -> n").on("e, e : index(n)")
    lens = largest.reverse().composite
    found = run(lens, np.array([2.0, 2.0, 5.0]), np.array([0, 0, 2]), np.array([1.0, 7.0, 1.0]), n=3)
    np.testing.assert_array_equal(found, [0.5, 0.5, 1.0])


def test_products_with_zeros():
    product = ncd.reduce("product", "x")
    np.testing.assert_array_equal(pulled_back(product, [0.0, 2.0, 3.0]), [6, 0, 0])
    np.testing.assert_array_equal(pulled_back(product, [0.0, 0.0, 3.0]), [0, 0, 0])


def test_lengths_at_zero():
    np.testing.assert_array_equal(pulled_back(nn.l2_norm("x"), [0.0, 0.0]), [0, 0])
    assert np.isfinite(pulled_back(nn.l2_normalise("x"), [0.0, 0.0])).all()
    assert np.isfinite(pulled_back(nn.layer_norm("x", scale=False, shift=False), [2.0, 2.0, 2.0])).all()


def test_masked_scores_have_no_slope():
    scores = np.array([[1.0, -np.inf, 2.0], [0.0, -np.inf, -np.inf]])
    for layer in (nn.softmax, nn.log_softmax, nn.logsumexp):
        for faster in (True, False):
            diagram = layer("x").on("y x")
            weight = np.ones((2, 3) if len(diagram.cod.inside[0].axes) == 2 else 2)
            found = run(diagram.reverse(faster=faster).composite, scores, weight)
            assert np.isfinite(found).all(), (layer, faster)
            if layer is not nn.log_softmax:
                np.testing.assert_array_equal(found[scores == -np.inf], 0)


def test_a_row_that_is_masked_throughout_has_no_distribution_and_spoils_no_other():
    scores = np.array([[-np.inf, -np.inf], [0.0, 1.0]])
    found = run(nn.softmax("x").on("y x").reverse().composite, scores, np.eye(2))
    assert np.isnan(found[0]).all() and np.isfinite(found[1]).all()


def test_where_takes_the_slope_of_what_it_chose():
    @ncd.diagram("x -> x")
    def safe_log(x):
        good = x > 0
        return ncd.where(good, nn.log(ncd.where(good, x, 1.0)), 0.0)
    np.testing.assert_array_equal(pulled_back(safe_log, [0.5, -1.0, 0.0]), [2, 0, 0])


def test_a_stop_stops():
    stopped = ncd.diagram("x -> x")(lambda x: x * generators.stop()(x))
    np.testing.assert_array_equal(pulled_back(stopped, [2.0, 3.0]), [2, 3])


def test_repeated_eigenvalues_count_as_no_gap():
    from ncd.ops.matrix import Eigh
    eigh = Eigh(Array([ncd.Axis("i", 2), ncd.Axis("j", 2)]), "i", "j", "e").diagram
    found = run(eigh.reverse().composite, np.eye(2), np.array([1.0, 2.0]), np.ones((2, 2)))
    assert np.isfinite(found).all()
    assert np.trace(found) == pytest.approx(3)


def test_the_same_key_again():
    layer = nn.dropout(0.5).on("x")
    x, program = np.ones(40, "float32"), layer.reverse().to_jax()
    kept = layer.to_jax()(x, key=3)
    np.testing.assert_array_equal(program(x, x, key=3), kept)
    residual = layer.reverse().residuals
    assert all("key" not in item.name for item in residual)


# -- your own derivative ---------------------------------------------------------------
ROUND = ncd.diagram("x -> x")(lambda x: nn.floor(x + 0.5))


def test_a_stated_reverse_derivative():
    through = ncd.custom_derivative(ROUND, reverse=ncd.diagram("x, x -> x")(lambda x, w: w * 3), name="round")
    x = np.array([0.2, 1.7])
    np.testing.assert_array_equal(run(through, x), [0, 2])
    np.testing.assert_array_equal(pulled_back(through, x), [3, 3])
    # The other direction is its transpose, broadcasting lifts both.
    np.testing.assert_array_equal(run(through.forward(), x, np.array([1.0, 2.0]))[1], [3, 6])
    lifted = through.lift("b")
    np.testing.assert_array_equal(run(lifted.reverse().composite, x[None], x[None])[0], 3 * x)
    assert through.draw().startswith("<svg") and ncd.from_json(through.to_json()) == through


def test_a_stated_forward_derivative():
    through = ncd.custom_derivative(ROUND, forward=ncd.diagram("x, x -> x")(lambda x, v: v * x))
    np.testing.assert_array_equal(pulled_back(through, [2.0, 3.0]), [2, 3])


def test_a_derivative_that_reads_the_result():
    exp = ncd.custom_derivative(nn.exp.on("x"), reverse=ncd.diagram("x, x, x -> x")(lambda x, y, w: w * y))
    np.testing.assert_allclose(pulled_back(exp, [0.5]), np.exp([0.5]))
    assert [item.name for item in exp.reverse().residuals] == ["exp"]


def test_an_opaque_operation_with_a_derivative():
    spectrum = generators.opaque("spectrum", "x -> x")
    table = ncd.reference | {"spectrum": lambda run, op, x: np.sin(x)}
    known = ncd.custom_derivative(spectrum, reverse=ncd.diagram("x, x -> x")(lambda x, w: w * nn.cos(x)))
    model = ncd.diagram("b x -> b")(lambda x: ncd.reduce("sum", "x")(known(x * 2)))
    x = np.arange(6.0).reshape(2, 3)
    found = run(model.reverse().composite, x, np.ones(2), interpretation=table)
    np.testing.assert_allclose(found, 2 * np.cos(2 * x))


def test_an_opaque_reverse_has_no_forward():
    (array,) = ncd.Ty("x").inside
    backward = Opaque("backward", (array, array), (array,))
    known = ncd.custom_derivative(generators.opaque("spectrum", "x -> x"), reverse=backward)
    assert [op.name for op in known.reverse().backward.graph.ops] == ["backward"]
    with pytest.raises(RuleError, match="`spectrum` has no forward derivative"):
        known.block("inside").forward()


def test_custom_derivative_refuses():
    with pytest.raises(NcdError, match="states no derivative"):
        ncd.custom_derivative(ROUND)
    with pytest.raises(ArityError, match="the reverse derivative has another type"):
        ncd.custom_derivative(ROUND, reverse=nn.tanh.on("x"))
    with pytest.raises(AxisError, match="the forward derivative has another type"):
        ncd.custom_derivative(ROUND, forward=ncd.diagram("y, y -> y")(lambda x, v: v))
    with pytest.raises(NcdError, match="make them inputs"):
        ncd.custom_derivative(nn.linear("m -> k"), reverse=nn.tanh)
    with pytest.raises(NcdError, match="an operation or a diagram"):
        ncd.custom_derivative(3, reverse=nn.tanh)


# -- bad input -------------------------------------------------------------------------
def test_an_integer_array_has_no_derivative():
    with pytest.raises(AxisError, match=r"input 1 is `b : index\(c\)`: only floats have a derivative"):
        nn.cross_entropy("c").on("b c, b : index(c)").reverse(1)


@pytest.mark.parametrize("wrt, message", [
    (3, "there is no input 3"), (-2, "there is no input -2"), ("nowhere", "there is no parameter at nowhere"),
    ("linear/scale", "there is no parameter at linear/scale"), (2.5, "wrt=2.5"), (True, "wrt=True")])
def test_a_wire_that_does_not_exist(wrt, message):
    with pytest.raises(InputError, match=message):
        perceptron.reverse(wrt)


def test_nothing_to_differentiate_in():
    with pytest.raises(InputError, match="names nothing"):
        perceptron.reverse([])
    with pytest.raises(AxisError, match="nothing to differentiate in"):
        ncd.constant(1.0).reverse()


def test_the_gradient_is_of_a_scalar():
    with pytest.raises(AxisError, match=r"reverse\(\)") as error:
        perceptron.gradient()
    assert "b k" in str(error.value)
    with pytest.raises(AxisError, match="one scalar"):
        ncd.diagram("() -> (), ()")(lambda x: (x, x)).gradient()


def test_an_operation_without_a_derivative_is_named_with_its_place():
    spectrum = generators.opaque("spectrum", "x -> x")
    model = (nn.tanh.on("x") >> spectrum).block("inner").block("outer")
    with pytest.raises(RuleError) as error:
        model.reverse()
    assert "`spectrum`" in str(error.value) and "custom_derivative" in str(error.value)
    assert error.value.details["place"] == "outer/inner"


def test_a_policy_that_does_not_exist():
    with pytest.raises(NcdError, match="everything, nothing, contractions, blocks"):
        perceptron.reverse(policy="some")
    with pytest.raises(NcdError, match="store, sqrt, recompute"):
        perceptron.reverse(policy=Policy(scan=0))


# -- transposes ------------------------------------------------------------------------
def test_only_linear_diagrams_have_a_transpose():
    assert str(nn.linear("m -> k", bias=False).transpose()) == "k -> m"
    for layer, name in ((nn.relu, "relu"), (nn.linear("m -> k"), "add"), (nn.softmax("x"), "divide")):
        with pytest.raises(RuleError, match=f"`{name}.*is not linear") as error:
            layer.transpose()
    assert error.value.details["place"] == "softmax[x]"
    assert ncd.reduce("sum", "x").on("x y").transpose().transpose() == ncd.reduce("sum", "x").on("x y")


def test_a_running_sum_is_transposed():
    add = ncd.diagram("(), () -> (), ()")(lambda s, x: (s + x, s + x))
    total = ncd.diagram("t -> t")(lambda x: ncd.scan(add, "t", 1, 1)(ncd.constant(0.0)(), x)[1])
    np.testing.assert_array_equal(run(total.transpose(), np.array([1.0, 2.0, 3.0])), [6, 5, 3])
    shifted = ncd.diagram("t -> t")(lambda x: ncd.scan(add, "t", 1, 1)(ncd.constant(1.0)(), x)[1])
    with pytest.raises(RuleError, match="not linear in its state 1"):
        shifted.transpose()
