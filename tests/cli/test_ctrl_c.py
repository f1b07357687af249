"""Ctrl-C, SIGTERM or SIGHUP at any moment: exit code 130, one message; ``--resume`` finishes."""

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


def start(
    output: Path, *extra: str, python: tuple[str, ...] = (), ignored: int | None = None
) -> subprocess.Popen[str]:
    def as_from_a_shell() -> None:
        """Whatever the tests themselves ignore, as under nohup."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN if number == ignored else signal.SIG_DFL)

    output.mkdir(exist_ok=True)
    sets = [part for override in SHORT for part in ("--set", override)]
    command = [sys.executable, *python, "-m", "tinyml_nas", "run", str(EXAMPLE), *sets]
    return subprocess.Popen(
        [*command, "--output", str(output / "runs"), *extra],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "TMPDIR": str(output)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1,
        preexec_fn=as_from_a_shell,
    )  # fmt: skip


def wait_for(heading: str, process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(heading):
            return
    pytest.fail(f"{heading} was never reached: {process.communicate()[1]}")


def check_stopped(process: subprocess.Popen[str], output: Path) -> None:
    _, err = process.communicate(timeout=LONGEST_S)
    assert process.returncode == 130, err
    assert err.count("error:") == 1, err
    assert "Stopped." in err
    assert "--resume continues" in err
    assert "Traceback" not in err
    assert not list(output.glob("runs/*/latest"))
    assert not list(output.glob("tinyml_*"))


@pytest.mark.parametrize(
    ("module", "how"),
    [
        ("yaml", signal.SIGINT),
        ("pydantic", signal.SIGTERM),
        ("numpy", signal.SIGINT),
        ("torch.types", signal.SIGHUP),
        ("torch.optim", signal.SIGINT),
    ],
)
def test_while_modules_load(module: str, how: signal.Signals, tmp_path: Path) -> None:
    """``-X importtime`` says on stderr which module has just been loaded."""
    process = start(tmp_path, python=("-X", "importtime"))
    assert process.stderr is not None
    for line in process.stderr:
        if line.rsplit("|", 1)[-1].strip() == module:
            break
    else:
        pytest.fail(f"{module} was never loaded")
    process.send_signal(how)
    out, err = process.communicate(timeout=LONGEST_S)
    assert process.returncode == 130, err
    assert "error: Stopped." in err
    assert "Traceback" not in err
    assert out == ""
    assert not list(tmp_path.iterdir())


def test_stopped_stage_by_stage_and_resumed(tmp_path: Path) -> None:
    process = start(tmp_path, ignored=signal.SIGINT)  # as in the background of a script
    wait_for("data", process)
    process.send_signal(signal.SIGINT)
    wait_for("search", process)
    process.send_signal(signal.SIGTERM)
    check_stopped(process, tmp_path)
    for stage, how in (("search", signal.SIGINT), ("export", signal.SIGHUP)):
        process = start(tmp_path, "--resume")  # in training: test_interrupted_run.py
        wait_for(stage, process)
        process.send_signal(how)
        check_stopped(process, tmp_path)
    assert len(list(tmp_path.glob("runs/*/*.partial"))) == 1
    process = start(tmp_path, "--resume")
    out, err = process.communicate(timeout=LONGEST_S)
    assert process.returncode == 0, err
    assert "resuming" in out
    assert not list(tmp_path.glob("runs/*/*.partial"))
    assert list(tmp_path.glob("runs/*/latest/results.json"))


def test_a_suite_in_the_background_can_stop_its_processes() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        hear_ctrl_c()
        code = "import os, signal; os.kill(os.getpid(), signal.SIGINT)"
        stopped = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    finally:
        signal.signal(signal.SIGINT, before)
    assert stopped.returncode == -signal.SIGINT
