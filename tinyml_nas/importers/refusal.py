"""Errors about a node of a foreign graph: which one, what it wants, and what would work instead."""

from __future__ import annotations

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
