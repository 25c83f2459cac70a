"""Differentiation: the functors J (forward) and R (reverse) on diagrams, and the transpose that joins them.

J sends f : A → B to (x, v) ↦ (f x, ∂f[x] v), R sends it to (x, w) ↦ wᵀ ∂f[x], with ∂f[x] linear. Each
law is about the diagrams that the derivative makes; the values are compared as everywhere.
"""

from __future__ import annotations

from ncd.construct.trace import trace
from ncd.core.array import Array
from ncd.core.axis import Axis
from ncd.core.category import Diagram, Ty
from ncd.interpret.derivative import Policy
from ncd.nn.convolution import convolution
from ncd.nn.normalise import layer_norm, rms_norm
from ncd.nn.softmax import log_softmax, logsumexp, softmax
from ncd.ops import scalar
from ncd.ops.monoid import SUM
from ncd.ops.pointwise import Map, Reduce
from ncd.ops.source import Constant
from theory import families
from theory.law import FALSE, NUMERIC, TYPE, Law, theory
from theory.linear import join
from theory.monoidal import id
from theory.random import Sampler
from theory.variables import Variable, array, diagram, made, one_of

RADUL = "Radul et al. 2023, arXiv 2204.10923"
CARTESIAN = "Cockett et al. 2020, Reverse derivative categories, arXiv 1910.07065"
SMOOTH = tuple(family for family in families.PURE if family is not families.stopped)


# -- the functors ---------------------------------------------------------------------
def reverse(f: Diagram, **options) -> Diagram:
    """R f : A ⊗ B → A."""
    return f.reverse(**options).composite


def forward(f: Diagram) -> Diagram:
    """J f : A ⊗ A → B ⊗ B."""
    return f.forward()


def pushed(f: Diagram) -> Diagram:
    """∂f : A ⊗ A → B, the tangent alone."""
    return forward(f) >> Diagram.discard(f.cod) @ f.cod


# -- variables ------------------------------------------------------------------------
def floats(d: Diagram) -> Diagram:
    """The diagram with its float results only, its first input where it has none."""
    kept = [n for n, a in enumerate(d.cod.inside) if a.dtype == "float"]
    return d >> Diagram.wiring(d.cod, kept) if kept else Diagram.wiring(d.dom, [0])


def source(s: Sampler) -> Ty:
    """One to three float arrays."""
    return Ty.of(s.array() for _ in range(s.random.randint(1, 3)))


def from_any(pool=families.DETERMINISTIC, most: int = 3):
    """A variable: a diagram of float arrays."""
    return made("A → B, floats", lambda s: floats(diagram(s, source(s), pool, most=most)))


def after(name: str, pool=families.DETERMINISTIC):
    """A variable: a diagram from the codomain of another, or from one array where that has none."""
    return Variable("B → C, floats", lambda s, given: floats(diagram(s, given[name].cod, pool, most=3)))


def between_arrays(pool=families.LINEAR):
    """A variable: a diagram from one array to one array."""
    return made("an array to an array", lambda s: floats(
        diagram(s, Ty.of((s.array(),)), pool, most=3, width=1)))


def to_scalar(s: Sampler) -> Diagram:
    """A smooth function of one array to a number."""
    f = floats(diagram(s, Ty.of((s.array(1, 2),)), SMOOTH, most=3, width=1))
    total = Reduce(SUM, f.cod.inside[0], f.cod.inside[0].labels).diagram
    return f >> Map(scalar.SIN, f.cod.inside).diagram >> total


# -- composites -----------------------------------------------------------------------
def chain(f: Diagram, g: Diagram) -> Diagram:
    """x, w ↦ Rf(x, Rg(f x, w))."""
    a, c = id(f.dom), id(g.cod)
    return (Diagram.copy(f.dom) @ c) >> (a @ f @ c) >> (a @ reverse(g)) >> reverse(f)


def wrong_chain(f: Diagram, g: Diagram) -> Diagram:
    """x, w ↦ Rf(x, Rg(0, w)): the middle value not kept."""
    a, c = id(f.dom), id(g.cod)
    zero = id(Ty()).tensor(*(Constant(0.0, b).diagram for b in f.cod.inside))
    return (a @ zero @ c) >> (a @ reverse(g)) >> reverse(f)


def chain_forward(f: Diagram, g: Diagram) -> Diagram:
    return forward(f) >> forward(g)


def side_by_side(f: Diagram, g: Diagram) -> Diagram:
    """Rf ⊗ Rg with its wires sorted: inputs first, then cotangents."""
    dom = f.dom @ g.dom @ f.cod @ g.cod
    n, m, k = len(f.dom), len(g.dom), len(f.cod)
    order = [*range(n), *range(n + m, n + m + k), *range(n, n + m), *range(n + m + k, len(dom))]
    return Diagram.permutation(order, dom) >> reverse(f) @ reverse(g)


def dot(a: Array) -> Diagram:
    return join(a, a, out=Array())


def pairing(f: Diagram) -> Diagram:
    """x, v, w ↦ ⟨w, ∂f[x] v⟩."""
    b = f.cod
    return (pushed(f) @ b) >> dot(b.inside[0])


def pairing_reversed(f: Diagram) -> Diagram:
    """x, v, w ↦ ⟨Rf(x, w), v⟩."""
    a, b = f.dom, f.cod
    swap = Diagram.swap(a, b)
    return (id(a) @ swap) >> (reverse(f) @ a) >> dot(a.inside[0])


def own_derivative(F: Diagram) -> Diagram:
    """x, v ↦ F x, F v."""
    return F @ F


def added(A: Array, n: int) -> Diagram:
    """x, w₁ … w_n ↦ w₁ + … + w_n, which is 0 for n = 0."""
    def body(x, *ws):
        if not ws:
            return Constant(0.0, A).diagram()
        total = ws[0]
        for w in ws[1:]:
            total = total + w
        return total
    return trace(body, (A,) * (n + 1))


def lifted_reverse(f: Diagram, axis: Axis) -> Diagram:
    return reverse(f).lift(str(axis))


def reverse_of_lift(f: Diagram, axis: Axis) -> Diagram:
    return reverse(f.lift(str(axis)))


def shared(f: Diagram, axis: Axis) -> Diagram:
    """f on a first array that every index of an axis shares."""
    a, *rest = f.dom.inside
    wide = [b.with_axes((axis, *b.axes)) for b in rest]
    spread = Diagram.arrange((a,), (a.with_axes((axis, *a.axes)),))
    return (spread @ id(Ty.of(wide))) >> f.lift(str(axis))


def summed_reverse(f: Diagram, axis: Axis) -> Diagram:
    """x, x_p, w_p ↦ (Σ_p R₁f(x, x_p, w_p), R₂f(x, x_p, w_p))."""
    a, *rest = f.dom.inside
    first = a.with_axes((axis, *a.axes))
    wide = [b.with_axes((axis, *b.axes)) for b in (*rest, *f.cod.inside)]
    spread = Diagram.arrange((a,), (first,)) @ id(Ty.of(wide))
    total = Reduce(SUM, first, (axis.label,)).diagram
    others = id(Ty.of(b.with_axes((axis, *b.axes)) for b in rest))
    return spread >> reverse(f).lift(str(axis)) >> (total @ others)


def second(f: Diagram, swapped: bool) -> Diagram:
    """x, u, v ↦ ⟨u, ∂(∇f)[x] v⟩, or with u and v changed."""
    a = f.dom
    order = [2, 0, 1] if swapped else [1, 0, 2]
    return Diagram.permutation(order, a @ a @ a) >> (id(a) @ f.hessian_vector()) >> dot(a.inside[0])


OVERRIDDEN = [
    softmax("x").on("b x"), softmax("x y").on("y x"), log_softmax("x").on("x b"), logsumexp("x").on("b x y"),
    layer_norm("m", scale=False, shift=False).on("x m"), rms_norm("m", scale=False).on("m x"),
    convolution("x", "c -> e", kernel=2, stride=2, padding=1, bias=False).on("x c"),
    convolution("x", "c -> e", kernel=3, transpose=True, bias=False).on("b x c")]
POLICIES = ["nothing", "contractions", "blocks", Policy(scan="recompute"), Policy(lambda op: False)]

F_THEN_G = {"f": from_any(), "g": after("f")}
BESIDE = {"f": from_any(), "g": from_any()}
MAP = {"f": from_any()}
LINEAR = {"F": between_arrays()}
LIFTED = {"f": from_any(families.PURE, most=3), "axis": made("an axis", lambda s: Axis("z", 3))}
SHARED = {**LIFTED, "f": made("A, … → B, floats", lambda s: floats(diagram(
    s, Ty.of((s.array(), s.array())), families.PURE, most=3)))}
NONLINEAR = made("an elementwise map", lambda s: diagram(
    s, Ty.of((s.array(1),)), (families.nonlinearity,), width=1))
LINEAR_PAIR = {"F": between_arrays(), "G": made("an array to an array", lambda s, F: diagram(
    s, F.cod, families.LINEAR, most=3, width=1))}
CHAIN = r"R(f ; g)(x, w) = R f(x, R g(f x, w))"
ITSELF = r"\partial F[x]\,v = F v"

LAWS = theory(
    Law("chain rule, reverse", CHAIN, F_THEN_G,
        lambda f, g: reverse(f >> g), chain, (), CARTESIAN, NUMERIC),
    Law("chain rule without the middle value", r"R(f ; g)(x, w) = R f(x, R g(0, w))", F_THEN_G,
        lambda f, g: reverse(f >> g), wrong_chain, ("false unless g is linear",), "derived here",
        TYPE, FALSE),
    Law("chain rule, forward", r"J(f ; g) = J f ; J g", F_THEN_G,
        lambda f, g: forward(f >> g), chain_forward, (), CARTESIAN, NUMERIC),
    Law("reverse of a tensor", r"R(f \otimes g) = R f \otimes R g", BESIDE,
        lambda f, g: reverse(f @ g), side_by_side, ("up to the order of the wires",), CARTESIAN, NUMERIC),
    Law("reverse of the identity", r"R(\mathrm{id})(x, w) = w", {"A": array()},
        lambda A: reverse(id(Ty.of((A,)))), lambda A: added(A, 1), (), CARTESIAN,
        ("type", "free", "reference", "jax")),
    Law("reverse of copy is add", r"R(\mathrm{copy}_n)(x, w_1 \dots w_n) = w_1 + \dots + w_n",
        {"A": array(), "n": one_of("2, 3", (2, 3))},
        lambda A, n: reverse(Diagram.copy(Ty.of((A,)), n)), added, (), CARTESIAN, NUMERIC),
    Law("reverse of discard is zero", r"R(\mathrm{discard})(x) = 0", {"A": array()},
        lambda A: reverse(Diagram.discard(Ty.of((A,)))), lambda A: added(A, 0), (), CARTESIAN,
        ("type", "free", "reference", "jax")),
    Law("reverse of add is copy", r"R(\mathrm{add})(x, y, w) = (w, w)", {"A": array()},
        lambda A: reverse(Map(scalar.ADD, (A, A)).diagram),
        lambda A: Diagram.wiring(Ty.of((A, A, A)), [2, 2]), (), CARTESIAN,
        ("type", "free", "reference", "jax")),
    Law("reverse is the transpose of forward",
        r"\langle w, \partial f[x]\,v \rangle = \langle R f(x, w), v \rangle",
        {"f": between_arrays(SMOOTH)}, pairing, pairing_reversed, (), RADUL, NUMERIC, ("free",)),
    Law("a linear map is its own derivative", ITSELF, LINEAR,
        lambda F: forward(F), own_derivative, ("F is linear",), CARTESIAN, NUMERIC),
    Law("every map is its own derivative", ITSELF, {"F": NONLINEAR},
        lambda F: forward(F), own_derivative, ("false unless F is linear",), "derived here", TYPE, FALSE),
    Law("reverse of a linear map is its transpose", r"R F(x, w) = F^{\mathsf T} w", LINEAR,
        lambda F: reverse(F), lambda F: Diagram.discard(F.dom) @ F.transpose(),
        ("F is linear",), RADUL, NUMERIC),
    Law("transpose of a transpose", r"(F^{\mathsf T})^{\mathsf T} = F", LINEAR,
        lambda F: F.transpose().transpose(), lambda F: F, ("F is linear",), RADUL, NUMERIC),
    Law("transpose of a composite", r"(F ; G)^{\mathsf T} = G^{\mathsf T} ; F^{\mathsf T}", LINEAR_PAIR,
        lambda F, G: (F >> G).transpose(), lambda F, G: G.transpose() >> F.transpose(),
        ("F and G are linear",), RADUL, NUMERIC),
    Law("reverse of a lift", r"R(p\,f) = p\,R f", LIFTED,
        reverse_of_lift, lifted_reverse, (), "derived here", NUMERIC),
    Law("an input that is not lifted is summed over",
        r"R(p\,f)(x, y_p, w_p) = (\textstyle\sum_p R_1 f(x, y_p, w_p),"
        r" R_2 f(x, y_p, w_p))", SHARED,
        lambda f, axis: reverse(shared(f, axis)), summed_reverse, (), "derived here", NUMERIC, ("free",)),
    Law("second derivatives are symmetric", r"\langle u, \partial(\nabla f)[x]\,v \rangle"
        r" = \langle v, \partial(\nabla f)[x]\,u \rangle", {"f": made("A → ℝ, smooth", to_scalar)},
        lambda f: second(f, False), lambda f: second(f, True), ("f is smooth at x",),
        "Schwarz's theorem", NUMERIC, ("free",)),
    Law("what is kept does not matter", r"R_{\text{policy}} f = R f",
        {"f": from_any(), "policy": one_of("a policy", POLICIES)},
        lambda f, policy: reverse(f, policy=policy), lambda f, policy: reverse(f), (),
        "derived here", NUMERIC),
    Law("an override is what the definition gives", r"R_{\text{override}} f = R_{\text{derived}} f",
        {"f": one_of("softmax, a norm, a convolution", OVERRIDDEN)},
        lambda f: reverse(f), lambda f: reverse(f, faster=False), (), "derived here", NUMERIC, ("free",)))
