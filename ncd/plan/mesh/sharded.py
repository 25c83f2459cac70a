"""A diagram on a mesh of devices: which collectives a sharding needs, and what each device does."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import NamedTuple

from ncd.algebra.convert import ONE, Size, extremum
from ncd.core.argument import public
from ncd.core.array import Array
from ncd.core.axis import Axis
from ncd.errors import NcdError, SizeError
from ncd.interpret.cost import cost_of
from ncd.interpret.cost.leaves import flatten
from ncd.interpret.cost.meter import Meter, Total
from ncd.interpret.cost.rules import array_bytes
from ncd.ops.control import Scan
from ncd.ops.source import Parameter
from ncd.plan.machine.machine import Link, Machine, in_dtype, machine
from ncd.plan.mesh.collective import Collective, Mesh, link_of
from ncd.plan.mesh.placement import Placement, placement
from ncd.traverse.flat import joined


class Sharding(NamedTuple):
    """Where the entries of one array are.

    Attributes:
        axes: For each axis the mesh axis that it is cut over, or None.
        partial: Mesh axes over which the array is still to be summed.
        learned: Whether it is made of parameters only.
        origin: The operation that made it, for the records of collectives.
    """

    axes: tuple[str | None, ...]
    partial: frozenset[str] = frozenset()
    learned: bool = False
    origin: str = ""


class Sharded:
    """What a diagram costs on a mesh, as formulas.

    Attributes:
        collectives: Every collective, in order of the program.
        flops, transcendentals, reads, writes: Of one device: FLOP, calls, bytes.
        params: Learned numbers on one device (elements).
        sent: Bytes that one device sends in all collectives.
        outputs: How each result is left.
    """

    def __init__(self, cost, axes: Mapping, mesh: Mesh, dtype: str, outputs: Mapping | None):
        self._cost, self.diagram, self.mesh, self.dtype = cost, cost.diagram, mesh, dtype
        meter = Meter(cost.meter.table, in_dtype(cost.convention, dtype))
        walk = _Walk(meter, mesh, axes)
        flat = flatten(meter, self.diagram)
        inputs = [walk.given(n, array) for n, array in enumerate(flat.graph.inputs)]
        walk.params(cost.slots)
        walk.check_labels()
        _, left = walk.run(flat, inputs, ONE, "", outputs if outputs is not None else {}, outputs is not None)
        self.collectives, self.outputs, self._local = walk.collectives, left, walk.shares
        self.flops, self.transcendentals, self.reads, self.writes = (total.size * 1 for total in walk.totals)
        self.params_by_place = walk.learned
        params = Total()
        for size in walk.learned.values():
            params.add(size)
        self.params = params.size * 1

    @cached_property
    def sent(self) -> Size:
        total = Total()
        for item in self.collectives:
            total.add(item.sent)
        return total.size * 1           # fractions that became whole are numbers again

    def communication(self, on: Machine | Link | str, links: Mapping[str, Link] | None = None) -> Size:
        """Seconds of all collectives, one after the other.

        Parameters:
            links: The links of mesh axes that have others than the machine's.
        Raises:    NcdError: A mesh axis has no link; a link is of no mesh axis.
        """
        total, links = Total(), links or {}
        for name in links:
            self.mesh[name]
        for item in self.collectives:
            total.add(item.time(links[item.over] if item.over in links else link_of(on)))
        return total.size * 1

    def computation(self, on: Machine | str) -> Size:
        """Seconds of one device's own work by the roofline: the larger of arithmetic and memory."""
        on = machine(on)
        moved = (self.reads + self.writes) / on.bandwidth()
        return extremum("max", (self.flops / on.flops(self.dtype), moved))

    def time(self, on: Machine | str, links: Mapping[str, Link] | None = None, overlap: bool = False) -> Size:
        """Seconds of one run, a lower bound: work and communication, one after the other.

        Parameters:
            links: The links of mesh axes that have others than the machine's.
            overlap: Whether communication hides behind work wholly: the larger of the two.
        Raises:    NcdError for an unknown machine, a rate or link that it does not state.
        """
        both = (self.computation(on), self.communication(machine(on), links))
        return extremum("max", both) if overlap else both[0] + both[1]

    def evaluate(self, **sizes) -> dict[str, int | float]:
        """The measures of one device as numbers.

        Raises:
            SizeError: A size is not given; devices do not divide an axis.
        """
        numbers = self._cost.sized(sizes)
        for share, what in self._local.items():
            if share.symbols <= set(numbers) and all(type(numbers[name]) is int for name in share.symbols) \
                    and not isinstance(share.evaluate(numbers), int):
                raise SizeError(what, sizes=", ".join(f"{name} = {numbers[name]}"
                                                      for name in sorted(share.symbols)))
        return {name: getattr(self, name).evaluate(numbers)
                for name in ("flops", "transcendentals", "reads", "writes", "params", "sent")}

    def __str__(self):
        return "\n".join(map(str, self.collectives)) or "no collectives"

    def __repr__(self):
        return f"<{self.diagram} on {self.mesh}>\n{self}"


class _Walk:
    """One pass over flat graphs: shardings forward, collectives where an operation needs them."""

    def __init__(self, meter: Meter, mesh: Mesh, axes: Mapping):
        self.meter, self.mesh = meter, mesh
        self.axes = {key if isinstance(key, tuple) else str(key): value for key, value in axes.items()}
        for value in self.axes.values():
            if value is not None:
                mesh[value]
        self.seen, self.labels = set(), set()       # keys that were of use, labels that are there
        self.collectives: list[Collective] = []
        self.totals = [Total() for _ in range(4)]
        self.learned, self.shares = {}, {}          # parameters; what a device has of an axis, not whole

    # -- what is given -------------------------------------------------------------
    def given(self, place, array: Array, learned: bool = False) -> Sharding:
        """The sharding of an input, by its number, or of a parameter, by its place."""
        cut = []
        for label in array.labels:
            self.labels.add(str(label))
            key = (place, label) if (place, label) in self.axes else str(label)
            self.seen.add(key)
            cut.append(self.axes.get(key))
        used = [name for name in cut if name is not None]
        if len(set(used)) < len(used):
            twice = next(name for name in used if used.count(name) > 1)
            both = [str(label) for label, name in zip(array.labels, cut) if name == twice]
            raise NcdError(f"one array is cut twice over the mesh axis {twice}", array=str(array),
                           have=" and ".join(both),
                           mend=f"leave one whole: {{({place!r}, {both[1]!r}): None}}")
        return Sharding(tuple(cut), learned=learned)

    def params(self, slots: Mapping) -> None:
        for path, slot in slots.items():
            place = "/".join(path)
            local = self.local(slot.array, self.given(place, slot.array)).elements
            if not slot.stored:
                self.learned[place] = local

    def check_labels(self) -> None:
        """Every key is of a label, or of an input or parameter, that is there."""
        for key in self.axes:
            if key not in self.seen and not (isinstance(key, str) and key in self.labels):
                raise NcdError(f"nothing to shard has the axis {key!r}",
                               want=", ".join(sorted(self.labels)) or "inputs or parameters with axes",
                               mend="name labels of inputs and parameters, or (place, label)")

    def local(self, array: Array, sharding: Sharding) -> Array:
        """The part of an array that one device has."""
        axes = []
        for axis, name in zip(array.axes, sharding.axes):
            if name is not None:
                share = axis.size / self.mesh[name]
                what = f"the {self.mesh[name]} devices of {name} do not divide {axis.label} = {axis.size}"
                if share.constant is not None and not isinstance(share.constant, int):
                    raise SizeError(what, array=str(array))
                self.shares[share] = what
                axis = Axis(axis.label, share)
            axes.append(axis)
        return array.with_axes(axes)

    # -- collectives -----------------------------------------------------------------
    def communicate(self, kind: str, name: str, array: Array, sharding: Sharding, folds: str = "") -> None:
        if self.mesh[name] != ONE:
            size = array_bytes(self.local(array, sharding), self.meter.convention)
            place = sharding.origin or self.place
            self.collectives.append(Collective(kind, name, self.mesh[name], size, self.times, place,
                                               str(array), folds))

    def summed(self, array: Array, sharding: Sharding, wanted: tuple = ()) -> Sharding:
        """The array without partial sums; scattered where it is wanted in shards."""
        axes = list(sharding.axes)
        for name in sorted(sharding.partial):
            now = sharding._replace(axes=tuple(axes))
            if name in wanted and name not in axes and axes[wanted.index(name)] is None:
                self.communicate("reduce-scatter", name, array, now, "sum")
                axes[wanted.index(name)] = name
            else:
                self.communicate("all-reduce", name, array, now, "sum")
        return sharding._replace(axes=tuple(axes), partial=frozenset())

    def moved(self, array: Array, sharding: Sharding, wanted: tuple) -> Sharding:
        """The array as it is wanted: gathered, exchanged, or cut, which costs nothing."""
        axes = list(sharding.axes)

        def now() -> Sharding:
            return sharding._replace(axes=tuple(axes))
        for place, name in enumerate(sharding.axes):
            if name is None or wanted[place] == name:
                continue
            if name in wanted and axes[wanted.index(name)] is None:
                self.communicate("all-to-all", name, array, now())
                axes[wanted.index(name)] = name
                axes[place] = None
            else:
                axes[place] = None
                self.communicate("all-gather", name, array, now())
        return sharding._replace(axes=wanted)

    # -- one graph -----------------------------------------------------------------
    def run(self, flat, inputs: list[Sharding], times: Size, path: str, outputs: Mapping | None = None,
            rearrange: bool = False) -> tuple[list[Array], list[Sharding]]:
        """Walk a graph; the outputs are summed, and laid out by label where that is asked for."""
        graph, state, copies = flat.graph, list(inputs), {}
        live, readers = set(graph.order), [0] * len(graph.types)
        for wire in (*graph.outputs, *(w for node in live for w in graph.args[node])):
            readers[wire] += 1
        for node, (op, args, _) in enumerate(graph):
            if node not in live:                # nothing reads it: a compiler leaves it out
                state.extend(Sharding((None,) * len(array.axes)) for array in op.cod)
                continue
            self.times, self.place = times, joined(path, flat.label(node))
            if isinstance(op, Parameter):
                state.append(self.given(joined(path, flat.places[node]), op.array, learned=True))
            elif isinstance(op, Scan):
                state.extend(self.scan(op, args, state, times, joined(path, flat.places[node])))
            elif not args:
                state.extend(Sharding((None,) * len(array.axes)) for array in op.cod)
                self.count(op)
            else:
                state.extend(self.step(op, args, state, readers, copies))
        self.times, self.place = times, joined(path, "outputs") if path else "outputs"
        arrays = [graph.types[wire] for wire in graph.outputs]
        for wire, array in zip(graph.outputs, arrays):
            wanted = tuple((outputs or {}).get(label) for label in array.labels)
            state[wire] = self.summed(array, state[wire], wanted)
            if rearrange:
                state[wire] = self.moved(array, state[wire], wanted)
        return arrays, [state[wire] for wire in graph.outputs]

    def count(self, op) -> None:
        for total, size in zip(self.totals, self.meter.sums(op)):
            total.add(size * self.times)

    def step(self, op, args, state: list[Sharding], readers: list[int], copies: dict) -> list[Sharding]:
        """Bring the inputs of one operation to shards that it can work on; the shardings of its outputs."""
        rule = placement(op)
        held = [state[wire] for wire in args]
        chosen = self.choose(rule, held)
        passed = self.passes(rule, held, [readers[wire] for wire in args])
        inputs = []
        for array, wire, letters in zip(op.dom, args, rule.inputs):
            wanted = tuple(chosen.get(letter) for letter in letters)
            if not passed:
                state[wire] = self.summed(array, state[wire], wanted)
            if (wire, wanted) not in copies:            # what was gathered is kept for later readers
                copies[wire, wanted] = self.moved(array, state[wire], wanted)
            inputs.append(self.local(array, copies[wire, wanted]))
        made, outputs = [], []
        for array, letters in zip(op.cod, rule.outputs):
            cut = tuple(chosen.get(letter) for letter in letters)
            outputs.append(self.local(array, Sharding(cut)))
            left = Sharding(cut, passed, all(item.learned for item in held), self.place)
            for letter, monoid in rule.folded.items():
                name = chosen.get(letter)
                if name is not None and monoid == "sum":
                    left = left._replace(partial=left.partial | {name})
                elif name is not None:
                    self.communicate("all-reduce", name, array, left, monoid)
            made.append(left)
        self.count(rule.local(tuple(inputs), tuple(outputs)))
        return made

    def choose(self, rule: Placement, held: list[Sharding]) -> dict:
        """{letter: mesh axis}: the first input that is cut decides, activations before parameters."""
        chosen: dict = {}
        for n in sorted(range(len(held)), key=lambda n: held[n].learned):
            for letter, name in zip(rule.inputs[n], held[n].axes):
                if letter is not None and name is not None and letter not in chosen \
                        and name not in chosen.values():
                    chosen[letter] = name
        return chosen

    @staticmethod
    def passes(rule: Placement, held: list[Sharding], readers: list[int]) -> frozenset[str]:
        """The partial sums that go through: all inputs have the same, and none is read elsewhere."""
        sums = {item.partial for item in held}
        if rule.linear and len(sums) == 1 and all(count == 1 for count in readers):
            return sums.pop()
        return frozenset()

    def scan(self, op: Scan, args, state: list[Sharding], times: Size, path: str) -> list[Sharding]:
        """A scan's states settle on one sharding; what its body communicates, it does at every step."""
        outer_place, inner = self.place, []
        if op.place is not None and not op.share and self.axes.get(str(op.axis.label)) is not None:
            raise NcdError(f"the steps of `{op.name}` are not cut over devices",
                           why="they run one after the other, with the parameters of each",
                           mend=f"leave {op.axis.label} whole")
        for n, wire in enumerate(args):
            array = op.arrays[n]
            state[wire] = self.summed(array, state[wire])
            cut = dict(zip(array.labels, state[wire].axes))
            if n in op.sequences and cut[op.axis.label] is not None:
                wanted = tuple(None if label == op.axis.label else name for label, name in cut.items())
                cut = dict(zip(array.labels, self.moved(array, state[wire], wanted).axes))
            body_array = op.body.dom.inside[n]
            inner.append(Sharding(tuple(cut[label] for label in body_array.labels),
                                  learned=state[wire].learned and n >= op.states))
        flat = flatten(self.meter, op.body)
        while True:
            trial = _Walk(self.meter, self.mesh, self.axes)
            _, left = trial.run(flat, inner, ONE, path)
            settled = [self.joined(now, after) for now, after in zip(inner[:op.states], left)]
            if settled == inner[:op.states]:
                break
            inner[:op.states] = settled
        arrays, left = self.run(flat, inner, times * op.length, path)
        self.times, self.place = times * op.length, outer_place
        for n in range(op.states):
            self.moved(arrays[n], left[n], inner[n].axes)
        self.times = times
        made = list(inner[:op.states])
        for array, item, stacked in zip(arrays[op.states:], left[op.states:], op.cod[op.states:]):
            cut = dict(zip(array.labels, item.axes))
            made.append(Sharding(tuple(cut.get(label) for label in stacked.labels)))
        return made

    @staticmethod
    def joined(now: Sharding, after: Sharding) -> Sharding:
        """A state is cut as it is, and where a step leaves it cut besides: cutting costs nothing."""
        axes = list(now.axes)
        for place, name in enumerate(after.axes):
            if axes[place] is None and name is not None and name not in axes:
                axes[place] = name
        return Sharding(tuple(axes))


@public
def sharded(cost, axes: Mapping, mesh: Mesh | Mapping, dtype: str = "bfloat16",
            outputs: Mapping | None = None) -> Sharded:
    """The collectives that a sharding needs, and the work of one device, as formulas.

    Parameters:
        cost: A cost, or a diagram.
        axes: {label: mesh axis} for the axes of inputs and parameters; for one of them
            ``{("attention/Q/weight", "k"): "model"}``, an input by its number, None to leave it whole.
        mesh: {mesh axis: number of devices, or a symbol}.
        dtype: What floats are kept and computed in.
        outputs: {label: mesh axis}: how results are to be laid out, whole where it says nothing. If it
            is not given they stay as they come, their sums done.
    What an operation does with shards follows from its primitive: a contraction or a sum over a sharded
    axis leaves a partial sum, for which an all-reduce stands as late as linear operations with one
    reader allow, or a reduce-scatter where the next operation takes shards of it; other folds (a
    maximum) are all-reduced at once. An operation that wants an axis whole (top-k, a window, a sort)
    has it gathered. Where two axes meet that are cut over one mesh axis, the first input's stays, that
    of activations before that of parameters; the other is exchanged (all-to-all) if it has both axes, else
    gathered. To cut what every device has is free. A scan's collectives run at every step. What no output
    depends on is left out. Shardings go forward only: no operation looks ahead for a better one.
    Raises:    NcdError for unknown labels, mesh axes or dtypes, or an array cut twice over one mesh
               axis; SizeError where devices do not divide an axis.
    Source:    Shoeybi et al. 2019, arXiv 1909.08053 (tensor parallel); Xu et al. 2021, GSPMD,
               arXiv 2105.04663 (shardings propagated).

    >>> from ncd import nn
    >>> print(sharded(nn.feed_forward("m", "f").on("x m").cost(), {"f": "model"}, {"model": "t"}))
    all-reduce over model of `x m`: 2*m*x bytes (feed_forward/down: einsum[x f, f m -> x m])
    """
    if not isinstance(mesh, Mesh):
        mesh = Mesh(mesh)
    cost = cost_of(cost)
    if cost.known is not None:
        raise NcdError("a cost that leaves out masks or taps is not cut over devices",
                       why="which entries a device has is not in the formula", mend="take diagram.cost()")
    if not isinstance(axes, Mapping):
        raise NcdError(f"{axes!r:.60} does not say over what axes are cut", want='{"f": "model"}')
    for label, name in (outputs or {}).items():
        if name is not None:
            mesh[name]
        if not any(label in array.labels for array in cost.diagram.cod.inside):
            raise NcdError(f"no result has the axis {label!r}", have=str(cost.diagram.cod))
    return Sharded(cost, axes, mesh, dtype, outputs)
