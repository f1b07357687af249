"""A run for a device with an Ethos-U: what is written, what is proven, and what is refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinyml_nas.cli import main
from tinyml_nas.cost.npu import ethos_u, share
from tinyml_nas.cost.npu.ethos_u import Program, vela
from tinyml_nas.devices import EthosU
from tinyml_nas.results.export import STREAM_CARRIER

EXAMPLES = Path(__file__).parents[2] / "examples"
HELLO = EXAMPLES / "hello_arc_fault" / "config.yaml"
SHORT = {
    "common.target_device": "AlifE3-HE",
    "training.training_epochs": "1",
    "training.qat_epochs": "1",
    "testing.parity_vectors": "2",
}


def called(command: str, **changes: str) -> int:
    sets = SHORT | {key.replace("__", "."): value for key, value in changes.items()}
    parts = [part for key, value in sets.items() for part in ("--set", f"{key}={value}")]
    return main([command, str(HELLO), *parts, *(["--quiet"] if command == "run" else [])])


def model_of(folder: Path) -> dict[str, Any]:
    (model,) = json.loads((folder / "results.json").read_text())["models"]
    return dict(model)


def stream_of(model: dict[str, Any]) -> dict[str, Any]:
    carriers = model["parity"]["carriers"]
    (stream,) = [c for c in carriers if c["name"].startswith(STREAM_CARRIER)]
    return dict(stream)


def forget() -> None:
    """What the compiler said, and that it was there."""
    vela.missing.cache_clear()
    ethos_u.estimate.cache_clear()
    share._share.cache_clear()


@pytest.fixture(scope="module")
def npu_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("npu"))
        assert called("run") == 0
        (final,) = Path.cwd().glob("runs/hello_arc_fault/2*")
    return final


@pytest.mark.e2e
def test_the_program_is_written_executed_and_told(npu_run: Path) -> None:
    model = model_of(npu_run)
    assert stream_of(model)["status"] == "proven"
    program = model["npu_program"]
    assert program["accelerator"] == "ethos-u55-128"
    assert program["core_layers"] == []
    assert sum(o["cycles"] for o in program["operations"]) == program["cycles"]
    assert {o["name"] for o in program["operations"]} <= {
        layer["name"] for layer in model["cost"]["layers"]
    }
    assert all(placement["on_npu"] for placement in model["npu"]["placements"])
    for name in ("export/npu/arc.tosa", "export/npu/arc_vela.npz", "export/c/src/arc_npu.c"):
        assert name in model["sha256"]
    page = (npu_run / "report" / "index.html").read_text()
    assert "Operations of the NPU" in page
    assert model["cost"]["device_flash_bytes"] >= program["command_bytes"] + program["weight_bytes"]


@pytest.mark.e2e
def test_a_flipped_weight_of_the_program_is_found_and_named(
    npu_run: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(npu_run, tmp_path / "flipped"))
    file = copy / "export" / "npu" / "arc_vela.npz"
    fields = dict(np.load(file))
    fields["weight_data"] = fields["weight_data"].copy()
    fields["weight_data"][2] ^= 16  # of the first layer's bias
    np.savez(file, **fields)
    assert main(["prove", str(copy)]) == 4
    said = " ".join(capsys.readouterr().err.split())
    assert "the program was changed after it was compiled" in said
    assert "layer linear, vector" in said


@pytest.mark.e2e
def test_a_program_that_gives_other_bits_is_not_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def wrong(model: bytes, npu: EthosU) -> Program:
        program = vela.compile_tosa(model, npu)
        weights = bytearray(program.weights)
        weights[2] ^= 16  # of the first layer's bias
        return replace(program, weights=bytes(weights))

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ethos_u, "compile_tosa", wrong)
    assert called("run") == 4
    (final,) = Path.cwd().glob("runs/hello_arc_fault/2*")
    assert stream_of(model_of(final))["status"] == "failed"
    assert not (final / "export" / "npu").exists()
    assert not list(final.glob("export/c/src/*npu*"))


@pytest.mark.e2e
def test_without_the_compiler_the_core_runs_all_and_it_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(vela, "VERSION", "5.9.9")
    forget()
    try:
        assert called("check") == 0
        said = capsys.readouterr().out
        assert "-m pip install ethos-u-vela==5.9.9" in " ".join(said.split())
        assert called("check", compilation__npu="require") == 6
        assert called("run") == 0
    finally:
        monkeypatch.undo()
        forget()
    (final,) = tmp_path.glob("runs/hello_arc_fault/2*")
    model = model_of(final)
    assert stream_of(model)["status"] == "not proven"
    assert model["npu_program"] is None
    assert (final / "export" / "npu" / "arc.tosa").is_file()
    assert not list(final.glob("export/npu/*.npz"))


def test_an_npu_that_is_not_there_cannot_be_required(capsys: pytest.CaptureFixture[str]) -> None:
    assert called("check", common__target_device="cortex-m4", compilation__npu="require") == 2
    assert "compilation.npu: cortex-m4 has no NPU" in " ".join(capsys.readouterr().err.split())


def test_a_preset_that_leaves_the_npu_out_contradicts(capsys: pytest.CaptureFixture[str]) -> None:
    preset = "forced_soft_npu_preset"
    code = called("check", compilation__npu="require", compilation__compile_preset_name=preset)
    assert code == 2
    assert "leaves the NPU out" in " ".join(capsys.readouterr().err.split())


def test_a_required_npu_refuses_what_it_does_not_take_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(
        "common: {task_type: generic_timeseries_anomalydetection, target_device: AlifE3-HE}\n"
        "dataset: {generator: fan_vibration}\n"
        "data_processing_feature_extraction: {variables: 3, frame_size: 131}\n"
        "training: {model_name: AE_TCN_1k, nas_enabled: false}\n"
        "compilation: {npu: require}\n"
    )
    assert main(["check", str(config)]) == 3
    said = " ".join(capsys.readouterr().err.split())
    assert "interpolate" in said
    assert "common divisor" in said
    config.write_text(config.read_text().replace("require", "auto"))
    assert main(["check", str(config)]) == 0
    assert "on the core: interpolate" in " ".join(capsys.readouterr().out.split())
