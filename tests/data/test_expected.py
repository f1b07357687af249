"""What is told of the data before any are read is what reading them tells."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from tinyml_nas.data.check import told_channels
from tinyml_nas.data.expected import told_classes, told_outputs
from tinyml_nas.data.prepare import load_recordings
from tinyml_nas.load import load_config

CONFIG = """
common: {{task_type: generic_timeseries_{task}}}
dataset: {{{dataset}}}
data_processing_feature_extraction: {{frame_size: 64, {features}}}
training: {{enable: false}}
"""


def _write(folder: Path, classes: str, labels: str) -> None:
    for label in labels.split():
        below = folder / classes / label / "deeper"
        below.mkdir(parents=True)
        (below / "a.csv").write_text("x,y\n" + "1,2\n" * 64, encoding="utf-8")


def _zip(folder: Path, file: Path) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        for path in folder.rglob("*.csv"):
            archive.write(path, path.relative_to(folder))


@pytest.mark.parametrize(
    ("folder", "classes", "dataset"),
    [
        ("set", "classes", "input_data_path: set"),
        ("set/only", "classes", "input_data_path: set"),
        ("set", "classes", "input_data_path: set.zip"),
        ("set/only", "classes", "input_data_path: set.zip"),
        ("set", "some/where", "input_data_path: set, data_dir: some/where"),
        ("set", ".", "input_data_path: set, data_dir: ."),
    ],
)
def test_classes_are_those_of_the_folders(
    folder: str, classes: str, dataset: str, tmp_path: Path
) -> None:
    _write(tmp_path / folder, classes, "up down .hidden across")
    _zip(tmp_path / "set", tmp_path / "set.zip")
    path = tmp_path / "config.yaml"
    text = CONFIG.format(task="classification", dataset=dataset, features="variables: 2")
    path.write_text(text, encoding="utf-8")
    config = load_config(path).config
    read = load_recordings(config)
    assert told_classes(config) == read.class_names == ("across", "down", "up")
    assert told_channels(config) == len(read.channel_names)


@pytest.mark.parametrize(
    "dataset",
    [
        "input_data_path: nowhere",
        "input_data_path: set, data_dir: nowhere",
        "input_data_path: set, label_by: '(up|down)'",
        "input_data_path: set, label_column: x",
        "input_data_path: one",
    ],
)
def test_or_nobody_knows_them_yet(dataset: str, tmp_path: Path) -> None:
    _write(tmp_path / "set", "classes", "up down")
    _write(tmp_path / "one", "classes", "up")
    path = tmp_path / "config.yaml"
    text = CONFIG.format(task="classification", dataset=dataset, features="variables: 2")
    path.write_text(text, encoding="utf-8")
    assert told_classes(load_config(path).config) is None


@pytest.mark.parametrize(
    ("task", "generator", "features", "outputs"),
    [
        ("classification", "fan_vibration", "variables: 3", 5),
        ("regression", "motor_load", "variables: 1", 2),
        ("regression", "motor_load", "target_variables: [torque_nm]", 1),
        ("forecasting", "room_climate", "variables: 3, forecast_horizon: 4", 12),
        ("forecasting", "room_climate", "target_variables: [room_c], forecast_horizon: 4", 4),
    ],
)
def test_a_generator_says_what_it_makes(
    task: str, generator: str, features: str, outputs: int, tmp_path: Path
) -> None:
    path = tmp_path / "config.yaml"
    text = CONFIG.format(task=task, dataset=f"generator: {generator}", features=features)
    path.write_text(text, encoding="utf-8")
    config = load_config(path).config
    read = load_recordings(config)
    steps = config.data_processing_feature_extraction.forecast_horizon
    learned = len(read.class_names) or len(read.target_names) * steps
    assert told_outputs(config) == learned == outputs
    assert told_channels(config) == len(read.channel_names)
