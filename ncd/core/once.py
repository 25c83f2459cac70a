"""Functions that go into nested diagrams: each nested diagram once, and no deep recursion.

A block holds a diagram that holds blocks. A function that walks them by calling itself would reach Python's
limit at some hundred levels, and take 2ⁿ steps where n levels are each used twice.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any

LEVELS = 16                             # a level takes about ten frames of Python's thousand


class _Deeper(BaseException):
    """A call that is too deep, to be made first: it passes whatever catches errors."""

    def __init__(self, call: tuple):
        self.call = call


class _State(threading.local):
    known: dict | None = None           # {name of a call: (its result, its arguments)}
    made: tuple | None = None           # the call that was made last because another is made again for it
    level = 0


_state = _State()


def once_each(key: Callable[..., tuple]) -> Callable[[Callable], Callable]:
    """Let a recursive function make each call once, and few levels of them at a time.

    While an outermost call runs, results are kept by ``key`` of their arguments, of which it may use ``id``:
    the arguments are kept as well. A call too deep down is left, made by itself and found when the one that
    wanted it is made again, so that the number of steps stays linear.

    >>> @once_each(lambda n: (n,))
    ... def below(n):
    ...     return 0 if n == 0 else 1 + below(n - 1)
    >>> below(100_000)
    100000
    """
    def decorate(function: Callable) -> Callable:
        @functools.wraps(function)
        def called(*arguments):
            name = (function, *key(*arguments))
            if _state.known is None:
                return _outermost((name, function, arguments))
            if name in _state.known:
                if name == _state.made:
                    _state.made = None
                return _state.known[name][0]
            # Where the call made last is not found again, its arguments have no lasting name: go down.
            if _state.level >= LEVELS and _state.made is None:
                raise _Deeper((name, function, arguments))
            _state.level += 1
            try:
                made = function(*arguments)
            finally:
                _state.level -= 1
            _state.known[name] = made, arguments
            return made
        return called
    return decorate


def _outermost(call: tuple) -> Any:
    _state.known, _state.made, waiting = {}, None, [call]
    try:
        while waiting:
            name, function, arguments = waiting[-1]
            _state.level = 0
            try:
                _state.known[name] = function(*arguments), arguments
                _state.made, *_ = waiting.pop()
            except _Deeper as deeper:
                waiting.append(deeper.call)
        return _state.known[call[0]][0]
    finally:
        _state.known = None
