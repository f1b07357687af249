"""How long a network takes, before any code exists: instructions as a function of its geometry.

The generated C is so regular that what a layer executes is a sum over its loops: how often each
runs follows from the shapes alone, and what one trip costs was counted once per core
(`devices/instructions.py`).  Every layer counts by itself, so that sums over layers, or over the
edges of a cell, are the instructions of the whole.
"""

from __future__ import annotations

from collections.abc import Mapping

from tinyml_nas.devices import Device
from tinyml_nas.devices.instructions import Instructions
from tinyml_nas.graph.cost import kernel_of, padding_of
from tinyml_nas.graph.network import Network, Node

HEADROOM = 1.02
"""What a promise adds: none of 57 networks that were not fitted ran 1.4 % more than counted."""


def layer_trips(network: Network, node: Node) -> Mapping[str, int]:
    """How often each loop of the layer's kernel runs; ``layer`` is the call itself.

    ``padding`` counts the bytes that are filled around its input.
    """
    inputs, output = network.input_shapes(node), network.shapes[node.name]
    op, rows, first = node.op, output.length, inputs[0]
    trips = {"layer": 1, "padding": sum(padding_of(op)) * first.channels}
    match kernel_of(network, node):
        case "conv":
            pairs, single = divmod(output.channels, 2)
            window = node.op.weight_count(inputs) // output.channels
            pairs, single = rows * pairs, rows * single
            return trips | {
                "row": rows,
                "pair": pairs,
                "pair_tap": pairs * window,
                "single": single,
                "single_tap": single * window,
            }
        case "depthwise_conv" | "lone_depthwise_conv":
            return trips | {"row": rows, "value": output.size, "tap": node.op.macs(inputs)}
        case "concat" | "global_concat":
            return trips | {"input": len(inputs), "value": output.size}
        case "add":
            return trips | {"value": output.size}
    taps = getattr(op, "kernel", first.length) - 1  # the first one starts the window
    return trips | {"row": rows, "value": output.size, "tap": output.size * taps}


def layer_instructions(network: Network, node: Node, counted: Instructions) -> float:
    """Instructions of ``node`` where it stands in ``network``."""
    costs = counted[kernel_of(network, node)]
    return sum(costs.get(name, 0.0) * trips for name, trips in layer_trips(network, node).items())


def network_instructions(network: Network, counted: Instructions) -> float:
    """Instructions of one inference."""
    layers = (layer_instructions(network, node, counted) for node in network.nodes)
    return counted["network"]["run"] + sum(layers)


def layer_seconds(network: Network, node: Node, device: Device) -> float | None:
    """Share of ``node`` in ``latency_seconds``."""
    counted = device.cycles.instructions
    return None if counted is None else _seconds(layer_instructions(network, node, counted), device)


def latency_seconds(network: Network, device: Device) -> float | None:
    """Time of one inference that ``device`` keeps; ``None`` where its core was never measured."""
    counted = device.cycles.instructions
    return None if counted is None else _seconds(network_instructions(network, counted), device)


def _seconds(instructions: float, device: Device) -> float:
    return HEADROOM * instructions * device.cycles.cycles_per_instruction / device.clock_hz
