"""The oracle is held against plain loops, so that what is held against it is held against them."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ncd.construct import generators as make
from ncd.construct.generators import elementwise, key, opaque, parameter, random
from ncd.construct.notation import einsum, reindex
from ncd.construct.trace import diagram, trace
from ncd.core.array import Array
from ncd.core.axis import Axis
from ncd.core.category import Diagram, Ty
from ncd.errors import InputError, RuleError, SizeError
from ncd.interpret.reference import REFERENCE, run
from ncd.ops.control import Broadcast, Scan
from ncd.ops.monoid import MONOIDS, SEMIRINGS
from tests.strategies import examples

draw = np.random.default_rng(11)
FOLDS = {"sum": sum, "product": math.prod, "max": max, "min": min, "all": all, "any": any}


def some(*shape: int) -> np.ndarray:
    return draw.normal(size=shape)


# -- against loops ---------------------------------------------------------------------------
@pytest.mark.parametrize("name", SEMIRINGS)
def test_einsum_is_a_sum_over_products(name):
    a, b, c = some(2, 3), some(3, 4), some(4, 2)
    add, multiply = SEMIRINGS[name].add.name, SEMIRINGS[name].multiply.name
    if name == "any_all":
        a, b, c = a > 0, b > 0, c > 0
    fold, times = FOLDS[add], FOLDS[multiply]
    want = [[fold(times([a[i, j], b[j, k], c[k, l]]) for j in range(3) for k in range(4))
             for l in range(2)] for i in range(2)]
    np.testing.assert_allclose(run(einsum("i j, j k, k l -> i l", name), a, b, c), want)


@pytest.mark.parametrize("name", MONOIDS)
@pytest.mark.parametrize("dtype", ["float", "int", "bool"])
def test_reductions_and_segments(name, dtype):
    value = {"float": some(3, 2, 4), "int": draw.integers(-3, 4, (3, 2, 4)), "bool": some(3, 2, 4) > 0}[dtype]
    if (dtype == "bool") != (name in ("all", "any")):
        return
    found = run(make.reduce(name, "x z").on(f"x y z : {dtype}"), value)
    assert found.tolist() == pytest.approx([FOLDS[name](value[:, y].ravel().tolist()) for y in range(2)])
    assert found.dtype.kind == value.dtype.kind
    if dtype == "int" and name in ("max", "min"):
        return
    index = np.array([[2, 0, 2], [1, 1, 1]])                        # q e, the segment 3 is empty
    found = run(make.segment(name, "e -> n=4").on(f"e y z : {dtype}, q e : index(4)"), value, index)
    unit = {"sum": 0, "product": 1, "max": -math.inf, "min": math.inf, "all": True, "any": False}[name]
    for q, n, y, z in itertools.product(range(2), range(4), range(2), range(4)):
        items = [value[e, y, z].item() for e in range(3) if index[q, e] == n]
        assert found[q, n, y, z] == pytest.approx(FOLDS[name](items) if items else unit)


@pytest.mark.parametrize("table, index, out", [
    ("n f", "e", "e f"), ("f n g", "e h", "f e h g"), ("b n f", "b e", "b e f"), ("n f b", "e b", "e f b"),
    ("n", "", ""), ("b n c", "c b", "b c")])
def test_gather(table, index, out):
    sizes = dict(zip("nfeghbc", (5, 2, 3, 2, 2, 3, 2)))
    a = some(*(sizes[x] for x in table.split()))
    at = draw.integers(0, 5, [sizes[x] for x in index.split()])
    found = run(make.gather("n").on(f"{table}, {index or '()'} : index(n)"), a, at)
    assert found.shape == tuple(sizes[x] for x in out.split())
    for position in np.ndindex(found.shape):
        where = dict(zip(out.split(), position))
        where["n"] = at[tuple(where[x] for x in index.split())]
        assert found[position] == a[tuple(where[x] for x in table.split())]


@pytest.mark.parametrize("stride, dilation, padding, kernel, length", [
    (1, 1, 0, 3, 5), (2, 1, 1, 3, 7), (3, 2, 2, 3, 9), (1, 3, 4, 2, 4), (5, 1, 0, 1, 6), (2, 2, 5, 4, 3)])
def test_windows(stride, dilation, padding, kernel, length):
    a = some(length)
    made = make.window("x", f"j={kernel}", stride, dilation, padding, fill=9.0)
    count = (length + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
    places = [[stride * i + dilation * j - padding for j in range(kernel)] for i in range(count)]
    want = [[a[l] if 0 <= l < length else 9.0 for l in row] for row in places]
    np.testing.assert_array_equal(run(made, a), want)


def test_reindexing_reads_where_the_index_is_whole_and_inside():
    a = some(4, 4)
    made = reindex("x y -> i=5 k=3", fill=-1.0, x="(i + k)/2", y="3 - i")
    want = [[a[(i + k) // 2,
               3 - i] if (i + k) % 2 == 0 and i < 4 and (i + k) // 2 < 4 else -1 for k in range(3)]
            for i in range(5)]
    np.testing.assert_array_equal(run(made, a), want)


def test_linear_algebra():
    a, b = some(2, 3, 3) + 3 * np.eye(3), some(3, 2, 4)
    found = run(make.solve("i j").on("b i j=i, i b r"), a, b)
    np.testing.assert_allclose(np.einsum("bij,jbr->ibr", a, found), b, atol=1e-12)
    symmetric = a + a.transpose(0, 2, 1)
    values, vectors = run(make.eigh("i j").on("b i j=i"), symmetric)
    np.testing.assert_allclose(np.einsum("bij,bje->bie", symmetric, vectors), values[:, None] * vectors,
                               atol=1e-12)
    assert (np.diff(values, axis=1) >= 0).all()


# -- scans -----------------------------------------------------------------------------------
def scan_at(axis: int, reverse: bool) -> Diagram:
    """A scan with its sequence at some axis: (s, u[t], c) -> (s c + u, s)."""
    body = trace(lambda s, u, c: (s * c + u, s - u), Ty("m p, m p, p").inside)
    axes = list(Ty("m p").inside[0].axes)
    axes.insert(axis, Axis("t"))
    return Scan(body, Axis("t"), 1, (*Ty("m p").inside, Array(axes), *Ty("p").inside), reverse).diagram


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("reverse", [False, True])
def test_a_scan_is_a_loop(axis, reverse):
    s, u, c = some(2, 3), some(4, 2, 3), some(3)
    want, state = [None] * 4, s
    for t in reversed(range(4)) if reverse else range(4):
        want[t] = state - u[t]
        state = state * c + u[t]
    last, outputs = run(scan_at(axis, reverse), s, np.moveaxis(u, 0, axis), c)
    np.testing.assert_allclose(last, state)
    np.testing.assert_allclose(outputs, want)


def test_a_lifted_operation_of_a_user_runs_index_by_index():
    made = opaque("sort", "x -> x").on("b x c")
    table = REFERENCE | {"sort": lambda run, op, value: np.sort(value)}
    value = some(2, 4, 3)
    assert isinstance(made.op, Broadcast)
    np.testing.assert_array_equal(run(made, value, interpretation=table), np.sort(value, axis=1))
    with pytest.raises(RuleError, match="`reference` has no rule for the operation `sort`"):
        run(made, value)


# -- values in and out -----------------------------------------------------------------------
def test_results_are_float64_and_one_or_many():
    assert run(elementwise("exp").on("x"), np.float32([0.5])).dtype == np.float64
    assert isinstance(run(Diagram.copy(Ty("x")), [1.0]), tuple) and run(Diagram.discard(Ty("x")), [1.0]) == ()
    assert run(elementwise("add").on("x, x"), [1, 2], [3, 4]).tolist() == [4, 6]      # lists of numbers
    with pytest.raises(InputError, match="has dtype int64, want float"):
        run(elementwise("exp").on("x"), np.arange(3))


@pytest.mark.parametrize("name", ["rsqrt", "sigmoid", "divide", "exp", "to_float"])
def test_real_functions_of_integers_and_truth_values(name):
    for value, dtype in ((np.array([1, 2]), "int"), (np.array([True, True]), "bool")):
        row = elementwise(name).op.function
        made = trace(lambda *all_: make.pointwise(row, *all_),
                     Ty(", ".join([f"x=2 : {dtype}"] * row.arity)).inside)
        values = [value] * row.arity
        np.testing.assert_allclose(run(made, *values), run(elementwise(name).on(", ".join(["x"] * row.arity)),
                                                           *[v.astype(float) for v in values]))


def test_softplus_does_not_overflow():
    found = run(elementwise("softplus").on("x"), np.array([-50.0, 0.0, 1000.0]))
    np.testing.assert_allclose(found, [math.exp(-50), math.log(2), 1000], rtol=1e-14)


def test_rounding_down_gives_integers():
    made = elementwise("to_int").on("x")
    assert made.cod == Ty("x : int")
    found = run(made, np.array([-1.5, 2.7, 3.0]))
    assert found.tolist() == [-2, 2, 3] and found.dtype == int
    assert made.to_jax()(np.array([-1.5, 2.7, 3.0], "float32")).tolist() == [-2, 2, 3]
    lookup = diagram("n, x -> x")(lambda table, x: make.gather("n")(table, elementwise("to_int")(x)))
    assert run(lookup, np.array([5.0, 6.0]), np.array([1.9, 0.1])).tolist() == [6, 5]
    slopes = run(lookup.reverse().composite, np.array([5.0, 6.0]), np.array([1.9, 0.1]), np.ones(2))
    assert [slope.tolist() for slope in slopes] == [[1, 1], [0, 0]]


def test_what_reads_outside_is_refused():
    for made, values in ((reindex("x -> i=8", x="i"), [some(6)]), (make.index(x=9), [some(6)]),
                         (make.gather("n").on("n, e : int"), [some(3), np.array([3])]),
                         (make.gather("n").on("n, e : int"), [some(3), np.array([-1])]),
                         (make.segment("sum", "e -> n=2").on("e, e : int"), [some(2), np.array([0, 2])])):
        with pytest.raises(InputError, match=r"(reads|writes) outside"):
            run(made, *values)


def test_sizes_that_come_out_wrong_are_refused():
    with pytest.raises(SizeError, match="not positive whole numbers"):
        run(make.window("x", "j=5"), some(3))
    with pytest.raises(SizeError, match="no value for the size q"):
        run(trace(lambda a: a * "q", Ty("x").inside), some(3))


# -- parameters and keys ---------------------------------------------------------------------
def test_parameters_by_place():
    @diagram("m -> m")
    def layer(a):
        return a * parameter("w", "m")() + parameter("/g", "m", tied=True)()
    made = layer.block("one") >> layer.block("two")
    params = {"one": {"w": [1.0, 2.0]}, "two": {"w": [3.0, 4.0]}, "g": [0.5, 0.25]}
    assert run(made, [1.0, 1.0], params=params).tolist() == [(1 + 0.5) * 3 + 0.5, (2 + 0.25) * 4 + 0.25]
    with pytest.raises(InputError) as error:
        run(made, [1.0, 1.0], params={"one": {}})
    assert len(error.value.details["why"]) == 3


def test_keys_by_place_are_drawn_from_the_seed():
    noise = trace(lambda a: a + random("uniform", "x")(key()()), Ty("x").inside)
    one, two = run(noise.block("a"), np.zeros(4), key=1), run(noise.block("b"), np.zeros(4), key=1)
    assert not np.array_equal(one, two) and np.array_equal(one, run(noise.block("a"), np.zeros(4), key=1))
    steps = run(noise.repeat(3), np.zeros(4), key=1)
    assert not np.allclose(steps, 3 * (run(noise, np.zeros(4), key=1)))
    with pytest.raises(InputError, match="the diagram draws a random key at key") as error:
        run(noise, np.zeros(4))
    assert error.value.details["mend"] == "give key="
    assert (run(random("uniform", "x=1000"), 7) < 1).all() and run(random("normal", "x=3"),
                                                                   np.uint64(7)).shape == (3,)


# -- more axes than numpy.einsum has letters -------------------------------------------------
def _chain(count):
    return einsum(", ".join(f"a{n}=2 a{n + 1}=2" for n in range(count)) + f" -> a0=2 a{count}=2")


@pytest.mark.parametrize("count", [51, 52, 60, 130])
def test_einsums_of_more_axes_than_there_are_letters(count):
    values = list(np.random.default_rng(count).normal(size=(count, 2, 2)))
    found = _chain(count).to_numpy()(*values)
    np.testing.assert_allclose(found, np.linalg.multi_dot(values), rtol=1e-9)


def test_einsums_of_many_axes_that_are_kept_summed_or_on_a_diagonal():
    names = [f"a{n}" for n in range(56)]
    vectors = [np.array([n + 1.0]) for n in range(56)]
    kept = einsum(", ".join(f"{name}=1" for name in names) + " -> " + " ".join(f"{x}=1" for x in names))
    np.testing.assert_allclose(kept.to_numpy()(*vectors), np.full((1,) * 56, float(math.factorial(56))))
    least = einsum(", ".join(f"{name}=2" for name in names) + " -> a3=2", semiring="min_plus")
    pairs = [np.array([n, n + 1.0]) for n in range(56)]
    np.testing.assert_allclose(least.to_numpy()(*pairs), [sum(range(56)), sum(range(56)) + 1])


@examples(100)
@given(st.data())
def test_contractions_by_pairs_are_those_of_numpy(data):
    from ncd.interpret.reference.pairs import by_pairs
    letters = data.draw(st.lists(st.lists(st.integers(0, 4), max_size=3), min_size=1, max_size=4))
    random = np.random.default_rng(0)
    values = [random.normal(size=[2 + x % 3 for x in own]) for own in letters]
    kept = data.draw(st.permutations(sorted({x for own in letters for x in own})))
    kept = kept[:data.draw(st.integers(0, len(kept)))]
    want = np.einsum(*[item for pair in zip(values, letters) for item in pair], kept)
    found = by_pairs(values, letters, kept, np.multiply, lambda value, axes: np.sum(value, axes))
    np.testing.assert_allclose(found, want, rtol=1e-10, atol=1e-12)
