"""Graph kernels as neurons: a node answers how alike its neighbourhood is to a learned mask.

    z_m(v) = K(Ego_r(v), M_m)
Weisfeiler–Leman without hashing keeps the equality of colours, not the colours:
    E⁰_uv = [ℓ_u = ℓ_v],   E'_uv = E_uv ∏_w [(U E)_uw = (U E)_vw],   K(G, H) = Σ_h Σ_{u∈G, v∈H} Eʰ_uv
with U the adjacency of the union: (U E)_uw counts the neighbours of u that have w's colour.
The random-walk kernel counts pairs of walks: Z' = Z⁰ ∘ (A Z Bᵀ), K = Σ Z.

Source: Cosmo et al., arXiv 2112.07436.
"""

from __future__ import annotations

from ncd.construct.derived import relabel, unit
from ncd.construct.generators import constant, equal, pad, reduce, scan
from ncd.construct.notation import einsum
from ncd.construct.trace import diagram, pointwise
from ncd.core.category import Diagram
from ncd.ops.scalar import TO_FLOAT


def number(condition):
    """A truth value as 0 or 1."""
    return pointwise(TO_FLOAT, condition)


@diagram("u=n v=n, u=n w=n -> u=n v=n, u=n v=n", block="refine")
def refine(same, union):
    """One round: two nodes stay equal if each colour is as frequent around the one as the other."""
    around = einsum("u w, w z -> u z")(union, relabel(u="w", v="z")(same))
    agree = reduce("all", "z")(equal(around, relabel(u="v")(around)))
    finer = same * number(agree)
    return finer, finer


def refinement_kernel(rounds="H") -> Diagram:
    """Σ_h Σ_{u∈G, v∈H} Eʰ_uv: union adjacency, labels, indicators of G and H -> a number."""
    @diagram("u=n w=n, u=n, u=n, v=n -> ()")
    def kernel(union, label, left, right):
        start = number(equal(label, relabel(u="v")(label)))
        _, finer = scan(refine, f"h={rounds}", states=1)(start, union)
        def between(same):
            return einsum("u v, u, v -> ()")(same, left, right)
        return between(start) + reduce("sum", "h")(between(finer))
    return kernel


def ego_networks(radius: int) -> Diagram:
    """The adjacency around each node c, and which nodes are there: u w -> c u w, c u."""
    @diagram("u=n w=n -> c=n u=n w=n, c=n u=n")
    def ego(a):
        near = a + unit("u=n", "w")()
        reach = unit("c=n", "u")()
        for _ in range(radius):
            reach = relabel(w="u")(einsum("c u, u w -> c w")(reach, near))
        inside = number(reach > 0)
        return einsum("u w, c u, c w -> c u w")(a, inside, relabel(u="w")(inside)), inside
    return ego


def kernel_layer(radius: int = 1, rounds=2) -> Diagram:
    """z_m(v) for every node and mask: a graph u w, its labels, masks and theirs -> m c."""
    @diagram("u=n w=n, u=n, m p q=p, m p -> m c=n")
    def layer(a, label, mask, mask_label):
        near, inside = ego_networks(radius)(a)
        nodes, own = a.type.size("u"), mask.type.size("p")
        first, second = pad("u", 0, own), pad("u", nodes, 0)
        union = pad("w", 0, own)(first(near)) + pad("w", nodes, 0)(second(relabel(p="u", q="w")(mask)))
        labels = first(label) + second(relabel(p="u")(mask_label))
        everywhere = second(constant(1.0, "u=p")())
        return refinement_kernel(rounds)(union, labels, first(inside), relabel(u="v")(everywhere))
    return layer


def walk_kernel(steps="T") -> Diagram:
    """The pairs of walks of 0, 1, …, T steps: u w, v z -> (), t."""
    @diagram("u v, u w=u, v z=v -> u v, ()")
    def step(pairs, a, b):
        moved = einsum("w z, u w, v z -> u v")(relabel(u="w", v="z")(pairs), a, b)
        return moved, reduce("sum", "u v")(moved)

    @diagram("u w=u, v z=v")
    def kernel(a, b):
        pairs = constant(1.0, "u v")()
        _, counts = scan(step, f"t={steps}", states=1)(pairs, a, b)
        return reduce("sum", "u v")(pairs), counts
    return kernel
