"""How a reindexing looks: axes that are read as they are go by, the others meet a mark.

A fixed index is a pentagon, a window the trapezoid ★, a repetition an open dot, any other
affine reading a box that shows it.
"""

from __future__ import annotations

from collections.abc import Sequence

from ncd.algebra.convert import ONE, ZERO
from ncd.interpret.draw.marks import boxes, glyph
from ncd.interpret.draw.marks.glyph import Mark
from ncd.interpret.draw.marks.plan import Lane, Plan
from ncd.interpret.draw.scene.mathtext import Run, Runs, size_runs, symbol_runs, word
from ncd.ops.multilinear import Reindex


def reindex_plan(op: Reindex) -> Plan:
    """Lanes, pentagons, trapezoids and boxes, one for each group of axes read together."""
    carried = {j: row.terms[0][0] for j, row in enumerate(op.rows) if _carries(op, j, row)}
    read_else = {label for j, row in enumerate(op.rows) if j not in carried for label, _ in row.terms}
    carried = {j: label for j, label in carried.items() if label not in read_else}
    position = {axis.label: j for j, axis in enumerate(op.axes)}
    units: list = []
    for label in dict.fromkeys(carried.values()):
        here = tuple((0, j) for j, other in carried.items() if other == label)
        units.append(Lane(here, ((0, position[label]),)))
    rest = [j for j in range(len(op.rows)) if j not in carried]
    for group in _linked(op, rest):
        outs = sorted({position[label] for j in group for label, _ in op.rows[j].terms})
        units.append(_reindexed(op, group, outs))
    used = {place[1] for unit in units for place in unit.outs}
    units.extend((glyph.unit_start if axis.size == ONE else glyph.open_dot)(((0, j),))
                 for j, axis in enumerate(op.axes) if j not in used)
    if not op.array.axes:
        axes = tuple((0, j) for j in range(len(op.axes)))
        units = [glyph.spread(((0, 0),), axes) if axes else Lane(((0, 0),), ((0, 0),))]
    elif not op.axes:                       # every axis is read at one place: a number is left
        last = units[-1]
        ends = last.ins[0][1]
        units[-1] = glyph.unit_end(last.ins, ((0, 0),)) if op.array.axes[ends].size == ONE \
            else glyph.pentagon(last.ins, _row_runs(op.rows[ends]), ((0, 0),))
    return Plan(units)


def _carries(op: Reindex, j: int, row) -> bool:
    if row.offset != ZERO or row.divisor != ONE or len(row.terms) != 1 or row.terms[0][1] != ONE:
        return False
    label = row.terms[0][0]
    return any(axis.label == label and axis.size == op.array.axes[j].size for axis in op.axes)


def _linked(op: Reindex, rest: Sequence[int]) -> list[list[int]]:
    """Input axes in groups that read a common index."""
    groups: list[tuple[set, list[int]]] = []
    for j in rest:
        labels, members = {label for label, _ in op.rows[j].terms}, [j]
        kept = []
        for others, group in groups:
            if labels & others:
                labels, members = labels | others, group + members
            else:
                kept.append((others, group))
        groups = [*kept, (labels, members)]
    return [members for _, members in groups]


def _reindexed(op: Reindex, group: list[int], outs: list[int]) -> Mark:
    ins, made = tuple((0, j) for j in group), tuple((0, j) for j in outs)
    row = op.rows[group[0]]
    if len(group) == 1 and not outs:
        if op.array.axes[group[0]].size == ONE:
            return glyph.unit_end(ins)
        return glyph.pentagon(ins, _row_runs(row))
    if len(group) == 1 and len(outs) == 2:
        stride = max(row.terms, key=lambda item: str(item[1]) != "1")[1]
        return glyph.trapezoid(ins, made, () if stride == ONE else size_runs(stride))
    if len(group) == 1:
        return boxes.box(ins, made, _row_runs(row), 13.0)
    return boxes.box(ins, made, word("reindex"))


def _row_runs(row) -> Runs:
    """The index that a row reads, as a formula in the result's indices."""
    made: list[Run] = []
    for label, factor in row.terms:
        negative = str(factor).startswith("-")
        if made or negative:
            made.append(Run("−" if negative else "+"))
        size = -factor if negative else factor
        made.extend(([] if size == ONE else size_runs(size)) + list(symbol_runs(label))
                    if size == ONE else [*size_runs(size), *symbol_runs(label)])
    if row.offset != ZERO or not made:
        runs = size_runs(row.offset)
        made.extend(([Run("+")] if made and not runs[0].text.startswith("−") else []) + list(runs))
    if row.divisor != ONE:
        bracket = len(made) > 1
        made = [Run("(")] * bracket + made + [Run(")")] * bracket + [Run("/"), *size_runs(row.divisor)]
    return tuple(made)
