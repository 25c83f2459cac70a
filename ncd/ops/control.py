"""Operations that hold a diagram or stand for a function: block, scan, broadcast, opaque."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from ncd.algebra.convert import Size, as_size
from ncd.core.array import Array
from ncd.core.axis import Axis, Label
from ncd.core.category import Diagram
from ncd.core.op import Operation, check_place
from ncd.errors import ArityError, AxisError, SizeError
from ncd.ops.picture import Glyph


def is_placed(diagram: Diagram) -> bool:
    return any(op.place is not None for op in diagram.graph.ops)


def _settle(op: Operation) -> None:
    """Ask now what the body inside answers from its cache, so that nothing recurses over nesting."""
    if op.place is not None:
        check_place(op.title, f"a {type(op).__name__.lower()} with parameters or keys")
    op.deterministic, hash(op)


@dataclass(frozen=True)
class Block(Operation):
    """A named diagram as one box: interpreted once and shared wherever it stands.

    Type:      that of its body
    Its place, if the body has parameters or keys, is its title.
    """

    title: str
    body: Diagram
    tied: bool = False
    source: str = field(default="", compare=False)

    def __post_init__(self):
        super().__post_init__()
        _settle(self)

    @property
    def dom(self):
        return self.body.dom.inside

    @property
    def cod(self):
        return self.body.cod.inside

    @cached_property
    def place(self):
        return self.title if is_placed(self.body) else None

    @cached_property
    def deterministic(self):
        return all(op.deterministic for op in self.body.graph.ops)

    @cached_property
    def elementwise(self):
        return all(op.elementwise for op in self.body.graph.ops)

    @property
    def name(self) -> str:
        return self.title

    def definition(self):
        return self.body

    def extend(self, arrays):
        return Block(self.title, Diagram.align(self.body, arrays), self.tied, self.source)


@dataclass(frozen=True)
class Scan(Operation):
    """Run a diagram a number of times, the outputs of a step the states of the next.

    Type:      states, sequences[axis], constants -> states, outputs[axis]
    Equation:  (s_{i+1}, y_i) = body(s_i, x_i, c),  i = 0 … length−1 (from the end if reversed)
    The body has the type: states, steps of the sequences, constants -> states, outputs.
    Parameters inside are stacked, one for each step, unless they are shared; keys always
    differ from step to step.
    """

    body: Diagram
    axis: Axis
    states: int
    arrays: tuple[Array, ...]
    reverse: bool = False
    share: bool = False
    title: str = "scan"
    tied: bool = False
    lifted: tuple[Label, ...] = ()

    primitive = True

    def __post_init__(self):
        super().__post_init__()
        dom, cod = self.body.dom.inside, self.body.cod.inside
        if not 0 <= self.states <= len(dom):
            raise ArityError(f"a body of {len(dom)} inputs has no {self.states} states")
        have = dom[:self.states]
        if len(cod) < self.states or cod[:self.states] != have:
            raise AxisError("a scan's body returns its states with the types they came with",
                            have=", ".join(map(str, cod[:self.states])) or "nothing",
                            want=", ".join(map(str, have)))
        if len(self.arrays) != len(dom):
            raise ArityError("a scan takes what its body takes",
                             have=str(len(self.arrays)), want=str(len(dom)))
        for outer, inner in zip(self.arrays, dom):
            if outer != inner and not (self.axis in outer.axes
                                       and outer.without(self.axis.label) == inner.axes):
                raise AxisError("a scan's input is neither its body's nor a sequence of it",
                                have=str(outer), want=f"`{inner}` with or without {self.axis}")
        _settle(self)

    @property
    def dom(self):
        return self.arrays

    @cached_property
    def sequences(self) -> tuple[int, ...]:
        """The positions of the inputs that are read one step at a time."""
        return tuple(i for i, (outer, inner) in enumerate(zip(self.arrays, self.body.dom.inside))
                     if outer != inner)

    @cached_property
    def cod(self):
        steps = self.body.cod.inside
        return (*steps[:self.states], *(self.stacked(array) for array in steps[self.states:]))

    def stacked(self, array: Array) -> Array:
        """The array of all steps: the scanned axis after the lifted ones, before the rest."""
        count = 0
        while count < len(array.axes) and array.axes[count].label in self.lifted:
            count += 1
        return array.with_axes((*array.axes[:count], self.axis, *array.axes[count:]))

    @property
    def own(self):
        return super().own | {self.axis.label}

    @property
    def length(self) -> Size:
        return self.axis.size

    @cached_property
    def place(self):
        return self.title if is_placed(self.body) else None

    @cached_property
    def deterministic(self):
        return all(op.deterministic for op in self.body.graph.ops)

    @property
    def name(self) -> str:
        return f"{self.title}[{self.axis}{' reversed' if self.reverse else ''}]"

    def extend(self, arrays):
        """Lift the body; states take every lifted axis, by repetition where they lack it."""
        from ncd.core.op import lifted_axes
        # Lifted again from what was lifted first, so that the order does not depend on the stages.
        base = tuple(array.with_axes(array.without(*self.lifted)) for array in self.arrays)
        extra = lifted_axes(base, arrays)
        wanted = [Array((*extra, *a.without(*(e.label for e in extra))), a.dtype, a.bound)
                  if i < self.states else a for i, a in enumerate(arrays)]
        inner = tuple(a.with_axes(a.without(self.axis.label)) if i in self.sequences else a
                      for i, a in enumerate(wanted))
        body = Diagram.align(self.body, inner)
        body = _with_outputs(body, inner[:self.states])
        lifted = tuple(axis.label for axis in extra)
        scan = Scan(body, self.axis, self.states, tuple(wanted), self.reverse, self.share,
                    self.title, self.tied, lifted)
        return Diagram.arrange(arrays, wanted) >> scan.diagram


def _with_outputs(body: Diagram, states: tuple[Array, ...]) -> Diagram:
    """The body with its state outputs transposed and repeated to given types."""
    have = list(body.cod.inside)
    want = [*states, *have[len(states):]]
    return body if have == want else body >> Diagram.arrange(have, want)


@dataclass(frozen=True)
class Broadcast(Operation):
    """An operation lifted to inputs with more axes: the general form of broadcasting.

    Type:      arrays -> the operation's results with the lifted axes placed
    Equation:  out[p] = op(arrays_i[p restricted to the axes that input i has])
    """

    op: Operation
    arrays: tuple[Array, ...]

    def __post_init__(self):
        super().__post_init__()
        if len(self.arrays) != len(self.op.dom):
            raise ArityError(f"`{self.op.name}` is broadcast to another number of arrays",
                             have=str(len(self.arrays)), want=str(len(self.op.dom)))
        for have, want in zip(self.arrays, self.op.dom):
            if have.dtype != want.dtype or not set(want.axes) <= set(have.axes):
                raise AxisError(f"`{self.op.name}` is broadcast to an array without its axes",
                                have=str(have), want=str(want))

    @property
    def dom(self):
        return self.arrays

    @cached_property
    def cod(self):
        return tuple(self.op.lifted_result(self.arrays, array) for array in self.op.cod)

    @property
    def primitive(self):
        return self.op.expansion is None

    @property
    def place(self):
        return self.op.place

    @property
    def tied(self):
        return self.op.tied

    @property
    def deterministic(self):
        return self.op.deterministic

    @property
    def elementwise(self):
        return self.op.elementwise

    @property
    def linear(self):
        return self.op.linear

    @property
    def multilinear(self):
        return self.op.multilinear

    @property
    def own(self):
        return self.op.own

    @property
    def name(self) -> str:
        return self.op.name

    def definition(self):
        body = self.op.expansion
        if body is None:
            return None
        made = Diagram.align(body, self.arrays)
        return made if made.cod.inside == self.cod else made >> Diagram.arrange(made.cod.inside, self.cod)

    def extend(self, arrays):
        return Broadcast(self.op, arrays)


@dataclass(frozen=True)
class Opaque(Operation):
    """A function of your own, known by its name: each interpretation is told about it or refuses.

    Type:      inputs -> outputs
    Cost:      as stated (FLOP, calls), or None: then a cost's rule is wanted
    Flags:     as given; deterministic unless said otherwise
    Raises:    SizeError: A stated cost in sizes that the type does not have, or below 0.
    """

    title: str
    inputs: tuple[Array, ...]
    outputs: tuple[Array, ...]
    deterministic: bool = True
    linear: tuple[int, ...] = ()
    glyph: Glyph | None = field(default=None, compare=False)
    flops: Size | None = None
    transcendentals: Size | None = None

    primitive = True

    def __post_init__(self):
        super().__post_init__()
        known = {name for array in (*self.inputs, *self.outputs) for axis in array.axes
                 for name in axis.size.symbols}
        for name in ("flops", "transcendentals"):
            if getattr(self, name) is None:
                continue
            size = as_size(getattr(self, name))
            object.__setattr__(self, name, size)
            unknown = sorted(size.symbols - known)
            if unknown or (size.constant is not None and size.constant < 0):
                raise SizeError(f"the {name} of `{self.title}` are in sizes that its type does not have"
                                if unknown else f"the {name} of `{self.title}` are below 0",
                                have=", ".join(unknown) or str(size),
                                want=", ".join(sorted(known)) or "a number",
                                mend="name those sizes in the type, as in x=n" if unknown else None)

    @property
    def stated(self) -> bool:
        """Whether it says what it costs."""
        return self.flops is not None or self.transcendentals is not None

    @property
    def dom(self):
        return self.inputs

    @property
    def cod(self):
        return self.outputs

    @property
    def place(self):
        return None if self.deterministic else self.title

    @property
    def name(self) -> str:
        return self.title


