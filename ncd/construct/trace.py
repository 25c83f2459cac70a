"""Diagrams from Python functions: wires that record the operations applied to them."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Sequence
from numbers import Rational, Real

from ncd.algebra.convert import Size
from ncd.construct.capture import check_around, is_written
from ncd.construct.prefix import below
from ncd.core.argument import public
from ncd.core.array import Array
from ncd.core.axis import Label
from ncd.core.category import Diagram
from ncd.core.graph import Graph
from ncd.core.op import Operation, check_place
from ncd.core.signature import parse_signature
from ncd.errors import (
    AmbiguityError,
    ArgumentError,
    ArityError,
    AxisError,
    NcdError,
    NotationError,
    SizeError,
)
from ncd.ops import scalar
from ncd.ops.control import Block
from ncd.ops.pointwise import Map, as_constant


class _Running(threading.local):
    """The traces that run now, the innermost last; each thread has its own."""

    def __init__(self):
        self.traces: list[Trace] = []


_running = _Running()


class Trace:
    """A wire graph under construction."""

    def __init__(self, arrays: Sequence[Array]):
        self.graph = Graph(arrays)
        self._seen, self._sizes = 0, {}
        self.scopes: list[str] = []         # the names that stand before places, the outermost first

    def size(self, label: str) -> Size:
        """The one size that an axis has on the wires so far; its symbol where it has none."""
        types = self.graph.types
        while self._seen < len(types):
            for axis in types[self._seen].axes:
                self._sizes.setdefault(axis.label, {})[axis.size] = None
            self._seen += 1
        sizes = list(self._sizes.get(label, {Size.symbol(label): None}))
        if len(sizes) > 1:
            raise AmbiguityError(f"the axis {label} has several sizes here",
                                 have=", ".join(map(str, sizes)),
                                 mend=f'take it from a wire: wire.type.size("{label}")')
        return sizes[0]


class Wire:
    """One array inside ``@ncd.diagram``: operations, numbers and ``+ - * / **`` apply to it."""

    __slots__ = ("number", "trace")
    __hash__ = object.__hash__
    __array_ufunc__ = None              # a NumPy number on the left leaves the operation to us

    def __init__(self, trace: Trace, number: int):
        self.trace, self.number = trace, number

    @property
    def type(self) -> Array:
        return self.trace.graph.types[self.number]

    def __repr__(self):
        return f"<wire {self.number} : {self.type}>"

    def __bool__(self):
        raise NcdError("a wire has no value while the diagram is built",
                       mend="branch with ncd.where, or on Python values only")

    def __array__(self, *_, **__):
        raise NcdError(f"a wire has no value: `{self.type}` is a type, not numbers",
                       mend="apply ncd operations to it; NumPy and JAX run the finished diagram")

    __jax_array__ = __array__

    def __iter__(self):
        raise NcdError(f"a wire is one array `{self.type}`, not a sequence of arrays")

    def __getitem__(self, key):
        raise ArgumentError(f"a wire is read by label, not by position: `{self.type}`",
                       fix='ncd.construct.index(x=2)(wire), or ncd.construct.slice_axis("x", 1, 5)(wire)')

    def __matmul__(self, other):
        raise ArgumentError("a product of wires names its axes", have=str(self.type),
                       fix='ncd.einsum("y k, x k -> y x")(a, b); `@` puts diagrams side by side')

    __rmatmul__ = __matmul__

    __add__ = lambda self, other: pointwise(scalar.ADD, self, other)
    __radd__ = lambda self, other: pointwise(scalar.ADD, other, self)
    __sub__ = lambda self, other: pointwise(scalar.SUBTRACT, self, other)
    __rsub__ = lambda self, other: pointwise(scalar.SUBTRACT, other, self)
    __mul__ = lambda self, other: pointwise(scalar.MULTIPLY, self, other)
    __rmul__ = lambda self, other: pointwise(scalar.MULTIPLY, other, self)
    __truediv__ = lambda self, other: pointwise(scalar.DIVIDE, self, other)
    __rtruediv__ = lambda self, other: pointwise(scalar.DIVIDE, other, self)
    __floordiv__ = lambda self, other: pointwise(scalar.QUOTIENT, self, other)
    __mod__ = lambda self, other: pointwise(scalar.REMAINDER, self, other)
    __pow__ = lambda self, other: pointwise(scalar.POWER, self, other)
    __rfloordiv__ = lambda self, other: pointwise(scalar.QUOTIENT, other, self)
    __rmod__ = lambda self, other: pointwise(scalar.REMAINDER, other, self)
    __rpow__ = lambda self, other: pointwise(scalar.POWER, other, self)
    __eq__ = lambda self, other: pointwise(scalar.EQUAL, self, other)
    __ne__ = lambda self, other: pointwise(scalar.OPPOSITE, pointwise(scalar.EQUAL, self, other))
    __and__ = lambda self, other: pointwise(scalar.BOTH, self, other)
    __or__ = lambda self, other: pointwise(scalar.EITHER, self, other)
    __invert__ = lambda self: pointwise(scalar.OPPOSITE, self)
    __abs__ = lambda self: pointwise(scalar.ABS, self)
    __neg__ = lambda self: pointwise(scalar.NEGATE, self)
    __lt__ = lambda self, other: pointwise(scalar.LESS, self, other)
    __le__ = lambda self, other: pointwise(scalar.LESS_EQUAL, self, other)
    __gt__ = lambda self, other: pointwise(scalar.GREATER, self, other)
    __ge__ = lambda self, other: pointwise(scalar.GREATER_EQUAL, self, other)


def pointwise(function: scalar.ScalarFunction, *arguments):
    """Apply a scalar function to wires and numbers; wires are matched by label."""
    wires = [item for item in arguments if isinstance(item, Wire)]
    constants = tuple(None if isinstance(item, Wire) else _number(function, position, item)
                      for position, item in enumerate(arguments, 1))
    for item in wires:
        if item.type.dtype == "key":
            raise NcdError(f"`{function.name}` of a random key", have=str(item.type))
    made = Map(function, tuple(wire.type for wire in wires), constants)
    if made.dtype != "int" or function.dtype != "same" or not any(map(_is_written_as_float, arguments)):
        return call(made.diagram, wires)
    # Integers beside 2.0, which is not 2: the result is a float whatever number stands there.
    chosen = function == scalar.WHERE and isinstance(arguments[0], Wire)
    wires = [wire if chosen and n == 0 else pointwise(scalar.TO_FLOAT, wire) for n, wire in enumerate(wires)]
    found = call(Map(function, tuple(wire.type for wire in wires), constants).diagram, wires)
    return found if found.type.dtype == "float" else pointwise(scalar.TO_FLOAT, found)


def _is_written_as_float(value) -> bool:
    """A float of Python or of NumPy, which as a constant is an exact number."""
    return isinstance(value, Real) and not isinstance(value, Rational)


def _number(function: scalar.ScalarFunction, position: int, value):
    """A number beside wires: an expression in sizes, or an infinity."""
    if isinstance(value, (Diagram, Operation)):
        raise NcdError(f"argument {position} of `{function.name}` is a diagram, not a wire or a number",
                       mend="call it on wires; what has no inputs, on none: f()")
    if value is not None and not isinstance(value, bool) and not getattr(value, "shape", ()):
        try:
            found = as_constant(value)
            return value if isinstance(value, float) else found         # 2.0 is not 2 where all else is whole
        except NotationError:
            raise
        except SizeError:
            pass
    plain = value is None or isinstance(value, (bool, float, complex))
    raise NcdError(f"argument {position} of `{function.name}` is "
                   f"{value if plain else f'a {type(value).__name__}'}, not a wire or a finite number",
                   mend="arrays are inputs: declare them in the diagram's type, or use ncd.constant")


def current_trace() -> Trace | None:
    """The diagram under construction, if there is one."""
    return _running.traces[-1] if _running.traces else None


def call(diagram: Diagram, wires: Sequence, place: str | None = None):
    """Apply a diagram to wires: it is instantiated and lifted to their types, its places put in the scope."""
    if not _running.traces:
        raise NcdError("a diagram is called on wires inside @ncd.diagram",
                       mend="to run it on arrays, use .to_jax() or .to_numpy()")
    trace = _running.traces[-1]
    for position, wire in enumerate(wires, 1):
        if not isinstance(wire, Wire):
            uncalled = isinstance(wire, Diagram)
            kind = "diagram" if uncalled else type(wire).__name__
            raise NcdError(f"argument {position} of a call is a {kind}, not a wire",
                           mend="call it on wires; what has no inputs, on none: f()" if uncalled else
                           "arrays are inputs: declare them in the diagram's type, or use ncd.constant")
        if wire.trace is not trace:
            raise NcdError(f"argument {position} is a wire of another diagram",
                           mend="pass it as an input of this diagram")
    aligned = Diagram.align(diagram, [wire.type for wire in wires], guard="layers")
    if not is_written(diagram.op):
        check_around(diagram, trace.graph.inputs, "call")
    if place is not None:
        check_place(place, "a place")
    if trace.scopes or place is not None:
        aligned = below(aligned, "/".join([*trace.scopes, *([] if place is None else [place])]))
    made = [Wire(trace, number) for number in trace.graph.append(
        aligned.graph, [wire.number for wire in wires])]
    return made[0] if len(made) == 1 else tuple(made)


def trace(function: Callable, dom: Sequence[Array], cod: Sequence[Array] | None = None) -> Diagram:
    """Run a Python function on wires and keep the graph that it drew."""
    recording = Trace(dom)
    _check_arity(function, dom)
    _running.traces.append(recording)
    try:
        result = function(*(Wire(recording, number) for number in range(len(dom))))
    finally:
        _running.traces.pop()
    results = () if result is None else tuple(result) if isinstance(result, (tuple, list)) else (result,)
    for position, wire in enumerate(results, 1):
        if not isinstance(wire, Wire) or wire.trace is not recording:
            raise NcdError(f"output {position} is {wire!r}, not a wire of this diagram",
                           mend="return the wires that the function made")
    recording.graph.outputs = tuple(wire.number for wire in results)
    diagram = Diagram.from_graph(recording.graph)
    if cod is not None:
        _check_cod(function, diagram, tuple(cod))
    return diagram


def _check_arity(function: Callable, dom: Sequence[Array]) -> None:
    try:
        inspect.signature(function).bind(*dom)
    except ValueError:                  # a builtin that does not say what it takes
        return
    except TypeError as error:
        raise ArityError(f"`{getattr(function, '__name__', 'function')}` does not take "
                         f"{len(dom)} arrays: {error}",
                         want=", ".join(map(str, dom)) or "no arrays") from None


def _check_cod(function: Callable, diagram: Diagram, cod: tuple[Array, ...]) -> None:
    have = diagram.cod.inside
    if have == cod:
        return
    name = getattr(function, "__name__", "the function")
    shown = {"have": str(diagram.cod) or "no arrays", "want": ", ".join(map(str, cod)) or "no arrays"}
    if len(have) != len(cod):
        raise ArityError(f"`{name}` returns {len(have)} arrays", **shown)
    for position, (a, b) in enumerate(zip(have, cod), 1):
        if a.labels != b.labels:
            order = sorted(a.labels) == sorted(b.labels)
            raise AxisError(f"output {position} of `{name}` has other axes than declared", **shown,
                            mend=f'reorder it: ncd.rearrange("{" ".join(a.labels)} -> {" ".join(b.labels)}")'
                            if order else
                            "declare the axes that it has, or rename them")
    why = [f"{x.label} = {x.size} is returned, {y.size} is declared"
           for a, b in zip(have, cod) for x, y in zip(a.axes, b.axes) if x.size != y.size]
    if why:
        raise SizeError(f"`{name}` returns other sizes than declared", **shown, why=why,
                        mend="declare the size, as in x=2*k, or leave the codomain out")
    why = [f"output {n}: `{a}` is returned, `{b}` is declared"
           for n, (a, b) in enumerate(zip(have, cod), 1) if a != b]
    raise AxisError(f"`{name}` returns other dtypes than declared", **shown, why=why,
                    mend="declare the dtype that it has, as in `x : bool`")


@public
def diagram(signature: str, block: str | bool = False) -> Callable[[Callable], Diagram]:
    """Make a diagram from a Python function: ``@ncd.diagram("y k, x k, x v -> y v")``.

    The function runs once, on wires. Loops, helpers and skip connections are plain Python.

    Parameters:
        signature: The type. Without ``->`` the codomain is what the function returns.
        block: True to make it one named box (the function's name), or the box's title.

    Raises:
        NotationError: A malformed type. ArityError: The function takes or returns another
        number of arrays. AxisError, SizeError: It returns another type than declared.

    >>> @diagram("x m -> x m")
    ... def double(x):
    ...     return x + x
    >>> print(double)
    x m -> x m
    """
    if not isinstance(signature, str):
        raise NcdError(f"a diagram's type is a text, not a {type(signature).__name__}",
                       mend='write @ncd.diagram("x k -> x k")')
    dom, cod = parse_signature(signature)

    def decorate(function: Callable) -> Diagram:
        made = trace(function, dom, cod)
        title = block if isinstance(block, str) else getattr(function, "__name__", "block")
        if block:
            made = Block(title, made, source=inspect.getdoc(function) or "").diagram
        made.title, made.__doc__ = title, inspect.getdoc(function)
        return made
    return decorate


@public
def size(label: str) -> Size:
    """The size that an axis has where this is used; outside a diagram, its symbol.

    >>> size("k") ** -0.5
    Size('k**(-1/2)')
    """
    label = Label(label)
    return _running.traces[-1].size(label) if _running.traces else Size.symbol(label)


Diagram.trace_call = staticmethod(call)
