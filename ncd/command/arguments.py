"""What a command line says of a diagram's sizes and masks, read and checked."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence

from ncd.algebra.convert import parse_size
from ncd.analysis.fitting import fit
from ncd.core.category import Diagram
from ncd.core.check import check
from ncd.errors import InputError, SizeError

DIGITS = 18


def sizes(texts: Sequence[str], symbols: Collection[str]) -> dict[str, int]:
    """{symbol: number} from texts as ``x=128``.

    Raises:    SizeError: What is no number, no symbol or said twice; all at once.
    """
    found: dict[str, int] = {}
    problems, mend = [], None
    for text in texts:
        name, equals, number = text.partition("=")
        if not equals or not name:
            problems.append(f"`{text}` is not NAME=NUMBER")
        elif not (number.isascii() and number.isdigit() and number.strip("0")):
            problems.append(f"`{text}`: a size is a positive whole number")
            parts = text.replace(" ", "").split(",")
            if " " in text or "," in text:
                mend = f"--size {' '.join(part for part in parts if part)}"
        elif len(number) > DIGITS:
            problems.append(f"`{text}`: a size has at most {DIGITS} digits")
        elif name not in symbols:
            problems.append(f"`{text}`: the diagram has no size {name}")
            if close := difflib.get_close_matches(name[:100], sorted(symbols), 3, 0.5):
                mend = f"did you mean {' or '.join(close)}?"
        elif found.setdefault(name, int(number)) != int(number):
            problems.append(f"`{text}`: {name} = {found[name]} is given too")
    if problems:
        raise SizeError("the sizes cannot be used", why=problems, mend=mend,
                        have=f"the diagram's sizes: {', '.join(sorted(symbols)) or 'none'}")
    return found


def seed(number: int) -> int:
    """What --seed says.

    Raises:    InputError: No generator takes it.
    """
    if not 0 <= number < 2 ** 63:
        raise InputError(f"--seed {number}", want="0 or more, less than 2**63")
    return number


def masks(asked: str) -> str | dict:
    """What --masks says: a word, or how many entries of which input are true."""
    if "=" not in asked:
        return asked
    counts: dict[int, object] = {}
    for text in asked.split(","):
        number, equals, count = text.strip().partition("=")
        if not (equals and number.isascii() and number.isdigit() and len(number) < 10):
            raise InputError(f"--masks {text}", want="skip, or an input's number and a size, as in 3=n")
        if int(number) in counts:
            raise InputError(f"--masks {text}", have=f"{int(number)}={counts[int(number)]} is given too")
        counts[int(number)] = parse_size(count)
    return counts


def small(given: Mapping[str, int], diagram: Diagram) -> dict[str, int]:
    """The sizes given, and small numbers for the others at which every axis is positive.

    Raises:    SizeError: The sizes given do not fit, or none were found for the others.
    """
    free = diagram.symbols - set(given)
    found = fit(diagram, given)
    try:
        check(diagram, deep=True, sizes=dict(given) | dict.fromkeys(free, 256) if found is None else found)
        if found is not None:
            return found
        why = None
    except SizeError as error:
        why = error.details.get("why")
    raise SizeError("no small sizes fit the diagram" if free else "the sizes do not fit the diagram",
                    why=why, mend="give them: --size x=... y=...")
