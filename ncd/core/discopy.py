"""The names of DisCoPy (1.2.2) that the core builds on: the only file that imports it.

Objects and types, diagrams, boxes, swaps, copies, functors and categories of its free Markov category,
its layers, and what it whiskers with.
"""

from __future__ import annotations

from ncd.core.partial import import_parts_only

import_parts_only("discopy")
from discopy import markov, monoidal  # noqa: E402
from discopy.cat import Ob, factory  # noqa: E402
from discopy.monoidal import Layer  # noqa: E402
from discopy.utils import Whiskerable  # noqa: E402

__all__ = ["Layer", "Ob", "Whiskerable", "factory", "markov", "monoidal"]
