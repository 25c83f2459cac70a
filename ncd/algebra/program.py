"""Sizes as programs: Python for exact numbers, NumPy for many points at once.

A program is straight-line: one assignment for each node (floor, maximum, power) and one for each term, so
nothing recurses, and a node that stands in many formulas is worked out once. Symbols are variables by number:
no name of a user's is ever part of a program's text.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from typing import Any

from ncd.algebra.atom import NUMBER, called, power
from ncd.algebra.polynomial import Atom, Size
from ncd.errors import SizeError


def nodes(sizes: Iterable[Size]) -> list[Atom]:
    """Every node of some sizes once, each after those inside it.

    >>> [str(node) for node in nodes([Size("max(x//2, 3*(y//2))")])]
    ['y//2', 'x//2', 'max(3*(y//2), x//2)']
    """
    found: dict[Atom, None] = {}
    stack = [(atom, False) for size in reversed(list(sizes)) for atom in reversed(_atoms(size))]
    while stack:
        atom, done = stack.pop()
        if done:
            found[atom] = None
        elif atom not in found:
            stack.append((atom, True))
            stack.extend((inner, False) for argument in reversed(atom.args)
                         for inner in reversed(_atoms(argument)) if inner not in found)
    return list(found)


def _atoms(size: Size) -> list[Atom]:
    return [atom for monomial in size.terms for atom, _ in monomial if isinstance(atom, Atom)]


def _power_text(base: str, exponent) -> str:
    return f"power({base}, {exponent.numerator}, {exponent.denominator})"


class _Writer:
    """The assignments of a program."""

    def __init__(self, sizes: Mapping[str, Size]):
        self.symbols = sorted({name for size in sizes.values() for name in size.symbols})
        self.names: dict[Any, str] = {name: f"v{n}" for n, name in enumerate(self.symbols)}
        self.lines: list[str] = []
        for n, atom in enumerate(nodes(sizes.values())):
            arguments = [self.sum(argument, f"n{n}_{place}") for place, argument in enumerate(atom.args)]
            self.names[atom] = f"n{n}"
            self.lines.append(f"n{n} = {called(atom)}({', '.join(arguments)})")
        self.results = [self.sum(size, f"r{n}") for n, size in enumerate(sizes.values())]

    def sum(self, size: Size, name: str) -> str:
        """Assign a sum term by term; fractions over one denominator."""
        below = math.lcm(*(c.denominator for c in size.terms.values()))
        self.lines.append(f"{name} = 0")
        for monomial, coefficient in size.terms.items():
            above, divisors = [str(int(coefficient * below))], []
            for atom, exponent in monomial:
                base = self.names[atom]
                if not isinstance(exponent, int):
                    above.append(_power_text(base, exponent))
                    continue
                many = [base] * abs(exponent) if abs(exponent) < 5 else [_power_text(base, abs(exponent))]
                (above if exponent > 0 else divisors).extend(many)
            if above[0] == "1" and len(above) > 1:
                del above[0]
            term = "*".join(above)
            term = f"ratio({term}, {'*'.join(divisors)})" if divisors else term
            self.lines.append(f"{name} = {name} + {term}")
        if below != 1:
            self.lines.append(f"{name} = ratio({name}, {below})")
        return name


def python(sizes: Mapping[str, Size]) -> str:
    """The text of a Python function of a dictionary {symbol: number}, to a dictionary {name: number}.

    It wants ``floor``, ``maximum``, ``minimum``, ``ratio`` and ``power`` where it runs, and for powers and
    logarithms ``exponential``, ``log2``, ``natural`` and ``floor_near``.

    >>> print(python({"flops": Size("2*x*y")}))
    def formulas(sizes):
        v0, v1, = (sizes[name] for name in ('x', 'y',))
        r0 = 0
        r0 = r0 + 2*v0*v1
        return {'flops': r0}
    """
    made = _Writer(sizes)
    lines = ["def formulas(sizes):"]
    if made.symbols:
        names = ", ".join(made.names[name] for name in made.symbols)
        given = ", ".join(repr(str(name)) for name in made.symbols)
        lines.append(f"    {names}, = (sizes[name] for name in ({given},))")
    lines += [f"    {line}" for line in made.lines]
    pairs = ", ".join(f"{str(name)!r}: {result}" for name, result in zip(sizes, made.results))
    return "\n".join([*lines, f"    return {{{pairs}}}"])


# -- programs that run --------------------------------------------------------------------
def _ratio(above, below):
    return Fraction(above) / below if not isinstance(above, float) else above / below


EXACT = NUMBER | {"ratio": _ratio, "power": power}


def compiled(sizes: Mapping[str, Size]) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """A function {symbol: number} to {name: number}, exact for numbers and for arrays of numbers.

    Arrays are broadcast together; they are worked in 64-bit integers where every step fits and in
    Python's integers where not, so that what is whole is exact; roots are floats.

    Raises:
        SizeError: (the function) a symbol has no value; a division by zero; a root that is not real.

    >>> price = compiled({"flops": Size("2*x**2*y + x//2")})
    >>> price({"x": 3, "y": 10 ** 30})
    {'flops': 18000000000000000000000000000001}
    >>> price({"x": [1, 2, 3], "y": 1})["flops"].tolist()
    [2, 9, 19]
    """
    code = compile(python(sizes), "<formulas>", "exec")
    symbols = sorted({name for size in sizes.values() for name in size.symbols})
    one = _bound(code, EXACT)

    def evaluate(given: Mapping[str, Any]) -> dict[str, Any]:
        missing = [name for name in symbols if name not in given]
        if missing:
            raise SizeError(f"no value for the size {', '.join(missing)}",
                            mend=f"give it: {', '.join(f'{name}=...' for name in missing)}")
        values = {name: given[name] for name in symbols}
        try:
            if any(hasattr(value, "__len__") for value in values.values()):
                return _vectors(sizes, code, values)
            return {name: _whole(value) for name, value in one(values).items()}
        except ZeroDivisionError:
            raise SizeError("a formula divides by zero", sizes=str(values)[:200]) from None
        except OverflowError:
            raise SizeError("a formula is beyond all floats", sizes=str(values)[:200]) from None
    return evaluate


def _bound(code, helpers: Mapping[str, Callable]) -> Callable:
    scope = dict(helpers)
    exec(code, scope)                   # the text is made of numbers and of variables by number
    return scope["formulas"]


def _whole(value):
    if isinstance(value, Fraction):
        return int(value) if value.denominator == 1 else float(value)
    return value


def _vectors(sizes: Mapping[str, Size], code, given: Mapping[str, Any]) -> dict[str, Any]:
    import numpy
    arrays = {name: numpy.asarray(value) for name, value in given.items()}
    for name, array in arrays.items():
        if array.dtype.kind not in "iuO":
            raise SizeError(f"the values of {name} are not whole numbers", have=str(array.dtype))
    try:
        shape = numpy.broadcast_shapes(*(array.shape for array in arrays.values()))
    except ValueError:
        raise SizeError("the values of the sizes have shapes that do not go together", have=", ".join(
            f"{name}: {array.shape}" for name, array in arrays.items() if array.shape),
            want="one shape, or shapes that broadcast") from None
    largest = {name: max(1.0, float(abs(array).max())) if array.size else 1.0
               for name, array in arrays.items()}
    plain = all(isinstance(exponent, int) and exponent > 0 for size in every(sizes.values())
                for monomial in size.terms for _, exponent in monomial)
    # A fraction inside a node would make floats of what is whole.
    plain = plain and all(c.denominator == 1 for node in nodes(sizes.values()) for argument in node.args
                          for c in argument.terms.values())
    # Powers may be long and logarithms are fractions.
    plain = plain and not any(node.kind in ("exp", "log", "ln") for node in nodes(sizes.values()))
    small = plain and bounds(sizes.values(), largest) < 2.0 ** 62
    made = _bound(code, SMALL if small else LARGE)(
        {name: array.astype(numpy.int64 if small else object) for name, array in arrays.items()})
    return {name: numpy.broadcast_to(_settled(numpy.asarray(value)), shape) for name, value in made.items()}


def _settled(array):
    """An array of Python's numbers as one of whole numbers or of floats, where it fits."""
    import numpy
    if array.dtype != object:
        return array
    values = [_whole(value) for value in array.ravel()]
    if all(isinstance(value, int) for value in values):
        kind = numpy.int64 if all(abs(value) < 2 ** 63 for value in values) else object
    else:
        kind = float
    return numpy.array(values, kind).reshape(array.shape)


def every(sizes: Iterable[Size]) -> list[Size]:
    """Some sizes and those inside their nodes."""
    sizes = list(sizes)
    return [*sizes, *(argument for node in nodes(sizes) for argument in node.args)]


def bounds(sizes: Iterable[Size], largest: Mapping[str, float]) -> float:
    """No number on the way to any of the sizes is larger than this, at symbols up to the largest."""
    sizes, known = list(sizes), dict(largest)

    def bound(size: Size) -> float:
        below = math.lcm(*(c.denominator for c in size.terms.values()))
        return sum((abs(float(c)) * below * math.prod(known[atom] ** max(1.0, abs(float(e))) for atom, e in m)
                    for m, c in size.terms.items()), 1.0)
    most = 1.0
    for node in nodes(sizes):
        inside = [bound(argument) for argument in node.args]
        known[node] = inside[0] if node.kind in ("floor", "group") else max(inside)
        most = max(most, *inside)
    return max([most, *map(bound, sizes)])


def _elementwise(function: Callable) -> Callable:
    def apply(*args):
        import numpy
        return numpy.frompyfunc(function, len(args), 1)(*args)
    return apply


def _small(name: str) -> Callable:
    def apply(*args):
        import numpy
        if name == "floor":
            return args[0] // args[1]
        if name == "ratio":
            whole = args[0] // args[1]
            return whole if numpy.all(whole * args[1] == args[0]) else args[0] / args[1]
        found = args[0]
        for other in args[1:]:
            found = getattr(numpy, name)(found, other)
        return found
    return apply


SMALL = {name: _small(name) for name in ("floor", "ratio", "maximum", "minimum")} | {
    "power": lambda base, above, below: base ** above}
LARGE = {name: _elementwise(function) for name, function in EXACT.items() if name not in ("power",)} | {
    "power": lambda base, above, below: _elementwise(lambda b: power(b, above, below))(base)}
