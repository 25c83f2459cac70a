"""`ncd check` chooses sizes that fit: each derived size is a whole number of at least 1."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ncd
from ncd import nn
from ncd.algebra.convert import parse_size
from ncd.analysis.fitting import fit
from ncd.command.arguments import small
from ncd.core.check import check
from ncd.errors import SizeError
from ncd.read.resolve import zoo
from tests.strategies import examples

TYPES = [
    "m=h*k, m", "x=m/h, y=h/k", "x=m/h, y=h/k, z=(k-5)/7", "x=h/2, y=(h/2-1)/2", "x=n-1000", "x=n//5000",
    "x=w-128, y=w//7-s//2, z=(w-s)/2", "x=n**(1/2), y=(n+m)**(1/2)", "x=a-b, y=b-c, z=c-d, w=d-e",
    "x=a*b-c*d-11", "x=m/h, y=m/k, z=m/g, w=(m/h)/k", "x=(a+b+c)/7, y=(a-b)/3, z=(b-c)/2", "x=min(a, b)-40",
    "x=((((n-3)//2-3)//2-3)//2-3)//2", "x=1/(h-3)", "c=6*g, x=x//g"]


@pytest.mark.parametrize("text", TYPES)
def test_sizes_are_found_for_a_type(text):
    diagram = ncd.Diagram.id(text)
    found = small({}, diagram)
    assert found.keys() == diagram.symbols
    check(diagram, deep=True, sizes=found)


LAYERS = {
    "heads": lambda: nn.linear("m -> k=m/4"), "grouped": lambda: nn.convolution(
        "x", "c=6*g -> e=6*g", kernel=9, groups=6), "symbols": lambda: nn.convolution(
        "x", "c -> e", kernel="k", groups="g", stride="s"), "pooled": lambda: nn.max_pool("x y", 32),
    "wide": lambda: nn.convolution("x", "c -> e", kernel=11, stride=4, dilation=5),
    "chosen": lambda: ncd.topk("x -> k=9"), "chosen of": lambda: ncd.topk("x -> k"),
    "sliced": lambda: ncd.reindex("x -> i=9", x="i+2"), "strided": lambda: ncd.reindex("x -> i", x="2*i+a"),
    "backwards": lambda: ncd.reindex("x -> i=3", x="7-2*i")}


@pytest.mark.parametrize("name", LAYERS)
def test_sizes_are_found_at_which_a_layer_runs(name):
    from ncd.analysis.agreement import compare
    diagram = LAYERS[name]()
    found = compare(diagram, small({}, diagram))
    assert not found.problems and found.relative < 1e-4


def test_every_model_of_the_zoo_has_sizes():
    for make in zoo().values():
        diagram = make()
        found = small({}, diagram)
        check(diagram, deep=True, sizes=found)
        assert found.keys() == diagram.symbols


def test_small_numbers_that_differ_come_first_and_no_axis_is_1_where_it_need_not_be():
    assert fit(ncd.Diagram.id("a b c"), {}) == {"a": 3, "b": 4, "c": 5}
    assert fit(ncd.Diagram.id("x=m/h"), {}) == {"h": 3, "m": 6}
    assert fit(ncd.Diagram.id("x=n//5000"), {})["n"] == 5000


def test_sizes_given_are_kept_and_the_others_fitted_to_them():
    diagram = ncd.Diagram.id("x=m/h, y=h/k")
    found = small({"h": 10}, diagram)
    assert found["h"] == 10 and found["m"] % 10 == 0 and 10 % found["k"] == 0
    with pytest.raises(SizeError, match="the sizes do not fit"):
        small({"m": 9, "h": 2, "k": 1}, diagram)


@pytest.mark.parametrize("text", ["x=n-m, y=m-n", "x=(2*n+1)/2", "x=n/2, y=(n+1)/2"])
def test_where_no_sizes_fit_it_says_so_soon(text):
    with pytest.raises(SizeError, match="no small sizes fit the diagram") as error:
        small({}, ncd.Diagram.id(text))
    assert error.value.details["why"] and "--size" in error.value.details["mend"]


@examples(60)
@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("abcd"), st.integers(1, 6),
                          st.integers(0, 9),
                          st.sampled_from(["{0}/{2}", "{0}/{1}", "{0}-{3}", "({0}-{3})//{2}", "{0}-{1}",
                                           "({0}+{1})/{2}"])), min_size=1, max_size=4))
def test_what_is_found_fits_and_what_is_not_found_is_not_there(rows):
    texts = [form.format(*row) for *row, form in rows]
    sizes = [parse_size(text) for text in texts]
    if any(size.constant is not None for size in sizes):
        return
    diagram = ncd.Diagram.id(", ".join(f"x{n}={text}" for n, text in enumerate(texts)))
    names = sorted(diagram.symbols)
    found = fit(diagram, {})

    def fits(at):
        return all((value := size.evaluate(at)) >= 1 and value == int(value) for size in sizes)
    if found is not None:
        assert fits(found)
    else:
        import itertools
        assert not any(fits(dict(zip(names, at))) for at in itertools.product(range(1, 9), repeat=len(names)))
