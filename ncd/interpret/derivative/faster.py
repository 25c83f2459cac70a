"""Overrides: cheaper or more stable derivatives of defined operations, held equal to the derived ones.

A rule has the form of a primitive's: it writes the operation and its pushforward; the reverse
derivative is the transpose of that, as everywhere.
"""

from __future__ import annotations

from ncd.interpret.derivative.build import Builder
from ncd.nn.softmax import LogSoftmax, LogSumExp, Softmax
from ncd.ops import scalar
from ncd.ops.monoid import SUM
from ncd.ops.pointwise import Reduce


def _softmax(build: Builder, op: Softmax, args, tangents):
    """∂s w = s·(w − ⟨s, w⟩)."""
    (s,), (w,) = build.node(op, args), tangents
    mean = build.add(Reduce(SUM, op.array, op.labels), build.map(scalar.MULTIPLY, s, w))
    return (s,), (build.map(scalar.MULTIPLY, s, build.map(scalar.SUBTRACT, w, mean)),)


def _log_softmax(build: Builder, op: LogSoftmax, args, tangents):
    """∂y w = w − ⟨exp y, w⟩."""
    (y,), (w,) = build.node(op, args), tangents
    weighted = build.map(scalar.MULTIPLY, build.map(scalar.EXP, y), w)
    return (y,), (build.map(scalar.SUBTRACT, w, build.add(Reduce(SUM, op.array, op.labels), weighted)),)


def _logsumexp(build: Builder, op: LogSumExp, args, tangents):
    """∂y w = ⟨exp(x − y), w⟩."""
    (y,), (w,) = build.node(op, args), tangents
    share = build.map(scalar.EXP, build.map(scalar.SUBTRACT, args[0], y))
    return (y,), (build.add(Reduce(SUM, op.array, op.labels), build.map(scalar.MULTIPLY, share, w)),)


FASTER = {Softmax: _softmax, LogSoftmax: _log_softmax, LogSumExp: _logsumexp}
"""{defined operation: rule}; see :data:`ncd.interpret.derivative.pushing.RULES`."""
