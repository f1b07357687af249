"""``model_float.onnx``: the trained network, batch norm folded, normalization inside."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
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
    Interpolate,
    Linear,
    MaxPool,
    Network,
    Node,
    Reshape,
    Shape,
    Upsample,
)
from tinyml_nas.graph.ops import interpolation
from tinyml_nas.quantize.lower import Parameters


def float_model(
    network: Network, parameters: Parameters, normalization: Normalization
) -> onnx.ModelProto:
    """Maps ``samples`` (N, C, L) to ``logits`` (N, classes), all in float32."""
    graph = GraphBuilder()
    normalize(graph, normalization, INPUT)
    for node in network.nodes:
        entry = network.input_shapes(node)[0]
        layer(graph, node, entry, list(node.inputs), node.name, parameters)
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
    graph: GraphBuilder,
    node: Node,
    entry: Shape,
    inputs: list[str],
    output: str,
    parameters: Parameters,
) -> str:
    """One float layer that reads ``inputs`` and writes ``output``; ``entry`` is its first shape."""
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
        case Concat(axis):
            return graph.op("Concat", inputs, output, axis=1 if axis == "channels" else 2)
        case Reshape(channels):
            return reshape(graph, inputs[0], output, channels)
        case Upsample(factor):
            return upsample(graph, inputs[0], output, factor)
        case Interpolate(length):
            points = np.array(interpolation(entry.length, length), np.int64)
            weights = (points[:, 2] / (2 * length)).astype(np.float32)
            return interpolate(graph, inputs[0], output, points, 1 - weights, weights)
    raise TypeError(f"no ONNX form of {node.op!r}")


def convolution(
    graph: GraphBuilder,
    op: Conv | DepthwiseConv | Linear,
    weight: np.ndarray[Any, Any],
    inputs: list[str],
    output: str,
) -> str:
    """Conv of a ``weight`` (out, in, kernel), then Relu where the record asks for it."""
    window: dict[str, list[int]] = {"kernel_shape": [weight.shape[2]], "strides": [1]}
    if not isinstance(op, Linear):
        window |= {"strides": [op.stride], "pads": list(op.pad), "dilations": [op.dilation]}
    target = f"{output}.conv" if op.relu else output
    groups = len(weight) if isinstance(op, DepthwiseConv) else 1
    graph.op("Conv", inputs, target, group=groups, **window)
    return graph.op("Relu", [target], output) if op.relu else target


def reshape(graph: GraphBuilder, source: str, output: str, channels: int) -> str:
    """The values of (N, C, L) in the order of time, with so many ``channels`` in each step."""
    rows = graph.op("Transpose", [source], f"{output}.rows", perm=[0, 2, 1])
    shape = graph.constant(f"{output}.shape", np.array([0, -1, channels], np.int64))
    steps = graph.op("Reshape", [rows, shape], f"{output}.steps")
    return graph.op("Transpose", [steps], output, perm=[0, 2, 1])


def upsample(graph: GraphBuilder, source: str, output: str, factor: int) -> str:
    """Every step ``factor`` times, whatever the type of its values."""
    axis = graph.constant(f"{output}.axis", np.array([3], np.int64))
    lifted = graph.op("Unsqueeze", [source, axis], f"{output}.lifted")
    copies = graph.constant(f"{output}.copies", np.array([1, 1, 1, factor], np.int64))
    repeated = graph.op("Tile", [lifted, copies], f"{output}.repeated")
    shape = graph.constant(f"{output}.shape", np.array([0, 0, -1], np.int64))
    return graph.op("Reshape", [repeated, shape], output)


def interpolate(
    graph: GraphBuilder,
    source: str,
    output: str,
    points: npt.NDArray[np.int64],
    first_weights: npt.NDArray[Any],
    second_weights: npt.NDArray[Any],
) -> str:
    """Weighted sums over the two steps of ``source`` that ``graph.ops.interpolation`` names.

    In floats as in integers: Resize would want the batch size, or scales whose product may round.
    """
    terms = []
    for i, weights in enumerate((first_weights, second_weights)):
        label = f"{output}.{i}"
        steps = graph.constant(f"{label}.steps", points[:, i])
        value = graph.op("Gather", [source, steps], f"{label}.value", axis=2)
        factor = graph.constant(f"{label}.weights", weights)
        terms.append(graph.op("Mul", [value, factor], f"{label}.product"))
    return graph.op("Add", terms, output)


def _window(op: MaxPool | AvgPool) -> dict[str, list[int]]:
    return {"kernel_shape": [op.kernel], "strides": [op.stride], "pads": list(op.pad)}
