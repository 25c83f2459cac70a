"""The size symbols of a diagram: those that its type shows, and those that stand inside only."""

from __future__ import annotations

from collections.abc import Iterable

from ncd.algebra.convert import Size
from ncd.core.array import Array
from ncd.core.axis import Axis
from ncd.core.category import Diagram
from ncd.core.once import once_each
from ncd.core.op import Operation

NONE: frozenset[str] = frozenset()


def symbols(diagram: Diagram) -> frozenset[str]:
    """Every size symbol of a diagram, those of inner axes, parameters and dead code too.

    >>> from ncd import nn
    >>> from ncd.core.symbols import symbols
    >>> sorted(symbols(nn.feed_forward("m", "f")))
    ['f', 'm']
    """
    return _in_diagram(diagram)


def shown(diagram: Diagram) -> frozenset[str]:
    """The size symbols of a diagram's type."""
    return in_arrays((*diagram.dom.inside, *diagram.cod.inside))


def in_arrays(arrays: Iterable[Array]) -> frozenset[str]:
    """The size symbols of arrays."""
    return NONE.union(*[array.symbols for array in arrays])


def hidden(diagram: Diagram) -> frozenset[str]:
    """The size symbols that stand inside a diagram and not in its type: free names of the model.

    >>> from ncd import nn
    >>> sorted(hidden(nn.self_attention("x m")))
    ['h', 'k']
    """
    return symbols(diagram) - shown(diagram)


@once_each(lambda diagram: (id(diagram),))
def _in_diagram(diagram: Diagram) -> frozenset[str]:
    graph = diagram.graph
    kept = vars(graph).get("_symbols")
    # A graph under construction grows: what was kept holds for so many nodes.
    if kept is None or kept[0] != len(graph):
        inside = map(_in_operation, {id(op): op for op in graph.ops}.values())
        kept = vars(graph)["_symbols"] = len(graph), in_arrays(graph.inputs).union(*inside)
    return kept[1]


@once_each(lambda op: (id(op),))
def _in_operation(op: Operation) -> frozenset[str]:
    kept = vars(op).get("_symbols")
    if kept is None:
        kept = vars(op)["_symbols"] = _in_fields(op)
    return kept


def _in_fields(op: Operation) -> frozenset[str]:
    sets: set[frozenset[str]] = set()
    stack = [getattr(op, name) for name in getattr(type(op), "__dataclass_fields__", ())]
    while stack:
        value = stack.pop()
        if isinstance(value, (Size, Array)):
            sets.add(value.symbols)
        elif isinstance(value, Axis):
            sets.add(value.size.symbols)
        elif isinstance(value, Diagram):
            sets.add(_in_diagram(value))
        elif isinstance(value, Operation):          # what a Broadcast lifts
            sets.add(_in_operation(value))
        elif isinstance(value, tuple):
            stack.extend(value)
    return NONE.union(*sets)
