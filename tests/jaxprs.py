"""A count of a JAX program by its jaxpr: every equation, loops times their length.

It knows nothing of diagrams. A primitive that is not in a table is an error, never a zero.
"""

from __future__ import annotations

import math
from collections import Counter

import jax
import jax.numpy as jnp
import numpy as np

from ncd.core.category import Diagram
from ncd.core.op import lifted_axes
from ncd.interpret.cost import COST, measure
from ncd.interpret.jax import JAX
from ncd.interpret.jax.faster import MOST
from ncd.interpret.jax.scalar import OVERRIDES
from ncd.nn.star import Star
from ncd.ops.control import Broadcast, Scan
from ncd.ops.indexed import Gather, Segment
from ncd.ops.multilinear import Einsum, Reindex
from ncd.ops.overlap import Overlap
from ncd.ops.pointwise import Map, TopK
from ncd.ops.source import Random
from tests.counting import Ledger, Scalar, evaluate


def names(text: str) -> frozenset[str]:
    return frozenset(text.split())


ARITHMETIC = names("""
    add sub mul div rem max min neg abs sign floor ceil eq ne lt le gt ge and or not select_n clamp
    is_finite round xor shift_left shift_right_logical shift_right_arithmetic""")
"""One operation for each entry of the result."""

CALLS = names("exp log log1p expm1 sqrt rsqrt tanh sin cos acos erf erfc erf_inv logistic pow")
"""One call of a transcendental function for each entry of the result."""

REDUCTIONS = names("reduce_sum reduce_prod reduce_max reduce_min reduce_and reduce_or")
SCATTERS = names("scatter-add scatter-mul scatter-min scatter-max")
"""An application for each update; ``scatter`` alone writes and computes nothing."""

MOVES = names("""
    reshape transpose broadcast_in_dim squeeze expand_dims slice dynamic_slice dynamic_update_slice pad rev
    concatenate gather scatter iota convert_element_type bitcast_convert_type copy stop_gradient
    split device_put
    random_bits random_seed random_wrap random_unwrap random_fold_in random_split""")
"""What moves data, changes a type or makes random bits."""

INSIDE = {"jit": "jaxpr", "pjit": "jaxpr", "closed_call": "call_jaxpr", "custom_jvp_call": "call_jaxpr",
          "custom_vjp_call": "call_jaxpr", "remat": "jaxpr", "checkpoint": "jaxpr"}


class Unknown(Exception):
    """A primitive without a count."""


def entries(variable) -> int:
    return math.prod(variable.aval.shape)


ROOT = "= sqrt 2.0:f32[]"


def counted(jaxpr, times: int = 1, into: Counter | None = None) -> Counter:
    """{primitive: (operations or calls)}, each name with its kind in front: ``"flops add"``.

    Integers and truth values are kept apart from floats, as ``"index add"``: they are the positions
    that indexing, masks and random numbers compute.
    """
    into = Counter() if into is None else into
    for equation in jaxpr.eqns:
        if str(equation).endswith(ROOT):            # a literal of gelu's expression: no work is left
            continue
        name, params, out = equation.primitive.name, equation.params, equation.outvars[0]
        if name in INSIDE:
            inner = params[INSIDE[name]]
            counted(getattr(inner, "jaxpr", inner), times, into)
        elif name == "scan":
            counted(params["jaxpr"].jaxpr, times * params["length"], into)
        elif name in ARITHMETIC:
            into[f"{_kind(equation)} {name}"] += times * entries(out)
        elif name in CALLS:
            into[f"calls {name}"] += times * entries(out)
        elif name == "integer_pow":
            into["flops integer_pow"] += times * (abs(params["y"]) - 1) * entries(out)
        elif name == "square":
            into["flops square"] += times * entries(out)
        elif name in REDUCTIONS:
            into[f"{_kind(equation)} {name}"] += times * (entries(equation.invars[0]) - entries(out))
        elif name in SCATTERS:
            into[f"flops {name}"] += times * entries(equation.invars[2])
        elif name == "dot_general":
            into["matrix dot_general"] += times * _dot(equation)
        elif name == "conv_general_dilated":
            into["matrix conv_general_dilated"] += times * _convolution(equation)
        elif name == "top_k":
            x, k = equation.invars[0].aval.shape[-1], params["k"]
            lines = entries(equation.invars[0]) // x
            into["flops top_k"] += times * lines * sum(x - 1 - j for j in range(k))
        elif name not in MOVES:
            raise Unknown(name)
    return into


def _kind(equation) -> str:
    """Floats and choices between floats are FLOPs; the rest is the arithmetic of positions and masks."""
    kinds = {variable.aval.dtype.kind for variable in (*equation.invars, *equation.outvars)}
    return "flops" if kinds & {"f", "V"} else "index"


def _dot(equation) -> int:
    """2 for each term of each entry."""
    (contracted, _), _ = equation.params["dimension_numbers"]
    shape = equation.invars[0].aval.shape
    return 2 * entries(equation.outvars[0]) * math.prod(shape[n] for n in contracted)


def _convolution(equation) -> int:
    """2 for each entry, tap and channel, taps on the padding among them ("dense")."""
    kernel = equation.invars[1].aval.shape
    spec = equation.params["dimension_numbers"].rhs_spec     # output features, input features, spatial …
    return 2 * entries(equation.outvars[0]) * math.prod(kernel[n] for n in spec[1:])


def count(function, *arguments) -> Counter:
    """What a JAX function does to arguments of given shapes."""
    return counted(jax.make_jaxpr(function)(*arguments).jaxpr)


def total(found: Counter, *kinds: str) -> int:
    return sum(n for name, n in found.items() if name.split()[0] in kinds)


# -- where the program is not the direct one -------------------------------------------------
CAUSES = {
    "fused function": "JAX's sigmoid, silu, softplus and gelu are other expressions, or one primitive",
    "negative index": "JAX counts a negative index from the end: <, + and a choice for each index",
    "fill": "a window that reads outside takes its fill by a choice for each entry read",
    "narrow argument": "what one argument alone enters is computed before it is repeated along other axes",
    "remainder": "jnp.remainder gives the remainder the divisor's sign: comparisons and a choice",
    "diagonal": "a diagonal is read by a mask, a choice and a sum, and written by a choice",
    "holes": "what is read at a stride turned round has zeros between its entries, which are counted",
    "blocks": "windows that overlap are cut into blocks as long as the stride, the last of them filled up",
    "order": "XLA's top-k tells −0 from 0 and NaN by its sign: two comparisons and choices for each entry",
    "truth values": "a segment of truth values is one of int8, compared with 0",
    "random bits": "what JAX does to bits to make them numbers"}


def _holes(op: Star, size) -> int:
    """2 for each entry, tap and channel of a convolution, less those of the pairs (i, j) of ★."""
    letters = {letter for tap in op.taps for letter in tap.letters}
    result = lambda tap: tap.l if tap.l in op.out_letters else tap.i
    dense, pairs = (math.prod(size(op.sizes[choose(tap)]) * size(op.sizes[tap.j]) for tap in op.taps)
                    for choose in (result, lambda tap: tap.i))
    return 2 * math.prod(size(n) for x, n in op.sizes.items() if x not in letters) * (dense - pairs)


def _overlap(op: Overlap, size):
    """Additions of whole blocks, axis by axis; with holes where the steps are others, as it is defined."""
    shape, found = {axis.label: size(axis.size) for axis in op.array.axes}, 0
    meet = size(op.diagram.cost().exact["flops"])
    for axis, row in zip(op.axes, op.rows):
        terms = sorted(((size(c), shape[x], x) for x, c in row.terms), reverse=True)
        (stride, count, window), (step, kernel, inner) = terms[0], terms[-1]
        blocks = -(-kernel // stride)
        plain = len(terms) == 1 and (count, size(row.offset)) == (size(axis.size), 0)
        if size(row.divisor) != 1 or step != 1 or not (plain or (len(terms) == 2 and blocks <= MOST)):
            written = measure(op.diagram, interpretation=COST.without_faster())
            yield "holes", size(written.exact["flops"]) - meet, 0
            for inside in JAX.without_faster().program(op.diagram).steps:
                yield from difference(inside.op, size)
            return
        if not plain:
            del shape[inner], shape[window]
            found += math.prod(shape.values()) * (blocks - 1) * (count + blocks - 1) * stride
            shape[window] = size(axis.size)
    yield "blocks", found - meet, 0


def difference(op, size):
    """(cause, operations, calls) of what the JAX program does beyond the formula, for one operation."""
    entries = lambda array: math.prod(size(axis.size) for axis in array.axes)
    if isinstance(op, Map):
        yield _of_map(op, size)
    elif isinstance(op, Star):
        yield "holes", _holes(op, size), 0
    elif isinstance(op, Overlap):
        yield from _overlap(op, size)
    elif isinstance(op, Gather):
        yield "negative index", 3 * entries(op.index), 0
    elif isinstance(op, TopK) and op.array.dtype == "float":
        yield "order", 4 * entries(op.array), 0
        yield "negative index", 3 * entries(op.cod[0]), 0
    elif isinstance(op, Segment) and op.values.dtype == "bool":
        yield "truth values", entries(op.cod[0]), 0
    elif isinstance(op, Reindex):
        yield "fill", _filled(op, size), 0
        yield "negative index", _positions(op, size), 0
    elif isinstance(op, Random):
        draw = jax.random.uniform if op.distribution == "uniform" else jax.random.normal
        shape = tuple(size(axis.size) for axis in op.axes)
        found = count(lambda key: draw(key, shape, jnp.float32), jax.random.key(0))
        n = entries(op.key_array)
        yield "random bits", n * total(found, "flops", "index"), n * total(found, "calls")
    elif isinstance(op, Einsum):
        if len(set(op.out_letters)) < len(op.out_letters):
            yield "diagonal", entries(op.out), 0
        for array, letters in zip(op.arrays, op.letters):
            if len(set(letters)) < len(letters):
                yield "diagonal", _read_diagonal(array, letters, size), 0


def _of_map(op: Map, size) -> tuple[str, int, int]:
    out = [axis.label for axis in op.cod[0].axes]
    n = math.prod(size(axis.size) for axis in op.cod[0].axes)
    flops, calls = (n * each for each in op.counted.operations)
    if op.function in OVERRIDES:
        found = count(OVERRIDES[op.function], np.float32(0.5))
        return "fused function", n * total(found, "flops") - flops, n * total(found, "calls") - calls
    shapes = [[size(array.size(x)) if x in array.labels else 1 for x in out] for array in op.arrays]
    if op.function.name == "remainder":
        kinds = [jnp.int32 if array.dtype == "int" else jnp.float32 for array in op.arrays]
        given = dict(zip(op.arguments, map(jax.ShapeDtypeStruct, shapes, kinds)))
        fixed = {i: size(c) for i, c in enumerate(op.constants) if c is not None}

        def remainder(*items):
            named = {**fixed, **dict(zip(given, items))}
            return jnp.remainder(named[0], named[1])
        found = count(remainder, *given.values())
        return "remainder", total(found, "flops", "index") - flops, total(found, "calls") - calls
    ledger = Ledger()
    given = {op.function.arguments[i]: shape for i, shape in zip(op.arguments, shapes)}
    # One more axis of size 1: NumPy's arrays without axes turn into their entries on the way.
    items = [counting_ones((1, *given.get(name, ())), ledger) for name in op.counted.arguments]
    with np.errstate(all="ignore"):
        evaluate(op.counted, *items)
    return "narrow argument", ledger.flops - flops, ledger.transcendentals - calls


def counting_ones(shape, ledger: Ledger):
    """An array of numbers that count: NumPy broadcasts it and applies each operation entry by entry."""
    made = np.empty(shape, object)
    made.fill(Scalar(np.float64(1), ledger))
    return made


def _read_diagonal(array, letters, size) -> int:
    """A mask, a choice and a sum, as jnp.einsum reads a diagonal."""
    shape = jax.ShapeDtypeStruct([size(axis.size) for axis in array.axes], jnp.float32)
    found = count(lambda value: jnp.einsum(value, list(letters), list(dict.fromkeys(letters))), shape)
    return total(found, "flops", "index", "matrix")


def _filled(op: Reindex, size) -> int:
    """The entries that a choice between what is read and the fill is made for."""
    if op.fill is None:
        return 0
    shape = [size(axis.size) for axis in op.array.axes]
    counts = {axis.label: size(axis.size) for axis in op.axes}
    read = [label for row in op.rows for label, _ in row.terms]
    shared, chosen, at = len(set(read)) < len(read), 0, 0
    for row, extent in zip(op.rows, list(shape)):
        terms, divisor = [(label, size(c)) for label, c in row.terms], size(row.divisor)
        grid = np.indices([counts[label] for label, _ in terms])
        place = size(row.offset) + sum((c * index for (_, c), index in zip(terms, grid)), 0)
        place = np.asarray(place)
        outside = bool(((place % divisor != 0) | (place < 0) | (place // divisor >= extent)).any())
        shape[at:at + 1] = [counts[label] for label, _ in terms]
        at += len(terms)
        padded = len(terms) == 1 and divisor == 1 and terms[0][1] != 0       # a slice and a padding
        if outside and shared:
            return math.prod(counts.values())
        if outside and not padded:
            chosen += math.prod(shape)
    return chosen


def _positions(op: Reindex, size) -> int:
    """A diagonal of a reindexing is read at arrays of positions, as any index."""
    read = [label for row in op.rows for label, _ in row.terms]
    if len(set(read)) == len(read):
        return 0
    counts = [size(axis.size) for axis in op.axes]
    grid = dict(zip((axis.label for axis in op.axes), np.indices(counts, sparse=True)))
    places = []
    for row, axis in zip(op.rows, op.array.axes):
        place = size(row.offset) + sum((size(c) * grid[x] for x, c in row.terms), np.zeros((), int))
        places.append(np.clip(place // size(row.divisor), 0, size(axis.size) - 1))
    shape = jax.ShapeDtypeStruct([size(axis.size) for axis in op.array.axes], jnp.float32)
    return total(count(lambda value: value[tuple(places)], shape), "flops", "index")


def differences(diagram: Diagram, sizes, times: int = 1, into: Counter | None = None) -> Counter:
    """{(cause, "operations" or "calls"): how many more the JAX program has}."""
    into = Counter() if into is None else into
    size = lambda value: value.evaluate(sizes)
    for step in JAX.program(diagram).steps:
        op, repeated = step.op, times
        if isinstance(op, Broadcast):
            repeated *= math.prod(size(axis.size) for axis in lifted_axes(op.op.dom, op.arrays))
            op = op.op
        if isinstance(op, Scan):
            differences(op.body, sizes, times * size(op.length), into)
        for cause, flops, calls in difference(op, size):
            into[cause, "operations"] += repeated * flops
            into[cause, "calls"] += repeated * calls
    return Counter({key: n for key, n in into.items() if n})
