"""Normal forms of the nodes of a size: powers and roots, floor of a quotient, maximum, minimum.

What can be known for all positive integers by form alone is worked out, so that equal sizes
are mostly equal records: ``(x − 1)//2 + 1`` is ``(x + 1)//2``.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Iterable
from fractions import Fraction

from ncd.algebra import atom as atoms
from ncd.algebra import powers
from ncd.algebra.polynomial import ONE, ZERO, Atom, Number, Size, number, operand
from ncd.errors import SizeError

MAX_EXPANDED = 64                       # a higher power of a sum stays closed, (x + y)**65


# -- powers ----------------------------------------------------------------------------
def power(base: Size, exponent) -> Size:
    """A size to the power of a number, or a number to the power of a size.

    Raises:
        SizeError: Neither is a number; zero to a negative power; a root that is
            not real.
    """
    if isinstance(exponent, Size):
        if exponent.constant is None:
            return powers.exponential(base, exponent)
        exponent = exponent.constant
    if isinstance(exponent, bool) or not isinstance(exponent, numbers.Real):
        return NotImplemented
    exponent = number(exponent)
    if exponent == 0:
        return ONE
    if not base.terms:
        if exponent < 0:
            raise SizeError("zero to a negative power")
        return ZERO
    if len(base.terms) == 1:
        return _power_of_term(base, exponent)
    if isinstance(exponent, int) and 0 < exponent <= MAX_EXPANDED:
        result = ONE
        for _ in range(exponent):
            result = result * base
        return result
    logs = Size.atom(powers.LN2)
    if all(any(atom == powers.LN2 for atom, _ in monomial) for monomial in base.terms):
        return (base / logs) ** exponent * logs ** exponent     # log(10) is log(2)·log2(10)
    return _closed(base, exponent)


def _closed(base: Size, exponent: Number) -> Size:
    return Size.of({((Atom("group", (base,)), exponent),): 1})


def _power_of_term(base: Size, exponent: Number) -> Size:
    (monomial, coefficient), = base.terms.items()
    if not isinstance(exponent, int) and not all(
            isinstance(atom, str) or atom.is_nonnegative for atom, _ in monomial):
        return _closed(base, exponent)      # (a²)^½ is |a|: a may be negative
    factor, rest = _power_of_number(coefficient, exponent)
    made = Size.of({tuple((a, number(e * Fraction(exponent))) for a, e in monomial): factor})
    return opened(made) if rest is None else made * rest


def _power_of_number(base: Number, exponent: Number) -> tuple[Number, Size | None]:
    """base ** exponent as an exact number, or (1, a group that keeps the root exact)."""
    if isinstance(exponent, int):
        return number(atoms.power(base, exponent)), None
    if base < 0:
        raise SizeError(f"the power {base}**({exponent}) is not real")
    roots = [_root(part, exponent.denominator) for part in (base.numerator, base.denominator)]
    if None in roots:
        return 1, _closed(Size.number(base), exponent)
    return number(Fraction(*roots) ** exponent.numerator), None


def _root(value: int, degree: int) -> int | None:
    """The whole root of a positive integer, if it has one."""
    try:
        found = round(value ** (1 / degree))
    except OverflowError:                   # out of the range of floats: the root stays symbolic
        return None
    return found if found ** degree == value else None


def opened(size: Size) -> Size:
    """Multiply out groups whose exponent became a positive integer: a size has one form."""
    def is_open(atom, exponent) -> bool:
        return isinstance(atom, Atom) and atom.kind == "group" and isinstance(exponent, int) \
            and 0 < exponent <= MAX_EXPANDED
    if not any(is_open(*item) for monomial in size.terms for item in monomial):
        return size
    result = ZERO
    for monomial, coefficient in size.terms.items():
        product = Size.of({tuple(item for item in monomial if not is_open(*item)): coefficient})
        for atom, exponent in monomial:
            if is_open(atom, exponent):
                product = product * atom.args[0] ** exponent
        result = result + product
    return result


# -- floors ----------------------------------------------------------------------------
def floor_division(p: Size, q: Size) -> Size:
    """floor(p/q), with what divides exactly taken out and nested floors merged.

    Raises:
        SizeError: Division by zero.
    """
    if not q.terms:
        raise SizeError(f"{p} is divided by zero")
    if p == q:
        return ONE
    scale = math.lcm(*(c.denominator for size in (p, q) for c in size.terms.values()))
    if scale > 1:
        p, q = p * scale, q * scale
    if p.constant is not None and q.constant is not None:
        return Size.number(p.constant // q.constant)
    if len(q.terms) == 1 and (powers.has_powers(p) or powers.has_powers(q)) and (p / q).is_integral:
        return p / q                        # 2**k//2 is whole
    if all(any(atom == powers.LN2 for atom, _ in monomial) for monomial in q.terms):
        return floor_division(p / Size.atom(powers.LN2), q / Size.atom(powers.LN2))
    if q.constant is None and not q.symbols:    # a number such as log(10)
        return floor_division(p / q, ONE)
    if q.constant is not None and powers.is_rounded(p):
        whole = Size.of({m: c for m, c in (p / q).terms.items() if Size.of({m: c}).is_integral})
        return whole + _floor(p - whole * q, q)
    if p.is_integral and q.constant is not None:
        return _floor_by_number(p, q.constant)
    if p.is_integral and q.is_integral and len(q.terms) == 1:
        return _floor_by_term(p, q)
    return _floor(p, q)


def _floor(p: Size, q: Size) -> Size:
    return Size.of({((Atom("floor", (p, q)), 1),): 1})


def _floor_by_term(p: Size, q: Size) -> Size:
    (monomial, coefficient), = q.terms.items()
    whole = Size.of({m: c for m, c in p.terms.items() if c % coefficient == 0 and _divides(monomial, m)})
    rest = p - whole
    return whole / q + _floor(rest, q) if rest.terms else whole / q


def _floor_by_number(p: Size, divisor: int) -> Size:
    if divisor < 0:
        p, divisor = -p, -divisor
    quotient = Size.of({m: c // divisor for m, c in p.terms.items()})
    rest = Size.of({m: c % divisor for m, c in p.terms.items()})
    if rest.constant is not None:
        return quotient + rest.constant // divisor
    common = math.gcd(divisor, *(c for m, c in rest.terms.items() if m))
    if common > 1:                      # floor((c·r + b)/(c·d)) = floor((r + floor(b/c))/d)
        rest = Size.of({m: c // common for m, c in rest.terms.items()})
        divisor //= common
    if divisor == 1:
        return quotient + rest
    symbolic = [(m, c) for m, c in rest.terms.items() if m]
    if len(symbolic) == 1 and symbolic[0][1] == 1 and len(symbolic[0][0]) == 1:
        (atom, exponent), = symbolic[0][0]
        if isinstance(atom, Atom) and atom.kind == "floor" and exponent == 1:
            inner, by = atom.args       # floor((floor(p/a) + c)/b) = floor((p + c·a)/(a·b))
            offset = rest.terms.get((), 0)
            return quotient + floor_division(inner + by * offset, by * divisor)
    return quotient + _floor(rest, Size.number(divisor))


def _divides(small: tuple, large: tuple) -> bool:
    powers = dict(large)
    return all(powers.get(atom, 0) >= exponent for atom, exponent in small)


# -- maximum and minimum ---------------------------------------------------------------
MAX_SHIFTED = 24                        # the terms of a difference that is looked at from sizes of 1 on


def at_least(p: Size, q: Size) -> bool:
    """Whether p >= q is seen at all positive sizes: p - q has no negative coefficient in s or in s - 1.

    >>> at_least(Size("8*x*y"), Size("4*x*y + 4*x")), at_least(Size("x*y"), Size("x + y"))
    (True, False)

    A maximum or a minimum in it is each of what it is of; a floor is at most its quotient.

    >>> at_least(Size("y"), Size("max(0, y - 128)")), at_least(Size("x"), Size("x//2"))
    (True, True)
    """
    return nonnegative(p - q)


MAX_CASES = 16                          # so many choices of what a maximum is are looked at


def nonnegative(rest: Size, plainly: Callable[[Size], bool] | None = None, cases: int = MAX_CASES) -> bool:
    """Whether a size is seen to be at least 0 by cases of its nodes, each case by ``plainly``.

    >>> nonnegative(Size("max(x + 1, y) - max(x, y)"))
    True
    """
    plainly = plainly or _plainly_nonnegative
    if plainly(rest):
        return True
    if cases <= 0 or len(rest.terms) > MAX_SHIFTED:
        return False
    signs: dict[Atom, set[bool] | None] = {}
    for monomial, coefficient in rest.terms.items():
        nodes = [item for item in monomial if isinstance(item[0], Atom)]
        for node, exponent in nodes:
            # Beside others than symbols, which are positive, it is not known which way it turns.
            known = len(nodes) == 1 and exponent == 1 and signs.get(node, set()) is not None
            signs[node] = signs.get(node, set()) | {coefficient > 0} if known else None
    opened = [(node, turns) for node, turns in signs.items()
              if turns and (node.kind in ("max", "min") or (len(turns) == 1 and _bound(node, True in turns)))]
    if not opened:
        return False
    # What must hold for every argument comes first: which argument is enough may depend on it.
    node, turns = min(opened, key=lambda item: item[1] == {item[0].kind == "max"})
    if node.kind not in ("max", "min"):
        bound = _bound(node, True in turns)
        sure = node.kind == "floor" or nonnegative(node.args[0] - 1, plainly, cases - 1)
        return sure and nonnegative(_with(rest, node, bound), plainly, cases - 1)
    some = turns == {node.kind == "max"}    # at least with a maximum is at least with any of its arguments
    return (any if some else all)(nonnegative(_with(rest, node, argument), plainly, cases // len(node.args))
                                  for argument in node.args)


def _bound(node: Atom, least: bool) -> Size | None:
    """What a floor or a logarithm is at least or at most; None of other nodes.

    (p − d + 1)/d ≤ ⌊p/d⌋ ≤ p/d for whole p, and 0 ≤ log2(p) ≤ p − 1 where p is 1 at least.
    """
    if node.kind == "log":
        return ZERO if least else node.args[0] - 1
    if node.kind != "floor" or node.args[1].constant is None or node.args[1].constant <= 0:
        return None
    quotient, by = node.args
    if not least:
        return quotient / by
    return (quotient - by + 1) / by if quotient.is_integral else quotient / by - 1


def _with(size: Size, node: Atom, value: Size) -> Size:
    """A size with another in the place of a node of it."""
    total = Size.of({m: c for m, c in size.terms.items() if all(a != node for a, _ in m)})
    for monomial, coefficient in size.terms.items():
        if any(a == node for a, _ in monomial):
            beside = tuple(item for item in monomial if item[0] != node)
            total = total + Size.of({beside: coefficient}) * value
    return total


def from_zero(size: Size) -> Size:
    """A size in symbols that are at least 0, each 1 less than its own.

    They have other names: of the old ones a maximum knows that they are 1 at least.
    """
    return size.substitute({name: Size.atom(atoms.SLACK + name) + 1 for name in size.symbols
                            if not name.startswith(atoms.SLACK)})


def _plainly_nonnegative(rest: Size) -> bool:
    if rest.is_nonnegative:
        return True
    if powers.has_powers(rest) and len(rest.terms) <= MAX_SHIFTED:
        return powers.lowered(from_zero(rest)).is_nonnegative
    # At sizes of 1 the difference is the sum of its coefficients: mostly this says no at once.
    if sum(rest.terms.values()) < 0 or len(rest.terms) > MAX_SHIFTED:
        return False
    shifted: dict[tuple, Number] = {}
    for monomial, coefficient in rest.terms.items():
        made = {(): coefficient}
        for atom, exponent in monomial:
            if not isinstance(exponent, int) or not 0 < exponent <= 4:
                return False
            if not isinstance(atom, str) or atom.startswith(atoms.SLACK):   # not known to be 1 at least
                if not isinstance(atom, str) and not atom.is_nonnegative:
                    return False
                made = {(*key, (atom, exponent)): c for key, c in made.items()}
            else:
                made = {(*key, (atom, k)) if k else key: c * math.comb(exponent, k)
                        for key, c in made.items() for k in range(exponent + 1)}
        for key, c in made.items():
            shifted[key] = shifted.get(key, 0) + c
    return all(c >= 0 for c in shifted.values())


def extremum(kind: str, sizes: Iterable) -> Size:
    """max or min, flattened, without what others are seen to be at least or at most (:func:`at_least`)."""
    flat: dict[Size, None] = {}
    for size in map(Size.read, sizes):
        if len(size.terms) == 1:
            (monomial, coefficient), = size.terms.items()
            if coefficient == 1 and len(monomial) == 1 and monomial[0][1] == 1 \
                    and isinstance(monomial[0][0], Atom) and monomial[0][0].kind == kind:
                flat.update(dict.fromkeys(monomial[0][0].args))
                continue
        flat[size] = None
    if not flat:
        raise SizeError(f"{kind} of no sizes")
    kept: list[Size] = []
    for size in flat:
        beats = at_least if kind == "max" else (lambda a, b: at_least(b, a))
        if any(beats(other, size) for other in kept):
            continue
        kept = [other for other in kept if not beats(size, other)] + [size]
    if len(kept) == 1:
        return kept[0]
    return Size.of({((Atom(kind, tuple(sorted(kept, key=str))), 1),): 1})


def maximum(*sizes) -> Size:
    """The largest of some sizes.

    >>> maximum(Size.symbol("x"), 2 * Size.symbol("x"), Size.symbol("y"))
    Size('max(2*x, y)')
    """
    return extremum("max", sizes)


def minimum(*sizes) -> Size:
    """The smallest of some sizes."""
    return extremum("min", sizes)


def rebuild(atom: Atom, args: tuple[Size, ...]) -> Size:
    """An atom on new arguments, in normal form."""
    if atom.kind == "floor":
        return floor_division(*args)
    if atom.kind in ("exp", "log", "ln"):
        return powers.rebuilt(atom, args)
    return args[0] if atom.kind == "group" else extremum(atom.kind, args)


def _either_way(operation):
    """The two methods of a binary operator, for what may stand beside a size."""
    def left(self, other):
        other = operand(other)
        return NotImplemented if other is None else operation(self, other)

    def right(self, other):
        other = operand(other)
        return NotImplemented if other is None else operation(other, self)
    return left, right


Size.__pow__, Size.opened, Size.rebuild = power, staticmethod(opened), staticmethod(rebuild)
Size.__rpow__ = lambda self, base: NotImplemented if operand(base) is None else power(operand(base), self)
Size.__floordiv__, Size.__rfloordiv__ = _either_way(floor_division)
Size.__mod__, Size.__rmod__ = _either_way(lambda p, q: p - q * floor_division(p, q))
