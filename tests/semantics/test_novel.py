"""Models that stand nowhere else here, as a reader would write them: every count, and both runs."""

from __future__ import annotations

import jax
import numpy as np
import pytest

import ncd
from ncd import nn
from ncd.construct import index, iota
from ncd.construct.derived import relabel
from ncd.construct.generators import key, random, stop
from ncd.core.category import Diagram
from ncd.interpret import reference
from ncd.traverse.places import places
from tests.allocator import peak
from tests.semantics.test_counts import differences
from tests.semantics.test_jaxprs import unexplained
from theory.law import _jax_inputs
from theory.random import parameters, values

MODELS: dict[str, tuple[Diagram, dict[str, int]]] = {}


def model(text: str, **sizes):
    def keep(function):
        MODELS[function.__name__] = (ncd.diagram(text)(function), sizes)
        return function
    return keep


@model("y k, x k, x v, r k -> y v", y=2, x=3, k=2, v=2, r=3)
def performer(q, k, v, w):
    """Attention by positive random features, linear in the length (Choromanski et al. 2021)."""
    def features(a, label):
        a = a * ncd.size("k") ** -0.25
        square = ncd.einsum(f"{label} k, {label} k -> {label}")(a, a)
        return nn.exp(ncd.einsum(f"{label} k, r k -> {label} r")(a, w) - 0.5 * square)
    q, k = features(q, "y"), features(k, "x")
    total = ncd.einsum("y r, r -> y")(q, ncd.reduce("sum", "x")(k))
    return ncd.einsum("y r, r v -> y v")(q, ncd.einsum("x r, x v -> r v")(k, v)) / total


@model("n f, e : index(n), e : index(n) -> n h=2 g", n=3, f=2, e=4, g=2)
def graph_attention(x, source, target):
    """Scores of edges, a softmax for each node (Veličković et al. 2018)."""
    z = nn.linear("f -> h=2 g", bias=False)(x)
    left, right = (ncd.einsum("n h g, h g -> n h")(z, ncd.parameter(name, "h=2 g")())
                   for name in ("left", "right"))
    score = nn.leaky_relu(0.2)(ncd.gather("n")(left, source) + ncd.gather("n")(right, target))
    share = nn.segment_softmax("e -> n")(score, target)
    return ncd.segment("sum", "e -> n")(ncd.gather("n")(z, source) * share, target)


@model("m, x g k, x g k -> m, x=x+1 g k, x=x+1 g k", x=2, m=2, g=1, j=2, k=2, f=2)
def decode(token, keys, items):
    """One step of grouped attention with a cache that grows by one."""
    r = nn.rms_norm("m")(token)
    q, k, v = (nn.linear(text, bias=False)(r) for text in ("m -> g j k", "m -> x=1 g k", "m -> x=1 g k"))
    keys, items = ncd.concat("x")(keys, k), ncd.concat("x")(items, v)
    share = ncd.softmax("x")(ncd.einsum("g j k, x g k -> g j x")(q, keys) * ncd.size("k") ** -0.5)
    token = token + nn.linear("g j k -> m", bias=False)(ncd.einsum("g j x, x g k -> g j k")(share, items))
    return token + nn.gated_feed_forward("m", "f")(nn.rms_norm("m")(token)), keys, items


@model("n x -> ()", n=2, x=3, h=2, z=2)
def variational(x):
    """An autoencoder with a random key, and squares written as powers (Kingma and Welling 2014)."""
    h = nn.relu(nn.linear("x -> h")(x))
    mean, log = nn.linear("h -> z")(h), nn.linear("h -> z")(h)
    z = mean + nn.exp(log / 2) * random("normal", "n z")(key("noise")())
    y = nn.sigmoid(nn.linear("z -> x")(z))
    divergence = -0.5 * ncd.reduce("sum", "z")(1 + log - mean ** 2 - nn.exp(log))
    return nn.mean("n")(ncd.reduce("sum", "x")((x - y) ** 2) + divergence)


@model("n d -> n d, ()", n=2, d=2, k=3)
def quantised(x):
    """The nearest row of a learned table, passed straight through (van den Oord et al. 2017)."""
    table = ncd.parameter("table", "k d")()
    near = ncd.topk("k -> j=1")(-ncd.reduce("sum", "d")((x - table) ** 2))[1]
    q = ncd.gather("k")(table, index(j=0)(near))
    return x + stop()(q - x), nn.mean("n")(ncd.reduce("sum", "d")((x - stop()(q)) ** 2))


@model("r c=3 -> r o=4", r=2, w=2)
def radiance(p):
    """Frequencies 2^l of a position, and a skip into a deep layer (Mildenhall et al. 2020)."""
    angle = p * 2.0 ** iota("l=2")() * np.pi
    code = ncd.rearrange("r c l -> r q=(c l)")(ncd.concat("c")(nn.sin(angle), nn.cos(angle)))
    h = nn.relu(nn.linear("q -> w")(code))
    return nn.linear("w -> o=4")(ncd.concat("w")(h, relabel(q="w")(code)))


@model("d, t m, s d -> d, t d", t=2, s=2, m=2, d=2)
def attending(state, x, memory):
    """A recurrent decoder that attends to a memory at every step (Bahdanau et al. 2015)."""
    @ncd.diagram("d, m, s d -> d, d")
    def step(h, x, memory):
        h = nn.gru_cell("m -> d")(h, x)[0]
        share = ncd.softmax("s")(ncd.einsum("d, s d -> s")(h, memory))
        return h, h + ncd.einsum("s, s d -> d")(share, memory)
    return ncd.scan(step, "t", states=1, sequences=1)(state, x, memory)


@model("x m -> x m", a=2, b=2, m=2, x=2)
def nested(x):
    """A symbolic number of stages of a symbolic number of layers, lifted."""
    stage = nn.residual(nn.linear("m -> m") >> nn.tanh).repeat("a") >> nn.layer_norm("m")
    return stage.block("stage").repeat("b")(x)


def both(name: str) -> list[Diagram]:
    return [MODELS[name][0], MODELS[name][0].reverse().composite]


@pytest.mark.parametrize("name", MODELS)
def test_every_count_agrees(name):
    sizes = MODELS[name][1]
    for diagram in both(name):
        given, params = values(diagram.dom, sizes, 0), parameters(diagram, sizes, 0)
        assert differences(diagram, given, params, sizes) == {}
        assert unexplained(diagram, given, params, sizes) == {}
        assert diagram.cost().evaluate(**sizes)["activations"] == peak(diagram, sizes)


@pytest.mark.parametrize("name", MODELS)
def test_the_parameters_are_those_that_init_makes(name):
    diagram, sizes = MODELS[name]
    tree = diagram.init(0, **sizes)
    assert sum(leaf.size for leaf in jax.tree_util.tree_leaves(tree)) == \
        diagram.cost().evaluate(**sizes)["params"]


@pytest.mark.parametrize("name", sorted(set(MODELS) - {"variational"}))     # its key is drawn otherwise
def test_jax_computes_what_the_reference_does(name):
    sizes = MODELS[name][1]
    for diagram in both(name):
        assert not places(diagram)[1]
        given, params = values(diagram.dom, sizes, 0), parameters(diagram, sizes, 0)
        run = diagram.to_jax(**sizes)
        held = [jax.tree.map(np.float32, params)] if run.slots else []
        found = run(*held, *_jax_inputs(diagram.dom, given))
        wanted = reference.run(diagram, *given, params=params, **sizes)
        many = isinstance(wanted, tuple)
        for one, other in zip(found if many else [found], wanted if many else [wanted], strict=True):
            np.testing.assert_allclose(one, other, rtol=2e-4, atol=2e-4)
