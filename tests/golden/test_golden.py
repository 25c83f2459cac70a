"""Pictures byte for byte: TikZ beside this file, SVG in the pages of the documentation.

``NCD_RENEW=1 pytest tests/golden`` writes them anew; look at what changed before keeping it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import ncd
from ncd import nn
from ncd.construct import Glyph, opaque

HERE = Path(__file__).parent
MADE = {
    "attention": lambda: ncd.zoo.scaled_attention().draw,
    "marks": lambda: (nn.layer_norm("m") >> nn.linear("m -> h k") >> opaque(
        "f", "h k -> h", glyph=Glyph("hexagon", "F")) >> nn.softmax("h")).draw,
    "repetition": lambda: (nn.linear("m -> m") >> nn.relu).repeat("N").draw,
    "convolution": lambda: nn.convolution("x y", "c -> e", kernel=3, stride=2).draw}


@pytest.mark.parametrize("suffix", [".svg", ".tex"])
@pytest.mark.parametrize("name", MADE)
def test_a_picture_is_what_it_was(name, suffix, tmp_path):
    MADE[name]()(tmp_path / f"{name}{suffix}")
    made, kept = (tmp_path / f"{name}{suffix}").read_bytes(), HERE / f"{name}{suffix}"
    if os.environ.get("NCD_RENEW"):
        kept.write_bytes(made)
    assert made == kept.read_bytes(), "look at the picture; NCD_RENEW=1 keeps it"


def test_two_processes_draw_the_same_bytes():
    """Whatever the hashes of texts are."""
    code = "import ncd, sys; sys.stdout.write(ncd.zoo.pre_norm_block().draw(depth=2, legend=True))"
    found = {subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed},
                            capture_output=True, check=True).stdout for seed in ("1", "2")}
    assert len(found) == 1
