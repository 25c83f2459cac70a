"""What operations claim of themselves: linear, elementwise, deterministic. Each claim is an equation.

The rules of rewriting ask these flags, so a wrong flag is a wrong proof. Every primitive and every row
of the tables of scalar functions, monoids and semirings is tried.
"""

from __future__ import annotations

from ncd.construct.generators import where
from ncd.construct.trace import Wire, pointwise, trace
from ncd.core.category import Diagram
from ncd.core.op import Operation
from ncd.ops import scalar
from ncd.ops.multilinear import Reindex, affine
from ncd.ops.source import Iota
from theory.catalogue import CATALOGUE, ELEMENTWISE, LINEAR, PLACED, Case
from theory.copying import copy, discard
from theory.law import FALSE, NUMERIC, TYPE, Law, theory
from theory.random import Sampler
from theory.variables import Variable, made, one_of


def drawn(s: Sampler, case: Case) -> Operation:
    return case.draw(s)


def operation(text: str, cases) -> dict[str, Variable]:
    return {"case": one_of(text, cases), "op": made("of its kind", drawn)}


def claimed(s: Sampler, op: Operation) -> tuple[int, ...]:
    """The inputs that are added or scaled: one of them if it is multilinear, else all."""
    return (s.choose(op.linear),) if op.multilinear else op.linear


def prepared(case: Case, op: Operation, inputs: list[Wire], skip: tuple[int, ...] = ()) -> list[Wire]:
    """The inputs that are not varied, brought to where the operation is defined."""
    return [wire if case.prepare is None or n in skip or wire.type.dtype != "float"
            else case.prepare(wire.type)(wire) for n, wire in enumerate(inputs)]


def outputs(op: Operation, wires) -> tuple[Wire, ...]:
    found = op.diagram(*wires)
    return found if isinstance(found, tuple) else (found,)


def linear_sides(case: Case, op: Operation, claim: tuple[int, ...], after: bool) -> Diagram:
    """f(x + y), or f(x) + f(y), where the other inputs are fixed."""
    def body(*wires: Wire):
        first = prepared(case, op, list(wires[:len(op.dom)]), claim)
        second = dict(zip(claim, wires[len(op.dom):]))
        other = [second.get(n, wire) for n, wire in enumerate(first)]
        if after:
            return [a + b for a, b in zip(outputs(op, first), outputs(op, other))]
        return outputs(op, [wire + second[n] if n in second else wire for n, wire in enumerate(first)])
    return trace(body, (*op.dom, *(op.dom[n] for n in claim)))


def scaled_sides(case: Case, op: Operation, claim: tuple[int, ...], after: bool) -> Diagram:
    """f(c x), or c f(x)."""
    def body(*wires: Wire):
        first = prepared(case, op, list(wires), claim)
        if after:
            return [wire * -2.5 for wire in outputs(op, first)]
        return outputs(op, [wire * -2.5 if n in claim else wire for n, wire in enumerate(first)])
    return trace(body, op.dom)


def position(s: Sampler, op: Operation) -> dict[str, int]:
    """A position on each axis of the result."""
    return {axis.label: s.random.randrange(s.evaluate(axis.size)) for axis in op.cod[0].axes}


def entry(case: Case, op: Operation, at: dict[str, int], alone: bool) -> Diagram:
    """One entry of the result; ``alone`` when all other entries of the inputs are replaced."""
    def masked(wire: Wire) -> Wire:
        seen = None
        for axis in wire.type.axes:
            here = pointwise(scalar.EQUAL, Iota(axis).diagram(), at[axis.label])
            seen = here if seen is None else pointwise(scalar.BOTH, seen, here)
        if seen is None:
            return wire
        return pointwise(scalar.BOTH, seen, wire) if wire.type.dtype == "bool" else where(seen, wire, 0.5)

    def body(*wires: Wire):
        inputs = prepared(case, op, list(wires))
        (made,) = outputs(op, [masked(wire) for wire in inputs] if alone else inputs)
        rows = tuple(affine(at[label]) for label in made.type.labels)
        return Reindex(made.type, (), rows).diagram(made)
    return trace(body, op.dom)


def ready(case: Case, op: Operation) -> Diagram:
    """The operation on inputs where it is defined."""
    return trace(lambda *wires: outputs(op, prepared(case, op, list(wires))), op.dom)


def copied(case: Case, op: Operation) -> Diagram:
    f = ready(case, op)
    return f >> copy(f.cod)


def twice(case: Case, op: Operation) -> Diagram:
    f = ready(case, op)
    return copy(f.dom) >> (f @ f)


LINEAR_OPERATION = {**operation("an operation that claims to be linear", LINEAR),
                    "claim": made("the inputs that are varied", claimed)}

LAWS = theory(
    Law("additive where claimed", r"f(x + y) = f(x) + f(y)", LINEAR_OPERATION,
        lambda case, op, claim: linear_sides(case, op, claim, False),
        lambda case, op, claim: linear_sides(case, op, claim, True),
        ("f claims to be linear in these inputs, jointly or in each",), holds=NUMERIC, fails=("free",)),
    Law("homogeneous where claimed", r"f(c\,x) = c\,f(x)", LINEAR_OPERATION,
        lambda case, op, claim: scaled_sides(case, op, claim, False),
        lambda case, op, claim: scaled_sides(case, op, claim, True),
        ("f claims to be linear in these inputs, jointly or in each",), holds=NUMERIC, fails=("free",)),
    Law("elementwise where claimed", r"f(x)[p] = f(x\,|_p)[p]",
        {**operation("an operation that claims to be elementwise", ELEMENTWISE),
         "at": made("a position p", position)},
        lambda case, op, at: entry(case, op, at, False), lambda case, op, at: entry(case, op, at, True),
        ("x restricted to p has other entries elsewhere",), holds=NUMERIC, fails=("free",)),
    Law("deterministic where claimed", r"f ; \Delta = \Delta ; (f \otimes f)",
        operation("an operation without a place", CATALOGUE), copied, twice),
    Law("discarded where claimed", r"f ; \epsilon = \epsilon",
        operation("an operation without a place", CATALOGUE),
        lambda op: op.diagram >> discard(op.diagram.cod), lambda op: discard(op.diagram.dom)),
    Law("a copied place", r"f ; \Delta = \Delta ; (f \otimes f)",
        operation("an operation with a place", PLACED), copied, twice,
        ("false: it is another parameter or key in another place",), "derived here", TYPE, FALSE))
