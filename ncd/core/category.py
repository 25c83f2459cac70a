"""The category of arrays: DisCoPy's free Markov category, built in linear time.

It calls DisCoPy's ``markov.Diagram``, ``Box``, ``Swap``, ``Copy``, ``Functor``, ``Category`` and
the factories ``Diagram.braid_factory``,
``copy_factory``, ``discard_factory``; DisCoPy's functors, equations and drawing read
``dom``, ``cod``, ``inside``, ``name`` and ``data``. A diagram holds a tree of
compositions that is flattened once, without recursion, to its wire graph; DisCoPy's layers
(``inside``) are made only when DisCoPy asks for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from ncd.core.change import changed
from ncd.core.discopy import Layer, Ob, Whiskerable, factory, markov
from ncd.core.graph import Graph
from ncd.core.layers import layers
from ncd.core.rope import Rope, ends, flatten, leaves
from ncd.core.signature import Ty
from ncd.core.text import graph_repr
from ncd.errors import ArityError, NcdError

__all__ = ["Box", "Category", "Copy", "Diagram", "Discard", "Functor", "Layer", "Ob", "Swap", "Ty"]


@factory
class Diagram(markov.Diagram, Rope):
    """A morphism of the category of arrays: what an architecture is.

    Built by calling operations on wires, by ``>>`` and ``@``, or with ``@ncd.diagram``.
    ``==`` is equality of morphisms in the free category: swaps, interchange, the comonoid
    laws and the naturality of copy and discard for deterministic operations all hold.
    """

    ty_factory = Ty
    align: Callable | None = None  # set by build.align: lifts one diagram to given arrays
    trace_call: Callable | None = None  # set by build.trace: calls a diagram on wires
    guard: Callable | None = None  # set by build.capture: checks a composite's factors against its domain

    def __init__(self, inside: Sequence, dom: Ty, cod: Ty, _scan: bool = True):
        graph = Graph(dom.inside)
        wires = list(range(len(dom.inside)))
        for layer in inside:
            offset, parts = 0, list(layer)
            for index, part in enumerate(parts):
                if index % 2 == 0:
                    offset += len(part)
                    continue
                width = len(part.dom)
                made = graph.append(part.graph, wires[offset:offset + width])
                wires[offset:offset + width] = made
                offset += len(made)
        graph.outputs = tuple(wires)
        self._set(graph, dom, cod)

    __slots__ = ()
    _inside = _factors = None
    _is_part = False                    # layers of another diagram: its names are those of the whole

    def _set(self, graph: Graph | None, dom: Ty | None = None, cod: Ty | None = None,
             kind: str | None = None, left=None, right: Diagram | None = None) -> Diagram:
        self._graph, self._dom, self._cod = graph, dom, cod
        self._kind, self._left, self._right = kind, left, right
        return self

    @classmethod
    def from_graph(cls, graph: Graph) -> Diagram:
        """The diagram that holds a wire graph."""
        return object.__new__(Diagram)._set(graph, Ty.of(graph.inputs),
                                            Ty.of(graph.types[wire] for wire in graph.outputs))

    @classmethod
    def of(cls, dom: Ty, nodes: Iterable[tuple], outputs: Sequence[int]) -> Diagram:
        """The diagram with nodes ``(operation, wires it reads)`` and given output wires."""
        graph = Graph(dom.inside)
        for op, args in nodes:
            graph.add(op, args)
        graph.outputs = tuple(outputs)
        return cls.from_graph(graph)

    @classmethod
    def wiring(cls, dom: Ty, outputs: Sequence[int]) -> Diagram:
        """The diagram without boxes whose i-th output is the given input wire."""
        graph = Graph(dom.inside)
        graph.outputs = tuple(outputs)
        return cls.from_graph(graph)

    # -- the type and the graph, made when first asked for -----------------------
    @property
    def dom(self) -> Ty:
        if self._dom is None:
            self._dom = Ty.of(ends(self, "dom"))
        return self._dom

    @property
    def cod(self) -> Ty:
        if self._cod is None:
            self._cod = Ty.of(ends(self, "cod"))
        return self._cod

    @property
    def graph(self) -> Graph:
        """The wire graph; made once, in time linear in the boxes."""
        if self._graph is None:
            graph = Graph(self.dom.inside)
            graph.outputs = tuple(flatten(self, graph))
            if self._kind != "op" and Diagram.guard is not None:
                self._is_part = Diagram.guard(graph.inputs, leaves(self))
            if self._cod is None:
                self._cod = Ty.of([graph.types[wire] for wire in graph.outputs])
            self._set(graph, self._dom, self._cod)._factors = None
        return self._graph

    @property
    def inside(self) -> tuple:
        """DisCoPy's layers, with its swaps, copies and discards (Θ(n·width))."""
        if self._inside is None:
            self._inside = tuple(self._layer(*row) for row in layers(self.graph))
        return self._inside

    @staticmethod
    def _layer(left: Sequence, kind: str | None, what, right: Sequence) -> Layer:
        """A layer of DisCoPy: a box, or a swap, copy or discard of the first of its arrays."""
        if kind is None:
            box = Box(what)
        elif kind == "swap":
            box = Swap(Ty.of(what[:1]), Ty.of(what[1:]))
        else:
            box = Discard(Ty.of(what)) if kind == "discard" else Copy(Ty.of(what[:1]), what[1])
        return Layer(Ty.of(left), box, Ty.of(right))

    # -- the category ------------------------------------------------------------
    @classmethod
    def id(cls, dom=None) -> Diagram:
        dom = dom if isinstance(dom, Ty) else Ty() if dom is None else Ty(dom)
        return cls.wiring(dom, range(len(dom.inside)))

    def then(self, *others: Diagram) -> Diagram:
        """Sequential composition; what stands right of ``>>`` is lifted to what is there."""
        result = self
        for other in others:
            if not isinstance(other, Diagram):
                other = getattr(other, "diagram", other)
                if not isinstance(other, Diagram):
                    raise NcdError(f"cannot compose a diagram with {other!r}")
            if result.cod != other.dom:
                other = Diagram.align(other, result.cod.inside, left=result, guard="layers")
            result = object.__new__(Diagram)._set(None, result.dom, other.cod, "then", result, other)
        return result

    def tensor(self, *others: Diagram) -> Diagram:
        """Parallel composition."""
        result = self
        for other in others:
            if not isinstance(other, Diagram):
                other = self.whisker(getattr(other, "diagram", other))
            result = object.__new__(Diagram)._set(None, None, None, "tensor", result, other)
        return result

    @classmethod
    def whisker(cls, other) -> Diagram:
        other = getattr(other, "diagram", other)
        return other if isinstance(other, Whiskerable) else cls.id(
            other if isinstance(other, Ty) else Ty(other))

    @classmethod
    def swap(cls, left: Ty, right: Ty) -> Diagram:
        n, m = len(left), len(right)
        return cls.wiring(left @ right, [*range(n, n + m), *range(n)])

    braid = swap

    @classmethod
    def copy(cls, x: Ty, n: int = 2) -> Diagram:
        return cls.wiring(x, list(range(len(x))) * n)

    @classmethod
    def discard(cls, x: Ty, n: int = 0) -> Diagram:
        return cls.wiring(x, [])

    @classmethod
    def permutation(cls, xs: Sequence[int], dom: Ty = None) -> Diagram:
        if dom is None or sorted(xs) != list(range(len(dom))):
            raise ArityError(f"{list(xs)} is not a permutation of the {len(dom or ())} wires")
        return cls.wiring(dom, xs)

    def __add__(self, other):
        raise NcdError("diagrams do not add", mend="add wires inside @ncd.diagram, or use nn.residual")

    __radd__ = __add__

    def dagger(self):
        raise NcdError("a diagram of arrays has no dagger",
                       why="reshaping, elementwise and random operations have no adjoint")

    def __call__(self, *wires, place: str | None = None):
        """Apply the diagram to wires inside ``@ncd.diagram``: lifted by label, its places below one."""
        return Diagram.trace_call(self, wires, place)

    # -- equality and text -------------------------------------------------------
    def __eq__(self, other):
        other = getattr(other, "diagram", other)
        return isinstance(other, Diagram) and self.graph.equals(other.graph)

    def __hash__(self):
        return self.graph.code

    def __len__(self):
        return len(self.graph)

    def __getitem__(self, key: int | slice):
        """The layers of a slice, as DisCoPy cuts them: ``d[:k] >> d[k:]`` is ``d``.

        Raises:
            IndexError: A layer that is not there, or a step other than 1 (−1 is the dagger).
        """
        inside = self.inside
        if not isinstance(key, slice):
            key = range(len(inside))[key]
            key = slice(key, key + 1)
        if key.step == -1:
            return self.dagger()
        start, stop, step = key.indices(len(inside))
        if step != 1:
            raise IndexError(f"layers are cut with the step 1, not {step}")
        part = Diagram(inside[start:stop], inside[start].dom, inside[stop - 1].cod) if start < stop else \
            Diagram.id(self.cod if start == len(inside) else inside[start].dom)
        part._is_part = True
        return part

    @property
    def boxes(self) -> list:
        """The operations as boxes, in the order of the graph."""
        return [Box(op) for op in self.graph.ops]

    @property
    def op(self):
        """The operation, if the diagram is one box on its own wires; else None."""
        return self.graph.op

    def __str__(self):
        return f"{self.dom} -> {self.cod}"

    def __repr__(self):
        return graph_repr(self.graph)

    def __reduce__(self):
        return _restored, (Diagram.from_graph, self.graph, self._told())

    def __deepcopy__(self, memo):       # what it holds does not change
        make, arguments = self.__reduce__()
        return make(*arguments)

    def _told(self) -> dict:
        """The title and the text that a decorated function left."""
        return {name: vars(self)[name] for name in ("title", "__doc__") if name in vars(self)}

    # -- what operations ask of their fields -------------------------------------
    transform_data = True

    def substitute(self, sizes) -> Diagram:
        return self._changed("substitute", sizes) if sizes else self

    def relabel(self, labels) -> Diagram:
        return self._changed("relabel", labels) if labels else self

    def _changed(self, change: str, by) -> Diagram:
        graph = changed(self.graph, change, by)
        return self if graph is self.graph else Diagram.from_graph(graph)


def _restored(make: Callable, what, told: dict) -> Diagram:
    made = make(what)
    vars(made).update(told)
    return made


class Box(markov.Box, Diagram):
    """One operation as a DisCoPy box; its ``data`` is the operation."""

    __ambiguous_inheritance__ = (markov.Box,)
    is_dagger = False

    def __init__(self, op):
        self._set(None, None, None, "op", op)
        self.data = op

    @property
    def name(self) -> str:
        return self.data.name

    # DisCoPy's boxes say these too, and stand before our diagrams in the order of resolution.
    __eq__, __hash__, __repr__, __str__ = (
        Diagram.__eq__, Diagram.__hash__, Diagram.__repr__, Diagram.__str__)
    dagger, __getitem__, __len__ = Diagram.dagger, Diagram.__getitem__, lambda self: 1

    def __reduce__(self):
        return _restored, (Box, self.data, self._told())


class _Wiring(Box):
    """The boxes of DisCoPy that are wires here: they hold a graph without nodes."""

    def _wires(self, name: str, dom: Ty, outputs: Sequence[int], **drawing) -> None:
        graph = Graph(dom.inside)
        graph.outputs = tuple(outputs)
        self._set(graph, dom, Ty.of(dom.inside[wire] for wire in outputs))
        self.__dict__.update(drawing, data=None, _name=name)

    @property
    def name(self) -> str:
        return self._name

    def __reduce__(self):
        return _restored, (Diagram.from_graph, self.graph, {})


class Swap(_Wiring, markov.Swap):
    """The swap of two arrays, as DisCoPy sees it."""

    def __init__(self, left: Ty, right: Ty):
        self.left, self.right = left, right
        self._wires(f"Swap({left}, {right})", left @ right, (1, 0),
                    draw_as_wires=True, draw_as_braid=False)


class Copy(_Wiring, markov.Copy):
    """The copy of one array, as DisCoPy sees it."""

    def __new__(cls, x: Ty, n: int = 2):
        return object.__new__(cls if n else Discard)

    def __init__(self, x: Ty, n: int = 2):
        self._wires(f"Copy({x}, {n})", x, (0,) * n,
                    draw_as_spider=True, color="black", drawing_name="")


class Discard(Copy, markov.Discard):
    """The discard of one array, as DisCoPy sees it."""

    def __init__(self, x: Ty, n: int = 0):
        Copy.__init__(self, x, 0)


class Category(markov.Category):
    """The category of arrays, as the domain or codomain of a DisCoPy functor."""

    ob, ar = Ty, Diagram


class Functor(markov.Functor):
    """A DisCoPy functor out of the category of arrays."""

    dom = cod = Category()


Diagram.braid_factory = Swap
Diagram.copy_factory, Diagram.discard_factory = Copy, Discard
