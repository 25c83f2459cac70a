"""Laws: equations between diagrams as records, and the models that they are tried in.

A law is an equation l(x) = r(x) in typed variables x. A model says whether the two sides are equal
for one random instance: as types, as morphisms of the free category, or as functions of random
arrays. A law holds in a model if no instance tells the sides apart; that it fails is seen by one.
A law of cost is an equation or an inequality between formulas instead, in a model of its own.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, NamedTuple

import numpy

from ncd.algebra.convert import Size, extremum
from ncd.core.category import Diagram, Ty
from ncd.core.text import listing
from ncd.errors import NcdError
from ncd.interpret import reference
from theory.random import Sampler, parameters, values
from theory.variables import Variable

KEY = 20240205
ABBOTT = "Neural Circuit Diagrams, Abbott 2024"
NUMERIC = ("type", "reference", "jax")
"""The models of an equation between functions that the free category does not know."""
TYPE, FALSE = ("type",), ("free", "reference", "jax")
"""The models in which a false equation between diagrams of one type holds, and fails."""


class Costs(dict):
    """Sizes by name: what is measured of a diagram, a side of a law of cost.

    >>> Costs(flops=Size("2*x")) + Costs(flops=Size("y")) * 3
    {'flops': Size('2*x + 3*y')}
    """

    @property
    def symbols(self) -> frozenset[str]:
        return frozenset().union(*(size.symbols for size in self.values()))

    def map(self, function: Callable[..., Size], *others: Costs) -> Costs:
        """A function of each size, and of those of the same name in others."""
        return Costs({name: function(size, *(other[name] for other in others))
                      for name, size in self.items()})

    def __add__(self, other: Costs) -> Costs:
        return self.map(lambda a, b: a + b, other)

    def __mul__(self, factor) -> Costs:
        return self.map(lambda size: size * factor)

    def max(self, *others: Costs) -> Costs:
        """The larger one of each name."""
        return self.map(lambda *sizes: extremum("max", sizes), *others)

    def substitute(self, sizes: Mapping) -> Costs:
        return self.map(lambda size: size.substitute(sizes))

    def evaluate(self, sizes: Mapping[str, int]) -> dict:
        return {name: size.evaluate(sizes) for name, size in self.items()}

    def __str__(self):
        return "\n".join(f"  {name}: {size}" for name, size in self.items())


class Instance(NamedTuple):
    """A law with diagrams for its variables and numbers for its sizes; ``given`` is what was drawn."""

    law: Law
    seed: int
    left: Diagram | Costs
    right: Diagram | Costs
    sizes: dict[str, int]
    given: dict[str, Any]

    @property
    def inputs(self) -> list[numpy.ndarray]:
        """Random arrays for both sides, the same whenever asked for; none where they are costs."""
        return values(getattr(self.left, "dom", Ty()), self.sizes, self.seed)

    def __str__(self):
        sizes = ", ".join(f"{name} = {number}" for name, number in sorted(self.sizes.items()))
        if isinstance(self.left, Costs):
            drawn = "\n".join(f"{name} : {item}" + (
                f"\n{listing(item.graph)}" if isinstance(item, Diagram) else "")
                for name, item in self.given.items())
            return (f"{self.law.name}, seed {self.seed}\n  sizes {sizes}\n{drawn}\n"
                    f"left\n{self.left}\nright\n{self.right}")
        return (f"{self.law.name}, seed {self.seed}\n  sizes {sizes}\n"
                f"left : {self.left}\n{listing(self.left.graph)}\n"
                f"right : {self.right}\n{listing(self.right.graph)}")


class Counterexample(NamedTuple):
    """An instance whose sides differ in a model, and the two values."""

    instance: Instance
    model: str
    left: Any
    right: Any

    def __str__(self):
        return (f"in the model {self.model}: {self.instance}\n"
                f"left value\n{self.left}\nright value\n{self.right}")


@dataclass(frozen=True)
class Law:
    """An equation between two diagrams in typed variables.

    Attributes:
        name: A short name, unique among all laws.
        statement: The equation in LaTeX.
        variables: What may stand for each letter, drawn in this order.
        left, right: The two sides, functions of variables by name (and of the types they bind).
        conditions: What the equation asks of its variables, for the reader.
        source: Where it comes from.
        holds, fails: The models in which it must hold, and must be seen to fail.

    >>> from theory import LAWS, REFERENCE_MODEL
    >>> LAWS["copy of a key drawn by place"].refute(REFERENCE_MODEL, range(20)) is None
    False
    """

    name: str
    statement: str
    variables: Mapping[str, Variable]
    left: Callable[..., Diagram]
    right: Callable[..., Diagram]
    conditions: tuple[str, ...] = ()
    source: str = "derived here"
    holds: tuple[str, ...] = ("type", "free", "reference", "jax")
    fails: tuple[str, ...] = ()

    @property
    def refused(self) -> bool:
        """Whether the equation is false: kept so that it is seen to fail, beyond the free category."""
        return any(model != "free" for model in self.fails)

    @property
    def cases(self) -> int:
        """How many seeds from 0 on try every case of its finite variables."""
        count = 1
        for variable in self.variables.values():
            count *= max(1, len(variable.cases))
        return count

    def instance(self, seed: int) -> Instance:
        """The random instance of a seed."""
        sampler, given, case = Sampler(seed), {}, seed
        for name, variable in self.variables.items():
            if variable.cases:
                case, index = divmod(case, len(variable.cases))
                given[name] = variable.cases[index]
            else:
                given[name] = variable.draw(sampler, given)
        left, right = _side(self.left, given), _side(self.right, given)
        sizes = sampler.complete(left.symbols | right.symbols)
        return Instance(self, seed, left, right, sizes, given)

    def check(self, model: Model, seed: int) -> Counterexample | None:
        """A counterexample if the two sides of the seed's instance differ in the model."""
        instance = self.instance(seed)
        found = model.compare(instance)
        return None if found is None else Counterexample(instance, model.name, *found)

    def refute(self, model: Model, seeds: Iterable[int]) -> Counterexample | None:
        """The first counterexample among some seeds, or None."""
        return next((found for seed in seeds if (found := self.check(model, seed)) is not None), None)


@dataclass(frozen=True)
class CostLaw(Law):
    """An equation or an inequality between costs: each side is a function of variables to sizes by name.

    Attributes:
        relation: ``"="`` or ``"<="``, at all sizes: proved by the formulas where they show it, and tried
            at random sizes where they do not.

    >>> from theory import LAWS, MODELS
    >>> LAWS["depth of a composite adds"].refute(MODELS["cost"], range(20)) is None
    False
    """

    relation: str = "="
    holds: tuple[str, ...] = ("cost",)


def _side(function: Callable[..., Diagram], given: Mapping[str, Any]) -> Diagram:
    names = inspect.signature(function).parameters
    made = function(**{name: given[name] for name in names if name in given})
    return getattr(made, "diagram", made)


# -- models ---------------------------------------------------------------------------
@dataclass(frozen=True)
class Model:
    """A way to tell the sides of an instance apart.

    Attributes:
        name: ``"type"``, ``"free"``, ``"reference"``, ``"jax"`` or ``"cost"``.
        compare: The two values if they differ, else None.
    """

    name: str
    compare: Callable[[Instance], tuple[Any, Any] | None] = field(repr=False)


def _same_type(instance: Instance):
    left, right = str(instance.left), str(instance.right)
    same = (instance.left.dom, instance.left.cod) == (instance.right.dom, instance.right.cod)
    return None if same else (left, right)


def _same_morphism(instance: Instance):
    return None if instance.left == instance.right else (repr(instance.left), repr(instance.right))


def close(left: tuple, right: tuple, tolerance: float) -> bool:
    """Whether arrays agree up to rounding, relative to their largest entry; NaN never does."""
    if len(left) != len(right):
        return False
    for a, b in zip(left, right):
        a, b = numpy.asarray(a), numpy.asarray(b)
        if a.shape != b.shape or (a.dtype == bool) != (b.dtype == bool):
            return False
        a, b = a.astype(float), b.astype(float)
        bounded = numpy.isfinite(a) & numpy.isfinite(b)
        size = max(1.0, float(numpy.max(numpy.abs(b[bounded]), initial=0)))
        if not numpy.array_equal(a[~bounded], b[~bounded]):
            return False
        if numpy.max(numpy.abs(a[bounded] - b[bounded]), initial=0) > tolerance * size:
            return False
    return True


def _tuple(found) -> tuple:
    return found if isinstance(found, tuple) else (found,)


def reference_model(interpretation=reference.REFERENCE) -> Model:
    """Equality of functions of float64 arrays, by the NumPy reference."""
    def compare(instance: Instance):
        def run(side):
            params = parameters(side, instance.sizes, instance.seed)
            return _tuple(reference.run(side, *instance.inputs, params=params, key=KEY,
                                        interpretation=interpretation, **instance.sizes))
        left, right = run(instance.left), run(instance.right)
        return None if close(left, right, 1e-9) else (left, right)
    return Model("reference", compare)


def jax_model(interpretation=None) -> Model:
    """Equality of functions of float64 arrays, by JAX; both sides are compiled as one program."""
    def compare(instance: Instance):
        import jax
        with jax.enable_x64(True):
            found = jax.jit(_jax_sides(instance, interpretation), compiler_options=FAST)(
                _jax_inputs(instance.left.dom, instance.inputs))
            left, right = (tuple(map(_as_numpy, side)) for side in found)
        return None if close(left, right, 1e-9) else (left, right)
    return Model("jax", compare)


def _as_numpy(value) -> numpy.ndarray:
    import jax
    key = jax.numpy.issubdtype(value.dtype, jax.dtypes.prng_key)
    return numpy.asarray(jax.random.key_data(value) if key else value)


# The programs are small and run once: compile fast rather than well.
FAST = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}


def _jax_sides(instance: Instance, interpretation) -> Callable:
    sides = []
    for side in (instance.left, instance.right):
        run = side.to_jax(interpretation, **instance.sizes)
        params = parameters(side, instance.sizes, instance.seed)
        sides.append((run, () if params is None else (params,), {"key": KEY} if run.keys else {}))
    return lambda inputs: [_tuple(run(*params, *inputs, **key)) for run, params, key in sides]


def _jax_inputs(dom: Ty, inputs: list) -> list:
    import jax
    def as_key(seeds):
        words = numpy.stack([seeds >> numpy.uint64(32), seeds & numpy.uint64(2 ** 32 - 1)], -1)
        return jax.random.wrap_key_data(jax.numpy.asarray(words, "uint32"), impl="threefry2x32")
    return [as_key(value) if array.dtype == "key" else value for array, value in zip(dom.inside, inputs)]


POINTS, LARGEST = 4, 64
"""A law of cost is tried at the sizes of its instance and at so many others, up to so large."""


def _same_costs(instance: Instance):
    """The relation of a law of cost, at all sizes that are tried."""
    left, right, exactly = instance.left, instance.right, instance.law.relation == "="
    if left.keys() != right.keys():
        return left, right
    # What the formulas themselves show holds at all sizes.
    open_names = [name for name in left if left[name] != right[name]
                  and (exactly or not (right[name] - left[name]).is_nonnegative)]
    if not open_names:
        return None
    random, symbols = Random(instance.seed), sorted(left.symbols | right.symbols)
    points = [instance.sizes, *(
        {name: random.randint(1, LARGEST) for name in symbols} for _ in range(POINTS))]
    for sizes in points:
        a, b = left.evaluate(sizes), right.evaluate(sizes)
        wrong = [name for name in open_names if (a[name] != b[name] if exactly else a[name] > b[name])]
        if wrong:
            return tuple(f"{ {name: side[name] for name in wrong} } at {sizes}" for side in (a, b))
    return None


TYPE_MODEL = Model("type", _same_type)
FREE_MODEL = Model("free", _same_morphism)
REFERENCE_MODEL = reference_model()
JAX_MODEL = jax_model()
COST_MODEL = Model("cost", _same_costs)
MODELS = {model.name: model for model in (TYPE_MODEL, FREE_MODEL, REFERENCE_MODEL, JAX_MODEL, COST_MODEL)}
"""The models by name, from cheap to dear; that of costs is for :class:`CostLaw` alone."""


# -- theories -------------------------------------------------------------------------
def theory(*laws: Law) -> dict[str, Law]:
    """Laws by name.

    Raises:
        NcdError: Two laws of one name.
    """
    found: dict[str, Law] = {}
    for law in laws:
        if found.setdefault(law.name, law) is not law:
            raise NcdError(f"two laws have the name {law.name!r}")
    return found
