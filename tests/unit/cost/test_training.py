"""A step of training: its parts are the costs of diagrams that compute what they should."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ncd
from ncd import nn
from ncd.algebra.convert import ZERO, Size, parse_size
from ncd.analysis.training import OPTIMISERS, PARTS, Training
from ncd.construct.generators import elementwise
from ncd.construct.trace import trace
from ncd.core.array import Array
from ncd.core.category import Diagram
from ncd.errors import ArityError, NcdError
from ncd.interpret.cost import measure
from ncd.interpret.reference import run
from tests.strategies import EXAMPLES, examples, samplers
from theory import families
from theory.differentiation import floats, source
from theory.variables import diagram

relu = elementwise("relu")
NAMES = ("flops", "matrix_flops", "transcendentals", "reads", "writes")


def learned(s) -> Diagram:
    return floats(diagram(s, source(s), families.DETERMINISTIC, most=3, last=families.learned))


# -- the parts ---------------------------------------------------------------------------
@examples(2 * EXAMPLES)
@given(samplers())
def test_parts_are_the_costs_of_the_lens(s):
    made = learned(s)
    step = measure(made).training()
    lens = made.reverse()
    forward, backward = measure(lens.forward).exact, measure(lens.backward).exact
    for name in NAMES:
        assert step.exact[f"forward_{name}"] == forward[name]
        assert step.exact[f"backward_{name}"] == backward[name]
        assert step.exact[name] == sum((step.exact[f"{part}_{name}"] for part in PARTS), ZERO)
    # What is learned: each parameter once, and each of its numbers has a gradient.
    weights = measure(made).exact["params"]
    assert step.exact["gradient_bytes"] == weights * 4 and step.exact["state_bytes"] == weights * 8
    assert step.exact["held"] == sum((each.array.elements * {"bool": 1, "key": 8}.get(each.array.dtype, 4)
                                      for each in lens.residuals), ZERO)
    assert (step.exact["held"] - step.exact["kept"]).is_nonnegative
    assert step.exact["peak_memory"] == measure(lens.composite).exact["peak_memory"] + weights * 8


@examples(EXAMPLES)
@given(samplers(), st.sampled_from(["sgd", "momentum", "adam", "adamw", None]))
def test_the_optimiser_runs_once_for_each_number(s, name):
    made = learned(s)
    step = measure(made).training(optimiser=name)
    weights = measure(made).exact["params"]
    each = {"sgd": (2, 0), "momentum": (4, 1), "adam": None, "adamw": None, None: (0, 0)}[name]
    if each is not None:
        assert step.exact["optimiser_flops"] == weights * each[0]
        assert step.exact["state_bytes"] == weights * 4 * each[1]
    else:
        assert step.exact["state_bytes"] == weights * 8
        assert step.exact["optimiser_flops"].symbols <= weights.symbols
    assert step.exact["optimiser_matrix_flops"] == ZERO


def test_by_hand():
    layer = nn.linear("m -> d", bias=False).on("x m")
    step = measure(layer).training(optimiser="sgd")
    assert step.exact["forward_flops"] == parse_size("2*d*m*x")
    assert step.exact["backward_flops"] == parse_size("4*d*m*x")
    assert step.exact["optimiser_flops"] == parse_size("2*d*m")
    assert step.exact["kept"] == ZERO and step.exact["held"] == parse_size("4*m*x")
    assert str(step.flops) == "6*d*m*x + 2*d*m"
    deep = (layer >> relu).cost()
    assert deep.training().exact["kept"] != ZERO
    fixed = deep.training(wrt=[0])
    assert fixed.learned == () and fixed.exact["state_bytes"] == ZERO == fixed.exact["optimiser_flops"]
    assert fixed.exact["backward_matrix_flops"] == parse_size("2*d*m*x")


def test_policies_trade_memory_for_arithmetic():
    cost = ncd.zoo.residual_mlp().cost()
    at = {"x": 32, "m": 16, "d": 64}
    kept, again = (cost.training(policy=policy).evaluate(**at) for policy in ("everything", "nothing"))
    assert again["kept"] < kept["kept"] and again["backward_flops"] > kept["backward_flops"]
    assert again["forward_flops"] <= kept["forward_flops"]
    assert again["optimiser_flops"] == kept["optimiser_flops"]


@pytest.mark.parametrize("name", ["residual_mlp", "multi_head_attention", "pre_norm_block"])
def test_backward_contractions_are_twice_the_forward_s(name):
    step = ncd.zoo.ZOO[name]().cost().training()
    assert step.exact["backward_matrix_flops"] == step.exact["forward_matrix_flops"] * 2


def test_texts():
    step = measure(nn.linear("m -> d").on("x m")).training()
    lines = str(step).splitlines()
    assert lines[1].split(maxsplit=1) == ["backward", "4*d*m*x + d*x - d"]
    number = step.evaluate(x=2, m=3, d=4)["backward_flops"]
    line = step.table(x=2, m=3, d=4).splitlines()[1]
    assert line.split()[:2] == ["backward", str(number)] and number == 4 * 4 * 3 * 2 + 4 * 2 - 4
    names = [name for name, _, _ in step.rows()]
    assert names == list(step.exact) and {unit for _, unit, _ in step.rows()} == {"FLOP", "calls", "bytes"}
    with pytest.raises(AttributeError, match="a training step has no measure 'flop'"):
        _ = step.flop


# -- the optimisers compute what they should ---------------------------------------------
def optax_rule(name: str):
    optax = pytest.importorskip("optax", reason="optax is not installed")
    return {"sgd": lambda: optax.sgd(0.1), "momentum": lambda: optax.sgd(0.1, momentum=0.9),
            "adam": lambda: optax.adam(0.1, b1=0.8, b2=0.95, eps=1e-6),
            "adamw": lambda: optax.adamw(0.1, b1=0.8, b2=0.95, eps=1e-6, weight_decay=0.05)}[name]()


OURS = {"sgd": nn.sgd(0.1), "momentum": nn.sgd(0.1, momentum=0.9), "adam": nn.adam(0.1, 0.8, 0.95, 1e-6),
        "adamw": nn.adam(0.1, 0.8, 0.95, 1e-6, 0.05)}


@pytest.mark.parametrize("name", OPTIMISERS)
def test_steps_are_those_of_optax(name):
    import jax
    rule, generator = optax_rule(name), np.random.default_rng(5)
    step = OURS[name]
    states = len(step.cod) - 1
    made = step.on(", ".join(["a b"] * (2 + states) + ["()"] * (len(step.dom) - 2 - states)))
    with jax.enable_x64(True):
        p = generator.standard_normal((3, 4))
        theirs, held = p, rule.init(p)
        ours, kept = p, [np.zeros((3, 4))] * states
        for n in range(1, 6):
            g = generator.standard_normal((3, 4)) * 10.0 ** (n - 3)
            updates, held = rule.update(g, held, theirs)
            theirs = theirs + np.asarray(updates)
            found = run(made, ours, g, *kept, *([float(n)] if len(step.dom) > 2 + states else []), a=3, b=4)
            ours, *kept = found if isinstance(found, tuple) else (found,)
            assert np.allclose(ours, theirs, rtol=1e-6, atol=1e-9), f"step {n}"


def test_the_measured_optimiser_is_the_diagram_s():
    made = nn.linear("m -> d", bias=False).on("x m")
    for name, step in (("sgd", nn.sgd()), ("adam", nn.adam())):
        states = len(step.cod) - 1
        on = step.on(", ".join(["m d"] * (2 + states) + ["()"] * (len(step.dom) - 2 - states)))
        assert measure(made).training(optimiser=name).optimiser["flops"] == measure(on).exact["flops"]


def test_an_optimiser_of_your_own():
    number = Array(())
    signed = trace(lambda p, g, m: (p - (m * 0.9 + g), m * 0.9 + g), (number,) * 3)
    made = nn.linear("m -> d", bias=False).on("x m").cost()
    step = made.training(optimiser=signed)
    assert step.exact["state_bytes"] == parse_size("4*d*m")
    assert step.exact["optimiser_flops"] == measure(signed).exact["flops"] * Size("d*m")
    assert isinstance(step, Training)


# -- what is refused ---------------------------------------------------------------------
def test_what_is_no_optimiser():
    cost = nn.linear("m -> d").on("x m").cost()
    for wrong in ("lion", "SGD"):
        with pytest.raises(NcdError, match=f"no optimiser '{wrong}'") as error:
            cost.training(optimiser=wrong)
        assert error.value.details["want"] == "sgd, momentum, adam, adamw, a diagram, or None"
    with pytest.raises(NcdError, match="3 is no optimiser"):
        cost.training(optimiser=3)
    with pytest.raises(ArityError, match="an optimiser takes a parameter, its gradient and its") as error:
        cost.training(optimiser=relu.on("x"))
    assert error.value.details["want"] == "p, g, m -> p, m"
    with pytest.raises(NcdError, match="policy") as error:
        cost.training(policy="inputs")
    assert "everything" in str(error.value)
    with pytest.raises(NcdError):
        cost.training(wrt=[7])


@pytest.mark.parametrize("make, message", [
    (lambda: nn.sgd(-1), "rate = -1"), (lambda: nn.sgd(0.1, 1.0), "momentum = 1.0"),
    (lambda: nn.adam(b1=1), "b1 = 1"), (lambda: nn.adam(eps=-1e-8), "eps = -1e-08"),
    (lambda: nn.adam(decay=float("inf")), "decay = inf"), (lambda: nn.sgd(True), "rate = True")])
def test_what_optimisers_refuse(make, message):
    with pytest.raises(NcdError, match=message):
        make()


def test_a_diagram_without_parameters():
    step = measure(relu.on("x")).training()
    assert step.learned == () and step.exact["optimiser_flops"] == ZERO == step.exact["gradient_bytes"]
    assert step.exact["backward_flops"] != ZERO
