"""Alignment: what a call instantiates and lifts, and what each error says, where, why and how to mend it."""

from __future__ import annotations

import re
import sys

import numpy as np
import pytest
from hypothesis import given

import ncd
from ncd.algebra.convert import Size
from ncd.algebra.unify import unify
from ncd.construct import align
from ncd.construct.align import equations
from ncd.construct.generators import (
    elementwise,
    gather,
    iota,
    key,
    opaque,
    parameter,
    random,
    reduce,
    repeat_axis,
    scan,
    segment,
)
from ncd.construct.notation import einsum, rearrange
from ncd.construct.suggest import missing_axes
from ncd.construct.trace import diagram, trace
from ncd.core.axis import Axis
from ncd.core.category import Diagram, Ty
from ncd.errors import AmbiguityError, ArityError, AxisError, SizeError
from ncd.interpret.reference import run
from ncd.ops.control import Block, Broadcast
from tests.strategies import diagrams, examples

product = einsum("y k, x k -> y x")
relu, tanh, add, to_float = map(elementwise, ("relu", "tanh", "add", "to_float"))
HERE = "test_align.py"


def lines_of(error, name: str) -> list[str]:
    found = error.value.details.get(name, [])
    return [found] if isinstance(found, str) else list(found)


def applied(subject: Diagram, mend: str) -> Diagram:
    """A proposal such as ``rename one axis: .rename(k="j")`` carried out."""
    return eval("subject" + mend[mend.index("."):], {"subject": subject})


# -- what fits -------------------------------------------------------------------------------
@pytest.mark.parametrize("made, given_, type_", [
    (product, "y k, x k", "y k, x k -> y x"), (product, "y=x k, x=y k", "y=x k, x=y k -> y=x x=y"),
    (product, "h y k, x k", "h y k, x k -> h y x"), (product, "k y b, c x k b", "k y b, c x k b -> b c y x"),
    (product, "y=2*n k=3, x=n//2 k=3", "y=2*n k=3, x=n//2 k=3 -> y=2*n x=n//2"),
    (rearrange("m=(h k) -> h k"), "m=h*k", "m=h*k -> h k"), (rearrange("m=(h=2 k) -> h k"), "b m=6",
                                                             "b m=6 -> b h=2 k=3"),
    (Diagram.id("x=2*k+1"), "x=7", "x=7 -> x=7"), (Diagram.id("x=h*k, h"), "x=a*b, h=a",
                                                   "x=a*b, h=a -> x=a*b, h=a"),
    (Diagram.id("x=h*k, k=2*h, z=h+1"), "x=18, k=6, z=4", "x=18, k=6, z=4 -> x=18, k=6, z=4"),
    (Diagram.id("x=2*k"), "x=4*n", "x=4*n -> x=4*n"), (Diagram.id("x=h+k, h"), "x=k+3, h=k",
                                                       "x=k+3, h=k -> x=k+3, h=k"),
    (gather("n"), "f n=5, e : index(5)", "f n=5, e : index(5) -> f e"),
    (gather("n"), "n=5, e : int", "n=5, e : int -> e"),
    (reduce("sum", "x y"), "a y b x", "a y b x -> a b"), (to_float, "x : int", "x : int -> x"),
    (segment("sum", "e -> n=4"), "b e f, e b : index(4)", "b e f, e b : index(4) -> b n=4 f")])
def test_calls_that_fit(made, given_, type_):
    assert str(made.on(given_)) == type_


def test_substitution_is_simultaneous_inside_too():
    @diagram("x, y -> x y")
    def outer(a, b):
        return einsum("x, y -> x y")(a, b) * ncd.size("x") + ncd.size("y") * 10
    swapped = outer.on("x=y, y=x")
    np.testing.assert_allclose(run(swapped, np.ones(2), np.ones(3)), np.full((2, 3), 32.0))
    assert str(swapped) == "x=y, y=x -> x=y y=x" and swapped.symbols == {"x", "y"}


def test_symbols_shared_with_the_model_are_kept():
    @diagram("x -> x")
    def scaled(a):
        return a * ncd.size("width")
    assert scaled.on("x=3").symbols == {"width"}


def test_unification_keeps_the_scopes_apart():
    """The unknown h of the domain is not the h of the arrays."""
    assert unify(equations(Ty("x=2*h").inside, Ty("x=2*h+2").inside)) == ({"h": Size("h + 1")}, [])
    bound, wrong = unify(equations(Ty("x=h*k, h").inside, Ty("x=k*k, h=k").inside))
    assert bound == {"h": Size("k"), "k": Size("k")} and not wrong


# -- arity and axes --------------------------------------------------------------------------
def test_arity():
    with pytest.raises(ArityError, match="cannot call `einsum\\[y k, x k -> y x\\]`") as error:
        product.on("y k")
    line = sys._getframe().f_lineno - 1
    assert error.value.where == f"{HERE}:{line}"
    assert lines_of(error, "have") == ["1 arrays: y k"] and lines_of(error, "want") == ["2 arrays: y k, x k"]
    with pytest.raises(ArityError, match="cannot compose `relu` with `add`"):
        relu >> add


def test_the_message_of_a_missing_axis_as_a_whole():
    with pytest.raises(AxisError) as error:
        product.on("y j, x j")
    line = sys._getframe().f_lineno - 1
    assert str(error.value).splitlines() == [
        "cannot call `einsum[y k, x k -> y x]`", f"  where   {HERE}:{line}", "  have    y j, x j",
        "  want    y k, x k",
        "  why     input 1: no axis k in `y j`, want `y k`",
        "          input 2: no axis k in `x j`, want `x k`",
        "  sizes   y = y, j = j, x = x, k = k", '  mend    rename one axis: .rename(k="j")']
    assert applied(product, lines_of(error, "mend")[0]).on("y j, x j").cod == Ty("y x")


MISSING = [  # left, right: composed, they lack an axis
    (einsum("a b -> b a"), einsum("b c -> b")), (rearrange("c a -> b=2 c a"), einsum("b d -> b")),
    (einsum("y k, x k -> y x"), einsum("y z -> y")),
    (rearrange("a -> b a"), rearrange("b c -> c b a=3"))]


@pytest.mark.parametrize("left, right", MISSING, ids=lambda d: str(d))
def test_a_renaming_that_is_proposed_works(left, right):
    with pytest.raises(AxisError, match="cannot compose") as error:
        left >> right
    mend = lines_of(error, "mend")[0]
    if mend.startswith("rename one axis before"):
        assert (applied(left, mend) >> right).cod is not None
    else:
        assert (left >> applied(right, mend)).cod is not None
    assert re.search(r'\.rename\(\w+="\w+"\)', mend)


def test_a_relabelling_of_one_wire_that_is_proposed_works():
    """Renaming k in the product would rename it in both inputs."""
    with pytest.raises(AxisError) as error:
        product.on("y k, x j")
    relabel, sizes = lines_of(error, "mend")
    assert relabel == 'relabel input 2: ncd.reindex("j -> k=j", j="k")'
    moved = eval(relabel.split(": ")[1], {"ncd": ncd}).on("x j")
    bound = applied(moved, sizes[sizes.index(".bind"):])
    assert product.on(Ty("y k") @ bound.cod).cod == Ty("y x")


def test_a_repetition_that_is_proposed_works():
    with pytest.raises(AxisError) as error:
        product.on("y k=3, x")
    (mend,) = lines_of(error, "mend")
    assert mend == 'repeat input 2 along a new axis: ncd.rearrange("() -> k=3")'
    repeated = eval(mend.split(": ")[1], {"ncd": ncd}).on("x")
    assert product.on(Ty("y k=3") @ repeated.cod).cod == Ty("y x")


def test_a_renaming_that_cannot_work_says_why():
    with pytest.raises(AxisError) as error:
        product.bind(y=12, x=30) @ Diagram.id("z=31 v") >> einsum("y z, z v -> y v")
    assert lines_of(error, "mend") == ['.rename(z="x") needs z = x, but 31 and 30 differ']


@pytest.mark.parametrize("made, given_, what, mend", [
    (product, "y k : int, x k", "input 1: `y k : int` is int, want float", 'ncd.elementwise("to_float")'),
    (product, "y k, x k : key", "input 2: `x k : key` is key, want float",
     "declare input 2 with the dtype float"),
    (elementwise("both"), "x : bool, x", "input 2: `x` is float, want bool", "compare input 2, as in x > 0"),
    (gather("n"), "n, e", "input 2: `e` is float, want int", 'round input 2 down, ncd.elementwise("to_int")'),
    (random("normal", "x"), "()", "is float, want key", "`x : key`")])
def test_dtypes(made, given_, what, mend):
    with pytest.raises(AxisError, match=re.escape(what)) as error:
        made.on(given_)
    assert mend in " ".join(lines_of(error, "mend"))


def test_a_conversion_that_is_proposed_works():
    assert (to_float.on("y k : int") @ Diagram.id("x k") >> product).cod == Ty("y x")


def test_missing_axes_and_dtypes_are_listed_together():
    with pytest.raises(AxisError) as error:
        product.on("y k : int, x j")
    assert len(lines_of(error, "why")) == 2 and len(lines_of(error, "mend")) == 3
    assert missing_axes(product.dom.inside, Ty("y k, x j").inside) == [(1, ["k"], ["j"])]


# -- sizes -----------------------------------------------------------------------------------
def test_all_contradictions_are_listed():
    with pytest.raises(SizeError) as error:
        einsum("y k x, x k y -> y x").on("h=2 y=2 k=n x=3, x=4 k=m y=5 h=3")
    assert lines_of(error, "why") == [
        "x = 3 (x of input 1) and x = 4 (x of input 2)",
        "k = n (k of input 1) and k = m (k of input 2); .bind(m='n') would agree",
        "y = 2 (y of input 1) and y = 5 (y of input 2)", "the broadcast axis h has the sizes 2 and 3"]
    assert error.value.where.startswith(HERE)
    assert lines_of(error, "have") == ["h=2 y=2 k=n x=3, x=4 k=m y=5 h=3"]


@pytest.mark.parametrize("given_", ["y k=n, x k=m", "y k=3, x k=m", "y k=m, x k=3", "y k=2*n, x k=m"])
def test_a_binding_that_is_proposed_makes_sizes_agree(given_):
    arrays = Diagram.id(given_)
    with pytest.raises(SizeError) as error:
        product.on(given_)
    (why,) = lines_of(error, "why")
    bound = applied(arrays, re.search(r"\.bind\(.*?\)", why)[0])
    assert product.on(bound.cod).cod == Ty("y x")


@pytest.mark.parametrize("want, have, why", [
    ("x=2*k, k", "x=6, k=4", "2*k = 8 is wanted, 6 is given (x of input 1)"),
    ("x=2*k", "x=5", "2*k is wanted, 5 is given (x of input 1); no k makes them agree"),
    ("x=k+5", "x=3", "no k makes them agree"), ("x=k+3", "x=3", "no k makes them agree"),
    ("x=h*k", "x=12", "h*k is wanted, 12 is given (x of input 1); bind h and k first"),
    ("x=h*k, h", "x=6, h=4", "h*k = 4*k is wanted, 6 is given (x of input 1); no k makes them agree"),
    ("x=k//2", "x=6", "bind k first"), ("x=k**2", "x=9", "bind k first"),
    ("x=2*k", "x=n", ".bind(n='2*k') would agree"), ("x=3", "x=4", "3 is wanted, 4 is given"),
    ("e : index(n), n", "e : index(7), n=5", "n = 7 (index bound of input 1) and n = 5 (n of input 2)")])
def test_sizes_that_cannot_be_solved(want, have, why):
    with pytest.raises(SizeError) as error:
        Diagram.id(want).on(have)
    assert any(why in line for line in lines_of(error, "why")), lines_of(error, "why")


def test_composition_proposes_a_binding_that_works():
    left, right = einsum("a=3 b -> b a=3"), tanh.on("b a") >> relu
    with pytest.raises(SizeError, match=r"cannot compose .* sizes differ") as error:
        left >> right
    (mend,) = lines_of(error, "mend")
    assert mend == "bind it first: .bind(a=3)" and (left >> applied(right, mend)).cod == Ty("b a=3")


# -- capture ---------------------------------------------------------------------------------
def test_a_captured_axis_names_both_readings():
    with pytest.raises(AmbiguityError, match="the axis x of input 1 would be captured by `einsum") as error:
        product.on("x y k, x k")
    assert lines_of(error, "why") == ["x of input 1 is also an axis of input 2 `x k`, output 1 `y x`"]
    apart, identify = lines_of(error, "mend")
    renamed = applied(Diagram.id("x y k"), apart[apart.index(".rename"):])
    lifted = product.on(renamed.cod @ Ty("x k")).bind(x=3)
    assert lifted.cod == Ty("x'=3 y x=3")
    diagonal = eval(identify.split(": ")[1], {"ncd": ncd})
    assert (lifted >> diagonal).cod == Ty("x=3 y")
    a, b = np.random.default_rng(0).normal(size=(2, 3, 4, 5))[:, :, :2], np.ones((3, 5))
    np.testing.assert_allclose(run(lifted >> diagonal, a[0], b), np.einsum("xyk,xk->xy", a[0], b))


def test_every_captured_axis_is_listed():
    with pytest.raises(AmbiguityError) as error:
        product.on("x y k, y x k")
    assert len(lines_of(error, "why")) == 2
    with pytest.raises(AmbiguityError, match="the axis b of input 1 would be captured"):
        (einsum("a ->") >> repeat_axis("b")).on("b a")
    with pytest.raises(AmbiguityError, match="would be captured by `scan"):
        scan(add.on("m, m"), "t", 1, 1).on("t m, t m")


# -- lifting ---------------------------------------------------------------------------------
@diagram("x a -> x")
def hidden(v):
    """It uses h inside."""
    return reduce("sum", "h")(tanh(einsum("x a, a h -> x h")(v, parameter("w", "a h=5")())))


WEIGHT = {"w": np.arange(15.0).reshape(3, 5) / 7}
VALUES = np.random.default_rng(1).normal(size=(4, 2, 3))


def test_inner_axes_are_renamed_apart():
    for lifted in (hidden.lift("h"), hidden.on("h x a"), hidden.lift("h=4")):
        assert lifted.cod.inside[0].labels == ("h", "x") and "h'=5" in lifted.listing()
        np.testing.assert_allclose(run(lifted, VALUES, params=WEIGHT),
                                   [run(hidden, v, params=WEIGHT) for v in VALUES])
    assert "h'=5" in hidden.rename(x="h").listing()


def test_lift_refuses_axes_of_the_type():
    with pytest.raises(AmbiguityError, match="cannot lift `x a -> x` over x") as error:
        hidden.lift("x")
    assert applied(hidden, lines_of(error, "mend")[0]).cod == Ty("x' x")
    for wrong in (3, None, ["x"], {"x": 3}):
        with pytest.raises(AxisError, match="cannot lift over"):
            relu.lift(wrong)
    assert relu.lift([Axis("p", 3)]) == relu.lift(Axis("p", 3)) == relu.lift("p=3") and relu.lift("") == relu
    with pytest.raises(AxisError, match="the label p stands twice"):
        relu.on("x").lift("p p")


recurrent = scan(trace(lambda s, u: (tanh(s * parameter("w", "m")() + u), s), Ty("m, m").inside), "t", 1, 1)
LIFTED = [hidden, hidden.block("b"), recurrent, tanh.on("m").repeat("N"), recurrent.block("r"),
          opaque("mine", "x y -> y"), einsum("i, i -> ") @ relu.on("x"), Diagram.swap(Ty("x"), Ty("y")),
          trace(lambda a: a + random("normal", "x")(key()()), Ty("x").inside)]


@pytest.mark.parametrize("made", LIFTED, ids=str)
def test_a_lift_of_a_lift_is_the_lift_of_both(made):
    assert made.lift("p").lift("q=2") == made.lift("q=2 p")
    wanted = tuple(array.with_axes((Axis("p"), *array.axes)) for array in (*made.dom.inside,
                                                                           *made.cod.inside))
    lifted = made.lift("p")
    assert (*lifted.dom.inside, *lifted.cod.inside) == wanted


@given(diagrams("learned"))
@examples(25)
def test_lifting_is_a_strict_functor(made):
    axis = Axis("p", 2)
    copied, after = Diagram.copy(made.cod), Diagram.id(made.cod) @ elementwise("tanh").on("z")
    assert (made >> copied).lift([axis]) == made.lift([axis]) >> copied.lift([axis])
    assert copied.lift([axis]) == Diagram.copy(copied.lift([axis]).dom)
    assert (made @ after).lift([axis]) == made.lift([axis]) @ after.lift([axis])


def test_lifting_shares_parameters_or_stacks_them():
    shared, stacked = hidden.lift("h"), hidden.lift("h", stack=True)
    (small,), (large,) = ([str(op.array) for op in made.graph.ops if op.place] for made in (shared, stacked))
    assert small == "a h'=5" and large == "h a h'=5"
    weights = np.stack([WEIGHT["w"] * n for n in range(4)])
    np.testing.assert_allclose(run(stacked, VALUES, params={"w": weights}),
                               [run(hidden, v, params={"w": w}) for v, w in zip(VALUES, weights)])
    blocked = hidden.block("b").lift("p", stack=True)
    assert isinstance(blocked.op, Block) and blocked.op.body == hidden.lift("p", stack=True)
    with pytest.raises(AmbiguityError, match="are stacked by its steps already") as error:
        recurrent.lift("b", stack=True)
    assert "lift the body before the scan" in lines_of(error, "mend")[0]


def test_each_lifted_index_draws_its_own_key():
    noise = trace(lambda a: a + random("normal", "x")(key()()), Ty("x").inside)
    rows = run(noise.lift("b=3"), np.zeros((3, 4)), key=1)
    assert len({tuple(row) for row in rows}) == 3
    with pytest.raises(AmbiguityError, match="draws keys and has no input to lift"):
        opaque("dice", "-> x", deterministic=False).lift("b")


def test_what_does_not_depend_on_a_lifted_input_is_not_lifted():
    made = trace(lambda a: (a + iota("x")(), iota("x")()), Ty("x").inside).on("b x")
    assert str(made) == "b x -> b x, x : index(x)"


def test_an_opaque_function_is_broadcast():
    made = opaque("mine", "x -> y").on("b x c")
    assert isinstance(made.op,
                      Broadcast) and made.cod == Ty("b y c") and made.on("b d x c").op.op == made.op.op


def test_arranging_transposes_repeats_and_never_loses():
    made = align.arrange(Ty("x y, z").inside, Ty("y h=2 x, z").inside)
    assert len(made) == 1 and made.cod == Ty("y h=2 x, z")
    with pytest.raises(AxisError, match="the axis y would be lost"):
        align.arrange(Ty("x y").inside, Ty("x").inside)


def test_a_mend_for_a_label_with_a_prime_is_python():
    """``.rename(b'="c")`` is none."""
    diagonal = einsum("b b -> b")
    assert diagonal.dom.inside[0].labels == ("b", "b'")
    with pytest.raises(AxisError) as raised:
        diagonal.on("b c=b")
    (mend,) = re.findall(r"\.rename\(.*\)", str(raised.value))
    assert str(eval(f"diagonal{mend}").on("b c=b")) == "b c=b -> b"
