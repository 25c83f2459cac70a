"""The generators: what they reach, and that equality of the diagrams they make is sound."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ncd.core.category import Diagram, Ty
from ncd.interpret.reference import run
from ncd.ops.monoid import MONOIDS, SEMIRINGS
from ncd.ops.primitive import BASIS
from ncd.ops.scalar import SCALARS
from tests.strategies import arrays, diagrams, examples, inputs, instances, samplers, types
from theory import LAWS, REFERENCE_MODEL, CostLaw
from theory.catalogue import CATALOGUE, PLACED
from theory.random import Sampler
from theory.variables import KINDS, scalar_function


def test_every_primitive_and_every_row_is_in_the_catalogue():
    drawn = [case.draw(Sampler(seed)) for case in (*CATALOGUE, *PLACED) for seed in range(3)]
    assert set(BASIS) <= {type(op) for op in drawn}
    assert set(SCALARS) <= {op.function.name for op in drawn if hasattr(op, "function")}
    assert set(MONOIDS) <= {op.monoid.name for op in drawn if hasattr(op, "monoid")}
    assert set(SEMIRINGS) == {op.semiring.name for op in drawn if hasattr(op, "semiring")}


def test_the_generators_reach_every_family():
    seen, arrays_seen = set(), []
    for seed in range(400):
        instance = LAWS["naturality of copy"].instance(seed)
        seen |= {type(op).__name__ for op in instance.left.graph.ops}
        arrays_seen += [*instance.left.dom.inside, *instance.left.cod.inside]
    assert {"Map", "Einsum", "Reindex", "View", "Concat", "Reduce", "Gather", "Segment", "Scan", "Block",
            "Constant", "Iota", "Stop", "Softmax"} <= seen
    assert {len(array.axes) for array in arrays_seen} >= {0, 1, 2, 3}
    assert {array.dtype for array in arrays_seen} >= {"float", "int", "bool"}
    sizes = [axis.size for array in arrays_seen for axis in array.axes]
    assert any(size == 1 for size in sizes) and any(size.constant is None for size in sizes)


def test_scalar_functions_do_not_fix_zero():
    """Functions that map 0 to 0 hide broken copies and paddings."""
    drawn = [scalar_function().draw(Sampler(seed), {}) for seed in range(40)]
    assert sum(abs(run(function, 0.0)) > 1e-6 for function in drawn) > 20


@pytest.mark.parametrize("kind, flag", [("drawing keys by place", "deterministic"), ("learned", "place")])
def test_kinds_are_what_they_say(kind, flag):
    for seed in range(30):
        made = KINDS[kind](Sampler(seed), Sampler(seed).type(), None)
        values = [getattr(op, flag) for op in made.graph.ops]
        assert (False in values) if flag == "deterministic" else any(values)


@examples()
@given(diagrams(), diagrams("learned"), diagrams("drawing keys by place"))
def test_equality_is_reflexive_and_agrees_with_the_hash(pure, learned, drawing):
    for one in (pure, learned, drawing):
        again = Diagram.id(one.dom) >> one
        assert again == one and hash(again) == hash(one)
        assert one != one @ Ty("x")


@examples()
@given(st.sampled_from([law for law in LAWS.values() if not isinstance(law, CostLaw)]).flatmap(instances))
def test_equal_diagrams_have_equal_values(instance):
    """Soundness: what the free category identifies, no model tells apart."""
    if instance.left == instance.right:
        assert REFERENCE_MODEL.compare(instance) is None
        assert (instance.left.dom, instance.left.cod) == (instance.right.dom, instance.right.cod)


@examples()
@given(st.data())
def test_a_linear_map_of_zero_is_zero(data):
    s = data.draw(samplers())
    a = data.draw(arrays())
    f = KINDS["linear"](s, Ty.of((a,)), None)
    sizes = s.complete(f.symbols)
    (value,) = data.draw(inputs(f, sizes))
    assert (run(f, 0 * value, **sizes) == 0).all()


@examples()
@given(types(floats=True))
def test_a_type_is_its_own_text(a):
    assert Ty(str(a)) == a


@pytest.mark.parametrize("name", list(LAWS))
def test_instances_are_reproducible(name):
    first, second = LAWS[name].instance(5), LAWS[name].instance(5)
    assert first.left == second.left and first.right == second.right and first.sizes == second.sizes
    assert all((a == b).all() for a, b in zip(first.inputs, second.inputs))
