"""The order in which an einsum of several arrays is carried out: one array after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Contraction(NamedTuple):
    """One step: the running product (or array ``left``) with array ``right``, letters kept."""

    left: int | None
    right: int | None
    kept: tuple[int, ...]


def pairwise(letters: Sequence[Sequence[int]], out: Sequence[int],
             distributive: bool = True) -> list[Contraction]:
    """Left to right; each step sums over the letters that nothing later needs.

    Where the product does not distribute over the sum, the last step sums over all of them.

    JAX runs these steps and the cost counts them: one truth for both.

    >>> pairwise([(0, 1), (1, 2), (2, 3)], (0, 3))
    [Contraction(left=0, right=1, kept=(0, 2)), Contraction(left=None, right=2, kept=(0, 3))]
    """
    wanted = list(dict.fromkeys(out))
    if not letters:
        return []
    if len(letters) == 1:
        return [Contraction(0, None, tuple(x for x in wanted if x in letters[0]))]
    steps, have = [], tuple(letters[0])
    for n in range(1, len(letters)):
        both = list(dict.fromkeys((*have, *letters[n])))
        later = {x for rest in letters[n + 1:] for x in rest} | set(out) if distributive else set(both)
        if n == len(letters) - 1:
            kept = tuple(x for x in wanted if x in both)
        else:
            kept = tuple(x for x in both if x in later)
        steps.append(Contraction(0 if n == 1 else None, n, kept))
        have = kept
    return steps
