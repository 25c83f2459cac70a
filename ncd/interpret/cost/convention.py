"""Conventions: what one entry of an elementwise operation counts. They are named values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ncd.errors import NcdError
from ncd.ops.scalar import ScalarFunction


@dataclass(frozen=True)
class Convention:
    """How elementwise work and data are counted.

    Parameters:
        name: What tables call it.
        elementwise: (arithmetic operations, transcendental calls) of one entry of a scalar function.
        bytes: Bytes of one element, by dtype: a mapping, or pairs.

    >>> from ncd.ops import scalar
    >>> EXPRESSION.elementwise(scalar.SIGMOID), UNIT.elementwise(scalar.SIGMOID)
    ((3, 1), (1, 0))
    """

    name: str
    elementwise: Callable[[ScalarFunction], tuple[int, int]]
    bytes: Mapping[str, int] | tuple[tuple[str, int], ...] = (
        ("float", 4), ("int", 4), ("bool", 1), ("key", 8))

    def __post_init__(self):
        object.__setattr__(self, "bytes", tuple(dict(self.bytes).items()))

    def element_bytes(self, dtype: str) -> int:
        """Bytes of one element.

        Raises:    NcdError: The convention states none for the dtype.
        """
        found = dict(self.bytes)
        if dtype not in found:
            raise NcdError(f"the convention {self.name} states no bytes of {dtype}", have=", ".join(found))
        return found[dtype]


EXPRESSION = Convention("expression", lambda function: function.operations)
"""Every + − × ÷, comparison, maximum and choice of the row's expression counts 1; exp, log,
sqrt, tanh, sin, cos, erf and powers are transcendental calls, counted apart."""

UNIT = Convention("unit", lambda function: (1, 0))
"""Every scalar function counts 1 for each entry, whatever it is."""

NONE = Convention("none", lambda function: (0, 0))
"""Elementwise work is not counted: contractions and reductions only."""

XLA_COUNTS = {"arccos": (3, 2), "gelu": (66, 1), "silu": (4, 1), "softplus": (6, 2), "quotient": (13, 0),
              "remainder": (8, 0)}
"""Where XLA's instructions for a function are others than its row's expression, as counted with JAX 0.10:
gelu's error function is written out as two polynomials, the others are forms that do not overflow."""

XLA = Convention("xla", lambda function: XLA_COUNTS.get(function.name, function.operations))
"""What XLA's cost analysis counts for JAX's instructions before they are fused: 1 for each entry of every
entrywise instruction, transcendental ones apart."""

CONVENTIONS = {row.name: row for row in (EXPRESSION, UNIT, XLA, NONE)}


def convention(value: Convention | str | None) -> Convention:
    """A convention by name; the expression convention by default.

    Raises:
        NcdError: An unknown name (those known are listed).
    """
    if value is None:
        return EXPRESSION
    if isinstance(value, Convention):
        return value
    if not isinstance(value, str) or value not in CONVENTIONS:
        raise NcdError(f"no cost convention {value!r}", want=", ".join(CONVENTIONS))
    return CONVENTIONS[value]
