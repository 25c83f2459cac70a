"""Errors are interface: what was wrong, where, why, and how to mend it."""

from __future__ import annotations

import numbers
import os
import sys
import unicodedata

MAX_SHOWN, MAX_VALUE = 200, 60
PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep
STANDARD_LIBRARY = os.path.dirname(os.__file__) + os.sep                    # runs our code for us, too
INSTALLED = ("/site-packages/", "/dist-packages/")                          # may lie in the library's folder
TRACES_US = ("/discopy/", "/jax/_src/")


def is_inside(file: str) -> bool:
    """Whether a file is the package's, or of a library that calls it back: never the user's own."""
    name = file.replace("\\", "/")
    if file.startswith((PACKAGE, "<frozen")) or any(part in name for part in TRACES_US):
        return True
    return file.startswith(STANDARD_LIBRARY) and not any(part in name for part in INSTALLED)


def user_location() -> str | None:
    """The file and line of the first caller outside the package and what traces it, as ``file.py:12``."""
    frame = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        generated = name == "<string>" and frame.f_code.co_name == "__init__"     # a dataclass's
        if not generated and not is_inside(name):
            return f"{os.path.basename(name)}:{frame.f_lineno}"
        frame = frame.f_back
    return None


def pointed(text: str, position: int | None = None) -> list[str]:
    """A text on one line, and below it a caret under a position; a long text is cut around it.

    >>> print(*pointed("a b= c", 4), sep="\\n")
    a b= c
        ^
    """
    at = min(position or 0, len(text))
    start, stop = max(0, at - MAX_SHOWN // 2), max(MAX_SHOWN, at + MAX_SHOWN // 2)
    line = "".join(" " if c.isspace() or not c.isprintable() else c for c in text[start:stop])
    before, after = "…" if start else "", "…" if stop < len(text) else ""
    if position is None:
        return [before + line + after]
    width = sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
                for c in line[:at - start])
    return [before + line + after, " " * (len(before) + width) + "^"]


def escaped(text: str, kept: str = "") -> str:
    """A text for a terminal: what is not printable is escaped, as in a repr, but for the characters kept.

    Names come from files. They may hold characters that move the cursor, colour what follows or turn the
    direction of writing, and lone surrogates that no stream takes.

    >>> print(escaped("relu\\x1b[2K\\u202e"))
    relu\\x1b[2K\\u202e
    """
    if text.isprintable():
        return str(text)
    return "".join(c if c.isprintable() or c in kept else c.encode("unicode_escape").decode() for c in text)


def shown(value: object) -> str:
    """A value in a message: its repr, cut, also where it has no repr.

    >>> shown(3), shown("x" * 100)[:8]
    ('3', "'xxxxxxx")
    """
    try:
        if isinstance(value, numbers.Integral) and abs(int(value)) > 10 ** MAX_VALUE:
            return f"a number of more than {MAX_VALUE} digits"
        text = " ".join(repr(value).split())
    except Exception:                   # a repr of the user's own may raise anything
        return f"a {type(value).__name__}"
    return text if len(text) <= MAX_VALUE else text[:MAX_VALUE - 1] + "…"


def told(error: BaseException) -> str:
    """What an exception says; its own ``__str__`` may fail."""
    try:
        return str(error)
    except Exception:
        return ""


class NcdError(ValueError):
    """The base of every error that ncd raises on purpose.

    Parameters:
        what: One line that says what was wrong.
        details: Lines ``(name, text)`` such as ``("have", "y x")``; the location in
            the user's file is added as ``where`` when it is not given.

    >>> print(NcdError("cannot compose `f` with `g`", where="here", have="y x", want="y z"))
    cannot compose `f` with `g`
      where   here
      have    y x
      want    y z
    """

    def __init__(self, what: str, /, where: str | None = None, **details: str | list[str] | None):
        self.what = what = escaped(str(what))
        here = user_location()
        places = (here if where != "here" else None, where)
        self.where = ", ".join(escaped(str(part)) for part in places if part)
        self.details = {name: escaped(text) if isinstance(text, str) else [escaped(line) for line in text]
                        for name, text in details.items() if text}
        lines = [what]
        if self.where:
            lines.append(f"  {'where':<7} {self.where}")
        for name, text in self.details.items():
            texts = [text] if isinstance(text, str) else list(text)
            for index, line in enumerate(texts):
                lines.append(f"  {name if index == 0 else '':<7} {line}")
        super().__init__("\n".join(lines))


class AxisError(NcdError):
    """Labels that do not match, an axis that is absent, or a label twice in one array."""


class SizeError(NcdError):
    """Sizes that contradict each other, or a size that is not a positive integer."""


class ArityError(NcdError):
    """A wrong number of arrays."""


class AmbiguityError(NcdError):
    """A text or a call with more than one reading; the message names the readings."""


class NotationError(NcdError):
    """A malformed pattern; the message shows it with a caret."""

    def __init__(self, what: str, text: str = "", position: int | None = None, **details):
        self.text, self.position = text, position
        super().__init__(what, pattern=pointed(text, position) if text else None, **details)


class RuleError(NcdError):
    """An interpretation has no rule for an operation; there is never a default."""


class LoadError(NcdError):
    """A model that cannot be found or a file that is not a valid diagram."""


class ArgumentError(NcdError, TypeError):
    """An argument of the wrong kind: a number for a text, an array for a diagram."""


class SizeArgumentError(ArgumentError, SizeError):
    """An argument that is no size, where a size is wanted."""


class InputError(NcdError):
    """Values given at run time that do not have the type of the diagram."""


class OutputError(NcdError):
    """A result that cannot be written; what stood there before is untouched."""

    @classmethod
    def at(cls, path: str | os.PathLike, error: OSError) -> OutputError:
        """Of a file that the system does not let be written."""
        folder = os.path.dirname(os.path.abspath(path))
        return cls(f"cannot write `{os.fspath(path)}`", why=error.strerror or str(error),
                   mend=None if os.path.isdir(folder) else f"make the folder {folder} first")
