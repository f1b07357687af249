"""Second-order gradients against autograd on a bilevel problem small enough to differentiate."""

from __future__ import annotations

import pytest
import torch

from tinyml_nas.search.darts.architect import Descent, first_order_gradient, second_order_gradient

pytestmark = pytest.mark.fast

DRAW = torch.Generator().manual_seed(0)
COUPLING = torch.randn(5, 3, generator=DRAW, dtype=torch.float64)
TARGET = torch.randn(5, generator=DRAW, dtype=torch.float64)
WEIGHTS, VELOCITY = torch.randn(2, 5, generator=DRAW, dtype=torch.float64)
ALPHAS = torch.randn(3, generator=DRAW, dtype=torch.float64)
DESCENT = Descent(learning_rate=0.3, momentum=0.9, weight_decay=0.1)


def train_loss(weights, alphas):
    return 0.5 * ((weights - COUPLING @ alphas) ** 2).sum() + (weights @ COUPLING @ alphas) ** 2


def search_loss(weights, alphas):
    return 0.5 * ((weights - TARGET) ** 2).sum() + (alphas**2).sum() * weights.sum()


def exact_gradient():
    weights, alphas = WEIGHTS.clone().requires_grad_(), ALPHAS.clone().requires_grad_()
    gradient = torch.autograd.grad(train_loss(weights, alphas), weights, create_graph=True)[0]
    ahead = weights - DESCENT.learning_rate * DESCENT.direction(weights, gradient, VELOCITY)
    return torch.autograd.grad(search_loss(ahead, alphas), alphas)[0]


def test_the_second_order_is_the_gradient_through_one_weight_step():
    found = second_order_gradient(train_loss, search_loss, WEIGHTS, ALPHAS, VELOCITY, DESCENT)
    torch.testing.assert_close(found, exact_gradient(), rtol=1e-6, atol=1e-8)


def test_the_first_order_is_not():
    found = first_order_gradient(search_loss, WEIGHTS, ALPHAS)
    torch.testing.assert_close(found, 2 * ALPHAS * WEIGHTS.sum())
    assert (found - exact_gradient()).abs().max() > 0.1


def test_weights_that_do_not_matter_leave_the_direct_gradient():
    found = second_order_gradient(
        train_loss, lambda w, a: (a**2).sum() + 0 * w.sum(), WEIGHTS, ALPHAS, VELOCITY, DESCENT
    )
    torch.testing.assert_close(found, 2 * ALPHAS)
