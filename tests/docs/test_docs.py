"""The documentation: every page runs, every link leads somewhere, and the lists are whole."""

from __future__ import annotations

import os
import re
import runpy
from importlib import import_module
from pathlib import Path

import pytest

import ncd
from ncd.command.main import parser
from ncd.errors import NcdError
from ncd.file.serial import FORMAT, VERSION
from ncd.interpret.cost import CONVENTIONS, MEASURES
from ncd.ops import MONOIDS, SEMIRINGS
from ncd.ops.primitive import BASIS, Opaque
from tests.docs import blocks
from theory import LAWS, THEORIES

DOCS = blocks.ROOT / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md") if not {"_build", "_theory"} & set(path.parts))
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def name(path: Path) -> str:
    return str(path.relative_to(blocks.ROOT))


def text(page: str) -> str:
    return (DOCS / page).read_text(encoding="utf-8")


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_page_runs(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    compared = blocks.run_page(path)
    code = any(block.language == "python" for block in blocks.blocks(path))
    assert compared > 0 or not code, "the page has code and shows no output"
    for shown in re.findall(r"!\[[^\]]*\]\((?:\.\./)*pictures/([\w.]+)\)", path.read_text(encoding="utf-8")):
        drawn = (tmp_path / shown).read_bytes()
        if os.environ.get("NCD_RENEW"):
            (DOCS / "pictures" / shown).write_bytes(drawn)
        assert drawn == (DOCS / "pictures" / shown).read_bytes(), \
            f"{shown} is not what the page draws; look at the picture; NCD_RENEW=1 keeps it"


# -- links and the table of contents ---------------------------------------------------
@pytest.mark.parametrize("path", [blocks.ROOT / "README.md", *PAGES], ids=name)
def test_links_lead_somewhere(path):
    broken = [link for link in LINK.findall(blocks.prose(path))
              if not link.startswith("https://") and not (path.parent / link).is_file()]
    assert not broken


def test_every_page_is_in_the_table_of_contents():
    found, waiting = set(), [DOCS / "index.md"]
    while waiting:
        page = waiting.pop()
        if page in found:
            continue
        found.add(page)
        for block in blocks.blocks(page):
            if block.language == "{toctree}":
                entries = [line for line in block.text.split() if not line.startswith(":")]
                waiting += [item for entry in entries for item in page.parent.glob(f"{entry}.md")]
    assert set(PAGES) <= found


def test_the_pages_that_the_readme_names_are_there():
    named = re.findall(r"`(docs/[\w/.]+)`", (blocks.ROOT / "README.md").read_text(encoding="utf-8"))
    assert named
    assert all((blocks.ROOT / item).exists() for item in named)


# -- the reference is whole ------------------------------------------------------------
def listed(words, page: str) -> list[str]:
    """The words that a page does not have in code."""
    code = set(re.findall(r"[\w.\-]+", " ".join(re.findall(r"`([^`\n]+)`", text(page)))))
    return sorted(set(words) - code)


def test_every_public_name_is_listed():
    assert not listed([f"ncd.{item}" for item in ncd.__all__], "reference/names.md")


def test_every_method_of_a_diagram_is_listed():
    methods = {"to_jax", "init", "cost", "draw", "listing", "to_json", "check", "block", "repeat", "lift",
               "rename", "bind", "on", "symbols"}
    assert methods <= set(vars(ncd.Diagram))
    assert not [method for method in methods if f"`d.{method}" not in text("reference/names.md")
                and f"`, `d.{method}" not in text("reference/names.md")]


def test_every_primitive_is_listed():
    assert not listed([cls.__name__ for cls in (*BASIS, Opaque)], "reference/primitives.md")
    assert not listed([cls.__name__ for cls in BASIS], "reference/cost.md")


def test_every_layer_is_listed():
    assert not listed(ncd.nn.__all__, "reference/layers.md")


def test_every_measure_convention_and_semiring_is_listed():
    assert not listed([*MEASURES, *CONVENTIONS], "reference/cost.md")
    assert not listed(SEMIRINGS, "reference/notation.md")
    assert all(monoid in text("howto/scalar.md") for monoid in MONOIDS)


def test_every_command_is_listed():
    commands = next(action.choices for action in parser()._actions if action.dest == "command")
    assert not listed([*commands, "--size", "--json", "--depth", "--by", "--seed", "--tolerance"],
                      "reference/cli.md")


def test_every_error_is_listed():
    errors = [cls.__name__ for cls in vars(ncd.errors).values()
              if isinstance(cls, type) and issubclass(cls, NcdError)]
    assert len(errors) >= 10
    assert not listed(errors, "reference/errors.md")


def test_the_format_is_the_one_described():
    assert f'`"{FORMAT}"`' in text("reference/json.md")
    assert f"| `version` | `{VERSION}` |" in text("reference/json.md")


def test_every_theory_and_note_is_listed():
    notes = [path.stem for path in (blocks.ROOT / "theory" / "notes").glob("*.md")]
    assert notes
    assert not listed([*THEORIES, *notes], "theory.md")


# -- Sphinx ----------------------------------------------------------------------------
def test_the_configuration_writes_notes_and_laws(tmp_path):
    conf = runpy.run_path(str(DOCS / "conf.py"))
    conf["write_theory"](tmp_path / "_theory")
    table = (tmp_path / "_theory" / "laws.md").read_text(encoding="utf-8")
    rows = [line for line in table.splitlines() if line.startswith("| ") and "$" in line]
    assert len(rows) == len(LAWS)
    assert all(len(re.findall(r"(?<!\\)\|", row)) == 6 for row in rows)
    notes = {path.name for path in (blocks.ROOT / "theory" / "notes").glob("*.md")}
    assert notes | {"laws.md"} == {path.name for path in (tmp_path / "_theory").glob("*.md")}
    assert "myst_nb" in conf["extensions"] and conf["html_theme"] == "furo"


# -- the helper itself -----------------------------------------------------------------
WRONG = {
    "a comment": ("```python\nprint(1 + 1)   # 3\n```\n", "the page shows"),
    "a block": ("```python\nprint(2)\n```\n\n```text\n3\n```\n", "the page shows"),
    "a doctest": ("```python\n>>> 1 + 1\n3\n```\n", "Expected"),
    "an output not shown": ("```python\nprint(2)\n```\n", "what the page does not show"),
    "an output inside": ("```python\nfor n in (1, 2):\n    print(n)   # 1\n```\n", "inside another"),
    "an exception": ("```python\n1 / 0\n```\n", "ZeroDivisionError"),
    "a text by itself": ("```text\n3\n```\n", "without what prints it"),
    "an unknown language": ("```fortran\nEND\n```\n", "nothing is known"),
    "an unknown command": ("```sh\nrm -rf nothing\n```\n", "nothing is known"),
    "an exit code": ("```sh\nncd show no_such_model\n```\n", "returns 2"),
    "a make target": ("```sh\nmake nothing\n```\n", "names what is not there"),
    "an extra": ("```sh\npip install .[nothing]\n```\n", "names what is not there"),
    "an open fence": ("```python\n1 + 1\n", "not closed"),
    "broken JSON": ("```python\nprint('{')\n```\n\n```json\n{\n```\n", "not JSON")}


@pytest.mark.parametrize("case", WRONG)
def test_the_helper_sees(case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page, message = WRONG[case]
    (tmp_path / "page.md").write_text(page, encoding="utf-8")
    with pytest.raises(blocks.PageError, match=message):
        blocks.run_page(tmp_path / "page.md")


def test_the_helper_runs_what_is_right(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "page.md").write_text(
        "```python\n# saved.py\nx = 2\nprint(x)   # 2\nprint('more')\n```\n\n```text\nm...e\n```\n\n"
        "```python\n>>> x + 1\n3\n```\n\n```sh\nmake test   # not run here\nncd zoo\n```\n", encoding="utf-8")
    assert blocks.run_page(tmp_path / "page.md") == 3
    assert "x = 2" in (tmp_path / "saved.py").read_text(encoding="utf-8")


def test_modules_that_the_pages_name_exist():
    pages = "\n".join(path.read_text(encoding="utf-8") for path in PAGES)
    named = set(re.findall(r"`(ncd(?:\.[a-z]\w*)+)`", pages))
    assert len(named) > 20
    for dotted in sorted(named):
        found, parts = ncd, dotted.split(".")[1:]
        for depth, part in enumerate(parts, 1):
            if not hasattr(found, part):
                import_module(".".join(["ncd", *parts[:depth]]))
            found = getattr(found, part)
        assert found is not None
