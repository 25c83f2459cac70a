"""Drawing: a diagram to a scene of wires, marks and labels, then to a file.

>>> from ncd.build.notation import einsum
>>> picture = svg(einsum("y k, x k -> y x"))
>>> picture.startswith("<svg ") and picture.endswith("</svg>\\n")
True
"""

from __future__ import annotations

import os
import tempfile

from ncd.core.text import listing
from ncd.errors import NcdError, OutputError
from ncd.interpret.draw.nested import scene_of
from ncd.interpret.draw.svg import write

__all__ = ["FORMATS", "draw", "scene_of", "svg"]


def svg(diagram, depth: int = 0) -> str:
    """A diagram as the text of an SVG picture, in the style of Neural Circuit Diagrams.

    Parameters:
        depth: How many levels of blocks are opened.
    """
    diagram = _diagram(diagram)
    return write(scene_of(diagram, _depth(depth)), str(diagram))


def _listing(diagram, depth: int = 0) -> str:
    return listing(_diagram(diagram)) + "\n"


FORMATS = {".svg": svg, ".txt": _listing}


def draw(diagram, path: str | os.PathLike | None = None, depth: int = 0) -> str:
    """Draw a diagram; write it to a file whose suffix names the format.

    Type:      a diagram -> the text that was written (SVG where there is no path)
    Parameters:
        path: A file name that ends in ``.svg`` or ``.txt`` (the listing), or None.
        depth: How many levels of blocks are opened.
    Raises:    OutputError: Another suffix, or a file that cannot be written; a file that stood
               there before is then untouched.

    >>> from ncd.build.generators import elementwise
    >>> print("<title>() -&gt; ()</title>" in draw(elementwise("relu")))
    True
    """
    if path is None:
        return svg(diagram, depth)
    name = os.fspath(path)
    suffix = os.path.splitext(name)[1].lower()
    if suffix not in FORMATS:
        raise OutputError(f"cannot draw to {os.path.basename(name)!r}",
                          have=suffix or "no suffix", want=", ".join(FORMATS),
                          mend="name it diagram.svg")
    text = FORMATS[suffix](diagram, depth)
    _write(name, text)
    return text


def _write(name: str, text: str) -> None:
    """Write beside the file, then put it in place at once."""
    beside = None
    try:
        handle, beside = tempfile.mkstemp(dir=os.path.dirname(name) or ".", suffix=".part")
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        os.chmod(beside, 0o644)
        os.replace(beside, name)
    except OSError as error:
        if beside is not None and os.path.exists(beside):
            os.unlink(beside)
        raise OutputError(f"cannot write {name!r}", why=error.strerror or str(error)) from None


def _diagram(diagram):
    found = getattr(diagram, "diagram", diagram)
    if not hasattr(found, "graph"):
        raise NcdError(f"cannot draw a {type(diagram).__name__}", want="a diagram or an operation")
    return found


def _depth(depth) -> int:
    if isinstance(depth, bool) or not isinstance(depth, int) or depth < 0:
        raise NcdError(f"depth={depth!r}", want="0, 1, 2, …: how many levels of blocks are opened")
    return depth
