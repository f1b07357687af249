"""Foreign graph to steps: an ONNX model, read for windows of a known shape.

Operations that only change the view of a tensor (Reshape, Transpose, Squeeze, Flatten, Slice ...)
become nothing.  A value of the graph is a tensor of ours and its *view*: an array in the shape that
ONNX gives the value, whose entries say which element of the tensor stands there.  So the reference
implementation of ONNX itself does to the view what the operation does to data, whatever opset; and
a layer asks the view in which order it reads.  A Pad puts zeros into the view, and what a view cuts
off a convolution's padding is not computed.  What hangs on no input is computed at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto
from onnx.reference import ReferenceEvaluator

from tinyml_nas.errors import ConfigError, TinymlError
from tinyml_nas.graph import INPUT, Conv, DepthwiseConv, Op, Shape
from tinyml_nas.importers.fuse import Affine, Array, Norm, Relu, Step, layer_name
from tinyml_nas.importers.model_file import array_of, opset_of
from tinyml_nas.importers.refusal import (
    check_node,
    no_size,
    refuse,
    refuse_operation,
    unreadable,
)

View = npt.NDArray[np.int64]
VIEWS = (
    *("Expand", "Flatten", "Gather", "Reshape", "Shape", "Size", "Slice", "Split", "Squeeze"),
    *("Transpose", "Unsqueeze"),
)
SAME = ("Cast", "Dropout", "Identity")
NEVER = ("Bernoulli", "Loop", "Multinomial", "RandomNormal", "RandomUniform", "Scan")
"""What is not computed, though it hangs on no input: it may never end, or gives no constant."""
ENDS = ("Softmax", "LogSoftmax", "ArgMax")
ZERO = -1
"""In a view: no element of the tensor, but a zero of a Pad."""
TAKE_ZEROS = ("AveragePool", "Conv", "Gemm", "MatMul", "Pad")
FLOATS = (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16)


@dataclass(frozen=True)
class Value:
    """A tensor of ours as the graph sees it: ``view`` has the batch of one in front.

    ``ended`` is set behind a Softmax at the end, which is left out.
    """

    tensor: str
    view: View
    ended: bool = False

    @property
    def padded(self) -> bool:
        """Whether zeros stand between its elements, or around them."""
        return bool((self.view == ZERO).any())


@dataclass
class Reader:
    """The steps so far, and what is known of each value; ``file`` is for messages."""

    file: str
    opset: int
    sizes: Mapping[str, int]
    steps: list[Step] = field(default_factory=list)
    shapes: dict[str, Shape] = field(default_factory=dict)
    values: dict[str, Value] = field(default_factory=dict)
    constants: dict[str, npt.NDArray[Any]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    names: Counter[str] = field(default_factory=Counter)
    """How often a name was asked for."""
    logits: str | None = None
    """Name of the value before the Softmax at the end, if there is one."""

    def attributes(self, node: onnx.NodeProto) -> dict[str, Any]:
        """Attributes of ``node`` by name."""
        return {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}

    def value(self, node: onnx.NodeProto, index: int = 0) -> Value:
        """The value that input ``index`` of ``node`` names; raises where it is none."""
        found = self.values.get(node.input[index])
        if found is None:
            raise refuse(
                self.file,
                node,
                f"its input {index} is a constant",
                "put the tensor first and the constant second",
            )
        if found.ended and node.op_type not in VIEWS:
            mend = "a Softmax may only stand at the end, where it is left out"
            raise refuse(self.file, node, "it comes behind a Softmax or ArgMax", mend)
        if found.padded and node.op_type not in (*TAKE_ZEROS, *VIEWS):
            mend = "use padding=... of the layer itself"
            raise refuse(self.file, node, "it comes behind a Pad", mend)
        return found

    def constant(self, node: onnx.NodeProto, index: int, default: Any = None) -> Any:
        """The array that input ``index`` names; ``default`` where there is no such input."""
        if index >= len(node.input) or not node.input[index]:
            return default
        found = self.constants.get(node.input[index])
        if found is None:
            raise refuse(
                self.file,
                node,
                f"its input {index}, {node.input[index]!r}, is computed from the signal",
                "only weights that are stored in the file work there",
            )
        return found

    def add(
        self,
        node: onnx.NodeProto,
        op: Op | Affine | Norm | Relu,
        inputs: tuple[str, ...],
        weight: Array | None = None,
        bias: Array | None = None,
    ) -> str:
        """Append a step; returns the name of its tensor."""
        name = self._unique(layer_name(node, self.constants))
        entries = tuple(self.shapes[source] for source in inputs)
        if isinstance(op, Affine | Norm | Relu):
            shape = entries[0]
        else:
            try:
                shape = op.output_shape(entries)
            except ValueError as error:
                joins = node.op_type == "Concat"
                mend = "a longer window, a shorter kernel, or a smaller stride or dilation"
                mend = "join tensors of one length" if joins else mend
                raise refuse(self.file, node, str(error), mend) from None
        self.require_room(node, shape.size)
        self.steps.append(Step(name, op, inputs, weight, bias))
        self.shapes[name] = shape
        return name

    def require_room(self, node: onnx.NodeProto, count: int) -> None:
        """Raise where ``node`` makes ``count`` values, and that is none or more than can be."""
        if why := no_size(count):
            mend = "shorten the window, or look for a wrong number in this node"
            raise refuse(self.file, node, why, mend)

    def give(self, node: onnx.NodeProto, tensor: str, shape: tuple[int, ...]) -> None:
        """Let the output of ``node`` be ``tensor``, in order, in the shape that ONNX gives it."""
        view = np.arange(self.shapes[tensor].size).reshape(1, *shape)
        self.values[node.output[0]] = Value(tensor, view)

    def channel_order(self, tensor: str, view: View) -> View | None:
        """Which channel of ``tensor`` each row of ``view`` (rows, time) is; ``None`` if it is none.

        A row must be one channel over the whole length.
        """
        length = self.shapes[tensor].length
        if view.ndim != 2 or view.shape[1] != length or (view == ZERO).any():
            return None
        rows = view[:, 0] // length
        whole = rows[:, None] * length + np.arange(length)
        return rows if np.array_equal(whole, view) else None

    def is_whole(self, value: Value) -> bool:
        """Whether ``value`` is its whole tensor in order."""
        return np.array_equal(value.view.ravel(), np.arange(self.shapes[value.tensor].size))

    def trimmed(self, value: Value) -> Value:
        """``value`` of a tensor without the steps at both ends that it does not see.

        Its own tensor where these are no padding of a convolution, which could be left out.
        """
        shape, seen = self.shapes[value.tensor], value.view[value.view != ZERO]
        steps = seen % shape.length
        if not steps.size or (steps.min() == 0 and steps.max() == shape.length - 1):
            return value
        first, last = int(steps.min()), shape.length - 1 - int(steps.max())
        tensor = self._narrowed(value.tensor, first, last)
        if tensor is None:
            return value
        channels, times = np.divmod(value.view, shape.length)
        view = channels * self.shapes[tensor].length + times - first
        return replace(value, tensor=tensor, view=np.where(value.view == ZERO, ZERO, view))

    def _narrowed(self, tensor: str, first: int, last: int) -> str | None:
        """A tensor without the ``first`` and ``last`` steps of ``tensor``, whose name it takes."""
        step = next((step for step in self.steps if step.name == tensor), None)
        if step is None:
            return None
        op, source = step.op, step.inputs[0]
        if isinstance(op, Affine | Norm | Relu):
            narrow = self._narrowed(source, first, last)
            if narrow is None:
                return None
            source = narrow
        elif isinstance(op, Conv | DepthwiseConv):
            pads = _narrower(op, self.shapes[source].length, first, last)
            if pads is None:
                return None
            op = replace(op, pad=pads)
        else:
            return None
        whole = self.shapes[tensor]
        self._rename(tensor, self._unique(f"{tensor}_whole"))
        self.steps.append(replace(step, op=op, inputs=(source,)))
        self.shapes[tensor] = Shape(whole.channels, whole.length - first - last)
        return tensor

    def _rename(self, old: str, new: str) -> None:
        for index, step in enumerate(self.steps):
            if old in (step.name, *step.inputs):
                name, *inputs = (new if n == old else n for n in (step.name, *step.inputs))
                self.steps[index] = replace(step, name=name, inputs=tuple(inputs))
        self.shapes[new] = self.shapes.pop(old)
        for name, value in self.values.items():
            if value.tensor == old:
                self.values[name] = replace(value, tensor=new)

    def _unique(self, name: str) -> str:
        """``name``, with a number where another step has it."""
        unique = name
        while unique in self.shapes:
            self.names[name] += 1
            unique = f"{name}_{self.names[name] + 1}"
        return unique


Handler = Callable[[Reader, onnx.NodeProto], None]


def read_graph(
    model: onnx.ModelProto,
    shape: Shape,
    layout: View,
    file: str,
    handlers: Mapping[str, Handler],
    sizes: Mapping[str, int],
) -> tuple[Reader, Value]:
    """The steps of ``model`` and the value that leaves it, for windows of ``shape``.

    ``layout`` is the view of the input; ``sizes`` are those of the tensors as far as they are known
    before anything is computed.  Raises ``ConfigError`` naming the first node that cannot
    run here.
    """
    reader = Reader(file, opset_of(model), sizes)
    graph = model.graph
    reader.constants = {tensor.name: array_of(tensor, file) for tensor in graph.initializer}
    entry = next(value.name for value in graph.input if value.name not in reader.constants)
    reader.shapes[INPUT] = shape
    reader.values[entry] = Value(INPUT, layout)
    for index, node in enumerate(graph.node):
        if _is_foreign(reader, node, handlers):
            rest = {n.op_type for n in graph.node[index + 1 :] if _is_foreign(reader, n, handlers)}
            known = (*handlers, *VIEWS, *SAME, *ENDS)
            raise refuse_operation(file, node, known, tuple(sorted(rest - {node.op_type})))
        _read(reader, node, handlers)
    output = graph.output[0].name
    return reader, _leaving(reader, output)


def _is_foreign(reader: Reader, node: onnx.NodeProto, handlers: Mapping[str, Handler]) -> bool:
    """Whether ``node`` runs for no window; what hangs on no input is computed, whatever it is."""
    if node.domain not in ("", "ai.onnx"):
        return True
    if all(name in reader.constants for name in node.input if name):
        return node.op_type in NEVER
    return node.op_type not in (*handlers, *VIEWS, *SAME, *ENDS) or _rounds(reader, node)


def _read(reader: Reader, node: onnx.NodeProto, handlers: Mapping[str, Handler]) -> None:
    """Read ``node``; whatever it makes a handler raise is an error about the node."""
    try:
        _take(reader, node, handlers)
    except TinymlError:
        raise
    except Exception as error:  # a file may say anything; the cause is kept
        raise unreadable(reader.file, node, error) from error


def _take(reader: Reader, node: onnx.NodeProto, handlers: Mapping[str, Handler]) -> None:
    check_node(reader.file, node, reader.constants)
    sources = [name for name in node.input if name]
    if all(name in reader.constants for name in sources):
        _evaluate(reader, node, {name: reader.constants[name] for name in sources})
    elif node.op_type in SAME:
        reader.values[node.output[0]] = reader.values[sources[0]]
    elif node.op_type in ENDS:
        value = reader.value(node)
        reader.logits = node.input[0]
        reader.notes.append(
            f"{node.op_type} at the end is left out: the order of scores is the same"
        )
        reader.values[node.output[0]] = replace(value, ended=True)
    elif node.op_type in VIEWS:
        _see(reader, node)
    else:
        handlers[node.op_type](reader, node)


def _rounds(reader: Reader, node: onnx.NodeProto) -> bool:
    """Whether a Cast leaves the floating-point numbers."""
    return node.op_type == "Cast" and reader.attributes(node)["to"] not in FLOATS


def _see(reader: Reader, node: onnx.NodeProto) -> None:
    """Do to the view what ``node`` does to data."""
    value = reader.value(node)
    arrays = {name: reader.constant(node, i) for i, name in enumerate(node.input) if i and name}
    found = _run(reader, node, {node.input[0]: value.view} | arrays)
    reader.require_room(node, max(map(np.size, found)))
    for name, view in zip(node.output, found, strict=True):
        if node.op_type in ("Shape", "Size"):
            reader.constants[name] = view
        else:
            reader.values[name] = reader.trimmed(replace(reader.value(node), view=view))


def _narrower(
    op: Conv | DepthwiseConv, length: int, first: int, last: int
) -> tuple[int, int] | None:
    """Padding with which ``op`` gives as many steps less at both ends; ``None`` if none does.

    ``length`` is that of its input.
    """
    left, right = op.pad
    unused = (length + left + right - op.span) % op.stride  # values behind the last window
    spare = last * op.stride + unused
    left, dropped = left - first * op.stride, min(right, spare)
    fits = left >= 0 and dropped > spare - op.stride
    return (left, right - dropped) if fits else None


def _evaluate(reader: Reader, node: onnx.NodeProto, arrays: dict[str, Any]) -> None:
    results = _run(reader, node, arrays)
    reader.require_room(node, max([1, *map(np.size, results)]))
    reader.constants |= dict(zip(node.output, map(np.asarray, results), strict=False))


def _run(reader: Reader, node: onnx.NodeProto, arrays: dict[str, Any]) -> list[Any]:
    """``node`` in the reference implementation of ONNX, unless it would make too much."""
    reader.require_room(node, max((reader.sizes.get(name, 1) for name in node.output), default=1))
    try:
        evaluator = ReferenceEvaluator(node, opsets={"": reader.opset})
        return list(evaluator.run(None, arrays))
    except Exception as error:
        reason = str(error).split("\n")[0]
        shapes = [list(np.shape(array)) for array in arrays.values()]
        mend = "check the shape of the model's input against that of the windows"
        why = f"it cannot be computed for inputs of shape {shapes}: {reason}"
        raise refuse(reader.file, node, why, mend) from error


def _leaving(reader: Reader, output: str) -> Value:
    """What leaves the network."""
    value = reader.values.get(output)
    if value is None or value.tensor == INPUT:
        raise ConfigError(
            f"{reader.file}: there is no layer between the input and the output {output!r}."
        )
    if value.padded:
        raise ConfigError(
            f"{reader.file}: a Pad stands before the output {output!r}.",
            hint="use padding=... of a layer before it",
        )
    return value
