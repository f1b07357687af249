"""The expected cost: exact at a discrete choice, with a gradient of the right sign."""

from __future__ import annotations

import numpy as np
import pytest
import samples
import torch

from tinyml_nas.cost.arena import plan_memory
from tinyml_nas.cost.budget import Budget, resources_of
from tinyml_nas.devices import load_device
from tinyml_nas.search import PRIMITIVES, derive
from tinyml_nas.search.darts.penalty import METRICS, as_mixture, cost_model

pytestmark = pytest.mark.fast

DEVICE = load_device("MSPM0G3507")
SPACES = [
    ((9, 128), (3, 4, 1, 3, 4)),
    ((1, 50), (6, 4, 2, 2, 2)),
    ((2, 9), (4, 3, 2, 1, 1)),
    ((3, 24), (1, 2, 1, 1, 2)),
    ((1, 37), (7, 5, 3, 2, 1)),
]


def model_of(shape=(9, 128), dims=(3, 4, 1, 3, 4), classes=6):
    return cost_model(samples.space(shape, classes, dims), DEVICE)


def genotypes(space, count=20):
    draw = np.random.default_rng(5)
    return [samples.random_genotype(space, draw) for _ in range(count)]


def one_hot_alphas(genotype) -> torch.Tensor:
    """Softmax of alphas that stand far apart: one-hot on every edge, unlike ``as_mixture``."""
    alphas = 50.0 * as_mixture(genotype)
    alphas[..., 0] += 25.0  # edges that are not kept choose none
    return alphas.softmax(-1)


@pytest.mark.parametrize(("shape", "dims"), SPACES)
def test_at_one_hot_alphas_the_expectation_is_the_exact_cost(shape, dims):
    model = model_of(shape, dims, 4)
    for genotype in genotypes(model.space):
        exact = resources_of(derive(genotype, model.space), DEVICE)
        expected = model.expected(one_hot_alphas(genotype)).tolist()
        for metric, value in zip(METRICS, expected, strict=True):
            assert value == pytest.approx(getattr(exact, metric), rel=1e-6), metric


@pytest.mark.parametrize(("shape", "dims"), SPACES)
def test_sums_over_layers_need_no_correction(shape, dims):
    model = model_of(shape, dims, 4)
    for genotype in genotypes(model.space):
        exact = resources_of(derive(genotype, model.space), DEVICE)
        relaxed = model.relaxed(as_mixture(genotype)).tolist()
        for metric, value in zip(METRICS[:-1], relaxed, strict=False):
            # instructions and cycles of a network are rounded to whole ones
            slack = 3 / DEVICE.clock_hz if metric == "latency_seconds" else 1e-6
            assert value == pytest.approx(getattr(exact, metric), abs=slack), metric


@pytest.mark.parametrize(("shape", "dims"), SPACES)
def test_at_one_hot_the_largest_step_is_the_peak_of_live_buffers(shape, dims):
    model = model_of(shape, dims, 4)
    for genotype in genotypes(model.space, 60):
        network = derive(genotype, model.space)
        buffers = plan_memory(network).buffers.values()
        peak = max(
            sum(b.size_bytes for b in buffers if b.first <= step <= b.last)
            for step in range(len(network.nodes))
        )
        assert model.relaxed(as_mixture(genotype), smoothing=0)[-1].item() == pytest.approx(peak)


def test_the_smooth_maximum_becomes_the_maximum():
    model = model_of()
    probabilities = torch.randn(2, 10, 7, generator=torch.Generator().manual_seed(2)).softmax(-1)
    peak = model.relaxed(probabilities, smoothing=0)[-1].item()
    above = [model.relaxed(probabilities, t)[-1].item() - peak for t in (0.1, 0.01, 0.001)]
    assert above[0] > above[1] > above[2] >= 0
    assert above[2] < 0.01 * peak


def gradient(metric: str, alphas: torch.Tensor, dims=(3, 4, 1, 3, 4)) -> torch.Tensor:
    alphas = alphas.clone().requires_grad_()
    expected = model_of(dims=dims).expected(alphas.softmax(-1))
    expected[METRICS.index(metric)].backward()
    return alphas.grad


@pytest.mark.parametrize("metric", ["flash_bytes", "macs", "latency_seconds"])
def test_the_gradient_pushes_from_dear_to_cheap_operations(metric):
    slope = gradient(metric, torch.zeros(2, 10, 7), dims=(3, 4, 4, 3, 4)).sum(1)
    for kind in range(2):
        pool, three, five, seven = slope[kind, [1, 4, 5, 6]]
        assert pool < three < five < seven
        assert slope[kind].min() < 0 < seven


@pytest.mark.parametrize("metric", METRICS)
def test_the_gradient_is_the_slope_of_the_expectation(metric):
    alphas = torch.randn(2, 10, 7, generator=torch.Generator().manual_seed(0))
    slope = gradient(metric, alphas)
    model, index = model_of(), METRICS.index(metric)
    step = 0.01 * slope / slope.norm()
    above, below = (
        model.expected((alphas.double() + sign * step).softmax(-1))[index].item()
        for sign in (1, -1)
    )
    assert (above - below) / 0.02 == pytest.approx(slope.norm().item(), rel=0.01)


def test_less_ram_follows_the_gradient():
    model, index = model_of(), METRICS.index("ram_bytes")
    alphas = torch.zeros(2, 10, 7).requires_grad_()
    before = model.expected(alphas.softmax(-1))[index].item()
    adam = torch.optim.Adam([alphas], lr=0.1)
    for _ in range(60):
        adam.zero_grad()
        (model.expected(alphas.softmax(-1))[index] / before).backward()
        adam.step()
    found = resources_of(derive(model.genotype(alphas.softmax(-1)), model.space), DEVICE)
    typical = [
        resources_of(derive(g, model.space), DEVICE).ram_bytes for g in genotypes(model.space)
    ]
    assert found.ram_bytes <= min(typical)


def test_memory_and_compute_pull_differently():
    alphas = torch.randn(2, 10, 7, generator=torch.Generator().manual_seed(0))
    dims = (10, 4, 1, 3, 4)
    memory, compute = gradient("flash_bytes", alphas, dims), gradient("macs", alphas, dims)
    assert torch.nn.functional.cosine_similarity(memory.flatten(), compute.flatten(), dim=0) < 0.9
    # A pool is free of MACs like a skip, but its call is not free of flash.
    pool, skip = (PRIMITIVES.index(name) for name in ("max_pool_3x1", "skip_connect"))
    memory, compute = (
        gradient(metric, torch.zeros(2, 10, 7), dims)[0].sum(0)
        for metric in ("flash_bytes", "macs")
    )
    assert memory[pool] > memory[skip]
    assert compute[pool] == pytest.approx(compute[skip].item())


def test_all_cells_count():
    alphas = torch.zeros(2, 10, 7)
    few, many = (
        model_of(dims=dims).expected(alphas.softmax(-1))
        for dims in ((3, 4, 1, 3, 4), (10, 4, 1, 3, 4))
    )
    assert many[0] > 2 * few[0]


def test_none_cannot_lower_the_cost_without_changing_the_network():
    model = model_of()
    alphas = torch.randn(2, 10, 7, generator=torch.Generator().manual_seed(1))
    before = model.expected(alphas.softmax(-1))
    shares = alphas.softmax(-1) * 0.1  # every edge gives nine tenths to none
    shares[..., 0] = 1 - shares[..., 1:].sum(-1)
    torch.testing.assert_close(model.expected(shares), before, rtol=1e-5, atol=0)


def test_the_largest_network_has_penalty_one():
    model = model_of(dims=(3, 4, 4, 3, 4))
    table = torch.zeros(2, 10, 7)
    table[:, [0, 1, 3, 6], PRIMITIVES.index("conv_bn_relu_7x1")] = 1.0
    for mode in ("Memory", "Compute"):
        assert model.penalty(model.expected(table), mode).item() == pytest.approx(1.0)


@pytest.mark.parametrize(("shape", "dims"), SPACES)
def test_no_network_exceeds_the_bounds(shape, dims):
    model = model_of(shape, dims, 4)
    for genotype in genotypes(model.space):
        assert (model.exact(genotype) <= model.largest).all()


def test_the_hinge_starts_at_the_limit_and_knows_which_limits_matter():
    model = model_of()
    expected = model.expected(torch.full((2, 10, 7), 1 / 7))
    flash, ram = (expected[METRICS.index(n)].item() for n in ("flash_bytes", "ram_bytes"))
    assert model.excess(expected, Budget(flash_bytes=int(2 * flash))).item() == 0.0
    assert model.excess(expected, Budget(flash_bytes=int(flash / 2))).item() == pytest.approx(
        1.0, rel=1e-3
    )
    both = Budget(flash_bytes=int(flash / 2), ram_bytes=int(ram / 3))
    assert model.excess(expected, both).item() == pytest.approx(3.0, rel=1e-2)
    assert list(model.binding(Budget(flash_bytes=10**9, ram_bytes=int(ram)))) == ["ram_bytes"]
