"""What joins JAX's programs and derivatives: the derivative that a program carries.

A rule is wrapped in ``jax.custom_jvp``, and its tangents are those of
:mod:`ncd.interpret.derivative.jvp_rules`, run as programs: what ``reverse`` and ``forward`` say and what
``jax.grad`` and ``jax.jvp`` say of a program is one truth. Where the two agree at every point the rule
stays as it is. What is not differentiated is the same program for XLA either way.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import lru_cache

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero

from ncd.core.category import Diagram
from ncd.core.op import Operation
from ncd.errors import RuleError
from ncd.interpret.derivative.custom import refuse_one_way
from ncd.interpret.derivative.derive import derive
from ncd.interpret.derivative.jvp_rules import SEGMENT_SHARE, SHARE
from ncd.interpret.derivative.policy import Policy
from ncd.interpret.derivative.program import Linearise, Linearised
from ncd.interpret.derivative.scalar_rules import has_special_points, is_selection, slope
from ncd.interpret.interpretation import Run
from ncd.ops import scalar
from ncd.ops.custom import CustomDerivative
from ncd.ops.indexed import Segment
from ncd.ops.matrix import Eigh
from ncd.ops.monoid import MAX, MIN, SUM, SUM_PRODUCT
from ncd.ops.multilinear import Einsum
from ncd.ops.pointwise import Map, Reduce
from ncd.ops.scalar import ScalarFunction


def _map_differs(op: Map) -> bool:
    if op.cod[0].dtype != "float":
        return False
    smooth = [n for n, array in enumerate(op.arrays) if array.dtype == "float"]
    if set(smooth) <= set(op.linear) and not op.multilinear:
        return False
    numbers = {name: c.constant if hasattr(c, "constant") else c
               for name, c in zip(op.function.arguments, op.constants) if c is not None}
    return has_special_points(op.function, numbers)


# {primitive: whether JAX's derivative of an operation is another one somewhere}
DIFFERS: dict[type, Callable] = {
    Map: _map_differs,
    Reduce: lambda op: op.monoid not in (SUM, MAX, MIN),
    Segment: lambda op: op.monoid != SUM,
    Einsum: lambda op: op.semiring != SUM_PRODUCT,
    Eigh: lambda op: True}


def stated(rules: Mapping, agreeing: Collection[ScalarFunction] = ()) -> dict:
    """JAX's table with rules that carry the derivative that the diagram has.

    Parameters:
        agreeing: The scalar functions whose derivative in JAX is the one that is stated.
    """
    differs = {**DIFFERS, Map: lambda op: op.function not in agreeing and _map_differs(op)}
    carrying = {cls: _carrying(rules[cls], lru_cache(maxsize=4096)(test)) for cls, test in differs.items()}
    return {**rules, **carrying, CustomDerivative: custom}


def _carrying(rule: Callable, differs: Callable) -> Callable:
    def carrying(run: Run, op: Operation, *values):
        smooth = tuple(n for n, array in enumerate(op.dom) if array.dtype == "float")
        if not smooth or not differs(op):
            return rule(run, op, *values)
        return _with_tangents(run, op, lambda *values: rule(run, op, *values), values, len(op.cod) == 1)
    return carrying


# -- rows that are linear in one argument: w·f′ as the product of w and f′ ----------------
@lru_cache(maxsize=4096)
def _product(op: Map) -> tuple[int, Map, Map] | None:
    """(which array is w, the map that is f′, the product), where JAX's transpose of w·f′ is another one.

    JAX turns a choice of ``w/x`` into a division of what was chosen, 0/0 where nothing was: so f′ is
    chosen first.
    """
    f = op.function
    if len(f.linear) != 1 or f.multilinear or len(op.linear) != 1 or f == scalar.WHERE:
        return None
    (n,) = op.linear
    if f in (SHARE, SEGMENT_SHARE) or op.arrays[n].dtype != "float" or is_selection(f) or \
            not has_special_points(f, {}):
        return None
    position = op.arguments[n]
    arrays = tuple(array for m, array in enumerate(op.arrays) if m != n)
    constants = tuple(c for m, c in enumerate(op.constants) if m != position)
    made = Map(slope(f, position), arrays, constants)
    return n, made, Map(scalar.MULTIPLY, (op.arrays[n], *made.cod))


def _multiplying(rule: Callable) -> Callable:
    """The rule of maps in what JAX transposes."""
    def multiplied(run: Run, op: Map, *values):
        product = _product(op)
        if product is None:
            return rule(run, op, *values)
        n, inner, times = product
        factor = rule(run, inner, *values[:n], *values[n + 1:])
        found = rule(run, times, values[n], factor)
        have, want = times.cod[0].labels, op.cod[0].labels
        return found if have == want else jnp.transpose(found, [have.index(label) for label in want])
    return multiplied


# -- operations with tangents of their own ---------------------------------------------
@lru_cache(maxsize=4096)
def _linearised(op: Operation, active: tuple[int, ...]) -> Linearised:
    return derive(Linearise("", op.diagram, active, Policy("everything")))


def _run(run: Run, diagram: Diagram, values, linear: bool = False) -> list:
    """A diagram without parameters on values; ``linear`` where JAX is to transpose what it does."""
    table = run.interpretation
    if linear:
        table = replace(table, rules={**table.rules, Map: _multiplying(table.rules[Map])})
    inner = Run(table, run.sizes, run.state._replace(params=None, root=None, key=None))
    return inner(table.program(diagram), values)


def _with_tangents(run: Run, op: Operation, function: Callable, values, single: bool):
    """The function, with the tangents that the linearised operation has."""
    carried = jax.custom_jvp(function)

    def push(primals, tangents):
        active = tuple(n for n, (array, v) in enumerate(zip(op.dom, tangents))
                       if array.dtype == "float" and not isinstance(v, SymbolicZero))
        part = _linearised(op, active)
        made = _run(run, part.primal, primals)
        everything = [*primals, *made]
        rates = _run(run, part.tangent, [*(everything[n] for n in part.sources),
                                         *(tangents[n] for n in active)], linear=True)
        found = dict(zip(part.active, rates))
        results = made[:len(op.cod)]
        slopes = [_tangent(result, found.get(n)) for n, result in enumerate(results)]
        return (results[0], slopes[0]) if single else (tuple(results), tuple(slopes))
    carried.defjvp(push, symbolic_zeros=True)
    return carried(*values)


def _tangent(result, rate):
    """A tangent of a result, of its own type; 0 where none came."""
    result = jnp.asarray(result)
    if not jnp.issubdtype(result.dtype, jnp.floating):
        return jnp.zeros(result.shape, jax.dtypes.float0)
    return jnp.zeros_like(result) if rate is None else \
        jnp.broadcast_to(jnp.asarray(rate, result.dtype), result.shape)


def custom(run: Run, op: CustomDerivative, *values):
    """An operation with the derivative that its user stated; the forward one where there is one."""
    def function(*values):
        return tuple(_run(run, op.body, values))
    if _is_pushed(op):
        return _with_tangents(run, op, function, values, False)

    def pulled(kept, cotangents):
        values, made = kept
        rates = [w for w, array in zip(cotangents, op.cod) if array.dtype == "float"]
        longer = len(op.reverse.dom) == len(values) + len(made) + len(rates)
        found = iter(_run(run, op.reverse, [*values, *(made if longer else ()), *rates]))
        return tuple(jnp.asarray(next(found), value.dtype) if array.dtype == "float" else
                     jnp.zeros(jnp.shape(value), jax.dtypes.float0)
                     for array, value in zip(op.dom, values))

    def forward(*values):
        made = function(*values)
        return made, (values, made)
    carried = jax.custom_vjp(function)
    carried.defvjp(forward, pulled)
    return carried(*values)


@lru_cache(maxsize=256)
def _is_pushed(op: CustomDerivative) -> bool:
    """Whether the forward derivative is known: stated, or the transpose of what was stated."""
    smooth = tuple(n for n, array in enumerate(op.dom) if array.dtype == "float")
    try:
        refuse_one_way(_linearised(op, smooth).tangent)
    except RuleError:
        return False
    return True
