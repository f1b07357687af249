"""Ctrl-C at any moment: exit code 130, one message, no traceback, and ``--resume`` finishes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import hear_ctrl_c

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(os.name == "nt", reason="sends POSIX signals"),
]

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "hello_arc_fault" / "config.yaml"
SHORT = (
    "training.nas_enabled=true", "training.nas_model_size=s", "training.nas_trials=12",
    "training.nas_workers=1", "training.nas_seeds=1",
    "training.nas_compare_model=null", "training.training_epochs=1", "training.qat_epochs=1",
    "testing.parity_vectors=2", "data_processing_feature_extraction.feature_size_per_frame=64",
)  # fmt: skip
LONGEST_S = 1200
"""Longer than a run takes on a loaded machine."""


def start(output: Path, *extra: str, python: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    sets = [part for override in SHORT for part in ("--set", override)]
    command = [sys.executable, *python, "-m", "tinyml_nas", "run", str(EXAMPLE), *sets]
    return subprocess.Popen(
        [*command, "--output", str(output), *extra],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1,
    )  # fmt: skip


def interrupt_at(stage: str, output: Path) -> None:
    """Stop a run as soon as it prints the heading of ``stage``."""
    process = start(output, "--resume")
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(stage):
            break
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=LONGEST_S)
    assert process.returncode == 130, (stage, err)
    assert err.count("error:") == 1, err
    assert "Stopped." in err
    assert "--resume goes on" in err
    assert "Traceback" not in err
    assert not list(output.glob("*/latest"))


@pytest.mark.parametrize("module", ["yaml", "pydantic", "numpy", "torch.types", "torch.optim"])
def test_while_modules_load(module: str, tmp_path: Path) -> None:
    """``-X importtime`` says on stderr which module has just been loaded."""
    process = start(tmp_path, python=("-X", "importtime"))
    assert process.stderr is not None
    for line in process.stderr:
        if line.rsplit("|", 1)[-1].strip() == module:
            break
    else:
        pytest.fail(f"{module} was never loaded")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=LONGEST_S)
    assert process.returncode == 130, err
    assert "error: Stopped." in err
    assert "Traceback" not in err
    assert out == ""
    assert not list(tmp_path.iterdir())


def test_stopped_stage_by_stage_and_resumed(tmp_path: Path) -> None:
    for stage in ("data", "search", "export"):  # in training: test_interrupted_run.py
        interrupt_at(stage, tmp_path)
    assert len(list(tmp_path.glob("*/*.partial"))) == 1
    process = start(tmp_path, "--resume")
    out, err = process.communicate(timeout=LONGEST_S)
    assert process.returncode == 0, err
    assert "resuming" in out
    assert not list(tmp_path.glob("*/*.partial"))
    assert list(tmp_path.glob("*/latest/results.json"))


def test_a_suite_in_the_background_can_stop_its_processes() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        hear_ctrl_c()
        code = "import os, signal; os.kill(os.getpid(), signal.SIGINT)"
        stopped = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    finally:
        signal.signal(signal.SIGINT, before)
    assert stopped.returncode == -signal.SIGINT
