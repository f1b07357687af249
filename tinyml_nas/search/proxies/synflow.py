"""SynFlow: how much synaptic flow the weights let through.

Tanaka et al., "Pruning neural networks without any data by iteratively conserving synaptic flow",
NeurIPS 2020.  With absolute weights and an input of ones, R = sum of the outputs and

    score = | sum over all weights of theta * dR/dtheta |

Batch norm is taken out and biases are zero: either would let R depend on something else than the
products of weights along paths (the score of a chain is then R times its number of layers).  All
terms have one sign, that of the difference to the input where an autoencoder ends in it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from tinyml_nas.search.proxies.protocol import Probe
from tinyml_nas.train.builder import ConvBlock


def score(probe: Probe) -> float:
    """|Sum of theta * dR/dtheta|, in double precision: a product over layers grows fast."""
    module = probe.scratch().double()
    weights = [_linearized(block) for block in module.modules() if isinstance(block, ConvBlock)]
    flow = module(torch.ones(1, *probe.network.input_shape, dtype=torch.double)).sum()
    gradients = torch.autograd.grad(flow, weights)
    return abs(sum((w * g).sum().item() for w, g in zip(weights, gradients, strict=True)))


def _linearized(block: ConvBlock) -> Tensor:
    """The weights of ``block``, now absolute; its norm and its bias are gone."""
    block.norm = None
    with torch.no_grad():
        block.conv.weight.abs_()
        if block.conv.bias is not None:
            block.conv.bias.zero_()
    return block.conv.weight
