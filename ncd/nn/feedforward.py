"""Feed-forward blocks: to a hidden axis, through a function of each entry, and back."""

from __future__ import annotations

from ncd.construct.notation import one_axis
from ncd.construct.trace import trace
from ncd.core.argument import public
from ncd.core.array import Array
from ncd.core.axis import Axis
from ncd.core.category import Diagram
from ncd.errors import AxisError
from ncd.nn.activation import relu, silu
from ncd.nn.linear import project
from ncd.ops.control import Block


def _axes(features: str, hidden: str) -> tuple[Axis, Axis]:
    m, f = one_axis(features), one_axis(hidden)
    if m.label == f.label:
        raise AxisError("the hidden axis has the label of the features", have=f"{features}, {hidden}",
                        mend=f"give it another: {f.label}'={f.size}")
    return m, f


@public
def feed_forward(features: str = "m", hidden: str = "f", activation: Diagram = relu,
                 bias: bool = True) -> Diagram:
    """Two linear maps with a function of each entry between: ``feed_forward("m", "f=2048")``.

    Type:      m -> m
    Equation:  y = down(activation(up x)),  up : m → f, down : f → m
    Its parameters are up and down.
    Raises:    NotationError unless one axis is named on each side; AxisError if both have one label.
    Source:    Vaswani et al. 2017, arXiv 1706.03762, §3.3.

    >>> print(feed_forward("m", "f=2048").on("b x m=512"))
    b x m=512 -> b x m=512
    """
    m, f = _axes(features, hidden)

    def body(x):
        return project((f,), (m,), bias, "down")(activation(project((m,), (f,), bias, "up")(x)))
    return Block("feed_forward", trace(body, (Array((m,)),))).diagram


@public
def gated_feed_forward(features: str = "m", hidden: str = "f", activation: Diagram = silu,
                       bias: bool = False) -> Diagram:
    """A feed-forward block whose hidden entries are gated by another linear map.

    Type:      m -> m
    Equation:  y = down(activation(gate x) · up x),  gate, up : m → f, down : f → m
    With silu it is SwiGLU, with sigmoid GLU, with gelu GEGLU, with relu ReGLU.
    Its parameters are gate, up and down.
    Raises:    NotationError unless one axis is named on each side; AxisError if both have one label.
    Source:    Shazeer 2020, arXiv 2002.05202.

    >>> print(gated_feed_forward("m", "f"))
    m -> m
    """
    m, f = _axes(features, hidden)

    def body(x):
        gate = activation(project((m,), (f,), bias, "gate")(x))
        return project((f,), (m,), bias, "down")(gate * project((m,), (f,), bias, "up")(x))
    return Block("gated_feed_forward", trace(body, (Array((m,)),))).diagram
