"""Parameters and keys as inputs: dom -> cod becomes dom ⊗ θ ⊗ keys -> cod, and back.

A parameter is an input that is written where it is used; to differentiate in it, it is made an
input again, through blocks and scans. Keys become inputs too, so that every part is a
deterministic function that can be copied and computed again.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from ncd.core.array import Array
from ncd.core.axis import Axis, fresh
from ncd.core.category import Diagram
from ncd.core.graph import Graph
from ncd.core.op import Operation
from ncd.errors import RuleError
from ncd.ops.control import Block, Scan
from ncd.ops.multilinear import Reindex, affine
from ncd.ops.pointwise import Map
from ncd.ops.source import Key, Parameter
from ncd.traverse.builder import Builder
from ncd.traverse.jobs import solve
from ncd.traverse.places import Path, Slot, places


@dataclass(frozen=True)
class Source:
    """What an input of a hoisted diagram stands for.

    Attributes:
        path: The place; a global name stands after ``"/"``.
        op: The parameter or the key.
        array: The type of the input, with the axes of the scans around it in front.
        loops: For a key, the scans around it, from the outside: (how much of the path names it, its axis).
    """

    path: Path
    op: Parameter | Key
    array: Array
    loops: tuple[tuple[int, Axis], ...] = ()

    def inside(self, name: str) -> Source:
        if self.path[0] == "/":
            return self
        depth = len(_split(name))
        loops = tuple((n + depth, axis) for n, axis in self.loops)
        return replace(self, path=(*_split(name), *self.path), loops=loops)


def _split(name: str) -> Path:
    return ("/", *name[1:].split("/")) if name.startswith("/") else tuple(name.split("/"))


class _Hoist(NamedTuple):
    """A request for a diagram whose parameters and keys are inputs."""

    where: str
    diagram: Diagram


class Hoisted:
    """A diagram whose parameters and keys are inputs after its own.

    Attributes:
        diagram: dom ⊗ parameters ⊗ keys -> cod, with no places inside.
        slots: {path: parameter}, in canonical order.
        keys: The keys that follow them.
    """

    def __init__(self, diagram: Diagram):
        self.dom, self.cod = diagram.dom.inside, diagram.cod.inside
        self.slots, keys = places(diagram)
        made, sources = solve(_Hoist("", diagram), {_Hoist: _hoist})
        found = {_plain(source.path): n for n, source in enumerate(sources)}
        order = [found[path] for path in (*self.slots, *keys)]
        self.keys = tuple(sources[found[path]] for path in keys)
        build = Builder((*self.dom, *(slot.array for slot in self.slots.values()),
                         *(source.array for source in self.keys)))
        width, wires = len(self.dom), [0] * len(sources)
        for n, position in enumerate(order):
            wires[position] = _relabelled(build, width + n, sources[position].array)
        self.diagram = build.finish(build.graph.append(made.graph, [*range(width), *wires]))

    @property
    def parameters(self) -> tuple[Path, ...]:
        return tuple(self.slots)

    def draw(self, build: Builder, paths: Sequence[Path]) -> list[int]:
        """The parameters at some places, drawn there."""
        slots = [self.slots[path] for path in paths]
        return [build.add(Parameter("/".join(slot.path), slot.array, slot.init, True, slot.stored))
                for slot in slots]

    def kept(self, made: Diagram) -> Diagram:
        """A derivative that reads none of the parameters, with all of them beside it: one program takes them
        as the other does."""
        return keep(made, tuple(self.slots.values()))

    def draw_keys(self, build: Builder) -> list[int]:
        """The keys, drawn at their places; those inside scans by a scan that draws them alone."""
        return [wire for source in self.keys for wire in build.call(_drawn(source), ())]


def keep(made: Diagram, slots: Sequence[Slot]) -> Diagram:
    """A diagram without parameters, with some beside it that it does not read."""
    if slots and not places(made)[0]:
        graph = made.graph.part(range(len(made.dom)), made.graph.outputs)
        for slot in slots:
            graph.add(Parameter("/".join(slot.path), slot.array, slot.init, True, slot.stored), ())
        made = Diagram.from_graph(graph)
    return made


def _plain(path: Path) -> Path:
    return path[1:] if path[0] == "/" else path


def _relabelled(build: Builder, wire: int, array: Array) -> int:
    have = build.type(wire)
    if have == array:
        return wire
    return build.add(Reindex(have, array.axes, tuple(affine(0, {label: 1}) for label in array.labels)), wire)


def _drawn(source: Source) -> Diagram:
    """A key at its place: a scan of each loop around it draws one for each step."""
    path, loops = _plain(source.path), list(source.loops)
    start = loops[-1][0] if loops else 0
    made = Key("/".join(path[start:]), source.op.axes, True).diagram
    while loops:
        end, axis = loops.pop()
        start = loops[-1][0] if loops else 0
        (array,) = made.cod.inside
        if axis.label in array.labels:
            step = Builder(())
            new = {axis.label: fresh(axis.label, array.labels)}
            made = step.finish([step.renamed(step.call(made, ())[0], new)])
        made = Scan(made, axis, 0, (), title="/".join(path[start:end]), tied=True).diagram
    build = Builder(())
    return build.finish([_relabelled(build, build.call(made, ())[0], source.array)])


def _hoist(diagram: Diagram) -> Generator:
    """The job: (dom ⊗ sources -> cod, the sources)."""
    graph = diagram.graph
    build = _Growing(diagram.dom.inside)
    frames = [(graph, [~n for n in range(len(graph.inputs))], "", iter(range(len(graph))))]
    while True:
        graph, wires, prefix, nodes = frames[-1]
        node = next(nodes, None)
        if node is None:
            frames.pop()
            made = [wires[wire] for wire in graph.outputs]
            if not frames:
                return build.finish(made), tuple(source for source, _ in build.sources.values())
            frames[-1][1].extend(made)
            continue
        op, args = graph.ops[node], [wires[wire] for wire in graph.args[node]]
        name = graph.places.get(node)
        if name is None or (op.primitive and not isinstance(op, (Parameter, Key, Scan))):
            wires.extend(build.node(op, args))
            continue
        name = name if name.startswith("/") or not prefix else f"{prefix}/{name}"
        if isinstance(op, (Parameter, Key)):
            wires.append(build.source(Source(_split(name), op, op.cod[0])))
        elif isinstance(op, (Block, Scan)):
            body, inner = yield _Hoist(op.title, op.body)
            if isinstance(op, Scan):
                body, op, inner = _through_scan(op, body, inner)
            else:
                op = Block(op.title, body, source=op.source)
            extra = [build.source(source.inside(name)) for source in inner]
            wires.extend(build.node(op, [*args, *extra]))
        elif op.expansion is None:
            raise RuleError(f"`{op.name}` has a place and no definition")
        else:
            inner = op.expansion.graph
            frames.append((inner, args, name, iter(range(len(inner)))))


def _through_scan(op: Scan, body: Diagram, inner: Sequence[Source]):
    """A scan whose body takes its parameters and keys: stacked, one for each step, or the same for all."""
    width, outer, sources, own = len(op.body.dom), [], [], []
    for source in inner:
        array = source.array
        stacked = isinstance(source.op, Key) or (not op.share and source.path[0] != "/")
        if stacked:
            loops = ((0, op.axis), *source.loops) if isinstance(source.op, Key) else ()
            clash = op.axis.label in array.labels
            new = array.relabel({op.axis.label: fresh(op.axis.label, array.labels)}) if clash else array
            sources.append(replace(source, array=new.with_axes((op.axis, *new.axes)), loops=loops))
            own.append(new)
        else:
            sources.append(source)
            own.append(array)
        outer.append(sources[-1].array)
    build = Builder((*body.dom.inside[:width], *own))
    wires = [_relabelled(build, width + n, source.array) for n, source in enumerate(inner)]
    body = build.finish(build.call(body, [*range(width), *wires]))
    scan = Scan(body, op.axis, op.states, (*op.arrays, *outer), op.reverse, title=op.title, lifted=op.lifted)
    return body, scan, sources


class _Growing:
    """A graph that is given more inputs while its nodes are written: wire ~n is the input n."""

    def __init__(self, dom: Sequence[Array]):
        self.inputs = list(dom)
        self.sources: dict[tuple, tuple[Source, int]] = {}
        self.ops: list[Operation] = []
        self.args: list[list[int]] = []
        self.wires = 0
        self.known: dict[Map, Map] = {}

    def node(self, op: Operation, args: list[int]) -> range:
        """The wires of a new node.

        Maps that are alike are one from here on: what one is asked is worked out once.
        """
        self.ops.append(self.known.setdefault(op, op) if isinstance(op, Map) else op)
        self.args.append(args)
        first = self.wires
        self.wires += len(op.cod)
        return range(first, self.wires)

    def source(self, source: Source) -> int:
        """The input of a place, one for all that are tied to it."""
        key = (source.path, type(source.op))
        if key not in self.sources:
            self.sources[key] = (source, ~len(self.inputs))
            self.inputs.append(source.array)
        return self.sources[key][1]

    def finish(self, outputs: Sequence[int]) -> Diagram:
        graph, width = Graph(self.inputs), len(self.inputs)
        for op, args in zip(self.ops, self.args):
            graph.add(op, [~wire if wire < 0 else wire + width for wire in args])
        graph.outputs = tuple([~wire if wire < 0 else wire + width for wire in outputs])
        return Diagram.from_graph(graph)
