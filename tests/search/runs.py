"""Small searches for the tests; as a program: ``runs.py FOLDER STRATEGY TRIALS WORKERS``."""

from __future__ import annotations

import sys
from pathlib import Path

import samples

from tinyml_nas.config import Config
from tinyml_nas.console import Console
from tinyml_nas.devices import Device, load_device
from tinyml_nas.features import FeatureSet
from tinyml_nas.load import load_config
from tinyml_nas.search.record import SearchResult
from tinyml_nas.search.stage import Start, search, starting_point

YAML = """\
common:
  task_type: generic_timeseries_classification
dataset:
  generator: arc_fault
data_processing_feature_extraction:
  frame_size: 64
training:
  nas_enabled: true
"""
SMALL = {
    "nas_search_strategy": "random",
    "nas_trials": 8,
    "nas_workers": 1,
    "training_epochs": 2,
    "batch_size": 32,
    "nas_budget": "{flash: 4 kB, ram: 1 kB, macs: 8k}",
}


def config(folder: Path, **training: object) -> Config:
    keys = {name: value for name, value in (SMALL | training).items() if value is not None}
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "config.yaml"
    lines = "".join(f"  {name}: {value}\n" for name, value in keys.items())
    path.write_text(YAML + lines, encoding="utf-8")
    return load_config(path).config


def device(config: Config) -> Device:
    return load_device(config.common.target_device)


def start(folder: Path, features: FeatureSet | None = None, **training: object) -> Start:
    """What a search with these keys starts from."""
    chosen = config(folder, **training)
    return starting_point(
        features or samples.features(), chosen, device(chosen), Console(quiet=True)
    )


def run(
    folder: Path,
    features: FeatureSet | None = None,
    *,
    console: Console | None = None,
    **training: object,
) -> SearchResult:
    """A search in ``folder``."""
    chosen = config(folder, **training)
    return search(
        features or samples.features(),
        chosen,
        device(chosen),
        folder=folder,
        console=console or Console(quiet=True),
    )


def archive(folder: Path) -> bytes:
    return (folder / "archive.jsonl").read_bytes()


if __name__ == "__main__":
    where, strategy, trials, workers = sys.argv[1:]
    run(Path(where), nas_search_strategy=strategy, nas_trials=trials, nas_workers=workers)
