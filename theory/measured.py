"""What laws of cost are made of: measures of diagrams as sizes by name, and diagrams made of others."""

from __future__ import annotations

from ncd.algebra.convert import ZERO, Size, extremum
from ncd.core.category import Diagram, Ty
from ncd.interpret.cost import MEASURES, measure
from ncd.interpret.cost.rules import total_bytes
from ncd.ops.pointwise import Map
from ncd.ops.scalar import ADD
from theory.copying import copy, discard
from theory.law import Costs
from theory.monoidal import id

ARITHMETIC = ("flops", "matrix_flops", "vector_flops", "transcendentals")
SUMS = (*ARITHMETIC, "reads", "writes")
FUSED = ("fused_reads", "fused_writes")


def cost(f: Diagram, *names: str, convention: str | None = None) -> Costs:
    """Some measures of a diagram, all without names."""
    found = measure(f, convention).exact
    return Costs({name: found[name] for name in names or MEASURES})


def sums(f: Diagram) -> Costs:
    return cost(f, *SUMS)


def zero(*names: str) -> Costs:
    return Costs(dict.fromkeys(names, ZERO))


def memory(f: Diagram) -> Size:
    """Bytes of intermediates live at once; the inputs and the parameters are the caller's."""
    return measure(f).exact["activations"]


def peak(size: Size) -> Costs:
    return Costs(bytes=size)


def held(a: Ty) -> Size:
    """Bytes of the arrays of a type."""
    return total_bytes(a.inside, measure(id(a)).convention)


def largest(*sizes: Size) -> Size:
    return extremum("max", sizes)


# -- depth: matrices over (max, +) ------------------------------------------------------
def paths(f: Diagram) -> Costs:
    """{(input, output): longest path}; a pair without a path, where the path would be −∞, is absent."""
    return Costs({place: Size.read(steps) for place, steps in measure(f).depth_matrix.items()})


def matrix_product(left: Costs, right: Costs) -> Costs:
    """(L R)[i, k] = max_j (L[i, j] + R[j, k])."""
    found: dict[tuple[int, int], list[Size]] = {}
    for (i, j), first in left.items():
        for (middle, k), second in right.items():
            if j == middle:
                found.setdefault((i, k), []).append(first + second)
    return Costs({place: largest(*steps) for place, steps in found.items()})


def block_sum(left: Costs, right: Costs, f: Diagram) -> Costs:
    """The two matrices as blocks of one; the first is that of f."""
    rows, columns = len(f.dom), len(f.cod)
    return Costs(left | {(i + rows, j + columns): steps for (i, j), steps in right.items()})


# -- diagrams made of others -------------------------------------------------------------
def parts(made) -> Diagram:
    """Forward, then backward from what it keeps: the results are thrown away."""
    results = len(made.forward.cod) - len(made.residuals)
    B, M = made.forward.cod[:results], made.forward.cod[results:]
    rates = made.backward.dom[len(M):]
    return (made.forward @ id(rates)) >> (discard(B) @ id(M @ rates)) >> made.backward


def operations(f: Diagram) -> Size:
    """How many operations a diagram has, its blocks opened."""
    return measure(f).coverage().operations


def everything(f: Diagram) -> Costs:
    """Every measure, and the matrix of depths."""
    return Costs(cost(f) | paths(f))


def added(f: Diagram) -> Diagram:
    """(f ⊗ B) ; +, each result with an input of its type."""
    width, B = len(f.cod), f.cod
    pairs = Diagram.wiring(B @ B, [place for n in range(width) for place in (n, width + n)])
    sums_ = id(Ty()).tensor(*(Map(ADD, (array, array)).diagram for array in B.inside))
    return (f @ id(B)) >> pairs >> sums_


def kept(f: Diagram, g: Diagram, B: Ty) -> Diagram:
    """f ; Δ ; (g ⊗ B)."""
    return f >> copy(B) >> (g @ id(B))


def with_weights(f: Diagram, other: Diagram) -> Size:
    """The peak of a diagram while another's parameters are held."""
    return measure(f).exact["peak_memory"] + measure(other).exact["param_bytes"]


def fused(f: Diagram) -> tuple[Size, Size]:
    found = measure(f).exact
    return found["fused_reads"], found["fused_writes"]
