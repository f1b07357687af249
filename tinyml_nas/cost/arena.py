"""Memory plan: where each int8 tensor lies in the arena, from lifetimes and the order of reads.

Every tensor is stored time-major, ``[length][channels]``, with margin rows before and after it
that hold the zero point for the convolutions and average pools that read it, so that each window
is one piece, or one for each tap where they lie apart (max pooling clips its window instead: its
padding must never win).  A convolution may read these in whole words, so up to 3 bytes behind the
last one belong to the arena as well.

Where weights are packed, a piece of the arena takes those that are unpacked (`packing.py`); where
windows are gathered, it takes these (`dilation.py`).  It lives as long as its layer runs.

An output may overwrite the input that its layer is the last to read, as far as the layer has read
it (`overlap.py`); so margins are filled late, by the first layer that reads the tensor.
`placement.py` looks for the smallest arena.  The emitted C uses these very offsets, so the arena's
bytes are known before compiling.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tinyml_nas.cost.dilation import gathered_bytes, runs
from tinyml_nas.cost.overlap import leads
from tinyml_nas.cost.packing import is_packed, scratch_bytes
from tinyml_nas.cost.placement import Span, place
from tinyml_nas.graph.network import INPUT, Network, Node
from tinyml_nas.graph.ops import AvgPool, Conv, DepthwiseConv, Linear

ALIGNMENT_BYTES = 4


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
    """Buffers by tensor name and the bytes of the arena that holds them.

    ``scratch`` holds, by name of their layer, the pieces that packed weights are unpacked into,
    or windows are gathered into.
    """

    buffers: Mapping[str, Buffer]
    arena_bytes: int
    scratch: Mapping[str, Buffer]


def plan_memory(network: Network) -> MemoryPlan:
    """Place every tensor of ``network`` so that it is whole as long as somebody reads it."""
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
                _, run = runs(network, node)
                overread[name] = max(overread[name], -run % ALIGNMENT_BYTES)
    last[network.output] = len(network.nodes)  # the caller reads it after the run
    spans = {
        name: Span(_align((length + sum(margins[name])) * channels), first[name], last[name])
        for name, (channels, length) in network.shapes.items()
    }
    before = {name: margins[name][0] * network.shapes[name].channels for name in first}
    gaps = {
        (node.name, name): min(
            spans[node.name].size, _align(before[node.name] + lead - before[name])
        )
        for i, node in enumerate(network.nodes)
        for name, lead in leads(network, node).items()
        if last[name] == i
    }
    pieces = {
        _scratch_name(node): Span(_align(size), i, i)
        for i, node in enumerate(network.nodes)
        if (size := scratch_bytes(network, node) or gathered_bytes(network, node))
    }
    offsets = place(spans | pieces, gaps)
    buffers = {
        name: Buffer(name, offsets[name], channels, length, *margins[name], first[name], last[name])
        for name, (channels, length) in network.shapes.items()
    }
    scratch = {
        node.name: Buffer(name, offsets[name], 1, span.size, 0, 0, span.first, span.last)
        for node in network.nodes
        if (span := pieces.get(name := _scratch_name(node)))
    }
    ends = [b.offset + b.size_bytes + overread[name] for name, b in buffers.items()]
    ends += [b.offset + b.size_bytes for b in scratch.values()]
    return MemoryPlan(buffers, _align(max(ends)), scratch)


def _scratch_name(node: Node) -> str:
    """What the piece of the arena is called that ``node`` unpacks or gathers into."""
    return f"{'weights' if is_packed(node) else 'windows'} of {node.name}"


def _align(size_bytes: int) -> int:
    return -(-size_bytes // ALIGNMENT_BYTES) * ALIGNMENT_BYTES
