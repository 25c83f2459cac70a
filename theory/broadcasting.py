"""Broadcasting: every list of axes acts on arrays by a functor, and every reindexing by a natural map.

Lifting over P is a strict monoidal functor that keeps copies and swaps; an index of a lifted
operation is the operation of the index. What draws keys by place is lifted to new keys, and is
natural for no reindexing.
"""

from __future__ import annotations

from ncd.construct import generators
from ncd.construct.align import lift as lift_diagram
from ncd.core.array import Array
from ncd.core.axis import Axis
from ncd.core.category import Diagram, Ty
from ncd.ops.multilinear import Concat, Reindex, View, affine
from theory.copying import SAMPLED, copy
from theory.law import ABBOTT, FALSE, NUMERIC, TYPE, Law, theory
from theory.monoidal import id, swap
from theory.variables import Variable, axis, made, morphism, position, types


def lift(f: Diagram, *axes: Axis, stack: bool = False) -> Diagram:
    return lift_diagram(f, axes, stack)


def lifted(a: Ty, *axes: Axis) -> Ty:
    """A type with axes in front of every array."""
    return Ty.of(array.with_axes((*axes, *array.axes)) for array in a.inside)


def each(a: Ty, change) -> Diagram:
    """An operation on every array of a type, side by side."""
    return Diagram.id(Ty()).tensor(*(change(array) for array in a.inside))


def index(a: Ty, p: Axis, i) -> Diagram:
    """Every array of the lifted type read at one place of the lifted axis."""
    read = generators.index(**{p.label: i}).op.substitute({p.label: p.size})
    return each(lifted(a, p), lambda array: read.extend((array,)).diagram)


def along(a: Ty, eta: Reindex) -> Diagram:
    """Every array of a lifted type read along a reindexing of the lifted axes."""
    return each(lifted(a, *eta.array.axes), lambda array: eta.extend((array,)).diagram)


def reindexing_of_p(s) -> Reindex:
    """A reindexing of the axis p into some of p and q, without a fill."""
    p, kind = s.axis("p"), s.choose(["flip", "index", "window", "stride", "repeat", "constant"])
    n = p.size
    q, P = Axis("q", 2), Array((p,))
    if kind == "flip":
        return Reindex(P, (p,), (affine(n - 1, {"p": -1}),))
    if kind == "index":
        return Reindex(P, (), (affine(n - 1),))
    if kind == "window":
        return Reindex(P, (Axis("p", 1), Axis("q", n)), (affine(0, {"p": 1, "q": 1}),))
    if kind == "stride":
        return Reindex(P, (Axis("p", (n + 1) // 2),), (affine(0, {"p": 2}),))
    if kind == "repeat":
        return Reindex(P, (q, p), (affine(0, {"p": 1}),))
    return Reindex(P, (q,), (affine(0),))


def diagonal_of_pq(s) -> Reindex:
    """The reindexing of p and q, of one size, to their diagonal."""
    n = s.axis("p").size
    return Reindex(Array((Axis("p", n), Axis("q", n))), (Axis("p", n),), (affine(0, {"p": 1}),) * 2)


def padding(s) -> Reindex:
    p = s.axis("p")
    return Reindex(Array((p,)), (Axis("p", p.size + 2),), (affine(-1, {"p": 1}),), 0.0)


def stack_of_copies(f: Diagram, p: Axis) -> Diagram:
    """f at each index of p, one after the other, joined: the definition of broadcasting by a loop."""
    one = Axis(p.label, 1)
    pieces = [index(f.dom, p, i) >> f for i in range(p.size.constant)]
    width = len(f.cod)
    def unit(array: Array) -> Diagram:
        last, first = (array.with_axes(axes) for axes in ((*array.axes, one), (one, *array.axes)))
        return View(array, (), (one,)).diagram >> Diagram.arrange((last,), (first,))
    every = Diagram.copy(lifted(f.dom, p), len(pieces)) >> id(Ty()).tensor(
        *(piece >> each(f.cod, unit) for piece in pieces))
    order = [n * width + k for k in range(width) for n in range(len(pieces))]
    joins = each(f.cod, lambda array: Concat(
        (array.with_axes((one, *array.axes)),) * len(pieces), p.label).diagram)
    return every >> Diagram.wiring(every.cod, order) >> joins


def before(f: Diagram, eta: Reindex, A: Ty) -> Diagram:
    return along(A, eta) >> lift(f, *eta.axes)


def after(f: Diagram, eta: Reindex, B: Ty) -> Diagram:
    return lift(f, *eta.array.axes) >> along(B, eta)


ARROW, LIFTED = {"f": morphism("A -> B")}, {"p": axis("p"), "f": morphism("A -> B")}
PLAIN = {"p": axis("p"), "f": morphism("A -> B", "without constants"),
         "g": morphism("B -> C", "without constants")}
AT = {**LIFTED, "i": position("p")}
COUNTED = Variable("an axis, its size a number", lambda s, given: Axis("p", s.random.randint(1, 3)))
KEYS = morphism("A -> B", "drawing keys by place")
NATURAL = {"f": morphism("A -> B"), "eta": made("a reindexing P → Q", reindexing_of_p)}

LAWS = theory(
    Law("lift of a composite", r"P(f ; g) = Pf ; Pg", PLAIN,
        lambda f, g, p: lift(f >> g, p), lambda f, g, p: lift(f, p) >> lift(g, p),
        ("every result depends on an input",), ABBOTT),
    Law("lift of a composite, with constants", r"P(f ; g) = Pf ; Pg", {**LIFTED, "g": morphism("B -> C")},
        lambda f, g, p: lift(f >> g, p), lambda f, g, p: lift(f, p) >> lift(g, p),
        ("a constant is repeated where it is first lifted: the boxes may differ, the numbers do not",),
        holds=NUMERIC),
    Law("lift of a tensor", r"P(f \otimes g) = Pf \otimes Pg", {**LIFTED, "g": morphism("X -> Y")},
        lambda f, g, p: lift(f @ g, p), lambda f, g, p: lift(f, p) @ lift(g, p)),
    Law("lift of an identity", r"P\,\mathrm{id}_A = \mathrm{id}_{PA}", {"p": axis("p"), "A": types()},
        lambda p, A: lift(id(A), p), lambda p, A: id(lifted(A, p))),
    Law("lift of a copy", r"P\Delta_A = \Delta_{PA}", {"p": axis("p"), "A": types()},
        lambda p, A: lift(copy(A), p), lambda p, A: copy(lifted(A, p))),
    Law("lift of a discard", r"P\epsilon_A = \epsilon_{PA}", {"p": axis("p"), "A": types()},
        lambda p, A: lift(Diagram.discard(A), p), lambda p, A: Diagram.discard(lifted(A, p))),
    Law("lift of a swap", r"P\sigma_{A,B} = \sigma_{PA,PB}", {"p": axis("p"), "A": types(), "B": types()},
        lambda p, A, B: lift(swap(A, B), p), lambda p, A, B: swap(lifted(A, p), lifted(B, p))),
    Law("lift twice", r"P(Qf) = (PQ)f",
        {"p": axis("p"), "q": axis("q"), "f": morphism("A -> B", "without constants")},
        lambda f, p, q: lift(lift(f, q), p), lambda f, p, q: lift(f, p, q),
        ("every result depends on an input",)),
    Law("lift twice, with constants", r"P(Qf) = (PQ)f", {**LIFTED, "q": axis("q")},
        lambda f, p, q: lift(lift(f, q), p), lambda f, p, q: lift(f, p, q), holds=NUMERIC),
    Law("lift over no axes", r"I f = f", ARROW, lambda f: lift(f), lambda f: f),
    Law("index after lift", r"Pf ; (\cdot)[p = i] = (\cdot)[p = i] ; f", AT,
        lambda f, p, i, B: lift(f, p) >> index(B, p, i), lambda f, p, i, A: index(A, p, i) >> f,
        ("f is deterministic",), ABBOTT, NUMERIC, ("free",)),
    Law("lift is a stack of copies", r"(Pf)(X) = [f(X[0]) ; \dots ; f(X[|p| - 1])]",
        {"p": COUNTED, "f": morphism("A -> B")},
        lambda f, p: lift(f, p), stack_of_copies, ("f is deterministic",), ABBOTT, NUMERIC, ("free",)),
    Law("naturality of reindexing", r"A\eta ; Pf = Qf ; B\eta", NATURAL, before, after,
        ("f is deterministic", "nothing is read out of range"), ABBOTT, NUMERIC, ("free",)),
    Law("naturality of the diagonal", r"A\delta ; Pf = (P \otimes P)f ; B\delta",
        {"f": morphism("A -> B"), "eta": made("p → p p", diagonal_of_pq)}, before, after,
        ("f is deterministic",), "derived here", NUMERIC, ("free",)),
    Law("naturality of zero padding, linear", r"A\eta_0 ; Pf = Qf ; B\eta_0",
        {"f": morphism("A -> B", "linear", width=1), "eta": made("padding with 0", lambda s: padding(s))},
        before, after, ("f is linear",), "derived here", NUMERIC),
    Law("naturality of zero padding", r"A\eta_0 ; Pf = Qf ; B\eta_0",
        {"f": morphism("A -> B"), "eta": made("padding with 0", lambda s: padding(s))},
        before, after, ("false unless f(0) = 0",), "derived here", TYPE, FALSE),
    Law("naturality for a sample", r"\eta ; Pr = Qr ; \eta",
        {"f": SAMPLED, "A": made("key", lambda s, f: f.dom), "B": made("its codomain", lambda s, f: f.cod),
         "eta": made("a reindexing P → Q", reindexing_of_p)}, before, after,
        ("the keys are inputs: one for each index",), "derived here", NUMERIC, ("free",)),
    Law("naturality for keys drawn by place", r"A\eta ; Pf = Qf ; B\eta",
        {"f": KEYS, "eta": made("a reindexing P → Q", reindexing_of_p)}, before, after,
        ("false: each index draws its own key",), ABBOTT, TYPE, FALSE),
    Law("parameters are shared under lift", r"Pf ; (\cdot)[p = i] = (\cdot)[p = i] ; f",
        {"p": axis("p"), "f": morphism("A -> B", "learned"), "i": position("p")},
        lambda f, p, i, B: lift(f, p) >> index(B, p, i), lambda f, p, i, A: index(A, p, i) >> f,
        ("f keeps parameters by place",), ABBOTT, NUMERIC, ("free",)),
    Law("parameters are shared when stacked", r"P_{\mathrm{stack}}f ; (\cdot)[p = i] = (\cdot)[p = i] ; f",
        {"p": axis("p"), "f": morphism("A -> B", "learned"), "i": position("p")},
        lambda f, p, i, B: lift(f, p, stack=True) >> index(B, p, i), lambda f, p, i, A: index(A, p, i) >> f,
        ("false: each index has parameters of its own",), "derived here", TYPE,
        FALSE),
    Law("keys are shared under lift", r"Pf ; (\cdot)[p = i] = (\cdot)[p = i] ; f",
        {"p": axis("p"), "f": KEYS, "i": position("p")},
        lambda f, p, i, B: lift(f, p) >> index(B, p, i), lambda f, p, i, A: index(A, p, i) >> f,
        ("false: each index draws its own key",), ABBOTT, TYPE, FALSE))
