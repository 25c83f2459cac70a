"""A wire graph as a problem of memory in numbers: what each node takes, who reads what it makes.

A *buffer* is the memory of a result and of all its views. It is taken when its node runs and given
back after its last reader, or never, if it is an output. The bytes at a node are those live before
it and what it needs. Inputs and parameters are there all the time and count nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ncd.core.graph import Graph
from ncd.core.op import Operation
from ncd.interpret.cost.meter import Meter


class Buffer(NamedTuple):
    """Bytes that a node makes, the nodes that read them, and whether they outlive the graph."""

    size: int | float
    maker: int
    readers: frozenset[int]
    held: bool


class Pricer:
    """What operations need at given sizes: each distinct operation is evaluated once."""

    def __init__(self, meter: Meter, sizes: Mapping[str, int]):
        self.meter, self.sizes = meter, sizes
        # By identity: equal operations may hold bodies in different orders.
        self.known: dict[int, tuple[Operation, tuple, tuple, int | float]] = {}

    def __call__(self, op: Operation) -> tuple[tuple, tuple, int | float]:
        """Whose memory each result is, the bytes of each result, and all that is needed at once."""
        found = self.known.get(id(op))
        if found is None:
            made, need = self.meter.room(op)
            found = self.known[id(op)] = (op, self.meter.returns(op),
                                          tuple(size.evaluate(self.sizes) for size in made),
                                          need.evaluate(self.sizes))
        return found[1:]


class Memory:
    """The memory of a graph at given sizes.

    Attributes:
        need: For each node the bytes that it takes while it runs.
        buffers: Those that the nodes make.
        makes, reads: For each node the buffers that it makes, and those of others that it reads.
        before, after: For each node the nodes that it reads from, and those that read from it.
    """

    def __init__(self, graph: Graph, price: Pricer):
        self.graph = graph
        root: list[int | None] = [None] * len(graph.inputs)        # wire -> buffer
        self.need: list[int | float] = []
        self.makes: list[tuple[int, ...]] = []
        self.reads: list[tuple[int, ...]] = []
        self.before: list[tuple[int, ...]] = []
        self.after: list[list[int]] = [[] for _ in graph.ops]
        sizes: list[int | float] = []
        makers: list[int] = []
        readers: list[list[int]] = []
        producer = graph.producer
        for node, (op, args) in enumerate(zip(graph.ops, graph.args)):
            returns, made, need = price(op)
            self.need.append(need)
            own: list[int] = []
            for place, (n, size) in enumerate(zip(returns, made)):
                if n is None:
                    root.append(None)
                elif n >= 0:
                    root.append(root[args[n]])
                elif n == -1 - place:
                    own.append(len(sizes))
                    root.append(len(sizes))
                    sizes.append(size)
                    makers.append(node)
                    readers.append([])
                else:
                    root.append(root[graph.first[node] - 1 - n])
            read = tuple(dict.fromkeys(root[wire] for wire in args if root[wire] is not None))
            for buffer in read:
                readers[buffer].append(node)
            self.makes.append(tuple(own))
            self.reads.append(read)
            parents = tuple(dict.fromkeys(producer[wire] for wire in args if producer[wire] >= 0))
            for parent in parents:
                self.after[parent].append(node)
            self.before.append(parents)
        held = {root[wire] for wire in graph.outputs}
        self.root = root
        self.buffers = [Buffer(size, maker, frozenset(nodes), number in held) for number, (
            size, maker, nodes) in enumerate(zip(sizes, makers, readers))]

    def __len__(self) -> int:
        return len(self.need)

    def levels(self, order: Iterable[int]) -> tuple[list, list]:
        """The bytes while each node runs, and those live after it, in an order that holds each once."""
        waiting = [len(buffer.readers) for buffer in self.buffers]
        live, during, left = 0, [], []
        for node in order:
            during.append(live + self.need[node])
            for number in self.makes[node]:
                live += self.buffers[number].size
            for number in self.reads[node]:
                waiting[number] -= 1
            for number in (*self.makes[node], *self.reads[node]):
                if waiting[number] == 0 and not self.buffers[number].held:
                    live -= self.buffers[number].size
            left.append(live)
        return during, left

    def peak(self, order: Iterable[int] | None = None) -> int | float:
        """The most bytes at once."""
        return max(self.levels(range(len(self)) if order is None else order)[0], default=0)


class Levels:
    """The peaks of the orders of one graph, in which operations may stand again.

    They are those of the memory of :func:`rearranged`, which is not made: one walk finds the last reader of
    each buffer, a second one what is live.
    """

    def __init__(self, graph: Graph, price: Pricer):
        self.graph = graph
        # For each node what it needs, its inputs, and (wire, whose buffer it is, the bytes that are its own).
        self.nodes: list[tuple[int | float, tuple[int, ...], list[tuple[int, int | None, int | float]]]] = []
        for node, (op, args) in enumerate(zip(graph.ops, graph.args)):
            returns, made, need = price(op)
            first, wires = graph.first[node], []
            for place, (n, size) in enumerate(zip(returns, made)):
                if n is None:
                    wires.append((first + place, None, 0))
                elif n >= 0:
                    wires.append((first + place, args[n], 0))
                elif n == -1 - place:
                    wires.append((first + place, first + place, size))
                else:
                    wires.append((first + place, first - 1 - n, 0))
            self.nodes.append((need, tuple(dict.fromkeys(args)), wires))

    def peak(self, order: Sequence[int]) -> tuple[int | float, int]:
        """The most bytes at once, and the first step at which they are."""
        root: list[int | None] = [None] * len(self.graph.types)         # wire -> buffer
        sizes: list[int | float] = []
        last: list[int] = []
        grown: list[int | float] = []                                   # the bytes that a step adds
        for step, node in enumerate(order):
            _, args, wires = self.nodes[node]
            for wire in args:
                if (buffer := root[wire]) is not None:
                    last[buffer] = step
            total = 0
            for wire, source, size in wires:
                if source == wire:
                    root[wire] = len(sizes)
                    sizes.append(size)
                    last.append(step)
                    total += size
                else:
                    root[wire] = None if source is None else root[source]
            grown.append(total)
        for wire in self.graph.outputs:
            if (buffer := root[wire]) is not None:
                last[buffer] = -1
        for size, step in zip(sizes, last):
            if step >= 0:
                grown[step] -= size
        most, top, live = 0, 0, 0
        for step, node in enumerate(order):
            if live + self.nodes[node][0] > most:
                most, top = live + self.nodes[node][0], step
            live += grown[step]
        return most, top


def rearranged(graph: Graph, order: Sequence[int]) -> tuple[Graph, list[tuple[int, ...]]]:
    """The graph with its nodes in an order, one that occurs again computed again, and each one's wires.

    What reads a node reads its latest occurrence; so do the outputs.
    """
    made = Graph(graph.inputs)
    place = list(range(len(graph.types)))
    wires = []
    for node in order:
        new = made.add(graph.ops[node], [place[wire] for wire in graph.args[node]])
        first = graph.first[node]
        place[first:first + len(new)] = new
        wires.append(new)
    made.outputs = tuple(place[wire] for wire in graph.outputs)
    return made, wires
