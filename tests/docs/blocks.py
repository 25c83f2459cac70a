"""Pages that run: a page is a list of fenced blocks, and every block is executed or checked.

The conventions, all of them strict (a block that follows none is an error, never skipped):

- ``python``: runs, in order, in one namespace a page. What ``print(...)   # text`` prints is
  ``text``. What is printed without such a comment is the ``text`` (or ``json``) block that follows.
  ``>>>`` lines are a doctest. A first line ``# name.py`` also saves the block as that file.
- ``sh``: ``ncd ...`` runs through :func:`ncd.command.main.main`; ``# exit code 2`` at the end of a line says
  what it returns; its output is the ``text`` block that follows, if one does. The few commands
  that do not run here (``make``, ``pip``) are checked against the project's own files.
- ``text`` and ``json`` stand only after a block that prints them; ``...`` matches anything.
- ``{toctree}`` and ``{include}`` are for Sphinx.
"""

from __future__ import annotations

import ast
import contextlib
import doctest
import io
import json
import re
import shlex
import sys
import tokenize
import tomllib
import types
from pathlib import Path
from typing import NamedTuple

from ncd.command.main import main

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"(`{3,})([^\s`]*)(.*)\Z")
NAMED = re.compile(r"# (\w+\.py)\Z")
OPTIONS = doctest.ELLIPSIS
DIRECTIVES = ("{toctree}", "{include}")
SHOWN = ("text", "json")


class Block(NamedTuple):
    """A fenced block: its language, its text, and where it begins."""

    language: str
    text: str
    path: Path
    line: int

    @property
    def place(self) -> str:
        return f"{self.path.name}:{self.line}"


class PageError(AssertionError):
    """A page says something that is not so."""


def blocks(path: Path) -> list[Block]:
    """The fenced blocks of a page, in order.

    Raises:
        PageError: A fence that is not closed.
    """
    found, fence, start, language, lines = [], None, 0, "", []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        match = FENCE.match(line)
        if fence is None and match:
            fence, language, start, lines = match[1], match[2], number, []
        elif fence is not None and line.strip() == fence:
            found.append(Block(language, "\n".join(lines) + "\n", path, start))
            fence = None
        elif fence is not None:
            lines.append(line)
    if fence is not None:
        raise PageError(f"{path.name}:{start}: the fence is not closed")
    return found


def prose(path: Path) -> str:
    """A page without its blocks and its code."""
    kept, fence = [], None
    for line in path.read_text(encoding="utf-8").splitlines():
        match = FENCE.match(line)
        if fence is None and not match:
            kept.append(re.sub(r"`[^`]*`", "", line))
        fence = match[1] if fence is None and match else None if line.strip() == fence else fence
    return "\n".join(kept)


def run_page(path: Path) -> int:
    """Run a page in the current folder; the number of outputs that were compared.

    Raises:
        PageError: An output is not what the page shows, or a block follows no convention.
    """
    module = types.ModuleType(f"page_{path.stem}")
    sys.modules[module.__name__] = module     # dataclasses look their module up by name
    compared, printed, previous = 0, None, None
    for block in [*blocks(path), None]:
        shown = block is not None and block.language in SHOWN
        if printed and not shown and previous.language == "python":
            raise PageError(f"{previous.place}: it prints what the page does not show:\n{printed}")
        if block is None:
            break
        if shown:
            if printed is None:
                raise PageError(f"{block.place}: a {block.language} block without what prints it")
            _same(block.place, block.text, printed)
            if block.language == "json":
                _json(block)
            compared, printed = compared + 1, None
        elif block.language == "python":
            count, printed = _python(block, module.__dict__)
            compared += count
        elif block.language == "sh":
            printed = _shell(block)
        elif block.language in DIRECTIVES:
            printed = None
        else:
            raise PageError(f"{block.place}: nothing is known of a block {block.language!r}")
        previous = block
    return compared


def _same(place: str, want: str, got: str) -> None:
    want, got = map(_trimmed, (want, got))
    if not doctest.OutputChecker().check_output(want, got, OPTIONS):
        raise PageError(f"{place}\n-- the page shows\n{want}-- it prints\n{got}")


def _trimmed(text: str) -> str:
    return "".join(line.rstrip() + "\n" for line in text.strip("\n").splitlines())


def _json(block: Block) -> None:
    try:
        json.loads(block.text)
    except ValueError as error:
        raise PageError(f"{block.place}: this is not JSON: {error}") from None


# -- python ----------------------------------------------------------------------------
def _python(block: Block, names: dict) -> tuple[int, str]:
    """Run a block; the outputs compared with comments, and what else was printed."""
    if block.text.lstrip().startswith(">>>"):
        return _doctest(block, names), ""
    named = NAMED.match(block.text.partition("\n")[0])
    if named:
        Path(named[1]).write_text(block.text, encoding="utf-8")
    comments = _comments(block.text)
    compared, rest = 0, ""
    for statement in ast.parse(block.text).body:
        wanted = comments.get(statement.end_lineno) if _is_print(statement) else None
        for line in range(statement.lineno, statement.end_lineno + 1):
            if line in comments and wanted is None and _prints(block.text.splitlines()[line - 1]):
                raise PageError(f"{block.place}: line {line} shows an output inside another statement")
        code = compile(ast.Module([statement], []), named[1] if named else block.place, "exec")
        with contextlib.redirect_stdout(io.StringIO()) as out:
            try:
                exec(code, names)
            except Exception as error:
                raise PageError(f"{block.place}, line {statement.lineno}: "
                                f"{type(error).__name__}: {error}") from error
        if wanted is None:
            rest += out.getvalue()
        else:
            _same(f"{block.place}, line {statement.lineno}", wanted, out.getvalue().strip())
            compared += 1
    return compared, rest


def _comments(text: str) -> dict[int, str]:
    """The comments that stand behind code, by line."""
    found = {}
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT and token.line[:token.start[1]].strip():
            found[token.start[0]] = token.string.lstrip("#").strip()
    return found


def _prints(line: str) -> bool:
    return line.strip().startswith("print(")


def _is_print(statement: ast.stmt) -> bool:
    return (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)
            and isinstance(statement.value.func, ast.Name) and statement.value.func.id == "print")


def _doctest(block: Block, names: dict) -> int:
    test = doctest.DocTestParser().get_doctest(block.text, names, block.place, str(block.path), block.line)
    out = io.StringIO()
    result = doctest.DocTestRunner(optionflags=OPTIONS).run(test, out=out.write, clear_globs=False)
    names.update(test.globs)
    if result.failed:
        raise PageError(f"{block.place}\n{out.getvalue()}")
    return sum(bool(example.want) for example in test.examples)


# -- the command line ------------------------------------------------------------------
def _shell(block: Block) -> str:
    printed = ""
    for line in block.text.splitlines():
        words = shlex.split(line, comments=True)
        if not words:
            continue
        match = re.search(r"# exit code (\d+)\s*\Z", line)
        if words[0] == "ncd":
            with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(out):
                code = main(words[1:])
            printed += out.getvalue()
            if code != (int(match[1]) if match else 0):
                raise PageError(f"{block.place}: `{line}` returns {code}\n{out.getvalue()}")
        else:
            check_command(words, block.place)
    return printed


def check_command(words: list[str], place: str) -> None:
    """A command that does not run here, held against the Makefile and pyproject.toml.

    Raises:
        PageError: There is no such target or extra, or it is another command.
    """
    if words[0] == "make":
        targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
        unknown = [word for word in words[1:] if word not in targets]
    elif words[:2] == ["pip", "install"]:
        extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
        known = extras["project"]["optional-dependencies"]
        unknown = [word for word in words[2:] if not re.fullmatch(r"\.(\[[\w,]+\])?", word)
                   or not set(re.findall(r"\w+", word)) <= set(known)]
    else:
        raise PageError(f"{place}: nothing is known of the command `{words[0]}`")
    if unknown or len(words) < 2:
        raise PageError(f"{place}: `{' '.join(words)}` names what is not there: {', '.join(unknown)}")
