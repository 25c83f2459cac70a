"""Knowledge-graph embeddings with frozen random message passing and spiking neurons.

    relational convolution   h'_i = σ(W_0 h_i + Σ_r Σ_{j ∈ N_i^r} W_r h_j / c_ir),  weights frozen
    scorers                  DistMult Σ s ∘ r ∘ o,   TransE −‖s + r − o‖
    first spike              t* = τ ln(Σ_{I} w e^{t/τ} / (Σ_{I} w − θ))
I is the set of inputs that spike before the neuron does: of the sets {j : t_j ≤ t_k} the first
whose t* is not after the next input.

Source: arXiv 2109.10376; non-leaky integrate-and-fire neurons code by the time of one spike.
"""

from __future__ import annotations

from math import inf

from ncd.construct.derived import relabel
from ncd.construct.generators import constant, gather, parameter, reduce, segment, stop, where
from ncd.construct.notation import einsum
from ncd.construct.trace import diagram, pointwise, size
from ncd.core.category import Diagram
from ncd.nn import exp, l2_norm, log, relu
from ncd.ops.scalar import BOTH, TO_FLOAT
from ncd.ops.source import Initialiser


@diagram("n f, e : index(n), e : index(r), e : index(n) -> n g", block="relational convolution")
def relational_convolution(h, source, relation, target):
    """Edges source –relation→ target; c_ir counts the edges of relation r into i."""
    random = Initialiser("normal", 1.0, ("f",))
    own = stop()(parameter("self", "f g", random)())
    weights = stop()(parameter("relations", "r f g", random)())
    by_relation = einsum("n f, r f g -> r n g")(h, weights)
    message = gather("n")(gather("r")(by_relation, relation), source)       # e g
    pair = target * size("r") + relation                                    # one index of (i, r)
    count = gather("p=n*r")(segment("sum", "e -> p=n*r")(constant(1.0, "e")(), pair), pair)
    return relu(einsum("n f, f g -> n g")(h, own) + segment("sum", "e -> n")(message / count, target))


distmult = einsum("f, f, f -> ()")


@diagram("f, f, f -> ()")
def transe(subject, relation, object_):
    return -l2_norm("f")(subject + relation - object_)


def first_spike(tau: float = 0.5, threshold: float = 1.0) -> Diagram:
    """The time at which a neuron first spikes, ∞ if never: times j, weights j -> ()."""
    @diagram("j, j -> ()")
    def spike(times, weights):
        last = relabel(j="k")(times)
        early = pointwise(TO_FLOAT, times <= last)                          # j k: is j in the k-th set
        drive = einsum("j k, j -> k")(early, weights * exp(times / tau))
        excess = einsum("j k, j -> k")(early, weights) - threshold
        fires = pointwise(BOTH, excess > 0, drive > 0)
        time = log(where(fires, drive, 1.0) / where(fires, excess, 1.0)) * tau
        following = reduce("min", "j")(where(times > last, times, inf))
        valid = pointwise(BOTH, fires, pointwise(BOTH, time >= last, time <= following))
        return reduce("min", "k")(where(valid, time, inf))
    return spike
