"""Twenty thousand boxes in every interpretation: nothing recurses over depth."""

from __future__ import annotations

import jax
import numpy as np
import pytest

import ncd
from ncd import nn

COUNT = 20_000


@pytest.fixture(scope="module")
def chain():
    made = ncd.Diagram.id(ncd.Ty("x"))
    for _ in range(COUNT):
        made = made >> nn.tanh
    return made


MEANINGS = {
    "listing": lambda d: len(d.listing().splitlines()) == COUNT + 2,
    "cost": lambda d: d.cost().depth == COUNT,
    "reference": lambda d: d.to_numpy()(np.ones(3)).shape == (3,),
    "jax": lambda d: len(jax.make_jaxpr(d.to_jax())(np.ones(3)).eqns) >= COUNT,
    "json": lambda d: ncd.from_json(d.to_json()) == d,
    "picture": lambda d: d.draw().startswith("<svg"),
    "check": lambda d: d.check() is d,
    "lift": lambda d: str(d.lift("q")) == "q x -> q x",
    "bind": lambda d: str(d.bind(x=3)) == "x=3 -> x=3",
    "right fold": lambda d: right_fold() == d,
    "layers": lambda d: len(d.inside) == COUNT}


def right_fold():
    made = ncd.Diagram.id(ncd.Ty("x"))
    for _ in range(COUNT):
        made = nn.tanh.on("x") >> made
    return made


@pytest.mark.parametrize("meaning", MEANINGS)
def test_no_recursion_limit(chain, meaning):
    assert MEANINGS[meaning](chain)
