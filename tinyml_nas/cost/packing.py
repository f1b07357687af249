"""Weights of fewer than 8 bits: packed in flash, unpacked a few channels at a time.

A packed convolution takes ``PACKED_ROWS`` rows of its output; for these it unpacks the weights of
``PACKED_CHANNELS`` channels after the other into a piece of the arena, and lets the kernel of
unpacked weights work on them.  So no back-end needs a second inner loop, each unpacked byte serves
several rows, and the piece stays small.  More rows would ask for less time and for more RAM: an
output may overwrite its input only behind the rows at work.
"""

from __future__ import annotations

from collections.abc import Mapping

from tinyml_nas.config.sections.training import Training
from tinyml_nas.errors import ConfigError
from tinyml_nas.graph.network import Network, Node
from tinyml_nas.graph.ops import Conv, Linear
from tinyml_nas.located.suggest import did_you_mean

WEIGHT_BITS = (8, 4, 2)
PACKED_ROWS = 8
PACKED_CHANNELS = 4
WORD_BITS = 32
WORD_BYTES = 4


class UnknownLayer(ConfigError):
    """A key of ``quantization_layers`` that is no layer of the network."""


def weight_bits(network: Network) -> dict[str, int]:
    """Bits of a weight by name of each layer that may choose them, in order.

    Depthwise layers always have 8: they hold a few dozen weights, less than unpacking costs.
    """
    return {node.name: bits for node in network.nodes if (bits := packed_bits(node))}


def packed_bits(node: Node) -> int:
    """Bits of a weight of ``node`` in flash, 0 where it may not choose them."""
    return node.op.weight_bits if isinstance(node.op, Conv | Linear) else 0


def is_packed(node: Node) -> bool:
    """Whether several weights of ``node`` share a byte."""
    return 0 < packed_bits(node) < 8


def as_configured(network: Network, training: Training) -> Network:
    """``network`` with the weight bits that the YAML fixes; what it leaves open has 8.

    Raises ``UnknownLayer`` where ``quantization_layers`` names no layer of ``network``.
    """
    return network.with_weight_bits(fixed_bits(network, training))


def fixed_bits(network: Network, training: Training) -> Mapping[str, int]:
    """Bits by layer, for the layers whose bits the YAML fixes.

    Raises ``UnknownLayer`` where ``quantization_layers`` names no layer of ``network``.
    """
    names = tuple(weight_bits(network))
    if unknown := [name for name in training.quantization_layers if name not in names]:
        raise UnknownLayer(
            f"training.quantization_layers: {network.name} has no layer {unknown[0]!r} whose bits "
            "can be chosen.",
            hint=did_you_mean(unknown[0], names) or f"it has {', '.join(names)}",
        )
    if not training.quantization:
        return {}
    fixed: dict[str, int] = {}
    if training.quantization_weight_bitwidth is not None:
        fixed = dict.fromkeys(names, training.quantization_weight_bitwidth)
    if training.partial_quantization:
        fixed |= dict.fromkeys((names[0], names[-1]), 8)
    return fixed | training.quantization_layers


def packed_words(weights: int, bits: int) -> int:
    """Words of 32 bits that hold so many weights."""
    return -(-weights * bits // WORD_BITS)


def groups(channels: int) -> tuple[int, ...]:
    """Channels of each group that is unpacked at a time."""
    rest = channels % PACKED_CHANNELS
    return (PACKED_CHANNELS,) * (channels // PACKED_CHANNELS) + ((rest,) if rest else ())


def weight_bytes(network: Network, name: str | None = None) -> int:
    """Flash of the weights of the layer ``name``, or of all layers, where no kernel pads them."""
    total = 0
    for node in network.nodes:
        count = node.op.weight_count(network.input_shapes(node))
        if count and name in (None, node.name):
            channels = network.shapes[node.name].channels
            words = sum(
                packed_words(group * (count // channels), packed_bits(node))
                for group in groups(channels)
            )
            total += WORD_BYTES * words if is_packed(node) else count
    return total


def scratch_bytes(network: Network, node: Node) -> int:
    """Bytes of the arena that ``node`` unpacks its weights into, on any back-end.

    Kernels with DSP read windows in words; the arena may begin anywhere, the piece must not.
    """
    if not is_packed(node):
        return 0
    channels = network.shapes[node.name].channels
    window = node.op.weight_count(network.input_shapes(node)) // channels
    most = groups(channels)[0]
    most += most % 2 if most > 1 else 0  # with DSP pairs, the last of which may share a channel
    taps = node.op.kernel if isinstance(node.op, Conv) and node.op.span > node.op.kernel else 1
    weights = most * taps * -(-window // taps // WORD_BYTES) * WORD_BYTES
    words = packed_words(weights, packed_bits(node))
    unpacked = words * (WORD_BITS // packed_bits(node))
    return unpacked + WORD_BYTES - 1
