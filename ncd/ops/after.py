"""An array after another: the identity, with a wish about the order."""

from __future__ import annotations

from dataclasses import dataclass

from ncd.core.array import Array
from ncd.core.category import Diagram, Ty
from ncd.core.op import Operation


@dataclass(frozen=True)
class After(Operation):
    """An array as it is, once another one is there.

    Type:      array, other -> array
    Equation:  out = array; the other is discarded
    An interpretation that compiles keeps what reads ``out`` from running before ``other`` is made, and
    from being merged with what reads ``array``; to all others it is a wire. Schedules put it before
    what is computed again.
    Flags:     deterministic, linear in array
    """

    array: Array
    other: Array

    linear = (0,)

    @property
    def dom(self):
        return (self.array, self.other)

    @property
    def cod(self):
        return (self.array,)

    def definition(self):
        return Diagram.wiring(Ty.of(self.dom), [0])
