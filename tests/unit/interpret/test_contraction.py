"""The order of an einsum: least work, one truth for the formula, the program, the listing and derivatives."""

from __future__ import annotations

import itertools
import json
import math
import random
import time

import jax
import jax.numpy as jnp
import numpy as np
import opt_einsum
import pytest

import ncd
from ncd import Diagram
from ncd.algebra.convert import Size
from ncd.core.array import Array
from ncd.core.axis import Axis
from ncd.errors import NcdError
from ncd.ops.contraction import contractions
from ncd.ops.monoid import SEMIRINGS
from ncd.ops.multilinear import Einsum
from tests import jaxprs

LETTERS = "abcdefgh"


def drawn(seed: int, most: int = 5, fewest: int = 1, repeats: bool = True):
    """An einsum's pattern, and a size for each letter."""
    draw = random.Random(seed)
    inputs = [[draw.choice(LETTERS[:5]) for _ in range(draw.randint(0, 3))]
              for _ in range(draw.randint(fewest, most))]
    if not repeats:
        inputs = [list(dict.fromkeys(row)) for row in inputs]
    used = sorted({x for row in inputs for x in row})
    out = draw.sample(used, draw.randint(0, min(3, len(used))))
    return inputs, out, {x: draw.choice([1, 2, 3, 5]) for x in used}


def built(inputs, out, sizes=None, semiring="sum_product", order="least") -> Diagram:
    """The einsum over axes of labels of their own; symbols are letters, or numbers where sizes are given."""
    def array(row, n):
        return Array([Axis(f"{x}{n}{i}", (sizes or {}).get(x, x)) for i, x in enumerate(row)])
    number = {x: n for n, x in enumerate(dict.fromkeys(itertools.chain(*inputs, out)))}
    return Einsum(tuple(array(row, n) for n, row in enumerate(inputs)),
                  tuple(tuple(number[x] for x in row) for row in inputs),
                  array(out, 9), tuple(number[x] for x in out), SEMIRINGS[semiring], order=order).diagram


def arrays_of(inputs, sizes, seed=0):
    draw = np.random.default_rng(seed)
    return [draw.integers(-3, 4, [sizes[x] for x in row]).astype("float32") for row in inputs]


def pattern(inputs, out) -> str:
    return ",".join("".join(row) for row in inputs) + "->" + "".join(out)


def work(d: Diagram, /, **sizes) -> int:
    return d.cost().evaluate(**sizes)["flops"]


# -- values, and what the program does ---------------------------------------------------------
@pytest.mark.parametrize("order", ["least", "written"])
@pytest.mark.parametrize("seed", range(24))
def test_values_and_work_with_symbols_and_with_numbers(seed, order):
    inputs, out, sizes = drawn(seed)
    arrays = arrays_of(inputs, sizes, seed)
    want = np.einsum(pattern(inputs, out), *arrays)
    plain = all(len(set(row)) == len(row) for row in inputs)        # a diagonal is read by a mask in JAX
    for d in (built(inputs, out, order=order), built(inputs, out, sizes, order=order)):
        given = {x: n for x, n in sizes.items() if x in d.symbols}
        run = d.to_jax(**given)
        np.testing.assert_allclose(run(*arrays), want, rtol=1e-4, atol=1e-3)
        np.testing.assert_allclose(d.to_numpy(**given)(*arrays), want, rtol=1e-9)
        if plain:
            found = jaxprs.count(run, *arrays)
            assert jaxprs.total(found, "matrix", "flops") == work(d, **given)
            assert jaxprs.total(found, "matrix") == d.cost().evaluate(**given)["matrix_flops"]


@pytest.mark.parametrize("name", SEMIRINGS)
@pytest.mark.parametrize("seed", range(8))
def test_other_semirings(name, seed):
    inputs, out, sizes = drawn(seed, most=4)
    semiring = SEMIRINGS[name]
    logical = semiring.multiply.kinds[0] == "bool"
    arrays = [value > 0 if logical else value for value in arrays_of(inputs, sizes, seed)]
    d = ncd.einsum(", ".join(" ".join(x for x in dict.fromkeys(row)) or "()" for row in inputs) + " -> "
                   + (" ".join(out) or "()"), name)
    place = LETTERS.index
    arrays = [np.einsum(value, [*map(place, row)], [*map(place, dict.fromkeys(row))])
              for value, row in zip(arrays, inputs)]
    sizes = {x: n for x, n in sizes.items() if x in d.symbols}
    every = sorted(sizes)
    folded = {"sum": np.sum, "max": np.max, "min": np.min, "any": np.any}[semiring.add.name]
    combined = {"product": np.multiply, "sum": np.add, "all": np.logical_and}[semiring.multiply.name]
    total = np.full([sizes[x] for x in every], semiring.multiply.unit, bool if logical else float)
    for value, row in zip(arrays, inputs):
        row = list(dict.fromkeys(row))
        order = sorted(range(len(row)), key=lambda i: row[i])
        total = combined(total, np.transpose(value, order).reshape(
            [sizes[x] if x in row else 1 for x in every]))
    want = folded(total, axis=tuple(n for n, x in enumerate(every) if x not in out)) if every else total
    left = [x for x in every if x in out]
    want = np.transpose(want, [left.index(x) for x in out])
    for made in (d, d.bind(**sizes)):
        given = {x: n for x, n in sizes.items() if x in made.symbols}
        np.testing.assert_allclose(made.to_jax(**given)(*arrays), want, rtol=1e-5)
        np.testing.assert_allclose(made.to_numpy(**given)(*arrays), want)


def test_max_product_multiplies_before_it_takes_a_maximum():
    d = ncd.einsum("i j, j k, k -> i", "max_product")
    a, b, c = np.array([[1., -2.]]), np.array([[-1., 2.], [1., -3.]]), np.array([-1., 1.])
    want = (a[:, :, None] * b[None] * c).max((1, 2))
    assert d.to_jax()(a, b, c).tolist() == want.tolist() == d.to_numpy()(a, b, c).tolist()
    operands = [*d.op.letters, *(step.kept for step in d.op.steps)]
    last = d.op.steps[-1]
    assert {*operands[last.left], *operands[last.right]} == {0, 1, 2}


# -- the least work ----------------------------------------------------------------------------
def test_a_matrix_on_a_vector_first():
    d = ncd.einsum("i j, j k, k -> i")
    assert d.cost().exact["flops"] == Size("2*i*j + 2*j*k")
    assert work(d, i=512, j=512, k=512) == work(d.bind(i=512, j=512, k=512)) == 4 * 512 ** 2
    written = ncd.einsum("i j, j k, k -> i", order="written")
    assert written.cost().exact["flops"] == Size("2*i*j*k + 2*i*k")


@pytest.mark.parametrize("seed", range(20))
def test_no_order_of_numbers_does_less(seed):
    inputs, out, sizes = drawn(seed, most=6, fewest=3, repeats=False)
    shapes = [tuple(sizes[x] for x in row) for row in inputs]
    _, best = opt_einsum.contract_path(pattern(inputs, out), *shapes, shapes=True, optimize="optimal")
    assert work(built(inputs, out, sizes)) <= best.opt_cost


def every_order(letters, out, sizes):
    """The multiply-adds of each order of pairwise products, by trying all of them."""
    def walk(sets, total):
        if len(sets) == 1:
            yield total
        for i, j in itertools.combinations(range(len(sets)), 2):
            rest = [s for n, s in enumerate(sets) if n not in (i, j)]
            both = sets[i] | sets[j]
            kept = both & set(out).union(*rest)
            more = math.prod(sizes[x] for x in both) * (1 if kept == both else 2)
            yield from walk([*rest, kept], total + more)
    return walk([frozenset(row) for row in letters], 0)


@pytest.mark.parametrize("seed", range(20))
def test_by_trying_every_order(seed):
    inputs, out, sizes = drawn(seed, most=4, fewest=3, repeats=False)
    lone = {x for x in sizes if sum(x in row for row in inputs) == 1} - set(out)
    rows = [[x for x in row if x not in lone] for row in inputs]
    early = sum(math.prod(sizes[x] for x in row) - math.prod(sizes[x] for x in rest)
                for row, rest in zip(inputs, rows))
    assert work(built(inputs, out, sizes)) == early + min(every_order(rows, out, sizes))


@pytest.mark.parametrize("seed", range(20))
def test_no_order_of_symbols_does_less_at_all_sizes(seed):
    """Where all sizes are equal and large nothing is better; so nothing is better at all sizes."""
    inputs, out, _ = drawn(seed, most=4, fewest=3, repeats=False)
    d = built(inputs, out)
    large = dict.fromkeys(sorted(d.symbols), 1000)
    assert work(d, **large) == work(built(inputs, out, large))
    assert d.bind(**large).op.steps == d.op.steps


def test_ties_keep_the_written_order():
    assert [step[:2] for step in ncd.einsum("i j, j k, k l -> i l").op.steps] == [(0, 1), (3, 2)]
    assert [step[:2] for step in ncd.einsum("i j, j k, k l -> i l").bind(l=1).op.steps] == [(1, 2), (0, 3)]


def test_of_two_alike_that_with_smaller_intermediates():
    # Both products first cost the same; the second leaves less.
    steps = contractions(((0, 1), (1, 2), (0, 2)), (), (2, 2, 2))
    assert steps[-1].kept == ()
    least = contractions(((0,), (1,), (0, 1)), (), (2, 2))
    assert next(step.kept for step in least) != (0, 1)


def test_what_one_array_has_alone_is_summed_first():
    d = ncd.einsum("i j, k -> i")
    assert d.cost().exact["flops"] == Size("i*j + k - 1") and d.cost().exact["matrix_flops"] == Size(0)
    d = ncd.einsum("i j, j k -> i")
    assert d.cost().exact["flops"] == Size("2*i*j + j*k - j")


def test_many_arrays_in_a_chain_take_little_time():
    start = time.process_time()
    count = 1_000
    inputs, sizes = [[n, n + 1] for n in range(count)], [3] * count + [1]
    steps = contractions(tuple(map(tuple, inputs)), (0, count), tuple(sizes))
    assert len(steps) == count - 1 and time.process_time() - start < 2
    # From the end of size 1 every product is one of a matrix and a vector.
    cost, operands = 0, [*inputs, *(step.kept for step in steps)]
    for step in steps:
        cost += 2 * math.prod(sizes[x] for x in {*operands[step.left], *operands[step.right]})
    assert cost <= 2 * 27 * count


@pytest.mark.parametrize("seed", range(10))
def test_many_arrays_as_well_as_a_greedy_order(seed):
    draw = random.Random(seed)
    size_of = {chr(97 + n): draw.choice([2, 3, 4]) for n in range(14)}
    inputs = [draw.sample(sorted(size_of), draw.randint(1, 3)) for _ in range(12)]
    used = sorted({x for row in inputs for x in row})
    out, sizes = draw.sample(used, 2), {x: size_of[x] for x in used}
    arrays = arrays_of(inputs, sizes, seed)
    d = built(inputs, out, sizes)
    shapes = [value.shape for value in arrays]
    _, greedy = opt_einsum.contract_path(pattern(inputs, out), *shapes, shapes=True, optimize="greedy")
    assert work(d) <= 2 * greedy.opt_cost
    np.testing.assert_allclose(d.to_jax()(*arrays), np.einsum(pattern(inputs, out), *arrays, optimize=True),
                               rtol=1e-3, atol=1)


# -- one truth for all -------------------------------------------------------------------------
@pytest.mark.parametrize("seed", range(12))
def test_the_derivative_is_carried_out_in_least_work_too(seed):
    inputs, out, sizes = drawn(seed, most=4, fewest=3, repeats=False)
    arrays = arrays_of(inputs, sizes, seed)
    d = built(inputs, out)
    back = d.reverse().composite
    given = {x: n for x, n in sizes.items() if x in back.symbols}
    cotangent = np.ones([sizes[x] for x in out], "float32")
    run = back.to_jax(**given)
    found = run(*arrays, cotangent)
    found = found if isinstance(found, tuple) else (found,)
    _, pull = jax.vjp(lambda *a: jnp.einsum(pattern(inputs, out), *a), *map(jnp.asarray, arrays))
    for mine, theirs in zip(found, pull(jnp.asarray(cotangent))):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-3)
    counted = jaxprs.count(run, *arrays, cotangent)
    assert jaxprs.total(counted, "matrix", "flops") == work(back, **given)


def test_the_derivative_of_a_written_order_keeps_it():
    back = ncd.einsum("i j, j k, k -> i", order="written").reverse(0).composite
    assert {op.order for op in back.graph.ops if isinstance(op, Einsum) and len(op.arrays) > 2} == {"written"}


def test_the_derivative_over_a_semiring_goes_by_the_steps():
    d = ncd.einsum("i j, j k, k -> i", "max_plus")
    sizes = {"i": 3, "j": 4, "k": 5}
    draw = np.random.default_rng(0)
    a, b, c = draw.normal(size=(3, 4)), draw.normal(size=(4, 5)), draw.normal(size=5)
    found = d.reverse().composite.to_numpy()(a, b, c, np.ones(3))
    def plain(a, b, c):
        return (a[:, :, None] + b[None] + c).max((1, 2)).sum()
    for mine, theirs in zip(found, jax.grad(plain, (0, 1, 2))(a, b, c)):
        np.testing.assert_allclose(mine, theirs, atol=1e-6)
    assert d.reverse().composite.cost().evaluate(**sizes)["activations"] < 4 * 2 * (3 * 4 + 4 * 5) * 4


def test_intermediates_are_written_read_and_held():
    d = ncd.einsum("i j, j k, k l -> i l").bind(i=2, j=3, k=5, l=7)
    cost = d.cost().evaluate()
    assert cost["writes"] == 4 * (2 * 7 + 2 * 5) and cost["reads"] == 4 * (6 + 15 + 35 + 2 * 5)
    assert cost["activations"] == 4 * (2 * 5 + 2 * 7)
    run = d.to_jax()
    memory = jax.jit(run).lower(*(jnp.zeros(s) for s in ((2, 3), (3, 5), (5, 7)))).compile().memory_analysis()
    assert memory is None or memory.temp_size_in_bytes >= 4 * 2 * 5


def test_what_is_lifted_or_renamed_keeps_the_order_that_was_asked_for():
    d = ncd.einsum("i j, j k, k -> i", order="written")
    for other in (d.lift("b"), d.rename(i="p"), d.bind(i=3), ncd.from_json(d.to_json())):
        assert [op.order for op in other.graph.ops if isinstance(op, Einsum)] == ["written"]
    assert d != ncd.einsum("i j, j k, k -> i")


def test_the_listing_says_the_order():
    assert "by j k, k -> j; i j, j -> i" in ncd.einsum("i j, j k, k -> i").listing()
    assert "by i j, j k -> i k; i k, k -> i" in ncd.einsum("i j, j k, k -> i", order="written").listing()
    assert " by " not in ncd.einsum("i j, j k -> i k").listing()


def test_files_from_before_are_read():
    d = ncd.einsum("i j, j k, k -> i")
    data = json.loads(d.to_json())
    text = json.dumps(data)
    assert '"order": "least"' in text
    old = text.replace(', "order": "least"', "").replace('"order": "least", ', "")
    assert "order" not in old and ncd.from_json(old) == d
    wrong = text.replace('"order": "least"', '"order": "best"')
    with pytest.raises(NcdError, match="an einsum has no order 'best'"):
        ncd.from_json(wrong)


def test_another_order_is_refused():
    with pytest.raises(NcdError, match="an einsum has no order 'best'"):
        ncd.einsum("i j, j k -> i k", order="best")


def test_a_size_that_no_large_number_gives_is_taken_as_large():
    d = ncd.einsum("i j, j k, k -> i").bind(j="u/v", k="u - 5*v")
    assert [step[:2] for step in d.op.steps] == [(1, 2), (0, 3)]
