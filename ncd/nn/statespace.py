"""Diagonal state spaces: a linear recurrence h_t = a ∘ h_{t−1} + u_t between two linear maps.

Only the recurrence runs step by step, and it is elementwise. In the selective form the decay,
the input map, the output map and the step size are functions of the input.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from ncd.construct.notation import axes_of, einsum, one_axis, size_of
from ncd.construct.trace import Wire, pointwise, trace
from ncd.core.argument import public
from ncd.core.array import Array
from ncd.core.axis import Axis
from ncd.core.category import Diagram
from ncd.errors import AxisError
from ncd.nn.defined import placed
from ncd.ops import scalar
from ncd.ops.control import Block, Scan
from ncd.ops.source import Constant, Initialiser, Iota, Parameter

STEP = 0.01     # the step size at the start: a memory of about 100 steps


@public
def linear_recurrence(sequence: str, state: str, steady: bool = False, reverse: bool = False) -> Diagram:
    """A linear recurrence along an axis, from zero.

    Type:      t n, t n -> t n for ``linear_recurrence("t", "n")``: the decay a and the input u;
               n, t n -> t n with ``steady``, the decay being the same at each step
    Equation:  h_t = a_t ∘ h_{t−1} + u_t, before the first step h = 0; reversed it runs from the
               last step to the first
    Flags:     deterministic, linear in u

    >>> print(linear_recurrence("t", "n"))
    t n, t n -> t n
    """
    t, states = one_axis(sequence), axes_of(state)
    now, all_steps = Array(states), Array((t, *states))

    def step(h, a, u):
        new = a * h + u
        return new, new
    # A scan's body takes states, steps, constants: a steady decay is a constant and stands last.
    body = trace((lambda h, u, a: step(h, a, u)) if steady else step, (now, now, now))
    arrays = (now, all_steps, now) if steady else (now, all_steps, all_steps)
    run = Scan(body, t, 1, arrays, reverse, True, "recurrence")
    zero = Constant(0.0, now)
    if steady:
        return trace(lambda a, u: run(zero(), u, a)[1], (now, all_steps))
    return trace(lambda a, u: run(zero(), a, u)[1], (all_steps, all_steps))


@public
def state_space(sequence: str, channels: str, state: str = "n=16", reverse: bool = False,
                name: str | None = None) -> Diagram:
    """A diagonal linear state space, the same at each step.

    Type:      t m -> t m for ``state_space("t", "m")``
    Equation:  h_t = a ∘ h_{t−1} + B x_t,  y_t = C h_t + D ∘ x_t,  a_i = exp(−(i + 1)·exp(θ_i)) in (0, 1)
    Parameters:
        state: The axis of the hidden state.
        reverse: Run from the last step to the first.
        name: The place of ``input`` B (m n), ``output`` C (n m), ``skip`` D (m) and ``rate`` θ (n).
    Flags:     deterministic, linear
    Source:    Gu et al. 2022 (S4D, its real form: a_i = exp(−Δ(i + 1)) with Δ = 0.01 at the start);
               Smith et al. 2023 (S5, one state for all channels).

    >>> print(state_space("t", "m", "n=8"))
    t m -> t m
    """
    t, m, n = _apart(sequence, channels, state)
    recur = linear_recurrence(sequence, state, steady=True, reverse=reverse)

    def layer(x):
        decay = pointwise(scalar.EXP, -_rates(math.log(STEP), n))
        u = einsum(f"{m.label}, {m.label} {n.label} -> {n.label}")(x, _matrix("input", m, n)())
        h = recur(decay, u)
        y = einsum(f"{n.label}, {n.label} {m.label} -> {m.label}")(h, _matrix("output", n, m)())
        return y + x * Parameter("skip", Array((m,)), Initialiser("ones"))()
    return _block(name, "state_space", layer, t, m)


@public
def selective_state_space(sequence: str, channels: str, state: str = "n=16", rank: int | str = 1,
                          reverse: bool = False, name: str | None = None) -> Diagram:
    """A diagonal state space for each channel, whose maps and step size depend on the input.

    Type:      t m -> t m for ``selective_state_space("t", "m")``
    Equation:  h_t[c, i] = exp(−Δ_t[c] r[c, i]) h_{t−1}[c, i] + Δ_t[c] B_t[i] x_t[c],
               y_t[c] = Σ_i C_t[i] h_t[c, i] + D[c] x_t[c], with B_t = x_t W_B, C_t = x_t W_C,
               Δ_t = softplus(x_t W_↓ W_↑ + b), r[c, i] = (i + 1)·exp(θ[c, i])
    Parameters:
        state: The axis of each channel's hidden state.
        rank: The size between W_↓ and W_↑.
        reverse: Run from the last step to the first.
        name: The place of ``input`` W_B (m n), ``output`` W_C (m n), ``step_down`` (m rank),
            ``step_up`` (rank m), ``step`` b (m), ``rate`` θ (m n) and ``skip`` D (m).
    Flags:     deterministic, not linear
    Source:    Gu and Dao 2023 (Mamba, the selective state space; without its convolution and gate).

    >>> print(selective_state_space("t", "m", "n=8", rank=4))
    t m -> t m
    """
    t, m, n = _apart(sequence, channels, state)
    low = Axis("rank" if "rank" not in (t.label, m.label, n.label) else "rank'", size_of(rank))

    def step(h, delta, x, b, c, rates):
        new = pointwise(scalar.EXP, -(delta * rates)) * h + (delta * x) * b
        return new, einsum(f"{m.label} {n.label}, {n.label} -> {m.label}")(new, c)
    each, inner = Array((m,)), Array((n,))
    square = Array((m, n))
    dom = (square, each, each, inner, inner, square)
    stacked = [array.with_axes((t, *array.axes)) for array in dom[1:5]]
    run = Scan(trace(step, dom), t, 1, (square, *stacked, square), reverse, True, "recurrence")

    def layer(x):
        def through(wire, name, before, after):
            return einsum(f"{before.label}, {before.label} {after.label} -> {after.label}")(
                wire, _matrix(name, before, after)())
        bias = Parameter("step", Array((m,)), Initialiser("constant", math.log(math.expm1(STEP))))()
        delta = pointwise(scalar.SOFTPLUS, through(through(x, "step_down", m, low), "step_up", low, m) + bias)
        b, c = through(x, "input", m, n), through(x, "output", m, n)
        _, y = run(Constant(0.0, square)(), delta, x, b, c, _rates(0.0, m, n))
        return y + x * Parameter("skip", Array((m,)), Initialiser("ones"))()
    return _block(name, "selective_state_space", layer, t, m)


def _apart(sequence: str, channels: str, state: str) -> tuple[Axis, Axis, Axis]:
    axes = one_axis(sequence), one_axis(channels), one_axis(state)
    if len({axis.label for axis in axes}) < 3:
        raise AxisError("a state space has a sequence axis, a channel axis and a state axis",
                        have=", ".join(map(str, axes)), want="three labels")
    return axes


def _block(name: str | None, default: str, layer: Callable, *axes: Axis) -> Diagram:
    title, tied = placed(name, default)
    return Block(title, trace(layer, (Array(axes),)), tied).diagram


def _matrix(name: str, before: Axis, after: Axis) -> Diagram:
    return Parameter(name, Array((before, after)), Initialiser("normal", 1.0, (before.label,))).diagram


def _rates(start: float, *axes: Axis) -> Wire:
    """The rates (i + 1)·exp(θ) > 0, i along the last axis and θ learned."""
    theta = Parameter("rate", Array(axes), Initialiser("constant", start))()
    return pointwise(scalar.EXP, theta) * (Iota(axes[-1])() + 1)
