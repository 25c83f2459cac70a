"""Work on diagrams inside diagrams, without recursion: each body once, however deep it stands.

A job is a generator that asks for other jobs by yielding ``(where, job, *arguments)`` and is sent
what they return. Equal requests are answered once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ncd.errors import RuleError


def solve(job: Callable, *arguments) -> Any:
    """What a job returns, with all the jobs that it asks for.

    >>> def double(n):
    ...     smaller = 0 if n == 0 else (yield "", double, n - 1)
    ...     return smaller + 2
    >>> solve(double, 10_000)
    20002
    """
    answers: dict[tuple, Any] = {}
    stack = [("", (job, *arguments), job(*arguments))]
    value = None
    while stack:
        _, request, running = stack[-1]
        try:
            where, *wanted = running.send(value)
        except StopIteration as done:
            value = answers[request] = done.value
            stack.pop()
            continue
        except RuleError as error:
            place = "/".join(name for name, _, _ in stack if name)
            if not place or "place" in error.details:
                raise
            raise RuleError(error.what, place=place, **error.details) from None
        wanted = tuple(wanted)
        value = answers.get(wanted)
        if value is None:
            stack.append((where, wanted, wanted[0](*wanted[1:])))
    return value
