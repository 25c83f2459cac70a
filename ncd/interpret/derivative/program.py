"""Derivatives while they are written, the parts that they come in, and requests for those of bodies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from ncd.core.category import Diagram
from ncd.interpret.derivative.policy import Policy
from ncd.ops.source import Constant
from ncd.traverse.builder import Builder


class Linearise(NamedTuple):
    """A request for the two parts of a diagram without parameters, in some of its inputs.

    Attributes:
        where: What the diagram is the body of, for errors.
        active: The inputs with a tangent.
        invariant: Inputs that are the same at every step of a scan: what depends on them alone is
            not kept once for each step.
        faster: Whether overrides of defined operations are used.
        at_hand: Inputs that the backward part has in any case, as parameters: no part of them is kept.
    """

    where: str
    diagram: Diagram
    active: tuple[int, ...]
    policy: Policy
    invariant: tuple[int, ...] = ()
    faster: bool = True
    at_hand: tuple[int, ...] = ()


class Push(NamedTuple):
    """A request for the joint program of values and tangents; the fields are those of :class:`Linearise`."""

    where: str
    diagram: Diagram
    active: tuple[int, ...]
    policy: Policy
    faster: bool = True


class Transpose(NamedTuple):
    """A request for the transpose of a diagram.

    Attributes:
        where: What the diagram is the body of, for errors.
        linear: The positions of the inputs in which it is linear.
        outputs: The positions of the outputs whose cotangent is not 0.
    """

    where: str
    diagram: Diagram
    linear: tuple[int, ...]
    outputs: tuple[int, ...]


class Linearised(NamedTuple):
    """A diagram in two parts.

    Attributes:
        primal: dom -> cod ⊗ extra.
        sources: For each residual which wire of dom ⊗ cod ⊗ extra it is.
        names: What made each residual.
        tangent: residuals ⊗ tangents of the active inputs -> tangents of the active outputs.
        active: The outputs whose tangent is not 0.
    """

    primal: Diagram
    sources: tuple[int, ...]
    names: tuple[str, ...]
    tangent: Diagram
    active: tuple[int, ...]


class Joint:
    """The joint program while it is written.

    Attributes:
        build: Its graph; the inputs are those of the diagram, then the tangents of the active ones.
        tangent: {wire: the wire of its tangent}.
        inner: The wires that bodies inside made to be kept.
        names: {wire: what made it}.
    """

    def __init__(self, dom: Sequence, active: Sequence[int]):
        self.build = Builder((*dom, *(dom[n] for n in active)))
        self.width = len(dom)
        self.tangent = {wire: len(dom) + n for n, wire in enumerate(active)}
        self.inner: set[int] = set()
        self.remade: set[int] = set()           # only moved from others, which are kept in their place
        self.names: dict[int, str] = {}
        self.outputs: tuple[int, ...] = ()

    def put(self, results: Sequence[int], tangents: Sequence[int | None], name: str) -> None:
        for n, (wire, tangent) in enumerate(zip(results, tangents)):
            if tangent is not None:
                self.tangent[wire] = tangent
            self.names.setdefault(wire, name if len(results) == 1 else f"{name} {n + 1}")


class Transposed(NamedTuple):
    """The transpose: coefficients ⊗ cotangents of the outputs asked for -> cotangents of inputs.

    Attributes:
        diagram: The coefficients keep their order; of the linear inputs only those that the outputs
            depend on come back.
        found: The positions of those inputs.
    """

    diagram: Diagram
    found: tuple[int, ...]


def turned_title(title: str) -> str:
    """The title of a transpose; twice transposed is what it was."""
    return title[:-1] if title.endswith("ᵀ") else title + "ᵀ"


def is_zero(build: Builder, wire: int) -> bool:
    if wire < len(build.graph.inputs):
        return False
    op = build.graph.ops[build.node_of(wire)]
    return isinstance(op, Constant) and op == replace(op, value=0.0)


def spread(count: int, active: Sequence[int], rates: Sequence[int]) -> tuple[int | None, ...]:
    """The tangents of all results from those of the active ones; None for the others."""
    found = dict(zip(active, rates))
    return tuple(found.get(n) for n in range(count))
