"""Plots: what is drawn is what the formulas say; bad input is refused; files are whole."""

from __future__ import annotations

import xml.etree.ElementTree as XML

import numpy as np
import pytest

import ncd
from ncd.analysis import plot
from ncd.errors import AxisError, InputError, OutputError, SizeError
from ncd.plan import memory_profile, pareto

SIZES = {"m": 512, "h": 8, "k": 64, "f": 2048}


@pytest.fixture(scope="module")
def cost():
    return ncd.zoo.pre_norm_block().cost()


def test_lines_are_the_formulas(cost):
    axes = cost.plot("x", low=1, high=4096, **SIZES).axes[0]
    lines = {line.get_label(): line for line in axes.get_lines()}
    at = lines["total"].get_xdata().astype(int)
    assert at[0] == 1 and at[-1] == 4096
    assert lines["total"].get_ydata() == pytest.approx(cost.evaluate(x=at, **SIZES)["flops"])
    parts = [line.get_ydata() for name, line in lines.items() if name in ("layer_norm[m]", "self_attention",
                                                                          "add", "feed_forward")]
    assert np.sum(parts, axis=0) == pytest.approx(lines["total"].get_ydata())


def test_regimes_are_shaded_where_one_dominates(cost):
    axes = cost.plot("x", **SIZES).axes[0]
    edges = sorted({round(patch.get_x()) for patch in axes.patches})
    assert edges == [1, 1007] and axes.texts[0].get_text() == "1,007"
    assert not list(cost.plot("x", measure="peak_memory", **SIZES).axes[0].patches)


def test_a_roofline_has_every_operation_below_its_roof(cost):
    found = cost.roofline("h100", "float16")
    axes = plot.roofline(found, x=2048, **SIZES).axes[0]
    roof = axes.get_lines()[0].get_xydata()
    bandwidth, peak = roof[0][1] / roof[0][0], roof[1][1]
    points = np.concatenate([each.get_offsets() for each in axes.collections])
    assert len(points) == 1 + sum(1 for share in found.shares if share.flops.terms and share.bytes.terms)
    assert all(y <= min(peak, x * bandwidth) * (1 + 1e-9) for x, y in points)


def test_memory_and_a_front():
    layer = ncd.elementwise("exp").on("x") >> ncd.elementwise("sin")
    deep = (layer >> layer >> layer).reverse().composite
    profile = memory_profile(deep, x=100)
    axes = plot.memory({"written": profile}).axes[0]
    assert axes.patches[0].get_data().values == pytest.approx([moment.during for moment in profile])
    points = pareto(deep, x=100)
    drawn = plot.front(points).axes[0].get_lines()[1].get_xydata()
    assert {tuple(row) for row in drawn} == {(point.extra, point.peak) for point in points}


@pytest.mark.parametrize("suffix", [".svg", ".png", ".pdf"])
def test_files(cost, tmp_path, suffix):
    first, again = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    for path in (first, again):
        cost.plot("x", path, **SIZES)
    assert first.read_bytes() == again.read_bytes() and first.stat().st_size > 5_000
    if suffix == ".svg":
        XML.parse(first)


def test_bad_input(cost, tmp_path):
    with pytest.raises(AxisError, match="does not depend on 'z'"):
        cost.plot("z", **SIZES)
    with pytest.raises(InputError, match="no measure 'flop'"):
        cost.plot("x", measure="flop", **SIZES)
    with pytest.raises(SizeError, match="no value for the size f, h, k, m"):
        cost.plot("x")
    with pytest.raises(InputError, match="no range from 5 to 2"):
        cost.plot("x", low=5, high=2, **SIZES)
    with pytest.raises(OutputError, match=r"cannot write a plot to .*x.doc"):
        cost.plot("x", tmp_path / "x.doc", **SIZES)
    with pytest.raises(OutputError, match="cannot write"):
        cost.plot("x", tmp_path / "missing" / "x.svg", **SIZES)
    with pytest.raises(InputError, match="no schedule"):
        plot.memory({})
    with pytest.raises(InputError, match="no point"):
        plot.front([])
