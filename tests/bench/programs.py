"""A transformer block from its diagram against the same block by hand, and 48 blocks against one."""

from __future__ import annotations

import time

import jax
import jax.numpy as jnp

import ncd

SIZES = {"m": 256, "h": 8, "k": 32, "f": 1024}


def by_hand(params, x):
    """A pre-norm transformer block, written in JAX as one would."""
    def norm(p, x):
        centred = x - x.mean(-1, keepdims=True)
        return centred * jax.lax.rsqrt((centred * centred).mean(-1, keepdims=True) + 1e-5) \
            * p["scale"] + p["shift"]
    a = params["self_attention"]
    z = norm(params["layer_norm"], x)
    q, k, v = (jnp.einsum("bxm,mkh->bxkh", z, a[name]["weight"]) for name in "QKV")
    scores = jnp.einsum("bykh,bxkh->byxh", q, k) * SIZES["k"] ** -0.5
    mixed = jnp.einsum("byxh,bxkh->bykh", jax.nn.softmax(scores, 2), v)
    x = x + jnp.einsum("bykh,khm->bym", mixed, a["O"]["weight"])
    f = params["feed_forward"]
    z = norm(params["layer_norm_1"], x)
    z = jax.nn.relu(z @ f["up"]["weight"] + f["up"]["bias"])
    return x + z @ f["down"]["weight"] + f["down"]["bias"]


def flops(compiled) -> float:
    analysis = compiled.cost_analysis()
    return (analysis[0] if isinstance(analysis, list) else analysis)["flops"]


def interleaved(first, second, times: int = 30) -> tuple[float, float]:
    """The medians of two programs timed in turn, so that both see the same machine."""
    found: tuple[list[float], list[float]] = ([], [])
    for _ in range(times):
        for function, into in zip((first, second), found):
            start = time.perf_counter()
            jax.block_until_ready(function())
            into.append(time.perf_counter() - start)
    return tuple(sorted(each)[times // 2] for each in found)


def main() -> None:
    block = ncd.zoo.pre_norm_block().lift("b")
    params = block.init(0, **SIZES)
    x = jax.random.normal(jax.random.key(1), (8, 128, SIZES["m"]))
    diagram = jax.jit(block.to_jax()).lower(params, x).compile()
    (hand_params,) = params.values()
    hand = jax.jit(by_hand).lower(hand_params, x).compile()
    error = float(jnp.abs(diagram(params, x) - hand(hand_params, x)).max())
    a, b = interleaved(lambda: diagram(params, x), lambda: hand(hand_params, x))
    print(f"transformer block: diagram / by hand {a / b:.3f} in time, XLA FLOPs "
          f"{flops(diagram):,.0f} and {flops(hand):,.0f}, max difference {error:.1e}")
    one, many, hand_one, hand_many = compile_times()
    print(f"trace and compile: 48 repeated blocks / one block {many / one:.2f} ({many:.3f} s, {one:.3f} s); "
          f"by hand with lax.scan {hand_many / hand_one:.2f} ({hand_many:.3f} s, {hand_one:.3f} s)")


def compile_times(count: int = 48, times: int = 5) -> list[float]:
    """Seconds to trace and compile one block and so many, from the diagram and by hand, in turn."""
    block = ncd.zoo.pre_norm_block()
    models = [model.lift("b") for model in (block, block.repeat(count))]
    params = [jax.eval_shape(lambda model=model: model.init(0, **SIZES)) for model in models]
    (hand_one,) = params[0].values()
    hand_many = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((count, *leaf.shape), leaf.dtype), hand_one)
    x = jax.ShapeDtypeStruct((8, 128, SIZES["m"]), jnp.float32)

    def looped(params, x):
        return jax.lax.scan(lambda x, layer: (by_hand(layer, x), None), x, params)[0]
    best = [float("inf")] * 4
    for _ in range(times):
        for at, (make, given) in enumerate([
                (models[0].to_jax, params[0]), (models[1].to_jax, params[1]),
                (lambda: by_hand, hand_one), (lambda: looped, hand_many)]):
            jax.clear_caches()
            start = time.perf_counter()
            jax.jit(make()).lower(given, x).compile()
            best[at] = min(best[at], time.perf_counter() - start)
    return best
