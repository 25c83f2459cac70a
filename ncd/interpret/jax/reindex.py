"""Reindexing in JAX: transpose, repeat, slice, pad and reverse where they do, else a gather."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from ncd.errors import InputError
from ncd.interpret.interpretation import Run
from ncd.ops.multilinear import Reindex


def reindex(run: Run, op: Reindex, value):
    """Read ``value`` at affine functions of the output's indices (see :class:`Reindex`).

    Where no output index is read twice each input axis is read on its own, by a slice, a
    padding, a reversal or a take; what is left is a transposition and a repetition.
    """
    sizes = dict(zip([axis.label for axis in op.axes], run.shape(op.cod[0])))
    rows = [(run.size(row.offset), [(label, run.size(c)) for label, c in row.terms], run.size(row.divisor))
            for row in op.rows]
    read = [label for _, terms, _ in rows for label, _ in terms]
    if len(set(read)) < len(read):
        return _diagonal(op, value, rows, sizes)
    axis = 0
    for offset, terms, divisor in rows:
        value = _read(op, value, axis, offset, terms, divisor, sizes)
        axis += len(terms)
    order = [read.index(a.label) for a in op.axes if a.label in read]
    value = jnp.transpose(value, order) if order != list(range(len(order))) else value
    if len(order) == len(op.axes):
        return value
    kept = [i for i, a in enumerate(op.axes) if a.label in read]
    return jax.lax.broadcast_in_dim(value, [sizes[a.label] for a in op.axes], kept)


def _filled(op: Reindex, inside: bool) -> None:
    """What is out of range wants a fill: positions are known before the program runs."""
    if op.fill is None and not inside:
        raise InputError(f"`{op.name}` reads outside `{op.array}`", mend="give a fill")


def _read(op: Reindex, value, axis: int, offset: int, terms, divisor: int, sizes):
    """Replace one axis by the axes of its row's indices."""
    size, fill = value.shape[axis], op.fill
    if len(terms) == 1 and divisor == 1 and terms[0][1] != 0:
        label, step = terms[0]
        count = sizes[label]
        first, last = offset, offset + step * (count - 1)
        low, high = min(first, last), max(first, last)
        if (low, high, abs(step)) != (0, size - 1, 1):
            if low < 0 or high >= size:
                _filled(op, False)
                edges = [(0, 0, 0)] * value.ndim
                edges[axis] = (max(0, -low), max(0, high - size + 1), 0)
                value = jax.lax.pad(value, jnp.asarray(0 if fill is None else fill, value.dtype), edges)
                low, high = low + edges[axis][0], high + edges[axis][0]
            value = jax.lax.slice_in_dim(value, low, high + 1, abs(step), axis)
        return jnp.flip(value, axis) if step < 0 else value
    grid = np.indices([sizes[label] for label, _ in terms], sparse=True)
    place = np.asarray(offset + sum((c * index for (_, c), index in zip(terms, grid)), np.zeros((), int)))
    inside = (place % divisor == 0) & (place // divisor >= 0) & (place // divisor < size)
    _filled(op, inside.all())
    found = jnp.take(value, np.clip(place // divisor, 0, size - 1), axis=axis, mode="clip")
    if fill is None or inside.all():
        return found
    shape = [1] * axis + list(inside.shape) + [1] * (found.ndim - axis - inside.ndim)
    return jnp.where(inside.reshape(shape), found, jnp.asarray(fill, found.dtype))


def _diagonal(op: Reindex, value, rows, sizes):
    """The general case: one gather at explicit positions."""
    shape = [sizes[axis.label] for axis in op.axes]
    grid = dict(zip((axis.label for axis in op.axes), np.indices(shape, sparse=True)))
    inside, places = np.ones(shape, bool), []
    for (offset, terms, divisor), size in zip(rows, value.shape):
        place = np.asarray(offset + sum((c * grid[label] for label, c in terms), np.zeros((), int)))
        inside = inside & (place % divisor == 0) & (place // divisor >= 0) & (place // divisor < size)
        places.append(np.clip(place // divisor, 0, size - 1))
    _filled(op, inside.all())
    found = jnp.broadcast_to(value[tuple(places)], shape)
    if op.fill is None or inside.all():
        return found
    return jnp.where(inside, found, jnp.asarray(op.fill, found.dtype))
