"""Rows of a reindexing as text: at which position an axis is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ncd.algebra.convert import ONE, ZERO, Size


def reading(labels: Sequence[str]) -> Callable[..., str]:
    """The text of a row whose positions have these labels: ``2*i+j - 1``.

    A position and the size of an axis may have one name: |x| is the size where x is a position.
    """
    named = {str(label): Size.atom(f"|{label}|") for label in labels}

    def term(label, c):
        c = c.substitute(named)
        return str(label) if c == ONE else f"-{label}" if c == -ONE else f"{c}*{label}"

    def read(row) -> str:
        text = "+".join(term(*item) for item in row.terms)
        offset = str(row.offset.substitute(named))
        if row.offset != ZERO or not text:
            text += f"{'+' if text and not offset.startswith('-') else ''}{offset}"
        divisor = str(row.divisor.substitute(named))
        return text.replace("+-", "-") + (f"/{divisor}" if row.divisor != ONE else "")
    return read
