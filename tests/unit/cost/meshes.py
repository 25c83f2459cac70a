"""The oracle of shardings: JAX's own partitioner on several CPU devices, run in a process of its own.

``python -m tests.unit.cost.meshes`` prints, as JSON, for each model {kind of collective: elements that it
is about} of the compiled program, whatever way XLA has grouped them.
"""

from __future__ import annotations

import json
import os
import re
from math import prod

from ncd import nn

SIZES = {"b": 8, "x": 12, "m": 16, "f": 20, "h": 4, "k": 6, "v": 24, "t": 5}
MESH = {"data": 2, "model": 2}
BLOCK = nn.self_attention("x m").on("b x m") >> nn.feed_forward("m", "f").on("b x m")
MODELS = {  # name: diagram, sharding by label, how the outputs are asked for
    "mlp": (nn.feed_forward("m", "f").on("b x m"), {"f": "model"}, {}),
    "attention": (nn.self_attention("x m").on("b x m"), {"h": "model"}, {}),
    "both": (BLOCK, {"h": "model", "f": "model", "b": "data"}, {"b": "data"}),
    "data": (nn.feed_forward("m", "f").on("b x m").reverse("parameters").composite, {"b": "data"}, {}),
    "vjp": (nn.feed_forward("m", "f").on("b x m").vjp("inputs"), {"f": "model"}, {}),
    "softmax": (nn.softmax("x").on("b x"), {"x": "model"}, {"x": "model"}),
    "block": (nn.transformer_block("x m", "f").on("b x m"), {"h": "model", "f": "model", "b": "data"},
              {"b": "data"}),
    "deep": (nn.transformer_block("x m", "f").repeat(3).on("b x m"),
             {"h": "model", "f": "model", "b": "data"}, {"b": "data"}),
    "recurrent": (nn.gru("t", "m -> f").on("b t m"), {"b": "data"}, {"b": "data"}),
    "features": (nn.layer_norm("m").on("b x m"), {"m": "model"}, {"m": "model"}),
    "backward": (BLOCK.reverse("parameters").composite, {"h": "model", "f": "model", "b": "data"},
                 {"h": "model", "f": "model"}),
    "gathered": (nn.linear("m -> f").on("b m"), {"b": "data"}, {})}


def compiled(name: str) -> str:
    """The program that XLA's partitioner makes of a model."""
    os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=4"
    os.environ["JAX_PLATFORMS"] = "cpu"
    import jax
    import numpy as np
    from jax.sharding import Mesh, NamedSharding, PartitionSpec

    from ncd.traverse.places import build, places
    diagram, axes, outputs = MODELS[name]
    mesh = Mesh(np.array(jax.devices()).reshape(2, 2), tuple(MESH))

    def of(array, by):
        return NamedSharding(mesh, PartitionSpec(*(by.get(label) for label in array.labels)))
    slots, _ = places(diagram)
    run = diagram.to_jax()
    values, cuts = [], []
    if slots:
        values.append(build({path: _zeros(slot.array) for path, slot in slots.items()}))
        cuts.append(build({path: of(slot.array, axes) for path, slot in slots.items()}))
    for array in diagram.dom.inside:
        values.append(_zeros(array))
        cuts.append(of(array, axes))
    made = [of(array, outputs) for array in diagram.cod.inside]
    jitted = jax.jit(lambda *given: run(*given), in_shardings=tuple(cuts),
                     out_shardings=made[0] if len(made) == 1 else tuple(made))
    return jitted.lower(*values).compile().as_text()


def _zeros(array):
    import numpy as np
    return np.zeros([axis.size.evaluate(SIZES) for axis in array.axes], "float32")


def collectives(text: str) -> dict[str, int]:
    """{kind: elements of all results} of the collectives in a compiled program."""
    found: dict[str, int] = {}
    for line in text.splitlines():
        match = re.search(r"= (.*?) (all-reduce|all-gather|reduce-scatter|all-to-all)(?:-start)?\(", line)
        if match:
            shapes = re.findall(r"\w+\[([\d,]*)\]", match[1])
            found[match[2]] = found.get(match[2], 0) + sum(
                prod(map(int, filter(None, shape.split(",")))) for shape in shapes)
    return found


if __name__ == "__main__":
    print(json.dumps({name: collectives(compiled(name)) for name in MODELS}))
