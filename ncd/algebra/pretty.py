"""A size written for a reader, in lines of a width.

``str(size)`` has one form, for programs. Here a formula that does not fit in a line is shortened: maxima are
opened into one another, what their parts share and common factors stand before brackets. It is broken only
between terms, and a factor or a bracket is broken only where it is longer than a line.
"""

from __future__ import annotations

import textwrap
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import combinations
from typing import NamedTuple

from ncd.algebra import factor as common
from ncd.algebra.polynomial import Size, factor_text
from ncd.algebra.quotient import below, divides

MAX_COLLECTED = 64
"""A sum of more terms is written term by term."""
DEEP = 50
"""A formula of nodes deeper in one another is written as ``str`` has it."""
LEAST = 10
"""No line of a formula is broken to less."""
NARROW = 24
"""No bracket is hung where less than this would be left of the line."""


class _NoRoom(Exception):
    """Brackets in one another leave no room in their lines."""


class Sum(NamedTuple):
    """Terms, each with whether it is subtracted."""

    terms: tuple[tuple[bool, Product | Call | str], ...]


class Product(NamedTuple):
    """Factors of one word, then one that may have more."""

    factors: tuple[str, ...]
    last: Sum | Call


class Call(NamedTuple):
    """A maximum or a minimum."""

    name: str
    arguments: tuple[Sum | str, ...]


def lines(size: Size, width: int, most: int | None = None,
          given: Mapping[str, int] | None = None) -> list[str]:
    """A size in lines of a width: in one if it fits as it is, else in the form that takes the fewest.

    Parameters:
        most: Of a formula of more lines (but for one), some parts and terms are left out, and it is said
            how many.
        given: Numbers of the sizes. The largest part of a maximum stands first, if they are all given;
            otherwise the one that grows fastest.

    >>> print("\\n".join(lines(Size("4*h*k*m*x + 4*h*k*m*y + 4*h*k*x*y"), 40)))
    4*h*k*m*x + 4*h*k*m*y + 4*h*k*x*y
    >>> print("\\n".join(lines(Size("4*h*k*m*x + 4*h*k*m*y + 4*h*k*x*y"), 30)))
    4*h*k*(m*x + m*y + x*y)
    """
    if isinstance(size.constant, int):
        return [f"{size.constant:,}"]
    if common.nesting(size) > DEEP:
        found = textwrap.wrap(str(size), width)
        return found if most is None or len(found) <= most else [*found[:most - 1], "… more terms"]
    write = _Writer(given if given and size.symbols <= given.keys() else None)
    forms = [write.plain(size)]
    if len(text(forms[0])) > width:
        size = common.simplified(size)
        forms = [write.plain(size), *write.forms(size)]
    made = [(pieces, form) for form in forms if (pieces := _fitting(form, width))]
    found, form = min(made, key=_effort, default=(textwrap.wrap(text(forms[0]), width), forms[0]))
    if most is None or len(found) <= most + 1:
        return found
    for parts in (3, 2, 1):
        found = _fitting(_fewer(form, parts), width) or found
        if len(found) <= most:
            return found
    for depth in (2, 1, 0):
        found = _fitting(_shallow(_fewer(form, 1), depth), width) or found
        if len(found) <= most:
            return found
    whole = [_fewer(each, 1).terms for each in (next(write.forms(size), form), write.plain(size))]
    terms = whole[0] if len(whole[0]) > most // 2 else whole[1]

    def first(count: int) -> list[str]:
        rest = ((False, f"… {len(terms) - count} more terms"),)
        made = Sum(terms[:count] + rest)
        return _fitting(made, width) or textwrap.wrap(text(made), width)
    found = first(max(1, bisect_right(range(len(terms) - 1), most, key=lambda count: len(first(count))) - 1))
    return found if len(found) <= most + 1 else [*found[:most], "…"]


def _fitting(form: Sum, width: int) -> list[str] | None:
    """A form in lines; None where its brackets leave no room."""
    try:
        return _laid(form, width)
    except _NoRoom:
        return None


def _effort(item: tuple[list[str], Sum]) -> tuple:
    """Fewer lines are easier to read; brackets in brackets must save a line each, and in one or two lines
    a formula without any is as easy."""
    pieces, form = item
    depth = _depth(form)
    return len(pieces) + max(0, depth - 1), max(depth, 1) if len(pieces) > 2 else depth, len(text(form))


def rank(size: Size, given: Mapping[str, int] | None):
    """By what sizes are ordered: their numbers where all sizes are given, else how they grow with all."""
    return common.degree(size) if given is None else size.evaluate(given)


# -- the forms -----------------------------------------------------------------------------
def _times(monomial: tuple, number, form: Sum) -> Sum:
    """A product before a bracket."""
    if not monomial and number == 1:
        return form
    return Sum(((number < 0, Product((_factors(monomial, number),), form)),))


@lru_cache(maxsize=2 ** 14, typed=True)
def _factors(monomial: tuple, number, alone: bool = False) -> str:
    """A product without its sign: a number, symbols, then floors, then logarithms; what it is divided by
    stands behind a bar, and powers of one number are joined."""
    monomial, number = Size.shown(monomial, number)
    above = sorted((item for item in monomial if not divides(*item)),
                   key=lambda item: not isinstance(item[0], str))
    words = [factor_text(atom, exponent, alone and len(monomial) == 1 and abs(number) == 1)
             for atom, exponent in above]
    if abs(number) != 1 or not words:
        words.insert(0, str(abs(number)) if isinstance(number, int) else f"({abs(number)})")
    return "*".join(words) + below(monomial, factor_text)


class _Writer:
    """The forms of a size; numbers, if any, say which part of a maximum is the largest."""

    def __init__(self, given: Mapping[str, int] | None):
        self.given = given
        self.groups: dict[tuple, list] = {}

    def term(self, monomial: tuple, number, alone: bool) -> Product | Call | str:
        calls = [item for item in monomial if common.is_call(item)]
        if not calls:
            return _factors(monomial, number, alone)
        atom, rest = calls[0][0], tuple(item for item in monomial if item != calls[0])
        call = Call(atom.kind, tuple(map(self.plain, sorted(
            atom.args, key=lambda part: rank(part, self.given), reverse=True))))
        return Product((_factors(rest, number),), call) if rest or abs(number) != 1 else call

    def plain(self, size: Size) -> Sum:
        """Term by term."""
        terms = sorted(size.terms.items(), key=common.key) or [((), 0)]
        return Sum(tuple((c < 0, self.term(m, c, c > 0 or n > 0)) for n, (m, c) in enumerate(terms)))

    def forms(self, size: Size) -> Iterator[Sum]:
        """Collected; so after what all terms share; so split by the symbol that stands in most terms.

        Maxima stay behind.
        """
        behind = {m: c for m, c in size.terms.items() if any(map(common.is_call, m))}
        size, maxima = size - Size.of(behind), self.plain(Size.of(behind)).terms if behind else ()
        if not 1 < len(size.terms) <= MAX_COLLECTED:
            return
        made = [self.collected(size)]
        monomial, number = common.content(size)
        if monomial or number != 1:
            inner = common.quotient(size, monomial, number)
            made += [_times(monomial, number, form) for form in (self.plain(inner), self.collected(inner))]
        if not monomial:
            most = max(_symbols(size), default=None,
                       key=lambda atom: sum(atom in dict(m) for m in size.terms))
            held = Size.of({m: c for m, c in size.terms.items() if most in dict(m)})
            if 1 < len(held.terms) < len(size.terms):
                monomial, number = common.content(held)
                inside = _times(monomial, number, self.collected(common.quotient(held, monomial, number)))
                made.append(Sum((*inside.terms, *self.collected(size - held).terms)))
        for form in made:
            yield Sum((*form.terms, *maxima))

    def collected(self, size: Size) -> Sum:
        """The shortest form f₁*(…) + f₂*(…) + … that has one or two symbols in the brackets alone."""
        best, atoms = self.plain(size), _symbols(size)
        least, terms = len(text(best)), sorted(size.terms.items(), key=common.key)
        for count in (1, 2):
            for inside in combinations(atoms, count):
                form = self.collected_in(terms, set(inside))
                if form is not None and (length := len(text(form))) < least:
                    best, least = form, length
        return best

    def collected_in(self, terms: Sequence[tuple[tuple, object]], inside: set) -> Sum | None:
        groups: dict[tuple, list] = {}
        for monomial, c in terms:
            outer = tuple(item for item in monomial if item[0] not in inside)
            groups.setdefault(outer, []).append((monomial, c))
        if len(groups) == len(terms):
            return None
        made = [term for group in groups.values() for term in self.group(tuple(group))]
        return Sum(tuple(term for _, term in sorted(made, key=lambda item: item[0])))

    def group(self, terms: tuple) -> list[tuple[tuple, tuple]]:
        """Some terms as they are or as one bracket, whichever is shorter, each with what it is ordered by.

        The same groups come again for other symbols in the brackets.
        """
        found = self.groups.get(terms)
        if found is None:
            part = Size.of(dict(terms))
            form = self.plain(part)
            if len(terms) > 1:
                monomial, number = common.content(part)
                bracket = _times(monomial, number, self.plain(common.quotient(part, monomial, number)))
                form = min(form, bracket, key=lambda each: len(text(each)))
            found = self.groups[terms] = list(zip(map(common.key, terms), form.terms))
        return found


def _symbols(size: Size) -> list:
    """What can stand before a bracket: symbols and floors, in the order of their texts."""
    found = {atom for monomial in size.terms for atom, exponent in monomial
             if isinstance(exponent, int) and exponent > 0 and not common.is_call((atom, 1))}
    return sorted(found, key=str)


# -- the text --------------------------------------------------------------------------------
def text(form: Sum | Product | Call | str) -> str:
    """A form in one line."""
    if isinstance(form, str):
        return form
    if isinstance(form, Sum):
        return " ".join(lead + text(term) for lead, term in _signed(form))
    if isinstance(form, Call):
        return f"{form.name}({', '.join(map(text, form.arguments))})"
    last = text(form.last)
    return "*".join([*form.factors, f"({last})" if isinstance(form.last, Sum) else last])


def _signed(form: Sum) -> list[tuple[str, Product | Call | str]]:
    return [(("-" if minus else "") if n == 0 else "- " if minus else "+ ", term)
            for n, (minus, term) in enumerate(form.terms)]


def _depth(form) -> int:
    """How many brackets stand in one another."""
    if isinstance(form, Sum):
        return max((_depth(term) for _, term in form.terms), default=0)
    return 1 + _depth(form.last) if isinstance(form, Product) and isinstance(form.last, Sum) else 0


def _fewer(form, parts: int):
    """A form whose maxima have no more than some parts, and say how many more there are."""
    if isinstance(form, Sum):
        return Sum(tuple((minus, _fewer(term, parts)) for minus, term in form.terms))
    if isinstance(form, Product):
        return Product(form.factors, _fewer(form.last, parts))
    if isinstance(form, Call) and len(form.arguments) > parts + 1:
        kept = tuple(_fewer(argument, parts) for argument in form.arguments[:parts])
        return Call(form.name, (*kept, f"… {len(form.arguments) - parts} more parts"))
    if isinstance(form, Call):
        return Call(form.name, tuple(_fewer(argument, parts) for argument in form.arguments))
    return form


def _shallow(form, depth: int):
    """A form in which maxima stand so deep in one another at most; those below are named only: max(…)."""
    if isinstance(form, Sum):
        return Sum(tuple((minus, _shallow(term, depth)) for minus, term in form.terms))
    if isinstance(form, Product):
        return Product(form.factors, _shallow(form.last, depth))
    if isinstance(form, Call):
        parts = [_shallow(each, depth - 1) for each in form.arguments] if depth else ["…"]
        return Call(form.name, tuple(parts))
    return form


def _laid(form: Sum | Product | Call | str, width: int) -> list[str]:
    """A form in lines, broken between its terms; inside a bracket only where that is longer than a line."""
    whole = text(form)
    if len(whole) <= width:
        return [whole]
    if width < LEAST:
        raise _NoRoom
    if isinstance(form, str):
        return _words(form, width)
    if isinstance(form, Sum):
        return _filled(_signed(form), width)
    factors, last = (form.factors, form.last) if isinstance(form, Product) else ((), form)
    head = "*".join([*factors, _opening(last)])
    if width - len(head) >= NARROW or not factors:
        return _hung(head, last, width)
    later = _hung("*" + _opening(last), last, width - 2)
    return [*_words("*".join(factors), width), *(f"  {line}" for line in later)]


def _opening(form: Sum | Call) -> str:
    return f"{form.name}(" if isinstance(form, Call) else "("


def _hung(head: str, form: Sum | Call, width: int) -> list[str]:
    """A bracket after what opens it; each part of a maximum begins a line."""
    room = width - len(head) - 1
    if isinstance(form, Sum):
        inside = _laid(form, room)
    elif len(head + text(form)) - len(_opening(form)) <= width:
        inside = [", ".join(map(text, form.arguments))]
    else:
        parts = [_laid(part, room) for part in form.arguments]
        inside = [line for part in parts[:-1] for line in _ended(part, ",")] + parts[-1]
    first, *rest = _ended(inside, ")")
    return [head + first, *(" " * len(head) + line for line in rest)]


def _words(product: str, width: int) -> list[str]:
    """A product that is longer than a line, broken before a sign of multiplication outside brackets."""
    factors, depth = [""], 0
    for n, letter in enumerate(product):
        depth += (letter == "(") - (letter == ")")
        if letter == "*" and not depth and "**" not in product[max(0, n - 1):n + 2]:
            factors.append("")
        factors[-1] += letter
    made = [""]
    for factor in factors:
        if made[-1] and len(made[-1]) + len(factor) > width:
            made.append("")
        made[-1] += factor
    return [line for piece in made for line in textwrap.wrap(piece, width)]


def _ended(pieces: list[str], end: str) -> list[str]:
    return [*pieces[:-1], pieces[-1] + end]


def _filled(terms: Sequence[tuple[str, Product | Call | str]], width: int) -> list[str]:
    """As many terms in each line as it holds."""
    made: list[str] = []
    for lead, term in terms:
        whole = lead + text(term)
        if made and len(made[-1]) + 1 + len(whole) <= width:
            made[-1] += " " + whole
        else:
            first, *rest = _laid(term, width - len(lead))
            made += [lead + first, *(" " * len(lead) + line for line in rest)]
    return made
