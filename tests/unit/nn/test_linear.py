"""Linear maps and tables against NumPy, with axes on either side, shared places and bad inputs."""

from __future__ import annotations

import numpy as np
import pytest

from ncd.construct.trace import trace
from ncd.core.category import Ty
from ncd.errors import AmbiguityError, AxisError, InputError, NcdError, NotationError, SizeError
from ncd.interpret.reference import run
from ncd.nn.activation import relu
from ncd.nn.linear import embedding, linear, unembedding
from ncd.ops.source import Initialiser
from ncd.traverse.places import places

RANDOM = np.random.default_rng(0)


def some(*shape):
    return RANDOM.normal(size=shape)


@pytest.mark.parametrize("text, dom, cod, letters, shape", [
    ("m -> k h", "m", "k h", "m,mkh->kh", {"m": 3, "k": 2, "h": 4}),
    ("m -> k h", "b x m", "b x k h", "bxm,mkh->bxkh", {"b": 2, "x": 5, "m": 3, "k": 2, "h": 4}),
    ("k h -> m", "h y k", "m y", "hyk,khm->my", {"m": 3, "k": 2, "h": 4, "y": 5}),
    ("m -> k", "m x", "k x", "mx,mk->kx", {"m": 3, "k": 2, "x": 5}),
    ("() -> k", "x", "x k", "x,k->xk", {"k": 2, "x": 5}),
    ("m -> ()", "x m", "x", "xm,m->x", {"m": 2, "x": 5})])
def test_is_the_contraction_with_the_weight_and_a_bias(text, dom, cod, letters, shape):
    d = linear(text).on(dom)
    assert d.dom == Ty(dom) and d.cod == Ty(cod)
    (_, w), result = letters.split("->")[0].split(","), letters.split("->")[1]
    x, weight = some(*(shape[a] for a in dom.split())), some(*(shape[a] for a in w))
    out = [a for a in text.split("->")[1].split() if a != "()"]
    bias = some(*(shape[a] for a in out))
    given = {"linear": {"weight": weight, "bias": bias}}
    shifts = np.einsum(f"{''.join(out)},{''.join(a for a in result if a not in out)}->{result}", bias,
                       np.ones([shape[a] for a in result if a not in out]))
    np.testing.assert_allclose(run(d, x, params=given), np.einsum(letters, x, weight) + shifts)
    without = linear(text, bias=False).on(dom)
    np.testing.assert_allclose(run(without, x, params={"linear": {"weight": weight}}),
                               np.einsum(letters, x, weight))


def test_sizes_stand_in_the_text():
    assert linear("m=3 -> d=64").dom == Ty("m=3") and linear("m -> d=64").cod == Ty("d=64")
    with pytest.raises(SizeError, match="m=3"):
        linear("m=3 -> d").on("x m=4")


@pytest.mark.parametrize("text, dom, cod", [("m -> m", "x m", "x m"), ("m -> m=7", "x m=3", "x m=7"),
                                            ("m m' -> m", "x m m'", "x m"), ("m -> m m'", "m", "m m'"),
                                            ("m -> m", "m' m", "m' m")])
def test_an_axis_on_both_sides_keeps_its_label(text, dom, cod):
    d = linear(text).on(dom)
    assert d.dom == Ty(dom) and d.cod == Ty(cod)
    weight = d.op.weight
    assert len(set(weight.labels)) == len(weight.axes) == len(text.replace("->", "").split())


def test_an_axis_on_both_sides_is_contracted():
    x, w = some(2, 3), some(3, 7)
    d = linear("m -> m=7", bias=False).on("x m")
    np.testing.assert_allclose(run(d, x, params={"linear": {"weight": w}}), x @ w)
    renamed = d.rename(m="p")
    assert renamed.cod == Ty("x p=7")
    np.testing.assert_allclose(run(renamed, x, params={"linear": {"weight": w}}), x @ w)


def test_places_are_numbered_unless_a_name_ties_them():
    def paths(d):
        return {"/".join(path) for path in places(d)[0]}
    plain = linear("m -> m") >> relu >> linear("m -> m")
    assert paths(plain) == {"linear/weight", "linear/bias", "linear_1/weight", "linear_1/bias"}
    tied = linear("m -> m", name="W") >> relu >> linear("m -> m", name="W")
    assert paths(tied) == {"W/weight", "W/bias"}
    assert paths(linear("m -> m", name="/W").block("inner")) == {"W/weight", "W/bias"}
    x, w, b = some(3), some(3, 3), some(3)
    np.testing.assert_allclose(run(tied, x, params={"W": {"weight": w, "bias": b}}),
                               np.maximum(x @ w + b, 0) @ w + b)


def test_lifting_shares_or_stacks_the_weight():
    d = linear("m -> k", bias=False)
    x, w, stack = some(4, 3), some(3, 2), some(4, 3, 2)
    np.testing.assert_allclose(run(d.lift("h"), x, params={"linear": {"weight": w}}), x @ w)
    np.testing.assert_allclose(run(d.lift("h", stack=True), x, params={"linear": {"weight": stack}}),
                               np.einsum("hm,hmk->hk", x, stack))


def test_the_weight_begins_with_variance_one_over_its_inputs():
    (weight, bias) = places(linear("m -> k h"))[0].values()
    assert weight.init == Initialiser("normal", 1.0, ("m",)) and bias.init == Initialiser("zeros")
    (renamed, _) = places(linear("m -> k h").rename(m="p"))[0].values()
    assert renamed.init.fan == ("p",)
    he = Initialiser("normal", 2 ** 0.5, ("m",))
    assert places(linear("m -> k", init=he))[0]["linear", "weight"].init == he


def test_it_is_linear_only_without_a_bias():
    assert linear("m -> k", bias=False).op.linear == (0,) and linear("m -> k").op.linear == ()


@pytest.mark.parametrize("text, error", [("m", NotationError), ("m, n -> k", NotationError),
                                         ("-> k", NotationError), ("m -> k, h", NotationError),
                                         ("m : int -> k", NotationError), ("m m -> k", AxisError),
                                         ("m -> k k", AxisError)])
def test_a_bad_text_is_refused(text, error):
    with pytest.raises(error):
        linear(text)


def test_bad_inputs_are_refused():
    with pytest.raises(AxisError, match="no axis m"):
        linear("m -> k").on("x p")
    with pytest.raises(AmbiguityError, match="k"):
        linear("m -> k").on("k m")
    for name in ("", "/", 3):
        with pytest.raises(NcdError, match=r"is not a name|`name` is a text or None, not 3"):
            linear("m -> k", name=name)


def test_embedding_reads_rows():
    table, i = some(5, 3), np.array([[1, 4], [0, 0]])
    d = embedding("v m").on("b x : index(v)")
    assert d.cod == Ty("b x m")
    np.testing.assert_array_equal(run(d, i, params={"embedding": {"table": table}}), table[i])
    several = embedding("v h k").on("x : index(5)")
    assert several.cod == Ty("x h k")
    table = some(5, 2, 3)
    np.testing.assert_array_equal(run(several, i[0], params={"embedding": {"table": table}}), table[i[0]])


def test_embedding_of_positions_with_the_label_of_its_entries():
    table, i = some(5, 3), np.array([1, 4])
    d = embedding("v m").on("v : index(5)")
    assert d.cod == Ty("v m")
    np.testing.assert_array_equal(run(d, i, params={"embedding": {"table": table}}), table[i])


def test_unembedding_is_the_inner_product_with_rows():
    table, x = some(5, 3), some(2, 3)
    d = unembedding("v m").on("x m")
    assert d.cod == Ty("x v")
    np.testing.assert_allclose(run(d, x, params={"unembedding": {"table": table}}), x @ table.T)


def test_one_name_ties_the_table_through_blocks():
    inner, outer = embedding("v m", name="/embedding").block("in"), unembedding("v m", name="/embedding")
    d = trace(lambda i: outer.block("out")(relu(inner(i))), Ty("x : index(v)").inside)
    assert list(places(d)[0]) == [("embedding", "table")]
    table, i = some(5, 3), np.array([2, 0])
    np.testing.assert_allclose(run(d, i, params={"embedding": {"table": table}}),
                               np.maximum(table[i], 0) @ table.T)


def test_bad_tables_are_refused():
    with pytest.raises(NotationError):
        embedding("")
    with pytest.raises(AxisError):
        embedding("v v")
    with pytest.raises(AxisError, match="float"):
        embedding("v m").on("x")
    with pytest.raises(AmbiguityError):
        embedding("v m").on("m : index(v)")
    with pytest.raises(InputError, match="outside"):
        run(embedding("v m").on("x : index(v)"), np.array([5]), params={"embedding": {"table": some(5, 3)}})
