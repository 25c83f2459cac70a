"""Costs as texts: tables of at most 80 columns, LaTeX, comma-separated values."""

from __future__ import annotations

import csv
import io
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ncd.core.size import ZERO, Size
from ncd.core.text import WIDTH, hung

if TYPE_CHECKING:
    from ncd.interpret.cost.breakdown import Cut
    from ncd.interpret.cost.cost import Cost

MOST = 6
REST = "… --csv has all of it"


def cut(left: str, text: str) -> list[str]:
    """A formula to the right of a name; one of more than six lines goes on only to five.

    >>> print(len(cut("flops  ", " + ".join(f"{n}*x**{n}" for n in range(2, 99)))))
    6
    """
    lines = hung(left, text)
    return lines if len(lines) <= MOST else [*lines[:MOST - 1], " " * len(left) + REST]


def exact(value) -> str:
    """A number with all its digits, or a float with six.

    >>> exact(1234567), exact(0.5), exact(None)
    ('1,234,567', '0.5', '-')
    """
    return "-" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:,.6g}"


PREFIXES = "kMGTPEZY"


def short(value) -> str:
    """A number with three digits and a prefix of powers of 1000.

    >>> short(999), short(25_769_803_776), short(0.25)
    ('999', '25.8G', '0.25')
    """
    if value is None:
        return "-"
    if abs(value) < 1000:
        return str(value) if isinstance(value, int) else f"{value:.3g}"
    power, scaled = 0, float(value)
    while abs(scaled) >= 999.5 and power < len(PREFIXES):
        scaled, power = scaled / 1000, power + 1
    digits = 2 if abs(scaled) < 9.995 else 1 if abs(scaled) < 99.95 else 0
    return f"{scaled:.{digits}f}{PREFIXES[power - 1]}"


def measures(cost: Cost, given: Mapping[str, int] | None = None,
             written: Mapping[str, Size] | None = None) -> str:
    """A line for each measure: its unit, its number where sizes are given, its formula (as ``written``)."""
    from ncd.interpret.cost.measures import MEASURES, RATIOS
    rows = [(name, unit, number(cost.exact[name], given), str((written or cost.exact)[name]))
            for name, unit in MEASURES.items()]
    for name, (unit, above, below) in RATIOS.items():
        values = [number(sum((cost.exact[each] for each in part), ZERO), given) for part in (above, below)]
        value = None if None in values or not values[1] else values[0] / values[1]
        rows.append((name, unit, value, f"{joined(above)}/{joined(below)}"))
    cells = [exact(value) for _, _, value, _ in rows]
    widest = max(map(len, cells)) if given else 0
    lines = []
    for (name, unit, _, text), cell in zip(rows, cells):
        lines += cut(f"{name:<15}  {unit:<9}  " + (f"{cell:>{widest}}  " if given else ""), text)
    return "\n".join(lines)


def joined(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"({' + '.join(names)})"


def number(size: Size, given: Mapping[str, int] | None):
    """The number of a size, None where a symbol is not given."""
    return size.evaluate(given or {}) if size.symbols <= set(given or ()) else None


def ratio(part: Size, whole: Size, given: Mapping[str, int] | None = None) -> float | None:
    """part/whole as a number: at the sizes given, or where it does not depend on them."""
    above, below = number(part, given), number(whole, given)
    if above is not None and below is not None:
        return above / below if below else None
    if not part.terms:
        return 0.0
    if part.terms.keys() != whole.terms.keys():
        return None
    found = {float(c / whole.terms[m]) if whole.terms[m] else None for m, c in part.terms.items()}
    return found.pop() if len(found) == 1 else None


# -- cut into parts ----------------------------------------------------------------------
COLUMNS = (("flops", "FLOP"), ("params", "params"), ("traffic", "bytes"))
GROWING = ("flops", "params", "reads", "writes", "peak_memory")
"""The measures of a cut by axis."""


def parts(rows: Cut) -> str:
    """The rows of a cut and their total: numbers with shares, or formulas where sizes are missing."""
    given = rows.sizes
    if given and all(rows.total.sums[name].symbols <= set(given) for name in ("flops", "reads", "params")):
        return _numbers(rows)
    return _formulas(rows)


def _traffic(sums: Mapping[str, Size]) -> Size:
    return sums["reads"] + sums["writes"]


def _numbers(rows: Cut) -> str:
    by, given, with_params = rows.by, rows.sizes, rows.by == "block"
    names = [name for name, _ in COLUMNS if with_params or name != "params"]
    total = {"traffic": _traffic(rows.total.sums), **rows.total.sums}
    room = WIDTH - 16 * len(names)
    head = f"{by:<{room}}" + "".join(f"{label:>9}       " for name, label in COLUMNS if name in names)
    lines = [head.rstrip()]

    def line(title: str, values: Mapping[str, Size]) -> None:
        cells = ""
        for name in names:
            value, share = number(values[name], given), ratio(values[name], total[name], given)
            cells += f"{short(value):>9}{'' if share is None else f'{100 * share:.1f}%':>7}"
        title = textwrap.wrap(title, room - 1, subsequent_indent="  ", drop_whitespace=False) or [""]
        lines.extend(title[:-1])
        lines.append((f"{title[-1]:<{room}}" + cells).rstrip())
    # Kinds of operations have no order of their own: the largest first.
    for row in rows if by == "block" else sorted(rows, key=lambda row: -row.sums["flops"].evaluate(given)):
        line("  " * row.level + row.title, {"flops": row.sums["flops"], "traffic": _traffic(row.sums),
                                            "params": row.sums.get("params", ZERO)})
    line("total", total)
    return "\n".join(lines)


def _formulas(rows: Cut) -> str:
    by, total = rows.by, rows.total.sums["flops"]
    titles = [("  " * row.level + row.title, row.sums) for row in rows]
    room = min(30, max([len(by), 5, *(len(title) for title, _ in titles)]) + 2)
    lines = [f"{by:<{room}}{'share':>6}  FLOP"]
    for title, sums in [*titles, ("total", rows.total.sums)]:
        share = ratio(sums["flops"], total)
        cell = f"{'' if share is None else f'{100 * share:.1f}%':>6}  "
        if len(title) >= room:
            indent = " " * (len(title) - len(title.lstrip()) + 2)
            lines += textwrap.wrap(title, WIDTH, subsequent_indent=indent)
            title = ""
        lines += cut(f"{title:<{room}}{cell}", str(sums["flops"]))
    return "\n".join(lines)


def axis_cells(rows: Cut) -> list[list[str]]:
    """A cut by axis as texts, its head first."""
    sized = bool(rows.sizes)
    cells = [["axis", *["size"] * sized, *GROWING]]
    for row in rows:
        cells.append([row.axis, *["-" if row.size is None else str(row.size)] * sized, *(
            str(row.powers[name]) + (f" ({row.percents[name]:.2f})" if name in row.percents else "")
            for name in GROWING)])
    return cells


def axes(rows: Cut) -> str:
    """A cut by axis: the powers, and in brackets the percents."""
    if not rows:
        return "the cost depends on no size"
    cells = axis_cells(rows)
    widths = [max(map(len, column)) for column in zip(*cells)]
    note = "the power with which each measure grows in the axis alone"
    note += ", (percent for a percent at these sizes)" if rows.sizes else ""
    grid = ["  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths)).rstrip() for line in cells]
    return "\n".join([*grid, "", *hung("", note)])


# -- for programs and papers ---------------------------------------------------------------
def values(rows: Sequence[Sequence]) -> str:
    """Comma-separated values (RFC 4180).

    >>> values([("block", "flops"), ("linear[m -> d]", "2*d*m, once")])
    'block,flops\\r\\nlinear[m -> d],"2*d*m, once"\\r\\n'
    """
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue()


SPECIAL = {"&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
           "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}",
           "×": r"$\times$", "→": r"$\to$", "λ": r"$\lambda$", "Σ": r"$\Sigma$", "<": r"$<$", ">": r"$>$"}


def escaped(text: str) -> str:
    """A text as LaTeX prints it."""
    return "".join(SPECIAL.get(letter, letter) for letter in text)


def formula(size: Size) -> str:
    """A size in LaTeX, terms ordered by growth.

    >>> formula(Size("2*x**2*k + x//2"))
    '2 k x^{2} + \\\\left\\\\lfloor{\\\\frac{x}{2}}\\\\right\\\\rfloor'
    """
    import sympy
    return sympy.latex(size.sympy, order="grlex")


def latex(head: Sequence[str], rows: Sequence[Sequence[str]], total: bool = False) -> str:
    """A table of LaTeX cells that compiles by itself with the package booktabs."""
    align = "l" + "r" * 0 + "l" * (len(head) - 1)
    lines = [rf"\begin{{tabular}}{{{align}}}", r"\toprule", " & ".join(head) + r" \\", r"\midrule"]
    for n, row in enumerate(rows):
        if total and n == len(rows) - 1:
            lines.append(r"\midrule")
        lines.append(" & ".join(row) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"])
