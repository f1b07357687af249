"""A run that is killed and resumed ends in the bytes of one that was not; so do two clean runs."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.export.c_builds import require_proven

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "watch_exercise" / "config.yaml"
SHORT = {
    "training.nas_search_strategy": "random",
    "training.nas_trials": 8,
    "training.nas_folds": 2,
    "training.nas_seeds": 2,
    "training.nas_workers": 2,
    "training.training_epochs": 3,
    "training.qat_epochs": 1,
    "testing.parity_vectors": 2,
    "data_processing_feature_extraction.stride_size": 1.0,
}
ARCHIVE = "search/archive.jsonl"
TIMEOUT_S = 1200
"""Longer than a run takes on a loaded machine."""


def _command(output: Path, *extra: str) -> list[str]:
    sets = [part for key, value in SHORT.items() for part in ("--set", f"{key}={value}")]
    return [sys.executable, "-m", "tinyml_nas", "run", str(EXAMPLE), *sets,
            "--output", str(output), *extra]  # fmt: skip


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def _run(output: Path, *extra: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        _command(output, *extra), env=_environment(), capture_output=True, text=True,
        timeout=TIMEOUT_S, check=False,
    )  # fmt: skip


def _stop_when(
    output: Path, pattern: str, how: signal.Signals, *extra: str, lines: int = 0
) -> tuple[int, str]:
    """Start a run and send it ``how`` when a file like ``pattern`` appears, of so many lines."""
    process = subprocess.Popen(
        _command(output, *extra), env=_environment(), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    deadline = time.monotonic() + TIMEOUT_S
    while not any(
        not lines or len(path.read_bytes().splitlines()) >= lines
        for path in output.glob(f"*/*.partial/{pattern}")
    ):
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(how)
    text, _ = process.communicate(timeout=TIMEOUT_S)
    return process.returncode, text


def _artefacts(output: Path) -> dict[str, bytes]:
    (final,) = output.glob("watch_exercise/2*")
    files = [*final.glob("export/**/*.onnx"), *final.glob("export/**/c/**/*"), final / ARCHIVE]
    files = [file for file in files if file.is_file()]
    assert len(files) > 10
    return {str(path.relative_to(final)): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("unbroken")
    done = _run(output)
    assert done.returncode == 0, done.stdout + done.stderr
    return output


def test_every_carrier_of_both_models_is_proven(unbroken: Path) -> None:
    (final,) = unbroken.glob("watch_exercise/2*")
    results = json.loads((final / "results.json").read_text())
    assert [model["role"] for model in results["models"]] == ["searched", "baseline"]
    for model in results["models"]:
        carriers = {c["name"]: c for c in model["parity"]["carriers"]}
        assert {"torch", "ONNX Runtime", "host C", "cortex-m0", "cortex-m4", "cortex-m33"} <= set(
            carriers
        )
        require_proven(carriers.values())
        for carrier in carriers.values():
            assert carrier["values"] > 1000 or carrier["status"] == "not proven"
            assert carrier["mismatches"] == 0
        assert model["instructions"]["cortex-m4"] > model["cost"]["macs"]
    assert (final / "report" / "index.html").stat().st_size > 10_000


def test_killed_in_search_and_stopped_in_training(unbroken: Path, tmp_path: Path) -> None:
    code, _ = _stop_when(tmp_path, ARCHIVE, signal.SIGKILL, lines=4)
    assert code == -signal.SIGKILL
    seed = "train/searched/seed1/checkpoint.npz"
    code, text = _stop_when(tmp_path, seed, signal.SIGTERM, "--resume")
    assert code == 130, text
    assert "Traceback" not in text
    assert "--resume" in text
    code, _ = _stop_when(tmp_path, "train/baseline/seed*/*.npz", signal.SIGKILL, "--resume")
    assert code == -signal.SIGKILL
    done = _run(tmp_path, "--resume")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "resuming" in done.stdout
    assert _artefacts(tmp_path) == _artefacts(unbroken)


def test_one_worker_gives_the_same_bytes_as_two(unbroken: Path, tmp_path: Path) -> None:
    done = _run(tmp_path, "--set", "training.nas_workers=1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert _artefacts(tmp_path) == _artefacts(unbroken)


def test_a_dead_checkpoint_is_named_and_nothing_is_lost(tmp_path: Path) -> None:
    seed = "train/searched/seed0/checkpoint.npz"
    _stop_when(tmp_path, seed, signal.SIGKILL)
    (checkpoint,) = tmp_path.glob(f"*/*.partial/{seed}")
    checkpoint.write_bytes(checkpoint.read_bytes()[:100])
    done = _run(tmp_path, "--resume")
    assert done.returncode == 6
    assert "checkpoint.npz cannot be read" in done.stderr
    assert "hint" in done.stderr
    assert "Traceback" not in done.stderr
    checkpoint.unlink()
    code, _ = _stop_when(tmp_path, "train/baseline/seed*/*.npz", signal.SIGKILL, "--resume")
    assert code == -signal.SIGKILL


@pytest.mark.skipif(sys.platform != "linux", reason="needs a small tmpfs in a namespace")
def test_a_full_disk_is_one_message(tmp_path: Path) -> None:
    if subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False).returncode:
        pytest.skip("NOT PROVEN: this system allows no user namespaces for a small disk")
    command = shlex.join(_command(tmp_path / "disk"))
    disk = tmp_path / "disk"
    script = f"mkdir '{disk}' && mount -t tmpfs -o size=60k none '{disk}' && {command}"
    full = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script], env=_environment(), capture_output=True,
        text=True, timeout=TIMEOUT_S, check=False,
    )  # fmt: skip
    assert full.returncode == 6, full.stdout + full.stderr
    assert "The disk is full" in full.stderr
    assert "Traceback" not in full.stderr
