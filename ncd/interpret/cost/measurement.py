"""A diagram measured: its exact measures, the sizes that they depend on, and their numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import cached_property

from ncd.algebra import program as formula
from ncd.algebra.convert import ZERO, Size
from ncd.algebra.numbers import numbers_of
from ncd.core.category import Diagram
from ncd.core.pause import without_collection
from ncd.errors import InputError, SizeError
from ncd.interpret.cost import fusion
from ncd.interpret.cost.convention import Convention
from ncd.interpret.cost.measures import MEASURES, RATIOS, quotient
from ncd.interpret.cost.meter import Meter, Total, longest
from ncd.interpret.cost.rules import array_bytes, total_bytes
from ncd.interpret.cost.sparsity.masking import Found, Masking, Options
from ncd.interpret.cost.sparsity.support import UNKNOWN
from ncd.interpret.derived import Derived
from ncd.interpret.interpretation import Interpretation
from ncd.traverse.places import places


class Measurement:
    """The measures of a diagram under one table and one convention; :class:`Cost` has its answers as methods.

    Attributes:
        diagram, interpretation, convention: What is measured, and by which table and convention.
        meter: What measures each distinct body once.
        body: The diagram's own sums, depths and peak.
        exact: {measure: exact size}.
        slots: {path: parameter}.
        skipped: What masks and taps discount; None where nothing is.
        known: What is known of the inputs, where something is discounted.
    """

    def __init__(self, diagram: Diagram, interpretation: Interpretation, convention: Convention,
                 partial: bool = False, taps: str = "dense", masks="dense", known: Sequence | None = None):
        self.diagram, self.convention, self.interpretation = diagram, convention, interpretation
        self.taps, self.masks, self.known = taps, masks, known
        self.meter = Meter(interpretation, convention, partial)
        self.slots, _ = places(diagram)

    @cached_property
    def body(self):
        return self.meter.measure(self.diagram)

    @cached_property
    def exact(self) -> Mapping[str, Size]:
        """Every measure as an exact size, worked out when asked for."""
        return Measures(self)

    @cached_property
    def skipped(self) -> Found | None:
        """What is not counted, where something is discounted."""
        if self.known is None:
            return None
        return Masking(self.meter, Options(self.taps == "valid", self.masks != "dense"))(
            self.diagram, self.known)

    @cached_property
    def stored_elements(self) -> Size:
        return sum((slot.array.elements for slot in self.slots.values() if slot.stored), ZERO)

    @property
    def stored(self):
        return self.stored_elements.sympy

    @property
    def masked(self) -> dict[str, Size]:
        return {} if self.skipped is None else dict(self.skipped.masks)

    def less(self, sums: tuple[Size, ...], path: tuple[int, ...]) -> tuple[Size, ...]:
        """The sums of what stands at a path of nodes, without what is not counted there."""
        saved = None if self.skipped is None else self.skipped.saved.get(path)
        if saved is None:
            return sums
        flops, calls, reads, writes, matrix = sums
        return flops - saved[0], calls - saved[1], reads, writes, matrix - saved[2]

    def like(self, diagram: Diagram, known: Sequence | None = None) -> Measurement:
        """Another diagram counted as this one is, with what is known of its inputs."""
        if self.known is not None:
            known = (*(known or ()), *[UNKNOWN] * (len(diagram.dom) - len(known or ())))
        return type(self)(diagram, self.interpretation, self.convention, self.meter.partial, self.taps,
                          self.masks, known)

    def __getattr__(self, name: str):
        if name in MEASURES:
            return self.exact[name].sympy
        if name in RATIOS:
            _, above, below = RATIOS[name]
            parts = [sum(self.exact[each].sympy for each in part) for part in (above, below)]
            return parts[0] / parts[1]
        raise AttributeError(f"a cost has no measure {name!r}: {', '.join((*MEASURES, *RATIOS))}")

    def __dir__(self):
        return [*super().__dir__(), *MEASURES, *RATIOS]

    # -- numbers -----------------------------------------------------------------
    @property
    def symbols(self) -> frozenset[str]:
        """The names of the sizes that the measures depend on."""
        return frozenset().union(*(size.symbols for size in self.exact.values()))

    @cached_property
    def _evaluator(self) -> Callable:
        return formula.compiled(dict(self.exact))

    @cached_property
    def _derived(self) -> Derived:
        """The sizes that are worked out, inside every definition too."""
        return Derived(self.diagram, lambda op: not op.primitive and op.expansion is not None)

    def sized(self, sizes: Mapping) -> dict[str, int | float]:
        """Sizes given by a user, as numbers at which every axis of the diagram is there.

        Raises:    SizeError: What is given is no size; an axis is no positive whole number at it.
        """
        return self._checked(numbers_of(sizes))

    def _checked(self, numbers: dict) -> dict:
        self._derived.check({name: size for name, size in numbers.items() if not isinstance(size, Fraction)})
        return numbers

    def evaluate(self, **sizes) -> dict:
        """Every measure as a number at given sizes, exact where it is whole.

        A size may be an array of whole numbers: the measures are arrays then.

        Raises:
            SizeError: A size that the cost depends on is not given (all are listed); one that is not
                positive; sizes at which an axis is no positive whole number.

        >>> import ncd
        >>> cost = ncd.einsum("y k, x k -> y x").cost()
        >>> cost.evaluate(y=2, k=3, x=4)["flops"]
        48
        >>> cost.evaluate(y=2, k=3, x=[4, 8, 16])["flops"].tolist()
        [48, 96, 192]
        """
        many = {name: self._numbers(name, value) for name, value in sizes.items()
                if hasattr(value, "__len__") and not isinstance(value, (str, Mapping))}
        single = numbers_of({name: value for name, value in sizes.items() if name not in many})
        numbers = self._checked(single | many)
        missing = sorted(self.symbols - set(numbers))
        if missing:
            raise SizeError(f"no value for the size {', '.join(missing)}",
                            mend=f"cost.evaluate({', '.join(f'{name}=...' for name in missing)})")
        found = self._evaluator(numbers)
        for name, (_, above, below) in RATIOS.items():
            total = sum(found[each] for each in below)
            found[name] = quotient(sum(found[each] for each in above), total)
        return found

    @staticmethod
    def _numbers(name: str, values):
        import numpy
        values = numpy.asarray(values)
        if values.dtype.kind in "iu" and values.size and values.min() <= 0:
            raise SizeError(f"{name} = {values.min()} is no size", want="positive numbers")
        return values

    @staticmethod
    def measure_names(measures) -> tuple[str, ...]:
        unknown = [name for name in measures if name not in MEASURES]
        if unknown:
            raise InputError(f"no measure {', '.join(map(repr, unknown))}", want=", ".join(MEASURES))
        return tuple(measures)


class Measures(Mapping):
    """{measure: size}; each is worked out once, when it is asked for."""

    def __init__(self, cost: Measurement):
        self.cost, self.known = cost, {}

    def __iter__(self):
        return iter(MEASURES)

    def __len__(self):
        return len(MEASURES)

    def __getitem__(self, name: str) -> Size:
        if name not in self.known:
            if name not in MEASURES:
                raise KeyError(name)
            self._work(name)
        return self.known[name]

    @without_collection
    def _work(self, name: str) -> None:
        cost, body = self.cost, self.cost.body
        flops, calls, reads, writes, matrix = cost.less(body.sums, ())
        if name.startswith("fused_"):
            self.known["fused_reads"], self.known["fused_writes"] = fusion.traffic(cost.meter, cost.diagram)
            return
        params, weights, held = Total(), Total(), Total()
        for slot in cost.slots.values():
            held.add(array_bytes(slot.array, cost.convention))
            if not slot.stored:
                params.add(slot.array.elements)
                weights.add(array_bytes(slot.array, cost.convention))
        held.add(total_bytes(cost.diagram.graph.inputs, cost.convention))
        depth = [*body.depth.values(), *(f for f in body.floor if f is not None)]
        self.known |= {
            "flops": flops, "matrix_flops": matrix, "vector_flops": flops - matrix, "transcendentals": calls,
            "params": params.size, "param_bytes": weights.size, "reads": reads, "writes": writes,
            "depth": Size(longest(depth)), "peak_memory": held.size + body.peak, "activations": body.peak}
