"""A foreign network as it is read: its graph as one of ours, before any data proves it equal.

Free of torch, so that ``check`` reads a file as a run does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import onnx

from tinyml_nas.errors import ConfigError
from tinyml_nas.features import Normalization
from tinyml_nas.graph import INPUT, Network, Shape, residual_of
from tinyml_nas.importers import growing, layers, pointwise
from tinyml_nas.importers.ending import Ending, Wanted, finish, on_our_scale, scaled
from tinyml_nas.importers.equality import Scores, source_scores
from tinyml_nas.importers.fuse import Weights, fuse
from tinyml_nas.importers.reader import Handler, Reader, Value, View, read_graph
from tinyml_nas.importers.refusal import UnsupportedOperation, inferred_sizes

HANDLERS: dict[str, Handler] = {
    "Add": pointwise.arithmetic,
    "AveragePool": layers.pool,
    "BatchNormalization": pointwise.batch_norm,
    "Clip": pointwise.clip,
    "Concat": pointwise.concat,
    "Conv": layers.conv,
    "ConvTranspose": growing.conv_transpose,
    "Div": pointwise.arithmetic,
    "Gemm": layers.gemm,
    "GlobalAveragePool": pointwise.reduce,
    "GlobalMaxPool": pointwise.reduce,
    "MatMul": layers.matmul,
    "MaxPool": layers.pool,
    "Mul": pointwise.arithmetic,
    "Neg": pointwise.negate,
    "Pad": pointwise.pad,
    "ReduceMax": pointwise.reduce,
    "ReduceMean": pointwise.reduce,
    "Relu": pointwise.relu,
    "Resize": growing.resize,
    "Sub": pointwise.arithmetic,
    "Upsample": growing.resize,
}
"""Operations that become a layer of ours, or a part of one."""


@dataclass(frozen=True)
class Source:
    """A network with its weights by parameter name, and how to ask the file for the same scores.

    ``normalization`` is what the network's own input does to the features; ``notes`` say what was
    left out or costs more here.  ``scores`` are those of ONNX Runtime, on our scale.
    """

    network: Network
    weights: Weights
    normalization: Normalization
    notes: tuple[str, ...]
    ending: Ending
    scores: Scores


def read_source(
    model: onnx.ModelProto, shape: Shape, wanted: Wanted, name: str, file: str
) -> Source:
    """``model`` as a network called ``name`` for windows of ``shape``.

    ``wanted`` is what the task asks for; ``file`` is for messages.  Raises ``ConfigError`` for what
    cannot run here, ``ToolError`` for what ONNX Runtime cannot load.
    """
    layout, reader, output = _read(model, shape, file)
    ending, scale = _ended(reader, output, layout, wanted, name)
    network, weights, normalization = fuse(reader.steps, ending.tensor, name, shape)
    end = reader.logits or model.graph.output[0].name
    scores = source_scores(with_batch_of_one(model, layout), end, layout, file)
    return Source(
        residual_of(network) if wanted.rebuilds else network,
        weights,
        normalization,
        tuple(reader.notes),
        ending,
        on_our_scale(scores, ending, scale),
    )


def _ended(
    reader: Reader, output: Value, layout: View, wanted: Wanted, name: str
) -> tuple[Ending, Normalization]:
    """What leaves as ``wanted``, and the scale that was taken off it."""
    ending, targets = finish(reader, output, layout, wanted), wanted.targets
    scale = Normalization(np.zeros(1, np.float32), np.ones(1, np.float32))
    if wanted.rebuilds:  # the difference is taken where the input has been normalized
        scale = fuse(reader.steps, ending.tensor, name, reader.shapes[INPUT])[2]
    elif targets is not None:
        scale = Normalization(targets.mean, targets.std)
    return replace(ending, tensor=scaled(reader, ending.tensor, scale)), scale


def with_batch_of_one(model: onnx.ModelProto, layout: View) -> onnx.ModelProto:
    """``model`` for single windows of the shape of ``layout``."""
    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    entry = _entry(fixed, "the model")
    entry.type.CopyFrom(onnx.helper.make_tensor_type_proto(1, layout.shape))
    del fixed.graph.value_info[:]
    return fixed


def _read(model: onnx.ModelProto, shape: Shape, file: str) -> tuple[View, Reader, Value]:
    """The first layout of the input under which the whole graph can be read."""
    if len(model.graph.output) > 1:
        names = ", ".join(output.name for output in model.graph.output)
        raise UnsupportedOperation(
            f"{file} has {len(model.graph.output)} outputs: {names}.",
            hint="export the network with one output, the scores",
        )
    declared = _declared(_entry(model, file))
    layouts = [layout for layout in _layouts(shape) if _fits(layout, declared)]
    if not layouts:
        wanted = " x ".join("any" if size is None else str(size) for size in declared or ())
        raise ConfigError(
            f"{file} reads windows of {wanted}; those of the data set are {shape.channels} x "
            f"{shape.length} (channels x length).",
            hint="set variables, frame_size and the features to what the model was made for, or "
            "export it with dynamic axes",
        )
    failures = []
    for layout in layouts:
        found = _attempt(model, shape, layout, file)
        if not isinstance(found, ConfigError):
            return layout, *found
        failures.append(found)
    raise failures[0]


def _attempt(
    model: onnx.ModelProto, shape: Shape, layout: View, file: str
) -> tuple[Reader, Value] | ConfigError:
    sizes = inferred_sizes(with_batch_of_one(model, layout))
    try:
        return read_graph(model, shape, layout, file, HANDLERS, sizes)
    except ConfigError as error:
        return error


def _entry(model: onnx.ModelProto, file: str) -> onnx.ValueInfoProto:
    """The one input of the graph that is no weight."""
    stored = {tensor.name for tensor in model.graph.initializer}
    entries = [value for value in model.graph.input if value.name not in stored]
    if len(entries) != 1:
        names = ", ".join(entry.name for entry in entries) or "none"
        raise UnsupportedOperation(
            f"{file} has {len(entries)} inputs: {names}.",
            hint="export a network that reads one tensor",
        )
    kind = entries[0].type.tensor_type.elem_type
    if kind != onnx.TensorProto.FLOAT:
        known = onnx.TensorProto.DataType.values()
        name = onnx.TensorProto.DataType.Name(kind).lower() if kind in known else f"type {kind}"
        raise UnsupportedOperation(
            f"{file} reads {name}; what reads float32 can be used.",
            hint="export model.float(), not quantized and not in half precision",
        )
    return entries[0]


def _declared(entry: onnx.ValueInfoProto) -> tuple[int | None, ...] | None:
    """Sizes behind the batch, ``None`` for a dynamic one; ``None`` where nothing is declared."""
    if not entry.type.tensor_type.HasField("shape"):
        return None
    dims = entry.type.tensor_type.shape.dim
    return tuple(d.dim_value if d.HasField("dim_value") else None for d in dims)[1:]


def _layouts(shape: Shape) -> Iterator[View]:
    """The orders in which models read a window of C x L, the most usual first; a batch of one."""
    channels, length = shape
    whole = np.arange(shape.size).reshape(1, channels, length)
    yield whole
    yield whole.transpose(0, 2, 1)
    yield whole.reshape(1, channels, length, 1)
    yield whole.reshape(1, channels, 1, length)
    yield whole.reshape(1, 1, channels, length)
    yield whole.transpose(0, 2, 1).reshape(1, 1, length, channels)
    yield whole.reshape(1, shape.size)


def _fits(layout: View, declared: tuple[int | None, ...] | None) -> bool:
    if declared is None:
        return True
    sizes = layout.shape[1:]
    return len(sizes) == len(declared) and all(
        known in (None, size) for known, size in zip(declared, sizes, strict=True)
    )
