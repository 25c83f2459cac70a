"""An allocator: it carries a diagram out as calls in frames, takes and returns bytes, and remembers the peak.

- An operation takes the bytes of its results while it holds its inputs. A view, a stop and a change of
  labels take none: their result is their input's memory, which lives as long as either is needed.
- An einsum of several arrays runs its steps (decision 16): what one makes is held until another has read it.
- A convolution and an overlap are one operation, as their programs are: no copy of windows (decision 13).
- A block is a call. Its inputs are its caller's and live until it returns; what it returns lives on.
- A scan takes the bytes of all its results first. A step reads its slices where they stand and the states
  from there, runs the body in a frame of its own, writes what that returns and gives it back.
- The inputs of the whole and its parameters are there already and are not counted.
"""

from __future__ import annotations

import math

from ncd.core.category import Diagram
from ncd.core.graph import Graph
from ncd.core.op import Operation
from ncd.interpret.jax import JAX
from ncd.nn.star import Star
from ncd.ops.control import Scan
from ncd.ops.multilinear import Einsum, Reindex, View
from ncd.ops.overlap import Overlap
from ncd.ops.pointwise import Map, Stop
from ncd.ops.source import Constant, Iota, Parameter

WIDTH = {"float": 4, "int": 4, "bool": 1, "key": 8}
ONE_CALL = (Star, Overlap)
"""Defined operations that run as one call without intermediates."""


class Buffer:
    """Some bytes, and how many names they have."""

    def __init__(self, size: int):
        self.size, self.names = size, 0


class Allocator:
    """Takes and returns bytes.

    Parameters:
        sizes: The number of each size symbol.
        kernels: Classes of defined operations that are carried out as one operation, beside ONE_CALL.
    """

    def __init__(self, sizes: dict[str, int], kernels: tuple[type, ...] = ()):
        self.sizes, self.kernels = sizes, (*kernels, *ONE_CALL)
        self.live = self.peak = 0

    def bytes(self, array) -> int:
        return WIDTH[array.dtype] * math.prod(int(axis.size.evaluate(self.sizes)) for axis in array.axes)

    def take(self, array) -> Buffer:
        return self.reserve(self.bytes(array))

    def reserve(self, size: int) -> Buffer:
        buffer = Buffer(size)
        self.live += buffer.size
        self.peak = max(self.peak, self.live)
        return buffer

    def drop(self, buffer: Buffer) -> None:
        buffer.names -= 1
        if buffer.names == 0:
            self.live -= buffer.size

    # -- frames ------------------------------------------------------------------
    def call(self, graph: Graph, inputs: list[Buffer]) -> list[Buffer]:
        """Carry a graph out; what it returns has a name for each result."""
        names: list[Buffer] = list(inputs)
        for buffer in inputs:
            buffer.names += 1
        readers = [0] * len(graph.types)
        for args in (*graph.args, graph.outputs):
            for wire in args:
                readers[wire] += 1
        for op, args, wires in graph:
            made = self.operation(op, [names[wire] for wire in args])
            names.extend(made)
            for wire in args:
                readers[wire] -= 1
            for wire in (*dict.fromkeys(args), *wires):
                if readers[wire] == 0 and wire >= len(inputs):
                    self.drop(names[wire])
        found = [names[wire] for wire in graph.outputs]
        for buffer in found:
            buffer.names += 1
        for wire in dict.fromkeys(wire for wire in graph.outputs if wire >= len(inputs)):
            self.drop(names[wire])
        for buffer in inputs:
            self.drop(buffer)
        return found

    def operation(self, op: Operation, inputs: list[Buffer]) -> list[Buffer]:
        """The results, one name each."""
        if isinstance(op, (View, Stop)) or (isinstance(op, Reindex) and op.is_renaming):
            inputs[0].names += 1
            return [inputs[0]]
        if isinstance(op, Scan):
            return self.scan(op, inputs)
        if op.expansion is not None and not isinstance(op, self.kernels):
            return self.call(op.expansion.graph, inputs)
        if isinstance(op, Einsum) and len(op.steps) > 1:
            return [self.einsum(op, inputs)]
        made = [Buffer(0) if isinstance(op, Parameter) else self.take(array) for array in op.cod]
        for buffer in made:
            buffer.names = 1
        return made

    def einsum(self, op: Einsum, inputs: list[Buffer]) -> Buffer:
        """Each step takes its result's bytes while it holds what it reads; another step reads that once."""
        held = list(inputs)
        for step in op.steps[:-1]:
            entries = math.prod(int(op.sizes[letter].evaluate(self.sizes)) for letter in step.kept)
            held.append(self.reserve(WIDTH[op.out.dtype] * entries))
            held[-1].names = 1
            self.drop_read(step, held, len(inputs))
        result = self.take(op.out)
        result.names = 1
        self.drop_read(op.steps[-1], held, len(inputs))
        return result

    def drop_read(self, step, held: list[Buffer], given: int) -> None:
        """What a step has read and another has made is needed no more."""
        for operand in (step.left, step.right):
            if operand is not None and operand >= given:
                self.drop(held[operand])

    def scan(self, op: Scan, inputs: list[Buffer]) -> list[Buffer]:
        made = [self.take(array) for array in op.cod]
        for buffer in made:
            buffer.names = 1
        for step in range(min(2, op.length.evaluate(self.sizes))):      # every later step is as the second
            given = [made[n] if step and n < op.states else buffer for n, buffer in enumerate(inputs)]
            for buffer in self.call(op.body.graph, given):
                self.drop(buffer)
        return made


def peak(diagram: Diagram, sizes: dict[str, int], kernels: tuple[type, ...] = ()) -> int:
    """The most bytes taken at once."""
    allocator = Allocator(sizes, kernels)
    inputs = [Buffer(0) for _ in diagram.dom.inside]
    for buffer in inputs:
        buffer.names = 1
    for buffer in allocator.call(diagram.graph, inputs):
        allocator.drop(buffer)
    if allocator.live:
        raise AssertionError(f"{allocator.live} bytes were never given back")
    return allocator.peak


class Fused(Allocator):
    """The same for a compiler that fuses: what it must hold at least.

    Blocks are opened. Views, sources and repetitions, and entrywise operations that one operation alone
    reads, are computed where they are read: they hold what they are computed from. Another entrywise
    operation writes over an input of its size that nothing reads any more.
    """

    def run(self, diagram: Diagram) -> int:
        program = JAX.program(diagram)
        readers = [0] * program.slots
        for slots in (*(step.reads for step in program.steps), program.outputs):
            for slot in slots:
                readers[slot] += 1
        holds: list[tuple[Buffer, ...]] = [()] * program.slots
        for step in program.steps:
            op, ins = step.op, list(dict.fromkeys(b for slot in step.reads for b in holds[slot]))
            alone = readers[step.writes[0]] == 1 and step.writes[0] not in program.outputs
            gone = [b for b in ins if b.names == sum(
                holds[slot].count(b) for slot in dict.fromkeys(step.reads)
                if readers[slot] == step.reads.count(slot))]
            for slot, array in zip(step.writes, op.cod):
                if self.is_inside(op) or (isinstance(op, Map) and alone):
                    holds[slot] = tuple(ins)
                else:
                    over = [b for b in gone if isinstance(op, Map) and b.size == self.bytes(array)]
                    holds[slot] = (over[0] if over else self.take(array),)
                for buffer in holds[slot]:
                    buffer.names += 1
            if isinstance(op, Scan):
                self.peak = max(self.peak, self.live + Fused(self.sizes).run(op.body))
            for slot in (*step.reads, *step.writes):
                readers[slot] -= slot in step.reads
                if readers[slot] == 0:
                    for buffer in holds[slot]:
                        self.drop(buffer)
                    holds[slot] = ()
        return self.peak

    @staticmethod
    def is_inside(op: Operation) -> bool:
        return isinstance(op, (View, Stop, Constant, Iota, Parameter)) or (
            isinstance(op, Reindex) and op.is_broadcast)
