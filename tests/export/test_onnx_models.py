"""The three ONNX files, run by the real ONNX Runtime."""

from __future__ import annotations

import dataclasses

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from tinyml_nas.export.onnx import float_model, integer_model, qdq_model
from tinyml_nas.export.onnx.builder import expose
from tinyml_nas.features import Normalization
from tinyml_nas.graph.integer import FLOAT32_EXACT, IntConv, IntNetwork
from tinyml_nas.quantize.qat import QuantizedModule
from tinyml_nas.quantize.reference import quantize_input, run_reference
from tinyml_nas.train.builder import NetworkModule

pytestmark = pytest.mark.fast

Level = onnxruntime.GraphOptimizationLevel
LEVELS = (Level.ORT_DISABLE_ALL, Level.ORT_ENABLE_BASIC, Level.ORT_ENABLE_ALL)


def _run(model: onnx.ModelProto, x: np.ndarray, level: Level = LEVELS[-1]) -> dict[str, np.ndarray]:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = level
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, {"samples": x}), strict=True))


def _wide(integer: IntNetwork) -> IntNetwork:
    """The same numbers, declared too large for float32 carriers."""
    layers = tuple(
        dataclasses.replace(layer, op=dataclasses.replace(layer.op, acc_bound=FLOAT32_EXACT))
        if isinstance(layer.op, IntConv)
        else layer
        for layer in integer.layers
    )
    return dataclasses.replace(integer, layers=layers)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("wide", [False, True])
def test_the_integer_file_is_exact_in_every_layer(
    integer: IntNetwork,
    windows: np.ndarray,
    level: Level,
    wide: bool,
) -> None:
    extremes = np.concatenate([windows, windows * 1e6, windows * -1e6])
    expected = run_reference(integer, quantize_input(integer, extremes))
    model = integer_model(_wide(integer) if wide else integer)
    exposed = expose(model, dict.fromkeys(expected, onnx.TensorProto.INT8))
    got = _run(exposed, extremes, level)
    for name, tensor in expected.items():
        np.testing.assert_array_equal(got[name], tensor, err_msg=name)
    plain = _run(model, extremes, level)["scores"]
    np.testing.assert_array_equal(plain, expected[integer.network.output][:, :, 0])


def test_the_wide_route_really_is_another_one(integer: IntNetwork) -> None:
    kinds = {node.op_type for node in integer_model(_wide(integer)).graph.node}
    assert "ConvInteger" in kinds
    assert "ConvInteger" not in {node.op_type for node in integer_model(integer).graph.node}


def test_the_float_file_is_the_trained_model(
    trained: NetworkModule,
    quantized_module: QuantizedModule,
    normalization: Normalization,
    windows: np.ndarray,
    normalized: torch.Tensor,
) -> None:
    folded = quantized_module.folded
    model = float_model(folded.network, quantized_module.parameters_by_node(), normalization)
    with torch.no_grad():
        expected = trained(normalized).numpy()
    np.testing.assert_allclose(_run(model, windows)["logits"], expected, rtol=1e-3, atol=1e-3)


def test_the_qdq_file_is_equal_within_float_noise(
    integer: IntNetwork,
    quantized_module: QuantizedModule,
    normalization: Normalization,
    windows: np.ndarray,
) -> None:
    model = qdq_model(integer, quantized_module.parameters_by_node(), normalization)
    logits = _run(model, windows, LEVELS[0])["logits"]
    output = integer.network.output
    q = run_reference(integer, quantize_input(integer, windows))[output][:, :, 0]
    scale = integer.output_scale
    steps = np.abs(logits / scale.scale - (q.astype(np.float32) - scale.zero_point))
    assert steps.max() <= 4
    assert np.mean(steps > 0.5) < 0.2


def test_the_same_model_gives_the_same_bytes(integer: IntNetwork) -> None:
    first, second = integer_model(integer), integer_model(integer)
    assert first.SerializeToString() == second.SerializeToString()
