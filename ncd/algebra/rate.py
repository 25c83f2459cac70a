"""How a size grows: bᵗ·tᵖ·(log t)ˡ as t goes to infinity, ordered."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any, NamedTuple


class Rate(NamedTuple):
    """The base of a power, the power, and that of a logarithm; ``order`` compares the base first.

    >>> Rate(1, 1, 1) * Rate(1, 1, 0), Rate(1, 9, 0) < Rate(2, 0, 0)
    (Rate(base=1, power=2, logs=1), True)
    """

    base: Any = 1
    power: Any = 0
    logs: Any = 0

    def __mul__(self, other: Rate) -> Rate:
        return Rate(self.base * other.base, self.power + other.power, self.logs + other.logs)

    @property
    def degree(self):
        """The power of t, infinite where it stands in an exponent."""
        return self.power if self.base == 1 else math.inf if self.base > 1 else -math.inf

    def raised(self, exponent) -> Rate:
        whole = isinstance(exponent, int) or exponent.denominator == 1
        base = 1 if self.base == 1 else Fraction(self.base) ** int(exponent) if whole \
            else float(self.base) ** float(exponent)
        return Rate(base, self.power * exponent, self.logs * exponent)


SAME = Rate()
"""That of what does not grow."""
