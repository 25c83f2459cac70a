"""What MODEL means: zoo names, files, modules and JSON; and what each wrong name is told."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import ncd
from ncd.construct import generators as make
from ncd.construct.notation import einsum
from ncd.core.category import Diagram
from ncd.errors import LoadError
from ncd.read import resolve
from ncd.read.resolve import load
from ncd.zoo import ZOO

PRODUCT = einsum("y k, x k -> y x")
FILE = '''\
"""A model file."""
from dataclasses import dataclass

import helper
import ncd
from ncd.core.array import Array

product = ncd.einsum("y k, x k -> y x")
operation = product.op
number = 3

def function():
    return product

def with_default(n=2):
    return product

def needs(n):
    return product

def fails():
    return product >> ncd.einsum("y z, z v -> y v")

def crashes():
    import late
    return late.crash()

def returns_nothing():
    pass

@dataclass(frozen=True)
class Own(ncd.Operation):
    array: Array
    primitive = True
    dom = property(lambda self: (self.array,))
    cod = property(lambda self: (self.array,))

own = Own(Array([ncd.Axis("x")]))

if __name__ == "__main__":
    raise SystemExit("not to be run")
'''


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    (tmp_path / "model.py").write_text(FILE, encoding="utf-8")
    (tmp_path / "helper.py").write_text("import ncd\n", encoding="utf-8")
    (tmp_path / "late.py").write_text("def crash():\n    return 1 / 0\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    before, path = set(sys.modules), list(sys.path)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith("<") or name in ("helper", "late", "mine", "mine.inner"):
            del sys.modules[name]
    assert sys.path == path


def refused(model, **options) -> str:
    with pytest.raises(LoadError) as caught:
        load(model, **options)
    return str(caught.value)


# -- what is there ---------------------------------------------------------------------
@pytest.mark.parametrize("name", ZOO)
def test_names_of_the_zoo(name):
    assert load(name) == ZOO[name]()


@pytest.mark.parametrize("name", ["product", "operation", "function", "with_default"])
def test_names_in_a_file(folder, name):
    found = load(f"model.py:{name}")
    assert isinstance(found, Diagram) and found == PRODUCT
    assert load(str(folder / "model.py") + f":{name}") == load(f"./model.py:{name}") == PRODUCT


def test_a_class_of_the_file_keeps_its_module(folder):
    found = load("model.py:own").op
    assert sys.modules[type(found).__module__].Own is type(found)
    text = ncd.face.to_json(found.diagram)
    assert ncd.from_json(text, [type(found)]) == found.diagram


def test_each_load_runs_the_file_as_it_is_now(folder):
    assert load("model.py:product") == PRODUCT
    (folder / "model.py").write_text('import ncd\nproduct = ncd.einsum("a b -> b a")\n', encoding="utf-8")
    assert load("model.py:product") == einsum("a b -> b a")


def test_names_in_a_module_of_the_working_directory(folder):
    (folder / "mine").mkdir()
    (folder / "mine/__init__.py").write_text("")
    (folder / "mine/inner.py").write_text('import ncd\nd = ncd.einsum("a b -> b a")\n', encoding="utf-8")
    assert load("mine.inner:d") == einsum("a b -> b a")


def test_a_file_of_json(folder):
    (folder / "d.json").write_text(PRODUCT.to_json(), encoding="utf-8")
    assert load("d.json") == PRODUCT and load(folder / "d.json") == PRODUCT


def test_a_file_of_json_knows_the_operations_of_every_layer(folder):
    code = "import ncd; print(ncd.load('d.json'))"
    (folder / "d.json").write_text(ncd.softmax("x").to_json(), encoding="utf-8")
    import subprocess
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("x -> x\n", 0), done.stderr


def test_a_file_of_json_may_name_your_operations_when_you_give_them(folder):
    own = load("model.py:own")
    (folder / "own.json").write_text(own.to_json(), encoding="utf-8")
    assert "there is no operation `Own`" in refused("own.json")
    assert load("own.json", operations=[type(own.op)]) == own


# -- what is not -----------------------------------------------------------------------
def test_a_name_that_is_nowhere(monkeypatch, folder):
    zoo = {"transformer": lambda: PRODUCT, "transformer_decoder": lambda: PRODUCT, "unet": lambda: PRODUCT}
    monkeypatch.setattr("ncd.zoo.ZOO", zoo)
    text = refused("transfomer")
    assert text.startswith("no model is called `transfomer`")
    assert "did you mean transformer or transformer_decoder?" in text
    assert "zoo     transformer, transformer_decoder, unet" in text and "model.json" in text
    assert "did you mean model.py:name?" in refused("model")


@pytest.mark.parametrize("model", ["", "a\0b", "model.py:", "model.py:a.b", "model.py:a b", ":x", ":"])
def test_texts_that_name_nothing(folder, model):
    assert "names no model" in refused(model) and "file.py:name" in refused(model)


@pytest.mark.parametrize("model", [None, 3, PRODUCT, b"model.py:x"])
def test_values_that_are_no_names(model):
    assert "a model is named by a text" in refused(model)


def test_files_that_are_missing(folder):
    text = refused("modle.py:product")
    assert "cannot read `modle.py`: No such file or directory" in text and "did you mean model.py" in text
    assert "cannot read `nothing/at/all.json`" in refused("nothing/at/all.json")
    (folder / "a.py").mkdir()
    assert "cannot read `a.py`: Is a directory" in refused("a.py:x")


def test_a_name_that_the_file_has_not(folder):
    text = refused("model.py:prodct")
    assert text.startswith("no `prodct` in `model.py`") and "did you mean product?" in text
    assert "have    product, operation, function, fails, crashes, returns_nothing, own" in text


def test_a_file_without_a_name_lists_its_diagrams(folder):
    text = refused("model.py")
    assert "say which of its diagrams" in text and "have    product, operation," in text
    assert "mend    write model.py:product" in text


@pytest.mark.parametrize("name, words", [
    ("number", "`number` in `model.py` is of the type int, not a diagram"),
    ("Own", "`Own` in `model.py` is of the type type, not a diagram"),
    ("ncd", "is of the type module, not a diagram"),
    ("returns_nothing", "`returns_nothing` in `model.py` returns something of the type NoneType"),
    ("needs", "cannot be called without arguments")])
def test_names_that_stand_for_something_else(folder, name, words):
    assert words in refused(f"model.py:{name}")


def test_an_error_inside_the_file_shows_its_line_and_is_chained(folder):
    with pytest.raises(LoadError) as caught:
        load("model.py:fails")
    text = str(caught.value)
    assert text.startswith("`model.py` failed: ArityError") and "model.py:22" in text
    assert 'line    return product >> ncd.einsum("y z, z v -> y v")' in text
    assert "cannot compose `einsum[y k, x k -> y x]`" in text
    assert type(caught.value.__cause__).__name__ == "ArityError"


def test_an_error_below_the_file_shows_the_line_of_the_file(folder):
    text = refused("model.py:crashes")
    assert "failed: ZeroDivisionError" in text and "model.py:26" in text and "return late.crash()" in text


@pytest.mark.parametrize("source, words", [
    ("import ncd\ndef f(:\n", ["SyntaxError", "bad.py:2", "def f(:"]),
    ("import not_there\n", ["ModuleNotFoundError", "bad.py:1", "No module named 'not_there'"]),
    ("x = 1\nraise SystemExit('stop')\n", ["SystemExit", "bad.py:2", "stop"]),
    ("x = '\\ud800'.encode()\n", ["UnicodeEncodeError", "bad.py:1"]),
    (b"\x00", ["bad.py"]), (b"# coding: latin-17\n", ["SyntaxError", "bad.py"]),
    (b"x = '\xff'", ["SyntaxError"])],
    ids=["syntax", "import", "exit", "unicode", "null", "coding", "bytes"])
def test_files_that_fail(folder, source, words):
    (folder / "bad.py").write_bytes(source if isinstance(source, bytes) else source.encode())
    text = refused("bad.py:x")
    assert "`bad.py` failed" in text and all(word in text for word in words), text


def test_an_interrupt_is_not_swallowed(folder):
    (folder / "stop.py").write_text("raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        load("stop.py:x")


def test_modules_that_are_missing_or_fail(folder):
    text = refused("no_such.module:x")
    assert text.startswith("there is no module `no_such`") and "no_such/module.py:name" in text
    (folder / "mine").mkdir()
    (folder / "mine/__init__.py").write_text("import not_there_either\n")
    assert "`mine` failed: ModuleNotFoundError" in refused("mine:x")
    assert "no `nothing` in `ncd.nn`" in refused("ncd.nn:nothing")


def test_json_that_is_wrong_says_which_file_and_where(folder):
    text = PRODUCT.to_json()
    (folder / "cut.json").write_text(text[:len(text) // 2])
    assert "this is not JSON" in refused("cut.json") and "cut.json" in refused("cut.json")
    (folder / "wrong.json").write_text(text.replace("Einsum", "Einsun"))
    assert "wrong.json diagram.nodes[0].op" in refused("wrong.json")
    (folder / "bytes.json").write_bytes(b"\xff\xfe\x00")
    assert "this is not JSON" in refused("bytes.json")


def test_json_that_is_too_long_is_not_read(folder, monkeypatch):
    (folder / "long.json").write_text(PRODUCT.to_json())
    monkeypatch.setattr("ncd.file.files.MAX_BYTES", 10)
    assert "at most 10" in refused("long.json")


def test_json_runs_nothing(folder):
    """A file that names code in every place where a name stands is refused, and nothing is imported."""
    (folder / "evil.py").write_text("from pathlib import Path\nPath('ran').write_text('')\n")
    text = make.elementwise("relu").on("x").to_json()
    for old, new in (("Map", "evil.Map"), ("Map", "evil"), ("relu", "evil:f"), ('"x"', '"x=evil()"'),
                     ("null", '{"evil": 1}'), ("null", '{"__reduce__": ["os.system", ["touch ran"]]}')):
        (folder / "evil.json").write_text(text.replace(old, new))
        assert refused("evil.json")
    assert "evil" not in sys.modules and not (folder / "ran").exists()


def test_the_public_names():
    assert ncd.load is resolve.load and ncd.from_json is resolve.from_json
