"""What a user gives to the questions about a cost: sizes that are none, costs that are nothing."""

from __future__ import annotations

import math

import pytest

import ncd
from ncd.algebra.convert import Size
from ncd.algebra.regime import dominant, where_greater
from ncd.construct.generators import elementwise, iota, reduce, where
from ncd.construct.notation import einsum
from ncd.construct.trace import pointwise, trace
from ncd.core.category import Diagram
from ncd.core.signature import parse_type
from ncd.errors import LoadError, NcdError, SizeError
from ncd.interpret.cost import Convention
from ncd.nn.pooling import max_pool
from ncd.ops import scalar
from ncd.ops.monoid import SUM, Monoid, Semiring
from ncd.plan import (
    Link,
    Schedule,
    all_gather,
    all_reduce,
    best_schedule,
    hierarchy,
    memory_profile,
    pareto,
    roofline,
    sharded,
)

PRODUCT = einsum("y k, x k -> y x")


@pytest.mark.parametrize("value", ["y", 0, -2])
@pytest.mark.parametrize("ask", [
    lambda **at: PRODUCT.cost().evaluate(**at), lambda **at: PRODUCT.cost().sensitivity(**at),
    lambda **at: PRODUCT.cost().training().evaluate(**at), lambda **at: PRODUCT.cost().by(**at),
    lambda **at: roofline(PRODUCT, "h100").evaluate(**at), lambda **at: hierarchy(PRODUCT).evaluate(**at),
    lambda **at: hierarchy(PRODUCT).fits("h100", **at),
    lambda **at: sharded(PRODUCT, {"k": "n"}, {"n": 2}).evaluate(**at)],
    ids=["cost", "sensitivity", "training", "by", "roofline", "hierarchy", "fits", "sharded"])
def test_a_size_is_a_positive_number(ask, value):
    with pytest.raises(SizeError, match=f"x = {value} is no size"):
        ask(x=value, y=2, k=4)


HALVES = elementwise("exp").on("x") >> max_pool("x", 3) >> elementwise("tanh") >> elementwise("exp")


@pytest.mark.parametrize("ask", [
    lambda **at: HALVES.cost().evaluate(**at), lambda **at: HALVES.cost().sensitivity(**at),
    lambda **at: HALVES.cost().training().evaluate(**at), lambda **at: HALVES.cost().by(**at),
    lambda **at: roofline(HALVES, "h100").evaluate(**at), lambda **at: hierarchy(HALVES).evaluate(**at),
    lambda **at: sharded(HALVES, {"x": None}, {"n": 2}).evaluate(**at),
    lambda **at: best_schedule(HALVES, **at), lambda **at: pareto(HALVES, **at),
    lambda **at: memory_profile(HALVES, **at), lambda **at: Schedule(HALVES, range(4)).peak(**at)],
    ids=["cost", "sensitivity", "training", "by", "roofline", "hierarchy", "sharded", "schedule", "pareto",
         "profile", "peak"])
def test_no_axis_is_empty(ask):
    """x//3 is 0 at 2: nothing is counted there, no answer is half of one."""
    ask(x=3)
    with pytest.raises(SizeError, match="x = x//3 is 0"):
        ask(x=2)


def test_a_convention_by_a_mapping_of_bytes():
    def once(function):
        return 1, 0
    half = Convention("half", once, {"float": 2})
    assert half == Convention("half", once, (("float", 2),))
    assert HALVES.cost(half).exact["reads"] * 2 == HALVES.cost().exact["reads"]
    with pytest.raises(NcdError, match="the convention half states no bytes of int"):
        iota("x").cost(half)


def test_a_condition_wants_every_size_it_depends_on():
    found = where_greater(Size("4*m*x**2"), Size("24*m**2*x"), "x")
    assert found.holds(x=7, m=1) and not found.holds(x=6, m=1)
    with pytest.raises(SizeError, match="no value for the size m"):
        found.holds(x=50)
    with pytest.raises(SizeError, match="no value for the size x"):
        found.holds(m=1)


def test_what_costs_nothing():
    """Nothing moves: no intensity, no part that dominates; no error."""
    free = Diagram.id("x").cost()
    found = roofline(free, "h100").evaluate(x=3)
    assert math.isnan(found.pop("intensity")) and found.pop("ridge") > 0 and set(found.values()) == {0}
    assert free.dominant("x") == [] == dominant({}, "x", {})


@pytest.mark.parametrize("devices", [0, -1, 2.5])
@pytest.mark.parametrize("collective", [all_reduce, all_gather])
def test_devices_are_counted(collective, devices):
    with pytest.raises(NcdError, match="want    a positive integer"):
        collective(800, devices)


@pytest.mark.parametrize("ask, words", [
    (lambda: hierarchy(PRODUCT, residency={99: "shared"}), "there is no wire 99"),
    (lambda: hierarchy(PRODUCT, fuse=[0]), "0 is no range of operations"),
    (lambda: hierarchy(PRODUCT, fuse=[("a", "b")]), "is no range of operations"),
    (lambda: sharded(PRODUCT, {"k": "n"}, ["n"]), "is no mesh"),
    (lambda: sharded(PRODUCT, {"k": "n"}, {"n": 2}, outputs={"z": "n"}), "no result has the axis 'z'"),
    (lambda: sharded(PRODUCT, {"k": "n"}, {"n": 2}).communication("h100", {"z": Link(1)}), "no axis 'z'"),
    (lambda: sharded(PRODUCT, {"k": "n"}, {"n": "t"}).evaluate(x=1, y=1, k=4, t=3),
     "the t devices of n do not divide k = k")],
    ids=["wire", "number", "texts", "mesh", "label", "link", "devices"])
def test_what_names_nothing_is_refused(ask, words):
    with pytest.raises(NcdError, match=words):
        ask()


def test_devices_by_a_symbol_that_divide():
    found = sharded(PRODUCT, {"k": "n"}, {"n": "t"}).evaluate(x=1, y=1, k=4, t=2)
    assert found == sharded(PRODUCT, {"k": "n"}, {"n": 2}).evaluate(x=1, y=1, k=4)


def test_one_unknown_in_any_collection():
    assert ncd.solve(Size("2*x"), 10, for_=(name for name in ["x"])) == 5


LOG = Monoid("logsumexp", scalar.ScalarFunction("logaddexp", ("x", "y"), "log(exp(x) + exp(y))"), -math.inf)


def test_calls_of_a_monoid_are_counted():
    """A fold or a contraction by a function of one's own: one operation and three calls each time."""
    found = reduce(LOG, "x").on("y x").cost().exact
    assert (found["flops"], found["transcendentals"]) == (Size("x*y - y"), Size("3*x*y - 3*y"))
    found = ncd.einsum("y k, x k -> y x", Semiring("log", LOG, SUM)).cost().exact
    assert (found["flops"], found["transcendentals"]) == (Size("2*k*x*y"), Size("3*k*x*y"))


def test_calls_that_a_mask_leaves_out():
    def masked(s):
        mask = pointwise(scalar.LESS_EQUAL, iota("x")(), iota("y=x")())
        return reduce(LOG, "x")(where(mask, s, -math.inf))
    model = trace(masked, parse_type("y=x x"))
    folds = {"dense": "x**2 - x", "skip": "(x**2 + x)/2 - x"}
    for masks, count in folds.items():
        assert model.cost(masks=masks).exact["transcendentals"] == 3 * Size(count)


@pytest.mark.parametrize("text", [None, 5, ["{}"], bytearray(b"{}")])
def test_what_is_no_text_is_no_json(text):
    with pytest.raises(LoadError, match="is no JSON text"):
        ncd.from_json(text)
