"""Graph-level learning: message passing, pooling and readout.

    isomorphism network   h'_i = MLP((1 + ε) h_i + Σ_{j → i} h_j)
    differentiable pool   X' = Sᵀ Z,  A' = Sᵀ A S,  S a soft assignment of nodes to clusters
    top-k pool            y = X p / ‖p‖,  X' = (X ∘ tanh y)[the k largest y]
    readout               one sum for each graph of a batch, by the graph's number

Source: the survey arXiv 2301.05860; Xu et al. 2019 (GIN), Ying et al. 2018, Gao and Ji 2019.
"""

from __future__ import annotations

from ncd.construct.derived import cup, relabel
from ncd.construct.generators import gather, parameter, topk
from ncd.construct.notation import einsum
from ncd.construct.trace import diagram
from ncd.core.category import Diagram
from ncd.nn import l2_normalise, relu, tanh
from ncd.nn.graph import message_passing, readout

neighbours = message_passing("sum")
sum_readout = readout("sum", "n -> g")


@diagram("n f, e : index(n), e : index(n) -> n h", block="isomorphism")
def isomorphism_layer(h, source, target):
    """h'_i = MLP((1 + ε) h_i + Σ_j h_j), on edges source → target."""
    epsilon = parameter("epsilon", "()")()
    mixed = h * (epsilon + 1) + neighbours(h, source, target)
    hidden = relu(einsum("n f, f m -> n m")(mixed, parameter("inner", "f m=h")()))
    return einsum("n m, m h -> n h")(hidden, parameter("outer", "m=h h")())


def graph_network() -> Diagram:
    """Two layers, then a sum for each graph: n f, edges, n : index(g) -> g h."""
    @diagram("n f, e : index(n), e : index(n), n : index(g) -> g h")
    def network(x, source, target, graph):
        first = isomorphism_layer(x, source, target)
        second = isomorphism_layer(relabel(h="f")(first), source, target)
        return sum_readout(second, graph)
    return network


@diagram("n m=n, n f, n c -> c d=c, c f")
def differentiable_pool(a, z, s):
    """A' = Sᵀ A S and X' = Sᵀ Z."""
    right = relabel(n="m", c="d")(s)
    return einsum("n c, n m, m d -> c d")(s, a, right), einsum("n c, n f -> c f")(s, z)


def topk_pool(k="k") -> Diagram:
    """X' = (X ∘ tanh y)[idx] with the positions idx: n f, f -> k f, k : index(n)."""
    @diagram("n f, f")
    def pool(x, p):
        scores = cup("f")(x, l2_normalise("f")(p))
        _, kept = topk(f"n -> k={k}")(scores)
        return gather("n")(x * tanh(scores), kept), kept
    return pool
