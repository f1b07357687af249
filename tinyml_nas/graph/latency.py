"""How long a network takes, before any code exists: instructions as a function of its geometry.

The generated C is so regular that what a layer executes is a sum over its loops: how often each
runs follows from the shapes alone, and what one trip costs was counted once per core
(`devices/instructions.py`).  Every layer counts by itself, so that sums over layers, or over the
edges of a cell, are the instructions of the whole.
"""

from __future__ import annotations

from collections.abc import Mapping

from tinyml_nas.devices import CORES, Device
from tinyml_nas.devices.cores import Backend
from tinyml_nas.devices.instructions import INSTRUCTIONS
from tinyml_nas.graph.cost import dsp_pairs, dsp_words, kernel_of, padding_of
from tinyml_nas.graph.network import Network, Node

DSP_UNROLL = 8
"""Words that one pass of the DSP convolution's loop takes."""
MVE_CHANNELS, MVE_BYTES = 4, 16
"""What the Helium convolution takes at a time."""
HEADROOM = 1.02
"""What a promise adds: of 158 random networks one ran 2.2 % more than counted, others up to 1.5."""


def layer_trips(network: Network, node: Node, backend: Backend) -> Mapping[str, int]:
    """How often each loop of the layer's kernel runs; ``layer`` is the call itself.

    ``padding`` counts the bytes that are filled around its input.  A ``row`` of a convolution is
    two of them, where its loops take two at a time, a ``pair`` is of output channels, and a
    ``block`` is four of them.
    """
    inputs, output = network.input_shapes(node), network.shapes[node.name]
    op, rows, first = node.op, output.length, inputs[0]
    trips = {"layer": 1, "padding": sum(padding_of(op)) * first.channels}
    match kernel_of(network, node, backend):
        case "conv_dsp":
            words = dsp_words(node.op.weight_count(inputs) // output.channels)
            strips = -(-rows // 2)
            pairs = strips * dsp_pairs(output.channels)
            return trips | {
                "row": strips,
                "pair": pairs,
                "pass": pairs * -(-words // DSP_UNROLL),
                "word": pairs * words,
                "clamped": output.size * (node.name in network.lifted),
            }
        case "conv" if backend == "mve":
            strips = -(-rows // 2)
            blocks = strips * -(-output.channels // MVE_CHANNELS)
            window = node.op.weight_count(inputs) // output.channels
            passes = -(-window // MVE_BYTES)
            return trips | {"row": strips, "block": blocks, "pass": blocks * passes}
        case "conv" | "lone_conv":
            pairs, single = divmod(output.channels, 2)
            window = node.op.weight_count(inputs) // output.channels
            strips = rows if backend == "one_row" else -(-rows // 2)
            return trips | {
                "row": strips,
                "pair": strips * pairs,
                "pair_tap": strips * pairs * window,
                "single": strips * single,
                "single_tap": strips * single * window,
            }
        case "depthwise_conv" | "lone_depthwise_conv":
            return trips | {"row": rows, "value": output.size, "tap": node.op.macs(inputs)}
        case "concat" | "global_concat":
            wide = [shape for shape in inputs if shape.channels > 2]  # others are no loop
            return trips | {
                "input": len(inputs),
                "row": rows * len(wide),
                "narrow_row": rows * (len(inputs) - len(wide)),
                "value": sum(shape.size for shape in wide),
            }
        case "add" | "lone_add":
            return trips | {"value": output.size}
    taps = getattr(op, "kernel", first.length) - 1  # the first one starts the window
    return trips | {"row": rows, "value": output.size, "tap": output.size * taps}


def layer_instructions(network: Network, node: Node, core: str) -> float:
    """Instructions of ``node`` where it stands in ``network``, on an emulated core."""
    backend = CORES[core].backend
    costs = INSTRUCTIONS[core][kernel_of(network, node, backend)]
    trips = layer_trips(network, node, backend)
    return sum(costs.get(name, 0.0) * times for name, times in trips.items())


def network_instructions(network: Network, core: str) -> float:
    """Instructions of one inference on an emulated core."""
    layers = (layer_instructions(network, node, core) for node in network.nodes)
    return INSTRUCTIONS[core]["network"]["run"] + sum(layers)


def layer_seconds(network: Network, node: Node, device: Device) -> float | None:
    """Share of ``node`` in ``latency_seconds``."""
    core = device.cycles.measured_on
    return None if core is None else _seconds(layer_instructions(network, node, core), device)


def latency_seconds(network: Network, device: Device) -> float | None:
    """Time of one inference that ``device`` keeps; ``None`` where its core was never measured."""
    core = device.cycles.measured_on
    return None if core is None else _seconds(network_instructions(network, core), device)


def _seconds(instructions: float, device: Device) -> float:
    return HEADROOM * instructions * device.cycles.cycles_per_instruction / device.clock_hz
