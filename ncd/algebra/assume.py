"""Assumptions on sizes: inequalities under which signs are known and maxima fall away.

An assumption p > q is used by a change of variables: one symbol in it is written as what it must be at
least plus a new variable that is at least 0. A size whose coefficients are then all positive is positive:
the proof is the polynomial itself. A bound of a product, or of a power, is a bound of one of its symbols,
b = (w + 1 + new)/l for b*l > w; that b is 1 at least is then lost, so what is seen without it counts too.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from ncd.algebra import powers
from ncd.algebra import program as formula
from ncd.algebra.atom import SLACK
from ncd.algebra.convert import ONE, ZERO, Atom, Size, extremum, parse_size
from ncd.algebra.normal import from_zero, nonnegative
from ncd.errors import NotationError, SizeError

RELATION = re.compile(r"(>=|<=|>|<|==|=|≥|≤)")


@dataclass(frozen=True)
class Assumptions:
    """Sizes written in variables that are at least 0; without any, each size is at least 1.

    >>> known = Assumptions.read(["x > 4*d"])
    >>> known.sign(parse_size("x - 4*d")), known.sign(parse_size("d - x")), known.sign(parse_size("x - m"))
    (1, -1, None)
    >>> known.simplify(parse_size("max(4*d*y, x*y)"))
    Size('x*y')
    """

    texts: tuple[str, ...] = ()
    written: Mapping[str, Size] = None
    others: tuple[Mapping[str, Size], ...] = ()

    @classmethod
    def read(cls, texts: Iterable[str] | str = ()) -> Assumptions:
        """Assumptions from texts as ``"x > 4*d"``, ``"m >= k"``, ``"f = 4*m"``; sizes are whole numbers.

        Raises:
            NotationError: A text that is no inequality of two sizes.
            SizeError: An assumption that contradicts those before it, or that no symbol can be
                isolated in (a symbol must stand in it times a number).
        """
        if isinstance(texts, cls):
            return texts
        texts = (texts,) if isinstance(texts, str) or not isinstance(texts, Iterable) else tuple(texts)
        if not all(isinstance(text, str) for text in texts):
            raise NotationError("an assumption is an inequality of two sizes", have=f"{texts!r:.60}",
                                fix='assume=["x > 4*d"]')
        ways: list[dict[str, Size]] = [{}]
        for n, text in enumerate(texts):
            ways = _assume(text, n, ways, texts[:n])
        return cls(texts, *ways[:1], tuple(ways[1:]))

    @property
    def symbols(self) -> frozenset[str]:
        """The sizes that are named."""
        return frozenset().union(*(parse_size(side.strip()).symbols for text in self.texts
                                   for side in RELATION.split(text)[::2]))

    def hold(self, sizes: Mapping[str, int]) -> None:
        """Check the assumptions whose sizes are all given.

        Raises:    SizeError: One does not hold.
        """
        for text in self.texts:
            left, relation, right = RELATION.split(text)
            left, right = parse_size(left.strip()), parse_size(right.strip())
            if left.symbols | right.symbols <= set(sizes):
                a, b = left.evaluate(sizes), right.evaluate(sizes)
                if not {"<": a < b, ">": a > b, "=": a == b, "==": a == b}.get(
                        relation, a <= b if relation in ("<=", "≤") else a >= b):
                    raise SizeError(f"the sizes given break the assumption `{text}`", have=f"{a} and {b}")

    def _open(self, size: Size) -> Iterator[Size]:
        """The size in variables that are at least 0, in each of the ways that the assumptions give."""
        for written in (self.written or {}, *self.others):
            found = from_zero(size.substitute(written))
            yield powers.lowered(found) if powers.has_powers(found) else found

    def sign(self, size: Size) -> int | None:
        """1 if it is positive at all sizes allowed, −1 if negative, 0 if zero, None if that is not seen.

        A size that can be 0 as well as positive has no sign.
        """
        for opened in self._open(size):
            if not opened.terms:
                return 0
            for sign in (1, -1):
                turned = opened * sign
                if turned.is_nonnegative and turned.terms.get((), 0) > 0:
                    return sign
                if turned.is_nonnegative and any(_positive(monomial) for monomial in turned.terms):
                    return sign
        return None

    def nonnegative(self, size: Size) -> bool:
        """Whether it is seen to be at least 0 at all sizes allowed."""
        return nonnegative(size, lambda rest: any(opened.is_nonnegative for opened in self._open(rest)))

    def simplify(self, size: Size) -> Size:
        """The same size with what the assumptions settle: maxima and minima without dominated parts."""
        made: dict[Atom, Size] = {}
        for atom in formula.nodes([size]):
            arguments = [_replaced(argument, made) for argument in atom.args]
            if atom.kind in ("max", "min"):
                arguments = self._undominated(arguments, atom.kind == "max")
                made[atom] = arguments[0] if len(arguments) == 1 else extremum(atom.kind, arguments)
            else:
                made[atom] = Size.rebuild(atom, tuple(arguments))
        return _replaced(size, made)

    def _undominated(self, sizes: list[Size], largest: bool) -> list[Size]:
        kept: list[Size] = []
        for size in sizes:
            def beats(a, b):
                return self.nonnegative(a - b if largest else b - a)
            if not any(beats(other, size) for other in kept):
                kept = [other for other in kept if not beats(size, other)] + [size]
        return kept


def _positive(monomial) -> bool:
    """Whether a product of nodes is positive where its variables are at least 0: it has none."""
    return all((isinstance(atom, Atom) and atom.kind in ("exp", "ln")) or (isinstance(atom, Atom)
               and atom.kind == "group" and isinstance(exponent, int)
               and atom.args[0].is_nonnegative and atom.args[0].terms.get((), 0) > 0)
               for atom, exponent in monomial)


def _replaced(size: Size, made: Mapping[Atom, Size]) -> Size:
    """A size with other sizes for its nodes."""
    if not any(isinstance(atom, Atom) for monomial in size.terms for atom, _ in monomial):
        return size
    total = ZERO
    for monomial, coefficient in size.terms.items():
        product = Size.number(coefficient)
        for atom, exponent in monomial:
            base = Size.atom(atom) if isinstance(atom, str) else made[atom]
            product = product * (base if exponent == 1 else base ** exponent)
        total = total + product
    return total


MOST_WAYS = 8


def _assume(text: str, number: int, ways: list[dict[str, Size]], before: tuple[str, ...]) -> list[dict]:
    """The ways of writing sizes with one more assumption."""
    parts = RELATION.split(text) if isinstance(text, str) else []
    if len(parts) != 3 or not parts[0].strip() or not parts[2].strip():
        raise NotationError("an assumption is an inequality of two sizes, as in `x > 4*d`", str(text)[:100])
    left, relation, right = parse_size(parts[0].strip()), parts[1], parse_size(parts[2].strip())
    if relation in ("<", "<=", "≤"):
        left, right = right, left
    gap = left - right
    if relation in ("<", ">"):
        gap = gap - _least(gap)
    against = f"`{text}`" + (f" with {', '.join(f'`{other}`' for other in before)}" if before else "")
    known = Assumptions((), ways[0], tuple(ways[1:]))
    if known.sign(gap) == -1 or (relation in ("=", "==") and known.sign(gap) == 1):
        raise SizeError(f"no sizes satisfy {against}", mend="leave one of them out")
    if relation in ("=", "==") or (known.nonnegative(-gap) and not known.nonnegative(gap)):
        return _equal(gap, ways, text, relation in ("=", "=="))
    if known.nonnegative(gap):
        return ways
    found = [way for written in ways for way in _bounded(gap, number, written)]
    if not found:
        raise _unused(gap.substitute(ways[0]), text)
    return _unlike(found)


def _unlike(ways: Iterable[dict]) -> list[dict]:
    """Different ways, not more than :data:`MOST_WAYS`."""
    kept: list[dict] = []
    for way in ways:
        if way not in kept:
            kept.append(way)
    return kept[:MOST_WAYS]


def _equal(gap: Size, ways: list[dict[str, Size]], text: str, said: bool) -> list[dict]:
    """The ways with one more size written so that the gap is 0: as was said, or as ≤ and ≥ say together."""
    found, error = [], None
    for written in map(dict, ways):
        if not said:
            for slack in sorted(each for each in gap.substitute(written).symbols if each.startswith(SLACK)):
                _write(written, slack, ZERO)
        rest = gap.substitute(written)
        try:
            if rest.terms:
                _write(written, *_isolated(rest, text))
            found.append(written)
        except SizeError as refused:
            error = refused
    if not found:
        raise error
    return _unlike(found)


def _bounded(gap: Size, number: int, written: dict[str, Size]) -> list[dict[str, Size]]:
    """The ways of writing one symbol so that the gap is at least 0: what it is at least, and a new variable.

    c·s + r ≥ 0 with c > 0: s = −r/c + slack. Where no such symbol stands alone, c·sᵉ·t + r ≥ 0:
    s = ((slack − r)/(c·t))^(1/e); and nothing written, since that s is at least 1 is lost.
    """
    gap = gap.substitute(written)
    slack = Size.atom(f"{SLACK}{number}")
    alone = sorted(_isolations(gap), key=lambda item: item[0].startswith(SLACK))
    for name, value in alone:
        if gap.terms[((name, 1),)] > 0:
            made = dict(written)
            _write(made, name, value + slack)
            return [made] if value.is_nonnegative else [made, dict(written)]    # it is 1 at least besides
    found = []
    for monomial, coefficient in gap.terms.items():
        rest = Size.of({m: c for m, c in gap.terms.items() if m != monomial})
        if coefficient < 0 or not all(isinstance(e, int) and e > 0 for _, e in monomial):
            continue
        for name, exponent in monomial:
            others = Size.of({tuple(item for item in monomial if item[0] != name): coefficient})
            if isinstance(name, str) and not name.startswith(SLACK) \
                    and name not in rest.symbols | others.symbols:
                made = dict(written)
                _write(made, name, ((slack - rest) / others) ** (ONE.constant / Fraction(exponent)))
                found.append(made)
    return [*found, dict(written)] if found else []


def _unused(gap: Size, text: str) -> SizeError:
    single = [name for name, _ in _isolations(gap) if not name.startswith(SLACK)]
    if single:
        return SizeError(f"`{text}` bounds {single[0]} from above by no other size",
                         want="an inequality with a symbol on its larger side",
                         mend=f"give --size {single[0]}=... instead")
    return SizeError(f"the assumption `{text}` cannot be used", have=str(gap),
                     want="a product of symbols on its larger side of which one stands nowhere else, "
                          "as x in x > 4*d or b in b*l > w")


def _least(gap: Size) -> Size:
    """What a size that is greater than 0 is at least: 1 where it is whole, 1/n where n times it is."""
    below = math.lcm(*(c.denominator for c in gap.terms.values()))
    return ONE / below if (gap * below).is_integral else ZERO


def _isolations(gap: Size) -> list[tuple[str, Size]]:
    """Each symbol that stands in a sum only once, times a number, and what makes the sum 0."""
    found = []
    for monomial, coefficient in gap.terms.items():
        if len(monomial) == 1 and isinstance(monomial[0][0], str) and monomial[0][1] == 1:
            name = monomial[0][0]
            rest = Size.of({m: c for m, c in gap.terms.items() if m != monomial})
            if name not in rest.symbols:
                found.append((name, rest / -coefficient))
    # A lower bound of the symbol that is largest is the shortest change of variables.
    return sorted(found, key=lambda item: gap.terms[((item[0], 1),)] < 0)


def _isolated(gap: Size, text: str) -> tuple[str, Size]:
    found = [item for item in _isolations(gap) if not item[0].startswith(SLACK)]
    if not found:
        raise SizeError(f"the assumption `{text}` cannot be used", have=str(gap),
                        want="a symbol that stands in it once, times a number, as x in x > 4*d")
    return found[0]


def _write(written: dict[str, Size], name: str, value: Size) -> None:
    for other, size in written.items():
        written[other] = size.substitute({name: value})
    written[name] = value


