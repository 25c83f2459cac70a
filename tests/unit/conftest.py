"""What tests of one thing share with those beside them."""

from __future__ import annotations

import pytest

from ncd.command.main import main


@pytest.fixture
def ncd_says(capsys):
    """Run a command line; returns the exit code, standard output and standard error."""
    def say(*arguments: str) -> tuple[int, str, str]:
        code = main(list(arguments))
        out = capsys.readouterr()
        return code, out.out, out.err
    return say
