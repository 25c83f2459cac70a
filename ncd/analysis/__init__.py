"""Answers that need several meanings at once: training steps, plots, agreement; and the public solver."""

from __future__ import annotations

from ncd.core.argument import public
from ncd.interpret.cost import solving

solve = public(solving.solve)

__all__ = ["solve"]
