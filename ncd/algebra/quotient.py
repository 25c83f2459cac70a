"""A product of powers as a text with a bar: what stands above it, and what it is divided by."""

from __future__ import annotations

from collections.abc import Callable


def divides(atom, exponent) -> bool:
    """Whether a factor is written under a bar; a power of a sum is not, which would be multiplied out."""
    return isinstance(exponent, int) and exponent < 0 and (
        exponent == -1 or isinstance(atom, str) or atom.kind != "group")


def below(monomial: tuple, text_of: Callable) -> str:
    """What a product is divided by: ``/h``, ``/(h*k)``, ``/(x + 1)``."""
    symbols = [text_of(a, -e, False) for a, e in monomial if isinstance(a, str) and divides(a, e)]
    nodes = [text_of(a, -e, False) for a, e in monomial if not isinstance(a, str) and divides(a, e)]
    text = "" if not symbols else f"/{symbols[0]}" if len(symbols) == 1 else f"/({'*'.join(symbols)})"
    return text + "".join(f"/{node}" for node in nodes)
