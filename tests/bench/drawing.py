"""Pictures of large flat diagrams: the time of an SVG and its order of growth, DisCoPy's own drawing of the
same diagram, and frames per second while the page is dragged in a browser."""

from __future__ import annotations

import math
import os
import tempfile
import time
from pathlib import Path

from discopy import markov

import ncd
from ncd import nn
from ncd.core.category import Diagram
from ncd.interpret.draw import svg
from tests.bench.building import best
from tests.browser import drag, launched

SIZES = (100, 300, 1000, 3000)


def flat(boxes: int) -> Diagram:
    """So many boxes without a repetition or a block: learned maps, functions, and a skip over every four."""
    @ncd.diagram("x m -> x m")
    def stack(x):
        held = x
        for number in range(boxes):
            if number % 5 == 4:
                x = held = x + held
            else:
                x = nn.relu(x) if number % 2 else nn.linear("m -> m")(x)
        return x
    assert len(stack.graph) == boxes
    return stack


def order(times: dict[int, float]) -> float:
    """The slope of the line of least squares through log time against log size."""
    points = [(math.log(size), math.log(seconds)) for size, seconds in times.items()]
    x, y = (sum(values) / len(points) for values in zip(*points))
    return sum((a - x) * (b - y) for a, b in points) / sum((a - x) ** 2 for a, _ in points)


def seconds(sizes=SIZES, runs: int = 3) -> dict[int, float]:
    """{boxes: the shortest time of a few to draw them as SVG}, the diagram being there already."""
    made = {size: flat(size) for size in sizes}
    svg(made[sizes[0]])
    return {size: best(lambda size=size: svg(made[size]), runs) for size in sizes}


def discopy_seconds(boxes: int = 100) -> float:
    """DisCoPy's drawing of the same diagram to an SVG file, by matplotlib, which is imported before."""
    diagram = flat(boxes)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "wires.svg")
        markov.Diagram.draw(flat(2), path=path, show=False)
        found = best(lambda: markov.Diagram.draw(diagram, path=path, show=False), 1)
        assert os.path.getsize(path) > 1000
    return found


def frames(boxes: int = 1000) -> None:
    """Frames per second while the page of a diagram is dragged, whole in view and at larger scales."""
    try:
        with launched() as browser, tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "page.html")
            flat(boxes).draw(path)
            tab = browser.new_page(viewport={"width": 1400, "height": 800})
            tab.goto(path.as_uri())
            for scale in (None, 0.1, 0.3, 1.0):
                print(f"page of {boxes:,} boxes at scale {scale or 'fit'}: "
                      f"{drag(tab, scale)['rate']:.0f} frames/s while dragged (bound 30)")
    except (ImportError, FileNotFoundError) as error:
        print(f"frames per second: not measured, {error}")


def main() -> None:
    start = time.perf_counter()
    times = seconds()
    print(f"{'boxes':>8}{'SVG':>10}")
    for size, found in times.items():
        print(f"{size:>8,}{found:>9.3f}s")
    print(f"1,000 boxes in {times[1000]:.2f} s (bound 2 s); order of growth {order(times):.2f} (bound 1.2)")
    rival = discopy_seconds()
    print(f"100 boxes: DisCoPy's drawing {rival:.2f} s, {rival / times[100]:.0f} times ncd's (bound 50)")
    frames()
    print(f"all in {time.perf_counter() - start:.0f} s")
