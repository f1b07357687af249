"""Networks from elsewhere become ours: the same scores, and the same bits on every carrier."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from foreign import (
    CLASSES,
    DATA,
    LENGTH,
    SHAPES,
    Image,
    Residual,
    Tcn,
    TimeFirst,
    exported,
    made,
    windows,
)
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from tinyml_nas.errors import ParityError
from tinyml_nas.export.c import emit_c
from tinyml_nas.export.onnx import float_model, integer_model, qdq_model
from tinyml_nas.graph import Conv, DepthwiseConv
from tinyml_nas.graph.integer import IntNetwork
from tinyml_nas.importers import equality
from tinyml_nas.importers.ending import Wanted
from tinyml_nas.importers.fuse import TAKEN
from tinyml_nas.importers.model import Imported, import_model, our_scores
from tinyml_nas.importers.model_file import read_model
from tinyml_nas.proof.carriers import Carrier, OnnxRuntime, TorchModule
from tinyml_nas.proof.parity import c_carriers, prove
from tinyml_nas.quantize.calibrate import calibrate
from tinyml_nas.quantize.fold import fold_batch_norm
from tinyml_nas.quantize.lower import lower
from tinyml_nas.quantize.qat import QuantizedModule
from tinyml_nas.train.builder import NetworkModule

NETWORKS = (Residual, Image, TimeFirst)
CLOSE = 1e-5


def imported(model: onnx.ModelProto) -> Imported:
    return import_model(model, windows(), Wanted(CLASSES), "net", "model.onnx")


def test_no_layer_has_a_name_that_a_torch_module_uses() -> None:
    assert {name for name in dir(NetworkModule) if not name.startswith("_")} <= TAKEN


def test_layers_may_have_names_of_exported_models() -> None:
    """Whatever a name there lacks, a dot, makes it one that a layer of the file could have."""

    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.mean, self.samples = nn.Conv1d(3, 8, 3), nn.AdaptiveAvgPool1d(1)
            self.scores = nn.Linear(8, CLASSES)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.scores(self.samples(self.mean(x)).flatten(1))

    found = imported(exported(Named().eval(), SHAPES[Residual]))
    quantized, net = lowered(found)
    parameters = quantized.parameters_by_node()
    models = (
        integer_model(net),
        qdq_model(net, parameters, found.normalization),
        float_model(net.network, parameters, found.normalization),
    )
    nodes = [node for model in models for node in model.graph.node]
    used = {name for node in nodes for name in (*node.input, *node.output)}
    layers = {node.name for node in found.network.nodes}
    assert {name for name in used - layers if "." not in name} <= TAKEN


def lowered(found: Imported) -> tuple[QuantizedModule, IntNetwork]:
    """``found`` with the ranges of the windows, in integers."""
    module = NetworkModule(found.network)
    module.load_state_dict(found.state)
    mean, std = (part.reshape(1, -1, 1) for part in vars(found.normalization).values())
    folded = fold_batch_norm(module.eval())
    scales = calibrate(folded, torch.from_numpy((windows() - mean) / std), "min_max")
    quantized = QuantizedModule(folded, scales)
    parameters, outputs = quantized.parameters_by_node(), tuple("abcd")
    net = lower(folded.network, parameters, scales, found.normalization, outputs, tuple("xyz"))
    return quantized, net


def scores(found: Imported, x: np.ndarray) -> np.ndarray:
    module = NetworkModule(found.network)
    module.load_state_dict(found.state)
    return our_scores(module, found.normalization)(x)


@pytest.mark.parametrize("keep_norms", [False, True])
@pytest.mark.parametrize("opset", [9, 11, 13, 18])
@pytest.mark.parametrize("kind", NETWORKS)
def test_the_same_scores_whatever_the_opset(
    kind: type[nn.Module], opset: int, keep_norms: bool
) -> None:
    module = made(kind)
    found = imported(exported(module, SHAPES[kind], opset, keep_norms))
    x = windows()
    order = x.transpose(0, 2, 1) if kind is TimeFirst else x.reshape(-1, *SHAPES[kind][1:])
    with torch.no_grad():
        wanted = module(torch.from_numpy(np.ascontiguousarray(order))).numpy()
    got = scores(found, x)
    if kind is Residual:  # its Softmax is left out
        assert "Softmax at the end is left out" in found.notes[0]
        got = torch.softmax(torch.from_numpy(got), 1).numpy()
    assert found.equality.difference < CLOSE
    assert np.abs(got - wanted).max() < CLOSE


@pytest.mark.parametrize("file", sorted(DATA.glob("*.onnx")), ids=lambda file: file.stem)
def test_files_of_the_newer_exporter(file: Path) -> None:
    found = imported(read_model(file))
    assert found.equality.difference < CLOSE
    assert found.equality.windows == len(windows())


def test_batch_norms_stay_for_training_and_join_elsewhere() -> None:
    found = imported(exported(made(Residual), SHAPES[Residual], keep_norms=True))
    by_name = {node.name: node.op for node in found.network.nodes}
    assert by_name["stem"] == Conv(8, 5, 2, (2, 2), norm=True, relu=True)
    assert by_name["same"] == Conv(8, 3, 1, (1, 1), norm=True, relu=False)
    assert by_name["depthwise"] == DepthwiseConv(3, 1, (1, 1), norm=False, relu=False)
    assert len(by_name) == 9
    assert not np.allclose(found.normalization.mean, 0)  # that at the input is a normalization
    assert (found.normalization.std > 0).all()


def test_what_costs_more_here_is_said() -> None:
    notes = imported(exported(made(TimeFirst), SHAPES[TimeFirst])).notes
    assert [note.split(": ")[1] for note in notes] == [
        "its 2 groups are written out in zeros",
        "it reads one step of 20 alone",
    ]
    clipped = imported(exported(made(Image), SHAPES[Image]))
    assert any("upper end 6 costs two layers" in note for note in clipped.notes)


def _graph(nodes: list[onnx.NodeProto], weights: dict[str, np.ndarray]) -> onnx.ModelProto:
    """A hand-written graph from x (N, 3, 40) to y, closed by a mean and a linear layer."""
    rng = np.random.default_rng(1)
    channels = 3
    weights = {**weights, "head": rng.normal(size=(CLASSES, channels)).astype(np.float32)}
    nodes = [
        *nodes,
        helper.make_node("GlobalMaxPool", ["last"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("Gemm", ["flat", "head"], ["y"], transB=1, alpha=0.5),
    ]
    graph = helper.make_graph(
        nodes,
        "hand",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, "L"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", CLASSES])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    opsets = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def _array(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float32)


def test_arithmetic_around_layers() -> None:
    weight = np.random.default_rng(2).normal(size=(3, 3, 3)).astype(np.float32)
    per_channel = _array(1.0, 2.0, -3.0).reshape(1, 3, 1)
    nodes = [
        helper.make_node("Sub", ["x", "mean"], ["a"]),
        helper.make_node("Div", ["a", "std"], ["b"]),
        helper.make_node("Conv", ["b", "w"], ["c"], kernel_shape=[3], auto_pad="SAME_UPPER"),
        helper.make_node("Mul", ["c", "mean"], ["d"]),
        helper.make_node("Sub", ["one", "d"], ["e"]),
        helper.make_node("Relu", ["e"], ["f"]),
        helper.make_node("Add", ["f", "mean"], ["last"]),
    ]
    weights = {"mean": per_channel, "std": _array(4.0), "w": weight, "one": _array(1.0)}
    found = imported(_graph(nodes, weights))
    assert [node.op.kind for node in found.network.nodes][:2] == ["conv", "depthwise_conv"]
    assert found.normalization.mean.tolist() == [1.0, 2.0, -3.0]
    assert found.normalization.std.tolist() == [4.0, 4.0, 4.0]


def test_a_relu_moves_through_a_pool_but_not_to_a_second_reader() -> None:
    weight = np.random.default_rng(2).normal(size=(3, 3, 3)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], kernel_shape=[3], pads=[1, 1]),
        helper.make_node("MaxPool", ["c"], ["p"], kernel_shape=[2], strides=[2]),
        helper.make_node("Relu", ["p"], ["r"]),
        helper.make_node("Conv", ["r", "w"], ["d"], kernel_shape=[3], pads=[1, 1]),
        helper.make_node("Relu", ["d"], ["s"]),
        helper.make_node("Add", ["d", "s"], ["last"]),
    ]
    found = imported(_graph(nodes, {"w": weight}))
    kinds = [(node.op.kind, getattr(node.op, "relu", None)) for node in found.network.nodes]
    assert kinds[:4] == [
        ("conv", True),
        ("max_pool", None),
        ("conv", False),
        ("depthwise_conv", True),
    ]


def test_a_network_that_differs_is_refused() -> None:
    x = windows()
    given = np.random.default_rng(0).normal(size=(len(x), CLASSES)).astype(np.float32)
    other = given.copy()
    other[3, 1] += 0.01
    assert equality.require_equal(lambda _: given, lambda _: given, x, "m.onnx").difference == 0
    with pytest.raises(ParityError, match=r"the network read from m\.onnx is not the one in it"):
        equality.require_equal(lambda _: other, lambda _: given, x, "m.onnx")
    with pytest.raises(ParityError):
        equality.require_equal(lambda _: other * np.nan, lambda _: given, x, "m.onnx")


@pytest.mark.c
def test_import_quantize_and_every_carrier(tmp_path: Path) -> None:
    """One network with all of it: norms, sums, a join, depthwise, ReLU6, causal, a last step."""

    class Everything(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.residual, self.causal = made(Residual), made(Tcn)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            part = self.residual
            y = torch.relu(part.norm(part.stem(part.entry(x))))
            y = torch.relu(part.same_norm(part.same(y)) + y)
            z = nn.functional.relu6(3 * part.pointwise(part.depthwise(y)))
            last = self.causal.linear(self.causal.tcn[3](y)[:, :, -1])
            return part.head(torch.cat([y, z], 1).mean(-1)) + last

    found = imported(exported(Everything().eval(), SHAPES[Residual], keep_norms=True))
    quantized, net = lowered(found)
    x = windows()
    file = tmp_path / "model_int8.onnx"
    file.write_bytes(integer_model(net).SerializeToString())
    export = emit_c(net, "own", tmp_path / "c", x[:2], "balanced")
    carriers: list[Carrier] = [TorchModule(net, quantized), OnnxRuntime(net, file, optimized=True)]
    report = prove(net, x[:2], [*carriers, *c_carriers(net, export)])
    assert not report.failed, report
    proven = {result.name for result in report.carriers if result.status == "proven"}
    assert {"torch", "ONNX Runtime", "host C", "cortex-m0", "cortex-m4", "riscv32imc"} <= proven
    assert net.network.input_shape.length == LENGTH
