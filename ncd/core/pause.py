"""Work that makes many small records is done with the collector of cycles paused."""

from __future__ import annotations

import functools
import gc
from collections.abc import Callable


def without_collection(function: Callable) -> Callable:
    """Run a function with the collector of cycles paused.

    What derives or measures diagrams makes many small records and no cycles: the collector would walk
    all of them again and again, which grows faster than they do (measured on derivatives: a third of
    the time at 10,000 boxes).
    """
    @functools.wraps(function)
    def paused(*arguments, **options):
        if not gc.isenabled():
            return function(*arguments, **options)
        gc.disable()
        try:
            return function(*arguments, **options)
        finally:
            gc.enable()
    return paused
