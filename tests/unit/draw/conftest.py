"""A browser for the tests that open a page in one."""

from __future__ import annotations

import pytest

from tests.browser import chromium, launched


@pytest.fixture(scope="module")
def browser():
    pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    if chromium() is None:
        pytest.skip("there is no Chromium")
    with launched() as running:
        yield running
