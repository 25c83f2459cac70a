"""How to mend a call whose axes or dtypes do not fit: only what was tried and works is proposed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ncd.algebra.convert import Size
from ncd.core.array import Array
from ncd.core.axis import Axis
from ncd.core.category import Diagram

Arrays = Sequence[Array]
Fits = Callable[[Diagram, Arrays], bool]
Absent = tuple[int, list[str], list[str]]


def missing_axes(dom: Arrays, arrays: Arrays) -> list[Absent]:
    """For each input that lacks axes: its position, their labels, those that it has instead."""
    found = []
    for position, (want, have) in enumerate(zip(dom, arrays)):
        missing = [label for label in want.labels if label not in have.labels]
        if missing:
            found.append((position, missing, [label for label in have.labels if label not in want.labels]))
    return found


def mends(diagram: Diagram, arrays: Arrays, left: Diagram | None, fits: Fits) -> list[str]:
    """What would make the call fit, a proposal a line; nothing where nothing was found."""
    dom = diagram.dom.inside
    lines = [_conversion(position, want.dtype, have.dtype)
             for position, (want, have) in enumerate(zip(dom, arrays), 1) if want.dtype != have.dtype]
    absent = missing_axes(dom, arrays)
    arrays = [Array(have.axes, want.dtype, want.bound) if want.dtype != have.dtype else have
              for want, have in zip(dom, arrays)]
    if absent:
        lines += _renaming(diagram, arrays, left, absent, fits) or _on_wires(diagram, arrays, absent, fits)
    return lines


def _conversion(position: int, want: str, have: str) -> str:
    if want == "float" and have in ("int", "bool"):
        return f'make input {position} float: ncd.elementwise("to_float")'
    if want == "bool" and have in ("int", "float"):
        return f"compare input {position}, as in x > 0"
    if want == "int" and have == "float":
        return f'round input {position} down, ncd.elementwise("to_int"), or declare it as in `x : int`'
    return f"declare input {position} with the dtype {want}, as in `x : {want}`"


def _renaming(diagram: Diagram, arrays: Arrays, left: Diagram | None, absent: list[Absent],
              fits: Fits) -> list[str]:
    """One renaming of the diagram, or of the one before it, that repairs every input."""
    pairs = {m: s for _, missing, spare in absent for m, s in zip(missing, spare)}
    back = {s: m for m, s in pairs.items()}
    if not pairs or len(back) < len(pairs):
        return []
    for sizes in ({}, _bindings(arrays, absent)):
        given = [array.substitute(sizes) for array in arrays]
        if _ends(diagram).isdisjoint(back) and fits(diagram.relabel(pairs), given):
            return [f"rename one axis: .rename({keywords(pairs)})", *_bound(sizes)]
        if left is not None and _ends(left).isdisjoint(pairs) \
                and fits(diagram, [array.relabel(back) for array in given]):
            return [f"rename one axis before: .rename({keywords(back)})", *_bound(sizes)]
    return []


def _on_wires(diagram: Diagram, arrays: Arrays, absent: list[Absent], fits: Fits) -> list[str]:
    """A relabelling or a repetition of each input by itself."""
    lines, made = [], list(arrays)
    for position, missing, spare in absent:
        for m, s in zip(missing, spare):
            lines.append(f'relabel input {position + 1}: ncd.reindex("{s} -> {m}={s}", {keywords({s: m})})')
        made[position] = made[position].relabel(dict(zip(spare, missing)))
        for m in missing[len(spare):]:
            axis = Axis(m, next((array.size(m) for array in arrays if m in array.labels), None))
            lines.append(f'repeat input {position + 1} along a new axis: ncd.rearrange("() -> {axis}")')
            made[position] = made[position].with_axes((*made[position].axes, axis))
    for sizes in ({}, _bindings(arrays, absent)):
        if fits(diagram, [array.substitute(sizes) for array in made]):
            return lines + _bound(sizes)
    return [f'.rename({keywords({m: s})}) needs {m} = {s}, but {size} and {arrays[position].size(s)} differ'
            for position, missing, spare in absent for m, s in zip(missing, spare)
            for size in {array.size(m) for array in arrays if m in array.labels}]


def _bindings(arrays: Arrays, absent: list[Absent]) -> dict[str, Size]:
    """The symbols of the axes to be renamed, at the sizes that other inputs have for the labels."""
    found = {}
    for position, missing, spare in absent:
        for m, s in zip(missing, spare):
            others = [array.size(m) for array in arrays if m in array.labels]
            name = arrays[position].size(s).name
            if name is not None and others:
                found[name] = others[0]
    return found


def _bound(sizes: dict[str, Size]) -> list[str]:
    if not sizes:
        return []
    shown = ", ".join(f"{name}={size}" if size.constant is not None else f'{name}="{size}"'
                      for name, size in sizes.items())
    return [f"and make the sizes equal: .bind({shown})"]


def _ends(diagram: Diagram) -> frozenset[str]:
    return frozenset(x for array in (*diagram.dom.inside, *diagram.cod.inside) for x in array.labels)


def keywords(labels: dict[str, str]) -> str:
    """The labels as arguments by name, as Python reads them: a label with a prime is no name.

    >>> print(keywords({"x": "y"}), keywords({"x'": "y"}))
    x="y" **{"x'": "y"}
    """
    if all(map(str.isidentifier, labels)):
        return ", ".join(f'{old}="{new}"' for old, new in labels.items())
    return "**{" + ", ".join(f'"{old}": "{new}"' for old, new in labels.items()) + "}"
