"""Derivatives that a user states: the pushforward or the pullback of an operation, or both.

One follows from the other by transposition, where it is made of operations that have a transpose.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence

from ncd.core.argument import public
from ncd.core.array import Array
from ncd.core.category import Diagram
from ncd.core.inside import diagrams_in
from ncd.core.op import Operation
from ncd.errors import ArityError, AxisError, NcdError, RuleError
from ncd.interpret.derivative.program import Transpose, Transposed
from ncd.ops.control import Broadcast
from ncd.ops.custom import CustomDerivative, LinearMap
from ncd.traverse.builder import Builder, extracted


@public
def custom_derivative(operation: Diagram, reverse: Diagram | None = None,
                      forward: Diagram | None = None, name: str | None = None) -> Diagram:
    """An operation or a diagram with a derivative that you state.

    Type:      that of the operation
    Parameters:
        operation: An operation or a diagram without parameters and keys drawn by place.
        reverse: The diagram x, w -> wᵀ∂f[x]: inputs, cotangents of the results -> cotangents of the
            inputs. It may also take the results: inputs, results, cotangents.
        forward: The diagram x, v -> ∂f[x] v: inputs, tangents of the inputs -> tangents of the results.
        name: What pictures call it; the operation's name where there is none.
    Only floats have tangents. One of the two is enough: the other is its transpose, where that exists.
    Raises:    NcdError: Neither is given, or the operation holds parameters. ArityError,
               AxisError: A derivative of another type.

    >>> import ncd
    >>> step = ncd.diagram("() -> ()")(lambda x: ncd.where(x > 0, x * 0 + 1, x * 0))
    >>> through = custom_derivative(step, reverse=ncd.diagram("(), () -> ()")(lambda x, w: w * 1))
    >>> float(through.gradient().to_numpy()(3.0))
    1.0
    """
    body = operation
    if not isinstance(body, Diagram):
        raise NcdError(f"custom_derivative of a {type(operation).__name__}", want="an operation or a diagram")
    if reverse is None and forward is None:
        raise NcdError("custom_derivative states no derivative", mend="give reverse=, forward= or both")
    if any(op.place is not None for op in body.graph.ops):
        raise NcdError("custom_derivative of a diagram with parameters or keys of its own",
                       mend="make them inputs, and call it on ncd.parameter(...)()")
    dom, cod = body.dom.inside, body.cod.inside
    reverse, forward = (None if d is None else getattr(d, "diagram", d) for d in (reverse, forward))
    wanted, rates = floats(dom), floats(cod)
    if reverse is not None:
        longer = len(reverse.dom) == len(dom) + len(cod) + len(rates)
        _check("reverse", reverse, (*dom, *(cod if longer else ()), *rates), wanted)
    if forward is not None:
        _check("forward", forward, (*dom, *wanted), rates)
    title = name or (body.op.name if body.op is not None else getattr(body, "title", "custom"))
    return CustomDerivative(title, body, reverse, forward).diagram


def floats(arrays: Sequence[Array]) -> tuple[Array, ...]:
    """The arrays that have a tangent."""
    return tuple(array for array in arrays if array.dtype == "float")


def _check(what: str, diagram: Diagram, dom, cod) -> None:
    if not isinstance(diagram, Diagram):
        raise NcdError(f"{what}={diagram!r} is not a diagram")
    have, want = (diagram.dom.inside, diagram.cod.inside), (tuple(dom), tuple(cod))
    if have != want:
        kind = ArityError if tuple(map(len, have)) != tuple(map(len, want)) else AxisError
        raise kind(f"the {what} derivative has another type", have=str(diagram),
                   want=f"{', '.join(map(str, dom))} -> {', '.join(map(str, cod))}")


# -- the rules --------------------------------------------------------------------------
def push_custom(build: Builder, op: CustomDerivative, args, tangents) -> Generator:
    """The job that applies what was stated to the tangents that are there."""
    made = build.node(op, args)
    smooth = [n for n, array in enumerate(op.dom) if array.dtype == "float"]
    full = [build.zero(op.dom[n]) if tangents[n] is None else tangents[n] for n in smooth]
    if op.reverse is None:
        return made, _spread(op, build.call(op.forward, [*args, *full]))
    given = [*args, *made] if len(op.reverse.dom) > len(op.dom) + len(floats(op.cod)) else list(args)
    linear, used = yield from _linear_map(op, len(given))
    return made, _spread(op, build.node(linear, [*(given[n] for n in used), *full]))


def _spread(op: Operation, rates) -> list[int | None]:
    rates = iter(rates)
    return [next(rates) if array.dtype == "float" else None for array in op.cod]


def _linear_map(op: CustomDerivative, coefficients: int) -> Generator:
    """∂f with the coefficients that it reads, so that no others are kept."""
    apply = yield from _applied(op, coefficients)
    read = _read(op.reverse) | (set() if apply is None else _read(apply))
    used = [n for n in range(coefficients) if n in read]
    parts = [None if d is None else _reading(d, used, coefficients) for d in (op.reverse, apply)]
    return LinearMap(f"∂{op.title}", len(used), *parts), used


def _read(diagram: Diagram) -> set[int]:
    """The inputs that reach an output."""
    graph, wanted = diagram.graph, set(diagram.graph.outputs)
    for op, args, made in reversed(list(graph)):
        if not op.deterministic or any(wire in wanted for wire in made):
            wanted.update(args)
    return {wire for wire in wanted if wire < len(graph.inputs)}


def _reading(diagram: Diagram, used: Sequence[int], coefficients: int) -> Diagram:
    """The diagram without the coefficients that it does not read."""
    kept = [*used, *range(coefficients, len(diagram.dom))]
    return extracted(diagram.graph, kept, diagram.graph.outputs)


def refuse_one_way(diagram: Diagram) -> None:
    """Say so where only the reverse derivative of an operation is known.

    Raises:
        RuleError: The forward derivative of a diagram that holds one.
    """
    waiting, seen = [diagram], set()
    while waiting:
        current = waiting.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        for op in current.graph.ops:
            base = op.op if isinstance(op, Broadcast) else op
            if isinstance(base, LinearMap) and base.apply is None:
                raise RuleError(f"`{base.title[1:]}` has no forward derivative",
                                why="its reverse derivative is stated, and has no transpose",
                                mend="state it as well: ncd.custom_derivative(..., forward=...)")
            waiting.extend(inner for inner in diagrams_in(op))


def _applied(op: CustomDerivative, coefficients: int) -> Generator:
    """∂f as a diagram on the coefficients: as stated, or the transpose of what was stated."""
    if op.forward is not None:
        if coefficients == len(op.dom):
            return op.forward
        build = Builder((*op.dom, *op.cod, *floats(op.dom)))
        wires = range(len(build.graph.inputs))
        return build.finish(build.call(op.forward, [*wires[:len(op.dom)], *wires[coefficients:]]))
    linear = tuple(range(coefficients, len(op.reverse.dom)))
    try:
        turned: Transposed = yield Transpose(op.title, op.reverse, linear, tuple(range(len(op.reverse.cod))))
    except RuleError:                   # then only the reverse derivative exists
        return None
    if turned.found == linear:
        return turned.diagram
    build = Builder(turned.diagram.dom.inside)
    found = dict(zip(turned.found, build.call(turned.diagram, range(len(build.graph.inputs)))))
    return build.finish([found[n] if n in found else build.zero(op.reverse.dom.inside[n]) for n in linear])


def push_linear_map(build: Builder, op: LinearMap, args, tangents):
    """A linear map is its own derivative in what it is linear in."""
    c = op.coefficients
    full = [build.zero(array) if w is None else w for w, array in zip(tangents[c:], op.dom[c:])]
    return build.node(op, args), build.node(op, [*args[:c], *full])


def turn_linear_map(build: Builder, op: LinearMap | Broadcast, wires, cotangents):
    """The transpose that was stated, lifted where the map was."""
    base = op.op if isinstance(op, Broadcast) else op
    c = base.coefficients
    if None in wires[:c] or None not in wires[c:]:
        raise RuleError(f"`{op.name}` is not linear in its coefficients")
    full = [build.zero(array) if w is None else w for w, array in zip(cotangents, op.cod)]
    given = [*wires[:c], *full]
    turned = base.transpose
    if op is not base:
        turned = Diagram.align(turned, [build.type(wire) for wire in given])
    made = build.call(turned, given)
    return {c + n: build.folded(wire, op.dom[c + n]) for n, wire in enumerate(made)}

