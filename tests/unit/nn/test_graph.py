"""Graph layers equal plain loops over nodes and edges, and commute with a renumbering."""

from __future__ import annotations

import itertools

import jax
import numpy as np
import pytest

from ncd.construct.trace import diagram
from ncd.errors import AxisError, NcdError, NotationError
from ncd.interpret.jax import compile_diagram
from ncd.interpret.reference import run
from ncd.nn.graph import (
    graph_convolution,
    graph_isomorphism,
    message_passing,
    normalised_adjacency,
    readout,
    segment_softmax,
)
from ncd.nn.linear import linear
from ncd.traverse.places import places
from tests.strategies import drawn

SOURCE, TARGET = np.array([0, 1, 1, 2, 3, 3]), np.array([1, 0, 2, 1, 1, 3])     # node 4 is alone
PATH = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]])
FOLDS = {"sum": sum, "mean": lambda items: sum(items) / len(items),
         "max": lambda items: np.max(items, axis=0), "min": lambda items: np.min(items, axis=0)}


def passed(x, fold, message=lambda a, b: a, empty=0.0):
    """Message passing by loops over nodes and edges."""
    out = []
    for i in range(len(x)):
        items = [message(x[s], x[t]) for s, t in zip(SOURCE, TARGET) if t == i]
        out.append(FOLDS[fold](items) if items else np.full(message(x[0], x[0]).shape, empty))
    return np.array(out)


def normal_form(a):
    a = a + np.eye(len(a))
    degrees = [sum(row) for row in a]
    return np.array([[a[i, j] / np.sqrt(degrees[i] * degrees[j]) for j in range(len(a))]
                     for i in range(len(a))])


@pytest.mark.parametrize("diagram, want", [
    (normalised_adjacency("n j"), "n j=n -> n j=n"),
    (graph_convolution("n j", "f -> g"), "n j=n, n f -> n g"),
    (graph_convolution("n=5 j", "f=3 -> f=8").lift("b"), "b n=5 j=5, b n=5 f=3 -> b n=5 f=8"),
    (message_passing(), "n, e : index(n), e : index(n) -> n"),
    (message_passing("max").on("n f, e : index(n), e : index(n)"), "n f, e : index(n), e : index(n) -> n f"),
    (message_passing(message=linear("f -> g")).on("n=5 f=2, e=9 : index(5), e=9 : index(5)"),
     "n=5 f=2, e=9 : index(5), e=9 : index(5) -> n=5 g"),
    (graph_isomorphism("f -> g=4", "d"), "n f, e : index(n), e : index(n) -> n g=4"),
    (segment_softmax("e -> n").on("e h=2, e : index(n)"), "e h=2, e : index(n) -> e h=2"),
    (readout("mean", "n -> b").on("n f, n : index(b)"), "n f, n : index(b) -> b f"),
])
def test_type(diagram, want):
    assert str(diagram) == want


def test_places():
    slots, _ = places(graph_convolution("n", "f -> g"))
    found = {"/".join(path): str(slot.array) for path, slot in slots.items()}
    assert found == {"graph_convolution/linear/weight": "f g", "graph_convolution/bias": "g"}
    found = {"/".join(path) for path in places(graph_isomorphism("f -> g", "d", name="G"))[0]}
    assert found == {"G/epsilon", "G/hidden/weight", "G/hidden/bias", "G/output/weight", "G/output/bias"}


def test_normalised_adjacency():
    a, b = 1 / 2, 1 / np.sqrt(6)
    np.testing.assert_allclose(run(normalised_adjacency("n"), PATH.astype(float)),
                               [[a, b, 0], [b, 1 / 3, b], [0, b, a]], atol=1e-12)
    rng = np.random.default_rng(1)
    two = rng.integers(0, 2, size=(2, 5, 5)).astype(float)
    two = np.maximum(two, two.transpose(0, 2, 1))
    found = run(normalised_adjacency("n").on("b n n'=n"), two)
    for a, have in zip(two, found):
        np.testing.assert_allclose(have, normal_form(a), atol=1e-12)


@pytest.mark.parametrize("normalised, bias", list(itertools.product([False, True], repeat=2)))
def test_graph_convolution_by_loops(normalised, bias):
    rng = np.random.default_rng(2)
    d = graph_convolution("n", "f -> g=2", normalised, bias)
    params, x = drawn(d, rng, f=4), rng.normal(size=(3, 4))
    a = normal_form(PATH) if normalised else PATH
    weight = params["graph_convolution"]["linear"]["weight"]
    want = np.array([sum(a[i, j] * (x[j] @ weight) for j in range(3)) for i in range(3)])
    want = want + (params["graph_convolution"]["bias"] if bias else 0)
    np.testing.assert_allclose(run(d, PATH.astype(float), x, params=params), want, atol=1e-12)


@pytest.mark.parametrize("fold", FOLDS)
def test_message_passing_by_loops(fold):
    x = np.random.default_rng(3).normal(size=(2, 5, 3))
    d = message_passing(fold).on("b n f, e : index(n), e : index(n)")
    found = run(d, x, SOURCE, TARGET)
    for have, features in zip(found, x):
        np.testing.assert_allclose(have, passed(features, fold), atol=1e-12)
        assert not have[4].any()


def test_what_the_maximum_of_no_messages_is():
    x = np.random.default_rng(4).normal(size=(5, 3))
    d = message_passing("max", empty=-7.0).on("n f, e : index(n), e : index(n)")
    np.testing.assert_allclose(run(d, x, SOURCE, TARGET), passed(x, "max", empty=-7.0), atol=1e-12)


def test_edges_of_their_own_in_a_batch():
    x = np.random.default_rng(5).normal(size=(2, 5))
    d = message_passing("mean").on("b n, b e : index(n), b e : index(n)")
    found = run(d, x, np.stack([SOURCE, TARGET]), np.stack([TARGET, SOURCE]))
    np.testing.assert_allclose(found[0], passed(x[0], "mean"), atol=1e-12)
    back = [np.mean([x[1, t] for s, t in zip(SOURCE, TARGET) if s == i] or [0]) for i in range(5)]
    np.testing.assert_allclose(found[1], back, atol=1e-12)


def test_messages_of_the_source_and_of_both_ends():
    rng = np.random.default_rng(6)
    x, weight = rng.normal(size=(5, 3)), rng.normal(size=(3, 2))
    d = message_passing("max", message=linear("f -> g=2", bias=False))
    found = run(d, x, SOURCE, TARGET, params={"linear": {"weight": weight}})
    np.testing.assert_allclose(found, passed(x, "max", lambda a, b: a @ weight), atol=1e-12)

    @diagram("f, f -> f")
    def difference(source, target):
        return source - target
    found = run(message_passing("sum", message=difference), x, SOURCE, TARGET)
    np.testing.assert_allclose(found, passed(x, "sum", lambda a, b: a - b), atol=1e-12)


def test_graph_isomorphism_by_loops():
    rng = np.random.default_rng(7)
    d = graph_isomorphism("f -> g", "d")
    params, x = drawn(d, rng, f=3, g=2, d=4), rng.normal(size=(5, 3))
    p = params["graph_isomorphism"]
    total = (1 + p["epsilon"]) * x + passed(x, "sum")
    inner = np.maximum(total @ p["hidden"]["weight"] + p["hidden"]["bias"], 0)
    want = inner @ p["output"]["weight"] + p["output"]["bias"]
    np.testing.assert_allclose(run(d, x, SOURCE, TARGET, params=params), want, atol=1e-12)


def test_one_hexagon_and_two_triangles_look_the_same():
    """The ceiling of message passing: equal sums over the nodes (Weisfeiler–Leman)."""
    rng = np.random.default_rng(8)
    layer = graph_isomorphism("f -> g=4", "d=5").on("n=6 f=2, e=12 : index(6), e=12 : index(6)")
    params = drawn(layer, rng)
    hexagon = [(i, (i + step) % 6) for i in range(6) for step in (1, 5)]
    triangles = [(i, 3 * (i // 3) + (i + step) % 3) for i in range(6) for step in (1, 2)]
    x = np.ones((6, 2))
    sums = []
    for edges in (hexagon, triangles):
        source, target = np.array(edges).T
        h = run(layer, x, source, target, params=params)
        sums.append(run(readout("sum", "n -> b=1").on("n=6 g=4, n=6 : index(1)"), h, np.zeros(6, int)))
    np.testing.assert_allclose(sums[0], sums[1], atol=1e-12)
    assert np.abs(sums[0]).max() > 0


@pytest.mark.parametrize("fold", FOLDS)
def test_renumbering_the_nodes_is_natural(fold):
    rng = np.random.default_rng(9)
    x, order = rng.normal(size=(5, 3)), rng.permutation(5)
    place = np.argsort(order)
    d = message_passing(fold).on("n f, e : index(n), e : index(n)")
    found = run(d, x[order], place[SOURCE], place[TARGET])
    np.testing.assert_allclose(found, run(d, x, SOURCE, TARGET)[order], atol=1e-12)


def test_segment_softmax_by_loops():
    x = np.random.default_rng(10).normal(size=(6, 2)) * 400      # the naive form would overflow
    found = run(segment_softmax("e -> n=5").on("e h, e : index(5)"), x, TARGET)
    for i in set(TARGET):
        e = np.nonzero(np.equal(TARGET, i))[0]
        weight = np.exp(x[e] - x[e].max(0))
        np.testing.assert_allclose(found[e], weight / weight.sum(0), atol=1e-12)


@pytest.mark.parametrize("fold", FOLDS)
def test_readout_by_loops(fold):
    x, graph = np.random.default_rng(11).normal(size=(5, 3)), np.array([0, 2, 0, 0, 2])
    found = run(readout(fold, "n -> b=3").on("n f, n : index(3)"), x, graph)
    for b in range(3):
        items = [x[i] for i in range(5) if graph[i] == b]
        np.testing.assert_allclose(found[b], FOLDS[fold](items) if items else np.zeros(3), atol=1e-12)


@pytest.mark.parametrize("fold", FOLDS)
def test_jax_equals_reference(fold):
    rng = np.random.default_rng(12)
    x = rng.normal(size=(5, 3)).astype(np.float32)
    d = message_passing(fold).on("n f, e : index(n), e : index(n)")
    np.testing.assert_allclose(compile_diagram(d)(x, SOURCE, TARGET), run(d, x, SOURCE, TARGET), rtol=1e-5)
    d = graph_isomorphism("f -> g", "d")
    params = jax.tree.map(np.float32, drawn(d, rng, f=3, g=2, d=4))
    np.testing.assert_allclose(compile_diagram(d)(params, x, SOURCE, TARGET),
                               run(d, x, SOURCE, TARGET, params=params), rtol=1e-4, atol=1e-5)
    d = graph_convolution("n", "f -> g=2")
    params, a = jax.tree.map(np.float32, drawn(d, rng, f=3)), np.float32(PATH)
    np.testing.assert_allclose(compile_diagram(d)(params, a, x[:3]), run(d, a, x[:3], params=params),
                               rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("make, error, words", [
    (lambda: graph_convolution("n", "f g"), NotationError, "f -> g"),
    (lambda: graph_convolution("n m k", "f -> g"), NotationError, "two labels"),
    (lambda: graph_convolution("n n", "f -> g"), AxisError, "stands twice"),
    (lambda: message_passing("median"), NcdError, "no fold 'median'"),
    (lambda: readout("median", "n -> b"), NcdError, "sum, mean, max, min"),
    (lambda: message_passing(message=linear("f -> g") @ linear("f -> g")), NcdError, "source and target"),
    (lambda: segment_softmax("e"), NotationError, "e -> n"),
    (lambda: segment_softmax("e -> e"), AxisError, "from one axis to another"),
    (lambda: readout("sum", "n m -> b"), AxisError, "from one axis to another"),
    (lambda: message_passing().on("n f, e, e"), AxisError, "want int"),
])
def test_errors_say_what_is_wrong(make, error, words):
    with pytest.raises(error, match=words):
        make()
