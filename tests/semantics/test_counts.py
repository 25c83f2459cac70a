"""The formula against a counter that knows no formula: loops over numbers that count what is done to them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ncd
from ncd.construct import generators as make
from ncd.core.category import Diagram, Ty
from ncd.errors import RuleError
from ncd.interpret.cost import COST, measure, work
from ncd.ops.matrix import Eigh
from ncd.ops.pointwise import Map, Reduce
from ncd.ops.primitive import BASIS
from ncd.ops.scalar import SCALARS, ScalarFunction
from ncd.traverse.places import find, places
from ncd.zoo.vision import vision_transformer
from tests.counting import Loops, count
from tests.derivatives import distance
from tests.semantics.test_derivative_layers import CASES, at
from tests.semantics.test_zoo import SIZES
from tests.strategies import EXAMPLES, examples, samplers
from theory.catalogue import CATALOGUE, PLACED
from theory.random import Sampler, parameters, values
from theory.variables import KINDS

COUNTED = ("flops", "transcendentals", "reads", "writes")
SMALL = {"mlp_recogniser": lambda: ncd.zoo.mlp_recogniser("y", "x", "d", "k"),
         "identity_resnet": lambda: ncd.zoo.identity_resnet("n", 2).bind(n=1, x=2, y=3),
         "unet": lambda: ncd.zoo.unet("c", depth=1), "vision_transformer": lambda: vision_transformer(2)}


def differences(diagram: Diagram, inputs, params, sizes: dict, table=COST) -> dict:
    """{measure: (what was done, what the formula says)}, where they differ."""
    done, computed, wanted = count(diagram, inputs, params, 5, **sizes)
    assert distance(computed, wanted) < 1e-8, "the loops do not compute the diagram"
    held = sum(np.size(find(params, path)) for path, slot in places(diagram)[0].items() if not slot.stored)
    found = measure(diagram, interpretation=table).evaluate(**sizes)
    seen = {name: getattr(done, name) for name in COUNTED} | {"params": held}
    return {name: (n, found[name]) for name, n in seen.items() if n != found[name]}


def drawn(diagram: Diagram, sampler: Sampler) -> tuple:
    """A diagram with random inputs and parameters."""
    sizes = sampler.complete(diagram.symbols)
    return (diagram, values(diagram.dom, sizes, sampler.seed), parameters(diagram, sizes, sampler.seed),
            sizes)


@pytest.mark.parametrize("name", CASES)
def test_every_layer(name):
    for diagram in CASES[name]:
        here = at(name, diagram)
        assert differences(diagram, here.inputs, here.params, here.sizes) == {}


@pytest.mark.parametrize("name", ncd.zoo.ZOO)
def test_every_model_of_the_zoo(name):
    model = SMALL.get(name, ncd.zoo.ZOO[name])()
    sizes = SIZES if name != "identity_resnet_block" else SIZES | {"x": 3, "y": 2}
    assert differences(model, values(model.dom, sizes, 0), parameters(model, sizes, 0), sizes) == {}


@pytest.mark.parametrize("name", sorted(set(CASES) - {"transformer_block", "mixture_of_experts"}))
def test_the_derivative_of_every_layer(name):
    """The cost backward is the cost of the derivative's diagram: it is counted as any diagram."""
    for diagram in CASES[name]:
        here = at(name, diagram)
        both = diagram.reverse().composite
        params = here.params if places(both)[0] else None
        assert differences(both, [*here.inputs, *here.weights], params, here.sizes) == {}


@pytest.mark.parametrize("kind", KINDS)
@examples(max(60, EXAMPLES))
@given(samplers())
def test_random_diagrams(kind, sampler):
    assert differences(*drawn(KINDS[kind](sampler, sampler.type(), None), sampler)) == {}


@pytest.mark.parametrize("kind", ["", "linear", "learned"])
@examples(max(20, EXAMPLES))
@given(samplers())
def test_derivatives_of_random_diagrams(kind, sampler):
    diagram = KINDS[kind](sampler, sampler.type() @ Ty("p=2"), None).reverse().composite
    assert differences(*drawn(diagram, sampler)) == {}


@pytest.mark.parametrize("case", [*CATALOGUE, *PLACED], ids=lambda case: getattr(case, "name", str(case)))
def test_every_primitive_and_every_row(case):
    seen = 0
    for seed in range(12):
        sampler = Sampler(seed)
        op = case.draw(sampler)
        if isinstance(op, Eigh):
            with pytest.raises(RuleError, match="`loops` has no rule"):
                differences(*drawn(op.diagram, sampler))
        else:
            assert differences(*drawn(op.diagram, sampler)) == {}
        seen += 1
    assert seen == 12


def test_only_an_iteration_is_not_counted():
    """Eigenvalues are found by an iteration whose length the numbers decide: 9n³ is an estimate."""
    assert [cls.__name__ for cls in BASIS if cls not in Loops().interpretation.rules] == ["Eigh"]


@examples(max(40, EXAMPLES))
@given(st.integers(1, 7), st.integers(1, 3), st.integers(1, 4), st.integers(0, 99))
def test_elimination_is_counted_to_the_operation(n, batch, sides, seed):
    made = make.solve("i j").on("b i j=i, b i r")
    random = np.random.default_rng(seed)
    given_ = [random.normal(size=(batch, n, n)), random.normal(size=(batch, n, sides))]
    assert differences(made, given_, None, {"b": batch, "i": n, "r": sides}) == {}


# -- what a literal costs --------------------------------------------------------------------
@pytest.mark.parametrize("name, operations", [
    ("gelu", (4, 1)), ("rsqrt", (0, 1)), ("sigmoid", (3, 1)), ("silu", (3, 1)), ("relu", (1, 0)),
    ("gelu_tanh", (8, 1)), ("softplus", (1, 2)), ("reciprocal", (1, 0)), ("where", (1, 0))])
def test_rows(name, operations):
    """√2 in gelu and the sign in x^(−0.5) belong to literals: they are not done for each entry."""
    assert SCALARS[name].operations == operations


@pytest.mark.parametrize("exponent, work", [(2, ("x", "0")), (4, ("3*x", "0")), (5, ("0", "x")), (0.5, (
    "0", "x")), (-2, ("0", "x")), (ncd.size("x"), ("0", "x"))], ids=str)
def test_a_power_of_wires_is_that_of_a_row(exponent, work):
    """x ** 2 is a product whether it stands in a row or on wires, in every convention that counts a row."""
    made = ncd.diagram("x -> x")(lambda a: a ** exponent)
    for convention in ("expression", "xla"):
        found = made.cost(convention).exact
        assert (str(found["flops"]), str(found["transcendentals"])) == work
    row = ScalarFunction("f", ("x", "y"), "(x + y) ** y / exp(y)").at_exponents({"y": 3})
    assert (row.arguments, row.operations) == (("x",), (4, 0))


def test_what_holds_no_argument_costs_nothing():
    assert ScalarFunction("f", ("x",), "x + exp(-2) * 3").operations == (1, 0)
    assert ScalarFunction("f", ("x",), "2 ** 0.5 + sqrt(2)").operations == (0, 0)
    assert ScalarFunction("f", ("x",), "x ** (-2) + x ** 3 + 2 ** x").operations == (4, 2)


# -- the counter sees what is wrong ----------------------------------------------------------
PLANTED = {
    "one for each entry": {Map: lambda op, c: work(op, c, flops=op.cod[0].elements)},
    "the entries of the first input": {Map: lambda op, c: work(
        op, c, *(op.dom[0].elements * n for n in op.function.operations))},
    "n terms, n additions": {Reduce: lambda op, c: work(op, c, flops=op.array.elements)}}


@pytest.mark.parametrize("planted", PLANTED)
def test_a_wrong_rule_is_seen(planted):
    made = ncd.diagram("a, a b -> b")(lambda x, y: ncd.reduce("sum", "a")(ncd.nn.sigmoid(x + y)))
    sizes = {"a": 3, "b": 4}
    inputs = values(made.dom, sizes, 0)
    assert differences(made, inputs, None, sizes) == {}
    assert differences(made, inputs, None, sizes, COST | PLANTED[planted]) != {}
