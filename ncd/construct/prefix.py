"""The places of a diagram put below a name: what a scope does to the layers that are called in it."""

from __future__ import annotations

import dataclasses

from ncd.core.category import Diagram
from ncd.core.graph import Graph
from ncd.core.op import Operation
from ncd.ops.control import Block, Broadcast


def below(diagram: Diagram, name: str) -> Diagram:
    """The diagram with every place of its own below a name."""
    old, made = diagram.graph, {}
    graph = Graph(old.inputs)
    for op, args in zip(old.ops, old.args):
        if id(op) not in made:
            made[id(op)] = _moved(op, name)
        graph.add(made[id(op)], args)
    graph.outputs = old.outputs
    return Diagram.from_graph(graph)


def _moved(op: Operation, name: str) -> Operation:
    place = op.place
    if place is None or place.startswith("/"):
        return op
    if isinstance(op, Broadcast):
        return Broadcast(_moved(op.op, name), op.arrays)
    if getattr(op, "title", None) == place and any(f.name == "title" for f in dataclasses.fields(op)):
        return dataclasses.replace(op, title=f"{name}/{place}")
    return Block(f"{name}/{place}", op.diagram, op.tied)        # an operation that says its place otherwise
