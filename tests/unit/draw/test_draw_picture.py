"""Properties of every picture: what a reader of the SVG file sees, whatever the diagram."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ncd.construct import generators as g
from ncd.construct.notation import einsum
from ncd.construct.trace import trace
from ncd.core.signature import parse_type
from ncd.interpret.draw import scene_of, svg
from ncd.interpret.draw.scene.scene import MARK, Arc, Shape, Text, Wire
from tests.strategies import examples
from tests.unit.draw.pictures import PICTURES, Drawing, linear, relu, softmax

ROOT = Path(__file__).parents[3]


def overlap(a, b) -> float:
    """The area that two rectangles share."""
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))


def near(point, box, slack: float = 1.0) -> bool:
    return (box[0] - slack <= point[0] <= box[2] + slack) and (box[1] - slack <= point[1] <= box[3] + slack)


def check(diagram, depth: int = 0) -> None:
    """All that must hold of a picture."""
    scene, drawing = scene_of(diagram, depth), Drawing(svg(diagram, depth))
    page = (drawing.left, drawing.top, drawing.right, drawing.bottom)
    for _, points in drawing.paths:
        assert all(near(point, page, 0.0) for point in points)
    assert all(near((x - r, y - r), page) and near((x + r, y + r), page) for x, y, r in drawing.circles)
    texts = [item for item in scene.elements if isinstance(item, Text)]
    boxes = [text.bounds() for text in texts]
    assert all(near(box[:2], page, 0.0) and near(box[2:], page, 0.0) for box in boxes)
    assert len(texts) == len(drawing.texts)
    check_columns(scene, drawing)
    check_labels(texts)
    check_marks(scene, texts)
    check_ends(scene)


def check_columns(scene, drawing) -> None:
    """At each column of types each axis of each array there is one wire, 20 px or more apart."""
    for column in scene.columns:
        rows = []
        for array, ys in column.arrays:
            assert len(ys) == max(1, len(array.axes))
            rows.extend(ys)
        assert all(below - above >= 20 - 1e-6 for above, below in pairwise(rows))
        crossing = sorted(
            round((a[1] + b[1]) / 2, 1) for points in drawing.wires for a, b in pairwise(points)
            if a[0] < column.x < b[0] and a[1] == b[1])
        assert crossing == sorted(round(y, 1) for y in rows)


def check_labels(texts) -> None:
    """No text lies on another."""
    boxes = sorted(((text.bounds(), text) for text in texts), key=lambda pair: pair[0][0])
    for index, (box, text) in enumerate(boxes):
        for other, what in boxes[index + 1:]:
            if other[0] > box[2]:
                break
            assert overlap(box, other) < 1.0, (text, what)


def check_marks(scene, texts) -> None:
    """A text is inside a mark or off it; a wire that goes by does not go through a mark."""
    marks = [item.bounds() for item in scene.elements
             if isinstance(item, Shape) and item.layer == MARK and not item.radius and item.closed]
    for text in texts:
        box = text.bounds()
        for mark in marks:
            inside = near(box[:2], mark, 3.0) and near(box[2:], mark, 3.0)
            assert inside or overlap(box, mark) < 3.0, (text, mark)
    for line in scene.elements:
        if isinstance(line, Wire) and line.kind != "dash":
            for (x, y), (to_x, to_y) in pairwise(line.points):
                for left, top, right, bottom in marks:
                    through = min(to_x, right) - max(x, left)
                    assert not (y == to_y and top + 2 < y < bottom - 2 and through > 6), (line, left, top)


def check_ends(scene) -> None:
    """A wire begins and ends at the edge, at a mark or at another wire: never in mid-air."""
    marks = [item.bounds() for item in scene.elements
             if isinstance(item, (Shape, Arc)) and item.layer == MARK]
    marks += [(left - 2, top, right + 2, bottom) for left, top, right, bottom in (
        item.bounds() for item in scene.elements if isinstance(item, Text) and item.anchor == "middle")]
    lines = [item for item in scene.elements if isinstance(item, Wire) and item.kind != "dash"]
    tips = [(line, tip) for line in lines for tip in (line.points[0], line.points[-1])]
    for line, end in tips:
        assert (end[0] in (0.0, scene.width) or any(near(end, box) for box in marks)
                or any(near(end, (*tip, *tip), 0.01) for other, tip in tips if other is not line)), end


@pytest.mark.parametrize("name", PICTURES)
def test_every_picture_is_sound(name):
    check(*PICTURES[name])


STEPS = {
    "relu": lambda x: relu(x), "linear": lambda x: linear("m -> m")(x), "softmax": lambda x: softmax("m")(x),
    "twice": lambda x: x + x, "skip": lambda x: x * linear("m -> m")(relu(x)),
    "centre": lambda x: x - g.reduce("sum", "m")(x), "product": lambda x: einsum("b m, m -> b m")(
        x, g.reduce("max", "b")(x)), "weight": lambda x: x + g.parameter("p", "m")(),
    "scale": lambda x: x * 2, "split": lambda x: einsum("b m, b m -> b m")(softmax("b")(x), x)}


@examples(40)
@given(st.lists(st.sampled_from(sorted(STEPS)), min_size=1, max_size=8), st.booleans())
def test_random_chains_are_sound(names, keep):
    def run(x):
        first = x
        for name in names:
            x = STEPS[name](x)
        return (x, first) if keep else x
    check(trace(run, parse_type("b m")))


@examples(60)
@given(st.lists(st.lists(st.sampled_from("abcd"), max_size=4, unique=True), min_size=1, max_size=4),
       st.data())
def test_random_einsums_are_sound(inputs, data):
    letters = sorted({letter for names in inputs for letter in names})
    out = data.draw(st.permutations(letters)) if letters else []
    out = out[:data.draw(st.integers(0, len(out)))]
    check(einsum(", ".join(" ".join(names) or "()" for names in inputs) + " -> " + (" ".join(out) or "()")))


@examples(25)
@given(st.data())
def test_random_graphs_are_sound(data):
    def run(*wires):
        wires = list(wires)
        for _ in range(data.draw(st.integers(1, 10))):
            a, b = (wires[data.draw(st.integers(0, len(wires) - 1))] for _ in range(2))
            choice = data.draw(st.integers(0, 4))
            made = a + b if choice == 0 else a / b if choice == 1 else relu(a) if choice == 2 else \
                g.reduce("sum", "m")(a) if choice == 3 and "m" in a.type.labels else \
                g.opaque("f", "b -> b, b")(a) if "b" in a.type.labels else relu(a)
            wires.extend(made if isinstance(made, tuple) else [made])
        count = data.draw(st.integers(0, 3))
        return tuple(wires[data.draw(st.integers(0, len(wires) - 1))] for _ in range(count))
    check(trace(run, parse_type("b m, m, b")))


def test_pictures_are_the_same_bytes_in_every_process():
    code = ("import hashlib; from tests.unit.draw.pictures import PICTURES;"
            "from ncd.interpret.draw import svg;"
            "print(hashlib.sha256(''.join(svg(*PICTURES[n]) for n in PICTURES).encode()).hexdigest())")
    seen = {subprocess.run([sys.executable, "-c", code], text=True, check=True, cwd=ROOT,
                           capture_output=True, env={**os.environ, "PYTHONHASHSEED": seed}).stdout
            for seed in ("0", "1", "2")}
    assert len(seen) == 1


def test_a_thousand_boxes_are_drawn_flat():
    step = relu.on("x m")
    chain = step.id("x m").then(*[step] * 1000)
    drawing = Drawing(svg(chain))
    assert drawing.texts.count("R") == 1000
    assert len(drawing.wires) == 2          # each axis is one line from end to end


def test_a_thousand_residuals_do_not_drift():
    from ncd.construct.combinators import residual
    step = residual(relu.on("x m"))
    scene = scene_of(step.id("x m").then(*[step] * 1000))
    assert {tuple(ys for _, ys in column.arrays) for column in scene.columns
            if len(column.arrays) == 1} == {((0.0, 20.0),)}
