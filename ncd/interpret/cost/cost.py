"""The cost of a diagram as a value: its measures as formulas, as numbers, cut into parts."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ncd.core import formula
from ncd.core.argument import public
from ncd.core.category import Diagram
from ncd.core.javascript import javascript
from ncd.core.numbers import numbers_of
from ncd.core.size import ZERO, Size
from ncd.core.text import hung
from ncd.errors import InputError, SizeError
from ncd.interpret.cost import breakdown, table
from ncd.interpret.cost.convention import Convention
from ncd.interpret.cost.growth import Regimes
from ncd.interpret.cost.measure import Meter
from ncd.interpret.cost.measures import MEASURES, RATIOS, Measures, quotient
from ncd.interpret.derived import Derived
from ncd.interpret.interpretation import Interpretation
from ncd.interpret.parameter import places, shares_text

if TYPE_CHECKING:
    from ncd.interpret.cost.masking import Found
    from ncd.interpret.cost.roofline import Roofline
    from ncd.interpret.cost.training import Training


class Cost(Regimes):
    """What a diagram costs, as exact expressions in its axis sizes.

    Attributes (SymPy expressions; ``exact`` holds them as sizes):
        flops: Arithmetic operations; one multiply-add is 2 (FLOP). A strict functor to sums.
        matrix_flops: Those of contractions, sums of products, what matrix units do; strict.
        vector_flops: The others; strict.
        transcendentals: Calls of exp, log, tanh, …, counted apart; strict.
        params: Learned numbers (elements); strict where no names are tied, else lax (≤).
        param_bytes: The same in bytes.
        stored: Numbers that stand among the parameters and are not learned, as running statistics.
        reads, writes: Bytes moved if nothing is fused: every operation reads its inputs and
            writes its outputs once; views move nothing; strict.
        fused_reads, fused_writes: Bytes moved if producers and consumers are fused, see
            :mod:`ncd.interpret.cost.fusion`; at most those above, strict along ⊗ alone.
        depth: Operations on the longest path (views and sources count 0): the largest entry of a
            max-plus matrix, which is the strict functor (:attr:`depth_matrix`).
        peak_memory: Bytes live at once in the order written: inputs, parameters and
            intermediates. A property of the schedule; lax.
        activations: The same without inputs and parameters.
        intensity, fused_intensity: FLOP for each byte moved.
        parallelism: Work over depth, (flops + transcendentals)/depth: how many operations could run
            at once on average (Brent 1974).
        taps, masks: What is discounted, see :func:`ncd.interpret.cost.measure`; ``masked`` names each mask
            with how many of its entries are true.

    >>> from ncd.build.notation import einsum
    >>> einsum("y k, x k -> y x").cost().flops
    2*k*x*y
    """

    def __init__(self, diagram: Diagram, interpretation: Interpretation, convention: Convention,
                 partial: bool = False, taps: str = "dense", masks="dense", known: Sequence | None = None):
        self.diagram, self.convention, self.interpretation = diagram, convention, interpretation
        self.taps, self.masks, self._known = taps, masks, known
        self._meter = Meter(interpretation, convention, partial)
        self._slots, _ = places(diagram)

    @cached_property
    def _body(self):
        return self._meter.measure(self.diagram)

    @cached_property
    def exact(self) -> Mapping[str, Size]:
        """Every measure as an exact size, worked out when asked for."""
        return Measures(self)

    @cached_property
    def _found(self) -> Found | None:
        """What is not counted, where something is discounted."""
        if self._known is None:
            return None
        from ncd.interpret.cost.masking import Masking, Options
        return Masking(self._meter, Options(self.taps == "valid", self.masks != "dense"))(
            self.diagram, self._known)

    @cached_property
    def _stored(self) -> Size:
        return sum((slot.array.elements for slot in self._slots.values() if slot.stored), ZERO)

    @property
    def stored(self):
        return self._stored.sympy

    @property
    def masked(self) -> dict[str, Size]:
        return {} if self._found is None else dict(self._found.masks)

    def _less(self, sums: tuple[Size, ...], path: tuple[int, ...]) -> tuple[Size, ...]:
        """The sums of what stands at a path of nodes, without what is not counted there."""
        saved = None if self._found is None else self._found.saved.get(path)
        if saved is None:
            return sums
        flops, calls, reads, writes, matrix = sums
        return flops - saved[0], calls - saved[1], reads, writes, matrix - saved[2]

    def _like(self, diagram: Diagram, known: Sequence | None = None) -> Cost:
        """Another diagram counted as this one is, with what is known of its inputs."""
        if self._known is not None:
            from ncd.interpret.cost.support import UNKNOWN
            known = (*(known or ()), *[UNKNOWN] * (len(diagram.dom) - len(known or ())))
        return Cost(diagram, self.interpretation, self.convention, self._meter.partial, self.taps, self.masks,
                    known)

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

    def _sized(self, sizes: Mapping) -> dict[str, int | float]:
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

    @public
    def code(self, language: str = "python", *measures: str) -> str:
        """The formulas as the text of a program.

        Parameters:
            language: ``"python"`` (a function; its helpers ``floor``, ``maximum``, … are those of
                :mod:`ncd.core.formula`) or ``"javascript"`` (an expression in an object ``s``).
            measures: Those wanted; all in Python, the FLOPs in JavaScript, where none is named.
        Raises:    InputError: Another language, or an unknown measure.
        """
        wanted = self._named(measures or (("flops",) if language == "javascript" else tuple(MEASURES)))
        if language == "python":
            return formula.python({name: self.exact[name] for name in wanted})
        if language == "javascript" and len(wanted) == 1:
            return javascript(self.exact[wanted[0]])
        raise InputError(f"no program in {language!r} of {len(wanted)} measures",
                         want='"python", or "javascript" of one measure')

    @staticmethod
    def _named(measures) -> tuple[str, ...]:
        unknown = [name for name in measures if name not in MEASURES]
        if unknown:
            raise InputError(f"no measure {', '.join(map(repr, unknown))}", want=", ".join(MEASURES))
        return tuple(measures)

    # -- parts -------------------------------------------------------------------
    @property
    def depth_matrix(self) -> dict[tuple[int, int], object]:
        """The max-plus matrix: {(input, output): operations on the longest path}, absent if none.

        Raises:
            SizeError: More than 8 inputs; only the total depth is kept then.
        """
        if len(self.diagram.dom) > 8:
            raise SizeError("the depth matrix is kept for at most 8 inputs", have=str(self.diagram.dom))
        return {place: steps.sympy if isinstance(steps, Size) else steps
                for place, steps in self._body.depth.items()}

    def operations(self) -> list[tuple[str, str, dict[str, Size]]]:
        """Each operation in order: its name, its place, and its share of the sums."""
        self._body  # noqa: B018  (measures every body first)
        rows = []
        for node, op in enumerate(self.diagram.graph.ops):
            sums = self._less(self._meter.sums(op), (node,))
            rows.append((op.name, self.diagram.graph.places.get(node, ""),
                         dict(zip(("flops", "transcendentals", "reads", "writes"), sums))))
        return rows

    @public
    def by(self, cut: str = "block", depth: int = 1, assume: Iterable[str] | str = (),
           **sizes) -> breakdown.Cut:
        """The cost cut into rows, a list that is printed as a table; what ``ncd cost --by`` prints.

        Equation:  f = Σ rows (``"block"``, ``"operation"``);  f = Θ(nᵖ), percent ∂log f/∂log n (``"axis"``)
        Parameters:
            cut: ``"block"``: a row for each block, opened to a depth. ``"operation"``: for each kind of
                operation, through all bodies. ``"axis"``: for each axis n the power p with which each measure
                grows in it (and with sizes by how many percent where it grows by one).
            assume: Assumptions on sizes, as ``["x > 4*d"]``.
            sizes: Numbers: with them tables have numbers and shares.
        Returns:   A list of :class:`~ncd.interpret.cost.breakdown.Row` (FLOP, bytes, elements) or, by axis,
                   :class:`~ncd.interpret.cost.breakdown.AxisRow` (powers and percents, no unit).
        Raises:
            InputError: Another cut. SizeError: What is given is no size; leading terms cancel.

        >>> import ncd
        >>> ncd.zoo.residual_mlp().cost().by("axis", d=4, m=8, x=16)
        axis  size  flops     params    reads     writes    peak_memory
        d     4     1 (0.89)  1 (0.89)  1 (0.33)  1 (0.33)  1 (0.25)
        m     8     1 (0.95)  1 (0.95)  1 (0.75)  1 (0.67)  1 (0.87)
        x     16    1 (1.00)  0 (0.00)  1 (0.90)  1 (1.00)  1 (0.85)
        <BLANKLINE>
        the power with which each measure grows in the axis alone, (percent for a
        percent at these sizes)
        """
        self._body  # noqa: B018
        return breakdown.cut(self, cut, depth, assume, self._sized(sizes))

    def coverage(self):
        """What share of the operations has a rule, see :class:`~ncd.interpret.cost.coverage.Coverage`."""
        from ncd.interpret.cost.coverage import Coverage
        self._body  # noqa: B018
        return Coverage.of(self)

    @public
    def training(self, wrt: int | str | Sequence | None = None, policy: Any = "everything",
                 optimiser: Diagram | str | None = "adam") -> Training:
        """A training step: forward, backward (the derivative's diagram), optimiser.

        Parameters:
            wrt, policy: As in ``diagram.reverse``.
            optimiser: ``"sgd"``, ``"momentum"``, ``"adam"``, ``"adamw"``, a diagram of numbers
                p, g, states -> p, states (more inputs, as the step's number, are single numbers), or None.

        >>> import ncd
        >>> step = ncd.zoo.residual_mlp().cost().training()
        >>> step.forward_flops, step.backward_flops
        (4*d*m*x + 2*d*x + 2*m*x, 8*d*m*x + 3*d*x - d + 2*m*x - m)
        >>> step.kept, step.state_bytes
        (4*d*x, 16*d*m + 8*d + 8*m)
        """
        from ncd.interpret.cost.training import Training
        return Training(self, self._like, wrt, policy, optimiser)

    def roofline(self, *arguments, **options) -> Roofline:
        """The time on a machine as a formula, see :func:`ncd.interpret.cost.roofline.roofline`."""
        from ncd.interpret.cost.roofline import roofline
        return roofline(self, *arguments, **options)

    # -- pictures and texts ------------------------------------------------------
    @public
    def plot(self, axis: str, path: str | os.PathLike | None = None, measure: str = "flops", **options):
        """A measure along an axis with its regimes shaded, see :func:`ncd.interpret.cost.plot.growth`."""
        from ncd.interpret.cost.plot import growth
        return growth(self, axis, measure, path, **options)

    @public
    def table(self, by: str = "block", depth: int = 1, assume: Iterable[str] | str = (), **sizes) -> str:
        """The text of :meth:`by`: at most 80 columns, with shares where sizes are given."""
        return str(self.by(by, depth, assume, **sizes))

    def __str__(self):
        unknown = f"\n\n{self.coverage()}" if self._meter.unknown else ""
        shared = "\n".join(["", "", *hung("shared   ", text)]) if (text := shares_text(self.diagram)) else ""
        return f"{table.measures(self)}{shared}\n\n{self.by()}{unknown}"

    def __repr__(self):
        return f"<cost of {self.diagram}>\n{self}"
