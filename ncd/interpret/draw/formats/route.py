"""Wires between two columns of a text: each turns in a column of its own, so that no two are drawn as one.

On a grid a wire goes along its row, down or up in one column, and on along its new row. Where a row is left
by one wire and reached by another, the one that leaves turns first. Wires that change places would each have
to be first: one of them rests on a free row in between (a dogleg, as in channel routing of circuits; Deutsch
1976). What goes down lets what is below it turn first, so few wires cross.
"""

from __future__ import annotations

import heapq
from collections.abc import Container, Hashable, Sequence
from itertools import groupby
from typing import NamedTuple


class Step(NamedTuple):
    """A wire that changes its row: from where to where, and the places that it shares with others."""

    start: float
    stop: float
    above: int
    below: int
    begins: Hashable
    ends: Hashable


class Route(NamedTuple):
    """The columns in which a wire turns, counted from 0, and the rows that it comes to there."""

    columns: tuple[int, ...]
    rows: tuple[int, ...]


def routed(steps: Sequence[Step], busy: Container[int]) -> tuple[list[Route], dict[float, int]]:
    """The route of each step, and how many columns are needed before each place where steps end.

    Parameters:
        busy: Rows on which no wire can rest.

    >>> routed([Step(0.0, 30.0, 0, 2, "a", "b"), Step(0.0, 30.0, 2, 0, "c", "d")], {0, 2})[0]
    [Route(columns=(0, 2), rows=(1, 2)), Route(columns=(1,), rows=(0,))]
    """
    routes: list = [None] * len(steps)
    needed: dict[float, int] = {}

    def gap(number: int):
        return round(steps[number].start, 1), round(steps[number].stop, 1)
    for _, members in groupby(sorted(range(len(steps)), key=gap), gap):
        for group in _apart(steps, list(members)):
            found = _route([steps[number] for number in group], busy)
            stop = steps[group[0]].stop
            needed[stop] = max(needed.get(stop, 0), *(route.columns[-1] + 1 for route in found))
            for number, route in zip(group, found):
                routes[number] = route
    return routes, needed


def _apart(steps: Sequence[Step], members: list[int]) -> list[list[int]]:
    """Steps whose rows overlap, together."""
    groups: list[list[int]] = []
    lowest = 0
    for number in sorted(members, key=lambda n: min(steps[n].above, steps[n].below)):
        top, bottom = sorted(steps[number][2:4])
        if groups and top <= lowest:
            groups[-1].append(number)
            lowest = max(lowest, bottom)
        else:
            groups.append([number])
            lowest = bottom
    return groups


def _route(steps: Sequence[Step], busy: Container[int]) -> list[Route]:
    leaving: dict[int, list[int]] = {}
    reaching: dict[int, list[int]] = {}
    for number, step in enumerate(steps):
        leaving.setdefault(step.above, []).append(number)
        reaching.setdefault(step.below, []).append(number)
    waits = [sum(other != number for other in leaving.get(step.below, ()))
             for number, step in enumerate(steps)]
    least = [0] * len(steps)                # the first column that a step may turn in
    ready = [(_rank(step), number) for number, step in enumerate(steps) if not waits[number]]
    heapq.heapify(ready)
    taken: list[list[tuple[int, int, int]]] = []
    first: dict[int, tuple[int, int]] = {}  # of a step that rests: its column, and the row
    routes: list = [None] * len(steps)
    left = set(range(len(steps)))
    used: set[int] = set()

    def turn(number: int, column: int, row: int, to: int) -> int:
        low, high = sorted((row, to))
        while True:
            if column == len(taken):
                taken.append([])
            if all(to_low > high or to_high < low or _joined(steps[number], steps[other])
                   for to_low, to_high, other in taken[column]):
                taken[column].append((low, high, number))
                return column
            column += 1

    def free(number: int, column: int) -> None:
        """The row that a step leaves is free for those that reach it."""
        for other in reaching.get(steps[number].above, ()):
            if other != number and other in left:
                least[other] = max(least[other], column + 1)
                waits[other] -= 1
                if not waits[other]:
                    heapq.heappush(ready, (_rank(steps[other]), other))
    while left:
        while ready:
            number = heapq.heappop(ready)[1]
            if number not in left:
                continue
            left.discard(number)
            step = steps[number]
            if number in first:
                column, row = first[number]
                last = turn(number, max(least[number], column + 1), row, step.below)
                routes[number] = Route((column, last), (row, step.below))
                continue
            column = turn(number, least[number], step.above, step.below)
            routes[number] = Route((column,), (step.below,))
            free(number, column)
        if not left:
            break
        waiting = sorted(left - set(first), key=lambda n: (-abs(steps[n].below - steps[n].above), n))
        for number in waiting:
            step = steps[number]
            low, high = sorted((step.above, step.below))
            row = next((row for row in range(low + 1, high) if row not in busy and row not in used), None)
            if row is not None:
                used.add(row)
                column = turn(number, 0, step.above, row)
                first[number] = column, row
                free(number, column)
                break
        else:                               # no row is free: two wires share a stretch
            number = (waiting or sorted(left))[0]
            waits[number] = 0
            heapq.heappush(ready, (_rank(steps[number]), number))
    return routes


def _rank(step: Step) -> int:
    """What goes down turns after what is below it, what goes up after what is above it."""
    return -step.above if step.below > step.above else step.above


def _joined(step: Step, other: Step) -> bool:
    return step.begins == other.begins or step.ends == other.ends
