"""What a network sees of a window is told in samples, and little of it is a warning."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tinyml_nas.cli import main
from tinyml_nas.config import Config
from tinyml_nas.features.window_reach import is_series, reach_warnings, window_reach
from tinyml_nas.graph import Network, Shape
from tinyml_nas.load import load_config
from tinyml_nas.results.reach_words import Reach, too_little
from tinyml_nas.zoo import ZOO
from tinyml_nas.zoo.architecture import parse

pytestmark = pytest.mark.fast

YAML = """\
common: {{task_type: {task}, target_device: cortex-m4}}
dataset: {{input_data_path: set}}
data_processing_feature_extraction:
  {{variables: 1, frame_size: {frame}, data_proc_transforms: [SimpleWindow], {features}}}
training: {{model_name: {model}, training_epochs: 1}}
"""
CLASSIFICATION = "generic_timeseries_classification"


def written(folder: Path, features: str = "", **more: object) -> Path:
    path, usual = folder / "config.yaml", {"task": CLASSIFICATION, "model": "CLS_4k", "frame": 300}
    path.write_text(YAML.format(features=features, **(usual | more)), encoding="utf-8")
    return path


def config(folder: Path, features: str = "", **more: object) -> Config:
    return load_config(written(folder, features, **more)).config


def cls_4k(length: int) -> Network:
    return ZOO["CLS_4k"].build(Shape(1, length), 2)


def test_samples_have_a_time_where_the_rate_is_told(tmp_path: Path) -> None:
    reach = window_reach(cls_4k(300), config(tmp_path, "sampling_rate: 100"))
    assert reach.words == "61 of 300 samples (0.61 of 3 s)"
    assert window_reach(cls_4k(300), config(tmp_path)).words == "61 of 300 samples"
    fast = window_reach(cls_4k(300), config(tmp_path, "sampling_rate: 10000"))
    assert fast.words == "61 of 300 samples (6.1 of 30 ms)"


def test_a_decimated_step_is_several_samples(tmp_path: Path) -> None:
    chain = "feat_ext_transform: [FE_DECIMATE], resampling_factor: 3, sampling_rate: 100"
    reach = window_reach(cls_4k(100), config(tmp_path, chain))
    assert reach.words == "183 of 300 samples (1.83 of 3 s)"


@pytest.mark.parametrize(
    ("features", "length", "unit"),
    [
        ("feat_ext_transform: [FFT_FE, FFT_POS_HALF, ABS]", 128, "bins"),
        ("feat_ext_transform: [HAAR]", 128, "values"),
        (
            "feat_ext_transform: [FFT_FE, FFT_POS_HALF, ABS, TO_CHANNELS, CONCAT], "
            "num_frame_concat: 8",
            8,
            "frames",
        ),
    ],
)
def test_features_are_no_samples(tmp_path: Path, features: str, length: int, unit: str) -> None:
    told = config(tmp_path, f"{features}, sampling_rate: 100", frame=256)
    reach = window_reach(cls_4k(length), told)
    assert not is_series(told)
    assert (reach.unit, reach.whole, reach.seconds_per_step) == (unit, length, None)
    assert reach_warnings(ZOO["CLS_500"].build(Shape(1, length), 2), told) == []


def test_a_classifier_of_samples_is_warned_below_a_quarter(tmp_path: Path) -> None:
    told, forecast = config(tmp_path), "generic_timeseries_forecasting"
    assert reach_warnings(cls_4k(244), told) == []
    network = cls_4k(245)
    assert reach_warnings(network, told) == [too_little("CLS_4k", window_reach(network, told))]
    other = config(tmp_path, task=forecast, model="FCST_500")
    assert reach_warnings(network, other) == []


def test_a_dilation_beyond_the_window_is_said_with_its_layer(tmp_path: Path) -> None:
    network = parse("wide", "cbr 4 k3 d8, cbr 4 k3 d9, cbr 4 k5 d5, gap, fc", Shape(1, 9), 2)
    assert reach_warnings(network, config(tmp_path)) == [
        "wide: the dilation of conv2 reaches beyond its 9 steps: 2 of its taps meet only padding.",
        "wide: the dilation of conv3 reaches beyond its 9 steps: 2 of its taps meet only padding.",
    ]
    causal = parse("causal", "cbr 4 k3 d5 p10/0, gap, fc", Shape(1, 9), 2)
    assert reach_warnings(causal, config(tmp_path)) == [
        "causal: the dilation of conv reaches beyond its 9 steps: 1 of its taps meets only padding."
    ]


def test_check_shows_the_reach_and_warns(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "set").mkdir()
    assert main(["check", str(written(tmp_path, "sampling_rate: 100"))]) == 0
    shown = capsys.readouterr()
    assert "reach     61 of 300 samples (0.61 of 3 s) at once" in shown.out
    assert "warning: CLS_4k sees 61 of 300 samples (0.61 of 3 s)" in shown.err
    assert "TCN_4k" in shown.err
    path = written(tmp_path, "sampling_rate: 100", model="TCN_4k")
    assert main(["check", str(path)]) == 0
    shown = capsys.readouterr()
    assert "reach     125 of 300 samples (1.25 of 3 s) at once" in shown.out
    assert shown.err == ""


def test_the_list_of_models_shows_what_each_sees(capsys: Any) -> None:
    assert main(["info", "models", "CLS_4k", "--input", "1x300"]) == 0
    assert "61 of 300" in capsys.readouterr().out


def test_a_record_without_time_has_none() -> None:
    record = Reach(seen=3, whole=4, unit="samples")
    assert Reach.model_validate(record.to_json()) == record
