"""What a proxy is, and what it is shown of a network.

A proxy is a pure function of a ``Probe``: it leaves weights, gradients, batch-norm statistics and
mode of the module as they were.  The gradients are computed once, for all proxies that need them.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from tinyml_nas.graph import Network
from tinyml_nas.train.builder import NetworkModule
from tinyml_nas.train.tasks import Task


@dataclass(frozen=True, eq=False)
class Batches:
    """Normalized windows (N, C, L), what the outputs for them should be (N, ...), and for what."""

    parts: tuple[tuple[Tensor, Tensor], ...]
    task: Task

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return iter(self.parts)

    def __len__(self) -> int:
        return len(self.parts)


@dataclass(frozen=True, eq=False)
class Probe:
    """A network with the weights that it has so far, and a few mini-batches to try it on."""

    network: Network
    module: NetworkModule
    batches: Batches

    def scratch(self) -> NetworkModule:
        """A copy of the module to work on; batch norm uses the statistics of the batch.

        (The running ones mean nothing in a fresh network or in one cut from a supernet.)
        """
        keep = {id(self.module.network): self.module.network}  # immutable, and slow to copy
        return copy.deepcopy(self.module, keep).train()

    @cached_property
    def parameters(self) -> Mapping[str, Tensor]:
        """Flat values of each parameter."""
        return {n: p.detach().flatten() for n, p in self.module.named_parameters()}

    @property
    def losses(self) -> Tensor:
        """Loss of each mini-batch, (B,)."""
        return self._passes[0]

    @property
    def gradients(self) -> Mapping[str, Tensor]:
        """Gradient of each mini-batch's loss by parameter, each (B, values)."""
        return self._passes[1]

    @property
    def layer_gradients(self) -> Mapping[str, Tensor]:
        """``gradients`` of the weights of convolutions and linear layers alone."""
        return {n: g for n, g in self.gradients.items() if n.endswith(".conv.weight")}

    @cached_property
    def _passes(self) -> tuple[Tensor, dict[str, Tensor]]:
        """Losses and gradients; the weights stand still between the mini-batches."""
        module = self.scratch()
        parameters = dict(module.named_parameters())
        losses, rows = [], []
        for x, y in self.batches:
            loss = self.batches.task.loss(module(x), y)
            rows.append(torch.autograd.grad(loss, list(parameters.values())))
            losses.append(loss.detach())
        columns = zip(*rows, strict=True)
        return torch.stack(losses), {
            name: torch.stack([g.flatten() for g in column])
            for name, column in zip(parameters, columns, strict=True)
        }
