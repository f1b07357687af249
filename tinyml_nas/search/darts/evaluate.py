"""What a supernet scores on the validation stream."""

from __future__ import annotations

import torch
from torch import Tensor

from tinyml_nas.search.darts.batches import Streams
from tinyml_nas.search.darts.supernet import Supernet


def evaluate(
    supernet: Supernet, weights: Tensor, mixture: Tensor, streams: Streams, seed: int
) -> tuple[float, float]:
    """Loss and score over the validation stream."""
    stream, task = streams.validation, streams.plain
    order = stream.chunks(seed)
    with torch.no_grad():
        parts = [supernet.logits(stream.batch(i)[0], weights.detach(), mixture) for i in order]
    outputs, wanted = torch.cat(parts), stream.y[torch.cat(order)]
    return task.loss(outputs, wanted).item(), task.score(outputs, wanted, wanted)
