"""Gradient norm: how much there is to learn at the present weights.

Abdelfattah et al., "Zero-Cost Proxies for Lightweight NAS", ICLR 2021: the sum over layers of
||dL/dW||_2, here averaged over the mini-batches.
"""

from __future__ import annotations

from tinyml_nas.search.proxies.protocol import Probe


def score(probe: Probe) -> float:
    """Mean over mini-batches of the sum over layers of the gradient's Euclidean norm."""
    norms = [g.double().norm(dim=1) for g in probe.layer_gradients.values()]  # each (B,)
    return float(sum(norm.mean() for norm in norms))
