"""A graph neural network of infinite width is a Gaussian process; training it is a linear solve.

With A the normalised adjacency and X the features (F of them):
    Σ¹ = Θ¹ = σ_w² A (X Xᵀ / F) Aᵀ + σ_b²
    Σ' = σ_w² A Λ Aᵀ + σ_b²,    Θ' = σ_w² A (Λ + Θ ∘ Λ̇) Aᵀ + σ_b²
and for the ReLU, with cos θ = Σ_ij / √(Σ_ii Σ_jj),
    Λ = √(Σ_ii Σ_jj) (sin θ + (π − θ) cos θ) / 2π,    Λ̇ = (π − θ) / 2π.
Θ is the tangent kernel ⟨∂f/∂w, ∂f/∂w⟩ of the network; a trained network predicts Θ_*t Θ_tt⁻¹ y.

Source: Cobanoglu, arXiv 2310.08176.
"""

from __future__ import annotations

from math import pi

from ncd.construct.derived import diagonal, relabel
from ncd.construct.generators import elementwise, gather, maximum, minimum, parameter, scan, solve
from ncd.construct.notation import einsum
from ncd.construct.trace import diagram, size
from ncd.core.category import Diagram
from ncd.nn import relu, sin, sqrt
from ncd.ops.source import Initialiser

arccos = elementwise("arccos")


@diagram("i=n k=n, k=n l=n -> k=n l=n")
def average(a, s):
    """A S Aᵀ: the kernel of the features after each node took the mean of its neighbours."""
    both = einsum("i k, k l, j l -> i j")(a, s, relabel(i="j", k="l")(a))
    return relabel(i="k", j="l")(both)


@diagram("k=n l=n -> k=n l=n, k=n l=n")
def relu_duals(s):
    """(Λ, Λ̇): the means of φ(u)φ(v) and of φ'(u)φ'(v) for the ReLU and (u, v) ~ N(0, Σ)."""
    variance = diagonal("k", "l")(s)
    norm = sqrt(variance * relabel(k="l")(variance))
    cosine = maximum(minimum(s / norm, 1.0), -1.0)
    angle = arccos(cosine)
    return norm * (sin(angle) + (pi - angle) * cosine) / (2 * pi), (pi - angle) / (2 * pi)


def kernel_layer(weight: float = 1.0, bias: float = 0.0) -> Diagram:
    """One layer of the network, seen on kernels: Σ, Θ, A -> Σ', Θ'."""
    @diagram("k=n l=n, k=n l=n, i=n k=n -> k=n l=n, k=n l=n", block="kernel layer")
    def layer(covariance, tangent, a):
        even, slope = relu_duals(covariance)
        def out(kernel):
            return average(a, kernel) * weight ** 2 + bias ** 2
        return out(even), out(even + tangent * slope)
    return layer


def tangent_kernel(depth="L", weight: float = 1.0, bias: float = 0.0) -> Diagram:
    """Θ of a network of ``depth`` layers (a number or a symbol): i k, k f -> k l."""
    @diagram("i=n k=n, k=n f -> k=n l=n")
    def kernel(a, x):
        gram = einsum("k f, l f -> k l")(x, relabel(k="l")(x)) / size("f")
        first = average(a, gram) * weight ** 2 + bias ** 2
        if depth == 1:
            return first
        step = scan(kernel_layer(weight, bias), f"layer={depth}-1", states=2)
        return step(first, first, a)[1]
    return kernel


@diagram("k=n l=n, t : index(n), t c -> k=n c")
def predict(kernel, train, labels):
    """Θ_*t Θ_tt⁻¹ y: the labels that the trained network gives to every node."""
    to_train = gather("l")(kernel, train)                           # k t
    among = gather("k")(to_train, relabel(t="u")(train))            # u t
    return einsum("k t, t c -> k c")(to_train, solve("u t")(among, relabel(t="u")(labels)))


def finite_network(width: int) -> Diagram:
    """Two layers of finite width, in the scaling whose limit the kernel is: i k, k f -> i."""
    normal = Initialiser("normal", 1.0)

    @diagram("i=n k=n, k=n f -> i=n")
    def network(a, x):
        inner = parameter("inner", f"f m={width}", normal)()
        hidden = relu(einsum("i k, k f, f m -> i m")(a, x, inner) * size("f") ** -0.5)
        outer = parameter("outer", f"m={width}", normal)()
        return einsum("i k, k m, m -> i")(a, relabel(i="k")(hidden), outer) * size("m") ** -0.5
    return network
