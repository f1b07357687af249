"""A network as a torch module: the one builder for zoo models, genotypes and imported networks.

Parameter names are ``<node>.conv.weight`` (out, in, kernel), ``<node>.conv.bias`` and
``<node>.norm.*``; a linear layer is a convolution over the whole length.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tinyml_nas.graph import (
    INPUT,
    Add,
    AvgPool,
    Concat,
    Conv,
    DepthwiseConv,
    GlobalAvgPool,
    Interpolate,
    Linear,
    MaxPool,
    Network,
    Node,
    Reshape,
    Shape,
    Upsample,
)


class ConvBlock(nn.Module):
    """Convolution, then batch norm and ReLU where the record says so."""

    def __init__(self, inputs: Shape, op: Conv | DepthwiseConv | Linear) -> None:
        super().__init__()
        conv = Conv(op.out_features, inputs.length, norm=op.norm) if isinstance(op, Linear) else op
        channels = conv.output_shape((inputs,)).channels
        self.pad = conv.pad
        self.relu = op.relu
        self.conv = nn.Conv1d(
            inputs.channels,
            channels,
            conv.kernel,
            conv.stride,
            dilation=conv.dilation,
            groups=channels if isinstance(conv, DepthwiseConv) else 1,
            bias=not conv.norm,
        )
        self.norm = nn.BatchNorm1d(channels) if conv.norm else None

    def forward(self, x: Tensor) -> Tensor:  # (N, C, L) -> (N, C', L')
        x = self.conv(F.pad(x, self.pad) if any(self.pad) else x)
        x = self.norm(x) if self.norm is not None else x
        return F.relu(x) if self.relu else x


class Pool(nn.Module):
    """Maximum or mean over a window; the records in ``graph`` say what padding means."""

    def __init__(self, op: MaxPool | AvgPool) -> None:
        super().__init__()
        self.op = op

    def forward(self, x: Tensor) -> Tensor:
        kernel, stride, pad = self.op.kernel, self.op.stride, self.op.pad
        if isinstance(self.op, MaxPool):
            return F.max_pool1d(F.pad(x, pad, value=-torch.inf), kernel, stride)
        return F.avg_pool1d(F.pad(x, pad), kernel, stride)


class _GlobalAvgPool(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.mean(dim=2, keepdim=True)


class _Add(nn.Module):
    def __init__(self, op: Add) -> None:
        super().__init__()
        self.op = op

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        total = a - b if self.op.minus else a + b
        return F.relu(total) if self.op.relu else total


class _Concat(nn.Module):
    def __init__(self, op: Concat) -> None:
        super().__init__()
        self.dim = 1 if op.axis == "channels" else 2

    def forward(self, *inputs: Tensor) -> Tensor:
        return torch.cat(inputs, dim=self.dim)


class _Reshape(nn.Module):
    def __init__(self, op: Reshape) -> None:
        super().__init__()
        self.channels = op.channels

    def forward(self, x: Tensor) -> Tensor:
        return reshaped(x, self.channels)


class _Upsample(nn.Module):
    def __init__(self, op: Upsample) -> None:
        super().__init__()
        self.factor = op.factor

    def forward(self, x: Tensor) -> Tensor:
        return x.repeat_interleave(self.factor, dim=2)


class _Interpolate(nn.Module):
    def __init__(self, op: Interpolate) -> None:
        super().__init__()
        self.length = op.length

    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(x, size=self.length, mode="linear", align_corners=False)


def reshaped(x: Tensor, channels: int) -> Tensor:
    """The values of (N, C, L) in the order of time, with so many ``channels`` in each step."""
    return x.transpose(1, 2).reshape(len(x), -1, channels).transpose(1, 2)


class NetworkModule(nn.Module):
    """``network`` with trainable weights; maps (N, C, L) to logits (N, classes)."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network
        for node in network.nodes:
            self.add_module(node.name, _module(network, node))

    def forward(self, x: Tensor) -> Tensor:
        return self.tensors(x)[self.network.output].flatten(1)

    def tensors(self, x: Tensor) -> dict[str, Tensor]:
        """Every activation by name, the input included."""
        tensors = {INPUT: x}
        for node in self.network.nodes:
            module = self.get_submodule(node.name)
            tensors[node.name] = module(*(tensors[name] for name in node.inputs))
        return tensors


def build_module(network: Network, generator: torch.Generator) -> NetworkModule:
    """``network`` as a module whose initial weights come from ``generator`` alone."""
    module = NetworkModule(network)
    for part in module.modules():
        if isinstance(part, nn.Conv1d):
            nn.init.kaiming_normal_(part.weight, nonlinearity="relu", generator=generator)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
    return module


def _module(network: Network, node: Node) -> nn.Module:
    match node.op:
        case Conv() | DepthwiseConv() | Linear() as op:
            return ConvBlock(network.input_shapes(node)[0], op)
        case MaxPool() | AvgPool() as op:
            return Pool(op)
        case GlobalAvgPool():
            return _GlobalAvgPool()
        case Add() as op:
            return _Add(op)
        case Concat() as op:
            return _Concat(op)
        case Reshape() as op:
            return _Reshape(op)
        case Upsample() as op:
            return _Upsample(op)
        case Interpolate() as op:
            return _Interpolate(op)
    raise TypeError(f"no torch module for {node.op!r}")
