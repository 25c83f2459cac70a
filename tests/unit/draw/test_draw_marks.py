"""Which mark each operation has, and what depth opens."""

from __future__ import annotations

from itertools import pairwise

import pytest

from ncd import nn
from ncd.construct import generators as g
from ncd.construct.derived import unit
from ncd.construct.notation import einsum, rearrange, reindex
from ncd.construct.trace import trace
from ncd.core.array import Array
from ncd.core.axis import Axis
from ncd.core.category import Diagram, Ty
from ncd.core.signature import parse_type
from ncd.interpret.draw import scene_of, svg
from ncd.interpret.draw.scene.mathtext import BOLD, plain
from ncd.interpret.draw.scene.metrics import BUNDLE, DOT, INDEX, LEARNED, SOURCE, STAR
from ncd.interpret.draw.scene.palette import HUES, faces
from ncd.interpret.draw.scene.scene import REGION, Arc, Shape, Text, Wire
from ncd.ops.multilinear import Einsum
from tests.unit.draw.pictures import (
    PICTURES,
    attention,
    linear,
    multi_head,
    relu,
    residual,
    with_parameters,
)

SIDES = {faces(role)[2] for role in HUES}


def shapes(scene, *fills: str) -> list[Shape]:
    return [item for item in scene.elements if isinstance(item, Shape) and item.fill in fills]


def dots(scene) -> list[tuple[float, float]]:
    return [item.points[0] for item in scene.elements
            if isinstance(item, Shape) and item.radius == DOT and item.stroke == "none"]


def cups(scene) -> list[Arc]:
    return [item for item in scene.elements if isinstance(item, Arc)]


def texts(scene) -> list[str]:
    return [plain(item.runs) for item in scene.elements if isinstance(item, Text)]


def triangles(scene) -> list[Shape]:
    return [item for item in scene.elements if isinstance(item, Shape) and len(item.points) == 3]


@pytest.mark.parametrize("pattern, contractions, merges", [
    ("i j, j k -> i k", 1, 0), ("y k, x k -> y x", 1, 0), ("h y k, h x k -> h y x", 1, 1),
    ("y x, x v -> y v", 1, 0), ("a i j, i j b -> a b", 2, 0), ("a, b -> a b", 0, 0),
    ("b a, b a -> b a", 0, 2), ("i i -> ", 1, 0), ("i i -> i", 0, 1), ("a i, b i, c i -> a b c", 0, 1)])
def test_an_einsum_is_cups_and_dots(pattern, contractions, merges):
    scene = scene_of(einsum(pattern))
    assert len(cups(scene)) == contractions
    assert len(dots(scene)) == merges


def test_a_cup_joins_the_wires_of_the_contracted_letter():
    scene = scene_of(einsum("y k, x k -> y x"))
    (cup,) = cups(scene)
    assert cup.reach == (cup.bottom - cup.top) / 2           # a true semicircle, closed on the right
    ends = sorted(item.points[-1] for item in scene.elements
                  if isinstance(item, Wire) and item.kind == "wire" and item.points[-1][0] == cup.x)
    assert ends == [(cup.x, cup.top), (cup.x, cup.bottom)]


def test_attention_has_two_cups_and_a_triangle_on_its_own_axis():
    scene = scene_of(attention)
    assert len(cups(scene)) == 2 and len(triangles(scene)) == 1
    ((tip, top, bottom),) = (shape.points for shape in triangles(scene))
    assert top[1] < tip[1] < bottom[1]
    lifted = next(item for item in scene.elements if isinstance(item, Wire) and item.points[0] == (0.0, 0.0))
    assert lifted.points == ((0.0, 0.0), (scene.width, 0.0))     # y goes straight by everything
    assert "×k−1/2" in texts(scene)


def test_an_elementwise_operation_stands_above_whole_wires():
    scene = scene_of(relu.on("x m"))
    assert "R" in texts(scene)
    assert sum(isinstance(item, Wire) for item in scene.elements) == 2
    name = next(item for item in scene.elements if isinstance(item, Text) and plain(item.runs) == "R")
    assert name.y < 0 and len(shapes(scene, "#111111")) == 2     # two arrow heads


def test_a_sum_merges_every_axis_at_a_dot():
    scene = scene_of(g.elementwise("add").on("x m, x m"))
    assert len(dots(scene)) == 2 and "+" in texts(scene)


@pytest.mark.parametrize("made, changed", [
    (lambda a, b: b + a, False), (lambda a, b: einsum("m, x -> x m")(b, a), False),
    (lambda a, b: b - a, True), (lambda a, b: g.opaque("f", "m, x -> x")(b, a), True)])
def test_inputs_change_places_only_where_their_order_matters(made, changed):
    scene = scene_of(trace(made, parse_type("x, m")))
    (upper,) = (item for item in scene.elements if isinstance(item, Wire) and item.points[0] == (0.0, 0.0))
    assert any(y > 20 for _, y in upper.points) == changed


def through(scene, y: float) -> set[float]:
    """The heights of the wire that begins at the left edge at a height."""
    (wire,) = (item for item in scene.elements if isinstance(item, Wire) and item.points[0] == (0.0, y)
               and item.kind == "wire")
    return {height for _, height in wire.points}


def test_an_array_that_is_read_often_does_not_drift():
    def decoder(y, memory):
        for _ in range(5):
            y = einsum("a b, b m -> a m")(einsum("a m, b m -> a b")(y, memory), memory)
        return y, memory
    scene = scene_of(trace(decoder, parse_type("a m, b m")))
    heights = [ys[0] for column in scene.columns[1:-3] for array, ys in column.arrays[-1:]]
    assert len(heights) > 10 and len(set(heights)) == 1


def test_what_is_met_again_as_the_first_or_the_widest_goes_straight():
    for step in (lambda x: x - g.reduce("sum", "m")(x), lambda x: x * relu(g.reduce("sum", "m")(x))):
        scene = scene_of(trace(step, parse_type("x m")))
        assert through(scene, 0.0) == {0.0} and through(scene, 20.0) == {20.0}


def test_a_cup_of_distant_wires_is_not_tall():
    assert [cup.bottom - cup.top for cup in cups(scene_of(multi_head))] == [BUNDLE, BUNDLE]


def test_copies_branch_at_a_dot_on_each_axis():
    scene = scene_of(attention.copy(attention.cod, 3))
    xs = {x for x, _ in dots(scene)}
    assert len(dots(scene)) == 2 and len(xs) == 1
    branches = [item for item in scene.elements if isinstance(item, Wire) and item.points[0][0] in xs]
    assert len(branches) == 4


def test_an_array_that_is_not_used_ends_at_a_dot():
    scene = scene_of(attention.discard(attention.cod))
    assert len(dots(scene)) == 2


def test_learned_operations_are_bold_with_their_place():
    scene = scene_of(multi_head)
    assert len(shapes(scene, LEARNED)) == 4
    bold = {plain(item.runs) for item in scene.elements if isinstance(item, Text)
            and item.runs[0].style == BOLD}
    assert bold == {"LQ", "LK", "LV", "LO"}
    assert "L+" in texts(scene_of(linear("a -> b")))


def test_parameters_are_bold_sources():
    scene = scene_of(with_parameters)
    assert len(shapes(scene, SOURCE)) == 2
    assert {"weight", "bias"} <= set(texts(scene))


def test_reductions_and_views_end_wires():
    assert "Σ" in texts(scene_of(g.reduce("sum", "x").on("x m")))
    assert "max" in texts(scene_of(g.reduce("max", "x")))
    bars = shapes(scene_of(rearrange("x y -> f=(x y)")), "#111111")
    assert len(bars) == 1 and bars[0].bounds()[3] - bars[0].bounds()[1] > 30


def test_a_transposition_crosses_and_a_renaming_only_changes_the_label():
    crossing = scene_of(reindex("k x -> x k"))
    assert all(len({y for _, y in item.points}) == 2 for item in crossing.elements if isinstance(item, Wire))
    renamed = scene_of(reindex("x m -> y=x m", x="y"))
    assert all(len(item.points) == 2 for item in renamed.elements if isinstance(item, Wire))
    assert {"x", "y=x"} <= set(texts(renamed))


def test_indices_and_windows():
    assert len(shapes(scene_of(g.index(x=2)), INDEX)) == 1       # a number is left
    assert len(shapes(scene_of(g.index(x=2).on("x m")), INDEX)) == 1
    assert len(shapes(scene_of(g.window("x", "j=3", stride=2)), STAR)) == 1


def test_any_other_operation_is_a_box_with_its_name():
    for name in ("mystery", "opaque"):
        scene = scene_of(PICTURES[name][0])
        assert {"mystery", "my op"} & set(texts(scene))
        boxes = [shape for shape in shapes(scene, "#ffffff") if len(shape.points) == 4]
        assert len(boxes) == 1
    lifted = next(item for item in scene.elements if isinstance(item, Wire))
    assert lifted.points[0][0] == 0.0


def test_sizes_are_shown_where_they_are_not_the_labels_own():
    shown = texts(scene_of(g.window("x", "j=3", stride=2, padding=1).on("b x")))
    assert {"b", "x", "x=⌊(x+1)/2⌋", "j=3"} <= set(shown)


def test_kinds_of_numbers_are_shown():
    assert "e : index(n)" in texts(scene_of(g.gather("n").on("n f, e : index(n)")))


def test_separators_stand_between_arrays():
    scene = scene_of(attention.id(attention.dom))
    dashes = [item for item in scene.elements if isinstance(item, Wire) and item.kind == "dash"]
    assert [dash.points for dash in dashes] == [((0.0, y), (scene.width, y)) for y in (38.0, 96.0)]


# -- blocks, depth and repetition ---------------------------------------------------
def regions(scene) -> list[Shape]:
    return [item for item in scene.elements if isinstance(item, Shape) and item.layer == REGION]


def test_a_block_is_closed_or_opened_by_depth():
    closed, opened = scene_of(residual), scene_of(residual, 1)
    assert len(shapes(closed, *SIDES)) == 1 and not regions(closed)
    assert not shapes(opened, *SIDES) and len(regions(opened)) == 1
    assert "two layer residual MLP" in texts(opened) and "L+" in texts(opened)
    assert "L+" not in texts(closed)


def test_each_depth_opens_one_more_level():
    nested = residual.block("middle").block("outer")
    for depth in range(4):
        scene = scene_of(nested, depth)
        assert len(regions(scene)) == depth
        assert len(shapes(scene, *SIDES)) == (1 if depth < 3 else 0)
    (outer, *inside) = [region.bounds() for region in regions(scene)]
    for box in inside:
        assert outer[0] <= box[0] and outer[1] <= box[1] and box[2] <= outer[2] and box[3] <= outer[3]


def test_an_opened_region_holds_all_that_is_in_it():
    scene = scene_of(residual, 1)
    left, top, right, bottom = regions(scene)[0].bounds()
    for item in scene.elements:
        if isinstance(item, Shape) and item.layer != REGION:
            box = item.bounds()
            assert left <= box[0] and box[2] <= right and top <= box[1] and box[3] <= bottom


def test_a_repetition_stands_in_parentheses():
    scene = scene_of(residual.repeat("N"))
    left, right = cups(scene)
    assert left.reach < 0 < right.reach and {"λ=1", "N"} <= set(texts(scene))
    assert "two layer residual MLP" not in texts(scene) and len(shapes(scene, *SIDES)) == 1
    assert len(regions(scene_of(residual.repeat("N"), 1))) == 1


def test_a_scan_shows_its_axis_outside_and_its_steps_inside():
    scene = scene_of(PICTURES["scan"][0])
    left, _ = cups(scene)
    ends = [item.points[-1][0] for item in scene.elements
            if isinstance(item, Wire) and item.points[0] == (0.0, BUNDLE)]
    assert ends == [pytest.approx(left.x + left.reach)]           # the scanned axis ends at the parenthesis
    assert texts(scene).count("t") == 3            # at the input, at the output and below
    ys = sorted({item.points[-1][1] for item in scene.elements if isinstance(item, Wire)
                 and item.kind == "wire" and item.points[-1][0] == left.x + left.reach})
    assert len(ys) == 3 and min(b - a for a, b in pairwise(ys)) >= 20


def test_hundreds_of_nested_blocks_are_no_recursion():
    deep = residual
    for level in range(300):
        deep = deep.block(f"level {level}")
        hash(deep)      # equality of nested blocks is found from the inside out
    assert svg(deep, 300).count("level") > 30


def test_a_unit_is_a_semicircle_that_both_wires_begin_at():
    scene = scene_of(unit("i", "j"))
    (arc,) = cups(scene)
    begins = sorted(item.points[0] for item in scene.elements if isinstance(item, Wire))
    assert arc.reach < 0 and begins == [(arc.x, arc.top), (arc.x, arc.bottom)]
    snake = Diagram.id(Ty("b")) @ unit("b", "d") >> einsum("b, b d=b -> d=b")
    assert sorted(item.reach > 0 for item in cups(scene_of(snake))) == [False, True]


def test_three_axes_of_a_unit_begin_at_one_dot():
    axes = Axis("i"), Axis("j", "i"), Axis("k", "i")
    scene = scene_of(Einsum((), (), Array(axes), (0, 0, 0)).diagram)
    (place,) = dots(scene)
    assert sum(item.points[0] == place for item in scene.elements if isinstance(item, Wire)) == 3


def test_a_name_of_several_words_is_read_as_words():
    scene = scene_of(nn.leaky_relu(0.2).on("x") >> nn.gelu_tanh.on("x"))
    shown = [plain(item.runs) for item in scene.elements if isinstance(item, Text)]
    assert "leaky relu\u20091/5" in shown and "gelu tanh" in shown


def test_parameters_of_one_long_place_are_told_apart():
    scene = scene_of(nn.self_attention("x m").block("decoder_block").reverse().backward)
    shown = {plain(item.runs) for item in scene.elements if isinstance(item, Text)}
    assert {f"…/{name}/weight" for name in "QKVO"} <= shown


def test_the_slope_of_a_power_is_a_formula():
    scene = scene_of((nn.tanh.on("x") >> trace(lambda x: x ** 3, parse_type("x"))).reverse().backward)
    shown = {plain(item.runs) for item in scene.elements if isinstance(item, Text)}
    assert "(·3)′" in shown and not any("[" in text for text in shown)
