"""Recordings with values to learn, and recordings of which only the normal ones are learned."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from data_sets import signal, write_csv

from tinyml_nas.config import Config
from tinyml_nas.console import Console
from tinyml_nas.data import DataSplits, prepare_data
from tinyml_nas.errors import DataError, TinymlError
from tinyml_nas.load import load_config

pytestmark = pytest.mark.fast
QUIET = Console(quiet=True)


def config_of(folder: Path, task: str, model: str = "NAS", **keys: dict[str, Any]) -> Config:
    content = {
        "common": {"task_type": f"generic_timeseries_{task}", "seed": 7},
        "dataset": {"input_data_path": "set", **keys.get("dataset", {})},
        "data_processing_feature_extraction": {
            "data_proc_transforms": ["SimpleWindow"],
            "frame_size": 16,
            "stride_size": 0.5,
            **keys.get("processing", {}),
        },
        "training": {"model_name": model, "nas_enabled": True, "nas_compare_model": None},
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return load_config(path).config


def write_files(root: Path, count: int = 6) -> None:
    for number in range(count):
        write_csv(root / "set" / "files" / f"run{number}.csv", signal(number))


def regression(folder: Path, **processing: Any) -> DataSplits:
    return prepare_data(config_of(folder, "regression", processing=processing), QUIET)


def test_the_last_column_is_the_target_and_a_window_has_its_mean(tmp_path: Path) -> None:
    write_files(tmp_path)
    data = regression(tmp_path, variables=1)
    assert (data.channel_names, data.target_names) == (("a",), ("b",))
    assert data.class_names == ()
    source, start = int(data.train.recording[0]), int(data.train.start[0])
    expected = signal(source)[start : start + 16, 1].mean()
    assert data.train.y[0, 0] == pytest.approx(expected, abs=1e-6)


def test_a_window_may_tell_the_last_value_of_its_targets(tmp_path: Path) -> None:
    write_files(tmp_path)
    data = regression(tmp_path, variables=1, target_as="last")
    for side in (data.train, data.validation, data.test):
        last = [
            signal(number)[start + 15, 1]
            for number, start in zip(side.recording, side.start, strict=True)
        ]
        np.testing.assert_allclose(side.y[:, 0], last, rtol=1e-5)
    mean = regression(tmp_path, variables=1)
    assert np.array_equal(mean.train.x, data.train.x)
    assert not np.allclose(mean.train.y, data.train.y)


def test_recordings_with_values_lie_in_a_tar_as_well(tmp_path: Path) -> None:
    write_files(tmp_path)
    plain = regression(tmp_path, variables=1)
    with tarfile.open(tmp_path / "set.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "set", "set")
    config = config_of(
        tmp_path,
        "regression",
        dataset={"input_data_path": "set.tar.gz"},
        processing={"variables": 1},
    )
    packed = prepare_data(config, QUIET)
    assert np.array_equal(packed.train.x, plain.train.x)
    assert np.array_equal(packed.train.y, plain.train.y)


def test_targets_are_chosen_by_name_and_leave_the_variables(tmp_path: Path) -> None:
    write_files(tmp_path)
    data = regression(tmp_path, variables=1, target_variables=["a"])
    assert (data.channel_names, data.target_names) == (("b",), ("a",))


@pytest.mark.parametrize("target", [1, "b"])
def test_a_target_among_the_inputs_is_refused(tmp_path: Path, target: int | str) -> None:
    """By name or number in the YAML, or by both in the data: the answer is no input."""
    write_files(tmp_path)
    with pytest.raises(TinymlError, match="would read the answer") as caught:
        regression(tmp_path, variables=["a", "b"], target_variables=[target])
    assert caught.value.message.count("would read the answer") == 1


def test_the_target_by_default_is_no_input(tmp_path: Path) -> None:
    write_files(tmp_path)
    data = regression(tmp_path, variables=["a", "b"])
    assert (data.channel_names, data.target_names) == (("a",), ("b",))
    with pytest.raises(TinymlError, match="would read the answer"):
        regression(tmp_path, variables=["b"])


def test_tables_at_the_top_may_be_named_by_a_dot(tmp_path: Path) -> None:
    for number in range(6):
        write_csv(tmp_path / "set" / ("ab"[number % 2]) / f"run{number}.csv", signal(number))
    config = config_of(
        tmp_path, "regression", dataset={"data_dir": "."}, processing={"variables": 1}
    )
    assert len(prepare_data(config, QUIET).manifest["sources"]) == 6


def test_the_data_line_names_channels_and_targets(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_files(tmp_path)
    prepare_data(config_of(tmp_path, "regression"), Console())
    assert "6 recordings: a -> b (last column, by default)" in capsys.readouterr().out


def test_a_forecast_knows_the_last_sample_and_wants_the_next_ones(tmp_path: Path) -> None:
    write_csv(tmp_path / "set.csv", signal(1, 400))
    config = config_of(
        tmp_path,
        "forecasting",
        dataset={"input_data_path": "set.csv", "split_type": "within_files"},
        processing={"variables": 2, "target_variables": ["b"], "forecast_horizon": 3},
    )
    data = prepare_data(config, QUIET)
    assert data.train.y.shape[1] == 4
    series = np.loadtxt(tmp_path / "set.csv", delimiter=",", skiprows=1)[:, 2]
    for window in (0, 5):
        stop = int(data.train.start[window]) + 16
        np.testing.assert_allclose(data.train.y[window], series[stop - 1 : stop + 3], rtol=1e-5)
    last = data.train.start.max() + 16 + 3
    assert last <= data.validation.start.min()  # not even what is ahead reaches over the border


def test_a_horizon_beyond_the_series_is_called_too_long(tmp_path: Path) -> None:
    write_files(tmp_path)
    config = config_of(tmp_path, "forecasting", processing={"forecast_horizon": 500})
    with pytest.raises(DataError, match="516 samples, but the longest recording") as caught:
        prepare_data(config, QUIET)
    assert "forecast_horizon" in (caught.value.hint or "")


def test_a_target_of_text_is_named_with_file_and_line(tmp_path: Path) -> None:
    write_files(tmp_path)
    path = tmp_path / "set" / "files" / "run3.csv"
    lines = path.read_text().splitlines()
    lines[4] = lines[4].rsplit(",", 1)[0] + ",warm"
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(DataError, match=r"run3.csv, line 5, column 3 \(b\) holds 'warm'"):
        regression(tmp_path, variables=1)


def test_values_per_recording_come_from_an_npz(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    np.savez(tmp_path / "set.npz", X=rng.normal(size=(20, 16, 1)), y=np.arange(20.0))
    config = config_of(tmp_path, "regression", dataset={"input_data_path": "set.npz"})
    data = prepare_data(config, QUIET)
    assert sorted(np.concatenate([data.train.y, data.validation.y, data.test.y])[:, 0]) == list(
        range(20)
    )


def anomalies(folder: Path, **dataset: Any) -> DataSplits:
    return prepare_data(config_of(folder, "anomalydetection", dataset=dataset), QUIET)


def write_classes(root: Path, labels: dict[str, int]) -> None:
    for number, (label, count) in enumerate(labels.items()):
        for index in range(count):
            path = root / "set" / "classes" / label / f"m{index}.csv"
            write_csv(path, signal(100 * number + index))


def test_anomalies_are_only_ever_tested_on(tmp_path: Path) -> None:
    write_classes(tmp_path, {"Anomaly": 3, "Normal": 8, "odd": 2})
    data = anomalies(tmp_path)
    assert data.class_names == ("Normal", "Anomaly", "odd")
    for side in (data.train, data.validation):
        assert set(side.y) == {0}
    assert set(data.test.y) == {0, 1, 2}


def test_anomalies_of_groups_that_are_trained_on_are_left_out(tmp_path: Path) -> None:
    write_classes(tmp_path, {"Normal": 8, "Anomaly": 8})
    data = anomalies(tmp_path, split_type="by_group", group_by="(m\\d+)")
    trained = set(data.train.group) | set(data.validation.group)
    assert not trained & set(data.test.group)
    assert 1 in data.test.y


def test_normal_recordings_alone_will_do_and_it_is_said(tmp_path: Path) -> None:
    write_classes(tmp_path, {"normal": 8})
    data = anomalies(tmp_path)
    assert "only false alarms can be counted" in " ".join(data.manifest["notes"])


def test_an_anomaly_set_without_a_normal_class_is_refused(tmp_path: Path) -> None:
    write_classes(tmp_path, {"healthy": 5, "broken": 5})
    with pytest.raises(DataError, match="no class 'Normal'") as caught:
        anomalies(tmp_path)
    assert "dataset.normal_class" in (caught.value.hint or "")
    assert anomalies(tmp_path, normal_class="Healthy").class_names[0] == "healthy"


def test_a_generator_must_suit_the_task(tmp_path: Path) -> None:
    source = {"input_data_path": None, "generator": "arc_fault"}
    with pytest.raises(TinymlError, match="arc_fault makes recordings with classes"):
        prepare_data(config_of(tmp_path, "regression", dataset=source), QUIET)
