"""Batch-norm folding: the same function with convolutions and biases only."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from tinyml_nas.graph import Conv, DepthwiseConv, Linear, Network
from tinyml_nas.train.builder import ConvBlock, NetworkModule


def fold_network(network: Network) -> Network:
    """``network`` with no batch norm left."""
    nodes = tuple(
        dataclasses.replace(node, op=dataclasses.replace(node.op, norm=False))
        if isinstance(node.op, Conv | DepthwiseConv | Linear)
        else node
        for node in network.nodes
    )
    return dataclasses.replace(network, nodes=nodes)


def fold_batch_norm(module: NetworkModule) -> NetworkModule:
    """A module that computes what ``module`` does in evaluation mode, without batch norm.

    Jacob et al., "Quantization and Training of Neural Networks for Efficient
    Integer-Arithmetic-Only Inference", 2018, eq. 14; computed in float64.
    """
    folded = NetworkModule(fold_network(module.network))
    for node in module.network.nodes:
        source = module.get_submodule(node.name)
        if isinstance(source, ConvBlock):
            target = folded.get_submodule(node.name)
            assert isinstance(target, ConvBlock)
            weight, bias = _folded(source)
            with torch.no_grad():
                target.conv.weight.copy_(weight)
                assert target.conv.bias is not None
                target.conv.bias.copy_(bias)
    return folded.eval()


def _folded(block: ConvBlock) -> tuple[Tensor, Tensor]:
    weight = block.conv.weight.detach().cpu().double()
    bias = torch.zeros(len(weight), dtype=torch.float64)
    if block.conv.bias is not None:
        bias = block.conv.bias.detach().cpu().double()
    if block.norm is None:
        return weight, bias
    norm = block.norm
    assert norm.running_mean is not None
    assert norm.running_var is not None
    gain = norm.weight.detach().cpu().double()
    gain = gain / torch.sqrt(norm.running_var.cpu().double() + norm.eps)
    shift = norm.bias.detach().cpu().double()
    return weight * gain.view(-1, 1, 1), (bias - norm.running_mean.cpu().double()) * gain + shift
