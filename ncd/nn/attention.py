"""Attention: for each query the mean of the values, weighted by softmax of scaled inner products.

Queries are along y and keys along x, two labels even where both have one size; what each axis
of softmax(q kᵀ/√|k|) v means is then in the type.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import NamedTuple

from ncd.algebra.convert import Size, SizeLike
from ncd.construct.align import reorder
from ncd.construct.generators import reduce, where
from ncd.construct.notation import axes_of, einsum, size_of
from ncd.construct.trace import Wire, pointwise, trace
from ncd.core.argument import public
from ncd.core.array import Array
from ncd.core.axis import Axis, Label
from ncd.core.category import Diagram
from ncd.errors import AxisError, NcdError, SizeError
from ncd.nn.softmax import read_empty, softmax
from ncd.ops import scalar
from ncd.ops.control import Block
from ncd.ops.source import Constant, Iota

MASKS = ("causal", "window", "input")
MASKED = float("-inf")


class Mask(NamedTuple):
    """Which keys a query sees: none is hidden, or one of :data:`MASKS`."""

    kind: str | None
    window: Size | None
    offset: Size
    empty: int | None = None
    same: bool = False                  # queries and keys are of one sequence

    @classmethod
    def read(cls, mask: str | None, window, offset, empty: int | None = None) -> Mask:
        """The mask that options describe.

        Raises:
            NcdError: An unknown mask, or a window without its mask or a mask without it; another ``empty``.
            SizeError: A window that is not a positive integer.
        """
        if mask is not None and mask not in MASKS:
            raise NcdError(f"no mask {mask!r}", want=f"None, {', '.join(map(repr, MASKS))}")
        if (mask == "window") != (window is not None):
            raise NcdError("a mask of a window needs its width" if mask == "window"
                           else "a width of a window without its mask",
                           mend='give both: mask="window", window=128')
        size = None if window is None else size_of(window)
        if size is not None and (not size.is_integral or (size.constant is not None and size.constant < 1)):
            raise SizeError(f"a window of {size} keys", want="a positive integer")
        return cls(mask, size, size_of(offset), read_empty(empty))

    def may_hide_all(self, y: Axis, x: Axis) -> bool:
        """Whether some query may see no key; sizes are positive."""
        first = self.offset.constant
        if self.kind is None or self.kind == "input" or (first is not None and first < 0):
            return self.kind is not None
        if self.kind == "causal" or (self.same and self.offset == 0):
            return False
        beyond = (x.size - y.size - self.offset).constant
        return beyond is None or beyond < 0

    def inputs(self, y: Axis, x: Axis) -> tuple[Array, ...]:
        """The array that a mask given as an input is."""
        return (Array((y, x), "bool"),) if self.kind == "input" else ()

    def seen(self, y: Axis, x: Axis) -> Wire:
        """Where a query sees a key: x ≤ y + offset, and within the window."""
        query, key = Iota(y)(), Iota(x)()
        query = query + self.offset if self.offset != 0 else query
        seen = pointwise(scalar.LESS_EQUAL, key, query)
        if self.window is None:
            return seen
        return pointwise(scalar.BOTH, seen, query - key < self.window)


@public
def causal_mask(axes: str = "y x", offset: SizeLike = 0) -> Diagram:
    """Where a query sees a key that does not come after it.

    Type:      -> y x : bool
    Equation:  seen[y, x] = x ≤ y + offset
    Raises:    AxisError unless two axes are named.

    >>> print(causal_mask())
     -> y x : bool
    """
    y, x = _pair(axes)
    return trace(lambda: in_order(Mask.read("causal", None, offset).seen(y, x), (y, x)), ())


@public
def window_mask(window: SizeLike | None, axes: str = "y x", offset: SizeLike = 0) -> Diagram:
    """Where a query sees one of the last keys: itself and those before it, ``window`` in all.

    Type:      -> y x : bool
    Equation:  seen[y, x] = y + offset − window < x ≤ y + offset
    Raises:    AxisError unless two axes are named; SizeError for a window below 1.
    Source:    Beltagy, Peters & Cohan 2020, arXiv 2004.05150 (the causal half of its window).

    >>> print(window_mask(128))
     -> y x : bool
    """
    y, x = _pair(axes)
    return trace(lambda: in_order(Mask.read("window", window, offset).seen(y, x), (y, x)), ())


def _pair(axes: str) -> tuple[Axis, Axis]:
    found = Array(axes_of(axes)).axes
    if len(found) != 2:
        raise AxisError("a mask has an axis of queries and an axis of keys", have=axes, want="y x")
    return found


def in_order(wire: Wire, axes: Sequence[Axis]) -> Wire:
    """The wire with its axes in an order."""
    return wire if wire.type.axes == tuple(axes) else reorder(wire.type, axes)(wire)


def undefined_without_keys(outputs: Wire, seen: Wire, x: Label) -> Wire:
    """The outputs, NaN for a query that sees no key: put in last, where no derivative meets it.

    NaN is no literal of a diagram: it is ∞ − ∞.
    """
    infinite = Constant(inf, Array((), outputs.type.dtype))()
    return where(reduce("any", x)(seen), outputs, infinite - infinite)


def core(y: Label, x: Label, k: Label, v: Label, mask: Mask) -> Diagram:
    """Scaled dot-product attention with given labels."""
    y_, x_, k_, v_ = map(Axis, (y, x, k, v))

    def body(q, key, value, *given):
        scores = einsum(f"{y} {k}, {x} {k} -> {y} {x}")(q, key) * k_.size ** -0.5
        mean = einsum(f"{y} {x}, {x} {v} -> {y} {v}")
        if mask.kind is None:
            return mean(softmax(x)(scores), value)
        (seen,) = given or (mask.seen(y_, x_),)
        scores = where(seen, scores, MASKED)
        if not mask.may_hide_all(y_, x_):
            return mean(softmax(x)(scores), value)
        # A query without keys weighs all values with 0, so that no NaN meets them on the way back.
        outputs = mean(softmax(x, empty=0)(scores), value)
        return outputs if mask.empty is not None else undefined_without_keys(outputs, seen, x)
    dom = (Array((y_, k_)), Array((x_, k_)), Array((x_, v_)), *mask.inputs(y_, x_))
    return Block("attention", trace(body, dom)).diagram


@public
def attention(mask: str | None = None, window: SizeLike | None = None, offset: SizeLike = 0,
              empty: int | None = None) -> Diagram:
    """Scaled dot-product attention.

    Type:      y k, x k, x v -> y v             (mask="input": y k, x k, x v, y x : bool -> y v)
    Equation:  o[y, v] = Σ_x softmax_x(Σ_k q[y, k] K[x, k] |k|^(−1/2)) V[x, v]
    Parameters:
        mask: None; "causal", a query at y sees the keys x ≤ y + offset; "window", of those the
            last ``window``; or "input", it sees those where a fourth input is true.
        window: How many keys a query sees with mask="window".
        offset: How many keys stand before the first query.
        empty: What a query that sees no key gets: it has no mean, and None gives NaN; 0 gives 0, as
            fused attention does. Either way it has no part in any derivative.
    Flags:     deterministic, linear in the values
    Raises:    NcdError for an unknown mask; SizeError for a window below 1.
    Source:    Vaswani et al. 2017, arXiv 1706.03762, §3.2.1.

    >>> print(attention())
    y k, x k, x v -> y v
    >>> print(attention("causal").on("b h y k=64, b h x k=64, b h x v=64"))
    b h y k=64, b h x k=64, b h x v=64 -> b h y v=64
    """
    return core(*map(Label, "yxkv"), Mask.read(mask, window, offset, empty))
