"""The options of a cost that leave out what is not needed, read and checked."""

from __future__ import annotations

from collections.abc import Mapping

from ncd.algebra.convert import Size, as_size
from ncd.algebra.count import Given, nonnegative
from ncd.core.category import Diagram
from ncd.errors import InputError, SizeError
from ncd.interpret.cost.sparsity.support import UNKNOWN, Value

TAPS, MASKS = ("dense", "valid"), ("dense", "skip")


def known(diagram: Diagram, taps: str, masks: str | Mapping) -> tuple[Value, ...] | None:
    """What is known of the inputs of a diagram; None where nothing is discounted.

    Parameters:
        taps, masks: As in :func:`ncd.interpret.cost.measure`.
    Raises:
        InputError: Another option; a count for an input that is not there, or is not of truth values.
        SizeError: A count that is no whole number of at least 0, or is larger than the array.
    """
    if taps not in TAPS:
        raise InputError(f"no taps {taps!r}", want=", ".join(map(repr, TAPS)))
    if (isinstance(masks, str) and masks not in MASKS) or not isinstance(masks, (str, Mapping)):
        raise InputError(f"no masks {masks!r}",
                         want='"dense", "skip", or {number of an input: how many of its entries are true}')
    if masks == "dense":
        return None if taps == "dense" else (UNKNOWN,) * len(diagram.dom)
    arrays = diagram.dom.inside
    counts = {} if isinstance(masks, str) else {
        number: _count(arrays, number, value) for number, value in masks.items()}
    return tuple(Value(mask=frozenset((Given(f"input {n}", array.labels, counts.get(n)),)))
                 if array.dtype == "bool" else UNKNOWN for n, array in enumerate(arrays))


def _count(arrays, number, value) -> Size:
    shown = [f"{n}: `{array}`" for n, array in enumerate(arrays)] or "no inputs"
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < len(arrays):
        raise InputError(f"there is no input {number} to be a mask", have=shown)
    if arrays[number].dtype != "bool":
        raise InputError(f"input {number} is no mask", have=f"`{arrays[number]}`",
                         want="truth values, : bool")
    size = as_size(value)
    if size.constant is not None and (size.constant < 0 or not isinstance(size.constant, int)):
        raise SizeError(f"{value} entries of input {number} are true", want="a whole number of at least 0")
    if nonnegative(size - arrays[number].elements - 1):
        raise SizeError(f"more entries of input {number} are true than it has", have=str(size),
                        want=f"at most {arrays[number].elements}")
    return size


def all_used(masks: str | Mapping, used: frozenset[str]) -> None:
    """Raises:    InputError: A count for an input that nothing is chosen by."""
    for number in masks if isinstance(masks, Mapping) else ():
        if f"input {number}" not in used:
            raise InputError(f"input {number} is no mask: no entry is chosen by it",
                             why="a mask is the condition of a `where`, or multiplies as 0 and 1",
                             mend=f"leave out {number}")
