"""The size symbols of a diagram, and numbers that are none in records."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import ncd
from ncd import nn
from ncd.construct.trace import diagram
from ncd.core.symbols import hidden, shown, symbols
from ncd.ops.control import Block
from ncd.ops.source import Initialiser


def test_symbols_are_those_inside_too():
    layer = nn.self_attention("x m")
    assert symbols(layer) == layer.symbols == {"x", "m", "h", "k"}
    assert shown(layer) == {"x", "m"} and hidden(layer) == {"h", "k"}
    assert symbols(nn.linear("m -> k=2*n")) == {"m", "n"}
    assert symbols(layer.lift("b").repeat("N")) == {"x", "m", "h", "k", "b", "N"}
    assert symbols(ncd.Diagram.id("e : index(n)")) == {"e", "n"}


def test_equal_nested_diagrams_are_each_looked_into():
    """Equal bodies may have other dead code."""
    def body(dead):
        return diagram("x -> x")(lambda x: (ncd.constant(0.0, dead)(), x * x)[1])
    first, second = body("u"), body("w")
    assert first == second
    both = Block("a", first).diagram >> Block("a", second).diagram
    assert both.symbols == {"x", "u", "w"}
    assert both.bind(u=2, w=3).symbols == {"x"}


def test_dead_code_has_symbols():
    made = diagram("x -> x")(lambda x: (nn.linear("x -> k")(x), x)[1])
    assert made.symbols == {"x", "k"} and made.bind(k=3).init(0, x=2)["linear"]["weight"].shape == (2, 3)


def test_symbols_of_deep_and_of_growing_diagrams():
    deep = nn.feed_forward("m", "f")
    for level in range(2000):
        deep = Block(f"b{level}", deep).diagram
    assert deep.symbols == {"m", "f"}
    made = nn.relu.on("x")
    for _ in range(3):
        assert made.symbols == {"x"}
        made = made >> nn.relu
    assert symbols(made >> nn.linear("x -> k")) == {"x", "k"}


@pytest.mark.parametrize("made", [
    ncd.constant(float("nan"), "x"), ncd.constant([1.0, np.nan], "x=2"),
    ncd.constant([[1.0, -np.nan]], "y=1 x=2"), ncd.reindex("x -> i=x", fill=float("nan"), x="i + 1"),
    ncd.constant([np.nan], "y=1").block("b"),
    ncd.parameter("w", "x", Initialiser("constant", float("nan")))])
def test_a_diagram_that_holds_nan_is_itself(made):
    back = ncd.from_json(made.to_json())
    assert made == back and hash(made) == hash(back) and back.to_json() == made.to_json()
    assert copy.deepcopy(made) == made and made.bind(**dict.fromkeys(made.symbols, 2)) == \
        back.bind(**dict.fromkeys(made.symbols, 2))


def test_a_pickled_nan_is_itself():
    for made in (ncd.constant([1.0, np.nan], "x=2"), ncd.reindex("x -> i=x", fill=np.nan, x="i + 1")):
        assert pickle.loads(pickle.dumps(made)) == made
    assert ncd.constant([np.nan], "x=1") != ncd.constant([0.0], "x=1")
