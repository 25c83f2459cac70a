"""The oracle: NumPy in float64, plain loops where that is clearest. Not a product."""

from __future__ import annotations

from typing import Any

import numpy

from ncd.core.argument import public
from ncd.core.category import Diagram
from ncd.errors import InputError, shown
from ncd.interpret.inputs import read_sizes
from ncd.interpret.interpretation import Interpretation
from ncd.interpret.positions import require_positions
from ncd.interpret.reference.rules import RULES, State
from ncd.interpret.reference.whole import refuse_wide
from ncd.traverse.places import places

REFERENCE = Interpretation("reference", RULES)


@public
def run(diagram: Diagram, *inputs, params: Any = None, key: int | None = None,
        interpretation: Interpretation = REFERENCE, **sizes: int):
    """Run a diagram in NumPy float64.

    Type:      the diagram's; one array for one output, else a tuple
    Parameters:
        inputs: Arrays or nested lists; floats are made float64, integers int64. A random key is a
            uint64 seed.
        params: Nested dictionaries by place, as ``diagram.init`` makes them.
        key: The seed of the keys drawn by place.
        sizes: Numbers for symbols that the inputs do not fix.
    Raises:    InputError: Wrong inputs, all of them listed; an integer, given or computed, that 32 bits do
               not hold: a JAX program would wrap it. SizeError: An unfixed size.
               RuleError: An operation without a rule.

    >>> from ncd.construct.generators import reduce
    >>> float(run(reduce("sum", "x"), [1.0, 2.0, 3.5]))
    6.5
    """
    diagram = getattr(diagram, "diagram", diagram)
    dom = diagram.dom.inside
    values = [_value(value, array.dtype) for value, array in zip(inputs, dom)] if \
        len(inputs) == len(dom) else inputs
    params = _float64(params)
    slots, _ = places(diagram)
    known = read_sizes(diagram, values, slots, params, sizes)
    named = [(f"input {n}", array, value) for n, (array, value) in enumerate(zip(dom, values), 1)]
    require_positions(named, known)
    found = interpretation(diagram, *values, sizes=known, state=State(params, params, key))
    return found[0] if len(found) == 1 else tuple(found)


def _value(value, dtype: str):
    """A value as an array; floats, and lists of integers where floats are wanted, as float64."""
    if dtype == "key":
        return numpy.asarray(value, numpy.uint64)
    try:
        array = numpy.asarray(value)
    except Exception:                   # a nested list of unequal lengths, or what has no entries
        raise InputError(f"{shown(value)} is not an array", want=f"an array of {dtype}s") from None
    plain = not hasattr(value, "dtype") and array.dtype.kind in "iu"
    if array.dtype.kind in "iu" and not (dtype == "float" and plain):
        refuse_wide("an input", array)
        return array.astype(numpy.int64)
    floating = array.dtype.kind == "f" or "float" in str(array.dtype)
    return array.astype(numpy.float64) if floating or (dtype == "float" and plain) else array


def _float64(tree: Any):
    if isinstance(tree, dict):
        return {name: _float64(item) for name, item in tree.items()}
    return None if tree is None else _value(tree, "float")


__all__ = ["REFERENCE", "run"]
