"""A quotient of the drawing: the axes of a group become one, and the marks on them one mark.

An operation that treats the axes of a group apart cannot be drawn so: an error.
"""

from __future__ import annotations

from dataclasses import replace

from ncd.core.array import Array
from ncd.core.graph import Graph
from ncd.errors import NcdError
from ncd.interpret.draw.marks.glyph import Mark
from ncd.interpret.draw.marks.plan import Lane, Plan
from ncd.interpret.draw.scene.multi import Groups, MultiAxis, merged_array, rows_of_axes
from ncd.interpret.draw.scene.scene import Arc


class Merged:
    """An operation as it is drawn: the same, between arrays with multi-axes."""

    __slots__ = ("cod", "dom", "original")

    def __init__(self, original, groups: Groups):
        self.original = original
        self.dom = tuple(merged_array(array, groups) for array in original.dom)
        self.cod = tuple(merged_array(array, groups) for array in original.cod)

    def __getattr__(self, name: str):
        return getattr(self.original, name)


def merged_graph(graph: Graph, groups: Groups) -> Graph:
    """The graph whose arrays have multi-axes; equal operations stay one object."""
    made = Graph([merged_array(array, groups) for array in graph.inputs])
    known: dict[object, Merged] = {}
    for op, args, _ in graph:
        if op not in known:
            known[op] = Merged(op, groups)
        made.add(known[op], args)
    made.outputs = graph.outputs
    return made


def merged_plan(plan: Plan, op: Merged, groups: Groups) -> Plan:
    """The plan of the original operation on the rows of the merged one.

    Raises:
        NcdError: A lane or a mark has one axis of a group and not the others.
    """
    before = {i: _where(array, groups) for i, array in enumerate(op.original.dom)}
    after = {i: _where(array, groups) for i, array in enumerate(op.original.cod)}
    units: list = []
    seen: dict[tuple, object] = {}
    for unit in plan.units:
        ins, outs = _moved(unit.ins, before), _moved(unit.outs, after)
        key = (ins, outs)
        if key in seen:
            if _kind(seen[key]) != _kind(unit):
                _refuse(op, ins, outs)
            continue
        seen[key] = unit
        if isinstance(unit, Lane):
            units.append(Lane(ins, outs))
        elif key == (unit.ins, unit.outs) and not _all_multi(op, ins, outs):
            units.append(unit)
        else:
            made = unit.again(ins, outs, lambda place: (place[0], before[place[0]][place[1]]))
            units.append(_doubled(made) if made.stretch and _all_multi(op, ins, ()) else made)
    for side in (0, 1):
        places = [place for key in seen for place in key[side]]
        twice = next((place for place in places if places.count(place) > 1), None)
        if twice is not None:
            _refuse(op, (twice,) if side == 0 else (), (twice,) if side == 1 else ())
    return Plan(units, plan.head, plan.sign, joins=plan.joins)


def _kind(unit) -> str:
    return "lane" if isinstance(unit, Lane) else unit.kind


def _refuse(op: Merged, ins, outs) -> None:
    axes = [arrays[i].axes[j] for arrays, places in ((op.dom, ins), (op.cod, outs)) for i, j in places]
    axis = next((axis for axis in axes if isinstance(axis, MultiAxis)), axes[0])
    parts = " ".join(str(part.label) for part in getattr(axis, "parts", (axis,)))
    raise NcdError(f"cannot draw {axis.label} as one double wire", where=op.original.name,
                   why=f"the operation treats the axes {parts} apart",
                   mend="leave this multi-axis out, or draw that part as a closed block")


def _where(array: Array, groups: Groups) -> dict[int, int]:
    rows = rows_of_axes(array, groups)
    return {j: row for row, axes in enumerate(rows) for j in axes} or {0: 0}


def _moved(places, where) -> tuple:
    return tuple(dict.fromkeys((i, where[i][j]) for i, j in places))


def _all_multi(op: Merged, ins, outs) -> bool:
    axes = [(arrays[i].axes[j] if arrays[i].axes else None)
            for arrays, places in ((op.dom, ins), (op.cod, outs)) for i, j in places]
    return bool(axes) and all(isinstance(axis, MultiAxis) for axis in axes)


def _doubled(mark: Mark) -> Mark:
    """The cup of two double wires is double."""
    def draw(x, y, height):
        return [replace(item, double=True) if isinstance(item, Arc) else item
                for item in mark.draw(x, y, height)]
    return replace(mark, draw=draw)
