"""A scene as PNG and PDF, by matplotlib: texts as outlines, the same on every machine."""

from __future__ import annotations

import io
from collections.abc import Callable

from ncd.interpret.draw.formats.outline import outline, require_matplotlib
from ncd.interpret.draw.formats.svg import Palette, layered, smaller
from ncd.interpret.draw.scene.metrics import FAINT, INK, LIGHT, MARGIN, PLAIN
from ncd.interpret.draw.scene.scene import Arc, Element, Scene, Text, Wire

POINTS = 72.0                           # of the picture to the inch in a PDF: one pixel is one point
RESOLUTION = 144.0                      # of a PNG: two pixels for one
DASHES = {"wire": None, "double": None, "tail": None, "fence": (0, (1.1, 3.4)),
          "scalar": (0, (1.5, 3.0)), "dash": (0, (6.0, 5.0))}


def png(scene: Scene, title: str = "", palette: Palette = LIGHT, limit: float | None = None) -> bytes:
    """The picture as a PNG, two pixels for one.

    Parameters:
        palette: {a colour: the one in its place}.
        limit: The widest that it may be; what is wider is drawn smaller.
    Raises:
        OutputError: Matplotlib is not installed.
    """
    return _saved(scene, "png", {"Software": None}, palette, limit)


def pdf(scene: Scene, title: str = "", palette: Palette = LIGHT, limit: float | None = None) -> bytes:
    """The picture as a PDF of its size.

    Parameters:
        palette, limit: As for a PNG.
    Raises:
        OutputError: Matplotlib is not installed.
    """
    told = {"Title": title[:200], "CreationDate": None, "Producer": None, "Creator": None}
    return _saved(scene, "pdf", told, palette, limit)


def _saved(scene: Scene, kind: str, metadata: dict, palette: Palette, limit: float | None) -> bytes:
    require_matplotlib(f"a {kind.upper()}")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    left, top, right, bottom = scene.bounds()
    width, height = right - left + 2 * MARGIN, bottom - top + 2 * MARGIN
    factor = smaller(width, limit) / POINTS
    figure = Figure(figsize=(width * factor, height * factor), facecolor=palette.get(PLAIN, PLAIN))
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(left - MARGIN, left - MARGIN + width)
    axes.set_ylim(top - MARGIN + height, top - MARGIN)
    for order, item in enumerate(layered(scene.elements)):
        patch = _patch(item, lambda colour: palette.get(colour, colour), factor * POINTS)
        patch.set_zorder(order)
        patch.set_clip_on(False)
        axes.add_artist(patch)
    target = io.BytesIO()
    figure.savefig(target, format=kind, dpi=RESOLUTION, metadata=metadata)
    return target.getvalue()


def _patch(item: Element, colour: Callable[[str], str], scale: float):
    from matplotlib.patches import Circle, PathPatch
    from matplotlib.path import Path
    if isinstance(item, Wire):
        faint = item.kind in ("scalar", "tail", "fence")
        points, codes = [], []
        for line in item.lines:
            more = _line(line, item.straight)
            points += more[0]
            codes += more[1]
        return PathPatch(Path(points, codes), fill=False, edgecolor=colour(FAINT if faint else INK),
                         linewidth=scale, linestyle=DASHES[item.kind] or "solid", capstyle="butt",
                         joinstyle="round")
    if isinstance(item, Text):
        return PathPatch(Path(*map(list, outline(item))), facecolor=colour(item.fill), linewidth=0) \
            if any(run.text.strip() for run in item.runs) else PathPatch(Path([(0, 0)]), fill=False)
    if isinstance(item, Arc):
        return PathPatch(_arc(item), fill=False, edgecolor=colour(INK), linewidth=item.width * scale)
    style = {"facecolor": colour(item.fill), "edgecolor": colour(item.stroke), "joinstyle": "round",
             "linewidth": item.width * scale if item.stroke != "none" else 0.0}
    if item.radius:
        return Circle(item.points[0], item.radius, **style)
    points, codes = list(item.points), [Path.MOVETO, *[Path.LINETO] * (len(item.points) - 1)]
    if item.closed:
        points.append(points[0])
        codes.append(Path.CLOSEPOLY)
    return PathPatch(Path(points, codes), fill=item.fill != "none", **style)


def _line(line, straight: bool):
    from matplotlib.path import Path
    (x, y), *rest = line
    points, codes = [(x, y)], [Path.MOVETO]
    for to_x, to_y in rest:
        half = (to_x - x) / 2
        if to_y == y or straight:
            points.append((to_x, to_y))
            codes.append(Path.LINETO)
        else:
            points += [(x + half, y), (to_x - half, to_y), (to_x, to_y)]
            codes += [Path.CURVE4] * 3
        x, y = to_x, to_y
    return points, codes


def _arc(arc: Arc):
    from matplotlib.path import Path
    return Path.make_compound_path(*map(_half, arc.lines))


def _half(arc: Arc):
    from matplotlib.path import Path
    half = Path.arc(-90, 90) if arc.reach > 0 else Path.arc(90, 270)
    height, middle = (arc.bottom - arc.top) / 2, (arc.top + arc.bottom) / 2
    return Path([(arc.x + abs(arc.reach) * x, middle + height * y) for x, y in half.vertices], half.codes)
