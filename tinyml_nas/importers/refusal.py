"""Errors about a node of a foreign graph: which one, what it wants, and what would work instead.

`check_node` asks what a node may not say, whatever the window, before anything is computed from it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy.typing as npt
import onnx

from tinyml_nas.errors import ConfigError
from tinyml_nas.located.problems import printable, shortened

EXPORT = "export it anew, such as with torch.onnx.export(model.eval(), example, 'model.onnx')"
RECURRENT = (
    "no recurrent layer runs here; a Conv with a stride or a dilation sees as far back: "
    "replace it by two or three nn.Conv1d, and train the network again"
)
CURVED = "use ReLU instead, which costs nothing here, and train the network again"
FEATURE = (
    "compute it before the network, where data_processing_feature_extraction has such features, or "
    "leave it to convolutions with ReLU, and train again"
)
NORMED = "use BatchNorm instead: it vanishes into the weights"
QUANTIZED = "give the float network: it is quantized here, and proven bit for bit"

LARGEST = 1 << 24
"""Values of a tensor, and of weights once they are written out; no microcontroller has more."""
LONGEST = 1 << 20
"""Steps that a kernel, a stride, a dilation or a padding may span."""
MOVING = ("AveragePool", "Conv", "ConvTranspose", "MaxPool")
"""Operations with a kernel that moves."""
LOWEST = {"kernel_shape": 1, "strides": 1, "dilations": 1, "pads": 0, "output_padding": 0}
"""Attributes with one value for each axis (pads: two), and the lowest value."""
FITS_ALL = "export the network again; no window makes these numbers right"

MENDS = {
    RECURRENT: "GRU LSTM Loop RNN Scan",
    CURVED: "Celu Elu Erf Gelu HardSigmoid HardSwish LeakyRelu Mish PRelu Selu Softplus "
    "Softsign Swish Tanh ThresholdedRelu",
    FEATURE: "Abs Cos Exp Log Pow Reciprocal Sin Sqrt STFT DFT",
    NORMED: "GroupNormalization InstanceNormalization LRN LayerNormalization LpNormalization "
    "MeanVarianceNormalization RMSNormalization",
    QUANTIZED: "ConvInteger DequantizeLinear DynamicQuantizeLinear MatMulInteger QLinearConv "
    "QLinearMatMul QuantizeLinear",
    "inside, use ReLU; at the end leave it out: classes want one score each, values and "
    "reconstructions are told as they are; then train again": "Sigmoid",
    "attention does not run here; pool over time instead": "Attention",
    "use AveragePool or MaxPool": "LpPool",
    "use a mean over time instead": "ReduceL1 ReduceL2 ReduceLogSum ReduceProd ReduceSum",
    "use a product of layers, or MatMul with weights": "Einsum",
    "use ReLU for what depends on a value": "Equal Greater GreaterOrEqual Less Max Min Where",
}
INSTEAD = {operation: mend for mend, listed in MENDS.items() for operation in listed.split()}
"""What to use in the place of an operation that is not supported."""


class UnsupportedOperation(ConfigError):
    """What runs here for no window, whatever its shape: an operation, its numbers, an input."""


def refuse(file: str, node: onnx.NodeProto, why: str, mend: str) -> ConfigError:
    """An error about ``node``: its operation, name and output, and where the exporter had it."""
    scopes = [entry.value for entry in node.metadata_props if "scope" in entry.key]
    module = f", from {named(scopes[0])}" if scopes else ""
    name = named(node.name) or "without a name"
    output = named(next(iter(node.output), ""))
    return ConfigError(
        f"{file}: {named(node.op_type)} {name} (it makes {output!r}{module}): {why}.", hint=mend
    )


def unreadable(file: str, node: onnx.NodeProto, error: Exception) -> ConfigError:
    """An error about ``node``, whose numbers made ``error``, which nobody has foreseen."""
    reason = printable(str(error).split("\n")[0]).rstrip(".")
    why = f"it cannot be read: {type(error).__name__}: {reason}"
    mend = (
        "compare its attributes with its inputs, or export the network again; if "
        "onnx.checker.check_model(model, full_check=True) is content with it, please report it"
    )
    return refuse(file, node, why, mend)


def named(name: str) -> str:
    """A name of the file as it can be shown."""
    return printable(shortened(name))


def refuse_operation(
    file: str, node: onnx.NodeProto, supported: tuple[str, ...], others: tuple[str, ...] = ()
) -> UnsupportedOperation:
    """An error about an operation that does not run here, nor do ``others`` behind it."""
    known = f"these are: {', '.join(sorted(supported))}"
    mend = INSTEAD.get(node.op_type, known)
    domain = f" of {named(node.domain)}" if node.domain not in ("", "ai.onnx") else ""
    words = f"the operation {named(node.op_type)}{domain} is not supported"
    error = refuse(
        file, node, words + (f" (nor {', '.join(others)} in it)" if others else ""), mend
    )
    return UnsupportedOperation(error.message, hint=error.hint)


def check_node(file: str, node: onnx.NodeProto, constants: Mapping[str, npt.NDArray[Any]]) -> None:
    """Raise ``UnsupportedOperation`` for numbers of ``node`` that cannot be meant."""
    why = next(_wrong(node, constants), None)
    if why is not None:
        error = refuse(file, node, why, FITS_ALL)
        raise UnsupportedOperation(error.message, hint=error.hint)


def no_size(count: int) -> str | None:
    """The words for a tensor of ``count`` values, where that is none, or more than can be."""
    if 0 < count <= LARGEST:
        return None
    return f"it makes {count:,} values, and {LARGEST:,} are the most that can be read"


def inferred_sizes(model: onnx.ModelProto) -> dict[str, int]:
    """How many values the tensors of ``model`` have by their names, where ONNX can tell."""
    try:
        inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
    except (onnx.shape_inference.InferenceError, ValueError):  # whoever reads the node says why
        return {}
    return {
        value.name: math.prod(dim.dim_value or 1 for dim in value.type.tensor_type.shape.dim)
        for value in inferred.graph.value_info
    }


def _wrong(node: onnx.NodeProto, constants: Mapping[str, npt.NDArray[Any]]) -> Iterator[str]:
    weights = [constants[name] for name in node.input[1:] if name in constants]
    for array in weights:
        if array.dtype.kind in "OSUc":
            yield f"its weights are of type {array.dtype}, not numbers"
    if node.op_type in MOVING:
        yield from _wrong_kernel(node, weights)


def _wrong_kernel(node: onnx.NodeProto, weights: list[npt.NDArray[Any]]) -> Iterator[str]:
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    kernel = list(attributes.get("kernel_shape", ()))
    if node.op_type.startswith("Conv") and weights:
        shape = weights[0].shape
        if len(shape) < 3 or not weights[0].size:
            yield f"its weights have the shape {list(shape)}"
            return
        if kernel and kernel != list(shape[2:]):
            yield f"its kernel_shape is {kernel}, its weights have the shape {list(shape)}"
        kernel = list(shape[2:])
        yield from _wrong_groups(node, attributes.get("group", 1), weights)
    for name, lowest in LOWEST.items():
        values = list(attributes.get(name, ()))
        wanted = len(kernel) * (2 if name == "pads" else 1)
        if name in attributes and len(values) != wanted:
            yield f"its {name} are {values}, and {wanted} are needed"
        elif any(not lowest <= value <= LONGEST for value in values):
            yield f"its {name} are {values}, and only {lowest} to {LONGEST:,} can be read"


def _wrong_groups(
    node: onnx.NodeProto, groups: int, weights: list[npt.NDArray[Any]]
) -> Iterator[str]:
    into, out = weights[0].shape[:2] if node.op_type == "ConvTranspose" else weights[0].shape[1::-1]
    split = into if node.op_type == "ConvTranspose" else out
    if groups < 1 or split % groups:
        yield f"its {split} channels do not divide into {groups} groups"
        return
    made = out * groups if node.op_type == "ConvTranspose" else out
    if len(weights) > 1 and weights[1].shape != (made,):
        yield f"its bias has the shape {list(weights[1].shape)}, for {made} channels"
