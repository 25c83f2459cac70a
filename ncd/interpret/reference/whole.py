"""Integers in the reference: exact where 32 bits hold them, refused where a JAX program would wrap."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

import numpy as np

from ncd.core.op import Operation
from ncd.errors import InputError
from ncd.interpret.interpretation import Run

LOW, HIGH = -2 ** 31, 2 ** 31 - 1


def refuse_wide(what: str, value) -> None:
    """Say so where an integer, or a float that is to be one, is beyond 32 bits.

    Raises:
        InputError: An entry that no int32 holds: it is too large, infinite or no number.
    """
    value = np.asarray(value)
    with np.errstate(invalid="ignore"):
        if not value.size or bool(((value >= LOW) & (value <= HIGH)).all()):
            return
        if not np.isfinite(value.astype(float)).all():
            raise InputError(f"{what} is no integer: it is divided by 0, or made of what is not finite",
                             why="in JAX its value is unspecified",
                             mend="choose another divisor there, as in x // ncd.where(n > 0, n, 1)")
    raise InputError(f"{what} holds an integer that 32 bits do not hold",
                     have=f"from {value.min():.0f} to {value.max():.0f}", want=f"from {LOW} to {HIGH}",
                     why="in JAX it wraps, modulo 2**32",
                     mend='make it float first: ncd.elementwise("to_float")')


def whole(rule: Callable) -> Callable:
    """A rule whose integers are refused where they are beyond 32 bits."""
    @wraps(rule)
    def checked(run: Run, op: Operation, *values):
        results = rule(run, op, *values)
        several = isinstance(results, (tuple, list))
        for array, value in zip(op.cod, results if several else (results,)):
            if array.dtype == "int":
                refuse_wide(f"`{op.name}`", value)
        return results
    return checked
