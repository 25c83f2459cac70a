"""The order with the lowest peak of memory: exact where it can be, never worse than what is written.

Pebbling a graph with the fewest pebbles is NP-hard (Sethi 1975). So the graph is cut into parts that
stand one after another; a part that is series-parallel is solved by hills and valleys
(:mod:`ncd.interpret.cost.merging`); another by a search of the sets of operations done, which is exact
if it ends within its bound; what remains by list scheduling and a beam. A bound below every order
says where the optimum is reached.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import replace

from ncd.core.category import Diagram
from ncd.interpret.cost.core import Core, Part
from ncd.interpret.cost.merging import composed
from ncd.interpret.cost.schedule import Schedule, memory_of
from ncd.interpret.interpretation import Interpretation
from ncd.ops.control import Block, Scan

STATES = 20_000             # the sets of operations that one exact search may look at
CLOSED = 2_000              # up to so many operations of a part the transitive closure is made
WIDTH = 24                  # the orders that a beam keeps


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
    ...     a, b = ncd.einsum("x -> x y")(a), ncd.einsum("x -> x y")(b)
    ...     return ncd.reduce("sum", "y")(a) + ncd.reduce("sum", "y")(b)
    >>> found = best_schedule(wide, x=10, y=100)
    >>> wide.cost().evaluate(x=10, y=100)["activations"], found.cost().evaluate(x=10, y=100)["activations"]
    (8040, 4080)
    """
    diagram = _insides(getattr(diagram, "diagram", diagram), sizes, interpretation)
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
    candidate = beam(part, max(2, min(WIDTH, 4_000_000 // len(part) ** 2)))
    return min(best, candidate, key=part.peak)


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
class _Steps:
    """Moves between the sets of nodes done, as bits."""

    def __init__(self, part: Part):
        self.part = part
        self.parents = [sum(1 << parent for parent in parents) for parents in part.before]
        self.masks = [sum(1 << reader for reader in readers) for _, readers in part.shared]
        self.full = (1 << len(part)) - 1

    def change(self, done: int, node: int):
        part, now = self.part, done | 1 << node
        return part.gain[node] - sum(part.shared[n][0] for n in part.reads[node] if not self.masks[n] & ~now)

    def run(self, done: int, ready: tuple, node: int) -> tuple[int, tuple]:
        now = done | 1 << node
        more = [child for child in self.part.after[node] if not self.parents[child] & ~now]
        return now, (*(other for other in ready if other != node), *more)

    def settle(self, done: int, live, ready: tuple, peak) -> tuple[int, object, tuple, tuple]:
        """Run what gives back as much as it takes and fits below the peak: no order loses by it."""
        ran: list[int] = []
        moved = True
        while moved:
            moved = False
            for node in ready:
                if live + self.part.need[node] <= peak and (change := self.change(done, node)) <= 0:
                    done, ready = self.run(done, ready, node)
                    live += change
                    ran.append(node)
                    moved = True
                    break
        return done, live, ready, tuple(ran)


def exhaustive(part: Part, below, floor, states: int) -> tuple[list[int] | None, bool]:
    """An order with a lower peak than given, by the sets of nodes done, the lowest peak first.

    Returns (the order, or None; whether none is lower than what is known now).
    """
    steps, start = _Steps(part), tuple(node for node, parents in enumerate(part.before) if not parents)
    done, live, ready, ran = steps.settle(0, part.start, start, max(floor, part.start))
    best = {done: max(floor, part.start)}
    came: dict[int, tuple[int, tuple]] = {done: (0, ran)}
    heap = [(best[done], -done.bit_count(), done, live, ready)]
    looked = 0
    while heap:
        peak, _, done, live, ready = heapq.heappop(heap)
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
        for node in ready:
            most = max(peak, live + part.need[node])
            if most >= below:
                continue
            change = steps.change(done, node)
            now, after = steps.run(done, ready, node)
            now, level, after, ran = steps.settle(now, live + change, after, most)
            if now not in best or most < best[now]:
                best[now], came[now] = most, (done, (node, *ran))
                heapq.heappush(heap, (most, -now.bit_count(), now, level, after))
    return None, True


def beam(part: Part, width: int) -> list[int]:
    """The order that a beam finds: at each step the sets with the lowest peaks are kept."""
    steps, start = _Steps(part), tuple(node for node, parents in enumerate(part.before) if not parents)
    done, live, ready, ran = steps.settle(0, part.start, start, part.start)
    # {the set done: (peak, live, ready, what ran as a linked list)}
    front = {done: (part.start, live, ready, (None, ran))}
    while steps.full not in front:
        new: dict[int, tuple] = {}
        for done, (peak, live, ready, trail) in front.items():
            for node in ready:
                most = max(peak, live + part.need[node])
                change = steps.change(done, node)
                now, after = steps.run(done, ready, node)
                now, level, after, ran = steps.settle(now, live + change, after, most)
                if now not in new or (most, level) < new[now][:2]:
                    new[now] = (most, level, after, (trail, (node, *ran)))
        kept = heapq.nsmallest(width, new.items(), key=lambda item: item[1][:2])
        front = {steps.full: new[steps.full]} if steps.full in new else dict(kept)
    found: list[int] = []
    trail = front[steps.full][3]
    while trail is not None:
        trail, ran = trail
        found[:0] = ran
    return found
