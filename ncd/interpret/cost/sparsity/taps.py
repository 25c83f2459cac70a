"""What a convolution and an overlap cost: of the tensor ★ the pairs (i, j), and no holes between them.

A convolution, its transpose and both their derivatives contract with ★[i, j, l] = [l = s·i + d·j − p], which
has one l for each window position i and tap j: all of them do the same I·K products, of which those whose l
is an entry of the array are the valid ones. Read at l instead, as the transposed convolution is defined, one
index in s has an i; the others are holes, which no program multiplies.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from ncd.algebra.convert import ONE, ZERO, Size
from ncd.algebra.count import Given, larger, nonnegative, smaller
from ncd.errors import SizeError
from ncd.interpret.cost.convention import Convention
from ncd.interpret.cost.rules import OperationCost, contraction, work
from ncd.nn.star import Star
from ncd.ops.contraction import Contraction
from ncd.ops.monoid import SUM_PRODUCT, Semiring
from ncd.ops.multilinear import Row
from ncd.ops.overlap import Overlap

MOST = 10_000
"""The formula has a term for each tap; kernels are wide of at most so many."""


def valid(windows: Size, kernel: Size, length: Size, stride: Size, dilation: Size, before: Size) -> Size:
    """How many (i, j) of ★ read an entry of the array.

    Equation:  Σ_j max(0, min(I − 1, ⌊(L − 1 + p − d·j)/s⌋) − max(0, ⌈(p − d·j)/s⌉) + 1),  j = 0 … K − 1
    Raises:    SizeError: A kernel or a stride that is no number.

    >>> valid(Size("x"), Size("3"), Size("x"), Size("1"), Size("1"), Size("1")).evaluate({"x": 5})
    13
    """
    if kernel.constant is None or stride.constant is None or kernel.constant > MOST:
        raise SizeError("the taps on the padding of a kernel without a number have no closed form",
                        have=f"kernel = {kernel}, stride = {stride}",
                        mend="bind them to numbers, as in .bind(k=3), or take taps=\"dense\"")
    total = ZERO
    for j in range(int(kernel.constant)):
        start = before - dilation * j               # l = s·i − start
        first = larger(-((-start) // stride), ZERO)
        last = smaller((length - 1 + start) // stride, windows - 1)
        total = total + larger(last - first + 1, ZERO)
    return total


# -- convolutions --------------------------------------------------------------------------
class Contracted(NamedTuple):
    """★ as an einsum without holes: the array that has l is read at the pairs (i, j), a result has no l."""

    letters: tuple[tuple[int, ...], ...]
    out_letters: tuple[int, ...]
    sizes: dict[int, Size]
    semiring: Semiring = SUM_PRODUCT

    @property
    def steps(self) -> tuple[Contraction, ...]:
        """One product of both arrays."""
        both = {letter for letters in self.letters for letter in letters}
        return (Contraction(0, 1, tuple(x for x in self.out_letters if x in both), (0, 1)),)


def contracted(op: Star) -> Contracted:
    """The einsum whose terms are the products that a convolution makes, taps on the padding among them."""
    pairs = {tap.l: (tap.i, tap.j) for tap in op.taps}

    def read(letters) -> tuple[int, ...]:
        return tuple(dict.fromkeys(x for letter in letters for x in pairs.get(letter, (letter,))))
    left = tuple(letter for letter in op.out_letters if letter not in pairs)
    return Contracted(tuple(map(read, op.letters)), left, op.sizes)


def star(op: Star, convention: Convention) -> OperationCost:
    """Two arrays are read, one is written; 2 for each pair (i, j) of each ★, and each other letter."""
    made = contracted(op)

    def products(step, letters) -> Size:
        return math.prod((made.sizes[letter] for letter in letters), start=ONE)
    return work(op, convention, *contraction(made, products, None))


def conditions(op: Star) -> frozenset[Given]:
    """For each ★ the pairs of letters (i, j) whose l is an entry of the array."""
    found = []
    for n, tap in enumerate(op.taps):
        if tap.before == ZERO == tap.after:         # every window is inside
            continue
        i, kernel, length = (op.sizes[letter] for letter in tap.letters)
        found.append(Given(f"taps {n}", (str(tap.i), str(tap.j)),
                           valid(i, kernel, length, tap.stride, tap.dilation, tap.before)))
    return frozenset(found)


# -- overlaps ------------------------------------------------------------------------------
def overlap(op: Overlap, convention: Convention) -> OperationCost:
    """An addition for each entry but the first of those that meet; those that are dropped count as well."""
    entries, places = ONE, ONE
    for axis, row in zip(op.axes, op.rows):
        met = _met(axis.size, row, [op.array.size(label) for label, _ in row.terms])
        entries, places = entries * met[0], places * met[1]
    return work(op, convention, entries - places)


def _met(size: Size, row: Row, counts: list[Size]) -> tuple[Size, Size]:
    """How many entries a row takes, and on how many places they come: at least so many where several meet.

    Equation:  c·p + c'·p' has N·N' − max(0, N − |c'|/g)·max(0, N' − |c|/g) values, g = gcd(c, c'): so many
               (p, p') have another with their value, |c'|/g before and |c|/g behind
    """
    terms = [(c, count) for (_, c), count in zip(row.terms, counts)]
    if row.divisor != ONE:                  # for each place and all other indices there is one entry
        ones = [count for c, count in terms if c in (ONE, -ONE)] or counts
        pivot = max(ones, key=lambda count: math.inf if count.constant is None else count.constant)
        return size * math.prod(counts, start=ONE) / pivot, size
    while len(terms) > 1 and (merged := _merged(terms)) is not None:
        terms = merged
    entries, places = math.prod(counts, start=ONE), sum((count - 1 for _, count in terms), ONE)
    if len(terms) == 2 and (steps := _coprime(terms[0][0], terms[1][0])) is not None:
        (_, left), (_, right) = terms
        places = left * right - _beyond(left, steps[1]) * _beyond(right, steps[0])
    return entries, places                  # of three steps and more: no fewer, whatever they are


def _beyond(count: Size, step: Size) -> Size:
    """max(0, count − step); an axis has an entry."""
    return count - 1 if step == ONE else larger(count - step, ZERO)


def _merged(terms: list[tuple[Size, Size]]) -> list[tuple[Size, Size]] | None:
    """Two terms whose values are c·0, c·1, … without a gap as one; None where no two are known to be so."""
    for one in range(len(terms)):
        for other in range(len(terms)):
            (c, count), (by, times) = terms[one], terms[other]
            times_c = by / c
            if one != other and times_c.is_integral and not (-times_c).is_nonnegative and nonnegative(
                    count - times_c):
                rest = [term for n, term in enumerate(terms) if n not in (one, other)]
                return [(c, count + times_c * (times - 1)), *rest]
    return None


def _coprime(left: Size, right: Size) -> tuple[Size, Size] | None:
    """Two steps without sign and what they have in common; None where that is not seen."""
    left, right = (-each if (-each).is_nonnegative else each for each in (left, right))
    a, b = left.constant, right.constant
    if a is not None and b is not None:
        common = math.gcd(int(a), int(b))
        return left / common, right / common
    for by in (left, right):
        if (left / by).is_integral and (right / by).is_integral:
            return left / by, right / by
    return None


FASTER = {Star: star, Overlap: overlap}
"""{defined operation: rule}: what a program does, less than the definition where that reads holes."""
