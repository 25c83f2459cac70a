"""Well-typedness: what holds passes, and each planted fault is found and named."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

import ncd
from ncd.construct import generators as make
from ncd.construct.notation import einsum
from ncd.core.array import Array
from ncd.core.axis import Axis
from ncd.core.category import Diagram, Ty
from ncd.core.check import check
from ncd.core.graph import Graph
from ncd.core.inside import diagrams_in
from ncd.core.op import Operation
from ncd.errors import NcdError, SizeError
from ncd.ops.control import Block, Broadcast
from ncd.zoo import ZOO

PRODUCT = einsum("y k, x k -> y x").op
SINE = make.elementwise("sin").on("y x").op


def good() -> Graph:
    """einsum, then sine, on the wires 0, 1 -> 2 -> 3."""
    graph = Graph(Ty("y k, x k").inside)
    graph.add(PRODUCT, (0, 1))
    graph.add(SINE, (2,))
    graph.outputs = (3,)
    return graph


def faults(graph: Graph | Diagram, **options) -> str:
    with pytest.raises(NcdError) as caught:
        check(graph if isinstance(graph, Diagram) else Diagram.from_graph(graph), **options)
    return str(caught.value)


@pytest.mark.parametrize("name", ZOO)
def test_every_architecture_is_well_typed_inside_out(name):
    diagram = ZOO[name]()
    assert check(diagram, deep=True) is None


def test_what_is_built_passes():
    assert check(Diagram.from_graph(good()), deep=True) is None
    assert check(PRODUCT) is None and check(Diagram.id("x, y")) is None
    assert Diagram.from_graph(good()).check() == Diagram.from_graph(good())


def test_inputs_of_another_type():
    graph = good()
    graph.args[0] = (1, 0)
    text = faults(graph)
    assert text.startswith("the diagram is not well typed")
    assert "node 0 `einsum[y k, x k -> y x]` input 1: `x k` is given, `y k` is wanted" in text
    assert "node 0 `einsum[y k, x k -> y x]` input 2: `y k` is given, `x k` is wanted" in text


def test_a_label_of_another_size_is_told_apart():
    graph = Graph([Array([Axis("x'", "x")])])
    graph.outputs = graph.add(make.elementwise("sin").on("x'").op, (0,))
    assert "`x'=x` is given, `x'` is wanted" in faults(graph)


def test_another_number_of_inputs():
    graph = good()
    graph.args[0] = (0,)
    assert "node 0 `einsum[y k, x k -> y x]` reads 1 wires, its domain is `y k, x k`" in faults(graph)


@pytest.mark.parametrize("wire", [4, 99, -1, True, 1.0, None])
def test_wires_that_do_not_exist(wire):
    graph = good()
    graph.args[1] = (wire,)
    assert f"node 1 `sin` input 1: there is no wire {wire!r}" in faults(graph)


def test_a_wire_that_is_read_before_it_is_made():
    graph = good()
    graph.args[1] = (3,)
    assert "node 1 `sin` input 1: the wire 3 is read before it is made" in faults(graph)


def test_outputs_that_do_not_exist_or_have_another_type():
    diagram = Diagram.from_graph(good())
    diagram.graph.outputs = (17,)
    assert "output 1: there is no wire 17" in faults(diagram)
    diagram.graph.outputs = (0,)
    assert "the outputs are `y k`, the codomain is `y x`" in faults(diagram)


def test_wires_out_of_order_or_with_types_that_are_not_their_makers():
    graph = good()
    graph.first[1] = 7
    assert "node 1 `sin` makes wires from 7 on, the next wire is 3" in faults(graph)
    diagram = Diagram.from_graph(good())
    diagram.graph.types[2] = Array([Axis("z")])
    assert "node 0 `einsum[y k, x k -> y x]` makes `y x`, its wires are `z`" in faults(diagram)
    diagram = Diagram.from_graph(good())
    diagram.graph.types.append(Array())
    assert "5 wires have a type, 4 are made" in faults(diagram)


def test_a_node_that_is_no_operation():
    graph = good()
    graph.ops[1] = "sine"
    assert "node 1 is 'sine', not an operation" in faults(graph)


def test_all_faults_in_one_error_up_to_a_number():
    graph = Graph(Ty("x").inside)
    for _ in range(50):
        graph.add(SINE, (0,))
    text = faults(graph)
    assert text.count("`x` is given") == 20 and "and 30 more" in text


def test_a_fault_inside_a_block_is_found_by_a_deep_check_only():
    graph = good()
    graph.args[0] = (1, 0)
    inner = Diagram.from_graph(graph)
    diagram = Block("inner", inner).diagram
    assert check(diagram) is None
    assert "inside `inner`: node 0" in faults(diagram, deep=True)
    assert "inside `inner`: node 0" in faults(Block("outer", diagram).diagram, deep=True)


@dataclass(frozen=True)
class Wrong(Operation):
    """An operation whose definition has another type, or fails."""

    array: Array
    fails: bool = False

    @property
    def dom(self):
        return (self.array,)

    @property
    def cod(self):
        return (self.array,)

    def definition(self):
        if self.fails:
            raise KeyError("no such row")
        return make.reduce("sum", "x")


def test_definitions_of_another_type():
    array = Array([Axis("x")])
    text = faults(Wrong(array).diagram, deep=True)
    assert "`wrong` has no valid definition: the definition of `wrong` has another type" in text
    assert "have x -> ()" in text and "want x -> x" in text
    assert "KeyError: 'no such row'" in faults(Wrong(array, True).diagram, deep=True)
    assert check(Wrong(array).diagram) is None


def test_diagrams_inside_are_opened_once_each():
    diagram = make.elementwise("tanh").on("x")
    for depth in range(300):
        diagram = Block(f"b{depth}", diagram >> diagram).diagram
    assert check(diagram, deep=True) is None      # 2 ** 300 copies, 300 bodies


def test_bodies_of_scans_and_of_operations_inside_operations_are_found():
    body = make.elementwise("tanh").on("m")
    scan = body.repeat("N").op
    assert list(diagrams_in(scan)) == [body]
    lifted = Broadcast(scan, (Array([Axis("b"), Axis("m")]),))
    assert list(diagrams_in((scan, lifted))) == [body, body]


def test_sizes_that_are_never_positive():
    graph = Graph([Array([Axis("x", "-k")])])
    graph.outputs = (0,)
    with pytest.raises(SizeError, match="never positive"):
        check(Diagram.from_graph(graph))
    assert check(Diagram.id("x=k-9")) is None
    assert check(Diagram.id("x=0-(k-9)//2")) is None


@pytest.mark.parametrize("n, good", [(4, True), (7, True), (3, False), (1, False)])
def test_sizes_at_given_numbers(n, good):
    diagram = make.window("x", "j=4")
    if good:
        assert check(diagram, sizes={"x": n}) is None
        return
    with pytest.raises(SizeError) as caught:
        check(diagram, sizes={"x": n})
    assert f"x = x - 3 is {n - 3}" in str(caught.value) and f"at x = {n}" in str(caught.value)


def test_sizes_that_are_fractions_or_have_no_value():
    assert check(Diagram.id("x=k/2"), sizes={"k": 4}) is None
    with pytest.raises(SizeError, match=r"is 1\.5"):
        check(Diagram.id("x=k/2"), sizes={"k": 3})
    with pytest.raises(SizeError, match="is nan"):
        check(Diagram.id("x=6//(k-3)"), sizes={"k": 3})
    assert check(Diagram.id("x=6//(k-3)"), sizes={"m": 3}) is None


def test_sizes_inside_are_checked_by_a_deep_check():
    block = ncd.nn.convolution("x", "c -> e=8", kernel=5)
    with pytest.raises(SizeError):
        check(block, deep=True, sizes={"x": 3, "c": 1})
    assert check(block, deep=True, sizes={"x": 5, "c": 1}) is None
