"""Weight sharing: what a network cuts from the supernet, and what a step along a path changes."""

from __future__ import annotations

import random

import pytest
import torch
from samples import features

from tinyml_nas.cost.npu.suited import choices_on
from tinyml_nas.devices import load_device
from tinyml_nas.graph import Shape
from tinyml_nas.search.one_shot.superkernels import (
    SinglePath,
    Supernet,
    share_of,
    warm_up,
)
from tinyml_nas.search.proxies.protocol import Probe
from tinyml_nas.search.proxies.ranking import draw_batches
from tinyml_nas.search.spaces import random_genome
from tinyml_nas.search.spaces.chain import ChainSpace
from tinyml_nas.train.augment import Augmentation
from tinyml_nas.train.recipe import Recipe
from tinyml_nas.train.seeding import generator

pytestmark = pytest.mark.fast

SPACE = ChainSpace(Shape(2, 32), 3)
GENOME = SPACE.canonical(
    {
        "stem": "dwsep",
        "stem_kernel": 5,
        "stem_stride": 2,
        "stem_width": 8,
        "stages": 3,
        "block1": "pool_conv",
        "kernel1": 3,
        "width1": 12,
        "stride1": 1,
        "block2": "residual",
        "kernel2": 5,
        "block3": "dwsep",
        "kernel3": 7,
        "width3": 16,
        "stride3": 2,
        "head": "avg_max",
        "hidden": 16,
    }
)
NETWORK = SPACE.network(GENOME, "net")


@pytest.fixture
def supernet() -> Supernet:
    return Supernet(SPACE, generator(1, "supernet"))


def recipe(epochs: int = 1) -> Recipe:
    return Recipe(epochs, 16, "adamw", 1e-2, 0.0, "none", 0, 0.0, True, None, Augmentation())


def other(**changes: int | str) -> torch.nn.Module:
    """A supernet's part for GENOME with other choices."""
    network = SPACE.network(SPACE.canonical({**GENOME, **changes}), "other")
    return Supernet(SPACE, generator(1, "supernet")).inherited(network)


def test_a_network_takes_first_channels_and_middle_taps(supernet):
    module, shared = supernet.inherited(NETWORK), supernet.shared
    assert shared["stem_depthwise"].shape == (2, 1, 11)
    assert torch.equal(module.stem_depthwise.conv.weight, shared["stem_depthwise"][:, :, 3:8])
    assert shared["stage1"].shape == (128, 128, 7)
    assert torch.equal(module.stage1.conv.weight, shared["stage1"][:12, :8, 2:5])
    assert torch.equal(module.stage2_conv.conv.weight, shared["stage2_conv"][:12, :12, 1:6])
    assert torch.equal(module.stage3_depthwise.conv.weight, shared["stage3_depthwise"][:12])
    assert torch.equal(module.stage3_pointwise.conv.weight, shared["stage3_pointwise"][:16, :12])
    assert torch.equal(module.classifier.conv.weight, shared["classifier<hidden"][:, :16])
    hidden = module.hidden.conv.weight
    assert hidden.shape == (16, 32, 1)
    assert torch.equal(hidden[:, :16], shared["hidden<avg_pool"][:16, :16])
    assert torch.equal(hidden[:, 16:], shared["hidden<max_pool"][:16, :16])


def test_kernels_widths_and_heads_share():
    base, longer, wider = other(), other(kernel1=7), other(width1=24)
    assert torch.equal(base.stage1.conv.weight, longer.stage1.conv.weight[:, :, 2:5])
    assert torch.equal(base.stage1.conv.weight, wider.stage1.conv.weight[:12])
    average = other(head="avg").hidden.conv.weight
    assert torch.equal(average, base.hidden.conv.weight[:, :16])
    assert torch.equal(other(head="max").hidden.conv.weight, base.hidden.conv.weight[:, 16:])


@pytest.mark.parametrize("device", ["cortex-m4", "F28P55", "AlifE3-HE"])
@pytest.mark.parametrize(("shape", "positional"), [((1, 8), False), ((3, 64), True)])
def test_every_network_of_the_space_finds_its_weights(device, shape, positional):
    space = ChainSpace(Shape(*shape), 4, choices_on(load_device(device)), positional=positional)
    supernet, draw, seen = Supernet(space, generator(1, "supernet")), random.Random(1), 0
    while seen < 40:
        try:
            network = space.network(random_genome(space, draw), "net")
        except ValueError:
            continue
        seen += 1
        assert supernet.inherited(network)(torch.randn(2, *shape)).shape == (2, 4)


def test_a_path_computes_what_the_inherited_network_computes(supernet):
    x = torch.randn(8, 2, 32, generator=generator(1, "x"))
    module = supernet.inherited(NETWORK).train()
    path = SinglePath(supernet, [NETWORK], random.Random(1))
    assert torch.allclose(path(x), module(x), atol=1e-6)
    inherited = supernet.inherited(NETWORK)  # the path left its statistics behind
    assert torch.allclose(inherited.stage1.norm.running_mean, module.stage1.norm.running_mean)
    assert module.stage1.norm.running_mean.abs().max() > 0
    assert torch.equal(supernet.statistics["stage1/mean"][12:], torch.zeros(116))


def test_a_step_changes_what_lies_on_its_path_alone(supernet):
    before = {name: value.detach().clone() for name, value in supernet.shared.items()}
    data = features()
    warm_up(supernet, [NETWORK], data.train, data, recipe(), random.Random(1), 1)
    changed = {n: v.detach() != before[n] for n, v in supernet.shared.items()}
    assert changed["stage1"][:12, :8, 2:5].all()
    assert not changed["stage1"][12:].any()
    assert not changed["stage1"][:, 8:].any()
    assert not changed["stage1"][:, :, [0, 1, 5, 6]].any()
    assert not any(changed[name].any() for name in ("stem", "stage4", "classifier<avg_pool"))


def test_an_inherited_network_stands_alone(supernet):
    module = supernet.inherited(NETWORK)
    with torch.no_grad():
        module.stage1.conv.weight.zero_()
        module.stage1.norm.running_var.zero_()
    again = supernet.inherited(NETWORK)
    assert again.stage1.conv.weight.abs().min() > 0
    assert again.stage1.norm.running_var.min() == 1


def test_shares_are_nested():
    train = features().train
    none, some, more, everything = (share_of(train, level, 1) for level in (0, 0.25, 0.5, 1))
    assert [len(s) for s in (none, some, more, everything)] == [0, 48, 96, 192]
    assert (more.x[:48] == some.x).all()
    assert sorted(everything.y) == sorted(train.y)
    assert (share_of(train, 0.25, 2).x != some.x).any()


def test_nothing_warms_up_at_level_zero(supernet):
    data = features()
    before = {name: value.clone() for name, value in supernet.state_dict().items()}
    share = share_of(data.train, 0, 1)
    warm_up(supernet, [NETWORK], share, data, recipe(), random.Random(1), 1)
    assert all(torch.equal(v, before[n]) for n, v in supernet.state_dict().items())


def test_a_warm_up_teaches_all_networks_on_its_paths(supernet):
    data, draw = features(), random.Random(3)
    networks = []
    while len(networks) < 12:
        genome = random_genome(SPACE, draw)
        if int(genome["stages"]) <= 2 and int(genome["stem_stride"]) <= 2:
            networks.append(SPACE.network(genome, "net"))
    unseen = draw_batches(data.validation, data, 1, size=12)

    def loss() -> float:
        probes = [Probe(network, supernet.inherited(network), unseen) for network in networks]
        return sum(probe.losses.mean().item() for probe in probes) / len(probes)

    fresh = loss()
    warm_up(supernet, networks, data.train, data, recipe(8), random.Random(1), 1)
    assert loss() < 0.7 * fresh
