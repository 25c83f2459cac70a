"""Every law in every model: those that must hold on random instances, those that must fail seen to fail."""

from __future__ import annotations

import pytest
from hypothesis import given

from ncd.core.category import Diagram, Ty
from ncd.interpret.reference import run
from ncd.ops.monoid import MONOIDS, SEMIRINGS
from ncd.ops.primitive import BASIS
from ncd.ops.scalar import SCALARS
from tests.strategies import EXAMPLES, diagrams, examples, seeds
from theory import LAWS, MODELS, THEORIES
from theory.catalogue import CATALOGUE, PLACED
from theory.random import Sampler
from theory.variables import scalar_function

HOLD = [pytest.param(law, model, id=f"{name}-{model}")
        for name, law in LAWS.items() for model in law.holds]
FAIL = [pytest.param(law, model, id=f"{name}-{model}")
        for name, law in LAWS.items() for model in law.fails]
# JAX compiles each instance: few of them, and every case only where the cases are few.
MOST_COMPILED = 25


def first_seeds(law, model: str) -> range:
    """Seeds that try every case of the law's finite variables, and a few in any case."""
    if model == "jax":
        return range(law.cases if 1 < law.cases <= MOST_COMPILED else 2)
    return range(max(law.cases, 10))


@pytest.mark.parametrize("law, model", HOLD)
def test_law_holds(law, model):
    found = law.refute(MODELS[model], first_seeds(law, model))
    assert found is None, str(found)

    @examples(EXAMPLES if model != "jax" else EXAMPLES // 15)
    @given(seeds())
    def random_instances(seed):
        found = law.check(MODELS[model], seed)
        assert found is None, str(found)
    random_instances()


@pytest.mark.parametrize("law, model", FAIL)
def test_law_fails(law, model, record_property):
    found = law.refute(MODELS[model], range(30 if model == "jax" else 300))
    assert found is not None, f"{law.name} was to fail in the model {model} and no instance shows it"
    record_property("counterexample", str(found))
    print(found)


def test_every_law_names_its_models():
    for law in LAWS.values():
        assert set(law.holds) | set(law.fails) <= set(MODELS), law.name
        assert not set(law.holds) & set(law.fails), law.name
        assert law.holds or law.fails, law.name
        assert law.source and law.statement, law.name


def test_names_are_unique_across_theories():
    assert len(LAWS) == sum(map(len, THEORIES.values()))


def test_every_primitive_and_every_row_is_in_the_catalogue():
    drawn = [case.draw(Sampler(seed)) for case in (*CATALOGUE, *PLACED) for seed in range(3)]
    assert set(BASIS) <= {type(op) for op in drawn}
    functions = {op.function.name for op in drawn if hasattr(op, "function")}
    assert set(SCALARS) <= functions
    monoids = {op.monoid.name for op in drawn if hasattr(op, "monoid")}
    assert set(MONOIDS) <= monoids
    assert {op.semiring.name for op in drawn if hasattr(op, "semiring")} == set(SEMIRINGS)


def test_the_generators_reach_every_family():
    """Random diagrams hold multi-inputs, zero-axis arrays, size 1, symbols, views, gathers, scans, blocks."""
    seen, types = set(), []
    for seed in range(400):
        instance = LAWS["naturality of copy"].instance(seed)
        seen |= {type(op).__name__ for op in instance.left.graph.ops}
        types += [*instance.left.dom.inside, *instance.left.cod.inside]
    assert {"Map", "Einsum", "Reindex", "View", "Concat", "Reduce", "Gather", "Segment", "Scan", "Block",
            "Constant", "Iota", "Stop", "Softmax"} <= seen
    assert {len(array.axes) for array in types} >= {0, 1, 2, 3}
    assert {array.dtype for array in types} >= {"float", "int", "bool"}
    sizes = [axis.size for array in types for axis in array.axes]
    assert any(size == 1 for size in sizes) and any(size.constant is None for size in sizes)


def test_a_scalar_function_does_not_fix_zero():
    """Functions that map 0 to 0 hide broken copies and paddings."""
    drawn = [scalar_function().draw(Sampler(seed), {}) for seed in range(40)]
    assert sum(abs(run(function, 0.0)) > 1e-6 for function in drawn) > 20


@examples()
@given(diagrams(), diagrams("learned"), diagrams("drawing keys by place"))
def test_equality_is_reflexive_and_agrees_with_the_hash(pure, learned, drawing):
    for one in (pure, learned, drawing):
        again = Diagram.id(one.dom) >> one
        assert again == one and hash(again) == hash(one)
        assert one != one @ Ty("x")


@pytest.mark.parametrize("name", list(LAWS))
def test_instances_are_reproducible(name):
    first, second = LAWS[name].instance(5), LAWS[name].instance(5)
    assert first.left == second.left and first.right == second.right and first.sizes == second.sizes
    assert all((a == b).all() for a, b in zip(first.inputs, second.inputs))
