"""Arrays: a dtype and a list of axes with distinct labels; the generating objects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property

from ncd.algebra.convert import ONE, Size, as_size
from ncd.core.axis import Axis
from ncd.core.discopy import Ob
from ncd.errors import ArgumentError, AxisError, NcdError

DTYPES = ("float", "int", "bool", "key")


class Array(Ob):
    """The type of one wire: a list of axes with distinct labels, and a kind of number.

    Parameters:
        axes: The axes, in the order in which they are stored.
        dtype: ``"float"`` (any precision), ``"int"``, ``"bool"`` or ``"key"`` (a random key).
        bound: For integers, the size of the axis that they index: values in [0, bound).

    Raises:
        AxisError: A label stands twice in the array.

    >>> Array([Axis("y"), Axis("k", 64)])
    Array([Axis('y'), Axis('k', 64)])
    >>> str(Array([Axis("e")], "int", "n"))
    'e : index(n)'
    """

    def __init__(self, axes: Iterable[Axis] = (), dtype: str = "float", bound=None):
        try:
            self.axes = tuple(axes)
            self.labels = tuple(axis.label for axis in self.axes)
        except (TypeError, AttributeError):
            raise ArgumentError(f"an array has axes, not {axes!r}"[:200], fix='Array([Axis("x")]); '
                                'ncd.Ty("x k") reads a text') from None
        self.dtype = dtype
        self.bound = None if bound is None else as_size(bound)
        if not isinstance(dtype, str) or dtype not in DTYPES:
            raise NcdError(f"{dtype!r} is not a dtype"[:200], want=", ".join(DTYPES))
        if len(set(self.labels)) != len(self.labels):
            twice = sorted({x for x in self.labels if self.labels.count(x) > 1})
            raise AxisError(f"the label {', '.join(twice)} stands twice in one array",
                            have=" ".join(map(str, self.axes)),
                            mend="two axes of one array need two labels, even of one size: "
                                 f"write {twice[0]} and {twice[0]}'")
        self._hash = hash((self.axes, dtype, self.bound))

    @cached_property
    def name(self) -> str:
        return str(self)

    def __eq__(self, other):
        return self is other or (isinstance(other, Array) and self._hash == other._hash and (
            self.axes, self.dtype, self.bound) == (other.axes, other.dtype, other.bound))

    def __hash__(self):
        return self._hash

    def __reduce__(self):               # a hash of texts does not outlive its process
        return Array, (self.axes, self.dtype, self.bound)

    def axis(self, label: str) -> Axis:
        """The axis with a label, or an error that lists those that are there."""
        for axis in self.axes:
            if axis.label == label:
                return axis
        raise AxisError(f"no axis {label} in the array `{self}`",
                        have=" ".join(self.labels) or "no axes", want=str(label))

    def size(self, label: str) -> Size:
        return self.axis(label).size

    @cached_property
    def elements(self) -> Size:
        """The number of entries: the product of the sizes."""
        product = ONE
        for axis in self.axes:
            product = product * axis.size
        return product

    @cached_property
    def symbols(self) -> frozenset[str]:
        found = frozenset().union(*(axis.size.symbols for axis in self.axes))
        return found if self.bound is None else found | self.bound.symbols

    def with_axes(self, axes: Iterable[Axis]) -> Array:
        return Array(axes, self.dtype, self.bound)

    def unbounded(self) -> Array:
        """The array without what bounds its integers: for results that may exceed it."""
        return self if self.bound is None else Array(self.axes, self.dtype)

    def without(self, *labels: str) -> tuple[Axis, ...]:
        return tuple(axis for axis in self.axes if axis.label not in labels)

    def replace(self, labels: Iterable[str], axes: Iterable[Axis]) -> tuple[Axis, ...]:
        """The axes with new ones put where the first of the labels stood (else at the end)."""
        labels, new = set(labels), tuple(axes)
        kept, place = [], None
        for axis in self.axes:
            if axis.label in labels:
                place = len(kept) if place is None else place
            else:
                kept.append(axis)
        place = len(kept) if place is None else place
        return (*kept[:place], *new, *kept[place:])

    def substitute(self, sizes: Mapping[str, Size]) -> Array:
        if self.symbols.isdisjoint(sizes):
            return self
        bound = None if self.bound is None else self.bound.substitute(sizes)
        return Array([axis.substitute(sizes) for axis in self.axes], self.dtype, bound)

    def relabel(self, labels: Mapping[str, str]) -> Array:
        if not any(label in labels for label in self.labels):
            return self
        return self.with_axes(axis.relabel(labels) for axis in self.axes)

    def __str__(self):
        """Text that reads back as this array."""
        axes = " ".join(map(str, self.axes))
        if self.dtype == "float":
            return axes or "()"
        kind = self.dtype if self.bound is None else f"index({self.bound})"
        return f"{axes} : {kind}" if axes else f"() : {kind}"

    def __repr__(self):
        axes = ", ".join(map(repr, self.axes))
        if self.dtype == "float":
            return f"Array([{axes}])"
        bound = "" if self.bound is None else f", {str(self.bound)!r}"
        return f"Array([{axes}], {self.dtype!r}{bound})"


def listed(arrays: Iterable[Array]) -> str:
    """Arrays as a message names them.

    >>> listed([Array([Axis("x"), Axis("k", 64)]), Array([])]), listed([])
    ('x k=64, ()', 'no arrays')
    """
    return ", ".join(map(str, arrays)) or "no arrays"
