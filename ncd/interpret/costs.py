"""What `ncd cost` prints: a cost as text, JSON, LaTeX or comma-separated values, whole or cut into parts.

Each answer is made once as rows of formulas; the format is chosen last.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ncd.core.category import Diagram
from ncd.core.size import ZERO, Size
from ncd.errors import SizeError
from ncd.interpret import report
from ncd.interpret.cost import MEASURES, RATIOS, Cost, breakdown, regime, table
from ncd.interpret.cost.assume import Assumptions

FORMATS = ("text", "json", "latex", "csv")
SHOWN = ("flops", "matrix_flops", "transcendentals", "params", "reads", "writes")


class Subject(NamedTuple):
    """A model with its title, its cost, the sizes given and what is assumed of the others."""

    diagram: Diagram
    title: str
    cost: Cost
    sizes: Mapping[str, int]
    assumed: Assumptions

    def size(self, name: str) -> Size:
        return self.assumed.simplify(self.cost.exact[name])

    def number(self, size: Size):
        return table.number(size, self.sizes)

    def head(self) -> str:
        missing = sorted(self.diagram.symbols - set(self.sizes))
        more = f"; what wants {', '.join(missing)} has no number" if self.sizes and missing else ""
        lines = [report.head(self.title, self.diagram),
                 *table.hung("sizes    ", report.sizes(self.sizes, "none given") + more)]
        if self.cost.taps != "dense":
            lines.append("taps     those on the padding are not counted")
        if self.cost.masks != "dense":
            left = "; ".join(f"{mask}: {count} entries" for mask, count in self.cost.masked.items())
            lines += table.hung("masks    ", left or "none")
        if self.assumed.texts:
            lines += table.hung("assumed  ", ", ".join(self.assumed.texts))
        return "\n".join(lines)


def whole(it: Subject, form: str) -> str:
    """Every measure, and the blocks."""
    rows = [(name, unit, it.size(name)) for name, unit in MEASURES.items()]
    if form == "text":
        numbers = it.sizes if it.cost.symbols <= set(it.sizes) or it.sizes else None
        simplified = {name: size for name, _, size in rows}
        text = [it.head(), "", table.measures(it.cost, numbers, simplified), "",
                str(breakdown.cut(it.cost, assume=it.assumed, sizes=it.sizes))]
        return "\n".join(text + ["", str(it.cost.coverage())] * bool(it.cost._meter.unknown))
    if form == "json":
        data = {name: {"formula": str(size), "value": it.number(size)} for name, _, size in rows}
        data |= {name: {"formula": f"{table.joined(above)}/{table.joined(below)}",
                        "value": _ratio(it, above, below)} for name, (_, above, below) in RATIOS.items()}
        return json.dumps({"title": it.title, "sizes": dict(it.sizes), "cost": data} | _unknown(it.cost))
    return _formulas(it, form, rows)


def _ratio(it: Subject, above: Sequence[str], below: Sequence[str]) -> float | None:
    values = [it.number(sum((it.cost.exact[name] for name in part), ZERO)) for part in (above, below)]
    return None if None in values or not values[1] else values[0] / values[1]


def _unknown(cost: Cost) -> dict:
    if not cost._meter.unknown:
        return {}
    return {"not counted": {name: {"runs": str(number), "type": kind}
                            for name, (number, kind) in cost.coverage().unknown.items()}}


def _formulas(it: Subject, form: str, rows: Sequence[tuple[str, str, Size]]) -> str:
    """Named sizes as LaTeX or comma-separated values."""
    if form == "csv":
        return table.values([("measure", "unit", "formula", "value"), *(
            (name, unit, str(size), "" if it.number(size) is None else it.number(size))
            for name, unit, size in rows)]).rstrip("\r\n")
    head = ["measure", "unit", "formula"] + ["value"] * bool(it.sizes)
    cells = [[_words(name), unit, f"${table.formula(size)}$"]
             + [table.exact(it.number(size)).replace(",", r"\,")] * bool(it.sizes)
             for name, unit, size in rows]
    return table.latex(head, cells)


def _words(name: str) -> str:
    """A measure's name in LaTeX."""
    return table.escaped(name.replace("_", " "))


# -- cut into parts ----------------------------------------------------------------------
def by(it: Subject, cut: str, depth: int, form: str) -> str:
    """The rows of a cut: blocks, kinds of operations, or axes."""
    rows = breakdown.cut(it.cost, cut, depth, it.assumed, it.sizes)
    if form == "text":
        return f"{it.head()}\n\n{rows}"
    if cut == "axis":
        return _axes(it, rows, form)
    names = [name for name in SHOWN if name != "params" or cut == "block"]
    total = rows.total.sums["flops"]
    made = [(row, {name: row.sums.get(name, ZERO) for name in names},
             table.ratio(row.sums["flops"], total, it.sizes)) for row in (*rows, rows.total)]
    if form == "json":
        cells = [{cut: row.name, "count": str(row.count), "level": row.level, "share": share} | {
            name: {"formula": str(size), "value": it.number(size)} for name, size in sums.items()}
            for row, sums, share in made]
        return json.dumps({"title": it.title, "sizes": dict(it.sizes), "by": cut, "rows": cells[:-1],
                           "total": cells[-1]} | _unknown(it.cost))
    if form == "csv":
        head = (cut, "level", "count", "share", *names, *(f"{name} value" for name in names))
        return table.values([head, *((
            row.name, row.level, row.count, "" if share is None else f"{share:.6g}", *map(str, sums.values()),
            *("" if it.number(size) is None else it.number(size) for size in sums.values()))
            for row, sums, share in made)]).rstrip("\r\n")
    shown = ["flops", "transcendentals", *(["params"] if cut == "block" else [])]
    head = [cut, *shown] + ["share"] * bool(it.sizes)
    return table.latex(head, [[
        r"\quad " * row.level + table.escaped(row.title),
        *(f"${table.formula(sums[name])}$" for name in shown),
        *["" if share is None else rf"{100 * share:.1f}\,\%"] * bool(it.sizes)]
        for row, sums, share in made], True)


def _axes(it: Subject, rows: breakdown.Cut, form: str) -> str:
    if form == "json":
        return json.dumps({"title": it.title, "sizes": dict(it.sizes), "by": "axis", "rows": [
            {"axis": row.axis, "size": row.size, "powers": {name: str(p) for name, p in row.powers.items()},
             "percent": dict(row.percents)} for row in rows]})
    head, *cells = table.axis_cells(rows)
    if form == "csv":
        return table.values([head, *cells]).rstrip("\r\n")
    return table.latex([_words(name) for name in head],
                       [[table.escaped(cell) for cell in line] for line in cells])


# -- training, and two models --------------------------------------------------------------
def training(it: Subject, policy: str, optimiser: str | None, form: str) -> str:
    """A training step: forward, backward, optimiser."""
    step = it.cost.training(policy=policy, optimiser=optimiser)
    rows = [(name, unit, it.assumed.simplify(size)) for name, unit, size in step.rows()]
    if form == "json":
        data = {name: {"formula": str(size), "value": it.number(size)} for name, _, size in rows}
        return json.dumps({"title": it.title, "sizes": dict(it.sizes), "policy": policy,
                           "optimiser": optimiser, "training": data})
    if form != "text":
        return _formulas(it, form, rows)
    kept = [*table.hung("kept     ", f"{'; '.join(map(str, step.lens.residuals)) or 'nothing'}")]
    values = [it.number(size) for *_, size in rows]
    widest = max(len(table.exact(value)) for value in values) if it.sizes else 0
    lines = []
    for (name, unit, size), value in zip(rows, values):
        cell = f"{table.exact(value):>{widest}}  " if it.sizes else ""
        lines += table.cut(f"{name:<25}  {unit:<5}  {cell}", str(size))
    head = f"{it.head()}\npolicy   {policy}\nstep     {optimiser or 'no optimiser'}"
    return "\n".join([head, *kept, "", *lines])


def versus(one: Subject, other: Subject, form: str) -> str:
    """Two models: each measure of both, their ratio, and where the first costs more."""
    rows = []
    for name, unit in MEASURES.items():
        left, right = one.size(name), other.size(name)
        sizes = {**other.sizes, **one.sizes}
        share = table.ratio(left, right, sizes) if right.terms else None
        rows.append((name, unit, left, right, share))
    conditions = {axis: found for axis in sorted(one.cost.symbols | other.cost.symbols)
                  if (found := _more(one, other, axis)) is not None}
    if form == "json":
        return json.dumps({
            "title": one.title, "versus": other.title, "sizes": dict(one.sizes), "cost": {
                name: {"formula": str(left), "versus": str(right), "value": table.number(left, one.sizes),
                       "versus value": table.number(right, other.sizes), "ratio": share}
                for name, _, left, right, share in rows},
            "more flops where": {axis: str(found) for axis, found in conditions.items()}})
    head = ("measure", "unit", one.title, other.title, "ratio")
    cells = [(name, unit, left, right, "" if share is None else f"{share:.4g}")
             for name, unit, left, right, share in rows]
    if form == "csv":
        return table.values([head, *cells]).rstrip("\r\n")
    if form == "latex":
        return table.latex([table.escaped(cell) for cell in head], [
            [_words(name), unit, f"${table.formula(left)}$", f"${table.formula(right)}$", ratio]
            for name, unit, left, right, ratio in cells])
    lines = [one.head(), "", *table.hung("versus   ", f"{other.title} : {other.diagram}"), ""]
    if one.cost.symbols | other.cost.symbols <= set(one.sizes):
        lines.append(f"{'measure':<17}{'unit':<10}{one.title[:18]:>18}{other.title[:18]:>20}{'ratio':>11}")
        for name, unit, left, right, ratio in cells:
            lines.append(f"{name:<17}{unit:<10}{table.short(table.number(left, one.sizes)):>18}"
                         f"{table.short(table.number(right, one.sizes)):>20}{ratio:>11}")
    else:
        for name, _, left, right, ratio in cells:
            lines += table.cut(f"{name:<17}", str(left))
            lines += table.cut(f"{'':<17}versus ", str(right)) if left != right else [f"{'':<17}the same"]
            lines += [f"{'':<17}ratio {ratio}"] if ratio and left != right else []
    lines += ["", f"{one.title} takes more FLOP than {other.title}"]
    lines += [f"  along {axis}: {'everywhere' if found.always else 'nowhere' if found.never else found}"
              for axis, found in conditions.items()] or ["  where, is not seen: give sizes or --assume"]
    return "\n".join(lines)


def _more(one: Subject, other: Subject, axis: str):
    try:
        return regime.where_greater(one.size("flops"), other.size("flops"), axis, one.sizes, one.assumed)
    except SizeError:
        return None
