"""The derivatives of a diagram held against one another: ncd's own two, JAX's, and differences.

At random values x, for a tangent v and a cotangent w, four ways of working out ⟨w, ∂f[x] v⟩ agree:
the reverse derivative ⟨∂f[x]ᵀ w, v⟩, the pushforward, jax.grad of the program, and a central
difference of the float64 reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from ncd.analysis.agreement import anywhere, check_memory, draws, moved, program_of, random_inputs
from ncd.core.category import Diagram
from ncd.errors import InputError
from ncd.interpret.interpretation import Interpretation
from ncd.ops.custom import CustomDerivative
from ncd.ops.pointwise import Stop
from ncd.traverse.places import build, find, places

STEPS = (1e-5, 2e-6)
KINK = 1e-4


class Gradients(NamedTuple):
    """⟨w, ∂f[x] v⟩ worked out in four ways; None where a way says nothing, and ``left_out`` says why."""

    reverse: float
    pushforward: float
    jax: float | None
    differences: float | None
    left_out: list[str]

    @property
    def scale(self) -> float:
        return max(1.0, *(abs(value) for value in self[:4] if value is not None and np.isfinite(value)))

    def error(self, name: str) -> float | None:
        """How far one way is from the reverse derivative, relative to the largest of them (or 1)."""
        value = getattr(self, name)
        if value is None:
            return None
        error = abs(value - self.reverse) / self.scale
        return float("inf") if np.isnan(error) else error

    @property
    def relative(self) -> float:
        return max(self.error(name) or 0.0 for name in ("pushforward", "jax", "differences"))


def check_gradient(diagram: Diagram, sizes: Mapping[str, int], seed: int = 0,
                   jax_rules: Interpretation | None = None,
                   reference_rules: Interpretation | None = None) -> Gradients:
    """The derivatives of a diagram at random values, along one random direction of inputs and parameters.

    Parameters:
        sizes: A number for each size.
        jax_rules, reference_rules: Interpretations that know your own operations; ncd's by default.
    Raises:    InputError: There are no floats to differentiate from or to. RuleError: A derivative that no
               rule gives.

    >>> from ncd import nn
    >>> found = check_gradient(nn.feed_forward("m", "f"), {"m": 3, "f": 4})
    >>> found.relative < 1e-4, found.left_out
    (True, [])
    """
    check_memory(diagram, sizes)
    import jax

    from ncd.interpret.reference import REFERENCE, run
    reference = reference_rules or REFERENCE
    random = np.random.default_rng(seed + 2)
    slots = {path: slot for path, slot in places(diagram)[0].items()
             if slot.array.dtype == "float" and not slot.stored}
    inputs = [value.astype(float) if array.dtype == "float" else value
              for value, array in zip(random_inputs(diagram, sizes, seed), diagram.dom.inside)]
    params = jax.tree.map(lambda leaf: moved(_wide(leaf), random), diagram.init(seed, **sizes))
    smooth = [n for n, array in enumerate(diagram.dom.inside) if array.dtype == "float"]
    results = [n for n, array in enumerate(diagram.cod.inside) if array.dtype == "float"]
    if not results or not (smooth or slots):
        raise InputError("there is nothing to differentiate", have=str(diagram),
                         want="floats among the inputs or parameters, and among the outputs")
    v = [random.standard_normal(inputs[n].shape) for n in smooth]
    v_params = {path: random.standard_normal(np.shape(find(params, path))) for path in slots}
    w = [random.standard_normal([axis.size.evaluate(sizes) for axis in diagram.cod.inside[n].axes])
         for n in results]

    def ask(what: Diagram, *values):
        found = run(what, *values, params=params if places(what)[0] else None, key=seed,
                    interpretation=reference, **_own(what, sizes))
        return list(found) if isinstance(found, tuple) else [found]

    def shifted(step: float):
        moved_params = build({path: find(params, path) + step * v_params[path] if path in slots
                              else find(params, path) for path in places(diagram)[0]})
        new = list(inputs)
        for n, tangent in zip(smooth, v):
            new[n] = new[n] + step * tangent
        return moved_params, new

    def loss(step: float) -> float:
        moved_params, new = shifted(step)
        found = run(diagram, *new, params=moved_params or None, key=seed, interpretation=reference, **sizes)
        found = found if isinstance(found, tuple) else (found,)
        return _dot(w, [found[n] for n in results])

    lens, push = diagram.reverse(), diagram.forward()
    back = ask(lens.composite, *inputs, *w)
    reverse = _dot([*v, *v_params.values()], back)
    rates = ask(push, *inputs, *v, *v_params.values())[len(diagram.cod):]
    left_out: list[str] = []
    by_jax = by_steps = None
    if draws(diagram):
        left_out.append("jax.grad: random numbers are drawn, and JAX draws others")
    else:
        call, (p, _, key) = program_of(diagram, sizes, params, inputs, seed, jax_rules)

        def pairing(p, values):
            found = call(p, values, key)
            return sum(jax.numpy.vdot(found[n], cotangent) for n, cotangent in zip(results, w))
        by_jax = _by_jax(pairing, p, inputs, smooth, slots, v, v_params)
    one, other = ((loss(step) - loss(-step)) / (2 * step) for step in STEPS)
    close = abs(other - reverse) <= KINK * max(1.0, abs(other), abs(reverse))
    if not close and anywhere(diagram, lambda op: isinstance(op, (Stop, CustomDerivative))):
        left_out.append("differences: a derivative is stated or stopped, and is not that of the values")
    elif close or abs(one - other) <= KINK * max(1.0, abs(one), abs(other)):
        by_steps = other
    else:
        left_out.append("differences: two steps disagree, a kink or a pole is near; try another --seed")
    return Gradients(reverse, _dot(w, rates), by_jax, by_steps, left_out)


def _by_jax(pairing, params: Any, inputs, smooth, slots, v, v_params) -> float:
    """⟨jax.grad of the pairing, (v, v_params)⟩ in the program's own precision."""
    import jax
    import jax.numpy as jnp

    def of(floats, learned):
        new = list(inputs)
        for n, value in zip(smooth, floats):
            new[n] = value
        new = [jnp.asarray(value, jnp.float32) if getattr(value, "dtype", None) == np.float64 else value
               for value in new]
        return pairing(_replaced(params, learned), new)
    narrow = lambda value: jnp.asarray(value, jnp.float32)
    floats = [narrow(inputs[n]) for n in smooth]
    learned = {path: narrow(find(params, path)) for path in slots}
    slopes, learned_slopes = jax.jit(jax.grad(of, (0, 1)))(floats, learned)
    return _dot([*v, *v_params.values()], [*slopes, *(learned_slopes[path] for path in slots)])


def _replaced(tree: Any, values: Mapping, path: tuple = ()):
    if isinstance(tree, dict):
        return {name: _replaced(item, values, (*path, name)) for name, item in tree.items()}
    return values.get(path, tree)


def _wide(leaf) -> np.ndarray:
    leaf = np.asarray(leaf)
    return leaf.astype(float) if leaf.dtype.kind == "f" else leaf


def _own(diagram: Diagram, sizes: Mapping[str, int]) -> dict[str, int]:
    return {name: number for name, number in sizes.items() if name in diagram.symbols}


def _dot(one, other) -> float:
    return float(sum(np.sum(np.asarray(a, float) * np.asarray(b, float))
                     for a, b in zip(one, other, strict=True)))
