"""Randomness as an operation: dropout with its key as an input, or drawn by its place.

With the key as an input dropout is an ordinary function, so copy is natural: f ; copy =
copy ; (f × f). With a key by place each occurrence draws its own, and that law fails.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from ncd.algebra.convert import as_size
from ncd.construct.generators import where
from ncd.construct.trace import trace
from ncd.core.argument import public
from ncd.core.array import Array
from ncd.core.category import Diagram, Ty
from ncd.core.op import Operation
from ncd.errors import NcdError
from ncd.nn.defined import placed
from ncd.ops.source import Key, Random


@dataclass(frozen=True)
class Dropout(Operation):
    """Put 0 in place of entries at random, each by itself, and scale the others.

    Type:      array -> array, or array, key -> array
    Equation:  y[p] = x[p]/(1 − rate) where u[p] ≥ rate, else 0;  u[p] ~ uniform on [0, 1)
    The mask has an entry for each entry of the array: one key serves all the axes that it
    lacks. So a lifted dropout draws for every lifted index too, even from one key.
    Flags:     not deterministic with a key by place
    """

    array: Array
    rate: float
    key_array: Array | None
    title: str
    tied: bool = False

    @cached_property
    def dom(self):
        return (self.array,) if self.key_array is None else (self.array, self.key_array)

    @cached_property
    def cod(self):
        extra = () if self.key_array is None else self.key_array.without(*self.array.labels)
        return (self.array.with_axes((*self.array.axes, *extra)),)

    @property
    def own(self):
        return frozenset()

    @property
    def deterministic(self):
        return self.key_array is not None

    @property
    def place(self):
        return self.title if self.key_array is None else None

    @property
    def name(self) -> str:
        return f"dropout[{self.rate:g}]"

    def extend(self, arrays):
        return replace(self, array=arrays[0], key_array=arrays[1] if len(arrays) > 1 else None)

    def definition(self):
        def body(x, *given):
            (key,) = given or (Key("key")(),)
            axes = self.array.without(*key.type.labels)
            u = Random("uniform", key.type, axes)(key)
            return where(u >= self.rate, x / (1 - as_size(self.rate)), 0)
        made = trace(body, self.dom)
        return made >> Diagram.arrange(made.cod.inside, self.cod)


@public
def dropout(rate: float, explicit: bool = False, name: str | None = None) -> Diagram:
    """Put 0 in place of entries at random and scale the others, so that the mean is kept.

    Type:      () -> ()                         (explicit: (), () : key -> ())
    Equation:  y = x/(1 − rate) with probability 1 − rate, else 0; entries are independent
    Parameters:
        explicit: Whether the key is a second input. Otherwise it is drawn by its place.
        name: The place of the key; equal names in one scope draw the same key.
    Rate 0 is the identity. The mask is as large as the array that dropout is given.
    Flags:     deterministic only if explicit; not linear as a map, for it depends on the key
    Raises:    NcdError unless 0 ≤ rate < 1.
    Source:    Srivastava et al. 2014; the drawn mark is ↯.

    >>> print(dropout(0.1).on("b x m"))
    b x m -> b x m
    >>> print(dropout(0.1, explicit=True).on("b x m, () : key"))
    b x m, () : key -> b x m
    """
    if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 <= rate < 1:
        raise NcdError(f"a dropout rate of {rate!r}", want="a number of at least 0 and below 1",
                       why="the entries that are kept are divided by 1 − rate")
    array, key = Array(), Array((), "key") if explicit else None
    op = Dropout(array, float(rate), key, *placed(name, "dropout"))
    return op.diagram if rate else Diagram.wiring(Ty.of(op.dom), [0])
