"""Lowering: folded float weights and scales become the integer model.

The same :func:`lower_node` feeds quantization-aware training, so the network that is fine-tuned is
the network that is shipped.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from tinyml_nas.errors import ConfigError
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
from tinyml_nas.graph.integer import (
    FLOAT32_EXACT,
    InputQuantization,
    Int8,
    Int32,
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
from tinyml_nas.quantize.scheme import (
    QMAX,
    QMIN,
    add_multipliers,
    multiplier_and_shift,
    quantize_bias,
    quantize_weight,
    raised,
    weight_scales,
)

Scales = Mapping[str, TensorScale]
Parameters = Mapping[str, tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]]
"""Folded weight (out, in, kernel) and bias (out,) by node name."""

INT32_MAX = (1 << 31) - 1


def lower(
    network: Network,
    parameters: Parameters,
    scales: Scales,
    normalization: Normalization,
    class_names: tuple[str, ...],
    channel_names: tuple[str, ...],
    add_terms: int | None = None,
) -> IntNetwork:
    """The integer model of a folded ``network``.

    ``add_terms`` is ``largest`` of ``add_multipliers``, for an accelerator that needs it.  Raises
    ``ConfigError`` naming the layer whose accumulator could overflow.
    """
    entry = scales[INPUT]
    return IntNetwork(
        network=network,
        input=InputQuantization(
            mean=normalization.mean.astype(np.float32),
            scale=(normalization.std.astype(np.float32) * entry.scale).astype(np.float32),
            zero_point=entry.zero_point,
        ),
        scales=dict(scales),
        layers=tuple(
            lower_node(network, node, parameters, scales, add_terms) for node in network.nodes
        ),
        class_names=class_names,
        channel_names=channel_names,
    )


def lower_node(
    network: Network,
    node: Node,
    parameters: Parameters,
    scales: Scales,
    add_terms: int | None = None,
) -> IntLayer:
    """The integer layer of one node; ``add_terms`` as in :func:`lower`."""
    op = _integer_op(node, network.input_shapes(node)[0], parameters, scales, add_terms)
    return IntLayer(node.name, node.op.kind, node.inputs, op)


def _integer_op(
    node: Node, entry: Shape, parameters: Parameters, scales: Scales, add_terms: int | None
) -> IntOp:
    match node.op:
        case Conv() as op:
            return _conv(node, op, 1, op.weight_bits, parameters, scales)
        case DepthwiseConv() as op:
            return _conv(node, op, entry.channels, 8, parameters, scales)
        case Linear() as op:
            window = Conv(op.out_features, entry.length, norm=False, relu=op.relu)
            return _conv(node, window, 1, op.weight_bits, parameters, scales)
        case AvgPool() as op:
            return _avg_pool(node, op.kernel, op.stride, op.pad, scales)
        case GlobalAvgPool():
            return _avg_pool(node, entry.length, 1, (0, 0), scales)
        case MaxPool() as op:
            return IntMaxPool(op.kernel, op.stride, op.pad)
        case Add() as op:
            return _add(node, op, scales, add_terms)
        case Concat(axis):
            return IntConcat(axis)
        case Reshape(channels):
            return IntReshape(channels)
        case Upsample(factor):
            return IntUpsample(factor)
        case Interpolate(length):
            common = None if add_terms is None else math.gcd(entry.length, length)
            return _interpolate(node, length, scales, common)
    raise TypeError(f"no integer layer for {node.op!r}")


def _conv(
    node: Node,
    op: Conv | DepthwiseConv,
    groups: int,
    bits: int,
    parameters: Parameters,
    scales: Scales,
) -> IntConv:
    weight, bias = parameters[node.name]
    entry, leave = scales[node.inputs[0]], scales[node.name]
    w_scales = weight_scales(weight, bias, float(entry.scale), bits)
    q_weight = np.ascontiguousarray(quantize_weight(weight, w_scales, bits).transpose(0, 2, 1))
    q_bias = quantize_bias(bias, entry.scale, w_scales)
    ratio = np.float64(entry.scale) * w_scales.astype(np.float64) / np.float64(leave.scale)
    bound = accumulator_bound(q_weight, q_bias, entry.zero_point)
    if (reached := bound << raised(bits)) > INT32_MAX:
        raise ConfigError(
            f"Layer {node.name!r}: its accumulator can reach {reached:,}, beyond int32.",
            hint="Use fewer input channels or a shorter kernel in this layer.",
        )
    return IntConv(
        weight=q_weight,
        bias=q_bias,
        stride=op.stride,
        pad=op.pad,
        requantize=_requantize(*multiplier_and_shift(ratio), leave.zero_point, op.relu),
        acc_bound=bound,
        groups=groups,
        weight_bits=bits,
        dilation=op.dilation,
    )


def accumulator_bound(weight: Int8, bias: Int32, zero_point: int) -> int:
    """Largest magnitude of any partial sum, with the zero point in the data or in the bias."""
    w = weight.astype(np.int64).reshape(len(weight), -1)
    magnitude, total = np.abs(w).sum(axis=1), w.sum(axis=1)
    in_data = np.abs(bias.astype(np.int64)) + magnitude * max(QMAX - zero_point, zero_point - QMIN)
    in_bias = np.abs(bias - zero_point * total) + magnitude * -QMIN
    return int(max(in_data.max(), in_bias.max()))


def _avg_pool(
    node: Node, kernel: int, stride: int, pad: tuple[int, int], scales: Scales
) -> IntAvgPool:
    entry, leave = scales[node.inputs[0]], scales[node.name]
    if kernel * (QMAX - QMIN) >= FLOAT32_EXACT:
        raise ConfigError(
            f"Layer {node.name!r}: a mean over {kernel:,} values can lose bits.",
            hint="Use a shorter frame, or strides before this layer.",
        )
    ratio = np.float64(entry.scale) / (kernel * np.float64(leave.scale))
    r1 = _requantize(*multiplier_and_shift(ratio), leave.zero_point, relu=False)
    return IntAvgPool(kernel, stride, pad, r1)


def _interpolate(node: Node, length: int, scales: Scales, common: int | None) -> IntInterpolate:
    """With ``common``, a divisor of all weights, the multiplier takes it in exactly, for an NPU.

    Its low bits are 0 then, so that the product has 31 bits beside them.
    """
    entry, leave = scales[node.inputs[0]], scales[node.name]
    if 2 * length * (QMAX - QMIN) >= FLOAT32_EXACT:
        raise ConfigError(
            f"Layer {node.name!r}: an interpolation to {length:,} steps can lose bits.",
            hint="Use a shorter frame.",
        )
    ratio = np.float64(entry.scale) / (2 * length * np.float64(leave.scale))
    multiplier, shift = multiplier_and_shift(ratio)
    if common is not None:
        multiplier = multiplier >> common.bit_length() << common.bit_length()
    r1 = _requantize(multiplier, shift, leave.zero_point, relu=False)
    return IntInterpolate(length, r1)


def _add(node: Node, op: Add, scales: Scales, add_terms: int | None) -> IntAdd:
    leave = scales[node.name]
    ratios = [np.float64(scales[name].scale) / np.float64(leave.scale) for name in node.inputs]
    multipliers, shift = add_multipliers(ratios, add_terms)
    signs = np.array([1, -1 if op.minus else 1], np.int32)
    return IntAdd(_requantize(multipliers * signs, shift, leave.zero_point, op.relu))


def _requantize(multiplier: Int32, shift: Int8, zero_point: int, relu: bool) -> Requantize:
    return Requantize(multiplier, shift, zero_point if relu else QMIN, QMAX)
