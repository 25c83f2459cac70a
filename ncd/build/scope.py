"""Scopes: layers of one name are told apart by where they are called."""

from __future__ import annotations

import dataclasses

from ncd.build.trace import Trace, current_trace
from ncd.core.argument import public
from ncd.core.category import Diagram
from ncd.core.graph import Graph
from ncd.core.op import Operation, check_place
from ncd.errors import NcdError
from ncd.ops.control import Block, Broadcast


class Scope:
    """A name that stands before the places of what a diagram under construction calls."""

    def __init__(self, name: str, running: Trace):
        self.name, self.running = name, running

    def __enter__(self) -> None:
        self.running.scopes.append(self.name)

    def __exit__(self, *_) -> None:
        self.running.scopes.pop()


@public
def scope(name: str) -> Scope:
    """Put what is called inside under a name: ``with ncd.scope("self"): attend(x)``.

    Layers and parameters of one name share their weights within a scope, and have weights of their own
    in another. Scopes nest: their names make a path. A name that begins with ``/`` stays what it is, one
    place for the whole model. ``layer(x, place="self")`` is the scope of one call.
    Raises:    NcdError: A name that is no place, or outside a diagram, where ``.block("self")`` does it.

    >>> from ncd import nn
    >>> from ncd.build.trace import diagram
    >>> @diagram("x m -> x m")
    ... def twice(x):
    ...     for name in ("first", "second"):
    ...         with scope(name):
    ...             x = nn.linear("m -> m", bias=False, name="Q")(x)
    ...     return x
    >>> sorted(twice.init(0, m=2)), twice.cost().params
    (['first', 'second'], 2*m**2)
    """
    check_place(name, "a scope")
    if name.startswith("/"):
        raise NcdError(f"a scope is a place below others, not {name!r}", mend="leave out the first /")
    running = current_trace()
    if running is None:
        raise NcdError("a scope is for calls on wires inside @ncd.diagram",
                       mend=f'without wires a block is a scope: layer.block("{name}")')
    return Scope(name, running)


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
