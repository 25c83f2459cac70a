"""Derivatives of diagrams against JAX's own, and against differences in the reference."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given

import ncd
from ncd.core.category import Diagram, Ty
from ncd.core.inside import diagrams_in
from ncd.ops.pointwise import Stop
from tests.derivatives import difference, distance, in_jax, ours, point
from tests.strategies import EXAMPLES, examples, seeds
from theory.catalogue import CATALOGUE, PLACED
from theory.random import Sampler
from theory.variables import KINDS

SIZES = {"x": 6, "y": 5, "m": 8, "k": 4, "h": 2, "f": 12, "d": 7, "g": 2, "n": 2, "b": 2, "t": 3, "s": 1,
         "a": 1, "c": 2, "v": 9, "N": 2, "x'": 2, "y'": 3, "classes": 5}


def dot(left, right) -> float:
    return sum(float(np.sum(np.asarray(a) * np.asarray(b))) for a, b in zip(left, right, strict=True))


def assert_transposes(at, pushed, pulled) -> None:
    """⟨w, ∂f v⟩ = ⟨∂fᵀ w, v⟩."""
    left, right = dot(at.weights, pushed), dot(pulled, [*at.inputs_rate, *at.params_rate.values()])
    assert abs(left - right) <= 1e-9 * max(1.0, abs(left))


def assert_as_jax(at, pushed, pulled, tolerance: float = 1e-9) -> None:
    _, rates, weighed = in_jax(at)
    assert distance(pushed, rates) <= tolerance
    assert distance(pulled, weighed) <= tolerance


def stops(diagram: Diagram) -> bool:
    """Whether a derivative is stopped somewhere: then differences of values say nothing."""
    waiting = [diagram]
    while waiting:
        for op in waiting.pop().graph.ops:
            if isinstance(op, Stop):
                return True
            waiting.extend(diagrams_in(op))
            if op.expansion is not None:
                waiting.append(op.expansion)
    return False


@pytest.mark.parametrize("name", sorted(ncd.zoo.ZOO))
def test_the_zoo(name):
    at = point(ncd.zoo.ZOO[name](), SIZES)
    pushed, pulled = ours(at, "jax")
    assert_as_jax(at, pushed, pulled)
    assert_transposes(at, pushed, pulled)
    again = ours(at, "reference")
    assert distance(again[0], pushed) <= 1e-9 and distance(again[1], pulled) <= 1e-9


def prepared(case, op) -> Diagram:
    """The operation, after what keeps its inputs where it is smooth."""
    if case.prepare is None:
        return op.diagram
    parts = [case.prepare(a) if a.dtype == "float" else Diagram.id(Ty.of((a,))) for a in op.dom]
    return Diagram.id(Ty()).tensor(*parts) >> op.diagram


@pytest.mark.parametrize("case", [*CATALOGUE, *PLACED], ids=str)
def test_every_primitive_and_every_row(case):
    for seed in range(4):
        sampler = Sampler(seed)
        diagram = prepared(case, case.draw(sampler))
        at = point(diagram, sampler.complete(diagram.symbols), seed)
        if case.title == "eigh":        # its matrix is symmetric
            for values in (at.inputs, at.inputs_rate):
                values[0] = values[0] + values[0].T
        if at.has_nothing or not at.results:
            continue
        pushed, pulled = ours(at, "reference")
        assert_transposes(at, pushed, pulled)
        if seed < 2:
            assert_as_jax(at, pushed, pulled)
        if not stops(diagram) and "segment by m" not in case.title:     # an empty segment is infinite
            assert distance(pushed, difference(at)) <= 1e-5


def random_point(seed: int):
    sampler = Sampler(seed)
    diagram = list(KINDS.values())[seed % len(KINDS)](sampler, sampler.type(), None)
    return point(diagram, sampler.complete(diagram.symbols), seed)


@examples(EXAMPLES * 8)
@given(seeds())
def test_random_diagrams_in_the_reference(seed):
    at = random_point(seed)
    assume(not at.has_nothing and at.results)
    pushed, pulled = ours(at, "reference")
    assert_transposes(at, pushed, pulled)
    if not stops(at.diagram):
        assert distance(pushed, difference(at)) <= 1e-4


@examples(EXAMPLES)
@given(seeds())
def test_random_diagrams_in_jax(seed):
    at = random_point(seed)
    assume(not at.has_nothing and at.results)
    pushed, pulled = ours(at, "jax")
    assert_as_jax(at, pushed, pulled)
