"""Blocks opened in the page, in a browser: what was joined stays joined, marks keep their shapes, and
nothing is drawn twice."""

from __future__ import annotations

import pytest

import ncd
from ncd import nn

pytestmark = pytest.mark.browser

# What a picture shows, in its own coordinates: wires that end where nothing is, wires that go back, marks.
SEEN = """() => {
  const svg = document.querySelector("section:not([hidden]) svg"), base = svg.getScreenCTM();
  const shown = e => e.getClientRects().length > 0;
  const put = (e, x, y) => {
    const m = base.inverse().multiply(e.getScreenCTM());
    return [m.a * x + m.e, m.d * y + m.f];
  };
  const boxOf = e => {
    const b = e.getBBox();
    return [...put(e, b.x, b.y), ...put(e, b.x + b.width, b.y + b.height)];
  };
  const all = [...svg.querySelectorAll("path, circle, text")].filter(shown);
  const kind = e => e.getAttribute("class") || "";
  const wires = all.filter(e => /^(wire|scalar)$/.test(kind(e)));
  const marks = all.filter(e => !kind(e) && !e.closest(".around, .title") &&
    !(e.tagName === "text" && !e.closest("g.op")));
  const ends = [], back = [];
  for (const e of wires) {
    const n = e.getTotalLength(), xs = [];
    for (let k = 0; k <= 40; k++) xs.push(e.getPointAtLength(n * k / 40).x);
    if (xs.some((x, k) => k && x < xs[k - 1] - 0.6)) back.push(e.getAttribute("d"));
    for (const at of [0, n]) { const p = e.getPointAtLength(at); ends.push([e, ...put(e, p.x, p.y)]); }
  }
  const boxes = marks.map(boxOf);
  const loose = ends.filter(([e, x, y]) =>
    !boxes.some(([l, t, r, b]) => x > l - 1.5 && x < r + 1.5 && y > t - 1.5 && y < b + 1.5) &&
    !ends.some(([other, u, v]) => other !== e && Math.hypot(u - x, v - y) < 1.2));
  const sizes = marks.filter(e => e.tagName !== "text").map(e => { const b = e.getBBox();
    return [e.tagName, Math.round(b.width * 10), Math.round(b.height * 10)].join(" "); }).sort();
  return { loose: loose.map(([e, x, y]) => [kind(e), Math.round(x) + 0, Math.round(y) + 0]), back, sizes };
}"""
MARKUP = """() => document.querySelector("section:not([hidden]) svg").outerHTML
  .replace(/ (style|viewBox|width|height)="[^"]*"/g, "")"""
TEMPLATES = """() => [...document.querySelectorAll("template")].flatMap(t =>
  [...t.content.querySelectorAll("path:not([class]), circle")].map(e => {
    document.querySelector("section:not([hidden]) svg").append(e = e.cloneNode());
    const b = e.getBBox();
    e.remove();
    return [e.tagName, Math.round(b.width * 10), Math.round(b.height * 10)].join(" ");
  }))"""
BLOCKS = "section:not([hidden]) g.block:visible"


@pytest.fixture
def opened(browser, tmp_path):
    """A page, and the errors that it reports."""
    tabs = []

    def show(model, **options):
        model.draw(tmp_path / "page.html", **options)
        tab = browser.new_page(viewport={"width": 1400, "height": 800})
        tabs.append(tab)
        tab.errors = []
        tab.on("console", lambda m: tab.errors.append(m.text) if m.type == "error" else None)
        tab.on("pageerror", lambda e: tab.errors.append(str(e)))
        tab.goto((tmp_path / "page.html").as_uri())
        return tab
    yield show
    for tab in tabs:
        assert tab.errors == []
        tab.close()


def unfold(tab, most: int = 6) -> int:
    """Open one closed block after the other, inside those that are open too."""
    count = 0
    while count < most and tab.locator(BLOCKS).count():
        blocks = tab.locator(BLOCKS)
        blocks.nth(blocks.count() // 2).dispatch_event("click")
        count += 1
    return count


inner = (nn.linear("m -> f").lift("x") >> nn.relu >> nn.linear("f -> m").lift("x")).block("inner")


def beside():
    """A tall and a wide block in one column, others around, one inside a repetition."""
    wide = ncd.diagram("x m -> x m")(lambda a: nn.relu(inner(nn.relu(nn.linear("m -> m")(a))))).block("wide")
    tall = ncd.diagram("x m, x m -> x m")(lambda a, b: inner(a) * nn.softmax("x")(b)).block("tall")

    @ncd.diagram("x m, x m, x m -> x m, x m")
    def made(a, b, c):
        first, second = wide(a), tall(b, c)
        third = (inner >> nn.layer_norm("m").lift("x")).repeat("N")(second)
        return nn.softmax("m")(first + third), wide(third)
    return made


MODELS = {**{name: ncd.zoo.ZOO[name] for name in ("pre_norm_block", "multi_head_attention", "gru",
                                                  "encoder_decoder_transformer")},
          "beside": beside, "equation": lambda: ncd.equation(beside(), beside())}
LOOKS = {"plain": {}, "deep": {"depth": 1}, "rows": {"width": 700}, "deep rows": {"width": 700, "depth": 2}}


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("name", MODELS)
def test_what_is_joined_stays_joined(opened, name, look):
    tab = opened(MODELS[name](), **LOOKS[look])
    before, markup = tab.evaluate(SEEN), tab.evaluate(MARKUP)
    assert before["back"] == []
    marks = set(before["sizes"])
    if not unfold(tab):
        pytest.skip("nothing is closed")
    after = tab.evaluate(SEEN)
    assert len(after["loose"]) == len(before["loose"]), after["loose"]
    assert after["back"] == []
    inside = tab.evaluate(TEMPLATES)
    assert set(after["sizes"]) <= marks | set(inside)       # no mark was stretched
    while tab.locator("section:not([hidden]) g.opened").count():
        tab.locator("section:not([hidden]) g.opened g.title").last.dispatch_event("click")
    assert tab.evaluate(MARKUP) == markup
