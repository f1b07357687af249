"""``model_int8.onnx``: the integer model, exact at every optimization level and on every CPU.

Products are carried as float32 on integer values while they stay below 2^24, where every order of
summation is exact, and as uint8 by uint8 otherwise (the int8 and mixed kernels of ONNX Runtime
saturate on CPUs without VNNI).  Rule R1 runs in int64 up to its clamp: with a positive modulus,
``t - Mod(t, 2^S)`` divided by ``2^S`` is the arithmetic shift.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto

from tinyml_nas.export.onnx.builder import SAMPLES, GraphBuilder
from tinyml_nas.export.onnx.float_model import interpolate, reshape, upsample
from tinyml_nas.graph import INPUT
from tinyml_nas.graph.integer import (
    FLOAT32_EXACT,
    IntAdd,
    IntAvgPool,
    IntConcat,
    IntConv,
    IntInterpolate,
    IntLayer,
    IntMaxPool,
    IntNetwork,
    IntReshape,
    IntUpsample,
    Requantize,
)
from tinyml_nas.graph.ops import interpolation
from tinyml_nas.quantize.scheme import QMAX, QMIN

SCORES = "scores"


def integer_model(net: IntNetwork) -> onnx.ModelProto:
    """Maps float ``samples`` (N, C, L) to int8 ``scores`` (N, classes).

    Every int8 tensor inside bears the name of its layer; ``input`` is the quantized input.
    """
    graph = GraphBuilder()
    _quantize_input(graph, net)
    for layer in net.layers:
        _layer(graph, layer, net)
    output = net.network.output
    graph.op("Flatten", [output], SCORES, axis=1)
    metadata = {
        "classes": ",".join(net.class_names),
        "score_scale": repr(float(net.output_scale.scale)),
        "score_zero_point": str(net.output_scale.zero_point),
    }
    classes = net.network.shapes[output].size
    return graph.model(
        net.network.name, net.network.input_shape, (SCORES, TensorProto.INT8, classes), metadata
    )


def _quantize_input(graph: GraphBuilder, net: IntNetwork) -> str:
    def column(name: str, value: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> str:
        return graph.constant(name, value.astype(np.float32).reshape(1, -1, 1))

    centered = graph.op("Sub", [SAMPLES, column("mean", net.input.mean)], "centered")
    ratio = graph.op("Div", [centered, column("scale", net.input.scale)], "ratio")
    rounded = graph.op("Round", [ratio], "rounded")  # half to even
    zero = graph.constant("input.zero_point", np.float32(net.input.zero_point))
    shifted = graph.op("Add", [rounded, zero], "shifted")
    bounds = [
        graph.constant("input.min", np.float32(QMIN)),
        graph.constant("input.max", np.float32(QMAX)),
    ]
    clipped = graph.op("Clip", [shifted, *bounds], "clipped")
    return graph.op("Cast", [clipped], INPUT, to=TensorProto.INT8)


def _layer(graph: GraphBuilder, layer: IntLayer, net: IntNetwork) -> str:
    name, op, scales = layer.name, layer.op, net.scales
    zero_in = [scales[tensor].zero_point for tensor in layer.inputs]
    match op:
        case IntConv():
            product = _conv if op.acc_bound < FLOAT32_EXACT else _conv_uint8
            acc = product(graph, name, op, layer.inputs[0], zero_in[0])
            bias = graph.constant(f"{name}.bias", op.bias.astype(np.int64).reshape(1, -1, 1))
            acc = graph.op("Add", [acc, bias], f"{name}.acc")
        case IntAvgPool():
            acc = _window_sum(graph, name, op, layer.inputs[0], zero_in[0])
        case IntMaxPool():
            return graph.op("MaxPool", [layer.inputs[0]], name, **_window(op))
        case IntAdd():
            return _add(graph, layer, op, zero_in, scales[name].zero_point)
        case IntConcat():
            axis = 1 if op.axis == "channels" else 2
            return graph.op("Concat", list(layer.inputs), name, axis=axis)
        case IntReshape():
            return reshape(graph, layer.inputs[0], name, op.channels)
        case IntUpsample():
            return upsample(graph, layer.inputs[0], name, op.factor)
        case IntInterpolate():
            length = net.network.shapes[layer.inputs[0]].length
            acc = _interpolation(graph, layer, op, length, zero_in[0])
    multiplier = op.requantize.multiplier.astype(np.int64).reshape(1, -1, 1)
    product_name = graph.op(
        "Mul", [acc, graph.constant(f"{name}.multiplier", multiplier)], f"{name}.product"
    )
    return _rule_r1(graph, name, product_name, op.requantize, scales[name].zero_point)


def _centered(graph: GraphBuilder, source: str, name: str, zero_point: int) -> str:
    """float32 of ``source - zero_point``, integer-valued."""
    real = graph.op("Cast", [source], f"{name}.cast", to=TensorProto.FLOAT)
    zero = graph.constant(f"{name}.zero", np.float32(zero_point))
    return graph.op("Sub", [real, zero], f"{name}.centered")


def _conv(graph: GraphBuilder, name: str, op: IntConv, source: str, zero_in: int) -> str:
    weight = np.ascontiguousarray(op.weight.transpose(0, 2, 1))  # (out, in, kernel), int8
    stored = graph.constant(f"{name}.weight", weight)
    real = graph.op("Cast", [stored], f"{name}.weight_float", to=TensorProto.FLOAT)
    inputs = [_centered(graph, source, name, zero_in), real]
    graph.op("Conv", inputs, f"{name}.sum", group=op.groups, **_window(op))
    return graph.op("Cast", [f"{name}.sum"], f"{name}.int", to=TensorProto.INT64)


def _conv_uint8(graph: GraphBuilder, name: str, op: IntConv, source: str, zero_in: int) -> str:
    offset = -QMIN
    wide = graph.op("Cast", [source], f"{name}.wide", to=TensorProto.INT32)
    moved = graph.op(
        "Add", [wide, graph.constant(f"{name}.offset", np.int32(offset))], f"{name}.moved"
    )
    weight = (op.weight.transpose(0, 2, 1).astype(np.int32) + offset).astype(np.uint8)
    inputs = [
        graph.op("Cast", [moved], f"{name}.uint8", to=TensorProto.UINT8),
        graph.constant(f"{name}.weight", np.ascontiguousarray(weight)),
        graph.constant(f"{name}.x_zero", np.uint8(zero_in + offset)),
        graph.constant(f"{name}.w_zero", np.uint8(offset)),
    ]
    graph.op("ConvInteger", inputs, f"{name}.sum", group=op.groups, **_window(op))
    return graph.op("Cast", [f"{name}.sum"], f"{name}.int", to=TensorProto.INT64)


def _window(op: IntConv | IntMaxPool) -> dict[str, list[int]]:
    window = {"strides": [op.stride], "pads": list(op.pad)}
    if isinstance(op, IntConv):
        return window | {"kernel_shape": [op.weight.shape[1]], "dilations": [op.dilation]}
    return window | {"kernel_shape": [op.kernel]}


def _window_sum(graph: GraphBuilder, name: str, op: IntAvgPool, source: str, zero_in: int) -> str:
    """int64 window sums of ``source - zero_in``; padding adds nothing."""
    real = _centered(graph, source, name, zero_in)
    padded = real
    if any(op.pad):
        pads = graph.constant(
            f"{name}.pads", np.array([0, 0, op.pad[0], 0, 0, op.pad[1]], np.int64)
        )
        padded = graph.op("Pad", [real, pads], f"{name}.padded")
    # A depthwise convolution would need the channel count; over (N, 1, C, L) one kernel serves all.
    axis = graph.constant(f"{name}.axis", np.array([1], np.int64))
    plane = graph.op("Unsqueeze", [padded, axis], f"{name}.plane")
    ones = graph.constant(f"{name}.ones", np.ones((1, 1, 1, op.kernel), np.float32))
    window = {"kernel_shape": [1, op.kernel], "strides": [1, op.stride]}
    summed = graph.op("Conv", [plane, ones], f"{name}.sums", **window)
    flat = graph.op("Squeeze", [summed, axis], f"{name}.sum")
    return graph.op("Cast", [flat], f"{name}.int", to=TensorProto.INT64)


def _interpolation(
    graph: GraphBuilder, layer: IntLayer, op: IntInterpolate, length: int, zero_in: int
) -> str:
    """int64 weighted sums of ``source - zero_in`` over two of its ``length`` steps."""
    name = layer.name
    wide = graph.op("Cast", [layer.inputs[0]], f"{name}.wide", to=TensorProto.INT64)
    zero = graph.constant(f"{name}.zero", np.int64(zero_in))
    centered = graph.op("Sub", [wide, zero], f"{name}.centered")
    points = np.array(interpolation(length, op.length), np.int64)
    weights = points[:, 2]
    return interpolate(graph, centered, f"{name}.acc", points, 2 * op.length - weights, weights)


def _add(
    graph: GraphBuilder, layer: IntLayer, op: IntAdd, zero_in: list[int], zero_out: int
) -> str:
    terms = []
    for i, (source, zero) in enumerate(zip(layer.inputs, zero_in, strict=True)):
        label = f"{layer.name}.{i}"
        wide = graph.op("Cast", [source], f"{label}.int", to=TensorProto.INT64)
        zero_name = graph.constant(f"{label}.zero", np.int64(zero))
        centered = graph.op("Sub", [wide, zero_name], f"{label}.centered")
        factor = graph.constant(f"{label}.multiplier", np.int64(op.requantize.multiplier[i]))
        terms.append(graph.op("Mul", [centered, factor], f"{label}.product"))
    product = graph.op("Add", terms, f"{layer.name}.product")
    return _rule_r1(graph, layer.name, product, op.requantize, zero_out)


def _rule_r1(graph: GraphBuilder, name: str, product: str, r1: Requantize, zero_point: int) -> str:
    shift = r1.shift.astype(np.int64).reshape(1, -1, 1)
    half = graph.constant(f"{name}.half", np.int64(1) << (shift - 1))
    power = graph.constant(f"{name}.power", np.int64(1) << shift)
    total = graph.op("Add", [product, half], f"{name}.total")
    rest = graph.op("Mod", [total, power], f"{name}.rest")
    even = graph.op("Sub", [total, rest], f"{name}.even")
    shifted = graph.op("Div", [even, power], f"{name}.shifted")
    zero = graph.constant(f"{name}.zero_out", np.int64(zero_point))
    moved = graph.op("Add", [shifted, zero], f"{name}.moved_out")
    # ONNX Runtime clips int64 wrongly beyond 32 bits (Eigen's SSE2 path); what float32 rounds here
    # lies far outside the bounds.
    real = graph.op("Cast", [moved], f"{name}.real", to=TensorProto.FLOAT)
    bounds = [
        graph.constant(f"{name}.lower", np.float32(r1.lower)),
        graph.constant(f"{name}.upper", np.float32(r1.upper)),
    ]
    clipped = graph.op("Clip", [real, *bounds], f"{name}.clipped")
    return graph.op("Cast", [clipped], name, to=TensorProto.INT8)
