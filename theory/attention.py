"""Attention: a function of a set of keys and values, one query at a time, and a stack over heads."""

from __future__ import annotations

from ncd.core.array import Array
from ncd.core.axis import Axis
from ncd.core.category import Diagram, Ty
from ncd.nn.attention import attention
from ncd.ops.indexed import Gather
from ncd.ops.source import Constant
from theory.broadcasting import index, lift
from theory.law import FALSE, NUMERIC, TYPE, Law, theory
from theory.linear import renamed, result
from theory.monoidal import id
from theory.random import Sampler
from theory.variables import axis, made, position

SOURCE = "Vaswani et al. 2017, arXiv 1706.03762"


def permutation(s: Sampler) -> tuple[int, ...]:
    return tuple(s.some(range(s.random.randint(1, 4)), 9))


def permuted(a: Array, x: str, pi: tuple[int, ...]) -> Diagram:
    """The array read along one axis at the places of a permutation: a gather of literal indices."""
    n = Axis(f"{x}_1", len(pi))
    places = Constant(pi, Array((n,), "int", len(pi))).diagram
    read = Gather(a, Array((n,), "int", len(pi)), x).diagram
    return (Ty.of((a,)) @ places) >> read >> renamed(result(read), a)


def attention_with(pi, q: bool = False, k: bool = False, v: bool = False, after: bool = False) -> Diagram:
    """Attention whose queries, keys, values or results are permuted."""
    core = attention().on(f"y={len(pi)} k, x={len(pi)} k, x={len(pi)} v")
    Q, K, V = core.dom.inside
    before = id(Ty()).tensor(*(permuted(a, a.labels[0], pi) if moved else id(Ty.of((a,)))
                               for a, moved in ((Q, q), (K, k), (V, v))))
    made = before >> core
    return made >> permuted(result(made), "y", pi) if after else made


PI = {"pi": made("a permutation", permutation)}

LAWS = theory(
    Law("attention is invariant", r"\mathrm{att}(q, \pi K, \pi V) = \mathrm{att}(q, K, V)", PI,
        lambda pi: attention_with(pi, k=True, v=True), attention_with,
        ("one permutation of the keys and values",), SOURCE, NUMERIC, ("free",)),
    Law("attention is equivariant", r"\mathrm{att}(\pi q, K, V) = \pi\,\mathrm{att}(q, K, V)", PI,
        lambda pi: attention_with(pi, q=True), lambda pi: attention_with(pi, after=True),
        ("a permutation of the queries",), SOURCE, NUMERIC, ("free",)),
    Law("attention ignores the order of keys", r"\mathrm{att}(q, \pi K, V) = \mathrm{att}(q, K, V)", PI,
        lambda pi: attention_with(pi, k=True), attention_with,
        ("false: the values must be permuted too",), "derived here", TYPE, FALSE),
    Law("heads are a stack", r"(h\,\mathrm{att})[h = i] = \mathrm{att}(q[h = i], K[h = i], V[h = i])",
        {"h": axis("h"), "i": position("h")},
        lambda h, i: lift(attention(), h) >> index(attention().cod, h, i),
        lambda h, i: index(attention().dom, h, i) >> attention(), (), SOURCE, NUMERIC, ("free",)))
