"""Random networks, weights and windows through every carrier: the same bits, on all of them.

Thirty networks with every run of the tests, five hundred with ``-m nightly``.
"""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from c_builds import SANITIZE, Emit, host_compiler, missing_for, unproven
from random_networks import random_int_network, random_samples

from tinyml_nas.config.sections.delivery import Optimize
from tinyml_nas.cost.dilation import gathers, is_depthwise, runs_in_taps
from tinyml_nas.cost.packing import is_packed
from tinyml_nas.export.onnx import integer_model
from tinyml_nas.graph import INPUT, Shape
from tinyml_nas.graph.integer import IntConv, IntMaxPool, IntNetwork
from tinyml_nas.proof.carriers import (
    BoardC,
    Carrier,
    EmulatedC,
    HostC,
    OnnxRuntime,
)
from tinyml_nas.proof.cores import qemu
from tinyml_nas.proof.cores.targets import EMULATED_CORES
from tinyml_nas.proof.parity import prove

SEEDS, NIGHTLY_SEEDS = 30, 500
NODES = 9
STYLES: tuple[Optimize, ...] = get_args(Optimize)


def network(seed: int) -> IntNetwork:
    """Every third has packed weights as well, every fifth an input of whole words."""
    shape = Shape(12 + seed // 5 % 2 * 4, 24) if seed % 5 == 4 else None
    bits = (8, 4, 2) if seed % 3 == 0 else (8,)
    return random_int_network(seed, nodes=NODES, shape=shape, bits=bits)


@pytest.mark.c
@pytest.mark.parametrize(
    "seed",
    [
        *range(SEEDS),
        *(pytest.param(seed, marks=pytest.mark.nightly) for seed in range(SEEDS, NIGHTLY_SEEDS)),
    ],
)
def test_all_carriers_give_the_bits_of_the_reference(emit: Emit, tmp_path: Path, seed: int) -> None:
    net = network(seed)
    file = tmp_path / "model_int8.onnx"
    file.write_bytes(integer_model(net).SerializeToString())
    export = emit(net, optimize=STYLES[seed % len(STYLES)])
    carriers: list[Carrier] = [OnnxRuntime(net, file, optimized=o) for o in (True, False)]
    lacking = unproven((*EMULATED_CORES, qemu.CORE))
    if compiler := host_compiler(*SANITIZE):
        carriers.append(HostC(net, export, compiler, SANITIZE))
    else:
        lacking.append("host C (no clang or gcc with sanitizers)")
    carriers += (EmulatedC(net, export, core) for core in EMULATED_CORES if not missing_for(core))
    if not missing_for(qemu.CORE):
        carriers.append(BoardC(net, export))
    report = prove(net, random_samples(net, 2), carriers)
    assert {(r.status, r.mismatches) for r in report.carriers} == {("proven", 0)}, report
    everything = f"{len(net.layers) + 1} of {len(net.layers) + 1} tensors compared"
    assert {r.detail for r in report.carriers} == {everything}
    if lacking:
        pytest.skip(f"NOT PROVEN: {', '.join(lacking)}; all others give the same bits")


@pytest.mark.fast
def test_the_networks_reach_the_extremes() -> None:
    nets = [network(seed) for seed in range(SEEDS)]
    shapes = [shape for net in nets for shape in net.network.shapes.values()]
    assert any(net.network.shapes[INPUT].channels == 1 for net in nets)
    assert any(shape.length == 1 for shape in shapes)
    assert any(shape.channels == 1 and shape.length > 1 for shape in shapes)
    convolutions = [x.op for net in nets for x in net.layers if isinstance(x.op, IntConv)]
    pools = [x.op for net in nets for x in net.layers if isinstance(x.op, IntMaxPool)]
    assert any(op.stride > op.weight.shape[1] for op in convolutions)
    assert any(op.stride > op.kernel for op in pools)
    assert any(op.pad[0] >= op.weight.shape[1] - 1 > 0 for op in convolutions)
    assert any(op.groups > 1 for op in convolutions)
    assert {op.weight_bits for op in convolutions} == {8, 4, 2}
    packed = [op for op in convolutions if op.weight_bits < 8]
    assert {len(op.weight) % 4 for op in packed} == {0, 1, 2, 3}
    assert any(len(op.weight) == 1 for op in packed)
    layers = [(net.network, node) for net in nets for node in net.network.nodes]
    assert sum(gathers(network, node) for network, node in layers) >= 10
    in_taps = [(net, node) for net, node in layers if runs_in_taps(net, node)]
    assert sum(is_depthwise(net, node) for net, node in in_taps) >= 5
    assert sum(is_packed(node) for _, node in in_taps) >= 2
    assert any(not is_packed(n) and not is_depthwise(net, n) for net, n in in_taps)
    shifts = np.concatenate([op.requantize.shift for op in convolutions])
    assert {1, 2, 32, 33, 62} <= set(shifts.tolist())
