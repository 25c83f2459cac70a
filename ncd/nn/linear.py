"""Learned linear maps: y = W x + b between any axes, and a table as a linear map of one-hot vectors."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from ncd.construct.notation import axes_of
from ncd.construct.trace import trace
from ncd.core.argument import public
from ncd.core.array import Array
from ncd.core.axis import Axis, Label, fresh
from ncd.core.category import Diagram
from ncd.core.signature import parse_signature
from ncd.errors import NotationError
from ncd.nn.defined import OnOneArray, placed
from ncd.ops.indexed import Gather
from ncd.ops.multilinear import Einsum
from ncd.ops.source import Initialiser, Parameter

ZEROS = Initialiser("zeros")


@dataclass(frozen=True)
class Linear(OnOneArray):
    """A learned linear map between axes; axes that it does not name are lifted over.

    Type:      array[inputs] -> array[outputs]
    Equation:  y[o] = Σ_i x[i] weight[i, o] + bias[o]
    Flags:     deterministic, linear without the bias
    """

    inputs: tuple[Label, ...]
    outputs: tuple[Axis, ...]
    bias: bool
    init: Initialiser
    title: str
    tied: bool = False

    def __post_init__(self):
        super().__post_init__()
        Array(self.outputs)     # distinct labels, also where all of them are inputs

    @cached_property
    def cod(self):
        return (self.array.with_axes(self.array.replace(self.inputs, self.outputs)),)

    @property
    def own(self):
        return frozenset((*self.inputs, *(axis.label for axis in self.outputs)))

    @property
    def linear(self):
        return () if self.bias else (0,)

    @property
    def place(self):
        return self.title

    @property
    def name(self) -> str:
        left, right = " ".join(self.inputs) or "()", " ".join(map(str, self.outputs)) or "()"
        return f"linear[{left} -> {right}]"

    @cached_property
    def weight(self) -> Array:
        """The weight's type: the inputs, then the outputs, primed where an input has the label."""
        taken = {*self.inputs, *(axis.label for axis in self.outputs)}
        axes = [self.array.axis(label) for label in self.inputs]
        for axis in self.outputs:
            label = fresh(axis.label, taken) if axis.label in self.inputs else axis.label
            taken.add(label)
            axes.append(Axis(label, axis.size))
        return Array(axes)

    def definition(self):
        letter = {label: n for n, label in enumerate(self.array.labels)}
        made = {axis.label: len(letter) + n for n, axis in enumerate(self.outputs)}
        contraction = Einsum(
            (self.array, self.weight),
            (tuple(letter.values()), (*(letter[label] for label in self.inputs), *made.values())),
            self.cod[0], tuple(made.get(label, letter.get(label)) for label in self.cod[0].labels))

        def body(x):
            y = contraction(x, Parameter("weight", self.weight, self.init)())
            return y + Parameter("bias", Array(self.outputs), ZEROS)() if self.bias else y
        return trace(body, self.dom)


def project(inputs: tuple[Axis, ...], outputs: tuple[Axis, ...], bias: bool = True,
            name: str | None = None, init: Initialiser | None = None) -> Diagram:
    """:func:`linear` between axes instead of a text."""
    array = Array(inputs)
    init = Initialiser("normal", 1.0, array.labels) if init is None else init
    return Linear(array, array.labels, tuple(outputs), bool(bias), init, *placed(name, "linear")).diagram


@public
def linear(text: str, bias: bool = True, name: str | None = None,
           init: Initialiser | None = None) -> Diagram:
    """A learned linear map between any axes: ``linear("m -> k h")``, ``linear("m -> d=64")``.

    Type:      m -> k h
    Equation:  y[k, h] = Σ_m x[m] weight[m, k, h] + bias[k, h]
    Parameters:
        bias: Whether there is a bias, which begins at zero.
        name: Its place; layers of one name in one scope share their weights, and ``"/name"``
            is one place for the whole model.
        init: How the weight begins; by default normal with variance 1/(number of inputs).
    An axis on both sides keeps its label: in "m -> m=64" the weight has the axes m and m'.
    Flags:     deterministic, linear without the bias
    Raises:    NotationError without one arrow between one array and one array; AxisError for a
               label twice on a side.
    Source:    LeCun et al. 1998, Efficient BackProp (the default initialiser).

    >>> print(linear("m -> k h").on("b x m=64"))
    b x m=64 -> b x k h
    >>> print(linear("m -> m=8").op.weight)
    m m'=8
    """
    dom, cod = parse_signature(text)
    if cod is None:
        raise NotationError('a linear map has an arrow: "m -> k h"', text, len(text))
    if len(dom) != 1 or len(cod) != 1:
        raise NotationError("a linear map takes one array to one array; without axes it is ()", text, 0)
    for array in (*dom, *cod):
        if array.dtype != "float":
            raise NotationError(f"a linear map is of floats, not {array.dtype}", text, text.index(":"))
    return project(dom[0].axes, cod[0].axes, bias, name, init)


@dataclass(frozen=True)
class Embedding(OnOneArray):
    """A learned row for each integer.

    Type:      array : index(entries) -> array features
    Equation:  y[…, f] = table[x[…], f]
    """

    entries: Axis
    features: tuple[Axis, ...]
    init: Initialiser
    title: str
    tied: bool = False

    @cached_property
    def cod(self):
        return (Array((*self.array.axes, *self.features)),)

    @property
    def own(self):
        return frozenset((self.entries.label, *(axis.label for axis in self.features)))

    @property
    def place(self):
        return self.title

    @property
    def table(self) -> Array:
        return Array((self.entries, *self.features))

    def definition(self):
        def body(x):
            table = Parameter("table", self.table, self.init)()
            return Gather(self.table, self.array, self.entries.label)(table, x)
        return trace(body, self.dom)


@dataclass(frozen=True)
class Unembedding(OnOneArray):
    """A score for each entry of a table: the inner product with its row.

    Type:      array[features] -> array[entries]
    Equation:  y[v] = Σ_f x[f] table[v, f]
    Flags:     deterministic, linear
    """

    entries: Axis
    features: tuple[Axis, ...]
    init: Initialiser
    title: str
    tied: bool = False

    linear = (0,)

    @cached_property
    def cod(self):
        labels = tuple(axis.label for axis in self.features)
        return (self.array.with_axes(self.array.replace(labels, (self.entries,))),)

    own, place, table = Embedding.own, Embedding.place, Embedding.table

    def definition(self):
        letter = {label: n for n, label in enumerate((*self.array.labels, self.entries.label))}
        arrays = (self.array, self.table)
        letters = tuple(tuple(letter[label] for label in array.labels) for array in arrays)
        out = self.cod[0]
        contraction = Einsum(arrays, letters, out, tuple(letter[label] for label in out.labels))

        def body(x):
            return contraction(x, Parameter("table", self.table, self.init)())
        return trace(body, self.dom)


def _table(text: str, init: Initialiser | None) -> tuple[Axis, tuple[Axis, ...], Initialiser]:
    axes = axes_of(text)
    if not axes:
        raise NotationError("a table has an axis of entries, then its features", text, 0)
    features = Array(axes).axes[1:]
    fan = tuple(axis.label for axis in features)
    return axes[0], features, Initialiser("normal", 1.0, fan) if init is None else init


@public
def embedding(text: str, name: str | None = None, init: Initialiser | None = None) -> Diagram:
    """A learned row for each integer: ``embedding("v m")``; the first axis is the entries.

    Type:      () : index(v) -> m
    Equation:  y[m] = table[x, m]
    Parameters:
        name: The table's place, to share it with :func:`unembedding`; ``"/name"`` is one for
            the whole model.
        init: How the table begins; by default normal with variance 1/(number of features).
    Raises:    NotationError without an axis; AxisError for a label twice.

    >>> print(embedding("v m").on("b x : index(100)"))
    b x : index(100) -> b x m
    """
    entries, features, init = _table(text, init)
    return Embedding(Array((), "int", entries.size), entries, features, init,
                     *placed(name, "embedding")).diagram


@public
def unembedding(text: str, name: str | None = None, init: Initialiser | None = None) -> Diagram:
    """A score for each entry of a table: ``unembedding("v m")``, written as its embedding is.

    Type:      m -> v
    Equation:  y[v] = Σ_m x[m] table[v, m]
    Parameters:
        name: The table's place; with the name of an :func:`embedding` the two share it.
    Flags:     deterministic, linear
    Raises:    NotationError without an axis; AxisError for a label twice.
    Source:    Press & Wolf 2017, arXiv 1608.05859 (one table for both).

    >>> print(unembedding("v m", name="/embedding").on("b x m"))
    b x m -> b x v
    """
    entries, features, init = _table(text, init)
    return Unembedding(Array(features), entries, features, init, *placed(name, "unembedding")).diagram
