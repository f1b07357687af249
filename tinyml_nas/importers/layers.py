"""Convolutions, pools and fully connected layers of a foreign graph.

A 2-D layer is one of ours where one of its two axes is covered whole by its kernel: that axis is
then part of the channels.  It is 1 in networks that write a series as an image of one row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from tinyml_nas.graph import AvgPool, Conv, DepthwiseConv, GlobalAvgPool, Linear, MaxPool, Shape
from tinyml_nas.importers.fuse import Array
from tinyml_nas.importers.reader import ZERO, Reader, Value, View
from tinyml_nas.importers.refusal import refuse

ORDER = "keep the order batch, channels, time between layers, and join along the channels"


@dataclass(frozen=True)
class Window:
    """What a layer sees: its one axis of time, and its input as rows by time.

    ``pad`` are the zeros around the rows, its own ones and those of a Pad before it; ``own`` are
    its own ones.  A batch of ``phases`` holds every so-many-th step in each part, as TensorFlow
    writes a dilation (SpaceToBatch).
    """

    axis: int
    rows: View
    kernel: int
    stride: int
    dilation: int
    pad: tuple[int, int]
    own: tuple[int, int]
    axes: int
    phases: int

    def view(self, shape: Shape) -> View:
        """The view of an output of ``shape`` in the form that ONNX gives it."""
        made = np.arange(shape.size).reshape(shape.channels, -1, self.phases)
        sizes = [made.shape[1] if axis == self.axis else 1 for axis in range(self.axes)]
        return np.moveaxis(made, -1, 0).reshape(self.phases, shape.channels, *sizes)


def conv(reader: Reader, node: onnx.NodeProto) -> None:
    """Conv, depthwise or not; other groups are written out with zeros."""
    value = reader.value(node)
    weight = _weight(reader, node)
    window = _window(reader, node, value, weight.shape[2:])
    order = reader.channel_order(value.tensor, window.rows)
    if order is None:
        raise refuse(
            reader.file, node, "its input is in another order than channels by time", ORDER
        )
    channels = reader.shapes[value.tensor].channels
    groups = int(reader.attributes(node).get("group", 1))
    bias = np.asarray(reader.constant(node, 2, np.zeros(len(weight))), dtype=np.float64)
    taps = _one_axis(weight, window)
    into = taps.shape[1] * groups
    if into != len(order):
        why = f"its weights take {into} channels, and its input has {len(order)}"
        raise refuse(reader.file, node, why, ORDER)
    reader.require_room(node, len(taps) * max(taps.shape[1], channels) * window.kernel)
    kernel, stride, pad, dilation = window.kernel, window.stride, window.pad, window.dilation
    op: Conv | DepthwiseConv
    if groups == channels == len(taps) > 1 and np.array_equal(order, np.arange(channels)):
        op = DepthwiseConv(kernel, stride, pad, norm=False, relu=False, dilation=dilation)
    else:
        if groups > 1:
            reader.notes.append(f"{node.name}: its {groups} groups are written out in zeros")
        taps = _dense(taps, groups, order, channels)
        op = Conv(len(taps), kernel, stride, pad, norm=False, relu=False, dilation=dilation)
    tensor = reader.add(node, op, (value.tensor,), taps, bias)
    length = window.rows.shape[1]
    if idle := _idle(op, length, reader.shapes[tensor].length):
        reader.notes.append(
            f"{node.name}: {idle} of its {kernel} taps only ever meet padding: it spans {op.span} "
            f"steps, and its input has {length}"
        )
    reader.values[node.output[0]] = Value(tensor, window.view(reader.shapes[tensor]))


def pool(reader: Reader, node: onnx.NodeProto) -> None:
    """MaxPool and AveragePool."""
    value, attributes = reader.value(node), reader.attributes(node)
    window = _window(reader, node, value, attributes["kernel_shape"], merge=False)
    if window.dilation > 1:
        mend = "set dilation=1, or put a dilated convolution (nn.Conv1d) in its place"
        raise refuse(reader.file, node, "no pool with a dilation runs here", mend)
    if not np.array_equal(window.rows.ravel(), np.arange(reader.shapes[value.tensor].size)):
        raise refuse(reader.file, node, "its input is reordered", ORDER)
    length = reader.shapes[value.tensor].length
    left, right = window.pad
    more = _ceiling(length, window) if attributes.get("ceil_mode", 0) else 0
    op: MaxPool | AvgPool | GlobalAvgPool
    if node.op_type == "MaxPool":
        op = MaxPool(window.kernel, window.stride, (left, right + more))
    else:
        if any(window.own) and not attributes.get("count_include_pad", 0):
            mend = "set count_include_pad=True, or padding=0"
            raise refuse(reader.file, node, "its padding does not count as zeros", mend)
        if more:
            mend = "set ceil_mode=False"
            raise refuse(reader.file, node, "its last window has another divisor", mend)
        whole = window.kernel == length and not (left or right)
        op = GlobalAvgPool() if whole else AvgPool(window.kernel, window.stride, window.pad)
    tensor = reader.add(node, op, (value.tensor,))
    reader.values[node.output[0]] = Value(tensor, window.view(reader.shapes[tensor]))


def gemm(reader: Reader, node: onnx.NodeProto) -> None:
    """Gemm: a fully connected layer with its bias."""
    attributes = reader.attributes(node)
    if attributes.get("transA", 0):
        raise refuse(reader.file, node, "it transposes the signal", "remove transA")
    weight = _weight(reader, node) * attributes.get("alpha", 1.0)
    weight = weight.T if attributes.get("transB", 0) else weight
    bias = np.asarray(reader.constant(node, 2, 0.0), dtype=np.float64)
    bias = np.broadcast_to(bias * attributes.get("beta", 1.0), (1, weight.shape[1]))[0]
    _linear(reader, node, reader.value(node), weight, bias)


def matmul(reader: Reader, node: onnx.NodeProto) -> None:
    """MatMul with weights: fully connected, or pointwise where it is over the channels alone."""
    if node.input[1] in reader.values:
        mend = "attention and gates do not run here; pool over time instead"
        raise refuse(reader.file, node, "it multiplies two computed tensors", mend)
    value, weight = reader.value(node), _weight(reader, node)
    if weight.ndim != 2:
        raise refuse(reader.file, node, f"its weights have {weight.ndim} axes", "use two axes")
    bias = np.zeros(weight.shape[1])
    rows = value.view.reshape(-1, value.view.shape[-1]).T
    order = reader.channel_order(value.tensor, rows)
    if rows.shape[1] == 1 or order is None:
        _linear(reader, node, value, weight, bias)
        return
    channels = reader.shapes[value.tensor].channels
    dense = _dense(weight.T[:, :, None], 1, order, channels)
    op = Conv(len(dense), 1, norm=False, relu=False)
    tensor = reader.add(node, op, (value.tensor,), dense, bias)
    made = np.arange(reader.shapes[tensor].size).reshape(len(dense), -1)
    view = made.T.reshape(*value.view.shape[:-1], len(dense))
    reader.values[node.output[0]] = Value(tensor, view)


def _linear(reader: Reader, node: onnx.NodeProto, value: Value, weight: Array, bias: Array) -> None:
    """A fully connected layer of ``weight`` (in, out), whatever the order in which it reads."""
    if value.view.size != len(weight):
        why = f"its input has {list(value.view.shape)} values, its weights take {len(weight)}"
        mend = (
            "a linear layer runs over the channels, or over all values; windows are as long as the "
        )
        mend += "ones that the model was made for"
        raise refuse(reader.file, node, why, mend)
    shape = reader.shapes[value.tensor]
    reader.require_room(node, shape.size * weight.shape[1])
    read = value.view.ravel() != ZERO
    full = np.zeros((shape.size, weight.shape[1]))
    np.add.at(full, value.view.ravel()[read], weight[read])
    taps = full.T.reshape(-1, *shape)
    steps = np.unique(value.view.ravel()[read] % shape.length)
    op: Conv | Linear = Linear(len(taps))
    if len(steps) == 1 < shape.length:
        op, taps = _at_step(int(steps[0]), taps)
        reader.notes.append(
            f"{node.name}: it reads one step of {shape.length} alone: it is a convolution of "
            f"{op.kernel} taps here"
        )
    tensor = reader.add(node, op, (value.tensor,), taps, bias)
    reader.give(node, tensor, (*value.view.shape[1:-1], weight.shape[1]))


def _at_step(step: int, weight: Array) -> tuple[Conv, Array]:
    """A fully connected layer that reads one ``step`` alone, as a convolution with one output.

    Its first tap, which it has where the step is not the first one, weighs nothing.
    """
    out, _, length = weight.shape
    taps = weight[:, :, sorted({0, step})]
    taps[:, :, :-1] = 0
    op = Conv(out, taps.shape[2], length - step, norm=False, relu=False, dilation=max(1, step))
    return op, taps


def _weight(reader: Reader, node: onnx.NodeProto) -> Array:
    return np.asarray(reader.constant(node, 1), dtype=np.float64)


def _window(
    reader: Reader,
    node: onnx.NodeProto,
    value: Value,
    kernel: tuple[int, ...],
    merge: bool = True,
) -> Window:
    """How ``node`` moves over time; ``merge`` lets a kernel that covers an axis join the channels.

    Raises ``ConfigError`` for a layer that moves over two axes.
    """
    view, phases = value.view, len(value.view)
    attributes, axes = reader.attributes(node), len(kernel)
    if view.ndim != axes + 2:
        why = f"it takes {axes + 2} axes, and its input has {view.ndim}"
        raise refuse(reader.file, node, why, ORDER)
    pads = _pads(value, tuple(kernel), attributes)
    sizes = view.shape[2:]
    covered = [
        kernel[axis] == sizes[axis] and pads[axis] == (0, 0) and (merge or sizes[axis] == 1)
        for axis in range(axes)
    ]
    free = [axis for axis in range(axes) if not covered[axis]]
    if len(free) > 1:
        sides = " x ".join(map(str, kernel))
        why = f"its kernel of {sides} moves over two axes, of {sizes[0]} and {sizes[1]}"
        mend = (
            "a signal has one axis of time: use the layer of one dimension (nn.Conv1d), or let one "
            f"side of the kernel cover its axis whole, as {sizes[0]} x {kernel[1]} without padding "
            "there does; then train again"
        )
        raise refuse(reader.file, node, why, mend)
    axis = free[0] if free else int(np.argmax(sizes))
    stride = int(attributes.get("strides", [1] * axes)[axis])
    if stride > 1 < phases:
        raise refuse(reader.file, node, f"its batch of {phases} is moved over by a stride", ORDER)
    rows = np.moveaxis(view, (2 + axis, 0), (-2, -1)).reshape(-1, sizes[axis] * phases)
    left, right = _zeros(rows)
    rows = rows[:, left : rows.shape[1] - right]
    if (rows == ZERO).any():
        why, mend = "a Pad before it does not pad time alone", "use padding=... of the layer itself"
        raise refuse(reader.file, node, why, mend)
    dilation = int(attributes.get("dilations", [1] * axes)[axis])
    before, after = pads[axis]
    return Window(
        axis=axis,
        rows=rows,
        kernel=int(kernel[axis]),
        stride=stride,
        dilation=dilation * phases if kernel[axis] > 1 else 1,
        pad=(before * phases + left, after * phases + right),
        own=pads[axis],
        axes=axes,
        phases=phases,
    )


def _zeros(rows: View) -> tuple[int, int]:
    """How many steps of ``rows`` (rows, time), first and last ones, are zeros of a Pad."""
    read = np.flatnonzero((rows != ZERO).any(0))
    return (int(read[0]), rows.shape[1] - 1 - int(read[-1])) if len(read) else (0, 0)


def _pads(
    value: Value, kernel: tuple[int, ...], attributes: dict[str, Any]
) -> list[tuple[int, int]]:
    """Zeros that a layer with ``attributes`` itself puts before and after each axis."""
    axes = len(kernel)
    both = attributes.get("pads", [0] * 2 * axes)
    pads = [(int(both[axis]), int(both[axis + axes])) for axis in range(axes)]
    auto = attributes.get("auto_pad", b"NOTSET").decode()
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        strides = attributes.get("strides", [1] * axes)
        dilations = attributes.get("dilations", [1] * axes)
        for axis, size in enumerate(value.view.shape[2:]):
            reach = (kernel[axis] - 1) * dilations[axis] + 1
            total = max((-(-size // strides[axis]) - 1) * strides[axis] + reach - size, 0)
            less, more = total // 2, total - total // 2
            pads[axis] = (less, more) if auto == "SAME_UPPER" else (more, less)
    return pads


def _one_axis(weight: Array, window: Window) -> Array:
    """(out, in, kernel) of a convolution whose other axis is part of its channels."""
    last = np.moveaxis(weight, 2 + window.axis, -1)
    return last.reshape(len(weight), -1, window.kernel)


def _idle(op: Conv | DepthwiseConv, length: int, made: int) -> int:
    """How many taps never meet one of ``length`` steps, while ``made`` steps are computed."""
    places = np.arange(op.kernel) * op.dilation - op.pad[0]  # at the first step
    move = np.maximum(0, -(places // op.stride))  # until a tap is at the start, or behind it
    return int(((move >= made) | (places + move * op.stride >= length)).sum())


def _dense(weight: Array, groups: int, order: npt.NDArray[np.int64], channels: int) -> Array:
    """``weight`` (out, in of its group, kernel) over all ``channels`` in their own order."""
    out, into, kernel = weight.shape
    full = np.zeros((out, channels, kernel))
    for group, rows in enumerate(np.split(np.arange(out), groups)):
        for column in range(into):
            full[rows, order[group * into + column]] += weight[rows, column]
    return full


def _ceiling(length: int, window: Window) -> int:
    """Values behind the end that the last window needs when its number is rounded up."""
    span = length + sum(window.pad) - window.kernel
    count = -(-span // window.stride) + 1
    if (count - 1) * window.stride >= length + window.pad[0]:
        count -= 1
    return max(0, (count - 1) * window.stride - span)
