"""Boxes: marks with a name or a symbol in them, each stretched over the rows of its wires."""

from __future__ import annotations

from collections.abc import Sequence

from ncd.interpret.draw.marks.glyph import Mark, centred, centred_lines, mark, span
from ncd.interpret.draw.scene.mathtext import SANS, Runs, runs_width, word
from ncd.interpret.draw.scene.metrics import (
    BOLD_SIZE,
    DEPTH,
    INK,
    LEARNED,
    LETTER_SIZE,
    MEMORY,
    PLAIN,
    REACH,
    SOURCE,
    STAR,
    TITLE_SIZE,
)
from ncd.interpret.draw.scene.palette import faces
from ncd.interpret.draw.scene.scene import Element, Shape, rectangle


@mark
def box(ins, outs, runs: Runs, size: float = 16.0, fill: str = PLAIN, least: float = 40.0,
        line: float = 1.0) -> Mark:
    """An outlined box with a name: any operation without a mark of its own."""
    width = max(least, runs_width(runs, size) + 14)

    def draw(x, y, height):
        return [rectangle(x, y - REACH, x + width, y + height + REACH, fill=fill, width=line),
                centred(runs, x + width / 2, y + height / 2, size)]
    return Mark(tuple(ins), tuple(outs), draw, width, REACH, REACH)


@mark
def learned(ins, outs, lines: Sequence[Runs]) -> Mark:
    """A bold symbol, or a name on two lines, on a patch with one cut corner: what keeps parameters."""
    size = BOLD_SIZE if len(lines) == 1 and len(lines[0][0].text) < 4 else TITLE_SIZE
    width = max(38.0, *(runs_width(runs, size) + 14 for runs in lines))

    def draw(x, y, height):
        left, top, right, bottom, cut = x, y - REACH, x + width, y + height + REACH, 8.0
        outline = ((left, top), (right, top), (right, bottom), (left + cut, bottom), (left, bottom - cut))
        return [Shape(outline, LEARNED, "#9fb09a", 0.8),
                *centred_lines(lines, x + width / 2, y + height / 2, size)]
    return Mark(tuple(ins), tuple(outs), draw, width, REACH, REACH)


@mark
def source(outs, runs: Runs, fill: str = SOURCE, size: float = 16.0) -> Mark:
    """A small box that wires come out of: a parameter, a constant, positions, a key."""
    width = max(26.0, runs_width(runs, size) + 14)

    def draw(x, y, height):
        left, top, right, bottom, tip = x, y - 13, x + width, y + height + 13, 5.0
        outline = ((left + tip, top), (right, top), (right, bottom), (left + tip, bottom),
                   (left, bottom - tip), (left, top + tip))
        return [Shape(outline, fill, "#8c7a4d" if fill == SOURCE else INK, 0.8),
                centred(runs, x + (width + tip) / 2, y + height / 2, size)]
    return Mark((), tuple(outs), draw, width, 13.0, 13.0)


FILLS = {"plain": PLAIN, "learned": LEARNED, "source": SOURCE, "star": STAR, "memory": MEMORY}


@mark
def own(ins, outs, glyph) -> Mark:
    """The mark that an operation brings: an outline and lines over its rows, a text in the middle."""
    size = LETTER_SIZE if not glyph.corners else 16.0
    text = word(glyph.text, glyph.style, limit=40)
    width = max(glyph.width, runs_width(text, size) + 12 if glyph.text else 0.0)

    def draw(x, y, height):
        def placed(points):
            return tuple((x + width * a, y - REACH + (height + 2 * REACH) * b) for a, b in points)
        corners = glyph.corners
        made = [Shape(placed(corners), FILLS.get(glyph.fill, glyph.fill))] if corners else []
        made += [Shape(placed(line), "none", closed=False) for line in glyph.lines]
        return made + ([centred(text, x + width / 2, y + height / 2, size)] if glyph.text else [])
    return Mark(tuple(ins), tuple(outs), draw, width, REACH, REACH)


@mark
def block(ins, outs, title: str, role: str = "plain") -> Mark:
    """A box with depth and a title: a named diagram, closed."""
    front, above, beside = faces(role)
    rows = max(1, round((span(ins, outs) + 2 * REACH) / 16) - 1)
    lines = wrapped(title, rows)
    runs = [word(line, SANS) for line in lines]
    width = max(52.0, 18 + max(runs_width(line, TITLE_SIZE) for line in runs))

    def draw(x, y, height):
        left, right, top, bottom = x, x + width, y - REACH, y + height + REACH
        made = [
            rectangle(left, top, right, bottom, fill=front),
            Shape(((left, top), (left + DEPTH, top - DEPTH), (right + DEPTH, top - DEPTH), (right, top)),
                  above),
            Shape(((right, top), (right + DEPTH, top - DEPTH), (right + DEPTH, bottom - DEPTH),
                   (right, bottom)), beside)]
        return made + centred_lines(runs, x + width / 2, y + height / 2, TITLE_SIZE)
    return Mark(tuple(ins), tuple(outs), draw, width + DEPTH, REACH + DEPTH, REACH, 0.0, width + DEPTH / 2)


def wrapped(title: str, rows: int, longest: int = 16) -> list[str]:
    """A title on at most so many lines, cut between words."""
    lines = [""]
    for part in title.replace("_", " ").split() or [title]:
        if lines[-1] and len(lines[-1]) + len(part) >= longest and len(lines) < rows:
            lines.append(part)
        else:
            lines[-1] = f"{lines[-1]} {part}".strip()
    return lines


@mark
def star_box(ins, outs, lines: Sequence[Runs], stride: Runs = ()) -> Mark:
    """The small thick box of a convolution with its weights or of a pool: ★ and the kernel, the stride
    behind a diagonal in the corner."""
    width = max(36.0, *(runs_width(runs, 17.0) + 14 for runs in lines)) + (runs_width(stride, 11.0) + 4
                                                                          if stride else 0)

    def draw(x, y, height):
        top, bottom, right = y - 13, y + height + 13, x + width
        made: list[Element] = [rectangle(x, top, right, bottom, fill=STAR, width=2.0)]
        shift = 0.0
        if stride:
            shift = runs_width(stride, 11.0) + 4
            diagonal = (right - shift - 8, bottom - 2), (right - 2, bottom - shift - 8)
            made += [Shape(diagonal, "none", INK, 0.8, closed=False),
                     centred(stride, right - shift / 2 - 1, bottom - 8, 11.0)]
        return made + centred_lines(lines, x + (width - shift) / 2, y + height / 2, 17.0)
    return Mark(tuple(ins), tuple(outs), draw, width, 14.0, 14.0)
