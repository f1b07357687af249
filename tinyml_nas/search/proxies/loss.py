"""Loss at the present weights; it tells nothing before some warm-up."""

from __future__ import annotations

from tinyml_nas.search.proxies.protocol import Probe


def score(probe: Probe) -> float:
    """Mean loss of the mini-batches."""
    return probe.losses.mean().item()
