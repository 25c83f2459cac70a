"""Plots of costs: growth along an axis with its regimes, the roofline, memory over a schedule, a front.

Each returns a matplotlib figure, and writes it where a path is given (by its suffix). Lines differ by dash as
well as by colour, and every line is named where it ends, so that a print in grey is read as well.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import TYPE_CHECKING

from ncd.algebra import program as formula
from ncd.algebra import regime
from ncd.algebra.convert import Size
from ncd.errors import InputError, OutputError, SizeError
from ncd.interpret.cost import breakdown
from ncd.interpret.cost.measures import MEASURES

if TYPE_CHECKING:
    from ncd.interpret.cost.cost import Cost
    from ncd.plan.machine.roofline import Roofline
    from ncd.plan.memory.recompute import Point
    from ncd.plan.memory.schedule import Moment

HUES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a7a8c")
"""Okabe and Ito (Color Universal Design, 2008)."""
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (1, 1)))
STYLE = {"font.family": "serif", "mathtext.fontset": "cm", "font.size": 9, "axes.spines.top": False,
         "axes.spines.right": False, "svg.hashsalt": "ncd", "svg.fonttype": "none", "axes.linewidth": 0.7,
         "xtick.major.width": 0.7, "ytick.major.width": 0.7}
POINTS = 200


def _styled(draw: Callable) -> Callable:
    """A plot in the style of the pictures; what a user has set globally stays as it is."""
    @wraps(draw)
    def styled(*arguments, **options):
        try:
            import matplotlib
        except ImportError:
            raise OutputError("a plot wants matplotlib, which is not installed",
                              mend='pip install "ncd[picture]"') from None
        with matplotlib.rc_context(STYLE):
            return draw(*arguments, **options)
    return styled


def _figure(wide: float = 5.4, high: float = 3.2):
    """An empty figure that no window and no global state knows."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    figure = Figure(figsize=(wide, high), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()


def _finished(figure, path):
    """The figure, written to a path if there is one; the same bytes each time."""
    if path is None:
        return figure
    suffix = os.path.splitext(os.fspath(path))[1].lower()
    if suffix not in (".svg", ".png", ".pdf"):
        raise OutputError(f"cannot write a plot to `{path}`", have=suffix or "no suffix",
                          want=".svg, .png, .pdf")
    dates = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}, ".png": {}}[suffix]
    try:
        figure.savefig(path, metadata=dates, dpi=200)
    except OSError as error:
        raise OutputError(f"cannot write `{path}`: {error.strerror}") from None
    return figure


@_styled
def growth(cost: Cost, axis: str, measure: str = "flops", path=None, low: int = 1, high: int = 2 ** 17,
           by: str | None = "block", **sizes):
    """A measure against the size of an axis, on log scales, with what dominates where shaded.

    Parameters:
        measure: One of the cost's measures.
        low, high: The range of the axis.
        by: ``"block"`` draws each block and shades the range where one is the largest (for a measure that
            adds up over blocks); None draws the total only.
        sizes: Numbers for all other sizes.
    Raises:
        InputError: An unknown measure, a range that is none. AxisError: An axis of which the measure does
        not depend. SizeError: A size is missing. OutputError: No matplotlib, an unknown suffix.

    >>> import ncd
    >>> figure = growth(ncd.zoo.pre_norm_block().cost(), "x", m=512, h=8, k=64, f=2048)
    >>> [line.get_label() for line in figure.axes[0].get_lines()][:5]
    ['total', 'layer_norm[m]', 'self_attention', 'add', 'feed_forward']
    """
    import numpy
    total = cost.named(measure)
    regime.known_axes(total, (axis,))
    if not 1 <= low < high:
        raise InputError(f"no range from {low} to {high}", want="1 <= low < high")
    parts: dict[str, Size] = {}
    if by == "block" and measure in breakdown.ADDED:
        for row in cost.by("block"):
            if row.sums[measure].terms:
                parts[row.name] = parts.get(row.name, Size(0)) + row.sums[measure]
    elif by not in ("block", None):
        raise InputError(f"no growth by {by!r}", want="'block' or None")
    missing = sorted(total.symbols - set(sizes) - {axis})
    if missing:
        raise SizeError(f"no value for the size {', '.join(missing)}",
                        mend=f"give it: {', '.join(f'{name}=...' for name in missing)}")
    at = numpy.unique(numpy.geomspace(low, high, POINTS).round().astype(int))
    found = formula.compiled({"total": total, **parts})({**sizes, axis: at})
    figure, plot = _figure()
    _line(plot, at, found["total"], "total", 0, "#111111", 1.6)
    for n, name in enumerate(parts):
        _line(plot, at, found[name], name, 1 + n, HUES[n % len(HUES)], 1.1)
    plot.set_xscale("log")
    plot.set_yscale("log")
    plot.set_xlim(low, high)
    plot.set_xlabel(f"${_letter(axis)}$")
    plot.set_ylabel(f"{measure.replace('_', ' ')} ({MEASURES[measure]})")
    if len(parts) > 1:
        names = list(parts)
        for name, start, end in regime.dominant(parts, axis, sizes):
            left, right = max(start, low), min(high, high if end is None else end + 1)
            if left < right:
                plot.axvspan(left, right, color=HUES[names.index(name) % len(HUES)], alpha=0.09, lw=0)
                if left > low:
                    plot.axvline(left, color="#7a7a8c", lw=0.6, ls=":")
                    plot.annotate(f"{left:,}", (left, 1), xycoords=("data", "axes fraction"), xytext=(2, -9),
                                  textcoords="offset points", fontsize=7, color="#55555f")
    _named(plot)
    return _finished(figure, path)


def _line(plot, x, y, name: str, number: int, color: str, width: float) -> None:
    plot.plot(x, y.astype(float), label=name, color=color, lw=width, ls=DASHES[number % len(DASHES)])


def _named(plot) -> None:
    """The legend beside the plot: nothing lies over a line."""
    plot.legend(frameon=False, fontsize=7.5, loc="upper left", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.2,
                handlelength=2.6)


def _letter(axis: str) -> str:
    return axis if len(axis) == 1 else r"\mathrm{" + axis.replace("_", r"\_") + "}"


@_styled
def roofline(found: Roofline, path=None, **sizes):
    """The roofline of a machine with a diagram's operations on it, at sizes.

    Across: intensity (FLOP/byte); up: FLOP/s that a lower bound of the time lets through. Each operation is a
    point as large as its share of the time; the diamond is the whole diagram.
    Source:    Williams, Waterman and Patterson 2009.
    Raises:    SizeError: A size is missing. OutputError: No matplotlib, an unknown suffix.
    """
    numbers = found._cost.sized(sizes)
    rows = []
    for share in found.shares:
        flops, moved, time = (each.evaluate(numbers) for each in (share.flops, share.bytes, share.time))
        if flops and moved and time:
            rows.append((share.name, flops / moved, flops / float(time), float(time)))
    whole = found.evaluate(**sizes)
    ridge, bandwidth = float(whole["ridge"]), float(found.machine.bandwidth())
    peak = ridge * bandwidth
    figure, plot = _figure(6.2)
    low = min([0.05, *(x for _, x, _, _ in rows)]) / 2
    high = max([ridge * 20, *(x for _, x, _, _ in rows)]) * 2
    plot.plot([low, ridge, high], [low * bandwidth, peak, peak], color="#111111", lw=1.4)
    plot.axvspan(low, ridge, color=HUES[1], alpha=0.07, lw=0)
    plot.axvspan(ridge, high, color=HUES[0], alpha=0.07, lw=0)
    total = sum(time for *_, time in rows) or 1.0
    rows.sort(key=lambda row: -row[3])
    for n, (name, x, y, time) in enumerate(rows):
        label = f"{name} ({100 * time / total:.0f}%)" if n < 6 else None
        plot.scatter([x], [y], s=12 + 160 * time / total, color=HUES[n % len(HUES)], alpha=0.85, lw=0.5,
                     edgecolor="white", label=label, zorder=3)
    if whole["flops"]:
        plot.scatter([whole["flops"] / whole["bytes"]], [whole["flops"] / whole["time"]], marker="D", s=26,
                     color="#111111", zorder=4, label="whole diagram")
    plot.set_xscale("log")
    plot.set_yscale("log")
    plot.set_xlim(low, high)
    plot.set_ylim(low * bandwidth, 6 * peak)
    plot.set_xlabel("intensity (FLOP/byte)")
    plot.set_ylabel("FLOP/s")
    for x, text in (((low * ridge) ** 0.5, "memory bound"), ((ridge * high) ** 0.5, "compute bound")):
        plot.annotate(text, (x, 1), xycoords=("data", "axes fraction"), xytext=(0, -8), ha="center",
                      textcoords="offset points", fontsize=7.5, color="#55555f")
    plot.annotate(f"{ridge:.4g}", (ridge, 0), xycoords=("data", "axes fraction"), xytext=(3, 5),
                  textcoords="offset points", fontsize=7, color="#55555f")
    plot.set_title(f"{found.machine.name}", fontsize=9, loc="left")
    _named(plot)
    return _finished(figure, path)


@_styled
def memory(profiles: Mapping[str, Sequence[Moment]], path=None):
    """Bytes live at each operation of one or more schedules, {name: profile}, each with its peak.

    Raises:    InputError: No schedule. OutputError: No matplotlib, an unknown suffix.
    """
    from matplotlib.ticker import EngFormatter
    if not profiles:
        raise InputError("no schedule to plot", want="{name: memory_profile(diagram, ...)}")
    figure, plot = _figure()
    for n, (name, moments) in enumerate(profiles.items()):
        edges = list(range(len(moments) + 1))
        during = [float(moment.during) for moment in moments]
        plot.stairs(during, edges, color=HUES[n % len(HUES)], ls=DASHES[n % len(DASHES)], lw=1.2,
                    label=f"{name}: peak {_bytes(max(during, default=0))}", fill=False, baseline=None)
        if during:
            top = during.index(max(during))
            plot.plot([top + 0.5], [during[top]], marker="v", ms=4, color=HUES[n % len(HUES)])
    plot.set_ylim(0, None)
    plot.yaxis.set_major_formatter(EngFormatter("B"))
    plot.set_xlim(0, max(len(moments) for moments in profiles.values()) or 1)
    plot.set_xlabel("operation, in order")
    plot.set_ylabel("live")
    plot.legend(frameon=False, fontsize=7.5, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    return _finished(figure, path)


@_styled
def front(points: Sequence[Point], path=None):
    """Peak memory against work done again, the points of :func:`~ncd.plan.memory.recompute.pareto`.

    Raises:    InputError: No point. OutputError: No matplotlib, an unknown suffix.
    """
    from matplotlib.ticker import EngFormatter
    if not points:
        raise InputError("no point to plot", want="pareto(diagram, ...)")
    rows = sorted((float(point.extra), float(point.peak)) for point in points)
    figure, plot = _figure()
    plot.step([x for x, _ in rows], [y for _, y in rows], where="post", color="#7a7a8c", lw=0.8)
    plot.plot([x for x, _ in rows], [y for _, y in rows], "o", color=HUES[0], ms=4)
    plot.set_ylim(0, None)
    plot.yaxis.set_major_formatter(EngFormatter("B"))
    plot.xaxis.set_major_formatter(EngFormatter())
    plot.set_xlabel("computed again (FLOP and calls)")
    plot.set_ylabel("peak memory")
    return _finished(figure, path)


def _bytes(value: float) -> str:
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 1000 or unit == "TB":
            return f"{value:.3g} {unit}"
        value /= 1000
    return ""
