"""Machines: the figures that are stated, and what is refused."""

from __future__ import annotations

import pytest

from ncd.errors import NcdError
from ncd.interpret.cost.convention import EXPRESSION
from ncd.plan import MACHINES, Level, Link, Machine, machine
from ncd.plan.machine.machine import WIDTHS, in_dtype, in_values, width

FIGURES = [  # name, dtype, FLOP/s, bytes/s, bytes: the vendors' figures, written again
    ("h100", "float16", 989e12, 3.35e12, 80e9), ("h100", "float8", 1979e12, 3.35e12, 80e9),
    ("h200", "bfloat16", 989e12, 4.8e12, 141e9), ("a100", "bfloat16", 312e12, 2.039e12, 80e9),
    ("a100", "float32", 19.5e12, 2.039e12, 80e9), ("tpu_v4", "bfloat16", 275e12, 1.2e12, 32 * 2 ** 30),
    ("tpu_v5e", "bfloat16", 197e12, 819e9, 16e9)]


@pytest.mark.parametrize("name, dtype, rate, bandwidth, capacity", FIGURES)
def test_figures(name, dtype, rate, bandwidth, capacity):
    found = machine(name)
    assert (found.flops(dtype), found.bandwidth(), found.levels[0].capacity) == (rate, bandwidth, capacity)
    assert all(isinstance(value, int) for _, value in found.peak)        # exact, so that formulas are


def test_every_machine_names_its_sources_and_has_device_memory_first():
    for found in MACHINES.values():
        assert found.sources and found.levels[0].name == "device"
        assert hash(found) == hash(machine(found))


def test_links_are_of_one_direction():
    assert (machine("h100").link.bandwidth, machine("a100").link.bandwidth) == (450e9, 300e9)
    assert machine("tpu_v4").link is None


def test_shared_memory_is_that_of_every_core():
    assert machine("h100").level("shared").capacity == 132 * 228 * 1024


def test_what_is_not_there_is_refused():
    with pytest.raises(NcdError, match=r"no machine 'h1000'.*\n.*\n.*h100, h200, a100, tpu_v4, tpu_v5e"):
        machine("h1000")
    with pytest.raises(NcdError, match=r"no peak rate of 'float8'.*\n.*\n.*bfloat16"):
        machine("a100").flops("float8")
    with pytest.raises(NcdError, match=r"no memory level 'cache'.*\n.*\n.*device, L2, shared"):
        machine("h100").level("cache")
    with pytest.raises(NcdError, match="no bandwidth of shared is stated"):
        machine("h100").bandwidth("shared")
    with pytest.raises(NcdError, match="no dtype 'half'"):
        width("half")


def test_wrong_machines_are_refused():
    with pytest.raises(NcdError, match="peak of float32 is not positive"):
        Machine("m", {"float32": 0}, (Level("device", 1, 1),))
    with pytest.raises(NcdError, match="no dtype 'half'"):
        Machine("m", {"half": 1}, (Level("device", 1, 1),))
    with pytest.raises(NcdError, match="levels of memory"):
        Machine("m", {"float32": 1}, ())
    with pytest.raises(NcdError, match="levels of memory"):
        Machine("m", {"float32": 1}, (Level("a"), Level("a")))
    with pytest.raises(NcdError, match="latency is not positive"):
        Link(1e9, 0)


def test_a_level_is_added_or_replaced():
    found = machine("h100").with_level(Level("shared", 100, 12e12))
    assert [level.name for level in found.levels] == ["device", "L2", "shared", "registers"]
    assert found.bandwidth("shared") == 12 * 10 ** 12
    added = machine("tpu_v4").with_level(Level("vector", 16 * 2 ** 20))
    assert added.levels[-1].name == "vector" and len(machine("tpu_v4").levels) == 1


def test_conventions_by_width():
    for dtype, count in WIDTHS.items():
        found = in_dtype(EXPRESSION, dtype)
        assert (found.element_bytes("float"), found.element_bytes("int")) == (count, 4)
        assert found.elementwise is EXPRESSION.elementwise
    assert {in_values(EXPRESSION).element_bytes(kind) for kind in ("float", "int", "bool", "key")} == {1}
