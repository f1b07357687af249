"""One operation for each edge, drawn so that the alphas still have a gradient.

Straight-through Gumbel softmax (Jang et al., 2017; Dong & Yang, "GDAS", 2019): the operation with
the largest ``log p + Gumbel noise`` is computed with the weight 1, and the weight's gradient is
taken from the softmax of the same sums at a temperature that falls.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from tinyml_nas.search.darts.supernet import Sample

HOTTEST, COLDEST = 10.0, 0.1


def temperature(progress: float) -> float:
    """Temperature after a share of the search, falling linearly as in GDAS."""
    return HOTTEST + (COLDEST - HOTTEST) * progress


def noise(shape: torch.Size, draw: torch.Generator) -> Tensor:
    """Gumbel noise."""
    return -torch.empty(shape).exponential_(generator=draw).log()


def draw_operations(alphas: Tensor, noise: Tensor, temperature: float) -> tuple[Tensor, Sample]:
    """The mixture, one-hot in value and soft in its gradient, and the primitives drawn."""
    soft = ((alphas.log_softmax(-1) + noise) / temperature).softmax(-1)
    drawn = soft.detach().argmax(-1)
    hard = F.one_hot(drawn, alphas.shape[-1]).to(soft.dtype)
    normal, reduce = (tuple(kind) for kind in drawn.tolist())
    return hard - soft.detach() + soft, (normal, reduce)


def likeliest(table: Tensor) -> Tensor:
    """The mixture of the most likely draw under the probabilities ``table``."""
    return F.one_hot(table.argmax(-1), table.shape[-1]).to(table.dtype)
