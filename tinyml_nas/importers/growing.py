"""Layers of a foreign graph that make a signal longer, as decoders do.

A transposed convolution of stride s is a plain one with s times the channels, whose output is read
s steps at a time (sub-pixel convolution; Shi et al., "Is the deconvolution layer the same as a
convolutional layer?", 2016).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import onnx

from tinyml_nas.graph import Conv, Interpolate, Reshape, Upsample
from tinyml_nas.importers.fuse import Array
from tinyml_nas.importers.layers import ORDER
from tinyml_nas.importers.reader import Reader, Value
from tinyml_nas.importers.refusal import refuse

PIXELS = ("half_pixel", "pytorch_half_pixel")
STAIRCASES = {"asymmetric": ("floor",), **dict.fromkeys(PIXELS, ("round_prefer_floor",))}
"""Coordinates of a Resize under which the nearest value is that of the same step, by rounding."""


def resize(reader: Reader, node: onnx.NodeProto) -> None:
    """Resize and Upsample along time: a staircase, or straight lines between the steps."""
    value, attributes = reader.value(node), reader.attributes(node)
    axis, length = _time(reader, node, value)
    exact = _sizes(reader, node, value, attributes)
    sizes = [math.floor(size) for size in exact]
    if any(new != old for i, (new, old) in enumerate(zip(sizes, value.view.shape, strict=True))
           if i != axis):  # fmt: skip
        mend = "lengthen the axis of time alone"
        raise refuse(reader.file, node, f"it makes {sizes} of {[*value.view.shape]}", mend)
    mode = attributes.get("mode", b"nearest").decode()
    usual = b"asymmetric" if node.op_type == "Upsample" or reader.opset < 11 else b"half_pixel"
    pixels = attributes.get("coordinate_transformation_mode", usual).decode()
    longer = sizes[axis]
    op: Upsample | Interpolate
    if mode == "nearest" and longer % length == 0 and _is_staircase(reader, attributes, pixels):
        op = Upsample(longer // length)
    elif mode == "linear" and pixels in PIXELS and longer == exact[axis] and longer >= length > 1:
        op = Interpolate(longer)
    else:
        why = f"mode {mode!r} with coordinates {pixels!r} from {length} to {exact[axis]:g} steps"
        mend = (
            "use nn.Upsample(scale_factor=n, mode='nearest') with a whole n, or "
            "F.interpolate(x, size=..., mode='linear', align_corners=False) to more steps"
        )
        raise refuse(reader.file, node, why, mend)
    tensor = reader.add(node, op, (value.tensor,))
    shape = [size for i, size in enumerate(sizes) if i]
    reader.give(node, tensor, tuple(shape))


def conv_transpose(reader: Reader, node: onnx.NodeProto) -> None:
    """ConvTranspose whose output has exactly ``stride`` steps for each one of its input."""
    value, attributes = reader.value(node), reader.attributes(node)
    axis, length = _time(reader, node, value)
    weight = np.asarray(reader.constant(node, 1), dtype=np.float64)  # (in, out of a group, kernel)
    if weight.size != np.prod((*weight.shape[:2], weight.shape[axis])):
        why = f"its kernel of {list(weight.shape[2:])} moves over two axes"
        raise refuse(reader.file, node, why, "use a kernel of 1 along the other axis")
    taps = weight.reshape(*weight.shape[:2], -1)
    step = int(attributes.get("strides", [1] * 4)[axis - 2])
    if int(attributes.get("dilations", [1] * 4)[axis - 2]) > 1:
        raise refuse(reader.file, node, "it is dilated", "set dilation=1, with a longer kernel")
    first = _padding(reader, node, axis, length, taps.shape[2], step)
    groups = int(attributes.get("group", 1))
    order = reader.channel_order(value.tensor, value.view[0].reshape(-1, length))
    if order is None:
        why = "its input is in another order than channels by time"
        raise refuse(reader.file, node, why, ORDER)
    wide = _ungrouped(taps, groups)[np.argsort(order)]
    dense, pad = _phases(wide, step, first)
    channels = wide.shape[1]
    bias = np.asarray(reader.constant(node, 2, np.zeros(channels)), dtype=np.float64)
    op = Conv(step * channels, dense.shape[2], 1, pad, norm=False, relu=False)
    tensor = reader.add(node, op, (value.tensor,), dense, np.tile(bias, step))
    if step > 1:
        tensor = reader.add(node, Reshape(channels), (tensor,))
    sizes = [1] * (value.view.ndim - 2)
    sizes[axis - 2] = step * length
    reader.give(node, tensor, (channels, *sizes))


def _time(reader: Reader, node: onnx.NodeProto, value: Value) -> tuple[int, int]:
    """The axis of time of ``value`` in its whole order, and its length."""
    length = reader.shapes[value.tensor].length
    sizes = value.view.shape[2:]
    if not reader.is_whole(value) or int(np.prod(sizes)) != length or max(sizes) != length:
        why = "its input is in another order than channels by time"
        raise refuse(reader.file, node, why, ORDER)
    return 2 + int(np.argmax(sizes)), length


def _sizes(
    reader: Reader, node: onnx.NodeProto, value: Value, attributes: dict[str, Any]
) -> list[float]:
    """What the axes of the output measure, before they are rounded down."""
    at = 1 if node.op_type == "Upsample" or reader.opset < 11 else 2
    if len(node.input) > 3 and node.input[3]:
        sizes = [float(size) for size in reader.constant(node, 3)]
    else:
        scales = reader.constant(node, at, attributes.get("scales"))
        sizes = [float(s) * size for s, size in zip(scales, value.view.shape, strict=False)]
    axes = attributes.get("axes")
    if axes is None:
        return sizes
    whole = [float(size) for size in value.view.shape]
    for axis, size in zip(axes, sizes, strict=True):
        whole[axis] = size
    return whole


def _is_staircase(reader: Reader, attributes: dict[str, Any], pixels: str) -> bool:
    usual = b"floor" if reader.opset < 11 else b"round_prefer_floor"
    return attributes.get("nearest_mode", usual).decode() in STAIRCASES.get(pixels, ())


def _padding(
    reader: Reader, node: onnx.NodeProto, axis: int, length: int, kernel: int, step: int
) -> int:
    """Steps that are cut off at the start; what is left must be ``step * length``."""
    attributes = reader.attributes(node)
    axes = len(attributes.get("strides", ())) or len(attributes.get("kernel_shape", (0,)))
    pads = attributes.get("pads", [0] * 2 * axes)
    before, after = int(pads[axis - 2]), int(pads[axis - 2 + axes])
    more = int(attributes.get("output_padding", [0] * axes)[axis - 2])
    auto = attributes.get("auto_pad", b"NOTSET").decode()
    if auto.startswith("SAME"):
        both = max(0, kernel - step)
        before = both // 2 if auto == "SAME_UPPER" else both - both // 2
        after, more = both - before, max(0, step - kernel)
    made = (length - 1) * step + kernel - before - after + more
    if made != step * length:
        pad = max(0, -(-(kernel - step) // 2))
        why = f"it makes {made} steps of {length}, and only {step} for each one can be read"
        mend = f"set padding={pad}, output_padding={2 * pad - (kernel - step)}, and train again"
        raise refuse(reader.file, node, why, mend)
    return before


def _ungrouped(weight: Array, groups: int) -> Array:
    """(in, out, kernel) of (in, out of its group, kernel): zeros between the groups."""
    into, out, kernel = weight.shape
    full = np.zeros((into, groups * out, kernel))
    for group, rows in enumerate(np.split(np.arange(into), groups)):
        full[rows, group * out : (group + 1) * out] = weight[rows]
    return full


def _phases(weight: Array, step: int, first: int) -> tuple[Array, tuple[int, int]]:
    """Weights (step * out, in, taps) and padding of the plain convolution.

    Of the ``step`` values that input q becomes, number r is the sum over d of
    x[q - d] * w[step * d + r + first].
    """
    into, out, kernel = weight.shape
    earliest, latest = (kernel - 1 - first) // step, -((step - 1 + first) // step)
    dense = np.zeros((step, out, into, earliest - latest + 1))
    for phase in range(step):
        for back in range(latest, earliest + 1):
            tap = step * back + phase + first
            if 0 <= tap < kernel:
                dense[phase, :, :, earliest - back] = weight[:, :, tap].T
    return dense.reshape(step * out, into, -1), (earliest, -latest)
