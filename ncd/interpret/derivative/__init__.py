"""The functor of derivatives: diagrams to diagrams, reverse and forward."""

from __future__ import annotations

from ncd.interpret.derivative.custom import custom_derivative
from ncd.interpret.derivative.lens import (
    Lens,
    Residual,
    forward,
    gradient,
    hessian_vector,
    reverse,
    transposed,
    vjp,
)
from ncd.interpret.derivative.policy import Policy

__all__ = ["Lens", "Policy", "Residual", "custom_derivative", "forward", "gradient", "hessian_vector",
           "reverse", "transposed", "vjp"]
