"""The wire graph: operations in order, wires as integers. The one form that everything walks.

A graph is a morphism of the free cartesian (copy-discard) category in static single
assignment form: copying is using a wire twice, discarding is not using it, swapping is the
order of use. So the laws of the symmetric monoidal category and of the comonoid hold by
construction, and equality is hash-consing. Operations with a *place* (parameters and keys
drawn by place) are never merged: copy is natural for the others only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from hashlib import blake2b
from itertools import pairwise

from ncd.core.once import once_each


class Graph:
    """Inputs (wires 0 … n−1), nodes that each make the next wires, and the output wires.

    >>> graph = Graph(("x",))
    >>> graph.inputs, graph.outputs, len(graph)
    (('x',), (), 0)
    """

    __slots__ = ("__dict__", "args", "first", "inputs", "ops", "outputs", "types")

    def __init__(self, inputs: Sequence):
        self.inputs = tuple(inputs)
        self.ops: list = []
        self.args: list[tuple[int, ...]] = []
        self.first: list[int] = []
        self.types: list = list(self.inputs)
        self.outputs: tuple[int, ...] = ()

    def __len__(self):
        return len(self.ops)

    def __getstate__(self) -> tuple[None, dict]:
        """The nodes only: a cached hash of texts does not outlive its process."""
        return None, {name: getattr(self, name) for name in self.__slots__ if name != "__dict__"}

    def __iter__(self) -> Iterator[tuple[object, tuple[int, ...], range]]:
        """Each node in order: the operation, the wires it reads, the wires it makes."""
        for op, args, first in zip(self.ops, self.args, self.first):
            yield op, args, range(first, first + len(op.cod))

    def add(self, op, args: Sequence[int]) -> tuple[int, ...]:
        """Append an operation; returns the wires that it makes."""
        types, cod = self.types, op.cod
        first = len(types)
        self.ops.append(op)
        self.args.append(tuple(args))
        self.first.append(first)
        types.extend(cod)
        return (first,) if len(cod) == 1 else tuple(range(first, len(types)))

    def append(self, other: Graph, wires: Sequence[int]) -> list[int]:
        """Append a whole graph on given wires; returns its output wires here."""
        inputs = len(other.inputs)
        moved = len(self.types) - inputs
        place = [*wires, *range(len(self.types), len(other.types) + moved)]
        self.ops.extend(other.ops)
        self.args.extend([tuple([place[wire] for wire in args]) for args in other.args])
        self.first.extend([first + moved for first in other.first])
        self.types.extend(other.types[inputs:])
        return [place[wire] for wire in other.outputs]

    def part(self, inputs: Sequence[int], outputs: Sequence[int]) -> Graph:
        """The nodes between some wires and others, in their order: those that reach the outputs.

        Raises: ValueError: The outputs need an input that is not among the first wires.
        """
        place, wanted = [-1] * len(self.types), bytearray(len(self.types))
        for n, wire in enumerate(inputs):
            if place[wire] < 0:
                place[wire] = n
        for wire in outputs:
            wanted[wire] = place[wire] < 0
        alive, after = [], len(self.types)
        for node, first in zip(range(len(self) - 1, -1, -1), reversed(self.first)):
            if wanted[first] if after - first == 1 else 1 in wanted[first:after]:
                alive.append(node)
                for wire in self.args[node]:
                    wanted[wire] = place[wire] < 0
            after = first
        if 1 in wanted[:len(self.inputs)]:
            lacking = [n for n in range(len(self.inputs)) if wanted[n]]
            raise ValueError(f"the outputs need the inputs {lacking}, which are left out")
        made = Graph([self.types[wire] for wire in inputs])
        if len(alive) == len(self) and list(inputs) == list(range(len(self.inputs))):
            made.ops, made.args, made.first = self.ops[:], self.args[:], self.first[:]      # all of it
            made.types, made.outputs = self.types[:], tuple(outputs)
            return made
        alive.reverse()
        made.ops = [self.ops[node] for node in alive]
        types, bounds = made.types, [*self.first, len(self.types)]
        for node in alive:
            first = bounds[node]
            made.args.append(tuple([place[wire] for wire in self.args[node]]))
            made.first.append(len(types))
            for wire in (first,) if bounds[node + 1] - first == 1 else range(first, bounds[node + 1]):
                if place[wire] < 0:
                    place[wire] = len(types)
                types.append(self.types[wire])
        made.outputs = tuple([place[wire] for wire in outputs])
        return made

    @cached_property
    def producer(self) -> list[int]:
        """For each wire the node that makes it, −1 for an input."""
        made = [-1] * len(self.inputs)
        for node, width in enumerate(self._widths):
            if width == 1:
                made.append(node)
            else:
                made.extend([node] * width)
        return made

    @property
    def _widths(self) -> list[int]:
        """How many wires each node makes."""
        return [after - first for first, after in pairwise([*self.first, len(self.types)])]

    @cached_property
    def last_use(self) -> list[int]:
        """For each wire the last node that reads it; len(self) if it is an output; −1 if none."""
        last = [-1] * len(self.types)
        for node, args in enumerate(self.args):
            for wire in args:
                last[wire] = node
        for wire in self.outputs:
            last[wire] = len(self)
        return last

    @property
    def op(self):
        """The operation, if the graph is one on its own wires; else None."""
        n = len(self.inputs)
        if len(self) == 1 and self.args[0] == tuple(range(n)) \
                and self.outputs == tuple(range(n, len(self.types))):
            return self.ops[0]
        return None

    # -- the canonical order -----------------------------------------------------
    @cached_property
    def order(self) -> list[int]:
        """The nodes that reach an output, by depth-first post-order from the outputs.

        This order does not change under interchange, swaps and the comonoid laws.
        """
        return self._post_order([self.producer[wire] for wire in self.outputs], bytearray(len(self)))

    def _post_order(self, roots: Sequence[int], seen: bytearray) -> list[int]:
        """The nodes that reach the roots and are not seen yet, each after those that it reads."""
        found: list[int] = []
        producer, args = self.producer, self.args
        stack = [root for root in reversed(roots) if root >= 0]     # ~node: all that it reads is found
        while stack:
            node = stack.pop()
            if node < 0:
                found.append(~node)
            elif not seen[node]:
                seen[node] = 1
                stack.append(~node)
                for wire in reversed(args[node]):
                    parent = producer[wire]
                    if parent >= 0 and not seen[parent]:
                        stack.append(parent)
        return found

    @cached_property
    def placed(self) -> list[int]:
        """The nodes that have a place, in canonical order, those that reach no output last."""
        order = self.order
        if len(order) == len(self):
            return [node for node in order if self.ops[node].place is not None]
        reached = bytearray(len(self))
        for node in order:
            reached[node] = 1
        dead = [node for node, op in enumerate(self.ops) if not reached[node] and op.place is not None]
        if dead:
            digest = self._digests()
            dead.sort(key=digest.__getitem__)
            order = order + self._post_order(dead, reached)
        return [node for node in order if self.ops[node].place is not None]

    def _digests(self) -> list[bytes]:
        """A structural digest of each node that is the same in every process: it orders names."""
        texts = {op: repr(op) for op in set(self.ops)}
        made: list[bytes] = []
        for op, args in zip(self.ops, self.args):
            made_by = [self.producer[wire] for wire in args]
            read = [(wire, b"") if node < 0 else (wire - self.first[node], made[node])
                    for wire, node in zip(args, made_by)]
            made.append(blake2b(repr((texts[op], read)).encode(), digest_size=16).digest())
        return made

    def _codes(self, serial: dict[int, int]) -> list[int]:
        """A structural hash of each wire."""
        code = [hash(("input", index)) for index in range(len(self.inputs))]
        for node, (op, args) in enumerate(zip(self.ops, self.args)):
            base = hash((op, tuple([code[wire] for wire in args]), serial.get(node)))
            code.extend(hash((base, index)) for index in range(len(op.cod)))
        return code

    @cached_property
    def _serial(self) -> dict[int, int]:
        return {node: index for index, node in enumerate(self.placed) if not self.ops[node].tied}

    @cached_property
    def places(self) -> dict[int, str]:
        """For each node with a place its name here: tied names as given, others numbered."""
        taken = {self.ops[node].place for node in self.placed if self.ops[node].tied}
        names, count = {}, {}
        for node in self.placed:
            op = self.ops[node]
            name = op.place
            if not op.tied:
                number = count.get(name, 0)
                while (name if number == 0 else f"{name}_{number}") in taken:
                    number += 1
                count[op.place] = number + 1
                name = name if number == 0 else f"{name}_{number}"
                taken.add(name)
            names[node] = name
        return names

    @cached_property
    def shared(self) -> dict[int, int]:
        """For each node whose place others have as well: how many have it."""
        count: dict[str, int] = {}
        for name in self.places.values():
            count[name] = count.get(name, 0) + 1
        return {node: count[name] for node, name in self.places.items() if count[name] > 1}

    # -- equality ----------------------------------------------------------------
    def _number(self, table: dict, operations: dict, seen: dict[int, int]) -> tuple:
        """Hash-cons into tables shared with another graph: equal values get equal numbers.

        Each operation object is compared once (``seen``), so nested shared blocks stay linear.
        """
        serial = self._serial
        number, bases = list(range(len(self.inputs))), []
        for node, (op, args, width) in enumerate(zip(self.ops, self.args, self._widths)):
            kind = seen.get(id(op))
            if kind is None:
                kind = seen[id(op)] = operations.setdefault(op, len(operations))
            key = (kind, tuple([number[wire] for wire in args]), serial.get(node))
            base = table.get(key)
            if base is None:
                base = table[key] = table["next"]
                table["next"] += max(1, width)
            bases.append(base)
            number.extend(range(base, base + width))
        dead = ()
        if len(self.order) < len(self):
            reached = set(self.order)
            dead = tuple(sorted(bases[node] for node in self.placed if node not in reached))
        return tuple([number[wire] for wire in self.outputs]), dead

    def equals(self, other: Graph) -> bool:
        """Equality in the free copy-discard category, in linear time."""
        return self is other or (self.inputs == other.inputs and len(self.outputs) == len(other.outputs)
                                 and self._equals(other))

    @once_each(lambda graph, other: (id(graph), id(other)))
    def _equals(self, other: Graph) -> bool:
        alike = 0
        if self.outputs == other.outputs and self.args == other.args:
            alike = self._alike(other)
            if alike == len(self):
                return True             # written alike, as mostly
        table, operations, seen = {"next": len(self.inputs)}, {}, {}
        return self._number(table, operations, seen) == other._number(
            table, operations, {id(b): seen[id(a)] for a, b in zip(self.ops[:alike], other.ops)})

    def _alike(self, other: Graph) -> int:
        """How many operations are equal one by one, from the first on; each pair is compared once."""
        same: set | None = set() if all(
            len(set(map(id, ops))) < len(ops) for ops in (self.ops, other.ops)) else None
        for node, (a, b) in enumerate(zip(self.ops, other.ops)):
            if a is b or (same is not None and (id(a), id(b)) in same):
                continue
            if a != b:
                return node
            if same is not None:
                same.add((id(a), id(b)))
        return len(self)

    @cached_property
    def code(self) -> int:
        """A hash that agrees with :meth:`equals`."""
        code = self._codes(self._serial)
        return hash((self.inputs, tuple(code[wire] for wire in self.outputs), len(self._serial)))
