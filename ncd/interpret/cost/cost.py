"""The cost of a diagram as a value: its measures as formulas, as numbers, cut into parts."""

from __future__ import annotations

from collections.abc import Iterable

from ncd.algebra import program as formula
from ncd.algebra.convert import Size
from ncd.algebra.javascript import javascript
from ncd.core.argument import public
from ncd.core.text import hung
from ncd.errors import InputError, SizeError
from ncd.interpret.cost import breakdown, table
from ncd.interpret.cost.coverage import Coverage
from ncd.interpret.cost.growth import Regimes
from ncd.interpret.cost.measurement import Measurement
from ncd.interpret.cost.measures import MEASURES
from ncd.traverse.places import shares_text


class Cost(Measurement, Regimes):
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

    >>> from ncd.construct.notation import einsum
    >>> einsum("y k, x k -> y x").cost().flops
    2*k*x*y
    """

    @public
    def code(self, language: str = "python", *measures: str) -> str:
        """The formulas as the text of a program.

        Parameters:
            language: ``"python"`` (a function; its helpers ``floor``, ``maximum``, … are those of
                :mod:`ncd.algebra.program`) or ``"javascript"`` (an expression in an object ``s``).
            measures: Those wanted; all in Python, the FLOPs in JavaScript, where none is named.
        Raises:    InputError: Another language, or an unknown measure.
        """
        wanted = self.measure_names(measures or (("flops",) if language == "javascript" else tuple(MEASURES)))
        if language == "python":
            return formula.python({name: self.exact[name] for name in wanted})
        if language == "javascript" and len(wanted) == 1:
            return javascript(self.exact[wanted[0]])
        raise InputError(f"no program in {language!r} of {len(wanted)} measures",
                         want='"python", or "javascript" of one measure')

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
                for place, steps in self.body.depth.items()}

    def operations(self) -> list[tuple[str, str, dict[str, Size]]]:
        """Each operation in order: its name, its place, and its share of the sums."""
        self.body  # noqa: B018  (measures every body first)
        rows = []
        for node, op in enumerate(self.diagram.graph.ops):
            sums = self.less(self.meter.sums(op), (node,))
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
        self.body  # noqa: B018
        return breakdown.cut(self, cut, depth, assume, self.sized(sizes))

    def coverage(self) -> Coverage:
        """What share of the operations has a rule, see :class:`~ncd.interpret.cost.coverage.Coverage`."""
        self.body  # noqa: B018
        return Coverage.of(self)

    # -- pictures and texts ------------------------------------------------------
    @public
    def table(self, by: str = "block", depth: int = 1, assume: Iterable[str] | str = (), **sizes) -> str:
        """The text of :meth:`by`: at most 80 columns, with shares where sizes are given."""
        return str(self.by(by, depth, assume, **sizes))

    def __str__(self):
        unknown = f"\n\n{self.coverage()}" if self.meter.unknown else ""
        shared = "\n".join(["", "", *hung("shared   ", text)]) if (text := shares_text(self.diagram)) else ""
        return f"{table.measures(self)}{shared}\n\n{self.by()}{unknown}"

    def __repr__(self):
        return f"<cost of {self.diagram}>\n{self}"
