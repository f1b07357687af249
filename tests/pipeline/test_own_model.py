"""The user's own network through a whole run: as it is, trained on, or built from his class."""

from __future__ import annotations

import io
import json
import shutil
import warnings
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import onnxruntime
import pytest
import torch
import yaml
from torch import nn

from tests.export.c_builds import require_proven
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
    require_proven(model["parity"]["carriers"])
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
    assert "arc_net.onnx, its weights are kept" in told
    assert "arc_net, 7 layers for 1 x 256: 1,066 parameters" in told
    assert "ti-npu can take 6 of 7 layers" in told
    assert "on the core: Concat: there is no concat; add the branches instead" in told
    assert main(["info", "npu", "F28P55"]) == 0
    assert "CLS_1k" in capsys.readouterr().out
    assert main(["info", "npu", "cortex-m4"]) == 2


def test_weights_that_training_makes_worse_are_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changes = ("training.enable=true", "training.training_epochs=1", "training.learning_rate=0.5")
    more = ("training.optimizer=adam", "training.quantization=0")
    final, results = _run(EXAMPLE / "config.yaml", tmp_path, *changes, *more)
    (model,) = results["models"]
    assert (model["training"]["epochs"], model["training"]["best_epoch"]) == (1, None)
    assert model["score"]["float"]["validation"] == model["source"]["validation_score"]
    assert model["training"]["history"][0]["validation_score"] < model["source"]["validation_score"]
    assert "the weights as they came are kept" in capsys.readouterr().err
    page = (final / "report" / "index.html").read_text(encoding="utf-8")
    assert "they made it worse, so the weights as they came were kept" in page


def _foreign(folder: Path, name: str, module: nn.Module, in_c: bool) -> dict[str, Any]:
    """``module`` as ONNX through a run of the example ``name``, with the C ``in_c``."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module.eval(), (torch.zeros(SIZES[name]),), buffer, dynamo=False)
    (folder / "net.onnx").write_bytes(buffer.getvalue())
    config = yaml.safe_load((ROOT / "examples" / name / "config.yaml").read_text(encoding="utf-8"))
    config["training"] = {"model_path": "net.onnx", "enable": False}
    (folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    changes = ("testing.parity_vectors=1", f"compilation.enable={in_c}".lower())
    sets = [part for change in changes for part in ("--set", change)]
    out = ["--output", str(folder / "runs"), "--quiet"]
    assert main(["run", str(folder / "config.yaml"), *sets, *out]) == 0
    (final,) = (folder / "runs").glob(f"{name}/2*")
    results: dict[str, Any] = json.loads((final / "results.json").read_text(encoding="utf-8"))
    jsonschema.validate(results, SCHEMA)
    (model,) = results["models"]
    proven = {c["name"] for c in model["parity"]["carriers"] if c["status"] == "proven"}
    cores = {"host C", "cortex-m0", "cortex-m4", "riscv32imc"} if in_c else set()
    assert proven >= {"torch", "ONNX Runtime", *cores}
    return model


IN_C = pytest.mark.parametrize(
    "in_c", [False, pytest.param(True, marks=[pytest.mark.nightly, pytest.mark.c])]
)
SIZES = {"motor_load": (1, 1, 512), "fan_vibration": (1, 3, 64)}


@IN_C
def test_a_network_that_tells_values_in_their_units(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], in_c: bool
) -> None:
    torch.manual_seed(0)
    parts = (nn.Conv1d(1, 8, 9, 4), nn.ReLU(), nn.AvgPool1d(125), nn.Flatten(), nn.Linear(8, 2))
    module = nn.Sequential(*parts)
    with torch.no_grad():
        module[4].bias.copy_(torch.tensor([1500.0, 5.0]))  # about their means: rpm, Nm
    model = _foreign(tmp_path, "motor_load", module, in_c)
    test = model["test"]["int8"]
    assert test["targets"] == ["speed_rpm", "torque_nm"]
    speed, torque = np.transpose(test["shown"]["predicted"])  # it has learned nothing, but units
    assert np.abs(speed - 1500).max() < 30
    assert np.abs(torque - 5).max() < 1
    assert model["network"]["nodes"][-1]["name"].endswith("4")  # no layer more for the units
    assert model["score"]["float"]["validation"] == model["source"]["validation_score"]
    told = " ".join(capsys.readouterr().err.split())
    assert ("net.onnx tells the validation values worse than their mean does" in told) == (
        model["source"]["validation_score"] < 0
    )


@IN_C
def test_an_autoencoder_from_elsewhere_detects(tmp_path: Path, in_c: bool) -> None:
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.BatchNorm1d(3),
        nn.Conv1d(3, 8, 5, 4, 2),
        nn.ReLU(),
        nn.ConvTranspose1d(8, 3, 4, 4),
    )
    model = _foreign(tmp_path, "fan_vibration", module, in_c)
    assert [node["name"] for node in model["network"]["nodes"]][-1] == "residual"
    assert model["source"]["equality"]["difference"] < 1e-5
    sides = model["test"]["int8"]["confusion"]
    assert sum(map(sum, sides)) == model["test"]["int8"]["examples"]
    assert abs(model["score"]["float"]["test"] - model["score"]["int8"]["test"]) < 0.05
