"""The forms of fields: what an annotation says about a value, and texts that read back exactly.

An annotation is a type in a small language: the types of the core, numbers and texts,
``tuple[X, ...]``, ``X | None`` and records (dataclasses and named tuples). Anything else is
the form ``any``. Annotations belong to classes: no file can name one.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import sys
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Any

from ncd.algebra.convert import Size, parse_size
from ncd.core.array import Array
from ncd.core.axis import Axis, Label
from ncd.core.category import Diagram
from ncd.core.op import Operation
from ncd.errors import NcdError, OutputError

SIMPLE = {"Label": Label, "Size": Size, "Array": Array, "Axis": Axis, "Diagram": Diagram,
          "Operation": Operation, "str": str, "bool": bool, "int": int, "float": float}
ANY = ("any",)



# -- what an annotation means ----------------------------------------------------------
@cache
def fields_of(cls: type) -> dict[str, tuple[tuple, bool]]:
    """{field: (its form, whether it may be left out)} of a dataclass or a named tuple."""
    found = {}
    if hasattr(cls, "_fields"):
        for name in cls._fields:
            found[name] = _form(cls.__annotations__.get(name), cls), name in cls._field_defaults
        return found
    for field in dataclasses.fields(cls):
        if field.init:
            owner = next((c for c in cls.__mro__ if field.name in inspect.get_annotations(c)), cls)
            form = _form(field.type, owner)
            required = field.default is field.default_factory is dataclasses.MISSING
            # Many a field is written `groups: Size = None`.
            if field.default is None and form[0] not in ("optional", "any"):
                form = ("optional", form)
            found[field.name] = form, not required
    return found


def _form(annotation: Any, owner: type) -> tuple:
    """The form of an annotation; its names are looked up where its class was written."""
    if isinstance(annotation, type) and not hasattr(annotation, "__origin__"):
        return _class_form(annotation)
    text = getattr(annotation, "__forward_arg__", annotation)
    names = vars(sys.modules[owner.__module__]) if owner.__module__ in sys.modules else {}
    try:
        return _tree_form(ast.parse(text if isinstance(text, str) else repr(text), mode="eval").body, names)
    except SyntaxError:
        return ANY


def _tree_form(tree: ast.AST, names: Mapping[str, Any]) -> tuple:
    if isinstance(tree, ast.Attribute):
        return _class_form(SIMPLE.get(tree.attr))
    if isinstance(tree, ast.Name):
        if tree.id in SIMPLE:
            return _class_form(SIMPLE[tree.id])
        meant = names.get(tree.id)
        return _class_form(meant) if isinstance(meant, type) else _tree_form(
            ast.parse(repr(meant), mode="eval").body, names) if hasattr(meant, "__origin__") else ANY
    if isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.BitOr):
        sides = [side for side in (tree.left, tree.right) if not _is_none(side)]
        return ("optional", _tree_form(sides[0], names)) if len(sides) == 1 else ANY
    if isinstance(tree, ast.Subscript) and isinstance(tree.value, ast.Name) and tree.value.id == "tuple":
        items = tree.slice.elts if isinstance(tree.slice, ast.Tuple) else [tree.slice]
        if len(items) == 2 and isinstance(items[1], ast.Constant) and items[1].value is Ellipsis:
            return ("many", _tree_form(items[0], names))
        return ("each", *(_tree_form(item, names) for item in items))
    return ANY


def _is_none(tree: ast.AST) -> bool:
    return isinstance(tree, ast.Constant) and tree.value is None


def _class_form(cls: Any) -> tuple:
    if not isinstance(cls, type):
        return ANY
    if cls in SIMPLE.values():
        return (cls.__name__,)
    if issubclass(cls, Operation):
        return ("Operation",)
    is_record = dataclasses.is_dataclass(cls) or (issubclass(cls, tuple) and hasattr(cls, "_fields"))
    return ("record", cls) if is_record else ANY


# -- texts that read back as what they were --------------------------------------------
@lru_cache(10_000)
def size_text(size: Size) -> str:
    """A size as text that reads back as the same size.

    Raises:
        OutputError: It does not: a symbol that is no name, or a text that is too long.
    """
    text = str(size)
    try:
        if parse_size(text) == size:
            return text
    except NcdError:
        pass
    raise OutputError(f"the size {text[:200]} cannot be written", why="its text does not read back as it",
                      mend="name its symbols with letters, digits and _")


def axis_text(axis: Axis) -> str:
    """An axis as text that reads back as it: ``x``, or ``x=2*k``."""
    size_text(axis.size)
    return str(axis)


@lru_cache(10_000)
def array_text(array: Array) -> str:
    """An array as text that reads back as it: ``"y k=64"``, ``"e : index(n)"``, ``"()"``."""
    for size in (*(axis.size for axis in array.axes), *([] if array.bound is None else [array.bound])):
        size_text(size)
    if array.bound is not None and array.dtype != "int":
        raise OutputError(f"the array {array!r} cannot be written", why="only integers have an index bound")
    return str(array)
