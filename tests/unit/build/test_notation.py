"""The notation: patterns that make operations, their meaning, and every malformed one with its caret."""

from __future__ import annotations

import numpy as np
import pytest

from ncd.algebra.convert import Size
from ncd.construct.derived import unit
from ncd.construct.generators import repeat_axis
from ncd.construct.notation import (
    axes_of,
    einsum,
    labels_of,
    monoid,
    one_axis,
    pattern,
    rearrange,
    reindex,
    size_of,
)
from ncd.construct.trace import diagram
from ncd.core.axis import Axis
from ncd.core.category import Diagram
from ncd.errors import AxisError, NcdError, NotationError, SizeError
from ncd.interpret.reference import run
from ncd.ops.monoid import MAX, SEMIRINGS
from ncd.ops.multilinear import Einsum, Reindex, View

draw = np.random.default_rng(3)


def some(*shape: int) -> np.ndarray:
    return draw.normal(size=shape) + 0.1


# -- einsum ----------------------------------------------------------------------------------
@pytest.mark.parametrize("text, numpy, shapes", [
    ("y k, x k -> y x", "yk,xk->yx", [(2, 3), (4, 3)]), ("a a -> a", "aa->a", [(3, 3)]),
    ("a a ->", "aa->", [(3, 3)]),
    ("a b, b c, c d -> d a", "ab,bc,cd->da", [(2, 3), (3, 4), (4, 2)]),
    ("x, y -> y x", "x,y->yx", [(2,), (3,)]),
    ("(), x -> x", ",x->x", [(), (3,)]), ("a a b -> b a", "aab->ba", [(2, 2, 3)]),
    ("a=2 b, b -> a=2", "ab,b->a", [(2, 3), (3,)]), ("x -> ()", "x->", [(4,)])])
def test_an_einsum_is_numpys(text, numpy, shapes):
    values = [some(*shape) for shape in shapes]
    np.testing.assert_allclose(run(einsum(text), *values), np.einsum(numpy, *values))


TYPOS = [  # pattern, column, what is wrong, what may be meant
    ("y k, x k -> y z", 14, "z, which no input has", "one of the summed axes, write x"),
    ("y k, x k -> y z", 14, "z, which no input has",
     'ncd.einsum("y k, x k -> y") >> ncd.rearrange("y -> y z")'),
    ("a -> b=2 a", 5, "b, which no input has", 'ncd.rearrange("a -> b=2 a")'),
    ("a -> a b=2", 7, "b, which no input has", 'ncd.construct.repeat_axis("b=2")'),
    ("(a b) c -> (a d) c", 14, "d, which no input has", "write b"), ("() -> z", 6, "z, which", "repeat_axis"),
    ("a a b -> a c", 11, "c, which no input has", 'ncd.einsum("a a b -> a") >> ncd.rearrange("a -> a c")'),
    ("-> a=3 b", 3, "a, which no input has", 'ncd.constant(1.0, "a=3 b")'),
    ("x x -> x x", 9, "x stands twice in the output", "write x and x'"),
    ("a -> a a", 7, "a stands twice in the output", 'ncd.construct.derived.unit("a", "a\'")'),
    ("a b -> (a b) a", 13, "a stands twice in the output", "write a and a'"),
    ("x x, x k -> x k", 2, "x stands twice in one of several", 'ncd.einsum("x x -> x")'),
    ("k, (a a) k -> k", 6, "a stands twice in one of several", "write a and a'")]


@pytest.mark.parametrize("text, column, what, fix", TYPOS)
def test_a_letter_that_is_a_typo_is_refused(text, column, what, fix):
    with pytest.raises(NotationError, match=what) as error:
        einsum(text)
    assert error.value.position == column and fix in str(error.value)


def test_what_a_refused_einsum_proposes_is_what_was_meant():
    a, b = some(2, 3), some(4, 3)
    repeated = einsum("y k, x k -> y") >> rearrange("y -> y z=5")
    np.testing.assert_allclose(run(repeated, a, b), np.einsum("yk,xk,z->yz", a, b, np.ones(5)))
    diagonal = diagram("a")(lambda a: a * unit("a", "a'")())
    np.testing.assert_allclose(run(diagonal, b[:, 0]), np.diag(b[:, 0]))
    assert str(einsum("a ->") >> repeat_axis("z=5")) == "a -> z=5"


def test_groups_split_and_merge():
    a = some(6, 4)
    np.testing.assert_allclose(run(einsum("(h k=3) m, m -> h k"), a, np.ones(4)), a.sum(1).reshape(2, 3))
    np.testing.assert_allclose(run(einsum("a b -> (b a)"), a), a.T.reshape(-1))
    made = einsum("x m=(h k) -> h x k")
    assert str(made) == "x m=h*k -> h x k" and [type(op) for op in made.graph.ops] == [View, Einsum]


@pytest.mark.parametrize("text, type_", [
    ("a=2*k b -> b a", "a=2*k b -> b a=2*k"), ("a b=3, b -> a", "a b=3, b=3 -> a"),
    ("a, a=3 -> a", "a=3, a=3 -> a=3"),
    ("h h -> h", "h h'=h -> h"), ("3 k -> k 3", "3 k -> k 3"), ("x x' -> x x'", "x x' -> x x'"),
    ("(a b) -> b a", "a_b=a*b -> b a"), ("p=() x -> x", "p=1 x -> x"), ("1 -> 1", "1 -> 1")])
def test_the_type_of_a_pattern(text, type_):
    assert str(einsum(text)) == type_


@pytest.mark.parametrize("semiring", SEMIRINGS)
def test_a_semiring_by_its_name(semiring):
    made = einsum("a b, b c -> a c", semiring)
    assert made.op.semiring is SEMIRINGS[semiring] and einsum("a b, b c -> a c", SEMIRINGS[semiring]) == made
    assert {array.dtype for array in (*made.dom.inside, *made.cod.inside)} == {
        "bool" if semiring == "any_all" else "float"}


def test_shortest_paths():
    a, b = some(2, 3), some(3, 4)
    np.testing.assert_allclose(run(einsum("a b, b c -> a c", "min_plus"), a, b), (a[:, :, None] + b).min(1))
    with pytest.raises(NcdError, match="no semiring 'plus_max'") as error:
        einsum("a -> a", "plus_max")
    assert "max_plus" in str(error.value)


MALFORMED = [
    ("a b", 3, "has an arrow"), ("a->b->c", 4, "one arrow"), ("a : int -> b", 2, "no dtypes"),
    ("a -> b, c", 6, "one output"), ("(a (b c)) -> a", 0, "do not nest"), ("a,,b -> c", 2, "written ()"),
    ("a (b -> c", 2, "is not closed"), ("a b) -> c", 3, "closes"), ("a b -> a b= e", 11, "expected a number"),
    ("a, b=2+ -> a", 7, "expected a number"), ("a=2 a=3 -> a", 4, "two sizes"),
    ("a b -> a.b", 7, "not an axis label"),
    ("a -> 1a", 5, "not an axis label"), ("", 0, "has an arrow"), ("a, -> a", 2, "written ()")]


@pytest.mark.parametrize("text, column, what", MALFORMED)
def test_a_malformed_pattern_shows_a_caret(text, column, what):
    with pytest.raises(NotationError, match=what.replace("(", r"\(").replace(")", r"\)")) as error:
        einsum(text)
    assert error.value.position == column
    if text:
        assert error.value.details["pattern"] == [text, " " * column + "^"]


# -- rearrange -------------------------------------------------------------------------------
@pytest.mark.parametrize("text, want", [
    ("a b c -> c a b", lambda v: v.transpose(2, 0, 1)), ("a b c -> a (c b)",
                                                         lambda v: v.transpose(0, 2, 1).reshape(2, -1)),
    ("a b (c=2 d) -> d a b c", lambda v: v.reshape(2, 3, 2, 2).transpose(3, 0, 1, 2)),
    ("a b c -> a b c", lambda v: v), ("a b c -> h=2 c b a", lambda v: np.stack([v.transpose(2, 1, 0)] * 2)),
    ("a b c -> a 1 b c", lambda v: v[:, None])])
def test_rearrange(text, want):
    value = some(2, 3, 4)
    np.testing.assert_array_equal(run(rearrange(text), value), want(value))


def test_rearrange_computes_nothing():
    assert len(rearrange("a b -> a b")) == 0
    assert {type(op) for op in rearrange("a (b=2 c) d -> h=2 (d c) b a").graph.ops} == {View, Reindex}


def test_rearrange_and_back_is_the_identity_on_values():
    value = some(6, 4)
    there, back = rearrange("(a=2 b) c -> c b a"), rearrange("c b a=2 -> (a b) c")
    np.testing.assert_array_equal(run(there >> back.on(there.cod), value, a=2), value)


def test_rearrange_loses_nothing():
    with pytest.raises(AxisError, match="the axis b, d is lost"):
        rearrange("a b (c d) -> a c")
    with pytest.raises(AxisError, match=r'relabel it: ncd.reindex\("b -> e=b", b="e"\)'):
        rearrange("a b -> a e=b")
    with pytest.raises(NotationError, match="a diagonal is an einsum"):
        rearrange("a a -> a")
    with pytest.raises(NotationError, match="this pattern takes 1 input"):
        rearrange("a, b -> a b")


def test_sizes_that_do_not_divide_are_refused_when_called():
    with pytest.raises(SizeError, match="2\\*b is wanted, 7 is given") as error:
        rearrange("(a=2 b) -> a b").on("m=7".replace("m", "a_b"))
    assert "no b makes them agree" in str(error.value)


# -- reindex ---------------------------------------------------------------------------------
@pytest.mark.parametrize("text, indices, fill, want", [
    ("x -> i=3", {"x": "2*i"}, None, lambda v: v[::2]), ("x -> x", {"x": "5 - x"}, None, lambda v: v[::-1]),
    ("x -> i=4", {"x": "i + 4"}, 7.0, lambda v: [v[4], v[5], 7, 7]),
    ("x -> i=2", {"x": 3}, None, lambda v: [v[3]] * 2),
    ("x -> i=3", {"x": "(i + 1)/2"}, 0, lambda v: [0, v[1], 0]),
    ("x -> x h=2", {}, None, lambda v: np.stack([v, v], 1)),
    ("x -> i=2 j=2", {"x": "i + 2*j - 1"}, -1.0, lambda v: [[-1, v[1]], [v[0], v[2]]])])
def test_reindex(text, indices, fill, want):
    value = some(6)
    np.testing.assert_array_equal(run(reindex(text, fill, **indices), value), want(value))


@pytest.mark.parametrize("call, what", [
    (lambda: reindex("x -> i", x="i*i"), "affine"), (lambda: reindex("x -> i", x="i//2"), "affine"),
    (lambda: reindex("x -> i j", x="i*j"), "affine"), (lambda: reindex("x -> (i j)", x="i"), "no groups"),
    (lambda: reindex("x -> i", x="2*"), "expected a number"),
    (lambda: reindex("x, y -> i"), "takes 1 input")])
def test_an_index_is_affine(call, what):
    with pytest.raises(NotationError, match=what):
        call()


def test_every_axis_is_read():
    with pytest.raises(AxisError, match="the axis y is not indexed") as error:
        reindex("x y -> x")
    assert 'index it: y="0"' in str(error.value)
    with pytest.raises(AxisError, match="no axis z to index"):
        reindex("x -> x", z="1")


def test_other_names_in_an_index_are_sizes():
    made = reindex("x -> i=3", x="s*i + p")
    assert made.op.rows[0].terms == (("i", Size("s")),) and made.op.rows[0].offset == Size("p")
    assert run(made, np.arange(9.0), s=3, p=1).tolist() == [1, 4, 7]


# -- small readers ---------------------------------------------------------------------------
def test_small_readers():
    assert one_axis("x=3") == Axis("x", 3) and axes_of("h w=3 ()") == (Axis("h"), Axis("w", 3))
    assert labels_of("h w") == ("h", "w") and size_of("2*k") == Size("2*k") == size_of(Size("2*k"))
    assert monoid("max") is MAX and monoid(MAX) is MAX
    inputs, output = pattern("a (b c), d -> a")
    assert [[term.axis.label for term in terms] for terms in inputs] == [["a", "b_c"],
                                                                         ["d"]] and len(output) == 1
    with pytest.raises(NcdError, match="no monoid 'mean'"):
        monoid("mean")
    for wrong in ("", "x y", "x,"):
        with pytest.raises(NotationError):
            one_axis(wrong)
    assert isinstance(einsum("a -> a"), Diagram)
