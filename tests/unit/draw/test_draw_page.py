"""The page in a browser: what it says is so, what is open is drawn once, and no text in it is run."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest

import ncd
from ncd import nn
from ncd.construct import opaque, parameter

POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">')
OPENED = "section:not([hidden]) g.opened"
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


# -- the content policy ----------------------------------------------------------------
@pytest.mark.parametrize("model", [ncd.zoo.gru(), nn.relu.on("x"),
                                   ncd.equation(nn.relu.on("x"), nn.relu.on("x"))])
def test_the_policy_names_its_style_and_its_script_by_their_hashes(model, tmp_path):
    model.draw(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    (policy,) = POLICY.findall(page)
    assert "unsafe" not in policy and policy.startswith("default-src 'none'")
    for kind, found in (("style", re.findall(r"<style>(.*?)</style>", page, re.S)),
                        ("script", re.findall(r"<script>(.*?)</script>", page, re.S))):
        (text,) = found
        digest = base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert "eval" not in page and "new Function" not in page
    assert not re.search(r'\s(?:style|on\w+)="', page)


@pytest.mark.browser
def test_what_is_put_into_the_page_is_not_run(opened):
    tab = opened(ncd.zoo.pre_norm_block())
    tab.evaluate("""() => {
      const script = document.createElement("script"), button = document.createElement("b");
      script.textContent = "window.ran = 1"; button.setAttribute("onclick", "window.ran = 2");
      document.body.append(script, button); button.click();
      try { setTimeout("window.ran = 3", 0); } catch {}
    }""")
    tab.wait_for_timeout(100)
    assert tab.evaluate("window.ran") is None and tab.errors
    tab.errors.clear()
    tab.locator('[data-size="x"]').fill("7")        # what it came with works
    assert tab.evaluate("ncd.measure('flops')") > 0


# -- open blocks -----------------------------------------------------------------------
@pytest.mark.browser
@pytest.mark.parametrize("options", [{"depth": 1}, {"depth": 2}, {"depth": 1, "width": 700},
                                     {"depth": 1, "multi": {"s": "h k"}}], ids=str)
@pytest.mark.parametrize("press", ["click", "Enter", " "])
def test_what_is_open_is_not_drawn_again(opened, press, options):
    """Whatever in an open block is pressed, the picture stays: titles, parentheses, dots, shades."""
    tab = opened(ncd.zoo.pre_norm_block().repeat("N"), **options)
    picture = "document.querySelector('section:not([hidden]) svg').innerHTML"
    before = tab.evaluate(picture)
    shown = tab.locator("section:not([hidden]) .around, section:not([hidden]) g.op:not(.block), "
                        "section:not([hidden]) g.wire")
    for number in range(shown.count()):
        one = shown.nth(number)
        if press == "click":
            one.dispatch_event("click")
        elif one.get_attribute("tabindex") == "0":
            one.focus()
            tab.keyboard.press(press)
    assert tab.evaluate(picture) == before and tab.locator(OPENED).count() == 0


@pytest.mark.browser
def test_a_block_opens_once_and_closes_by_its_title(opened):
    tab = opened(ncd.zoo.pre_norm_block())
    block = tab.locator(BLOCKS).first
    block.evaluate("""g => {
      for (let n = 0; n < 3; n++) g.dispatchEvent(new MouseEvent("click", { bubbles: true }));
    }""")
    assert tab.locator(OPENED).count() == 1
    tab.keyboard.press("Enter")                     # the focus is on its title
    assert tab.locator(OPENED).count() == 0
    tab.keyboard.press("Enter")                     # and then on the block
    assert tab.locator(OPENED).count() == 1
    tab.locator(OPENED + " g.wire").first.focus()
    tab.keyboard.press("Enter")                     # not a title: nothing
    assert tab.locator(OPENED).count() == 1
    tab.locator(OPENED + " g.block:visible").first.focus()
    tab.keyboard.press("Enter")
    assert tab.locator(OPENED).count() == 2
    tab.locator(OPENED + " g.title").first.focus()
    tab.keyboard.press("Escape")                    # with all that is open inside
    assert tab.locator(OPENED).count() == 0


@pytest.mark.browser
def test_equal_blocks_below_each_other_open_each_by_itself(opened):
    source = parameter("w", "m").block("source")
    inner = nn.relu.on("m").block("inner")
    for model, count in ((inner @ inner @ inner, 3), (source @ source, 2)):
        tab = opened(model)
        assert tab.locator(BLOCKS).count() == count
        tab.locator(BLOCKS).nth(1).dispatch_event("click")
        assert tab.locator(BLOCKS).count() == count - 1 and tab.locator(OPENED).count() == 1


# -- shares ------------------------------------------------------------------------------
@pytest.mark.browser
@pytest.mark.parametrize("options", [{}, {"depth": 1}, {"width": 700, "depth": 2}], ids=str)
def test_shares_inside_repetitions_are_of_all_that_runs(opened, options):
    """What stands in repetitions counts as often as it runs, in blocks that are opened too."""
    layer = ncd.zoo.pre_norm_block()
    ends = [nn.linear("m -> m", name=name).lift("x") for name in ("first", "last")]
    model = ends[0] >> layer.repeat("N").repeat("M") >> ends[1]
    tab = opened(model, **options)
    for name in tab.evaluate("Object.keys(ncd.sizes)"):
        tab.locator(f'[data-size="{name}"]').fill({"N": "5", "M": "3"}.get(name, "4"))
    told = """() => [...document.querySelectorAll("section:not([hidden]) g.op")].filter(
      g => g.getClientRects().length).map(g => {
        const thing = data.things[g.dataset.thing];
        const of = row => row ? formulas[row.formula].code(ncd.sizes) : null;
        return [thing.name, of(thing.times), of(thing.step), of(thing.flops)];
      })"""
    whole, prices = tab.evaluate("ncd.measure('flops')"), set()
    while True:
        for name, times, step, flops in tab.evaluate(told):
            if flops is not None and not name.startswith(("repeat", "linear[m -> m]")):
                assert times in (3, 15) or "repeat" in name, name       # the outer repetition, and both
                assert flops == times * step and flops < whole
                prices.add((name, flops))
        if not tab.locator(BLOCKS).count():
            break
        tab.locator(BLOCKS).first.dispatch_event("click")     # opened in place, blocks inside blocks
    block = layer.cost().evaluate(**dict.fromkeys("fhkmx", 4))["flops"]
    assert any(flops == pytest.approx(15 * float(block)) for _, flops in prices)
    inside = tab.locator("section:not([hidden]) g.op[aria-label^='softmax']").first
    inside.focus()
    told = tab.locator("#about").inner_text()
    assert "15 times" in told and "FLOP of all" in told


# -- looks -----------------------------------------------------------------------------
def until(tab, expression: str, wanted) -> None:
    for _ in range(100):
        if tab.evaluate(expression) == wanted:
            return
        tab.wait_for_timeout(20)
    raise AssertionError(f"{expression} is {tab.evaluate(expression)}, not {wanted}")


@pytest.mark.browser
def test_the_picture_is_sharp_when_it_rests(opened):
    tab = opened(ncd.zoo.pre_norm_block())
    layers = """[...document.querySelectorAll("section")].filter(
      s => getComputedStyle(s).willChange !== "auto").length"""
    tab.wait_for_timeout(300)
    assert tab.evaluate(layers) == 0
    tab.mouse.move(500, 400)
    tab.mouse.wheel(0, -300)
    until(tab, layers, 1)
    until(tab, layers, 0)
    drawn, wide = tab.evaluate("""() => {
      const one = document.querySelector("section:not([hidden]) svg");
      return [Number(one.style.transform.match(/scale\\((.*)\\)/)[1]),
        one.getBoundingClientRect().width / one.viewBox.baseVal.width];
    }""")
    assert drawn == pytest.approx(wide, rel=1e-3) and wide > 1
    tab.mouse.down()
    tab.mouse.move(560, 420, steps=4)
    assert tab.evaluate(layers) == 1
    tab.mouse.up()
    until(tab, layers, 0)
    tab.keyboard.press("+")
    until(tab, layers, 0)


@pytest.mark.browser
@pytest.mark.parametrize("count, axes", [(1000, "x"), (1000, "x m"), (60, "x")])
def test_a_long_model_opens_readable(opened, count, axes):
    chain = ncd.Diagram.id(ncd.Ty(axes))
    for n in range(count):
        chain = chain >> opaque(f"f_{n}", "x -> x")
    tab = opened(chain)
    scale = """(one => one.getBoundingClientRect().width / one.viewBox.baseVal.width)(
      document.querySelector("section:not([hidden]) svg"))"""
    assert tab.evaluate(scale) >= 0.5
    room = tab.locator("#view").bounding_box()
    boxes = tab.evaluate("""() => [...document.querySelectorAll("section:not([hidden]) g.op")].map(
      g => g.getBoundingClientRect().toJSON())""")
    seen = min(boxes, key=lambda box: box["x"])
    assert sum(room["x"] <= box["x"] < room["x"] + room["width"] for box in boxes) > 4
    assert room["y"] <= seen["y"] and seen["y"] + seen["height"] <= room["y"] + room["height"]
    assert seen["height"] > 8
    tab.locator("#fit").click()
    whole = tab.evaluate(scale)
    tab.mouse.move(500, 400)
    tab.mouse.wheel(0, 100)                         # further out is not nearer
    tab.wait_for_timeout(300)
    assert tab.evaluate(scale) <= whole * 1.001


@pytest.mark.browser
def test_tab_goes_to_what_is_out_of_view(opened):
    chain = ncd.Diagram.id(ncd.Ty("x"))
    for n in range(100):
        chain = chain >> opaque(f"f_{n}", "x -> x")
    tab = opened(chain)
    last = tab.locator("section:not([hidden]) g.op").last
    last.focus()
    tab.wait_for_timeout(300)
    room, seen = tab.locator("#view").bounding_box(), last.bounding_box()
    assert room["x"] <= seen["x"] <= room["x"] + room["width"]
    assert tab.evaluate("[view.scrollLeft, view.scrollTop]") == [0, 0]


@pytest.mark.browser
def test_a_page_opens_in_its_theme(opened):
    tab = opened(ncd.zoo.pre_norm_block(), theme="dark")
    assert tab.evaluate("document.body.classList.contains('dark')")
    assert tab.locator("#theme").get_attribute("aria-pressed") == "true"
    tab.locator("#theme").click()
    assert not tab.evaluate("document.body.classList.contains('dark')")
    tab = opened(ncd.zoo.pre_norm_block())
    assert not tab.evaluate("document.body.classList.contains('dark')")
