"""The documentation for Sphinx: the pages of docs/, the notes of theory/, a table of every law.

``make docs`` builds it. The pages are Markdown, read by MyST; their blocks are run by the tests,
not by Sphinx. The notes stand outside docs/, so they are copied to docs/_theory/ first, where
the table of the laws is written too.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent

project = "ncd"
author = "the ncd authors"
extensions = ["myst_nb"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "ncd"
nb_execution_mode = "off"
myst_enable_extensions = ["amsmath", "dollarmath"]
# A page may skip a level of headings.
suppress_warnings = ["myst.header"]


def law_table() -> str:
    """Every law as a page: its statement, where it must hold and where it must fail."""
    from theory import THEORIES
    lines = ["# Laws", ""]
    for name, laws in THEORIES.items():
        lines += [f"## {name.capitalize()}", "", "| law | statement | holds in | fails in | source |",
                  "|---|---|---|---|---|"]
        for law in laws.values():
            statement = law.statement.replace("|", r"\vert ")      # a bar would end the cell
            source = law.source.replace("|", r"\|")
            lines.append(f"| {law.name} | ${statement}$ | {', '.join(law.holds)} | "
                         f"{', '.join(law.fails)} | {source} |")
        lines.append("")
    return "\n".join(lines)


def write_theory(folder: Path) -> None:
    """Copy the notes and write the table of laws into a folder that git ignores."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / ".gitignore").write_text("*\n", encoding="utf-8")
    for note in sorted((ROOT / "theory" / "notes").glob("*.md")):
        shutil.copy(note, folder / note.name)
    (folder / "laws.md").write_text(law_table(), encoding="utf-8")


def setup(app) -> None:
    """Sphinx calls this before it reads the pages."""
    sys.path.insert(0, str(ROOT))
    write_theory(DOCS / "_theory")
