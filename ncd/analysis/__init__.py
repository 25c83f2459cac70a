"""Answers that need several meanings at once: training steps, plots, agreement; and the public solver."""

from __future__ import annotations

from ncd.algebra import solve as solving
from ncd.core.argument import public

solve = public(solving.solve)

__all__ = ["solve"]
