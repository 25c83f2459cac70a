"""A counter that knows no formula: what is left to do, entry by entry, once masks are known.

Every wire is an array of entries that are either known before anything is run (positions, truth values of
masks, what follows from them alone) or not. Then, from the results back, every entry that is asked for and
not known by a mask is computed once: an entry of a map costs its operations, a fold of n entries n − 1, a
term of a contraction 2, an entry of a segment 1. Unknown numbers stand for four random ones: what is the same
for all is known. Where an entry is gathered from or goes to is not known: it may be anywhere on the axis. A
loop is unrolled: each step by itself knows its constants and its slices, and all that it makes is asked for.
"""

from __future__ import annotations

import itertools

import numpy as np

from ncd.core.category import Diagram
from ncd.core.op import Operation
from ncd.interpret.interpretation import Interpretation, Run
from ncd.interpret.reference.rules import RULES as REFERENCE
from ncd.interpret.reference.rules import State
from ncd.ops.control import Scan
from ncd.ops.indexed import Gather, Segment
from ncd.ops.multilinear import Concat, Einsum, Reindex, View
from ncd.ops.pointwise import Map, Reduce, Stop
from ncd.ops.source import Constant, Iota, Parameter
from tests.counting import ENTRYWISE, Ledger, evaluate

SAMPLES = 4


def _scalars(numbers):
    """The numbers one by one, as objects that divide by 0 without an error."""
    found = np.empty(numbers.shape, object)
    found[...] = numbers
    return np.frompyfunc(np.float64, 1, 1)(found)


def _places(mine):
    return zip(*np.nonzero(mine)) if np.ndim(mine) else ([()] if mine else [])


class Entries:
    """An array of entries: numbers, NaN where unknown; and which are known by a mask."""

    def __init__(self, numbers, masked=None, truth: bool = False):
        self.numbers = np.asarray(numbers, float)
        self.masked = np.zeros(self.numbers.shape, bool) if masked is None else masked
        self.truth = truth


class Counter:
    """One flat diagram at sizes, its masks given: {number of an input: truth values}; or all its inputs."""

    def __init__(self, diagram: Diagram, masks, sizes, truths: bool = True, inputs=None):
        self.truths, self.sizes = truths, sizes
        self.draw = np.random.default_rng(0)
        class Opened(Interpretation):
            def rule(self, op):
                return op if type(op) in REFERENCE else None
        program = Opened("skip", {}).program(diagram)
        self.run = Run(Interpretation("reference", REFERENCE), sizes, State(None, None, None))
        self.steps, self.outputs = program.steps, program.outputs
        self.entries = inputs or [
            self._given(array, masks.get(n)) for n, array in enumerate(diagram.dom.inside)]
        self.matrix, self.ledger = 0, Ledger()
        for step in self.steps:
            self.entries += self._forward(step.op, [self.entries[wire] for wire in step.reads])
        self._backward()

    def shape(self, array) -> tuple[int, ...]:
        return self.run.shape(array)

    def _given(self, array, mask) -> Entries:
        if mask is not None:
            return Entries(mask, ~np.asarray(mask), True)
        return Entries(np.full(self.shape(array), np.nan))

    # -- what is known -------------------------------------------------------------------
    def _forward(self, op: Operation, have: list[Entries]) -> list[Entries]:
        if isinstance(op, (Iota, Constant)):
            return [Entries(np.broadcast_to(REFERENCE[type(op)](self.run, op), self.shape(op.cod[0])))]
        if isinstance(op, Map):
            return [self._map(op, have)]
        if isinstance(op, (Reindex, View)):
            back = self._moved(op)
            pick = lambda values, other: np.where(back < 0, other, values.ravel()[back])
            fill = getattr(op, "fill", None)
            return [Entries(pick(have[0].numbers, np.nan if fill is None else fill),
                            pick(have[0].masked, False), have[0].truth)]
        if isinstance(op, Stop):
            return have
        if isinstance(op, Scan):
            return self._loop(op, have)
        if isinstance(op, Gather):
            numbers, masked = have[0].numbers, have[0].masked
            at, rest = op.table.labels.index(op.axis), op.table.with_axes(op.table.without(op.axis))
            first = np.take(numbers, 0, at)
            same = masked.all(axis=at) & (numbers == np.expand_dims(first, at)).all(axis=at)
            known, first = (self._spread(each, rest, op.cod[0]) for each in (same, first))
            return [Entries(np.where(known, first, np.nan), known, have[0].truth)]
        if isinstance(op, Segment):
            at, rest = op.values.labels.index(op.axis), op.values.with_axes(op.values.without(op.axis))
            units = have[0].masked & (have[0].numbers == op.monoid.unit)
            known = self._spread(units.all(axis=at), rest, op.cod[0])
            return [Entries(np.where(known, op.monoid.unit, np.nan), known)]
        if isinstance(op, Reduce):
            gone = tuple(op.array.labels.index(label) for label in op.labels)
            least = np.min(np.where(have[0].masked, have[0].numbers, -np.inf), axis=gone)
            most = np.max(np.where(have[0].masked, have[0].numbers, np.inf), axis=gone)
            same = have[0].masked.all(axis=gone) & (least == most)
            if op.monoid.name not in ("max", "min"):
                same &= least == op.monoid.unit
            return [Entries(np.where(same, least, np.nan), same)]
        if isinstance(op, Einsum):
            sizes, out = {x: self.run.size(n) for x, n in op.sizes.items()}, self.shape(op.out)
            made = np.zeros(out, bool)
            for place in itertools.product(*map(range, out)):
                made[place] = not any(True for _ in self._terms(op, have, place, sizes))
            return [Entries(np.where(made, 0.0, np.nan), made)]
        return [Entries(np.full(self.shape(array), np.nan)) for array in op.cod]

    def _loop(self, op: Scan, have: list[Entries]) -> list[Entries]:
        """Every step is counted by itself, its states not known; what is known of its results is kept."""
        length, made = self.run.size(op.axis.size), []
        for step in range(length):
            inside = []
            for n, (entries, array) in enumerate(zip(have, op.arrays)):
                if n < op.states:
                    inside.append(Entries(np.full(self.shape(array), np.nan)))
                elif n in op.sequences:
                    at = array.labels.index(op.axis.label)
                    inside.append(Entries(np.take(entries.numbers, step, at),
                                          np.take(entries.masked, step, at), entries.truth))
                else:
                    inside.append(entries)
            body = Counter(op.body, {}, self.sizes, self.truths, inside)
            self.matrix += body.matrix
            self.ledger.flops += body.ledger.flops
            self.ledger.transcendentals += body.ledger.transcendentals
            made.append([body.entries[wire] for wire in body.outputs])
        found = []
        for n, array in enumerate(op.cod):
            steps = [step[n] for step in made]
            if n < op.states:
                found.append(steps[0 if op.reverse else -1])
            else:
                at = array.labels.index(op.axis.label)
                found.append(Entries(np.stack([e.numbers for e in steps], at),
                                     np.stack([e.masked for e in steps], at), steps[0].truth))
        return found

    def _map(self, op: Map, have: list[Entries]) -> Entries:
        out, given = self.shape(op.cod[0]), dict(zip(op.arguments, zip(have, op.arrays)))
        masked = np.zeros(out, bool)
        columns = []
        for n, constant in enumerate(op.constants):
            if n in given:
                entries, array = given[n]
                numbers = self._spread(entries.numbers, array, op.cod[0])
                masked |= self._spread(entries.masked, array, op.cod[0])
                one = self.draw.uniform(0.5, 2, (SAMPLES, *out)) * self.draw.choice([-1, 1], (SAMPLES, *out))
                one[0], one[1], one[2] = np.abs(one[0]), -np.abs(one[1]), 1         # they may be equal too
                columns.append(np.where(np.isnan(numbers), one, numbers))
            else:
                number = constant if isinstance(constant, float) else self.run.size(constant)
                columns.append(np.full((SAMPLES, *out), float(number)))
        with np.errstate(all="ignore"):
            if op.function.name == "where":
                unsure = np.isnan(self._spread(given[0][0].numbers, given[0][1], op.cod[0]))
                found = np.where(columns[0].astype(bool), columns[1], columns[2])
                found[0] = np.where(unsure, columns[1][0], found[0])
                found[1] = np.where(unsure, columns[2][1], found[1])
                if op.constants[1] is not None and op.constants[2] is None:     # hidden where it holds
                    masked |= ~unsure & columns[0][0].astype(bool)
            elif op.function.name == "to_float":
                found = columns[0]
            elif op.function.name in ("both", "either", "opposite"):
                found = np.asarray(ENTRYWISE[op.function.name](*[c.astype(bool) for c in columns]), float)
            else:
                found = np.asarray(evaluate(op.function, *map(_scalars, columns)), float)
        known = (found == found[0]).all(axis=0)
        found = np.where(known, found[0], np.nan)
        if op.cod[0].dtype == "bool":
            return Entries(found, known & (found == 0), True)
        return Entries(found, masked & known)

    def _spread(self, values, array, out):
        places = [array.labels.index(x) for x in out.labels if x in array.labels]
        values = np.transpose(values, places)
        shape = [n if x in array.labels else 1 for x, n in zip(out.labels, self.shape(out))]
        return np.broadcast_to(values.reshape(shape), self.shape(out))

    def _moved(self, op):
        """Where each entry of the result is read, −1 where nowhere."""
        size = self.shape(op.array)
        flat = np.arange(int(np.prod(size))).reshape(size)
        if isinstance(op, Reindex) and op.fill is not None:
            op = Reindex(op.array, op.axes, op.rows, -1.0)
        return np.broadcast_to(REFERENCE[type(op)](self.run, op, flat), self.shape(op.cod[0]))

    @staticmethod
    def _terms(op: Einsum, have, place, sizes):
        """The letters of each term of an entry of the result that no mask makes 0."""
        fixed = dict(zip(op.out_letters, place))
        gone = [x for x in op.sizes if x not in fixed]
        for inner in itertools.product(*(range(sizes[x]) for x in gone)):
            at = fixed | dict(zip(gone, inner))
            picked = [tuple(at[x] for x in letters) for letters in op.letters]
            if not any(entries.masked[p] and entries.numbers[p] == 0 for entries, p in zip(have, picked)):
                yield picked

    # -- what is asked for ---------------------------------------------------------------
    def _backward(self) -> None:
        asked = [np.zeros(entries.numbers.shape, bool) for entries in self.entries]
        read = {wire for step in self.steps for wire in step.reads}
        for wire in {*self.outputs, *range(len(self.entries))} - (read - set(self.outputs)):
            asked[wire][...] = True             # what nothing reads is computed all the same
        for step in reversed(self.steps):
            op, have = step.op, [self.entries[wire] for wire in step.reads]
            want = [asked[wire] for wire in step.reads]
            if not step.writes:
                continue
            made, mine = self.entries[step.writes[0]], asked[step.writes[0]]
            if isinstance(op, Map):
                self._asks_map(op, have, want, made, mine)
            elif isinstance(op, (Reindex, View)):
                back = self._moved(op)
                want[0].ravel()[back[mine & (back >= 0)]] = True
            elif isinstance(op, Stop):
                want[0] |= mine
            elif isinstance(op, Reduce):
                self._asks_fold(op, have[0], want[0], mine & ~made.masked)
            elif isinstance(op, Einsum):
                self._asks_terms(op, have, want, mine & ~made.masked)
            elif isinstance(op, (Concat, Scan)):
                for ask in want:
                    ask[...] = True
            elif isinstance(op, Gather):
                for array, ask in zip(op.dom, want):
                    ask |= self._anywhere(mine & ~made.masked, op.cod[0], array, op.axis)
            elif isinstance(op, Segment):
                extra = op.index.without(*op.values.labels)
                pairs = op.values.with_axes((*extra, *op.values.axes))      # of an entry and where it goes
                units = self._spread(have[0].masked & (have[0].numbers == op.monoid.unit), op.values, pairs)
                new = self._anywhere(mine & ~made.masked, op.cod[0], pairs, op.axis, op.out.label) & ~units
                self.ledger.flops += int(new.sum()) * op.monoid.function.operations[0]
                for array, ask in zip(op.dom, want):
                    ask |= self._anywhere(new, pairs, array)
            elif not isinstance(op, (Iota, Constant, Parameter)):
                raise AssertionError(f"no rule for {op.name}")

    def _anywhere(self, mine, out, array, *free):
        """Entries that agree with one of ``mine`` on the labels that both have, but for the free ones."""
        common = [x for x in out.labels if x in array.labels and x not in free]
        some = mine.any(axis=tuple(n for n, x in enumerate(out.labels) if x not in common))
        rest = out.with_axes(axis for axis in out.axes if axis.label in common)
        return self._spread(some, rest, array)

    def _asks_map(self, op, have, want, made, mine) -> None:
        whole = made.truth or op.cod[0].dtype != "float"             # masks and positions are made whole
        mine = np.ones_like(mine) if whole else mine & ~made.masked
        flops, calls = op.counted.operations if self.truths or not whole else (0, 0)
        self.ledger.flops += int(mine.sum()) * flops
        self.ledger.transcendentals += int(mine.sum()) * calls
        chosen = None
        if op.function.name == "where":
            chosen = self._spread(have[0].numbers, op.arrays[0], op.cod[0])
        for n, array, ask in zip(op.arguments, op.arrays, want):
            reads = mine
            if chosen is not None and n > 0:
                reads = mine & (chosen != (0 if n == 1 else 1))
            for place in _places(reads):
                at = dict(zip(op.cod[0].labels, place))
                ask[tuple(at[x] for x in array.labels)] = True

    def _asks_fold(self, op, have, want, mine) -> None:
        labels, kept = op.array.labels, op.cod[0].labels
        left = ~(have.masked & (have.numbers == op.monoid.unit))
        for place in _places(mine):
            at = dict(zip(kept, place))
            line = tuple(at.get(x, slice(None)) for x in labels)
            self.ledger.flops += max(int(left[line].sum()) - 1, 0) * op.monoid.function.operations[0]
            want[line] |= left[line]

    def _asks_terms(self, op, have, want, mine) -> None:
        assert len(op.arrays) <= 2
        sizes = {x: self.run.size(n) for x, n in op.sizes.items()}
        summed, held = set(op.sizes) - set(op.out_letters), [set(own) for own in op.letters]
        # What one of two arrays has alone is summed before.
        alone = {x for x in summed if sum(x in own for own in held) == 1} if len(held) == 2 else set()
        entries, sums = [set() for _ in held], [set() for _ in held]
        for place in _places(mine):
            terms, products = list(self._terms(op, have, place, sizes)), set()
            for picked in terms:
                rest = []
                for ask, p, own, all_, some in zip(want, picked, op.letters, entries, sums):
                    ask[p] = True
                    rest.append(tuple(i for x, i in zip(own, p) if x not in alone))
                    all_.add(p)
                    some.add(rest[-1])
                products.add(tuple(rest))
            if len(op.arrays) == 1:
                self.ledger.flops += len(terms) - 1
            else:
                self.ledger.flops += len(products) * (2 if summed - alone else 1)
                self.matrix += len(products) * 2 if summed - alone else 0
        if alone:
            self.ledger.flops += sum(map(len, entries)) - sum(map(len, sums))


def count(diagram: Diagram, masks=None, truths: bool = True, **sizes) -> tuple[int, int, int]:
    """(FLOPs, those of contractions, transcendental calls) that masks leave, by counting.

    With ``truths`` what makes truth values counts whole, else not at all.
    """
    diagram = getattr(diagram, "diagram", diagram)
    found = Counter(diagram, masks or {}, sizes, truths)
    return found.ledger.flops, found.matrix, found.ledger.transcendentals
