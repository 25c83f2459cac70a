"""The formula against XLA's own analysis: equal where its conventions are ours, each difference by its cause.

XLA counts an operation for each entry of every entrywise instruction, apart from the transcendental ones,
n − 1 for a reduction and 2 for each term of a contraction, as the expression convention does.
"""

from __future__ import annotations

import itertools
import math

import jax
import pytest

import ncd
from ncd.core.category import Diagram
from ncd.interpret.jax import JAX
from ncd.nn.star import Star
from ncd.ops.control import Scan
from tests.semantics.test_derivative_layers import CASES, at
from tests.semantics.test_zoo import PARTS, SIZES, WIDE
from theory.law import KEY, _jax_inputs
from theory.random import parameters, values

CAUSES = {
    "erf": "XLA has no error function: it writes polynomials out, entry for entry",
    "expression": "JAX has another expression: silu and softplus are written to be stable",
    "convert": "a conversion of integers or sizes to floats counts 1 for each entry",
    "positions": "indices are compared, moved and clipped; a scatter counts its loop",
    "bits": "random bits are integer arithmetic",
    "fill": "a window that reads outside takes its fill by a choice for each entry",
    "diagonal": "a diagonal is written by a choice",
    "top-k": "a sort is not counted",
    "taps": "taps that fall on the padding are not counted",
    "constant": "what is made of constants alone, the NaN of a query without keys, is not counted",
    "loop": "a loop's body is counted once, and its counter"}

DIFFER = {
    "gelu": ("erf",), "logsumexp": ("convert",), "silu": ("expression",), "softplus": ("expression",),
    "gated_feed_forward": ("expression",), "elu": ("convert",), "sinusoidal": ("convert",),
    "rotary": ("convert",), "self_attention": ("convert",), "star": ("convert",), "embedding": ("positions",),
    "attention": ("convert", "constant"), "readout": ("positions",),
    "cross_entropy": ("positions",), "graph_isomorphism": ("positions",), "message_passing": ("positions",),
    "segment_softmax": ("positions",), "transformer_block": ("bits",), "dropout": ("bits",),
    "max_pool": ("fill",), "mean_pool": ("fill",), "graph_convolution": ("diagonal",),
    "normalised_adjacency": ("diagonal",), "router": ("top-k",), "mixture_of_experts": ("top-k", "positions"),
    "convolution": ("taps",), "depthwise_separable": ("taps",), "rnn": ("loop",), "gru": ("loop",),
    "lstm": ("loop",), "bidirectional": ("loop",), "linear_recurrence": ("loop",),
    "state_space": ("loop", "convert"), "selective_state_space": ("loop", "convert", "expression")}


def lowered(diagram: Diagram, inputs, params, sizes):
    run = diagram.to_jax(**sizes)
    key = {"key": KEY} if run.keys else {}
    given = [*([params] if run.slots else []), *_jax_inputs(diagram.dom, inputs)]
    return jax.jit(lambda *arguments: run(*arguments, **key)).lower(*given)


def analysis(stage) -> tuple[int, int]:
    """(operations, transcendental calls) as XLA counts them."""
    found = stage.cost_analysis()
    found = found[0] if isinstance(found, list) else found
    return int(found.get("flops") or 0), int(found.get("transcendentals") or 0)


def formula(diagram: Diagram, sizes) -> tuple[int, int]:
    found = diagram.cost().evaluate(**sizes)
    return found["flops"], found["transcendentals"]


# -- the two causes that have a formula ------------------------------------------------------
def padding_taps(diagram: Diagram, sizes) -> int:
    """What convolutions do on zeros: 2 for each entry, channel and tap that falls outside of the array."""
    size, extra = (lambda value: value.evaluate(sizes)), 0
    for step in JAX.program(diagram).steps:
        if isinstance(step.op, Star):
            op = step.op
            taps = {letter for tap in op.taps for letter in tap.letters}
            rest = math.prod(size(n) for letter, n in op.sizes.items() if letter not in taps)
            dense, valid = 1, 1
            for tap in op.taps:
                dense *= size(op.sizes[tap.j]) * size(op.sizes[tap.i])
                valid *= sum(1 for i, j in itertools.product(
                    range(size(op.sizes[tap.i])), range(size(op.sizes[tap.j])))
                    if 0 <= size(tap.stride) * i + size(tap.dilation) * j - size(tap.before)
                    < size(op.sizes[tap.l]))
            extra += 2 * rest * (dense - valid)
    return extra


def repeated(diagram: Diagram, sizes) -> tuple[int, int]:
    """What loops do after their first step, less the counter's operations: 2, or 4 from the end on."""
    flops = calls = 0
    for step in JAX.program(diagram).steps:
        if isinstance(step.op, Scan):
            times = step.op.length.evaluate(sizes) - 1
            body = formula(step.op.body, sizes)
            flops, calls = flops + times * body[0] - (4 if step.op.reverse else 2), calls + times * body[1]
    return flops, calls


# -- the tests -------------------------------------------------------------------------------
@pytest.mark.parametrize("name", sorted(set(CASES) - set(DIFFER)))
def test_the_layers_where_xla_agrees(name):
    for diagram in CASES[name]:
        here = at(name, diagram)
        found = lowered(diagram, here.inputs, here.params, here.sizes)
        assert analysis(found) == formula(diagram, here.sizes)


def test_a_mask_as_an_input_is_all_that_differs_in_attention():
    """The numbers that two choices put in are whole and are converted, and NaN is a constant to XLA."""
    more = []
    for diagram in CASES["attention"]:
        here = at("attention", diagram)
        found = analysis(lowered(diagram, here.inputs, here.params, here.sizes))
        more.append([n - m for n, m in zip(found, formula(diagram, here.sizes))])
    assert more == [[0, 0], [2 - 1, 0], [0, 0]]


@pytest.mark.parametrize("name", DIFFER)
def test_the_layers_where_it_does_not(name):
    """The table has no idle row; loops and taps, alone, are the whole difference."""
    differ, here = [], None
    for diagram in CASES[name]:
        here = at(name, diagram)
        found = analysis(lowered(diagram, here.inputs, here.params, here.sizes))
        wanted = formula(diagram, here.sizes)
        differ.append(found != wanted)
        if DIFFER[name] in (("loop",), ("taps",)):
            more = repeated(diagram, here.sizes)
            taps = padding_taps(diagram, here.sizes)
            assert found == (wanted[0] - more[0] - taps, wanted[1] - more[1])
    assert any(differ) and set(DIFFER[name]) <= set(CAUSES)


def test_every_cause_is_used():
    assert set(CAUSES) == {cause for causes in DIFFER.values() for cause in causes}


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("sizes", [SIZES, WIDE], ids=["small", "wide"])
def test_every_model_of_the_zoo(name, sizes):
    """Exactly XLA's, once its loops run once and taps on the padding are left out."""
    model = ncd.zoo.ZOO[name]()
    stage = lowered(model, values(model.dom, sizes, 0), parameters(model, sizes, 0), sizes)
    flops, calls = formula(model, sizes)
    more = repeated(model, sizes)
    exact = (flops - more[0] - padding_taps(model, sizes), calls - more[1])
    assert analysis(stage) == exact
    # Compiled, what a fusion computes where it is read is counted as often as it is read.
    compiled = analysis(stage.compile())
    assert 1 <= compiled[0] / exact[0] < (1.02 if sizes is WIDE else 1.2) and compiled[1] >= exact[1]
