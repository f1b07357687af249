"""Memory plan: where each int8 tensor lies in the arena, from lifetimes alone.

Every tensor is stored time-major, ``[length][channels]``, with margin rows before and after it
that hold the zero point for the convolutions and average pools that read it, so that each window
is one piece (max pooling clips its window instead: its padding must never win).  A convolution may
read its windows in whole words, so up to 3 bytes behind the last one belong to the arena as well.

Each buffer in turn goes to the lowest offset that is free while it lives; the outcome depends on
the order.  The largest first (Pisarchyk & Lee, "Efficient Memory Management for Deep Neural Net
Inference", 2020) misses the optimum for every second network; so other orders follow, until the
arena is as small as the buffers that live together, which no plan can beat.  The emitted C uses
these very offsets, so the arena's bytes are known before compiling.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tinyml_nas.graph.network import INPUT, Network
from tinyml_nas.graph.ops import AvgPool, Conv, DepthwiseConv, Linear

ALIGNMENT_BYTES = 4
ROUNDS = 16
"""Of orders; 199 of 200 random networks reach the optimum, the last one misses it by 16 bytes."""


@dataclass(frozen=True)
class Buffer:
    """One tensor in the arena.

    ``offset`` is where its first margin row begins; the tensor itself begins ``margin_left`` rows
    of ``row_bytes`` later.  ``first`` and ``last`` are node indices: written at ``first`` (-1: by
    the caller) and read for the last time at ``last``.
    """

    name: str
    offset: int
    row_bytes: int
    rows: int
    margin_left: int
    margin_right: int
    first: int
    last: int

    @property
    def data_offset(self) -> int:
        """Arena offset of the first value, in bytes."""
        return self.offset + self.margin_left * self.row_bytes

    @property
    def size_bytes(self) -> int:
        """Bytes with margins."""
        return (self.margin_left + self.rows + self.margin_right) * self.row_bytes


@dataclass(frozen=True)
class MemoryPlan:
    """Buffers by tensor name and the bytes of the arena that holds them."""

    buffers: Mapping[str, Buffer]
    arena_bytes: int


def plan_memory(network: Network) -> MemoryPlan:
    """Place every tensor of ``network`` so that no two live buffers overlap."""
    index = {node.name: i for i, node in enumerate(network.nodes)}
    first = {INPUT: -1, **index}
    last = dict(first)  # what nobody reads still lives while it is written
    margins, overread = dict.fromkeys(first, (0, 0)), dict.fromkeys(first, 0)
    for i, node in enumerate(network.nodes):
        for name in node.inputs:
            last[name] = i
            if isinstance(node.op, Conv | DepthwiseConv | AvgPool):
                old = margins[name]
                margins[name] = (max(old[0], node.op.pad[0]), max(old[1], node.op.pad[1]))
            if isinstance(node.op, Conv | DepthwiseConv | Linear):
                window = node.op.weight_count(network.input_shapes(node))
                window //= network.shapes[node.name].channels
                overread[name] = max(overread[name], -window % ALIGNMENT_BYTES)
    last[network.output] = len(network.nodes)  # the caller reads it after the run

    def size(name: str) -> int:
        shape = network.shapes[name]
        return (sum(margins[name]) + shape.length) * shape.channels

    spans = {name: _Span(_align(size(name)), first[name], last[name]) for name in first}
    offsets = _place(spans)
    buffers = {}
    for name, offset in offsets.items():
        shape = network.shapes[name]
        buffers[name] = Buffer(
            name, offset, shape.channels, shape.length, *margins[name], first[name], last[name]
        )
    arena = max(b.offset + b.size_bytes + overread[name] for name, b in buffers.items())
    return MemoryPlan({name: buffers[name] for name in first}, _align(arena))


class _Span(NamedTuple):
    """Bytes of a buffer, and the first and the last node of its life."""

    size: int
    first: int
    last: int


Key = Callable[[_Span], tuple[int, ...]]


def _place(spans: Mapping[str, _Span]) -> Mapping[str, int]:
    """Offset by name in the smallest arena that is found."""
    steps = range(-1, max(span.last for span in spans.values()) + 1)
    least = max(sum(s.size for s in spans.values() if s.first <= i <= s.last) for i in steps)
    best: Mapping[str, int] = {}
    smallest, orders = math.inf, _orders(spans)
    for _ in range(ROUNDS):
        for order in orders:
            offsets = _in_order(spans, order)
            ends = {name: offset + spans[name].size for name, offset in offsets.items()}
            top = max(order, key=ends.__getitem__)
            arena = ends[top]
            if arena < smallest:
                best, smallest = offsets, arena
            if arena == least:
                return best
            order.insert(0, order.pop(order.index(top)))  # in the next round it goes first
    return best


def _orders(spans: Mapping[str, _Span]) -> list[list[str]]:
    """Orders in which to place buffers."""
    keys: tuple[Key, ...] = (
        lambda span: (-span.size, span.first),
        lambda span: (span.first % 2, -span.size),  # a chain: to and fro between two ends
        lambda span: (-(span.first % 2), -span.size),
        lambda span: (span.first - span.last, -span.size),
    )
    return [[name for name, _ in sorted(spans.items(), key=_by(key))] for key in keys]


def _by(key: Key) -> Callable[[tuple[str, _Span]], tuple[int, ...]]:
    return lambda item: key(item[1])


def _in_order(spans: Mapping[str, _Span], order: Sequence[str]) -> dict[str, int]:
    """Offset by name when each buffer goes as low as those before it allow."""
    placed: dict[str, int] = {}
    for name in order:
        size, first, last = spans[name]
        busy = sorted(
            (start, start + spans[other].size)
            for other, start in placed.items()
            if spans[other].first <= last and first <= spans[other].last
        )
        offset = 0
        for start, end in busy:
            if offset + size <= start:
                break
            offset = max(offset, end)
        placed[name] = offset
    return placed


def _align(size_bytes: int) -> int:
    return -(-size_bytes // ALIGNMENT_BYTES) * ALIGNMENT_BYTES
