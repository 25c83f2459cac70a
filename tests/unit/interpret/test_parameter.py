"""Places: which parameters and keys a diagram has, where they live, how they begin."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ncd import nn
from ncd.construct.generators import key, opaque, parameter, random, scan
from ncd.construct.notation import rearrange
from ncd.construct.trace import diagram, trace
from ncd.core.category import Diagram, Ty
from ncd.errors import InputError, NcdError, SizeError
from ncd.file.serial import to_json
from ncd.ops.source import Initialiser
from ncd.read.resolve import from_json
from ncd.traverse.places import build, find, places


def slots(made: Diagram) -> dict[str, str]:
    return {"/".join(path): str(slot.array) for path, slot in places(made)[0].items()}


def keys(made: Diagram) -> list[str]:
    return ["/".join(path) for path in places(made)[1]]


@diagram("m -> m")
def layer(a):
    return a * parameter("w", "m")() + parameter("b", "m", Initialiser("zeros"))()


noise = trace(lambda a: a + random("normal", "m")(key()()), Ty("m").inside)


# -- places ----------------------------------------------------------------------------------
def test_names_within_blocks_scans_and_repeats():
    assert slots(layer) == {"w": "m", "b": "m"} and slots(Diagram.id("x")) == {}
    assert slots(layer.block("one") >> layer.block("two")) == {
        "one/w": "m", "one/b": "m", "two/w": "m", "two/b": "m"}
    assert slots(layer.block("inner").block("outer")) == {"outer/inner/w": "m", "outer/inner/b": "m"}
    assert slots(layer >> layer) == {"w": "m", "b": "m", "w_1": "m", "b_1": "m"}
    assert slots(layer.repeat("N", title="deep")) == {"deep/w": "layer=N m", "deep/b": "layer=N m"}
    assert slots(layer.repeat("N", share=True)) == {"repeat/w": "m", "repeat/b": "m"}


def test_a_block_that_stands_twice_keeps_its_parameters_twice():
    block = layer.block("block")
    assert slots(block >> block) == {"block/w": "m", "block/b": "m", "block_1/w": "m", "block_1/b": "m"}
    assert slots(layer.block("block", tied=True) >> layer.block("block", tied=True)) == {
        "block/w": "m", "block/b": "m"}


def test_tied_and_global_names():
    tied = trace(lambda a: a * parameter("w", "m", tied=True)() * parameter("w", "m", tied=True)(),
                 Ty("m").inside)
    assert slots(tied) == {"w": "m"} and slots(tied.block("one") >> tied.block("two")) == {"one/w": "m",
                                                                                           "two/w": "m"}
    everywhere = trace(lambda a: a * parameter("/table", "m", tied=True)(), Ty("m").inside)
    assert slots(everywhere.block("one") >> everywhere.block("two").repeat(3)) == {"table": "m"}


def test_ties_of_two_types_are_refused():
    made = trace(lambda a, b: (a * parameter("w", "m", tied=True)(), b * parameter("w", "n", tied=True)()),
                 Ty("m, n").inside)
    with pytest.raises(SizeError, match="the tied parameter w has two types") as error:
        places(made)
    assert error.value.details["have"] == "`m` and `n`"
    far = layer.rename(m="m") @ Diagram.id("x")
    assert slots(far) == slots(layer)
    with pytest.raises(SizeError, match="the tied parameter table has two types"):
        places(trace(lambda a: a * parameter("/table", "m", tied=True)(), Ty("m").inside) @ trace(
            lambda a: a * parameter("/table", "n=3", tied=True)(), Ty("n=3").inside))


def test_scans_in_scans_stack_from_the_outside_in():
    inner = scan(trace(lambda s, u: (s * parameter("w", "m")() + u, s), Ty("m, m").inside), "r=2", 1, 1,
                 share=False)
    outer = trace(lambda s, u: inner(s, rearrange("m -> r=2 m")(u))[0], Ty("m, m").inside)
    assert slots(scan(outer, "t", 1, 1, share=False)) == {"scan/scan/w": "t r=2 m"}
    assert slots(scan(outer, "t", 1, 1, share=True)) == {"scan/scan/w": "r=2 m"}


def test_keys_by_place():
    assert keys(noise) == ["key"] and keys(noise >> noise) == ["key", "key_1"] and slots(noise) == {}
    assert keys(noise.block("a") >> layer.block("b") >> noise.repeat(3)) == ["a/key", "repeat/key"]
    assert keys(opaque("dice", "x -> x", deterministic=False)) == []


def test_lifted_parameters_are_shared_or_stacked():
    assert slots(layer.lift("h")) == {"w": "m", "b": "m"}
    assert slots(layer.lift("h=2", stack=True)) == {"w": "h=2 m", "b": "h=2 m"}
    assert slots(layer.block("x").lift("h", stack=True).repeat("N")) == {
        "repeat/x/w": "layer=N h m", "repeat/x/b": "layer=N h m"}


# -- trees -----------------------------------------------------------------------------------
def test_finding_and_building():
    tree = build({("a", "b"): 1, ("a", "c", "d"): 2, ("e",): 3})
    assert tree == {"a": {"b": 1, "c": {"d": 2}}, "e": 3}
    assert find(tree, ("a", "c", "d")) == 2 and find(tree, ()) is tree and build({}) == {}


@pytest.mark.parametrize("tree, path, have", [
    ({"a": {"b": 1}}, ("a", "c"), "b"), ({"a": 1}, ("b",), "a"), (None, ("w",), "NoneType"),
    ({}, ("w",), None),
    ({"a": [1]}, ("a", "b"), "list"), ({"a": 3.0}, ("a", "b"), "float")])
def test_what_is_not_there(tree, path, have):
    with pytest.raises(InputError, match=f"no parameter at {'/'.join(path)}") as error:
        find(tree, path)
    assert error.value.details.get("have") == have
    assert error.value.details["want"].startswith(path[-1])


# -- initial values --------------------------------------------------------------------------
def initial(kind: str, *arguments, type_="m n", dtype=jnp.float32, **sizes):
    return parameter("w", type_, Initialiser(kind, *arguments)).init(1, dtype=dtype, **sizes)["w"]


def test_initialisers_draw_what_they_say():
    normal = np.asarray(initial("normal", 2.0, ("m",), m=100, n=400))
    assert normal.std() == pytest.approx(0.2, rel=0.05) and abs(normal.mean()) < 0.01
    uniform = np.asarray(initial("uniform", 3.0, ("m", "n"), m=100, n=9))
    assert np.abs(uniform).max() <= 0.1 and uniform.std() == pytest.approx(0.1 / 3 ** 0.5, rel=0.1)
    assert np.asarray(initial("zeros", m=2, n=3)).tolist() == [[0] * 3] * 2
    assert np.asarray(initial("ones", m=2, n=3)).tolist() == [[1] * 3] * 2
    assert np.asarray(initial("constant", 0.25, m=1, n=2)).tolist() == [[0.25] * 2]
    square = np.asarray(initial("orthogonal", 1.0, m=5, n=5))
    np.testing.assert_allclose(square @ square.T, np.eye(5), atol=1e-5)
    with pytest.raises(NcdError, match="no initialiser 'he'"):
        initial("he", m=2, n=3)


def test_each_of_stacked_matrices_is_orthogonal():
    layer = nn.linear("m -> m", bias=False, init=Initialiser("orthogonal"))
    stacks = (layer.repeat(3), layer.lift("n", stack=True).bind(n=2), layer.repeat(2).repeat(3),
              layer.lift("n", stack=True).bind(n=2).repeat(3), layer.repeat(3).reverse().composite)
    for made in stacks:
        (weight,) = jax.tree.leaves(made.init(0, m=4))
        for matrix in np.asarray(weight).reshape(-1, 4, 4):
            np.testing.assert_allclose(matrix @ matrix.T, np.eye(4), atol=1e-5)
    (narrow,) = jax.tree.leaves(layer.repeat(3).init(0, m=4, dtype=jnp.bfloat16))
    assert narrow.dtype == jnp.bfloat16
    stacked = layer.lift("n", stack=True)
    assert from_json(to_json(stacked)) == stacked and "stacked=1" in repr(stacked)
    assert np.array_equal(stacks[0].init(0, m=4)["repeat"]["linear"]["weight"],
                          stacks[4].init(0, m=4)["repeat"]["linear"]["weight"])
    for made in (parameter("w", "m", "orthogonal"), parameter("w", "m", "orthogonal").lift("n", stack=True)):
        with pytest.raises(NcdError, match="an orthogonal parameter has rows and columns: w"):
            made.init(0, m=4, n=2) if "n" in made.symbols else made.init(0, m=4)


def test_parameters_of_integers_and_truth_values():
    for dtype, kind in (("int", jnp.int32), ("bool", jnp.bool_)):
        for init, want in (("zeros", 0), ("ones", 1), (None, 0), (Initialiser("constant", 1.0), 1)):
            made = parameter("w", f"m : {dtype}", init).init(0, m=2)
            assert made["w"].dtype == kind and made["w"].tolist() == [want] * 2
            assert np.asarray(parameter("w", f"m : {dtype}").to_jax()(made)).tolist() == [want] * 2
    with pytest.raises(NcdError, match="a random key is not learned"):
        parameter("w", "m : key")


def test_the_parameters_of_a_block_do_not_depend_on_what_stands_beside_it():
    alone = layer.block("block").init(3, m=4)
    beside = (layer.block("other") >> layer.block("block")).init(3, m=4)
    np.testing.assert_array_equal(alone["block"]["w"], beside["block"]["w"])
    assert not np.array_equal(beside["block"]["w"], beside["other"]["w"])


def test_keys_and_seeds():
    assert np.array_equal(layer.init(7, m=3)["w"], layer.init(jax.random.key(7), m=3)["w"])
    assert not np.array_equal(layer.init(7, m=3)["w"], layer.init(8, m=3)["w"])
    assert np.array_equal(layer.init(np.int64(7), m=3)["w"], layer.init(7, m=3)["w"])
    drop, ones = nn.dropout(0.5).on("x").to_jax(), np.ones(9, np.float32)
    assert np.array_equal(drop(ones, key=np.int64(7)), drop(ones, key=7))
    assert layer.init(7, m=3, dtype=jnp.bfloat16)["w"].dtype == jnp.bfloat16
    assert jax.eval_shape(lambda k: layer.init(k, m=3), jax.random.key(0))["w"].shape == (3,)


def test_stacked_parameters_differ_from_layer_to_layer():
    rows = np.asarray(layer.repeat("N").init(0, N=3, m=4)["repeat"]["w"])
    assert rows.shape == (3, 4) and len({tuple(row) for row in rows}) == 3


def test_sizes_of_parameters():
    with pytest.raises(SizeError, match="no value for the size m, n of the parameters") as error:
        parameter("w", "m n").init(0)
    assert error.value.details["mend"] == "diagram.init(key, m=..., n=...)"
    for wrong in (0, -1, 2.5, "3", True, None):
        with pytest.raises(SizeError, match="is not a positive integer"):
            parameter("w", "m").init(0, m=wrong)
    assert parameter("w", "m n=2*m").init(0, m=np.int64(3))["w"].shape == (3, 6)


def test_equal_blocks_keep_their_own_order_of_places():
    """Definitions of equal operations are shared, not those of blocks: these are written in two orders."""
    def written(names):
        def body(x):
            made = {name: parameter(name, "m")() for name in names}
            return made["u"] + made["v"] * x
        return diagram("m")(body).block("layer")
    first, other = written("uv"), written("vu")
    assert first == other and list(slots(first)) == ["layer/u", "layer/v"]
    assert list(slots(first >> other)) == ["layer/u", "layer/v", "layer_1/v", "layer_1/u"]
