"""The diagrams inside a value: those that the fields of an operation hold, at any depth of tuples."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from functools import cache
from typing import Any

from ncd.algebra.convert import Size
from ncd.core.array import Array
from ncd.core.axis import Axis
from ncd.core.rope import Rope


def diagrams_in(value: Any) -> Iterator[Any]:
    """The diagrams held by an operation's fields, in order: bodies, and those of operations inside."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, (tuple, list)):
            stack.extend(reversed(item))
        elif (names := _fields(type(item))) is None:
            yield item
        elif names:
            stack.extend([getattr(item, name) for name in names])


@cache
def _fields(kind: type) -> tuple[str, ...] | None:
    """The fields of a class that may hold a diagram, last first; None for a diagram itself."""
    if issubclass(kind, Rope):
        return None
    if issubclass(kind, (Size, Axis, Array)) or not dataclasses.is_dataclass(kind):
        return ()
    return tuple(field.name for field in reversed(dataclasses.fields(kind)))


def holds_a_diagram(op: Any) -> bool:
    """Whether an operation is made of a diagram, itself or that which it broadcasts.

    Of two equal operations without one the definitions are the same; a diagram held inside may be written
    in another order or with other names, though it is equal.
    """
    return any(True for _ in diagrams_in(op))
