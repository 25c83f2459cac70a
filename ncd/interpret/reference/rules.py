"""The reference's rule for each primitive: its equation, written out in NumPy float64."""

from __future__ import annotations

import itertools
import math
import zlib
from typing import Any, NamedTuple

import numpy as np

from ncd.core.array import Array
from ncd.errors import InputError
from ncd.interpret.interpretation import Run
from ncd.interpret.reference.pairs import LETTERS, by_pairs, diagonal
from ncd.interpret.reference.whole import refuse_wide, whole
from ncd.ops import scalar
from ncd.ops.control import Broadcast, Scan
from ncd.ops.indexed import Gather, Segment
from ncd.ops.matrix import Eigh, Solve
from ncd.ops.monoid import SUM_PRODUCT, Monoid
from ncd.ops.multilinear import Concat, Einsum, Reindex, View
from ncd.ops.pointwise import Map, Reduce, Stop, TopK
from ncd.ops.source import Constant, Iota, Key, Parameter, Random
from ncd.traverse.places import find


class State(NamedTuple):
    """Parameters and key of the place where a program runs; the root's for global names."""

    params: Any
    root: Any
    key: int | None


FUNCTIONS = scalar.ARITHMETIC | {
    "exp": np.exp, "log": np.log, "sqrt": np.sqrt, "tanh": np.tanh, "sin": np.sin, "cos": np.cos,
    "erf": np.vectorize(math.erf, otypes=[float]), "arccos": np.arccos, "abs": np.abs, "sign": np.sign,
    "floor": np.floor, "max": np.maximum, "min": np.minimum, "where": np.where,
    "both": np.logical_and, "either": np.logical_or, "opposite": np.logical_not,
    "float": lambda x: np.asarray(x, float)}

# Rows whose expression overflows where their value does not.
OVERRIDES = {scalar.SOFTPLUS: lambda x: np.logaddexp(0.0, x)}

# exp(−x) overflows to infinity where the function's value is exact; the value is what we want.
QUIET = {"over": "ignore", "divide": "ignore", "invalid": "ignore"}


def aligned(value, array, axes):
    """A value with its axes in the order of others, and length 1 where it lacks one."""
    labels = [axis.label for axis in axes]
    order = [array.labels.index(label) for label in labels if label in array.labels]
    shape = [np.shape(value)[array.labels.index(label)] if label in array.labels else 1 for label in labels]
    return np.transpose(value, order).reshape(shape)


def _map(run: Run, op: Map, *values):
    axes = op.cod[0].axes
    values = [aligned(v, a, axes) for v, a in zip(values, op.arrays)]
    real = op.function.dtype == "float" or (op.function == scalar.POWER and op.dtype == "float")
    if real:                                # a function of real numbers, given integers or truth values
        values = [np.asarray(v, float) for v in values]
    arguments = dict(zip(op.arguments, values))
    named = {name: arguments[i] if i in arguments else _constant(run, op.constants[i])
             for i, name in enumerate(op.function.arguments)}
    with np.errstate(**QUIET):
        override = OVERRIDES.get(op.function)
        found = override(*named.values()) if override else op.function.evaluate(named, FUNCTIONS)
        if op.dtype == "int":               # what 64 bits would wrap, or no integer is, shows in floats
            refuse_wide(f"`{op.name}`", op.function.evaluate(
                {name: v if np.asarray(v).dtype == bool else np.asarray(v, float)
                 for name, v in named.items()}, FUNCTIONS))
    found = np.broadcast_to(found, run.shape(op.cod[0]))
    return found.astype({"float": float, "int": int}[op.dtype]) if op.dtype != "bool" else found


def _constant(run: Run, value):
    return value if isinstance(value, float) else run.size(value)


def fold(monoid: Monoid, value, axes: tuple[int, ...]):
    """A fold by the monoid's own scalar function, entry after entry."""
    first, second = monoid.function.arguments
    value = np.moveaxis(value, axes, range(len(axes)))
    value = value.reshape((-1, *value.shape[len(axes):]))
    if value.dtype == bool:
        total = np.full(value.shape[1:], bool(monoid.unit))
    else:
        total = np.full(value.shape[1:], monoid.unit, float)
    for item in value:
        total = monoid.function.evaluate({first: total, second: item}, FUNCTIONS)
    if value.dtype.kind not in "iu" or not len(value):
        return total
    refuse_wide(f"the fold `{monoid.name}`", total)
    return total.astype(value.dtype)


def _einsum(run: Run, op: Einsum, *values):
    sizes = {letter: run.size(size) for letter, size in op.sizes.items()}
    inside = sorted({letter for letters in op.letters for letter in letters})
    kept = [letter for letter in dict.fromkeys(op.out_letters) if letter in inside]
    every = math.prod(sizes[letter] for letter in inside)
    if values and (len(inside) > LETTERS or (len(values) > 2 and every > 2 ** 20)):
        f = op.semiring.multiply.function
        multiply = lambda *two: f.evaluate(dict(zip(f.arguments, two)), FUNCTIONS)
        add = lambda value, axes: fold(op.semiring.add, value, axes)
        found = by_pairs(values, op.letters, kept, multiply, add)
        if op.out.dtype == "int":
            refuse_wide(f"`{op.name}`", by_pairs([np.asarray(v, float) for v in values], op.letters, kept,
                                                 multiply, add))
    elif op.semiring == SUM_PRODUCT and values:
        number = {letter: n for n, letter in enumerate(inside)}
        operands = [item for value, letters in zip(values, op.letters)
                    for item in (value, [number[letter] for letter in letters])]
        letters = [number[letter] for letter in kept]
        found = np.einsum(*operands, letters)
        if op.out.dtype == "int":
            floats = [np.asarray(v, float) if n % 2 == 0 else v for n, v in enumerate(operands)]
            refuse_wide(f"`{op.name}`", np.einsum(*floats, letters))
    else:
        found = np.full([sizes[letter] for letter in inside], op.semiring.multiply.unit, float)
        for value, letters in zip(values, op.letters):
            unique = sorted(set(letters))
            value = diagonal(value, letters, unique)
            value = value.reshape([sizes[letter] if letter in unique else 1 for letter in inside])
            f = op.semiring.multiply.function
            found = f.evaluate(dict(zip(f.arguments, (found, value))), FUNCTIONS)
        found = fold(op.semiring.add, found, tuple(i for i, x in enumerate(inside) if x not in kept))
        found = np.transpose(found, [[x for x in inside if x in kept].index(x) for x in kept])
    found = _spread(found, kept, op.out_letters, sizes, op.semiring)
    return found.astype(bool) if op.out.dtype == "bool" else found


def _spread(found, kept, letters, sizes, semiring):
    """Repeat along letters that no input has, and put repeated letters on a diagonal."""
    if tuple(kept) == tuple(letters):
        return found
    shape = [sizes[letter] for letter in letters]
    result = np.full(shape, semiring.add.unit, float)
    for position in itertools.product(*(range(n) for n in shape)):
        at: dict[int, int] = {}
        if all(at.setdefault(letter, i) == i for letter, i in zip(letters, position)):
            result[position] = found[tuple(at[letter] for letter in kept)] if kept else found
    return result


def _reindex(run: Run, op: Reindex, value):
    shape = run.shape(op.cod[0])
    grid = dict(zip((axis.label for axis in op.axes), np.indices(shape, sparse=True)))
    inside, places = np.ones(shape, bool), []
    for row, size in zip(op.rows, np.shape(value)):
        place = run.size(row.offset) + sum((run.size(c) * grid[label] for label, c in row.terms), 0)
        divisor = run.size(row.divisor)
        whole = np.asarray(place) % divisor == 0
        place = np.asarray(place) // divisor
        inside = inside & whole & (place >= 0) & (place < size)
        places.append(np.clip(place, 0, size - 1))
    if op.fill is None and not inside.all():
        raise InputError(f"`{op.name}` reads outside `{op.array}`", mend="give a fill")
    found = np.broadcast_to(np.asarray(value)[tuple(places)], shape)
    if op.fill is None:
        return found
    return np.where(inside, found, np.asarray(op.fill).astype(found.dtype))


def _view(run: Run, op: View, value):
    out = op.cod[0]
    kept = [axis for axis in op.array.axes if axis.label not in op.labels]
    order = [op.array.labels.index(label) for label in (*op.labels, *(a.label for a in kept))]
    moved = np.transpose(value, order)
    moved = moved.reshape([run.size(a.size) for a in op.axes] + list(moved.shape[len(op.labels):]))
    have = [axis.label for axis in (*op.axes, *kept)]
    return np.transpose(moved, [have.index(label) for label in out.labels])


def _concat(run: Run, op: Concat, *values):
    out = op.cod[0]
    parts = []
    for value, array in zip(values, op.arrays):
        shape = [run.size(array.size(a.label) if a.label in array.labels else a.size) for a in out.axes]
        parts.append(np.broadcast_to(aligned(value, array, out.axes), shape))
    return np.concatenate(parts, out.labels.index(op.axis))


def _reduce(run: Run, op: Reduce, value):
    return fold(op.monoid, np.asarray(value), tuple(op.array.labels.index(x) for x in op.labels))


def _topk(run: Run, op: TopK, value):
    axis, k = op.array.labels.index(op.axis), run.size(op.out.size)
    value = np.asarray(value)
    op.check_count(k, value.shape[axis])
    rising = np.argsort(np.flip(value, axis), axis=axis, kind="stable")
    order = np.take(value.shape[axis] - 1 - np.flip(rising, axis), range(k), axis=axis)
    made = [np.take_along_axis(value, order, axis), order]
    moved = list(op.array.labels)
    moved[axis] = op.out.label
    return [np.transpose(x, [moved.index(label) for label in op.cod[0].labels]) for x in made]


def _gather(run: Run, op: Gather, table, index):
    size = run.size(op.table.size(op.axis))
    index = np.asarray(index)
    if index.size and (index.min() < 0 or index.max() >= size):
        raise InputError(f"`{op.name}` reads outside {op.axis} = {size}",
                         have=f"indices from {index.min()} to {index.max()}")
    out = op.cod[0]
    grid = dict(zip(out.labels, np.indices(run.shape(out), sparse=True)))
    place = index[tuple(grid[label] for label in op.index.labels)]
    return np.asarray(table)[tuple(place if label == op.axis else grid[label] for label in op.table.labels)]


def _segment(run: Run, op: Segment, values, index):
    out = op.cod[0]
    values, index = np.asarray(values), np.asarray(index)
    count = run.size(op.out.size)
    if index.size and (index.min() < 0 or index.max() >= count):
        raise InputError(f"`{op.name}` writes outside {op.out.label} = {count}",
                         have=f"indices from {index.min()} to {index.max()}")
    whole = values.dtype.kind == "b" or (values.dtype.kind in "iu" and math.isfinite(op.monoid.unit))
    total = np.full(run.shape(out), op.monoid.unit, values.dtype if whole else float)
    both = [*op.values.axes, *op.index.without(*op.values.labels)]
    labels = [axis.label for axis in both]
    first, second = op.monoid.function.arguments
    for position in itertools.product(*(range(run.size(axis.size)) for axis in both)):
        at = dict(zip(labels, position))
        to = at | {op.out.label: index[tuple(at[label] for label in op.index.labels)]}
        target = tuple(to[label] for label in out.labels)
        item = values[tuple(at[label] for label in op.values.labels)]
        total[target] = op.monoid.function.evaluate({first: total[target], second: item}, FUNCTIONS)
    return total


def _scan(run: Run, op: Scan, *values):
    (length,), program = run.shape(Array((op.axis,))), run.interpretation.program(op.body)
    here, path = run.state or State(None, None, None), run.path
    params = _lookup(here, path, missing=True) if op.place is not None and here.params is not None else None
    states = list(values[:op.states])
    outputs = [[None] * length for _ in op.cod[op.states:]]
    steps, streamed = range(length - 1, -1, -1) if op.reverse else range(length), frozenset(op.sequences)
    for step in steps:
        inner = params if op.share or params is None else _slice(params, step)
        seed = None if here.key is None else _mix(here.key, path, step)
        inputs = states + [
            np.take(value, step, op.arrays[n].labels.index(op.axis.label)) if n in streamed else value
            for n, value in enumerate(values) if n >= op.states]
        made = Run(run.interpretation, run.sizes, State(inner, here.root, seed))(program, inputs)
        states = made[:op.states]
        for n, value in enumerate(made[op.states:]):
            outputs[n][step] = value
    stacked = [np.stack(items, array.labels.index(op.axis.label))
               for items, array in zip(outputs, op.cod[op.states:])]
    return [*states, *stacked]


def _slice(tree, step: int):
    return {k: _slice(v, step) for k, v in tree.items()} if isinstance(tree, dict) else tree[step]


def _lookup(state: State, path, missing: bool = False):
    tree, names = (state.root, path[1:]) if path[:1] == ("/",) else (state.params, path)
    try:
        return find(tree, names)
    except InputError:
        if missing:
            return None
        raise


def _parameter(run: Run, op: Parameter):
    if run.state is None or (run.state.params is None and run.state.root is None):
        raise InputError(f"the diagram has a parameter at {'/'.join(run.path)}", mend="give params=")
    return _lookup(run.state, run.path)


def _mix(key: int, path, step: int = 0) -> int:
    place = zlib.crc32("/".join(path).encode("utf-8", "surrogatepass"))
    return (key * 0x9E3779B97F4A7C15 + place * 1000003 + step) % 2 ** 64


def _key(run: Run, op: Key):
    if run.state is None or run.state.key is None:
        raise InputError(f"the diagram draws a random key at {'/'.join(run.path)}", mend="give key=")
    shape = run.shape(op.cod[0])
    seed = _mix(run.state.key, run.path)
    return np.random.Generator(np.random.Philox(seed)).integers(0, 2 ** 63, shape).astype(np.uint64)


def _random(run: Run, op: Random, keys):
    shape = tuple(run.size(axis.size) for axis in op.axes)
    keys = np.asarray(keys, np.uint64)
    found = np.empty((*keys.shape, *shape))
    for position in np.ndindex(keys.shape):
        generator = np.random.Generator(np.random.Philox(int(keys[position])))
        found[position] = generator.random(shape) if op.distribution == "uniform" \
            else generator.standard_normal(shape)
    return found


def _solve(run: Run, op: Solve, matrix, right):
    batch = [a for a in op.cod[0].axes if a.label in op.matrix.labels and a.label != op.column]
    rest = [a for a in op.right.axes if a.label != op.row and a not in batch]
    row, column = op.matrix.axis(op.row), op.matrix.axis(op.column)
    a = np.broadcast_to(aligned(matrix, op.matrix, (*batch, row, column)),
                        [run.size(x.size) for x in (*batch, row, column)])
    b = aligned(right, op.right, (*batch, row, *rest))
    shape = b.shape[len(batch) + 1:]
    found = np.linalg.solve(a, b.reshape((*b.shape[:len(batch) + 1], -1)))
    found = found.reshape((*found.shape[:len(batch) + 1], *shape))
    have = [x.label for x in (*batch, column, *rest)]
    return np.transpose(found, [have.index(label) for label in op.cod[0].labels])


def _eigh(run: Run, op: Eigh, matrix):
    batch = list(op.matrix.without(op.row, op.column))
    value = aligned(matrix, op.matrix, (*batch, op.matrix.axis(op.row), op.matrix.axis(op.column)))
    values, vectors = np.linalg.eigh(value)
    have = [axis.label for axis in batch]
    return [np.transpose(values, [(have + [op.out]).index(x) for x in op.cod[0].labels]),
            np.transpose(vectors, [(have + [op.row, op.out]).index(x) for x in op.cod[1].labels])]


def _constant_array(run: Run, op: Constant):
    value = op.value
    if isinstance(value, tuple):
        value = _numbers(run, value)
    elif not isinstance(value, (bool, float)):
        value = run.size(value)
    kind = {"float": float, "int": int, "bool": bool}[op.array.dtype]
    return np.broadcast_to(np.asarray(value, kind), run.shape(op.array))


def _numbers(run: Run, value):
    if isinstance(value, tuple):
        return [_numbers(run, item) for item in value]
    return value if isinstance(value, (bool, float)) else run.size(value)


def _broadcast(run: Run, op: Broadcast, *values):
    """The operation at each position of the lifted axes, one after the other."""
    from ncd.core.op import lifted_axes
    extra = lifted_axes(op.op.dom, op.arrays)
    rule = run.interpretation.rule(op.op)
    made: list[np.ndarray] | None = None
    for position in itertools.product(*(range(run.size(axis.size)) for axis in extra)):
        at = dict(zip((axis.label for axis in extra), position))
        inner = []
        for value, array, want in zip(values, op.arrays, op.op.dom):
            piece = np.asarray(value)[tuple(at.get(label, slice(None)) for label in array.labels)]
            kept = [label for label in array.labels if label not in at]
            inner.append(np.transpose(piece, [kept.index(label) for label in want.labels]))
        found = rule(run, op.op, *inner)
        found = found if isinstance(found, (tuple, list)) else (found,)
        if made is None:
            made = [np.empty(run.shape(array), np.asarray(x).dtype) for array, x in zip(op.cod, found)]
        for target, array, plain, x in zip(made, op.cod, op.op.cod, found):
            order = [plain.labels.index(label) for label in array.labels if label not in at]
            target[tuple(at.get(label, slice(None)) for label in array.labels)] = np.transpose(x, order)
    return made


RULES = {cls: whole(rule) for cls, rule in {
    Einsum: _einsum, Reindex: _reindex, View: _view, Concat: _concat, Map: _map, Reduce: _reduce,
    TopK: _topk, Gather: _gather, Segment: _segment, Scan: _scan, Parameter: _parameter, Key: _key,
    Random: _random, Solve: _solve, Eigh: _eigh, Constant: _constant_array, Broadcast: _broadcast,
    Iota: lambda run, op: np.arange(*run.shape(op.cod[0])), Stop: lambda run, op, value: value}.items()}
