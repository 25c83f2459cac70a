"""Where floats narrower than float32 are rounded: the one place that knows.

Arithmetic on them runs in float32: maps, folds and products without a sum read and return *unrounded*
values. A value is rounded to its own type once, where it is stored: where a contraction, a convolution, a
scan or an operation of your own reads it, or the program returns it. So sums, moments, norms, softmax and
losses, counts and epsilons go through float32, in a diagram and in its derivative, and matrix products
stay narrow. Of float32 and wider nothing changes.

A wire has one value. If it is stored, all of its readers see the rounded one, and so does what it was
moved or selected from: the largest entry is equal to one of those that it was chosen from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ncd.core.op import Operation
from ncd.errors import InputError
from ncd.interpret.interpretation import Run, Step, Storage

STORED, MOVED, COMPUTED = "stored", "moved", "computed"


@dataclass(frozen=True)
class Unrounded:
    """A value in float32 that stands for one of a narrower type."""

    value: Any
    dtype: Any


def is_narrow(dtype) -> bool:
    """Whether it is a float type of fewer bits than float32."""
    return jnp.issubdtype(dtype, jnp.floating) and jnp.dtype(dtype).itemsize < 4


def wide(dtype):
    """The type to compute in: float32, or a wider type as it is."""
    return jnp.promote_types(dtype, jnp.float32)


def as_integers(value):
    """Integers of any type as JAX's signed ones of 32 bits at least: an image's bytes do not wrap at 256.

    Raises:
        InputError: An array of NumPy with an integer that they do not hold.
    """
    given = value if isinstance(value, jax.Array) else np.asarray(value)
    large = given.dtype.kind == "O" or given.dtype.itemsize > 4 or given.dtype == "uint32"
    want = jnp.dtype(jax.dtypes.canonicalize_dtype("int64" if large else "int32"))
    if isinstance(given, np.ndarray) and given.size and large:
        low, high, bounds = int(given.min()), int(given.max()), jnp.iinfo(want)
        if low < bounds.min or high > bounds.max:
            raise InputError(f"an input holds an integer that {want.name} does not hold",
                             have=f"from {low} to {high}", want=f"from {bounds.min} to {bounds.max}",
                             mend='jax.config.update("jax_enable_x64", True), or make it float')
    return jnp.asarray(value, want)


def widened(value):
    """An array of narrow floats in float32, any other as it is."""
    return jnp.asarray(value, jnp.float32) if is_narrow(value.dtype) else value


def _plain(value):
    return value.value if isinstance(value, Unrounded) else value


def precise(rule: Callable, reads: Callable[[Operation], str]) -> Callable:
    """A rule that reads unrounded values.

    Parameters:
        reads: What the rule does with an operation's floats: ``COMPUTED`` with, in float32, ``MOVED``
            or selected as they are, or only read where they are ``STORED``.
    """
    @wraps(rule)
    def ruled(run: Run, op: Operation, *values):
        floats = [n for n, array in enumerate(op.dom) if array.dtype == "float"]
        kinds = [x.dtype if isinstance(x, Unrounded) else x for x in (values[n] for n in floats)]
        kind = jnp.result_type(*kinds) if kinds else run.state.dtype
        mode = reads(op)
        unrounded = any(isinstance(value, Unrounded) for value in values)
        plain = list(map(_plain, values))
        # Whole numbers that become floats here are exact: counts and positions have no narrow type to lose.
        if not is_narrow(kind) or (mode == MOVED and not unrounded):
            return rule(run, op, *plain)
        if mode == STORED:                  # with what is summed before it is multiplied in float32
            return jnp.asarray(rule(run, op, *plain), kind)
        for n in floats:
            plain[n] = jnp.asarray(plain[n], jnp.float32)
        results = rule(run, op, *plain)
        single = not isinstance(results, (tuple, list))
        results = [Unrounded(jnp.asarray(result, jnp.float32), kind) if array.dtype == "float" else result
                   for result, array in zip((results,) if single else results, op.cod)]
        return results[0] if single else results
    ruled.reads = reads
    return ruled


def precisely(rules: Mapping, reads: Mapping) -> dict:
    """A table of rules with those that read unrounded values, by how they read."""
    return {cls: precise(rule, reads[cls]) if cls in reads else rule for cls, rule in rules.items()}


def _stored(steps: Sequence[Step], outputs: Sequence[int]) -> set[int]:
    """The slots whose values are stored."""
    stored = set(outputs)
    for step in reversed(steps):
        reads = getattr(step.rule, "reads", None)
        mode = STORED if reads is None else reads(step.op)
        if mode == STORED or (mode == MOVED and not stored.isdisjoint(step.writes)):
            stored.update(step.reads)
    return stored


def rounded(value):
    """A value in its own type."""
    return jnp.asarray(value.value, value.dtype) if isinstance(value, Unrounded) else value


STORAGE = Storage(_stored, rounded)
