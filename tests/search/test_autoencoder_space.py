"""The autoencoder space, and heads that read every step."""

from __future__ import annotations

import random

import numpy as np
import pytest

from tinyml_nas.cost.npu import lint
from tinyml_nas.cost.npu.suited import choices_on
from tinyml_nas.devices import load_device
from tinyml_nas.graph import INPUT, Conv, Network, Node, Shape, residual_of
from tinyml_nas.search.spaces import random_genome
from tinyml_nas.search.spaces.autoencoder import AutoencoderSpace
from tinyml_nas.search.spaces.chain import ChainSpace

pytestmark = pytest.mark.fast


@pytest.mark.parametrize("shape", [Shape(1, 125), Shape(3, 64), Shape(6, 17)])
def test_autoencoders_end_in_what_is_left_and_cannot_copy(shape: Shape) -> None:
    space, rng, built = AutoencoderSpace(shape), np.random.default_rng(1), 0
    for _ in range(60):
        genome = space.canonical(random_genome(space, rng))
        try:
            network = space.network(genome, "a")
        except ValueError:
            continue  # the code could copy the window
        built += 1
        assert network.shapes[network.output] == shape
        assert network.nodes[-1].inputs[0] == INPUT
        assert network.shapes["code"].size < shape.size
    assert built > 20


@pytest.mark.parametrize("shape", [Shape(1, 64), Shape(3, 64)])
def test_for_an_accelerator_only_what_none_takes_stays_on_the_core(shape: Shape) -> None:
    device, draw, seen = load_device("F28P55"), random.Random(1), set()
    space = AutoencoderSpace(shape, choices_on(device))
    for _ in range(60):
        try:
            network = space.network(space.canonical(random_genome(space, draw)), "a")
        except ValueError:
            continue  # the code could copy the window
        report = lint(network, device)
        assert report is not None
        seen |= {placed.layer.rstrip("1234") for placed in report.on_core}
    first = {"down"} if shape.channels % 4 and shape.channels > 1 else set()
    assert seen == {"stretch", "reconstruction", "residual"} | first


def test_chains_for_an_accelerator_run_there_to_the_last_layer() -> None:
    device, draw, built = load_device("F28P55"), random.Random(1), 0
    space = ChainSpace(Shape(1, 64), 3, choices_on(device), positional=True)
    for _ in range(60):
        try:
            network = space.network(space.canonical(random_genome(space, draw)), "c")
        except ValueError:
            continue  # too few values for its head
        report = lint(network, device)
        assert report is not None
        assert not report.on_core
        built += 1
    assert built > 20


def test_only_what_gives_back_its_input_has_a_residual() -> None:
    network = Network("n", Shape(2, 8), (Node("conv", Conv(3, 1), (INPUT,)),))
    with pytest.raises(ValueError, match="gives 3 x 8 for an input of 2 x 8"):
        residual_of(network)


def test_positional_chains_may_read_every_step() -> None:
    space = ChainSpace(Shape(1, 32), 2, positional=True)
    genome = {d.name: d.choices[0] for d in space.decisions} | {"head": "flat", "stem_stride": 2}
    network = space.network(genome, "c")
    head = network.nodes[-1]
    assert network.input_shapes(head)[0].length > 1
    plain = ChainSpace(Shape(1, 32), 2)
    assert all("flat" not in d.choices for d in plain.decisions if d.name == "head")
