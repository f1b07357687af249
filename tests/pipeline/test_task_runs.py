"""Values, forecasts and anomalies through the whole pipeline, search included."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.export.c_builds import require_proven
from tinyml_nas.cli import main

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "docs" / "results.schema.json").read_text(encoding="utf-8"))
SHORT = (
    "training.training_epochs=2",
    "training.qat_epochs=1",
    "training.nas_trials=2",
    "training.nas_workers=1",
    "training.nas_folds=2",
    "training.nas_compare_model=null",
    "testing.parity_vectors=1",
    "compilation.enable=false",
)
MORE = {
    "room_climate": ("data_processing_feature_extraction.stride_size=0.5",),
    "motor_load": ("training.training_epochs=8",),
    "fan_vibration": (),
}
SHOWN = {
    "room_climate": ("errors by step", "forecast 12 steps ahead", "times that of the naive"),
    "motor_load": ("speed_rpm: predicted against actual", "torque_nm: residuals"),
    "fan_vibration": ("Reconstruction error", "False alarms", "standard deviations above"),
}


@pytest.mark.parametrize("name", MORE)
def test_a_task_runs_from_its_data_to_its_report(name: str, tmp_path: Path) -> None:
    config = ROOT / "examples" / name / "config.yaml"
    sets = [part for item in (*SHORT, *MORE[name]) for part in ("--set", item)]
    assert main(["run", str(config), *sets, "--output", str(tmp_path), "--quiet"]) == 0
    (final,) = tmp_path.glob(f"{name}/2*")
    results = json.loads((final / "results.json").read_text(encoding="utf-8"))
    jsonschema.validate(results, SCHEMA)
    (model,) = results["models"]
    assert model["role"] == "searched"
    require_proven(model["parity"]["carriers"])
    _check(results, model)
    page = (final / "report" / "index.html").read_text(encoding="utf-8")
    assert [text for text in SHOWN[name] if text not in page] == []
    assert main(["prove", str(final), "--quiet"]) == 0


def _check(results: dict[str, Any], model: dict[str, Any]) -> None:
    """What must be true of each task, however little was trained."""
    test = model["test"]["int8"]
    if results["task"] == "anomaly":
        assert results["data"]["class_counts"]["train"][1:] == [0, 0, 0, 0]
        normal, odd = test["confusion"]
        assert sum(normal) + sum(odd) == test["examples"]
        assert model["network"]["nodes"][-1]["name"] == "residual"
        assert test["auc"] == pytest.approx(model["score"]["int8"]["test"])
        return
    outputs = len(test["targets"]) * test["horizon"]
    assert len(test["r2"]) == len(test["mae"]) == outputs
    mean = sum(test["r2"]) / outputs
    assert model["score"]["int8"]["test"] == pytest.approx(mean)
    assert (test.get("mase") is None) == (results["task"] == "regression")
