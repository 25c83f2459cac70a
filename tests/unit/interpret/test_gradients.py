"""`ncd check --gradient` sees a derivative that is wrong, and passes those that are right."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

import ncd
from ncd import nn
from ncd.analysis.agreement import compare
from ncd.analysis.gradients import check_gradient
from ncd.command.main import main
from ncd.construct.generators import opaque
from ncd.errors import InputError
from ncd.interpret.rules import with_rules


def test_right_derivatives_agree_in_all_four_ways():
    found = check_gradient(nn.transformer_block("x m", "f"), {"x": 3, "m": 4, "f": 5, "h": 2, "k": 2})
    assert found.jax is not None and found.differences is not None and found.relative < 1e-4
    assert found.left_out == [] and abs(found.reverse) > 1e-3


def test_a_planted_derivative_is_seen(monkeypatch):
    """The cube with 2x² for its slope, in ncd's rules only."""
    from ncd.ops import scalar
    right = check_gradient(ncd.diagram("x -> x")(lambda x: x * x * x), {"x": 4})
    assert right.relative < 1e-4
    wrong = ncd.custom_derivative(ncd.diagram("x -> x")(lambda x: x * x * x),
                                  ncd.diagram("x, x -> x")(lambda x, w: 2.0 * x * x * w))
    assert scalar and check_gradient(wrong, {"x": 4}).left_out


def test_what_has_no_floats_is_refused():
    with pytest.raises(InputError, match="there is nothing to differentiate"):
        check_gradient(ncd.Diagram.id("x : int"), {"x": 3})


TABLE = {"spectrum": {"jax": lambda run, op, x: jnp.abs(jnp.fft.fft(x)),
                      "reference": lambda run, op, x: np.abs(np.fft.fft(x))}}


def test_rules_of_opaque_boxes():
    model = nn.tanh.on("x") >> opaque("spectrum", "x -> x")
    assert compare(model, {"x": 8}, rules=with_rules(TABLE)).relative < 1e-5
    other = {"spectrum": TABLE["spectrum"] | {"jax": lambda run, op, x: x}}
    assert compare(model, {"x": 8}, rules=with_rules(other)).relative > 1e-2
    with pytest.raises(InputError) as error:
        with_rules({"a": 3, 4: {}, "b": {"jax": 1}, "c": {"numpy": print}})
    assert len(error.value.details["why"]) == 4


def test_the_command_line_takes_rules_and_checks_gradients(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.py").write_text("""
import numpy as np, jax.numpy as jnp
from ncd import nn
from ncd.construct.generators import opaque
model = nn.tanh.on("x") >> opaque("spectrum", "x -> x")
layer = nn.feed_forward("m", "f")
rules = {"spectrum": {"jax": lambda run, op, x: jnp.abs(jnp.fft.fft(x)),
                      "reference": lambda run, op, x: np.abs(np.fft.fft(x))}}
""")
    assert main(["check", "m.py:model", "--rules", "m.py:rules"]) == 0
    assert main(["check", "m.py:model"]) == 2
    assert "no rule for the operation `spectrum`" in capsys.readouterr().err
    assert main(["check", "m.py:layer", "--gradient"]) == 0
    assert "gradient the reverse derivative" in capsys.readouterr().out
