"""The cost that an opaque operation states of itself."""

from __future__ import annotations

import json

import pytest

import ncd
from ncd import nn
from ncd.algebra.convert import Size
from ncd.construct.generators import opaque
from ncd.errors import NotationError, RuleError, SizeError
from ncd.interpret.cost import work

MINE = opaque("mine", "x, y=n -> x y=n", flops="5*x*n", transcendentals="x")


def flops(diagram, **options):
    return diagram.cost(**options).exact["flops"]


def test_it_is_counted():
    cost = (nn.tanh.on("x") >> opaque("mine", "x -> x", flops="x**2", transcendentals=3)).cost()
    assert (cost.exact["flops"], cost.exact["transcendentals"]) == (Size("x**2"), Size("x + 3"))
    assert cost.exact["reads"] == Size("8*x") and cost.exact["matrix_flops"] == 0
    assert [row.name for row in cost.by("operation")] == ["map tanh", "mine"]


def test_what_is_left_out_is_nothing():
    for stated in ({"flops": 7}, {"transcendentals": Size("x")}):
        cost = opaque("mine", "x -> x", **stated).cost()
        assert {name: cost.exact[name] for name in ("flops", "transcendentals")} == {
            "flops": 0, "transcendentals": 0} | stated
    assert opaque("mine", "x -> x", flops=0).cost().exact["flops"] == 0
    with pytest.raises(RuleError, match="no rule"):
        opaque("mine", "x -> x").cost()


def test_it_follows_the_sizes():
    assert flops(MINE.bind(x=4)) == Size("20*n")
    assert flops(MINE.bind(n="2*m")) == Size("10*m*x")
    assert flops(MINE.rename(x="z")) == Size("5*x*n")                   # the label is another, the size not
    assert flops(MINE.lift("b c")) == Size("5*b*c*x*n")
    assert flops(MINE.repeat("N") if MINE.dom == MINE.cod else MINE.block("b")) == Size("5*x*n")
    assert flops(opaque("mine", "x -> x", flops="x").repeat("N")) == Size("N*x")


def test_a_rule_by_name_wins():
    table = ncd.cost | {"mine": lambda op, convention: work(op, convention, flops=7)}
    for diagram, wanted in ((MINE, 7), (MINE.lift("b"), Size("7*b"))):
        assert flops(diagram, interpretation=table) == wanted
    assert flops(MINE, partial=True) == Size("5*x*n") and MINE.cost(partial=True).coverage().complete


def test_it_is_part_of_what_the_operation_is():
    other = opaque("mine", "x, y=n -> x y=n", flops="6*x*n", transcendentals="x")
    assert other != MINE and flops(MINE @ other) == Size("11*x*n")
    assert opaque("f", "x -> x", flops="2*x") == opaque("f", "x -> x", flops=Size("x") + Size("x"))


def test_json_keeps_it_and_reads_old_files():
    for diagram in (MINE, MINE.lift("b"), MINE.bind(n=3)):
        again = ncd.from_json(diagram.to_json())
        assert again == diagram and flops(again) == flops(diagram)
    old = json.loads(opaque("mine", "x -> x").to_json())
    for node in old["diagram"]["nodes"]:
        del node["fields"]["flops"], node["fields"]["transcendentals"]
    assert ncd.from_json(json.dumps(old)) == opaque("mine", "x -> x")


@pytest.mark.parametrize("stated, error, says", [
    ({"flops": "5*k"}, SizeError, "sizes that its type does not have"),
    ({"transcendentals": "x*m"}, SizeError, "have    m"), ({"flops": -1}, SizeError, "below 0"),
    ({"flops": "5*"}, NotationError, "pattern"), ({"flops": [1]}, SizeError, "not a size")])
def test_what_is_refused(stated, error, says):
    with pytest.raises(error, match=says):
        opaque("mine", "x -> x", **stated)


def test_a_file_with_a_cost_that_cannot_be_is_refused():
    text = opaque("mine", "x -> x", flops="5*x").to_json().replace("5*x", "5*k")
    with pytest.raises(ncd.errors.LoadError, match="does not have"):
        ncd.from_json(text)
