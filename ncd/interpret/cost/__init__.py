"""The functor to costs: exact formulas in the axis sizes, as SymPy expressions."""

from __future__ import annotations

from collections.abc import Mapping

from ncd.algebra.convert import Size
from ncd.core.argument import public
from ncd.core.category import Diagram
from ncd.core.op import Operation
from ncd.errors import InputError, RuleError
from ncd.interpret.cost.convention import CONVENTIONS, Convention, convention
from ncd.interpret.cost.cost import Cost
from ncd.interpret.cost.measures import MEASURES, RATIOS
from ncd.interpret.cost.rules import RULES, OperationCost, work
from ncd.interpret.cost.sparsity.options import all_used, known
from ncd.interpret.cost.sparsity.taps import FASTER
from ncd.interpret.interpretation import Interpretation

COST = Interpretation("cost", RULES, FASTER)


@public
def measure(diagram: Diagram, convention_: Convention | str | None = None,
            interpretation: Interpretation = COST, partial: bool = False, taps: str = "dense",
            masks: str | Mapping = "dense") -> Cost:
    """The cost of a diagram as formulas.

    Parameters:
        convention_: What elementwise operations count: ``"expression"`` (the default),
            ``"unit"``, ``"none"``, or a :class:`Convention`.
        interpretation: The table, ``ncd.cost`` or ``ncd.cost | {MyOperation: rule}``; a rule
            takes the operation and the convention and returns an :class:`OperationCost`.
        partial: Count what has a rule, and say what has none (:meth:`Cost.coverage`), instead of
            raising an error.
        taps: ``"dense"``, or ``"valid"``: of a convolution only the taps count that fall on the array and
            not on its padding, as libraries and XLA count them; see :mod:`ncd.interpret.cost.sparsity.taps`.
        masks: ``"dense"``; ``"skip"``: entries that a mask removes do not count; or {number of an input:
            how many entries of this mask are true}, which a mask that is an input needs. See
            :mod:`ncd.interpret.cost.sparsity.masking`. Bytes, depth and memory stay as they are.
    Raises:    RuleError: An operation without a rule; never counted as zero. InputError: A mask that is an
               input without its count; a count for what is no mask. SizeError: Taps of a kernel that is no
               number; a count that cannot be.

    >>> from ncd.construct.generators import elementwise
    >>> print(measure(elementwise("sigmoid").on("x")).exact["flops"])
    3*x
    >>> from ncd import nn
    >>> causal = nn.self_attention("x m", "h", "k", mask="causal")
    >>> for masks in ("dense", "skip"):
    ...     print(measure(causal, masks=masks).part("attention", "matrix_flops"))
    4*h*k*x**2
    2*h*k*x**2 + 2*h*k*x
    """
    diagram = getattr(diagram, "diagram", diagram)
    made = Cost(diagram, interpretation, convention(convention_), partial, taps, masks,
                known(diagram, taps, masks))
    made.body  # noqa: B018  (a missing rule is an error now, not when a measure is read)
    if made.skipped is not None:
        all_used(masks, made.skipped.used)
    return made


@public
def cost_of(given: Cost | Diagram | Operation) -> Cost:
    """A cost as it is; that of a diagram or an operation.

    Raises:    InputError: Something else.
    """
    if isinstance(given, Cost):
        return given
    diagram = getattr(given, "diagram", given)
    if not isinstance(diagram, Diagram):
        raise InputError(f"{given!r:.60} is neither a cost nor a diagram",
                         mend="ncd.load(name) gives the diagram that a name means")
    return measure(diagram)


def page_costs(diagram: Diagram) -> dict:
    """What a page shows of costs: ``measures``, {name: (unit, formula)}; ``price``, a function for one
    operation's FLOPs; ``widths``, {dtype: bytes of an element}.

    No measures where an operation has no rule: a page shows a diagram that cannot be costed as well.
    """
    widths = dict(convention(None).bytes)
    try:
        found = measure(diagram)
    except RuleError:
        return {"measures": None, "price": None, "widths": widths}

    def price(op: Operation) -> Size | None:
        try:
            return measure(op.diagram).exact["flops"]
        except RuleError:
            return None
    return {"measures": {name: (unit, found.exact[name]) for name, unit in MEASURES.items()}, "price": price,
            "widths": widths}


__all__ = ["CONVENTIONS", "COST", "MEASURES", "RATIOS", "Convention", "Cost", "OperationCost", "cost_of",
           "measure", "work"]
