"""Reductions: folds by a commutative monoid, einsums over a semiring, segments and gathers.

A fold does not depend on how it is cut or ordered; that is what lets it run in parallel or in a stream.
"""

from __future__ import annotations

from ncd.construct import generators
from ncd.construct.trace import Wire, pointwise, trace
from ncd.core.array import Array
from ncd.core.axis import Axis
from ncd.core.category import Diagram, Ty
from ncd.ops import scalar
from ncd.ops.indexed import Gather, Segment
from ncd.ops.monoid import MAX_PRODUCT, MONOIDS, SEMIRINGS, SUM, Monoid, Semiring
from ncd.ops.multilinear import Concat, Einsum, View
from ncd.ops.pointwise import Map, Reduce
from ncd.ops.source import Constant, Iota
from theory.law import ABBOTT, FALSE, NUMERIC, TYPE, Law, theory
from theory.linear import join, ordered, result
from theory.monoidal import id, swap
from theory.random import Sampler
from theory.variables import array, made, one_of


def kind(monoid: Monoid) -> str:
    """The dtype that a monoid folds."""
    return "bool" if monoid.name in ("all", "any") else "float"


def typed(monoid: Monoid, *axes: Axis) -> Array:
    return Array(axes, kind(monoid))


def times(monoid: Monoid, array: Array | None = None) -> Diagram:
    """The monoid's function on two arrays of one type."""
    array = typed(monoid) if array is None else array
    return Map(monoid.function, (array, array)).diagram


def neutral(monoid: Monoid, array: Array) -> Diagram:
    """The monoid's unit as an array; infinities are constants of the function's own arithmetic."""
    if kind(monoid) == "bool":
        return Constant(bool(monoid.unit), array).diagram
    return Constant(monoid.unit, array).diagram


def fold(monoid: Monoid, array: Array, *labels: str) -> Diagram:
    return Reduce(monoid, array, labels).diagram


def with_kind(array: Array, monoid: Monoid) -> Array:
    return Array(array.axes, kind(monoid))


MONOID = {"m": one_of("a monoid", tuple(MONOIDS.values()))}
SEMIRING = {"r": one_of("a semiring", tuple(SEMIRINGS.values()))}
FOLDED = {**MONOID, "A": array(1), "a": made("an axis of A", lambda s, A: s.choose(A.labels))}
TWO_AXES = {**MONOID, "A": array(2), "ab": made("two axes of A", lambda s, A: tuple(s.some(A.labels, 2, 2)))}


# -- monoids and semirings ------------------------------------------------------------
def entries(r: Semiring, *arrays: Array) -> Diagram:
    """Arrays of the semiring's carrier: of numbers that are not negative for max-product."""
    if r == MAX_PRODUCT:
        return id(Ty()).tensor(*(generators.elementwise("abs").on(Ty.of((a,))) for a in arrays))
    return id(Ty.of(arrays))


def multiplied_sum(r: Semiring, anywhere: bool = False) -> Diagram:
    """x ⊗ (y ⊕ z)."""
    a = typed(r.add)
    start = id(Ty.of((a,) * 3)) if anywhere else entries(r, a, a, a)
    return start >> (Ty.of((a,)) @ times(r.add)) >> times(r.multiply)


def sum_of_products(r: Semiring, anywhere: bool = False) -> Diagram:
    """(x ⊗ y) ⊕ (x ⊗ z)."""
    a = typed(r.add)
    start = id(Ty.of((a,) * 3)) if anywhere else entries(r, a, a, a)
    pairs = Diagram.wiring(Ty.of((a,) * 3), [0, 1, 0, 2])
    return start >> pairs >> (times(r.multiply) @ times(r.multiply)) >> times(r.add)


def matrices(s: Sampler, r: Semiring) -> tuple[Array, Array]:
    i, j, k = (s.axis(label) for label in "abc")
    return typed(r.add, i, j), typed(r.add, j, k)


def semiring_product(r: Semiring, AB: tuple[Array, Array]) -> Diagram:
    A, B = AB
    out = Array((A.axes[0], B.axes[1]), A.dtype)
    return Einsum((A, B), ((0, 1), (1, 2)), out, (0, 2), r).diagram


def folded_product(r: Semiring, AB: tuple[Array, Array]) -> Diagram:
    """⊕ over the shared axis of all products, entry by entry."""
    A, B = AB
    products = Map(r.multiply.function, (A, B)).diagram
    made = products >> fold(r.add, result(products), B.axes[0].label)
    return ordered(made, Array((A.axes[0], B.axes[1]), A.dtype))


def three(r: Semiring, AB: tuple[Array, Array], first: bool) -> Diagram:
    """(A B) v, or A (B v)."""
    A, B = AB
    v = Array(B.axes[1:], A.dtype)
    def apply(M: Array, x: Array) -> Diagram:
        return Einsum((M, x), ((0, 1), (1,)), Array(M.axes[:1], M.dtype), (0,), r).diagram
    start = entries(r, A, B, v)
    if first:
        product = semiring_product(r, AB)
        return start >> (product @ Ty.of((v,))) >> apply(result(product), v)
    return start >> (Ty.of((A,)) @ apply(B, v)) >> apply(A, Array(B.axes[:1], B.dtype))


# -- gather and segment ---------------------------------------------------------------
def table_and_places(s: Sampler) -> tuple[Array, Array, str]:
    """A table, integers that index one of its axes, and the axis."""
    with s.using("abc"):
        table = s.array(1)
    a = s.choose(table.axes)
    return table, Array((Axis("e", s.random.randint(1, 4)),), "int", a.size), a.label


def one_hot(t: tuple[Array, Array, str]) -> Diagram:
    """Σ_n [index[e] = n] table[n]."""
    table, index, a = t
    gathered = Gather(table, index, a)
    def body(rows: Wire, places: Wire):
        hot = pointwise(scalar.EQUAL, places, Iota(table.axis(a)).diagram())
        hot = pointwise(scalar.TO_FLOAT, hot)
        return join(hot.type, table, out=gathered.cod[0])(hot, rows)
    return trace(body, (table, index))


def values_of(t: tuple[Array, Array, str]) -> Array:
    """The type of what a segment folds: the table with the index's axis in place of a."""
    table, index, a = t
    return table.with_axes(index.axes[0] if x.label == a else x for x in table.axes)


def segment(m: Monoid, t: tuple[Array, Array, str]) -> Diagram:
    table, index, a = t
    values = Array(values_of(t).axes, kind(m))
    return Segment(m, values, index, index.labels[0], table.axis(a)).diagram


def segment_pairing(t: tuple[Array, Array, str]) -> Diagram:
    """v, w, index ↦ ⟨segment(v), w⟩."""
    table, index, _ = t
    order = Diagram.wiring(Ty.of((values_of(t), table, index)), [0, 2, 1])
    return order >> (segment(SUM, t) @ Ty.of((table,))) >> join(table, table, out=Array())


def gather_pairing(t: tuple[Array, Array, str]) -> Diagram:
    """v, w, index ↦ ⟨v, gather(w)⟩."""
    table, index, a = t
    values = values_of(t)
    return (Ty.of((values,)) @ Gather(table, index, a).diagram) >> join(values, values, out=Array())


def flipped_segment(m: Monoid, t: tuple[Array, Array, str]) -> Diagram:
    """The segment of the entries and their integers in reverse order."""
    made = segment(m, t)
    def flip(a: Array) -> Diagram:
        return generators.flip("e").op.substitute({"e": a.size("e")}).extend((a,)).diagram
    return id(Ty()).tensor(*map(flip, made.dom.inside)) >> made


def regular(s: Sampler, m: Monoid) -> tuple[Array, Axis, Axis]:
    """An array with an axis e of n segments of k entries each."""
    n, k = Axis("n", s.random.randint(1, 3)), Axis("k", s.random.randint(1, 3))
    with s.using("abc"):
        rest = s.array(0, 2)
    return Array((Axis("e", n.size * k.size), *rest.axes), kind(m)), n, k


def regular_segment(m: Monoid, r: tuple[Array, Axis, Axis]) -> Diagram:
    values, n, k = r
    index = Array((values.axes[0],), "int", n.size)
    places = [i // k.size.constant for i in range(values.axes[0].size.constant)]
    made = Segment(m, values, index, "e", n).diagram
    return (Ty.of((values,)) @ Constant(places, index).diagram) >> made


def view_and_fold(m: Monoid, r: tuple[Array, Axis, Axis]) -> Diagram:
    values, n, k = r
    view = View(values, ("e",), (n, k)).diagram
    return view >> fold(m, result(view), "k")


def nested(s: Sampler) -> tuple[Array, Array, Array]:
    """A table of a, integers i[e] into a, integers j[f] into e."""
    a, e, f = (Axis(label, s.random.randint(1, 4)) for label in "aef")
    return Array((a, s.axis("b"))), Array((e,), "int", a.size), Array((f,), "int", e.size)


def gather_twice(n: tuple[Array, Array, Array]) -> Diagram:
    table, i, j = n
    once = Gather(table, i, "a")
    return (once.diagram @ Ty.of((j,))) >> Gather(once.cod[0], j, "e").diagram


def gather_of_gather(n: tuple[Array, Array, Array]) -> Diagram:
    table, i, j = n
    places = Gather(i, j, "e")
    return (Ty.of((table,)) @ places.diagram) >> Gather(table, places.cod[0], "a").diagram


# -- folds ----------------------------------------------------------------------------
def fold_in_turn(m: Monoid, A: Array, labels) -> Diagram:
    made = id(Ty.of((A,)))
    for label in labels:
        made = made >> fold(m, result(made), label)
    return made


def joined(A: Array, a: str) -> Diagram:
    return Concat((A, A), a).diagram


def fold_flipped(m: Monoid, A: Array, a: str) -> Diagram:
    A = with_kind(A, m)
    flip = generators.flip(a).op.substitute({a: A.size(a)}).extend((A,))
    return flip.diagram >> fold(m, A, a)


def single(A: Array) -> Array:
    """The array with an axis of length 1."""
    return A.with_axes((*A.axes, Axis("one", 1)))


def max_and_sum(A: Array, ab: tuple[str, str], max_first: bool) -> Diagram:
    a, c = ab
    steps = ((MONOIDS["max"], a), (SUM, c))
    made = id(Ty.of((A,)))
    for monoid, label in steps if max_first else steps[::-1]:
        made = made >> fold(monoid, result(made), label)
    return made


def zero_times(r: Semiring) -> Diagram:
    a = typed(r.add)
    return (neutral(r.add, a) @ Ty.of((a,))) >> times(r.multiply)


EXACT = tuple(r for r in SEMIRINGS.values() if r != MAX_PRODUCT)
TABLE = {"t": made("a table, integers into it", table_and_places)}
PRODUCT = {**SEMIRING, "AB": made("two matrices", matrices)}

LAWS = theory(
    Law("associativity of a monoid", r"(x \oplus y) \oplus z = x \oplus (y \oplus z)", MONOID,
        lambda m: (times(m) @ Ty.of((typed(m),))) >> times(m),
        lambda m: (Ty.of((typed(m),)) @ times(m)) >> times(m), holds=NUMERIC, fails=("free",)),
    Law("commutativity of a monoid", r"x \oplus y = y \oplus x", MONOID,
        lambda m: times(m), lambda m: swap(Ty.of((typed(m),)), Ty.of((typed(m),))) >> times(m),
        holds=NUMERIC, fails=("free",)),
    Law("unit of a monoid", r"e \oplus x = x", MONOID,
        lambda m: (neutral(m, typed(m)) @ Ty.of((typed(m),))) >> times(m), lambda m: id(Ty.of((typed(m),))),
        holds=NUMERIC, fails=("free",)),
    Law("fold over two axes", r"\textstyle\bigoplus_{ab} = \bigoplus_a ; \bigoplus_b", TWO_AXES,
        lambda m, A, ab: fold(m, with_kind(A, m), *ab), lambda m, A, ab: fold_in_turn(m, with_kind(A, m), ab),
        (), ABBOTT, NUMERIC, ("free",)),
    Law("folds commute", r"\textstyle\bigoplus_a ; \bigoplus_b = \bigoplus_b ; \bigoplus_a", TWO_AXES,
        lambda m, A, ab: fold_in_turn(m, with_kind(A, m), ab),
        lambda m, A, ab: fold_in_turn(m, with_kind(A, m), ab[::-1]), ("one monoid",),
        ABBOTT, NUMERIC, ("free",)),
    Law("fold of a concatenation", r"\textstyle\bigoplus [X ; Y] = \bigoplus X \oplus \bigoplus Y", FOLDED,
        lambda m, A, a: joined(with_kind(A, m), a) >> fold(m, result(joined(with_kind(A, m), a)), a),
        lambda m, A, a: (fold(m, with_kind(A, m), a) @ fold(m, with_kind(A, m), a)) >> times(
            m, result(fold(m, with_kind(A, m), a))), holds=NUMERIC, fails=("free",)),
    Law("fold in reverse", r"\mathrm{flip}_a ; \textstyle\bigoplus_a = \bigoplus_a", FOLDED,
        fold_flipped, lambda m, A, a: fold(m, with_kind(A, m), a), holds=NUMERIC, fails=("free",)),
    Law("fold of one entry", r"\textstyle\bigoplus_1 = \mathrm{view}_{1 \to}", {**MONOID, "A": array()},
        lambda m, A: fold(m, single(with_kind(A, m)), "one"),
        lambda m, A: View(single(with_kind(A, m)), ("one",), ()).diagram, holds=NUMERIC, fails=("free",)),
    Law("sum is an einsum", r"\textstyle\sum_a = \mathrm{einsum}_{a \dots \to \dots}",
        {"A": array(1), "a": FOLDED["a"]}, lambda A, a: fold(SUM, A, a),
        lambda A, a: join(A, out=Array(A.without(a))), (), ABBOTT, NUMERIC, ("free",)),
    Law("max and sum commute", r"\textstyle\max_a ; \sum_c = \sum_c ; \max_a",
        {"A": array(2), "ab": TWO_AXES["ab"]},
        lambda A, ab: max_and_sum(A, ab, True), lambda A, ab: max_and_sum(A, ab, False),
        ("false: they are two monoids",), ABBOTT, TYPE, FALSE),
    Law("distributivity", r"x \otimes (y \oplus z) = (x \otimes y) \oplus (x \otimes z)", SEMIRING,
        multiplied_sum, sum_of_products, ("no number is negative in max-product",), "derived here",
        NUMERIC, ("free",)),
    Law("distributivity of max-product", r"x \cdot \max(y, z) = \max(x y, x z)", {},
        lambda: multiplied_sum(MAX_PRODUCT, True), lambda: sum_of_products(MAX_PRODUCT, True),
        ("false where x is negative",), "derived here", TYPE, FALSE),
    Law("annihilation", r"0 \otimes x = 0", {"r": one_of("a semiring", EXACT)}, zero_times,
        lambda r: neutral(r.add, typed(r.add)) @ Diagram.discard(Ty.of((typed(r.add),))),
        ("0 is the unit of the sum; max-product is left out: its 0 is not −∞",), holds=NUMERIC,
        fails=("free",)),
    Law("einsum over a semiring", r"(AB)_{ik} = \textstyle\bigoplus_j A_{ij} \otimes B_{jk}", PRODUCT,
        semiring_product, folded_product, (), "derived here", NUMERIC, ("free",)),
    Law("products over a semiring reassociate", r"(A B) v = A (B v)", PRODUCT,
        lambda r, AB: three(r, AB, True), lambda r, AB: three(r, AB, False),
        ("no number is negative in max-product",), "derived here", NUMERIC, ("free",)),
    Law("gather is an einsum", r"T[i(e)] = \textstyle\sum_n [i(e) = n]\, T[n]", TABLE,
        lambda t: Gather(*t).diagram, one_hot, holds=NUMERIC, fails=("free",)),
    Law("gather of a gather", r"(T[i])[j] = T[i[j]]",
        {"n": made("a table, integers, integers into them", nested)},
        gather_twice, gather_of_gather, holds=NUMERIC, fails=("free",)),
    Law("segment is the transpose of gather",
        r"\langle \mathrm{segment}_i(v), w \rangle = \langle v, w[i] \rangle", TABLE,
        segment_pairing, gather_pairing, ("segments are summed",), holds=NUMERIC, fails=("free",)),
    Law("segment in reverse", r"\mathrm{segment}_{i \circ \rho}(v \circ \rho) = \mathrm{segment}_i(v)",
        {**MONOID, **TABLE}, flipped_segment, segment, (), "derived here", NUMERIC, ("free",)),
    Law("segment of regular pieces",
        r"\mathrm{segment}_{\lfloor e / k \rfloor} = \mathrm{view}_{e \to n k} ; \textstyle\bigoplus_k",
        {**MONOID, "r": made("n segments of k entries", regular)},
        regular_segment, view_and_fold, holds=NUMERIC, fails=("free",)))
