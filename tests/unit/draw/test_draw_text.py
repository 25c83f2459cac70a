"""The Unicode text, read back: each wire is followed through corners and crossings by a reader of its own."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ncd
from ncd.construct import generators as g
from ncd.construct.notation import cospan, einsum, rearrange
from ncd.interpret.draw import text
from ncd.interpret.draw.formats.route import Step, routed
from ncd.interpret.draw.scene.mathtext import Run, written
from tests.strategies import examples

RIGHT, DOWN, UP, LEFT = (0, 1), (1, 0), (-1, 0), (0, -1)
TURNS = {("╮", RIGHT): [DOWN], ("╯", RIGHT): [UP], ("╰", DOWN): [RIGHT], ("╭", UP): [RIGHT],
         ("┬", RIGHT): [RIGHT, DOWN], ("┴", RIGHT): [RIGHT, UP], ("├", DOWN): [RIGHT, DOWN],
         ("├", UP): [RIGHT, UP], ("┬", UP): [RIGHT], ("┴", DOWN): [RIGHT], ("┼", RIGHT): [RIGHT, UP, DOWN],
         ("┼", UP): [UP, RIGHT], ("┼", DOWN): [DOWN, RIGHT], ("├", RIGHT): [], ("╰", RIGHT): [],
         ("╭", RIGHT): [], ("┤", RIGHT): [UP, DOWN], ("●", RIGHT): [RIGHT]}


def followed(lines: list[str], row: int, column: int) -> set[int]:
    """The rows on the right at which a wire that begins on the left comes out."""
    width, out, seen = max(map(len, lines)), set(), set()
    waiting = [(row, column, RIGHT)]
    while waiting:
        row, column, way = waiting.pop()
        if (row, column, way) in seen:
            continue
        seen.add((row, column, way))
        sign = lines[row][column] if column < len(lines[row]) else " "
        if column >= width - 1 and way == RIGHT:
            out.add(row)
            continue
        if sign == " ":                     # it has ended at a dot
            assert way == RIGHT and re.search("●│*$", lines[row][:column]), "\n".join(lines)
            continue
        for to in TURNS.get((sign, way), [way]):
            waiting.append((row + to[0], column + to[1], to))
    return out


def wires(lines: list[str], column: int) -> list[int]:
    return [n for n, line in enumerate(lines) if line.ljust(column + 1)[column] in "─●┬┴"]


@examples(100)
@given(st.permutations("abcdefg"), st.integers(2, 7))
def test_axes_that_change_places_can_be_followed(letters, count):
    out = [letter for letter in letters if letter in "abcdefg"[:count]]
    lines = text(rearrange(f"{' '.join('abcdefg'[:count])} -> {' '.join(out)}"), width=200).splitlines()
    starts, width = wires(lines, 0), max(map(len, lines))
    ends = wires([line.ljust(width) for line in lines], width - 1)
    assert len(starts) == len(ends) == count
    for letter, row in zip("abcdefg", starts):
        assert followed(lines, row, 0) == {ends[out.index(letter)]}, "\n".join(lines)
    assert "┼" not in "".join(lines)


@examples(60)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=6), st.integers(1, 2))
def test_copies_and_swaps_can_be_followed(chosen, axes):
    """Any function of the outputs to the inputs: joints where a wire is copied, crossings elsewhere."""
    names = ["ab", "cd", "ef", "gh"]
    types = [" ".join(name[:axes]) for name in names]
    made = ncd.diagram(f"{', '.join(types)} -> {', '.join(types[n] for n in chosen)}")(
        lambda *inputs: tuple(inputs[n] for n in chosen) if len(chosen) > 1 else inputs[chosen[0]])
    lines = text(made, width=300).splitlines()
    starts, width = wires(lines, 0), max(map(len, lines))
    ends = wires([line.ljust(width) for line in lines], width - 1)
    assert len(starts) == 4 * axes and len(ends) == len(chosen) * axes, "\n".join(lines)
    for number, row in enumerate(starts):
        wanted = {ends[axes * place + number % axes] for place, n in enumerate(chosen) if n == number // axes}
        assert followed(lines, row, 0) == wanted, "\n".join(lines)


def test_wires_that_change_places_in_a_ring_each_turn_alone():
    """All that reach a row wait for what leaves it; one of a ring rests on a free row."""
    rows = [(0, 2), (2, 4), (4, 0)]
    steps = [Step(0.0, 30.0, above, below, ("b", above), ("e", below)) for above, below in rows]
    routes, needed = routed(steps, {0, 2, 4})
    leaves = {above: route.columns[0] for (above, _), route in zip(rows, routes)}
    for (_, below), route in zip(rows, routes):
        assert route.columns[-1] > leaves[below]
    assert needed[30.0] == 1 + max(route.columns[-1] for route in routes)


@pytest.mark.parametrize("runs, shown", [
    ((Run("×"), Run("k"), Run("−1/2", level=1)), "×k^(−1/2)"),
    ((Run("2"), Run("1/2", level=1), Run("t"), Run("1/2", level=1)), "2^(1/2)·t^(1/2)"),
    ((Run("10"), Run("−5", level=1)), "10⁻⁵"), ((Run("x"), Run("12", level=-1)), "x₁₂"),
    ((Run("L"), Run("Q", level=1), Run("+", level=-1)), "L^Q₊"),
    ((Run("W"), Run("a b", level=1)), "W^(a b)")])
def test_what_is_raised_is_said_to_be(runs, shown):
    assert written(runs) == shown


def test_scales_in_a_text():
    scaled = ncd.diagram("x -> x")(lambda x: x * ncd.size("t") ** 0.5 * 2 ** 0.5 * ncd.size("k") ** -0.5)
    assert "21/2" not in text(scaled, width=200)
    assert "×k^(−1/2)" in text(ncd.zoo.scaled_attention(), 1, width=200)
    assert "×2^(1/2)·t^(1/2)" in text(ncd.zoo.encoder_decoder_transformer(), width=300)


# -- numbers that act on arrays -------------------------------------------------------------
@pytest.mark.parametrize("diagram", [
    einsum("(), a b -> a b"), einsum("a b, () -> a b"), einsum("(), (), a -> a"), einsum("(), () -> "),
    cospan("() -> a b"), rearrange("() -> a"), einsum("i, i, i -> "), cospan("(), i i -> "),
    ncd.diagram("x m, () -> x m")(lambda x, s: x * s), ncd.diagram("(), x -> x")(lambda s, x: s - x),
    ncd.nn.softmax("x").op.definition(), g.index(x=2, y=1).on("y x")])
def test_no_wire_that_is_used_ends_in_a_dot(diagram):
    """A dot at which a wire ends, and no other goes on, says that the array is discarded."""
    from ncd.interpret.draw import scene_of
    from ncd.interpret.draw.scene.scene import Shape, Wire
    scene = scene_of(diagram)
    lines = [item for item in scene.elements if isinstance(item, Wire) and not item.straight]
    for dot in scene.elements:
        if isinstance(dot, Shape) and dot.radius:
            (x, y), = dot.points
            reach = dot.radius + 0.1
            goes_on = any(line.points[0][0] - reach <= x < line.points[-1][0] and any(
                abs(b - y) < 0.1 and a - reach <= x <= c for (a, b), (c, _) in pairwise(line.points))
                for line in lines)
            assert goes_on, (x, y)


def test_the_index_points_with_the_wire():
    from ncd.interpret.draw import scene_of
    scene = scene_of(g.index(x=2).on("y x"))
    (pentagon,) = [item for item in scene.elements if getattr(item, "points", None) and len(item.points) == 5]
    xs = [x for x, _ in pentagon.points]
    assert xs.count(max(xs)) == 1 and xs.count(min(xs)) == 2
