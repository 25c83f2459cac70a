"""Mixtures of experts: a router sends each token to a few feed-forward networks.

There are two definitions of the one function. The dense one applies every expert to every token
and weighs the results with gates that are 0 for the experts that were not chosen. The sparse one
gathers the weights of the chosen experts for each token.
"""

from __future__ import annotations

from ncd.construct.generators import elementwise
from ncd.construct.notation import einsum, one_axis, size_of
from ncd.construct.trace import trace
from ncd.core.argument import public
from ncd.core.array import Array
from ncd.core.axis import Axis, fresh
from ncd.core.category import Diagram
from ncd.errors import AxisError
from ncd.nn.defined import placed
from ncd.nn.linear import project
from ncd.nn.softmax import softmax
from ncd.ops.control import Block
from ncd.ops.indexed import Gather, Segment
from ncd.ops.monoid import SUM
from ncd.ops.pointwise import TopK
from ncd.ops.scalar import ScalarFunction
from ncd.ops.source import Initialiser, Parameter


@public
def router(channels: str, experts: str, top: int | str = 2, normalised: bool = True,
           chosen: str = "choice", name: str | None = None) -> Diagram:
    """The experts of a token and their gates.

    Type:      m -> choice=2, choice=2 : index(n) for ``router("m", "n=8", 2)``: gates, experts
    Equation:  gate = softmax over the largest ``top`` entries of x W
    Parameters:
        normalised: True: the gates sum to 1 over the chosen experts. False: the softmax is over
            all experts, and the gates are the probabilities of those chosen.
        chosen: The label of the axis of choices.
        name: The place of ``router/weight`` W (m n).
    Flags:     deterministic, not linear; of equal scores the expert that stands first is chosen
    Raises:    AxisError: More choices than experts. SizeError: No choice.
    Source:    Shazeer et al. 2017 (without their noise); not normalised: Fedus, Zoph and
               Shazeer 2021 (Switch, with top = 1).

    >>> print(router("m", "n=8", 2).on("b m"))
    b m -> b choice=2, b choice=2 : index(8)
    """
    m, n, choice = one_axis(channels), one_axis(experts), Axis(chosen, size_of(top))
    if choice.label in (m.label, n.label):
        raise AxisError(f"the label {chosen} of the choices is taken", have=f"{m}, {n}",
                        mend='give another: chosen="..."')
    largest = TopK(Array((n,)), n.label, choice)

    def body(x):
        scores = project((m,), (n,), False, "router")(x)
        if not normalised:
            return largest(softmax(n.label)(scores))
        found, place = largest(scores)
        return softmax(choice.label)(found), place
    title, tied = placed(name, "router")
    return Block(title, trace(body, (Array((m,)),)), tied).diagram


@public
def mixture_of_experts(channels: str, hidden: str, experts: str, top: int | str = 2,
                       normalised: bool = True, activation: Diagram | ScalarFunction | str = "relu",
                       bias: bool = True, sparse: bool = False, name: str | None = None) -> Diagram:
    """The gated sum of a few of many feed-forward networks.

    Type:      m -> m for ``mixture_of_experts("m", "f", "n=8")``; other axes, as those of tokens,
               are lifted over, and each token has its own experts
    Equation:  y = Σ_c g_c E_{e_c}(x), (g, e) = router(x), E_i(x) = act(x V_i + a_i) W_i + b_i
    Parameters:
        hidden, experts: The axis inside an expert, and the axis of the experts.
        top, normalised: How many experts a token has, and its gates, see :func:`router`.
        activation: A scalar function or the name of one.
        sparse: False applies all experts to each token, so that ``top`` plays no part in the cost.
            True gathers the weights of the chosen experts for each token: fewer operations in the
            ratio top : n, but the gathered weights, one copy for each token and choice, are held
            in memory. Both are one function.
        name: The place of ``router``, ``expand`` V (n m f), ``contract`` W (n f m) and the biases
            ``expand_bias``, ``contract_bias``.
    Flags:     deterministic, not linear
    Raises:    AxisError: A label twice, or more choices than experts. SizeError: No choice.
    Source:    Shazeer et al. 2017; Fedus, Zoph and Shazeer 2021.

    >>> print(mixture_of_experts("m", "f", "n=8").on("b x m=16"))
    b x m=16 -> b x m=16
    """
    m, f, n = one_axis(channels), one_axis(hidden), one_axis(experts)
    if len({m.label, f.label, n.label}) < 3:
        raise AxisError("a mixture has a channel axis, a hidden axis and an axis of experts",
                        have=f"{m}, {f}, {n}", want="three labels")
    choice = fresh("choice", (m.label, f.label, n.label))
    act = activation if isinstance(activation, Diagram) else elementwise(activation)
    choose = router(channels, experts, top, normalised, choice)

    def body(x):
        gates, chosen = choose(x)
        if not sparse:
            gates = Segment(SUM, gates.type, chosen.type, choice, n)(gates, chosen)
        e = choice if sparse else n.label

        def learned(title, axes, init):
            found = Parameter(title, Array(axes), init)()
            return Gather(found.type, chosen.type, n.label)(found, chosen) if sparse else found

        def layer(x, before, after, text, title):
            y = einsum(text)(x, learned(title, (n, before, after),
                                        Initialiser("normal", 2 ** 0.5, (before.label,))))
            return y + learned(f"{title}_bias", (n, after), Initialiser("zeros")) if bias else y
        m_, f_ = m.label, f.label
        inner = layer(x, m, f, f"{m_}, {e} {m_} {f_} -> {e} {f_}", "expand")
        outer = layer(act(inner), f, m, f"{e} {f_}, {e} {f_} {m_} -> {e} {m_}", "contract")
        return einsum(f"{e}, {e} {m_} -> {m_}")(gates, outer)
    title, tied = placed(name, "mixture_of_experts")
    return Block(title, trace(body, (Array((m,)),)), tied).diagram
