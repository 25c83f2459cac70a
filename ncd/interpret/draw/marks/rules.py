"""What each operation looks like: which axes go by, which merge, which end at a mark.

Chosen by the operation's class; any other operation is a box on its own axes, lifted axes
going straight by. Axes of an einsum are letters: a letter summed over is a cup, a letter of
several arrays that is kept merges at a dot, an outer product is the end of the separator.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ncd.algebra.convert import ONE
from ncd.interpret.draw.layout.named_memory import Load, Save
from ncd.interpret.draw.marks import boxes, glyph
from ncd.interpret.draw.marks.glyph import Mark, Place
from ncd.interpret.draw.marks.plan import Lane, Plan, places_of, settled
from ncd.interpret.draw.marks.reindexing import reindex_plan
from ncd.interpret.draw.scene.mathtext import (
    BOLD,
    ITALIC,
    ROMAN,
    Run,
    Runs,
    place_runs,
    plain,
    size_runs,
    value_runs,
    word,
    written,
)
from ncd.interpret.draw.scene.metrics import MEMORY
from ncd.interpret.draw.scene.palette import faces
from ncd.ops.control import Block, Broadcast, Opaque, Scan
from ncd.ops.monoid import SUM_PRODUCT
from ncd.ops.multilinear import Concat, Einsum, Reindex, View
from ncd.ops.pointwise import Map, Reduce, Stop
from ncd.ops.source import Constant, Iota, Key, Parameter, Random

LETTERS = 3          # a name of so many letters stands on the wire of an operation on one axis


def commutes(op) -> bool:
    """Whether its inputs may be drawn in any order."""
    op = getattr(op, "original", op)
    if isinstance(op, Map):
        return op.function.name in ("add", "multiply", "maximum", "minimum", "equal", "both", "either")
    return isinstance(op, Einsum)


def plan(op, order: Sequence[int]) -> Plan:
    """The plan of an operation whose inputs stand in a given order."""
    return settled(sketch(op), op, order)


def sketch(op) -> Plan:
    """The lanes and marks of an operation, in no order yet.

    Blocks and scans are drawn closed here; :mod:`ncd.interpret.draw.layout.blocks` opens them.
    """
    inner = op.op if isinstance(op, Broadcast) else op
    rule = _own_mark if inner.glyph is not None else \
        RULES.get(type(inner)) or NAMED.get(type(inner).__name__) or _box
    return rule(inner, op)


# -- by letters: axes that meet ------------------------------------------------------
def _meet(op, letters: Sequence[Sequence], out_letters: Sequence) -> tuple[dict, dict, list, bool]:
    """Where each letter stands in the inputs and in the result; arrays without axes apart."""
    ins: dict = {}
    outs: dict = {}
    for i, names in enumerate(letters):
        for j, letter in enumerate(names):
            ins.setdefault(letter, []).append((i, j))
    for j, letter in enumerate(out_letters):
        outs.setdefault(letter, []).append((0, j))
    ghosts = [(i, 0) for i, names in enumerate(letters) if not names]
    return ins, outs, ghosts, not out_letters


def _einsum(op: Einsum, outer) -> Plan:
    ins, outs, ghosts, scalar = _meet(op, op.letters, op.out_letters)
    units: list = []
    fold = _fold(op.semiring.add)
    for letter in dict.fromkeys((*ins, *outs)):
        here, there = tuple(ins.get(letter, ())), tuple(outs.get(letter, ()))
        if here and there:
            units.append(Lane(here, there))
        elif len(here) > 2:
            units.append(glyph.gathered(here, (), fold))
        elif not here:
            units.append(glyph.open_dot(there) if len(there) == 1 else glyph.cap(there))
        elif len(here) == 2:
            units.append(glyph.cup(here))
        else:
            units.append(glyph.ending(here, (), fold))
    if scalar:
        if ghosts:
            units.append(Lane(tuple(ghosts), ((0, 0),)))
            ghosts = []
        else:
            last = max((n for n, unit in enumerate(units) if isinstance(unit, Mark)), default=None)
            if last is None:
                units.append(glyph.open_dot(((0, 0),)))
            elif units[last].stretch:
                units[last] = glyph.cup(units[last].ins, ((0, 0),))
            else:
                kind = glyph.gathered if len(units[last].ins) > 1 else glyph.ending
                units[last] = kind(units[last].ins, ((0, 0),), fold)
    if ghosts and not any(isinstance(unit, Lane) for unit in units):       # all axes of the result are new
        new = [unit for unit in units if not unit.ins]
        units = [*(unit for unit in units if unit.ins),
                 glyph.spread(ghosts, tuple(place for unit in new for place in unit.outs))]
        ghosts = []
    single = op.semiring == SUM_PRODUCT or len(op.dom) == 1
    return Plan(units, sign=() if single else word(op.semiring.name.replace("_", "-")),
                joins=tuple(ghosts))


def _by_label(op, labels=None) -> list[Lane]:
    """A lane for each label of the result, from all inputs that have it."""
    (result,) = op.cod
    made = []
    for j, label in enumerate(result.labels):
        here = tuple((i, array.labels.index(label)) for i, array in enumerate(op.dom)
                     if label in array.labels)
        if labels is None or label in labels:
            made.append(Lane(here, ((0, j),)))
    return made


def _map(op: Map, outer) -> Plan:
    units: list = _by_label(op)
    ghosts = tuple((i, 0) for i, array in enumerate(op.dom) if not array.axes)
    if not op.cod[0].axes and ghosts:
        units.append(Lane(ghosts, ((0, 0),)))
        ghosts = ()
    elif not op.cod[0].axes:
        units.append(glyph.open_dot(((0, 0),)))
    runs = function_runs(op)
    return Plan(units, head=runs) if len(op.arrays) == 1 else Plan(units, sign=runs, joins=ghosts)


_POWER = re.compile(r"power\[(.+)\](?:′(.*))?")       # a row that derivatives make


def function_runs(op: Map) -> Runs:
    """What a scalar function with its constants looks like: ``×k^{-1/2}``, ``1−·``, ``max 0``."""
    function, constants = op.function, op.constants
    symbol = function.symbol or function.name
    spoken = symbol.replace("_", " ").strip() or symbol
    named = spoken.replace(" ", "").isalpha()
    style = Run(spoken, ITALIC) if named and spoken.isascii() else Run(symbol)
    if all(constant is None for constant in constants):
        if function.name in ("square", "reciprocal"):
            return (Run("·"), Run("2" if function.name == "square" else "−1", level=1))
        power = _POWER.fullmatch(function.name)
        if power:
            exponent, slope = power.groups()
            raised = Run(exponent.replace("-", "−"), level=1)
            return (Run("(·"), raised, Run(f")′{slope}")) if slope is not None else (Run("·"), raised)
        return (style,)
    if len(constants) != 2:
        shown: list[Run] = [style, Run("(")]
        for position, constant in enumerate(constants):
            shown += ([Run(", ")] if position else []) + (
                [Run("·")] if constant is None else list(value_runs(constant)))
        return (*shown, Run(")"))
    first, second = constants
    if function.name == "power" and second is not None:
        return (Run("·"), Run(written(value_runs(second)), level=1))
    value = value_runs(second if first is None else first)
    if function.name == "power":
        return (*value, Run("·", level=1))
    if function.name in ("subtract", "divide") and second is None:
        return (*value, style, Run("·"))
    space = (Run("\u2009"),) if named else ()
    return (style, *space, *value)


def _dropout(op, outer) -> Plan:
    if len(outer.dom) == 1:
        return Plan(_whole(outer), head=(Run("↯"),))
    units: list = _by_label(outer) if outer.cod[0].axes else [Lane(((0, 0),), ((0, 0),))]
    used = {place for unit in units for place in unit.ins}
    return Plan(units, head=(Run("↯"),),
                joins=tuple(place for place in places_of(outer.dom) if place not in used))


def _stop(op: Stop, outer) -> Plan:
    return Plan(_whole(op), head=word("stop"))


def _whole(op) -> list[Lane]:
    """Every row of the one input goes on as the same row of the one result."""
    return [Lane((place,), (place,)) for place in places_of(op.dom)]


# -- by labels: axes that an operation acts on ----------------------------------------
def split(op, own) -> tuple[list[Lane], tuple[Place, ...], tuple[Place, ...]]:
    """Lanes of the axes that are lifted over, the rows that end and those that begin."""
    lifted = _lifted_labels(op, own)
    lanes = _by_label(op, lifted) if lifted else []
    ins = tuple((i, j) for i, j in places_of(op.dom)
                if not (op.dom[i].axes and op.dom[i].labels[j] in lifted))
    outs = tuple((i, j) for i, j in places_of(op.cod)
                 if not (op.cod[i].axes and op.cod[i].labels[j] in lifted))
    return lanes, ins, outs


def _lifted_labels(op, own) -> set:
    if len(op.cod) != 1 or not op.dom:
        return set()
    in_all = set(op.dom[0].labels).intersection(*(array.labels for array in op.dom))
    somewhere = set().union(*(array.labels for array in op.dom)) if isinstance(op, Broadcast) else in_all
    (result,) = op.cod
    lifted = (somewhere & set(result.labels)) - own
    sizes = {axis.label: axis.size for axis in result.axes}
    return {axis.label for array in op.dom for axis in array.axes
            if axis.label in lifted and sizes[axis.label] == axis.size}


def _own_mark(op, outer) -> Plan:
    """The mark that the operation brings."""
    lanes, ins, outs = split(outer, op.own)
    if not ins and not outs:
        return Plan(lanes, head=word(op.glyph.text or op.name, op.glyph.style, limit=26))
    return Plan([*lanes, boxes.own(ins, outs, op.glyph)])


def _box(op, outer) -> Plan:
    lanes, ins, outs = split(outer, op.own)
    if not ins and not outs:                # acts on every entry alike
        return Plan(lanes, head=glyph.name_runs(op.name))
    runs = glyph.title_runs(op.title) if isinstance(op, Opaque) else glyph.name_runs(op.name)
    if op.place is not None:
        lines = learned_lines(op)
        mark = boxes.learned(ins, outs, lines) if ins else boxes.source(outs, lines[0])
    elif not ins:
        mark = boxes.source(outs, runs)
    elif isinstance(op, Opaque) and len(ins) == len(outs) == 1 and 0 < len(plain(runs)) <= LETTERS:
        mark = glyph.letter(ins, outs, runs)
    elif isinstance(op, Opaque):
        mark = boxes.box(ins, outs, runs)
    elif not outs and len(outer.cod) == 1:
        mark = glyph.ending(ins, (), runs)
    else:
        mark = boxes.box(ins, outs, runs)
    return Plan([*lanes, mark])


def learned_lines(op) -> list[Runs]:
    """The bold symbol of a learned operation: its name above, ``+`` below where it has a bias."""
    kind = type(op).__name__
    symbol = {"Linear": "L", "Embedding": "E", "Convolution": "★"}.get(kind)
    *before, symbol = [symbol] if symbol else boxes.wrapped(op.name.partition("[")[0], 2 if op.dom else 1, 6)
    runs = list(word(symbol, BOLD, limit=20))
    kernels = set(getattr(op, "kernels", ()))
    if len(kernels) == 1:
        runs += [Run(r.text, BOLD if not r.level else r.style, r.level) for r in size_runs(kernels.pop())]
    transposed = getattr(op, "transposed", False) is True
    if transposed:
        runs.append(Run("T", ROMAN, 1))
    if op.place and op.place.lower() not in (kind.lower(), op.name.partition("[")[0].lower()):
        name = word(op.place.lstrip("/"), limit=16)[0].text
        runs.append(Run(f"\u2009{name}" if transposed else name, ITALIC, 1))
    if getattr(op, "bias", False) is True:
        runs.append(Run("+", BOLD, -1))
    return [*(word(line, BOLD, limit=20) for line in before), tuple(runs)]


def _ending(op, outer, runs: Runs) -> Plan:
    lanes, ins, outs = split(outer, op.own)
    return Plan([*lanes, glyph.ending(ins, outs, runs)])


def _softmax(op, outer) -> Plan:
    lanes, ins, outs = split(outer, op.own)
    return Plan([*lanes, glyph.triangle(ins, outs)])


def _norm(text: str):
    """The circle of a normalisation stands on the first of its features."""
    def rule(op, outer) -> Plan:
        lanes, ins, outs = split(outer, op.own)
        if not ins or len(ins) != len(outs):
            return _box(op, outer)
        features = getattr(op, "features", ())
        on = [(i, j) for i, j in ins if outer.dom[i].labels[j] in features]
        return Plan([*lanes, glyph.circle(ins, outs, (on or ins[-1:])[0], text)])
    return rule


def _mean(op, outer) -> Plan:
    return _ending(op, outer, (Run("𝔼"),))


def _convolution(op, outer) -> Plan:
    lanes, ins, outs = split(outer, op.own)
    return Plan([*lanes, boxes.star_box(ins, outs, learned_lines(op), _stride(op))])


def _pool(op, outer) -> Plan:
    lanes, ins, outs = split(outer, op.own)
    symbol = (Run("𝔼"),) if op.mean else word(op.monoid.name, ROMAN)
    runs = (*symbol, Run("\u2009★"), *_common(op.kernels))
    return Plan([*lanes, boxes.star_box(ins, outs, [runs], _stride(op))])


def _stride(op) -> Runs:
    return () if all(stride == ONE for stride in op.strides) else _common(op.strides)


def _common(sizes) -> Runs:
    """A size for every axis, written once where they are one."""
    made: list[Run] = []
    for size in sizes if len(set(sizes)) > 1 else sizes[:1]:
        made += ([Run("×")] if made else []) + list(size_runs(size))
    return tuple(made)


def _reduce(op: Reduce, outer) -> Plan:
    return _ending(op, outer, _fold(op.monoid))


def _fold(monoid) -> Runs:
    symbol = {"sum": "Σ", "product": "Π", "all": "∀", "any": "∃"}.get(monoid.name)
    return (Run(symbol),) if symbol else word(monoid.name)


def _view(op: View, outer) -> Plan:
    lanes, ins, outs = split(outer, op.own)
    return Plan([*lanes, glyph.bar(ins, outs)])


def _concat(op: Concat, outer) -> Plan:
    (result,) = op.cod
    lanes = _by_label(op, set(result.labels) - {op.axis})
    ins = tuple((i, array.labels.index(op.axis)) for i, array in enumerate(op.dom))
    return Plan([*lanes, glyph.bar(ins, ((0, result.labels.index(op.axis)),))])


def block_plan(op, role: str = "plain") -> Plan:
    title = (op.op if isinstance(op, Broadcast) else op).title
    return Plan([boxes.block(places_of(op.dom), places_of(op.cod), title, role)])


def _scan(op: Scan, outer) -> Plan:
    runs = word(op.title, limit=26)
    return Plan([boxes.box(places_of(outer.dom), places_of(outer.cod), runs, fill=faces("plain")[0])])


def _source(runs):
    return lambda op, outer: Plan([boxes.source(places_of(outer.cod), runs(op))])


def _constant_runs(op: Constant) -> Runs:
    return (Run("[…]"),) if isinstance(op.value, tuple) else (
        (Run(str(op.value)),) if isinstance(op.value, bool) else value_runs(op.value))


def _memory(save: bool):
    def rule(op, outer) -> Plan:
        name = (Run("C", ITALIC), Run(str(op.number), level=-1))
        runs = (Run("→ "), *name) if save else (*name, Run(" →"))
        return Plan([boxes.box(places_of(outer.dom), places_of(outer.cod), runs, fill=MEMORY)])
    return rule


def _random(op: Random, outer) -> Plan:
    lanes, ins, outs = split(outer, op.own)
    symbol = {"normal": "𝒩", "uniform": "𝒰"}.get(op.distribution, op.distribution)
    return Plan([*lanes, boxes.box(ins, outs, (Run(symbol),))])


RULES = {
    Einsum: _einsum, Map: _map, Stop: _stop, Reduce: _reduce, View: _view, Concat: _concat,
    Reindex: lambda op, outer: reindex_plan(op), Block: lambda op, outer: block_plan(outer), Scan: _scan,
    Random: _random, Save: _memory(True), Load: _memory(False),
    Parameter: _source(lambda op: place_runs(op.title, ROMAN if op.stored else BOLD, limit=20)),
    Key: _source(lambda op: place_runs(op.title, BOLD, limit=20)),
    Constant: _source(_constant_runs), Iota: _source(lambda op: (Run("0, 1, …"),))}

NAMED = {"Softmax": _softmax, "Dropout": _dropout, "Mean": _mean, "Convolution": _convolution, "Pool": _pool,
         "BatchNorm": _norm(""), "BatchNormInference": _norm(""), "LayerNorm": _norm("LN"),
         "RMSNorm": _norm("RMS"), "GroupNorm": _norm("GN"), "Standardise": _norm("σ")}
"""Marks of defined operations, by the name of their class."""
