"""One operation in its column: the heights of its rows, and the wires through it.

Inputs come in at the rows where they stand as arrays. From there they curve, if need be, to
the rows of the plan (axes that meet, merge at a dot there), pass its lanes and marks, and
curve to the rows where the results stand as arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ncd.interpret.draw.layout.isotonic import Chunk, depths, settle
from ncd.interpret.draw.marks.glyph import Mark, Place, centred, head, head_width
from ncd.interpret.draw.marks.plan import Lane, Plan, rows_of
from ncd.interpret.draw.scene.mathtext import runs_width
from ncd.interpret.draw.scene.metrics import BUNDLE, WIRE
from ncd.interpret.draw.scene.multi import kind_of
from ncd.interpret.draw.scene.scene import Element, Scene, Strand, Text, Wire, dot

HEAD_ROOM, SIGN_ROOM, SIGN_SIZE = 22.5, 16.0, 16.0


class Stand:
    """A plan on its way to a place.

    Attributes:
        enter, width, leave: How wide the curves before it, its marks and the curves after it are.
        out_rows: For each result, the heights of its rows.
    """

    def __init__(self, op, plan: Plan):
        self.op, self.units, self.order = op, plan.units, plan.order
        self.text, self.sign = plan.head, plan.sign
        self.left = [(i, j) for i in plan.order for j in range(rows_of(op.dom[i]))]
        self.width = max((unit.width for unit in self.units if isinstance(unit, Mark)), default=0.0)
        if self.text:
            self.width = max(self.width, head_width(self.text))
        if self.sign:
            self.width = max(self.width, runs_width(self.sign, SIGN_SIZE) / 2)
        self.signed = self._signed() if self.sign else None
        self.enter = self.leave = 0.0
        self.out_rows: list[list[float]] = []

    def _signed(self) -> int:
        """The unit that the sign stands over: where wires meet, or the dot that ends a number."""
        meet = (n for n, unit in enumerate(self.units) if isinstance(unit, Lane) and len(unit.ins) > 1)
        ends = (n for n, unit in enumerate(self.units) if isinstance(unit, Mark) and not unit.outs)
        return next(meet, next(ends, 0))

    # -- heights -------------------------------------------------------------------
    def _chunks(self) -> list[Chunk]:
        """The units as rows that keep their distances, in the plan's order."""
        made = []
        for number, unit in enumerate(self.units):
            up = HEAD_ROOM if self.text and number == 0 else SIGN_ROOM if number == self.signed else 0.0
            if isinstance(unit, Lane):
                made.append(Chunk(up=up, bundle=0))
            else:
                made.append(Chunk((0.0, unit.height) if unit.height else (0.0,),
                                  max(up, unit.up), unit.down, 0))
        return made

    def left_chunks(self, wanted: Sequence[tuple[float, float]], number: int) -> list[Chunk]:
        """The rows of the inputs as they stand as arrays, with room for the plan.

        ``wanted`` has for each row the height that it would like and how much.
        """
        middle = self._chunks()
        made: list[Chunk] = []
        pulls = dict(zip(self.left, wanted))
        grouped = self._groups()
        at = 0
        while at < len(self.left):
            mark = grouped.get(self.left[at])
            if mark is None:
                i, _ = self.left[at]
                made.append(Chunk(bundle=(number, i), pulls=[pulls[self.left[at]]]))
                at += 1
                continue
            points = [(pulls[place][0] - offset, pulls[place][1])
                      for place, offset in zip(mark.ins, mark.in_offsets)]
            made.append(Chunk(mark.in_offsets, mark.up, mark.down + mark.height - mark.in_offsets[-1],
                              (number, self.left[at][0]), points))
            at += len(mark.ins)
        if not made:
            return [Chunk((0.0, self.total) if self.total else (0.0,), middle[0].up, middle[-1].down,
                          (number, 0))] if middle else [Chunk(bundle=(number, 0))]
        if middle:
            made[0].up = max(made[0].up, middle[0].up)
            have = depths(made)[-1] + made[-1].height
            need = depths(middle)[-1] + middle[-1].height + middle[-1].down
            made[-1].more = max(0.0, self._need_out() - have)
            made[-1].down = max(made[-1].down, need - have, made[-1].more)
        return made

    @property
    def total(self) -> float:
        chunks = self._chunks()
        return max(depths(chunks)[-1] + chunks[-1].height if chunks else 0.0, self._need_out())

    def _need_out(self) -> float:
        height = 0.0
        for index, array in enumerate(self.op.cod):
            height += WIRE * (rows_of(array) - 1) + (BUNDLE if index else 0.0)
        return height

    def _groups(self) -> dict[Place, Mark]:
        """Marks whose rows stand together as they come in, by their first row."""
        index = {place: n for n, place in enumerate(self.left)}
        found = {}
        for unit in self.units:
            if isinstance(unit, Mark) and unit.ins and not unit.stretch:
                first = index[unit.ins[0]]
                if [index[place] for place in unit.ins] == list(range(first, first + len(unit.ins))):
                    found[unit.ins[0]] = unit
        return found

    def place(self, rows: Sequence[Sequence[float]], top: float, bottom: float, first: float) -> None:
        """Fix every height, given the rows of the inputs and the room that there is."""
        self.first = first
        self.seen = dict(zip(self.left, (y for ys in rows for y in ys)))
        self._stretch_cups()
        chunks = self._chunks()
        for chunk, unit in zip(chunks, self.units):
            if isinstance(unit, Lane):
                chunk.pulls = [(self.seen[unit.ins[0]], 1)]
            elif unit.ins:
                chunk.pulls = [(self.seen[place] - offset, 1)
                               for place, offset in zip(unit.ins, unit.in_offsets)]
            else:
                chunk.pulls = []
        for index, chunk in enumerate(chunks):
            if not chunk.pulls:
                near = chunks[index - 1] if index else None
                chunk.pulls = [(near.pulls[0][0] + near.height + WIRE if near else first, 1)]
        low = top + chunks[0].up if chunks else 0.0
        high = bottom - chunks[-1].down if chunks else 0.0
        self.ys = settle(chunks, None, low, high)
        self.enter = travel([y - self.seen[place] for place, y in self._targets()])
        if self.sign:
            self.enter = max(self.enter, runs_width(self.sign, SIGN_SIZE) / 2 + 6, 22.0)
        self._place_sign()
        self._place_out(low, high)

    def _place_sign(self) -> None:
        """The sign stands over its dot, or to the right of it where a wire passes on its way down or up."""
        self.aside = False
        if self.signed is not None:
            y = self.ys[self.signed]
            moves = [sorted((self.seen[place], to)) for place, to in self._targets()]
            self.aside = any(high < y <= low for high, low in moves)
        if self.aside:
            self.width = max(self.width, runs_width(self.sign, SIGN_SIZE) + 6)

    def _stretch_cups(self) -> None:
        """A cup is as wide as its wires stand apart, within reason and the room there is."""
        slack = None
        for number, unit in enumerate(self.units):
            if isinstance(unit, Mark) and unit.stretch:
                if slack is None:
                    chunks = self._chunks()
                    have = max(self.seen.values()) - min(self.seen.values())
                    slack = have - depths(chunks)[-1] - chunks[-1].height
                ys = sorted(self.seen[place] for place in unit.ins)
                apart = max(ys[1] - ys[0], WIRE)
                apart = min(apart if apart <= 2 * WIRE else BUNDLE, BUNDLE + max(0.0, slack))
                slack -= max(0.0, apart - BUNDLE)
                ins = tuple(sorted(unit.ins, key=lambda place: self.seen[place]))
                self.units[number] = Mark(ins, unit.outs, unit.draw, 0.0, stretch=True, leave=0.0,
                                          out_offsets=tuple(0.0 for _ in unit.outs),
                                          in_offsets=(0.0, apart)).stretched(apart)
        self.width = max([self.width, *(u.width for u in self.units if isinstance(u, Mark))])

    def _targets(self) -> list[tuple[Place, float]]:
        """Where each input row ends up before the marks."""
        made = []
        for unit, y in zip(self.units, self.ys):
            if isinstance(unit, Lane):
                made.extend((place, y) for place in unit.ins)
            else:
                made.extend((place, y + offset) for place, offset in zip(unit.ins, unit.in_offsets))
        return made

    def _place_out(self, low: float, high: float) -> None:
        """The rows of the results: where they come out, as far as arrays allow."""
        self.sources: dict[Place, float] = {}
        for unit, y in zip(self.units, self.ys):
            for place, offset in zip(unit.outs, unit.out_offsets if isinstance(unit, Mark)
                                     else [0.0] * len(unit.outs)):
                self.sources[place] = y + offset
        places = [(i, j) for i, array in enumerate(self.op.cod) for j in range(rows_of(array))]
        chunks = [Chunk(bundle=place[0] + 1, pulls=[(self.sources[place], 1)]) for place in places]
        ys = iter(settle(chunks, None, low, max(high, low + self._need_out())))
        self.out_rows = [[next(ys) for _ in range(rows_of(array))] for array in self.op.cod]
        self.leave = travel([self.out_rows[i][j] - y for (i, j), y in self.sources.items()])
        if any(len(unit.outs) > 1 for unit in self.units if isinstance(unit, Lane)):
            self.leave = max(self.leave, 30.0)

    def seam_end(self, middle: float) -> float:
        """Where the separator between two inputs ends."""
        return middle - self.enter * 0.7 if self.enter else middle

    # -- wires -----------------------------------------------------------------------
    def draw(self, scene: Scene, strands: dict[Place, Strand], begin: float, left: float, right: float,
             finish: float, end: float) -> list[list[tuple[Strand, object]]]:
        """Lead the strands through; for each result its strands, and the axis each had before.

        Curves end at ``begin``; marks stand between ``left`` and ``right``; results curve
        from ``finish`` to ``end``.
        """
        made: dict[Place, tuple[Strand, object]] = {}
        for number, (unit, y) in enumerate(zip(self.units, self.ys)):
            if isinstance(unit, Lane):
                self._lane(scene, unit, y, strands, begin, finish, made)
            else:
                self._mark(scene, unit, y, strands, begin, left, right, finish, made)
            if number == self.signed:
                at = begin if isinstance(unit, Lane) else (left + right - unit.width) / 2
                scene.add([Text(self.sign, at + 7, y - 6, SIGN_SIZE) if self.aside
                           else centred(self.sign, at, y - 11, SIGN_SIZE)], self.op)
        if self.text:
            first = min(self.ys, default=self.first)
            foot = first - (5 if any(run.level > 0 for run in self.text) else 7)
            scene.add(head(self.text, (left + right) / 2, foot), self.op)
        for (i, j), (strand, _) in made.items():
            strand.to(end, self.out_rows[i][j])
        return [[made[i, j] for j in range(len(rows))] for i, rows in enumerate(self.out_rows)]

    def _lane(self, scene, unit: Lane, y: float, strands, begin, finish, made) -> None:
        for place in unit.ins:
            strands[place].to(begin, y)
        main = strands[unit.ins[0]]
        if len(unit.ins) > 1:
            scene.add([dot(begin, y)], self.op)
            scene.elements.extend(strands[place].done() for place in unit.ins[1:])
        if not unit.outs:
            scene.elements.append(main.done())
            return
        main.to(finish)
        i, j = unit.ins[0]
        was = self.op.dom[i].axes[j] if self.op.dom[i].axes else "scalar"
        made[unit.outs[0]] = (main, was)
        for place in unit.outs[1:]:
            made[place] = (Strand(finish, y, main.kind), None)
        if len(unit.outs) > 1:
            scene.add([dot(finish, y)], self.op)

    @staticmethod
    def _kept(item: Element, kinds) -> Element:
        """A wire of a mark goes on as what it comes in as, or goes out: a double one stays double."""
        if not isinstance(item, Wire) or item.kind != "wire" or item.about is not None:
            return item
        return replace(item, kind=kinds.get(item.points[0], kinds.get(item.points[-1], item.kind)))

    def _mark(self, scene, unit: Mark, y: float, strands, begin, left, right, finish, made) -> None:
        at = left + (right - left - unit.width) / 2 if not unit.stretch else left
        for place, offset in zip(unit.ins, unit.in_offsets):
            strands[place].to(begin, y + offset)
            strands[place].to(at + unit.enter)
            scene.elements.append(strands[place].done())
        kinds = {(at, y + offset): kind_of(self.op.dom[i], j)
                 for (i, j), offset in zip(unit.ins, unit.in_offsets)}
        kinds |= {(at + unit.width, y + offset): kind_of(self.op.cod[i], j)
                  for (i, j), offset in zip(unit.outs, unit.out_offsets)}
        scene.add((self._kept(item, kinds) for item in unit.draw(at, y, unit.height)), self.op)
        scene.inner += [column.moved(at, y) for column in unit.columns]
        if unit.frame is not None:
            scene.frames.append(unit.frame.moved(at, y))
        for place, offset in zip(unit.outs, unit.out_offsets):
            array = self.op.cod[place[0]]
            strand = Strand(at + unit.leave, y + offset, kind_of(array, place[1]))
            strand.to(finish)
            made[place] = (strand, None)


def travel(deltas: Sequence[float], least: float = 30.0, most: float = 130.0) -> float:
    """How wide a stretch must be for wires to change their heights gracefully."""
    furthest = max((abs(delta) for delta in deltas), default=0.0)
    return 0.0 if furthest == 0 else min(most, max(least, float(round(18 + 0.55 * furthest))))
