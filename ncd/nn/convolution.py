"""Convolution over any number of axes, from the one tensor ★[i, j, l] = 1 where l = s·i + d·j − p.

With the window index i, the kernel index j and the array index l, a convolution contracts l and
j: y[i, e] = Σ_{l, j, c} ★[i, j, l] v[l, c] W[c, e, j]. The contraction with l is a reindexing
that reads v at s·i + d·j − p. The transposed convolution contracts i instead and reads v at
(l + p − d·j)/s, where that is whole. Both end in one einsum with the weight.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from ncd.algebra.convert import ZERO, PerAxis, Size, SizeLike
from ncd.construct.generators import equal
from ncd.construct.notation import axes_of, one_axis, size_of
from ncd.construct.trace import pointwise, trace
from ncd.core.argument import public
from ncd.core.array import Array
from ncd.core.axis import Axis, Label, derived, fresh
from ncd.core.category import Diagram
from ncd.core.graph import Graph
from ncd.errors import AxisError, NotationError, SizeError
from ncd.nn.defined import OnOneArray, placed
from ncd.nn.linear import linear
from ncd.nn.star import Star, Tap
from ncd.nn.window import Pair, Window, integer, per_axis, read_windows
from ncd.ops import scalar
from ncd.ops.control import Block
from ncd.ops.multilinear import View
from ncd.ops.pointwise import Map
from ncd.ops.source import Initialiser, Iota, Parameter


@dataclass(frozen=True)
class Convolution(OnOneArray):
    """A learned convolution, or its transpose, over some axes of an array.

    Type:      x … c -> x' … e   (each result axis stands where its input axis stood)
    Equation:  y[i, e] = Σ_{j, c} v[s·i + d·j − p, c] W[c, e, j] + b[e]; transposed:
               y[l, e] = Σ_{j, c} v[(l + p − d·j)/s, c] W[c, e, j] + b[e]
    Flags:     deterministic, linear without a bias
    The parameter ``weight`` has the axes: group (if groups > 1), inputs, outputs, kernel.
    """

    spatial: tuple[Label, ...]
    inputs: tuple[Label, ...]
    outputs: tuple[Axis, ...]
    kernels: tuple[Size, ...]
    strides: tuple[Size, ...]
    dilations: tuple[Size, ...]
    paddings: tuple[Pair, ...]
    groups: Size = None
    bias: bool = True
    transposed: bool = False
    output_paddings: tuple[Size, ...] = ()
    title: str = "convolution"
    tied: bool = False

    def __post_init__(self):
        super().__post_init__()
        for axis in self._grouped_axes() if self.groups is not None else ():
            if not (axis.size / self.groups).is_integral:
                raise SizeError(f"{self.groups} groups do not divide the axis {axis.label}",
                                have=f"{axis.label} = {axis.size}", want=f"a multiple of {self.groups}")
        for window, extra in zip(self.windows, self.output_paddings):
            few, stride = extra.constant, window.stride.constant
            if few is not None and (few < 0 or (stride is not None and few >= stride)):
                size = self.array.size(window.label)
                least = window.spread(size)
                raise SizeError(f"no convolution with stride {window.stride} takes {window.label} = "
                                f"{least + extra} to {window.label} = {size}",
                                want=f"an output size from {least} to {least + window.stride - 1}")
        self.cod  # noqa: B018  (making the type checks labels and sizes)

    def _grouped_axes(self) -> tuple[Axis, Axis]:
        if len(self.inputs) != 1 or len(self.outputs) != 1:
            raise AxisError("groups split one input axis and one output axis",
                            have=f"{' '.join(self.inputs)} -> {' '.join(map(str, self.outputs))}",
                            mend="merge the axes first, or take groups=1")
        return self.array.axis(self.inputs[0]), self.outputs[0]

    @cached_property
    def conditions(self):
        made = []
        for window, extra in zip(self.windows, self.output_paddings):
            made += [(extra, f"the output along {window.label} is less than the windows span"),
                     (window.stride - 1 - extra, f"the output along {window.label} is more than they reach")]
        return tuple(made)

    @cached_property
    def windows(self) -> tuple[Window, ...]:
        return tuple(Window(label, k, s, d, *p) for label, k, s, d, p in zip(
            self.spatial, self.kernels, self.strides, self.dilations, self.paddings))

    @cached_property
    def sizes(self) -> tuple[Size, ...]:
        """The sizes of the spatial axes of the result."""
        old = [self.array.size(label) for label in self.spatial]
        if self.transposed:
            return tuple(w.spread(x) + p for w, x, p in zip(self.windows, old, self.output_paddings))
        return tuple(w.count(x) for w, x in zip(self.windows, old))

    @cached_property
    def cod(self):
        new = dict(zip(self.spatial, self.sizes))
        spatial = self.array.with_axes(Axis(a.label, new.get(a.label, a.size)) for a in self.array.axes)
        return (spatial.with_axes(spatial.replace(self.inputs, self.outputs)),)

    def lifted_result(self, arrays, array):
        return self.extend(arrays).cod[0]

    @property
    def own(self):
        return frozenset((*self.spatial, *self.inputs, *(axis.label for axis in self.outputs)))

    @property
    def linear(self):
        return () if self.bias else (0,)

    @property
    def place(self):
        return self.title

    @property
    def name(self) -> str:
        return f"convolution{'ᵀ' if self.transposed else ''}[{' '.join(self.spatial)}]"

    def definition(self):
        graph = Graph((self.array,))
        taken = {*self.array.labels, *(axis.label for axis in self.outputs)}
        inputs, outputs, group = tuple(map(self.array.axis, self.inputs)), self.outputs, ()
        wire = 0
        if self.groups is not None:
            group = (Axis(fresh("group", taken), self.groups),)
            taken.add(group[0].label)
            inputs, outputs = ((Axis(fresh(derived(axis.label, side), taken), axis.size / self.groups),)
                               for axis, side in ((inputs[0], "in"), (outputs[0], "out")))
            (wire,) = graph.add(View(self.array, self.inputs, (*group, *inputs)), (wire,))
        (wire,) = self._starred(graph, wire, group, inputs, outputs)
        if self.groups is not None:
            labels = (group[0].label, outputs[0].label)
            (wire,) = graph.add(View(graph.types[wire], labels, self.outputs), (wire,))
        if self.bias:
            (bias,) = graph.add(Parameter("bias", Array(self.outputs), Initialiser("zeros")), ())
            (wire,) = graph.add(Map(scalar.ADD, (graph.types[wire], graph.types[bias])), (wire, bias))
        graph.outputs = (wire,)
        return Diagram.from_graph(graph)

    def _starred(self, graph: Graph, wire: int, group: tuple[Axis, ...], inputs: tuple[Axis, ...],
                 outputs: tuple[Axis, ...]) -> tuple[int, ...]:
        """Contract with the weight and with ★; the output labels may be the inputs'."""
        array = graph.types[wire]
        new = {axis.label: Axis(fresh(axis.label, array.labels), axis.size) for axis in outputs}
        taken = {*array.labels, *new, *(axis.label for axis in new.values())}
        kernels = tuple(Axis(fresh(derived(w.label, "k"), taken), w.kernel) for w in self.windows)
        summed = tuple(axis.label for axis in (*inputs, *kernels))
        weight = Array((*group, *inputs, *new.values(), *kernels))
        (theta,) = graph.add(Parameter("weight", weight, Initialiser("normal", 2 ** 0.5, summed)), ())
        sizes = dict(zip(self.spatial, self.sizes))
        moved = array.with_axes(Axis(a.label, sizes.get(a.label, a.size)) for a in array.axes)
        out = moved.with_axes(moved.replace([axis.label for axis in inputs], outputs))
        letter = {label: n for n, label in enumerate(dict.fromkeys((*array.labels, *weight.labels)))}
        made = {label: len(letter) + n for n, label in enumerate(self.spatial)}
        out_letters = [made[x] if x in made else letter[new[x].label if x in new else x] for x in out.labels]
        taps = []
        for w, kernel in zip(self.windows, kernels):
            i, l = (letter[w.label], made[w.label]) if self.transposed else (made[w.label], letter[w.label])
            taps.append(Tap(i, letter[kernel.label], l, w.stride, w.dilation, w.before, w.after))
        letters = tuple(tuple(letter[x] for x in item.labels) for item in (array, weight))
        return graph.add(Star((array, weight), letters, out, out_letters, tuple(taps)), (wire, theta))


def _channels(text: str) -> tuple[tuple[Axis, ...], tuple[Axis, ...]]:
    left, arrow, right = text.partition("->")
    if not arrow:
        raise NotationError("input and output axes are wanted: c -> e", text, len(text))
    return axes_of(left), axes_of(right)


@public
def convolution(spatial: str, channels: str, kernel: PerAxis = 3, stride: PerAxis = 1, dilation: PerAxis = 1,
                padding: PerAxis = 0, groups: SizeLike = 1,
                bias: bool = True, transpose: bool = False, output=None, name: str | None = None) -> Diagram:
    """A learned convolution over named axes, any number of them.

    Type:      x y c -> x' y' e for ``convolution("x y", "c -> e")``, where
               x' = ⌊(x + 2p − d(k − 1) − 1)/s⌋ + 1 keeps the label x;
               transposed: x' = s(x − 1) + d(k − 1) + 1 − 2p, or what ``output`` states
    Equation:  y[i, e] = Σ_{l, j, c} ★[i, j, l] v[l, c] W[c, e, j] + b[e], ★[i, j, l] = [l = s·i + d·j − p];
               transposed: y[l, e] = Σ_{i, j, c} ★[i, j, l] v[i, c] W[c, e, j] + b[e]
    Parameters:
        spatial: The axes that the window moves along.
        channels: The axes contracted and the axes made, as in ``"c -> e=64"`` or ``"c -> k h"``.
        kernel, stride, dilation, padding, output: One value, or a dictionary by label; sizes may
            be symbols. Labels that a dictionary leaves out have stride 1, dilation 1, padding 0.
        padding: Entries on each side, a pair (before, after), or ``"same"``: d(k − 1) entries in
            all, the smaller half before, so that x' = ⌈x/s⌉ for every kernel and stride (the
            window does not shift with x mod s, as it does in XLA's SAME). Transposed, ``"same"``
            has the size s·x, on which the convolution with the same options has the size x.
        groups: The channels are cut into so many parts that do not see each other; an axis of no
            stated size has then the size groups·c_group. ``groups="c"`` is depthwise.
        output: The size of a transposed convolution's result, any that a convolution takes to x.
        name: The place of ``weight`` (group, inputs, outputs, kernel) and ``bias``; layers of one
            name in one scope share them.
    Flags:     deterministic, linear without a bias
    Raises:    AxisError: An option names no such axis. SizeError: The kernel is larger than the padded
               axis, groups do not divide the channels, or an output size that cannot be.
    Source:    Neural Circuit Diagrams, convolution (the tensor ★; our derivation); initialised as in
               He et al. 2015.

    >>> print(convolution("x y", "c=3 -> e=16", kernel=3, stride={"x": 2}, padding=1))
    x y c=3 -> x=(x+1)//2 y e=16
    >>> print(convolution("x", "c -> e", kernel=2, stride=2, transpose=True))
    x c -> x=2*x e
    """
    axes, (inputs, outputs) = axes_of(spatial), _channels(channels)
    labels = tuple(axis.label for axis in axes)
    windows = read_windows(labels, kernel, stride, dilation, padding)
    count = integer("the number of groups", groups)
    if count != 1:
        inputs, outputs = (tuple(_multiple(axis, count) for axis in side) for side in (inputs, outputs))
    if output is not None and not transpose:
        raise SizeError("the size of a convolution's result is not free",
                        why="it follows from the size of its input", mend="leave out `output`, or transpose")
    extra = []
    for axis, window, stated, p in zip(axes, windows, per_axis("output", output, labels, ()),
                                       per_axis("padding", padding, labels, 0)):
        same = window.stride - 1 if isinstance(p, str) and p == "same" else ZERO
        extra.append(same if stated in (None, ()) else size_of(stated) - window.spread(axis.size))
    return Convolution(
        Array((*axes, *inputs)), labels, tuple(axis.label for axis in inputs), outputs,
        tuple(w.kernel for w in windows), tuple(w.stride for w in windows),
        tuple(w.dilation for w in windows), tuple((w.before, w.after) for w in windows),
        None if count == 1 else count, bias, transpose, tuple(extra) if transpose else (),
        *placed(name, "convolution")).diagram


def _multiple(axis: Axis, groups: Size) -> Axis:
    """An axis whose size the groups divide; one of no stated size gets a symbol for its part."""
    if axis.size.name != axis.label or (axis.size / groups).is_integral:
        return axis
    return Axis(axis.label, groups * Size.symbol(derived(axis.label, "group")))


@public
def depthwise_separable(spatial: str, channels: str, kernel: PerAxis = 3, stride: PerAxis = 1,
                        dilation: PerAxis = 1, padding: PerAxis = 0,
                        bias: bool = True, name: str | None = None) -> Diagram:
    """A convolution of each channel by itself, then a linear map of the channels.

    Type:      x y c -> x' y' e for ``depthwise_separable("x y", "c -> e")``
    Equation:  y[i, e] = Σ_c P[c, e] (Σ_j v[s·i + d·j − p, c] W[c, j] + a[c]) + b[e]
    Parameters: as for :func:`convolution`; the places are ``depthwise`` and ``pointwise``.
    Source:    Chollet 2017; Neural Circuit Diagrams (diagonalise c, then a pointwise linear map).

    >>> print(depthwise_separable("x y", "c -> e", padding="same"))
    x y c -> x y e
    """
    (inputs, _), left = _channels(channels), channels.partition("->")[0]
    if len(inputs) != 1:
        raise AxisError("a depthwise convolution has one channel axis", have=channels)
    (c,) = inputs
    depthwise = convolution(spatial, f"{left} -> {left}", kernel, stride, dilation, padding, c.size, bias,
                            name="depthwise")
    pointwise = linear(channels, bias, name="pointwise")
    body = trace(lambda x: pointwise(depthwise(x)), depthwise.dom.inside)
    title, tied = placed(name, "depthwise_separable")
    return Block(title, body, tied).diagram


@public
def star(i: str, j: str, x: str, stride: PerAxis = 1, dilation: PerAxis = 1, padding: PerAxis = 0) -> Diagram:
    """The tensor ★ of one axis: windows i, kernel j, array x.

    Type:      -> i j x; an i of no stated size has the number of windows on x
    Equation:  ★[i, j, l] = 1 if l = s·i + d·j − p, else 0
    Source:    Neural Circuit Diagrams, convolution (the trapezoid).

    >>> print(star("i", "j=3", "x", stride=2, padding=1))
     -> i=(x+1)//2 j=3 x
    """
    i, j, x = map(one_axis, (i, j, x))
    (window,) = read_windows((x.label,), j.size, stride, dilation, padding)
    if i.size.name == i.label:
        i = Axis(i.label, window.count(x.size))
    Array((i, j, x))                            # refuses one label for two, which would be a diagonal

    def body():
        start, tap, place = (Iota(axis).diagram() for axis in (i, j, x))
        read = start * window.stride + tap * window.dilation - window.before
        return pointwise(scalar.TO_FLOAT, equal(read, place))
    return trace(body, ())
