"""Typed variables: what random diagrams may stand for a letter in a law.

A variable is declared by its type, as in a paper: ``morphism("A -> B")``. Names of types bind
from left to right: a name seen first in a domain stands for a random type, a name seen first in a
codomain for whatever the drawn diagram ends in, and a name seen before for what it stood for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ncd.construct import generators
from ncd.construct.trace import Wire, trace
from ncd.core.array import Array
from ncd.core.category import Diagram, Ty
from ncd.ops.source import Constant
from theory import families
from theory.random import Sampler


@dataclass(frozen=True)
class Variable:
    """What may stand for a letter.

    Attributes:
        type: Its type, for the reader.
        draw: Makes a random one from a sampler and what was drawn before it.
        cases: Where it ranges over a finite list, that list; then every case is tried.
    """

    type: str
    draw: Callable[[Sampler, dict], object]
    cases: tuple = ()


# -- diagrams -------------------------------------------------------------------------
def diagram(s: Sampler, dom: Ty, pool: Sequence[families.Family], cod: Ty | None = None,
            last: families.Family | None = None, most: int = 4, width: int | None = None) -> Diagram:
    """A random diagram of operations from a pool of families.

    Parameters:
        cod: Its codomain; where None, a few of the wires made, some of them twice.
        last: A family whose operation every float output depends on.
    """
    def body(*inputs: Wire):
        wires = list(inputs)
        if not wires and families.source in pool:
            wires += families.source(s, [])
        for _ in range(s.random.randint(1, most)):
            wires += [made for made in s.choose(pool)(s, wires) if s.small(made.type)]
        if last is not None:
            wires += last(s, wires)
        if cod is not None:
            return [towards(s, wires, target) for target in cod.inside]
        count = s.choose([0, *(3 * [1, 1, 2, 2, 3])]) if width is None else width
        outputs = [s.choose(wires[-3:] if s.chance(0.7) else wires) for _ in range(count)] if wires else []
        if pool is REINDEXING or last is not None:
            outputs[:1] = wires[-1:]
        return outputs
    return trace(body, dom.inside)


def towards(s: Sampler, wires: Sequence[Wire], target: Array) -> Wire:
    """A wire of a given type: a wire folded, repeated and transposed to it."""
    exact = [w for w in wires if w.type == target]
    if exact and s.chance(0.3):
        return s.choose(exact)
    if target.dtype != "float":
        return s.choose(exact) if exact else Constant(target.dtype == "int" and 0, target).diagram()
    wire = families.pick(s, wires)
    if wire is None:
        return Constant(s.number(), target).diagram()
    lost = [axis.label for axis in wire.type.axes if axis not in target.axes]
    if lost:
        wire = generators.reduce(s.choose(["sum", "max"]), " ".join(lost))(wire)
    wire = Diagram.arrange((wire.type,), (target,))(wire)
    return families.nonlinearity(s, [wire])[0] if s.chance(0.7) else wire


REINDEXING = (families.strict_reindexing, families.strict_reindexing, families.view, families.reorder,
              families.repetition, families.gathering)

KINDS: dict[str, Callable[[Sampler, Ty, Ty | None], Diagram]] = {
    "": lambda s, a, b: diagram(s, a, families.DETERMINISTIC, b),
    "without constants": lambda s, a, b: diagram(s, a, families.PURE, b),
    "linear": lambda s, a, b: diagram(s, a, families.LINEAR, b, most=3, width=1),
    "reindexing": lambda s, a, b: diagram(s, a, REINDEXING, b, most=3, width=1),
    "drawing keys by place": lambda s, a, b: diagram(
        s, a, families.DETERMINISTIC, b, s.choose([families.noise, families.dropout]), 2),
    "learned": lambda s, a, b: diagram(s, a, families.DETERMINISTIC, b, families.learned, 2),
    "learned, tied": lambda s, a, b: diagram(s, a, families.DETERMINISTIC, b, families.shared, 2)}


def morphism(text: str, kind: str = "", floats: bool = False, width: int | None = None) -> Variable:
    """A random diagram of a type such as ``"A, X -> B"``, of a kind of :data:`KINDS`.

    Parameters:
        floats: Whether new types have floats only.
        width: The number of arrays of a new type.
    """
    left, right = (part.replace(",", " ").split() for part in text.split("->"))

    def new(s: Sampler) -> Ty:
        return s.type(floats=floats) if width is None else Ty.of(s.array() for _ in range(width))

    def draw(s: Sampler, given: dict) -> Diagram:
        for name in left:
            given.setdefault(name, new(s))
        dom = Ty().tensor(*(given[name] for name in left))
        open_names = [name for name in right if name not in given]
        cod = None if open_names else Ty().tensor(*(given[name] for name in right))
        made = KINDS[kind](s, dom, cod)
        for name in open_names:
            given[name] = made.cod
        return made
    return Variable(f"{text}{', ' * bool(kind)}{kind}", draw)


def types(floats: bool = False) -> Variable:
    """A random type: a tuple of 0 to 3 arrays."""
    return Variable("a type", lambda s, given: s.type(floats=floats))


def array(least: int = 0, most: int = 3, labels: str = "") -> Variable:
    """A random float array."""
    def draw(s: Sampler, given: dict) -> Array:
        with s.using(labels or s.alphabet):
            return s.array(least, most)
    return Variable("an array", draw)


def axis(label: str) -> Variable:
    """An axis with a label that no random array has."""
    return Variable("an axis", lambda s, given: s.axis(label))


def position(name: str) -> Variable:
    """A position on an axis drawn before, as a number or from the end."""
    def draw(s: Sampler, given: dict):
        size = given[name].size
        return s.choose([0, s.random.randrange(s.evaluate(size)) if size.constant else 0, -1])
    return Variable(f"a position on {name}", draw)


def scalar_function(arity: int = 1) -> Variable:
    """A random function of numbers, made of several: a diagram ``(), … -> ()``."""
    def draw(s: Sampler, given: dict) -> Diagram:
        def body(*wires: Wire):
            wire = wires[0]
            for other in wires[1:]:
                wire = families.Map(s.choose(families.BINARY), (wire.type, other.type)).diagram(wire, other)
            for _ in range(s.random.randint(1, 3)):
                wire = families.nonlinearity(s, [wire])[0]
            return wire
        return trace(body, (Array(),) * arity)
    return Variable(" × ".join("ℝ" * arity) + " → ℝ, elementwise", draw)


def one_of(text: str, cases: Sequence) -> Variable:
    """A finite list; every case is tried."""
    return Variable(text, lambda s, given: s.choose(cases), tuple(cases))


def made(text: str, function: Callable[..., object]) -> Variable:
    """Anything else: a function of the sampler and, by name, of what was drawn before."""
    def draw(s: Sampler, given: dict):
        names = function.__code__.co_varnames[1:function.__code__.co_argcount]
        return function(s, *(given[name] for name in names))
    return Variable(text, draw)


def linear_map(dom_labels: str, cod_labels: str) -> Variable:
    """A random linear map between single arrays whose axes have given alphabets, disjoint from others."""
    def draw(s: Sampler, given: dict) -> Diagram:
        with s.using(dom_labels):
            dom = s.array(1, 2)
        with s.using(dom_labels + cod_labels):
            return diagram(s, Ty.of((dom,)), families.LINEAR, most=3, width=1)
    return Variable("an array to an array, linear", draw)


