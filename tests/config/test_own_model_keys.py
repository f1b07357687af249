"""Keys about a network of the user's own: files that are there, and keys that go together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tinyml_nas.config import InvalidConfig, LoadedConfig
from tinyml_nas.load import load_config

pytestmark = pytest.mark.fast

CONFIG = """
common: {{task_type: arc_fault}}
dataset: {{generator: arc_fault}}
data_processing_feature_extraction: {{frame_size: 64}}
training: {{{training}}}
testing: {{{testing}}}
compilation: {{{compilation}}}
"""


def _write_network(path: Path) -> None:
    """A convolution and a mean over time: one channel in, a score for each of two classes out."""
    weights = numpy_helper.from_array(np.ones((2, 1, 3), np.float32), "weight")
    nodes = [
        helper.make_node("Conv", ["x", "weight"], ["a"]),
        helper.make_node("GlobalAveragePool", ["a"], ["y"]),
    ]
    entry = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 1, "L"])
    leaving = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 2, 1])
    graph = helper.make_graph(nodes, "net", [entry], [leaving], [weights])
    opset = helper.make_opsetid("", 17)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=8), path)


def _load(folder: Path, training: str, testing: str = "", compilation: str = "") -> LoadedConfig:
    (folder / "n.py").write_text("")
    _write_network(folder / "m.onnx")
    path = folder / "config.yaml"
    path.write_text(CONFIG.format(training=training, testing=testing, compilation=compilation))
    return load_config(path)


@pytest.mark.parametrize(
    ("training", "own"),
    [
        ("model_path: m.onnx", "m.onnx"),
        ("model_path: m.onnx, model_name: what_i_call_it", "m.onnx"),
        ("model_spec: n.py", "n.py"),
        ("model_spec: 'n.py:Net', model_name: CNN_TS_MINE", "n.py:Net"),
    ],
)
def test_a_network_of_ones_own_needs_no_zoo(tmp_path: Path, training: str, own: str) -> None:
    loaded = _load(tmp_path, training)
    assert loaded.config.training.own_model == own
    assert loaded.warnings == []


@pytest.mark.parametrize("section", ["testing", "compilation"])
def test_the_places_where_other_tools_have_it(tmp_path: Path, section: str) -> None:
    loaded = _load(tmp_path, "enable: false", **{section: "model_path: m.onnx"})
    assert loaded.config.training.model_path == "m.onnx"
    assert f"{section}.model_path" in loaded.provenance["training.model_path"]
    line = 6 if section == "testing" else 7
    trained = _load(tmp_path, "model_name: CLS_1k", **{section: "model_path: m.onnx"})
    assert trained.config.training.model_path is None
    assert trained.warnings == [
        f"Not read: {section}.model_path (line {line}). It needs training.enable: false."
    ]


def test_without_training_the_model_is_calibrated(tmp_path: Path) -> None:
    loaded = _load(tmp_path, "model_path: m.onnx, enable: false")
    assert loaded.config.training.quantization_method == "PTQ"
    assert loaded.warnings == []
    asked = _load(tmp_path, "model_path: m.onnx, enable: false, quantization_method: QAT")
    assert "without training the model is calibrated" in asked.warnings[0]


@pytest.mark.parametrize(
    ("training", "message", "hint"),
    [
        ("model_path: n.onnx", "there is no file 'n.onnx'", "did you mean 'm.onnx'?"),
        ("model_spec: 'o.py:Net'", "there is no file 'o.py'", "did you mean"),
        ("model_path: m.onnx, model_spec: n.py", "exclude each other", "remove one"),
        ("model_path: m.onnx, nas_enabled: true", "a search does not go with", "nas_enabled"),
        ("model_spec: n.py, enable: false", "no weights are given", "pretrained_checkpoint"),
        ("model_spec: n.py, pretrained_checkpoint_path: w.pt", "no file 'w.pt'", None),
        ("model_spec: n.py, pretrained_checkpoint_path: n.py", "is none of .safet", "state_dict"),
    ],
)
def test_what_does_not_go_together(
    tmp_path: Path, training: str, message: str, hint: str | None
) -> None:
    with pytest.raises(InvalidConfig) as caught:
        _load(tmp_path, training)
    (problem,) = caught.value.problems
    assert message in problem.message
    assert problem.place.line == 5
    assert hint is None or hint in (problem.hint or "")


@pytest.mark.parametrize(
    "training",
    [
        "model_name: CLS_1k, pretrained_checkpoint_path: w.pt",
        "model_path: m.onnx, pretrained_checkpoint_path: w.pt",
        "model_name: CLS_1k, model_normalize: true",
    ],
)
def test_keys_without_effect_are_said(tmp_path: Path, training: str) -> None:
    (warning,) = _load(tmp_path, training).warnings
    assert warning.startswith("Not read: training.")
    assert "needs training.model" in warning
