"""How the generated C runs a dilated convolution, whose taps lie apart in the arena.

In *taps*: the kernel loops over them, each a run of bytes, and so needs neither zeros in flash nor
a copy.  Where a tap has few bytes, or no whole words of them, such a loop would cost more than it
saves: there the windows of two rows are *gathered* into a piece of the arena, and the kernel of
undilated layers works on these.  Packed layers have their piece already, and stay in taps.
"""

from __future__ import annotations

from tinyml_nas.cost.packing import WORD_BYTES, is_packed
from tinyml_nas.graph.network import Network, Node
from tinyml_nas.graph.ops import Conv, DepthwiseConv

SHORT_RUN = 8
"""Bytes of a tap up to which windows are gathered."""
GATHERED_ROWS = 2
"""Rows of the output whose windows are gathered at a time, as many as a kernel works on."""


def is_depthwise(network: Network, node: Node) -> bool:
    """Whether the layer convolves each of several channels by itself."""
    return isinstance(node.op, DepthwiseConv) and network.shapes[node.name].channels > 1


def gathers(network: Network, node: Node) -> bool:
    """Whether the windows of ``node`` are gathered before its kernel works on them."""
    if not _is_dilated(node) or is_packed(node) or is_depthwise(network, node):
        return False
    (source,) = network.input_shapes(node)
    return source.channels <= SHORT_RUN or source.channels % WORD_BYTES > 0


def runs_in_taps(network: Network, node: Node) -> bool:
    """Whether the kernel of ``node`` loops over taps that lie apart."""
    return _is_dilated(node) and not gathers(network, node)


def dilates(network: Network) -> bool:
    """Whether any layer runs in taps: then every record of a convolution tells of them."""
    return any(runs_in_taps(network, node) for node in network.nodes)


def runs(network: Network, node: Node) -> tuple[int, int]:
    """Pieces of one window that the kernel of ``node`` reads, and the bytes of each."""
    op, inputs = node.op, network.input_shapes(node)
    if isinstance(op, Conv | DepthwiseConv) and runs_in_taps(network, node):
        return op.kernel, inputs[0].channels
    return 1, op.weight_count(inputs) // network.shapes[node.name].channels


def gathered_bytes(network: Network, node: Node) -> int:
    """Bytes of the arena that the windows of ``node`` are gathered into, on any back-end."""
    return GATHERED_ROWS * gathered_step(runs(network, node)[1]) if gathers(network, node) else 0


def gathered_step(window: int) -> int:
    """Bytes from one gathered window to the next: each begins with a word, for cores with DSP."""
    return -(-window // WORD_BYTES) * WORD_BYTES


def _is_dilated(node: Node) -> bool:
    return isinstance(node.op, Conv | DepthwiseConv) and node.op.span > node.op.kernel
