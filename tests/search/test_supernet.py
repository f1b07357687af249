"""The fused supernet is plain DARTS: same outputs, same gradients, and one-hot = derived."""

from __future__ import annotations

import numpy as np
import pytest
import samples
import torch
import torch.nn.functional as F
from plain_supernet import plain_logits, split_kernels

from tinyml_nas.search import derive
from tinyml_nas.search.darts.gumbel import draw_operations, noise, temperature
from tinyml_nas.search.darts.penalty import as_mixture
from tinyml_nas.search.darts.supernet import Supernet
from tinyml_nas.train.builder import NetworkModule

pytestmark = pytest.mark.fast

SPACES = [
    pytest.param((9, 32), (3, 4, 1, 3, 4), id="preset s, 9 channels"),
    pytest.param((1, 50), (6, 3, 2, 2, 2), id="1 channel, odd lengths, fanout below nodes"),
    pytest.param((2, 9), (4, 2, 2, 1, 2), id="too short to stride"),
    pytest.param((3, 24), (1, 2, 1, 1, 1), id="one cell"),
]


@pytest.mark.parametrize(("shape", "dims"), SPACES)
def test_fused_mixture_equals_the_plain_one(shape, dims):
    space = samples.space(shape, 4, dims)
    net = Supernet(space)
    draw = torch.Generator().manual_seed(1)
    weights = net.initial_weights(draw).requires_grad_()
    alphas = torch.randn(2, len(space.edges), 7, generator=draw).requires_grad_()
    x, y = torch.randn(8, *shape, generator=draw), torch.arange(8) % 4

    outcomes = []
    for fused in (True, False):
        mixture = alphas.softmax(-1)
        if fused:
            logits = net.logits(x.transpose(0, 1).contiguous(), weights, mixture)
        else:
            logits = plain_logits(net, x, weights, mixture)
        loss = F.cross_entropy(logits, y)
        outcomes.append((logits, *torch.autograd.grad(loss, [weights, alphas])))
    for fused_value, plain_value in zip(*outcomes, strict=True):
        torch.testing.assert_close(fused_value, plain_value, atol=1e-5, rtol=1e-4)
    assert outcomes[0][2].abs().max() > 1e-3


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("shape", "dims"), SPACES)
def test_sampled_operations_equal_the_plain_mixture_of_what_was_drawn(shape, dims, seed):
    space = samples.space(shape, 4, dims)
    net, draw = Supernet(space), torch.Generator().manual_seed(seed)
    weights = net.initial_weights(draw).requires_grad_()
    alphas = torch.randn(2, len(space.edges), 7, generator=draw).requires_grad_()
    x, y = torch.randn(8, *shape, generator=draw), torch.arange(8) % 4
    mixture, sample = draw_operations(alphas, noise(alphas.shape, draw), temperature(0.5))
    drawn = mixture.detach().requires_grad_()

    fused = net.logits(x.transpose(0, 1).contiguous(), weights, drawn, sample)
    plain = plain_logits(net, x, weights, drawn)
    torch.testing.assert_close(fused, plain, atol=1e-5, rtol=1e-4)
    (by_fused, weights_fused), (by_plain, weights_plain) = (
        torch.autograd.grad(F.cross_entropy(logits, y), [drawn, weights])
        for logits in (fused, plain)
    )
    torch.testing.assert_close(weights_fused, weights_plain, atol=1e-5, rtol=1e-4)
    # of the operations that were not drawn the sampled path knows nothing
    torch.testing.assert_close(by_fused, by_plain * (drawn > 0.5), atol=1e-5, rtol=1e-4)


def test_draws_follow_the_alphas_and_the_gradient_is_the_soft_one():
    draw = torch.Generator().manual_seed(0)
    alphas = torch.randn(2, 1, 7, generator=draw)
    many = alphas.expand(2, 20_000, 7)
    mixture, sample = draw_operations(many, noise(many.shape, draw), 1.0)
    torch.testing.assert_close(mixture.mean(1), alphas[:, 0].softmax(-1), atol=0.02, rtol=0)
    assert mixture[0, 5].argmax().item() == sample[0][5]

    free, gumbel = alphas.clone().requires_grad_(), noise(alphas.shape, draw)
    weight = torch.randn(2, 1, 7, generator=draw)
    (draw_operations(free, gumbel, 3.0)[0] * weight).sum().backward()
    soft = alphas.clone().requires_grad_()
    (((soft.log_softmax(-1) + gumbel) / 3.0).softmax(-1) * weight).sum().backward()
    torch.testing.assert_close(free.grad, soft.grad)
    assert (temperature(0.0), temperature(1.0)) == pytest.approx((10.0, 0.1))


@pytest.mark.parametrize(("shape", "dims"), SPACES)
def test_a_one_hot_mixture_is_the_derived_network(shape, dims):
    space = samples.space(shape, 4, dims)
    draw = np.random.default_rng(3)
    for _ in range(4):
        genotype = samples.random_genotype(space, draw)
        net = Supernet(space)
        weights = net.initial_weights(torch.Generator().manual_seed(2))
        module = NetworkModule(derive(genotype, space))
        copy_weights(net, weights, genotype, module)
        x = torch.randn(6, *shape, generator=torch.Generator().manual_seed(4))
        expected = net.logits(x.transpose(0, 1).contiguous(), weights, as_mixture(genotype))
        torch.testing.assert_close(module.train()(x), expected, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def copy_weights(net: Supernet, weights, genotype, module) -> None:
    """Put the supernet's weights of the genotype's path into the derived module."""
    space = net.space
    parts = iter(
        part.view(shape) for part, shape in zip(weights.split(net.sizes), net.shapes, strict=True)
    )
    derived = dict(module.named_children())

    def load(name, kernel):
        if name in derived:  # dead nodes are not derived
            derived[name].conv.weight.copy_(kernel)

    load("stem", next(parts).view(-1, space.input_shape.channels, 3))
    next(parts), next(parts)
    for cell in space.cells:
        load(f"cell{cell.index}_entry", next(parts)[:, :, None])
        next(parts), next(parts)
        genes = genotype.reduce if cell.reduction else genotype.normal
        for source in range(space.nodes):
            stride = cell.stride if source == 0 else 1
            kernels = split_kernels(lambda: next(parts), space.nodes - source, cell, stride)
            for node in range(source, space.nodes):
                primitive, chosen = genes[node]
                kernel = kernels[node - source].get(primitive)
                if chosen == source and kernel is not None:
                    load(f"cell{cell.index}_node{node}", kernel)
    derived["classifier"].conv.weight.copy_(next(parts)[:, :, None])
    derived["classifier"].conv.bias.copy_(next(parts))
