"""The best order of a series-parallel problem, by hills and valleys.

Jobs under a partial order, each with the bytes that it needs while it runs and those that it leaves
or gives back, fixed numbers: the cumulative cost problem. Where the order is series-parallel, its
optimum is found by composing optimal sequences. Those of a series are put one after the other. Those
of parts without relation are cut where the fewest bytes are live; what stands after the cut falls
into segments from a valley over a hill to the next valley, which are merged by decreasing
(hill - valley), and what stands before it likewise in reversed time.

Sources: Liu, An application of generalized tree pebbling to sparse matrix factorization, 1987 (trees);
Abdel-Wahab, Kameda, Scheduling to minimize maximum cumulative cost subject to series-parallel
precedence constraints, 1978; Kayaaslan, Lambert, Marchal, Uçar, Scheduling series-parallel task
graphs to minimize peak memory, 2018.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

Order = list[int]


def merged(parts: Sequence[Order], need: Mapping[int, float], change: Mapping[int, float]) -> Order:
    """One sequence of least peak out of sequences without relation, each optimal for its part.

    >>> need, change = {0: 5, 1: 1, 2: 9, 3: 1}, {0: 4, 1: -4, 2: 1, 3: -1}
    >>> merged([[0, 1], [2, 3]], need, change)
    [2, 3, 0, 1]
    """
    if len(parts) == 1:
        return list(parts[0])
    left: list[tuple[float, int, int, Order]] = []
    right: list[tuple[float, int, int, Order]] = []
    for number, part in enumerate(parts):
        levels = [0.0]
        for node in part:
            levels.append(levels[-1] + change[node])
        peaks = [levels[i] + need[node] for i, node in enumerate(part)]
        cut = levels.index(min(levels))
        for count, (drop, start, stop) in enumerate(_segments(levels[cut:], peaks[cut:])):
            right.append((-drop, number, count, part[cut + start:cut + stop]))
        for count, (drop, start, stop) in enumerate(_segments(levels[cut::-1], peaks[:cut][::-1])):
            left.append((-drop, number, count, part[cut - stop:cut - start]))
    left.sort(key=lambda item: item[:3])
    right.sort(key=lambda item: item[:3])
    return [node for *_, nodes in (*reversed(left), *right) for node in nodes]


def _segments(levels: Sequence[float], peaks: Sequence[float]) -> list[tuple[float, int, int]]:
    """(hill - valley, start, stop) of a sequence whose first level is its lowest."""
    count = len(peaks)
    # The highest peak from each place on, and the lowest level from each place on; the last of equals.
    high, low = [0] * count, [count] * (count + 1)
    for i in range(count - 1, -1, -1):
        high[i] = i if i == count - 1 or peaks[i] > peaks[high[i + 1]] else high[i + 1]
        low[i] = i if levels[i] < levels[low[i + 1]] else low[i + 1]
    found, start = [], 0
    while start < count:
        hill = high[start]
        stop = low[hill + 1]
        found.append((peaks[hill] - levels[stop], start, stop))
        start = stop
    return found


def series(nodes: Sequence[int], before: Sequence[Sequence[int]],
           after: Sequence[Sequence[int]]) -> list[Order]:
    """The parts of which each stands wholly before the next, in any order of the nodes.

    Parameters:
        nodes: A convex set in a topological order.
        before, after: For each node those directly before and after it.

    A cut is one if each node that has none after it on this side is directly before each that has
    none before it on the other side; one sweep counts those pairs.
    """
    inside = set(nodes)
    waiting = {node: sum(parent in inside for parent in before[node]) for node in nodes}
    sources = {node for node in nodes if waiting[node] == 0}
    sinks: set[int] = set()
    pairs, parts, start = 0, [], 0
    for place, node in enumerate(nodes, 1):
        sources.discard(node)
        pairs -= sum(parent in sinks for parent in before[node])
        for parent in before[node]:
            if parent in sinks:
                sinks.discard(parent)
                pairs -= sum(child in sources for child in after[parent])
        sinks.add(node)
        for child in after[node]:
            if child in inside:
                waiting[child] -= 1
                if waiting[child] == 0:
                    sources.add(child)
                    pairs += sum(parent in sinks for parent in before[child])
        if place < len(nodes) and pairs == len(sinks) * len(sources):
            parts.append(list(nodes[start:place]))
            start = place
    if start < len(nodes):
        parts.append(list(nodes[start:]))
    return parts


def components(nodes: Sequence[int], before: Sequence[Sequence[int]],
               tied: Sequence[Sequence[int]] = ()) -> list[Order]:
    """The parts without a relation between them, each in the order given.

    Parameters:
        tied: Sets of nodes that stay together besides.
    """
    leader = {node: node for node in nodes}

    def find(node: int) -> int:
        while leader[node] != node:
            leader[node] = leader[leader[node]]
            node = leader[node]
        return node
    for node in nodes:
        for parent in before[node]:
            if parent in leader:
                leader[find(parent)] = find(node)
    for group in tied:
        group = [node for node in group if node in leader]
        for node in group[1:]:
            leader[find(node)] = find(group[0])
    found: dict[int, Order] = {}
    for node in nodes:
        found.setdefault(find(node), []).append(node)
    return list(found.values())


def composed(nodes: Sequence[int], before: Sequence[Sequence[int]], after: Sequence[Sequence[int]],
             need: Mapping[int, float], change: Mapping[int, float],
             otherwise: Callable[[Order], Order]) -> tuple[Order, bool]:
    """An order of the nodes, and whether it is known to be optimal: whether all is series-parallel.

    Parameters:
        otherwise: The order of a part that is neither a series nor parallel.
    """
    # A task is a part with the kinds of split still to try; its results wait on a stack.
    exact = True
    done: list[Order] = []
    tasks: list[tuple] = [("open", list(nodes), "series")]
    while tasks:
        kind, what, split = tasks.pop()
        if kind == "series":
            parts = [done.pop() for _ in range(what)][::-1]
            done.append([node for part in parts for node in part])
        elif kind == "parallel":
            parts = [done.pop() for _ in range(what)][::-1]
            done.append(merged(parts, need, change))
        elif len(what) == 1:
            done.append(what)
        else:
            parts = series(what, before, after) if split == "series" else components(what, before)
            if len(parts) == 1:
                other = components(what, before) if split == "series" else series(what, before, after)
                if len(other) == 1:
                    exact = False
                    done.append(otherwise(what))
                    continue
                parts, split = other, "parallel" if split == "series" else "series"
            tasks.append((split, len(parts), ""))
            tasks.extend(("open", part, "parallel" if split == "series" else "series")
                         for part in reversed(parts))
    return done[0], exact
