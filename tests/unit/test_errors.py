"""Errors are interface: the lines of a message, the user's file and line, one base for all."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import sys

import pytest

from ncd import errors
from ncd.construct.generators import elementwise, reduce
from ncd.construct.notation import einsum
from ncd.construct.trace import diagram
from ncd.core.axis import Axis
from ncd.core.category import Diagram, Functor
from ncd.errors import NcdError, NotationError, pointed, user_location

KINDS = [item for _, item in inspect.getmembers(errors, inspect.isclass)
         if issubclass(item, Exception) and item.__module__ == "ncd.errors"]


def here(offset: int = 0) -> str:
    return f"test_errors.py:{sys._getframe(1).f_lineno + offset}"


def test_the_lines_of_a_message():
    error = NcdError("what is wrong", where="wire 1", have="y x", want="y z", why=["one", "two"], mend=None,
                     sizes="")
    assert str(error).splitlines() == [
        "what is wrong", f"  where   {here(-3)}, wire 1", "  have    y x", "  want    y z", "  why     one",
        "          two"]
    assert error.what == "what is wrong" and error.details == {"have": "y x", "want": "y z",
                                                               "why": ["one", "two"]}


def test_the_location_can_be_replaced():
    assert str(NcdError("a", where="here")) == "a\n  where   here"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_error_is_an_ncd_error_and_a_value_error(kind):
    assert issubclass(kind, NcdError) and issubclass(kind, ValueError) and kind.__doc__
    error = kind("what", mend="this")
    assert error.what == "what" and "mend    this" in str(error) and "test_errors.py" in error.where
    with pytest.raises(NcdError):
        raise error


def test_the_kinds_are_pinned():
    assert sorted(kind.__name__ for kind in KINDS) == [
        "AmbiguityError", "ArgumentError", "ArityError", "AxisError", "InputError", "LoadError", "NcdError",
        "NotationError", "OutputError", "RuleError", "SizeArgumentError", "SizeError"]


# -- where -----------------------------------------------------------------------------------
def test_where_is_the_line_of_the_user():
    calls = [lambda: einsum("a b"), lambda: Axis("a b"), lambda: elementwise("relu").on(3),
             lambda: reduce("sum", "x") >> einsum("y -> y"), lambda: diagram("x")(lambda a: a + None),
             lambda: Diagram.id("x").bind(y=3), lambda: elementwise("relu").lift("a,b"),
             lambda: Functor(ob=lambda o: o, ar=lambda b: b >> 3)(elementwise("relu")),
             lambda: dataclasses.replace(Axis("x"), size=0), lambda: functools.reduce(
                 lambda a, b: a >> b, [Diagram.id("x"), 3]), lambda: list(map(Axis, ["x", "a b"]))]
    for call in calls:
        with pytest.raises(NcdError) as error:
            call()
        first = inspect.getsourcelines(call)[1]
        file, line = error.value.where.split(":")
        assert file == "test_errors.py" and first - 1 <= int(line) <= first + 8, (error.value.where, first)


def test_where_is_the_line_inside_a_traced_function():
    lines = []

    def helper(a):
        lines.append(here(1))
        return elementwise("add")(a)
    with pytest.raises(NcdError, match="cannot call `add`") as error:
        diagram("x k")(lambda a: helper(a))
    assert [error.value.where] == lines


def test_the_location_of_this_line():
    assert user_location() == here()


# -- carets ----------------------------------------------------------------------------------
@pytest.mark.parametrize("text, position, lines", [
    ("a b= c", 4, ["a b= c", "    ^"]), ("a b", None, ["a b"]), ("a\nb\tc", 2, ["a b c", "  ^"]),
    ("abc", 9, ["abc", "   ^"]),
    ("x̄ b", 3, ["x̄ b", "  ^"]), ("字 b", 2, ["字 b", "   ^"]), ("", 0, ["", "^"]),
    ("a\x1b[31mb", 6, ["a [31mb", "      ^"])])
def test_a_caret_under_a_position(text, position, lines):
    assert pointed(text, position) == lines


def test_a_long_text_is_cut():
    line, caret = pointed("x" * 5_000 + "!" + "y" * 5_000, 5_000)
    assert len(line) < 210 and line[len(caret) - 1] == "!" and line[0] == line[-1] == "…"
    line, caret = pointed("!" + "y" * 5_000, 0)
    assert line[0] == "!" and line[-1] == "…" and caret == "^"


def test_a_notation_error_holds_text_and_position():
    error = NotationError("unexpected", "a $", 2)
    assert error.text == "a $" and error.position == 2 and error.details["pattern"] == ["a $", "  ^"]
    assert "pattern a $\n            ^" in str(error)
    assert NotationError("unexpected").details == {} and NotationError("u",
                                                                       "text").details["pattern"] == ["text"]


def test_the_place_of_an_error_under_jit_is_the_users():
    import jax
    import numpy as np

    import ncd
    split = jax.jit(ncd.rearrange("y=(a p) -> a p").to_jax())
    with pytest.raises(NcdError) as found:
        split(np.ones(6))
    assert f"where   {here(-1)}" in str(found.value)
