"""The fields of operations as JSON data, out and in.

A label, size, axis or array is its text, a diagram its number in a table, an operation
``{"op": its class, "fields": {...}}``, a record its fields or, where it is a known row, its
name. A field whose annotation says nothing holds values that describe themselves.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ncd.algebra.convert import parse_size
from ncd.core.array import Array
from ncd.core.axis import Label
from ncd.core.category import Diagram
from ncd.core.op import Operation
from ncd.core.signature import parse_axis, parse_type
from ncd.errors import LoadError, NcdError, OutputError
from ncd.file.fields import SIMPLE, array_text, axis_text, fields_of, size_text

ROWS: dict[type, Mapping[str, Any]] = {}
"""{class of records: {name: record}}: known rows, written by name. The layer above fills it."""

MAX_NESTED, MAX_STRING = 30, 100_000
SPECIAL = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}
_TEXT: dict[str, Callable] = {"Label": str, "Size": size_text, "Axis": axis_text, "Array": array_text}


# -- writing ---------------------------------------------------------------------------
class Writer:
    """Values as JSON data; a diagram is its number in a table."""

    def __init__(self, number: Mapping[int, int], names: dict[str, type]):
        self.number, self.names, self.nested = number, names, 0

    def operation(self, op: Operation) -> dict:
        cls = type(op)
        if not dataclasses.is_dataclass(cls):
            _refuse(op)
        if self.names.setdefault(cls.__name__, cls) is not cls:
            raise OutputError(f"two operations are called {cls.__name__}", mend="rename one class",
                              have=f"{self.names[cls.__name__].__module__} and {cls.__module__}")
        return {"op": cls.__name__, "fields": self.record(op)}

    def record(self, value: Any) -> dict:
        self.nested += 1
        if self.nested > MAX_NESTED:
            raise OutputError(f"operations nested deeper than {MAX_NESTED}")
        made = {}
        for name, (form, _) in fields_of(type(value)).items():
            try:
                made[name] = self.write(form, getattr(value, name))
            except OutputError as error:
                details = {"field": f"{name} of {type(value).__name__}"} | error.details
                raise OutputError(error.what, **details) from None
        self.nested -= 1
        return made

    def write(self, form: tuple, value: Any, depth: int = 0):
        kind = form[0]
        if kind == "any":
            return self.tagged(value, depth)
        if kind == "optional":
            return None if value is None else self.write(form[1], value)
        if kind in ("many", "each"):
            if type(value) is not tuple or (kind == "each" and len(value) != len(form) - 1):
                _refuse(value)
            forms = form[1:] if kind == "each" else form[1:] * len(value)
            return [self.write(inner, item) for inner, item in zip(forms, value)]
        if kind == "record":
            if type(value) is not form[1]:
                _refuse(value)
            named = type(value) in ROWS and ROWS[type(value)].get(value.name) == value
            return value.name if named else self.record(value)
        if kind == "float" and type(value) is not bool and isinstance(value, (int, float)):
            return int(value) if isinstance(value, int) else \
                float(value) if math.isfinite(value) else str(float(value))
        if kind in ("str", "bool", "int", "float"):
            return value if type(value).__name__ == kind else _refuse(value)
        if not isinstance(value, SIMPLE[kind]):
            _refuse(value)
        if kind == "Operation":
            return self.operation(value)
        return self.number[id(value)] if kind == "Diagram" else _TEXT[kind](value)

    def tagged(self, value: Any, depth: int):
        """A value that says by itself what it is: a plain one, a list, or ``{its kind: ...}``."""
        if value is None or type(value) in (bool, int, str):
            return value
        if isinstance(value, float) and math.isfinite(value):
            return float(value)
        if type(value) is tuple and depth < MAX_NESTED:
            return [self.tagged(item, depth + 1) for item in value]
        for name, cls in SIMPLE.items():
            if isinstance(value, cls) and name not in ("str", "bool", "int"):
                return {name: self.write((name,), value)}
        return {type(value).__name__: self.write(("record", type(value)), value)} \
            if type(value) in ROWS else _refuse(value)


def _refuse(value: Any):
    raise OutputError(f"{value!r:.200} cannot be written as JSON",
                      mend="fields hold labels, sizes, axes, arrays, numbers, texts, tuples, diagrams, "
                           "operations and records of these, as their annotations say")


# -- reading ---------------------------------------------------------------------------
Path = tuple


class Reader:
    """JSON data as values, each doubt a LoadError that says where in the file it arose."""

    def __init__(self, operations: Mapping[str, type], source: str = ""):
        self.operations, self.source = operations, source
        self.diagrams: list[Diagram] = []
        self.texts: dict[tuple[str, str], Any] = {}
        self.made: dict[tuple[str, str], Operation] = {}

    def fail(self, path: Path, what: str, /, **details):
        place = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)
        raise LoadError(what, where=" ".join(part for part in (self.source, place.lstrip(".")) if part)
                        or None, **details)

    def as_object(self, data: Any, path: Path, required: Sequence[str], optional: Sequence[str] = ()) -> dict:
        """A JSON object with exactly these names."""
        if not isinstance(data, dict):
            self.fail(path, f"{_kind(data)} stands where an object is wanted")
        allowed = (*required, *optional)
        unknown = [name for name in data if name not in allowed]
        missing = [name for name in required if name not in data]
        if unknown or missing:
            why = [f"`{name[:100]}` is not a name here{_near(name, allowed)}" for name in unknown[:10]]
            why += [f"`{name}` is missing" for name in missing]
            self.fail(path, "an object has other names than it should", why=why, want=", ".join(allowed))
        return data

    def as_list(self, data: Any, path: Path) -> list:
        return data if isinstance(data, list) else self.fail(
            path, f"{_kind(data)} stands where a list is wanted")

    def guarded(self, path: Path, what: str, make: Callable, /, *args, **fields):
        """Make something of ncd's or of the caller's classes; what they refuse is the file's fault."""
        try:
            return make(*args, **fields)
        except LoadError:
            raise
        except NcdError as error:
            self.fail(path, error.what, **{"in": what} | error.details)
        except Exception as error:  # the constructor of any class, on fields that the file made up
            self.fail(path, f"{what} cannot have these fields", why=f"{type(error).__name__}: {error}")

    def operation(self, data: Any, path: Path, more: Sequence[str] = ()) -> Operation:
        self.as_object(data, path, ("op", *more, "fields"))
        name = self.read(("str",), data["op"], (*path, "op"))
        cls = self.operations.get(name)
        if cls is None:
            self.fail((*path, "op"), f"there is no operation `{name[:100]}`{_near(name, self.operations)}",
                      mend="for an operation of your own, give its class: "
                           "from_json(text, operations=[MyOperation])")
        key = name, json.dumps(data["fields"])
        if key not in self.made:                  # equal operations are one: their types are made once
            op = self.record(cls, data["fields"], (*path, "fields"))
            self.guarded(path, f"`{name}`", _settled, op)
            self.made[key] = op
        return self.made[key]

    def record(self, cls: type, data: Any, path: Path):
        forms = fields_of(cls)
        required = [name for name, (_, optional) in forms.items() if not optional]
        self.as_object(data, path, required, [name for name in forms if name not in required])
        fields = {name: self.read(forms[name][0], item, (*path, name)) for name, item in data.items()}
        return self.guarded(path, f"`{cls.__name__}`", cls, **fields)

    def read(self, form: tuple, data: Any, path: Path):
        kind = form[0]
        if kind == "any":
            return self.tagged(data, path)
        if kind == "optional":
            return None if data is None else self.read(form[1], data, path)
        if kind in ("many", "each"):
            items = self.as_list(data, path)
            if kind == "each" and len(items) != len(form) - 1:
                self.fail(path, f"a list of {len(items)} where {len(form) - 1} are wanted")
            forms = form[1:] if kind == "each" else form[1:] * len(items)
            return tuple([self.read(inner, item, (*path, place))
                          for place, (inner, item) in enumerate(zip(forms, items))])
        if kind == "record":
            if not isinstance(data, str) or form[1] not in ROWS:
                return self.record(form[1], data, path)
            rows = ROWS[form[1]]
            return rows[data] if data in rows else self.fail(
                path, f"there is no {form[1].__name__} `{data[:100]}`{_near(data, rows)}")
        if kind == "Operation":
            return self.operation(data, path)
        if kind in ("bool", "int", "float"):
            return self.number(kind, data, path)
        if kind == "Diagram":
            if type(data) is not int or not 0 <= data < len(self.diagrams):
                self.fail(path, f"{_kind(data)} stands where the number of an earlier diagram is wanted",
                          want=f"below {len(self.diagrams)}")
            return self.diagrams[data]
        if not isinstance(data, str) or len(data) > MAX_STRING:
            self.fail(path, f"{_kind(data)} stands where a text is wanted",
                      want=f"{'a text' if kind == 'str' else f'the text of a {kind.lower()}'}, "
                           f"at most {MAX_STRING} characters")
        if kind == "str":
            return data
        if (kind, data) not in self.texts:
            self.texts[kind, data] = self.guarded(path, f"this {kind.lower()}", _PARSE[kind], data)
        return self.texts[kind, data]

    def number(self, kind: str, data: Any, path: Path):
        if kind == "float" and isinstance(data, str) and data in SPECIAL:
            return SPECIAL[data]
        if type(data).__name__ == kind or (kind == "float" and type(data) is int):
            return data
        want = {"bool": "true or false", "int": "a whole number",
                "float": 'a number, "inf", "-inf" or "nan"'}[kind]
        return self.fail(path, f"{_kind(data)} stands where {want} is wanted")

    def tagged(self, data: Any, path: Path):
        """A value that says by itself what it is, as :meth:`Writer.tagged` wrote it."""
        if isinstance(data, list):
            return tuple([self.tagged(item, (*path, place)) for place, item in enumerate(data)])
        if not isinstance(data, dict):
            return self.read(("str",), data, path) if isinstance(data, str) else data
        kinds = {cls.__name__: (name,) for name, cls in SIMPLE.items()}
        kinds |= {cls.__name__: ("record", cls) for cls in ROWS}
        if len(data) != 1 or next(iter(data)) not in kinds:
            self.fail(path, "a value names one kind", have=", ".join(name[:100] for name in list(data)[:5]),
                      want=f"one of {', '.join(kinds)}")
        (name, item), = data.items()
        return self.read(kinds[name], item, (*path, name))


def _settled(op: Operation) -> None:
    """Compute what is read of every operation, so that bad fields show now, and inner ones first."""
    arrays = (*op.dom, *op.cod)
    if not all(isinstance(array, Array) for array in arrays):
        raise NcdError(f"`{op.name}` has no type")
    hash(op), op.place, op.deterministic, op.elementwise


def _one_array(text: str) -> Array:
    arrays = parse_type(text)
    if len(arrays) != 1:
        raise NcdError(f"{len(arrays)} arrays stand where one is wanted", have=text[:200])
    return arrays[0]


_PARSE: dict[str, Callable] = {"Label": Label, "Size": parse_size, "Array": _one_array,
                               "Axis": lambda text: parse_axis(text, text, 0)}


def _kind(data: Any) -> str:
    """How a message names a JSON value."""
    if data is None or isinstance(data, bool):
        return str(data).lower().replace("none", "null")
    if isinstance(data, (int, float)):
        return f"the number {data}"
    if isinstance(data, str):
        return f"the text {data[:50]!r}" + ("..." if len(data) > 50 else "")
    return "a list" if isinstance(data, list) else "an object"


def _near(name: str, names) -> str:
    close = difflib.get_close_matches(name[:100], list(names), 3)
    return f"; did you mean {' or '.join(close)}?" if close else ""
