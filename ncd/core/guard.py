"""Where names are guarded: what a user composes is checked, what a definition is made of was."""

from __future__ import annotations

import threading


class _Guard(threading.local):
    """How many definitions are being made; inside one, a name that meets another was meant to."""

    paused = 0

    def __enter__(self) -> None:
        self.paused += 1

    def __exit__(self, *_) -> None:
        self.paused -= 1


unguarded = _Guard()
