"""Batches of the search: tensors laid out as the supernet reads them, drawn anew each epoch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tinyml_nas.features import Examples, FeatureSet
from tinyml_nas.search.darts.halves import training_halves
from tinyml_nas.train.seeding import generator
from tinyml_nas.train.tasks import Task, task_of

EVALUATION_BATCH = 256


@dataclass(frozen=True)
class Stream:
    """Examples ``x`` ``(C, N, L)`` and what the outputs should be, ``y`` ``(N, ...)``."""

    name: str
    x: Tensor
    y: Tensor

    def batch(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """The examples at ``indices``."""
        return self.x[:, indices], self.y[indices]

    def batches(self, size: int, steps: int, seed: int, epoch: int | str) -> list[Tensor]:
        """Indices of ``steps`` batches; the stream is shuffled again when it runs out."""
        draw = generator(seed, "search", self.name, epoch)
        size = min(size, len(self.y))
        order = torch.cat(
            [
                torch.randperm(len(self.y), generator=draw)[: len(self.y) // size * size]
                for _ in range(-(-steps * size // (len(self.y) // size * size)))
            ]
        )
        return [order[step * size : (step + 1) * size] for step in range(steps)]

    def chunks(self, seed: int) -> list[Tensor]:
        """Indices of about equal parts in one fixed random order, all examples once.

        Batch norms use the statistics of the batch, so every part must mix the classes.
        """
        order = torch.randperm(len(self.y), generator=generator(seed, "search", self.name))
        return list(order.chunk(-(-len(self.y) // EVALUATION_BATCH)))


@dataclass(frozen=True)
class Streams:
    """The three streams of a search; what each epoch learns by and what judges it."""

    weights: Stream
    alphas: Stream
    validation: Stream
    task: Task
    plain: Task

    def steps(self, batch_size: int) -> int:
        """Steps of an epoch: as many full batches as the smaller stream holds, at least one."""
        return max(1, min(len(self.weights.y), len(self.alphas.y)) // batch_size)


def make_streams(features: FeatureSet, *, balanced: bool, seed: int) -> Streams:
    """Streams from the training split (cut in two) and the validation split of ``features``."""
    train = features.train
    halves = training_halves(train.strata, train.group, seed)
    weights, alphas = (
        _stream(name, features, train, half)
        for name, half in zip(("weights", "alphas"), halves, strict=True)
    )
    everything = np.arange(len(features.validation.y))
    validation = _stream("validation", features, features.validation, everything)
    task = task_of(features, balanced=balanced)
    return Streams(weights, alphas, validation, task, task_of(features))


def _stream(
    name: str, features: FeatureSet, examples: Examples, indices: npt.NDArray[np.int64]
) -> Stream:
    scale = features.normalization
    x = (examples.x[indices] - scale.mean[:, None]) / scale.std[:, None]
    layout = np.ascontiguousarray(x.transpose(1, 0, 2), np.float32)
    y = torch.from_numpy(examples.y[indices])
    return Stream(name, torch.from_numpy(layout), task_of(features).wanted(y))
