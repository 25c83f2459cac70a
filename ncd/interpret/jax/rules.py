"""JAX's rule for each primitive, as an expert would write it."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ncd.core.array import Array
from ncd.core.op import lifted_axes
from ncd.errors import InputError, RuleError
from ncd.interpret.interpretation import Run
from ncd.interpret.jax.index import positions
from ncd.interpret.jax.init import place_key
from ncd.interpret.jax.precision import COMPUTED, MOVED, STORED, as_integers, rounded, wide, widened
from ncd.interpret.jax.reindex import reindex
from ncd.interpret.jax.scalar import FUNCTIONS, OVERRIDES
from ncd.ops.control import Broadcast, Scan
from ncd.ops.indexed import Gather, Segment
from ncd.ops.matrix import Eigh, Solve
from ncd.ops.monoid import MONOIDS, SUM_PRODUCT, Monoid
from ncd.ops.multilinear import Concat, Einsum, Reindex, View
from ncd.ops.pointwise import Map, Reduce, Stop, TopK
from ncd.ops.source import Constant, Iota, Key, Parameter, Random
from ncd.traverse.places import find


class State(NamedTuple):
    """Parameters and key where a program runs, the root's for global names, the float type."""

    params: Any
    root: Any
    key: Any
    dtype: Any


REDUCTIONS = {"sum": jnp.sum, "product": jnp.prod, "max": jnp.max, "min": jnp.min,
              "all": jnp.all, "any": jnp.any}


def fold(monoid: Monoid, value, axes: tuple[int, ...]):
    """Fold axes: JAX's own reduction of a known monoid, else XLA's with the monoid's function."""
    if MONOIDS.get(monoid.name) == monoid:
        return REDUCTIONS[monoid.name](value, axes)
    first, second = monoid.function.arguments
    return jax.lax.reduce(value, jnp.asarray(monoid.unit, value.dtype), lambda a, b: jnp.asarray(
        monoid.function.evaluate({first: a, second: b}, FUNCTIONS), value.dtype), axes)


def move(value, have, want):
    """Transpose from one order of labels to another."""
    order = [have.index(label) for label in want]
    return value if order == list(range(len(order))) else jnp.transpose(value, order)


def aligned(value, array, axes):
    """A value with its axes in the order of others, and length 1 where it lacks one."""
    labels = [axis.label for axis in axes]
    own = [label for label in labels if label in array.labels]
    value = move(value, list(array.labels), own)
    missing = [i for i, label in enumerate(labels) if label not in array.labels]
    leading = missing == list(range(len(missing)))     # NumPy broadcasting adds these itself
    return value if not missing or leading else jnp.expand_dims(value, missing)


def _map(run: Run, op: Map, *values):
    axes = op.cod[0].axes
    values = [aligned(value, array, axes) for value, array in zip(values, op.arrays)]
    kind = wide(run.state.dtype)
    if op.dtype == "float":                 # integers and truth values take the model's float type
        whole = [array.dtype != "float" and not (i == 0 and op.function.name == "where")
                 for i, array in zip(op.arguments, op.arrays)]
        values = [jnp.asarray(value, kind) if cast else value for value, cast in zip(values, whole)]
    arguments = dict(zip(op.arguments, values))
    override = OVERRIDES.get(op.function)
    if override is not None and len(arguments) == op.function.arity:
        found = override(*values)
    else:
        floating = any(array.dtype == "float" for array in op.arrays) or op.dtype == "float"
        named = {name: arguments[i] if i in arguments else _number(run, op.constants[i], floating)
                 for i, name in enumerate(op.function.arguments)}
        found = op.function.evaluate(named, FUNCTIONS | {"float": lambda x: jnp.asarray(x, kind)})
    if op.function.dtype == "int":
        found = jnp.asarray(found, jnp.result_type(int))
    return found if jnp.shape(found) == run.shape(op.cod[0]) else \
        jnp.broadcast_to(found, run.shape(op.cod[0]))


def _number(run: Run, value, floating: bool):
    """A constant argument; a whole number that no int32 holds is a float beside floats."""
    number = value if isinstance(value, float) else run.size(value)
    return _held(run, float(number)) if floating and abs(number) >= 2 ** 31 else number


def _held(run: Run, number: float) -> float:
    """A number, or the infinity that it is among the model's floats; numpy would warn of it."""
    with np.errstate(over="ignore"):
        rounded = float(np.asarray(number, run.state.dtype))
    return rounded if np.isinf(rounded) else number


def _einsum(run: Run, op: Einsum, *values):
    sizes = {letter: run.size(size) for letter, size in op.sizes.items()}
    letters = [*op.letters, *(step.kept for step in op.steps)]
    values = list(values)
    for n, own in enumerate(op.letters):
        unique = tuple(dict.fromkeys(own))
        if len(unique) < len(own):
            values[n], letters[n] = jnp.einsum(values[n], list(own), list(unique)), unique
    for left, right, kept, _ in op.steps:
        values.append(_fold(op, values[left], letters[left], kept) if right is None else
                      _product(op, values[left], letters[left], values[right], letters[right], kept))
    if not op.steps:
        values, letters = [jnp.full((), op.semiring.multiply.unit, _dtype(run, op.out))], [()]
    return _spread(values[-1], letters[-1], op.out_letters, sizes, op.semiring.add.unit)


def _fold(op: Einsum, value, have, kept):
    gone = tuple(i for i, letter in enumerate(have) if letter not in kept)
    value = fold(op.semiring.add, widened(value), gone) if gone else value
    return move(value, [x for x in have if x in kept], kept)


def _product(op: Einsum, left, left_letters, right, right_letters, kept):
    both = list(dict.fromkeys((*left_letters, *right_letters)))
    contracted = [letter for letter in both if letter not in kept]
    if op.semiring == SUM_PRODUCT and contracted:
        return jnp.einsum(left, list(left_letters), right, list(right_letters), list(kept))
    order = [*kept, *contracted]
    def spread(value, letters):
        value = move(value, list(letters), [x for x in order if x in letters])
        return jnp.expand_dims(value, [i for i, x in enumerate(order) if x not in letters])
    f = op.semiring.multiply.function
    found = f.evaluate(dict(zip(f.arguments, (spread(left, left_letters), spread(right, right_letters)))),
                       FUNCTIONS)
    return fold(op.semiring.add, found, tuple(range(len(kept), len(order)))) \
        if contracted else found


def _spread(found, have, letters, sizes, unit):
    """Repeat along letters that no input has, and put repeated letters on a diagonal."""
    if tuple(have) == tuple(letters):
        return found
    unique = list(dict.fromkeys(letters))
    found = move(found, list(have), [x for x in unique if x in have])
    found = jnp.expand_dims(found, [i for i, x in enumerate(unique) if x not in have])
    found = jnp.broadcast_to(found, [sizes[x] for x in unique])
    if len(unique) == len(letters):
        return found
    shape = [sizes[x] for x in letters]
    first = [letters.index(x) for x in unique]
    grid = jnp.expand_dims(found, [i for i in range(len(letters)) if i not in first])
    on = np.ones(shape, bool)
    index = np.indices(shape, sparse=True)
    for i, letter in enumerate(letters):
        on = on & (index[i] == index[letters.index(letter)])
    return jnp.where(on, grid, jnp.asarray(unit, found.dtype))


def _reindex(run: Run, op: Reindex, value):
    return reindex(run, op, jnp.asarray(value))


def _view(run: Run, op: View, value):
    place = next((i for i, label in enumerate(op.array.labels) if label in op.labels), len(op.array.labels))
    kept = [label for label in op.array.labels if label not in op.labels]
    before = [label for label in op.array.labels[:place] if label not in op.labels]
    value = move(value, list(op.array.labels), [*before, *op.labels, *kept[len(before):]])
    return jnp.reshape(value, run.shape(op.cod[0]))


def _concat(run: Run, op: Concat, *values):
    out = op.cod[0]
    parts = []
    for value, array in zip(values, op.arrays):
        shape = [run.size(array.size(a.label) if a.label in array.labels else a.size) for a in out.axes]
        parts.append(jnp.broadcast_to(aligned(value, array, out.axes), shape))
    return jnp.concatenate(parts, out.labels.index(op.axis))


def _reduce(run: Run, op: Reduce, value):
    axes = tuple(op.array.labels.index(label) for label in op.labels)
    return fold(op.monoid, value, axes)


def _topk(run: Run, op: TopK, value):
    axis = op.array.labels.index(op.axis)
    k = run.size(op.out.size)
    op.check_count(k, value.shape[axis])
    last = jnp.moveaxis(value, axis, -1)
    if op.array.dtype == "float":       # XLA's order puts −0 before 0 and looks at the sign of NaN
        rank = jnp.where(last == 0, 0, jnp.where(last != last, jnp.nan, last))
        place = jax.lax.top_k(jax.lax.stop_gradient(rank), k)[1]
        found = jnp.take_along_axis(last, place, -1), place
    else:
        found = jax.lax.top_k(last, k)
    labels = [op.out.label if label == op.axis else label for label in op.array.labels]
    return [move(jnp.moveaxis(x, -1, axis), labels, op.cod[0].labels) for x in found]


def _gather(run: Run, op: Gather, table, index):
    index = positions(op, index, run.size(op.table.size(op.axis)))
    shared = [label for label in op.table.labels if label in op.index.labels]
    rest = [label for label in op.table.labels if label != op.axis and label not in shared]
    mine = [label for label in op.index.labels if label not in shared]
    def read(table, index):             # 0 where nothing is read: the transpose of what a segment drops
        if op.table.dtype == "key":
            return jnp.take(table, index, axis=0, mode="clip")
        return jnp.take(table, index, axis=0, mode="fill", fill_value=0)
    out = op.cod[0].labels
    table_own, made = [op.axis, *rest], [*mine, *rest]
    found = _over(read, (op.table, op.index), (table_own, mine), shared, (table, index))
    return move(found, [*shared, *made], list(out))


def _over(function, arrays, own, shared, values):
    """Map a function over labels that all inputs share; they stand in front of the result."""
    values = [move(value, list(array.labels), [*shared, *mine])
              for value, array, mine in zip(values, arrays, own)]
    for _ in shared:
        function = jax.vmap(function)
    return function(*values)


SEGMENTS = {"sum": jax.ops.segment_sum, "product": jax.ops.segment_prod,
            "max": jax.ops.segment_max, "min": jax.ops.segment_min}


def _segment(run: Run, op: Segment, values, index):
    count, rest = run.size(op.out.size), [x for x in op.values.labels
                                          if x != op.axis and x not in op.index.labels]
    logical = op.monoid.name in ("all", "any")
    if MONOIDS.get(op.monoid.name) != op.monoid:
        raise RuleError(f"`jax` has no segment of the monoid {op.monoid.name!r}", want=", ".join(MONOIDS),
                        mend="sort and scan, or give a rule: ncd.jax | {Segment: rule}")
    index = positions(op, index, count)
    write_all = SEGMENTS[{"all": "min", "any": "max"}.get(op.monoid.name, op.monoid.name)]
    if logical:
        values = jnp.asarray(values, jnp.int8)
    shared = [x for x in op.values.labels if x != op.axis and x in op.index.labels]
    only = [x for x in op.index.labels if x != op.axis and x not in op.values.labels]
    def write(values, index):
        found = write_all(values, index, count)
        if logical:   # an empty segment folds to the least or largest int8
            return found > 0
        return found
    inner = write
    for _ in only:
        inner = jax.vmap(inner, (None, 0))
    found = _over(inner, (op.values, op.index), ([op.axis, *rest], [*only, op.axis]), shared, (values, index))
    return move(found, [*shared, *only, op.out.label, *rest], list(op.cod[0].labels))


def lookup(state: State, path, missing: bool = False):
    """What the parameters hold at a place; global names stand in the root."""
    tree, names = (state.root, path[1:]) if path[:1] == ("/",) else (state.params, path)
    if missing:
        for name in names:
            tree = tree.get(name) if isinstance(tree, dict) else None
        return tree
    return find(tree, names)


def _scan(run: Run, op: Scan, *values):
    (length,), state, path = run.shape(Array((op.axis,))), run.state, run.path
    program = run.interpretation.program(op.body)
    params = lookup(state, path, missing=True) if op.place is not None else None
    stacked = None if op.share else params
    key = None if state.key is None else place_key(state.key, path)
    names = [op.arrays[n].labels.index(op.axis.label) for n in op.sequences]
    sequences = [jnp.moveaxis(values[n], axis, 0) for n, axis in zip(op.sequences, names)]
    streamed = frozenset(op.sequences)
    constants = {n: values[n] for n in range(op.states, len(values)) if n not in streamed}
    interpretation, sizes = run.interpretation, run.sizes

    def step(carry, slices):
        inner, position, steps = slices
        steps = dict(zip(op.sequences, steps))
        inputs = [*carry, *(steps[n] if n in steps else constants[n] for n in range(op.states, len(values)))]
        seed = None if key is None else jax.random.fold_in(key, position)
        local = State(params if op.share else inner, state.root, seed, state.dtype)
        made = Run(interpretation, sizes, local)(program, inputs)
        carry = [jnp.asarray(new, old.dtype) for new, old in zip(made, carry)]
        return carry, [jnp.asarray(value) for value in made[op.states:]]

    # A state is as wide as what the steps add to it, as it would be in steps written one after the other.
    start = [jnp.asarray(value) for value in values[:op.states]]
    start = [jnp.asarray(value, jnp.promote_types(value.dtype, state.dtype))
             if array.dtype == "float" else value for value, array in zip(start, op.dom)]
    position = jnp.arange(length) if key is not None else None
    states, outputs = jax.lax.scan(step, start, (stacked, position, sequences), length, op.reverse)
    outputs = [jnp.moveaxis(value, 0, array.labels.index(op.axis.label))
               for value, array in zip(outputs, op.cod[op.states:])]
    return [*states, *outputs]


def _parameter(run: Run, op: Parameter):
    found = lookup(run.state, run.path)
    found = as_integers(found) if op.array.dtype == "int" else found
    return jax.lax.stop_gradient(found) if op.stored else found


def _key(run: Run, op: Key):
    if run.state.key is None:
        raise InputError(f"the diagram draws a random key at {'/'.join(run.path)}", mend="give key=")
    key, shape = place_key(run.state.key, run.path), run.shape(op.cod[0])
    return jax.random.split(key, shape) if shape else key


def _random(run: Run, op: Random, keys):
    shape = tuple(run.size(axis.size) for axis in op.axes)
    draw = jax.random.uniform if op.distribution == "uniform" else jax.random.normal
    # Narrow types are rounded from float32: bits of their own are too few (bfloat16 has 128 numbers below 1).
    dtype = run.state.dtype
    narrow = jnp.dtype(dtype).itemsize < 4
    function = lambda key: draw(key, shape, jnp.float32 if narrow else dtype)
    for _ in op.key_array.axes:
        function = jax.vmap(function)
    if not narrow:
        return function(keys)
    made = function(keys).astype(dtype)
    return jnp.minimum(made, 1 - jnp.finfo(dtype).epsneg) if op.distribution == "uniform" else made


def _solve(run: Run, op: Solve, matrix, right):
    own = [op.row, op.column]
    batch = [x for x in op.matrix.labels if x not in own]
    rest = [x for x in op.right.labels if x != op.row and x not in batch]
    right_shape = dict(zip(op.right.labels, jnp.shape(right)))
    def system(matrix, right):
        found = jnp.linalg.solve(matrix, right.reshape((right.shape[0], -1)))
        return found.reshape((found.shape[0], *right.shape[1:]))
    function = system
    matrix = move(matrix, list(op.matrix.labels), [*batch, *own])
    right = move(right, list(op.right.labels), [*(x for x in batch if x in right_shape), op.row, *rest])
    for label in reversed(batch):
        function = jax.vmap(function, (0, 0 if label in right_shape else None))
    return move(function(matrix, right), [*batch, op.column, *rest], list(op.cod[0].labels))


def _eigh(run: Run, op: Eigh, matrix):
    batch = [x for x in op.matrix.labels if x not in (op.row, op.column)]
    values, vectors = jnp.linalg.eigh(move(matrix, list(op.matrix.labels), [*batch, op.row, op.column]))
    return [move(values, [*batch, op.out], list(op.cod[0].labels)),
            move(vectors, [*batch, op.row, op.out], list(op.cod[1].labels))]


def _constant(run: Run, op: Constant):
    def numbers(value):
        if isinstance(value, tuple):
            return [numbers(item) for item in value]
        number = value if isinstance(value, (bool, float)) else run.size(value)
        return _held(run, float(number)) if op.array.dtype == "float" else number
    return jnp.broadcast_to(jnp.asarray(numbers(op.value), _dtype(run, op.array)), run.shape(op.array))


def _dtype(run: Run, array: Array):
    return {"float": run.state.dtype, "int": jnp.result_type(int), "bool": bool}[array.dtype]


def _broadcast(run: Run, op: Broadcast, *values):
    rule, path = run.interpretation.rule(op.op), run.path
    extra = [axis.label for axis in lifted_axes(op.op.dom, op.arrays)]
    def base(*inner):
        run.path = path
        made = rule(run, op.op, *inner)
        return tuple(map(rounded, made if isinstance(made, (tuple, list)) else (made,)))
    values = [move(value, list(array.labels), [*(x for x in extra if x in array.labels), *want.labels])
              for value, array, want in zip(values, op.arrays, op.op.dom)]
    for label in reversed(extra):
        base = jax.vmap(base, [0 if label in array.labels else None for array in op.arrays])
    return [move(x, [*extra, *plain.labels], list(array.labels))
            for x, plain, array in zip(base(*values), op.op.cod, op.cod)]


def _of_fold(op: Reduce | Segment) -> str:
    return MOVED if op.monoid.selective else COMPUTED


def _of_einsum(op: Einsum) -> str:
    """A contraction reads what is stored; other products are maps, other sums folds."""
    folds = bool({x for letters in op.letters for x in letters} - set(op.out_letters))
    if len(op.arrays) > 1 and folds and op.semiring == SUM_PRODUCT:
        return STORED
    return COMPUTED if len(op.arrays) != 1 or (folds and not op.semiring.add.selective) else MOVED


RULES = {
    Map: _map, Einsum: _einsum, Reindex: _reindex, View: _view, Concat: _concat, Reduce: _reduce, TopK: _topk,
    Gather: _gather, Segment: _segment, Scan: _scan, Parameter: _parameter, Key: _key, Random: _random,
    Solve: _solve, Eigh: _eigh, Constant: _constant, Broadcast: _broadcast,
    Iota: lambda run, op: jnp.arange(*run.shape(op.cod[0])),
    Stop: lambda run, op, value: jax.lax.stop_gradient(value)}

# {primitive: how its rule reads floats}; the others read what is stored.
READS = {Einsum: _of_einsum, Reduce: _of_fold, Segment: _of_fold,
         **dict.fromkeys((Map, Solve, Eigh, Constant), lambda op: COMPUTED),
         **dict.fromkeys((Reindex, View, Concat, TopK, Gather, Stop), lambda op: MOVED)}
