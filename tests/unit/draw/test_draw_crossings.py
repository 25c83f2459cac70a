"""The order of what stands in the columns: sweeps lessen crossings and lose nothing."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ncd
from ncd.interpret.draw import scene_of
from ncd.interpret.draw.layout import crossings as sweep
from ncd.interpret.draw.layout import layout
from tests.strategies import diagrams, examples
from tests.unit.draw.pictures import attention


def crossings(graph, columns) -> int:
    """Counted pair by pair; shares no code with the sweeps."""
    live, total = list(range(len(graph.inputs))), 0

    def pairs(sources):
        return sum(max(1, len(graph.types[live[a]].axes)) * max(1, len(graph.types[live[b]].axes))
                   for n, a in enumerate(sources) for b in sources[n + 1:] if a > b)
    for items in columns:
        total += pairs([slot.source for item in items for slot in item.slots])
        after = []
        for item in items:
            if item.node < 0:
                after.append(live[item.slots[0].source])
            else:
                op, args = graph.ops[item.node], graph.args[item.node]
                assert [live[slot.source] for slot in item.slots] == [args[a] for a in item.order]
                after += range(graph.first[item.node], graph.first[item.node] + len(op.cod))
        live = after
    return total + pairs([live.index(wire) for wire in graph.outputs])


def swept(diagram, monkeypatch, depth: int = 0) -> tuple[int, int]:
    """Crossings before and after, over all that the picture lays out."""
    found = Counter()

    def watched(graph, columns, free):
        made = sweep.fewer_crossings(graph, columns, free)
        found["before"] += crossings(graph, columns)
        found["after"] += crossings(graph, made)
        for was, now in zip(columns, made):
            assert Counter(item.node for item in was) == Counter(item.node for item in now)
        return made
    monkeypatch.setattr(layout, "fewer_crossings", watched)
    scene_of(diagram, depth)
    return found["before"], found["after"]


@examples(40)
@given(diagrams())
def test_there_are_never_more(diagram):
    with pytest.MonkeyPatch.context() as patch:
        before, after = swept(diagram, patch)
    assert after <= before


def test_what_does_not_cross_stays(monkeypatch):
    assert swept(attention, monkeypatch) == (0, 0)


@pytest.mark.parametrize("name, part", [("multi_head_attention", 0.8), ("pre_norm_block", 0.8),
                                        ("gru", 0.85)])
def test_derivatives_have_fewer(name, part, monkeypatch):
    before, after = swept(ncd.zoo.ZOO[name]().reverse().composite, monkeypatch, 1)
    assert before > 100 and after < part * before


@examples(100)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 4)), max_size=12))
def test_inversions_are_counted(taken):
    wanted = sum(m * n for i, (a, m) in enumerate(taken) for b, n in taken[i + 1:] if a > b)
    assert sweep._inversions(taken, 10) == wanted
