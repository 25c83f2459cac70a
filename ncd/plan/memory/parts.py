"""What is left to decide about an order: the nodes that take memory, in parts that stand one after another.

Parameters, views and whatever else takes nothing run as soon as they can, which is never worse. What
is left falls into parts, each wholly before the next; every schedule goes through them in that order,
so that each is a problem of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

from ncd.plan.memory.memory import Memory
from ncd.plan.memory.series_parallel import series


class Part:
    """The nodes of one part, numbered from 0 in a topological order.

    Attributes:
        nodes: Their numbers in the core.
        start: The bytes live before it.
        need: The bytes that each takes while it runs.
        gain: The bytes of each one's results, without those that nothing reads.
        shared: (bytes, readers) of each buffer that is given back here, after its last reader.
        makers: Who makes each of those; None if it is there from the start.
        reads: For each node the places in ``shared`` of what it reads.
        before, after: For each node those directly before and after it.
    """

    def __init__(self, nodes: Sequence[int], start, need, gain, shared, makers,
                 before, after):
        self.nodes, self.start, self.need, self.gain, self.shared = list(nodes), start, need, gain, shared
        self.before, self.after, self.makers = before, after, makers
        self.reads: list[list[int]] = [[] for _ in nodes]
        for number, (_, readers) in enumerate(shared):
            for node in readers:
                self.reads[node].append(number)

    def __len__(self) -> int:
        return len(self.nodes)

    def peak(self, order: Sequence[int]):
        """The most bytes at once."""
        return max([self.start, *self.during(order)])

    def during(self, order: Sequence[int]) -> list:
        """The bytes while each of an order runs."""
        live, found = self.start, []
        waiting = [len(readers) for _, readers in self.shared]
        for node in order:
            found.append(live + self.need[node])
            live += self.gain[node]
            for number in self.reads[node]:
                waiting[number] -= 1
                if waiting[number] == 0:
                    live -= self.shared[number][0]
        return found

    def ancestors(self) -> list[int]:
        """For each node the set of those before it, as bits."""
        found: list[int] = []
        for parents in self.before:
            bits = 0
            for parent in parents:
                bits |= found[parent] | 1 << parent
            found.append(bits)
        return found

    def bound(self, ancestors: Sequence[int], order: Sequence[int]):
        """No order does with less: what is there in all of them while a node runs.

        A buffer is, if its maker has run and one of its readers has not, whatever the order. At a node
        that is no more than what it takes in the order given, so that few nodes are looked at.
        """
        down = [1 << node for node in range(len(self))]     # a node and what it stands before
        for node in range(len(self) - 1, -1, -1):
            for parent in self.before[node]:
                down[parent] |= down[node]
        masks = [sum(1 << reader for reader in readers) for _, readers in self.shared]
        outside, staying = self.start, list(self.gain)
        for (size, _), maker in zip(self.shared, self.makers):
            if maker is None:
                outside -= size
            else:
                staying[maker] -= size
        stays = [node for node in range(len(self)) if staying[node]]
        best = 0
        for most, node in sorted(zip(self.during(order), order), reverse=True):
            if most <= best:
                break
            above = ancestors[node]
            live = outside + self.need[node] + sum(staying[other] for other in stays if above >> other & 1)
            for (size, _), maker, mask in zip(self.shared, self.makers, masks):
                if (maker is None or above >> maker & 1) and mask & down[node]:
                    live += size
            best = max(best, live)
        return best


class Core:
    """The nodes of a memory that take any, and the parts that they fall into."""

    def __init__(self, memory: Memory):
        self.memory = memory
        number: dict[int, int] = {}
        self.nodes: list[int] = []
        before: list[list[int]] = []
        # For each node the core nodes right before it, through nodes that take nothing.
        above: list[tuple[int, ...]] = []
        for node in range(len(memory)):
            parents: dict[int, None] = {}
            for parent in memory.before[node]:
                if parent in number:
                    parents[number[parent]] = None
                else:
                    parents.update(dict.fromkeys(above[parent]))
            above.append(tuple(parents))
            if memory.need[node]:
                number[node] = len(self.nodes)
                self.nodes.append(node)
                before.append(list(parents))
        self.above, self.number, self.before = above, number, before
        self.after: list[list[int]] = [[] for _ in self.nodes]
        for node, parents in enumerate(before):
            for parent in parents:
                self.after[parent].append(node)
        self.parts = self._parts()

    def _readers(self, readers) -> set[int]:
        """Who reads a buffer; what takes nothing reads it as soon as what stands before has run."""
        found: set[int] = set()
        for node in readers:
            if node in self.number:
                found.add(self.number[node])
            else:
                found.update(self.above[node])
        return found

    def _parts(self) -> list[Part]:
        memory, groups = self.memory, series(range(len(self.nodes)), self.before, self.after)
        home = {node: number for number, group in enumerate(groups) for node in group}
        local = {node: place for group in groups for place, node in enumerate(group)}
        gain = [0] * len(self.nodes)
        shared: list[list] = [[] for _ in groups]
        makers: list[list] = [[] for _ in groups]
        for buffer in memory.buffers:
            maker, readers = self.number[buffer.maker], self._readers(buffer.readers)
            readers.discard(maker)
            if not readers and not buffer.held:
                continue
            gain[maker] += buffer.size
            if not buffer.held:
                last = max(home[reader] for reader in readers)
                shared[last].append((buffer.size, tuple(
                    sorted(local[reader] for reader in readers if home[reader] == last))))
                makers[last].append(local[maker] if home[maker] == last else None)
        parts, live = [], 0
        for number, group in enumerate(groups):
            inside = set(group)
            part = Part(group, live, [memory.need[self.nodes[node]] for node in group],
                        [gain[node] for node in group], shared[number], makers[number],
                        [[local[p] for p in self.before[node] if p in inside] for node in group],
                        [[local[c] for c in self.after[node] if c in inside] for node in group])
            parts.append(part)
            live += sum(part.gain) - sum(size for size, _ in part.shared)
        return parts

    def whole(self, orders: Sequence[Sequence[int]]) -> list[int]:
        """An order of all nodes out of one of each part."""
        memory = self.memory
        free = [node not in self.number for node in range(len(memory))]
        # What takes nothing and depends on nothing that does, as a parameter, runs when it is first read.
        source = [free[node] and not self.above[node] for node in range(len(memory))]
        waiting = [sum(not source[parent] for parent in parents) for parents in memory.before]
        done = [False] * len(memory)
        found: list[int] = []
        for part, order in zip(self.parts, orders):
            for place in order:
                stack = [self.nodes[part.nodes[place]]]
                while stack:
                    node = stack[-1]
                    behind = [] if done[node] else [p for p in memory.before[node] if not done[p]]
                    if behind:
                        stack.extend(reversed(behind))
                        continue
                    stack.pop()
                    if done[node]:
                        continue
                    done[node] = True
                    found.append(node)
                    if source[node]:
                        continue
                    for child in memory.after[node]:
                        waiting[child] -= 1
                    stack.extend(child for child in reversed(memory.after[node])
                                 if waiting[child] == 0 and free[child])
        return [*found, *(node for node in range(len(memory)) if not done[node])]
