"""Graph layers: nodes on one axis, and edges as an adjacency matrix or as two lists of node numbers.

With lists, an edge reads its source node (gather) and a node folds the messages of the edges
that end there (segment). Both commute with a renumbering of the nodes.
"""

from __future__ import annotations

from math import inf

from ncd.construct.generators import elementwise, equal, gather, maximum, reduce, where
from ncd.construct.notation import axes_of, one_axis
from ncd.construct.trace import Wire, pointwise, trace
from ncd.core.argument import public
from ncd.core.array import Array
from ncd.core.axis import Axis, fresh
from ncd.core.category import Diagram
from ncd.errors import AxisError, NcdError, NotationError
from ncd.nn.defined import placed
from ncd.nn.linear import project
from ncd.nn.softmax import read_empty
from ncd.ops import scalar
from ncd.ops.control import Block
from ncd.ops.indexed import Segment
from ncd.ops.monoid import ANY, MAX, MONOIDS, SUM, Monoid
from ncd.ops.multilinear import Einsum
from ncd.ops.pointwise import Stop
from ncd.ops.scalar import ScalarFunction
from ncd.ops.source import Constant, Initialiser, Parameter

FOLDS = ("sum", "mean", "max", "min")


def _arrow(text: str, want: str) -> tuple[tuple[Axis, ...], tuple[Axis, ...]]:
    left, arrow, right = text.partition("->")
    if not arrow:
        raise NotationError(f"an arrow is wanted: {want}", text, len(text))
    return axes_of(left), axes_of(right)


def _adjacency(nodes: str) -> Array:
    """The type of an adjacency matrix: two labels of one size, n and n' where one is given."""
    axes = axes_of(nodes)
    if len(axes) not in (1, 2):
        raise NotationError("the axis of nodes is wanted, or two labels for it", nodes, 0)
    label = axes[1].label if len(axes) == 2 else fresh(axes[0].label, [axes[0].label])
    return Array((axes[0], Axis(label, axes[0].size)))


@public
def normalised_adjacency(nodes: str) -> Diagram:
    """The adjacency matrix with loops, normalised by the degrees on both sides.

    Type:      n n' -> n n' for ``normalised_adjacency("n")``; ``"n j"`` gives the second label
    Equation:  Â = D^(−1/2) (A + I) D^(−1/2), D_ii = 1 + Σ_j A_ij, A symmetric
    Flags:     deterministic, not linear
    Raises:    NotationError: Not one axis or two. AxisError: One label twice.
    Source:    Kipf and Welling 2017.

    >>> print(normalised_adjacency("n"))
    n n'=n -> n n'=n
    """
    array = _adjacency(nodes)
    unit = Einsum((), (), array, (0, 0))

    def body(a):
        loops = a + unit()
        scale = pointwise(scalar.RSQRT, reduce("sum", array.labels[1])(loops))
        degrees = scale.type
        return Einsum((degrees, array, degrees), ((0,), (0, 1), (1,)), array, (0, 1))(scale, loops, scale)
    return trace(body, (array,))


@public
def graph_convolution(nodes: str, channels: str, normalised: bool = True, bias: bool = True,
                      name: str | None = None) -> Diagram:
    """Each node takes a linear map of its neighbours' features.

    Type:      n n', n f -> n g for ``graph_convolution("n", "f -> g")``: adjacency, features
    Equation:  Y = Â X W + b; Â = D^(−1/2) (A + I) D^(−1/2), or A as it is given if not normalised
    Parameters:
        nodes: The label of the nodes, and of the adjacency's second axis if not n'.
        name: The place of ``linear/weight`` W (f g) and ``bias`` (g).
    Flags:     deterministic, linear in the features without a bias
    Raises:    NotationError: Malformed labels.
    Source:    Kipf and Welling 2017.

    >>> print(graph_convolution("n", "f -> g"))
    n n'=n, n f -> n g
    """
    adjacency, (inputs, outputs) = _adjacency(nodes), _arrow(channels, "f -> g")
    n = adjacency.axes[0]
    features, made = Array((n, *inputs)), Array((n, *outputs))
    letters = tuple(range(2, 2 + len(outputs)))
    gathered = Einsum((adjacency, made), ((0, 1), (1, *letters)), made, (0, *letters))

    def body(a, x):
        y = project(inputs, outputs, False, "linear")(x)
        y = gathered(normalised_adjacency(nodes)(a) if normalised else a, y)
        return y + Parameter("bias", Array(outputs), Initialiser("zeros"))() if bias else y
    title, tied = placed(name, "graph_convolution")
    return Block(title, trace(body, (adjacency, features)), tied).diagram


def _check_fold(fold: str) -> None:
    if fold not in FOLDS:
        raise NcdError(f"no fold {fold!r} of messages", want=", ".join(FOLDS))


def _segment(monoid: Monoid, values: Wire, index: Wire, axis: Axis, out: Axis) -> Wire:
    return Segment(monoid, values.type, index.type, axis.label, out)(values, index)


def _folded(fold: str, values: Wire, index: Wire, axis: Axis, out: Axis, empty: float) -> Wire:
    """Fold the values of each segment; ``empty`` where a segment has none (0 for the sum and mean)."""
    if fold in ("sum", "mean"):
        total = _segment(SUM, values, index, axis, out)
        if fold == "sum":
            return total
        return total / maximum(_segment(SUM, Constant(1.0, Array((axis,)))(), index, axis, out), 1.0)
    # Whether a segment is empty is a question to the indices: its only entry may be the monoid's unit.
    taken = _segment(ANY, Constant(True, Array((axis,), "bool"))(), index, axis, out)
    return where(taken, _segment(MONOIDS[fold], values, index, axis, out), empty)


@public
def message_passing(fold: str = "sum", nodes: str = "n", edges: str = "e",
                    message: Diagram | None = None, empty: float = 0.0) -> Diagram:
    """Each node folds the messages of the edges that end there.

    Type:      n, e : index(n), e : index(n) -> n: features, each edge's source, each edge's target;
               features with more axes are lifted over
    Equation:  out[i] = ⊕ over edges e with target[e] = i of message(x[source[e]], x[target[e]])
    Parameters:
        fold: ``"sum"``, ``"mean"``, ``"max"`` or ``"min"``.
        message: A diagram of the source's features, ``f -> g``, or of the source's and the
            target's, ``f, f -> g``; without it the source's features are the message.
        empty: What the maximum or minimum of no messages is; a sum or mean of none is 0.
    Flags:     deterministic, linear in the features for the sum and mean of linear messages
    Raises:    NcdError: An unknown fold, or a message of another form.
    Source:    Gilmer et al. 2017.

    >>> print(message_passing("max").on("n=5 f, e : index(5), e : index(5)"))
    n=5 f, e : index(5), e : index(5) -> n=5 f
    """
    _check_fold(fold)
    n, e = one_axis(nodes), one_axis(edges)
    ends = () if message is None else message.dom.inside
    if message is not None and (len(ends) not in (1, 2) or len(message.cod) != 1):
        raise NcdError("a message is made of the features of the source, or of source and target",
                       have=str(message), want="f -> g, or f, f -> g")
    features = Array((n, *(axis for axis in (ends[0].axes if ends else ()))))
    index = Array((e,), "int", n.size)

    def body(x, source, target):
        sent = gather(n.label)(x, source)
        if len(ends) == 2:
            sent = message(sent, gather(n.label)(x, target))
        elif ends:
            sent = message(sent)
        return _folded(fold, sent, target, e, n, empty)
    return trace(body, (features, index, index))


@public
def graph_isomorphism(channels: str, hidden: str, nodes: str = "n", edges: str = "e",
                      activation: Diagram | ScalarFunction | str = "relu", bias: bool = True,
                      name: str | None = None) -> Diagram:
    """A layer that tells apart what the Weisfeiler–Leman test does: GIN.

    Type:      n f, e : index(n), e : index(n) -> n g for ``graph_isomorphism("f -> g", "d")``:
               features, each edge's source, each edge's target
    Equation:  h'_i = MLP((1 + ε) h_i + Σ over edges j → i of h_j), MLP(u) = act(u V + a) W + b
    Parameters:
        hidden: The axis inside the MLP.
        name: The place of ``epsilon`` ε, ``hidden`` (V, a) and ``output`` (W, b).
    Flags:     deterministic, not linear
    Raises:    NotationError: Malformed labels.
    Source:    Xu et al. 2019.

    >>> print(graph_isomorphism("f -> g", "d"))
    n f, e : index(n), e : index(n) -> n g
    """
    inputs, outputs = _arrow(channels, "f -> g")
    n, e, inner = one_axis(nodes), one_axis(edges), axes_of(hidden)
    act = activation if isinstance(activation, Diagram) else elementwise(activation)
    index = Array((e,), "int", n.size)

    def body(h, source, target):
        epsilon = Parameter("epsilon", Array(), Initialiser("zeros"))()
        total = h * (epsilon + 1) + message_passing("sum", nodes, edges)(h, source, target)
        return project(inner, outputs, bias, "output")(act(project(inputs, inner, bias, "hidden")(total)))
    title, tied = placed(name, "graph_isomorphism")
    return Block(title, trace(body, (Array((n, *inputs)), index, index)), tied).diagram


def _segments(text: str) -> tuple[Axis, Axis]:
    left, right = _arrow(text, "e -> n")
    if len(left) != 1 or len(right) != 1 or left[0].label == right[0].label:
        raise AxisError("segments go from one axis to another", have=text, want="e -> n")
    return left[0], right[0]


@public
def segment_softmax(text: str, empty: int | None = None) -> Diagram:
    """Softmax within each segment, as over the edges that end in one node.

    Type:      e, e : index(n) -> e for ``segment_softmax("e -> n")``: scores, each one's segment
    Equation:  y_e = exp(x_e) / Σ over e' in the segment of e of exp(x_e'), the largest taken out first;
               0 for an edge that no segment has, as one whose integer is no position
    Parameters:
        empty: None or 0. Where every score of a segment is −∞ there is no distribution: NaN there, or 0,
            and a derivative of 0, with ``empty=0``.
    Flags:     deterministic, not linear
    Raises:    AxisError: Not one axis on each side. NcdError: Another ``empty``.
    Source:    Veličković et al. 2018 (graph attention).

    >>> print(segment_softmax("e -> n").on("e h, e : index(n)"))
    e h, e : index(n) -> e h
    """
    e, n = _segments(text)
    empty = read_empty(empty)

    def body(x, index):
        # The weight of an edge without a segment is 0 before any sum or quotient, which then have no pole.
        x = where(pointwise(scalar.BOTH, index >= 0, index < n.size), x, -inf)
        peak = _segment(MAX, x, index, e, n)
        if empty is not None:
            peak = where(peak > -inf, peak, 0)
        weight = pointwise(scalar.EXP, x - gather(n.label)(Stop(peak.type)(peak), index))
        total = gather(n.label)(_segment(SUM, weight, index, e, n), index)
        return weight / where(equal(total, 0), 1, total)
    return trace(body, (Array((e,)), Array((e,), "int", n.size)))


@public
def readout(fold: str, text: str, empty: float = 0.0) -> Diagram:
    """One vector for each graph of a batch: the fold of its nodes.

    Type:      n, n : index(b) -> b for ``readout("sum", "n -> b")``: features, each node's graph
    Equation:  out[b] = ⊕ over nodes i of graph b of x[i]
    Parameters:
        fold: ``"sum"``, ``"mean"``, ``"max"`` or ``"min"``.
        empty: The maximum or minimum of a graph without nodes; its sum and mean are 0.
    Flags:     deterministic, linear in the features for the sum and mean
    Raises:    NcdError: An unknown fold. AxisError: Not one axis on each side.

    >>> print(readout("mean", "n -> b").on("n f, n : index(b)"))
    n f, n : index(b) -> b f
    """
    _check_fold(fold)
    n, b = _segments(text)
    return trace(lambda x, index: _folded(fold, x, index, n, b, empty),
                 (Array((n,)), Array((n,), "int", b.size)))
