"""Changes of a whole diagram: axes renamed, sizes replaced, in every array and operation at any depth."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from ncd.core.axis import all_fresh
from ncd.core.graph import Graph
from ncd.core.inside import holds_a_diagram
from ncd.core.once import once_each
from ncd.core.record import Record, split_fields


def sameness(op: Record) -> Hashable:
    """A name that two operations share only where every field is the same, those for pictures too.

    Equal operations may remember other lifted axes, have other pictures, or hold diagrams written in
    another order: none may take the place of the other.
    """
    if holds_a_diagram(op):
        return id(op)
    compared, aside = split_fields(type(op))
    inner = [sameness(value) for name in compared if isinstance(value := getattr(op, name), Record)]
    return (op, *[id(getattr(op, name)) for name in aside], *inner)


def _apart(graph: Graph, labels: Mapping[str, str]) -> Mapping[str, str]:
    """The renaming, with the inner axes out of the way that have a new label already.

    A label is local to its wire: a body may use inside, for another axis, a label that an axis takes
    outside of it.
    """
    new = set(labels.values()) - set(labels)
    ends = {label for array in (*graph.inputs, *(graph.types[wire] for wire in graph.outputs))
            for label in array.labels}
    inner = {label for array in graph.types for label in array.labels}.union(*(op.own for op in graph.ops))
    clash = sorted(new & (inner - ends))
    return {**labels, **all_fresh(clash, inner | ends | {*labels, *labels.values()})} if clash else labels


@once_each(lambda old, change, by: (id(old), change, tuple(by.items())))
def changed(old: Graph, change: str, by: Mapping[str, Any]) -> Graph:
    """Change every array and operation by its method of that name, those that are the same once."""
    memo: dict = {}
    if change == "relabel":
        by = _apart(old, by)

    def once(item, name):
        if name not in memo:
            memo[name] = getattr(item, change)(by)
        return memo[name]
    graph = Graph([once(array, array) for array in old.inputs])
    for op, args in zip(old.ops, old.args):
        graph.add(once(op, sameness(op)), args)
    graph.outputs = old.outputs
    if all(new is was for new, was in zip(graph.types, old.types)) and all(
            new is was for new, was in zip(graph.ops, old.ops)):
        return old
    return graph
