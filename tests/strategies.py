"""Hypothesis strategies: random axes, types, diagrams and instances of laws, by seed.

Each draws a seed and hands it to the generators of ``theory``, so that a failing example is one number
that reproduces it: ``LAWS["interchange"].instance(seed)``.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from ncd.core.array import Array
from ncd.core.category import Diagram, Ty
from ncd.traverse.places import build, places
from theory import Instance, Law
from theory.random import Sampler, values
from theory.variables import KINDS

EXAMPLES = int(os.environ.get("NCD_EXAMPLES", "15"))
"""How many examples a cheap test draws; ``NCD_EXAMPLES=10000`` is a long run."""

SEARCHING = "NCD_EXAMPLES" in os.environ
"""A long run draws new examples each time; without it the outcome is a function of the commit."""


def examples(count: int = EXAMPLES) -> settings:
    """The settings of a test of so many examples: no deadline, nothing kept between runs."""
    return settings(max_examples=max(1, count), deadline=None, database=None,
                    derandomize=not SEARCHING, suppress_health_check=list(HealthCheck))


def seeds() -> st.SearchStrategy[int]:
    """Seeds of random syntax."""
    return st.integers(0, 2 ** 31 - 1)


def samplers() -> st.SearchStrategy[Sampler]:
    return seeds().map(Sampler)


def arrays(least: int = 0, most: int = 3) -> st.SearchStrategy[Array]:
    """Float arrays of 0 to 3 axes, their sizes numbers or symbols."""
    return samplers().map(lambda s: s.array(least, most))


def types(floats: bool = False) -> st.SearchStrategy[Ty]:
    """Tuples of 0 to 3 arrays."""
    return samplers().map(lambda s: s.type(floats=floats))


def diagrams(kind: str = "", dom: Ty | None = None) -> st.SearchStrategy[Diagram]:
    """Diagrams of a kind of :data:`theory.variables.KINDS`: ``""``, ``"linear"``, ``"learned"``, …"""
    return samplers().map(lambda s: KINDS[kind](s, s.type() if dom is None else dom, None))


def instances(law: Law) -> st.SearchStrategy[Instance]:
    """A law with diagrams for its variables."""
    return seeds().map(law.instance)


def inputs(diagram: Diagram, sizes: dict[str, int]) -> st.SearchStrategy[list]:
    """Random arrays for a diagram at given sizes."""
    return seeds().map(lambda seed: values(diagram.dom, sizes, seed))


# -- parameters ----------------------------------------------------------------------------
def drawn(diagram: Diagram, rng, **sizes):
    """Normal numbers for every parameter of a diagram."""
    return build({path: rng.normal(size=[axis.size.evaluate(sizes) for axis in slot.array.axes])
                  for path, slot in places(diagram)[0].items()})
