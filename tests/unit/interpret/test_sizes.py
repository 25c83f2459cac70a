"""Sizes read off values: each number found, every mismatch of all inputs listed in one error."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ncd.core.array import Array
from ncd.core.category import Diagram, Ty
from ncd.errors import InputError, SizeError
from ncd.interpret.inputs import read_sizes, require_sizes
from ncd.ops.source import Initialiser
from ncd.traverse.places import Slot


def shaped(*shape: int, dtype=np.float32) -> np.ndarray:
    return np.zeros(shape, dtype)


def read(type_: str, *shapes, **options) -> dict[str, int]:
    return read_sizes(Diagram.id(type_), [shaped(*shape) for shape in shapes], **options)


def problems(*arguments, **options) -> list[str]:
    with pytest.raises(InputError) as error:
        read_sizes(*arguments, **options)
    return error.value.details["why"]


# -- what is found ---------------------------------------------------------------------------
@pytest.mark.parametrize("type_, shapes, sizes", [
    ("y k, x k", [(2, 3), (4, 3)], {"y": 2, "k": 3, "x": 4}), ("()", [()], {}), ("", [], {}),
    ("3 x=4", [(3, 4)], {}),
    ("x=2*k", [(6,)], {"k": 3}), ("x=2*k+1", [(7,)], {"k": 3}), ("x=h*k, h", [(6,), (2,)], {"h": 2, "k": 3}),
    ("x=h*k, k=2*h, z=h+1", [(18,), (6,), (4,)], {"h": 3, "k": 6}),
    ("x=(x+1)//2, x'=x", [(3,), (6,)], {"x": 6}),
    ("x=k//2", [(3,)], {}), ("x=h*k", [(6,)], {}), ("x=k**2, k", [(9,), (3,)], {"k": 3}),
    ("x=a*b*c, a, c", [(24,), (2,), (4,)], {"a": 2, "b": 3, "c": 4}), ("x=10-k", [(4,)], {"k": 6})])
def test_numbers_are_read_off_shapes(type_, shapes, sizes):
    assert read(type_, *shapes) == sizes


def test_sizes_that_are_known_are_kept_and_used():
    assert read("x=h*k", (6,), sizes={"h": 3}) == {"h": 3, "k": 2}
    assert read("x", (6,), sizes={"z": 9}) == {"x": 6, "z": 9}


def test_values_of_several_kinds():
    made = Diagram.id("(), () : int, () : bool, x : int, k : key")
    keys = jax.random.split(jax.random.key(0), 5)
    assert read_sizes(made, [1.5, 2, True, shaped(3, dtype=np.uint8), keys]) == {"x": 3, "k": 5}
    assert read_sizes(made, [np.float16(1), jnp.int32(2), np.bool_(True), jnp.zeros(3, int),
                             shaped(5, dtype=np.uint64)])
    assert read_sizes(Diagram.id("x"), [jnp.zeros(3, jnp.bfloat16)]) == {"x": 3}
    assert read_sizes(Diagram.id("x"), [jax.ShapeDtypeStruct((4,), jnp.float32)]) == {"x": 4}


# -- what is wrong ---------------------------------------------------------------------------
def test_a_complex_array_is_no_array_of_floats():
    assert problems(Diagram.id("x"), [shaped(2, dtype=np.complex64)]) == [
        "input 1 has dtype complex64, want float (`x`)"]


def test_the_number_of_inputs():
    with pytest.raises(InputError, match="the diagram takes 2 arrays, 1 are given") as error:
        read("x, y", (3,))
    assert error.value.details["want"] == "x, y"
    with pytest.raises(InputError, match="takes 0 arrays, 1 are given"):
        read("", (3,))


def test_every_mismatch_is_listed_at_once():
    made = Diagram.id("a b, b c, c : int, d e, x=2*k, e=5")
    values = [shaped(2, 3), shaped(4, 5), shaped(6), shaped(2), shaped(7), "text"]
    want = [
        "input 2 has b = 4, but b = 3", "input 3 has dtype float32, want int (`c : int`)",
        "input 3 has c = 6, but c = 5",
        "input 4 has 1 axes (2,), want 2 (`d e`)", "input 6 is a str, want an array `e=5`",
        "input 5 has x = 7, no k makes 2*k so large"]
    found = problems(made, values)
    assert len(found) == len(want) and all(a.startswith(b) for a, b in zip(found, want)), found


@pytest.mark.parametrize("type_, shapes, why", [
    ("x=3", [(4,)], "input 1 has x = 4, want 3"), ("x=2*k, k", [(5,), (2,)],
                                                   "input 1 has x = 5, want 2*k = 4"),
    ("x=h*k, h", [(6,), (4,)], "input 1 has x = 6, no k makes h*k so large at h = 4"),
    ("x y", [(0, 3)], "input 1 has x = 0, want a positive size"),
    ("x=k+5", [(3,)], "no k makes k + 5 so large"),
    ("x, x", [(3,), (4,)], "input 2 has x = 4, but x = 3"), ("x=k//2, k", [(3,), (5,)], "want k//2 = 2")])
def test_sizes(type_, shapes, why):
    found = problems(Diagram.id(type_), [shaped(*shape) for shape in shapes])
    assert len(found) == 1 and why in found[0]


@pytest.mark.parametrize("value, type_, why", [
    (None, "x", "input 1 is a NoneType"), ([1.0], "x", "input 1 is a list, want an array `x`"),
    ("x", "()", "is a str"),
    (1, "()", "input 1 has dtype int, want float"), (True, "() : int", "has dtype bool, want int"),
    (1.0, "() : bool", "has dtype float, want bool"), (shaped(3, dtype=int), "x",
                                                       "has dtype int64, want float"),
    (shaped(3, dtype=bool), "x : int", "has dtype bool, want int"),
    (3, "() : key", "has dtype int, want key"),
    (shaped(3, dtype="S3"), "x", "has dtype |S3, want float"), ({}, "x", "is a dict")])
def test_kinds(value, type_, why):
    assert any(why in line for line in problems(Diagram.id(type_), [value]))


def test_known_sizes_contradict_inputs():
    found = problems(Diagram.id("x"), [shaped(3)], sizes={"x": 4})
    assert found == ["input 1 has x = 3, but x = 4"]


# -- parameters ------------------------------------------------------------------------------
SLOTS = {path: Slot(path, array, Initialiser("zeros")) for path, array in {
    ("w",): Ty("m n").inside[0], ("block", "b"): Ty("n").inside[0], ("s",): Array()}.items()}


def test_parameters_are_read_too():
    params = {"w": shaped(2, 3), "block": {"b": shaped(3)}, "s": 1.0}
    assert read_sizes(Diagram.id("x m"), [shaped(4, 2)], SLOTS, params) == {"x": 4, "m": 2, "n": 3}


def test_missing_and_wrong_parameters_are_all_listed():
    params = {"w": shaped(5, 3), "block": {"c": shaped(3)}}
    with pytest.raises(InputError) as error:
        read_sizes(Diagram.id("x m"), [shaped(4, 2)], SLOTS, params)
    want = ["no parameter at block/b, want `n`", "no parameter at s, want `()`",
            "parameter w has m = 5, but m = 2"]
    found = error.value.details["why"]
    assert len(found) == len(want) and all(a.startswith(b) for a, b in zip(found, want)), found
    assert "diagram.init" in error.value.details["mend"]
    for nothing in (None, {}, 3, []):
        assert len(problems(Diagram.id(""), [], SLOTS, nothing)) == 3


def test_sizes_that_nothing_fixes():
    with pytest.raises(SizeError, match="the size h, k is not fixed by the inputs") as error:
        require_sizes(Diagram.id("x=h*k"), {"x": 6}, frozenset({"h", "k", "x"}))
    assert ".bind(h=..., k=...)" in error.value.details["mend"]
    require_sizes(Diagram.id("x"), {"x": 1}, frozenset({"x"}))
