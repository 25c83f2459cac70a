"""Reindexings: an array read at affine functions of the result's indices.

They are the morphisms of the category of axes, acting on arrays from the right: composing two
multiplies their matrices, and a function of single entries slides past each of them.
"""

from __future__ import annotations

from ncd.algebra.convert import ZERO
from ncd.construct import generators
from ncd.core.array import Array
from ncd.core.axis import Axis
from ncd.core.category import Diagram, Ty
from ncd.nn.softmax import softmax
from ncd.ops.multilinear import Concat, Reindex, View, affine
from ncd.ops.source import Constant
from theory import families
from theory.law import ABBOTT, FALSE, NUMERIC, Law, theory
from theory.monoidal import id
from theory.variables import array, diagram, made, morphism, scalar_function

ONE_ARRAY = {"A": array(1)}


def some_label(s, A: Array) -> str:
    return s.choose(A.labels)


def two_reindexings(s) -> tuple[Reindex, Reindex]:
    """Two reindexings that compose, of any array."""
    found = []
    have = s.array(1)
    while len(found) < 2:
        pool = (families.strict_reindexing, families.reorder, families.repetition)
        step = diagram(s, Ty.of((have,)), pool, most=1, width=1)
        if isinstance(step.op, Reindex):
            found.append(step.op)
            have = step.cod.inside[0]
        elif len(have.axes) == 0:
            have, found = s.array(1), []
    return found[0], found[1]


def product(first: Reindex, second: Reindex) -> Reindex:
    """The reindexing that reads through two: j = v + Λ(w + M p) = (v + Λ w) + (Λ M) p."""
    inner = {axis.label: row for axis, row in zip(first.axes, second.rows)}
    rows = []
    for row in first.rows:
        offset, terms = row.offset, {}
        for label, c in row.terms:
            offset = offset + c * inner[label].offset
            for index, d in inner[label].terms:
                terms[index] = terms.get(index, ZERO) + c * d
        rows.append(affine(offset, terms))
    return Reindex(first.array, second.axes, tuple(rows))


def on(diagram: Diagram, *arrays: Array) -> Diagram:
    """The diagram called on arrays: lifted over the axes that it does not have."""
    return diagram.on(Ty.of(arrays))


def flip(A: Array, a: str) -> Diagram:
    return on(generators.flip(a), A)


def merged(A: Array) -> Diagram:
    """All axes of an array as one, in row-major order."""
    return View(A, A.labels, (Axis("m", A.elements),)).diagram


def at(A: Array, i: dict) -> Diagram:
    """The entry at an index of every axis."""
    return Reindex(A, (), tuple(affine(i[label]) for label in A.labels)).diagram


def at_flat(A: Array, i: dict) -> Diagram:
    """The entry of the merged array at Σ i_a · (product of the sizes after a)."""
    place = ZERO
    for axis in A.axes:
        place = place * axis.size + i[axis.label]
    return Reindex(merged(A).cod.inside[0], (), (affine(place),)).diagram


def each_position(s, A: Array) -> dict:
    """A position on each axis; 0 on an axis whose size is a symbol."""
    return {a.label: s.random.randrange(a.size.constant) if a.size.constant else ZERO for a in A.axes}


def window_of_one(A: Array, a: str) -> Diagram:
    """The convolution tensor with a kernel of length 1, whose kernel axis is then dropped."""
    return on(generators.window(a, "j=1"), A) >> generators.index(j=0)


def two_parts(s) -> tuple[Array, Array, str]:
    """Two arrays that differ in the size of one axis."""
    A = s.array(1)
    label = s.choose(A.labels)
    other = [Axis(label, s.random.randint(1, 3)) if a.label == label else a for a in A.axes]
    return A, Array(other), label


def sliced(parts: tuple[Array, Array, str]) -> Diagram:
    """Concatenation, and the slice that the first array fills."""
    A, B, label = parts
    joined = Concat((A, B), label).diagram
    rows = tuple(affine(0, {axis.label: 1}) for axis in A.axes)
    return joined >> Reindex(joined.cod.inside[0], A.axes, rows).diagram


def second_slice(parts: tuple[Array, Array, str]) -> Diagram:
    A, B, label = parts
    joined = Concat((A, B), label).diagram
    rows = tuple(affine(A.size(label) if a.label == label else 0, {a.label: 1}) for a in B.axes)
    return joined >> Reindex(joined.cod.inside[0], B.axes, rows).diagram


def out_of_range(A: Array, a: str) -> Diagram:
    """Padding with 3 before an axis, and its first entry."""
    return on(generators.pad(a, 1, 0, 3.0), A) >> generators.index(**{a: 0})


def filled(A: Array, a: str) -> Diagram:
    return Diagram.discard(Ty.of((A,))) @ Constant(3, Array(A.without(a))).diagram


TRANSPOSED = made("the axes of A in another order", lambda s, A: Array(s.some(A.axes, 9)))
FUNCTION, ETA = scalar_function(), morphism("A -> B", "reindexing", width=1)
SOURCE = "Neural Circuit Diagrams, Abbott 2024, rule of elementwise operations"

LAWS = theory(
    Law("composition of reindexings", r"\eta_{v,\Lambda} ; \eta_{w,M} = \eta_{v + \Lambda w,\, \Lambda M}",
        {"r": made("two reindexings that compose", two_reindexings)},
        lambda r: r[0].diagram >> r[1].diagram, lambda r: product(*r).diagram,
        ("nothing is read out of range",), holds=NUMERIC, fails=("free",)),
    Law("two indexes commute", r"(\cdot)[a = i] ; (\cdot)[b = j] = (\cdot)[b = j] ; (\cdot)[a = i]",
        {"A": array(2, labels="abcd"), "i": made("positions on A", each_position)},
        lambda A, i: _indexes(A, i, A.labels[:2]), lambda A, i: _indexes(A, i, A.labels[1::-1]),
        ("a and b are different axes",), ABBOTT, NUMERIC, ("free",)),
    Law("flip is an involution", r"\mathrm{flip}_a ; \mathrm{flip}_a = \mathrm{id}",
        {**ONE_ARRAY, "a": made("an axis of A", some_label)},
        lambda A, a: flip(A, a) >> flip(A, a), lambda A: id(Ty.of((A,))), holds=NUMERIC),
    Law("transpose is invertible", r"\pi ; \pi^{-1} = \mathrm{id}",
        {"A": array(), "B": TRANSPOSED},
        lambda A, B: Diagram.arrange((A,), (B,)) >> Diagram.arrange((B,), (A,)),
        lambda A: id(Ty.of((A,))), holds=NUMERIC),
    Law("an entry of a view",
        r"\mathrm{view}_{a_1 \dots a_n \to m} ; (\cdot)[m = \textstyle\sum_k i_k \prod_{l > k} |a_l|]"
        r" = (\cdot)[a_1 = i_1, \dots, a_n = i_n]",
        {"A": array(), "i": made("positions on A", each_position)},
        lambda A, i: merged(A) >> at_flat(A, i), lambda A, i: at(A, i), ("views are row-major",),
        ABBOTT, NUMERIC, ("free",)),
    Law("a view is invertible",
        r"\mathrm{view}_{a_1 \dots a_n \to m} ; \mathrm{view}_{m \to a_1 \dots a_n} = \mathrm{id}",
        {"A": array()},
        lambda A: merged(A) >> View(merged(A).cod.inside[0], ("m",), A.axes).diagram,
        lambda A: id(Ty.of((A,))), holds=NUMERIC, fails=("free",)),
    Law("unit axes are free", r"\mathrm{view}_{\to 1} ; \mathrm{view}_{1 \to} = \mathrm{id}", {"A": array()},
        lambda A: View(A, (), (Axis("m", 1),)).diagram >> View(
            Array((*A.axes, Axis("m", 1))), ("m",), ()).diagram,
        lambda A: id(Ty.of((A,))), source=ABBOTT, holds=NUMERIC, fails=("free",)),
    Law("a kernel of length one", r"\bigstar_{k = 1} ; (\cdot)[k = 0] = \mathrm{id}",
        {**ONE_ARRAY, "a": made("an axis of A", some_label)},
        window_of_one, lambda A: id(Ty.of((A,))), ("stride 1, no padding",), "derived here", NUMERIC,
        ("free",)),
    Law("first slice of a concatenation", r"[X ; Y]_{i < |X|} = X",
        {"parts": made("two arrays that differ in one size", two_parts)},
        sliced, lambda parts: id(Ty.of(parts[:1])) @ Diagram.discard(Ty.of(parts[1:2])),
        holds=NUMERIC, fails=("free",)),
    Law("second slice of a concatenation", r"[X ; Y]_{i \geq |X|} = Y",
        {"parts": made("two arrays that differ in one size", two_parts)},
        second_slice, lambda parts: Diagram.discard(Ty.of(parts[:1])) @ id(Ty.of(parts[1:2])),
        holds=NUMERIC, fails=("free",)),
    Law("elementwise slides past a reindexing", r"\eta ; f = f ; \eta", {"f": FUNCTION, "eta": ETA},
        lambda f, eta, B: eta >> f.on(B), lambda f, eta, A: f.on(A) >> eta,
        ("f is elementwise", "nothing is read out of range"), SOURCE, NUMERIC, ("free",)),
    Law("elementwise slides past a concatenation", r"[X ; Y] ; f = [f(X) ; f(Y)]",
        {"f": FUNCTION, "parts": made("two arrays that differ in one size", two_parts)},
        lambda f, parts: (joined := Concat(parts[:2], parts[2]).diagram) >> f.on(joined.cod),
        lambda f, parts: (on(f, parts[0]) @ on(f, parts[1])) >> Concat(parts[:2], parts[2]).diagram,
        ("f is elementwise",), SOURCE, NUMERIC, ("free",)),
    Law("elementwise slides past padding", r"\mathrm{pad}_0 ; f = f ; \mathrm{pad}_0",
        {"f": FUNCTION, **ONE_ARRAY, "a": made("an axis of A", some_label)},
        lambda f, A, a: (padded := on(generators.pad(a, 1, 1), A)) >> f.on(padded.cod),
        lambda f, A, a: on(f, A) >> on(generators.pad(a, 1, 1), A),
        ("false unless f(0) = 0",), "derived here", ("type",), FALSE),
    Law("elementwise slides past a sum", r"\textstyle\sum_a ; f = f ; \sum_a",
        {"f": FUNCTION, **ONE_ARRAY, "a": made("an axis of A", some_label)},
        lambda f, A, a: (summed := on(generators.reduce("sum", a), A)) >> f.on(summed.cod),
        lambda f, A, a: on(f, A) >> on(generators.reduce("sum", a), A),
        ("false: a sum reads many entries",), SOURCE, ("type",), FALSE),
    Law("out of range is the fill", r"\mathrm{pad}_c ; (\cdot)[a = 0] = \epsilon ; c",
        {**ONE_ARRAY, "a": made("an axis of A", some_label)}, out_of_range, filled,
        ("c stands before the axis",), holds=NUMERIC, fails=("free",)),
    Law("softmax slides past a transpose", r"\pi ; \mathrm{softmax}_a = \mathrm{softmax}_a ; \pi",
        {**ONE_ARRAY, "a": made("an axis of A", some_label), "B": TRANSPOSED},
        lambda A, B, a: Diagram.arrange((A,), (B,)) >> on(softmax(a), B),
        lambda A, B, a: on(softmax(a), A) >> Diagram.arrange((A,), (B,)),
        ("softmax finds its axis by the label",), holds=NUMERIC),
    Law("softmax slides past a flip",
        r"\mathrm{flip}_a ; \mathrm{softmax}_a = \mathrm{softmax}_a ; \mathrm{flip}_a",
        {**ONE_ARRAY, "a": made("an axis of A", some_label)},
        lambda A, a: flip(A, a) >> on(softmax(a), A),
        lambda A, a: on(softmax(a), A) >> flip(A, a),
        ("softmax is equivariant under permutations of its axis, though not elementwise",),
        holds=NUMERIC, fails=("free",)))


def _indexes(A: Array, i: dict, labels) -> Diagram:
    made = id(Ty.of((A,)))
    for label in labels:
        made = made >> on(generators.index(**{label: i[label]}), *made.cod.inside)
    return made
