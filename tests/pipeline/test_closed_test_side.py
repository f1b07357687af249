"""Nothing that is chosen or trained depends on the test side: spoiling it changes nothing."""

from __future__ import annotations

import dataclasses
import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinyml_nas.cli import main
from tinyml_nas.features import Examples, FeatureSet, extract_features

pytestmark = pytest.mark.e2e

EXAMPLE = Path(__file__).parents[2] / "examples" / "hello_arc_fault" / "config.yaml"
SHORT = {
    "training.nas_enabled": "true",
    "training.nas_search_strategy": "random",
    "training.nas_trials": 4,
    "training.nas_folds": 2,
    "training.nas_seeds": 2,
    "training.nas_workers": 1,
    "training.nas_compare": "[random, zoo]",
    "training.nas_compare_model": "CLS_1k",
    "training.nas_ship": "searched",
    "training.training_epochs": 2,
    "training.qat_epochs": 1,
    "compilation.enable": "false",
    "data_processing_feature_extraction.feature_size_per_frame": 64,
}
CHOSEN = (
    "search/archive.jsonl",
    "search_random/archive.jsonl",
    *(f"train/{role}/weights.npz" for role in ("searched", "random", "zoo", "baseline")),
    *(f"export/{part}model_int8.onnx" for part in ("", "random/", "zoo/", "baseline/")),
)


def _run(output: Path) -> tuple[dict[str, bytes], dict[str, Any]]:
    sets = [part for key, value in SHORT.items() for part in ("--set", f"{key}={value}")]
    assert main(["run", str(EXAMPLE), *sets, "--output", str(output), "--quiet"]) == 0
    (final,) = output.glob("hello_arc_fault/2*")
    results = json.loads((final / "results.json").read_text(encoding="utf-8"))
    return {name: (final / name).read_bytes() for name in CHOSEN}, results


def _spoiled(*arguments: Any) -> FeatureSet:
    """The features with noise and wrong labels on the test side."""
    features = extract_features(*arguments)
    test = features.test
    noise = np.random.default_rng(1).normal(size=test.x.shape).astype(np.float32)
    spoiled = Examples(noise, 1 - test.y, test.group)
    return dataclasses.replace(features, test=spoiled)


def test_a_spoiled_test_side_changes_no_choice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, results = _run(tmp_path / "whole")
    module = importlib.import_module("tinyml_nas.pipeline.stages")
    monkeypatch.setattr(module, "extract_features", _spoiled)
    spoiled_files, spoiled = _run(tmp_path / "spoiled")
    assert files == spoiled_files
    for before, after in zip(results["models"], spoiled["models"], strict=True):
        assert before["name"] == after["name"]
        assert before["score"]["int8"]["validation"] == after["score"]["int8"]["validation"]
        assert before["score"]["int8"]["test"] != after["score"]["int8"]["test"]
