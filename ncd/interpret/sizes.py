"""Sizes read off values: the shapes given at run time against the type of a diagram."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ncd.core.category import Diagram
from ncd.core.size import Size
from ncd.errors import InputError, SizeError
from ncd.interpret.parameter import find


def read_sizes(diagram: Diagram, inputs: Sequence[Any], slots: Mapping = {}, parameters: Any = None,
               sizes: Mapping[str, int] | None = None) -> dict[str, int]:
    """The number that each size symbol has, and every mismatch at once.

    Parameters:
        inputs: One value with ``shape`` and ``dtype`` for each input array.
        slots, parameters: The places of the diagram and the values that stand there.
        sizes: Numbers already known.

    Raises:
        InputError: A wrong number of inputs, rank, dtype or size; all are listed.
    """
    dom = diagram.dom.inside
    if len(inputs) != len(dom):
        raise InputError(f"the diagram takes {len(dom)} arrays, {len(inputs)} are given",
                         want=str(diagram.dom) or "no arrays")
    pairs = [(f"input {n}", array, value) for n, (array, value) in enumerate(zip(dom, inputs), 1)]
    pairs += [(f"parameter {'/'.join(path)}", slot.array, find(parameters, path))
              for path, slot in slots.items()]
    problems: list[str] = []
    known: dict[str, int] = dict(sizes or {})
    later: list[tuple[str, Size, int, str]] = []
    for where, array, value in pairs:
        shape = _shape(value)
        if shape is None:
            problems.append(f"{where} is a {type(value).__name__}, want an array `{array}`")
            continue
        kind = _kind(value)
        if kind != array.dtype and not (array.dtype == "key" and _is_seed(value)):
            problems.append(f"{where} has dtype {getattr(value, 'dtype', kind)}, want {array.dtype} (`{array}`)")
        if len(shape) != len(array.axes):
            problems.append(f"{where} has {len(shape)} axes {tuple(shape)}, "
                            f"want {len(array.axes)} (`{array}`)")
            continue
        for axis, number in zip(array.axes, shape):
            name = axis.size.name
            if name is None:
                later.append((where, axis.size, number, axis.label))
            elif known.setdefault(name, number) != number:
                problems.append(f"{where} has {axis.label} = {number}, but {name} = {known[name]}")
    for where, size, number, label in later:
        free = size.symbols - set(known)
        if len(free) == 1:
            _solve(size, number, next(iter(free)), known)
        if size.symbols <= set(known):
            want = size.evaluate(known)
            if want != number:
                problems.append(f"{where} has {label} = {number}, want {size}"
                                + (f" = {want}" if size.symbols else ""))
    if problems:
        raise InputError("the values do not have the diagram's type", why=problems,
                         want=f"{diagram.dom}",
                         sizes=", ".join(f"{k} = {v}" for k, v in sorted(known.items())))
    return known


def _solve(size: Size, number: int, name: str, known: dict[str, int]) -> None:
    """The symbol that makes a size this number, where it occurs linearly."""
    coefficient = size.terms.get(((name, 1),), 0)
    rest = (size - Size.symbol(name) * coefficient)
    if coefficient and name not in rest.symbols:
        found = (number - rest.evaluate(known)) / coefficient
        if found == int(found) and found >= 1:
            known[name] = int(found)
    elif len(size.terms) == 1:
        (monomial, factor), = size.terms.items()
        if dict(monomial).get(name) == 1:
            others = Size.of({tuple(item for item in monomial if item[0] != name): factor})
            if name not in others.symbols:
                found, rest = divmod(number, others.evaluate(known))
                if rest == 0 and found >= 1:
                    known[name] = int(found)


def require_sizes(diagram: Diagram, known: Mapping[str, int], needed: frozenset[str]) -> None:
    """Say which symbols the inputs do not fix.

    Raises:
        SizeError: A size that nothing given fixes.
    """
    missing = sorted(needed - set(known))
    if missing:
        raise SizeError(f"the size {', '.join(missing)} is not fixed by the inputs",
                        have=str(diagram), mend=f".bind({', '.join(f'{name}=...' for name in missing)})")


def _shape(value) -> tuple[int, ...] | None:
    shape = getattr(value, "shape", None)
    if shape is not None:
        return tuple(shape)
    return () if isinstance(value, (int, float, bool)) else None


def _is_seed(value) -> bool:
    return str(getattr(value, "dtype", "")) in ("uint64", "uint32")


def _kind(value) -> str:
    dtype = getattr(value, "dtype", None)
    if dtype is None:
        return "bool" if isinstance(value, bool) else "int" if isinstance(value, int) else "float"
    kind = getattr(dtype, "kind", "")
    if "key" in str(dtype):
        return "key"
    if kind == "V" or "float" in str(dtype):
        return "float"
    return {"f": "float", "c": "float", "i": "int", "u": "int", "b": "bool"}.get(kind, str(dtype))


