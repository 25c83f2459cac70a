"""The user's files: what is read has a bound, what is written is there whole or not at all."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from ncd.errors import LoadError, OutputError
from ncd.file import files
from ncd.read.resolve import load

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="files of POSIX")
NEW = "new\n" * 1000


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = os.umask(0o022)
    yield tmp_path
    os.umask(before)


@contextlib.contextmanager
def at_most(seconds: int):
    """A hang is a failure."""
    def late(number, frame):
        raise TimeoutError(f"not done after {seconds} s")
    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def text(path) -> str:
    return Path(path).read_text()


def mode(path) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


def others(folder, *names: str) -> list[str]:
    return sorted(set(os.listdir(folder)) - set(names))


# -- reading ---------------------------------------------------------------------------
def special(folder, kind: str, name: str) -> str:
    """A path that is no regular file, or leads to none."""
    path = str(folder / name)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as here:
            here.bind(name)
    elif kind == "link to a pipe":
        os.mkfifo(folder / "pipe")
        os.symlink("pipe", path)
    else:
        os.symlink(kind, path)
    return name


KINDS = ["pipe", "socket", "link to a pipe", "/dev/zero", "/dev/null", "/dev/random", "/dev/tty"]


@pytest.mark.parametrize("name", ["m.json", "m.py:d", "m.py"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_regular_file_is_no_model(folder, kind, name):
    special(folder, kind, name.removesuffix(":d"))
    with at_most(5), pytest.raises(LoadError, match=r"`m\.(json|py)` is a (pipe|device|socket), not a file"):
        load(name)


def test_a_process_substitution_is_no_model():
    ends = os.pipe()
    try:
        with at_most(5), pytest.raises(LoadError, match="is a pipe, not a file"):
            load(f"/dev/fd/{ends[0]}:d")
    finally:
        for end in ends:
            os.close(end)


def test_a_path_that_leads_elsewhere_after_it_was_asked_for(folder, monkeypatch):
    special(folder, "pipe", "m.json")
    (folder / "plain").write_text("{}")
    plain, asked = os.stat(folder / "plain"), os.stat
    monkeypatch.setattr(os, "stat", lambda path, *a, **k: plain if path == "m.json" else asked(path, *a, **k))
    with at_most(5), pytest.raises(LoadError, match="is a pipe"):
        files.read("m.json")


@pytest.mark.parametrize("name", ["m.json", "m.py:d"])
def test_a_file_has_at_most_64_mebibytes(folder, name):
    with open(folder / name.removesuffix(":d"), "wb") as file:
        file.truncate(2 ** 40)                  # sparse: a length without what is in it
    with at_most(5), pytest.raises(LoadError, match=f"has {2 ** 40} bytes or more; at most {64 * 2 ** 20}"):
        load(name)


def test_a_file_that_grows_has_a_bound_too(folder, monkeypatch):
    monkeypatch.setattr(files, "MAX_BYTES", 100)
    (folder / "a").write_bytes(b"x" * 100)
    assert files.read("a") == b"x" * 100
    (folder / "a").write_bytes(b"x" * 101)
    with pytest.raises(LoadError, match="101 bytes or more; at most 100"):
        files.read("a")
    with open("/proc/self/maps", "rb") as told:     # a regular file of 0 bytes, they say
        assert told.read(101) and os.stat("/proc/self/maps").st_size == 0
    with pytest.raises(LoadError, match="101 bytes or more; at most 100"):
        files.read("/proc/self/maps")


@pytest.mark.parametrize("name", ["a\0b.json", "\ud800.json", "a\0b.py:d", "\ud800.py:d", "a\0", "\ud800"])
def test_names_that_no_file_has(name):
    with pytest.raises(LoadError):
        load(name)
    with pytest.raises((LoadError, OSError)):
        files.read(name)
    with pytest.raises(OutputError):
        files.write(name, NEW)


# -- writing ---------------------------------------------------------------------------
@pytest.mark.parametrize("mask", [0o022, 0o077, 0o027, 0])
def test_a_new_file_has_the_mode_that_the_umask_leaves(folder, mask):
    os.umask(mask)
    files.write("a", NEW)
    assert mode("a") == 0o666 & ~mask and text("a") == NEW and others(folder, "a") == []


@pytest.mark.parametrize("old", [0o600, 0o640, 0o604, 0o755, 0o666, 0o2664])
def test_a_file_keeps_its_mode_and_owner(folder, old):
    (folder / "a").write_text("old" * 10_000)
    if os.geteuid() == 0:
        os.chown("a", 12345, 12346)
    os.chmod("a", old)
    before = os.stat("a")
    files.write("a", NEW)
    after = os.stat("a")
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert text("a") == NEW and others(folder, "a") == []


def test_a_file_is_never_open_to_more_than_before(folder, monkeypatch):
    (folder / "a").write_text("old")
    os.chmod("a", 0o600)
    seen = []
    wrote = files._write_all
    monkeypatch.setattr(files, "_write_all", lambda *arguments: seen.extend(
        mode(name) for name in os.listdir(".")) or wrote(*arguments))
    files.write("a", NEW)
    assert seen == [0o600, 0o600]


@pytest.mark.parametrize("link", ["b", "deep/b"])
def test_a_link_is_followed(folder, link):
    (folder / "deep").mkdir()
    (folder / link).write_text("old")
    os.symlink(link, "a")
    os.symlink("a", "again")
    files.write("again", NEW)
    assert os.readlink("again") == "a" and os.readlink("a") == link and text(link) == NEW
    assert others(folder, "a", "again", "b", "deep") == [] and others(folder / "deep", "b") == []


def test_a_link_to_nothing_yet_and_a_link_to_itself(folder):
    os.symlink("b", "a")
    files.write("a", NEW)
    assert os.readlink("a") == "b" and text("b") == NEW
    os.symlink("c", "c")
    with pytest.raises(OutputError, match=r"cannot write `c`\n.*\n.*levels of symbolic links"):
        files.write("c", NEW)
    assert others(folder, "a", "b", "c") == []


@pytest.mark.parametrize("old", ["o" * 10_000, "old", ""])
def test_all_names_of_a_file_name_the_same_still(folder, old):
    (folder / "a").write_text(old)
    os.link("a", "b")
    before = os.stat("b").st_ino
    files.write("a", NEW)
    assert text("b") == NEW and os.stat("a").st_ino == before == os.stat("b").st_ino


def test_attributes_of_a_file_are_kept(folder):
    (folder / "a").write_text("old")
    try:
        os.setxattr("a", "user.note", b"mine")
    except OSError:
        pytest.skip("no attributes here")
    files.write("a", NEW)
    assert os.getxattr("a", "user.note") == b"mine" and text("a") == NEW


def test_a_pipe_and_a_device_are_written_to(folder):
    os.mkfifo("a")
    got = []
    reader = threading.Thread(target=lambda: got.append(text("a")))
    reader.start()
    with at_most(5):
        files.write("a", NEW)
        reader.join()
    assert got == [NEW] and stat.S_ISFIFO(os.stat("a").st_mode)
    os.symlink("/dev/null", "b")
    files.write("b", NEW)
    assert os.readlink("b") == "/dev/null" and stat.S_ISCHR(os.stat("/dev/null").st_mode)
    os.symlink("/dev/full", "c")
    with pytest.raises(OutputError, match="No space left"):
        files.write("c", NEW)
    assert others(folder, "a", "b", "c") == []


@pytest.mark.parametrize("refused", ["open", "replace"])
def test_a_folder_that_takes_no_new_file(folder, monkeypatch, refused):
    """As for one file mounted in a container, and a folder of another user's."""
    (folder / "a").write_text("old" * 10_000)
    allowed = os.open

    def refuse(path, *arguments, **more):
        if refused == "replace" or str(path).endswith(".part"):
            raise OSError(16, "Device or resource busy")
        return allowed(path, *arguments, **more)
    monkeypatch.setattr(os, refused, refuse)
    files.write("a", NEW)
    assert text("a") == NEW and others(folder, "a") == []
    with pytest.raises(OutputError, match="busy"):
        files.write("new", NEW)
    assert others(folder, "a") == []


def test_a_file_that_may_not_be_written_is_left(folder, monkeypatch):
    (folder / "a").write_text("old")
    monkeypatch.setattr(os, "access", lambda path, how: False)      # the superuser may all
    with pytest.raises(OutputError, match="Permission denied"):
        files.write("a", NEW)
    assert text("a") == "old"


def test_a_full_disk_leaves_what_was_there(folder, monkeypatch):
    (folder / "a").write_text("old")

    def full(*arguments):
        raise OSError(28, "No space left on device")
    monkeypatch.setattr(files, "_write_all", full)
    for name in ("a", "new"):
        with pytest.raises(OutputError, match="No space left"):
            files.write(name, NEW)
    assert text("a") == "old" and others(folder, "a") == []


def test_the_longest_name(folder):
    name = "n" * 251 + ".svg"
    files.write(name, NEW)
    assert os.listdir(folder) == [name]


# A signal comes at each point of a write; one process, a fork for each.
SIGNALLED = """
import os, signal, sys
from ncd.file import files

files.CHUNK = 1000
os.chdir(sys.argv[1])
points = {"open": os, "_write_all": files, "replace": os}
for name, module in points.items():
    for number in map(int, sys.argv[2:]):
        with open("a", "w") as file:
            file.write("old")
        child = os.fork()
        if child == 0:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            point = getattr(module, name)
            def signalled(*arguments, **more):
                result = point(*arguments, **more)
                if name != "open" or arguments[0].endswith(".part"):
                    os.kill(os.getpid(), number)
                return result
            setattr(module, name, signalled)
            try:
                files.write("a", b"new" * 100_000)
            except KeyboardInterrupt:
                os._exit(130)
            os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        print(name, number, code, os.path.getsize("a"), *os.listdir("."))
"""


def test_a_signal_leaves_no_part_of_a_file(folder):
    numbers = [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGALRM, signal.SIGINT]
    done = subprocess.run([sys.executable, "-c", SIGNALLED, str(folder), *map(str, map(int, numbers))],
                          capture_output=True, text=True, check=False, timeout=60)
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        f"{point} {int(number)} {130 if number == signal.SIGINT else -number} {size} a"
        for point, size in (("open", 3), ("_write_all", 3), ("replace", 300_000)) for number in numbers]


def test_handlers_of_the_user_stand_as_before_and_run(folder):
    seen = []
    before = signal.signal(signal.SIGUSR1, lambda number, frame: seen.append(number))
    try:
        mine = signal.getsignal(signal.SIGUSR1)
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGUSR1)).start()
        for _ in range(200):
            files.write("a", NEW)
            time.sleep(0.001)
        assert seen == [signal.SIGUSR1] and signal.getsignal(signal.SIGUSR1) is mine
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_a_thread_writes_too(folder):
    writer = threading.Thread(target=files.write, args=("a", NEW))
    writer.start()
    writer.join()
    assert text("a") == NEW
