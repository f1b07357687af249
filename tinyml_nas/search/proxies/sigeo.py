"""SiGeo: one score of gradients, geometry and loss, for networks that were warmed up a little.

    score = - zico * Z - fisher_rao * F + loss * L      (lower is better)

with Z, F and L of the proxies ``zico``, ``fisher_rao`` and ``loss``.  The published run weighs them
1, 1 and 0; after a warm-up the loss by itself was its best term.  Unlike the published code, Z uses
every weight of a layer and not the first alone, layers of one shape stay apart, nothing steps an
optimizer while scoring, and L is the mean over the mini-batches without the weights' L2 term.
"""

from __future__ import annotations

from dataclasses import dataclass

from tinyml_nas.search.proxies import fisher_rao, loss, zico
from tinyml_nas.search.proxies.protocol import Probe


@dataclass(frozen=True)
class Coefficients:
    """Weights of the three terms."""

    zico: float = 1.0
    fisher_rao: float = 1.0
    loss: float = 0.0


def combination(probe: Probe, weigh: Coefficients) -> float:
    """The score with these coefficients; a term that weighs nothing is not computed."""
    total = 0.0
    if weigh.zico:
        total -= weigh.zico * zico.score(probe)
    if weigh.fisher_rao:
        total -= weigh.fisher_rao * fisher_rao.score(probe)
    if weigh.loss:
        total += weigh.loss * loss.score(probe)
    return total


def score(probe: Probe) -> float:
    """The score with the published coefficients."""
    return combination(probe, Coefficients())
