"""The README: every block of it runs, and what it says is printed is printed."""

from __future__ import annotations

from tests.docs import blocks

README = blocks.ROOT / "README.md"


def test_readme(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    compared = blocks.run_page(README)
    assert compared >= 8
    assert (tmp_path / "heads.svg").read_text(encoding="utf-8").startswith("<svg")
    assert (tmp_path / "mha.svg").exists()
