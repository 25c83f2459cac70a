"""Sizes read off values: the shapes given at run time against the type of a diagram."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ncd.algebra.atom import MAX_BITS, Atom
from ncd.algebra.convert import Size
from ncd.core.category import Diagram
from ncd.errors import InputError, SizeError
from ncd.traverse.places import find


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
    problems: list[str] = []
    missing = False
    for path, slot in slots.items():
        try:
            pairs.append((f"parameter {'/'.join(path)}", slot.array, find(parameters, path)))
        except InputError as error:
            missing = True
            problems.append(f"{error.what}, want `{slot.array}`")
    known: dict[str, int] = dict(sizes or {})
    origin: dict[str, str] = {}
    later: list[_Equation] = []
    for where, array, value in pairs:
        shape = _shape(value)
        if shape is None:
            problems.append(f"{where} is a {type(value).__name__}, want an array `{array}`")
            continue
        kind = _kind(value)
        if kind != array.dtype and not (array.dtype == "key" and _is_seed(value)):
            problems.append(f"{where} has dtype {getattr(value, 'dtype', kind)}, "
                            f"want {array.dtype} (`{array}`)")
        if len(shape) != len(array.axes):
            more = "; .lift(\"n\") takes a batch" if where.startswith("input") and \
                len(shape) == len(array.axes) + 1 else ""
            problems.append(f"{where} has {len(shape)} axes {tuple(shape)}, "
                            f"want {len(array.axes)} (`{array}`){more}")
            continue
        for axis, number in zip(array.axes, shape):
            name = axis.size.name
            if number < 1:
                problems.append(f"{where} has {axis.label} = {number}, want a positive size")
            elif name is None:
                later.append(_Equation(where, axis.label, axis.size, number))
            elif known.setdefault(name, number) != number:
                problems.append(f"{where} has {axis.label} = {number}, but {name} = {known[name]}"
                                f"{f' in {origin[name]}' if name in origin else ''}")
            else:
                origin.setdefault(name, where)
    _solve_all(later, known)
    problems += [text for equation in later if (text := _contradiction(equation, known))]
    if problems:
        raise InputError("the values do not have the diagram's type", why=problems,
                         want=f"{diagram.dom}",
                         sizes=", ".join(f"{k} = {v}" for k, v in sorted(known.items())),
                         mend="make the parameters with diagram.init(key, ...)" if missing else None)
    return known


class _Equation(NamedTuple):
    """A size of the type and the number that a value has there."""

    where: str
    label: str
    size: Size
    number: int


def _solve_all(equations: Sequence[_Equation], known: dict[str, int]) -> None:
    """Solve equations with one unknown until none is left."""
    found = True
    while found:
        found = False
        for _, _, size, number in equations:
            free = size.symbols - set(known)
            if len(free) == 1:
                _solve(size, number, next(iter(free)), known)
                found = found or free <= set(known)


def _solve(size: Size, number: int, name: str, known: dict[str, int]) -> None:
    """The symbol that makes a size this number, where it occurs linearly or in a size that grows as 2**k."""
    linear = {m: c for m, c in size.terms.items() if (name, 1) in m}
    coefficient = Size.of({tuple(item for item in m if item != (name, 1)): c for m, c in linear.items()})
    rest = size - Size.of(linear)
    if linear and name not in coefficient.symbols | rest.symbols:
        slope = coefficient.evaluate(known)
        found = (number - rest.evaluate(known)) / slope if slope else 0
        if found == int(found) and found >= 1:
            known[name] = int(found)
    elif _grows(size, name):
        found = _searched(size, number, name, known)
        if found is not None:
            known[name] = found


def _grows(size: Size, name: str) -> bool:
    """Whether a size has 2**k with k a symbol, and k in terms alone that grow with it."""
    def grows(atom) -> bool:
        return atom == name or (isinstance(atom, Atom) and atom.kind == "exp" and _rises(atom.args[1], name))
    terms = [(m, c) for m, c in size.terms.items() if any(name in symbols_in(atom) for atom, _ in m)]
    return any(not isinstance(atom, str) for m, _ in terms for atom, _ in m) and all(
        c > 0 and all(e > 0 and (name not in symbols_in(atom) or grows(atom)) for atom, e in m)
        for m, c in terms)


def _rises(exponent: Size, name: str) -> bool:
    return all(c > 0 and all(isinstance(atom, str) and e > 0 for atom, e in m)
               for m, c in exponent.terms.items())


def symbols_in(atom) -> frozenset[str]:
    return Size.atom(atom).symbols


def _searched(size: Size, number: int, name: str, known: Mapping[str, int]) -> int | None:
    """The whole number at which a size that grows is a number, by halving."""
    low, high = 1, 2 * MAX_BITS
    while low <= high:
        middle = (low + high) // 2
        try:
            value = size.evaluate({**known, name: middle})
        except SizeError:                               # it has too many bits
            high = middle - 1
            continue
        if value == number:
            return middle
        low, high = (middle + 1, high) if value < number else (low, middle - 1)
    return None


def _contradiction(equation: _Equation, known: Mapping[str, int]) -> str:
    """What is wrong with a value's number once all sizes are read; empty if nothing is."""
    where, label, size, number = equation
    free = sorted(size.symbols - set(known))
    if not free:
        want = size.evaluate(known)
        shown = f"{size} = {want}" if size.symbols else str(want)
        return "" if want == number else f"{where} has {label} = {number}, want {shown}"
    at = ", ".join(f"{name} = {known[name]}" for name in sorted(size.symbols - set(free)))
    linear = len(free) == 1 and (any((free[0], 1) in m for m in size.terms) or _grows(size, free[0]))
    return f"{where} has {label} = {number}, no {free[0]} makes {size} so large{' at ' + at if at else ''}" \
        if linear else ""


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
    return {"f": "float", "i": "int", "u": "int", "b": "bool"}.get(kind, str(dtype))


