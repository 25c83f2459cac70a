"""The functor to pictures: a wire graph to a scene of wires, marks and labels.

From left to right, columns of types alternate with columns of operations. At a column of
types stand exactly the arrays that are live there. Before an operation, wires curve to where
it takes them (copies branch at dots); what it does not act on goes straight by. Each column
is laid out from the one before it, so the time is linear in the operations, up to the width.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from math import fsum

from ncd.core.graph import Graph
from ncd.interpret.draw.layout import layers as schedule
from ncd.interpret.draw.layout.column import Stand, travel
from ncd.interpret.draw.layout.crossings import fewer_crossings
from ncd.interpret.draw.layout.isotonic import Chunk, settle
from ncd.interpret.draw.layout.separator import NEAR, Separators, lift
from ncd.interpret.draw.marks.plan import Plan, rows_of
from ncd.interpret.draw.marks.rules import commutes
from ncd.interpret.draw.scene.mathtext import Run, Runs, axis_runs, runs_width, symbol_runs, word
from ncd.interpret.draw.scene.metrics import LABEL_SIZE, PAD, WIRE
from ncd.interpret.draw.scene.multi import MultiAxis, kind_of, multi_runs, rise
from ncd.interpret.draw.scene.scene import STEEP, Column, Scene, Strand, Text, dot
from ncd.ops.pointwise import Map

STAY = 8             # the pull of a wire towards its own height, against 1 for the rest
TOP = float("-inf")


class Bundle:
    """One array in the picture: its wire in the graph, and a strand for each axis."""

    __slots__ = ("array", "strands", "wire")

    def __init__(self, wire: int, array, strands: list[Strand]):
        self.wire, self.array, self.strands = wire, array, strands

    @property
    def ys(self) -> list[float]:
        return [strand.y for strand in self.strands]


class Layout:
    """A graph laid out from x = 0.

    Parameters:
        graph: The wire graph.
        plan: (operation, order of its inputs) to its plan.
        leads, tails: For each input and each output, extra room above it.
        framed: Whether it stands inside a mark: the types at its ends are shown outside.
        apart: Whether a wire that becomes the axis of another array is drawn as another one.
        labels: An array and a row to the label above its wire; :func:`label_runs` where it is not given.
    """

    def __init__(self, graph: Graph, plan: Callable[[object, Sequence[int]], Plan],
                 leads: Sequence[float] = (), tails: Sequence[float] = (), framed: bool = False,
                 apart: bool = False, labels: Callable[[object, int], Runs] | None = None):
        self.graph, self.plan, self.framed, self.apart = graph, plan, framed, apart
        self.labels = labels or label_runs
        self.scene, self.x = Scene(), 0.0
        self.live: list[Bundle] = []
        columns = schedule.columns(graph)
        arranged = self._arranged(columns)
        self._count()
        self._begin(leads)
        for number, (nodes, items) in enumerate(zip(columns, arranged)):
            self._pass(nodes)
            self._column(items, number == len(columns) - 1)
        self._end(tails)

    @property
    def results(self) -> tuple:
        return tuple(self.graph.types[wire] for wire in self.graph.outputs)

    # -- the order in the columns --------------------------------------------------
    def _arranged(self, columns: Sequence[Sequence[int]]) -> list[list[schedule.Item]]:
        """The items of each column, top to bottom."""
        self._count()
        graph, live, made = self.graph, list(range(len(self.graph.inputs))), []
        free, beside = [commutes(op) for op in graph.ops], schedule.neighbours(graph)
        for nodes in columns:
            self._pass(nodes)
            items = schedule.arrange(graph, nodes, live, [self._side(wire) for wire in live],
                                     [free[node] for node in nodes], beside)
            live = [wire for item in items for wire in (
                range(graph.first[item.node], graph.first[item.node] + len(graph.ops[item.node].cod))
                if item.node >= 0 else (live[item.slots[0].source],))]
            made.append(items)
        return fewer_crossings(graph, made, free)

    def _count(self) -> None:
        """How often each wire is still to be used, and by which nodes."""
        self.uses = [0] * len(self.graph.types)
        for wire in (*(wire for args in self.graph.args for wire in args), *self.graph.outputs):
            self.uses[wire] += 1
        self.readers: dict[int, list[int]] = {}             # of each wire, the last reader first
        for node in range(len(self.graph) - 1, -1, -1):
            for wire in self.graph.args[node]:
                self.readers.setdefault(wire, []).append(node)
        self.done: set[int] = set()

    def _pass(self, nodes: Sequence[int]) -> None:
        """The nodes of a column take what they read."""
        self.done.update(nodes)
        for node in nodes:
            for wire in self.graph.args[node]:
                self.uses[wire] -= 1

    # -- the ends ------------------------------------------------------------------
    def _begin(self, leads: Sequence[float]) -> None:
        chunks = [Chunk(tuple(WIRE * n for n in range(rows_of(array))), leads[i] if leads else 0.0, 0.0, i)
                  for i, array in enumerate(self.graph.inputs)]
        for wire, (array, y) in enumerate(zip(self.graph.inputs, settle(chunks, 0.0))):
            strands = [Strand(0.0, y + WIRE * n, kind_of(array, n), (array, n))
                       for n in range(rows_of(array))]
            self.live.append(Bundle(wire, array, strands))
        self.inputs = [bundle.ys for bundle in self.live]
        self.dashes = Separators(self.scene, [bundle.ys[0] - lift(bundle.array) for bundle in self.live[1:]])
        self._types(() if self.framed else [(b, range(len(b.strands))) for b in self.live], 12.0)

    def _end(self, tails: Sequence[float]) -> None:
        place = {bundle.wire: index for index, bundle in enumerate(self.live)}
        items = [schedule.Item(-1, [place[wire]], (0,)) for wire in self.graph.outputs]
        chunks = []
        for index, item in enumerate(items):
            ys = self.live[item.slots[0].source].ys
            pulls = [(y - WIRE * n, STAY) for n, y in enumerate(ys)]
            chunks.append(Chunk(tuple(WIRE * n for n in range(len(ys))), tails[index] if tails else 0.0,
                                0.0, index, pulls))
        tops = settle(chunks, 0.0)
        rows = [[top + offset for offset in chunk.offsets] for top, chunk in zip(tops, chunks)]
        seams = [top - lift(self.live[item.slots[0].source].array) for top, item in zip(tops, items)]
        self._gap(items, rows, seams, [TOP] * len(rows))
        bare = not len(self.graph) and self.graph.outputs == tuple(range(len(self.graph.inputs)))
        shown = [] if self.framed or bare else [(b, range(len(b.strands))) for b in self.live]
        self._types(shown, 40.0 if bare and not self.framed else 12.0)
        self.outputs = [bundle.ys for bundle in self.live]
        for bundle in self.live:
            self.scene.elements.extend(strand.done() for strand in bundle.strands)
        self.dashes.finish(self.dashes)
        self.scene.width = self.x

    # -- a column of types -----------------------------------------------------------
    def _types(self, shown: Sequence[tuple[Bundle, Sequence[int]]], least: float) -> None:
        """Go on straight, with labels above the rows that are named."""
        widths = [0.0]
        for bundle, rows in shown:
            for row in rows:
                runs = self.labels(bundle.array, row)
                if runs:
                    y = bundle.strands[row].y - rise(bundle.strands[row].kind)
                    self.scene.elements.append(Text(runs, self.x + 4, y, LABEL_SIZE,
                                                    about=(bundle.array, row)))
                    widths.append(runs_width(runs, LABEL_SIZE))
        width = max(least, max(widths) + 12 if max(widths) else 0.0)
        for strand in (*(strand for bundle in self.live for strand in bundle.strands), *self.dashes):
            strand.to(self.x + width)
        self.scene.columns.append(Column(self.x + width / 2, tuple(
            (bundle.array, tuple(bundle.ys)) for bundle in self.live), self.x, self.x + width,
            tuple(bundle.wire for bundle in self.live)))
        self.x += width

    # -- a column of operations --------------------------------------------------------
    def _column(self, items: Sequence[schedule.Item], last: bool) -> None:
        stands = [Stand(self.graph.ops[item.node], self.plan(self.graph.ops[item.node], item.order))
                  if item.node >= 0 else None for item in items]
        rows, edges = self._heights(items, stands)
        slot_rows = [ys for item_rows in rows for ys in item_rows]
        seams = [edge[1] if slot is item.slots[0] else ys[0] - lift(self.live[slot.source].array)
                 for item, item_rows, edge in zip(items, rows, edges)
                 for slot, ys in zip(item.slots, item_rows)]
        floors = [edges[number - 1][2] + 2 if number and slot is item.slots[0] else TOP
                  for number, item in enumerate(items) for slot in item.slots]
        self._gap(items, slot_rows, seams, floors)
        self._operate(items, stands, rows, edges, last)

    def _heights(self, items, stands) -> tuple[list, list]:
        """The rows of each slot of each item, and (top, separator, bottom) of each item, all placed."""
        primary = self._primary(items)
        chunks, owner = [], []
        for number, (item, stand) in enumerate(zip(items, stands)):
            wanted = [(y, STAY if primary[slot.source] is slot else 1)
                      for slot in item.slots for y in self.live[slot.source].ys]
            made = stand.left_chunks(wanted, number) if stand else [
                Chunk(bundle=(number,), pulls=[pull]) for pull in wanted]
            made[0].seam = lift(self.live[item.slots[0].source].array if item.slots else stand.op.cod[0])
            if not item.slots:
                near = chunks[-1].pulls if chunks else []
                made[0].pulls = [(near[0][0] + chunks[-1].height + WIRE, 1)] if near else []
            chunks.extend(made)
            owner.extend([number] * len(made))
        heights: list[list[float]] = [[] for _ in items]
        edge: list[list[float]] = [[] for _ in items]
        for number, chunk, top in zip(owner, chunks, settle(chunks, 0.0)):
            heights[number].extend(top + offset for offset in chunk.offsets)
            edge[number] += [top - chunk.up, top + chunk.height + chunk.down]
        rows, edges, above = [], [], None
        for number, item in enumerate(items):
            ys, at, split = heights[number], 0, []
            for slot in item.slots:
                width = rows_of(self.live[slot.source].array)
                split.append(ys[at:at + width])
                at += width
            top, bottom = min(edge[number]), max(edge[number])
            if stands[number]:
                stands[number].place(split, top, bottom, ys[0])
                ys = [*ys[:1], *(made[0] for made in stands[number].out_rows)]
            first = self.live[item.slots[0].source].array if item.slots else stands[number].op.cod[0]
            seam = min(min(ys) - lift(first), top - 2)
            seam = seam if above is None else max(seam, above + 2)
            rows.append(split)
            edges.append((top, seam, bottom))
            above = bottom
        return rows, edges

    def _side(self, wire: int) -> float | None:
        """Where an array passes the operation that reads a copy of it: below, unless it is met again
        as the first input, or as the one with most axes."""
        if not self.uses[wire]:
            return None
        readers = self.readers.get(wire, [])
        while readers and readers[-1] in self.done:
            readers.pop()
        if not readers:
            return 0.25
        op, args = self.graph.ops[readers[-1]], self.graph.args[readers[-1]]
        if not commutes(op):
            return -0.25 if len(args) > 1 and args[0] == wire else 0.25
        others = [len(self.graph.types[other].axes) for other in args if other != wire]
        widest = isinstance(op, Map) and others and len(self.graph.types[wire].axes) > max(others)
        return -0.25 if widest else 0.25

    def _primary(self, items) -> dict[int, schedule.Slot]:
        """For each source the slot that its wire goes straight on to: what is used often stays."""
        primary: dict[int, schedule.Slot] = {}
        for item in items:
            for slot in item.slots:
                often = item.node < 0 and self.uses[self.live[slot.source].wire] > 1
                if slot.source not in primary or often:      # what passes above comes first
                    primary[slot.source] = slot
        return primary

    def _gap(self, items, rows: Sequence[Sequence[float]], seams: Sequence[float],
             floors: Sequence[float]) -> None:
        """Bring each array to its slots by curves; copies branch at dots, unused arrays end.

        The separator over each slot is to stand between its floor and its seam.
        """
        slots = [slot for item in items for slot in item.slots]
        sources = [slot.source for slot in slots]
        lasts = [TOP, *(ys[-1] + NEAR for ys in rows)]
        seams = self.dashes.steady(sources, seams, [*map(max, lasts, floors)])
        branches: dict[int, list[int]] = {}
        for index, slot in enumerate(slots):
            branches.setdefault(slot.source, []).append(index)
        copied = any(len(found) > 1 for found in branches.values())
        dead = len(branches) < len(self.live)
        deltas = [y - was for slot, ys in zip(slots, rows)
                  for y, was in zip(ys, self.live[slot.source].ys)]
        steps = self.dashes.steps(sources, seams)
        sloped = [abs(step) for step in steps if abs(step) <= STEEP]
        width = max(travel(deltas + [step for step in steps if abs(step) > STEEP]), *sloped, 0.0)
        lead = 8.0 if copied or dead else 0.0
        start, end = self.x + lead, self.x + max(lead, lead + width)
        fresh: list[Bundle | None] = [None] * len(slots)
        new: list[tuple[Bundle, Sequence[int]]] = []
        for source, bundle in enumerate(self.live):
            found = branches.get(source, [])
            for strand in bundle.strands:
                strand.to(start)
            if not found:
                for strand in bundle.strands:
                    self.scene.elements += [strand.done(), dot(start, strand.y)]
                continue
            straight = min(found, key=lambda index: fsum(
                abs(y - was) for y, was in zip(rows[index], bundle.ys)))
            if len(found) > 1:
                self.scene.elements.extend(dot(start, y) for y in bundle.ys)
            heights = bundle.ys
            for index in found:
                strands = bundle.strands if index == straight else [
                    Strand(start, y, kind_of(bundle.array, n), (bundle.array, n))
                    for n, y in enumerate(heights)]
                for strand, y in zip(strands, rows[index]):
                    strand.to(end, y)
                fresh[index] = Bundle(bundle.wire, bundle.array, strands)
                if len(found) > 1 and strands[0].y != heights[0]:
                    new.append((fresh[index], range(len(strands))))
        self.dashes.carry(sources, seams, start, end)
        self.live, self.x = [bundle for bundle in fresh if bundle is not None], end
        if new:
            self._types(new, 6.0)

    def _operate(self, items, stands, rows, edges, last: bool) -> None:
        """Draw the marks of a column between what goes in and what comes out."""
        there = [stand for stand in stands if stand is not None]
        start = self.x
        begin = start + max(stand.enter for stand in there)
        width = max(stand.width for stand in there)
        pad = PAD if width else 0.0
        finish = begin + width + 2 * pad
        end = finish + max(stand.leave for stand in there)
        self.scene.spans.append((begin, finish))
        before = iter(self.live)
        live: list[Bundle] = []
        sides: list[tuple[int, int]] = []       # of each item, how many arrays come in and go out
        new: list[tuple[Bundle, Sequence[int]]] = []
        for item, stand in zip(items, stands):
            taken = [next(before) for _ in item.slots]
            if stand is None:
                for strand in taken[0].strands:
                    strand.to(end)
                live.append(taken[0])
                sides.append((1, 1))
                continue
            strands = {(i, j): strand for i, bundle in zip(item.order, taken)
                       for j, strand in enumerate(bundle.strands)}
            made = stand.draw(self.scene, strands, begin, begin + pad, begin + pad + width, finish, end)
            first = self.graph.first[item.node]
            for number, (array, found) in enumerate(zip(stand.op.cod, made)):
                bundle = Bundle(first + number, array, [
                    self._about(strand, array, row) for row, (strand, _) in enumerate(found)])
                live.append(bundle)
                changed = [row for row, (_, was) in enumerate(found)
                           if was is None or (array.axes and was != array.axes[row])]
                if changed and not last:
                    new.append((bundle, changed))
            sides.append((len(item.slots), len(stand.op.cod)))
        self.dashes.cross(stands, sides, [edge[1] for edge in edges], begin + pad, end)
        self.live, self.x = live, end
        self._types(new, 10.0)

    def _about(self, strand: Strand, array, row: int) -> Strand:
        """The strand as the axis of another array: where each wire tells of itself, a new one."""
        if strand.about is None or not self.apart:
            strand.about = (array, row)
            return strand
        if strand.about == (array, row):
            return strand
        self.scene.elements.append(strand.done())
        return Strand(strand.x, strand.y, strand.kind, (array, row))


def label_runs(array, row: int, hidden: Container[str] = ()) -> Runs:
    """The label of one wire of an array; its last wire also tells a kind of number that is not real.

    The sizes of hidden labels are not shown.
    """
    runs: Runs = ()
    if array.axes:
        axis = array.axes[row]
        runs = symbol_runs(axis.label) if axis.label in hidden else \
            multi_runs(axis) if isinstance(axis, MultiAxis) else axis_runs(axis)
    if array.dtype == "float" or row != rows_of(array) - 1:
        return runs
    kind = array.dtype if array.bound is None else f"index({array.bound})"
    return (*runs, Run(" : " if runs else ": "), *word(kind, "roman", limit=24))
