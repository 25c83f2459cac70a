"""One small grammar for sizes and scalar functions: text to a syntax tree, never executed.

A tree is ``("number", value)``, ``("name", text)``, ``("call", name, trees)``,
``("negate", tree)`` or ``(operator, left, right)``. Nothing here evaluates anything.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from fractions import Fraction

from ncd.errors import NotationError, SizeError

LABEL = r"[^\W\d][\w'\u0300-\u036f\u2032]*"
NAME = re.compile(rf"{LABEL}\Z")
TOKEN = re.compile(
    rf"\s*(?:(?P<number>[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)|(?P<name>{LABEL})"
    r"|(?P<operator>\*\*|//|<=|>=|==|!=|[-+*/%(),<>^]))")
MAX_LENGTH, MAX_DEPTH, MAX_NAME = 10_000, 100, 200
BINARY = ({"<": 1, "<=": 1, ">": 1, ">=": 1, "==": 1, "!=": 1},
          {"+": 2, "-": 2}, {"*": 3, "/": 3, "//": 3, "%": 3})
PRECEDENCE = {name: level for table in BINARY for name, level in table.items()}


def symbol_name(text: str) -> str:
    """The name of a size: what a label is that begins with a letter, however it was given.

    Raises:
        SizeError: It is no name.

    >>> symbol_name("d_ff'")
    "d_ff'"
    """
    normal = _normal_name(text) if isinstance(text, str) else None
    if normal is None:
        shown = repr(text[:MAX_NAME] if isinstance(text, str) else text)
        raise SizeError(f"{shown} is not the name of a size",
                        mend=f"letters, digits, _ and primes, a letter first, at most {MAX_NAME}")
    return text if normal == text else normal


@functools.lru_cache(10_000)
def _normal_name(text: str) -> str | None:
    """The name as labels are written, None if it is none."""
    if len(text) > 4 * MAX_NAME:        # normalising a long hostile text can take quadratic time
        return None
    text = normal(text)
    return text if len(text) <= MAX_NAME and is_name(text) else None


def normal(text: str) -> str:
    """A text with its compatible characters as one, as Python's names are, and its digits as 0 to 9.

    >>> normal("x²"), normal("٣")
    ('x2', '3')
    """
    if text.isascii():
        return text
    text = unicodedata.normalize("NFKC", text)
    return "".join(str(unicodedata.decimal(sign)) if sign.isdecimal() else sign for sign in text)


def is_name(text: str) -> bool:
    """Whether a normal text is a name: a letter or _ first, which a sign such as ፩ (a one) is not."""
    return NAME.match(text) is not None and text[0].isidentifier()


def tokens(text: str) -> list[tuple[str, str, int]]:
    """Cut a text into (kind, token, position), or say where it cannot be."""
    if len(text) > MAX_LENGTH:
        raise NotationError(f"an expression of {len(text)} characters; at most {MAX_LENGTH}")
    if not text.isascii():              # one sign for one: positions stay
        text = "".join(str(unicodedata.decimal(sign)) if sign.isdecimal() else sign for sign in text)
    found, position = [], 0
    while text[position:].strip():
        match = TOKEN.match(text, position)
        if match is None:
            position += len(text[position:]) - len(text[position:].lstrip())
            raise NotationError("unexpected character in an expression", text, position)
        found.append((match.lastgroup, match[match.lastgroup], match.start(match.lastgroup)))
        position = match.end()
    return found


class _Parser:
    def __init__(self, text: str):
        self.text, self.tokens, self.index = text, tokens(text), 0

    def peek(self) -> tuple[str, str, int]:
        if self.index < len(self.tokens):
            return self.tokens[self.index]
        return ("end", "", len(self.text))

    def fail(self, what: str):
        raise NotationError(what, self.text, self.peek()[2])

    def expect(self, token: str) -> None:
        if self.peek()[1] != token:
            self.fail(f"expected `{token}`")
        self.index += 1

    def binary(self, level: int, depth: int):
        if depth > MAX_DEPTH:
            self.fail(f"an expression nested deeper than {MAX_DEPTH}")
        left = self.unary(depth + 1)
        while True:
            kind, token, _ = self.peek()
            rank = PRECEDENCE.get(token, 0) if kind == "operator" else 0
            if rank < level or rank == 0:
                return left
            self.index += 1
            left = (token, left, self.binary(rank + 1, depth + 1))

    def unary(self, depth: int):
        if depth > MAX_DEPTH + 1:       # one more, by a sign or by a power
            self.fail(f"an expression nested deeper than {MAX_DEPTH}")
        token = self.peek()[1]
        if token in ("-", "+"):
            self.index += 1
            inner = self.unary(depth + 1)
            return inner if token == "+" else ("negate", inner)
        base = self.atom(depth)
        if self.peek()[1] in ("**", "^"):
            self.index += 1
            return ("**", base, self.unary(depth + 1))
        return base

    def atom(self, depth: int):
        kind, token, _ = self.peek()
        if kind == "number":
            digits, _, exponent = token.lower().partition("e")
            if len(digits) > 1_200 or len(exponent) > 4 or abs(int(exponent or 0)) > 400:
                self.fail("a number out of range")
            self.index += 1
            value = Fraction(token)
            return ("number", int(value) if value.denominator == 1 else value)
        if token == "(":
            self.index += 1
            inner = self.binary(1, depth + 1)
            self.expect(")")
            return inner
        if kind != "name":
            self.fail("expected a number, a name or `(`")
        token = normal(token)
        if not is_name(token):
            self.fail("this is not a name")
        self.index += 1
        if self.peek()[1] != "(":
            return ("name", token)
        self.index += 1
        arguments = []
        while self.peek()[1] != ")":
            arguments.append(self.binary(1, depth + 1))
            if self.peek()[1] != ")":
                self.expect(",")
        self.index += 1
        return ("call", token, tuple(arguments))


def parse(text: str):
    """The syntax tree of an arithmetic expression.

    Raises:
        NotationError: Malformed text, shown with a caret; too long or nested too deep.

    >>> parse("2*x + max(y, 1)")
    ('+', ('*', ('number', 2), ('name', 'x')), ('call', 'max', (('name', 'y'), ('number', 1))))
    """
    parser = _Parser(text)
    tree = parser.binary(1, 0)
    if parser.peek()[0] != "end":
        parser.fail("expected the end of the expression")
    return tree
