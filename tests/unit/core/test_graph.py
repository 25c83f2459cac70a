"""The wire graph: laws by construction, equality in linear time, names of places that do not move."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import time

import pytest
from hypothesis import given

from ncd.construct.generators import constant, elementwise, key, parameter, random
from ncd.construct.notation import einsum
from ncd.construct.trace import diagram, trace
from ncd.core.category import Diagram, Ty
from ncd.core.graph import Graph
from ncd.core.once import once_each
from tests.strategies import diagrams, examples

relu, tanh, exp, add = map(elementwise, ("relu", "tanh", "exp", "add"))
X, N = Ty("x"), 20_000
f, g, plus = relu.on("x"), tanh.on("x"), add.on("x, x")


def weights(*names: str, tied: bool = False) -> Diagram:
    """-> x, x, …: parameters of x that are all outputs."""
    return trace(lambda: tuple(parameter(name, "x", tied=tied)() for name in names), ())


# -- laws ------------------------------------------------------------------------------------
def test_swaps_are_natural_and_their_own_inverses():
    y = Ty("y, z")
    swap = Diagram.swap(X, y)
    assert swap >> Diagram.swap(y, X) == Diagram.id(X @ y) and swap != Diagram.id(X @ y)
    assert f @ Diagram.id(y) >> swap == swap >> Diagram.id(y) @ f
    assert Diagram.swap(X, X) != Diagram.id(X @ X)
    assert Diagram.swap(X, Ty("y")) @ Diagram.id("z") >> Diagram.id("y") @ Diagram.swap(X, Ty("z")) == swap


def test_interchange():
    assert f @ Diagram.id(X) >> Diagram.id(X) @ g == Diagram.id(X) @ g >> f @ Diagram.id(X) == f @ g
    assert (f @ g) >> (g @ f) == (f >> g) @ (g >> f)


def test_the_comonoid_laws():
    two, one, drop = Diagram.copy(X), Diagram.id(X), Diagram.discard(X)
    assert two >> two @ one == two >> one @ two == Diagram.copy(X, 3)
    assert two >> drop @ one == one == two >> one @ drop
    assert two >> Diagram.swap(X, X) == two
    assert Diagram.copy(Ty("x, y")) == two @ Diagram.copy(Ty("y")) >> Diagram.permutation(
        [0, 2, 1, 3], Ty("x, x, y, y"))


@given(diagrams())
@examples(30)
def test_copy_and_discard_are_natural_for_what_is_deterministic(d):
    assert all(op.deterministic and op.place is None for op in d.graph.ops)
    assert d >> Diagram.copy(d.cod) == Diagram.copy(d.dom) >> d @ d
    assert d >> Diagram.discard(d.cod) == Diagram.discard(d.dom)


@pytest.mark.parametrize("placed", [weights("w"), key()],
                         ids=["parameter", "key"])
def test_copy_and_discard_are_not_natural_for_what_has_a_place(placed):
    assert placed >> Diagram.copy(placed.cod) != placed @ placed
    assert placed >> Diagram.discard(placed.cod) != Diagram.id(Ty())
    tied = weights("w", tied=True)
    assert tied >> Diagram.copy(tied.cod) == tied @ tied


def test_the_same_operation_twice_is_one_value():
    once, twice = f >> Diagram.copy(X) >> plus, Diagram.copy(X) >> f @ f >> plus
    assert once == twice and hash(once) == hash(twice) and len(once) != len(twice)
    assert once != Diagram.copy(X) >> f @ g >> plus


def test_a_dead_deterministic_operation_does_not_matter():
    assert Diagram.copy(X) >> f @ (g >> Diagram.discard(X)) == f


def test_order_of_inputs_and_outputs_matters():
    assert f @ g != g @ f
    sub = elementwise("subtract").on("x, x")
    assert Diagram.swap(X, X) >> sub != sub
    assert Diagram.swap(X, X) >> plus != plus           # addition is commutative, the syntax is free


# -- equality of large diagrams --------------------------------------------------------------
def fold(op, shape: str) -> Diagram:
    items = [f if n % 3 else g for n in range(N)]
    if shape == "balanced":
        while len(items) > 1:
            items = [op(*items[n:n + 2]) if n + 1 < len(items) else items[n] for n in range(0, len(items), 2)]
        return items[0]
    made = items[0] if shape == "left" else items[-1]
    for item in items[1:] if shape == "left" else reversed(items[:-1]):
        made = op(made, item) if shape == "left" else op(item, made)
    return made


@pytest.mark.parametrize("op", [lambda a, b: a >> b, lambda a, b: a @ b], ids=["then", "tensor"])
def test_folds_of_any_shape_are_one_diagram_in_linear_time(op):
    start = time.process_time()
    left, right, balanced = (fold(op, shape) for shape in ("left", "right", "balanced"))
    assert len(left) == N and left == right == balanced and hash(left) == hash(balanced)
    other = op(fold(op, "balanced"), g)
    assert other != left and len(other) == N + 1
    assert time.process_time() - start < 30             # seconds where quadratic is hours


def test_alternating_compositions_are_linear_too():
    start, made = time.process_time(), f
    for n in range(2_000):
        made = Diagram.copy(X) >> (made @ f if n % 2 else g @ made) >> plus
    assert len(made) == 1 + 2 * 2_000 and made.dom == made.cod == X
    assert made == pickle.loads(pickle.dumps(made))
    assert time.process_time() - start < 20


def test_large_diagrams_are_copied_and_pickled_without_recursion():
    for made in (fold(lambda a, b: a >> b, "left"), fold(lambda a, b: a @ b, "right")):
        assert pickle.loads(pickle.dumps(made)) == made
        assert copy.deepcopy(made) == made and copy.copy(made) == made


def test_a_pickle_is_equal_in_a_process_with_other_hashes():
    @diagram("x m -> x n")
    def model(a):
        return relu(einsum("x m, m n -> x n")(a, parameter("w", "m n")()) + parameter("b", "n")())
    made = model.block("layer") >> exp
    hash(made)
    code = ("import pickle, sys; from ncd import *; from ncd.ops.multilinear import *; "
            "from ncd.ops.pointwise import *; from ncd.ops.control import *; from ncd.ops.monoid import *; "
            "from ncd.ops.scalar import *; from ncd.ops.source import *; from ncd.core.category import Box; "
            "a = pickle.loads(bytes.fromhex(sys.argv[1])); b = eval(sys.argv[2]); "
            "assert a == b and hash(a) == hash(b); print('equal')")
    done = subprocess.run([sys.executable, "-c", code, pickle.dumps(made).hex(), repr(made)],
                          capture_output=True, text=True, env={"PYTHONHASHSEED": "5", "PYTHONPATH": "."})
    assert done.stdout.strip() == "equal", done.stderr[-2_000:]


# -- places ----------------------------------------------------------------------------------
def test_parameters_of_one_name_are_two_unless_they_are_tied():
    assert list(weights("w", "w").graph.places.values()) == ["w", "w_1"]
    assert list(weights("w", "w", tied=True).graph.places.values()) == ["w", "w"]
    assert weights("w", "w") != weights("w") >> Diagram.copy(X)
    assert weights("w", "w", tied=True) == weights("w", tied=True) >> Diagram.copy(X)
    assert weights("w", "w") != weights("w", "w", tied=True)


def test_numbered_names_keep_clear_of_names_that_are_taken():
    tied = trace(lambda: (parameter("w", "x")(), parameter("w_1", "x", tied=True)(), parameter("w", "x")()),
                 ())
    assert sorted(tied.graph.places.values()) == ["w", "w_1", "w_2"]
    assert list(weights("w_1", "w", "w").graph.places.values()) == ["w_1", "w", "w_2"]


def test_two_keys_are_two_and_give_two_noises():
    two = trace(lambda: (random("normal", "x")(key()()), random("normal", "x")(key()())), ())
    one = trace(lambda: (lambda k: (random("normal", "x")(k), random("normal", "x")(k)))(key()()), ())
    assert two != one and sorted(two.graph.places.values()) == ["key", "key_1"]


def test_places_do_not_move_under_interchange_and_swaps():
    """The order of the nodes differs; the names follow the outputs."""
    def first():
        a, b = parameter("w", "x")(), parameter("w", "y")()
        return a, b

    def second():
        b, a = parameter("w", "y")(), parameter("w", "x")()
        return a, b
    one, two = trace(first, ()), trace(second, ())
    assert one == two and one.graph.ops != two.graph.ops
    named = [{str(d.graph.ops[n].array): place for n, place in d.graph.places.items()} for d in (one, two)]
    assert named[0] == named[1] == {"x": "w", "y": "w_1"}
    swapped = trace(second, ()) >> Diagram.swap(X, Ty("y"))
    assert {str(swapped.graph.ops[n].array): p for n, p in swapped.graph.places.items()} == {"y": "w",
                                                                                             "x": "w_1"}


@given(diagrams("learned"), diagrams("learned"))
@examples(30)
def test_places_are_the_same_for_equal_diagrams(c, d):
    one = c @ Diagram.id(d.dom) >> Diagram.id(c.cod) @ d
    two = Diagram.id(c.dom) @ d >> c @ Diagram.id(d.cod)
    assert one == two
    names = [[(graph.places[n], repr(graph.ops[n])) for n in graph.placed] for graph in (one.graph,
                                                                                         two.graph)]
    assert names[0] == names[1]


def test_dead_nodes_with_a_place_keep_diagrams_apart():
    drop = Diagram.discard(X)
    dead = Diagram.id(X) @ (weights("w") >> drop)
    other = Diagram.id(X) @ (weights("v") >> drop)
    assert dead != Diagram.id(X) and dead != other and dead != dead @ (weights("w") >> drop)
    assert dead == (weights("w") >> drop) @ Diagram.id(X) and hash(dead) == hash(Diagram.id(X) @ (
        weights("w") >> drop))
    assert list(dead.graph.places.values()) == ["w"]


def test_names_of_dead_nodes_do_not_depend_on_the_process():
    code = ("import ncd; from ncd.construct.generators import parameter; "
            "from ncd.construct.trace import trace; "
            "d = trace(lambda: [parameter('w', a)() for a in ('x', 'y', 'z=3', 'k 2')] and None, ()); "
            "g = d.graph; print([(g.places[n], str(g.ops[n].array)) for n in sorted(g.places)])")
    found = {subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                            env={"PYTHONHASHSEED": seed, "PYTHONPATH": "."}).stdout for seed in ("1", "2",
                                                                                                 "3")}
    assert len(found) == 1


# -- the graph itself ------------------------------------------------------------------------
def test_what_a_graph_says_of_its_wires():
    made = (f >> Diagram.copy(X) >> g @ Diagram.id(X) >> plus).graph
    assert [op.name for op, _, _ in made] == ["relu", "tanh", "add"]
    assert made.args == [(0,), (1,), (2, 1)] and made.first == [1, 2, 3] and made.outputs == (3,)
    assert made.producer == [-1, 0, 1, 2] and made.last_use == [0, 2, 2, 3] and made.order == [0, 1, 2]
    dead = (Diagram.copy(X) >> f @ (g >> Diagram.discard(X))).graph
    assert dead.last_use[-1] == -1 and len(dead.order) == 1 and len(dead) == 2


def test_the_part_of_a_graph_between_wires():
    made = (f >> Diagram.copy(X) >> g @ Diagram.id(X) >> plus).graph        # 1 = relu, 2 = tanh, 3 = 2 + 1
    assert Diagram.from_graph(made.part([0], [1])) == f
    assert Diagram.from_graph(made.part([1], [3])) == Diagram.copy(X) >> g @ Diagram.id(X) >> plus
    # A wire between two others is cut there; a wire twice is one; what is not read is an input still.
    assert Diagram.from_graph(made.part([2, 1, 0], [3])) == plus @ Diagram.discard(X)
    assert Diagram.from_graph(made.part([1, 1], [2])) == g @ Diagram.discard(X)
    assert Diagram.from_graph(made.part([1], [1, 1])) == Diagram.copy(X)
    whole = made.part([0], [3])
    assert whole.args == made.args and whole.ops == made.ops and whole.ops is not made.ops
    with pytest.raises(ValueError, match=r"the inputs \[0\]"):
        made.part([2], [3])


def test_a_graph_appended_to_another_reads_the_wires_given():
    made = (f >> Diagram.copy(X) >> g @ Diagram.id(X) >> plus).graph
    graph = Graph((X.inside[0], X.inside[0]))
    (first,) = graph.append(made, [1])
    graph.outputs = (*graph.append(made, [first]), 0)
    once = f >> Diagram.copy(X) >> g @ Diagram.id(X) >> plus
    assert Diagram.from_graph(graph) == Diagram.swap(X, X) >> (once >> once) @ Diagram.id(X)


def test_an_operation_without_outputs_and_one_without_inputs():
    graph = Graph(())
    (wire,) = graph.add(constant(2.0).op, ())
    graph.outputs = (wire, wire)
    assert Diagram.from_graph(graph) == constant(2.0) >> Diagram.copy(Ty("()"))
    assert Diagram.from_graph(Graph(X.inside)) == Diagram.discard(X)


def test_equality_compares_types_first():
    assert Diagram.id("x") != Diagram.id("x=3") and Diagram.id("x") != Diagram.id("x, x")
    assert Diagram.discard(X) != Diagram.discard(Ty("y")) and Diagram.id(Ty()) != Diagram.discard(X)


def test_nested_blocks_are_compared_once_however_they_are_written():
    """Each level holds the one below three times: compared again and again, 40 levels would not end."""
    def nested(depth: int, reverse: bool) -> Diagram:
        made = elementwise("tanh").on("x")
        for _ in range(depth):
            inner = made.block("level")

            def body(x, inner=inner):
                y = inner(inner(x))
                if reverse:
                    second, first = elementwise("exp")(y), elementwise("relu")(y)
                else:
                    first, second = elementwise("relu")(y), elementwise("exp")(y)
                return inner(first + second)
            made = trace(lambda x: body(x), Ty("x").inside)
        return made
    assert nested(40, False) == nested(40, False) and nested(40, False) == nested(40, True)
    assert nested(40, False) != nested(41, False)


def chain(levels: int) -> Diagram:
    """Blocks inside blocks, each with an operation of its own."""
    made = elementwise("tanh").on("x")
    for level in range(levels):
        made = (elementwise("relu").on("x") >> made).block(f"level {level}")
    return made


def doubled(levels: int) -> Diagram:
    """Each level holds the one below under two names: 2ⁿ blocks, n of them different."""
    made = elementwise("tanh").on("x")
    for level in range(levels):
        made = made.block(f"left {level}") >> made.block(f"right {level}")
    return made


@pytest.mark.parametrize("make, levels", [(chain, 500), (doubled, 60)])
def test_deeply_nested_blocks_are_compared_changed_and_lifted_in_linear_time(make, levels):
    made = make(levels)
    assert made == make(levels) and made != make(levels - 1) and made == copy.deepcopy(made)
    assert made.bind(x=7) == made.on("x=7") and made.bind(x=7) != made
    assert str(made.rename(x="y")) == "y=x -> y=x" and made.rename(x="y").rename(y="x") == made
    assert repr(made).startswith("<diagram x -> x: ") and len(repr(made)) < 100
    lifted = made.lift("h")
    assert str(lifted) == "h x -> h x" and lifted.bind(x=7) == made.bind(x=7).lift("h")


def test_a_recursion_on_arguments_made_anew_each_time_ends():
    """They have no lasting name, so that no call is found again: it goes down as plain recursion does."""
    @once_each(lambda items: (id(items),))
    def depth(items):
        return 1 + depth([*items[1:]]) if items else 0
    assert depth([0] * 60) == 60

    @once_each(lambda n: (n,))
    def fibonacci(n):
        if n < 0:
            raise ValueError(n)
        return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)
    assert fibonacci(500) == sum(map(fibonacci, range(499))) + 1
    with pytest.raises(ValueError):
        fibonacci(-1)
    assert fibonacci(30) == 832_040
