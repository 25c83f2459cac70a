"""Sizes given by a user as numbers: positive ones, positive integers, and those that a shape can have."""

from __future__ import annotations

from collections.abc import Mapping

from ncd.algebra.convert import as_size
from ncd.errors import SizeError, shown


def numbers_of(sizes: Mapping) -> dict[str, int | float]:
    """Sizes given by a user, as numbers.

    Raises:    SizeError: One is no positive number.
    """
    found = {name: as_size(value).constant for name, value in sizes.items()}
    for name, number in found.items():
        if number is None or number <= 0:
            raise SizeError(f"{name} = {sizes[name]} is no size", want="a positive number")
    return found


def whole_numbers_of(sizes: Mapping) -> dict[str, int]:
    """Sizes given by a user, as whole numbers.

    Raises:    SizeError: One is no positive integer.
    """
    found = {name: as_size(value).constant for name, value in sizes.items()}
    for name, value in found.items():
        if not isinstance(value, int) or value < 1:
            raise SizeError(f"the size {name} = {sizes[name]} is not a positive integer")
        if value >= 2 ** 63:
            raise SizeError(f"the size {name} has {value.bit_length()} bits", want="less than 2**63")
    return found


def as_count(name: str, value) -> int:
    """A size given by a user as a positive integer.

    Raises:
        SizeError: Zero, negative, a fraction or not a number.
    """
    if isinstance(value, bool) or not hasattr(value, "__index__") or value.__index__() < 1:
        raise SizeError(f"the size {name} = {shown(value)} is not a positive integer")
    if value.__index__() >= 2 ** 63:
        raise SizeError(f"the size {name} has {value.__index__().bit_length()} bits", want="less than 2**63")
    return value.__index__()
