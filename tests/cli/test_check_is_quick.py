"""``check`` answers at once: it imports no heavy module, whose loading is what takes time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.fast

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "matplotlib", "onnx", "onnxruntime", "scipy", "jinja2", "unicorn")
PROGRAM = f"""
import sys
for name in {HEAVY!r}:
    sys.modules[name] = None  # importing it now fails
from tinyml_nas.cli import main
sys.exit(main(sys.argv[1:]))
"""


def check(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, "check", str(path)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"},
    )


def test_a_right_configuration_is_checked_without_them() -> None:
    result = check(ROOT / "configs" / "nas.yaml")
    assert result.returncode == 0, result.stderr
    assert "ok  " in result.stdout


def test_five_mistakes_are_named_without_them(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(
        "common: {task_type: arc_falt}\ndataset: {splt_factor: 1}\ntrainin: {}\n"
        "data_processing_feature_extraction: {frame_size: x}\ntraining: {model_name: CLS_1kk}\n",
        encoding="utf-8",
    )
    result = check(path)
    assert result.returncode == 2, result.stderr
    assert result.stderr.count(": error: ") >= 5
