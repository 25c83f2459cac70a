"""Measures of the picture: distances in pixels, colours, and a bound of the width of a text.

Fonts differ from one viewer to the next, so nothing in the picture depends on a font being there: a text
has the room that it takes in the widest of DejaVu, Times, Palatino and Helvetica, character by character
(the table of :mod:`ncd.interpret.draw.scene.advances`, made by ``tests/advances.py``). Palatino comes first
where
it is, since it looks more like the published figures; DejaVu, which is nearly always the widest, last.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from math import fsum

from ncd.interpret.draw.scene.advances import ADVANCES
from ncd.interpret.draw.scene.palette import dark as dark_roles

WIRE = 20.0          # between two wires of one array
BUNDLE = 38.0        # between the last wire of an array and the first of the next
DASH = 20.0          # from a separator down to the next wire
PAD = 8.0            # room left and right of a mark
LABEL_SIZE, NAME_SIZE, BOLD_SIZE, TITLE_SIZE, LETTER_SIZE = 15.0, 19.0, 22.0, 13.0, 27.0
RISE = 4.5           # from a wire up to the foot of its label
DOT = 3.5
DOUBLE = 1.6         # half the distance of the two lines of a double wire
REACH = 14.5         # how far a box reaches above its first wire and below its last: a separator passes there
DEPTH = 8.0          # how far a block stands out of the page
MARGIN = 16.0
SMALL = 0.7          # the size of superscripts and subscripts

SERIF = "Palatino, 'Palatino Linotype', 'TeX Gyre Pagella', 'Book Antiqua', Georgia, 'DejaVu Serif', serif"
SANS = "'Gill Sans', 'TeX Gyre Heros', Helvetica, Arial, 'DejaVu Sans', sans-serif"
MONO = "'DejaVu Sans Mono', Menlo, Consolas, 'Liberation Mono', monospace"

INK, FAINT = "#111111", "#8a8a8a"
LEARNED, SOURCE, VIEW_BAR, INDEX = "#e3ece0", "#fbeed3", "#111111", "#27496d"
STAR, PLAIN, MEMORY, PANEL = "#d7ecef", "#ffffff", "#fbf6c8", "#f3f3f4"

LIGHT: dict[str, str] = {}
DARK = {INK: "#e8eaf0", PLAIN: "#15181d", FAINT: "#8d95a3", LEARNED: "#2b3a2a", "#9fb09a": "#6f8a6a",
        SOURCE: "#3b3320", "#8c7a4d": "#b09a63", INDEX: "#9db8ff", STAR: "#1f3b41",
        MEMORY: "#3a3618", PANEL: "#22262d", **dark_roles()}
THEMES = {"light": LIGHT, "dark": DARK}
"""{theme: {a colour of the light one: its own}}: wires stay apart from the page in each."""

_EM = {style: {character: width / 100 for width, characters in rows.items() for character in characters}
       for style, rows in ADVANCES.items()}


@lru_cache(maxsize=4096)
def em(character: str, style: str = "roman") -> float:
    """The width of a character as a part of the font's size; of one that the table lacks, a full square."""
    found = _EM[style].get(character)
    if found is not None:
        return found
    if unicodedata.combining(character):
        return 0.0
    return 1.1 if unicodedata.east_asian_width(character) in "WF" else 1.0


def width_of(text: str, size: float, style: str = "roman") -> float:
    """A bound of the width of a text in pixels, by the advance widths of its characters.

    >>> round(width_of("x", 10.0), 2)
    5.7
    """
    # Exactly rounded: sum() of floats differs between versions of Python, and a picture must not.
    return size * fsum(em(character, style) for character in text)


def printable(text: str, limit: int = 48) -> str:
    """A text that every XML reader takes: one line, no control characters, of bounded length.

    >>> printable("a\\x00b\\nc")
    'a\ufffdb c'
    """
    if len(text) > limit:
        text = text[:limit - 1] + "…"
    return "".join(" " if c in "\t\n\r" else "\ufffd" if unicodedata.category(c) in (
        "Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") else c for c in text)
