"""The derivatives of a diagram as diagrams: reverse (a lens), forward, gradient, Hessian-vector product."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from ncd.algebra.convert import ZERO, Size
from ncd.core.argument import public
from ncd.core.array import Array
from ncd.core.category import Diagram
from ncd.core.pause import without_collection
from ncd.errors import AxisError, InputError, NcdError, escaped
from ncd.interpret.derivative.custom import refuse_one_way
from ncd.interpret.derivative.derive import derive
from ncd.interpret.derivative.order import Ordered
from ncd.interpret.derivative.policy import Policy, PolicyLike, Wrt, as_policy
from ncd.interpret.derivative.program import Linearise, Linearised, Push, Transpose
from ncd.traverse.builder import Builder
from ncd.traverse.hoist import Hoisted, keep
from ncd.traverse.places import Path, Slot


@dataclass(frozen=True)
class Residual:
    """One wire that the forward part leaves for the backward part: what made it, and its type."""

    name: str
    array: Array

    def __str__(self):
        return f"{escaped(self.name)} : {self.array}"


@dataclass(frozen=True)
class Lens(Ordered):
    """The reverse derivative of f: dom -> cod.

    Attributes:
        forward: dom -> cod ⊗ residuals.
        backward: residuals ⊗ cotangents of cod -> cotangents of what it is differentiated in.
        composite: dom ⊗ cotangents of cod -> those cotangents: Rf(x, w) = wᵀ ∂f[x].
        residuals: What is kept between the two: its sum is the memory of the backward part.
        inputs: The positions of the inputs that it is differentiated in, in order.
        parameters: The places of the parameters that it is differentiated in, in order.
        slots: All parameters of the diagram; the composite has them, read or not.
    What a diagram can do, ``draw``, ``cost``, ``to_jax``, ``reverse`` …, the composite does.
    """

    forward: Diagram
    backward: Diagram
    residuals: tuple[Residual, ...]
    inputs: tuple[int, ...]
    parameters: tuple[Path, ...]
    slots: tuple[Slot, ...] = ()

    @cached_property
    @without_collection
    def composite(self) -> Diagram:
        results = len(self.forward.cod) - len(self.residuals)
        width, kept = len(self.forward.dom), len(self.residuals)
        rates = self.backward.dom.inside[kept:]
        build = Builder((*self.forward.dom.inside, *rates))
        wires = build.call(self.forward, range(width))[results:]
        return keep(build.finish(build.call(self.backward, [*wires, *range(width, width + len(rates))])),
                    self.slots)

    @property
    def diagram(self) -> Diagram:
        return self.composite

    @cached_property
    def residual_elements(self) -> Size:
        """How many numbers are kept."""
        return sum((residual.array.elements for residual in self.residuals), ZERO)

    def __getattr__(self, name: str):
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.composite, name)

    def __str__(self):
        return f"{self.forward}\n{self.backward}"


class _Wanted(Ordered):
    """What a diagram is differentiated in: inputs and parameters by name."""

    def __init__(self, hoisted: Hoisted, wrt):
        dom, slots = hoisted.dom, hoisted.slots
        floats = [n for n, array in enumerate(dom) if array.dtype == "float"]
        learned = [path for path, slot in slots.items() if not slot.stored]
        self.inputs: list[int] = []
        self.parameters: list[Path] = []
        if wrt is None:
            self.inputs, self.parameters = floats, learned
        else:
            for item in wrt if isinstance(wrt, (list, tuple)) else (wrt,):
                self._add(item, hoisted, floats, learned)
        if wrt is not None and not self.inputs and not self.parameters:
            raise InputError(f"wrt={wrt!r} names nothing to differentiate in",
                             want="the number of an input, the place of a parameter, "
                                  '"inputs" or "parameters"')
        if not self.inputs and not self.parameters:
            raise AxisError("there is nothing to differentiate in: no input or parameter of floats",
                            have=", ".join(map(str, dom)) or "no inputs")

    def _add(self, item, hoisted: Hoisted, floats, learned) -> None:
        if item == "inputs":
            self.inputs += [n for n in floats if n not in self.inputs]
        elif item == "parameters":
            self.parameters += [path for path in learned if path not in self.parameters]
        elif isinstance(item, int) and not isinstance(item, bool):
            self._add_input(item, hoisted)
        elif isinstance(item, str):
            self._add_parameter(tuple(item.split("/")), hoisted)
        else:
            raise InputError(f"wrt={item!r}", want='the number of an input, the place of a parameter, '
                                                   '"inputs" or "parameters"')

    def _add_input(self, number: int, hoisted: Hoisted) -> None:
        dom = hoisted.dom
        shown = [f"{n}: `{array}`" for n, array in enumerate(dom)] or "no inputs"
        if not -len(dom) <= number < len(dom):
            raise InputError(f"there is no input {number} to differentiate in", have=shown)
        number %= len(dom)
        if dom[number].dtype != "float":
            raise AxisError(f"input {number} is `{dom[number]}`: only floats have a derivative", have=shown,
                            mend="differentiate in the others, or make it float")
        if number not in self.inputs:
            self.inputs.append(number)

    def _add_parameter(self, path: Path, hoisted: Hoisted) -> None:
        found = [p for p in hoisted.slots if p[:len(path)] == path]
        if not found:
            raise InputError(f"there is no parameter at {'/'.join(path)} to differentiate in",
                             have=["/".join(p) for p in hoisted.slots] or "no parameters")
        bad = [p for p in found if hoisted.slots[p].stored]
        if bad and len(bad) == len(found):
            if hoisted.slots[bad[0]].array.dtype == "float":
                raise InputError(f"the parameter {'/'.join(bad[0])} is stored and not learned",
                                 why="no derivative reaches it",
                                 mend="differentiate in others, or learn it: parameter(..., stored=False)")
            raise AxisError(f"the parameter {'/'.join(bad[0])} is `{hoisted.slots[bad[0]].array}`: "
                            "only floats have a derivative")
        self.parameters += [p for p in found if p not in bad and p not in self.parameters]

    def positions(self, hoisted: Hoisted) -> tuple[int, ...]:
        """Their positions among the inputs of the hoisted diagram, in order."""
        order = {path: len(hoisted.dom) + n for n, path in enumerate(hoisted.slots)}
        return (*self.inputs, *(order[path] for path in self.parameters))


@public
@without_collection
def reverse(diagram: Diagram, wrt: Wrt = None, policy: PolicyLike = "everything",
            faster: bool = True) -> Lens:
    """The reverse derivative as a diagram, typed as a lens.

    Type:      dom ⊗ cod -> dom ⊗ θ (floats only): x, w ↦ wᵀ ∂f[x]
    Equation:  R(f;g)(x, w) = Rf(x, Rg(f x, w))
    Parameters:
        wrt: What to differentiate in: the number of an input, the place of a parameter (or of a block of
            them), ``"inputs"``, ``"parameters"``, or several; all floats but what is stored where it is not
            given.
        policy: What the backward part keeps, a :class:`Policy` or its ``keep``.
        faster: False uses no override of a defined operation.
    Raises:    InputError: An input or a place that does not exist. AxisError: One that is not of
               floats. RuleError: An operation without a derivative.
    Source:    Elliott 2018, The simple essence of automatic differentiation; Radul et al. 2023,
               arXiv 2204.10923, for the cut into linear parts and their transposition.

    >>> import ncd
    >>> square = ncd.diagram("x -> x")(lambda x: x * x)
    >>> lens = square.reverse()
    >>> print(lens.forward), print(lens.backward), print(lens.composite)
    x -> x, x
    x, x -> x
    x, x -> x
    (None, None, None)
    """
    diagram = getattr(diagram, "diagram", diagram)
    hoisted = Hoisted(diagram)
    wanted = _Wanted(hoisted, wrt)
    part, turned, active = _parts(hoisted, wanted, as_policy(policy), faster)
    forward, sources = _forward(hoisted, part)
    backward = _backward(hoisted, part, turned, active, sources)
    residuals = tuple(_residuals(hoisted, part, sources))
    return Lens(forward, backward, residuals, tuple(wanted.inputs), tuple(wanted.parameters),
                tuple(hoisted.slots.values()))


def _parts(hoisted: Hoisted, wanted: _Wanted, policy: Policy, faster: bool):
    active = wanted.positions(hoisted)
    width = len(hoisted.dom)
    learned = tuple(range(width, width + len(hoisted.slots)))
    part: Linearised = derive(
        Linearise("", hoisted.diagram, active, policy, (), faster, learned))
    count = len(part.sources)
    linear = tuple(range(count, count + len(active)))
    turned = derive(Transpose("", part.tangent, linear, tuple(range(len(part.active)))))
    return part, turned, active


def _forward(hoisted: Hoisted, part: Linearised):
    """dom -> cod ⊗ residuals with the parameters drawn, and which residuals those are."""
    width, learned = len(hoisted.dom), len(hoisted.slots)
    build = Builder(hoisted.dom)
    inputs = [*range(width), *hoisted.draw(build, hoisted.parameters), *hoisted.draw_keys(build)]
    made = [*inputs, *build.graph.append(part.primal.graph, inputs)]
    sources = [n for n, source in enumerate(part.sources) if not width <= source < width + learned]
    cod = made[len(inputs):len(inputs) + len(hoisted.cod)]
    return build.finish([*cod, *(made[part.sources[n]] for n in sources)]), sources


def _backward(hoisted: Hoisted, part: Linearised, turned, active, sources) -> Diagram:
    """residuals ⊗ cotangents -> cotangents; what no output depends on has the cotangent 0."""
    width = len(hoisted.dom)
    rates = [array for array in hoisted.cod if array.dtype == "float"]
    build = Builder([*(part.tangent.dom.inside[n] for n in sources), *rates])
    residuals = dict(zip(sources, range(len(sources))))
    paths = hoisted.parameters
    for n, source in enumerate(part.sources):
        if n not in residuals:
            (residuals[n],) = hoisted.draw(build, [paths[source - width]])
    smooth = [n for n, array in enumerate(hoisted.cod) if array.dtype == "float"]
    number = {n: len(sources) + k for k, n in enumerate(smooth)}
    came = [number[n] for n in part.active]
    found = dict(zip(turned.found, build.graph.append(
        turned.diagram.graph, [*(residuals[n] for n in range(len(part.sources))), *came])))
    count, types = len(part.sources), hoisted.diagram.dom.inside
    return build.finish([found[count + n] if count + n in found else build.zero(types[position])
                         for n, position in enumerate(active)])


def _residuals(hoisted: Hoisted, part: Linearised, sources):
    width, learned = len(hoisted.dom), len(hoisted.slots)
    taken: dict[str, int] = {}
    for n in sources:
        source, name = part.sources[n], part.names[n]
        if source < width:
            name = f"input {source}"
        elif source < width + learned + len(hoisted.keys):
            name = "key " + "/".join(hoisted.keys[source - width - learned].path)
        count = taken[name] = taken.get(name, 0) + 1
        yield Residual(name if count == 1 else f"{name} ({count})", part.tangent.dom.inside[n])


@public
@without_collection
def forward(diagram: Diagram, wrt: Wrt = None, faster: bool = True) -> Diagram:
    """The pushforward: values and tangents together.

    Type:      dom ⊗ dom ⊗ θ -> cod ⊗ cod (tangents of floats only): x, v ↦ f x, ∂f[x] v
    Equation:  J(f;g) = Jf ; Jg
    The diagram has ``join``, which puts the tangents of inputs and of a pytree of parameters in order.
    Parameters and raises: as for :func:`reverse`.

    >>> import ncd
    >>> print(forward(ncd.diagram("x -> x")(lambda x: x * x)))
    x, x -> x, x
    """
    diagram = getattr(diagram, "diagram", diagram)
    hoisted = Hoisted(diagram)
    wanted = _Wanted(hoisted, wrt)
    active = wanted.positions(hoisted)
    joint = derive(Push("", hoisted.diagram, active, Policy(), faster))
    refuse_one_way(Diagram.from_graph(joint.build.graph))
    types = hoisted.diagram.dom.inside
    build = Builder((*hoisted.dom, *(types[n] for n in active)))
    width = len(hoisted.dom)
    inputs = [*range(width), *hoisted.draw(build, hoisted.parameters), *hoisted.draw_keys(build)]
    place = build.append(Diagram.from_graph(joint.build.graph),
                         [*inputs, *range(width, width + len(active))])
    outputs = [place[wire] for wire in joint.outputs]
    for wire, array in zip(joint.outputs, hoisted.cod):
        if array.dtype == "float":
            rate = joint.tangent.get(wire)
            outputs.append(build.zero(array) if rate is None else place[rate])
    made = hoisted.kept(build.finish(outputs))
    made.join = wanted.join
    return made


@public
@without_collection
def gradient(diagram: Diagram, wrt: Wrt = None, value: bool = False, policy: PolicyLike = "everything",
             faster: bool = True) -> Diagram:
    """The gradient of a diagram with one scalar result.

    Type:      dom -> dom ⊗ θ (floats only), the value in front if ``value``
    The diagram keeps ``split``, which sorts the gradients into inputs and a pytree of parameters, and its
    inverse ``join``.
    Parameters and raises: as for :func:`reverse`; AxisError: The result is not a scalar.

    >>> import ncd
    >>> loss = ncd.diagram("x")(lambda x: ncd.reduce("sum", "x")(x * x))
    >>> print(gradient(loss, value=True))
    x -> (), x
    """
    diagram = getattr(diagram, "diagram", diagram)
    cod = diagram.cod.inside
    if len(cod) != 1 or cod[0].axes or cod[0].dtype != "float":
        raise AxisError("the gradient is of one scalar", have=f"`{diagram.cod}`", want="()",
                        mend="reduce the result to a scalar, or take reverse(): it weighs the results")
    lens = reverse(diagram, wrt, policy, faster)
    width = len(diagram.dom)
    made = Builder(diagram.dom.inside)
    results = made.call(lens.forward, range(width))
    from ncd.ops.source import Constant
    one = made.add(Constant(1.0, cod[0]))
    found = made.call(lens.backward, [*results[1:], one])
    product = keep(made.finish([*results[:1], *found] if value else found), lens.slots)
    product.split, product.join = lens.split, lens.join
    return product


@public
@without_collection
def vjp(diagram: Diagram, wrt: Wrt = None, policy: PolicyLike = "everything", faster: bool = True) -> Diagram:
    """The value and the pulled-back cotangents together.

    Type:      dom ⊗ cod -> cod ⊗ dom ⊗ θ (cotangents of floats only): x, w ↦ f x, wᵀ ∂f[x]
    Parameters and raises: as for :func:`reverse`.

    >>> import ncd
    >>> value, slope = vjp(ncd.diagram("() -> ()")(lambda x: x * x)).to_numpy()(3.0, 1.0)
    >>> print(value, slope)
    9.0 6.0
    """
    diagram = getattr(diagram, "diagram", diagram)
    lens = reverse(diagram, wrt, policy, faster)
    width, results = len(diagram.dom), len(diagram.cod)
    made = Builder(lens.composite.dom.inside)
    values = made.call(lens.forward, range(width))
    found = made.call(lens.backward, [*values[results:], *range(width, len(lens.composite.dom))])
    return keep(made.finish([*values[:results], *found]), lens.slots)


@public
@without_collection
def hessian_vector(diagram: Diagram, wrt: Wrt = None, faster: bool = True) -> Diagram:
    """The product of the Hessian of a scalar diagram with a vector: the pushforward of its gradient.

    Type:      dom ⊗ dom ⊗ θ -> dom ⊗ θ (floats only): x, v ↦ ∂(∇f)[x] v
    ``join`` puts a vector of inputs and of a pytree of parameters in order, ``split`` sorts the product.
    Parameters and raises: as for :func:`gradient`.

    >>> import ncd
    >>> cube = ncd.diagram("() -> ()")(lambda x: x * x * x)
    >>> float(hessian_vector(cube).to_numpy()(2.0, 1.0))
    12.0
    """
    diagram = getattr(diagram, "diagram", diagram)
    # Parameters are inputs meanwhile: the gradient reads none that the value is linear in.
    hoisted = Hoisted(diagram)
    wanted = _Wanted(hoisted, wrt)
    active = wanted.positions(hoisted)
    first = gradient(hoisted.diagram, active, faster=faster)
    made = forward(first, active, faster=faster)
    types, width = hoisted.diagram.dom.inside, len(hoisted.dom)
    build = Builder((*hoisted.dom, *(types[n] for n in active)))
    inputs = [*range(width), *hoisted.draw(build, hoisted.parameters), *hoisted.draw_keys(build)]
    found = build.call(made, [*inputs, *range(width, width + len(active))])[len(first.cod):]
    product = hoisted.kept(build.finish(found))
    product.split, product.join = wanted.split, wanted.join
    return product


@public
@without_collection
def transposed(diagram: Diagram) -> Diagram:
    """The transpose of a linear diagram.

    Type:      (inputs that are not floats) ⊗ cod -> dom (floats only), for f linear in its floats
    Equation:  ⟨w, f v⟩ = ⟨fᵀ w, v⟩; (f;g)ᵀ = gᵀ;fᵀ, copyᵀ = add
    Parameters are coefficients and stay where they are.
    Raises:    RuleError: An operation that is not linear.

    >>> import ncd
    >>> print(transposed(ncd.reduce("sum", "x").on("x y")))
    y -> x y
    """
    diagram = getattr(diagram, "diagram", diagram)
    hoisted = Hoisted(diagram)
    width, dom = len(hoisted.dom), hoisted.dom
    linear = tuple(n for n in range(width) if dom[n].dtype == "float")
    if not linear or any(array.dtype != "float" for array in hoisted.cod):
        raise NcdError("a transpose is of a map between floats", have=str(diagram))
    turned = derive(Transpose("", hoisted.diagram, linear, tuple(range(len(hoisted.cod)))))
    fixed = [n for n in range(width) if n not in linear]
    made = Builder([*(dom[n] for n in fixed), *hoisted.cod])
    inputs = [*range(len(fixed)), *hoisted.draw(made, hoisted.parameters), *hoisted.draw_keys(made)]
    found = dict(zip(turned.found, made.call(
        turned.diagram, [*inputs, *range(len(fixed), len(fixed) + len(hoisted.cod))])))
    return hoisted.kept(made.finish([found[n] if n in found else made.zero(dom[n]) for n in linear]))
