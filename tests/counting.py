"""A counter that knows no formula: every primitive as the loops of its equation, on numbers that count.

A :class:`Scalar` adds to a ledger whenever it is added, multiplied, compared or handed to a function.
The rules below are the equations of the primitives written as plain loops over such numbers; what they
compute is compared with the reference, and what they did is compared with the cost. Index arithmetic
(where an entry stands) is done on plain integers and not counted.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import cache

import numpy as np

from ncd.core.category import Diagram
from ncd.interpret.inputs import read_sizes
from ncd.interpret.interpretation import Interpretation
from ncd.interpret.reference import run as reference
from ncd.interpret.reference.rules import RULES as REFERENCE
from ncd.interpret.reference.rules import State
from ncd.nn.star import Star
from ncd.ops.control import Broadcast, Scan
from ncd.ops.indexed import Gather, Segment
from ncd.ops.matrix import Solve
from ncd.ops.multilinear import Concat, Einsum, Reindex, View
from ncd.ops.overlap import Overlap
from ncd.ops.pointwise import Map, Reduce, Stop, TopK
from ncd.ops.source import Constant, Iota, Key, Parameter, Random
from ncd.traverse.places import places

WIDTH = {"float": 4, "int": 4, "bool": 1, "key": 8}


@dataclass
class Ledger:
    """What was done: arithmetic, calls of transcendental functions, bytes read and written."""

    flops: int = 0
    transcendentals: int = 0
    reads: int = 0
    writes: int = 0


class Scalar:
    """A number that writes down what is done to it; a whole number of a diagram is a literal."""

    __slots__ = ("ledger", "literal", "value")

    def __init__(self, value, ledger: Ledger, literal: int | None = None):
        self.value, self.ledger, self.literal = value, ledger, literal

    def does(self, value) -> Scalar:
        self.ledger.flops += 1
        return Scalar(value, self.ledger)

    def calls(self, value) -> Scalar:
        self.ledger.transcendentals += 1
        return Scalar(value, self.ledger)

    def __pow__(self, exponent):
        """x ** 3 with a literal 3 is two products; any other power is a call."""
        exponent = exponent.literal or exponent if isinstance(exponent, Scalar) else exponent
        if isinstance(exponent, int) and 0 < exponent <= 4:
            found = self
            for _ in range(exponent - 1):
                found = found * self
            return found
        return self.calls(plain(self) ** plain(exponent))

    def __rpow__(self, base):
        return self.calls(base ** self.value)

    def __neg__(self):
        return self.does(-self.value)


def plain(item):
    return item.value if isinstance(item, Scalar) else item


def _operators() -> None:
    names = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.true_divide,
             "floordiv": np.floor_divide, "mod": np.remainder}
    for name, function in names.items():
        setattr(Scalar, f"__{name}__", lambda a, b, f=function: a.does(f(a.value, plain(b))))
        setattr(Scalar, f"__r{name}__", lambda a, b, f=function: a.does(f(b, a.value)))
    for name, function in {"lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal,
                           "eq": np.equal, "ne": np.not_equal}.items():
        setattr(Scalar, f"__{name}__", lambda a, b, f=function: a.does(f(a.value, plain(b))))


_operators()


def _function(function, call: bool):
    """A function of numbers that is counted where one of them counts; of literals alone it is a literal."""
    def apply(*items):
        counted = next((item for item in items if isinstance(item, Scalar)), None)
        value = function(*map(plain, items))
        if counted is None:
            return value
        return counted.calls(value) if call else counted.does(value)
    return apply


NAMES = {name: _function(function, True) for name, function in {
    "exp": np.exp, "log": np.log, "sqrt": np.sqrt, "tanh": np.tanh, "sin": np.sin, "cos": np.cos,
    "erf": math.erf, "arccos": np.arccos}.items()}
NAMES |= {name: _function(function, False) for name, function in {
    "abs": np.abs, "sign": np.sign, "floor": np.floor, "max": np.maximum, "min": np.minimum,
    "where": lambda c, a, b: np.where(c, a, b)[()], "both": np.logical_and, "either": np.logical_or,
    "opposite": np.logical_not}.items()}
NAMES["float"] = lambda x: Scalar(np.float64(x.value), x.ledger)
ENTRYWISE = {name: np.frompyfunc(f, f.__code__.co_argcount or {"where": 3}.get(name, 2 if name in (
    "max", "min", "both", "either") else 1), 1) for name, f in NAMES.items()}


@cache
def _code(expression: str):
    """The expression of a row is Python's as well: it is read here by Python and not by our grammar."""
    return compile(_plain_names(expression), "<row>", "eval")


def _plain_names(text: str) -> str:
    return text.replace("'", "_prime")


def evaluate(function, *items):
    """A row on numbers, or on arrays of numbers entry by entry."""
    names = ENTRYWISE if any(isinstance(item, np.ndarray) for item in items) else NAMES
    return eval(_code(function.expression), {"__builtins__": {}},
                {**names, **dict(zip(map(_plain_names, function.arguments), items))})


# -- the loops ---------------------------------------------------------------------------
def positions(shape):
    return itertools.product(*map(range, shape))


def at(value, labels, place: dict):
    """The entry of an array at named positions."""
    return np.asarray(value, object)[tuple(place[label] for label in labels)]


def filled(shape, function):
    made = np.empty(shape, object)
    for position in positions(shape):
        made[position] = function(position)
    return made


def unchecked(cls):
    """The reference's rule without its check that integers have 32 bits, which is no work of a diagram."""
    return REFERENCE[cls].__wrapped__


class Loops:
    """The rules, all of them writing to one ledger."""

    def __init__(self):
        self.ledger = Ledger()
        loops = {Map: self.map, Einsum: self.einsum, Reduce: self.reduce, TopK: self.topk,
                 Segment: self.segment, Solve: self.solve, Random: self.random, Concat: unchecked(Concat),
                 Gather: self.gather, Reindex: self.reindex, Constant: self.source, Iota: self.source,
                 Key: self.source, Star: self.star, Overlap: self.overlap}
        rules = {cls: self.moved(rule) for cls, rule in loops.items()}
        rules |= {cls: unchecked(cls) for cls in (View, Stop, Scan, Broadcast)}
        self.interpretation = Interpretation("loops", rules | {Parameter: self.parameter})

    def number(self, value) -> Scalar:
        return Scalar(value, self.ledger)

    def numbers(self, values):
        values = np.asarray(values)
        return filled(values.shape, lambda position: self.number(values[position]))

    def moved(self, rule):
        """The rule, with the bytes that it reads and writes.

        Every input is read whole and every result written whole; a gather and a reindexing read an
        entry for each that they write. Renaming, viewing, parameters and keys move nothing.
        """
        def with_bytes(run, op, *values):
            made = rule(run, op, *values)
            results = made if isinstance(made, (list, tuple)) else [made]
            wrote = sum(WIDTH[array.dtype] * np.size(value) for array, value in zip(op.cod, results))
            read = [WIDTH[array.dtype] * np.size(value) for array, value in zip(op.dom, values)]
            if isinstance(op, Gather):
                read[0] = wrote
            if isinstance(op, Concat) and self.in_place(op, values):
                wrote, read[0] = wrote - read[0], 0
            if isinstance(op, Reindex) and not op.is_broadcast:
                read = [wrote]
            if not (isinstance(op, Key) or (isinstance(op, Reindex) and op.is_renaming)):
                self.ledger.reads += sum(read)
                self.ledger.writes += wrote
            return made
        return with_bytes

    @staticmethod
    def in_place(op, values) -> bool:
        """Whether a number of rows comes behind an array that is at least as long, in its order of axes."""
        rows = [array.size(op.axis).constant for array in op.arrays]
        long = np.shape(values[0])[op.arrays[0].labels.index(op.axis)]
        return op.arrays[0].labels == op.cod[0].labels and None not in rows[1:] and (
            rows[0] is None or long >= sum(rows[1:]))

    def map(self, run, op, *values):
        labels, function = op.cod[0].labels, op.function
        given = dict(zip(op.arguments, zip(values, op.arrays)))

        def entry(position):
            place, items = dict(zip(labels, position)), []
            for n, constant in enumerate(op.constants):
                if n in given:
                    items.append(at(given[n][0], given[n][1].labels, place))
                else:
                    number = constant if isinstance(constant, float) else run.size(constant)
                    literal = number if getattr(constant, "constant", None) == number == int(number) else None
                    items.append(Scalar(number, self.ledger, literal))
            if function.dtype == "float" or (function.name == "power" and op.dtype == "float"):
                items = [Scalar(np.float64(item.value), self.ledger, item.literal) for item in items]
            found = evaluate(function, *items)
            kinds = {"float": np.float64, "int": np.int64}
            return self.number(kinds[op.dtype](found.value)) if op.dtype in kinds else found
        return filled(run.shape(op.cod[0]), entry)

    def einsum(self, run, op, *values):
        """Step after step, in the order that the operation states (held to a search elsewhere).

        A sum of products begins at the unit, a product and a sum at each point: n terms are 2n. A sum
        of entries begins at its first entry: n terms are n − 1. What a step makes for another is written
        and read.
        """
        size = {letter: run.size(n) for letter, n in op.sizes.items()}
        multiply = lambda a, b: evaluate(op.semiring.multiply.function, a, b)
        add = lambda a, b: evaluate(op.semiring.add.function, a, b)
        unit = lambda monoid: self.number(np.float64(monoid.unit))
        operands = list(zip(op.letters, values))
        for left, right, kept, _ in op.steps:
            own, value = operands[left]
            more, other = operands[right] if right is not None else ((), None)
            gone = tuple(x for x in dict.fromkeys((*own, *more)) if x not in kept)

            def entry(position, own=own, value=value, more=more, other=other, kept=kept, gone=gone):
                place, total = dict(zip(kept, position)), None
                for inner in positions([size[x] for x in gone]):
                    place.update(zip(gone, inner))
                    item = at(value, own, place)
                    if other is not None:
                        item = multiply(item, at(other, more, place))
                        total = unit(op.semiring.add) if total is None and gone else total
                    total = item if total is None else add(total, item)
                return total
            operands.append((kept, filled([size[x] for x in kept], entry)))
            if len(operands) < len(values) + len(op.steps):
                moved = WIDTH[op.out.dtype] * math.prod(size[x] for x in kept)
                self.ledger.reads += moved
                self.ledger.writes += moved
        letters, value = operands[-1] if operands else ((), filled((), lambda _: unit(op.semiring.multiply)))

        def written(position):
            place = {}
            if not all(place.setdefault(x, i) == i for x, i in zip(op.out_letters, position)):
                return unit(op.semiring.add)        # beside the diagonal
            return at(value, letters, place)
        return filled(run.shape(op.out), written)

    def star(self, run, op, *values):
        """A product and a sum from zero for each window and tap, on the padding as well; l is where."""
        size = {letter: run.size(n) for letter, n in op.sizes.items()}
        found = [letter for tap in op.taps for letter in tap.letters if letter == tap.l]
        walked = [letter for letter in size if letter not in found]
        total: dict[tuple, Scalar] = {}
        for position in positions([size[letter] for letter in walked]):
            place = dict(zip(walked, position))
            for tap in op.taps:
                place[tap.l] = run.size(tap.stride) * place[tap.i] + run.size(tap.dilation) * place[tap.j] \
                    - run.size(tap.before)
            inside = all(0 <= place[letter] < size[letter] for letter in found)
            pair = [at(value, letters, place) if inside or not set(found) & set(letters)
                    else self.number(np.float64(0)) for value, letters in zip(values, op.letters)]
            where = tuple(place[letter] for letter in op.out_letters)
            before = total[where] if where in total else self.number(np.float64(0))
            total[where] = before + pair[0] * pair[1]
        return filled(run.shape(op.out), lambda where: total.get(where, self.number(np.float64(0))))

    def overlap(self, run, op, value):
        """Every entry is put where it comes, also beyond the result, and added where there is one already."""
        if any(run.size(row.divisor) != 1 for row in op.rows):
            return run(run.interpretation.program(op.expansion), [value])
        total: dict[tuple, Scalar] = {}
        for position in positions(np.shape(value)):
            place = dict(zip(op.array.labels, position))
            where = tuple(run.size(row.offset) + sum(run.size(c) * place[x] for x, c in row.terms)
                          for row in op.rows)
            entry = np.asarray(value, object)[position]
            total[where] = total[where] + entry if where in total else entry
        return filled(run.shape(op.cod[0]), lambda where: total.get(where, self.number(np.float64(0))))

    def reduce(self, run, op, value):
        kept = op.cod[0].labels
        shape = dict(zip(op.array.labels, np.shape(value)))

        def entry(position):
            total, place = None, dict(zip(kept, position))
            for inner in positions([shape[x] for x in op.labels]):
                item = at(value, op.array.labels, place | dict(zip(op.labels, inner)))
                total = item if total is None else evaluate(op.monoid.function, total, item)
            return total
        return filled(run.shape(op.cod[0]), entry)

    def topk(self, run, op, value):
        """The largest of what remains, k times; of equal entries the first."""
        rest, k = [x for x in op.array.labels if x != op.axis], run.size(op.out.size)
        shape = dict(zip(op.array.labels, np.shape(value)))
        made = [np.empty(run.shape(array), object) for array in op.cod]
        for position in positions([shape[x] for x in rest]):
            place = dict(zip(rest, position))
            remaining = list(range(shape[op.axis]))
            for j in range(k):
                item = lambda i: at(value, op.array.labels, place | {op.axis: i})
                best = remaining[0]
                for i in remaining[1:]:
                    best = i if (item(i) > item(best)).value else best
                remaining.remove(best)
                where = tuple((place | {op.out.label: j})[x] for x in op.cod[0].labels)
                made[0][where], made[1][where] = item(best), self.number(np.int64(best))
        return made

    def segment(self, run, op, values, index):
        labels = dict.fromkeys((*op.values.labels, *op.index.labels))
        shape = dict(zip(op.values.labels, np.shape(values))) | dict(zip(op.index.labels, np.shape(index)))
        kinds = {"bool": np.bool_, "int": np.int64, "float": np.float64}
        total = filled(run.shape(op.cod[0]), lambda _: self.number(
            kinds[op.values.dtype](op.monoid.unit)))
        for position in positions([shape[x] for x in labels]):
            place = dict(zip(labels, position))
            target = place | {op.out.label: int(at(index, op.index.labels, place).value)}
            where = tuple(target[x] for x in op.cod[0].labels)
            total[where] = evaluate(op.monoid.function, total[where], at(values, op.values.labels, place))
        return total

    def solve(self, run, op, matrix, right):
        """Elimination with partial pivoting, then both triangular systems; |a| > |b| is one operation."""
        n = run.size(op.matrix.size(op.row))
        batch = [x for x in op.matrix.labels if x not in (op.row, op.column)]
        sides = [x for x in op.right.labels if x != op.row and x not in batch]
        shape = dict(zip(op.right.labels, np.shape(right))) | dict(zip(op.matrix.labels, np.shape(matrix)))
        made = np.empty(run.shape(op.cod[0]), object)
        for position in positions([shape[x] for x in batch]):
            place = dict(zip(batch, position))
            columns = [dict(zip(sides, item)) for item in positions([shape[x] for x in sides])]
            a = [[at(matrix, op.matrix.labels, place | {op.row: i, op.column: j}) for j in range(n)]
                 for i in range(n)]
            b = [[at(right, op.right.labels, place | column | {op.row: i}) for column in columns]
                 for i in range(n)]
            for p in range(n):
                best = p
                for i in range(p + 1, n):
                    larger = a[i][p].does(abs(a[i][p].value) > abs(a[best][p].value)).value
                    best = i if larger else best
                a[p], a[best], b[p], b[best] = a[best], a[p], b[best], b[p]
                for i in range(p + 1, n):
                    factor = a[i][p] / a[p][p]
                    for j in range(p + 1, n):
                        a[i][j] = a[i][j] - factor * a[p][j]
                    for c in range(len(columns)):
                        b[i][c] = b[i][c] - factor * b[p][c]
            for c, column in enumerate(columns):
                for i in reversed(range(n)):
                    for j in range(i + 1, n):
                        b[i][c] = b[i][c] - a[i][j] * b[j][c]
                    b[i][c] = b[i][c] / a[i][i]
                    where = place | column | {op.column: i}
                    made[tuple(where[x] for x in op.cod[0].labels)] = b[i][c]
        return made

    # -- what moves and computes nothing -------------------------------------------------
    def reindex(self, run, op, value):
        shape = np.shape(value)

        def entry(position):
            place, where = dict(zip((a.label for a in op.axes), position)), []
            for row, size in zip(op.rows, shape):
                index, divisor = run.size(row.offset) + sum(
                    run.size(c) * place[x] for x, c in row.terms), run.size(row.divisor)
                if index % divisor or not 0 <= index // divisor < size:
                    kind = {"float": np.float64, "int": np.int64, "bool": np.bool_}[op.array.dtype]
                    return self.number(kind(op.fill))
                where.append(index // divisor)
            return np.asarray(value, object)[tuple(where)]
        return filled(run.shape(op.cod[0]), entry)

    def gather(self, run, op, table, index):
        labels = op.cod[0].labels

        def entry(position):
            place = dict(zip(labels, position))
            return at(table, op.table.labels,
                      place | {op.axis: int(at(index, op.index.labels, place).value)})
        return filled(run.shape(op.cod[0]), entry)

    def source(self, run, op):
        return self.numbers(REFERENCE[type(op)](run, op))

    def parameter(self, run, op):
        return self.numbers(REFERENCE[Parameter](run, op))

    def random(self, run, op, keys):
        keys = np.asarray(keys, object)
        seeds = np.array([item.value for item in keys.ravel()], np.uint64).reshape(keys.shape)
        return self.numbers(REFERENCE[Random](run, op, seeds))


def values(found) -> tuple:
    """The plain numbers of results, as arrays."""
    made = []
    for item in found if isinstance(found, (tuple, list)) else (found,):
        item = np.asarray(item, object)
        made.append(np.array([x.value for x in item.ravel()]).reshape(item.shape))
    return tuple(made)


def count(diagram: Diagram, inputs, params=None, key=None, **sizes) -> tuple[Ledger, tuple, tuple]:
    """What the loops do on given inputs: the ledger, what they computed, what the reference computes."""
    loops = Loops()
    with np.errstate(all="ignore"):
        slots, _ = places(diagram)
        known = read_sizes(diagram, inputs, slots, params, sizes)
        given = [loops.numbers(value) for value in inputs]
        found = loops.interpretation(diagram, *given, sizes=known, state=State(params, params, key))
        wanted = reference(diagram, *inputs, params=params, key=key, **sizes)
    return loops.ledger, values(found), wanted if isinstance(wanted, tuple) else (wanted,)


__all__ = ["Ledger", "Loops", "Scalar", "count", "values"]
