"""What `ncd check` finds of a well-typed diagram, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ncd.analysis import agreement as trial
from ncd.analysis.gradients import check_gradient
from ncd.core.category import Diagram
from ncd.interpret.rules import Rules
from ncd.traverse.places import shares_text


def found(diagram: Diagram, sizes: Mapping[str, int], seed: int, tolerance: float, gradient: bool,
          rules: Rules | None, progress: trial.Progress) -> dict[str, Any]:
    """The values of JAX and the reference held against one another and, if asked, the derivatives."""
    values = trial.compare(diagram, sizes, seed, progress, rules)
    made = {"ok": not values.problems and values.relative <= tolerance, "types": "well typed",
            "shared": shares_text(diagram), "sizes": sizes, "compared": values.compared,
            "problems": values.problems, "tolerance": tolerance,
            "max_absolute_error": trial.plain(values.absolute),
            "max_relative_error": trial.plain(values.relative)}
    if gradient and not values.problems:
        with progress("differentiating"):
            slopes = check_gradient(diagram, sizes, seed, rules and rules.jax, rules and rules.reference)
        made["gradient"] = {name: None if value is None else trial.plain(value) for name, value in (
            ("pushforward", slopes.error("pushforward")), ("jax.grad", slopes.error("jax")),
            ("differences", slopes.error("differences")))} | {"left_out": slopes.left_out}
        made["ok"] = made["ok"] and slopes.relative <= tolerance
    return made
