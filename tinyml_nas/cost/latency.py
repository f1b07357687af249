"""How long a network takes, before any code exists: instructions as a function of its geometry.

The generated C is so regular that what a layer executes is a sum over its loops: how often each
runs follows from the shapes alone, and what one trip costs was counted once per core and compiler
(`cost/tables`).  Every layer counts by itself, with the compiler that needs most for it, so
that sums over layers, or over the edges of a cell, are the instructions of the whole.
"""

from __future__ import annotations

from collections.abc import Mapping

from tinyml_nas.config.sections.delivery import Optimize
from tinyml_nas.cost.dilation import GATHERED_ROWS, dilates, gathers, runs, tap_bytes
from tinyml_nas.cost.kernels import (
    MVE_BYTES,
    MVE_CHANNELS,
    NARROW_CHANNELS,
    channel_pairs,
    channel_quads,
    copies,
    dsp_words,
    kernel_of,
    packed_group_words,
    padding_of,
)
from tinyml_nas.cost.packing import PACKED_ROWS, is_packed, packed_bits
from tinyml_nas.cost.tables import HEADROOM, INSTRUCTIONS, Instructions
from tinyml_nas.cost.unroll import UNROLL
from tinyml_nas.devices import CORES, Device
from tinyml_nas.devices.cores import Backend
from tinyml_nas.errors import ConfigError
from tinyml_nas.graph.network import Network, Node


def layer_trips(
    network: Network, node: Node, backend: Backend, optimize: Optimize = "balanced"
) -> Mapping[str, int]:
    """How often each loop of the layer's kernel runs; ``layer`` is the call itself.

    ``padding`` counts the bytes that are filled around its input, ``wide_padding`` where dilated
    layers have them filled by eights.  A ``row`` of a convolution is
    two of them, where its loops take two at a time, a ``pair`` is of output channels, and a
    ``block`` is four of them.  A ``pass`` is one of its unrolled inner loop.  Packed weights are
    unpacked in loops around that (see ``_unpacking``).
    """
    inputs, output = network.input_shapes(node), network.shapes[node.name]
    op, rows, first = node.op, output.length, inputs[0]
    padding = "wide_padding" if dilates(network) else "padding"
    trips = {"layer": 1, padding: sum(padding_of(op)) * first.channels}
    match kernel_of(network, node, backend):
        case "conv" | "lone_conv" | "conv_dsp" | "packed_conv" | "packed_conv_dsp":
            return trips | _conv_trips(network, node, backend, UNROLL[optimize][backend])
        case "depthwise_conv" | "lone_depthwise_conv":
            strips = _row_strips(rows, backend)
            values = strips * output.channels
            taps = values * (node.op.weight_count(inputs) // output.channels)
            trips |= {"row": strips, "value": values, "tap": taps}
            return trips | ({"run": taps} if dilates(network) else {})
        case "depthwise_dsp":
            kernel = node.op.weight_count(inputs) // output.channels
            quads = rows * channel_quads(output.channels)
            return trips | {
                "row": rows,
                "quad": quads,
                "odd_tap": quads * (kernel % 2),
                "tap_pair": quads * (kernel // 2),
                "clamped": output.size * (node.name in network.lifted),
            }
        case "concat" | "global_concat" | "copy":
            copied = copies(network, node)
            wide = [shape for shape in copied if shape.channels > NARROW_CHANNELS]
            lengths = sum(shape.length for shape in wide)
            return trips | {
                "input": len(copied),
                "row": lengths,
                "narrow_row": sum(shape.length for shape in copied) - lengths,
                "narrow_value": sum(s.size for s in copied if s.channels <= NARROW_CHANNELS),
                "value": sum(shape.size for shape in wide),
            }
        case "upsample" | "lone_upsample":  # each row of the input is copied so often
            return trips | {"source": first.length, "row": rows, "value": output.size}
        case "interpolate" | "lone_interpolate":
            return trips | {"row": rows, "value": output.size}
        case "add" | "lone_add":
            return trips | {"value": output.size}
    taps = getattr(op, "kernel", first.length) - 1  # the first one starts the window
    return trips | {"row": rows, "value": output.size, "tap": output.size * taps}


def _conv_trips(network: Network, node: Node, backend: Backend, unroll: int) -> dict[str, int]:
    """The loops of a convolution over all channels, whose inner one takes ``unroll`` steps.

    A ``run`` is one piece of a window, in networks whose kernel loops over them; with DSP it is a
    pass, and a ``long_run`` one of several over the same piece.
    """
    output, (pieces, run) = network.shapes[node.name], runs(network, node)
    strips = _row_strips(output.length, backend)
    pairs = strips * channel_pairs(output.channels)
    if kernel_of(network, node, backend).endswith("_dsp"):
        words = dsp_words(run)
        trips = {
            "row": strips,
            "pair": pairs,
            "pass": pairs * pieces * -(-words // unroll),
            "word": pairs * pieces * words,
            "clamped": output.size * (node.name in network.lifted),
        }
        if tap_bytes(network):
            trips["run"] = trips["pass"]
            trips["long_run"] = trips["pass"] * (pieces > 1 and words > unroll)
    elif backend == "mve":
        blocks = strips * -(-output.channels // MVE_CHANNELS)
        passes = blocks * pieces * -(-run // MVE_BYTES)
        trips = {"row": strips, "block": blocks, "pass": passes}
        if tap_bytes(network):
            trips["run"] = blocks * pieces
    else:
        trips = {
            "row": strips,
            "pair": pairs,
            "pass": pairs * pieces * -(-run // unroll),
            "tap": pairs * pieces * run,
        }
        if dilates(network):
            trips["run"] = pairs * pieces
    return trips | _gathering(network, node) | _unpacking(network, node, backend)


def _gathering(network: Network, node: Node) -> dict[str, int]:
    """The loops around a kernel of gathered windows, which are copied tap by tap."""
    if not gathers(network, node):
        return {}
    windows, (_, window) = network.shapes[node.name].length, runs(network, node)
    (source,) = network.input_shapes(node)
    return {
        "gathered": -(-windows // GATHERED_ROWS),
        "gathered_tap": windows * window // source.channels,
        "gathered_byte": windows * window,
    }


def _unpacking(network: Network, node: Node, backend: Backend) -> dict[str, int]:
    """The loops around a kernel of unpacked weights, which then begins its rows once per group.

    A ``part`` is one call of it; a ``word4`` or ``word2`` is one word of packed weights.
    """
    if not is_packed(node):
        return {}
    words = packed_group_words(network, node, backend)
    rows = network.shapes[node.name].length
    times = -(-rows // PACKED_ROWS)
    return {
        "row": _row_strips(rows, backend) * len(words),
        "part": times * len(words),
        "word4": times * sum(words) * (packed_bits(node) == 4),
        "word2": times * sum(words) * (packed_bits(node) == 2),
    }


def _row_strips(rows: int, backend: Backend) -> int:
    """Times that the rows of an output are taken: one by one, or two where one may be left."""
    return rows if backend == "one_row" else -(-rows // 2)


def layer_instructions(
    network: Network,
    node: Node,
    core: str,
    optimize: Optimize = "balanced",
    tables: Mapping[str, Instructions] | None = None,
) -> float:
    """Instructions of ``node`` where it stands in ``network``, on an emulated core.

    They are those of the compiler that needs most; ``tables`` has other costs than the shipped
    ones, by compiler.
    """
    backend = CORES[core].backend
    kernel = kernel_of(network, node, backend)
    trips = layer_trips(network, node, backend, optimize)
    return max(
        sum(table[kernel].get(name, 0.0) * times for name, times in trips.items())
        for table in (tables or INSTRUCTIONS[core]).values()
    )


def network_instructions(
    network: Network,
    core: str,
    optimize: Optimize = "balanced",
    tables: Mapping[str, Instructions] | None = None,
) -> float:
    """Instructions of one inference on an emulated core: a sum of ``layer_instructions``.

    It is a little above what any one compiler needs where one is better at some layers, and
    another at others.
    """
    start = max(table["network"]["run"] for table in (tables or INSTRUCTIONS[core]).values())
    return start + sum(
        layer_instructions(network, node, core, optimize, tables) for node in network.nodes
    )


def layer_seconds(network: Network, node: Node, device: Device) -> float | None:
    """Share of ``node`` in ``latency_seconds``."""
    core = device.cycles.measured_on
    if core is None:
        return None
    return _seconds(layer_instructions(network, node, core, device.optimize), device)


def latency_seconds(network: Network, device: Device) -> float | None:
    """Time of one inference that ``device`` keeps; ``None`` where its core was never measured."""
    core = device.cycles.measured_on
    if core is None:
        return None
    return _seconds(network_instructions(network, core, device.optimize), device)


def require_cycle_model(device: Device, limit: str, instead: str) -> None:
    """Raise ``ConfigError`` where nobody can promise the latency that ``limit`` is about.

    ``instead`` is a way out that needs no other device.
    """
    if device.cycles.measured_on is None:
        measured = ", ".join(name for name, core in CORES.items() if core.measured_on)
        raise ConfigError(
            f"{limit}: no cycle model was measured for the {device.core} of {device.name}, so a "
            "latency cannot be promised.",
            hint=f"{instead}, or name a device with one of {measured}",
        )


def _seconds(instructions: float, device: Device) -> float:
    return HEADROOM * instructions * device.cycles.cycles_per_instruction / device.clock_hz
