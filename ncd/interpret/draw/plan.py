"""What each operation looks like: which axes go by, which merge, which end at a mark.

A plan lists, from top to bottom, *lanes* (an axis that goes on; several that are identified
merge at a dot) and *marks* (where axes end and begin). It is chosen by the operation's class;
any other operation is a box on its own axes, lifted axes going straight by.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ncd.core.size import ONE, ZERO
from ncd.interpret.draw import glyph
from ncd.interpret.draw.glyph import Mark, Place
from ncd.interpret.draw.mathtext import BOLD, ITALIC, Run, Runs, size_runs, symbol_runs, value_runs, word
from ncd.interpret.draw.measure import BLOCK_FRONT
from ncd.ops.control import Block, Broadcast, Opaque, Scan
from ncd.ops.monoid import SUM_PRODUCT
from ncd.ops.multilinear import Concat, Einsum, Reindex, View
from ncd.ops.pointwise import Map, Reduce, Stop
from ncd.ops.source import Constant, Iota, Key, Parameter, Random


@dataclass(frozen=True)
class Lane:
    """An axis that goes by: rows that are one axis; more than one in or out meet at a dot."""

    ins: tuple[Place, ...]
    outs: tuple[Place, ...]


@dataclass
class Plan:
    """What stands in an operation's place, top to bottom, and a text above it.

    Parameters:
        units: Lanes and marks.
        head: A text above the wires with arrow heads: a function of every entry.
        sign: A text at the first dot: what a merge does.
    """

    units: list[Lane | Mark]
    head: Runs = ()
    sign: Runs = ()
    order: tuple[int, ...] = field(default=())


def rows_of(array) -> int:
    """How many wires an array is drawn with; one without axes has a faint one."""
    return max(1, len(array.axes))


def places_of(arrays: Sequence) -> list[Place]:
    return [(i, j) for i, array in enumerate(arrays) for j in range(rows_of(array))]


def commutes(op) -> bool:
    """Whether its inputs may be drawn in any order."""
    if isinstance(op, Map):
        return op.function.name in ("add", "multiply", "maximum", "minimum", "equal", "both", "either")
    return isinstance(op, Einsum)


def plan(op, order: Sequence[int]) -> Plan:
    """The plan of an operation whose inputs stand in a given order.

    Blocks and scans are drawn closed here; :mod:`ncd.interpret.draw.nested` opens them.
    """
    inner = op.op if isinstance(op, Broadcast) else op
    rule = RULES.get(type(inner))
    if rule is None and type(inner).__name__ == "Softmax":
        rule = _softmax
    made = (rule or _box)(inner, op)
    made.order = tuple(order)
    rank = {i: at for at, i in enumerate(order)}
    made.units = [_main_first(unit, op, rank) for unit in made.units]
    made.units = _top_to_bottom(made.units, op, order)
    return made


def _top_to_bottom(units: list, op, order: Sequence[int]) -> list:
    """Units in the order of the result's axes; those without a result where wires cross least."""
    out = {place: index for index, place in enumerate(places_of(op.cod))}
    left: dict[Place, int] = {}
    for i in order:
        for j in range(rows_of(op.dom[i])):
            left[i, j] = len(left)

    def mean(unit):
        return sum(left[place] for place in unit.ins) / len(unit.ins)
    made = sorted((unit for unit in units if unit.outs), key=lambda unit: out[unit.outs[0]])
    for unit in sorted((unit for unit in units if not unit.outs), key=mean):
        here = mean(unit)
        cost = best = sum(1 for other in made if other.ins and mean(other) < here)
        at = 0
        for index, other in enumerate(made, 1):
            if other.ins:
                cost += 1 if mean(other) > here else -1 if mean(other) < here else 0
            if cost < best:
                best, at = cost, index
        made.insert(at, unit)
    return made


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
    for letter in dict.fromkeys((*ins, *outs)):
        here, there = tuple(ins.get(letter, ())), tuple(outs.get(letter, ()))
        if here and there or len(here) > 2:
            units.append(Lane(here, there))
        elif not here:
            units.append(glyph.open_dot(there))
        elif len(here) == 2:
            units.append(glyph.cup(here))
        else:
            units.append(glyph.ending(here, (), (Run("Σ"),)))
    if scalar:
        if ghosts:
            units.append(Lane((ghosts.pop(0),), ((0, 0),)))
        else:
            last = max((n for n, unit in enumerate(units) if isinstance(unit, Mark)), default=None)
            if last is None:
                units.append(glyph.open_dot(((0, 0),)))
            elif units[last].stretch:
                units[last] = glyph.cup(units[last].ins, ((0, 0),))
            else:
                units[last] = glyph.ending(units[last].ins, ((0, 0),), (Run("Σ"),))
    units.extend(glyph.stop_dot((ghost,)) for ghost in ghosts)
    return Plan(units, sign=() if op.semiring == SUM_PRODUCT else word(op.semiring.name.replace("_", "-")))


def _main_first(unit, op, rank: dict[int, int]):
    """Of rows that merge, the one that goes straight on first: of the array with most axes, the topmost."""
    if isinstance(unit, Mark) or len(unit.ins) < 2:
        return unit
    return Lane(tuple(sorted(unit.ins, key=lambda place: (
        -len(op.dom[place[0]].axes), rank[place[0]], place[1]))), unit.outs)


def _by_label(op, labels=None) -> list[Lane]:
    """A lane for each label of the result, from all inputs that have it."""
    (result,) = op.cod
    made = []
    for j, label in enumerate(result.labels):
        here = tuple((i, array.labels.index(label)) for i, array in enumerate(op.dom) if label in array.labels)
        if labels is None or label in labels:
            made.append(Lane(here, ((0, j),)))
    return made


def _map(op: Map, outer) -> Plan:
    units: list = _by_label(op)
    ghosts = tuple((i, 0) for i, array in enumerate(op.dom) if not array.axes)
    if not op.cod[0].axes and ghosts:
        units.append(Lane(ghosts, ((0, 0),)))
    elif not op.cod[0].axes:
        units.append(glyph.open_dot(((0, 0),)))
    else:
        units.extend(glyph.stop_dot((ghost,)) for ghost in ghosts)
    runs = function_runs(op)
    return Plan(units, head=runs) if len(op.arrays) == 1 else Plan(units, sign=runs)


def function_runs(op: Map) -> Runs:
    """What a scalar function with its constants looks like: ``×k^{-1/2}``, ``1−·``, ``max 0``."""
    function, constants = op.function, op.constants
    symbol = function.symbol or function.name
    style = Run(symbol, ITALIC) if symbol.isalpha() and symbol.isascii() else Run(symbol)
    if all(constant is None for constant in constants):
        if function.name in ("square", "reciprocal"):
            return (Run("·"), Run("2" if function.name == "square" else "−1", level=1))
        return (style,)
    if len(constants) != 2:
        shown: list[Run] = [style, Run("(")]
        for position, constant in enumerate(constants):
            shown += ([Run(", ")] if position else []) + (
                [Run("·")] if constant is None else list(value_runs(constant)))
        return (*shown, Run(")"))
    first, second = constants
    if function.name == "power" and second is not None:
        return (Run("·"), Run("".join(run.text for run in value_runs(second)), level=1))
    value = value_runs(second if first is None else first)
    if function.name == "power":
        return (*value, Run("·", level=1))
    if function.name in ("subtract", "divide") and second is None:
        return (*value, style, Run("·"))
    space = (Run("\u2009"),) if symbol.isalpha() else ()
    return (style, *space, *value)


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


def _box(op, outer) -> Plan:
    lanes, ins, outs = split(outer, op.own)
    if not ins and not outs:                # acts on every entry alike
        return Plan(lanes, head=glyph.name_runs(op.name))
    if op.place is not None:
        mark = glyph.learned(ins, outs, learned_runs(op)) if ins else \
            glyph.source(outs, learned_runs(op))
    elif not ins:
        mark = glyph.source(outs, glyph.name_runs(op.name))
    elif isinstance(op, Opaque):
        mark = glyph.box(ins, outs, word(op.title, limit=26))
    else:
        mark = glyph.box(ins, outs, glyph.name_runs(op.name))
    return Plan([*lanes, mark])


def learned_runs(op) -> Runs:
    """The bold symbol of a learned operation: its name above, ``+`` below where it has a bias."""
    kind = type(op).__name__
    symbol = {"Linear": "L", "Embedding": "E", "Convolution": "★"}.get(kind)
    if symbol is None:
        symbol = op.name.partition("[")[0].replace("_", " ")
    runs = [Run(r.text, BOLD) for r in word(symbol, limit=20)]
    kernels = set(getattr(op, "kernels", ()))
    if len(kernels) == 1:
        runs += [Run(r.text, BOLD if not r.level else r.style, r.level) for r in size_runs(kernels.pop())]
    if op.place and op.place.lower() not in (kind.lower(), op.name.partition("[")[0].lower()):
        runs.append(Run(word(op.place, limit=16)[0].text, ITALIC, 1))
    if getattr(op, "transposed", False) is True:
        runs.append(Run("T", ITALIC, 1))
    if getattr(op, "bias", False) is True:
        runs.append(Run("+", BOLD, -1))
    return tuple(runs)


def _softmax(op, outer) -> Plan:
    lanes, ins, outs = split(outer, op.own)
    return Plan([*lanes, glyph.triangle(ins, outs)])


def _reduce(op: Reduce, outer) -> Plan:
    lanes, ins, outs = split(outer, op.own)
    symbol = {"sum": "Σ", "product": "Π", "all": "∀", "any": "∃"}.get(op.monoid.name)
    runs = (Run(symbol),) if symbol else word(op.monoid.name)
    return Plan([*lanes, glyph.ending(ins, outs, runs)])


def _view(op: View, outer) -> Plan:
    lanes, ins, outs = split(outer, op.own)
    return Plan([*lanes, glyph.bar(ins, outs)])


def _concat(op: Concat, outer) -> Plan:
    (result,) = op.cod
    lanes = _by_label(op, set(result.labels) - {op.axis})
    ins = tuple((i, array.labels.index(op.axis)) for i, array in enumerate(op.dom))
    return Plan([*lanes, glyph.bar(ins, ((0, result.labels.index(op.axis)),))])


def _block(op: Block, outer) -> Plan:
    return Plan([glyph.block(places_of(outer.dom), places_of(outer.cod), op.title)])


def _scan(op: Scan, outer) -> Plan:
    runs = word(op.title, limit=26)
    return Plan([glyph.box(places_of(outer.dom), places_of(outer.cod), runs, fill=BLOCK_FRONT)])


def _source(runs):
    return lambda op, outer: Plan([glyph.source(places_of(outer.cod), runs(op))])


def _constant_runs(op: Constant) -> Runs:
    return (Run("[…]"),) if isinstance(op.value, tuple) else (
        (Run(str(op.value)),) if isinstance(op.value, bool) else value_runs(op.value))


def _random(op: Random, outer) -> Plan:
    lanes, ins, outs = split(outer, op.own)
    symbol = {"normal": "𝒩", "uniform": "𝒰"}.get(op.distribution, op.distribution)
    return Plan([*lanes, glyph.box(ins, outs, (Run(symbol),))])


# -- reindexing -----------------------------------------------------------------------
def _reindex(op: Reindex, outer) -> Plan:
    carried = {j: row.terms[0][0] for j, row in enumerate(op.rows) if _carries(op, j, row)}
    read_else = {label for j, row in enumerate(op.rows) if j not in carried for label, _ in row.terms}
    carried = {j: label for j, label in carried.items() if label not in read_else}
    position = {axis.label: j for j, axis in enumerate(op.axes)}
    units: list = []
    for label in dict.fromkeys(carried.values()):
        here = tuple((0, j) for j, other in carried.items() if other == label)
        units.append(Lane(here, ((0, position[label]),)))
    rest = [j for j in range(len(op.rows)) if j not in carried]
    for group in _linked(op, rest):
        outs = sorted({position[label] for j in group for label, _ in op.rows[j].terms})
        units.append(_reindexed(op, group, outs))
    used = {place[1] for unit in units for place in unit.outs}
    units.extend(glyph.open_dot(((0, j),)) for j in range(len(op.axes)) if j not in used)
    if not op.array.axes:
        units.append(Lane(((0, 0),), ((0, 0),)) if not op.axes else glyph.stop_dot(((0, 0),)))
    elif not op.axes:                       # every axis is read at one place: a number is left
        last = units[-1]
        units[-1] = glyph.ending(last.ins, ((0, 0),), _row_runs(op.rows[last.ins[0][1]]))
    return Plan(units)


def _carries(op: Reindex, j: int, row) -> bool:
    if row.offset != ZERO or row.divisor != ONE or len(row.terms) != 1 or row.terms[0][1] != ONE:
        return False
    label = row.terms[0][0]
    return any(axis.label == label and axis.size == op.array.axes[j].size for axis in op.axes)


def _linked(op: Reindex, rest: Sequence[int]) -> list[list[int]]:
    """Input axes in groups that read a common index."""
    groups: list[tuple[set, list[int]]] = []
    for j in rest:
        labels, members = {label for label, _ in op.rows[j].terms}, [j]
        kept = []
        for others, group in groups:
            if labels & others:
                labels, members = labels | others, group + members
            else:
                kept.append((others, group))
        groups = [*kept, (labels, members)]
    return [members for _, members in groups]


def _reindexed(op: Reindex, group: list[int], outs: list[int]) -> Mark:
    ins, made = tuple((0, j) for j in group), tuple((0, j) for j in outs)
    row = op.rows[group[0]]
    if len(group) == 1 and not outs:
        return glyph.pentagon(ins, _row_runs(row))
    if len(group) == 1 and len(outs) == 2:
        stride = max(row.terms, key=lambda item: str(item[1]) != "1")[1]
        return glyph.trapezoid(ins, made, () if stride == ONE else size_runs(stride))
    if len(group) == 1:
        return glyph.box(ins, made, _row_runs(row), 13.0)
    return glyph.box(ins, made, word("reindex"))


def _row_runs(row) -> Runs:
    """The index that a row reads, as a formula in the result's indices."""
    made: list[Run] = []
    for label, factor in row.terms:
        negative = str(factor).startswith("-")
        if made or negative:
            made.append(Run("−" if negative else "+"))
        size = -factor if negative else factor
        made.extend(([] if size == ONE else size_runs(size)) + list(symbol_runs(label))
                    if size == ONE else [*size_runs(size), *symbol_runs(label)])
    if row.offset != ZERO or not made:
        runs = size_runs(row.offset)
        made.extend(([Run("+")] if made and not runs[0].text.startswith("−") else []) + list(runs))
    if row.divisor != ONE:
        bracket = len(made) > 1
        made = [Run("(")] * bracket + made + [Run(")")] * bracket + [Run("/"), *size_runs(row.divisor)]
    return tuple(made)


RULES = {
    Einsum: _einsum, Map: _map, Stop: _stop, Reduce: _reduce, View: _view, Concat: _concat,
    Reindex: _reindex, Block: _block, Scan: _scan, Random: _random,
    Parameter: _source(lambda op: word(op.title.lstrip("/"), BOLD, limit=20)),
    Key: _source(lambda op: word(op.title.lstrip("/"), BOLD, limit=20)),
    Constant: _source(_constant_runs), Iota: _source(lambda op: (Run("0, 1, …"),))}
