"""Rules of a user's own operations for the program and the reference together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ncd.errors import InputError
from ncd.interpret.interpretation import Interpretation

FORM = '{"name": {"jax": rule, "reference": rule}}; a rule is rule(run, op, *values)'


class Rules(NamedTuple):
    """The two interpretations that a check holds against one another."""

    jax: Interpretation
    reference: Interpretation


def with_rules(table: Any) -> Rules:
    """ncd's interpretations with more rules: ``{operation's name or class: {"jax": f, "reference": g}}``.

    Raises:    InputError: The table has another form; all that is wrong is listed.

    >>> twice = lambda run, op, x: 2 * x
    >>> told = with_rules({"double": {"jax": twice, "reference": twice}})
    >>> "double" in told.jax.rules and "double" in told.reference.rules
    True
    """
    from ncd.interpret.jax import JAX
    from ncd.interpret.reference import REFERENCE
    if not isinstance(table, Mapping):
        raise InputError(f"rules are a dictionary, not a {type(table).__name__}", want=FORM)
    problems = []
    for key, pair in table.items():
        name = key.__name__ if isinstance(key, type) else key
        if not isinstance(key, (str, type)) and not hasattr(key, "op"):
            problems.append(f"{key!r:.60} is neither an operation's name nor its class")
        elif not isinstance(pair, Mapping) or not set(pair) <= {"jax", "reference"} or not pair:
            problems.append(f"`{name}` has {pair!r:.60}, no dictionary of jax and reference")
        else:
            problems += [f"the {which} rule of `{name}` is {rule!r:.60}, no function"
                         for which, rule in pair.items() if not callable(rule)]
    if problems:
        raise InputError("the rules cannot be used", why=problems, want=FORM)
    told = {which: {key: pair[which] for key, pair in table.items() if which in pair}
            for which in ("jax", "reference")}
    return Rules(JAX | told["jax"], REFERENCE | told["reference"])
