"""Entries that masks remove: the formulas against a counter that goes through every entry."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest

import ncd
from ncd import nn
from ncd.algebra import count as region
from ncd.algebra.convert import ZERO, Size
from ncd.construct import generators
from ncd.construct.generators import elementwise, iota, where
from ncd.construct.notation import einsum
from ncd.construct.trace import pointwise, trace
from ncd.core.signature import parse_type
from ncd.errors import InputError, NcdError, SizeError
from ncd.interpret.cost import Convention
from ncd.ops import scalar
from ncd.plan import sharded
from tests.skipping import count

SUMS = ("flops", "matrix_flops", "transcendentals")
INF = float("inf")


def formula(diagram, masks="skip", **sizes) -> tuple[int, ...]:
    found = diagram.cost(masks=masks).evaluate(**sizes)
    return tuple(found[name] for name in SUMS)


def agree(diagram, **sizes) -> None:
    """The formula is what is counted, is not more than the dense cost, and adds up however it is cut."""
    found = formula(diagram, **sizes)
    assert found == count(diagram, **sizes)
    dense = diagram.cost().evaluate(**sizes)
    assert all(less <= dense[name] for less, name in zip(found, SUMS))
    adds_up(diagram.cost(masks="skip"))


def adds_up(cost) -> None:
    for cut, depth in (("operation", 1), ("block", 1), ("block", 4)):
        rows = [row for row in cost.by(cut, depth) if row.level == 0]
        for name in SUMS:
            assert sum((row.sums[name] for row in rows), ZERO) == cost.exact[name]
    assert sum((sums["flops"] for *_, sums in cost.operations()), ZERO) == cost.exact["flops"]


def made(body, types: str):
    return trace(body, parse_type(types))


# -- attention -----------------------------------------------------------------------------
MODELS = {
    "causal": (nn.attention("causal"), {"y": 5, "x": 4, "k": 2, "v": 3}),
    "offset": (nn.attention("causal", offset="o"), {"y": 4, "x": 6, "k": 2, "v": 1, "o": 2}),
    "window": (nn.attention("window", window="w"), {"y": 6, "x": 6, "k": 1, "v": 2, "w": 3}),
    "wide window": (nn.attention("window", window="w"), {"y": 4, "x": 4, "k": 1, "v": 2, "w": 7}),
    "both": (nn.attention("window", window=2, offset=1), {"y": 4, "x": 5, "k": 2, "v": 2}),
    "heads": (nn.multi_head_attention("y m, x m", "h", "k", mask="causal"), {
        "y": 4, "x": 3, "m": 2, "h": 3, "k": 2}),
    "self": (nn.self_attention("x m", "h", "k", mask="causal"), {"x": 4, "m": 3, "h": 2, "k": 2}),
    "rotary": (nn.self_attention("x m", "h", 2, mask="window", window=2, rotary=True), {
        "x": 4, "m": 3, "h": 2}),
    "grouped": (nn.grouped_query_attention("y m, x m", 2, 4, "k", mask="window", window="w", offset="o"), {
        "y": 4, "x": 5, "m": 3, "k": 2, "w": 2, "o": 1}),
    "batch": (nn.attention("causal").on("b y k, b x k, b x v"), {"b": 2, "y": 4, "x": 3, "k": 1, "v": 2})}


@pytest.mark.parametrize("name", MODELS)
def test_attention(name):
    diagram, sizes = MODELS[name]
    agree(diagram, **sizes)
    assert formula(diagram, **sizes)[1] < diagram.cost().evaluate(**sizes)["matrix_flops"]


@pytest.mark.parametrize("name", MODELS)
def test_its_derivatives(name):
    diagram, sizes = MODELS[name]
    agree(diagram.reverse().composite, **sizes)
    agree(diagram.forward(), **sizes)


@pytest.mark.parametrize("policy", ["everything", "nothing", "contractions", "blocks"])
def test_training_knows_what_is_kept(policy):
    """The backward part alone is given the probabilities, which are 0 where the mask is false."""
    diagram, sizes = MODELS["self"]
    step = diagram.cost(masks="skip").training(policy=policy, optimiser=None)
    wanted = diagram.reverse(policy=policy)
    assert step.evaluate(**sizes)["forward_matrix_flops"] == count(wanted.forward, **sizes)[1]
    alone = policy in ("nothing", "blocks")             # all is computed again, from the inputs
    whole = count(wanted.backward if alone else wanted.composite, **sizes)[1]
    assert step.evaluate(**sizes)["backward_matrix_flops" if alone else "matrix_flops"] == whole
    dense = diagram.cost().training(policy=policy, optimiser=None).evaluate(**sizes)
    assert step.evaluate(**sizes)["backward_matrix_flops"] < dense["backward_matrix_flops"]


def test_half_of_the_score_matmul():
    """Causal: x(x + 1)/2 scores instead of x²; Dao 2023, arXiv 2307.08691, §4.1, divides by two."""
    cost = nn.self_attention("x m", "h", "k", mask="causal").cost(masks="skip")
    assert cost.part("attention", "matrix_flops") == Size("2*h*k*x*(x+1)")
    assert cost.exact["transcendentals"] == Size("h*x*(x+1)/2")
    assert cost.masked == {"x <= y": Size("x*(x+1)/2")}


@pytest.mark.parametrize("seed", range(4))
def test_a_mask_that_is_given(seed):
    rng = np.random.default_rng(seed)
    sizes = {"y": 4, "x": 5, "k": 2, "v": 3}
    seen = rng.random((4, 5)) < 0.4
    seen[0], seen[:, 0] = True, True                    # a line without an entry has no mean
    for diagram in (nn.attention("input"), nn.attention("input").reverse().composite):
        found = formula(diagram, {3: "n"}, n=int(seen.sum()), **sizes)
        assert found == count(diagram, {3: seen}, **sizes)
        adds_up(diagram.cost(masks={3: "n"}))
        dense = diagram.cost().evaluate(**sizes)
        assert formula(diagram, {3: 20}, **sizes) == tuple(dense[name] for name in SUMS)


def test_training_with_a_mask_that_is_given():
    diagram, sizes = nn.attention("input"), {"y": 3, "x": 4, "k": 2, "v": 3, "n": 7}
    step = diagram.cost(masks={3: "n"}).training(optimiser=None)
    whole = diagram.reverse().composite.cost(masks={3: "n"})
    assert step.evaluate(**sizes)["matrix_flops"] == whole.evaluate(**sizes)["matrix_flops"]


def test_loops_and_what_they_are_given():
    block = nn.transformer_block("x m", "f", "h", "k", causal=True)
    once, many = block.cost(masks="skip"), block.repeat("N").cost(masks="skip")
    assert many.exact["flops"] == once.exact["flops"] * Size("N")
    assert many.part("attention") == once.part("attention") * Size("N")
    assert once.part("attention", "matrix_flops") == Size("2*h*k*x*(x+1)")
    adds_up(many)
    given = nn.self_attention("x m", "h", "k", mask="input")        # a state, and the same mask at every step
    loop = generators.scan(given, "N", states=1)
    assert loop.cost(masks={1: "n"}).exact["flops"] == given.cost(masks={1: "n"}).exact["flops"] * Size("N")


# -- other masks ---------------------------------------------------------------------------
def _bias(q, k):
    """A mask as what is added to scores, −∞ where nothing is seen."""
    seen = pointwise(scalar.LESS_EQUAL, iota("x")(), iota("y")())
    return nn.softmax("x")(einsum("y k, x k -> y x")(q, k) + where(seen, 0, -INF))


def _factor(q, k):
    """A mask as a factor, 0 where nothing is seen."""
    seen = pointwise(scalar.GREATER, iota("y")() + 1, iota("x")())
    return einsum("y x, x k -> y k")(einsum("y k, x k -> y x")(q, k) * elementwise("to_float")(seen), k)


def _other_way(q, k):
    """The condition says what is hidden."""
    hidden = pointwise(scalar.LESS, iota("y")(), iota("x")())
    return nn.softmax("x")(where(hidden, -INF, einsum("y k, x k -> y x")(q, k)))


def _opposite(q, k):
    seen = pointwise(scalar.OPPOSITE, pointwise(scalar.LESS, iota("y")(), iota("x")()))
    return nn.softmax("x")(where(seen, einsum("y k, x k -> y x")(q, k), -INF))


def _diagonal(q, k):
    same = pointwise(scalar.EQUAL, iota("x")(), iota("y")())
    return einsum("y x, x k -> y k")(where(same, einsum("y k, x k -> y x")(q, k), 0), k)


def _shifted(q, k):
    """Positions by arithmetic: 2 x <= 2 y + 4 has two terms of one factor each."""
    seen = pointwise(scalar.LESS_EQUAL, iota("x")() - 1, iota("y")() + 1)
    return nn.softmax("x")(where(seen, einsum("y k, x k -> y x")(q, k), -INF))


def _few(q, k):
    """One axis: the first two keys."""
    seen = pointwise(scalar.LESS, iota("x")(), 2)
    return nn.softmax("x")(where(seen, einsum("y k, x k -> y x")(q, k), -INF))


def _rows(q, k):
    """One axis: only some queries, and what is computed of them alone."""
    seen = pointwise(scalar.GREATER_EQUAL, iota("y")(), 2)
    return where(seen, nn.softmax("x")(einsum("y k, x k -> y x")(q, k)), 0)


def _powers(q, k):
    """Powers with a literal exponent are products where something is seen too."""
    seen = pointwise(scalar.LESS_EQUAL, iota("x")(), iota("y")())
    return nn.softmax("x")(where(seen, einsum("y k, x k -> y x")(q, k) ** 3, -INF))


def _nothing(q, k):
    """A mask that depends on values discounts nothing."""
    scores = einsum("y k, x k -> y x")(q, k)
    return where(scores > 0, scores, 0)


OTHERS = {each.__name__.strip("_"): each for each in (
    _bias, _factor, _other_way, _opposite, _diagonal, _shifted, _few, _rows, _powers, _nothing)}


@pytest.mark.parametrize("name", OTHERS)
def test_other_masks(name):
    diagram, sizes = made(OTHERS[name], "y k, x k"), {"y": 4, "x": 4, "k": 2}
    agree(diagram, **sizes)
    agree(diagram.reverse().composite, **sizes)
    less = formula(diagram, **sizes)[1] < diagram.cost().evaluate(**sizes)["matrix_flops"]
    assert less == (name != "nothing")


def test_a_mask_of_one_axis_that_is_given():
    """Padding: keys that are there."""
    def body(q, k, there):
        return nn.softmax("x")(where(there, einsum("y k, x k -> y x")(q, k), -INF))
    diagram, there = made(body, "y k, x k, x : bool"), np.array([True, True, False, True])
    found = formula(diagram, {2: "n"}, n=3, y=3, x=4, k=2)
    assert found == count(diagram, {2: there}, y=3, x=4, k=2)
    assert diagram.cost(masks={2: "n"}).exact["matrix_flops"] == Size("2*k*n*y")


def test_two_masks_have_an_upper_bound():
    def body(q, k, there):
        seen = pointwise(scalar.BOTH, nn.causal_mask()(), there)
        return nn.softmax("x")(where(seen, einsum("y k, x k -> y x")(q, k), -INF))
    diagram = made(body, "y k, x k, x : bool")
    cost, sizes = diagram.cost(masks={2: "n"}), {"y": 4, "x": 4, "k": 1}
    for there in itertools.product([True, False], repeat=4):
        if there[0]:
            real = count(diagram, {2: np.array(there)}, **sizes)[1]
            assert real <= cost.evaluate(n=sum(there), **sizes)["matrix_flops"] <= 2 * 10


def test_what_has_no_mask_is_unchanged():
    for name in ("multi_head_attention", "gru", "unet", "vision_transformer"):
        dense, found = ncd.zoo.ZOO[name]().cost(), ncd.zoo.ZOO[name]().cost(masks="skip")
        assert {m: found.exact[m] for m in SUMS} == {m: dense.exact[m] for m in SUMS}
        assert found.masked == {}


def test_bytes_depth_and_memory_stay():
    dense, found = (nn.attention("causal").cost(masks=masks) for masks in ("dense", "skip"))
    for name in ("reads", "writes", "fused_reads", "fused_writes", "depth", "peak_memory", "params"):
        assert found.exact[name] == dense.exact[name]


def test_a_roofline_of_what_is_left():
    cost = MODELS["self"][0].cost(masks="skip")
    assert cost.roofline("h100").flops == cost.exact["flops"]
    with pytest.raises(NcdError, match="not cut over devices"):
        sharded(cost, {"h": "model"}, {"model": "t"})


def test_a_rule_of_the_users_own_wins():
    from ncd.interpret.cost import work
    from ncd.ops.multilinear import Einsum
    mine = ncd.cost | {Einsum: lambda op, convention: work(op, convention, flops=7, matrix=7)}
    assert nn.attention("causal").cost(interpretation=mine, masks="skip").exact["matrix_flops"] == 14


# -- any program -----------------------------------------------------------------------------
UNCOUNTED = Convention("no truths", lambda row: (0, 0) if row.dtype == "bool" else row.operations)


def program(seed: int):
    """A random diagram of choices by masks, entrywise functions, folds and contractions."""
    draw = random.Random(seed)
    finite = draw.random() < 0.5                        # 0 times −∞ has no value: one or the other

    def mask(given):
        left, right = (iota(label)() for label in draw.sample(["x", "y", "k"], 2))
        compare = draw.choice([scalar.LESS_EQUAL, scalar.LESS, scalar.GREATER, scalar.EQUAL])
        found = draw.choice([pointwise(compare, left, right), pointwise(compare, left, draw.randint(0, 2)),
                             given, pointwise(scalar.OPPOSITE, pointwise(compare, left, right))])
        return found if draw.random() < 0.8 else pointwise(scalar.BOTH, found, pointwise(
            scalar.LESS_EQUAL, right, left))

    def step(wires, masks):
        a, b = draw.choice(wires[-4:]), draw.choice(wires)
        kind, fill = draw.random(), draw.choice([0, 0, 1] if finite else [-INF, 1])
        if kind < 0.45:
            return draw.choice([lambda m: where(m, a, fill), lambda m: where(m, fill, a), lambda m: where(
                m, a, b), lambda m: where(m, a, fill)])(draw.choice(masks))
        if kind < 0.6:
            return elementwise(draw.choice(["exp", "tanh", "negate"] if finite else ["exp", "negate"]))(a)
        if kind < 0.75:
            return draw.choice([a.__add__, a.__sub__, a.__mul__] if finite else [a.__add__])(b)
        if kind < 0.85 and len(a.type.axes) > 1:
            fold = draw.choice(["sum", "max"] if finite else ["max", "min"])
            return generators.reduce(fold, draw.choice(a.type.labels))(a)
        have = [*dict.fromkeys([*a.type.labels, *b.type.labels])]
        kept = [label for label in have if label != draw.choice(have)]
        return einsum(f"{' '.join(a.type.labels)}, {' '.join(b.type.labels)} -> {' '.join(kept)}")(
            a, b) if finite and kept else elementwise("abs")(a)

    def body(p, q, s, given):
        wires, masks = [p, q, s], [mask(given) for _ in range(2)]
        for _ in range(draw.randint(3, 8)):
            wires.append(step(wires, masks))
        return tuple(wires[-2:])
    return made(body, "y k, x k, y x, y x : bool"), {label: draw.randint(2, 4) for label in "xyk"}


@pytest.mark.parametrize("part", range(4))
def test_any_program(part):
    """Never less than what is left to do, never more than all; mostly just what is left to do."""
    equal, discounted = 0, 0
    for seed in range(part * 40, part * 40 + 40):
        diagram, sizes = program(seed)
        # In every line an entry is true: an empty line would be a fold that costs nothing.
        seen = np.add.outer(np.arange(sizes["y"]), np.arange(sizes["x"])) % 2 == 0
        cost = diagram.cost(UNCOUNTED, masks=_counts(diagram, int(seen.sum())))
        left = count(diagram, {3: seen}, truths=False, **sizes)
        whole, found = diagram.cost(UNCOUNTED).evaluate(**sizes), cost.evaluate(**sizes)
        for real, name in zip(left, SUMS):
            assert real <= found[name] <= whole[name], (seed, name)
        adds_up(cost)
        if any(found[name] < whole[name] for name in SUMS):
            discounted += 1
            equal += left == tuple(found[name] for name in SUMS)
    # What is less exact is a negated conjunction or two masks together: regions are conjunctions.
    assert discounted > 20 and equal > discounted / 3


def _counts(diagram, number: int):
    """The count of input 3, unless nothing is chosen by it."""
    try:
        diagram.cost(masks={3: number})
    except InputError:
        return "skip"
    return {3: number}


# -- counting regions ------------------------------------------------------------------------
BOUNDS = [None, -9, -3, 0, 1, 7]


@pytest.mark.parametrize("rows, columns", [(1, 1), (4, 2), (3, 5)])
def test_a_band_by_counting(rows, columns):
    """Numbers and symbols give the same; so do the lines that have an entry."""
    for lo, hi in itertools.product(BOUNDS, BOUNDS):
        entries = [(i, j) for i in range(rows) for j in range(columns)
                   if (lo is None or j - i >= lo) and (hi is None or j - i <= hi)]
        conditions = [region.affine([("j", 1), ("i", -1)], Size(-lo))] if lo is not None else []
        conditions += [region.affine([("j", -1), ("i", 1)], Size(hi))] if hi is not None else []
        symbolic = [region.affine([("j", 1), ("i", -1)], 10 - Size("lo"))] if lo is not None else []
        symbolic += [region.affine([("j", -1), ("i", 1)], Size("hi") - 10)] if hi is not None else []
        known = {"I": rows, "J": columns, "lo": (lo or 0) + 10, "hi": (hi or 0) + 10}
        for where_ in (conditions, symbolic):
            where_, sizes = frozenset(where_), {"i": Size("I"), "j": Size("J"), "r": Size(2)}
            assert region.points(where_, sizes).evaluate(known) == 2 * len(entries)
            assert region.points(where_, sizes | {"i": Size(rows)}).evaluate(known) == 2 * len(entries)
            if not entries:
                assert region.folds(where_, sizes, {"i"}).evaluate(known) == 0
            else:
                for kept, lines in (({"i"}, {i for i, _ in entries}), ({"j"}, {j for _, j in entries}),
                                    ({"i", "j"}, set(entries)), (set(), {()})):
                    assert region.folds(where_, sizes, kept).evaluate(known) == 2 * len(entries) - len(lines)


def test_an_interval_by_counting():
    for size, lo, hi in itertools.product([1, 3, 6], [-2, 0, 2, 8], [-1, 0, 4, 9]):
        where_ = frozenset((region.affine([("i", 1)], Size(-lo)), region.affine([("i", -2)], Size(hi))))
        wanted = sum(lo <= i and 2 * i <= hi for i in range(size))
        assert region.points(where_, {"i": Size("n")}).evaluate({"n": size}) == wanted


def test_comparing_sizes_is_right_where_it_says_yes():
    texts = ["x - 1", "x - 2", "x//2", "(x + 1)//2 - 1", "x//3 - x//2", "(x+3)//2 - x//2 - 1", "3 - x//2",
             "x - (x+1)//2", "x*y - y", "(x + y)//2 - y//2", "2 - x", "(x - 1)//2 - (x - 3)//2 - 1"]
    yes = {text for text in texts if region.nonnegative(Size(text))}
    for text in texts:
        least = min(Size(text).evaluate({"x": x, "y": y}) for x in range(1, 20) for y in range(1, 5))
        assert text not in yes or least >= 0
    assert {"x - 1", "(x + 1)//2 - 1", "x - (x+1)//2", "x*y - y", "(x + y)//2 - y//2"} <= yes


# -- errors, and a planted bug -----------------------------------------------------------------
def chosen_by_nothing():
    return made(lambda x, m: (x, pointwise(scalar.OPPOSITE, m)), "x, x : bool")


@pytest.mark.parametrize("ask, error, says", [
    (lambda: nn.attention("input").cost(masks="skip"), InputError, r"masks=\{3: "),
    (lambda: nn.attention("causal").cost(masks="some"), InputError, "no masks 'some'"),
    (lambda: nn.attention("causal").cost(masks=3), InputError, "no masks 3"),
    (lambda: nn.attention("input").cost(masks={0: "n"}), InputError, "input 0 is no mask"),
    (lambda: nn.attention("input").cost(masks={4: "n"}), InputError, "there is no input 4"),
    (lambda: nn.attention("input").cost(masks={"3": "n"}), InputError, "there is no input 3"),
    (lambda: nn.attention("input").cost(masks={3: -1}), SizeError, "at least 0"),
    (lambda: nn.attention("input").cost(masks={3: 0.5}), SizeError, "whole number"),
    (lambda: nn.attention("input").cost(masks={3: "x*y + 1"}), SizeError, "at most x[*]y"),
    (lambda: chosen_by_nothing().cost(masks={1: 3}), InputError, "no entry is chosen by it")])
def test_what_is_refused(ask, error, says):
    with pytest.raises(error, match=says):
        ask()


def test_planted_bugs(monkeypatch):
    """A triangle without its diagonal, and a mask forgotten on the way back, are seen."""
    diagram, sizes = MODELS["causal"]
    right = count(diagram, **sizes)
    assert formula(diagram, **sizes) == right
    with monkeypatch.context() as bug:
        bug.setattr(region, "triangle", lambda n, width, old=region.triangle: old(n - 1, width))
        assert formula(diagram, **sizes) != right
    with monkeypatch.context() as bug:
        from ncd.interpret.cost.sparsity import masking
        bug.setattr(masking, "over", lambda where_, labels: frozenset())
        assert formula(diagram, **sizes) != right
