"""A diagram with its blocks and definitions opened: one flat graph, and where each node came from."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import NamedTuple

from ncd.core.category import Diagram
from ncd.core.graph import Graph
from ncd.core.op import Operation
from ncd.ops.control import Scan

Path = tuple[str, ...]


class Body(NamedTuple):
    """A graph that was opened: the operation that it stands for, as a node of the body above (by number)."""

    graph: Graph
    above: int
    node: int
    op: Operation | None


class Flat:
    """A flat wire graph.

    Attributes:
        graph: Its nodes are leaves.
        bodies: What was opened, outer ones first; the first is the diagram.
        nodes: For each node the body that it stands in and its number there.
        places: For each node the path of its block, ``"attention/softmax"``.
        paths: For each node the numbers of the nodes that lead to it, block by block.
    """

    def __init__(self, graph: Graph, bodies: list[Body], nodes: list[tuple[int, int]]):
        self.graph, self.bodies, self.nodes = graph, bodies, nodes

    # Paths are as long as blocks are nested: only who asks for them pays for it.
    @cached_property
    def places(self) -> list[str]:
        below = [""]
        for body in self.bodies[1:]:
            below.append(joined(below[body.above], self._name(body.above, body.node) or body.op.name))
        return [joined(below[body], self._name(body, node) or (op.name if isinstance(op, Scan) else ""))
                for op, (body, node) in zip(self.graph.ops, self.nodes)]

    def _name(self, body: int, node: int) -> str | None:
        return self.bodies[body].graph.places.get(node)

    @cached_property
    def trails(self) -> list[Path]:
        """For each node the names by which its parameters are found; global ones stand after ``"/"``."""
        below: list[Path] = [()]
        for body in self.bodies[1:]:
            below.append(below_path(below[body.above], self._name(body.above, body.node)))
        return [below_path(below[body], self._name(body, node)) for body, node in self.nodes]

    @cached_property
    def paths(self) -> list[tuple[int, ...]]:
        below: list[tuple[int, ...]] = [()]
        for body in self.bodies[1:]:
            below.append((*below[body.above], body.node))
        return [(*below[body], node) for body, node in self.nodes]

    def label(self, node: int) -> str:
        """What tables and errors call a node: its place, if it has one, and its name."""
        op = self.graph.ops[node]
        return f"{self.places[node]}: {op.name}" if self.places[node] else op.name


def expanded(diagram: Diagram, inside: Callable[[Operation], Diagram | None]) -> Flat:
    """A diagram with its operations opened, at any depth; nothing recurses over it.

    Parameters:
        inside: What stands in the place of an operation; None for one that stays.
    """
    graph = Graph(diagram.graph.inputs)
    bodies: list[Body] = [Body(diagram.graph, 0, 0, None)]
    nodes: list[tuple[int, int]] = []
    # A frame walks a body: its number, the next node, where its wires live here.
    frames = [[0, 0, list(range(len(graph.inputs)))]]
    while frames:
        frame = frames[-1]
        number, node, wires = frame
        inner = bodies[number].graph
        if node == len(inner):
            frames.pop()
            outputs = [wires[wire] for wire in inner.outputs]
            if frames:
                frames[-1][2].extend(outputs)
            else:
                graph.outputs = tuple(outputs)
            continue
        frame[1] += 1
        op, args = inner.ops[node], [wires[wire] for wire in inner.args[node]]
        body = inside(op)
        if body is None:
            wires.extend(graph.add(op, args))
            nodes.append((number, node))
        else:
            frames.append([len(bodies), 0, args])
            bodies.append(Body(body.graph, number, node, op))
    return Flat(graph, bodies, nodes)


def joined(path: str, name: str) -> str:
    """A path below another; a global name, ``"/table"``, stands by itself."""
    return name[1:] if name.startswith("/") else "/".join(part for part in (path, name) if part)


def below_path(path: Path, name: str | None) -> Path:
    """A place below another. A name may be a path, ``"mlp/weight"``; a global one stands after ``"/"``.

    >>> below_path(("encoder",), "mlp/weight"), below_path(("encoder",), "/table")
    (('encoder', 'mlp', 'weight'), ('/', 'table'))
    """
    if name is None:
        return path
    return ("/", *name[1:].split("/")) if name.startswith("/") else (*path, *name.split("/"))
