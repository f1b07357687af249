"""Gradients of the alphas: first order, and DARTS' second order by finite differences.

First order takes the weights as they are.  Second order asks how the alphas change the loss on the
search stream *after* the weights have followed them for one step (Liu et al., "DARTS", 2019,
section 2.3):

    w' = w - lr * (momentum * velocity + d L_train(w, a) / dw + decay * w)
    dL/da = d L_search(w', a) / da - lr * (g+ - g-) / (2 r)
    g+- = d L_train(w +- r v, a) / da,    v = d L_search(w', a) / dw',    r = 0.01 / |v|

The difference stands for the product of a Hessian, too large to form, with ``v``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

Loss = Callable[[Tensor, Tensor], Tensor]
"""Loss of ``(weights, alphas)``."""


@dataclass(frozen=True)
class Descent:
    """The rule of a weight step: stochastic gradient descent with momentum."""

    learning_rate: float
    momentum: float
    weight_decay: float

    def direction(self, weights: Tensor, gradient: Tensor, velocity: Tensor) -> Tensor:
        """The new velocity; a step goes ``learning_rate`` times against it."""
        return self.momentum * velocity + gradient + self.weight_decay * weights


def first_order_gradient(search_loss: Loss, weights: Tensor, alphas: Tensor) -> Tensor:
    """Gradient of the alphas at the present weights."""
    return _gradient(search_loss, weights, alphas, 1)


def second_order_gradient(
    train_loss: Loss,
    search_loss: Loss,
    weights: Tensor,
    alphas: Tensor,
    velocity: Tensor,
    descent: Descent,
) -> Tensor:
    """Gradient of the alphas through one step of the weights."""
    step = descent.direction(weights, _gradient(train_loss, weights, alphas, 0), velocity)
    ahead = (weights - descent.learning_rate * step).requires_grad_()
    free = alphas.detach().requires_grad_()
    direct, vector = torch.autograd.grad(search_loss(ahead, free), (free, ahead))
    norm = vector.norm()
    if not norm > 0:
        return direct
    radius = 0.01 / norm
    above = _gradient(train_loss, weights + radius * vector, alphas, 1)
    below = _gradient(train_loss, weights - radius * vector, alphas, 1)
    curvature: Tensor = (above - below) / (2 * radius)
    return direct - descent.learning_rate * curvature


def _gradient(loss: Loss, weights: Tensor, alphas: Tensor, argument: int) -> Tensor:
    """Gradient of ``loss`` by its weights (0) or alphas (1) alone."""
    arguments = [weights.detach(), alphas.detach()]
    arguments[argument].requires_grad_()
    gradient: Tensor = torch.autograd.grad(loss(*arguments), arguments[argument])[0]
    return gradient
