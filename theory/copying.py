"""Copying and discarding: every array is a commutative comonoid, natural for what is deterministic.

A box that draws a key, or keeps a parameter, by its place is another box in another place: copying it
is not copying its result.
"""

from __future__ import annotations

from ncd.core.array import Array
from ncd.core.category import Diagram, Ty
from ncd.ops.source import Random
from theory.law import ABBOTT, FALSE, NUMERIC, TYPE, Law, theory
from theory.monoidal import id, swap
from theory.variables import Variable, morphism, types

copy, discard = Diagram.copy, Diagram.discard
ANY_TYPE = {"A": types()}


def _noise(s, given: dict) -> Diagram:
    array = s.array()
    return Random(s.choose(["uniform", "normal"]), Array((), "key"), array.axes).diagram


SAMPLED = Variable("key -> A, deterministic", _noise)

LAWS = theory(
    Law("coassociativity", r"\Delta_A ; (\Delta_A \otimes A) = \Delta_A ; (A \otimes \Delta_A)", ANY_TYPE,
        lambda A: copy(A) >> (copy(A) @ A), lambda A: copy(A) >> (A @ copy(A)), source=ABBOTT),
    Law("counit", r"\Delta_A ; (A \otimes \epsilon_A) = \mathrm{id}_A", ANY_TYPE,
        lambda A: copy(A) >> (A @ discard(A)), lambda A: id(A), source=ABBOTT),
    Law("left counit", r"\Delta_A ; (\epsilon_A \otimes A) = \mathrm{id}_A", ANY_TYPE,
        lambda A: copy(A) >> (discard(A) @ A), lambda A: id(A), source=ABBOTT),
    Law("cocommutativity", r"\Delta_A ; \sigma_{A,A} = \Delta_A", ANY_TYPE,
        lambda A: copy(A) >> swap(A, A), lambda A: copy(A), source=ABBOTT),
    Law("copy of a tensor",
        r"\Delta_{A \otimes B} = (\Delta_A \otimes \Delta_B) ; (A \otimes \sigma_{A,B} \otimes B)",
        {"A": types(), "B": types()}, lambda A, B: copy(A @ B),
        lambda A, B: (copy(A) @ copy(B)) >> (A @ swap(A, B) @ B)),
    Law("discard of a tensor", r"\epsilon_{A \otimes B} = \epsilon_A \otimes \epsilon_B",
        {"A": types(), "B": types()}, lambda A, B: discard(A @ B), lambda A, B: discard(A) @ discard(B)),
    Law("copy of the unit", r"\Delta_I = \mathrm{id}_I", {}, lambda: copy(Ty()), lambda: id(Ty())),
    Law("naturality of copy", r"f ; \Delta_B = \Delta_A ; (f \otimes f)", {"f": morphism("A -> B")},
        lambda f, B: f >> copy(B), lambda f, A: copy(A) >> (f @ f), ("f is deterministic",), ABBOTT),
    Law("naturality of discard", r"f ; \epsilon_B = \epsilon_A", {"f": morphism("A -> B")},
        lambda f, B: f >> discard(B), lambda f, A: discard(A), ("f is deterministic",), ABBOTT),
    Law("projection", r"\Delta_A ; (f \otimes g) ; (B \otimes \epsilon_C) = f",
        {"f": morphism("A -> B"), "g": morphism("A -> C")},
        lambda f, g, A, B, C: copy(A) >> (f @ g) >> (B @ discard(C)), lambda f: f, ("g is deterministic",)),
    Law("copy of a sample", r"r ; \Delta_A = \Delta_{\mathrm{key}} ; (r \otimes r)", {"r": SAMPLED},
        lambda r: r >> copy(r.cod), lambda r: copy(r.dom) >> (r @ r),
        ("the key is an input: then random numbers are a function of it",)),
    Law("copy of a tied parameter", r"f ; \Delta_B = \Delta_A ; (f \otimes f)",
        {"f": morphism("A -> B", "learned, tied")},
        lambda f, B: f >> copy(B), lambda f, A: copy(A) >> (f @ f),
        ("the parameters of f are tied: their names mean one array wherever they stand",)),
    Law("copy of a key drawn by place", r"f ; \Delta_B = \Delta_A ; (f \otimes f)",
        {"f": morphism("A -> B", "drawing keys by place")},
        lambda f, B: f >> copy(B), lambda f, A: copy(A) >> (f @ f),
        ("false: two places draw two keys",), ABBOTT, TYPE, FALSE),
    Law("copy of a parameter kept by place", r"f ; \Delta_B = \Delta_A ; (f \otimes f)",
        {"f": morphism("A -> B", "learned")},
        lambda f, B: f >> copy(B), lambda f, A: copy(A) >> (f @ f),
        ("false: two places keep two parameters",), "derived here", TYPE, FALSE),
    Law("discard of a placed box", r"(f \otimes g) ; (\epsilon_B \otimes C) = \epsilon_A \otimes g",
        {"f": morphism("A -> B", "drawing keys by place"), "g": morphism("X -> C", "learned")},
        lambda f, g, B, C: (f @ g) >> (discard(B) @ C), lambda f, g, A: discard(A) @ g,
        ("f draws keys by place: no number changes, but a place is lost, and the free category keeps it",),
        holds=NUMERIC, fails=("free",)),
    Law("every array is discarded alike", r"f ; \epsilon_B = g",
        {"f": morphism("A -> B"), "g": morphism("A -> C")},
        lambda f, B: f >> discard(B), lambda g: g, ("false",), holds=(), fails=("type", "free")),
    Law("second copy is the first", r"\Delta_A ; (f \otimes A) = \Delta_A ; (A \otimes f)",
        {"f": morphism("A -> A", floats=True)},
        lambda f, A: copy(A) >> (f @ A), lambda f, A: copy(A) >> (A @ f), ("false",),
        "derived here", TYPE, FALSE))
