"""What the run gets of the user's own network: its normalization, its digest, what it is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from foreign import CHANNELS, CLASSES, LENGTH, SHAPES, Image, Residual, exported, made, windows

from tinyml_nas.console import Console
from tinyml_nas.features import Examples, FeatureSet
from tinyml_nas.features.extract import fit_normalization
from tinyml_nas.graph import Shape
from tinyml_nas.importers.model import Imported
from tinyml_nas.importers.stage import bring_model
from tinyml_nas.importers.torch_file import build_module
from tinyml_nas.load import load_config

CONFIG = """
common: {{task_type: generic_timeseries_classification}}
dataset: {{input_data_path: data}}
data_processing_feature_extraction: {{frame_size: 40, variables: 3}}
training: {{{training}}}
"""
SPEC = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, channels, classes):
        super().__init__()
        self.entry = nn.BatchNorm1d(channels)
        self.conv = nn.Conv1d(channels, 8, 5)
        self.head = nn.Linear(8, classes)

    def forward(self, x):
        return self.head(torch.relu(self.conv(self.entry(x))).mean(2))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two ONNX files and a module, with weights beside it."""
    path = tmp_path_factory.mktemp("own models")
    for kind in (Image, Residual):
        onnx.save(exported(made(kind), SHAPES[kind]), path / f"{kind.__name__}.onnx")
    (path / "net.py").write_text(SPEC)
    net = build_module(path / "net.py", None, Shape(CHANNELS, LENGTH), CLASSES)
    torch.save(net.state_dict(), path / "net.pt")
    return path


@pytest.fixture(scope="module")
def features() -> FeatureSet:
    x = windows(12)
    side = Examples(x, np.arange(12) % 4, np.arange(12))
    names = (tuple("abcd"), tuple("xyz"), ())
    return FeatureSet(side, side, side, fit_normalization(x), *names)


def _bring(folder: Path, features: FeatureSet, training: str) -> Imported:
    path = folder / "config.yaml"
    path.write_text(CONFIG.format(training=training))
    found = bring_model(load_config(path).config, features, Console(quiet=True))
    assert found is not None
    return found


def test_a_trained_network_reads_the_features_as_they_are(
    folder: Path, features: FeatureSet
) -> None:
    found = _bring(folder, features, "model_path: Image.onnx")
    assert found.normalization.mean.tolist() == [0, 0, 0]
    assert found.normalization.std.tolist() == [1, 1, 1]
    assert (found.network.name, found.file) == ("Image", "Image.onnx")


def test_or_as_its_own_batch_norm_reads_them(folder: Path, features: FeatureSet) -> None:
    found = _bring(folder, features, "model_path: Residual.onnx, model_name: mine")
    assert found.network.name == "mine"
    assert not np.allclose(found.normalization.std, 1)
    assert not np.allclose(found.normalization.std, features.normalization.std)


def test_it_is_normalized_on_request(folder: Path, features: FeatureSet) -> None:
    found = _bring(folder, features, "model_path: Image.onnx, model_normalize: true")
    assert np.array_equal(found.normalization.mean, features.normalization.mean)
    assert np.array_equal(found.normalization.std, features.normalization.std)
    both = _bring(folder, features, "model_path: Residual.onnx, model_normalize: true")
    alone = _bring(folder, features, "model_path: Residual.onnx")
    fitted = features.normalization
    assert np.allclose(both.normalization.std, fitted.std * alone.normalization.std)
    assert np.allclose(both.normalization.mean, fitted.mean + alone.normalization.mean * fitted.std)


def test_a_class_without_weights_sees_normalized_features(
    folder: Path, features: FeatureSet
) -> None:
    new = _bring(folder, features, "model_spec: net.py")
    assert np.allclose(new.normalization.mean, features.normalization.mean)
    assert np.allclose(new.normalization.std, features.normalization.std, rtol=1e-4)
    trained = _bring(folder, features, "model_spec: net.py, pretrained_checkpoint_path: net.pt")
    assert np.allclose(trained.normalization.std, 1, rtol=1e-4)
    assert trained.digest != new.digest


def test_initial_weights_follow_the_seed(folder: Path, features: FeatureSet) -> None:
    first, second = (_bring(folder, features, "model_spec: 'net.py:Net'") for _ in range(2))
    assert all(torch.equal(first.state[name], second.state[name]) for name in first.state)


def test_a_changed_file_is_another_network(folder: Path, features: FeatureSet) -> None:
    before = _bring(folder, features, "model_path: Image.onnx").digest
    assert _bring(folder, features, "model_path: Image.onnx").digest == before
    model = onnx.load(folder / "Image.onnx")
    model.producer_name = "somebody else"
    onnx.save(model, folder / "Image.onnx")
    assert _bring(folder, features, "model_path: Image.onnx").digest != before


def test_the_order_of_the_classes_is_told(
    folder: Path, features: FeatureSet, capsys: pytest.CaptureFixture[str]
) -> None:
    config = load_config(folder / "config.yaml").config
    bring_model(config, features, Console())
    told = capsys.readouterr().out
    assert "the same scores as its source on 12 training windows" in told
    assert "its scores are taken for these classes, in order: a, b, c, d" in " ".join(told.split())
