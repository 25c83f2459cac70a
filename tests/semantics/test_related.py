"""Ten related systems said in the basis: the toy numbers of each, and JAX equal to the reference."""

from __future__ import annotations

import importlib.util
from functools import cache
from math import comb
from pathlib import Path

import jax
import numpy as np
import pytest
import sympy

from ncd import from_json
from ncd.core.category import Ty
from ncd.errors import RuleError
from ncd.interpret.reference import REFERENCE, run

FOLDER = Path(__file__).parents[2] / "examples" / "related"
SYSTEMS = ("ologs", "infinite_width_gnn", "graph_level", "multigraph_convolution", "graph_deconvolution",
           "graph_kernel", "neural_interpreter", "neuromorphic", "graph_representation", "affine_skip")


@cache
def system(name: str):
    """An example as a module."""
    spec = importlib.util.spec_from_file_location(f"related_{name}", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def value(drawn, *inputs, params=None, **sizes):
    """What the reference gives, once JAX gives the same, the cost is known and JSON brings it back."""
    inputs = [np.asarray(item, float) if isinstance(item, list) else item for item in inputs]
    found = run(drawn, *inputs, params=params, **sizes)
    assert from_json(drawn.to_json()) == drawn and drawn.cost().writes != 0
    with jax.enable_x64(True):
        compiled = jax.jit(drawn.to_jax(**sizes))
        again = compiled(params, *inputs) if params else compiled(*inputs)
        for ours, theirs in zip(*(x if isinstance(x, tuple) else (x,) for x in (found, again))):
            np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-9)
    return found


def close(found, wanted, tolerance: float = 1e-6):
    np.testing.assert_allclose(found, wanted, rtol=0, atol=tolerance)


def random(*shape: int, seed: int = 0):
    return np.random.default_rng(seed).normal(size=shape)


def path(n: int):
    return np.eye(n, k=1) + np.eye(n, k=-1)


def cycle(n: int):
    return np.roll(np.eye(n), 1, 0) + np.roll(np.eye(n), -1, 0)


def edges(a, loops: bool = False):
    """The two ends of each edge of an adjacency matrix, both ways."""
    return np.nonzero(a + loops * np.eye(len(a)))


P3, K3, X = path(3), cycle(3), np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])


def test_there_is_one_example_for_each_system():
    assert sorted(file.stem for file in FOLDER.glob("*.py")) == sorted(SYSTEMS)


@pytest.mark.parametrize("name", SYSTEMS)
def test_an_example_says_its_equations_and_its_source(name):
    assert "Source:" in system(name).__doc__ and system(name).__doc__.count("\n") > 5


def test_skeletons_up_to_isomorphism():
    assert [len(system("ologs").skeletons(n)) for n in range(1, 6)] == [1, 2, 5, 16, 63]


def test_edit_distances_of_wirings():
    ologs = system("ologs")

    def wiring(labels, *arrows):
        return ologs.Wiring(tuple(labels), frozenset(arrows))
    olog = [("A", "B"), ("B", "C")]
    near = ologs.edit_graph("ABC", olog, 3)
    assert len(near) == 119
    assert all(one in near[other] for one in near for other in near[one])
    pair, chain = wiring("AB", (0, 1)), wiring("ABC", (0, 1), (1, 2))
    distances = [(pair, wiring("AC", (0, 1)), 1), (pair, chain, 1), (pair, wiring("BA", (0, 1)), 2),
                 (chain, wiring("ABC", (0, 1), (0, 2)), 2), (chain, chain, 0)]
    for one, other, steps in distances:
        assert ologs.distance(near, one, other) == ologs.distance(near, other, one) == steps
    without = ologs.edit_graph("ABC", olog, 3, ologs.EDITS[:3])       # the edits are a parameter
    assert ologs.distance(without, pair, chain) == 2
    apart = ologs.edit_graph("ABC", [], 3, [ologs.relabel_vertex])
    assert ologs.distance(apart, pair, chain) is None


def test_a_wiring_is_a_diagram_of_opaque_operations():
    ologs, sizes = system("ologs"), {"A": "x", "B": "y", "C": "z"}
    fork = ologs.wiring_diagram(ologs.Wiring(("A", "B", "C"), frozenset({(0, 1), (0, 2)})), sizes)
    assert str(fork.cod) == "y, z" and fork.dom == Ty()
    assert fork.listing() == "a = A()  : x\nb = B(a) : y\nc = C(a) : z\n-> b, c"
    again = ologs.wiring_diagram(ologs.Wiring(("A", "C", "B"), frozenset({(0, 1), (0, 2)})), sizes)
    assert again >> again.swap(Ty("z"), Ty("y")) == fork
    chain = ologs.wiring_diagram(ologs.Wiring(("A", "B", "C"), frozenset({(0, 1), (1, 2)})), sizes)
    assert chain != fork
    with pytest.raises(RuleError, match="no rule for the operation `A`"):
        run(fork, x=1, y=1, z=1)


def test_an_instance_of_an_olog_obeys_its_facts():
    ologs = system("ologs")

    def instance(**tables):
        return REFERENCE | {name.replace("_", " "): lambda run, op, index, table=tuple(table): table[index]
                            for name, table in tables.items()}

    def holds(fact, model):
        left, right = ologs.FACTS[fact]
        count = {"employee": 3, "department": 2}[left.dom.inside[0].bound.name]
        return all(model(left, index) == model(right, index) for index in range(count))
    good = instance(works_in=[0, 1, 1], is_managed_by=[0, 1, 1], has_as_secretary=[0, 2])
    bad = instance(works_in=[0, 1, 1], is_managed_by=[0, 0, 1], has_as_secretary=[0, 0])
    assert [holds(fact, good) for fact in ologs.FACTS] == [True, True]
    assert [holds(fact, bad) for fact in ologs.FACTS] == [False, False]


def renormalised(a):
    a = a + np.eye(len(a))
    scale = a.sum(1) ** -0.5
    return a * scale * scale[:, None]


@pytest.mark.parametrize(("depth", "wanted"), [(2, (0.297385, 0.388104, 0.525091)),
                                               (3, (0.238559, 0.307152, 0.398715))])
def test_the_tangent_kernel(depth, wanted):
    gnn = system("infinite_width_gnn")
    kernel = value(gnn.tangent_kernel(depth), renormalised(P3), X)
    close([kernel[0, 0], kernel[0, 1], kernel[1, 1]], wanted)
    close(value(gnn.tangent_kernel("L"), renormalised(P3), X, L=depth), kernel, 1e-12)


def test_the_tangent_kernel_is_that_of_a_wide_network():
    gnn, width = system("infinite_width_gnn"), 400_000
    network = gnn.finite_network(width)
    with jax.enable_x64(True):
        params = {"inner": random(2, width, seed=1), "outer": random(width, seed=2)}
        slopes = jax.jit(jax.jacobian(network.to_jax()))(params, renormalised(P3), X)
        flat = np.concatenate([np.reshape(leaf, (3, -1)) for leaf in jax.tree.leaves(slopes)], 1)
    limit = run(gnn.tangent_kernel(2), renormalised(P3), X)
    np.testing.assert_allclose(flat @ flat.T, limit, rtol=5e-3)


def test_a_trained_network_predicts_by_a_solve():
    gnn = system("infinite_width_gnn")
    kernel, train, labels = run(gnn.tangent_kernel(3), renormalised(P3), X), np.array([0, 2]), random(2, 4)
    found = value(gnn.predict, kernel, train, labels)
    close(found, kernel[:, train] @ np.linalg.inv(kernel[np.ix_(train, train)]) @ labels, 1e-9)
    close(found[train], labels, 1e-9)


def readouts(*graphs):
    """Sums over each of some graphs of one size, as one batch."""
    count, nodes = len(graphs), len(graphs[0])
    union = sum(np.kron(np.diag(np.eye(count)[n]), graph) for n, graph in enumerate(graphs))
    layer = {"epsilon": np.array(0.3), "inner": random(2, 2, seed=3), "outer": random(2, 2, seed=4)}
    params = {"isomorphism": layer, "isomorphism_1": layer}
    return value(system("graph_level").graph_network(), np.ones((count * nodes, 2)), *edges(union),
                 np.repeat(np.arange(count), nodes), params=params, g=count)


def test_message_passing_cannot_tell_a_hexagon_from_two_triangles():
    twice = np.kron(np.eye(2), K3)
    one, other, third = readouts(cycle(6), twice, path(6))
    close(one, other, 1e-12)
    assert np.abs(one - third).max() > 1e-3


def test_pools():
    level = system("graph_level")
    clusters = np.array([[1.0, 0], [1, 0], [0, 1]])
    adjacency, features = value(level.differentiable_pool, P3, X, clusters)
    close(adjacency, [[2, 1], [1, 0]])
    close(features, [[1, 1], [1, 1]])
    rows, kept = value(level.topk_pool(2), X, np.array([3.0, 4.0]))
    assert kept.tolist() == [2, 1]
    close(rows, X[[2, 1]] * np.tanh([[1.4], [0.8]]))


SHIFTS = np.stack([P3, np.array([[0.0, 0, 1], [0, 0, 0], [1, 0, 0]])])


def test_words_of_shifts():
    multigraph = system("multigraph_convolution")
    x = np.array([[1.0], [2], [3]])
    words = value(multigraph.words(2), SHIFTS, x)[:, :, 0]
    close(words[3 + 1], [0, 4, 0])                   # S1 S2 x: words of two letters start at 3
    close(words[3 + 2], [2, 0, 2])                   # S2 S1 x
    params = {"H": np.ones((7, 1, 1)), "b": np.zeros(1)}
    close(value(multigraph.multigraph_convolution(2), SHIFTS, x, params=params)[:, 0], [13, 14, 15])


def test_words_are_counted_by_their_axis():
    for letters, longest, words, commuting in ((2, 2, 7, 6), (2, 3, 15, 10), (3, 3, 40, 20)):
        (array,) = system("multigraph_convolution").words(longest).cod.inside
        assert array.size("w").evaluate({"e": letters}) == words
        assert comb(letters + longest, longest) == commuting < words


def test_the_cost_of_shared_suffixes():
    """2 N² F Σ_{k=1…K} Eᵏ for the shifts and 2 N W F G for the taps; the rest is entry by entry."""
    e, n, f, g = sympy.symbols("e n f g", positive=True, integer=True)
    drawn = system("multigraph_convolution").multigraph_convolution(2)
    products = 2 * n ** 2 * f * (e + e ** 2) + 2 * n * f * g * (1 + e + e ** 2)
    assert sympy.expand(drawn.cost("none").flops - products) == 0


OBSERVED = np.array([[0, 1, 0.5], [1, 0, 0.2], [0.5, 0.2, 0]])


def test_two_steps_of_deconvolution():
    deconvolution = system("graph_deconvolution").deconvolution
    params = {"alpha": np.ones((1, 1)), "beta": np.full((1, 1), 0.1),
              "c": np.array([0.0, 1.0, 0.0]).reshape(1, 3, 1), "threshold": np.array([0.05])}
    upper = (0, [0, 0, 1], [1, 2, 2])
    for prior in (np.zeros((1, 3, 3)), np.eye(3)[None]):
        first = value(deconvolution(1, 1), prior, OBSERVED, params={"deconvolution": params})
        close(first[upper], [0.95, 0.45, 0.15])
    second = value(deconvolution(1, 1, last=True), first, OBSERVED, params={"last deconvolution": params})
    close(second[upper], [1.9165, 0.934, 0.3925])


def test_chebyshev_polynomials_of_a_matrix():
    found = value(system("graph_deconvolution").chebyshev(5), OBSERVED)
    spectrum, vectors = np.linalg.eigh(OBSERVED)
    for degree, matrix in enumerate(found):
        wanted = np.polynomial.chebyshev.Chebyshev.basis(degree)(spectrum)
        close(matrix, vectors * wanted @ vectors.T, 1e-12)


@pytest.mark.parametrize(("one", "other", "kernel"), [(P3, P3, 24), (P3, K3, 12), (K3, K3, 36)])
def test_refinement_without_hashing(one, other, kernel):
    union = np.kron(np.diag([1, 0]), one) + np.kron(np.diag([0, 1]), other)
    left = np.repeat([1.0, 0.0], 3)
    assert value(system("graph_kernel").refinement_kernel(3), union, np.ones(6), left, 1 - left) == kernel


def test_a_mask_answers_at_every_node():
    layer = system("graph_kernel").kernel_layer(radius=1, rounds=2)
    answers = value(layer, path(5), np.ones(5), np.stack([P3, K3]), np.ones((2, 3)))
    close(answers, [[10, 19, 19, 19, 10], [6, 12, 12, 12, 6]])
    other = value(layer, path(5), np.ones(5), np.stack([P3, K3]), np.full((2, 3), 2.0))
    close(other, np.zeros((2, 5)))


def test_walks_of_two_graphs():
    start, counts = value(system("graph_kernel").walk_kernel(3), P3, K3)
    close([start, *counts], [9, 24, 72, 192])


def test_tokens_are_routed_to_near_functions():
    routing = system("neural_interpreter").routing
    kinds = np.array([[1.0, 0], [1, 1], [0, -1]])
    close(value(routing(1.0, 0.9), np.eye(2), kinds), [[1, 0.5, 0], [0, 0.5, 0]], 2e-6)
    close(value(routing(1.0, 1.42), np.eye(2), kinds)[:, 0], [0.731059, 0.268941], 2e-6)


def test_modulation_by_a_code():
    linear = system("neural_interpreter").modulated_linear("k=4", "linear")
    params = {"code": random(3, 5), "weight": random(5, 4, seed=1), "bias": random(4, seed=2),
              "layer_norm": {"scale": random(5, seed=3), "shift": random(5, seed=4)}}
    x, code = random(5, seed=5), random(3, seed=6)
    gate = code @ params["code"]
    gate = (gate - gate.mean()) / np.sqrt(gate.var() + 1e-5) * params["layer_norm"]["scale"]
    wanted = (x * (gate + params["layer_norm"]["shift"])) @ params["weight"] + params["bias"]
    close(value(linear, x, code, params={"linear": params}), wanted, 1e-9)


def test_the_interpreter_is_equivariant_and_iterates_one_set_of_weights():
    interpreter = system("neural_interpreter")
    options = {"functions": "2", "code": "3", "kind": "4", "cutoff": 1.5}
    program, once = interpreter.program("T", **options), interpreter.interpreter(**options)
    shapes = jax.eval_shape(lambda: program.init(0, m=4, T=3))
    params = jax.tree.map(lambda leaf: random(*leaf.shape), shapes)
    x = random(5, 4)
    thrice = value(program, x, params=params, T=3)
    by_hand = x
    for _ in range(3):
        by_hand = run(once, by_hand, params=params["program"])
    close(thrice, by_hand, 1e-9)
    order = [3, 0, 4, 1, 2]
    close(run(program, x[order], params=params, T=3), thrice[order], 1e-9)


def test_the_first_spike():
    spike = system("neuromorphic").first_spike(0.5, 1.0)
    times, weights = np.array([-0.6, -0.1, 0.4]), np.array([0.8, 0.9, -0.3])
    close(value(spike, times, weights), 0.167119)
    close(value(spike, times[[2, 0, 1]], weights[[2, 0, 1]]), 0.167119)
    assert value(spike, times, weights / 4) == np.inf
    joined = 0.5 * np.log((1.5 + 5 * np.exp(0.4)) / 5.5)        # the first alone would fire after the second
    close(value(spike, np.array([0.0, 0.2]), np.array([1.5, 5.0])), joined)


def test_relational_convolution_and_scores():
    neuromorphic = system("neuromorphic")
    h, own, weights = random(4, 3), random(3, 2, seed=1), random(2, 3, 2, seed=2)
    facts = np.array([(0, 0, 1), (2, 0, 1), (3, 1, 1), (1, 1, 0)])
    source, relation, target = facts.T
    wanted = h @ own
    for i in range(4):
        for r in range(2):
            near = [s for s, p, o in facts if (p, o) == (r, i)]
            for j in near:
                wanted[i] += h[j] @ weights[r] / len(near)
    params = {"relational convolution": {"self": own, "relations": weights}}
    found = value(neuromorphic.relational_convolution, h, source, relation, target, params=params)
    close(found, np.maximum(wanted, 0), 1e-12)
    s, r, o = random(3, 5)
    close(value(neuromorphic.distmult, s, r, o), sum(s * r * o), 1e-12)
    close(value(neuromorphic.transe, s, r, o), -np.sqrt(sum((s + r - o) ** 2)), 1e-12)


def test_the_convolution_is_frozen():
    neuromorphic = system("neuromorphic")
    params = {"relational convolution": {"self": random(3, 2), "relations": random(2, 3, 2)}}
    compiled = jax.jit(neuromorphic.relational_convolution.to_jax())
    ends = [np.array([0, 1]), np.array([0, 1]), np.array([1, 0])]
    slopes = jax.grad(lambda params, h: compiled(params, h, *ends).sum(), (0, 1))
    frozen, moving = slopes(params, random(2, 3).astype("float32"))
    assert all(not np.any(leaf) for leaf in jax.tree.leaves(frozen))
    assert np.any(moving)


ROWS, CLASSES = np.array([[1, 0], [0.8, 0.6], [0, 1], [0.6, 0.8]]), np.repeat(np.eye(2), 2, 0)


def test_smoothness_of_labels_on_a_similarity_graph():
    smoothness = system("graph_representation").smoothness
    close([value(smoothness(m), ROWS, CLASSES) for m in (1, 2)], [4.32, 11.1744])


def test_the_spectrum_of_a_path_and_its_filters():
    low_pass = system("graph_representation").low_pass
    whole, spectrum = value(low_pass(3), P3, X)
    close(spectrum, [0, 1, 2])
    close(whole, X)
    part, _ = value(low_pass(2), P3, X)
    close(value(low_pass(2), P3, part)[0], part)
    assert np.abs(part - X).max() > 0.1


def test_nearest_neighbours_and_distillation():
    graphs = system("graph_representation")
    near = value(graphs.nearest(1), run(graphs.similarity, ROWS))
    close(near, [[0, 0.8, 0, 0], [0.8, 0, 0, 0.96], [0, 0, 0, 0.8], [0, 0.96, 0.8, 0]])
    other = random(4, 3) ** 2
    assert value(graphs.distillation(2), ROWS, ROWS) == 0
    a, b = (run(graphs.normalised, run(graphs.similarity, rows)) for rows in (ROWS, other))
    close(value(graphs.distillation(2), ROWS, other), np.sum((a @ a - b @ b) ** 2), 1e-12)


STEERED = {"u": np.eye(2), "c": np.zeros(2), "W": np.stack([np.eye(2), 2 * np.eye(2)])}


def test_feature_steered_convolution_and_its_skip():
    affine = system("affine_skip")
    ends = edges(P3, loops=True)
    plain = value(affine.feature_steered, X, *ends, params={"feature steered": STEERED})
    close(plain[:2], [[0.75, 0.559601], [1.203952, 1.07702]])
    params = {"feature steered": STEERED, "A": np.array([[1.0, 2], [3, 4]]), "b": np.array([0.5, -0.5])}
    close(value(affine.affine_skip(affine.feature_steered), X, *ends, params=params)[0], [2.25, 2.059601])


def test_mixture_of_gaussians():
    affine = system("affine_skip")
    (source, target), place = edges(P3), random(4, 3)
    params = {"mean": random(2, 3), "width": random(2, 3, seed=2) ** 2 + 1, "W": random(2, 2, 5)}
    wanted = np.zeros((3, 5))
    for e, (j, i) in enumerate(zip(source, target)):
        for m in range(2):
            far = (place[e] - params["mean"][m]) / params["width"][m]
            wanted[i] += np.exp(-far @ far / 2) * X[j] @ params["W"][m] / np.sum(target == i)
    close(value(affine.gaussian_mixture, X, source, target, place, params={"mixture": params}), wanted, 1e-12)


def test_radial_basis_functions_interpolate_and_keep_affine_functions():
    radial_basis = system("affine_skip").radial_basis
    centres, places = random(7, 2), random(4, 2, seed=1)
    values = np.sin(3 * centres)
    close(value(radial_basis, centres, values, centres), values, 1e-9)
    line = [[1.0], [2.0]]
    close(value(radial_basis, centres, centres @ line + 3, places), places @ line + 3, 1e-9)
