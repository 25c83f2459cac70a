"""A size as a polynomial in one of its symbols: coefficients, leading terms, roots, changes of sign.

What is exact stays so: coefficients are sizes, roots SymPy expressions where there is a closed form.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any

from ncd.algebra import powers
from ncd.algebra import program as formula
from ncd.algebra.assume import Assumptions
from ncd.algebra.convert import ZERO, Atom, Size, extremum
from ncd.algebra.rate import SAME, Rate
from ncd.errors import SizeError

FAR = 2 ** 62
"""No change of a sign is looked for beyond this size."""

STEEP = 64
"""The highest degree at which the roots of a polynomial are among the points that are tried."""

HIDDEN = "{} stands inside a floor, a maximum or a root, a logarithm or an exponent"


def symbols_of(atom) -> frozenset[str]:
    """The symbols in a factor of a term: its name, or those inside a floor, a maximum or a root."""
    return frozenset((atom,)) if isinstance(atom, str) else frozenset().union(*(a.symbols for a in atom.args))


def coefficients(size: Size, symbol: str) -> dict[Any, Size] | None:
    """{power of a symbol: what it is multiplied by}, or None where it stands inside a floor, maximum or root.

    >>> coefficients(Size("3*x**2*y - x**2 + x*(y//2)"), "x")
    {2: Size('3*y - 1'), 1: Size('y//2')}
    >>> coefficients(Size("x//2 + x"), "x") is None
    True
    """
    found: dict[Any, dict] = {}
    for monomial, coefficient in size.terms.items():
        power, rest = 0, []
        for atom, exponent in monomial:
            if atom == symbol:
                power = exponent
            elif isinstance(atom, Atom) and symbol in symbols_of(atom):
                return None
            else:
                rest.append((atom, exponent))
        found.setdefault(power, {})[tuple(rest)] = coefficient
    return {power: Size.of(row) for power, row in found.items()}


# -- leading terms -----------------------------------------------------------------------
def leading(size: Size, axes: Iterable[str]) -> tuple[Fraction | int | float, Size]:
    """The degree in some axes that grow together, and the terms that grow fastest; the others are fixed.

    A floor of a quotient grows as the quotient, a maximum as what is largest in the end, whatever its sign.
    Of terms of one degree those with more logarithms grow faster, and 2**x faster than any degree: its
    degree is infinite.

    Raises:
        SizeError: The leading terms cancel, or a power or a logarithm hides how they grow.

    >>> leading(Size("4*h*x**2 + 8*m*x + x//2"), ["x"])
    (2, Size('4*h*x**2'))
    >>> leading(Size("max(8*x*m, 4*x**2 + m)"), ["x"])
    (2, Size('4*x**2'))
    >>> leading(Size("5*x*log2(3*x) + x"), ["x"])
    (1, Size('5*x*log2(x)'))
    """
    rate, top = growth(size, axes)
    return rate.degree, top


def growth(size: Size, axes: Iterable[str]) -> tuple[Rate, Size]:
    """How a size grows and its leading terms, see :func:`leading`."""
    axes, known = set(axes), {}
    for atom in formula.nodes([size]):
        if not symbols_of(atom) & axes:
            known[atom] = (SAME, _alone(atom), True)
            continue
        if atom.kind == "exp":
            known[atom] = (_of_power(atom, axes), _alone(atom), True)
            continue
        inside = [_top(argument, axes, known) for argument in atom.args]
        if atom.kind == "log":
            known[atom] = (*_of_logarithm(atom, axes, *inside[0]), False)
        elif atom.kind == "floor":
            rate = inside[0][0] * inside[1][0].raised(-1)
            ratio = inside[0][1] / inside[1][1]
            # Of a quotient that vanishes the floor is 0, or -1 if it comes from below.
            sign = Assumptions().sign(ratio) if rate < SAME or not ratio.terms else None
            made = ratio if rate > SAME else _alone(atom) if sign is None else Size(min(sign, 0))
            known[atom] = (max(rate, SAME), made, False)
        elif atom.kind == "group":
            known[atom] = (inside[0][0], Size.rebuild(atom, (inside[0][1],)), False)
        else:
            known[atom] = (*_last(atom.kind, inside), False)
    return _top(size, axes, known)


def _of_power(atom: Atom, axes: set[str]) -> Rate:
    base, exponent = atom.args
    if exponent.name is None:
        raise SizeError(f"how {atom} grows is not seen",
                        have=f"the exponent {exponent}", want="an exponent that is a number times one size")
    return Rate(base.constant)


def _of_logarithm(atom: Atom, axes: set[str], rate: Rate, top: Size) -> tuple[Rate, Size]:
    """A logarithm grows as that of the leading terms, of which the parts that do not grow fall away."""
    found = powers.logarithm(top)
    if rate == SAME and found.terms:    # it has a limit, which is not 0
        return SAME, _alone(atom)
    held = {m: c for m, c in found.terms.items() if any(symbols_of(each) & axes for each, _ in m)}
    if rate.base != 1:                  # log2(2**x*y) grows as x
        plain = {m: c for m, c in held.items() if len(m) == 1 and isinstance(m[0][0], str)}
        rest = formula.nodes([Size.of({m: c for m, c in held.items() if m not in plain})])
        if plain and all(each.kind == "log" for each in rest):
            return Rate(1, 1), Size.of(plain)
    elif rate.power:
        return Rate(1, 0, 1), Size.of(held)
    raise SizeError(f"how {atom} grows is not seen", have=f"the logarithm of what grows as {top}"[:200])


def _last(kind: str, inside: Sequence[tuple]) -> tuple:
    """The rate and the leading terms of a maximum or a minimum: what is so in the end.

    Beside terms of a rate those of a lower one are as 0; a zero is of the lowest.
    """
    lowest_of_all = Rate(0)
    tops: dict[Rate, dict[Size, None]] = {}
    for rate, top in inside:
        tops.setdefault(rate if top.terms else lowest_of_all, {})[top] = None
    *falling, lowest = sorted(tops, reverse=True)
    for rate in falling:
        kept = Assumptions()._undominated([*tops[rate], ZERO], kind == "max")
        if kept != [ZERO]:
            return rate, extremum(kind, kept)
    return SAME if lowest == lowest_of_all else lowest, extremum(kind, list(tops[lowest]))


def _alone(atom: Atom) -> Size:
    return Size.of({((atom, 1),): 1})


def _top(size: Size, axes: set[str], known: Mapping) -> tuple[Rate, Size]:
    """The rate and the leading terms, those of the nodes being known."""
    by_rate: dict[Rate, Size] = {}
    exact = True
    for monomial, coefficient in size.terms.items():
        rate, product = SAME, Size.number(coefficient)
        for atom, exponent in monomial:
            if isinstance(atom, str):
                grows, base = Rate(1, int(atom in axes)), Size.atom(atom)
            else:
                grows, base, sure = known[atom]
                exact = exact and sure
            rate = rate * grows.raised(exponent)
            product = product * (base if exponent == 1 else base ** exponent)
        if product.terms:                       # a node that is 0 in the end cancels nothing
            by_rate[rate] = by_rate.get(rate, ZERO) + product
    for rate in sorted(by_rate, reverse=True):
        if by_rate[rate].terms:
            return rate, by_rate[rate]
        if not exact:
            raise SizeError("the leading terms cancel, so the growth is not seen", have=str(size)[:200])
    return SAME, ZERO


def limit(size: Size, symbol: str) -> Size:
    """What is left of the equation ``size = 0`` as a symbol goes to infinity: its leading terms.

    Raises:
        SizeError: The leading terms cancel, or hold the symbol inside a floor, a maximum or a root.

    >>> limit(Size("3*x**2*y - x**2 + x"), "x"), limit(Size("x//2 - y"), "x")
    (Size('3*x**2*y - x**2'), Size('(1/2)*x'))
    """
    _, top = leading(size, (symbol,))
    if coefficients(top, symbol) is None:
        raise SizeError(f"no leading term in {symbol}", have=str(top)[:200], why=HIDDEN.format(symbol),
                        mend=f"give {symbol} a number")
    return top


# -- roots -------------------------------------------------------------------------------
def signs(parts: Mapping[Any, Size], known: Assumptions) -> list[int | None]:
    """The signs of coefficients in the order of their powers, None where one is not seen."""
    return [known.sign(parts[power]) for power in sorted(parts)]


def sign_changes(row: Sequence[int | None]) -> int | None:
    """How often a row of signs changes (zeros apart), None where one is not known.

    By Descartes' rule a polynomial has as many positive roots, or fewer by an even number.
    """
    return None if None in row else sum(a != b for a, b in pairwise([sign for sign in row if sign]))


def closed_root(parts: Mapping[Any, Size], row: Sequence[int | None]):
    """The one positive root of c·xᵖ + b·xᵖ⁺ᵈ, or of c·xᵖ + b·xᵖ⁺ᵈ + a·xᵖ⁺²ᵈ with ac < 0; else None.

    Parameters:
        row: The signs of the coefficients, as far as they are known; that of ``a`` counts as positive where
            it is not.
    """
    import sympy
    kept = [(power, sign) for power, sign in zip(sorted(parts), row) if sign != 0]
    steps = {b - a for (a, _), (b, _) in pairwise(kept)}
    if len(steps) != 1 or len(kept) > 3:
        return None
    coefficient = [parts[power].sympy for power, _ in kept]
    if len(kept) == 2:
        found = sympy.factor(-coefficient[0] / coefficient[1])
    else:
        c, b, a = coefficient
        above = -1 if kept[-1][1] == -1 else 1
        found = (-b + above * sympy.sqrt(sympy.expand(b ** 2 - 4 * a * c))) / (2 * a)
    step = Fraction(steps.pop())
    return sympy.simplify(found ** sympy.Rational(step.denominator, step.numerator))


def linear_root(parts: Mapping[Any, Size]):
    """Where c·xᵖ + b·xᵖ⁺¹ is 0 beside x = 0: −c/b, whatever its sign; None if it has another form.

    >>> linear_root(coefficients(Size("t - v**2 + v"), "t"))
    v**2 - v
    """
    import sympy
    if len(parts) != 2:
        return None
    low, high = sorted(parts)
    return None if high - low != 1 else sympy.cancel(-parts[low].sympy / parts[high].sympy)


def positive_roots(size: Size, symbol: str) -> list:
    """The positive values of a symbol at which a size is zero, smallest first.

    Returns exact SymPy expressions where the size is a polynomial in it (with fractional powers) that has
    them, of the other symbols if there are some; else floats, found where the sign changes.
    Raises:    SizeError where there is no closed form and there are other symbols.

    >>> positive_roots(Size("x**2 - 3*x + 2"), "x"), positive_roots(Size("x*y - 3"), "x")
    ([1, 2], [3/y])
    """
    # What all terms have in common is positive and cancels: a limit leaves it there.
    size = size / _common(size)
    parts = coefficients(size, symbol)
    if parts is None:
        if size.symbols - {symbol}:
            raise no_closed_form(size, symbol)
        return [at for _, at, _ in changes(-size, symbol, 1.0)]     # from there on it is at least 0
    if len(parts) < 2:
        return []                        # one power alone is never zero
    row = signs(parts, Assumptions())
    count = sign_changes(row)
    if count == 0:
        return []
    if count == 1 and (root := closed_root(parts, row)) is not None:
        return [root]
    scale = math.lcm(*(Fraction(power).denominator for power in parts))
    low = min(parts)
    found = _polynomial({int((power - low) * scale): part for power, part in parts.items()})
    if found is None:
        raise no_closed_form(size, symbol)
    return [root ** scale for root in found]


def no_closed_form(size: Size, symbol: str) -> SizeError:
    """What to say where a size is solved for a symbol that has no formula in the others."""
    parts = coefficients(size, symbol)
    why = HIDDEN.format(symbol) if parts is None \
        else f"it has the powers {', '.join(map(str, sorted(parts)))} of {symbol}"
    return SizeError(f"no closed form for {symbol}", have=f"{size} = 0"[:300], why=why,
                     mend=f"give {', '.join(f'{name}=...' for name in sorted(size.symbols - {symbol}))}")


def _common(size: Size) -> Size:
    """The symbols that divide every term, as a monomial."""
    shared: dict | None = None
    for monomial in size.terms:
        powers = {atom: power for atom, power in monomial if isinstance(atom, str)}
        shared = powers if shared is None else {
            atom: min(power, powers[atom]) for atom, power in shared.items() if atom in powers}
    return Size.of({tuple((shared or {}).items()): 1})


def _polynomial(parts: Mapping[int, Size]) -> list | None:
    """Its roots that may be positive; None where there is no closed form in the symbols it has."""
    import sympy
    t = sympy.Dummy("t", positive=True)
    step = math.gcd(*parts)              # in t², as a matter of course
    equation = sympy.Poly({(power // step,): part.sympy for power, part in parts.items()}, t)
    closed = sympy.roots(equation, cubics=False, quartics=False)
    if sum(closed.values()) == equation.degree():
        found = list(closed)
    elif any(part.symbols for part in parts.values()):
        return None
    else:
        found = [sympy.N(root) for root in dict.fromkeys(sympy.real_roots(equation))]
    kept = [_short(root) ** sympy.Rational(1, step) for root in found if _may_be_positive(root)]
    return sorted(kept, key=lambda root: (0, float(root)) if root.is_number else (1, str(root)))


def _short(root):
    import sympy
    return sympy.cancel(root) if root.is_rational_function() else sympy.simplify(root)


def _may_be_positive(root) -> bool:
    if root.is_number:
        value = complex(root)
        return abs(value.imag) <= 1e-12 * abs(value) and value.real > 0
    return not (root.is_positive is False or root.is_real is False)


# -- changes of sign ---------------------------------------------------------------------
def changes(size: Size, symbol: str, unit: int | float = 1) -> list[tuple]:
    """Where a size of one symbol becomes positive or ceases to be: (before, after, whether it is after).

    Sixteen points are tried between two powers of 2, up to :data:`FAR`; a polynomial's roots are points too.

    Parameters:
        unit: The first point, 1 or 1.0: neighbours are whole numbers, or floats.

    >>> changes(Size("x**2 - 50"), "x")
    [(7, 8, True)]
    """
    evaluate = formula.compiled({"size": size})
    far = _reach(size, symbol)

    def positive(at) -> bool:
        return evaluate({symbol: at})["size"] > 0
    grid = {(16 + step) * 2 ** power for power in range(62) for step in range(16)} | {16 * FAR}
    points = {at // 16 if isinstance(unit, int) else at / 16 for at in grid}
    points |= {unit * at for at in _around_roots(size, symbol)}
    tried = [(point, positive(point)) for point in sorted(points) if point <= far]
    if far < FAR and tried[-1][1] != (Assumptions().sign(growth(size, (symbol,))[1]) == 1):
        raise SizeError(f"changes of sign beyond {symbol} = {far} are not seen", have=str(size)[:200])
    return [(*halved(positive, a, b), after)
            for (a, before), (b, after) in pairwise(tried) if before != after]


def _reach(size: Size, symbol: str) -> int:
    """Up to which value of its symbol a size is worked out: less where it stands in an exponent."""
    if not any(node.kind == "exp" for node in formula.nodes([size])):
        return FAR

    def is_known(at: int) -> bool:
        try:
            float(size.evaluate({symbol: at}))
        except (SizeError, OverflowError):
            return False
        return True
    return 1 if not is_known(1) else halved(is_known, 1, FAR)[0]


def _around_roots(size: Size, symbol: str) -> set[int]:
    """Whole numbers around the roots of a plain polynomial."""
    parts = coefficients(size, symbol)
    if parts is None or any(part.constant is None for part in parts.values()) \
            or max(parts, default=0) - min(parts, default=0) > STEEP:
        return set()
    whole = [int(root) for root in positive_roots(size, symbol) if root < FAR]
    return {min(max(1, root + step), FAR) for root in whole for step in (-1, 0, 1, 2)}


def halved(holds: Callable[[Any], bool], low, high) -> tuple:
    """The two neighbours, whole numbers or floats, between which a truth changes, by halving.

    >>> halved(lambda at: at * at > 50, 1, 100)
    (7, 8)
    """
    after = holds(high)
    while True:
        middle = (low + high) // 2 if isinstance(low, int) else (low + high) / 2
        if middle in (low, high):
            return low, high
        low, high = (low, middle) if holds(middle) == after else (middle, high)
