"""A diagram as one HTML page without a network: pictures of each depth, what each thing is, live costs.

The pictures are the SVG of each level of blocks; wires and marks carry the number of what they
are about. Costs are the formulas of the cost interpretation, evaluated in the page.
"""

from __future__ import annotations

import base64
import hashlib
import inspect
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from html import escape

from ncd.algebra.convert import ONE, Size
from ncd.algebra.javascript import exact, javascript
from ncd.core.inside import diagrams_in
from ncd.interpret.draw.formats.page import PAGE, SCRIPT, STYLE
from ncd.interpret.draw.formats.svg import element, number
from ncd.interpret.draw.layout.blocks import repeated
from ncd.interpret.draw.marks.glyph import offsets
from ncd.interpret.draw.marks.plan import places_of
from ncd.interpret.draw.scene.metrics import MARGIN, SERIF, printable
from ncd.interpret.draw.scene.scene import INSIDE, REGION, Frame, Scene, Shape, Shown, Text, Wire
from ncd.ops.control import Block

MOST_LEVELS = 6


def write(drawn: Callable[[int], Scene], levels: int, title: str,
          measures: Mapping[str, tuple[str, Size]] | None = None, price: Callable | None = None,
          depth: int = 0, opened: Callable | None = None, widths: Mapping[str, int] | None = None,
          theme: str = "light") -> str:
    """The page.

    Parameters:
        drawn: A level of blocks to the scene in which it is open; levels: the last of them.
        measures: {name: (unit, formula)} of the whole diagram; none are shown where it is not given.
        price: An operation to the formula of its FLOPs, or None where it has none.
        depth: The level of blocks that is open at first.
        opened: A block to the mark of its body, laid out, to be opened in place.
        widths: {dtype: bytes of an element}; an array of another dtype shows its elements only.
        theme: That of the page as it opens.
    """
    formulas = _Formulas()
    things = _Things(formulas, price, widths or {})
    costs = [{"name": name, "unit": unit} | formulas.of(size)
             for name, (unit, size) in (measures or {}).items()]
    top = min(levels, MOST_LEVELS)
    pictures = [_picture(drawn(level), things) for level in range(top + 1)]
    views = "".join(f'<section data-level="{level}"{"" if level == min(depth, top) else " hidden"}>{svg}'
                    "</section>" for level, svg in enumerate(pictures))
    bodies = _bodies(things, opened) if opened is not None else ""
    data = {"things": things.rows, "symbols": sorted(formulas.symbols), "level": min(depth, top),
            "levels": top, "measures": costs, "theme": theme}
    text = json.dumps(data, ensure_ascii=True).replace("<", "\\u003c").replace("&", "\\u0026")
    shown, script = escape(printable(title, 10_000)), formulas.script() + SCRIPT
    parts = {"TITLE": shown, "VIEWS": views, "DATA": text, "BODIES": bodies, "STYLE": STYLE, "SCRIPT": script,
             "POLICY": f"style-src {_hash(STYLE)}; script-src {_hash(script)}"}
    return re.sub(f"@({'|'.join(parts)})@", lambda match: parts[match[1]], PAGE)


def _hash(text: str) -> str:
    """What a content policy calls the text of an inline script or style."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode('utf-8')).digest()).decode('ascii')}'"


class _Formulas:
    """The formulas of the page, each distinct one once: functions in its script, so that no text is run."""

    def __init__(self):
        self.sizes: dict[Size, int] = {}

    @property
    def symbols(self) -> set[str]:
        return {name for size in self.sizes for name in size.symbols}

    def of(self, size: Size) -> dict:
        """A formula to read, and the number of its functions."""
        return {"text": str(size), "formula": self.sizes.setdefault(size, len(self.sizes))}

    def script(self) -> str:
        """In floats, and in whole numbers with what they are to be divided by."""
        lines = []
        for size in self.sizes:
            whole = exact(size)
            more = f", exact: (b, floor, max, min, power) => {whole[0]}, over: {whole[1]}n" if whole else ""
            lines.append(f"  {{ code: s => {javascript(size)}{more} }}")
        return "\n\"use strict\";\nconst formulas = [\n" + ",\n".join(lines) + "\n];"


class _Things:
    """What may be pointed at: operations and axes, each distinct one once."""

    def __init__(self, formulas: _Formulas, price: Callable | None, widths: Mapping[str, int]):
        self.widths, self.price, self.formula = widths, price, formulas.of
        self.rows, self.numbers, self.abouts = [], {}, []

    def number(self, about) -> int:
        if about not in self.numbers:
            row = self._axis(*about) if isinstance(about, tuple) else self._operation(
                about if isinstance(about, Shown) else Shown(about))
            self.numbers[about] = len(self.rows)
            self.rows.append(row)
            self.abouts.append(about)
        return self.numbers[about]

    def group(self, about, inside: str) -> str:
        """What is drawn of a thing, as one group that can be pointed at and reached by keys."""
        thing = self.number(about)
        row = self.rows[thing]
        label = escape(f"{row['name']}: {row.get('type') or row.get('array')}", quote=True)
        kind = f'class="{row["kind"]}" role="img"'
        if row.get("block"):
            kind = 'class="op block" role="button" aria-expanded="false"'
        elif isinstance(about, Shown) and about.opened:
            kind = 'class="op around" role="img"'
        return f'<g {kind} data-thing="{thing}" tabindex="0" aria-label="{label}">{inside}</g>'

    def _axis(self, array, row: int) -> dict:
        made = {"kind": "wire", "array": str(array), "dtype": array.dtype,
                "elements": self.formula(array.elements)}
        width = self.widths.get(array.dtype)
        if width is not None:
            made["bytes"] = self.formula(width * array.elements)
        if array.axes:
            axis = array.axes[row]
            made |= {"name": str(axis.label), "size": self.formula(axis.size)}
        else:
            made["name"] = "()"
        return made

    def _operation(self, shown: Shown) -> dict:
        op, block = shown.op, _block(shown.op)
        made = {"kind": "op", "block": block is not None and not shown.opened,
                "name": printable(op.name, 200), "place": op.place or "",
                "type": f"{', '.join(map(str, op.dom))} -> {', '.join(map(str, op.cod))}"}
        lines = (inspect.getdoc(type(op)) or "").splitlines()
        for key in ("Equation:", "Source:"):
            found = next((line for line in lines if line.strip().startswith(key)), "")
            if found:
                made[key[:-1].lower()] = found.strip()[len(key):].strip()
        if made["block"]:
            made["inside"] = _names_inside(block)
            rows = [",".join(map(number, offsets(places_of(arrays)))) for arrays in (op.dom, op.cod)]
            made["ins"], made["outs"] = rows
        flops = None if self.price is None else self.price(getattr(op, "original", op))
        if flops is not None:               # in a repetition, of all its steps
            made["flops"] = self.formula(shown.times * flops)
            if shown.times != ONE:
                made["step"], made["times"] = self.formula(flops), self.formula(shown.times)
        return made


def _block(op) -> Block | None:
    """The block that an operation is, also where its axes are drawn as multi-axes."""
    op = getattr(op, "original", op)
    return op if isinstance(op, Block) else None


def _names_inside(block: Block, most: int = 200) -> str:
    """What a closed block can be searched for: the names of the operations in it, at any depth."""
    names, seen, waiting = {}, set(), [block.body]
    while waiting and len(names) < most:
        for op in dict.fromkeys(waiting.pop().graph.ops):
            if op not in seen:
                seen.add(op)
                names[printable(op.name, 200)] = None
                waiting += diagrams_in(op)
    return "\n".join(names)


def _picture(scene: Scene, things: _Things) -> str:
    left, top, right, bottom = scene.bounds()
    box = (left - MARGIN, top - MARGIN, right - left + 2 * MARGIN, bottom - top + 2 * MARGIN)
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{" ".join(map(number, box))}" '
             f'font-family="{SERIF}" fill="#111111" data-frame="{_frame(scene.frame)}">']
    lines += [_group(about, items, things) for about, items in _grouped(scene)]
    lines.append("</svg>")
    return "\n".join(lines)


def _frame(frame: Frame) -> str:
    """The box, the columns and the frames, for the page: numbers in brackets."""
    left, top, right, bottom = frame.box
    numbers = ",".join(map(number, (left, top, right, bottom, frame.spare, frame.stacked)))
    spans = ",".join(f"{number(begin)},{number(end)}" for begin, end in frame.spans)
    return f"[[{numbers}],[{spans}],[{','.join(map(_frame, frame.frames))}]]"


def _bodies(things: _Things, opened: Callable) -> str:
    """A template for each block that is drawn closed somewhere, in a picture or in another template."""
    made, at = [], 0
    while at < len(things.rows):
        if things.rows[at].get("block"):
            shown = things.abouts[at]
            op, times = (shown.op, shown.times) if isinstance(shown, Shown) else (shown, ONE)
            mark = opened(op)
            items = mark.draw(0.0, 0.0, mark.height)
            if times != ONE:
                items = list(repeated(items, times))
            title, inside = items[:2], Scene(items[2:])
            groups = "".join(_group(about, items, things) for about, items in _grouped(inside))
            rows = [",".join(map(number, offsets)) for offsets in (mark.in_offsets, mark.out_offsets)]
            label = escape(f"close {things.rows[at]['name']}", quote=True)
            made.append(
                f'<template id="body-{at}"><svg xmlns="http://www.w3.org/2000/svg">'
                f'<g class="opened" role="group" data-frame="{_frame(mark.frame)}" '
                f'data-ins="{rows[0]}" data-outs="{rows[1]}"><g class="title" tabindex="0" role="button" '
                f'aria-expanded="true" aria-label="{label}">{"".join(map(element, title))}</g>'
                f"{groups}</g></svg></template>")
        at += 1
    return "".join(made)


def _group(about, items: list, things: _Things) -> str:
    inside = "".join(_drawn(item) for item in items if not isinstance(item, Shape) or item.seen)
    if about is not None:
        return things.group(about, inside)
    around = any(isinstance(item.about, Shown) and item.about.opened for item in items)     # a shade
    return f'<g class="around">{inside}</g>' if around and inside else inside


def _grouped(scene: Scene) -> list[tuple[object, list]]:
    """The elements of each thing together, where it was drawn at once; the rest one by one."""
    groups: list[tuple[object, list]] = []
    for item in scene.elements:
        about = None if item.layer == REGION or item.about is INSIDE else item.about
        if about is not None and groups and groups[-1][0] == about and not _begins(item, groups[-1][1][-1]):
            groups[-1][1].append(item)
        else:
            groups.append((about, [item]))
    return sorted(groups, key=lambda group: min(item.layer for item in group[1]))


def _begins(item, before) -> bool:
    """Whether the mark of another, equal block begins: a closed block is its faces, then its title."""
    op = item.about.op if isinstance(item.about, Shown) else item.about
    return isinstance(item, Shape) and isinstance(before, Text) and _block(op) is not None


def _drawn(item) -> str:
    text = element(item)
    if isinstance(item, Wire) and item.about is not None:    # a wire is thin: what is pointed at is wider
        text += element(replace(item, kind="wire")).replace('class="wire"', 'class="hit"')
    return text
