"""The options of a picture: rows, names, legends, fences, memory, double wires, marks of one's own, links."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from itertools import pairwise

import pytest

import ncd
from ncd import nn
from ncd.command.main import main
from ncd.construct import Glyph, opaque
from ncd.errors import ArityError, NcdError
from ncd.interpret.draw import scene_of
from ncd.interpret.draw.layout import rows as wrap
from ncd.interpret.draw.layout.layers import levels
from ncd.interpret.draw.layout.named_memory import Load, Save, remembered
from ncd.interpret.draw.marks.role import Roles
from ncd.interpret.draw.scene.mathtext import plain
from ncd.interpret.draw.scene.metrics import MEMORY
from ncd.interpret.draw.scene.palette import HUES, LINKS, faces, region
from ncd.interpret.draw.scene.scene import REGION, Arc, Shape, Text, Wire
from ncd.interpret.draw.scene.style import Style
from ncd.ops.control import Block
from ncd.zoo.translation import decoder_layer
from tests.unit.draw.pictures import attention, residual

unet = ncd.zoo.identity_resnet_block()


def chain(count: int):
    made = nn.linear("m -> m", name="w0")
    for number in range(1, count):
        made = made >> nn.relu >> nn.linear("m -> m", name=f"w{number}")
    return made.lift("x")


def texts(scene) -> list[str]:
    return [plain(item.runs) for item in scene.elements if isinstance(item, Text)]


def wires(scene, kind: str) -> list[Wire]:
    return [item for item in scene.elements if isinstance(item, Wire) and item.kind == kind]


# -- rows ----------------------------------------------------------------------------------
@pytest.mark.parametrize("count", [2, 5, 12])
def test_rows_are_no_wider_than_asked_and_lose_nothing(count):
    one, rows = scene_of(chain(count)), scene_of(chain(count), style=Style(width=400))
    left, _, right, _ = rows.bounds()
    assert right - left <= 400 and (one.bounds()[2] > 400) == (count > 2)
    marks = [item for item in one.elements if isinstance(item, Shape)]
    tails = wires(rows, "tail")
    assert len([item for item in rows.elements if isinstance(item, Shape)]) == len(marks) + len(tails)
    length = sum(b[0] - a[0] for item in wires(one, "wire") for a, b in pairwise(item.points))
    kept = sum(b[0] - a[0] for item in wires(rows, "wire") if item.about is not None
               for a, b in pairwise(item.points))
    assert kept >= length - 1e-6               # what was cut goes on; labels take more room


def test_tails_leave_a_row_and_enter_the_next_at_each_wire():
    rows = scene_of(chain(6), style=Style(width=400))
    tails = wires(rows, "tail")
    leaving = [item for item in tails if item.points[1][1] > item.points[0][1] and item.points[0][0] > 100]
    entering = [item for item in tails if item.points[0][0] < 40]
    assert len(leaving) == len(entering) > 0 and len(leaving) % 2 == 0
    labels = [t for t in texts(rows) if t == "x"]
    assert len(labels) >= len(entering) // 2 + 1


def test_a_block_that_is_all_is_wrapped_when_it_is_open():
    scene = scene_of(residual, 1, style=Style(width=200))
    assert "two layer residual MLP" in texts(scene) and wires(scene, "tail")
    assert not [item for item in scene.elements if item.layer == REGION]


def test_a_picture_that_fits_has_one_row():
    assert scene_of(attention, style=Style(width=3000)).elements == scene_of(attention).elements


# -- names, fences, legend -----------------------------------------------------------------
def test_names_stand_before_the_middle_of_their_wires():
    scene = scene_of(attention, style=Style(names="Q K V"))
    shown = {plain(item.runs): item for item in scene.elements if isinstance(item, Text)}
    for name, (_, ys) in zip("QKV", scene.columns[0].arrays):
        _, top, right, bottom = shown[name].bounds()
        assert right <= 0 and top < (ys[0] + ys[-1]) / 2 < bottom


def test_too_many_names_are_an_error():
    with pytest.raises(ArityError, match="4 names for 3 inputs"):
        attention.draw(names="a b c d")


def test_a_fence_stands_at_each_column():
    scene = scene_of(attention, style=Style(fences=True))
    assert [item.points[0][0] for item in wires(scene, "fence")] == [c.right for c in scene.columns[:-1]]


def test_a_legend_has_the_sizes_that_wires_do_not_show():
    shown = texts(scene_of(ncd.zoo.mlp_recogniser(), style=Style(legend=True)))
    assert {"Legend", "p = 784", "d = 512", "k = 10"} <= set(shown)
    assert not [text for text in shown if "=" in text and " = " not in text]
    more = texts(scene_of(attention, style=Style(legend={"n_b": "n_1/4", "N": "words of all kinds"})))
    assert {"nb = (1/4)n1", "N = words of all kinds"} <= set(more), more


def test_a_label_with_several_sizes_has_them_all_in_the_legend():
    d = ncd.rearrange("x=4 -> x=4") >> nn.mean_pool("x", kernel=2)
    shown = texts(scene_of(d, style=Style(legend=True)))
    assert any(text.startswith("x = ") and "4" in text and "2" in text for text in shown)


# -- memory ---------------------------------------------------------------------------------
@ncd.diagram("m -> m")
def skip(x):
    y = x
    for number in range(6):
        y = nn.linear("m -> m", name=f"w{number}")(y)
    return x + y


def test_what_passes_many_columns_is_saved_and_loaded():
    graph = remembered(skip.graph, 3)
    kinds = [type(op) for op in graph.ops]
    assert kinds.count(Save) == kinds.count(Load) == 1
    scene = scene_of(skip, style=Style(memory=3))
    assert {"→ C1", "C1 →"} <= set(texts(scene))
    assert len([item for item in scene.elements if isinstance(item, Shape) and item.fill == MEMORY]) == 2


@pytest.mark.parametrize("most", [0, 1, 2, 3, 5])
def test_no_wire_passes_more_columns_than_asked(most):
    graph = remembered(skip.graph, most)
    level = levels(graph)
    for node, args in enumerate(graph.args):
        for wire in args:
            producer = graph.producer[wire]
            uses = sorted({level[n] for n, others in enumerate(graph.args) if wire in others})
            start = -1 if producer < 0 else level[producer]
            assert all(b - a <= most + 1 for a, b in pairwise([start, *uses])), (node, wire)


def test_a_graph_without_long_wires_is_not_changed():
    assert remembered(attention.graph, 50) is attention.graph


# -- double wires ----------------------------------------------------------------------------
def test_axes_that_go_together_are_one_double_wire():
    plain_scene, scene = scene_of(unet, 1), scene_of(unet, 1, style=Style(multi={"x": "x y"}))
    assert len(scene.columns[0].arrays[0][1]) == len(plain_scene.columns[0].arrays[0][1]) - 1
    assert wires(scene, "double") and not wires(plain_scene, "double")
    assert "y" not in texts(scene) and "x" in texts(scene)


def test_a_double_wire_is_two_lines_and_its_cup_two_arcs():
    d = ncd.einsum("h w c, h w -> c")
    scene = scene_of(d, style=Style(multi={"x": "h w"}))
    (cup,) = [item for item in scene.elements if isinstance(item, Arc)]
    assert cup.double and len(cup.lines) == 2
    assert all(len(item.lines) == 2 for item in wires(scene, "double"))


@pytest.mark.parametrize(("signature", "labels"), [
    ("h=28 w=28 c", "x=282"), ("h w=w c", "x"), ("h=a w=b c", "x=a×b"), ("h=h//2 w=w//2 c", "x=⌊x/2⌋")])
def test_the_label_of_a_double_wire_says_the_sizes(signature, labels):
    assert labels in texts(scene_of(nn.relu.on(signature), style=Style(multi={"x": "h w"})))


def test_axes_that_are_taken_apart_cannot_be_one_wire():
    with pytest.raises(NcdError, match="cannot draw x as one double wire"):
        nn.softmax("h").on("h w").draw(multi={"x": "h w"})


@pytest.mark.parametrize("name", sorted(ncd.zoo.ZOO))
def test_every_model_has_all_options(name):
    made = ncd.load(name)
    svg = made.draw(depth=1, width=500, fences=True, legend=True, memory=4, theme="dark")
    assert ElementTree.fromstring(svg).tag.endswith("svg")


# -- a mark of one's own ---------------------------------------------------------------------
def test_an_operation_brings_its_mark():
    d = opaque("fft", "x -> f", glyph=Glyph("hexagon", "F", fill="#ffd797")).lift("n")
    shapes = [item for item in scene_of(d).elements if isinstance(item, Shape) and item.fill == "#ffd797"]
    assert len(shapes) == 1 and len(shapes[0].points) == 6 and "F" in texts(scene_of(d))
    again = ncd.from_json(d.to_json())
    assert again.draw() == d.draw() and again == opaque("fft", "x -> f").lift("n")


@pytest.mark.parametrize(("fields", "message"), [
    ({"outline": "x"}, "no outline 'x'"), ({"outline": ((0, 0), (1, 1))}, "three pairs"),
    ({"outline": ((0, 0), (1, 2), (0, 1))}, "unit square"), ({"fill": "red"}, "no fill 'red'"),
    ({"fill": '#ffffff" onload="x'}, "no fill"), ({"style": "x"}, "no style"), ({"width": -1}, "wide"),
    ({"lines": (((0, 0),),)}, "a line of a mark"), ({"text": 3}, "the text of a mark")])
def test_a_mark_that_cannot_be(fields, message):
    with pytest.raises(NcdError, match=message):
        Glyph(**fields)


# -- roles -----------------------------------------------------------------------------------
def test_blocks_have_the_colours_of_their_roles():
    found = {}
    for name in ("multi_head_attention", "pre_norm_block", "residual_mlp", "identity_resnet_block"):
        for op in getattr(ncd.zoo, name)().graph.ops:
            if isinstance(op, Block):
                found[name] = Roles().of(op)
    assert found == {"multi_head_attention": "attention", "pre_norm_block": "whole",
                     "residual_mlp": "feed-forward", "identity_resnet_block": "convolution"}


def test_colours_are_light_and_each_has_a_dark_one():
    from ncd.interpret.draw.scene.metrics import THEMES

    def light(colour):
        return sum(int(colour[n:n + 2], 16) * w for n, w in ((1, 0.2126), (3, 0.7152), (5, 0.0722)))
    for role in HUES:
        for colour in (region(role, 0), region(role, 1), *faces(role)[:2]):
            assert light(colour) > 180 and light(THEMES["dark"][colour]) < 90


# -- links -----------------------------------------------------------------------------------
def test_one_colour_links_a_term_and_a_region():
    core = attention.graph.ops
    made = ncd.equation("O = SoftMax(QK^{T})V", attention, links={"SoftMax": "softmax", "QK^{T}": core[0]})
    shades = [item.fill for item in made.scene().elements if isinstance(item, Shape) and item.layer == REGION]
    assert sorted(shades) == sorted(2 * LINKS[:2])
    code = ncd.equation("a = softmax(b)\nreturn a", attention, signs=[""], links={"softmax(b)": "softmax"})
    assert len([i for i in code.scene().elements if isinstance(i, Shape) and i.fill == LINKS[0]]) == 2
    assert ElementTree.fromstring(made.draw()).tag.endswith("svg")


@pytest.mark.parametrize(("sides", "options", "message"), [
    (("a = b", "c"), {}, "one a diagram"), (("f", attention), {"links": {"g": "softmax"}}, "links nothing"),
    (("f", attention), {"links": {"f": "nothing"}}, "links nothing"),
    (("f", attention), {"links": {"f": 3}}, "the link 'f': 3"), (("f", attention), {"links": 3}, "links=3")])
def test_links_that_cannot_be(sides, options, message):
    with pytest.raises(NcdError, match=message):
        ncd.equation(*sides, **options)


# -- what is refused, and the command line ----------------------------------------------------
@pytest.mark.parametrize(("options", "message"), [
    ({"colour": 1}, "no option 'colour'"), ({"width": 3}, "width=3"), ({"width": True}, "width=True"),
    ({"memory": -1}, "memory=-1"), ({"multi": "x y"}, "multi='x y'"),
    ({"multi": {"x": "h"}}, "multi-axis 'x'"),
    ({"multi": {"x": "h w", "y": "w c"}}, "multi-axis 'y'"), ({"depth": -1}, "depth=-1"),
    ({"theme": "red"}, "no theme")])
def test_options_that_cannot_be(options, message):
    with pytest.raises(NcdError, match=message):
        attention.draw(**options)


def test_the_command_line_takes_the_options(tmp_path, capsys):
    target = tmp_path / "a.svg"
    assert main(["show", "identity_resnet_block", "-o", str(target), "--width", "600", "--multi", "x=x,y",
                 "--legend", "--fences", "--memory", "9", "--theme", "dark"]) == 0
    text = target.read_text(encoding="utf-8")
    assert all(f'class="{kind}"' in text for kind in ("double", "tail", "fence")) and "Legend" in text
    for wrong in (["--multi", "x"], ["--width", "1"]):
        assert main(["show", "gru", "-o", str(tmp_path / "b.svg"), *wrong]) != 0
        assert not (tmp_path / "b.svg").exists()
    assert main(["show", "gru", "--fences"]) != 0
    assert "without a picture" in capsys.readouterr().err


def test_texts_as_paths_look_the_same_everywhere(monkeypatch):
    pytest.importorskip("matplotlib", reason="matplotlib, an extra, makes the outlines")
    made = attention.draw(text_as_paths=True)
    root = ElementTree.fromstring(made)
    outlined = [item for item in root.iter() if item.get("class") == "text"]
    assert "<text" not in made and made == attention.draw(text_as_paths=True)
    assert len(outlined) == attention.draw().count("<text ") and outlined[0].get("aria-label") == "y"
    assert all(set(item.get("d")) <= set("MLQCZ0123456789.- ") for item in outlined)
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    with pytest.raises(NcdError, match=r"ncd\[picture\]"):
        attention.draw(text_as_paths=True)


@pytest.mark.parametrize(("model", "depth"), [(decoder_layer(0.1), 1), (ncd.load("pre_norm_block"), 2)])
def test_a_row_has_no_high_empty_band(model, depth):
    """What kept two arrays apart may stand in another row. A wire on its way up or down fills no band."""
    scene = scene_of(model, depth, style=Style(width=900.0))
    bands = [item.bounds()[1::2] for item in scene.elements
             if not isinstance(item, Wire) or item.kind == "tail"]
    bands += [(y, y) for item in scene.elements if isinstance(item, Wire)
              for (_, y), (_, after) in pairwise(item.points) if y == after]
    rows, below = 1, float("-inf")
    for top, bottom in sorted(bands):
        if below > float("-inf"):
            assert top - below <= max(wrap.BETWEEN, wrap.EMPTY) + 1e-6
            rows += top - below > wrap.EMPTY + 1e-6
        below = max(below, bottom)
    assert rows > 2


def test_a_label_stands_clear_of_both_lines_of_a_double_wire():
    scene = scene_of(nn.relu.on("h w c"), style=Style(multi={"x": "h w"}))
    double, single = (next(item for item in scene.elements if isinstance(item, Wire) and item.kind == kind)
                      for kind in ("double", "wire"))
    feet = {plain(item.runs): item.y for item in scene.elements if isinstance(item, Text)}
    assert double.lines[0][0][1] - feet["x"] > 3.5 and single.points[0][1] - feet["c"] > 3.5


# -- themes, widths and claims, in every format ----------------------------------------------
LAYERS = ncd.zoo.pre_norm_block()


def written_to(model, tmp_path, suffix: str, **options) -> bytes:
    model.draw(tmp_path / f"a{suffix}", **options)
    return (tmp_path / f"a{suffix}").read_bytes()


@pytest.mark.parametrize("suffix", [".svg", ".html", ".tex", ".png", ".pdf"])
def test_a_theme_is_seen_in_every_format(suffix, tmp_path):
    if suffix in (".png", ".pdf"):
        pytest.importorskip("matplotlib", reason="the renderer is not installed")
    light, dark = (written_to(LAYERS, tmp_path, suffix, theme=theme) for theme in ("light", "dark"))
    assert light != dark and light == written_to(LAYERS, tmp_path, suffix)
    if suffix == ".png":
        from matplotlib.image import imread
        image = imread(tmp_path / "a.png")
        assert image[0, 0, :3].max() > 0.9
        written_to(LAYERS, tmp_path, suffix, theme="dark")
        image = imread(tmp_path / "a.png")
        assert image[0, 0, :3].max() < 0.2 and image[..., :3].max() > 0.8
    if suffix == ".tex":
        assert rb"\pagecolor" in dark and b"{FFFFFF}" not in dark and b"{111111}" not in dark


def test_what_a_format_cannot_do_is_refused(tmp_path):
    with pytest.raises(ncd.NcdError, match="a text has no colours"):
        LAYERS.draw(tmp_path / "a.txt", theme="dark")
    for suffix in (".txt", ".tex", ".html"):
        with pytest.raises(ncd.NcdError, match="no texts as outlines"):
            LAYERS.draw(tmp_path / f"a{suffix}", text_as_paths=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("depth", [0, 1, 3])
@pytest.mark.parametrize("width", [120, 400, 900])
@pytest.mark.parametrize("name", ["pre_norm_block", "unet", "encoder_decoder_transformer", "equation"])
def test_a_picture_is_no_wider_than_asked(name, width, depth):
    """Margins, legends and titles too; what cannot be cut is shown smaller."""
    model = ncd.equation(LAYERS, LAYERS) if name == "equation" else ncd.zoo.ZOO[name]()
    for more in ({}, {"legend": True, "names": "Q"}):
        root = ElementTree.fromstring(model.draw(width=width, depth=depth, **more))
        shown, tall = float(root.get("width")), float(root.get("height"))
        _, _, wide, high = map(float, root.get("viewBox").split())
        assert shown <= width + 0.01 and shown / wide == pytest.approx(tall / high, rel=1e-2)
        if width == 900 and name != "equation":
            assert shown == pytest.approx(wide)         # these need no shrinking


def test_rendered_pictures_are_no_wider_than_asked(tmp_path):
    pytest.importorskip("matplotlib", reason="the renderer is not installed")
    from matplotlib.image import imread
    for width in (150, 500):
        written_to(LAYERS, tmp_path, ".png", depth=1, width=width)
        assert imread(tmp_path / "a.png").shape[1] <= 2 * width + 1
    assert b"transform shape" in written_to(LAYERS, tmp_path, ".tex", width=150)
    assert b"transform shape" not in written_to(LAYERS, tmp_path, ".tex", width=900)


relu, tanh = nn.relu.on("x"), nn.tanh.on("x")


@pytest.mark.parametrize("left, right, known", [
    (relu, tanh, False), (relu, relu, True), (relu >> ncd.Diagram.id(ncd.Ty("x")), relu, True),
    (relu.block("f"), relu, True), (relu.block("f").block("g") >> tanh, relu >> tanh, True),
    (relu.block("f"), tanh, False), (relu >> tanh, tanh >> relu, False), (relu, "relu(x)", False),
    (ncd.Diagram.copy(ncd.Ty("x")) >> ncd.Diagram.discard(ncd.Ty("x")) @ relu, relu, True),
    (nn.linear("x -> x", name="a"), nn.linear("x -> x", name="b"), False)])
def test_what_is_not_known_to_be_equal_is_claimed(left, right, known):
    made = ncd.equation(left, right)
    assert ("claimed" in made.draw()) == ("claimed" in str(made)) == (not known)
    assert made.claimed == (not known,)
    assert "claimed" not in ncd.equation(left, right, signs="↦").draw()
