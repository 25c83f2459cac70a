"""Every derived size is checked before anything runs, in every interpretation, once for a call of Python."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ncd
from ncd import nn
from ncd.construct.generators import pad, slice_axis, window
from ncd.core.symbols import symbols
from ncd.errors import NcdError, SizeError
from ncd.interpret.derived import Derived
from ncd.interpret.interpretation import Interpretation
from ncd.ops.source import Initialiser

LAYERS = {              # a diagram, sizes of its input that it does not take, sizes that it takes
    "convolution": (nn.convolution("x", "c=2 -> e=3", kernel=5, bias=False), {"x": 4}, {"x": 5}),
    "strided": (nn.convolution("x", "c=2 -> e=3", kernel=3, stride=2, dilation=2), {"x": 4}, {"x": 5}),
    "transposed": (nn.convolution("x", "c=2 -> e=3", kernel=2, padding=3, transpose=True),
                   {"x": 5}, {"x": 6}),
    "kernel": (nn.convolution("x", "c=2 -> e=3", kernel="k"), {"x": 3, "k": 4}, {"x": 3, "k": 3}),
    "pool": (nn.max_pool("x", kernel=4), {"x": 3}, {"x": 4}),
    "sum pool": (nn.sum_pool("x", kernel=4), {"x": 3}, {"x": 4}),
    "linear, a quarter": (nn.linear("m -> k=m/4"), {"m": 6}, {"m": 8}),
    "linear, less": (nn.linear("m -> k=m-2", bias=False), {"m": 2}, {"m": 3}),
    "window": (window("x", "j=3") >> ncd.reduce("sum", "x"), {"x": 2}, {"x": 3}),
    "slice": (slice_axis("x", 2, "x"), {"x": 2}, {"x": 3}),
    "in a block": (nn.max_pool("x", kernel=4).block("pool"), {"x": 3}, {"x": 4}),
    "within": (nn.max_pool("x", 4) >> ncd.reduce("sum", "x"), {"x": 3}, {"x": 4}),
    "unused": (ncd.diagram("x -> x")(lambda x: (nn.max_pool("x", 4)(x), x)[1]), {"x": 3}, {"x": 4}),
    "in a scan": (ncd.scan(ncd.diagram("x, x -> x, ()")(
        lambda s, x: (s, ncd.reduce("sum", "x")(nn.max_pool("x", 4)(x)))), "t=2", sequences=1),
        {"x": 3}, {"x": 4}),
    "parameter": (ncd.diagram("x")(lambda x: ncd.reduce("sum", "k")(
        ncd.parameter("w", "k=x//3", Initialiser("ones"))()) + x), {"x": 2}, {"x": 3}),
    "index": (ncd.diagram("x : index(n-2)")(lambda x: x), {"n": 2, "x": 1}, {"n": 3, "x": 1}),
    "no such output": (nn.convolution("x", "c=2 -> e=3", kernel=2, stride=2, transpose=True, output="o"),
                       {"x": 4, "o": 10}, {"x": 4, "o": 9}),
    "output too small": (nn.convolution("x", "c=2 -> e=3", kernel=2, stride=2, transpose=True, output="o"),
                         {"x": 4, "o": 7}, {"x": 4, "o": 8}),
    "padding only": (nn.max_pool("x", kernel="k", stride=1, padding="p"), {"x": 4, "k": 2, "p": 2},
                     {"x": 4, "k": 2, "p": 1}),
}
cases = pytest.mark.parametrize("layer, bad, good", [pytest.param(*case, id=name)
                                                     for name, case in LAYERS.items()])


def inputs(layer, sizes) -> list:
    kinds = {"int": np.int32, "float": np.float32}
    return [np.zeros([axis.size.evaluate(sizes) for axis in array.axes], kinds[array.dtype])
            for array in layer.dom.inside]


def parameters(layer, sizes) -> tuple:
    """Parameters of the right place and rank: of the shapes at these sizes, at least 1."""
    from ncd.traverse.places import build, places
    slots = places(layer)[0]
    return (build({path: np.ones([max(1, int(axis.size.evaluate(sizes))) for axis in slot.array.axes],
                                 np.float32) for path, slot in slots.items()}),) if slots else ()


@cases
def test_a_program_refuses_what_has_no_size(layer, bad, good):
    given = {name: bad[name] for name in bad if name in symbols(layer)}
    params, values = parameters(layer, bad), inputs(layer, bad)
    for ask in (lambda: layer.to_jax(**given)(*params, *values),
                lambda: layer.to_numpy(**given)(*params, *values),
                lambda: jax.jit(layer.to_jax(**given))(*params, *values),
                lambda: jax.eval_shape(layer.to_jax(**given), *params, *values),
                lambda: layer.init(0, **given) if params else _raise(),
                lambda: layer.cost().evaluate(**given)):
        with pytest.raises(NcdError, match=r"not positive|not have the diagram's type|integers outside"):
            ask()
    with pytest.raises(SizeError, match="not positive whole numbers"):
        layer.cost().evaluate(**{name: [good[name], number] for name, number in given.items()})


def _raise():
    raise SizeError("sizes that are not positive whole numbers")


@cases
def test_a_program_takes_what_has_sizes(layer, bad, good):
    given = {name: good[name] for name in good if name in symbols(layer)}
    params = (layer.init(0, **given),) if parameters(layer, good) else ()
    values = inputs(layer, good)
    found = layer.to_jax(**given)(*params, *values), layer.to_numpy(**given)(*params, *values)
    for a, b in zip(*[each if isinstance(each, tuple) else (each,) for each in found]):
        assert a.shape == b.shape and 0 not in a.shape
    assert layer.cost().evaluate(**given)["flops"] == layer.cost().evaluate(
        **{name: [number, number] for name, number in given.items()})["flops"][0]


def test_derivatives_are_checked_as_well():
    layer = nn.convolution("x", "c=2 -> e=3", kernel=5, bias=False)
    params = parameters(layer, {"x": 5})
    total = ncd.diagram("x c=2")(lambda x: ncd.reduce("sum", "x e")(layer(x)))
    for made in (total.gradient(), total.gradient(0, value=True)):
        with pytest.raises(SizeError, match="is 0 in"):
            made.to_jax()(*params, jnp.ones((4, 2)))
        with pytest.raises(SizeError, match="is 0 in"):
            jax.vmap(made.to_jax(), (None, 0))(*params, jnp.ones((3, 4, 2)))
    with pytest.raises(SizeError, match="is 0 in"):
        jax.grad(total.to_jax(), 1)(*params, jnp.ones((4, 2)))


def test_any_interpretation_with_sizes_is_checked():
    from ncd.interpret.reference.rules import RULES
    mine = Interpretation("mine", RULES)
    with pytest.raises(SizeError, match=r"`max_pool\[x\]`: x = x//4 is 0 in `x=x//4`, at x = 3"):
        mine(nn.max_pool("x", 4), np.ones(3), sizes={"x": 3})


def test_sizes_are_found_once_for_a_program_and_checked_once_for_a_call(monkeypatch):
    calls = []
    check = Derived.check
    monkeypatch.setattr(Derived, "check", lambda self, known: (calls.append(1), check(self, known)))
    body = ncd.diagram("x, x -> x, x")(lambda s, x: (nn.relu(s + x), s))
    run = ncd.scan(body, "t", sequences=1).to_jax()
    run(np.ones(4, "float32"), np.ones((100, 4), "float32"))
    assert len(calls) == 1
    deep = nn.max_pool("x", 2)
    for _ in range(30):
        deep = (deep.block("a") if len(deep.dom) else deep)
    assert len(Derived(deep, ncd.reference.opens).sizes) == 1


def test_the_error_says_where_and_at_what():
    with pytest.raises(SizeError) as error:
        nn.linear("m -> k=m/4").init(0, m=6)
    assert error.value.details["why"] == [
        "`linear[m -> k=(1/4)*m]`: k = (1/4)*m is 1.5 in `k=(1/4)*m`, at m = 6"]
    with pytest.raises(SizeError, match="o = 10, x = 4"):
        LAYERS["no such output"][0].cost().evaluate(x=4, o=10)


def test_pad_keeps_its_size_whole():
    assert pad("x", "p").to_numpy(p=2)(np.ones(3)).shape == (5,)
