"""Integers as positions in JAX: checked where they are known, and such that those outside name nothing."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ncd.errors import InputError
from ncd.interpret.positions import outside
from ncd.ops.indexed import Gather, Segment


def is_known(value) -> bool:
    """Whether a value has its numbers: under ``jax.jit`` it has not."""
    return not isinstance(value, jax.core.Tracer)


def positions(op: Gather | Segment, index, size: int):
    """Integers as positions, such that those outside, negative ones as well, name none.

    Raises:    InputError: Some are outside, where the numbers are known.
    """
    if is_known(index) and (problem := outside(index, size, f"the index of `{op.name}`")):
        raise InputError("integers outside of what they index", why=[problem])
    index = jnp.asarray(index)
    if jnp.issubdtype(index.dtype, jnp.unsignedinteger):
        return index
    # Unsigned a negative number is a large one: JAX does not count it from the end.
    bits = 8 * max(4, index.dtype.itemsize)
    return index.astype(f"int{bits}").astype(f"uint{bits}")
