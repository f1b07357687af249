"""Proves that every carrier gives the bits of the NumPy reference, layer by layer.

The vectors are real windows and the worst cases made here.  A carrier that cannot run is
reported as *not proven*, never as passed; the first difference is named down to the value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from tinyml_nas.errors import ParityError, ToolError
from tinyml_nas.export.c import CExport
from tinyml_nas.graph import INPUT
from tinyml_nas.graph.integer import Float32, Int8, IntNetwork
from tinyml_nas.proof.carriers import BoardC, Carrier, EmulatedC, HostC, Quantizer
from tinyml_nas.proof.carriers.protocol import first_difference_of
from tinyml_nas.proof.cores.targets import EMULATED_CORES
from tinyml_nas.quantize.reference import quantize_input, run_reference
from tinyml_nas.results.export import Carrier as CarrierResult
from tinyml_nas.results.export import Parity

RANDOM_VECTORS = 4
SEED = 2024


def c_carriers(net: IntNetwork, export: CExport) -> tuple[Carrier, ...]:
    """The generated C on this machine and on every emulated core."""
    cores = (EmulatedC(net, export, core) for core in EMULATED_CORES)
    return (HostC(net, export), *cores, BoardC(net, export))


def prove(
    net: IntNetwork,
    x: Float32,
    carriers: Sequence[Carrier],
    examined: Callable[[CarrierResult], None] = lambda result: None,
) -> Parity:
    """Compare ``carriers`` with the reference over real windows ``x`` (N, C, L) and worst cases.

    ``examined`` hears of each carrier as soon as it is done.
    """
    samples = np.concatenate([x, worst_samples(net)])
    inputs = np.concatenate([quantize_input(net, x), worst_inputs(net)])
    with np.errstate(over="ignore"):  # the largest floats are meant to saturate
        truth = {**run_reference(net, inputs), INPUT: quantize_input(net, samples)}
    results = []
    for carrier in carriers:
        results.append(_examine(net, carrier, samples, inputs, truth))
        examined(results[-1])
    return Parity(vectors=len(inputs), carriers=results)


def worst_inputs(net: IntNetwork) -> Int8:
    """Integer windows (N, C, L) at the ends of the range: extremes, noise, the zero point."""
    channels, length = net.network.input_shape
    zero_point = net.scales[INPUT].zero_point
    time, channel = np.arange(length), np.arange(channels)[:, None]
    flip = (time + channel) % 2 == 0
    slow = (time // max(1, length // 4) + channel) % 2 == 0
    full = np.ones((channels, length))
    fixed = [-128 * full, 127 * full, zero_point * full]
    fixed += [np.where(mask, low, -1 - low) for mask in (flip, slow) for low in (-128, 127)]
    random = np.random.default_rng(SEED).integers(-128, 128, (RANDOM_VECTORS, channels, length))
    return np.concatenate([np.stack(fixed), random]).astype(np.int8)


def worst_samples(net: IntNetwork) -> Float32:
    """Float windows (N, C, L) with the quantizer's halfway points, their neighbors, extremes."""
    channels, length = net.network.input_shape
    steps = np.arange(-130, 130, 0.5, dtype=np.float32)
    points = net.input.mean[:, None] + net.input.scale[:, None] * (steps - net.input.zero_point)
    points = points.astype(np.float32)
    largest = np.finfo(np.float32).max
    special = np.array([0.0, -0.0, 1e-45, 1e30, -1e30, largest, -largest, np.inf, -np.inf])
    values = np.concatenate(
        [
            points,
            np.nextafter(points, np.float32(np.inf)),
            np.nextafter(points, np.float32(-np.inf)),
            np.broadcast_to(special.astype(np.float32), (channels, len(special))),
        ],
        axis=1,
    )
    count = -(-values.shape[1] // length)
    padded = np.pad(values, ((0, 0), (0, count * length - values.shape[1])), mode="edge")
    return padded.reshape(channels, count, length).transpose(1, 0, 2)


def _examine(
    net: IntNetwork,
    carrier: Carrier,
    samples: Float32,
    inputs: Int8,
    truth: Mapping[str, Int8],
) -> CarrierResult:
    try:
        tensors = dict(carrier.run(inputs))
        tensors.pop(INPUT, None)
        if isinstance(carrier, Quantizer):
            tensors[INPUT] = carrier.quantize(samples)
    except ToolError as error:
        return CarrierResult(
            name=carrier.name, status="not proven", values=0, mismatches=0, detail=error.message
        )
    except ParityError as error:
        return CarrierResult(
            name=carrier.name, status="failed", values=0, mismatches=1, detail=error.message
        )
    return _compare(net, carrier.name, tensors, truth)


def _compare(
    net: IntNetwork, name: str, tensors: Mapping[str, Int8], truth: Mapping[str, Int8]
) -> CarrierResult:
    if net.network.output not in tensors:
        return CarrierResult(
            name=name,
            status="not proven",
            values=0,
            mismatches=0,
            detail=f"gave no {net.network.output}",
        )
    order = [layer for layer in (INPUT, *net.by_name) if layer in tensors]
    values, mismatches, first = 0, 0, ""
    for layer in order:
        got, expected = tensors[layer], truth[layer]
        if got.shape != expected.shape:
            return CarrierResult(
                name=name,
                status="failed",
                values=values,
                mismatches=1,
                detail=f"{layer} has shape {got.shape}, not {expected.shape}",
            )
        different = got != expected
        values += got.size
        mismatches += int(different.sum())
        if not first and different.any():
            first = first_difference_of(layer, got, expected)
    shown = f"{len(order)} of {len(net.layers) + 1} tensors compared"
    return CarrierResult(
        name=name,
        status="failed" if mismatches else "proven",
        values=values,
        mismatches=mismatches,
        detail=first or shown,
    )
