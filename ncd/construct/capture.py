"""Capture: an outer axis or size that has the name of one inside a diagram.

The symbols of a domain are bound variables; a call replaces them. A symbol that only the inside of a
diagram has (the heads of an attention, the width of a block) is a free name of the model, for which
`bind` gives a size. Where a diagram is lifted or called, names that come from outside must not meet
those: the model would change with the name of a batch axis.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from ncd.construct.suggest import keywords
from ncd.core.array import Array, listed
from ncd.core.axis import Axis, fresh
from ncd.core.category import Diagram
from ncd.core.guard import unguarded
from ncd.core.inside import holds_a_diagram
from ncd.core.op import Operation
from ncd.core.symbols import hidden, in_arrays, shown, symbols
from ncd.errors import AmbiguityError


def describe(diagram: Diagram) -> str:
    """How an error names a diagram: its operation, or its type."""
    return f"`{diagram.op.name}`" if diagram.op is not None else f"`{diagram}`"


def is_written(op: Operation | None) -> bool:
    """Whether it is one primitive operation without a diagram inside: written where it stands, it takes its
    sizes from there, as ``x * ncd.size("k")`` does."""
    return op is not None and op.primitive and not holds_a_diagram(op)


def check_labels(diagram: Diagram, arrays: Sequence[Array], extra: Sequence[Axis]) -> None:
    """No broadcast axis has a label that the diagram's type uses elsewhere.

    Raises:
        AmbiguityError: The readings are named.
    """
    dom, cod = diagram.dom.inside, diagram.cod.inside
    problems, captured = [], []
    for axis in extra:
        for position, (want, have) in enumerate(zip(dom, arrays), 1):
            if axis.label not in have.labels or axis.label in want.labels:
                continue
            uses = [f"input {other} `{array}`" for other, array in enumerate(dom, 1)
                    if axis.label in array.labels]
            uses += [f"output {other} `{array}`" for other, array in enumerate(cod, 1)
                     if axis.label in array.labels]
            if uses:
                captured.append((axis.label, position))
                problems.append(f"{axis.label} of input {position} is also an axis of {', '.join(uses)}")
    if problems:
        label, position = captured[0]
        apart = fresh(label, {x for array in (*arrays, *dom, *cod) for x in array.labels})
        raise AmbiguityError(
            f"the axis {label} of input {position} would be captured by {describe(diagram)}",
            have=listed(arrays), want=listed(dom), why=problems,
            mend=["to broadcast over it, keep it apart: rename it before, "
                  f".rename({keywords({label: apart})})",
                  f'to identify the two, then take the diagonal: ncd.einsum("{label} {label} -> {label}")'])


def check_sizes(diagram: Diagram, arrays: Sequence[Array], extra: Sequence[Axis], bound: Collection[str],
                what: str) -> None:
    """No size of the arrays has the name of one inside the diagram, or of a result that a call leaves free.

    Parameters:
        extra: The axes that are broadcast over.
        bound: The symbols that the call replaces.
        what: What is done, for the message.

    Raises:
        AmbiguityError: The readings are named.
    """
    if unguarded.paused:
        return
    inside = hidden(diagram)
    captured = inside & in_arrays(arrays)
    # An axis of no stated size is new; one such as y=x says whose size it has.
    new = {axis.label for axis in extra if axis.size.name == axis.label}
    captured |= (shown(diagram) - set(bound)) & new
    if captured:
        _refuse(diagram, captured, inside, listed(arrays), what)


def check_around(diagram: Diagram, arrays: Sequence[Array], what: str) -> None:
    """No size of what is around a diagram has the name of one inside: the inputs of what it is put into,
    the axis of a scan, the number of repetitions.

    Raises:
        AmbiguityError: The readings are named.
    """
    inside = hidden(diagram)
    if (captured := inside & in_arrays(arrays)) and not unguarded.paused:
        _refuse(diagram, captured, inside, listed(arrays), what)


def check_composed(dom: Sequence[Array], factors: Iterable[Diagram]) -> bool:
    """No size of the inputs of a composite has the name of one inside a box of a factor.

    The sizes of a factor's own wires are names of the composite as well: what is composed is one model.
    Returns whether it is made of layers cut out of one diagram, which share their names anyway.

    Raises:
        AmbiguityError: The readings are named.
    """
    outside, seen = in_arrays(dom), set()
    if not outside or unguarded.paused:
        return False
    factors = list(factors)
    if any(factor._is_part for factor in factors):
        return True
    for factor in factors:
        for op in (factor._left,) if factor._kind == "op" else factor.graph.ops:
            if id(op) in seen or is_written(op):
                continue
            seen.add(id(op))
            captured = outside & hidden(op.diagram)
            if captured and factor._kind != "op":
                captured -= in_arrays(factor.graph.types)
            if captured:
                _refuse(op.diagram, captured, captured, listed(dom), "compose with")
    return False


def _refuse(diagram: Diagram, captured: Collection[str], inside: Collection[str], outside: str,
            what: str) -> None:
    taken = symbols(diagram) | set(captured)
    problems = [f"{name} outside is the size of an axis; {name} " + (
        f"inside {describe(diagram)} is a size that its type does not show" if name in inside
        else f"in `{diagram}` is a size of its result") for name in sorted(captured)]
    apart = {name: fresh(name, taken) for name in sorted(captured)}
    first = min(captured)
    raise AmbiguityError(
        f"cannot {what} {describe(diagram)}: the size {', '.join(sorted(captured))} would be captured",
        have=outside, want=str(diagram), why=problems,
        mend=[f"to keep them apart, give the inner one another name before: .bind({keywords(apart)})",
              f"if they are one, say so after: name the outer size otherwise, as in {first}=n, "
              f'then .bind(n="{first}")'])


Diagram.guard = staticmethod(check_composed)
