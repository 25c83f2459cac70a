"""What is known of the entries of a wire before anything is run: positions, masks, fills outside a mask.

Numbers are finite: 0 times anything is 0, −∞ plus or minus anything is −∞.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from ncd.algebra.convert import ONE, ZERO, Size
from ncd.algebra.count import EVERYWHERE, Affine, Region, affine, labels_of, over, renamed
from ncd.core.op import Operation
from ncd.ops import scalar
from ncd.ops.indexed import Gather, Segment
from ncd.ops.multilinear import Einsum, Reindex, View
from ncd.ops.pointwise import Map, Reduce, Stop
from ncd.ops.source import Constant, Iota


class Value(NamedTuple):
    """What is known of a wire.

    Attributes:
        position: Each entry is this affine function of where it stands, Σ c·i + offset.
        mask: An entry is true exactly in this region.
        region, fill: Every entry outside of the region is the number ``fill``.
        number: Every entry is this number.
    """

    position: Affine | None = None
    mask: Region | None = None
    region: Region = EVERYWHERE
    fill: float = math.nan
    number: float | None = None

    @property
    def support(self) -> tuple[Region, float]:
        """The region outside of which every entry is one number; a mask is 0 there."""
        return (self.region, self.fill) if self.region or self.mask is None else (self.mask, 0.0)


UNKNOWN = Value()


def filled(region: Region, fill: float) -> Value:
    return Value(region=region, fill=fill) if region and not math.isnan(fill) else UNKNOWN


def forward(op: Operation, values: list[Value]) -> Value:
    """What is known of the result of an operation with one result."""
    if isinstance(op, Iota):
        return Value(affine([(op.axis.label, 1)], ZERO))
    if isinstance(op, Constant):
        return _constant(op)
    if isinstance(op, Map):
        return _map(op, values)
    if isinstance(op, Stop):
        return values[0]
    if isinstance(op, (Reindex, View)):
        return _moved(op, values[0])
    if isinstance(op, Reduce):
        return _reduce(op, values[0])
    if isinstance(op, Gather):
        return steady(values[0], op.axis)
    if isinstance(op, Segment):
        return filled(over(units(op, values[0]), set(op.values.labels) - {op.axis}), op.monoid.unit)
    return _einsum(op, values) if isinstance(op, Einsum) else UNKNOWN


def _constant(op: Constant) -> Value:
    value = op.value
    if isinstance(value, tuple):
        return UNKNOWN
    if not isinstance(value, Size):
        return Value(number=float(value))
    return Value(Affine((), value) if value.is_integral else None,
                 number=None if value.constant is None else float(value.constant))


# -- entrywise ---------------------------------------------------------------------------
def _map(op: Map, values: list[Value]) -> Value:
    have = dict(zip(op.arguments, values))
    items = [have[n] if n in have else _given(constant) for n, constant in enumerate(op.constants)]
    if op.function.dtype == "bool":
        return Value(mask=_condition(op.function, items))
    numbers = [item.number for item in items]
    if None not in numbers:
        found = op.function.evaluate(dict(zip(op.function.arguments, numbers)), ABSTRACT)
        return Value(_position(op.function, items), number=found if isinstance(found, float) else None)
    return _outside(op, items)._replace(position=_position(op.function, items))


def _given(constant) -> Value:
    """An argument that is a number or a size."""
    if isinstance(constant, float):
        return Value(number=constant)
    position = Affine((), constant) if constant.is_integral else None
    return Value(position, number=None if constant.constant is None else float(constant.constant))


def _outside(op: Map, items: list[Value]) -> Value:
    """Where the result is one number, because arguments are."""
    regions = dict.fromkeys(item.support[0] for item in items)
    if op.function == scalar.WHERE and items[0].mask is not None and len(items[0].mask) == 1:
        (only,) = items[0].mask
        regions[frozenset((only.negated(),))] = None        # where the other side is chosen
    found: dict[float, Region] = {}
    for region in regions:
        if region:
            fill = _fill(op, items, region)
            if isinstance(fill, float) and not math.isnan(fill):
                found[fill] = found.get(fill, EVERYWHERE) | region
    return filled(*next(((region, fill) for fill, region in found.items()), (EVERYWHERE, math.nan)))


def _fill(op: Map, items: list[Value], region: Region):
    """The function outside of a region: a number, or ANY."""
    arguments = []
    for n, item in enumerate(items):
        inside, fill = item.support
        constant = op.constants[n]
        if item.number is not None:
            arguments.append(item.number)
        elif region <= inside:                  # what is outside of the one is outside of the other
            arguments.append(fill)
        elif op.function == scalar.WHERE and n == 0 and item.mask is not None \
                and region == frozenset(each.negated() for each in item.mask) and len(region) == 1:
            arguments.append(1.0)
        else:
            arguments.append(POSITIVE if isinstance(constant, Size) and constant.is_nonnegative else ANY)
    return op.function.evaluate(dict(zip(op.function.arguments, arguments)), ABSTRACT)


def _position(function: scalar.ScalarFunction, items: list[Value]) -> Affine | None:
    """The affine function that a function of affine functions is."""
    have = [item.position for item in items]
    if None in have:
        return None
    if function in (scalar.ADD, scalar.SUBTRACT):
        sign = 1 if function == scalar.ADD else -1
        return affine([*have[0].terms, *((label, sign * c) for label, c in have[1].terms)],
                      have[0].offset + sign * have[1].offset)
    if function == scalar.MULTIPLY:
        left, right = have if have[1].terms else have[::-1]
        by = left.offset.constant
        return None if left.terms or by is None else affine(
            ((label, by * c) for label, c in right.terms), right.offset * by)
    if function == scalar.NEGATE:
        return affine(((label, -c) for label, c in have[0].terms), -have[0].offset)
    return have[0] if function in (scalar.IDENTITY, scalar.TO_FLOAT) else None


def _condition(function: scalar.ScalarFunction, items: list[Value]) -> Region | None:
    """Where a comparison holds, or a connective of such; None where it is not seen."""
    if function in (scalar.BOTH, scalar.OPPOSITE):
        masks = [EVERYWHERE if item.number == 1 else item.mask for item in items]
        if None in masks:
            return None
        if function == scalar.BOTH:
            return masks[0] | masks[1]
        return frozenset(each.negated() for each in masks[0]) if len(masks[0]) == 1 else None
    if function not in COMPARED or None in (have := [item.position for item in items]):
        return None
    (left, right), (sign, strict) = have, COMPARED[function]
    greater = affine([*right.terms, *((label, -c) for label, c in left.terms)], right.offset - left.offset)
    more = affine(((label, sign * c) for label, c in greater.terms), greater.offset * sign - strict)
    if function == scalar.EQUAL:
        return frozenset((greater, affine(((label, -c) for label, c in greater.terms), -greater.offset)))
    return frozenset((more,)) if more.terms else None


COMPARED = {scalar.LESS_EQUAL: (1, 0), scalar.LESS: (1, 1), scalar.GREATER_EQUAL: (-1, 0),
            scalar.GREATER: (-1, 1), scalar.EQUAL: (1, 0)}
"""{comparison: (whether right − left is at least 0 or at most, whether strictly)}."""


# -- a function of numbers some of which are not known ---------------------------------------
class _Unknown:
    """A number that is finite; or finite and greater than 0."""

    def __init__(self, name: str):
        self.name = name

    def __repr__(self):
        return self.name


ANY, POSITIVE = _Unknown("any"), _Unknown("positive")


def _infinite(*items) -> float | None:
    return next((item for item in items if isinstance(item, float) and math.isinf(item)), None)


def _add(a, b):
    if isinstance(a, float) and isinstance(b, float):
        return a + b
    return ANY if (found := _infinite(a, b)) is None else found


def _multiply(a, b):
    if isinstance(a, float) and isinstance(b, float):
        return a * b
    if 0.0 in (a, b):
        return 0.0
    return found if POSITIVE in (a, b) and (found := _infinite(a, b)) is not None else ANY


def _divide(a, b):
    if isinstance(a, float) and isinstance(b, float):
        return a / b if b else ANY
    if a == 0.0 or _infinite(b) is not None:
        return 0.0
    return found if b is POSITIVE and (found := _infinite(a)) is not None else ANY


def _choose(condition, yes, no):
    if isinstance(condition, float):
        return yes if condition else no
    return yes if isinstance(yes, float) and yes == no else ANY


def _negative(a):
    return -a if isinstance(a, float) else ANY


def _plain(function):
    """A function of known numbers; anything else, and what has no value, is ANY."""
    def apply(*items):
        if not all(isinstance(item, float) for item in items):
            return ANY
        try:
            found = float(function(*items))
        except (ArithmeticError, ValueError, TypeError):
            return ANY
        return found if not math.isnan(found) else ANY
    return apply


ABSTRACT = {name: _plain(function) for name, function in scalar.PYTHON.items()} | {
    "+": _add, "-": lambda a, b: _add(a, _negative(b)), "*": _multiply, "/": _divide, "where": _choose,
    "negate": _negative, "number": float, "float": lambda a: a}


# -- what moves, folds and contracts -------------------------------------------------------
def names(op: Reindex | View, back: bool = False) -> dict[str, str]:
    """{label of the input: label of the result} of the axes that are read as they are; or back."""
    if isinstance(op, View):
        found = {label: label for label in op.array.labels if label not in op.labels}
    else:
        sizes = {axis.label: axis.size for axis in op.axes}
        found = {axis.label: row.terms[0][0] for axis, row in zip(op.array.axes, op.rows)
                 if len(row.terms) == 1 and (row.offset, row.divisor, row.terms[0][1]) == (ZERO, ONE, ONE)
                 and sizes[row.terms[0][0]] == axis.size}
        if len(set(found.values())) < len(found):           # a diagonal
            found = {}
    return {new: old for old, new in found.items()} if back else found


def _moved(op: Reindex | View, value: Value) -> Value:
    known = names(op)
    if isinstance(op, Reindex) and op.fill is not None and len(known) < len(op.rows):
        return filled(renamed(value.region, known), value.fill) if value.fill == op.fill else UNKNOWN
    rows: Mapping = {} if isinstance(op, View) else dict(zip(op.array.labels, op.rows))

    def moved(each):
        if all(label in known for label in each.labels):
            return each.renamed(known)
        if not isinstance(each, Affine) or not rows:
            return None
        terms, offset = [], each.offset
        for label, c in each.terms:
            row = rows[label]
            if row.divisor != ONE or any(by.constant is None for _, by in row.terms):
                return None
            offset = offset + row.offset * c
            terms += [(name, c * by.constant) for name, by in row.terms]
        return affine(terms, offset)
    region = frozenset(found for each in value.region if (found := moved(each)) is not None)
    mask = None if value.mask is None else frozenset(moved(each) for each in value.mask)
    return value._replace(position=None if value.position is None else moved(value.position),
                          mask=None if mask is not None and None in mask else mask, region=region)


def _reduce(op: Reduce, value: Value) -> Value:
    region, fill = value.support
    region = over(region, op.cod[0].labels)
    return filled(region, fill if fill == op.monoid.unit or op.monoid.name in ("max", "min") else math.nan)


def steady(value: Value, axis: str) -> Value:
    """What is known of each entry whatever its place on an axis, as on one that is gathered or scanned."""
    position, mask = value.position, value.mask
    return value._replace(
        position=None if position is not None and axis in position.labels else position,
        mask=None if mask is not None and axis in labels_of(mask) else mask,
        region=frozenset(each for each in value.region if axis not in each.labels))


def units(op: Reduce | Segment, value: Value) -> Region:
    """The region outside of which a fold meets its unit only."""
    region, fill = value.support
    return region if fill == op.monoid.unit else EVERYWHERE


def in_letters(region: Region, labels, letters) -> Region:
    """A region of an array's labels in an einsum's letters; nothing is said of a diagonal."""
    if len(set(letters)) < len(letters):
        return EVERYWHERE
    return renamed(region, dict(zip(labels, map(str, letters))))


def annihilated(op: Einsum, values: list[Value]) -> list[Region]:
    """For each operand of an einsum where it is not 0, the sum's unit, in letters."""
    unit, found = op.semiring.add.unit, []
    for array, letters, value in zip(op.arrays, op.letters, values):
        region, fill = value.support
        found.append(in_letters(region, array.labels, letters) if op.semiring.distributive and fill == unit
                     else EVERYWHERE)
    return found


def _einsum(op: Einsum, values: list[Value]) -> Value:
    together = frozenset().union(*annihilated(op, values))
    if len(set(op.out_letters)) < len(op.out_letters):
        return UNKNOWN
    back = dict(zip(map(str, op.out_letters), op.out.labels))
    return filled(renamed(together, back), op.semiring.add.unit)
