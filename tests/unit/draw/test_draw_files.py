"""Files, formats and hostile texts."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ncd.construct import generators as g
from ncd.errors import NcdError, OutputError
from ncd.interpret.draw import draw, svg
from ncd.interpret.draw.formats.svg import number, write
from ncd.interpret.draw.scene.mathtext import axis_runs, plain, size_runs
from ncd.interpret.draw.scene.scene import Scene
from tests.strategies import examples
from tests.unit.draw.pictures import PICTURES, Drawing, attention, relu, residual

HOSTILE = ["<script>alert(1)</script>", "a&b", 'say "hi" & \'bye\'', "]]>", "a\x00b\x0bc", "\ud800", "\ufffe",
           "x" * 5000, "\u202eevil", "<!--", "line\nbreak", "", " ", "é🙂漢字"]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("depth", [0, 1])
def test_hostile_titles_are_escaped(text, depth):
    step = g.opaque(text, "x -> x") >> g.opaque(text, "x -> x")
    picture = svg(step.block(text) >> step.repeat(3), depth)
    Drawing(picture)                                       # parses
    assert "<script" not in picture and "<!--" not in picture
    assert all(ord(c) >= 32 or c == "\n" for c in picture)
    picture.encode("utf-8")


def test_the_title_of_the_page_is_escaped():
    title = "</title><script>\"'&"
    root = ElementTree.fromstring(write(Scene(), title))
    assert root.find("{http://www.w3.org/2000/svg}title").text == title == root.get("aria-label")


@examples(40)
@given(st.text(max_size=30))
def test_any_title_makes_a_valid_file(text):
    drawing = Drawing(svg(g.opaque(text, "x -> x") >> g.opaque(text, "x -> x").block(text), 1))
    assert drawing.root.tag == "{http://www.w3.org/2000/svg}svg"


def test_labels_with_primes_marks_and_subscripts():
    picture = Drawing(svg(relu.on("x' d_ff x\u0304 α")))
    assert {"x'", "dff", "x\u0304", "α"} <= set(picture.texts)


@pytest.mark.parametrize("name", PICTURES)
def test_the_page_is_white_and_nothing_comes_from_outside(name):
    text = svg(*PICTURES[name])
    root = ElementTree.fromstring(text)
    box = list(map(float, root.get("viewBox").split()))
    page = root.find("{http://www.w3.org/2000/svg}rect")
    assert page.get("fill") == "#ffffff"
    assert [float(page.get(key)) for key in ("x", "y", "width", "height")] == box
    assert text.count("http") == 1 and "href" not in text and "url(" not in text and "id=" not in text
    assert root.find("{http://www.w3.org/2000/svg}title").text == str(PICTURES[name][0])


def test_numbers_have_two_decimals_and_no_noise():
    assert [number(v) for v in (0.1 + 0.2, -0.0, 1e-9, 12.0, -3.456, 1 / 3)] == [
        "0.3", "0", "0", "12", "-3.46", "0.33"]


def test_no_path_gives_the_text():
    assert draw(attention) == svg(attention)
    assert draw(residual, depth=1) == svg(residual, 1)


def test_an_operation_is_drawn_as_its_diagram():
    assert svg(residual.op) == svg(residual)


def test_files_by_suffix(tmp_path):
    assert draw(attention, tmp_path / "a.svg") == svg(attention) == (tmp_path / "a.svg").read_text("utf-8")
    assert draw(attention, str(tmp_path / "A.TXT")) == (tmp_path / "A.TXT").read_text("utf-8")
    assert "◁" in (tmp_path / "A.TXT").read_text("utf-8")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["A.TXT", "a.svg"]


@pytest.mark.parametrize("name", ["a.gif", "a", "a.svg.zip", ".svg"])
def test_another_suffix_is_refused_with_the_formats(tmp_path, name):
    with pytest.raises(OutputError, match=r"\.svg, \.html, \.tex, \.png, \.pdf, \.txt"):
        draw(attention, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_file_that_cannot_be_written_is_an_error_and_harms_nothing(tmp_path):
    with pytest.raises(OutputError, match="cannot write"):
        draw(attention, tmp_path / "no" / "such" / "folder.svg")
    (tmp_path / "taken.svg").mkdir()
    with pytest.raises(OutputError):
        draw(attention, tmp_path / "taken.svg")
    assert [path.name for path in tmp_path.iterdir()] == ["taken.svg"]


def test_what_cannot_be_drawn():
    with pytest.raises(NcdError, match="cannot draw a int"):
        svg(3)
    for depth in (-1, 1.5, True, "1"):
        with pytest.raises(NcdError, match="levels of blocks"):
            svg(attention, depth)


def test_sizes_as_formulas():
    from ncd.algebra.convert import Size
    from ncd.core.axis import Axis
    shown = {"2*k + 1": "2k+1", "h*k": "hk", "d_ff*h": "dff·h", "k**2": "k2", "x//2": "⌊x/2⌋",
             "max(x, y)": "max(x, y)", "(x + 1)//2 - 3": "⌊(x+1)/2⌋−3"}
    assert {text: plain(size_runs(Size(text))) for text in shown} == shown
    assert plain(axis_runs(Axis("x", "h*k"))) == "x=hk"
    assert len(plain(axis_runs(Axis("x", "+".join(f"a{n}" for n in range(100)))))) <= 40
