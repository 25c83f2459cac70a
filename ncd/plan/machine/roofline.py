"""The roofline: time as a formula, what bounds it, and at which sizes that changes.

Williams, Waterman & Patterson 2009, "Roofline", Communications of the ACM 52(4).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

from ncd.algebra.asymptotics import limit, positive_roots
from ncd.algebra.convert import ZERO, Size, as_size, extremum
from ncd.core.argument import public
from ncd.core.op import Operation
from ncd.errors import NcdError, SizeError, escaped
from ncd.interpret.cost import cost_of, fusion
from ncd.interpret.cost.leaves import leaves
from ncd.interpret.cost.measures import quotient
from ncd.interpret.cost.meter import Meter, Total
from ncd.interpret.cost.rules import array_bytes, total_bytes
from ncd.plan.machine.machine import Machine, in_dtype, machine, width

TRAFFIC = ("unfused", "fused", "once")


class Share(NamedTuple):
    """One kind of operation in a roofline, all its runs together.

    Attributes:
        name, place: Its name, and the path of its first block.
        dtype: What it computes in.
        times: How often it runs.
        flops, bytes: All that it computes (FLOP) and moves if nothing is fused (bytes).
        compute, memory: The seconds of each alone.
        time: The larger of the two (and launching, where the machine states it).
    """

    name: str
    place: str
    dtype: str
    times: Size
    flops: Size
    bytes: Size
    compute: Size
    memory: Size
    time: Size


class Roofline:
    """The time of a diagram on a machine as a formula: what arithmetic and traffic take at least.

    It is a lower bound for programs that move the traffic that is assumed: unfused, fused in groups, or
    only what every program must move (``once``).

    Equation:  time = max(Σ flops / peak, bytes / bandwidth)
    Attributes (exact sizes; ``.sympy`` of each is the SymPy expression):
        flops: Arithmetic (FLOP); transcendental calls are not in it.
        bytes: What device memory is read and written (bytes), by ``traffic``.
        compute, memory: The seconds of arithmetic alone and of traffic alone, Σ flops / peak and
            bytes / bandwidth.
        time: Seconds if both overlap wholly, the maximum of the sums: one big kernel.
        time_by_operation: Seconds if each operation is a kernel of its own, the sum of the maxima
            (and of launching each, where the machine states it). It is at least ``time`` unfused.
        intensity: FLOP/byte of the diagram.
        ridge: FLOP/byte of the machine, peak / bandwidth: a diagram below it is bound by memory. With
            several dtypes the peak is their weighted harmonic mean.
    """

    def __init__(self, cost, machine: Machine, dtype, traffic):
        self.diagram, self.machine, self.traffic = cost.diagram, machine, traffic
        self._cost, self._dtype = cost, dtype

    @cached_property
    def shares(self) -> list[Share]:
        """Each distinct operation with its part, in order of first appearance."""
        pick = self._dtype if callable(self._dtype) else lambda op: self._dtype
        bandwidth, meters, found = self.machine.bandwidth(), {}, {}
        table, convention = self._cost.meter.table, self._cost.convention
        times: dict[tuple[Operation, str, tuple], list] = {}
        for op, count, place, nodes in leaves(self._cost.meter, self.diagram):
            less = self._cost.less((ZERO,) * 5, nodes)          # what masks leave out here, below 0
            times.setdefault((op, pick(op), less), [place, Total()])[1].add(count)
        for (op, dtype, less), (place, total) in times.items():
            if dtype not in meters:
                meters[dtype] = Meter(table, in_dtype(convention, dtype))
            flops, _, reads, writes, _ = meters[dtype].sums(op)
            flops = flops + less[0]
            if not (flops.terms or reads.terms or writes.terms):
                continue
            one = (flops / self.machine.flops(dtype), (reads + writes) / bandwidth)
            count, start = total.size, self.machine.launch or 0
            found[op, dtype, less] = Share(
                op.name, place, dtype, count, flops * count, (reads + writes) * count,
                one[0] * count, one[1] * count, (extremum("max", one) + start) * count)
        return list(found.values())

    def _sum(self, name: str) -> Size:
        total = Total()
        for share in self.shares:
            total.add(getattr(share, name))
        return total.size * 1           # fractions that became whole are numbers again

    @cached_property
    def flops(self) -> Size:
        return self._sum("flops")

    @cached_property
    def compute(self) -> Size:
        return self._sum("compute")

    @cached_property
    def bytes(self) -> Size:
        if self.traffic == "unfused":
            return self._sum("bytes")
        if self.traffic == "once":
            return self._once()
        if self.traffic == "fused":
            return self._fused()
        kept = getattr(self.traffic, "dtype", self._dtype)
        if kept != self._dtype:
            raise NcdError("the traffic is of another dtype", have=kept, want=str(self._dtype))
        return as_size(getattr(self.traffic, "bytes", self.traffic))

    def _convention(self):
        """The bytes of an element, where all floats have one dtype."""
        if callable(self._dtype):
            raise NcdError(f"{self.traffic} traffic is of one dtype", why="wires have no dtype of their own",
                           mend='give the bytes, traffic="4*x*k", or one dtype')
        return in_dtype(self._cost.convention, self._dtype)

    def _fused(self) -> Size:
        """What groups of producers and consumers read and write."""
        meter = Meter(self._cost.meter.table, self._convention())
        meter.measure(self.diagram)
        return sum(fusion.traffic(meter, self.diagram), ZERO)

    def _once(self) -> Size:
        """Every input and parameter read once, every output written once: none can move less."""
        convention = self._convention()
        graph, total = self.diagram.graph, Total()
        for slot in self._cost.slots.values():
            total.add(array_bytes(slot.array, convention))
        read = [array for wire, array in enumerate(graph.inputs) if graph.last_use[wire] >= 0]
        total.add(total_bytes(tuple(read), convention))
        total.add(total_bytes(tuple(graph.types[wire] for wire in graph.outputs), convention))
        return total.size

    @cached_property
    def memory(self) -> Size:
        return self.bytes / self.machine.bandwidth()

    @cached_property
    def time(self) -> Size:
        return extremum("max", (self.compute, self.memory))

    @cached_property
    def time_by_operation(self) -> Size:
        return self._sum("time")

    @property
    def intensity(self) -> Size:
        return self.flops / self.bytes

    @cached_property
    def ridge(self) -> Size:
        if not callable(self._dtype):
            return Size.number(Fraction(self.machine.flops(self._dtype)) / self.machine.bandwidth())
        if not self.flops.terms:
            raise SizeError("no ridge point of several dtypes without arithmetic")
        return self.flops / self.compute / self.machine.bandwidth()

    def evaluate(self, **sizes) -> dict[str, int | float]:
        """The times, the FLOPs, the bytes and the intensity (nan where nothing moves) as numbers.

        Raises:
            SizeError: A size that they depend on is not given; an axis is not positive at those.
        """
        numbers = self._cost.sized(sizes)
        names = ("flops", "bytes", "compute", "memory", "time", "time_by_operation", "ridge")
        found = {name: getattr(self, name).evaluate(numbers) for name in names}
        return found | {"intensity": quotient(found["flops"], found["bytes"])}

    def bound(self, **sizes) -> str:
        """What takes longer at given sizes, ``"compute"`` or ``"memory"``; infinite sizes are limits.

        Raises:
            SizeError: A size that it depends on is not given.
        """
        return "compute" if self._excess(sizes) >= 0 else "memory"

    def _excess(self, sizes: Mapping) -> int | float:
        # The sign of leading terms is that of their coefficient: what goes to infinity may be 1.
        ones = {name: 1 for name, value in sizes.items() if value == math.inf}
        return self._difference(sizes).evaluate(ones)

    def _difference(self, sizes: Mapping) -> Size:
        """Compute − memory at given sizes; the leading terms along those that go to infinity."""
        endless = [name for name, value in sizes.items() if value == math.inf]
        known = {name: as_size(value) for name, value in sizes.items() if name not in endless}
        # A size that is given by others is so at their numbers.
        numbers = {name: value for name, value in known.items() if value.constant is not None}
        found = (self.compute - self.memory).substitute(
            {name: value.substitute(numbers) for name, value in known.items()})
        for name in endless:
            found = limit(found, name)
        return found

    def boundary(self, axis: str, **sizes) -> list:
        """The values of one size at which compute and memory take equally long.

        Parameters:
            sizes: Values of others: numbers, or ``math.inf`` for the limit; those not given stay
                symbols.
        Returns exact SymPy expressions, smallest first; floats where there is no closed form, as
        through a floor.
        Raises:    SizeError where neither depends on the size, and where there is no closed form and not
                   every other size is given.

        >>> from ncd.construct.notation import einsum
        >>> found = roofline(einsum("b m, m n -> b n").cost(), "h100")
        >>> found.boundary("b", m=float("inf"), n=float("inf"))
        [19780/67]
        >>> found.boundary("b", n="m")
        [19780*m/(67*m - 39560)]
        """
        difference = self.compute - self.memory
        if axis not in difference.symbols:
            raise SizeError(f"neither compute nor memory depends on {axis}",
                            want=", ".join(sorted(difference.symbols)) or "a diagram with symbols")
        if axis in sizes:
            raise SizeError(f"the size {axis} is solved for and given")
        return positive_roots(self._difference(sizes), axis)

    def regions(self, axis: str, **sizes) -> list[tuple[float, float, str]]:
        """Between which values of one size the diagram is bound by what, from 1 to infinity.

        Raises:
            SizeError: Another size is not given.

        >>> from ncd.construct.notation import einsum
        >>> for low, high, what in roofline(einsum("b m, m n -> b n").cost(), "h100").regions(
        ...         "b", m=4096, n=4096):
        ...     print(f"{low:.1f} to {high:.1f}: {what}")
        1.0 to 344.9: memory
        344.9 to inf: compute
        """
        found_at = self.boundary(axis, **sizes)
        missing = sorted({str(s) for value in found_at for s in getattr(value, "free_symbols", ())})
        if missing:
            raise SizeError(f"no value for the size {', '.join(missing)}",
                            mend=f"give it: {', '.join(f'{name}=...' for name in missing)}")
        edges = [1.0, *(float(value) for value in found_at if value > 1), float("inf")]
        found: list[tuple[float, float, str]] = []
        for low, high in pairwise(edges):
            inside = 2 * low if high == float("inf") else (low + high) / 2
            what = self.bound(**{**sizes, axis: inside})
            if found and found[-1][2] == what:          # touched, not crossed
                low = found.pop()[0]
            found.append((low, high, what))
        return found

    def __str__(self):
        units = {"flops": "FLOP", "bytes": "bytes", "compute": "s", "memory": "s"}
        return "\n".join(f"{name:<8}{unit:<6}{getattr(self, name)}" for name, unit in units.items())

    def __repr__(self):
        return f"<roofline of {self.diagram} on {escaped(self.machine.name)}>\n{self}"


@public
def roofline(cost, on: Machine | str, dtype: str | Callable[[Operation], str] = "bfloat16",
             traffic="unfused") -> Roofline:
    """The time of a diagram on a machine as a formula, a lower bound for the traffic assumed.

    Parameters:
        cost: A cost, or a diagram; bytes are counted again in the dtype.
        on: A :class:`Machine` or the short name of one, ``"h100"``.
        dtype: What floats are kept and computed in, or a function that says it for each operation.
        traffic: ``"unfused"``: every operation reads its inputs and writes its outputs;
            ``"fused"``: groups of producers and consumers do, see :mod:`ncd.interpret.cost.fusion`;
            ``"once"``: inputs, parameters and outputs once, the least that is possible; or bytes, as a
            size or text in the sizes of the diagram or others; or what has such an attribute
            ``bytes``, as a :class:`~ncd.plan.machine.levels.Hierarchy` has.
    Raises:    NcdError for an unknown machine, dtype or traffic.
    Source:    Williams, Waterman & Patterson 2009.

    >>> from ncd.construct.notation import einsum
    >>> found = roofline(einsum("b m, m n -> b n").cost(), "h100")
    >>> print(found.flops, "FLOP;", found.bytes, "bytes")
    2*b*m*n FLOP; 2*b*m + 2*b*n + 2*m*n bytes
    >>> found.bound(b=1, m=4096, n=4096), found.bound(b=512, m=4096, n=4096)
    ('memory', 'compute')
    """
    on = machine(on)
    if not callable(dtype):
        width(dtype)
        on.flops(dtype)
    if isinstance(traffic, str) and traffic not in TRAFFIC and not _is_size(traffic):
        raise NcdError(f"no traffic {traffic!r}", want=f"{', '.join(TRAFFIC)}, or a size in bytes")
    cost = cost_of(cost)
    return Roofline(cost, on, dtype, traffic)


def _is_size(text: str) -> bool:
    """Whether a text is a formula and not a word: a name alone is a misspelt kind of traffic."""
    return not text.isidentifier()


@public
def mixed(flops: Mapping[str, object], on: Machine | str) -> Size:
    """The rate of matrix work in several dtypes one after the other (FLOP/s).

    Equation:  Σ F_d / Σ (F_d / peak_d), the weighted harmonic mean of the peaks
    Parameters:
        flops: {dtype: FLOP}, numbers or sizes; only their ratios count.
    Raises:    NcdError for an unknown machine or dtype, or no work.

    >>> round(mixed({"float8": 1, "float16": 1}, "h100").evaluate({}) / 1e12)
    1319
    """
    on, work, seconds = machine(on), ZERO, ZERO
    for dtype, value in flops.items():
        work = work + as_size(value)
        seconds = seconds + as_size(value) / on.flops(dtype)
    if not work.terms:
        raise NcdError("no rate of no work", want="{dtype: FLOP}")
    return work / seconds
