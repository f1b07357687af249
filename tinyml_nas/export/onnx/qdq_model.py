"""``model_qdq.onnx``: the interchange form with QuantizeLinear and DequantizeLinear pairs.

Other tools read this file.  It is equal to the integer model within float noise: its rounding is
half to even in float32 where the contract rounds half up in integers.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto

from tinyml_nas.export.onnx.builder import GraphBuilder
from tinyml_nas.export.onnx.float_model import convolution, layer, normalize
from tinyml_nas.features import Normalization
from tinyml_nas.graph import INPUT, Conv, DepthwiseConv, Linear, Node
from tinyml_nas.graph.integer import IntConv, IntNetwork, TensorScale
from tinyml_nas.quantize.lower import Parameters
from tinyml_nas.quantize.scheme import weight_scales


def qdq_model(
    net: IntNetwork, parameters: Parameters, normalization: Normalization
) -> onnx.ModelProto:
    """Maps ``samples`` (N, C, L) to dequantized ``logits`` (N, classes)."""
    graph = GraphBuilder()
    normalize(graph, normalization, f"{INPUT}.real")
    _pair(graph, INPUT, net.scales[INPUT])
    for node in net.network.nodes:
        _layer(graph, node, net, parameters)
        _pair(graph, node.name, net.scales[node.name])
    output = net.network.output
    graph.op("Flatten", [f"{output}.dequantized"], "logits", axis=1)
    classes = net.network.shapes[output].size
    return graph.model(
        net.network.name, net.network.input_shape, ("logits", TensorProto.FLOAT, classes), {}
    )


def _pair(graph: GraphBuilder, name: str, scale: TensorScale) -> str:
    constants = [
        graph.constant(f"{name}.scale", scale.scale),
        graph.constant(f"{name}.zero_point", np.int8(scale.zero_point)),
    ]
    graph.op("QuantizeLinear", [f"{name}.real", *constants], name)
    return graph.op("DequantizeLinear", [name, *constants], f"{name}.dequantized")


def _layer(graph: GraphBuilder, node: Node, net: IntNetwork, parameters: Parameters) -> str:
    inputs = [f"{name}.dequantized" for name in node.inputs]
    output = f"{node.name}.real"
    op = net.by_name[node.name].op
    if not isinstance(op, IntConv):
        shape = net.network.input_shapes(node)[0]
        return layer(graph, node, shape, inputs, output, parameters)
    assert isinstance(node.op, Conv | DepthwiseConv | Linear)
    entry = net.scales[node.inputs[0]].scale
    scales = weight_scales(*parameters[node.name], float(entry), op.weight_bits)
    weight = np.ascontiguousarray(op.weight.transpose(0, 2, 1))
    names = [
        _dequantized(graph, f"{node.name}.weight", weight, scales),
        _dequantized(graph, f"{node.name}.bias", op.bias, (scales * entry).astype(np.float32)),
    ]
    return convolution(graph, node.op, weight, [*inputs, *names], output)


def _dequantized(
    graph: GraphBuilder,
    name: str,
    values: np.ndarray[tuple[int, ...], np.dtype[np.signedinteger]],
    scales: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
) -> str:
    constants = [
        graph.constant(f"{name}.quantized", values),
        graph.constant(f"{name}.scale", scales),
        graph.constant(f"{name}.zero_point", np.zeros(scales.shape, values.dtype)),
    ]
    return graph.op("DequantizeLinear", constants, name, axis=0)
