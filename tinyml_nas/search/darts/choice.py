"""Which of the epochs' genotypes a search returns, and the figures it compares."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from tinyml_nas.search.cells.genotype import Genotype, one_hot
from tinyml_nas.search.darts.stream import Stream
from tinyml_nas.search.darts.supernet import Supernet

RULE = (
    "the genotypes of the later half of the epochs are compared as discrete paths through the "
    "final supernet, each after the same few training steps: the lowest validation loss plus "
    "nas_penalty_weight times relative cost wins, ties go to the later epoch"
)


def select(scores: Sequence[float | None]) -> int:
    """Epoch with the lowest score, the later one of equals; ``None`` takes no part."""
    return min(
        (epoch for epoch, score in enumerate(scores) if score is not None),
        key=lambda epoch: (scores[epoch], -epoch),
    )


def as_mixture(genotype: Genotype) -> Tensor:
    """The mixture ``(kind, edge, primitive)`` under which the supernet is the discrete network."""
    return torch.from_numpy(np.stack([one_hot(genotype.normal), one_hot(genotype.reduce)]))


def evaluate(
    supernet: Supernet, weights: Tensor, mixture: Tensor, stream: Stream, seed: int
) -> tuple[float, float]:
    """Mean cross-entropy and accuracy over ``stream``."""
    loss, correct = 0.0, 0
    with torch.no_grad():
        for indices in stream.chunks(seed):
            x, y = stream.batch(indices)
            logits = supernet.logits(x, weights.detach(), mixture)
            loss += F.cross_entropy(logits, y, reduction="sum").item()
            correct += int((logits.argmax(1) == y).sum())
    return loss / len(stream.y), correct / len(stream.y)
