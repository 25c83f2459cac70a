"""Axes: the objects of the category of reindexings. A label is a role, a size a quantity."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ncd.algebra.convert import Size, as_size
from ncd.algebra.grammar import is_name, normal
from ncd.algebra.powers import is_rounded
from ncd.errors import AxisError, SizeError

_NUMBER = re.compile(r"[0-9]+'*\Z")
MAX_LABEL = 200


class Label(str):
    """The name of an axis; a type of its own so that renaming finds labels in any record."""

    __slots__ = ()

    def __new__(cls, text: str):
        if type(text) is cls:
            return text
        if not isinstance(text, str):
            raise AxisError(f"an axis label is a text, not {text!r}")
        if len(text) <= 4 * MAX_LABEL:      # normalising a long hostile text can take quadratic time
            text = normal(text)
        if len(text) > MAX_LABEL or not (is_name(text) or _NUMBER.match(text)):
            raise AxisError(f"{text[:MAX_LABEL]!r} is not an axis label",
                            mend="letters, digits, _ and primes, a letter first, at most 200")
        return super().__new__(cls, text)


def fresh(label: str, taken) -> Label:
    """The label with as many primes as keep it apart from those taken."""
    while label in taken:
        label += "'"
    return Label(label)


def derived(*parts: str) -> str:
    """The label of what belongs to axes: ``x_k`` of x; one that a digit begins gets a ``_`` in front.

    >>> derived("x", "k"), derived("40", "k")
    ('x_k', '_40_k')
    """
    text = "_".join(parts)
    return f"_{text}" if text[:1].isdigit() and len(parts) > 1 else text


def all_fresh(labels, taken) -> dict[str, Label]:
    """For each label a new one that keeps it apart from those taken, and from one another.

    >>> all_fresh(["x", "x'"], {"x", "x'"})
    {'x': "x''", "x'": "x'''"}
    """
    taken, found = set(taken), {}
    for label in labels:
        found[label] = fresh(label, taken)
        taken.add(found[label])
    return found


@dataclass(frozen=True)
class Axis:
    """An axis: a label and a size, a positive integer or an expression in symbols.

    An axis without a size has the symbol of its own label; one named by a number that number.

    Raises:
        AxisError: The label is not a name.
        SizeError: The size is zero, negative, a fraction, or a logarithm that is not rounded.

    >>> Axis("x"), Axis("x", 128)
    (Axis('x'), Axis('x', 128))
    >>> str(Axis("x", "2*k"))
    'x=2*k'
    """

    label: Label
    size: Size = None

    def __post_init__(self):
        if type(self.label) is not Label:
            object.__setattr__(self, "label", Label(self.label))
        if type(self.size) is not Size:
            if self.size is not None:
                size = as_size(self.size)
            else:
                size = Size.number(int(self.label.rstrip("'"))) if self.label[0].isdigit() \
                    else Size.symbol(self.label)
            object.__setattr__(self, "size", size)
        constant = self.size.constant
        if constant is not None and (not isinstance(constant, int) or constant < 1):
            raise SizeError(f"the axis {self.label} has the size {self.size}",
                            want="a positive integer or an expression in symbols")
        if constant is None and is_rounded(self.size):
            raise SizeError(f"the axis {self.label} has the size {self.size}, mostly no whole number",
                            mend="round it down, log2(n)//1, or up, -((-log2(n))//1)")
        object.__setattr__(self, "_hash", hash((self.label, self.size)))

    def __hash__(self):
        return self._hash

    def __eq__(self, other):
        return self is other or (isinstance(other, Axis) and self._hash == other._hash
                                 and self.label == other.label and self.size == other.size)

    def __reduce__(self):               # a hash of texts does not outlive its process
        return Axis, (self.label, self.size)

    def substitute(self, sizes: Mapping[str, Size]) -> Axis:
        size = self.size.substitute(sizes)
        return self if size is self.size else Axis(self.label, size)

    def relabel(self, labels: Mapping[str, str]) -> Axis:
        label = labels.get(self.label)
        return self if label is None else Axis(Label(label), self.size)

    def __str__(self):
        """Text that reads back as this axis; its size is there unless it is the label's own."""
        if self == Axis(self.label):
            return str(self.label)
        return f"{self.label}={str(self.size).replace(' ', '')}"

    def __repr__(self):
        if self.size.name == self.label:
            return f"Axis({str(self.label)!r})"
        constant = self.size.constant
        return f"Axis({str(self.label)!r}, {str(self.size) if constant is None else constant!r})"
