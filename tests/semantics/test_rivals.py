"""The models on which FLOP counters go wrong: ncd counts the mathematics, so each form costs the same."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import pytest

from ncd.algebra.convert import ZERO
from tests import jaxprs
from tests.bench.counters import TABLE, count
from tests.rivals import CONTRACTIONS, ROWS, ratio


@pytest.mark.parametrize("case", ROWS)
def test_ncd_is_exact(case):
    assert ratio(case) == 1


@pytest.mark.parametrize("case", sorted(set(ROWS) - {"custom operation"}))
def test_the_jax_program_does_these_contractions(case):
    """The exact column, once more: 2 for each term of each product in the program that runs."""
    make, sizes, exact = ROWS[case]
    model = make()
    params = jax.eval_shape(lambda: model.init(0, **sizes))
    inputs = [jax.ShapeDtypeStruct([axis.size.evaluate(sizes) for axis in array.axes], jnp.float32)
              for array in model.dom.inside]
    run = model.to_jax(**sizes)
    found = jaxprs.count(run, *([params] if run.slots else []), *inputs)
    assert jaxprs.total(found, "matrix") == exact


@pytest.mark.torch
@pytest.mark.parametrize("case", ROWS)
def test_torch_counts_the_same_model(case):
    """The models that the benchmark hands to other counters: torch's agrees, or sees nothing."""
    pytest.importorskip("torch")
    assert count("torch", case) / ROWS[case][2] == float(TABLE[case]["torch"])


def test_a_loop_is_not_counted_once():
    """Half as many layers, half as much between patches and head."""
    make, sizes, exact = ROWS["ViT-S"]
    half = make().cost("none", CONTRACTIONS).evaluate(**sizes | {"L": 6})["flops"]
    none = make().cost("none", CONTRACTIONS).exact["flops"].substitute({"L": ZERO}).evaluate(sizes)
    assert exact - half == half - none > 0


def test_fused_and_library_forms_cost_what_those_written_out_do():
    for written, fused in (("attention by matmul", "attention, fused"),
                           ("multi-head by hand", "multi-head, library"),
                           ("encoder block", "encoder block, library")):
        assert ROWS[written][2] == ROWS[fused][2] and ratio(written) == ratio(fused) == 1
