"""Ologs and wiring diagrams: finite graphs labelled by types, compared by edit distance.

An olog is a presented category: types, functional arrows ("aspects") and facts, equations
between paths. Each arrow is an opaque operation on indices, a path is a diagram, a fact is
two diagrams that an instance must make equal; an instance is a functor, so an interpretation.

A *skeleton* is a simple directed acyclic graph that has no arrow a → b beside a longer path
from a to b. A wiring diagram is a skeleton whose vertices carry types of an olog. Two of them
are analogous as far as few edits lead from one to the other.

Source: Lo, arXiv 2402.01020. The list of edit operations below is a stand-in, and a parameter:
each operation costs 1, can be undone, and stays among skeletons.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import combinations, permutations, product
from typing import NamedTuple

from ncd.construct.generators import opaque
from ncd.core.category import Diagram, Ty
from ncd.ops.control import Opaque


class Wiring(NamedTuple):
    """A graph with labelled vertices: ``labels[v]`` is the type of v, arrows are pairs (v, w)."""

    labels: tuple[str, ...]
    arrows: frozenset[tuple[int, int]] = frozenset()

    def canonical(self) -> Wiring:
        """The same graph up to isomorphism: the least of its renumberings."""
        n = len(self.labels)

        def renumbered(order):
            place = {vertex: position for position, vertex in enumerate(order)}
            return tuple(self.labels[v] for v in order), sorted((place[a], place[b]) for a, b in self.arrows)

        labels, arrows = min(map(renumbered, permutations(range(n))))
        return Wiring(labels, frozenset(arrows))


def descendants(arrows: Iterable[tuple[int, int]], start: int) -> set[int]:
    """The vertices that a path of at least one arrow leads to."""
    found, stack = set(), [start]
    while stack:
        here = stack.pop()
        new = {b for a, b in arrows if a == here} - found
        found |= new
        stack.extend(new)
    return found


def is_skeleton(wiring: Wiring) -> bool:
    """Whether there is no cycle, and no arrow beside a longer path."""
    arrows = wiring.arrows
    below = {v: descendants(arrows, v) for v in range(len(wiring.labels))}
    return all(v not in below[v] for v in below) and not any(
        b in below[c] for a, b in arrows for d, c in arrows if d == a and c != b)


def skeletons(n: int, labels: Iterable[str] = ("",)) -> set[Wiring]:
    """Every skeleton on n vertices up to isomorphism, with every choice of labels."""
    pairs = list(combinations(range(n), 2))     # an acyclic graph can be numbered along its arrows
    shapes = {Wiring(("",) * n, frozenset(arrows)).canonical()
              for k in range(len(pairs) + 1) for arrows in combinations(pairs, k)
              if is_skeleton(Wiring(("",) * n, frozenset(arrows)))}
    return {Wiring(named, shape.arrows).canonical()
            for shape in shapes for named in product(tuple(labels), repeat=n)}


# -- edits: each takes a wiring and the arrows of the olog, and yields simpler or changed ones ----
def _without(wiring: Wiring, vertex: int, arrows: Iterable[tuple[int, int]]) -> Wiring:
    keep = [v for v in range(len(wiring.labels)) if v != vertex]
    place = {v: i for i, v in enumerate(keep)}
    return Wiring(tuple(wiring.labels[v] for v in keep),
                  frozenset((place[a], place[b]) for a, b in arrows))


def delete_vertex(wiring: Wiring, olog) -> Iterator[Wiring]:
    """Take away a vertex that no arrow touches."""
    for v in range(len(wiring.labels)):
        if not any(v in arrow for arrow in wiring.arrows):
            yield _without(wiring, v, wiring.arrows)


def delete_arrow(wiring: Wiring, olog) -> Iterator[Wiring]:
    """Take away an arrow."""
    for arrow in wiring.arrows:
        yield Wiring(wiring.labels, wiring.arrows - {arrow})


def relabel_vertex(wiring: Wiring, olog) -> Iterator[Wiring]:
    """Replace a type by another one along one arrow of the olog."""
    for v, label in enumerate(wiring.labels):
        for source, target in olog:
            if source == label:
                yield Wiring((*wiring.labels[:v], target, *wiring.labels[v + 1:]), wiring.arrows)


def contract_arrow(wiring: Wiring, olog) -> Iterator[Wiring]:
    """Merge the two ends of an arrow into one vertex of either type."""
    for a, b in wiring.arrows:
        for label in (wiring.labels[a], wiring.labels[b]):
            labels = (*wiring.labels[:a], label, *wiring.labels[a + 1:])
            moved = {(a if p == b else p, a if q == b else q) for p, q in wiring.arrows if (p, q) != (a, b)}
            yield _without(Wiring(labels, frozenset(moved)), b, moved)


EDITS: tuple[Callable, ...] = (delete_vertex, delete_arrow, relabel_vertex, contract_arrow)


def edit_graph(types: Iterable[str], olog: Iterable[tuple[str, str]], most: int,
               edits: Iterable[Callable] = EDITS) -> dict[Wiring, set[Wiring]]:
    """Each wiring of at most ``most`` vertices with those one edit away, forwards or backwards."""
    states = {state for n in range(most + 1) for state in skeletons(n, types)}
    near: dict[Wiring, set[Wiring]] = {state: set() for state in states}
    for state in states:
        for edit in edits:
            for made in edit(state, tuple(olog)):
                made = made.canonical()
                if made in near and made != state:
                    near[state].add(made)
                    near[made].add(state)
    return near


def distance(near: dict[Wiring, set[Wiring]], start: Wiring, end: Wiring) -> int | None:
    """The least number of edits between two wirings; None where no edits lead there."""
    start, end = start.canonical(), end.canonical()
    reached, front, steps = {start}, {start}, 0
    while front and end not in front:
        front = {new for old in front for new in near[old]} - reached
        reached |= front
        steps += 1
    return steps if front else None


# -- as diagrams ---------------------------------------------------------------------------
def wiring_diagram(wiring: Wiring, sizes: dict[str, str]) -> Diagram:
    """Each vertex a process named by its type, each arrow the wire that carries its result.

    Type:      -> the results that no arrow takes on
    ``sizes`` gives the array that each type's process makes, as text.
    """
    order, nodes, wires = [], [], {}
    while len(order) < len(wiring.labels):      # along the arrows
        order += [v for v in range(len(wiring.labels)) if v not in order
                  and all(a in order for a, b in wiring.arrows if b == v)]
    for position, v in enumerate(order):
        before = sorted(a for a, b in wiring.arrows if b == v)
        dom = [Ty(sizes[wiring.labels[a]]).inside[0] for a in before]
        nodes.append((Opaque(wiring.labels[v], tuple(dom), Ty(sizes[wiring.labels[v]]).inside),
                      [wires[a] for a in before]))
        wires[v] = position
    ends = [v for v in range(len(wiring.labels)) if not any(a == v for a, _ in wiring.arrows)]
    return Diagram.of(Ty(), nodes, [wires[v] for v in ends])


WORKS_IN = opaque("works in", "() : index(employee) -> () : index(department)")
MANAGER = opaque("is managed by", "() : index(employee) -> () : index(employee)")
SECRETARY = opaque("has as secretary", "() : index(department) -> () : index(employee)")

FACTS = {"a secretary works in the department": (SECRETARY >> WORKS_IN,
                                                 Diagram.id("() : index(department)")),
         "a manager works in the same department": (MANAGER >> WORKS_IN, WORKS_IN)}
"""The facts of an olog of three aspects: pairs of paths that every instance makes equal."""
