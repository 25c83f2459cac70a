"""ncd: a deep-learning architecture is a morphism.

Axes are objects, operations are morphisms of a monoidal category built on DisCoPy; a
functor to JAX arrays runs a diagram, a functor to SymPy expressions says what it costs.
"""

from __future__ import annotations

from importlib import import_module

from ncd import errors
from ncd import face as _face  # noqa: F401  (attaches the methods of a diagram)
from ncd.construct.generators import (
    concat,
    constant,
    elementwise,
    gather,
    parameter,
    reduce,
    scan,
    segment,
    topk,
    where,
)
from ncd.construct.notation import einsum, rearrange, reindex
from ncd.construct.scope import scope
from ncd.construct.trace import diagram, size
from ncd.core.array import Array
from ncd.core.axis import Axis
from ncd.core.category import Diagram, Ty
from ncd.core.op import Operation
from ncd.errors import AxisError, NcdError
from ncd.interpret.interpretation import Interpretation

__version__ = "0.1.0"

# What loads only when asked for: name -> (module, attribute; None for the module itself).
_LAZY = {
    "nn": ("ncd.nn", None), "zoo": ("ncd.zoo", None), "softmax": ("ncd.nn", "softmax"),
    "load": ("ncd.read.resolve", "load"), "from_json": ("ncd.read.resolve", "from_json"),
    "jax": ("ncd.interpret.jax", "JAX"), "reference": ("ncd.interpret.reference", "REFERENCE"),
    "cost": ("ncd.interpret.cost", "COST"), "equation": ("ncd.interpret.draw", "equation"),
    "solve": ("ncd.analysis", "solve"),
    "custom_derivative": ("ncd.interpret.derivative", "custom_derivative")}

__all__ = ["Array", "Axis", "AxisError", "Diagram", "Interpretation", "NcdError", "Operation", "Ty",
           "concat", "constant", "diagram", "einsum", "elementwise", "errors", "gather", "parameter",
           "rearrange", "reduce", "reindex", "scan", "scope", "segment", "size", "topk", "where", *_LAZY]


def __getattr__(name: str):
    if name not in _LAZY:
        raise AttributeError(f"ncd has no name {name!r}")
    module, attribute = _LAZY[name]
    found = import_module(module)
    found = found if attribute is None else getattr(found, attribute)
    globals()[name] = found
    return found


def __dir__():
    return sorted(__all__)
