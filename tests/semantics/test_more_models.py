"""Architectures held to a JAX function written by hand: values, gradients, Hessian-vector products, forms."""

from __future__ import annotations

from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ncd
from ncd import nn
from ncd.construct import index, iota, maximum, pad, slice_axis, solve
from ncd.construct.derived import relabel, unit
from ncd.construct.trace import trace
from ncd.traverse.places import find, places
from tests.derivatives import FAST, _replaced, distance, evaluated, point
from tests.semantics.test_counts import differences
from theory.random import parameters, values

MODELS: dict[str, tuple] = {}
NO = float("-inf")


def model(text: str, by_hand, given=list, **sizes):
    def keep(function):
        MODELS[function.__name__] = ncd.diagram(text)(function), by_hand, sizes, given
        return function
    return keep


def alignments(_, scores, label):
    """Minus the log of the sum over all paths that collapse to the label: every one is written out."""
    steps, letters = scores.shape
    def collapsed(path):
        return [a for n, a in enumerate(path) if a and (n == 0 or path[n - 1] != a)]
    paths = [path for path in product(range(letters), repeat=steps) if collapsed(path) == list(label)]
    weights = [sum(scores[n, a] for n, a in enumerate(path)) for path in paths]
    return -jax.scipy.special.logsumexp(jnp.stack(weights))


@model("t k, u : index(k) -> ()", alignments, lambda inputs: [inputs[0], np.array([1, 1])], t=4, k=3, u=2)
def alignment(scores, label):
    """The forward algorithm over letters and blanks; what no path reaches is −∞ (Graves et al. 2006)."""
    letters = ncd.reindex("u -> s=2*u+1", u="(s - 1)/2", fill=0)(label)
    skips = (letters > 0) & (letters != pad("s", 2, 0)(slice_axis("s", 0, -2)(letters)))
    emitted = ncd.gather("k")(scores, letters)

    @ncd.diagram("s, s, s : bool -> s")
    def step(state, emitted, skips):
        one, two = (pad("s", n, 0, NO)(slice_axis("s", 0, -n)(state)) for n in (1, 2))
        ways = [ncd.rearrange("s -> s j=1")(way) for way in (state, one, ncd.where(skips, two, NO))]
        return nn.logsumexp("j")(ncd.concat("j", 3)(*ways)) + emitted
    start = ncd.where(iota("s=2*u+1")() < 2, index(t=0)(emitted), NO)
    end = ncd.scan(step, "t", states=1, sequences=1)(start, slice_axis("t", 1)(emitted), skips)
    return -nn.logsumexp("s")(slice_axis("s", -2)(end))


def bucketed(p, scores):
    queries, keys = scores.shape[1:]
    apart = np.arange(keys) - np.arange(queries)[:, None]
    near = np.abs(apart)
    far = 2 + (np.log(np.maximum(near, 1) / 2) / np.log(8) * 2).astype(int)
    bucket = (apart > 0) * 4 + np.where(near < 2, near, np.minimum(far, 3))
    return scores + p["bias"][bucket].transpose(2, 0, 1)


@model("h y x -> h y x", bucketed, h=2, y=7, x=6)
def relative_bias(scores):
    """A bias for each bucket of distances, whose widths grow as powers (Raffel et al. 2020)."""
    apart = iota("x")() - iota("y")()
    near = abs(apart)
    far = ncd.elementwise("to_int")(2 + nn.log(maximum(near, 1) / 2) / np.log(8) * 2)
    bucket = ncd.where(apart > 0, 4, 0) + ncd.where(near < 2, near, ncd.construct.minimum(far, 3))
    return scores + ncd.gather("b")(ncd.parameter("bias", "b=8 h")(), bucket)


def shifted(p, q, k, v):
    (y, d), x = q.shape, len(k)
    apart = np.arange(y)[:, None] - np.arange(x) + x - 1
    scores = (q + p["u"]) @ k.T + jnp.einsum("yd,yxd->yx", q + p["w"], p["r"][apart])
    return jax.nn.softmax(scores / np.sqrt(d)) @ v


@model("y d, x d, x d -> y d", shifted, y=3, x=4, d=2)
def relative_attention(q, k, v):
    """Scores of distances, read on a diagonal (Dai et al. 2019)."""
    u, w = (ncd.parameter(name, "d")() for name in "uw")
    far = ncd.einsum("y d, r d -> y r")(q + w, ncd.parameter("r", "r=x+y-1 d")())
    far = ncd.reindex("y r=x+y-1 -> y s=x", y="y", r="y - s + x - 1")(far)
    scores = ncd.einsum("y d, x d -> y x")(q + u, k) + relabel(s="x")(far)
    return ncd.einsum("y x, x d -> y d")(ncd.softmax("x")(scores * ncd.size("d") ** -0.5), v)


def memory(_, q, k, v, i, f):
    def step(state, item):
        (c, n, m), (q, k, v, i, f) = state, item
        f = jax.nn.log_sigmoid(f) + m
        m = jnp.maximum(f, i)
        c, n = (jnp.exp(f - m) * old + jnp.exp(i - m) * new for old, new in ((c, jnp.outer(v, k)), (n, k)))
        return (c, n, m), c @ q / jnp.maximum(jnp.abs(n @ q), jnp.exp(-m))
    start = jnp.zeros((v.shape[1], k.shape[1])), jnp.zeros(k.shape[1]), jnp.zeros(())
    return jax.lax.scan(step, start, (q, k, v, i, f))[1]


@model("t k, t k, t v, t, t -> t v", memory, lambda inputs: [*inputs[:4], 300 * inputs[4]], t=3, k=2, v=2)
def matrix_memory(q, k, v, i, f):
    """A matrix as memory, its exponential gates divided by the largest; some shut (Beck et al. 2024)."""
    @ncd.diagram("v k, k, (), k, k, v, (), () -> v k, k, (), v")
    def step(c, n, m, q, k, v, i, f):
        f = m - nn.softplus(-f)
        m = maximum(f, i)
        c, n = (nn.exp(f - m) * old + nn.exp(i - m) * new for old, new in ((c, v * k), (n, k)))
        return c, n, m, ncd.einsum("v k, k -> v")(c, q) / maximum(
            abs(ncd.einsum("k, k -> ()")(n, q)), nn.exp(-m))
    start = (ncd.constant(0.0, array)() for array in ("v k", "k", "()"))
    return ncd.scan(step, "t", states=3, sequences=5)(*start, q, k, v, i, f)[-1]


def posterior(p, x, y, z):
    def kernel(a, b):
        return jnp.exp(-0.5 * ((a[:, None] - b) ** 2).sum(-1) / jnp.exp(p["scale"]) ** 2)
    across = kernel(z, x)
    solved = jnp.linalg.solve(kernel(x, x) + 0.1 * jnp.eye(len(x)), jnp.c_[y, across.T])
    return across @ solved[:, 0], 1 - jnp.einsum("zn,nz->z", across, solved[:, 1:])


@model("n d, n, z d -> z, z", posterior, n=3, d=2, z=2)
def gaussian_process(x, y, z):
    """The mean and the variance at new points (Rasmussen and Williams 2006, algorithm 2.1)."""
    scale = nn.exp(ncd.parameter("scale", "()")())
    def kernel(a, b):
        return nn.exp(-0.5 * ncd.reduce("sum", "d")((a - b) ** 2) / scale ** 2)
    inside, across = kernel(x, relabel(n="m")(x)) + 0.1 * unit("n", "m")(), kernel(z, x)
    weights, spread = (relabel(m="n")(solve("n m")(inside, right)) for right in (y, across))
    dot = ncd.einsum("n, n -> ()")
    return dot(across, weights), 1 - dot(across, spread)


def neighbours(_, q, k, v):
    block = np.arange(len(q)) // 2
    seen = (block[:, None] >= block) & (block[:, None] <= block + 1)
    return jax.nn.softmax(jnp.where(seen, q @ k.T / np.sqrt(q.shape[1]), NO)) @ v


@model("x=2*n k, x=2*n k, x=2*n v -> x=2*n v", neighbours, n=3, k=2, v=2)
def block_sparse(q, k, v):
    """Each block of two attends to itself and to the one before it (Child et al. 2019)."""
    def blocks(a, label):
        f = a.type.labels[-1]
        return ncd.rearrange(f"x=(n {label}=2) {f} -> n {label} {f}")(a)
    def two(a):
        f = a.type.labels[-1]
        return ncd.reindex(f"n j {f} -> n w=2 j {f}", n="n + w - 1", fill=0)(blocks(a, "j"))
    scores = ncd.einsum("n i k, n w j k -> n i w j")(blocks(q, "i"), two(k)) * ncd.size("k") ** -0.5
    scores = ncd.where(iota("n")() + iota("w=2")() > 0, scores, NO)
    out = ncd.einsum("n i w j, n w j v -> n i v")(ncd.softmax("w j")(scores), two(v))
    return ncd.rearrange("n i v -> x=(n i) v")(out)


def routed(p, u):
    votes = jnp.einsum("id,ijde->ije", u, p["w"])
    logits = jnp.zeros(votes.shape[:2])
    for _ in range(3):
        s = jnp.einsum("ij,ije->je", jax.nn.softmax(logits), votes)
        n = (s * s).sum(-1, keepdims=True)
        v = s * n / (1 + n) / jnp.sqrt(n + 1e-9)
        logits = logits + jnp.einsum("ije,je->ij", votes, v)
    return v


@model("i d -> j e", routed, i=3, d=2, j=2, e=2)
def capsules(u):
    """Three rounds of routing by agreement, as one loop (Sabour et al. 2017)."""
    votes = ncd.einsum("i d, i j d e -> i j e")(u, ncd.parameter("w", "i j d e")())

    @ncd.diagram("i j, i j e, j e -> i j, i j e, j e", block=True)
    def round(logits, votes, _):
        s = ncd.einsum("i j, i j e -> j e")(ncd.softmax("j")(logits), votes)
        n = ncd.reduce("sum", "e")(s ** 2)
        v = s * (n / (1 + n) * nn.rsqrt(n + 1e-9))
        return logits + ncd.einsum("i j e, j e -> i j")(votes, v), votes, v
    return round.repeat(3)(ncd.constant(0.0, "i j")(), votes, ncd.constant(0.0, "j e")())[-1]


def regressed(p, x):
    h = jax.nn.softplus(40 * (x @ p["linear"]["weight"] + p["linear"]["bias"]))
    return (h @ p["linear_1"]["weight"] + p["linear_1"]["bias"]).sum()


@model("n m -> ()", regressed, n=3, m=2, h=2)
def readout(x):
    """A sum that is linear in its last bias, on softplus far from 0."""
    h = nn.softplus(40 * nn.linear("m -> h")(x))
    return ncd.reduce("sum", "n")(ncd.reduce("sum", "k")(nn.linear("h -> k=2")(h)))


def at(name: str):
    diagram, by_hand, sizes, given = MODELS[name]
    here = point(diagram, sizes)
    return here._replace(inputs=given(here.inputs)), by_hand


def as_function(here, by_hand):
    """The function by hand, of the floats and the parameters."""
    def f(floats, params):
        inputs = list(here.inputs)
        for n, item in zip(here.smooth, floats):
            inputs[n] = item
        found = by_hand(_replaced(here.params, dict(zip(here.learned, params))), *inputs)
        return list(found) if isinstance(found, tuple) else [found]
    return f, [here.inputs[n] for n in here.smooth], [find(here.params, path) for path in here.learned]


@pytest.mark.parametrize("name", MODELS)
def test_values_and_gradients_are_those_by_hand(name):
    here, by_hand = at(name)
    f, floats, params = as_function(here, by_hand)

    def wanted(floats, params):
        made, back = jax.vjp(f, floats, params)
        return made, back(here.weights)
    with jax.enable_x64(True):
        made, (inner, learned) = jax.jit(wanted, compiler_options=FAST)(floats, params)
    for model in ("reference", "jax"):
        assert distance(evaluated(here.diagram, here.inputs, here, model), made) < 1e-9
    for policy in ("everything", "nothing"):
        back = here.diagram.reverse(policy=policy).composite
        found = evaluated(back, [*here.inputs, *here.weights], here, "reference")
        assert distance(found, [*inner, *learned]) < 1e-8


@pytest.mark.parametrize("name", ["alignment", "relative_bias", "block_sparse", "readout"])
def test_hessian_vector_products_are_those_by_hand(name):
    here, by_hand = at(name)
    f, floats, params = as_function(here, by_hand)

    def bowl(*given):
        return sum(jnp.sum(jnp.sin(item)) for item in f(*given))
    with jax.enable_x64(True):
        rates = here.inputs_rate, list(here.params_rate.values())
        slope = jax.grad(bowl, (0, 1))
        curved = jax.jit(lambda *given: jax.jvp(slope, given, rates)[1], compiler_options=FAST)
        inner, learned = curved(floats, params)
    made = trace(lambda *wires: sum_of_sines(here.diagram(*wires)), here.diagram.dom.inside).hessian_vector()
    found = evaluated(made, [*here.inputs, *rates[0], *rates[1]], here, "reference")
    assert distance(found, [*inner, *learned]) < 1e-7


def sum_of_sines(found):
    total = 0
    for wire in found if isinstance(found, tuple) else (found,):
        labels = " ".join(wire.type.labels)
        total = total + (ncd.reduce("sum", labels)(nn.sin(wire)) if labels else nn.sin(wire))
    return total


@pytest.mark.parametrize("name", MODELS)
def test_forms(name):
    """JSON, a batch that is lifted, sizes that are bound, and every count."""
    here, _ = at(name)
    diagram, sizes = here.diagram, here.sizes
    assert ncd.from_json(diagram.check().to_json()) == diagram
    made = evaluated(diagram, here.inputs, here, "reference")
    bound = evaluated(diagram.bind(**sizes), here.inputs, here._replace(sizes={}), "reference")
    assert distance(bound, made) == 0
    twice = evaluated(diagram.lift("batch"), [np.stack([a, a]) for a in here.inputs],
                      here._replace(sizes=sizes | {"batch": 2}), "reference")
    assert distance(twice, [np.stack([a, a]) for a in made]) < 1e-12
    assert differences(diagram, here.inputs, here.params, sizes) == {}


@pytest.mark.parametrize("name", sorted(set(MODELS) - {"alignment"}))
def test_axes_of_size_one(name):
    diagram, by_hand, sizes, given = MODELS[name]
    sizes = dict.fromkeys(sizes, 1)
    inputs, params = given(values(diagram.dom, sizes, 0)), parameters(diagram, sizes, 0)
    here = point(diagram, sizes)._replace(inputs=inputs)
    with jax.enable_x64(True):
        wanted = by_hand(params, *map(jnp.asarray, inputs))
    assert distance(evaluated(diagram, inputs, here, "reference"),
                    wanted if isinstance(wanted, tuple) else [wanted]) < 1e-9
    assert not places(diagram)[1]
