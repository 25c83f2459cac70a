"""Diagrams from diagrams: block, repeat, residual, and the methods of a diagram that build."""

from __future__ import annotations

from ncd.algebra.convert import SizeLike
from ncd.construct import align
from ncd.construct.capture import check_around
from ncd.construct.notation import axes_of, size_of
from ncd.core.argument import public
from ncd.core.array import Array
from ncd.core.axis import Axis, fresh
from ncd.core.category import Diagram, Ty
from ncd.core.graph import Graph
from ncd.core.symbols import symbols
from ncd.errors import AxisError
from ncd.ops.control import Block, Scan
from ncd.ops.pointwise import Map
from ncd.ops.scalar import ADD


@public
def block(diagram: Diagram, title: str, tied: bool = False) -> Diagram:
    """The diagram as one named box, interpreted once and shared wherever it stands.

    >>> from ncd import nn
    >>> print(block(nn.linear("m -> m") >> nn.relu, "layer").op.name)
    layer
    """
    return Block(title, diagram, tied).diagram


@public
def repeat(diagram: Diagram, times: SizeLike, axis: str = "layer", share: bool = False,
           title: str = "repeat") -> Diagram:
    """The diagram composed with itself: f ; f ; … ; f.

    Type:      X -> X
    Equation:  repeat(f, n) = fⁿ, each with its own parameters, stacked on a new axis, or
               with the same ones when shared
    Parameters:
        times: A number, or a symbol such as ``"N"``.
    Raises:    AxisError unless the domain is the codomain.
    Source:    Neural Circuit Diagrams, repetition (the large parentheses).

    >>> from ncd import nn
    >>> print(repeat(nn.linear("m -> m"), "N").cost().params)
    N*m**2 + N*m
    """
    if diagram.dom != diagram.cod:
        raise AxisError(f"cannot repeat {align.describe(diagram)}: it does not end as it began",
                        have=str(diagram.cod), want=str(diagram.dom),
                        mend="bind or rename so that both types are equal")
    taken = {label for array in diagram.graph.types for label in array.labels}
    size = size_of(times)
    check_around(diagram, (Array((Axis(axis, size),)),), "repeat")
    label = fresh(axis, taken)
    body = diagram
    return Scan(body, Axis(label, size), len(diagram.dom), tuple(diagram.dom.inside), False, share,
                title).diagram


@public
def residual(diagram: Diagram) -> Diagram:
    """copy ; (f ⊗ id) ; add.

    Type:      X -> X, one array
    Equation:  y = x + f(x)
    Raises:    AxisError unless the domain is the codomain, one array.

    >>> from ncd import nn
    >>> print(residual(nn.relu.on("x")).to_numpy()([1.0, -1.0]))
    [ 2. -1.]
    """
    if diagram.dom != diagram.cod or len(diagram.dom) != 1:
        raise AxisError(f"a residual needs one array that ends as it began: {align.describe(diagram)}",
                        have=str(diagram.cod), want=str(diagram.dom))
    graph = Graph(diagram.dom.inside)
    (wire,) = graph.append(diagram.graph, [0])
    array = graph.types[0]
    graph.outputs = graph.add(Map(ADD, (array, array)), (0, wire))
    return Diagram.from_graph(graph)


@public
def lift(diagram: Diagram, axes: object, stack: bool = False) -> Diagram:
    """Broadcast over new axes, put in front of every array: ``d.lift("h b=32")``.

    >>> from ncd import nn
    >>> print(lift(nn.softmax("x"), "h b=32"))
    h b=32 x -> h b=32 x
    """
    found = axes_of(axes) if isinstance(axes, str) else (axes,) if isinstance(axes, Axis) else axes
    if not isinstance(found, (tuple, list)) or not all(isinstance(axis, Axis) for axis in found):
        raise AxisError(f"cannot lift over {axes!r}", want='axes as text, .lift("h b=32")')
    return align.lift(diagram, tuple(found), stack)


@public
def rename(diagram: Diagram, **labels: str) -> Diagram:
    """Rename axes: ``d.rename(x="y")``; costs nothing and never merges two axes.

    The size stays what it was: an axis y of size x.

    >>> from ncd import nn
    >>> print(rename(nn.softmax("x"), x="y"))
    y=x -> y=x
    """
    return align.rename(diagram, labels)


@public
def bind(diagram: Diagram, **sizes: SizeLike) -> Diagram:
    """Replace size symbols: ``d.bind(x=128, m="h*k")``.

    An axis that was renamed still has its size: ``d.rename(x="n").bind(n=5)`` binds x.

    >>> from ncd import nn
    >>> print(bind(nn.linear("m -> d"), m="h*k", d=64))
    m=h*k -> d=64
    """
    return align.bind(diagram, {name: size_of(value) for name, value in sizes.items()})


@public
def aligned(diagram: Diagram, dom: str | Ty) -> Diagram:
    """The diagram called on arrays of a given type: instantiated and lifted to it."""
    return align.align(diagram, (dom if isinstance(dom, Ty) else Ty(dom)).inside, guard="all")


Diagram.block, Diagram.repeat, Diagram.lift = block, repeat, lift
Diagram.rename, Diagram.bind, Diagram.on = rename, bind, aligned
Diagram.symbols = property(symbols)
