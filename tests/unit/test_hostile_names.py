"""Names from files and from SymPy: what names no size is refused, what no terminal should see is escaped."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

import ncd
from ncd import nn
from ncd.algebra.convert import Size, as_size
from ncd.command import report
from ncd.construct import generators as make
from ncd.errors import NcdError, SizeError, escaped
from ncd.interpret.cost import breakdown, table
from ncd.interpret.draw import FORMATS
from tests.strategies import examples

HOSTILE = ["a\0", "\ud800", "a\udcffb", "a\u202eb", "\u2066a\u2069", "a\x1b[2Jb", "a\n-> z", "a\r-> z",
           "\x07", "\x9b1m", "a\x7f", "\ufffe", "a\u2028b", "\u200b", "a\tb"]
TEX = ["\\input{/etc/passwd}", "\\write18{ls}", "x_{", "$x$", "x%", "x^2", "a b", "", "1",
       "2x", "٣", "x" * 201, "x-y"]


def is_safe(text: str) -> bool:
    return all(character.isprintable() or character == "\n" for character in text) and "\n-> z" not in text


# -- names of sizes --------------------------------------------------------------------
@pytest.mark.parametrize("name", [*HOSTILE, *TEX])
def test_a_symbol_of_sympy_is_a_name_or_nothing(name):
    symbol = sympy.Symbol(name, positive=True, integer=True)
    for value in (symbol, 2 * symbol + 1, sympy.floor(symbol / 2), sympy.Max(symbol, 3), symbol ** 2):
        with pytest.raises(SizeError, match="is not the name of a size") as caught:
            ncd.Axis("x", value)
        assert is_safe(str(caught.value))
    with pytest.raises(SizeError):
        Size.symbol(name)


@pytest.mark.parametrize("name, kept", [("x", "x"), ("d_ff'", "d_ff'"), ("α", "α"), ("x\u0304", "x\u0304"),
                                        ("ｘ", "x"), ("x²", "x2"), ("x′", "x′")])
def test_a_symbol_of_sympy_is_read_as_a_label_is(name, kept):
    read = as_size(sympy.Symbol(name))
    assert read == Size.symbol(kept) == Size(kept) and read.symbols == {kept} and ncd.Axis(name).size == read


@examples(200)
@given(st.text(max_size=8))
def test_a_name_of_a_size_is_what_is_read_as_one(name):
    try:
        size = Size.symbol(name)
    except SizeError:
        return
    assert Size(size.name) == size and ncd.Axis(size.name).size == size


def test_a_name_of_a_size_is_a_text():
    for name in (3, None, b"x", ["x"]):
        with pytest.raises(SizeError, match="is not the name of a size"):
            Size.symbol(name)


# -- what reaches a terminal -----------------------------------------------------------
@examples(200)
@given(st.text())
def test_an_escaped_text_is_printable_and_a_printable_one_is_itself(text):
    shown = escaped(text)
    assert shown.isprintable() and (shown == text) == text.isprintable()
    assert shown.encode("utf-8").decode("utf-8") == shown == escaped(shown)
    assert escaped(text, "\n").split("\n") == [escaped(line) for line in text.split("\n")]


def layer(name: str) -> ncd.Diagram:
    weights = make.parameter(name, "m")
    return ncd.diagram("x m -> x m")(lambda x: x * weights())


def named(name: str) -> ncd.Diagram:
    """A diagram in which all that a user names is called so."""
    made = (layer(name) >> make.opaque(name, "x m -> x m", flops="3*x") >> nn.relu.on("x m")).block(name)
    made = made >> made.repeat(3)
    made.title = name
    return made


def texts_of(diagram: ncd.Diagram) -> dict[str, str]:
    cost = diagram.cost(partial=True)
    cuts = {f"by {by}": str(breakdown.cut(cost, by, 3)) for by in ("block", "operation", "axis")}
    names = [row.name for row in breakdown.cut(cost, "block", 3)]
    unknown = make.opaque(diagram.title, "x -> x").cost(partial=True)
    return cuts | {
        "described": report.described(diagram, diagram.title, 3), "cost": str(cost),
        "csv": table.values([names]).strip(),
        "coverage": str(unknown.coverage()), "cost in part": str(unknown), "repr": repr(diagram),
        "error": str(NcdError(diagram.title, where=diagram.title, have=diagram.title, why=[diagram.title]))}


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_escaped_in_every_text(name):
    plain = {kind: text.count("\n") for kind, text in texts_of(named("abc")).items()}
    texts = texts_of(named(name))
    assert {kind: text for kind, text in texts.items() if not is_safe(text)} == {}
    for kind in ("described", "error"):                     # and no line is forged
        assert texts[kind].count("\n") == plain[kind]
    for kind in ("described", "by block", "coverage", "csv", "error"):
        assert escaped(name).strip() in texts[kind], kind


@pytest.mark.parametrize("name", HOSTILE)
def test_what_a_derivative_keeps_is_escaped(name):
    block = (layer(name) >> ncd.softmax("m").on("x m")).block(name)
    kept = "\n".join(map(str, block.reverse().residuals))
    assert is_safe(kept) and is_safe(report.described(block.reverse().composite, name, 2))


@pytest.mark.parametrize("name", HOSTILE)
def test_the_command_line_escapes(ncd_says, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.json").write_text(named(name).to_json())
    by = ["cost", "m.json", "--partial", "--by", "block"]
    for arguments in (["show", "m.json"], by, [*by, "--csv"], [*by, "--latex"],
                      ["cost", "m.json", "--partial", "--vs", "m.json"], ["show", name], [name],
                      ["show", f"{name}.json"], ["show", "m.json", "--size", f"{name}=3"],
                      ["show", "m.json", "-o", f"{name}.docx"],
                      ["show", "m.json", "--depth", name], ["cost", "m.json", "--assume", f"{name}>x"],
                      ["show", "m.json", "-o", "a.svg", "--multi", f"{name}=x"], ["show", "m.json", name]):
        code, out, err = ncd_says(*arguments)
        assert code in (0, 2) and is_safe(out.replace("\r\n", "\n")) and is_safe(err), arguments


@pytest.mark.parametrize("name", HOSTILE)
def test_any_name_has_parameters(name):
    params = layer(name).init(0, m=3)
    assert list(params) == [name]
    inputs = params, np.ones((2, 3), np.float32)
    np.testing.assert_allclose(layer(name).to_jax()(*inputs), layer(name).to_numpy()(*inputs), rtol=1e-5)


TEXT = named("abc").to_json()


def paths(data, path=()):
    if isinstance(data, (dict, list)):
        for key, value in data.items() if isinstance(data, dict) else enumerate(data):
            yield from paths(value, (*path, key))
    elif isinstance(data, str):
        yield path


@pytest.mark.parametrize("name", ["a\0\x1b[2J\u202e\n-> z\\write18{", "\ud800"])
def test_each_text_of_a_file_in_turn(name):
    data, read = json.loads(TEXT), 0
    for path in paths(data):
        changed = copy.deepcopy(data)
        place = changed
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = name
        try:
            diagram = ncd.from_json(json.dumps(changed))
        except NcdError as error:
            assert is_safe(str(error))
            continue
        read += 1
        diagram.title = getattr(diagram, "title", name)
        assert all(is_safe(text) for text in texts_of(diagram).values())
        for suffix in (".svg", ".html", ".tex", ".txt"):
            picture = FORMATS[suffix](diagram, 3)
            assert picture.encode("utf-8") and is_safe(picture)
            if suffix == ".tex":
                code = [line for line in picture.split("\n") if not line.startswith("%")]
                assert "\\write18" not in "\n".join(code)
    assert read > 3
