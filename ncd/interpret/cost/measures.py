"""The measures of a cost by name: their units, and how each is read off a diagram that was measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ncd.core.pause import without_collection
from ncd.core.size import Size
from ncd.interpret.cost import fusion
from ncd.interpret.cost.measure import Total, longest
from ncd.interpret.cost.rules import array_bytes, total_bytes

if TYPE_CHECKING:
    from ncd.interpret.cost.cost import Cost

MEASURES = {
    "flops": "FLOP", "matrix_flops": "FLOP", "vector_flops": "FLOP", "transcendentals": "calls",
    "params": "elements", "param_bytes": "bytes", "reads": "bytes", "writes": "bytes",
    "fused_reads": "bytes", "fused_writes": "bytes", "depth": "steps", "peak_memory": "bytes",
    "activations": "bytes"}
"""Each measure and its unit."""

RATIOS = {"intensity": ("FLOP/byte", ("flops",), ("reads", "writes")),
          "fused_intensity": ("FLOP/byte", ("flops",), ("fused_reads", "fused_writes")),
          "parallelism": ("FLOP/step", ("flops", "transcendentals"), ("depth",))}
"""Each quotient of measures: its unit, what is added above and what below."""


def quotient(above, below):
    """A quotient of numbers or arrays; nan where it is of nothing by nothing, or by nothing."""
    if hasattr(above, "__len__") or hasattr(below, "__len__"):
        import numpy
        below = numpy.asarray(below, float)
        return numpy.divide(numpy.asarray(above, float), below, out=numpy.full(below.shape, numpy.nan),
                            where=below != 0)
    try:
        return above / below if below else float("nan")
    except OverflowError:               # of whole numbers: the quotient alone is beyond all floats
        return float("inf")


class Measures(Mapping):
    """{measure: size}; each is worked out once, when it is asked for."""

    def __init__(self, cost: Cost):
        self.cost, self.known = cost, {}

    def __iter__(self):
        return iter(MEASURES)

    def __len__(self):
        return len(MEASURES)

    def __getitem__(self, name: str) -> Size:
        if name not in self.known:
            if name not in MEASURES:
                raise KeyError(name)
            self._work(name)
        return self.known[name]

    @without_collection
    def _work(self, name: str) -> None:
        cost, body = self.cost, self.cost._body
        flops, calls, reads, writes, matrix = cost._less(body.sums, ())
        if name.startswith("fused_"):
            self.known["fused_reads"], self.known["fused_writes"] = fusion.traffic(cost._meter, cost.diagram)
            return
        params, weights, held = Total(), Total(), Total()
        for slot in cost._slots.values():
            held.add(array_bytes(slot.array, cost.convention))
            if not slot.stored:
                params.add(slot.array.elements)
                weights.add(array_bytes(slot.array, cost.convention))
        held.add(total_bytes(cost.diagram.graph.inputs, cost.convention))
        depth = [*body.depth.values(), *(f for f in body.floor if f is not None)]
        self.known |= {
            "flops": flops, "matrix_flops": matrix, "vector_flops": flops - matrix, "transcendentals": calls,
            "params": params.size, "param_bytes": weights.size, "reads": reads, "writes": writes,
            "depth": Size(longest(depth)), "peak_memory": held.size + body.peak, "activations": body.peak}
