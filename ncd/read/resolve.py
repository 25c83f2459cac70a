"""What MODEL means: a name of the zoo, a name in a file or module of yours, or a JSON file.

Naming is a partial function from texts to morphisms; where it is undefined the error says
what is near. Only ``file.py:name`` and ``package.module:name`` run code, and that code is
yours, as when python runs it; a JSON file is data and runs nothing.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import os
import sys
import sysconfig
import traceback
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ncd.core.argument import public
from ncd.core.category import Diagram
from ncd.core.op import Operation
from ncd.errors import MAX_SHOWN, PACKAGE, LoadError, told
from ncd.file import files, serial

LIBRARIES = tuple(os.path.join(path, "") for name, path in sysconfig.get_paths().items()
                  if name.endswith("lib"))
_ran: set[str] = set()                  # the user's files that were run, and the folders of them
_folders: set[str] = set()
FORMS = ["multi_head_attention    a name of the zoo (`ncd zoo` lists them)",
         "file.py:name            a diagram in a file of yours",
         "package.module:name     a diagram in a module",
         "model.json              a diagram saved as JSON"]


@public
def load(model: str | os.PathLike, operations: Iterable[type] | Mapping[str, type] = ()) -> Diagram:
    """The diagram that a text names.

    Parameters:
        model: A zoo name, ``"file.py:name"``, ``"package.module:name"`` or ``"model.json"``. The
            name stands for a diagram, an operation, or a function without arguments that
            returns one.
        operations: Your own operation classes that a JSON file may name.

    Raises:
        LoadError: Nothing is called so, or what is called so is not a diagram.

    >>> print(load("scaled_attention").cod)
    y k
    """
    if not isinstance(model, (str, os.PathLike)):
        raise LoadError(f"a model is named by a text, not by a {type(model).__name__}", want=FORMS)
    text = os.fspath(model)
    if not isinstance(text, str) or not text or "\0" in text:
        raise LoadError(f"{text!r} names no model", want=FORMS)
    where, colon, name = text.rpartition(":")
    if text.endswith(".json"):
        return _json(Path(text), operations)
    if text.endswith(".py"):
        with _importing_from(Path(text).absolute().parent):
            found = _diagrams(_run_file(Path(text)))
        raise LoadError(f"`{text}` is a file; say which of its diagrams", have=", ".join(found) or "none",
                        mend=f"write {text}:{next(iter(found), 'name')}")
    if not colon:
        return _from_zoo(text)
    if not where or not name.isidentifier():
        raise LoadError(f"`{text}` names no model", want=FORMS)
    with _opened(where) as module:
        return _diagram(_named(module, name, where), name, where, module)


def named(text: str) -> Any:
    """What ``file.py:name`` or ``package.module:name`` stands for, whatever it is; the file is run.

    Raises:
        LoadError: It cannot be read or run, or has no such name.
    """
    where, _, name = text.rpartition(":")
    if not where or not name.isidentifier():
        raise LoadError(f"`{text}` names nothing", want="file.py:name or package.module:name")
    with _opened(where) as module:
        return _named(module, name, where)


@contextmanager
def _opened(where: str) -> Iterator[types.ModuleType]:
    is_file = where.endswith(".py") or os.sep in where or "/" in where
    with _importing_from(Path(where).absolute().parent if is_file else Path.cwd()):
        yield _run_file(Path(where)) if is_file else _import(where)


# -- the zoo ---------------------------------------------------------------------------
@public
def zoo() -> Mapping[str, Callable[[], Diagram]]:
    """The architectures that come with ncd, by name."""
    from ncd.zoo import ZOO
    return ZOO


def _from_zoo(name: str) -> Diagram:
    known = zoo()
    if name in known:
        return known[name]()
    near = [(f"{name}.json", f"{name}.json"), (f"{name}.py", f"{name}.py:name")]
    if (dot := name.rfind(".")) > 0:
        near.append((f"{name[:dot]}.py", f"{name[:dot]}.py:{name[dot + 1:]}"))
    close = difflib.get_close_matches(name, known, 3)
    close += [text for file, text in near if os.path.isfile(file)]
    raise LoadError(f"no model is called `{name[:200]}`",
                    mend=f"did you mean {' or '.join(close)}?" if close else None,
                    zoo=_wrapped(sorted(known)), want=FORMS)


# -- JSON ------------------------------------------------------------------------------
@public
def from_json(text: str | bytes, operations: Iterable[type] | Mapping[str, type] = (),
              source: str = "") -> Diagram:
    """The diagram that a JSON text describes, see :func:`ncd.file.serial.from_json`."""
    import ncd.nn
    import ncd.ops.after
    import ncd.ops.overlap  # noqa: F401  (the operations defined in all are then known)
    return serial.from_json(text, operations, source)


def _json(path: Path, operations) -> Diagram:
    try:
        data = files.read(path)
    except OSError as error:
        raise _unreadable(path, error) from None
    return from_json(data, operations, source=str(path))


def _unreadable(path: Path, error: OSError) -> LoadError:
    folder = path.absolute().parent
    try:
        there = sorted(name for name in os.listdir(folder) if name != path.name)
    except OSError:
        return LoadError(f"cannot read `{path}`: {error.strerror}", why=f"there is no folder {folder}")
    near = difflib.get_close_matches(path.name, there, 3)
    alike = [str(path.with_name(name)) for name in there if name.endswith(path.suffix)]
    more = f" and {len(alike) - 8} more" if len(alike) > 8 else ""
    return LoadError(f"cannot read `{path}`: {error.strerror}",
                     have=f"{', '.join(alike[:8]) or f'no {path.suffix} file'}{more} in {folder}",
                     mend=f"did you mean {' or '.join(str(path.with_name(name)) for name in near)}?"
                     if near else None)


# -- files and modules of yours --------------------------------------------------------
@contextmanager
def _importing_from(folder: Path) -> Iterator[None]:
    """Let the user's code import what stands beside it, as python does for a script."""
    entry = str(folder)
    _folders.add(os.path.join(entry, ""))
    sys.path.insert(0, entry)
    try:
        yield
    finally:
        if entry in sys.path:
            sys.path.remove(entry)


def _run_file(path: Path) -> types.ModuleType:
    """Run a file as a module; each run is a new one."""
    try:
        source = files.read(path)
    except OSError as error:
        raise _unreadable(path, error) from None
    module = types.ModuleType(f"<{path}>")
    module.__file__ = str(path)
    _ran.add(str(path))
    # Classes of the file look their module up by name (dataclasses do), so it is kept.
    sys.modules[module.__name__] = module

    def execute():
        exec(compile(source, str(path), "exec", dont_inherit=True), module.__dict__)
    _running(execute, path, str(path))
    return module


def _import(name: str) -> types.ModuleType:
    try:
        return _running(lambda: importlib.import_module(name), name)
    except LoadError as error:
        cause = error.__cause__
        missing = getattr(cause, "name", None) if isinstance(cause, ModuleNotFoundError) else None
        if missing and (name == missing or name.startswith(missing + ".")):
            mend = f"for a file write {name.replace('.', '/')}.py:name" if ":" not in name else \
                "one colon, before the name of the diagram"
            raise LoadError(f"there is no module `{missing}`", want=FORMS, mend=mend) from None
        raise


def _running(code: Callable[[], Any], source: Path | str, file: str | None = None) -> Any:
    """Run the user's own code; what it raises becomes an error that shows its line."""
    try:
        return code()
    except KeyboardInterrupt:
        raise
    except BaseException as error:          # an exit, a cancellation, an exception of the user's own
        raise _failed(error, source, file) from error


def _failed(error: BaseException, source: Path | str, file: str | None) -> LoadError:
    place = _place(error, file)
    why = [line[:MAX_SHOWN] for line in told(error).splitlines()[:30]]
    return LoadError(f"`{source}` failed: {type(error).__name__}",
                     where=f"{place[0]}:{place[1]}" if place else None,
                     why=why, line=_line(*place) if place else None)


def blamed(error: BaseException, caller: str) -> LoadError | None:
    """What a model's own code raised when it was asked, as an error that shows its line; None for ours.

    The user's code is a file that was run, or one that stands in a folder that models were loaded from.
    """
    frames = _frames(error)
    below = frames[max((n for n, (file, _) in enumerate(frames) if file == caller), default=-1) + 1:]
    users = [(file, line) for file, line in below if file in _ran or (
        file.startswith(tuple(_folders)) and not file.startswith((PACKAGE, *LIBRARIES)))]
    return _failed(error, users[-1][0], users[-1][0]) if users else None


def _frames(error: BaseException) -> list[tuple[str, int]]:
    # Not traceback.extract_tb, which reads every file that a frame names.
    return [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)]


def _place(error: BaseException, file: str | None) -> tuple[str, int] | None:
    """The file and line that an error came from: the last in the user's file, else outside ncd."""
    if isinstance(error, SyntaxError) and isinstance(error.filename, str) and isinstance(error.lineno, int):
        return error.filename, error.lineno
    frames = [frame for frame in _frames(error) if not frame[0].startswith((PACKAGE, "<frozen"))]
    mine = [frame for frame in frames if frame[0] == file]
    return (mine or [frame for frame in frames if frame[0] != importlib.__file__] or [None])[-1]


def _line(file: str, number: int) -> str | None:
    """A line of a file, if it is one."""
    try:
        lines = files.read(file).decode("utf-8", "replace").splitlines()
    except (OSError, LoadError):
        return None
    return lines[number - 1].strip()[:MAX_SHOWN] if 0 < number <= len(lines) else None


def _named(module: types.ModuleType, name: str, where: str) -> Any:
    missing = object()
    value = _running(lambda: getattr(module, name, missing), where, getattr(module, "__file__", None))
    if value is missing:
        close = difflib.get_close_matches(name, filter(_is_text, vars(module)), 3)
        raise LoadError(f"no `{name}` in `{where}`", have=", ".join(_diagrams(module)) or "nothing",
                        mend=f"did you mean {' or '.join(close)}?" if close else None)
    return value


def _is_text(value: Any) -> bool:
    return type(value) is str


def _diagrams(module: types.ModuleType) -> list[str]:
    """The names in a module that stand for diagrams, or may: its own functions without arguments."""
    return [name for name, value in list(vars(module).items())
            if _is_text(name) and not name.startswith("_") and _may_stand(value, module)]


def _may_stand(value: Any, module: types.ModuleType) -> bool:
    try:
        return isinstance(value, (Diagram, Operation)) or (
            isinstance(value, types.FunctionType) and value.__module__ == module.__name__
            and not inspect.signature(value).parameters)
    except Exception:                   # a property of the user's raises
        return False


def _diagram(value: Any, name: str, where: str, module: types.ModuleType) -> Diagram:
    file = getattr(module, "__file__", None)
    made = value
    if _running(lambda: not isinstance(value, (Diagram, Operation, type)) and callable(value), where, file):
        try:
            inspect.signature(value).bind()
        except (TypeError, ValueError) as error:
            raise LoadError(f"`{name}` in `{where}` is a function that cannot be called without arguments",
                            why=str(error), mend="give its parameters defaults, or name a diagram") from None
        made = _running(value, where, file)

    def settled():
        """The diagram with its graph, which asks an operation of the user's for its type."""
        found = made.diagram if isinstance(made, Operation) else made if isinstance(made, Diagram) else None
        if found is not None:
            _ = found.graph
        return found
    diagram = _running(settled, where, file)
    if diagram is None:
        what = "is" if made is value else "returns something"
        raise LoadError(f"`{name}` in `{where}` {what} of the type {type(made).__name__}, not a diagram",
                        want="a diagram, an operation, or a function without arguments that returns one",
                        have=", ".join(found for found in _diagrams(module) if found != name) or None)
    return diagram


def _wrapped(names: list[str], width: int = 70) -> list[str]:
    import textwrap
    return textwrap.wrap(", ".join(names), width) or ["(empty)"]


__all__ = ["FORMS", "from_json", "load", "zoo"]
