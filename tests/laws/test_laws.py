"""Every law in every model: those that must hold on random instances, those that must fail seen to fail."""

from __future__ import annotations

import pytest
from hypothesis import given

from tests.strategies import EXAMPLES, examples, seeds
from theory import LAWS, MODELS, THEORIES, CostLaw

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

    @examples(EXAMPLES if model != "jax" else EXAMPLES // 50)
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
        measured = "cost" in (*law.holds, *law.fails)
        assert isinstance(law, CostLaw) == measured and (not measured or len(law.holds + law.fails) == 1)


def test_names_are_unique_across_theories():
    assert len(LAWS) == sum(map(len, THEORIES.values()))
