"""Scalar functions as rows: one expression gives code, derivative, LaTeX and operation count.

A row is data: the text of an expression in a small grammar that is never executed as
Python. A row of your own is a value, ``ScalarFunction("cube", ("x",), "x*x*x")``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from ncd.algebra import grammar
from ncd.core.record import Record
from ncd.errors import NotationError, SizeError

# name: (arguments, arithmetic operations, transcendental calls), counted for one entry
FUNCTIONS = {
    "exp": (1, 0, 1), "log": (1, 0, 1), "sqrt": (1, 0, 1), "tanh": (1, 0, 1), "sin": (1, 0, 1),
    "cos": (1, 0, 1), "erf": (1, 0, 1), "arccos": (1, 0, 1), "abs": (1, 1, 0), "sign": (1, 1, 0),
    "floor": (1, 1, 0), "max": (2, 1, 0), "min": (2, 1, 0), "where": (3, 1, 0),
    "both": (2, 1, 0), "either": (2, 1, 0), "opposite": (1, 1, 0), "float": (1, 0, 0)}
OPERATORS = {"+": 1, "-": 1, "*": 1, "/": 1, "//": 1, "%": 1,
             "<": 1, "<=": 1, ">": 1, ">=": 1, "==": 1, "!=": 1}


@dataclass(frozen=True)
class ScalarFunction(Record):
    """A function of n numbers, given by one expression.

    Parameters:
        name: Its name in listings.
        arguments: The names of its arguments in the expression.
        expression: ``+ - * / // % **``, comparisons and the functions of :data:`FUNCTIONS`.
        dtype: The result's: ``"same"`` (the first float argument's kind), ``"bool"``, ``"int"``,
            ``"float"``.
        linear: The arguments in which it is jointly linear.
        symbol: What a picture shows; the name where empty.

    >>> SILU.operations
    (3, 1)
    >>> SILU.evaluate({"x": 0.0}, PYTHON)
    0.0
    """

    name: str
    arguments: tuple[str, ...]
    expression: str
    dtype: str = "same"
    linear: tuple[int, ...] = ()
    multilinear: bool = False
    symbol: str = ""

    def __post_init__(self):
        object.__setattr__(self, "arguments", tuple(self.arguments))
        _check(self.tree, self.arguments, self.expression)
        _literal(self.tree, self.expression)

    @cached_property
    def tree(self):
        return grammar.parse(self.expression)

    @property
    def arity(self) -> int:
        return len(self.arguments)

    @cached_property
    def operations(self) -> tuple[int, int]:
        """Arithmetic operations and transcendental calls for one entry, read off the expression."""
        return _count(self.tree)

    @cached_property
    def exponents(self) -> frozenset[str]:
        """The arguments that stand alone as an exponent."""
        return frozenset(_exponents(self.tree))

    def at_exponents(self, numbers: Mapping[str, int]) -> ScalarFunction:
        """The function with whole numbers in place of the arguments that are exponents, where there are any.

        >>> POWER.at_exponents({"y": 2}).expression, MULTIPLY.at_exponents({"y": 2}).expression
        ('x ** 2', 'x * y')
        """
        found = {name: numbers[name] for name in self.exponents if numbers.get(name, -1) >= 0}
        text = self.expression
        for name, number in found.items():      # whole and not negative: a literal wherever the name stands
            text = re.sub(rf"(?<![\w']){name}(?![\w'(])", str(number), text)
        return replace(self, expression=text, linear=(), multilinear=False, arguments=tuple(
            name for name in self.arguments if name not in found)) if found else self

    def evaluate(self, values: Mapping[str, object], functions: Mapping[str, Callable]):
        """The expression on any kind of numbers, by a table of functions and operators."""
        return _evaluate(self.tree, values, functions)

    @cached_property
    def sympy(self):
        """(the SymPy symbols of the arguments, the SymPy expression)."""
        import sympy
        symbols = sympy.symbols([f"{name}" for name in self.arguments], real=True)
        return symbols, self.evaluate(dict(zip(self.arguments, symbols)), _sympy_table(sympy))

    @property
    def latex(self) -> str:
        import sympy
        return sympy.latex(self.sympy[1])


MAX_DEPTH = 200


def _check(tree, arguments, text, depth=0) -> None:
    kind = tree[0]
    if depth > MAX_DEPTH:
        raise NotationError(f"an expression nested deeper than {MAX_DEPTH}", text[:100])
    if kind == "name" and tree[1] not in arguments:
        raise NotationError(f"`{tree[1]}` is not an argument: {', '.join(arguments)}", text)
    if kind == "call":
        if tree[1] not in FUNCTIONS:
            raise NotationError(f"no scalar function `{tree[1]}`: {', '.join(FUNCTIONS)}", text)
        if len(tree[2]) != FUNCTIONS[tree[1]][0]:
            raise NotationError(f"`{tree[1]}` takes {FUNCTIONS[tree[1]][0]} arguments", text)
    if kind not in ("name", "number"):
        for item in tree[2] if kind == "call" else tree[1:]:
            _check(item, arguments, text, depth + 1)


def _literal(tree, text) -> float | None:
    """The number that a tree without arguments is, None for any other and for what has no value.

    Raises:    NotationError: A number beyond all floats: as a whole number it could fill the memory.
    """
    kind = tree[0]
    if kind == "name":
        return None
    parts = [] if kind == "number" else [
        _literal(item, text) for item in (tree[2] if kind == "call" else tree[1:])]
    if None in parts:
        return None
    try:
        found = float(tree[1] if kind == "number" else PYTHON[tree[1] if kind == "call" else kind](*parts))
    except (OverflowError, SizeError):
        found = math.inf
    except (ArithmeticError, ValueError, TypeError):
        return None
    if not math.isfinite(found) and kind != "call":
        raise NotationError("a number beyond all floats in an expression", text[:100])
    return found if math.isfinite(found) else None


def _count(tree) -> tuple[int, int]:
    """Operations and calls for one entry; what holds no argument is a literal, made once: 0."""
    kind = tree[0]
    if kind in ("name", "number"):
        return 0, 0
    if kind == "call":
        _, flops, calls = FUNCTIONS[tree[1]]
        parts = tree[2]
    elif kind == "**":
        exponent = tree[2][1] if tree[2][0] == "number" else None
        whole = isinstance(exponent, int) and 0 < exponent <= 4
        flops, calls, parts = (exponent - 1, 0, tree[1:2]) if whole else (0, 1, tree[1:])
    else:
        flops, calls, parts = 1, 0, tree[1:]
    if not any(map(_has_argument, parts)):
        return 0, 0
    for part in parts:
        more = _count(part)
        flops, calls = flops + more[0], calls + more[1]
    return flops, calls


def _exponents(tree) -> set[str]:
    if tree[0] in ("name", "number"):
        return set()
    own = {tree[2][1]} if tree[0] == "**" and tree[2][0] == "name" else set()
    return own.union(*map(_exponents, tree[2] if tree[0] == "call" else tree[1:]))


def _has_argument(tree) -> bool:
    if tree[0] in ("name", "number"):
        return tree[0] == "name"
    return any(map(_has_argument, tree[2] if tree[0] == "call" else tree[1:]))


def _evaluate(tree, values, functions):
    kind = tree[0]
    if kind == "name":
        return values[tree[1]]
    if kind == "number":
        return functions["number"](tree[1])
    if kind == "call":
        return functions[tree[1]](*[_evaluate(item, values, functions) for item in tree[2]])
    return functions[kind](*[_evaluate(item, values, functions) for item in tree[1:]])


def _power(a, b):
    """a ** b; a number beyond all floats is refused, a whole one before it fills the memory."""
    if type(a) is type(b) is int and b * (abs(a).bit_length() - 1) >= 1024:
        raise SizeError("a power of whole numbers is beyond all floats")
    try:
        return a ** b
    except OverflowError:               # of Python's floats; arrays have inf
        raise SizeError("a power of numbers is beyond all floats") from None


ARITHMETIC = {
    "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b,
    "/": lambda a, b: a / b, "//": lambda a, b: a // b, "%": lambda a, b: a % b,
    "**": _power, "negate": lambda a: -a,
    "<": lambda a, b: a < b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b, "==": lambda a, b: a == b, "!=": lambda a, b: a != b,
    "number": lambda value: value if isinstance(value, int) else float(value)}


def _python_table():
    return ARITHMETIC | {name: getattr(math, name) for name in
                         ("exp", "log", "sqrt", "tanh", "sin", "cos", "erf", "floor")} | {
        "arccos": math.acos, "abs": abs, "max": max, "min": min, "float": float,
        "sign": lambda x: (x > 0) - (x < 0), "where": lambda c, a, b: a if c else b,
        "both": lambda a, b: a and b, "either": lambda a, b: a or b, "opposite": lambda a: not a}


PYTHON = _python_table()


def _sympy_table(sympy):
    return ARITHMETIC | {
        "number": lambda value: sympy.Rational(value.numerator, value.denominator),
        "exp": sympy.exp, "log": sympy.log, "sqrt": sympy.sqrt, "tanh": sympy.tanh,
        "sin": sympy.sin, "cos": sympy.cos, "erf": sympy.erf, "arccos": sympy.acos,
        "abs": sympy.Abs, "sign": sympy.sign, "floor": sympy.floor, "max": sympy.Max,
        "min": sympy.Min, "where": lambda c, a, b: sympy.Piecewise((a, c), (b, True)),
        "==": sympy.Eq, "!=": sympy.Ne, "both": sympy.And, "either": sympy.Or,
        "opposite": sympy.Not, "float": lambda x: x,
        "//": lambda a, b: sympy.floor(a / b)}


def _row(name: str, arguments: str, expression: str, **options) -> ScalarFunction:
    return ScalarFunction(name, tuple(arguments.split()), expression, **options)


ADD = _row("add", "x y", "x + y", linear=(0, 1), symbol="+")
SUBTRACT = _row("subtract", "x y", "x - y", linear=(0, 1), symbol="−")
MULTIPLY = _row("multiply", "x y", "x * y", linear=(0, 1), multilinear=True, symbol="×")
DIVIDE = _row("divide", "x y", "x / y", linear=(0,), dtype="float", symbol="÷")
POWER = _row("power", "x y", "x ** y", symbol="^")
MAXIMUM = _row("maximum", "x y", "max(x, y)", symbol="max")
MINIMUM = _row("minimum", "x y", "min(x, y)", symbol="min")
NEGATE = _row("negate", "x", "-x", linear=(0,), symbol="−")
IDENTITY = _row("identity", "x", "x", linear=(0,), symbol="id")
EXP = _row("exp", "x", "exp(x)", dtype="float")
LOG = _row("log", "x", "log(x)", dtype="float")
LOG_TOTAL = _row("log_total", "x", "log(x)", dtype="float", symbol="log")     # of weights: slope 0 at 0
SQRT = _row("sqrt", "x", "sqrt(x)", dtype="float", symbol="√")
RSQRT = _row("rsqrt", "x", "x ** (-0.5)", dtype="float", symbol="1/√")
SQUARE = _row("square", "x", "x * x", symbol="²")
RECIPROCAL = _row("reciprocal", "x", "1 / x", dtype="float", symbol="1/")
ABS = _row("abs", "x", "abs(x)", symbol="|·|")
SIGN = _row("sign", "x", "sign(x)")
FLOOR = _row("floor", "x", "floor(x)", symbol="⌊·⌋")
SIN = _row("sin", "x", "sin(x)", dtype="float")
COS = _row("cos", "x", "cos(x)", dtype="float")
ARCCOS = _row("arccos", "x", "arccos(x)", dtype="float")
ERF = _row("erf", "x", "erf(x)", dtype="float")
TANH = _row("tanh", "x", "tanh(x)", dtype="float")
RELU = _row("relu", "x", "max(x, 0)", symbol="R")
SIGMOID = _row("sigmoid", "x", "1 / (1 + exp(-x))", dtype="float", symbol="σ")
SOFTPLUS = _row("softplus", "x", "log(1 + exp(x))", dtype="float")
SILU = _row("silu", "x", "x / (1 + exp(-x))", dtype="float")
GELU = _row("gelu", "x", "x * (1 + erf(x / sqrt(2))) / 2", dtype="float")
GELU_TANH = _row("gelu_tanh", "x", "x * (1 + tanh(0.7978845608028654 * (x + 0.044715 * x * x * x))) / 2",
                 dtype="float")
EQUAL = _row("equal", "x y", "x == y", dtype="bool", symbol="=")
LESS = _row("less", "x y", "x < y", dtype="bool", symbol="<")
LESS_EQUAL = _row("less_equal", "x y", "x <= y", dtype="bool", symbol="≤")
GREATER = _row("greater", "x y", "x > y", dtype="bool", symbol=">")
GREATER_EQUAL = _row("greater_equal", "x y", "x >= y", dtype="bool", symbol="≥")
BOTH = _row("both", "x y", "both(x, y)", dtype="bool", symbol="∧")
EITHER = _row("either", "x y", "either(x, y)", dtype="bool", symbol="∨")
OPPOSITE = _row("opposite", "x", "opposite(x)", dtype="bool", symbol="¬")
WHERE = _row("where", "c x y", "where(c, x, y)", linear=(1, 2), symbol="?")
TO_FLOAT = _row("to_float", "x", "float(x)", dtype="float", linear=(0,), symbol="ℝ")
TO_INT = _row("to_int", "x", "floor(x)", dtype="int", symbol="ℤ")
REMAINDER = _row("remainder", "x y", "x % y", symbol="mod")
QUOTIENT = _row("quotient", "x y", "x // y", symbol="div")

SCALARS: dict[str, ScalarFunction] = {
    row.name: row for row in list(globals().values()) if isinstance(row, ScalarFunction)}
