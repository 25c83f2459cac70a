"""Machines as values: peak rates, memory levels and links, each figure with its source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ncd.algebra.polynomial import Number, number
from ncd.core.argument import public
from ncd.errors import NcdError
from ncd.interpret.cost.convention import Convention

WIDTHS = {"float64": 8, "float32": 4, "tfloat32": 4, "bfloat16": 2, "float16": 2, "float8": 1, "int8": 1}
"""Bytes of one float of a diagram, by the dtype that it is kept in."""


def width(dtype: str) -> int:
    """Bytes of one element.

    Raises:
        NcdError: An unknown dtype (those known are listed).

    >>> width("bfloat16")
    2
    """
    if dtype not in WIDTHS:
        raise NcdError(f"no dtype {dtype!r}", want=", ".join(WIDTHS))
    return WIDTHS[dtype]


def in_dtype(convention: Convention, dtype: str) -> Convention:
    """The same convention with floats of another width.

    >>> from ncd.interpret.cost.convention import EXPRESSION
    >>> in_dtype(EXPRESSION, "float8").element_bytes("float")
    1
    """
    kinds = {**dict(convention.bytes), "float": width(dtype)}
    return Convention(f"{convention.name}, {dtype}", convention.elementwise, tuple(kinds.items()))


def in_values(convention: Convention) -> Convention:
    """The same convention with every element counted as 1: sizes in values, not bytes."""
    return Convention(f"{convention.name}, values", convention.elementwise,
                      tuple((kind, 1) for kind, _ in convention.bytes))


@dataclass(frozen=True)
class Level:
    """One level of memory.

    Parameters:
        name: ``"device"`` for the memory that every operation reads and writes if nothing is fused.
        capacity: Bytes in all (per-core memories times the cores).
        bandwidth: Bytes/s at which what lies below reads and writes it; None where no source states it.
    """

    name: str
    capacity: Number | None = None
    bandwidth: Number | None = None

    def __post_init__(self):
        _exact(self, "capacity", "bandwidth")


@dataclass(frozen=True)
class Link:
    """What connects devices.

    Parameters:
        bandwidth: Bytes/s that one device sends while it receives as much: one direction.
        latency: Seconds of one message, α; None where no source states it.
    """

    bandwidth: Number
    latency: Number | None = None

    def __post_init__(self):
        _exact(self, "bandwidth", "latency")


@dataclass(frozen=True)
class Machine:
    """A machine: what the roofline, the memory hierarchy and the collectives are evaluated on.

    Parameters:
        name: What tables call it.
        peak: FLOP/s of dense matrix work by dtype, a mapping.
        levels: Memory levels, the device memory first.
        link: What joins it to its peers, or None.
        launch: Seconds to start one operation; None where no source states it.
        sources: Where each figure stands.
    Figures that are None are left out of times, which are lower bounds then.
    Raises:    NcdError for a figure that is not positive, or no device memory.

    >>> mine = Machine("mine", {"float32": 1e12}, (Level("device", 8e9, 1e11),))
    >>> mine.flops("float32") / mine.bandwidth()
    10.0
    """

    name: str
    peak: Mapping[str, Number] | tuple
    levels: tuple[Level, ...]
    link: Link | None = None
    launch: Number | None = None
    sources: tuple[str, ...] = ()

    def __post_init__(self):
        peak = dict(self.peak)
        for dtype, rate in peak.items():
            width(dtype)
            peak[dtype] = _positive(rate, f"{self.name}'s peak of {dtype}")
        object.__setattr__(self, "peak", tuple(peak.items()))
        object.__setattr__(self, "levels", tuple(self.levels))
        object.__setattr__(self, "sources", tuple(self.sources))
        _exact(self, "launch")
        names = [level.name for level in self.levels]
        if not names or len(set(names)) < len(names):
            raise NcdError(f"the machine {self.name} wants levels of memory with names of their own",
                           have=", ".join(names) or "none", want="the device memory first")

    def flops(self, dtype: str) -> Number:
        """FLOP/s of a dtype.

        Raises:
            NcdError: The machine states none for it (those that it states are listed).
        """
        rates = dict(self.peak)
        if dtype not in rates:
            raise NcdError(f"{self.name} has no peak rate of {dtype!r}", want=", ".join(rates),
                           mend="make a machine of your own: Machine(name, {dtype: FLOP/s}, levels)")
        return rates[dtype]

    def level(self, name: str = "device") -> Level:
        """A memory level by its name.

        Raises:
            NcdError: No such level (those there are listed).
        """
        for level in self.levels:
            if level.name == name:
                return level
        raise NcdError(f"{self.name} has no memory level {name!r}",
                       want=", ".join(level.name for level in self.levels))

    def bandwidth(self, level: str | None = None) -> Number:
        """Bytes/s of a level, of the device memory if none is named.

        Raises:
            NcdError: No such level, or no source states its bandwidth.
        """
        found = self.levels[0] if level is None else self.level(level)
        if found.bandwidth is None:
            raise NcdError(f"no bandwidth of {found.name} is stated for {self.name}",
                           mend=f'machine.with_level(Level("{found.name}", bytes, bytes per second))')
        return found.bandwidth

    def with_level(self, level: Level) -> Machine:
        """The machine with one level added below the others, or replaced.

        >>> machine("h100").with_level(Level("shared", 228 * 1024 * 132, 12e12)).bandwidth("shared")
        12000000000000
        """
        names = [old.name for old in self.levels]
        levels = tuple(level if old.name == level.name else old for old in self.levels) \
            if level.name in names else (*self.levels, level)
        return replace(self, levels=levels)


def _positive(value, what: str) -> Number:
    found = number(value)
    if found <= 0:
        raise NcdError(f"{what} is not positive", have=str(value))
    return found


def _exact(record, *names: str) -> None:
    """Figures as whole numbers or fractions, so that formulas in them stay exact."""
    for name in names:
        value = getattr(record, name)
        if value is not None:
            object.__setattr__(record, name, _positive(value, name))


_KIB, _MIB = 1024, 1024 ** 2

H100 = Machine(
    "H100 SXM",
    {"float8": 1979e12, "int8": 1979e12, "float16": 989e12, "bfloat16": 989e12, "tfloat32": 494e12,
     "float32": 67e12},
    (Level("device", 80e9, 3.35e12), Level("L2", 50 * _MIB), Level("shared", 132 * 228 * _KIB),
     Level("registers", 132 * 256 * _KIB)),
    Link(450e9),
    sources=("NVIDIA H100 Tensor Core GPU datasheet, SXM: rates (half of those with sparsity), 80 GB, "
             "3.35 TB/s, NVLink 900 GB/s both directions together",
             "NVIDIA H100 Tensor Core GPU Architecture: L2 50 MB; 132 SMs, each with up to 228 KB of shared "
             "memory and 256 KB of registers"))

H200 = Machine(
    "H200 SXM", H100.peak, (Level("device", 141e9, 4.8e12), *H100.levels[1:]), Link(450e9),
    sources=("NVIDIA H200 Tensor Core GPU datasheet, SXM: rates (half of those with sparsity), 141 GB, "
             "4.8 TB/s, NVLink 900 GB/s both directions together", H100.sources[1]))

A100 = Machine(
    "A100 SXM 80GB",
    {"int8": 624e12, "float16": 312e12, "bfloat16": 312e12, "tfloat32": 156e12, "float32": 19.5e12},
    (Level("device", 80e9, 2.039e12), Level("L2", 40 * _MIB), Level("shared", 108 * 164 * _KIB),
     Level("registers", 108 * 256 * _KIB)),
    Link(300e9),
    sources=("NVIDIA A100 80GB datasheet, SXM: dense rates, 80 GB, 2039 GB/s, NVLink 600 GB/s both "
             "directions together",
             "NVIDIA A100 Tensor Core GPU Architecture: L2 40 MB; 108 SMs, each with up to 164 KB of shared "
             "memory and 256 KB of registers"))

TPU_V4 = Machine(
    "TPU v4", {"bfloat16": 275e12, "int8": 275e12}, (Level("device", 32 * 1024 ** 3, 1.2e12),),
    sources=("Jouppi et al. 2023, TPU v4, arXiv 2304.01433: 275 TFLOP/s, 32 GiB, 1200 GB/s",))

TPU_V5E = Machine(
    "TPU v5e", {"bfloat16": 197e12}, (Level("device", 16e9, 819e9),),
    sources=("Google Cloud TPU v5e documentation: 197 TFLOP/s bf16, 16 GB, 819 GB/s",))

MACHINES = {"h100": H100, "h200": H200, "a100": A100, "tpu_v4": TPU_V4, "tpu_v5e": TPU_V5E}


@public
def machine(value: Machine | str) -> Machine:
    """A machine by its short name, or itself.

    Raises:
        NcdError: An unknown name (those known are listed).

    >>> machine("h100").bandwidth()
    3350000000000
    """
    if isinstance(value, Machine):
        return value
    if not isinstance(value, str) or value not in MACHINES:
        raise NcdError(f"no machine {value!r}", want=", ".join(MACHINES),
                       mend="make one of your own: Machine(name, {dtype: FLOP/s}, levels)")
    return MACHINES[value]
