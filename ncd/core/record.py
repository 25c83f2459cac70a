"""Frozen records that are compared for every node: as one object first, then by a hash made once."""

from __future__ import annotations

import dataclasses
import math
from functools import cache, cached_property


@cache
def split_fields(cls: type) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The fields that make a record what it is, and those beside them, for pictures and the like."""
    fields = dataclasses.fields(cls)
    return (tuple(field.name for field in fields if field.compare),
            tuple(field.name for field in fields if not field.compare))


def one_nan(value):
    """Numbers as they are; NaN always as the one object, which a record finds equal to itself."""
    if type(value) is tuple:
        return tuple(map(one_nan, value))
    return math.nan if isinstance(value, float) and value != value else value


class Record:
    """The base of a frozen dataclass that keeps its hash."""

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        # Equality and the hash use the kept hash; dataclass must not replace them.
        cls.__eq__, cls.__hash__ = Record.__eq__, Record.__hash__

    @property
    def key(self) -> tuple:
        """What the record is: its class and its fields, those for pictures left out."""
        return (type(self), *[getattr(self, name) for name in split_fields(type(self))[0]])

    @cached_property
    def _hash(self) -> int:
        return hash(self.key)

    def __hash__(self):
        return self._hash

    def __eq__(self, other):
        return self is other or (isinstance(other, Record) and self._hash == other._hash
                                 and self.key == other.key)

    def __getstate__(self) -> dict:
        """The fields only: a cached hash of texts does not outlive its process."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    def __setstate__(self, state: dict) -> None:
        vars(self).update({name: one_nan(value) for name, value in state.items()})
