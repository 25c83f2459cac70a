"""The command line on wrong input: what it says, its exit codes, and never a traceback."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

from ncd.command import main as cli
from ncd.command import report
from ncd.command.main import main

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


@pytest.mark.parametrize("size, words", [
    ("x=0", "`x=0`: a size is a positive whole number"), ("x=1.5", "`x=1.5`: a size is a positive"),
    ("x=abc", "`x=abc`: a size is a positive"), ("x=-3", "positive whole"), ("x=", "positive whole"),
    ("x=٣", "positive whole"), ("x=1e3", "positive whole"), ("x=" + "9" * 30, "at most 18 digits"),
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


@pytest.mark.parametrize("arguments, words", [
    (["run", "m.py:relu", "-s", "x=3", "--seed", "-1"], "--seed -1"),
    (["check", "m.py:relu", "--seed", str(2 ** 63)], "less than 2**63"),
    (["show", "m.py:relu", "-o", "a.txt", "--width", "nan"], "a number of characters"),
    (["show", "m.py:relu", "-o", "a.txt", "--width", "inf"], "a number of characters"),
    (["show", "m.py:relu", "-o", "a.json", "--theme", "dark"], "--theme without a picture"),
    (["show", "m.py:heads", "-o", "a.svg", "--multi", "d=y,k", "d=x,k"], "d is given twice"),
    (["cost", "m.py:heads", "--masks", "0=y,0=x"], "0=y is given too")])
def test_numbers_and_options_that_mean_nothing(ncd_says, arguments, words):
    code, out, err = ncd_says(*arguments)
    assert (code, out) == (2, "") and words in err and "internal" not in err


def test_a_depth_beyond_all_blocks_ends(ncd_says):
    wanted = ncd_says("show", "m.py:heads", "--depth", "9")
    assert wanted[0] == 0 and ncd_says("show", "m.py:heads", "--depth", str(10 ** 12)) == wanted


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


# -- what newcomers do -----------------------------------------------------------------------
@pytest.mark.parametrize("model, words", [
    (".", "no model is called `.`"), ("..", "no model is called"), ("/", "no model is called"),
    ("m.heads", "did you mean m.py:heads?"), ("m", "did you mean m.py:name?"),
    ("m.py:heads:more", "one colon, before the name"), ("n.txt.py:x", "have    m.py in "),
    ("no/such/m.py:x", "there is no folder"), ("n.json", "no .json file in ")])
def test_names_that_are_near(ncd_says, model, words):
    code, out, err = ncd_says("show", model)
    assert (code, out) == (2, "") and words in err and "internal" not in err


def test_a_folder_is_not_proposed_for_itself(ncd_says, folder):
    (folder / "d.json").mkdir()
    code, _, err = ncd_says("show", "d.json")
    assert code == 2 and "Is a directory" in err and "did you mean" not in err


@pytest.mark.parametrize("size, words", [
    ("h=99999999999999999999", "at most 18 digits"), ("h=2,y=3", "mend    --size h=2 y=3"),
    ("h = 2", "mend    --size h=2")])
def test_sizes_that_are_nearly_right(ncd_says, size, words):
    code, _, err = ncd_says("cost", "m.py:heads", "--size", size)
    assert code == 2 and words in err


def test_the_model_may_stand_after_the_sizes(ncd_says):
    assert ncd_says("cost", "--size", "h=2", "m.py:heads") == ncd_says("cost", "m.py:heads", "--size", "h=2")
    assert ncd_says("cost", "--assume", "x>y", "m.py:heads")[0] == 0
    code, _, err = ncd_says("cost", "--size", "h=2")
    assert code == 2 and "MODEL is missing: ncd cost MODEL" in err


def test_an_assumption_on_no_size_of_the_diagram(ncd_says):
    code, out, err = ncd_says("cost", "m.py:heads", "--assume", "x > d")
    assert (code, out) == (2, "") and "no size of the diagram: d" in err and "h, k, x, y" in err


def test_the_version(ncd_says):
    import ncd
    code, out, _ = ncd_says("--version")
    assert (code, out) == (0, f"ncd {ncd.__version__}\n")


def test_what_a_file_prints_is_not_in_the_answer(ncd_says, folder):
    (folder / "loud.py").write_text(
        "print('hello')\nimport ncd\ndef d():\n    print('made')\n    return ncd.nn.relu\n")
    code, out, err = ncd_says("show", "loud.py:d", "--json")
    assert code == 0 and json.loads(out)["dom"] == ["()"] and err == "hello\nmade\n"


def test_a_folder_that_is_not_there_is_proposed_to_be_made(ncd_says):
    for name in ("no/such.svg", "no/such.json"):
        code, _, err = ncd_says("show", "m.py:relu", "-o", name)
        assert code == 2 and re.search(r"mend    make the folder .*/no first", err)


def shell(command: str) -> subprocess.CompletedProcess:
    line = f"{sys.executable} -m ncd {command}"
    return subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("command", ["show m.py:relu", "cost m.py:relu --json", "zoo", "run m.py:fixed"])
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
def test_output_that_cannot_be_written(command):
    done = shell(f"{command} > /dev/full")
    assert done.returncode == 2
    assert done.stderr == "ncd: cannot write the output\n  why     No space left on device\n"


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&-"])
def test_closed_streams(closed):
    done = shell(f"show m.py:relu {closed}")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("relu") == (">&-" not in closed.replace("2>&-", ""))


def test_where_a_model_costs_more_is_said_of_whole_sizes(ncd_says, folder):
    (folder / "two.py").write_text(
        "import ncd\na = ncd.einsum('x k, k v -> x v')\nb = ncd.nn.relu.on('x v')\n")
    code, out, _ = ncd_says("cost", "two.py:a", "--vs", "two.py:b", "--size", "x=3", "k=4", "v=5")
    assert code == 0 and "everywhere along k, v, x" in out and "sqrt" not in out
