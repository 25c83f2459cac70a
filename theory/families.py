"""Families of random operations, and the random diagrams that they make together.

A family takes wires and returns new ones, or none where it finds nothing that fits. Scalar
functions that fix 0 hide broken copies and paddings: most of those here do not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ncd.algebra.convert import Size
from ncd.construct import generators, notation
from ncd.construct.trace import Wire, pointwise, trace
from ncd.core.array import Array
from ncd.core.axis import Axis
from ncd.nn.linear import project
from ncd.nn.softmax import softmax as softmax_over
from ncd.nn.stochastic import dropout as dropout_by_place
from ncd.ops import scalar
from ncd.ops.control import Block
from ncd.ops.monoid import MONOIDS
from ncd.ops.multilinear import Concat, Einsum, Reindex, View, affine
from ncd.ops.pointwise import Map, Stop
from ncd.ops.scalar import ScalarFunction
from ncd.ops.source import Constant, Iota, Key, Parameter, Random
from theory.random import Sampler

UNARY = ("tanh", "sigmoid", "cos", "softplus", "gelu", "silu", "relu", "negate", "sin", "abs")
BINARY = (scalar.ADD, scalar.SUBTRACT, scalar.MULTIPLY, scalar.MAXIMUM, scalar.MINIMUM)


def pick(s: Sampler, wires: Sequence[Wire], axes: int = 0, dtype: str = "float") -> Wire | None:
    """A wire of a dtype with at least so many axes; those made last are preferred."""
    found = [w for w in wires if w.type.dtype == dtype and len(w.type.axes) >= axes]
    return s.choose(found[-3:] if s.chance(0.6) else found) if found else None


def pick_or_one(s: Sampler, wires: Sequence[Wire]) -> Wire:
    """A float wire, the number 1 where there is none."""
    wire = pick(s, wires)
    return generators.constant(1.0)() if wire is None else wire


def agree(*arrays: Array) -> bool:
    """Whether each label has one size."""
    sizes: dict[str, Size] = {}
    return all(sizes.setdefault(a.label, a.size) == a.size for array in arrays for a in array.axes)


def wave(s: Sampler, rows: Axis, columns: Axis) -> Wire:
    """A constant matrix of any size: cos(c + p·i + q·j) with random c, p and q."""
    c, p, q = (s.random.randint(1, 9) for _ in range(3))
    function = ScalarFunction(f"wave_{c}{p}{q}", ("i", "j"), f"cos({c} + {p} * i + {q} * j)", dtype="float")
    row, column = Iota(rows).diagram(), Iota(columns).diagram()
    return Map(function, (row.type, column.type)).diagram(row, column)


def matrix(s: Sampler, rows: Axis, columns: Axis) -> Wire:
    """A constant matrix, a literal where the sizes are numbers."""
    if rows.size.constant is None or columns.size.constant is None or s.chance(0.5):
        return wave(s, rows, columns)
    numbers = [[s.random.randint(-2, 3) for _ in range(columns.size.constant)]
               for _ in range(rows.size.constant)]
    return Constant(numbers, Array((rows, columns))).diagram()


def affine_positions(s: Sampler, axis: Axis, size: Size) -> Wire:
    """Integers below a size along an axis: (p·i + c) mod size."""
    positions = Iota(axis).diagram()
    return (positions * s.random.randint(1, 3) + s.random.randint(0, 3)) % size


# -- families that are linear ---------------------------------------------------------
def scale(s, wires):
    wire = pick(s, wires)
    return [wire * s.number()] if wire is not None else []


def change_basis(s, wires):
    wire = pick(s, wires, 1)
    new = None if wire is None else s.fresh(wire.type)
    if new is None:
        return []
    old = s.choose(wire.type.axes)
    weight = matrix(s, old, new)
    return [notation.einsum(f"{old.label}, {old.label} {new.label} -> {new.label}")(wire, weight)]


def total(s, wires):
    wire = pick(s, wires, 1)
    if wire is None:
        return []
    labels = " ".join(s.some(wire.type.labels, 1))
    return [generators.reduce("sum", labels)(wire)]


def reorder(s, wires):
    wire = pick(s, wires, 2)
    return [generators.transpose(" ".join(s.some(wire.type.labels, 9)))(wire)] if wire is not None else []


def repetition(s, wires):
    wire = pick(s, wires)
    new = None if wire is None else s.fresh(wire.type)
    if new is None or not s.small(wire.type, Array((new,))):
        return []
    return [generators.repeat_axis(str(new))(wire)]


def reindexing(s, wires, fill=0.0):
    """Flip, index, window, stride, padding, zero-insertion or diagonal; reads outside give ``fill``."""
    wire = pick(s, wires, 1)
    if wire is None:
        return []
    array, axis = wire.type, s.choose(wire.type.axes)
    label, n, new = axis.label, axis.size, s.fresh(wire.type)
    kind = s.choose(["flip", "index", "window", "stride", "pad", "dilate", "diagonal"])
    if kind == "flip":
        return [generators.flip(label)(wire)]
    if kind == "index":
        return [generators.index(**{label: s.choose([0, -1])})(wire)]
    if kind == "window" and new and fill is not None:
        made = generators.window(label, f"{new.label}=2", s.choose([1, 2]), 1, 1, fill)(wire)
        return [made] if s.small(made.type) else []
    if kind == "stride":
        return [generators.slice_axis(label, 0, None, 2)(wire)]
    if kind == "pad" and fill is not None:
        return [generators.pad(label, s.choose([0, 1]), 1, fill)(wire)]
    if kind == "dilate" and fill is not None:
        out = Axis(label, n * 2 - 1)
        row = affine(0, {label: 1}, 2)
        return [Reindex(Array((axis,)), (out,), (row,), fill).diagram(wire)]
    equal = [(a, b) for a in array.axes for b in array.axes if a.label < b.label and a.size == b.size]
    if kind == "diagonal" and equal:
        a, b = s.choose(equal)
        rows = tuple(affine(0, {a.label: 1}) for _ in range(2))
        return [Reindex(Array((a, b)), (a,), rows).diagram(wire)]
    return []


def strict_reindexing(s, wires):
    return reindexing(s, wires, None)


def view(s, wires):
    """Merge axes, or put an axis of length 1; a split where the size is 4."""
    wire = pick(s, wires)
    new = None if wire is None else s.fresh(wire.type)
    if new is None:
        return []
    array = wire.type
    whole = [axis for axis in array.axes if axis.size == 4]
    if whole and s.chance(0.5):
        axis = s.choose(whole)
        return [View(array, (axis.label,), (Axis(axis.label, 2), Axis(new.label, 2))).diagram(wire)]
    if s.chance(0.3) or len(array.axes) < 2:
        return [View(array, (), (Axis(new.label, 1),)).diagram(wire)]
    merged = s.some(array.labels, 2)
    product = Size.number(1)
    for label in merged:
        product = product * array.size(label)
    return [View(array, tuple(merged), (Axis(new.label, product),)).diagram(wire)]


def concatenation(s, wires):
    wire = pick(s, wires, 1)
    if wire is None:
        return []
    label = s.choose(wire.type.labels)
    other = s.choose([w for w in wires if w.type.dtype == "float" and label in w.type.labels])
    rest = [Array(w.type.without(label)) for w in (wire, other)]
    if not agree(*rest) or not s.small(*rest, wire.type):
        return []
    made = Concat((wire.type, other.type), label).diagram(wire, other)
    return [made] if s.small(made.type) else []


def gathering(s, wires):
    wire = pick(s, wires, 1)
    new = None if wire is None else s.fresh(wire.type)
    if new is None:
        return []
    axis = s.choose(wire.type.axes)
    places = [w for w in wires if w.type.dtype == "int" and w.type.bound == axis.size
              and not set(w.type.labels) & set(wire.type.labels)]
    index = s.choose(places) if places else affine_positions(s, new, axis.size)
    return [generators.gather(str(axis))(wire, index)] if s.small(wire.type, index.type) else []


def segmentation(s, wires, monoid="sum"):
    wire = pick(s, wires, 1)
    new = None if wire is None else s.fresh(wire.type)
    if new is None:
        return []
    axis = s.choose(wire.type.axes)
    index = affine_positions(s, axis, new.size)
    return [generators.segment(monoid, f"{axis.label} -> {new}")(wire, index)]


def running_total(s, wires):
    """A scan with a linear body: s' = s/2 + x, y = s' − x, from the first entry."""
    wire = pick(s, wires, 1)
    if wire is None:
        return []
    axis = s.choose(wire.type.axes)
    def body(state, item):
        after = state * 0.5 + item
        return after, after - item
    step = trace(body, (Array(), Array()))
    scan = generators.scan(step, str(axis), 1, 1, reverse=s.chance(0.3))
    return list(scan(generators.index(**{axis.label: 0})(wire), wire))


def average_of_two(s, wires):
    wire, other = pick(s, wires), pick(s, wires)
    if wire is None or not agree(wire.type, other.type) or not s.small(wire.type, other.type):
        return []
    return [(wire + other) * 0.5]


LINEAR = (scale, change_basis, total, reorder, repetition, reindexing, view, concatenation, gathering,
          segmentation, average_of_two)


# -- the others -----------------------------------------------------------------------
def nonlinearity(s, wires):
    wire = pick(s, wires)
    if wire is None:
        return []
    return [wire + s.number() if s.chance(0.3) else generators.elementwise(s.choose(UNARY))(wire)]


def combination(s, wires):
    left, right = pick(s, wires), pick(s, wires)
    if left is None or not agree(left.type, right.type) or not s.small(left.type, right.type):
        return []
    return [Map(s.choose(BINARY), (left.type, right.type)).diagram(left, right)]


def selection(s, wires):
    """A comparison, and a choice by it."""
    wire, mask = pick(s, wires), pick(s, wires, 0, "bool")
    if wire is None:
        return []
    if mask is None or not agree(wire.type, mask.type) or not s.small(wire.type, mask.type):
        mask = wire > 0.1
    return [generators.where(mask, wire, s.number()), mask]


def contraction(s, wires):
    """An einsum of one or two wires; equal sizes may take one letter, also inside one array."""
    chosen = [w for w in (pick(s, wires), pick(s, wires) if s.chance(0.6) else None) if w is not None]
    if not chosen or not s.small(*(Array(Axis(f"{a.label}_{n}", a.size) for a in w.type.axes)
                                   for n, w in enumerate(chosen))):
        return []
    letters: list[Axis] = []
    rows = []
    for wire in chosen:
        row = []
        for axis in wire.type.axes:
            same = [n for n, other in enumerate(letters) if other.size == axis.size]
            if not same or s.chance(0.3):
                letters.append(axis)
                row.append(len(letters) - 1)
            else:
                row.append(s.choose(same))
        rows.append(tuple(row))
    kept = s.some(range(len(letters)), 0, 3)
    names = s.random.sample(s.alphabet, len(kept))
    out = Array([Axis(name, letters[n].size) for name, n in zip(names, kept)])
    if not s.small(out):
        return []
    return [Einsum(tuple(w.type for w in chosen), tuple(rows), out, tuple(kept)).diagram(*chosen)]


def fold(s, wires):
    name = s.choose(["max", "min", "product", "all", "any"])
    wire = pick(s, wires, 1, "bool" if name in ("all", "any") else "float")
    if wire is None:
        return []
    return [generators.reduce(MONOIDS[name], " ".join(s.some(wire.type.labels, 1)))(wire)]


def softmax(s, wires):
    wire = pick(s, wires, 1)
    return [softmax_over(s.choose(wire.type.labels))(wire)] if wire is not None else []


def padding(s, wires):
    return reindexing(s, wires, 0.5)


def other_segmentation(s, wires):
    found = segmentation(s, wires, s.choose(["max", "min", "product"]))
    # An empty segment of max is −∞: bring it back to a number.
    return [generators.elementwise("sigmoid")(wire) for wire in found]


def source(s, wires):
    new = s.axis(s.choose(s.alphabet))
    kind = s.choose(["number", "positions", "array"])
    if kind == "number":
        return [generators.constant(s.number())()]
    made = Iota(new).diagram()
    return [made] if kind == "positions" else [pointwise(scalar.COS, pointwise(scalar.TO_FLOAT, made))]


def boxed(s, wires):
    wire = pick(s, wires)
    if wire is None:
        return []
    body = trace(lambda x: (nonlinearity(s, [x]) or [x])[0], (wire.type,))
    return [Block(f"block{s.random.randint(0, 9)}", body).diagram(wire)]


def stopped(s, wires):
    wire = pick(s, wires)
    return [Stop(wire.type).diagram(wire)] if wire is not None else []


PURE = (*LINEAR, nonlinearity, nonlinearity, combination, combination, selection, contraction, contraction,
        fold, softmax, padding, other_segmentation, running_total, boxed, stopped)
DETERMINISTIC = (*PURE, source)


def noise(s, wires):
    """Normal numbers from a key drawn by its place, added: x + ε."""
    wire = pick_or_one(s, wires)
    key = Key("key").diagram()
    return [wire + Random("normal", key.type, wire.type.axes).diagram(key)]


def dropout(s, wires):
    return [dropout_by_place(0.5)(pick_or_one(s, wires) + 1)]


def learned(s, wires):
    """A weight, a bias or a linear layer, known by its place."""
    wire = pick_or_one(s, wires)
    new, kind = s.fresh(wire.type), s.choose(["weight", "bias", "linear"])
    if kind == "linear" and wire.type.axes and new is not None:
        axis = s.choose(wire.type.axes)
        return [project((axis,), (new,))(wire)]
    weight = Parameter(kind, Array(s.some(wire.type.axes, 0, 2))).diagram()
    return [wire * weight if kind == "weight" else wire + weight]


def shared(s, wires):
    """A scale whose name is tied: wherever the name stands, it is the same number."""
    wire = pick_or_one(s, wires)
    return [wire * Parameter(s.choose(["scale", "temperature"]), Array(), tied=True).diagram() + 1]


Family = Callable[[Sampler, list[Wire]], list[Wire]]
