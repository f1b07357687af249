"""Networks of the chain space, with random weights: every carrier gives the reference's bits."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from c_builds import Emit

from tinyml_nas.cost.flash import network_cost
from tinyml_nas.export.onnx import integer_model
from tinyml_nas.features import Normalization
from tinyml_nas.graph import (
    Add,
    Concat,
    DepthwiseConv,
    Linear,
    MaxPool,
    Network,
    Shape,
)
from tinyml_nas.graph.integer import Float32, IntNetwork
from tinyml_nas.proof.carriers import (
    Carrier,
    EmulatedC,
    HostC,
    OnnxRuntime,
    TorchModule,
)
from tinyml_nas.proof.parity import prove
from tinyml_nas.quantize.calibrate import calibrate
from tinyml_nas.quantize.fold import fold_batch_norm
from tinyml_nas.quantize.lower import lower
from tinyml_nas.quantize.qat import QuantizedModule
from tinyml_nas.search.spaces.chain import ChainSpace
from tinyml_nas.search.spaces.space import random_genome
from tinyml_nas.train.builder import build_module
from tinyml_nas.train.seeding import generator

SEEDS = range(30)
LARGEST_MACS = 500_000  # the reference is slow, and width adds nothing to a proof


@dataclass(frozen=True)
class Chain:
    """A lowered chain, its fake-quant module and float windows (N, C, L)."""

    net: IntNetwork
    module: QuantizedModule
    windows: Float32

    def prove(self, carriers: list[Carrier]) -> None:
        """Fails with the first difference unless all ``carriers`` are proven in all layers."""
        report = prove(self.net, self.windows[:2], carriers)
        assert [result.status for result in report.carriers] == ["proven"] * len(carriers), report


def chain_network(seed: int) -> Network:
    draw = random.Random(seed)
    while True:
        shape = Shape(draw.randint(1, 9), draw.randint(32, 256))
        space = ChainSpace(shape, draw.randint(2, 8))
        try:
            network = space.network(random_genome(space, draw), f"chain {seed}")
        except ValueError:  # its strides leave no signal
            continue
        if network_cost(network).macs < LARGEST_MACS:
            return network


@cache
def chain(seed: int) -> Chain:
    network = chain_network(seed)
    channels, length = network.input_shape
    trained = build_module(network, generator(seed, "chain"))
    x = torch.randn(16, channels, length, generator=generator(seed, "windows"))
    trained.train()(x)  # batch norm sees data once
    folded = fold_batch_norm(trained.eval())
    module = QuantizedModule(folded, calibrate(folded, x, "min_max"))
    net = lower(
        folded.network,
        module.parameters_by_node(),
        module.scales,
        Normalization(np.full(channels, 0.25, np.float32), np.full(channels, 1.5, np.float32)),
        tuple(f"class {i}" for i in range(network.shapes[network.output].size)),
        tuple(f"ch{i}" for i in range(channels)),
    )
    return Chain(net, module, x.numpy() * np.float32(1.5) + np.float32(0.25))


@pytest.mark.fast
def test_the_chains_hold_what_the_space_is_made_of() -> None:
    networks = [chain_network(seed) for seed in SEEDS]
    seen = {
        (type(node.op).__name__, getattr(node.op, "relu", None))
        for network in networks
        for node in network.nodes
    }
    assert seen >= {("Conv", True), ("Conv", False), ("Add", True), ("GlobalAvgPool", None)}
    assert seen >= {("Linear", True), ("Linear", False), ("Concat", None)}
    depthwise = {
        (node.op.kernel, node.op.stride, network.input_shapes(node)[0].length % 2)
        for network in networks
        for node in network.nodes
        if isinstance(node.op, DepthwiseConv)
    }
    assert {stride for _, stride, _ in depthwise} == {1, 2, 4}
    assert {odd for *_, odd in depthwise} == {0, 1}
    assert max(kernel for kernel, *_ in depthwise) == 11
    assert any(
        isinstance(node.op, MaxPool) and network.input_shapes(node)[0].length == node.op.kernel
        for network in networks
        for node in network.nodes
    )


@pytest.mark.parametrize(
    "seed", [pytest.param(s, marks=pytest.mark.fast if s < 8 else ()) for s in SEEDS]
)
def test_onnx_runtime_and_torch_give_the_bits_of_the_reference(tmp_path: Path, seed: int) -> None:
    case = chain(seed)
    file = tmp_path / "model_int8.onnx"
    file.write_bytes(integer_model(case.net).SerializeToString())
    onnx = [OnnxRuntime(case.net, file, optimized=optimized) for optimized in (True, False)]
    case.prove([*onnx, TorchModule(case.net, case.module)])


@pytest.mark.c
@pytest.mark.parametrize("seed", SEEDS)
def test_host_c_gives_the_bits_of_the_reference(emit: Emit, seed: int) -> None:
    case = chain(seed)
    case.prove([HostC(case.net, emit(case.net))])


@pytest.mark.c
@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m4"])
@pytest.mark.parametrize("operation", [DepthwiseConv, Concat, Add])
def test_emulated_cores_give_the_bits_of_the_reference(
    emit: Emit, operation: type, core: str
) -> None:
    seed = smallest_seed(operation)
    case = chain(seed)
    case.prove([EmulatedC(case.net, emit(case.net), core)])


def smallest_seed(operation: type) -> int:
    """The seed of the chain with ``operation`` and a hidden layer that has the least work."""
    networks = {seed: chain_network(seed) for seed in SEEDS}
    fitting = [
        seed
        for seed, network in networks.items()
        if any(isinstance(node.op, operation) for node in network.nodes)
        and any(isinstance(node.op, Linear) and node.op.relu for node in network.nodes)
    ]
    return min(fitting, key=lambda seed: network_cost(networks[seed]).macs)
