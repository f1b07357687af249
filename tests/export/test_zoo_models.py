"""Models of the zoo whose operations the search does not know: the same bits on every carrier."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from c_builds import Emit

from tinyml_nas.export.onnx import float_model, integer_model
from tinyml_nas.features import Normalization
from tinyml_nas.graph import Shape
from tinyml_nas.proof.carriers import EmulatedC, HostC, OnnxRuntime, TorchModule
from tinyml_nas.proof.parity import prove
from tinyml_nas.quantize.calibrate import calibrate
from tinyml_nas.quantize.fold import fold_batch_norm
from tinyml_nas.quantize.lower import lower
from tinyml_nas.quantize.qat import QuantizedModule
from tinyml_nas.train.builder import build_module
from tinyml_nas.train.seeding import generator
from tinyml_nas.zoo import ZOO


@pytest.mark.c
@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("AD_17k", Shape(1, 37)),  # interpolates to odd lengths
        ("AD_Linear", Shape(2, 16)),  # linear layers with batch norm, a reshape
        ("AD_500", Shape(3, 20)),
        ("CLS_ResCat_3k", Shape(2, 31)),
    ],
)
def test_every_carrier(emit: Emit, tmp_path: Path, name: str, shape: Shape) -> None:
    trained = build_module(ZOO[name].build(shape, 3), generator(1, name))
    x = torch.randn(16, *shape, generator=generator(1, "windows"))
    trained.train()(x)  # batch norm sees data once
    folded = fold_batch_norm(trained.eval())
    module = QuantizedModule(folded, calibrate(folded, x, "min_max"))
    plain = Normalization(np.zeros(shape.channels, np.float32), np.ones(shape.channels, np.float32))
    parameters = module.parameters_by_node()
    channels = tuple(f"ch{i}" for i in range(shape.channels))
    net = lower(folded.network, parameters, module.scales, plain, (), channels)
    file = tmp_path / "model_int8.onnx"
    file.write_bytes(integer_model(net).SerializeToString())
    export = emit(net)
    carriers = [
        *(OnnxRuntime(net, file, optimized=optimized) for optimized in (True, False)),
        TorchModule(net, module),
        HostC(net, export),
        EmulatedC(net, export, "cortex-m0"),
        EmulatedC(net, export, "cortex-m4"),
    ]
    report = prove(net, x[:2].numpy(), carriers)
    assert [result.status for result in report.carriers] == ["proven"] * len(carriers), report
    onnx_file = float_model(folded.network, parameters, plain).SerializeToString()
    session = onnxruntime.InferenceSession(onnx_file, providers=["CPUExecutionProvider"])
    with torch.no_grad():
        expected, quantized = folded(x).numpy(), module(x).numpy()
    (found,) = session.run(None, {"samples": x.numpy()})
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert np.corrcoef(quantized.ravel(), expected.ravel())[0, 1] > 0.95
