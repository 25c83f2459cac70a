"""Residual connections, and where the norm stands: x + f(norm x) and norm(x + f x) are two diagrams."""

from __future__ import annotations

from ncd.algebra.convert import SizeLike
from ncd.construct.align import describe
from ncd.construct.combinators import residual
from ncd.construct.derived import relabel
from ncd.construct.notation import axes_of
from ncd.construct.trace import trace
from ncd.core.argument import public
from ncd.core.array import Array
from ncd.core.axis import Axis, fresh
from ncd.core.category import Diagram
from ncd.errors import AxisError, NcdError
from ncd.nn.activation import relu
from ncd.nn.attention import Mask, undefined_without_keys
from ncd.nn.feedforward import feed_forward
from ncd.nn.multihead import self_attention
from ncd.nn.normalise import layer_norm
from ncd.nn.stochastic import dropout as drop
from ncd.ops.control import Block

__all__ = ["post_norm", "pre_norm", "residual", "transformer_block"]


def _check(diagram: Diagram) -> Diagram:
    diagram = getattr(diagram, "diagram", diagram)
    if len(diagram.dom) == 0 or diagram.cod.inside != diagram.dom.inside[:1]:
        raise AxisError(f"a residual ends as its first input began: {describe(diagram)}",
                        have=str(diagram.cod) or "no arrays", want=str(diagram.dom[:1]) or "an input")
    return diagram


@public
def pre_norm(diagram: Diagram, norm: Diagram) -> Diagram:
    """A residual around a normalised function: ``pre_norm(feed_forward(), layer_norm("m"))``.

    Type:      that of the diagram, X, C … -> X
    Equation:  y = x + f(norm(x), c, …)
    Raises:    AxisError unless the diagram returns one array of its first input's type.
    Source:    Xiong et al. 2020, arXiv 2002.04745.

    >>> print(pre_norm(feed_forward(), layer_norm("m")))
    m -> m
    """
    diagram = _check(diagram)
    return trace(lambda x, *context: x + diagram(norm(x), *context), diagram.dom.inside)


@public
def post_norm(diagram: Diagram, norm: Diagram) -> Diagram:
    """A normalised residual, Add & Norm: ``post_norm(feed_forward(), layer_norm("m"))``.

    Type:      that of the diagram, X, C … -> X
    Equation:  y = norm(x + f(x, c, …))
    Raises:    AxisError unless the diagram returns one array of its first input's type.
    Source:    Vaswani et al. 2017, arXiv 1706.03762, §3.1.

    >>> from ncd.nn.multihead import cross_attention
    >>> print(post_norm(cross_attention(), layer_norm("m")))
    y m, x m -> y m
    """
    diagram = _check(diagram)
    return trace(lambda x, *context: norm(x + diagram(x, *context)), diagram.dom.inside)


@public
def transformer_block(axes: str = "x m", hidden: str = "f", heads: SizeLike | None = None,
                      width: SizeLike | None = None, *, pre: bool = True, causal: bool = False,
                      mask: str | None = None, window: SizeLike | None = None, empty: int | None = None,
                      dropout: float = 0.0, activation: Diagram = relu) -> Diagram:
    """Self-attention, then a feed-forward block, each in a residual with a layer norm.

    Type:      x m -> x m                       (mask="input": x m, y=x x : bool -> x m)
    Equation:  z = x + A(norm x), y = z + F(norm z);  with pre=False z = norm(x + A x), y = norm(z + F z)
    Parameters:
        hidden: The axis of the feed-forward block, as in "f=2048".
        heads, width: The sizes of h and k; symbols where they are not given.
        pre: Whether the norm stands before each function, or after the addition.
        causal: Whether a position sees none that comes after it, as with mask="causal".
        mask, window: As in :func:`attention`.
        empty: What a position that sees no key gets, as in :func:`attention`. None: the block's result is
            NaN there, which no derivative meets before the next layer. 0: A gives 0; for stacks of blocks.
        dropout: The rate of dropout at the end of A and of F.
    It ends as it began, so it repeats: ``transformer_block().repeat("N")``.
    Raises:    AxisError unless two axes are named; NcdError for a dropout rate out of range, an unknown
               mask, or ``causal`` beside another mask.
    Source:    Vaswani et al. 2017, arXiv 1706.03762, §3.1; Xiong et al. 2020, arXiv 2002.04745.

    >>> print(transformer_block("x m=512", "f=2048", heads=8, width=64).on("b x m=512"))
    b x m=512 -> b x m=512
    """
    array = Array(axes_of(axes))
    if len(array.axes) != 2:
        raise AxisError("a transformer block has an axis of positions and an axis of features", have=axes,
                        want="x m")
    if causal and mask not in (None, "causal"):
        raise NcdError(f"a causal block with another mask, {mask!r}", want='causal=True or mask="..."',
                       mend='for both, mask="input" with nn.causal_mask() and the other one')
    mask = "causal" if causal else mask
    x, m = array.labels
    y = Axis(fresh("y", array.labels), array.size(x))
    masking = Mask.read(mask, window, 0, empty)._replace(same=True)
    undefined = empty is None and masking.may_hide_all(y, array.axes[0])
    norm, residual_of = layer_norm(m), pre_norm if pre else post_norm

    def body(x_, *seen):
        attend = self_attention(axes, heads, width, mask=mask, window=window, empty=0 if undefined else empty)
        z = residual_of(attend >> drop(dropout), norm)(x_, *seen)
        z = residual_of(feed_forward(m, hidden, activation).on(axes) >> drop(dropout), norm)(z)
        if not undefined:
            return z
        # NaN comes last, behind all that is learned: x is now the label of the queries.
        return undefined_without_keys(z, relabel(**{x: y.label, y.label: x})(*seen), y.label)
    return Block("transformer_block", trace(body, (array, *masking.inputs(y, array.axes[0])))).diagram
