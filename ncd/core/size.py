"""Sizes: exact polynomials in axis sizes, with explicit nodes for floor, maximum and powers.

A size is an element of the ring of polynomials over the symbols of the axes (positive
integers), extended by atoms ``floor(p/q)``, ``max(p, ...)``, ``min(p, ...)`` and groups
``(p)`` that carry a fractional or negative exponent. Arithmetic is on dictionaries
{monomial: coefficient}; SymPy is the public face, made once at the end and on demand.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from fractions import Fraction
from functools import cached_property

from ncd.core import grammar
from ncd.errors import NotationError, SizeError

Number = int | Fraction


class Atom:
    """A node that is not a symbol: floor(p/q), max, min, or a group under an exponent."""

    def __init__(self, kind: str, args: tuple[Size, ...]):
        self.kind, self.args = kind, args
        self.text = _ATOM_TEXT[kind](*map(str, args))
        self._hash = hash((kind, args))

    def __eq__(self, other):
        return self is other or (isinstance(other, Atom) and self._hash == other._hash
                                 and (self.kind, self.args) == (other.kind, other.args))

    def __hash__(self):
        return self._hash

    def __str__(self):
        return self.text


def _bracket(text: str) -> str:
    return text if text.replace("_", "a").isalnum() else f"({text})"


_ATOM_TEXT = {
    "floor": lambda p, q: f"{_bracket(p)}//{_bracket(q)}",
    "max": lambda *args: f"max({', '.join(args)})",
    "min": lambda *args: f"min({', '.join(args)})",
    "group": lambda p: f"({p})"}


def _number(value) -> Number:
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise SizeError(f"{value} is not a finite number")
        value = Fraction(repr(value))
    return int(value) if value.denominator == 1 else value


class Size:
    """An exact expression in axis sizes: integers, symbols, ``+ - * // / % **``, max, min.

    >>> x = Size.symbol("x")
    >>> (x - 1) // 2 + 1
    Size('(x + 1)//2')
    >>> ((x - 1) // 2 + 1).evaluate({"x": 7})
    4
    >>> (x * 6) // 3 == 2 * x
    True
    """

    __slots__ = ("__dict__", "terms")

    def __init__(self, value="0"):
        self.terms = as_size(value).terms

    @classmethod
    def of(cls, terms: dict) -> Size:
        """From a dictionary {monomial: coefficient}, zero coefficients removed."""
        self = object.__new__(cls)
        self.terms = {m: c for m, c in terms.items() if c != 0}
        return self

    @classmethod
    def number(cls, value) -> Size:
        return cls.of({(): _number(value)})

    @classmethod
    def symbol(cls, name: str) -> Size:
        return cls.of({((name, 1),): 1})

    # -- structure ---------------------------------------------------------------
    @cached_property
    def _hash(self) -> int:
        return hash(frozenset(self.terms.items()))

    def __hash__(self):
        return self._hash

    def __eq__(self, other):
        if self is other:
            return True
        if not isinstance(other, Size):
            if not isinstance(other, (int, float, Fraction)):
                return NotImplemented
            if not math.isfinite(other):
                return False
            other = Size.number(other)
        return self.terms == other.terms

    @property
    def constant(self) -> Number | None:
        """The number that this size is, or None if it has symbols."""
        if not self.terms:
            return 0
        return self.terms.get((), None) if len(self.terms) == 1 else None

    @property
    def name(self) -> str | None:
        """The symbol that this size is, or None."""
        if len(self.terms) == 1:
            (monomial, coefficient), = self.terms.items()
            if coefficient == 1 and len(monomial) == 1 and monomial[0][1] == 1:
                return monomial[0][0] if isinstance(monomial[0][0], str) else None
        return None

    @cached_property
    def symbols(self) -> frozenset[str]:
        """The names of the symbols in it, those inside floors and maxima too."""
        found: set[str] = set()
        for monomial in self.terms:
            for atom, _ in monomial:
                if isinstance(atom, str):
                    found.add(atom)
                else:
                    for argument in atom.args:
                        found |= argument.symbols
        return frozenset(found)

    @property
    def is_integral(self) -> bool:
        """Whether it is an integer at all integers by its form alone."""
        return all(isinstance(c, int) and all(
            isinstance(e, int) and e >= 0 and not (isinstance(a, Atom) and a.kind == "group")
            for a, e in m) for m, c in self.terms.items())

    # -- arithmetic --------------------------------------------------------------
    def __add__(self, other):
        other = _operand(other)
        if other is None:
            return NotImplemented
        if len(other.terms) > len(self.terms):
            self, other = other, self
        terms = dict(self.terms)
        for monomial, coefficient in other.terms.items():
            terms[monomial] = terms.get(monomial, 0) + coefficient
        return Size.of(terms)

    __radd__ = __add__

    def __neg__(self):
        return Size.of({m: -c for m, c in self.terms.items()})

    def __sub__(self, other):
        other = _operand(other)
        return NotImplemented if other is None else self + (-other)

    def __rsub__(self, other):
        return -self + other

    def __mul__(self, other):
        other = _operand(other)
        if other is None:
            return NotImplemented
        terms: dict = {}
        for left, a in self.terms.items():
            for right, b in other.terms.items():
                monomial = _times(left, right)
                terms[monomial] = terms.get(monomial, 0) + a * b
        return _opened(Size.of({m: _number(c) for m, c in terms.items()}))

    __rmul__ = __mul__

    def __pow__(self, exponent):
        exponent = _number(exponent if not isinstance(exponent, Size) else exponent.constant)
        if isinstance(exponent, int) and 0 <= exponent <= 64 and len(self.terms) != 1:
            result = ONE
            for _ in range(exponent):
                result = result * self
            return result
        if len(self.terms) == 1:
            (monomial, coefficient), = self.terms.items()
            power, rest = _power_of_number(coefficient, exponent)
            terms = {tuple((a, _number(e * Fraction(exponent))) for a, e in monomial): power}
            return Size.of(terms) * rest if rest is not None else _opened(Size.of(terms))
        if not self.terms:
            raise SizeError("zero to a negative power")
        return Size.of({((Atom("group", (self,)), exponent),): 1})

    def __truediv__(self, other):
        other = _operand(other)
        if other is None:
            return NotImplemented
        if not other.terms:
            raise SizeError(f"{self} is divided by zero")
        if other.constant is not None:
            return Size.of({m: _number(Fraction(c) / other.constant) for m, c in self.terms.items()})
        return self * other ** -1

    def __rtruediv__(self, other):
        return _operand(other) / self

    def __floordiv__(self, other):
        other = _operand(other)
        return NotImplemented if other is None else floor_division(self, other)

    def __rfloordiv__(self, other):
        return floor_division(_operand(other), self)

    def __mod__(self, other):
        other = _operand(other)
        return NotImplemented if other is None else self - other * floor_division(self, other)

    # -- meaning -----------------------------------------------------------------
    def dominates(self, other: Size) -> bool:
        """Whether ``self >= other`` by coefficients alone, for all positive sizes."""
        return all(c >= 0 for c in (self - other).terms.values())

    def substitute(self, sizes: Mapping[str, Size]) -> Size:
        """Replace symbols by sizes, all at once."""
        if not sizes or self.symbols.isdisjoint(sizes):
            return self
        result = ZERO
        for monomial, coefficient in self.terms.items():
            product = Size.number(coefficient)
            for atom, exponent in monomial:
                if isinstance(atom, str):
                    base = sizes.get(atom)
                    base = Size.symbol(atom) if base is None else base
                else:
                    base = _rebuild(atom, tuple(a.substitute(sizes) for a in atom.args))
                product = product * (base if exponent == 1 else base ** exponent)
            result = result + product
        return result

    def evaluate(self, sizes: Mapping[str, int]) -> int | float:
        """The number at given sizes: an int where exact, else a float.

        Raises:
            SizeError: A symbol has no value (all those missing are named).
        """
        missing = sorted(self.symbols - set(sizes))
        if missing:
            raise SizeError(f"no value for the size {', '.join(missing)} in {self}",
                            mend=f"give it: {', '.join(f'{name}=...' for name in missing)}")
        total: Number | float = 0
        for monomial, product in self.terms.items():
            for atom, exponent in monomial:
                value = sizes[atom] if isinstance(atom, str) else _value(atom, sizes)
                product = product * _raise(value, exponent)
            total = total + product
        return float(total) if isinstance(total, Fraction) and total.denominator != 1 else (
            int(total) if isinstance(total, Fraction) else total)

    # -- text and SymPy ----------------------------------------------------------
    @cached_property
    def _text(self) -> str:
        def key(item):
            degree = sum(e for _, e in item[0])
            return (-degree, [str(a) for a, _ in item[0]])
        pieces = []
        for monomial, coefficient in sorted(self.terms.items(), key=key):
            size = abs(coefficient)
            # A floor after a leading minus is bracketed: -x//2 reads as floor(-x/2).
            alone = len(monomial) == 1 and size == 1 and (coefficient > 0 or bool(pieces))
            factors = [_factor_text(a, e, alone) for a, e in monomial]
            if size != 1 or not factors:
                factors.insert(0, str(size) if isinstance(size, int) else f"({size})")
            pieces.append(("- " if coefficient < 0 else "+ ") + "*".join(factors))
        if not pieces:
            return "0"
        text = " ".join(pieces)
        return text[2:] if text.startswith("+ ") else "-" + text[2:]

    def __str__(self):
        return self._text

    def __repr__(self):
        return f"Size({self._text!r})"

    @cached_property
    def sympy(self):
        """The same expression as SymPy's, its symbols positive integers."""
        import sympy
        monomials = []
        for monomial, coefficient in self.terms.items():
            factors = [sympy.Rational(coefficient.numerator, coefficient.denominator)]
            for atom, exponent in monomial:
                base = symbol(atom) if isinstance(atom, str) else _atom_sympy(atom, sympy)
                factors.append(base ** sympy.Rational(exponent.numerator, exponent.denominator))
            monomials.append(sympy.Mul(*factors))
        return sympy.Add(*monomials)

    def _sympy_(self):
        return self.sympy


def symbol(name: str):
    """The SymPy symbol of an axis size: a positive integer."""
    import sympy
    return sympy.Symbol(name, positive=True, integer=True)


def _atom_sympy(atom: Atom, sympy):
    arguments = [argument.sympy for argument in atom.args]
    if atom.kind == "floor":
        return sympy.floor(arguments[0] / arguments[1])
    if atom.kind in ("max", "min"):
        return (sympy.Max if atom.kind == "max" else sympy.Min)(*arguments, evaluate=False)
    return arguments[0]


def _factor_text(atom, exponent, alone: bool) -> str:
    text = str(atom)
    if isinstance(atom, Atom) and atom.kind == "floor" and not (alone and exponent == 1):
        text = f"({text})"
    if exponent == 1:
        return text
    return f"{text}**{exponent}" if isinstance(exponent, int) and exponent > 0 \
        else f"{text}**({exponent})"


def _times(left: tuple, right: tuple) -> tuple:
    if not left or not right:
        return left or right
    powers: dict = dict(left)
    for atom, exponent in right:
        powers[atom] = powers.get(atom, 0) + exponent
    return tuple(sorted(((a, _number(e)) for a, e in powers.items() if e != 0),
                        key=lambda item: str(item[0])))


def _power_of_number(base: Number, exponent: Number) -> tuple[Number, Size | None]:
    """base ** exponent as an exact number, or (1, a group that keeps the root exact)."""
    if isinstance(exponent, int):
        return _number(Fraction(base) ** exponent), None
    try:
        root = Fraction(base) ** exponent if base > 0 else None
    except (OverflowError, ZeroDivisionError):
        root = None                     # out of the range of floats: the root stays symbolic
    if isinstance(root, float) and 0 < root < math.inf:
        exact = Fraction(round(root ** 1)) if root >= 1 else Fraction(1, max(1, round(1 / root)))
        if exact ** exponent.denominator == Fraction(base) ** exponent.numerator:
            return _number(exact), None
    if base == 1:
        return 1, None
    if base <= 0:
        raise SizeError(f"the power {base}**({exponent}) is not real")
    return 1, Size.of({((Atom("group", (Size.number(base),)), exponent),): 1})


def _rebuild(atom: Atom, args: tuple[Size, ...]) -> Size:
    if atom.kind == "floor":
        return floor_division(*args)
    if atom.kind in ("max", "min"):
        return extremum(atom.kind, args)
    return args[0]


def _value(atom: Atom, sizes):
    values = [argument.evaluate(sizes) for argument in atom.args]
    if atom.kind == "floor":
        if values[1] == 0:
            raise SizeError(f"{atom} divides by zero")
        return values[0] // values[1]
    return {"max": max, "min": min, "group": lambda value: value}[atom.kind](
        *([values] if atom.kind != "group" else values))


def _raise(value, exponent: Number):
    if isinstance(exponent, int):
        return value ** exponent if exponent >= 0 else Fraction(value) ** exponent \
            if not isinstance(value, float) else value ** exponent
    return float(value) ** float(exponent)


def floor_division(p: Size, q: Size) -> Size:
    """floor(p/q), with what divides exactly taken out and nested floors merged.

    Raises:
        SizeError: Division by zero.
    """
    if not q.terms:
        raise SizeError(f"{p} is divided by zero")
    divisor = q.constant
    if divisor is None and len(q.terms) == 1 and p.is_integral:
        (monomial, coefficient), = q.terms.items()
        whole = {m: c for m, c in p.terms.items() if c % coefficient == 0 and _divides(monomial, m)}
        quotient = Size.of(whole) / q
        rest = p - Size.of(whole)
        if not rest.terms:
            return quotient
        return quotient + Size.of({((Atom("floor", (rest, q)), 1),): 1})
    if divisor is None or not p.is_integral:
        if p == q:
            return ONE
        return Size.of({((Atom("floor", (p, q)), 1),): 1}) if p.constant is None or divisor is None \
            else Size.number(math.floor(Fraction(p.constant) / divisor))
    if divisor < 0:
        p, divisor = -p, -divisor
    if isinstance(divisor, Fraction):
        p, divisor = p * divisor.denominator, divisor.numerator
    quotient = Size.of({m: c // divisor for m, c in p.terms.items()})
    rest = Size.of({m: c % divisor for m, c in p.terms.items()})
    if rest.constant is not None:
        return quotient + math.floor(Fraction(rest.constant, divisor))
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
    return quotient + Size.of({((Atom("floor", (rest, Size.number(divisor))), 1),): 1})


def _opened(size: Size) -> Size:
    """Multiply out groups whose exponent became a positive integer: a size has one form."""
    def is_open(atom, exponent) -> bool:
        return isinstance(atom, Atom) and atom.kind == "group" and isinstance(exponent, int) and exponent > 0
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


def _divides(small: tuple, large: tuple) -> bool:
    powers = dict(large)
    return all(powers.get(atom, 0) >= exponent for atom, exponent in small)


def extremum(kind: str, sizes: Iterable[Size]) -> Size:
    """max or min, flattened, without what is dominated by coefficients alone."""
    flat: dict[Size, None] = {}
    for size in map(as_size, sizes):
        if len(size.terms) == 1:
            (monomial, coefficient), = size.terms.items()
            if coefficient == 1 and len(monomial) == 1 and monomial[0][1] == 1 \
                    and isinstance(monomial[0][0], Atom) and monomial[0][0].kind == kind:
                flat.update(dict.fromkeys(monomial[0][0].args))
                continue
        flat[size] = None
    kept: list[Size] = []
    for size in flat:
        beats = (lambda a, b: a.dominates(b)) if kind == "max" else (lambda a, b: b.dominates(a))
        if any(beats(other, size) for other in kept):
            continue
        kept = [other for other in kept if not beats(size, other)] + [size]
    if len(kept) == 1:
        return kept[0]
    return Size.of({((Atom(kind, tuple(sorted(kept, key=str))), 1),): 1})


def maximum(*sizes) -> Size:
    """The largest of some sizes.

    >>> maximum(Size("x"), Size("2*x"), Size("y"))
    Size('max(2*x, y)')
    """
    return extremum("max", sizes)


def minimum(*sizes) -> Size:
    """The smallest of some sizes."""
    return extremum("min", sizes)


def _operand(value) -> Size | None:
    if isinstance(value, Size):
        return value
    if isinstance(value, (int, float, Fraction)):
        return Size.number(value)
    return as_size(value) if hasattr(value, "free_symbols") else None


_FOLD = {"+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b,
         "/": lambda a, b: a / b, "//": lambda a, b: a // b, "%": lambda a, b: a % b}


MAX_TERMS, MAX_BITS, MAX_ARGUMENTS = 2_000, 4_000, 256


def _bounded(size: Size, text: str) -> Size:
    """A size read from text stays small, so that no text can exhaust time or memory."""
    if len(size.terms) > MAX_TERMS or any(
            c.numerator.bit_length() + c.denominator.bit_length() > MAX_BITS
            or any(isinstance(atom, Atom) and len(atom.text) > grammar.MAX_LENGTH for atom, _ in monomial)
            for monomial, c in size.terms.items()):
        raise NotationError("a size that is too large", text[:100])
    return size


def _power(base: Size, exponent: Number | None, text: str) -> Size:
    if exponent is None or abs(exponent) > 64:
        raise NotationError("an exponent must be a number of size at most 64", text)
    count = len(base.terms)
    if count > 1 and exponent > 1 and math.comb(count + int(exponent) - 1, int(exponent)) > MAX_TERMS:
        raise NotationError("a size that is too large", text[:100])
    return base ** exponent


def _from_tree(tree, text: str) -> Size:
    later = []                          # a long sum leans to the left: no recursion over its terms
    while tree[0] in _FOLD:
        later.append(tree)
        tree = tree[1]
    size = _bounded(_simple(tree, text), text)
    for operator, _, right in reversed(later):
        by = _from_tree(right, text)
        if len(size.terms) * len(by.terms) > 50 * MAX_TERMS:
            raise NotationError("a size that is too large", text[:100])
        size = _bounded(_FOLD[operator](size, by), text)
    return size


def _simple(tree, text: str) -> Size:
    kind = tree[0]
    if kind == "number":
        return Size.number(tree[1])
    if kind == "name":
        return Size.symbol(tree[1])
    if kind == "negate":
        return -_from_tree(tree[1], text)
    if kind == "call" and tree[1] in ("max", "min") and tree[2]:
        return extremum(tree[1], [_from_tree(t, text) for t in tree[2]])
    if kind == "**":
        return _power(_from_tree(tree[1], text), _from_tree(tree[2], text).constant, text)
    raise NotationError(f"`{tree[1] if kind == 'call' else kind}` has no meaning in a size", text)


def parse_size(text: str) -> Size:
    """A size from text: integers, names, ``+ - * / // % **``, ``max``, ``min``, parentheses.

    Raises:
        NotationError: Malformed text, with a caret.

    >>> parse_size("(x - 1)//2 + 1")
    Size('(x + 1)//2')
    """
    if text.count(",") > MAX_ARGUMENTS:
        raise NotationError(f"more than {MAX_ARGUMENTS} arguments of max and min", text[:100])
    return _from_tree(grammar.parse(text), text)


def as_size(value) -> Size:
    """A size from a number, a text, a SymPy expression or a size.

    Raises:
        SizeError: Any other kind of value.
    """
    if isinstance(value, Size):
        return value
    if isinstance(value, bool):
        raise SizeError("a truth value is not a size")
    if isinstance(value, (int, float, Fraction)):
        return Size.number(value)
    if isinstance(value, str):
        return parse_size(value)
    if hasattr(value, "free_symbols"):
        return _from_sympy(value)
    if hasattr(value, "__index__"):
        return Size.number(value.__index__())
    raise SizeError(f"{value!r} is not a size", mend="give an int, a name, a text or a SymPy expression")


def _from_sympy(value) -> Size:
    import sympy
    if value.is_Integer:
        return Size.number(int(value))
    if value.is_Rational:
        return Size.number(Fraction(int(value.p), int(value.q)))
    if value.is_Float:
        return Size.number(float(value))
    if value.is_Symbol:
        return Size.symbol(value.name)
    if isinstance(value, sympy.Add):
        return sum((_from_sympy(a) for a in value.args), ZERO)
    if isinstance(value, sympy.Mul):
        return math.prod((_from_sympy(a) for a in value.args), start=ONE)
    if isinstance(value, sympy.Pow) and value.exp.is_Rational:
        return _from_sympy(value.base) ** Fraction(int(value.exp.p), int(value.exp.q))
    if isinstance(value, (sympy.Max, sympy.Min)):
        return extremum("max" if isinstance(value, sympy.Max) else "min",
                        [_from_sympy(a) for a in value.args])
    if isinstance(value, (sympy.floor, sympy.ceiling)):
        top, bottom = sympy.fraction(sympy.together(value.args[0]))
        top, bottom = _from_sympy(top), _from_sympy(bottom)
        return top // bottom if isinstance(value, sympy.floor) else -((-top) // bottom)
    raise SizeError(f"the SymPy expression {value} is not made of + * ** floor ceiling Max Min")


ZERO, ONE = Size.number(0), Size.number(1)
