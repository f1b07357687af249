"""``check`` answers at once: nothing heavy is imported."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.fast

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "matplotlib", "onnx", "onnxruntime", "scipy", "numpy", "jinja2", "unicorn")
PROGRAM = f"""
import sys
for name in {HEAVY!r}:
    sys.modules[name] = None  # importing it now fails
from tinyml_nas.cli import main
sys.exit(main(sys.argv[1:]))
"""


def check(program: list[str], path: Path) -> tuple[subprocess.CompletedProcess[str], float]:
    start = seconds()
    result = subprocess.run(
        [sys.executable, *program, "check", str(path)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"},
    )
    return result, seconds() - start


def seconds() -> float:
    """Processor time of all finished children; where the system does not tell, the clock's."""
    spent = os.times()
    return spent.children_user + spent.children_system if os.name == "posix" else time.monotonic()


def test_check_imports_nothing_heavy() -> None:
    result, _ = check(["-c", PROGRAM], ROOT / "configs" / "nas.yaml")
    assert result.returncode == 0, result.stderr
    assert "ok  " in result.stdout


def test_five_mistakes_are_answered_in_under_a_second(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(
        "common: {task_type: arc_falt}\ndataset: {splt_factor: 1}\ntrainin: {}\n"
        "data_processing_feature_extraction: {frame_size: x}\ntraining: {model_name: CLS_1kk}\n",
        encoding="utf-8",
    )
    answers = [check(["-m", "tinyml_nas"], path) for _ in range(3)]
    assert all(result.returncode == 2 for result, _ in answers)
    assert answers[0][0].stderr.count(": error: ") >= 5
    # the best of three, in processor time: other work on the machine is not what is measured
    assert min(spent for _, spent in answers) < 1.0
