"""The room that a text has is enough in the fonts that viewers have."""

from __future__ import annotations

import pytest

import ncd
from ncd.interpret.draw import scene_of, svg
from ncd.interpret.draw.formats.svg import layered
from ncd.interpret.draw.scene import advances
from ncd.interpret.draw.scene.mathtext import Run, runs_width
from ncd.interpret.draw.scene.metrics import em, width_of
from ncd.interpret.draw.scene.scene import Text
from tests import advances as maker
from tests.unit.draw.pictures import PICTURES

SYSTEM = {"roman": "LiberationSerif-Regular", "italic": "LiberationSerif-Italic",
          "bold": "LiberationSerif-Bold", "sans": "LiberationSans-Regular"}


def test_the_table_is_what_the_fonts_say():
    pytest.importorskip("matplotlib", reason="the fonts are its own")
    made: dict = {}
    exec(maker.module(), made)
    assert made["ADVANCES"] == advances.ADVANCES


@pytest.mark.parametrize("style", SYSTEM)
def test_it_bounds_the_fonts_with_the_widths_of_times_and_helvetica(style):
    manager = pytest.importorskip("matplotlib.font_manager")
    found = [path for path in manager.findSystemFonts() if path.endswith(f"{SYSTEM[style]}.ttf")]
    if not found:
        pytest.skip("Liberation is not installed")
    widths = maker.advances(found[0])
    letters = [c for c in maker.CHARACTERS if ord(c) in widths]
    assert len(letters) > 200
    assert not [c for c in letters if c.isalnum() and c.isascii() and em(c, style) < widths[ord(c)]]
    # A sign may be wider by itself; texts of several are not.
    assert sum(em(c, style) for c in letters) > sum(widths[ord(c)] for c in letters)


def test_a_character_that_no_table_has():
    assert em("漢") == 1.1 and em("\u0301") == 0.0 and em("\u20bf") == 1.0
    assert width_of("nm", 10) == pytest.approx(10 * (em("n") + em("m")))
    assert runs_width((Run("x", "mono"),), 10) == 7


@pytest.mark.browser
@pytest.mark.parametrize("family", ["DejaVu Serif", "Liberation Serif", None])
def test_a_browser_takes_no_more_room(browser, family):
    diagrams = [PICTURES["multi_head"][0], ncd.zoo.encoder_decoder_transformer(), ncd.zoo.identity_resnet(),
                PICTURES["gather"][0]]
    tab = browser.new_page()
    for diagram in diagrams:
        tab.set_content(svg(diagram, depth=2))
        if family:
            tab.evaluate("n => document.querySelector('svg > g').setAttribute('font-family', n)", family)
        taken = tab.evaluate("[...document.querySelectorAll('svg text')].map(t => t.getComputedTextLength())")
        texts = [item for item in layered(scene_of(diagram, 2).elements) if isinstance(item, Text)]
        assert len(texts) == len(taken)
        assert not [(item.runs, length) for item, length in zip(texts, taken)
                    if length > runs_width(item.runs, item.size) + 0.5]
    tab.close()
