"""Folds, equality and costs of large diagrams, against plain DisCoPy and between sizes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from discopy import markov

from ncd.core.category import Diagram, Ty
from ncd.ops import scalar
from ncd.ops.pointwise import Map


def best(function: Callable[[], object], times: int = 3) -> float:
    """The shortest of a few runs, in seconds."""
    found = math.inf
    for _ in range(times):
        start = time.perf_counter()
        function()
        found = min(found, time.perf_counter() - start)
    return found


def boxes(count: int) -> list[Diagram]:
    """Distinct boxes x -> x."""
    (array,) = Ty("x").inside
    return [Map(scalar.ADD, (array,), (None, n + 1)).diagram for n in range(count)]


def chain(made: list[Diagram]) -> Diagram:
    diagram = Diagram.id(Ty("x"))
    for box in made:
        diagram = diagram >> box
    diagram.graph  # noqa: B018  (flattened here, so that the work is in the measure)
    return diagram


def side_by_side(made: list[Diagram]) -> Diagram:
    diagram = Diagram.id(Ty())
    for box in made:
        diagram = diagram @ box
    diagram.graph  # noqa: B018
    return diagram


def discopy_chain(count: int) -> Callable[[], object]:
    x = markov.Ty("x")
    made = [markov.Box(f"f{n}", x, x) for n in range(count)]

    def build():
        diagram = markov.Diagram.id(x)
        for box in made:
            diagram = diagram >> box
        return diagram
    return build


def main() -> None:
    small, large = boxes(1000), boxes(10_000)
    rows = []
    for name, work in {
            "fold of >>": lambda made: chain(made), "fold of @": lambda made: side_by_side(made),
            "equality": None, "cost": None}.items():
        if name == "equality":
            pairs = [(chain(made), chain(boxes(len(made)))) for made in (small, large)]
            times = []
            for left, right in pairs:
                def compare(left=left, right=right):
                    for side in (left, right):   # what a graph caches is part of the work
                        for cached in ("producer", "order", "placed", "_serial"):
                            side.graph.__dict__.pop(cached, None)
                    return left == right
                times.append(best(compare, 10))
        elif name == "cost":
            times = [best(lambda made=made: chain(made).cost().flops, 5) for made in (small, large)]
        else:
            times = [best(lambda made=made: work(made), 10) for made in (small, large)]
        rows.append((name, *times, math.log10(times[1] / times[0])))
    print(f"{'':<12}{'1,000':>10}{'10,000':>10}{'order':>8}")
    for name, first, second, order in rows:
        print(f"{name:<12}{first:>9.3f}s{second:>9.3f}s{order:>8.2f}")
    rival = best(discopy_chain(1000), 1)
    print(f"fold of >> at 1,000: plain DisCoPy {rival:.2f} s, {rival / rows[0][1]:.0f} times ncd's")
