"""The supernet: every network of the space at once, as a function of weights and mixture.

All weights lie in one flat tensor, so that an optimizer step, a clip or the second-order
update is one operation, and ``logits`` is a pure function: no module, no hidden state.  Batch norms
use the statistics of the batch at all times; their running averages would belong to a mixture that
the alphas leave behind at once.  Those of the mixed operations have no gain of their own, which
would do the alphas' work; stem and entries have one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from tinyml_nas.search.cells.genotype import first_edge
from tinyml_nas.search.cells.plan import SearchSpace
from tinyml_nas.search.darts.mixture import NORM_EPSILON, Mixer

Sample = tuple[tuple[int, ...], tuple[int, ...]]
"""The primitive that each edge drew, in normal and in reduction cells."""


class Supernet:
    """Computes logits of ``space`` for batches laid out ``(channels, batch, length)``."""

    def __init__(self, space: SearchSpace) -> None:
        self.space = space
        shared = lru_cache(maxsize=None)(Mixer)
        self.mixers = tuple(
            tuple(
                shared(space.nodes - source, cell.channels, cell.stride if source == 0 else 1)
                for source in range(space.nodes)
            )
            for cell in space.cells
        )
        self.outgoing = tuple(
            [first_edge(node) + source for node in range(source, space.nodes)]
            for source in range(space.nodes)
        )
        self.shapes = tuple(self._shapes())
        self.sizes = [math.prod(shape) for shape in self.shapes]

    def _shapes(self) -> Iterator[tuple[int, ...]]:
        """Shape of each weight, in the order in which :meth:`logits` uses them.

        Kernels are matrices ``(outputs, inputs)``; gain, shift and bias are vectors.
        """
        space = self.space
        yield from _normalized(space.stem.out_channels, 3 * space.input_shape.channels)
        for cell, mixers in zip(space.cells, self.mixers, strict=True):
            yield from _normalized(cell.channels, cell.input_shape.channels)
            for mixer in mixers:
                yield from mixer.shapes
        yield space.classes, space.output_shape.channels
        yield (space.classes,)

    def initial_weights(self, generator: torch.Generator) -> Tensor:
        """Random kernels of about unit output variance, zero vectors, in one flat tensor."""
        return torch.cat(
            [
                (torch.randn(shape, generator=generator) / math.sqrt(shape[1])).flatten()
                if len(shape) == 2
                else torch.zeros(shape)
                for shape in self.shapes
            ]
        )

    def logits(
        self, x: Tensor, weights: Tensor, mixture: Tensor, sample: Sample | None = None
    ) -> Tensor:
        """Logits ``(N, classes)`` for ``x`` ``(C, N, L)``.

        ``mixture`` ``(kind, edge, primitive)`` weighs the operations of normal (0) and reduction
        (1) cells; with a ``sample`` only the operation that each edge drew is computed.
        """
        parts = iter(
            part.view(shape)
            for part, shape in zip(
                torch.split_with_sizes(weights, self.sizes), self.shapes, strict=True
            )
        )
        x = F.relu(_normalize(_three_taps(x), next(parts), next(parts), next(parts)))
        for cell, mixers in zip(self.space.cells, self.mixers, strict=True):
            kind = int(cell.reduction)
            x = x[:, :, :: cell.entry_stride]
            state = _normalize(x, next(parts), next(parts), next(parts))
            states: list[Tensor] = []
            pending: Tensor | None = None  # sums of the nodes that are not yet complete
            for mixer, edges in zip(mixers, self.outgoing, strict=True):
                kernels = [next(parts) for _ in mixer.branches]
                drawn = tuple(sample[kind][edge] for edge in edges) if sample else None
                mixed = mixer(state, kernels, mixture[kind, edges], drawn)
                pending = mixed if pending is None else pending + mixed
                complete, pending = torch.split_with_sizes(pending, [1, len(pending) - 1])
                state = complete[0]
                states.append(state)
            x = torch.cat(states[-self.space.fanout :])
        return F.linear(x.mean(2).t(), next(parts), next(parts))


def _normalized(channels: int, inputs: int) -> Iterator[tuple[int, ...]]:
    """A convolution without bias and its batch norm's gain (less one) and shift."""
    yield channels, inputs
    yield (channels,)
    yield (channels,)


def _three_taps(x: Tensor) -> Tensor:
    """``(C, N, L)`` to ``(3 C, N, L)``: each channel's three shifted copies."""
    return F.pad(x, (1, 1)).unfold(2, x.shape[2], 1).permute(0, 2, 1, 3).flatten(0, 1)


def _normalize(x: Tensor, kernels: Tensor, gain: Tensor, shift: Tensor) -> Tensor:
    """Pointwise convolution of ``(C, N, L)`` and batch norm; ``gain`` counts from one."""
    y = (kernels @ x.reshape(len(x), -1)).view(1, len(kernels), -1)
    y = F.batch_norm(y, None, None, 1 + gain, shift, True, eps=NORM_EPSILON)
    return y.view(len(kernels), *x.shape[1:])
