"""What a derivative is held to: JAX's own, and differences of values in the reference."""

from __future__ import annotations

from typing import NamedTuple

import jax
import numpy as np

from ncd.core.category import Diagram, Ty
from ncd.interpret.reference import run
from ncd.traverse.places import find, places
from theory.law import KEY, _jax_inputs
from theory.random import parameters, value, values

FAST = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}


class Point(NamedTuple):
    """A diagram with values for its inputs and parameters, tangents for both, cotangents for its results."""

    diagram: Diagram
    sizes: dict
    inputs: list
    params: dict | None
    inputs_rate: list
    params_rate: dict
    weights: list

    @property
    def smooth(self) -> list[int]:
        return [n for n, array in enumerate(self.diagram.dom.inside) if array.dtype == "float"]

    @property
    def results(self) -> list[int]:
        return [n for n, array in enumerate(self.diagram.cod.inside) if array.dtype == "float"]

    @property
    def learned(self) -> dict:
        return {path: slot for path, slot in places(self.diagram)[0].items() if not slot.stored}

    @property
    def has_nothing(self) -> bool:
        """Whether there is nothing to differentiate in, or nothing to differentiate."""
        return not (self.smooth or self.learned)


def point(diagram: Diagram, sizes: dict, seed: int = 0) -> Point:
    """A random point, the same for a seed."""
    slots = {path: slot for path, slot in places(diagram)[0].items() if not slot.stored}
    floats = [array for array in diagram.dom.inside if array.dtype == "float"]
    rates = [array for array in diagram.cod.inside if array.dtype == "float"]
    return Point(diagram, sizes, values(diagram.dom, sizes, seed), parameters(diagram, sizes, seed),
                 values(Ty.of(floats), sizes, seed + 1),
                 {path: value(slot.array, sizes, seed + 71 + n)
                  for n, (path, slot) in enumerate(slots.items())},
                 values(Ty.of(rates), sizes, seed + 2))


def _tuple(found) -> tuple:
    return found if isinstance(found, tuple) else (found,)


def in_jax(point: Point):
    """(f x, ∂f[x] v, wᵀ∂f[x]) by JAX's own differentiation of the program; the last inputs first."""
    with jax.enable_x64(True):
        program = point.diagram.to_jax(**point.sizes)
        key = {"key": KEY} if program.keys else {}
        fixed = _jax_inputs(point.diagram.dom, point.inputs)
        learned = list(point.learned)

        def f(floats, params):
            given = list(fixed)
            for n, item in zip(point.smooth, floats):
                given[n] = item
            tree = _replaced(point.params, dict(zip(learned, params)))
            made = _tuple(program(*([tree] if program.slots else []), *given, **key))
            return [made[n] for n in point.results]
        floats = [np.asarray(point.inputs[n]) for n in point.smooth]
        params = [np.asarray(find(point.params, path)) for path in learned]

        def all_of(floats, params, v, u, w):
            made, rates = jax.jvp(f, (floats, params), (v, u))
            pulled = jax.vjp(f, floats, params)[1](w)
            return made, rates, [*pulled[0], *pulled[1]]
        return jax.jit(all_of, compiler_options=FAST)(
            floats, params, point.inputs_rate, list(point.params_rate.values()), point.weights)


def _replaced(tree, values: dict):
    if tree is None:
        return None
    made = {}
    for name, item in tree.items():
        inner = {path[1:]: v for path, v in values.items() if path[0] == name}
        made[name] = inner[()] if () in inner else _replaced(item, inner) if isinstance(item, dict) else item
    return made


def ours(point: Point, model: str, policy="everything", faster: bool = True):
    """(∂f[x] v, wᵀ∂f[x]) by the diagrams of the derivatives, in a model."""
    reverse = point.diagram.reverse(policy=policy, faster=faster).composite
    forward = point.diagram.forward(faster=faster)
    pulled = evaluated(reverse, [*point.inputs, *point.weights], point, model)
    rates = [*point.inputs_rate, *point.params_rate.values()]
    pushed = evaluated(forward, [*point.inputs, *rates], point, model)
    return pushed[len(point.diagram.cod):], pulled


def evaluated(diagram: Diagram, inputs, point: Point, model: str) -> tuple:
    """A diagram on values, its parameters those of the point."""
    has = bool(places(diagram)[0])
    if model == "reference":
        return _tuple(run(diagram, *inputs, params=point.params if has else None, key=KEY, **point.sizes))
    with jax.enable_x64(True):
        program = diagram.to_jax(**point.sizes)
        key = {"key": KEY} if program.keys else {}
        given = _jax_inputs(diagram.dom, inputs)
        return _tuple(jax.jit(lambda *given: program(*given, **key), compiler_options=FAST)(
            *([point.params] if has else []), *given))


def difference(point: Point, step: float = 1e-5) -> list:
    """∂f[x] v by central differences of the reference."""
    def f(t):
        given = list(point.inputs)
        for n, rate in zip(point.smooth, point.inputs_rate):
            given[n] = given[n] + t * rate
        moved = {path: find(point.params, path) + t * rate for path, rate in point.params_rate.items()}
        params = _replaced(point.params, moved)
        made = _tuple(run(point.diagram, *given, params=params, key=KEY, **point.sizes))
        return [np.asarray(made[n], float) for n in point.results]
    return [(a - b) / (2 * step) for a, b in zip(f(step), f(-step))]


def distance(left, right) -> float:
    """The largest difference, relative to the largest entry; infinite where only one is finite."""
    worst = 0.0
    for a, b in zip(left, right, strict=True):
        a, b = np.asarray(a, float), np.asarray(b, float)
        assert a.shape == b.shape
        both = np.isfinite(a) & np.isfinite(b)
        if not np.array_equal(a[~both], b[~both], equal_nan=True):
            return float("inf")
        scale = max(1.0, float(np.max(np.abs(b[both]), initial=0)))
        worst = max(worst, float(np.max(np.abs(a[both] - b[both]), initial=0)) / scale)
    return worst
