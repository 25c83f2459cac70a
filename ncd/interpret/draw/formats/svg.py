"""A scene as SVG text: deterministic byte for byte, every text escaped, nothing from outside."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from xml.sax.saxutils import escape, quoteattr

from ncd.interpret.draw.scene.mathtext import BOLD, ITALIC, Runs, written
from ncd.interpret.draw.scene.mathtext import MONO as MONO_STYLE
from ncd.interpret.draw.scene.mathtext import SANS as SANS_STYLE
from ncd.interpret.draw.scene.metrics import (
    FAINT,
    INK,
    LIGHT,
    MARGIN,
    MONO,
    PLAIN,
    SANS,
    SERIF,
    SMALL,
    printable,
)
from ncd.interpret.draw.scene.scene import Arc, Element, Scene, Shape, Text, Wire

_WIRE_STYLE = {"wire": (INK, ""), "double": (INK, ""), "tail": (FAINT, ""),
               "fence": (FAINT, ' stroke-dasharray="1.1 3.4"'),
               "scalar": (FAINT, ' stroke-dasharray="1.5 3"'), "dash": (INK, ' stroke-dasharray="6 5"')}
Palette = Mapping[str, str]


def number(value: float) -> str:
    """A coordinate with at most two decimals and no noise.

    >>> number(1.0), number(-0.001), number(2.345678)
    ('1', '0', '2.35')
    """
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def _attribute(text: str) -> str:
    return quoteattr(printable(text, 10_000))


def wire_path(wire: Wire) -> str:
    """The path of a wire: cubics with horizontal tangents where its height changes."""
    return "".join(_line(points, wire.straight) for points in wire.lines)


def _line(points: Sequence[tuple[float, float]], straight: bool) -> str:
    (x, y), *rest = points
    pieces = [f"M{number(x)} {number(y)}"]
    for to_x, to_y in rest:
        if to_y == y:
            pieces.append(f"H{number(to_x)}")
        elif straight:
            pieces.append(f"L{number(to_x)} {number(to_y)}")
        else:
            half = (to_x - x) / 2
            pieces.append(f"C{number(x + half)} {number(y)} {number(to_x - half)} {number(to_y)} "
                          f"{number(to_x)} {number(to_y)}")
        x, y = to_x, to_y
    return "".join(pieces)


def _wire(wire: Wire, palette: Palette) -> str:
    colour, dashes = _WIRE_STYLE[wire.kind]
    return (f'<path class="{wire.kind}" d="{wire_path(wire)}" fill="none" '
            f'stroke="{palette.get(colour, colour)}"{dashes}/>')


def _shape(shape: Shape, palette: Palette) -> str:
    fill, edge = palette.get(shape.fill, shape.fill), palette.get(shape.stroke, shape.stroke)
    stroke = "" if shape.stroke == "none" else f' stroke="{edge}" stroke-width="{number(shape.width)}"'
    if shape.radius:
        (x, y), = shape.points
        return (f'<circle cx="{number(x)}" cy="{number(y)}" r="{number(shape.radius)}" '
                f'fill="{fill}"{stroke}/>')
    points = "L".join(f"{number(x)} {number(y)}" for x, y in shape.points)
    return f'<path d="M{points}{"Z" if shape.closed else ""}" fill="{fill}"{stroke}/>'


def _arc(arc: Arc, palette: Palette) -> str:
    return (f'<path d="{"".join(map(_half, arc.lines))}" fill="none" stroke="{palette.get(INK, INK)}" '
            f'stroke-width="{number(arc.width)}"/>')


def _half(arc: Arc) -> str:
    radius = (arc.bottom - arc.top) / 2
    return (f"M{number(arc.x)} {number(arc.top)}A{number(abs(arc.reach))} {number(radius)} 0 0 "
            f"{1 if arc.reach > 0 else 0} {number(arc.x)} {number(arc.bottom)}")


def spans(runs: Runs, size: float) -> str:
    """The runs of a formula; each raised or lowered one is followed by a return to the line."""
    made, level = [], 0
    for run in runs:
        attributes = []
        if run.style == ITALIC:
            attributes.append('font-style="italic"')
        elif run.style == BOLD:
            attributes.append('font-weight="bold"')
        elif run.style == SANS_STYLE:
            attributes.append(f'font-family="{SANS}"')
        elif run.style == MONO_STYLE:
            attributes.append(f'font-family="{MONO}"')
        if run.level != level:
            rise = {1: -0.38, 0: 0.0, -1: 0.2}
            attributes.append(f'dy="{number((rise[run.level] - rise[level]) * size)}"')
            level = run.level
        if run.level:
            attributes.append(f'font-size="{number(size * SMALL)}"')
        inside = escape(printable(run.text, 10_000))
        made.append(f"<tspan {' '.join(attributes)}>{inside}</tspan>" if attributes else inside)
    return "".join(made)


def _text(text: Text, palette: Palette) -> str:
    anchor = "" if text.anchor == "start" else f' text-anchor="{text.anchor}"'
    fill = "" if text.fill == INK else f' fill="{palette.get(text.fill, text.fill)}"'
    return (f'<text x="{number(text.x)}" y="{number(text.y)}" '
            f'font-size="{number(text.size)}"{anchor}{fill}>'
            f"{spans(text.runs, text.size)}</text>")


_WRITERS = {Wire: _wire, Shape: _shape, Arc: _arc, Text: _text}


def element(item: Element, palette: Palette = LIGHT) -> str:
    return _WRITERS[type(item)](item, palette)


def layered(elements: Iterable[Element]) -> Sequence[Element]:
    """Regions first, then separators, wires, marks and texts; else in the order drawn; what only keeps
    room is left out."""
    return sorted((item for item in elements if not isinstance(item, Shape) or item.seen),
                  key=lambda item: item.layer)


def _outlined(text: Text, palette: Palette, outlined: Callable[[Text], str]) -> str:
    """A text as a path, told to readers as what it says."""
    return (f'<path class="text" role="img" aria-label={_attribute(written(text.runs))} '
            f'd="{outlined(text)}" fill="{palette.get(text.fill, text.fill)}"/>')


def smaller(width: float, limit: float | None) -> float:
    """The part of its size in which a picture is no wider than it may be: 1 where it is not."""
    return 1.0 if limit is None else min(1.0, limit / width)


def write(scene: Scene, title: str, palette: Palette = LIGHT,
          outlined: Callable[[Text], str] | None = None, limit: float | None = None) -> str:
    """The whole document: a page with the scene, its margins and a title for readers.

    Parameters:
        outlined: A text to the data of a path, where texts are drawn as paths.
        limit: The widest that the picture may be; what is wider is shown smaller.
    """
    left, top, right, bottom = scene.bounds()
    left, top = left - MARGIN, top - MARGIN
    width, height = right + MARGIN - left, bottom + MARGIN - top
    box = f"{number(left)} {number(top)} {number(width)} {number(height)}"
    factor = smaller(width, limit)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" width="{number(width * factor)}" '
        f'height="{number(height * factor)}" role="img" aria-label={_attribute(title)}>',
        f"<title>{escape(printable(title, 10_000))}</title>",
        f'<rect x="{number(left)}" y="{number(top)}" width="{number(width)}" height="{number(height)}" '
        f'fill="{palette.get(PLAIN, PLAIN)}"/>',
        f'<g font-family="{SERIF}" fill="{palette.get(INK, INK)}" stroke-linecap="butt" '
        'stroke-linejoin="round">']
    lines.extend(element(item, palette) if outlined is None or not isinstance(item, Text)
                 else _outlined(item, palette, outlined) for item in layered(scene.elements))
    lines.append("</g>\n</svg>\n")
    return "\n".join(lines)
