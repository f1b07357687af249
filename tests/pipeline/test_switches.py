"""Every switch of the YAML that leaves a stage out or changes its kind, in real runs."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tinyml_nas.cli import main

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "hello_arc_fault" / "config.yaml"
SHORT = (
    "training.training_epochs=2",
    "training.qat_epochs=1",
    "testing.parity_vectors=1",
    "data_processing_feature_extraction.feature_size_per_frame=64",
)
SCHEMA = json.loads((ROOT / "docs" / "results.schema.json").read_text(encoding="utf-8"))


def _run(output: Path, *changes: str) -> tuple[Path, dict[str, Any]]:
    sets = [part for item in (*SHORT, *changes) for part in ("--set", item)]
    assert main(["run", str(EXAMPLE), *sets, "--output", str(output), "--quiet"]) == 0
    (final,) = output.glob("hello_arc_fault/2*")
    results = json.loads((final / "results.json").read_text(encoding="utf-8"))
    jsonschema.validate(results, SCHEMA)
    assert (final / "report" / "index.html").exists()
    return final, results


def test_float_only(tmp_path: Path) -> None:
    final, results = _run(tmp_path, "training.quantization=0")
    (model,) = results["models"]
    assert "int8" not in model["score"]
    assert model["parity"]["carriers"] == []
    assert [path.name for path in final.glob("export/*")] == ["model_float.onnx"]
    assert main(["prove", str(final), "--quiet"]) == 0


@pytest.mark.parametrize("calibration", ["min_max", "percentile", "mse"])
def test_calibration_without_fine_tuning(tmp_path: Path, calibration: str) -> None:
    _, results = _run(
        tmp_path,
        "training.quantization_method=PTQ",
        "training.qat_epochs=null",
        f"training.calibration={calibration}",
        "compilation.enable=false",
    )
    (model,) = results["models"]
    assert model["quantization"]["method"] == "PTQ"
    assert model["quantization"]["calibration"] == calibration
    assert model["score"]["int8"]["validation"] > 0.5


def test_no_c(tmp_path: Path) -> None:
    final, results = _run(tmp_path, "compilation.enable=false")
    (model,) = results["models"]
    assert not (final / "export" / "c").exists()
    assert {c["name"] for c in model["parity"]["carriers"]} == {
        "torch",
        "ONNX Runtime",
        "ONNX Runtime, unoptimized",
    }
    assert "instructions" not in model


def test_the_test_split_stays_closed(tmp_path: Path) -> None:
    _, results = _run(tmp_path, "testing.enable=false", "compilation.enable=false")
    (model,) = results["models"]
    assert set(model["score"]["float"]) == {"validation"}
    assert model["test"] == {}


def test_data_and_features_only(tmp_path: Path) -> None:
    final, results = _run(tmp_path, "training.enable=false")
    assert results["models"] == []
    assert (final / "data" / "manifest.json").exists()
    assert not (final / "export").exists()


def test_a_search_of_cells_without_a_baseline(tmp_path: Path) -> None:
    final, results = _run(
        tmp_path,
        "training.nas_enabled=true",
        "training.nas_search_strategy=darts",
        "training.nas_model_size=s",
        "training.nas_epochs=1",
        "training.nas_folds=2",
        "training.nas_workers=1",
        "training.nas_seeds=1",
        "training.nas_compare_model=null",
        "compilation.enable=false",
    )
    (model,) = results["models"]
    assert model["role"] == "searched"
    assert len(model["seeds"]) == 1
    assert results["search"]["cells"]["epochs"] == 1
    assert json.loads((final / "search" / "network.json").read_text())["nodes"]


def test_seeds_controls_and_a_refit(tmp_path: Path) -> None:
    final, results = _run(
        tmp_path,
        "training.nas_enabled=true",
        "training.nas_search_strategy=random",
        "training.nas_trials=3",
        "training.nas_folds=2",
        "training.nas_seeds=2",
        "training.nas_workers=1",
        "training.nas_compare=[random, zoo]",
        "training.nas_refit=true",
        "compilation.enable=false",
    )
    roles = [model["role"] for model in results["models"]]
    assert roles == ["searched", "random", "zoo", "baseline"]
    for model in results["models"]:
        assert [seed["shipped"] for seed in model["seeds"]] == [True, False]
        assert {seed["int8_validation"] for seed in model["seeds"]} == {None}
        assert model["training"]["best_epoch"] == 1
        tests = [seed["int8_test"] for seed in model["seeds"]]
        assert model["score"]["int8"] == {"validation": None, "test": tests[0]}
        assert model["score_sd"]["int8"] == pytest.approx(statistics.stdev(tests))
    comparison = results["comparison"]
    assert comparison["seeds"] == 2
    assert [other["kind"] for other in comparison["others"]] == ["random", "zoo"]
    verdicts = [(verdict["other"], verdict["seeds"]) for verdict in results["verdicts"]]
    assert verdicts == [("random", 2), ("zoo", 2), ("baseline", 2)]
    exported = {model["files"]["int8 ONNX"] for model in results["models"]}
    rest = set(roles) - {results["shipped"]["role"]}
    assert exported == {"export/model_int8.onnx", *(f"export/{r}/model_int8.onnx" for r in rest)}
    assert (final / "search_random" / "archive.jsonl").is_file()


def test_a_budget_that_nothing_keeps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sets = ("training.nas_enabled=true", "training.nas_budget={ram: 20 B}")
    arguments = [part for item in (*SHORT, *sets) for part in ("--set", item)]
    code = main(["run", str(EXAMPLE), *arguments, "--output", str(tmp_path), "--quiet"])
    shown = capsys.readouterr().err
    assert (code, "RAM" in shown, "20 B" in shown) == (3, True, True), shown


def test_a_model_that_does_not_fit_is_refused_before_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sets = (
        "common.target_device=F28E12",
        "data_processing_feature_extraction.feature_extraction_name=null",
        "data_processing_feature_extraction.frame_size=4096",
    )
    arguments = [part for item in (*SHORT, *sets) for part in ("--set", item)]
    code = main(["run", str(EXAMPLE), *arguments, "--output", str(tmp_path), "--quiet"])
    shown = capsys.readouterr().err
    assert (code, "F28E12 has" in shown) == (3, True), shown
    assert not list(tmp_path.iterdir())
