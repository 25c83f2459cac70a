"""Separators: the dashed lines that keep neighbouring arrays apart.

One stands between any two arrays that are neighbours at a column of types. It ends where one operation
takes both, and begins where one makes both.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from ncd.interpret.draw.scene.metrics import DASH, RISE
from ncd.interpret.draw.scene.multi import kind_of, rise
from ncd.interpret.draw.scene.scene import Scene, Strand

SHORTEST = 14.0      # of what is seen as a dashed line
NEAR = 12.0          # from a separator up to the wire above it, where there is room
WANDER = 14.0        # how much further up than it must a separator stays, so as not to go up and down


def lift(array) -> float:
    """How far above the first wire of an array its separator stands: over the wire's label."""
    return DASH + rise(kind_of(array, 0)) - RISE


class Separators:
    """The separators at one place of a layout, by the two neighbours that each keeps apart."""

    def __init__(self, scene: Scene, heights: Sequence[float]):
        self.scene = scene
        self.strands = {(index, index + 1): Strand(0.0, y, "dash") for index, y in enumerate(heights)}

    def __iter__(self):
        return iter(self.strands.values())

    def steady(self, sources: Sequence[int], seams: Sequence[float], floors: Sequence[float]) -> list[float]:
        """The heights that separators are to have; those that go on keep their own where that does.

        Parameters:
            sources: For each array of the next place, which it is now.
            seams: The lowest height of the separator above each, where it is when it begins.
            floors: The highest.
        """
        made = list(seams)
        for index in range(1, len(sources)):
            strand = self.strands.get((sources[index - 1], sources[index]))
            if strand and max(floors[index], seams[index] - WANDER) <= strand.y <= seams[index]:
                made[index] = strand.y
        return made

    def steps(self, sources: Sequence[int], seams: Sequence[float]) -> list[float]:
        """By how much separators that go on change their heights."""
        pairs = zip(pairwise(sources), seams[1:])
        return [seam - self.strands[pair].y for pair, seam in pairs if pair in self.strands]

    def carry(self, sources: Sequence[int], seams: Sequence[float], start: float, end: float) -> None:
        """Go on between two arrays that stay neighbours; others end or begin."""
        old, self.strands = self.strands, {}
        for index in range(1, len(sources)):
            strand = old.pop((sources[index - 1], sources[index]), None)
            if strand is None:
                strand = Strand(end - 0.35 * (end - start), seams[index], "dash")
            else:
                strand.to(start)
            strand.to(end, seams[index])
            self.strands[index - 1, index] = strand
        self.finish(old.values())

    def cross(self, stands, sides, seams: Sequence[float], middle: float, end: float) -> None:
        """Pass between operations, end where one takes both arrays, and begin after it.

        Parameters:
            stands: Each operation of the column, None where an array goes by.
            sides: Of each, how many arrays come in and go out.
            seams: The height of the separator above each.
        """
        arrays_in = [number for number, (ins, _) in enumerate(sides) for _ in range(ins)]
        arrays_out = [number for number, (_, outs) in enumerate(sides) for _ in range(outs)]
        between: dict[tuple[int, int], Strand] = {}
        for index, pair in enumerate(pairwise(arrays_in)):
            strand = self.strands[index, index + 1]
            if pair[0] == pair[1]:
                strand.to(max(strand.x, stands[pair[0]].seam_end(middle)))
                self.finish([strand])
            else:
                strand.to(middle)
                between[pair] = strand
        self.strands, result = {}, 0
        for index, pair in enumerate(pairwise(arrays_out)):
            result = result + 1 if pair[0] == pair[1] else 0
            if result:
                stand = stands[pair[1]]
                y = stand.out_rows[result][0] - lift(stand.op.cod[result])
                strand = Strand(end - 0.35 * stand.leave, y, "dash")
            else:
                strand = between.pop(pair, None) or Strand(middle, seams[pair[1]], "dash")
            strand.to(end)
            self.strands[index, index + 1] = strand
        self.finish(between.values())

    def finish(self, strands: Iterable[Strand]) -> None:
        """Keep those that are long enough to be seen as such."""
        self.scene.elements.extend(strand.done() for strand in strands
                                   if strand.x - strand.points[0][0] > SHORTEST)
