"""The trilinear form of ★: what a convolution, its transpose and both their derivatives are.

Σ ★[i, j, l] v[l, …] W[j, …] u[i, …] over everything is one number, linear in v, W and u. Leaving out
u it is a convolution, leaving out v the transposed one, leaving out W the derivative in the
weight: the derivatives of a face of the form are its other faces.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from ncd.algebra.convert import ZERO, Size
from ncd.core.array import Array
from ncd.core.axis import Axis, Label, derived, fresh
from ncd.core.category import Diagram
from ncd.core.graph import Graph
from ncd.core.op import Operation
from ncd.errors import AxisError
from ncd.nn.window import Window
from ncd.ops.multilinear import Einsum, Reindex, Row, affine


class Tap(NamedTuple):
    """One tensor ★[i, j, l] = [l = s·i + d·j − p]: its three letters and its window.

    ``after`` is how far beyond the end of l a window may read; it is no part of ★.
    """

    i: int
    j: int
    l: int
    stride: Size
    dilation: Size
    before: Size
    after: Size

    @property
    def letters(self) -> tuple[int, int, int]:
        return self.i, self.j, self.l


@dataclass(frozen=True)
class Star(Operation):
    """Two arrays contracted with a tensor ★ for each of some axes.

    Type:      left, right -> out; each axis has a letter as in an einsum; of the letters i, j, l of each
               ★ the left, the right and the result have one each
    Equation:  out[o] = Σ over letters not in o of left · right · Π ★[i, j, l]
    Flags:     deterministic, linear in each input
    """

    arrays: tuple[Array, ...]
    letters: tuple[tuple[int, ...], ...]
    out: Array
    out_letters: tuple[int, ...]
    taps: tuple[Tap, ...]
    lifted: tuple[Label, ...] = field(default=(), compare=False)

    multilinear = True
    linear = (0, 1)

    def __post_init__(self):
        super().__post_init__()
        order: dict[int, int] = {}
        for letters in (*self.letters, self.out_letters):
            for letter in letters:
                order.setdefault(letter, len(order))
        for tap in self.taps:
            sides = [sum(letter in letters for letter in tap.letters)
                     for letters in (*self.letters, self.out_letters)]
            if sides != [1, 1, 1]:
                raise AxisError("each ★ has one letter in each array of a convolution",
                                have=str((self.letters, self.out_letters)), want=str(tap.letters))
        new = {"letters": tuple(tuple(order[x] for x in ls) for ls in self.letters),
               "out_letters": tuple(order[x] for x in self.out_letters),
               "taps": tuple(Tap(*(order[x] for x in tap.letters), *tap[3:]) for tap in self.taps)}
        for name, value in new.items():
            object.__setattr__(self, name, value)
        self.sizes  # noqa: B018  (asking checks them)

    @property
    def dom(self):
        return self.arrays

    @cached_property
    def cod(self):
        return (self.out,)

    @cached_property
    def sizes(self) -> dict[int, Size]:
        """The size of each letter."""
        return self.plain.sizes

    @cached_property
    def plain(self) -> Einsum:
        """The einsum of the same arrays and letters, without ★."""
        return Einsum(self.arrays, self.letters, self.out, self.out_letters, lifted=self.lifted)

    @property
    def own(self):
        return frozenset(x for array in (*self.arrays, self.out) for x in array.labels
                         if x not in self.lifted)

    @property
    def name(self) -> str:
        return f"★{self.plain.name[len('einsum'):]}"

    def extend(self, arrays):
        wider = self.plain.extend(arrays)
        new: dict[int, int] = {}
        for old, now in ((self.plain, wider),):
            for before, letters, after, fresh_letters in zip(
                    (*old.arrays, old.out), (*old.letters, old.out_letters),
                    (*now.arrays, now.out), (*now.letters, now.out_letters)):
                have = dict(zip(after.labels, fresh_letters))
                new |= {letter: have[label] for label, letter in zip(before.labels, letters)}
        taps = tuple(Tap(*(new[x] for x in tap.letters), *tap[3:]) for tap in self.taps)
        return Star(wider.arrays, wider.letters, wider.out, wider.out_letters, taps, wider.lifted)

    def definition(self) -> Diagram:
        """Read one array at the windows of each ★, then one einsum."""
        graph = Graph(self.arrays)
        wires, letters = [0, 1], list(self.letters)
        taken = {x for array in (*self.arrays, self.out) for x in array.labels}
        for tap in self.taps:
            # The letter that is solved for: l = s·i + d·j − p, or i = (l + p − d·j)/s.
            solved = tap.i if tap.l in self.out_letters else tap.l
            side = 0 if solved in letters[0] else 1
            made = self._read(graph.types[wires[side]], letters[side], tap, solved, taken)
            (wires[side],) = graph.add(made, (wires[side],))
            letters[side] = _replaced(letters[side], solved, (tap.l if solved == tap.i else tap.i, tap.j))
        made = Einsum(tuple(graph.types[wire] for wire in wires), tuple(letters), self.out, self.out_letters)
        graph.outputs = graph.add(made, wires)
        return Diagram.from_graph(graph)

    def _read(self, array: Array, letters, tap: Tap, solved: int, taken: set) -> Reindex:
        """The reindexing that puts an axis for each of the other two letters where one stood."""
        at = letters.index(solved)
        label, other = array.labels[at], tap.l if solved == tap.i else tap.i
        kernel = Axis(fresh(derived(label, "k"), taken), self.sizes[tap.j])
        taken.add(kernel.label)
        window = Window(label, self.sizes[tap.j], tap.stride, tap.dilation, tap.before, tap.after)
        row: Row = (window.scattered if solved == tap.i else window.gathered)(label, kernel.label)
        rows = tuple(row if n == at else affine(0, {x: 1}) for n, x in enumerate(array.labels))
        axes = (*array.axes[:at], Axis(label, self.sizes[other]), kernel, *array.axes[at + 1:])
        inside = solved == tap.l and tap.before == ZERO and tap.after == ZERO
        return Reindex(array, axes, rows, None if inside else 0.0)


def _replaced(letters: tuple[int, ...], letter: int, new: tuple[int, int]) -> tuple[int, ...]:
    at = letters.index(letter)
    return (*letters[:at], *new, *letters[at + 1:])
