"""Heights: things in a given order, each near where it would like to be, never too close.

The least total displacement under minimal distances is isotonic regression with absolute
values: with z_i = y_i − (the sum of the distances above i) minimise Σ w |z_i − target_i|
over z_1 ≤ z_2 ≤ …. Solved by keeping the breakpoints of the slope in a heap, O(n log n).
Absolute values, not squares, so that most things stay exactly where they were.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field

from ncd.interpret.draw.scene.metrics import BUNDLE, DASH, WIRE

BETWEEN = 7.5        # between two marks: most boxes of neighbours stand no further apart than wires do
OVER = 15.0          # from a wire down to a mark, a separator between them


@dataclass
class Chunk:
    """Rows that keep their distances.

    Parameters:
        offsets: The rows below the first one.
        up, down: How far its mark reaches above the first row and below the last.
        bundle: What it belongs to; other distances hold inside one bundle.
        pulls: (height of the first row, weight) that it would like.
        seam: How far above the first row a separator stands that passes.
        more: How far wires that begin here stand below the last row.
    """

    offsets: tuple[float, ...] = (0.0,)
    up: float = 0.0
    down: float = 0.0
    bundle: object = None
    pulls: list[tuple[float, float]] = field(default_factory=list)
    seam: float = DASH
    more: float = 0.0

    @property
    def height(self) -> float:
        return self.offsets[-1]


def distance(above: Chunk, below: Chunk) -> float:
    """The least distance from the last row of one chunk to the first row of the next."""
    if above.bundle is not None and above.bundle == below.bundle:
        return max(WIRE, above.down + below.up + 2)
    return max(above.more + BUNDLE, above.down + below.seam + 2, above.more + below.up + OVER,
               above.down + below.up + BETWEEN)


def depths(chunks: Sequence[Chunk]) -> list[float]:
    """The height of each chunk when all are packed as close as may be, the first at 0."""
    made, at = [], 0.0
    for index, chunk in enumerate(chunks):
        if index:
            above = chunks[index - 1]
            at += above.height + distance(above, chunk)
        made.append(at)
    return made


def settle(chunks: Sequence[Chunk], home: float | None = None, low: float | None = None,
           high: float | None = None) -> list[float]:
    """The height of the first row of each chunk.

    Parameters:
        home: Where a packed stack would begin; a weak pull that decides between equals.
        low, high: Bounds of the first row of all and of the last.

    >>> settle([Chunk(pulls=[(0.0, 1)]), Chunk(pulls=[(50.0, 1)]), Chunk(pulls=[(60.0, 2)])])
    [-16.0, 22.0, 60.0]
    """
    packed = depths(chunks)
    heap: list[tuple[float, float]] = []
    best: list[float] = []
    for chunk, depth in zip(chunks, packed):
        points = [(height - depth, weight) for height, weight in chunk.pulls]
        if home is not None:
            points.append((home, 1))
        total = 0
        for place, weight in points:
            heapq.heappush(heap, (-place, 2 * weight))
            total += weight
        while total > 0:
            place, weight = heap[0]
            if weight <= total:
                heapq.heappop(heap)
                total -= weight
            else:
                heapq.heapreplace(heap, (place, weight - total))
                total = 0
        best.append(-heap[0][0] if heap else 0.0)
    for index in range(len(best) - 2, -1, -1):
        best[index] = min(best[index], best[index + 1])
    if low is not None and best:
        top = high - packed[-1] - chunks[-1].height
        best = [max(low, min(place, top)) for place in best]
    return [place + depth for place, depth in zip(best, packed)]
