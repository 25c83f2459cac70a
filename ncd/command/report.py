"""What the command line prints and writes: listings, tables of costs, files.

A table is 80 columns wide: a formula that is longer goes on below itself.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ncd.core.array import Array
from ncd.core.category import Diagram
from ncd.core.inside import diagrams_in
from ncd.core.op import Operation
from ncd.core.text import hung, listing
from ncd.errors import OutputError, escaped
from ncd.file import files


def head(title: str, diagram: Diagram) -> str:
    """A diagram's title and type."""
    title = escaped(title)
    return "\n".join(hung(f"{title} : " if len(title) < 40 else "", str(diagram)))


def sizes(given: Mapping[str, int], none: str = "none") -> str:
    return ", ".join(f"{name} = {number}" for name, number in given.items()) or none


# -- a diagram -------------------------------------------------------------------------
def described(diagram: Diagram, title: str, depth: int = 0) -> str:
    """The type, the size symbols and the listing; what is inside operations, ``depth`` levels down."""
    symbols = ", ".join(sorted(diagram.symbols)) or "none"
    lines = [head(title, diagram), *hung("sizes    ", symbols), "", listing(diagram.graph)]
    seen: dict[Operation, None] = {}
    level = [diagram]
    for _ in range(depth):
        if not level:               # nothing is left to open, however deep was asked for
            break
        below = []
        for outer in level:
            for op in outer.graph.ops:
                inner = [op.expansion] if op.expansion is not None else list(diagrams_in(op))
                if not inner or op in seen:
                    continue
                seen[op] = None
                for body in inner:
                    lines += ["", f"{escaped(op.name)} : {body}", textwrap.indent(listing(body.graph), "  ")]
                below += inner
        level = below
    return "\n".join(lines)


def write(diagram: Diagram, path: Path, title: str, depth: int = 0, **look) -> None:
    """Write by the suffix; what stood there before is replaced whole or not at all."""
    suffix = path.suffix.lower()
    if suffix != ".json":
        from ncd.interpret.draw import FORMATS
        if suffix not in FORMATS:
            want = ", ".join((*FORMATS, ".json"))
            raise OutputError(f"cannot write `{path}`: its suffix says no format",
                              have=suffix or "no suffix", want=want)
        diagram.draw(path, depth=depth, **look)
        return
    files.write(path, diagram.to_json())


# -- runs ------------------------------------------------------------------------------
def output(array: Array, made: Mapping[str, Any]) -> str:
    """An output of a run: its type with numbers, and where its entries lie."""
    shape = " ".join(f"{label}={n}" for label, n in zip(array.labels, made["shape"])) or "()"
    lines = [f"output   {shape} : {made['dtype']}"]
    if "mean" in made:
        entries = [f"{name} {made[name]:.6g}" for name in ("mean", "std", "min", "max")]
        lines += hung("         ", "  ".join(entries))
    if made.get("not_finite"):
        lines.append(f"         {made['not_finite']} entries are not finite")
    return "\n".join(lines)


def verdict(data: Mapping[str, Any]) -> str:
    """What a check found, line by line."""
    lines = [data["title"], f"types    {data['types']}"]
    if data.get("shared"):
        lines += hung("shared   ", data["shared"])
    if "sizes" in data:
        lines += hung("sizes    ", sizes(data["sizes"]))
        lines += [f"shapes   {problem}" for problem in data["problems"]]
        if data["compared"] and not data["problems"]:
            lines += hung("values   ", f"the largest error of JAX against the float64 reference is "
                          f"{data['max_absolute_error']:.3g}, relative {data['max_relative_error']:.3g}, "
                          f"allowed {data['tolerance']:.3g}")
        else:
            lines.append("values   not compared" + ("" if data["compared"] else
                         ": random numbers are drawn, and JAX and the reference draw others"))
    if gradient := data.get("gradient"):
        errors = [f"{name} {error:.3g}" for name, error in gradient.items()
                  if name != "left_out" and error is not None]
        lines += hung("gradient ", "the reverse derivative against the others, relative error: "
                      + ", ".join(errors))
        lines += [line for text in gradient["left_out"] for line in hung("left out ", text)]
    return "\n".join([*lines, "ok" if data["ok"] else "WRONG"])
