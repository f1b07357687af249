"""Against collapse: differentiable searches drift to skips, which train fastest but learn nothing.

1. *Beta-decay* (Ye et al., "beta-DARTS", 2022) adds ``lambda * logsumexp(alpha)``, on the mean over
   the edges, with a lambda that grows linearly.  A softmax does not see the mean of an edge's
   alphas, but Adam does: it would spend its steps on lowering all of them.  So that mean is taken
   out, which leaves the pull towards even alphas alone; lambda grows with the share of the epochs.
2. A cell keeps at most two skips (Chen et al., "P-DARTS", 2019); see ``discretize``.
3. The search ends early where more than half of a cell's nodes are taken by skips that hold twice
   their even share or more, for two epochs, or where the alphas have settled.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from tinyml_nas.search.cells.genotype import discretize, first_edge
from tinyml_nas.search.cells.plan import SearchSpace
from tinyml_nas.search.cells.primitives import PRIMITIVES, SKIP

BETA_WEIGHT = 0.5
"""Lambda at the end: its gradient is a tenth of the loss's after eight epochs of preset s."""
MOST_SKIPS = 2
SKIP_SHARE = 0.5
SKIP_EPOCHS = 2
DOMINANT = 2 / len(PRIMITIVES)
SETTLED = 0.3
"""Mean entropy of the edges' softmax, as a share of the largest, below which alphas are settled.

Two equally likely primitives of seven have 0.36.
"""
EARLIEST = 1 / 3
"""Share of the epochs before which a search is not ended."""


def beta_loss(alphas: Tensor) -> Tensor:
    """How uneven the alphas of an edge are, on the mean; at least ``log 7``."""
    return (alphas.logsumexp(-1) - alphas.mean(-1)).mean()


def skip_share(table: Tensor, space: SearchSpace) -> float:
    """Share of nodes that dominant skips take, in the kind of cell where it is largest."""
    kinds = sorted({int(cell.reduction) for cell in space.cells})
    return max(_taken_by_skips(table[kind]) for kind in kinds)


def _taken_by_skips(table: Tensor) -> float:
    genes = discretize(table.numpy())
    rows = (table[first_edge(node) + source] for node, (_, source) in enumerate(genes))
    taken = (
        gene[0] == PRIMITIVES[SKIP] and row[SKIP].item() >= DOMINANT
        for gene, row in zip(genes, rows, strict=True)
    )
    return sum(taken) / len(genes)


def entropy(table: Tensor, space: SearchSpace) -> float:
    """Mean entropy of the edges' probabilities, 1 where all are even."""
    kinds = sorted({int(cell.reduction) for cell in space.cells})
    mean: float = torch.special.entr(table[kinds]).sum(-1).mean().item()
    return mean / math.log(len(PRIMITIVES))


def reason_to_stop(tables: list[Tensor], epochs: int, space: SearchSpace) -> str | None:
    """Why the search should end after the last of ``tables``; ``None`` where it should go on."""
    if len(tables) < max(SKIP_EPOCHS, EARLIEST * epochs) or len(tables) == epochs:
        return None
    if all(skip_share(table, space) > SKIP_SHARE for table in tables[-SKIP_EPOCHS:]):
        return f"more than {SKIP_SHARE:.0%} skips in a cell for {SKIP_EPOCHS} epochs"
    if entropy(tables[-1], space) < SETTLED:
        return f"entropy of the alphas below {SETTLED:.0%}"
    return None
