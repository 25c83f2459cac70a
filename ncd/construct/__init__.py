"""Construction: the notation, each primitive as a function, alignment, and diagrams from functions."""

from __future__ import annotations

from ncd.construct.combinators import block, repeat, residual
from ncd.construct.generators import (
    concat,
    constant,
    eigh,
    elementwise,
    equal,
    gather,
    iota,
    key,
    maximum,
    minimum,
    opaque,
    parameter,
    random,
    reduce,
    scan,
    segment,
    solve,
    stop,
    topk,
    where,
)
from ncd.construct.notation import einsum, rearrange, reindex
from ncd.construct.reindexing import flip, index, pad, repeat_axis, slice_axis, transpose, window
from ncd.construct.trace import diagram, size
from ncd.ops.picture import Glyph
from ncd.ops.source import Initialiser

__all__ = [
    "Glyph", "Initialiser", "block", "concat", "constant", "diagram", "eigh", "einsum", "elementwise",
    "equal", "flip", "gather", "index", "iota", "key", "maximum", "minimum", "opaque", "pad", "parameter",
    "random", "rearrange", "reduce", "reindex", "repeat", "repeat_axis", "residual", "scan", "segment",
    "size", "slice_axis", "solve", "stop", "topk", "transpose", "where", "window"]
