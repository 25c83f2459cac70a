"""The fast search of schedules is the plain one: the same orders, peaks and sequences, entry by entry."""

from __future__ import annotations

import heapq
from random import Random

import ncd
from ncd import nn
from ncd.plan import opened
from ncd.plan.memory.memory import Levels, Memory, rearranged
from ncd.plan.memory.parts import Core
from ncd.plan.memory.recompute import _Search
from ncd.plan.memory.schedule import may_repeat, memory_of
from ncd.plan.memory.search import beam, exhaustive
from tests.unit.cost.test_search import wired


class Plain:
    """Moves between the sets of nodes done: all that can run is looked at again after each."""

    def __init__(self, part):
        self.part = part
        self.parents = [sum(1 << parent for parent in parents) for parents in part.before]
        self.masks = [sum(1 << reader for reader in readers) for _, readers in part.shared]
        self.full = (1 << len(part)) - 1

    def change(self, done, node):
        part, now = self.part, done | 1 << node
        return part.gain[node] - sum(part.shared[n][0] for n in part.reads[node] if not self.masks[n] & ~now)

    def run(self, done, ready, node):
        now = done | 1 << node
        more = [child for child in self.part.after[node] if not self.parents[child] & ~now]
        return now, (*(other for other in ready if other != node), *more)

    def settle(self, done, live, ready, peak):
        ran = []
        while (node := next((n for n in ready if live + self.part.need[n] <= peak
                             and self.change(done, n) <= 0), None)) is not None:
            live += self.change(done, node)
            done, ready = self.run(done, ready, node)
            ran.append(node)
        return done, live, ready, tuple(ran)

    def start(self, peak):
        return self.settle(0, self.part.start, tuple(n for n, p in enumerate(self.parents) if not p), peak)


def plain_exhaustive(part, below, floor, states):
    steps = Plain(part)
    peak = max(floor, part.start)
    done, live, ready, ran = steps.start(peak)
    best, came = {done: peak}, {done: (0, ran)}
    heap = [(peak, -done.bit_count(), done, live, ready)]
    looked = 0
    while heap:
        peak, _, done, live, ready = heapq.heappop(heap)
        if best[done] < peak:
            continue
        if done == steps.full:
            found = []
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
            now, after = steps.run(done, ready, node)
            now, level, after, ran = steps.settle(now, live + steps.change(done, node), after, most)
            if now not in best or most < best[now]:
                best[now], came[now] = most, (done, (node, *ran))
                heapq.heappush(heap, (most, -now.bit_count(), now, level, after))
    return None, True


def plain_beam(part, width):
    steps = Plain(part)
    done, live, ready, ran = steps.start(part.start)
    front = {done: (part.start, live, ready, ran)}
    while steps.full not in front:
        new = {}
        for done, (peak, live, ready, trail) in front.items():
            for node in ready:
                most = max(peak, live + part.need[node])
                now, after = steps.run(done, ready, node)
                now, level, after, ran = steps.settle(now, live + steps.change(done, node), after, most)
                if now not in new or (most, level) < new[now][:2]:
                    new[now] = (most, level, after, (*trail, node, *ran))
        front = {steps.full: new[steps.full]} if steps.full in new else dict(
            heapq.nsmallest(width, new.items(), key=lambda item: item[1][:2]))
    return list(front[steps.full][3])


def diagrams():
    """Derivatives with blocks and branches, and random graphs, with their sizes."""
    for name in ("residual_mlp", "multi_head_attention", "pre_norm_block"):
        made = opened(ncd.zoo.ZOO[name]().reverse().composite)
        yield made, {label: 3 + n for n, label in enumerate(sorted(made.symbols))}
    for seed in range(40):
        yield wired(Random(seed), seed % 2 == 0), {}


def test_the_moves_are_the_plain_ones():
    beams, stopped, searched, ended = 0, 0, 0, 0
    for diagram, sizes in diagrams():
        for part in Core(memory_of(diagram, sizes)[0]).parts:
            below = part.peak(range(len(part)))
            for width in (2, 7):
                found = plain_beam(part, width)
                assert beam(part, width) == found
                assert beam(part, width, part.peak(found) + 1) == found
                early = beam(part, width, below)
                assert early == found or (early is None and part.peak(found) >= below)
                beams, stopped = beams + (len(part) > 3), stopped + (early is None)
            for floor in (0, part.bound(part.ancestors(), range(len(part)))):
                known = plain_exhaustive(part, below + 1, floor, 300)
                assert exhaustive(part, below + 1, floor, 300) == known
                searched, ended = searched + (len(part) > 3), ended + known[1]
    assert beams > 50 and stopped >= 5 and searched > 50 and ended > 20


def repeated(diagram, draw) -> list[int]:
    """An order of a diagram in which some operations stand again, anywhere after their inputs."""
    order = list(range(len(diagram.graph)))
    for _ in range(draw.randint(0, 5)):
        place = draw.randint(1, len(order))
        again = [node for node in dict.fromkeys(order[:place]) if may_repeat(diagram.graph.ops[node])]
        order[place:place] = draw.sample(again, min(len(again), 3)) if again else []
    return order


def test_the_levels_of_an_order_are_those_of_its_graph():
    draw = Random(3)
    for diagram, sizes in diagrams():
        _, price = memory_of(diagram, sizes)
        levels = Levels(diagram.graph, price)
        for _ in range(6):
            order = repeated(diagram, draw)
            made = Memory(rearranged(diagram.graph, order)[0], price)
            during, _ = made.levels(range(len(order)))
            peak = max(during, default=0)
            assert levels.peak(order) == (peak, during.index(peak) if during else 0)


def plain_without(at, dropped) -> list[int]:
    """Each operation after the peak in turn, with what it misses made again before it."""
    graph, memory, top = at.graph, at.memory, at.top
    live = [n not in dropped and (buffer.held or max(buffer.readers, default=-1) > top)
            for n, buffer in enumerate(memory.buffers)]
    made: set[int] = set()
    order = list(range(top + 1))

    def run(node) -> None:
        for wire in graph.args[node]:
            again(wire)
        order.append(node)
        if node <= top:
            made.add(node)

    def again(wire) -> None:
        maker, root = graph.producer[wire], memory.root[wire]
        if 0 <= maker <= top and maker not in made and root is not None and not live[root] \
                and at.search.repeats[at.order[maker]]:
            run(maker)
    for node in range(top + 1, len(graph)):
        run(node)
    for wire in graph.outputs:
        again(wire)
    return [at.order[node] for node in order]


def test_what_is_made_again_is_what_is_missed():
    draw, count = Random(5), 0
    net = nn.linear("m -> m") >> nn.tanh
    deep = (net >> net >> net >> net).on("b m").reverse().composite
    for diagram, sizes in [(deep, {"b": 64, "m": 3}), *diagrams()]:
        search = _Search(diagram, range(len(diagram.graph)), sizes, None)
        for _ in range(3):
            at = search.measure(tuple(repeated(diagram, draw))) or search.start
            waiting = at.waiting()
            for size in range(1, min(len(waiting), 5) + 1):
                dropped = set(draw.sample(waiting, size))
                assert list(at.without(dropped)) == plain_without(at, dropped)
                count += 1
    assert count > 60
