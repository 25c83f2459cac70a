"""Neural interpreter: attention among functions, each token routed to the functions that fit it.

    t = MLP(LN x),   d_uv = 1 − cos(s_u, t_v),   C̃ = exp(−d/σ) [d ≤ τ],   C = C̃ / (ε + Σ_u C̃)
    ModLin(x; c) = (x ∘ LN(c W_c)) W + b
    y_uv = x_v + C_uv · ModLin(attention of function u on LN x, weighted by C_ui C_uj; c_u)
    out_uv = y_uv + C_uv · ModMLP(LN y_uv; c_u),   x'_v = Σ_u C_uv out_uv
The same interpreter is iterated: its parameters are shared over the repeats.

Source: Rahaman et al., arXiv 2110.06399.
"""

from __future__ import annotations

from ncd.construct.derived import cosine, normalise, relabel
from ncd.construct.generators import parameter, reduce
from ncd.construct.notation import einsum, rearrange
from ncd.construct.trace import diagram, pointwise, size
from ncd.core.category import Diagram
from ncd.nn import exp, gelu, layer_norm
from ncd.ops.scalar import TO_FLOAT
from ncd.ops.source import Initialiser

ZEROS, WEIGHT = Initialiser("zeros"), Initialiser("normal", 1.0, ("m",))
norm = layer_norm("m")


def routing(width: float = 1.0, cutoff: float = 0.9, epsilon: float = 1e-6) -> Diagram:
    """C: how much of token v function u takes: u d, v d -> u v."""
    @diagram("u d, v d -> u v")
    def shares(signature, kind):
        far = 1 - cosine("d")(signature, kind)
        near = exp(far / -width) * pointwise(TO_FLOAT, far <= cutoff)
        return normalise("u", epsilon)(near)
    return shares


def modulated_linear(out: str, title: str) -> Diagram:
    """(x ∘ LN(c W_c)) W + b: m, q -> out; q is the axis of the code."""
    @diagram(f"m, q -> {out}", block=title)
    def linear(x, code):
        from_code = parameter("code", "q m", Initialiser("normal", 1.0, ("q",)))()
        gate = norm(einsum("q, q m -> m")(code, from_code))
        label = out.split("=")[0]
        return einsum(f"m, m {label} -> {label}")(x * gate, parameter("weight", f"m {out}", WEIGHT)()) + \
            parameter("bias", out, ZEROS)()
    return linear


@diagram("u v m, u q, u v -> u v m", block="attention")
def attention(x, code, share):
    """One head for each function; what token i reads from j is weighted by C_ui C_uj."""
    query, key, value = (modulated_linear("k=m", title)(x, code) for title in ("query", "key", "value"))
    other = relabel(v="w")
    logits = einsum("u v k, u w k -> u v w")(query, other(key)) * size("m") ** -0.5
    weight = exp(logits - reduce("max", "w")(logits)) * share * other(share)
    mixed = einsum("u v w, u w k -> u v k")(normalise("w", 1e-6)(weight), other(value))
    return relabel(n="m")(modulated_linear("n=m", "project")(relabel(k="m")(mixed), code))


@diagram("u v m, u q -> u v m", block="mlp")
def modulated_mlp(x, code):
    hidden = gelu(modulated_linear("h=4*m", "inner")(x, code))
    return relabel(n="m")(modulated_linear("n=m//4", "outer")(relabel(h="m")(hidden), code))


def interpreter(functions: str = "u", code: str = "q", kind: str = "d", width: float = 1.0,
                cutoff: float = 0.9) -> Diagram:
    """One step of the interpreter on tokens v: v m -> v m."""
    @diagram("v m -> v m", block="interpreter")
    def step(x):
        inner = gelu(einsum("v m, m h -> v h")(norm(x), parameter("infer", "m h=m", WEIGHT)()))
        kinds = einsum("v h, h d -> v d")(inner, parameter("kind", f"h=m d={kind}", Initialiser(
            "normal", 1.0, ("h",)))())
        codes = parameter("codes", f"u={functions} q={code}", Initialiser("normal", 1.0))()
        signatures = parameter("signatures", f"u={functions} d={kind}", Initialiser("normal", 1.0))()
        share = routing(width, cutoff)(signatures, kinds)                               # u v
        spread = rearrange(f"v m -> u={functions} v m")(norm(x))
        y = x + share * attention(spread, codes, share)
        out = y + share * modulated_mlp(norm(y), codes)
        return einsum("u v, u v m -> v m")(share, out)
    return step


def program(steps="T", **options) -> Diagram:
    """The interpreter iterated, its parameters shared."""
    return interpreter(**options).repeat(steps, share=True, title="program")
