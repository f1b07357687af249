"""What a supernet scores on a stream."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from tinyml_nas.search.darts.stream import Stream
from tinyml_nas.search.darts.supernet import Supernet


def evaluate(
    supernet: Supernet, weights: Tensor, mixture: Tensor, stream: Stream, seed: int
) -> tuple[float, float]:
    """Mean cross-entropy and score over ``stream``."""
    loss, correct = 0.0, 0
    with torch.no_grad():
        for indices in stream.chunks(seed):
            x, y = stream.batch(indices)
            logits = supernet.logits(x, weights.detach(), mixture)
            loss += F.cross_entropy(logits, y, reduction="sum").item()
            correct += int((logits.argmax(1) == y).sum())
    return loss / len(stream.y), correct / len(stream.y)
