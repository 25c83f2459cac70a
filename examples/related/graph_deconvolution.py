"""Graph deconvolution: recover a latent graph from the one that is observed.

    U_oi = α_oi A_i + β_oi (A_i A_O + A_O A_i) + Σ_k c_oki T_k(A_O)
    A'_o = ReLU(offdiagonal(mean_i U_oi) / max|·| − τ_o)      (the last layer does not divide)
T_k is the Chebyshev polynomial: T_0 = I, T_1 = A, T_k = 2 A T_{k−1} − T_{k−2}.

Source: Wasserman et al., arXiv 2205.09575. Proximal gradient steps, unrolled.
"""

from __future__ import annotations

from ncd.construct.derived import relabel, unit
from ncd.construct.generators import concat, equal, iota, parameter, reduce, where
from ncd.construct.notation import einsum, rearrange
from ncd.construct.trace import diagram
from ncd.core.category import Diagram
from ncd.nn import abs, mean, relu


@diagram("n m=n, n m=n -> n m=n")
def product(a, b):
    """The matrix product A B."""
    return relabel(l="m")(einsum("n m, m l -> n l")(a, relabel(n="m", m="l")(b)))


def chebyshev(terms: int) -> Diagram:
    """T_0(A), …, T_{terms−1}(A), stacked: n m -> k n m."""
    @diagram("n m=n")
    def stack(a):
        found = [unit("n", "m")(), a]
        while len(found) < terms:
            found.append(product(a, found[-1]) * 2 - found[-2])
        layer = rearrange("n m -> k=1 n m")
        return concat("k", terms)(*[layer(item) for item in found[:terms]])
    return stack


@diagram("n m=n -> n m=n")
def hollow(a):
    """The array with zeros on the diagonal."""
    return where(equal(iota("n")(), iota("m=n")()), 0.0, a)


def deconvolution(channels_in="i", channels_out="o", terms: int = 3, last: bool = False) -> Diagram:
    """One layer: i n m, n m -> o n m; parameters alpha, beta, c, threshold."""
    i, o = f"i={channels_in}", f"o={channels_out}"

    @diagram(f"{i} n m=n, n m=n -> {o} n m=n", block="last deconvolution" if last else "deconvolution")
    def layer(latent, observed):
        anticommutator = product(latent, observed) + product(observed, latent)
        poly = chebyshev(terms)(observed)
        u = parameter("alpha", f"{o} {i}")() * latent + parameter("beta", f"{o} {i}")() * anticommutator + \
            einsum("k n m, o k i -> o i n m")(poly, parameter("c", f"{o} k={terms} {i}")())
        u = hollow(mean("i")(u))
        if not last:
            u = u / reduce("max", "n m")(abs(u))
        return relu(u - parameter("threshold", o)())
    return layer
