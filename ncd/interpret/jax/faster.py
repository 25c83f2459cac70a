"""Faster rules for defined operations: library calls, each tested equal to the definition."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from ncd.interpret.interpretation import Run
from ncd.interpret.jax.rules import lookup, move
from ncd.nn.convolution import Convolution


def convolution(run: Run, op: Convolution, value):
    """One call of XLA's convolution: batches and channels flattened, ★ as its window."""
    weight = lookup(run.state, (*run.path, "weight"))
    labels, spatial = op.array.labels, list(op.spatial)
    batch = [label for label in labels if label not in op.spatial and label not in op.inputs]
    shape = dict(zip(labels, jnp.shape(value)))
    value = move(value, list(labels), [*batch, *op.inputs, *spatial])
    channels = math.prod(shape[label] for label in op.inputs)
    value = value.reshape((-1, channels, *(shape[label] for label in spatial)))

    groups = 1 if op.groups is None else run.size(op.groups)
    kernels = [run.size(size) for size in op.kernels]
    weight = weight.reshape((groups, channels // groups, -1, *kernels))
    weight = jnp.swapaxes(weight, 1, 2).reshape((-1, channels // groups, *kernels))

    strides = [run.size(size) for size in op.strides]
    dilations = [run.size(size) for size in op.dilations]
    paddings = [(run.size(before), run.size(after)) for before, after in op.paddings]
    ups = [1] * len(spatial)
    if op.transposed:
        # The other leg of ★: zeros between the entries, and the kernel turned round.
        weight = jnp.flip(weight, range(2, weight.ndim))
        reach = [d * (k - 1) for d, k in zip(dilations, kernels)]
        sizes = [run.size(size) for size in op.sizes]
        ends = [(r - before, size - s * (shape[label] - 1) - 1 + before) for label, size, s, r, (before, _)
                in zip(spatial, sizes, strides, reach, paddings)]
        paddings, ups, strides = ends, strides, ups
    letters = "NC" + "".join(chr(ord("a") + n) for n in range(len(spatial)))
    found = jax.lax.conv_general_dilated(
        value, jnp.asarray(weight, value.dtype), strides, paddings, ups, dilations,
        (letters, "OI" + letters[2:], letters), feature_group_count=groups)
    out = [run.size(axis.size) for axis in op.outputs]
    found = found.reshape((*(shape[label] for label in batch), *out, *found.shape[2:]))
    made = [*batch, *(axis.label for axis in op.outputs), *spatial]
    found = move(found, made, list(op.cod[0].labels))
    if not op.bias:
        return found
    bias = lookup(run.state, (*run.path, "bias"))
    place = [op.cod[0].labels.index(axis.label) for axis in op.outputs]
    bias = jnp.transpose(bias, sorted(range(len(place)), key=place.__getitem__))
    return found + jnp.expand_dims(bias, [i for i in range(found.ndim) if i not in place])


FASTER = {Convolution: convolution}
