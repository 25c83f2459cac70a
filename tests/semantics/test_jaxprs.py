"""The formula against a walk over the JAX program: equal, but for differences that are counted by cause."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import pytest
from hypothesis import given

import ncd
from ncd import nn
from ncd.algebra.convert import parse_size
from ncd.core.category import Diagram, Ty
from ncd.traverse.places import places
from tests import jaxprs
from tests.semantics.test_counts import drawn
from tests.semantics.test_derivative_layers import CASES, at
from tests.semantics.test_zoo import PARTS, SIZES, WIDE
from tests.strategies import EXAMPLES, examples, samplers
from theory.law import KEY, _jax_inputs
from theory.random import parameters, values
from theory.variables import KINDS


def walked(diagram: Diagram, inputs, params, sizes: dict):
    """The count of the JAX program's jaxpr."""
    run = diagram.to_jax(**sizes)
    key = {"key": KEY} if run.keys else {}
    given_ = [*([params] if run.slots else []), *_jax_inputs(diagram.dom, inputs)]
    return jaxprs.count(lambda *arguments: run(*arguments, **key), *given_)


def unexplained(diagram: Diagram, inputs, params, sizes: dict) -> dict:
    """What neither the formula nor a cause accounts for."""
    found = walked(diagram, inputs, params, sizes)
    formula = diagram.cost().evaluate(**sizes)
    causes = jaxprs.differences(diagram, sizes)
    assert {cause for cause, _ in causes} <= set(jaxprs.CAUSES)
    extra = {kind: sum(n for (_, k), n in causes.items() if k == kind) for kind in ("operations", "calls")}
    left = {"flops": jaxprs.total(found, "matrix", "flops", "index") - formula["flops"] - extra["operations"],
            "transcendentals": jaxprs.total(found, "calls") - formula["transcendentals"] - extra["calls"]}
    return {name: n for name, n in left.items() if n}


@pytest.mark.parametrize("name", CASES)
def test_every_layer(name):
    for diagram in CASES[name]:
        here = at(name, diagram)
        assert unexplained(diagram, here.inputs, here.params, here.sizes) == {}


@pytest.mark.parametrize(("name", "sizes"), [
    *((name, SIZES) for name in ncd.zoo.ZOO),
    *((name, {**WIDE, "x": 24, "y": 20, "n": 2}) for name in PARTS)])
def test_every_model_of_the_zoo(name, sizes):
    model = ncd.zoo.ZOO[name]()
    assert unexplained(model, values(model.dom, sizes, 0), parameters(model, sizes, 0), sizes) == {}


@pytest.mark.parametrize("kind", KINDS)
@examples(max(40, EXAMPLES))
@given(samplers())
def test_random_diagrams(kind, sampler):
    assert unexplained(*drawn(KINDS[kind](sampler, sampler.type(), None), sampler)) == {}


@pytest.mark.parametrize("kind", ["", "learned"])
@examples(max(15, EXAMPLES))
@given(samplers())
def test_derivatives_of_random_diagrams(kind, sampler):
    diagram = KINDS[kind](sampler, sampler.type() @ Ty("p=2"), None).reverse().composite
    assert unexplained(*drawn(diagram, sampler)) == {}


def test_the_programs_that_are_the_direct_ones():
    """Where no cause is named the two counts are equal as they stand."""
    direct = {name for name, made in CASES.items()
              if not any(jaxprs.differences(d, at(name, d).sizes) for d in made)}
    assert direct >= {"linear", "softmax", "attention", "multi_head_attention", "self_attention",
                      "layer_norm", "rotary", "feed_forward", "state_space"}
    assert {"silu", "embedding", "max_pool", "dropout", "normalised_adjacency", "gru"} <= set(CASES) - direct
    *plain, transposed = (jaxprs.differences(d, at("convolution", d).sizes) for d in CASES["convolution"])
    assert not any(plain) and {cause for cause, _ in transposed} == {"holes"}


BY_CAUSE = [
    ("fused function", nn.sigmoid.on("x"), "operations", "-3*x"),
    ("fused function", nn.silu.on("x"), "operations", "-2*x"),
    ("fused function", nn.gelu.on("x"), "operations", "0"),
    ("fused function", nn.softplus.on("x"), "operations", "7*x"),
    ("negative index", nn.embedding("v m").on("x : index(v)"), "operations", "3*x"),
    ("fill", nn.max_pool("x", 3, 2, 1).on("x"), "operations", "3*((x - 1)//2 + 1)"),
    ("fill", nn.convolution("x", "c -> e", padding=1), "operations", "0"),
    ("diagonal", nn.normalised_adjacency("n"), "operations", "n*n"),
    ("narrow argument", ncd.elementwise(ncd.ops.scalar.ScalarFunction("f", ("x", "y"), "-x + y")).on("a, b"),
     "operations", "a - a*b"),
    ("order", ncd.topk("x -> k=2"), "operations", "4*x"),
    ("truth values", nn.message_passing("max"), "operations", "n"),
    ("remainder", ncd.elementwise("remainder", None, 3).on("x"), "operations", "6*x + 1"),
    ("holes", nn.convolution("x", "c -> e", 2, 2, bias=False, transpose=True).on("x c"),
     "operations", "4*c*e*x"),
    ("blocks", ncd.construct.window("x", "j=3", 2).on("x").reverse().backward,
     "operations", "(x + 1)//2 + 2")]


@pytest.mark.parametrize("cause, diagram, kind, formula", BY_CAUSE, ids=lambda item: str(item)[:30])
def test_each_cause_by_a_formula(cause, diagram, kind, formula):
    for n in (4, 6):
        sizes = dict.fromkeys("abcemnvx", n) | {"b": 3}
        wanted = parse_size(formula).evaluate(sizes)
        assert jaxprs.differences(diagram, sizes)[cause, kind] == wanted


def test_every_cause_is_met():
    assert {cause for cause, *_ in BY_CAUSE} | {"random bits"} == set(jaxprs.CAUSES)
    dropout = jaxprs.differences(nn.dropout(0.5).on("x"), {"x": 4})
    assert dropout["random bits", "operations"] > 0


def test_a_loop_is_counted_as_often_as_it_runs():
    layer = nn.residual(nn.linear("m -> m"))
    assert walked(*drawn_at(layer.repeat(7), m=5))["matrix dot_general"] == 7 * 2 * 25
    twice = layer.repeat(7).block("b").repeat(2)
    assert walked(*drawn_at(twice, m=5))["matrix dot_general"] == 2 * 7 * 2 * 25


def drawn_at(diagram: Diagram, **sizes):
    return diagram, values(diagram.dom, sizes, 0), parameters(diagram, sizes, 0), sizes


def test_what_is_unknown_is_an_error():
    with pytest.raises(jaxprs.Unknown, match="fft"):
        jaxprs.count(jnp.fft.fft, jnp.ones(4))
    with pytest.raises(jaxprs.Unknown, match="while"):
        jaxprs.count(lambda x: jax.lax.while_loop(lambda y: y < 3, lambda y: y + 1, x), 0)


def test_the_walk_sees_another_program():
    """The same function by another program, with one product more, has another count."""
    def more(x):
        return jnp.tanh(x) * 2.0
    one = ncd.elementwise("tanh").on("x")
    assert jaxprs.count(more, jnp.ones(4)) != walked(*drawn_at(one, x=4))
    assert not places(one)[0]
