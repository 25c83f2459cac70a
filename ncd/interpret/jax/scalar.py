"""Scalar functions in JAX: the table that runs any row, and stable overrides of some rows.

An override is a faster or more precise form of the row's own expression; a test holds each
equal to it.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ncd.ops import scalar

FUNCTIONS = scalar.ARITHMETIC | {
    "exp": jnp.exp, "log": jnp.log, "sqrt": jnp.sqrt, "tanh": jnp.tanh, "sin": jnp.sin, "cos": jnp.cos,
    "erf": jax.scipy.special.erf, "arccos": jnp.arccos, "abs": jnp.abs, "sign": jnp.sign,
    "floor": jnp.floor, "max": jnp.maximum, "min": jnp.minimum, "where": jnp.where,
    "both": jnp.logical_and, "either": jnp.logical_or, "opposite": jnp.logical_not,
    "float": lambda x: jnp.asarray(x, jnp.result_type(float))}

OVERRIDES = {
    scalar.SIGMOID: jax.nn.sigmoid, scalar.SOFTPLUS: jax.nn.softplus, scalar.SILU: jax.nn.silu,
    scalar.GELU: lambda x: jax.nn.gelu(x, approximate=False),
    scalar.GELU_TANH: lambda x: jax.nn.gelu(x, approximate=True),
    scalar.RELU: lambda x: jnp.maximum(x, 0), scalar.RSQRT: jax.lax.rsqrt}
