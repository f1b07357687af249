"""An integer model before there is any training: right shapes, numbers that stand for others."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tinyml_nas.graph import (
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
    Upsample,
)
from tinyml_nas.graph.integer import (
    InputQuantization,
    IntAdd,
    IntAvgPool,
    IntConcat,
    IntConv,
    IntInterpolate,
    IntLayer,
    IntMaxPool,
    IntNetwork,
    IntOp,
    IntReshape,
    IntUpsample,
    Requantize,
    TensorScale,
)

LARGEST: Mapping[int, int] = {8: 127, 4: 7, 2: 1}
"""Magnitude of a weight by its bits."""
SCALE = TensorScale(np.float32(1.0), -128)
UNIT = Requantize(np.array([1 << 30], np.int32), np.array([38], np.int8), -128, 127)


def placeholder(network: Network) -> IntNetwork:
    """``network`` with uniform random weights of its bits, the same at every call.

    No weights compress worse, so a program of them is as large as one of ``network`` can be.
    """
    rng = np.random.default_rng(0)
    channels, outputs = network.input_shape.channels, network.shapes[network.output].size
    ones = np.ones(channels, np.float32)
    return IntNetwork(
        network=network,
        input=InputQuantization(mean=0 * ones, scale=ones, zero_point=SCALE.zero_point),
        scales=dict.fromkeys(network.shapes, SCALE),
        layers=tuple(
            IntLayer(node.name, node.op.kind, node.inputs, _op(rng, network, node))
            for node in network.nodes
        ),
        class_names=tuple(map(str, range(outputs))),
        channel_names=tuple(map(str, range(channels))),
    )


def _op(rng: np.random.Generator, network: Network, node: Node) -> IntOp:
    entry = network.input_shapes(node)[0]
    match node.op:
        case Conv() as op:
            shape = (op.out_channels, op.kernel, entry.channels)
            return _conv(rng, shape, op.weight_bits, op.stride, op.pad, op.dilation)
        case DepthwiseConv() as op:
            shape = (entry.channels, op.kernel, 1)
            return _conv(rng, shape, 8, op.stride, op.pad, op.dilation, entry.channels)
        case Linear() as op:
            return _conv(rng, (op.out_features, entry.length, entry.channels), op.weight_bits)
        case AvgPool() as op:
            return IntAvgPool(op.kernel, op.stride, op.pad, _rule(1))
        case GlobalAvgPool():
            return IntAvgPool(entry.length, 1, (0, 0), _rule(1))
        case MaxPool() as op:
            return IntMaxPool(op.kernel, op.stride, op.pad)
        case Add() as op:
            signs = np.array([1, -1 if op.minus else 1], np.int32)
            return IntAdd(Requantize((1 << 30) * signs, np.array([31], np.int8), -128, 127))
        case Concat(axis):
            return IntConcat(axis)
        case Reshape(channels):
            return IntReshape(channels)
        case Upsample(factor):
            return IntUpsample(factor)
        case Interpolate(length):
            return IntInterpolate(length, UNIT)
    raise TypeError(f"no integer layer for {node.op!r}")


def _conv(
    rng: np.random.Generator,
    shape: tuple[int, int, int],
    bits: int,
    stride: int = 1,
    pad: tuple[int, int] = (0, 0),
    dilation: int = 1,
    groups: int = 1,
) -> IntConv:
    largest = LARGEST[bits]
    weight = rng.integers(-largest, largest + 1, shape, np.int8)
    bias = rng.integers(-(1 << 15), 1 << 15, shape[0], np.int32)
    return IntConv(weight, bias, stride, pad, _rule(shape[0]), 0, groups, bits, dilation)


def _rule(channels: int) -> Requantize:
    return Requantize(
        np.full(channels, (1 << 30) + 1, np.int32), np.full(channels, 38, np.int8), -128, 127
    )
