"""A diagram as its leaves: the operations that have a rule of their own, blocks opened.

The roofline, the memory hierarchy and the collectives look at single operations; a scan stays one
leaf, its body a flat graph of its own.
"""

from __future__ import annotations

from collections.abc import Iterator

from ncd.core.category import Diagram
from ncd.core.graph import Graph
from ncd.core.op import Operation
from ncd.core.size import ONE, Size
from ncd.interpret.cost.measure import Meter
from ncd.ops.control import Scan


class Flat:
    """A flat wire graph.

    Attributes:
        graph: Its nodes are leaves.
        places: For each node the path of its block, ``"attention/softmax"``.
        paths: For each node the numbers of the nodes that lead to it, block by block.
        owners: For each node the operation whose definition it stands in, None at the top.
    """

    def __init__(self, graph: Graph, places: list[str], paths: list[tuple[int, ...]],
                 owners: list[Operation | None]):
        self.graph, self.places, self.paths, self.owners = graph, places, paths, owners

    def label(self, node: int) -> str:
        """What tables and errors call a node: its place, if it has one, and its name."""
        op = self.graph.ops[node]
        return f"{self.places[node]}: {op.name}" if self.places[node] else op.name


def flatten(meter: Meter, diagram: Diagram) -> Flat:
    """The leaves of a diagram in order; nothing recurses over depth."""
    meter.measure(diagram)
    graph, places, paths, owners = Graph(diagram.graph.inputs), [], [], []
    # A frame walks one graph: the next node, where its wires live here, its path, its nodes, its operation.
    frames = [[diagram.graph, 0, list(range(len(graph.inputs))), "", (), None]]
    while frames:
        frame = frames[-1]
        inner, node, wires, path, nodes, owner = frame
        if node == len(inner):
            frames.pop()
            made = [wires[wire] for wire in inner.outputs]
            if frames:
                frames[-1][2].extend(made)
            else:
                graph.outputs = tuple(made)
            continue
        frame[1] += 1
        op, args = inner.ops[node], [wires[wire] for wire in inner.args[node]]
        here = inner.places.get(node) or (op.name if meter.operation(op) is None else "")
        below = joined(path, here)
        if isinstance(op, Scan) or meter.operation(op) is not None:
            wires.extend(graph.add(op, args))
            places.append(below if op.place is not None or isinstance(op, Scan) else path)
            paths.append((*nodes, node))
            owners.append(owner)
        else:
            frames.append([meter.body(op).graph, 0, args, below, (*nodes, node), op])
    return Flat(graph, places, paths, owners)


def leaves(meter: Meter, diagram: Diagram) -> Iterator[tuple[Operation, Size, str, tuple[int, ...]]]:
    """Each leaf, how often it runs (the lengths of the scans around it), its path, and its nodes."""
    waiting = [(diagram, ONE, "", ())]
    while waiting:
        current, times, path, above = waiting.pop()
        flat = flatten(meter, current)
        for op, place, nodes in zip(flat.graph.ops, flat.places, flat.paths):
            if isinstance(op, Scan):
                waiting.append((op.body, times * op.length, joined(path, place), (*above, *nodes)))
            else:
                yield op, times, joined(path, place), (*above, *nodes)


def joined(path: str, name: str) -> str:
    """A path below another; a global name, ``"/table"``, stands by itself."""
    return name[1:] if name.startswith("/") else "/".join(part for part in (path, name) if part)
