"""The integer model in NumPy: slow, obvious, and the truth that every carrier is compared with.

Tensors are (windows, channels, length), as in the float model.  Nothing here is clever.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from tinyml_nas.graph import INPUT
from tinyml_nas.graph.integer import (
    Detection,
    Int8,
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
    Values,
)
from tinyml_nas.graph.ops import interpolation, span_of
from tinyml_nas.quantize.scheme import QMAX, QMIN, Int64, dequantize, requantize


def quantize_input(net: IntNetwork, x: npt.NDArray[np.float32]) -> Int8:
    """int8 of float windows (N, C, L): float32 subtraction and division, half to even."""
    mean, scale = net.input.mean.reshape(1, -1, 1), net.input.scale.reshape(1, -1, 1)
    ratio = (x.astype(np.float32) - mean) / scale
    shifted = np.rint(ratio) + np.float32(net.input.zero_point)
    quantized: Int8 = np.clip(shifted, QMIN, QMAX).astype(np.int8)
    return quantized


def run_reference(net: IntNetwork, q: Int8) -> dict[str, Int8]:
    """Every int8 tensor (N, C, L) of the model for quantized windows ``q``, the input included."""
    return run_layers(net, {INPUT: q}, tuple(net.by_name))


def run_layers(net: IntNetwork, known: Mapping[str, Int8], names: Sequence[str]) -> dict[str, Int8]:
    """The ``known`` tensors (N, C, L) and those of the layers ``names``, in their order."""
    tensors = dict(known)
    for layer in (net.by_name[name] for name in names):
        tensors[layer.name] = _run_layer(net, layer, [tensors[name] for name in layer.inputs])
    return tensors


def real_outputs(net: IntNetwork, x: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """What the outputs (N, K) for float windows (N, C, L) stand for."""
    q = run_reference(net, quantize_input(net, x))[net.network.output]
    return dequantize(net.output_scale, q).reshape(len(x), -1)


def decide(net: IntNetwork, outputs: Int8) -> npt.NDArray[np.int64]:
    """The label of each window (N,), from its outputs (N, K, L) in any shape.

    The class with the highest score, of equals the first; 1 for an anomaly and 0 for any other
    window; 0 where the outputs are numbers.
    """
    flat = outputs.reshape(len(outputs), -1).astype(np.int64)
    match net.answer:
        case Detection(limit):
            odd = ((flat - net.output_scale.zero_point) ** 2).sum(axis=1) > limit
            return np.asarray(odd, np.int64)
        case Values():
            return np.zeros(len(flat), np.int64)
        case None:
            return np.asarray(flat.argmax(axis=1))


def _run_layer(net: IntNetwork, layer: IntLayer, inputs: list[Int8]) -> Int8:
    zero_in = [net.scales[name].zero_point for name in layer.inputs]
    zero_out = net.scales[layer.name].zero_point
    op = layer.op
    match op:
        case IntConv():
            return _conv(op, inputs[0], zero_in[0], zero_out)
        case IntAvgPool():
            return _avg_pool(op, inputs[0], zero_in[0], zero_out)
        case IntMaxPool():
            return _max_pool(op, inputs[0])
        case IntAdd():
            return _add(op, inputs, zero_in, zero_out)
        case IntConcat():
            return np.concatenate(inputs, axis=1 if op.axis == "channels" else 2)
        case IntReshape():
            in_time = inputs[0].transpose(0, 2, 1).reshape(len(inputs[0]), -1, op.channels)
            return in_time.transpose(0, 2, 1)
        case IntUpsample():
            return np.repeat(inputs[0], op.factor, axis=2)
        case IntInterpolate():
            return _interpolate(op, inputs[0], zero_in[0], zero_out)


def _windows(
    x: npt.NDArray[np.int64],
    kernel: int,
    stride: int,
    pad: tuple[int, int],
    fill: int,
    dilation: int = 1,
) -> Iterator[Int64]:
    padded = np.pad(x, ((0, 0), (0, 0), pad), constant_values=fill)
    span = span_of(kernel, dilation)
    for start in range(0, padded.shape[2] - span + 1, stride):
        yield padded[:, :, start : start + span : dilation]


def _conv(op: IntConv, x: Int8, zero_in: int, zero_out: int) -> Int8:
    weight = op.weight.astype(np.int64)  # (out, kernel, in), depthwise (channels, kernel, 1)
    sums = "nck,okc->no" if op.groups == 1 else "nck,cki->nc"
    r1 = op.requantize
    columns = []
    centered, kernel = x.astype(np.int64) - zero_in, weight.shape[1]
    for window in _windows(centered, kernel, op.stride, op.pad, 0, op.dilation):
        acc = np.einsum(sums, window, weight) + op.bias
        product = acc * r1.multiplier.astype(np.int64)
        columns.append(requantize(product, r1.shift, zero_out, r1.lower, r1.upper))
    return np.stack(columns, axis=2)


def _avg_pool(op: IntAvgPool, x: Int8, zero_in: int, zero_out: int) -> Int8:
    r1 = op.requantize
    columns = []
    for window in _windows(x.astype(np.int64) - zero_in, op.kernel, op.stride, op.pad, 0):
        product = window.sum(axis=2) * np.int64(r1.multiplier[0])
        columns.append(requantize(product, r1.shift[0], zero_out, r1.lower, r1.upper))
    return np.stack(columns, axis=2)


def _max_pool(op: IntMaxPool, x: Int8) -> Int8:
    windows = _windows(x.astype(np.int64), op.kernel, op.stride, op.pad, QMIN)
    return np.stack([window.max(axis=2) for window in windows], axis=2).astype(np.int8)


def _interpolate(op: IntInterpolate, x: Int8, zero_in: int, zero_out: int) -> Int8:
    r1, centered = op.requantize, x.astype(np.int64) - zero_in
    columns = []
    for first, second, weight in interpolation(x.shape[2], op.length):
        acc = centered[:, :, first] * (2 * op.length - weight) + centered[:, :, second] * weight
        product = acc * np.int64(r1.multiplier[0])
        columns.append(requantize(product, r1.shift[0], zero_out, r1.lower, r1.upper))
    return np.stack(columns, axis=2)


def _add(op: IntAdd, inputs: list[Int8], zero_in: list[int], zero_out: int) -> Int8:
    r1 = op.requantize
    product = sum(
        (x.astype(np.int64) - zero) * np.int64(multiplier)
        for x, zero, multiplier in zip(inputs, zero_in, r1.multiplier, strict=True)
    )
    assert isinstance(product, np.ndarray)
    return requantize(product, r1.shift[0], zero_out, r1.lower, r1.upper)
