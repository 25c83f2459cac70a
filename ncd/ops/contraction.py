"""The order in which an einsum is carried out: sums of one array first, then products of two at a time.

Programs run these steps, costs count them, listings show them and derivatives keep them: one truth for all.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from ncd.algebra.convert import Size
from ncd.errors import SizeError

ORDERS = ("least", "written")
MOST_TRIED = 8
"""Up to so many arrays every order is weighed; beyond, the next product is chosen each time."""


UNKNOWN = 2 ** 20
"""What a size without a number counts as where an order is chosen."""


@lru_cache(maxsize=4096)
def weight(size: Size) -> int:
    """What a size counts as."""
    if size.constant is not None:
        return max(1, int(size.constant))
    try:
        return max(1, int(size.evaluate(dict.fromkeys(size.symbols, UNKNOWN))))
    except SizeError:
        return UNKNOWN


class Contraction(NamedTuple):
    """One step: the product of two operands, or one alone, summed to the letters kept.

    Operands are numbered: the arrays first, then the results of the steps. ``arrays`` are those that have
    come together in its result.
    """

    left: int
    right: int | None
    kept: tuple[int, ...]
    arrays: tuple[int, ...]


@lru_cache(maxsize=4096)
def contractions(letters: tuple[tuple[int, ...], ...], out: tuple[int, ...], sizes: tuple[int, ...],
                 distributive: bool = True, order: str = "least") -> tuple[Contraction, ...]:
    """The steps of an einsum, the last of which has the result.

    What one array alone has is summed there first; a letter is summed as soon as nothing later needs it.
    Where the product does not distribute over the sum, the last step sums over all of them. The order of
    products is that of least work; of two alike that with smaller intermediates, then the written one.

    Parameters:
        sizes: Of each letter.
        order: ``"least"`` work, or as ``"written"``: the product so far with the next array.

    >>> [step[:3] for step in contractions(((0, 1), (1, 2), (2,)), (0,), (9, 9, 9))]
    [(1, 2, (1,)), (0, 3, (0,))]
    >>> [step[:3] for step in contractions(((0, 1), (1, 2), (2,)), (0,), (9, 9, 9), order="written")]
    [(0, 1, (0, 2)), (3, 2, (0,))]
    """
    wanted = tuple(dict.fromkeys(out))
    if len(letters) < 2:
        return tuple(Contraction(0, None, tuple(x for x in wanted if x in own), (0,)) for own in letters)
    problem = _Problem(letters, wanted, sizes, distributive)
    if order == "written":
        merges = [(n + len(letters) - 2 if n > 1 else 0, n) for n in range(1, len(letters))]
    else:
        merges = _least(problem) if len(letters) <= MOST_TRIED else _next_smallest(problem)
    return problem.steps(merges)


class _Problem:
    """Arrays as sets of letters, each a number whose bits are letters."""

    def __init__(self, letters, wanted, sizes, distributive: bool):
        self.letters, self.wanted, self.sizes = letters, wanted, sizes
        self.out, self.distributive = _bits(wanted), distributive
        held: dict[int, int] = {}
        for own in letters:
            for letter in set(own):
                held[letter] = held.get(letter, 0) + 1
        self.held = held
        self.alone = _bits(x for x, count in held.items() if count == 1) & ~self.out if distributive else 0
        self.sets = [_bits(own) & ~self.alone for own in letters]
        self._points: dict[int, int] = {0: 1}

    def points(self, letters: int) -> int:
        """How many entries an array with these letters has."""
        found = self._points.get(letters)
        if found is None:
            found, rest = 1, letters
            while rest:
                lowest = rest & -rest
                found, rest = found * self.sizes[lowest.bit_length() - 1], rest ^ lowest
            self._points[letters] = found
        return found

    def steps(self, merges: Sequence[tuple[int, int]]) -> tuple[Contraction, ...]:
        """Products of operands (arrays, then results of products) as steps, sums of one array before."""
        count = len(self.letters)
        made: list[Contraction] = []
        place = list(range(count))                      # of each operand of the products, among all operands
        kept = [tuple(dict.fromkeys(own)) for own in self.letters]
        arrays: list[tuple[int, ...]] = [(n,) for n in range(count)]
        for n, own in enumerate(kept):
            left = tuple(x for x in own if not self.alone >> x & 1)
            if len(left) < len(own):
                place[n], kept[n] = count + len(made), left
                made.append(Contraction(n, None, left, (n,)))
        held = dict(self.held)
        for number, (left, right) in enumerate(merges):
            if arrays[right][0] < arrays[left][0]:
                left, right = right, left
            both = tuple(dict.fromkeys((*kept[left], *kept[right])))
            for letter in kept[left]:
                held[letter] -= letter in kept[right]
            if number == len(merges) - 1:
                rest = tuple(x for x in self.wanted if x in both)
            elif self.distributive:
                rest = tuple(x for x in both if held[x] > 1 or self.out >> x & 1)
            else:
                rest = both
            arrays.append(tuple(sorted(arrays[left] + arrays[right])))
            made.append(Contraction(place[left], place[right], rest, arrays[-1]))
            place.append(count + len(made) - 1)
            kept.append(rest)
        return tuple(made)


def _bits(letters) -> int:
    total = 0
    for letter in letters:
        total |= 1 << letter
    return total


def _least(problem: _Problem) -> list[tuple[int, int]]:
    """The order of least work, by dynamic programming over sets of arrays."""
    count, points = len(problem.sets), problem.points
    union = [0] * (1 << count)
    for group in range(1, 1 << count):
        lowest = group & -group
        union[group] = union[group ^ lowest] | problem.sets[lowest.bit_length() - 1]
    everything = len(union) - 1
    kept = [own & (problem.out | union[everything ^ group]) if problem.distributive or group == everything
            else own for group, own in enumerate(union)]
    for n, own in enumerate(problem.sets):
        kept[1 << n] = own
    best: list[tuple] = [(0, 0, 0)] * (everything + 1)   # work, entries of intermediates, the right half
    for group in range(3, everything + 1):
        last = 1 << group.bit_length() - 1
        rest, more = group ^ last, 0
        if not rest:
            continue
        room, chosen = points(kept[group]), None
        while more != rest:                              # the right half grows: the written order is first
            right = last | more
            left = group ^ right
            both = kept[left] | kept[right]
            work = best[left][0] + best[right][0] + points(both) * (1 if both == kept[group] else 2)
            found = (work, best[left][1] + best[right][1] + room, right)
            if chosen is None or found[:2] < chosen[:2]:
                chosen = found
            more = (more - rest) & rest
        best[group] = chosen
    merges, number, stack = [], {1 << n: n for n in range(count)}, [everything]
    while stack:
        group = stack[-1]
        halves = group ^ best[group][2], best[group][2]
        waiting = [half for half in halves if half not in number]
        if waiting:
            stack.extend(waiting)
            continue
        stack.pop()
        merges.append((number[halves[0]], number[halves[1]]))
        number[group] = count + len(merges) - 1
    return merges


def _next_smallest(problem: _Problem) -> list[tuple[int, int]]:
    """Each time the product that leaves the least memory, of two arrays next to each other at some letter.

    In about as many steps as there are letters in all arrays.
    """
    sets, held, points = dict(enumerate(problem.sets)), dict(problem.held), problem.points
    after: dict[tuple[int, int], int] = {}               # (letter, operand): the next operand that has it
    before: dict[tuple[int, int], int] = {}
    ends: dict[int, int] = {}
    for n, own in sets.items():
        for letter in _letters(own):
            if letter in ends:
                after[letter, ends[letter]], before[letter, n] = n, ends[letter]
            ends[letter] = n

    def kept(left: int, right: int) -> int:
        both, shared = sets[left] | sets[right], sets[left] & sets[right]
        if not problem.distributive:
            return both
        return both & ~_bits(x for x in _letters(shared) if held[x] == 2 and not problem.out >> x & 1)

    def item(left: int, right: int) -> tuple:
        return (points(kept(left, right)) - points(sets[left]) - points(sets[right]),
                points(sets[left] | sets[right]), left, right)
    heap = sorted({item(left, right) for (_, left), right in after.items()})
    merges: list[tuple[int, int]] = []

    def merge(left: int, right: int) -> int:
        new, rest = len(problem.sets) + len(merges), kept(left, right)
        for letter in _letters(sets[left] | sets[right]):
            old = left if sets[left] >> letter & 1 else right
            if sets[left] >> letter & sets[right] >> letter & 1:
                held[letter] -= 1
                _unlink(letter, right, before, after)
            _relink(letter, old, new if rest >> letter & 1 else None, before, after)
        merges.append((left, right))
        del sets[left], sets[right]
        sets[new] = rest
        return new
    while heap:
        found = heapq.heappop(heap)
        left, right = found[2:]
        if left not in sets or right not in sets:
            continue
        now = item(left, right)
        if now != found:                                 # fewer others need its letters by now
            heapq.heappush(heap, now)
            continue
        new = merge(left, right)
        for letter in _letters(sets[new]):
            for other in (before.get((letter, new)), after.get((letter, new))):
                if other is not None:
                    heapq.heappush(heap, item(*sorted((other, new))))
    apart = [(points(own), n) for n, own in sets.items()]
    heapq.heapify(apart)
    while len(apart) > 1:
        (_, left), (_, right) = heapq.heappop(apart), heapq.heappop(apart)
        new = merge(left, right)
        heapq.heappush(apart, (points(sets[new]), new))
    return merges


def _letters(own: int) -> list[int]:
    found = []
    while own:
        lowest = own & -own
        found.append(lowest.bit_length() - 1)
        own ^= lowest
    return found


def _unlink(letter: int, old: int, before: dict, after: dict) -> None:
    """Take an operand out of the row of those that have a letter."""
    left, right = before.pop((letter, old), None), after.pop((letter, old), None)
    if left is not None:
        after.pop((letter, left))
    if right is not None:
        before.pop((letter, right))
    if left is not None and right is not None:
        after[letter, left], before[letter, right] = right, left


def _relink(letter: int, old: int, new: int | None, before: dict, after: dict) -> None:
    """Put an operand in the place of another; None where the letter has gone."""
    left, right = before.pop((letter, old), None), after.pop((letter, old), None)
    if left is not None:
        after[letter, left] = new
        before[letter, new] = left
    if right is not None:
        before[letter, right] = new
        after[letter, new] = right
