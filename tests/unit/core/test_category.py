"""Diagrams as morphisms and as DisCoPy's diagrams: composition, whiskering, functors, text and code."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from discopy import drawing, markov, monoidal, python
from hypothesis import given

import ncd.ops.control as control
import ncd.ops.indexed as indexed
import ncd.ops.matrix as matrix
import ncd.ops.monoid as monoid
import ncd.ops.multilinear as multilinear
import ncd.ops.pointwise as pointwise
import ncd.ops.scalar as scalar
import ncd.ops.source as source
from ncd.algebra.convert import Size
from ncd.construct import generators as make
from ncd.construct.generators import elementwise, key, opaque, parameter, scan
from ncd.construct.notation import einsum, rearrange, reindex
from ncd.construct.trace import diagram
from ncd.core.array import Array
from ncd.core.axis import Axis
from ncd.core.category import Box, Category, Copy, Diagram, Discard, Functor, Swap, Ty
from ncd.core.text import listing
from ncd.errors import ArityError, AxisError, NcdError, SizeError
from ncd.interpret.reference import run
from tests.strategies import diagrams, examples

relu, tanh, add = map(elementwise, ("relu", "tanh", "add"))
X = Ty("x")
f, g, plus = relu.on("x"), tanh.on("x"), add.on("x, x")
mixed = f >> Diagram.copy(X) >> (g @ f) >> plus
NAMES = {name: item for module in (control, indexed, matrix, monoid, multilinear, pointwise, scalar, source)
         for name, item in vars(module).items() if not name.startswith("_")}
NAMES |= {"Array": Array, "Axis": Axis, "Size": Size, "Ty": Ty, "Diagram": Diagram, "Box": Box,
          "inf": float("inf")}


# -- composition -----------------------------------------------------------------------------
def test_composition_of_several():
    assert f.then(g, f) == f >> g >> f == f >> (g >> f)
    assert f.tensor(g, f) == f @ g @ f == f @ (g @ f)
    assert f.then() == f.tensor() == f
    assert Diagram.id(X) >> f == f == f >> Diagram.id(X) and Diagram.id(Ty()) @ f == f == f @ Diagram.id()


def test_identities():
    assert Diagram.id() == Diagram.id(Ty()) == Diagram.id("") and len(Diagram.id("x, y")) == 0
    assert Diagram.id("x, y") == Diagram.id("x") @ Diagram.id("y")
    assert Diagram.id("x, y").dom == Diagram.id("x, y").cod == Ty("x, y")


def test_whiskering_with_types():
    y = Diagram.id("y")
    assert f @ Ty("y") == f @ "y" == f @ y and Ty("y") @ f == "y" @ f == y @ f
    assert f @ "a, b" == f @ Diagram.id("a, b") and "a" @ f @ "b" == Diagram.id("a") @ f @ Diagram.id("b")
    with pytest.raises(NcdError, match="is not an array"):
        f @ 3


def test_permutations():
    made = Diagram.permutation([2, 0, 1], Ty("a, b, c"))
    assert made.cod == Ty("c, a, b") and made == Diagram.swap(Ty("a, b"), Ty("c"))
    for wrong in ([0, 0, 1], [0, 1], [0, 1, 3], []):
        with pytest.raises(ArityError, match="is not a permutation of the 3 wires"):
            Diagram.permutation(wrong, Ty("a, b, c"))
    with pytest.raises(ArityError, match="of the 0 wires"):
        Diagram.permutation([0])


def test_copies_and_discards():
    assert Diagram.copy(X, 0) == Diagram.discard(X) == Copy(X, 0) == Discard(X)
    assert Diagram.copy(X, 1) == Diagram.id(X) and Diagram.copy(X, 3).cod == Ty("x, x, x")
    assert Diagram.swap(X, Ty("y")) == Swap(X, Ty("y")) and Copy(X) == Diagram.copy(X)


@pytest.mark.parametrize("wrong", [3, None, "x", [], object()])
def test_only_diagrams_are_composed(wrong):
    with pytest.raises(NcdError, match="cannot compose a diagram with"):
        f >> wrong


def test_there_is_no_dagger():
    for made in (f, mixed, Diagram.id(X), Diagram.swap(X, X)):
        with pytest.raises(NcdError, match="has no dagger") as error:
            made.dagger()
        assert "no adjoint" in str(error.value)
    with pytest.raises(NcdError, match="has no dagger"):
        mixed[::-1]


def test_a_single_operation_to_the_right_is_instantiated_a_diagram_is_not():
    strided = Diagram.id("x=7 k")
    assert (strided >> relu).cod == Ty("x=7 k") and (strided >> f).cod == Ty("x=7 k")
    assert (strided >> (Diagram.id(X) >> f)) == strided >> f        # equal diagrams compose equally
    with pytest.raises(SizeError, match="x is wanted, 7 is given") as error:
        strided >> (f >> g)
    assert ".bind(x=7)" in str(error.value)
    assert (strided >> (f >> g).bind(x=7)).cod == Ty("x=7 k")


def test_composition_that_does_not_fit():
    with pytest.raises(AxisError, match="cannot compose `relu` with `sum\\[y\\]`"):
        f >> make.reduce("sum", "y")
    with pytest.raises(ArityError, match="cannot compose"):
        f >> plus


# -- equality, text, code --------------------------------------------------------------------
def test_a_diagram_equals_the_operation_that_it_is():
    assert f == f.op and f.op.diagram == f and (Diagram.id(X) >> f).op == f.op and mixed.op is None
    assert f != "relu" and f != 3 and f is not None
    assert hash(f) == hash(Diagram.id(X) >> f) and len({f, g, Diagram.id(X) >> f}) == 2


def test_text():
    assert str(mixed) == "x -> x" and str(Diagram.swap(X, Ty("y=2*k"))) == "x, y=2*k -> y=2*k, x"
    assert str(Diagram.id()) == " -> "
    assert listing(mixed.graph).splitlines() == [
        "a : x", "b = relu(a)   : x", "c = tanh(b)   : x", "d = relu(b)   : x", "e = add(c, d) : x", "-> e"]
    assert listing(Diagram.discard(X).graph) == "a : x\n->" and listing(Diagram.id().graph) == "->"


CODED = [
    f, mixed, Diagram.swap(X, X), einsum("x y, y z -> x z"), einsum("a b, b c -> a c", "max_plus"),
    einsum("a a -> a"), rearrange("a (b=2 c) -> (c a) b"), reindex("x -> i=3", x="2*i - 1", fill=0),
    make.window("x", "j=3", 2, 1, 1, fill=float("-inf")), make.concat("x", 3), make.reduce("max", "x y"),
    make.topk("x -> k=2"), make.gather("n"), make.segment("sum", "e -> n"), make.solve("i j"),
    make.eigh("i j"),
    make.iota("x"), make.constant([[1, 0.5]], "a=1 b=2"), make.constant(float("-inf")),
    make.random("normal", "x"),
    parameter("w", "m k", tied=True), key(), make.stop(), opaque("mine", "x -> y", linear=(0,)),
    opaque("mine", "x -> y").on("b x"), f.block("title"), mixed.repeat("N"),
    scan(einsum("m, m, m -> m").bind(m=3), "t", 1, 1, reverse=True), elementwise("multiply", None, 0.5),
    elementwise("maximum", float("-inf"), None)]


@pytest.mark.parametrize("made", CODED, ids=str)
def test_the_code_of_a_diagram_is_the_diagram(made):
    assert eval(repr(made), dict(NAMES)) == made
    for op in made.graph.ops:
        assert eval(repr(op), dict(NAMES)) == op
    assert pickle.loads(pickle.dumps(made)) == made


@given(diagrams("learned"))
@examples(20)
def test_the_code_of_a_random_diagram_is_the_diagram(made):
    layers = {type(op).__name__: type(op) for op in made.graph.ops}
    assert eval(repr(made), NAMES | layers) == made


def test_a_pickle_keeps_what_the_function_told():
    @diagram("x -> x")
    def doubled(a):
        """Twice the input."""
        return a + a
    again = pickle.loads(pickle.dumps(doubled))
    assert again == doubled and again.title == "doubled" and again.__doc__ == "Twice the input."


def test_an_operation_stands_for_its_diagram():
    op = f.op
    assert op >> g == f >> g and f >> op == f >> f and op @ g == f @ g and g @ op == g @ f
    assert op.dom == X.inside and op.lift("h") == f.lift("h") and op.rename(x="y") == f.rename(x="y")
    with pytest.raises(AttributeError, match="Map has no attribute 'nothing'"):
        _ = op.nothing


# -- DisCoPy ---------------------------------------------------------------------------------
def test_layers_slices_and_boxes():
    assert len(mixed.inside) == 7 and len(mixed) == 4 and [box.name for box in mixed.boxes] == [
        "relu", "tanh", "relu", "add"]
    assert mixed[:1] == f and mixed[:1] >> mixed[1:] == mixed == mixed[:3] >> mixed[3:] and mixed[:] == mixed
    assert mixed[-1:] == plus and mixed[:0] == Diagram.id(X)
    assert Diagram(mixed.inside, mixed.dom, mixed.cod) == mixed


@given(diagrams())
@examples(30)
def test_any_diagram_is_its_layers(made):
    assert Diagram(made.inside, made.dom, made.cod) == made
    for layer in made.inside:
        assert isinstance(layer, monoidal.Layer)
    cut = len(made.inside) // 2
    assert made[:cut] >> made[cut:] == made


def test_types_are_discopys_types():
    type_ = Ty("a, b=2, c : int")
    assert type_[1:] == Ty("b=2, c : int") and type_[0] == Ty("a") and len(type_) == 3
    assert Ty("a") @ Ty("b") == Ty("a, b") and Ty("a") ** 3 == Ty("a, a, a") and Ty() @ type_ == type_
    assert hash(Ty("a, b")) == hash(Ty("a", "b")) and Ty("a, b") == Ty("a", "b") and Ty("a") != Ty("b")


@given(diagrams())
@examples(30)
def test_the_identity_functor(made):
    identity = Functor(ob=lambda array: array, ar=lambda box: box)
    assert identity(made) == made and identity(made.dom) == made.dom


def test_a_functor_renames_a_category():
    change = Functor(ob=lambda type_: Ty("y=x") if type_ == X else type_, ar=lambda box: box.rename(x="y"))
    assert change(mixed) == mixed.rename(x="y")


class Calls(markov.Functor):
    """To Python functions."""

    dom, cod = Category(), markov.Category(python.Ty if hasattr(python, "Ty") else tuple, python.Function)


def test_a_functor_into_python_functions():
    calls = Calls(ob=lambda array: object, ar=lambda box: lambda *values: run(box, *values))
    at, other = np.array([1.0, -2.0, 3.0]), np.array([0.5, 1.5, -1.0])
    for made in (mixed, f @ g >> Diagram.swap(X, X) >> elementwise("subtract").on("x, x"),
                 Diagram.discard(X) @ f, Diagram.copy(X) @ Diagram.discard(X)):
        inputs = [at, other][:len(made.dom)]
        np.testing.assert_allclose(calls(made)(*inputs), run(made, *inputs))


def test_equations_can_be_drawn():
    equation = drawing.Equation(mixed, f @ g >> Diagram.swap(X, X) >> plus)
    assert equation.to_drawing() is not None and mixed.to_drawing() is not None
    assert (Diagram.copy(X) @ Diagram.discard(X)).to_drawing() is not None


def test_discopys_foliation_and_depth():
    assert mixed.foliation() == mixed and mixed.depth() == 3
