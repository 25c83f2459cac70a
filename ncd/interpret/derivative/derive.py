"""The two halves of a derivative: a diagram linearised, and what is linear transposed."""

from __future__ import annotations

from typing import Any

from ncd.interpret.derivative.linearise import linearise, push
from ncd.interpret.derivative.program import Linearise, Push, Transpose
from ncd.interpret.derivative.transpose import transpose
from ncd.traverse.jobs import solve

JOBS = {Linearise: linearise, Push: push, Transpose: transpose}
"""The job that answers each request."""


def derive(request: Linearise | Push | Transpose) -> Any:
    """The answer to a request: a ``Linearised``, a ``Joint`` or a ``Transposed``.

    Raises:    RuleError: An operation without a derivative, or one that is not linear where it is transposed.

    >>> import ncd
    >>> from ncd.interpret.derivative.policy import Policy
    >>> part = derive(Linearise("", ncd.elementwise("square").on("x"), (0,), Policy()))
    >>> print(part.primal, "|", part.tangent)
    x -> x | x, x -> x
    """
    return solve(request, JOBS)
