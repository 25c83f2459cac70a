"""Recurrent networks: a cell (state, input -> state, output), run along an axis by a scan.

A cell is one diagram. The layer shares its parameters over the steps; the state begins at zero,
or is an input, and the last state an output. Gates stand on one axis, so that a cell has one
linear map of the input and one of the state.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable

from ncd.construct.generators import concat, elementwise
from ncd.construct.notation import axes_of, one_axis
from ncd.construct.reindexing import index
from ncd.construct.trace import Wire, trace
from ncd.core.argument import public
from ncd.core.array import Array
from ncd.core.axis import Axis, fresh
from ncd.core.category import Diagram
from ncd.errors import ArgumentError, AxisError, NcdError, NotationError, shown
from ncd.nn.activation import sigmoid, tanh
from ncd.nn.defined import placed
from ncd.nn.linear import project
from ncd.ops.control import Block, Scan
from ncd.ops.scalar import ScalarFunction
from ncd.ops.source import Constant

Axes = tuple[Axis, ...]


def _channels(text: str) -> tuple[Axes, Axes]:
    left, arrow, right = text.partition("->")
    if not arrow:
        raise NotationError("input and state axes are wanted: x -> h", text, len(text))
    return axes_of(left), axes_of(right)


def _gates(wire: Wire, name: str, inputs: Axes, outputs: Axes, bias: bool, count: int) -> list[Wire]:
    """One linear map of a wire to several gates."""
    gate = Axis(fresh("gate", [axis.label for axis in (*inputs, *outputs)]), count)
    made = project(inputs, (gate, *outputs), bias, name)(wire)
    return [index(**{gate.label: n})(made) for n in range(count)]


def _rnn(x: Axes, h: Axes, bias: bool, activation: Diagram | ScalarFunction | str = "tanh") -> Diagram:
    act = activation if isinstance(activation, Diagram) else elementwise(activation)

    def step(state, item):
        new = act(project(x, h, bias, "input")(item) + project(h, h, bias, "hidden")(state))
        return new, new
    return trace(step, (Array(h), Array(x)))


def _gru(x: Axes, h: Axes, bias: bool) -> Diagram:
    def step(state, item):
        reset, update, new = _gates(item, "input", x, h, bias, 3)
        old_reset, old_update, old = _gates(state, "hidden", h, h, bias, 3)
        r, z = sigmoid(reset + old_reset), sigmoid(update + old_update)
        state = (1 - z) * tanh(new + r * old) + z * state
        return state, state
    return trace(step, (Array(h), Array(x)))


def _lstm(x: Axes, h: Axes, bias: bool) -> Diagram:
    def step(state, cell, item):
        pairs = zip(_gates(item, "input", x, h, bias, 4), _gates(state, "hidden", h, h, bias, 4))
        i, f, g, o = (a + b for a, b in pairs)
        cell = sigmoid(f) * cell + sigmoid(i) * tanh(g)
        state = sigmoid(o) * tanh(cell)
        return state, cell, state
    return trace(step, (Array(h), Array(h), Array(x)))


def _cell(body: Callable, default: str, channels: str, name: str | None, *options) -> Diagram:
    title, tied = placed(name, default)
    return Block(title, body(*_channels(channels), *options), tied).diagram


@public
def rnn_cell(channels: str, bias: bool = True, activation: Diagram | ScalarFunction | str = "tanh",
             name: str | None = None) -> Diagram:
    """One step of a simple recurrent network.

    Type:      h, x -> h, h for ``rnn_cell("x -> h")``: state, input -> state, output
    Equation:  h' = tanh(x W + b + h U + c)
    Parameters:
        activation: A scalar function or the name of one, in place of tanh.
        name: The place of ``input`` (weight W, bias b) and ``hidden`` (weight U, bias c).
    Flags:     deterministic, not linear
    Source:    Elman 1990; the two biases are those of PyTorch.

    >>> print(rnn_cell("x -> h=8"))
    h=8, x -> h=8, h=8
    """
    return _cell(_rnn, "rnn_cell", channels, name, bias, activation)


@public
def gru_cell(channels: str, bias: bool = True, name: str | None = None) -> Diagram:
    """One step of a gated recurrent unit.

    Type:      h, x -> h, h for ``gru_cell("x -> h")``: state, input -> state, output
    Equation:  r = σ(x W_r + b_r + h U_r + c_r),  z = σ(x W_z + b_z + h U_z + c_z),
               n = tanh(x W_n + b_n + r ∘ (h U_n + c_n)),  h' = (1 − z) ∘ n + z ∘ h
    Parameters:
        name: The place of ``input`` (W, b) and ``hidden`` (U, c); the weights have the axes
            input, gate, h, with the gates in the order r, z, n.
    Flags:     deterministic, not linear
    Source:    Cho et al. 2014, in PyTorch's variant: the reset acts after the matrix and its bias,
               and z keeps the old state.

    >>> print(gru_cell("x -> h=8"))
    h=8, x -> h=8, h=8
    """
    return _cell(_gru, "gru_cell", channels, name, bias)


@public
def lstm_cell(channels: str, bias: bool = True, name: str | None = None) -> Diagram:
    """One step of a long short-term memory.

    Type:      h, h, x -> h, h, h for ``lstm_cell("x -> h")``: state, memory, input -> state,
               memory, output
    Equation:  i, f, o = σ(x W + b + h U + c), g = tanh(x W_g + b_g + h U_g + c_g),
               m' = f ∘ m + i ∘ g,  h' = o ∘ tanh m'
    Parameters:
        name: The place of ``input`` (W, b) and ``hidden`` (U, c); the weights have the axes
            input, gate, h, with the gates in the order i, f, g, o.
    Flags:     deterministic, not linear
    Source:    Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000.

    >>> print(lstm_cell("x -> h=8"))
    h=8, h=8, x -> h=8, h=8, h=8
    """
    return _cell(_lstm, "lstm_cell", channels, name, bias)


def _along(kind: Callable, default: str, states: int, sequence: str, channels: str, reverse: bool,
           stateful: bool, name: str | None, *options) -> Diagram:
    t, (x, h) = one_axis(sequence), _channels(channels)
    state, items = Array(h), Array((t, *x))
    title, tied = placed(name, default)
    run = Scan(kind(x, h, *options), t, states, (state,) * states + (items,), reverse, True, title, tied)
    if stateful:
        return run.diagram
    return trace(lambda given: run(*(Constant(0.0, state)() for _ in range(states)), given)[-1], (items,))


@public
def rnn(sequence: str, channels: str, bias: bool = True, activation: Diagram | ScalarFunction | str = "tanh",
        reverse: bool = False, stateful: bool = False, name: str | None = None) -> Diagram:
    """A simple recurrent network along an axis.

    Type:      t x -> t h for ``rnn("t", "x -> h")``; stateful: h, t x -> h, t h
    Equation:  h_t = tanh(x_t W + b + h_{t−1} U + c), from h = 0 or from the state given
    Parameters: as for :func:`rnn_cell`, and
        reverse: Run from the last step to the first; outputs stand where their inputs stand.
        stateful: The first state is an input and the last one an output.
    Flags:     deterministic, not linear
    Source:    Elman 1990.

    >>> print(rnn("t", "x -> h=8").on("b t x"))
    b t x -> b t h=8
    """
    return _along(_rnn, "rnn", 1, sequence, channels, reverse, stateful, name, bias, activation)


@public
def gru(sequence: str, channels: str, bias: bool = True, reverse: bool = False, stateful: bool = False,
        name: str | None = None) -> Diagram:
    """Gated recurrent units along an axis.

    Type:      t x -> t h for ``gru("t", "x -> h")``; stateful: h, t x -> h, t h
    Equation:  that of :func:`gru_cell` at each step, from h = 0 or from the state given
    Parameters: as for :func:`gru_cell` and :func:`rnn`.
    Flags:     deterministic, not linear
    Source:    Cho et al. 2014, in PyTorch's variant.

    >>> print(gru("t", "x -> h=8", stateful=True))
    h=8, t x -> h=8, t h=8
    """
    return _along(_gru, "gru", 1, sequence, channels, reverse, stateful, name, bias)


@public
def lstm(sequence: str, channels: str, bias: bool = True, reverse: bool = False, stateful: bool = False,
         name: str | None = None) -> Diagram:
    """Long short-term memory along an axis.

    Type:      t x -> t h for ``lstm("t", "x -> h")``; stateful: h, h, t x -> h, h, t h
    Equation:  that of :func:`lstm_cell` at each step, from zeros or from the state and memory given
    Parameters: as for :func:`lstm_cell` and :func:`rnn`.
    Flags:     deterministic, not linear
    Source:    Hochreiter and Schmidhuber 1997; Gers et al. 2000.

    >>> print(lstm("t", "x -> h=8"))
    t x -> t h=8
    """
    return _along(_lstm, "lstm", 2, sequence, channels, reverse, stateful, name, bias)


@public
def bidirectional(layer: Callable[..., Diagram], sequence: str, channels: str, name: str | None = None,
                  **options) -> Diagram:
    """A recurrent layer in both directions, the outputs joined end to end.

    Type:      t x -> t h=2*h for ``bidirectional(gru, "t", "x -> h")``
    Equation:  y_t = [forward(x)_t ; backward(x)_t]
    Parameters:
        layer: :func:`rnn`, :func:`gru`, :func:`lstm`, or a function like them.
        options: The layer's own.
        name: The place of ``forward`` and ``backward``.
    Raises:    AxisError: The state has not one axis. NcdError: The option reverse or stateful.
    Source:    Schuster and Paliwal 1997.

    >>> print(bidirectional(gru, "t", "x -> h=8"))
    t x -> t h=16
    """
    _, h = _channels(channels)
    if len(h) != 1:
        raise AxisError("two directions are joined along one axis of the state",
                        have=" ".join(map(str, h)) or "no axes", want="one axis")
    refused = [option for option in ("reverse", "stateful") if option in options]
    if refused:
        raise NcdError(f"a bidirectional layer sets `{refused[0]}` itself", mend="leave it out")
    try:
        inspect.signature(layer).bind(sequence, channels, name="forward", reverse=True, **options)
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"ncd.nn.bidirectional: `layer` is no recurrent layer: {error}",
                            given=shown(layer), example='bidirectional(gru, "t", "x -> h=8")') from None
    forward = layer(sequence, channels, name="forward", **options)
    backward = layer(sequence, channels, name="backward", reverse=True, **options)
    title, tied = placed(name, "bidirectional")
    body = trace(lambda x: concat(h[0].label)(forward(x), backward(x)), forward.dom.inside)
    return Block(title, body, tied).diagram
