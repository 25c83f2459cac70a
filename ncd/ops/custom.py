"""Operations that bring a derivative of their own, and linear maps that bring their transpose."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from ncd.core.category import Diagram
from ncd.core.op import Operation


@dataclass(frozen=True)
class CustomDerivative(Operation):
    """A diagram with a derivative that is stated and not derived.

    Type:      that of the body
    The reverse derivative has the type: inputs, (results,) cotangents of the results -> cotangents of
    the inputs; the forward derivative: inputs, tangents of the inputs -> tangents of the results.
    Only floats have tangents. Made by :func:`ncd.custom_derivative`.
    """

    title: str
    body: Diagram
    reverse: Diagram | None = None
    forward: Diagram | None = None

    @property
    def dom(self):
        return self.body.dom.inside

    @property
    def cod(self):
        return self.body.cod.inside

    @property
    def name(self) -> str:
        return self.title

    def definition(self):
        return self.body


@dataclass(frozen=True)
class LinearMap(Operation):
    """A map that is linear in its last inputs, given with its transpose.

    Type:      coefficients, inputs -> outputs
    Equation:  ⟨w, F(c, v)⟩ = ⟨Fᵀ(c, w), v⟩
    The transpose has the type: coefficients, outputs -> inputs. Without ``apply`` the map is known by
    its transpose only.
    """

    title: str
    coefficients: int
    transpose: Diagram
    apply: Diagram | None = None

    @property
    def primitive(self):
        return self.apply is None

    @cached_property
    def dom(self):
        return (*self.transpose.dom.inside[:self.coefficients], *self.transpose.cod.inside)

    @cached_property
    def cod(self):
        return self.transpose.dom.inside[self.coefficients:]

    @property
    def linear(self):
        return tuple(range(self.coefficients, len(self.dom)))

    @property
    def name(self) -> str:
        return self.title

    def definition(self):
        return self.apply
