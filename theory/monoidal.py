"""The symmetric monoidal category of arrays: composition, tensor and swap."""

from __future__ import annotations

from ncd.core.array import Array
from ncd.core.category import Diagram, Ty
from ncd.ops.multilinear import Reindex, affine
from ncd.ops.pointwise import Map
from ncd.ops.scalar import IDENTITY
from theory.law import ABBOTT, FALSE, NUMERIC, TYPE, Law, theory
from theory.variables import morphism, types

id, swap = Diagram.id, Diagram.swap


def explicit_identity(a: Ty) -> Diagram:
    """The identity made of operations that do nothing, one box for each array."""
    return Diagram.id(Ty()).tensor(*(_identity(array) for array in a.inside))


def _identity(array: Array) -> Diagram:
    if array.dtype == "float":
        return Map(IDENTITY, (array,)).diagram
    return Reindex(array, array.axes, tuple(affine(0, {label: 1}) for label in array.labels)).diagram


ARROWS = {"f": morphism("A -> B"), "g": morphism("B -> C"), "h": morphism("C -> D")}
SIDE_BY_SIDE = {"f": morphism("A -> B"), "g": morphism("X -> Y")}

LAWS = theory(
    Law("associativity of composition", r"(f ; g) ; h = f ; (g ; h)", ARROWS,
        lambda f, g, h: (f >> g) >> h, lambda f, g, h: f >> (g >> h), source=ABBOTT),
    Law("left unit of composition", r"\mathrm{id}_A ; f = f", {"f": morphism("A -> B")},
        lambda f, A: id(A) >> f, lambda f: f),
    Law("right unit of composition", r"f ; \mathrm{id}_B = f", {"f": morphism("A -> B")},
        lambda f, B: f >> id(B), lambda f: f),
    Law("left unit, in boxes", r"\mathsf{id}_A ; f = f", {"f": morphism("A -> B")},
        lambda f, A: explicit_identity(A) >> f, lambda f: f,
        ("the identity is drawn as boxes that do nothing",), holds=NUMERIC, fails=("free",)),
    Law("right unit, in boxes", r"f ; \mathsf{id}_B = f", {"f": morphism("A -> B")},
        lambda f, B: f >> explicit_identity(B), lambda f: f,
        ("the identity is drawn as boxes that do nothing",), holds=NUMERIC, fails=("free",)),
    Law("associativity of tensor", r"(f \otimes g) \otimes h = f \otimes (g \otimes h)",
        {**SIDE_BY_SIDE, "h": morphism("V -> W")},
        lambda f, g, h: (f @ g) @ h, lambda f, g, h: f @ (g @ h)),
    Law("unit of tensor", r"\mathrm{id}_I \otimes f = f = f \otimes \mathrm{id}_I", {"f": morphism("A -> B")},
        lambda f: id(Ty()) @ f, lambda f: f @ id(Ty())),
    Law("tensor of identities", r"\mathrm{id}_A \otimes \mathrm{id}_B = \mathrm{id}_{A \otimes B}",
        {"A": types(), "B": types()}, lambda A, B: id(A) @ id(B), lambda A, B: id(A @ B)),
    Law("interchange", r"(f \otimes g) ; (h \otimes k) = (f ; h) \otimes (g ; k)",
        {**SIDE_BY_SIDE, "h": morphism("B -> C"), "k": morphism("Y -> Z")},
        lambda f, g, h, k: (f @ g) >> (h @ k), lambda f, g, h, k: (f >> h) @ (g >> k), source=ABBOTT),
    Law("sliding", r"(f \otimes X) ; (B \otimes g) = (A \otimes g) ; (f \otimes Y)", SIDE_BY_SIDE,
        lambda f, g, X, B: (f @ X) >> (B @ g), lambda f, g, A, Y: (A @ g) >> (f @ Y)),
    Law("interchange with places", r"(f \otimes g) ; (h \otimes k) = (f ; h) \otimes (g ; k)",
        {"f": morphism("A -> B", "learned"), "g": morphism("X -> Y", "learned"),
         "h": morphism("B -> C", "drawing keys by place"), "k": morphism("Y -> Z", "learned")},
        lambda f, g, h, k: (f @ g) >> (h @ k), lambda f, g, h, k: (f >> h) @ (g >> k),
        ("the boxes keep parameters and draw keys by place",)),
    Law("naturality of swap", r"(f \otimes g) ; \sigma_{B,Y} = \sigma_{A,X} ; (g \otimes f)", SIDE_BY_SIDE,
        lambda f, g, B, Y: (f @ g) >> swap(B, Y), lambda f, g, A, X: swap(A, X) >> (g @ f)),
    Law("swap is an involution", r"\sigma_{A,B} ; \sigma_{B,A} = \mathrm{id}_{A \otimes B}",
        {"A": types(), "B": types()}, lambda A, B: swap(A, B) >> swap(B, A), lambda A, B: id(A @ B)),
    Law("hexagon", r"\sigma_{A, B \otimes C} = (\sigma_{A,B} \otimes C) ; (B \otimes \sigma_{A,C})",
        {"A": types(), "B": types(), "C": types()},
        lambda A, B, C: swap(A, B @ C), lambda A, B, C: (swap(A, B) @ C) >> (B @ swap(A, C))),
    Law("second hexagon", r"\sigma_{A \otimes B, C} = (A \otimes \sigma_{B,C}) ; (\sigma_{A,C} \otimes B)",
        {"A": types(), "B": types(), "C": types()},
        lambda A, B, C: swap(A @ B, C), lambda A, B, C: (A @ swap(B, C)) >> (swap(A, C) @ B)),
    Law("swap with the unit", r"\sigma_{A, I} = \mathrm{id}_A", {"A": types()},
        lambda A: swap(A, Ty()), lambda A: id(A)),
    Law("Yang–Baxter",
        r"(\sigma_{A,B} \otimes C) ; (B \otimes \sigma_{A,C}) ; (\sigma_{B,C} \otimes A)"
        r" = (A \otimes \sigma_{B,C}) ; (\sigma_{A,C} \otimes B) ; (C \otimes \sigma_{A,B})",
        {"A": types(), "B": types(), "C": types()},
        lambda A, B, C: (swap(A, B) @ C) >> (B @ swap(A, C)) >> (swap(B, C) @ A),
        lambda A, B, C: (A @ swap(B, C)) >> (swap(A, C) @ B) >> (C @ swap(A, B))),
    Law("composition commutes", r"f ; g = g ; f",
        {"f": morphism("A -> A", floats=True), "g": morphism("A -> A", floats=True)},
        lambda f, g: f >> g, lambda f, g: g >> f, ("false",),
        holds=TYPE, fails=FALSE),
    Law("tensor commutes", r"f \otimes g = g \otimes f",
        {"f": morphism("A -> A", floats=True), "g": morphism("A -> A", floats=True)},
        lambda f, g: f @ g, lambda f, g: g @ f, ("false: a swap is wanted on both sides",),
        holds=TYPE, fails=FALSE),
    Law("swap is an identity", r"\sigma_{A,A} = \mathrm{id}_{A \otimes A}", {"A": types()},
        lambda A: swap(A, A), lambda A: id(A @ A), ("false",),
        holds=TYPE, fails=FALSE))
