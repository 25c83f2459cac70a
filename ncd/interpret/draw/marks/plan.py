"""A plan: what stands in an operation's place from top to bottom, lanes and marks.

A *lane* is an axis that goes by; several that are identified merge at its dot. A *mark* is
where axes end and begin. Results stand in the order of their axes; what has no result stands
where the fewest wires cross.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import fsum

from ncd.interpret.draw.marks.glyph import Mark, Place
from ncd.interpret.draw.scene.mathtext import Runs


@dataclass(frozen=True)
class Lane:
    """An axis that goes by: rows that are one axis; more than one in or out meet at a dot."""

    ins: tuple[Place, ...]
    outs: tuple[Place, ...]


@dataclass
class Plan:
    """What stands in an operation's place, top to bottom, and a text above it.

    Parameters:
        units: Lanes and marks.
        head: A text above the wires with arrow heads: a function of every entry.
        sign: A text at the first dot: what a merge does.
        joins: Inputs that are numbers: each is led to the nearest wire, on which it acts.
    """

    units: list[Lane | Mark]
    head: Runs = ()
    sign: Runs = ()
    order: tuple[int, ...] = field(default=())
    joins: tuple[Place, ...] = ()


def rows_of(array) -> int:
    """How many wires an array is drawn with; one without axes has a faint one."""
    return max(1, len(array.axes))


def places_of(arrays: Sequence) -> list[Place]:
    return [(i, j) for i, array in enumerate(arrays) for j in range(rows_of(array))]


def settled(plan: Plan, op, order: Sequence[int]) -> Plan:
    """The plan with its units top to bottom for inputs that stand in a given order."""
    rank = {i: at for at, i in enumerate(order)}
    units = [_main_first(unit, op, rank) for unit in plan.units]
    return Plan(_joined(_top_to_bottom(units, op, order), plan.joins, op, order), plan.head, plan.sign,
                tuple(order))


def _joined(units: list, joins: Sequence[Place], op, order: Sequence[int]) -> list:
    """The units with each number led to the lane that stands nearest to it."""
    if not joins:
        return units
    left = {place: at for at, place in enumerate((i, j) for i in order for j in range(rows_of(op.dom[i])))}
    lanes = [n for n, unit in enumerate(units) if isinstance(unit, Lane)]
    made = list(units)
    for place in joins:
        n = min(lanes, key=lambda lane: abs(left[units[lane].ins[0]] - left[place]))
        made[n] = Lane((*made[n].ins, place), made[n].outs)
    return made


def _main_first(unit, op, rank: dict[int, int]):
    """Of rows that merge, the one that goes straight on first: of the array with most axes, the topmost."""
    if isinstance(unit, Mark) or len(unit.ins) < 2:
        return unit
    return Lane(tuple(sorted(unit.ins, key=lambda place: (
        -len(op.dom[place[0]].axes), rank[place[0]], place[1]))), unit.outs)


def _top_to_bottom(units: list, op, order: Sequence[int]) -> list:
    """Units in the order of the result's axes; those without a result where wires cross least."""
    out = {place: index for index, place in enumerate(places_of(op.cod))}
    left: dict[Place, int] = {}
    for i in order:
        for j in range(rows_of(op.dom[i])):
            left[i, j] = len(left)

    def mean(unit):
        return left[unit.ins[0]] if isinstance(unit, Lane) else \
            fsum(left[place] for place in unit.ins) / len(unit.ins)
    made = sorted((unit for unit in units if unit.outs), key=lambda unit: out[unit.outs[0]])
    for unit in sorted((unit for unit in units if not unit.outs), key=mean):
        here = mean(unit)
        cost = best = sum(1 for other in made if other.ins and mean(other) < here)
        at = 0
        for index, other in enumerate(made, 1):
            if other.ins:
                cost += 1 if mean(other) > here else -1 if mean(other) < here else 0
            if cost < best:
                best, at = cost, index
        made.insert(at, unit)
    return made
