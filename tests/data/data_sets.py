"""Small data sets on disk and the configurations that read them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import yaml

from tinyml_nas.config import Config
from tinyml_nas.load import load_config

CHANNELS = ("a", "b")


def write_config(folder: Path, **keys: dict[str, Any]) -> Config:
    """The configuration of ``folder`` with further keys per section: dataset=, processing=."""
    content = {
        "common": {"task_type": "generic_timeseries_classification", "seed": 7},
        "dataset": {"input_data_path": "set", **keys.get("dataset", {})},
        "data_processing_feature_extraction": {
            "data_proc_transforms": ["SimpleWindow"],
            "variables": 2,
            "frame_size": 16,
            "stride_size": 0.5,
            **keys.get("processing", {}),
        },
        "training": {"model_name": "CLS_1k", "training_epochs": 1},
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return load_config(path).config


def signal(seed: int, samples: int = 100, channels: int = 2) -> np.ndarray:
    """A random recording [T, C]."""
    return np.random.default_rng(seed).normal(size=(samples, channels)).astype(np.float32)


def write_csv(path: Path, values: np.ndarray, header: str = "time,a,b") -> None:
    """A table with a header; a time column goes first if the header has one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [",".join(f"{value!r}" for value in row.tolist()) for row in values]
    if header.startswith("time"):
        rows = [f"{index / 100},{row}" for index, row in enumerate(rows)]
    path.write_text("\n".join([header, *rows] if header else rows) + "\n", encoding="utf-8")


def write_folder(root: Path, files: int = 5, labels: tuple[str, ...] = ("up", "down")) -> Path:
    """``set/classes/<label>/s<k>_r<n>.csv``: five files per label, each of another subject."""
    for number, label in enumerate(labels):
        for index in range(files):
            path = root / "set" / "classes" / label / f"s{index}_r{number}.csv"
            write_csv(path, signal(100 * number + index))
    return root / "set"
