"""One random instance of every primitive, and of every row of every table: what flags are tried on."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ncd.construct import generators
from ncd.construct.trace import trace
from ncd.core.array import Array
from ncd.core.axis import Axis
from ncd.core.category import Diagram, Ty
from ncd.core.op import Operation
from ncd.ops.control import Block, Broadcast, Scan
from ncd.ops.indexed import Gather, Segment
from ncd.ops.matrix import Eigh, Solve
from ncd.ops.monoid import MONOIDS, SEMIRINGS
from ncd.ops.multilinear import Concat, Einsum, Reindex, View, affine
from ncd.ops.pointwise import Map, Reduce, Stop, TopK
from ncd.ops.scalar import SCALARS, ScalarFunction
from ncd.ops.source import Constant, Iota, Key, Parameter, Random
from theory.families import UNARY
from theory.random import Sampler

POSITIVE = {"log", "log_total", "sqrt", "rsqrt", "power", "arccos", "reciprocal", "divide", "remainder",
            "quotient"}


class Case(NamedTuple):
    """An operation by title, how to draw it, and what its float inputs go through first, if anything."""

    title: str
    draw: Callable[[Sampler], Operation]
    prepare: Callable[[Array], Diagram] | None = None

    def __str__(self):
        return self.title


def _to_positive(array: Array) -> Diagram:
    return generators.elementwise("sigmoid").on(Ty.of((array,)))


def _rows(function: ScalarFunction) -> list[Case]:
    """A row with arrays for all arguments, and with a number for its last one."""
    logical = function.name in ("both", "either", "opposite")
    kinds = ["bool" if logical or (function.name == "where" and n == 0) else "float"
             for n in range(function.arity)]
    prepare = _to_positive if function.name in POSITIVE else None

    def arrays(s: Sampler) -> tuple[Array, ...]:
        return tuple(Array(s.array(0, 2).axes, kind) for kind in kinds)
    cases = [Case(function.name, lambda s: Map(function, arrays(s)), prepare)]
    last = function.arity - 1
    def with_number(number):
        return lambda s: Map(function, arrays(s)[:last], (*(None,) * last, number))
    if last and not logical and function.name not in POSITIVE:
        cases += [Case(f"{function.name} of {number}", with_number(number)) for number in (0, 2)]
    return cases


def _axis_of(s: Sampler, least: int = 1) -> tuple[Array, Axis]:
    array = s.array(least)
    return array, s.choose(array.axes)


def _reduce(monoid) -> Case:
    kind = "bool" if monoid.name in ("all", "any") else "float"
    def draw(s):
        array, axis = _axis_of(s)
        return Reduce(monoid, Array(array.axes, kind), (axis.label,))
    return Case(f"reduce by {monoid.name}", draw)


def _segment(monoid) -> Case:
    kind = "bool" if monoid.name in ("all", "any") else "float"
    def draw(s):
        array, axis = _axis_of(s)
        out = s.fresh(array)
        return Segment(monoid, Array(array.axes, kind), Array((axis,), "int", out.size), axis.label, out)
    return Case(f"segment by {monoid.name}", draw)


def _einsum(semiring) -> Case:
    kind = "bool" if semiring.name == "any_all" else "float"
    def draw(s):
        a, b, c = (s.axis(label) for label in "abc")
        return Einsum((Array((a, b), kind), Array((b, c), kind)), ((0, 1), (1, 2)),
                      Array((a, c), kind), (0, 2), semiring)
    return Case(f"einsum over {semiring.name}", draw)


def _reindex(fill) -> Case:
    def draw(s):
        axis = s.axis("a")
        out = Axis("a", axis.size + 1) if fill is not None else axis
        return Reindex(Array((axis,)), (out, Axis("j", 2)), (affine(0, {"a": 1}),), fill)
    return Case(f"reindex with fill {fill}", draw)


def _view(s):
    array = s.array(2)
    return View(array, array.labels[:2], (Axis("m", array.axes[0].size * array.axes[1].size),))


def _concat(s):
    array, axis = _axis_of(s)
    other = array.with_axes(Axis(axis.label, 2) if a == axis else a for a in array.axes)
    return Concat((array, other), axis.label)


def _topk(s):
    n = s.random.randint(1, 4)
    return TopK(Array((Axis("a", n), s.axis("b"))), "a", Axis("k", s.random.randint(1, n)))


def _gather(s):
    array, axis = _axis_of(s)
    new = s.fresh(array)
    return Gather(array, Array((new,), "int", axis.size), axis.label)


def _scan(s):
    axis = s.axis("t")
    body = trace(lambda state, item: (generators.elementwise(s.choose(UNARY))(state + item), state),
                 (Array(), Array()))
    return Scan(body, axis, 1, (Array(), Array((axis,))))


def _square(s) -> Array:
    n = s.random.randint(1, 3)
    return Array((Axis("i", n), Axis("j", n)))


def _solve(s):
    square = _square(s)
    return Solve(square, Array((square.axes[0], s.axis("a"))), "i", "j")


def _broadcast(s):
    n = s.random.randint(1, 3)
    array = Array((Axis("a", n),))
    op = TopK(array, "a", Axis("k", 1))
    return Broadcast(op, (Array((s.axis("b"), *array.axes)),))


def _block(s):
    return Block("block", trace(lambda x: generators.elementwise(s.choose(UNARY))(x) + 1, (s.array(),)))


def _draws(title: str):
    def draw(s):
        body = trace(lambda x: x + Random("normal", Array((), "key"), x.type.axes).diagram(
            Key("key").diagram()), (s.array(),))
        return Block(title, body)
    return draw


def _far_from_singular(array: Array) -> Diagram:
    """tanh(x) + 4 I for the matrix; the right-hand side as it is."""
    if array.labels != ("i", "j"):
        return Diagram.id(Ty.of((array,)))
    identity = Einsum((), (), array, (0, 0)).diagram
    return trace(lambda x: generators.elementwise("tanh")(x) + identity() * 4, (array,))


CATALOGUE = (
    *(case for function in SCALARS.values() for case in _rows(function)),
    *map(_reduce, MONOIDS.values()), *map(_segment, MONOIDS.values()), *map(_einsum, SEMIRINGS.values()),
    *map(_reindex, (None, 0.0, 0.5)), Case("view", _view), Case("concat", _concat), Case("top-k", _topk),
    Case("gather", _gather), Case("scan", _scan), Case("iota", lambda s: Iota(s.axis("a"))),
    Case("constant", lambda s: Constant(0.5, s.array())), Case("solve", _solve, _far_from_singular),
    Case("eigh", lambda s: Eigh(_square(s), "i", "j", "e")), Case("stop", lambda s: Stop(s.array())),
    Case("random", lambda s: Random("normal", Array((), "key"), s.array().axes)),
    Case("block", _block), Case("broadcast", _broadcast))

PLACED = (
    Case("parameter", lambda s: Parameter("weight", s.array())),
    Case("key", lambda s: Key("key", s.array(0, 1).axes)),
    Case("block that draws a key", _draws("noise")))
"""What is drawn or kept by its place."""

LINEAR = tuple(case for case in CATALOGUE if case.draw(Sampler(0)).linear)
ELEMENTWISE = tuple(case for case in CATALOGUE if case.draw(Sampler(0)).elementwise)
