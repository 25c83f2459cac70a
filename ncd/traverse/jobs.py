"""Work on diagrams inside diagrams, without recursion: each body once, however deep it stands.

A job is a generator that asks for other work by yielding requests, records whose first field says where the
work is, and is sent what comes of it. Equal requests are answered once. A job need not know who answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ncd.errors import RuleError


def solve(request: Any, answers: Mapping[type, Callable]) -> Any:
    """The answer to a request, with all the requests that its job makes.

    Parameters:
        request: A named tuple ``(where, *arguments)``.
        answers: {class of a request: the job that answers it, a generator function of the arguments}.
    Raises:    RuleError: That of a job which no job above catches, with the place where it came up.

    >>> from typing import NamedTuple
    >>> class Double(NamedTuple):
    ...     where: str
    ...     number: int
    >>> def double(n):
    ...     smaller = 0 if n == 0 else (yield Double("", n - 1))
    ...     return smaller + 2
    >>> solve(Double("", 10_000), {Double: double})
    20002
    """
    known: dict[tuple, Any] = {}
    stack = [(request, answers[type(request)](*request[1:]))]
    value, error = None, None
    while stack:
        current, job = stack[-1]
        try:
            wanted = job.send(value) if error is None else job.throw(error)
        except StopIteration as done:
            value, error = known.setdefault((type(current), *current[1:]), done.value), None
            stack.pop()
            continue
        except RuleError as raised:
            error = _placed(raised, [each.where for each, _ in stack])
            stack.pop()
            continue
        error = None
        value = known.get((type(wanted), *wanted[1:]))
        if value is None:
            stack.append((wanted, answers[type(wanted)](*wanted[1:])))
    if error is not None:
        raise error from None
    return value


def _placed(error: RuleError, names: list[str]) -> RuleError:
    """The error with the place where it came up, if it has none yet."""
    place = "/".join(name for name in names if name)
    known = not place or "place" in error.details
    return error if known else RuleError(error.what, place=place, **error.details)
