"""Cost of a network on a back-end: parameters, MACs, flash and RAM, without training it.

These are the figures as they are counted and fitted.  What a budget is held against, and what a
user is promised, is `budget.resources_of`: with headroom, in the bytes of a device.

Flash is what the linker places of the exported C: tables (weights, packed where they have fewer
than 8 bits; for each output channel a bias, a multiplier and a shift), a constant record per
weighted layer, and code.  Cores with the DSP extension run other code and want other tables, so
every cost is that of a back-end.  Tables and RAM are exact.  Code is a sum over layers and over the
kernels that they share, with sizes fitted on linked code (-Os, the largest of the back-end's
emulated cores and compilers); see `benchmarks/fit_cycles.py`.
"""

from __future__ import annotations

from collections.abc import Mapping

from tinyml_nas.config.sections.delivery import Optimize
from tinyml_nas.cost.arena import plan_memory
from tinyml_nas.cost.dilation import dilates, gathers, tap_bytes
from tinyml_nas.cost.kernels import (
    DSP_QUAD,
    MVE_BYTES,
    NARROW_CHANNELS,
    channel_pairs,
    channel_quads,
    copies,
    dsp_words,
    kernel_of,
    packed_group_words,
    padding_of,
    plain_convolutions,
)
from tinyml_nas.cost.packing import WORD_BYTES, is_packed
from tinyml_nas.cost.tables import CODE_BYTES
from tinyml_nas.cost.unroll import code_bytes
from tinyml_nas.devices.cores import Backend
from tinyml_nas.graph.network import Network, Node
from tinyml_nas.graph.ops import Concat, Reshape
from tinyml_nas.results.trained import Cost, LayerCost

CHANNEL_BYTES = 4 + 4 + 1
"""In C: bias, multiplier, shift."""
PAIR_BYTES = 2 * (4 + 4) + 4
"""For DSP: two biases, two multipliers, one word with both shifts."""
QUAD_BYTES = DSP_QUAD * (4 + 4) + 2 * 4
"""Four biases, four multipliers, a word with the shifts and one with the step to the next four."""
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
TAP_FIELDS_BYTES, DSP_TAP_FIELDS_BYTES = 2 * 4, 3 * 4
"""More in every record of 44, where any layer runs in taps, and in those of DSP pairs."""
WINDOWS_BYTES = 4 * 4
"""More in the record of a layer whose windows are gathered."""


def layer_cost(network: Network, node: Node, backend: Backend = "two_rows") -> LayerCost:
    """Cost of ``node`` where it stands in ``network``, without the kernels that layers share."""
    inputs = network.input_shapes(node)
    weights = node.op.weight_count(inputs)
    channels = network.shapes[node.name].channels if weights else 0
    tables = table_bytes(network, node, backend)
    code = _code_bytes(layer_code(network, node, backend), backend)
    return LayerCost(
        name=node.name,
        kind=node.op.kind,
        output_shape=network.shapes[node.name],
        parameters=weights + channels,
        macs=node.op.macs(inputs),
        table_bytes=tables,
        flash_bytes=tables + record_bytes(network, node, backend) + code,
    )


def table_bytes(network: Network, node: Node, backend: Backend) -> int:
    """Weights, as the kernel of ``node`` wants them, and what each of its channels needs."""
    weights = node.op.weight_count(network.input_shapes(node))
    if not weights:
        return 0
    channels = network.shapes[node.name].channels
    window = weights // channels
    match kernel_of(network, node, backend):
        case "conv_dsp":
            return channel_pairs(channels) * (2 * WORD_BYTES * dsp_words(window) + PAIR_BYTES)
        case "depthwise_dsp":
            return channel_quads(channels) * (DSP_QUAD * window + QUAD_BYTES)
        case "packed_conv_dsp":
            words = sum(packed_group_words(network, node, backend))
            return WORD_BYTES * words + channel_pairs(channels) * PAIR_BYTES
        case "packed_conv":
            words = sum(packed_group_words(network, node, backend))
            return WORD_BYTES * words + channels * CHANNEL_BYTES
        case _:
            return weights + channels * CHANNEL_BYTES


def record_bytes(network: Network, node: Node, backend: Backend) -> int:
    """Constant record of ``node``."""
    kernel = kernel_of(network, node, backend)
    size = RECORD_BYTES.get(kernel, 0)
    if kernel.endswith("conv_dsp"):
        size += DSP_TAP_FIELDS_BYTES * bool(tap_bytes(network))
    elif size and kernel != "depthwise_dsp":
        size += ROW_FIELD_BYTES * any(map(is_packed, network.nodes))
        size += TAP_FIELDS_BYTES * dilates(network)
    return size + WINDOWS_BYTES * gathers(network, node)


def layer_code(network: Network, node: Node, backend: Backend) -> dict[str, int]:
    """How often ``node`` counts which entry of ``CODE_BYTES``."""
    if isinstance(node.op, Concat | Reshape):  # one loop per input, or none where it is narrow
        rows = copies(network, node)
        narrow = sum(row.channels <= NARROW_CHANNELS for row in rows)
        return {"concat": len(rows) - narrow, "narrow_concat": narrow}
    kernel = kernel_of(network, node, backend)
    causes = {kernel: 1, "gathered": int(gathers(network, node))}
    if kernel.endswith("_dsp") and node.name in network.lifted:
        causes["clamp"] = 1
    if any(padding_of(node.op)):
        causes["padding"] = 1
    return causes


def shared_code(network: Network, backend: Backend) -> dict[str, int]:
    """How often the whole of ``network`` counts which entry of ``CODE_BYTES``."""
    kernels = {kernel_of(network, node, backend) for node in network.nodes}
    packed = sum(map(is_packed, network.nodes))
    causes = {
        "network": 1,
        "depthwise_kernel": int("depthwise_conv" in kernels),
        "packed_kernel": int(packed > 1),
        "lone_packed_kernel": int(packed == 1),
        "taps_kernel": int(dilates(network)),
        "gather_kernel": int(any(gathers(network, node) for node in network.nodes)),
        "packed_beside": int(any(f"packed_{kernel}" in kernels for kernel in kernels)),
    }
    if backend == "mve":
        causes["tap_loop"] = len(tap_bytes(network))
        causes["tap_step"] = sum(-(-run // MVE_BYTES) for run in tap_bytes(network))
    if backend == "dsp":
        causes["dsp_taps"] = int(bool(tap_bytes(network)))
        causes["quad_kernel"] = int("depthwise_dsp" in kernels)
        causes["conv_kernel"] = int(plain_convolutions(network) > 1)
    return causes


def network_cost(
    network: Network, backend: Backend = "two_rows", optimize: Optimize = "balanced"
) -> Cost:
    """Cost of ``network``; RAM is the arena of its memory plan."""
    layers = [layer_cost(network, node, backend) for node in network.nodes]
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
    return sum(CODE_BYTES[backend][cause] * times for cause, times in causes.items() if times)
