"""What a foreign graph does value by value or channel by channel, and its means and joins."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import onnx

from tinyml_nas.graph import Add, Concat, GlobalAvgPool, MaxPool
from tinyml_nas.importers.fuse import Affine, Array, Norm, Relu
from tinyml_nas.importers.reader import ZERO, Reader, Value
from tinyml_nas.importers.refusal import refuse


def batch_norm(reader: Reader, node: onnx.NodeProto) -> None:
    """BatchNormalization with running statistics."""
    attributes, value = reader.attributes(node), reader.value(node)
    if attributes.get("training_mode", 0):
        mend = "call model.eval() before exporting"
        raise refuse(reader.file, node, "it was exported in training mode", mend)
    names = ("scale", "bias", "mean", "variance")
    axes = (1, -1, *[1] * (value.view.ndim - 2))
    parts = {
        name: _by_channel(reader, node, value, reader.constant(node, 1 + i).reshape(axes))
        for i, name in enumerate(names)
    }
    norm = Norm(**parts, epsilon=float(attributes.get("epsilon", 1e-5)))
    if not (norm.variance + norm.epsilon > 0).all():
        mend = "export a checkpoint whose running_var is above zero"
        what = f"its variance plus {norm.epsilon:g} is not above 0"
        raise refuse(reader.file, node, what, mend)
    _keep_view(reader, node, value, norm)


def arithmetic(reader: Reader, node: onnx.NodeProto) -> None:
    """Add and Sub of two tensors; Add, Sub, Mul and Div with one constant for each channel."""
    computed = [index for index in (0, 1) if node.input[index] in reader.values]
    if len(computed) == 2:
        _add(reader, node)
        return
    value = reader.value(node, computed[0])
    constant = np.asarray(reader.constant(node, 1 - computed[0]), dtype=np.float64)
    if node.op_type == "Div" and computed[0] == 1:
        raise refuse(reader.file, node, "it divides by the signal", "divide by a constant")
    if node.op_type == "Div" and not constant.all():
        raise refuse(reader.file, node, "it divides by zero", "divide by another constant")
    one, zero = np.ones(1), np.zeros(1)
    gain, shift = {
        "Add": (one, constant),
        "Sub": (one, -constant) if computed[0] == 0 else (-one, constant),
        "Mul": (constant, zero),
        "Div": (1 / constant if node.op_type == "Div" else one, zero),
    }[node.op_type]
    parts = (_by_channel(reader, node, value, part) for part in (gain, shift))
    _keep_view(reader, node, value, Affine(*parts))


def negate(reader: Reader, node: onnx.NodeProto, value: Value | None = None) -> None:
    """Neg, of the input unless another ``value`` is given."""
    value = value or reader.value(node)
    channels = reader.shapes[value.tensor].channels
    _keep_view(reader, node, value, Affine(np.full(channels, -1.0), np.zeros(channels)))


def relu(reader: Reader, node: onnx.NodeProto) -> None:
    """Relu."""
    _keep_view(reader, node, reader.value(node), Relu())


def clip(reader: Reader, node: onnx.NodeProto) -> None:
    """Clip from 0 on: Relu; with an upper end u, u - relu(u - relu(x))."""
    value, attributes = reader.value(node), reader.attributes(node)
    low = _scalar(reader, node, 1, attributes.get("min"))
    high = _scalar(reader, node, 2, attributes.get("max"))
    if low != 0:
        mend = "clip at 0, as Relu and ReLU6 do"
        raise refuse(reader.file, node, f"its lower end is {low}", mend)
    _keep_view(reader, node, value, Relu())
    if high is None or high > 1e30:  # exporters write the largest float for none
        return
    channels = reader.shapes[value.tensor].channels
    mirror = Affine(np.full(channels, -1.0), np.full(channels, high))
    for op in (mirror, Relu(), mirror):
        _keep_view(reader, node, reader.values[node.output[0]], op)
    reader.notes.append(f"{node.name}: its upper end {high:g} costs two layers; ReLU costs none")


def concat(reader: Reader, node: onnx.NodeProto) -> None:
    """Concat; whoever reads it says whether the order of its values can be used."""
    values = [reader.value(node, index) for index in range(len(node.input))]
    if not all(map(reader.is_whole, values)):
        mend = "concatenate whole tensors"
        raise refuse(reader.file, node, "it joins reordered or cut tensors", mend)
    tensor = reader.add(node, Concat(), tuple(value.tensor for value in values))
    starts = np.cumsum([0, *(value.view.size for value in values)])
    views = [value.view + start for value, start in zip(values, starts, strict=False)]
    joined = np.concatenate(views, axis=reader.attributes(node)["axis"])
    reader.values[node.output[0]] = Value(tensor, joined)


def pad(reader: Reader, node: onnx.NodeProto) -> None:
    """Pad with zeros, or cut by negative ones; the layer behind it finds them in its view."""
    value, attributes = reader.value(node), reader.attributes(node)
    pads = np.asarray(reader.constant(node, 1, attributes.get("pads")))
    rank = value.view.ndim
    axes = np.asarray(reader.constant(node, 3, np.arange(rank))) % rank
    mode = attributes.get("mode", b"constant").decode()
    fill = _scalar(reader, node, 2, attributes.get("value", 0.0))
    sides = np.zeros((rank, 2), np.int64)
    sides[axes] = pads.reshape(2, -1).T
    if mode != "constant" or fill or sides[0].any():
        why = f"only zeros along time work, not mode {mode!r} with value {fill}"
        raise refuse(reader.file, node, why, "use padding=... of the layer itself")
    added = np.maximum(sides, 0)
    reader.require_room(node, math.prod(np.add(value.view.shape, added.sum(1)).tolist()))
    whole = np.pad(value.view, added, constant_values=ZERO)
    kept = zip(whole.shape, np.minimum(sides, 0).tolist(), strict=True)
    view = whole[tuple(slice(-before, size + after) for size, (before, after) in kept)]
    reader.require_room(node, view.size)
    reader.values[node.output[0]] = reader.trimmed(Value(value.tensor, view))


def reduce(reader: Reader, node: onnx.NodeProto) -> None:
    """Mean or maximum over the whole time."""
    value, attributes = reader.value(node), reader.attributes(node)
    rank = value.view.ndim
    spatial = np.arange(2, rank)
    globally = node.op_type.startswith("Global")
    axes = spatial if globally else reader.constant(node, 1, attributes.get("axes"))
    axes = sorted({int(axis) % rank for axis in (np.arange(rank) if axes is None else axes)})
    kept = [axis for axis in range(rank) if axis not in axes]
    rows = value.view.transpose(*kept, *axes).reshape(-1, _size(value.view.shape, axes))
    tensor = value.tensor
    if rows.shape[1] > 1 or globally:
        shape = reader.shapes[tensor]
        if 0 in axes or not np.array_equal(rows.ravel(), np.arange(shape.size)):
            mend = "take it over the axis of time alone, and over all of it"
            raise refuse(reader.file, node, f"it is over the axes {axes}, not over time", mend)
        mean = node.op_type in ("ReduceMean", "GlobalAveragePool")
        op = GlobalAvgPool() if mean else MaxPool(shape.length, 1)
        if rows.shape != tuple(shape):
            mend = "take it over the axis of time alone, and over all of it"
            raise refuse(reader.file, node, f"it is over the axes {axes}, not over time", mend)
        tensor = reader.add(node, op, (tensor,))
    keeps = globally or attributes.get("keepdims", 1)
    sizes = [1 if axis in axes else value.view.shape[axis] for axis in range(1, rank)]
    left = sizes if keeps else [value.view.shape[axis] for axis in kept if axis]
    reader.give(node, tensor, tuple(left))


def _size(shape: tuple[int, ...], axes: list[int]) -> int:
    return int(np.prod([shape[axis] for axis in axes]))


def _add(reader: Reader, node: onnx.NodeProto) -> None:
    """The sum or the difference of two tensors of one shape."""
    if node.op_type not in ("Add", "Sub"):
        mend = "gates and attention do not run here; a residual sum (Add) or a Concat does"
        raise refuse(reader.file, node, "it combines two computed tensors", mend)
    first, second = reader.value(node, 0), reader.value(node, 1)
    shapes = [list(value.view.shape[1:]) for value in (first, second)]
    if shapes[0] != shapes[1]:
        why = f"its inputs have the shapes {shapes[0]} and {shapes[1]}"
        mend = (
            "add tensors of one shape, without broadcasting; a window's own mean cannot be taken "
            "off here, but BatchNorm takes off what is known before"
        )
        raise refuse(reader.file, node, why, mend)
    same = reader.shapes[first.tensor] == reader.shapes[second.tensor]
    if not same or not np.array_equal(first.view, second.view):
        why = "its inputs are cut from larger tensors, or in different orders"
        raise refuse(reader.file, node, why, "add whole tensors in one order")
    if node.op_type == "Sub":
        negate(reader, node, second)
        second = reader.values[node.output[0]]
    tensor = reader.add(node, Add(), (first.tensor, second.tensor))
    reader.values[node.output[0]] = Value(tensor, first.view)


def _keep_view(
    reader: Reader, node: onnx.NodeProto, value: Value, op: Affine | Norm | Relu
) -> None:
    tensor = reader.add(node, op, (value.tensor,))
    reader.values[node.output[0]] = Value(tensor, value.view)


def _by_channel(reader: Reader, node: onnx.NodeProto, value: Value, constant: Array) -> Array:
    """``constant``, broadcast as ONNX does it, as one number for each channel of the tensor."""
    shape = reader.shapes[value.tensor]
    try:
        spread = np.broadcast_to(constant, value.view.shape).astype(np.float64)
    except ValueError:
        why = f"a constant of {list(constant.shape)} does not fit {list(value.view.shape)}"
        raise refuse(reader.file, node, why, "use one number for each channel") from None
    flat = np.full(shape.size, np.nan)
    flat[value.view.ravel()] = spread.ravel()
    rows = flat.reshape(shape)
    if np.isnan(rows).any() or (rows != rows[:, :1]).any():
        mend = "use one number for each channel"
        raise refuse(reader.file, node, "its constant changes along time", mend)
    return rows[:, 0].copy()


def _scalar(reader: Reader, node: onnx.NodeProto, index: int, default: Any) -> float | None:
    found = reader.constant(node, index, default)
    return None if found is None else float(np.asarray(found).ravel()[0])
