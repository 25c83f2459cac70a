"""Overrides: cheaper or more stable derivatives of defined operations, held equal to the derived ones.

A rule has the form of a primitive's: it writes the operation and its pushforward; the reverse
derivative is the transpose of that, as everywhere.
"""

from __future__ import annotations

from math import inf

from ncd.interpret.derivative.build import Builder
from ncd.nn.normalise import Standardise
from ncd.nn.softmax import LogSoftmax, LogSumExp, Softmax
from ncd.nn.star import Star
from ncd.nn.statistics import Mean
from ncd.ops import scalar
from ncd.ops.monoid import SUM
from ncd.ops.overlap import Overlap
from ncd.ops.pointwise import Map, Reduce


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
    """∂y w = ⟨exp(x − y), w⟩, and 0 where every entry is −∞."""
    (y,), (w,) = build.node(op, args), tangents
    taken = build.map(scalar.WHERE, build.map(scalar.GREATER, y, (-inf,)), y, (0,))
    share = build.map(scalar.EXP, build.map(scalar.SUBTRACT, args[0], taken))
    return (y,), (build.add(Reduce(SUM, op.array, op.labels), build.map(scalar.MULTIPLY, share, w)),)


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


FASTER = {Softmax: _softmax, LogSoftmax: _log_softmax, LogSumExp: _logsumexp, Star: _star,
          Standardise: _standardise, Overlap: _overlap}
"""{defined operation: rule}; see :data:`ncd.interpret.derivative.pushing.RULES`."""

def _turned_overlap(build: Builder, op: Overlap, wires, linear, cotangents):
    """The transpose of laying over one another is reading, of which it is the transpose."""
    return {0: build.add(op.transposed, *cotangents)}


TURNED = {Star: _turned_star, Overlap: _turned_overlap}
"""{linear defined operation: rule}; see :data:`ncd.interpret.derivative.turning.RULES`."""
