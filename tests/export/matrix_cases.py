"""The networks of the build matrix: a few small ones of each kind, with their truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from measured_networks import random_cells_of, random_chain, random_packed
from random_networks import random_int_network, random_samples, random_weights, random_windows
from random_streams import CHAINS, MFCC_CHAIN, OTHER_CHAINS, WHOLE_CHAINS, random_stream

from tinyml_nas.config.names import NAS_PRESETS
from tinyml_nas.cost.flash import network_cost
from tinyml_nas.export.c import CExport, emit_c
from tinyml_nas.graph import Network, Shape
from tinyml_nas.graph.integer import Float32, Int8, IntNetwork
from tinyml_nas.proof.parity import worst_samples
from tinyml_nas.proof.streaming import Piece, Pushes, expected
from tinyml_nas.quantize import quantize_input
from tinyml_nas.quantize.reference import run_reference
from tinyml_nas.zoo import ZOO

CELLS = tuple(f"cells {preset}" for preset in NAS_PRESETS)
STREAMS = ("stream", "packed stream")
KINDS = ("zoo", "chain", *CELLS, "autoencoder", "random", "packed", *STREAMS)
NUMBERS = 5
"""Networks of each kind, of which a build has some kinds."""
WINDOWS = 2
FLOAT_WINDOWS = 40
MACS = 150_000
"""The largest network: emulators take their time, and width adds nothing to a proof."""


@dataclass(frozen=True)
class Case:
    """A network, its C, inputs (N, C, L) and what every layer makes of them.

    A stream has pushes of samples instead and the pieces that they give.
    """

    net: IntNetwork
    export: CExport
    inputs: Int8
    truth: Mapping[str, Int8]
    samples: Float32
    quantized: Int8
    pushes: Sequence[Pushes] = ()
    pieces: Sequence[Piece] = ()


def kinds_of(build: int, count: int = 4) -> list[tuple[str, int]]:
    """Kinds and numbers of ``count`` networks for build ``build``; those of neighbors differ."""
    kinds = [KINDS[(build + 5 * step) % len(KINDS)] for step in range(count)]
    return [(kind, build // len(KINDS) % NUMBERS) for kind in kinds]


def make_case(kind: str, number: int, folder: Path) -> Case:
    """Network ``number`` of ``kind``, written into ``folder``."""
    if kind in STREAMS:
        return _stream(number, (8, 4, 2) if kind == "packed stream" else (8,), folder)
    net = _network(kind, number)
    export = emit_c(net, "model", folder, random_samples(net, 1))
    inputs = random_windows(net, WINDOWS, number)
    samples = worst_samples(net)[:FLOAT_WINDOWS]
    with np.errstate(over="ignore"):  # the largest floats are meant to saturate
        quantized = quantize_input(net, samples)
    return Case(net, export, inputs, run_reference(net, inputs), samples, quantized)


def _network(kind: str, number: int) -> IntNetwork:
    if kind == "random":
        return random_int_network(number)
    if kind in CELLS:
        return random_weights(number, random_cells_of(kind.split()[1], number))
    make = {
        "zoo": _zoo,
        "chain": random_chain,
        "autoencoder": _autoencoder,
        "packed": random_packed,
    }
    seed = number
    while network_cost(network := make[kind](seed)).macs > MACS:
        seed += 1000
    return random_weights(number, network)


def _zoo(number: int) -> Network:
    names = [name for name in ZOO if not _reconstructs(name)]
    return _zoo_model(names, number, 13 + 7 * (number // len(names) % 4))


def _autoencoder(number: int) -> Network:
    return _zoo_model([name for name in ZOO if _reconstructs(name)], number, 16)


def _reconstructs(name: str) -> bool:
    return ZOO[name].task == "anomaly"


def _zoo_model(names: Sequence[str], number: int, length: int) -> Network:
    return ZOO[names[number % len(names)]].build(Shape(1 + number % 3, length), 3)


def _stream(number: int, bits: Sequence[int], folder: Path) -> Case:
    chains = (*CHAINS, MFCC_CHAIN, *OTHER_CHAINS, *WHOLE_CHAINS)
    stream, samples = random_stream(number, chains[(5 * number + 8) % len(chains)], bits)
    hop = stream.frontend.chain.hop
    samples = samples[: len(samples) // hop * hop]
    export = emit_c(stream.net, "model", folder, random_samples(stream.net, 1), stream=stream)
    nothing = np.zeros((0, *stream.net.network.input_shape))
    pieces = expected(stream, samples)
    return Case(
        *(stream.net, export, nothing.astype(np.int8), {}, nothing.astype(np.float32)),
        *(nothing.astype(np.int8), ((samples, hop),), pieces),
    )
