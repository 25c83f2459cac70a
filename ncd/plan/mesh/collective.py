"""Collectives as formulas: bytes that each device sends, messages, time on a link.

Ring and pairwise algorithms of Thakur, Rabenseifner & Gropp 2005, "Optimization of Collective
Communication Operations in MPICH", International Journal of High Performance Computing Applications
19(1): a message of s bytes takes α + s β.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ncd.algebra.convert import ONE, Size, SizeLike, as_size
from ncd.core.argument import public
from ncd.errors import NcdError, escaped
from ncd.plan.machine.machine import Link, Machine, machine

# kind: (buffers that each device sends, as a multiple of (n − 1)/n, messages as a multiple of n − 1)
KINDS = {"all-reduce": (2, 2), "all-gather": (1, 1), "reduce-scatter": (1, 1), "all-to-all": (1, 1)}


class Collective(NamedTuple):
    """One collective over n devices.

    Attributes:
        kind: ``"all-reduce"``, ``"all-gather"``, ``"reduce-scatter"`` or ``"all-to-all"``.
        over: The mesh axis.
        devices: n.
        bytes: B, the whole buffer: what is reduced, what each device has after gathering, or what each
            device holds before it scatters or exchanges (bytes).
        times: How often it runs.
        place, array: Where it stands, and the type of what it is about.
        folds: What is folded with, ``"sum"`` or another monoid; empty where nothing is.
    """

    kind: str
    over: str
    devices: Size
    bytes: Size
    times: Size = ONE
    place: str = ""
    array: str = ""
    folds: str = ""

    @property
    def sent(self) -> Size:
        """Bytes that each device sends (and receives): 2 (n−1)/n B, or (n−1)/n B, each time."""
        share, _ = KINDS[self.kind]
        return self.bytes * share * (self.devices - 1) / self.devices * self.times

    @property
    def messages(self) -> Size:
        """Messages that each device sends one after the other: 2 (n−1), or n−1, each time."""
        return (self.devices - 1) * KINDS[self.kind][1] * self.times

    def time(self, on: Machine | Link | str) -> Size:
        """Seconds on a link: messages · α + sent / bandwidth; α left out where no source states it.

        Raises:
            NcdError: The machine has no link.
        """
        link = link_of(on)
        return self.messages * (link.latency or 0) + self.sent / link.bandwidth

    def __str__(self):
        times = "" if self.times == ONE else f"{self.times} times "
        what = f" of `{self.array}`" if self.array else ""
        return f"{times}{self.kind} over {self.over}{what}: {self.bytes} bytes" + (
            f" ({escaped(self.place)})" if self.place else "")


def link_of(on: Machine | Link | str) -> Link:
    """The link of a machine, or itself.

    Raises:
        NcdError: The machine has no link.
    """
    if isinstance(on, Link):
        return on
    on = machine(on)
    if on.link is None:
        raise NcdError(f"no link is stated for {on.name}", mend="give one: Link(bytes per second, latency)")
    return on.link


def _collective(kind: str, bytes, devices, over: str) -> Collective:
    return Collective(kind, over, _devices(as_size(devices), over), as_size(bytes))


def _devices(size: Size, axis: str) -> Size:
    """A number of devices, or a symbol.

    Raises:    NcdError: A number that is no positive integer.
    """
    if size.constant is not None and not (isinstance(size.constant, int) and size.constant > 0):
        raise NcdError(f"the mesh axis {axis} has {size} devices", want="a positive integer")
    return size


@public
def all_reduce(bytes: SizeLike, devices: SizeLike, over: str = "n") -> Collective:
    """Every device gets the sum of B bytes of each: a reduce-scatter, then an all-gather.

    Equation:  sent = 2 (n − 1)/n B,  time = 2 (n − 1) α + 2 (n − 1)/n B β
    Source:    Thakur, Rabenseifner & Gropp 2005, §4.5, with ring algorithms for both halves.

    >>> print(all_reduce("B", "n").sent)
    2*B - 2*B/n
    """
    return _collective("all-reduce", bytes, devices, over)


@public
def all_gather(bytes: SizeLike, devices: SizeLike, over: str = "n") -> Collective:
    """Every device gets all B bytes, of which each had one n-th.

    Equation:  sent = (n − 1)/n B,  time = (n − 1) α + (n − 1)/n B β
    Source:    Thakur, Rabenseifner & Gropp 2005, §4.1, the ring algorithm.

    >>> print(all_gather(800, 8).sent)
    700
    """
    return _collective("all-gather", bytes, devices, over)


@public
def reduce_scatter(bytes: SizeLike, devices: SizeLike, over: str = "n") -> Collective:
    """Every device gets one n-th of the sum of B bytes of each.

    Equation:  sent = (n − 1)/n B,  time = (n − 1) α + (n − 1)/n B β
    Source:    Thakur, Rabenseifner & Gropp 2005, §4.3, pairwise exchange.

    >>> print(reduce_scatter(800, 8).messages)
    7
    """
    return _collective("reduce-scatter", bytes, devices, over)


@public
def all_to_all(bytes: SizeLike, devices: SizeLike, over: str = "n") -> Collective:
    """Every device sends another n-th of its B bytes to each.

    Equation:  sent = (n − 1)/n B,  time = (n − 1) α + (n − 1)/n B β
    Source:    Thakur, Rabenseifner & Gropp 2005, §4.4, pairwise exchange.

    >>> print(all_to_all(800, 8).time(Link(100, 1)))
    14
    """
    return _collective("all-to-all", bytes, devices, over)


class Mesh:
    """Devices in a grid: named axes, each a number of devices or a symbol.

    Raises:
        NcdError: No axis, one of less than one device, or what is no mapping.

    >>> mesh = Mesh({"data": 8, "model": "t"})
    >>> print(mesh.devices)
    8*t
    """

    def __init__(self, axes: Mapping[str, object]):
        if not isinstance(axes, Mapping):
            raise NcdError(f"{axes!r:.60} is no mesh", want='{"data": 8, "model": "t"}')
        self.axes = {str(name): _devices(as_size(size), str(name)) for name, size in axes.items()}
        if not self.axes:
            raise NcdError("a mesh has axes", want='{"data": 8, "model": "t"}')

    @property
    def devices(self) -> Size:
        """The number of devices in all."""
        total = ONE
        for size in self.axes.values():
            total = total * size
        return total

    def __getitem__(self, name: str) -> Size:
        if name not in self.axes:
            raise NcdError(f"the mesh has no axis {name!r}", want=", ".join(self.axes))
        return self.axes[name]

    def __repr__(self):
        return f"Mesh({{{', '.join(f'{name!r}: {str(size)!r}' for name, size in self.axes.items())}}})"
