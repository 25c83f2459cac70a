"""What stands around a picture: names before its inputs, fences at its columns, a legend of sizes (below
where there is no room for it beside the picture)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ncd.core.category import Diagram
from ncd.errors import ArityError
from ncd.interpret.draw.layout.rows import wrapped
from ncd.interpret.draw.marks.plan import rows_of
from ncd.interpret.draw.scene.mathtext import (
    ITALIC,
    SANS,
    Run,
    Runs,
    axis_runs,
    runs_width,
    symbol_runs,
    word,
)
from ncd.interpret.draw.scene.metrics import FAINT, LABEL_SIZE, LETTER_SIZE, MARGIN, PANEL, TITLE_SIZE
from ncd.interpret.draw.scene.multi import MultiAxis, multi_runs
from ncd.interpret.draw.scene.scene import REGION, Element, Scene, Shape, Text, Wire, rectangle
from ncd.interpret.draw.scene.style import Style

ROOM = 24.0          # between the picture and the legend
LINE = 22.0          # between two rows of it


def decorated(scene: Scene, diagram: Diagram, style: Style, sizes: Mapping[str, Mapping],
              label: Callable[[object, int], Runs], title: Runs | None = None) -> Scene:
    """The scene with all that the style asks for around it.

    Parameters:
        sizes: {label: the axes that had it}; where the style hides sizes.
        label: An array and a row to the label of its wire.
        title: What stands above all.
    Raises:    ArityError: More names than inputs.
    """
    if style.fences:
        scene.elements += fences(scene)
    if style.names:
        scene.elements += names(scene, diagram, style.names)
    if style.width is not None:
        scene = wrapped(scene, style.width - 2 * MARGIN, label)
    if title:
        scene.elements.append(Text(title, 0.0, scene.bounds()[1] - 14, TITLE_SIZE))
    if style.hides_sizes:
        rows = [*_size_rows(sizes), *style.legend_rows()]
        left, top, right, bottom = scene.bounds()
        panel = legend(rows, right + ROOM, top) if rows else []
        if panel and style.width is not None and panel[0].bounds()[2] - left > style.width - 2 * MARGIN:
            panel = legend(rows, left, bottom + ROOM)
        scene.elements += panel
    return scene


def fences(scene: Scene) -> list[Element]:
    """A dotted line where each column of types ends and operations begin."""
    _, top, _, bottom = scene.bounds()
    return [Wire(((column.right, top - 4), (column.right, bottom + 4)), "fence")
            for column in scene.columns[:-1]]


def names(scene: Scene, diagram: Diagram, given: tuple[str, ...]) -> list[Element]:
    """Large letters before the inputs, each at the middle of its wires."""
    if len(given) > len(diagram.dom):
        raise ArityError(f"{len(given)} names for {len(diagram.dom)} inputs", have=" ".join(given),
                         want=str(diagram.dom))
    made: list[Element] = []
    for name, (array, ys) in zip(given, scene.columns[0].arrays):
        if name in ("", "-"):
            continue
        runs = symbol_runs(name)
        runs = runs if len(runs) > 1 else word(name, ITALIC)
        middle = (ys[0] + ys[rows_of(array) - 1]) / 2
        made.append(Text(runs, -8.0, middle + 0.3 * LETTER_SIZE, LETTER_SIZE, "end"))
    return made


def legend(rows: list[Runs], left: float, top: float) -> list[Element]:
    """A grey panel with a title and a row for each equation."""
    title = word("Legend", SANS)
    width = max(runs_width(title, TITLE_SIZE), *(runs_width(row, LABEL_SIZE) for row in rows)) + 24
    bottom = top + 32 + LINE * len(rows)
    made: list[Element] = [
        rectangle(left, top, left + width, bottom, fill=PANEL, stroke="none", layer=REGION),
        Text(title, left + width / 2, top + 17, TITLE_SIZE, "middle"),
        Shape(((left + 8, top + 24), (left + width - 8, top + 24)), "none", FAINT, 0.8, closed=False)]
    return made + [Text(row, left + 12, top + 24 + LINE * n - 4, LABEL_SIZE) for n, row in enumerate(rows, 1)]


def _size_rows(sizes: Mapping[str, Mapping]) -> list[Runs]:
    """``m = 512``: each label whose size is not its own, all its sizes in a row."""
    made = []
    for label, axes in sizes.items():
        shown: list[Runs] = []
        for axis in axes:
            runs = multi_runs(axis) if isinstance(axis, MultiAxis) else axis_runs(axis)
            at = next((n for n, run in enumerate(runs) if run.text == "="), None)
            shown.append(runs[at + 1:] if at is not None else ())
        if any(shown):
            row: list[Run] = [*symbol_runs(label), Run(" = ")]
            own = symbol_runs(label)
            for n, runs in enumerate(shown):
                row += ([Run(", ")] if n else []) + list(runs or own)
            made.append(tuple(row))
    return made

