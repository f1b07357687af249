"""``model_int8.onnx`` in ONNX Runtime: the file as it is shipped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
from onnx import TensorProto, helper

from tinyml_nas.errors import ParityError
from tinyml_nas.export.onnx.builder import SAMPLES, expose
from tinyml_nas.export.onnx.integer_model import SCORES
from tinyml_nas.graph import INPUT
from tinyml_nas.graph.integer import Float32, Int8, IntNetwork

onnxruntime.disable_telemetry_events()  # of Windows, which reads no variable


@dataclass(frozen=True)
class OnnxRuntime:
    """The integer ONNX file at one optimization level."""

    net: IntNetwork
    file: Path
    optimized: bool

    @property
    def name(self) -> str:
        """Name in reports."""
        return "ONNX Runtime" if self.optimized else "ONNX Runtime, unoptimized"

    def run(self, inputs: Int8) -> Mapping[str, Int8]:
        """Every layer, from quantized windows."""
        with _runnable(self.file):
            return self._execute(_from_integers(self._exposed()), INPUT, inputs)

    def quantize(self, x: Float32) -> Int8:
        """The integers that the file makes of float windows.

        Raises ``ParityError`` when the file as shipped, with no tensor exposed, scores otherwise.
        """
        with _runnable(self.file):
            exposed = self._execute(self._exposed(), SAMPLES, x)
            shipped = self._execute(onnx.load(self.file), SAMPLES, x)
        if (exposed[SCORES] != shipped[SCORES]).any():
            raise ParityError(f"{self.file.name} scores differently when its layers are exposed")
        quantized: Int8 = exposed[INPUT]
        return quantized

    def _exposed(self) -> onnx.ModelProto:
        names = (INPUT, *(layer.name for layer in self.net.layers))
        return expose(onnx.load(self.file), dict.fromkeys(names, TensorProto.INT8))

    def _execute(self, model: onnx.ModelProto, feed: str, values: Any) -> dict[str, Any]:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        levels = onnxruntime.GraphOptimizationLevel
        options.graph_optimization_level = (
            levels.ORT_ENABLE_ALL if self.optimized else levels.ORT_DISABLE_ALL
        )
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        names = [output.name for output in session.get_outputs()]
        return dict(zip(names, session.run(None, {feed: values}), strict=True))


@contextmanager
def _runnable(file: Path) -> Iterator[None]:
    """Whatever stops ``file`` from being read and run, as ``ParityError``: it gives no bits."""
    try:
        yield
    except Exception as error:
        raise ParityError(f"{file} cannot be run: {error}") from error


def _from_integers(model: onnx.ModelProto) -> onnx.ModelProto:
    """``model`` without its first nodes: the quantized input becomes the graph's input."""
    graph = model.graph
    first = next(i for i, node in enumerate(graph.node) if INPUT in node.output)
    shape = [d.dim_value or d.dim_param for d in graph.input[0].type.tensor_type.shape.dim]
    del graph.node[: first + 1]
    del graph.input[:]
    graph.input.append(helper.make_tensor_value_info(INPUT, TensorProto.INT8, shape))
    kept = [output for output in graph.output if output.name not in (INPUT, SCORES)]
    del graph.output[:]
    graph.output.extend(kept)
    used = {name for node in graph.node for name in node.input}
    constants = [constant for constant in graph.initializer if constant.name in used]
    del graph.initializer[:]
    graph.initializer.extend(constants)
    return model
