"""How far a layer's output may reach into an input that nobody reads after it.

The kernels of the generated C walk forward in time, so an output that begins below its input may
follow the walk into it and overwrite what no later window reads (Blacker et al., "Diagonal Memory
Optimisation for Machine Learning on Micro-controllers", 2020).  How closely is a matter of loops:

- A convolution, depthwise or not, takes at most two rows of the output at a time and reads their
  windows anew for every few channels: until the next two rows, nothing from the first byte of
  these windows on may be overwritten.  With packed weights, all channels but the last few are
  written in more rows (`packing.py`) before these windows are read for the last time.
- Pools make a value of its own channel alone, and addition makes it of what lies in its place: it
  may overwrite the first value that it was made of.
- A concatenation copies one input after the other.  Along the channels only the first one may be
  overwritten; along the length each may that lies no lower than where it goes.
- Upsampling ends with the last step of its input, and so must its output; interpolation reads the
  two steps around each of its own.

Where a kernel reads whole words, what it reads beyond its window meets weights of zero and may be
anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate
from operator import eq

from tinyml_nas.cost.packing import PACKED_ROWS, groups, is_packed
from tinyml_nas.graph.network import Network, Node
from tinyml_nas.graph.ops import (
    Add,
    AvgPool,
    Concat,
    Conv,
    DepthwiseConv,
    Interpolate,
    Linear,
    MaxPool,
    Op,
    Shape,
    Upsample,
    interpolation,
)

ROWS_AT_ONCE = 2
"""Output rows that a convolution computes at once, the maximum over all cores."""


def leads(network: Network, node: Node) -> Mapping[str, int]:
    """The inputs that the output of ``node`` may overwrite, each with its lead.

    That is by how many bytes the first value of the output must lie below the first value of the
    input, margins left out of account.
    """
    first, output = network.shapes[node.inputs[0]], network.shapes[node.name]
    match node.op:
        case Add():
            return dict.fromkeys(node.inputs, 0)
        case Concat(axis="length"):
            ends = accumulate((network.shapes[name].size for name in node.inputs), initial=0)
            return dict(zip(node.inputs, ends, strict=False))  # of equal inputs the last one counts
        case Concat() if node.inputs[0] in node.inputs[1:]:
            return {}
    lead = _lead_bytes(node.op, first, output)
    if is_packed(node) and isinstance(node.op, Conv) and len(groups(output.channels)) > 1:
        # when its last channels begin, more rows of all others are written
        unwritten = groups(output.channels)[-1]
        lead = max(lead, _strip_lead(node.op, first, output, PACKED_ROWS) - unwritten)
    return {node.inputs[0]: lead}


def _lead_bytes(op: Op, source: Shape, output: Shape) -> int:
    lead = 0
    match op:
        case Linear():
            lead = output.size
        case Concat():
            lead = (output.length - 1) * (output.channels - source.channels)
        case Upsample():
            lead = output.size - source.size
        case Interpolate():
            steps = [first for first, *_ in interpolation(source.length, output.length)]
            again = [*map(eq, steps, steps[1:]), False]  # the next one reads the same step
            lead = max(
                (step - first + repeated) * source.channels
                for step, (first, repeated) in enumerate(zip(steps, again, strict=True))
            )
        case MaxPool():  # its first windows are clipped and begin with the first row, all of them
            lead = min(op.pad[0] // op.stride, output.length - 1) * source.channels
        case AvgPool():
            lead = op.pad[0] * source.channels
        case Conv() | DepthwiseConv():
            lead = _strip_lead(op, source, output, ROWS_AT_ONCE)
    return lead


def _strip_lead(op: Conv | DepthwiseConv, source: Shape, output: Shape, rows: int) -> int:
    """The lead of a convolution that reads its windows anew until so many rows are written."""
    strips = range(0, output.length, rows)
    lead: int = max(  # linear but for the last strip, so the ends decide
        min(row + rows, output.length) * output.channels
        - (row * op.stride - op.pad[0]) * source.channels
        for row in (*strips[:1], *strips[-2:])
    )
    return lead
