"""The mathematics of the layout: least displacement, and the columns of operations."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ncd.construct import generators as g
from ncd.construct.notation import einsum
from ncd.construct.trace import diagram
from ncd.interpret.draw.layout.isotonic import Chunk, distance, settle
from ncd.interpret.draw.layout.layers import columns, levels, neighbours
from ncd.interpret.draw.layout.separator import Separators
from ncd.interpret.draw.scene.scene import Scene, Strand, Wire
from tests.geometry import Piece
from tests.strategies import examples
from tests.unit.draw.pictures import PICTURES


def least(chunks) -> float:
    """The least total displacement, by dynamic programming over all heights that can be best."""
    depth, at = [], 0.0
    for index, chunk in enumerate(chunks):
        at += chunks[index - 1].height + distance(chunks[index - 1], chunk) if index else 0.0
        depth.append(at)
    places = sorted({height - d for chunk, d in zip(chunks, depth) for height, _ in chunk.pulls})
    best = [0.0] * len(places)
    for chunk, d in zip(chunks, depth):
        own = [sum(w * abs(p + d - h) for h, w in chunk.pulls) for p in places]
        for n in range(len(places)):
            best[n] = (min(best[n], best[n - 1]) if n else best[n])
        best = [a + b for a, b in zip(best, own)]
        running = float("inf")
        for n, value in enumerate(best):
            running = min(running, value)
            best[n] = running
    return best[-1]


chunk = st.builds(lambda offset, up, down, pulls: Chunk((0.0, offset) if offset else (0.0,), up, down, None,
                                                        [(float(h), w) for h, w in pulls]),
                  st.sampled_from([0.0, 20.0]), st.sampled_from([0.0, 25.0]), st.sampled_from([0.0, 25.0]),
                  st.lists(st.tuples(st.integers(-100, 300), st.integers(1, 8)), min_size=1, max_size=3))


@examples(200)
@given(st.lists(chunk, min_size=1, max_size=7))
def test_heights_have_the_least_displacement_and_keep_their_distances(chunks):
    ys = settle(chunks)
    for (above, y), (below, z) in pairwise(zip(chunks, ys)):
        assert z - y >= above.height + distance(above, below) - 1e-9
    cost = sum(w * abs(y - h) for one, y in zip(chunks, ys) for h, w in one.pulls)
    assert abs(cost - least(chunks)) < 1e-6


@given(st.lists(chunk, min_size=1, max_size=5), st.integers(-50, 50))
def test_bounds_are_kept(chunks, low):
    room = settle(chunks)[-1] - settle(chunks)[0] + 1000
    ys = settle(chunks, None, low, low + room)
    assert ys[0] >= low and ys[-1] + chunks[-1].height <= low + room


def test_what_may_stay_stays():
    rows = [Chunk(bundle=n, pulls=[(y, 8)]) for n, y in enumerate((0.0, 100.0, 139.0))]
    assert settle(rows, 0.0) == [0.0, 100.0, 139.0]


def test_operations_stand_right_of_what_they_read():
    for name in PICTURES:
        graph = PICTURES[name][0].graph
        level = levels(graph)
        for node, args in enumerate(graph.args):
            for wire in args:
                maker = graph.producer[wire]
                assert maker < 0 or level[maker] < level[node]
        assert sorted(node for column in columns(graph) for node in column) == list(range(len(graph)))


def test_sources_stand_just_before_what_reads_them():
    @diagram("x m -> x p")
    def model(x):
        first, last = g.parameter("first", "m n")(), g.parameter("last", "n p")()
        y = g.elementwise("relu")(einsum("x m, m n -> x n")(x, first))
        return einsum("x n, n p -> x p")(y, last)
    kinds = [op.name.partition("[")[0] for op in model.graph.ops]
    names = [[kinds[node] for node in column] for column in columns(model.graph)]
    assert names == [["parameter"], ["einsum"], ["parameter", "relu"], ["einsum"]]
    assert all(side == 0.3 for _, side in neighbours(model.graph).values())


def test_operations_that_do_not_depend_on_each_other_share_a_column():
    multi_head = PICTURES["multi_head"][0]
    assert [len(column) for column in columns(multi_head.graph)] == [3, 1, 1, 1, 1, 1]


def test_a_separator_that_goes_far_keeps_beside_a_wire():
    """A small step is a line at 45°; a high one has the height of a wire's cubic all along."""
    small, high = Strand(0.0, 0.0, "dash"), Strand(0.0, 0.0, "dash")
    small.to(60.0, 20.0)
    high.to(130.0, 300.0)
    assert small.done().points == ((0.0, 0.0), (20.0, 0.0), (40.0, 20.0), (60.0, 20.0))
    drawn, beside = high.done(), Piece(Wire(((0.0, 0.0), (130.0, 300.0))), 0)
    assert all(abs(y - beside.y(x)) < 1e-6 for x, y in drawn.points) and len(drawn.points) > 12
    assert drawn.ends == [0, len(drawn.points) - 1] and small.done().ends == [0, 1, 2, 3]


def test_a_separator_stays_where_it_may():
    """What stands over one operation does not make it go up and down again; what is far below does."""
    lines = Separators(Scene(), [80.0])
    assert lines.steady([0, 1], [0.0, 90.0], [0.0, 70.0]) == [0.0, 80.0]
    assert lines.steady([0, 1], [0.0, 75.0], [0.0, 70.0]) == [0.0, 75.0]        # a label is in the way
    assert lines.steady([0, 1], [0.0, 90.0], [0.0, 85.0]) == [0.0, 90.0]        # a mark is in the way
    assert lines.steady([0, 1], [0.0, 120.0], [0.0, 70.0]) == [0.0, 120.0]
