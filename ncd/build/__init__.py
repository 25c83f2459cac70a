"""Construction: the notation, each primitive as a function, alignment, and diagrams from functions."""

from __future__ import annotations

from ncd.build.combinators import block, repeat, residual
from ncd.build.generators import (
    concat,
    constant,
    eigh,
    elementwise,
    equal,
    flip,
    gather,
    index,
    iota,
    key,
    maximum,
    minimum,
    opaque,
    pad,
    parameter,
    random,
    reduce,
    repeat_axis,
    scan,
    segment,
    slice_axis,
    solve,
    stop,
    topk,
    transpose,
    where,
    window,
)
from ncd.build.notation import einsum, rearrange, reindex
from ncd.build.trace import diagram, size
from ncd.ops.picture import Glyph
from ncd.ops.source import Initialiser

__all__ = [
    "Glyph", "Initialiser", "block", "concat", "constant", "diagram", "eigh", "einsum", "elementwise",
    "equal", "flip", "gather", "index", "iota", "key", "maximum", "minimum", "opaque", "pad", "parameter",
    "random", "rearrange", "reduce", "reindex", "repeat", "repeat_axis", "residual", "scan", "segment",
    "size", "slice_axis", "solve", "stop", "topk", "transpose", "where", "window"]
