"""The functor to JAX: a diagram's program, its parameters as a pytree keyed by place."""

from __future__ import annotations

from ncd.interpret.jax.init import init
from ncd.interpret.jax.program import JAX, Compiled, compile_diagram

__all__ = ["JAX", "Compiled", "compile_diagram", "init"]
