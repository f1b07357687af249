"""The chain space's one decision about dilation: how much of the window a chain sees."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

import pytest
import torch
from samples import features

from tinyml_nas.config.sections.training import Training
from tinyml_nas.console import Console
from tinyml_nas.cost.budget import Budget
from tinyml_nas.cost.npu.suited import LayerChoices, choices_on
from tinyml_nas.devices import NpuRules, load_device
from tinyml_nas.graph import Conv, DepthwiseConv, Network, Shape, reach_of
from tinyml_nas.search.evaluator import Evaluator
from tinyml_nas.search.one_shot.superkernels import Supernet
from tinyml_nas.search.problem import Problem
from tinyml_nas.search.spaces import Genome, crossover, genome_key, mutate, random_genome
from tinyml_nas.search.spaces.chain import MOST_APART, REACHES, ChainSpace
from tinyml_nas.search.warm_start import load_genomes
from tinyml_nas.train.recipe import recipe_from_config
from tinyml_nas.train.seeding import generator

pytestmark = pytest.mark.fast

TAPS_APART = choices_on(
    load_device("F28P55").model_copy(
        update={"npu": NpuRules(kind="ti-npu", unsupported=("concat",))}
    )
)
"""Rules of an accelerator that takes dilated convolutions."""


def drawn(
    count: int, npu: LayerChoices | None = None
) -> Iterator[tuple[ChainSpace, Genome, Network]]:
    """Random chains for random windows."""
    draw, seen = random.Random(1), 0
    while seen < count:
        shape = Shape(draw.choice((1, 3, 8)), draw.choice((8, 31, 64, 128, 300, 512, 1000)))
        space = ChainSpace(shape, 5, npu)
        genome = random_genome(space, draw)
        try:
            network = space.network(genome, "chain")
        except ValueError:  # its strides leave no signal
            continue
        seen += 1
        yield space, genome, network


def dilations(network: Network) -> list[int]:
    """Dilations along time, the stem's included."""
    ops = [node.op for node in network.nodes if isinstance(node.op, Conv | DepthwiseConv)]
    return [op.dilation for op in ops if op.kernel > 1]


@pytest.mark.parametrize("npu", [None, TAPS_APART])
def test_a_chain_sees_about_the_share_that_it_should(npu: LayerChoices | None) -> None:
    """Within a factor of two, where the undilated chain does not see more, or the widest less."""
    for space, genome, network in drawn(400, npu):
        whole, share = space.input_shape.length, float(genome["reach"])
        apart = space.dilations(genome)[0] * (1 + str(genome["block1"]).startswith("pool"))
        plain = reach_of(space.network({**genome, "reach": 0.0}, "plain"))
        if not share:
            assert reach_of(network) == plain
            assert set(dilations(network)) <= {1}
            continue
        assert reach_of(network) > plain
        seen = reach_of(network) / (share * whole)
        assert seen <= 2 or plain > share * whole / 2
        assert seen >= 0.5 or apart == MOST_APART


@pytest.mark.parametrize("length", [96, 128, 251, 300, 427, 512, 720, 1024, 2000])
def test_the_skeletons_see_the_shares_closely(length: int) -> None:
    space = ChainSpace(Shape(1, length), 5)
    for share, versions in zip((0.5, 1.0, 0.25), space.skeletons, strict=True):
        seen = reach_of(space.network(versions[0], "tcn")) / length
        assert share / 1.6 <= seen <= share * 1.6


@pytest.mark.parametrize(
    ("length", "stride", "kernel", "reach", "expected"),
    [
        (300, 2, 5, 0.5, [1, 2, 4, 8, 16]),
        (128, 2, 5, 0.5, [1, 1, 2, 4, 8]),
        (512, 2, 5, 0.5, [1, 4, 8, 16, 32]),
        (720, 4, 9, 0.25, [1, 2, 4, 8, 16]),
        (1024, 4, 9, 0.5, [1, 4, 8, 16, 32]),
    ],
)
def test_the_tcn_of_the_measurements_is_in_the_space(length, stride, kernel, reach, expected):
    space = ChainSpace(Shape(1, length), 5)
    wide = dict.fromkeys(("stem_width", "width1", "width2", "width3", "width4"), 16)
    genome = {"stem_kernel": kernel, "stem_stride": stride, "stages": 4, "reach": reach, **wide}
    network = space.network(space.canonical(genome), "tcn")
    assert dilations(network) == expected
    strides = [node.op.stride for node in network.nodes if isinstance(node.op, Conv)]
    assert strides == [stride, 1, 1, 1, 1]
    assert network.shapes[network.nodes[4].name] == Shape(16, -(-length // stride))


def test_strides_and_pools_count_as_dilation() -> None:
    """What a stage behind a stride sees apart, it sees apart without one too."""
    space = ChainSpace(Shape(1, 512), 5)
    genome = {"stem_stride": 2, "stages": 3, "reach": 0.25}
    apart = space.dilations(space.canonical(genome))
    strided = space.dilations(space.canonical({**genome, "stride1": 2, "block3": "pool_conv"}))
    assert [own / plain for own, plain in zip(strided, apart, strict=True)] == [1, 1 / 2, 1 / 4]


def test_genomes_are_equal_where_their_networks_are() -> None:
    reaches_kept = set()
    for space, genome, _ in drawn(200):
        by_network: dict[object, set[str]] = {}
        for reach in REACHES:
            variant = space.canonical({**genome, "reach": reach})
            assert space.canonical(variant) == variant
            nodes = space.network(variant, "chain").nodes
            assert nodes == space.network({**genome, "reach": reach}, "chain").nodes
            by_network.setdefault(nodes, set()).add(genome_key(variant))
            reaches_kept.add(len(by_network))
        assert all(len(keys) == 1 for keys in by_network.values())
        assert len(set.union(*by_network.values())) == len(by_network)
    assert reaches_kept == {1, 2, 3, 4}


def test_a_genome_without_the_decision_is_undilated(tmp_path) -> None:
    seen = 0
    for space, genome, network in drawn(60):
        old = {name: value for name, value in genome.items() if name != "reach"}
        assert space.canonical(old) == space.canonical({**genome, "reach": 0.0})
        assert set(dilations(space.network(old, "old"))) <= {1}
        (tmp_path / "old.json").write_text(json.dumps(old), encoding="utf-8")
        (known,) = load_genomes(["old.json"], tmp_path, space, Console(quiet=True))
        assert space.network(known, "old").nodes == space.network(old, "old").nodes
        seen += genome["reach"] == 0.0 and network.nodes == space.network(old, "old").nodes
    assert seen > 10


def test_children_change_the_reach_and_inherit_it() -> None:
    space, draw = ChainSpace(Shape(1, 300), 5), random.Random(1)
    parent = dict(space.skeletons[0][0])
    children = [mutate(space, parent, draw) for _ in range(400)]
    assert {child["reach"] for child in children} == set(REACHES)
    other = space.canonical({**parent, "reach": 1.0})
    crossed = {crossover(space, parent, other, draw)["reach"] for _ in range(40)}
    assert crossed == {0.5, 1.0}


def test_an_accelerator_without_dilation_leaves_it_out() -> None:
    npu = choices_on(load_device("F28P55"))
    assert npu is not None
    space = ChainSpace(Shape(1, 300), 5, npu)
    assert "reach" not in {decision.name for decision in space.decisions}
    assert space.skeletons == ()
    for _, genome, network in drawn(40, npu):
        assert "reach" not in genome
        assert set(dilations(network)) <= {1}


def test_dilated_chains_share_the_kernels_of_the_others() -> None:
    space = ChainSpace(Shape(2, 128), 3)
    supernet = Supernet(space, generator(1, "supernet"))
    genome = space.skeletons[0][0]
    near, far = (
        supernet.inherited(space.network({**genome, "reach": reach}, "chain")).eval()
        for reach in (0.0, 1.0)
    )
    own, others = near.state_dict(), far.state_dict()
    assert all(torch.equal(value, others[name]) for name, value in own.items())
    x = torch.randn(2, 2, 128, generator=generator(1, "x"))
    assert not torch.allclose(near(x), far(x))


@pytest.mark.parametrize(
    ("budget", "expected"),
    [
        (Budget(), (16, 2)),
        (Budget(ram_bytes=2200), (16, 4)),
        (Budget(flash_bytes=4000), (8, 2)),
        (Budget(flash_bytes=4000, macs=100_000), (8, 4)),
        (Budget(macs=500), None),
    ],
)
def test_a_search_begins_with_the_dearest_skeleton_that_it_can_afford(budget, expected) -> None:
    space, device = ChainSpace(Shape(1, 300), 5), load_device("cortex-m4")
    data = features((1, 300), 5, 20)
    evaluator = Evaluator(data, recipe_from_config(Training()), ())
    problem = Problem(space, budget, device, data, evaluator, Training(), 1)
    found = problem.skeletons()
    sizes = {(c.genome["stem_width"], c.genome["stem_stride"]) for c in found}
    assert sizes == ({expected} if expected else set())
    assert len({c.genome["reach"] for c in found}) == len(found) <= 3
