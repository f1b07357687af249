"""Spaces for an Ethos-U keep what is cheap there; DARTS weighs its cycles."""

from __future__ import annotations

import random

import numpy as np
import pytest
import samples
import torch

from tinyml_nas.cost.budget import resources_of
from tinyml_nas.cost.npu.suited import ETHOS_U, choices_on
from tinyml_nas.devices import load_device
from tinyml_nas.graph import Add, Conv, DepthwiseConv, MaxPool, Network, Shape
from tinyml_nas.search import derive
from tinyml_nas.search.darts.penalty import METRICS, as_mixture, cost_model
from tinyml_nas.search.spaces import mutate, random_genome
from tinyml_nas.search.spaces.autoencoder import AutoencoderSpace
from tinyml_nas.search.spaces.chain import ChainSpace

pytestmark = pytest.mark.fast

DEVICE = load_device("AlifE3-HE")


def convolutions(network: Network) -> list[Conv | DepthwiseConv]:
    return [node.op for node in network.nodes if isinstance(node.op, Conv | DepthwiseConv)]


def test_only_a_device_whose_npu_is_used_asks_for_it() -> None:
    assert choices_on(DEVICE) == ETHOS_U
    assert choices_on(DEVICE.model_copy(update={"npu_mode": "off"})) is None
    assert choices_on(load_device("cortex-m4")) is None


@pytest.mark.parametrize("shape", [Shape(1, 128), Shape(6, 96), Shape(3, 24)])
def test_chains_keep_channels_in_eights_and_short_kernels(shape: Shape) -> None:
    space, draw, built = ChainSpace(shape, 5, choices_on(DEVICE)), random.Random(1), 0
    genome = random_genome(space, draw)
    for _ in range(150):
        genome = draw.choice((random_genome(space, draw), mutate(space, genome, draw)))
        try:
            network = space.network(genome, "chain")
        except ValueError:
            continue  # its strides leave no signal
        built += 1
        for node in network.nodes:
            op, (entry, *_) = node.op, network.input_shapes(node)
            if isinstance(op, Conv | DepthwiseConv):
                assert network.shapes[node.name].channels % 8 == 0
                assert op.kernel <= 8
            if isinstance(op, DepthwiseConv):
                assert entry.channels >= ETHOS_U.separable_from
            assert not isinstance(op, Add)
            assert not (isinstance(op, MaxPool) and network.shapes[node.name].length > 1)
    assert built > 60


def test_wide_layers_may_still_be_separable() -> None:
    space = ChainSpace(Shape(1, 128), 5, choices_on(DEVICE))
    wide = {"stem_width": 64, "stages": 1, "block1": "dwsep", "width1": 64}
    assert space.canonical(wide)["block1"] == "dwsep"
    assert space.canonical({**wide, "width1": 32})["block1"] == "conv"
    assert space.canonical({**wide, "stem_width": 32})["block1"] == "conv"


def test_a_search_also_begins_with_few_layers() -> None:
    space = ChainSpace(Shape(1, 128), 5, choices_on(DEVICE))
    for group in space.skeletons:
        stages = [int(genome["stages"]) for genome in group]
        assert stages == sorted(stages, reverse=True)
        assert {*stages} == {1, 2, 3, 4}
        seconds = [
            resources_of(space.network(genome, "skeleton"), DEVICE).latency_seconds or 0
            for genome in (group[0], group[-1])
        ]
        assert seconds[1] < seconds[0]


def test_autoencoders_keep_channels_in_eights_but_for_the_code() -> None:
    space, draw, built = AutoencoderSpace(Shape(3, 64), choices_on(DEVICE)), random.Random(1), 0
    for _ in range(60):
        try:
            network = space.network(random_genome(space, draw), "autoencoder")
        except ValueError:
            continue  # its code could copy the window
        built += 1
        for node in network.nodes:
            if isinstance(node.op, Conv) and node.name not in ("code", "reconstruction"):
                assert node.op.out_channels % 8 == 0
        assert not any(isinstance(op, DepthwiseConv) for op in convolutions(network))
    assert built > 20


@pytest.mark.parametrize(
    ("shape", "dims"), [((9, 128), (3, 4, 1, 3, 4)), ((1, 50), (4, 3, 2, 2, 2))]
)
def test_the_expectation_of_darts_is_the_cost_of_the_program(
    shape: tuple[int, int], dims: tuple[int, ...]
) -> None:
    model = cost_model(samples.space(shape, 4, dims), DEVICE)
    for genotype in (
        samples.random_genotype(model.space, np.random.default_rng(n)) for n in range(4)
    ):
        exact = resources_of(derive(genotype, model.space), DEVICE)
        alphas = 50.0 * as_mixture(genotype)
        alphas[..., 0] += 25.0
        expected = model.expected(alphas.softmax(-1)).tolist()
        for metric, value in zip(METRICS, expected, strict=True):
            assert value == pytest.approx(getattr(exact, metric), rel=1e-6), metric


def test_compute_charges_for_latency_and_its_gradient_prefers_what_is_fast() -> None:
    model = cost_model(samples.space((1, 64), 3, (3, 3, 2, 2, 2)), DEVICE)
    assert model.objectives["Compute"] == "latency_seconds"
    uniform = torch.zeros(2, len(model.space.edges), 7, requires_grad=True)
    model.penalty(model.relaxed(uniform.softmax(-1)), "Compute").backward()
    assert uniform.grad is not None
    slowest = uniform.grad.sum((0, 1)).argmax().item()
    latency = model.tables[METRICS.index("latency_seconds")].sum((0, 1))
    assert slowest == latency.argmax().item()
