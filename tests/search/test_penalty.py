"""The expected cost: exact at a discrete choice, with a gradient of the right sign."""

from __future__ import annotations

import numpy as np
import pytest
import samples
import torch

from tinyml_nas.graph import network_cost
from tinyml_nas.search import PRIMITIVES, derive
from tinyml_nas.search.darts.choice import as_mixture
from tinyml_nas.search.darts.penalty import METRICS, cost_model

pytestmark = pytest.mark.fast


@pytest.mark.parametrize(
    ("shape", "dims"),
    [
        ((9, 128), (3, 4, 1, 3, 4)),
        ((1, 50), (6, 4, 2, 2, 2)),
        ((2, 9), (4, 3, 2, 1, 1)),
        ((3, 24), (1, 2, 1, 1, 2)),
    ],
)
def test_at_one_hot_alphas_the_expectation_is_the_exact_cost(shape, dims):
    space = samples.space(shape, 4, dims)
    model, draw = cost_model(space), np.random.default_rng(5)
    for _ in range(20):
        genotype = samples.random_genotype(space, draw)
        exact = network_cost(derive(genotype, space))
        expected = model.expected(as_mixture(genotype)).tolist()
        assert expected == pytest.approx([getattr(exact, metric) for metric in METRICS], abs=1e-6)


def gradient(mode: str, alphas: torch.Tensor, dims=(3, 4, 1, 3, 4)) -> torch.Tensor:
    alphas = alphas.clone().requires_grad_()
    cost_model(samples.space((9, 128), 6, dims)).penalty(alphas.softmax(-1), mode).backward()
    return alphas.grad


@pytest.mark.parametrize("mode", ["Memory", "Compute"])
def test_the_gradient_pushes_from_dear_to_cheap_operations(mode):
    slope = gradient(mode, torch.zeros(2, 10, 7)).sum(1)
    for kind in range(2):
        pool, three, five, seven = slope[kind, [1, 4, 5, 6]]
        assert pool < three < five < seven
        assert slope[kind].min() < 0 < seven


@pytest.mark.parametrize("mode", ["Memory", "Compute"])
def test_the_gradient_is_the_slope_of_the_penalty(mode):
    alphas = torch.randn(2, 10, 7, generator=torch.Generator().manual_seed(0))
    slope = gradient(mode, alphas)
    model = cost_model(samples.space((9, 128), 6, (3, 4, 1, 3, 4)))
    step = 0.1 * slope / slope.norm()
    above, below = (
        model.penalty((alphas + sign * step).softmax(-1), mode).item() for sign in (1, -1)
    )
    assert (above - below) / 0.2 == pytest.approx(slope.norm().item(), rel=0.01)


def test_memory_and_compute_pull_differently():
    alphas = torch.randn(2, 10, 7, generator=torch.Generator().manual_seed(0))
    dims = (10, 4, 1, 3, 4)
    memory, compute = gradient("Memory", alphas, dims), gradient("Compute", alphas, dims)
    assert torch.nn.functional.cosine_similarity(memory.flatten(), compute.flatten(), dim=0) < 0.9
    # A pool is free of MACs like a skip, but its call is not free of flash.
    pool, skip = (PRIMITIVES.index(name) for name in ("max_pool_3x1", "skip_connect"))
    memory, compute = (
        gradient(mode, torch.zeros(2, 10, 7), dims)[0].sum(0) for mode in ("Memory", "Compute")
    )
    assert memory[pool] > memory[skip]
    assert compute[pool] == pytest.approx(compute[skip].item())


def test_all_cells_count():
    alphas = torch.zeros(2, 10, 7)
    few = cost_model(samples.space((9, 128), 6, (3, 4, 1, 3, 4))).expected(alphas.softmax(-1))
    many = cost_model(samples.space((9, 128), 6, (10, 4, 1, 3, 4))).expected(alphas.softmax(-1))
    assert many[0] > 2 * few[0]


def test_none_cannot_lower_the_penalty_without_changing_the_network():
    model = cost_model(samples.space((9, 128), 6, (3, 4, 1, 3, 4)))
    alphas = torch.randn(2, 10, 7, generator=torch.Generator().manual_seed(1))
    before = model.penalty(alphas.softmax(-1), "Memory")
    shares = alphas.softmax(-1) * 0.1  # every edge gives nine tenths to none
    shares[..., 0] = 1 - shares[..., 1:].sum(-1)
    torch.testing.assert_close(model.penalty(shares, "Memory"), before)


def test_the_largest_network_has_penalty_one():
    space = samples.space((9, 128), 6, (3, 4, 1, 3, 4))
    table = torch.zeros(2, 10, 7)
    table[:, [0, 1, 3, 6], PRIMITIVES.index("conv_bn_relu_7x1")] = 1.0
    for mode in ("Memory", "Compute"):
        assert cost_model(space).penalty(table, mode).item() == pytest.approx(1.0)
