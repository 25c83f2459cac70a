"""Less memory for more work: results given back at the peak and computed again before they are read.

At the step where the most bytes are live, a result that is only waiting for a later reader can be
dropped: whoever reads it after that step reads it computed again, from what was kept. Which to drop
is chosen as Chen et al. (2016) do, everything but a checkpoint each time a number of bytes has passed,
for many numbers, among the results that are cheap enough, for several bounds; and again at the peak
that is left, which nests the checkpoints. One result more or less is tried at the end.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import combinations
from typing import NamedTuple

from ncd.algebra.numbers import whole_numbers_of
from ncd.core.argument import public
from ncd.core.category import Diagram
from ncd.core.graph import Graph
from ncd.interpret.cost.rules import total_bytes
from ncd.interpret.interpretation import Interpretation
from ncd.plan.memory.memory import Levels, Memory, rearranged
from ncd.plan.memory.parts import Core
from ncd.plan.memory.schedule import Schedule, may_repeat, memory_of
from ncd.plan.memory.search import best_schedule, orders
from ncd.traverse.places import places

TRIES = 500                 # the schedules that are measured, fewer for large diagrams
PARTS = (1, 0.75, 0.5, 0.25)
FEW = 5                     # of so few results all sets are tried
STEPS = 400_000             # the operations in all of them


class Point(NamedTuple):
    """A schedule with its peak of memory (bytes) and the work that it does more (FLOP and calls)."""

    peak: int | float
    extra: int | float
    schedule: Schedule


class _Try:
    """A sequence of operations, measured: where its peak is; made a graph only where it is gone on from."""

    def __init__(self, search: _Search, order: tuple[int, ...]):
        self.order, self.search = order, search
        self.peak, self.top = search.levels.peak(order)
        self.extra = sum(map(search.work.__getitem__, order)) - search.once

    @cached_property
    def graph(self) -> Graph:
        return rearranged(self.search.graph, self.order)[0]

    @cached_property
    def memory(self) -> Memory:
        return Memory(self.graph, self.search.price)

    @cached_property
    def usable(self) -> list[bool]:
        """Whether each buffer is live after the peak."""
        return [buffer.held or max(buffer.readers, default=-1) > self.top for buffer in self.memory.buffers]

    def waiting(self) -> list[int]:
        """The buffers that only wait at the peak, and can be made again; in the order they are made."""
        top, repeats = self.top, self.search.repeats
        return [number for number, buffer in enumerate(self.memory.buffers)
                if buffer.maker < top and top not in buffer.readers
                and repeats[self.order[buffer.maker]] and self.usable[number]]

    def without(self, dropped: set[int]) -> tuple[int, ...]:
        """The sequence in which some buffers are dropped at the peak and made again when they are read."""
        graph, memory, top = self.graph, self.memory, self.top
        usable = self.usable.copy()
        for number in dropped:
            usable[number] = False
        made: set[int] = set()

        def missing(wires: Sequence[int]) -> list[int]:
            found = []
            for wire in wires:
                maker, root = graph.producer[wire], memory.root[wire]
                if 0 <= maker <= top and maker not in made and root is not None and not usable[root] \
                        and self.search.repeats[self.order[maker]]:
                    found.append(maker)
            return found
        again: list[int] = []

        def run(stack: list[int]) -> None:
            while stack:
                current = stack[-1]
                if current in made:
                    stack.pop()
                elif behind := missing(graph.args[current]):
                    stack.extend(reversed(behind))
                else:
                    stack.pop()
                    again.append(self.order[current])
                    made.add(current)
        # Only who reads what was dropped wants anything made again; all others stand as they are.
        found, start = list(self.order[:top + 1]), top + 1
        for node in sorted({reader for n in dropped for reader in memory.buffers[n].readers if reader > top}):
            if behind := missing(graph.args[node]):
                found += self.order[start:node]
                start, again = node, []
                run(behind[::-1])
                found += again
        found += self.order[start:]
        again = []
        run(missing(graph.outputs)[::-1])
        return (*found, *again)


class _Search:
    """What is measured so far, and the points that no other dominates."""

    def __init__(self, diagram: Diagram, order: Sequence[int], sizes, table: Interpretation | None):
        self.graph = diagram.graph
        _, self.price = memory_of(diagram, sizes, table)
        meter, numbers = self.price.meter, whole_numbers_of(sizes)
        work: dict[int, int | float] = {}
        for op in self.graph.ops:
            if id(op) not in work:
                flops, calls, *_ = meter.sums(op)
                work[id(op)] = (flops + calls).evaluate(numbers)
        self.work = [work[id(op)] for op in self.graph.ops]
        self.once = sum(self.work)
        self.repeats = [may_repeat(op) for op in self.graph.ops]
        self.levels = Levels(self.graph, self.price)
        self.left = max(20, min(TRIES, STEPS // (len(self.graph) + 1)))
        self.seen: set[tuple[int, ...]] = set()
        self.front: list[_Try] = []
        self.start = self.measure(order)

    def measure(self, order: Sequence[int]) -> _Try | None:
        """A sequence measured, and put among the others if none has both less memory and less work."""
        order = tuple(order)
        if order in self.seen or self.left <= 0:
            return None
        self.seen.add(order)
        self.left -= 1
        found = _Try(self, order)
        if not any(t.peak <= found.peak and t.extra <= found.extra for t in self.front):
            self.front = [t for t in self.front if not (found.peak <= t.peak and found.extra <= t.extra)]
            self.front.append(found)
            self.front.sort(key=lambda t: (t.extra, t.peak))
        return found

    def checkpoints(self, at: _Try, bounds: int, budgets: int) -> None:
        """Drop all that is cheap enough but a checkpoint each time a number of bytes has passed."""
        buffers, waiting = at.memory.buffers, at.waiting()
        if not waiting:
            return
        if len(waiting) <= FEW:
            for count in range(1, len(waiting) + 1):
                for chosen in combinations(waiting, count):
                    self.measure(at.without(set(chosen)))
            return
        price = {n: self.work[at.order[buffers[n].maker]] / buffers[n].size for n in waiting}
        ranked = sorted(set(price.values()))
        for bound in _spread(ranked, bounds):
            cheap = [n for n in waiting if price[n] <= bound]
            total, least = sum(buffers[n].size for n in cheap), min(buffers[n].size for n in cheap)
            for share in range(budgets):
                budget = least * (total / least) ** (share / max(1, budgets - 1))
                dropped, passed = [], 0
                for number in cheap:
                    passed += buffers[number].size
                    if passed > budget:
                        passed = 0
                    else:
                        dropped.append(number)
                for part in PARTS:      # the first of them alone, for those who want a little less only
                    if chosen := dropped[:math.ceil(len(dropped) * part)]:
                        self.measure(at.without(set(chosen)))

    def single(self, at: _Try, most: int) -> None:
        """Drop one result more: those that give back the most bytes for the work of making them."""
        buffers = at.memory.buffers
        ranked = sorted(at.waiting(), key=lambda n: (
            self.work[at.order[buffers[n].maker]] / buffers[n].size, -buffers[n].size))
        for number in ranked[:most]:
            self.measure(at.without({number}))

    def reordered(self, at: _Try) -> None:
        """The same operations in the order of least memory; what is computed again is an operation too."""
        core = Core(at.memory)
        self.measure([at.order[node] for node in core.whole(orders(core))])


@public
def pareto(diagram: Diagram, *, interpretation: Interpretation | None = None, **sizes) -> list[Point]:
    """The schedules of which no other found has both a lower peak and less work, the least work first.

    Equation:  peak = max over steps of Σ bytes live, with inputs and parameters  (bytes)
               extra = Σ over repeated operations of FLOP and transcendental calls
    The first point is the best schedule without recomputation. Operations with a place (parameters,
    keys), and random numbers, are never computed again; a block is computed again as a whole
    (:func:`opened` opens it). The search is bounded: the front is what it finds, each point measured on
    the diagram with its operations repeated.

    Parameters:
        interpretation: The table of costs; ``ncd.cost`` if none is given.
        sizes: A number for each size that the memory and the work depend on.
    Raises:
        SizeError: A size is not given (all are listed), or is not a positive integer.
    Source: Chen, Xu, Zhang, Guestrin, Training deep nets with sublinear memory cost, 2016,
        arXiv 1604.06174; Griewank, Walther 2000 (nested checkpoints).

    >>> import ncd
    >>> layer = ncd.elementwise("exp").on("x") >> ncd.elementwise("sin")
    >>> deep = layer >> layer >> layer
    >>> for point in pareto(deep.reverse().composite, x=1000):
    ...     print(point.peak, point.extra, len(point.schedule.recomputed))
    28000 0 0
    24000 1000 1
    20000 4000 3
    """
    first = best_schedule(diagram, interpretation=interpretation, **sizes)
    search = _Search(first.written, first.order, sizes, interpretation)
    search.checkpoints(search.start, 6, 12)
    for _ in range(3):
        for at in _spread(search.front, 8):
            search.checkpoints(at, 2, 5)
            search.single(at, 4)
    for at in _spread(search.front, 20):
        if len(at.order) <= 2_000:
            search.left += 1                # each of these may be put in a better order
            search.reordered(at)
    beside = _given(first.written, sizes, search)
    return [Point(at.peak + beside, at.extra, Schedule(first.written, at.order, interpretation))
            for at in search.front]


def _given(diagram: Diagram, sizes, search: _Search) -> int | float:
    """The bytes of the inputs and the parameters."""
    convention = search.price.meter.convention
    arrays = (*diagram.graph.inputs, *(slot.array for slot in places(diagram)[0].values()))
    return total_bytes(arrays, convention).evaluate(whole_numbers_of(sizes))


def _spread(items: Sequence, count: int) -> Iterable:
    """So many of the items, the first and the last among them, evenly apart."""
    if len(items) <= count:
        return list(items)
    return [items[round(n * (len(items) - 1) / (count - 1))] for n in range(count)]
