"""The process of a command line: an interrupt ends it, and a model's file cannot spoil its end.

A file of the user's runs in this process. It may catch an interrupt, start threads that never end and
register functions that raise at exit; the answer and the exit code are ncd's all the same.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable

INTERRUPTED = 130
PATIENCE = 1.0                          # seconds from an interrupt to the end of what does not heed it


class _Interrupts:
    """The first interrupt raises KeyboardInterrupt; a second one, or time, ends the process."""

    def __init__(self):
        self.seen = False

    def watch(self):
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._handle)

    def _handle(self, number, frame):
        if self.seen:
            os._exit(INTERRUPTED)
        self.seen = True
        if hasattr(signal, "setitimer"):
            signal.signal(signal.SIGALRM, lambda number, frame: os._exit(INTERRUPTED))
            signal.setitimer(signal.ITIMER_REAL, PATIENCE)
        raise KeyboardInterrupt


interrupts = _Interrupts()


def run(command: Callable[[], int]) -> int:
    """Run a command as the whole of a process; its exit code comes back, or the process ends with it."""
    interrupts.watch()
    try:
        code = command()
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BaseException:
        if not interrupts.seen:
            raise
        code = INTERRUPTED              # what an interrupt became on its way
    with contextlib.suppress(KeyboardInterrupt):
        _leave()
    if interrupts.seen:
        code = INTERRUPTED
    if interrupts.seen or any(not thread.daemon for thread in threading.enumerate()
                              if thread is not threading.main_thread()):
        _flush()
        os._exit(code)                  # threads of a model's file are not waited for
    return code


def _leave() -> None:
    """Run what is registered for the exit; what it prints is no answer, what it raises is one line."""
    _flush()
    sys.unraisablehook = _unraisable
    with contextlib.suppress(AttributeError, ValueError, OSError), contextlib.redirect_stdout(sys.stderr):
        atexit._run_exitfuncs()


def _unraisable(failure) -> None:
    if not issubclass(failure.exc_type, KeyboardInterrupt):
        with contextlib.suppress(Exception):
            print(f"ncd: at exit {failure.exc_type.__name__} was raised by the model's code", file=sys.stderr)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError, OSError):
            stream.flush()
