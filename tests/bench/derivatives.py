"""Reverse derivatives: built in linear time, and their programs against JAX's own differentiation."""

from __future__ import annotations

import math
import time

import jax
import jax.numpy as jnp

import ncd
from ncd import nn
from ncd.core.category import Diagram
from tests.bench.programs import flops, interleaved

SIZES = {"b": 64, "m": 256, "h": 8, "k": 32, "f": 1024}


def models() -> dict[str, tuple[Diagram, dict]]:
    """Each model with the sizes that it is run at."""
    layers = nn.linear("m -> f") >> nn.gelu >> nn.linear("f -> f") >> nn.relu >> nn.linear("f -> m")
    return {
        "MLP": (layers.on("b m"), SIZES | {"b": 256}),
        "transformer block": (ncd.zoo.pre_norm_block().lift("b"), SIZES | {"b": 8, "x": 128}),
        "ResNet block": (ncd.zoo.identity_resnet_block(), {"n": 8, "x": 28, "y": 28, "b": 32}),
        "12-layer scan": (ncd.zoo.pre_norm_block().repeat(12).lift("b"),
                          SIZES | {"b": 2, "x": 64, "m": 128, "k": 16, "f": 512})}


def programs(model: Diagram, sizes: dict):
    """(ours, JAX's, the arguments): both pull one cotangent back to the parameters and the input."""
    (array,), lens, program = model.dom.inside, model.reverse(), model.to_jax()
    params = model.init(0, **sizes)
    shape = [axis.size.evaluate(sizes) for axis in array.axes]
    x, w = (jax.random.normal(jax.random.key(n), shape) for n in (1, 2))
    ours = jax.jit(lens.to_jax()).lower(params, x, w).compile()
    theirs = jax.jit(lambda params, x, w: jax.vjp(program, params, x)[1](w)).lower(params, x, w).compile()
    (found_x,), found = lens.split(ours(params, x, w))
    wanted, wanted_x = theirs(params, x, w)
    pairs = list(zip(jax.tree.leaves((found, found_x)), jax.tree.leaves((wanted, wanted_x))))
    largest = max(float(jnp.abs(b).max()) for _, b in pairs)
    error = max(float(jnp.abs(a - b).max()) for a, b in pairs) / largest
    return ours, theirs, (params, x, w), error


def chain(count: int) -> Diagram:
    """A model of so many boxes and as many parameters as a third of them."""
    @ncd.diagram("b m")
    def model(x):
        for _ in range(count // 3):
            x = nn.tanh(x * ncd.parameter("weight", "m")() + x)
        return x
    return model


def main() -> None:
    chains = {count: chain(count) for count in (300, 1000, 3000, 10_000)}
    times = dict.fromkeys(chains, math.inf)
    for _ in range(6):                  # by turns, so that a slow spell of the machine meets every size
        for count, model in chains.items():
            model.graph  # noqa: B018
            for _ in range(max(1, 2000 // count)):
                start = time.perf_counter()
                lens = model.reverse()
                boxes = len(lens.composite.graph)
                times[count] = min(times[count], time.perf_counter() - start)
                del lens
    for count, model in chains.items():
        print(f"reverse of {len(model.graph)} boxes: {times[count]:.3f} s")
    print(f"the largest has {boxes} boxes")
    order = math.log(times[10_000] / times[1000]) / math.log(10)
    print(f"order from 1,000 to 10,000: {order:.2f}")
    for name, (model, sizes) in models().items():
        ours, theirs, arguments, error = programs(model, sizes)
        a, b = interleaved(lambda: ours(*arguments), lambda: theirs(*arguments), 30)
        print(f"{name}: ncd / jax.vjp {a / b:.3f} in time ({a * 1e3:.1f} ms), XLA FLOPs "
              f"{flops(ours) / flops(theirs):.4f}, relative difference {error:.1e}")


if __name__ == "__main__":
    main()
