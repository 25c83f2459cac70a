"""Attention in many heads: projections, attention lifted over the heads, a projection back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ncd.algebra.convert import Size, SizeLike
from ncd.construct.derived import relabel
from ncd.construct.notation import axes_of, size_of
from ncd.construct.trace import Wire, trace
from ncd.core.argument import public
from ncd.core.array import Array
from ncd.core.axis import Axis, fresh
from ncd.core.category import Diagram
from ncd.core.signature import parse_type
from ncd.errors import AxisError, NcdError, SizeError
from ncd.nn.attention import Mask, core, in_order, undefined_without_keys
from ncd.nn.linear import project
from ncd.nn.position import rotary as rotated
from ncd.ops.control import Block


class Heads(NamedTuple):
    """How attention is made many: the axes of a head, of all heads, of those with their own keys."""

    k: Axis
    v: Axis
    all: tuple[Axis, ...]
    keyed: tuple[Axis, ...]

    @classmethod
    def read(cls, taken: Sequence[str], heads, width, groups) -> Heads:
        taken = set(taken)

        def label(name):
            found = fresh(name, taken)
            taken.add(found)
            return found

        def size(value, name):
            return Size.symbol(name) if value is None else size_of(value)
        k, v = label("k"), label("v")
        width = size(width, k)
        if groups is None:
            h = label("h")
            all_heads = keyed = (Axis(h, size(heads, h)),)
        else:
            g, q = label("g"), label("q")
            group = Axis(g, size_of(groups))
            each = Size.symbol(q) if heads is None else size_of(heads) / group.size
            if each.constant is not None and not isinstance(each.constant, int):
                raise SizeError(f"the {groups} groups do not divide the heads", have=f"{heads} heads",
                                mend="take a number of groups that divides the number of heads")
            all_heads, keyed = (group, Axis(q, each)), (group,)
        return cls(Axis(k, width), Axis(v, width), all_heads, keyed)


def _multi_head(query: Wire, memory: Wire, given: Sequence[Wire], heads: Heads, mask: Mask,
                rotation: float | None, bias: bool) -> Wire:
    """Project, attend in every head, project back; the result has the type of the query."""
    (y, m), (x, n) = query.type.axes, memory.type.axes
    q = project((m,), (heads.k, *heads.all), bias, "Q")(query)
    key = project((n,), (heads.k, *heads.keyed), bias, "K")(memory)
    value = project((n,), (heads.v, *heads.keyed), bias, "V")(memory)
    if rotation is not None:
        q = rotated(f"{y.label} {heads.k.label}", rotation, mask.offset)(q)
        key = rotated(f"{x.label} {heads.k.label}", rotation)(key)
    undefined = mask.empty is None and mask.may_hide_all(y, x)
    inner = mask
    if undefined:                       # the mask is made once, for the core and for what is put in last
        (seen,) = given = given or (in_order(mask.seen(y, x), (y, x)),)
        inner = mask._replace(kind="input", empty=0)
    out = core(y.label, x.label, heads.k.label, heads.v.label, inner)(q, key, value, *given)
    # The queries' axis goes first, so that what L^O returns stands after it.
    out = project((heads.v, *heads.all), (m,), bias, "O")(in_order(out, (y, heads.v, *heads.all)))
    return undefined_without_keys(out, seen, x.label) if undefined else out


def _rotation(value: bool | float | None) -> float | None:
    return None if value is None or value is False else 10000 if value is True else value


def _pair_of_arrays(axes: str, title: str) -> tuple[Array, Array]:
    """The two arrays of a text such as ``"y m, x m"``, positions then features.

    Raises:
        AxisError: Another number of axes or arrays, or one label for both positions.
    """
    arrays = parse_type(axes)
    if len(arrays) != 2 or any(len(array.axes) != 2 or array.dtype != "float" for array in arrays):
        raise AxisError(f"{title} is from one sequence to another", have=axes, want="y m, x m")
    (y, m), (x, n) = (array.labels for array in arrays)
    if y == x or {y, x} & {m, n}:
        raise AxisError(f"{title} keeps queries and keys apart by their labels", have=axes, want="y m, x m",
                        mend="use self_attention where both are one sequence" if y == x else
                        "give positions and features different labels")
    return arrays


def _attend(title: str, axes: str, heads, width, groups, mask: Mask, rotary, bias) -> Diagram:
    arrays = _pair_of_arrays(axes, title)
    (y, _), (x, _) = (array.axes for array in arrays)
    parts = Heads.read([label for array in arrays for label in array.labels], heads, width, groups)

    def body(query, memory, *given):
        return _multi_head(query, memory, given, parts, mask, _rotation(rotary), bias)
    return Block(title, trace(body, (*arrays, *mask.inputs(y, x)))).diagram


@public
def multi_head_attention(axes: str = "y m, x m", heads: SizeLike | None = None,
                         width: SizeLike | None = None, *, mask: str | None = None,
                         window: SizeLike | None = None, offset: SizeLike = 0, empty: int | None = None,
                         rotary: float | bool | None = None,
                         bias: bool = False) -> Diagram:
    """Attention in several heads, each on its own projection: queries from y, keys and values from x.

    Type:      y m, x m -> y m                  (mask="input": with a third input y x : bool)
    Equation:  q, K, V = L^Q, L^K, L^V : m → k h;  y = L^O(attention in each h),  L^O : k h → m
    Parameters:
        heads, width: The sizes of h and k; symbols where they are not given.
        mask, window, offset, empty: As in :func:`attention`.
        rotary: True, or a base, to turn queries and keys by :func:`rotary`.
        bias: Whether the four projections have one.
    Its parameters are Q, K, V and O.
    Raises:    AxisError unless two arrays of two axes are named, their positions apart;
               NcdError for an unknown mask.
    Source:    Vaswani et al. 2017, arXiv 1706.03762, §3.2.2.

    >>> print(multi_head_attention(heads=8, width=64).on("b y m=512, b x m=512"))
    b y m=512, b x m=512 -> b y m=512
    """
    return _attend("multi_head_attention", axes, heads, width, None, Mask.read(mask, window, offset, empty),
                   rotary, bias)


@public
def cross_attention(axes: str = "y m, x m", heads: SizeLike | None = None, width: SizeLike | None = None, *,
                    mask: str | None = None,
                    empty: int | None = None, bias: bool = False) -> Diagram:
    """Multi-head attention from one sequence to another, whose features may be others.

    Type:      y m, x m -> y m                  (``cross_attention("y m, x n")``: y m, x n -> y m)
    Equation:  that of :func:`multi_head_attention`
    Parameters:
        mask: None, or "input" for a third input y x : bool.
        empty: As in :func:`attention`.
    Raises:    AxisError unless two arrays of two axes are named, their positions apart;
               NcdError for another mask: positions of two sequences have no common order.
    Source:    Vaswani et al. 2017, arXiv 1706.03762, §3.2.3.

    >>> print(cross_attention("y m, x n"))
    y m, x n -> y m
    """
    if mask not in (None, "input"):
        raise NcdError(f"no mask {mask!r} between two sequences", want="None or 'input'",
                       mend="multi_head_attention takes a mask and an offset between positions")
    return _attend("cross_attention", axes, heads, width, None, Mask.read(mask, None, 0, empty), None, bias)


@public
def grouped_query_attention(axes: str = "y m, x m", groups: SizeLike = "g", heads: SizeLike | None = None,
                            width: SizeLike | None = None, *,
                            mask: str | None = None, window: SizeLike | None = None, offset: SizeLike = 0,
                            empty: int | None = None,
                            rotary: float | bool | None = None, bias: bool = False) -> Diagram:
    """Multi-head attention in which the heads of a group share their keys and values.

    Type:      y m, x m -> y m                  (mask="input": with a third input y x : bool)
    Equation:  L^Q : m → k g q,  L^K, L^V : m → k g,  L^O : k g q → m;  h = g q heads in all
    Parameters:
        groups: The size of g; with 1 it is multi-query attention.
        heads: The number of heads in all; without it each group has q.
    Raises:    SizeError unless the groups divide the heads; AxisError and NcdError as in
               :func:`multi_head_attention`.
    Source:    Ainslie et al. 2023, arXiv 2305.13245; Shazeer 2019, arXiv 1911.02150 (one group).

    >>> print(grouped_query_attention(groups=2, heads=8))
    y m, x m -> y m
    """
    return _attend("grouped_query_attention", axes, heads, width, groups,
                   Mask.read(mask, window, offset, empty), rotary, bias)


@public
def self_attention(axes: str = "x m", heads: SizeLike | None = None, width: SizeLike | None = None, *,
                   groups: SizeLike | None = None, mask: str | None = None,
                   window: SizeLike | None = None, empty: int | None = None,
                   rotary: float | bool | None = None, bias: bool = False) -> Diagram:
    """Multi-head attention of a sequence to itself: one copy takes the label y for its positions.

    Type:      x m -> x m                       (mask="input": x m, y=x x : bool -> x m)
    Equation:  copy ; rename x → y in one ; multi-head attention ; rename y → x
    Parameters:
        heads, width: The sizes of h and k; symbols where they are not given.
        groups: The number of groups whose heads share keys and values, as in
            :func:`grouped_query_attention`; None for keys in every head.
        mask, window, empty: As in :func:`attention`; rotary, bias: as in :func:`multi_head_attention`.
    Its parameters are Q, K, V and O.
    Raises:    AxisError unless two axes are named; SizeError unless the groups divide the heads;
               NcdError for an unknown mask.
    Source:    Vaswani et al. 2017, arXiv 1706.03762, §3.2.3.

    >>> print(self_attention(heads=8, width=64, mask="causal").on("b x m=512"))
    b x m=512 -> b x m=512
    """
    array = Array(axes_of(axes))
    if len(array.axes) != 2:
        raise AxisError("self-attention has an axis of positions and an axis of features", have=axes,
                        want="x m")
    x, _ = array.axes
    y = Axis(fresh("y", array.labels), x.size)
    masking = Mask.read(mask, window, 0, empty)._replace(same=True)
    parts = Heads.read((*array.labels, y.label), heads, width, groups)

    def body(sequence, *given):
        query = relabel(**{x.label: y.label})(sequence)
        attended = _multi_head(query, sequence, given, parts, masking, _rotation(rotary), bias)
        return relabel(**{y.label: x.label})(attended)
    return Block("self_attention", trace(body, (array, *masking.inputs(y, x)))).diagram
