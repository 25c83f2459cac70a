"""What shares its place: scopes keep layers of one name apart, and what is shared is said."""

from __future__ import annotations

import json

import jax
import numpy as np
import pytest

import ncd
from ncd import nn
from ncd.construct.generators import key, random
from ncd.construct.trace import diagram
from ncd.core.array import Array
from ncd.core.op import Operation
from ncd.errors import LoadError, NcdError
from ncd.file.serial import from_json
from ncd.ops.source import Initialiser, Parameter
from ncd.traverse.places import places, shares


def slots(made) -> list[str]:
    return sorted("/".join(path) for path in places(made)[0])


def attend(x):
    return nn.linear("m -> m", bias=False, name="Q")(x)


@diagram("x m -> x m")
def shared(x):
    return attend(attend(x))


@diagram("x m -> x m")
def apart(x):
    with ncd.scope("self"):
        x = attend(x)
    with ncd.scope("cross"):
        return attend(x)


def test_a_scope_keeps_two_calls_of_a_helper_apart():
    assert slots(shared) == ["Q/weight"] and slots(apart) == ["cross/Q/weight", "self/Q/weight"]
    assert str(apart.cost().params) == "2*m**2" and str(shared.cost().params) == "m**2"
    params, x = apart.init(0, m=3), np.ones((2, 3), "float32")
    want = x @ np.asarray(params["self"]["Q"]["weight"]) @ np.asarray(params["cross"]["Q"]["weight"])
    np.testing.assert_allclose(apart.to_jax()(params, x), want, rtol=1e-5)
    assert from_json(apart.to_json()) == apart and slots(from_json(apart.to_json())) == slots(apart)


def test_scopes_nest_and_number_what_has_no_name():
    @diagram("x m -> x m")
    def nested(x):
        with ncd.scope("outer"):
            x = attend(x) + nn.linear("m -> m", bias=False, name="/everywhere")(x)
            with ncd.scope("inner"):
                x = nn.linear("m -> m", bias=False)(nn.linear("m -> m", bias=False)(x))
                x = x * ncd.parameter("scale", "m")() + random("normal", "m")(key()())
            x = attend(x)
        return attend(x)
    assert slots(nested) == ["Q/weight", "everywhere/weight", "outer/Q/weight", "outer/inner/linear/weight",
                             "outer/inner/linear_1/weight", "outer/inner/scale"]
    assert [path[:2] for path in places(nested)[1]] == [("outer", "inner")]
    assert shares(nested) == {("outer", "Q", "weight"): 2}


def test_a_place_may_be_given_to_one_call():
    @diagram("x m -> x m")
    def two(x):
        layer = nn.linear("m -> m", name="Q")
        return layer(layer(x, place="first"), place="second")
    assert slots(two) == ["first/Q/bias", "first/Q/weight", "second/Q/bias", "second/Q/weight"]
    block = nn.transformer_block("x m", "f")
    once = diagram("x m -> x m")(lambda x: block.op(x, place="a"))
    assert all(name.startswith("a/transformer_block/") for name in slots(once))


class Own(Operation):
    """An operation that says its place in its own way."""

    place = "mine"
    dom = cod = (Array((ncd.Axis("m"),)),)

    def definition(self):
        return diagram("m -> m")(lambda x: x * Parameter("w", Array((ncd.Axis("m"),)), Initialiser("ones"))())


def test_an_operation_of_ones_own_is_put_in_a_scope():
    import dataclasses
    own = dataclasses.dataclass(frozen=True)(Own)
    made = diagram("m -> m")(lambda x: own()(own()(x, place="a"), place="b"))
    assert slots(made) == ["a/mine/mine/w", "b/mine/mine/w"]


def test_a_scope_is_of_the_innermost_diagram_and_ends():
    @diagram("x m -> x m")
    def outer(x):
        with ncd.scope("s"):
            inner = diagram("m -> m")(attend)
        with pytest.raises(ZeroDivisionError), ncd.scope("t"):
            raise ZeroDivisionError
        return inner(x)
    assert slots(outer) == ["Q/weight"]


def test_what_is_shared_is_said(tmp_path, ncd_says):
    assert shared.listing().count("[Q, shared by 2]") == 2 and "shared" not in apart.listing()
    assert "shared   Q/weight by 2" in str(shared.cost()) and "shared" not in str(apart.cost())
    path = tmp_path / "model.json"
    path.write_text(shared.to_json())
    for command in ("cost", "check", "show"):
        code, out, _ = ncd_says(command, str(path))
        assert code == 0 and "shared" in out and "by 2" in out, command
    # Through blocks and global names too.
    deep = nn.embedding("v m", name="/table").block("a") >> nn.unembedding("v m", name="/table").block("b")
    assert shares(deep) == {("table", "table"): 2} and "table/table by 2" in str(deep.cost())


@pytest.mark.parametrize("name", ["", "/", "a//b", "a/", " ", 3, None])
def test_names_of_nothing_are_refused(name):
    x = "m"
    for make in (lambda: ncd.parameter(name, x), lambda: key(name), lambda: nn.linear("m -> m").block(name),
                 lambda: nn.linear("m -> m").repeat("N", title=name),
                 lambda: diagram("m -> m")(lambda x: _in_scope(name, x))):
        with pytest.raises(NcdError, match=r"is not a name for|is a text, not"):
            make()
    if name is not None:
        with pytest.raises(NcdError, match="is not a name for"):
            nn.linear("m -> m", name=name)
        with pytest.raises(NcdError, match="is not a name for"):
            diagram("m -> m")(lambda x: nn.linear("m -> m")(x, place=name))


def _in_scope(name, x):
    with ncd.scope(name):
        return attend(x)


def test_a_scope_wants_wires_and_a_place_below_others():
    with pytest.raises(NcdError, match=r"inside @ncd.diagram") as error:
        ncd.scope("self")
    assert '.block("self")' in str(error.value)
    with pytest.raises(NcdError, match="a scope is a place below others"):
        ncd.scope("/self")


def test_a_file_with_a_place_of_no_name_is_refused():
    text = nn.linear("m -> m", name="Q").block("outer").to_json()
    with pytest.raises(LoadError):
        from_json(text.replace('"outer"', '"/"'))


def test_a_parameter_at_the_place_of_a_layer_is_refused():
    both = diagram("m -> m")(
        lambda x: nn.linear("m -> m", name="a")(x) + ncd.parameter("a", "m", tied=True)())
    for ask in (lambda: both.init(0, m=2), both.to_jax, both.cost):
        with pytest.raises(NcdError, match="a is the place of a parameter and of a layer"):
            ask()
    fixed = diagram("m -> m")(lambda x: nn.linear("m -> m", name="a")(x) + ncd.parameter("b", "m")())
    assert jax.tree.structure(fixed.init(0, m=2)).num_leaves == 3


# -- a derivative's program takes the parameters of its diagram ------------------------------
def test_the_program_of_a_derivative_takes_the_parameters_read_or_not():
    shifted = diagram("x -> x")(lambda x: x + ncd.parameter("b", "x")())
    total = diagram("x -> ()")(lambda x: ncd.reduce("sum", "x")(shifted(x)))
    params, x, one = shifted.init(0, x=3), np.ones(3, "float32"), np.ones(3, "float32")
    np.testing.assert_allclose(shifted.reverse(0).to_jax()(params, x, one), one)
    np.testing.assert_allclose(shifted.vjp(0).to_jax()(params, x, one)[1], one)
    np.testing.assert_allclose(shifted.forward(0).to_jax()(params, x, one)[1], one)
    for made in (shifted.reverse(0), shifted.reverse(), total.gradient(), total.gradient(0, value=True),
                 total.hessian_vector(0), total.reverse()):
        assert slots(getattr(made, "diagram", made)) == ["b"]
        made.to_jax()(params, *(np.ones([3] * len(a.axes), "float32") for a in made.dom.inside))
        made.to_numpy()(params, *(np.ones([3] * len(a.axes)) for a in made.dom.inside))


@pytest.mark.parametrize("layer", [
    nn.linear("m -> k"), nn.convolution("x", "c -> e"), nn.layer_norm("m"), nn.rms_norm("m"),
    nn.embedding("n m"), nn.unembedding("m n"), nn.batch_norm_inference("c"), nn.dropout(0.5)],
    ids=lambda layer: layer.op.name)
@pytest.mark.parametrize("title", ["", "/", "a//b", " "])
def test_a_layer_of_a_file_has_a_name_that_places_its_parameters(layer, title):
    """A file may hold what no constructor makes: a tied layer without a title ended in a KeyError."""
    text = layer.to_json()
    old = json.dumps(layer.op.title)
    assert text.count(old) >= 1
    for tied in (text, text.replace('"tied": false', '"tied": true')):
        with pytest.raises(NcdError):
            ncd.from_json(tied.replace(old, json.dumps(title))).reverse()
