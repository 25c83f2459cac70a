"""Maps of scalar functions, reductions by a monoid, top-k, and the stop of a derivative."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from ncd.algebra.convert import Size, as_size
from ncd.core.array import Array
from ncd.core.axis import Axis, Label
from ncd.core.op import Operation
from ncd.errors import ArityError, AxisError
from ncd.ops.monoid import Monoid
from ncd.ops.multilinear import union_axes
from ncd.ops.scalar import POWER, TO_FLOAT, WHERE, ScalarFunction
from ncd.ops.source import number_text

# What may be asked of truth values alone.
LOGICAL = ("both", "either", "opposite")
OF_TRUTHS = (*LOGICAL, "add", "multiply", "maximum", "minimum", "where", "identity", "abs", "square")


def as_constant(value):
    """A constant argument: an expression in sizes, an infinity, or None for an array."""
    if value is None or (isinstance(value, float) and math.isinf(value)):
        return value
    return as_size(value)


@dataclass(frozen=True)
class Map(Operation):
    """A scalar function applied to every entry; arrays are matched by label and broadcast.

    Type:      arrays -> the union of their axes
    Equation:  out[p] = f(arrays_1[p], …, arrays_n[p]), each array read at its own axes
    The arguments that ``constants`` gives are numbers or expressions in sizes.
    Flags:     deterministic, elementwise, linear where the function is
    """

    function: ScalarFunction
    arrays: tuple[Array, ...]
    constants: tuple = ()

    primitive = True
    elementwise = True

    def __post_init__(self):
        super().__post_init__()
        constants = tuple(map(as_constant, self.constants)) or (None,) * self.function.arity
        object.__setattr__(self, "constants", self._as_written(constants))
        free = sum(c is None for c in constants)
        if len(constants) != self.function.arity or free != len(self.arrays):
            raise ArityError(f"`{self.function.name}` takes {self.function.arity} arguments",
                             have=f"{len(self.arrays)} arrays and "
                                  f"{sum(c is not None for c in constants)} constants")
        if problem := self._dtype_problem():
            raise AxisError(problem, have=", ".join(map(str, self.arrays)),
                            mend="compare it, as in x > 0" if problem.endswith("of truth values") and
                            {"int", "float"} & {array.dtype for array in self.arrays} else
                            'make it float, ncd.elementwise("to_float"), or compare it, as in x > 0')

    def _as_written(self, constants: tuple) -> tuple:
        """The constants; whole floats stay floats where nothing else says that the result is one."""
        chosen = self.function == WHERE and constants[:1] == (None,)
        if self.function.dtype != "same" or len(self.arrays) > chosen or not all(
                c is None or (isinstance(c, Size) and c.is_integral) for c in constants):
            return constants
        return tuple(given if isinstance(given, float) else c for given, c in zip(self.constants, constants))

    def _dtype_problem(self) -> str:
        """Why the function has no meaning on these dtypes; empty if it has one."""
        name, kinds = self.function.name, [array.dtype for array in self.arrays]
        if "key" in kinds:
            return f"`{name}` of a random key"
        if name in LOGICAL and set(kinds) - {"bool"}:
            return f"`{name}` is of truth values"
        if name == "where" and 0 in self.arguments and kinds[0] != "bool":
            return "the condition of `where` is not of truth values"
        if self.dtype == "bool" and self.function.dtype == "same" and name not in OF_TRUTHS:
            return f"`{name}` of truth values"
        return ""

    @property
    def dom(self):
        return self.arrays

    @cached_property
    def cod(self):
        axes, dtype = union_axes(self.arrays), self.dtype
        for array in self.arrays:       # the same type is the same object: long chains stay small
            if array.axes is axes and array.dtype == dtype and array.bound is None:
                return (array,)
        return (Array(axes, dtype),)

    @property
    def dtype(self) -> str:
        if self.function.dtype != "same":
            return self.function.dtype
        kinds = [array.dtype for i, array in zip(self.arguments, self.arrays)
                 if not (i == 0 and self.function.name == "where")]
        given = [c for c in self.constants if c is not None]
        if any(isinstance(c, float) or not c.is_integral for c in given):
            kinds.append("float")
        elif given and set(kinds) <= {"bool"}:
            kinds.append("int")                 # a truth value counts as 0 or 1 beside a number
        if self.function == POWER and not (isinstance(self.constants[1], Size) and self.constants[1].constant
                                           is not None and self.constants[1].constant >= 0):
            kinds.append("float")               # an integer to the power −1 is none
        return "float" if "float" in kinds else "int" if "int" in kinds else (kinds or ["float"])[0]

    @cached_property
    def arguments(self) -> tuple[int, ...]:
        """The positions of the function's arguments that are arrays."""
        return tuple(i for i, c in enumerate(self.constants) if c is None)

    @cached_property
    def counted(self) -> ScalarFunction:
        """The function that is worked out for each entry: a whole exponent is a literal, as in x ** 2."""
        whole = {name: int(c.constant) for name, c in zip(self.function.arguments, self.constants)
                 if c is not None and not isinstance(c, float) and c.constant is not None and c.is_integral}
        return self.function.at_exponents(whole) if whole else self.function

    @cached_property
    def linear(self):
        if self.function.multilinear or len(self.arguments) == self.function.arity:
            return tuple(n for n, i in enumerate(self.arguments) if i in self.function.linear)
        constants = [c for i, c in enumerate(self.constants)
                     if c is not None and i in self.function.linear]
        if any(isinstance(c, float) or c != as_size(0) for c in constants):
            return ()     # x + 1 is affine, not linear
        return tuple(n for n, i in enumerate(self.arguments) if i in self.function.linear)

    @property
    def multilinear(self):
        return self.function.multilinear

    @property
    def any_dtype(self):
        return (0,) if self.function == TO_FLOAT and self.arrays else ()

    @property
    def own(self):
        return frozenset()

    @property
    def name(self) -> str:
        if all(c is None for c in self.constants):
            return self.function.name
        shown = ["·" if c is None else number_text(c) for c in self.constants]
        return f"{self.function.name}[{', '.join(shown)}]"

    def extend(self, arrays):
        return Map(self.function, arrays, self.constants)


@dataclass(frozen=True)
class Reduce(Operation):
    """Fold axes by a monoid.

    Type:      array -> array without the labels
    Equation:  out[p] = ⊕ over the labels of array[p, ·]
    Flags:     deterministic, linear for the sum
    Raises:    AxisError if an axis is absent.
    """

    monoid: Monoid
    array: Array
    labels: tuple[Label, ...]

    primitive = True

    @property
    def any_dtype(self):
        return () if "bool" in self.monoid.kinds else (0,)

    def __post_init__(self):
        super().__post_init__()
        for label in self.labels:
            self.array.axis(label)
        kinds = self.monoid.kinds
        if self.array.dtype not in kinds:
            raise AxisError(f"`{self.monoid.name}` does not fold {self.array.dtype} entries",
                            have=str(self.array), want=" or ".join(kinds),
                            mend="compare it first" if "bool" in kinds else
                            'make it float: ncd.elementwise("to_float")')

    @property
    def dom(self):
        return (self.array,)

    @cached_property
    def cod(self):
        found = self.array.with_axes(self.array.without(*self.labels))
        return (found if self.monoid.selective else found.unbounded(),)

    @property
    def linear(self):
        return (0,) if self.monoid.linear else ()

    @property
    def own(self):
        return frozenset(self.labels)

    @property
    def name(self) -> str:
        return f"{self.monoid.name}[{' '.join(self.labels)}]"

    def extend(self, arrays):
        return Reduce(self.monoid, arrays[0], self.labels)


@dataclass(frozen=True)
class TopK(Operation):
    """The k largest entries along an axis, largest first, and where they stood.

    Type:      array[axis] -> array[out], array[out] : index(axis)
    Equation:  out₁[j] = array[out₂[j]], out₂ the order of decreasing entries; of equal
               entries the one that stands first comes first
    Flags:     deterministic
    """

    array: Array
    axis: Label
    out: Axis

    primitive = True
    any_dtype = (0,)

    def __post_init__(self):
        super().__post_init__()
        size, k = self.array.size(self.axis).constant, self.out.size.constant
        if size is not None and k is not None:
            self.check_count(k, size)

    def check_count(self, k: int, size: int) -> None:
        """Say so where there are fewer entries than are wanted."""
        if k > size:
            raise AxisError(f"top-k takes {k} of the {size} entries of {self.axis}")

    @property
    def dom(self):
        return (self.array,)

    @cached_property
    def cod(self):
        axes = self.array.replace((self.axis,), (self.out,))
        return (self.array.with_axes(axes), Array(axes, "int", self.array.size(self.axis)))

    @property
    def own(self):
        return frozenset((self.axis, self.out.label))

    @property
    def name(self) -> str:
        return f"topk[{self.axis} -> {self.out}]"

    def extend(self, arrays):
        return TopK(arrays[0], self.axis, self.out)


@dataclass(frozen=True)
class Stop(Operation):
    """The identity whose derivative is zero.

    Type:      array -> array
    Flags:     deterministic, elementwise; linear in value, and its derivative is 0
    """

    array: Array

    primitive = True
    any_dtype = (0,)
    elementwise = True

    @property
    def dom(self):
        return (self.array,)

    @property
    def cod(self):
        return (self.array,)

    @property
    def own(self):
        return frozenset()

    def extend(self, arrays):
        return Stop(arrays[0])
