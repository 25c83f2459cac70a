"""Alignment: arrays meet by the labels of their axes, and what has more axes is broadcast over.

Calling a diagram on more axes lifts it; composing lifts what stands on the right.
"""

from __future__ import annotations

from ncd.construct import generators
from ncd.construct.notation import einsum
from ncd.construct.trace import trace
from ncd.core.array import Array
from ncd.core.axis import Axis
from ncd.core.category import Diagram, Ty
from ncd.nn.stochastic import dropout
from theory import families
from theory.broadcasting import each, lift, lifted
from theory.law import ABBOTT, FALSE, NUMERIC, TYPE, Law, theory
from theory.variables import Variable, array, axis, diagram, made, morphism, scalar_function


def in_front(f: Diagram, cod: Ty) -> Diagram:
    """The results with the lifted axis in front; repeated along it where they lack it."""
    return f >> Diagram.arrange(f.cod.inside, cod.inside)


def repeated(x: Array, p: Axis) -> Diagram:
    return Diagram.arrange((x,), (x.with_axes((p, *x.axes)),))


def called_on_more(f: Diagram, p: Axis, A: Ty, X: Ty, B: Ty) -> Diagram:
    """f on inputs of which the first have the axis p."""
    return in_front(f.on(lifted(A, p) @ X), lifted(B, p))


def repeated_and_lifted(f: Diagram, p: Axis, A: Ty, X: Ty) -> Diagram:
    """The inputs that lack p repeated along it, and the lifted f."""
    return (lifted(A, p) @ each(X, lambda x: repeated(x, p))) >> lift(f, p)


def with_a_key(f: Diagram) -> dict[str, Variable]:
    """Variables for a diagram of an array and of one key: p stands in the array only."""
    def draw(s) -> Diagram:
        return f.on(Ty.of((s.array(1), Array((), "key"))))
    return {"p": axis("p"), "f": made("an array, a key -> an array", draw),
            "A": made("its array", lambda s, f: f.dom[:1]), "X": made("its key", lambda s, f: f.dom[1:]),
            "B": made("its codomain", lambda s, f: f.cod)}


def noise(x, key):
    """x + ε, one number for all of x."""
    return x + generators.random("normal")(key)


def inner_label(s, f: Diagram) -> str:
    """A label inside a diagram that its type does not have, if there is one."""
    ends = {label for array in (*f.dom.inside, *f.cod.inside) for label in array.labels}
    inner = sorted({label for array in f.graph.types for label in array.labels} - ends)
    return s.choose(inner or ["p"])


def relabelled(f: Diagram, p: Axis, m: str) -> Diagram:
    """f lifted over p, which is then called m."""
    made = lift(f, p)
    return made if m == p.label or not (made.dom @ made.cod) else made.rename(**{p.label: m})


def with_more(s, a: Ty, labels: str, anywhere: bool) -> Ty:
    """A type with more axes in its arrays: in front of all, or anywhere in some."""
    new = [s.axis(label) for label in s.some(labels)]
    def more(array: Array) -> Array:
        axes = [*new, *array.axes]
        if anywhere:
            axes = list(array.axes)
            for axis in s.some(new):
                axes.insert(s.random.randint(0, len(axes)), axis)
        return Array(axes)
    return Ty.of(more(array) for array in a.inside)


def aligned_composites(pool, anywhere: bool):
    """f, g, h where the codomain of each has axes that the next one's domain does not have."""
    def draw(s) -> dict[str, Diagram]:
        with s.using("abcd"):
            h = diagram(s, s.type(2, floats=True), pool, most=3)
            g = diagram(s, s.type(2, floats=True), pool, with_more(s, h.dom, "uv", anywhere), most=3)
            f = diagram(s, s.type(2, floats=True), pool, with_more(s, g.dom, "pq", anywhere), most=3)
        return {"f": f, "g": g, "h": h}
    return made("f, g, h, each with axes that the next lacks", draw)


def staged(s) -> dict[str, Diagram]:
    """An einsum of two arrays that is lifted in two stages."""
    h, tanh = einsum("b, c -> b c"), generators.elementwise("tanh")
    g = each(with_more(s, h.dom, "u", True), lambda array: tanh.on(Ty.of((array,))))
    f = each(with_more(s, g.dom, "p", True), lambda array: tanh.on(Ty.of((array,))))
    return {"f": f, "g": g, "h": h}


def left_first(d: dict) -> Diagram:
    return (d["f"] >> d["g"]) >> d["h"]


def right_first(d: dict) -> Diagram:
    return d["f"] >> (d["g"] >> d["h"])


INNER = r"f(X[p, \cdot], y) = (\mathrm{id} \otimes \mathrm{repeat}_p) ; Pf"
ASSOCIATIVE = r"(f \gg g) \gg h = f \gg (g \gg h)"

LAWS = theory(
    Law("calling on more axes is lifting", r"f(X[p, \cdot]) = Pf",
        {"p": axis("p"), "f": morphism("A -> B", "without constants")},
        lambda f, p, A: f.on(lifted(A, p)), lambda f, p: lift(f, p),
        ("the new axis stands first in every input",)),
    Law("inner broadcast", INNER,
        {"p": axis("p"), "f": morphism("A, X -> B", "without constants")},
        called_on_more, repeated_and_lifted,
        ("the new axis stands in some of the inputs only",), ABBOTT, NUMERIC),
    Law("inner broadcast of a sample", INNER, with_a_key(trace(noise, (Array(), Array((), "key")))),
        called_on_more, repeated_and_lifted, ("the key is an input: one key, one number",), holds=NUMERIC),
    Law("inner broadcast of dropout", INNER, with_a_key(dropout(0.5, explicit=True)),
        called_on_more, repeated_and_lifted,
        ("false: the mask is as large as the array that dropout is given, from one key",), "derived here",
        TYPE, FALSE),
    Law("arguments are matched by label", r"f(x, y) = f(x, \pi y)",
        {"A": array(), "f": scalar_function(2),
         "B": made("the axes of A in another order", lambda s, A: Array(s.some(A.axes, 9)))},
        lambda f, A: f.on(Ty.of((A, A))),
        lambda f, A, B: in_front((Ty.of((A,)) @ Diagram.arrange((A,), (B,))) >> f.on(Ty.of((A, B))),
                               Ty.of((A,))),
        ("f is elementwise; not by position",), ABBOTT, NUMERIC),
    Law("a lifted axis captures nothing", r"P f [p := m] = M f",
        {"p": axis("p"), "f": morphism("A -> B"), "m": made("a label inside f", inner_label)},
        lambda f, p, m: lift(f, Axis(m, p.size)), relabelled,
        ("m is a label inside f that its type does not have",), holds=NUMERIC),
    Law("associativity of aligned composition", ASSOCIATIVE, {"d": aligned_composites(families.PURE, True)},
        left_first, right_first, ("order of axes included",)),
    Law("associativity of aligned composition, in stages", ASSOCIATIVE,
        {"d": made("f, g elementwise, h an einsum of two arrays", staged)}, left_first, right_first,
        ("an einsum remembers which of its axes are lifted",)))
