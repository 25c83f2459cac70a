"""Bugs on purpose: each is registered with the law that catches it, and is planted for one test."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest

from theory import LAWS, MODELS, CostLaw, Law, Model

SEEDS = range(120)
FEWER = {"jax": range(12)}              # each instance is compiled


class Bug(NamedTuple):
    """What is broken, the law that catches it, and how to break it; returns the model that is broken."""

    name: str
    law: str
    plant: Callable[[pytest.MonkeyPatch], Model]


class Bugs(list[Bug]):
    """Bugs in the order in which they are registered.

    Parameters:
        model: What is broken where planting returns no model.
    """

    def __init__(self, model: Model | None = None):
        super().__init__()
        self.model = model

    def caught_by(self, law: str) -> Callable:
        """Register a function that plants a bug; its name says what is broken."""
        def register(plant: Callable) -> Callable:
            self.append(Bug(plant.__name__.replace("_", " "), law, lambda patch: plant(patch) or self.model))
            return plant
        return register

    def assert_of_many_kinds(self, count: int, laws: int) -> None:
        """Assert that there are so many bugs, by so many laws, each with a name of its own."""
        assert len(self) >= count and len({bug.law for bug in self}) >= laws
        assert len(self) == len({bug.name for bug in self})


def assert_caught(bug: Bug) -> None:
    """Assert that the law sees the bug, and is quiet without it."""
    with pytest.MonkeyPatch.context() as patch:
        model = bug.plant(patch)
        seeds = FEWER.get(model.name, SEEDS)
        seen = not says_what_it_must(LAWS[bug.law], model, seeds)      # what is planted may be in the law
    assert seen, f"{bug.law} does not see: {bug.name}"
    assert says_what_it_must(LAWS[bug.law], MODELS[model.name], seeds), f"{bug.law} fails without: {bug.name}"


def says_what_it_must(law: Law | CostLaw, model: Model, seeds: range) -> bool:
    """Whether the law holds where it says so, and is seen to fail elsewhere."""
    return (law.refute(model, seeds) is None) == (model.name in law.holds)
