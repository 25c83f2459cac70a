"""DisCoPy's layers of a wire graph: one box each, wires copied, swapped and discarded as they are used."""

from __future__ import annotations

import time

import pytest
from hypothesis import given

from ncd.construct.generators import elementwise
from ncd.core.category import Box, Copy, Diagram, Discard, Layer, Swap, Ty
from tests.strategies import diagrams, examples

relu, tanh, add, subtract = map(elementwise, ("relu", "tanh", "add", "subtract"))
X = Ty("x")
f, minus = relu.on("x"), subtract.on("x, x")


def boxes(made: Diagram) -> list:
    """(kind, offset) of the box of each layer."""
    return [(type(layer[1]), len(layer[0])) for layer in made.inside]


def test_the_identity_has_no_layers():
    assert Diagram.id("x, y").inside == () and Diagram.id().inside == ()


@pytest.mark.parametrize("made, want", [
    (f, [(Box, 0)]), (Diagram.swap(X, Ty("y")), [(Swap, 0)]), (Diagram.copy(X), [(Copy, 0)]),
    (Diagram.discard(X), [(Discard, 0)]), (Diagram.copy(X, 3), [(Copy, 0)]),
    (Diagram.copy(X) >> minus, [(Copy, 0), (Box, 0)]),
    (Diagram.swap(X, X) >> minus, [(Swap, 0), (Box, 0)]),
    (Diagram.permutation([2, 1, 0], Ty("a, b, c")), [(Swap, 1), (Swap, 0), (Swap, 1)])])
def test_small_diagrams(made, want):
    assert boxes(made) == want


def test_three_copies_are_one_box_with_three_outputs():
    (layer,) = Diagram.copy(X, 3).inside
    assert layer[1].cod == Ty("x, x, x") and layer[1] == Copy(X, 3)


def test_an_unused_result_is_discarded_at_once():
    made = Diagram.copy(X) >> f @ (tanh.on("x") >> Diagram.discard(X))
    assert [kind for kind, _ in boxes(made)].count(Discard) == 1


def check_layers(made: Diagram) -> None:
    """Each layer starts where the one before ended, and holds one box between identities."""
    here = made.dom
    for layer in made.inside:
        assert isinstance(layer, Layer)
        left, box, right = layer
        assert left @ box.dom @ right == here
        here = left @ box.cod @ right
    assert here == made.cod


@given(diagrams())
@examples(40)
def test_layers_compose(made):
    check_layers(made)


@given(diagrams("learned"))
@examples(20)
def test_layers_hold_every_operation_once(made):
    ops = [layer[1].data for layer in made.inside if not isinstance(layer[1], (Swap, Copy))]
    assert ops == made.graph.ops


def test_a_long_narrow_diagram_takes_linear_time():
    start, made = time.process_time(), f
    for n in range(3_000):
        made = made >> (f if n % 2 else tanh.on("x"))
    assert len(made.inside) == 3_001 and time.process_time() - start < 10


def test_layers_are_made_once():
    made = f >> f
    assert made.inside is made.inside
