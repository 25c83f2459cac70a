"""Overrides: cheaper or more stable derivatives of defined operations, held equal to the derived ones.

A rule has the form of a primitive's: it writes the operation and its pushforward; the reverse
derivative is the transpose of that, as everywhere.
"""

from __future__ import annotations

from ncd.nn.normalise import Standardise
from ncd.nn.softmax import LogSoftmax, LogTotal, Softmax
from ncd.nn.star import Star
from ncd.nn.statistics import Mean
from ncd.ops import scalar
from ncd.ops.monoid import SUM
from ncd.ops.overlap import Overlap
from ncd.ops.pointwise import Map, Reduce
from ncd.ops.scalar import ScalarFunction
from ncd.traverse.builder import Builder


def _softmax(build: Builder, op: Softmax, args, tangents):
    """∂s w = s·(w − ⟨s, w⟩)."""
    (s,), (w,) = build.node(op, args), tangents
    mean = build.add(Reduce(SUM, op.array, op.labels), build.map(scalar.MULTIPLY, s, w))
    return (s,), (build.map(scalar.MULTIPLY, s, build.map(scalar.SUBTRACT, w, mean)),)


# w/t, and 0 where the sum of exponentials t is 0: every entry is −∞.
SHARED = ScalarFunction("shared", ("w", "t"), "where(t == 0, 0, w / t)", dtype="float", linear=(0,))


def _weights(build: Builder, op: LogSoftmax | LogTotal, args):
    """(the results, the wires of e = exp(x − m) and of t = Σ e).

    Derivatives read these and not the result: x − (m + log t) keeps no digit of a share where x is large.
    """
    place, graph = build.append(op.expansion, args), op.expansion.graph
    (e,) = (first for inner, first in zip(graph.ops, graph.first)
            if isinstance(inner, Map) and inner.function == scalar.EXP)
    (t,) = (first for inner, first in zip(graph.ops, graph.first)
            if isinstance(inner, Reduce) and inner.monoid == SUM)
    return tuple(place[wire] for wire in graph.outputs), place[e], place[t]


def _average(build: Builder, op: LogSoftmax | LogTotal, e: int, t: int, w: int) -> int:
    """⟨e, w⟩/t, the mean of w by the shares e/t."""
    total = build.add(Reduce(SUM, op.array, op.labels), build.map(scalar.MULTIPLY, e, w))
    return build.map(SHARED, total, t)


def _log_softmax(build: Builder, op: LogSoftmax, args, tangents):
    """∂y w = w − ⟨e, w⟩/t."""
    (w,), ((y,), e, t) = tangents, _weights(build, op, args)
    return (y,), (build.map(scalar.SUBTRACT, w, _average(build, op, e, t, w)),)


def _log_total(build: Builder, op: LogTotal, args, tangents):
    """∂(log t) w = ⟨e, w⟩/t; m is taken for a constant: m + log t does not depend on it."""
    (w,), (results, e, t) = tangents, _weights(build, op, args)
    return results, (None, _average(build, op, e, t, w))


def _standardise(build: Builder, op: Standardise, args, tangents):
    """∂y w = r·(w − E w − y·E(y·w)), r = 1/√(E(x − E x)² + ε); E w stays where nothing was taken off."""
    place, (w,) = build.append(op.expansion, args), tangents
    graph = op.expansion.graph
    y = place[graph.outputs[0]]
    (scale,) = (place[first] for inner, first in zip(graph.ops, graph.first)
                if isinstance(inner, Map) and inner.function == scalar.RSQRT)
    mean = Mean(op.array, op.labels)
    along = build.add(mean, build.map(scalar.MULTIPLY, y, w))
    rest = build.map(scalar.SUBTRACT, w, build.add(mean, w)) if op.centred else w
    rest = build.map(scalar.SUBTRACT, rest, build.map(scalar.MULTIPLY, y, along))
    return (y,), (build.arrange(build.map(scalar.MULTIPLY, scale, rest), op.array),)


def _star(build: Builder, op: Star, args, tangents):
    """One face of ★ is linear in each of its arrays."""
    (y,) = build.node(op, args)
    terms = [build.add(op, *(w if m == n else x for m, x in enumerate(args)))
             for n, w in enumerate(tangents) if w is not None]
    return (y,), (build.sum(terms, op.out),)


def _overlap(build: Builder, op: Overlap, args, tangents):
    """Laying over one another is linear."""
    return build.node(op, args), (build.add(op, *tangents),)


def _turned_star(build: Builder, op: Star, wires, linear, cotangents):
    """The transpose of a face of ★ is another face: the array left out changes."""
    (n,), (w,) = linear, cotangents
    arrays = (*op.arrays[:n], op.out, *op.arrays[n + 1:])
    letters = (*op.letters[:n], op.out_letters, *op.letters[n + 1:])
    turned = Star(arrays, letters, op.arrays[n], op.letters[n], op.taps)
    return {n: build.add(turned, *wires[:n], w, *wires[n + 1:])}


FASTER = {Softmax: _softmax, LogSoftmax: _log_softmax, LogTotal: _log_total, Star: _star,
          Standardise: _standardise, Overlap: _overlap}
"""{defined operation: rule}; see :data:`ncd.interpret.derivative.jvp_rules.RULES`."""

def _turned_overlap(build: Builder, op: Overlap, wires, linear, cotangents):
    """The transpose of laying over one another is reading, of which it is the transpose."""
    return {0: build.add(op.transposed, *cotangents)}


TURNED = {Star: _turned_star, Overlap: _turned_overlap}
"""{linear defined operation: rule}; see :data:`ncd.interpret.derivative.transpose_rules.RULES`."""
