"""The user's files: read with a bound, written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import signal
import stat
import threading
from collections.abc import Iterator

from ncd.errors import LoadError, OutputError

MAX_BYTES = 64 * 2 ** 20
CHUNK = 2 ** 20
KINDS = {stat.S_IFIFO: "a pipe", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device",
         stat.S_IFSOCK: "a socket"}
# Where a file that stands there may be written though no other can be put in its place.
FIXED = {errno.EACCES, errno.EPERM, errno.EROFS, errno.EBUSY, errno.EXDEV}
# What ends a process and can be put off.
ENDING = [getattr(signal, name) for name in (
    "SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGALRM", "SIGUSR1", "SIGUSR2", "SIGXCPU", "SIGVTALRM",
    "SIGPROF", "SIGBREAK") if hasattr(signal, name)]


# -- reading ---------------------------------------------------------------------------
def read(path: str | os.PathLike) -> bytes:
    """What is in a regular file, 64 MiB at most.

    A pipe may never end, a device neither: they are refused, unopened. What is opened is asked again,
    since a path may lead elsewhere by then.

    Raises:
        OSError: The system does not let it be read.
        LoadError: It is no regular file, or too long.
    """
    try:
        _regular(path, os.stat(path))
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
                             | getattr(os, "O_BINARY", 0))
    except ValueError as error:             # a NUL or a lone surrogate in a name
        raise LoadError(f"{os.fspath(path)!r} names no file", why=str(error)) from None
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        _regular(path, status)
        data = file.read(MAX_BYTES + 1) if status.st_size <= MAX_BYTES else None
    if data is None or len(data) > MAX_BYTES:
        length = max(status.st_size, MAX_BYTES + 1)
        raise LoadError(f"`{os.fspath(path)}` has {length} bytes or more; at most {MAX_BYTES}")
    return data


def _regular(path: str | os.PathLike, status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    if not stat.S_ISREG(status.st_mode):
        kind = KINDS.get(stat.S_IFMT(status.st_mode), "something else")
        raise LoadError(f"`{os.fspath(path)}` is {kind}, not a file",
                        mend="write what it gives to a file first")


# -- writing ---------------------------------------------------------------------------
def write(path: str | os.PathLike, content: str | bytes) -> None:
    """Put a file in place at once; what stood there before is replaced whole or not at all.

    A new file has the mode that the umask leaves; a file that is replaced keeps its mode and its owner. A
    link is followed. What has several names (hard links), attributes of its own, or a folder that cannot be
    written is written in place; a pipe or a device is written to.

    Raises:
        OutputError: The system does not let it be written.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    try:
        try:
            status = os.stat(path)
        except FileNotFoundError:
            return _replace(os.path.realpath(path), data, None)
        if not stat.S_ISREG(status.st_mode):
            return _straight(path, data)
        target = os.path.realpath(path)
        if not os.access(target, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        if status.st_nlink > 1 or _attributes(target):
            return _straight(target, data)
        try:
            _replace(target, data, status)
        except OSError as error:
            if error.errno not in FIXED:
                raise
            _straight(target, data)
    except ValueError as error:             # a NUL or a lone surrogate in a name
        raise OutputError(f"cannot write {os.fspath(path)!r}", why=str(error)) from None
    except OSError as error:
        raise OutputError.at(path, error) from None


def _straight(path: str | os.PathLike, data: bytes) -> None:
    """Write over what is there, and cut off what is left of it."""
    descriptor = os.open(path, os.O_WRONLY | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0))
    with open(descriptor, "wb", buffering=0) as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return _write_all(file, data, [])
        with _signals_put_off():                # half of the new over half of the old is neither
            _write_all(file, data, [])
            file.truncate()


def _attributes(target: str) -> list[str]:
    """Attributes that a new file would not have, such as lists of who may read it."""
    if not hasattr(os, "listxattr"):
        return []
    with contextlib.suppress(OSError):
        return [name for name in os.listxattr(target) if name != "security.selinux"]
    return []


def _replace(target: str, data: bytes, old: os.stat_result | None) -> None:
    """Write beside a file, then put it in its place."""
    beside = os.path.join(os.path.dirname(target), f".ncd-{secrets.token_hex(8)}.part")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    with _signals_put_off() as arrived:
        descriptor = os.open(beside, flags, 0o666 if old is None else 0o600)
        try:
            with open(descriptor, "wb", buffering=0) as file:
                if old is not None:
                    _as_before(descriptor, old)
                _write_all(file, data, arrived)
            if not arrived:
                os.replace(beside, target)
                return
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(beside)
            raise
        os.unlink(beside)


def _as_before(descriptor: int, old: os.stat_result) -> None:
    """Give a new file the owner and the mode of an old one."""
    if not hasattr(os, "fchown"):
        return
    new = os.fstat(descriptor)
    if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
        os.fchown(descriptor, old.st_uid, old.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(old.st_mode))


def _write_all(file, data: bytes, arrived: list[int]) -> None:
    """Write in pieces, so that a signal has not to wait for the last."""
    left = memoryview(data)
    while left and not arrived:
        left = left[file.write(left[:CHUNK]) or 0:]


@contextlib.contextmanager
def _signals_put_off() -> Iterator[list[int]]:
    """Signals that may end the process wait until no unfinished file is left; their numbers."""
    arrived: list[int] = []
    handlers = {}
    if threading.current_thread() is threading.main_thread():
        for number in ENDING:
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                handlers[number] = signal.signal(number, lambda number, frame: arrived.append(number))
    try:
        yield arrived
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for number in sorted(arrived, key=signal.SIGINT.__eq__):      # what that one raises ends this loop
            signal.raise_signal(number)
