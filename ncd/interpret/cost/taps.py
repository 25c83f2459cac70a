"""The taps of a convolution that fall on the array, and not on its padding.

A convolution is a contraction with ★[i, j, l] = [l = s·i + d·j − p]; of the window positions i and taps j
only those count whose l is an entry of the array.
"""

from __future__ import annotations

from ncd.core.size import ZERO, Size
from ncd.errors import SizeError
from ncd.interpret.cost.region import Given, larger, smaller
from ncd.nn.star import Star
from ncd.ops.multilinear import Reindex

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


def condition(star: Star, place: int, op: Reindex) -> Given | None:
    """Where the reindexing at a place of ★'s definition, one for each tap, reads an entry; None if always."""
    if not isinstance(op, Reindex) or op.fill is None:
        return None
    tap = star.taps[place]
    i, kernel, l = (star.sizes[letter] for letter in tap.letters)
    (sliding, _), (j, _) = next(row.terms for row in op.rows if len(row.terms) == 2)
    return Given("taps", (sliding, j), valid(i, kernel, l, tap.stride, tap.dilation, tap.before))
