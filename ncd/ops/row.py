"""Affine functions of indices: the rows of a reindexing."""

from __future__ import annotations

from typing import NamedTuple

from ncd.algebra.convert import ONE, Size, as_size
from ncd.core.axis import Label


class Row(NamedTuple):
    """One input index as an affine function of output indices: (offset + Σ c·p) / divisor."""

    offset: Size
    terms: tuple[tuple[Label, Size], ...]
    divisor: Size = ONE


def affine(offset=0, terms=(), divisor=1) -> Row:
    """A row of a reindexing from plain numbers and labels.

    >>> affine(-1, {"i": 2, "j": 1}).offset
    Size('-1')
    """
    items = terms.items() if hasattr(terms, "items") else terms
    return Row(as_size(offset), tuple((Label(label), as_size(c)) for label, c in items), as_size(divisor))
