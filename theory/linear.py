"""Linear operations: units and cups, transposes, einsums and concatenation.

A linear map F of arrays is its own matrix F(δ), where δ is the unit; the laws of the snake follow. Each
law is refused, with a counterexample, for a map that is not linear.
"""

from __future__ import annotations

from ncd.construct.notation import einsum
from ncd.construct.trace import trace
from ncd.core.array import Array
from ncd.core.axis import Axis
from ncd.core.category import Diagram, Ty
from ncd.nn.softmax import softmax
from ncd.ops.multilinear import Concat, Einsum, Reindex, View, affine
from ncd.ops.source import Constant
from theory import families
from theory.law import ABBOTT, FALSE, NUMERIC, TYPE, Law, theory
from theory.monoidal import id
from theory.random import Sampler
from theory.reindexing import on
from theory.variables import array, diagram, linear_map, made, morphism, one_of


# -- units, cups, matrices ------------------------------------------------------------
def both(*arrays: Array) -> Array:
    """One array with the axes of several."""
    return Array([axis for array in arrays for axis in array.axes])


def marked(a: Array, mark: str) -> Array:
    """The array with every label marked."""
    return a.with_axes(Axis(f"{x.label}_{mark}", x.size) for x in a.axes)


def renamed(a: Array, b: Array) -> Diagram:
    """The axes of a under the labels of b."""
    return Reindex(a, b.axes, tuple(affine(0, {x.label: 1}) for x in b.axes)).diagram


def result(f: Diagram) -> Array:
    (b,) = f.cod.inside
    return b


def ordered(f: Diagram, out: Array) -> Diagram:
    """f with the axes of its one result in a given order."""
    return f >> Diagram.arrange(f.cod.inside, (out,))


def join(*arrays: Array, out: Array) -> Diagram:
    """The einsum in which equal labels share a letter."""
    names: dict[str, int] = {}
    def letters(a: Array):
        return tuple(names.setdefault(x, len(names)) for x in a.labels)
    return Einsum(arrays, tuple(map(letters, arrays)), out, letters(out)).diagram


def unit(a: Array, b: Array) -> Diagram:
    """δ, the identity matrix, as an array with the axes of a and then those of b."""
    return Einsum((), (), both(a, b), tuple(range(len(a.axes))) * 2).diagram


def matrix(f: Diagram) -> Diagram:
    """The matrix F(δ) of F : A → B, an array with the axes A_1 B_2."""
    (a,), b = f.dom.inside, result(f)
    rows = marked(a, "1")
    made = ordered(unit(rows, a) >> on(f, both(rows, a)), both(rows, b))
    return made >> renamed(both(rows, b), both(rows, marked(b, "2")))


def snake(A: Array, left: bool) -> Diagram:
    """A wire bent to and fro: (A ⊗ unit) ; (cup ⊗ A), or its mirror image."""
    other = marked(A, "1")
    bent = unit(A, other) if left else unit(other, A)
    pair = both(A, other) if left else both(other, A)
    wires = (Ty.of((A,)), bent) if left else (bent, Ty.of((A,)))
    arrays = (A, pair) if left else (pair, A)
    return (id(Ty()) @ wires[0] @ wires[1]) >> join(*arrays, out=other) >> renamed(other, A)


def transposed_by_broadcasting(F: Diagram, k: int) -> Diagram:
    """b A → c of F : A → b c: F lifted over b, and a cup on b."""
    (a,), b = F.dom.inside, result(F)
    y = marked(Array(b.axes[:k]), "2")
    lifted = ordered(on(F, both(y, a)), both(y, b))
    inside, bent = tuple(range(len(b.axes))), tuple(range(k))
    rest = Array(b.axes[k:])
    return lifted >> Einsum((both(y, b),), (bent + inside,), rest, inside[k:]).diagram


def transposed_by_unit(F: Diagram, k: int) -> Diagram:
    """b A → c of F : A → b c: joined with the matrix of F."""
    (a,), b = F.dom.inside, result(F)
    y, rest = marked(Array(b.axes[:k]), "2"), Array(b.axes[k:])
    joined = join(both(y, marked(a, "1")), result(matrix(F)), out=marked(rest, "2"))
    return (renamed(both(y, a), both(y, marked(a, "1"))) @ matrix(F)) >> joined >> renamed(
        marked(rest, "2"), rest)


def followed_by_matrix(G: Diagram, H: Diagram) -> Diagram:
    """G ; H as the cup of G with the matrix of H."""
    b, c = result(G), result(H)
    columns = marked(b, "1")
    return ((G >> renamed(b, columns)) @ matrix(H)) >> join(
        columns, result(matrix(H)), out=marked(c, "2")) >> renamed(marked(c, "2"), c)


def pairing(F: Diagram) -> Diagram:
    """x, y ↦ ⟨F x, y⟩."""
    b = result(F)
    return (F @ Ty.of((b,))) >> join(b, b, out=Array())


def pairing_with_transpose(F: Diagram) -> Diagram:
    """x, y ↦ ⟨x, Fᵀ y⟩."""
    (a,), b = F.dom.inside, result(F)
    y, rows = marked(b, "2"), marked(a, "1")
    pulled = (matrix(F) @ renamed(b, y)) >> join(result(matrix(F)), y, out=rows) >> renamed(rows, a)
    return (Ty.of((a,)) @ pulled) >> join(a, a, out=Array())


# -- two maps side by side ------------------------------------------------------------
def one_then_other(F: Diagram, G: Diagram, G_first: bool = False) -> Diagram:
    """F and G on the axes A C of one array, one after the other; the result has the axes B D."""
    start = both(F.dom.inside[0], G.dom.inside[0])
    first, second = (G, F) if G_first else (F, G)
    step = on(first, start)
    return ordered(step >> on(second, result(step)), both(result(F), result(G)))


def then_outer(F: Diagram, G: Diagram) -> Diagram:
    """(F ⊗ G) ; outer."""
    b, d = result(F), result(G)
    return (F @ G) >> join(b, d, out=both(b, d))


def outer_then(F: Diagram, G: Diagram) -> Diagram:
    """outer ; F and G on the product."""
    a, c = F.dom.inside[0], G.dom.inside[0]
    return join(a, c, out=both(a, c)) >> one_then_other(F, G)


def softmax_map(labels: str):
    """A variable: softmax over one axis."""
    def draw(s: Sampler) -> Diagram:
        with s.using(labels):
            a = s.array(1, 2)
        return on(softmax(s.choose(a.labels)), a)
    return made("softmax over an axis", draw)


def scalar_map(labels: str):
    """A variable: a scalar function of the entries of an array, not linear."""
    def draw(s: Sampler) -> Diagram:
        with s.using(labels):
            a = s.array(1, 2)
        return diagram(s, Ty.of((a,)), (families.nonlinearity,), width=1)
    return made("an elementwise map", draw)


# -- einsums --------------------------------------------------------------------------
def random_einsum(arrays: int):
    """A variable: an einsum; letters may repeat inside one array."""
    def draw(s: Sampler) -> Einsum:
        sizes = [s.axis(label) for label in "abcd"]
        rows = [[s.random.randrange(4) for _ in range(s.random.randint(0, 3))] for _ in range(arrays)]
        used = sorted({n for row in rows for n in row})
        kept = s.some(used, 0, 3)
        typed = tuple(Array(Axis(f"x{n}_{i}", sizes[letter].size) for i, letter in enumerate(row))
                      for n, row in enumerate(rows))
        return Einsum(typed, tuple(map(tuple, rows)), Array(sizes[n] for n in kept), tuple(kept))
    return made(f"an einsum of {arrays} arrays", draw)


def on_outer_product(M: Einsum) -> Diagram:
    """outer ; M̂: one array with all the axes, then the einsum of that array alone."""
    whole = both(*M.arrays)
    letters = tuple(x for row in M.letters for x in row)
    return join(*M.arrays, out=whole) >> Einsum((whole,), (letters,), M.out, M.out_letters).diagram


def in_steps(M: Einsum, order: tuple[int, int, int]) -> Diagram:
    """The einsum of three arrays as two of two arrays, in an order of contraction."""
    i, j, k = order
    later = set(M.letters[k]) | set(M.out_letters)
    kept = [x for x in dict.fromkeys(M.letters[i] + M.letters[j]) if x in later]
    middle = Array(Axis(f"y{x}", M.sizes[x]) for x in kept)
    first = Einsum((M.arrays[i], M.arrays[j]), (M.letters[i], M.letters[j]), middle, tuple(kept))
    second = Einsum((middle, M.arrays[k]), (tuple(kept), M.letters[k]), M.out, M.out_letters)
    return Diagram.permutation(list(order), Ty.of(M.arrays)) >> (
        first.diagram @ Ty.of((M.arrays[k],))) >> second.diagram


ORDERS = ((0, 1, 2), (0, 2, 1), (1, 2, 0), (2, 1, 0))


# -- concatenation --------------------------------------------------------------------
def stacked(A: Array, a: str, n: int) -> Diagram:
    """Σ_i e_i ⊗ X_i, and the new axis merged with a: concatenation as a view of a tuple."""
    t = Axis("t", n)
    def body(*wires):
        total = None
        for i, wire in enumerate(wires):
            basis = Constant([int(i == k) for k in range(n)], Array((t,))).diagram()
            item = join(Array((t,)), A, out=Array((t, *A.axes)))(basis, wire)
            total = item if total is None else total + item
        return total
    made = trace(body, (A,) * n)
    view = View(result(made), ("t", a), (Axis(a, A.size(a) * n),)).diagram
    return ordered(made >> view, result(concatenated(A, a, n)))


def concatenated(A: Array, a: str, n: int) -> Diagram:
    return Concat((A,) * n, a).diagram


def of_concatenation(F: Diagram, a: str) -> Diagram:
    """F([X ; Y]) where F takes an array whose axis a has an even size."""
    A = halved(F, a)
    return concatenated(A, a, 2) >> F


def halved(F: Diagram, a: str) -> Array:
    (whole,) = F.dom.inside
    return whole.with_axes(Axis(a, x.size / 2) if x.label == a else x for x in whole.axes)


def in_blocks(F: Diagram, a: str) -> Diagram:
    """F([X ; 0]) + F([0 ; Y])."""
    A = halved(F, a)
    zero = Constant(0, A).diagram
    def body(x, y):
        join = concatenated(A, a, 2)
        return F(join(x, zero())) + F(join(zero(), y))
    return trace(body, (A, A))


def on_two(linear: bool):
    """A variable: a map of an array whose first axis has an even size."""
    def draw(s: Sampler) -> Diagram:
        A = s.array(1, 2)
        A = Array((Axis(A.labels[0], A.axes[0].size * 2), *A.axes[1:]))
        pool = families.LINEAR if linear else (families.nonlinearity, families.softmax)
        return diagram(s, Ty.of((A,)), pool, most=2, width=1)
    return made("an array to an array, linear" if linear else "an array to an array, not linear", draw)


FIRST, SECOND = linear_map("ab", "uv"), linear_map("cd", "wx")
F_AND_G, ONE = {"F": FIRST, "G": SECOND}, {"F": FIRST}
SPLIT = {**ONE, "k": made("how many axes are bent", lambda s, F: s.random.randint(0, len(result(F).axes)))}
BENT = {"F": scalar_map("ab"), "k": made("all axes are bent", lambda s, F: len(result(F).axes))}
PARTS = {"A": array(1), "a": made("an axis of A", lambda s, A: s.choose(A.labels)),
         "n": made("a number", lambda s: s.random.randint(1, 3))}
EVEN_AXIS = {"a": made("its axis of even size", lambda s, F: F.dom.inside[0].labels[0])}
TRANSPOSE = r"(b\,F) ; \cup_b = (\mathrm{id}_{ba} \otimes F(\delta)) ; (\cup_b \otimes \cup_a)"

LAWS = theory(
    Law("linear maps on two axes commute", r"(F\,c) ; (b\,G) = (a\,G) ; (F\,d)", F_AND_G,
        lambda F, G: one_then_other(F, G), lambda F, G: one_then_other(F, G, True),
        ("F : a → b and G : c → d are linear",), ABBOTT, NUMERIC, ("free",)),
    Law("softmax over two axes commute", r"(\mathrm{softmax}_a\,c) ; (a\,\mathrm{softmax}_c)"
        r" = (a\,\mathrm{softmax}_c) ; (\mathrm{softmax}_a\,c)",
        {"F": softmax_map("ab"), "G": softmax_map("cd")},
        lambda F, G: one_then_other(F, G), lambda F, G: one_then_other(F, G, True),
        ("false: softmax is not linear",), ABBOTT, TYPE, FALSE),
    Law("outer product of linear maps", r"(F \otimes G) ; \mathrm{outer} = \mathrm{outer} ; (F\,c) ; (b\,G)",
        F_AND_G, then_outer, outer_then, ("F and G are linear",), ABBOTT, NUMERIC, ("free",)),
    Law("outer product of maps", r"(F \otimes G) ; \mathrm{outer} = \mathrm{outer} ; (F\,c) ; (b\,G)",
        {"F": scalar_map("ab"), "G": scalar_map("cd")}, then_outer, outer_then,
        ("false unless F and G are linear",), ABBOTT, TYPE, FALSE),
    Law("a multilinear map is linear on the outer product", r"M = \mathrm{outer} ; \hat M",
        {"M": random_einsum(3)}, lambda M: M.diagram, on_outer_product,
        ("M is multilinear, here an einsum",), ABBOTT, NUMERIC, ("free",)),
    Law("snake", r"(A \otimes \delta) ; (\cup \otimes A) = \mathrm{id}_A", {"A": array()},
        lambda A: snake(A, True), lambda A: id(Ty.of((A,))), (), ABBOTT, NUMERIC, ("free",)),
    Law("mirrored snake", r"(\delta \otimes A) ; (A \otimes \cup) = \mathrm{id}_A", {"A": array()},
        lambda A: snake(A, False), lambda A: id(Ty.of((A,))), (), ABBOTT, NUMERIC, ("free",)),
    Law("transpose by broadcasting", TRANSPOSE,
        SPLIT, transposed_by_broadcasting, transposed_by_unit, ("F : a → b c is linear",),
        ABBOTT, NUMERIC, ("free",)),
    Law("transpose of any map", TRANSPOSE,
        BENT, transposed_by_broadcasting, transposed_by_unit, ("false unless F is linear",),
        ABBOTT, TYPE, FALSE),
    Law("composite as a cup", r"G ; H = (G \otimes H(\delta)) ; \cup_b",
        {"G": morphism("A -> B", "linear", width=1), "H": morphism("B -> C", "linear", width=1)},
        lambda G, H: G >> H, followed_by_matrix, ("H is linear",), ABBOTT, NUMERIC, ("free",)),
    Law("adjoint", r"\langle F x, y \rangle = \langle x, F^{\mathsf T} y \rangle", ONE,
        pairing, pairing_with_transpose, ("F is linear",), ABBOTT, NUMERIC, ("free",)),
    Law("adjoint of any map", r"\langle F x, y \rangle = \langle x, F^{\mathsf T} y \rangle",
        {"F": scalar_map("ab")}, pairing, pairing_with_transpose, ("false unless F is linear",),
        "derived here", TYPE, FALSE),
    Law("order of contraction", r"\textstyle\sum_{ijk} X\,Y\,Z = \sum_k \big(\sum_j (\sum_i X\,Y)\big)\,Z",
        {"M": random_einsum(3), "order": one_of("an order of the three arrays", ORDERS)},
        lambda M: M.diagram, in_steps, ("only the cost differs",), ABBOTT, NUMERIC, ("free",)),
    Law("matrix products reassociate", r"(A ; B) ; v = A ; (B ; v)", {},
        lambda: (einsum("i j, j k -> i k") @ Ty("k")) >> einsum("i k, k -> i"),
        lambda: (Ty("i j") @ einsum("j k, k -> j")) >> einsum("i j, j -> i"), (), ABBOTT, NUMERIC, ("free",)),
    Law("concatenation is a view of a tuple",
        r"[X_1 ; \dots ; X_n] = \mathrm{view}_{t a \to a}(\textstyle\sum_i e_i \otimes X_i)",
        PARTS, concatenated, stacked, ("the arrays have one type",), ABBOTT, NUMERIC, ("free",)),
    Law("linear map of a concatenation", r"F([X ; Y]) = F([X ; 0]) + F([0 ; Y])",
        {"F": on_two(True), **EVEN_AXIS}, of_concatenation, in_blocks, ("F is linear",), ABBOTT, NUMERIC),
    Law("map of a concatenation", r"F([X ; Y]) = F([X ; 0]) + F([0 ; Y])",
        {"F": on_two(False), **EVEN_AXIS}, of_concatenation, in_blocks, ("false unless F is linear",),
        "derived here", TYPE, FALSE))
