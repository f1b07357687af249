"""Exact cost of a network: parameters, MACs, flash and RAM, without training it.

Flash is what the linker places of the exported C: tables (weights, packed where they have fewer
than 8 bits; for each output channel a bias, a multiplier and a shift), a constant record per
weighted layer, and code.  Cores with the DSP extension run other code and want other tables, so
every cost is that of a back-end.  Tables and RAM are exact.  Code is a sum over layers and over the
kernels that they share, with sizes fitted on linked code (-Os, the largest of the back-end's
emulated cores); see `benchmarks/fit_cycles.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate

from tinyml_nas.config.delivery import Optimize
from tinyml_nas.devices.cores import Backend
from tinyml_nas.devices.unroll import code_bytes
from tinyml_nas.graph.memory import plan_memory
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
from tinyml_nas.graph.packing import WORD_BYTES, groups, is_packed, packed_bits, packed_words

CHANNEL_BYTES = 4 + 4 + 1
"""In C: bias, multiplier, shift."""
PAIR_BYTES = 2 * (4 + 4) + 4
"""For DSP: two biases, two multipliers, one word with both shifts."""
DSP_QUAD = 4
"""Channels that a depthwise convolution takes at a time with DSP."""
QUAD_BYTES = DSP_QUAD * (4 + 4) + 2 * 4
"""Four biases, four multipliers, a word with the shifts and one with the step to the next four."""
NARROW_CHANNELS = 2
"""Up to so many, the compiler copies the channels of a concat's input one by one."""
RECORD_BYTES = {
    "conv": 44,
    "depthwise_conv": 44,
    "lone_depthwise_conv": 44,
    "lone_conv": 44,
    "conv_dsp": 36,
    "depthwise_dsp": 36,
    "packed_conv": 44 + 8,
    "packed_conv_dsp": 36 + 8,
}
ROW_FIELD_BYTES = 4
"""More in every record of 44, where the weights of any layer are packed."""

CODE_BYTES: Mapping[Backend, Mapping[str, int]] = {
    "one_row": {
        "network": 541,
        "depthwise_kernel": 217,
        "conv": 24,
        "depthwise_conv": 21,
        "lone_depthwise_conv": 159,
        "max_pool": 60,
        "clipped_max_pool": 114,
        "global_max_pool": 0,
        "avg_pool": 124,
        "global_avg_pool": 57,
        "add": 117,
        "narrow_concat": 20,
        "concat": 43,
        "padding": 34,
        "upsample": 59,
        "interpolate": 216,
        "packed_conv": 31,
        "packed_kernel": 224,
        "lone_packed_kernel": 138,
        "packed_beside": 11,
    },
    "two_rows": {
        "network": 656,
        "depthwise_kernel": 260,
        "conv": 21,
        "depthwise_conv": 26,
        "lone_depthwise_conv": 177,
        "max_pool": 68,
        "clipped_max_pool": 118,
        "global_max_pool": 3,
        "avg_pool": 89,
        "global_avg_pool": 16,
        "add": 107,
        "narrow_concat": 14,
        "concat": 52,
        "padding": 29,
        "upsample": 73,
        "interpolate": 144,
        "packed_conv": 21,
        "packed_kernel": 239,
        "lone_packed_kernel": 119,
        "packed_beside": 64,
    },
    "two_steps": {
        "network": 726,
        "depthwise_kernel": 289,
        "conv": 29,
        "depthwise_conv": 29,
        "lone_depthwise_conv": 270,
        "max_pool": 68,
        "clipped_max_pool": 139,
        "global_max_pool": 7,
        "avg_pool": 109,
        "global_avg_pool": 45,
        "add": 139,
        "concat": 51,
        "narrow_concat": 22,
        "padding": 40,
        "upsample": 61,
        "interpolate": 203,
        "packed_conv": 27,
        "packed_kernel": 301,
        "lone_packed_kernel": 165,
        "packed_beside": 412,
    },
    "dsp": {
        "network": 970,
        "depthwise_kernel": 226,
        "conv": 23,
        "depthwise_conv": 25,
        "lone_depthwise_conv": 195,
        "max_pool": 77,
        "clipped_max_pool": 128,
        "global_max_pool": 0,
        "avg_pool": 102,
        "global_avg_pool": 12,
        "add": 112,
        "narrow_concat": 21,
        "concat": 54,
        "padding": 29,
        "upsample": 80,
        "interpolate": 144,
        "conv_dsp": 26,
        "depthwise_dsp": 21,
        "quad_kernel": 383,
        "conv_kernel": 502,
        "lone_conv": 252,
        "clamp": 26,
        "packed_conv": 93,
        "packed_conv_dsp": 25,
        "packed_kernel": 304,
        "lone_packed_kernel": 178,
        "packed_beside": 17,
    },
    "mve": {
        "network": 426,
        "depthwise_kernel": 298,
        "conv": 21,
        "depthwise_conv": 4,
        "lone_depthwise_conv": 203,
        "max_pool": 85,
        "clipped_max_pool": 78,
        "global_max_pool": 141,
        "avg_pool": 61,
        "global_avg_pool": 235,
        "add": 107,
        "concat": 41,
        "narrow_concat": 29,
        "padding": 35,
        "upsample": 71,
        "interpolate": 166,
        "lone_upsample": 74,
        "lone_interpolate": 142,
        "lone_max_pool": 65,
        "lone_clipped_max_pool": 122,
        "lone_global_max_pool": 65,
        "lone_global_avg_pool": 96,
        "lone_add": 112,
        "packed_conv": 19,
        "packed_kernel": 348,
        "lone_packed_kernel": 212,
        "packed_beside": 0,
    },
}
"""Code by cause: the network with its convolution, each layer by its kernel, each input of a
concat, each padded layer (the fill of its margins), the kernels that depthwise layers and packed
ones share."""


@dataclass(frozen=True)
class LayerCost:
    """Cost of one node."""

    name: str
    kind: str
    parameters: int
    macs: int
    table_bytes: int
    flash_bytes: int


@dataclass(frozen=True)
class Cost:
    """Cost of one inference; ``parameters`` are weights and biases after batch-norm folding."""

    parameters: int
    macs: int
    table_bytes: int
    flash_bytes: int
    ram_bytes: int
    layers: tuple[LayerCost, ...]


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
        return "lone_conv" if _plain_convolutions(network) == 1 else "conv"
    if isinstance(op, DepthwiseConv):
        if _takes_quads(network, node, backend):
            return "depthwise_dsp"
        alone = _depthwise_in_c(network, backend) == 1
        return "lone_depthwise_conv" if alone else op.kind
    kernel = op.kind
    if isinstance(op, MaxPool) and any(op.pad):  # its windows are clipped, no margin is filled
        kernel = "clipped_max_pool"
    elif isinstance(op, MaxPool) and output.length == 1:
        kernel = "global_max_pool"
    elif isinstance(op, Concat | Reshape):
        if isinstance(op, Reshape) or op.axis == "length":
            return "copy"
        kernel = "concat" if output.length > 1 else "global_concat"
    return f"lone_{kernel}" if backend == "mve" and _is_sole_call(network, op) else kernel


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

    A single average pool that is not global is rare, and promised as one of several.
    """
    if not isinstance(op, MaxPool | Add | GlobalAvgPool | Upsample | Interpolate):
        return False
    family = AvgPool | GlobalAvgPool if isinstance(op, GlobalAvgPool) else type(op)
    return sum(isinstance(node.op, family) for node in network.nodes) == 1


def _convolves(network: Network, node: Node) -> bool:
    """Whether the layer is lowered to a convolution over all channels."""
    depthwise = isinstance(node.op, DepthwiseConv) and not _is_depthwise(network, node)
    return isinstance(node.op, Conv | Linear) or depthwise


def _plain_convolutions(network: Network) -> int:
    """Convolutions of one channel, which no core runs in assembly."""
    return sum(
        _convolves(network, node) and network.shapes[node.name].channels == 1
        for node in network.nodes
    )


def _is_depthwise(network: Network, node: Node) -> bool:
    return isinstance(node.op, DepthwiseConv) and network.shapes[node.name].channels > 1


def _takes_quads(network: Network, node: Node, backend: Backend) -> bool:
    channels = network.shapes[node.name].channels
    return backend == "dsp" and _is_depthwise(network, node) and channels >= DSP_QUAD


def _depthwise_in_c(network: Network, backend: Backend) -> int:
    """Depthwise layers that share the kernel in C."""
    return sum(
        _is_depthwise(network, node) and not _takes_quads(network, node, backend)
        for node in network.nodes
    )


def padding_of(op: Op) -> tuple[int, int]:
    """Rows of margin that ``op`` needs before and after its input."""
    return op.pad if isinstance(op, Conv | DepthwiseConv | AvgPool) else (0, 0)


def layer_cost(network: Network, node: Node, backend: Backend = "two_rows") -> LayerCost:
    """Cost of ``node`` where it stands in ``network``, without the kernels that layers share."""
    inputs = network.input_shapes(node)
    weights = node.op.weight_count(inputs)
    channels = network.shapes[node.name].channels if weights else 0
    kernel = kernel_of(network, node, backend)
    tables = weights + channels * CHANNEL_BYTES
    if kernel == "conv_dsp":
        words = dsp_words(weights // channels)
        tables = channel_pairs(channels) * (2 * 4 * words + PAIR_BYTES)
    if is_packed(node):
        words = sum(packed_group_words(network, node, backend))
        channel = channels * CHANNEL_BYTES
        if kernel == "packed_conv_dsp":
            channel = channel_pairs(channels) * PAIR_BYTES
        tables = WORD_BYTES * words + channel
    if kernel == "depthwise_dsp":
        tables = channel_quads(channels) * (4 * (weights // channels) + QUAD_BYTES)
    code = _code_bytes(layer_code(network, node, backend), backend)
    return LayerCost(
        node.name,
        node.op.kind,
        weights + channels,
        node.op.macs(inputs),
        tables,
        tables + record_bytes(network, node, backend) + code,
    )


def record_bytes(network: Network, node: Node, backend: Backend) -> int:
    """Constant record of ``node``."""
    kernel = kernel_of(network, node, backend)
    packed = any(map(is_packed, network.nodes)) and kernel in RECORD_BYTES
    field = ROW_FIELD_BYTES if packed and not kernel.endswith("_dsp") else 0
    return RECORD_BYTES.get(kernel, 0) + field


def packed_group_words(network: Network, node: Node, backend: Backend) -> list[int]:
    """Words of packed weights of each group of channels that is unpacked at a time."""
    channels = network.shapes[node.name].channels
    window = node.op.weight_count(network.input_shapes(node)) // channels
    if kernel_of(network, node, backend) == "packed_conv_dsp":
        channels, window = 2 * channel_pairs(channels), 4 * dsp_words(window)
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


def layer_code(network: Network, node: Node, backend: Backend) -> dict[str, int]:
    """How often ``node`` counts which entry of ``CODE_BYTES``."""
    causes = {kernel_of(network, node, backend): 1}
    if (
        causes.keys() & {"conv_dsp", "packed_conv_dsp", "depthwise_dsp"}
        and node.name in network.lifted
    ):
        causes["clamp"] = 1
    match node.op:
        case Concat() | Reshape():  # one loop per input, or none where its channels are few
            rows = copies(network, node)
            narrow = sum(row.channels <= NARROW_CHANNELS for row in rows)
            return {"concat": len(rows) - narrow, "narrow_concat": narrow}
        case _ if any(padding_of(node.op)):
            causes["padding"] = 1
    return causes


def shared_code(network: Network, backend: Backend) -> dict[str, int]:
    """How often the whole of ``network`` counts which entry of ``CODE_BYTES``."""
    depthwise = _depthwise_in_c(network, backend)
    kernels = {kernel_of(network, node, backend) for node in network.nodes}
    causes = {"network": 1, "depthwise_kernel": int(depthwise > 1)}
    packed = sum(map(is_packed, network.nodes))
    causes["packed_kernel"] = int(packed > 1)
    causes["lone_packed_kernel"] = int(packed == 1)
    causes["packed_beside"] = int(any(f"packed_{k}" in kernels for k in kernels))
    if backend == "dsp":
        quads = any(_takes_quads(network, node, backend) for node in network.nodes)
        causes["quad_kernel"] = int(quads)
        causes["conv_kernel"] = int(_plain_convolutions(network) > 1)
    return causes


def network_cost(
    network: Network, backend: Backend = "two_rows", optimize: Optimize = "balanced"
) -> Cost:
    """Exact cost of ``network``; RAM is the arena of its memory plan."""
    layers = tuple(layer_cost(network, node, backend) for node in network.nodes)
    shared = _code_bytes(shared_code(network, backend), backend) + code_bytes(optimize, backend)
    return Cost(
        parameters=sum(layer.parameters for layer in layers),
        macs=sum(layer.macs for layer in layers),
        table_bytes=sum(layer.table_bytes for layer in layers),
        flash_bytes=shared + sum(layer.flash_bytes for layer in layers),
        ram_bytes=plan_memory(network).arena_bytes,
        layers=layers,
    )


def _code_bytes(causes: Mapping[str, int], backend: Backend) -> int:
    return sum(CODE_BYTES[backend][cause] * times for cause, times in causes.items())
