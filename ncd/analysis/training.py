"""What a step of training costs: forward, backward and optimiser, each the cost of its diagram.

The backward part is the derivative's diagram, and what is kept for it is its residual wires; the optimiser is
an entrywise diagram on each parameter. No formula is written here.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from ncd.algebra.convert import ZERO, Size
from ncd.core.array import Array
from ncd.core.category import Diagram
from ncd.errors import ArityError, NcdError
from ncd.interpret.cost import table
from ncd.interpret.cost.breakdown import ADDED
from ncd.interpret.cost.meter import Total
from ncd.interpret.cost.rules import array_bytes

if TYPE_CHECKING:
    from ncd.interpret.cost.cost import Cost

OPTIMISERS = ("sgd", "momentum", "adam", "adamw")
PARTS = ("forward", "backward", "optimiser")


class Training:
    """A training step of a diagram, with the cotangents of its results given.

    Attributes:
        lens: The reverse derivative, see :meth:`Diagram.reverse`.
        forward, backward: The costs of its two parts; ``composite`` of both as one schedule.
        optimiser: {measure: size} of one step for all parameters that are learned.
    Measures (SymPy expressions; ``exact`` holds them as sizes): ``forward_flops``, ``backward_flops``,
    ``optimiser_flops`` and their sum ``flops``; so for ``matrix_flops``, ``transcendentals``, ``reads``,
    ``writes``; and
        kept: Bytes of activations kept between the parts: the residual wires that are neither an input
            nor a parameter.
        held: Bytes of all residual wires.
        gradient_bytes, state_bytes: Bytes of the parameters' gradients, and of the optimiser's state.
        peak_memory: Bytes live at once: the composite's peak and the optimiser's state.
    """

    def __init__(self, cost: Cost, measure, wrt=None, policy="everything", optimiser="adam"):
        self.cost, self.measure = cost, measure
        self.lens = cost.diagram.reverse(wrt, policy)
        self.step = _optimiser(optimiser)

    @cached_property
    def forward(self) -> Cost:
        return self.measure(self.lens.forward, self.cost.known)

    @cached_property
    def backward(self) -> Cost:
        # What is known of the results of the forward part is known of what is kept of them.
        left = self.forward.skipped.outputs[-len(self.lens.residuals):] if self.forward.skipped else None
        return self.measure(self.lens.backward, left if self.lens.residuals else None)

    @cached_property
    def composite(self) -> Cost:
        return self.measure(self.lens.composite, self.cost.known)

    @property
    def learned(self) -> tuple[Array, ...]:
        """The arrays of the parameters that are learned."""
        return self.lens.backward.cod.inside[len(self.lens.inputs):]

    @cached_property
    def optimiser(self) -> dict[str, Size]:
        totals = {name: Total() for name in ADDED}
        for array in self.learned if self.step is not None else ():
            found = self.measure(self._updates(array)).exact
            for name, total in totals.items():
                total.add(found[name])
        return {name: total.size for name, total in totals.items()}

    def _updates(self, array: Array) -> Diagram:
        """The optimiser on one parameter: it, its gradient and its states have the parameter's axes."""
        arrays = [array if n < len(self.step.cod) + 1 else Array(()) for n in range(len(self.step.dom))]
        return self.step.on(", ".join(map(_typed, arrays)))

    @cached_property
    def _state_bytes(self) -> Size:
        """Every result of the optimiser but the parameter is a state of the parameter's type."""
        states = 0 if self.step is None else len(self.step.cod) - 1
        return self._gradient_bytes * states

    @cached_property
    def _gradient_bytes(self) -> Size:
        return sum((array_bytes(array, self.cost.convention) for array in self.learned), ZERO)

    @cached_property
    def _held(self) -> Size:
        return sum((array_bytes(each.array, self.cost.convention) for each in self.lens.residuals), ZERO)

    @cached_property
    def _kept(self) -> Size:
        given = {f"input {n}" for n in range(len(self.cost.diagram.dom))}
        places = {"/".join(path) for path in self.cost.slots}
        return sum((array_bytes(each.array, self.cost.convention) for each in self.lens.residuals
                    if each.name not in given and each.name not in places), ZERO)

    @property
    def _peak_memory(self) -> Size:
        return self.composite.exact["peak_memory"] + self._state_bytes

    @cached_property
    def exact(self) -> dict[str, Size]:
        """Every measure of the step as an exact size: ``forward_flops``, ``backward_flops``, …"""
        made: dict[str, Size] = {}
        for name in ("flops", "matrix_flops", "transcendentals", "reads", "writes"):
            parts = [self.forward.exact[name], self.backward.exact[name], self.optimiser.get(name, ZERO)]
            made |= {f"{part}_{name}": size for part, size in zip(PARTS, parts)} | {name: sum(parts, ZERO)}
        return made | {"kept": self._kept, "held": self._held, "gradient_bytes": self._gradient_bytes,
                       "state_bytes": self._state_bytes, "peak_memory": self._peak_memory}

    def evaluate(self, **sizes) -> dict[str, int | float]:
        """Every measure as a number at given sizes.

        Raises:    SizeError: A size that it depends on is not given, or is not positive.
        """
        numbers = self.cost.sized(sizes)
        return {name: size.evaluate(numbers) for name, size in self.exact.items()}

    def __getattr__(self, name: str):
        if name.startswith("_") or name not in self.exact:
            raise AttributeError(f"a training step has no measure {name!r}")
        return self.exact[name].sympy

    def rows(self) -> list[tuple[str, str, Size]]:
        """(name, unit, size) of every measure."""
        return [(name, "FLOP" if name.endswith("flops") else "calls" if name.endswith("transcendentals")
                 else "bytes", size) for name, size in self.exact.items()]

    def table(self, **sizes) -> str:
        """A line for each measure and part: its unit, its number where sizes are given, its formula."""
        return table.step(self.rows(), PARTS, sizes, bool(sizes))

    def __str__(self):
        return self.table()


def _typed(array: Array) -> str:
    return str(array) or "()"


def _optimiser(value) -> Diagram | None:
    """An optimiser by name, or a diagram p, g, states, numbers -> p, states of numbers."""
    from ncd import nn
    if value is None:
        return None
    if isinstance(value, str):
        made = {"sgd": nn.sgd, "momentum": lambda: nn.sgd(momentum=0.9), "adam": nn.adam,
                "adamw": lambda: nn.adam(decay=0.01)}
        if value not in made:
            raise NcdError(f"no optimiser {value!r}", want=", ".join(OPTIMISERS) + ", a diagram, or None")
        return made[value]()
    diagram = getattr(value, "diagram", value)
    if not isinstance(diagram, Diagram):
        raise NcdError(f"{value!r} is no optimiser", want=", ".join(OPTIMISERS) + ", a diagram, or None")
    if len(diagram.cod) < 1 or len(diagram.dom) < len(diagram.cod) + 1:
        raise ArityError("an optimiser takes a parameter, its gradient and its states, and returns the "
                         "parameter and the states", have=str(diagram), want="p, g, m -> p, m")
    return diagram
