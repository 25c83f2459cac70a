"""A diagram tried on random inputs: its JAX program timed, and held against the oracle.

The two functors, to JAX arrays and to NumPy arrays in float64, must agree on every diagram;
this is that statement tried at one point.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import numpy

from ncd.core.array import Array
from ncd.core.category import Diagram
from ncd.core.inside import diagrams_in
from ncd.core.op import Operation
from ncd.errors import InputError
from ncd.interpret.interpretation import Interpretation
from ncd.interpret.rules import Rules
from ncd.ops.control import Broadcast
from ncd.traverse.places import places

Sizes = Mapping[str, int]
Progress = Callable[[str], AbstractContextManager]
REPEATS = 3


class Timed(NamedTuple):
    """What a run gave: its outputs, and the seconds of compiling and of the best run."""

    outputs: list
    compiling: float
    running: float
    parameters: int


class Agreement(NamedTuple):
    """How far JAX is from the oracle: one entry for each output, and whether values were compared."""

    errors: list[float]
    scales: list[float]
    problems: list[str]
    compared: bool

    @property
    def absolute(self) -> float:
        return max(self.errors, default=0.0)

    @property
    def relative(self) -> float:
        """The largest error relative to the largest entry of its output (or 1)."""
        return max((e / max(1.0, s) for e, s in zip(self.errors, self.scales)), default=0.0)


def _no_progress(text: str) -> AbstractContextManager:
    return nullcontext()


def random_inputs(diagram: Diagram, sizes: Sizes, seed: int = 0) -> list[numpy.ndarray]:
    """A value for each input: normal floats, integers below their bound, fair booleans, seeds of keys."""
    random = numpy.random.default_rng(seed)
    return [_random(random, array, sizes) for array in diagram.dom.inside]


def _random(random, array: Array, sizes: Sizes) -> numpy.ndarray:
    shape = tuple(axis.size.evaluate(sizes) for axis in array.axes)
    if array.dtype == "float":
        return random.standard_normal(shape, numpy.float32)
    if array.dtype == "int":
        bound = 10 if array.bound is None else array.bound.evaluate(sizes)
        return random.integers(0, bound, shape, numpy.int32)
    if array.dtype == "bool":
        return random.random(shape) < 0.5
    return random.integers(0, 2 ** 32, shape, numpy.uint64)


def draws(diagram: Diagram) -> bool:
    """Whether a random key is anywhere in a diagram, inside definitions too."""
    return anywhere(diagram, lambda op: not op.deterministic or any(
        array.dtype == "key" for array in (*op.dom, *op.cod))) or any(
            array.dtype == "key" for array in diagram.dom.inside)


def anywhere(diagram: Diagram, which: Callable[[Operation], bool]) -> bool:
    """Whether an operation is such, anywhere in a diagram, inside definitions and broadcasts too."""
    seen: dict[int, Any] = {}
    waiting = [diagram]
    while waiting:
        current = waiting.pop()
        if id(current) in seen:
            continue
        seen[id(current)] = current
        for op in current.graph.ops:
            if which(op) or (isinstance(op, Broadcast) and which(op.op)):
                return True
            inside = list(diagrams_in(op))
            waiting += inside if op.expansion is None else [*inside, op.expansion]
    return False


def check_memory(diagram: Diagram, sizes: Sizes) -> None:
    """Refuse sizes at which the arrays cannot fit in this machine's memory.

    Raises:
        InputError: With what is needed and what there is.
    """
    needed = diagram.cost(partial=True).exact["peak_memory"].evaluate(sizes)
    have = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else None
    if have is not None and needed > have:
        given = ", ".join(f"{name}={number}" for name, number in sizes.items())
        raise InputError("the arrays do not fit in memory", have=f"{have / 2 ** 30:,.1f} GiB",
                         want=f"{needed / 2 ** 30:,.1f} GiB at {given}", mend="give smaller sizes")


def program_of(diagram: Diagram, sizes: Sizes, params: Any, inputs: list, seed: int,
               interpretation: Interpretation | None = None):
    """The diagram's program as a function of (params, inputs, key), and its arguments."""
    import jax
    program = diagram.to_jax(interpretation, **sizes)
    slots, keys = places(diagram)
    values = [_jax_keys(value) if array.dtype == "key" else jax.numpy.asarray(value)
              for array, value in zip(diagram.dom.inside, inputs)]

    def call(params, values, key):
        first = (params,) if slots else ()
        made = program(*first, *values, **({"key": key} if keys else {}))
        return list(made) if isinstance(made, tuple) else [made]
    return call, (params, values, jax.random.key(seed))


def _jax_keys(seeds: numpy.ndarray):
    import jax
    keys = jax.vmap(jax.random.key)(seeds.reshape(-1).astype(numpy.uint32))
    return keys.reshape(seeds.shape)


def time_jax(diagram: Diagram, sizes: Sizes, seed: int = 0, progress: Progress = _no_progress) -> Timed:
    """Run the jitted JAX program on random inputs and initial parameters."""
    check_memory(diagram, sizes)
    import jax
    with progress("making inputs and parameters"):
        inputs = random_inputs(diagram, sizes, seed)
        params = diagram.init(seed, **sizes)
        call, arguments = program_of(diagram, sizes, params, inputs, seed)
    start = time.perf_counter()
    with progress("compiling"):
        compiled = jax.jit(call).lower(*arguments).compile()
    compiling = time.perf_counter() - start
    best = float("inf")
    with progress("running"):
        for _ in range(REPEATS):
            start = time.perf_counter()
            outputs = jax.block_until_ready(compiled(*arguments))
            best = min(best, time.perf_counter() - start)
    count = sum(leaf.size for leaf in jax.tree.leaves(params))
    return Timed(outputs, compiling, best, count)


def compare(diagram: Diagram, sizes: Sizes, seed: int = 0, progress: Progress = _no_progress,
            rules: Rules | None = None) -> Agreement:
    """The JAX program against the NumPy oracle on the same random inputs and parameters.

    Parameters are drawn anew around their initial values: zeros would hide what they multiply.
    A diagram that draws random numbers is compared in the shapes of its outputs only.
    """
    check_memory(diagram, sizes)
    import jax

    from ncd.interpret import reference
    random = numpy.random.default_rng(seed + 1)
    inputs = random_inputs(diagram, sizes, seed)
    params = jax.tree.map(lambda leaf: moved(numpy.asarray(leaf), random), diagram.init(seed, **sizes))
    with progress("compiling and running"):
        call, arguments = program_of(diagram, sizes, params, inputs, seed, rules and rules.jax)
        found = [numpy.asarray(value) if jax.numpy.issubdtype(value.dtype, jax.numpy.number)
                 or value.dtype == bool else value for value in jax.jit(call)(*arguments)]
    with progress("running the reference"):
        own = {"interpretation": rules.reference} if rules else {}
        wanted = reference.run(diagram, *inputs, params=params, key=seed, **own, **sizes)
    wanted = [numpy.asarray(w) for w in (wanted if isinstance(wanted, tuple) else [wanted])]
    compared = not draws(diagram)
    errors, scales, problems = [], [], []
    for place, (a, b, array) in enumerate(zip(found, wanted, diagram.cod.inside), 1):
        shape = tuple(axis.size.evaluate(sizes) for axis in array.axes)
        problems += [f"output {place} has the shape {tuple(value.shape)} in {who}, its type says {shape}"
                     for who, value in (("JAX", a), ("the reference", b)) if tuple(value.shape) != shape]
        if compared and not problems:
            error, scale = _error(a, b)
            errors.append(error)
            scales.append(scale)
    return Agreement(errors, scales, problems, compared)


def moved(leaf: numpy.ndarray, random) -> numpy.ndarray:
    if leaf.dtype == bool:
        return leaf
    return (leaf + 0.1 * random.standard_normal(leaf.shape)).astype(leaf.dtype)


def _error(found, wanted) -> tuple[float, float]:
    """The largest difference, infinite where only one is finite, and the largest finite entry."""
    a, b = numpy.asarray(found, numpy.float64), numpy.asarray(wanted, numpy.float64)
    with numpy.errstate(invalid="ignore"):
        difference = numpy.where((a == b) | (numpy.isnan(a) & numpy.isnan(b)), 0.0, numpy.abs(a - b))
    difference = numpy.where(numpy.isnan(difference), numpy.inf, difference)
    finite = numpy.abs(b[numpy.isfinite(b)])
    return float(difference.max(initial=0.0)), float(finite.max(initial=0.0))


def plain(number: float) -> float:
    """A number that JSON can hold: an infinite error is the largest float."""
    return min(number, sys.float_info.max)


def summary(value) -> dict[str, Any]:
    """The dtype, shape, mean, standard deviation, least and greatest of an array, and what is not finite."""
    if not hasattr(value, "dtype") or "key" in str(value.dtype):
        return {"dtype": "key", "shape": list(value.shape)}
    array = numpy.asarray(value).astype(numpy.float64)
    finite = array[numpy.isfinite(array)]
    made = {"dtype": str(value.dtype), "shape": list(array.shape),
            "not_finite": int(array.size - finite.size)}
    if finite.size:
        made |= {"mean": float(finite.mean()), "std": float(finite.std()),
                 "min": float(finite.min()), "max": float(finite.max())}
    return made
