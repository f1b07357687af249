"""Which loop nest computes each layer, and in which units it takes channels and weights.

What a layer costs in flash, in RAM and in time depends on its kernel, and that on the back-end of
the core and on what else the network holds.
"""

from __future__ import annotations

from itertools import accumulate

from tinyml_nas.cost.arena import plan_memory
from tinyml_nas.cost.dilation import is_depthwise, runs
from tinyml_nas.cost.packing import groups, is_packed, packed_bits, packed_words
from tinyml_nas.devices.cores import Backend
from tinyml_nas.graph.network import Network, Node
from tinyml_nas.graph.ops import (
    Add,
    AvgPool,
    Concat,
    Conv,
    DepthwiseConv,
    GlobalAvgPool,
    Interpolate,
    Linear,
    MaxPool,
    Op,
    Reshape,
    Shape,
    Upsample,
)

DSP_QUAD = 4
"""Channels that a depthwise convolution takes at a time with DSP."""
MVE_CHANNELS, MVE_BYTES = 4, 16
"""What the Helium convolution takes at a time."""
NARROW_CHANNELS = 2
"""Up to so many, the compiler copies the channels of a concat's input one by one."""


def kernel_of(network: Network, node: Node, backend: Backend) -> str:
    """Name of the loop nest that computes ``node``, as the compiler leaves it.

    With one row left, the outer loop is gone; where one layer alone calls a kernel, its constants
    are folded into it.
    """
    op, output = node.op, network.shapes[node.name]
    if is_packed(node):
        return "packed_conv_dsp" if backend == "dsp" and output.channels > 1 else "packed_conv"
    if _convolves(network, node):
        if backend != "dsp":
            return "conv"
        if output.channels > 1:
            return "conv_dsp"
        return "lone_conv" if plain_convolutions(network) == 1 else "conv"
    if isinstance(op, DepthwiseConv):
        if _takes_quads(network, node, backend):
            return "depthwise_dsp"
        alone = _depthwise_in_c(network, backend) == 1
        return "lone_depthwise_conv" if alone else "depthwise_conv"
    kernel = op.kind
    if isinstance(op, MaxPool) and any(op.pad):  # its windows are clipped, no margin is filled
        return "clipped_max_pool"
    elif isinstance(op, MaxPool) and output.length == 1:
        kernel = "global_max_pool"
    elif isinstance(op, Concat | Reshape):
        if isinstance(op, Reshape) or op.axis == "length":
            return "copy"
        kernel = "concat" if output.length > 1 else "global_concat"
    return f"lone_{kernel}" if _is_sole_call(network, op) else kernel


def copies(network: Network, node: Node) -> tuple[Shape, ...]:
    """Rows of bytes in which the inputs of a concat or a reshape are copied.

    Along the length an input is one row, and none where the plan had it written in its place.
    """
    inputs = network.input_shapes(node)
    if isinstance(node.op, Concat) and node.op.axis == "channels":
        return inputs
    buffers = plan_memory(network).buffers
    ends = accumulate((shape.size for shape in inputs), initial=buffers[node.name].data_offset)
    return tuple(
        Shape(shape.size, 1)
        for name, shape, target in zip(node.inputs, inputs, ends, strict=False)
        if buffers[name].data_offset != target
    )


def _is_sole_call(network: Network, op: Op) -> bool:
    """Whether no other layer calls the kernel of ``op``: GCC folds its constants into it.

    A single pool of a cell is rare, and promised as one of several: so costs remain sums over
    layers.  A global average has a call of its own, however many others there are.
    """
    if not isinstance(op, MaxPool | Add | GlobalAvgPool | Upsample | Interpolate):
        return False
    return sum(isinstance(node.op, type(op)) for node in network.nodes) == 1


def _convolves(network: Network, node: Node) -> bool:
    """Whether the layer is lowered to a convolution over all channels."""
    depthwise = isinstance(node.op, DepthwiseConv) and not is_depthwise(network, node)
    return isinstance(node.op, Conv | Linear) or depthwise


def plain_convolutions(network: Network) -> int:
    """Convolutions of one channel, which no core runs in assembly."""
    return sum(
        _convolves(network, node) and network.shapes[node.name].channels == 1
        for node in network.nodes
    )


def _takes_quads(network: Network, node: Node, backend: Backend) -> bool:
    channels = network.shapes[node.name].channels
    return backend == "dsp" and is_depthwise(network, node) and channels >= DSP_QUAD


def _depthwise_in_c(network: Network, backend: Backend) -> int:
    """Depthwise layers that share the kernel in C."""
    return sum(
        is_depthwise(network, node) and not _takes_quads(network, node, backend)
        for node in network.nodes
    )


def padding_of(op: Op) -> tuple[int, int]:
    """Rows of margin that ``op`` needs before and after its input."""
    return op.pad if isinstance(op, Conv | DepthwiseConv | AvgPool) else (0, 0)


def packed_group_words(network: Network, node: Node, backend: Backend) -> list[int]:
    """Words of packed weights of each group of channels that is unpacked at a time."""
    channels = network.shapes[node.name].channels
    window = node.op.weight_count(network.input_shapes(node)) // channels
    if kernel_of(network, node, backend) == "packed_conv_dsp":
        taps, run = runs(network, node)
        channels, window = 2 * channel_pairs(channels), 4 * taps * dsp_words(run)
    return [packed_words(count * window, packed_bits(node)) for count in groups(channels)]


def dsp_words(window: int) -> int:
    """Words of four weights for a window of so many bytes."""
    return -(-window // 4)


def channel_pairs(channels: int) -> int:
    """Pairs of output channels; of an odd number the last two pairs share one."""
    return -(-channels // 2)


def channel_quads(channels: int) -> int:
    """Fours of channels; the last two may share some."""
    return -(-channels // DSP_QUAD)
