"""Arrays from nothing: constants, positions, parameters, random keys; and numbers from a key."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from math import isfinite

from ncd.algebra.convert import as_size
from ncd.core.array import Array
from ncd.core.axis import Axis
from ncd.core.op import Operation, check_place
from ncd.core.record import one_nan
from ncd.errors import ArgumentError, NcdError


def _frozen(value):
    """Numbers and nested lists as hashable data."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return tuple(_frozen(item) for item in value)
    return one_nan(value) if isinstance(value, (bool, float)) else as_size(value)


MOST_DIGITS, MOST_SHOWN = 17, 12


def number_text(value) -> str:
    """A number as it is written: 1e-05 and not 1/100000, -1e+30 and not thirty-one digits; a size as it is.

    >>> number_text(as_size(1 - 0.8)), number_text(as_size(-1e30)), number_text(as_size("1/3"))
    ('0.19999999999999996', '-1e+30', '1/3')
    """
    number = getattr(value, "constant", value)
    if number is None or isinstance(number, bool) or (isinstance(number, float) and not isfinite(number)):
        return str(value)
    exact = Fraction(repr(number)) if isinstance(number, float) else Fraction(number)
    if exact.denominator == 1 and abs(exact) < 10 ** MOST_DIGITS:
        return str(exact)
    try:
        text = repr(float(exact))
    except OverflowError:
        return str(exact)
    short = min(text, f"{float(exact):g}", key=lambda item: (Fraction(item) != exact, len(item)))
    return short if Fraction(short) == exact else str(exact)


def _literal(value: tuple) -> str:
    """A literal array as a text: all of it where it is short, else its beginning, count and a checksum."""
    entries = [number_text(entry) for entry in _entries(value)]
    if len(entries) <= MOST_SHOWN:
        def shown(item):
            return f"[{', '.join(map(shown, item))}]" if isinstance(item, tuple) else number_text(item)
        return shown(value)
    checksum = zlib.crc32(f"{_shape(value)} {entries}".encode())
    return f"[{', '.join(entries[:4])}, …] {len(entries)} entries #{checksum:08x}"


def _shape(value) -> tuple[int, ...]:
    if not isinstance(value, tuple):
        return ()
    shapes = {_shape(item) for item in value}
    if len(shapes) != 1:
        raise NcdError("a literal array is empty or has rows of several lengths", have=str(value)[:200])
    return (len(value), *shapes.pop())


def _entries(value) -> Iterator:
    if isinstance(value, tuple):
        for item in value:
            yield from _entries(item)
    else:
        yield value


def _is_whole(value) -> bool:
    return value.is_integer() if isinstance(value, float) else isinstance(value, bool) or value.is_integral


@dataclass(frozen=True)
class Constant(Operation):
    """A given number, or a literal array of numbers.

    Type:      -> array
    Equation:  out = value (a number or an expression in sizes fills the whole array)
    Flags:     deterministic
    """

    value: object
    array: Array

    primitive = True

    def __post_init__(self):
        super().__post_init__()
        object.__setattr__(self, "value", _frozen(self.value))
        shape = _shape(self.value)
        if self.array.dtype == "key":
            raise NcdError("a random key is not a constant", mend="declare it as an input, `() : key`")
        if self.array.dtype == "int" and not all(map(_is_whole, _entries(self.value))):
            raise NcdError("a constant of integers holds another number", have=str(self.value)[:200])
        bound = None if self.array.bound is None else self.array.bound.constant
        for entry in _entries(self.value) if self.array.bound is not None else ():
            number = getattr(entry, "constant", entry)
            if number is not None and (number < 0 or (bound is not None and number >= bound)):
                raise NcdError(f"a constant holds {number}, which is no index", have=str(self.array),
                               want=f"from 0 to {self.array.bound} − 1")
        if shape and tuple(map(as_size, shape)) != tuple(axis.size for axis in self.array.axes):
            raise NcdError("a literal array has another shape", have=str(shape), want=str(self.array),
                           mend='say its type, as in constant([1, 2], "x=2")')

    @property
    def dom(self):
        return ()

    @property
    def cod(self):
        return (self.array,)

    @cached_property
    def name(self) -> str:
        value = self.value
        if isinstance(value, tuple):
            return f"constant{_literal(value)}"
        return f"constant[{value if isinstance(value, float) else number_text(value)}]"


@dataclass(frozen=True)
class Iota(Operation):
    """The positions along an axis: 0, 1, 2, …

    Type:      -> axis : index(its size)
    Equation:  out[i] = i
    """

    axis: Axis

    primitive = True

    @property
    def dom(self):
        return ()

    @cached_property
    def cod(self):
        return (Array((self.axis,), "int", self.axis.size),)

    @property
    def name(self) -> str:
        return f"iota[{self.axis}]"


INITIALISERS = ("normal", "uniform", "zeros", "ones", "constant", "orthogonal")


@dataclass(frozen=True)
class Initialiser:
    """How a parameter begins: a distribution and what scales it.

    Parameters:
        kind: ``"normal"``, ``"uniform"``, ``"zeros"``, ``"ones"``, ``"constant"`` or ``"orthogonal"``.
        scale: The standard deviation (normal), half the width (uniform) or the value.
        fan: Labels of the axes that count as inputs; with them the scale is divided by the
            square root of the product of their sizes.
        stacked: How many axes in front index matrices that are orthogonal each by itself; what
            stacks a parameter counts them.
    A parameter of integers or truth values is 0 unless it begins as ``"ones"`` or a ``"constant"``;
    an orthogonal one has its last axis as columns, the others as rows.

    >>> Initialiser("normal", 2 ** 0.5, ("m",))         # He et al. 2015
    Initialiser(kind='normal', scale=1.4142135623730951, fan=('m',))
    """

    kind: str
    scale: float = 1.0
    fan: tuple[str, ...] = ()
    stacked: int = 0

    transform_data = True

    def __post_init__(self):
        if isinstance(self.fan, str) or not isinstance(self.fan, Iterable):
            raise ArgumentError(f"fan is a tuple of labels, not {self.fan!r:.60}", fix='fan=("m",)')
        object.__setattr__(self, "fan", tuple(map(str, self.fan)))
        object.__setattr__(self, "scale", one_nan(self.scale))
        if not isinstance(self.kind, str) or self.kind not in INITIALISERS:
            raise NcdError(f"no initialiser {self.kind!r}", want=", ".join(INITIALISERS))
        if isinstance(self.stacked, bool) or not isinstance(self.stacked, int) or self.stacked < 0:
            raise NcdError(f"stacked={self.stacked!r}", want="a number of axes")

    def __repr__(self):
        stacked = f", stacked={self.stacked}" if self.stacked else ""
        return f"Initialiser(kind={self.kind!r}, scale={self.scale!r}, fan={self.fan!r}{stacked})"

    def relabel(self, labels: Mapping[str, str]) -> Initialiser:
        if not any(label in labels for label in self.fan):
            return self
        return replace(self, fan=tuple(labels.get(label, label) for label in self.fan))

    def substitute(self, sizes: Mapping) -> Initialiser:
        return self

    def along(self, axes: int) -> Initialiser:
        """The same for each index of so many more axes in front."""
        return replace(self, stacked=self.stacked + axes) if axes and self.kind == "orthogonal" else self


@dataclass(frozen=True)
class Parameter(Operation):
    """A learned array, or a stored one, named by its place in the architecture.

    Type:      -> array
    Equation:  out = θ[place]
    A tied parameter has the name it was given: equal names in one scope share the weights. A stored one,
    as a running mean or a table of positions, stands among the parameters and is not learned: it has no
    gradient and no state of an optimiser, and is not counted as learned. Only floats are learned.
    Raises:    NcdError for a random key, which is not learned.
    """

    title: str
    array: Array
    init: Initialiser = Initialiser("normal", 0.02)
    tied: bool = False
    stored: bool = False

    primitive = True

    def __post_init__(self):
        super().__post_init__()
        object.__setattr__(self, "stored", bool(self.stored) or self.array.dtype != "float")
        check_place(self.title, "a parameter")
        if self.array.dtype == "key":
            raise NcdError("a random key is not learned", have=str(self.array),
                           mend="declare it as an input, `() : key`, or draw it by its place")

    @property
    def dom(self):
        return ()

    @property
    def cod(self):
        return (self.array,)

    @property
    def place(self):
        return self.title

    @property
    def name(self) -> str:
        return f"{'stored' if self.stored else 'parameter'}[{self.title}]"


@dataclass(frozen=True)
class Key(Operation):
    """A random key drawn by its place: each place and each lifted index has its own.

    Type:      -> axes : key
    Flags:     not deterministic: a diagram that draws a key is never copied past or merged
    """

    title: str
    axes: tuple[Axis, ...] = ()
    tied: bool = False

    primitive = True
    deterministic = False

    def __post_init__(self):
        super().__post_init__()
        check_place(self.title, "a random key")

    @property
    def dom(self):
        return ()

    @cached_property
    def cod(self):
        return (Array(self.axes, "key"),)

    @property
    def place(self):
        return self.title

    @property
    def name(self) -> str:
        return f"key[{self.title}]"


@dataclass(frozen=True)
class Random(Operation):
    """Random numbers from a key: the same key gives the same numbers.

    Type:      p : key -> p axes
    Equation:  out[p] ~ distribution, independent for each key and entry;
               uniform on [0, 1) or standard normal
    Flags:     deterministic (the key is an input)
    """

    distribution: str
    key_array: Array
    axes: tuple[Axis, ...]

    primitive = True

    def __post_init__(self):
        super().__post_init__()
        if self.distribution not in ("uniform", "normal"):
            raise NcdError(f"no distribution {self.distribution!r}", want="uniform, normal")
        if self.key_array.dtype != "key":
            raise NcdError("random numbers are drawn from a key", have=str(self.key_array), want="() : key")

    @property
    def dom(self):
        return (self.key_array,)

    @cached_property
    def cod(self):
        return (Array((*self.key_array.axes, *self.axes)),)

    @property
    def own(self):
        return frozenset(axis.label for axis in self.axes)

    @property
    def name(self) -> str:
        return self.distribution

    def extend(self, arrays):
        return Random(self.distribution, arrays[0], self.axes)
