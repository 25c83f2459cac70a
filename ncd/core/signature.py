"""Types as text: a space between axes, a comma between arrays, `` : dtype`` at an array's end.

``"y k, x=128 k"`` is two arrays; ``3`` is an axis of size 3 with the label 3, ``()`` an
array without axes, the empty text no arrays; ``"e : index(n)"`` holds integers below n.
"""

from __future__ import annotations

from collections.abc import Iterable

from ncd.algebra.convert import Size, parse_size
from ncd.core.array import DTYPES, Array
from ncd.core.axis import Axis, Label, fresh
from ncd.core.discopy import Ob, factory, monoidal
from ncd.errors import AxisError, NcdError, NotationError, pointed

MAX_TEXT = 100_000


def split_top(text: str, separator: str, offset: int = 0, whole: str | None = None) -> list[tuple[str, int]]:
    """Cut at a separator outside parentheses; each piece with its position."""
    pieces, depth, start = [], 0, 0
    whole, shift = (text, 0) if whole is None else (whole, offset)
    for index, character in enumerate(text):
        if character == "(":
            depth += 1
        elif character == ")":
            depth -= 1
            if depth < 0:
                raise NotationError("a parenthesis closes that was not opened", whole, shift + index)
        elif character == separator and depth == 0:
            pieces.append((text[start:index], offset + start))
            start = index + 1
    if depth:
        raise NotationError("a parenthesis is not closed", whole, shift + text.rindex("("))
    pieces.append((text[start:], offset + start))
    return pieces


def words(text: str, offset: int = 0) -> list[tuple[str, int]]:
    """Cut at white space outside parentheses; each word with its position."""
    return [(word, offset + position) for word, position in _words(text)]


def _words(text: str):
    depth, start = 0, None
    for index, character in enumerate(text + " "):
        depth += (character == "(") - (character == ")")
        if character.isspace() and depth <= 0:
            if start is not None:
                yield text[start:index], start
            start = None
        elif start is None:
            start = index


def parse_axis(word: str, whole: str, position: int) -> Axis:
    """One axis: ``x``, ``x=128``, ``x=2*k+1`` or a bare size ``3``."""
    label, equals, size = word.partition("=")
    if not label:
        raise NotationError("a size without a label", whole, position)
    try:
        name = Label(label)
    except AxisError as error:
        raise NotationError(error.what, whole, position, **error.details) from None
    try:
        return Axis(name, parse_size(size) if equals else None)
    except NotationError as error:
        raise NotationError(error.what, whole, position + len(label) + 1 + (error.position or 0)) from None
    except NcdError as error:
        raise _shown(error, whole, position) from None


def _shown(error: NcdError, whole: str, position: int) -> NcdError:
    """The same error, with a caret under the text that it is about."""
    return type(error)(error.what, pattern=pointed(whole, position), **error.details)


def parse_array(text: str, whole: str, offset: int) -> Array:
    body, colon, kind = text.partition(":")
    dtype, bound = "float", None
    if colon:
        place = offset + len(body) + 1 + len(kind) - len(kind.lstrip())
        kind = kind.strip()
        if kind.startswith("index(") and kind.endswith(")"):
            dtype, bound = "int", _bound(kind[len("index("):-1], whole, place + len("index("))
        elif kind in DTYPES:
            dtype = kind
        else:
            raise NotationError(f"{kind!r} is not a dtype: {', '.join(DTYPES)} or index(n)", whole, place)
    axes: list[Axis] = []
    taken: set[str] = set()
    twice = None
    for word, position in words(body, offset):
        if word == "()":
            continue
        axis = parse_axis(word, whole, position)
        if str(axis.label)[0].isdigit():  # 3 3 is two anonymous axes: 3 and 3'
            axis = Axis(fresh(axis.label, taken), axis.size)
        elif axis.label in taken:
            twice = position if twice is None else twice
        axes.append(axis)
        taken.add(axis.label)
    try:
        return Array(axes, dtype, bound)
    except NcdError as error:
        raise _shown(error, whole, offset if twice is None else twice) from None


def _bound(text: str, whole: str, position: int) -> Size:
    """The size in ``index(n)``."""
    try:
        return parse_size(text)
    except NotationError as error:
        raise NotationError(error.what, whole, position + (error.position or 0)) from None
    except NcdError as error:
        raise _shown(error, whole, position) from None


def parse_type(text: str, whole: str | None = None, offset: int = 0) -> tuple[Array, ...]:
    """The arrays of a type written as text.

    Raises:
        NotationError: A malformed text, shown with a caret.
        AxisError: A label twice in one array.

    >>> [str(array) for array in parse_type("y k, x=2*k 3, e : index(n), ()")]
    ['y k', 'x=2*k 3', 'e : index(n)', '()']
    """
    whole = text if whole is None else whole
    if len(text) > MAX_TEXT:
        raise NotationError(f"a type of {len(text)} characters; at most {MAX_TEXT}")
    if not text.strip():
        return ()
    arrays = []
    for piece, position in split_top(text, ",", offset, whole):
        if not piece.strip():
            raise NotationError("an array without axes is written ()", whole, position)
        arrays.append(parse_array(piece, whole, position))
    return tuple(arrays)


def parse_signature(text: str) -> tuple[tuple[Array, ...], tuple[Array, ...] | None]:
    """``"a b, c -> d"`` as a domain and a codomain; without an arrow the codomain is None."""
    left, arrow, right = text.partition("->")
    if "->" in right:
        raise NotationError("a type has one arrow", text, len(left) + 2 + right.index("->"))
    dom = parse_type(left, text, 0)
    return dom, parse_type(right, text, len(left) + 2) if arrow else None


@factory
class Ty(monoidal.Ty):
    """A type: a tuple of arrays. A text is read as a type: ``Ty("y k, x k")``.

    >>> Ty("y k, x k") == Ty("y k") @ Ty("x k")
    True
    """

    def __init__(self, *inside):
        arrays: list = []
        for item in inside:
            arrays.extend(parse_type(item) if isinstance(item, str) else (item,))
        for item in arrays:
            if not isinstance(item, Ob):
                raise NcdError(f"{item!r} is not an array", mend='write Ty("y k, x k")')
        self.inside = tuple(arrays)

    @classmethod
    def of(cls, arrays: Iterable) -> Ty:
        """A type from arrays that are known to be arrays."""
        self = object.__new__(Ty)
        self.inside = tuple(arrays)
        return self

    @property
    def name(self) -> str:
        return str(self)

    def tensor(self, *others: Ty) -> Ty:
        if not all(isinstance(other, Ty) for other in others):
            return NotImplemented
        return Ty.of(sum((other.inside for other in others), self.inside))

    def __eq__(self, other):
        return self is other or (isinstance(other, Ty) and self.inside == other.inside)

    def __hash__(self):
        return hash(self.inside)

    def __str__(self):
        return ", ".join(map(str, self.inside))

    def __repr__(self):
        return f"Ty({str(self)!r})"

    def to_drawing(self):
        return monoidal.Ty(*map(str, self.inside))


Ty.ob_factory = Ob
