"""Faster rules for defined operations: library calls, each tested equal to the definition."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp

from ncd.interpret.interpretation import Run
from ncd.interpret.jax.precision import COMPUTED, precise
from ncd.interpret.jax.rules import move
from ncd.nn.star import Star
from ncd.ops.after import After
from ncd.ops.multilinear import Row
from ncd.ops.overlap import Overlap


def star(run: Run, op: Star, left, right):
    """One call of XLA's convolution, whichever face of ★ it is.

    What is read (the data) has the letter l, or i where the result has l; the other (the kernel) is
    slid along it. Letters of both and the result are groups, of the data and the result batches,
    of the kernel and the result features, of data and kernel channels.
    """
    face = _face(op)
    if face is None:                    # a mixture of faces, or letters that stand alone
        return run(run.interpretation.program(op.expansion), [left, right])
    data_side, slid_side = face
    values, letters = (left, right), op.letters
    return _convolve(run, op, values[data_side], letters[data_side], values[slid_side], letters[slid_side])


def _face(op: Star) -> tuple[int, int] | None:
    """Which input is read at windows and which is slid along it; None if XLA has no such convolution."""
    sides = set()
    for tap in op.taps:
        read = tap.i if tap.l in op.out_letters else tap.l
        sides.add((0 if read in op.letters[0] else 1, read == tap.i, tap.j in op.out_letters))
    found = {letter for tap in op.taps for letter in tap.letters}
    left, right, out = (set(letters) - found for letters in (*op.letters, op.out_letters))
    once = (left - right - out) | (right - left - out) | (out - left - right)
    twice = any(len(set(letters)) < len(letters) for letters in (*op.letters, op.out_letters))
    if len(sides) != 1 or once or twice:
        return None
    (side, _, _), = sides
    return side, 1 - side


def _convolve(run: Run, op: Star, data, data_letters, kernel, kernel_letters):
    taps = op.taps
    first = [x for tap in taps for x in tap.letters if x in data_letters]
    second = [x for tap in taps for x in tap.letters if x in kernel_letters]
    third = [x for tap in taps for x in tap.letters if x in op.out_letters]
    groups = [x for x in op.out_letters if x in data_letters and x in kernel_letters]
    batches = [x for x in op.out_letters if x in data_letters and x not in groups]
    features = [x for x in op.out_letters if x in kernel_letters and x not in groups]
    channels = [x for x in data_letters if x in kernel_letters and x not in groups]
    size = {letter: run.size(value) for letter, value in op.sizes.items()}
    count = math.prod(size[x] for x in groups)

    data, data_spec = _packed(data, data_letters, {"N": batches, "C": [*groups, *channels]}, first, size)
    kernel, kernel_spec = _packed(kernel, kernel_letters, {"O": [*groups, *features], "I": channels},
                                  second, size)
    strides, paddings, ups, downs = [], [], [], []
    for tap, a, b, c in zip(taps, first, second, third):
        s, d, p = run.size(tap.stride), run.size(tap.dilation), run.size(tap.before)
        if a == tap.i:                  # the other leg of ★: zeros between the entries, the kernel turned
            step, up, gap = 1, s, d
            start = d * (size[b] - 1) - p
            end = size[c] - s * (size[a] - 1) - 1 + p
        else:
            (step, gap), up, start = ((d, s) if b == tap.i else (s, d)), 1, p
            end = step * (size[c] - 1) + gap * (size[b] - 1) + 1 - size[a] - p
        strides.append(step)
        ups.append(up)
        downs.append(gap)
        paddings.append((start, end))
    if first and first[0] == taps[0].i:
        kernel = jnp.flip(kernel, [kernel_spec.index(_LETTERS[n]) for n in range(len(taps))])
    out_spec, shape, made = _unpacked(op.out_letters, {"N": batches, "C": [*groups, *features]}, third, size)
    dtype = jnp.result_type(data, kernel)       # XLA wants one type of both
    found = jax.lax.conv_general_dilated(
        jnp.asarray(data, dtype), jnp.asarray(kernel, dtype), strides, paddings, ups, downs,
        (data_spec, kernel_spec, out_spec), feature_group_count=count)
    return move(found.reshape(shape), made, list(op.out_letters))


_LETTERS = "abcdefghijklm"


def _runs(letters: Sequence[int], parts: dict[str, list[int]], spatial: Sequence[int]):
    """The letters in order, those of one part that stand together and in its order as one run."""
    of = {x: name for name, xs in parts.items() for x in xs} | {x: _LETTERS[n] for n, x in enumerate(spatial)}
    runs: list[tuple[str, list[int]]] = []
    for letter in letters:
        if runs and runs[-1][0] == of[letter]:
            runs[-1][1].append(letter)
        else:
            runs.append((of[letter], [letter]))
    names = [name for name, _ in runs]
    whole = len(set(names)) == len(names) and all(xs == parts.get(name, xs) for name, xs in runs)
    if not whole:                       # parts that do not stand together are moved to XLA's usual order
        runs = [(name, list(xs)) for name, xs in parts.items()]
        runs += [(_LETTERS[n], [x]) for n, x in enumerate(spatial)]
    return runs + [(name, []) for name in parts if name not in dict(runs)]


def _packed(value, letters, parts, spatial, size):
    """A value with one axis for each part and each spatial letter, and what they are called."""
    runs = _runs(letters, parts, spatial)
    value = move(value, list(letters), [x for _, xs in runs for x in xs])
    value = value.reshape([math.prod(size[x] for x in xs) for _, xs in runs])
    return value, "".join(name for name, _ in runs)


def _unpacked(letters, parts, spatial, size):
    """(the order that XLA writes in, the shape with parts opened, the letters in that order)."""
    runs = _runs(letters, parts, spatial)
    made = [x for _, xs in runs for x in xs]
    return "".join(name for name, _ in runs), [size[x] for x in made], made


MOST = 32
"""Where more windows than these meet in an entry an overlap is read with holes, as it is defined."""


def overlap(run: Run, op: Overlap, value):
    """Windows cut into blocks as long as the stride: block b of window i is added at block i + b."""
    labels, sizes = list(op.array.labels), [run.size(axis.size) for axis in op.axes]
    shape = dict(zip(labels, value.shape))
    plans = [_windows(run, row, shape, size) for row, size in zip(op.rows, sizes)]
    if None in plans:
        return run(run.interpretation.program(op.expansion), [value])
    for row, size, (window, inner, stride) in zip(op.rows, sizes, plans):
        if inner is not None:
            old = labels.index(inner)
            labels.remove(inner)
            at = labels.index(window)
            value = _laid(jnp.moveaxis(value, old, at + 1), at, run.size(row.offset), stride, size)
    order = [labels.index(window) for window, _, _ in plans]
    return jnp.transpose(value, order) if order != sorted(order) else value


def _windows(run: Run, row: Row, shape: dict, size: int):
    """(the index of the windows, that inside of one, the stride) of a row; None for another row."""
    terms = sorted(((run.size(c), shape[label], label) for label, c in row.terms), reverse=True)
    if run.size(row.divisor) != 1 or terms[-1][0] != 1:
        return None
    if len(terms) == 1:
        (_, count, label), = terms
        return (label, None, 1) if count == size and run.size(row.offset) == 0 else None
    (stride, _, window), (_, kernel, inner) = terms[:2]
    return (window, inner, stride) if len(terms) == 2 and -(-kernel // stride) <= MOST else None


def _laid(value, at: int, offset: int, stride: int, size: int):
    """Axis ``at`` is of windows, the next inside of one; in their place the axis that they overlap on."""
    def pad(value, axis: int, before: int, after: int):
        edges = [(0, 0, 0)] * value.ndim
        edges[axis] = (before, after, 0)
        return jax.lax.pad(value, jnp.zeros((), value.dtype), edges)
    before, (count, kernel), after = value.shape[:at], value.shape[at:at + 2], value.shape[at + 2:]
    blocks = -(-kernel // stride)
    value = pad(value, at + 1, 0, blocks * stride - kernel)
    value = value.reshape(*before, count, blocks, stride, *after)
    total = functools.reduce(jnp.add, (
        pad(jax.lax.index_in_dim(value, b, at + 1, keepdims=False), at, b, blocks - 1 - b)
        for b in range(blocks)))
    length = (count + blocks - 1) * stride
    return pad(total.reshape(*before, length, *after), at, offset, size - offset - length)


def after(run: Run, op: After, value, other):
    """The value, with a dependency on the other that the compiler does not see through.

    Where XLA keeps it, an optimization barrier, as in ``jax.checkpoint``. XLA for CPUs drops barriers
    before it merges equal operations, so there the value is chosen by a condition that always holds,
    i (i + 1) is even, and that no simplification of XLA knows to hold.
    """
    def chosen(value, other):
        first = jnp.ravel(other)[0]
        if jnp.issubdtype(first.dtype, jnp.floating):
            bits = jnp.dtype(f"int{8 * first.dtype.itemsize}")
            first = jax.lax.bitcast_convert_type(first, bits)
        whole = first.astype(jnp.int32)
        even = (whole * (whole + 1)) & 1 == 0
        return jnp.where(even, value, jnp.zeros_like(value))

    def barrier(value, other):
        return jax.lax.optimization_barrier((value, other))[0]
    return jax.lax.platform_dependent(jnp.asarray(value), jnp.asarray(other), cpu=chosen, default=barrier)


FASTER = {Star: star, Overlap: precise(overlap, lambda op: COMPUTED), After: after}
