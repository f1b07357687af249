"""An ONNX file on the disk, read and checked: every way to be broken has its message."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnx.inliner
import onnx.shape_inference
import onnx.version_converter
from google.protobuf.message import DecodeError

from tinyml_nas.errors import ConfigError, ToolError
from tinyml_nas.importers.refusal import EXPORT, LONGEST, UnsupportedOperation, named

OLDEST_OPSET = 9
READ_OPSET = 13
"""Older models are brought up to this one, from which on axes are inputs everywhere."""
FLOATS = (
    *(onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE),
    *(onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16),
)
COPY = (
    "copy that file beside the model, or save it as one file with onnx.save(onnx.load(path), path)"
)
MAX_NODES = 5_000


def read_model(path: Path) -> onnx.ModelProto:
    """The model in ``path`` with all its weights, functions inlined.

    Raises ``ToolError`` for a file that is missing, no ONNX, truncated or without its weights.
    """
    try:
        model = onnx.load(path, load_external_data=False)
    except OSError as error:
        raise ToolError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (DecodeError, ValueError) as error:
        raise ToolError(f"{path} is no ONNX file, or only a part of one.", hint=EXPORT) from error
    if not model.graph.node or not model.graph.output:
        raise ToolError(f"{path} is no ONNX file: there is no graph in it.", hint=EXPORT)
    _check_external(model, path)
    try:
        onnx.load_external_data_for_model(model, str(path.parent))
    except (OSError, ValueError, onnx.checker.ValidationError) as error:
        reason = str(error).split("\n")[0]
        raise ToolError(f"{path}: its weights cannot be read: {reason}", hint=COPY) from error
    return checked(model, str(path))


def checked(model: onnx.ModelProto, name: str) -> onnx.ModelProto:
    """``model``, valid, not too old and with functions inlined; ``name`` is for messages.

    Raises ``ConfigError`` for weights that are NaN or infinite, ``ToolError`` for all else.
    """
    if len(model.graph.node) > MAX_NODES:
        raise ToolError(
            f"{name} has {len(model.graph.node):,} nodes; at most {MAX_NODES:,} are read.",
            hint="a network for a microcontroller has a few hundred: is it the right file?",
        )
    try:
        onnx.checker.check_model(model)
        model = onnx.inliner.inline_local_functions(model)
    except (onnx.checker.ValidationError, ValueError, RuntimeError) as error:
        reason = str(error).split("\n")[0]
        raise ToolError(f"{name} is no valid ONNX model: {reason}", hint=EXPORT) from error
    opset = opset_of(model)
    if opset < OLDEST_OPSET:
        raise ToolError(
            f"{name} is of opset {opset}; the oldest that is read here is {OLDEST_OPSET}.",
            hint=EXPORT,
        )
    if opset < READ_OPSET:
        try:
            model = onnx.version_converter.convert_version(model, READ_OPSET)
        except (RuntimeError, ValueError, onnx.shape_inference.InferenceError) as error:
            reason = str(error).split("\n")[0]
            raise ToolError(
                f"{name} is of opset {opset} and cannot be converted to {READ_OPSET}: {reason}",
                hint=f"export it with opset_version={READ_OPSET} or later",
            ) from error
    _check_finite(model, name)
    for node in model.graph.node:
        if node.op_type == "Conv":
            _write_same_as_numbers(node)
    return model


def opset_of(model: onnx.ModelProto) -> int:
    """Version of the standard operations."""
    return max((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), default=0)


def _write_same_as_numbers(node: onnx.NodeProto) -> None:
    """Give a dilated ``node`` the pads that SAME means: ONNX Runtime runs no dilation with it.

    At a stride above 1 these depend on the length; no framework writes it so.
    """
    values = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    auto, kernel, dilations = (values.get(k) for k in ("auto_pad", "kernel_shape", "dilations"))
    moves = max(values.get("strides", [1]), default=1) > 1
    if auto not in (b"SAME_UPPER", b"SAME_LOWER") or not kernel or not dilations or moves:
        return
    if not all(1 <= value <= LONGEST for value in (*kernel, *dilations)):
        return  # whoever reads the node says so
    totals = [(k - 1) * d for k, d in zip(kernel, dilations, strict=False)]
    less, more = [t // 2 for t in totals], [t - t // 2 for t in totals]
    pads = [*less, *more] if auto == b"SAME_UPPER" else [*more, *less]
    kept = [a for a in node.attribute if a.name not in ("auto_pad", "pads")]
    del node.attribute[:]
    node.attribute.extend([*kept, onnx.helper.make_attribute("pads", pads)])


def array_of(tensor: onnx.TensorProto, file: str) -> npt.NDArray[Any]:
    """The array in ``tensor``; raises ``ConfigError`` for one that is no whole array."""
    try:
        array: npt.NDArray[Any] = onnx.numpy_helper.to_array(tensor)
        return array
    except Exception as error:  # the message depends on what is wrong with it
        reason = str(error).split("\n")[0]
        raise UnsupportedOperation(
            f"{file}: the weights {named(tensor.name)!r} cannot be read: {reason}", hint=EXPORT
        ) from error


def _check_finite(model: onnx.ModelProto, name: str) -> None:
    """Raise where weights are NaN or infinite; a single number may be an infinite bound."""
    for tensor in _stored(model):
        values = array_of(tensor, name).astype(np.float64)
        wrong = np.isnan(values) | (np.isinf(values) & (values.size > 1))
        if wrong.any():
            raise ConfigError(
                f"{name}: {int(wrong.sum())} of the {values.size} weights {tensor.name!r} are NaN "
                "or infinite.",
                hint="train again with a lower learning rate, or export an earlier checkpoint",
            )


def _stored(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """The floating-point tensors in the file, a constant under the name of its value."""
    tensors = list(model.graph.initializer)
    for node in model.graph.node:
        for attribute in node.attribute if node.op_type == "Constant" else ():
            if attribute.type == onnx.AttributeProto.TENSOR:
                constant = onnx.TensorProto()
                constant.CopyFrom(attribute.t)
                constant.name = node.output[0]
                tensors.append(constant)
    yield from (tensor for tensor in tensors if tensor.data_type in FLOATS)


def _check_external(model: onnx.ModelProto, path: Path) -> None:
    """Raise where weights lie in a file of their own that is not there, or too short."""
    for tensor in model.graph.initializer:
        if tensor.data_location != onnx.TensorProto.EXTERNAL:
            continue
        entries = {entry.key: entry.value for entry in tensor.external_data}
        if what := _missing(path.parent, entries):
            file = named(Path(entries.get("location", "")).name)
            raise ToolError(
                f"{path}: the weights {named(tensor.name)!r} lie in {file!r}, which {what}.",
                hint=COPY,
            )


def _missing(folder: Path, entries: dict[str, str]) -> str | None:
    """What is wrong with the place of external weights beside the model in ``folder``."""
    file = folder / entries.get("location", "")
    try:
        if not file.resolve().is_relative_to(folder.resolve()):
            return "is outside the folder of the model"
        if not file.is_file():
            return "is not there"
        offset, length = (int(entries.get(key, 0)) for key in ("offset", "length"))
    except (OSError, ValueError):
        return "cannot be a file, or has no whole numbers for its part"
    return "is too short" if file.stat().st_size < offset + length or offset < 0 else None
