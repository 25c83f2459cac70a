"""The notation: texts such as ``"y k, x k -> y x"`` that make operations."""

from __future__ import annotations

import re

from ncd.algebra import grammar
from ncd.algebra.convert import ONE, ZERO, Size, _from_tree, as_size, parse_size
from ncd.core.argument import public
from ncd.core.array import Array
from ncd.core.axis import Axis, Label, derived, fresh
from ncd.core.category import Diagram
from ncd.core.graph import Graph
from ncd.core.signature import parse_axis, parse_type, split_top, words
from ncd.errors import AxisError, NcdError, NotationError
from ncd.ops.monoid import MONOIDS, SEMIRINGS, SUM_PRODUCT, Monoid, Semiring
from ncd.ops.multilinear import Einsum, Reindex, Row, View, affine

_GROUP = re.compile(r"(?:([^\s()=]+)=)?\((.*)\)\Z", re.S)


class Term:
    """One word of a pattern: the letter (an axis), or a group of letters merged into one axis."""

    def __init__(self, word: str, whole: str, position: int):
        match = _GROUP.match(word)
        if match:
            self.group = [Term(inner, whole, place) for inner, place in
                          words(match[2], position + match.start(2))]
            if any(term.group is not None for term in self.group):
                raise NotationError("groups do not nest", whole, position)
            size = ONE
            for term in self.group:
                size = size * term.axis.size
            label = match[1] or derived(*(term.axis.label for term in self.group)) or "1"
            self.axis = Axis(label, size)
        else:
            self.group, self.axis = None, parse_axis(word, whole, position)
        self.position = position


def pattern(text: str, arrays: int | None = None) -> tuple[list[list[Term]], list[Term]]:
    """Cut ``"a b, c -> d"`` into the terms of each input and of the output.

    Raises:
        NotationError: No arrow, more than one, a dtype, or a malformed word.
    """
    left, arrow, right = text.partition("->")
    if not arrow:
        raise NotationError("a pattern has an arrow: inputs -> output", text, len(text))
    if "->" in right:
        raise NotationError("a pattern has one arrow", text, len(left) + 2 + right.index("->"))
    if ":" in text:
        raise NotationError("a pattern has no dtypes", text, text.index(":"))
    offset = len(left) + 2
    if "," in right:
        raise NotationError("a pattern has one output", text, offset + right.index(","))
    def terms(piece, place):
        return [Term(word, text, position) for word, position in words(piece, place) if word != "()"]
    pieces = split_top(left, ",", 0, text) if left.strip() else []
    for piece, place in pieces:
        if not piece.strip():
            raise NotationError("an array without axes is written ()", text, place)
    inputs = [terms(piece, place) for piece, place in pieces]
    if arrays is not None and len(inputs) != arrays:
        raise NotationError(f"this pattern takes {arrays} input", text, 0)
    return inputs, terms(right, offset)


def _letters(terms: list[Term], text: str, sizes: dict[str, Size]) -> tuple[Array, list[str]]:
    """The array of a list of terms; a repeated letter becomes a primed label of the same letter."""
    axes, letters = [], []
    for term in terms:
        label = term.axis.label
        known = sizes.setdefault(label, term.axis.size)
        if known != term.axis.size:
            if term.axis.size.name == label:
                term.axis = Axis(label, known)
            elif known.name == label:
                sizes[label] = term.axis.size
            else:
                raise NotationError(f"{label} has two sizes", text, term.position)
        letters.append(str(label))
        axes.append((label, term))
    made: list[Axis] = []
    for label, _ in axes:
        made.append(Axis(fresh(label, [axis.label for axis in made]), sizes[label]))
    return Array(made), letters


@public
def einsum(text: str, semiring: Semiring | str = SUM_PRODUCT, order: str = "least") -> Diagram:
    """A product of arrays summed over the letters that the output lacks.

    Type:      the pattern's: ``"y k, x k -> y x"`` takes y k and x k to y x
    Equation:  out[y, x] = Σ_k a[y, k] b[x, k]  (over another semiring: ⊕ and ⊗)
    A letter repeated in the one array that there is takes its diagonal; ``(a b)`` splits or merges axes.
    Products of several arrays are formed in the order of least work at the sizes of the type, which the
    listing shows; ``order="written"`` takes them from left to right. Floats differ by their rounding.
    Raises:    NotationError, with a caret: a malformed pattern; an output letter that no input has or that
               stands there twice; a letter twice in one of several arrays. SizeError if one letter has two
               sizes.
    Source:    Neural Circuit Diagrams §2 (inner and outer products, transposes, diagonals).

    >>> print(einsum("y k, x k -> y x"))
    y k, x k -> y x
    """
    if isinstance(semiring, str):
        if semiring not in SEMIRINGS:
            raise NcdError(f"no semiring {semiring!r}", want=", ".join(SEMIRINGS))
        semiring = SEMIRINGS[semiring]
    inputs, output = pattern(text)
    _check_letters(text, [*map(_flat, inputs)], _flat(output))
    return _product(text, inputs, output, semiring, order)


def _flat(terms: list[Term]) -> list[Term]:
    """The letters of some terms, groups opened."""
    return [letter for term in terms for letter in (term.group if term.group is not None else [term])]


def _check_letters(text: str, inputs: list[list[Term]], output: list[Term]) -> None:
    """Refuse what is a typo more often than it is meant: it has a notation of its own."""
    known = {term.axis.label for terms in inputs for term in terms}
    for term in output:
        if term.axis.label not in known:
            raise NotationError(f"the output has the letter {term.axis.label}, which no input has", text,
                                term.position, mend=_repetitions(inputs, output, known))
    if (term := _second(output)) is not None:
        x = term.axis.label
        raise NotationError(f"the letter {x} stands twice in the output", text, term.position,
                            mend=[f"for two axes, write {x} and {x}'",
                                  f'for a diagonal, multiply by ncd.construct.derived.unit("{x}", "{x}\'")'])
    for terms in inputs if len(inputs) > 1 else ():
        if (term := _second(terms)) is not None:
            x = term.axis.label
            raise NotationError(f"the letter {x} stands twice in one of several arrays", text, term.position,
                                mend=[f"for two axes, write {x} and {x}'",
                                      f'for a diagonal, take it first: ncd.einsum("{x} {x} -> {x}")'])


def _second(terms: list[Term]) -> Term | None:
    """The first letter that has stood before."""
    seen: set[str] = set()
    return next((t for t in terms if t.axis.label in seen or seen.add(t.axis.label)), None)


def _repetitions(inputs: list[list[Term]], output: list[Term], known: set[str]) -> list[str]:
    """How to write what an output letter without an input may mean."""
    new = [term for term in output if term.axis.label not in known]
    kept = [term for term in output if term.axis.label in known]
    read = [term.axis.label for terms in inputs for term in terms]
    lost = [label for label in read if read.count(label) == 1 and label not in {t.axis.label for t in output}]
    fixes = [f"for one of the summed axes, write {' or '.join(lost)}"] if lost else []
    if not inputs:
        return [f'for an array of ones, ncd.constant(1.0, "{_shown(output)}")']
    left = _shown(kept) or "()"
    repeated = f'ncd.rearrange("{left} -> {_shown(output)}")'
    if len(inputs) > 1 or len(kept) < len(known):
        summed = ", ".join(_shown(terms) or "()" for terms in inputs)
        repeated = f'ncd.einsum("{summed} -> {left}") >> {repeated}'
    return [*fixes, f"to repeat along {' '.join(t.axis.label for t in new)}: {repeated}",
            f'or put it last: ncd.construct.repeat_axis("{_shown(new)}")']


def _shown(terms: list[Term]) -> str:
    return " ".join(str(term.axis) for term in terms)


def cospan(text: str, semiring: Semiring = SUM_PRODUCT) -> Diagram:
    """The einsum of any pattern: of those too that :func:`einsum` refuses, as they are mostly typos.

    An output letter that no input has repeats the result; one that stands twice puts it on a diagonal.

    >>> print(cospan("i -> i i j=2"))
    i -> i i'=i j=2
    """
    return _product(text, *pattern(text), semiring)


def _product(text: str, inputs, output, semiring: Semiring, order: str = "least") -> Diagram:
    """The einsum of a pattern, between the views that its groups are."""
    sizes: dict[str, Size] = {}
    flat_in, flat_out = [*map(_flat, inputs)], _flat(output)
    for terms in (*flat_in, flat_out):  # explicit sizes count wherever they stand
        for term in terms:
            if term.axis.size.name != term.axis.label:
                sizes.setdefault(term.axis.label, term.axis.size)
    parts = [_letters(terms, text, sizes) for terms in flat_in]
    out, out_letters = _letters(flat_out, text, sizes)
    kind = semiring.multiply.kinds[0]
    parts = [(Array(array.axes, kind), letters) for array, letters in parts]
    number = {letter: n for n, letter in enumerate(dict.fromkeys(
        [x for _, letters in parts for x in letters] + out_letters))}
    op = Einsum(tuple(array for array, _ in parts),
                tuple(tuple(number[x] for x in letters) for _, letters in parts),
                Array(out.axes, kind), tuple(number[x] for x in out_letters), semiring, order=order)
    return _with_views(inputs, op, output, sizes)


def _with_views(inputs: list[list[Term]], op: Einsum, output: list[Term], sizes) -> Diagram:
    if not any(term.group is not None for terms in (*inputs, output) for term in terms):
        return op.diagram
    def merged(term):
        size = ONE
        for inner in term.group:
            size = size * sizes[inner.axis.label]
        return Axis(term.axis.label, size)
    def array(terms):
        return Array([merged(t) if t.group is not None else Axis(t.axis.label, sizes[t.axis.label])
                      for t in terms], op.out.dtype)
    arrays = [array(terms) if any(t.group is not None for t in terms) else have
              for terms, have in zip(inputs, op.arrays)]
    graph = Graph(arrays)
    wires = []
    for wire, terms in enumerate(inputs):
        for term in terms:
            if term.group is not None:
                axes = tuple(Axis(t.axis.label, sizes[t.axis.label]) for t in term.group)
                (wire,) = graph.add(View(graph.types[wire], (term.axis.label,), axes), (wire,))
        wires.append(wire)
    (wire,) = graph.add(op, wires)
    for term in output:
        if term.group is not None:
            labels = tuple(t.axis.label for t in term.group)
            (wire,) = graph.add(View(graph.types[wire], labels, (merged(term),)), (wire,))
    graph.outputs = (wire,)
    return Diagram.from_graph(graph)


@public
def rearrange(text: str) -> Diagram:
    """Transpose, split, merge and repeat the axes of one array, as its pattern shows.

    Type:      the pattern's: ``"m=(h k) x -> h x k"``
    Equation:  out[h, x, k] = a[h·|k| + k, x]
    ``(a b)`` is one axis that holds a and b in row-major order; its label is ``a_b``, or m
    in ``m=(a b)``. New letters of the output repeat.
    Raises:    NotationError; AxisError if an axis is lost.

    >>> print(rearrange("x y -> p=(x y)"))
    x y -> p=x*y
    """
    inputs, output = pattern(text, 1)
    (terms,) = inputs
    seen, kept = ({term.axis.label for term in _flat(side)} for side in (terms, output))
    lost = sorted(seen - kept)
    unit = [item.axis for item in terms if item.axis.label in lost and item.axis.size == ONE]
    if unit and len(unit) == len(lost):
        return _squeezed(text, [item.axis for item in terms], unit)
    if lost:
        raise AxisError(f"the axis {', '.join(lost)} is lost in {text!r}",
                        mend="reduce it with ncd.reduce, or index it" + "".join(
                            f', or relabel it: ncd.reindex("{lost[0]} -> {new}={lost[0]}", {lost[0]}="{new}")'
                            for new in sorted(kept - seen)[:1]))
    made = cospan(text)
    graph = Graph(made.dom.inside)
    wires = list(range(len(graph.inputs)))
    for op, args in zip(made.graph.ops, made.graph.args):
        if isinstance(op, Einsum):
            (array,) = op.arrays
            if len(set(op.letters[0])) < len(op.letters[0]) or len(set(op.out_letters)) < len(op.out_letters):
                raise NotationError("a letter stands twice; a diagonal is an einsum", text, 0)
            if array.axes == op.out.axes:
                wires.append(wires[args[0]])
                continue
            op = Reindex(array, op.out.axes, tuple(affine(0, {label: 1}) for label in array.labels))
        wires.extend(graph.add(op, [wires[wire] for wire in args]))
    graph.outputs = tuple(wires[wire] for wire in made.graph.outputs)
    return Diagram.from_graph(graph)


def _squeezed(text: str, axes: list[Axis], unit: list[Axis]) -> Diagram:
    """Drop axes of size 1, then rearrange what is left."""
    left, _, right = text.partition("->")
    labels = tuple(axis.label for axis in unit)
    kept = [word for word, position in words(left) if Term(word, text, position).axis.label not in labels]
    array = Array(axes)
    rest = rearrange(f"{' '.join(kept) or '()'} -> {right}")
    return View(array, labels, ()).diagram >> rest


def _affine_row(text: str, labels: set[str]) -> Row:
    tree = grammar.parse(text)
    divisor = ONE
    if tree[0] == "/":
        divisor, tree = _from_tree(tree[2], text), tree[1]
    size = _from_tree(tree, text)
    terms, offset = [], ZERO
    coefficients: dict[str, Size] = {}
    for monomial, coefficient in size.terms.items():
        inside = [atom for atom, _ in monomial if isinstance(atom, str) and atom in labels]
        inside += [atom for atom, _ in monomial if not isinstance(atom, str)
                   and any(argument.symbols & labels for argument in atom.args)]
        if not inside:
            offset = offset + Size.of({monomial: coefficient})
        elif len(inside) == 1 and dict(monomial)[inside[0]] == 1 and isinstance(inside[0], str):
            rest = tuple(item for item in monomial if item[0] != inside[0])
            coefficients[inside[0]] = coefficients.get(inside[0], ZERO) + Size.of({rest: coefficient})
        else:
            raise NotationError("an index is affine in the output's indices", text, 0)
    terms = tuple((Label(label), c) for label, c in coefficients.items())
    return Row(offset, terms, divisor)


@public
def reindex(text: str, fill: float | None = None, **indices) -> Diagram:
    """Read an array at affine functions of the output's indices.

    Type:      the pattern's: ``reindex("x -> i j=3", x="2*i + j - 1", fill=0)``
    Equation:  out[i, j] = a[2i + j − 1], and ``fill`` where that is out of range
    An input axis that is not named keeps its index. ``"(i + 1)/2"`` is out of range where
    it is not whole. In the indices the output's labels are indices, other names are sizes.
    Raises:    NotationError; AxisError for an axis that is nowhere read.
    Source:    Neural Circuit Diagrams §3 (indexes, subtensors, convolution).

    >>> print(reindex("x -> i=x j=3", x="i + j - 1", fill=0))
    x -> i=x j=3
    """
    inputs, output = pattern(text, 1)
    sizes: dict[str, Size] = {}
    for terms in (*inputs, output):
        for term in terms:
            if term.group is not None:
                raise NotationError("a reindexing has no groups", text, term.position)
            if term.axis.size.name != term.axis.label and terms is not output:
                sizes.setdefault(term.axis.label, term.axis.size)
    array = Array([term.axis for term in inputs[0]])
    axes = Array([Axis(t.axis.label, sizes.get(t.axis.label, t.axis.size))
                  if t.axis.size.name == t.axis.label else t.axis for t in output]).axes
    labels = {str(axis.label) for axis in axes}
    unknown = [label for label in indices if label not in array.labels]
    if unknown:
        raise AxisError(f"no axis {', '.join(unknown)} to index", have=str(array))
    rows = []
    for axis in array.axes:
        index = indices.get(axis.label)
        if index is None:
            if axis.label not in labels:
                raise AxisError(f"the axis {axis.label} is not indexed and not in the output",
                                pattern=text, mend=f'index it: {axis.label}="0", or keep it')
            rows.append(affine(0, {axis.label: 1}))
        else:
            rows.append(_affine_row(str(index), labels))
    return Reindex(array, axes, tuple(rows), None if fill is None else float(fill)).diagram


def monoid(value: Monoid | str) -> Monoid:
    """A monoid by name.

    Raises:
        NcdError: An unknown name (those known are listed).
    """
    if isinstance(value, Monoid):
        return value
    if value not in MONOIDS:
        raise NcdError(f"no monoid {value!r}", want=", ".join(MONOIDS))
    return MONOIDS[value]


def one_axis(text: str) -> Axis:
    """One axis from text.

    Raises:
        NotationError: Not one axis.
    """
    found = words(text)
    if len(found) != 1:
        raise NotationError("one axis is wanted here", text, 0)
    return parse_axis(found[0][0], text, found[0][1])


def one_array(text: str) -> Array:
    """One array from text.

    Raises:
        NotationError: None, or several.
    """
    found = parse_type(text)
    if len(found) != 1:
        raise NotationError(f"one array is wanted, not {len(found) or 'none'}", text or None,
                            mend="a number is ()" if not found else "write one array")
    return found[0]


def axes_of(text: str) -> tuple[Axis, ...]:
    """The axes of a text such as ``"h w=3"``."""
    return tuple(parse_axis(word, text, position) for word, position in words(text) if word != "()")


def labels_of(text: str) -> tuple[Label, ...]:
    """The labels of a text such as ``"h w"``."""
    return tuple(Label(word) for word, _ in words(text))


def size_of(value) -> Size:
    return parse_size(value) if isinstance(value, str) else as_size(value)
