"""The other formats: TikZ, PNG, PDF, Unicode text and the page, each from the same scene."""

from __future__ import annotations

import json
import math
import re
import shutil
import subprocess
import sys
from fractions import Fraction
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ncd
from ncd.algebra.convert import Size
from ncd.algebra.javascript import exact, javascript
from ncd.construct import generators as g
from ncd.errors import OutputError
from ncd.interpret.draw import FORMATS, draw, scene_of, text
from ncd.interpret.draw.formats.tex import escaped
from tests.strategies import diagrams, examples
from tests.unit.draw.pictures import PICTURES, attention, relu

HOSTILE = ["<script>alert(1)</script>", "a&b%c#d_e^f~g\\h{i}j$k", 'say "hi" & \'bye\'',
           "@DATA@ @VIEWS@", "]]>", "x" * 300, "\u202eevil", "é🙂漢字", "", "Größe λ̄ x̂'' ½ ϕ₁² “q” ≅ 𝔼★ łőçǫ"]


def opaque(title: str):
    return (g.opaque(title, "x -> x") >> relu.on("x")).block(title)


# -- text ------------------------------------------------------------------------------
@pytest.mark.parametrize("width", [30, 80])
@pytest.mark.parametrize("name", [*PICTURES, *ncd.zoo.ZOO])
def test_text_is_no_wider_than_asked(name, width):
    diagram, *depth = PICTURES[name] if name in PICTURES else (ncd.zoo.ZOO[name](), 1)
    lines = text(diagram, *depth, width=width).splitlines()
    assert lines and max(map(len, lines)) <= width


def test_text_shows_what_is_there():
    made = text(attention, width=200)
    assert "◁" in made and "×k^(−1/2)" in made and made.count("╯") >= 2
    for label in "ykx":
        assert re.search(rf"^{label}\b", made, re.M)


def test_a_long_text_is_cut_at_columns_of_types():
    """What leaves a line enters one below with its label; no operation is cut in two."""
    chain = ncd.Diagram.id(ncd.Ty("a"))
    for name in ("first", "second", "third", "fourth", "fifth"):
        chain = chain >> g.opaque(name, "a -> a") >> relu
    made = text(chain, width=40)
    assert max(map(len, made.splitlines())) <= 40 and "⋯" not in made and "\n\n\n" not in made
    assert all(name in made for name in ("first", "second", "third", "fourth", "fifth"))
    leaving = [line for line in made.splitlines() if line.endswith("─▸")]
    entering = [line for line in made.splitlines() if re.search(r"^─+▸─", line)]
    assert len(leaving) == len(entering) > 1


@examples(30)
@given(diagrams())
def test_any_diagram_has_a_text(diagram):
    assert max(map(len, text(diagram, width=60).splitlines()), default=0) <= 60


# -- TikZ ------------------------------------------------------------------------------
def test_texts_are_escaped_for_latex():
    assert escaped("50% of {x}_y & $z$ #1 \\ ~^") == (
        r"50\% of \{x\}\_y \& \$z\$ \#1 \textbackslash{} \textasciitilde{}\textasciicircum{}")
    assert escaped("é漢") == r"\'{e}\unknown{6F22}"
    assert escaped("Größe x̄ λ̂") == r'Gr\"{o}\ss{}e \={x} \ensuremath{\hat{\lambda}}'
    assert escaped("x''") == r"x\ensuremath{'}\ensuremath{'}"        # not the ligature of a closing quote
    assert escaped("★𝔼≅½ǫ") == r"\ensuremath{\bigstar}\ensuremath{\mathbb{E}}\ensuremath{\cong}1/2o"


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="LaTeX is not installed")
@pytest.mark.parametrize("name", ["attention", *range(len(HOSTILE)), "backward"])
def test_it_compiles_alone(name, tmp_path):
    diagram = attention if name == "attention" else opaque(HOSTILE[name]) if isinstance(name, int) else \
        ncd.zoo.multi_head_attention().reverse().composite
    draw(diagram, tmp_path / "a.tex", depth=1)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "a.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-1500:]
    assert "1 page" in done.stdout


# -- PNG and PDF -----------------------------------------------------------------------
@pytest.mark.parametrize("suffix, begins", [(".png", b"\x89PNG"), (".pdf", b"%PDF")])
def test_rendered_formats(suffix, begins, tmp_path):
    pytest.importorskip("matplotlib", reason="the renderer is not installed")
    made = draw(attention, tmp_path / f"a{suffix}")
    assert made.startswith(begins) and (tmp_path / f"a{suffix}").read_bytes() == made
    assert FORMATS[suffix](attention) == made
    assert FORMATS[suffix](opaque("é🙂漢字 $x$"), 1).startswith(begins)


def test_a_missing_renderer_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    (tmp_path / "a.png").write_bytes(b"old")
    with pytest.raises(OutputError, match=r"ncd\[picture\]"):
        draw(attention, tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes() == b"old"


# -- the page --------------------------------------------------------------------------
class Page(HTMLParser):
    """What a page asks for from outside, and its data."""

    def __init__(self, source: str):
        super().__init__()
        self.links, self.scripts, self.data, self._in = [], 0, "", ""
        self.feed(source)
        self.data = json.loads(self.data)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.links += [value for name, value in attributes if name in ("src", "href", "xlink:href")]
        self.scripts += tag == "script"
        self._in = given.get("id", "") if tag == "script" else ""

    def handle_data(self, text):
        if self._in == "data":
            self.data += text

    def handle_endtag(self, tag):
        self._in = ""


def page(diagram, tmp_path) -> str:
    return diagram.draw(tmp_path / "page.html")


def test_the_page_stands_alone(tmp_path):
    made = Page(page(ncd.zoo.pre_norm_block(), tmp_path))
    assert made.links == [] and made.scripts == 2
    assert made.data["levels"] == 3 and made.data["symbols"] == ["f", "h", "k", "m", "x"]
    assert {row["name"] for row in made.data["measures"]} == set(ncd.interpret.cost.MEASURES)
    attention_ = next(row for row in made.data["things"] if row["name"] == "softmax[x]")
    assert attention_["equation"].startswith("y_i = exp") and attention_["flops"]


@pytest.mark.parametrize("title", HOSTILE)
def test_hostile_texts_stay_texts(title, tmp_path):
    source = page(opaque(title), tmp_path)
    made = Page(source)
    assert made.scripts == 2 and made.links == [] and "<script>alert" not in source
    assert made.data["things"] and "@DATA@" not in source.replace(title, "")


def test_a_page_without_a_cost(tmp_path):
    made = Page(page(opaque("mystery"), tmp_path))
    assert made.data["measures"] == []


class Math:
    floor, max, min, pow = math.floor, max, min, pow


@examples(60)
@given(st.dictionaries(st.sampled_from("xkn"), st.integers(1, 300), min_size=3, max_size=3))
def test_formulas_in_the_page_are_those_of_python(sizes):
    texts = ["0", "x", "-x", "2*x*k - 3*n + 1", "x//2", "-x//2 + k", "(x + 2*k - 3)//n", "max(x, 2*k, n - 1)",
             "min(x, k)*n**2", "x/3 - k/7", "(x*k)**(1/2)", "((x - 1)//2 + 1)**3", "x*(k + n)//5"]
    for item in texts:
        size = Size(item)
        found = eval(javascript(size), {"Math": Math, "s": sizes})
        assert found == pytest.approx(size.evaluate(sizes), rel=1e-12), item


SVG = "document.querySelector('section:not([hidden]) svg')"
PAINTED, UNITS = f"{SVG}.style.transform.match(/scale\\((.*)\\)/)[1]", f"{SVG}.viewBox.baseVal.width"


@examples(60)
@given(st.dictionaries(st.sampled_from("xkn"), st.integers(1, 10 ** 12), min_size=3, max_size=3))
def test_whole_formulas_in_the_page_are_exact(sizes):
    texts = ["0", "x", "-x**2", "2*x*k - 3*n + 1", "x//2", "-x//2 + k", "(x + 2*k - 3)//n", "min(x, k)*n**2",
             "max(x/2, 2*k, n - 1)", "x/3 - k/7", "((x - 1)//2 + 1)**3", "x*(k + n)//5", "x*(x + 1)/2",
             "(x/3 + k/2)//n"]
    names = {"floor": lambda p, q: p // q, "max": max, "min": min, "b": sizes}
    for item in texts:
        text, over = exact(Size(item))
        found = Fraction(eval(re.sub(r"\b(\d+)n", r"\1", text), names), over)
        assert found == Fraction(Size(item).substitute(sizes).constant), item
    for item in ("(x*k)**(1/2)", "max(x**(1/2), k)", "1/x"):
        assert exact(Size(item)) is None


def test_bytes_are_those_of_the_dtype(tmp_path):
    kinds = {"float": "x", "int": "x : int", "bool": "x : bool", "key": ": key"}
    for kind, array in kinds.items():
        rows = Page(page(g.opaque("f", f"{array} -> y"), tmp_path)).data["things"]
        row = next(row for row in rows if row["kind"] == "wire" and row["dtype"] == kind)
        (array,) = ncd.Ty(array).inside
        cost = ncd.Diagram.id(ncd.Ty.of([array])).cost().exact["peak_memory"]
        assert row["bytes"]["text"] == str(cost), kind
    ncd.equation(relu, relu).draw(tmp_path / "equation.html")       # no convention, no bytes
    rows = Page((tmp_path / "equation.html").read_text(encoding="utf-8")).data["things"]
    assert "bytes" not in rows[0] and "elements" in rows[0]


@pytest.mark.browser
def test_large_numbers_are_exact_or_said_not_to_be(browser, tmp_path):
    model = ncd.nn.linear("m -> n") >> ncd.nn.sigmoid
    page(model, tmp_path)
    tab = browser.new_page()
    tab.goto((tmp_path / "page.html").as_uri())
    for name, value in (("m", 1_000_000_007), ("n", 1_000_000_009)):
        tab.locator(f'[data-size="{name}"]').fill(str(value))
    wanted = model.cost().evaluate(m=1_000_000_007, n=1_000_000_009)["flops"]
    assert wanted > 2 ** 53 and float(wanted) != wanted
    assert tab.locator('[data-measure="flops"]').inner_text() == f"{wanted:,} FLOP"
    tab.locator("section:not([hidden]) g.op").first.focus()
    assert f"{2 * 1_000_000_007 * 1_000_000_009 + 1_000_000_009:,}" in tab.locator("#about").inner_text()
    tab.locator('[data-size="m"]').fill("3")
    assert tab.evaluate("ncd.show({ code: s => Math.pow(s.m, 60.5) })") == "≈ 7.342364e28"
    assert tab.evaluate("ncd.show({ code: s => s.m / 7, exact: b => b.m, over: 7n })") == "≈ 0.42857143"
    assert tab.evaluate("ncd.show({ code: s => s.m / 2, exact: b => b.m, over: 2n })") == "1.5"
    tab.close()


@pytest.mark.browser
@pytest.mark.parametrize("name", ["pre_norm_block", "gru", "convolution"])
def test_in_a_browser(browser, name, tmp_path):
    model = ncd.zoo.ZOO[name]()
    page(model, tmp_path)
    tab, errors, requests = browser.new_page(viewport={"width": 1400, "height": 800}), [], []
    tab.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.on("request", lambda request: requests.append(request.url))
    tab.goto((tmp_path / "page.html").as_uri())

    # Sizes: the numbers are Python's.
    sizes = {symbol: 3 + 4 * n for n, symbol in enumerate(sorted(model.cost().exact["flops"].symbols))}
    for symbol in tab.evaluate("Object.keys(ncd.sizes)"):
        tab.locator(f'[data-size="{symbol}"]').fill(str(sizes.setdefault(symbol, 5)))
    for measure, formula in model.cost().exact.items():
        wanted = formula.evaluate(sizes)
        assert tab.evaluate(f"ncd.measure('{measure}')") == pytest.approx(wanted, rel=1e-12)
    assert tab.locator('[data-measure="flops"]').inner_text().replace(",", "").startswith(
        str(model.cost().evaluate(**sizes)["flops"]).split(".")[0])
    slider = tab.locator("[data-slider]").first
    slider.evaluate("e => { e.value = 10; e.dispatchEvent(new Event('input')); }")
    assert tab.evaluate("ncd.sizes[document.querySelector('[data-slider]').dataset.slider]") == 1024

    # Blocks open and close; things say what they are; search finds them.
    level = "document.querySelector('section:not([hidden])').dataset.level"
    for button in reversed(tab.locator("#levels button").all()):
        button.click()
    assert tab.evaluate(level) == "0"
    tab.locator("section:not([hidden]) g.op").first.focus()
    assert "type" in tab.locator("#about").inner_text()
    tab.locator("section:not([hidden]) g.wire").first.focus()
    assert "bytes" in tab.locator("#about").inner_text()
    tab.locator("#search").fill(" -> ")
    assert tab.locator("g.found").count() > 0
    for block in tab.locator("section:not([hidden]) g.block").all():        # closed, found by what is in it
        inside = tab.evaluate("n => data.things[n].inside", block.get_attribute("data-thing"))
        tab.locator("#search").fill(inside.splitlines()[-1])
        assert "found" in block.get_attribute("class").split()

    # It moves and zooms.
    box = f"(r => [r.x, r.y, r.width])({SVG}.getBoundingClientRect())"
    left, top, width = tab.evaluate(box)
    tab.locator("#view").focus()
    tab.keyboard.press("ArrowRight")
    assert tab.evaluate(box) == pytest.approx([left - 60, top, width])
    tab.keyboard.press("+")
    assert tab.evaluate(box)[2] == pytest.approx(1.2 * width)
    tab.wait_for_timeout(400)       # it has come to rest: painted at its own scale, where it was
    assert tab.evaluate(box)[2] == pytest.approx(1.2 * width)
    assert float(tab.evaluate(PAINTED)) == pytest.approx(1.2 * width / tab.evaluate(UNITS), rel=1e-3)
    assert errors == [] and requests == [(tmp_path / "page.html").as_uri()]
    tab.close()


OVERLAPS = """() => {
  const seen = [...document.querySelectorAll('section:not([hidden]) svg text')]
    .filter(t => t.getClientRects().length).map(t => t.getBoundingClientRect());
  let found = 0;
  for (let i = 0; i < seen.length; i++) for (let j = 0; j < i; j++) {
    const [a, b] = [seen[i], seen[j]];
    if (Math.min(a.right, b.right) - Math.max(a.left, b.left) > 3 &&
        Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 6) found++;
  }
  return found;
}"""
MARKUP = "document.querySelector('section:not([hidden]) svg').innerHTML"


@pytest.mark.browser
@pytest.mark.parametrize("name", ["pre_norm_block", "multi_head_attention", "encoder_decoder_transformer"])
def test_blocks_open_in_place(browser, name, tmp_path):
    """Each by itself, inside others too, and what is closed again is as it was."""
    page(ncd.zoo.ZOO[name](), tmp_path)
    tab, errors = browser.new_page(viewport={"width": 1400, "height": 800}), []
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.goto((tmp_path / "page.html").as_uri())
    shown = "section:not([hidden]) "
    blocks = tab.locator(shown + "g.block:visible")
    first, before = tab.evaluate(MARKUP), blocks.count()
    width = "document.querySelector('section:not([hidden]) svg').viewBox.baseVal.width"
    narrow = tab.evaluate(width)
    blocks.first.click()
    assert tab.locator(shown + "g.opened").count() == 1 and tab.evaluate(width) > narrow
    assert tab.locator(shown + 'g.block[aria-expanded="true"]').count() == 1
    assert tab.evaluate(OVERLAPS) == 0
    inner = tab.locator(shown + "g.opened g.block:visible")
    if inner.count():                   # a block in a block, by keys
        inner.first.focus()
        tab.keyboard.press("Enter")
        assert tab.locator(shown + "g.opened g.opened").count() == 1 and tab.evaluate(OVERLAPS) == 0
        tab.keyboard.press("Escape")
        assert tab.locator(shown + "g.opened").count() == 1
    elif before > 1:                    # two at once
        blocks.first.click()
        assert tab.locator(shown + "g.opened").count() == 2 and tab.evaluate(OVERLAPS) == 0
        tab.locator(shown + "g.opened g.title text").first.click()
    tab.locator(shown + "g.opened g.title text").first.click()
    assert tab.locator(shown + "g.opened").count() == 0 and errors == []
    again, places = tab.evaluate(MARKUP), re.compile(r' c?[xy]="[^"]*"')
    assert places.findall(again) == places.findall(first)       # texts and dots stand where they stood
    assert again.count("<path") == first.count("<path") and tab.evaluate(width) == narrow
    assert blocks.count() == before
    tab.close()


def test_scenes_say_what_they_are_about():
    scene = scene_of(attention, apart=True)
    about = {type(item.about).__name__ for item in scene.elements if item.about is not None}
    assert {"tuple", "Einsum", "Map"} <= about


# -- equations and themes --------------------------------------------------------------
X = ncd.Ty("x")


def test_an_equation_draws_its_sides_with_signs_between():
    f = relu.on("x")
    made = ncd.equation(f >> ncd.Diagram.copy(X), ncd.Diagram.copy(X) >> f @ f, notes=["naturality"])
    scene = made.scene()
    texts = {"".join(run.text for run in item.runs): item for item in scene.elements if hasattr(item, "runs")}
    assert "=" in texts and "naturality" in texts
    left, right = (scene_of(side).bounds() for side in made.sides)
    assert texts["="].bounds()[0] > left[2] - left[0]
    assert scene.bounds()[2] - scene.bounds()[0] > left[2] - left[0] + right[2] - right[0]
    assert made.draw().startswith("<svg") and str(made) == "(x -> x, x) = (x -> x, x)"


@pytest.mark.parametrize("suffix", [".svg", ".tex", ".txt", ".html"])
def test_an_equation_is_written_as_a_diagram_is(suffix, tmp_path):
    made = ncd.equation(attention, attention.block("attention"), signs="≅")
    made.draw(tmp_path / f"e{suffix}", depth=1)
    assert (tmp_path / f"e{suffix}").stat().st_size > 500


@pytest.mark.parametrize("shown", [attention, ncd.nn.relu.on("x"), ncd.equation(attention, attention)])
def test_notebooks_show_it(shown):
    """Jupyter asks for ``_repr_svg_``, marimo for ``_mime_``."""
    kind, data = shown._mime_()
    assert kind == "image/svg+xml" and data == shown._repr_svg_() == shown.draw()
    assert data.startswith("<svg xmlns=")


@pytest.mark.parametrize("shown", [attention, ncd.equation(attention, attention)])
def test_marimo_shows_it(shown):
    formatting = pytest.importorskip("marimo._output.formatting", reason="marimo is not installed")
    found = formatting.try_format(shown)
    assert (found.mimetype, found.data) == shown._mime_()


def test_an_equation_that_cannot_be():
    with pytest.raises(ncd.AxisError, match="two types"):
        ncd.equation(relu.on("x"), relu.on("y"))
    with pytest.raises(ncd.NcdError, match="two sides"):
        ncd.equation(relu)
    with pytest.raises(ncd.NcdError, match="2 signs between 2 sides"):
        ncd.equation(relu, relu, signs=["=", "="])


def test_a_dark_theme_is_the_same_picture_in_other_colours():
    light, dark = draw(attention), draw(attention, theme="dark")
    assert "#ffffff" in light and "#ffffff" not in dark and "#111111" not in dark
    colour = re.compile(r"#[0-9a-f]{6}")
    assert colour.sub("", light) == colour.sub("", dark)
    with pytest.raises(ncd.NcdError, match="light, dark"):
        draw(attention, theme="sepia")
