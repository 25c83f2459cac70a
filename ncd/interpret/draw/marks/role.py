"""Roles: what a block does, read off its definition; the closed block and the region behind the
opened one have the colour of its role."""

from __future__ import annotations

from ncd.core.category import Diagram
from ncd.ops.control import Block, Broadcast, Scan
from ncd.ops.multilinear import Einsum, Reindex
from ncd.ops.pointwise import Map, TopK
from ncd.ops.source import Random


class Roles:
    """The roles of blocks, each distinct body read once."""

    def __init__(self):
        self._known: dict[int, tuple[Diagram, str]] = {}

    def of(self, op) -> str:
        """The role of a block or a scan."""
        waiting = [op.body]
        while waiting:
            body = waiting[-1]
            if id(body) in self._known:
                waiting.pop()
                continue
            inside = [inner.body for inner in map(_bare, dict.fromkeys(body.graph.ops))
                      if isinstance(inner, (Block, Scan))]
            missing = [other for other in inside if id(other) not in self._known]
            if missing:
                waiting.extend(missing)
                continue
            self._known[id(body)] = (body, self._role(body, {self._known[id(other)][1] for other in inside}))
            waiting.pop()
        return self._known[id(op.body)][1]

    @staticmethod
    def _role(body: Diagram, inside: set[str]) -> str:
        ops = [_bare(op) for op in body.graph.ops]
        names = {type(op).__name__ for op in ops}
        contractions = sum(isinstance(op, Einsum) and len(op.dom) > 1 for op in ops)
        learned = sum(type(op).__name__ == "Linear" for op in ops)
        other = [op for op in ops if type(op).__name__ != "Linear" and not op.elementwise
                 and not isinstance(op, (Map, Random)) and type(op).__name__ != "Dropout"]
        if "Softmax" in names and contractions > 1:
            return "attention"
        if inside and inside <= {"attention"} and learned and all(
                isinstance(op, (Block, Reindex)) or type(op).__name__ == "Rotary" for op in other):
            return "attention"
        if names & {"Convolution", "Star", "Pool"} or "convolution" in inside:
            return "convolution"
        if any(isinstance(op, TopK) for op in ops):
            return "choice"
        if any(isinstance(op, Scan) and (op.share or op.sequences) for op in ops):
            return "recurrence"
        if learned > 1 and not other:
            return "feed-forward"
        if inside:
            return "whole"
        if any(name.endswith("Norm") or name == "Standardise" for name in names) and len(ops) < 4:
            return "normalisation"
        return "plain"


def _bare(op):
    return op.op if isinstance(op, Broadcast) else op
