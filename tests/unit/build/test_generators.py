"""Each generator makes the operation that it says: type, value, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from ncd.algebra.convert import Size
from ncd.construct import generators as make
from ncd.construct.generators import elementwise
from ncd.construct.trace import trace
from ncd.core.category import Diagram, Ty
from ncd.errors import AmbiguityError, ArityError, AxisError, NcdError, NotationError, SizeError
from ncd.interpret.reference import run
from ncd.ops.monoid import Monoid
from ncd.ops.scalar import SCALARS, ScalarFunction
from ncd.ops.source import Initialiser

draw = np.random.default_rng(7)
V = np.array([3.0, -1.0, 4.0, 1.5, -5.0, 9.0])
TYPES = [
    (elementwise("relu"), "() -> ()"), (elementwise("where"), "() : bool, (), () -> ()"),
    (elementwise("both"), "() : bool, () : bool -> () : bool"), (elementwise("less"), "(), () -> () : bool"),
    (elementwise("multiply", None, 2), "() -> ()"), (make.reduce("sum", "x y"), "x y -> ()"),
    (make.reduce("any", "x"), "x : bool -> () : bool"), (make.topk("x -> k=2"), "x -> k=2, k=2 : index(x)"),
    (make.topk("x=9 -> k"), "x=9 -> k, k : index(9)"), (make.gather("n"), "n, () : index(n) -> ()"),
    (make.gather("n=5"), "n=5, () : index(5) -> ()"), (make.segment("sum", "e -> n"), "e, e : index(n) -> n"),
    (make.concat("x"), "x=x_1, x=x_2 -> x=x_1+x_2"), (make.concat("x", 1), "x=x_1 -> x=x_1"),
    (make.solve("i j"), "i j=i, i -> j=i"), (make.solve("i=3 j=3"), "i=3 j=3, i=3 -> j=3"),
    (make.eigh("i j"), "i j=i -> e=i, i e=i"), (make.eigh("i j", "q"), "i j=i -> q=i, i q=i"),
    (make.iota("x"), " -> x : index(x)"), (make.iota("x=3"), " -> x=3 : index(3)"),
    (make.constant(2), " -> ()"),
    (make.constant(True), " -> () : bool"), (make.constant([[1, 2]], "a=1 b=2 : int"), " -> a=1 b=2 : int"),
    (make.parameter("w", "m k"), " -> m k"), (make.key(), " -> () : key"),
    (make.random("normal", "x y"), "() : key -> x y"),
    (make.random("uniform"), "() : key -> ()"), (make.stop(), "() -> ()"),
    (make.index(x=2, y=-1), "x y -> ()"),
    (make.slice_axis("x", 1, 5), "x -> x=4"), (make.slice_axis("x", 1), "x -> x=x-1"),
    (make.slice_axis("x", -3), "x -> x=3"), (make.slice_axis("x", 0, -1, 2), "x -> x=x//2"),
    (make.flip("x"), "x -> x"),
    (make.pad("x", 1, "p"), "x -> x=p+x+1"), (make.repeat_axis("h=8 k"), "() -> h=8 k"),
    (make.transpose("k x"), "k x -> k x"), (make.window("x", "j=3"), "x -> x=x-2 j=3"),
    (make.window("x", "j", "s", "d", "p", out="i"), "x -> i=(-d*j+d+2*p+x-1)//s+1 j"),
    (make.opaque("mine", "x, y : int -> z"), "x, y : int -> z")]


@pytest.mark.parametrize("made, type_", TYPES, ids=[type_ for _, type_ in TYPES])
def test_types(made, type_):
    assert str(made) == type_
    assert made.op is not None


# -- values ----------------------------------------------------------------------------------
@pytest.mark.parametrize("made, want", [
    (make.index(x=2), V[2]), (make.index(x=-1), V[-1]), (make.slice_axis("x", 1, 5), V[1:5]),
    (make.slice_axis("x", 1, None, 2), V[1::2]), (make.slice_axis("x", 0, 5, 2), V[0:5:2]),
    (make.slice_axis("x", -4, -1), V[-4:-1]), (make.slice_axis("x"), V), (make.flip("x"), V[::-1]),
    (make.pad("x", 1, 2, fill=7), [7, *V, 7, 7]), (make.pad("x"), V), (make.pad("x", -1), V[1:]),
    (make.window("x", "j=2", stride=2), V.reshape(3, 2)),
    (make.window("x", "j=3", padding=1), np.stack([[0, *V[:-1]], V, [*V[1:], 0]], 1)),
    (make.window("x", "j=2", dilation=3), np.stack([V[:3], V[3:]], 1)),
    (make.window("x", "j=1", padding=1, fill=float("-inf")), [[-np.inf], *V[:, None], [-np.inf]]),
    (make.reduce("max", "x"), 9.0), (make.stop().on("x"), V), (make.repeat_axis("h=2"), np.stack([V, V], 1))])
def test_values(made, want):
    np.testing.assert_array_equal(run(made.on("x=6"), V), want)


def test_topk_is_in_order_and_stable():
    values, places = run(make.topk("x -> k=4"), [1.0, 3.0, 3.0, 2.0, 3.0])
    assert values.tolist() == [3, 3, 3, 2] and places.tolist() == [1, 2, 4, 3]
    with pytest.raises(AxisError, match="top-k takes 7 of the 6 entries of x"):
        make.topk("x -> k=7").on("x=6")
    with pytest.raises(AxisError, match="top-k takes 7 of the 3 entries"):
        run(make.topk("x -> k=7"), np.ones(3))
    unsigned, _ = run(make.topk("x -> k=2").on("x : int"), np.array([0, 5, 2], np.uint8))
    assert unsigned.tolist() == [5, 2]


def test_joining_and_folding():
    a, b = draw.normal(size=(2, 3)), draw.normal(size=(4, 3))
    np.testing.assert_array_equal(run(make.concat("x").on("x=2 y, x=4 y"), a, b), np.concatenate([a, b]))
    index = np.array([2, 0, 2])
    assert run(make.segment("sum", "e -> n=4"), [1.0, 2.0, 4.0], index).tolist() == [2, 0, 5, 0]
    assert run(make.segment("max", "e -> n=3"), [1.0, 2.0, 4.0], index).tolist() == [2, -np.inf, 4]
    assert run(make.gather("n").on("n, e : index(n)"), [5.0, 6.0, 7.0], index).tolist() == [7, 5, 7]


@pytest.mark.parametrize("monoid, dtype, good", [
    ("sum", "float", True), ("sum", "int", True), ("sum", "bool", False), ("product", "int", True),
    ("max", "int", False), ("min", "float", True), ("all", "bool", True), ("any", "float", False)])
def test_what_a_segment_folds(monoid, dtype, good):
    made = make.segment(monoid, "e -> n")
    if good:
        assert made.on(f"e f : {dtype}, e : index(n)").cod.inside[0].dtype == dtype
    else:
        with pytest.raises(AxisError):
            made.on(f"e f : {dtype}, e : index(n)")


@pytest.mark.parametrize("made, given_, type_", [
    (make.reduce("sum", "x"), "x : index(n)", "() : int"),
    (make.reduce("max", "x"), "x : index(n)", "() : index(n)"),
    (make.segment("sum", "x -> k"), "x : index(n), x : index(k)", "k : int"),
    (make.concat("x"), "x : index(n), x : index(m)", "x=2*x : int"),
    (make.concat("x"), "x : index(n), x : index(n)", "x=2*x : index(n)"),
    (make.pad("x", 1, 0, -1), "x : index(n)", "x=x+1 : int"),
    (make.pad("x", 1), "x : index(n)", "x=x+1 : index(n)")])
def test_a_bound_of_integers_is_kept_where_it_holds(made, given_, type_):
    assert made.on(given_).cod == Ty(type_)


@pytest.mark.parametrize("call, what", [
    (lambda: make.concat("x").on("x : int, x"), "joins arrays of several dtypes"),
    (lambda: make.pad("x", 1, 0, 0.5).on("x : int"), "the fill 0.5 is no int"),
    (lambda: make.pad("x", 1, 0, float("-inf")).on("x : int"), "the fill -inf is no int"),
    (lambda: make.pad("x", 1, 0, 2).on("x : bool"), "the fill 2 is no bool"),
    (lambda: make.constant([0, 5], "x=2 : index(5)"), "a constant holds 5, which is no index"),
    (lambda: make.constant(-1, "() : index(n)"), "a constant holds -1, which is no index")])
def test_what_a_dtype_does_not_hold_is_refused(call, what):
    with pytest.raises(NcdError, match=what):
        call()


def test_fresh_labels():
    found = []
    trace(lambda a, b: found.append(make.fresh_label("x", a, b)) or a, Ty("x, x'").inside)
    assert found == ["x''"]


def test_a_scan_along_an_axis():
    total = trace(lambda s, u, c: (s + u * c, s), Ty("m, m, m").inside)
    made = make.scan(total, "t", states=1, sequences=1)
    assert str(made) == "m, t m, m -> m, t m"
    u = draw.normal(size=(4, 2))
    last, seen = run(made, np.zeros(2), u, np.array([2.0, 3.0]))
    np.testing.assert_allclose(last, u.sum(0) * [2, 3])
    np.testing.assert_allclose(seen, np.cumsum(np.vstack([np.zeros(2), u[:-1]]), 0) * [2, 3])
    back = make.scan(total, "t=4", 1, 1, reverse=True)
    assert run(back, np.zeros(2), u, np.ones(2))[1][3].tolist() == [0, 0]


# -- what is refused -------------------------------------------------------------------------
REFUSED = [
    (lambda: elementwise("softmax"), NcdError, "no scalar function 'softmax'"),
    (lambda: elementwise("add", 1), ArityError, "`add` takes 2 arguments"),
    (lambda: elementwise("add", None, None, None), ArityError, "`add` takes 2 arguments"),
    (lambda: make.reduce("mean", "x"), NcdError, "no monoid 'mean'"),
    (lambda: make.reduce("sum", "x x"), AxisError, "the label x stands twice"),
    (lambda: make.topk("x k"), NotationError, "an arrow is wanted"),
    (lambda: make.topk("x y -> k"), NotationError, "one axis"),
    (lambda: make.concat("x", 0), NcdError, "joins from 1 to"),
    (lambda: make.solve("i"), NotationError, "two axes"),
    (lambda: make.solve("i=2 j=3"), SizeError, "a square matrix"),
    (lambda: make.eigh("i j k"), NotationError, "two axes"),
    (lambda: make.constant([1, 2]), NcdError, "another shape"),
    (lambda: make.constant([1, 2], "x=3"), NcdError, "another shape"),
    (lambda: make.constant([[1, 2], [3]], "a=2 b=2"), NcdError, "rows of several lengths"),
    (lambda: make.constant([], "a"), NcdError, "empty"), (lambda: make.constant(0.5, "() : int"), NcdError,
                                                          "integers"),
    (lambda: make.constant(1, "() : key"), NcdError, "a random key is not a constant"),
    (lambda: make.constant("k +"), NotationError, "expected"),
    (lambda: make.constant(None), SizeError, "not a size"),
    (lambda: make.random("cauchy", "x"), NcdError, "no distribution 'cauchy'"),
    (lambda: make.slice_axis("x", 4, 4), SizeError, "has the size 0"),
    (lambda: make.slice_axis("x", step=0), NcdError, "a positive step"),
    (lambda: make.slice_axis("x", 5, 0, -1), NcdError, "reverse the axis with flip"),
    (lambda: make.window("x=3", "j=5"), AxisError, "is not an axis label"),
    (lambda: make.opaque("mine", "x, y"), NotationError, "an arrow is wanted"),
    (lambda: make.scan(elementwise("relu"), "t", 2), AxisError, "has no 2 states"),
    (lambda: make.scan(elementwise("relu"), "t", -1), ArityError, "no -1 states"),
    (lambda: make.scan(elementwise("relu"), "t u"), NotationError, "one axis is wanted"),
    (lambda: make.scan(Diagram.id("x, y") >> Diagram.discard(Ty("x, y")), "t"), AxisError,
     "returns its states"),
    (lambda: make.scan(elementwise("add").on("t, t"), "t", 1, 1), AxisError, "stands twice"),
    (lambda: make.parameter(3, "x"), NcdError, "is a text"), (lambda: make.gather("n m"), NotationError,
                                                              "one axis"),
    (lambda: make.gather("n").on("n, n : int"), AmbiguityError, "captured")]


@pytest.mark.parametrize("call, kind, what", REFUSED, ids=[what for _, _, what in REFUSED])
def test_what_is_refused(call, kind, what):
    with pytest.raises(kind, match=what):
        call()


# -- small things ----------------------------------------------------------------------------
def test_every_scalar_function_by_name_and_your_own():
    for name, row in SCALARS.items():
        assert elementwise(name).op.function is row and len(elementwise(name).dom) == row.arity
    cube = ScalarFunction("cube", ("x",), "x*x*x")
    assert run(elementwise(cube), 2.0) == 8 and elementwise(cube).cost().exact["flops"] == 2


def test_a_monoid_of_your_own_on_truth_values():
    odd = Monoid("odd", ScalarFunction("odd", ("x", "y"), "x != y", dtype="bool"), 0.0)
    for values in ([True, True, True], [True, True, False]):
        want = sum(values) % 2 == 1
        assert run(make.reduce(odd, "x"), values) == want == make.reduce(odd, "x").to_jax()(np.array(values))
    assert run(make.segment(odd, "e -> n=2"), [True, True, True], [0, 0, 1]).tolist() == [False, True]
    with pytest.raises(AxisError, match="input 1: `x` is float, want bool"):
        make.reduce(odd, "x").on("x")


def test_constants_in_a_scalar_function():
    leaky = elementwise("maximum", None, 0.5)
    assert leaky.op.constants == (None, Size("1/2")) and run(leaky.on("x"), [0.0, 2.0]).tolist() == [0.5, 2]
    assert elementwise("minimum", float("inf"), None).op.constants[0] == float("inf")


def test_initialisers():
    made = make.parameter("w", "m k", Initialiser("uniform", 0.1, ("m",)))
    assert made.op.init.fan == ("m",) and made.rename(m="x").op.init.fan == ("x",)
    assert make.parameter("w", "m").op.init == Initialiser("normal", 0.02)


@pytest.mark.parametrize("one", [lambda text: make.constant(0, text), lambda text: make.parameter("w", text)])
def test_a_constant_and_a_parameter_are_one_array(one):
    with pytest.raises(NotationError, match="one array is wanted, not none") as found:
        one("")
    assert "mend    a number is ()" in str(found.value)
    with pytest.raises(NotationError, match="one array is wanted, not 2"):
        one("x, y")


@pytest.mark.parametrize("read", [
    lambda: make.index(x=0.5), lambda: make.slice_axis("x", 0, 4, 1.5), lambda: make.pad("x", 0.5, 0.5),
    lambda: make.window("x", "j=3", stride=1.5)])
def test_positions_are_whole(read):
    with pytest.raises(SizeError, match="a reindexing reads at whole positions"):
        read()
