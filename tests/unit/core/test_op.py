"""Operations are data: fields are coerced, renamed and substituted without a method of their own."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from dataclasses import dataclass, field

import pytest
from hypothesis import given

from ncd.algebra.convert import ONE, Size
from ncd.construct.generators import elementwise, gather, key, parameter, reduce, window
from ncd.construct.notation import einsum
from ncd.construct.trace import trace
from ncd.core.array import Array
from ncd.core.axis import Axis, Label
from ncd.core.category import Diagram, Ty
from ncd.core.op import Operation, lifted_axes, place_lifted, transform
from ncd.errors import AxisError, NcdError
from ncd.ops.control import Block, Opaque, Scan
from ncd.ops.monoid import SUM
from ncd.ops.multilinear import Einsum, Reindex, affine
from ncd.ops.pointwise import Map, Reduce
from ncd.ops.scalar import ADD
from ncd.ops.source import Initialiser, Parameter
from tests.strategies import diagrams, examples


@dataclass(frozen=True)
class Halve(Operation):
    """A defined operation of a user: sums pairs, x -> x//2."""

    array: Array
    axis: Label
    factor: Size = ONE
    note: str = field(default="", compare=False)

    @property
    def dom(self):
        return (self.array,)

    @property
    def cod(self):
        here = self.array.axis(self.axis)
        return (self.array.with_axes(self.array.replace((self.axis,), (Axis(self.axis, here.size // 2),))),)

    @property
    def own(self):
        return frozenset((self.axis,))

    def definition(self):
        total = reduce("sum", "j'")
        windows = window(self.axis, "j'=2", stride=2)
        return trace(lambda a: total(windows(a)) * self.factor, self.dom)


@dataclass(frozen=True)
class Wrong(Halve):
    """Says another type than its definition has."""

    def definition(self):
        return Diagram.id(Ty.of(self.dom))


halve = Halve(Ty("a x k").inside[0], "x")


# -- fields ----------------------------------------------------------------------------------
def test_fields_are_coerced_by_their_annotations():
    made = Halve(Ty("x").inside[0], "x", "2 * k")
    assert type(made.axis) is Label and made.factor == Size("2*k")
    assert Scan(elementwise("tanh"), Axis("t", 3), 1, [Array()]).arrays == (Array(),)
    assert type(Reduce(SUM, Ty("x y").inside[0], ["x"]).labels[0]) is Label
    with pytest.raises(AxisError, match="is not an axis label"):
        Halve(Ty("x").inside[0], "a b")


def test_fields_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        halve.axis = "k"


@pytest.mark.parametrize("make", [
    lambda title: Parameter(title, Array()), lambda title: Block(title, Diagram.id("x")),
    lambda title: Opaque(title, (), ()), lambda title: Diagram.id("x").repeat(2, title=title)])
@pytest.mark.parametrize("title", [None, 3, b"w"])
def test_a_name_is_a_text(make, title):
    with pytest.raises(NcdError, match="is a text, not"):
        make(title)


# -- identity --------------------------------------------------------------------------------
def test_equality_is_of_class_and_fields_those_for_pictures_left_out():
    again = Halve(Ty("a x k").inside[0], "x", 1.0, note="a picture's")
    assert again == halve and hash(again) == hash(halve) and halve != Wrong(halve.array, "x")
    assert halve != Halve(halve.array, "a") and halve != Halve(halve.array, "x", 2) and halve != 3


def test_einsums_are_equal_whatever_their_letters_are_called():
    arrays, out = Ty("a b, b c").inside, Array([Axis("a"), Axis("c")])
    assert Einsum(arrays, ((7, 3), (3, 5)), out, (7, 5)) == Einsum(arrays, ((0, 1), (1, 2)), out, (0, 2))
    assert Einsum(arrays, ((0, 1), (1, 2)), out, (0, 2)) == einsum("a b, b c -> a c").op


def test_a_pickle_holds_the_fields_only():
    hash(halve), halve.diagram, halve.expansion
    assert set(halve.__getstate__()) == {"array", "axis", "factor", "note"}
    for again in (pickle.loads(pickle.dumps(halve)), copy.deepcopy(halve), copy.copy(halve)):
        assert again == halve and again.expansion == halve.expansion


@given(diagrams("learned"))
@examples(20)
def test_operations_are_rebuilt_from_their_fields(made):
    for op in made.graph.ops:
        assert dataclasses.replace(op) == op and pickle.loads(pickle.dumps(op)) == op


# -- definitions -----------------------------------------------------------------------------
def test_a_definition_is_made_once_and_has_the_operations_type():
    assert halve.expansion is halve.expansion and halve.expansion.cod.inside == halve.cod
    assert not halve.primitive and einsum("a -> a").op.expansion is None
    with pytest.raises(AxisError, match="the definition of `wrong` has another type") as error:
        _ = Wrong(halve.array, "x").expansion
    assert "have    a x k -> a x k" in str(error.value) and "want    a x k -> a x=x//2 k" in str(error.value)


def test_an_operation_must_say_its_type():
    class Silent(Operation):
        pass
    for side in ("dom", "cod"):
        with pytest.raises(NcdError, match=f"the operation Silent does not say its {side}") as error:
            getattr(Silent(), side)
        assert f"a property {side}, the tuple of its arrays" in str(error.value)


# -- renaming and substitution ---------------------------------------------------------------
def test_sizes_are_substituted_everywhere_at_once():
    made = Halve(Ty("x=2*k y=k").inside[0], "x", "k*y").substitute({"k": Size("y"), "y": Size("k")})
    assert made == Halve(Ty("x=2*y y=y").inside[0], "x", "k*y")
    assert halve.substitute({"z": Size(3)}) is halve and halve.substitute({}) is halve


def test_labels_are_renamed_everywhere_but_in_sizes():
    assert halve.relabel({"x": "k", "k": "x"}) == Halve(Ty("a k=x x=k").inside[0], "k")
    assert halve.relabel({"z": "y"}) is halve
    read = Reindex(Ty("x").inside[0], (Axis("i", 3),), (affine(1, {"i": 2}),))
    assert read.relabel({"i": "j"}).rows == (affine(1, {"j": 2}),)
    weight = Parameter("w", Ty("m n").inside[0], Initialiser("normal", 1.0, ("m",)))
    assert weight.relabel({"m": "p"}).init.fan == ("p",) and weight.relabel({"q": "p"}) is weight


def test_bodies_are_renamed_and_substituted_too():
    body = trace(lambda a: reduce("sum", "h")(einsum("x, x h -> x h")(a, parameter("w", "x h=2*k")())),
                 Ty("x").inside)
    made = Block("b", body).substitute({"k": Size(3)}).relabel({"x": "y"})
    assert made.dom == Ty("y=x").inside and "h=6" in made.body.listing()
    assert Block("b", body).substitute({"z": Size(1)}) .body is body


def test_transform_keeps_what_does_not_change():
    data = (Label("x"), (Axis("x"), Size("k")), "text", 3, None)
    assert transform(data, lambda item: item) is data
    made = transform(data, lambda item: item if isinstance(item, Label) else item.substitute({"k": Size(2)}))
    assert made == (Label("x"), (Axis("x"), Size(2)), "text", 3, None)


# -- lifting ---------------------------------------------------------------------------------
def test_where_lifted_axes_stand():
    """One input: in its place. Several: in front, in order of appearance."""
    one, (result,) = Ty("x"), Ty("q").inside
    assert str(place_lifted(one.inside, Ty("b x c").inside, result)) == "b q c"
    assert str(place_lifted(one.inside, Ty("x").inside, result)) == "q"
    two = Ty("x, x y").inside
    assert str(place_lifted(two, Ty("x b, c x b y").inside, result)) == "b c q"
    assert [str(axis) for axis in lifted_axes(two, Ty("x b, c=2 x b y").inside)] == ["b", "c=2"]


def test_own_labels():
    assert halve.own == {"x"} and einsum("a b -> a").op.own == {"a", "b"} and gather("n").op.own == {"n"}
    assert elementwise("add").op.own == frozenset() and "t" in Scan(
        elementwise("tanh"), Axis("t", 3), 1, (Array(),)).own


def test_flags():
    assert Map(ADD, (Array(), Array())).linear == (0, 1) and Map(ADD, (Array(),), (None, 2)).linear == ()
    assert einsum("a, a -> ").op.linear == (0, 1) and einsum("a, a -> ", "max_plus").op.linear == ()
    assert not key().op.deterministic and key().op.place == "key"
    assert halve.deterministic and halve.place is None
    assert reduce("sum", "x").op.linear == (0,) and reduce("max", "x").op.linear == ()
