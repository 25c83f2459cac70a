"""What `ncd cost` prints: a cost as text, JSON, LaTeX or comma-separated values, whole or cut into parts.

Each answer is made once as rows of formulas; the format is chosen last.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ncd.algebra import regime
from ncd.algebra.assume import Assumptions
from ncd.algebra.convert import ZERO, Size
from ncd.command import report
from ncd.core.category import Diagram
from ncd.errors import SizeError
from ncd.interpret.cost import MEASURES, RATIOS, Cost, breakdown, table
from ncd.traverse.places import shares_text

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
        more = f"; {', '.join(missing)} not given: what wants them has no number" if self.sizes and missing \
            else ""
        none = f"none given of {', '.join(missing)}" if missing else "all are numbers"
        lines = [report.head(self.title, self.diagram),
                 *table.hung("sizes    ", report.sizes(self.sizes, none).replace(
                     " = ", f"{table.TIE}={table.TIE}") + more)]
        if self.cost.taps != "dense":
            lines.append("taps     those on the padding are not counted")
        if self.cost.masks != "dense":
            left = "; ".join(f"{mask}: {count} entries" for mask, count in self.cost.masked.items())
            lines += table.hung("masks    ", left or "there are none: all entries count")
        if shared := shares_text(self.diagram):
            lines += table.hung("shared   ", shared)
        if self.assumed.texts:
            lines += table.hung("assumed  ", ", ".join(self.assumed.texts))
        return "\n".join(lines)


def whole(it: Subject, form: str) -> str:
    """Every measure, and the blocks."""
    rows = [(name, unit, it.size(name)) for name, unit in MEASURES.items()]
    if form == "text":
        text = [it.head(), "", table.measures(it.cost, it.sizes, {name: size for name, _, size in rows}), "",
                str(breakdown.cut(it.cost, assume=it.assumed, sizes=it.sizes))]
        return _ended("\n".join(text + ["", str(it.cost.coverage())] * bool(it.cost.meter.unknown)))
    if form == "json":
        data = {name: {"formula": str(size), "value": it.number(size)} for name, _, size in rows}
        data |= {name: {"formula": f"{table.joined(above)}/{table.joined(below)}",
                        "value": _ratio(it, above, below)} for name, (_, above, below) in RATIOS.items()}
        return json.dumps({"title": it.title, "sizes": dict(it.sizes), "cost": data} | _unknown(it.cost))
    return _formulas(it, form, rows)


def _ended(text: str) -> str:
    """A text, and where the formulas are whole if they are not."""
    return f"{text}\n\n--csv has the formulas whole" if "… " in text else text


def _ratio(it: Subject, above: Sequence[str], below: Sequence[str]) -> float | None:
    values = [it.number(sum((it.cost.exact[name] for name in part), ZERO)) for part in (above, below)]
    return None if None in values or not values[1] else values[0] / values[1]


def _unknown(cost: Cost) -> dict:
    if not cost.meter.unknown:
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
        return _ended(f"{it.head()}\n\n{rows}")
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
    from ncd.analysis.training import PARTS
    step = it.cost.training(policy=policy, optimiser=optimiser)
    rows = [(name, unit, it.assumed.simplify(size)) for name, unit, size in step.rows()]
    if form == "json":
        data = {name: {"formula": str(size), "value": it.number(size)} for name, _, size in rows}
        return json.dumps({"title": it.title, "sizes": dict(it.sizes), "policy": policy,
                           "optimiser": optimiser, "training": data})
    if form != "text":
        return _formulas(it, form, rows)
    head = [it.head(), f"policy   {policy}", f"step     {optimiser or 'no optimiser'}",
            *_kept(list(map(str, step.lens.residuals)))]
    body = table.step(rows, PARTS, it.sizes, bool(it.sizes) or not it.cost.symbols)
    return _ended("\n".join([*head, "", body]))


def _kept(names: Sequence[str]) -> list[str]:
    """What is kept for the backward part, in at most six lines."""
    for count in range(len(names), -1, -1):
        shown = [*names[:count], *([f"{len(names) - count} more"] if count < len(names) else [])]
        tied = "; ".join(name.replace(" ", table.TIE if len(name) < 71 else " ") for name in shown)
        lines = table.hung("kept     ", tied or "nothing")
        if len(lines) <= table.MOST:
            break
    return lines


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
    lines = [one.head(), *table.hung("versus   ", f"{other.title} : {other.diagram}"), ""]
    if one.cost.symbols | other.cost.symbols <= set(one.sizes):
        names = _shortened(one.title, other.title)
        lines.append(f"{'measure':<17}{'unit':<10}{names[0]:>18}{names[1]:>20}{'ratio':>11}")
        for name, unit, left, right, share in rows:
            ratio = "" if share is None else table.times(share)
            lines.append(f"{name:<17}{unit:<10}{table.short(table.number(left, one.sizes)):>18}"
                         f"{table.short(table.number(right, one.sizes)):>20}{ratio:>11}".rstrip())
    else:
        made: list[tuple[tuple[str, str], Any, Size | str]] = []
        for name, unit, left, right, share in rows:
            made.append(((name, unit), one.number(left), left))
            made.append((("", "versus"), other.number(right), right if left != right else "the same"))
            if share is not None and left != right:
                made.append((("", "ratio"), share, "" if one.sizes else table.times(share)))
        lines.append(table.columns(made, (15, 9), one.sizes, bool(one.sizes)))
    return _ended("\n".join([*lines, "", *_where(one, other, conditions)]))


def _shortened(*titles: str) -> list[str]:
    """Titles in 18 letters: their beginnings, or their ends where the beginnings are one."""
    found = [title if len(title) <= 18 else f"{title[:17]}…" for title in titles]
    if len(set(found)) < len(set(titles)):
        found = [title if len(title) <= 18 else f"…{title[-17:]}" for title in titles]
    return found


def _where(one: Subject, other: Subject, conditions: Mapping[str, Any]) -> list[str]:
    """Where the first model takes more, axis by axis; axes without a condition stand together."""
    lines = [f"{one.title} takes more FLOP than {other.title}"]
    axes = sorted(one.cost.symbols | other.cost.symbols)
    width = max(map(len, axes), default=0)
    for axis, found in conditions.items():
        if not found.always and not found.never:
            left = f"  along {axis:<{width}}  "
            made = table.cut(left, str(found))
            lines += made if len(made) <= table.MOST else table.hung(
                left, f"a condition of {len(made)} lines: give sizes; --json has it whole")
    for word, named in (("everywhere", [axis for axis, found in conditions.items() if found.always]),
                        ("nowhere", [axis for axis, found in conditions.items() if found.never]),
                        ("not seen", [axis for axis in axes if axis not in conditions])):
        if named:
            mend = ": give sizes or --assume" if word == "not seen" else ""
            lines += table.hung(f"  {word} ", f"along {', '.join(named)}{mend}")
    return lines


def _more(one: Subject, other: Subject, axis: str):
    try:
        return regime.where_greater(one.size("flops"), other.size("flops"), axis, one.sizes, one.assumed)
    except SizeError:
        return None
