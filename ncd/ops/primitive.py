"""The basis: every primitive operation. Everything else is a diagram of these."""

from __future__ import annotations

from ncd.ops.control import Opaque, Scan
from ncd.ops.indexed import Gather, Segment
from ncd.ops.matrix import Eigh, Solve
from ncd.ops.multilinear import Concat, Einsum, Reindex, View
from ncd.ops.pointwise import Map, Reduce, Stop, TopK
from ncd.ops.source import Constant, Iota, Key, Parameter, Random

BASIS = (Einsum, Reindex, View, Concat, Map, Reduce, TopK, Gather, Segment, Scan, Iota, Constant,
         Parameter, Key, Random, Solve, Eigh, Stop)
"""The primitives that every interpretation has a rule for. :class:`Opaque` is apart: an
interpretation must be told about each opaque function, or refuse it."""

__all__ = [*(cls.__name__ for cls in BASIS), "BASIS", "Opaque"]
