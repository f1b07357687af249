"""A foreign network as one of ours: read, joined, proven equal on real windows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import onnx
from torch import Tensor

from tinyml_nas.errors import ConfigError
from tinyml_nas.features import Normalization
from tinyml_nas.graph import INPUT, Network, Shape, residual_of
from tinyml_nas.importers import growing, layers, pointwise
from tinyml_nas.importers.ending import Ending, Wanted, finish, on_our_scale, scaled, told
from tinyml_nas.importers.equality import (
    Values,
    our_scores,
    require_equal,
    source_scores,
)
from tinyml_nas.importers.fuse import fuse
from tinyml_nas.importers.limits import inferred_sizes
from tinyml_nas.importers.reader import Handler, Reader, Value, View, read_graph
from tinyml_nas.importers.refusal import UnsupportedOperation
from tinyml_nas.results.run import Equality, Source
from tinyml_nas.train.builder import NetworkModule

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
class Imported:
    """A network with weights; ``normalization`` is what its own input does to the features.

    ``notes`` say what was left out or costs more here than where it comes from; ``digest`` is the
    SHA-256 of the files.  ``validation_score`` is that of weights which came along, where anything
    validates.
    """

    network: Network
    state: dict[str, Tensor]
    normalization: Normalization
    notes: tuple[str, ...]
    equality: Equality
    file: str = ""
    digest: str = ""
    validation_score: float | None = None

    @property
    def source(self) -> Source:
        """What results.json says of where it comes from."""
        return Source(
            file=self.file,
            sha256=self.digest,
            notes=list(self.notes),
            equality=self.equality,
            validation_score=self.validation_score,
        )


def import_model(
    model: onnx.ModelProto, windows: Values, wanted: Wanted, name: str, file: str
) -> Imported:
    """``model`` as a network called ``name``, equal to it on ``windows`` (N, C, L).

    ``wanted`` is what the task asks for; ``file`` is for messages.  Raises ``ConfigError`` for what
    cannot run here, ``ParityError`` where the networks differ.
    """
    shape = Shape(*windows.shape[1:])
    layout, reader, output = _read(model, shape, file)
    ending, scale = _ended(reader, output, layout, wanted, name)
    network, state, normalization = _fused(reader, ending, wanted, name)
    module = NetworkModule(network)
    module.load_state_dict(state)
    end = reader.logits or model.graph.output[0].name
    source = source_scores(with_batch_of_one(model, layout), end, layout, file)
    entry = partial(_normalized, normalization) if wanted.rebuilds else None
    ours = told(our_scores(module, normalization), ending, entry)
    equality = require_equal(ours, on_our_scale(source, ending, scale), windows, file)
    return Imported(network, state, normalization, tuple(reader.notes), equality)


def preview(
    model: onnx.ModelProto, shape: Shape, name: str, file: str, *, rebuilds: bool = False
) -> Network:
    """``model`` as a network for windows of ``shape``, before any data proves it equal.

    An autoencoder that ``rebuilds`` its input ends in the difference to it.  Raises ``ConfigError``
    for what cannot run here.
    """
    layout, reader, output = _read(model, shape, file)
    wanted = Wanted(reader.shapes[output.tensor].size, rebuilds=rebuilds)
    ending = finish(reader, output, layout, wanted) if rebuilds else Ending(output.tensor, layout)
    return _fused(reader, ending, wanted, name)[0]


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


def _fused(
    reader: Reader, ending: Ending, wanted: Wanted, name: str
) -> tuple[Network, dict[str, Tensor], Normalization]:
    shape = reader.shapes[INPUT]
    network, state, normalization = fuse(reader.steps, ending.tensor, name, shape)
    return (residual_of(network) if wanted.rebuilds else network), state, normalization


def _normalized(normalization: Normalization, x: Values) -> Values:
    """Windows (N, C, L) as the network reads them."""
    mean, std = normalization.mean.reshape(1, -1, 1), normalization.std.reshape(1, -1, 1)
    return np.asarray((x - mean) / std, np.float32)


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
