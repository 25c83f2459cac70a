"""Taps on the padding: the formula against counting them, and against XLA."""

from __future__ import annotations

import itertools
import random

import pytest

import ncd
from ncd import nn
from ncd.algebra.convert import ZERO, Size
from ncd.errors import InputError, SizeError
from ncd.interpret.cost.sparsity import taps as formula
from ncd.interpret.jax import JAX
from ncd.ops.control import Scan
from tests.semantics.test_derivative_layers import CASES, at
from tests.semantics.test_xla import analysis, lowered, padding_taps


def valid(diagram, sizes) -> dict:
    return diagram.cost(taps="valid").evaluate(**sizes)


def all_taps(diagram, sizes) -> int:
    """Those inside loops as well, as often as they run."""
    loops = [step.op for step in JAX.program(diagram).steps if isinstance(step.op, Scan)]
    return padding_taps(diagram, sizes) + sum(
        op.length.evaluate(sizes) * all_taps(op.body, sizes) for op in loops)


def geometry(seed: int):
    """A random convolution, and sizes at which it is one."""
    draw = random.Random(seed)
    axes = draw.choice(["x", "x", "x y"])
    option = lambda *values: {label: draw.choice(values) for label in axes.split()}
    padding = draw.choice(["same", option(0, 1, 2, (0, 3), (2, 1))])
    made = nn.convolution(axes, "c=2 -> e=4", kernel=option(1, 2, 3, 5), stride=option(1, 2, 3),
                          dilation=option(1, 2), padding=padding, groups=draw.choice([1, 2]),
                          transpose=draw.random() < 0.4, bias=False)
    if padding != "same" and made.op.transposed:        # what is left out must leave something
        made = nn.convolution(axes, "c=2 -> e=4", kernel=3, stride=option(1, 2, 3), padding=1,
                              transpose=True, bias=False)
    return made, {"x": draw.randint(9, 12), "y": draw.randint(9, 11)}


@pytest.mark.parametrize("seed", range(30))
def test_any_convolution_and_its_derivatives(seed):
    made, sizes = geometry(seed)
    for diagram in (made, made.reverse().backward, made.forward()):
        here = {name: sizes[name] for name in diagram.symbols}
        dense, found = diagram.cost().evaluate(**here), valid(diagram, here)
        assert found["matrix_flops"] == dense["matrix_flops"] - padding_taps(diagram, here)
        assert dense["flops"] - found["flops"] == dense["matrix_flops"] - found["matrix_flops"]
        assert {name: found[name] for name in ("reads", "fused_reads", "peak_memory", "depth")} == {
            name: dense[name] for name in ("reads", "fused_reads", "peak_memory", "depth")}


def test_the_geometries_have_taps_on_the_padding():
    made = [(diagram, padding_taps(diagram, sizes)) for diagram, sizes in map(geometry, range(30))]
    assert {diagram.op.transposed for diagram, taps in made if taps} == {False, True}
    assert any(not taps for _, taps in made)


@pytest.mark.parametrize("name", ["convolution", "depthwise_separable"])
def test_xla_counts_the_same(name):
    for diagram in CASES[name]:
        here = at(name, diagram)
        found = analysis(lowered(diagram, here.inputs, here.params, here.sizes))
        cost = valid(diagram, here.sizes)
        assert found == (cost["flops"], cost["transcendentals"])


@pytest.mark.parametrize("name", ["identity_resnet", "unet", "mlp_recogniser"])
def test_a_whole_model_and_its_cuts(name):
    model = ncd.zoo.ZOO[name]()
    cost, sizes = model.cost(taps="valid"), dict.fromkeys(model.symbols, 16) | {"n": 3}
    sizes = {label: sizes[label] for label in model.symbols}
    assert model.cost().evaluate(**sizes)["flops"] - cost.evaluate(**sizes)["flops"] == all_taps(model, sizes)
    for cut, depth in (("operation", 1), ("block", 1), ("block", 3)):
        rows = [row for row in cost.by(cut, depth) if row.level == 0]
        for measure in ("flops", "matrix_flops", "transcendentals"):
            assert sum((row.sums[measure] for row in rows), ZERO) == cost.exact[measure]


def test_without_padding_nothing_changes():
    for made in (nn.convolution("x", "c -> e", kernel=3), nn.convolution("x", "c -> e", 1, padding="same"),
                 nn.convolution("x", "c -> e", kernel="k"), nn.attention("causal"),
                 nn.max_pool("x", 3, padding=1)):
        assert made.cost(taps="valid").exact["flops"] == made.cost().exact["flops"]


def test_the_formula_is_short_where_it_can_be():
    assert nn.convolution("x", "c -> e", padding=1, bias=False).cost(taps="valid").exact["flops"] == Size(
        "6*c*e*x - 4*c*e")
    assert nn.convolution("x", "c -> e", padding=1, stride=2, bias=False).cost(taps="valid").exact[
        "flops"] == Size("4*c*e*((x+1)//2) + 2*c*e*(x//2) - 2*c*e")


def test_any_star_by_counting():
    for windows, kernel, length, stride, dilation, before in itertools.product(
            (1, 4), (1, 3), (1, 2, 5), (1, 2, 3), (1, 2), (0, 1, 4)):
        wanted = sum(0 <= stride * i + dilation * j - before < length
                     for i in range(windows) for j in range(kernel))
        sizes = {"I": windows, "L": length, "d": dilation, "p": before}
        found = formula.valid(*map(Size, ("I", str(kernel), "L", str(stride), "d", "p")))
        assert found.evaluate(sizes) == wanted


def test_a_rule_of_the_users_own_wins():
    from ncd.interpret.cost import work
    from ncd.nn.star import Star
    mine = ncd.cost | {Star: lambda op, convention: work(op, convention, flops=7)}
    made = nn.convolution("x", "c -> e", padding=1, bias=False)
    assert made.cost(interpretation=mine, taps="valid").exact["flops"] == 7


def test_training_is_discounted_as_well():
    made, sizes = nn.convolution("x", "c -> e", padding=1, bias=False), {"x": 5, "c": 2, "e": 3}
    dense, found = (made.cost(taps=taps).training(optimiser=None).evaluate(**sizes)
                    for taps in ("dense", "valid"))
    lens = made.reverse()
    assert found["backward_flops"] == dense["backward_flops"] - padding_taps(lens.backward, sizes)
    assert found["forward_flops"] == dense["forward_flops"] - padding_taps(lens.forward, sizes)


def test_inside_a_loop():
    made = nn.convolution("x", "c=2 -> c=2", padding=1, bias=False)
    once = made.cost(taps="valid").exact["flops"]
    assert made.repeat("N").cost(taps="valid").exact["flops"] == once * Size("N")


@pytest.mark.parametrize("made, error, says", [
    (lambda: nn.convolution("x", "c -> e", kernel="k", padding=1).cost(taps="valid"), SizeError, "bind them"),
    (lambda: nn.convolution("x", "c -> e", stride="s", padding=1).cost(taps="valid"), SizeError,
     "stride = s"),
    (lambda: nn.convolution("x", "c -> e").cost(taps="some"), InputError, "no taps 'some'")])
def test_what_is_refused(made, error, says):
    with pytest.raises(error, match=says):
        made()


def test_a_planted_bug(monkeypatch):
    """A padding read as one entry less is seen."""
    made, sizes = nn.convolution("x", "c -> e", kernel=5, padding=2, bias=False), {"x": 6, "c": 2, "e": 3}
    right = made.cost().evaluate(**sizes)["flops"] - padding_taps(made, sizes)
    assert valid(made, sizes)["flops"] == right
    monkeypatch.setattr(formula, "larger", lambda a, b: a)
    assert valid(made, sizes)["flops"] != right
