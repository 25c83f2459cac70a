"""A diagram as one HTML page without a network: pictures of each depth, what each thing is, live costs.

The pictures are the SVG of each level of blocks; wires and marks carry the number of what they
are about. Costs are the formulas of the cost interpretation, evaluated in the page.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from html import escape

from ncd.core.check import diagrams_in
from ncd.core.javascript import exact, javascript
from ncd.core.size import Size
from ncd.interpret.draw.measure import MARGIN, SERIF, printable
from ncd.interpret.draw.page import PAGE
from ncd.interpret.draw.scene import REGION, Scene, Shape, Wire
from ncd.interpret.draw.svg import element, number
from ncd.ops.control import Block

MOST_LEVELS = 6


def write(drawn: Callable[[int], Scene], levels: int, title: str,
          measures: Mapping[str, tuple[str, Size]] | None = None, price: Callable | None = None,
          depth: int = 0, opened: Callable | None = None, widths: Mapping[str, int] | None = None) -> str:
    """The page.

    Parameters:
        drawn: A level of blocks to the scene in which it is open; levels: the last of them.
        measures: {name: (unit, formula)} of the whole diagram; none are shown where it is not given.
        price: An operation to the formula of its FLOPs, or None where it has none.
        depth: The level of blocks that is open at first.
        opened: A block to the mark of its body, laid out, to be opened in place.
        widths: {dtype: bytes of an element}; an array of another dtype shows its elements only.
    """
    things = _Things(measures or {}, price, widths or {})
    top = min(levels, MOST_LEVELS)
    pictures = [_picture(drawn(level), things) for level in range(top + 1)]
    views = "".join(f'<section data-level="{level}"{"" if level == min(depth, top) else " hidden"}>{svg}'
                    "</section>" for level, svg in enumerate(pictures))
    bodies = _bodies(things, opened) if opened is not None else ""
    symbols = sorted({name for size in things.sizes for name in size.symbols})
    data = {"things": things.rows, "symbols": symbols, "level": min(depth, top), "levels": top,
            "measures": [{"name": name, "unit": unit, "formula": str(size)} | _code(size)
                         for name, (unit, size) in (measures or {}).items()]}
    text = json.dumps(data, ensure_ascii=True).replace("<", "\\u003c").replace("&", "\\u0026")
    shown = escape(printable(title, 10_000))
    parts = {"TITLE": shown, "VIEWS": views, "DATA": text, "BODIES": bodies}
    return re.sub("@(TITLE|VIEWS|DATA|BODIES)@", lambda match: parts[match[1]], PAGE)


def _code(size: Size) -> dict:
    """The formula for the page: in floats, and in whole numbers with what they are to be divided by."""
    made, whole = {"code": javascript(size)}, exact(size)
    return made | {"exact": whole[0], "over": str(whole[1])} if whole else made


class _Things:
    """What may be pointed at: operations and axes, each distinct one once."""

    def __init__(self, measures: Mapping[str, tuple[str, Size]], price: Callable | None,
                 widths: Mapping[str, int]):
        self.widths, self.price, self.rows, self.numbers, self.abouts = widths, price, [], {}, []
        self.sizes: list[Size] = [size for _, size in measures.values()]

    def number(self, about) -> int:
        if about not in self.numbers:
            row = self._axis(*about) if isinstance(about, tuple) else self._operation(about)
            self.numbers[about] = len(self.rows)
            self.rows.append(row)
            self.abouts.append(about)
        return self.numbers[about]

    def group(self, about, inside: str) -> str:
        """What is drawn of a thing, as one group that can be pointed at and reached by keys."""
        thing = self.number(about)
        row = self.rows[thing]
        kind = f"{row['kind']} block" if row.get("block") else row["kind"]
        label = escape(f"{row['name']}: {row.get('type') or row.get('array')}", quote=True)
        return (f'<g class="{kind}" data-thing="{thing}" tabindex="0" role="img" aria-label="{label}">'
                f"{inside}</g>")

    def _axis(self, array, row: int) -> dict:
        self.sizes.append(array.elements)
        made = {"kind": "wire", "array": str(array), "dtype": array.dtype,
                "elements": {"text": str(array.elements), **_code(array.elements)}}
        width = self.widths.get(array.dtype)
        if width is not None:
            made["bytes"] = {"text": str(width * array.elements), **_code(width * array.elements)}
        if array.axes:
            axis = array.axes[row]
            self.sizes.append(axis.size)
            made |= {"name": str(axis.label), "size": {"text": str(axis.size), **_code(axis.size)}}
        else:
            made["name"] = "()"
        return made

    def _operation(self, op) -> dict:
        made = {"kind": "op", "block": isinstance(op, Block), "name": printable(op.name, 200),
                "place": op.place or "",
                "type": f"{', '.join(map(str, op.dom))} -> {', '.join(map(str, op.cod))}"}
        lines = (inspect.getdoc(type(op)) or "").splitlines()
        for key in ("Equation:", "Source:"):
            found = next((line for line in lines if line.strip().startswith(key)), "")
            if found:
                made[key[:-1].lower()] = found.strip()[len(key):].strip()
        if isinstance(op, Block):
            made["inside"] = _names_inside(op)
        flops = None if self.price is None else self.price(op)
        if flops is not None:
            self.sizes.append(flops)
            made["flops"] = {"text": str(flops), **_code(flops)}
        return made


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
             f'font-family="{SERIF}" fill="#111111">']
    lines += [_group(about, items, things) for about, items in _grouped(scene)]
    lines.append("</svg>")
    return "\n".join(lines)


def _bodies(things: _Things, opened: Callable) -> str:
    """A template for each block that is drawn closed somewhere, in a picture or in another template."""
    made, at = [], 0
    while at < len(things.rows):
        op = things.abouts[at]
        if things.rows[at].get("block"):
            mark = opened(op)
            scene = Scene(list(mark.draw(0.0, 0.0, mark.height)))
            title, inside = scene.elements[:2], Scene(scene.elements[2:])
            groups = "".join(_group(about, items, things) for about, items in _grouped(inside))
            rows = [",".join(map(number, offsets)) for offsets in (mark.in_offsets, mark.out_offsets)]
            label = escape(f"close {things.rows[at]['name']}", quote=True)
            made.append(
                f'<template id="body-{at}"><svg xmlns="http://www.w3.org/2000/svg">'
                f'<g class="opened" tabindex="0" role="group" aria-label="{label}" '
                f'data-ins="{rows[0]}" data-outs="{rows[1]}" '
                f'data-width="{number(mark.width)}" data-top="{number(-mark.up)}" '
                f'data-bottom="{number(mark.height + mark.down)}"><g class="title" role="button" '
                f'aria-expanded="true" aria-label="{label}">{"".join(map(element, title))}</g>'
                f"{groups}</g></svg></template>")
        at += 1
    return "".join(made)


def _group(about, items: list, things: _Things) -> str:
    inside = "".join(_drawn(item) for item in items if not isinstance(item, Shape) or item.seen)
    return inside if about is None else things.group(about, inside)


def _grouped(scene: Scene) -> list[tuple[object, list]]:
    """The elements of each thing together, where it was drawn at once; the rest one by one."""
    groups: list[tuple[object, list]] = []
    for item in scene.elements:
        about = None if item.layer == REGION else item.about
        if about is not None and groups and groups[-1][0] == about:
            groups[-1][1].append(item)
        else:
            groups.append((about, [item]))
    return sorted(groups, key=lambda group: min(item.layer for item in group[1]))


def _drawn(item) -> str:
    text = element(item)
    if isinstance(item, Wire) and item.about is not None:    # a wire is thin: what is pointed at is wider
        text += element(replace(item, kind="wire")).replace('class="wire"', 'class="hit"')
    return text
