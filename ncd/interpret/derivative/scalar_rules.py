"""Derivatives of scalar functions: one pass over a row's expression, from the result to its arguments.

The derivative of a row f in an argument x is another row, ``w · f′``: linear in its first argument
w, which is a tangent in the pushforward and a cotangent in the pullback. It may use the
arguments of f and its result y, so that exp, tanh or softmax keep their result only.

Where f has no derivative a subgradient is stated:
    max, min        the larger (smaller) argument's; a tie of two arguments shares equally, a tie
                    with a number is the number's, 0 (so relu′(0) = 0)
    abs, sign       0 at 0;  floor, comparisons: 0 everywhere
    sqrt            0 at 0, where the derivative is infinite
    where           the chosen branch's; the condition has none
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from ncd.algebra import grammar
from ncd.core.axis import fresh
from ncd.errors import RuleError
from ncd.ops import scalar
from ncd.ops.scalar import ScalarFunction

ZERO, ONE = ("number", 0), ("number", 1)

# w·f′ where the pass over the expression would overflow or lose precision, or has a cheaper form.
# Each is tested equal to what the pass gives.
_TANH = "tanh(0.7978845608028654 * (x + 0.044715 * x * x * x))"
STABLE = {
    scalar.RELU: {"x": "where(y' > 0, w', 0)"},
    scalar.LOG_TOTAL: {"x": "where(x > 0, w' / x, 0)"},
    scalar.SIGMOID: {"x": "w' * (y' * (1 - y'))"},
    scalar.SILU: {"x": "w' * (1 + x * (1 - 1 / (1 + exp(-x)))) / (1 + exp(-x))"},
    scalar.GELU_TANH: {"x": f"w' * (0.5 * (1 + {_TANH}) + 0.5 * x * (1 - {_TANH} * {_TANH}) * "
                            "(0.7978845608028654 * (1 + 0.134145 * x * x)))"},
    scalar.RSQRT: {"x": "w' * (-0.5 * y' * y' * y')"},
    scalar.RECIPROCAL: {"x": "-(w' * (y' * y'))"}}


class Partial(NamedTuple):
    """w·∂f/∂x as a row: its function, and for each argument "w", "y" or the position of one of f's.

    None as an argument stands for the number 0.
    """

    function: ScalarFunction
    arguments: tuple[str | int | None, ...]


@lru_cache(maxsize=4096)
def partial(function: ScalarFunction, argument: str, fixed: frozenset[str] = frozenset()) -> Partial | None:
    """The derivative of a row in one argument; None where it is 0 everywhere.

    Type:      (w, arguments of f, its result) -> w · ∂f/∂argument, only those that occur
    Parameters:
        fixed: The arguments that are numbers: a maximum with one has its derivative at a tie.

    >>> partial(scalar.TANH, "x").function.expression
    "w' * (1 - y' * y')"
    >>> partial(scalar.MULTIPLY, "x").function.name, partial(scalar.ADD, "x").function.name
    ('multiply', 'identity')
    """
    position = function.arguments.index(argument)
    if function.linear == (position,):  # linear in it: itself, with w in its place
        if function in (scalar.IDENTITY, scalar.TO_FLOAT):
            return Partial(scalar.IDENTITY, ("w",))
        return Partial(function, tuple("w" if n == position else n for n in range(function.arity)))
    w, y = names(function)
    stated = STABLE.get(function, {}).get(argument)
    tree = grammar.parse(stated) if stated else adjoint(function, argument, fixed)
    if tree == ZERO:
        return None
    if tree == w:
        return Partial(scalar.IDENTITY, ("w",))
    if tree == minus(w):
        return Partial(scalar.NEGATE, ("w",))
    if function == scalar.WHERE:
        return Partial(scalar.WHERE, (0, "w", None) if argument == "x" else (0, None, "w"))
    used = [name for name in (*function.arguments, y[1]) if _occurs(tree, name)]
    place = {name: n for n, name in enumerate(function.arguments)} | {y[1]: "y"}
    arguments = ("w", *(place[name] for name in used))
    for kind, row in (("*", scalar.MULTIPLY), ("/", scalar.DIVIDE)):
        if len(used) == 1 and tree == (kind, w, ("name", used[0])):
            return Partial(row, arguments)
    name = f"{function.name}′" if function.arity == 1 else f"{function.name}′{argument}"
    return Partial(ScalarFunction(name, (w[1], *used), text(tree), dtype="float", linear=(0,)), arguments)


# The functions whose slope jumps, is infinite or is stated somewhere.
SPECIAL = frozenset(("max", "min", "abs", "sqrt", "arccos", "where", "%", "//"))


@lru_cache(maxsize=4096)
def slope(function: ScalarFunction, position: int = 0) -> ScalarFunction:
    """What a row that is linear in one argument multiplies it with: w·f′ as f′.

    >>> slope(ScalarFunction("sqrt′", ("w", "y"), "where(y > 0, w/(2*y), 0)", linear=(0,))).expression
    'where(y > 0, 1 / (2 * y), 0)'
    """
    name, rest = function.arguments[position], function.arguments
    return ScalarFunction(f"{function.name}/{name}", (*rest[:position], *rest[position + 1:]),
                          text(_replaced(function.tree, name, ONE)), dtype="float")


def _replaced(tree, name: str, value):
    """A tree with a value in place of a name."""
    if tree[0] in ("name", "number"):
        return value if tree == ("name", name) else tree
    if tree[0] == "call":
        return call(tree[1], *(_replaced(part, name, value) for part in tree[2]))
    parts = [_replaced(part, name, value) for part in tree[1:]]
    simple = {"*": times, "+": plus, "negate": minus}.get(tree[0])
    return simple(*parts) if simple else (tree[0], *parts)


@lru_cache(maxsize=4096)
def is_selection(function: ScalarFunction) -> bool:
    """Whether a row that is linear in its first argument only chooses it, or a given part of it."""
    name = function.arguments[0]

    def chosen(tree) -> bool:
        if tree in (ZERO, ("name", name)):
            return True
        if tree[0] == "negate":
            return chosen(tree[1])
        if tree[0] == "*":
            return chosen(tree[1]) and tree[2][0] == "number"
        return tree[:2] == ("call", "where") and not _occurs(tree[2][0], name) and \
            all(map(chosen, tree[2][1:]))
    return chosen(function.tree)


def has_special_points(function: ScalarFunction, numbers: Mapping[str, object]) -> bool:
    """Whether a row's derivative is stated at some points, or kept from ∞/∞ and 0·∞ there.

    Parameters:
        numbers: The arguments that are numbers, None for one that is not known yet.
    """
    if function == scalar.LOG_TOTAL:
        return True
    waiting = [function.tree]
    while waiting:
        tree = waiting.pop()
        if tree[0] in ("name", "number"):
            continue
        parts = tree[2] if tree[0] == "call" else tree[1:]
        if (tree[1] if tree[0] == "call" else tree[0]) in SPECIAL:
            return True
        if tree[0] == "**" and not _is_plain_power(tree[2], numbers):
            return True
        if tree[:2] != ("call", "log") and tree[0] != "/":
            waiting.extend(parts)
        elif _logistic(parts[-1]):
            return True
        else:
            waiting.extend(parts)
    return False


def _is_plain_power(exponent, numbers: Mapping[str, object]) -> bool:
    """Whether an exponent is a number for which x**p has the slope p·x**(p − 1) everywhere."""
    sign = -1 if exponent[0] == "negate" else 1
    exponent = exponent[1] if sign < 0 else exponent
    kind, *item = exponent
    p = item[0] if kind == "number" else numbers.get(item[0]) if kind == "name" else None
    return p is not None and not 0 < sign * p < 1


@lru_cache(maxsize=256)
def power_row(exponent) -> ScalarFunction:
    """x to a given power as a row of its own."""
    tree = ("**", ("name", "x"), number(Fraction(exponent)))
    return ScalarFunction(f"power[{exponent}]", ("x",), text(tree), dtype="float")


def names(function: ScalarFunction) -> tuple[tuple, tuple]:
    """The names of the weight and the result in a row's derivatives: w and y with enough primes."""
    return tuple(("name", str(fresh(f"{name}'", function.arguments))) for name in "wy")


def adjoint(function: ScalarFunction, argument: str, fixed: frozenset[str] = frozenset()):
    """The tree of w·∂f/∂argument, from a reverse pass over the tree of f.

    Raises:
        RuleError: A scalar function without a derivative here.
    """
    total = ZERO
    root = function.tree
    w, y = names(function)
    stack = [(root, w, ())]
    free = set(function.arguments) - fixed
    while stack:
        tree, weight, branches = stack.pop()
        if tree == ("name", argument):
            for condition, first in reversed(branches):
                weight = call("where", condition, *((weight, ZERO) if first else (ZERO, weight)))
            total = plus(total, weight)
        elif tree[0] == "call" and tree[1] == "where":
            # Chosen last: a slope that is infinite where the other branch holds is not multiplied by 0.
            condition, *parts = tree[2]
            stack.extend((part, weight, (*branches, (condition, first)))
                         for part, first in zip(parts, (True, False)) if _occurs(part, argument))
        elif tree[0] not in ("name", "number") and _occurs(tree, argument):
            value = y if tree is root else tree
            stack.extend((part, inner, branches)
                         for part, inner in _children(tree, weight, value, argument, free))
    return total


def _children(tree, w, y, argument, free):
    """(child, its weight) for each child that the argument occurs in."""
    kind = tree[0]
    parts = tree[2] if kind == "call" else tree[1:]
    found = _CALLS.get(tree[1]) if kind == "call" else _OPERATORS.get(kind)
    if found is None:
        raise RuleError(f"no derivative of the scalar function `{tree[1] if kind == 'call' else kind}`",
                        mend="use functions that have one, or custom_derivative")
    weights = found(w, y, *parts)
    if (tree[1] if kind == "call" else kind) in ("/", "log") and (power := _logistic(parts[-1])):
        # exp(u)/(1 + exp(u)) as 1/(1 + exp(−u)), which no large u turns into ∞/∞
        share = ("/", times(w, y) if kind == "/" else w, ("+", ONE, call("exp", minus(power))))
        weights = (*weights[:-1], minus(share) if kind == "/" else share)
        parts = (*parts[:-1], power)
    if kind == "call" and tree[1] in ("max", "min"):
        weights = _extremum(tree[1], w, *parts, free)
    return [(part, weight) for part, weight in zip(parts, weights)
            if weight != ZERO and _occurs(part, argument)]


def _logistic(tree):
    """u where a tree is 1 + exp(u), else None."""
    if tree[0] == "+" and ONE in tree[1:]:
        other = tree[2] if tree[1] == ONE else tree[1]
        return other[2][0] if other[:2] == ("call", "exp") else None
    return None


def _extremum(kind, w, a, b, free):
    """The weights of a maximum or minimum, with the convention at a tie."""
    sign = ">" if kind == "max" else "<"
    varies = [any(_occurs(part, name) for name in free) for part in (a, b)]
    half = call("where", ("==", a, b), times(w, ("number", Fraction(1, 2))), ZERO) if all(varies) else ZERO
    return call("where", (sign, a, b), w, half), call("where", (sign, b, a), w, half)


def _power(w, y, base, exponent):
    if exponent[0] == "number" or (exponent[0] == "negate" and exponent[1][0] == "number"):
        p = exponent[1] if exponent[0] == "number" else -exponent[1][1]
        down = base if p == 2 else ("**", base, number(p - 1))
        below = times(number(p), down)
        return times(w, call("where", (">", base, ZERO), below, ZERO) if 0 < p < 1 else below), ZERO
    # At 0 the slope of a power between 0 and 1 is infinite, as a root's, and that of x**0 is 0.
    root = call("both", ("==", base, ZERO), call("both", (">=", exponent, ZERO), ("<", exponent, ONE)))
    below = call("where", root, ZERO, times(exponent, ("**", base, ("-", exponent, ONE))))
    log = call("where", (">", base, ZERO), times(y, call("log", base)), ZERO)
    return times(w, below), times(w, log)


_OPERATORS = {
    "+": lambda w, y, a, b: (w, w),
    "-": lambda w, y, a, b: (w, minus(w)),
    "*": lambda w, y, a, b: (times(w, b), times(w, a)),
    "/": lambda w, y, a, b: (("/", w, b), minus(("/", times(w, y), b))),
    "%": lambda w, y, a, b: (w, minus(times(w, call("floor", ("/", a, b))))),
    "**": _power, "negate": lambda w, y, a: (minus(w),),
    **{kind: lambda w, y, a, b: (ZERO, ZERO) for kind in ("//", "<", "<=", ">", ">=", "==", "!=")}}

_CALLS = {
    "exp": lambda w, y, a: (times(w, y),),
    "log": lambda w, y, a: (("/", w, a),),
    "sqrt": lambda w, y, a: (call("where", (">", y, ZERO), ("/", w, times(("number", 2), y)), ZERO),),
    "tanh": lambda w, y, a: (times(w, ("-", ONE, ("*", y, y))),),
    "sin": lambda w, y, a: (times(w, call("cos", a)),),
    "cos": lambda w, y, a: (minus(times(w, call("sin", a))),),
    "erf": lambda w, y, a: (times(w, times(("number", Fraction("1.1283791670955126")),
                                           call("exp", minus(("*", a, a))))),),
    "arccos": lambda w, y, a: (minus(("/", w, call("sqrt", ("*", ("-", ONE, a), ("+", ONE, a))))),),
    "abs": lambda w, y, a: (times(w, call("sign", a)),),
    "max": lambda w, y, a, b: (w, w), "min": lambda w, y, a, b: (w, w),        # see _extremum
    "float": lambda w, y, a: (w,),
    **{name: lambda w, y, *_: (ZERO,) * 2 for name in ("sign", "floor", "both", "either", "opposite")}}


# -- trees ------------------------------------------------------------------------------
def number(value):
    return ("number", value) if value >= 0 else ("negate", ("number", -value))


def call(name, *arguments):
    if name == "where" and arguments[1] == arguments[2]:
        return arguments[1]
    return ("call", name, tuple(arguments))


def plus(a, b):
    if a == ZERO or b == ZERO:
        return b if a == ZERO else a
    return times(("number", 2), a) if a == b else ("+", a, b)


def minus(a):
    if a == ZERO:
        return a
    return a[1] if a[0] == "negate" else ("negate", a)


def times(a, b):
    if ZERO in (a, b):
        return ZERO
    if ONE in (a, b):
        return b if a == ONE else a
    if a[0] == "negate":
        return minus(times(a[1], b))
    return minus(times(a, b[1])) if b[0] == "negate" and b[1][0] != "number" else ("*", a, b)


def _occurs(tree, name: str) -> bool:
    if tree[0] == "name":
        return tree[1] == name
    if tree[0] == "number":
        return False
    return any(_occurs(part, name) for part in (tree[2] if tree[0] == "call" else tree[1:]))


_LEVEL = {**grammar.PRECEDENCE, "negate": 4, "**": 5}


def text(tree) -> str:
    """A tree as text that parses back to it."""
    kind = tree[0]
    if kind == "name":
        return tree[1]
    if kind == "number":
        return _decimal(tree[1])
    if kind == "call":
        return f"{tree[1]}({', '.join(map(text, tree[2]))})"
    level = _LEVEL[kind]
    if kind == "negate":
        return "-" + _inside(tree[1], level)
    if kind == "**":
        return f"{_inside(tree[1], level + 1)} ** {_inside(tree[2], level)}"
    return f"{_inside(tree[1], level)} {kind} {_inside(tree[2], level + 1)}"


def _inside(tree, level: int) -> str:
    own = _LEVEL.get(tree[0], 9) if tree[0] not in ("name", "call", "number") else 9
    if tree[0] == "number" and "/" in _decimal(tree[1]):
        own = _LEVEL["/"]
    return text(tree) if own >= level else f"({text(tree)})"


def _decimal(value) -> str:
    """An exact text of a number: decimals where it has them."""
    value = Fraction(value)
    if value.denominator == 1:
        return str(value.numerator)
    digits, rest = 0, value.denominator
    for prime in (2, 5):
        count = 0
        while rest % prime == 0:
            rest, count = rest // prime, count + 1
        digits = max(digits, count)
    if rest != 1 or digits > 400:
        return f"{value.numerator}/{value.denominator}"
    scaled = str(value.numerator * 10 ** digits // value.denominator).rjust(digits + 1, "0")
    return f"{scaled[:-digits]}.{scaled[-digits:]}"
