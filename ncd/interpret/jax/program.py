"""A diagram as a JAX function: sizes read off the inputs, parameters by place."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from ncd.algebra.numbers import as_count
from ncd.core.argument import public
from ncd.core.category import Diagram
from ncd.core.symbols import symbols
from ncd.errors import InputError
from ncd.interpret.derived import Derived
from ncd.interpret.inputs import read_sizes, require_sizes
from ncd.interpret.interpretation import Interpretation, Run
from ncd.interpret.jax.faster import FASTER
from ncd.interpret.jax.index import is_known
from ncd.interpret.jax.init import as_key
from ncd.interpret.jax.precision import STORAGE, as_integers, precisely
from ncd.interpret.jax.rules import READS, RULES, State
from ncd.interpret.jax.scalar import OVERRIDES
from ncd.interpret.positions import require_positions
from ncd.interpret.stated import stated
from ncd.ops.scalar import RELU
from ncd.traverse.places import find, places

# JAX has ½ for relu at 0; its sigmoid, gelu … have the derivative that is stated.
JAX = Interpretation("jax", precisely(stated(RULES, set(OVERRIDES) - {RELU}), READS), FASTER, storage=STORAGE)


class Compiled:
    """A diagram as a JAX function: ``run(*inputs)``, or ``run(params, *inputs)``.

    It works under ``jax.jit``, ``jax.grad``, ``jax.vmap`` and sharding as any JAX function.
    Sizes are read off the shapes and checked against the type each time it is traced.

    Raises (when called):
        InputError: A wrong number of inputs, rank, dtype or size; integers outside of what they
            index, where their values are known; all are listed. An array of NumPy that holds an
            integer beyond those of JAX.
        SizeError: A size symbol that nothing given fixes; a derived size that is no positive whole number.
    """

    def __init__(self, diagram: Diagram, interpretation: Interpretation, sizes: dict[str, int]):
        self.diagram, self.interpretation = diagram, interpretation
        self.sizes = {name: as_count(name, value) for name, value in sizes.items()}
        self.slots, self.keys = places(diagram)
        self.program = interpretation.program(diagram)
        self.symbols = symbols(diagram)
        self.derived = Derived(diagram, interpretation.opens)
        self.__name__ = getattr(diagram, "title", "diagram")

    def __repr__(self):
        arguments = ", ".join([*(["params"] if self.slots else []), *map(str, self.diagram.dom.inside)])
        return f"<JAX program ({arguments}{', key' if self.keys else ''}) -> {self.diagram.cod}>"

    def _named(self, arguments, params):
        """What holds integers that may be positions: its name, its type, its value."""
        for n, (array, value) in enumerate(zip(self.diagram.dom.inside, arguments), 1):
            yield f"input {n}", array, value
        for path, slot in self.slots.items():
            if slot.array.bound is not None:
                yield f"parameter {'/'.join(path)}", slot.array, find(params, path)

    def __call__(self, *arguments, key: Any = None):
        params = None
        if self.slots:
            if not arguments or not isinstance(arguments[0], dict):
                raise InputError("the diagram has parameters: run(params, *inputs)",
                                 want=", ".join("/".join(path) for path in self.slots),
                                 mend="params = diagram.init(key, ...)")
            params, *arguments = arguments
        if self.keys and key is None:
            raise InputError("the diagram draws random keys: run(..., key=jax.random.key(0))",
                             want=", ".join("/".join(path) for path in self.keys))
        known = read_sizes(self.diagram, arguments, self.slots, params, self.sizes)
        require_sizes(self.diagram, known, self.symbols)
        self.derived.check(known)
        require_positions(self._named(arguments, params), known, is_known)
        key = as_key(key)
        values = [value if array.dtype == "key" else as_integers(value) if array.dtype == "int"
                  else jnp.asarray(value) for value, array in zip(arguments, self.diagram.dom.inside)]
        floats = [v.dtype for v in (*values, *jax.tree.leaves(params))
                  if hasattr(v, "dtype") and jnp.issubdtype(v.dtype, jnp.floating)]
        dtype = jnp.result_type(*floats) if floats else jnp.zeros(()).dtype
        made = Run(self.interpretation, known, State(params, params, key, dtype))(self.program, values)
        made = [value if hasattr(value, "dtype") else jnp.asarray(value) for value in made]
        return made[0] if len(made) == 1 else tuple(made)


@public
def compile_diagram(diagram: Diagram, interpretation: Interpretation = JAX, **sizes: int) -> Compiled:
    """The JAX function of a diagram.

    Type:      run(*inputs), or run(params, *inputs) if it has parameters, with key= if it
               draws keys by place; returns one array, or a tuple
    Parameters:
        interpretation: The table of rules, ``ncd.jax`` or ``ncd.jax | {MyOperation: rule}``.
        sizes: Numbers for symbols that the inputs do not fix.
    Raises:    RuleError: An operation without a rule.

    >>> from ncd.construct.generators import elementwise
    >>> float(compile_diagram(elementwise("relu"))(jnp.float32(-2.0)))
    0.0
    """
    diagram = getattr(diagram, "diagram", diagram)
    return Compiled(diagram, interpretation, sizes)
