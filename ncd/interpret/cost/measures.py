"""The measures of a cost by name, their units, and their quotients."""

from __future__ import annotations

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
