"""Labels, axes and arrays: what is a name, what is a size, text and records that read back."""

from __future__ import annotations

import copy
import pickle
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ncd.algebra.convert import Size
from ncd.core.array import Array
from ncd.core.axis import Axis, Label, fresh
from ncd.core.category import Ty
from ncd.errors import AxisError, NcdError, SizeError
from tests.strategies import arrays, examples


# -- labels ----------------------------------------------------------------------------------
@pytest.mark.parametrize("text", ["x", "x'", "x''", "é", "x̄", "x̄'", "字", "λ", "_a", "x_1", "12", "12'",
                                  "x′", "x'y",
                                  "ℝ", "a" * 200, "٣"])
def test_a_name_is_a_label(text):
    label = Label(text)
    assert isinstance(label, str) and Label(label) is label and Axis(label).label == label
    assert Array([Axis(label)]).labels == (label,)


@pytest.mark.parametrize("text", ["", "a b", "1a", "x-y", "x\n", "x ", "'", "x.y", "x\x00", "\u200bx",
                                  "x\u200b", "½",
                                  "፩", "፩x", "፲", "⓿", "❶", "𐩀", "᧚", "¼x",
                                  "a" * 201, "x" * 10 ** 6, "(x)", "x=3", "x,y", "x:y", "->", "+"],
                         ids=lambda text: repr(text[:12]))
def test_what_is_no_name_is_no_label(text):
    with pytest.raises(AxisError, match="is not an axis label") as error:
        Label(text)
    assert len(str(error.value)) < 1_000


@pytest.mark.parametrize("wrong", [None, 3, b"x", ["x"], 1.5])
def test_a_label_is_a_text(wrong):
    with pytest.raises(AxisError, match="an axis label is a text"):
        Axis(wrong)


def test_labels_are_normalised():
    assert Label("a\u0301") == Label("á") and Label("𝐱") == "x" and Label("x²") == "x2" and Label("ﬁ") == "fi"
    assert Axis("x²") == Axis("x2", "x²")


def test_digits_of_any_script_are_digits():
    assert Label("٣") == "3" and Label("x٣") == "x3" and Label("१२'") == "12'"
    assert Axis("٣") == Axis("3") == Axis("3", 3) and Axis("x", "٣") == Axis("x", 3)
    assert str(Ty("٣ ٣, x=٣ : index(٤)")) == str(Ty("3 3, x=3 : index(4)"))


@pytest.mark.parametrize("where", ["{}", "x{}", "x={}", "x=1{}", "x=y{}", "x=2*{}", "{0}={0}",
                                   "x : index({})"])
def test_whatever_counts_as_a_digit_is_one_or_is_refused(where):
    """Python's str.isdigit, int and \\d mean three sets of digits."""
    for sign in filter(str.isnumeric, map(chr, range(0x80, 0x1F200))):
        try:
            made = Ty(where.format(sign))
        except NcdError:
            continue
        assert Ty(str(made)) == made


def test_a_hostile_label_takes_no_time():
    """Normalising long runs of combining marks is quadratic."""
    start = time.process_time()
    for text in ("a" + "\u0301\u0316" * 500_000, "\u1100\u1161" * 500_000):
        with pytest.raises(AxisError):
            Label(text)
        with pytest.raises(NcdError):
            Ty(text)
    assert time.process_time() - start < 2


@given(st.text(max_size=8))
@examples(200)
def test_any_text_is_a_label_or_an_axis_error(text):
    try:
        label = Label(text)
    except AxisError:
        return
    assert Label(str(label)) == label
    if not label.strip("0'"):           # the size of an axis named by a number is that number
        with pytest.raises(SizeError):
            Axis(label)
        return
    assert Ty(str(Array([Axis(label)]))) == Ty.of([Array([Axis(label)])])


def test_fresh_labels_take_primes():
    assert fresh("x", ()) == "x" and fresh("x", {"x"}) == "x'" and fresh("x", {"x", "x'"}) == "x''"


# -- axes ------------------------------------------------------------------------------------
@pytest.mark.parametrize("size", [0, -1, "x - x", "1/2", 0.5, "0", Size(-3)])
def test_a_size_is_a_positive_integer(size):
    with pytest.raises(SizeError, match="the axis x has the size") as error:
        Axis("x", size)
    assert "positive integer" in str(error.value)


@pytest.mark.parametrize("size", [True, [], float("nan"), float("inf"), 1j, object()])
def test_what_is_no_size_is_refused(size):
    with pytest.raises(SizeError):
        Axis("x", size)


@pytest.mark.parametrize("axis, text, code", [
    (Axis("x"), "x", "Axis('x')"), (Axis("x", "x"), "x", "Axis('x')"),
    (Axis("x", 2.0), "x=2", "Axis('x', 2)"),
    (Axis("x", "2 * k"), "x=2*k", "Axis('x', '2*k')"), (Axis("3"), "3", "Axis('3', 3)"),
    (Axis("3", 3), "3", "Axis('3', 3)"), (Axis("3'"), "3'", "Axis(\"3'\", 3)"),
    (Axis("3", 5), "3=5", "Axis('3', 5)"),
    (Axis("x'", "x"), "x'=x", "Axis(\"x'\", 'x')"), (Axis("x", "(y+1)//2"), "x=(y+1)//2",
                                                     "Axis('x', '(y + 1)//2')")])
def test_an_axis_as_text_and_as_code(axis, text, code):
    assert str(axis) == text and repr(axis) == code
    assert eval(repr(axis), {"Axis": Axis}) == axis
    assert Ty(text).inside == (Array([axis]),)


def test_axes_are_equal_by_label_and_size():
    assert Axis("x") == Axis("x", Size("x")) and hash(Axis("x", 3)) == hash(Axis("x", "3"))
    assert Axis("x") != Axis("y") and Axis("x", 3) != Axis("x",
                                                           4) and Axis("x") != "x" and Axis("x") != Axis("x",
                                                                                                         3)


# -- arrays ----------------------------------------------------------------------------------
def test_a_label_stands_once_in_an_array():
    with pytest.raises(AxisError, match="the label x stands twice") as error:
        Array([Axis("x", 3), Axis("y"), Axis("x", 4)])
    assert "write x and x'" in str(error.value) and "have    x=3 y x=4" in str(error.value)
    with pytest.raises(AxisError, match="the label x, y stands twice"):
        Array([Axis("x"), Axis("y"), Axis("x", 4), Axis("y")])


def test_dtypes_are_four():
    for dtype in ("float", "int", "bool", "key"):
        assert Array((), dtype).dtype == dtype
    for wrong in ("float32", "", None, "FLOAT", 3):
        with pytest.raises(NcdError, match="is not a dtype"):
            Array((), wrong)


def test_an_absent_axis_is_named_with_those_that_are_there():
    array = Array([Axis("x"), Axis("k", 64)])
    assert array.size("k") == 64 and array.axis("x") == Axis("x")
    with pytest.raises(AxisError, match="no axis y in the array `x k=64`") as error:
        array.axis("y")
    assert "have    x k" in str(error.value)


def test_parts_of_an_array():
    array = Array([Axis("a"), Axis("b", "2*k"), Axis("c", 3)], "int", "n")
    assert array.elements == Size("6*a*k") and array.symbols == {"a", "k", "n"}
    assert array.without("b", "z") == (Axis("a"), Axis("c", 3))
    assert array.replace(["b"], [Axis("p"), Axis("q")]) == (Axis("a"), Axis("p"), Axis("q"), Axis("c", 3))
    assert array.replace(["c", "a"], [Axis("p")]) == (Axis("p"), Axis("b", "2*k"))
    assert array.replace([], [Axis("p")]) == (*array.axes, Axis("p"))
    assert Array().elements == 1 and Array().symbols == frozenset()


def test_substitution_and_renaming_keep_what_does_not_change():
    array = Array([Axis("a"), Axis("b", "2*k")], "int", "n")
    assert array.substitute({"z": Size(3)}) is array and array.relabel({"z": "y"}) is array
    assert array.substitute({"n": Size(5), "k": Size("n")}) == Array([Axis("a"), Axis("b", "2*n")], "int", 5)
    assert array.relabel({"a": "b", "b": "a"}) == Array([Axis("b", "a"), Axis("a", "2*k")], "int", "n")
    with pytest.raises(AxisError, match="stands twice"):
        array.relabel({"a": "b"})


@given(arrays())
@examples(60)
def test_an_array_reads_back_from_its_text_and_its_code(array):
    assert Ty(str(array)).inside == (array,)
    assert eval(repr(array), {"Array": Array, "Axis": Axis}) == array
    assert pickle.loads(pickle.dumps(array)) == array == copy.deepcopy(array)


@pytest.mark.parametrize("array", [Array(), Array((), "int"), Array((), "key"),
                                   Array([Axis("x")], "int", "2*n+1"),
                                   Array([Axis("x", 3)], "bool"), Array([Axis("3"), Axis("3'")])])
def test_dtypes_and_bounds_read_back(array):
    assert Ty(str(array)).inside == (array,)
    assert eval(repr(array), {"Array": Array, "Axis": Axis}) == array


def test_arrays_are_equal_by_axes_in_order_dtype_and_bound():
    x, y = Axis("x"), Axis("y")
    assert Array([x, y]) != Array([y, x]) and Array([x]) != Array([x], "int")
    assert Array([x], "int", 3) != Array([x], "int") and Array([x], "int", 3) == Array([x], "int", "3")
    assert hash(Array([x], "int", 3)) == hash(Array([x], "int", 3.0))
