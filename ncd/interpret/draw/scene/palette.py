"""Colours: one hue for each role of a block, as tints of the page.

Hues are those of Okabe and Ito (Color Universal Design, 2008), told apart by colour-blind readers;
tints are so light that black lines and texts stay legible on them and in black and white.
"""

from __future__ import annotations

HUES = {"attention": "#cc79a7", "feed-forward": "#56b4e9", "convolution": "#0072b2",
        "normalisation": "#d55e00", "recurrence": "#e69f00", "choice": "#f0e442",
        "whole": "#7a7a8c", "plain": "#009e73"}
"""{role: hue}. A whole is a block of blocks; plain is what has no other role."""

LINKS = ("#cfe3f7", "#fbdcc4", "#d3ecd9", "#f6edb0", "#ecd3e4", "#d6d6e6", "#c9ebf2", "#f3d0d0")
"""Colours that link a term, a span of code and a region, in the order of the links."""

DARK_PAGE = "#15181d"
_REGION, _FRONT, _TOP, _SIDE = (0.09, 0.16), 0.26, 0.13, 0.45


def mixed(hue: str, page: str, part: float) -> str:
    """A part of one colour on another.

    >>> mixed("#000000", "#ffffff", 0.2)
    '#cccccc'
    """
    pairs = zip(bytes.fromhex(hue[1:]), bytes.fromhex(page[1:]))
    return "#" + "".join(f"{round(part * one + (1 - part) * other):02x}" for one, other in pairs)


def region(role: str, level: int, page: str = "#ffffff") -> str:
    """The colour behind an opened block; those of one role inside each other differ."""
    return mixed(HUES[role], page, _REGION[level % 2])


def faces(role: str, page: str = "#ffffff") -> tuple[str, str, str]:
    """The colours of a closed block: its front, top and side."""
    return tuple(mixed(HUES[role], page, part) for part in (_FRONT, _TOP, _SIDE))


def dark() -> dict[str, str]:
    """{a colour of a light picture: that of the dark one}."""
    made = {colour: mixed(colour, DARK_PAGE, 0.3) for colour in LINKS}
    for role in HUES:
        made |= {region(role, level): region(role, level, DARK_PAGE) for level in (0, 1)}
        made |= dict(zip(faces(role), faces(role, DARK_PAGE)))
    return made
