"""Types as text: what reads, and every malformed text shown with a caret under the right column."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ncd.core.array import Array
from ncd.core.axis import Axis
from ncd.core.category import Diagram, Ty
from ncd.core.signature import parse_signature, parse_type, split_top, words
from ncd.errors import AxisError, NcdError, NotationError, SizeError
from tests.strategies import examples, types

REFUSED = [  # text, column of the caret, a part of the message
    ("x,", 2, "an array without axes is written ()"), ("x,,y", 2, "written ()"), (",x", 0, "written ()"),
    ("x, ,y", 2, "written ()"), ("x y)", 3, "closes that was not opened"), ("(x", 0, "is not closed"),
    ("a, b=(2, c", 5, "is not closed"), ("x=", 2, "expected a number"), ("x==2", 2, "unexpected character"),
    ("=3", 0, "a size without a label"), ("a, =3", 3, "a size without a label"),
    ("x =3", 2, "a size without a label"),
    ("x= 3", 2, "expected a number"), ("x=2*", 4, "expected a number"),
    ("x : flot", 4, "'flot' is not a dtype"), ("a, x :  flot", 8, "is not a dtype"),
    ("x : ", 4, "is not a dtype"),
    ("x : index()", 10, "expected a number"), ("x : index(n", 9, "is not closed"),
    ("a b, c : index(2+)", 17, "expected a number"), ("x: index(n) y", 3, "is not a dtype"),
    ("x : int : int", 4, "is not a dtype"), ("( )", 0, "is not an axis label"),
    ("a (b)", 2, "is not an axis label"),
    ("x ->y", 2, "is not an axis label"), ("x;y", 0, "is not an axis label"),
    ("a b, x@3", 5, "is not an axis label"),
    ("a x=b<c", 4, "has no meaning in a size"), ("x=f(2)", 2, "has no meaning in a size"),
    ("x=1e999", 2, "a number out of range"), ("x=2x", 3, "expected the end"),
    ("a, b=2+ c", 7, "expected a number"),
    ("a, b=x=y c", 6, "unexpected character"), ("x" * 300, 0, "is not an axis label"),
    ("½", 0, "is not an axis label"),
    ("x=½", 2, "not a name"), ("x=" + "(" * 150 + "y" + ")" * 150, 53, "nested deeper"),
    ("1a", 0, "is not an axis label"), ("x\ny= z", 4, "expected a number")]


@pytest.mark.parametrize("text, column, what", REFUSED, ids=[text[:20] for text, _, _ in REFUSED])
def test_malformed_text_shows_a_caret(text, column, what):
    with pytest.raises(NotationError) as error:
        parse_type(text)
    assert what in error.value.what and error.value.position == column
    pattern, caret = error.value.details["pattern"]
    assert caret.strip() == "^" and "\n" not in pattern
    if len(text) <= 200 and text.isascii():
        assert pattern == text.replace("\n", " ") and caret == " " * column + "^"
    assert "test_signature.py" in error.value.where


def test_the_message_as_a_whole():
    with pytest.raises(NotationError) as error:
        Ty("a, b=2+ c")
    lines = str(error.value).splitlines()
    assert lines[0] == "expected a number, a name or `(`"
    assert lines[1].startswith("  where   test_signature.py:")
    assert lines[2:] == ["  pattern a, b=2+ c", "                 ^"]


@pytest.mark.parametrize("text, column", [("x̄ b= c", 4), ("字 b= c", 5), ("a\u0301x b= c", 5)])
def test_the_caret_counts_what_is_seen(text, column):
    """A combining bar takes no place on the screen, a wide letter two."""
    with pytest.raises(NotationError) as error:
        Ty(text)
    assert error.value.details["pattern"][1] == " " * column + "^"


def test_a_long_text_is_cut_around_the_caret():
    with pytest.raises(NotationError) as error:
        Ty(" ".join(f"a{n}" for n in range(300)) + " b= " + " ".join(f"c{n}" for n in range(300)))
    pattern, caret = error.value.details["pattern"]
    assert pattern.startswith("…") and pattern.endswith("…") and len(pattern) < 210
    assert pattern[len(caret) - 3:len(caret)] == "b= "


@pytest.mark.parametrize("text, column, kind", [
    ("a x x", 4, AxisError), ("y, x=3 k x=4", 9, AxisError), ("a x=0", 2, SizeError), ("x=-1", 0, SizeError),
    ("a, x=1/2", 3, SizeError), ("b 0", 2, SizeError), ("x=a//0", 0, SizeError),
    ("e : index(n//0)", 10, SizeError)])
def test_axes_and_sizes_that_cannot_be_are_shown_too(text, column, kind):
    with pytest.raises(kind) as error:
        parse_type(text)
    assert error.value.details["pattern"] == [text, " " * column + "^"]


@pytest.mark.parametrize("text, offset, what", [
    ("x -> y -> z", 7, "one arrow"), ("a -> b= c", 7, "expected a number"), ("a -> (b", 5, "is not closed"),
    ("a -> b)", 6, "closes"), ("a= b -> c", 2, "expected"), ("a -> b,", 7, "written ()")])
def test_carets_right_of_an_arrow(text, offset, what):
    with pytest.raises(NotationError, match=what.replace("(", r"\(").replace(")", r"\)")) as error:
        parse_signature(text)
    assert error.value.details["pattern"] == [text, " " * offset + "^"]


# -- what reads ------------------------------------------------------------------------------
@pytest.mark.parametrize("text, arrays", [
    ("", ()), ("   ", ()), ("()", (Array(),)), ("(), ()", (Array(), Array())),
    ("() x ()", (Array([Axis("x")]),)),
    ("y k, x=2*k 3", (Array([Axis("y"), Axis("k")]), Array([Axis("x", "2*k"), Axis("3", 3)]))),
    ("3 3", (Array([Axis("3", 3), Axis("3'", 3)]),)), ("3' 3", (Array([Axis("3'", 3), Axis("3", 3)]),)),
    ("x : int", (Array([Axis("x")], "int"),)), (": int", (Array((), "int"),)),
    ("x:bool", (Array([Axis("x")], "bool"),)),
    ("e f : index(2*n + 1)", (Array([Axis("e"), Axis("f")], "int", "2*n+1"),)),
    ("x=(2 * k + 1) y", (Array([Axis("x", "2*k+1"), Axis("y")]),)), ("x\ty\nz", (Array(map(Axis, "xyz")),)),
    ("x=max(a, b)", (Array([Axis("x", "max(a,b)")]),)), ("٣", (Array([Axis("٣", 3)]),)),
    ("²", (Array([Axis("2", 2)]),)),
    ("  x  ,  y ", (Array([Axis("x")]), Array([Axis("y")])))])
def test_texts_that_read(text, arrays):
    assert parse_type(text) == arrays


def test_signatures():
    assert parse_signature("x, y -> z") == (parse_type("x, y"), parse_type("z"))
    assert parse_signature("x, y") == (parse_type("x, y"), None)
    assert parse_signature("-> z") == ((), parse_type("z")) and parse_signature("x ->") == (parse_type("x"),
                                                                                            ())


@given(types())
@examples(60)
def test_a_type_reads_back(type_):
    assert Ty(str(type_)) == type_ and eval(repr(type_), {"Ty": Ty}) == type_
    assert parse_signature(f"{type_} -> {type_}") == (type_.inside, type_.inside)
    assert parse_signature(str(Diagram.id(type_))) == (type_.inside, type_.inside)


@given(st.text(st.sampled_from("ab3'=,:()->*+/ index"), max_size=25))
@examples(300)
def test_any_text_reads_or_is_refused_with_its_place(text):
    try:
        arrays = parse_type(text)
    except NotationError as error:
        assert 0 <= error.position <= len(text)
    except (AxisError, SizeError) as error:
        assert error.details["pattern"][1].strip() == "^"
    else:
        assert parse_type(", ".join(map(str, arrays))) == arrays


@pytest.mark.parametrize("text", ["x " * 60_000, "x" * 10 ** 6, "(" * 90_000,
                                  "x=" + "(" * 40_000 + ")" * 40_000,
                                  "3 " * 1_000, "a=" + "x+" * 6_000 + "x", "x," * 49_000],
                         ids=lambda text: repr(text[:12]))
def test_hostile_text_is_refused_quickly_and_briefly(text):
    start = time.process_time()
    with pytest.raises(NcdError) as error:
        parse_type(text)
    assert time.process_time() - start < 5 and len(str(error.value)) < 2_000


def test_many_arrays_and_many_axes():
    assert len(parse_type(", ".join(f"a{n}" for n in range(5_000)))) == 5_000
    assert len(parse_type(" ".join(f"a{n}" for n in range(5_000)))[0].axes) == 5_000


def test_what_is_no_array_is_no_type():
    for wrong in (3, None, [], b"x", object()):
        with pytest.raises(NcdError, match="is not an array"):
            Ty(wrong)


def test_cutting_text():
    assert split_top("a(b,c),d", ",") == [("a(b,c)", 0), ("d", 7)]
    assert words(" a  (b c) d=(e f)", 2) == [("a", 3), ("(b c)", 6), ("d=(e f)", 12)]
