"""The command line on wrong input: what it says, its exit codes, and never a traceback."""

from __future__ import annotations

import re

import pytest

from ncd import cli
from ncd.cli import main
from ncd.interpret import report

FILE = """\
import ncd

heads = ncd.einsum("y k, x k -> y x").lift("h")
relu = ncd.elementwise("relu").on("x")
fixed = relu.bind(x=3)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    (tmp_path / "m.py").write_text(FILE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def ncd_says(capsys):
    """Run a command line; returns the exit code, standard output and standard error."""
    def say(*arguments: str) -> tuple[int, str, str]:
        code = main(list(arguments))
        out = capsys.readouterr()
        return code, out.out, out.err
    return say


@pytest.mark.parametrize("size, words", [
    ("x=0", "`x=0`: a size is a positive whole number"), ("x=1.5", "`x=1.5`: a size is a positive"),
    ("x=abc", "`x=abc`: a size is a positive"), ("x=-3", "positive whole"), ("x=", "positive whole"),
    ("x=٣", "positive whole"), ("x=1e3", "positive whole"), ("x=" + "9" * 30, "positive whole"),
    ("z=3", "the diagram has no size z"), ("x", "is not NAME=NUMBER"), ("=3", "is not NAME=NUMBER")])
@pytest.mark.parametrize("command", ["show", "cost", "run", "check"])
def test_sizes_that_are_none(ncd_says, command, size, words):
    code, out, err = ncd_says(command, "m.py:relu", "--size", size)
    assert (code, out) == (2, "") and words in err and "the diagram's sizes: x" in err
    assert "Traceback" not in err


def test_all_wrong_sizes_in_one_message(ncd_says):
    err = ncd_says("cost", "m.py:heads", "--size", "x=0", "q=1", "k=2", "k=3")[2]
    assert all(words in err for words in ("`x=0`", "no size q", "k = 2 is given too"))


def test_sizes_of_a_diagram_without_any(ncd_says):
    assert "the diagram's sizes: none" in ncd_says("cost", "m.py:fixed", "--size", "x=3")[2]


@pytest.mark.parametrize("arguments, words", [
    ([], "required"), (["frobnicate"], "invalid choice"), (["show"], "MODEL"),
    (["cost", "a", "b"], "unrecognized"), (["show", "m.py:relu", "--depth", "x"], "invalid int"),
    (["run", "m.py:relu", "--seed", "x"], "invalid int"),
    (["show", "m.py:relu", "--size"], "expected at least one argument")])
def test_bad_usage(ncd_says, arguments, words):
    code, out, err = ncd_says(*arguments)
    assert (code, out) == (2, "") and words in err and "usage: ncd" in err


@pytest.mark.parametrize("model", ["no_such", "no_such.py:x", "m.py:no_such", "no.such:x", "x.json",
                                   "m.py", ""])
@pytest.mark.parametrize("command", ["show", "check"])
def test_models_that_are_not_there(ncd_says, command, model):
    code, out, err = ncd_says(command, model)
    assert (code, out) == (2, "") and err.startswith("ncd: ") and "Traceback" not in err
    assert "test_cli_refuses.py" not in err             # the place of this call says nothing to a user


def test_an_error_in_the_users_file_shows_its_place(ncd_says, folder):
    (folder / "bad.py").write_text("import ncd\nx = ncd.einsum('a b')\n")
    code, _, err = ncd_says("show", "bad.py:x")
    assert code == 2 and err.startswith("ncd: `bad.py` failed: NotationError\n  where   bad.py:2\n")
    assert "line    x = ncd.einsum('a b')" in err


def test_help_documents_the_exit_codes(ncd_says):
    for arguments in (["--help"], ["cost", "--help"]):
        code, out, _ = ncd_says(*arguments)
        assert code == 0 and "exit codes:" in out and "file.py:name" in out
    assert re.findall(r"^  (\d+) ", cli.EPILOG, re.M) == ["0", "1", "2", "3", "130"]


def test_an_internal_error_is_told_apart(ncd_says, monkeypatch):
    monkeypatch.setattr(report, "described", lambda *arguments: 1 / 0)
    code, out, err = ncd_says("show", "m.py:relu")
    assert (code, out) == (3, "") and "internal error: ZeroDivisionError" in err and "NCD_TRACEBACK" in err
    monkeypatch.setenv("NCD_TRACEBACK", "1")
    with pytest.raises(ZeroDivisionError):
        main(["show", "m.py:relu"])


def test_an_interrupt(ncd_says, monkeypatch):
    def stop(*arguments):
        raise KeyboardInterrupt
    monkeypatch.setattr(report, "described", stop)
    assert ncd_says("show", "m.py:relu") == (130, "", "")
