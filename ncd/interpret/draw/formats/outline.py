"""Texts as outlines, from the fonts that matplotlib brings: they look the same everywhere.

Matplotlib is optional, ``pip install ncd[picture]``; what is drawn to SVG, TikZ or HTML does without.
"""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import NamedTuple

from ncd.errors import OutputError
from ncd.interpret.draw.scene.mathtext import BOLD, ITALIC, MONO, SANS
from ncd.interpret.draw.scene.metrics import SMALL, printable
from ncd.interpret.draw.scene.scene import Text

RISE = {1: 0.38, 0: 0.0, -1: -0.2}      # of raised and lowered runs, in the font's size


class Outline(NamedTuple):
    """A text as one path: points (y down) and matplotlib's codes for them."""

    points: tuple[tuple[float, float], ...]
    codes: tuple[int, ...]


def require_matplotlib(what: str):
    """The package, or an error that says how to install it.

    Raises:
        OutputError: It is not installed.
    """
    try:
        import matplotlib
    except ImportError:
        raise OutputError(f"{what} wants matplotlib, which is not installed",
                          mend='pip install "ncd[picture]", or draw to .svg, .tex or .html') from None
    return matplotlib


@lru_cache(maxsize=8)
def _font(style: str):
    from matplotlib.font_manager import FontProperties
    serif = ["DejaVu Serif", "DejaVu Sans"]
    families = {SANS: ["DejaVu Sans"], MONO: ["DejaVu Sans Mono", "DejaVu Sans"]}
    return FontProperties(family=families.get(style, serif),
                          style="italic" if style == ITALIC else "normal",
                          weight="bold" if style == BOLD else "normal")


@lru_cache(maxsize=4096)
def _glyphs(text: str, style: str):
    """The outline of a text for a font of size 1, y up, and how far it goes."""
    from matplotlib.textpath import text_to_path
    font = _font(style)
    with warnings.catch_warnings():     # a letter that no font has is drawn as a box
        warnings.simplefilter("ignore")
        points, codes = text_to_path.get_text_path(font, text, ismath=False)
        width, _, _ = text_to_path.get_text_width_height_descent(text, font, ismath=False)
    scale = text_to_path.FONT_SCALE
    return ([(x / scale, y / scale) for x, y in points], [int(code) for code in codes],
            width / font.get_size_in_points())


def outline(text: Text) -> Outline:
    """A text of a scene as a path where it stands.

    Raises:
        OutputError: Matplotlib is not installed.
    """
    require_matplotlib("a text as paths")
    parts, x = [], 0.0
    for run in text.runs:
        size = text.size * (SMALL if run.level else 1)
        points, codes, width = _glyphs(printable(run.text, 10_000), run.style)
        parts.append((points, codes, size, x, RISE[run.level] * text.size))
        x += width * size
    start = text.x - {"start": 0.0, "middle": 0.5, "end": 1.0}[text.anchor] * x
    made, all_codes = [], []
    for points, codes, size, at, rise in parts:
        made += [(start + at + px * size, text.y - rise - py * size) for px, py in points]
        all_codes += codes
    return Outline(tuple(made), tuple(all_codes))


def path_data(text: Text) -> str:
    """A text of a scene as the data of an SVG path.

    Raises:
        OutputError: Matplotlib is not installed.
    """
    points, codes = outline(text)
    made, at = [], 0
    while at < len(codes):
        letter, count = {1: ("M", 1), 2: ("L", 1), 3: ("Q", 2), 4: ("C", 3), 79: ("Z", 1)}[codes[at]]
        here = " ".join(f"{x:.2f} {y:.2f}" for x, y in points[at:at + count])
        made.append(letter if letter == "Z" else letter + here)
        at += count
    return "".join(made)
