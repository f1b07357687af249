"""Errors about a node of a foreign graph: which one, what it wants, and what would work instead."""

from __future__ import annotations

import onnx

from tinyml_nas.errors import ConfigError

RECURRENT = "no recurrent layer runs here; a Conv with a stride or a dilation sees as far back"
CURVED = "use ReLU instead, which costs nothing here, and train the network again"
NORMED = "use BatchNorm instead: it vanishes into the weights"
QUANTIZED = "give the float network: it is quantized here, and proven bit for bit"
GROWING = "only layers that keep or shorten the signal run here"

MENDS = {
    RECURRENT: "GRU LSTM Loop RNN Scan",
    CURVED: "Celu Elu Erf Gelu HardSigmoid HardSwish LeakyRelu Mish PRelu Selu Softplus "
    "Softsign Swish Tanh ThresholdedRelu",
    NORMED: "GroupNormalization InstanceNormalization LRN LayerNormalization LpNormalization "
    "MeanVarianceNormalization RMSNormalization",
    QUANTIZED: "ConvInteger DequantizeLinear DynamicQuantizeLinear MatMulInteger QLinearConv "
    "QLinearMatMul QuantizeLinear",
    GROWING: "ConvTranspose Resize Upsample",
    "inside, use ReLU and train again; at the end, one output for each class": "Sigmoid",
    "attention does not run here; pool over time instead": "Attention",
    "use AveragePool or MaxPool": "LpPool",
    "use a mean over time instead": "ReduceL1 ReduceL2 ReduceLogSum ReduceProd ReduceSum",
    "use a product of layers, or MatMul with weights": "Einsum",
    "use ReLU for what depends on a value": "Equal Greater GreaterOrEqual Less Max Min Where",
}
INSTEAD = {operation: mend for mend, listed in MENDS.items() for operation in listed.split()}
"""What to use in the place of an operation that is not supported."""


class UnsupportedOperation(ConfigError):
    """An operation that runs here for no window, whatever its shape."""


def refuse(file: str, node: onnx.NodeProto, why: str, mend: str) -> ConfigError:
    """An error about ``node``: its operation, name and output, and where the exporter had it."""
    scopes = [entry.value for entry in node.metadata_props if "scope" in entry.key]
    module = f", from {scopes[0]}" if scopes else ""
    name = node.name or "without a name"
    output = next(iter(node.output), "")
    return ConfigError(
        f"{file}: {node.op_type} {name} (it makes {output!r}{module}): {why}.", hint=mend
    )


def refuse_operation(
    file: str, node: onnx.NodeProto, supported: tuple[str, ...]
) -> UnsupportedOperation:
    """An error about an operation that does not run here."""
    known = f"these are: {', '.join(sorted(supported))}"
    mend = INSTEAD.get(node.op_type, known)
    domain = f" of {node.domain}" if node.domain not in ("", "ai.onnx") else ""
    error = refuse(file, node, f"the operation {node.op_type}{domain} is not supported", mend)
    return UnsupportedOperation(error.message, hint=error.hint)
