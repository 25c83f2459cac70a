"""The order with the lowest peak of memory: exact where it can be, never worse than what is written.

Pebbling a graph with the fewest pebbles is NP-hard (Sethi 1975). So the graph is cut into parts that
stand one after another; a part that is series-parallel is solved by hills and valleys
(:mod:`ncd.plan.memory.series_parallel`); another by a search of the sets of operations done, which is exact
if it ends within its bound; what remains by list scheduling and a beam. A bound below every order
says where the optimum is reached.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from ncd.core.argument import public
from ncd.core.category import Diagram
from ncd.interpret.interpretation import Interpretation
from ncd.ops.control import Block, Scan
from ncd.plan.memory.parts import Core, Part
from ncd.plan.memory.schedule import Schedule, memory_of
from ncd.plan.memory.series_parallel import composed

STATES = 20_000             # the sets of operations that one exact search may look at
CLOSED = 2_000              # up to so many operations of a part the transitive closure is made
WIDTH = 24                  # the orders that a beam keeps


@public
def best_schedule(diagram: Diagram, *, interpretation: Interpretation | None = None, **sizes) -> Schedule:
    """The order of a diagram's operations with the lowest peak of memory that is found.

    Equation:  min over the topological orders of max over steps of Σ bytes live  (bytes)
    It is the optimum where each part is series-parallel, or where the exact search ends within
    its bound; otherwise what list scheduling and a beam find, and never worse than what is written.
    A block is one operation; its inside is ordered as well, by itself, as is a scan's body.

    Parameters:
        interpretation: The table of costs; ``ncd.cost`` if none is given.
        sizes: A number for each size that the memory depends on.
    Raises:
        SizeError: A size is not given (all are listed), or is not a positive integer.
    Source: Liu 1987; Kayaaslan, Lambert, Marchal, Uçar 2018.

    >>> import ncd
    >>> @ncd.diagram("x, x")
    ... def wide(a, b):
    ...     a, b = ncd.rearrange("x -> x y")(a), ncd.rearrange("x -> x y")(b)
    ...     return ncd.reduce("sum", "y")(a) + ncd.reduce("sum", "y")(b)
    >>> found = best_schedule(wide, x=10, y=100)
    >>> wide.cost().evaluate(x=10, y=100)["activations"], found.cost().evaluate(x=10, y=100)["activations"]
    (8040, 4080)
    """
    diagram = getattr(diagram, "diagram", diagram)
    diagram = _insides(diagram, sizes, interpretation)
    return Schedule(diagram, _lowest(diagram, sizes, interpretation), interpretation)


def _lowest(diagram: Diagram, sizes, table: Interpretation | None) -> Sequence[int]:
    """The best order found, or the one written where none is better."""
    memory, _ = memory_of(diagram, sizes, table)
    core = Core(memory)
    found = core.whole(orders(core))
    return found if memory.peak(found) < memory.peak() else range(len(memory))


def _insides(diagram: Diagram, sizes, table: Interpretation | None) -> Diagram:
    """The diagram with the bodies of its blocks and scans in their best orders; nothing recurses."""
    known: dict[int, Diagram] = {}
    stack = [(diagram, False)]
    while stack:
        current, ready = stack.pop()
        if id(current) in known:
            continue
        bodies = [op.body for op in current.graph.ops if isinstance(op, (Block, Scan))]
        if not ready:
            stack.append((current, True))
            stack.extend((body, False) for body in bodies)
            continue
        changed = {id(op): replace(op, body=known[id(op.body)]) for op in current.graph.ops
                   if isinstance(op, (Block, Scan)) and known[id(op.body)] is not op.body}
        made = current
        if changed:
            graph = current.graph
            made = Diagram.of(current.dom, [(changed.get(id(op), op), args) for op, args in zip(
                graph.ops, graph.args)], graph.outputs)
            vars(made).update(current._told())
        if current is not diagram and len(current.graph) > 2:
            order = tuple(_lowest(made, sizes, table))
            if order != tuple(range(len(order))):
                made = Schedule(made, order).diagram
        known[id(current)] = made
    return known[id(diagram)]


def orders(core: Core) -> list[list[int]]:
    """An order of each part; those where the peak is not are left as list scheduling has them."""
    rough = [_rough(part) for part in core.parts]
    peaks = [part.peak(order) for part, order in zip(core.parts, rough)]
    reached = 0             # some part needs as much in every order: no other needs to do with less
    for number in sorted(range(len(rough)), key=lambda n: -peaks[n]):
        if peaks[number] <= reached:
            break
        rough[number] = _refined(core.parts[number], rough[number], reached)
        reached = max(reached, core.parts[number].peak(rough[number]))
    return rough


def _rough(part: Part) -> list[int]:
    """The best of what is written and of list scheduling by three preferences."""
    written = list(range(len(part)))
    if len(part) == 1:
        return written
    found = [greedy(part, by) for by in (0, 1, 2)]
    return min([written, *found], key=part.peak)


def _refined(part: Part, best: list[int], reached) -> list[int]:
    """The best order that is found for a part; no less than what is reached elsewhere is looked for."""
    if len(part) > CLOSED:
        return best
    ancestors = part.ancestors()
    floor = max(reached, part.bound(ancestors, best))
    if part.peak(best) <= floor:
        return best
    candidate, exact = by_hills(part, best, ancestors)
    best = min(best, candidate, key=part.peak)
    if exact or part.peak(best) <= floor:
        return best
    limit = min(STATES, 20_000_000 // len(part) ** 2)
    candidate, proven = exhaustive(part, part.peak(best), floor, limit)
    if candidate is not None:
        best = candidate
    if proven or part.peak(best) <= floor:
        return best
    candidate = beam(part, max(2, min(WIDTH, 4_000_000 // len(part) ** 2)), part.peak(best))
    return best if candidate is None else min(best, candidate, key=part.peak)


def by_hills(part: Part, known: Sequence[int], ancestors: Sequence[int]) -> tuple[list[int], bool]:
    """The order that series-parallel composition gives, and whether it is the optimum.

    It is, if every buffer has a reader that all its others stand before; of the others the one that
    is last in a known order is taken to give it back.
    """
    place = {node: n for n, node in enumerate(known)}
    change, fixed = list(part.gain), True
    for size, readers in part.shared:
        bits = sum(1 << reader for reader in readers)
        last = next((r for r in readers if not bits & ~ancestors[r] & ~(1 << r)), None)
        if last is None:
            fixed, last = False, max(readers, key=place.__getitem__)
        change[last] -= size
    order, exact = composed(range(len(part)), part.before, part.after, part.need, change,
                            lambda nodes: sorted(nodes, key=place.__getitem__))
    return order, exact and fixed


# -- list scheduling ---------------------------------------------------------------------
def greedy(part: Part, by: int = 0) -> list[int]:
    """List scheduling: of what can run, first what frees memory, then what adds the least.

    Parameters:
        by: What is compared: 0 the bytes added, 1 those needed, 2 the bytes added, later nodes first.
    """
    waiting = [len(parents) for parents in part.before]
    left = [len(readers) for _, readers in part.shared]
    done = [False] * len(part)

    def key(node: int) -> tuple:
        change = part.gain[node] - sum(part.shared[n][0] for n in part.reads[node] if left[n] == 1)
        if change <= 0:
            return 0, part.need[node], node
        return (1, part.need[node], node) if by == 1 else (1, change, -node if by == 2 else node)
    heap = [(key(node), node) for node in range(len(part)) if waiting[node] == 0]
    heapq.heapify(heap)
    found: list[int] = []
    while heap:
        old, node = heapq.heappop(heap)
        if done[node]:
            continue
        new = key(node)
        if new != old:
            heapq.heappush(heap, (new, node))
            continue
        done[node] = True
        found.append(node)
        for number in part.reads[node]:
            left[number] -= 1
            if left[number] == 1:       # whoever is left gives it back: it has become cheaper
                for reader in part.shared[number][1]:
                    if not done[reader] and waiting[reader] == 0:
                        heapq.heappush(heap, (key(reader), reader))
        for child in part.after[node]:
            waiting[child] -= 1
            if waiting[child] == 0:
                heapq.heappush(heap, (key(child), child))
    return found


# -- sets of nodes done ------------------------------------------------------------------
class _State(NamedTuple):
    """A set of nodes done as bits, the peak on the way and the bytes live; what can run, in order."""

    peak: int | float
    live: int | float
    done: int
    ready: tuple[int, ...]


class _Steps:
    """Moves between the sets of nodes done.

    After each move what gives back as much as it takes and fits below the peak is run too, the first of
    what can run each time: no order loses by it. A node gives back more only where it has become the last
    reader of a buffer, so that a move looks at its own buffers and children, and not at all that can run.
    """

    def __init__(self, part: Part):
        self.part, self.full = part, (1 << len(part)) - 1
        self.parents = [sum(1 << parent for parent in parents) for parents in part.before]
        # The bytes that a node adds where it is not the last reader of what others read too, and those.
        self.least = [part.gain[node] - sum(part.shared[n][0] for n in part.reads[node]
                                            if len(part.shared[n][1]) == 1) for node in range(len(part))]
        bits = [sum(1 << reader for reader in readers) for _, readers in part.shared]
        self.beside = [[(part.shared[n][0], bits[n] & ~(1 << node)) for n in part.reads[node]
                        if len(part.shared[n][1]) > 1] for node in range(len(part))]
        # Whether a node may add nothing, and those after it with all that stands before each.
        self.may = [least <= sum(size for size, _ in more) for least, more in zip(self.least, self.beside)]
        self.after = [[(child, self.parents[child]) for child in children] for children in part.after]

    def change(self, done: int, node: int):
        """The bytes that a node adds after what is done."""
        found = self.least[node]
        for size, others in self.beside[node]:
            if not others & ~done:
                found -= size
        return found

    def start(self, floor) -> tuple[_State, tuple[int, ...]]:
        """What is done of itself, with what is live at the start or a floor as the peak; and what ran."""
        ready = tuple(node for node, parents in enumerate(self.parents) if not parents)
        easy = {node: place for place, node in enumerate(ready) if self.change(0, node) <= 0}
        places = {node: place for place, node in enumerate(ready)}
        peak = max(floor, self.part.start)
        done, live, ran = self._settled(0, self.part.start, easy, places, peak, [])
        return self.state(peak, live, done, ready, ran), tuple(ran)

    def moves(self, state: _State, seen: set[tuple[int, Any]], below=math.inf) -> Iterator[tuple]:
        """(peak, bytes live, what is done, what ran) after each node that can run and stays below a peak.

        What is easy leads from one set of nodes done, at one peak, to one set, in whatever order it is run:
        each such pair is looked at once, and put among those seen.
        """
        peak, live, done, ready = state
        need, may, least = self.part.need, self.may, self.least
        changes = [self.change(done, node) if may[node] else least[node] for node in ready]
        places = {node: place for place, node in enumerate(ready)}
        easy = {node: place for node, place in places.items() if changes[place] <= 0}
        for node, change in zip(ready, changes):
            most = live + need[node]
            if most < peak:
                most = peak
            way = done | 1 << node, most
            if most < below and way not in seen:
                seen.add(way)
                left = dict(easy)
                left.pop(node, None)
                # Without the bytes of buffers that others read too where this one is the last reader.
                change = change if may[node] else self.change(done, node)
                now, level, ran = self._settled(way[0], live + change, left, places, most, [node])
                yield most, level, now, tuple(ran)

    def _settled(self, done: int, live, easy: dict[int, int], places: dict[int, int], peak,
                 ran: list[int]) -> tuple[int, Any, list[int]]:
        """What is done, live and ran, once what is easy has run too.

        Parameters:
            easy: What could run and adds no bytes, {node: its place among what could run}; it is used up.
            places: The places of what could run before what ran.
        """
        need, may, change = self.part.need, self.may, self.change
        new: dict[int, int] = {}                # the places of what can run now and could not before
        last = ran[-1] if ran else None
        while True:
            if last is not None:
                left = ~done
                for child, parents in self.after[last]:
                    if not parents & left:
                        new[child] = len(places) + len(new)
                        if may[child] and change(done, child) <= 0:
                            easy[child] = new[child]
                for _, others in self.beside[last]:
                    rest = others & left
                    if rest and not rest & (rest - 1):          # one reader is left
                        other = rest.bit_length() - 1
                        if may[other] and other not in easy and not self.parents[other] & left \
                                and change(done, other) <= 0:
                            easy[other] = places[other] if other in places else new[other]
            last = None
            for node, place in easy.items():
                if live + need[node] <= peak and (last is None or place < easy[last]):
                    last = node
            if last is None:
                return done, live, ran
            del easy[last]
            live += change(done, last)
            done |= 1 << last
            ran.append(last)

    def state(self, peak, live, done: int, ready: Sequence[int], ran: Sequence[int]) -> _State:
        """The state after a move, out of what could run before it."""
        before, new = done, []
        for node in ran:
            before &= ~(1 << node)
        for node in ran:
            before |= 1 << node
            new += [child for child in self.part.after[node] if not self.parents[child] & ~before]
        return _State(peak, live, done, tuple(node for node in (*ready, *new) if not done >> node & 1))


def exhaustive(part: Part, below, floor, states: int) -> tuple[list[int] | None, bool]:
    """An order with a lower peak than given, by the sets of nodes done, the lowest peak first.

    Returns (the order, or None; whether none is lower than what is known now).
    """
    steps = _Steps(part)
    first, ran = steps.start(floor)
    best = {first.done: first.peak}
    came: dict[int, tuple[int, tuple]] = {first.done: (0, ran)}
    heap = [(first.peak, -first.done.bit_count(), first.done, first.live, first.ready, ())]
    looked, seen = 0, set()
    while heap:
        peak, _, done, live, ready, ran = heapq.heappop(heap)
        if best[done] < peak:
            continue
        if done == steps.full:
            found: list[int] = []
            while done:
                done, ran = came[done]
                found[:0] = ran
            return found, True
        looked += 1
        if looked > states:
            return None, False
        state = steps.state(peak, live, done, ready, ran)
        for most, level, now, ran in steps.moves(state, seen, below):
            if now not in best or most < best[now]:
                best[now], came[now] = most, (done, ran)
                heapq.heappush(heap, (most, -now.bit_count(), now, level, state.ready, ran))
    return None, True


def beam(part: Part, width: int, below=math.inf) -> list[int] | None:
    """The order that a beam finds: at each step the sets with the lowest peaks are kept.

    Parameters:
        below: The peak of interest: None is returned as soon as all that are kept have reached it.
    """
    steps = _Steps(part)
    first, ran = steps.start(part.start)
    # (a state, what ran on the way as a linked list)
    front: list[tuple[_State, tuple]] = [(first, (None, ran))]
    while front[0][0].done != steps.full:
        if front[0][0].peak >= below:               # that of the first is the lowest
            return None
        seen: set[tuple[int, Any]] = set()
        new: dict[int, tuple] = {}          # {the set done: (peak, live, what could run before, the way)}
        for state, trail in front:
            for most, level, now, ran in steps.moves(state, seen):
                if now not in new or (most, level) < new[now][:2]:
                    new[now] = (most, level, state.ready, (trail, ran))
        kept = [(steps.full, new[steps.full])] if steps.full in new else heapq.nsmallest(
            width, new.items(), key=lambda item: item[1][:2])
        front = [(steps.state(most, level, now, ready, trail[1]), trail)
                 for now, (most, level, ready, trail) in kept]
    found: list[int] = []
    trail = front[0][1]
    while trail is not None:
        trail, ran = trail
        found[:0] = ran
    return found
