"""Recurrences: a scan runs a diagram along an axis, a repetition runs it again and again."""

from __future__ import annotations

from ncd.construct import generators
from ncd.core.array import Array
from ncd.core.axis import Axis
from ncd.core.category import Diagram, Ty
from ncd.ops.control import Scan
from ncd.ops.multilinear import Concat, View
from theory import families
from theory.broadcasting import each, lift
from theory.law import ABBOTT, NUMERIC, Law, theory
from theory.monoidal import id
from theory.random import Sampler
from theory.variables import axis, diagram, made


def bounded(a: Ty) -> Diagram:
    """tanh of every array: what is repeated must not grow."""
    return each(a, lambda array: generators.elementwise("tanh").on(Ty.of((array,))))


def body(s: Sampler) -> Diagram:
    """One state and one step of a sequence to the state and an output."""
    with s.using("abcd"):
        state, item, out = s.array(0, 2), s.array(0, 2), s.array(0, 2)
        made = diagram(s, Ty.of((state, item)), families.PURE, Ty.of((state, out)))
        return made >> (bounded(Ty.of((state,))) @ Ty.of((out,)))


def step(s: Sampler) -> Diagram:
    """A diagram that ends in the type that it begins with."""
    with s.using("abcd"):
        a = s.type(2, floats=True)
        return diagram(s, a, families.PURE, a) >> bounded(a)


def in_time(a: Array, n) -> Array:
    """The array with n steps in front."""
    return a.with_axes((Axis("t", n), *a.axes))


def scan(f: Diagram, n, reverse: bool = False) -> Diagram:
    state, item = f.dom.inside
    return Scan(f, Axis("t", n), 1, (state, in_time(item, n)), reverse).diagram


def joined(a: Array, n: int, m: int) -> Diagram:
    return Concat((in_time(a, n), in_time(a, m)), "t").diagram


def scan_of_joined(f: Diagram, n: int, m: int) -> Diagram:
    """The two sequences joined, and one scan of n + m steps."""
    state, item = f.dom.inside
    return (Ty.of((state,)) @ joined(item, n, m)) >> scan(f, n + m)


def scan_in_parts(f: Diagram, n: int, m: int) -> Diagram:
    """A scan of n steps, a scan of m steps from its last state, and the outputs joined."""
    (state, item), (_, out) = f.dom.inside, f.cod.inside
    first = scan(f, n) @ Ty.of((in_time(item, m),))
    second = scan(f, m) @ Ty.of((in_time(out, n),))
    both = first >> Diagram.wiring(first.cod, [0, 2, 1]) >> second
    return (both >> Diagram.wiring(both.cod, [0, 2, 1]) >> (Ty.of((state,)) @ joined(out, n, m)))


def flipped(f: Diagram, n: int) -> Diagram:
    """The sequence flipped, a scan, and the outputs flipped."""
    (state, item), (_, out) = f.dom.inside, f.cod.inside
    def flip(a: Array) -> Diagram:
        return generators.flip("t").on(Ty.of((in_time(a, n),)))
    return (Ty.of((state,)) @ flip(item)) >> scan(f, n) >> (Ty.of((state,)) @ flip(out))


def one_step(f: Diagram) -> Diagram:
    """The body between two views that take and put an axis of length 1."""
    (state, item), (_, out) = f.dom.inside, f.cod.inside
    one = Axis("t", 1)
    take = View(in_time(item, 1), ("t",), ()).diagram
    put = View(out, (), (one,)).diagram >> Diagram.arrange(
        (out.with_axes((*out.axes, one)),), (in_time(out, 1),))
    return (Ty.of((state,)) @ take) >> f >> (Ty.of((state,)) @ put)


def power(f: Diagram, n: int) -> Diagram:
    return id(f.dom).then(*[f] * n)


def count(least: int):
    return made("a number", lambda s: s.random.randint(least, 3))


BODY, STEP = {"f": made("a body", body)}, {"f": made("A → A", step)}

LAWS = theory(
    Law("scan of a concatenation", r"\mathrm{scan}_{n + m} = \mathrm{scan}_n ; \mathrm{scan}_m",
        {**BODY, "n": count(1), "m": count(1)}, scan_of_joined, scan_in_parts,
        ("the second scan begins with the last state of the first",), holds=NUMERIC, fails=("free",)),
    Law("scan in reverse",
        r"\mathrm{scan}^{\mathrm{rev}} = \mathrm{flip}_t ; \mathrm{scan} ; \mathrm{flip}_t",
        {**BODY, "n": count(1)}, lambda f, n: scan(f, n, True), flipped, holds=NUMERIC, fails=("free",)),
    Law("scan of one step", r"\mathrm{scan}_1 = f", BODY, lambda f: scan(f, 1), one_step,
        holds=NUMERIC, fails=("free",)),
    Law("repetition is a power", r"\mathrm{repeat}_n f = f ; f ; \dots ; f", {**STEP, "n": count(1)},
        lambda f, n: f.repeat(n, share=True), power, ("f keeps no parameters by place",),
        ABBOTT, NUMERIC, ("free",)),
    Law("repetition of a sum", r"\mathrm{repeat}_{n + m} f = \mathrm{repeat}_n f ; \mathrm{repeat}_m f",
        {**STEP, "n": count(1), "m": count(1)}, lambda f, n, m: f.repeat(n + m, share=True),
        lambda f, n, m: f.repeat(n, share=True) >> f.repeat(m, share=True), holds=NUMERIC, fails=("free",)),
    Law("lift of a scan", r"P\,\mathrm{scan}(f) = \mathrm{scan}(Pf)",
        {"p": axis("p"), **BODY, "n": count(1)},
        lambda f, n, p: lift(scan(f, n), p), lambda f, n, p: scan_of_lifted(f, n, p),
        ("the lifted axis stands before the steps on one side, after them on the other",), holds=NUMERIC))


def scan_of_lifted(f: Diagram, n: int, p: Axis) -> Diagram:
    """The scan of the lifted body between two transpositions."""
    inner = scan(lift(f, p), n)
    want = lift(scan(f, n), p)
    return (Diagram.arrange(want.dom.inside, inner.dom.inside) >> inner
            >> Diagram.arrange(inner.cod.inside, want.cod.inside))
