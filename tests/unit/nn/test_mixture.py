"""A mixture of experts: the dense definition, the sparse one and plain loops are one function."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from ncd.errors import AxisError, NcdError, NotationError, SizeError
from ncd.interpret.jax import compile_diagram
from ncd.interpret.reference import run
from ncd.nn.activation import gelu
from ncd.nn.mixture import mixture_of_experts, router
from ncd.traverse.places import places
from tests.strategies import drawn


def by_loops(p, x, top, normalised=True):
    """One token by hand."""
    scores = x @ p["router"]["router"]["weight"]
    chosen = sorted(range(len(scores)), key=lambda i: (-scores[i], i))[:top]
    total = sum(np.exp(scores[i]) for i in (chosen if normalised else range(len(scores))))
    y = np.zeros(len(x))
    for i in chosen:
        inner = np.maximum(x @ p["expand"][i] + p["expand_bias"][i], 0)
        y += np.exp(scores[i]) / total * (inner @ p["contract"][i] + p["contract_bias"][i])
    return y


@pytest.mark.parametrize("diagram, want", [
    (mixture_of_experts("m", "f", "n"), "m -> m"),
    (mixture_of_experts("m", "f=32", "n=8", top="k", sparse=True), "m -> m"),
    (mixture_of_experts("m", "f", "n=8").on("b x m=16"), "b x m=16 -> b x m=16"),
    (mixture_of_experts("m", "f", "n=8", sparse=True).lift("b x"), "b x m -> b x m"),
    (router("m", "n=8", 3), "m -> choice=3, choice=3 : index(8)"),
    (router("m", "n", "k", chosen="c").on("b m"), "b m -> b c=k, b c=k : index(n)"),
])
def test_type(diagram, want):
    assert str(diagram) == want


@pytest.mark.parametrize("sparse", [False, True])
def test_places(sparse):
    found = {"/".join(path): str(slot.array)
             for path, slot in places(mixture_of_experts("m", "f", "n", sparse=sparse, name="E"))[0].items()}
    assert found == {"E/router/router/weight": "m n", "E/expand": "n m f", "E/contract": "n f m",
                     "E/expand_bias": "n f", "E/contract_bias": "n m"}


@pytest.mark.parametrize("normalised", [False, True])
@pytest.mark.parametrize("top", [1, 2, 5])
@pytest.mark.parametrize("sparse", [False, True])
def test_by_loops(sparse, top, normalised):
    rng = np.random.default_rng(1)
    d = mixture_of_experts("m", "f", "n=5", top, normalised, sparse=sparse)
    params, xs = drawn(d, rng, m=3, f=4), rng.normal(size=(2, 3, 3))
    found = run(d.on("b x m"), xs, params=params)
    for at in np.ndindex(2, 3):
        want = by_loops(params["mixture_of_experts"], xs[at], top, normalised)
        np.testing.assert_allclose(found[at], want, atol=1e-12)


@pytest.mark.parametrize("options", [{}, {"bias": False}, {"activation": gelu}, {"top": 3}])
def test_dense_equals_sparse(options):
    rng = np.random.default_rng(2)
    dense, sparse = (mixture_of_experts("m", "f", "n=5", sparse=form, **options).on("x m")
                     for form in (False, True))
    params, xs = drawn(dense, rng, m=3, f=4), rng.normal(size=(6, 3))
    np.testing.assert_allclose(run(dense, xs, params=params), run(sparse, xs, params=params), atol=1e-12)


def test_gates_of_the_router():
    d = router("m=1", "n=4", 2)
    weight = np.log(np.array([[1.0, 4.0, 2.0, 4.0]]))
    gates, chosen = run(d, [1.0], params={"router": {"router": {"weight": weight}}})
    np.testing.assert_array_equal(chosen, [1, 3])      # of equal scores the first
    np.testing.assert_allclose(gates, [0.5, 0.5])
    d = router("m=1", "n=4", 2, normalised=False)
    gates, _ = run(d, [1.0], params={"router": {"router": {"weight": weight}}})
    np.testing.assert_allclose(gates, [4 / 11, 4 / 11])


@pytest.mark.parametrize("sparse", [False, True])
def test_jax_equals_reference(sparse):
    rng = np.random.default_rng(3)
    d = mixture_of_experts("m", "f", "n=5", sparse=sparse).on("b x m")
    params, xs = drawn(d, rng, m=3, f=4), rng.normal(size=(2, 4, 3))
    found = compile_diagram(d)(jax.tree.map(np.float32, params), np.float32(xs))
    np.testing.assert_allclose(found, run(d, xs, params=params), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("make, error, words", [
    (lambda: mixture_of_experts("m", "m", "n"), AxisError, "three labels"),
    (lambda: mixture_of_experts("m", "f", "n=4", top=5), AxisError, "takes 5 of the 4"),
    (lambda: mixture_of_experts("m", "f", "n=4", top=0), SizeError, "choice has the size 0"),
    (lambda: mixture_of_experts("m k", "f", "n=4"), NotationError, "one axis"),
    (lambda: mixture_of_experts("m", "f", "n=4").on("x"), AxisError, "no axis m"),
    (lambda: mixture_of_experts("m", "f", "n=4", activation="spam"), NcdError, "no scalar function"),
    (lambda: router("m", "n", chosen="m"), AxisError, "taken"),
])
def test_errors_say_what_is_wrong(make, error, words):
    with pytest.raises(error, match=words):
        make()
