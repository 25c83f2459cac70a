"""Operations and layers by the roles of their axes: the same map under any labels, at equal sizes.

A label is local to a wire, a position is not a label, a type is not a map. Each record here makes an
operation from a label for each role; roles that may share a label do so as often as they can. What it
computes is written by positions, in NumPy, so that no label plays a part in what is right.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from random import Random as Dice
from typing import NamedTuple

import numpy as np

from ncd.construct.trace import trace
from ncd.core.array import Array
from ncd.core.axis import Axis
from ncd.core.category import Diagram
from ncd.errors import NcdError
from ncd.ops import scalar
from ncd.ops.control import Block, Broadcast, Scan
from ncd.ops.indexed import Gather, Segment
from ncd.ops.matrix import Eigh, Solve
from ncd.ops.monoid import MAX, MAX_PLUS, PRODUCT, SUM, SUM_PRODUCT
from ncd.ops.multilinear import Concat, Einsum, Reindex, View, affine
from ncd.ops.pointwise import Map, Reduce, Stop, TopK
from ncd.ops.source import Constant, Iota, Random

SIZE = 2
POOL = ("a", "b", "a'", "b'", "c", "a''")


class Roles(NamedTuple):
    """An operation by roles.

    Attributes:
        roles: Their names. The first labels of the pool, all of them distinct, are the plain labelling.
        make: The operation with labels for its roles; it refuses labels that cannot be.
        oracle: What it computes, by positions.
        prepare: What the inputs go through first, as to be symmetric or far from singular.
        rate: What their tangents go through.
    """

    roles: str
    make: Callable[..., Diagram]
    oracle: Callable[..., Sequence[np.ndarray] | np.ndarray]
    prepare: Callable[[list], list] = list
    rate: Callable[[list], list] = list


def labellings(roles: str, make: Callable[..., Diagram], dice: Dice, count: int,
               pool: Sequence[str] = POOL) -> Iterator[tuple[dict[str, str], Diagram]]:
    """The plain labelling, then others that the operation takes: labels shared, swapped and primed."""
    names = roles.split()
    plain = dict(zip(names, (f"z{n}" for n in range(len(names)))))
    yield plain, _diagram(make(**plain))
    found, seen = 0, {tuple(plain.values())}
    for drawn in _drawn(len(names), dice, pool):
        if found == count:
            return
        if drawn in seen:
            continue
        seen.add(drawn)
        labels = dict(zip(names, drawn))
        try:
            made = _diagram(make(**labels))
        except NcdError:                    # labels that cannot be: twice in one array, or captured
            continue
        yield labels, made
        found += 1


def _drawn(width: int, dice: Dice, pool: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Labels for so many roles: as few different ones as can be, in turn with any; no end for the rest."""
    shared = itertools.chain.from_iterable(_all_of(width, dice, pool[:m]) for m in range(1, len(pool) + 1))
    for _, few in zip(range(2000), shared):
        yield few
        if dice.random() < 0.1:
            yield tuple(dice.choice(pool) for _ in range(width))


def _all_of(width: int, dice: Dice, pool: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """All labels from a small pool in random order; of very many, some."""
    if len(pool) ** width <= 300:
        every = list(itertools.product(pool, repeat=width))
        yield from dice.sample(every, len(every))
    else:
        for _ in range(100):
            yield tuple(dice.choice(pool) for _ in range(width))


def _diagram(made) -> Diagram:
    diagram = getattr(made, "diagram", made)
    for op in diagram.graph.ops:            # the type of a result refuses labels when it is asked for
        _ = op.cod
    return diagram


def array(*labels: str, dtype: str = "float", bound=None, size: int = SIZE) -> Array:
    return Array([Axis(label, size) for label in labels], dtype, bound)


def apart(*labels: str) -> None:
    """Refuse equal labels where they would mean one axis."""
    if len(set(labels)) < len(labels):
        raise NcdError("these roles are matched by label")


# -- the primitives ----------------------------------------------------------------------
def _einsum(letters: str, semiring=SUM_PRODUCT, size: int = SIZE):
    """An einsum whose labels have nothing to do with its letters: one role for each axis of each array."""
    left, out = letters.split("->")
    parts = [*left.split(","), out]
    number = {letter: n for n, letter in enumerate(dict.fromkeys(letters.replace(",", "").replace("->", "")))}
    roles = [[f"r{n}{k}" for k in range(len(part))] for n, part in enumerate(parts)]

    def make(**labels):
        arrays = [array(*(labels[role] for role in names), size=size) for names in roles]
        codes = [tuple(number[letter] for letter in part) for part in parts]
        return Einsum(tuple(arrays[:-1]), tuple(codes[:-1]), arrays[-1], codes[-1], semiring)

    def oracle(*values):
        if semiring is not SUM_PRODUCT:
            (a, b) = values                             # max-plus of two matrices
            return (a[:, :, None] + b[None]).max(1)
        kept = "".join(dict.fromkeys(x for x in out if x in left))
        found = np.einsum(f"{left}->{kept}", *values)
        made = np.zeros([size] * len(out))
        for place in np.ndindex(*made.shape):
            at: dict[str, int] = {}
            if all(at.setdefault(x, i) == i for x, i in zip(out, place)):
                made[place] = found[tuple(at[x] for x in kept)]
        return made
    return Roles(" ".join(role for names in roles for role in names), make, oracle)


def _reindex(rows, outs: int, sizes=None, fill=None):
    """Rows as (offset, {position of an output axis: factor}, divisor), labels on both sides free."""
    sizes = sizes or (SIZE,) * outs
    def make(**labels):
        inner = [labels[f"i{n}"] for n in range(len(rows))]
        outer = [labels[f"o{n}"] for n in range(outs)]
        apart(*outer)
        read = tuple(affine(v, [(outer[k], c) for k, c in terms.items()], d) for v, terms, d in rows)
        return Reindex(array(*inner), tuple(Axis(x, s) for x, s in zip(outer, sizes)), read, fill)

    def oracle(x):
        made = np.full(sizes, 0.0 if fill is None else fill)
        for place in np.ndindex(*sizes):
            at = [v + sum(c * place[k] for k, c in terms.items()) for v, terms, _ in rows]
            whole = all(i % d == 0 and 0 <= i // d < SIZE for i, (_, _, d) in zip(at, rows))
            if whole:
                made[place] = x[tuple(i // d for i, (_, _, d) in zip(at, rows))]
        return made
    roles = [*(f"i{n}" for n in range(len(rows))), *(f"o{n}" for n in range(outs))]
    return Roles(" ".join(roles), make, oracle)


def _view():
    """Split the second of three axes, merge the third with the first, under any labels."""
    def make(p, q, r, s, t):
        return View(Array([Axis(p, SIZE), Axis(q, SIZE * SIZE), Axis(r, SIZE)]), (q,),
                    (Axis(s, SIZE), Axis(t, SIZE)))
    return Roles("p q r s t", make, lambda x: x.reshape(SIZE, SIZE, SIZE, SIZE))


def _merge():
    def make(p, q, r, s):
        return View(array(p, q, r), (r, p), (Axis(s, SIZE * SIZE),))
    return Roles("p q r s", make, lambda x: x.transpose(2, 0, 1).reshape(SIZE * SIZE, SIZE))


def _concat():
    def make(p, q, r):
        apart(p, q, r)
        return Concat((array(p, q, r), array(r, q, p), array(q, r)), q)
    return Roles("p q r", make, lambda a, b, c: np.concatenate(
        [a, b.transpose(2, 1, 0), np.broadcast_to(c, (SIZE, SIZE, SIZE))], 1))


def _map():
    def make(p, q):
        return Map(scalar.MULTIPLY, (array(p, q), array(q, p)))
    return Roles("p q", make, lambda a, b: a * b.T)


def _subtract():
    def make(p, q, r):
        apart(p, q, r)
        return Map(scalar.SUBTRACT, (array(r, q), array(q, p, r)))
    return Roles("p q r", make, lambda a, b: a.T[:, None, :] - b)


def _reduce(monoid, fold):
    return Roles("p q r", lambda p, q, r: Reduce(monoid, array(p, q, r), (r, p)), lambda x: fold(x, (0, 2)))


def _topk():
    def make(p, q, s):
        return TopK(array(p, q), p, Axis(s, SIZE))
    def oracle(x):
        order = np.argsort(-x, 0, kind="stable")
        return np.take_along_axis(x, order, 0), order
    return Roles("p q s", make, oracle)


def _gather():
    """A table (batch, entries, features) at an index (new, batch, other)."""
    def make(p, n, f, e, g):
        apart(p, n, f, e, g)
        return Gather(array(p, n, f), array(e, p, g, dtype="int", bound=SIZE), n)
    def oracle(table, index):
        return np.array([[[table[p, index[e, p, g]] for g in range(SIZE)] for e in range(SIZE)]
                         for p in range(SIZE)])
    return Roles("p n f e g", make, oracle)


def _segment(monoid, combine, unit):
    """Values (batch, entries, features) into the segments of an index (batch, other, entries)."""
    def make(p, e, f, c, n):
        apart(p, e, f, c)
        return Segment(monoid, array(p, e, f), array(p, c, e, dtype="int", bound=SIZE), e, Axis(n, SIZE))
    def oracle(x, index):
        made = np.full((SIZE,) * 4, unit)
        for p, c, e in np.ndindex(SIZE, SIZE, SIZE):
            at = (p, c, index[p, c, e])
            made[at] = combine(made[at], x[p, e])
        return made
    return Roles("p e f c n", make, oracle)


def _scan():
    """A state s, steps of (t m), a constant c whose label may be that of the steps."""
    def make(s, t, m, c):
        apart(m, s, c)
        apart(m, t)
        state, item, fixed = array(s), array(m), array(c)

        def body(h, x, w):
            total = Reduce(SUM, item, (m,))(x)
            new = Map(scalar.MULTIPLY, (state, Array()))(h, total)
            new = Map(scalar.ADD, (state, Array()))(new, Reduce(SUM, fixed, (c,))(w))
            return new, Map(scalar.MULTIPLY, (item, Array()))(x, Reduce(SUM, state, (s,))(new))
        return Scan(trace(body, (state, item, fixed)), Axis(t, SIZE), 1, (state, array(m, t), fixed))

    def oracle(h, x, w):
        outs = []
        for step in range(SIZE):
            h = h * x[:, step].sum() + w.sum()
            outs.append(x[:, step] * h.sum())
        return h, np.stack(outs)
    return Roles("s t m c", make, oracle)


def _solve():
    """A matrix (column, own, batch, row), a right-hand side (batch, row, rest)."""
    def make(p, b, i, j, r):
        apart(p, b, i, j)
        apart(p, b, i, r)
        return Solve(array(j, b, p, i), array(p, i, r), i, j)
    def oracle(matrix, right):
        square = matrix.transpose(1, 2, 3, 0)
        found = np.linalg.solve(square, np.broadcast_to(right, (SIZE, SIZE, SIZE, SIZE)))
        return found                                    # own, batch, column, rest
    return Roles("p b i j r", make, oracle, lambda values: [_regular(values[0]), values[1]])


def _regular(matrix):
    eye = np.eye(SIZE)[:, None, None, :]
    return np.tanh(matrix) + 4 * eye + np.array([[0, 0], [1, 0]])[:, None, None, :]


def _eigh():
    def make(i, p, j, e):
        return Eigh(array(j, p, i), i, j, e)
    def oracle(matrix):
        values, vectors = np.linalg.eigh(matrix.transpose(1, 2, 0))
        return values.T, vectors.transpose(1, 2, 0)     # the row and out stand where the pair stood
    def symmetric(values):
        (x,) = values
        return [x + x.transpose(2, 1, 0) + np.diag([0.0, 5.0])[:, None, :]]
    return Roles("i p j e", make, oracle, symmetric, lambda rates: [rates[0] + rates[0].transpose(2, 1, 0)])


def _broadcast():
    """A swap of two axes of one size, broadcast over a third that stands between them."""
    def make(i, j, p):
        swap = Reindex(array(i, j), (Axis(i, SIZE), Axis(j, SIZE)), (affine(0, {j: 1}), affine(0, {i: 1})))
        return Broadcast(swap, (array(i, p, j),))
    return Roles("i j p", make, lambda x: x.transpose(2, 1, 0))


def _block():
    """A body with axes of its own inside, which share their labels with those outside or not."""
    def make(i, j, k):
        apart(i, j)
        inner = Reindex(array(i, j), (Axis(k, SIZE), Axis("z9", SIZE)),
                        (affine(0, {"z9": 1}), affine(0, {k: 1})))
        back = Reindex(inner.cod[0], (Axis(i, SIZE), Axis(j, SIZE)), (affine(0, {i: 1}), affine(0, {j: 1})))

        def body(x):
            y = inner(x)
            weights = Map(scalar.TO_FLOAT, (Iota(Axis(k, SIZE)).cod[0],))(Iota(Axis(k, SIZE))())
            return back(y * (weights + 1))
        return Block("block", trace(body, (array(i, j),)))
    return Roles("i j k", make, lambda x: x.T * np.array([1.0, 2.0])[:, None])


SWAP = [(0, {1: 1}, 1), (0, {0: 1}, 1)]
PRIMITIVES: dict[str, Roles] = {
    **{f"einsum {text}": _einsum(text) for text in (
        "ij->ji", "ij,jk->ik", "ij,kj->ki", "ii->i", "iji->j", "ij,ij->", "i,j->ij", "i->ii", "ij->kji",
        "ij,jk,kl->li", "ij,ji->ij", "->ii")},
    "einsum over max_plus": _einsum("ij,jk->ik", MAX_PLUS),
    "swap": _reindex(SWAP, 2),
    "cycle": _reindex([(0, {1: 1}, 1), (0, {2: 1}, 1), (0, {0: 1}, 1)], 3),
    "swap and repeat": _reindex(SWAP, 3),
    "swap and flip": _reindex([(0, {1: 1}, 1), (SIZE - 1, {0: -1}, 1)], 2),
    "diagonal": _reindex([(0, {0: 1}, 1), (0, {0: 1}, 1)], 1),
    "diagonal beside a swap": _reindex([(0, {1: 1}, 1), (0, {0: 1}, 1), (0, {1: 1}, 1)], 2),
    "index beside an axis": _reindex([(1, {}, 1), (0, {0: 1}, 1)], 1),
    "index beside a swap": _reindex([(0, {1: 1}, 1), (1, {}, 1), (0, {0: 1}, 1)], 2),
    "window": _reindex([(-1, {0: 1, 1: 1}, 1), (0, {2: 1}, 1)], 3, fill=0.0),
    "windows that cross": _reindex([(0, {2: 1, 0: 1}, 1), (0, {1: 1}, 1)], 3, fill=0.0),
    "shared index": _reindex([(-1, {0: 1, 1: 1}, 1), (0, {0: 1}, 1)], 2, fill=0.0),
    "stride": _reindex([(0, {1: 1}, 2), (0, {0: 1}, 1)], 2, (SIZE, 3), fill=0.0),
    "split": _view(), "merge": _merge(), "concat": _concat(), "map": _map(), "subtract": _subtract(),
    "sum": _reduce(SUM, np.sum), "max": _reduce(MAX, np.max), "product": _reduce(PRODUCT, np.prod),
    "top-k": _topk(), "gather": _gather(), "segment by sum": _segment(SUM, np.add, 0.0),
    "segment by max": _segment(MAX, np.maximum, -np.inf), "scan": _scan(), "solve": _solve(),
    "eigh": _eigh(), "broadcast": _broadcast(), "block": _block(),
    "stop": Roles("p q", lambda p, q: Stop(array(p, q)), lambda x: x),
    "constant": Roles("p q", lambda p, q: Constant([[1.0, 2.0], [3.0, 5.0]], array(p, q)),
                      lambda: np.array([[1.0, 2.0], [3.0, 5.0]])),
    "iota": Roles("p", lambda p: Iota(Axis(p, SIZE)), lambda: np.arange(SIZE)),
    "random": Roles("p q", lambda p, q: Random("normal", array(p, dtype="key"), (Axis(q, SIZE),)), None)}
