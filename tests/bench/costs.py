"""The time of formulas: of every model of the zoo, of large diagrams, of many points at once."""

from __future__ import annotations

import math

import numpy

import ncd
from ncd import nn
from ncd.core.category import Diagram
from tests.bench.building import best


def unrolled(layers: int) -> Diagram:
    """Layers one after the other without a loop, each a gate of six operations of its own."""
    @ncd.diagram("x m")
    def model(x):
        for _ in range(layers):
            hidden = nn.linear("m -> m")(x)
            x = x + hidden * nn.sigmoid(hidden)
        return x
    return model


def work_out(diagram: Diagram) -> None:
    """Every measure but fusion: a new value each time, nothing kept from before."""
    cost = diagram.cost()
    for name in ("flops", "transcendentals", "params", "reads", "writes", "depth", "peak_memory"):
        cost.exact[name]


def evaluated(points: int = 10_000) -> float:
    """Seconds for the total FLOPs of a transformer at so many points."""
    cost = ncd.zoo.encoder_decoder_transformer().cost()
    random = numpy.random.default_rng(0)
    sizes = {name: random.integers(1, 4096, points) for name in sorted(cost.exact["flops"].symbols)}
    from ncd.algebra.program import compiled
    price = compiled({"flops": cost.exact["flops"]})
    return best(lambda: price(sizes))


def main() -> None:
    work_out(ncd.zoo.mlp_recogniser())
    print("formulas of the zoo, each made and measured for the first time (limit 0.1 s)")
    for name in sorted(ncd.zoo.ZOO):
        model = ncd.zoo.ZOO[name]()
        print(f"  {name:<28} {best(lambda: work_out(model), 1):.3f} s")
    print("unrolled layers, 4 operations each (limit 3 s for 10,000, order 1.1)")
    times = {}
    for layers in (250, 1000, 2500):
        model = unrolled(layers)
        model.graph  # noqa: B018
        times[4 * layers] = best(lambda: work_out(model))
        print(f"  {4 * layers:>6} operations  {times[4 * layers]:.3f} s")
    small, large = min(times), max(times)
    order = math.log(times[large] / times[small]) / math.log(large / small)
    print(f"  order {order:.2f}")
    print(f"a total at 10,000 points (limit 0.1 s): {evaluated():.4f} s")
