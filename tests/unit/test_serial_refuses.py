"""Files that are wrong, hostile, cut off or changed at random: each is refused, with its place."""

from __future__ import annotations

import json
import random
import time
from dataclasses import dataclass

import pytest

import ncd
from ncd.construct import generators as make
from ncd.construct.notation import einsum
from ncd.core.array import Array
from ncd.core.axis import Axis
from ncd.core.category import Diagram
from ncd.core.check import check
from ncd.core.op import Operation
from ncd.errors import LoadError
from ncd.file import serial
from ncd.file.serial import from_json, to_json
from ncd.ops.control import Block
from ncd.ops.scalar import ScalarFunction


@ncd.diagram("y k, x k, x v -> y v")
def attention(q, k, v):
    scores = einsum("y k, x k -> y x")(q, k) * ncd.size("k") ** -0.5
    return einsum("y x, x v -> y v")(ncd.softmax("x")(scores), v)


@ncd.diagram("(), () -> (), ()")
def running(state, x):
    return state + x, state * x


def model(**changes) -> dict:
    """A small valid file: einsum, then relu."""
    diagram = einsum("a b, b -> a") >> make.elementwise("relu").on("a")
    data = json.loads(to_json(diagram))
    data["diagram"].update(changes)
    return data


def refused(data, operations=()) -> str:
    text = data if isinstance(data, (str, bytes)) else json.dumps(data)
    with pytest.raises(LoadError) as caught:
        from_json(text, operations, source="m.json")
    return str(caught.value)


@pytest.mark.parametrize("text, words", [
    ("", "not JSON"), ("{", "not JSON"), ("[]", "not a diagram"), ("null", "not a diagram"),
    ('{"format": "other"}', "not a diagram"), ('{"format": "ncd-diagram"}', "version None"),
    ('{"format": "ncd-diagram", "version": 2}', "version 2 cannot be read"),
    ('{"format": "ncd-diagram", "version": true}', "version True"),
    ('{"format": "ncd-diagram", "version": 1.0}', "version 1.0"),
    ('{"format": "ncd-diagram", "version": 1, "version": 1}', "'version' stands twice"),
    ('{"format": "ncd-diagram", "version": 1}', "`diagrams` is missing"),
    ('{"a": NaN}', "NaN is not JSON"), ('{"a": -Infinity}', "-Infinity is not JSON"),
    ('{"a": 1e999}', "out of range"), ('{"a": ' + "9" * 5000 + "}", "too large"),
    ("[" * 200_000, "nested deeper"), ('{"a":' * 5000, "nested deeper"), ('"' + '\\"' * 200_000, "not JSON"),
    (b"\xff\xfe", "not JSON"), (b"\xef\xbb\xbf[]", "not a diagram"), ("\ud800", "not JSON")],
    ids=lambda value: str(value)[:40])
def test_texts_that_are_no_diagram(text, words):
    start = time.process_time()
    assert words in refused(text) and time.process_time() - start < 2


def test_a_file_that_is_too_long(monkeypatch):
    monkeypatch.setattr(serial, "MAX_LENGTH", 100)
    assert "at most 100" in refused(to_json(attention))


def test_too_many_operations(monkeypatch):
    monkeypatch.setattr(serial, "MAX_NODES", 5)
    text = to_json(attention)
    assert len(from_json(text)) == 4
    sine = make.elementwise("sin").on("y v")
    long = Block("b", attention).diagram >> sine >> sine
    assert "more than 5 operations" in refused(to_json(long))


@pytest.mark.parametrize("changes, place, words", [
    ({"dom": "a b"}, "diagram.dom", "the text 'a b' stands where a list is wanted"),
    ({"dom": ["a b", 3]}, "diagram.dom[1]", "the number 3 stands where a text is wanted"),
    ({"dom": ["a b", "b b"]}, "diagram.dom[1]", "stands twice"),
    ({"dom": ["a=0 b", "b"]}, "diagram.dom[0]", "a positive integer"),
    ({"dom": ["a=1.5 b", "b"]}, "diagram.dom[0]", "a positive integer"),
    ({"dom": ["a=nan*0 b", "b"]}, "diagram.dom[0]", "has the size 0"),
    ({"dom": ["a, b", "b"]}, "diagram.dom[0]", "2 arrays stand where one is wanted"),
    ({"dom": ["a : float64", "b"]}, "diagram.dom[0]", "is not a dtype"),
    ({"dom": ["a" * 300, "b"]}, "diagram.dom[0]", "is not an axis label"),
    ({"dom": ["a=__import__('os')", "b"]}, "diagram.dom[0]", "unexpected character"),
    ({"dom": ["a=exit() b", "b"]}, "diagram.dom[0]", "no meaning in a size"),
    ({"dom": ["a=2**64**64 b", "b"]}, "diagram.dom[0]", "exponent"),
    ({"dom": ["a=((9**64)**64)**64 b", "b"]}, "diagram.dom[0]", "too large"),
    ({"dom": ["a c", "b"]}, "diagram", "`a c` is given, `a b` is wanted"),
    ({"dom": ["a b", "b=3"]}, "diagram", "`b=3` is given, `b` is wanted"),
    ({"dom": ["a b", "b : int"]}, "diagram", "`b : int` is given, `b` is wanted"),
    ({"out": [9]}, "diagram.out[0]", "there is no wire 9"),
    ({"out": [-1]}, "diagram.out[0]", "there is no wire -1"),
    ({"out": [True]}, "diagram.out[0]", "true stands where a whole number is wanted"),
    ({"out": [3.0]}, "diagram.out[0]", "the number 3.0 stands where a whole number"),
    ({"cod": ["b"]}, "diagram.cod", "codomain"),
    ({"cod": []}, "diagram.cod", "codomain"), ({"nodes": {}}, "diagram.nodes", "an object stands where"),
    ({"nodes": [3]}, "diagram.nodes[0]", "the number 3 stands where an object"),
    ({"extra": 1}, "diagram", "`extra` is not a name here")], ids=str)
def test_diagrams_that_are_wrong(changes, place, words):
    message = refused(model(**changes))
    assert words in message and f"m.json {place}" in message


@pytest.mark.parametrize("node, change, place, words", [
    (0, {"op": "Einsun"}, "nodes[0].op", "did you mean Einsum?"),
    (0, {"op": "os.system"}, "nodes[0].op", "there is no operation `os.system`"),
    (0, {"op": 3}, "nodes[0].op", "the number 3 stands where a text is wanted"),
    (0, {"in": [0, 7]}, "nodes[0].in[1]", "there is no wire 7"),
    (0, {"in": [0, 2]}, "nodes[0].in[1]", "there is no wire 2"),
    (0, {"in": [1, 0]}, "diagram", "`b` is given, `a b` is wanted"),
    (0, {"in": [0]}, "diagram", "reads 1 wires"),
    (0, {"in": [0, "1"]}, "nodes[0].in[1]", "the text '1'"),
    (0, {"in": None}, "nodes[0].in", "null stands where a list"),
    (1, {"fields": {}}, "nodes[1].fields", "`function` is missing"),
    (1, {"fields": {"function": "relu", "arrays": ["a"], "spy": 1}}, "nodes[1].fields",
     "`spy` is not a name"),
    (1, {"fields": {"function": "rely", "arrays": ["a"]}}, "nodes[1].fields.function", "did you mean relu?"),
    (1, {"fields": {"function": "add", "arrays": ["a"]}}, "nodes[1]", "takes 2 arguments"),
    (1, {"fields": {"function": "relu", "arrays": ["a"], "constants": [{"Diagram": 0}]}},
     "nodes[1].fields.constants[0].Diagram", "an earlier diagram"),
    (1, {"fields": {"function": "relu", "arrays": ["a"], "constants": [{"Code": 0}]}},
     "nodes[1].fields.constants[0]", "a value names one kind"),
    (1, {"fields": {"function": {"name": "f", "arguments": ["x"], "expression": "exec(x)"}, "arrays": ["a"]}},
     "nodes[1].fields.function", "no scalar function `exec`"),
    (1, {"fields": {"function": {"name": "f", "arguments": ["x"], "expression": "+".join("x" * 4000)},
                    "arrays": ["a"]}}, "nodes[1].fields.function", "nested deeper"),
    (0, {"fields": {"arrays": ["a b", "b"], "letters": [[0, 1], [True]], "out": "a", "out_letters": [0]}},
     "nodes[0].fields.letters[1][0]", "true stands where a whole number is wanted"),
    (0, {"fields": {"arrays": ["a b", "b"], "letters": [[0, 1], [0]], "out": "a", "out_letters": [0]}},
     "nodes[0].fields", "two sizes"),
    (1, {"op": "Block", "fields": {"title": "x", "body": 0}}, "nodes[1].fields.body", "an earlier diagram"),
    (1, {"op": "Block", "fields": {"title": "x", "body": False}}, "nodes[1].fields.body", "false stands"),
    (1, {"op": "Reindex", "fields": {"array": "a", "axes": ["a"], "rows": [], "fill": "x"}},
     "nodes[1].fields.fill", "the text 'x' stands where a number"),
    (1, {"op": "Concat", "fields": {"arrays": [], "axis": "a"}}, "nodes[1]", "has the size 0"),
    (1, {"op": "Constant", "fields": {"value": None, "array": "a"}}, "nodes[1]", "is not a size"),
    (1, {"op": "Random", "fields": {"distribution": "cauchy", "key_array": "() : key", "axes": []}},
     "nodes[1].fields", "no distribution 'cauchy'")], ids=str)
def test_nodes_that_are_wrong(node, change, place, words):
    data = model()
    data["diagram"]["nodes"][node].update(change)
    message = refused(data)
    assert words in message and place in message


def test_a_definition_that_has_no_type_is_refused_when_the_file_is_read():
    data = json.loads(to_json(ncd.nn.convolution("x y", "c -> e=8", stride=2)))
    data["diagram"]["nodes"][0]["fields"]["inputs"] = ["x"]
    assert "m.json" in refused(data)


@dataclass(frozen=True)
class Fragile(Operation):
    array: Array

    primitive = True

    @property
    def dom(self):
        return (self.array,)

    @property
    def cod(self):
        return (self.array,) if len(self.array.axes) < 2 else ({}["no such key"],)


def test_whatever_an_operation_raises_is_the_fault_of_the_file():
    data = json.loads(to_json(Fragile(Array([Axis("x")])).diagram))
    assert len(from_json(json.dumps(data), [Fragile])) == 1
    data["diagram"]["nodes"][0]["fields"]["array"] = "x y"
    message = refused(data, [Fragile])
    assert "`Fragile` cannot have these fields" in message and "KeyError: 'no such key'" in message


def test_a_diagram_names_only_those_before_it():
    data = json.loads(to_json(attention.block("a") >> make.elementwise("sin").on("y v")))
    inner = data["diagrams"][0]
    inner["nodes"].append({"op": "Block", "in": [0, 1, 2], "fields": {"title": "loop", "body": 0}})
    assert "an earlier diagram" in refused(data)


def test_a_text_with_no_end_of_parts_is_refused_soon():
    symbols = ", ".join(f"s{n}" for n in range(3000))
    assert "arguments of max" in refused(model(dom=[f"a=max({symbols.replace(' ', '')}) b", "b"]))
    assert "too large" in refused(model(dom=["a=" + "%".join(["x"] + [f"y{n}" for n in range(60)]), "b"]))


# -- random changes --------------------------------------------------------------------
JUNK = [None, True, False, 0, 1, -1, 2 ** 40, 1.5, -0.0, "", "x", "0", "x=0", "nan", "inf", "x y", "()",
        "a : index(n)", "a : key", [], [[]], {}, {"Size": "k"}, {"Size": "1/0"}, ["x"], "x" * 300, "Map",
        {"op": "Iota", "fields": {"axis": "x"}}, "max(x,1)//y", "(x+1)**-1"]
CORPUS = [to_json(diagram) for diagram in (
    attention.block("attention").lift("h=8 b"), make.scan(running, "t=8", sequences=1),
    make.scan(running, "t=8", sequences=1).lift("b"), make.constant([[1, 0]], "a=1 b=2"),
    make.elementwise(ScalarFunction("cube", ("x",), "x*x*x")).on("x"), make.topk("x -> k=2"),
    make.window("x", "j=3", stride=2, dilation=2, padding=1), make.segment("max", "e -> n"),
    make.random("normal", "x y=2"), make.pad("x", 1, 2, fill=-float("inf")),
    make.opaque("mine", "x -> x").lift("b"), ncd.nn.convolution("x y", "c -> e=8", stride=2, padding="same"),
    Diagram.id("x=2*k+1 y=max(a,b) z=(x-1)//2+1, e : index(n*m), () : key, x'=x"))]


def paths(data, path=()):
    yield path
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, item in inner:
        yield from paths(item, (*path, key))


def get(data, path):
    for key in path:
        data = data[key]
    return data


def changed_value(source, value):
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + source.choice([-3, -1, 1, 2])
    if isinstance(value, str) and value:
        place = source.randrange(len(value))
        return value[:place] + source.choice("xyk23=+*/() :-'") + value[place + source.choice([0, 1]):]
    if isinstance(value, list) and value:
        return [*value, source.choice(value)]
    return source.choice(JUNK)


def mutated(source: random.Random, text: str) -> str:
    if source.random() < 0.3:
        letters = list(text)
        for _ in range(source.randint(1, 3)):
            place = source.randrange(len(letters))
            letter = source.choice('{}[]",:0123456789xyk \\-=()*/.eE\n')
            letters[place:place + source.choice([0, 1])] = source.choice([[], [letter]])
        return "".join(letters[:source.randrange(len(letters))] if source.random() < 0.1 else letters)
    data = json.loads(text)
    every = [path for path in paths(data) if path]
    path = source.choice(every)
    holder, key, kind = get(data, path[:-1]), path[-1], source.random()
    if kind < 0.5:
        holder[key] = changed_value(source, holder[key])
    elif kind < 0.7:
        holder[key] = source.choice(JUNK)
    elif kind < 0.85:
        holder[key] = json.loads(json.dumps(get(data, source.choice(every))))
    else:
        del holder[key]
    return json.dumps(data)


@pytest.mark.parametrize("seed", range(6))
def test_a_changed_file_loads_well_typed_or_is_refused(seed):
    source = random.Random(seed)
    loaded = refusals = 0
    for _ in range(250):
        text = mutated(source, source.choice(CORPUS))
        try:
            diagram = from_json(text)
        except LoadError:
            refusals += 1
            continue
        loaded += 1
        check(diagram, deep=True)
        again = to_json(diagram)
        assert to_json(from_json(again)) == again
    assert loaded > 20 and refusals > 50
