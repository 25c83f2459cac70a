"""Tracing: Python functions on wires, what they may do, and what each misuse is told."""

from __future__ import annotations

import operator
import threading

import numpy as np
import pytest

import ncd
from ncd.algebra.convert import Size
from ncd.construct import generators as make
from ncd.construct.generators import elementwise, parameter, where
from ncd.construct.notation import einsum
from ncd.construct.trace import Wire, diagram, pointwise, size, trace
from ncd.core.category import Diagram, Ty
from ncd.errors import AmbiguityError, ArityError, AxisError, NcdError, NotationError, SizeError
from ncd.interpret.reference import run
from ncd.ops import scalar
from ncd.ops.control import Block

relu, tanh = elementwise("relu"), elementwise("tanh")


def drawn(signature: str, function) -> Diagram:
    return diagram(signature)(function)


# -- what wires may do -----------------------------------------------------------------------
A, B = np.array([1.5, -2.0, 3.0]), np.array([2.0, 0.5, -1.0])
OPERATORS = [operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod,
             operator.lt, operator.le, operator.gt, operator.ge]


@pytest.mark.parametrize("op", OPERATORS, ids=lambda op: op.__name__)
def test_operators_on_wires_and_numbers(op):
    np.testing.assert_allclose(run(drawn("x, x", op), A, B), op(A, B))
    np.testing.assert_allclose(run(drawn("x", lambda a: op(a, 2)), A), op(A, 2))
    np.testing.assert_allclose(run(drawn("x", lambda a: op(2, a)), A), op(2, A))
    np.testing.assert_allclose(run(drawn("x", lambda a: op(np.float64(0.5), a)), A), op(0.5, A))
    np.testing.assert_allclose(run(drawn("x", lambda a: op(a, size("x"))), A), op(A, 3))


def test_powers_negation_and_absolute_value():
    made = drawn("x", lambda a: (abs(a) ** 0.5 + 2 ** a - (-a), a ** 2))
    for found, want in zip(run(made, A), (np.abs(A) ** 0.5 + 2 ** A + A, A ** 2)):
        np.testing.assert_allclose(found, want)


def test_wires_are_matched_by_label():
    made = drawn("x y, y", lambda a, b: a * b + b)
    assert str(made) == "x y, y -> x y"
    value = np.arange(6.0).reshape(2, 3)
    np.testing.assert_allclose(run(made, value, B), value * B + B)


def test_loops_helpers_and_skips_are_plain_python():
    def layer(a, n):
        return relu(a * (n + 1))

    @diagram("x -> x, x")
    def model(a):
        kept = [a]
        for n in range(3):
            kept.append(layer(kept[-1], n) + a)
        return kept[-1], kept[1]
    assert len(model) == 9
    last, first = run(model, A)
    np.testing.assert_allclose(first, np.maximum(A, 0) + A)
    assert last.shape == A.shape


def test_what_a_wire_says():
    seen = []

    @diagram("x k=3 : int")
    def made(a):
        seen.append((a.type, repr(a), hash(a) == hash(a), isinstance(a, Wire)))
        return a
    assert seen == [(made.dom.inside[0], "<wire 0 : x k=3 : int>", True, True)]


def test_numpy_numbers_are_numbers_and_the_types_do_not_change():
    made = drawn("x", lambda a: np.float32(2) * a + a * np.int64(3))
    assert made == drawn("x", lambda a: 2 * a + a * 3)


# -- what functions may return ---------------------------------------------------------------
@pytest.mark.parametrize("function, type_", [
    (lambda a: None, "x -> "), (lambda a: (), "x -> "), (lambda a: a, "x -> x"), (lambda a: (a,), "x -> x"),
    (lambda a: [a, a], "x -> x, x"), (lambda a: (relu(a), a), "x -> x, x"), (lambda *all_: all_, "x -> x"),
    (lambda a, scale=2: a * scale, "x -> x")])
def test_outputs(function, type_):
    assert str(drawn("x", function)) == type_


@pytest.mark.parametrize("result, shown", [
    (3, "output 1 is 3"), ({}, "output 1 is {}"), ("x", "output 1 is 'x'"), (relu, "output 1 is Box("),
    (np.ones(1), "output 1 is array"), (True, "output 1 is True")])
def test_outputs_are_wires(result, shown):
    with pytest.raises(NcdError, match="not a wire of this diagram") as error:
        drawn("x", lambda a: result)
    assert shown in str(error.value)
    with pytest.raises(NcdError, match="output 2 is "):
        drawn("x", lambda a: (a, result))


def test_equality_and_truth_values():
    made = drawn("x, x", lambda a, b: (a == b, a != b, (a == b) | (a > 0) & ~(b > 1)))
    same, other, both = run(made, A, np.array([1.5, 2.0, 0.5]))
    assert same.tolist() == [True, False, False] and other.tolist() == [False, True, True]
    assert both.tolist() == [True, False, True]


# -- misuse ----------------------------------------------------------------------------------
@pytest.mark.parametrize("function, what", [
    (lambda a: relu(a) if a else a, "has no value while the diagram is built"),
    (lambda a: a if a > 0 and a < 1 else relu(a), "has no value"), (lambda a: not a, "has no value"),
    (lambda a: list(a), "not a sequence"), (lambda a: relu(*a), "one array `x`"),
    (lambda a: 1 in a, "not a sequence"),
    (lambda a: a + np.ones(3), "argument 2 of `add` is a ndarray"),
    (lambda a: np.ones(3) * a, "argument 1 of `multiply` is a ndarray"),
    (lambda a: a + [1, 2], "argument 2 of `add` is a list"), (lambda a: a + None,
                                                              "argument 2 of `add` is None"),
    (lambda a: a * True, "argument 2 of `multiply` is True"),
    (lambda a: a * float("nan"), "is nan, not a wire or a"),
    (lambda a: a * 1j, "is 1j"), (lambda a: relu(np.ones(3)),
                                  "argument 1 of a call is a ndarray, not a wire"),
    (lambda a: relu(3.0), "is a float, not a wire"), (lambda a: relu(relu), "is a diagram, not a wire"),
    (lambda a: a * relu, "argument 2 of `multiply` is a diagram, not a wire"),
    (lambda a: relu.op - a, "argument 1 of `subtract` is a diagram"),
    (lambda a: where(a > 0, a, np.ones(3)), "argument 3 of `where` is a ndarray")])
def test_misused_wires(function, what):
    with pytest.raises(NcdError, match=what.replace("(", r"\(")) as error:
        drawn("x", function)
    assert "test_trace.py" in error.value.where


@pytest.mark.parametrize("function", [lambda a: np.exp(a), lambda a: a[0], lambda a: len(a), lambda a: a @ a])
def test_what_wires_cannot_do_is_a_type_error(function):
    with pytest.raises(TypeError):
        drawn("x", function)


def test_a_text_beside_a_wire_is_a_size():
    assert drawn("x", lambda a: a * "k") == drawn("x", lambda a: a * Size("k"))
    with pytest.raises(NotationError, match="expected a number"):
        drawn("x", lambda a: a * "k +")


def test_keys_have_no_arithmetic():
    for function in (lambda k: k + 1, lambda k: -k, lambda k: k * k):
        with pytest.raises(NcdError, match="of a random key"):
            drawn("() : key", function)


@pytest.mark.parametrize("function, signature, what", [
    (lambda a: -a, "x : bool", "`negate` of truth values"), (lambda a, b: a - b, "x : bool, x : bool",
                                                             "`subtract` of"),
    (lambda a: where(a, 1, 0), "x", "the condition of `where`"),
    (lambda a: pointwise(scalar.BOTH, a, a), "x", "`both` is of truth values")])
def test_dtypes_of_arithmetic(function, signature, what):
    with pytest.raises(AxisError, match=what):
        drawn(signature, function)


@pytest.mark.parametrize("function, wanted", [
    (lambda i: i ** 2, [0, 1, 4]), (lambda i: 2 ** i, [1.0, 2.0, 4.0]),
    (lambda i: 2.0 ** -i, [1.0, 0.5, 0.25]),
    (lambda i: (i + 1) ** -1, [1.0, 0.5, 1 / 3]), (lambda i: i ** i, [1.0, 1.0, 4.0])])
def test_a_power_of_integers_that_may_be_a_fraction_is_a_float(function, wanted):
    made = drawn("", lambda: function(make.iota("x=3")()))
    assert made.cod.inside[0].dtype == ("float" if isinstance(wanted[0], float) else "int")
    assert np.allclose(run(made), wanted) and np.allclose(made.to_jax()(), wanted)


@pytest.mark.parametrize("function, signature, kind", [
    (lambda i: i * 2.0, "x : int", "x"), (lambda i: i * 2, "x : int", "x : int"),
    (lambda i: 1.0 - i, "x : int", "x"),
    (lambda i: i * np.float32(2), "x : int", "x"), (lambda b: b * 1.0, "x : bool", "x"),
    (lambda b: where(b, 1.0, 0.0), "x : bool", "x"), (lambda b: where(b, 1, 0), "x : bool", "x : int"),
    (lambda i: where(i > 1, i, 0.0), "x : int", "x"), (lambda i: i == 2.0, "x : int", "x : bool"),
    (lambda i: i ** 2.0, "x : int", "x"), (lambda i: i // 2, "x : int", "x : int")])
def test_a_number_written_as_a_float_makes_floats(function, signature, kind):
    """The type does not depend on the value: a scale of 1.0 is a float as one of 0.5 is."""
    made = diagram(signature)(function)
    assert made.cod == Ty(kind)
    value = np.array([True, False]) if "bool" in signature else np.array([1, 2])
    assert np.array_equal(run(made, value), np.asarray(made.to_jax()(value)))


def test_sizes_that_differ_are_all_named():
    with pytest.raises(SizeError, match="the axis x has two sizes; the axis y has two sizes") as error:
        drawn("x=3 y, x=4 y=2", lambda a, b: a + b)
    assert error.value.details["have"] == ["x = 3 and x = 4", "y = y and y = 2"]


def test_a_wire_of_another_diagram():
    kept = []
    drawn("x", lambda a: (kept.append(a), a)[1])
    for function in (lambda a: a + kept[0], lambda a: relu(kept[0])):
        with pytest.raises(NcdError, match="is a wire of another diagram"):
            drawn("x", function)
    with pytest.raises(NcdError, match="output 1 is <wire 0 : x>, not a wire of this diagram"):
        drawn("x", lambda a: kept[0])
    for use in (lambda: kept[0] + 1, lambda: relu(kept[0])):
        with pytest.raises(NcdError, match="is called on wires inside") as error:
            use()
        assert ".to_jax()" in str(error.value)


# -- nested traces ---------------------------------------------------------------------------
def test_a_diagram_inside_a_diagram():
    @diagram("x, y -> x, y")
    def outer(a, b):
        inner = trace(lambda u: tanh(u) + 1, Ty("x").inside)
        return inner(a), relu(b)
    assert [op.name for op in outer.graph.ops] == ["tanh", "add[·, 1]", "relu"]


def test_a_closure_over_an_outer_wire_is_refused():
    with pytest.raises(NcdError, match="argument 2 is a wire of another diagram") as error:
        drawn("x", lambda a: trace(lambda u: u + a, Ty("x").inside)(a))
    assert "pass it as an input" in str(error.value)


def test_an_exception_leaves_no_trace_behind():
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            drawn("x", lambda a: relu(a) if 1 / 0 else a)
        with pytest.raises(NcdError):
            drawn("x", lambda a: drawn("y", lambda b: b + a))
    with pytest.raises(NcdError, match="is called on wires inside"):
        relu(1)
    assert size("x") == Size("x") and str(drawn("y", relu)) == "y -> y"


def test_threads_do_not_share_a_trace():
    made = []

    @diagram("x")
    def outer(a):
        thread = threading.Thread(target=lambda: made.append(drawn("y z", lambda b: relu(b) * 2)))
        thread.start()
        thread.join()
        return relu(a)
    assert [str(d) for d in (*made, outer)] == ["y z -> y z", "x -> x"]


# -- the type --------------------------------------------------------------------------------
def test_a_function_takes_the_arrays_declared():
    with pytest.raises(ArityError, match="`<lambda>` does not take 2 arrays: too many") as error:
        drawn("x, y", lambda a: a)
    assert "want    x, y" in str(error.value)
    with pytest.raises(ArityError, match="does not take 1 arrays: missing a required argument: 'b'"):
        drawn("x", lambda a, *, b: a)
    with pytest.raises(ArityError, match="is not a callable object"):
        diagram("x")(3)


@pytest.mark.parametrize("signature, function, kind, parts", [
    ("x -> x, x", lambda a: a, ArityError, ["returns 1 arrays", "have    x", "want    x, x"]),
    ("x -> x", lambda a: None, ArityError, ["returns 0 arrays", "have    no arrays"]),
    ("x y -> y x", lambda a: a, AxisError, ['reorder it: ncd.rearrange("x y -> y x")']),
    ("x -> y", lambda a: a, AxisError, ["declare the axes that it has"]),
    ("x y -> x=3 y=2", lambda a: a, SizeError, ["x = x is returned, 3 is declared",
                                                "y = y is returned, 2 is"]),
    ("x -> x : bool", lambda a: a, AxisError, ["output 1: `x` is returned, `x : bool` is declared"])])
def test_a_function_returns_the_arrays_declared(signature, function, kind, parts):
    with pytest.raises(kind, match="`<lambda>`") as error:
        drawn(signature, function)
    for part in parts:
        assert part in str(error.value)


def test_the_reordering_that_is_proposed_works():
    assert drawn("x y -> y x", lambda a: ncd.rearrange("x y -> y x")(a)).cod == Ty("y x")


@pytest.mark.parametrize("wrong", [3, None, relu, lambda a: a])
def test_a_signature_is_a_text(wrong):
    with pytest.raises(NcdError, match="a diagram's type is a text"):
        diagram(wrong)


def test_a_signature_with_two_arrows():
    with pytest.raises(NotationError, match="one arrow"):
        diagram("x -> y -> z")


# -- blocks, sizes ---------------------------------------------------------------------------
def test_blocks_and_what_they_tell():
    @diagram("x m -> x n", block=True)
    def projected(a):
        """A projection."""
        return einsum("x m, m n -> x n")(a, parameter("w", "m n")())
    assert isinstance(projected.op, Block) and projected.op.title == "projected" == projected.title
    assert projected.op.source == projected.__doc__ == "A projection." and projected.op.place == "projected"
    named = diagram("x", block="a title")(lambda a: relu(a))
    assert named.op.title == "a title" and named.op.place is None


def test_sizes_in_a_trace():
    seen = []

    def body(a, b):
        seen.extend([size("k"), size("x"), size("unheard")])
        half = make.slice_axis("k", 0, 2)(a)
        with pytest.raises(AmbiguityError, match="the axis k has several sizes here") as error:
            size("k")
        assert "have    2*h, 2" in str(error.value) and "wire.type.size" in str(error.value)
        return half, b * a.type.size("k")
    drawn("x k=2*h, y", body)
    assert seen == [Size("2*h"), Size("x"), Size("unheard")]
    with pytest.raises(AxisError, match="is not an axis label"):
        size("a b")


def test_a_size_follows_the_call():
    scaled = drawn("x k", lambda a: a * size("k") ** -0.5)
    np.testing.assert_allclose(run(scaled, np.ones((1, 4))), np.full((1, 4), 0.5))
    again = drawn("x k=9", scaled)
    np.testing.assert_allclose(run(again, np.ones((1, 9))), np.full((1, 9), 1 / 3))


@pytest.mark.parametrize("body, fix", [(lambda x: x[0], "ncd.construct.index"),
                                       (lambda x: x @ x, "ncd.einsum"),
                                       (lambda x: np.ones(3) @ x, "ncd.einsum")])
def test_indexing_and_products_of_wires_say_what_to_write(body, fix):
    with pytest.raises(NcdError) as caught:
        diagram("x")(body)
    assert fix in caught.value.details["fix"]


def test_an_array_without_axes_is_a_number():
    assert diagram("x")(lambda x: x * np.array(1.5)) == diagram("x")(lambda x: x * 1.5)
    assert diagram("x")(lambda x: x ** np.array(2)) == diagram("x")(lambda x: x ** 2)
