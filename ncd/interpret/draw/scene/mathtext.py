"""Labels, sizes and names as runs of type: italic letters, upright digits, raised exponents.

A formula on one line is a list of runs (text, style, level); level 1 is raised, −1 lowered.
"""

from __future__ import annotations

import re
from fractions import Fraction
from math import ceil, fsum
from typing import NamedTuple

from ncd.algebra.convert import Size
from ncd.algebra.powers import shown
from ncd.core.axis import Axis
from ncd.interpret.draw.scene.metrics import SMALL, printable, width_of

ITALIC, ROMAN, BOLD, SANS, MONO = "italic", "roman", "bold", "sans", "mono"
LONGEST = 40
_PARTS = re.compile(r"([^\W\d_][^\W_]*)_(.+?)('*)\Z")


class Run(NamedTuple):
    """A piece of text in one style on one level."""

    text: str
    style: str = ROMAN
    level: int = 0


Runs = tuple[Run, ...]


def plain(runs: Runs) -> str:
    return "".join(run.text for run in runs)


_RAISED = str.maketrans("0123456789+−=()", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾")
_LOWERED = str.maketrans("0123456789+−=()", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎")


def written(runs: Runs) -> str:
    """A formula on one line that says what is raised and what is lowered.

    >>> written((Run("k"), Run("−1/2", level=1), Run("t"))), written((Run("x"), Run("2", level=1), Run("y")))
    ('k^(−1/2)·t', 'x²y')
    >>> written((Run("d"), Run("ff", level=-1))), written((Run("L"), Run("Q", level=1), Run("+", level=-1)))
    ('d_ff', 'L^Q₊')
    """
    made, open_ended = "", False            # whether what follows would be read with what was raised
    for run in runs:
        if not run.text:
            continue
        if not run.level:
            made += ("·" if open_ended and run.text[0].isalnum() else "") + run.text
            open_ended = False
            continue
        sign, table = ("^", _RAISED) if run.level > 0 else ("_", _LOWERED)
        text = run.text.strip("\u2009")
        if all(ord(character) in table for character in text):
            made, open_ended = made + text.translate(table), False
        else:
            made += sign + (text if text.isalnum() else f"({text})")
            open_ended = True
    return made


def runs_width(runs: Runs, size: float) -> float:
    """A bound of the width of a formula, in whole pixels."""
    return float(ceil(fsum(0.602 * size * len(run.text) if run.style == MONO else width_of(
        run.text, size * (SMALL if run.level else 1), run.style) for run in runs)))


def word(text: str, style: str = ITALIC, level: int = 0, limit: int = LONGEST) -> Runs:
    """One text in one style."""
    return (Run(printable(text, limit), style, level),)


def place_runs(place: str, style: str = ITALIC, limit: int = LONGEST) -> Runs:
    """A place, by as many of its last names as there is room for: they tell one parameter from the next.

    >>> place_runs("block/self_attention/Q", limit=20)[0].text, place_runs("linear/weight", limit=20)[0].text
    ('…/self_attention/Q', 'linear/weight')
    """
    place = place.lstrip("/")
    parts = place.split("/")
    shown = [place, *("…/" + "/".join(parts[at:]) for at in range(1, len(parts)))]
    return word(next((text for text in shown if len(text) <= limit), parts[-1]), style, limit=limit)


def symbol_runs(name: str, level: int = 0) -> Runs:
    """A symbol: ``d_ff`` has a subscript, digits are upright.

    >>> symbol_runs("d_ff")
    (Run(text='d', style='italic', level=0), Run(text='ff', style='italic', level=-1))
    """
    name = printable(name, LONGEST)
    match = None if level else _PARTS.match(name)
    if match is None:
        return (Run(name, ROMAN if name.rstrip("'").isdigit() else ITALIC, level),)
    base, below, primes = match.groups()
    made = [Run(base, ITALIC), Run(below, ROMAN if below.isdigit() else ITALIC, -1)]
    return (*made, Run(primes, ITALIC)) if primes else tuple(made)


def size_runs(size: Size) -> Runs:
    """A size as a formula: products set side by side, powers raised, floors in ⌊ ⌋, no sign in front where
    one term has none.

    >>> plain(size_runs(Size("2*k + 1"))), plain(size_runs(Size("(x + 1)//2")))
    ('2k+1', '⌊(x+1)/2⌋')
    >>> size_runs(Size("k") ** -0.5)
    (Run(text='k', style='italic', level=0), Run(text='−1/2', style='roman', level=1))
    >>> plain(size_runs(Size("2") ** 0.5 * Size("t"))), plain(size_runs(Size("x + 1") ** 0.5))
    ('21/2t', '(x+1)1/2')
    >>> plain(size_runs(Size("(x + 2*p - k)//s"))), plain(size_runs(Size("1 - x**2 - x")))
    ('⌊(2p+x−k)/s⌋', '1−x2−x')
    """
    made: list[Run] = []

    def degree(item):
        return -sum(e for _, e in item[0]), item[1] < 0, [str(atom) for atom, _ in item[0]]
    terms = sorted(size.terms.items(), key=degree)
    front = next((n for n, (_, coefficient) in enumerate(terms) if coefficient >= 0), 0)
    for monomial, coefficient in (*terms[front:front + 1], *terms[:front], *terms[front + 1:]):
        if made or coefficient < 0:
            made.append(Run("−" if coefficient < 0 else "+"))
        made.extend(_monomial(monomial, abs(coefficient)))
    return tuple(made) or (Run("0"),)


def _number(value) -> str:
    text = str(value).replace("-", "−")
    return f"({text})" if isinstance(value, Fraction) else text


def _monomial(monomial, coefficient) -> list[Run]:
    made: list[Run] = []
    monomial, coefficient = shown(monomial, coefficient)
    if coefficient != 1 or not monomial:
        made.append(Run(_number(coefficient) if monomial else str(coefficient)))
    names = [str(atom) for atom, _ in monomial]
    for position, (atom, exponent) in enumerate(monomial):
        if position and (len(names[position]) > 1 or len(names[position - 1]) > 1):
            made.append(Run("·"))
        made.extend(symbol_runs(atom) if isinstance(atom, str) else _atom(atom))
        if exponent != 1:
            made.append(Run(str(exponent).replace("-", "−"), ROMAN, 1))
    return made


def _bracketed(runs: Runs, brackets: str = "()") -> list[Run]:
    return [Run(brackets[0]), *runs, Run(brackets[1])]


def _atom(atom) -> list[Run]:
    arguments = [size_runs(argument) for argument in atom.args]
    if atom.kind == "floor":
        sides = [_bracketed(runs) if len(argument.terms) > 1 else list(runs)
                 for runs, argument in zip(arguments, atom.args)]
        return _bracketed((*sides[0], Run("/"), *sides[1]), "⌊⌋")
    if atom.kind == "exp":
        flat = all(len(run) < 3 or not run[2] for run in arguments[1])     # no power stands in it
        return [*arguments[0], *([Run("".join(run.text for run in arguments[1]), ROMAN, 1)] if flat else
                                 [Run("^"), *_bracketed(arguments[1])])]
    if atom.kind in ("log", "ln"):
        return [Run("log₂" if atom.kind == "log" else "log"), *_bracketed(arguments[0])]
    if atom.kind == "group":                # √2 is 2 with a raised 1/2; a fraction keeps its brackets
        whole = isinstance(atom.args[0].constant, int) and atom.args[0].constant >= 0
        return list(arguments[0]) if whole else _bracketed(arguments[0])
    inside: list[Run] = []
    for runs in arguments:
        inside.extend(([Run(", ")] if inside else []) + list(runs))
    return [Run(atom.kind), *_bracketed(tuple(inside))]


def clipped(runs: Runs, limit: int = LONGEST) -> Runs:
    """The formula cut after so many characters, an ellipsis in place of the rest."""
    if len(plain(runs)) <= limit:
        return runs
    made, left = [], limit - 1
    for run in runs:
        if left <= 0:
            break
        made.append(run._replace(text=run.text[:left]))
        left -= len(run.text)
    return (*made, Run("…"))


def axis_runs(axis: Axis) -> Runs:
    """An axis as its wire shows it: the label, and ``=size`` where that is not the label's own.

    >>> plain(axis_runs(Axis("x"))), plain(axis_runs(Axis("x", "2*k"))), plain(axis_runs(Axis("3", 3)))
    ('x', 'x=2k', '3')
    """
    label = symbol_runs(axis.label)
    if "=" not in str(axis):
        return label
    return clipped((*label, Run("="), *size_runs(axis.size)))


def value_runs(value) -> Runs:
    """A constant: a number, an infinity or an expression in sizes.

    >>> plain(value_runs(Size("1/2"))), plain(value_runs(Size(1e-5)))
    ('1/2', '10−5')
    """
    if isinstance(value, float):
        return (Run(f"{value:.4g}".replace("-", "−").replace("inf", "∞")),)
    constant = value.constant
    if constant is None or (isinstance(constant, int) and abs(constant) < 10 ** 15):
        return clipped(size_runs(value), 28)
    if constant.denominator <= 100:
        return (Run(str(constant).replace("-", "−")),)
    mantissa, _, exponent = f"{float(constant):.4g}".replace("-", "−").partition("e")
    if not exponent:
        return (Run(mantissa),)
    times = () if mantissa == "1" else (Run(f"{mantissa}·"),)
    return (*times, Run("10"), Run(exponent.lstrip("+").replace("−0", "−"), ROMAN, 1))
