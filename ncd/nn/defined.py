"""What defined operations on one array share: their lifting, and how names and axes are read."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from ncd.construct.notation import axes_of
from ncd.core.array import Array
from ncd.core.axis import Axis
from ncd.core.op import Operation, check_place
from ncd.errors import NcdError, NotationError


@dataclass(frozen=True)
class OnOneArray(Operation):
    """An operation on one array; lifting it puts the wider array in its place.

    Type:      array -> array, unless a subclass says otherwise
    """

    array: Array

    @property
    def dom(self):
        return (self.array,)

    @property
    def cod(self):
        return (self.array,)

    def extend(self, arrays):
        return dataclasses.replace(self, array=arrays[0])


def placed(name: str | None, default: str) -> tuple[str, bool]:
    """The title of a layer with parameters and whether it is tied: only a name of its own ties.

    Raises:
        NcdError: A name that is not a text, or is empty.

    >>> placed(None, "linear"), placed("Q", "linear")
    (('linear', False), ('Q', True))
    """
    if name is None:
        return default, False
    check_place(name, "parameters")
    return name, True


def some_axes(text: str, what: str) -> tuple[Axis, ...]:
    """The axes of a text, at least one.

    Raises:
        NotationError: No axis.
    """
    axes = axes_of(text)
    if not axes:
        raise NotationError(f"{what} names at least one axis", text, 0)
    return axes


def nonnegative(what: str, value: float) -> float:
    """A number that is not negative.

    Raises:
        NcdError: A negative number, or no number.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < float("inf"):
        raise NcdError(f"{what} = {value!r}", want="a number of at least 0")
    return float(value)
