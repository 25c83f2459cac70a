"""Random axes, arrays, types and values, all from one seed: what the variables of a law range over.

Sizes are drawn from 1 to 4, half of them kept as symbols; labels from a small alphabet, one size
to a label, so that arrays drawn apart can still meet in one operation.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from random import Random

import numpy

from ncd.algebra.convert import Size
from ncd.core.array import Array
from ncd.core.axis import Axis
from ncd.core.category import Diagram, Ty
from ncd.traverse.places import build, places

ALPHABET = "abcdeuvw"
LARGEST_SIZE = 4
MOST_ENTRIES = 300


class Sampler:
    """A source of random syntax: the same seed draws the same things.

    Attributes:
        random: The generator of all choices.
        sizes: The number of each size symbol drawn so far.
        alphabet: The labels that new axes take.

    >>> Sampler(7).array() == Sampler(7).array()
    True
    """

    def __init__(self, seed: int):
        self.seed, self.random = seed, Random(seed)
        self.alphabet = ALPHABET
        self.sizes: dict[str, int] = {}
        self._axes: dict[str, Axis] = {}

    # -- choices -----------------------------------------------------------------
    def choose(self, items: Sequence):
        return self.random.choice(list(items))

    def some(self, items: Sequence, least: int = 0, most: int | None = None) -> list:
        """Some of the items, each at most once, in random order."""
        items = list(items)
        most = len(items) if most is None else min(most, len(items))
        return self.random.sample(items, self.random.randint(min(least, most), most))

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def number(self) -> float:
        """A number that is neither 0 nor 1."""
        return self.choose([-1.5, -0.75, 0.25, 0.5, 1.25, 2.0])

    @contextmanager
    def using(self, alphabet: str):
        """Draw new labels from another alphabet for a while."""
        before, self.alphabet = self.alphabet, alphabet
        yield self
        self.alphabet = before

    # -- syntax ------------------------------------------------------------------
    def axis(self, label: str) -> Axis:
        """The axis with a label: a symbol or a number, the same whenever it is asked for."""
        if label not in self._axes:
            number = self.random.randint(1, LARGEST_SIZE)
            self.sizes[label] = number
            self._axes[label] = Axis(label) if self.chance(0.5) else Axis(label, number)
        return self._axes[label]

    def fresh(self, *arrays: Array) -> Axis | None:
        """An axis of the alphabet that none of the arrays has; None if all are taken."""
        taken = {label for array in arrays for label in array.labels}
        free = [label for label in self.alphabet if label not in taken]
        return self.axis(self.choose(free)) if free else None

    def array(self, least: int = 0, most: int = 3) -> Array:
        """A float array of 0 to 3 axes."""
        return Array([self.axis(label) for label in self.some(self.alphabet, least, most)])

    def any_array(self) -> Array:
        """An array of any dtype but keys, mostly of floats."""
        array = self.array()
        if self.chance(0.85):
            return array
        if self.chance(0.5):
            return Array(array.axes, "bool")
        axis = self.fresh(array)
        return Array(array.axes, "int", axis.size if axis else 3)

    def type(self, most: int = 3, floats: bool = False) -> Ty:
        """A tuple of 0 to 3 arrays; the empty one is rare."""
        width = self.choose([0, *(3 * list(range(1, most + 1)))])
        return Ty.of(self.array() if floats else self.any_array() for _ in range(width))

    def evaluate(self, size: Size) -> int:
        """A size as a number; symbols met for the first time are given one."""
        self.complete(size.symbols)
        return int(size.evaluate(self.sizes))

    def complete(self, symbols) -> dict[str, int]:
        """The numbers of all symbols so far, with the given ones among them."""
        for name in sorted(symbols):
            if name not in self.sizes:
                self.sizes[name] = self.random.randint(1, LARGEST_SIZE)
        return dict(self.sizes)

    def small(self, *arrays: Array) -> bool:
        """Whether arrays with all these axes stay small enough to run."""
        axes = {axis.label: axis for array in arrays for axis in array.axes}
        entries = 1
        for axis in axes.values():
            entries *= self.evaluate(axis.size)
        return len(axes) <= 5 and entries <= MOST_ENTRIES


# -- values ---------------------------------------------------------------------------
def value(array: Array, sizes: Mapping[str, int], seed: int) -> numpy.ndarray:
    """A random value of a type: normal floats, integers below the bound, seeds for keys.

    >>> value(Array([Axis("x", 3)]), {}, 0).shape
    (3,)
    """
    generator = numpy.random.default_rng(seed)
    shape = tuple(int(axis.size.evaluate(sizes)) for axis in array.axes)
    if array.dtype == "int":
        bound = 4 if array.bound is None else int(array.bound.evaluate(sizes))
        return generator.integers(0, bound, shape)
    if array.dtype == "bool":
        return generator.random(shape) < 0.5
    if array.dtype == "key":
        return generator.integers(0, 2 ** 63, shape).astype(numpy.uint64)
    return generator.standard_normal(shape)


def values(dom: Ty, sizes: Mapping[str, int], seed: int) -> list[numpy.ndarray]:
    """A random value for each array of a type."""
    return [value(array, sizes, seed * 1009 + n) for n, array in enumerate(dom.inside)]


def parameters(diagram: Diagram, sizes: Mapping[str, int], seed: int) -> dict | None:
    """Random parameters: a function of the place alone, so that equal places hold equal values."""
    slots, _ = places(diagram)
    return build({path: value(slot.array, sizes, seed + zlib.crc32("/".join(path).encode()))
                  for path, slot in slots.items()}) or None
