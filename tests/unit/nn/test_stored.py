"""Parameters that are stored: among the others where a program runs, nowhere counted as learned."""

from __future__ import annotations

import jax
import numpy as np
import pytest

import ncd
from ncd import nn
from ncd.algebra.convert import ZERO, Size
from ncd.errors import InputError
from ncd.ops.source import Parameter
from ncd.traverse.places import places

NORM = nn.batch_norm_inference("c")


def model():
    """A learned matrix, a stored table and a norm with stored statistics, in a block that is repeated."""
    table = ncd.parameter("positions", "x c", stored=True)
    layer = ncd.diagram("x c -> x c", block=True)(
        lambda x: nn.linear("c -> c", bias=False)(NORM(x)) + table())
    return layer.repeat("N")


def test_what_is_stored_is_not_counted_as_learned():
    cost = NORM.cost()
    assert (cost.exact["params"], cost.exact["param_bytes"]) == (Size("2*c"), Size("8*c"))
    assert str(cost.stored) == "2*c"
    assert nn.batch_norm_inference("c", scale=False, shift=False).cost().params == 0
    whole = model().cost()
    assert whole.exact["params"] == Size("N*c**2 + 2*N*c")
    assert str(whole.stored) == "N*c*x + 2*N*c"
    assert "stored" in str(whole) and "stored" not in str(nn.linear("c -> c").cost())


def test_it_still_takes_memory():
    """It lies there, as the learned ones do."""
    cost = NORM.cost()
    assert cost.exact["peak_memory"] - cost.exact["activations"] == Size("4*c + 16*c")
    once = cost.roofline("h100", dtype="float32", traffic="once").bytes
    assert once == Size("4*(c + 4*c + c)")


@pytest.mark.parametrize("optimiser, states", [("sgd", 0), ("momentum", 1), ("adam", 2), ("adamw", 2)])
def test_no_gradient_no_state_no_decay(optimiser, states):
    step = NORM.cost().training(optimiser=optimiser)
    assert step.lens.parameters == (("batch_norm", "scale"), ("batch_norm", "shift"))
    assert step.exact["gradient_bytes"] == Size("8*c")
    assert step.exact["state_bytes"] == Size("8*c") * states
    one = nn.linear("c -> ()", bias=False).cost().training(optimiser=optimiser).exact["optimiser_flops"]
    assert step.exact["optimiser_flops"] == one * 2


def test_rows_of_tables_add_up():
    for made in (NORM, model()):
        for depth in (1, 3):
            rows = [row for row in made.cost().by("block", depth) if row.level == 0]
            assert sum((row.sums["params"] for row in rows), ZERO) == made.cost().exact["params"]


def test_on_a_mesh_a_device_holds_learned_numbers():
    found = ncd.plan.sharded(NORM.cost(), {"c": "model"}, {"model": "t"})
    assert found.params == Size("2*c/t")
    assert set(found.params_by_place) == {"batch_norm/scale", "batch_norm/shift"}


def test_programs_take_it_and_do_not_train_it():
    made = model()
    params = made.init(0, N=2, x=3, c=4)
    paths = {"/".join(path): slot.stored for path, slot in places(made)[0].items()}
    assert {path for path, stored in paths.items() if stored} == {
        path for path in paths if path.rpartition("/")[2] in ("mean", "variance", "positions")}
    value = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    gradient = jax.grad(lambda params: (made.to_jax()(params, value) ** 2).sum())(params)
    lens = made.reverse(wrt="parameters")
    derived = lens.to_jax()(params, value, 2 * made.to_jax()(params, value))
    leaves = dict(zip(lens.parameters, derived))
    for path, slot in places(made)[0].items():
        leaf = gradient
        for name in path:
            leaf = leaf[name]
        assert (path in leaves) is not slot.stored
        assert bool((leaf == 0).all()) is slot.stored
        if not slot.stored:
            np.testing.assert_allclose(leaf, leaves[path], rtol=2e-4, atol=2e-4)


def test_the_derivative_reads_it():
    """What is stored stands in the derivative's diagram too, stored there."""
    lens = NORM.reverse()
    assert {path[-1]: slot.stored for path, slot in places(lens.composite)[0].items()} == {
        "mean": True, "variance": True, "scale": False}
    again = lens.composite.reverse()
    assert ("batch_norm", "mean") not in again.parameters


def test_integers_and_truth_values_are_stored():
    for kind in (": int", ": bool", ": index(7)"):
        made = ncd.parameter("table", f"x {kind}")
        assert made.op.stored and made.cost().params == 0 and str(made.cost().stored) == "x"


def test_it_has_its_own_mark():
    assert "stored[mean]()" in NORM.op.definition().listing()
    assert "parameter[scale]()" in NORM.op.definition().listing()
    svg = {stored: ncd.parameter("table", "x", stored=stored).draw() for stored in (True, False)}
    assert ("bold" in svg[False]) and ("bold" not in svg[True])


def test_it_stays_stored_however_it_is_changed():
    made = ncd.parameter("table", "x", stored=True)
    read = nn.relu.on("x") >> ncd.diagram("x -> x")(lambda x: x + made())
    for other in (read.lift("b", stack=True), read.rename(x="y"), read.bind(x=3), read.repeat("N"),
                  ncd.from_json(read.to_json())):
        assert all(slot.stored for slot in places(other)[0].values()) and other.cost().params == 0


def test_a_file_from_before_is_read():
    assert Parameter("w", ncd.Ty("x").inside[0]).stored is False


def test_what_is_refused():
    with pytest.raises(InputError, match="batch_norm/mean is stored and not learned"):
        NORM.reverse(wrt="batch_norm/mean")
    assert NORM.reverse(wrt="batch_norm").parameters == (("batch_norm", "scale"), ("batch_norm", "shift"))
    one, two = (ncd.parameter("w", "x", tied=True, stored=stored) for stored in (True, False))
    with pytest.raises(InputError, match="learned in one place and stored in another"):
        ncd.diagram("x -> x")(lambda x: x * one() + two()).cost()
