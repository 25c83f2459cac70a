"""The command line on model files that misbehave: what ncd answers, its exit code, never a traceback."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from ncd.command.main import main

FILE = """\
import atexit, sys, threading, time
from dataclasses import dataclass

import ncd
from ncd.core.array import Array

good = ncd.elementwise("relu").on("x")

class Stop(BaseException):
    pass

class Mute(Exception):
    def __str__(self):
        return [][1]

class Typeless(ncd.Operation):
    @property
    def dom(self):
        raise ZeroDivisionError("in\\x1b[2J dom")
    cod = dom

class Shy:
    @property
    def __class__(self):
        raise ValueError("asked")

typeless, shy = Typeless(), Shy()

def __getattr__(name):
    if name == "dynamic":
        raise RuntimeError("asked")
    raise AttributeError(name)

def raises(what):
    raise what

def exits(): sys.exit(0)
def stops(): raises(Stop("here"))
def mute(): raises(Mute)
def leaves(): raises(GeneratorExit)
def device(): exec(compile("1/0", "/dev/zero", "exec"))
def syntax(): raises(SyntaxError("x", ("/dev/zero", 1, 1, "", 1, 1)))
def strange(): raises(SyntaxError("x", (7, "y", 1, "", 1, 1)))
def long(): raises(ValueError("x" * 10 ** 6))

@dataclass(frozen=True)
class Late(ncd.Operation):
    array: Array
    code: str
    dom = cod = property(lambda self: (self.array,))
    def definition(self):
        print("noise")
        exec(self.code)
        return ncd.elementwise("relu").on("x")

def late(code):
    return Late(Array([ncd.Axis("x")]), code)

late_exit, late_stop, late_index, late_fine = late("sys.exit(0)"), late("raise Stop"), late("[][1]"), late("")

def registers():
    atexit.register(lambda: 1 / 0)
    atexit.register(lambda: sys.exit(9))
    atexit.register(print, "bye")
    atexit.register(lambda: (_ for _ in ()).throw(Stop))
    return good

def thread():
    threading.Thread(target=time.sleep, args=(1000,)).start()
    return good

def deaf():
    print("started", flush=True)
    while True:
        try:
            time.sleep(0.01)
        except BaseException:
            pass

def converts():
    print("started", flush=True)
    try:
        time.sleep(1000)
    except KeyboardInterrupt:
        return 1 / 0

def exit_loops():
    def loop():
        print("started", flush=True)
        while True:
            try:
                time.sleep(0.01)
            except BaseException:
                pass
    atexit.register(loop)
    return good
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    (tmp_path / "m.py").write_text(FILE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name, words", [
    ("typeless", ["ZeroDivisionError", r"in\x1b[2J dom", "where   m.py:19"]),
    ("shy", ["ValueError", "asked"]),
    ("dynamic", ["RuntimeError", "asked"]), ("exits", ["SystemExit"]), ("stops", ["Stop", "here"]),
    ("mute", ["Mute"]), ("leaves", ["GeneratorExit"]), ("device", ["ZeroDivisionError"]),
    ("syntax", ["SyntaxError"]), ("strange", ["SyntaxError"]), ("long", ["ValueError"])])
def test_what_a_file_raises_is_told_as_its_own(ncd_says, name, words):
    code, out, err = ncd_says("show", f"m.py:{name}")
    assert (code, out) == (2, "") and err.startswith("ncd: `m.py` failed: ")
    assert all(word in err for word in words) and "\x1b" not in err and len(err) < 2_000


@pytest.mark.parametrize("name, error", [
    ("late_exit", "SystemExit"), ("late_stop", "Stop"), ("late_index", "IndexError")])
def test_what_a_file_raises_when_it_is_asked_later(ncd_says, name, error):
    code, out, err = ncd_says("cost", f"m.py:{name}")
    assert (code, out) == (2, "") and f"ncd: `m.py` failed: {error}\n" in err and "where   m.py:" in err
    assert ncd_says("show", f"m.py:{name}")[0] == 0         # its definition was not asked for


def test_what_a_file_prints_later_is_not_in_the_answer(ncd_says):
    code, out, err = ncd_says("cost", "m.py:late_fine", "--json")
    assert code == 0 and json.loads(out)["title"] == "late_fine" and "noise" in err


def test_an_error_of_our_own_is_not_the_files(ncd_says, monkeypatch):
    from ncd.command import report
    monkeypatch.setattr(report, "described", lambda *arguments: 1 / 0)
    assert ncd_says("show", "m.py:good")[0] == 3


def test_the_list_of_a_files_diagrams_asks_nothing(ncd_says):
    err = ncd_says("show", "m.py:nothing")[2]
    assert "have    good, typeless, exits" in err
    assert ncd_says("show", "m.py")[0] == 2


def started(*arguments: str) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-m", "ncd", *arguments], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)


SHOWN = "x -> x\nsizes    x\n\na : x\nb = relu(a) : x\n-> b\n"


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="signals of POSIX")
def test_the_end_of_the_process(folder):
    """All at once: a file that registers functions, one with a thread, and three that loop."""
    ended = {name: started("show", f"m.py:{name}") for name in ("registers", "thread")}
    looping = {name: started("show", f"m.py:{name}") for name in ("deaf", "converts", "exit_loops")}
    picture = started("show", "pre_norm_block", "--depth", "3", "-o", "page.html")
    for name, process in looping.items():
        assert process.stderr.readline() == "started\n", name
        process.send_signal(signal.SIGINT)
    sent = time.monotonic()
    for name, process in looping.items():
        out, err = process.communicate(timeout=120)
        assert (process.returncode, err) == (130, ""), name
        assert out == (f"{name} : {SHOWN}" if name == "exit_loops" else "")
    assert time.monotonic() - sent < 60
    told = {name: process.communicate(timeout=120) for name, process in ended.items()}
    assert [process.returncode for process in ended.values()] == [0, 0]
    assert told["thread"] == (f"thread : {SHOWN}", "")
    assert told["registers"][0] == f"registers : {SHOWN}"
    stop, leave, divide = (f"ncd: at exit {name} was raised by the model's code"
                           for name in ("Stop", "SystemExit", "ZeroDivisionError"))
    assert told["registers"][1].splitlines() == [stop, "bye", leave, divide]
    picture.send_signal(signal.SIGINT)          # wherever it is: all of the page or nothing
    picture.communicate(timeout=120)
    assert set(os.listdir(folder)) <= {"m.py", "page.html"}
    if "page.html" in os.listdir(folder):
        assert (folder / "page.html").read_text(encoding="utf-8").endswith("</html>\n")


def test_a_pipe_as_a_model_ends(ncd_says, folder):
    os.mkfifo(folder / "p.py")
    os.symlink("/dev/zero", folder / "z.json")
    for model in ("p.py:d", "p.py", "z.json"):
        code, out, err = ncd_says("show", model)
        assert (code, out) == (2, "") and "not a file" in err


def test_main_of_a_list_leaves_the_process_alone(capsys):
    before = signal.getsignal(signal.SIGINT)
    assert main(["show", "m.py:good"]) == 0 and signal.getsignal(signal.SIGINT) is before
    assert capsys.readouterr().out == f"good : {SHOWN}"
