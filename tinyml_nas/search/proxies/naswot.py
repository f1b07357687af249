"""NASWOT: how differently the ReLUs of a network answer different inputs.

Mellor et al., "Neural Architecture Search without Training", ICML 2021.  Input i switches each ReLU
on or off, which gives a binary code c_i; the score is log |det K| with

    K_ij = (number of ReLUs) - hamming(c_i, c_j) = c_i.c_j + (1 - c_i).(1 - c_j)

over one mini-batch.
"""

from __future__ import annotations

import math

import torch

from tinyml_nas.search.proxies.protocol import Probe


def score(probe: Probe) -> float:
    """log |det K| of the first mini-batch; minus infinity where no ReLU tells two inputs apart."""
    x, _ = probe.batches.parts[0]
    with torch.no_grad():
        tensors = probe.scratch().tensors(x)
    relus = [node.name for node in probe.network.nodes if getattr(node.op, "relu", False)]
    if not relus:
        return -math.inf
    code = torch.cat([tensors[name].flatten(1) > 0 for name in relus], dim=1).float()
    switched_on = code.sum(1)
    kernel = code.shape[1] - switched_on[:, None] - switched_on + 2 * code @ code.T  # exact
    return float(torch.linalg.slogdet(kernel.double()).logabsdet)
