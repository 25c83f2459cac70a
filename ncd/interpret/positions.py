"""Integers that name positions, ``e : index(n)``: those that stand outside of what they index."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from ncd.core.array import Array
from ncd.errors import InputError


def require_positions(values: Iterable[tuple[str, Array, Any]], known: Mapping[str, int],
                      is_known: Callable[[Any], bool] = lambda value: True) -> None:
    """Say which values of type ``index(n)`` are not 0 … n − 1.

    Parameters:
        values: What each is called, its type, the value.
        is_known: Whether a value has its numbers yet.
    Raises:    InputError: Integers outside; all values are listed.
    """
    problems = [problem for name, array, value in values if array.dtype == "int"
                and array.bound is not None and array.bound.symbols <= set(known) and is_known(value)
                and (problem := outside(value, array.bound.evaluate(known), f"{name} (`{array}`)"))]
    if problems:
        raise InputError("integers outside of what they index", why=problems,
                         mend="positions are counted from 0; a negative one is not counted from the end")


def outside(index, size: int, name: str) -> str:
    """What is wrong with the positions along an axis of a size; empty if nothing is."""
    index = np.asarray(index)
    if not index.size or (index.min() >= 0 and index.max() < size):
        return ""
    return f"{name} has {index.min()} to {index.max()}, want 0 to {size - 1}"
