"""The mathematics of ncd as laws that run, one module to a theory."""

from __future__ import annotations

from theory import (
    alignment,
    attention,
    broadcasting,
    claims,
    copying,
    cost,
    differentiation,
    linear,
    monoidal,
    recurrence,
    reduction,
    reindexing,
)
from theory.law import (
    COST_MODEL,
    FREE_MODEL,
    JAX_MODEL,
    MODELS,
    REFERENCE_MODEL,
    TYPE_MODEL,
    CostLaw,
    Costs,
    Counterexample,
    Instance,
    Law,
    Model,
    jax_model,
    reference_model,
)

THEORIES = {
    "monoidal": monoidal.LAWS, "copying": copying.LAWS, "reindexing": reindexing.LAWS,
    "broadcasting": broadcasting.LAWS, "alignment": alignment.LAWS, "linear": linear.LAWS,
    "attention": attention.LAWS, "reduction": reduction.LAWS, "recurrence": recurrence.LAWS,
    "differentiation": differentiation.LAWS, "claims": claims.LAWS, "cost": cost.LAWS}
"""The laws of each theory by name; a theory's note is ``notes/<its name>.md``."""
LAWS = {name: law for laws in THEORIES.values() for name, law in laws.items()}
"""Every law by its name."""

__all__ = ["COST_MODEL", "FREE_MODEL", "JAX_MODEL", "LAWS", "MODELS", "REFERENCE_MODEL", "THEORIES",
           "TYPE_MODEL", "CostLaw", "Costs", "Counterexample", "Instance", "Law", "Model", "jax_model",
           "reference_model"]
