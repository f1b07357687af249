"""Exact cost of a network: parameters, MACs, flash and RAM, without training it.

Flash counts what the exported C stores for each layer (int8 weights, an int32 bias, an int32
multiplier and a shift byte per output channel, the constants of its call) plus the code.  The sizes
of the code are measured on generated C for Cortex-M4 at -Os; a test holds the sum within 5 % of
what the linker places.
"""

from __future__ import annotations

from dataclasses import dataclass

from tinyml_nas.graph.memory import plan_memory
from tinyml_nas.graph.network import Network, Node
from tinyml_nas.graph.ops import Conv, DepthwiseConv, Linear

BIAS_BYTES = 4
MULTIPLIER_BYTES = 4
SHIFT_BYTES = 1
CHANNEL_BYTES = BIAS_BYTES + MULTIPLIER_BYTES + SHIFT_BYTES
DESCRIPTOR_BYTES = 44
CODE_BYTES = 310
LAYER_CODE_BYTES = 100


@dataclass(frozen=True)
class LayerCost:
    """Cost of one node."""

    name: str
    kind: str
    parameters: int
    macs: int
    flash_bytes: int


@dataclass(frozen=True)
class Cost:
    """Cost of one inference; ``parameters`` are weights and biases after batch-norm folding."""

    parameters: int
    macs: int
    flash_bytes: int
    ram_bytes: int
    layers: tuple[LayerCost, ...]


def layer_cost(network: Network, node: Node) -> LayerCost:
    """Cost of ``node`` where it stands in ``network``."""
    inputs = network.input_shapes(node)
    weights = node.op.weight_count(inputs)
    weighted = isinstance(node.op, Conv | DepthwiseConv | Linear)
    channels = network.shapes[node.name].channels if weighted else 0
    overhead = LAYER_CODE_BYTES + (DESCRIPTOR_BYTES if weighted else 0)
    return LayerCost(
        node.name,
        node.op.kind,
        weights + channels,
        node.op.macs(inputs),
        weights + channels * CHANNEL_BYTES + overhead,
    )


def network_cost(network: Network) -> Cost:
    """Exact cost of ``network``; RAM is the arena of its memory plan."""
    layers = tuple(layer_cost(network, node) for node in network.nodes)
    return Cost(
        parameters=sum(layer.parameters for layer in layers),
        macs=sum(layer.macs for layer in layers),
        flash_bytes=CODE_BYTES + sum(layer.flash_bytes for layer in layers),
        ram_bytes=plan_memory(network).arena_bytes,
        layers=layers,
    )
