"""Multilinear primitives: einsum (a cospan of axes), reindexing, views and concatenation."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property

from ncd.algebra.convert import ONE, ZERO, Size
from ncd.core.array import Array
from ncd.core.axis import Axis, Label
from ncd.core.op import Operation, lifted_axes, place_lifted
from ncd.errors import AxisError, NcdError, SizeError
from ncd.ops.contraction import ORDERS, Contraction, contractions, weight
from ncd.ops.monoid import SUM_PRODUCT, Semiring
from ncd.ops.reading import reading
from ncd.ops.row import Row, affine


def union_axes(arrays: tuple[Array, ...]) -> tuple[Axis, ...]:
    """The axes of several arrays: the order of one that has them all, else of appearance.

    Raises:
        SizeError: One label with two sizes.
    """
    found: dict[str, Axis] = {}
    other: dict[str, Axis] = {}
    for array in arrays:
        for axis in array.axes:
            if found.setdefault(axis.label, axis).size != axis.size:
                other.setdefault(axis.label, axis)
    if other:
        first = next(iter(other))
        raise SizeError("; ".join(f"the axis {label} has two sizes" for label in other),
                        have=[f"{label} = {found[label].size} and {label} = {axis.size}"
                              for label, axis in other.items()],
                        types=", ".join(f"`{item}`" for item in arrays),
                        mend=f"bind one to the other, or rename one {first}")
    for array in arrays:
        if len(array.axes) == len(found):
            return array.axes
    return tuple(found.values())


@dataclass(frozen=True)
class Einsum(Operation):
    """A product of arrays summed over letters: a cospan of axes over a semiring.

    Type:      arrays -> out; each axis has a letter, equal letters have equal sizes
    Equation:  out[o] = Σ over letters not in o of Π_i arrays_i[letters_i]
    Letters repeated inside one array take its diagonal; an output letter repeated puts the
    result on a diagonal; an output letter that no input has repeats the result along it.
    ``order`` says in which order the products of several arrays are formed, see :attr:`steps`.
    ``lifted`` remembers which labels it was broadcast over; it is no part of what it computes.
    Flags:     deterministic, linear in each input (sum-product)
    """

    arrays: tuple[Array, ...]
    letters: tuple[tuple[int, ...], ...]
    out: Array
    out_letters: tuple[int, ...]
    semiring: Semiring = SUM_PRODUCT
    lifted: tuple[Label, ...] = field(default=(), compare=False)
    order: str = "least"

    primitive = True

    def __post_init__(self):
        super().__post_init__()
        if self.order not in ORDERS:
            raise NcdError(f"an einsum has no order {self.order!r}", want=" or ".join(map(repr, ORDERS)))
        # Letters are numbered by first appearance, so that equal einsums are equal records.
        order: dict[int, int] = {}
        for letters in (*self.letters, self.out_letters):
            for letter in letters:
                order.setdefault(letter, len(order))
        object.__setattr__(self, "letters", tuple(tuple(order[x] for x in ls) for ls in self.letters))
        object.__setattr__(self, "out_letters", tuple(order[x] for x in self.out_letters))
        sizes: dict[int, Axis] = {}
        for array, letters in zip((*self.arrays, self.out), (*self.letters, self.out_letters)):
            if len(array.axes) != len(letters):
                raise AxisError("einsum wants one letter for each axis", have=str(letters), want=str(array))
            for axis, letter in zip(array.axes, letters):
                other = sizes.setdefault(letter, axis)
                if other.size != axis.size:
                    raise SizeError("one letter of an einsum has two sizes",
                                    have=f"{other.label} = {other.size} and {axis.label} = {axis.size}",
                                    types=", ".join(f"`{item}`" for item in self.arrays))

    @property
    def dom(self):
        return self.arrays

    @cached_property
    def cod(self):
        return (self.out,)

    @property
    def multilinear(self):
        return self.semiring == SUM_PRODUCT

    @property
    def linear(self):
        return tuple(range(len(self.arrays))) if self.multilinear else ()

    @cached_property
    def sizes(self) -> dict[int, Size]:
        """The size of each letter."""
        return {letter: axis.size
                for array, letters in zip((*self.arrays, self.out), (*self.letters, self.out_letters))
                for axis, letter in zip(array.axes, letters)}

    @cached_property
    def steps(self) -> tuple[Contraction, ...]:
        """The sums and products that it is carried out in: programs run them and costs count them.

        The order of least work at the sizes of the type. A symbol counts as one large number, the same for
        all: an order that is dearer at all sizes is never taken, and to bind sizes may change the order.

        >>> from ncd.construct.notation import einsum
        >>> print(einsum("i j, j k, k -> i").op.remark)
        by j k, k -> j; i j, j -> i
        >>> print(einsum("i j, j k, k -> i", order="written").op.remark)
        by i j, j k -> i k; i k, k -> i
        """
        sizes = tuple(weight(self.sizes[letter]) for letter in range(len(self.sizes)))
        return contractions(self.letters, self.out_letters, sizes, self.semiring.distributive, self.order)

    @cached_property
    def _names(self) -> dict[int, str]:
        names: dict[int, str] = {}
        for array, letters in zip((*self.arrays, self.out), (*self.letters, self.out_letters)):
            for label, letter in zip(array.labels, letters):
                names.setdefault(letter, label)
        return names

    def _pattern(self, sides, out) -> str:
        def side(letters):
            return " ".join(self._names[letter] for letter in letters) or "()"
        return f"{', '.join(map(side, sides))} -> {side(out)}"

    @property
    def name(self) -> str:
        text = self._pattern(self.letters, self.out_letters)
        return f"einsum[{text}]" if self.semiring == SUM_PRODUCT else f"{self.semiring.name}[{text}]"

    @property
    def remark(self) -> str:
        if len(self.steps) < 2:
            return ""
        operands, found = [*self.letters, *(step.kept for step in self.steps)], []
        for step in self.steps:
            sides = [operands[n] for n in (step.left, step.right) if n is not None]
            found.append(self._pattern(sides, step.kept))
        return "by " + "; ".join(found)

    def extend(self, arrays):
        # Lifted again from what was lifted first, so that the order does not depend on the stages.
        base = tuple(array.with_axes(array.without(*self.lifted)) for array in self.arrays)
        extra = lifted_axes(base, arrays)
        known = {axis.label: letter for axis, letter in zip(self.out.axes, self.out_letters)
                 if axis.label in self.lifted}
        fresh = max((n for ls in (*self.letters, self.out_letters) for n in ls), default=-1) + 1
        for n, axis in enumerate(extra):
            known.setdefault(axis.label, fresh + n)
        letters = []
        for old, old_letters, array in zip(self.arrays, self.letters, arrays):
            own = dict(zip(old.labels, old_letters))
            letters.append(tuple(own[a.label] if a.label in own else known[a.label] for a in array.axes))
        out = place_lifted(base, arrays, self.out.with_axes(self.out.without(*self.lifted)))
        known |= dict(zip(self.out.labels, self.out_letters))
        return Einsum(arrays, tuple(letters), out, tuple(known[label] for label in out.labels),
                      self.semiring, tuple(axis.label for axis in extra), self.order)


@dataclass(frozen=True)
class Reindex(Operation):
    """Read an array at affine functions of the output's indices.

    Type:      array -> axes
    Equation:  out[p] = array[j(p)],  j = (v + Λ p) / d for each input axis; where an index is
               out of range or not whole the result is ``fill``
    Repeat, transpose, diagonal, slice, stride, dilation, window, flip, padding and
    zero-insertion are all of this form.
    Flags:     deterministic, linear if the fill is 0 or nothing is out of range (fill None)
    Raises:    AxisError for a row that names an axis that the result does not have, and for a fill
               that the dtype does not hold. SizeError for a row with a fraction.
    """

    array: Array
    axes: tuple[Axis, ...]
    rows: tuple[Row, ...]
    fill: float | None = None

    primitive = True
    any_dtype = (0,)

    def __post_init__(self):
        super().__post_init__()
        labels = {axis.label for axis in self.axes}
        if len(self.rows) != len(self.array.axes):
            raise AxisError("a reindexing has one row for each input axis",
                            have=str(len(self.rows)), want=str(self.array))
        whole = self.fill is None or self.fill in (0, 1) or float(self.fill).is_integer()
        if (self.array.dtype == "int" and not whole) or (self.array.dtype == "bool" and self.fill not in (
                None, 0, 1)):
            raise AxisError(f"the fill {self.fill:g} is no {self.array.dtype}", have=str(self.array),
                            want="a whole number" if self.array.dtype == "int" else "0 or 1",
                            mend='make the array float: ncd.elementwise("to_float")')
        for row in self.rows:
            parts = (row.offset, row.divisor, *(c for _, c in row.terms))
            if fractions := [str(part) for part in parts if isinstance(part.constant, Fraction)]:
                raise SizeError("a reindexing reads at whole positions", have=", ".join(fractions),
                                want="integers", types=f"`{self.array}`")
            for label, _ in row.terms:
                if label not in labels:
                    raise AxisError(f"a reindexing reads the index {label}, which its result lacks",
                                    have=" ".join(map(str, self.axes)), want=label)

    @property
    def dom(self):
        return (self.array,)

    @cached_property
    def cod(self):
        found = self.array.with_axes(self.axes)
        return (found if self.fill in (None, 0) else found.unbounded(),)

    @property
    def linear(self):
        return (0,) if self.fill in (None, 0) else ()

    @property
    def is_permutation(self) -> bool:
        """Whether each input axis is read at one output index of its own, as it is."""
        return self.fill is None and len(self.axes) == len(self.rows) and self.is_broadcast

    @property
    def is_identity(self) -> bool:
        """Whether it gives back its array: the same type, and each axis read at its own index.

        Equal types do not make it one: of two axes of one size each may be read at the other's index.
        """
        return self.axes == self.array.axes and self.is_permutation and \
            [row.terms[0][0] for row in self.rows] == list(self.array.labels)

    @property
    def is_renaming(self) -> bool:
        """Whether only labels change and unit axes come: the same memory under other names."""
        if self.fill is not None or not self.is_broadcast:
            return False
        read = [row.terms[0][0] for row in self.rows]
        return read == [axis.label for axis in self.axes if axis.label in read or axis.size != ONE]

    @property
    def is_broadcast(self) -> bool:
        """Whether it only permutes axes and repeats along new ones."""
        read = [row.terms[0][0] for row in self.rows if row.offset == ZERO and row.divisor == ONE
                and len(row.terms) == 1 and row.terms[0][1] == ONE]
        if len(read) != len(self.rows) or len(set(read)) != len(read):
            return False
        sizes = {axis.label: axis.size for axis in self.axes}
        return all(sizes[label] == axis.size for label, axis in zip(read, self.array.axes))

    @property
    def name(self) -> str:
        read = reading([axis.label for axis in self.axes])
        if self.is_broadcast:
            new = [str(a) for a in self.axes if a.label not in {r.terms[0][0] for r in self.rows}]
            if new:
                return f"repeat[{' '.join(new)}]"
            moved = {r.terms[0][0]: a.label for r, a in zip(self.rows, self.array.axes)}
            names = [f"{moved[a.label]}→{a.label}" if moved[a.label] != a.label else str(a.label)
                     for a in self.axes]
            return f"transpose[{' '.join(names)}]"
        # What is read where it stands is named where fewer or more entries are left: x=4 of a slice from 0.
        sizes = {axis.label: axis for axis in self.axes}
        pieces = [f"{axis.label}:{read(row)}" if read(row) != axis.label else str(sizes[axis.label])
                  for axis, row in zip(self.array.axes, self.rows)
                  if read(row) != axis.label or sizes[axis.label].size != axis.size]
        pieces += [f"fill {self.fill:g}"] if self.fill else []
        return f"reindex[{' '.join(pieces)}]"

    def extend(self, arrays):
        (array,) = arrays
        known = dict(zip(self.array.labels, self.rows))
        rows = tuple(known.get(axis.label) or affine(0, {axis.label: 1}) for axis in array.axes)
        axes = self.lifted_result(arrays, self.array.with_axes(self.axes)).axes
        return Reindex(array, axes, rows, self.fill)


@dataclass(frozen=True)
class View(Operation):
    """Replace some axes by others of the same product, in row-major order: merge and split.

    Type:      array[labels] -> array[axes], the product of the sizes kept
    Equation:  out[flat] = array[flat], flat the row-major index over the axes named
    Flags:     deterministic, linear
    Raises:    SizeError if the products differ.
    """

    array: Array
    labels: tuple[Label, ...]
    axes: tuple[Axis, ...]

    primitive = True
    any_dtype = (0,)
    linear = (0,)

    def __post_init__(self):
        super().__post_init__()
        before, after = ONE, ONE
        for label in self.labels:
            before = before * self.array.size(label)
        for axis in self.axes:
            after = after * axis.size
        if before != after:
            raise SizeError("a view keeps the number of entries",
                            have=f"{' '.join(self.labels)} = {before}",
                            want=f"{' '.join(map(str, self.axes))} = {after}",
                            mend=f"bind a size so that {before} = {after}, or declare the axis as "
                                 f"{self.labels[0] if self.labels else 'x'}={str(after).replace(' ', '')}")

    @property
    def dom(self):
        return (self.array,)

    @cached_property
    def cod(self):
        return (self.array.with_axes(self.array.replace(self.labels, self.axes)),)

    @property
    def own(self):
        return frozenset(self.labels) | {axis.label for axis in self.axes}

    @property
    def name(self) -> str:
        return f"view[{' '.join(self.labels) or '()'} -> {' '.join(str(a) for a in self.axes) or '()'}]"

    def extend(self, arrays):
        return View(arrays[0], self.labels, self.axes)


@dataclass(frozen=True)
class Concat(Operation):
    """Join arrays end to end along one axis.

    Type:      x=n₁ …, x=n₂ …, … -> x=n₁+n₂+… …
    Equation:  out[i] = arrays_k[i − n₁ − … − n_{k−1}] for the k that i falls in
    Flags:     deterministic, jointly linear
    Raises:    AxisError unless all have one dtype.
    """

    arrays: tuple[Array, ...]
    axis: Label

    primitive = True

    def __post_init__(self):
        super().__post_init__()
        if len({array.dtype for array in self.arrays}) > 1:
            raise AxisError(f"`{self.name}` joins arrays of several dtypes", have=[*map(str, self.arrays)],
                            want="one dtype",
                            mend='make the others float: ncd.elementwise("to_float")')

    @property
    def any_dtype(self):
        return tuple(range(len(self.arrays)))

    @property
    def dom(self):
        return self.arrays

    @property
    def linear(self):
        return tuple(range(len(self.arrays)))

    @cached_property
    def cod(self):
        total = sum((array.size(self.axis) for array in self.arrays), ZERO)
        joined = Axis(self.axis, total)
        same = tuple(array.with_axes(array.replace((self.axis,), (joined,))) for array in self.arrays)
        found = self.arrays[0].with_axes(union_axes(same))
        return (found if len({array.bound for array in same}) == 1 else found.unbounded(),)

    @property
    def own(self):
        return frozenset((self.axis,))

    @property
    def name(self) -> str:
        return f"concat[{self.axis}]"

    def extend(self, arrays):
        return Concat(arrays, self.axis)
