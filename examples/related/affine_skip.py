"""Affine skip connections: a graph convolution plus an affine map of the node itself.

    y = Conv(x) + x A + b
    FeaSt   y_i = mean_{j ∈ N_i ∪ {i}} Σ_m softmax_m(u_m · (x_i − x_j) + c_m) W_m x_j
    MoNet   y_i = mean_j Σ_m exp(−½ Σ_d ((p_ij − μ_m) / σ_m)²_d) W_m x_j
    radial basis interpolation   f(x) = Σ_i w_i φ(‖x − x_i‖) + P(x),  φ = r² ln r,
                                 [Φ P; Pᵀ 0] [w; a] = [y; 0]
The affine skip is to the convolution what the polynomial P is to the radial functions.

Source: Gong et al., arXiv 2004.02658; Verma et al. 2018 (FeaSt), Monti et al. 2017 (MoNet).
"""

from __future__ import annotations

from ncd.construct.derived import relabel
from ncd.construct.generators import (
    concat,
    constant,
    gather,
    maximum,
    pad,
    parameter,
    reduce,
    slice_axis,
    solve,
)
from ncd.construct.notation import einsum
from ncd.construct.trace import diagram, trace
from ncd.core.category import Diagram
from ncd.nn import exp, log, softmax
from ncd.nn.graph import readout

averaged = readout("mean", "e -> n")            # of the messages that reach each node


@diagram("n f, e : index(n), e : index(n) -> n g", block="feature steered")
def feature_steered(x, source, target):
    """FeaSt; the edges hold the loops i → i."""
    here, there = gather("n")(x, target), gather("n")(x, source)
    logits = einsum("e f, m f -> e m")(here - there, parameter("u", "m f")()) + parameter("c", "m")()
    weight = softmax("m")(logits)
    linear = einsum("n f, m f g -> n m g")(x, parameter("W", "m f g")())    # before the gather: N, not E
    message = einsum("e m, e m g -> e g")(weight, gather("n")(linear, source))
    return averaged(message, target)


@diagram("n f, e : index(n), e : index(n), e d -> n g", block="mixture")
def gaussian_mixture(x, source, target, place):
    """MoNet: the weights are Gaussians of the pseudo-coordinates of each edge."""
    far = (place - parameter("mean", "m d")()) / parameter("width", "m d")()
    weight = exp(reduce("sum", "d")(far * far) * -0.5)
    linear = einsum("n f, m f g -> n m g")(x, parameter("W", "m f g")())
    return averaged(einsum("e m, e m g -> e g")(weight, gather("n")(linear, source)), target)


def affine_skip(convolution: Diagram) -> Diagram:
    """x, … -> Conv(x, …) + x A + b."""
    def skip(x, *edges):
        affine = einsum("n f, f g -> n g")(x, parameter("A", "f g")()) + parameter("b", "g")()
        return convolution(x, *edges) + affine
    return trace(skip, convolution.dom.inside, convolution.cod.inside)


@diagram("p d, i d -> p i")
def thin_plate(a, b):
    """φ(‖a − b‖) = r² ln r, which is 0 at r = 0."""
    gap = a - b
    square = reduce("sum", "d")(gap * gap)
    return square * log(maximum(square, 1e-30)) * 0.5


@diagram("p d -> p j=d+1")
def affine_terms(x):
    """(1, x): the polynomials of degree at most 1."""
    return concat("j")(constant(1.0, "p j=1")(), relabel(d="j")(x))


@diagram("i=n d, i=n c, p d -> p c")
def radial_basis(centres, values, places):
    """The interpolant at new places of the values given at the centres."""
    rows = relabel(i="p")
    poly = affine_terms(rows(centres))                                              # p j
    n, terms = centres.type.size("i"), poly.type.size("j")
    upper = concat("i")(thin_plate(rows(centres), centres), relabel(j="i")(poly))    # p i=n+d+1
    lower = pad("i", 0, terms)(relabel(p="i", j="p")(poly))
    matrix = concat("p")(upper, lower)
    found = solve("p i")(matrix, pad("p", 0, terms)(rows(values)))                   # i c
    split = slice_axis("i", 0, n), slice_axis("i", n)
    return einsum("p i, i c -> p c")(thin_plate(places, centres), split[0](found)) + \
        einsum("p j, j c -> p c")(affine_terms(places), relabel(i="j")(split[1](found)))
