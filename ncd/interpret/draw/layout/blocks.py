"""Diagrams inside diagrams: blocks opened in place, and the parentheses of a repetition.

An opened diagram is laid out by itself and becomes one rigid mark: its wires are the wires
outside. Each distinct block is laid out once for each depth.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ncd.algebra.convert import Size
from ncd.core.argument import public
from ncd.core.category import Diagram
from ncd.interpret.draw.layout.decorate import decorated
from ncd.interpret.draw.layout.isotonic import OVER
from ncd.interpret.draw.layout.layout import Layout, label_runs
from ncd.interpret.draw.layout.merge import Merged, merged_graph, merged_plan
from ncd.interpret.draw.layout.named_memory import remembered
from ncd.interpret.draw.marks.glyph import Mark
from ncd.interpret.draw.marks.plan import Plan, places_of, settled
from ncd.interpret.draw.marks.role import Roles
from ncd.interpret.draw.marks.rules import block_plan, sketch
from ncd.interpret.draw.scene.mathtext import (
    ITALIC,
    SANS,
    Run,
    Runs,
    axis_runs,
    runs_width,
    size_runs,
    word,
)
from ncd.interpret.draw.scene.metrics import BUNDLE, LABEL_SIZE, MARGIN, TITLE_SIZE, WIRE
from ncd.interpret.draw.scene.multi import kind_of
from ncd.interpret.draw.scene.palette import region
from ncd.interpret.draw.scene.scene import (
    INSIDE,
    REGION,
    Arc,
    Column,
    Element,
    Scene,
    Shown,
    Text,
    Wire,
    rectangle,
)
from ncd.interpret.draw.scene.style import Style
from ncd.ops.control import Block, Broadcast, Scan

SMALL_BODY = 6       # a repetition of so few operations shows them
STEP = WIRE + BUNDLE - OVER      # above one step of a scanned array, for the axis that stands outside
DEEPEST = 40         # levels of nesting that are drawn


@public
def scene_of(diagram: Diagram, depth: int = 0, apart: bool = False, style: Style | None = None) -> Scene:
    """The scene of a diagram with so many levels of blocks opened, in a style (whose depth it then has)."""
    style = replace(style or Style(), depth=depth)
    (whole,) = diagram.graph.ops if len(diagram.graph) == 1 else (None,)
    graph, inside, title = diagram.graph, depth, None
    if style.width is not None and depth and isinstance(whole, Block) and whole.body.cod == diagram.cod:
        graph, inside = whole.body.graph, depth - 1             # all of its rows are in one block
        title = word(whole.title.replace("_", " "), SANS, limit=60)
    opener = _Opener(style, apart)
    scene = opener.layout(graph, 0, inside, False).scene
    if scene.inner and not apart and scene.width > style.width - 2 * MARGIN:
        # Where opened blocks may be cut, each wire tells which axis it is.
        opener = _Opener(style, True)
        scene = opener.layout(graph, 0, inside, False).scene
    return decorated(scene, diagram, style, opener.sizes, opener.shown, title)


def opened_mark(block, style: Style | None = None) -> Mark:
    """A block with its body laid out, one level open: what a page puts in its place."""
    op = getattr(block, "original", block)
    op = op.op if isinstance(op, Broadcast) else op
    return _Opener(style or Style(), True)._block(op, block, 0, 1)


def levels(diagram: Diagram, most: int = 8) -> int:
    """How many levels of blocks there are to open, up to a bound."""
    deepest, waiting, seen = 0, [(diagram, 0)], {}
    while waiting:
        body, level = waiting.pop()
        if seen.get(id(body), -1) >= level or level > most:
            continue
        seen[id(body)] = level
        deepest = max(deepest, level)
        for op in dict.fromkeys(body.graph.ops):
            if isinstance(op, Block):
                waiting.append((op.body, level + 1))
            elif isinstance(op, Scan):      # a long repetition is drawn closed at first
                waiting.append((op.body, level + (len(op.body.graph) > SMALL_BODY)))
    return min(deepest, most)


class _Opener:
    """Plans in which blocks and scans are open, remembered for the length of one picture.

    Attributes:
        sizes: {label: its axes, in the order in which they were met} of the labels that were asked for.
    """

    def __init__(self, style: Style, apart: bool = False):
        self.style, self.apart, self.roles = style, apart, Roles()
        self.memo: dict = {}
        self.sizes: dict[str, dict] = {}
        self.shown = self.label if style.hides_sizes else label_runs

    def layout(self, graph, level: int, depth: int, framed: bool, leads: Sequence[float] = (),
               tails: Sequence[float] = ()) -> Layout:
        def rule(op, order):
            return self.plan(op, order, level, depth)
        if self.style.memory is not None:
            graph = remembered(graph, self.style.memory)
        if self.style.multi:
            graph = merged_graph(graph, self.style.multi)
        return Layout(graph, rule, leads, tails, framed, self.apart, self.shown)

    def label(self, array, row: int) -> Runs:
        """The label of a wire without its size, which the legend will tell."""
        if array.axes:
            axis = array.axes[row]
            self.sizes.setdefault(axis.label, {})[axis] = None
        return label_runs(array, row, array.labels)

    def plan(self, drawn, order, level: int, depth: int) -> Plan:
        op = drawn.original if isinstance(drawn, Merged) else drawn
        inner = op.op if isinstance(op, Broadcast) else op
        opened = isinstance(inner, Scan) or (isinstance(inner, Block) and depth > 0)
        if opened and level < DEEPEST and inner is op:
            key = (op, level, depth)
            if key not in self.memo:
                self.memo[key] = self._scan(op, drawn, level, depth) if isinstance(op, Scan) \
                    else self._block(op, drawn, level, depth)
            return Plan([self.memo[key]], order=tuple(order))
        made = block_plan(op, self.roles.of(inner)) if isinstance(inner, Block) else sketch(op)
        if drawn is not op:
            made = merged_plan(made, drawn, self.style.multi)
        return settled(made, drawn, order)

    # -- a block, opened -------------------------------------------------------------
    def _block(self, op: Block, drawn, level: int, depth: int) -> Mark:
        inside = self.layout(op.body.graph, level + 1, depth - 1, True)
        title = word(op.title.replace("_", " "), SANS, limit=60)
        _, top, _, bottom = _extent(inside)
        left, right = 0.0, max(inside.scene.width, runs_width(title, TITLE_SIZE) + 20)
        _widen(inside, right)
        top, bottom = top - 26, bottom + 9
        about = Shown(drawn, opened=True)
        shade = rectangle(left, top, right, bottom, fill=region(self.roles.of(op), level), stroke="none",
                          layer=REGION, about=about)
        name = Text(title, left + 8, top + 16, TITLE_SIZE, about=about)
        return _rigid(drawn, inside.inputs, inside.outputs, [shade, name, *inside.scene.elements],
                      right, top, bottom, columns=self._columns(inside), scene=inside.scene)

    def _columns(self, inside: Layout, dx: float = 0.0) -> list[Column]:
        """The columns between the operations inside, one level deeper: where rows may be cut."""
        return [] if self.style.width is None else [
            replace(column.moved(dx, 0.0), level=column.level + 1)
            for column in (*inside.scene.columns[1:-2], *inside.scene.inner)]

    # -- a repetition ------------------------------------------------------------------
    def _scan(self, op: Scan, drawn, level: int, depth: int) -> Mark:
        leads = [STEP if i in op.sequences else 0.0 for i in range(len(op.dom))]
        tails = [0.0 if i < op.states else STEP for i in range(len(op.cod))]
        graph = op.body.graph
        if len(graph) > SMALL_BODY and depth == 0:
            graph = Block(op.title, op.body).diagram.graph
        inside = self.layout(graph, level + 2, depth, True, leads, tails)   # a region in a region differs
        _, top, _, bottom = _extent(inside)
        ins = [_outer_rows(op, array, rows) for array, rows in zip(drawn.dom, inside.inputs)]
        outs = [_outer_rows(op, array, rows) for array, rows in zip(drawn.cod, inside.outputs)]
        heights = [y for rows in (*ins, *outs) for y in rows]
        top, bottom = min(top, *heights) - 10 if heights else top, max(bottom, *heights) + 10 if heights \
            else bottom
        bulge = min(14.0, 7 + (bottom - top) / 20)
        shift = bulge + 4
        width = inside.scene.width + 2 * shift
        first, last, below = times(op)
        made: list[Element] = [item.moved(shift, 0.0) for item in repeated(
            inside.scene.elements, op.length)]
        for arrays, rows, left in ((inside.graph.inputs, inside.inputs, 0.0),
                                   (inside.results, inside.outputs, width - shift)):
            made += [_stub(left, left + shift, y, array, row)
                     for array, ys in zip(arrays, rows) for row, y in enumerate(ys)]
        about = Shown(drawn, opened=True)
        around = [Arc(bulge, top, bottom, -bulge, 2.0), Arc(width - bulge, top, bottom, bulge, 2.0)]
        texts = [Text(first, 0.0, bottom + 15, LABEL_SIZE), Text(last, width, top - 6, LABEL_SIZE, "end"),
                 Text(below, width / 2, bottom + 15, LABEL_SIZE, "middle")]
        made += [replace(item, about=about) for item in (*around, *(text for text in texts if text.runs))]
        need = runs_width(below, LABEL_SIZE) + (2 * runs_width(first, LABEL_SIZE) + 16 if first else 0)
        spare = max(0.0, need - width, runs_width(last, LABEL_SIZE) - width) / 2
        return _rigid(drawn, ins, outs, made, width, top - (24 if last else 0),
                      bottom + (21 if first or below else 0), spare, self._columns(inside, shift),
                      scene=inside.scene, shift=shift)


def times(op: Scan) -> tuple[Runs, Runs, Runs]:
    """What stands before, above and below the parentheses: ``λ=1`` and ``N``, or the scanned axis."""
    plain = op.states == len(op.dom) == len(op.cod)
    backwards = (Run(" reversed"),) if op.reverse else ()
    if not plain:
        return (), (), (*axis_runs(op.axis), *backwards)
    shared = (Run("shared"),) if op.share and op.place is not None else ()
    return (Run("λ", ITALIC), Run("=1")), size_runs(op.length), (*shared, *backwards)


def repeated(elements: Sequence[Element], times: Size) -> Iterator[Element]:
    """What is drawn of one step, where so many are taken."""
    known: dict[int, Shown] = {}
    for item in elements:
        about = item.about
        if about is None or about is INSIDE or isinstance(about, tuple):
            yield item
            continue
        if id(about) not in known:
            one = about if isinstance(about, Shown) else Shown(about)
            known[id(about)] = replace(one, times=one.times * times)
        yield replace(item, about=known[id(about)])


def _outer_rows(op: Scan, array, rows: Sequence[float]) -> list[float]:
    """The rows outside the parentheses: the scanned axis stands above those of one step."""
    if op.axis.label not in array.labels:
        return list(rows)
    inner = iter(rows)
    return [rows[0] - WIRE if axis.label == op.axis.label else next(inner) for axis in array.axes]


def _extent(inside: Layout) -> tuple[float, float, float, float]:
    heights = [y for rows in (*inside.inputs, *inside.outputs) for y in rows]
    left, top, right, bottom = inside.scene.bounds()
    return left, min([top, *(y - 9 for y in heights)]), right, max([bottom, *(y + 7 for y in heights)])


def _widen(inside: Layout, right: float) -> None:
    """Lead the results to the right edge of the region."""
    if right > inside.scene.width:
        for array, rows in zip(inside.results, inside.outputs):
            for row, y in enumerate(rows):
                inside.scene.elements.append(_stub(inside.scene.width, right, y, array, row))
        inside.scene.width = right


def _stub(left: float, right: float, y: float, array, row: int) -> Wire:
    return Wire(((left, y), (right, y)), kind_of(array, row))


def _rigid(op, ins: Sequence[Sequence[float]], outs: Sequence[Sequence[float]], elements: list[Element],
           width: float, top: float, bottom: float, spare: float = 0.0,
           columns: Sequence[Column] = (), *, scene: Scene, shift: float = 0.0) -> Mark:
    """A laid-out scene as one mark.

    Parameters:
        scene: What stands inside, so far to the right in it.
    """
    entered = sorted((y, place) for place, y in zip(places_of(op.dom), (y for rows in ins for y in rows)))
    left = sorted((y, place) for place, y in zip(places_of(op.cod), (y for rows in outs for y in rows)))
    first = min((y for y, _ in (*entered, *left)), default=(top + bottom) / 2)
    last = max([first, *(y for y, _ in (*entered, *left))])

    elements = [item if item.about is not None else replace(item, about=INSIDE) for item in elements]

    def draw(x, y, height):
        return [item.moved(x + spare, y - first) for item in elements]
    return Mark(tuple(place for _, place in entered), tuple(place for _, place in left), draw,
                width + 2 * spare, first - top, bottom - last, spare, width + spare,
                tuple(y - first for y, _ in entered), tuple(y - first for y, _ in left),
                columns=tuple(column.moved(spare, -first) for column in columns),
                frame=replace(scene.frame.moved(shift, 0.0), box=(0.0, top, width, bottom),
                              spare=spare).moved(spare, -first))

