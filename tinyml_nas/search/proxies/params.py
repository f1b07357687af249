"""Number of parameters: the capacity that a network has, and a hard baseline among proxies."""

from __future__ import annotations

from tinyml_nas.cost.flash import network_cost
from tinyml_nas.search.proxies.protocol import Probe


def score(probe: Probe) -> float:
    """Weights and biases after the batch norms are folded."""
    return float(network_cost(probe.network).parameters)
