"""The pipeline from Python, and the page that shows it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import tinyml_nas
from tinyml_nas.config import InvalidConfig
from tinyml_nas.errors import ToolError

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "hello_arc_fault" / "config.yaml"
CODE = re.compile(r"```python\n(.*?)```", re.DOTALL)
TINY = """\
common: {task_type: generic_timeseries_classification, run_name: tones}
dataset: {input_data_path: set}
data_processing_feature_extraction:
  {data_proc_transforms: [SimpleWindow], frame_size: 64, stride_size: 0.5, variables: 1}
training: {model_name: CLS_500, training_epochs: 1, quantization: 0, nas_trials: 2, nas_folds: 2}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where ``my.yaml`` and its recordings lie."""
    monkeypatch.chdir(tmp_path)
    for label, period in (("fast", 8), ("slow", 16)):
        for index in range(8):
            wave = torch.sin(6.2832 * torch.arange(256) / period + index)
            path = tmp_path / "set" / "classes" / label / f"{index}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("v\n" + "\n".join(f"{v:.4f}" for v in wave) + "\n", encoding="utf-8")
    (tmp_path / "my.yaml").write_text(TINY, encoding="utf-8")
    return tmp_path


def script(folder: Path, code: str) -> subprocess.CompletedProcess[str]:
    (folder / "script.py").write_text(code, encoding="utf-8")
    return subprocess.run(
        [sys.executable, "script.py"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_examples_of_the_page_run(folder: Path) -> None:
    """As a script without a ``__main__`` guard, whose search has two worker processes."""
    blocks = CODE.findall((ROOT / "docs" / "python.md").read_text(encoding="utf-8"))
    assert len(blocks) == 4
    done = script(folder, "\n".join(blocks))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("device cortex-m4"), "once, and no other line"
    assert done.stdout.count("device cortex-m4") == 1
    assert re.search(r"^accuracy: [01]\.\d+$", done.stdout, re.MULTILINE)
    assert "torch.Size([8, 2])" in done.stdout
    assert "training.trainin_epochs" in done.stdout
    assert len(list(folder.glob("runs/tones/2*/results.json"))) == 1


@pytest.mark.fast
def test_importing_and_checking_loads_no_torch(tmp_path: Path) -> None:
    code = (
        "import sys, tinyml_nas\n"
        "assert not {'pydantic', 'rich', 'torch'} & set(sys.modules)\n"
        f"checked = tinyml_nas.check({str(EXAMPLE)!r}, {{'common.target_device': 'F28P55'}})\n"
        "assert 'torch' not in sys.modules\n"
        "print(dict(checked.plan)['device'])\n"
    )
    done = script(tmp_path, code)
    assert done.stdout.startswith("F28P55: "), done.stderr


@pytest.mark.fast
def test_overrides_are_values_of_python(folder: Path) -> None:
    changes = {"dataset.split_factor": [0.5, 0.25, 0.25], "dataset.input_data_path": Path("set")}
    assert tinyml_nas.check("my.yaml", changes).plan
    with pytest.raises(InvalidConfig) as caught:
        tinyml_nas.check("my.yaml", {"training.training_epochs": "ten", "training.epoch": 3})
    assert len(caught.value.problems) == 2
    assert caught.value.exit_code == 2


@pytest.mark.fast
def test_a_folder_without_a_run(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"results\.json cannot be read"):
        tinyml_nas.load_run(tmp_path)


@pytest.mark.fast
def test_every_public_name_is_there_and_no_other() -> None:
    for name in tinyml_nas.__all__:
        assert getattr(tinyml_nas, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'serach'"):
        getattr(tinyml_nas, "serach")  # noqa: B009
    assert (ROOT / "tinyml_nas" / "py.typed").is_file()
