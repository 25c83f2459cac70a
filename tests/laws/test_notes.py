"""Every law is cited, as the record states it, in the note of its theory and nowhere else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import theory
from theory import LAWS, THEORIES

NOTES = Path(theory.__file__).parent / "notes"
CITATION = re.compile(r"^- (✗ )?`([^`]+)`: \$(.+?)\$(?: — (.+))?$")


def citations(page: Path) -> list[tuple[str | None, str, str, str | None]]:
    """(mark, name, statement, conditions) of each law that a page cites."""
    lines = [line for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("- ")]
    found = [CITATION.match(line) for line in lines]
    assert all(found), f"{page.name}: {[line for line, match in zip(lines, found) if not match]}"
    return [match.groups() for match in found]


def test_there_is_a_page_for_each_theory():
    assert {page.stem for page in NOTES.glob("*.md")} == set(THEORIES)


@pytest.mark.parametrize("name", list(THEORIES))
def test_a_page_cites_its_laws(name):
    cited = citations(NOTES / f"{name}.md")
    names = [law for _, law, _, _ in cited]
    assert sorted(names) == sorted(THEORIES[name])
    for mark, law, statement, conditions in cited:
        assert statement == LAWS[law].statement
        assert (conditions or "") == "; ".join(LAWS[law].conditions)
        assert bool(mark) == LAWS[law].refused, f"{law}: a cross marks what is false"


def test_each_law_is_cited_once():
    names = [law for page in NOTES.glob("*.md") for _, law, _, _ in citations(page)]
    assert sorted(names) == sorted(LAWS)


@pytest.mark.parametrize("name", list(THEORIES))
def test_a_page_has_prose(name):
    text = (NOTES / f"{name}.md").read_text(encoding="utf-8")
    prose = [line for line in text.splitlines() if line and not line.startswith(("-", "#"))]
    assert text.startswith("# ") and len(prose) >= 4
    assert text.count("$") % 2 == 0


def test_a_false_law_says_so():
    for law in LAWS.values():
        said = any(condition.startswith("false") for condition in law.conditions)
        assert said == law.refused, law.name
