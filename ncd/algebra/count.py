"""Which entries of some axes hold a condition, and how many they are, as an exact size.

A region is a conjunction of conditions on positions: affine inequalities, and sets of which only the
number of entries is known. Conditions that share no axis are counted apart and multiplied.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from typing import NamedTuple

from ncd.algebra.convert import ONE, ZERO, Atom, Size, extremum
from ncd.algebra.normal import from_zero
from ncd.errors import InputError


class Affine(NamedTuple):
    """The entries where Σ c·i + offset ≥ 0; ``terms`` are (label, c) in order of labels, c whole."""

    terms: tuple[tuple[str, int], ...]
    offset: Size

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(label for label, _ in self.terms)

    def negated(self) -> Affine:
        return Affine(tuple((label, -c) for label, c in self.terms), -self.offset - 1)

    def renamed(self, names: Mapping[str, str]) -> Affine:
        return affine(((names[label], c) for label, c in self.terms), self.offset)

    def __str__(self):
        def side(sign):
            return [label if c == sign else f"{abs(c)}*{label}" for label, c in self.terms if c * sign > 0]
        left, right = side(-1), side(1)
        constant = self.offset.constant
        if constant is None or constant > 0:
            right.append(str(self.offset))
        elif constant:
            left.append(str(-self.offset))
        return f"{' + '.join(left) or '0'} <= {' + '.join(right) or '0'}"


class Given(NamedTuple):
    """A set of entries of some axes whose number was said; ``inside`` is False for its complement."""

    name: str
    labels: tuple[str, ...]
    count: Size | None
    inside: bool = True

    def negated(self) -> Given:
        return self._replace(inside=not self.inside)

    def renamed(self, names: Mapping[str, str]) -> Given:
        return self._replace(labels=tuple(names[label] for label in self.labels))

    def __str__(self):
        return f"{'' if self.inside else 'not '}{self.name}[{', '.join(self.labels)}]"


Condition = Affine | Given
Region = frozenset
EVERYWHERE: frozenset = frozenset()


def affine(terms: Iterable[tuple[str, int]], offset: Size) -> Affine:
    """The condition Σ c·i + offset ≥ 0, equal labels added."""
    total: dict[str, int] = {}
    for label, c in terms:
        total[label] = total.get(label, 0) + c
    return Affine(tuple(sorted((label, c) for label, c in total.items() if c)), offset)


def over(region: Region, labels: Iterable[str]) -> Region:
    """The conditions that name these labels only: where they hold is a larger region."""
    labels = labels if isinstance(labels, Set) else frozenset(labels)
    return frozenset(each for each in region if labels.issuperset(each.labels))


def renamed(region: Region, names: Mapping[str, str]) -> Region:
    """The conditions all of whose labels have a name, under those names."""
    return frozenset(each.renamed(names) for each in region if all(label in names for label in each.labels))


def labels_of(region: Region) -> frozenset[str]:
    return frozenset(label for each in region for label in each.labels)


# -- comparing sizes ---------------------------------------------------------------------
def nonnegative(size: Size) -> bool:
    """Whether it is at least 0 at all positive sizes, as far as its form with x = 1 + x' shows.

    >>> nonnegative(Size("x - 1")), nonnegative(Size("x - 2")), nonnegative(Size("(x + 1)//2 - x//2"))
    (True, False, True)
    """
    if size.is_nonnegative or from_zero(size).is_nonnegative:
        return True
    floors = {monomial: c for monomial, c in size.terms.items() if len(monomial) == 1 and monomial[0][1] == 1
              and isinstance(monomial[0][0], Atom) and monomial[0][0].kind == "floor"}
    rest = size - Size.of(floors)
    if not rest.is_integral or sorted(floors.values()) not in ([1], [-1], [-1, 1]):
        return False
    parts = {c: monomial[0][0].args for monomial, c in floors.items()}
    (above, by), (below, divisor) = parts.get(1, (ZERO, ONE)), parts.get(-1, (ZERO, ONE))
    if by.constant is None or divisor.constant is None:
        return False
    if -1 not in parts:                         # floor(p/q) + r >= 0  where  p + r q >= 0
        return nonnegative(above + rest * by)
    if 1 not in parts:                          # r >= floor(p/q)  where  q (r + 1) > p
        return nonnegative(divisor * (rest + 1) - below - 1)
    return by == divisor and nonnegative(above + rest * by - below)


def larger(left: Size, right: Size) -> Size:
    """max(left, right), decided where the sizes' form decides it."""
    if nonnegative(left - right):
        return left
    return right if nonnegative(right - left) else extremum("max", (left, right))


def smaller(left: Size, right: Size) -> Size:
    """min(left, right), decided where the sizes' form decides it."""
    if nonnegative(left - right):
        return right
    return left if nonnegative(right - left) else extremum("min", (left, right))


# -- counting ----------------------------------------------------------------------------
def triangle(n: Size, width: Size) -> Size:
    """Σ min(t, width) over t = 1 … n; nothing where n ≤ 0.

    >>> triangle(Size("x"), Size("x"))
    Size('(1/2)*x**2 + (1/2)*x')
    """
    if nonnegative(-n):
        return ZERO
    n = larger(n, ZERO)
    low = smaller(n, width)
    return low * (low + 1) / 2 + width * (n - low)


class _Bounds:
    """lo ≤ value ≤ hi, several bounds together; None is no bound."""

    def __init__(self):
        self.lo: Size | None = None
        self.hi: Size | None = None

    def add(self, c: int, offset: Size) -> None:
        """The bound c·value + offset ≥ 0 of a whole value."""
        if c > 0:
            bound = -(offset // c)
            self.lo = bound if self.lo is None else larger(self.lo, bound)
        else:
            bound = offset // -c
            self.hi = bound if self.hi is None else smaller(self.hi, bound)


def _interval(bounds: _Bounds, size: Size) -> Size:
    """How many i in [0, size) are within bounds."""
    first = ZERO if bounds.lo is None else larger(bounds.lo, ZERO)
    last = size - 1 if bounds.hi is None else smaller(bounds.hi, size - 1)
    return larger(last - first + 1, ZERO)


def band(rows: Size, columns: Size, lo: Size | None, hi: Size | None) -> Size:
    """How many (i, j), 0 ≤ i < rows and 0 ≤ j < columns, have lo ≤ j − i ≤ hi; None is no bound.

    Equation:  S(rows + hi) − S(hi) − S(rows + lo − 1) + S(lo − 1),  S(n) = Σ min(t, columns) over t = 1 … n

    >>> band(Size("y"), Size("x"), None, Size("0")).evaluate({"y": 3, "x": 2})
    5
    >>> band(Size("x"), Size("x"), None, Size("0"))
    Size('(1/2)*x**2 + (1/2)*x')
    """
    def up_to(t: Size) -> Size:
        return triangle(rows + t, columns) - triangle(t, columns)
    if hi is None:
        if lo is None:
            return rows * columns
        return band(columns, rows, None, -lo)
    found = up_to(hi) if lo is None else up_to(hi) - up_to(lo - 1)
    return found if lo is None or nonnegative(hi - lo + 1) else larger(found, ZERO)


class _Group:
    """The conditions of a region that hang together, and the axes that they are about."""

    def __init__(self, conditions: list[Condition], sizes: Mapping[str, Size]):
        self.conditions, self.sizes = conditions, sizes
        self.labels = tuple(sorted(labels_of(frozenset(conditions))))

    def _given(self) -> Given | None:
        return self.conditions[0] if len(self.conditions) == 1 and isinstance(
            self.conditions[0], Given) else None

    def _affine(self, pair: bool) -> bool:
        """Whether it bounds one axis, or the difference of two."""
        return len(self.labels) == 1 + pair and all(
            isinstance(each, Affine) and len(each.terms) == 1 + pair
            and sorted(c for _, c in each.terms) == ([-1, 1] if pair else [each.terms[0][1]])
            for each in self.conditions)

    def _bounds(self, label: str) -> _Bounds:
        found = _Bounds()
        for each in self.conditions:
            found.add(dict(each.terms)[label], each.offset)
        return found

    def _difference(self) -> tuple[str, str, _Bounds]:
        """(row, column, the bounds of column − row), the way round whose bound from above is simpler."""
        row, column = self.labels
        bounds = self._bounds(column)
        if bounds.hi is None or (bounds.lo is not None and len(str(bounds.lo)) < len(str(bounds.hi))):
            return column, row, self._bounds(row)
        return row, column, bounds

    def all(self, labels: Iterable[str]) -> Size:
        total = ONE
        for label in labels:
            total = total * self.sizes[label]
        return total

    def parts(self) -> list[_Group]:
        """Groups that can be counted, each with some of the conditions."""
        kinds: dict[object, list[Condition]] = {}
        for each in self.conditions:
            kinds.setdefault(each if isinstance(each, Given) else each.labels, []).append(each)
        return [_Group(conditions, self.sizes) for conditions in kinds.values()]

    def count(self) -> Size:
        """How many entries of its axes; an upper bound where the conditions have no closed form together."""
        given = self._given()
        if given is not None:
            if given.count is None:
                raise InputError(f"how many entries of {given.name} are true is not known",
                                 why="it is an input that entries are chosen by",
                                 mend=f'say it: masks={{{given.name.rpartition(" ")[2]}: "n"}}, '
                                      "a number or a size")
            return given.count if given.inside else self.all(self.labels) - given.count
        if not self.labels:
            return ONE
        if self._affine(False):
            return _interval(self._bounds(self.labels[0]), self.sizes[self.labels[0]])
        if self._affine(True):
            row, column, bounds = self._difference()
            return band(self.sizes[row], self.sizes[column], bounds.lo, bounds.hi)
        whole, parts = self.all(self.labels), self.parts()
        least = whole
        for part in parts if len(parts) > 1 else ():
            least = smaller(least, part.count() * self.all(set(self.labels) - set(part.labels)))
        return least

    def certain(self, kept: Set[str]) -> bool:
        """Whether the lines are exactly those that have an entry: then they are not more than the entries."""
        mine = [label for label in self.labels if label in kept]
        if len(mine) == len(self.labels):
            return True
        if not mine or not self._affine(True):
            return False
        *_, bounds = self._difference()
        return bounds.lo is None or bounds.hi is None or nonnegative(bounds.hi - bounds.lo)

    def lines(self, kept: Set[str]) -> Size:
        """How many positions along the kept axes have an entry; for a set that was given, all of them."""
        mine = [label for label in self.labels if label in kept]
        if len(mine) == len(self.labels):
            return self.count()
        if not mine or not self._affine(True):
            return self.all(mine)
        row, column, bounds = self._difference()
        lo, hi = bounds.lo, bounds.hi
        if mine == [column]:                # column − row ≤ hi  is  row − column ≥ −hi
            row, column, lo, hi = column, row, hi if hi is None else -hi, lo if lo is None else -lo
        first = ZERO if hi is None else larger(-hi, ZERO)
        last = self.sizes[row] - 1
        if lo is not None:
            last = smaller(last, self.sizes[column] - 1 - lo)
        return larger(last - first + 1, ZERO)


def groups(region: Region, sizes: Mapping[str, Size]) -> list[_Group]:
    """The conditions in groups that share no axis."""
    found: list[tuple[set[str], list[Condition]]] = []
    for each in sorted(region, key=str):
        labels, conditions = set(each.labels), [each]
        for other in [other for other in found if other[0] & labels]:
            found.remove(other)
            labels |= other[0]
            conditions = other[1] + conditions
        found.append((labels, conditions))
    return [_Group(conditions, sizes) for _, conditions in found]


def points(region: Region, sizes: Mapping[str, Size]) -> Size:
    """How many entries of the axes ``sizes`` are in a region.

    Raises:    InputError: A set whose number of entries was not given.

    >>> causal = frozenset((affine([("y", 1), ("x", -1)], Size("0")),))
    >>> points(causal, {"h": Size("h"), "y": Size("x"), "x": Size("x")})
    Size('(1/2)*h*x**2 + (1/2)*h*x')
    """
    parts = groups(region, sizes)
    total, taken = ONE, set()
    for part in parts:
        total = total * part.count()
        taken.update(part.labels)
    for label, size in sizes.items():
        total = total if label in taken else total * size
    return total


def folds(region: Region, sizes: Mapping[str, Size], kept: Set[str]) -> Size:
    """How many applications fold the entries of a region to one for each line: entries less lines."""
    lines, taken, certain = ONE, set(), True
    for part in groups(region, sizes):
        lines = lines * part.lines(kept)
        certain = certain and part.certain(kept)
        taken.update(part.labels)
    for label in kept:
        lines = lines if label in taken else lines * sizes[label]
    found = points(region, sizes) - lines
    return found if certain else larger(found, ZERO)
