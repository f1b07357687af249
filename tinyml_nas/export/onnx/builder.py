"""A small writer of ONNX graphs: the same calls give the same bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
IR_VERSION = 8
SAMPLES = "samples"
"""Name of the float input (windows, channels, length) of every exported model."""


class GraphBuilder:
    """Collects nodes and constants; every method returns the name of its result."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}

    def constant(self, name: str, value: Any) -> str:
        """An initializer from an array or a NumPy scalar, whose dtype counts."""
        self._constants[name] = numpy_helper.from_array(np.asarray(value), name)
        return name

    def op(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """A node of type ``kind`` with one output."""
        self._nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def model(
        self,
        name: str,
        input_shape: tuple[int, int],
        output: tuple[str, int, int],
        metadata: dict[str, str],
    ) -> onnx.ModelProto:
        """The checked model; ``output`` is its name, element type and number of values."""
        output_name, element_type, values = output
        graph = helper.make_graph(
            self._nodes,
            name,
            [helper.make_tensor_value_info(SAMPLES, TensorProto.FLOAT, ["N", *input_shape])],
            [helper.make_tensor_value_info(output_name, element_type, ["N", values])],
            list(self._constants.values()),
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="tinyml_nas",
        )
        helper.set_model_props(model, metadata)
        onnx.checker.check_model(model, full_check=True)
        return model


def expose(model: onnx.ModelProto, tensors: dict[str, int]) -> onnx.ModelProto:
    """``model`` with extra outputs: the named tensors and their element types."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    known = {value.name for value in copy.graph.output}
    for name, element_type in tensors.items():
        if name not in known:
            copy.graph.output.append(helper.make_tensor_value_info(name, element_type, None))
    return copy
