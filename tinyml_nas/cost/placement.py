"""Places buffers in the smallest arena that is found, and stops where none can be smaller.

Two buffers that live at once lie apart.  Where one is written while the other is read for the last
time, the first may instead begin a *gap* below the second and reach into it.

Each buffer in turn goes to the lowest offset that is free while it lives; some order leads to the
smallest arena.  The largest first (Pisarchyk & Lee, "Efficient Memory Management for Deep Neural
Net Inference", 2020) is one guess among others; each is also tried with every buffer behind those
that may reach into it, and in the next round the buffer on top goes first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations, cycle, permutations
from typing import NamedTuple

PATIENCE = 30
"""Orders after which to stop if none was better: 398 of 400 small networks get the optimum."""


class Span(NamedTuple):
    """Bytes of a buffer, and the first and the last node of its life."""

    size: int
    first: int
    last: int


Spans = dict[str, Span]
"""In the order of execution."""
Gaps = dict[tuple[str, str], int]
"""For a buffer and one that it may reach into: by how much it begins below it then."""
_Neighbors = Mapping[str, Sequence[tuple[str, int, int]]]


def place(spans: Spans, gaps: Gaps) -> Mapping[str, int]:
    """Offset of each buffer in the smallest arena that is found."""
    neighbors, least = _neighbors(spans, gaps), most_live(spans, gaps)
    best: Mapping[str, int] = {}
    smallest, patience = 1 + sum(span.size for span in spans.values()), PATIENCE
    for order in cycle(_orders(spans, gaps)):
        offsets = _in_order(neighbors, order)
        ends = {name: offset + spans[name].size for name, offset in offsets.items()}
        top = max(ends, key=ends.__getitem__)
        patience -= 1
        if ends[top] < smallest:
            best, smallest, patience = offsets, ends[top], PATIENCE
            if smallest <= max(least, longest_chain(spans, gaps, smallest)):
                break
        if patience == 0:
            break
        order.insert(0, order.pop(order.index(top)))  # when its turn comes again
    return best


def _neighbors(spans: Spans, gaps: Gaps) -> _Neighbors:
    """For each buffer those that live with it: by how much it is to lie below them, or above."""
    neighbors: dict[str, list[tuple[str, int, int]]] = {name: [] for name in spans}
    for (a, one), (b, other) in combinations(spans.items(), 2):
        if one.first <= other.last and other.first <= one.last:
            up, down = gaps.get((a, b), one.size), gaps.get((b, a), other.size)
            neighbors[a].append((b, up, down))
            neighbors[b].append((a, down, up))
    return neighbors


def _in_order(neighbors: _Neighbors, order: Iterable[str]) -> dict[str, int]:
    """Offset by name when each buffer goes as low as those before it allow."""
    placed: dict[str, int] = {}
    for name in order:
        taken = [
            (placed[other] - below, placed[other] + above)
            for other, below, above in neighbors[name]
            if other in placed
        ]
        offset = 0
        for start, end in sorted(taken):
            if offset <= start:
                break
            offset = max(offset, end)
        placed[name] = offset
    return placed


def _orders(spans: Spans, gaps: Gaps) -> Iterator[list[str]]:
    """Orders in which to place buffers."""
    writers = {read: written for written, read in gaps}
    by_size = sorted(spans, key=lambda name: -spans[name].size)
    by_life = sorted(spans, key=lambda name: spans[name].first - spans[name].last)
    yield by_size.copy()
    yield _behind(writers, by_size)
    yield _behind(writers, by_life)
    yield list(reversed(spans))  # the last layer first


def _behind(writers: Mapping[str, str], order: Iterable[str]) -> list[str]:
    """``order``, but each buffer comes after the one that may reach into it."""
    moved: dict[str, None] = {}
    for name in order:
        family = [name]
        while (writer := writers.get(family[-1])) is not None and writer not in moved:
            family.append(writer)
        moved |= dict.fromkeys(reversed(family))
    return list(moved)


def longest_chain(spans: Spans, gaps: Gaps, arena: int) -> int:
    """Bytes that any arena smaller than ``arena`` needs; if they are no fewer, there is none.

    Two buffers too large to lie apart in it must overlap, so along a chain of layers gaps add up.
    """
    offsets = dict.fromkeys(spans, 0)
    for (written, read), gap in reversed(gaps.items()):
        if spans[written].size + spans[read].size >= arena:
            offsets[read] = max(offsets[read], offsets[written] + gap)
    return max(offset + spans[name].size for name, offset in offsets.items())


def most_live(spans: Spans, gaps: Gaps) -> int:
    """Bytes that any arena needs, for what lives in one step must find a place."""
    live: dict[int, int] = defaultdict(int)
    for size, first, last in spans.values():
        for step in range(first, last + 1):
            live[step] += size
    overlapped: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for (written, read), gap in gaps.items():
        overlapped[written].append((gap, spans[read].size))
    for written, reads in overlapped.items():
        size, step, _ = spans[written]
        live[step] -= size + sum(read for _, read in reads)
        live[step] += min(_stacked(size, order) for order in permutations(reads))
    return max(live.values())


def _stacked(size: int, reads: Sequence[tuple[int, int]]) -> int:
    """Bytes of a buffer and of those, (gap, size) each, that it reaches into, from low to high."""
    bottom = top = reads[0][0]
    for gap, read in reads:
        top = max(top, gap) + read
    return max(top, size) - min(bottom, 0)
