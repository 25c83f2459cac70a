"""Each primitive as a function that makes a diagram of one box, typed as simply as it can be."""

from __future__ import annotations

from ncd.algebra.convert import Size, SizeLike, as_size
from ncd.construct.capture import check_around
from ncd.construct.notation import axes_of, labels_of, monoid, one_array, one_axis
from ncd.construct.reindexing import (  # noqa: F401 (with them each primitive is a function here)
    flip,
    index,
    pad,
    repeat_axis,
    slice_axis,
    transpose,
    window,
)
from ncd.construct.trace import Wire, pointwise
from ncd.core.argument import public
from ncd.core.array import Array
from ncd.core.axis import Axis, derived, fresh
from ncd.core.category import Diagram
from ncd.core.signature import parse_type
from ncd.errors import AxisError, NcdError, NotationError, shown
from ncd.ops import scalar
from ncd.ops.control import Opaque, Scan
from ncd.ops.indexed import Gather, Segment
from ncd.ops.matrix import Eigh, Solve
from ncd.ops.monoid import Monoid
from ncd.ops.multilinear import Concat
from ncd.ops.picture import Glyph
from ncd.ops.pointwise import Map, Reduce, Stop, TopK
from ncd.ops.source import Constant, Initialiser, Iota, Key, Parameter, Random

SCALAR = Array()
MAX_ARRAYS = 10_000


@public
def elementwise(function: scalar.ScalarFunction | str, *constants) -> Diagram:
    """A scalar function as a diagram on scalars; it lifts over every axis of what it is given.

    Type:      (), …, () -> ()
    Equation:  out[p] = f(a[p], …, b[p])
    ``constants`` gives one entry for each argument: None for an array, else a number.

    >>> print(elementwise("relu"))
    () -> ()
    """
    if isinstance(function, str):
        if function not in scalar.SCALARS:
            raise NcdError(f"no scalar function {function!r}", want=", ".join(scalar.SCALARS))
        function = scalar.SCALARS[function]
    free = function.arity if not constants else sum(c is None for c in constants)
    kinds = ["bool" if function.name in ("both", "either", "opposite") or (
        function.name == "where" and n == 0) else "float" for n in range(free)]
    return Map(function, tuple(Array((), kind) for kind in kinds), constants).diagram


@public
def where(condition, yes, no) -> Wire:
    """One wire where a condition holds, another where it does not: ``where(mask, x, 0)``.

    >>> from ncd.construct.trace import diagram
    >>> print(diagram("x")(lambda x: where(x > 0, x, -1)).to_numpy()([2.0, -3.0]))
    [ 2. -1.]
    """
    return pointwise(scalar.WHERE, condition, yes, no)


@public
def maximum(x, y) -> Wire:
    """The larger of two wires or numbers, entry by entry."""
    return pointwise(scalar.MAXIMUM, x, y)


@public
def minimum(x, y) -> Wire:
    """The smaller of two wires or numbers, entry by entry."""
    return pointwise(scalar.MINIMUM, x, y)


@public
def equal(x, y) -> Wire:
    """Where two wires or numbers are equal, entry by entry."""
    return pointwise(scalar.EQUAL, x, y)


@public
def reduce(operation: Monoid | str, labels: str) -> Diagram:
    """Fold axes by a monoid: ``reduce("sum", "x y")``.

    Type:      x y -> ()
    Equation:  out = ⊕ over x, y of a[x, y]

    >>> print(reduce("sum", "x y"), "|", reduce("max", "x").on("b x"))
    x y -> () | b x -> b
    """
    row = monoid(operation)
    array = Array([Axis(label) for label in labels_of(labels)], _folded(row))
    return Reduce(row, array, array.labels).diagram


def _folded(row: Monoid) -> str:
    """What a monoid folds: booleans for all and any, else floats."""
    return "bool" if row.function.dtype == "bool" else "float"


@public
def topk(text: str) -> Diagram:
    """The k largest entries along an axis and their positions: ``topk("x -> k=2")``.

    Type:      x -> k, k : index(x)

    >>> print(topk("x -> k=2").on("b x"))
    b x -> b k=2, b k=2 : index(x)
    """
    left, right = _arrow(text)
    axis = one_axis(left)
    return TopK(Array((axis,)), axis.label, one_axis(right)).diagram


@public
def gather(label: str) -> Diagram:
    """Read an array at integer positions along one axis: ``gather("n")``.

    Type:      n, () : index(n) -> ()   (lifted: n f, e : index(n) -> e f)
    Equation:  out[e, f] = table[index[e], f]

    >>> print(gather("n").on("n f, e : index(n)"))
    n f, e : index(n) -> e f
    """
    axis = one_axis(label)
    return Gather(Array((axis,)), Array((), "int", axis.size), axis.label).diagram


@public
def segment(operation: Monoid | str, text: str) -> Diagram:
    """Fold entries into the segments that integers name: ``segment("sum", "e -> n")``.

    Type:      e, e : index(n) -> n
    Equation:  out[n] = ⊕ over e with index[e] = n of values[e]

    >>> print(segment("sum", "e -> n"))
    e, e : index(n) -> n
    """
    left, right = _arrow(text)
    axis, out = one_axis(left), one_axis(right)
    row = monoid(operation)
    return Segment(row, Array((axis,), _folded(row)), Array((axis,), "int", out.size),
                   axis.label, out).diagram


@public
def concat(label: str, arrays: int = 2) -> Diagram:
    """Join arrays end to end along one axis: ``concat("x")``.

    Type:      x=x_1, x=x_2 -> x=x_1+x_2

    >>> print(concat("x").on("b x=3, b x=4"))
    b x=3, b x=4 -> b x=7
    """
    if not 1 <= arrays <= MAX_ARRAYS:
        raise NcdError(f"concatenation joins from 1 to {MAX_ARRAYS} arrays", have=shown(arrays))
    name = one_axis(label).label
    return Concat(tuple(Array((Axis(name, Size.symbol(derived(name, str(n)))),))
                        for n in range(1, arrays + 1)), name).diagram


@public
def solve(text: str) -> Diagram:
    """Solve a square linear system: ``solve("i j")``.

    Type:      i j, i -> j   (i and j of one size)
    Equation:  Σ_j matrix[i, j] out[j] = right[i]

    >>> print(solve("i j"))
    i j=i, i -> j=i
    """
    row, column = _pair(text)
    return Solve(Array((row, column)), Array((row,)), row.label, column.label).diagram


@public
def eigh(text: str, out: str = "e") -> Diagram:
    """Eigenvalues and eigenvectors of a symmetric matrix: ``eigh("i j", "e")``.

    Type:      i j -> e, i e

    >>> print(eigh("i j").on("i=3 j=3"))
    i=3 j=3 -> e=3, i=3 e=3
    """
    row, column = _pair(text)
    return Eigh(Array((row, column)), row.label, column.label, one_axis(out).label).diagram


def _pair(text: str) -> tuple[Axis, Axis]:
    axes = axes_of(text)
    if len(axes) != 2:
        raise NotationError("two axes are wanted here", text, 0)
    row, column = axes
    return row, column if column.size.name != column.label else Axis(column.label, row.size)


def _arrow(text: str) -> tuple[str, str]:
    left, arrow, right = text.partition("->")
    if not arrow:
        raise NotationError("an arrow is wanted: x -> k", text, len(text))
    return left, right


@public
def iota(axis: str) -> Diagram:
    """The positions along an axis: ``-> x : index(x)``, out[i] = i.

    >>> print(iota("x=3").to_numpy()())
    [0 1 2]
    """
    return Iota(one_axis(axis)).diagram


@public
def constant(value, array: str = "()") -> Diagram:
    """A number or a literal array: ``constant(0.5)``, ``constant([[1, 0]], "a=1 b=2")``.

    >>> print(constant([[1, 0]], "a=1 b=2"))
     -> a=1 b=2
    """
    parsed = one_array(array)
    if parsed.dtype == "float" and isinstance(value, bool):
        parsed = Array(parsed.axes, "bool")
    return Constant(value, parsed).diagram


@public
def parameter(name: str, array: str, init: Initialiser | str | None = None, tied: bool = False,
              stored: bool = False) -> Diagram:
    """A learned array, named by its place: ``parameter("weight", "m k")``.

    Type:      -> array
    Parameters:
        init: An :class:`Initialiser`, or the name of one such as ``"ones"``.
        tied, stored: Equal names in one scope are one parameter; not learned, as a running mean.

    >>> print(parameter("weight", "m k", "ones").init(0, m=1, k=2)["weight"])
    [[1. 1.]]
    """
    init = Initialiser(init) if isinstance(init, str) else init or Initialiser("normal", 0.02)
    return Parameter(name, one_array(array), init, tied, stored).diagram


@public
def key(name: str = "key", tied: bool = False) -> Diagram:
    """A random key drawn by its place: ``-> () : key``.

    >>> print(key() >> random("normal", "x"))
     -> x
    """
    return Key(name, (), tied).diagram


@public
def random(distribution: str, axes: str = "") -> Diagram:
    """Random numbers from a key: ``random("normal", "x y")``.

    Type:      () : key -> x y

    >>> print(random("normal", "x y"))
    () : key -> x y
    """
    return Random(distribution, Array((), "key"), axes_of(axes)).diagram


@public
def stop() -> Diagram:
    """The identity whose derivative is zero: ``() -> ()``.

    >>> print(stop().on("x").reverse().backward.to_numpy()([1.0, 1.0]))
    [0. 0.]
    """
    return Stop(SCALAR).diagram


@public
def scan(body: Diagram, axis: str, states: int = 1, sequences: int = 0, reverse: bool = False,
         share: bool = True, title: str = "scan") -> Diagram:
    """Run a diagram along an axis, the states of a step going into the next.

    Type:      states, sequences with the axis in front, constants -> states, outputs
    The body takes states, one step of each sequence, then constants, and returns the states
    and the outputs of the step. With ``share`` its parameters are the same at every step.

    >>> from ncd.construct.trace import diagram
    >>> step = diagram("(), () -> (), ()")(lambda total, x: (total + x, total + x))
    >>> print(scan(step, "t", sequences=1).to_numpy()(0.0, [1.0, 2.0, 3.0])[1])
    [1. 3. 6.]
    """
    axis_ = one_axis(axis)
    dom = body.dom.inside
    if states + sequences > len(dom):
        raise AxisError(f"a body of {len(dom)} inputs has no {states} states and {sequences} sequences",
                        have=str(body.dom))
    check_around(body, (Array((axis_,)),), "scan")
    arrays = tuple(array.with_axes((axis_, *array.axes)) if states <= n < states + sequences else array
                   for n, array in enumerate(dom))
    return Scan(body, axis_, states, arrays, reverse, share, title).diagram


@public
def opaque(name: str, signature: str, deterministic: bool = True, linear: tuple[int, ...] = (),
           glyph: Glyph | None = None, flops: SizeLike | None = None,
           transcendentals: SizeLike | None = None) -> Diagram:
    """A function of your own, known by name: each interpretation is told about it or refuses.

    Parameters:
        glyph: The mark that pictures show; a box with its name where it is not given.
        flops, transcendentals: What it costs (FLOP, calls), in the sizes of its type: a number, a text or a
            size. One that is left out is then 0; without both a cost refuses it.
    Raises:    SizeError: A cost in sizes that the type does not have.

    >>> print(opaque("spectrum", "x -> x", flops="5*x").lift("b").cost().flops)
    5*b*x
    """
    left, right = _arrow(signature)
    return Opaque(name, parse_type(left), parse_type(right), deterministic, linear, glyph,
                  *(None if value is None else as_size(value) for value in (flops, transcendentals))).diagram


def fresh_label(label: str, *wires: Wire) -> str:
    """A label like the given one that no wire has."""
    return fresh(label, {name for wire in wires for name in wire.type.labels})
