"""Graphs built from representations: smoothness, distillation and filters in their spectrum.

    W = cosine similarity of the rows of F, each node's k nearest kept;   L = D − W
    smoothness      s_m = tr(Yᵀ Lᵐ Y)
    distillation    Σ ‖Â_Tᵖ − Â_Sᵖ‖²,   Â = D^(−½) W D^(−½)
    low pass        U diag(g) Uᵀ x,   L = U diag(λ) Uᵀ,  g the lowest frequencies

Source: Lassance, Graphs for deep learning representations, 2020 (thesis).
"""

from __future__ import annotations

from ncd.construct.derived import cosine, one_hot, relabel, unit
from ncd.construct.generators import eigh, iota, maximum, reduce, topk
from ncd.construct.notation import einsum
from ncd.construct.trace import diagram, pointwise
from ncd.core.category import Diagram
from ncd.nn import rsqrt
from ncd.ops.scalar import TO_FLOAT


@diagram("i f -> i j=i")
def similarity(x):
    """W without its diagonal: no node is its own neighbour."""
    w = cosine("f")(x, relabel(i="j")(x))
    return w * (1 - unit("i", "j")())


def nearest(k="k") -> Diagram:
    """Keep, for each node, its k largest similarities; then make the graph symmetric."""
    @diagram("i j=i -> i j=i")
    def keep(w):
        _, at = topk(f"j -> k={k}")(w)
        chosen = relabel(n="j")(reduce("max", "k")(one_hot("n=i")(at)))
        half = w * chosen
        return maximum(half, relabel(i="j", j="i")(half))
    return keep


def power(m: int) -> Diagram:
    """Aᵐ of a square array i j by repeated products."""
    @diagram("i j=i -> i j=i")
    def product(a):
        result = a
        for _ in range(m - 1):
            result = relabel(l="j")(einsum("i j, j l -> i l")(result, relabel(i="j", j="l")(a)))
        return result
    return product


@diagram("i j=i -> i j=i")
def laplacian(w):
    return unit("i", "j")() * reduce("sum", "j")(w) - w


@diagram("i j=i -> i j=i")
def normalised(w):
    """D^(−½) W D^(−½)."""
    scale = rsqrt(reduce("sum", "j")(w))
    return w * scale * relabel(i="j")(scale)


def smoothness(m: int = 1) -> Diagram:
    """tr(Yᵀ Lᵐ Y): representations i f, labels i c -> a number."""
    @diagram("i f, i c -> ()")
    def score(x, y):
        return einsum("i c, i j, j c -> ()")(y, power(m)(laplacian(similarity(x))), relabel(i="j")(y))
    return score


def distillation(p: int = 1) -> Diagram:
    """Σ ‖Â_Tᵖ − Â_Sᵖ‖² between a teacher's and a student's graph: i f, i g -> ()."""
    @diagram("i f, i g -> ()")
    def loss(teacher, student):
        graphs = [power(p)(normalised(similarity(x))) for x in (teacher, relabel(g="f")(student))]
        gap = graphs[0] - graphs[1]
        return reduce("sum", "i j")(gap * gap)
    return loss


def low_pass(frequencies="k") -> Diagram:
    """Keep the lowest frequencies of a signal on a graph: i j, i c -> i c, and the spectrum."""
    @diagram("i j=i, i c")
    def filtered(w, x):
        values, vectors = eigh("i j", "e")(unit("i", "j")() - normalised(w))
        passed = pointwise(TO_FLOAT, iota("e=i")() < frequencies)
        spectrum = einsum("i e, i c -> e c")(vectors, x)
        return einsum("i e, e, e c -> i c")(vectors, passed, spectrum), values
    return filtered
