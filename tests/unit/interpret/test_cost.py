"""Costs: formulas by hand, functor laws, a counter and a memory simulation that share no code with them."""

from __future__ import annotations

import itertools
import time

import numpy as np
import pytest
import sympy
from hypothesis import given

import ncd
from ncd.algebra.convert import Size, parse_size
from ncd.construct import generators as make
from ncd.construct.generators import elementwise, opaque, parameter, scan
from ncd.construct.notation import einsum, rearrange
from ncd.construct.trace import trace
from ncd.core.category import Diagram, Ty
from ncd.errors import NcdError, RuleError, SizeError
from ncd.interpret.cost import COST, MEASURES, measure, work
from ncd.interpret.cost.convention import CONVENTIONS, Convention
from ncd.interpret.interpretation import Interpretation
from ncd.ops.control import Scan
from ncd.ops.multilinear import Concat, Einsum, Reindex, View
from ncd.ops.pointwise import Map, Reduce, Stop
from ncd.ops.source import Constant, Iota
from tests.strategies import diagrams, examples, samplers
from theory.variables import KINDS

SUMS = ("flops", "transcendentals", "reads", "writes", "params")
relu, tanh, add = map(elementwise, ("relu", "tanh", "add"))


def exact(made: Diagram, name: str) -> Size:
    return measure(made).exact[name]


# -- formulas by hand ------------------------------------------------------------------------
BY_HAND = [  # diagram, FLOP, calls, bytes read, bytes written, depth
    (einsum("y k, x k -> y x"), "2*x*y*k", 0, "4*k*(x + y)", "4*x*y", 1),
    (einsum("a, b -> a b"), "a*b", 0, "4*a+4*b", "4*a*b", 1),
    (einsum("a a -> "), "a - 1", 0, "4*a*a", 4, 1), (einsum("a b -> b a"), 0, 0, "4*a*b", "4*a*b", 1),
    (einsum("a b, b c, c d -> a d"), "2*a*b*c + 2*a*c*d", 0, "4*(a*b + b*c + c*d + a*c)",
     "4*a*d + 4*a*c", 1),
    (einsum("a b, b c -> a c", "max_plus"), "2*a*b*c", 0, "4*b*(a + c)", "4*a*c", 1),
    (rearrange("a -> a b=3"), 0, 0, "4*a", "12*a", 1), (elementwise("relu").on("x y"), "x*y", 0, "4*x*y",
                                                     "4*x*y", 1),
    (elementwise("sigmoid").on("x"), "3*x", "x", "4*x", "4*x", 1),
    (elementwise("gelu").on("x"), "4*x", "x", "4*x", "4*x", 1),
    (add.on("x y, y"), "x*y", 0, "4*x*y + 4*y", "4*x*y", 1), (elementwise("power", None, 3).on("x"), "2*x", 0,
                                                              "4*x", "4*x", 1),
    (elementwise("power", None, -0.5).on("x"), 0, "x", "4*x", "4*x", 1),
    (make.reduce("sum", "y").on("x y z"), "x*z*(y - 1)", 0, "4*x*y*z", "4*x*z", 1),
    (make.reduce("all", "y").on("x y : bool"), "x*(y - 1)", 0, "x*y", "x", 1),
    (make.topk("x -> k=2").on("b x"), "b*(2*(x - 1) - 1)", 0, "4*b*x", "16*b", 1),
    (make.gather("n").on("n f, e : index(n)"), 0, 0, "4*e*f + 4*e", "4*e*f", 1),
    (make.segment("sum", "e -> n").on("e f, e : index(n)"), "e*f", 0, "4*e*f + 4*e", "4*n*f", 1),
    (make.concat("x").on("x=a y, x=b y"), 0, 0, "4*y*(a + b)", "4*y*(a + b)", 1),
    (make.window("x", "j=3", padding=1), 0, 0, "12*x", "12*x", 1), (rearrange("a b -> (a b)"), 0, 0, 0, 0, 0),
    (make.stop().on("x"), 0, 0, 0, 0, 0), (make.iota("x"), 0, 0, 0, "4*x", 0),
    (make.constant(0.5, "x"), 0, 0, 0, "4*x", 0), (parameter("w", "m n"), 0, 0, 0, 0, 0),
    (make.solve("i j").on("i j=i, i r"), "2*(i**3 - i)/3 + 2*i*i*r - i*r", 0, "4*i*i + 4*i*r", "4*i*r", 1),
    (make.eigh("i j"), "9*i**3", 0, "4*i*i", "4*i + 4*i*i", 1), (make.key(), 0, 0, 0, 0, 0),
    (make.random("normal", "x y"), 0, 0, 8, "4*x*y", 1), (Diagram.swap(Ty("x"), Ty("y")), 0, 0, 0, 0, 0)]


@pytest.mark.parametrize("made, flops, calls, reads, writes, depth", BY_HAND,
                         ids=[str(row[0]) for row in BY_HAND])
def test_formulas(made, flops, calls, reads, writes, depth):
    found = measure(made).exact
    assert (found["flops"], found["transcendentals"]) == (parse_size(str(flops)), parse_size(str(calls)))
    assert (found["reads"], found["writes"]) == (parse_size(str(reads)), parse_size(str(writes)))
    assert found["depth"] == depth


def test_parameters_are_counted_once_for_each_place():
    layer = trace(lambda a: a * parameter("w", "m k")(), Ty("m k").inside)
    assert exact(layer >> layer, "params") == Size("2*m*k") and exact(layer.repeat("N"),
                                                                      "params") == Size("N*m*k")
    assert exact(layer.repeat("N", share=True), "params") == Size("m*k") == exact(layer.lift("h"), "params")
    assert exact(layer.lift("h", stack=True), "params") == Size("h*m*k")
    tied = layer.block("b", tied=True)
    assert exact(tied >> tied, "params") == Size("m*k")


def plain(s, *kinds: str) -> Diagram:
    """A random diagram of primitives that hold no diagram of their own."""
    made = KINDS[s.choose(kinds)](s, s.type(), None)
    if any(isinstance(op, Scan) or op.expansion is not None for op in made.graph.ops):
        return tanh.on("a b") >> make.reduce("sum", "a") >> tanh
    return made


# -- functors --------------------------------------------------------------------------------
@given(diagrams("learned"), diagrams("learned"))
@examples(20)
def test_sums_are_additive(c, d):
    for name in SUMS:
        assert exact(c @ d, name) == exact(c, name) + exact(d, name)
    after = Diagram.id(Ty()).tensor(*(tanh.on(Ty.of([a])) for a in c.cod.inside if a.dtype == "float"))
    if after.dom == c.cod:
        for name in SUMS:
            assert exact(c >> after, name) == exact(c, name) + exact(after, name)


@given(samplers())
@examples(30)
def test_lifting_multiplies(s):
    made = plain(s, "without constants", "linear", "reindexing")
    if not all(op.dom for op in made.graph.ops):
        made = elementwise("gelu").on("a b") >> einsum("a b -> b a")     # what has no input is not lifted
    lifted = made.lift("p")
    for name in ("flops", "transcendentals", "reads", "writes"):
        assert exact(lifted, name) == exact(made, name) * Size("p")
    assert exact(lifted, "depth") == exact(made, "depth")


@given(diagrams("learned"))
@examples(20)
def test_a_block_costs_what_its_expansion_does(made):
    block, plain = measure(made.block("b")), measure(made)
    for name in (*SUMS, "depth"):
        assert block.exact[name] == plain.exact[name]
    if len(made.dom) <= 8:
        assert block.depth_matrix == plain.depth_matrix
    at = dict.fromkeys(made.symbols, 3)
    # Its inputs live as long as it runs: the peak is lax, never less than that of the expansion.
    one, other = (measure(d >> Diagram.discard(made.cod)).evaluate(**at) for d in (made.block("b"), made))
    assert one["peak_memory"] >= other["peak_memory"]


def test_a_wide_block_costs_what_its_expansion_does():
    @ncd.diagram("x, x, x, x, x, x, x, x, x -> x, x")
    def wide(a, *rest):
        for _ in range(10):
            a = tanh(a)
        return a, sum(rest[1:], rest[0])
    made = Diagram.id("x") @ (tanh.on("x") >> tanh) @ Diagram.id("x, x, x, x, x, x, x")
    assert exact(made >> wide.block("b"), "depth") == exact(made >> wide, "depth") == 10
    assert exact(made >> wide.block("b").block("c"), "depth") == 10
    assert exact(made >> wide.block("b") >> Diagram.discard(Ty("x")) @ Diagram.id("x"), "depth") == 9


def test_a_scan_costs_its_length_times_its_body():
    body = trace(lambda s, u: (tanh(s * parameter("w", "m")() + u), relu(s)), Ty("m, m").inside)
    whole, step = measure(scan(body, "t", 1, 1)), measure(body)
    for name in ("flops", "transcendentals", "reads", "writes", "depth"):
        assert whole.exact[name] == step.exact[name] * Size("t")
    assert whole.exact["depth"] == Size("3*t") and whole.depth_matrix == {
        (i, o): 3 * sympy.Symbol("t", positive=True, integer=True) for i in (0, 1) for o in (0, 1)}
    nested = scan(body, "t", 1, 1).on("m, t m").block("b")
    again = trace(lambda s: nested(s, make.repeat_axis("t")(s))[0], Ty("m").inside).repeat("N")
    assert exact(again, "flops") == exact(body, "flops") * Size("N*t")


# -- depth -----------------------------------------------------------------------------------
def test_the_matrix_of_depths():
    made = (tanh.on("x") >> tanh) @ Diagram.id("x") >> Diagram.copy(Ty("x")) @ Diagram.id("x") >> \
        Diagram.id("x") @ add.on("x, x")
    assert measure(made).depth_matrix == {(0, 0): 2, (0, 1): 3, (1, 1): 1} and exact(made, "depth") == 3
    assert measure(Diagram.swap(Ty("x"), Ty("y"))).depth_matrix == {(0, 1): 0, (1, 0): 0}
    constant = make.constant(1.0) >> tanh >> tanh
    assert measure(constant @ relu).depth_matrix == {(0, 1): 1} and exact(constant @ relu, "depth") == 2
    with pytest.raises(SizeError, match="at most 8 inputs"):
        _ = measure(Diagram.id(", ".join("x" * 9))).depth_matrix


@given(samplers())
@examples(30)
def test_depth_is_the_longest_path(s):
    """Every path is followed, one after the other."""
    made = plain(s, "without constants", "")
    graph = made.graph

    def longest(wire: int) -> dict[int, int]:
        if wire < len(graph.inputs):
            return {wire: 0}
        node = graph.producer[wire]
        step = exact(graph.ops[node].diagram, "depth").constant
        found: dict[int, int] = {}
        for argument in graph.args[node]:
            for source, steps in longest(argument).items():
                found[source] = max(found.get(source, 0), steps + step)
        return found
    want = {(source, n): steps for n, wire in enumerate(graph.outputs) for source,
            steps in longest(wire).items()}
    assert measure(made).depth_matrix == want


# -- memory ----------------------------------------------------------------------------------
def simulated(made: Diagram, sizes: dict[str, int]) -> int:
    """Bytes of intermediates live at once: a list of buffers with a count of readers still to come."""
    graph, width = made.graph, {"float": 4, "int": 4, "bool": 1, "key": 8}
    buffer = dict.fromkeys(range(len(graph.inputs)))      # None: the caller's
    readers = [list(args) for args in graph.args] + [list(graph.outputs)]
    live: dict[int, int] = {}
    peak = 0
    for node, (op, args, wires) in enumerate(graph):
        renaming = isinstance(op, Reindex) and op.is_renaming
        for wire in wires:
            if isinstance(op, (View, Stop)) or renaming:
                buffer[wire] = buffer[args[0]]
                continue
            array = graph.types[wire]
            live[wire] = width[array.dtype] * int(array.elements.evaluate(sizes))
            buffer[wire] = wire
        peak = max(peak, sum(live.values()))
        later = {buffer[wire] for reader in readers[node + 1:] for wire in reader if wire in buffer}
        live = {wire: size for wire, size in live.items() if wire in later}
    return peak


@given(samplers())
@examples(40)
def test_peak_memory_is_that_of_a_simulation(s):
    made = plain(s, "without constants", "", "linear")
    for _ in range(3):
        at = {name: s.random.randint(1, 9) for name in sorted(made.symbols)}
        assert measure(made).evaluate(**at)["activations"] == simulated(made, at)


def test_peak_memory_by_hand():
    made = einsum("x k, k y -> x y") >> relu.on("x y") >> make.reduce("sum", "y")
    found = measure(made)
    assert found.exact["activations"] == parse_size("max(8*x*y, 4*x*y + 4*x)")
    assert found.exact["peak_memory"] == found.exact["activations"] + parse_size("4*x*k + 4*k*y")
    growing = rearrange("x -> x n") >> make.reduce("sum", "n") >> rearrange("x -> x m")
    assert growing.cost().exact["activations"] == parse_size("max(4*n*x + 4*x, 4*x + 4*m*x)")
    learned = trace(lambda a: a + parameter("w", "x")(), Ty("x").inside)
    assert measure(learned).exact["peak_memory"] == parse_size("12*x")
    looped = scan(trace(lambda s, u: (s + tanh(u), s), Ty("m, m").inside), "t", 1, 1)
    assert measure(looped).exact["activations"] == parse_size("4*m + 4*t*m + 8*m")


# -- an independent counter ------------------------------------------------------------------
class Counter:
    """Counts what is done to numbers of this type, in the loops that the equations are."""

    def __init__(self):
        self.flops = self.calls = 0

    def scalar(self, tree) -> None:
        """One evaluation of a scalar expression; what holds no argument is a literal."""
        kind = tree[0]
        if kind in ("name", "number") or "'name'" not in repr(tree):
            return
        if kind == "call":
            plain = {"abs", "sign", "floor", "max", "min", "where", "both", "either", "opposite"}
            if tree[1] != "float":
                self.flops += tree[1] in plain
                self.calls += tree[1] not in plain
        elif kind == "**":
            whole = tree[2] == ("number", 2) or tree[2] == ("number", 3)
            self.flops += tree[2][1] - 1 if whole else 0
            self.calls += not whole
        else:
            self.flops += 1
        for item in tree[2] if kind == "call" else tree[1:]:
            if isinstance(item, tuple):
                self.scalar(item)


def loops(counter: Counter) -> Interpretation:
    """Rules on shapes that walk every index and count."""
    def walk(shape) -> int:
        return sum(1 for _ in itertools.product(*map(range, shape)))

    def each(run, op, *shapes):
        out = run.shape(op.cod[0])
        for _ in itertools.product(*map(range, out)):
            counter.scalar(op.function.tree)
        return [out]

    def folded(run, op, shape):
        counter.flops += walk(run.shape(op.array)) - walk(run.shape(op.cod[0]))
        return [run.shape(op.cod[0])]

    def contracted(run, op, *shapes):
        """One or two arrays: every point multiplies, every point that is summed adds."""
        sizes = {letter: run.size(size) for letter, size in op.sizes.items()}
        inside = sorted({letter for letters in op.letters for letter in letters})
        points = walk([sizes[x] for x in inside])
        kept = walk([sizes[x] for x in inside if x in op.out_letters])
        if len(shapes) == 2:
            counter.flops += points * (2 if points and set(inside) - set(op.out_letters) else 1)
        elif len(shapes) == 1:
            counter.flops += points - kept
        return [run.shape(op.cod[0])]

    def free(run, op, *shapes):
        return [run.shape(array) for array in op.cod]
    return Interpretation("loops", {Map: each, Reduce: folded, Einsum: contracted} | dict.fromkeys(
        (Reindex, View, Concat, Stop, Constant, Iota), free))


@given(samplers())
@examples(40)
def test_operations_are_counted_by_loops(s):
    made = plain(s, "", "linear", "without constants")
    used = {type(op) for op in made.graph.ops}
    if not used <= {*loops(Counter()).rules} or any(
            len(op.arrays) > 2 for op in made.graph.ops if isinstance(op, Einsum)):
        made = einsum("a b, b c -> a c") >> elementwise("gelu")
    at = {name: s.random.randint(1, 4) for name in sorted(made.symbols)}
    counter = Counter()
    loops(counter)(made, *[None] * len(made.dom), sizes=at)
    found = measure(made).evaluate(**at)
    assert (found["flops"], found["transcendentals"]) == (counter.flops, counter.calls)


def test_topk_is_a_repeated_maximum():
    for x, k in itertools.product(range(1, 6), range(1, 6)):
        if k <= x:
            comparisons = sum(x - 1 - j for j in range(k))
            assert measure(make.topk("x -> k")).evaluate(x=x, k=k)["flops"] == comparisons


def test_a_longer_einsum_is_carried_out_pairwise():
    made = einsum("a b, b c, c d -> a d")
    at = {"a": 2, "b": 3, "c": 4, "d": 5}
    assert measure(made).evaluate(**at)["flops"] == 2 * 2 * 3 * 4 + 2 * 2 * 4 * 5
    flat = einsum("a b, b c, c d -> a d",
                  "max_product")             # does not distribute over negative numbers
    assert measure(flat).evaluate(**at)["flops"] == 2 * 3 * 4 + 2 * (2 * 3 * 4 * 5)


# -- large diagrams, conventions, the face ---------------------------------------------------
def test_ten_thousand_operations_take_seconds():
    start, made = time.process_time(), tanh.on("x y")
    for n in range(9_999):
        made = made >> (tanh if n % 2 else relu)
    found = measure(made)
    assert found.exact["transcendentals"] == Size("5000*x*y") and found.exact["depth"] == 10_000
    assert found.exact["activations"] == Size("8*x*y") and time.process_time() - start < 20


def test_many_sizes_take_seconds():
    start = time.process_time()
    made = Diagram.id(Ty()).tensor(*(tanh.on(f"a{n} b{n}") for n in range(1_000)))
    found = measure(made)
    assert found.transcendentals == sympy.Add(*(sympy.Symbol(f"a{n}", positive=True,
                                                             integer=True) * sympy.Symbol(
        f"b{n}", positive=True, integer=True) for n in range(1_000)))
    assert time.process_time() - start < 20


def test_a_missing_rule_is_an_error_that_names_the_operation():
    for made in (opaque("mine", "x -> x"), opaque("mine", "x -> x").on("b x"),
                 relu.on("x") >> opaque("mine", "x -> x"),
                 opaque("mine", "x -> x").block("b").repeat(3)):
        with pytest.raises(RuleError, match="`cost` has no rule for the operation `mine`") as error:
            made.cost()
        assert '"mine"' in error.value.details["mend"]
    without = Interpretation("cost", {cls: rule for cls, rule in COST.rules.items() if cls is not Map})
    with pytest.raises(RuleError, match="`relu`"):
        measure(relu.on("x"), interpretation=without)


def test_a_rule_of_your_own():
    table = COST | {"mine": lambda op, convention: work(op, convention, flops=op.dom[0].elements * 5)}
    assert measure(opaque("mine", "x -> x"), interpretation=table).exact["flops"] == Size("5*x")
    lifted = measure(opaque("mine", "x -> x").on("b x"), interpretation=table).exact
    assert lifted["flops"] == Size("5*b*x") and lifted["reads"] == Size("4*b*x") and lifted["depth"] == 1


def test_conventions_are_named_values():
    made = elementwise("sigmoid").on("x") >> make.reduce("sum", "x")
    assert {name: exact for name in CONVENTIONS for exact in [measure(made, name).exact["flops"]]} == {
        "expression": Size("4*x - 1"), "unit": Size("2*x - 1"), "xla": Size("4*x - 1"), "none": Size("x - 1")}
    half = Convention("half", lambda function: (2, 0), (("float", 2), ("int", 8), ("bool", 1), ("key", 8)))
    found = measure(made, half).exact
    assert found["reads"] == Size("4*x") and found["flops"] == Size("3*x - 1")
    with pytest.raises(NcdError, match="no cost convention 'macs'") as error:
        measure(made, "macs")
    assert error.value.details["want"] == "expression, unit, xla, none"


def test_the_face():
    found = einsum("y k, x k -> y x").cost()
    k, x, y = (sympy.Symbol(name, positive=True, integer=True) for name in "kxy")
    assert found.flops == 2 * k * x * y and found.depth == 1 and set(MEASURES) <= set(dir(found))
    assert found.evaluate(k=2, x=3, y=np.int64(4)) == {
        "flops": 48, "matrix_flops": 48, "vector_flops": 0, "transcendentals": 0, "params": 0,
        "param_bytes": 0, "reads": 56, "writes": 48, "fused_reads": 56, "fused_writes": 48, "depth": 1,
        "peak_memory": 104, "activations": 48, "intensity": 48 / 104, "fused_intensity": 48 / 104,
        "parallelism": 48}
    with pytest.raises(SizeError, match="no value for the size k, y") as error:
        found.evaluate(x=3)
    assert error.value.details["mend"] == "cost.evaluate(k=..., y=...)"
    with pytest.raises(AttributeError, match="a cost has no measure 'flop'"):
        _ = found.flop
    assert str(found).splitlines()[0].split() == ["flops", "FLOP",
                                                  "2*k*x*y"] and repr(found).startswith("<cost of y k,")


def test_operations_share_the_sums():
    made = trace(lambda a: tanh(a) * parameter("w", "x")(), Ty("x").inside)
    rows = made.cost().operations()
    assert [(name, place) for name, place, _ in rows] == [("tanh", ""), ("parameter[w]", "w"),
                                                          ("multiply", "")]
    assert sum((row["reads"] for *_, row in rows), Size(0)) == made.cost().exact["reads"]
