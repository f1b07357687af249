"""How far a layer's output may reach into an input that nobody reads after it.

The kernels of the generated C walk forward in time, so an output that begins below its input may
follow the walk into it and overwrite what no later window reads (Blacker et al., "Diagonal Memory
Optimisation for Machine Learning on Micro-controllers", 2020).  How closely is a matter of loops:

- A convolution, depthwise or not, takes at most two rows of the output at a time and reads their
  windows anew for every few channels: until the next two rows, nothing from the first byte of
  these windows on may be overwritten.  With packed weights it takes more rows (`packing.py`).
- Pools make a value of its own channel alone, and addition makes it of what lies in its place: it
  may overwrite the first value that it was made of.
- A concatenation copies one input after the other: only the first one may be overwritten.

Where a kernel reads whole words, what it reads beyond its window meets weights of zero and may be
anything.
"""

from __future__ import annotations

from collections.abc import Mapping

from tinyml_nas.graph.network import Network, Node
from tinyml_nas.graph.ops import (
    Add,
    AvgPool,
    Concat,
    Conv,
    DepthwiseConv,
    Linear,
    MaxPool,
    Op,
    Shape,
)
from tinyml_nas.graph.packing import PACKED_ROWS, is_packed

ROWS_AT_ONCE = 2
"""Of a convolution's output, on the cores where they are most; fewer ask for less."""


def leads(network: Network, node: Node) -> Mapping[str, int]:
    """The inputs that the output of ``node`` may overwrite, each with its lead.

    That is by how many bytes the first value of the output must lie below the first value of the
    input, margins left out of account.
    """
    first, output = network.shapes[node.inputs[0]], network.shapes[node.name]
    match node.op:
        case Add():
            return dict.fromkeys(node.inputs, 0)
        case Concat() if node.inputs[0] in node.inputs[1:]:
            return {}
    rows = PACKED_ROWS if is_packed(node) else ROWS_AT_ONCE
    return {node.inputs[0]: _lead_bytes(node.op, first, output, rows)}


def _lead_bytes(op: Op, source: Shape, output: Shape, rows: int) -> int:
    lead = 0
    match op:
        case Linear():
            lead = output.size
        case Concat():
            lead = (output.length - 1) * (output.channels - source.channels)
        case MaxPool():  # its first windows are clipped and begin with the first row, all of them
            lead = min(op.pad[0] // op.stride, output.length - 1) * source.channels
        case AvgPool():
            lead = op.pad[0] * source.channels
        case Conv() | DepthwiseConv():
            strips = range(0, output.length, rows)
            lead = max(  # linear but for the last strip, so the ends decide
                min(row + rows, output.length) * output.channels
                - (row * op.stride - op.pad[0]) * source.channels
                for row in (*strips[:1], *strips[-2:])
            )
    return lead
