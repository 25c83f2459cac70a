"""Small operations that every model needs, each a diagram of primitives: nothing here is basic.

δ and its transpose (unit and cup) bend wires, a one-hot turns an index into an array, a cosine is an
inner product over two norms.
"""

from __future__ import annotations

from ncd.construct.generators import equal, iota, maximum, reduce
from ncd.construct.notation import one_axis
from ncd.construct.trace import pointwise, trace
from ncd.core.argument import public
from ncd.core.array import Array
from ncd.core.axis import Axis, fresh
from ncd.core.category import Diagram
from ncd.errors import AxisError
from ncd.ops.multilinear import Einsum, Reindex, affine
from ncd.ops.scalar import SQRT, SQUARE, TO_FLOAT


@public
def unit(left: str, right: str) -> Diagram:
    """The identity matrix as an array from nothing: the left-closing semicircle.

    Type:      -> left right  (one size)
    Equation:  out[i, j] = δ_ij
    Source:    Neural Circuit Diagrams, unit; with the cup it satisfies the snake equation.

    >>> print(unit("i", "j"))
     -> i j=i
    """
    first, label = one_axis(left), one_axis(right).label
    return Einsum((), (), Array((first, Axis(label, first.size))), (0, 0)).diagram


@public
def cup(label: str) -> Diagram:
    """The inner product: the right-closing semicircle that joins two wires.

    Type:      x, x -> ()   (lifted: y x, z x -> y z)
    Equation:  out = Σ_x a[x] b[x]

    >>> print(cup("x"))
    x, x -> ()
    """
    axis = one_axis(label)
    return Einsum((Array((axis,)), Array((axis,))), ((0,), (0,)), Array(), ()).diagram


@public
def diagonal(left: str, right: str) -> Diagram:
    """The diagonal of a square array.

    Type:      i j=i -> i
    Equation:  out[i] = a[i, i]

    >>> print(diagonal("k", "l").on("b k=3 l=3"))
    b k=3 l=3 -> b k=3
    """
    first, label = one_axis(left), one_axis(right).label
    array = Array((first, Axis(label, first.size)))
    return Einsum((array,), ((0, 0),), Array((first,)), (0,)).diagram


@public
def bend(diagram: Diagram, label: str) -> Diagram:
    """The associated transpose: an output axis of a linear diagram moved to its input.

    Type:      F : a -> b c  gives  Fᵀ : b a -> c
    Equation:  Fᵀ[b a] = (b F) ; (cup × id_c),  Fᵀ(m)[c] = Σ_b F(m[b, ·])[b, c]
    Raises:    AxisError unless F takes one array to one array that has the axis.
    Source:    Neural Circuit Diagrams, associated transpose.

    >>> from ncd.construct.notation import rearrange
    >>> print(bend(rearrange("a -> a b"), "b"))
    b a -> a
    """
    dom, cod = diagram.dom.inside, diagram.cod.inside
    if len(dom) != 1 or len(cod) != 1 or label in dom[0].labels:
        raise AxisError(f"an output axis {label} is bent from one array to one array",
                        have=str(diagram), want=f"a -> {label} c")
    axis = cod[0].axis(label)
    inner = fresh(label, {name for array in (*dom, *cod) for name in array.labels})
    lifted = diagram.lift([Axis(inner, axis.size)])
    (array,) = lifted.cod.inside
    number = {name: n for n, name in enumerate(array.labels)} | {inner: array.labels.index(label)}
    kept = array.without(inner, label)
    trace_ = Einsum((array,), (tuple(number[name] for name in array.labels),),
                    array.with_axes(kept), tuple(number[a.label] for a in kept))
    return (lifted >> trace_.diagram).rename(**{str(inner): label})


@public
def one_hot(label: str) -> Diagram:
    """The unit vector of an index.

    Type:      () : index(n) -> n   (lifted: e : index(n) -> e n)
    Equation:  out[n] = 1 where n is the index, else 0
    Gathering is the inner product with it; the segment sum is its transpose.

    >>> print(one_hot("n=5"))
    () : index(5) -> n=5
    """
    axis = one_axis(label)
    position = iota(label)
    return trace(lambda index: pointwise(TO_FLOAT, equal(index, position())),
                 (Array((), "int", axis.size),))


@public
def relabel(**labels: str) -> Diagram:
    """The same array under other labels: ``relabel(n="m")``; a reindexing that costs nothing.

    Type:      n -> m=n
    Equation:  out[m] = a[m]

    >>> print(relabel(x="q").on("x=5 k"))
    x=5 k -> q=5 k
    """
    array = Array([Axis(old) for old in labels])
    axes = tuple(Axis(new, axis.size) for axis, new in zip(array.axes, labels.values()))
    return Reindex(array, axes, tuple(affine(0, {new: 1}) for new in labels.values())).diagram


@public
def normalise(label: str, epsilon: float = 0.0) -> Diagram:
    """Entries as shares of their sum along an axis.

    Type:      x -> x
    Equation:  y_i = a_i / (ε + Σ_j a_j)

    >>> print(normalise("x"))
    x -> x
    """
    total = reduce("sum", label)
    return trace(lambda a: a / (total(a) + epsilon if epsilon else total(a)), total.dom.inside)


@public
def cosine(label: str, epsilon: float = 1e-12) -> Diagram:
    """The cosine of the angle between two vectors.

    Type:      f, f -> ()   (lifted: u f, v f -> u v)
    Equation:  out = ⟨a / max(‖a‖, ε), b / max(‖b‖, ε)⟩

    >>> print(cosine("f").on("u f, v f"))
    u f, v f -> u v
    """
    dot, total = cup(label), reduce("sum", label)

    def unit_vector(a):                 # divided first: ⟨a, b⟩ may be beyond the floats that a and b are
        return a / maximum(pointwise(SQRT, total(pointwise(SQUARE, a))), epsilon)
    return trace(lambda a, b: dot(unit_vector(a), unit_vector(b)), dot.dom.inside)


__all__ = ["bend", "cosine", "cup", "diagonal", "normalise", "one_hot", "relabel", "unit"]
