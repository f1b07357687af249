"""The user's own network through a whole run: as it is, trained on, or built from his class."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import onnxruntime
import pytest

from tinyml_nas.cli import main

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "own_model"
SHORT = ("testing.parity_vectors=1", "compilation.enable=false", "training.qat_epochs=null")
SCHEMA = json.loads((ROOT / "docs" / "results.schema.json").read_text(encoding="utf-8"))


def _run(config: Path, output: Path, *changes: str) -> tuple[Path, dict[str, Any]]:
    sets = [part for item in (*SHORT, *changes) for part in ("--set", item)]
    assert main(["run", str(config), *sets, "--output", str(output), "--quiet"]) == 0
    (final,) = output.glob("own_model/2*")
    results = json.loads((final / "results.json").read_text(encoding="utf-8"))
    jsonschema.validate(results, SCHEMA)
    assert (final / "report" / "index.html").exists()
    return final, results


def test_an_onnx_file_goes_on_as_it_is(tmp_path: Path) -> None:
    final, results = _run(EXAMPLE / "config.yaml", tmp_path)
    (model,) = results["models"]
    assert (model["name"], model["role"]) == ("arc_net", "chosen")
    assert model["training"]["epochs"] == 0
    assert model["training"]["best_epoch"] is None
    assert model["quantization"]["method"] == "PTQ"
    assert model["source"]["file"] == "arc_net.onnx"
    assert len(model["source"]["sha256"]) == 64
    assert model["source"]["equality"]["difference"] < 1e-5
    assert model["score"]["float"]["test"] > 0.95
    assert model["score"]["int8"]["test"] > 0.95
    assert {c["status"] for c in model["parity"]["carriers"]} == {"proven"}
    placed = {p["layer"]: p["on_npu"] for p in model["npu"]["placements"]}
    assert [name for name, there in placed.items() if not there] == ["Concat"]
    page = (final / "report" / "index.html").read_text(encoding="utf-8")
    assert "Read from <code>arc_net.onnx</code>" in page
    assert "<code>Concat</code>" in page
    assert "add the branches instead" in page
    float_file = final / "export" / "model_float.onnx"
    assert onnxruntime.InferenceSession(str(float_file)).get_inputs()[0].shape == ["N", 1, 256]


def test_training_goes_on_from_its_weights(tmp_path: Path) -> None:
    changes = ("training.enable=true", "training.training_epochs=1", "training.learning_rate=1e-5")
    _, results = _run(
        EXAMPLE / "config.yaml", tmp_path, *changes, "training.quantization_method=PTQ"
    )
    (model,) = results["models"]
    assert model["training"]["epochs"] == 1
    assert model["score"]["float"]["test"] > 0.95  # from scratch, one epoch is nowhere near


def test_a_class_is_built_and_trained_here(tmp_path: Path) -> None:
    changes = ("training.model_path=null", "training.model_spec=net.py:ArcNet")
    more = ("training.enable=true", "training.training_epochs=2", "training.quantization=0")
    final, results = _run(EXAMPLE / "config.yaml", tmp_path, *changes, *more)
    (model,) = results["models"]
    assert (model["name"], model["source"]["file"]) == ("net", "net.py")
    assert model["training"]["epochs"] == 2
    stem = next(node for node in model["network"]["nodes"] if node["name"] == "stem_0")
    assert stem["norm"]
    assert results["features"]["mean"] != [0.0]  # it has not learned from raw inputs
    assert final.exists()


def test_a_damaged_file_leaves_nothing_behind(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    shutil.copytree(EXAMPLE, folder)
    (folder / "arc_net.onnx").write_bytes((folder / "arc_net.onnx").read_bytes()[:-100])
    sets = ["--set", "training.quantization=0", "--output", str(tmp_path / "two"), "--quiet"]
    assert main(["run", str(folder / "config.yaml"), *sets]) == 6
    assert not (tmp_path / "two").exists()


def test_check_reads_an_own_network_and_tells_what_the_accelerator_takes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["check", str(EXAMPLE / "config.yaml")]) == 0
    told = capsys.readouterr().out
    assert "arc_net.onnx, 7 layers, its weights are kept" in told
    assert "ti-npu can take 6 of 7 layers" in told
    assert "on the core: Concat: there is no concat; add the branches instead" in told
    assert main(["info", "npu", "F28P55"]) == 0
    assert "CLS_1k" in capsys.readouterr().out
    assert main(["info", "npu", "cortex-m4"]) == 2
