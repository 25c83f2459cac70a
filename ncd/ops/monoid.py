"""Monoids and semirings as rows: what a reduction folds with, what an einsum sums and multiplies."""

from __future__ import annotations

from dataclasses import dataclass

from ncd.ops import scalar
from ncd.ops.scalar import ScalarFunction


@dataclass(frozen=True)
class Monoid:
    """A commutative, associative scalar function with a unit: a fold in any order.

    Parameters:
        name: Its name in listings.
        function: The binary scalar function.
        unit: Its neutral element, the fold of nothing.
        linear: Whether the fold is linear in the folded array.

    >>> SUM.unit, MAX.unit
    (0.0, -inf)
    """

    name: str
    function: ScalarFunction
    unit: float
    linear: bool = False

    @property
    def selective(self) -> bool:
        """Whether a fold is one of the entries, so that what bounds them bounds it."""
        return self.function in (scalar.MAXIMUM, scalar.MINIMUM)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The dtypes that it folds."""
        return ("bool",) if self.function.dtype == "bool" else ("float", "int")


@dataclass(frozen=True)
class Semiring:
    """Two monoids, the second distributing over the first: an einsum's sum and product.

    Parameters:
        distributive: False where that holds for numbers from 0 on only, as max and product:
            then nothing is summed before everything is multiplied.

    >>> MAX_PLUS.add.name, MAX_PLUS.multiply.name
    ('max', 'sum')
    """

    name: str
    add: Monoid
    multiply: Monoid
    distributive: bool = True


SUM = Monoid("sum", scalar.ADD, 0.0, linear=True)
PRODUCT = Monoid("product", scalar.MULTIPLY, 1.0)
MAX = Monoid("max", scalar.MAXIMUM, float("-inf"))
MIN = Monoid("min", scalar.MINIMUM, float("inf"))
ALL = Monoid("all", scalar.BOTH, 1.0)
ANY = Monoid("any", scalar.EITHER, 0.0)
MONOIDS = {row.name: row for row in (SUM, PRODUCT, MAX, MIN, ALL, ANY)}

SUM_PRODUCT = Semiring("sum_product", SUM, PRODUCT)
MAX_PLUS = Semiring("max_plus", MAX, SUM)
MIN_PLUS = Semiring("min_plus", MIN, SUM)
MAX_PRODUCT = Semiring("max_product", MAX, PRODUCT, distributive=False)
ANY_ALL = Semiring("any_all", ANY, ALL)
SEMIRINGS = {row.name: row for row in (SUM_PRODUCT, MAX_PLUS, MIN_PLUS, MAX_PRODUCT, ANY_ALL)}
