"""ZiCo: gradients that are large and agree between mini-batches.

Li et al., "ZiCo: Zero-shot NAS via Inverse Coefficient of Variation on Gradients", ICLR 2023, as in
its published code, over the weights i of each layer and the mini-batches b:

    Z = sum over layers of log( sum_i mean_b |g_bi| / std_b(g_bi) )

with the population's standard deviation.  Every weight whose deviation is not zero counts.
"""

from __future__ import annotations

import torch

from tinyml_nas.search.proxies.protocol import Probe


def score(probe: Probe) -> float:
    """Z; a layer without any gradient adds nothing."""
    total = 0.0
    for gradient in probe.layer_gradients.values():  # (B, weights)
        deviation = gradient.std(0, correction=0)
        varies = deviation > 0
        ratios = gradient.abs().mean(0)[varies] / deviation[varies]
        if len(ratios):
            total += torch.log(ratios.double().sum()).item()
    return total
