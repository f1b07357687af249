"""``model_float.onnx``: the trained network, batch norm folded, normalisation inside."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto

from tinyml_nas.export.onnx.builder import SAMPLES, GraphBuilder
from tinyml_nas.features import Normalization
from tinyml_nas.graph import (
    INPUT,
    Add,
    AvgPool,
    Concat,
    Conv,
    DepthwiseConv,
    GlobalAvgPool,
    Linear,
    MaxPool,
    Network,
    Node,
)
from tinyml_nas.quantize.lower import Parameters


def float_model(
    network: Network, parameters: Parameters, normalization: Normalization
) -> onnx.ModelProto:
    """Maps ``samples`` (N, C, L) to ``logits`` (N, classes), all in float32."""
    graph = GraphBuilder()
    normalize(graph, normalization, INPUT)
    for node in network.nodes:
        layer(graph, node, list(node.inputs), node.name, parameters)
    graph.op("Flatten", [network.output], "logits", axis=1)
    classes = network.shapes[network.output].size
    return graph.model(
        network.name, network.input_shape, ("logits", TensorProto.FLOAT, classes), {}
    )


def normalize(graph: GraphBuilder, normalization: Normalization, output: str) -> str:
    """(samples - mean) / std, per channel."""
    mean = graph.constant("mean", normalization.mean.reshape(1, -1, 1).astype(np.float32))
    std = graph.constant("std", normalization.std.reshape(1, -1, 1).astype(np.float32))
    return graph.op("Div", [graph.op("Sub", [SAMPLES, mean], "centered"), std], output)


def layer(
    graph: GraphBuilder, node: Node, inputs: list[str], output: str, parameters: Parameters
) -> str:
    """One float layer that reads ``inputs`` and writes ``output``."""
    match node.op:
        case Conv() | DepthwiseConv() | Linear() as op:
            weight, bias = parameters[node.name]
            names = [
                graph.constant(f"{node.name}.weight", weight),
                graph.constant(f"{node.name}.bias", bias),
            ]
            return convolution(graph, op, weight, [inputs[0], *names], output)
        case MaxPool() as op:
            return graph.op("MaxPool", inputs, output, **_window(op))
        case AvgPool() as op:
            return graph.op("AveragePool", inputs, output, **_window(op), count_include_pad=1)
        case GlobalAvgPool():
            return graph.op("GlobalAveragePool", inputs, output)
        case Add() as op:
            target = f"{output}.sum" if op.relu else output
            graph.op("Sub" if op.minus else "Add", inputs, target)
            return graph.op("Relu", [target], output) if op.relu else target
        case Concat():
            return graph.op("Concat", inputs, output, axis=1)
    raise TypeError(f"no ONNX form of {node.op!r}")


def convolution(
    graph: GraphBuilder,
    op: Conv | DepthwiseConv | Linear,
    weight: np.ndarray[Any, Any],
    inputs: list[str],
    output: str,
) -> str:
    """Conv of a ``weight`` (out, in, kernel), then Relu where the record asks for it."""
    stride, pad = (1, (0, 0)) if isinstance(op, Linear) else (op.stride, op.pad)
    window = {"kernel_shape": [weight.shape[2]], "strides": [stride], "pads": list(pad)}
    target = f"{output}.conv" if op.relu else output
    groups = len(weight) if isinstance(op, DepthwiseConv) else 1
    graph.op("Conv", inputs, target, group=groups, **window)
    return graph.op("Relu", [target], output) if op.relu else target


def _window(op: MaxPool | AvgPool) -> dict[str, list[int]]:
    return {"kernel_shape": [op.kernel], "strides": [op.stride], "pads": list(op.pad)}
