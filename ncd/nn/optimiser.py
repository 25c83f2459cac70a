"""Optimisers: one step for one parameter, as entrywise diagrams that lift over its axes.

The gradient is what ``diagram.gradient()`` returns; a state begins at zero, the step number at one.
"""

from __future__ import annotations

from fractions import Fraction

from ncd.construct.trace import trace
from ncd.core.argument import public
from ncd.core.array import Array
from ncd.core.category import Diagram
from ncd.errors import NcdError
from ncd.ops.control import Block

NUMBER = Array(())


def _rate(name: str, value) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < float("inf"):
        raise NcdError(f"{name} = {value!r}", want="a finite number of at least 0")
    return float(value)


def _decay(name: str, value) -> float:
    if not 0 <= _rate(name, value) < 1:
        raise NcdError(f"{name} = {value!r}", want="a number from 0 to below 1")
    return float(value)


@public
def sgd(rate: float = 0.01, momentum: float = 0.0) -> Diagram:
    """Gradient descent, with momentum if it is not 0.

    Type:      p, g -> p                        (with momentum: p, g, m -> p, m)
    Equation:  m ← μ m + g,  p ← p − η m
    Flags:     deterministic, elementwise
    Raises:    NcdError for a rate below 0 or a momentum that is not in [0, 1).
    Source:    Sutskever et al. 2013, without Nesterov's correction.

    >>> print(sgd().on("a b, a b"))
    a b, a b -> a b
    """
    rate, momentum = _rate("rate", rate), _decay("momentum", momentum)
    if momentum == 0:
        return Block("sgd", trace(lambda p, g: p - g * rate, (NUMBER,) * 2)).diagram

    def step(p, g, m):
        m = m * momentum + g
        return p - m * rate, m
    return Block("sgd", trace(step, (NUMBER,) * 3)).diagram


@public
def adam(rate: float = 0.001, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8,
         decay: float = 0.0) -> Diagram:
    """Adam; with weight decay apart from the gradient, AdamW.

    Type:      p, g, m, v, t -> p, m, v         (t, the number of the step, from 1)
    Equation:  m ← β₁ m + (1 − β₁) g,  v ← β₂ v + (1 − β₂) g²,
               p ← p − η (m̂/(√v̂ + ε) + λ p),  m̂ = m/(1 − β₁ᵗ), v̂ = v/(1 − β₂ᵗ)
    Flags:     deterministic, elementwise
    Raises:    NcdError for a rate, eps or decay below 0, or a β that is not in [0, 1).
    Source:    Kingma & Ba 2015, arXiv 1412.6980, Algorithm 1; Loshchilov & Hutter 2019, arXiv 1711.05101.

    >>> print(adam().on("a b, a b, a b, a b, ()"))
    a b, a b, a b, a b, () -> a b, a b, a b
    """
    rate, eps, decay = _rate("rate", rate), _rate("eps", eps), _rate("decay", decay)
    b1, b2 = _decay("b1", b1), _decay("b2", b2)
    rest1, rest2 = (float(1 - Fraction(repr(b))) for b in (b1, b2))     # 0.1, not 0.09999999999999998

    def step(p, g, m, v, t):
        m = m * b1 + g * rest1
        v = v * b2 + g * g * rest2
        change = (m / (1 - b1 ** t)) / ((v / (1 - b2 ** t)) ** 0.5 + eps)
        return p - (change + p * decay if decay else change) * rate, m, v
    return Block("adam", trace(step, (NUMBER,) * 5)).diagram
