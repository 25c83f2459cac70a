"""Operations: frozen records with a domain, a codomain and, unless primitive, a definition.

An operation is data. Renaming labels and replacing sizes walk its fields, so that an
operation never writes those by hand; what it must say is its type, its definition
(unless it is primitive) and, where it can do better, how it absorbs lifted axes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from ncd.algebra.convert import Size, as_size
from ncd.core.array import Array
from ncd.core.axis import Axis, Label
from ncd.core.guard import unguarded
from ncd.core.record import Record, one_nan

if TYPE_CHECKING:
    from ncd.core.category import Diagram

_COERCE: dict[str, Callable] = {
    "Label": Label, "Size": as_size, "float": one_nan, "float | None": one_nan,
    "tuple[Label, ...]": lambda labels: tuple(map(Label, labels)),
    "tuple[Array, ...]": tuple, "tuple[Axis, ...]": tuple, "tuple[str, ...]": tuple}


def check_place(name: Any, what: str) -> None:
    """A name under which parameters or keys are kept: ``"Q"``, a path ``"enc/Q"``, a global ``"/Q"``.

    Raises:
        NcdError: No text, or a path with an empty part.
    """
    if not isinstance(name, str) or not all(part.strip() for part in name.removeprefix("/").split("/")):
        from ncd.errors import NcdError
        raise NcdError(f"{name!r} is not a name for {what}",
                       mend='give a text, as in "Q" or "encoder/Q"; "/Q" is one place for the whole model')


def transform(value: Any, on: Callable[[Any], Any]) -> Any:
    """Rebuild nested data with a function on sizes, labels, axes, arrays and diagrams.

    The same object comes back where nothing changed.
    """
    if isinstance(value, (Size, Label, Axis, Array)) or hasattr(value, "transform_data"):
        return on(value)
    if isinstance(value, tuple):
        new = tuple(transform(item, on) for item in value)
        return value if all(a is b for a, b in zip(new, value)) else (
            type(value)(*new) if hasattr(value, "_fields") else new)
    return value


@cache
def _coercions(cls: type) -> tuple[tuple[str, Callable], ...]:
    """The fields that are made what their annotation says, found once for a class."""
    return tuple((field.name, _COERCE[field.type]) for field in dataclasses.fields(cls)
                 if isinstance(field.type, str) and field.type in _COERCE)


class Operation(Record):
    """The base of every operation: subclass it as a frozen dataclass.

    A subclass has the fields that define it, the properties ``dom`` and ``cod`` (tuples of
    arrays) and, unless it is primitive, ``definition()``, a diagram of the same type.
    An operation can be called on wires, composed, lifted and drawn: it stands for the
    diagram of one box (:attr:`diagram`).

    Flags, each a property or class attribute:
        deterministic: False if it draws a random key by its place; then it is never copied.
        elementwise: True if each output entry depends on one entry of each input.
        linear: The positions of the inputs in which it is linear, jointly (add) or each
            by itself (einsum), see ``multilinear``.
        conditions: Sizes that are at least 0, each with what it means, beside those of its arrays,
            which are at least 1; checked where a program knows the numbers.
        place: The name under which it keeps its parameters or keys, or None if it has none.
        tied: Whether equal places share those parameters.
        glyph: A mark of its own in pictures (``ncd.construct.Glyph``), or None.
        any_dtype: The positions of the inputs whose entries are moved, not computed with:
            written for floats, they take integers, truth values and keys as well.
    """

    primitive = False
    elementwise = False
    multilinear = False
    deterministic = True
    linear: tuple[int, ...] = ()
    any_dtype: tuple[int, ...] = ()
    conditions: tuple[tuple[Size, str], ...] = ()
    place: str | None = None
    glyph = None
    tied = False

    def __post_init__(self):
        for name, coerce in _coercions(type(self)):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, coerce(value))
        title = getattr(self, "__dict__", {}).get("title", "")
        if not isinstance(title, str):
            from ncd.errors import NcdError
            raise NcdError(f"the name of a {type(self).__name__.lower()} is a text, not {title!r}")
        values = getattr(self, "__dict__", {})
        if "tied" in values and "body" not in values and not self.primitive:    # a layer with a place
            check_place(title, f"the parameters of a {type(self).__name__.lower()}")

    # -- type --------------------------------------------------------------------
    @property
    def dom(self) -> tuple[Array, ...]:
        raise self._unsaid("dom")

    @property
    def cod(self) -> tuple[Array, ...]:
        raise self._unsaid("cod")

    def _unsaid(self, side: str) -> Exception:
        from ncd.errors import NcdError
        return NcdError(f"the operation {type(self).__name__} does not say its {side}",
                        want=f"a property {side}, the tuple of its arrays")

    @property
    def name(self) -> str:
        """The name that listings and pictures show."""
        return type(self).__name__.lower()

    @property
    def remark(self) -> str:
        """What a listing says of it beside its name: an order that was chosen, say."""
        return ""

    def definition(self) -> Diagram | None:
        """A diagram of the same type made of simpler operations; None for a primitive."""
        return None

    @cached_property
    def expansion(self) -> Diagram | None:
        """The definition, made once and checked to have the operation's type."""
        with unguarded:
            found = self.definition()
            if found is None:
                return None
            found.graph     # noqa: B018  (made here, where nothing is guarded)
        dom, cod = tuple(found.dom.inside), tuple(found.cod.inside)
        if (dom, cod) != (self.dom, self.cod):
            from ncd.errors import AxisError
            raise AxisError(f"the definition of `{self.name}` has another type",
                            have=f"{', '.join(map(str, dom))} -> {', '.join(map(str, cod))}",
                            want=f"{', '.join(map(str, self.dom))} -> {', '.join(map(str, self.cod))}")
        return found

    @property
    def own(self) -> frozenset[str]:
        """The labels that the operation acts on; the others are lifted over."""
        return frozenset(label for array in (*self.dom, *self.cod) for label in array.labels)

    # -- functorial changes ------------------------------------------------------
    def _rebuilt(self, on: Callable[[Any], Any]) -> Operation:
        changed = {}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            new = transform(value, on)
            if new is not value:
                changed[field.name] = new
        return dataclasses.replace(self, **changed) if changed else self

    def substitute(self, sizes: Mapping[str, Size]) -> Operation:
        """The operation with symbols replaced by sizes, all at once."""
        def on(value):
            return value if isinstance(value, Label) else value.substitute(sizes)
        return self._rebuilt(on) if sizes else self

    def relabel(self, labels: Mapping[str, str]) -> Operation:
        """The operation with axes renamed."""
        def on(value):
            if isinstance(value, Label):
                return Label(labels[value]) if value in labels else value
            return value if isinstance(value, Size) else value.relabel(labels)
        return self._rebuilt(on) if labels else self

    def extend(self, arrays: tuple[Array, ...]) -> Operation | None:
        """The operation lifted to inputs that hold its own axes and more, in any order.

        None means that the operation leaves it to the general rule (:class:`Broadcast`).
        """
        return None

    def lifted_result(self, arrays: tuple[Array, ...], array: Array) -> Array:
        """Where the lifted axes stand in a result: the one convention of broadcasting.

        With one input the result's axes stand where the input's axes stood; with several,
        the lifted axes come first in order of appearance.
        """
        return place_lifted(self.dom, arrays, array)

    # -- an operation is a diagram -----------------------------------------------
    @cached_property
    def diagram(self) -> Diagram:
        from ncd.core.category import Box
        return Box(self)

    def __call__(self, *wires, place: str | None = None):
        return self.diagram(*wires, place=place)

    def __rshift__(self, other):
        return self.diagram >> other

    def __rrshift__(self, other):
        return other >> self.diagram

    def __matmul__(self, other):
        return self.diagram @ other

    def __rmatmul__(self, other):
        return other @ self.diagram

    def __getattr__(self, name: str):
        # Methods of diagrams (lift, cost, to_jax, draw, ...) work on an operation as well.
        # DisCoPy asks a box's data, which is the operation, for free symbols: it has none of its own.
        if name.startswith("_") or name in ("key", "expansion", "diagram", "free_symbols"):
            raise AttributeError(name)
        from ncd.core.category import Diagram
        if not hasattr(Diagram, name):
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        return getattr(self.diagram, name)


def lifted_axes(dom: tuple[Array, ...], arrays: tuple[Array, ...]) -> tuple[Axis, ...]:
    """The axes of the arrays that the domain does not have, in order of appearance."""
    extra: dict[str, Axis] = {}
    for want, have in zip(dom, arrays):
        if len(have.axes) != len(want.axes):
            for axis in have.axes:
                if axis.label not in want.labels:
                    extra.setdefault(axis.label, axis)
    return tuple(extra.values())


def leading_axes(first: Array, second: Array) -> int:
    """How many axes two arrays have in common in front.

    A result that has axes of both keeps these in front, so that lifting over more of them only adds them.
    """
    count = 0
    for one, other in zip(first.labels, second.labels):
        if one != other:
            break
        count += 1
    return count


def place_lifted(dom: tuple[Array, ...], arrays: tuple[Array, ...], array: Array) -> Array:
    """The result array with the lifted axes put where the convention says."""
    extra = lifted_axes(dom, arrays)
    if not extra:
        return array
    if len(dom) == 1 and array.labels == dom[0].labels:     # every axis stays where it stood
        new = {axis.label: axis for axis in array.axes}
        return array.with_axes(new.get(axis.label, axis) for axis in arrays[0].axes)
    if len(dom) == 1:
        return array.with_axes(arrays[0].replace(dom[0].labels, array.axes))
    return array.with_axes((*extra, *array.axes))
