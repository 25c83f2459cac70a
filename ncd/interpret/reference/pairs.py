"""A contraction of any number of axes, two arrays at a time.

numpy.einsum has 52 letters, and walks through every index of all arrays at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

LETTERS = 52


def diagonal(value, letters: Sequence[int], wanted: Sequence[int]):
    """An array with one axis for each letter, in the order wanted; a letter twice is its diagonal.

    >>> diagonal(np.array([[1, 2], [3, 4]]), [7, 7], [7]).tolist()
    [1, 4]
    """
    value, have = np.asarray(value), list(letters)
    while len(set(have)) < len(have):
        first = next(n for n, letter in enumerate(have) if letter in have[n + 1:])
        second = have.index(have[first], first + 1)
        value = np.diagonal(value, 0, first, second)        # the diagonal's axis is the last
        letter = have.pop(second)
        have.pop(first)
        have.append(letter)
    return np.transpose(value, [have.index(letter) for letter in wanted])


def by_pairs(values: Sequence, letters: Sequence[Sequence[int]], kept: Sequence[int], multiply: Callable,
             add: Callable):
    """The contraction of arrays from left to right: what no later array has and is not kept is summed.

    Parameters:
        multiply: The product of two arrays, entry by entry.
        add: The sum of an array over some axes, ``add(value, axes)``.
    """
    left = [set(own) for own in letters]
    found, have = None, []
    for n, (value, own) in enumerate(zip(values, letters)):
        unique = list(dict.fromkeys(own))
        value = diagonal(value, own, unique)
        needed = set(kept).union(*left[n + 1:])
        alone = [x for x in unique if x not in needed and x not in have]
        value = _summed(value, unique, alone, add)
        unique = [x for x in unique if x not in alone]
        if found is None:
            found, have = value, unique
            continue
        shared = [x for x in have if x in unique]
        batch, gone = [x for x in shared if x in needed], [x for x in shared if x not in needed]
        first, second = [x for x in have if x not in shared], [x for x in unique if x not in shared]
        sizes = dict(zip(have, np.shape(found))) | dict(zip(unique, np.shape(value)))
        count = lambda some: math.prod(sizes[x] for x in some)
        found = np.transpose(found, [have.index(x) for x in (*batch, *first, *gone)]).reshape(
            count(batch), count(first), 1, count(gone))
        value = np.transpose(value, [unique.index(x) for x in (*batch, *second, *gone)]).reshape(
            count(batch), 1, count(second), count(gone))
        have = [*batch, *first, *second]
        found = add(multiply(found, value), (3,)).reshape([sizes[x] for x in have])
    return np.transpose(found, [have.index(x) for x in kept])


def _summed(value, letters: Sequence[int], alone: Sequence[int], add: Callable):
    return add(value, tuple(letters.index(x) for x in alone)) if alone else value
