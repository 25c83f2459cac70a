"""What a backward part keeps of the forward part, and what it computes again: a value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from ncd.core.op import Operation
from ncd.errors import NcdError
from ncd.nn.star import Star
from ncd.ops import scalar
from ncd.ops.matrix import Solve
from ncd.ops.multilinear import Einsum, Reindex, View
from ncd.ops.pointwise import Map, Stop
from ncd.ops.source import Constant, Iota, Parameter

KEEPS = ("everything", "nothing", "contractions", "blocks")
SCANS = ("store", "sqrt", "recompute")


# In what a derivative is taken, and what its backward part keeps: the annotations of public functions.
Wrt: TypeAlias = "int | str | Sequence | None"
PolicyLike: TypeAlias = "Policy | Callable | str"


@dataclass(frozen=True)
class Policy:
    """Which results of the forward part the backward part keeps, among those that it reads.

    Parameters:
        keep: ``"everything"`` that is read; ``"nothing"`` but the inputs; only the
            ``"contractions"``' inputs; nothing inside ``"blocks"``, which are computed again
            from their inputs; or a function of an operation that says whether its results are
            kept. Whatever is only moved, repeated or constant is never kept.
        scan: Of the steps of a scan, ``"store"`` what is read; ``"recompute"`` each step from its
            stored state; ``"sqrt"`` stores every √n-th state and computes the segment between
            two again, a number n every n-th.

    >>> Policy(scan=8)
    Policy(keep='everything', scan=8)
    """

    keep: str | Callable[[Operation], bool] = "everything"
    scan: str | int = "store"

    def __post_init__(self):
        if not callable(self.keep) and not (isinstance(self.keep, str) and self.keep in KEEPS):
            raise NcdError(f"no policy keep={self.keep!r}",
                           want=", ".join(KEEPS) + ", or a function of an operation")
        number = isinstance(self.scan, int) and not isinstance(self.scan, bool)
        if self.scan not in SCANS if not number else self.scan < 1:
            raise NcdError(f"no policy scan={self.scan!r}",
                           want=", ".join(SCANS) + ", or the length of a segment")

    @property
    def in_block(self) -> Policy:
        """The policy inside a block: what is computed again as a whole keeps everything for a while."""
        if self.keep == "nothing":
            return Policy("everything", self.scan)
        return Policy("nothing", self.scan) if self.keep == "blocks" else self

    @property
    def in_scan(self) -> Policy:
        """The policy inside a scan's body."""
        if self.scan == "recompute":
            return Policy("nothing", "store")
        return Policy("everything", self.scan) if self.keep == "nothing" else self

    @property
    def segmented(self) -> bool:
        return self.scan == "sqrt" or isinstance(self.scan, int)

    def keeps(self, op: Operation, contracted: bool) -> bool:
        """Whether a result of an operation is kept; contracted if a contraction reads it."""
        if callable(self.keep):
            return bool(self.keep(op))
        return contracted if self.keep == "contractions" else self.keep != "nothing"


def as_policy(value) -> Policy:
    """A policy, or its ``keep`` alone."""
    return value if isinstance(value, Policy) else Policy(value)


def is_free(op: Operation) -> bool:
    """Whether it only moves, repeats or states what it makes: its input is kept, which takes no more room."""
    if isinstance(op, (View, Stop, Constant, Iota, Parameter)):
        return True
    if isinstance(op, Reindex):
        return op.is_broadcast or (op.cod[0].elements - op.array.elements).is_nonnegative
    return isinstance(op, Map) and op.function in (scalar.TO_FLOAT, scalar.IDENTITY)


def is_contraction(op: Operation) -> bool:
    """Whether it multiplies and sums: the work that is dear to repeat."""
    if isinstance(op, Einsum):
        summed = {x for letters in op.letters for x in letters} - set(op.out_letters)
        return len(op.arrays) > 1 and bool(summed)
    return isinstance(op, (Solve, Star))
