"""Drawing: a diagram to a scene of wires, marks and labels, then to a file.

>>> from ncd.construct.notation import einsum
>>> picture = svg(einsum("y k, x k -> y x"))
>>> picture.startswith("<svg ") and picture.endswith("</svg>\\n")
True
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace

from ncd.core.argument import public
from ncd.errors import NcdError, OutputError
from ncd.file import files
from ncd.interpret.draw.formats.svg import write
from ncd.interpret.draw.layout.blocks import levels, opened_mark, scene_of
from ncd.interpret.draw.scene.metrics import MARGIN, THEMES
from ncd.interpret.draw.scene.scene import Scene
from ncd.interpret.draw.scene.style import NARROWEST, Style, style_of

TRIES = 3


@public
def svg(diagram, depth: int = 0, theme: str = "light", **options) -> str:
    """A diagram or an equation as the text of an SVG picture, in the style of Neural Circuit Diagrams.

    Parameters:
        depth, theme, options: See :class:`ncd.interpret.draw.scene.style.Style`.
    """
    style = style_of({"depth": depth, "theme": theme, **options})
    outlined = None
    if style.text_as_paths:
        from ncd.interpret.draw.formats.outline import path_data as outlined
    return write(*_scene(diagram, style), THEMES[style.theme], outlined, style.width)


def _scene(diagram, style: Style, apart: bool = False) -> tuple[Scene, str]:
    """The scene of what is drawn, and what readers are told that it is."""
    if hasattr(diagram, "scene"):
        return diagram.scene(style.depth, apart, style), str(diagram)
    diagram = _diagram(diagram)
    return scene_of(diagram, style.depth, apart, style), str(diagram)


def _tex(diagram, depth: int = 0, **options) -> str:
    from ncd.interpret.draw.formats import tex
    style = _without_paths(style_of({"depth": depth, **options}), "TikZ")
    return tex.write(*_scene(diagram, style), THEMES[style.theme], style.width)


def _without_paths(style: Style, what: str) -> Style:
    if style.text_as_paths:
        raise NcdError(f"{what} has no texts as outlines", have="text_as_paths=True",
                       mend="leave it out, or draw to .svg; .png and .pdf always have them")
    return style


@public
def text(diagram, depth: int = 0, width: int | None = None, **options) -> str:
    """A diagram as Unicode text, at most as wide as the terminal or as so many characters.

    >>> from ncd.construct.generators import elementwise
    >>> print(text(elementwise("tanh").on("x"), width=40), end="")
    x   ▸  tanh ▸   x
    ───────────────────
    """
    from ncd.interpret.draw.formats import terminal
    style, limit = _without_paths(style_of({"depth": depth, **options}), "a text"), terminal.columns(width)
    if style.theme != "light":
        raise NcdError(f"a text has no colours, so no theme {style.theme!r}",
                       mend="leave the theme out, or draw to .svg, .html, .png, .pdf or .tex")
    if style.width is not None or hasattr(diagram, "scene"):
        return terminal.write(_scene(diagram, style)[0], limit)
    room = terminal.ACROSS * (limit - 2) + 2 * MARGIN
    for _ in range(TRIES):              # wires that turn may need more columns than the picture has room for
        rows = terminal.rows(_scene(diagram, replace(style, width=room))[0])
        wider = max(map(len, rows), default=0) - limit
        room -= terminal.ACROSS * wider
        if wider <= 0 or room < NARROWEST:
            break
    return terminal.joined(rows, limit)


def _png(diagram, depth: int = 0, **options) -> bytes:
    from ncd.interpret.draw.formats import raster
    style = style_of({"depth": depth, **options})
    return raster.png(*_scene(diagram, style), THEMES[style.theme], style.width)


def _pdf(diagram, depth: int = 0, **options) -> bytes:
    from ncd.interpret.draw.formats import raster
    style = style_of({"depth": depth, **options})
    return raster.pdf(*_scene(diagram, style), THEMES[style.theme], style.width)


@public
def html(diagram, depth: int = 0, measures=None, price=None, widths=None, **options) -> str:
    """A diagram as one HTML page, see :mod:`ncd.interpret.draw.formats.html`."""
    from ncd.interpret.draw.formats import html as live
    style = _without_paths(style_of({"depth": depth, **options}), "a page")
    title = getattr(diagram, "title", None)
    shown = diagram if hasattr(diagram, "scene") else _diagram(diagram)
    most = shown.levels if hasattr(shown, "scene") else levels(shown)
    name = f"{title}: {shown}" if isinstance(title, str) else str(shown)
    return live.write(lambda level: _scene(shown, replace(style, depth=level), True)[0], most, name, measures,
                      price, style.depth, lambda block: opened_mark(block, style), widths, style.theme)


FORMATS = {".svg": svg, ".html": html, ".tex": _tex, ".png": _png, ".pdf": _pdf, ".txt": text}


@public
def draw(diagram, path: str | os.PathLike | None = None, depth: int = 0, theme: str = "light",
         page: Mapping | None = None, **options) -> str | bytes:
    """Draw a diagram or an equation; write it to a file whose suffix names the format.

    Type:      a diagram -> what was written (SVG where there is no path)
    Parameters:
        path: A file name that ends in ``.svg``, ``.html`` (pan, zoom, live costs), ``.tex`` (TikZ,
            compiles alone), ``.png`` or ``.pdf`` (by matplotlib, an extra), ``.txt`` (Unicode, for a
            terminal), or None.
        depth: How many levels of blocks are opened.
        theme: ``"light"`` or ``"dark"``; a text has no colours and takes no other than light.
        page: For HTML, ``measures``, ``price`` and ``widths``: the costs that the page shows.
        options: ``width``, ``names``, ``multi``, ``legend``, ``fences``, ``memory``,
            ``text_as_paths``: see
            :class:`ncd.interpret.draw.scene.style.Style`.
    Raises:    OutputError: Another suffix, a renderer that is not installed, or a file that cannot be
               written; a file that stood there before is then untouched.

    >>> from ncd.construct.generators import elementwise
    >>> print("<title>() -&gt; ()</title>" in draw(elementwise("relu")))
    True
    """
    if path is None:
        return svg(diagram, depth, theme, **options)
    name = os.fspath(path)
    suffix = os.path.splitext(name)[1].lower()
    if suffix not in FORMATS:
        raise OutputError(f"cannot draw to {os.path.basename(name)!r}",
                          have=suffix or "no suffix", want=", ".join(FORMATS),
                          mend="name it diagram.svg")
    if suffix == ".html":
        options |= page or {}
    made = FORMATS[suffix](diagram, depth, theme=theme, **options)
    files.write(name, made)
    return made


def _diagram(diagram):
    found = getattr(diagram, "diagram", diagram)
    if not hasattr(found, "graph"):
        raise NcdError(f"cannot draw a {type(diagram).__name__}", want="a diagram or an operation")
    return found
