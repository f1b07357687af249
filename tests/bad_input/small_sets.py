"""Small data sets and their configurations, to be spoiled by the kinds."""

from __future__ import annotations

import os
import random
from collections.abc import Mapping
from pathlib import Path

ROWS = 24
YAML = """\
common: {{task_type: generic_timeseries_classification, target_device: F28P55}}
dataset: {{{dataset}}}
data_processing_feature_extraction:
  {{data_proc_transforms: [SimpleWindow], variables: {variables}, frame_size: 8, stride_size: 1}}
training: {{{training}}}
"""
NO_TRAINING = "model_name: CLS_500, enable: false"


def written(
    folder: Path, dataset: str = "input_data_path: set", *, training: str = NO_TRAINING,
    variables: str = "2",
) -> str:  # fmt: skip
    """Path of a configuration in ``folder``."""
    path = folder / "config.yaml"
    text = YAML.format(dataset=dataset, training=training, variables=variables)
    path.write_text(text, encoding="utf-8")
    return str(path)


def table(rng: random.Random, rows: int = ROWS) -> str:
    """Numbers of two columns below their names."""
    return "a,b\n" + "".join(f"{rng.gauss(0, 1):.3f},{rng.gauss(0, 1):.3f}\n" for _ in range(rows))


def tables(rng: random.Random) -> dict[str, bytes]:
    """Three recordings for each of two classes, by their names in a data set."""
    return {
        f"classes/{label}/{index}.csv": table(rng).encode()
        for label in ("up", "down")
        for index in range(3)
    }


def write_files(root: Path, files: Mapping[str, bytes]) -> None:
    """``files`` below ``root``."""
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def word(rng: random.Random, shortest: int = 1, longest: int = 8) -> str:
    """A few letters."""
    return "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(shortest, longest)))


POSIX = os.name == "posix"
