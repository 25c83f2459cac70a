"""The signature: every primitive, and the rows that are data."""

from __future__ import annotations

from ncd.file import codec
from ncd.ops.monoid import MONOIDS, SEMIRINGS, Monoid, Semiring
from ncd.ops.scalar import SCALARS, ScalarFunction

codec.ROWS.update({ScalarFunction: SCALARS, Monoid: MONOIDS, Semiring: SEMIRINGS})
