"""Diagrams as JSON: a wire graph written down, and read back with every doubt refused.

A file is ``{"format": "ncd-diagram", "version": 1, "title", "diagrams", "diagram"}``. A diagram
is ``{"dom", "nodes", "out", "cod"}``, types as texts, a node ``{"op": the class's name, "in": the
wires it reads, "fields"}``. Diagrams inside operations (blocks, bodies) stand once each in the
table ``diagrams``, before what holds them, and are named by their number. Reading runs nothing
that a file names: operations are looked up among ncd's own and those that the caller gives.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import accumulate, repeat
from typing import Any

from ncd.core.category import Diagram
from ncd.core.check import check
from ncd.core.graph import Graph
from ncd.core.inside import diagrams_in
from ncd.core.op import Operation
from ncd.errors import LoadError, NcdError
from ncd.file import files
from ncd.file.codec import Path, Reader, Writer
from ncd.file.fields import array_text

FORMAT, VERSION = "ncd-diagram", 1
MAX_LENGTH, MAX_DEPTH, MAX_NODES = files.MAX_BYTES, 100, 1_000_000
# A string, closed or not, is one token, so that this scan is linear on any text.
_STEP = {"[": 1, "{": 1, "]": -1, "}": -1}
_BRACKET = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{}]', re.S)


def known_operations(operations: Iterable[type] | Mapping[str, type] = ()) -> dict[str, type]:
    """{name: class} of ncd's operations that are imported, and of those given.

    Raises:
        NcdError: Something given is not an operation class, or has the name of another.
    """
    found: dict[str, type] = {}
    waiting = list(Operation.__subclasses__())
    while waiting:
        cls = waiting.pop()
        waiting.extend(cls.__subclasses__())
        if cls.__module__.startswith("ncd.") and dataclasses.is_dataclass(cls):
            found[cls.__name__] = cls
    given = operations.items() if isinstance(operations, Mapping) else [
        (getattr(cls, "__name__", ""), cls) for cls in operations]
    for name, cls in given:
        if not (isinstance(cls, type) and issubclass(cls, Operation) and dataclasses.is_dataclass(cls)):
            raise NcdError(f"{cls!r} is not an operation class", want="a dataclass that extends Operation")
        if found.setdefault(name, cls) is not cls:
            raise NcdError(f"two operations are called {name}",
                           have=f"{found[name].__module__} and {cls.__module__}", mend="rename one class")
    return found


# -- writing ---------------------------------------------------------------------------
def to_json(diagram: Diagram) -> str:
    """A diagram as JSON text, the same text for the same diagram, in ASCII.

    Raises:
        OutputError: An operation holds something that has no JSON form; the field is named.

    >>> from_json(to_json(Diagram.id("x, y"))) == Diagram.id("x, y")
    True
    """
    diagram = getattr(diagram, "diagram", diagram)
    number: dict[int, int] = {}
    kept: list = []                   # diagrams seen, kept so that no id is used again
    table: dict[str, int] = {}
    writer = Writer(number, known_operations())
    waiting: list[tuple[Diagram, list[Diagram] | None]] = [(diagram, None)]
    text = ""
    while waiting:
        current, inner = waiting.pop()
        if id(current) in number:
            continue
        if inner is None:
            inner = list(diagrams_in(list({id(op): op for op in current.graph.ops}.values())))
            waiting.append((current, inner))
            waiting.extend((item, None) for item in reversed(inner))
            continue
        text = _written(current, writer)
        if waiting:
            number[id(current)] = table.setdefault(text, len(table))
            kept.append(current)
    head = {"format": FORMAT, "version": VERSION}
    title = getattr(diagram, "title", None)
    if isinstance(title, str):
        head["title"] = title
    lines = [f" {json.dumps(name)}: {json.dumps(value)}," for name, value in head.items()]
    inside = ",\n".join(table)
    return "\n".join(["{", *lines, f' "diagrams": [{inside}],', f' "diagram": {text}', "}", ""])


def _written(diagram: Diagram, writer: Writer) -> str:
    """One diagram as JSON text, a node a line."""
    graph = diagram.graph
    nodes, texts = [], {}
    for op, args in zip(graph.ops, graph.args):
        if id(op) not in texts:
            made = writer.operation(op)
            texts[id(op)] = json.dumps(made["op"]), json.dumps(made["fields"])
        name, fields = texts[id(op)]
        nodes.append(f'  {{"op": {name}, "in": {json.dumps(args)}, "fields": {fields}}}')
    listed = "".join(("\n", ",\n".join(nodes), "\n ")) if nodes else ""
    ends = {name: json.dumps(list(map(array_text, types.inside)))
            for name, types in (("dom", diagram.dom), ("cod", diagram.cod))}
    return (f'{{"dom": {ends["dom"]}, "nodes": [{listed}], '
            f'"out": {json.dumps(graph.outputs)}, "cod": {ends["cod"]}}}')


# -- reading ---------------------------------------------------------------------------
def from_json(text: str | bytes, operations: Iterable[type] | Mapping[str, type] = (),
              source: str = "") -> Diagram:
    """The diagram that a JSON text describes; nothing that the text names is imported or run.

    Parameters:
        operations: Your own operation classes that the text may name, besides ncd's.
        source: The file's name, for messages.

    Raises:
        LoadError: Anything at all that is wrong with the text, with its place.

    >>> from_json('{"format": "ncd-diagram", "version": 2}')  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    LoadError: the version 2 cannot be read
    """
    reader = Reader(known_operations(operations), source)
    data = _parsed(text, reader)
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        reader.fail((), "this is not a diagram", want=f'an object with "format": "{FORMAT}"')
    if type(data.get("version")) is not int or data["version"] != VERSION:
        reader.fail(("version",), f"the version {data.get('version')!r:.50} cannot be read",
                    want=str(VERSION), mend="a newer ncd may read it")
    reader.as_object(data, (), ("format", "version", "diagrams", "diagram"), ("title",))
    title = reader.read(("optional", ("str",)), data.get("title"), ("title",))
    nodes = 0
    for place, item in enumerate(reader.as_list(data["diagrams"], ("diagrams",))):
        reader.diagrams.append(_read(item, reader, ("diagrams", place), nodes))
        nodes += len(reader.diagrams[-1])
    made = _read(data["diagram"], reader, ("diagram",), nodes)
    reader.guarded((), "the diagram", check, made, deep=True)    # definitions have their types too
    if title is not None:
        made.title = title
    return made


def _read(data: Any, reader: Reader, path: Path, nodes: int) -> Diagram:
    """One diagram, checked before anything uses it."""
    reader.as_object(data, path, ("dom", "nodes", "out", "cod"))
    types = ("many", ("Array",))
    graph = Graph(reader.read(types, data["dom"], (*path, "dom")))
    items = reader.as_list(data["nodes"], (*path, "nodes"))
    if nodes + len(items) > MAX_NODES:
        reader.fail((*path, "nodes"), f"more than {MAX_NODES} operations in one file")
    for place, item in enumerate(items):
        at = (*path, "nodes", place)
        op = reader.operation(item, at, ("in",))
        graph.add(op, _wires(item["in"], graph, reader, (*at, "in")))
    graph.outputs = _wires(data["out"], graph, reader, (*path, "out"))
    diagram = Diagram.from_graph(graph)
    reader.guarded(path, "the diagram", check, diagram)
    cod = reader.read(types, data["cod"], (*path, "cod"))
    if cod != diagram.cod.inside:
        reader.fail((*path, "cod"), "the codomain is not that of the wires in `out`",
                    have=", ".join(map(str, cod)) or "no arrays", want=str(diagram.cod) or "no arrays")
    reader.guarded(path, "the diagram", hash, diagram)    # inner ones first: nothing recurses later
    return diagram


def _wires(data: Any, graph: Graph, reader: Reader, path: Path) -> tuple[int, ...]:
    wires = reader.read(("many", ("int",)), data, path)
    for place, wire in enumerate(wires):
        if not 0 <= wire < len(graph.types):
            reader.fail((*path, place), f"there is no wire {wire} here",
                        want=f"0 to {len(graph.types) - 1}" if graph.types else "no wires at all")
    return wires


# -- JSON without its loose ends -------------------------------------------------------
def _parsed(text: str | bytes, reader: Reader) -> Any:
    """The JSON data: no duplicate names, no NaN, no infinities, nothing nested deep."""
    if not isinstance(text, (str, bytes)):
        reader.fail((), f"a {type(text).__name__} is no JSON text", want="a str or bytes")
    if len(text) > MAX_LENGTH:
        reader.fail((), f"a file of {len(text)} characters; at most {MAX_LENGTH}")
    try:
        text = text.decode("utf-8-sig") if isinstance(text, bytes) else text
        steps = map(_STEP.get, _BRACKET.findall(text), repeat(0))
        if max(accumulate(steps), default=0) > MAX_DEPTH:
            reader.fail((), f"nested deeper than {MAX_DEPTH}")
        return json.loads(text, object_pairs_hook=_unique, parse_int=_integer, parse_float=_float,
                          parse_constant=_constant)
    except LoadError:
        raise
    except (ValueError, RecursionError) as error:
        reader.fail((), "this is not JSON", why=str(error))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise ValueError(f"the name {twice[:100]!r} stands twice in one object")
    return made


def _integer(text: str) -> int:
    if len(text) > 18:
        raise ValueError(f"the whole number {text[:18]}... is too large")
    return int(text)


def _float(text: str) -> float:
    value = float(text)
    if value in (math.inf, -math.inf):
        raise ValueError(f"the number {text[:50]} is out of range")
    return value


def _constant(text: str):
    raise ValueError(f"{text} is not JSON; an infinity is a text")
