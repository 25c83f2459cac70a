"""Texts beside diagrams, a formula or code, and colours that link a term to the operations it stands for.

One colour links the term of an equation, the span of the code and the region of the diagram.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise

from ncd.core.op import Operation
from ncd.errors import NcdError
from ncd.interpret.draw.scene.mathtext import ITALIC, MONO, ROMAN, Run, Runs, plain, runs_width
from ncd.interpret.draw.scene.metrics import printable
from ncd.interpret.draw.scene.palette import LINKS
from ncd.interpret.draw.scene.scene import REGION, Element, Scene, Shown, Text, Wire, rectangle

FORMULA_SIZE, CODE_SIZE, LINE = 19.0, 12.5, 17.5
APART = 40.0         # two marks of one operation that are further apart are two regions
PAD = 8.0
LONGEST = 400
_PIECES = re.compile(r"\^\{([^}]*)\}|_\{([^}]*)\}|\^(\S)|_(\S)|([^\W\d_]+)|([^\^_])", re.S)

Links = Mapping[str, "Operation | str"]


def text_scene(text: str, links: Links) -> Scene:
    """A formula on one line, or code on several, the linked terms on their colours."""
    lines = text.strip("\n").split("\n")
    code = len(lines) > 1
    size, step = (CODE_SIZE, LINE) if code else (FORMULA_SIZE, 0.0)
    terms = [term.replace(" ", "\u00a0") if code else _bare(term) for term in links]
    scene = Scene()
    for number, line in enumerate(lines):
        runs, x, y = _code(line) if code else _formula(line), 0.0, step * number
        for piece, colour in _pieces(runs, terms):
            width = runs_width(piece, size)
            if colour is not None:
                scene.elements.append(rectangle(x, y - 0.86 * size, x + width, y + 0.34 * size, fill=colour,
                                                stroke="none", layer=REGION))
            if plain(piece).strip():    # in the middle of its room: viewers' fonts differ in width
                scene.elements.append(Text(piece, x + width / 2, y, size, "middle"))
            x += width
    return scene


def _pieces(runs: Runs, terms: Sequence[str]) -> list[tuple[Runs, str | None]]:
    """A line in pieces, those that are linked terms with their colours; the longest terms first."""
    text = plain(runs)
    owner: list[str | None] = [None] * len(text)
    ends = {0, len(text)}
    for term, colour in sorted(zip(terms, LINKS), key=lambda pair: -len(pair[0])):
        at = text.find(term) if term else -1
        while at >= 0:
            if not any(owner[at:at + len(term)]):
                owner[at:at + len(term)] = [colour] * len(term)
                ends |= {at, at + len(term)}
            at = text.find(term, at + len(term))
    made = []
    for start, stop in pairwise(sorted(ends)):
        made.append((_cut(runs, start, stop), owner[start]))
    return made


def _cut(runs: Runs, start: int, stop: int) -> Runs:
    """The characters of a line from one place to another."""
    made, at = [], 0
    for run in runs:
        piece = run.text[max(0, start - at):max(0, stop - at)]
        if piece:
            made.append(run._replace(text=piece))
        at += len(run.text)
    return tuple(made)


def checked_links(links: Links) -> dict[str, Operation | str]:
    """The links, as many as there are colours.

    Raises:
        NcdError: A term that is no text, an operation that is none, or too many.
    """
    if not isinstance(links, Mapping) or len(links) > len(LINKS):
        raise NcdError(f"links={links!r:.60}", want=f"a mapping of at most {len(LINKS)} terms to operations")
    made = {}
    for term, op in links.items():
        op = getattr(op, "op", op)
        if not isinstance(term, str) or not term.strip() or not isinstance(op, (str, Operation)):
            raise NcdError(f"the link {term!r:.40}: {op!r:.60}", want="a term to an operation or its name")
        made[term] = op
    return made


def unlinked(links: Links, texts: Sequence[str], operations: Sequence[Operation]) -> list[str]:
    """What links name and no side has."""
    return [term for term, op in links.items() if not any(_is(one, op) for one in operations)
            or not any(term in text or _bare(term) in plain(_formula(text)) for text in texts)]


def regions(scene: Scene, links: Links) -> list[Element]:
    """A coloured region behind the marks of each linked operation."""
    made: list[Element] = []
    for colour, op in zip(LINKS, links.values()):
        boxes = sorted(item.bounds() for item in scene.elements if not isinstance(item, Wire)
                       and item.layer != REGION and item.about is not None
                       and not isinstance(item.about, tuple) and _is(item.about, op))
        groups: list[list[float]] = []
        for left, top, right, bottom in boxes:
            if groups and left - groups[-1][2] <= APART:
                group = groups[-1]
                groups[-1] = [group[0], min(group[1], top), max(group[2], right), max(group[3], bottom)]
            else:
                groups.append([left, top, right, bottom])
        made += [rectangle(left - PAD, top - PAD, right + PAD, bottom + PAD, fill=colour, stroke="none",
                           layer=REGION) for left, top, right, bottom in groups]
    return made


def _is(op, wanted: Operation | str) -> bool:
    op = op.op if isinstance(op, Shown) else op
    op = getattr(op, "original", op)
    inner = getattr(op, "op", op)
    if isinstance(wanted, Operation):
        return wanted in (op, inner)
    names = {name for one in (op, inner) for name in (
        one.name, one.name.partition("[")[0], getattr(one, "title", None), one.place)}
    return wanted in names


def _bare(term: str) -> str:
    """The characters of a term without the signs that raise and lower them."""
    return plain(_formula(term))


def _formula(text: str) -> Runs:
    """Letters and products of two capitals italic, words upright.

    ``^`` raises and ``_`` lowers a character or what is in braces.
    """
    made: list[Run] = []
    for match in _PIECES.finditer(printable(text, LONGEST)):
        up, down, above, below, letters, other = match.groups()
        if up is not None or above is not None:
            made.append(Run(up if up is not None else above, ITALIC, 1))
        elif down is not None or below is not None:
            made.append(Run(down if down is not None else below, ITALIC, -1))
        elif letters is not None:
            variables = len(letters) == 1 or (len(letters) == 2 and letters.isupper())
            made.append(Run(letters, ITALIC if variables else ROMAN))
        else:
            made.append(Run(other))
    return tuple(made)


def _code(line: str) -> Runs:
    return (Run(printable(line.expandtabs(4), LONGEST).replace(" ", "\u00a0"), MONO),)
