"""Alignment by label: sizes are unified, extra axes of the data are broadcast over.

Aligning a diagram to arrays is one pass over its wire graph: every operation is lifted to
the arrays that reach it (:meth:`Operation.extend`, or :class:`Broadcast` in general), so an
output has the lifted axes that it depends on. ``lift(P)`` is the strict functor: every input
and every output takes P in front.
"""

from __future__ import annotations

from collections.abc import Sequence

from ncd.algebra.convert import Size
from ncd.algebra.unify import Equation, unify
from ncd.construct.capture import check_labels, check_sizes, describe, is_written
from ncd.construct.suggest import mends, missing_axes
from ncd.core.array import Array, listed
from ncd.core.axis import Axis, all_fresh, fresh
from ncd.core.category import Diagram
from ncd.core.graph import Graph
from ncd.core.once import once_each
from ncd.core.op import lifted_axes
from ncd.core.symbols import symbols
from ncd.errors import AmbiguityError, ArityError, AxisError, NcdError, SizeError
from ncd.ops.control import Block, Broadcast, Scan
from ncd.ops.multilinear import Reindex, affine
from ncd.ops.source import Key, Parameter


def _moved(diagram: Diagram) -> tuple[int, ...]:
    """The inputs that may have any dtype: those that no operation computes with."""
    if diagram.op is not None:
        return diagram.op.any_dtype
    ops = diagram.graph.ops
    return tuple(range(len(diagram.dom))) if all(len(op.any_dtype) == len(op.dom) for op in ops) else ()


def _check_types(diagram: Diagram, arrays: Sequence[Array], left: Diagram | None) -> None:
    dom = diagram.dom.inside

    def what() -> str:
        return f"cannot compose {describe(left)} with {describe(diagram)}" if left is not None \
            else f"cannot call {describe(diagram)}"
    if len(dom) != len(arrays):
        raise ArityError(what(), have=f"{len(arrays)} arrays: {listed(arrays)}",
                         want=f"{len(dom)} arrays: {listed(dom)}")
    problems = [f"input {position + 1}: no axis {', '.join(missing)} in `{arrays[position]}`, "
                f"want `{dom[position]}`" for position, missing, _ in missing_axes(dom, arrays)]
    moved = _moved(diagram)
    problems += [f"input {position + 1}: `{have}` is {have.dtype}, want {want.dtype} (`{want}`)"
                 for position, (want, have) in enumerate(zip(dom, arrays))
                 if want.dtype != have.dtype and position not in moved]
    if problems:
        sizes = {a.label: a.size for array in (*arrays, *dom) for a in array.axes}
        raise AxisError(what(), have=listed(arrays), want=listed(dom), why=problems,
                        sizes=", ".join(f"{k} = {v}" for k, v in sizes.items()),
                        mend=mends(diagram, arrays, left, _fits))


def _fits(diagram: Diagram, arrays: Sequence[Array]) -> bool:
    """Whether a diagram can be called on arrays."""
    if missing_axes(diagram.dom.inside, arrays):
        return False
    try:
        align(diagram, arrays)
    except NcdError:
        return False
    return True


def align(diagram: Diagram, arrays: Sequence[Array], left: Diagram | None = None,
          stack: bool = False, guard: str = "none") -> Diagram:
    """The diagram lifted and instantiated so that its domain is the given arrays.

    Parameters:
        left: What stands before it, if the two are composed.
        stack: Whether its parameters are stacked along the lifted axes.
        guard: Where sizes are kept apart: ``"none"``; ``"layers"``, not of one primitive operation, whose
            sizes are those of the model that it is written in; ``"all"``.

    Raises:
        ArityError: Another number of arrays.
        AxisError: An axis that the diagram needs is absent, or a dtype differs.
        SizeError: Sizes contradict each other; all of them are listed.
        AmbiguityError: A broadcast axis or a size would be captured; the readings are named.
    """
    arrays = tuple(arrays)
    return diagram if diagram.dom.inside == arrays else _aligned(diagram, arrays, left, stack, guard)


def equations(dom: Sequence[Array], arrays: Sequence[Array]) -> list[Equation]:
    """What is given for each size of a domain."""
    found: list[Equation] = []
    for position, (want, have) in enumerate(zip(dom, arrays), 1):
        found += [Equation(axis.size, have.size(axis.label), f"{axis.label} of input {position}")
                  for axis in want.axes]
        if want.bound is not None and have.bound is not None:
            found.append(Equation(want.bound, have.bound, f"index bound of input {position}"))
    return found


@once_each(lambda diagram, arrays, left, stack, guard: (id(diagram), arrays, id(left), stack, guard))
def _aligned(diagram: Diagram, arrays: tuple[Array, ...], left: Diagram | None, stack: bool,
             guard: str) -> Diagram:
    _check_types(diagram, arrays, left)
    dom = diagram.dom.inside
    bound, contradictions = unify(equations(dom, arrays))
    extra = lifted_axes(dom, arrays)
    lifted_sizes: dict[str, Size] = {}
    for array, want in zip(arrays, dom):
        for axis in array.axes:
            if axis.label not in want.labels and \
                    lifted_sizes.setdefault(axis.label, axis.size) != axis.size:
                contradictions.append(f"the broadcast axis {axis.label} has the sizes "
                                      f"{lifted_sizes[axis.label]} and {axis.size}")
    changes = {name: size for name, size in bound.items() if size.name != name}
    if contradictions or (changes and left is not None and diagram.op is None):
        what = f"cannot compose {describe(left)} with {describe(diagram)}: sizes differ" \
            if left is not None else f"cannot call {describe(diagram)}: sizes contradict"
        why = contradictions or [f"{name} is wanted, {size} is given" for name, size in changes.items()]
        mend = ", ".join(f'{name}="{size}"' if size.constant is None else f"{name}={size}"
                         for name, size in changes.items())
        raise SizeError(what, have=listed(arrays), want=listed(dom), why=why,
                        mend=f"bind it first: .bind({mend})" if changes and not contradictions
                        else "make the sizes agree, with .bind(...) or another declared size")
    check_labels(diagram, arrays, extra)
    if guard == "all" or (guard == "layers" and not is_written(diagram.op)):
        check_sizes(diagram, arrays, extra, bound, "call" if left is None else "compose with")
    diagram = diagram.substitute(changes)
    return lift_to(diagram, arrays, extra, stack)


@once_each(lambda diagram, arrays, extra, stack: (id(diagram), arrays, tuple(extra), stack))
def lift_to(diagram: Diagram, arrays: tuple[Array, ...], extra: Sequence[Axis], stack: bool) -> Diagram:
    """Lift every operation to the arrays that reach it; sizes are already equal."""
    dom = diagram.dom.inside
    if dom == arrays and not extra:
        return diagram
    diagram = _apart(diagram, [axis.label for axis in extra])
    old = diagram.graph
    graph, memo = Graph(arrays), {}
    place = list(range(len(arrays)))
    for op, args in zip(old.ops, old.args):
        given = tuple(graph.types[place[wire]] for wire in args)
        key = (id(op), given)      # equal einsums may remember other lifted axes
        if key not in memo:
            memo[key] = _extended(op, given, tuple(extra), stack)
        new = memo[key]
        wires = [place[wire] for wire in args]
        place.extend(graph.append(new.graph, wires) if isinstance(new, Diagram)
                     else graph.add(new, wires))
    graph.outputs = tuple(place[wire] for wire in old.outputs)
    return Diagram.from_graph(graph)


def _extended(op, given: tuple[Array, ...], extra: tuple[Axis, ...], stack: bool):
    """One operation on the arrays that reach it: an operation, or a diagram."""
    if isinstance(op, Key):
        return Key(op.title, (*extra, *op.axes), op.tied)
    if stack and op.place is not None:
        return _stacked(op, given, extra)
    if not op.dom and not op.deterministic:
        if isinstance(op, Block):
            return Block(op.title, lift_to(op.body, (), extra, stack), op.tied, op.source)
        raise AmbiguityError(f"`{op.name}` draws keys and has no input to lift",
                             mend="give it its key as an input")
    if not op.deterministic:    # it draws anew for each index, also where no input varies with it
        missing = [axis for axis in extra if all(axis.label not in array.labels for array in given)]
        if missing:
            wanted = (given[0].with_axes((*missing, *given[0].axes)), *given[1:])
            return arrange(given, wanted) >> _extended(op, wanted, extra, stack)
    if given == op.dom:
        return op
    new = op.extend(given)
    return Broadcast(op, given) if new is None else new


def _stacked(op, given: tuple[Array, ...], extra: tuple[Axis, ...]):
    """An operation with parameters, one set for each index of the lifted axes."""
    if isinstance(op, Parameter):
        init = op.init.along(len(extra))
        return Parameter(op.title, op.array.with_axes((*extra, *op.array.axes)), init, op.tied, op.stored)
    if isinstance(op, Scan):
        raise AmbiguityError(f"the parameters of `{op.name}` are stacked by its steps already",
                             mend="lift the body before the scan: body.lift(..., stack=True)")
    return Block(op.place, lift_to(op.expansion, given, extra, True), op.tied)


def _apart(diagram: Diagram, labels: Sequence[str]) -> Diagram:
    """Rename inner axes away from labels that are about to be broadcast over."""
    if not labels:
        return diagram
    outer = {label for array in (*diagram.dom.inside, *diagram.cod.inside) for label in array.labels}
    inner = {label for array in diagram.graph.types for label in array.labels} - outer
    for op in diagram.graph.ops:
        inner |= op.own - outer
    clash = [label for label in labels if label in inner]
    if not clash:
        return diagram
    taken = outer | inner | set(labels)
    return diagram.relabel(all_fresh(clash, taken))


def arrange(have: Sequence[Array], want: Sequence[Array]) -> Diagram:
    """Transpose and repeat each array to a wanted order of axes; nothing where it stands."""
    graph = Graph(have)
    outputs = []
    for wire, (array, target) in enumerate(zip(have, want)):
        if array.axes != target.axes:
            (wire,) = graph.add(reorder(array, target.axes), (wire,))
        outputs.append(wire)
    graph.outputs = tuple(outputs)
    return Diagram.from_graph(graph)


def reorder(array: Array, axes: Sequence[Axis]) -> Reindex:
    """The reindexing that puts an array's axes in another order, repeating along new ones."""
    missing = [label for label in array.labels if label not in {axis.label for axis in axes}]
    if missing:
        raise AxisError(f"the axis {', '.join(missing)} would be lost", have=str(array),
                        want=" ".join(map(str, axes)), mend="reduce it, or index it")
    return Reindex(array, tuple(axes), tuple(affine(0, {label: 1}) for label in array.labels))


def lift(diagram: Diagram, axes: Sequence[Axis], stack: bool = False) -> Diagram:
    """The endofunctor of broadcasting: every input and output takes the axes in front.

    (f ; g).lift = f.lift ; g.lift, (f ⊗ g).lift = f.lift ⊗ g.lift, copy.lift = copy.
    Parameters are shared over the axes, or stacked; keys drawn by place are drawn anew for
    each index.

    Raises:
        AmbiguityError: An axis is already in the type, or its size has the name of one inside.
    """
    axes = tuple(axes)
    ends = {label for array in (*diagram.dom.inside, *diagram.cod.inside) for label in array.labels}
    clash = [axis.label for axis in axes if axis.label in ends]
    if clash:
        raise AmbiguityError(f"cannot lift {describe(diagram)} over {', '.join(clash)}",
                             why=f"{', '.join(clash)} is already an axis of `{diagram}`",
                             mend=f"lift over a new label: .lift(\"{fresh(clash[0], ends)}\")")
    arrays = tuple(array.with_axes((*axes, *array.axes)) for array in diagram.dom.inside)
    check_sizes(diagram, (Array(axes),), axes, (), "lift")
    made = lift_to(diagram, arrays, axes, stack)
    wanted = [array.with_axes((*axes, *array.axes)) for array in diagram.cod.inside]
    return made if list(made.cod.inside) == wanted else made >> arrange(made.cod.inside, wanted)


def rename(diagram: Diagram, labels: dict[str, str]) -> Diagram:
    """The diagram with axes renamed, inside too; two axes are never merged.

    Raises:
        AxisError: No axis has the label.
        AmbiguityError: The new label already names another axis of the type.
    """
    ends = {label for array in (*diagram.dom.inside, *diagram.cod.inside) for label in array.labels}
    unknown = [label for label in labels if label not in ends]
    if unknown:
        raise AxisError(f"no axis {', '.join(unknown)} to rename", have=str(diagram),
                        want=f"one of {', '.join(sorted(ends))}")
    labels = {old: new for old, new in labels.items() if old != new}
    clash = [new for new in labels.values() if new in ends - set(labels)]
    clash += [new for new in set(labels.values()) if list(labels.values()).count(new) > 1]
    if clash:
        raise AmbiguityError(f"renaming would merge two axes into {', '.join(clash)}", have=str(diagram),
                             mend="a diagonal or an einsum identifies two axes; a name does not")
    return _apart(diagram, list(labels.values())).relabel(labels)


def bind(diagram: Diagram, sizes: dict[str, Size]) -> Diagram:
    """The diagram with size symbols replaced, all at once; an axis that was renamed names its symbol too.

    Raises:
        SizeError: A symbol that the diagram does not have (those it has are listed).
    """
    known = symbols(diagram)
    named = {name: found for name in sizes if name not in known
             and (found := _symbol_of_axis(diagram, name)) is not None}
    if len({named.get(name, name) for name in sizes}) < len(sizes):
        raise SizeError("one size is bound twice", have=str(diagram), mend="bind it by one of its names",
                        why=[f"{axis} has the size {symbol}" for axis, symbol in named.items()])
    sizes = {named.get(name, name): size for name, size in sizes.items()}
    unknown = [name for name in sizes if name not in known]
    if unknown:
        raise SizeError(f"no size {', '.join(unknown)} to bind", have=str(diagram),
                        want=f"one of {', '.join(sorted(known))}" if known else "no size is free")
    return diagram.substitute(sizes)


def _symbol_of_axis(diagram: Diagram, label: str) -> str | None:
    """The symbol that is the size of an axis of the type, which was renamed; None if there is not the one."""
    found = {axis.size.name for array in (*diagram.dom.inside, *diagram.cod.inside)
             for axis in array.axes if axis.label == label}
    return found.pop() if len(found) == 1 else None


Diagram.align = staticmethod(align)
Diagram.arrange = staticmethod(arrange)

