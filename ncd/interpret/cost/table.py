"""Costs as texts: tables of at most 80 columns, LaTeX, comma-separated values."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from ncd.algebra import pretty as written
from ncd.algebra.convert import ZERO, Size
from ncd.core.text import TIE, WIDTH, hung
from ncd.errors import escaped as visible
from ncd.interpret.cost.measurement import Measurement
from ncd.interpret.cost.measures import MEASURES, RATIOS
from ncd.interpret.cost.rows import Row, Rows, counted

MOST = 6
"""The lines of a formula; what is longer says how many terms are left out."""


def cut(left: str, size: Size | str, given: Mapping[str, int] | None = None) -> list[str]:
    """A size to the right of a name, in about six lines; or a text, broken before its signs, in all it needs.

    >>> print(len(cut("flops  ", Size(" + ".join(f"{n}*x**{n}" for n in range(2, 50))))))
    6
    """
    if isinstance(size, Size):
        first, *rest = written.lines(size, WIDTH - len(left), MOST, given)
        return [left + first, *(" " * len(left) + line for line in rest)]
    return hung(left, size.replace(" + ", f" +{TIE}").replace(" - ", f" -{TIE}"))


def exact(value) -> str:
    """A number with all its digits up to 18; a float with six, or whole.

    >>> exact(1234567), exact(0.5), exact(5606064.3), exact(10**20), exact(None)
    ('1,234,567', '0.5', '5,606,064', '1e+20', '-')
    """
    if value is None:
        return "-"
    if isinstance(value, int) and abs(value) >= 10 ** 18:
        return f"{Decimal(value).normalize():.6g}"              # it may be beyond all floats
    if isinstance(value, float) and not 1e6 <= abs(value) < 1e15:
        return f"{value:,.6g}"
    return f"{value:,.0f}" if isinstance(value, float) else f"{value:,}"


def times(value: float) -> str:
    """A ratio with four digits, or whole.

    >>> times(0.99951), times(31.4827), times(12345.6)
    ('0.9995', '31.48', '12,346')
    """
    return f"{value:,.0f}" if 1e4 <= value < 1e8 else f"{value:.4g}"


PREFIXES = "kMGTPEZY"


def short(value) -> str:
    """A number with three digits and a prefix of powers of 1000.

    >>> short(999), short(25_769_803_776), short(0.25), short(999.7)
    ('999', '25.8G', '0.25', '1.00k')
    """
    if value is None:
        return "-"
    if abs(value) < (1000 if isinstance(value, int) else 999.5):
        return str(value) if isinstance(value, int) else f"{value:.3g}"
    if abs(value) >= 1000 ** (len(PREFIXES) + 1):
        return f"{Decimal(value).normalize():.3g}"
    power, scaled = 0, float(value)
    while abs(scaled) >= 999.5 and power < len(PREFIXES):
        scaled, power = scaled / 1000, power + 1
    digits = 2 if abs(scaled) < 9.995 else 1 if abs(scaled) < 99.95 else 0
    return f"{scaled:.{digits}f}{PREFIXES[power - 1]}"


def percent(share: float | None) -> str:
    """A share in percent; nothing where there is none, or none is known.

    >>> percent(0.1234), percent(0.0001), percent(0.0), percent(None)
    ('12.3%', '<0.1%', '', '')
    """
    return "" if not share else "<0.1%" if share < 0.0005 else f"{100 * share:.1f}%"


def measures(cost: Measurement, given: Mapping[str, int] | None = None,
             simplified: Mapping[str, Size] | None = None) -> str:
    """A line for each measure: its unit, its number where sizes are given, its formula (``simplified``)."""
    rows: list[tuple[tuple[str, ...], Any, Size | str]] = [
        ((name, unit), number(cost.exact[name], given), (simplified or cost.exact)[name])
        for name, unit in MEASURES.items()]
    if cost.stored_elements.terms:                   # parameters that are not learned, where there are any
        rows.insert(list(MEASURES).index("param_bytes") + 1,
                    (("stored", "elements"), number(cost.stored_elements, given), cost.stored_elements))
    for name, (unit, above, below) in RATIOS.items():
        values = [number(sum((cost.exact[each] for each in part), ZERO), given) for part in (above, below)]
        value = None if None in values or not values[1] else values[0] / values[1]
        rows.append(((name, unit), value, f"{joined(above)}/{joined(below)}"))
    return columns(rows, (15, 9), given or {}, bool(given) or not cost.symbols)


def columns(rows: Sequence[tuple[Sequence[str], Any, Size | str]], widths: Sequence[int],
            given: Mapping[str, int], numbers: bool) -> str:
    """Lines of some words, a number if ``numbers``, and a formula that says more than the number."""
    widest = max(len(exact(value)) for _, value, _ in rows) if numbers else 0
    lines = []
    for words, value, size in rows:
        left = "".join(f"{word:<{width}}  " for word, width in zip(words, widths))
        if numbers:
            left += f"{exact(value):>{widest}}  "
            if size == "" or (value is not None and isinstance(size, Size) and size.constant is not None):
                lines.append(left.rstrip())
                continue
        lines += cut(left, size, given)
    return "\n".join(lines)


def step(rows: Sequence[tuple[str, str, Size]], names: Sequence[str], given: Mapping[str, int],
         numbers: bool) -> str:
    """The measures of a training step: its parts, of these names, that are not zero, and their total."""
    added = {name.partition("_")[2] for name, _, _ in rows if name.startswith(f"{names[0]}_")}
    made, before = [], None
    for name, unit, size in rows:
        part, _, measure = name.partition("_")
        inside = part in names
        if not inside:
            part, measure = "total" if name in added else "", name
        if size.terms or not inside:
            words = ("", "", part) if measure == before else (measure, unit, part)
            made.append((words, number(size, given), size))
            before = measure
    return columns(made, (15, 5, 9), given, numbers)


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
COLUMNS = {"block": (("flops", "FLOP"), ("params", "params"), ("traffic", "bytes")),
           "operation": (("flops", "FLOP"), ("transcendentals", "calls"), ("traffic", "bytes"))}
GROWING = ("flops", "params", "reads", "writes", "peak_memory")
"""The measures of a cut by axis."""


def parts(rows: Rows) -> str:
    """The rows of a cut and their total: numbers with shares, or formulas where sizes are missing.

    Blocks stand as in the diagram; kinds of operations have no order of their own: the largest come first.
    """
    total, given = rows.total.sums, rows.sizes
    known = all(size.symbols <= set(given) for size in total.values())
    ordered = rows if rows.by == "block" else sorted(
        rows, key=lambda row: -written.rank(row.sums["flops"], given if known else None))
    return (_numbers if known else _formulas)(rows.by, ordered, total, given)


def title(name: str, count: Size, given: Mapping[str, int]) -> str:
    """A part's name and how often it runs, as a number where it is known."""
    times = number(count, given)
    return counted(name, count if times is None else Size(times))


def _titled(lines: list[str], text: str, room: int) -> str:
    """A title that fits beside the columns; a longer one takes lines of its own."""
    if len(text) < room:
        return f"{text:<{room}}"
    indent = " " * (len(text) - len(text.lstrip()))
    lines += hung(indent, text.lstrip())
    return " " * room


def _numbers(by: str, rows: Sequence[Row], total: Mapping[str, Size], given: Mapping[str, int]) -> str:
    shown = COLUMNS[by]
    room = WIDTH - 16 * len(shown)
    lines = [(f"{by:<{room}}" + "".join(f"{label:>9}       " for _, label in shown)).rstrip()]
    whole = _columns(total, shown)
    named = [("  " * row.level + title(row.name, row.count, given), row.sums) for row in rows]
    for text, sums in [*named, ("total", total)]:
        left = _titled(lines, text, room)
        cells = "".join(f"{short(number(value, given)):>9}{percent(ratio(value, all_of_it, given)):>7}"
                        for value, all_of_it in zip(_columns(sums, shown), whole))
        lines.append((left + cells).rstrip())
    return "\n".join(lines)


def _columns(sums: Mapping[str, Size], shown: Sequence[tuple[str, str]]) -> list[Size]:
    return [sums.get("reads", ZERO) + sums.get("writes", ZERO) if name == "traffic" else sums.get(name, ZERO)
            for name, _ in shown]


def _formulas(by: str, rows: Sequence[Row], total: Mapping[str, Size], given: Mapping[str, int]) -> str:
    """FLOPs, with shares where all are known whatever the sizes.

    What has calls alone shows these; what has neither is named in the last line.
    """
    shares = [ratio(row.sums["flops"], total["flops"], given) for row in rows]
    shared, free, made = None not in shares, {}, []
    inside = None                       # the level of what is in a part without any
    for row, share in zip(rows, shares):
        if inside is not None and row.level >= inside:
            continue
        flops, calls = row.sums["flops"], row.sums["transcendentals"]
        inside = None if flops.terms or calls.terms else row.level + 1
        if inside is None:
            only = f"{calls} calls" if len(calls.terms) == 1 else f"({calls}) calls"
            made.append(("  " * row.level + title(row.name, row.count, given), flops if flops.terms else only,
                         share))
        else:
            free[row.name] = free.get(row.name, ZERO) + row.count
    made.append(("total", total["flops"], 1.0))
    room = min(30, max(len(text) for text in [by, "no FLOP", *(text for text, _, _ in made)]) + 2)
    lines = [f"{by:<{room}}" + (" share  " if shared else "") + "FLOP"]
    for text, size, share in made:
        left = _titled(lines, text, room)
        lines += cut(left + (f"{percent(share):>6}  " if shared else ""), size, given)
    names = [title(name, count, given).replace(" ", TIE) for name, count in free.items()]
    if names:
        lines += hung(f"{'no FLOP':<{room}}" + "        " * shared, ", ".join(names))
    return "\n".join(lines)


def axis_cells(rows: Rows) -> list[list[str]]:
    """A cut by axis as texts, its head first."""
    sized = bool(rows.sizes)
    cells = [["axis", *["size"] * sized, *GROWING]]
    for row in rows:
        cells.append([row.axis, *["-" if row.size is None else str(row.size)] * sized, *(
            str(row.powers[name]) + (f" ({row.percents[name]:.2f})" if name in row.percents else "")
            for name in GROWING)])
    return cells


def axes(rows: Rows) -> str:
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
    """Comma-separated values (RFC 4180); in texts what is not printable is escaped.

    >>> values([("block", "flops"), ("linear[m -> d]", "2*d*m, once")])
    'block,flops\\r\\nlinear[m -> d],"2*d*m, once"\\r\\n'
    """
    text = io.StringIO(newline="")
    shown = ([visible(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
    csv.writer(text).writerows(shown)
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
