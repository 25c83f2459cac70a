"""Arguments of public functions, checked against the annotations of their parameters.

A public function says once, in its signature, what each argument is. :func:`public` reads the
annotations where the function ends in an error that is not ncd's own, and refuses the value of another
kind, with the function's public name, the value and an example from its docstring.
"""

from __future__ import annotations

import functools
import inspect
import numbers
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from ncd.algebra.convert import Size
from ncd.core.op import Operation
from ncd.errors import ArgumentError, NcdError, SizeArgumentError, shown

F = TypeVar("F", bound=Callable)
MAX_FLOAT = sys.float_info.max


class Kind(NamedTuple):
    """One kind of argument: its name in messages and the test of a value."""

    name: str
    holds: Callable[[Any], bool]


def _is_text(value) -> bool:
    return isinstance(value, str)


def _is_truth(value) -> bool:
    return isinstance(value, bool) or (type(value).__name__ in ("bool_", "bool") and hasattr(value, "dtype") \
        and not getattr(value, "shape", None))


def _is_whole(value) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def _is_real(value) -> bool:
    if isinstance(value, numbers.Real) and not _is_truth(value):
        return not _is_whole(value) or abs(value) <= MAX_FLOAT
    return bool(getattr(value, "is_Number", False) and getattr(value, "is_real", False))      # SymPy's


def _is_size(value) -> bool:
    """A size, or what one is read from: a number, a text, an expression of SymPy."""
    if isinstance(value, (Size, str)) or _is_real(value) or _is_whole(value):
        return True
    if isinstance(value, type) or _is_truth(value):
        return False
    return (hasattr(value, "free_symbols") and hasattr(value, "is_Integer")) or (
        hasattr(value, "__index__") and not getattr(value, "shape", ()))


def _is_size_per_axis(value) -> bool:
    """A size for all axes, a pair of them, or a mapping from labels to either."""
    if isinstance(value, Mapping):
        return all(isinstance(key, str) and _is_size_per_axis(item) for key, item in value.items())
    return _is_size(value) or (isinstance(value, (tuple, list)) and all(map(_is_size, value)))


def _is_diagram(value) -> bool:
    from ncd.core.category import Diagram
    return isinstance(value, (Diagram, Operation))


def _as_diagram(value):
    return value.diagram if isinstance(value, Operation) else value


def _is_named_by_text(value) -> bool:
    return isinstance(value, Mapping) and all(isinstance(key, str) for key in value)


def _is_sequence(value) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


def _is_iterable(value) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, (str, bytes))


KINDS: dict[str, Kind] = {kind_name: Kind(*row) for kind_name, row in {
    "Any": ("anything", lambda value: True),
    "object": ("anything", lambda value: True),
    "None": ("None", lambda value: value is None),
    "str": ("a text", _is_text),
    "bytes": ("bytes", lambda value: isinstance(value, bytes)),
    "bool": ("True or False", _is_truth),
    "int": ("a whole number", _is_whole),
    "float": ("a number", _is_real),
    "SizeLike": ("a size (a number, a name or an expression)", _is_size),
    "PerAxis": ("a size, or a dictionary from labels to sizes", _is_size_per_axis),
    "Diagram": ("a diagram", _is_diagram),
    "Callable": ("a function", callable),
    "Mapping": ("a dictionary", lambda value: isinstance(value, Mapping)),
    "Mapping[str, …]": ("a dictionary by name", _is_named_by_text),
    "Sequence": ("a sequence", _is_sequence),
    "Iterable": ("a sequence", _is_iterable),
    "tuple": ("a tuple", lambda value: isinstance(value, (tuple, list))),
    "type": ("a class", lambda value: isinstance(value, type)),
    "os.PathLike": ("a path", lambda value: isinstance(value, os.PathLike)),
}.items()}
ELEMENTS = re.compile(r"(Sequence|Iterable|tuple)\[(\w+)(?:, \.\.\.)?\]\Z")


def _alternatives(annotation: str) -> list[str]:
    """Cut ``"Mapping[int, str | None] | str"`` at the bars outside brackets."""
    pieces, depth, start = [], 0, 0
    for index, character in enumerate(annotation):
        depth += (character == "[") - (character == "]")
        if character == "|" and depth == 0:
            pieces.append(annotation[start:index].strip())
            start = index + 1
    return [*pieces, annotation[start:].strip()]


def _article(name: str) -> str:
    return f"{'an' if name[0] in 'AEIOU' else 'a'} {name}"


def _kind(annotation: str, names: Mapping[str, Any]) -> Kind:
    """The kind of one alternative of an annotation; a class that the function's file imports is a kind."""
    if annotation in KINDS:
        return KINDS[annotation]
    elements = ELEMENTS.match(annotation)
    if elements and elements[2] in KINDS:
        whole, each = KINDS[elements[1]], KINDS[elements[2]]
        return Kind(f"{whole.name} of {'texts' if each.name == 'a text' else 'whole numbers'}",
                    lambda value: whole.holds(value) and all(map(each.holds, value)))
    base = annotation.partition("[")[0]
    if annotation.startswith("Mapping[str"):
        return KINDS["Mapping[str, …]"]
    if base in KINDS:
        return KINDS[base]
    value: Any = names.get(base.partition(".")[0])
    for part in base.split(".")[1:]:
        value = getattr(value, part, None)
    value = getattr(value, "__origin__", value)                 # a name for Mapping[str, ...]
    if isinstance(value, str):                                  # a name for several kinds
        kinds = [_kind(piece, names) for piece in _alternatives(value)]
        return Kind(" or ".join(kind.name for kind in kinds),
                    lambda given: any(kind.holds(given) for kind in kinds))
    if not isinstance(value, type):
        raise NcdError(f"the annotation {annotation!r} names no kind of argument",
                       want=", ".join(KINDS), fix="import the class where the function stands, or add a row")
    return Kind(_article(value.__name__), lambda given: isinstance(given, value))


class Check(NamedTuple):
    """The test of one parameter: its kinds and its default, which is always right."""

    name: str
    kinds: tuple[Kind, ...]
    default: Any

    def accept(self, value, function: Callable, name: str | None = None) -> None:
        """Refuse a value that is neither the default nor of one of the kinds.

        Raises:
            ArgumentError: A value of none of the kinds.
        """
        if value is not self.default and not any(kind.holds(value) for kind in self.kinds):
            wanted = " or ".join(kind.name for kind in self.kinds)
            raise refusal(public_name(function), name or self.name, value, wanted,
                          _example(function)) from None


def refusal(function: str, parameter: str, value: Any, want: str,
            example: str | None = None) -> ArgumentError:
    """The error for an argument of a wrong kind, in one form for all public functions."""
    of_sizes = any(KINDS[kind].name in want for kind in ("SizeLike", "PerAxis"))
    error = SizeArgumentError if of_sizes else ArgumentError
    return error(f"{function}: `{parameter}` is {want}, not {shown(value)}",
                 given=f"{shown(value)}, of the type {type(value).__name__}", example=example)


def public_name(function: Callable) -> str:
    """The name under which a user finds a function: ``ncd.concat``, ``ncd.nn.linear``.

    >>> from ncd.construct import concat, pad
    >>> public_name(concat), public_name(pad)
    ('ncd.concat', 'ncd.construct.pad')
    """
    name, module = function.__name__, function.__module__
    names = getattr(sys.modules.get(module.partition(".")[0]), "__all__", ())     # the face, if it is there
    if "." in function.__qualname__:
        return function.__qualname__
    if module.startswith("ncd.nn"):
        return f"ncd.nn.{name}"
    if name in names:
        return f"ncd.{name}"
    if module.startswith("ncd.construct"):
        return f"ncd.construct.{name}"
    return f"Diagram.{name}" if module == "ncd.face" else name


def _example(function: Callable) -> str | None:
    """The first line of the docstring's examples that calls the function."""
    for line in (inspect.getdoc(function) or "").splitlines():
        code = line.partition(">>> ")[2]
        if f"{function.__name__}(" in code:
            return code
    return None


class Checks(NamedTuple):
    """The checks of parameters by position and by name, and those of ``*args`` and ``**kwargs``."""

    by_position: tuple[Check | None, ...]
    by_name: dict[str, Check | None]
    rest: Check | None
    named: Check | None


@functools.lru_cache(maxsize=1024)
def checks_of(function: Callable) -> Checks:
    """The checks that a function's annotations ask for.

    Raises:
        NcdError: An annotation that names no kind of argument.
    """
    names = inspect.unwrap(function).__globals__
    by_position, by_name, rest, named = [], {}, None, None
    for parameter in inspect.signature(function).parameters.values():
        annotation = parameter.annotation
        check = None
        if isinstance(annotation, str):
            kinds = tuple(_kind(piece, names) for piece in _alternatives(annotation))
            check = Check(parameter.name, kinds, parameter.default)
        if parameter.kind is parameter.VAR_POSITIONAL:
            rest = check
        elif parameter.kind is parameter.VAR_KEYWORD:
            named = check
        else:
            by_name[parameter.name] = check
            if parameter.kind is not parameter.KEYWORD_ONLY:
                by_position.append(check)
    return Checks(tuple(by_position), by_name, rest, named)


def public(function: F) -> F:
    """The function, with an error of ncd's own where an argument is of another kind than annotated.

    The function's own checks come first: they know more than a kind. Where it ends in an error that is
    not one of ncd's, its arguments are held against their annotations. An operation stands for its diagram.

    Raises:
        ArgumentError: An argument of another kind than annotated.

    >>> from ncd.construct import concat
    >>> try:
    ...     concat(3)
    ... except ArgumentError as error:
    ...     print(error.what)
    ncd.concat: `label` is a text, not 3
    """
    @functools.wraps(function)
    def checked(*args, **kwargs):
        if any(isinstance(value, Operation) for value in args):
            diagrams = _diagrams(function, args)
            args = [_as_diagram(value) if takes else value for value, takes in zip(args, diagrams)]
        try:
            return function(*args, **kwargs)
        except NcdError:
            raise
        except Exception:
            _check(function, args, kwargs)
            raise
    return checked


def _diagrams(function: Callable, args: Sequence) -> Iterator[bool]:
    """Whether each argument by position is to be a diagram."""
    by_position, _, rest, _ = checks_of(function)
    for position in range(len(args)):
        check = by_position[position] if position < len(by_position) else rest
        yield check is not None and KINDS["Diagram"] in check.kinds


def _check(function: Callable, args: Sequence, kwargs: Mapping[str, Any]) -> None:
    """Refuse the first argument that is of none of its kinds.

    Raises:
        ArgumentError: An argument of another kind than annotated.
    """
    by_position, by_name, rest, named = checks_of(function)
    for position, value in enumerate(args):
        check = by_position[position] if position < len(by_position) else rest
        if check is not None:
            check.accept(value, function)
    for name, value in kwargs.items():
        check = by_name.get(name) if name in by_name else named
        if check is not None:
            check.accept(value, function, name)
