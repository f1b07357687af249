"""Multiply-accumulates of one inference: the work that a network may do inside its budget."""

from __future__ import annotations

from tinyml_nas.cost.flash import network_cost
from tinyml_nas.search.proxies.protocol import Probe


def score(probe: Probe) -> float:
    """Multiply-accumulates of one window."""
    return float(network_cost(probe.network).macs)
