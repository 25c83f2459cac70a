"""The parameters and keys of a diagram: which places it has and what stands there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ncd.core.array import Array
from ncd.core.axis import Axis, fresh
from ncd.core.category import Diagram
from ncd.core.op import Operation
from ncd.core.pause import without_collection
from ncd.errors import InputError, NcdError, SizeError, escaped
from ncd.ops.control import Broadcast, Scan
from ncd.ops.source import Initialiser, Key, Parameter
from ncd.traverse.flat import Path, expanded


@dataclass(frozen=True)
class Slot:
    """One parameter: where it lives, its type (stacked axes in front), how it begins, whether it is stored.

    What is stored is an argument of programs as the others are, and is not learned.
    """

    path: Path
    array: Array
    init: Initialiser
    stored: bool = False


def opens(op: Operation) -> bool:
    """Whether places are looked for in what an operation is defined as."""
    return not op.primitive and op.place is not None


@without_collection
def places(diagram: Diagram) -> tuple[dict[Path, Slot], dict[Path, Key]]:
    """The parameters and the keys drawn by place, in canonical order.

    Raises:
        SizeError: Parameters tied by one name have two types. InputError: One of them is stored.
        NcdError: A place is that of a parameter and of a layer as well.
    """
    parameters: dict[Path, Slot] = {}
    keys: dict[Path, Key] = {}
    above: set[Path] = set()
    for path, op, axes in _walk(diagram):
        if isinstance(op, Key):
            keys[path] = op
            continue
        slot = Slot(path, _stacked(axes, op.array), op.init.along(len(axes)), op.stored)
        old = parameters.setdefault(path, slot)
        above.update([path[:depth] for depth in range(1, len(path))])
        if old.array != slot.array:
            raise SizeError(f"the tied parameter {'/'.join(path)} has two types",
                            have=f"`{old.array}` and `{slot.array}`")
        if old.stored != slot.stored:
            raise InputError(f"the tied parameter {'/'.join(path)} is learned in one place and stored in "
                             "another",
                             mend="give one of them another name")
    both = ["/".join(path) for path in parameters if path in above]
    if both:
        raise NcdError(f"{', '.join(both)} is the place of a parameter and of a layer",
                       have=", ".join("/".join(path) for path in parameters if "/".join(path[:-1]) in both
                                      or "/".join(path) in both),
                       mend="give one of them another name, or put it in a scope")
    return parameters, keys


def shares(diagram: Diagram) -> dict[Path, int]:
    """The parameters that stand in several places, with how many: those that share their weights.

    >>> from ncd import nn
    >>> twice = nn.linear("m -> m", name="Q") >> nn.linear("m -> m", name="Q")
    >>> shares(twice)
    {('Q', 'weight'): 2, ('Q', 'bias'): 2}
    """
    count: dict[Path, int] = {}
    for path, op, _ in _walk(diagram):
        if isinstance(op, Parameter):
            count[path] = count.get(path, 0) + 1
    return {path: times for path, times in count.items() if times > 1}


def shares_text(diagram: Diagram, most: int = 8) -> str:
    """The shared parameters as a line, empty where there are none: ``Q/weight, Q/bias by 2``."""
    by: dict[int, list[str]] = {}
    for path, times in shares(diagram).items():
        by.setdefault(times, []).append(escaped("/".join(path)))
    for names in by.values():
        if len(names) > most:
            names[most:] = [f"{len(names) - most} more"]
    return "; ".join(f"{', '.join(names)} by {times}" for times, names in by.items())


def _stacked(axes: tuple[Axis, ...], array: Array) -> Array:
    """An array with the axes of the scans around it in front, their labels kept apart."""
    taken, front = set(array.labels), []
    for axis in reversed(axes):
        front.append(Axis(fresh(axis.label, taken), axis.size))
        taken.add(front[-1].label)
    return array.with_axes((*reversed(front), *array.axes))


def _walk(diagram: Diagram) -> Iterator[tuple[Path, Any, tuple]]:
    stack = [(diagram, (), ())]
    while stack:
        current, prefix, axes = stack.pop()
        flat = expanded(current, lambda op: op.expansion if opens(op) else None)
        for op, trail in zip(flat.graph.ops, flat.trails):
            op = op.op if isinstance(op, Broadcast) else op
            everywhere = trail[:1] == ("/",)
            path = trail[1:] if everywhere else (*prefix, *trail)
            if isinstance(op, (Parameter, Key)):
                yield path, op, () if everywhere else axes
            elif isinstance(op, Scan) and op.place is not None:
                stacked = axes if op.share else (*axes, op.axis)
                stack.append((op.body, path, stacked))


def find(tree: Any, path: Path) -> Any:
    """What stands at a path of nested dictionaries.

    Raises:
        InputError: Nothing stands there; what does is listed.
    """
    for depth, name in enumerate(path):
        try:
            tree = tree[name]
        except (KeyError, TypeError, IndexError):
            have = ", ".join(map(str, tree)) if isinstance(tree, dict) else type(tree).__name__
            raise InputError(f"no parameter at {'/'.join(path)}", have=have,
                             want=f"{name} inside {'/'.join(path[:depth]) or 'the parameters'}",
                             mend="make them with diagram.init(key, ...)") from None
    return tree


def build(values: dict[Path, Any]) -> dict:
    """Nested dictionaries from paths."""
    tree: dict = {}
    for path, value in values.items():
        inner = tree
        for name in path[:-1]:
            inner = inner.setdefault(name, {})
        inner[path[-1]] = value
    return tree
